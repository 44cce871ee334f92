"""Writer of CommonRoad solution files: the trajectory of the kinematic single-track model for each planning problem."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from geometry.errors import InputError
from motion.car_trajectory import CarTrajectory
from sim.scenarios.commonroad.model import CommonRoadScenario
from sim.scenarios.commonroad.vehicle import BMW_320I, SingleTrack


def solution_text(
    scenario: CommonRoadScenario, trajectories: Mapping[int, CarTrajectory], cost_id: str,
    vehicle: SingleTrack = BMW_320I,
) -> bytes:  # fmt: skip
    """A solution file; the same trajectories give the same bytes.

    Args:
        scenario: what is solved.
        trajectories: by id of the planning problem.
        cost_id: the cost function that the solution is for.
        vehicle: names the model in the file.

    Raises:
        InputError: a trajectory for a problem that the scenario does not have, or none at all.
    """
    known = {problem.id for problem in scenario.problems}
    unknown = sorted(set(trajectories) - known)
    if unknown or not trajectories:
        raise InputError(f"solutions for {unknown or 'no'} problems; the scenario has {sorted(known)}")
    several = len(trajectories) > 1
    vehicles = ",".join([vehicle.model] * len(trajectories))
    costs = ",".join([cost_id] * len(trajectories))
    ids = (f"[{vehicles}]", f"[{costs}]") if several else (vehicles, costs)
    name = ":".join((*ids, scenario.benchmark_id, scenario.version))
    root = etree.Element("CommonRoadSolution", benchmark_id=name)
    for problem in sorted(trajectories):
        element = etree.SubElement(root, "ksTrajectory", planningProblem=str(problem))
        _add_states(element, trajectories[problem])
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add_states(element: etree._Element, trajectory: CarTrajectory) -> None:
    columns = {
        "x": trajectory.x_m, "y": trajectory.y_m, "steeringAngle": trajectory.steering_rad,
        "velocity": trajectory.speed_mps, "orientation": trajectory.yaw_rad,
    }  # fmt: skip
    for i, step in enumerate(trajectory.time_step):
        state = etree.SubElement(element, "ksState")
        for tag, column in columns.items():
            etree.SubElement(state, tag).text = repr(float(column[i]))
        etree.SubElement(state, "time").text = str(int(step))
