"""One budget of threads for everything that computes in this process: nets, kernels, several clients at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

from geometry.errors import ContractError


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class ThreadBudget:
    """At most `total` threads compute at once; who needs more than are free waits."""

    total: int
    free: int = 0
    changed: Condition = field(default_factory=Condition)

    def __post_init__(self) -> None:
        if self.total < 1:
            raise ContractError(f"a budget of {self.total} threads computes nothing; give at least 1")
        self.free = self.total

    def granted(self, wanted: int) -> int:
        """How many threads a session may be built for: what it wants, but no more than there are."""
        return max(1, min(wanted, self.total))

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """So many threads, for as long as the block runs."""
        count = self.granted(count)
        with self.changed:
            self.changed.wait_for(lambda: self.free >= count)
            self.free -= count
        try:
            yield
        finally:
            with self.changed:
                self.free += count
                self.changed.notify_all()
