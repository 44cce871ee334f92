"""What can go wrong while something is being computed; all are `LanewiseError`.

InferenceError
├── EngineError         an engine or kernel failed, also after it was started anew
├── OutOfMemoryError    even the smallest batch does not fit on the device
├── DeadlineMissedError the answer was not there in time
└── CancelledError      nobody wants the answer any more, or the server was closed
"""

from __future__ import annotations

from geometry.errors import LanewiseError


class InferenceError(LanewiseError):
    """A request that got no answer."""


class EngineError(InferenceError):
    """An engine or kernel failed."""


class OutOfMemoryError(InferenceError):
    """The device's memory does not hold what was asked for."""


class DeadlineMissedError(InferenceError):
    """The answer was not there in time."""


class CancelledError(InferenceError):
    """The request was withdrawn, or the server was closed before its turn."""
