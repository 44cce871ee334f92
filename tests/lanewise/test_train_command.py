"""`lanewise train detector` from pictures to a model that runs, in small."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from geometry.errors import InputError  # noqa: E402
from lanewise import training_data  # noqa: E402
from lanewise.train_commands import detector  # noqa: E402
from lanewise.training_data import SPLITS, generate  # noqa: E402


@pytest.mark.full
def test_command_ends_with_a_model_its_manifest_and_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_data, "MOMENTS", 4)
    out = tmp_path / "out"
    detector(minutes=0.25, out=out, version="7", seed=0, shards=1, holdout=1, data=tmp_path / "data", device="cpu")
    model = out / "model" / "model.onnx"
    manifest = tomllib.loads((out / "model" / "manifest.toml").read_text())
    assert manifest["version"] == "7"
    assert manifest["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    card = (out / "model" / "card.md").read_text()
    assert "lanewise train detector --minutes 0.25 --seed 0 --shards 1 --holdout 1" in card
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    grid, weather = session.run(None, {"images": np.zeros((3, 352, 640, 3), np.uint8)})
    assert grid.shape == tuple([3, *manifest["outputs"]["grid"]["shape"][1:]])
    assert weather.shape == (3, 6)


def test_shards_are_the_same_whoever_makes_them_and_are_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "MOMENTS", 1)
    told: list[float] = []
    (one,) = generate(SPLITS["train"], 1, tmp_path / "a", told.append)
    (two,) = generate(SPLITS["train"], 1, tmp_path / "b", told.append)
    first, second = (training_data.read_shard(path).samples for path in (one, two))
    assert len(first) == 5
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.jpeg, b.jpeg)
        assert np.array_equal(a.answer.objects, b.answer.objects)
    stamp = one.stat().st_mtime_ns
    generate(SPLITS["train"], 1, tmp_path / "a", told.append)
    assert one.stat().st_mtime_ns == stamp
    one.write_bytes(one.read_bytes()[:1000])
    generate(SPLITS["train"], 1, tmp_path / "a", told.append)
    assert len(training_data.read_shard(one).samples) == 5


def test_splits_share_no_seeds_and_the_holdout_has_maps_of_its_own() -> None:
    train, holdout = SPLITS["train"], SPLITS["holdout"]
    assert abs(train.first_seed - holdout.first_seed) > 1_000_000
    assert set(holdout.maps) - set(train.maps)


@pytest.mark.parametrize(("begin", "told"), [("detector/5", "fp32 camera net"), ("detector/99", "no version 99")])
def test_net_that_cannot_be_learned_on_from_is_refused_before_pictures_are_rendered(
    tmp_path: Path, begin: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        detector(out=tmp_path / "out", data=tmp_path / "data", begin=begin)
    assert not (tmp_path / "data").exists()
