"""The server in deterministic mode: a request is answered at once, in order, by the same batches every time.

Nothing in here reads a clock. What an answer takes is modelled (`Work.latency_s`), so that a deadline is missed or kept
on every machine alike. Several threads may ask at once; answers do not depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from geometry.errors import ContractError
from inference.engines.engine import EngineOptions
from inference.errors import DeadlineMissedError, InferenceError
from inference.figures import Figures, Tally
from inference.kernels import Kernel
from inference.runner import Runner
from inference.tensors import Arrays
from inference.threads import ThreadBudget
from inference.work import Work, kernel_work


class Server(Protocol):
    """What clients see, whatever the mode."""

    def infer(
        self, name: str, arrays: Arrays, *, client: str = "", deadline_s: float | None = None, priority: int = 0
    ) -> Arrays:
        """The outputs of a net or kernel.

        `deadline_s` counts from now; higher priorities go first.

        Raises:
            ContractError: no such work, or inputs that it does not take.
            DeadlineMissedError, EngineError, OutOfMemoryError, CancelledError: there is no answer.
        """
        ...

    def figures(self) -> tuple[Figures, ...]:
        """One per net and kernel that was asked for."""
        ...

    def close(self) -> None:
        """Give back memory; no request is answered from then on."""
        ...


class OrderedServer:
    """The deterministic server. Sessions are opened when they are first needed."""

    def __init__(self, works: Iterable[Work], budget: ThreadBudget) -> None:
        self._runners = runners_of(works)
        self._tallies = {name: Tally(name, runner.work.kind) for name, runner in self._runners.items()}
        self._budget = budget

    def infer(
        self, name: str, arrays: Arrays, *, client: str = "", deadline_s: float | None = None, priority: int = 0
    ) -> Arrays:
        """The outputs; see `Server`. Nobody waits here, so that priorities change nothing."""
        del priority
        runner = chosen(self._runners, name)
        tally, latency_s = self._tallies[name], runner.work.latency_s
        if deadline_s is not None and latency_s > deadline_s:
            tally.ended("missed", client, latency_s)
            raise DeadlineMissedError(
                f"{name} takes {1e3 * latency_s:.1f} ms, {client or 'its client'} gave it {1e3 * deadline_s:.1f} ms"
            )
        try:
            with self._budget.taken(runner.work.threads):
                answer = runner.run(arrays)
        except InferenceError:
            tally.ended("failed", client, latency_s)
            raise
        tally.ran()
        tally.ended("answered", client, latency_s)
        return answer

    def run(self, kernel: Kernel, arrays: Arrays, *, client: str = "") -> Arrays:
        """The outputs of a kernel; one that is new here (a user's planner brings it) is served from now on, on the CPU.

        Raises:
            ContractError: another kernel of that name is served; else as `infer`.
        """
        if kernel.name not in self._runners:
            self._runners[kernel.name] = Runner(kernel_work(kernel, EngineOptions()))
            self._tallies[kernel.name] = Tally(kernel.name, "kernel")
        if self._runners[kernel.name].work.sha256 != kernel.sha256:
            raise ContractError(f"another kernel named {kernel.name} is served; give this one a name of its own")
        return self.infer(kernel.name, arrays, client=client)

    def figures(self) -> tuple[Figures, ...]:
        """One per net and kernel that was asked for, since the start or since they were last taken."""
        return tuple(found for found in self._told(start_anew=False) if found.asked)

    def taken_figures(self) -> tuple[Figures, ...]:
        """The same; they begin anew."""
        return tuple(found for found in self._told(start_anew=True) if found.asked)

    def _told(self, *, start_anew: bool) -> list[Figures]:
        told = []
        for name, runner in self._runners.items():
            self._tallies[name].restarts = runner.restarts
            if start_anew:
                runner.restarts = 0
            told.append(self._tallies[name].figures(start_anew=start_anew))
        return told

    def close(self) -> None:
        """Give back memory; the next request would load anew."""
        for runner in self._runners.values():
            runner.close()


def runners_of(works: Iterable[Work]) -> dict[str, Runner]:
    """By name.

    Raises:
        ContractError: two works share one.
    """
    runners: dict[str, Runner] = {}
    for work in works:
        if work.name in runners:
            raise ContractError(f"two nets or kernels are named {work.name}")
        runners[work.name] = Runner(work)
    return runners


def chosen(runners: Mapping[str, Runner], name: str) -> Runner:
    """The runner of this name.

    Raises:
        ContractError: there is none.
    """
    if name not in runners:
        raise ContractError(f"there is no net or kernel {name!r}; known are {', '.join(runners) or 'none'}")
    return runners[name]
