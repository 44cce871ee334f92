"""Argoverse 2 maps: lanes as the archive has them, neighbours that run the other way, junctions, and broken files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geometry.errors import InputError, LanewiseError
from maps.argoverse2 import read_argoverse2_map


def line(*points: tuple[float, float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y, "z": 0.0} for x, y in points]


def segment(number: int, left: list[Any], right: list[Any], **more: Any) -> dict[str, Any]:
    plain = {"id": number, "is_intersection": False, "lane_type": "VEHICLE", "left_lane_mark_type": "DASHED_WHITE",
             "right_lane_mark_type": "SOLID_WHITE", "predecessors": [], "successors": [], "left_neighbor_id": None,
             "right_neighbor_id": None}  # fmt: skip
    return {**plain, "left_lane_boundary": left, "right_lane_boundary": right, **more}


def archive() -> dict[str, Any]:
    """Two lanes to the east one after the other, and one to the west beside the first."""
    east = segment(1, line((0, 3.5), (40, 3.5)), line((0, 0), (20, 0), (40, 0)), successors=[2, 99], left_neighbor_id=3)
    on = segment(2, line((40, 3.5), (80, 3.5)), line((40, 0), (80, 0)), predecessors=[1], is_intersection=True)
    west = segment(3, line((40, 3.5), (0, 3.5)), line((40, 7), (0, 7)), left_neighbor_id=1)
    walk = {"id": 7, "edge1": line((10, -2), (10, 9)), "edge2": line((14, -2), (14, 9))}
    return {"lane_segments": {"1": east, "2": on, "3": west}, "pedestrian_crossings": {"7": walk}, "drivable_areas": {}}


def written(tmp_path: Path, tree: object) -> Path:
    path = tmp_path / "log_map_archive_x.json"
    path.write_text(json.dumps(tree))
    return path


def test_lanes_links_and_marks_are_those_of_the_archive(tmp_path: Path) -> None:
    lane_map = read_argoverse2_map(written(tmp_path, archive()))
    assert lane_map.ids == ("1", "2", "3")
    np.testing.assert_allclose(lane_map.centre_points[lane_map.rows(0)][[0, -1]], [(0.0, 1.75), (40.0, 1.75)])
    assert lane_map.successors == ((1,), (), ())
    assert (lane_map.left_marks[0][0].kind, lane_map.right_marks[0][0].kind) == ("broken", "solid")
    assert lane_map.junction[0] == ""
    assert lane_map.junction[1] != ""


def test_a_neighbour_that_runs_the_other_way_is_no_lane_to_change_to(tmp_path: Path) -> None:
    lane_map = read_argoverse2_map(written(tmp_path, archive()))
    assert lane_map.left_neighbour[0] == -1
    assert lane_map.opposite_neighbour[0] == 2


def test_crossings_know_the_lanes_below(tmp_path: Path) -> None:
    (crossing,) = read_argoverse2_map(written(tmp_path, archive())).crossings
    assert crossing.lanes == (0, 2)


def test_real_maps_have_as_many_lanes_as_segments(data: Path) -> None:
    found = sorted((data / "drives" / "argoverse2").rglob("log_map_archive_*.json"))
    assert len(found) == 3
    for path in found:
        segments = json.loads(path.read_text())["lane_segments"]
        lane_map = read_argoverse2_map(path)
        assert lane_map.size == len(segments)
        for i, name in enumerate(lane_map.ids):
            known = {str(other) for other in segments[name]["successors"]} & set(segments)
            assert {lane_map.ids[other] for other in lane_map.successors[i]} == known


@pytest.mark.parametrize("text", ["", "[]", "{", '{"lane_segments": []}', '{"lane_segments": {"1": {}}}', "[" * 5000])
def test_what_is_no_map_is_refused_with_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log_map_archive_x.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_argoverse2_map(path)
    assert "log_map_archive_x" in str(caught.value)


def test_broken_archives_are_read_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    text = json.dumps(archive())
    outcomes = set()
    for _ in range(200):
        broken = bytearray(text.encode())
        for _ in range(int(rng.integers(1, 4))):
            broken[int(rng.integers(len(broken)))] = int(rng.integers(32, 127))
        path = tmp_path / "map.json"
        path.write_bytes(bytes(broken))
        try:
            read_argoverse2_map(path)
            outcomes.add("read")
        except LanewiseError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
