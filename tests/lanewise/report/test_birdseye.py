"""Pictures and films of a drive: the ego is where it should be, the film plays as long as the drive."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from geometry.errors import InputError
from lanewise.report.birdseye import View, draw_birdseye
from lanewise.report.palette import DARK, LIGHT, rgb
from lanewise.report.scene import ReportData, RoadSignal, SignalKind
from lanewise.report.video import write_video


def centre_of(image: np.ndarray, color: str) -> tuple[float, float]:
    """Mean pixel (x, y) of a colour; NaN where it is not there."""
    rows, columns = np.nonzero((image == rgb(color)).all(axis=2))
    return (float(columns.mean()), float(rows.mean())) if len(rows) else (np.nan, np.nan)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_the_ego_stands_at_its_place_in_the_picture(report_data: ReportData, palette: dict[str, str]) -> None:
    image = draw_birdseye(report_data, 4.0, palette, (1280, 720), px_per_m=10.0)
    x, y = centre_of(image, palette["ego"])
    shape = report_data.rollout.cast[report_data.rollout.ego_id]
    assert x == pytest.approx(View.EGO_SHARE * 1280 + 10.0 * shape.centre_x_m, abs=10.0)
    assert y == pytest.approx(360.0, abs=3.0)


def test_another_car_is_drawn_where_it_is(report_data: ReportData) -> None:
    rollout, row = report_data.rollout, 200
    column = next(j for j, i in enumerate(rollout.other_ids) if rollout.cast[i].name == "Lead")
    gone = rollout.others.present.copy()
    gone[:, [j for j in range(gone.shape[1]) if j != column]] = False
    alone = replace(report_data, rollout=replace(rollout, others=replace(rollout.others, present=gone)))
    image = draw_birdseye(alone, float(rollout.t_s[row]), LIGHT, (1280, 720), px_per_m=6.0)
    ahead_m = rollout.others.x_m[row, column] - rollout.ego.x_m[row]
    x, y = centre_of(image, LIGHT["car"])
    assert x == pytest.approx(View.EGO_SHARE * 1280 + 6.0 * ahead_m, abs=9.0)
    assert y == pytest.approx(360.0 - 6.0 * (rollout.others.y_m[row, column] - rollout.ego.y_m[row]), abs=3.0)


def test_a_light_shows_the_colour_of_the_moment(report_data: ReportData) -> None:
    ego = report_data.rollout.ego
    light = RoadSignal(
        SignalKind.LIGHT, float(ego.x_m[0]) + 20.0, float(ego.y_m[0]) + 12.0, "A", ((0.0, "red"), (0.1, "green"))
    )
    data = replace(report_data, road=replace(report_data.road, signals=(light,)))
    red, green = (draw_birdseye(data, t_s, LIGHT, (1280, 720), px_per_m=10.0) for t_s in (0.0, 0.1))
    x, y = centre_of(red, LIGHT["braking"])
    assert (x, y) == pytest.approx((View.EGO_SHARE * 1280 + 200.0, 240.0), abs=2.0)
    assert np.isnan(centre_of(green, LIGHT["braking"])[0])
    assert not np.isnan(centre_of(green, LIGHT["fast"])[0])


def test_a_film_has_a_frame_for_every_instant(report_data: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "drive.webm"
    told: list[float] = []
    write_video(report_data, path, fps=5.0, size_px=(320, 180), progress=told.append)
    film = cv2.VideoCapture(str(path))
    frames = 0
    while film.read()[0]:
        frames += 1
    assert frames == len(told) == int(report_data.end_s * 5.0) + 1


@pytest.mark.parametrize(
    ("name", "size", "complaint"),
    [
        ("drive.mp4", (320, 180), "ends in .webm"),
        ("drive.webm", (321, 180), "must be even"),
        ("none/drive.webm", (320, 180), "does not exist"),
    ],
)
def test_an_impossible_film_is_refused(
    report_data: ReportData, tmp_path: Path, name: str, size: tuple[int, int], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        write_video(report_data, tmp_path / name, fps=5.0, size_px=size, progress=lambda _: None)
