"""Average precision on cases that can be counted by hand."""

import numpy as np
import pytest

pytest.importorskip("torch")

from perception.net.decode import Detections
from perception.training.scores import Judged, average_precision, macro_f1, matched


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


def test_macro_f1_of_a_perfect_and_of_a_stubborn_classifier() -> None:
    assert macro_f1(np.diag([3, 4, 5])) == 1.0
    assert macro_f1(np.array([[4, 0], [4, 0]])) == pytest.approx(0.5 * (2 * 4 / (8 + 4)))
