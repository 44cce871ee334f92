"""The nets on this machine's GPU beside its CPU; writes docs/gpu.json, which tells what it was measured with.

    python benchmarks/gpu.py            measure and write (needs an NVIDIA GPU; `make test-gpu` runs it after the tests)
    python benchmarks/gpu.py --check    exit code 1 if the file is missing or of other nets than those shipped

Pre- and post-processing are left out: what differs between the devices is the net. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from geometry.errors import UnsupportedError
from inference.device import find_gpu
from lanewise.inferring import model_store
from lanewise.model_bench import Variant, measure

FIGURES = Path(__file__).parents[1] / "docs" / "gpu.json"
BATCHES = (1, 5)
"""A picture, and a rig of five."""
SECONDS = 3.0


def shipped() -> dict[str, str]:
    """SHA-256 of every shipped net, by name and version."""
    store = model_store(FIGURES.parent / "no-models-of-ones-own")
    return {model.name: model.manifest.sha256 for model in store.all()}


def stale(path: Path = FIGURES) -> str:
    """Why the figures do not hold any more; empty if they do."""
    if not path.exists():
        return "no GPU has measured yet; run `make test-gpu` on a machine that has one"
    measured = json.loads(path.read_text())["models"]
    changed = sorted(name for name, sha256 in shipped().items() if measured.get(name) != sha256)
    return f"measured before {', '.join(changed)} changed; run `make test-gpu` again" if changed else ""


def measured() -> dict[str, Any]:
    """Times of every shipped net on CPU, CUDA and TensorRT.

    Raises:
        UnsupportedError: there is no GPU.
    """
    gpu = find_gpu()
    if gpu is None:
        raise UnsupportedError("no NVIDIA GPU is there; check nvidia-smi")
    rows, missing = [], {}
    for model in model_store(FIGURES.parent / "no-models-of-ones-own").all():
        variants = [Variant("onnxruntime", provider, 1) for provider in ("cpu", "cuda", "tensorrt")]
        for batch in BATCHES:
            found, gone = measure(model, variants, batch, SECONDS, time.perf_counter)
            missing |= {variant.provider: why for variant, why in gone.items()}
            rows += [
                {"model": model.name, "batch": batch, "provider": one.variant.provider, "ran_on": one.providers[0],
                 "p50_ms": round(1e3 * one.quantile_s(0.5), 3), "p99_ms": round(1e3 * one.quantile_s(0.99), 3),
                 "load_s": round(one.load_s, 2), "difference": float(f"{one.difference:.1e}")}
                for one in found
            ]  # fmt: skip
    return {
        "gpu": gpu.name, "driver_cuda": gpu.driver, "compute_capability": gpu.compute_capability,
        "cpu": platform.processor() or platform.machine(), "models": shipped(), "missing": missing, "rows": rows,
    }  # fmt: skip


def main() -> None:
    """Measure and write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        why = stale()
        print(json.dumps({"stale": why}))
        sys.exit(1 if why else 0)
    try:
        figures = measured()
    except UnsupportedError as error:
        print(f"benchmarks/gpu.py: {error}", file=sys.stderr)
        sys.exit(2)
    for row in figures["rows"]:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps({"gpu": figures["gpu"], "rows": len(figures["rows"]), "written": str(FIGURES.name)}))


if __name__ == "__main__":
    main()
