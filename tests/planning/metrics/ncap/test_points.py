"""Euro NCAP points: bands, weights, and agreement with the published bands."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.errors import InputError
from planning.metrics.ncap.points import (
    BINARY,
    HEAD_ON,
    POINTS,
    Colour,
    Run,
    colour,
    is_warning_test,
    rated_test,
    score,
)


@pytest.mark.parametrize("test", sorted(POINTS))
@pytest.mark.parametrize("speed", [5, 10, 45, 80])
def test_full_avoidance_is_worth_all_points(test, speed):
    assert colour(Run(test, speed, None)) is Colour.GREEN


@pytest.mark.parametrize(
    ("speed", "impact", "expected"),
    [
        (10, 0.0, Colour.RED), (15, 5.0, Colour.RED), (25, 3.0, Colour.RED),
        (30, 9.9, Colour.BROWN), (35, 10.0, Colour.RED), (40, 9.9, Colour.ORANGE), (45, 10.0, Colour.BROWN),
        (45, 20.0, Colour.RED), (50, 9.9, Colour.YELLOW), (80, 10.0, Colour.ORANGE), (55, 29.9, Colour.BROWN),
        (60, 30.0, Colour.RED),
    ],
)  # fmt: skip
def test_impact_bands_of_the_next_lower_speed_apply(speed, impact, expected):
    assert colour(Run("CCRs", speed, impact)) is expected


@pytest.mark.parametrize("test", sorted(BINARY))
def test_turning_and_crossing_tests_are_avoided_or_lost(test):
    assert colour(Run(test, 60, 0.1)) is Colour.RED


@pytest.mark.parametrize("test", sorted(HEAD_ON))
def test_head_on_tests_are_rated_by_the_speed_taken_off(test):
    shares = [colour(Run(test, 50, 60.0, reduction_kph=r)) for r in (5.0, 15.0, 25.0)]
    assert shares == [Colour.RED, Colour.ORANGE, Colour.GREEN]


def test_warning_needs_one_point_seven_seconds():
    assert colour(Run("CPLA-25", 60, 20.0, warning_ttc_s=1.7)) is Colour.GREEN
    assert colour(Run("CPLA-25", 60, 20.0, warning_ttc_s=1.69)) is Colour.RED
    assert colour(Run("CPLA-25", 60, 20.0, warning_ttc_s=-math.inf)) is Colour.RED


def test_who_avoids_needs_to_warn_nobody():
    assert colour(Run("CPLA-25", 60, None, warning_ttc_s=-math.inf)) is Colour.GREEN


def test_warning_tests_are_known_by_their_names():
    names = {"CCRs_FCW": True, "CPLA-25": True, "CBLA-25": True, "CPLA-50": False, "CCRs": False}
    assert {name: is_warning_test(name) for name in names} == names


def test_names_of_scenarios_lead_to_their_test():
    names = {"CPNA-75": "CPNA", "CPTAfo-50": "CPTA", "CBNAO-50": "CBNAO", "CBNA-50": "CBNA", "CPRA_Cm": None}
    assert {name: rated_test(name) for name in names} == names


def test_permutations_weigh_the_same_and_tests_their_points():
    runs = [Run("CCRs", 50, None), Run("CCRs", 50, 12.0), Run("CPTAfs-50", 10, None), Run("CPRA_Cs", 8, None)]
    total = score(runs)
    assert [(t.test, t.runs, round(t.points, 9)) for t in total.tests] == [("CCRs", 2, 0.9), ("CPTA", 1, 2.0)]
    assert (total.points, total.maximum, total.apart) == (pytest.approx(2.9), pytest.approx(3.2), 1)
    assert total.share == pytest.approx(2.9 / 3.2)


@settings(max_examples=60, deadline=None)
@given(st.floats(5, 130), st.floats(0, 100), st.floats(0, 100))
def test_hitting_harder_is_never_worth_more(speed, one, other):
    low, high = sorted((one, other))
    assert colour(Run("CPNA-25", speed, low)).value >= colour(Run("CPNA-25", speed, high)).value


def test_runs_of_unknown_tests_or_with_nonsense_are_refused():
    with pytest.raises(InputError, match="CCRs"):
        colour(Run("XYZ", 50, None))
    with pytest.raises(InputError, match="test speed"):
        colour(Run("CCRs", math.nan, None))


def test_bands_and_points_are_the_published_ones(data):
    bands = json.loads((data / "ncap" / "bands.json").read_text())
    assert bands["test_points_standard_score"] == dict(POINTS)
    assert bands["colour_points"] == {c.name.lower(): c.value for c in Colour}
    table = bands["mitigation_or_avoidance_vrel_impact_kph"]
    for speed, key in ((10, "vut_10"), (20, "vut_20"), (30, "vut_30"), (40, "vut_40"), (50, "vut_ge_50")):
        uppers = [(float(upper), name) for name, upper in table[key].items() if name != "green"]
        low = 0.0
        for upper, name in uppers:
            assert colour(Run("CCRs", speed, low)).name.lower() == name
            low = upper
