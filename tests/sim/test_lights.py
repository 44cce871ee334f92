"""Traffic lights: who is green together, and what comes after what."""

import itertools

import numpy as np
import pytest

from bus.messages import LightState
from geometry.angles import wrap_rad
from lanewise.scenarios.own_towns import suburb, town
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from sim.lights import LightProgramme, LightTiming, programme_of, states_at

GOES = (LightState.GREEN, LightState.YELLOW)


@pytest.fixture(scope="module")
def lane_map() -> LaneMap:
    return sample_lanes(town())


@pytest.fixture(scope="module")
def programme(lane_map: LaneMap) -> LightProgramme:
    return programme_of(lane_map)


def test_a_map_without_lights_has_no_programme() -> None:
    assert states_at(programme_of(sample_lanes(suburb())), 3.0) == {}


def test_every_light_has_its_turn(lane_map: LaneMap, programme: LightProgramme) -> None:
    lights = {signal.id for signal in lane_map.signals if signal.dynamic}
    green = set()
    for t_s in np.arange(0.0, 3.0 * LightTiming().phase_s, 0.5):
        states = states_at(programme, float(t_s))
        assert set(states) == lights
        green |= {name for name, state in states.items() if state is LightState.GREEN}
    assert green == lights


def test_streets_that_cross_are_never_green_together(lane_map: LaneMap, programme: LightProgramme) -> None:
    yaw = {signal.id: signal.yaw_rad for signal in lane_map.signals}
    for t_s in np.arange(0.0, 60.0, 0.25):
        states = states_at(programme, float(t_s))
        for phases in programme.junctions:
            goes = [name for ids in phases for name in ids if states[name] in GOES]
            for one, other in itertools.combinations(goes, 2):
                assert abs(np.sin(wrap_rad(yaw[one] - yaw[other]))) < 0.7


def test_the_order_is_green_yellow_red_red_yellow(programme: LightProgramme) -> None:
    name = programme.junctions[0][0][0]
    seen = [states_at(programme, 0.25 * k)[name] for k in range(400)]
    order = [state for state, _ in itertools.groupby(seen)]
    cycle = [LightState.GREEN, LightState.YELLOW, LightState.RED, LightState.RED_YELLOW]
    assert order == (cycle * len(order))[: len(order)]
    assert len(order) > 8
