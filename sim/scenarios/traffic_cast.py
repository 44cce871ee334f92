"""Reactive traffic as entities of a scenario: their shapes, and their states as rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bus.messages import EntityKind
from geometry.angles import Floats
from motion.rollout import EntityShape
from sim.traffic.pavement import Pavement
from sim.traffic.populate import places
from sim.traffic.roads import Roads
from sim.traffic.vehicles import Car, Traffic
from sim.traffic.walkers import SIZE_M, places_on_foot

CAR = EntityShape("Car", EntityKind.CAR, 4.6, 1.8, 1.5, 0.0, 0.0)
CYCLIST = EntityShape("Cyclist", EntityKind.BICYCLE, 1.8, 0.6, 1.8, 0.0, 0.0)
WALKER = EntityShape("Pedestrian", EntityKind.PEDESTRIAN, SIZE_M, SIZE_M, 1.75, 0.0, 0.0)
"""The origin of each is the middle of its box."""


def cast_of(traffic: Traffic) -> tuple[EntityShape, ...]:
    """Vehicles, then people on foot."""
    vehicles = tuple(_vehicle(car) for car in traffic.cars)
    return vehicles + tuple(replace(WALKER, name=f"Pedestrian {walker.number + 1}") for walker in traffic.walkers)


def _vehicle(car: Car) -> EntityShape:
    shape = CYCLIST if car.kind is EntityKind.BICYCLE else CAR
    return replace(shape, name=f"{shape.name} {car.number + 1}", length_m=car.length_m, width_m=car.width_m)


def states_of(traffic: Traffic, roads: Roads, pavement: Pavement) -> Floats:
    """Rows (N, 5) of x, y, yaw, speed, acceleration in the order of the cast; NaN for who is off the map."""
    points, yaws = places(traffic, roads)
    feet, turned = places_on_foot(traffic.walkers, pavement)
    moving = [(car.speed_mps, car.acceleration_mps2) for car in traffic.cars]
    moving += [(0.0 if walker.waits >= 0 else walker.speed_mps, 0.0) for walker in traffic.walkers]
    rows = np.concatenate((points, feet)), np.concatenate((yaws, turned))[:, None], np.array(moving).reshape(-1, 2)
    return np.concatenate(rows, axis=1)
