"""How tracks go on: three Kalman filters side by side, and what each makes of a measurement.

One of constant velocity, one for vehicles that brake or turn hard and walkers who start or stop, one for who stands
(interacting multiple models: Blom and Bar-Shalom, IEEE TAC 33(8), 1988). The process noise is that of the kind.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bus.messages import Ints
from geometry.angles import Floats
from perception.track_state import (
    ACCELERATION_MPS2,
    CALM_S,
    HARD,
    LEAN,
    MODES,
    PLACE,
    PUSH,
    SCALE,
    SPEED,
    STANDING,
    STATES,
    STEADY,
    WALKS,
    Population,
    TrackerSettings,
)


def predicted(settings: TrackerSettings, tracks: Population, gap_s: float, scales: Floats) -> Population:
    """Every motion goes on from the mixture of what could have led to it, by its own noise."""
    kinds = tracks.votes.argmax(axis=1)
    step = np.tile(np.eye(STATES), (len(kinds), MODES, 1, 1))
    step[:, :, PLACE, SPEED] = gap_s * np.eye(2)
    step[:, :, SCALE, SCALE] = step[:, :, LEAN, LEAN] = kept = math.exp(-gap_s / settings.scale_s)
    step[:, :, SPEED, SPEED] = np.exp(-gap_s / CALM_S[kinds])[:, None, None, None] * np.eye(2)
    push = np.zeros((STATES, 2))
    push[PLACE], push[SPEED] = 0.5 * gap_s**2 * np.eye(2), gap_s * np.eye(2)
    lasting = math.exp(-gap_s / settings.hard_s)
    step[:, HARD, :, PUSH] = push
    step[:, :, PUSH, PUSH] = 0.0
    step[:, HARD, PUSH, PUSH] = lasting * np.eye(2)
    step[:, STANDING, :, SPEED] = 0.0
    from_to = tracks.modes[:, :, None] * _changes(settings, tracks)
    modes = from_to.sum(axis=1)
    share = from_to / np.maximum(modes, 1e-30)[:, None, :]
    mixed, spreads = mixture(tracks.states[:, None], tracks.covariances[:, None], share.swapaxes(1, 2))
    sudden = ACCELERATION_MPS2[kinds, None] * np.where(
        WALKS[kinds, None], (1.0, settings.hard_walk, 0.0), (1.0, 1.0, 0.0)
    )
    spreads = step @ spreads @ step.swapaxes(-1, -2) + (sudden**2)[..., None, None] * (push @ push.T)
    spreads[..., SCALE, SCALE] += (scales[kinds] ** 2 * (1.0 - kept**2))[:, None]
    new = np.array((1.0, 1.0 - lasting**2, 1.0))[None] * kept_mps2(settings, kinds)[:, None] ** 2
    spreads[..., PUSH, PUSH] += new[..., None, None] * np.eye(2)
    states = np.einsum("nmij,nmj->nmi", step, mixed)
    _brake_to_rest(mixed[:, HARD], states[:, HARD])
    state, spread = mixture(states, spreads, modes)
    return replace(tracks, state=state, covariance=spread, states=states, covariances=spreads, modes=modes,
                   existence=tracks.existence * settings.survival, yaw_rad=tracks.yaw_rad.copy(),
                   size_m=tracks.size_m.copy())  # fmt: skip


def _brake_to_rest(before: Floats, after: Floats) -> None:
    """Who brakes comes to rest and does not go back: of two states (N, 8) the later one is put right in place."""
    brakes = (before[:, SPEED] * before[:, PUSH]).sum(axis=1) < 0.0
    turned_back = brakes & ((before[:, SPEED] * after[:, SPEED]).sum(axis=1) <= 0.0)
    after[turned_back, SPEED] = after[turned_back, PUSH] = 0.0


def _changes(settings: TrackerSettings, tracks: Population) -> Floats:
    """Probabilities (N, M, M) of going from one motion to another; nobody stands who is surely at speed."""
    speed = tracks.states[..., SPEED]
    spread = tracks.covariances[..., SPEED, SPEED] + settings.rest_mps**2 * np.eye(2)
    rest = 2.0 * math.pi * settings.rest_mps**2 * density(speed, spread)
    stand = settings.stand * rest
    changes = np.zeros((*tracks.modes.shape, MODES))
    changes[:, STEADY, HARD], changes[:, HARD, STEADY] = settings.begin_hard, settings.end_hard
    changes[:, STEADY, STANDING], changes[:, HARD, STANDING] = stand[:, STEADY], stand[:, HARD]
    changes[:, STANDING, STEADY] = changes[:, STANDING, HARD] = 0.5 * settings.start
    return np.asarray(changes + (1.0 - changes.sum(axis=-1, keepdims=True)) * np.eye(MODES))


def kept_mps2(settings: TrackerSettings, kinds: Ints) -> Floats:
    """1-sigma of the acceleration that objects (N,) of these kinds keep for a while when they move hard."""
    return np.asarray(np.where(WALKS[kinds], 0.0, settings.hard * ACCELERATION_MPS2[kinds]))


def taken_in(tracks: Population, rows: Ints, miss: Floats, slope: Floats, noise: Floats) -> Population:
    """Each motion takes in what it missed (R, M, K) with the slope (R, M, K, 8) of what is measured under noise
    (R, K, K); the better it foresaw that, the likelier it is."""
    states, covariances, modes = tracks.states.copy(), tracks.covariances.copy(), tracks.modes.copy()
    turned = slope.swapaxes(-1, -2)
    spread = slope @ covariances[rows] @ turned + noise[:, None]
    gain = covariances[rows] @ turned @ np.linalg.inv(spread)
    states[rows] += np.einsum("nmij,nmj->nmi", gain, miss)
    rest = np.eye(STATES) - gain @ slope
    covariances[rows] = rest @ covariances[rows] @ rest.swapaxes(-1, -2) + gain @ noise[:, None] @ gain.swapaxes(-1, -2)
    likely = modes[rows] * np.maximum(density(miss, spread), 1e-30)
    modes[rows] = likely / likely.sum(axis=1, keepdims=True)
    state, covariance = tracks.state.copy(), tracks.covariance.copy()
    state[rows], covariance[rows] = mixture(states[rows], covariances[rows], modes[rows])
    return replace(tracks, state=state, covariance=covariance, states=states, covariances=covariances, modes=modes)


def mixture(states: Floats, covariances: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of mixtures of M states (..., M, 8) with shares (..., M)."""
    mean = (share[..., None] * states).sum(axis=-2)
    apart = states - mean[..., None, :]
    spread = covariances + apart[..., :, None] * apart[..., None, :]
    return mean, (share[..., None, None] * spread).sum(axis=-3)


def density(miss: Floats, spread: Floats) -> Floats:
    """Density of a miss (..., K) under a covariance (..., K, K)."""
    distance = np.einsum("...i,...ij,...j->...", miss, np.linalg.inv(spread), miss)
    return np.asarray(np.exp(-0.5 * distance) / np.sqrt(np.linalg.det(2.0 * math.pi * spread)))
