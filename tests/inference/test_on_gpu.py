"""On a GPU: the same answers as on the CPU. Without one these skip; `make test-gpu` runs them where there is one."""

from pathlib import Path

import numpy as np
import pytest

from geometry.errors import UnsupportedError
from inference.device import find_gpu
from inference.engines.engine import EngineOptions, Session, ShapeProfile
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import OutOfMemoryError
from inference.kernel_engines import load_kernel
from inference.live_server import LiveServer
from inference.threads import ThreadBudget
from inference.work import model_work
from lanewise.inferring import model_named
from lanewise.model_bench import INT8_TOLERANCE, TOLERANCE, difference, made_up_inputs
from tests.inference.test_kernels import given
from tests.inference.toy_kernels import NEAREST

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(find_gpu() is None, reason="needs an NVIDIA GPU")]


def loaded(provider: str, *, version: str, cache: Path | None = None, half: bool = False) -> Session:
    options = EngineOptions(provider=provider, cache=cache, half=half, profile=ShapeProfile(1, 5, 8))
    try:
        return OnnxRuntimeEngine().load(model_named("detector", version), options)
    except UnsupportedError as error:
        pytest.skip(str(error))


def fp32_version() -> str:
    versions = [str(v) for v in range(1, 100) if _precision(str(v)) == "fp32"]
    return versions[-1]


def _precision(version: str) -> str:
    try:
        return model_named("detector", version).manifest.precision
    except Exception:  # no such version is shipped
        return ""


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
@pytest.mark.parametrize("batch", [1, 5])
def test_the_net_says_on_the_gpu_what_it_says_on_the_cpu(provider: str, batch: int, tmp_path: Path) -> None:
    version = fp32_version()
    inputs = made_up_inputs(model_named("detector", version), batch)
    on_gpu = loaded(provider, version=version, cache=tmp_path)
    assert difference(loaded("cpu", version=version).infer(inputs), on_gpu.infer(inputs)) < TOLERANCE


def test_half_precision_is_near_to_full(tmp_path: Path) -> None:
    version = fp32_version()
    inputs = made_up_inputs(model_named("detector", version), 1)
    half = loaded("tensorrt", version=version, cache=tmp_path, half=True)
    assert difference(loaded("cpu", version=version).infer(inputs), half.infer(inputs)) < INT8_TOLERANCE


def test_a_compiled_engine_is_found_again(tmp_path: Path) -> None:
    version = fp32_version()
    inputs = made_up_inputs(model_named("detector", version), 1)
    loaded("tensorrt", version=version, cache=tmp_path).infer(inputs)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.engine")}
    assert before
    loaded("tensorrt", version=version, cache=tmp_path).infer(inputs)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.engine")} == before


def test_a_batch_that_does_not_fit_is_told_apart_and_a_smaller_one_still_runs() -> None:
    version = fp32_version()
    session = loaded("cuda", version=version)
    spec = model_named("detector", version).manifest.inputs["images"]
    huge = np.zeros((60_000, *(int(size) for size in spec.shape[1:])), np.uint8)
    with pytest.raises(OutOfMemoryError):
        session.infer({"images": huge})
    session.infer({"images": huge[:1]})


def test_several_clients_share_batches_on_the_gpu() -> None:
    import time

    version = fp32_version()
    model = model_named("detector", version)
    loaded("cuda", version=version).close()
    work = model_work(model, OnnxRuntimeEngine(), EngineOptions(provider="cuda"), batch=8)
    inputs = made_up_inputs(model, 1)
    with LiveServer([work], ThreadBudget(2), time.perf_counter) as server:
        tickets = [server.submit("detector", inputs, client=str(k)) for k in range(40)]
        answers = [ticket.result() for ticket in tickets]
        assert server.figures()[0].batches < 40
    assert difference(answers[0], answers[-1]) < TOLERANCE


def test_a_kernel_gives_on_the_gpu_what_it_gives_on_the_cpu() -> None:
    try:
        on_gpu = load_kernel(NEAREST, EngineOptions(provider="cuda"))
    except UnsupportedError as error:
        pytest.skip(str(error))
    one, two = load_kernel(NEAREST, EngineOptions()).infer(given(5000)), on_gpu.infer(given(5000))
    np.testing.assert_allclose(one["distance"], two["distance"], rtol=1e-12)
    np.testing.assert_array_equal(one["index"], two["index"])
