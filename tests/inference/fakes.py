"""A library, a driver and engines that do what the tests want: what a GPU would do where there is none."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inference.device import Gpu
from inference.tensors import TensorSpec
from inference.work import Work

GPU = Gpu("Fake 100", "12.4", "9.0", 80 * 2**30)
SPEC = {"x": TensorSpec("float32", ("batch", 3))}


@dataclass
class Named:
    name: str


@dataclass
class FakeBinding:
    """Inputs and outputs bound to the device."""

    session: "FakeSession"
    inputs: dict[str, Any] = field(default_factory=dict)

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.inputs[name] = value

    def bind_output(self, name: str, kind: str, device: int) -> None:
        assert (name, kind) == ("y", "cuda")
        assert device == 0

    def copy_outputs_to_cpu(self) -> list[np.ndarray]:
        return [2.0 * self.inputs["x"].array]


class FakeValue:
    """An array on the device."""

    made = 0

    def __init__(self, array: np.ndarray) -> None:
        self.array = array.copy()

    @classmethod
    def ortvalue_from_numpy(cls, array: np.ndarray, kind: str, device: int) -> "FakeValue":
        assert (kind, device) == ("cuda", 0)
        cls.made += 1
        return cls(array)

    def update_inplace(self, array: np.ndarray) -> None:
        self.array[:] = array


@dataclass
class FakeSession:
    """Twice its input; `fault` is raised instead, where there is one."""

    providers: list[str]
    fault: Exception | None = None

    def disable_fallback(self) -> None:
        """Nothing to disable."""

    def get_providers(self) -> list[str]:
        return self.providers

    def get_outputs(self) -> list[Named]:
        return [Named("y")]

    def io_binding(self) -> FakeBinding:
        return FakeBinding(self)

    def run_with_iobinding(self, binding: FakeBinding) -> None:
        assert binding.session is self
        if self.fault is not None:
            raise self.fault


class FakeOptions:
    """What is set on it stays on it."""

    def add_session_config_entry(self, key: str, value: str) -> None:
        setattr(self, key, value)


@dataclass
class FakeRuntime:
    """ONNX Runtime with these providers, of which the session takes `chosen`."""

    available: Sequence[str] = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    chosen: str | None = None
    fault: Exception | None = None
    load_fault: Exception | None = None
    wanted: list[Any] = field(default_factory=list)
    options: Any = None
    SessionOptions = FakeOptions
    OrtValue = FakeValue

    def get_available_providers(self) -> Sequence[str]:
        return self.available

    def InferenceSession(self, data: bytes, options: Any, providers: list[Any]) -> FakeSession:
        assert data
        if self.load_fault is not None:
            raise self.load_fault
        self.wanted, self.options = providers, options
        names = [item if isinstance(item, str) else item[0] for item in providers]
        return FakeSession([self.chosen] if self.chosen else names, self.fault)


@dataclass
class Scripted:
    """A session that doubles its input, and does before each call what it is told to."""

    before: Callable[[np.ndarray], None]
    calls: list[int] = field(default_factory=list)
    closed: bool = False
    warmed: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def providers(self) -> tuple[str, ...]:
        return ("scripted",)

    def infer(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self.lock:
            self.calls.append(len(arrays["x"]))
        self.before(arrays["x"])
        return {"y": 2.0 * arrays["x"]}

    def warm_up(self, shapes: Sequence[Any]) -> None:
        self.warmed += shapes

    def close(self) -> None:
        self.closed = True


def work(name: str, open_: Callable[[], Any], **changes: Any) -> Work:
    """Work whose sessions come from `open_`."""
    return Work(name, "model", "0" * 64, SPEC, open_, rows="batch", **{"batch": 4, **changes})


def rows(*values: float) -> dict[str, np.ndarray]:
    """One row of three equal numbers per value."""
    return {"x": np.repeat(np.array(values, np.float32)[:, None], 3, axis=1)}
