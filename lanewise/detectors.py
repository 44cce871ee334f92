"""Detectors that users bring: an ONNX file of 2D boxes with its form, `module:Class` or `file.py:Class`.

The form of an ONNX file (`perception.boxes.form`) is the TOML file of the same name beside it, unless another file or
the name of a shipped form is given. Such a net is held against the rules of the model store and is run by the shared
server, as our own is.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path

from geometry.errors import InputError
from inference.manifest import Manifest
from inference.settings import ModelChoice
from inference.store import StoredModel, graph_of
from inference.tensors import Arrays
from lanewise.config import RunConfig, section
from lanewise.inferring import USERS_NET, model_named
from lanewise.plugins import class_named
from perception.boxes.detector import Detector, NetDetector
from perception.boxes.form import NetForm

FORMS = Path(__file__).parent / "detector_forms"


def nets_of(config: RunConfig) -> tuple[tuple[ModelChoice, StoredModel], ...]:
    """The nets that the eyes of a stack ask, and how they are run (`[[inference.models]]`): our own, or the user's.

    Raises:
        InputError: a broken or hostile file, or a model that is not there.
    """
    if not config.stack.detector:
        choice = config.inference.of(config.detector.model)
        return ((choice, model_named(choice.name, choice.version)),)
    if config.stack.detector.lower().endswith(".onnx"):
        return ((config.inference.of(USERS_NET), user_model(Path(config.stack.detector))),)
    return ()


def detector_of(config: RunConfig, infer: Callable[[str, Arrays], Arrays]) -> Detector:
    """The user's detector that a configuration names; `infer` runs its net.

    Raises:
        InputError: no such file or class, no form, a net or form that does not fit.
    """
    chosen = config.stack.detector
    if chosen.lower().endswith(".onnx"):
        return _net(config, Path(chosen), infer)
    if ":" not in chosen:
        raise InputError(f"--detector {chosen}: a file .onnx, module:Class or file.py:Class was expected")
    kind = class_named(chosen, "detector")
    if not callable(getattr(kind, "detect", None)):
        raise InputError(f"{chosen} is no detector: it has no method detect(image, camera)")
    try:
        made: Detector = kind()
    except TypeError as error:
        raise InputError(f"the detector {chosen} cannot be made without arguments: {error}") from error
    return made


def _net(config: RunConfig, path: Path, infer: Callable[[str, Arrays], Arrays]) -> NetDetector:
    form = form_of(path, config.stack.detector_form)
    model = user_model(path)
    given, answered = next(iter(model.manifest.inputs)), next(iter(model.manifest.outputs))
    wanted = (1, 3, form.height, form.width) if form.layout == "nchw" else (1, form.height, form.width, 3)
    spec = model.manifest.inputs[given]
    fixed = [(a, b) for a, b in zip(spec.shape, wanted, strict=False) if isinstance(a, int)]
    if len(model.manifest.inputs) != 1 or len(spec.shape) != 4 or any(a != b for a, b in fixed):
        raise InputError(f"the net takes {spec.text}; its form promises one input of {list(wanted)}", path)
    if spec.dtype != "float32":
        raise InputError(f"the net takes {spec.dtype}; nets that take float32 can be adapted", path)
    return NetDetector(form, infer, USERS_NET, given, answered)


def user_model(path: Path) -> StoredModel:
    """A model without a manifest: what its own file says of it.

    Raises:
        InputError: a broken or hostile file.
    """
    graph = graph_of(path).graph
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return StoredModel(path, Manifest(USERS_NET, "1", digest, "fp32", graph.inputs, graph.outputs))


def form_of(path: Path, named: str = "") -> NetForm:
    """The form of a net.

    Raises:
        InputError: there is none, or it is wrong.
    """
    shipped = sorted(file.stem for file in FORMS.glob("*.toml"))
    place = FORMS / f"{named}.toml" if named in shipped else Path(named) if named else path.with_suffix(".toml")
    if not place.is_file():
        raise InputError(
            f"there is no {place} that says how the net is fed and read; write it, or give --detector-form with "
            f"a file or one of {', '.join(shipped)}",
            path,
        )
    try:
        tree = tomllib.loads(place.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not valid TOML: {error}", place) from error
    return section(NetForm, tree, place)
