"""Detection files of others through our tracker."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from geometry.pose import Pose
from perception.kitti_tracks import read_detections, read_oxts, tracked


def line(frame: int, x: float, z: float, kind: int = 2, score: float = 5.0) -> str:
    return f"{frame},{kind},100,150,180,200,{score},1.5,1.6,3.9,{x},1.7,{z},-1.57,0.1"


def lines_of(path: Path, poses: dict[int, Pose] | None = None) -> list[list[str]]:
    return [found.split() for found in tracked(read_detections(path), poses or {})]


def test_two_cars_and_a_pedestrian_keep_their_ids_through_noise_and_misses(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(2), []
    for frame in range(40):
        for x, z, kind in ((-3.0, 10.0 + 1.2 * frame, 2), (3.0, 60.0 - 1.0 * frame, 2), (5.0 - 0.1 * frame, 15.0, 1)):
            if rng.random() > 0.1:
                rows.append(line(frame, x + rng.normal(0.0, 0.1), z + rng.normal(0.0, 0.15), kind))
        rows.append(line(frame, rng.uniform(-20.0, 20.0), rng.uniform(5.0, 70.0), 2, -1.0))  # never the same ghost
    path = tmp_path / "0000.txt"
    path.write_text("\n".join(rows))
    found = [row for row in lines_of(path) if int(row[0]) >= 5]
    ways = (
        ("Car", lambda k: (-3.0, 10.0 + 1.2 * k)),
        ("Car", lambda k: (3.0, 60.0 - 1.0 * k)),
        ("Pedestrian", lambda k: (5.0 - 0.1 * k, 15.0)),
    )

    def ids_along(name: str, way: Callable[[int], tuple[float, float]]) -> set[str]:
        """Ids of boxes of a class that lie within a metre of the true place."""
        places = ((row, np.array(row[13:16:2], dtype=float) - way(int(row[0]))) for row in found if row[2] == name)
        return {row[1] for row, gap in places if np.hypot(*gap) < 1.0}

    ids = [ids_along(*way) for way in ways]
    assert [len(own) for own in ids] == [1, 1, 1]
    assert len(set.union(*ids)) == 3
    assert sum(row[1] in set.union(*ids) for row in found) > 0.97 * len(found)


def test_with_its_own_motion_known_a_parked_car_stays_one_track_in_a_sharp_turn(tmp_path: Path) -> None:
    rows, poses, car = [], {}, np.array([[25.0, 4.0]])
    for frame in range(30):
        poses[frame] = Pose(0.4 * frame, 0.0, 0.05 * frame)
        x, y = (poses[frame].inverse() @ car)[0]
        rows.append(line(frame, -y, x))
    path = tmp_path / "0001.txt"
    path.write_text("\n".join(rows))
    assert len({row[1] for row in lines_of(path, poses)}) == 1


def test_the_result_has_the_columns_of_kitti(tmp_path: Path) -> None:
    path = tmp_path / "0002.txt"
    path.write_text("\n".join(line(frame, 1.0, 20.0) for frame in range(6)))
    rows = lines_of(path)
    assert [len(row) for row in rows] == [18] * 4
    assert [float(v) for v in rows[-1][6:10]] == [100.0, 150.0, 180.0, 200.0]
    assert (float(rows[-1][13]), float(rows[-1][15])) == pytest.approx((1.0, 20.0), abs=1e-6)
    assert rows[-1][2] == "Car"


@pytest.mark.parametrize(
    ("text", "place"), [("1,2,3\n", ":1"), (line(0, 0, 9) + "\n" + line(1, 0, 9, 7), ":2"), ("nan" * 15, ":1")]
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "0003.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=f"0003.txt{place}"):
        read_detections(path)


def test_ten_metres_north_and_east_are_ten_metres(tmp_path: Path) -> None:
    metre = math.degrees(1.0 / 6_378_137.0)
    path = tmp_path / "oxts.txt"
    east = metre / math.cos(math.radians(49.0))
    path.write_text(f"49.0 8.4 100 0 0 0.0\n{49.0 + 10.0 * metre} {8.4 + 10.0 * east} 100 0 0 0.5\n")
    second = read_oxts(path)[1]
    assert (second.x_m, second.y_m, second.yaw_rad) == pytest.approx((10.0, 10.0, 0.5), abs=1e-3)
