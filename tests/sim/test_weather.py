"""Weather: one word for many numbers, and the sun where it belongs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import LightState, WeatherKind
from sim.scenarios.openscenario.stage import Weather, as_message, light_state
from sim.weather import CLEAR_DAY, kind_of, sun_at


def test_what_a_file_does_not_say_is_a_clear_day() -> None:
    assert vars_of(as_message(Weather(), None)) == vars_of(CLEAR_DAY)


def vars_of(message: object) -> dict[str, object]:
    return {name: getattr(message, name) for name in message.__dataclass_fields__}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("precipitation", "mmph", "visibility_m", "elevation", "kind"),
    [
        ("rain", 4.0, 20_000.0, 0.8, WeatherKind.RAIN),
        ("snow", 1.0, 300.0, 0.8, WeatherKind.SNOW),
        ("dry", 0.0, 120.0, 0.8, WeatherKind.FOG),
        ("dry", 0.0, 20_000.0, 0.05, WeatherKind.DUSK),
        ("dry", 0.0, 20_000.0, -0.5, WeatherKind.NIGHT),
        ("rain", 0.0, 20_000.0, 0.8, WeatherKind.CLEAR),
    ],
)
def test_the_word_for_the_weather(
    precipitation: str, mmph: float, visibility_m: float, elevation: float, kind: WeatherKind
) -> None:
    assert kind_of(precipitation, mmph, visibility_m, elevation) is kind


def test_the_sun_rises_in_the_east_and_stands_in_the_south_at_noon() -> None:
    rise, azimuth = sun_at(6 * 3600.0)
    assert rise == pytest.approx(0.0, abs=1e-9)
    assert azimuth == pytest.approx(0.0, abs=1e-9)
    noon, azimuth = sun_at(12 * 3600.0)
    assert math.degrees(noon) == pytest.approx(50.0)
    assert azimuth == pytest.approx(-math.pi / 2)


@given(time_s=st.floats(0.0, 86_400.0))
def test_the_night_is_as_long_as_the_day(time_s: float) -> None:
    assert sun_at(time_s)[0] == pytest.approx(-sun_at((time_s + 43_200.0) % 86_400.0)[0], abs=1e-9)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("red", LightState.RED),
        ("GREEN", LightState.GREEN),
        ("on;off;off", LightState.RED),
        ("on;on;off", LightState.RED_YELLOW),
        ("off;off;on", LightState.GREEN),
        ("off;flashing;off", LightState.FLASHING),
        ("off;off;off", LightState.OFF),
        ("purple", LightState.UNKNOWN),
        ("on;off", LightState.UNKNOWN),
    ],
)
def test_states_of_lights_as_files_write_them(text: str, state: LightState) -> None:
    assert light_state(text) is state
