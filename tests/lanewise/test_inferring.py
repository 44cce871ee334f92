"""One server for all modules of a drive: nets and kernels, asked under their own names."""

import numpy as np
import pytest

from geometry.errors import ContractError
from inference.kernels import Kernel, kernel
from inference.settings import InferenceSettings, ModelChoice
from lanewise.inferring import KERNELS, running, server_of


def doubled(item, x, y):
    y[item] = 2.0 * x[item]


def tripled(item, x, y):
    y[item] = 3.0 * x[item]


def made(body, name: str = "mine") -> Kernel:
    return kernel(name, "1", body, inputs={"x": "float64 (items)"}, outputs={"y": "float64 (items)"})


def test_a_planner_brings_its_own_kernel_and_is_named_in_the_figures() -> None:
    server = server_of(InferenceSettings())
    found = running(server, "planner")(made(doubled), {"x": np.arange(3.0)})
    np.testing.assert_array_equal(found["y"], (0.0, 2.0, 4.0))
    (figures,) = server.taken_figures()
    assert (figures.name, figures.kind, figures.clients) == ("mine", "kernel", {"planner": 1})
    assert not server.taken_figures()


def test_two_kernels_of_one_name_are_refused() -> None:
    run = running(server_of(InferenceSettings()), "planner")
    run(made(doubled), {"x": np.zeros(1)})
    other = kernel("mine", "2", tripled, inputs={"x": "float64 (items)"}, outputs={"y": "float64 (items)"})
    with pytest.raises(ContractError, match="another kernel named mine"):
        run(other, {"x": np.zeros(1)})


def test_the_kernels_of_planner_and_localization_are_served_and_can_be_configured() -> None:
    assert {"candidate-scoring", "lane-hypotheses"} == {one.name for one in KERNELS}
    settings = InferenceSettings(threads=2, models=(ModelChoice("candidate-scoring", threads=2),))
    assert server_of(settings).figures() == ()
