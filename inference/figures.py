"""What a server did for whom: counts, times, misses, per net and kernel."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

import numpy as np

Outcome = Literal["answered", "missed", "failed", "cancelled"]
REMEMBERED = 4096
"""Latencies of which the percentiles are taken."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One net or kernel: requests by outcome and by client, times from asking to answer, requests waiting.

    Times are modelled in deterministic mode and measured in live mode; nan before the first answer.
    """

    name: str
    kind: str
    answered: int
    missed: int
    failed: int
    cancelled: int
    restarts: int
    p50_s: float
    p99_s: float
    queue: int
    queue_max: int
    batches: int
    clients: Mapping[str, int]

    @property
    def asked(self) -> int:
        """Requests that came to an end."""
        return self.answered + self.missed + self.failed + self.cancelled

    @property
    def text(self) -> str:
        """One line for people."""
        parts = [f"{self.name} ({self.kind}): {self.asked} requests"]
        if self.clients:
            parts.append("of " + ", ".join(f"{who} {count}" for who, count in sorted(self.clients.items())))
        parts += [f"{count} {what}" for count, what in self._troubles() if count]
        if self.answered:
            parts.append(f"p50 {1e3 * self.p50_s:.1f} ms, p99 {1e3 * self.p99_s:.1f} ms")
        if self.queue_max:
            parts.append(f"queue {self.queue}, at most {self.queue_max}")
        return ", ".join(parts)

    def _troubles(self) -> tuple[tuple[int, str], ...]:
        return (
            (self.missed, "missed"), (self.failed, "failed"), (self.cancelled, "cancelled"), (self.restarts, "restarts")
        )  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Figures of one work while they grow; safe to use from several threads."""

    name: str
    kind: str
    outcomes: Counter[str] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    restarts: int = 0
    queue: int = 0
    queue_max: int = 0
    batches: int = 0
    lock: Lock = field(default_factory=Lock)

    def ended(self, outcome: Outcome, client: str, latency_s: float) -> None:
        """A request came to an end."""
        with self.lock:
            self.outcomes[outcome] += 1
            self.clients[client or "unnamed"] += 1
            if outcome == "answered":
                self.latencies_s.append(latency_s)

    def queued(self, change: int) -> None:
        """Requests that wait have become more or fewer."""
        with self.lock:
            self.queue += change
            self.queue_max = max(self.queue_max, self.queue)

    def ran(self) -> None:
        """A batch was computed."""
        with self.lock:
            self.batches += 1

    def figures(self, *, start_anew: bool = False) -> Figures:
        """All so far; counts and times may begin anew after that."""
        with self.lock:
            times = np.array(self.latencies_s) if self.latencies_s else np.array([np.nan])
            p50, p99 = np.quantile(times, (0.5, 0.99), method="higher")
            count = self.outcomes
            found = Figures(
                self.name, self.kind, count["answered"], count["missed"], count["failed"], count["cancelled"],
                self.restarts, float(p50), float(p99), self.queue, self.queue_max, self.batches, dict(self.clients),
            )  # fmt: skip
            if start_anew:
                self.outcomes.clear()
                self.clients.clear()
                self.latencies_s.clear()
                self.restarts = self.batches = 0
                self.queue_max = self.queue
            return found
