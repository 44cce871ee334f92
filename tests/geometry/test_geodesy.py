"""Projections: a published point, the meridian's length by quadrature, conformity, and the sphere's closed form."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from geometry.errors import InputError
from geometry.geodesy import projection_of

latitudes = st.integers(-80_000, 80_000).map(lambda thousandths: thousandths / 1000.0)
away = st.floats(-3.0, 3.0)
AXIS_M, FLATTENING = 6_378_137.0, 1.0 / 298.257223563


def test_a_point_of_the_proj_documentation() -> None:
    x, y = projection_of("+proj=utm +zone=10 +ellps=WGS84").project(math.radians(34.36116666), math.radians(-120.108))
    assert (x, y) == pytest.approx((765975.641, 3805993.134), abs=0.002)


@given(latitudes)
def test_on_the_meridian_north_is_its_length(latitude: float) -> None:
    squared = FLATTENING * (2.0 - FLATTENING)
    arc, _ = quad(
        lambda phi: AXIS_M * (1.0 - squared) / (1.0 - squared * math.sin(phi) ** 2) ** 1.5, 0.0, math.radians(latitude)
    )
    x, y = projection_of("+proj=tmerc +lon_0=11 +ellps=WGS84").project(math.radians(latitude), math.radians(11.0))
    assert (x, y) == pytest.approx((0.0, arc), abs=1e-3)


@given(latitudes, away)
def test_angles_are_kept(latitude: float, beside: float) -> None:
    """A step east and a step north of the same length on the ground stay as long as each other and at right angles."""
    projection = projection_of("+proj=tmerc +lat_0=10 +lon_0=0 +k=0.9999")
    phi, lam, step = math.radians(latitude), math.radians(beside), 1e-6
    squared = FLATTENING * (2.0 - FLATTENING)
    curve = 1.0 - squared * math.sin(phi) ** 2
    north_m = step * (1.0 - squared) / curve**1.5
    east_m = step * math.cos(phi) / math.sqrt(curve)
    ahead, behind = (projection.project(phi + sign * step, lam) for sign in (1, -1))
    right, left = (projection.project(phi, lam + sign * step) for sign in (1, -1))
    up = ((ahead[0] - behind[0]) / north_m, (ahead[1] - behind[1]) / north_m)
    side = ((right[0] - left[0]) / east_m, (right[1] - left[1]) / east_m)
    assert (side[0], side[1]) == pytest.approx((up[1], -up[0]), rel=1e-5, abs=1e-4 * math.hypot(*up))


@given(latitudes, away)
def test_a_sphere_has_a_closed_form(latitude: float, beside: float) -> None:
    """Snyder, "Map projections", 1987, equations 8-1 and 8-3."""
    phi, lam = math.radians(latitude), math.radians(beside)
    x, y = projection_of("+proj=tmerc +a=6378137 +b=6378137 +lon_0=0").project(phi, lam)
    b = math.cos(phi) * math.sin(lam)
    expected = AXIS_M * math.atanh(b), AXIS_M * math.atan2(math.tan(phi), math.cos(lam))
    assert (x, y) == pytest.approx(expected, abs=1e-4)


@given(latitudes, away)
def test_the_way_back_leads_to_the_same_place(latitude: float, beside: float) -> None:
    projection = projection_of("+proj=tmerc +lat_0=10 +lon_0=0 +k=0.9999")
    phi, lam = math.radians(latitude), math.radians(beside)
    assert projection.unproject(*projection.project(phi, lam)) == pytest.approx((phi, lam), abs=1e-9)


def test_a_number_of_the_registry_and_its_words_mean_the_same() -> None:
    place = math.radians(48.1), math.radians(11.6)
    by_number = projection_of("EPSG:32632").project(*place)
    assert by_number == pytest.approx(projection_of("+proj=utm +zone=32 +datum=WGS84").project(*place), abs=1e-6)


def test_files_named_in_a_reference_are_not_opened() -> None:
    x, y = projection_of("+proj=merc +nadgrids=/etc/passwd +wktext").project(0.0, math.radians(1.0))
    assert (x, y) == pytest.approx((AXIS_M * math.radians(1.0), 0.0), abs=1e-3)


@pytest.mark.parametrize(
    ("proj", "complaint"),
    [
        ("", "no geo reference"),
        ("+proj=nowhere", "not understood"),
        ("+proj=utm +zone=99", "not understood"),
        ("+proj=longlat +datum=WGS84", "no projection"),
        ("PROJCS[", "not understood"),
    ],
)
def test_other_references_are_refused(proj: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        projection_of(proj)
