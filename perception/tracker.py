"""Detections to tracks in `odom`: who is the same object as before, how surely it is there, and how it moves.

In: `/perception/objects` in `ego` with covariance, `/localization/odometry`. Out: `/perception/tracks` in `odom`. A
detection is placed by the odometry of the instant it was measured at, so a late frame does no harm. Motion is a Kalman
filter of constant velocity with process noise by kind; assignment is optimal on gated Mahalanobis distances; existence
is a Bernoulli update (Reuter et al., The labeled multi-Bernoulli filter, IEEE TSP 62(12), 2014, for a single object).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from bus.messages import EntityKind, Ints, Objects, Odometry, Tracks
from bus.node import Node, Publication, Tick
from geometry.angles import Floats, wrap_rad
from geometry.pose import Pose

OBJECTS, ODOMETRY = "/perception/objects", "/localization/odometry"
ACCELERATION_MPS2 = np.array([3.0, 2.0, 2.0, 3.0, 4.0, 2.0, 1.5, 0.3, 2.0, 3.0])
"""1-sigma of the acceleration that each EntityKind is believed capable of from frame to frame."""
OBSERVE = np.eye(2, 4)


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Gate is a squared Mahalanobis distance (chi-square, 2 degrees of freedom, 99.9 %)."""

    gate: float = 13.8
    detected: float = 0.9
    """Probability that an object near by is detected; falls linearly to half of it at `range_m`."""
    range_m: float = 100.0
    clutter_pm2: float = 1e-3
    birth: float = 0.3
    survival: float = 0.99
    confirm: float = 0.9
    confirm_hits: int = 3
    drop: float = 0.05
    birth_speed_mps: float = 15.0
    floor_m: float = 0.2
    """Least 1-sigma of a detection's place: no detector is better than this."""
    ring_s: float = 1.0
    max_gap_s: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """N tracks: state (N, 4) of (x, y, vx, vy) in `odom`, covariance (N, 4, 4), size (N, 3), votes (N, kinds)."""

    ids: Ints
    hits: Ints
    existence: Floats
    state: Floats
    covariance: Floats
    yaw_rad: Floats
    size_m: Floats
    votes: Floats

    def rows(self, kept: Ints) -> Population:
        """The tracks of these rows."""
        return Population(
            self.ids[kept], self.hits[kept], self.existence[kept], self.state[kept], self.covariance[kept],
            self.yaw_rad[kept], self.size_m[kept], self.votes[kept],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class TrackerMemory:
    """Tracks at `at_ns`, the next free id, and the odometry of the last second as rows of (t_ns), (x, y, yaw)."""

    tracks: Population
    at_ns: int
    next_id: int
    ring_ns: Ints
    ring: Floats


def empty() -> TrackerMemory:
    """Nothing seen yet."""
    none = np.zeros(0, dtype=np.int64)
    tracks = Population(
        none, none, np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4, 4)), np.zeros(0), np.zeros((0, 3)),
        np.zeros((0, len(EntityKind))),
    )  # fmt: skip
    return TrackerMemory(tracks, -1, 0, none, np.zeros((0, 3)))


def node(settings: TrackerSettings) -> Node:
    """The node to hand to the executor."""
    return Node(
        name="tracker",
        priority=20,
        step=lambda memory, tick: _step(settings, memory, tick),
        memory=empty(),
        inputs=(OBJECTS, ODOMETRY),
        outputs=("/perception/tracks",),
        triggers=(OBJECTS, ODOMETRY),
    )


def _step(
    settings: TrackerSettings, memory: TrackerMemory, tick: Tick
) -> tuple[TrackerMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    at_ns = tick.trigger.envelope.measured_ns
    if tick.trigger.envelope.topic == ODOMETRY:
        return _remembered(settings, memory, at_ns, tick.trigger.message), ()
    if not len(memory.ring_ns) or at_ns <= memory.at_ns:
        return memory, ()
    memory = track(settings, memory, tick.trigger.message, _pose_at(memory, at_ns), at_ns)
    return memory, (Publication("/perception/tracks", message_of(settings, memory.tracks), at_ns),)


def _remembered(settings: TrackerSettings, memory: TrackerMemory, at_ns: int, odometry: Odometry) -> TrackerMemory:
    pose = odometry.odom_from_ego
    young = (memory.ring_ns >= at_ns - settings.ring_s * 1e9) & (memory.ring_ns < at_ns)
    ring = np.vstack((memory.ring[young], (pose.x_m, pose.y_m, pose.yaw_rad)))
    return replace(memory, ring_ns=np.append(memory.ring_ns[young], at_ns), ring=ring)


def _pose_at(memory: TrackerMemory, at_ns: int) -> Pose:
    yaw = np.unwrap(memory.ring[:, 2])
    x, y, turn = (float(np.interp(at_ns, memory.ring_ns, c)) for c in (memory.ring[:, 0], memory.ring[:, 1], yaw))
    return Pose(x, y, wrap_rad(turn))


def track(
    settings: TrackerSettings, memory: TrackerMemory, objects: Objects, odom_from_ego: Pose, at_ns: int
) -> TrackerMemory:
    """One frame of detections: predict, assign, update, give birth, bury."""
    gap_s = (at_ns - memory.at_ns) * 1e-9
    old = memory.tracks if gap_s <= settings.max_gap_s else empty().tracks
    tracks = _predicted(settings, old, gap_s)
    cos, sin = math.cos(odom_from_ego.yaw_rad), math.sin(odom_from_ego.yaw_rad)
    turn = np.array(((cos, -sin), (sin, cos)))
    places = odom_from_ego @ np.stack((objects.x_m, objects.y_m), axis=-1)
    noise = turn @ objects.covariance @ turn.T + settings.floor_m**2 * np.eye(2)
    yaw = np.asarray(wrap_rad(objects.yaw_rad + odom_from_ego.yaw_rad))
    size = np.stack((objects.length_m, objects.width_m, objects.height_m), axis=-1)
    votes = np.eye(len(EntityKind))[objects.kinds] * objects.score[:, None]
    rows, columns = _assigned(settings, tracks, places, noise)
    tracks = _missed(settings, tracks, rows, odom_from_ego)
    tracks = _hit(settings, tracks, rows, places[columns], noise[columns], votes[columns])
    tracks.yaw_rad[rows] += 0.3 * wrap_rad(yaw[columns] - tracks.yaw_rad[rows])
    tracks.size_m[rows] += (size[columns] - tracks.size_m[rows]) / np.minimum(tracks.hits[rows], 20)[:, None]
    new = np.setdiff1d(np.arange(len(places)), columns)
    born = _born(settings, memory.next_id, places[new], noise[new], yaw[new], size[new], votes[new])
    kept = np.flatnonzero(tracks.existence >= settings.drop)
    both = Population(*(
        np.concatenate((getattr(tracks.rows(kept), n), getattr(born, n))) for n in Population.__slots__
    ))  # fmt: skip
    return replace(memory, tracks=both, at_ns=at_ns, next_id=memory.next_id + len(new))


def _predicted(settings: TrackerSettings, tracks: Population, gap_s: float) -> Population:
    step = np.eye(4) + gap_s * np.eye(4, k=2)
    push = np.vstack((0.5 * gap_s**2 * np.eye(2), gap_s * np.eye(2)))
    sigma = ACCELERATION_MPS2[tracks.votes.argmax(axis=1)]
    spread = step @ tracks.covariance @ step.T + (sigma**2)[:, None, None] * (push @ push.T)
    existence = tracks.existence * settings.survival
    return replace(tracks, state=tracks.state @ step.T, covariance=spread, existence=existence,
                   yaw_rad=tracks.yaw_rad.copy(), size_m=tracks.size_m.copy())  # fmt: skip


def _assigned(settings: TrackerSettings, tracks: Population, places: Floats, noise: Floats) -> tuple[Ints, Ints]:
    """Rows of tracks and of detections that belong together; a pair beyond the gate costs as much as no pair."""
    miss = places[None] - tracks.state[:, None, :2]
    spread = tracks.covariance[:, None, :2, :2] + noise[None]
    distance = np.einsum("tdi,tdij,tdj->td", miss, np.linalg.inv(spread), miss)
    rows, columns = linear_sum_assignment(np.minimum(distance, settings.gate))
    near = distance[rows, columns] < settings.gate
    return rows[near], columns[near]


def _missed(settings: TrackerSettings, tracks: Population, hit: Ints, odom_from_ego: Pose) -> Population:
    far = np.hypot(tracks.state[:, 0] - odom_from_ego.x_m, tracks.state[:, 1] - odom_from_ego.y_m)
    seen = settings.detected * (1.0 - 0.5 * np.clip(far / settings.range_m, 0.0, 1.0))
    missed = tracks.existence * (1.0 - seen) / (1.0 - tracks.existence * seen)
    missed[hit] = tracks.existence[hit]
    return replace(tracks, existence=missed)


def _hit(
    settings: TrackerSettings, tracks: Population, rows: Ints, places: Floats, noise: Floats, votes: Floats
) -> Population:
    state, covariance, seen = tracks.state.copy(), tracks.covariance.copy(), tracks.existence.copy()
    total, hits = 0.98 * tracks.votes, tracks.hits.copy()
    spread = covariance[rows][:, :2, :2] + noise
    gain = covariance[rows][:, :, :2] @ np.linalg.inv(spread)
    miss = places - state[rows, :2]
    distance = np.einsum("ni,nij,nj->n", miss, np.linalg.inv(spread), miss)
    state[rows] += np.einsum("nij,nj->ni", gain, miss)
    rest = np.eye(4) - gain @ OBSERVE
    covariance[rows] = rest @ covariance[rows] @ rest.swapaxes(1, 2) + gain @ noise @ gain.swapaxes(1, 2)
    likelihood = np.exp(-0.5 * distance) / (2.0 * math.pi * np.sqrt(np.linalg.det(spread)))
    there = seen[rows] * settings.detected * likelihood
    seen[rows] = there / (there + (1.0 - seen[rows]) * settings.clutter_pm2)
    total[rows] += votes
    hits[rows] += 1
    return replace(tracks, state=state, covariance=covariance, existence=seen, votes=total, hits=hits)


def _born(
    settings: TrackerSettings, first: int, places: Floats, noise: Floats, yaw: Floats, size: Floats, votes: Floats
) -> Population:
    count = len(places)
    covariance = np.zeros((count, 4, 4))
    covariance[:, :2, :2] = noise
    covariance[:, 2:, 2:] = settings.birth_speed_mps**2 * np.eye(2)
    state = np.hstack((places, np.zeros((count, 2))))
    ids, hits = np.arange(first, first + count), np.ones(count, dtype=np.int64)
    return Population(ids, hits, settings.birth * votes.sum(axis=1), state, covariance, yaw, size, votes)


def message_of(settings: TrackerSettings, tracks: Population) -> Tracks:
    """The confirmed tracks: seen often enough and surely there. Acceleration and yaw rate are not estimated: zero."""
    sure = np.flatnonzero((tracks.hits >= settings.confirm_hits) & (tracks.existence >= settings.confirm))
    said = tracks.rows(sure)
    zero = np.zeros(len(sure))
    return Tracks(
        said.ids, said.votes.argmax(axis=1), said.existence, said.state[:, 0], said.state[:, 1],
        np.asarray(wrap_rad(said.yaw_rad)), said.state[:, 2], said.state[:, 3], zero, zero,
        said.size_m[:, 0], said.size_m[:, 1], said.size_m[:, 2], said.covariance,
    )  # fmt: skip
