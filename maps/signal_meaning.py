"""What signs and lights mean to a driver, whatever catalogue the file uses.

OpenDRIVE's own types 1000001 ff. and the German numbers that its catalogue takes over (StVO), and the North American
R1 series.
"""

from __future__ import annotations

from enum import IntEnum

from maps.lane_map import MapSignal


class Rank(IntEnum):
    """Right of way of an approach by its signs: the higher one goes first, equal ones by the general rule."""

    STOP = 0
    YIELD = 1
    NONE = 2
    PRIORITY = 3


_RANKS = {
    "206": Rank.STOP,
    "R1-1": Rank.STOP,
    "205": Rank.YIELD,
    "R1-2": Rank.YIELD,
    "301": Rank.PRIORITY,
    "306": Rank.PRIORITY,
}
_NOT_FOR_CARS = frozenset({"1000002", "1000003", "1000004", "1000007", "1000013", "1000014"})
"""Lights of pedestrians, bicycles, trams and buses, and zebra crossings."""


def rank_of(signal: MapSignal) -> Rank:
    """The right of way that a sign gives; NONE for signs that say nothing about it."""
    return _RANKS.get(signal.kind, Rank.NONE)


def is_traffic_light(signal: MapSignal) -> bool:
    """Whether vehicles obey this light."""
    return signal.dynamic and signal.kind.replace(".", "") not in _NOT_FOR_CARS
