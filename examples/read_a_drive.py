"""Read a recorded drive without the command line: when the ego was fastest, and how close it came to its lead.

lanewise run merge --out runs/merge && python examples/read_a_drive.py runs/merge/drive.mcap
"""

import sys
from pathlib import Path

import numpy as np

from bus.recording import Recording
from lanewise.drive import drive_of
from lanewise.recorded import read_drive, recorded_run
from planning.metrics.corridor import corridor_of
from planning.metrics.lane_view import lane_view
from planning.metrics.lead import leads


def main(path: Path) -> None:
    recording = Recording.open(path)
    config, assignment = recorded_run(recording)
    context = assignment.context(config.planner.period_s)
    rollout = drive_of(read_drive(recording)).rollout
    view = lane_view(rollout, corridor_of(context.mission.route, context.lane_map))
    gap_m = np.where(leads(view).column >= 0, leads(view).gap_m, np.inf)
    fastest, closest = int(rollout.ego.speed_mps.argmax()), int(gap_m.argmin())
    print(f"fastest: {3.6 * rollout.ego.speed_mps[fastest]:.1f} km/h at {rollout.t_s[fastest]:.1f} s")
    print(f"closest: {gap_m[closest]:.1f} m behind its lead at {rollout.t_s[closest]:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
