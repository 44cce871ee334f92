"""Names of results by content: the same inputs and sources give the same name, others another one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from lanewise.config import RunConfig
from lanewise.provenance import source_hash


def content_key(config: RunConfig, *parts: bytes) -> str:
    """Hash of a configuration, the program's sources, the planner's file where it has one, and other parts."""
    total = hashlib.sha256()
    for part in (config.to_toml().encode(), _source().encode(), *parts):
        total.update(part + b"\0")
    planner = config.stack.planner.rpartition(":")[0]
    if planner.endswith(".py"):
        total.update(Path(planner).read_bytes())
    return total.hexdigest()[:24]


@lru_cache(maxsize=1)
def _source() -> str:
    return source_hash()
