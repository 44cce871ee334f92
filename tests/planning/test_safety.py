"""The gate: what passes, what is bounded, and that every silence ends in a stop in the lane."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages import Envelope, Odometry, PoseEstimate, PoseStatus, SafetyMode, Trajectory, VehicleCommand
from bus.node import Received, Tick
from geometry.pose import Pose
from motion.bicycle import step_bicycle
from motion.tracking import TrackingSettings
from planning.idm import IdmPlanner
from planning.planner import trajectory_message
from planning.safety import GATE_PERIOD_NS, WATCHED, SafetyMemory, SafetySettings, node
from planning.scene import Scene
from tests.planning.conftest import CAR, SceneMaker
from tests.planning.test_control_and_planner_node import circle, tracks_of

SETTINGS = SafetySettings()
GATE = node(CAR, SETTINGS, TrackingSettings())
STRAIGHT_ON = replace(
    circle(1e6, 20.0, 0.0), stop_t_s=np.array([0.0, 6.0]), stop_x_m=np.array([0.0, 60.0]), stop_y_m=np.zeros(2),
    stop_yaw_rad=np.zeros(2), stop_speed_mps=np.array([20.0, 0.0]), stop_acceleration_mps2=np.full(2, -3.5),
    stop_curvature_radpm=np.zeros(2),
)  # fmt: skip


def messages(engaged: bool = True, status: PoseStatus = PoseStatus.LANE_CERTAIN, **command: Any) -> dict[str, Any]:
    bounded = {"acceleration_mps2": 0.5, "steering_rad": 0.01, "hazard_lights": False, "emergency": False, **command}
    return {
        "/localization/odometry": Odometry(Pose(0.0, 0.0, 0.0), 20.0, 0.0, 0.0, 0.0, engaged),
        "/localization/pose": PoseEstimate(Pose(0.0, 0.0, 0.0), status, 0.0, 0.0, 0.0, np.zeros((3, 3))),
        "/perception/tracks": tracks_of(),
        "/planning/trajectory": STRAIGHT_ON,
        "/control/command": VehicleCommand(**bounded),
    }


def fields_of(command: VehicleCommand) -> tuple[float, float, bool, bool]:
    return command.acceleration_mps2, command.steering_rad, command.hazard_lights, command.emergency


class Driven:
    """A gate that is called every 20 ms; `silent` topics stop being said at that time."""

    def __init__(self) -> None:
        self.node = GATE
        self.memory: SafetyMemory = self.node.memory
        self.inputs: dict[str, Received] = {}
        self.now_ns = 0

    def run(self, seconds: float, said: dict[str, Any], silent: tuple[str, ...] = ()) -> Iterator[VehicleCommand]:
        for _ in range(round(seconds * 1e9 / GATE_PERIOD_NS)):
            for topic, message in said.items():
                if topic not in silent:
                    envelope = Envelope(topic, "test", 0, self.now_ns, self.now_ns, self.now_ns)
                    self.inputs[topic] = Received(envelope, message)
            tick = Tick(self.now_ns, self.inputs, None, np.random.default_rng(0))
            self.memory, publications = self.node.step(self.memory, tick)
            yield next(p.message for p in publications if p.topic == "/vehicle/command")
            self.now_ns += GATE_PERIOD_NS


def test_a_sane_command_passes_unchanged() -> None:
    last = list(Driven().run(2.0, messages()))[-1]
    assert fields_of(last) == fields_of(messages()["/control/command"])


@settings(deadline=None)
@given(acceleration=st.floats(-50.0, 50.0), steering=st.floats(-3.0, 3.0), emergency=st.booleans())
def test_no_command_leaves_what_the_vehicle_and_comfort_allow(
    acceleration: float, steering: float, emergency: bool
) -> None:
    said = messages(acceleration_mps2=acceleration, steering_rad=steering, emergency=emergency)
    (*_, last) = Driven().run(0.1, said)
    hardest = SETTINGS.emergency_mps2 if emergency else SETTINGS.strong_mps2
    assert -hardest <= last.acceleration_mps2 <= SETTINGS.acceleration_mps2
    assert abs(last.steering_rad) <= CAR.max_steering_rad
    if -hardest <= acceleration <= SETTINGS.acceleration_mps2:
        assert last.acceleration_mps2 == acceleration


@pytest.mark.parametrize("topic", WATCHED)
def test_each_silence_leads_to_the_minimal_risk_stop_and_no_restart(topic: str) -> None:
    driven, said = Driven(), messages()
    list(driven.run(2.0, said))
    commands = list(driven.run(1.0, said, silent=(topic,)))
    assert commands[0].acceleration_mps2 == 0.5
    assert commands[-1].hazard_lights
    assert commands[-1].acceleration_mps2 == -SETTINGS.stop_mps2
    assert SETTINGS.stop_mps2 <= 4.0
    assert driven.memory.mode is SafetyMode.MINIMAL_RISK
    assert driven.memory.reason == f"no fresh {topic}"
    back = list(driven.run(1.0, said))
    assert all(command.hazard_lights and command.acceleration_mps2 < 0.0 for command in back)


def test_localization_in_doubt_forbids_speeding_up_and_lost_stops() -> None:
    driven = Driven()
    unsure = messages(status=PoseStatus.LANE_UNCERTAIN)
    last = list(driven.run(1.0, unsure))[-1]
    assert (driven.memory.mode, last.acceleration_mps2) == (SafetyMode.DEGRADED, 0.0)
    last = list(driven.run(1.0, messages()))[-1]
    assert (driven.memory.mode, last.acceleration_mps2) == (SafetyMode.NORMAL, 0.5)
    last = list(driven.run(0.1, messages(status=PoseStatus.LOST)))[-1]
    assert (driven.memory.mode, driven.memory.reason) == (SafetyMode.MINIMAL_RISK, "localization is lost")
    assert last.acceleration_mps2 == -SETTINGS.stop_mps2


def at_speed(said: dict[str, Any], speed_mps: float) -> dict[str, Any]:
    """The same messages from an ego of another speed."""
    odometry = replace(said["/localization/odometry"], speed_mps=speed_mps)
    return {**said, "/localization/odometry": odometry}


@pytest.mark.parametrize(("speed_mps", "acceleration_mps2"), [(0.0, 0.5), (1.4, 0.2), (1.5, 0.0), (1.6, 0.0)])
def test_a_car_that_is_not_sure_of_its_lane_drives_off_at_walking_pace_and_no_faster(
    speed_mps: float, acceleration_mps2: float
) -> None:
    said = at_speed(messages(status=PoseStatus.LANE_UNCERTAIN), speed_mps)
    assert list(Driven().run(1.0, said))[-1].acceleration_mps2 == pytest.approx(acceleration_mps2)


def unsure(across_m: float) -> PoseEstimate:
    return PoseEstimate(Pose(0.0, 0.0, 0.0), PoseStatus.LANE_CERTAIN, 0.5, 9.0, 0.0, np.diag((0.0, across_m**2, 0.0)))


def test_a_place_too_unsure_for_the_lane_is_left_at_walking_pace_and_says_so() -> None:
    driven, said = Driven(), {**messages(), "/localization/pose": unsure(1.0)}
    assert list(driven.run(1.0, said))[-1].acceleration_mps2 == -SETTINGS.stop_mps2
    assert driven.memory.mode is SafetyMode.DEGRADED
    assert driven.memory.reason == "the place is too unsure for more than 1.5 m/s here"
    slowed = list(driven.run(1.0, at_speed(said, 2.0)))[-1]
    assert slowed.acceleration_mps2 == pytest.approx((1.5 - 2.0) / SETTINGS.settle_s)
    last = list(driven.run(1.0, messages()))[-1]
    assert (driven.memory.mode, last.acceleration_mps2) == (SafetyMode.NORMAL, 0.5)


def test_who_drives_well_below_what_an_unsure_place_allows_drives_normally() -> None:
    driven, said = Driven(), {**messages(), "/localization/pose": unsure(1.0)}
    edge = SETTINGS.doubt.creep_mps - SETTINGS.doubt.margin_mps
    list(driven.run(1.0, at_speed(said, edge - 0.01)))
    assert driven.memory.mode is SafetyMode.NORMAL
    list(driven.run(1.0, at_speed(said, edge + 0.01)))
    assert driven.memory.mode is SafetyMode.DEGRADED


def test_braking_that_is_commanded_goes_before_slowing_for_doubt() -> None:
    said = at_speed({**messages(acceleration_mps2=-4.5), "/localization/pose": unsure(1.0)}, 2.0)
    assert list(Driven().run(1.0, said))[-1].acceleration_mps2 == -4.5


def test_before_the_stack_drives_nothing_is_missed() -> None:
    driven = Driven()
    nothing = {"/localization/odometry": messages(engaged=False)["/localization/odometry"]}
    commands = list(driven.run(3.0, nothing))
    assert driven.memory.mode is SafetyMode.NORMAL
    assert fields_of(commands[-1]) == (0.0, 0.0, False, False)


def test_after_taking_over_inputs_get_their_grace_and_no_more() -> None:
    driven = Driven()
    only = {"/localization/odometry": messages()["/localization/odometry"]}
    list(driven.run(SETTINGS.grace_s, only))
    assert driven.memory.mode is SafetyMode.NORMAL
    list(driven.run(0.02, only))
    assert driven.memory.mode is SafetyMode.MINIMAL_RISK


def test_the_grace_begins_when_the_stack_takes_over() -> None:
    driven = Driven()
    list(driven.run(2.0, {"/localization/odometry": messages(engaged=False)["/localization/odometry"]}))
    only = {"/localization/odometry": messages()["/localization/odometry"]}
    list(driven.run(SETTINGS.grace_s, only))
    assert driven.memory.mode is SafetyMode.NORMAL
    list(driven.run(0.02, only))
    assert driven.memory.mode is SafetyMode.MINIMAL_RISK


def test_the_status_is_said_ten_times_a_second_with_its_reason() -> None:
    driven, said = Driven(), []
    made = driven.node.step

    def spy(memory: SafetyMemory, tick: Tick) -> Any:
        result = made(memory, tick)
        said.extend(p.message for p in result[1] if p.topic == "/safety/status")
        return result

    driven.node = replace(driven.node, step=spy)
    list(driven.run(1.0, messages()))
    assert [(status.mode, status.reason) for status in said] == [(SafetyMode.NORMAL, "all inputs are fresh")] * 10


@pytest.mark.parametrize("silent", [
    ("/planning/trajectory", "/control/command"),
    ("/localization/odometry", "/localization/pose", "/perception/tracks", "/planning/trajectory", "/control/command"),
])  # fmt: skip
def test_the_minimal_risk_stop_keeps_the_lane_in_a_curve(scene: SceneMaker, silent: tuple[str, ...]) -> None:
    """Where a curve of 200 m begins the planner dies, or everything: the gate alone stops the car on the curve."""
    radius, driven = 200.0, Driven()
    said = {**messages(acceleration_mps2=0.0, steering_rad=0.0)}
    said["/planning/trajectory"] = stop_in_curve(scene(20.0), radius)
    list(driven.run(1.0, said))
    state, worst = (0.0, 0.0, 0.0, 20.0, 0.0, 0.0), 0.0
    for _ in range(500):
        x, y, yaw, speed, acceleration, wheel = state
        said["/localization/odometry"] = Odometry(Pose(x, y, yaw), speed, acceleration, 0.0, wheel, True)
        (command,) = driven.run(0.02, said, silent)
        *state, _ = step_bicycle(
            x, y, yaw, speed, acceleration, wheel, command.acceleration_mps2, command.steering_rad, CAR.wheelbase_m,
            CAR.max_steering_rad, CAR.max_steering_rate_radps, CAR.acceleration_lag_s, CAR.steering_lag_s, 0.02,
        )  # fmt: skip
        worst = max(worst, abs(radius - math.hypot(x, radius - y)))
    assert state[3] == 0.0
    assert worst < 0.25


def stop_in_curve(start: Scene, radius_m: float) -> Trajectory:
    """The planner's stop from a scene on a straight, bent to the left."""
    plan, _ = IdmPlanner().plan(start, IdmPlanner().start(start.context))
    stop = trajectory_message(plan, Pose(0.0, 0.0, 0.0))
    along = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(stop.stop_x_m), np.diff(stop.stop_y_m)))))
    turned = along / radius_m
    return replace(
        circle(radius_m, start.ego.speed_mps, 0.0), stop_t_s=stop.stop_t_s, stop_speed_mps=stop.stop_speed_mps,
        stop_acceleration_mps2=stop.stop_acceleration_mps2, stop_x_m=radius_m * np.sin(turned),
        stop_y_m=radius_m * (1.0 - np.cos(turned)), stop_yaw_rad=turned,
        stop_curvature_radpm=np.full(len(turned), 1.0 / radius_m),
    )  # fmt: skip


def test_without_a_plan_the_wheel_is_held() -> None:
    driven, said = Driven(), messages(steering_rad=0.05)
    del said["/planning/trajectory"]
    last = list(driven.run(2.0, said))[-1]
    assert driven.memory.reason == "no fresh /planning/trajectory"
    assert (last.steering_rad, last.acceleration_mps2, last.hazard_lights) == (0.05, -SETTINGS.stop_mps2, True)


def test_who_has_heard_nothing_commands_nothing() -> None:
    assert [fields_of(command) for command in Driven().run(0.1, {})] == [(0.0, 0.0, False, False)] * 5


def with_somebody_ahead(x_m: float, existence: float = 1.0) -> dict[str, Any]:
    """Somebody stands in the way of the ego, which goes on at 20 m/s."""
    return {
        **messages(),
        "/perception/tracks": replace(tracks_of((x_m, 0.0, 0.0, 0.0)), existence=np.array([existence])),
    }


def test_where_a_command_leaves_no_way_out_full_braking_comes_once_two_measurements_agree() -> None:
    driven = Driven()
    list(driven.run(1.0, messages()))
    commands = list(driven.run(0.3, with_somebody_ahead(25.0)))
    braking = [command.emergency and command.acceleration_mps2 == -SETTINGS.emergency_mps2 for command in commands]
    first = braking.index(True)
    assert first == round(SETTINGS.confirm_s * 1e9 / GATE_PERIOD_NS)
    assert all(braking[first:])
    assert all(command.acceleration_mps2 == 0.5 for command in commands[:first])
    assert commands[-1].steering_rad == 0.01
    assert driven.memory.mode is SafetyMode.NORMAL  # who is out of danger drives on


def test_a_ghost_of_one_frame_brakes_nobody() -> None:
    driven = Driven()
    list(driven.run(1.0, messages()))
    for _ in range(10):
        commands = list(driven.run(0.08, with_somebody_ahead(20.0)))
        commands += list(driven.run(0.08, messages()))
        assert all(command.acceleration_mps2 == 0.5 for command in commands)


def test_who_can_still_be_braked_for_is_left_to_the_planner() -> None:
    driven = Driven()
    commands = list(driven.run(1.0, with_somebody_ahead(60.0)))
    assert all(command.acceleration_mps2 == 0.5 for command in commands)


def test_the_minimal_risk_stop_brakes_harder_only_for_somebody_in_the_way() -> None:
    driven, said = Driven(), with_somebody_ahead(25.0)
    list(driven.run(1.0, messages()))
    last = list(driven.run(1.0, said, silent=("/planning/trajectory",)))[-1]
    assert driven.memory.mode is SafetyMode.MINIMAL_RISK
    assert driven.memory.reason == "no fresh /planning/trajectory"
    assert (last.acceleration_mps2, last.hazard_lights, last.emergency) == (-SETTINGS.emergency_mps2, True, True)
    last = list(driven.run(1.0, messages(), silent=("/planning/trajectory",)))[-1]
    assert (last.acceleration_mps2, last.emergency) == (-SETTINGS.stop_mps2, False)


def test_the_status_names_whom_the_braking_is_for() -> None:
    driven, statuses = Driven(), []
    made = driven.node.step

    def spy(memory: SafetyMemory, tick: Tick) -> Any:
        result = made(memory, tick)
        statuses.extend(p.message for p in result[1] if p.topic == "/safety/status")
        return result

    driven.node = replace(driven.node, step=spy)
    list(driven.run(1.0, with_somebody_ahead(25.0)))
    assert (statuses[-1].mode, statuses[-1].reason) == (SafetyMode.DEGRADED, "only full braking keeps clear of track 0")


def test_who_has_not_taken_over_or_has_no_plan_yet_is_not_braked_by_the_gate() -> None:
    waiting = {**with_somebody_ahead(25.0), "/localization/odometry": messages(engaged=False)["/localization/odometry"]}
    assert all(command.acceleration_mps2 == 0.5 for command in Driven().run(1.0, waiting))
    planless = with_somebody_ahead(25.0)
    del planless["/planning/trajectory"]
    assert all(command.acceleration_mps2 == 0.5 for command in Driven().run(SETTINGS.grace_s - 0.02, planless))


@pytest.mark.parametrize(
    ("bound_m", "mode"), [(0.5, SafetyMode.NORMAL), (2.0, SafetyMode.NORMAL), (2.5, SafetyMode.DEGRADED)]
)
def test_a_bound_wider_than_a_lane_forbids_speeding_up(bound_m: float, mode: SafetyMode) -> None:
    driven, said = Driven(), messages()
    said["/localization/pose"] = PoseEstimate(
        Pose(0.0, 0.0, 0.0), PoseStatus.LANE_CERTAIN, bound_m, 0.0, 0.0, np.zeros((3, 3))
    )
    last = list(driven.run(1.0, said))[-1]
    assert driven.memory.mode is mode
    assert last.acceleration_mps2 == (0.5 if mode is SafetyMode.NORMAL else 0.0)
    assert driven.memory.reason == (
        "all inputs are fresh" if mode is SafetyMode.NORMAL else "localization's bound is 2.5 m wide"
    )


def test_what_was_seen_long_ago_brakes_nobody() -> None:
    """Perception dies while somebody is in the way: full braking as long as that is fresh, then the gentle stop."""
    driven, said = Driven(), with_somebody_ahead(25.0)
    list(driven.run(1.0, messages()))
    list(driven.run(0.3, said))
    commands = list(driven.run(2.0, said, silent=("/perception/tracks",)))
    hard = [command.acceleration_mps2 == -SETTINGS.emergency_mps2 for command in commands]
    assert all(hard[: round(0.7 * 1e9 / GATE_PERIOD_NS)])
    assert not any(hard[round((SETTINGS.trusted_s + 0.1) * 1e9 / GATE_PERIOD_NS) :])
    assert commands[-1].acceleration_mps2 == -SETTINGS.stop_mps2


def test_somebody_in_the_way_from_the_very_start_is_braked_for_as_early() -> None:
    commands = list(Driven().run(0.3, with_somebody_ahead(25.0)))
    assert [command.emergency for command in commands].index(True) == round(SETTINGS.confirm_s * 1e9 / GATE_PERIOD_NS)


def test_between_two_points_the_stop_bends_as_much_as_between_them() -> None:
    def steering(curvature: list[float]) -> float:
        driven, said = Driven(), messages()
        said["/planning/trajectory"] = replace(
            STRAIGHT_ON, stop_t_s=np.array([0.0, 3.0, 6.0]), stop_x_m=np.array([0.0, 30.0, 60.0]), stop_y_m=np.zeros(3),
            stop_yaw_rad=np.zeros(3), stop_speed_mps=np.array([20.0, 10.0, 0.0]),
            stop_acceleration_mps2=np.full(3, -3.5), stop_curvature_radpm=np.array(curvature),
        )  # fmt: skip
        said["/localization/odometry"] = Odometry(Pose(15.0, 0.0, 0.0), 20.0, 0.0, 0.0, 0.0, True)
        list(driven.run(1.0, said))
        return list(driven.run(1.0, said, silent=("/control/command",)))[-1].steering_rad

    assert steering([0.0, 0.01, 0.05]) == pytest.approx(steering([0.005, 0.005, 0.0]))
    assert steering([0.0, 0.01, 0.05]) != pytest.approx(steering([0.0, 0.0, 0.0]), abs=1e-4)
