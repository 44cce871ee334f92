"""Does a track's existence tell the truth? Of how many tracks that are told so likely somebody is there.

    python benchmarks/track_existence.py DRIVE.mcap [DRIVE.mcap...]

The drives are of `lanewise run` with cameras; the tracker of today runs on what was detected then. Judged are tracks
within 50 m ahead and near the ego's way, in every frame. Somebody is there if a true box lies along the road within
12 % of the range (1.5 m at least) and across it within 3 % (0.7 m at least): a range that is a little off is no ghost.
The last line is one JSON object; `sure_ghosts` counts tracks without anybody that were told with existence 0.95 or
more.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bus.executor import Executor
from bus.memory import encode_generator, encode_memory
from bus.messages import AgentTruth, EgoTruth, Envelope, Message, Odometry, ScenarioInfo, Tracks
from bus.node import Received
from bus.recording import Recording
from geometry.angles import Floats
from geometry.pose import Pose
from perception.track_state import TrackerSettings
from perception.tracker import OBJECTS, ODOMETRY, node
from planning.certainty import SURE

TRUTH = ("/truth/scenario", "/truth/ego", "/truth/agents")
EDGES = (0.0, 0.8, 0.9, SURE, 0.97, 0.99, 0.999, 1.0 + 1e-9)
AHEAD_M, ASIDE_M = (2.0, 50.0), 2.2
ALONG_SHARE, ALONG_M, ACROSS_SHARE, ACROSS_M = 0.12, 1.5, 0.03, 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """N tracks of one instant: ids, existence, and whether somebody is there."""

    ids: np.ndarray[tuple[int], np.dtype[np.int64]]
    existence: Floats
    there: np.ndarray[tuple[int], np.dtype[np.bool_]]


def judged(path: Path) -> Iterator[Judged]:
    """What the tracker says of a drive, judged at the instants at which the truth is recorded, too."""
    recording, said = Recording.open(path), list[tuple[int, Tracks]]()
    messages = [(r.envelope, r.message) for r in recording.messages((OBJECTS, ODOMETRY, *TRUTH))]

    def heard(envelope: Envelope, message: Message) -> None:
        if isinstance(message, Tracks):
            said.append((envelope.measured_ns, message))

    heard_from = [(e, m) for e, m in messages if e.topic in (OBJECTS, ODOMETRY)]
    outside = {envelope.publisher: 0 for envelope, _ in heard_from}
    executor = Executor((node(TrackerSettings()),), 0, heard, encode_memory, encode_generator, outside)
    for envelope, message in heard_from:
        executor.inject(Received(envelope, message))
    executor.run_until(recording.end_ns)
    known = {(e.topic, e.measured_ns): m for e, m in messages if e.topic != OBJECTS}
    info = next(m for e, m in messages if isinstance(m, ScenarioInfo))
    for at_ns, tracks in said:
        ego, agents, odometry = (known.get((t, at_ns)) for t in ("/truth/ego", "/truth/agents", ODOMETRY))
        if isinstance(ego, EgoTruth) and isinstance(agents, AgentTruth) and isinstance(odometry, Odometry):
            yield _compared(info, tracks, odometry.odom_from_ego, agents, ego.world_from_ego)


def _compared(info: ScenarioInfo, tracks: Tracks, odom_from_ego: Pose, agents: AgentTruth, ego: Pose) -> Judged:
    found = odom_from_ego.inverse() @ np.stack((tracks.x_m, tracks.y_m), axis=-1)
    minded = (found[:, 0] > AHEAD_M[0]) & (found[:, 0] < AHEAD_M[1])
    minded &= np.abs(found[:, 1]) - 0.5 * tracks.width_m < ASIDE_M
    found = found[minded]
    others = agents.ids != info.ego_id
    true = ego.inverse() @ np.stack((agents.x_m, agents.y_m), axis=-1)[others]
    turn, ids = (agents.yaw_rad - ego.yaw_rad)[others], agents.ids[others]
    gap, far = found[:, None] - true[None], np.hypot(found[:, 0], found[:, 1])[:, None]
    along = np.abs(gap[..., 0] * np.cos(turn) + gap[..., 1] * np.sin(turn))
    across = np.abs(gap[..., 1] * np.cos(turn) - gap[..., 0] * np.sin(turn))
    there = (along < 0.5 * info.length_m[ids] + np.maximum(ALONG_M, ALONG_SHARE * far)) & (
        across < 0.5 * info.width_m[ids] + np.maximum(ACROSS_M, ACROSS_SHARE * far)
    )
    return Judged(tracks.ids[minded], tracks.existence[minded], there.any(axis=1))


def main(paths: Sequence[Path]) -> None:
    """Print the table and the line of JSON."""
    drives = [list(judged(path)) for path in paths]
    rows = [row for drive in drives for row in drive]
    existence, there = (np.concatenate([getattr(row, n) for row in rows]) for n in ("existence", "there"))
    print("existence        tracks in frames   told   somebody is there")
    for low, high in itertools.pairwise(EDGES):
        bin_ = (existence >= low) & (existence < high)
        if bin_.any():
            share = f"{existence[bin_].mean():9.3f} {there[bin_].mean():10.3f}"
            print(f"{low:5.3f} to {min(high, 1.0):5.3f} {bin_.sum():14d} {share}")
    ghosts = [
        {int(i) for row in drive for i in row.ids[~row.there & (row.existence >= least)]}
        for drive in drives
        for least in (0.0, SURE)
    ]
    print(json.dumps({
        "drives": len(drives), "tracks_in_frames": len(there), "told": round(float(existence.mean()), 4),
        "there": round(float(there.mean()), 4), "ghosts": sum(map(len, ghosts[::2])),
        "sure_ghosts": sum(map(len, ghosts[1::2])),
    }))  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drives", type=Path, nargs="+", metavar="DRIVE.mcap")
    main(parser.parse_args().drives)
