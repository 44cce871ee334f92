"""One server for everybody: order, deadlines, crashes and memory, each with an outcome that the client is told."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from geometry.errors import ContractError, UnsupportedError
from inference.engines.engine import EngineOptions
from inference.errors import CancelledError, DeadlineMissedError, EngineError, OutOfMemoryError
from inference.live_server import LiveServer
from inference.server import OrderedServer
from inference.threads import ThreadBudget
from inference.work import kernel_work
from tests.inference.fakes import Scripted, rows, work
from tests.inference.toy_kernels import NEAREST

FINE: Callable[[Any], None] = lambda _: None  # noqa: E731


def ordered(*works: Any) -> OrderedServer:
    return OrderedServer(works, ThreadBudget(2))


def failing(times: int, error: Exception) -> Callable[[Any], None]:
    """Raises so many times, then no more."""
    left = iter(range(times))

    def before(_: Any) -> None:
        if next(left, None) is not None:
            raise error

    return before


# --- deterministic ---


def test_nets_and_kernels_share_one_server_and_are_told_apart_by_client() -> None:
    server = ordered(work("net", lambda: Scripted(FINE)), kernel_work(NEAREST, EngineOptions()))
    np.testing.assert_array_equal(server.infer("net", rows(1.0, 2.0), client="detector")["y"], rows(2.0, 4.0)["x"])
    server.infer("nearest", {"points": np.zeros((1, 2)), "targets": np.ones((1, 2))}, client="planner")
    told = {f.name: f for f in server.figures()}
    assert (told["net"].clients, told["net"].kind) == ({"detector": 1}, "model")
    assert (told["nearest"].clients, told["nearest"].kind) == ({"planner": 1}, "kernel")
    assert server.taken_figures()
    assert not server.figures()


def test_a_deadline_is_missed_by_what_is_modelled_not_by_the_clock() -> None:
    slow = Scripted(lambda _: time.sleep(0.05))
    server = ordered(work("net", lambda: slow, latency_s=0.01))
    server.infer("net", rows(1.0), deadline_s=0.02)
    with pytest.raises(DeadlineMissedError, match=r"takes 10\.0 ms, planner gave it 5\.0 ms"):
        server.infer("net", rows(1.0), client="planner", deadline_s=0.005)
    assert len(slow.calls) == 1
    (told,) = server.figures()
    assert (told.answered, told.missed, told.p99_s) == (1, 1, 0.01)


def test_large_requests_are_cut_and_fixed_batches_filled_up() -> None:
    free, fixed = Scripted(FINE), Scripted(FINE)
    server = ordered(work("free", lambda: free), work("fixed", lambda: fixed, fixed=True))
    given = rows(*range(10))
    for name in ("free", "fixed"):
        np.testing.assert_array_equal(server.infer(name, given)["y"], 2.0 * given["x"])
    assert (free.calls, fixed.calls) == ([4, 4, 2], [4, 4, 4])


def test_memory_that_runs_out_halves_the_batch_until_it_fits() -> None:
    def before(x: np.ndarray) -> None:
        if len(x) > 1:
            raise OutOfMemoryError("too many")

    session = Scripted(before)
    server = ordered(work("net", lambda: session))
    np.testing.assert_array_equal(server.infer("net", rows(1.0, 2.0, 3.0))["y"], rows(2.0, 4.0, 6.0)["x"])
    assert session.calls == [3, 2, 1, 1, 1]
    never = ordered(work("net", lambda: Scripted(failing(99, OutOfMemoryError("full")))))
    with pytest.raises(OutOfMemoryError, match="not even one row"):
        never.infer("net", rows(1.0))


def test_a_crashed_engine_is_started_anew_once_and_then_stays_broken() -> None:
    opened: list[Scripted] = []
    crashes = iter([1, 0])

    def once() -> Scripted:
        opened.append(Scripted(failing(next(crashes, 0), EngineError("crash"))))
        return opened[-1]

    server = ordered(work("net", once))
    np.testing.assert_array_equal(server.infer("net", rows(1.0))["y"], rows(2.0)["x"])
    assert (len(opened), opened[0].closed, server.figures()[0].restarts) == (2, True, 1)

    broken = ordered(work("net", lambda: Scripted(failing(99, EngineError("crash")))))
    for _ in range(2):
        with pytest.raises(EngineError, match="failed again"):
            broken.infer("net", rows(1.0))
    assert broken.figures()[0].failed == 2


def test_an_engine_that_does_not_start_again_says_both_reasons() -> None:
    sessions = iter([Scripted(failing(1, EngineError("crash")))])

    def open_() -> Scripted:
        found = next(sessions, None)
        if found is None:
            raise UnsupportedError("the GPU is gone")
        return found

    with pytest.raises(EngineError, match=r"crashed \(crash\) and does not start again: the GPU is gone"):
        ordered(work("net", open_)).infer("net", rows(1.0))


def test_answers_do_not_depend_on_who_asks_first() -> None:
    server = ordered(work("net", lambda: Scripted(lambda x: time.sleep(0.001 * float(x[0, 0] % 3)))))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda v: float(server.infer("net", rows(v))["y"][0, 0]), range(24)))
    assert answers == [2.0 * v for v in range(24)]


def test_unknown_work_wrong_inputs_and_twins_are_refused() -> None:
    server = ordered(work("net", lambda: Scripted(FINE)))
    with pytest.raises(ContractError, match="no net or kernel 'nets'; known are net"):
        server.infer("nets", rows(1.0))
    with pytest.raises(ContractError):
        server.infer("net", {"x": np.zeros((1, 4), np.float32)})
    with pytest.raises(ContractError, match="two nets or kernels are named net"):
        ordered(work("net", lambda: Scripted(FINE)), work("net", lambda: Scripted(FINE)))


# --- live ---


class Gate:
    """Holds a session until it is opened; says when somebody stands before it."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, _: Any) -> None:
        self.reached.set()
        assert self.open.wait(10.0)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


def live(*works: Any, workers: int = 1) -> LiveServer:
    return LiveServer(works, ThreadBudget(2), time.monotonic, workers=workers)


def test_everything_is_warm_before_the_first_request() -> None:
    session = Scripted(FINE)
    with live(work("net", lambda: session)):
        assert session.warmed == [{"x": (1, 3)}, {"x": (4, 3)}]
        assert not session.calls
    assert session.closed


def test_a_missing_gpu_stops_the_start_and_closes_what_was_open() -> None:
    fine = Scripted(FINE)

    def missing() -> Scripted:
        raise UnsupportedError("no GPU")

    server = live(work("fine", lambda: fine), work("net", missing))
    with pytest.raises(UnsupportedError, match="no GPU"), server:
        pass
    assert fine.closed
    with pytest.raises(ContractError, match="not running"):
        server.submit("fine", rows(1.0))


def test_the_more_urgent_goes_first_and_among_equals_the_earlier_deadline(gate: Gate) -> None:
    done: list[float] = []
    held, order = Scripted(gate), Scripted(lambda x: done.append(float(x[0, 0])))
    with live(work("held", lambda: held), work("net", lambda: order)) as server:
        first = server.submit("held", rows(0.0))
        assert gate.reached.wait(5.0)
        tickets = [server.submit("net", rows(v), priority=p, deadline_s=d)
                   for v, p, d in ((1.0, 0, None), (2.0, 0, 60.0), (3.0, 5, None), (4.0, 0, 30.0))]  # fmt: skip
        gate.open.set()
        for ticket in (first, *tickets):
            ticket.result()
    assert done == [3.0, 4.0, 2.0, 1.0]


def test_who_waits_too_long_is_told_at_that_moment(gate: Gate) -> None:
    with live(work("net", lambda: Scripted(gate))) as server:
        held = server.submit("net", rows(0.0))
        assert gate.reached.wait(5.0)
        began_s = time.monotonic()
        with pytest.raises(DeadlineMissedError, match=r"within the 50\.0 ms that planner gave"):
            server.infer("net", rows(1.0), client="planner", deadline_s=0.05)
        assert time.monotonic() - began_s < 20.0
        gate.open.set()
        held.result()
        assert server.figures()[0].missed == 1


def test_a_withdrawn_request_is_not_computed(gate: Gate) -> None:
    session = Scripted(gate)
    with live(work("net", lambda: session)) as server:
        held = server.submit("net", rows(0.0))
        assert gate.reached.wait(5.0)
        ticket = server.submit("net", rows(1.0))
        assert ticket.cancel()
        assert not ticket.cancel()
        gate.open.set()
        held.result()
        with pytest.raises(CancelledError):
            ticket.result()
        server.infer("net", rows(2.0))
    assert session.calls == [1, 1]


def test_requests_of_several_clients_become_one_batch_where_work_gathers(gate: Gate) -> None:
    session = Scripted(gate)
    with live(work("net", lambda: session, gathers=True, batch=3)) as server:
        held = server.submit("net", rows(0.0))
        assert gate.reached.wait(5.0)
        tickets = [server.submit("net", rows(float(v)), client=str(v)) for v in range(1, 5)]
        gate.open.set()
        held.result()
        assert [float(t.result()["y"][0, 0]) for t in tickets] == [2.0, 4.0, 6.0, 8.0]
        assert server.figures()[0].batches == 3
    assert session.calls == [1, 3, 1]


def test_closing_cancels_who_waits_and_lets_finish_what_runs(gate: Gate) -> None:
    server = live(work("net", lambda: Scripted(gate)))
    server.__enter__()
    running = server.submit("net", rows(1.0))
    assert gate.reached.wait(5.0)
    waiting = server.submit("net", rows(2.0))
    threading.Timer(0.1, gate.open.set).start()
    server.close()
    assert float(running.result()["y"][0, 0]) == 2.0
    with pytest.raises(CancelledError, match="closed"):
        waiting.result()


def test_a_worker_outlives_whatever_an_engine_raises() -> None:
    with live(work("net", lambda: Scripted(failing(1, ValueError("odd"))))) as server:
        with pytest.raises(EngineError, match="ValueError: odd"):
            server.infer("net", rows(1.0))
        assert float(server.infer("net", rows(1.0))["y"][0, 0]) == 2.0
