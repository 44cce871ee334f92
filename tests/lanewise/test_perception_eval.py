"""`lanewise eval perception`: a drive with cameras is judged by what could be seen, and the worst frames are shown."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from lanewise.config import RunConfig, SimulationSettings, StackChoice
from lanewise.perception_eval import figures_of, score_drives, score_of, tables_of
from lanewise.perception_page import worst, write_page
from lanewise.perception_truth import instants
from lanewise.run import Outputs, run
from perception.metrics.frames import Frame


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good second in a street with parked cars."""
    folder = tmp_path_factory.mktemp("drive") / "run"
    config = RunConfig(
        scenario="narrow-street", stack=StackChoice(perception="camera"), simulation=SimulationSettings(timeout_s=1.15)
    )
    run(config, folder, Outputs(report=False), lambda _: None)
    return folder / "drive.mcap"


def test_what_cameras_show_has_to_be_found_and_the_page_shows_what_was_not(drive: Path, tmp_path: Path) -> None:
    found, score = score_drives([drive], 3, lambda _: None)
    assert score.frames == len(found) >= 4
    assert all(len(instant.objects.truth) for instant in found)
    assert 0.0 <= figures_of(score)["map_50"] <= 1.0
    write_page(found, score, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<img") == len(worst(found))
    assert all(title in page for title in tables_of(score))
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_detections_that_say_the_truth_score_one(drive: Path) -> None:
    perfect = [
        replace(i, objects=Frame(i.objects.truth, i.objects.truth, i.objects.ignored)) for i in instants(drive, 4)
    ]
    score = score_of(perfect)
    assert figures_of(score)["map_50"] == pytest.approx(1.0)
    assert score.classes["car"].errors == pytest.approx((0.0,) * 4)
    assert worst(perfect) == []


def test_every_object_that_is_shown_is_shown_by_some_camera(drive: Path) -> None:
    for instant in instants(drive, 5):
        assert np.array(list(instant.shown.values())).any(axis=0).all()
        assert instant.objects.truth.range_m.max() <= instant.weather.visibility_m


def test_a_drive_by_ground_truth_cannot_be_judged(tmp_path: Path) -> None:
    config = RunConfig(scenario="cut-in", simulation=SimulationSettings(timeout_s=1.3))
    run(config, tmp_path / "run", Outputs(report=False), lambda _: None)
    with pytest.raises(InputError, match="--perception camera was expected"):
        list(instants(tmp_path / "run" / "drive.mcap", 1))
