"""What runs a net: an engine loads a stored model, and the session that it gives takes and returns named arrays.

Engines are values without state; all state is in the session. A session tells which providers really run it: whoever
asks for a GPU and gets a CPU gets an error, never a slow drive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geometry.errors import ContractError
from inference.store import StoredModel
from inference.tensors import Arrays, Shape

PROVIDERS = ("cpu", "cuda", "tensorrt")
"""`cuda`: ONNX Runtime's own GPU kernels (or torch on the GPU); `tensorrt`: compiled by TensorRT, the rest on CUDA."""


@dataclass(frozen=True, slots=True)
class ShapeProfile:
    """Batch sizes that a compiled GPU engine is built for: it is fastest at `typical`, refuses beyond `largest`."""

    smallest: int = 1
    typical: int = 1
    largest: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.smallest <= self.typical <= self.largest:
            raise ContractError(f"a shape profile needs 1 <= smallest <= typical <= largest; found {self}")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a session is to run.

    `threads` are those of one call on a CPU; `device` counts GPUs; `half` lets the engine compute in half
    precision where it can (fp16 on a GPU, bf16 on a CPU that has it);
    `cache` is the folder of compiled engines (None: compiled anew each time).
    """

    threads: int = 1
    provider: str = "cpu"
    device: int = 0
    half: bool = False
    profile: ShapeProfile = ShapeProfile()
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ContractError(f"threads = {self.threads} must be at least 1")
        if self.provider not in PROVIDERS:
            raise ContractError(f"provider {self.provider!r} is unknown; known are {', '.join(PROVIDERS)}")
        if self.device < 0:
            raise ContractError(f"device = {self.device} must be 0 or above")


class Session(Protocol):
    """A loaded net. `infer` may be called from several threads at once."""

    @property
    def providers(self) -> tuple[str, ...]:
        """What really runs it, in the engine's own words, best first."""
        ...

    def infer(self, arrays: Arrays) -> Arrays:
        """All outputs for all inputs.

        Raises:
            ContractError: inputs that the model does not take.
            OutOfMemoryError: the batch does not fit on the device.
            EngineError: the engine failed.
        """
        ...

    def warm_up(self, shapes: Sequence[Mapping[str, Shape]]) -> None:
        """Run once for each set of input shapes, so that later calls are not slowed by what happens once."""
        ...

    def close(self) -> None:
        """Give back memory; `infer` fails from then on."""
        ...


class Engine(Protocol):
    """Loads stored models; `load` verifies them first, so that no engine sees a file that was not checked."""

    @property
    def name(self) -> str:
        """As the configuration names it."""
        ...

    def load(self, model: StoredModel, options: EngineOptions) -> Session:
        """A session for a model.

        Raises:
            UnsupportedError: this machine lacks the engine or the provider.
            InputError: `inference.store.verify` or the engine refuses the model.
        """
        ...
