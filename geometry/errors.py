"""The exception tree of Lanewise.

    LanewiseError
    ├── InputError        a file or an argument from outside is wrong; names the file, the line and what was expected
    │   └── UnsupportedError   the input is valid, but asks for something that Lanewise does not do
    ├── ContractError     a value inside the program breaks the contract of its type (shape, range, finiteness)
    └── SceneError        the world offers no sensible answer (no lane near the point, no route to the goal)

It stands in `geometry` because that is the lowest folder: everything may import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class LanewiseError(Exception):
    """Root of all errors that Lanewise raises on purpose."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input something is wrong: file and, where it has lines, the line (1-based)."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class InputError(LanewiseError):
    """Wrong input from outside. The message is one sentence that says what was found, expected and what to do."""

    def __init__(self, message: str, place: Place | Path | str | None = None) -> None:
        if place is not None and not isinstance(place, Place):
            place = Place(str(place))
        self.place = place
        super().__init__(message if place is None else f"{place}: {message}")


class UnsupportedError(InputError):
    """Valid input that names a feature which Lanewise does not support."""


class ContractError(LanewiseError):
    """A value breaks the contract of its type."""


class SceneError(LanewiseError):
    """The world offers no sensible answer to a question."""
