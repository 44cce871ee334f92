"""`lanewise topic` on a recorded drive, as a user would type it; without a terminal it prints lines with tabs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from bus.messages import Contact, Diagnostic, Envelope, Level, NodeState, Objects
from bus.recording import Recorder
from geometry.errors import InputError
from lanewise.topic_commands import app


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Objects at 0.0, 0.1, 0.2 and 0.4 s, one contact, one diagnostic and one node state."""
    path = tmp_path_factory.mktemp("topic") / "drive.mcap"
    with Recorder.create(path, {"config": {"seed": "1"}}) as recorder:
        for k, t_ns in enumerate((0, 100_000_000, 200_000_000, 400_000_000)):
            columns = [np.arange(6.0) + k + 1e-9] * 7
            recorder.write(
                Envelope("/perception/objects", "detector", k, t_ns, t_ns, t_ns),
                Objects(np.arange(6), *columns, np.zeros((6, 2, 2))),
            )
        recorder.write(Envelope("/truth/contact", "sim", 0, 5, 5, 5), Contact(0, 1, 1.0, 2.0, 3.0, float("nan")))
        recorder.write(
            Envelope("/diagnostics", "x", 0, 5, 5, 5), Diagnostic("planner", Level.WARNING, "späte Nachricht")
        )
        recorder.write(Envelope("/state/planner", "x", 0, 5, 5, 5), NodeState("planner", b"abc", b""))
    return path


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_list_shows_type_count_rate_and_times_of_each_topic(drive: Path) -> None:
    rows = [line.split("\t") for line in run("list", drive).stdout.splitlines()]
    assert rows[0] == ["topic", "type", "count", "rate [Hz]", "first [s]", "last [s]"]
    assert ["/perception/objects", "lanewise.Objects", "4", "7.50", "0.000", "0.400"] in rows
    assert ["/truth/contact", "lanewise.Contact", "1", "-", "0.000", "0.000"] in rows
    assert len(rows) == 5


def test_hz_shows_the_spread_of_the_intervals(drive: Path) -> None:
    rows = [line.split("\t") for line in run("hz", drive, "/perception/objects").stdout.splitlines()]
    deviation = float(np.std([100.0, 100.0, 200.0]))
    assert rows[1:] == [["/perception/objects", "3", "133.333", "100.000", "200.000", f"{deviation:.3f}"]]


def test_hz_without_topic_shows_all_and_no_figures_for_single_messages(drive: Path) -> None:
    rows = [line.split("\t") for line in run("hz", drive).stdout.splitlines()]
    assert ["/truth/contact", "0", "-", "-", "-", "-"] in rows
    assert len(rows) == 5


def test_echo_prints_one_json_line_a_message_with_short_arrays(drive: Path) -> None:
    lines = [json.loads(line) for line in run("echo", drive, "/perception/objects").stdout.splitlines()]
    assert [line["t_s"] for line in lines] == [0.0, 0.1, 0.2, 0.4]
    assert lines[1]["publisher"] == "detector"
    assert lines[1]["kinds"] == [0, 1, 2, 3, "... 6 in all"]
    assert lines[1]["x_m"] == [1.0, 2.0, 3.0, 4.0, "... 6 in all"]


def test_echo_full_prints_every_entry_and_every_digit(drive: Path) -> None:
    line = json.loads(run("echo", drive, "/perception/objects", "--full", "--count", 1).stdout)
    assert line["x_m"] == (np.arange(6.0) + 1e-9).tolist()


def test_echo_begins_at_a_time_and_stops_after_a_count(drive: Path) -> None:
    lines = run("echo", drive, "/perception/objects", "--start", 0.15, "--count", 1).stdout.splitlines()
    assert [json.loads(line)["t_s"] for line in lines] == [0.2]


def test_echo_names_enumerations_and_keeps_text(drive: Path) -> None:
    line = json.loads(run("echo", drive, "/diagnostics").stdout)
    assert (line["level"], line["text"]) == ("WARNING", "späte Nachricht")


def test_echo_shows_the_size_of_bytes_and_their_digits_when_asked(drive: Path) -> None:
    assert json.loads(run("echo", drive, "/state/planner").stdout)["memory"] == "3 bytes"
    assert json.loads(run("echo", drive, "/state/planner", "--full").stdout)["memory"] == b"abc".hex()


@pytest.mark.parametrize("command", ["echo", "hz"])
def test_an_unknown_topic_is_answered_with_those_of_the_drive(command: str, drive: Path) -> None:
    with pytest.raises(InputError, match=r"'/perception/object'.*/diagnostics, /perception/objects"):
        run(command, drive, "/perception/object")


def test_an_unfinished_recording_is_shown_with_a_warning(drive: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.mcap"
    part.write_bytes(drive.read_bytes()[:-9])
    result = run("list", part)
    assert "never finished" in result.stderr
    assert "/perception/objects" in result.stdout


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(InputError, match=r"x\.txt: this is no MCAP recording"):
        run("list", tmp_path / "x.txt")
