"""An error model of lane-mark perception: what a net would say of the lines in front of the true pose.

It stands in for the net where no picture is rendered (long runs, tests of localization). Its figures are those of the
shipped net in drives with cameras (`benchmarks/lane_mark_errors.py` fits them; docs/localization.md has the table). In:
`/truth/ego`, `/truth/weather` and the true map. Out: `/perception/lane_marks` in `ego`.

What makes such marks hard is not the white noise but what stays: a line is shifted as a whole in each picture, the more
the further aside it is; each piece of a line (up to 50 m) has an offset, a chance to be worn away and a chance to be
read as another type that are the same in every picture of it; the camera's mount is off by a constant angle; false
lines (seams, ruts) last for a while.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from bus.messages import EgoTruth, LaneMarks, MarkType, Weather, WeatherKind
from bus.node import Node, Publication, Tick
from geometry.angles import Floats
from geometry.pose import Pose
from maps.dashes import dashes_around
from maps.mark_lines import LineView, MarkLines, view_from
from sim.weather import CLEAR_DAY

_WORSE = MappingProxyType({
    WeatherKind.RAIN: (1.15, 1.1), WeatherKind.SNOW: (1.5, 1.3), WeatherKind.FOG: (1.2, 1.2),
    WeatherKind.NIGHT: (1.05, 1.15),
})  # fmt: skip
"""By what weather multiplies the noise of points and of whole lines."""
_EDGES_HIDDEN = MappingProxyType({WeatherKind.SNOW: 0.8, WeatherKind.NIGHT: 0.8})
"""Share of the pieces of bare edges that snow and darkness hide."""
ASIDE_M = 2.0
"""Lines no further aside than this are those of the own lane."""


@dataclass(frozen=True, slots=True)
class LaneMarkErrors:
    """Errors of the lane-mark net in clear weather.

    The noise of a point at distance x is `noise_m + noise_per_m * x + noise_per_m2 * x^2`; `line_m` is that of a whole
    line in one picture, `line_per_m` what each metre further aside than ASIDE_M adds, and `piece_m` that of a whole
    piece in all pictures. Points further aside than `field` times their distance are outside the picture;
    `mount_yaw_rad` and `mount_y_m` are 1-sigma of the constant error of the camera's mount. `miss` is the chance that a
    line next to the ego is not reported in one picture, `miss_per_m` what each metre further aside adds, `piece_miss`
    the share of pieces that are never seen. False lines begin at `false_rate_hz` and last `false_time_s`.

    Bare edges of the road have errors of their own, and are seen up to `edge_range_m`: `edge_noise_m` of a point,
    `edge_line_m` and `edge_line_per_m` of a whole edge in one picture, `edge_piece_m` and `edge_piece_per_m` of a piece
    in all pictures (a kerb, in its light); `edge_lost` is the chance that one is not reported in one picture,
    `edge_miss` the share of pieces that are never seen, `edge_false_rate_hz` the rate of false ones.

    Of broken lines that are seen and read as such, each dash that lies whole between `dash_first_m` and `dash_range_m`
    ahead is said but for a share `dash_miss`. `dash_m`, `dash_aside_m` and `dash_length_m` are the noise of its middle
    along and across the line and of its length; what the camera's pitch does to all dashes of a picture, and its mount
    to all of a drive, is `dash_pitch_m` and `dash_mount_m` at 10 m ahead and grows with the square of the distance.
    """

    period_s: float = 0.1
    delay_s: float = 0.1
    first_m: float = 8.0
    range_m: float = 40.0
    spacing_m: float = 4.0
    reach_m: float = 11.0
    noise_m: float = 0.022
    noise_per_m: float = 0.0
    noise_per_m2: float = 0.0
    line_m: float = 0.027
    line_per_m: float = 0.027
    piece_m: float = 0.025
    field: float = 0.6
    mount_yaw_rad: float = 1.0e-3
    mount_y_m: float = 0.01
    miss: float = 0.012
    miss_per_m: float = 0.027
    piece_miss: float = 0.085
    edge_range_m: float = 24.0
    edge_noise_m: float = 0.065
    edge_line_m: float = 0.035
    edge_line_per_m: float = 0.02
    edge_piece_m: float = 0.09
    edge_piece_per_m: float = 0.05
    edge_miss: float = 0.05
    edge_lost: float = 0.35
    edge_false_rate_hz: float = 0.06
    wrong_type: float = 0.005
    piece_wrong_type: float = 0.005
    false_rate_hz: float = 0.18
    false_time_s: float = 1.0
    dash_first_m: float = 5.5
    dash_range_m: float = 20.0
    dash_miss: float = 0.08
    dash_m: float = 0.05
    dash_aside_m: float = 0.025
    dash_length_m: float = 0.12
    dash_pitch_m: float = 0.07
    dash_mount_m: float = 0.06


@dataclass(frozen=True, slots=True)
class FalseLine:
    """A line that is not there: offset and slope in `ego`, type, and until when it is seen."""

    y_m: float
    slope: float
    type: MarkType
    until_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class SeenLine:
    """A line as it is reported: type, lateral positions (K,) at the stations without the noise of points, 1-sigma (K,)
    of that noise, and 1-sigma of what the line is shifted by."""

    type: MarkType
    y_m: Floats
    noise_m: Floats
    sigma_m: float


@dataclass(frozen=True, slots=True)
class LaneMarkMemory:
    """The errors that stay: `salt` tells one drive's pieces from another's; None before the first picture."""

    salt: int | None = None
    mount_yaw_rad: float = 0.0
    mount_y_m: float = 0.0
    dash_mount_m: float = 0.0
    false_lines: tuple[FalseLine, ...] = ()


def node(errors: LaneMarkErrors, lines: MarkLines) -> Node:
    """The node to hand to the executor; `lines` are the true ones."""
    return Node(
        name="lane_marks",
        priority=20,
        step=lambda memory, tick: _step(errors, lines, memory, tick),
        memory=LaneMarkMemory(),
        inputs=("/truth/ego", "/truth/weather"),
        outputs=("/perception/lane_marks",),
        triggers=("/truth/ego",),
        latency_ns=round(errors.delay_s * 1e9),
        snapshot=False,
    )


def _step(
    errors: LaneMarkErrors, lines: MarkLines, memory: LaneMarkMemory, tick: Tick
) -> tuple[LaneMarkMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    at_ns = tick.trigger.envelope.measured_ns
    if at_ns % round(errors.period_s * 1e9) != 0:
        return memory, ()
    said = tick.inputs.get("/truth/weather")
    weather = CLEAR_DAY if said is None else said.message
    memory, marks = measure(errors, lines, memory, tick.trigger.message, weather, at_ns, tick.rng)
    return memory, (Publication("/perception/lane_marks", marks, at_ns),)


def measure(
    errors: LaneMarkErrors,
    lines: MarkLines,
    memory: LaneMarkMemory,
    ego: EgoTruth,
    weather: Weather,
    at_ns: int,
    rng: np.random.Generator,
) -> tuple[LaneMarkMemory, LaneMarks]:
    """The lines that the model reports for the picture at `at_ns`; call it once per period."""
    errors = in_weather(errors, weather)
    memory = _advance(errors, memory, at_ns, rng)
    assert memory.salt is not None
    stations = np.arange(errors.first_m, errors.range_m + 1e-9, errors.spacing_m)
    view = view_from(lines, ego.world_from_ego, stations, errors.reach_m)
    seen = _seen_lines(errors, view, memory.salt, rng)
    noise = noise_sigma_m(errors, stations)
    seen += [SeenLine(false.type, false.y_m + false.slope * stations, noise, 0.0) for false in memory.false_lines]
    dashes = _seen_dashes(errors, memory, lines, ego.world_from_ego, rng)
    return memory, _message(memory, stations, seen, dashes, rng)


def noise_sigma_m(errors: LaneMarkErrors, x_m: Floats) -> Floats:
    """1-sigma of points at distances (K,)."""
    return errors.noise_m + errors.noise_per_m * x_m + errors.noise_per_m2 * x_m**2


def of_edges(errors: LaneMarkErrors) -> LaneMarkErrors:
    """The errors that bare edges have where painted lines have theirs; an edge passes for no paint."""
    return replace(
        errors, range_m=min(errors.range_m, errors.edge_range_m), noise_m=errors.edge_noise_m, noise_per_m=0.0,
        noise_per_m2=0.0, line_m=errors.edge_line_m, line_per_m=errors.edge_line_per_m, piece_m=errors.edge_piece_m,
        miss=errors.edge_lost, miss_per_m=0.0, piece_miss=errors.edge_miss, wrong_type=0.0, piece_wrong_type=0.0,
    )  # fmt: skip


def line_sigma_m(errors: LaneMarkErrors, aside_m: float) -> float:
    """1-sigma of the error that all points of a line share in one picture."""
    return errors.line_m + errors.line_per_m * max(0.0, aside_m - ASIDE_M)


def in_weather(errors: LaneMarkErrors, weather: Weather) -> LaneMarkErrors:
    """The errors in rain, snow, fog and darkness: shorter range, more noise; snow hides a quarter of the paint, and
    all dashes; snow and darkness hide most bare edges."""
    reach = min(errors.range_m, max(errors.first_m + errors.spacing_m, 0.3 * weather.visibility_m))
    points, lines = _WORSE.get(weather.kind, (1.0, 1.0))
    hidden = max(errors.piece_miss, 0.25) if weather.kind == WeatherKind.SNOW else errors.piece_miss
    lost = 1.0 if weather.kind == WeatherKind.SNOW else errors.dash_miss
    bare = max(errors.edge_miss, _EDGES_HIDDEN.get(weather.kind, 0.0))
    return replace(
        errors, noise_m=points * errors.noise_m, line_m=lines * errors.line_m, piece_miss=hidden, range_m=reach,
        dash_miss=lost, edge_miss=bare,
    )  # fmt: skip


def _advance(errors: LaneMarkErrors, memory: LaneMarkMemory, at_ns: int, rng: np.random.Generator) -> LaneMarkMemory:
    if memory.salt is None:
        memory = LaneMarkMemory(
            salt=int(rng.integers(2**31)),
            mount_yaw_rad=float(rng.normal(0.0, errors.mount_yaw_rad)),
            mount_y_m=float(rng.normal(0.0, errors.mount_y_m)),
            dash_mount_m=float(rng.normal(0.0, errors.dash_mount_m)),
        )
    alive = tuple(line for line in memory.false_lines if at_ns < line.until_ns)
    paint = (MarkType.SOLID, MarkType.BROKEN, MarkType.OTHER)
    for rate_hz, kinds in ((errors.false_rate_hz, paint), (errors.edge_false_rate_hz, (MarkType.NONE,))):
        if rng.random() < rate_hz * errors.period_s:
            lasting_ns = round(rng.exponential(errors.false_time_s) * 1e9)
            kind = MarkType(int(rng.choice(kinds)))
            line = FalseLine(float(rng.uniform(-6.0, 6.0)), float(rng.normal(0.0, 0.02)), kind, at_ns + lasting_ns)
            alive = (*alive, line)
    return replace(memory, false_lines=alive)


def _seen_lines(errors: LaneMarkErrors, view: LineView, salt: int, rng: np.random.Generator) -> list[SeenLine]:
    """The lines that are reported, shifted by what is wrong of each as a whole."""
    seen = []
    edges = of_edges(errors)
    for true_m, kind, piece in zip(view.y_m, view.types.tolist(), view.pieces.tolist(), strict=True):
        own, per_m = (edges, edges.edge_piece_per_m) if kind == MarkType.NONE else (errors, 0.0)
        inside = (np.abs(true_m) <= own.field * view.x_m) & (view.x_m <= own.range_m)
        y_m = np.where(inside, true_m, np.nan)
        known = np.isfinite(y_m)
        if known.sum() < 2:
            continue
        kept, offset, misread, other = piece_errors(salt, piece)
        aside = abs(float(y_m[known][0]))
        beyond = max(0.0, aside - ASIDE_M)
        if kept < own.piece_miss or rng.random() < own.miss + own.miss_per_m * beyond:
            continue
        wrong = misread < own.piece_wrong_type or rng.random() < own.wrong_type
        sigma, piece_sigma = line_sigma_m(own, aside), own.piece_m + per_m * beyond
        shift = piece_sigma * offset + sigma * float(rng.normal())
        said = _misread(kind, other) if wrong else MarkType(kind)
        noise = noise_sigma_m(own, view.x_m)
        seen.append(SeenLine(said, y_m + shift, noise, math.hypot(sigma, piece_sigma)))
    return seen


@dataclass(frozen=True, slots=True, eq=False)
class SaidDashes:
    """D dashes as they are reported: middles (D, 2) in `ego`, lengths, 1-sigma along the line (D,)."""

    xy_m: Floats
    length_m: Floats
    sigma_m: Floats


def _seen_dashes(
    errors: LaneMarkErrors, memory: LaneMarkMemory, lines: MarkLines, world_from_ego: Pose, rng: np.random.Generator
) -> SaidDashes:
    """The dashes that are reported; those of a line that is worn away or misread are not."""
    assert memory.salt is not None
    last_m = min(errors.dash_range_m, errors.range_m)
    true = dashes_around(lines, world_from_ego, errors.dash_first_m, last_m, errors.reach_m)
    worn = np.zeros(len(true.pieces), dtype=bool)
    for piece in np.unique(true.pieces).tolist():
        kept, _, misread, _ = piece_errors(memory.salt, piece)
        worn[true.pieces == piece] = kept < errors.piece_miss or misread < errors.piece_wrong_type
    in_picture = np.abs(true.xy_m[:, 1]) <= errors.field * true.xy_m[:, 0]
    said = in_picture & ~worn & (rng.random(len(worn)) >= errors.dash_miss)
    xy_m, count = true.xy_m[said], int(said.sum())
    per_picture = memory.dash_mount_m + errors.dash_pitch_m * float(rng.normal())
    noise = np.stack((errors.dash_m * rng.normal(size=count), errors.dash_aside_m * rng.normal(size=count)), axis=1)
    noise[:, 0] += per_picture * (xy_m[:, 0] / 10.0) ** 2
    sigma = np.hypot(errors.dash_m, errors.dash_pitch_m * (xy_m[:, 0] / 10.0) ** 2)
    return SaidDashes(xy_m + noise, true.length_m[said] + errors.dash_length_m * rng.normal(size=count), sigma)


def _misread(kind: int, other: float) -> MarkType:
    """What a solid or broken line is taken for is the other; anything else may be taken for either."""
    if kind in (MarkType.SOLID, MarkType.BROKEN):
        return MarkType.BROKEN if kind == MarkType.SOLID else MarkType.SOLID
    return MarkType.SOLID if other < 0.5 else MarkType.BROKEN


def piece_errors(salt: int, piece: int) -> tuple[float, float, float, float]:
    """What stays the same of a piece in one drive: uniform, normal, uniform, uniform. A hash, so it needs no memory.

    The mixer is SplitMix64 (Steele, Lea, Flood 2014).
    """
    mask = (1 << 64) - 1
    state = (salt * 0x9E3779B97F4A7C15 + piece * 0xD1342543DE82EF95) & mask
    draws = []
    for _ in range(5):
        state = (state + 0x9E3779B97F4A7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        draws.append(((mixed ^ (mixed >> 31)) + 1) / 2.0**64)
    normal = math.sqrt(-2.0 * math.log(draws[1])) * math.cos(2.0 * math.pi * draws[2])
    return draws[0], normal, draws[3], draws[4]


def _message(
    memory: LaneMarkMemory,
    stations: Floats,
    seen: list[SeenLine],
    dashes: SaidDashes,
    rng: np.random.Generator,
) -> LaneMarks:
    ego_from_believed = Pose(0.0, memory.mount_y_m, memory.mount_yaw_rad)
    start, points, sigmas = [0], [], []
    for line in seen:
        known = np.isfinite(line.y_m)
        noisy = line.y_m[known] + line.noise_m[known] * rng.normal(size=int(known.sum()))
        points.append(ego_from_believed @ np.stack((stations[known], noisy), axis=-1))
        sigmas.append(np.hypot(line.noise_m[known], line.sigma_m))
        start.append(start[-1] + int(known.sum()))
    return LaneMarks(
        start=np.array(start),
        xy_m=np.concatenate(points) if points else np.empty((0, 2)),
        sigma_m=np.concatenate(sigmas) if sigmas else np.empty(0),
        types=np.array([line.type for line in seen], dtype=np.int64),
        score=np.full(len(seen), 0.9),
        dash_xy_m=ego_from_believed @ dashes.xy_m,
        dash_length_m=dashes.length_m,
        dash_sigma_m=dashes.sigma_m,
    )
