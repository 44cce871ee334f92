"""Two ranges of one object: by its size, and by where it meets the ground.

The one by size is sure from frame to frame, but off by how much the object differs from its class; the one by the
ground is unsure, but off by little that lasts. A track learns the first from the second and from its motion, and by how
much the camera leans in all pictures.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bus.messages import Ints, Objects
from geometry.angles import Floats
from perception.track_motion import taken_in
from perception.track_state import LEAN, PLACE, SCALE, STATES, Population, TrackerSettings


def told_apart(
    settings: TrackerSettings, objects: Objects, places: Floats, noise: Floats, eye: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Where things are by their size alone, (N, 2), with covariance; and how far by where they meet the ground, (N,),
    with 1-sigma. Of what is near, and of a detector that knows one range, that is the place and nothing (infinite)."""
    if not len(objects.ranges_m):
        return places, noise, np.zeros(len(places)), np.full(len(places), np.inf)
    far = np.hypot(objects.x_m, objects.y_m)
    apart, sight = apart_share(settings, far), unit(places - eye)
    by_size_m, sigma_m, ground_m, ground_sigma_m = objects.ranges_m.T
    along = np.einsum("ni,nij,nj->n", sight, noise, sight)
    more = (apart * np.maximum(sigma_m**2 - along, 0.0))[:, None, None] * sight[:, :, None] * sight[:, None, :]
    places = eye + (far + apart * (by_size_m - far))[:, None] * sight
    return places, noise + more, ground_m.copy(), ground_sigma_m / np.maximum(apart, 1e-6)


def apart_share(settings: TrackerSettings, far_m: Floats) -> Floats:
    """How far, from 0 to 1, the two ranges of what is seen at these distances are told apart: see `floor_range_m`."""
    return np.asarray(np.clip(4.0 * (far_m / settings.floor_range_m - 1.0), 0.0, 1.0))


def unit(sight: Floats) -> Floats:
    """Directions (N, 2) of lines of sight."""
    return np.asarray(sight / np.maximum(np.hypot(sight[:, 0], sight[:, 1]), 1e-6)[:, None])


def foreseen_by_size(settings: TrackerSettings, states: Floats, eye: Floats) -> tuple[Floats, Floats]:
    """Where states (..., 8) are said to be by size as seen from `eye`, shape (..., 2), with its slope (..., 2, 8)."""
    sight = states[..., PLACE] - eye
    apart = apart_share(settings, np.hypot(sight[..., 0], sight[..., 1]))
    scale = (apart * states[..., SCALE])[..., None]
    slope = np.zeros((*states.shape[:-1], 2, STATES))
    slope[..., 0, 0] = slope[..., 1, 1] = 1.0 + scale[..., 0]
    slope[..., SCALE] = apart[..., None] * sight
    return states[..., PLACE] + scale * sight, slope


def told_by_size(
    settings: TrackerSettings, tracks: Population, rows: Ints, places: Floats, noise: Floats, eye: Floats
) -> Population:
    """Tracks to whom it is said where they are."""
    foreseen, slope = foreseen_by_size(settings, tracks.states[rows], eye)
    return taken_in(tracks, rows, places[:, None] - foreseen, slope, noise)


def told_on_ground(
    settings: TrackerSettings, tracks: Population, rows: Ints, far_m: Floats, sigma_m: Floats, eye: Floats,
    renewed: float,
) -> Population:  # fmt: skip
    """Tracks to whom it is said how far away they meet the ground.

    That does not depend on how tall they are, but on how the camera leans, the more the farther away; of the variance
    of that, as much is `renewed` as the time since the last frame has taken away.
    """
    known = sigma_m < far_m
    rows, far_m, sigma_m = rows[known], far_m[known], sigma_m[known]
    lasting = (settings.ground_lasts * sigma_m / np.maximum(far_m, 1.0) ** 2) ** 2
    told = tracks.covariance[rows, LEAN, LEAN] > 0.0
    covariances = tracks.covariances.copy()
    covariances[rows, :, LEAN, LEAN] += (np.where(told, renewed, 1.0) * lasting)[:, None]
    tracks = replace(tracks, covariances=covariances)
    states = tracks.states[rows]
    sight = states[..., PLACE] - eye
    distance = np.maximum(np.hypot(sight[..., 0], sight[..., 1]), 1e-6)
    slope = np.zeros((*sight.shape[:-1], 1, STATES))
    leans = states[..., LEAN] * distance
    slope[..., 0, PLACE] = (1.0 + 2.0 * leans)[..., None] * sight / distance[..., None]
    slope[..., 0, LEAN] = distance**2
    noise = (settings.ground_share * sigma_m) ** 2 + settings.floor_m**2
    return taken_in(tracks, rows, (far_m[:, None] - distance * (1.0 + leans))[..., None], slope, noise[:, None, None])


def least_sigma_m(settings: TrackerSettings, objects: Objects) -> Floats:
    """Least 1-sigma of each detection's place."""
    near = 1.0 - np.hypot(objects.x_m, objects.y_m) / settings.floor_range_m
    return settings.floor_m + (settings.beside_floor_m - settings.floor_m) * np.clip(near, 0.0, 1.0)
