"""`<Trajectory>`: a named shape (polyline, clothoid, clothoid spline, NURBS) that becomes a curve when it is needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from geometry.errors import InputError
from geometry.pose import Pose
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.curves import Curve, clothoid, joined, nurbs, polyline, timed
from sim.scenarios.openscenario.declarations import read_declarations
from sim.scenarios.openscenario.parameters import declare
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.spots import Where

Draw = Callable[[Cast, Pose | None], Curve]
"""The curve in `world`; the pose is where it begins if the file leaves that open."""
ReadPosition = Callable[[Node], Where]

MAX_LENGTH_M = 100_000.0


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A trajectory of a file. `closed`: its end is its beginning."""

    name: str
    closed: bool
    timed: bool
    draw: Draw


def read_trajectory(holder: Node, read_position: ReadPosition) -> Trajectory:
    """The trajectory written below an element, or referred to there.

    Raises:
        InputError: a shape that has no length, or lacks points, knots or times.
    """
    node = holder.referenced("Trajectory")
    if node.find("ParameterDeclarations") is not None and holder.find("CatalogReference") is None:
        node = node.within(declare(read_declarations(node), node.scope))
    shape = node.allow("ParameterDeclarations", "Shape").child("Shape")
    readers = {
        name: lambda item, read=read: read(item, read_position)  # type: ignore[misc]
        for name, read in TRAJECTORY_SHAPES.items()
    }
    has_times, draw = shape.choose(readers)
    return Trajectory(node.text("name", ""), node.boolean("closed", False), has_times, draw)


def _times(items: tuple[Node, ...]) -> tuple[float, ...] | None:
    """The times of vertices or control points; None unless all have one."""
    if not all(item.has("time") for item in items):
        return None
    times = tuple(item.number("time") for item in items)
    for item, (a, b) in zip(items[1:], pairwise(times), strict=True):
        if b < a:
            raise InputError("the times of a trajectory must not decrease", item.place)
    return times


def _oriented(position: Node) -> bool:
    return any(child.find("Orientation") is not None or child.has("h") for child in position)


def _polyline(node: Node, read_position: ReadPosition) -> tuple[bool, Draw]:
    items = tuple(node.allow("Vertex"))
    if len(items) < 2:
        raise InputError("a trajectory needs at least two vertices", node.place)
    positions = [item.child("Position") for item in items]
    wheres, times = [read_position(position) for position in positions], _times(items)
    oriented = [_oriented(position) for position in positions]
    return times is not None, lambda cast, _start: polyline([where(cast).pose for where in wheres], oriented, times)


def _length(node: Node) -> float:
    return node.number("length", least=1e-3, most=MAX_LENGTH_M)


def _clothoid(node: Node, read_position: ReadPosition) -> tuple[bool, Draw]:
    where, length_m, curvature = read_position(node.child("Position")), _length(node), node.number("curvature")
    rate = node.number("curvaturePrime" if node.has("curvaturePrime") else "curvatureDot")
    times = (node.number("startTime"), node.number("stopTime")) if node.has("startTime") else None

    def draw(cast: Cast, _start: Pose | None) -> Curve:
        curve = clothoid(where(cast).pose, curvature, curvature + rate * length_m, length_m)
        return curve if times is None else timed(curve, *times)

    return times is not None, draw


@dataclass(frozen=True, slots=True)
class _Segment:
    where: Where | None
    curvature: float
    curvature_end: float
    length_m: float
    turn_rad: float
    end_s: float | None


def _spline(node: Node, read_position: ReadPosition) -> tuple[bool, Draw]:
    segments = tuple(_segment(item, read_position) for item in node.allow("ClothoidSplineSegment"))
    if not segments:
        raise InputError("a <ClothoidSpline> needs at least one segment", node.place)
    times = [segment.end_s for segment in segments]
    end_s = node.number("timeEnd") if node.has("timeEnd") else times[-1]
    place = node.place

    def draw(cast: Cast, start: Pose | None) -> Curve:
        curves: list[Curve] = []
        pose = start
        for segment in segments:
            if segment.where is not None:
                pose = segment.where(cast).pose
            if pose is None:
                raise InputError("this trajectory begins where an entity stands, which is not known here", place)
            pose = Pose(pose.x_m, pose.y_m, pose.yaw_rad + segment.turn_rad)
            curves.append(clothoid(pose, segment.curvature, segment.curvature_end, segment.length_m))
            pose = curves[-1].at(segment.length_m)
        whole = joined(curves)
        return whole if end_s is None else timed(whole, 0.0, end_s)

    return end_s is not None, draw


def _segment(node: Node, read_position: ReadPosition) -> _Segment:
    position = node.allow("PositionStart").find("PositionStart")
    return _Segment(
        None if position is None else read_position(position),
        node.number("curvatureStart"),
        node.number("curvatureEnd"),
        _length(node),
        node.number("hOffset", 0.0),
        node.number("timeStart") if node.has("timeStart") else None,
    )


def _nurbs(node: Node, read_position: ReadPosition) -> tuple[bool, Draw]:
    items, order = node.allow("ControlPoint", "Knot").all("ControlPoint"), node.integer("order")
    knots = np.array([item.number("value") for item in node.all("Knot")])
    if not 2 <= order <= len(items):
        raise node.wrong("order", str(order), f"a number from 2 to the {len(items)} control points")
    if len(knots) != len(items) + order or np.any(np.diff(knots) < 0.0) or knots[order - 1] >= knots[len(items)]:
        raise InputError(
            f"{len(items)} control points of order {order} need {len(items) + order} rising knots", node.place
        )
    wheres = [read_position(item.child("Position")) for item in items]
    weights = np.array([item.number("weight", 1.0, least=1e-9) for item in items])
    times = _times(items)

    def draw(cast: Cast, _start: Pose | None) -> Curve:
        poses = [where(cast).pose for where in wheres]
        points = np.array([(pose.x_m, pose.y_m) for pose in poses])
        if not math.isfinite(float(points.sum())):
            raise InputError("a control point is not finite", node.place)
        return nurbs(points, weights, knots, order, None if times is None else np.array(times))

    return times is not None, draw


TRAJECTORY_SHAPES: dict[str, Callable[[Node, ReadPosition], tuple[bool, Draw]]] = {
    "Polyline": _polyline,
    "Clothoid": _clothoid,
    "ClothoidSpline": _spline,
    "Nurbs": _nurbs,
}
