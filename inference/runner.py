"""Runs one work: cuts requests into batches, shrinks them when memory runs out, starts a crashed engine anew, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from inference.engines.engine import Session
from inference.errors import EngineError, OutOfMemoryError
from inference.tensors import Array, Arrays, check_arrays
from inference.work import Work


@dataclass(slots=True)
class Runner:
    """The state of one work: its session, the largest batch that fits, and whether it is broken for good."""

    work: Work
    session: Session | None = None
    batch: int = 0
    restarts: int = 0
    broken: EngineError | None = None
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.batch = self.work.batch

    def opened(self) -> Session:
        """The session, loaded at the first call."""
        with self.lock:
            if self.broken is not None:
                raise self.broken
            if self.session is None:
                self.session = self.work.open()
            return self.session

    def warm_up(self) -> None:
        """Load, and run once for each size of batch that will be asked for."""
        sizes = {1, max(self.batch, 1)} if not self.work.fixed else {max(self.batch, 1)}
        self.opened().warm_up([self.work.shapes(rows) for rows in sorted(sizes)])

    def run(self, arrays: Arrays) -> Arrays:
        """All outputs for all rows.

        Raises:
            ContractError: inputs that the work does not take.
            OutOfMemoryError: not even one row fits.
            EngineError: it failed, was started anew, and failed again; from then on every call fails.
        """
        sizes = check_arrays(arrays, self.work.inputs, self.work.name)
        if self.work.rows is None or not self.batch:
            return self._once(arrays)
        rows = sizes[self.work.rows]
        parts: list[Arrays] = []
        at = 0
        while at < rows or not parts:
            try:
                part = self._cut(arrays, at, min(at + self.batch, rows))
                parts.append(self._whole(part) if self.work.fixed else self._once(part))
                at += self.batch if rows else 1
            except OutOfMemoryError as error:
                self._shrink(error)
        return parts[0] if len(parts) == 1 else joined(parts)

    def _cut(self, arrays: Arrays, first: int, last: int) -> Arrays:
        """Some rows of every input that has rows."""
        return {
            name: array[first:last] if self.work.inputs[name].shape[:1] == (self.work.rows,) else array
            for name, array in arrays.items()
        }

    def _whole(self, part: Arrays) -> Arrays:
        """A batch of full size, its last row repeated; what that gives is cut off again."""
        rows = max((len(array) for array in part.values() if array.ndim), default=0)
        if not rows:
            return self._once(part)
        full = {name: _filled(array, self.batch) for name, array in part.items()}
        return {name: array[:rows] for name, array in self._once(full).items()}

    def _shrink(self, error: OutOfMemoryError) -> None:
        """Half the batch from now on."""
        with self.lock:
            if self.batch <= 1:
                raise OutOfMemoryError(
                    f"{self.work.name}: not even one row fits into the device's memory; free some or use the CPU"
                ) from error
            self.batch //= 2

    def _once(self, arrays: Arrays) -> Arrays:
        """One call, and one more on a new session if the engine crashed."""
        session = self.opened()
        try:
            return session.infer(arrays)
        except EngineError as error:
            self._restart(session, error)
        try:
            return self.opened().infer(arrays)
        except EngineError as error:
            self.broken = EngineError(f"{self.work.name} failed again after it was started anew: {error}")
            raise self.broken from error

    def _restart(self, crashed: Session, error: EngineError) -> None:
        """A new session in the place of a crashed one, unless another thread has put it there already."""
        with self.lock:
            if self.session is not crashed:
                return
            self.restarts += 1
            crashed.close()
            self.session = None
            try:
                self.session = self.work.open()
            except Exception as again:
                self.broken = EngineError(f"{self.work.name} crashed ({error}) and does not start again: {again}")
                raise self.broken from again

    def close(self) -> None:
        """Give back memory."""
        with self.lock:
            if self.session is not None:
                self.session.close()
            self.session = None


def joined(parts: list[Arrays]) -> Arrays:
    """Rows after rows."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _filled(array: Array, rows: int) -> Array:
    if len(array) == rows:
        return array
    return np.concatenate([array, np.repeat(array[-1:], rows - len(array), axis=0)])
