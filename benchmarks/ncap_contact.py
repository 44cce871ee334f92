"""How exactly contacts of a passive ego happen when they do for a reference, over the Euro NCAP permutations.

Every row of CSV names a variation file, its scenario (both searched below ROOT), one permutation of the variation and
the time at which the reference saw the ego touch another entity (empty: never). Our engine plays the permutation with a
scripted ego at the reference's step; the case agrees when the first contact with the named entity comes within 0.1 s,
or when there is none on either side.

Usage: ncap_contact.py CSV --root ROOT [--only TEXT] [--verbose]
The last line is one JSON object with the keys total, agree, run, largest_s, seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from geometry.angles import Floats
from geometry.errors import InputError, LanewiseError
from motion.contact import overlapping_pairs
from motion.rollout import EntityShape
from sim.scenarios.openscenario.distribution import Variations, read_variations
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.scripted import scripted_states

STEP_NS = 50_000_000
END_NS = 60_000_000_000
TOLERANCE_S = 0.1


def find_file(root: Path, name: str) -> Path:
    """The one file of that name below a folder."""
    found = sorted(root.rglob(name))
    if not found:
        raise InputError(f"there is no {name} below the folder", root)
    return found[0]


@lru_cache(maxsize=64)
def variations_of(path: Path) -> Variations:
    """The expansion of one variation file; rows of the same file share it."""
    return read_variations(path)


def first_contact_s(scenario: Path, parameters: dict[str, str], other: str) -> float | None:
    """When the ego first touches the other entity (any, if the name is empty); None if it never does."""
    engine = load_scenario(scenario, parameters=parameters, ego_driver="scripted")
    cast, ego = engine.cast, engine.ego_id
    lengths, widths = (_column(cast, name) for name in ("length_m", "width_m"))
    levers = _column(cast, "centre_x_m")
    for t_ns, world in scripted_states(engine, STEP_NS, END_NS):
        yaw = world.yaw_rad[0]
        x, y = world.x_m[0] + levers * np.cos(yaw), world.y_m[0] + levers * np.sin(yaw)
        for one, two in overlapping_pairs(x, y, yaw, lengths, widths, world.present[0]):
            touched = {int(one), int(two)}
            if ego in touched and (not other or any(cast[i].name == other for i in touched if i != ego)):
                return t_ns * 1e-9
    return None


def _column(cast: tuple[EntityShape, ...], name: str) -> Floats:
    return np.array([getattr(shape, name) for shape in cast])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--root", type=Path, required=True, help="folder below which the scenarios lie")
    parser.add_argument("--only", default="", help="only variation files whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="also print each case that does not agree")
    arguments = parser.parse_args()
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    largest_s, begin = 0.0, time.perf_counter()
    with arguments.csv.open() as file:
        rows = [row for row in csv.DictReader(file) if arguments.only in row["variation"]]
    for row in rows:
        count = counts[row["variation"]]
        count[0] += 1
        expected = float(row["t_collision"]) if row["t_collision"] else None
        try:
            variation = variations_of(find_file(arguments.root, row["variation"])).at(int(row["perm"]))
            template = find_file(arguments.root, row["template"])
            found = first_contact_s(template, dict(variation.parameters), row["other"])
        except LanewiseError as error:
            print(f"{row['variation']} {row['perm']} not run: {str(error)[:200]}")
            continue
        count[1] += 1
        late_s = 0.0 if found is None or expected is None else abs(found - expected)
        agrees = (found is None) == (expected is None) and late_s <= TOLERANCE_S + 1e-6
        count[2] += agrees
        largest_s = max(largest_s, late_s)
        if arguments.verbose and not agrees:
            print(f"{row['variation']} {row['perm']}: {found} s, reference {expected} s ({row['params']})")
    print(f"{'variation':56} {'cases':>5} {'run':>5} {'agree':>5}")
    for name, (total, run, agree) in counts.items():
        print(f"{name:56} {total:5} {run:5} {agree:5}")
    total, run, agree = (sum(count[k] for count in counts.values()) for k in range(3))
    seconds = round(time.perf_counter() - begin, 1)
    print(
        json.dumps({"total": total, "agree": agree, "run": run, "largest_s": round(largest_s, 3), "seconds": seconds})
    )


if __name__ == "__main__":
    main()
