"""Timing of nets under several engines, side by side: rounds go round-robin, so that all see the same busy machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geometry.errors import UnsupportedError
from inference.engines.catalog import engine_named
from inference.engines.engine import EngineOptions, Session
from inference.store import StoredModel
from inference.tensors import Array, Arrays, numpy_dtype, shape_of

TOLERANCE = 2e-3
"""Largest difference between two engines, as a share of the largest output, that rounding explains."""
INT8_TOLERANCE = 5e-2
"""The same for INT8: engines round activations at different places."""
FEWEST_CALLS = 5


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a net."""

    engine: str
    provider: str
    threads: int

    @property
    def text(self) -> str:
        """`onnxruntime cpu x2`."""
        return f"{self.engine} {self.provider} x{self.threads}"


@dataclass(frozen=True, slots=True)
class Measured:
    """Times of one way to run a net [s], per call of `batch` rows; `providers` is what really ran."""

    variant: Variant
    providers: tuple[str, ...]
    load_s: float
    batch: int
    times_s: tuple[float, ...]
    difference: float
    """From the first way that was measured, as a share of its largest output."""

    def quantile_s(self, share: float) -> float:
        """Of the times."""
        return float(np.quantile(self.times_s, share, method="higher"))


def made_up_inputs(model: StoredModel, batch: int, seed: int = 0) -> dict[str, Array]:
    """Noise of the right shapes: bytes over their whole range, floats in [0, 1)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    free = {size: batch for spec in model.manifest.inputs.values() for size in spec.shape if isinstance(size, str)}
    made: dict[str, Array] = {}
    for name, spec in model.manifest.inputs.items():
        dtype, shape = numpy_dtype(spec.dtype), shape_of(spec, free)
        noise = rng.random(shape)
        made[name] = (noise * 255.99).astype(dtype) if dtype.kind == "u" else noise.astype(dtype)
    return made


def difference(one: Arrays, two: Arrays) -> float:
    """Largest distance between outputs, as a share of the largest value in `one`; infinite where one is not finite."""
    worst = 0.0
    for name, array in one.items():
        a, b = np.asarray(array, np.float64), np.asarray(two[name], np.float64)
        if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return float("inf")
        worst = max(worst, float(np.abs(a - b).max(initial=0.0)) / max(float(np.abs(a).max(initial=0.0)), 1e-12))
    return worst


def measure(
    model: StoredModel, variants: Sequence[Variant], batch: int, seconds: float, clock: Callable[[], float],
) -> tuple[tuple[Measured, ...], Mapping[Variant, str]]:  # fmt: skip
    """Times of each variant, for about so many seconds each; those that this machine lacks, with the reason.

    Raises:
        InputError: the model is damaged or refused.
    """
    inputs = made_up_inputs(model, batch)
    sessions: dict[Variant, tuple[Session, float, Arrays]] = {}
    missing: dict[Variant, str] = {}
    for variant in variants:
        begin_s = clock()
        try:
            session = engine_named(variant.engine).load(model, EngineOptions(variant.threads, variant.provider))
        except UnsupportedError as error:
            missing[variant] = str(error)
            continue
        sessions[variant] = (session, clock() - begin_s, session.infer(inputs))
    times = _times({variant: session for variant, (session, *_) in sessions.items()}, inputs, seconds, clock)
    first = next(iter(sessions.values()))[2] if sessions else {}
    found = []
    for variant, (session, load_s, answer) in sessions.items():
        off = difference(first, answer)
        found.append(Measured(variant, session.providers, load_s, batch, tuple(times[variant]), off))
        session.close()
    return tuple(found), missing


def _times(
    sessions: Mapping[Variant, Session], inputs: Arrays, seconds: float, clock: Callable[[], float]
) -> dict[Variant, list[float]]:
    """One call of each in turn, until each has had its time; at least five each."""
    times: dict[Variant, list[float]] = {variant: [] for variant in sessions}
    waiting = dict(sessions)
    while waiting:
        for variant, session in tuple(waiting.items()):
            begin_s = clock()
            session.infer(inputs)
            times[variant].append(clock() - begin_s)
            if len(times[variant]) >= FEWEST_CALLS and sum(times[variant]) >= seconds:
                del waiting[variant]
    return times
