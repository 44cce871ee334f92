"""Poses, the ego and its time as planners of the nuPlan devkit read them.

Attribute names, their order in constructors and their meaning are those of the devkit (`nuplan.common.actor_state`), so
that a planner written for it finds what it reads; they carry no units in their names: metres, seconds, radians, in the
`world` frame where nothing else is said. What is not listed here is not offered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import shapely

from geometry.angles import Floats, wrap_rad
from geometry.boxes import box_corners


@dataclass(frozen=True, slots=True)
class Point2D:
    """A point."""

    x: float
    y: float

    @property
    def array(self) -> Floats:
        """Shape (2,)."""
        return np.array([self.x, self.y])


@dataclass(frozen=True, slots=True)
class StateSE2:
    """A pose."""

    x: float
    y: float
    heading: float

    @property
    def point(self) -> Point2D:
        """Where it is."""
        return Point2D(self.x, self.y)

    @property
    def array(self) -> Floats:
        """x and y, shape (2,)."""
        return np.array([self.x, self.y])

    def serialize(self) -> list[float]:
        """x, y, heading."""
        return [self.x, self.y, self.heading]

    def distance_to(self, other: StateSE2 | Point2D) -> float:
        """Distance of the two points."""
        return math.hypot(self.x - other.x, self.y - other.y)

    def ahead(self, distance_m: float) -> StateSE2:
        """The pose so far ahead along the heading."""
        return StateSE2(
            self.x + distance_m * math.cos(self.heading), self.y + distance_m * math.sin(self.heading), self.heading
        )


@dataclass(frozen=True, slots=True)
class StateVector2D:
    """A velocity or acceleration: for the ego x is along its heading and y to its left."""

    x: float
    y: float

    @property
    def array(self) -> Floats:
        """Shape (2,)."""
        return np.array([self.x, self.y])

    def magnitude(self) -> float:
        """Its length."""
        return math.hypot(self.x, self.y)


@dataclass(frozen=True, slots=True, order=True)
class TimePoint:
    """An instant in microseconds."""

    time_us: int

    @property
    def time_s(self) -> float:
        """In seconds."""
        return self.time_us * 1e-6

    def __add__(self, other: TimePoint) -> TimePoint:
        return TimePoint(self.time_us + other.time_us)

    def __sub__(self, other: TimePoint) -> TimePoint:
        return TimePoint(self.time_us - other.time_us)


@dataclass(frozen=True, slots=True)
class VehicleParameters:
    """Sizes of the ego; `front_length` and `rear_length` count from the rear axle. The height is not known: 1.5 m."""

    width: float
    front_length: float
    rear_length: float
    wheel_base: float
    cog_position_from_rear_axle: float
    height: float = 1.5
    vehicle_name: str = "ego"

    @property
    def length(self) -> float:
        """From bumper to bumper."""
        return self.front_length + self.rear_length

    @property
    def half_length(self) -> float:
        """Half of the length."""
        return 0.5 * self.length

    @property
    def half_width(self) -> float:
        """Half of the width."""
        return 0.5 * self.width

    @property
    def rear_axle_to_center(self) -> float:
        """How far the middle lies ahead of the rear axle."""
        return self.half_length - self.rear_length


@dataclass(frozen=True, slots=True)
class OrientedBox:
    """A box by its middle."""

    center: StateSE2
    length: float
    width: float
    height: float = 1.5

    @property
    def geometry(self) -> shapely.Polygon:
        """Its outline."""
        x, y, yaw, length, width = (
            np.array(v) for v in (self.center.x, self.center.y, self.center.heading, self.length, self.width)
        )
        return shapely.Polygon(box_corners(x, y, yaw, length, width))

    @property
    def half_length(self) -> float:
        """Half of the length."""
        return 0.5 * self.length

    @property
    def half_width(self) -> float:
        """Half of the width."""
        return 0.5 * self.width

    def all_corners(self) -> list[Point2D]:
        """The four corners."""
        return [Point2D(float(x), float(y)) for x, y in list(self.geometry.exterior.coords)[:4]]


@dataclass(frozen=True, slots=True)
class CarFootprint:
    """The ego's box and where its rear axle is in it."""

    rear_axle: StateSE2
    vehicle_parameters: VehicleParameters

    @property
    def center(self) -> StateSE2:
        """The middle of the box."""
        return self.rear_axle.ahead(self.vehicle_parameters.rear_axle_to_center)

    @property
    def oriented_box(self) -> OrientedBox:
        """The box."""
        sizes = self.vehicle_parameters
        return OrientedBox(self.center, sizes.length, sizes.width, sizes.height)

    @property
    def geometry(self) -> shapely.Polygon:
        """Its outline."""
        return self.oriented_box.geometry

    @property
    def length(self) -> float:
        """From bumper to bumper."""
        return self.vehicle_parameters.length

    @property
    def width(self) -> float:
        """From side to side."""
        return self.vehicle_parameters.width

    def all_corners(self) -> list[Point2D]:
        """The four corners."""
        return self.oriented_box.all_corners()


@dataclass(frozen=True, slots=True)
class DynamicCarState:
    """How the ego moves. Velocity and acceleration of the middle are those of a rigid body without slip."""

    rear_axle_to_center_dist: float
    rear_axle_velocity_2d: StateVector2D
    rear_axle_acceleration_2d: StateVector2D
    angular_velocity: float = 0.0
    angular_acceleration: float = 0.0
    tire_steering_rate: float = 0.0

    @property
    def center_velocity_2d(self) -> StateVector2D:
        """Of the middle of the box."""
        rear = self.rear_axle_velocity_2d
        return StateVector2D(rear.x, rear.y + self.angular_velocity * self.rear_axle_to_center_dist)

    @property
    def center_acceleration_2d(self) -> StateVector2D:
        """Of the middle of the box."""
        rear, arm = self.rear_axle_acceleration_2d, self.rear_axle_to_center_dist
        return StateVector2D(rear.x - self.angular_velocity**2 * arm, rear.y + self.angular_acceleration * arm)

    @property
    def speed(self) -> float:
        """Of the middle."""
        return self.center_velocity_2d.magnitude()

    @property
    def acceleration(self) -> float:
        """Of the middle."""
        return self.center_acceleration_2d.magnitude()


@dataclass(frozen=True, slots=True)
class EgoState:
    """The ego at an instant."""

    car_footprint: CarFootprint
    dynamic_car_state: DynamicCarState
    tire_steering_angle: float
    time_point: TimePoint
    is_in_auto_mode: bool = field(default=True)

    @classmethod
    def build_from_rear_axle(
        cls, rear_axle_pose: StateSE2, rear_axle_velocity_2d: StateVector2D, rear_axle_acceleration_2d: StateVector2D,
        tire_steering_angle: float, time_point: TimePoint, vehicle_parameters: VehicleParameters,
        is_in_auto_mode: bool = True, angular_vel: float = 0.0, angular_accel: float = 0.0,
        tire_steering_rate: float = 0.0,
    ) -> EgoState:  # fmt: skip
        """A state from that of the rear axle."""
        dynamics = DynamicCarState(
            vehicle_parameters.rear_axle_to_center, rear_axle_velocity_2d, rear_axle_acceleration_2d, angular_vel,
            angular_accel, tire_steering_rate,
        )  # fmt: skip
        footprint = CarFootprint(rear_axle_pose, vehicle_parameters)
        return cls(footprint, dynamics, tire_steering_angle, time_point, is_in_auto_mode)

    @classmethod
    def build_from_center(
        cls, center: StateSE2, center_velocity_2d: StateVector2D, center_acceleration_2d: StateVector2D,
        tire_steering_angle: float, time_point: TimePoint, vehicle_parameters: VehicleParameters,
        is_in_auto_mode: bool = True, angular_vel: float = 0.0, angular_accel: float = 0.0,
        tire_steering_rate: float = 0.0,
    ) -> EgoState:  # fmt: skip
        """A state from that of the middle of the box."""
        arm = vehicle_parameters.rear_axle_to_center
        velocity = StateVector2D(center_velocity_2d.x, center_velocity_2d.y - angular_vel * arm)
        acceleration = StateVector2D(
            center_acceleration_2d.x + angular_vel**2 * arm, center_acceleration_2d.y - angular_accel * arm
        )
        return cls.build_from_rear_axle(
            center.ahead(-arm), velocity, acceleration, tire_steering_angle, time_point, vehicle_parameters,
            is_in_auto_mode, angular_vel, angular_accel, tire_steering_rate,
        )  # fmt: skip

    @property
    def rear_axle(self) -> StateSE2:
        """Pose of the rear axle."""
        return self.car_footprint.rear_axle

    @property
    def center(self) -> StateSE2:
        """Pose of the middle of the box."""
        return self.car_footprint.center

    @property
    def time_us(self) -> int:
        """The instant in microseconds."""
        return self.time_point.time_us

    @property
    def time_seconds(self) -> float:
        """The instant in seconds."""
        return self.time_point.time_s


class InterpolatedTrajectory:
    """States in the order of time, and those between them."""

    def __init__(self, trajectory: list[EgoState]) -> None:
        self._states = list(trajectory)

    @property
    def start_time(self) -> TimePoint:
        """When it begins."""
        return self._states[0].time_point

    @property
    def end_time(self) -> TimePoint:
        """When it ends."""
        return self._states[-1].time_point

    def get_sampled_trajectory(self) -> list[EgoState]:
        """The states that it was made of."""
        return self._states

    def get_state_at_time(self, time_point: TimePoint) -> EgoState:
        """The pose between two states (linear, the heading the short way round), the rest of the later one."""
        times = [state.time_us for state in self._states]
        after = min(max(int(np.searchsorted(times, time_point.time_us)), 1), len(times) - 1)
        one, two = self._states[after - 1], self._states[after]
        share = (time_point.time_us - one.time_us) / max(two.time_us - one.time_us, 1)
        a, b = one.rear_axle, two.rear_axle
        turn = wrap_rad(b.heading - a.heading)
        pose = StateSE2(a.x + share * (b.x - a.x), a.y + share * (b.y - a.y), wrap_rad(a.heading + share * turn))
        footprint = CarFootprint(pose, two.car_footprint.vehicle_parameters)
        return EgoState(footprint, two.dynamic_car_state, two.tire_steering_angle, time_point)
