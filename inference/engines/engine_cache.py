"""Where compiled GPU engines are kept, so that a net is compiled once per machine and never run stale.

A compiled engine is only good for the model, the compiler, the driver and the GPU that it was made for: the folder's
name is the hash of all of them, so a change of any gives another folder.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import tomli_w

from inference.device import Gpu
from inference.engines.engine import EngineOptions, ShapeProfile


@dataclass(frozen=True, slots=True)
class CompiledFor:
    """Everything that a compiled engine depends on."""

    model_sha256: str
    compiler: str
    driver: str
    compute_capability: str
    half: bool
    profile: ShapeProfile

    @property
    def key(self) -> str:
        """Hash of it all: 32 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @property
    def text(self) -> str:
        """As TOML, for people who look into the folder."""
        return tomli_w.dumps(asdict(self))


def compiled_for(model_sha256: str, compiler: str, gpu: Gpu, options: EngineOptions) -> CompiledFor:
    """The key of a model on a GPU."""
    return CompiledFor(
        model_sha256, compiler, gpu.driver, gpu.compute_capability, options.half, options.profile
    )  # fmt: skip


def engine_folder(root: Path, made_for: CompiledFor) -> Path:
    """The folder of this engine, made if need be, with `engine.toml` that says what it is for."""
    folder = root / "engines" / made_for.key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "engine.toml").write_text(made_for.text, encoding="utf-8")
    return folder
