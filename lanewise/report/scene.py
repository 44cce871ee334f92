"""All that a report shows, independent of how it was loaded: world frame, SI, times in seconds of the drive.

The page (`page.py`) and the drawn frames (`birdseye.py`) read nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bus.messages import SafetyMode
from geometry.angles import Floats
from geometry.errors import ContractError
from lanewise.report.series import Series
from lanewise.report.sight import Sight
from lanewise.report.weighed import Weighed
from maps.road_model import Dashes
from motion.rollout import Rollout
from planning.metrics.result import Verdict


class LineStyle(StrEnum):
    """How a line of the road is drawn."""

    SOLID = "solid"
    BROKEN = "broken"
    EDGE = "edge"
    """Where the surface ends or a kerb stands."""
    CENTRE = "centre"
    """Middle of a lane: faint, nothing is painted there."""
    STOP = "stop"


class SurfaceKind(StrEnum):
    """What an area is for; drawn in this order."""

    VERGE = "verge"
    WALK = "walk"
    SHOULDER = "shoulder"
    LANE = "lane"
    CROSSING = "crossing"


@dataclass(frozen=True, slots=True, eq=False)
class RoadLine:
    """A line through points of shape (K, 2), K >= 2. `color` is that of the paint (`white`, `yellow`, ...).

    `dashes` of a broken line, by arc length from its first point.
    """

    style: LineStyle
    points: Floats
    color: str = "white"
    width_m: float = 0.15
    dashes: Dashes | None = None

    def __post_init__(self) -> None:
        _freeze(self, "points", columns=2, least=2)


@dataclass(frozen=True, slots=True, eq=False)
class RoadSurface:
    """An area with an outer ring and holes, each of shape (K, 2); what lies in an odd number of rings is inside."""

    kind: SurfaceKind
    rings: tuple[Floats, ...]


class SignalKind(StrEnum):
    """What stands beside the road, as far as it is drawn in a way of its own."""

    LIGHT = "light"
    STOP = "stop"
    YIELD = "yield"
    PRIORITY = "priority"
    LIMIT = "limit"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class RoadSignal:
    """A light or sign at a place; `states` are a light's states (`red`, ...) with the times from which they hold."""

    kind: SignalKind
    x_m: float
    y_m: float
    text: str = ""
    states: tuple[tuple[float, str], ...] = ()

    def state_at(self, t_s: float) -> str:
        """The state at a time; `off` where none is known yet."""
        return next((state for begin_s, state in reversed(self.states) if begin_s <= t_s + 1e-6), "off")


@dataclass(frozen=True, slots=True)
class Road:
    """The road around a drive."""

    surfaces: tuple[RoadSurface, ...]
    lines: tuple[RoadLine, ...]
    signals: tuple[RoadSignal, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PlanView:
    """The plan that holds from `t_s` until the next one: points (K, 2) of the rear axle and speeds (K,).

    `lead_id` is the entity of the cast that limits the speed, -1 for none.
    """

    t_s: float
    points: Floats
    speed_mps: Floats
    label: str
    reason: str
    lead_id: int
    emergency: bool

    def __post_init__(self) -> None:
        _freeze(self, "points", columns=2, least=0)
        if np.shape(self.speed_mps) != (len(self.points),):
            raise ContractError(f"a plan of {len(self.points)} points has speeds of shape {np.shape(self.speed_mps)}")


@dataclass(frozen=True, slots=True)
class ModeChange:
    """The safety gate's mode from `t_s` on, and the sentence that explains it."""

    t_s: float
    mode: SafetyMode
    reason: str


@dataclass(frozen=True, slots=True)
class DriveEvent:
    """Something that happened in the scenario."""

    t_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a drive comes from: enough to make it again and to see that it is the same."""

    scenario: str
    source: str
    """The file that the scenario was read from."""
    planner: str
    seed: int
    drive_hash: str
    versions: tuple[tuple[str, str], ...]
    """Pairs (what, version)."""
    command: str
    """The command that makes the drive again."""
    regulation: str
    """The rules that the drive is judged by: `un-r157`, or empty for the general ones."""


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """One drive as its report shows it. Plans, modes, events and `weighed` are in the order of their times.

    `decisive` names the metrics that the verdict rests on; the others inform. `hazard_spans_s` are the stretches
    (from, to) in which the ego's hazard lights blink.

    Raises:
        ContractError: an empty drive, times out of order, or a result of a metric that is not in the verdict.
    """

    title: str
    provenance: Provenance
    rollout: Rollout
    road: Road
    series: Series
    verdict: Verdict
    decisive: tuple[str, ...] = ()
    plans: tuple[PlanView, ...] = ()
    modes: tuple[ModeChange, ...] = ()
    events: tuple[DriveEvent, ...] = ()
    hazard_spans_s: tuple[tuple[float, float], ...] = ()
    sight: Sight = Sight()
    weighed: tuple[Weighed, ...] = ()

    def __post_init__(self) -> None:
        if len(self.rollout.t_s) < 2:
            raise ContractError(f"a report needs a drive of at least two samples, not {len(self.rollout.t_s)}")
        if len(self.series.gap_m) != len(self.rollout.t_s):
            raise ContractError("the series of a report have another length than its drive")
        for name in ("plans", "modes", "events", "weighed"):
            times = [item.t_s for item in getattr(self, name)]
            if times != sorted(times):
                raise ContractError(f"the {name} of a report are not in the order of their times")

    @property
    def end_s(self) -> float:
        """Time of the last sample."""
        return float(self.rollout.t_s[-1])


def latest(items: Sequence[PlanView] | Sequence[ModeChange], t_s: float) -> int:
    """Index of the last item at or before a time, -1 where there is none."""
    times = np.array([item.t_s for item in items])
    # Times come from integer nanoseconds; a microsecond absorbs the rounding of frame times.
    return int(np.searchsorted(times, t_s + 1e-6, side="right")) - 1


def _freeze(owner: RoadLine | PlanView, name: str, columns: int, least: int) -> None:
    points = np.array(getattr(owner, name), dtype=np.float64).reshape(-1, columns)
    if len(points) < least or not np.isfinite(points).all():
        raise ContractError(f"{type(owner).__name__}.{name} needs at least {least} finite points, not {len(points)}")
    points.setflags(write=False)
    object.__setattr__(owner, name, points)
