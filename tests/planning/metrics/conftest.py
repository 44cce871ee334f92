"""Drives made by formula: cars on a straight road along x, whose every number a test can compute by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bus.messages import EntityKind
from geometry.polyline import Polyline
from motion.contact import overlapping_pairs
from motion.rollout import ContactEvent, EntityShape, Motion, Rollout
from planning.metrics.corridor import LaneCorridor
from planning.metrics.lane_view import LaneView, lane_view

DT_S = 0.02
LANE_HALF_M = 1.75
CAR = EntityShape("car", EntityKind.CAR, 4.5, 2.0, 1.5, 1.4, 2.8)
"""Front bumper 3.65 m ahead of the rear axle, tyre edges 1 m to the sides."""
MOTORCYCLE = EntityShape("motorcycle", EntityKind.MOTORCYCLE, 2.2, 0.6, 1.5, 0.7, 1.4)
PEDESTRIAN = EntityShape("pedestrian", EntityKind.PEDESTRIAN, 0.6, 0.6, 1.8, 0.0, 0.0)


@dataclass(frozen=True)
class Actor:
    """Rear axle of the ego, box centre of others, over time; (T,) each, NaN where absent."""

    x: np.ndarray
    y: np.ndarray
    name: str = "Other"
    shape: EntityShape = CAR
    yaw: np.ndarray | None = None


class Straight:
    """The builder that tests get as the fixture `road`."""

    dt_s = DT_S
    half_m = LANE_HALF_M
    front_m = CAR.centre_x_m + 0.5 * CAR.length_m
    half_length_m = 0.5 * CAR.length_m
    motorcycle = MOTORCYCLE
    pedestrian = PEDESTRIAN

    @staticmethod
    def times(duration_s: float) -> np.ndarray:
        return np.arange(round(duration_s / DT_S) + 1) * DT_S

    @staticmethod
    def braking(t_s, speed_mps, deceleration_mps2=0.0, from_s=0.0, down_to_mps=0.0):
        """Distance driven at constant speed, braking from an instant on until a lower speed is reached."""
        after = np.maximum(t_s - from_s, 0.0)
        if deceleration_mps2 <= 0.0:
            return speed_mps * t_s
        slowing = np.minimum(after, (speed_mps - down_to_mps) / deceleration_mps2)
        slowed = speed_mps * slowing - 0.5 * deceleration_mps2 * slowing**2
        return speed_mps * np.minimum(t_s, from_s) + slowed + down_to_mps * (after - slowing)

    @staticmethod
    def sideways(t_s, from_m, to_m, speed_mps, from_s):
        """Offset that moves at constant speed from one value to another."""
        way = np.minimum(np.maximum(t_s - from_s, 0.0) * speed_mps, abs(to_m - from_m))
        return from_m + np.sign(to_m - from_m) * way

    @staticmethod
    def ego(x, y=None, yaw=None, shape=CAR) -> Actor:
        x = np.asarray(x, dtype=float)
        return Actor(x, np.zeros(len(x)) if y is None else y, "Ego", shape, yaw)

    @staticmethod
    def other(x, y=0.0, name="Other", shape=CAR, yaw=None) -> Actor:
        x = np.asarray(x, dtype=float)
        return Actor(x, np.broadcast_to(np.asarray(y, dtype=float), x.shape), name, shape, yaw)

    @staticmethod
    def drive(t_s, ego: Actor, *others: Actor, set_speed_mps=60.0 / 3.6, engaged=None, demand=None) -> Rollout:
        actors = (ego, *others)
        motions = [motion(actor) for actor in actors]
        cast = tuple(
            EntityShape(
                a.name, a.shape.kind, a.shape.length_m, a.shape.width_m, 1.5, a.shape.centre_x_m, a.shape.wheelbase_m
            )
            for a in actors
        )
        columns = [
            np.array([getattr(m, name) for m in motions[1:]]).reshape(-1, len(t_s)).T
            for name in ("x_m", "y_m", "yaw_rad", "speed_mps", "acceleration_mps2", "present")
        ]
        ego_motion = motions[0]
        return Rollout(
            t_s=t_s,
            ego=ego_motion,
            others=Motion(*columns[:5], present=columns[5].astype(bool)),
            cast=cast,
            ego_id=0,
            other_ids=np.arange(1, len(actors)),
            engaged=np.ones(len(t_s), dtype=bool) if engaged is None else engaged,
            demand_mps2=ego_motion.acceleration_mps2 if demand is None else demand,
            steering_rad=np.zeros(len(t_s)),
            yaw_rate_radps=np.gradient(ego_motion.yaw_rad, DT_S),
            contacts=contacts(t_s, motions, cast),
            set_speed_mps=set_speed_mps,
        )

    @staticmethod
    def lane(marked=True, length_m=5000.0) -> LaneCorridor:
        x = np.arange(-200.0, length_m + 1.0, 20.0)
        sides = np.full(len(x), LANE_HALF_M)
        marks = np.full(len(x), marked)
        return LaneCorridor(Polyline.through(np.stack((x, 0.0 * x), axis=-1)), sides, sides, marks, marks)

    @classmethod
    def view(cls, t_s, ego: Actor, *others: Actor, **rest) -> LaneView:
        return lane_view(cls.drive(t_s, ego, *others, **rest), cls.lane())


def motion(actor: Actor) -> Motion:
    present = np.isfinite(actor.x)
    vx, vy = np.gradient(actor.x, DT_S), np.gradient(actor.y, DT_S)
    speed = np.hypot(vx, vy)
    yaw = np.where(speed > 0.1, np.arctan2(vy, vx), 0.0) if actor.yaw is None else actor.yaw
    acceleration = np.gradient(speed, DT_S)
    return Motion(actor.x, np.where(present, actor.y, np.nan), yaw, speed, acceleration, present)


def contacts(t_s, motions, cast) -> tuple[ContactEvent, ...]:
    """First contacts of each pair, from the boxes at each sample."""
    found, touching = [], set()
    length, width = (np.array([getattr(shape, name) for shape in cast]) for name in ("length_m", "width_m"))
    lever = np.array([cast[0].centre_x_m] + [0.0] * (len(cast) - 1))
    x, y, yaw, speed = (np.array([getattr(m, n) for m in motions]) for n in ("x_m", "y_m", "yaw_rad", "speed_mps"))
    x, y = x + lever[:, None] * np.cos(yaw), y + lever[:, None] * np.sin(yaw)
    present = np.array([m.present for m in motions])
    for i, t in enumerate(t_s):
        now = {
            (int(a), int(b)) for a, b in overlapping_pairs(x[:, i], y[:, i], yaw[:, i], length, width, present[:, i])
        }
        for a, b in sorted(now - touching):
            middle = 0.5 * (x[a, i] + x[b, i]), 0.5 * (y[a, i] + y[b, i])
            found.append(ContactEvent(float(t), a, b, *map(float, middle), float(speed[a, i]), float(speed[b, i])))
        touching |= now
    return tuple(found)


@pytest.fixture(scope="session")
def road() -> type[Straight]:
    return Straight
