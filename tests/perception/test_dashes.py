"""Dashes of a painted road, measured in its picture: where they are, how long, and when nothing is to be said."""

from functools import lru_cache

import numpy as np
import pytest

from bus.messages import MarkType
from geometry.camera import Camera, camera_of
from perception.dashes import DashSettings, SeenDashes, seen_dashes, with_dashes
from perception.net.decode import Detections
from perception.net.lane_lines import SeenLine, message_of

PITCH_RAD = 1e-3
ASPHALT, PAINT = 80.0, 210.0
WIDE = camera_of(640, 360, 430.0, (1.9, 0.0, 1.35), (0.0, 0.026, 0.0), (-0.20, 0.045, 0.0003, -0.0002, 0.0))
LONG = camera_of(640, 360, 1250.0, (1.9, 0.0, 1.35))
MIDDLES = (8.0, 17.0)
"""Of dashes of 3 m, 9 m apart."""


@lru_cache(maxsize=4)
def ground_of(camera: Camera) -> np.ndarray:
    """Where on the ground four points of each pixel are, (4, H, W, 2)."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(float)
    quarter = (-0.25, 0.25)
    parts = [camera.ground_at(np.column_stack(((u + a).ravel(), (v + b).ravel()))) for a in quarter for b in quarter]
    return np.array(parts).reshape(4, camera.height, camera.width, 2)


def bend(x: np.ndarray, curvature: float) -> np.ndarray:
    return 0.5 * curvature * x * x


def picture(camera: Camera, *strokes: tuple[float, float, float], curvature: float = 0.0, light: float = 1.0,
            noise: float = 2.0, paint: float = PAINT) -> np.ndarray:  # fmt: skip
    """A road with strokes of 0.12 m (begin, end, y) that bend with it."""
    x, y = np.moveaxis(ground_of(camera), -1, 0)
    road = np.full(x.shape, ASPHALT)
    for begin, end, side in strokes:
        road[(x >= begin) & (x <= end) & (np.abs(y - side - bend(x, curvature)) <= 0.06)] = paint
    grey = light * road.mean(axis=0) + np.random.default_rng(1).normal(0.0, noise, x.shape[1:])
    return np.repeat(np.clip(grey, 0.0, 255.0).astype(np.uint8)[..., None], 3, axis=2)


def dashes(*middles: float, length_m: float = 3.0, y_m: float = 1.75) -> list[tuple[float, float, float]]:
    return [(x - 0.5 * length_m, x + 0.5 * length_m, y_m) for x in middles]


def line(y_m: float = 1.75, kind: MarkType = MarkType.BROKEN, curvature: float = 0.0) -> SeenLine:
    x = np.arange(5.0, 26.0)
    return SeenLine(np.column_stack((x, y_m + bend(x, curvature))), np.full(len(x), 0.02), kind, 0.9)


def bodies(*boxes: tuple[float, float]) -> Detections:
    """Cars at x, y that head as the ego does."""
    x, y = np.array(boxes, dtype=float).reshape(-1, 2).T
    one = np.ones(len(x))
    size = (4.5 * one, 1.8 * one, 1.5 * one)
    return Detections(np.zeros(len(x), np.int64), one, x, y, 0.0 * one, *size, np.zeros((len(x), 2, 2)))


def look(image: np.ndarray, camera: Camera = WIDE, *lines: SeenLine, cars: Detections | None = None) -> SeenDashes:
    return seen_dashes(image, camera, PITCH_RAD, lines or (line(),), cars or bodies())


@pytest.mark.parametrize(("camera", "middles"), [(WIDE, MIDDLES), (LONG, (15.0,))], ids=["wide", "long"])
@pytest.mark.parametrize("curvature", [0.0, 0.004])
def test_dashes_come_back_where_they_are_painted(camera: Camera, middles: tuple[float, ...], curvature: float) -> None:
    image = picture(camera, *dashes(*middles), curvature=curvature)
    found = look(image, camera, line(curvature=curvature))
    order = np.argsort(found.xy_m[:, 0])
    x, y = found.xy_m[order].T
    assert (np.abs(x - middles) < 0.008 * np.array(middles)).all()  # a pixel is 0.4 m long at 17 m
    assert y == pytest.approx(1.75 + bend(np.array(middles), curvature), abs=0.02)
    assert (np.abs(found.length_m[order] - 3.0) < 0.012 * np.array(middles)).all()


@pytest.mark.parametrize("length_m", [1.5, 6.0])
def test_length_is_said_as_painted(length_m: float) -> None:
    found = look(picture(WIDE, *dashes(10.0, length_m=length_m)))
    assert found.length_m == pytest.approx([length_m], abs=0.1)


def test_shadow_across_a_dash_is_no_gap() -> None:
    image = picture(WIDE, *dashes(*MIDDLES))
    image[250:270] //= 2  # across the nearer dash
    assert sorted(look(image).xy_m[:, 0]) == pytest.approx(MIDDLES, abs=0.1)


def test_farther_dash_is_known_less_and_so_is_one_of_an_unsure_pitch() -> None:
    image = picture(WIDE, *dashes(*MIDDLES))
    sure, unsure = (seen_dashes(image, WIDE, pitch, [line()], bodies()) for pitch in (1e-4, 1.5e-3))
    near, far = np.argsort(sure.xy_m[:, 0])
    assert sure.sigma_m[far] > 2.0 * sure.sigma_m[near]
    assert (unsure.sigma_m > sure.sigma_m).all()


@pytest.mark.parametrize(
    ("strokes", "why"),
    [
        ([(0.0, 60.0, 1.75)], "a solid line"),
        ([], "no paint"),
        ([(0.0, 9.0, 1.75)], "a dash that began below the picture"),
        ([(20.0, 60.0, 1.75)], "a dash that goes on beyond the range"),
    ],
    ids=lambda item: item.replace(" ", "-") if isinstance(item, str) else "",
)
def test_nothing_is_said_of_what_is_no_whole_dash(strokes: list[tuple[float, float, float]], why: str) -> None:
    assert len(look(picture(WIDE, *strokes)).length_m) == 0, why


def test_solid_line_beside_dashes_says_nothing() -> None:
    assert len(look(picture(WIDE, *dashes(*MIDDLES)), WIDE, line(kind=MarkType.SOLID)).length_m) == 0


@pytest.mark.parametrize("paint", [ASPHALT, ASPHALT + 12.0], ids=["gone", "worn"])
def test_paint_that_hardly_differs_from_asphalt_says_nothing(paint: float) -> None:
    assert len(look(picture(WIDE, *dashes(*MIDDLES), paint=paint)).length_m) == 0


def test_night_says_true_dashes_or_none() -> None:
    told = 0
    for light in (0.25, 0.12, 0.06, 0.03):
        found = look(picture(WIDE, *dashes(*MIDDLES), light=light, noise=8.0))
        miss = np.abs(found.xy_m[:, :1] - MIDDLES).min(axis=1, initial=np.inf)
        assert (miss < 0.4).all()
        told += len(miss)
    assert told > 0
    assert len(found.length_m) == 0  # in the darkest


def test_car_on_the_line_hides_its_dash_and_no_other() -> None:
    image = picture(WIDE, *dashes(*MIDDLES))
    found = look(image, WIDE, line(), cars=bodies((18.0, 1.75)))
    assert found.xy_m[:, 0] == pytest.approx([MIDDLES[0]], abs=0.06)
    assert len(look(image, WIDE, line(), cars=bodies((8.0, 1.75))).length_m) == 0  # it stands before both
    assert len(look(image, WIDE, line(), cars=bodies((12.0, -4.0))).length_m) == 2


def test_dash_that_two_cameras_see_is_said_once_by_the_surer() -> None:
    wide, long = (look(picture(camera, *dashes(15.0)), camera) for camera in (WIDE, LONG))
    both = SeenDashes.joined([wide, long])
    assert len(wide.length_m) == len(long.length_m) == len(both.length_m) == 1
    assert both.sigma_m[0] == min(wide.sigma_m[0], long.sigma_m[0])


def test_message_carries_lines_and_dashes() -> None:
    found = look(picture(WIDE, *dashes(*MIDDLES)))
    message = with_dashes(message_of([line()]), found)
    assert message.dash_xy_m.shape == (2, 2)
    assert len(message.types) == 1


def test_line_that_is_bent_as_no_road_is_says_nothing() -> None:
    jumping = line()
    jumping.points[::2, 1] += 0.4
    assert len(look(picture(WIDE, *dashes(*MIDDLES)), WIDE, jumping).length_m) == 0


def test_nothing_beyond_the_range_is_said() -> None:
    image = picture(WIDE, *dashes(*MIDDLES))
    near = seen_dashes(image, WIDE, PITCH_RAD, [line()], bodies(), DashSettings(range_m=12.0))
    assert near.xy_m[:, 0] == pytest.approx([MIDDLES[0]], abs=0.06)
