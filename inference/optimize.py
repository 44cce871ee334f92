"""Make a stored net faster, and prove that it is as good: scored before and after, refused beyond the allowed drop.

The score comes from outside (`score(model) -> named figures`), so that this knows nothing of detection. What is proven
is written into the manifest of the new version, what was tried into its card.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geometry.errors import InputError
from inference.quantize import RANGES, QuantizeSettings, first_and_last, quantize
from inference.store import Store, StoredModel
from inference.tensors import Arrays

Score = Callable[[StoredModel], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Allowed:
    """How much of which score may be lost: `drop_points` are hundredths of `name`."""

    name: str = "map_50"
    drop_points: float = 0.5


@dataclass(frozen=True, slots=True)
class Tried:
    """One way of making the net smaller, and what it scored."""

    what: str
    settings: QuantizeSettings
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Proof:
    """The scores of the net before and of all tries; `best` is the try that was taken."""

    before: Mapping[str, float]
    tries: tuple[Tried, ...]
    best: Tried

    def drop_points(self, name: str) -> float:
        """What the best try lost, in hundredths; negative where it gained."""
        return 100.0 * (self.before[name] - self.best.scores[name])


def optimized_int8(
    model: StoredModel, store: Store, version: str, calibration: Sequence[Arrays], score: Score, allowed: Allowed
) -> tuple[StoredModel, Proof]:
    """Quantise a net in several ways, take the best one, and put it into the store if it is good enough.

    Raises:
        InputError: the best try loses more than allowed, or the version exists.
    """
    if model.manifest.precision != "fp32":
        raise InputError(f"{model.name} is {model.manifest.precision} already; an fp32 model was expected")
    before = score(model)
    edges = first_and_last(model.path)
    tries: list[Tried] = []
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, Path] = {}
        for ranges in RANGES:
            what = f"{ranges} ranges, first and last convolution in fp32"
            settings = QuantizeSettings(ranges, edges)
            files[what] = Path(folder) / ranges / "model.onnx"
            files[what].parent.mkdir()
            quantize(model.path, files[what], calibration, settings)
            tries.append(Tried(what, settings, score(_as_int8(model, files[what], version))))
        best = max(tries, key=lambda tried: tried.scores[allowed.name])
        proof = Proof(before, tuple(tries), best)
        if proof.drop_points(allowed.name) > allowed.drop_points:
            raise InputError(
                f"INT8 loses {proof.drop_points(allowed.name):.2f} points of {allowed.name}, {allowed.drop_points:g} "
                "are allowed; calibrate on more pictures or allow more with --allowed-drop"
            )
        manifest = replace(_as_int8(model, files[best.what], version).manifest, scores=_proven(proof))
        return store.add(files[best.what], manifest, card_of(model, manifest.version, proof)), proof


def _as_int8(model: StoredModel, path: Path, version: str) -> StoredModel:
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return StoredModel(path, replace(model.manifest, version=version, precision="int8", sha256=digest))


def _proven(proof: Proof) -> dict[str, float]:
    """The scores after, and each before that differs under `before_...`."""
    return {**proof.best.scores, **{f"before_{name}": value for name, value in proof.before.items()}}


def card_of(model: StoredModel, version: str, proof: Proof) -> str:
    """The card of the optimised net."""
    names = sorted(proof.before)
    header = "| | " + " | ".join(names) + " |\n" + "| --- " * (len(names) + 1) + "|"
    rows = [("before: " + model.name, proof.before), *((tried.what, tried.scores) for tried in proof.tries)]
    table = "\n".join(f"| {what} | " + " | ".join(f"{scores[n]:.3f}" for n in names) + " |" for what, scores in rows)
    return f"""# {model.manifest.name}, version {version}: INT8

Made of {model.name} by `lanewise model optimize {model.name} --precision int8 --version {version}`. Weights are rounded
per channel, activations by ranges measured on training pictures ({proof.best.what}).

{header}
{table}

What else is to be said of the net stands in the card of {model.name}.
"""
