"""A minute of comma2k19 (Schafer et al., A commute in data, arXiv:1812.05752, 2018) as messages of the bus.

In: a segment's folder in the authors' layout (`processed_log/`, `global_pose/`), or one with the neutral tables
`imu.csv`, `wheel.csv`, `gnss_ublox.csv`, `ground_truth.csv` (and `steering.csv`, `radar.csv` where there are any): SI
units, device axes forward, right, down. Out: messages in order of arrival, with
`world` as the tables' local east-north-up frame, drive time 0 one second before the tables' zero (some fixes have
earlier stamps), IMU in `ego` axes with the uncorrected gyro.

The receiver's accuracy is not in the data: it is what the data sheet of its class states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bus.messages import EgoTruth, GnssFix, Imu, RadarTracks, Wheels
from geometry.angles import Floats
from geometry.errors import InputError
from geometry.pose import Pose
from lanewise.imports.comma2k19_segment import has_table, is_segment, segment_table
from lanewise.imports.said import Said

BEGIN_S = 1.0
FIX_M, SPEED_MPS = 2.5, 0.05
"""Accuracy of position and velocity by the data sheet of the receiver's class (u-blox M8)."""
STEERING_RATIO = 14.5
"""Steering wheel to front wheels of a compact car; the estimator does not use the angle."""

Table = Mapping[str, Floats]


def read_drive(folder: Path) -> tuple[Said, ...]:
    """All messages of the drive in order of arrival.

    Raises:
        InputError: a table is missing, lacks a column or holds something that is no number.
    """
    said = [*_imu(folder), *_wheels(folder), *_fixes(folder), *_truth(folder), *_radar(folder)]
    return tuple(sorted(said, key=lambda one: (one.received_ns, one.topic)))


def truth_table(folder: Path) -> Table:
    """Columns t, e, n (m), ve, vn (m/s), course (rad) of the recorded truth; t in drive time."""
    table = dict(_table(folder, "ground_truth", ("t", "e", "n", "ve", "vn", "course")))
    return {**table, "t": table["t"] + BEGIN_S}


def _has(folder: Path, name: str) -> bool:
    return has_table(folder, name) if is_segment(folder) else (folder / f"{name}.csv").exists()


def _table(folder: Path, name: str, columns: tuple[str, ...]) -> Table:
    if is_segment(folder):
        return segment_table(folder, name)
    path = folder / f"{name}.csv"
    try:
        header = path.read_text(encoding="utf-8").split("\n", 1)[0].strip().split(",")
        rows = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"this table of the drive cannot be read: {error}", path) from error
    except ValueError as error:
        raise InputError(f"a table of numbers with one header line is expected: {error}", path) from error
    missing = [column for column in columns if column not in header]
    if missing or rows.shape[1] != len(header):
        raise InputError(
            f"the columns {', '.join(columns)} are expected; missing: {', '.join(missing) or 'values'}", path
        )
    return {column: rows[:, header.index(column)] for column in columns}


def _ns(time_s: float) -> int:
    return round((time_s + BEGIN_S) * 1e9)


def _imu(folder: Path) -> list[Said]:
    table = _table(folder, "imu", ("t", "ax", "ay", "az", "gx_raw", "gy_raw", "gz_raw"))
    to_ego = np.array((1.0, -1.0, -1.0))
    force = np.stack([table[name] for name in ("ax", "ay", "az")], axis=1) * to_ego
    rate = np.stack([table[name] for name in ("gx_raw", "gy_raw", "gz_raw")], axis=1) * to_ego
    return [
        Said("/sensor/imu", _ns(t), _ns(t), Imu(acceleration_mps2=a, angular_velocity_radps=w))
        for t, a, w in zip(table["t"], force, rate, strict=True)
    ]


def _wheels(folder: Path) -> list[Said]:
    names = ("v_fl", "v_fr", "v_rl", "v_rr")
    table = _table(folder, "wheel", ("t", *names))
    speed = np.mean([table[name] for name in names], axis=0)
    angle = np.full(len(speed), math.nan)
    if _has(folder, "steering"):
        turned = _table(folder, "steering", ("t", "steering_wheel_deg"))
        angle = np.radians(np.interp(table["t"], turned["t"], turned["steering_wheel_deg"])) / STEERING_RATIO
    return [
        Said("/sensor/wheels", _ns(t), _ns(t), Wheels(float(v), float(a), False))
        for t, v, a in zip(table["t"], speed, angle, strict=True)
    ]


def _fixes(folder: Path) -> list[Said]:
    table = _table(folder, "gnss_ublox", ("t_log", "t_utc", "e", "n", "speed", "bearing_deg"))
    course = 0.5 * math.pi - np.radians(table["bearing_deg"])
    vx, vy = table["speed"] * np.cos(course), table["speed"] * np.sin(course)
    return [
        Said("/sensor/gnss", _ns(utc), _ns(log), GnssFix(e, n, FIX_M, vx_mps, vy_mps, SPEED_MPS, True))
        for log, utc, e, n, vx_mps, vy_mps in np.stack(
            (table["t_log"], table["t_utc"], table["e"], table["n"], vx, vy), axis=1
        ).tolist()
    ]


def _truth(folder: Path) -> list[Said]:
    table = truth_table(folder)
    speed = np.hypot(table["ve"], table["vn"])
    pull, turn = np.gradient(speed, table["t"]), np.gradient(table["course"], table["t"])
    said = []
    for t, e, n, course, v, a, w in np.stack(
        (table["t"], table["e"], table["n"], table["course"], speed, pull, turn), axis=1
    ).tolist():
        at_ns = _ns(t - BEGIN_S)
        truth = EgoTruth(Pose(e, n, course), v, a, w, 0.0, False)
        said.append(Said("/truth/ego", at_ns, at_ns, truth))
    return said


def _radar(folder: Path) -> list[Said]:
    if not _has(folder, "radar"):
        return []
    table = _table(folder, "radar", ("t", "address", "range_long", "lat_left", "v_rel"))
    order = np.argsort(table["t"], kind="stable")
    times = table["t"][order]
    # one sweep's slots arrive within a few milliseconds, sweeps every 50
    sweeps = np.split(order, np.flatnonzero(np.diff(times) > 0.02) + 1)
    said = []
    for sweep in sweeps:
        at_ns = _ns(float(table["t"][sweep[-1]]))
        x, y, rate = (table[name][sweep] for name in ("range_long", "lat_left", "v_rel"))
        said.append(
            Said("/sensor/radar", at_ns, at_ns, RadarTracks(table["address"][sweep].astype(np.int64), x, y, rate))
        )
    return said
