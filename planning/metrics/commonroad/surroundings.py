"""Who else is there while CommonRoad costs judge a trajectory. World frame, m."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from geometry.angles import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Centres of the other road users by time step, (M, 2) each; `always` (S, 2) are the centres of what stands."""

    by_step: Mapping[int, Floats] = field(default_factory=dict)
    always: Floats = field(default_factory=lambda: np.empty((0, 2)))

    def at(self, time_step: int) -> Floats:
        """All centres at a time step, (M, 2)."""
        moving = self.by_step.get(time_step)
        return self.always if moving is None else np.concatenate((moving, self.always))
