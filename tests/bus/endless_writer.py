"""Records until it is killed: `endless_writer.py RECORDING COUNTER`. COUNTER holds how many messages it got."""

import os
import sys
from pathlib import Path

import numpy as np

from bus.messages import Envelope, VehicleCommand
from bus.recording import Recorder


def main(recording: Path, counter: Path) -> None:
    """Write commands of random numbers, which do not compress, and keep the count outside of the recording."""
    rng = np.random.default_rng(0)
    with counter.open("wb", buffering=0) as progress, Recorder.create(recording, {"config": {"seed": "0"}}) as recorder:
        for k in range(10_000_000):
            envelope = Envelope("/vehicle/command", "writer", k, k, k, k)
            recorder.write(envelope, VehicleCommand(rng.normal(), rng.normal(), False, False))
            os.pwrite(progress.fileno(), (k + 1).to_bytes(8, "little"), 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
