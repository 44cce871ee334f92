"""A drive as a film: WebM (VP9, VP8 where that is missing), frame by frame from `birdseye`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from geometry.errors import InputError
from lanewise.report.birdseye import draw_birdseye
from lanewise.report.palette import LIGHT
from lanewise.report.scene import ReportData

CODECS = ("VP90", "VP80")


def write_video(
    data: ReportData, path: Path, *, fps: float, size_px: tuple[int, int], progress: Callable[[float], None]
) -> None:
    """Write the whole drive in real time; `progress` gets its time [s].

    Raises:
        InputError: an impossible size, a name that does not end in .webm, no codec, or a file that cannot be written.
    """
    if not all(16 <= side <= 7680 and side % 2 == 0 for side in size_px):
        raise InputError(f"a film of {size_px[0]} x {size_px[1]} pixels; both sides must be even, from 16 to 7680")
    if path.suffix != ".webm":
        raise InputError("a film needs a name that ends in .webm", path)
    writer = _opened(path, fps, size_px)
    try:
        for frame in range(int(data.end_s * fps) + 1):
            t_s = frame / fps
            image = draw_birdseye(data, t_s, LIGHT, size_px, px_per_m=size_px[0] / 128.0)
            writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            progress(t_s)
    finally:
        writer.release()
    if not path.is_file() or path.stat().st_size == 0:
        raise InputError("the film could not be written; is there space left?", path)


def can_write_video() -> bool:
    """Whether this machine's OpenCV can encode WebM, tried on one small frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "try.webm"
        try:
            writer = _opened(path, 25.0, (64, 64))
        except InputError:
            return False
        writer.write(np.zeros((64, 64, 3), dtype=np.uint8))
        writer.release()
        return path.is_file() and path.stat().st_size > 0


def _opened(path: Path, fps: float, size_px: tuple[int, int]) -> cv2.VideoWriter:
    if not path.parent.is_dir():
        raise InputError("the folder for the film does not exist", path)
    for codec in CODECS:
        with _without_stderr():  # FFmpeg complains about the codec tag of WebM, then picks the right one
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size_px)
        if writer.isOpened():
            return writer
        writer.release()
    raise InputError(f"this OpenCV can encode none of {', '.join(CODECS)}; reinstall opencv-python-headless", path)


@contextmanager
def _without_stderr() -> Iterator[None]:
    """What native code writes to file descriptor 2 inside goes nowhere."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
