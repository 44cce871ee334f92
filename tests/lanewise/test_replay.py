"""Replay: bit-identical from anywhere; a changed constant is found where it first matters."""

from pathlib import Path

import pytest

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.config import configured, read_toml, with_settings
from lanewise.recorded import recorded_run
from lanewise.replay import Comparison, first_difference, replay, snapshots_s


def replayed(path: Path, start_s: float = 0.0, nodes: tuple[str, ...] = (), *changes: str) -> Comparison:
    import tomllib

    recording = Recording.open(path)
    config, assignment = recorded_run(recording)
    config = configured(with_settings(tomllib.loads(config.to_toml()), changes))
    return replay(recording, config, assignment, nodes, start_s, lambda _: None)


@pytest.mark.parametrize("start_s", [0.0, 5.0, 12.3])
def test_a_replay_is_bit_identical_from_the_start_and_from_snapshots(recorded: Path, start_s: float) -> None:
    comparison = replayed(recorded, start_s)
    assert comparison.same
    assert comparison.first is None
    assert comparison.start_s == start_s // 5.0 * 5.0
    spoken = {topic.topic for topic in comparison.topics if topic.recorded_count > 0}
    assert {"/planning/trajectory", "/vehicle/command", "/localization/pose", "/perception/tracks"} <= spoken


def test_single_nodes_replay_on_what_the_others_said(recorded: Path) -> None:
    comparison = replayed(recorded, 5.0, ("planner",))
    assert comparison.same
    assert [topic.topic for topic in comparison.topics] == ["/planning/trajectory", "/state/planner"]


def test_a_changed_constant_is_found_and_located(recorded: Path) -> None:
    comparison = replayed(recorded, 0.0, (), "safety.acceleration_mps2=0.2")
    assert not comparison.same
    assert comparison.first is not None
    assert comparison.first.topic == "/vehicle/command"
    assert comparison.first.what.startswith("acceleration_mps2: ")
    assert comparison.first.what.endswith("0.2 now")
    untouched = [topic.same for topic in comparison.topics if topic.topic.startswith(("/planning", "/perception"))]
    assert all(untouched)


def test_snapshots_are_five_seconds_apart(recorded: Path) -> None:
    times = snapshots_s(Recording.open(recorded))
    assert len(times) >= 2
    assert all(time == pytest.approx(5.0 * (i + 1)) for i, time in enumerate(times))


def test_an_unknown_node_and_a_start_before_the_first_snapshot_are_refused(recorded: Path) -> None:
    with pytest.raises(InputError, match="there is no node 'navigator' in the stack; there are localization"):
        replayed(recorded, 0.0, ("navigator",))
    with pytest.raises(InputError, match="no snapshot lies before 3 s; the first is at 5 s"):
        replayed(recorded, 3.0)


def test_a_recording_of_something_else_is_refused(tmp_path: Path) -> None:
    from bus.recording import Recorder

    path = tmp_path / "other.mcap"
    Recorder.create(path, {}).close()
    with pytest.raises(InputError, match="holds no configuration"):
        recorded_run(Recording.open(path))


def test_a_drive_with_settings_of_another_version_says_so(recorded: Path, tmp_path: Path) -> None:
    from bus.recording import Recorder

    metadata = {name: dict(values) for name, values in Recording.open(recorded).metadata.items()}
    metadata["run"]["config"] += "\n[former]\nvalue = 1\n"
    own, former = tmp_path / "own.mcap", tmp_path / "former.mcap"
    Recorder.create(own, metadata).close()
    metadata["versions"]["source"] = "0123456789abcdef"
    Recorder.create(former, metadata).close()
    with pytest.raises(InputError, match=r"unknown key former.*another version recorded the drive: drive it anew"):
        recorded_run(Recording.open(former))
    with pytest.raises(InputError, match="unknown key former") as told:
        recorded_run(Recording.open(own))
    assert "another version" not in str(told.value)


def test_a_damaged_assignment_is_refused(recorded: Path) -> None:
    from lanewise.assignment import Assignment

    metadata = Recording.open(recorded).metadata
    for key, value in (("map", "AAAA"), ("vehicle", "{}"), ("start", '{"lane": "a"}'), ("map", "")):
        broken = {"assignment": {**metadata["assignment"], key: value}}
        with pytest.raises(InputError, match="damaged"):
            Assignment.from_metadata(broken, recorded)
    assert read_toml(metadata["run"]["config"], recorded).scenario == "stopped-lead"


def test_the_first_difference_names_the_path_to_it() -> None:
    from bus.messages import SafetyMode, SafetyStatus

    then, now = SafetyStatus(SafetyMode.NORMAL, "fine"), SafetyStatus(SafetyMode.NORMAL, "late")
    assert first_difference(then, now) == "reason: 'fine' in the recording, 'late' now"
