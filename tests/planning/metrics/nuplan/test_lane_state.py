"""Lane assignment has a memory, so that overlapping connectors do not flicker."""

import numpy as np
import shapely

from planning.metrics.nuplan.drive import LaneObject, RoadMap
from planning.metrics.nuplan.lane_state import centre_lanes, corner_lanes


def piece(name, area, is_lane, incoming=(), outgoing=()):
    x0, y0, x1, y1 = area
    line = shapely.LineString([(x0, 0.5 * (y0 + y1)), (x1, 0.5 * (y0 + y1))])
    return LaneObject(name, is_lane, shapely.box(*area), line, None, name, incoming, outgoing)


def fork():
    """Lane 0 (x 0..10) leads into connectors 2 and 3 that overlap (x 10..20), and both into lane 1 (x 20..30)."""
    objects = (
        piece("before", (0, -2, 10, 2), True, (), (2, 3)),
        piece("after", (20, -2, 30, 2), True, (3,), ()),
        piece("other", (10, -3, 20, 2), False, (0,), ()),
        piece("through", (10, -2, 20, 2), False, (0,), (1,)),
    )
    blocks = {item.id: item.surface for item in objects}
    return RoadMap(objects, blocks, (shapely.box(10, -6, 20, 6),), ())


def along(x, y=0.0):
    return np.stack((np.asarray(x, float), np.broadcast_to(y, np.shape(x))), axis=-1)


def test_connector_that_the_drive_went_on_from_wins_backwards_in_time():
    roads = fork()
    lists = centre_lanes(roads, along([5.0, 12.0, 18.0, 25.0]))
    assert lists == ((0,), (3,), (3,), (1,))


def test_overlapping_connectors_stay_both_when_the_drive_ends_in_them():
    assert centre_lanes(fork(), along([5.0, 12.0, 18.0])) == ((0,), (2, 3), (2, 3))


def test_connector_left_by_less_than_five_metres_inside_an_intersection_is_kept():
    lists = centre_lanes(fork(), along([11.0, 13.0, 15.0, 16.0], np.array([-2.5, -2.5, -5.0, -5.0])))
    assert lists == ((2,),) * 4


def test_outside_of_the_intersection_it_is_dropped():
    lists = centre_lanes(fork(), along([11.0, 13.0, 15.0, 16.0], np.array([-2.5, -2.5, -7.0, -7.0])))
    assert lists == ((2,), (2,), (), ())


def test_emptiness_spreads_backwards_over_overlapping_connectors():
    lists = centre_lanes(fork(), along([5.0, 12.0, 15.0], np.array([0.0, 0.0, 9.0])))
    assert lists == ((0,), (), ())


def test_point_on_the_edge_is_outside():
    assert centre_lanes(fork(), along([10.0], 2.0)) == ((),)


def test_corners_follow_the_candidates_of_the_step_before():
    roads = fork()
    four = np.stack([along([5.0, 12.5, 17.0]) + shift for shift in ((2, 1), (-2, 1), (-2, -1), (2, -1))], axis=1)
    lists = corner_lanes(roads, four)
    assert lists[0] == ((0,),) * 4
    assert lists[1][0] == (2, 3)
    assert lists[2] == ((2, 3),) * 4
