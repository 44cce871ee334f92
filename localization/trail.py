"""Where the car has been in the last seconds, by IMU and wheels alone, so that measurements of the past find it there.

In: points in `odom` in time order. Out: the point of any time within the trail, interpolated; times beyond an end are
carried on from that end at constant velocity.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

from geometry.pose import Pose


@dataclass(frozen=True, slots=True)
class TrailPoint:
    """Place in `odom`, speed and acceleration along the heading at a time.

    `sideways_mps` is how fast the antenna moves to the left as the body rolls about an axis below it.
    `yaw_rate_radps` is what the calibrated gyro says.
    """

    stamp_ns: int
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    acceleration_mps2: float
    sideways_mps: float = 0.0
    yaw_rate_radps: float = 0.0


@dataclass(frozen=True, slots=True)
class Trail:
    """Points of the last `span_s` seconds, oldest first; at least one."""

    points: tuple[TrailPoint, ...]
    span_s: float = 1.5

    @property
    def newest(self) -> TrailPoint:
        """The latest point."""
        return self.points[-1]

    def with_point(self, point: TrailPoint) -> Trail:
        """The trail with a later point, and without what is older than its span."""
        oldest_ns = point.stamp_ns - round(self.span_s * 1e9)
        first = bisect_left(self.points, oldest_ns, key=lambda one: one.stamp_ns)
        return Trail((*self.points[first:], point), self.span_s)

    def covers(self, stamp_ns: int, ahead_s: float = 0.0) -> bool:
        """Whether a time lies within the trail, or ahead of it by no more than `ahead_s`."""
        return self.points[0].stamp_ns <= stamp_ns <= self.newest.stamp_ns + round(ahead_s * 1e9)

    def now_from_then(self, stamp_ns: int) -> Pose:
        """The ego's pose of a time, seen from where it is now."""
        now, then = self.newest, self.at(stamp_ns)
        return Pose(now.x_m, now.y_m, now.yaw_rad).inverse() @ Pose(then.x_m, then.y_m, then.yaw_rad)

    def at(self, stamp_ns: int) -> TrailPoint:
        """The point of a time."""
        after = bisect_left(self.points, stamp_ns, key=lambda one: one.stamp_ns)
        if after == 0 or after == len(self.points):
            return _carried(self.points[0 if after == 0 else -1], stamp_ns)
        a, b = self.points[after - 1], self.points[after]
        w = (stamp_ns - a.stamp_ns) / (b.stamp_ns - a.stamp_ns)
        return TrailPoint(
            stamp_ns, a.x_m + w * (b.x_m - a.x_m), a.y_m + w * (b.y_m - a.y_m),
            a.yaw_rad + w * (b.yaw_rad - a.yaw_rad), a.speed_mps + w * (b.speed_mps - a.speed_mps),
            a.acceleration_mps2 + w * (b.acceleration_mps2 - a.acceleration_mps2),
            a.sideways_mps + w * (b.sideways_mps - a.sideways_mps),
            a.yaw_rate_radps + w * (b.yaw_rate_radps - a.yaw_rate_radps),
        )  # fmt: skip


def _carried(point: TrailPoint, stamp_ns: int) -> TrailPoint:
    gone = point.speed_mps * (stamp_ns - point.stamp_ns) * 1e-9
    return TrailPoint(
        stamp_ns, point.x_m + gone * math.cos(point.yaw_rad), point.y_m + gone * math.sin(point.yaw_rad),
        point.yaw_rad, point.speed_mps, point.acceleration_mps2, point.sideways_mps, point.yaw_rate_radps,
    )  # fmt: skip
