"""Detections to tracks in `odom`: who is the same object as before, how surely it is there, and how it moves.

In: `/perception/objects` in `ego` with covariance, `/localization/odometry`. Out: `/perception/tracks` in `odom`. A
detection is placed by the odometry of the instant it was measured at, so a late frame does no harm. Its two ranges are
minded by `track_ranges`, the motions by `track_motion`. Assignment is optimal on gated Mahalanobis distances; existence
is a Bernoulli update (Reuter et al., The labeled multi-Bernoulli filter, IEEE TSP 62(12), 2014, for a single object),
told only as far as scores bear it out.
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
from perception.track_motion import density, kept_mps2, predicted
from perception.track_ranges import (
    apart_share,
    foreseen_by_size,
    least_sigma_m,
    told_apart,
    told_by_size,
    told_on_ground,
    unit,
)
from perception.track_state import (
    BIRTH_SPEED_MPS,
    HARD,
    MODES,
    PLACE,
    PUSH,
    SCALE,
    SCALES,
    SCORE_MEMORY,
    SPEED,
    STANDING,
    STATES,
    Population,
    TrackerSettings,
    no_tracks,
)

OBJECTS, ODOMETRY = "/perception/objects", "/localization/odometry"
HEADING_KINDS = (
    EntityKind.CAR, EntityKind.VAN, EntityKind.TRUCK, EntityKind.BUS, EntityKind.TRAILER, EntityKind.MOTORCYCLE,
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
    return TrackerMemory(no_tracks(), -1, 0, np.zeros(0, dtype=np.int64), np.zeros((0, 3)))


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
    old = memory.tracks if gap_s <= settings.max_gap_s else no_tracks()
    tracks = predicted(settings, old, gap_s, scales)
    cos, sin = math.cos(odom_from_ego.yaw_rad), math.sin(odom_from_ego.yaw_rad)
    turn = np.array(((cos, -sin), (sin, cos)))
    places = odom_from_ego @ np.stack((objects.x_m, objects.y_m), axis=-1)
    floor_m = least_sigma_m(settings, objects)
    noise = turn @ objects.covariance @ turn.T + floor_m[:, None, None] ** 2 * np.eye(2)
    eye = np.array((odom_from_ego.x_m, odom_from_ego.y_m))
    places, noise, ground_m, ground_sigma_m = told_apart(settings, objects, places, noise, eye)
    yaw = np.asarray(wrap_rad(objects.yaw_rad + odom_from_ego.yaw_rad))
    size = np.stack((objects.length_m, objects.width_m, objects.height_m), axis=-1)
    votes = np.eye(len(EntityKind))[objects.kinds] * objects.score[:, None]
    rows, columns = _assigned(settings, tracks, places, noise, eye)
    beyond_m = _beyond_near_side_m(tracks, rows, objects.kinds[columns], size[columns], places[columns] - eye)
    places[columns] += beyond_m[:, None] * unit(places[columns] - eye)
    ground_m[columns] += beyond_m
    tracks = _missed(settings, tracks, rows, odom_from_ego)
    tracks = _hit(settings, tracks, rows, places[columns], noise[columns], votes[columns], eye)
    renewed = 1.0 - math.exp(-2.0 * gap_s / settings.scale_s)
    tracks = told_on_ground(settings, tracks, rows, ground_m[columns], ground_sigma_m[columns], eye, renewed)
    tracks.yaw_rad[rows] += 0.3 * wrap_rad(yaw[columns] - tracks.yaw_rad[rows])
    _head_where_it_moves(settings, tracks)
    tracks.size_m[rows] += (size[columns] - tracks.size_m[rows]) / np.minimum(tracks.hits[rows], 20)[:, None]
    new = np.setdiff1d(np.arange(len(places)), columns)
    new = new[~_in_line(settings, places[new], tracks.state[:, PLACE], eye).any(axis=1)]
    born = _born(settings, memory.next_id, places[new], noise[new], yaw[new], size[new], votes[new], eye, scales)
    born = told_on_ground(settings, born, np.arange(len(new)), ground_m[new], ground_sigma_m[new], eye, 1.0)
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


def _assigned(
    settings: TrackerSettings, tracks: Population, places: Floats, noise: Floats, eye: Floats
) -> tuple[Ints, Ints]:
    """Rows of tracks and of detections that belong together; a pair beyond the gate costs as much as no pair."""
    foreseen, slope = foreseen_by_size(settings, tracks.state, eye)
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
    foreseen, slope = foreseen_by_size(settings, tracks.state[rows], eye)
    likelihood = density(
        places - foreseen, slope @ tracks.covariance[rows] @ slope.swapaxes(-1, -2) + noise
    )  # fmt: skip
    there = seen[rows] * settings.detected * likelihood * evidence
    seen[rows] = there / (there + (1.0 - seen[rows]) * settings.clutter_pm2)
    total[rows] += votes
    hits[rows] += 1
    mean = tracks.score.copy()
    mean[rows] += (votes.sum(axis=1) - mean[rows]) / np.minimum(hits[rows], SCORE_MEMORY)
    moved = told_by_size(settings, tracks, rows, places, settings.own_share**2 * noise, eye)
    return replace(moved, existence=seen, votes=total, hits=hits, score=mean)


def _evidence(settings: TrackerSettings, score: Floats) -> Floats:
    """Odds that a score speaks for an object."""
    bounded = np.clip(score, 0.02, 0.98)
    return np.asarray(bounded / (1.0 - bounded) * (1.0 - settings.even_score) / settings.even_score)


def _born(
    settings: TrackerSettings, first: int, places: Floats, noise: Floats, yaw: Floats, size: Floats, votes: Floats,
    eye: Floats, scales: Floats,
) -> Population:  # fmt: skip
    count = len(places)
    kinds, sight = votes.argmax(axis=1), places - eye
    scale = scales[kinds] ** 2
    covariance = np.zeros((count, STATES, STATES))
    away = apart_share(settings, np.hypot(sight[:, 0], sight[:, 1]))[:, None] * sight
    covariance[:, PLACE, PLACE] = (
        settings.own_share**2 * noise + scale[:, None, None] * away[:, :, None] * away[:, None, :]
    )
    covariance[:, PLACE, SCALE] = covariance[:, SCALE, PLACE] = -scale[:, None] * away
    covariance[:, SCALE, SCALE] = scale
    covariance[:, SPEED, SPEED] = BIRTH_SPEED_MPS[kinds][:, None, None] ** 2 * np.eye(2)
    covariance[:, PUSH, PUSH] = kept_mps2(settings, kinds)[:, None, None] ** 2 * np.eye(2)
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
