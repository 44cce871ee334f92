"""A segment of comma2k19 in the layout of its authors, as the neutral tables that the import reads.

In: a folder with `processed_log/` and `global_pose/`, whose arrays are NumPy files without a suffix, times in seconds
since the device was switched on. Out: tables with t from the first frame on, positions east and north of the camera's
first place (WGS 84), headings counter-clockwise from east. Formats as the data set's README describes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from geometry.angles import Floats
from geometry.errors import InputError
from geometry.geodesy import earth_centred, east_north_up_axes

MAX_BYTES = 256 * 2**20
_GPS_MINUS_UNIX_S, _LEAP_S, _WEEK_S = 315_964_800.0, 18.0, 604_800.0
"""GPS time began on 1980-01-06; it was 18 s ahead of UTC throughout the recordings (2017, 2018)."""
_MILLISECONDS_FROM = 1e11
"""Unix stamps above this are milliseconds, as Android gives them."""

Table = Mapping[str, Floats]


def is_segment(folder: Path) -> bool:
    """Whether a folder has the authors' layout."""
    return (folder / "processed_log").is_dir() and (folder / "global_pose").is_dir()


def segment_table(folder: Path, name: str) -> Table:
    """One of the neutral tables.

    Raises:
        InputError: an array is missing, damaged, or has another shape than expected.
    """
    return TABLES[name](folder)


def has_table(folder: Path, name: str) -> bool:
    """Whether the arrays behind a table are there."""
    return (folder / "processed_log" / LOGS[name] / "value").is_file()


LOGS = {"radar": Path("CAN/radar"), "steering": Path("CAN/steering_angle")}
"""Logs that a segment may lack."""


def _array(path: Path, columns: int | None = None) -> Floats:
    """Rows of finite numbers, (N,) or (N, columns); NaN is let through in tables of several columns."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"the array is larger than {MAX_BYTES} bytes", path)
        values = np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except OSError as error:
        raise InputError(f"this array of the segment cannot be read: {error.strerror or error}", path) from error
    except (ValueError, EOFError, TypeError) as error:
        raise InputError(f"a NumPy array of numbers was expected: {str(error)[:100]}", path) from error
    if columns is None:
        values = values.reshape(-1)
    if (columns is not None and (values.ndim != 2 or values.shape[1] != columns)) or len(values) == 0:
        expected = "(N,)" if columns is None else f"(N, {columns})"
        raise InputError(f"the array has the shape {values.shape}; {expected} was expected", path)
    if columns is None and not np.isfinite(values).all():
        raise InputError("the array holds values that are no numbers", path)
    return values


def _log(folder: Path, name: Path, columns: int | None = None) -> tuple[Floats, Floats]:
    """Times from the first frame on (N,) and values of a log."""
    path = folder / "processed_log" / name
    t, values = _array(path / "t"), _array(path / "value", columns)
    if len(t) != len(values):
        raise InputError(f"t has {len(t)} rows and value {len(values)}; as many were expected", path)
    return t - _array(folder / "global_pose" / "frame_times")[0], values


def _imu(folder: Path) -> Table:
    t, force = _log(folder, Path("IMU/accelerometer"), 3)
    gyro_t, gyro = _log(folder, Path("IMU/gyro_uncalibrated"), 3)
    rate = [np.interp(t, gyro_t, gyro[:, axis]) for axis in range(3)]
    names = ("ax", "ay", "az", "gx_raw", "gy_raw", "gz_raw")
    return {"t": t, **dict(zip(names, (*force.T, *rate), strict=True))}


def _wheel(folder: Path) -> Table:
    t, speeds = _log(folder, Path("CAN/wheel_speed"), 4)
    return {"t": t, **dict(zip(("v_fl", "v_fr", "v_rl", "v_rr"), speeds.T, strict=True))}


def _steering(folder: Path) -> Table:
    t, angle = _log(folder, LOGS["steering"])
    return {"t": t, "steering_wheel_deg": angle}


def _radar(folder: Path) -> Table:
    t, rows = _log(folder, LOGS["radar"], 7)
    names = ("range_long", "lat_left", "v_rel", "", "", "address", "new_track")
    return {"t": t, **{name: column for name, column in zip(names, rows.T, strict=True) if name}}


def _gnss(folder: Path) -> Table:
    t, rows = _log(folder, Path("GNSS/live_gnss_ublox"), 6)
    latitude, longitude, speed, utc, height, bearing = rows.T
    utc = np.where(utc > _MILLISECONDS_FROM, 1e-3 * utc, utc)
    frame_t, gps = (_array(folder / "global_pose" / name, columns) for name, columns in _FRAMES)
    # the clocks of device and satellites tick alike within a minute: what differs is an offset
    offset = float(np.median(frame_t - gps[:, 0] * _WEEK_S - gps[:, 1]))
    east, north = _local(folder, earth_centred(np.radians(latitude), np.radians(longitude), height))
    return {
        "t_log": t, "t_utc": utc - _GPS_MINUS_UNIX_S + _LEAP_S + offset - frame_t[0], "e": east, "n": north,
        "speed": speed, "bearing_deg": bearing,
    }  # fmt: skip


_FRAMES: tuple[tuple[str, int | None], ...] = (("frame_times", None), ("frame_gps_times", 2))


def _truth(folder: Path) -> Table:
    t = _array(folder / "global_pose" / "frame_times")
    places = _array(folder / "global_pose" / "frame_positions", 3)
    axes = east_north_up_axes(places[0])
    velocity = _array(folder / "global_pose" / "frame_velocities", 3) @ axes.T
    if not len(t) == len(places) == len(velocity):
        raise InputError("frame_times, frame_positions and frame_velocities differ in length", folder / "global_pose")
    east, north = _local(folder, places)
    course = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    return {"t": t - t[0], "e": east, "n": north, "ve": velocity[:, 0], "vn": velocity[:, 1], "course": course}


def _local(folder: Path, places: Floats) -> tuple[Floats, Floats]:
    """East and north (N,) of earth-centred places (N, 3) from the camera's first one."""
    origin = _array(folder / "global_pose" / "frame_positions", 3)[0]
    east, north, _ = east_north_up_axes(origin) @ (places - origin).T
    return east, north


TABLES: Mapping[str, Callable[[Path], Table]] = MappingProxyType({
    "imu": _imu, "wheel": _wheel, "steering": _steering, "radar": _radar, "gnss_ublox": _gnss, "ground_truth": _truth,
})  # fmt: skip
