"""The server in live mode: worker threads, priorities, deadlines, batches of several clients on a GPU.

Requests wait in one queue: higher priority first, then the earlier deadline, then who came first. A worker takes the
first one and, where the work gathers, others of the same net and shapes with it. Who has waited beyond the deadline is
told so at that moment, whether or not a worker is still at it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread

from geometry.errors import ContractError, LanewiseError
from inference.errors import CancelledError, DeadlineMissedError, EngineError
from inference.figures import Figures, Outcome, Tally
from inference.runner import Runner, joined
from inference.server import chosen, runners_of
from inference.tensors import Arrays, check_arrays
from inference.threads import ThreadBudget
from inference.work import Work

JOIN_S = 5.0
"""How long closing waits for what is being computed."""


@dataclass(slots=True)
class Ticket:
    """A request on its way. Exactly one thread ends it, whoever comes first."""

    name: str
    arrays: Arrays
    client: str
    priority: int
    asked_s: float
    due_s: float
    rows: int
    tally: Tally
    clock: Callable[[], float]
    answer: Arrays | None = None
    error: LanewiseError | None = None
    ended: bool = False
    lock: Lock = field(default_factory=Lock)
    done: Event = field(default_factory=Event)

    def end(self, outcome: Outcome, answer: Arrays | None = None, error: LanewiseError | None = None) -> bool:
        """End it; False if it had ended before."""
        with self.lock:
            if self.ended:
                return False
            self.ended, self.answer, self.error = True, answer, error
        self.tally.ended(outcome, self.client, self.clock() - self.asked_s)
        self.done.set()
        return True

    def cancel(self) -> bool:
        """Withdraw it; False if it has ended already. What is being computed is finished, and thrown away."""
        return self.end("cancelled", error=CancelledError(f"{self.name}: {self.client or 'its client'} withdrew it"))

    def miss(self) -> bool:
        """The deadline has passed."""
        given_ms = 1e3 * (self.due_s - self.asked_s)
        text = f"{self.name}: no answer within the {given_ms:.1f} ms that {self.client or 'its client'} gave it"
        return self.end("missed", error=DeadlineMissedError(text))

    def result(self) -> Arrays:
        """The outputs, waited for until the deadline."""
        left_s = None if math.isinf(self.due_s) else max(self.due_s - self.clock(), 0.0)
        if not self.done.wait(left_s):
            self.miss()
        self.done.wait()
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return self.answer


class LiveServer:
    """Started and closed as a context: `with LiveServer(...) as server`. Inside, every work is loaded and warm."""

    def __init__(
        self, works: Iterable[Work], budget: ThreadBudget, clock: Callable[[], float], *, workers: int | None = None
    ) -> None:
        self._runners = runners_of(works)
        self._tallies = {name: Tally(name, runner.work.kind) for name, runner in self._runners.items()}
        self._budget, self._clock = budget, clock
        self._queue: list[tuple[int, float, int, Ticket]] = []
        self._changed = Condition()
        self._arrivals = 0
        self._open = False
        count = workers if workers is not None else budget.total
        self._threads = [Thread(target=self._work, name=f"inference-{i}", daemon=True) for i in range(count)]

    def __enter__(self) -> LiveServer:
        """Load and warm up; ready afterwards.

        Raises:
            UnsupportedError, InputError: a provider is missing, or a model is refused: nothing is started then.
        """
        try:
            for runner in self._runners.values():
                with self._budget.taken(runner.work.threads):
                    runner.warm_up()
        except BaseException:
            for runner in self._runners.values():
                runner.close()
            raise
        self._open = True
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- clients ---

    def infer(
        self, name: str, arrays: Arrays, *, client: str = "", deadline_s: float | None = None, priority: int = 0
    ) -> Arrays:
        """The outputs; see `inference.server.Server`."""
        return self.submit(name, arrays, client=client, deadline_s=deadline_s, priority=priority).result()

    def submit(
        self, name: str, arrays: Arrays, *, client: str = "", deadline_s: float | None = None, priority: int = 0
    ) -> Ticket:
        """Ask without waiting; `result` of the ticket waits, `cancel` withdraws."""
        work = chosen(self._runners, name).work
        sizes = check_arrays(arrays, work.inputs, name)
        now_s = self._clock()
        due_s = math.inf if deadline_s is None else now_s + deadline_s
        rows = sizes[work.rows] if work.rows is not None else 1
        ticket = Ticket(
            name, arrays, client, priority, now_s, due_s, rows, self._tallies[name], self._clock
        )  # fmt: skip
        with self._changed:
            if not self._open:
                raise ContractError("the inference server is not running; use it inside `with LiveServer(...)`")
            self._arrivals += 1
            heapq.heappush(self._queue, (-priority, due_s, self._arrivals, ticket))
            ticket.tally.queued(1)
            self._changed.notify()
        return ticket

    def figures(self) -> tuple[Figures, ...]:
        """One per net and kernel that was asked for."""
        for name, runner in self._runners.items():
            self._tallies[name].restarts = runner.restarts
        return tuple(found for tally in self._tallies.values() if (found := tally.figures()).asked)

    def close(self) -> None:
        """Cancel who waits, let finish what runs, give back memory."""
        with self._changed:
            self._open = False
            waiting = [entry[-1] for entry in self._queue]
            self._queue.clear()
            self._changed.notify_all()
        for ticket in waiting:
            ticket.tally.queued(-1)
            ticket.end("cancelled", error=CancelledError(f"{ticket.name}: the inference server was closed"))
        for thread in self._threads:
            if thread.is_alive():
                thread.join(JOIN_S)
        for runner in self._runners.values():
            runner.close()

    # --- workers ---

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            if batch:
                self._answer(batch)

    def _next(self) -> list[Ticket] | None:
        """The first request and those that are joined to it; None when the server closes."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or not self._open)
            if not self._open:
                return None
            first = self._pop()
            work = self._runners[first.name].work
            batch = [first] if self._wanted(first) else []
            if batch and work.gathers:
                batch += self._gathered(first, self._runners[first.name])
            return batch

    def _pop(self) -> Ticket:
        ticket = heapq.heappop(self._queue)[-1]
        ticket.tally.queued(-1)
        return ticket

    def _wanted(self, ticket: Ticket) -> bool:
        """Whether somebody still waits for it in time."""
        if ticket.ended:
            return False
        return ticket.due_s >= self._clock() or not ticket.miss()

    def _gathered(self, first: Ticket, runner: Runner) -> list[Ticket]:
        """Others of the same net and shapes in the order of the queue, as long as the batch has room."""
        room = runner.batch - first.rows
        taken: list[Ticket] = []
        left = []
        for entry in sorted(self._queue):
            ticket = entry[-1]
            if ticket.name == first.name and ticket.rows <= room and _alike(ticket, first):
                ticket.tally.queued(-1)
                if self._wanted(ticket):
                    taken.append(ticket)
                    room -= ticket.rows
            else:
                left.append(entry)
        self._queue[:] = left
        heapq.heapify(self._queue)
        return taken

    def _answer(self, batch: list[Ticket]) -> None:
        """Compute a batch and hand each its rows; whatever is raised reaches the clients, never the worker."""
        runner = self._runners[batch[0].name]
        together = batch[0].arrays if len(batch) == 1 else joined([ticket.arrays for ticket in batch])
        try:
            with self._budget.taken(runner.work.threads):
                answer = runner.run(together)
        except LanewiseError as error:
            for ticket in batch:
                ticket.end("failed", error=error)
            return
        except Exception as error:  # a worker must outlive whatever an engine raises
            wrapped = EngineError(f"{batch[0].name}: {type(error).__name__}: {error}")
            for ticket in batch:
                ticket.end("failed", error=wrapped)
            return
        batch[0].tally.ran()
        at = 0
        for ticket in batch:
            own = answer if len(batch) == 1 else {k: v[at : at + ticket.rows] for k, v in answer.items()}
            at += ticket.rows
            late = self._clock() > ticket.due_s
            if not (late and ticket.miss()):
                ticket.end("answered", own)


def _alike(one: Ticket, two: Ticket) -> bool:
    """Whether all inputs have the same shape but for their rows."""
    return all(one.arrays[name].shape[1:] == two.arrays[name].shape[1:] for name in one.arrays)
