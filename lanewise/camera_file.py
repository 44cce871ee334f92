"""A camera's calibration as a TOML file: what `lanewise calibrate camera` writes and `lanewise import video` reads."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from bus.messages import CameraCalibration, CameraMount
from geometry.camera import CAMERA_AXES, rotation
from geometry.errors import ContractError, InputError
from lanewise.config import section
from perception.calibration import Lens


@dataclass(frozen=True, slots=True)
class CameraFile:
    """Lens in pixels of `width` x `height`, place and direction in `ego` (pitch positive downwards)."""

    name: str
    width: int
    height: int
    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    position_m: tuple[float, float, float] = (1.5, 0.0, 1.3)
    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0

    def __post_init__(self) -> None:
        numbers = (*self.focal_px, *self.centre_px, *self.distortion, *self.position_m)
        if not all(map(math.isfinite, (*numbers, self.roll_deg, self.pitch_deg, self.yaw_deg))):
            raise ContractError("finite numbers were expected")
        if min(self.width, self.height) < 16 or min(self.focal_px) <= 0.0 or self.position_m[2] <= 0.0:
            raise ContractError("width and height of at least 16 pixels, focal_px and height above 0 were expected")
        if not self.name.replace("_", "").isalnum():
            raise ContractError(f"name = {self.name!r}: letters, digits and _ were expected")

    @property
    def lens(self) -> Lens:
        """The lens alone."""
        matrix = np.array([
            (self.focal_px[0], 0.0, self.centre_px[0]), (0.0, self.focal_px[1], self.centre_px[1]), (0.0, 0.0, 1.0),
        ])  # fmt: skip
        return Lens(self.width, self.height, matrix, np.array(self.distortion), 0.0, 0)

    def messages(self, lens: Lens) -> tuple[CameraCalibration, CameraMount]:
        """What is told on the bus, with the lens for the pictures' own size."""
        turn = rotation(*(math.radians(angle) for angle in (self.roll_deg, self.pitch_deg, self.yaw_deg)))
        return (
            CameraCalibration(self.name, lens.width, lens.height, "plumb_bob", lens.distortion, lens.matrix),
            CameraMount(self.name, np.array(self.position_m), turn @ CAMERA_AXES),
        )


def read_camera(path: Path) -> CameraFile:
    """Read a calibration.

    Raises:
        InputError: the file cannot be read, a key is unknown or missing, or a value makes no sense.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the calibration: {error.strerror}", path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not valid TOML: {error}", path) from error
    needed = ("name", "width", "height", "focal_px", "centre_px")
    missing = [key for key in needed if key not in tree]
    if missing:
        raise InputError(f"the key {missing[0]} is missing; {', '.join(needed)} are needed", path)
    return section(CameraFile, tree, path)


def write_camera(path: Path, camera: CameraFile, remark: str) -> None:
    """Write a calibration with a remark above it.

    Raises:
        InputError: the file cannot be written.
    """
    tree: Mapping[str, Any] = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(camera).items()}
    try:
        path.write_text(f"# {remark}\n{tomli_w.dumps(tree)}", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the calibration: {error.strerror}", path) from error
