"""The stack: which nodes drive, in which order. The only place that knows all modules by name."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any

import localization.fusion
import localization.ground_truth
import localization.map_node
import localization.node
import perception.boxes.detector
import perception.detector
import perception.ground_truth
import perception.tracker
import sim.sensors.camera.node
from bus.node import Node
from geometry.errors import InputError
from inference.server import OrderedServer
from lanewise import inference_node, view
from lanewise.config import RunConfig
from lanewise.detectors import detector_of, nets_of
from lanewise.inferring import inferring, running, server_of
from lanewise.planners import build_planner
from localization.odometer import OdometerSettings
from maps.landmarks import map_landmarks
from maps.mark_lines import mark_lines
from planning import control, planner, safety
from planning.scene import Context
from sim.sensors import gnss, imu, landmarks, lane_marks, wheels
from sim.sensors.camera.renderer import scenery_of


@cache
def _threads() -> ThreadPoolExecutor:
    """Who draws pictures: a thread per core, but one where other drives run beside this one."""
    alone = multiprocessing.parent_process() is None
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)) if alone else 1)


PERCEPTION: Mapping[str, Callable[[RunConfig, Context, OrderedServer], tuple[Node, ...]]] = MappingProxyType({
    "camera": lambda config, _, server: camera_nodes(config, server),
    "ground-truth": lambda config, context, _: (perception.ground_truth.node(config.perception, context.lane_map),),
})  # fmt: skip


def camera_nodes(config: RunConfig, server: OrderedServer) -> tuple[Node, ...]:
    """Detector and tracker; the server holds the detector's net."""
    return detector_node(config, server), perception.tracker.node(config.tracker)


def detector_node(config: RunConfig, server: OrderedServer) -> Node:
    """Who looks through the cameras: our own net or a user's detector. Code that users bring looks at one picture at a
    time.
    """
    if not config.stack.detector:
        return perception.detector.node(config.detector, inferring(server, "detector"), _threads().map)
    each = _threads().map if config.stack.detector.endswith(".onnx") else map
    return perception.boxes.detector.node(config.detector, detector_of(config, inferring(server, "detector")), each)


LOCALIZATION: Mapping[str, Callable[[RunConfig, Context, OrderedServer], Node]] = MappingProxyType({
    "ground-truth": lambda *_: localization.ground_truth.node(),
    "gnss": lambda _, context, __: localization.node.node(_without_map(context, True)),
    "odometry": lambda _, context, __: localization.node.node(_without_map(context, False), context.mission.route.path),
    "map": lambda config, context, server: localization.map_node.node(
        replace(config.localization, odometer=_odometer(config.localization.odometer, context)), context.lane_map,
        context.mission.route.path, running(server, "localization"),
    ),
})  # fmt: skip


def _without_map(context: Context, use_gnss: bool) -> localization.node.LocalizationSettings:
    fusion = localization.fusion.FusionSettings(use_gnss=use_gnss)
    fusion = replace(fusion, odometer=_odometer(fusion.odometer, context))
    return localization.node.LocalizationSettings(fusion=fusion)


def _odometer(settings: OdometerSettings, context: Context) -> OdometerSettings:
    """As the settings say, for the ego's own wheelbase."""
    return replace(settings, wheelbase_m=context.vehicle.wheelbase_m)


def sensor_nodes(config: RunConfig, context: Context) -> tuple[Node, ...]:
    """The devices that the chosen stack listens to, beside the simulator; none where it drives by ground truth.

    Where the cameras are not looked through, the lane marks that they would see come from an error model; landmarks do
    always.
    """
    lane_map, sensors = context.lane_map, config.sensors
    nodes: list[Node] = []
    if config.stack.localization != "ground-truth":
        nodes += [gnss.node(sensors.gnss), imu.node(sensors.imu), wheels.node(sensors.wheels)]
    if config.stack.localization == "map":
        nodes.append(landmarks.node(sensors.landmarks, map_landmarks(lane_map)))
        if config.stack.perception != "camera":
            nodes.append(lane_marks.node(sensors.lane_marks, mark_lines(lane_map)))
    if config.stack.perception == "camera":
        scenery = cache(lambda: scenery_of(lane_map, config.seed))
        nodes.append(sim.sensors.camera.node.node(sensors.rig, scenery, _threads().map))
    return tuple(nodes)


def stack_nodes(config: RunConfig, context: Context) -> tuple[Node, ...]:
    """The nodes between the simulator's truth or sensors and its command input, one that serves viewers, and one that
    tells what the others asked of their inference server.

    Raises:
        InputError: the configuration names a module that does not exist.
    """
    vehicle = context.vehicle
    server = server_of(config.inference, nets_of(config) if config.stack.perception == "camera" else ())
    planned = replace(context, run=running(server, "planner"))
    return (
        _choice("localization", LOCALIZATION, config.stack.localization)(config, context, server),
        *_choice("perception", PERCEPTION, config.stack.perception)(config, context, server),
        planner.node(build_planner(config.stack.planner, config.planning), planned, config.planner),
        control.node(vehicle, config.tracking),
        safety.node(vehicle, config.safety, config.tracking),
        view.node(context.lane_map, context.mission.route),
        inference_node.node(server.taken_figures),
    )


def _choice(place: str, table: Mapping[str, Any], name: str) -> Any:
    if name not in table:
        raise InputError(f"there is no {place} {name!r}; known are {', '.join(table)}")
    return table[name]
