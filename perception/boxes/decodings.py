"""From the numbers of a net to boxes in pixels of its input: one function per family of nets.

In: the net's first output without its batch of one. Out: `Raw`, every candidate with its best class. Sources: the
export code of the families named in each docstring; the grids' order is row by row, finest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.errors import InputError
from perception.boxes.form import Boxes, Fit, NetForm, named, wrong_shape

OTHER_OVERLAP = 0.7
"""Boxes of two classes that share more than this are one object that the net is unsure of."""


class Raw(NamedTuple):
    """N candidates: edges (N, 4) in pixels of the net's input, score (N,), class number (N,)."""

    edges_px: Floats
    score: Floats
    number: NDArray[np.int64]


def yolov5(output: Floats, form: NetForm) -> Raw:
    """YOLOv5, v7: rows of centre, size, objectness, classes; all decoded by the export already."""
    table = _table(output, form, 6)
    return _best(_corners(table[:, :4]), table[:, 4:5] * table[:, 5:])


def yolov8(output: Floats, form: NetForm) -> Raw:
    """YOLOv8, v11: columns of centre, size, classes."""
    if output.ndim != 2 or output.shape[0] < 5 or output.shape[0] > output.shape[1]:
        raise wrong_shape(form, output.shape, "4 + classes rows of as many columns as there are candidates")
    return _best(_corners(output[:4].T), output[4:].T)


def yolox(output: Floats, form: NetForm) -> Raw:
    """YOLOX: rows of offset from the cell, log size, objectness, classes, in units of each grid's stride."""
    table = _table(output, form, 6)
    cells, stride = _grid(form, len(table), output.shape)
    centre, size = (table[:, :2] + cells) * stride, np.exp(np.clip(table[:, 2:4], -10.0, 10.0)) * stride
    return _best(_corners(np.hstack((centre, size))), table[:, 4:5] * table[:, 5:])


def nanodet(output: Floats, form: NetForm) -> Raw:
    """NanoDet-Plus: rows of classes and, per edge, a distribution over distances in units of the stride.

    Li et al., Generalized Focal Loss, 2020: the distance is the distribution's mean. It has 8 bins.
    """
    bins = 8
    table = _table(output, form, 4 * bins + 1)
    cells, stride = _grid(form, len(table), output.shape)
    spread = table[:, -4 * bins :].reshape(-1, 4, bins)
    share = np.exp(spread - spread.max(axis=2, keepdims=True))
    away = (share / share.sum(axis=2, keepdims=True)) @ np.arange(bins) * stride
    centre = cells * stride
    return _best(np.hstack((centre - away[:, :2], centre + away[:, 2:])), table[:, : -4 * bins])


def fastestdet(output: Floats, form: NetForm) -> Raw:
    """FastestDet: one grid of objectness, offset (tanh), size (sigmoid, shares of the picture), classes."""
    if output.ndim != 3 or output.shape[0] < 6:
        raise wrong_shape(form, output.shape, "5 + classes planes of one grid")
    _, rows, columns = output.shape
    v, u = np.mgrid[0:rows, 0:columns]
    centre = np.stack(((u + np.tanh(output[1])) / columns, (v + np.tanh(output[2])) / rows), axis=-1)
    size = 1.0 / (1.0 + np.exp(-np.clip(output[3:5], -30.0, 30.0)))
    shares = np.concatenate((centre, size.transpose(1, 2, 0)), axis=-1).reshape(-1, 4)
    whole = np.array((form.width, form.height) * 2)
    classes = output[5:].reshape(len(output) - 5, -1).T
    there = np.clip(output[0].reshape(-1, 1), 0.0, 1.0)
    return _best(_corners(shares * whole), there**0.6 * np.clip(classes, 0.0, 1.0) ** 0.4)


def end_to_end(output: Floats, form: NetForm) -> Raw:
    """YOLOv10 and exports with suppression inside: rows of left, top, right, bottom, score, class."""
    if output.ndim != 2 or output.shape[1] != 6:
        raise wrong_shape(form, output.shape, "rows of left, top, right, bottom, score, class")
    return Raw(output[:, :4], output[:, 4], output[:, 5].astype(np.int64))


DECODINGS: Mapping[str, Callable[[Floats, NetForm], Raw]] = MappingProxyType({
    "yolov5": yolov5, "yolov8": yolov8, "yolox": yolox, "nanodet": nanodet, "fastestdet": fastestdet,
    "end-to-end": end_to_end,
})  # fmt: skip


def check_decoding(form: NetForm) -> None:
    """Raises:
    InputError: the form names a decoding that does not exist.
    """
    if form.decoding not in DECODINGS:
        raise InputError(f"there is no decoding {form.decoding!r}; known are {', '.join(DECODINGS)}")


def boxes_of(output: NDArray[np.generic], form: NetForm, fit: Fit) -> Boxes:
    """The boxes of a picture, best first, one per object.

    Raises:
        InputError: an output that is not what the form promises.
    """
    values = np.asarray(output, np.float64)
    if values.ndim < 2 or values.shape[0] != 1:
        raise wrong_shape(form, values.shape, "the answer to one picture")
    raw = DECODINGS[form.decoding](values[0], form)
    likely = (raw.score >= form.least_score) & named(form, raw.number) & np.isfinite(raw.edges_px).all(axis=1)
    edges, score, number = fit.whole(raw.edges_px[likely]), raw.score[likely], raw.number[likely]
    kept = suppressed(edges, score, number, form.overlap)
    return Boxes(tuple(form.classes[str(n)] for n in number[kept].tolist()), np.clip(score[kept], 0, 1), edges[kept])


def suppressed(edges_px: Floats, score: Floats, number: NDArray[np.int64], overlap: float) -> NDArray[np.int64]:
    """Rows of boxes that are no second box of a better one, best first."""
    left = np.argsort(-score, kind="stable")
    kept: list[int] = []
    while len(left):
        first, rest = int(left[0]), left[1:]
        kept.append(first)
        shared = _shared(edges_px[first], edges_px[rest])
        own = number[rest] == number[first]
        left = rest[shared <= np.where(own, overlap, max(overlap, OTHER_OVERLAP))]
    return np.array(kept, dtype=np.int64)


def _shared(one: Floats, many: Floats) -> Floats:
    """Intersection over union of a box (4,) with boxes (N, 4)."""
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    both = np.prod(np.clip(high - low, 0.0, None), axis=1)
    areas = np.prod(np.clip(many[:, 2:] - many[:, :2], 0.0, None), axis=1)
    area = float(np.prod(np.clip(one[2:] - one[:2], 0.0, None)))
    return np.asarray(both / np.maximum(areas + area - both, 1e-9))


def _table(output: Floats, form: NetForm, fewest: int) -> Floats:
    if output.ndim != 2 or output.shape[1] < fewest or output.shape[1] > output.shape[0]:
        raise wrong_shape(form, output.shape, f"a row of at least {fewest} numbers per candidate")
    return output


def _corners(centre_size: Floats) -> Floats:
    centre, half = centre_size[:, :2], 0.5 * centre_size[:, 2:]
    return np.hstack((centre - half, centre + half))


def _best(edges_px: Floats, classes: Floats) -> Raw:
    number = classes.argmax(axis=1)
    return Raw(edges_px, classes[np.arange(len(number)), number], number)


def _grid(form: NetForm, count: int, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Columns and rows (N, 2) of the cells of all grids, and their strides (N, 1)."""
    cells, strides = [], []
    for stride in form.strides:
        v, u = np.mgrid[0 : -(-form.height // stride), 0 : -(-form.width // stride)]
        cells.append(np.column_stack((u.ravel(), v.ravel())))
        strides.append(np.full((u.size, 1), float(stride)))
    if sum(map(len, cells)) != count:
        raise wrong_shape(form, shape, f"{sum(map(len, cells))} rows: a cell of each grid of strides {form.strides}")
    return np.concatenate(cells).astype(np.float64), np.concatenate(strides)
