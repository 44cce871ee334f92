"""What is promised of a stored model, and the TOML file that says it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from geometry.errors import ContractError, InputError
from inference.tensors import TensorSpec

PRECISIONS = ("fp32", "fp16", "bf16", "int8", "mixed")
MAX_MANIFEST_BYTES = 2**20
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REQUIRED = ("name", "version", "sha256", "precision", "inputs", "outputs")
_KNOWN = (*_REQUIRED, "classes", "training_data", "scores")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is promised of a model.

    `classes` lists the names behind the channels of an output, by kind; `scores` are those of the evaluation set.
    """

    name: str
    version: str
    sha256: str
    precision: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    training_data: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, value in (("name", self.name), ("version", self.version)):
            if not NAME.fullmatch(value):
                raise ContractError(f"{what} = {value!r}: letters, digits, _ . and - were expected, at most 64")
        if not _DIGEST.fullmatch(self.sha256):
            raise ContractError(f"sha256 = {self.sha256!r}: 64 hexadecimal digits were expected")
        if self.precision not in PRECISIONS:
            raise ContractError(f"precision = {self.precision!r}: one of {', '.join(PRECISIONS)} was expected")
        if not self.inputs or not self.outputs:
            raise ContractError("at least one input and one output were expected")


def read_manifest(path: Path) -> Manifest:
    """The manifest in a TOML file.

    Raises:
        InputError: no TOML, a key that is missing, unknown or of the wrong kind.
    """
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise InputError("a manifest of more than 1 MiB is refused", path)
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the manifest: {error.strerror}", path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not valid TOML: {error}", path) from None
    try:
        return _manifest(tree)
    except ContractError as error:
        raise InputError(str(error), path) from None


def _manifest(tree: Mapping[str, Any]) -> Manifest:
    for key in tree:
        if key not in _KNOWN:
            raise ContractError(f"unknown key {key}; known are {', '.join(_KNOWN)}")
    for key in _REQUIRED:
        if key not in tree:
            raise ContractError(f"the key {key} is missing")
    return Manifest(
        **{key: _text(tree, key) for key in ("name", "version", "sha256", "precision")},
        inputs=_specs(tree, "inputs"),
        outputs=_specs(tree, "outputs"),
        classes={kind: _texts(f"classes.{kind}", names) for kind, names in _section(tree, "classes").items()},
        training_data=_text(tree, "training_data") if "training_data" in tree else "",
        scores={name: _number(f"scores.{name}", value) for name, value in _section(tree, "scores").items()},
    )


def _text(tree: Mapping[str, Any], key: str) -> str:
    if not isinstance(tree[key], str):
        raise ContractError(f"{key} = {tree[key]!r}: a text was expected")
    return str(tree[key])


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ContractError(f"{key}: a list of texts was expected")
    return tuple(value)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ContractError(f"{key} = {value!r}: a number was expected")
    return float(value)


def _section(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = tree.get(key, {})
    if not isinstance(section, dict):
        raise ContractError(f"{key} = {section!r}: a section was expected")
    return section


def _specs(tree: Mapping[str, Any], key: str) -> dict[str, TensorSpec]:
    found = {}
    for name, entry in _section(tree, key).items():
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape"} or not isinstance(entry["shape"], list):
            raise ContractError(f'{key}.{name}: dtype = "..." and shape = [...] were expected')
        for size in entry["shape"]:
            if isinstance(size, bool) or not isinstance(size, int | str):
                raise ContractError(f"{key}.{name}: sizes and names were expected in shape; found {size!r}")
        found[name] = TensorSpec(_text(entry, "dtype"), tuple(entry["shape"]))
    return found


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write it as TOML; `read_manifest` gives the same one back."""

    def specs(found: Mapping[str, TensorSpec]) -> dict[str, Any]:
        return {name: {"dtype": spec.dtype, "shape": list(spec.shape)} for name, spec in found.items()}

    tree: dict[str, Any] = {
        "name": manifest.name, "version": manifest.version, "sha256": manifest.sha256,
        "precision": manifest.precision, "training_data": manifest.training_data, "inputs": specs(manifest.inputs),
        "outputs": specs(manifest.outputs), "classes": {k: list(v) for k, v in manifest.classes.items()},
        "scores": dict(manifest.scores),
    }  # fmt: skip
    path.write_text(tomli_w.dumps(tree), encoding="utf-8")
