"""How closely scenarios run as esmini runs them.

For each scenario of the reference's manifest, our engine plays it with a scripted ego at the reference's step, and the
entities' origins are compared over the common time. A scenario is within tolerance when every position differs by at
most max(0.5 m, the entity's speed x 0.05 s, min(2 m, 2 x the reference's own deviation between two time steps)) and no
entity of the reference is missing. Headings, speeds and the ends of the runs are reported beside it.

Usage: openscenario_parity.py REFERENCE_DIR [--root DIR] [--only TEXT] [--verbose]
The last line is one JSON object with the keys run, total, within, compared.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geometry.errors import LanewiseError
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.scripted import scripted_states

STEP_NS = 50_000_000
CONTROLLED = ("esmini__acc-test", "esmini__alks_cut-in", "esmini__alks_decelerate")
"""Driven by the reference's own controllers, so not comparable."""


@dataclass
class Comparison:
    """Largest differences of one scenario; `excess` is the largest position error over its tolerance."""

    position_m: float = 0.0
    heading_rad: float = 0.0
    speed_mps: float = 0.0
    excess: float = 0.0
    samples: int = 0
    worst: str = ""
    end_s: float = 0.0
    reference_end_s: float = 0.0

    def miss(self, what: str) -> None:
        """Something of the reference is not there at all."""
        self.excess, self.worst = math.inf, what


def reference_tracks(path: Path) -> dict[str, dict[int, tuple[float, float, float, float]]]:
    """Entity -> step index -> (x, y, heading, speed)."""
    tracks: dict[str, dict[int, tuple[float, float, float, float]]] = defaultdict(dict)
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            step = round(float(row["t"]) * 1e9 / STEP_NS)
            tracks[row["entity"]][step] = (float(row["x"]), float(row["y"]), float(row["h"]), float(row["speed"]))
    return tracks


def compare(scenario: Path, root: Path | None, reference: Path, dt_maxdiff_m: float) -> Comparison:
    """Play a scenario and compare it with its reference."""
    tracks = reference_tracks(reference)
    last = max(max(track) for track in tracks.values())
    engine = load_scenario(scenario, root=root, ego_driver="scripted")
    result = Comparison(reference_end_s=last * STEP_NS * 1e-9)
    for name in set(tracks) - {shape.name for shape in engine.cast}:
        result.miss(f"there is no {name}")
    for t_ns, world in scripted_states(engine, STEP_NS, last * STEP_NS):
        result.end_s = t_ns * 1e-9
        for i, shape in enumerate(engine.cast):
            expected = tracks.get(shape.name, {}).get(t_ns // STEP_NS)
            if expected is None:
                continue
            if not world.present[0, i]:
                result.miss(f"{shape.name} is absent at {t_ns * 1e-9:.2f} s")
                continue
            x, y, heading, speed = expected
            error = math.hypot(world.x_m[0, i] - x, world.y_m[0, i] - y)
            allowed = max(0.5, abs(speed) * 0.05, min(2.0, 2.0 * dt_maxdiff_m))
            turn = abs((world.yaw_rad[0, i] - heading + np.pi) % (2 * np.pi) - np.pi)
            result.samples += 1
            result.position_m = max(result.position_m, error)
            result.heading_rad = max(result.heading_rad, turn)
            result.speed_mps = max(result.speed_mps, abs(world.speed_mps[0, i] - speed))
            if error / allowed > result.excess:
                result.excess = error / allowed
                result.worst = f"{shape.name} at {t_ns * 1e-9:.2f} s: {error:.2f} m off"
    return result


def read_sensitivity(path: Path) -> dict[str, float]:
    """The reference's own deviation between two time steps [m], per scenario; empty without the file."""
    if not path.is_file():
        return {}
    with path.open() as file:
        return {row["scenario"]: float(row["dt_maxdiff_m"] or 0.0) for row in csv.DictReader(file)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--root", type=Path, help="folder that the manifest's file names start from")
    parser.add_argument("--only", default="", help="only scenarios whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="also print why a scenario did not run")
    arguments = parser.parse_args()
    folder: Path = arguments.reference
    root: Path = arguments.root or folder.parent
    sensitivity = read_sensitivity(folder / "dt_sensitivity.csv")
    figures = {"run": 0, "total": 0, "within": 0, "compared": 0}
    print(f"{'scenario':72} {'pos m':>7} {'head rad':>8} {'v m/s':>6} {'end s':>6} {'ref':>6}  within")
    for item in json.loads((folder / "manifest.json").read_text()):
        name = item["name"]
        if arguments.only not in name:
            continue
        if name in CONTROLLED:
            print(f"{name:72} left out: driven by the reference's own controller")
            continue
        figures["total"] += 1
        try:
            result = compare(root / item["file"], None, folder / f"{name}.csv.gz", sensitivity.get(name, 0.0))
        except LanewiseError as error:
            print(f"{name:72} not run: {error if arguments.verbose else str(error)[:90]}")
            continue
        figures["run"] += 1
        figures["compared"] += result.samples > 0
        within = result.samples > 0 and result.excess <= 1.0
        figures["within"] += within
        print(
            f"{name:72} {result.position_m:7.3f} {result.heading_rad:8.3f} {result.speed_mps:6.2f} "
            f"{result.end_s:6.2f} {result.reference_end_s:6.2f}  "
            f"{'yes' if within else 'NO: ' + result.worst}"
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
