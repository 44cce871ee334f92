"""From plan to command: the tracker keeps a curve; the planner's node falls silent without fresh inputs."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bus.messages import (
    Envelope,
    Odometry,
    PoseEstimate,
    PoseStatus,
    Tracks,
    Trajectory,
    WeatherEstimate,
    WeatherKind,
)  # fmt: skip
from bus.node import Received, Tick
from geometry.pose import Pose
from motion.bicycle import step_bicycle
from motion.tracking import TrackingSettings, lateral_gains
from planning.control import node as control_node
from planning.control import track
from planning.dead_reckoning import moved_on
from planning.grip import friction_of
from planning.idm import IdmPlanner
from planning.planner import PlannerSettings, node, trajectory_message
from planning.scene import Context, Seen, assemble
from tests.planning.conftest import CAR, SceneMaker

NO_STOP = {f"stop_{name}": np.zeros(0) for name in ("t_s", "x_m", "y_m", "yaw_rad", "speed_mps", "acceleration_mps2",
                                                    "curvature_radpm")}  # fmt: skip


def circle(radius_m: float, speed_mps: float, angle: float) -> Trajectory:
    """Six seconds along a left turn around (0, radius), from an angle on."""
    t = np.arange(0.0, 6.01, 0.1)
    turned = angle + speed_mps * t / radius_m
    return Trajectory(
        label="", reason="", lead_id=-1, emergency=False, t_s=t, x_m=radius_m * np.sin(turned),
        y_m=radius_m * (1.0 - np.cos(turned)), yaw_rad=turned, speed_mps=np.full(len(t), speed_mps),
        acceleration_mps2=np.zeros(len(t)), curvature_radpm=np.full(len(t), 1.0 / radius_m), **NO_STOP,
    )  # fmt: skip


@pytest.mark.parametrize(("radius_m", "speed_mps"), [(30.0, 7.0), (120.0, 15.0), (500.0, 30.0)])
def test_a_curve_is_tracked_within_a_hand_from_an_offset(radius_m: float, speed_mps: float) -> None:
    settings = TrackingSettings()
    gains = lateral_gains(CAR, settings, 0.02)
    state = (0.0, -0.4, 0.0, speed_mps, 0.0, 0.0)
    offsets = []
    for _ in range(500):
        x, y, yaw, speed, acceleration, steering = state
        angle = math.atan2(x, radius_m - y)
        plan = circle(radius_m, speed_mps, angle - 2.0 / radius_m)
        command = track(plan, Odometry(Pose(x, y, yaw), speed, acceleration, 0.0, steering, True), 2.0 / speed_mps,
                        CAR, settings, gains)  # fmt: skip
        *state, _ = step_bicycle(
            x, y, yaw, speed, acceleration, steering, command.acceleration_mps2, command.steering_rad, CAR.wheelbase_m,
            CAR.max_steering_rad, CAR.max_steering_rate_radps, CAR.acceleration_lag_s, CAR.steering_lag_s, 0.02,
        )  # fmt: skip
        offsets.append(radius_m - math.hypot(x, radius_m - y))
    assert abs(offsets[-1]) < 0.05
    assert max(offsets) < 0.25
    assert state[3] == pytest.approx(speed_mps, abs=0.1)


def swerve(aside_m: float, over_m: float, speed_mps: float) -> Trajectory:
    """An emergency plan to the left, as smooth as a step of fifth order is."""
    x = speed_mps * np.arange(0.0, 4.0, 0.02)
    u = np.clip(x / over_m, 0.0, 1.0)
    y = aside_m * u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
    slope = aside_m * 30.0 * u**2 * (1.0 - u) ** 2 / over_m
    bend = aside_m * 60.0 * u * (1.0 - 3.0 * u + 2.0 * u * u) / over_m**2
    return replace(
        circle(1e6, speed_mps, 0.0), emergency=True, t_s=x / speed_mps, x_m=x, y_m=y, yaw_rad=np.arctan(slope),
        speed_mps=np.full(len(x), speed_mps), acceleration_mps2=np.zeros(len(x)),
        curvature_radpm=bend / (1.0 + slope**2) ** 1.5,
    )  # fmt: skip


def furthest_off_m(plan: Trajectory, settings: TrackingSettings) -> float:
    """How far a car that follows the plan gets off its path."""
    gains, off = lateral_gains(CAR, settings, 0.02), 0.0
    state = (0.0, 0.0, 0.0, float(plan.speed_mps[0]), 0.0, 0.0)
    for step in range(90):
        ego = Odometry(Pose(*state[:3]), state[3], state[4], 0.0, state[5], True)
        command = track(plan, ego, 0.02 * step, CAR, settings, gains)
        *state, _ = step_bicycle(
            *state, command.acceleration_mps2, command.steering_rad, CAR.wheelbase_m, CAR.max_steering_rad,
            CAR.max_steering_rate_radps, CAR.acceleration_lag_s, CAR.steering_lag_s, 0.02,
        )  # fmt: skip
        off = max(off, abs(state[1] - float(np.interp(state[0], plan.x_m, plan.y_m))))
    return off


def test_an_emergency_swerve_is_followed_to_a_few_centimetres_and_steered_harder_than_is_comfortable() -> None:
    plan = swerve(2.2, 26.0, 17.0)  # takes 5.4 m/s^2 sideways
    assert furthest_off_m(plan, TrackingSettings()) < 0.1
    assert (
        furthest_off_m(replace(plan, emergency=False), replace(TrackingSettings(), lateral_acceleration_mps2=3.0)) > 0.2
    )


def test_acceleration_is_commanded_ahead_by_the_actuator_lag() -> None:
    plan = circle(1e6, 20.0, 0.0)
    brake = np.where(plan.t_s < 1.0, 0.0, -3.0)
    plan = replace(plan, acceleration_mps2=brake)
    gains = lateral_gains(CAR, TrackingSettings(), 0.02)
    odometry = Odometry(Pose(0.0, 0.0, 0.0), 20.0, 0.0, 0.0, 0.0, True)
    early = track(plan, odometry, 1.0 - CAR.acceleration_lag_s, CAR, TrackingSettings(), gains)
    before = track(plan, odometry, 0.5, CAR, TrackingSettings(), gains)
    assert early.acceleration_mps2 == pytest.approx(-3.0)
    assert before.acceleration_mps2 == pytest.approx(0.0)


def test_a_car_whose_plans_stand_in_a_moment_stands_and_does_not_creep() -> None:
    """Every 0.1 s a plan that takes the speed of then to rest within 0.3 s: the car follows none of them to its end."""
    settings = TrackingSettings()
    gains, plan = lateral_gains(CAR, settings, 0.02), circle(1e6, 0.0, 0.0)
    state = (0.0, 0.0, 0.0, 0.45, -1.0, 0.0)
    for step in range(35):
        x, y, yaw, speed, acceleration, steering = state
        if step % 5 == 0:
            falling = np.maximum(speed * (1.0 - plan.t_s / 0.3), 0.0)
            plan = replace(plan, speed_mps=falling, acceleration_mps2=np.where(falling > 0.0, -speed / 0.3, 0.0))
        odometry = Odometry(Pose(x, y, yaw), speed, acceleration, 0.0, steering, True)
        command = track(plan, odometry, 0.02 * (step % 5) + settings.delay_s, CAR, settings, gains)
        *state, _ = step_bicycle(
            x, y, yaw, speed, acceleration, steering, command.acceleration_mps2, command.steering_rad, CAR.wheelbase_m,
            CAR.max_steering_rad, CAR.max_steering_rate_radps, CAR.acceleration_lag_s, CAR.steering_lag_s, 0.02,
        )  # fmt: skip
    assert state[3] == 0.0


def test_the_brake_is_held_while_the_plan_stands_and_let_go_when_it_starts() -> None:
    standing = circle(1e6, 0.0, 0.0)
    creeping = replace(standing, speed_mps=np.full(61, 0.004), acceleration_mps2=np.full(61, 0.01))
    starting = replace(standing, speed_mps=0.8 * standing.t_s, acceleration_mps2=np.full(61, 0.8))
    gains = lateral_gains(CAR, TrackingSettings(), 0.02)
    odometry = Odometry(Pose(0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0, True)
    held, still, gone = (
        track(plan, odometry, 0.02, CAR, TrackingSettings(), gains).acceleration_mps2
        for plan in (standing, creeping, starting)
    )
    assert held == still == -TrackingSettings().standstill_mps2
    assert gone > 0.5


def test_an_emergency_brake_is_held_until_the_car_stands() -> None:
    plan = circle(1e6, 0.0, 0.0)
    braking = plan.t_s < 0.15  # the plan stands before the actuator has followed
    plan = replace(
        plan, speed_mps=np.maximum(1.2 - 9.0 * plan.t_s, 0.0), acceleration_mps2=np.where(braking, -9.0, 0.0)
    )
    gains = lateral_gains(CAR, TrackingSettings(), 0.02)
    odometry = Odometry(Pose(0.0, 0.0, 0.0), 1.2, -5.0, 0.0, 0.0, True)
    calm, emergency = (
        track(one, odometry, 0.02, CAR, TrackingSettings(), gains).acceleration_mps2
        for one in (plan, replace(plan, emergency=True))
    )
    assert emergency <= -9.0 < calm


# --- delay and grip ---------------------------------------------------------------------------------------------------


def driven_with_delay(delay_s: float, compensated_s: float) -> np.ndarray:
    """Offsets from a straight path at 25 m/s, from 1 m beside it, when commands work `delay_s` late."""
    settings = replace(TrackingSettings(), delay_s=compensated_s)
    gains = lateral_gains(CAR, settings, 0.02)
    state, waiting = (0.0, 1.0, 0.0, 25.0, 0.0, 0.0), [(0.0, 0.0)] * round(delay_s / 0.02)
    offsets = []
    for _ in range(400):
        ego = Odometry(Pose(*state[:3]), state[3], state[4], 0.0, state[5], True)
        plan = circle(1e9, 25.0, 0.0)
        plan = replace(plan, x_m=plan.x_m + state[0] - 2.0)
        command = track(
            plan,
            moved_on(ego, ego.acceleration_mps2, ego.steering_rad, compensated_s, CAR),
            0.08 + compensated_s,
            CAR,
            settings,
            gains,
        )
        waiting.append((command.acceleration_mps2, command.steering_rad))
        acceleration, steering = waiting.pop(0)
        *state, _ = step_bicycle(
            *state, acceleration, steering, CAR.wheelbase_m, CAR.max_steering_rad, CAR.max_steering_rate_radps,
            CAR.acceleration_lag_s, CAR.steering_lag_s, 0.02,
        )  # fmt: skip
        offsets.append(state[1])
    return np.array(offsets)


def test_a_delay_that_is_known_costs_less_overshoot() -> None:
    ideal, late, answered = (driven_with_delay(*each) for each in ((0.0, 0.0), (0.3, 0.0), (0.3, 0.3)))
    assert -late.min() > -ideal.min() + 0.02
    assert -answered.min() < 0.7 * -late.min()
    assert abs(answered[-1]) < 0.05


def test_moving_on_is_what_the_bicycle_does_with_wheels_held() -> None:
    ego = Odometry(Pose(3.0, -2.0, 0.4), 12.0, -1.0, 0.0, 0.05, True)
    later = moved_on(ego, ego.acceleration_mps2, ego.steering_rad, 0.1, CAR)
    travelled = 12.0 * 0.1 - 0.5 * 0.1**2
    assert later.speed_mps == pytest.approx(11.9)
    turned = later.odom_from_ego.yaw_rad - 0.4
    assert turned == pytest.approx(travelled * math.tan(0.05) / CAR.wheelbase_m, rel=1e-6)
    chord = math.hypot(later.odom_from_ego.x_m - 3.0, later.odom_from_ego.y_m + 2.0)
    assert chord == pytest.approx(travelled, rel=1e-3)
    assert moved_on(ego, ego.acceleration_mps2, ego.steering_rad, 0.0, CAR) is ego


@pytest.mark.parametrize("friction", [0.2, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("braking_mps2", [0.0, 4.0, 9.0])
def test_steering_and_braking_together_stay_within_what_the_tyres_hold(friction: float, braking_mps2: float) -> None:
    plan = circle(25.0, 14.0, 0.0)  # asks for 7.8 m/s^2 sideways
    plan = replace(plan, acceleration_mps2=np.full(61, -braking_mps2), emergency=True)
    gains = lateral_gains(CAR, TrackingSettings(), 0.02)
    ego = Odometry(Pose(0.0, 0.0, 0.0), 14.0, 0.0, 0.0, math.atan(CAR.wheelbase_m / 25.0), True)
    grip = friction * 9.81
    command = track(plan, ego, 0.0, CAR, TrackingSettings(), gains, grip)
    sideways = 14.0**2 * math.tan(command.steering_rad) / CAR.wheelbase_m
    assert abs(sideways) <= 0.9 * grip + 1e-9
    assert math.hypot(sideways, command.acceleration_mps2) <= grip + 1e-9
    if braking_mps2 == 9.0:
        assert -command.acceleration_mps2 >= 0.29 * grip


def test_on_a_straight_road_all_of_the_grip_brakes() -> None:
    plan = replace(circle(1e9, 14.0, 0.0), acceleration_mps2=np.full(61, -9.0), emergency=True)
    gains = lateral_gains(CAR, TrackingSettings(), 0.02)
    ego = Odometry(Pose(0.0, 0.0, 0.0), 14.0, 0.0, 0.0, 0.0, True)
    assert track(plan, ego, 0.0, CAR, TrackingSettings(), gains, 0.3 * 9.81).acceleration_mps2 == pytest.approx(-2.943)
    assert track(plan, ego, 0.0, CAR, TrackingSettings(), gains, 0.95 * 9.81).acceleration_mps2 == pytest.approx(-9.0)


def weather(**kinds: float) -> WeatherEstimate:
    chances = np.zeros(6)
    for name, chance in kinds.items():
        chances[WeatherKind[name.upper()]] = chance
    return WeatherEstimate(chances)


def test_friction_is_that_of_the_worst_weather_to_be_reckoned_with() -> None:
    dry, wet, snow, unknown = (
        friction_of(seen)
        for seen in (weather(clear=1.0), weather(clear=0.6, rain=0.4), weather(rain=0.5, snow=0.5), None)
    )
    assert snow < wet < dry == unknown
    assert friction_of(weather(clear=0.9, snow=0.1)) == dry


def test_the_node_brakes_softer_when_snow_is_seen() -> None:
    made = control_node(CAR, TrackingSettings())
    now = 5_000_000_000
    plan = replace(circle(1e9, 14.0, 0.0), acceleration_mps2=np.full(61, -6.0), emergency=True)
    ego = Odometry(Pose(0.0, 0.0, 0.0), 14.0, 0.0, 0.0, 0.0, True)

    def commanded(seen: WeatherEstimate | None) -> float:
        inputs: dict[str, object] = {"/localization/odometry": ego, "/planning/trajectory": plan}
        if seen is not None:
            inputs["/perception/weather"] = seen
        tick = Tick(now, {t: received(t, m, now) for t, m in inputs.items()}, None, np.random.default_rng(0))
        _, (said,) = made.step(made.memory, tick)
        return float(said.message.acceleration_mps2)

    assert commanded(None) < -5.9
    assert commanded(weather(snow=1.0)) == pytest.approx(-0.3 * 9.81)


def tracks_of(*rows: tuple[float, float, float, float]) -> Tracks:
    """Tracks at (x, y) with (vx, vy) in odom."""
    n = len(rows)
    x, y, vx, vy = np.array(rows).reshape(n, 4).T
    one, none = np.ones(n), np.zeros(n)
    return Tracks(np.arange(n), np.zeros(n, dtype=np.int64), one, x, y, none, vx, vy, none, none, 4.5 * one, 1.8 * one,
                  1.5 * one, np.zeros((n, 4, 4)))  # fmt: skip


def test_the_scene_turns_odom_into_world_and_moves_tracks_on(context: Context) -> None:
    world_from_odom = Pose(100.0, 50.0, math.pi / 2)
    pose = PoseEstimate(world_from_odom, PoseStatus.LANE_CERTAIN, 0.0, 0.0, 0.0, np.zeros((3, 3)))
    odometry = Odometry(Pose(10.0, 0.0, 0.0), 5.0, 0.0, 0.0, 0.0, True)
    tracks = replace(tracks_of((20.0, 0.0, 4.0, 0.0)), covariance=np.diag((4.0, 0.25, 2.0, 1.0))[None])
    scene = assemble(context, 0, odometry, pose, Seen(tracks, 0.5))
    assert (scene.ego.world_from_ego.x_m, scene.ego.world_from_ego.y_m) == pytest.approx((100.0, 60.0))
    assert (scene.agents.x_m[0], scene.agents.y_m[0]) == pytest.approx((100.0, 72.0))
    assert (scene.agents.vx_mps[0], scene.agents.vy_mps[0]) == pytest.approx((0.0, 4.0))
    assert scene.agents.yaw_rad[0] == pytest.approx(math.pi / 2)
    np.testing.assert_allclose(scene.agents.covariance[0], np.diag((0.25, 4.0, 1.0, 2.0)), atol=1e-12)
    assert scene.agents.existence[0] == 1.0


def test_a_plan_in_odom_is_the_plan_in_world_moved(scene: SceneMaker) -> None:
    start = scene(20.0)
    plan, _ = IdmPlanner().plan(start, IdmPlanner().start(start.context))
    world_from_odom = Pose(30.0, -20.0, 0.7)
    message = trajectory_message(plan, world_from_odom.inverse())
    back = world_from_odom @ np.stack((message.x_m, message.y_m), axis=-1)
    np.testing.assert_allclose(back, np.stack((plan.states.x_m, plan.states.y_m), axis=-1), atol=1e-9)
    np.testing.assert_array_equal(message.speed_mps, plan.states.speed_mps)


def received(topic: str, message: object, measured_ns: int) -> Received:
    return Received(Envelope(topic, "test", 0, measured_ns, measured_ns, measured_ns), message)


@pytest.mark.parametrize("stale", [None, "/localization/odometry", "/localization/pose", "/perception/tracks"])
def test_the_planner_is_silent_without_fresh_inputs(context: Context, stale: str | None) -> None:
    path = context.mission.route.path
    pose = Pose(*path.points[40], float(path.yaw_rad[40]))
    now = 5_000_000_000
    inputs = {
        "/localization/odometry": Odometry(Pose(0.0, 0.0, 0.0), 20.0, 0.0, 0.0, 0.0, True),
        "/localization/pose": PoseEstimate(pose, PoseStatus.LANE_CERTAIN, 0.0, 0.0, 0.0, np.zeros((3, 3))),
        "/perception/tracks": tracks_of(),
    }
    made = node(IdmPlanner(), context, PlannerSettings())
    tick = Tick(now, {t: received(t, m, now - (2_000_000_000 if t == stale else 0)) for t, m in inputs.items()}, None,
                np.random.default_rng(0))  # fmt: skip
    _, said = made.step(made.memory, tick)
    assert len(said) == (0 if stale else 1)
    if said:
        assert said[0].message.stop_speed_mps[-1] == 0.0
