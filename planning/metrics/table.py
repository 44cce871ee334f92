"""The one table of metrics: name to function of the view of a drive."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from planning.metrics import (
    avoidable,
    collision,
    comfort,
    demand,
    following,
    hindering,
    lane_departure,
    time_to_collision,
)
from planning.metrics.lane_view import LaneView
from planning.metrics.result import MetricResult

Metric = Callable[[LaneView], MetricResult]

METRICS: Mapping[str, Metric] = {
    "collision": collision.compute,
    "avoidable_collision": avoidable.compute,
    "lane_departure": lane_departure.compute,
    "following": following.compute,
    "demand": demand.compute,
    "hindering": hindering.compute,
    "time_to_collision": time_to_collision.compute,
    "longitudinal_acceleration": comfort.longitudinal,
    "lateral_acceleration": comfort.lateral,
    "jerk": comfort.jerk,
}


def evaluate(view: LaneView) -> tuple[MetricResult, ...]:
    """All metrics of a drive, in the order of the table."""
    return tuple(metric(view) for metric in METRICS.values())
