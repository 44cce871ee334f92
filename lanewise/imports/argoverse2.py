"""An Argoverse 2 log (Wilson et al., 2021) as messages of the bus: who was where, and simulated sensors if asked for.

In: the folder of a sensor log or forecasting scenario. Out: messages in order of arrival in the city's frame: the cast,
the ego's states 50 times a second (recorded poses, smoothed by parabolas over 0.4 s), the annotated agents at the
times of their boxes. The public logs hold no GNSS, IMU or wheels; with a seed, models of such devices measure the
recorded motion: what comes out is simulated and the recording says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import savgol_filter

from bus.messages import AgentTruth, Message, ScenarioInfo
from lanewise.imports.said import Said
from lanewise.localization_trial import Trial, measurements
from maps.argoverse2 import read_argoverse2_map
from maps.landmarks import map_landmarks
from maps.lane_map import LaneMap
from maps.mark_lines import mark_lines
from sim.lane_drive import LaneDrive
from sim.scenarios.recorded.argoverse2 import map_file, read_argoverse2
from sim.scenarios.recorded.log import Log, Track

RATE_HZ = 50.0
_WINDOW = 21
"""Samples of the parabola that smooths the poses."""
SENSORS = ("/sensor/gnss", "/sensor/imu", "/sensor/wheels")


def read_drive(folder: Path, sensors_seed: int | None = None) -> tuple[Said, ...]:
    """All messages in order of arrival; sensors are simulated where there is a seed.

    Raises:
        InputError: a file of the log is missing or damaged.
    """
    log = read_argoverse2(folder)
    drive = motion(log.ego)
    said = [Said("/truth/scenario", 0, 0, _cast(log)), *_ego(drive), *_agents(log)]
    if sensors_seed is not None:
        said += _sensors(drive, read_argoverse2_map(map_file(folder)), sensors_seed)
    return tuple(sorted(said, key=lambda one: (one.received_ns, one.topic)))


def motion(ego: Track) -> LaneDrive:
    """The ego's motion at 50 Hz from its recorded poses."""
    t_s = np.arange(0.0, float(ego.t_s[-1]) + 1e-9, 1.0 / RATE_HZ)
    x, y, yaw = (
        savgol_filter(np.interp(t_s, ego.t_s, column), min(_WINDOW, len(t_s) // 2 * 2 - 1), 2)
        for column in (ego.x_m, ego.y_m, np.unwrap(ego.yaw_rad))
    )
    speed = np.cos(yaw) * np.gradient(x, t_s) + np.sin(yaw) * np.gradient(y, t_s)
    rate = np.gradient(yaw, t_s)
    steering = np.arctan2(ego.shape.wheelbase_m * rate, np.maximum(np.abs(speed), 1.0))
    return LaneDrive(t_s, x, y, yaw, speed, np.gradient(speed, t_s), rate, steering)


def _ns(t_s: float) -> int:
    return round(t_s * 1e9)


def _ego(drive: LaneDrive) -> Iterator[Said]:
    for row, t in enumerate(drive.t_s.tolist()):
        yield Said("/truth/ego", _ns(t), _ns(t), drive.state(row))


def _cast(log: Log) -> Message:
    shapes = [track.shape for track in (log.ego, *log.others)]
    columns = {
        name: np.array([getattr(shape, name) for shape in shapes])
        for name in ("length_m", "width_m", "height_m", "centre_x_m", "wheelbase_m")
    }
    kinds = np.array([int(shape.kind) for shape in shapes], dtype=np.int64)
    fastest = float(np.max(log.ego.speed_mps))
    return ScenarioInfo(log.name, 0, fastest, "", tuple(shape.name for shape in shapes), kinds, **columns)


def _agents(log: Log) -> Iterator[Said]:
    """Those present at each time of the record; the ids are those of the cast."""
    tracks = dict(enumerate(log.others, start=1))
    for t in log.ego.t_s.tolist():
        there = {key: track.at(t) for key, track in tracks.items() if track.present(t)}
        rows = np.array(list(there.values())).reshape(-1, 4)
        x, y, yaw, speed = (np.ascontiguousarray(column) for column in rows.T)
        pull = np.array([tracks[key].acceleration(t) for key in there])
        states = AgentTruth(
            np.array(list(there), dtype=np.int64), x, y, yaw, speed, speed * np.cos(yaw), speed * np.sin(yaw), pull
        )
        yield Said("/truth/agents", _ns(t), _ns(t), states)


def _sensors(drive: LaneDrive, lane_map: LaneMap, seed: int) -> list[Said]:
    trial = Trial(drive, mark_lines(lane_map), map_landmarks(lane_map))
    return [
        Said(one.envelope.topic, one.envelope.measured_ns, one.envelope.received_ns, one.message)
        for due in measurements(trial, np.random.default_rng(seed))
        for one in due
        if one.envelope.topic in SENSORS
    ]
