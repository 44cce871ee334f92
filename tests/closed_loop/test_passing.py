"""What stands in the lane is passed when the oncoming lane is free, however the ego had to stop for it."""

from pathlib import Path

import numpy as np
import pytest

from lanewise.config import configured
from lanewise.run import Judged, Outputs, judged


def driven(folder: Path, parked_m: float, oncoming_kmh: float) -> Judged:
    """A car stands this far beside the middle of the lane on a street with one lane each way, another comes."""
    config = configured({
        "scenario": "parked-car", "stack": {"planner": "lanewise"},
        "parameters": {"Parked_m": str(parked_m), "OncomingSpeed_kmh": str(oncoming_kmh)},
    })  # fmt: skip
    return judged(config, folder / "run", Outputs(record=False, report=False), lambda _: None)


@pytest.mark.parametrize("parked_m", [0.0, -0.6])
def test_who_stands_in_the_lane_is_passed_after_the_oncoming(tmp_path: Path, parked_m: float) -> None:
    drive = driven(tmp_path, parked_m, 30.0)
    assert drive.result.verdict.passed, drive.result.verdict.cause
    rollout = drive.drive.rollout
    ego, others = rollout.ego, rollout.others
    assert ego.speed_mps.min() < 0.5
    parked, oncoming = 0, 1
    assert ego.x_m[-1] > others.x_m[-1, parked] + 8.0
    met = np.abs(ego.x_m - others.x_m[:, oncoming]) < 8.0
    assert met.any()
    assert np.abs(ego.y_m - others.y_m[:, oncoming])[met].min() > 3.0
