"""What each way of running the shipped camera net costs, and what it keeps of the accuracy.

    python benchmarks/inference.py [--float detector/4] [--fast detector/5] [--also NAME/VERSION ...] [--store DIR]
        [--shards 3] [--repeat 30] [--data DIR]

Side by side in one run on one thread: torch eager (in its best memory layout), ONNX Runtime and OpenVINO (which fuse
layers), the fp32 net, its INT8 version, bf16 where the CPU has it, and others (`--also`, for example a pruned one of
your own store). Rounds go round-robin, so that all see the same busy machine; times are medians of CPU time per
picture: of the bare net, and with JPEG decoding and decoding of objects, lights and lines beside it. Accuracy is scored
on hold-out pictures once per model, and for bf16 by itself. `best_speedup` is of the bare net over torch eager, among
the ways that lose at most 0.5 points of mAP; `map_drop_points` is what that way loses.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from geometry.errors import UnsupportedError
from inference.engines.catalog import engine_named
from inference.engines.engine import EngineOptions, Session
from inference.store import StoredModel
from lanewise.cache import cache_folder
from lanewise.inferring import model_named
from lanewise.model_optimize import scores_of
from lanewise.training_data import SPLITS, generate
from perception.net.decode import decode_lights, decode_objects
from perception.net.lane_lines import decode_lines
from perception.net.picture import cropped
from perception.training.sample import Sample, picture_of, read_shard

ENGINES = ("torch", "onnxruntime", "openvino")
ALLOWED_POINTS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A model under an engine; `half`: the engine computes in bf16 where it can."""

    engine: str
    model: StoredModel
    half: bool = False

    @property
    def text(self) -> str:
        """`onnxruntime 3 int8`."""
        precision = "bf16" if self.half else self.model.manifest.precision
        return f"{self.engine} {self.model.manifest.version} {precision}"


def sessions_of(ways: list[Way]) -> dict[Way, Session]:
    """Those that this machine can run; torch interprets fp32 nets only."""
    found: dict[Way, Session] = {}
    for way in ways:
        try:
            found[way] = engine_named(way.engine).load(way.model, EngineOptions(threads=1, half=way.half))
        except UnsupportedError as error:
            print(f"{way.text}: not here: {error}")
    return found


def bare_s(session: Session, image: np.ndarray) -> float:
    """CPU seconds of one picture through the net."""
    begin = time.process_time()
    session.infer({"images": image[None]})
    return time.process_time() - begin


def whole_s(session: Session, sample: Sample) -> float:
    """CPU seconds from JPEG to objects, lights and lines."""
    begin = time.process_time()
    answer = session.infer({"images": cropped(picture_of(sample))[None]})
    grid = np.asarray(answer["grid"][0], np.float32)
    decode_objects(grid, sample.camera)
    decode_lights(grid, sample.camera)
    decode_lines(grid, sample.camera)
    return time.process_time() - begin


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--float", default="detector/4", help="the fp32 net, NAME/VERSION")
    parser.add_argument("--fast", default="detector/5", help="its INT8 version")
    parser.add_argument("--also", nargs="*", default=[], help="further nets, NAME/VERSION")
    parser.add_argument("--store", type=Path, default=None, help="folder of your own models")
    parser.add_argument("--shards", type=int, default=3, help="hold-out shards to score on (120 pictures each)")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--data", type=Path, default=cache_folder() / "training")
    arguments = parser.parse_args()
    shards = generate(SPLITS["holdout"], arguments.shards, arguments.data, lambda _: None)
    samples = read_shard(shards[0]).samples[: arguments.repeat]
    names = (arguments.float, arguments.fast, *arguments.also)
    models = [model_named(*text.split("/"), arguments.store) for text in names]
    ways = [Way(engine, model) for model in models for engine in ENGINES if engine != "torch" or model is models[0]]
    ways.append(Way("openvino", models[0], half=True))
    sessions = sessions_of(ways)
    bare: dict[Way, list[float]] = {way: [] for way in sessions}
    whole: dict[Way, list[float]] = {way: [] for way in sessions}
    for sample in (samples[0], *samples):
        image = cropped(picture_of(sample))
        for way, session in sessions.items():
            bare[way].append(bare_s(session, image))
            whole[way].append(whole_s(session, sample))
    scores = {model.name: scores_of(model, shards) for model in models}
    halves = {way: scores_of(way.model, shards, way.engine, EngineOptions(half=True)) for way in sessions if way.half}
    eager = next(way for way in sessions if way.engine == "torch")
    before = scores[models[0].name]["map_50"]
    print(f"{'':22}{'net ms':>9}{'all ms':>9}{'speedup':>9}{'mAP':>8}{'car AP2':>9}{'drop':>7}")
    best, rows = (1.0, 0.0), []
    for way in sessions:
        net, everything = (1e3 * float(np.median(times[way][1:])) for times in (bare, whole))
        speedup = float(np.median(bare[eager][1:])) * 1e3 / net
        found = halves[way] if way.half else scores[way.model.name]
        drop = 100.0 * (before - found["map_50"])
        print(
            f"{way.text:22}{net:9.2f}{everything:9.2f}{speedup:9.2f}{found['map_50']:8.3f}{found['car_ap2_50']:9.3f}{drop:7.2f}"
        )
        rows.append({"way": way.text, "net_ms": round(net, 3), "all_ms": round(everything, 3), "drop": round(drop, 3)})
        if drop <= ALLOWED_POINTS and speedup > best[0]:
            best = (speedup, drop)
    print(json.dumps({"best_speedup": round(best[0], 3), "map_drop_points": round(best[1], 3), "ways": rows}))
