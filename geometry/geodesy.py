"""From latitude and longitude into the plane of a map, by its own reference; and the plane about a place on Earth.

In: a reference as maps carry it (a PROJ string, `EPSG:32632`, WKT) and angles in radians, or earth-centred coordinates
(WGS 84, m). Out: metres in the map's plane, or east, north, up of a place. The projections are PROJ's, through pyproj;
vertical grids and datum shifts are left out, as maps are flat here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pyproj import Proj
from pyproj.exceptions import ProjError

from geometry.angles import Floats
from geometry.errors import InputError

_LEFT_OUT = frozenset({"nadgrids", "geoidgrids", "grids", "towgs84", "vunits", "vto_meter", "wktext", "init", "type"})
"""Words of a PROJ string that name files or heights."""
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Projection:
    """A map's plane."""

    proj: Proj

    def project(self, latitude_rad: float, longitude_rad: float) -> tuple[float, float]:
        """(x, y) in metres, east and north.

        Raises:
            InputError: the projection has no such place.
        """
        x_m, y_m = self.proj(longitude_rad, latitude_rad, radians=True)
        if not (math.isfinite(x_m) and math.isfinite(y_m)):
            raise InputError("the geographic position lies too far from the map for its projection")
        return float(x_m), float(y_m)

    def project_all(self, latitude_rad: Floats, longitude_rad: Floats) -> Floats:
        """Points (N, 2) in metres, east and north, of angles (N,) each.

        Raises:
            InputError: the projection has no such place.
        """
        points = np.stack(self.proj(longitude_rad, latitude_rad, radians=True), axis=-1)
        if not np.isfinite(points).all():
            raise InputError("the geographic position lies too far from the map for its projection")
        return points

    def unproject(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Latitude and longitude in radians.

        Raises:
            InputError: no place has these coordinates.
        """
        longitude_rad, latitude_rad = self.proj(x_m, y_m, inverse=True, radians=True)
        if not (math.isfinite(latitude_rad) and math.isfinite(longitude_rad)):
            raise InputError("these coordinates lie outside of the map's projection")
        return float(latitude_rad), float(longitude_rad)


def projection_of(reference: str) -> Projection:
    """The projection that a map's reference describes.

    Raises:
        InputError: there is none, or it is no projection into a plane.
    """
    text = reference.strip()
    if not text or len(text) > _LONGEST:
        raise InputError("the map has no geo reference, so that geographic positions have no place on it")
    if text.startswith("+"):
        text = " ".join(word for word in text.split() if word[1:].split("=", 1)[0] not in _LEFT_OUT)
    try:
        proj = Proj(text)
    except (ProjError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"the map's geo reference {reference[:100]!r} is not understood: {error}") from error
    if proj.crs.is_geographic:
        raise InputError(f"the map's geo reference {reference[:100]!r} is no projection into a plane")
    return Projection(proj)


_MAJOR_M, _FLATTENING = 6_378_137.0, 1.0 / 298.257223563
"""WGS 84 (NGA.STND.0036)."""
_ECCENTRICITY_2 = _FLATTENING * (2.0 - _FLATTENING)


def earth_centred(latitude_rad: Floats, longitude_rad: Floats, height_m: Floats) -> Floats:
    """Earth-centred coordinates (..., 3) in metres of geodetic ones (...,) each."""
    sin, cos = np.sin(latitude_rad), np.cos(latitude_rad)
    normal = _MAJOR_M / np.sqrt(1.0 - _ECCENTRICITY_2 * sin**2)
    return np.stack(
        (
            (normal + height_m) * cos * np.cos(longitude_rad),
            (normal + height_m) * cos * np.sin(longitude_rad),
            (normal * (1.0 - _ECCENTRICITY_2) + height_m) * sin,
        ),
        axis=-1,
    )


def east_north_up_axes(place_m: Floats) -> Floats:
    """Rows (3, 3) east, north, up at an earth-centred place (3,): `enu = axes @ (point - place)`."""
    x, y, z = place_m.tolist()
    longitude, across = math.atan2(y, x), math.hypot(x, y)
    latitude = math.atan2(z, across * (1.0 - _ECCENTRICITY_2))
    for _ in range(6):  # Hirvonen and Moritz; converges by a factor of 300 a step near the ground
        sin = math.sin(latitude)
        latitude = math.atan2(z + _ECCENTRICITY_2 * _MAJOR_M * sin / math.sqrt(1.0 - _ECCENTRICITY_2 * sin**2), across)
    sin, cos = math.sin(latitude), math.cos(latitude)
    east = (-math.sin(longitude), math.cos(longitude), 0.0)
    north = (-sin * math.cos(longitude), -sin * math.sin(longitude), cos)
    up = (cos * math.cos(longitude), cos * math.sin(longitude), sin)
    return np.array((east, north, up))
