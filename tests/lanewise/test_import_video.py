"""Footage becomes a drive, perception runs on it, and what it saw can be looked at."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.camera_file import CameraFile, read_camera, write_camera
from lanewise.cli import app
from lanewise.config import RunConfig, StackChoice
from lanewise.contact_sheet import vehicle_tracks, write_sheet
from lanewise.imports import video
from lanewise.replay_imported import cameras_in, replayed

DATA = Path(os.environ.get("LANEWISE_DATA", "../shared/data"))
UDACITY, FASTEST = DATA / "camera" / "udacity", DATA / "models" / "FastestDet.onnx"
real = pytest.mark.skipif(not UDACITY.exists() or not FASTEST.exists(), reason=f"needs {UDACITY} and {FASTEST}")
FRONT = CameraFile("front", 320, 240, (300.0, 300.0), (159.5, 119.5))
SEER = """import numpy as np
from perception.boxes.form import Boxes


class Seer:
    def detect(self, image, camera):
        v, u = np.nonzero(image[..., 0] > 150)
        if not len(u):
            return Boxes((), np.zeros(0), np.zeros((0, 4)))
        return Boxes(("car",), np.array([0.9]), np.array([(u.min(), v.min(), u.max() + 1, v.max() + 1)]))
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A red car-sized patch that comes nearer, 30 frames at 10 Hz."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (320, 240))
    for k in range(30):
        x_m = 40.0 - 0.3 * k
        frame = np.full((240, 320, 3), 60, np.uint8)
        half, foot, tall = 300 * 0.92 / x_m, 119.5 + 300 * 1.3 / x_m, 300 * 1.65 / x_m
        cv2.rectangle(frame, (round(160 - half), round(foot - tall)), (round(160 + half), round(foot)), (0, 0, 255), -1)
        writer.write(frame)
    writer.release()
    return path


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_camera(tmp_path / "camera.toml", FRONT, "by hand")
    assert read_camera(tmp_path / "camera.toml") == FRONT


@pytest.mark.parametrize(
    ("text", "word"),
    [("name = ", "not valid TOML"), ('name = "front"', "width is missing"),
     ('name="a"\nwidth=320\nheight=240\nfocal_px=[0.0, 1.0]\ncentre_px=[1.0, 1.0]', "above 0"),
     ('name="a"\nwidth=320\nheight=240\nfocal_px=[9.0]\ncentre_px=[1.0, 1.0]', "focal_px"),
     ('name="a"\nwidth=320\nheight=240\nfocal_px=[9.0, 9.0]\ncentre_px=[1.0, 1.0]\nzoom=2', "unknown key zoom")],
)  # fmt: skip
def test_a_wrong_calibration_is_refused_with_its_place(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=word) as caught:
        read_camera(path)
    assert str(path) in str(caught.value)


def test_every_picture_of_a_video_is_in_the_drive_at_its_time(film: Path, tmp_path: Path) -> None:
    drive = tmp_path / "drive.mcap"
    assert video.write_drive(film, FRONT, drive, 20.0) == 30
    recording = Recording.open(drive)
    assert cameras_in(recording) == ("front",)
    taken = [record.envelope.measured_ns for record in recording.messages(["/sensor/camera/front"])]
    assert taken == [round(k * 1e8) for k in range(30)]
    moved = [record.message.odom_from_ego.x_m for record in recording.messages(["/localization/odometry"])]
    assert moved[-1] == pytest.approx(2.9 * 20.0)


def test_a_car_in_a_video_is_tracked_to_where_it_is(film: Path, tmp_path: Path) -> None:
    (tmp_path / "seer.py").write_text(SEER)
    video.write_drive(film, FRONT, tmp_path / "drive.mcap", 0.0)
    config = RunConfig(stack=StackChoice(detector=f"{tmp_path / 'seer.py'}:Seer"))
    counts = replayed(Recording.open(tmp_path / "drive.mcap"), ("perception",), tmp_path / "seen.mcap", config)
    assert counts["/perception/objects"] == 30
    seen = Recording.open(tmp_path / "seen.mcap")
    assert len(vehicle_tracks(seen)) == 1
    last = list(seen.messages(["/perception/tracks"]))[-1]
    # The near side of the patch is where it was drawn, its middle half a car further on.
    (x_m,) = last.message.x_m
    assert x_m == pytest.approx(1.5 + 40.0 - 0.3 * last.envelope.measured_ns / 1e8 + 2.25, rel=0.08)
    assert float(last.message.vx_mps[0]) == pytest.approx(-3.0, abs=1.5)
    write_sheet(seen, tmp_path / "sheet.jpg", count=6)
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet.shape == (2 * (360 + 110), 3 * 480, 3)


def test_what_cannot_be_imported_or_replayed_is_refused(film: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="as a video"):
        video.write_drive(tmp_path / "none.mp4", FRONT, tmp_path / "a.mcap", 0.0)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(InputError, match="as a video"):
        video.write_drive(tmp_path / "text.mp4", FRONT, tmp_path / "a.mcap", 0.0)
    wide = CameraFile("front", 640, 360, (300.0, 300.0), (319.5, 179.5))
    with pytest.raises(InputError, match="another shape"):
        video.write_drive(film, wide, tmp_path / "a.mcap", 0.0)
    video.write_drive(film, FRONT, tmp_path / "drive.mcap", 0.0)
    drive = Recording.open(tmp_path / "drive.mcap")
    with pytest.raises(InputError, match="--nodes localization or --nodes perception"):
        replayed(drive, ("perception", "planner"), tmp_path / "out.mcap")
    with pytest.raises(InputError, match="perception says nothing"):
        write_sheet(drive, tmp_path / "sheet.jpg")
    with pytest.raises(InputError, match="there are front"):
        write_sheet(drive, tmp_path / "sheet.jpg", "rear")


@real
def test_the_camera_of_real_footage_is_calibrated_from_its_stills(tmp_path: Path) -> None:
    boards = [str(path) for path in sorted((UDACITY / "camera_cal").glob("*.jpg"))]
    road = ["--road", str(UDACITY / "test_images" / "straight_lines1.jpg")]
    out = tmp_path / "camera.toml"
    done = CliRunner().invoke(app, ["calibrate", "camera", *boards, *road, "--out", str(out)])
    assert done.exit_code == 0, done.output
    camera = read_camera(out)
    assert camera.focal_px[0] == pytest.approx(1170.0, rel=0.03)
    assert camera.position_m[2] == pytest.approx(1.25, abs=0.1)


@real
def test_a_third_partys_net_tracks_cars_on_a_real_highway(tmp_path: Path) -> None:
    bend, place = (-0.29, 0.131, 0.0, 0.0, 0.0), (1.5, 0.0, 1.27)
    camera = CameraFile("front", 960, 540, (886.0, 886.0), (501.0, 295.0), bend, place, 0.0, -1.2, -1.3)
    video.write_drive(UDACITY / "test_videos" / "solidWhiteRight.mp4", camera, tmp_path / "drive.mcap", 0.0)
    config = RunConfig(stack=StackChoice(detector=str(FASTEST), detector_form="fastestdet"))
    replayed(Recording.open(tmp_path / "drive.mcap"), ("perception",), tmp_path / "seen.mcap", config)
    tracks = vehicle_tracks(Recording.open(tmp_path / "seen.mcap"))
    assert 6 <= len(tracks) <= 30
    assert max(tracks.values()) > 150  # the red car to the left is held for most of the nine seconds
