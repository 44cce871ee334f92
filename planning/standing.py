"""Who stands in the lane, for how long, and whether there is a reason to be seen.

In: the scene, its futures along the path, who stood in the cycle before. Out: who stands since when; and of those who
stand in the ego's lane, whom nothing that can be seen keeps there: no light, junction or crossing soon after them, and
nobody before them. Such a one is given room, and after a while taken to have broken down, and passed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import EntityKind
from geometry.angles import Floats
from maps.route_rules import RouteRules, route_rules
from planning.prediction import D_HIGH, D_LOW, S_HIGH, S_LOW, SPEED, Futures
from planning.scene import Scene
from planning.scoring_kernel import STANDS_MPS

Since = tuple[tuple[int, float], ...]
"""Who stands, and since when [s]."""
_ALIVE = (int(EntityKind.PEDESTRIAN), int(EntityKind.ANIMAL), int(EntityKind.BICYCLE))


@dataclass(frozen=True, slots=True)
class StandingSettings:
    """What is a reason to stand, and for how long nobody stands without one."""

    broken_s: float = 8.0
    """Who stands for so long and for no reason has broken down."""
    queue_m: float = 20.0
    """Who has somebody this near before him waits for that one."""
    rule_m: float = 25.0
    """Who is this near before a light, a junction or a crossing waits there."""


def standing_since(scene: Scene, before: Since) -> Since:
    """Who stands now, and since when."""
    agents, known = scene.agents, dict(before)
    ids = agents.ids[np.hypot(agents.vx_mps, agents.vy_mps) < STANDS_MPS].tolist()
    return tuple((track, known.get(track, scene.now_s)) for track in ids)


def stranded(scene: Scene, start_m: float, futures: Futures, settings: StandingSettings) -> tuple[int, ...]:
    """Rows of the scene's agents that stand for no reason; the futures' path begins at `start_m` of the route."""
    rows = np.flatnonzero(futures.agent >= 0)
    now, whose = futures.boxes[rows, 0], futures.agent[rows]
    stands = (np.abs(now[:, SPEED]) < STANDS_MPS) & ~np.isin(scene.agents.kinds[whose], _ALIVE)
    if not stands.any():
        return ()
    places = _places(route_rules(scene.context.lane_map, scene.context.mission.route), start_m)
    found = {
        int(whose[k])
        for k in np.flatnonzero(stands).tolist()
        if not _behind_somebody(now, whose, k, settings.queue_m)
        and not any(begin - settings.rule_m < now[k, S_HIGH] and now[k, S_LOW] < end for begin, end in places)
    }
    return tuple(sorted(found))


def broken_down(scene: Scene, rows: tuple[int, ...], since: Since, settings: StandingSettings) -> tuple[int, ...]:
    """Those of the stranded who have stood for long."""
    known, ids = dict(since), scene.agents.ids
    return tuple(row for row in rows if scene.now_s - known.get(int(ids[row]), scene.now_s) >= settings.broken_s - 1e-9)


def _places(rules: RouteRules, start_m: float) -> list[tuple[float, float]]:
    """Where the rules may ask to stop: from the line to the end of what it is for, on the path."""
    places = [(light.stop_m, light.stop_m) for light in rules.lights]
    places += [(junction.stop_m, junction.end_m) for junction in rules.junctions]
    places += [(crossing.stop_m, crossing.end_m) for crossing in rules.crossings]
    return [(begin - start_m, end - start_m) for begin, end in places]


def _behind_somebody(now: Floats, whose: NDArray[np.int64], k: int, queue_m: float) -> bool:
    ahead = now[:, S_LOW] - now[k, S_HIGH]
    beside = np.maximum(now[:, D_LOW] - now[k, D_HIGH], now[k, D_LOW] - now[:, D_HIGH])
    return bool(((whose != whose[k]) & (now[:, S_HIGH] > now[k, S_HIGH]) & (ahead < queue_m) & (beside < 0.0)).any())
