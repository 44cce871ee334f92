"""The trained net as a model of the store: `model.onnx`, `manifest.toml` and `card.md` in one folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from perception.detector import Arrays
from perception.net.classes import LIGHTS, MARKS, OBJECTS, OUTPUTS, WEATHERS
from perception.net.model import CameraNet, parameters_of

OPSET = 18


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the card tells: the command, the data, how long, and the scores on the hold-out."""

    command: str
    data: str
    pictures: int
    seconds: float
    scores: Mapping[str, float]
    weathers: Mapping[str, float]
    curve: tuple[str, ...]
    """Lines of a table: pictures seen, loss, scores."""


def export(net: CameraNet, folder: Path) -> str:
    """Write `model.onnx`; returns its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    net = net.float().eval()
    example = torch.zeros(2, 352, 640, 3, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.onnx.export(
        net, (example,), dynamo=True, opset_version=OPSET, input_names=["images"],
        output_names=["grid", "weather"], dynamic_shapes=({0: batch},), external_data=False, verbose=False,
    )  # fmt: skip
    assert program is not None
    program.save(str(path), external_data=False)
    forget_origin(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def forget_origin(path: Path) -> None:
    """Take out of a model what the exporter notes beside nodes and values: stack traces with this machine's paths."""
    model = onnx.load(str(path))
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, str(path))


def describe(net: CameraNet, folder: Path, version: str, digest: str, provenance: Provenance) -> None:
    """Write `manifest.toml` and `card.md` beside the model."""
    (folder / "manifest.toml").write_text(_manifest(version, digest, provenance))
    (folder / "card.md").write_text(_card(net, version, provenance))


def _manifest(version: str, digest: str, provenance: Provenance) -> str:
    def names(values: tuple[str, ...]) -> str:
        return ", ".join(f'"{value}"' for value in values)

    scores = "\n".join(f"{name} = {value:.4f}" for name, value in provenance.scores.items() if np.isfinite(value))
    return f'''name = "detector"
version = "{version}"
sha256 = "{digest}"
precision = "fp32"
training_data = "{provenance.data}"

[inputs.images]
dtype = "uint8"
shape = ["batch", 352, 640, 3]

[outputs.grid]
dtype = "float32"
shape = ["batch", {OUTPUTS}, 88, 160]

[outputs.weather]
dtype = "float32"
shape = ["batch", {len(WEATHERS)}]

[classes]
objects = [{names(OBJECTS)}]
lights = [{names(LIGHTS)}]
marks = [{names(MARKS)}]
weather = [{names(WEATHERS)}]

[scores]
{scores}
'''


def _card(net: CameraNet, version: str, provenance: Provenance) -> str:
    scores = "\n".join(f"| {name} | {value:.3f} |" for name, value in provenance.scores.items())
    weathers = "\n".join(f"| {name} | {value:.3f} |" for name, value in provenance.weathers.items())
    curve = "\n".join(provenance.curve)
    return f"""# Camera net, version {version}

One small net for all cameras of the rig: objects with range and its uncertainty, lane marks with type, drivable
surface, traffic lights with state, weather. {parameters_of(net):,} parameters, pictures of 640 x 352, RGB.

Trained with

    {provenance.command}

on {provenance.data}: {provenance.pictures:,} pictures in {provenance.seconds / 60.0:.0f} minutes. All pictures are
rendered by our own simulator; on photographs it has not been judged and is expected to be poor.

## Scores on the hold-out (other scenery, seeds and weather; two of its maps are never trained on)

Average precision by distance of centres (0.5, 1, 2, 4 m), detections of all cameras merged; `_50`: within 50 m.

| score | value |
| --- | --- |
{scores}

mAP within 50 m by weather:

| weather | mAP |
| --- | --- |
{weathers}

## While it learned

| pictures | loss | seconds |
| --- | --- | --- |
{curve}
"""


@dataclass(frozen=True, slots=True)
class TorchInfer:
    """Runs a net in torch, whatever model is asked for."""

    net: CameraNet

    def __call__(self, name: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
        """Grid and weather logits."""
        del name
        with torch.inference_mode():
            grid, weather = self.net(torch.from_numpy(np.ascontiguousarray(arrays["images"])))
        return {"grid": grid.float().numpy(), "weather": weather.float().numpy()}
