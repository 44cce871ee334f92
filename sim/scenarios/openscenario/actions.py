"""All actions by the names of their elements."""

from __future__ import annotations

from collections.abc import Callable

from sim.scenarios.openscenario import lateral, longitudinal, private_actions, routing
from sim.scenarios.openscenario.action import Action, GlobalAction
from sim.scenarios.openscenario.global_actions import GLOBAL
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.synchronize import synchronize

LONGITUDINAL_ACTIONS: dict[str, Callable[[Node], Action]] = {
    "SpeedAction": longitudinal.speed,
    "SpeedProfileAction": longitudinal.speed_profile,
    "LongitudinalDistanceAction": longitudinal.distance,
}
LATERAL_ACTIONS: dict[str, Callable[[Node], Action]] = {
    "LaneChangeAction": lateral.lane_change,
    "LaneOffsetAction": lateral.lane_offset,
    "LateralDistanceAction": lateral.lateral_distance,
}
ROUTING_ACTIONS: dict[str, Callable[[Node], Action]] = {
    "AssignRouteAction": routing.assign_route,
    "AcquirePositionAction": routing.acquire_position,
    "FollowTrajectoryAction": routing.follow_trajectory,
}
PRIVATE: dict[str, Callable[[Node], Action]] = {
    "LongitudinalAction": lambda node: node.choose(LONGITUDINAL_ACTIONS),
    "LateralAction": lambda node: node.choose(LATERAL_ACTIONS),
    "RoutingAction": lambda node: node.choose(ROUTING_ACTIONS),
    "SynchronizeAction": synchronize,
    "TeleportAction": private_actions.teleport,
    "ControllerAction": private_actions.controller,
    "ActivateControllerAction": private_actions.activate_controller,
    "VisibilityAction": private_actions.visibility,
    "AppearanceAction": private_actions.appearance,
    "TrailerAction": private_actions.trailer,
}


def read_private_action(node: Node) -> Action:
    """`<PrivateAction>`.

    Raises:
        UnsupportedError: an action that the engine does not know.
    """
    return node.choose(PRIVATE)


def read_global_action(node: Node) -> GlobalAction:
    """`<GlobalAction>`.

    Raises:
        UnsupportedError: an action that the engine does not know.
    """
    return node.choose(GLOBAL)


def read_action(node: Node) -> Action | GlobalAction:
    """`<Action>` of an event.

    Raises:
        UnsupportedError: an action that the engine does not know.
    """
    either: dict[str, Callable[[Node], Action | GlobalAction]] = {
        "PrivateAction": read_private_action,
        "GlobalAction": read_global_action,
    }
    return node.choose(either)
