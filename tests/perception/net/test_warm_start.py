"""A stored net can be learned on from: it answers as before, and its norms live again."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geometry.errors import InputError  # noqa: E402
from inference.store import graph_of  # noqa: E402
from perception.net.model import CameraNet, NetSettings  # noqa: E402
from perception.training.export import export  # noqa: E402
from perception.training.warm_start import take_over, weights_in  # noqa: E402

TINY = NetSettings((4, 8, 8, 8, 8), 8, 8)
torch.set_num_threads(1)


def pictures(count: int) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(3)).integers(0, 255, (count, 352, 640, 3), dtype=np.uint8)


def lived_in() -> CameraNet:
    """A net whose norms have seen something."""
    torch.manual_seed(1)
    net = CameraNet(TINY)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0.0, 0.3)
                module.running_var.uniform_(0.5, 2.0)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0.0, 0.3)
    return net.eval()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[CameraNet, Path]:
    folder = tmp_path_factory.mktemp("stored")
    net = lived_in()
    export(net, folder)
    return net, folder / "model.onnx"


def test_exported_net_tells_nothing_of_the_machine(stored: tuple[CameraNet, Path]) -> None:
    _, path = stored
    assert b'File "' not in path.read_bytes()


def test_net_that_takes_over_answers_as_the_stored_one(stored: tuple[CameraNet, Path]) -> None:
    net, path = stored
    other = CameraNet(TINY)
    take_over(other, weights_in(graph_of(path), path), pictures(4))
    with torch.inference_mode():
        said, wanted = (model(torch.from_numpy(pictures(2))) for model in (other.eval(), net))
        for one, two in zip(said, wanted, strict=True):
            assert torch.allclose(one, two, atol=1e-3)


def test_its_norms_agree_with_what_they_see(stored: tuple[CameraNet, Path]) -> None:
    """So that learning, where norms use the batch's own mean and variance, does not begin with another function."""
    _, path = stored
    other = CameraNet(TINY)
    take_over(other, weights_in(graph_of(path), path), pictures(4))
    with torch.no_grad():
        by_memory = other.eval()(torch.from_numpy(pictures(4)))[0]
        by_batch = other.train()(torch.from_numpy(pictures(4)))[0]
    assert torch.allclose(by_batch, by_memory, atol=1e-2)


def test_net_of_other_widths_is_refused(stored: tuple[CameraNet, Path]) -> None:
    _, path = stored
    with pytest.raises(InputError, match="another one"):
        take_over(CameraNet(NetSettings((4, 8, 8, 8, 16), 8, 8)), weights_in(graph_of(path), path), pictures(1))
