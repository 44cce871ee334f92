"""What a server serves: a net of the store or a kernel, with the engine and the options chosen for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from geometry.errors import ContractError
from inference.engines.engine import Engine, EngineOptions, Session
from inference.kernel_engines import load_kernel
from inference.kernels import Kernel
from inference.store import StoredModel
from inference.tensors import Shape, TensorSpec, shape_of


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One net or kernel as a server runs it.

    `open` gives a new session, again after a crash. `rows` is the dimension along which requests are cut and joined
    (None: never). A call has at most `batch` rows, exactly so many if `fixed` (the last repeated, so that results
    cannot depend on what came together); 0 means as many as are asked for. `latency_s` is modelled: what a
    deterministic drive counts on. `gathers` says whether a live server may join the requests of several clients.
    """

    name: str
    kind: Literal["model", "kernel"]
    sha256: str
    inputs: Mapping[str, TensorSpec]
    open: Callable[[], Session]
    threads: int = 1
    rows: str | None = None
    batch: int = 0
    fixed: bool = False
    gathers: bool = False
    latency_s: float = 0.0

    def __post_init__(self) -> None:
        if self.batch < 0 or self.latency_s < 0.0 or self.threads < 1:
            raise ContractError(f"{self.name}: batch and latency_s must be >= 0 and threads >= 1")

    def shapes(self, rows: int) -> dict[str, Shape]:
        """Input shapes to warm up with: `rows` rows; what else is free counts one."""
        free = {size: 1 for spec in self.inputs.values() for size in spec.shape if isinstance(size, str)}
        if self.rows is not None:
            free[self.rows] = rows
        return {name: shape_of(spec, free) for name, spec in self.inputs.items()}


def model_work(
    model: StoredModel, engine: Engine, options: EngineOptions, *, batch: int = 1, latency_s: float = 0.0,
    name: str | None = None,
) -> Work:  # fmt: skip
    """A net. On a CPU requests are not joined: a batch costs what its pictures cost one by one."""
    rows = _rows(model)
    on_gpu = options.provider != "cpu"
    return Work(
        name or model.manifest.name, "model", model.manifest.sha256, model.manifest.inputs,
        lambda: engine.load(model, options), options.threads, rows, batch if rows is not None else 0, False,
        on_gpu and rows is not None, latency_s,
    )  # fmt: skip


def _rows(model: StoredModel) -> str | None:
    """The free dimension that all inputs and outputs begin with, if there is one."""
    first = {spec.shape[:1] for spec in (*model.manifest.inputs.values(), *model.manifest.outputs.values())}
    only = first.pop() if len(first) == 1 else ()
    return only[0] if only and isinstance(only[0], str) else None


def kernel_work(kernel: Kernel, options: EngineOptions, *, latency_s: float = 0.0) -> Work:
    """A kernel; its items are never cut or joined, as other inputs may belong to one request."""
    return Work(
        kernel.name, "kernel", kernel.sha256, kernel.inputs, lambda: load_kernel(kernel, options), options.threads,
        latency_s=latency_s,
    )  # fmt: skip
