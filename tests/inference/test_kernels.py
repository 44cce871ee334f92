"""A kernel gives what its function gives: item by item in Python, compiled for the CPU, and as a grid for a GPU."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import ContractError, UnsupportedError
from inference.engines.engine import EngineOptions
from inference.errors import EngineError
from inference.kernel_engines import cpu_loop, load_kernel, ptx_of
from inference.kernels import kernel, spec_of
from tests.inference.toy_kernels import NEAREST

ROOT = Path(__file__).parents[2]


def given(items: int = 50, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(seed))
    return {"points": rng.normal(size=(items, 2)), "targets": rng.normal(size=(7, 2))}


def expected(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    gaps = np.hypot(*(arrays["points"][:, None] - arrays["targets"][None]).transpose(2, 0, 1))
    return gaps.min(axis=1), gaps.argmin(axis=1)


def test_the_compiled_loop_gives_what_plain_numpy_gives() -> None:
    session = load_kernel(NEAREST, EngineOptions())
    answer = session.infer(given())
    distance, index = expected(given())
    np.testing.assert_allclose(answer["distance"], distance, rtol=1e-14)
    np.testing.assert_array_equal(answer["index"], index)
    assert session.providers == ("numba cpu",)


def test_a_second_session_of_a_kernel_compiles_nothing_and_the_first_may_be_closed() -> None:
    assert cpu_loop(NEAREST) is cpu_loop(NEAREST)
    first, second = (load_kernel(NEAREST, EngineOptions()) for _ in range(2))
    first.close()
    np.testing.assert_array_equal(second.infer(given())["index"], expected(given())[1])
    with pytest.raises(EngineError, match="closed"):
        first.infer(given())


def test_more_threads_give_the_same_bits() -> None:
    one, two = (load_kernel(NEAREST, EngineOptions(threads)).infer(given(1001)) for threads in (1, 3))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_no_items_are_no_answers_and_warming_up_computes_nothing() -> None:
    session = load_kernel(NEAREST, EngineOptions())
    session.warm_up([{"points": (4, 2), "targets": (3, 2)}])
    assert len(session.infer({"points": np.zeros((0, 2)), "targets": np.zeros((3, 2))})["distance"]) == 0
    session.close()
    with pytest.raises(EngineError, match="closed"):
        session.infer(given())


@pytest.mark.parametrize(
    "wrong",
    [{"points": np.zeros((4, 3)), "targets": np.zeros((3, 2))}, {"points": np.zeros((4, 2))},
     {"points": np.zeros((4, 2), np.float32), "targets": np.zeros((3, 2))}],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_refused(wrong: dict[str, np.ndarray]) -> None:
    with pytest.raises(ContractError):
        load_kernel(NEAREST, EngineOptions()).infer(wrong)


def test_the_simulator_runs_the_same_source_to_the_same_numbers() -> None:
    """Numba's CUDA simulator runs the grid that a GPU would, thread by thread; it has to be chosen before import."""
    script = (
        "import json, numpy as np\n"
        "from inference.engines.engine import EngineOptions\n"
        "from inference.kernel_engines import load_kernel\n"
        "from tests.inference.test_kernels import given\n"
        "from tests.inference.toy_kernels import NEAREST\n"
        "session = load_kernel(NEAREST, EngineOptions(provider='cuda'))\n"
        "session.warm_up([{'points': (4, 2), 'targets': (7, 2)}])\n"
        "answer = session.infer(given(150))\n"
        "print(json.dumps([session.providers[0], answer['distance'].tolist(), answer['index'].tolist()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    provider, distance, index = json.loads(done.stdout.splitlines()[-1])
    assert provider == "numba cuda:0"
    own = load_kernel(NEAREST, EngineOptions()).infer(given(150))
    np.testing.assert_allclose(distance, own["distance"], rtol=1e-14)
    np.testing.assert_array_equal(index, own["index"])


def test_it_compiles_for_a_gpu_where_the_compiler_is() -> None:
    try:
        text = ptx_of(NEAREST)
    except UnsupportedError as error:
        pytest.skip(f"no PTX here: {error}")
    assert ".visible .entry" in text


def test_a_gpu_that_is_not_there_is_an_error_never_a_slow_run() -> None:
    with pytest.raises(UnsupportedError, match="TensorRT runs nets"):
        load_kernel(NEAREST, EngineOptions(provider="tensorrt"))
    from numba import cuda

    if cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UnsupportedError, match="not there"):
        load_kernel(NEAREST, EngineOptions(provider="cuda"))


def test_what_a_kernel_promises_is_checked_when_it_is_made() -> None:
    def body(item, a, b):  # type: ignore[no-untyped-def]
        b[item] = a[item]

    kernel("copy", "1", body, inputs={"a": "float64 (items)"}, outputs={"b": "float64 (items)"})
    with pytest.raises(ContractError, match="takes 3 arguments"):
        kernel(
            "copy", "1", body, inputs={"a": "float64 (items)"}, outputs={"b": "float64 (items)", "c": "int64 (items)"}
        )
    with pytest.raises(ContractError, match="how large cells"):
        kernel("copy", "1", body, inputs={"a": "float64 (items)"}, outputs={"b": "float64 (cells)"})
    with pytest.raises(ContractError, match="has the dimension items"):
        kernel("copy", "1", body, inputs={"a": "float64 (rows)"}, outputs={"b": "float64 (rows)"})
    with pytest.raises(ContractError, match=re.escape("'float64 items': a dtype and sizes")):
        spec_of("float64 items")


def test_the_hash_changes_with_what_is_promised() -> None:
    def body(item, a, b):  # type: ignore[no-untyped-def]
        b[item] = a[item]

    made = [
        kernel("copy", version, body, inputs={"a": f"{dtype} (items)"}, outputs={"b": "float64 (items)"})
        for version, dtype in (("1", "float64"), ("2", "float64"), ("1", "float32"))
    ]
    assert len({one.sha256 for one in made}) == 3
    assert made[0].sha256 == kernel("copy", "1", body, inputs={"a": "float64 (items)"},
                                    outputs={"b": "float64 (items)"}).sha256  # fmt: skip
