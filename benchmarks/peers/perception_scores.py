"""What nuscenes-devkit and TrackEval say of the same frames; called by tests/perception/metrics/test_peers.py.

Runs in an environment of its own: nuscenes-devkit 1.2.0 and trackeval 1.3.0. Reads the path of a JSON file with
`detection` (frames of boxes) and `tracking` (instants with ids and similarities); prints one JSON object.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np

with contextlib.redirect_stdout(io.StringIO()):
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.common.utils import center_distance
    from nuscenes.eval.detection.algo import accumulate, calc_ap, calc_tp
    from nuscenes.eval.detection.data_classes import DetectionBox
    from pyquaternion import Quaternion
    from trackeval.metrics.clear import CLEAR
    from trackeval.metrics.hota import HOTA

NAMES = ("trans_err", "scale_err", "orient_err", "vel_err")


def boxes_of(frames: list, part: str) -> EvalBoxes:
    """Boxes of all frames: rows of kind, id, score, x, y, yaw, length, width, height, vx, vy."""
    boxes = EvalBoxes()
    for number, frame in enumerate(frames):
        boxes.add_boxes(str(number), [
            DetectionBox(
                sample_token=str(number), translation=(x, y, 1.0), size=(width, length, height),
                rotation=tuple(Quaternion(axis=(0, 0, 1), radians=yaw)), velocity=(vx, vy), detection_name="car",
                detection_score=score if part == "found" else -1.0, attribute_name="",
            )
            for _, _, score, x, y, yaw, length, width, height, vx, vy in frame[part]
        ])  # fmt: skip
    return boxes


def detection(frames: list) -> dict:
    """AP at four distances and the errors of true positives at 2 m."""
    truth, found = boxes_of(frames, "truth"), boxes_of(frames, "found")
    data = {t: accumulate(truth, found, "car", center_distance, t) for t in (0.5, 1.0, 2.0, 4.0)}
    return {
        "precision": [calc_ap(one, 0.1, 0.1) for one in data.values()],
        "errors": [calc_tp(data[2.0], 0.1, name) for name in NAMES],
    }


def tracking(instants: list) -> dict:
    """CLEAR MOT and HOTA."""
    truth = sorted({i for one in instants for i in one["truth"]})
    found = sorted({i for one in instants for i in one["found"]})
    data = {
        "num_gt_ids": len(truth), "num_tracker_ids": len(found),
        "num_gt_dets": sum(len(one["truth"]) for one in instants),
        "num_tracker_dets": sum(len(one["found"]) for one in instants),
        "num_timesteps": len(instants),
        "gt_ids": [np.array([truth.index(i) for i in one["truth"]], dtype=int) for one in instants],
        "tracker_ids": [np.array([found.index(i) for i in one["found"]], dtype=int) for one in instants],
        "similarity_scores": [
            np.array(one["similarity"], dtype=float).reshape(len(one["truth"]), len(one["found"])) for one in instants
        ],
    }  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        clear, hota = CLEAR().eval_sequence(data), HOTA().eval_sequence(data)
    said = {name: float(clear[name]) for name in ("MOTA", "MOTP", "CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "Frag")}
    said |= {name: float(clear[name]) / len(truth) for name in ("MT", "ML")}
    return said | {name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA", "LocA")}


def main() -> None:
    """Print what both say."""
    given = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps({"detection": detection(given["detection"]), "tracking": tracking(given["tracking"])}))


if __name__ == "__main__":
    main()
