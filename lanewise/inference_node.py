"""The inference server's figures on the bus: who asked for what, once a second, on `/diagnostics`.

Only what is the same on every machine is told in a drive: counts, and modelled times.
"""

from __future__ import annotations

from collections.abc import Callable

from bus.messages import Diagnostic, Level
from bus.node import Node, Publication
from inference.figures import Figures

PERIOD_NS = 1_000_000_000
LAST = 95
"""After all that ask within an instant, so that a snapshot falls between two tellings."""


def node(taken_figures: Callable[[], tuple[Figures, ...]]) -> Node:
    """The node; `taken_figures` gives what has happened since it was last called."""
    return Node(
        name="inference",
        priority=LAST,
        step=lambda memory, _: (memory, tuple(Publication("/diagnostics", told(f)) for f in taken_figures())),
        memory=0,
        inputs=(),
        outputs=("/diagnostics",),
        period_ns=PERIOD_NS,
    )


def told(figures: Figures) -> Diagnostic:
    """One line; a warning where answers were missed, an error where an engine failed."""
    level = Level.WARNING if figures.missed or figures.cancelled else Level.OK
    level = Level.ERROR if figures.failed or figures.restarts else level
    return Diagnostic("inference", level, figures.text)
