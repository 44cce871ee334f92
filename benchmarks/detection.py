"""How well the shipped camera net sees pictures it has never seen: other scenery, seeds, weather, and two other maps.

    python benchmarks/detection.py [--split holdout|unseen-camera] [--shards 12] [--model DIR] [--data DIR]

A shard is 24 rig frames of five pictures; they are rendered once and kept in the data folder. `unseen-camera` has focal
lengths 1.4 times those of the rig and cameras mounted 1 m higher, beyond what training varies.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import onnxruntime
from numpy.typing import NDArray

import lanewise
from lanewise.cache import cache_folder
from lanewise.training_data import SPLITS, generate
from perception.net.classes import OBJECTS
from perception.training.sample import samples_in
from perception.training.scores import Tally, average_precision, by_weather, judge, range_errors, summary

MODEL = Path(lanewise.__file__).parent / "models" / "detector" / "4"
RINGS = ((0.0, 20.0), (20.0, 40.0), (40.0, 60.0), (60.0, 80.0))


class OnnxInfer:
    """The model under ONNX Runtime on one thread."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def __call__(self, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """Grid and weather logits."""
        del name
        grid, weather = self._session.run(["grid", "weather"], {"images": arrays["images"]})
        return {"grid": grid, "weather": weather}


def print_tables(tally: Tally, scores: Mapping[str, float]) -> None:
    """Scores, AP by class and ring, and by weather."""
    for name, value in scores.items():
        print(f"{name:26} {value:8.3f}")
    print(f"\n{'AP at 2 m':12}" + "".join(f"{f'{a:.0f}-{b:.0f} m':>12}" for a, b in RINGS))
    for kind, name in enumerate(OBJECTS):
        values = [average_precision(tally.frames, kind, 2.0, ring) for ring in RINGS]
        print(f"{name:12}" + "".join(f"{value:12.3f}" for value in values))
    errors = [np.abs(range_errors(tally.frames, 0, ring)) for ring in RINGS]
    medians = [float(np.median(e)) if len(e) else float("nan") for e in errors]
    print(f"{'car range':12}" + "".join(f"{100.0 * value:10.1f} %" for value in medians))
    print("\nmAP within 50 m: " + "  ".join(f"{name} {value:.3f}" for name, value in by_weather(tally).items()))


def main() -> None:
    """Print the tables and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=[name for name in SPLITS if name != "train"], default="holdout")
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--data", type=Path, default=cache_folder() / "training")
    arguments = parser.parse_args()
    paths = generate(SPLITS[arguments.split], arguments.shards, arguments.data, lambda _: None)
    tally = judge(samples_in(paths), "detector", OnnxInfer(arguments.model / "model.onnx"))
    scores = summary(tally)
    print_tables(tally, scores)
    print(json.dumps({"split": arguments.split} | {name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()
