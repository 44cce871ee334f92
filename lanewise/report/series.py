"""The curves that a report plots, from a finished drive and the lane that the ego keeps.

In: a `Rollout` (world) and the ego's `LaneCorridor`. Out: columns of shape (T,), NaN where there is nothing to show.
The numbers are those of the metrics: the same lead, the same required gap, the same time to collision.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.errors import ContractError
from motion.rollout import Rollout
from planning.metrics.corridor import LaneCorridor
from planning.metrics.following import required_gap_m
from planning.metrics.lane_view import lane_view
from planning.metrics.lead import leads
from planning.metrics.time_to_collision import times

LEAD_REACH_M = 250.0
"""Who drives further ahead on the route (round the block, in a town) leads nobody in a report."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Columns of shape (T,) over the samples of a drive; speeds and accelerations are along the heading.

    `gap_m` is bumper to bumper to the lead and `required_gap_m` the smallest allowed one, both NaN without a lead;
    `lead_id` is its place in the cast, -1 for none. `ttc_s` is the time to collision with anybody, NaN beyond the
    metric's horizon. `lateral_m` is the offset of the box centre from the lane's middle, left positive; at
    `lateral_max_m` (`lateral_min_m`) the side of the box would touch the left (right) edge of the lane.
    """

    speed_mps: Floats
    set_speed_mps: Floats
    acceleration_mps2: Floats
    demand_mps2: Floats
    gap_m: Floats
    required_gap_m: Floats
    lead_id: NDArray[np.int64]
    ttc_s: Floats
    lateral_m: Floats
    lateral_max_m: Floats
    lateral_min_m: Floats
    steering_rad: Floats

    def __post_init__(self) -> None:
        shapes = {item.name: np.shape(getattr(self, item.name)) for item in fields(self)}
        if len(set(shapes.values())) != 1 or len(shapes["gap_m"]) != 1:
            raise ContractError(f"the columns of a report's series need one shape (T,), not {shapes}")


def series_of(rollout: Rollout, corridor: LaneCorridor) -> Series:
    """The curves of a drive."""
    view = lane_view(rollout, corridor)
    ahead = leads(view)
    led = (ahead.column >= 0) & (ahead.gap_m <= LEAD_REACH_M)
    left, right = corridor.sides(view.ego_s_m)
    half = 0.5 * view.ego_shape.width_m
    ttc = times(view).min(axis=1, initial=np.inf)
    # Before the stack takes over nothing is demanded; the rollout's zeros there would look like a demand.
    demand = np.where(rollout.engaged, rollout.demand_mps2, np.nan)
    ids = np.append(rollout.other_ids, -1)
    return Series(
        speed_mps=rollout.ego.speed_mps,
        set_speed_mps=np.full(len(rollout.t_s), rollout.set_speed_mps),
        acceleration_mps2=rollout.ego.acceleration_mps2,
        demand_mps2=demand,
        gap_m=np.where(led, ahead.gap_m, np.nan),
        required_gap_m=np.where(led, required_gap_m(rollout.ego.speed_mps), np.nan),
        lead_id=ids[np.where(led, ahead.column, -1)],
        ttc_s=np.where(np.isfinite(ttc), ttc, np.nan),
        lateral_m=view.ego_d_m,
        lateral_max_m=left - half,
        lateral_min_m=half - right,
        steering_rad=rollout.steering_rad,
    )
