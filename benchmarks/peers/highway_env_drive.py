"""Real-time factor of HighwayEnv with IDM traffic at 50 Hz; runs in the peers' environment, called by
closed_loop.py."""

from __future__ import annotations

import argparse
import json
import statistics
import time

import gymnasium
import highway_env  # noqa: F401 - registers its environments


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cars", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    config = {
        "vehicles_count": arguments.cars - 1,
        "simulation_frequency": 50,
        "policy_frequency": 10,
        "duration": 30,
        "observation": {"type": "Kinematics"},
    }
    factors = []
    for seed in range(arguments.repeat + 1):
        env = gymnasium.make("highway-v0", config=config)
        env.reset(seed=seed)
        begin, steps, done = time.perf_counter(), 0, False
        while not done and steps < 300:
            _, _, terminated, truncated, _ = env.step(1)
            done, steps = terminated or truncated, steps + 1
        factors.append(steps * 0.1 / (time.perf_counter() - begin))
        env.close()
    print(json.dumps({"real_time_factor": statistics.median(factors[1:])}))


if __name__ == "__main__":
    main()
