"""How nets and kernels are run, as a section of the configuration file."""

from __future__ import annotations

from dataclasses import dataclass

from geometry.errors import ContractError
from inference.engines.engine import EngineOptions
from inference.manifest import NAME


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """How one net is run; `lanewise model tune` writes what is fastest here.

    An empty `version` takes the newest that is shipped. `latency_s` is what an answer is modelled to take where time is
    simulated. `half` allows fp16 on a GPU and bf16 on a CPU.
    """

    name: str
    version: str = ""
    engine: str = "onnxruntime"
    provider: str = "cpu"
    threads: int = 1
    half: bool = False
    batch: int = 1
    latency_s: float = 0.05

    def __post_init__(self) -> None:
        EngineOptions(self.threads, self.provider)
        if not NAME.fullmatch(self.name) or (self.version and not NAME.fullmatch(self.version)):
            raise ContractError(
                f"name = {self.name!r}, version = {self.version!r}: letters, digits, _ . - were expected"
            )
        if self.batch < 1 or self.latency_s < 0.0:
            raise ContractError(f"batch = {self.batch} must be >= 1 and latency_s = {self.latency_s} >= 0")


@dataclass(frozen=True, slots=True)
class InferenceSettings:
    """`threads` may compute at once in this process, 0 takes one per core; nets that `models` does not name run with
    the defaults of `ModelChoice`."""

    threads: int = 0
    models: tuple[ModelChoice, ...] = ()

    def __post_init__(self) -> None:
        names = [choice.name for choice in self.models]
        if self.threads < 0 or len(set(names)) < len(names):
            raise ContractError(f"threads = {self.threads} must be >= 0, and each model be named once: {names}")

    def of(self, name: str) -> ModelChoice:
        """How this net is run."""
        return next((choice for choice in self.models if choice.name == name), ModelChoice(name))
