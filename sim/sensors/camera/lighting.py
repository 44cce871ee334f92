"""Light of a scene: sun, sky, haze and headlights as numbers that colours are multiplied with, after exposure.

In: the weather. Out: `Illumination`. Colours are display-referred (8 bit, about gamma-encoded); the exposure control of
a camera is folded into the factors, so that pictures need no second pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bus.messages import Weather, WeatherKind
from geometry.angles import Floats

KOSCHMIEDER = 3.0
"""Extinction times meteorological visibility at a contrast threshold of 5 % (WMO: meteorological optical range)."""
HEADLIGHT = 1.15
_SNOWY_AT_FRICTION = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Illumination:
    """`sun` (3,) points to it, in `world`; `ambient`, `direct`, `air` (3,), `sky` (64, 3) from horizon to zenith.

    `cover` is the share of the ground under snow, `noise` the strength of the sensor's noise, `lamps` whether vehicles
    have their lights on, `shadow` how dark a cast shadow is.
    """

    sun: Floats
    ambient: Floats
    direct: Floats
    air: Floats
    sky: Floats
    clouds: float
    haze_per_m: float
    headlight: float
    shadow: float
    noise: float
    cover: float
    wetness: float
    lamps: bool


def illumination(weather: Weather, exposure: float = 1.0) -> Illumination:
    """Light for a weather; `exposure` is what the camera's control is off by (1: as intended)."""
    elevation = weather.sun_elevation_rad
    day = _smooth(math.degrees(elevation), -8.0, 10.0)
    warm = 1.0 - _smooth(math.degrees(elevation), 0.0, 25.0)
    overcast = weather.kind in (WeatherKind.RAIN, WeatherKind.SNOW, WeatherKind.FOG)
    strength = (0.06 if overcast else 0.62) * _smooth(math.degrees(elevation), -1.0, 12.0)
    direct = strength * np.array([1.0, 1.0 - 0.22 * warm, 1.0 - 0.5 * warm])
    blue = np.array([0.94, 0.98, 1.06]) if not overcast else np.array([0.98, 1.0, 1.02])
    ambient = (0.035 + (0.72 if overcast else 0.5 + 0.15 * warm) * day) * blue
    gain = exposure * float(np.clip(1.0 / (ambient.mean() + 0.5 * strength), 0.9, 2.6))
    sky = _sky(weather, day, warm if not overcast else 0.0, overcast) * min(gain, 1.3)
    air = sky[0].copy() if overcast else 0.5 * (sky[0] + sky[4])
    dark = 1.0 - day
    return Illumination(
        sun=_direction(elevation, weather.sun_azimuth_rad),
        ambient=ambient * gain,
        direct=direct * gain,
        air=np.minimum(air, 250.0),
        sky=np.minimum(sky, 252.0),
        clouds=(0.1 if weather.kind is WeatherKind.FOG else 0.3) if overcast else 0.4 * day,
        haze_per_m=KOSCHMIEDER / max(weather.visibility_m, 10.0),
        headlight=HEADLIGHT * _smooth(dark, 0.45, 0.95) * min(exposure, 1.2),
        shadow=0.55 * strength / 0.62,
        noise=2.0 + 7.0 * dark,
        cover=_cover(weather),
        wetness=weather.wetness,
        lamps=overcast or math.degrees(elevation) < 8.0,
    )


def _direction(elevation: float, azimuth: float) -> Floats:
    flat = math.cos(elevation)
    return np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)])


def _cover(weather: Weather) -> float:
    """Snow lies where it falls and tyres slip."""
    if weather.kind is not WeatherKind.SNOW:
        return 0.0
    return float(np.clip((1.0 - weather.friction) / (1.0 - _SNOWY_AT_FRICTION), 0.15, 1.0))


def _sky(weather: Weather, day: float, warm: float, overcast: bool) -> Floats:
    """Colours from horizon to zenith."""
    up = np.linspace(0.0, 1.0, 64)[:, None] ** 0.6
    night = np.array([15.0, 17.0, 26.0]) * (1.0 - up) + np.array([6.0, 8.0, 15.0]) * up
    if overcast:
        tone = 196.0 if weather.kind is WeatherKind.FOG else 172.0
        light = np.array([tone, tone + 3.0, tone + 7.0]) * (1.0 - 0.12 * up)
    else:
        light = np.array([188.0, 208.0, 228.0]) * (1.0 - up) + np.array([64.0, 118.0, 196.0]) * up
        glow = np.array([226.0, 152.0, 98.0]) * (1.0 - up) + np.array([74.0, 84.0, 128.0]) * up
        light = (1.0 - warm) * light + warm * glow
    colours: Floats = day * light + (1.0 - day) * night
    return colours


def _smooth(value: float, low: float, high: float) -> float:
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)
