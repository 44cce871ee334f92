"""The store gives back what was put in, and refuses what is damaged, foreign or hostile."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx")

from geometry.errors import ContractError, InputError
from inference.manifest import Manifest, read_manifest, write_manifest
from inference.safetensors_file import check_safetensors
from inference.store import Store, StoredModel, TensorSpec, graph_of, stored, verify, version_order
from tests.inference.small_nets import SCALING, scaling_net, stored_net

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
SPECS = st.dictionaries(
    NAMES, st.builds(TensorSpec, st.sampled_from(["float32", "uint8"]), st.tuples(st.just("batch"), st.integers(0, 9))),
    min_size=1, max_size=3,
)  # fmt: skip


@given(
    st.builds(
        Manifest, NAMES, NAMES, st.just("a" * 64), st.sampled_from(["fp32", "int8"]), SPECS, SPECS,
        st.dictionaries(NAMES, st.lists(st.text(max_size=5), max_size=3).map(tuple), max_size=2), st.text(max_size=20),
        st.dictionaries(NAMES, st.floats(-1, 1), max_size=2),
    )
)  # fmt: skip
def test_manifests_are_read_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, manifest: Manifest) -> None:
    path = tmp_path_factory.mktemp("manifest") / "manifest.toml"
    write_manifest(path, manifest)
    assert read_manifest(path) == manifest


def test_what_is_added_is_found_and_sound(tmp_path: Path) -> None:
    added = stored_net(tmp_path)
    store = Store(tmp_path / "store")
    assert store.all() == (added,)
    assert store.find("scaling") == added == store.find("scaling", "1")
    assert verify(added).onnx.graph.nodes[0].op == "Mul"


def test_newest_plain_number_is_taken_unless_a_version_is_named(tmp_path: Path) -> None:
    for version in ("2", "10", "9", "10-int8"):
        stored_net(tmp_path, manifest=replace(SCALING, version=version))
    store = Store(tmp_path / "store")
    assert store.find("scaling").manifest.version == "10"
    assert store.find("scaling", "10-int8").manifest.version == "10-int8"
    assert [model.manifest.version for model in store.all()] == ["2", "9", "10", "10-int8"]
    assert version_order("2") < version_order("10") < version_order("10-int8") < version_order("11")


def test_a_version_is_never_overwritten_and_a_refused_one_leaves_nothing(tmp_path: Path) -> None:
    stored_net(tmp_path)
    with pytest.raises(InputError, match="exists already"):
        stored_net(tmp_path)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no net")
    with pytest.raises(InputError):
        Store(tmp_path / "store").add(broken, replace(SCALING, version="2"), "")
    assert [path.name for path in (tmp_path / "store" / "scaling").iterdir()] == ["1"]


def test_unknown_models_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    stored_net(tmp_path)
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match="known are scaling"):
        store.find("nothing")
    with pytest.raises(InputError, match="known are 1"):
        store.find("scaling", "7")
    for name in ("../scaling", "/etc", "", ".."):
        with pytest.raises(InputError, match="no name"):
            store.find(name)


def damaged(model: StoredModel, how: str) -> None:
    data = model.path.read_bytes()
    if how == "truncated":
        model.path.write_bytes(data[: len(data) // 2])
    elif how == "one bit":
        model.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "empty":
        model.path.write_bytes(b"")
    else:
        model.path.unlink()


@pytest.mark.parametrize("how", ["truncated", "one bit", "empty", "gone"])
def test_a_damaged_model_is_refused_in_one_sentence(tmp_path: Path, how: str) -> None:
    model = stored_net(tmp_path)
    damaged(model, how)
    with pytest.raises(InputError) as caught:
        verify(model)
    assert str(model.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_manifest_may_not_promise_what_the_model_does_not_keep(tmp_path: Path) -> None:
    wider = replace(SCALING, inputs={"x": TensorSpec("float32", ("batch", 4))})
    with pytest.raises(InputError, match="promises float32"):
        stored_net(tmp_path, manifest=wider)
    other = replace(SCALING, outputs={"z": TensorSpec("float32", ("batch", 3))})
    with pytest.raises(InputError, match="outputs are y; promised are z"):
        stored_net(tmp_path, manifest=other)


def test_pickles_and_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = stored_net(tmp_path).path.parent
    (folder / "model.pt").write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(InputError, match=r"remove model\.pt"):
        stored(folder)
    (folder / "model.pt").unlink()
    (folder / "card.md").unlink()
    (folder / "card.md").symlink_to(tmp_path / "new.onnx")
    with pytest.raises(InputError, match="link out of"):
        stored(folder)
    with pytest.raises(InputError, match="only ONNX"):
        graph_of(tmp_path / "model.pkl")


def test_a_manifest_in_another_models_folder_is_refused(tmp_path: Path) -> None:
    folder = stored_net(tmp_path).path.parent
    moved = folder.parent / "2"
    folder.rename(moved)
    with pytest.raises(InputError, match="scaling/1, but lies in"):
        stored(moved)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name = 1", "is missing"),
        ("name = [", "not valid TOML"),
        ("surprise = 1", "unknown key surprise"),
        ('name="a"\nversion="1"\nsha256="zz"\nprecision="fp32"\n[inputs]\n[outputs]', "64 hexadecimal"),
        ('name="../a"\nversion="1"\nsha256="zz"\nprecision="fp32"\n[inputs]\n[outputs]', "name = '../a'"),
        ('name="a"\nversion="1"\nsha256="zz"\nprecision="fp32"\ninputs=3\n[outputs]', "a section was expected"),
        (
            'name="a"\nversion="1"\nsha256="z"\nprecision="fp32"\n[inputs.x]\ndtype="f"\nshape=[1]\n[outputs]',
            "dtype 'f'",
        ),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_wrong_manifests_say_what_is_wrong(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_manifest(path)
    assert word in str(caught.value)
    assert "manifest.toml" in str(caught.value)


def test_impossible_specs_are_refused() -> None:
    for dtype, shape in (("complex64", (1,)), ("float32", (-1,)), ("float32", ("",))):
        with pytest.raises(ContractError):
            TensorSpec(dtype, shape)


def safetensors(header: dict[str, object] | bytes, content: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + content


def test_sound_safetensors_list_their_tensors(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    first = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    second = {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}
    path.write_bytes(safetensors({"b": second, "a": first, "__metadata__": {}}, bytes(11)))
    assert check_safetensors(path) == ("a", "b")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        pickle.dumps([1]),
        safetensors(b"[1]"),
        safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(4)),
        safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"a": {"dtype": "X", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"a": {"dtype": "U8", "shape": [-4], "data_offsets": [4, 0]}}, bytes(4)),
        safetensors(
            {k: {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} for k in "ab"},
            bytes(4),
        ),
        safetensors(b"[" * 100_000),
    ],
)
def test_broken_safetensors_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError):
        check_safetensors(path)


def test_a_model_with_weights_beside_it_keeps_them(tmp_path: Path) -> None:
    net, weights = tmp_path / "net.onnx", tmp_path / "w.safetensors"
    net.write_bytes(scaling_net().SerializeToString())
    weights.write_bytes(safetensors({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}, bytes(4)))
    model = Store(tmp_path / "store").add(net, SCALING, "", weights=weights)
    assert stored(model.path.parent) == model
    assert (model.path.parent / "weights.safetensors").read_bytes() == weights.read_bytes()
