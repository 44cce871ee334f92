"""Real footage as a drive: the pictures of a video and its camera's calibration become messages of the bus.

In: a video file, a calibration. Out: JPEG pictures at the times of the video with `.../calibration` and `.../mount`,
and odometry. A video does not tell how the car moves: a straight line at a given speed is assumed, by default it
stands, so that what is tracked moves relative to the car.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.messages import CompressedImage, Envelope, Message, Odometry
from bus.recording import Recorder
from bus.topics import CAMERA_PREFIX
from geometry.errors import InputError
from geometry.pose import Pose
from lanewise.camera_file import CameraFile
from perception.calibration import scaled

PUBLISHER = "import"
JPEG_QUALITY = 92
MOST_PIXELS = 4096 * 4096
SIZE = cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT


def write_drive(
    video: Path, camera: CameraFile, out: Path, speed_mps: float, told: Callable[[float], None] = lambda _: None
) -> int:
    """Write the drive; the number of pictures in it.

    Raises:
        InputError: no video, one of another shape than the calibration, or `out` exists.
    """
    opened = cv2.VideoCapture(str(video)) if video.is_file() else None
    if opened is None or not opened.isOpened():
        raise InputError("cannot be read as a video", video)
    try:
        rate_hz, width, height = (float(opened.get(key)) for key in SIZE)
        if not (1.0 <= rate_hz <= 1000.0 and width >= 16 and width * height <= MOST_PIXELS):
            raise InputError(f"a video of {width:g} x {height:g} pixels at {rate_hz:g} Hz is not understood", video)
        lens = scaled(camera.lens, int(width), int(height))
        topic = CAMERA_PREFIX + camera.name
        calibration, mount = camera.messages(lens)
        metadata = {"source": "video", "camera": camera.name, "speed_mps": f"{speed_mps:g}"}
        count = 0
        with Recorder.create(out, {"import": metadata}) as recorder:
            recorder.write(_envelope(f"{topic}/calibration", 0, 0), calibration)
            recorder.write(_envelope(f"{topic}/mount", 0, 0), mount)
            for count, frame in enumerate(_frames(opened), start=1):
                at_ns = round((count - 1) / rate_hz * 1e9)
                recorder.write(_envelope("/localization/odometry", count - 1, at_ns), _odometry(at_ns, speed_mps))
                recorder.write(_envelope(topic, count - 1, at_ns), CompressedImage(camera.name, "jpeg", _jpeg(frame)))
                told(at_ns * 1e-9)
    finally:
        opened.release()
    if count == 0:
        out.unlink()
        raise InputError("there is no picture in this video", video)
    return count


def _frames(opened: cv2.VideoCapture) -> Iterator[NDArray[np.uint8]]:
    while True:
        there, frame = opened.read()
        if not there:
            return
        yield frame


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return bytes(data)


def _odometry(at_ns: int, speed_mps: float) -> Message:
    return Odometry(Pose(speed_mps * at_ns * 1e-9, 0.0, 0.0), speed_mps, 0.0, 0.0, 0.0, False)


def _envelope(topic: str, sequence: int, at_ns: int) -> Envelope:
    return Envelope(topic, PUBLISHER, sequence, at_ns, at_ns, at_ns)
