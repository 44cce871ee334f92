"""Average precision on cases that can be counted by hand."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("torch")

from geometry.camera import Camera
from perception.detector import Infer
from perception.net.decode import Detections
from perception.training.sample import Sample, jpeg_of
from perception.training.scores import Judged, average_precision, judge, macro_f1, matched, ranked, summary


def found(*rows: tuple[float, float, float]) -> Detections:
    """Cars by score, x, y."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    one = np.ones(len(table))
    return Detections(
        np.zeros(len(table), np.int64), table[:, 0], table[:, 1], table[:, 2], 0.0 * one, one, one, one,
        np.zeros((len(table), 2, 2)),
    )  # fmt: skip


def frame(detections: Detections, *truth: tuple[float, float], ignored: tuple[tuple[float, float], ...] = ()) -> Judged:
    rows = np.array([(0.0, x, y) for x, y in truth]).reshape(-1, 3)
    return Judged(detections, rows, 0, np.array(ignored, dtype=np.float64).reshape(-1, 2))


ALL = (0.0, 50.0)


def test_finding_everything_and_nothing_else_is_one() -> None:
    assert average_precision(
        [frame(found((0.9, 10, 0), (0.8, 20, 3)), (10, 0), (20, 3))], 0, 1.0, ALL
    ) == pytest.approx(1)


def test_finding_nothing_is_zero() -> None:
    assert average_precision([frame(found(), (10, 0))], 0, 1.0, ALL) == 0.0


def test_finding_half_without_fault_counts_recall_up_to_a_half() -> None:
    """Precision 1 up to recall 0.5 and 0 beyond: (0.5 - 0.1) of the 0.9 above the floor."""
    value = average_precision([frame(found((0.9, 10, 0)), (10, 0), (30, 0))], 0, 1.0, ALL)
    assert value == pytest.approx(0.4 / 0.9, abs=0.02)


def test_second_detection_of_one_object_is_a_fault() -> None:
    _, hits, _ = matched([frame(found((0.9, 10, 0), (0.8, 10.2, 0)), (10, 0))], 0, 1.0, ALL)
    assert hits.tolist() == [True, False]


def test_objects_that_need_not_be_found_excuse_a_detection() -> None:
    _, hits, count = matched([frame(found((0.9, 10, 0)), ignored=((10.1, 0.0),))], 0, 1.0, ALL)
    assert (len(hits), count) == (0, 0)


def test_truth_beyond_the_range_counts_neither_way() -> None:
    _, hits, count = matched([frame(found((0.9, 51, 0)), (51, 0))], 0, 2.0, ALL)
    assert (len(hits), count) == (0, 0)


def test_what_the_long_lens_does_not_show_counts_neither_way() -> None:
    frames = [frame(found((0.9, 60, 0), (0.8, 40, 40)), (60, 0), (40, -40))]
    _, hits, count = matched(frames, 0, 2.0, (0.0, 80.0), 0.25)
    assert (hits.tolist(), count) == ([True], 1)
    _, hits, count = matched(frames, 0, 2.0, (0.0, 80.0))
    assert (hits.tolist(), count) == ([True, False], 2)


def test_detection_that_is_surer_of_its_place_ranks_first() -> None:
    two = found((0.8, 60, 0), (0.7, 15, 0))
    spread = np.stack((9.0 * np.eye(2), 0.01 * np.eye(2)))
    far, near = ranked(replace(two, covariance=spread)).score
    assert near > far
    assert near == pytest.approx(0.7, abs=0.01)


def test_macro_f1_of_a_perfect_and_of_a_stubborn_classifier() -> None:
    assert macro_f1(np.diag([3, 4, 5])) == 1.0
    assert macro_f1(np.array([[4, 0], [4, 0]])) == pytest.approx(0.5 * (2 * 4 / (8 + 4)))


def marks_sample(perfect: ModuleType, camera: Camera, sides: tuple[float, ...]) -> Sample:
    """A picture in which lines at these sides are to be seen."""
    x = np.arange(4.0, 60.0)
    rows = []
    for number, side in enumerate(sides):
        points = np.column_stack((x, np.full(len(x), side)))
        pixels, depth = camera.pixels_of(np.column_stack((points, np.zeros(len(x)))))
        seen = (depth > 1.0) & (pixels > 0.0).all(axis=1) & (pixels[:, 0] < 639.0) & (pixels[:, 1] < 359.0)
        rows += [(number, *pixel, 0, *point) for pixel, point in zip(pixels[seen], points[seen], strict=True)]
    answer = replace(perfect.answer_of(camera), marks=np.array(rows))
    return Sample(jpeg_of(np.zeros((360, 640, 3), np.uint8)), camera, answer, 0, 500.0)


def grids_of(perfect: ModuleType, *samples: Sample) -> Infer:
    """A net that knows what the pictures of these samples show, in their order."""
    grids = np.stack([perfect.grid_of(sample.answer) for sample in samples])
    return lambda _, __: {"grid": grids, "weather": np.zeros((len(grids), 6))}


def test_mark_that_one_camera_says_is_found_though_another_does_not(perfect: ModuleType) -> None:
    wide, long = (marks_sample(perfect, perfect.camera(focal), (1.8, -1.8)) for focal in (430.0, 1250.0))
    blind = replace(wide, answer=replace(wide.answer, marks=wide.answer.marks[:0]))
    tally = judge([wide, long], "detector", grids_of(perfect, wide, long))
    assert summary(tally)["mark_recall"] > 0.97
    assert summary(tally)["mark_precision"] > 0.97
    one_eyed = judge([wide, long], "detector", grids_of(perfect, blind, long))
    assert 0.3 < summary(one_eyed)["mark_recall"] < 0.97


def test_mark_beside_the_truth_is_a_miss_and_wrong(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    truth, aside = (marks_sample(perfect, camera, sides) for sides in ((1.8,), (3.0,)))
    said = summary(judge([truth], "detector", grids_of(perfect, aside)))
    assert said["mark_recall"] < 0.05
    assert said["mark_precision"] < 0.05
