"""A straight road of two lanes along x, one oncoming lane beside them, and proposals made by formula."""

from __future__ import annotations

import numpy as np
import pytest

from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from motion.bicycle import Vehicle
from planning.metrics.navsim.lane_area import lane_area
from planning.metrics.navsim.scores import Forecast, sub_scores

DT_S, STEPS = 0.1, 41
CAR = Vehicle(wheelbase_m=2.8, length_m=4.5, width_m=2.0, centre_x_m=1.4)


def three_lanes(junction=("", "", "")):
    """Lane 0 (y = 0) and lane 1 (y = 4) towards +x, lane 2 (y = 8) towards -x; 4 m wide each."""
    x = np.arange(-50.0, 201.0, 10.0)
    rows = []
    for y, sign in ((0.0, 1.0), (4.0, 1.0), (8.0, -1.0)):
        along = x if sign > 0 else x[::-1]
        rows.append([np.stack((along, np.full(len(x), y + sign * side)), axis=-1) for side in (0.0, 2.0, -2.0)])
    columns = [np.concatenate([row[i] for row in rows]) for i in range(3)]
    arc = np.tile(x - x[0], 3)
    return LaneMap(
        ids=("near", "far", "oncoming"), kinds=("driving",) * 3, starts=np.arange(4) * len(x),
        centre_points=columns[0], left_points=columns[1], right_points=columns[2],
        s_m=arc, source_s_m=arc.copy(), speed_limit_mps=np.full(len(arc), 15.0),
        left_marks=((),) * 3, right_marks=((),) * 3, successors=((),) * 3, predecessors=((),) * 3,
        left_neighbour=np.array([1, -1, -1]), right_neighbour=np.array([-1, 0, -1]),
        opposite_neighbour=np.array([-1, 2, 1]), junction=junction, conflicts=((),) * 3, signals=(), stop_lines=(),
        crossings=(), right_hand=True,
    )  # fmt: skip


class Judge:
    """The builder that tests get as the fixture `judge`."""

    dt_s, steps, car = DT_S, STEPS, CAR
    t_s = DT_S * np.arange(STEPS)
    three_lanes = staticmethod(three_lanes)
    centre_line = Polyline.through(np.array([[-50.0, 0.0], [200.0, 0.0]]))

    def drive(self, speed=10.0, y=0.0, yaw=0.0, acceleration=0.0, x0=0.0):
        """One proposal (T, 8) at constant speed along its heading."""
        columns = np.zeros((STEPS, 8))
        speed = np.broadcast_to(speed, (STEPS,))
        way = np.concatenate(([0.0], np.cumsum(speed[:-1] * DT_S)))
        columns[:, 0], columns[:, 1] = x0 + way * np.cos(yaw), np.asarray(y) + way * np.sin(yaw)
        columns[:, 2], columns[:, 3], columns[:, 4] = yaw, speed, acceleration
        return columns

    def others(self, *rows, static=None, steps=STEPS + 9):
        """Each row: x0, y, yaw, speed."""
        table = np.array(rows, dtype=float).reshape(-1, 4)
        t = DT_S * np.arange(steps)[:, None]
        x = table[:, 0] + table[:, 3] * np.cos(table[:, 2]) * t
        y = table[:, 1] + table[:, 3] * np.sin(table[:, 2]) * t
        full = np.ones((steps, 1))
        kinds = np.zeros(len(table), dtype=bool) if static is None else np.asarray(static)
        size = np.ones(len(table))
        return Forecast(x, y, full * table[:, 2], full * table[:, 3], 4.0 * size, 1.8 * size, kinds)

    def scores(self, *proposals, others=None, lane_map=None, route=(0,)):
        area = lane_area(lane_map or three_lanes(), 0.0, 0.0, 150.0, route)
        return sub_scores(np.stack(proposals), CAR, others or self.others(), area, self.centre_line)


@pytest.fixture
def judge():
    return Judge()
