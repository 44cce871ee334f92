"""Traffic lights in ground-truth mode: where they stand, what they show, and off where nobody says anything."""

import numpy as np

from bus.messages import (
    AgentTruth,
    EgoTruth,
    Envelope,
    LightState,
    LightStates,
    LightTruth,
    Odometry,
    ScenarioInfo,
)
from bus.messages import Message as BusMessage
from bus.node import Received, Tick
from geometry.pose import Pose
from lanewise.scenarios.own_towns import suburb, town
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from perception.ground_truth import GroundTruthSettings, node

EGO = Pose(200.0, 138.25, 0.0)


def received(topic: str, message: BusMessage) -> Received:
    return Received(Envelope(topic, "t", 0, 0, 0, 0), message)


def seen(lane_map: LaneMap, truth: LightTruth | None, range_m: float = 120.0) -> LightStates | None:
    none = np.zeros(0)
    info = ScenarioInfo("", 0, 0.0, "", ("Ego",), *(np.zeros(1) for _ in range(6)))
    said = {
        "/truth/scenario": info,
        "/localization/odometry": Odometry(Pose(0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0, True),
        "/truth/ego": EgoTruth(EGO, 0.0, 0.0, 0.0, 0.0, True),
    }
    inputs = {topic: received(topic, message) for topic, message in said.items()}
    if truth is not None:
        inputs["/truth/lights"] = received("/truth/lights", truth)
    agents = received("/truth/agents", AgentTruth(*(none for _ in range(8))))
    made = node(GroundTruthSettings(range_m), lane_map)
    _, publications = made.step(made.memory, Tick(0, inputs, agents, np.random.default_rng(0)))
    found = [p.message for p in publications if p.topic == "/perception/lights"]
    return found[0] if found else None


def test_lights_are_seen_where_the_map_has_them_with_their_state() -> None:
    lane_map = sample_lanes(town())
    light = min((s for s in lane_map.signals if s.dynamic), key=lambda s: np.hypot(s.x_m - EGO.x_m, s.y_m - EGO.y_m))
    lights = seen(lane_map, LightTruth((light.id,), np.array([LightState.RED])))
    assert lights is not None
    nearest = int(np.argmin(np.hypot(lights.x_m, lights.y_m)))
    assert (lights.x_m[nearest], lights.y_m[nearest]) == (light.x_m - EGO.x_m, light.y_m - EGO.y_m)
    assert lights.state[nearest] == LightState.RED
    assert sorted(set(np.delete(lights.state, nearest).tolist())) == [LightState.OFF]


def test_lights_out_of_range_are_not_seen() -> None:
    lights = seen(sample_lanes(town()), None, range_m=5.0)
    assert lights is not None
    assert len(lights.state) == 0


def test_a_map_without_lights_has_nothing_to_say() -> None:
    assert seen(sample_lanes(suburb()), None) is None
