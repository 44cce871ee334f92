"""The stack: which nodes drive, in which order. The only place that knows all modules by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import localization.ground_truth
import localization.map_node
import perception.ground_truth
from bus.node import Node
from geometry.errors import InputError
from lanewise import view
from lanewise.config import RunConfig
from lanewise.planners import build_planner
from maps.landmarks import map_landmarks
from maps.mark_lines import mark_lines
from planning import control, planner, safety
from planning.scene import Context
from sim.sensors import gnss, imu, landmarks, lane_marks, wheels

PERCEPTION: Mapping[str, Callable[[RunConfig, Context], Node]] = MappingProxyType({
    "ground-truth": lambda config, context: perception.ground_truth.node(config.perception, context.lane_map),
})  # fmt: skip

LOCALIZATION: Mapping[str, Callable[[RunConfig, Context], Node]] = MappingProxyType({
    "ground-truth": lambda *_: localization.ground_truth.node(),
    "map": lambda config, context: localization.map_node.node(config.localization, context.lane_map),
})  # fmt: skip


def sensor_nodes(config: RunConfig, context: Context) -> tuple[Node, ...]:
    """The devices that the chosen stack listens to, beside the simulator; none where it drives by ground truth.

    Lane marks and landmarks come from error models that stand in for the cameras' net.
    """
    if config.stack.localization == "ground-truth":
        return ()
    lane_map, sensors = context.lane_map, config.sensors
    return (
        gnss.node(sensors.gnss),
        imu.node(sensors.imu),
        wheels.node(sensors.wheels),
        lane_marks.node(sensors.lane_marks, mark_lines(lane_map)),
        landmarks.node(sensors.landmarks, map_landmarks(lane_map)),
    )


def stack_nodes(config: RunConfig, context: Context) -> tuple[Node, ...]:
    """The nodes between the simulator's truth or sensors and its command input, and the one that serves viewers.

    Raises:
        InputError: the configuration names a module that does not exist.
    """
    vehicle = context.vehicle
    return (
        _choice("localization", LOCALIZATION, config.stack.localization)(config, context),
        _choice("perception", PERCEPTION, config.stack.perception)(config, context),
        planner.node(build_planner(config.stack.planner, config.planning), context, config.planner),
        control.node(vehicle, config.tracking),
        safety.node(vehicle, config.safety, config.tracking),
        view.node(context.lane_map, context.mission.route),
    )


def _choice(place: str, table: Mapping[str, Any], name: str) -> Any:
    if name not in table:
        raise InputError(f"there is no {place} {name!r}; known are {', '.join(table)}")
    return table[name]
