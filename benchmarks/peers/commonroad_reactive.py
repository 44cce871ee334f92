"""How commonroad-reactive-planner 2025.1 drives scenarios; called by commonroad.py.

Runs in the environment of `make peers`; commonroad-route-planner 2025.1.0 gives it the reference path. The planner
is taken as it is delivered: horizon 6 s, replanning every third step, the motion of all others known; its path goes on
straight at both ends, beyond which it has no coordinates. Reads a folder with `scenarios.json` (a list of files) and
prints one JSON object: per file the states (time step, x, y of the centre, steering angle, velocity, orientation), or
why there are none.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from commonroad.common.file_reader import CommonRoadFileReader  # noqa: E402
from commonroad_clcs.config import CLCSParams  # noqa: E402
from commonroad_rp.reactive_planner import ReactivePlanner  # noqa: E402
from commonroad_rp.state import ReactivePlannerState  # noqa: E402
from commonroad_rp.utility.config import ReactivePlannerConfiguration  # noqa: E402
from commonroad_rp.utility.utils_coordinate_system import CoordinateSystem, create_initial_ref_path  # noqa: E402

MOST_S = 40.0
"""CPU seconds; a scenario that takes longer is given up."""
BEYOND_M = 200


def configuration(path: str) -> ReactivePlannerConfiguration:
    """The planner's own settings, its time step the scenario's, and its horizon no longer than the problem."""
    scenario, problems = CommonRoadFileReader(path).open()
    problem = next(iter(problems.planning_problem_dict.values()))
    config = ReactivePlannerConfiguration()
    config.update(scenario, problem)
    config.planning.dt = scenario.dt
    config.planning.time_steps_computation = round(6.0 / scenario.dt)
    config.debug.multiproc = False
    config.debug.logging_level = "ERROR"
    return config


def last_step(problem) -> int:
    """The last time step at which the goal can be reached."""
    steps = [state.time_step for state in problem.goal.state_list]
    return max(step.end if hasattr(step, "end") else step for step in steps)


def prolonged(path: np.ndarray) -> np.ndarray:
    """The path (N, 2), straight on by `BEYOND_M` at both ends: the planner's coordinates end with its path."""
    steps = np.arange(1.0, BEYOND_M)[:, None]
    first, last = path[1] - path[0], path[-1] - path[-2]
    before = path[0] - steps[::-1] * first / np.linalg.norm(first)
    return np.concatenate((before, path, path[-1] + steps * last / np.linalg.norm(last)))


def driven(config: ReactivePlannerConfiguration) -> list[ReactivePlannerState]:
    """The states until the goal is reached, the planner finds nothing, or time is over."""
    network, problem = config.scenario.lanelet_network, config.planning_problem
    planner = ReactivePlanner(config)
    path = prolonged(create_initial_ref_path(network, problem))
    planner.set_reference_path(coordinate_system=CoordinateSystem(path, clcs_params=CLCSParams()))
    planner.record_state_and_input(planner.x_0)
    every, found = config.planning.replanning_frequency, None
    while not planner.goal_reached() and planner.x_0.time_step < last_step(problem):
        part = (len(planner.record_state_list) - 1) % every
        if part == 0:
            planner.set_desired_velocity(current_speed=planner.x_0.velocity)
            found = planner.plan()
        if found is None:
            break
        planner.record_state_and_input(found[0].state_list[1 + part])
        planner.reset(
            initial_state_cart=planner.record_state_list[-1],
            initial_state_curv=(found[1][1 + part], found[2][1 + part]),
            collision_checker=planner.collision_checker,
            coordinate_system=planner.coordinate_system,
        )
    return planner.record_state_list


def rows(path: str) -> list[list[float]]:
    """The drive of one scenario."""
    config = configuration(path)
    states = [ReactivePlannerState.shift_state_to_center(s, config.vehicle.wb_rear_axle) for s in driven(config)]
    return [
        [
            int(s.time_step), *map(float, s.position), float(s.steering_angle), float(s.velocity),
            float(s.orientation),
        ]
        for s in states
    ]  # fmt: skip


def give_up(*_: object) -> None:
    """Raise when the time is over."""
    raise TimeoutError(f"took longer than {MOST_S:g} s")


def main() -> None:
    """Print the JSON object."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGPROF, give_up)
    drives: dict[str, object] = {}
    for path in json.loads((Path(sys.argv[1]) / "scenarios.json").read_text()):
        signal.setitimer(signal.ITIMER_PROF, MOST_S)
        try:
            drives[path] = rows(path)
        except Exception as error:
            drives[path] = f"{type(error).__name__}: {error}"
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        print(Path(path).stem, len(drives[path]), file=sys.stderr, flush=True)
    print(json.dumps(drives))


if __name__ == "__main__":
    main()
