"""What an engine promises: the provider that was asked for or an error, the same bits, memory that runs out safely."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from geometry.errors import ContractError, InputError, UnsupportedError
from inference.device import find_gpu
from inference.engines.catalog import ENGINES, engine_named
from inference.engines.engine import EngineOptions, ShapeProfile
from inference.engines.engine_cache import compiled_for, engine_folder
from inference.engines.onnx_runtime import GpuSession, OnnxRuntimeEngine
from inference.errors import EngineError, OutOfMemoryError
from inference.store import StoredModel
from tests.inference.fakes import GPU, FakeRuntime, FakeValue, rows
from tests.inference.small_nets import stored_net


@pytest.fixture
def model(tmp_path: Path) -> StoredModel:
    return stored_net(tmp_path)


def on_fake(runtime: FakeRuntime, *, there: bool = True) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(runtime=runtime, probe=lambda _: GPU if there else None)


@pytest.mark.parametrize("name", list(ENGINES))
def test_every_engine_gives_the_same_numbers(name: str, model: StoredModel) -> None:
    try:
        session = engine_named(name).load(model, EngineOptions())
    except UnsupportedError as error:
        pytest.skip(str(error))
    answer = session.infer(rows(1.0, -2.5))
    np.testing.assert_allclose(answer["y"], 2.0 * rows(1.0, -2.5)["x"])
    session.close()
    assert engine_named(name).name == name


def test_batches_and_threads_do_not_change_the_bits(model: StoredModel) -> None:
    given = rows(*np.linspace(-3.0, 3.0, 64))
    one = OnnxRuntimeEngine().load(model, EngineOptions(1)).infer(given)["y"]
    two = OnnxRuntimeEngine().load(model, EngineOptions(2))
    assert np.array_equal(one, two.infer(given)["y"])
    apart = np.concatenate([two.infer({"x": row[None]})["y"] for row in given["x"]])
    assert np.array_equal(one, apart)


def test_a_provider_that_is_missing_is_an_error_that_says_what_to_do(model: StoredModel) -> None:
    bare = FakeRuntime(available=("CPUExecutionProvider",))
    with pytest.raises(UnsupportedError, match=r"cuda is missing.*install lanewise\[gpu\]"):
        on_fake(bare).load(model, EngineOptions(provider="cuda"))
    with pytest.raises(UnsupportedError, match="NVIDIA GPU 1, which the driver does not show"):
        on_fake(FakeRuntime(), there=False).load(model, EngineOptions(provider="cuda", device=1))


def test_a_provider_that_silently_fell_back_is_an_error(model: StoredModel) -> None:
    with pytest.raises(UnsupportedError, match="but ONNX Runtime chose CPUExecutionProvider"):
        on_fake(FakeRuntime(chosen="CPUExecutionProvider")).load(model, EngineOptions(provider="cuda"))


def test_the_real_library_without_a_gpu_refuses_cuda(model: StoredModel) -> None:
    if find_gpu() is not None:
        pytest.skip("there is a GPU here")
    with pytest.raises(UnsupportedError):
        OnnxRuntimeEngine().load(model, EngineOptions(provider="cuda"))


def test_tensorrt_gets_profile_precision_and_a_cache_of_its_own(model: StoredModel, tmp_path: Path) -> None:
    runtime = FakeRuntime()
    options = EngineOptions(provider="tensorrt", half=True, profile=ShapeProfile(1, 5, 16), cache=tmp_path / "cache")
    session = on_fake(runtime).load(model, options)
    (name, chosen), (second, cuda), last = runtime.wanted
    assert (name, second, last) == ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    assert chosen["trt_fp16_enable"] is True
    assert chosen["trt_profile_opt_shapes"] == "x:5x3"
    assert chosen["trt_profile_max_shapes"] == "x:16x3"
    assert Path(chosen["trt_engine_cache_path"], "engine.toml").is_file()
    assert cuda["device_id"] == 0
    assert session.providers[0] == "TensorrtExecutionProvider"


def test_a_compiled_engine_is_never_used_for_anything_else(tmp_path: Path) -> None:
    options = EngineOptions(provider="tensorrt")
    first = compiled_for("a" * 64, "tensorrt 10", GPU, options)
    others = [
        compiled_for("b" * 64, "tensorrt 10", GPU, options),
        compiled_for("a" * 64, "tensorrt 11", GPU, options),
        compiled_for("a" * 64, "tensorrt 10", replace(GPU, driver="12.8"), options),
        compiled_for("a" * 64, "tensorrt 10", replace(GPU, compute_capability="8.0"), options),
        compiled_for("a" * 64, "tensorrt 10", GPU, replace(options, half=True)),
        compiled_for("a" * 64, "tensorrt 10", GPU, replace(options, profile=ShapeProfile(1, 2, 4))),
    ]
    assert len({first.key, *(other.key for other in others)}) == 7
    assert engine_folder(tmp_path, first) == engine_folder(
        tmp_path, compiled_for("a" * 64, "tensorrt 10", GPU, options)
    )


def test_buffers_on_the_device_are_bound_once_for_each_shape(model: StoredModel) -> None:
    session = on_fake(FakeRuntime()).load(model, EngineOptions(provider="cuda"))
    assert isinstance(session, GpuSession)
    session.make = np.empty
    FakeValue.made = 0
    for values in ((1.0,), (2.0,), (3.0, 4.0), (5.0,)):
        np.testing.assert_array_equal(session.infer(rows(*values))["y"], 2.0 * rows(*values)["x"])
    assert FakeValue.made == 2


@pytest.mark.parametrize("text", ["CUDA failure 2: out of memory", "Failed to allocate memory for requested buffer"])
def test_memory_that_runs_out_is_told_apart_from_a_crash(text: str, model: StoredModel) -> None:
    full = on_fake(FakeRuntime(fault=RuntimeError(text))).load(model, EngineOptions(provider="cuda"))
    full.make = np.empty  # type: ignore[attr-defined]
    with pytest.raises(OutOfMemoryError):
        full.infer(rows(1.0))
    broken = on_fake(FakeRuntime(fault=RuntimeError("illegal address"))).load(model, EngineOptions(provider="cuda"))
    broken.make = np.empty  # type: ignore[attr-defined]
    with pytest.raises(EngineError, match="illegal address"):
        broken.infer(rows(1.0))
    with pytest.raises(OutOfMemoryError, match="does not fit"):
        on_fake(FakeRuntime(load_fault=RuntimeError(text))).load(model, EngineOptions(provider="cuda"))


def test_a_model_that_the_library_refuses_is_bad_input(model: StoredModel) -> None:
    with pytest.raises(InputError, match="refuses the model: no such op"):
        on_fake(FakeRuntime(load_fault=RuntimeError("no such op\nmore"))).load(model, EngineOptions())


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"provider": "opencl"}, {"device": -1}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ContractError):
        EngineOptions(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ContractError):
        ShapeProfile(4, 2, 8)
    with pytest.raises(InputError, match="known are onnxruntime"):
        engine_named("magic")


def test_a_damaged_model_never_reaches_the_library(model: StoredModel) -> None:
    model.path.write_bytes(model.path.read_bytes()[:-1] + b"\0")
    runtime = FakeRuntime()
    with pytest.raises(InputError, match="SHA-256"):
        on_fake(runtime).load(model, EngineOptions())
    assert not runtime.wanted
