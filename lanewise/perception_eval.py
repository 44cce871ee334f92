"""`lanewise eval perception`: what cameras and tracker said in recorded drives, against what could be seen.

In: drives with `--perception camera`. Out: figures by class, range, weather and camera (METRICS section 6), tables, and
a page with the worst frames.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.table import Table

from bus.messages import LightStates, WeatherKind
from geometry.camera import Camera
from geometry.errors import InputError
from lanewise.model_commands import terminal
from lanewise.perception_truth import Instant, instants
from perception.metrics.certainty import Certainty, certainty
from perception.metrics.detection import (
    ERRORS,
    THRESHOLDS_M,
    ClassScore,
    class_score,
    detection_score,
    matched,
    mean_precision,
)
from perception.metrics.frames import Bools, Frame, in_ring, restricted
from perception.metrics.own_lane import LaneFrame, known_in_lane, range_errors
from perception.metrics.surroundings import MarkErrors, added, light_hits, lines_of, macro_f1, mark_errors
from perception.metrics.tracking import Clear, Hota, clear, hota, instant_of, scaled_amota
from perception.net.classes import OBJECTS

RINGS_M = ((0.0, 20.0), (20.0, 40.0), (40.0, 60.0), (60.0, 80.0))
RANGE_M = 50.0
"""Range of the figures that are not given by ring."""
CAR_RING_M, LANE_RANGE_M = (30.0, 60.0), 60.0
SURE = 0.4
"""Score from which a detection counts as said, when frames are ranked by what is wrong in them."""


@dataclass(frozen=True, slots=True)
class TrackScore:
    """Scores of the tracks of one class, or of all."""

    clear: Clear
    hota: Hota
    samota: float
    amota: float


@dataclass(frozen=True, slots=True)
class PerceptionScore:
    """All figures. Classes within 50 m; the others by part: mAP and the AP of cars at 2 m."""

    frames: int
    classes: Mapping[str, ClassScore]
    tracked_classes: Mapping[str, ClassScore]
    rings: Mapping[str, Sequence[float]]
    """AP at 2 m per class, over `RINGS_M`."""
    weathers: Mapping[str, tuple[int, float, float]]
    cameras: Mapping[str, tuple[int, float, float]]
    certain: Certainty
    tracks: Mapping[str, TrackScore]
    car_range_error: float
    """Median relative error of range of tracked cars at CAR_RING_M."""
    in_lane: tuple[int, int]
    """Cars and pedestrians in the own lane within LANE_RANGE_M: how often tracked, of how often in sight."""
    marks: MarkErrors
    weather_f1: float
    light_accuracy: float
    lights: int


def score_drives(
    paths: Sequence[Path], every: int, told: Callable[[float], None]
) -> tuple[Sequence[Instant], PerceptionScore]:
    """Read and score drives.

    Raises:
        InputError: a drive that cannot be judged.
    """
    found = [instant for path in paths for instant in instants(path, every, told)]
    if not found:
        raise InputError("no instant of these drives has both truth and detections", paths[0])
    return found, score_of(found)


def score_of(found: Sequence[Instant]) -> PerceptionScore:
    """Score instants; those of a drive stand together, in order."""
    near = [in_ring(instant.objects, 0.0, RANGE_M) for instant in found]
    tracked = [in_ring(instant.tracks, 0.0, RANGE_M) for instant in found if instant.tracks is not None]
    matches = [matched(near, kind, 2.0) for kind in range(len(OBJECTS))]
    lights = [
        pair
        for instant in found
        for pair in light_hits(instant.said_lights or NO_LIGHTS, instant.light_xy, instant.light_state)
    ]
    weather = [(int(i.weather.kind), i.said_weather) for i in found if i.said_weather is not None]
    return PerceptionScore(
        frames=len(found),
        classes=_classes(near),
        tracked_classes=_classes(tracked),
        rings={
            name: [class_score([in_ring(i.objects, *ring) for i in found], kind).precision[2] for ring in RINGS_M]
            for kind, name in enumerate(OBJECTS)
        },
        weathers=_parts({
            kind.name.lower(): [f for f, i in zip(near, found, strict=True) if i.weather.kind == kind]
            for kind in WeatherKind
        }),
        cameras=_parts({name: [_of_camera(i, name) for i in found if name in i.cameras] for name in _names(found)}),
        certain=certainty(near, matches),
        tracks=_tracks(found),
        car_range_error=_car_range_error(found),
        in_lane=_in_lane(found),
        marks=added([mark_errors(lines_of(i.said_marks), i.marks) for i in found if i.said_marks is not None]),
        weather_f1=macro_f1(weather),
        light_accuracy=float(np.mean([true == said for true, said in lights])) if lights else math.nan,
        lights=len(lights),
    )  # fmt: skip


NO_LIGHTS = LightStates(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0))


def _classes(frames: Sequence[Frame]) -> dict[str, ClassScore]:
    scores = {name: class_score(frames, kind) for kind, name in enumerate(OBJECTS)}
    return {name: score for name, score in scores.items() if score.wanted}


def _parts(parts: Mapping[str, Sequence[Frame]]) -> dict[str, tuple[int, float, float]]:
    """Objects, mAP and the AP of cars at 2 m of each part that has objects."""
    said = {}
    for name, frames in parts.items():
        classes = _classes(frames)
        if classes:
            car = classes["car"].precision[2] if "car" in classes else math.nan
            said[name] = (sum(c.wanted for c in classes.values()), mean_precision(list(classes.values())), car)
    return said


def _names(found: Sequence[Instant]) -> list[str]:
    return list(dict.fromkeys(name for instant in found for name in instant.cameras))


def _of_camera(instant: Instant, name: str) -> Frame:
    """What a camera shows, and the detections that lie in its picture, within range."""
    inside = _inside(instant.cameras[name], instant.objects)
    return in_ring(restricted(instant.objects, instant.shown[name], inside), 0.0, RANGE_M)


def _inside(camera: Camera, frame: Frame) -> Bools:
    middles = np.column_stack((frame.found.xy_m, 0.5 * frame.found.height_m))
    pixels, _ = camera.pixels_of(middles)
    u, v = np.nan_to_num(pixels, nan=-1.0).T
    return np.asarray((u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height))


def _tracks(found: Sequence[Instant]) -> dict[str, TrackScore]:
    said = {}
    kinds: list[tuple[str, int | None]] = [("all", None), *((name, kind) for kind, name in enumerate(OBJECTS))]
    for name, kind in kinds:
        rows, drives = [], list(dict.fromkeys(i.drive for i in found))
        for instant in found:
            if instant.tracks is None:
                continue
            row = instant_of(in_ring(instant.tracks, 0.0, RANGE_M), kind)
            shift = 1_000_000 * drives.index(instant.drive)  # ids begin anew in each drive
            rows.append(type(row)(row.truth + shift, row.found + shift, row.similarity, row.score))
        if sum(len(row.truth) for row in rows):
            said[name] = TrackScore(clear(rows), hota(rows), *scaled_amota(rows))
    return said


def _car_range_error(found: Sequence[Instant]) -> float:
    errors = range_errors([i.tracks for i in found if i.tracks is not None], OBJECTS.index("car"), *CAR_RING_M)
    return float(np.median(np.abs(errors))) if len(errors) else math.nan


def _in_lane(found: Sequence[Instant]) -> tuple[int, int]:
    frames = [LaneFrame(i.drive, i.at_ns * 1e-9, i.tracks, i.in_lane) for i in found if i.tracks is not None]
    return known_in_lane(frames, [OBJECTS.index("car"), OBJECTS.index("pedestrian")], LANE_RANGE_M)


def faults(instant: Instant) -> tuple[int, int]:
    """How many objects within range are not found within 2 m, and how many sure detections are false."""
    near = in_ring(instant.objects, 0.0, RANGE_M)
    sure = Frame(near.found.rows(near.found.score >= SURE), near.truth, near.ignored)
    matches = [matched([sure], kind, 2.0) for kind in range(len(OBJECTS))]
    missed = sum(one.wanted - int(one.hit.sum()) for one in matches)
    return missed, sum(int((~one.hit).sum()) for one in matches)


# --- how it looks -----------------------------------------------------------------------------------------------------


def figures_of(score: PerceptionScore) -> dict[str, float]:
    """The score as one flat row; what cannot be said of these drives is left out."""
    classes, tracked = list(score.classes.values()), list(score.tracked_classes.values())
    row = {"frames": float(score.frames), "map_50": mean_precision(classes), "nds_50": detection_score(classes),
           "tracks_map_50": mean_precision(tracked), "tracks_nds_50": detection_score(tracked)}  # fmt: skip
    row |= {f"{name}_ap_50": one.mean_precision for name, one in score.classes.items()}
    if "car" in score.classes:
        row |= {f"car_{name}": value for name, value in zip(ERRORS, score.classes["car"].errors, strict=True)}
    inside = score.certain.inside
    row |= {"inside_50": inside[0], "inside_90": inside[1], "inside_99": inside[2], "nees": score.certain.nees,
            "score_calibration_error": score.certain.score_error}  # fmt: skip
    if "all" in score.tracks:
        one = score.tracks["all"]
        row |= {"mota": one.clear.accuracy, "motp": one.clear.precision, "id_switches": float(one.clear.switches),
                "fragments": float(one.clear.fragments), "false_tracks_per_frame": one.clear.false / score.frames,
                "hota": one.hota.hota, "deta": one.hota.detection, "assa": one.hota.association,
                "samota": one.samota, "amota": one.amota}  # fmt: skip
    if score.in_lane[1]:
        row |= {"own_lane_recall_60": score.in_lane[0] / score.in_lane[1], "own_lane_60": float(score.in_lane[1])}
    row |= {"car_range_error_30_60": score.car_range_error,
            "mark_f1": score.marks.f1, "mark_lateral_20_m": score.marks.lateral_m(20.0),
            "weather_macro_f1": score.weather_f1, "light_accuracy": score.light_accuracy}  # fmt: skip
    return {name: value for name, value in row.items() if math.isfinite(value)}


def tables_of(score: PerceptionScore) -> dict[str, list[list[str]]]:
    """Tables by title; each has a heading row."""
    by_class = [["class", "objects", *(f"AP {t:g} m" for t in THRESHOLDS_M), *ERRORS]]
    by_class += [
        [name, str(one.wanted), *map(_figure, one.precision), *map(_figure, one.errors)]
        for name, one in score.classes.items()
    ]
    by_ring = [["AP at 2 m", *(f"{a:.0f}-{b:.0f} m" for a, b in RINGS_M)]]
    by_ring += [[name, *map(_figure, values)] for name, values in score.rings.items() if name in score.classes]
    tracks = [
        ["tracks of", "MOTA", "MOTP", "switches", "fragments", "false", "missed", "HOTA", "DetA", "AssA", "sAMOTA"]
    ]
    tracks += [
        [name, _figure(t.clear.accuracy), _figure(t.clear.precision), str(t.clear.switches), str(t.clear.fragments),
         str(t.clear.false), str(t.clear.misses), _figure(t.hota.hota), _figure(t.hota.detection),
         _figure(t.hota.association), _figure(t.samota)]
        for name, t in score.tracks.items()
    ]  # fmt: skip
    inside = score.certain.inside
    sure = [["true positives", "inside 50 %", "inside 90 %", "inside 99 %", "NEES (honest: 2)", "score error"],
            [str(score.certain.count), *map(_figure, inside), _figure(score.certain.nees),
             _figure(score.certain.score_error)]]  # fmt: skip
    return {
        f"Detections within {RANGE_M:.0f} m": by_class,
        "Detections by range": by_ring,
        "Detections by weather": _table_of("weather", score.weathers),
        "Detections by camera": _table_of("camera", score.cameras),
        f"Tracks within {RANGE_M:.0f} m": tracks,
        "After tracking": [
            ["cars at 30-60 m: median range error", "in the own lane within 60 m: in sight", "tracked", "recall"],
            [_figure(score.car_range_error), str(score.in_lane[1]), str(score.in_lane[0]),
             _figure(score.in_lane[0] / max(score.in_lane[1], 1))],
        ],
        "Do covariances and scores tell the truth": sure,
        "Marks, lights, weather": [
            ["mark F1", "lateral error at 20 m", "lights", "light accuracy", "weather macro-F1"],
            [_figure(score.marks.f1), _figure(score.marks.lateral_m(20.0)), str(score.lights),
             _figure(score.light_accuracy), _figure(score.weather_f1)],
        ],
    }  # fmt: skip


def _table_of(what: str, parts: Mapping[str, tuple[int, float, float]]) -> list[list[str]]:
    rows = [[name, str(count), _figure(mean), _figure(car)] for name, (count, mean, car) in parts.items()]
    return [[what, "objects", "mAP", "car AP at 2 m"], *rows]


def _figure(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def print_score(score: PerceptionScore) -> None:
    """Tables, then a line of JSON."""
    console = terminal()
    for title, (heading, *rows) in tables_of(score).items():
        table = Table(box=box.SIMPLE, pad_edge=False, title=title, title_justify="left")
        for k, name in enumerate(heading):
            table.add_column(name, justify="left" if k == 0 else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    print(json.dumps({name: round(value, 4) for name, value in figures_of(score).items()}))
