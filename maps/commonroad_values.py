"""Values as CommonRoad XML writes them: numbers and points as the text of elements, exact values or intervals, ids."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from geometry.errors import InputError
from maps.strict_xml import Element, child, integer, place_of


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval; of no length where the file gives an exact value."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        return 0.5 * (self.low + self.high)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def number_text(element: Element) -> float:
    """The finite number that an element's text is.

    Raises:
        InputError: it is none.
    """
    raw = (element.text or "").strip()
    try:
        value = math.nan if "_" in raw else float(raw)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"<{element.tag}> holds {raw[:60]!r}; a finite number was expected", place_of(element))
    return value


def number_in(element: Element, tag: str) -> float:
    """The number in a child element.

    Raises:
        InputError: no such child, or no number in it.
    """
    return number_text(child(element, tag))


def point_in(element: Element) -> tuple[float, float]:
    """The x and y of a point; a third coordinate is not read."""
    return number_in(element, "x"), number_in(element, "y")


def polyline_in(element: Element) -> Floats:
    """The points (K, 2) of a bound, K >= 2.

    Raises:
        InputError: fewer points.
    """
    points = np.array([point_in(point) for point in element.iterfind("point")], dtype=np.float64).reshape(-1, 2)
    if len(points) < 2:
        raise InputError(f"<{element.tag}> has {len(points)} points; at least two were expected", place_of(element))
    return points


def interval_in(element: Element) -> Interval:
    """`exact` or `intervalStart` and `intervalEnd` below an element.

    Raises:
        InputError: neither, or an end before its start.
    """
    exact = element.find("exact")
    if exact is not None:
        value = number_text(exact)
        return Interval(value, value)
    interval = Interval(number_in(element, "intervalStart"), number_in(element, "intervalEnd"))
    if interval.high < interval.low:
        raise InputError(f"<{element.tag}> ends at {interval.high} before its start {interval.low}", place_of(element))
    return interval


def optional_interval(element: Element, tag: str) -> Interval | None:
    """The exact value or interval in a child, None without it."""
    found = element.find(tag)
    return None if found is None else interval_in(found)


def references(element: Element, tag: str) -> tuple[int, ...]:
    """The ids that children of that name refer to."""
    return tuple(integer(found, "ref") for found in element.iterfind(tag))
