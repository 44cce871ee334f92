"""The models on disk: `<root>/<name>/<version>/{model.onnx, manifest.toml, card.md}`, and nothing else in there.

A manifest promises inputs, outputs and the SHA-256 of the model; `verify` holds the file against it before any engine
sees it. Only ONNX (and safetensors, for weights that are trained on) is accepted: no format that can carry code.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from geometry.errors import InputError
from inference.manifest import NAME, Manifest, read_manifest, write_manifest
from inference.model_rules import check_rules
from inference.onnx_file import MAX_BYTES, OnnxModel, parse_onnx
from inference.safetensors_file import check_safetensors
from inference.tensors import TensorSpec

__all__ = [
    "Manifest",
    "Store",
    "StoredModel",
    "TensorSpec",
    "Verified",
    "graph_of",
    "read_manifest",
    "verify",
    "write_manifest",
]

MODEL, MANIFEST, CARD, WEIGHTS = "model.onnx", "manifest.toml", "card.md", "weights.safetensors"
FILES = (MODEL, MANIFEST, CARD, WEIGHTS)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model's file and what its manifest says; not verified yet."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """`detector/1`."""
        return f"{self.manifest.name}/{self.manifest.version}"


@dataclass(frozen=True, slots=True)
class Store:
    """Models under `root`, where new ones are added, and under further folders, which are only read."""

    root: Path
    others: tuple[Path, ...] = ()

    def all(self) -> tuple[StoredModel, ...]:
        """Every model, by name and version.

        Raises:
            InputError: a manifest cannot be read, or a folder holds what does not belong there.
        """
        return tuple(stored(folder) for folder in self.folders())

    def folders(self) -> tuple[Path, ...]:
        """The folders of all models, by name and version, whatever is in them; the first root that has one counts."""
        found: dict[tuple[str, str], Path] = {}
        for root in (self.root, *self.others):
            for path in root.glob(f"*/*/{MANIFEST}"):
                found.setdefault((path.parts[-3], path.parts[-2]), path.parent)
        return tuple(found[key] for key in sorted(found, key=lambda key: (key[0], version_order(key[1]))))

    def find(self, name: str, version: str | None = None) -> StoredModel:
        """The model of this name; without a version the newest whose version is a plain number, else the newest.

        Raises:
            InputError: there is none; or as `stored`.
        """
        for word in (name, version or "1"):
            if not NAME.fullmatch(word):
                raise InputError(f"{word!r} is no name of a model: letters, digits, _ . and - were expected")
        if version is not None:
            for root in (self.root, *self.others):
                if (root / name / version / MANIFEST).is_file():
                    return stored(root / name / version)
        versions = {
            path.parent.name for root in (self.root, *self.others) for path in root.glob(f"{name}/*/{MANIFEST}")
        }
        if version is not None or not versions:
            raise InputError(self._unknown(name, version, versions))
        plain = [found for found in versions if found.isdigit()]
        return self.find(name, max(plain or versions, key=version_order))

    def _unknown(self, name: str, version: str | None, versions: set[str]) -> str:
        if versions:
            listed = ", ".join(sorted(versions, key=version_order))
            return f"the model {name} has no version {version}; known are {listed}"
        names = sorted({path.parts[-3] for root in (self.root, *self.others) for path in root.glob(f"*/*/{MANIFEST}")})
        return f"there is no model {name!r} in {self.root}; known are {', '.join(names) or 'none'}"

    def add(self, model: Path, manifest: Manifest, card: str, *, weights: Path | None = None) -> StoredModel:
        """Copy a model into the store; its SHA-256 is put into the manifest. What is refused leaves nothing behind.

        Raises:
            InputError: the version exists already, or the model is refused as by `verify`.
        """
        folder = self.root / manifest.name / manifest.version
        if folder.exists():
            raise InputError("this version exists already; choose another version", folder)
        digest = hashlib.sha256(_bytes_of(model)).hexdigest()
        entry = replace(manifest, sha256=digest)
        verify(StoredModel(model, entry))
        if weights is not None:
            check_safetensors(weights)
        building = folder.with_name(f".{folder.name}.building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        shutil.copyfile(model, building / MODEL)
        if weights is not None:
            shutil.copyfile(weights, building / WEIGHTS)
        (building / CARD).write_text(card, encoding="utf-8")
        write_manifest(building / MANIFEST, entry)
        building.rename(folder)
        return StoredModel(folder / MODEL, entry)


def stored(folder: Path) -> StoredModel:
    """The model in a folder of the store.

    Raises:
        InputError: a file is missing, is a link out of the folder, does not belong there, or the manifest is wrong or
            of another model.
    """
    for entry in sorted(folder.iterdir()):
        if entry.name not in FILES:
            raise InputError(f"a model's folder holds {', '.join(FILES)}; remove {entry.name}", folder)
        if not entry.resolve().is_relative_to(folder.resolve()):
            raise InputError("this is a link out of the model's folder, which is refused", entry)
    manifest = read_manifest(folder / MANIFEST)
    if (manifest.name, manifest.version) != (folder.parent.name, folder.name):
        raise InputError(
            f"the manifest is of {manifest.name}/{manifest.version}, but lies in the folder of "
            f"{folder.parent.name}/{folder.name}",
            folder / MANIFEST,
        )
    if not (folder / MODEL).is_file():
        raise InputError(f"there is no {MODEL} beside the manifest", folder)
    return StoredModel(folder / MODEL, manifest)


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `2` before `10`, and `1` before `1-int8`."""
    parts = re.findall(r"\d+|\D+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """The bytes that were checked, for an engine to load (the file may change afterwards), and the graph in them."""

    data: bytes
    onnx: OnnxModel


def verify(model: StoredModel) -> Verified:
    """A model whose file is what its manifest promises.

    Raises:
        InputError: another SHA-256, a broken or hostile file, or inputs and outputs that are not those promised.
    """
    data = _bytes_of(model.path)
    digest = hashlib.sha256(data).hexdigest()
    if digest != model.manifest.sha256:
        raise InputError(
            f"the model has SHA-256 {digest[:12]}..., its manifest promises {model.manifest.sha256[:12]}...; "
            "the file is damaged or was exchanged",
            model.path,
        )
    onnx = _checked(data, model.path)
    _compare("input", onnx.graph.inputs, model.manifest.inputs, model.path)
    _compare("output", onnx.graph.outputs, model.manifest.outputs, model.path)
    return Verified(data, onnx)


def graph_of(path: Path) -> OnnxModel:
    """The graph of a model without a manifest, a user's own, held against the same rules.

    Raises:
        InputError: a broken or hostile file, or one that is no ONNX.
    """
    if path.suffix.lower() != ".onnx":
        raise InputError("only ONNX models are read (.onnx); formats that can carry code are refused", path)
    return _checked(_bytes_of(path), path)


def _checked(data: bytes, path: Path) -> OnnxModel:
    graph = parse_onnx(memoryview(data), str(path))
    check_rules(graph, str(path))
    return graph


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            size = path.stat().st_size / 2**20
            raise InputError(f"{size:.0f} MiB are more than the {MAX_BYTES // 2**20} MiB of a model", path)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the model: {error.strerror}", path) from error


def _compare(what: str, found: Mapping[str, TensorSpec], promised: Mapping[str, TensorSpec], path: Path) -> None:
    if found.keys() != promised.keys():
        raise InputError(f"the model's {what}s are {', '.join(found)}; promised are {', '.join(promised)}", path)
    for name, spec in promised.items():
        if spec.dtype != found[name].dtype or not _same_shape(spec.shape, found[name].shape):
            raise InputError(f"the {what} {name} is {found[name].text}; the manifest promises {spec.text}", path)


def _same_shape(one: tuple[int | str, ...], two: tuple[int | str, ...]) -> bool:
    """Names may differ: exporters invent them."""
    free = [tuple(None if isinstance(size, str) else size for size in shape) for shape in (one, two)]
    return free[0] == free[1]
