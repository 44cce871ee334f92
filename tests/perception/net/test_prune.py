"""What contributes nothing can go without a trace; what is pruned is a smaller net that still runs."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs torch")

from geometry.errors import InputError  # noqa: E402
from perception.net.losses import Batch  # noqa: E402
from perception.net.model import CameraNet, NetSettings  # noqa: E402
from perception.training.loop import batch_of  # noqa: E402
from perception.training.prune import CHAINS, FEWEST, contributions, multiplications, pruned, widths_text  # noqa: E402
from perception.training.sample import Sample, jpeg_of  # noqa: E402
from tests.perception.net import conftest as made  # noqa: E402

torch.set_num_threads(1)  # two threads that wait for each other on a busy machine take minutes
SMALL = NetSettings((16, 16, 24, 24, 32), 16, 24)


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Two pictures with a car each."""
    rng = np.random.Generator(np.random.PCG64(4))
    camera = made.camera()
    samples = [
        Sample(jpeg_of(rng.integers(0, 255, (360, 640, 3), dtype=np.uint8)), camera,
               made.answer_of(camera, (0, 20.0 + 5.0 * k, 1.0, 0.0, 4.4, 1.8, 1.5)), k, 200.0)
        for k in range(2)
    ]  # fmt: skip
    return batch_of(samples, None)


@pytest.fixture
def net() -> CameraNet:
    torch.manual_seed(0)
    found = CameraNet(SMALL)
    for module in found.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.bias.data.normal_(0.1, 0.2)
    return found.eval()


def answer(net: CameraNet, batch: Batch) -> np.ndarray:
    with torch.inference_mode():
        return net(batch.images)[0].numpy()


def test_channels_that_do_nothing_go_first_and_leave_no_trace(net: CameraNet, batch: Batch) -> None:
    for name, _ in CHAINS:
        norm = net.get_submodule(f"{name}.1")
        norm.weight.data[2:6], norm.bias.data[2:6] = 0.0, 0.0
    before, counts = answer(net, batch), multiplications(net)
    dead = sum((counts[f"{name}.0"] + counts[reader]) * 4 // net.get_submodule(f"{name}.0").out_channels
               for name, reader in CHAINS)  # fmt: skip
    result = pruned(net, 0.9 * dead / sum(counts.values()), contributions(net, [batch]))
    assert result.share > 0.0
    assert any(after < width for width, after in result.widths.values())
    np.testing.assert_allclose(answer(net, batch), before, atol=1e-4)


def test_as_much_goes_as_is_wanted_and_the_net_still_runs_and_learns(net: CameraNet, batch: Batch) -> None:
    shape = answer(net, batch).shape
    result = pruned(net, 0.3, contributions(net, [batch]))
    assert result.share == pytest.approx(0.3, abs=0.08)
    assert result.after == sum(multiplications(net).values())
    assert answer(net, batch).shape == shape
    assert f"{100 * result.share:.0f} %" in widths_text(result)
    net(batch.images)[0].square().mean().backward()
    assert all(p.grad is not None for p in net.stem.parameters())


def test_measuring_contributions_changes_nothing(net: CameraNet, batch: Batch) -> None:
    net.train()
    before = copy.deepcopy(net.state_dict())
    found = contributions(net, [batch])
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(len(found[name]) == net.get_submodule(f"{name}.0").out_channels for name, _ in CHAINS)


def test_more_than_can_go_and_no_pictures_are_refused(net: CameraNet, batch: Batch) -> None:
    found = contributions(net, [batch])
    with pytest.raises(InputError, match="can be pruned, not 95 %"):
        pruned(net, 0.95, found)
    assert net.get_submodule("stem.0").out_channels >= FEWEST
    with pytest.raises(InputError, match="between 0 and 1"):
        pruned(net, 1.5, found)
    with pytest.raises(InputError, match="none were given"):
        contributions(net, [])
