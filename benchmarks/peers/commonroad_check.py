"""What the official CommonRoad tools say about scenarios and solutions; called by commonroad_parity.py.

Runs in an environment of its own: commonroad-io 2024.3, commonroad-drivability-checker 2025.4.0, commonroad-clcs
2025.2.0 and protobuf 3.20.2 (the checker does not find its imports in newer releases of commonroad-io). Reads a folder
with `scenarios.json` (scenario to names of its solution files) and those files; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

from commonroad.common.file_reader import CommonRoadFileReader  # noqa: E402
from commonroad.common.solution import CommonRoadSolutionReader  # noqa: E402
from commonroad_dc.feasibility import solution_checker  # noqa: E402


def described(path: str) -> tuple[dict, tuple]:
    """Lanelets and obstacles of a scenario as plain numbers, and the scenario itself."""
    scenario, problems = CommonRoadFileReader(path).open()
    lanelets = {
        str(item.lanelet_id): {
            "centre": item.center_vertices.tolist(),
            "left": item.left_vertices.tolist(),
            "successors": sorted(item.successor),
            "predecessors": sorted(item.predecessor),
        }
        for item in scenario.lanelet_network.lanelets
    }
    return {"lanelets": lanelets, "obstacles": sorted(item.obstacle_id for item in scenario.obstacles)}, (
        scenario,
        problems,
    )


def verdict(scenario, problems, path: Path) -> dict[str, bool]:
    """What the checker says; its road check needs a package that is not free and is left out."""
    solution = CommonRoadSolutionReader.open(str(path))
    checks = {
        "goal": lambda: solution_checker.goal_reached(scenario, problems, solution),
        "start": lambda: solution_checker.starts_at_correct_state(solution, problems),
        "contact": lambda: solution_checker.obstacle_collision(scenario, problems, solution),
        "feasible": lambda: solution_checker.solution_feasible(solution, scenario.dt, problems),
    }
    found = {}
    for name, check in checks.items():
        try:
            answer = check()
            found[name] = all(v[0] for v in answer.values()) if name == "feasible" else True
        except Exception:
            found[name] = False
    return found


def main() -> None:
    """Print the JSON object."""
    folder = Path(sys.argv[1])
    table = json.loads((folder / "scenarios.json").read_text())
    scenarios, verdicts = {}, {}
    for path, solutions in table.items():
        scenarios[path], opened = described(path)
        for solution in solutions:
            verdicts[solution] = verdict(*opened, folder / solution)
    print(json.dumps({"scenarios": scenarios, "verdicts": verdicts}))


if __name__ == "__main__":
    main()
