"""Where a drive comes from: versions, the code's own hash, the platform."""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDERS = (
    "geometry",
    "motion",
    "bus",
    "inference",
    "maps",
    "perception",
    "localization",
    "planning",
    "sim",
    "lanewise",
)
LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "shapely",
    "protobuf",
    "foxglove-sdk",
    "mcap",
    "lxml",
    "opencv-python-headless",
    "onnxruntime",
)


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Lanewise, its source hash, the interpreter, the platform, and the libraries that numbers depend on."""
    return {
        "lanewise": installed("lanewise"),
        "source": source_hash(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{name: installed(name) for name in LIBRARIES},
    }


def installed(name: str) -> str:
    """The version of an installed distribution, `not installed` if there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def source_hash() -> str:
    """SHA-256 over the Python sources, so over all kernels too; shortened to 16 digits."""
    root = Path(__file__).parent.parent
    total = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            total.update(f"{path.relative_to(root).as_posix()}\n".encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:16]
