"""A run folder: complete, the same for the same seed, judged from what was recorded."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory

from bus.recording import Recording, digests, drive_hash
from geometry.errors import InputError
from lanewise.batch import Job, run_jobs
from lanewise.config import RunConfig, read_toml
from lanewise.drive import drive_of
from lanewise.recorded import read_drive
from lanewise.run import Outputs, RunResult, run, scenario_file

BARE = Outputs(report=False)


def test_a_run_folder_holds_all_that_is_needed_to_make_it_again(driven: RunResult) -> None:
    assert {path.name for path in driven.folder.iterdir()} == {
        "config.toml", "drive.mcap", "metrics.json", "report.html", "versions.json"
    }  # fmt: skip
    assert read_toml((driven.folder / "config.toml").read_text(), "config") == RunConfig(scenario="stopped-lead")
    assert json.loads((driven.folder / "metrics.json").read_text())["drive_hash"] == driven.drive_hash


def test_stopped_lead_makes_ego_stop_before_it(driven: RunResult, recorded: Path) -> None:
    rollout = drive_of(read_drive(Recording.open(recorded))).rollout
    assert driven.verdict.passed
    assert not rollout.contacts
    assert rollout.ego.speed_mps[rollout.engaged].max() > 20.0
    assert rollout.ego.speed_mps.min() < 0.01


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_workers(driven: RunResult, tmp_path: Path) -> None:
    names = ("stopped-lead", "curve")
    hashes = []
    for workers in (1, 2):
        jobs = [
            Job(RunConfig(scenario=name, simulation=replace(RunConfig().simulation, timeout_s=6.0)),
                tmp_path / f"{workers}-{name}", BARE)
            for name in names
        ]  # fmt: skip
        outcomes = list(run_jobs(jobs, workers, lambda _: None))
        hashes.append([outcome.result.drive_hash for outcome in outcomes if outcome.result is not None])
    assert len(hashes[0]) == 2
    assert hashes[0] == hashes[1]
    again = run(RunConfig(scenario="stopped-lead"), tmp_path / "again", BARE, lambda _: None)
    assert again.drive_hash == driven.drive_hash


def test_the_hash_in_the_metrics_is_that_of_the_file(driven: RunResult, recorded: Path) -> None:
    assert drive_hash(digests(recorded)) == driven.drive_hash


def test_without_a_recording_the_verdict_is_the_same(driven: RunResult, tmp_path: Path) -> None:
    result = run(
        RunConfig(scenario="stopped-lead"), tmp_path / "r", Outputs(record=False, report=False), lambda _: None
    )
    assert result.verdict == driven.verdict
    assert not (tmp_path / "r" / "drive.mcap").exists()


def test_only_the_ground_truth_modules_and_the_view_listen_to_the_truth(recorded: Path) -> None:
    publishers: dict[str, set[str]] = {}
    for record in Recording.open(recorded).messages():
        publishers.setdefault(record.envelope.topic, set()).add(record.envelope.publisher)
    assert publishers["/vehicle/command"] == {"safety"}
    assert publishers["/truth/ego"] == {"simulator"}
    assert publishers["/perception/tracks"] == {"perception"}
    assert "/state/simulator" not in publishers


def test_others_are_interpolated_between_their_samples(recorded: Path) -> None:
    rollout = drive_of(read_drive(Recording.open(recorded))).rollout
    steps = np.diff(rollout.t_s)
    assert np.allclose(steps, 0.02, atol=1e-9)
    moving = rollout.others.present[:-1] & rollout.others.present[1:]
    jump = np.hypot(np.diff(rollout.others.x_m, axis=0), np.diff(rollout.others.y_m, axis=0))[moving]
    assert jump.max() < 50.0 * 0.02 + 0.5


def test_viewer_topics_decode_with_the_plain_packages(recorded: Path) -> None:
    seen = set()
    with recorded.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for schema, channel, _, message in reader.iter_decoded_messages(
            topics=["/view/tf", "/view/ego", "/view/scene"]
        ):
            assert schema is not None
            assert schema.name.startswith("foxglove.")
            assert message.ListFields()
            seen.add(channel.topic)
    assert seen == {"/view/tf", "/view/ego", "/view/scene"}


def test_a_folder_that_holds_a_drive_is_not_overwritten(driven: RunResult) -> None:
    before = (driven.folder / "drive.mcap").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        run(RunConfig(scenario="stopped-lead"), driven.folder, BARE, lambda _: None)
    assert (driven.folder / "drive.mcap").read_bytes() == before


@pytest.mark.parametrize("name", ["nowhere.xosc", "no-such-name", "folder/none"])
def test_an_unknown_scenario_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=r"no such scenario file|there is no scenario file or shipped scenario"):
        scenario_file(name)


def test_a_wrong_input_in_a_batch_does_not_lose_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xosc"
    broken.write_text("<OpenSCENARIO>")
    short = replace(RunConfig().simulation, timeout_s=2.0)
    jobs = [
        Job(RunConfig(scenario=name, simulation=short), tmp_path / f"{i}", BARE)
        for i, name in enumerate((str(broken), "curve"))
    ]
    first, second = run_jobs(jobs, 1, lambda _: None)
    assert first.result is None
    assert "broken.xosc:1" in first.error
    assert second.result is not None


def test_a_drive_that_ends_before_the_stack_takes_over_is_no_evidence(tmp_path: Path) -> None:
    short = replace(RunConfig().simulation, timeout_s=0.5)
    result = run(RunConfig(scenario="cut-in", simulation=short), tmp_path / "run", BARE, lambda _: None)
    assert not result.verdict.passed
    assert "the stack never took over" in result.verdict.cause
