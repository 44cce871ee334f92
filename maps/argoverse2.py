"""Reader for Argoverse 2 vector maps (the JSON archives of sensor logs and forecasting scenarios).

In: a `log_map_archive_*.json`. Out: the lane map in the city's frame, SI. Segments in intersections that overlap form
one junction; the map holds no speed limits, signs or lights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geometry.angles import Floats
from geometry.errors import InputError
from maps.lane_map import LaneMap, MarkSpan
from maps.lanelets import Beside, Lanelet, lane_map_of

MAX_BYTES = 64 * 2**20
_SPACING_M = 2.0
_LONGEST_M = 20_000.0
_KINDS = {"VEHICLE": "driving", "BUS": "driving", "BIKE": "biking"}
_MARKS = {
    "SOLID": "solid", "DASHED": "broken", "DOUBLE_SOLID": "solid solid", "DOUBLE_DASH": "broken broken",
    "SOLID_DASH": "solid broken", "DASH_SOLID": "broken solid",
}  # fmt: skip
_MARK_WIDTH_M = 0.12


def read_argoverse2_map(path: Path) -> LaneMap:
    """The lane map of an archive; lane ids are the segments' ids.

    Raises:
        InputError: the file is too large, no JSON, or a segment lacks something; it names the segment.
    """
    tree = _tree(path)
    segments = _mapping(tree, "lane_segments", path)
    if not segments:
        raise InputError("the map has no lane_segments", path)
    found = [_segment(key, value, path) for key, value in sorted(segments.items())]
    known = {lanelet.id for lanelet in found}
    kept = [_within(lanelet, known) for lanelet in found]
    walks = _mapping(tree, "pedestrian_crossings", path)
    crossings = [_crossing(key, value, path) for key, value in sorted(walks.items())]
    return lane_map_of(_with_junctions(_with_directions(kept)), crossings)


def _tree(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"the map is larger than {MAX_BYTES} bytes", path)
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); check the path", path) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}", path) from None
    if not isinstance(tree, Mapping):
        raise InputError("an Argoverse 2 map is a JSON object", path)
    return tree


def _mapping(tree: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    value = tree.get(name, {})
    if not isinstance(value, Mapping):
        raise InputError(f"{name} is not an object of objects", path)
    return value


def _segment(key: str, value: Any, path: Path) -> Lanelet:
    try:
        left, right = _bounds(_points(value["left_lane_boundary"]), _points(value["right_lane_boundary"]))
        beside = [value.get(f"{side}_neighbor_id") for side in ("left", "right")]
        return Lanelet(
            id=int(value["id"]),
            left=left,
            right=right,
            predecessors=tuple(int(other) for other in value["predecessors"]),
            successors=tuple(int(other) for other in value["successors"]),
            beside_left=None if beside[0] is None else Beside(int(beside[0]), True),
            beside_right=None if beside[1] is None else Beside(int(beside[1]), True),
            kind=_KINDS[value["lane_type"]],
            speed_limit_mps=None,
            left_marks=_marks(value["left_lane_mark_type"]),
            right_marks=_marks(value["right_lane_mark_type"]),
            stops=False,
            intersection="intersection" if value["is_intersection"] else "",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"lane segment {key[:40]} is not as expected: {type(error).__name__} {error}", path) from None


def _points(value: Sequence[Mapping[str, Any]]) -> Floats:
    points = np.array([(float(point["x"]), float(point["y"])) for point in value])
    if points.ndim != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise ValueError("a boundary needs two or more finite points")
    return points


def _bounds(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Both bounds with as many points, evenly spaced along each."""
    lengths = [float(np.hypot(*np.diff(bound, axis=0).T).sum()) for bound in (left, right)]
    if max(lengths) > _LONGEST_M:
        raise ValueError(f"a boundary is {max(lengths):.0f} m long")
    share = np.linspace(0.0, 1.0, math.ceil(max(lengths) / _SPACING_M) + 1 if max(lengths) > 0.0 else 2)
    return _resampled(left, share), _resampled(right, share)


def _resampled(points: Floats, share: Floats) -> Floats:
    s = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
    return np.stack([np.interp(share * s[-1], s, points[:, k]) for k in range(2)], axis=1)


def _marks(name: str) -> tuple[MarkSpan, ...]:
    pattern, _, color = str(name).rpartition("_")
    kind = _MARKS.get(pattern, "none")
    return (MarkSpan(0.0, kind, color.lower() if kind != "none" else "white", _MARK_WIDTH_M),)


def _crossing(key: str, value: Any, path: Path) -> Floats:
    try:
        return np.concatenate((_points(value["edge1"]), _points(value["edge2"])[::-1]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"pedestrian crossing {key[:40]} is not as expected: {error}", path) from None


def _within(lanelet: Lanelet, known: set[int]) -> Lanelet:
    """Without links to segments that lie beyond the cut-out."""
    return replace(
        lanelet,
        predecessors=tuple(other for other in lanelet.predecessors if other in known),
        successors=tuple(other for other in lanelet.successors if other in known),
        beside_left=lanelet.beside_left if lanelet.beside_left and lanelet.beside_left.id in known else None,
        beside_right=lanelet.beside_right if lanelet.beside_right and lanelet.beside_right.id in known else None,
    )


def _with_directions(lanelets: Sequence[Lanelet]) -> list[Lanelet]:
    """Neighbours that run the other way are told apart by their geometry: the file does not."""
    along = {lanelet.id: lanelet.centre[-1] - lanelet.centre[0] for lanelet in lanelets}

    def turned(lanelet: Lanelet, beside: Beside | None) -> Beside | None:
        same = beside is not None and float(along[lanelet.id] @ along[beside.id]) > 0.0
        return None if beside is None else Beside(beside.id, same)

    return [
        replace(
            lanelet,
            beside_left=turned(lanelet, lanelet.beside_left),
            beside_right=turned(lanelet, lanelet.beside_right),
        )
        for lanelet in lanelets
    ]


def _with_junctions(lanelets: Sequence[Lanelet]) -> list[Lanelet]:
    """Segments in intersections whose surfaces touch belong to one junction."""
    inside = [lanelet for lanelet in lanelets if lanelet.intersection]
    surfaces = shapely.make_valid(np.array([lanelet.surface() for lanelet in inside], dtype=object))
    root = list(range(len(inside)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    if inside:
        for one, other in zip(*shapely.STRtree(surfaces).query(surfaces, predicate="intersects"), strict=True):
            first, second = sorted((find(int(one)), find(int(other))))
            root[second] = first
    names = {lanelet.id: str(inside[find(i)].id) for i, lanelet in enumerate(inside)}
    return [replace(lanelet, intersection=names.get(lanelet.id, "")) for lanelet in lanelets]
