"""What the planner weighed: at some instants all its candidates, where they lead and what each term of them costs.

In: a recording with `/planning/candidates`. Out: `Weighed` instants in `world`, small enough for a page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bus.messages import Candidates, PoseEstimate
from bus.recording import Recording
from geometry.angles import Floats
from geometry.pose import Pose

TOPIC, POSE = "/planning/candidates", "/localization/pose"
MOST_INSTANTS = 240
"""A page of a long drive would grow without end."""
PATH_POINTS = 5
"""Points of each candidate's path that a page carries."""


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """All N candidates of an instant.

    `paths` (N, PATH_POINTS, 2) of the rear axle in `world`; `costs` (N, C), of which the columns are `terms` and each
    row sums to what the candidate costs; `chosen` is an index, -1 for none.
    """

    t_s: float
    labels: tuple[str, ...]
    terms: tuple[str, ...]
    chosen: int
    paths: Floats
    costs: Floats


def weighed_of(recording: Recording) -> tuple[Weighed, ...]:
    """What was weighed, evenly over the drive; nothing of a planner that does not say. Reads the recording once.

    Raises:
        InputError: a damaged file.
    """
    count = sum(topic.count for topic in recording.topics() if topic.topic == TOPIC)
    if count == 0:
        return ()
    stride, taken = -(-count // MOST_INSTANTS), 0
    found: list[Weighed] = []
    world_from_odom: Pose | None = None
    for record in recording.messages([TOPIC, POSE]):
        if isinstance(record.message, PoseEstimate):
            world_from_odom = record.message.world_from_odom
        elif isinstance(record.message, Candidates):
            if taken % stride == 0 and world_from_odom is not None and _is_whole(record.message):
                found.append(_weighed(record.envelope.received_ns * 1e-9, record.message, world_from_odom))
            taken += 1
    return tuple(found)


def _is_whole(said: Candidates) -> bool:
    """Whether points and costs belong to the candidates; a recording may hold what another planner said."""
    count, length = len(said.labels), np.diff(said.start)
    if count == 0 or len(said.terms) == 0 or len(length) != count or said.start[0] != 0 or length.min() < 1:
        return False
    fits = said.start[-1] == len(said.xy_m) and len(said.costs) == count * len(said.terms)
    return fits and -1 <= said.chosen < count and bool(np.isfinite(said.xy_m).all())


def _weighed(t_s: float, said: Candidates, world_from_odom: Pose) -> Weighed:
    share, last = np.linspace(0.0, 1.0, PATH_POINTS), np.diff(said.start)[:, None] - 1
    kept = said.start[:-1, None] + np.rint(share * last).astype(np.int64)
    paths = (world_from_odom @ said.xy_m)[kept]
    costs = said.costs.reshape(len(said.labels), len(said.terms))
    return Weighed(t_s, tuple(said.labels), tuple(said.terms), said.chosen, paths, costs)
