"""Heading and drift on a real minute of driving: benchmarks/localization_real.py DIR (a folder of comma2k19 tables).

Heading is that of the antenna's course, as the truth's is; root mean square from 5 s after the first message on. Drift:
at each second from t = 20 s on the satellites are lost, the same filter goes on by IMU and wheels alone, and its
displacement 10 or 20 s later is compared with the truth's; 95th percentile. Nothing is known in advance but the classes
of the devices. The drive runs three times more with its fixes stamped 0.1 s later and with its wheels reading 1 % more
and less; the keys are the worst of all four. Beside them: a plain filter of five states.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bus.messages import GnssFix, Imu, Wheels
from geometry.angles import Floats
from lanewise.imports.comma2k19 import BEGIN_S, Table, read_drive, truth_table
from lanewise.imports.said import Said
from localization.estimator import LATENCY, SIDE, YAW, X, Y
from localization.fusion import Fusion, FusionSettings, with_gnss, with_imu, with_wheel_speed

PLAIN = ("plain filter", 0.10, 0.71, 1.97)
LATENCY_AT_S = (5.0, 10.0, 15.0, 20.0, 40.0, 59.0)
VARIANTS = {
    "as recorded": (0, 1.0),
    "+0.1 s latency": (100_000_000, 1.0),
    "wheels +1 %": (0, 1.01),
    "wheels -1 %": (0, 0.99),
}
FIRST_OUTAGE_S = 20.0
OUTAGES_S = (10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Variant:
    """Errors that are injected: fixes stamped later, wheels that read more."""

    late_ns: int
    wheel_scale: float

    def heard(self, fusion: Fusion, one: Said, settings: FusionSettings) -> Fusion:
        """The filter after a message."""
        match one.message:
            case Imu() as imu:
                force = imu.acceleration_mps2
                return with_imu(fusion, one.measured_ns, imu.angular_velocity_radps, force, settings)[0]
            case Wheels() as wheels:
                return with_wheel_speed(fusion, one.measured_ns, wheels.speed_mps * self.wheel_scale)[0]
            case GnssFix() as fix:
                return with_gnss(fusion, one.measured_ns + self.late_ns, fix, settings)[0]
            case _:
                return fusion


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What the filter said at the N IMU samples with an estimate, its drifts, milliseconds of CPU per update.

    `drift_m` maps seconds of outage to the drifts over outages that begin each second.
    """

    cpu_ms: float
    t_s: Floats
    course_rad: Floats
    latency_s: Floats
    latency_sigma_s: Floats
    drift_m: Mapping[float, Floats]


def driven(said: Sequence[Said], variant: Variant, truth: Table) -> Track:
    """The estimator on a drive with injected errors, and in outages that begin each second."""
    settings, fusion, rows = FusionSettings(), Fusion(), []
    begins: list[tuple[int, Fusion]] = []
    updates, begun = 0, time.process_time()
    for k, one in enumerate(said):
        if one.received_ns * 1e-9 >= FIRST_OUTAGE_S + BEGIN_S + len(begins):
            begins.append((k, fusion))
        fusion = variant.heard(fusion, one, settings)
        updates += one.topic.startswith("/sensor")
        if isinstance(one.message, Imu):
            rows.append(_row(fusion))
    cpu_ms = (time.process_time() - begun) * 1e3 / updates
    drifts = [_drifts(said[k:], at, variant, truth) for k, at in begins]
    drift_m = {over: np.array([drift[over] for drift in drifts if over in drift]) for over in OUTAGES_S}
    return Track(cpu_ms, *np.array([row for row in rows if row]).T, drift_m)


def _row(fusion: Fusion) -> tuple[float, ...]:
    estimate, trail = fusion.estimate, fusion.odometer.trail
    if estimate is None or trail is None:
        return ()
    mean, here = estimate.mean.tolist(), trail.newest
    course = mean[YAW] + mean[SIDE] + here.sideways_mps / max(here.speed_mps, 1.0)
    return (fusion.odometer.imu_ns * 1e-9, course, mean[LATENCY], estimate.sigma(LATENCY))


def _drifts(said: Sequence[Said], fusion: Fusion, variant: Variant, truth: Table) -> dict[float, float]:
    """Drift by the length of an outage that begins now, for those that end within the drive."""
    assert fusion.estimate is not None
    settings, found = FusionSettings(), dict[float, float]()
    from_s, place = fusion.odometer.imu_ns * 1e-9, fusion.estimate.mean[[X, Y]]
    for one in said:
        if isinstance(one.message, GnssFix):
            continue
        fusion = variant.heard(fusion, one, settings)
        now_s = fusion.odometer.imu_ns * 1e-9
        over = OUTAGES_S[len(found)]
        if now_s >= from_s + over and now_s <= truth["t"][-1]:
            assert fusion.estimate is not None
            went = [np.diff(np.interp((from_s, now_s), truth["t"], truth[axis]))[0] for axis in ("e", "n")]
            found[over] = math.hypot(*(fusion.estimate.mean[[X, Y]] - place - went))
        if len(found) == len(OUTAGES_S):
            break
    return found


def heading_rms_deg(track: Track, truth: Table, from_s: float) -> float:
    """Root mean square of the course's error from a time of the tables on."""
    kept = track.t_s >= from_s + BEGIN_S
    error = track.course_rad[kept] - np.interp(track.t_s[kept], truth["t"], truth["course"])
    return math.degrees(math.sqrt(float(np.mean(error**2))))


def main() -> None:
    """Print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    said, truth = read_drive(folder), truth_table(folder)
    print(f"{'':16}{'heading, deg':>14}{'from 20 s':>11}{'drift 10 s, m':>15}{'drift 20 s, m':>15}{'CPU, ms':>9}")
    print(f"{PLAIN[0]:16}{PLAIN[1]:14.3f}{'':11}{PLAIN[2]:15.2f}{PLAIN[3]:15.2f}")
    rows, tracks = [], {}
    for name, injected in VARIANTS.items():
        track = tracks[name] = driven(said, Variant(*injected), truth)
        drifts = [float(np.percentile(track.drift_m[over], 95)) for over in OUTAGES_S]
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
