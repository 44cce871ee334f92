"""How far our lane centres lie from those of a reference, per map [m].

    python benchmarks/lane_centres.py MAPS LANE_CENTRES [--only TEXT]...

MAPS is a folder of `.xodr` files (or one file); LANE_CENTRES holds NAME.csv.gz for NAME.xodr: a line
`lane, road, section, lane id, type` opens each lane, then `x, y, z, heading` follows for points evenly spaced in s over
the section, about every 2 m. Those points lie on the outer edge of the lane (lane 0: on the middle of the road), so the
reference centre of a lane is half way between the points of the lane and of its inner neighbour. It is compared in plan
with our centre of the same lane at the same s. Where `make peers` has installed carla, the time that
`carla.Map` takes for the same file stands beside ours (both the best of three). The last line is JSON.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import time
from pathlib import Path

import numpy as np

from geometry.angles import Floats
from geometry.errors import LanewiseError
from maps.opendrive import read_opendrive
from maps.road_network import RoadNetwork


def read_reference(path: Path) -> dict[tuple[str, int, int], Floats]:
    """Reference points (N, 4) by (road index in the file, section, lane id)."""
    lanes: dict[tuple[str, int, int], list[list[float]]] = {}
    with gzip.open(path, "rt") as stream:
        for line in stream:
            fields = [field.strip() for field in line.split(",")]
            if fields[0] == "lane":
                rows = lanes.setdefault((fields[1], int(fields[2]), int(fields[3])), [])
            else:
                rows.append([float(field) for field in fields])
    return {key: np.array(rows) for key, rows in lanes.items() if rows}


def deviations(network: RoadNetwork, reference: dict[tuple[str, int, int], Floats]) -> tuple[Floats, int]:
    """Distance of every reference point [m], shape (N,), and the number of lanes that we do not have."""
    distances, missing = [], 0
    for (road_id, section_index, lane_id), points in reference.items():
        road = network.roads.get(road_id)
        if road is None or section_index >= len(road.sections) or lane_id not in road.sections[section_index].lanes:
            missing += 1
            continue
        section = road.sections[section_index]
        lane = section.lanes[lane_id]
        inner = reference[road_id, section_index, lane_id - (lane_id > 0) + (lane_id < 0)]
        centre = 0.5 * (points[:, :2] + inner[:, :2])
        s = np.linspace(section.s_m, section.end_m, len(points))
        t = lane.centre_t.sample(s)
        x, y, yaw, _ = road.line.sample(s)
        distances.append(np.hypot(x - t * np.sin(yaw) - centre[:, 0], y + t * np.cos(yaw) - centre[:, 1]))
    return np.concatenate(distances), missing


PEERS = Path(__file__).resolve().parent.parent / ".venv-peers" / "bin" / "python"


def carla_ms(files: list[Path]) -> dict[str, float | None]:
    """Milliseconds that `carla.Map` takes for each file; nothing where carla is not installed."""
    if not PEERS.exists():
        return {}
    script = Path(__file__).parent / "peers" / "carla_parse.py"
    done = subprocess.run([PEERS, script, *map(str, files)], capture_output=True, text=True, check=False)
    found: dict[str, float | None] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    return found


def parse_ms(file: Path) -> tuple[RoadNetwork, float]:
    """The network, and the shortest time of three readings.

    Raises:
        LanewiseError: the file is refused.
    """
    best = np.inf
    for _ in range(3):
        started = time.perf_counter()
        network = read_opendrive(file)
        best = min(best, 1e3 * (time.perf_counter() - started))
    return network, best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", type=Path)
    parser.add_argument("lane_centres", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="maps whose name contains TEXT")
    arguments = parser.parse_args()
    files = sorted(arguments.maps.glob("*.xodr")) if arguments.maps.is_dir() else [arguments.maps]
    files = [file for file in files if not arguments.only or any(text in file.name for text in arguments.only)]
    print(
        f"{'map':52} {'lanes':>5} {'points':>7} {'missing':>7} {'p50':>8} {'p99':>8} {'max':>8} {'parse ms':>9} "
        f"{'carla ms':>9}"
    )
    loaded, everything, peers = 0, [], carla_ms(files)
    spent: list[tuple[float, float]] = []
    for file in files:
        try:
            network, ours_ms = parse_ms(file)
        except LanewiseError as error:
            print(f"{file.stem:52} refused: {error}")
            continue
        theirs_ms = peers.get(file.name)
        if theirs_ms:
            spent.append((ours_ms, theirs_ms))
        loaded += 1
        reference = read_reference(arguments.lane_centres / f"{file.stem}.csv.gz")
        distance, missing = deviations(network, reference)
        p50, p99 = np.percentile(distance, (50, 99))
        everything.append(distance)
        print(
            f"{file.stem:52} {len(reference):5} {len(distance):7} {missing:7} "
            f"{p50:8.5f} {p99:8.5f} {distance.max():8.5f} {ours_ms:9.1f} "
            f"{'none' if theirs_ms is None else theirs_ms:>9}"
        )
    overall = round(float(np.percentile(np.concatenate(everything), 99)), 5) if everything else None
    figures = {"maps": len(files), "loaded": loaded, "p99_m": overall}
    if spent:
        ours, theirs = (sum(column) for column in zip(*spent, strict=True))
        figures["parse_time_over_carla"] = round(ours / theirs, 2)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
