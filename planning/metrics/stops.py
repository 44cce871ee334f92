"""A shuttle's stops: did it stand at each for as long as its doors had to be open?

In: the ego's motion, its route, and the stops in driving order. Out: a `MetricResult`; the value counts the stops that
were served.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maps.route import Route
from motion.rollout import Rollout
from planning.metrics.result import MetricResult
from planning.scene import Halt

AT_STOP_M = 2.0
"""So near to the stop the middle of the ego has to stand."""
STANDING_MPS = 0.1
SPARE_S = 0.3
"""What the doors may be open for less: cycles and samples are not aligned."""


def stops_served(rollout: Rollout, route: Route, halts: Sequence[Halt]) -> MetricResult:
    """How many stops were served; passes where all were."""
    shape, ego = rollout.cast[rollout.ego_id], rollout.ego
    x_m = ego.x_m + shape.centre_x_m * np.cos(ego.yaw_rad)
    y_m = ego.y_m + shape.centre_x_m * np.sin(ego.yaw_rad)
    along, _ = route.path.project(np.stack((x_m, y_m), axis=-1))
    steps_s = np.diff(rollout.t_s, append=rollout.t_s[-1])
    stands = (ego.speed_mps < STANDING_MPS) & rollout.engaged
    stood_s = [float(steps_s[stands & (np.abs(along - halt.s_m) <= AT_STOP_M)].sum()) for halt in halts]
    served = [stood >= halt.doors_open_s - SPARE_S for stood, halt in zip(stood_s, halts, strict=True)]
    if all(served):
        cause = f"all {len(halts)} stops were served"
        return MetricResult("stops", True, float(len(halts)), "", float(len(halts)), cause)
    first = served.index(False)
    cause = (
        f"stop {first + 1} was not served: the ego stood there for {stood_s[first]:.1f} s, "
        f"{halts[first].doors_open_s:.1f} s were asked for"
    )
    row = int(np.argmin(np.abs(along - halts[first].s_m)))
    place = float(rollout.t_s[row]), float(x_m[row]), float(y_m[row])
    return MetricResult("stops", False, float(sum(served)), "", float(len(halts)), cause, *place)
