"""Lane matching on recorded drives with noise: share of samples on the true lane, beside the nearest polygon's.

    python benchmarks/lane_matching.py LOGS [--draws N]

LOGS is a folder of Argoverse 2 logs. Each recorded ego trajectory (10 Hz) gets white noise of 1 m and of 2 m per axis,
N draws each. The true lane is that of the noise-free position, by nearest middle and heading; only positions and times
are matched. Where lanes lie upon each other (the first metres of a fork) that truth is one choice of several. The last
line is JSON: the mean over all samples, and the worst log.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from geometry.angles import Floats
from geometry.errors import InputError
from localization.lane_matching import LaneMatchSettings, match_lanes
from maps.argoverse2 import read_argoverse2_map
from maps.lane_map import LaneMap
from sim.scenarios.recorded.argoverse2 import is_argoverse2, map_file, read_argoverse2

SIGMAS_M = (1.0, 2.0)


def logs_in(folder: Path) -> Iterator[Path]:
    """All logs below a folder."""
    yield from (one for one in sorted(folder.rglob("*")) if is_argoverse2(one))


def shares(lane_map: LaneMap, t_s: Floats, poses: Floats, sigma_m: float, draws: int) -> tuple[float, float]:
    """Share of samples of poses (N, 3) on the true lane: ours and that of the nearest polygon."""
    truth = lane_map.nearest(poses[:, :2], poses[:, 2])[0]
    ours, plain = [], []
    for seed in range(draws):
        noisy = poses[:, :2] + np.random.default_rng(seed).normal(0.0, sigma_m, (len(poses), 2))
        found = match_lanes(lane_map, t_s, noisy, LaneMatchSettings(sigma_m=sigma_m)).lane
        ours.append(float((found == truth).mean()))
        plain.append(float((lane_map.nearest(noisy)[0] == truth).mean()))
    return float(np.mean(ours)), float(np.mean(plain))


def main() -> None:
    """Print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    print(f"{'log':40}{'samples':>8}{'sigma, m':>10}{'ours':>8}{'nearest':>9}")
    rows: list[tuple[float, int, float, float]] = []
    for folder in logs_in(arguments.logs):
        lane_map, ego = read_argoverse2_map(map_file(folder)), read_argoverse2(folder).ego
        poses = np.stack((ego.x_m, ego.y_m, ego.yaw_rad), axis=1)
        for sigma in SIGMAS_M:
            ours, plain = shares(lane_map, ego.t_s, poses, sigma, arguments.draws)
            rows.append((sigma, len(poses), ours, plain))
            print(f"{folder.name:40}{len(poses):8}{sigma:10.0f}{ours:8.3f}{plain:9.3f}")
    if not rows:
        raise InputError("no Argoverse 2 logs are there", arguments.logs)
    figures: dict[str, float] = {}
    for sigma in SIGMAS_M:
        table = np.array([row[1:] for row in rows if row[0] == sigma])
        ours, plain = np.average(table[:, 1:], axis=0, weights=table[:, 0]).tolist()
        figures |= {f"agreement_{sigma:.0f}m": ours, f"worst_log_{sigma:.0f}m": float(table[:, 1].min())}
        figures |= {f"nearest_polygon_{sigma:.0f}m": plain}
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
