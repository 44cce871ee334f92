"""ONNX Runtime: the default engine, on the CPU or on an NVIDIA GPU (CUDA or TensorRT provider).

On a CPU its results are the same bits for any batch size and number of threads. On a GPU inputs go through pinned
buffers into device memory that stays bound, each session with a stream of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import Any

import numpy as np

from geometry.errors import InputError, UnsupportedError
from inference.device import Gpu, Probe, find_gpu
from inference.engines.engine import EngineOptions, Session
from inference.engines.engine_cache import compiled_for, engine_folder
from inference.engines.staging import Staging, pinned
from inference.errors import EngineError, OutOfMemoryError
from inference.store import StoredModel, verify
from inference.tensors import Arrays, Shape, TensorSpec, check_arrays

PROVIDER_OF = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_NO_MEMORY = ("out of memory", "failed to allocate memory", "cuda failure 2", "bad_alloc", "cudaerrormemoryallocation")


@dataclass(frozen=True, slots=True)
class OnnxRuntimeEngine:
    """`runtime` and `probe` stand in for the library and the driver where tests have no GPU."""

    name: str = "onnxruntime"
    runtime: Any = None
    probe: Probe = find_gpu

    def load(self, model: StoredModel, options: EngineOptions) -> Session:
        """A session on the provider that was asked for, or an error."""
        data = verify(model).data
        runtime = self.runtime if self.runtime is not None else importlib.import_module("onnxruntime")
        gpu = _found_gpu(runtime, options, self.probe)
        wanted = _providers(model, options, gpu)
        try:
            session = runtime.InferenceSession(data, _session_options(runtime, options), providers=wanted)
        except Exception as error:  # ONNX Runtime has an exception class of its own per status code
            if _is_memory(error):
                raise OutOfMemoryError(f"{model.name} does not fit into the GPU's memory: {_line(error)}") from error
            raise InputError(f"ONNX Runtime refuses the model: {_line(error)}", model.path) from error
        session.disable_fallback()
        ran = tuple(session.get_providers())
        if ran[0] != PROVIDER_OF[options.provider]:
            session = None
            raise UnsupportedError(
                f"{model.name} was to run on {PROVIDER_OF[options.provider]}, but ONNX Runtime chose {ran[0]}; "
                'its CUDA or TensorRT libraries do not load, mend them or choose provider = "cpu"'
            )
        if gpu is None:
            return CpuSession(model.name, session, ran, model.manifest.inputs)
        return GpuSession(model.name, session, ran, model.manifest.inputs, runtime, options.device)


def _found_gpu(runtime: Any, options: EngineOptions, probe: Probe) -> Gpu | None:
    """The GPU that is asked for; None where a CPU is asked for."""
    if options.provider == "cpu":
        return None
    available = runtime.get_available_providers()
    if PROVIDER_OF[options.provider] not in available:
        raise UnsupportedError(
            f"the provider {options.provider} is missing: this ONNX Runtime has {', '.join(available)}; "
            'install lanewise[gpu] or choose provider = "cpu"'
        )
    gpu = probe(options.device)
    if gpu is None:
        raise UnsupportedError(
            f"the provider {options.provider} needs NVIDIA GPU {options.device}, which the driver does not show; "
            'check nvidia-smi or choose provider = "cpu"'
        )
    return gpu


def _session_options(runtime: Any, options: EngineOptions) -> Any:
    chosen = runtime.SessionOptions()
    chosen.intra_op_num_threads = options.threads
    chosen.inter_op_num_threads = 1
    chosen.use_deterministic_compute = True
    chosen.log_severity_level = 3
    # Waiting threads sleep: spinning ones take the cores from the other sessions of the budget.
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def _providers(model: StoredModel, options: EngineOptions, gpu: Gpu | None) -> list[Any]:
    """Providers with their options, best first."""
    if gpu is None:
        return [PROVIDER_OF["cpu"]]
    cuda = {
        "device_id": options.device, "do_copy_in_default_stream": "0", "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested", "use_tf32": int(options.half),
    }  # fmt: skip
    listed: list[Any] = [(PROVIDER_OF["cuda"], cuda), PROVIDER_OF["cpu"]]
    if options.provider == "tensorrt":
        listed.insert(0, (PROVIDER_OF["tensorrt"], _tensorrt(model, options, gpu)))
    return listed


def _tensorrt(model: StoredModel, options: EngineOptions, gpu: Gpu) -> dict[str, Any]:
    profile, inputs = options.profile, model.manifest.inputs
    chosen: dict[str, Any] = {
        "device_id": options.device,
        "trt_fp16_enable": options.half,
        "trt_profile_min_shapes": _shapes(inputs, profile.smallest),
        "trt_profile_opt_shapes": _shapes(inputs, profile.typical),
        "trt_profile_max_shapes": _shapes(inputs, profile.largest),
    }
    if options.cache is not None:
        made_for = compiled_for(model.manifest.sha256, f"tensorrt {_tensorrt_version()}", gpu, options)
        folder = str(engine_folder(options.cache, made_for))
        chosen |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": folder}
        chosen |= {"trt_timing_cache_enable": True, "trt_timing_cache_path": folder}
    return chosen


def _tensorrt_version() -> str:
    for name in ("tensorrt", "tensorrt-cu13", "tensorrt-cu12"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "of the system"


def _shapes(inputs: Mapping[str, TensorSpec], batch: int) -> str:
    """As TensorRT's provider reads them: `images:1x352x640x3`. Free dimensions are batches in our nets."""
    parts = []
    for name, spec in inputs.items():
        parts.append(f"{name}:{'x'.join(str(batch if isinstance(size, str) else size) for size in spec.shape)}")
    return ",".join(parts)


@dataclass(slots=True)
class CpuSession:
    """ONNX Runtime on the CPU."""

    name: str
    session: Any
    providers: tuple[str, ...]
    inputs: Mapping[str, TensorSpec]
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.outputs = tuple(output.name for output in self.session.get_outputs())

    def infer(self, arrays: Arrays) -> Arrays:
        """All outputs."""
        check_arrays(arrays, self.inputs, self.name)
        answers = _asked(self.name, lambda: self.session.run(list(self.outputs), dict(arrays)))
        return dict(zip(self.outputs, answers, strict=True))

    def warm_up(self, shapes: Sequence[Mapping[str, Shape]]) -> None:
        """Run on zeros."""
        _warm_up(self, shapes)

    def close(self) -> None:
        """Give back memory."""
        self.session = None


@dataclass(slots=True)
class GpuSession:
    """ONNX Runtime on a GPU: buffers stay bound for each set of shapes; calls take turns, as they share a stream."""

    name: str
    session: Any
    providers: tuple[str, ...]
    inputs: Mapping[str, TensorSpec]
    runtime: Any
    device: int
    make: Callable[[Shape, np.dtype[Any]], Any] = pinned
    outputs: tuple[str, ...] = ()
    bound: dict[tuple[Shape, ...], Any] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.outputs = tuple(output.name for output in self.session.get_outputs())

    def infer(self, arrays: Arrays) -> Arrays:
        """All outputs, copied off the device."""
        check_arrays(arrays, self.inputs, self.name)
        with self.lock:
            answers: Arrays = _asked(self.name, lambda: self._run(arrays))
        return answers

    def _run(self, arrays: Arrays) -> Arrays:
        key = tuple(arrays[name].shape for name in self.inputs)
        if key not in self.bound:
            self.bound[key] = self._bind(arrays)
        binding, staging, values = self.bound[key]
        for name in self.inputs:
            values[name].update_inplace(staging.filled(name, arrays[name]))
        self.session.run_with_iobinding(binding)
        return dict(zip(self.outputs, binding.copy_outputs_to_cpu(), strict=True))

    def _bind(self, arrays: Arrays) -> tuple[Any, Staging, dict[str, Any]]:
        binding = self.session.io_binding()
        staging = Staging({name: self.make(a.shape, a.dtype) for name, a in arrays.items()})
        values = {}
        for name, array in arrays.items():
            contiguous = np.ascontiguousarray(array)
            values[name] = self.runtime.OrtValue.ortvalue_from_numpy(contiguous, "cuda", self.device)
            binding.bind_ortvalue_input(name, values[name])
        for name in self.outputs:
            binding.bind_output(name, "cuda", self.device)
        return binding, staging, values

    def warm_up(self, shapes: Sequence[Mapping[str, Shape]]) -> None:
        """Run on zeros: kernels are chosen, buffers bound."""
        _warm_up(self, shapes)

    def close(self) -> None:
        """Give back memory."""
        self.bound.clear()
        self.session = None


def _warm_up(session: CpuSession | GpuSession, shapes: Sequence[Mapping[str, Shape]]) -> None:
    for chosen in shapes:
        session.infer({name: np.zeros(shape, session.inputs[name].dtype) for name, shape in chosen.items()})


def _asked(name: str, ask: Callable[[], Any]) -> Any:
    """What ONNX Runtime answers, its errors as ours."""
    try:
        return ask()
    except Exception as error:  # ONNX Runtime has an exception class of its own per status code
        if _is_memory(error):
            raise OutOfMemoryError(f"{name}: the batch does not fit into memory: {_line(error)}") from error
        raise EngineError(f"{name}: ONNX Runtime failed: {_line(error)}") from error


def _is_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(word in text for word in _NO_MEMORY)


def _line(error: Exception) -> str:
    """The first line of what the library says, at most 200 letters of it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
