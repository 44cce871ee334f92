"""What the tyres hold: the coefficient of friction that the weather lets one expect, and the circle it allows.

In: probabilities of kinds of weather. Out: a coefficient that is rather too low than too high, and accelerations that
stay within the friction circle (Rajamani, Vehicle Dynamics and Control, 2nd ed., section 13.1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from bus.messages import WeatherEstimate, WeatherKind

GRAVITY_MPS2 = 9.81
FRICTION: Mapping[WeatherKind, float] = MappingProxyType({
    WeatherKind.CLEAR: 0.9, WeatherKind.DUSK: 0.9, WeatherKind.NIGHT: 0.9, WeatherKind.FOG: 0.7,
    WeatherKind.RAIN: 0.6, WeatherKind.SNOW: 0.3,
})  # fmt: skip
"""Of tyres on dry asphalt, on a road that may be damp, on a wet one and on snow (Wong, Theory of Ground Vehicles, 4th
ed., table 1.3, rounded down)."""
POSSIBLE = 0.3
"""Weather at least as likely as this is reckoned with."""
LEAST_SHARE = 0.3
"""So much of the grip is always left to braking, whatever steering asks for."""


def friction_of(weather: WeatherEstimate | None) -> float:
    """The lowest coefficient among the kinds of weather to be reckoned with; that of a dry road where none is known."""
    if weather is None:
        return FRICTION[WeatherKind.CLEAR]
    probable = [FRICTION[kind] for kind in WeatherKind if float(weather.probabilities[kind]) >= POSSIBLE]
    return min(probable, default=FRICTION[WeatherKind.CLEAR])


def along_limit_mps2(grip_mps2: float, sideways_mps2: float) -> float:
    """What of the grip is left for braking and speeding up when some is used sideways."""
    rest = math.sqrt(max(grip_mps2 * grip_mps2 - sideways_mps2 * sideways_mps2, 0.0))
    return max(rest, LEAST_SHARE * grip_mps2)
