"""What is known of tracks, and the settings of the tracker.

A state is that of one object in `odom`: place, velocity, and what its ranges are off by. Of each track several motions
are tried side by side; what is told of it is their mixture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bus.messages import EntityKind, Ints
from geometry.angles import Floats

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


def no_tracks() -> Population:
    """Nothing seen yet."""
    none = np.zeros(0, dtype=np.int64)
    return Population(
        none, none, np.zeros(0), np.zeros((0, STATES)), np.zeros((0, STATES, STATES)), np.zeros((0, MODES, STATES)),
        np.zeros((0, MODES, STATES, STATES)), np.zeros((0, MODES)), np.zeros(0), np.zeros((0, 3)),
        np.zeros((0, len(EntityKind))), np.zeros(0),
    )  # fmt: skip
