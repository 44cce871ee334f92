"""Weather and light of a world: the clear day that holds where a scenario says nothing, and what follows from numbers.

In: precipitation, visibility, the sun, the road. Out: the `Weather` message.
"""

from __future__ import annotations

import math

from bus.messages import Weather, WeatherKind

CLEAR_VISIBILITY_M = 20_000.0
FOG_VISIBILITY_M = 1_000.0
"""Meteorological visibility below which one speaks of fog (WMO)."""

_DUSK_RAD = math.radians(6.0)
_NIGHT_RAD = math.radians(-6.0)
"""End of civil twilight."""

CLEAR_DAY = Weather(
    kind=WeatherKind.CLEAR,
    precipitation_mmph=0.0,
    visibility_m=CLEAR_VISIBILITY_M,
    sun_elevation_rad=math.radians(45.0),
    sun_azimuth_rad=math.radians(-90.0),
    friction=1.0,
    wetness=0.0,
)


def kind_of(
    precipitation: str, precipitation_mmph: float, visibility_m: float, sun_elevation_rad: float
) -> WeatherKind:
    """The one word for the weather: what falls, else fog, else the hour."""
    if precipitation_mmph > 0.0 and precipitation in ("rain", "snow"):
        return WeatherKind.RAIN if precipitation == "rain" else WeatherKind.SNOW
    if visibility_m < FOG_VISIBILITY_M:
        return WeatherKind.FOG
    if sun_elevation_rad < _NIGHT_RAD:
        return WeatherKind.NIGHT
    return WeatherKind.DUSK if sun_elevation_rad < _DUSK_RAD else WeatherKind.CLEAR


def sun_at(time_of_day_s: float) -> tuple[float, float]:
    """Elevation and azimuth (counter-clockwise from east) of the sun at an equinox on 40 degrees north.

    Spherical astronomy with declination 0: sin(elevation) = cos(latitude) cos(hour angle).
    """
    latitude = math.radians(40.0)
    hour_angle = math.pi * (time_of_day_s / 43_200.0 - 1.0)
    east, north = -math.sin(hour_angle), -math.sin(latitude) * math.cos(hour_angle)
    return math.asin(math.cos(latitude) * math.cos(hour_angle)), math.atan2(north, east)
