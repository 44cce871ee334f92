"""How far something is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_STEPS = 10
"""Lines that a plain report of progress takes at the most."""


@contextmanager
def progress_of(title: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    """A function to call with how much of `total` is done; everything goes to stderr."""
    if sys.stderr.isatty():
        with _bar(unit) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=min(done, total))
    else:
        yield _PlainLines(title, total, unit)


def _bar(unit: str) -> Progress:
    done = TextColumn(f"{{task.completed:.0f}} of {{task.total:.0f}} {unit}")
    columns = (TextColumn("{task.description}"), BarColumn(), done, TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


class _PlainLines:
    """A line for every tenth."""

    def __init__(self, title: str, total: float, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._told = 0

    def __call__(self, done: float) -> None:
        step = int(PLAIN_STEPS * min(done / self._total, 1.0)) if self._total > 0 else PLAIN_STEPS
        if step > self._told:
            self._told = step
            print(f"{self._title}: {done:.0f} of {self._total:.0f} {self._unit}", file=sys.stderr, flush=True)
