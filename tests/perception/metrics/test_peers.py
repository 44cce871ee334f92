"""Our scores are those of nuscenes-devkit and TrackEval, on made-up drives."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from perception.metrics.detection import class_score
from perception.metrics.frames import Frame, box_set
from perception.metrics.tracking import Instant, clear, hota

ROOT = Path(__file__).parents[3]
PEER = ROOT / ".venv-peers-perception" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PEER.exists(), reason=f"needs {PEER}: make peers")


def frames_of(rng: np.random.Generator) -> list[dict[str, list[list[float]]]]:
    """Cars, most of them found not quite where they are, and ghosts."""
    frames = []
    for _ in range(int(rng.integers(5, 25))):
        truth = [
            [0, k, 1.0, *rng.uniform(-40, 40, 2), rng.uniform(-3, 3), *rng.uniform((3.5, 1.6, 1.4), (5, 2, 1.9)),
             *rng.normal(0, 8, 2)]
            for k in range(int(rng.integers(0, 8)))
        ]  # fmt: skip
        found = []
        for row in truth:
            if rng.random() < 0.8:
                moved = np.array(row) + np.concatenate(
                    (
                        [0, 0, 0],
                        rng.normal(0, 1.2, 2),
                        rng.normal(0, 0.3, 1),
                        rng.normal(0, 0.1, 3),
                        rng.normal(0, 1, 2),
                    )
                )
                found.append([0, -1, rng.random(), *moved[3:].tolist()])
        found += [
            [0, -1, 0.7 * rng.random(), *rng.uniform(-40, 40, 2), 0.0, 4.5, 1.8, 1.6, 0.0, 0.0]
            for _ in range(int(rng.integers(0, 4)))
        ]
        frames.append({"truth": [[float(v) for v in row] for row in truth],
                       "found": [[float(v) for v in row] for row in found]})  # fmt: skip
    return frames


def instants_of(rng: np.random.Generator) -> list[dict[str, list]]:
    """Objects that come and go, tracks that are lost, swapped and made up."""
    count, names = 6, rng.permutation(40)
    instants = []
    for step in range(40):
        there = [k for k in range(count) if (step + 5 * k) % 30 < 22]
        found, rows = [], []
        for k in there:
            if rng.random() < 0.85:
                swapped = k if step < 20 or k > 1 else 1 - k
                found.append(int(names[swapped + (6 if step > 30 and k == 3 else 0)]))
                rows.append((k, float(np.clip(rng.normal(0.75, 0.2), 0, 1))))
        ghosts = [int(names[20 + g]) for g in range(int(rng.integers(0, 3)))]
        similarity = rng.uniform(0.0, 0.3, (len(there), len(found) + len(ghosts)))
        for column, (k, likeness) in enumerate(rows):
            similarity[there.index(k), column] = likeness
        instants.append({"truth": there, "found": found + ghosts, "similarity": similarity.tolist()})
    return instants


@pytest.mark.parametrize("seed", range(4))
def test_scores_agree_with_the_reference_implementations(seed: int, tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    frames, instants = frames_of(rng), instants_of(rng)
    path = tmp_path / "given.json"
    path.write_text(json.dumps({"detection": frames, "tracking": instants}))
    script = ROOT / "benchmarks" / "peers" / "perception_scores.py"
    done = subprocess.run([str(PEER), str(script), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout.splitlines()[-1])

    none = np.zeros((0, 2))
    ours = class_score([Frame(box_set(f["found"]), box_set(f["truth"]), none) for f in frames], 0)
    assert ours.precision == pytest.approx(theirs["detection"]["precision"], abs=1e-9)
    assert ours.errors == pytest.approx(theirs["detection"]["errors"], abs=1e-6)

    given = [
        Instant(np.array(i["truth"], dtype=np.int64), np.array(i["found"], dtype=np.int64),
                np.array(i["similarity"]).reshape(len(i["truth"]), len(i["found"])), np.ones(len(i["found"])))
        for i in instants
    ]  # fmt: skip
    c, h, their = clear(given), hota(given), theirs["tracking"]
    assert (c.accuracy, c.precision) == pytest.approx((their["MOTA"], their["MOTP"]), abs=1e-9)
    assert (c.hits, c.misses, c.false, c.switches, c.fragments) == tuple(
        int(their[name]) for name in ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "Frag")
    )
    assert c.mostly == pytest.approx((their["MT"], their["ML"]))
    assert (h.hota, h.detection, h.association, h.localization) == pytest.approx(
        tuple(their[name] for name in ("HOTA", "DetA", "AssA", "LocA")), abs=1e-9
    )
