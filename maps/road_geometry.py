"""The exact geometry of an OpenDRIVE road: its reference line and the piecewise cubics that stand on it.

In: geometry records (ASAM OpenDRIVE 1.8, clause 9: line, arc, spiral, poly3, paramPoly3) [m, rad] in world. Out:
position, heading and curvature at any s, for scalars and arrays from the same compiled source. s is arc length along
the reference line; cubics, which are not parametrised by arc length, are re-parametrised numerically.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.polynomial.legendre import leggauss

from geometry.angles import Floats
from geometry.errors import ContractError

_BEND, _CUBIC = 0.0, 1.0
_ARC_NODES = 65
"""Nodes of the arc-length table of a cubic; Hermite interpolation between them leaves an error below a micrometre."""
_GAUSS_NODES, _GAUSS_WEIGHTS = leggauss(8)
_MAX_TURN_RAD = 100.0


@dataclass(frozen=True, slots=True)
class Bend:
    """Line, arc or spiral: the curvature runs linearly from its start to its end value over `length_m`."""

    s_m: float
    x_m: float
    y_m: float
    yaw_rad: float
    length_m: float
    curvature_start_1pm: float = 0.0
    curvature_end_1pm: float = 0.0


@dataclass(frozen=True, slots=True)
class CubicCurve:
    """Parametric cubic in the local frame of its start: u(p), v(p) for p in [0, p_end], coefficients lowest first."""

    s_m: float
    x_m: float
    y_m: float
    yaw_rad: float
    length_m: float
    u: tuple[float, float, float, float]
    v: tuple[float, float, float, float]
    p_end: float | None
    """None: p runs until the arc length reaches `length_m` (poly3 has no end of its own)."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceLine:
    """Reference line of a road: `table` (n, 17) has a record per row, `arcs` (m, 65) the arc lengths of the cubics."""

    table: Floats
    arcs: Floats

    @staticmethod
    def of(segments: Sequence[Bend | CubicCurve]) -> ReferenceLine:
        """Pack records that are ordered by s.

        Raises:
            ContractError: no record, or one that winds or stretches beyond what a road can.
        """
        if not segments:
            raise ContractError("a reference line needs at least one geometry record")
        rows: list[Floats] = []
        arcs: list[Floats] = []
        for segment in segments:
            row = np.zeros(17)
            row[:5] = segment.s_m, segment.x_m, segment.y_m, segment.yaw_rad, segment.length_m
            if isinstance(segment, Bend):
                row[5:8] = _BEND, *_bend_parameters(segment)
            else:
                p_end, lengths, scale = _arc_table(segment)
                row[5:17] = _CUBIC, *segment.u, *segment.v, p_end, len(arcs), scale
                arcs.append(lengths)
            rows.append(row)
        table, arc_table = np.array(rows), np.array(arcs).reshape(-1, _ARC_NODES)
        table.setflags(write=False)
        arc_table.setflags(write=False)
        return ReferenceLine(table, arc_table)

    @property
    def starts_m(self) -> tuple[float, ...]:
        """Where each record begins."""
        return tuple(float(s) for s in self.table[:, 0])

    def at(self, s_m: float) -> tuple[float, float, float, float]:
        """x, y [m], heading [rad, not wrapped] and curvature [1/m, left positive] at s; end records go on outside."""
        x, y, yaw, curvature = _evaluate(self.table, self.arcs, s_m)
        return x, y, yaw, curvature

    def sample(self, s_m: Floats) -> Floats:
        """Rows x, y, heading, curvature, shape (4, N), at s of shape (N,)."""
        return np.asarray(_evaluate_many(self.table, self.arcs, np.ascontiguousarray(s_m, dtype=np.float64)))

    def nearest_s(self, x_m: float, y_m: float, guess_s_m: float, length_m: float) -> float:
        """The s in [0, length] of the foot of the perpendicular from a point, found from a guess near it."""
        return float(_project(self.table, self.arcs, x_m, y_m, guess_s_m, length_m))


@dataclass(frozen=True, slots=True)
class Profile:
    """A piecewise cubic of s [m]: value a + b ds + c ds^2 + d ds^3 with ds from the record's start; SI values.

    Ordered by start; before the first record its cubic is extended.
    """

    starts: tuple[float, ...]
    cubics: tuple[tuple[float, float, float, float], ...]

    @staticmethod
    def constant(value: float) -> Profile:
        """The same value everywhere."""
        return Profile((0.0,), ((value, 0.0, 0.0, 0.0),))

    @staticmethod
    def summed(parts: Iterable[tuple[Profile, float]], from_s_m: float, to_s_m: float) -> Profile:
        """The exact weighted sum of profiles over [from, to)."""
        parts = tuple(parts)
        inside = {s for profile, _ in parts for s in profile.starts if from_s_m < s < to_s_m}
        starts = (from_s_m, *sorted(inside))
        cubics = []
        for start in starts:
            moved = [(profile.around(start), weight) for profile, weight in parts]
            a, b, c, d = (sum(weight * cubic[k] for cubic, weight in moved) for k in range(4))
            cubics.append((a, b, c, d))
        return Profile(starts, tuple(cubics))

    def at(self, s_m: float) -> float:
        """The value at s."""
        index = bisect_right(self.starts, s_m) - 1
        if index < 0:
            index = 0
        ds = s_m - self.starts[index]
        a, b, c, d = self.cubics[index]
        return a + ds * (b + ds * (c + ds * d))

    def slope(self, s_m: float) -> float:
        """The derivative by s."""
        return self.around(s_m)[1]

    def around(self, s_m: float) -> tuple[float, float, float, float]:
        """The coefficients of the cubic in force at s, re-expanded around s."""
        index = max(bisect_right(self.starts, s_m) - 1, 0)
        ds = s_m - self.starts[index]
        a, b, c, d = self.cubics[index]
        return (a + ds * (b + ds * (c + ds * d)), b + ds * (2.0 * c + 3.0 * d * ds), c + 3.0 * d * ds, d)

    def sample(self, s_m: Floats) -> Floats:
        """Values of shape (N,) at s of shape (N,)."""
        starts = np.asarray(self.starts)
        index = np.clip(np.searchsorted(starts, s_m, side="right") - 1, 0, None)
        ds = s_m - starts[index]
        a, b, c, d = np.asarray(self.cubics)[index].T
        return np.asarray(a + ds * (b + ds * (c + ds * d)), dtype=np.float64)


def _bend_parameters(bend: Bend) -> tuple[float, float]:
    """Curvature at the start and its rate."""
    turn = max(abs(bend.curvature_start_1pm), abs(bend.curvature_end_1pm)) * bend.length_m
    if not turn <= _MAX_TURN_RAD:
        raise ContractError(f"a geometry record winds by {turn:.3g} rad; at most {_MAX_TURN_RAD:g} is a road")
    rate = (bend.curvature_end_1pm - bend.curvature_start_1pm) / bend.length_m if bend.length_m > 0.0 else 0.0
    return bend.curvature_start_1pm, rate


def _arc_table(curve: CubicCurve) -> tuple[float, Floats, float]:
    """The end of p, the arc length at evenly spaced p, scaled so that the declared length is met, and that scale."""
    du = np.polynomial.Polynomial(curve.u).deriv()
    dv = np.polynomial.Polynomial(curve.v).deriv()

    def lengths(p_end: float) -> Floats:
        p = np.linspace(0.0, p_end, _ARC_NODES)
        middles, half = 0.5 * (p[1:] + p[:-1]), 0.5 * np.diff(p)
        at = middles[:, None] + half[:, None] * _GAUSS_NODES
        pieces = np.hypot(du(at), dv(at)) @ _GAUSS_WEIGHTS * half
        return np.concatenate(([0.0], np.cumsum(pieces)))

    # With u = p the arc is never shorter than p, so poly3 ends at p <= length.
    p_end = curve.p_end if curve.p_end is not None else _end_by_length(lengths, curve.length_m)
    table = lengths(p_end)
    if not (np.isfinite(table).all() and (np.diff(table) > 0.0).all()):
        raise ContractError("a cubic geometry record stands still or is not finite")
    scale = curve.length_m / float(table[-1])
    if not 0.5 <= scale <= 2.0:
        raise ContractError(f"a cubic geometry record is {table[-1]:.3f} m long, but declares {curve.length_m:.3f} m")
    return p_end, table * scale, scale


def _end_by_length(lengths: Callable[[float], Floats], length_m: float) -> float:
    """The p at which the arc length reaches `length_m`, by bisection."""
    low, high = 0.0, length_m
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if lengths(middle)[-1] < length_m else (low, middle)
    return high


@njit(cache=True)
def _bend_local(k0, rate, ds):  # type: ignore[no-untyped-def]
    """Local (u, v, heading) after ds along a curve whose curvature is k0 + rate s.

    Gauss-Legendre quadrature of the heading, with panels that turn by at most 1 rad: exact to rounding, and, unlike
    Fresnel integrals, without cancellation when the rate is small.
    """
    half = 0.5 * k0 * ds
    if rate == 0.0:
        chord = ds * (math.sin(half) / half if abs(half) > 1e-9 else 1.0)
        return chord * math.cos(half), chord * math.sin(half), 2.0 * half
    panels = 1 + int(abs(ds) * max(abs(k0), abs(k0 + rate * ds)))
    step = ds / panels
    u = v = 0.0
    for panel in range(panels):
        for node in range(8):
            s = step * (panel + 0.5 + 0.5 * _GAUSS_NODES[node])
            heading = s * (k0 + 0.5 * rate * s)
            u += 0.5 * step * _GAUSS_WEIGHTS[node] * math.cos(heading)
            v += 0.5 * step * _GAUSS_WEIGHTS[node] * math.sin(heading)
    return u, v, ds * (k0 + 0.5 * rate * ds)


@njit(cache=True)
def _speed(row, p):  # type: ignore[no-untyped-def]
    """|d(u, v)/dp| of a cubic row."""
    return math.hypot(row[7] + p * (2.0 * row[8] + 3.0 * row[9] * p), row[11] + p * (2.0 * row[12] + 3.0 * row[13] * p))


@njit(cache=True)
def _parameter_at(row, lengths, ds):  # type: ignore[no-untyped-def]
    """The p of a cubic row at arc length ds: monotone Hermite interpolation of its table, straight outside."""
    count = len(lengths)
    step = row[14] / (count - 1)
    i = min(max(np.searchsorted(lengths, ds) - 1, 0), count - 2)
    width = lengths[i + 1] - lengths[i]
    share = (ds - lengths[i]) / width
    if share < 0.0 or share > 1.0:
        return step * (i + share)
    # Tangents dp/ds, bounded so that p stays monotone (Fritsch and Carlson 1980).
    first = min(width / max(_speed(row, step * i) * row[16], 1e-12), 3.0 * step)
    last = min(width / max(_speed(row, step * (i + 1)) * row[16], 1e-12), 3.0 * step)
    rest = 1.0 - share
    blend = rest * rest * share * first + share * share * (3.0 - 2.0 * share) * step - share * share * rest * last
    return step * i + blend


@njit(cache=True)
def _evaluate(table, arcs, s):  # type: ignore[no-untyped-def]
    """x, y, heading, curvature at s."""
    i = max(np.searchsorted(table[:, 0], s, side="right") - 1, 0)
    row = table[i]
    ds = s - row[0]
    if row[5] == 0.0:
        u, v, turn = _bend_local(row[6], row[7], ds)
        curvature = row[6] + row[7] * ds
    else:
        p = _parameter_at(row, arcs[int(row[15])], ds)
        u = row[6] + p * (row[7] + p * (row[8] + p * row[9]))
        v = row[10] + p * (row[11] + p * (row[12] + p * row[13]))
        du = row[7] + p * (2.0 * row[8] + 3.0 * row[9] * p)
        dv = row[11] + p * (2.0 * row[12] + 3.0 * row[13] * p)
        bend = du * (2.0 * row[12] + 6.0 * row[13] * p) - dv * (2.0 * row[8] + 6.0 * row[9] * p)
        turn = math.atan2(dv, du)
        curvature = bend / max(math.hypot(du, dv), 1e-9) ** 3
    cos, sin = math.cos(row[3]), math.sin(row[3])
    return row[1] + cos * u - sin * v, row[2] + sin * u + cos * v, row[3] + turn, curvature


@njit(cache=True)
def _evaluate_many(table, arcs, s):  # type: ignore[no-untyped-def]
    """Columns of `_evaluate` as rows of shape (4, N)."""
    out = np.empty((4, len(s)))
    for i in range(len(s)):
        out[0, i], out[1, i], out[2, i], out[3, i] = _evaluate(table, arcs, s[i])
    return out


@njit(cache=True)
def _project(table, arcs, x, y, guess, length):  # type: ignore[no-untyped-def]
    """Newton steps towards the foot of the perpendicular, each at most 20 m, clamped to [0, length]."""
    s = min(max(guess, 0.0), length)
    for _ in range(12):
        px, py, yaw, curvature = _evaluate(table, arcs, s)
        cos, sin = math.cos(yaw), math.sin(yaw)
        along = (x - px) * cos + (y - py) * sin
        across = (y - py) * cos - (x - px) * sin
        step = along / max(1.0 - curvature * across, 0.2)
        after = min(max(s + min(max(step, -20.0), 20.0), 0.0), length)
        if abs(after - s) < 1e-9:
            return after
        s = after
    return s
