"""A drive as the page's script reads it: plain lists, rounded to what can be seen, relative to one origin.

In: `ReportData`. Out: a value of JSON. The script interpolates between samples, so fewer of them are sent than
recorded.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from geometry.angles import Floats
from lanewise.report.artwork import artwork
from lanewise.report.palette import THEMES, body_role
from lanewise.report.scene import PlanView, ReportData, RoadLine, RoadSignal
from lanewise.report.sight import SeenTracks, Strip
from lanewise.report.weighed import Weighed
from maps.road_model import Dashes

SAMPLE_S = 0.04
"""Least time between two samples that are sent."""

PLAN_POINTS = 16
"""Points of a plan that are sent."""

COST_STEP, PATH_STEP_M = 0.01, 0.02
"""What one count of a cost and of a place means where candidates are sent as integers."""
NO_COST = -(2**31)
"""What is sent for a cost that is not finite."""


def page_data(data: ReportData) -> dict[str, Any]:
    """Everything that the script shows."""
    rollout = data.rollout
    keep = _kept(rollout.t_s)
    origin = np.floor(np.array([rollout.ego.x_m[0], rollout.ego.y_m[0]]))
    return {
        "t": _numbers(rollout.t_s[keep], 3),
        "ego": _ego(data, keep, origin),
        "others": [_other(data, column, keep, origin) for column in range(len(rollout.other_ids))],
        "cast": [_member(data, index) for index in range(len(rollout.cast))],
        "road": {
            "surfaces": [
                {"kind": surface.kind.value, "rings": [_points(ring, origin) for ring in surface.rings]}
                for surface in data.road.surfaces
            ],
            "lines": [_line(line, origin) for line in data.road.lines],
            "signals": [_signal(signal, origin) for signal in data.road.signals],
        },
        "plans": [_plan(plan, origin) for plan in data.plans],
        "modes": [{"t": round(m.t_s, 3), "mode": m.mode.name.lower(), "reason": m.reason} for m in data.modes],
        "events": [{"t": round(event.t_s, 3), "text": event.text} for event in data.events],
        "hazards": [[round(start, 3), round(end, 3)] for start, end in data.hazard_spans_s],
        "contacts": [_contact(data, contact, origin) for contact in rollout.contacts],
        "series": _series(data, keep),
        "cameras": [_strip(strip) for strip in data.sight.strips],
        "tracks": [{"t": round(seen.t_s, 3), "boxes": _boxes(seen, origin)} for seen in data.sight.tracks],
        "weighed": _weighed(data.weighed, origin),
        "verdict": {"passed": data.verdict.passed, "t": data.verdict.t_s},
        "themes": {name: dict(palette) for name, palette in THEMES.items()},
        "maxSpeed": round(float(max(rollout.ego.speed_mps.max(), data.rollout.set_speed_mps, 1.0)), 2),
    }


def _kept(t_s: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Indices of samples at least `SAMPLE_S` apart, first and last always."""
    step = float(np.median(np.diff(t_s)))
    stride = max(1, math.floor(SAMPLE_S / step + 1e-6))
    return np.unique(np.append(np.arange(0, len(t_s), stride), len(t_s) - 1))


def _ego(data: ReportData, keep: Any, origin: Floats) -> dict[str, Any]:
    ego = data.rollout.ego
    engaged = np.flatnonzero(data.rollout.engaged)
    return {
        "id": data.rollout.ego_id,
        "x": _numbers(ego.x_m[keep] - origin[0], 3),
        "y": _numbers(ego.y_m[keep] - origin[1], 3),
        "yaw": _numbers(np.unwrap(ego.yaw_rad)[keep], 4),
        "engaged": round(float(data.rollout.t_s[engaged[0]]), 3) if len(engaged) else None,
    }


def _other(data: ReportData, column: int, keep: Any, origin: Floats) -> dict[str, Any]:
    """Null where the entity is absent; poses are of the box centre."""
    others = data.rollout.others
    yaw = others.yaw_rad[:, column].copy()
    there = ~np.isnan(yaw)
    yaw[there] = np.unwrap(yaw[there])
    return {
        "id": int(data.rollout.other_ids[column]),
        "x": _numbers(others.x_m[keep, column] - origin[0], 3),
        "y": _numbers(others.y_m[keep, column] - origin[1], 3),
        "yaw": _numbers(yaw[keep], 4),
        "v": _numbers(others.speed_mps[keep, column], 2),
        "a": _numbers(others.acceleration_mps2[keep, column], 2),
    }


def _member(data: ReportData, index: int) -> dict[str, Any]:
    shape = data.rollout.cast[index]
    return {
        "name": shape.name,
        "body": body_role(shape.kind, index == data.rollout.ego_id),
        "centre": round(shape.centre_x_m, 3),
        "length": round(shape.length_m, 2),
        "width": round(shape.width_m, 2),
        "layers": [
            {"role": layer.role, "tint": layer.tint, "points": _points(layer.points, np.zeros(2), 3)}
            for layer in artwork(shape.kind, shape.length_m, shape.width_m)
        ],
    }


def _line(line: RoadLine, origin: Floats) -> dict[str, Any]:
    return {
        "style": line.style.value,
        "color": line.color,
        "width": round(line.width_m, 3),
        **({} if line.dashes is None else _dashes(line.dashes)),
        "points": _points(line.points, origin),
    }


def _dashes(dashes: Dashes) -> dict[str, Any]:
    """Lengths of dash and gap, and where in the pattern the line begins."""
    return {"dash": [dashes.dash_m, dashes.gap_m], "phase": round(-dashes.at_m % dashes.period_m, 2)}


def _signal(signal: RoadSignal, origin: Floats) -> dict[str, Any]:
    return {
        "kind": signal.kind.value,
        "x": round(signal.x_m - float(origin[0]), 2),
        "y": round(signal.y_m - float(origin[1]), 2),
        "text": signal.text,
        "states": [{"t": round(t_s, 3), "state": state} for t_s, state in signal.states],
    }


def _plan(plan: PlanView, origin: Floats) -> dict[str, Any]:
    count = len(plan.points)
    keep = np.unique(np.linspace(0, max(count - 1, 0), min(count, PLAN_POINTS)).round().astype(np.int64))
    return {
        "t": round(plan.t_s, 3),
        "points": _points(plan.points[keep], origin),
        "v": _numbers(plan.speed_mps[keep], 1),
        "label": plan.label,
        "reason": plan.reason,
        "lead": plan.lead_id,
        "emergency": plan.emergency,
    }


def _contact(data: ReportData, contact: Any, origin: Floats) -> dict[str, Any]:
    return {
        "t": round(contact.t_s, 3),
        "x": round(contact.x_m - float(origin[0]), 2),
        "y": round(contact.y_m - float(origin[1]), 2),
        "ego": data.rollout.ego_id in (contact.first_id, contact.second_id),
    }


def _strip(strip: Strip) -> dict[str, Any]:
    pictures = [base64.b64encode(jpeg).decode("ascii") for jpeg in strip.jpegs]
    return {
        "name": strip.camera,
        "pictures": [{"t": round(t, 3), "jpeg": p} for t, p in zip(strip.t_s, pictures, strict=True)],
    }


def _boxes(seen: SeenTracks, origin: Floats) -> list[list[float | None]]:
    return [_numbers((*(row[:2] - origin), *row[2:]), 2) for row in seen.boxes]


def _weighed(instants: tuple[Weighed, ...], origin: Floats) -> dict[str, Any]:
    """Instants of N candidates with C terms; `names` holds each label once.

    `packed` is the deflated, little-endian sequence of costs (C, N) as int32, names (N,) as uint32, and places
    (PATH_POINTS, 2, N) as int16, counted from `from`.
    """
    names = sorted({label for instant in instants for label in instant.labels})
    number = {name: k for k, name in enumerate(names)}
    return {
        "names": names,
        "step": {"cost": COST_STEP, "path": PATH_STEP_M},
        "noCost": NO_COST,
        "instants": [
            {
                "t": round(instant.t_s, 3),
                "terms": instant.terms,
                "chosen": instant.chosen,
                "count": len(instant.labels),
                "from": _numbers(instant.paths[0, 0] - origin, 2),
                "packed": _packed(instant, number),
            }
            for instant in instants
        ],
    }


def _packed(instant: Weighed, number: dict[str, int]) -> str:
    steps = np.rint(instant.costs / COST_STEP)
    costs = np.where(np.abs(steps) < -NO_COST, steps, NO_COST)  # what is not a number is not below either
    places = np.rint((instant.paths - instant.paths[0, 0]) / PATH_STEP_M)
    parts = (
        costs.T.astype("<i4"),
        np.array([number[label] for label in instant.labels], dtype="<u4"),
        np.clip(np.moveaxis(places, 0, -1), -(2**15), 2**15 - 1).astype("<i2"),
    )
    return base64.b64encode(zlib.compress(b"".join(part.tobytes() for part in parts), 9)).decode("ascii")


def _series(data: ReportData, keep: Any) -> dict[str, Any]:
    series = data.series
    columns = {
        "speed": series.speed_mps, "setSpeed": series.set_speed_mps, "acceleration": series.acceleration_mps2,
        "demand": series.demand_mps2, "gap": series.gap_m, "requiredGap": series.required_gap_m, "ttc": series.ttc_s,
        "lateral": series.lateral_m, "lateralMax": series.lateral_max_m, "lateralMin": series.lateral_min_m,
        "steering": np.degrees(series.steering_rad),
    }  # fmt: skip
    return {name: _numbers(column[keep], 3) for name, column in columns.items()}


def _points(points: Floats, origin: Floats, digits: int = 2) -> list[float | None]:
    """x and y in turn."""
    return _numbers((np.asarray(points) - origin).reshape(-1), digits)


def _numbers(values: Iterable[float], digits: int) -> list[float | None]:
    """Rounded; what is not finite becomes null."""
    return [round(value, digits) if math.isfinite(value) else None for value in map(float, values)]
