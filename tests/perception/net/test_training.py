"""Samples on disk, the loop and the loss: what is written comes back, what is learned gets better."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geometry.errors import InputError  # noqa: E402
from perception.net.losses import losses_of, total_of  # noqa: E402
from perception.net.model import CameraNet, NetSettings, parameters_of  # noqa: E402
from perception.net.targets import Answer  # noqa: E402
from perception.training.loop import LoopSettings, Progress, batch_of, train  # noqa: E402
from perception.training.sample import Sample, fitted, jpeg_of, mirrored, read_shard, write_shard  # noqa: E402

TINY = NetSettings((4, 8, 8, 8, 8), 8, 8)
torch.set_num_threads(1)  # two threads that wait for each other on a busy machine take minutes


def sample(perfect: ModuleType, seed: int = 0) -> Sample:
    rng = np.random.Generator(np.random.PCG64(seed))
    camera = perfect.camera(200.0)
    camera = replace(camera, width=160, height=104, matrix=np.array([[200.0, 0, 80.0], [0, 200.0, 50.0], [0, 0, 1.0]]))
    answer = perfect.answer_of(camera, (0, 12.0 + seed, 0.5, 0.1, 4.4, 1.8, 1.5), marks=np.array([[0, 40.0, 60.0, 1]]))
    image = rng.integers(0, 255, (104, 160, 3), dtype=np.uint8)
    return Sample(jpeg_of(image), camera, answer, seed // 2, 500.0)


def test_shard_comes_back_as_it_was(perfect: ModuleType, tmp_path: Path) -> None:
    samples = [sample(perfect, seed) for seed in range(4)]
    write_shard(tmp_path / "a.npz", samples)
    for before, after in zip(samples, read_shard(tmp_path / "a.npz").samples, strict=True):
        assert np.array_equal(before.jpeg, after.jpeg)
        assert np.allclose(before.answer.objects, after.answer.objects, rtol=1e-5)
        assert np.allclose(before.camera.matrix, after.camera.matrix)
        assert np.array_equal(before.answer.drivable, after.answer.drivable)
        assert (before.moment, before.visibility_m) == (after.moment, after.visibility_m)


def test_broken_shard_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 half of a shard")
    with pytest.raises(InputError, match=r"a\.npz"):
        read_shard(tmp_path / "a.npz")


def test_mirrored_twice_is_the_same(perfect: ModuleType) -> None:
    answer: Answer = fitted(sample(perfect).answer)
    image = np.arange(96 * 160 * 3, dtype=np.uint8).reshape(96, 160, 3)
    twice_image, twice = mirrored(*mirrored(image, answer))
    assert np.array_equal(twice_image, image)
    assert np.allclose(twice.objects, answer.objects)
    assert np.allclose(twice.marks, answer.marks)
    once = mirrored(image, answer)[1]
    assert once.objects[0, 12] == -answer.objects[0, 12]


def test_net_has_about_a_million_parameters_and_answers_at_a_quarter_of_the_size() -> None:
    net = CameraNet().eval()
    assert 0.8e6 < parameters_of(net) < 1.5e6
    grid, weather = net(torch.zeros(2, 64, 96, 3, dtype=torch.uint8))
    assert tuple(grid.shape[2:]) == (16, 24)
    assert tuple(weather.shape) == (2, 6)


def test_loss_falls_when_one_picture_is_learned_by_heart(perfect: ModuleType) -> None:
    torch.manual_seed(0)
    net = CameraNet(TINY)
    batch = batch_of([sample(perfect, seed) for seed in range(2)], None)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    totals = []
    for _ in range(40):
        losses = losses_of(*net(batch.images), batch)
        total = total_of(losses)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.5 * totals[0]


def ticking(steps: list[float]) -> float:
    """A clock that goes on by a second at each look."""
    steps.append(1.0)
    return float(len(steps))


def run(shards: list[Path], seconds: float, checkpoint: Path | None = None) -> tuple[CameraNet, list[Progress]]:
    looks: list[float] = []
    told: list[Progress] = []
    net = train(
        shards, seconds, lambda: ticking(looks), LoopSettings(batch=2), net_settings=TINY, checkpoint=checkpoint,
        told=told.append,
    )  # fmt: skip
    return net, told


@pytest.fixture()
def shard(perfect: ModuleType, tmp_path: Path) -> Path:
    write_shard(tmp_path / "a.npz", [sample(perfect, seed) for seed in range(4)])
    return tmp_path / "a.npz"


def test_same_seed_learns_the_same_weights(shard: Path) -> None:
    first, second = (run([shard], 6.0)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_interrupted_training_goes_on_from_its_checkpoint(shard: Path, tmp_path: Path) -> None:
    _, before = run([shard], 6.0, tmp_path / "keep.npz")
    _, after = run([shard], 12.0, tmp_path / "keep.npz")
    assert after[0].step == before[-1].step + 1
    assert after[0].seconds >= 6.0


def test_checkpoint_of_another_net_is_refused(shard: Path, tmp_path: Path) -> None:
    run([shard], 4.0, tmp_path / "keep.npz")
    with pytest.raises(InputError, match="another net"):
        train(
            [shard], 9.0, lambda: 0.0, LoopSettings(batch=2), net_settings=NetSettings((4, 8, 8, 8, 16), 8, 8),
            checkpoint=tmp_path / "keep.npz",
        )  # fmt: skip


def test_training_without_shards_says_what_to_do() -> None:
    with pytest.raises(InputError, match="generate some"):
        train([], 1.0, lambda: 0.0, LoopSettings())


def test_frozen_norms_keep_what_they_have_measured_while_the_net_learns(shard: Path) -> None:
    def begin(net: CameraNet) -> None:
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.fill_(0.25)

    looks: list[float] = []
    net = train(
        [shard], 6.0, lambda: ticking(looks), LoopSettings(batch=2, frozen_norms=True), net_settings=TINY,
        begin_with=begin,
    )  # fmt: skip
    torch.manual_seed(0)
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert all(bool((norm.running_mean == 0.25).all()) for norm in norms)
    assert not torch.equal(net.stem[0].weight, CameraNet(TINY).stem[0].weight)
