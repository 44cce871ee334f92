"""A short drive for the tests of codec and recording."""

from collections.abc import Callable

import numpy as np
import pytest

from bus.messages import (
    EgoTruth,
    Envelope,
    FrameTransforms,
    Message,
    Odometry,
    PoseInFrame,
    ScenarioInfo,
    SceneUpdate,
    Tracks,
    VehicleCommand,
)
from geometry.pose import Pose

Drive = list[tuple[Envelope, Message]]


def _message(topic: str, k: int) -> Message:
    rng = np.random.default_rng(k)
    match topic:
        case "/truth/ego":
            return EgoTruth(Pose(0.2 * k, 1.0, 0.01 * k), 10.0, 0.1 * k, 0.0, 0.01, k > 5)
        case "/localization/odometry":
            return Odometry(Pose(0.2 * k, 0.0, 0.01 * k), 10.0, 0.1 * k, 0.0, 0.01, k > 5)
        case "/vehicle/command":
            return VehicleCommand(rng.normal(), rng.normal(), False, False)
        case "/perception/tracks":
            return Tracks(*rng.normal(size=(13, 8)), covariance=rng.normal(size=(8, 4, 4)))
        case "/view/tf":
            return FrameTransforms(("world",), ("ego",), (Pose(0.2 * k, 1.0, 0.01 * k),))
        case "/view/ego":
            return PoseInFrame("world", Pose(0.2 * k, 1.0, 0.01 * k))
        case "/view/scene":
            return SceneUpdate(
                "world", ("car",), ("plan",), [[1.0 * k, 2.0, 0.8]], [0.1], [[4.5, 1.8, 1.6]], [[1.0, 0.0, 0.0, 1.0]],
                [0, 3], [[0.0, 0.0], [1.0, 0.5], [2.0, 0.7]], [[0.0, 1.0, 0.0, 0.5]],
            )  # fmt: skip
    raise KeyError(topic)


@pytest.fixture(scope="session")
def make_drive() -> Callable[[int], Drive]:
    """A function that makes a drive of so many 20 ms cycles; equal calls make equal drives."""

    def make(cycles: int) -> Drive:
        cast = ScenarioInfo(
            "test", 0, 13.9, "", ("ego", "lead"), [0, 0], [4.5, 4.5], [1.8, 1.8], [1.5, 1.5], [1.4, 0.0], [2.7, 0.0]
        )
        drive: Drive = [(Envelope("/truth/scenario", "sim", 0, 0, 0, 0), cast)]
        for k in range(cycles):
            fast = ("/truth/ego", "/localization/odometry", "/vehicle/command")
            slow = ("/perception/tracks", "/view/tf", "/view/ego", "/view/scene") if k % 5 == 0 else ()
            for topic in fast + slow:
                sequence = k if topic in fast else k // 5
                published_ns = 20_000_000 * k
                envelope = Envelope(
                    topic, "node", sequence, max(0, published_ns - 5_000_000), published_ns, published_ns + 1
                )
                drive.append((envelope, _message(topic, k)))
        return drive

    return make
