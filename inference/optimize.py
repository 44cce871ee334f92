"""Make a stored net faster, and prove that it is as good: scored before and after, refused beyond the allowed drop.

The score comes from outside (`score(model) -> named figures`), so that this knows nothing of detection. What is proven
is written into the manifest of the new version, what was tried into its card.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geometry.errors import InputError
from inference.half import to_bf16_weights, to_fp16
from inference.manifest import Manifest
from inference.quantize import RANGES, QuantizeSettings, first_and_last, quantize
from inference.store import Store, StoredModel, graph_of
from inference.tensors import Arrays, TensorSpec

Score = Callable[[StoredModel], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Allowed:
    """How much of which score may be lost: `drop_points` are hundredths of `name`."""

    name: str = "map_50"
    drop_points: float = 0.5


@dataclass(frozen=True, slots=True)
class Way:
    """One way of making a net smaller: `make(target)` writes it, `precision` is what its manifest says."""

    what: str
    precision: str
    make: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """A way, and what its net scored."""

    what: str
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


def optimized(
    model: StoredModel, store: Store, version: str, ways: Sequence[Way], score: Score, allowed: Allowed
) -> tuple[StoredModel, Proof]:
    """Make a net smaller in several ways, take the best one, and put it into the store if it is good enough.

    Raises:
        InputError: the best try loses more than allowed, or the version exists.
    """
    if model.manifest.precision != "fp32":
        raise InputError(f"{model.name} is {model.manifest.precision} already; an fp32 model was expected")
    before = score(model)
    made: list[tuple[Tried, StoredModel]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, way in enumerate(ways):
            path = Path(folder) / str(number) / "model.onnx"
            path.parent.mkdir()
            way.make(path)
            smaller = _as_version(model, path, version, way.precision)
            made.append((Tried(way.what, score(smaller)), smaller))
        best, chosen = max(made, key=lambda pair: pair[0].scores[allowed.name])
        proof = Proof(before, tuple(tried for tried, _ in made), best)
        if proof.drop_points(allowed.name) > allowed.drop_points:
            raise InputError(
                f"{best.what}: {proof.drop_points(allowed.name):.2f} points of {allowed.name} are lost, "
                f"{allowed.drop_points:g} are allowed; nothing was kept (--allowed-drop allows more)"
            )
        manifest = replace(chosen.manifest, scores=_proven(proof))
        return store.add(chosen.path, manifest, card_of(model, manifest, proof)), proof


def int8_ways(model: StoredModel, calibration: Sequence[Arrays]) -> tuple[Way, ...]:
    """INT8 with ranges taken in each of the known ways from inputs to calibrate on."""
    edges = first_and_last(model.path)

    def made(ranges: str) -> Callable[[Path], None]:
        return lambda target: quantize(model.path, target, calibration, QuantizeSettings(ranges, edges))

    return tuple(
        Way(f"INT8, {ranges} ranges, first and last convolution in fp32", "int8", made(ranges)) for ranges in RANGES
    )


def half_way(model: StoredModel, precision: str) -> Way:
    """FP16, or weights in BF16.

    Raises:
        InputError: another precision.
    """
    if precision == "fp16":
        return Way("FP16 throughout", "fp16", lambda target: to_fp16(model.path, target))
    if precision == "bf16":
        return Way("weights in BF16", "bf16", lambda target: to_bf16_weights(model.path, target))
    raise InputError(f"--precision {precision}: int8, fp16 or bf16 was expected")


def _as_version(model: StoredModel, path: Path, version: str, precision: str) -> StoredModel:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    given = graph_of(path).graph.outputs
    outputs = {name: _sized(spec, given.get(name, spec)) for name, spec in model.manifest.outputs.items()}
    return StoredModel(
        path, replace(model.manifest, version=version, precision=precision, sha256=digest, outputs=outputs)
    )  # fmt: skip


def _sized(promised: TensorSpec, found: TensorSpec) -> TensorSpec:
    """As promised, but of the sizes that the file has: a net that learned on may have grown outputs."""
    if len(promised.shape) != len(found.shape):
        return promised
    sizes = (
        b if isinstance(a, int) and isinstance(b, int) else a for a, b in zip(promised.shape, found.shape, strict=True)
    )
    return replace(promised, shape=tuple(sizes))


def _proven(proof: Proof) -> dict[str, float]:
    """The scores after, and each before that differs under `before_...`."""
    return {**proof.best.scores, **{f"before_{name}": value for name, value in proof.before.items()}}


def card_of(model: StoredModel, manifest: Manifest, proof: Proof) -> str:
    """The card of the optimised net."""
    names = sorted(proof.before)
    header = "| | " + " | ".join(names) + " |\n" + "| --- " * (len(names) + 1) + "|"
    rows = [("before: " + model.name, proof.before), *((tried.what, tried.scores) for tried in proof.tries)]
    table = "\n".join(f"| {what} | " + " | ".join(f"{scores[n]:.3f}" for n in names) + " |" for what, scores in rows)
    return f"""# {manifest.name}, version {manifest.version}: {manifest.precision.upper()}

Made of {model.name} by `lanewise model optimize {model.name} --version {manifest.version} ...`: {proof.best.what}.

{header}
{table}

What else is to be said of the net stands in the card of {model.name}.
"""
