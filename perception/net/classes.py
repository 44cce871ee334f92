"""What the camera net tells apart, and the shapes of its numbers.

The net looks at one picture (height and width multiples of 32) and answers on a grid of STRIDE pixels. `CHANNELS` names
the slices of its output; both training and decoding read them from here.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from bus.messages import EntityKind, LightState

STRIDE = 4
SIZE_MULTIPLE = 32

OBJECTS = ("car", "truck", "motorcycle", "cyclist", "pedestrian", "obstacle")
LIGHTS = ("red", "yellow", "green", "red_yellow", "off")
MARKS = ("solid", "broken", "other")
WEATHERS = ("clear", "rain", "snow", "fog", "dusk", "night")

CLASS_OF_KIND = MappingProxyType({
    EntityKind.CAR: 0, EntityKind.VAN: 0, EntityKind.TRUCK: 1, EntityKind.BUS: 1, EntityKind.TRAILER: 1,
    EntityKind.MOTORCYCLE: 2, EntityKind.BICYCLE: 3, EntityKind.PEDESTRIAN: 4, EntityKind.OBSTACLE: 5,
    EntityKind.ANIMAL: 5,
})  # fmt: skip
KIND_OF_CLASS = (EntityKind.CAR, EntityKind.TRUCK, EntityKind.MOTORCYCLE, EntityKind.BICYCLE, EntityKind.PEDESTRIAN,
                 EntityKind.OBSTACLE)  # fmt: skip
LIGHT_CLASS = MappingProxyType({
    LightState.RED: 0, LightState.YELLOW: 1, LightState.GREEN: 2, LightState.RED_YELLOW: 3, LightState.OFF: 4,
    LightState.FLASHING: 1, LightState.UNKNOWN: 4,
})  # fmt: skip
STATE_OF_CLASS = (LightState.RED, LightState.YELLOW, LightState.GREEN, LightState.RED_YELLOW, LightState.OFF)

MEAN_SIZE_M = np.array([
    (4.5, 1.85, 1.65), (10.5, 2.48, 3.3), (2.15, 0.78, 1.55), (1.75, 0.6, 1.72), (0.57, 0.6, 1.55), (0.95, 0.85, 0.75),
    (0.4, 0.4, 1.1),
])  # fmt: skip
"""Length, width, height of each object class, and of a light's head."""

FOCAL_PX = 500.0
"""Focal length that depths are normalised to: the net sees sizes in pixels, so it says depth / focal length, the one
that the lens has at that place of the picture."""
DEPTH_M = 20.0
HORIZON_REACH_PX = 64.0
"""Cells so near the horizon say where it is."""
OFFSET_PX = 16.0
"""Offsets are learned in units of so many pixels."""

HEAT = len(OBJECTS) + len(LIGHTS)
CHANNELS = MappingProxyType({
    "heat": slice(0, HEAT),
    "offset": slice(HEAT, HEAT + 2),
    "depth": slice(HEAT + 2, HEAT + 4),
    "contact": slice(HEAT + 4, HEAT + 6),
    "size": slice(HEAT + 6, HEAT + 9),
    "yaw": slice(HEAT + 9, HEAT + 11),
    "drivable": slice(HEAT + 11, HEAT + 12),
    "marks": slice(HEAT + 12, HEAT + 15),
    "mark_offset": slice(HEAT + 15, HEAT + 17),
    "horizon": slice(HEAT + 17, HEAT + 19),
})  # fmt: skip
"""heat: per class; offset: u, v from the cell to the box centre; depth: log of normalised depth, log sigma; contact: v
from the cell to the middle of the box's foot, log sigma; size: log over the class mean; yaw: sine and cosine of the
angle between the object's heading and the ray; mark_offset: u from the cell to the line, log sigma; horizon: v from the
cell to the horizon, log sigma."""
OUTPUTS = HEAT + 19
SHARED_SIZE_M = (3.0, 1.4, 1.7)
"""Sizes are learned over this one, as the class is only known after decoding."""
