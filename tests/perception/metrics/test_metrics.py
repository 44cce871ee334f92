"""What the scores of perception mean, on cases whose score one can tell by hand."""

import numpy as np
import pytest

from bus.messages import LaneMarks, LightStates, MarkType
from perception.metrics.certainty import certainty
from perception.metrics.detection import (
    average_precision,
    class_score,
    detection_score,
    matched,
    mean_precision,
)
from perception.metrics.frames import Frame, box_set, in_ring, restricted
from perception.metrics.surroundings import light_hits, lines_of, macro_f1, mark_errors
from perception.metrics.tracking import Instant, clear, hota, instant_of, scaled_amota

NONE = np.zeros((0, 2))
CAR, PERSON = 0, 4


def row(x: float, y: float = 0.0, *, kind: int = CAR, number: int = -1, score: float = 0.8) -> list[float]:
    return [kind, number, score, x, y, 0.0, 4.5, 1.8, 1.6, 0.0, 0.0]


def frame(found: list[list[float]], truth: list[list[float]], ignored: np.ndarray = NONE) -> Frame:
    return Frame(box_set(found), box_set(truth), ignored)


def test_all_found_and_nothing_else_is_a_precision_of_one() -> None:
    score = class_score([frame([row(10.0)], [row(10.0)])] * 3, CAR)
    assert score.precision == pytest.approx((1.0,) * 4)
    assert score.errors == pytest.approx((0.0,) * 4)
    assert detection_score([score]) == pytest.approx(0.9)  # attributes are not estimated


def test_nothing_found_is_zero_and_nothing_there_is_no_number() -> None:
    score = class_score([frame([], [row(10.0)])], CAR)
    assert score.precision == (0.0,) * 4
    assert score.errors == (1.0,) * 4
    assert np.isnan(class_score([frame([row(10.0)], [])], CAR).precision[0])
    assert mean_precision([score, class_score([frame([], [])], CAR)]) == 0.0


def test_a_detection_takes_one_object_and_a_second_one_is_false() -> None:
    found = matched([frame([row(10.2, score=0.9), row(9.9, score=0.5)], [row(10.0)])], CAR, 2.0)
    assert found.hit.tolist() == [True, False]
    assert (found.truth.tolist(), found.wanted) == ([0, -1], 1)


def test_a_find_of_what_is_hidden_counts_neither_way() -> None:
    hidden = np.array([(30.0, 0.0)])
    assert len(matched([frame([row(31.0)], [], hidden)], CAR, 2.0).score) == 0
    assert matched([frame([row(40.0)], [], hidden)], CAR, 2.0).hit.tolist() == [False]


def test_a_ring_judges_its_own_objects_only() -> None:
    whole = frame([row(10.0), row(41.0), row(70.0)], [row(10.0), row(39.0)])
    near = in_ring(whole, 0.0, 40.0)
    # The detection at 41 m belongs to the object at 39 m; the ghost at 70 m to another ring.
    assert near.found.x_m.tolist() == [10.0, 41.0]
    far = in_ring(whole, 40.0, 80.0)
    assert far.ignored.tolist() == [[10.0, 0.0], [39.0, 0.0]]
    assert matched([far], CAR, 2.0).hit.tolist() == [False]  # the ghost; the one at 41 m is excused


def test_parts_split_objects_and_keep_their_number() -> None:
    whole = frame([row(10.0), row(-10.0)], [row(10.0), row(-10.0)])
    ahead = restricted(whole, whole.truth.x_m > 0.0, whole.found.x_m > 0.0)
    assert average_precision(matched([ahead], CAR, 2.0)) == pytest.approx(1.0)
    assert len(ahead.truth) == 1


@pytest.mark.parametrize(("stated", "inside"), [(1.0, True), (0.3, False), (3.0, False)])
def test_covariance_is_honest_when_as_many_lie_inside_as_it_says(stated: float, inside: bool) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    frames = []
    for _ in range(2000):
        dx, dy = rng.normal(0.0, 0.3, 2)
        one = frame([row(20.0 + dx, dy)], [row(20.0)])
        one.found.covariance[:] = (0.3 * stated) ** 2 * np.eye(2)
        frames.append(one)
    found = certainty(frames, [matched(frames, CAR, 4.0)])
    near = abs(found.inside[0] - 0.5) < 0.05 and abs(found.inside[1] - 0.9) < 0.03 and abs(found.nees - 2.0) < 0.2
    assert near == inside


def test_scores_that_come_true_as_often_as_they_say_have_no_error() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    honest, boastful = [], []
    for _ in range(4000):
        share = float(rng.uniform(0.05, 0.95))
        there = [row(20.0)] if rng.random() < share else []
        honest.append(frame([row(20.0, score=share)], there))
        boastful.append(frame([row(20.0, score=0.5 + 0.5 * share)], there))
    assert certainty(honest, [matched(honest, CAR, 2.0)]).score_error < 0.03
    assert certainty(boastful, [matched(boastful, CAR, 2.0)]).score_error > 0.15


def instant(pairs: dict[int, int], ghosts: tuple[int, ...] = (), missed: tuple[int, ...] = ()) -> Instant:
    """Objects with their tracks, perfectly placed; ghosts; objects without a track."""
    truth, found = [*pairs, *missed], [*pairs.values(), *ghosts]
    alike = np.zeros((len(truth), len(found)))
    alike[range(len(pairs)), range(len(pairs))] = 1.0
    return Instant(np.array(truth), np.array(found, dtype=np.int64), alike, np.full(len(found), 0.9))


def test_a_perfect_track_scores_one_everywhere() -> None:
    drive = [instant({1: 7, 2: 8})] * 10
    assert clear(drive).accuracy == 1.0
    assert hota(drive).hota == pytest.approx(1.0)
    assert scaled_amota(drive) == pytest.approx((1.0, 1.0))


def test_a_change_of_the_id_is_a_switch_and_halves_the_association() -> None:
    drive = [instant({1: 7})] * 10 + [instant({1: 8})] * 10
    found = clear(drive)
    assert (found.switches, found.misses, found.false, found.fragments) == (1, 0, 0, 0)
    assert hota(drive).association == pytest.approx(0.5)
    assert hota(drive).detection == pytest.approx(1.0)


def test_misses_and_ghosts_are_counted_and_gaps_are_fragments() -> None:
    drive = [instant({1: 7}, ghosts=(9,))] * 4 + [instant({}, missed=(1,))] * 2 + [instant({1: 7})] * 4
    found = clear(drive)
    assert (found.hits, found.misses, found.false, found.fragments, found.switches) == (8, 2, 4, 1, 0)
    assert found.accuracy == pytest.approx(1.0 - 6 / 10)
    assert found.mostly == (0.0, 0.0)


def test_sure_tracks_are_judged_before_unsure_ghosts() -> None:
    def with_ghost(score: float) -> list[Instant]:
        one = instant({1: 7}, ghosts=(9,))
        return [Instant(one.truth, one.found, one.similarity, np.array([0.9, score]))] * 10

    assert scaled_amota(with_ghost(0.2))[0] == pytest.approx(1.0)
    assert scaled_amota(with_ghost(0.95))[0] < 0.1


def test_tracks_are_alike_by_distance_and_excused_where_something_hides() -> None:
    there = frame([row(11.0, number=5), row(30.0, number=6), row(50.0, number=7)], [row(10.0, number=1)],
                  np.array([(30.5, 0.0)]))  # fmt: skip
    seen = instant_of(there, CAR)
    assert seen.found.tolist() == [5, 7]
    assert seen.similarity[0].tolist() == pytest.approx([0.75, 0.0])
    assert instant_of(there, PERSON).truth.size == 0


def test_marks_are_found_where_they_run_and_their_error_is_lateral() -> None:
    line = np.column_stack((np.arange(2.0, 40.0), np.full(38, 1.8)))
    beside = line + np.array((0.4, 0.05))
    found = mark_errors([beside], [line])
    assert found.f1 > 0.97
    assert found.lateral_m(20.0) == pytest.approx(0.05, abs=1e-6)
    ghost = line - np.array((0.0, 3.0))
    assert mark_errors([beside, ghost], [line]).f1 == pytest.approx(2.0 / 3.0, abs=0.03)
    assert mark_errors([], [line]).f1 == 0.0
    assert np.isnan(mark_errors([beside], []).f1)


def test_lights_are_matched_by_place_and_judged_by_state() -> None:
    said = LightStates(np.array([41.0]), np.array([3.0]), np.array([1]), np.array([0.9]))
    there, states = np.array([(40.0, 3.0), (20.0, -8.0), (120.0, 0.0)]), np.array([1, 3, 3])
    assert light_hits(said, there, states) == [(1, 1), (3, -1)]


def test_macro_f1_weighs_every_class_the_same() -> None:
    pairs = [(0, 0)] * 98 + [(1, 0)] * 2
    assert macro_f1(pairs) == pytest.approx(0.5 * (2 * 98 / 198))
    assert macro_f1([(0, 0), (3, 3)]) == 1.0
    assert np.isnan(macro_f1([]))


def test_where_asphalt_ends_without_paint_is_no_mark() -> None:
    xy = np.array([(5.0, 1.8), (15.0, 1.8), (5.0, -1.8), (15.0, -1.8)])
    types = np.array([MarkType.NONE, MarkType.BROKEN], dtype=np.int64)
    (line,) = lines_of(LaneMarks(np.array([0, 2, 4]), xy, np.full(4, 0.05), types, np.ones(2)))
    assert line.tolist() == xy[2:].tolist()
