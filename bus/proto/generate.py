"""Regenerates `lanewise_pb2.py` and `lanewise_pb2.pyi` from `lanewise.proto`: `python -m bus.proto.generate`."""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]


def main(target: Path = ROOT) -> int:
    """Write the generated modules below `target` (in `bus/proto/`); returns protoc's exit code."""
    arguments = ["protoc", f"-I{ROOT}", f"--python_out={target}", f"--pyi_out={target}", "bus/proto/lanewise.proto"]
    return int(protoc.main(arguments))


if __name__ == "__main__":
    sys.exit(main())
