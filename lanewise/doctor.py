"""What a user needs to know about the machine before blaming the program."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from geometry.errors import LanewiseError
from lanewise.cache import cache_folder
from lanewise.provenance import LIBRARIES, installed, source_hash
from lanewise.report.video import can_write_video
from lanewise.scenarios.catalog import shipped

MIN_FREE_BYTES = 500 * 2**20
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is fine, and the detail. Optional things may be missing."""

    what: str
    fine: bool
    detail: str
    optional: bool = False


def findings(runs: Path) -> tuple[Finding, ...]:
    """Everything that is worth checking; `runs` is where drives are to be written."""
    missing = [name for name in LIBRARIES if installed(name) == "not installed"]
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (
        Finding("lanewise", True, f"{installed('lanewise')}, source {source_hash()}"),
        Finding("python", sys.version_info >= (3, 11), sys.version.split()[0]),
        Finding("libraries", not missing, ", ".join(f"{name} {installed(name)}" for name in LIBRARIES)),
        Finding("processor cores", True, str(cores)),
        _writable("cache folder", cache_folder()),
        _writable("run folder", runs.absolute()),
        _space(runs.absolute()),
        Finding("shipped scenarios", bool(shipped()), ", ".join(shipped())),
        Finding("video", can_write_video(), "WebM through OpenCV", optional=True),
        Finding("browser", browser is not None, browser or "none found; reports open in any browser", optional=True),
    )


def _writable(what: str, folder: Path) -> Finding:
    """Whether files can be made in a folder, or in its nearest existing parent."""
    existing = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding(what, True, str(folder))
    except OSError as error:
        return Finding(what, False, f"{folder}: {error.strerror}; choose another place")


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    return Finding("disk space", free >= MIN_FREE_BYTES, f"{free / 2**30:.1f} GiB free for runs")


def _existing(folder: Path) -> Path:
    while not folder.is_dir():
        if folder.parent == folder:
            raise LanewiseError(f"{folder} does not exist")
        folder = folder.parent
    return folder
