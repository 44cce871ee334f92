"""The figures of perception as one page without network, with pictures of the frames in which most was wrong."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.recording import Recording
from bus.topics import CAMERA_PREFIX
from geometry.angles import Floats
from geometry.errors import InputError
from lanewise.perception_eval import RANGE_M, PerceptionScore, faults, tables_of
from lanewise.perception_truth import Instant
from lanewise.report.palette import DARK, LIGHT, Palette, rgb
from lanewise.report.sight import corners_of, with_boxes
from perception.detector import decoded
from perception.metrics.frames import BoxSet

Picture = NDArray[np.uint8]
WORST, APART_NS, WIDTH_PX = 12, 1_000_000_000, 460
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;background:var(--paper)}
body{color:var(--ink)}h1{font-size:1.5rem}h2{font-size:1.05rem;margin:2rem 0 .4rem}table{border-collapse:collapse}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid var(--hairline);font-variant-numeric:tabular-nums}
td:first-child,th:first-child{text-align:left;padding-left:0}p,figcaption{color:var(--muted)}
.frames{display:grid;grid-template-columns:repeat(auto-fill,minmax(26rem,1fr));gap:1rem}figure{margin:0}
img{width:100%;border-radius:4px;display:block}.scroll{overflow-x:auto}
"""


def write_page(found: Sequence[Instant], score: PerceptionScore, path: Path) -> None:
    """Write the page.

    Raises:
        InputError: it cannot be written, or a drive has gone in the meantime.
    """
    drives = list(dict.fromkeys(instant.drive for instant in found))
    tables = "".join(f"<h2>{html.escape(title)}</h2>{_table(rows)}" for title, rows in tables_of(score).items())
    frames = "".join(_figure(instant) for instant in worst(found))
    text = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Perception</title>
<meta name="viewport" content="width=device-width"><style>:root{{{_variables(LIGHT)}}}
@media(prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}{STYLE}</style>
<h1>What the cameras saw</h1><p>{score.frames} rig frames of {len(drives)} drives: {html.escape(", ".join(drives))}.
Objects count of which some camera shows at least a quarter, within the meteorological visibility.</p>
{tables}<h2>Where most was wrong</h2>
<p>True boxes are white, detections orange; pictures of the camera that shows most of what is missed or made up.</p>
<div class="frames">{frames}</div></html>"""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the page: {error.strerror}", path) from error


def worst(found: Sequence[Instant]) -> list[Instant]:
    """The instants with most faults, none within a second of a worse one of the same drive."""
    ranked = sorted(found, key=lambda instant: (-sum(faults(instant)), instant.drive, instant.at_ns))
    chosen: list[Instant] = []
    for instant in ranked:
        if len(chosen) == WORST or not sum(faults(instant)):
            break
        near = [c for c in chosen if c.drive == instant.drive and abs(c.at_ns - instant.at_ns) < APART_NS]
        if not near:
            chosen.append(instant)
    return chosen


def _figure(instant: Instant) -> str:
    missed, false = faults(instant)
    name = _camera_of(instant)
    said = f"{Path(instant.drive).parent.name}, {instant.at_ns * 1e-9:.1f} s, {name}: {missed} missed, {false} false"
    picture = _picture(instant, name)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 75))
    source = base64.b64encode(bytes(data)).decode()
    return (
        f'<figure><img alt="{html.escape(said)}" src="data:image/jpeg;base64,{source}">'
        f"<figcaption>{html.escape(said)}</figcaption></figure>"
    )


def _camera_of(instant: Instant) -> str:
    """The camera in whose picture most boxes lie, of either kind, near ones counting more."""
    weights = {}
    for name, camera in instant.cameras.items():
        total = 0.0
        for boxes in (instant.objects.truth, instant.objects.found):
            pixels, _ = camera.pixels_of(np.column_stack((boxes.xy_m, 0.5 * boxes.height_m)))
            u, v = np.nan_to_num(pixels, nan=-1.0).T
            inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height) & (boxes.range_m < RANGE_M)
            total += float((1.0 / (10.0 + boxes.range_m[inside])).sum())
        weights[name] = total
    return max(weights, key=lambda name: weights[name])


def _picture(instant: Instant, name: str) -> Picture:
    records = Recording.open(Path(instant.drive)).messages(
        [CAMERA_PREFIX + name], start_ns=instant.at_ns, end_ns=instant.at_ns + APART_NS
    )
    taken = next((r.message for r in records if r.envelope.measured_ns == instant.at_ns), None)
    if taken is None:
        raise InputError(f"the picture of {name} at {instant.at_ns * 1e-9:.2f} s is not there", instant.drive)
    boxes = [(corners, rgb(DARK["mark"])) for corners in _corners(instant.objects.truth)]
    boxes += [(corners, rgb(DARK["lead"])) for corners in _corners(instant.objects.found)]
    drawn = with_boxes(decoded(taken), instant.cameras[name], boxes)  # type: ignore[arg-type]
    height = round(WIDTH_PX * drawn.shape[0] / drawn.shape[1])
    small: Picture = cv2.resize(drawn, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return small


def _corners(boxes: BoxSet) -> list[Floats]:
    rows = np.column_stack(
        (boxes.x_m, boxes.y_m, boxes.yaw_rad, boxes.length_m, boxes.width_m, boxes.height_m)
    )  # fmt: skip
    return [corners_of(*row) for row in rows.tolist()]


def _table(rows: Sequence[Sequence[str]]) -> str:
    heading, *rest = rows
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heading)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rest)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _variables(palette: Palette) -> str:
    return "".join(f"--{name}:{value};" for name, value in palette.items())
