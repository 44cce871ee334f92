"""Detections to tracks in `odom`: who is the same object as before, how surely it is there, and how it moves.

In: `/perception/objects` in `ego` with covariance, `/localization/odometry`. Out: `/perception/tracks` in `odom`. A
detection is placed by the odometry of the instant it was measured at, so a late frame does no harm. Of its two ranges
the one by size is sure from frame to frame, but off by how much the object differs from its class; the one by the
ground is unsure, but off by little that lasts: the track learns the first from the second. Motion is three Kalman
filters side by side with process noise by kind: one of constant velocity, one for vehicles that brake or turn hard and
walkers who start or stop, one for who stands (interacting multiple models: Blom and Bar-Shalom, IEEE TAC 33(8), 1988);
assignment is optimal on gated Mahalanobis distances; existence is a Bernoulli update (Reuter et al., The labeled
multi-Bernoulli filter, IEEE TSP 62(12), 2014, for a single object), told only as far as scores bear it out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bus.messages import EntityKind, Ints, Objects, Odometry, Tracks
from bus.node import Node, Publication, Tick
from geometry.angles import Floats, wrap_rad
from geometry.pose import Pose

OBJECTS, ODOMETRY = "/perception/objects", "/localization/odometry"
ACCELERATION_MPS2 = np.array([3.0, 2.0, 2.0, 3.0, 4.0, 2.0, 1.0, 0.3, 2.0, 3.0])
"""1-sigma of the acceleration that each EntityKind is believed capable of from frame to frame."""
CALM_S = np.array([math.inf, math.inf, math.inf, math.inf, math.inf, math.inf, 1.5, math.inf, math.inf, 3.0])
"""Time in which the speed of each EntityKind is forgotten unless it is seen: who walks has no momentum to speak of."""
WALKS = np.isfinite(CALM_S)
"""Which EntityKind keeps no acceleration."""
BIRTH_SPEED_MPS = np.array([15.0, 15.0, 15.0, 15.0, 15.0, 6.0, 2.0, 1.0, 15.0, 3.0])
"""1-sigma of the speed at which each EntityKind is first seen."""
SCALES = np.array([0.08, 0.08, 0.08, 0.08, 0.08, 0.1, 0.1, 0.03, 0.08, 0.1])
"""1-sigma of the share by which all ranges by size of an object of each EntityKind are said too far or too near: one
that is taller than most of its class seems too near all the time. It is estimated with the motion: where it meets the
ground tells it, picture after picture, and who drives towards something whose range is said too far by a tenth sees it
come by a tenth of the own speed."""
PLACE, SPEED, SCALE, PUSH, LEAN = slice(0, 2), slice(2, 4), 4, slice(5, 7), 7
STATES = 8
"""Columns of a state: (x, y), (vx, vy), by which share all its ranges by size are said too far, the acceleration (ax,
ay) that it keeps for a while (of a steady object that is unknown and without effect), and by which share of itself and
per metre its range by the ground is said too far: the camera may lean."""
STEADY, HARD, STANDING = 0, 1, 2
MODES = 3
"""Motions that are tried side by side."""
HEADING_KINDS = (
    EntityKind.CAR, EntityKind.VAN, EntityKind.TRUCK, EntityKind.BUS, EntityKind.TRAILER, EntityKind.MOTORCYCLE,
)  # fmt: skip
SCORE_MEMORY = 8
"""Detections over which a track's mean score reaches back."""


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
    own_share: float = 0.5
    """Of the 1-sigma of a detection's place by size, how much is new in each frame."""
    ground_share: float = 0.8
    """Of the 1-sigma of its range by the ground, how much is new in each frame."""
    ground_lasts: float = 0.35
    """Of the 1-sigma of its range by the ground, how much lasts: the camera leans in all pictures."""
    scale_s: float = 40.0
    """Time in which the shares by which an object's ranges are off change."""
    hard: float = 2.5
    """So many times the acceleration from frame to frame is kept by a vehicle that brakes or turns hard."""
    hard_s: float = 3.0
    """Time in which such an acceleration is forgotten (Singer, IEEE TAES 6(4), 1970)."""
    hard_walk: float = 3.5
    """Who walks starts and stops at once, with so many times the acceleration from frame to frame."""
    sure_sigmas: float = 0.7
    """An acceleration is told less so many 1-sigma."""
    begin_hard: float = 0.03
    end_hard: float = 0.1
    """Probabilities, per frame, that a steady object becomes a hard one and back."""
    stand: float = 0.05
    start: float = 0.01
    """Probabilities, per frame, that who is at rest stands, and that who stands moves again."""
    rest_mps: float = 0.5
    """1-sigma of the speed of those who are at rest."""
    floor_m: float = 0.05
    """Least 1-sigma of a detection's place: no detector is better than this."""
    beside_floor_m: float = 1.2
    floor_range_m: float = 8.0
    """What is nearer than `floor_range_m` is cut by the pictures: its least 1-sigma grows up to `beside_floor_m`, and
    its two ranges are not told apart. From a quarter further on they are."""
    even_score: float = 0.35
    """Score at which a detection says as much for an object as against it; odds of scores are taken as evidence."""
    own_hits: int = 4
    """Of a track's detections so many count as evidence of their own: a net is mistaken again where it is shown almost
    the same pixels again."""
    confirm_score: float = 0.42
    """Mean score of its detections below which a track is not told: what is seen again and again with doubt is mostly
    a bush."""
    known_speed_mps: float = 5.0
    """1-sigma of the speed along the line of sight above which a young track is not told: braking for it would be
    guessing."""
    patience_hits: int = 12
    """After so many detections it is told however unsure its speed is."""
    beside_m: float = 1.5
    along_share: float = 0.12
    """A detection this near to a track across the line of sight, and along it by this share of the range, begins no
    track of its own, and of two such tracks the younger one ends: the nearer object would hide the farther one."""
    hidden_share: float = 0.85
    """Of a detection's width as it is seen, so much may be covered by a nearer one with a better score."""
    hidden_height: float = 1.2
    """Who is so many times as tall as the nearer one is seen over it."""
    heading_speed_mps: float = 3.0
    """From this speed on a vehicle heads where it moves."""
    ring_s: float = 1.0
    max_gap_s: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """N tracks in `odom`: state (N, 8) as STATES says, covariance (N, 8, 8), size (N, 3), votes (N, kinds), and the
    running mean of their detections' scores.

    State and covariance are those of the mixture of M motions: `states` (N, M, 8), `covariances` (N, M, 8, 8), each
    with the probability `modes` (N, M).
    """

    ids: Ints
    hits: Ints
    existence: Floats
    state: Floats
    covariance: Floats
    states: Floats
    covariances: Floats
    modes: Floats
    yaw_rad: Floats
    size_m: Floats
    votes: Floats
    score: Floats

    def rows(self, kept: Ints) -> Population:
        """The tracks of these rows."""
        return Population(
            self.ids[kept], self.hits[kept], self.existence[kept], self.state[kept], self.covariance[kept],
            self.states[kept], self.covariances[kept], self.modes[kept], self.yaw_rad[kept],
            self.size_m[kept], self.votes[kept], self.score[kept],
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
        none, none, np.zeros(0), np.zeros((0, STATES)), np.zeros((0, STATES, STATES)), np.zeros((0, MODES, STATES)),
        np.zeros((0, MODES, STATES, STATES)), np.zeros((0, MODES)), np.zeros(0), np.zeros((0, 3)),
        np.zeros((0, len(EntityKind))), np.zeros(0),
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
    pose = _pose_at(memory, at_ns)
    memory = track(settings, memory, tick.trigger.message, pose, at_ns)
    return memory, (Publication("/perception/tracks", message_of(settings, memory.tracks, pose), at_ns),)


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
    """One frame of detections: predict, assign, update, give birth, bury.

    Of a detector that does not tell ranges by size, no share of the ranges is off: SCALES are not for it.
    """
    objects = _in_sight(settings, objects)
    scales = SCALES if len(objects.ranges_m) else 0.0 * SCALES
    gap_s = (at_ns - memory.at_ns) * 1e-9
    old = memory.tracks if gap_s <= settings.max_gap_s else empty().tracks
    tracks = _predicted(settings, old, gap_s, scales)
    cos, sin = math.cos(odom_from_ego.yaw_rad), math.sin(odom_from_ego.yaw_rad)
    turn = np.array(((cos, -sin), (sin, cos)))
    places = odom_from_ego @ np.stack((objects.x_m, objects.y_m), axis=-1)
    floor_m = _floor_m(settings, objects)
    noise = turn @ objects.covariance @ turn.T + floor_m[:, None, None] ** 2 * np.eye(2)
    eye = np.array((odom_from_ego.x_m, odom_from_ego.y_m))
    places, noise, ground_m, ground_sigma_m = _told_apart(settings, objects, places, noise, eye)
    yaw = np.asarray(wrap_rad(objects.yaw_rad + odom_from_ego.yaw_rad))
    size = np.stack((objects.length_m, objects.width_m, objects.height_m), axis=-1)
    votes = np.eye(len(EntityKind))[objects.kinds] * objects.score[:, None]
    rows, columns = _assigned(settings, tracks, places, noise, eye)
    beyond_m = _beyond_near_side_m(tracks, rows, objects.kinds[columns], size[columns], places[columns] - eye)
    places[columns] += beyond_m[:, None] * _unit(places[columns] - eye)
    ground_m[columns] += beyond_m
    tracks = _missed(settings, tracks, rows, odom_from_ego)
    tracks = _hit(settings, tracks, rows, places[columns], noise[columns], votes[columns], eye)
    renewed = 1.0 - math.exp(-2.0 * gap_s / settings.scale_s)
    tracks = _on_ground(settings, tracks, rows, ground_m[columns], ground_sigma_m[columns], eye, renewed)
    tracks.yaw_rad[rows] += 0.3 * wrap_rad(yaw[columns] - tracks.yaw_rad[rows])
    _head_where_it_moves(settings, tracks)
    tracks.size_m[rows] += (size[columns] - tracks.size_m[rows]) / np.minimum(tracks.hits[rows], 20)[:, None]
    new = np.setdiff1d(np.arange(len(places)), columns)
    new = new[~_in_line(settings, places[new], tracks.state[:, PLACE], eye).any(axis=1)]
    born = _born(settings, memory.next_id, places[new], noise[new], yaw[new], size[new], votes[new], eye, scales)
    born = _on_ground(settings, born, np.arange(len(new)), ground_m[new], ground_sigma_m[new], eye, 1.0)
    kept = np.flatnonzero((tracks.existence >= settings.drop) & ~_doubled(settings, tracks, eye))
    both = Population(*(
        np.concatenate((getattr(tracks.rows(kept), n), getattr(born, n))) for n in Population.__slots__
    ))  # fmt: skip
    return replace(memory, tracks=both, at_ns=at_ns, next_id=memory.next_id + len(new))


def _in_sight(settings: TrackerSettings, objects: Objects) -> Objects:
    """The detections that are not behind others: what a nearer object hides cannot have been seen. It is the nearer one
    again, said too far by another camera."""
    far = np.maximum(np.hypot(objects.x_m, objects.y_m), 1.0)
    bearing = np.arctan2(objects.y_m, objects.x_m)
    size = np.stack((objects.width_m, objects.length_m), axis=-1)
    half = np.arctan2(_half_m(size, np.asarray(objects.yaw_rad - bearing)), far)
    apart = np.abs(wrap_rad(bearing[:, None] - bearing))
    covered = np.minimum(half[:, None] + half - apart, 2.0 * np.minimum(half[:, None], half)) / (2.0 * half[:, None])
    hidden = (covered > settings.hidden_share) & (far[:, None] > far) & (objects.score[:, None] <= objects.score)
    hidden &= objects.height_m[:, None] < settings.hidden_height * objects.height_m
    kept = np.flatnonzero(~hidden.any(axis=1))
    columns = {item.name: getattr(objects, item.name) for item in fields(objects)}
    return Objects(**{name: column[kept] if len(column) else column for name, column in columns.items()})


def _told_apart(
    settings: TrackerSettings, objects: Objects, places: Floats, noise: Floats, eye: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Where things are by their size alone, (N, 2), with covariance; and how far by where they meet the ground, (N,),
    with 1-sigma. Of what is near, and of a detector that knows one range, that is the place and nothing (infinite)."""
    if not len(objects.ranges_m):
        return places, noise, np.zeros(len(places)), np.full(len(places), np.inf)
    far = np.hypot(objects.x_m, objects.y_m)
    apart, sight = _apart(settings, far), _unit(places - eye)
    by_size_m, sigma_m, ground_m, ground_sigma_m = objects.ranges_m.T
    along = np.einsum("ni,nij,nj->n", sight, noise, sight)
    more = (apart * np.maximum(sigma_m**2 - along, 0.0))[:, None, None] * sight[:, :, None] * sight[:, None, :]
    places = eye + (far + apart * (by_size_m - far))[:, None] * sight
    return places, noise + more, ground_m.copy(), ground_sigma_m / np.maximum(apart, 1e-6)


def _apart(settings: TrackerSettings, far_m: Floats) -> Floats:
    """How far, from 0 to 1, the two ranges of what is seen at these distances are told apart: see `floor_range_m`."""
    return np.asarray(np.clip(4.0 * (far_m / settings.floor_range_m - 1.0), 0.0, 1.0))


def _unit(sight: Floats) -> Floats:
    """Directions (N, 2) of lines of sight."""
    return np.asarray(sight / np.maximum(np.hypot(sight[:, 0], sight[:, 1]), 1e-6)[:, None])


def _beyond_near_side_m(tracks: Population, rows: Ints, kinds: Ints, size: Floats, sight: Floats) -> Floats:
    """How far (N,) the middles of detections lie beyond where they are put, if taken for another kind than their track.

    What is seen is the near side of an object; its middle lies beyond by half of what its kind measures. A motorcycle
    that is taken for a car does not move by half a car's width when it is known again. The heading of what is taken for
    another kind is not believed either: both are turned as the track is.
    """
    other = kinds != tracks.votes[rows].argmax(axis=1)
    bearing = np.arctan2(sight[:, 1], sight[:, 0])
    turned = tracks.yaw_rad[rows] - bearing
    more = _half_m(tracks.size_m[rows], turned) - _half_m(size, turned)
    return np.asarray(np.where(other, more, 0.0))


def _half_m(size: Floats, turned_rad: Floats) -> Floats:
    """Half of what boxes (N, 3) measure along a line of sight that they are turned against."""
    return np.asarray(0.5 * (np.abs(np.cos(turned_rad)) * size[:, 0] + np.abs(np.sin(turned_rad)) * size[:, 1]))


def _floor_m(settings: TrackerSettings, objects: Objects) -> Floats:
    """Least 1-sigma of each detection's place."""
    near = 1.0 - np.hypot(objects.x_m, objects.y_m) / settings.floor_range_m
    return settings.floor_m + (settings.beside_floor_m - settings.floor_m) * np.clip(near, 0.0, 1.0)


def _in_line(settings: TrackerSettings, places: Floats, others: Floats, eye: Floats) -> NDArray[np.bool_]:
    """Whether two places (P, 2) and (T, 2) are one object as seen from `eye`, shape (P, T)."""
    sight = places - eye
    far = np.maximum(np.hypot(sight[:, 0], sight[:, 1]), 1e-6)[:, None]
    gap = others[None] - places[:, None]
    along = (gap * sight[:, None]).sum(axis=-1) / far
    across = (gap[..., 1] * sight[:, None, 0] - gap[..., 0] * sight[:, None, 1]) / far
    return np.asarray((np.abs(along) < settings.along_share * far) & (np.abs(across) < settings.beside_m))


def _doubled(settings: TrackerSettings, tracks: Population, eye: Floats) -> NDArray[np.bool_]:
    """Tracks that stand in line with one of more detections: two ranges of one object."""
    places = tracks.state[:, PLACE]
    together = _in_line(settings, places, places, eye) & _in_line(settings, places, places, eye).T
    # Equally often seen ones are told apart by their age.
    rank = tracks.hits * tracks.score - 1e-6 * tracks.ids
    return np.asarray((together & (rank[None, :] > rank[:, None])).any(axis=1))


def _head_where_it_moves(settings: TrackerSettings, tracks: Population) -> None:
    """Vehicles at speed head along their velocity: it is known better than what a picture says of far ones."""
    velocity = tracks.state[:, SPEED]
    spread = np.sqrt(np.trace(tracks.covariance[:, SPEED, SPEED], axis1=1, axis2=2))
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    sure = (speed > settings.heading_speed_mps) & (speed > 1.5 * spread)
    sure &= np.isin(tracks.votes.argmax(axis=1), HEADING_KINDS)
    tracks.yaw_rad[sure] = np.arctan2(velocity[sure, 1], velocity[sure, 0])


def _predicted(settings: TrackerSettings, tracks: Population, gap_s: float, scales: Floats) -> Population:
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
    mixed, spreads = _mixture(tracks.states[:, None], tracks.covariances[:, None], share.swapaxes(1, 2))
    sudden = ACCELERATION_MPS2[kinds, None] * np.where(
        WALKS[kinds, None], (1.0, settings.hard_walk, 0.0), (1.0, 1.0, 0.0)
    )
    spreads = step @ spreads @ step.swapaxes(-1, -2) + (sudden**2)[..., None, None] * (push @ push.T)
    spreads[..., SCALE, SCALE] += (scales[kinds] ** 2 * (1.0 - kept**2))[:, None]
    new = np.array((1.0, 1.0 - lasting**2, 1.0))[None] * _kept_mps2(settings, kinds)[:, None] ** 2
    spreads[..., PUSH, PUSH] += new[..., None, None] * np.eye(2)
    states = np.einsum("nmij,nmj->nmi", step, mixed)
    _brake_to_rest(mixed[:, HARD], states[:, HARD])
    state, spread = _mixture(states, spreads, modes)
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
    rest = 2.0 * math.pi * settings.rest_mps**2 * _likelihood(speed, spread)
    stand = settings.stand * rest
    changes = np.zeros((*tracks.modes.shape, MODES))
    changes[:, STEADY, HARD], changes[:, HARD, STEADY] = settings.begin_hard, settings.end_hard
    changes[:, STEADY, STANDING], changes[:, HARD, STANDING] = stand[:, STEADY], stand[:, HARD]
    changes[:, STANDING, STEADY] = changes[:, STANDING, HARD] = 0.5 * settings.start
    return np.asarray(changes + (1.0 - changes.sum(axis=-1, keepdims=True)) * np.eye(MODES))


def _kept_mps2(settings: TrackerSettings, kinds: Ints) -> Floats:
    """1-sigma of the acceleration that objects (N,) of these kinds keep for a while when they move hard."""
    return np.asarray(np.where(WALKS[kinds], 0.0, settings.hard * ACCELERATION_MPS2[kinds]))


def _mixture(states: Floats, covariances: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of mixtures of M states (..., M, 8) with shares (..., M)."""
    mean = (share[..., None] * states).sum(axis=-2)
    apart = states - mean[..., None, :]
    spread = covariances + apart[..., :, None] * apart[..., None, :]
    return mean, (share[..., None, None] * spread).sum(axis=-3)


def _foreseen(settings: TrackerSettings, states: Floats, eye: Floats) -> tuple[Floats, Floats]:
    """Where states (..., 8) are said to be by size as seen from `eye`, shape (..., 2), with its slope (..., 2, 8)."""
    sight = states[..., PLACE] - eye
    apart = _apart(settings, np.hypot(sight[..., 0], sight[..., 1]))
    scale = (apart * states[..., SCALE])[..., None]
    slope = np.zeros((*states.shape[:-1], 2, STATES))
    slope[..., 0, 0] = slope[..., 1, 1] = 1.0 + scale[..., 0]
    slope[..., SCALE] = apart[..., None] * sight
    return states[..., PLACE] + scale * sight, slope


def _assigned(
    settings: TrackerSettings, tracks: Population, places: Floats, noise: Floats, eye: Floats
) -> tuple[Ints, Ints]:
    """Rows of tracks and of detections that belong together; a pair beyond the gate costs as much as no pair."""
    foreseen, slope = _foreseen(settings, tracks.state, eye)
    miss = places[None] - foreseen[:, None]
    spread = (slope @ tracks.covariance @ slope.swapaxes(-1, -2))[:, None] + noise[None]
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
    settings: TrackerSettings, tracks: Population, rows: Ints, places: Floats, noise: Floats, votes: Floats, eye: Floats
) -> Population:
    total, hits, seen = 0.98 * tracks.votes, tracks.hits.copy(), tracks.existence.copy()
    evidence = _evidence(settings, votes.sum(axis=1))
    foreseen, slope = _foreseen(settings, tracks.state[rows], eye)
    likelihood = _likelihood(
        places - foreseen, slope @ tracks.covariance[rows] @ slope.swapaxes(-1, -2) + noise
    )  # fmt: skip
    there = seen[rows] * settings.detected * likelihood * evidence
    seen[rows] = there / (there + (1.0 - seen[rows]) * settings.clutter_pm2)
    total[rows] += votes
    hits[rows] += 1
    mean = tracks.score.copy()
    mean[rows] += (votes.sum(axis=1) - mean[rows]) / np.minimum(hits[rows], SCORE_MEMORY)
    moved = _moved(settings, tracks, rows, places, settings.own_share**2 * noise, eye)
    return replace(moved, existence=seen, votes=total, hits=hits, score=mean)


def _evidence(settings: TrackerSettings, score: Floats) -> Floats:
    """Odds that a score speaks for an object."""
    bounded = np.clip(score, 0.02, 0.98)
    return np.asarray(bounded / (1.0 - bounded) * (1.0 - settings.even_score) / settings.even_score)


def existence_told(settings: TrackerSettings, tracks: Population) -> Floats:
    """How likely tracks (N,) are there.

    The Bernoulli update holds them against noise that is elsewhere in the next picture. What the net takes for an
    object again and again, as the end of a lorry for somebody who walks beside it, is where it was, too: against that
    only the scores speak.
    """
    odds = _evidence(settings, tracks.score) ** np.minimum(tracks.hits, settings.own_hits)
    return np.asarray(tracks.existence * odds / (1.0 + odds))


def acceleration_told(settings: TrackerSettings, tracks: Population) -> Floats:
    """Accelerations [m/s^2] of tracks (N,) along their heading, as far as they are sure.

    That of the hard motion, less `sure_sigmas` of its 1-sigma, times how likely that motion is: the others have none.
    """
    heading = np.stack((np.cos(tracks.yaw_rad), np.sin(tracks.yaw_rad)), axis=-1)
    along = (tracks.states[:, HARD, PUSH] * heading).sum(axis=-1)
    spread = np.einsum("ni,nij,nj->n", heading, tracks.covariances[:, HARD, PUSH, PUSH], heading)
    sure = np.maximum(np.abs(along) - settings.sure_sigmas * np.sqrt(spread), 0.0)
    return np.asarray(tracks.modes[:, HARD] * np.copysign(sure, along))


def _moved(
    settings: TrackerSettings, tracks: Population, rows: Ints, places: Floats, noise: Floats, eye: Floats
) -> Population:
    """Tracks to whom it is said where they are."""
    foreseen, slope = _foreseen(settings, tracks.states[rows], eye)
    return _told(tracks, rows, places[:, None] - foreseen, slope, noise)


def _on_ground(
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
    return _told(tracks, rows, (far_m[:, None] - distance * (1.0 + leans))[..., None], slope, noise[:, None, None])


def _told(tracks: Population, rows: Ints, miss: Floats, slope: Floats, noise: Floats) -> Population:
    """Each motion takes in what it missed (R, M, K) with the slope (R, M, K, 8) of what is measured under noise
    (R, K, K); the better it foresaw that, the likelier it is."""
    states, covariances, modes = tracks.states.copy(), tracks.covariances.copy(), tracks.modes.copy()
    turned = slope.swapaxes(-1, -2)
    spread = slope @ covariances[rows] @ turned + noise[:, None]
    gain = covariances[rows] @ turned @ np.linalg.inv(spread)
    states[rows] += np.einsum("nmij,nmj->nmi", gain, miss)
    rest = np.eye(STATES) - gain @ slope
    covariances[rows] = rest @ covariances[rows] @ rest.swapaxes(-1, -2) + gain @ noise[:, None] @ gain.swapaxes(-1, -2)
    likely = modes[rows] * np.maximum(_likelihood(miss, spread), 1e-30)
    modes[rows] = likely / likely.sum(axis=1, keepdims=True)
    state, covariance = tracks.state.copy(), tracks.covariance.copy()
    state[rows], covariance[rows] = _mixture(states[rows], covariances[rows], modes[rows])
    return replace(tracks, state=state, covariance=covariance, states=states, covariances=covariances, modes=modes)


def _likelihood(miss: Floats, spread: Floats) -> Floats:
    """Density of a miss (..., K) under a covariance (..., K, K)."""
    distance = np.einsum("...i,...ij,...j->...", miss, np.linalg.inv(spread), miss)
    return np.asarray(np.exp(-0.5 * distance) / np.sqrt(np.linalg.det(2.0 * math.pi * spread)))


def _born(
    settings: TrackerSettings, first: int, places: Floats, noise: Floats, yaw: Floats, size: Floats, votes: Floats,
    eye: Floats, scales: Floats,
) -> Population:  # fmt: skip
    count = len(places)
    kinds, sight = votes.argmax(axis=1), places - eye
    scale = scales[kinds] ** 2
    covariance = np.zeros((count, STATES, STATES))
    away = _apart(settings, np.hypot(sight[:, 0], sight[:, 1]))[:, None] * sight
    covariance[:, PLACE, PLACE] = (
        settings.own_share**2 * noise + scale[:, None, None] * away[:, :, None] * away[:, None, :]
    )
    covariance[:, PLACE, SCALE] = covariance[:, SCALE, PLACE] = -scale[:, None] * away
    covariance[:, SCALE, SCALE] = scale
    covariance[:, SPEED, SPEED] = BIRTH_SPEED_MPS[kinds][:, None, None] ** 2 * np.eye(2)
    covariance[:, PUSH, PUSH] = _kept_mps2(settings, kinds)[:, None, None] ** 2 * np.eye(2)
    state = np.hstack((places, np.zeros((count, STATES - 2))))
    ids, hits = np.arange(first, first + count), np.ones(count, dtype=np.int64)
    score = votes.sum(axis=1)
    states, covariances = np.repeat(state[:, None], MODES, axis=1), np.repeat(covariance[:, None], MODES, axis=1)
    covariances[:, STANDING, SPEED, SPEED] = 0.0
    modes = np.tile((1.0 - settings.begin_hard, settings.begin_hard, 0.0), (count, 1))
    return Population(
        ids, hits, settings.birth * score, state, covariance, states, covariances, modes, yaw, size, votes, score
    )


def message_of(settings: TrackerSettings, tracks: Population, odom_from_ego: Pose) -> Tracks:
    """The confirmed tracks: seen often enough, surely there, and with a speed that one may act on.

    Of accelerations is told what is surely known of them; the yaw rate is not estimated: zero.
    """
    sight = tracks.state[:, PLACE] - (odom_from_ego.x_m, odom_from_ego.y_m)
    sight /= np.maximum(np.hypot(sight[:, 0], sight[:, 1]), 1e-6)[:, None]
    closing = np.sqrt(np.einsum("ni,nij,nj->n", sight, tracks.covariance[:, SPEED, SPEED], sight))
    acted_on = (closing < settings.known_speed_mps) | (tracks.hits >= settings.patience_hits)
    there = (tracks.hits >= settings.confirm_hits) & (tracks.existence >= settings.confirm)
    sure = np.flatnonzero(there & acted_on & (tracks.score >= settings.confirm_score))
    said = tracks.rows(sure)
    return Tracks(
        said.ids, said.votes.argmax(axis=1), existence_told(settings, said), said.state[:, 0], said.state[:, 1],
        np.asarray(wrap_rad(said.yaw_rad)), said.state[:, 2], said.state[:, 3], acceleration_told(settings, said),
        np.zeros(len(sure)),
        said.size_m[:, 0], said.size_m[:, 1], said.size_m[:, 2], said.covariance[:, :4, :4],
    )  # fmt: skip
