"""Where the asphalt ends, as a line among the lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bus.messages import MarkType
from maps.lane_sampling import sample_lanes
from maps.mark_lines import mark_lines

SOLID = '<roadMark sOffset="0" type="solid" width="0.12"/>'
CURB = '<roadMark sOffset="0" type="curb" width="0.15"/>'


@pytest.fixture
def places(xodr) -> Callable[[str], list[tuple[float, MarkType]]]:
    """Offset and type of each line to the right of a straight road's middle, from what follows its lane of 3.5 m."""

    def of(*beside: str, mark: str = "") -> list[tuple[float, MarkType]]:
        lane = xodr.lane(-1, inside=mark)
        lines = mark_lines(
            sample_lanes(xodr.network(xodr.road(sections=xodr.section(xodr.lane(1), lane + "".join(beside)))))
        )
        right = lines.ends[:, 1] < -1.0
        found = zip(np.round(lines.ends[right, 1], 2).tolist(), lines.types[right].tolist(), strict=True)
        return sorted({(y, MarkType(kind)) for y, kind in found})

    return of


def test_a_lane_without_paint_ends_at_an_edge(xodr, places) -> None:
    for mark in ("", CURB):
        assert places(xodr.lane(-2, kind="sidewalk"), mark=mark) == [(-3.5, MarkType.NONE)]


def test_the_edge_is_where_the_asphalt_ends_not_where_the_lane_does(xodr, places) -> None:
    border = xodr.lane(-2, 'a="0.3" b="0" c="0" d="0"', kind="border")
    assert places(border) == [(-3.8, MarkType.NONE)]


def test_beyond_a_painted_line_the_shoulder_has_an_edge_of_its_own(xodr, places) -> None:
    shoulder = xodr.lane(-2, 'a="2.5" b="0" c="0" d="0"', kind="shoulder")
    assert places(shoulder, mark=SOLID) == [(-6.0, MarkType.NONE), (-3.5, MarkType.SOLID)]


def test_a_narrow_strip_beyond_paint_is_not_told_from_it(xodr, places) -> None:
    border = xodr.lane(-2, 'a="0.3" b="0" c="0" d="0"', kind="border")
    assert places(border, mark=SOLID) == [(-3.5, MarkType.SOLID)]


def test_a_painted_edge_before_grass_is_paint_alone(places) -> None:
    assert places(mark=SOLID) == [(-3.5, MarkType.SOLID)]
