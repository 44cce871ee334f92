"""What limits the camera net: its scores by how many pictures it has learned from and by how wide it is.

    python benchmarks/detection_curve.py [--shards 40] [--holdout 12] [--pictures 6000 24000] [--widths 0.7 1 1.4]
        [--data DIR]

Every net learns from scratch on the same shards in the same order; the budget is pictures, not time, so that the
machine's load changes nothing. The defaults learn from 90,000 pictures: an hour of one core or more.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import torch

from lanewise.cache import cache_folder
from lanewise.training_data import SPLITS, generate
from perception.net.model import CameraNet, NetSettings, parameters_of
from perception.training.export import TorchInfer
from perception.training.loop import LoopSettings, Progress, train
from perception.training.sample import samples_in
from perception.training.scores import judge, summary

SHOWN = ("map_50", "car_ap2_50", "car_ap4_80", "car_range_error_30_60", "weather_macro_f1", "own_mark_error_20_m")


def widened(times: float) -> NetSettings:
    """The shipped net with all widths times a factor, in steps of eight channels."""
    usual = NetSettings()

    def width(channels: int) -> int:
        return max(8 * round(channels * times / 8.0), 8)

    a, b, c, d, e = (width(channels) for channels in usual.widths)
    return replace(usual, widths=(a, b, c, d, e), pyramid=width(usual.pyramid), head=width(usual.head))


def learned(shards: tuple[Path, ...], pictures: int, net: NetSettings) -> tuple[CameraNet, float]:
    """A net that has seen so many pictures, and the CPU seconds that this took."""
    seen = 0

    def count(progress: Progress) -> None:
        nonlocal seen
        seen = progress.pictures

    begin = time.process_time()
    # The loop's budget and rate follow a clock; this one counts pictures.
    return train(shards, float(pictures), lambda: float(seen), LoopSettings(), net_settings=net, told=count), (
        time.process_time() - begin
    )


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--holdout", type=int, default=12)
    parser.add_argument("--pictures", type=int, nargs="+", default=[6000, 24000])
    parser.add_argument("--widths", type=float, nargs="+", default=[0.7, 1.0, 1.4])
    parser.add_argument("--data", type=Path, default=cache_folder() / "training")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shards = generate(SPLITS["train"], arguments.shards, arguments.data, lambda _: None)
    holdout = generate(SPLITS["holdout"], arguments.holdout, arguments.data, lambda _: None)
    print(f"{'width':>6}{'parameters':>12}{'pictures':>10}{'CPU s':>8}" + "".join(f"{name:>23}" for name in SHOWN))
    rows = []
    for times in arguments.widths:
        for pictures in arguments.pictures:
            net, spent_s = learned(shards, pictures, widened(times))
            scores = summary(judge(samples_in(holdout), "detector", TorchInfer(net)))
            row = {"width": times, "parameters": parameters_of(net), "pictures": pictures, "cpu_s": round(spent_s, 1)}
            rows.append(row | {name: round(scores[name], 4) if math.isfinite(scores[name]) else None for name in SHOWN})
            print(f"{times:6.2f}{row['parameters']:12,}{pictures:10,}{spent_s:8.0f}"
                  + "".join(f"{scores[name]:23.3f}" for name in SHOWN), flush=True)  # fmt: skip
    print(json.dumps({"curve": rows}))


if __name__ == "__main__":
    main()
