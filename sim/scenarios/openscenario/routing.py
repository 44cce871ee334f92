"""Routing actions: assign a route, acquire a position, follow a trajectory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from geometry.errors import InputError
from geometry.pose import Pose
from sim.scenarios.openscenario.action import BOTH, LATERAL, NEITHER, Action, Running, at_once
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.curves import Curve
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.positions import read_position
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.routes import read_route
from sim.scenarios.openscenario.trajectories import read_trajectory
from sim.scenarios.openscenario.ways import way_through


def assign_route(node: Node) -> Action:
    """`<AssignRouteAction>`: from now on the entity takes the turns of the route."""
    route = read_route(node, read_position)

    def do(cast: Cast, mover: Mover) -> None:
        mover.way = route.way(cast)

    return at_once("AssignRouteAction", NEITHER, do)


def acquire_position(node: Node) -> Action:
    """`<AcquirePositionAction>`: a route from where the entity is to the position."""
    where, place = read_position(node.child("Position")), node.place

    def do(cast: Cast, mover: Mover) -> None:
        if mover.road is None:
            raise InputError(f"{mover.shape.name} is not on the road and cannot find a way on it", place)
        way = way_through(cast.network, (mover.road, where(cast).located(cast)))
        if way is None:
            raise InputError(f"no roads lead from {mover.shape.name} to this position", place)
        mover.way = way

    return at_once("AcquirePositionAction", NEITHER, do)


# --- trajectories ---


@dataclass(frozen=True, slots=True)
class _Timing:
    """How the times of a trajectory map to the run: scale, offset [s], and whether they are absolute."""

    scale: float
    offset_s: float
    absolute: bool


@dataclass(slots=True)
class _TrajectoryRun:
    """Along a curve: by its clock where it has one, else at the entity's own speed."""

    curve: Curve
    timing: _Timing | None
    started_s: float
    s_m: float
    closed: bool

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:
        before_m = self.s_m
        if self.timing is None:
            self.s_m += mover.speed_mps * dt_s
            if self.closed:
                self.s_m %= self.curve.length_m
            reached = self.s_m >= self.curve.length_m - 1e-6 and not self.closed
            speed_mps = mover.speed_mps
        else:
            clock_s = self._clock_s(t_s + dt_s)
            self.s_m = self.curve.s_at(clock_s)
            reached = clock_s >= self.curve.end_s - 1e-9
            moving = self.s_m < self.curve.length_m - 1e-6 and dt_s > 0.0
            speed_mps = (self.s_m - before_m) / dt_s if moving else mover.speed_mps
        over_m = self.s_m - self.curve.length_m if reached and self.timing is None else 0.0
        pose = self.curve.at(self.s_m) @ Pose(over_m, 0.0, 0.0)  # what is left of the step goes straight on
        mover.follow(cast.network, pose, speed_mps, dt_s)
        mover.guided = True
        mover.curve, mover.curve_s_m = (None, 0.0) if reached else (self.curve, self.s_m)
        return reached

    def _clock_s(self, t_s: float) -> float:
        """The trajectory's own time at a time of the run: the file's times are scaled, then shifted."""
        assert self.timing is not None
        since_s = t_s if self.timing.absolute else t_s - self.started_s
        return (since_s - self.timing.offset_s) / self.timing.scale


def follow_trajectory(node: Node) -> Action:
    """`<FollowTrajectoryAction>`."""
    node.allow("Trajectory", "CatalogReference", "TrajectoryRef", "TimeReference", "TrajectoryFollowingMode")
    mode = node.find("TrajectoryFollowingMode")
    if mode is not None:
        mode.choice("followingMode", ("position", "follow"))
    trajectory = read_trajectory(node.find("TrajectoryRef") or node, read_position)
    timing = _timing(node.find("TimeReference"))
    if timing is not None and not trajectory.timed:
        raise InputError("a trajectory with a time reference needs a time at every vertex", node.place)
    first_m = node.number("initialDistanceOffset", 0.0, least=0.0)

    def start(cast: Cast, mover: Mover, t_s: float) -> Running:
        curve = trajectory.draw(cast, mover.pose if mover.present else None)
        if timing is None:
            mover.place(cast.network, curve.at(first_m))
            mover.curve, mover.curve_s_m = curve, first_m
        elif not mover.present:
            mover.place(cast.network, curve.at(0.0))
        return _TrajectoryRun(curve, timing, t_s, first_m, trajectory.closed)

    return Action("FollowTrajectoryAction", LATERAL if timing is None else BOTH, start)


def _timing(node: Node | None) -> _Timing | None:
    timing = None if node is None else node.allow("Timing", "None").find("Timing")
    if timing is None:
        return None
    absolute = timing.choice("domainAbsoluteRelative", ("absolute", "relative")) == "absolute"
    scale = timing.number("scale", 1.0)
    if not (scale > 0.0 and math.isfinite(scale)):
        raise timing.wrong("scale", str(scale), "a number above 0")
    return _Timing(scale, timing.number("offset", 0.0), absolute)
