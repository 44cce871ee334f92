"""Heading and drift on a real minute of driving: benchmarks/localization_real.py DIR (a folder of comma2k19 tables).

Heading is that of the antenna's course, as the truth's is; root mean square from 5 s after the first message on. Drift:
at each second from t = 20 s on the satellites are lost, and the place 10 or 20 s later by IMU and wheels with the
calibration of that moment is compared with the truth's displacement; 95th percentile. Nothing is known in advance but
the classes of the devices. The drive runs three times more with its fixes stamped 0.1 s later and with its wheels
reading 1 % more and less; the keys are the worst of all four. Beside them: a plain filter of five states.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bus.messages import GnssFix, Imu, Wheels
from geometry.angles import Floats
from lanewise.imports.comma2k19 import BEGIN_S, Table, read_drive, truth_table
from lanewise.imports.said import Said
from localization.estimator import GYRO_BIAS, LATENCY, WHEEL_SCALE, YAW
from localization.fusion import Fusion, FusionSettings, with_gnss, with_imu, with_wheel_speed

PLAIN = ("plain filter", 0.10, 0.71, 1.97)
LATENCY_AT_S = (5.0, 10.0, 15.0, 20.0, 40.0, 59.0)
VARIANTS = {
    "as recorded": (0.0, 1.0),
    "+0.1 s latency": (0.1, 1.0),
    "wheels +1 %": (0.0, 1.01),
    "wheels -1 %": (0.0, 0.99),
}


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A column per estimated quantity at the N IMU samples with an estimate, and milliseconds of CPU per update."""

    cpu_ms: float
    t_s: Floats
    yaw_rad: Floats
    course_rad: Floats
    gyro_radps: Floats
    gyro_bias_radps: Floats
    wheel_mps: Floats
    wheel_scale: Floats
    latency_s: Floats
    latency_sigma_s: Floats


def driven(said: tuple[Said, ...], latency_s: float, wheel_scale: float) -> Track:
    """The estimator on a drive with injected errors."""
    settings, fusion, rows = FusionSettings(), Fusion(), []
    late_ns, begun = round(latency_s * 1e9), time.process_time()
    updates = 0
    for one in said:
        updates += one.topic.startswith("/sensor")
        match one.message:
            case Imu() as imu:
                force = imu.acceleration_mps2
                fusion, _ = with_imu(fusion, one.measured_ns, imu.angular_velocity_radps, force, settings)
                rows.append(_row(fusion))
            case Wheels() as wheels:
                fusion, _ = with_wheel_speed(fusion, one.measured_ns, wheels.speed_mps * wheel_scale)
            case GnssFix() as fix:
                fusion, _ = with_gnss(fusion, one.measured_ns + late_ns, fix, settings)
    cpu_ms = (time.process_time() - begun) * 1e3 / updates
    return Track(cpu_ms, *np.array([row for row in rows if row]).T)


def _row(fusion: Fusion) -> tuple[float, ...]:
    estimate, trail = fusion.estimate, fusion.odometer.trail
    if estimate is None or trail is None:
        return ()
    mean, here, said = estimate.mean.tolist(), trail.newest, fusion.odometer
    course = mean[YAW] + here.sideways_mps / max(here.speed_mps, 1.0)
    moved = (said.yaw_rate_radps, mean[GYRO_BIAS], said.wheel_mps, mean[WHEEL_SCALE])
    return (said.imu_ns * 1e-9, mean[YAW], course, *moved, mean[LATENCY], estimate.sigma(LATENCY))


def heading_rms_deg(track: Track, truth: Table, from_s: float) -> float:
    """Root mean square of the course's error from a time of the tables on."""
    kept = track.t_s >= from_s + BEGIN_S
    error = track.course_rad[kept] - np.interp(track.t_s[kept], truth["t"], truth["course"])
    return math.degrees(math.sqrt(float(np.mean(error**2))))


def drift_p95_m(track: Track, truth: Table, over_s: float) -> float:
    """95th percentile of the drift over outages that begin each second from 20 s on."""
    last_s = float(min(track.t_s[-1], truth["t"][-1])) - over_s
    return float(np.percentile([_drift_m(track, truth, at, over_s) for at in np.arange(20.0 + BEGIN_S, last_s)], 95))


def _drift_m(track: Track, truth: Table, at_s: float, over_s: float) -> float:
    first, last = np.searchsorted(track.t_s, (at_s, at_s + over_s))
    part = slice(first, last + 1)
    dt = np.diff(track.t_s[part])
    rate = track.gyro_radps[part] - track.gyro_bias_radps[first]
    speed = track.wheel_mps[part] / (1.0 + track.wheel_scale[first])
    yaw = track.yaw_rad[first] + np.concatenate(((0.0,), np.cumsum(_middle(rate) * dt)))
    gone = _middle(speed) * dt
    east, north = np.sum(gone * np.cos(_middle(yaw))), np.sum(gone * np.sin(_middle(yaw)))
    ends = track.t_s[[first, last]]
    true_east, true_north = (float(np.diff(np.interp(ends, truth["t"], truth[name]))[0]) for name in ("e", "n"))
    return math.hypot(float(east) - true_east, float(north) - true_north)


def _middle(values: Floats) -> Floats:
    middle: Floats = 0.5 * (values[1:] + values[:-1])
    return middle


def main() -> None:
    """Print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    said, truth = read_drive(folder), truth_table(folder)
    print(f"{'':16}{'heading, deg':>14}{'from 20 s':>11}{'drift 10 s, m':>15}{'drift 20 s, m':>15}{'CPU, ms':>9}")
    print(f"{PLAIN[0]:16}{PLAIN[1]:14.3f}{'':11}{PLAIN[2]:15.2f}{PLAIN[3]:15.2f}")
    rows, tracks = [], {}
    for name, (latency_s, wheel_scale) in VARIANTS.items():
        track = tracks[name] = driven(said, latency_s, wheel_scale)
        drifts = drift_p95_m(track, truth, 10.0), drift_p95_m(track, truth, 20.0)
        row = (heading_rms_deg(track, truth, 5.0), heading_rms_deg(track, truth, 20.0), *drifts, track.cpu_ms)
        rows.append(row)
        print(f"{name:16}{row[0]:14.3f}{row[1]:11.3f}{row[2]:15.2f}{row[3]:15.2f}{row[4]:9.3f}")
    print("latency of the fixes as estimated (1-sigma), s; negative: the stamp is ahead of the wheels' clock")
    for name in ("as recorded", "+0.1 s latency"):
        track = tracks[name]
        known = [(at, np.searchsorted(track.t_s, at + BEGIN_S)) for at in LATENCY_AT_S]
        said_so = (f"{at:.0f} s {track.latency_s[i]:+.3f} ({track.latency_sigma_s[i]:.3f})" for at, i in known)
        print(f"  {name}: " + ", ".join(said_so))
    worst = np.max(np.array(rows), axis=0).tolist()
    keys = ("heading_rms_deg", "heading_rms_from_20s_deg", "drift10_p95_m", "drift20_p95_m", "cpu_ms_per_update")
    print(json.dumps({key: round(value, 4) for key, value in zip(keys, worst, strict=True)}))


if __name__ == "__main__":
    main()
