"""Recordings: what goes in comes out, plain MCAP readers understand it, and neither faults nor neighbours spoil it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from foxglove_schemas_protobuf.PoseInFrame_pb2 import PoseInFrame as WirePoseInFrame
from mcap.reader import make_reader
from mcap.records import Chunk, Message, Metadata
from mcap.stream_reader import StreamReader
from mcap_protobuf.decoder import DecoderFactory

from bus.codec import encode
from bus.messages import Envelope, PoseInFrame, VehicleCommand
from bus.messages import Message as BusMessage
from bus.recording import CHUNK_BYTES, Recorder, Recording, digests, drive_hash
from bus.topics import TOPICS
from geometry.errors import ContractError, InputError
from geometry.pose import Pose

Drive = list[tuple[Envelope, BusMessage]]
MakeDrive = Callable[[int], Drive]
METADATA = {"config": {"seed": "7", "scenario": "test"}, "versions": {"lanewise": "0"}}


def record(path: Path, drive: Drive) -> dict[str, str]:
    with Recorder.create(path, METADATA) as recorder:
        for envelope, message in drive:
            recorder.write(envelope, message)
    return recorder.digests


@pytest.fixture(scope="module")
def drive(make_drive: MakeDrive) -> Drive:
    return make_drive(200)


@pytest.fixture(scope="module")
def recording(drive: Drive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "drive.mcap"
    record(path, drive)
    return path


# --- what goes in comes out -------------------------------------------------------------------------------------------


def test_messages_and_metadata_come_back_in_recorded_order(recording: Path, drive: Drive) -> None:
    opened = Recording.open(recording)
    assert opened.metadata == METADATA
    assert not opened.recovered
    records = list(opened.messages())
    assert [item.envelope for item in records] == [envelope for envelope, _ in drive]
    assert [item.data for item in records] == [encode(message, envelope) for envelope, message in drive]
    assert [encode(item.message, item.envelope) for item in records[:50]] == [item.data for item in records[:50]]
    assert opened.end_ns == drive[-1][0].published_ns


@pytest.mark.parametrize(
    ("topics", "start_ns", "end_ns"),
    [
        (None, 1_000_000_000, None),
        (None, None, 1_000_000_000),
        (["/vehicle/command"], 500_000_000, 2_100_000_001),
        (["/perception/tracks", "/view/tf"], None, None),
        (["/nothing"], None, None),
        (None, 10**12, None),
        (None, 2_000_000_000, 1_000_000_000),
        ([], None, None),
    ],
)
def test_a_slice_of_topics_and_time_is_what_filtering_everything_gives(
    recording: Path, drive: Drive, topics: list[str] | None, start_ns: int | None, end_ns: int | None
) -> None:
    expected = [
        envelope
        for envelope, _ in drive
        if (topics is None or envelope.topic in topics)
        and (start_ns is None or envelope.published_ns >= start_ns)
        and (end_ns is None or envelope.published_ns < end_ns)
    ]
    opened = Recording.open(recording)
    assert [item.envelope for item in opened.messages(topics, start_ns, end_ns)] == expected
    raw = [(item.topic, item.published_ns) for item in opened.raw(topics, start_ns, end_ns)]
    assert raw == [(envelope.topic, envelope.published_ns) for envelope in expected]


def test_recorded_order_holds_even_where_publication_times_go_back(tmp_path: Path) -> None:
    times_ns = [50, 20, 90, 90, 10]
    command = VehicleCommand(0.0, 0.0, False, False)
    record(
        tmp_path / "a.mcap", [(Envelope("/vehicle/command", "x", k, t, t, t), command) for k, t in enumerate(times_ns)]
    )
    opened = Recording.open(tmp_path / "a.mcap")
    assert [item.envelope.published_ns for item in opened.messages()] == times_ns
    assert opened.end_ns == 90


def test_topic_summary_counts_and_times_each_topic(recording: Path, drive: Drive) -> None:
    counts = Counter(envelope.topic for envelope, _ in drive)
    found = {topic.topic: topic for topic in Recording.open(recording).topics()}
    assert {name: topic.count for name, topic in found.items()} == counts
    assert found["/vehicle/command"].rate_hz == pytest.approx(50.0)
    assert found["/perception/tracks"].rate_hz == pytest.approx(10.0)
    assert found["/truth/scenario"].rate_hz is None
    assert found["/view/tf"].type == "foxglove.FrameTransforms"
    assert (found["/view/tf"].first_ns, found["/view/tf"].last_ns) == (0, 3_900_000_000)


def test_an_empty_drive_opens(tmp_path: Path) -> None:
    record(tmp_path / "a.mcap", [])
    opened = Recording.open(tmp_path / "a.mcap")
    assert (list(opened.messages()), opened.topics(), opened.end_ns) == ([], (), 0)
    assert opened.metadata == METADATA


# --- hashes -----------------------------------------------------------------------------------------------------------


def test_digests_while_writing_equal_those_of_the_file(drive: Drive, tmp_path: Path) -> None:
    written = record(tmp_path / "a.mcap", drive)
    assert digests(tmp_path / "a.mcap") == written
    assert list(written) == sorted({envelope.topic for envelope, _ in drive})


def test_a_digest_is_the_sha256_of_the_payloads_with_their_lengths(recording: Path, drive: Drive) -> None:
    expected = hashlib.sha256()
    for envelope, message in drive:
        if envelope.topic == "/view/ego":
            payload = encode(message, envelope)
            expected.update(len(payload).to_bytes(8, "little") + payload)
    assert digests(recording)["/view/ego"] == expected.hexdigest()


def test_equal_drives_give_equal_files(drive: Drive, make_drive: MakeDrive, tmp_path: Path) -> None:
    first, second = record(tmp_path / "a.mcap", drive), record(tmp_path / "b.mcap", make_drive(200))
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()
    assert drive_hash(first) == drive_hash(second)


def test_one_changed_message_changes_the_digest_of_its_topic_alone(drive: Drive, tmp_path: Path) -> None:
    before = record(tmp_path / "a.mcap", drive)
    at = next(i for i, (envelope, _) in enumerate(drive) if envelope.topic == "/vehicle/command")
    changed = [*drive[:at], (drive[at][0], VehicleCommand(0.0, 1e-300, False, False)), *drive[at + 1 :]]
    after = record(tmp_path / "b.mcap", changed)
    assert {topic for topic in before if before[topic] != after[topic]} == {"/vehicle/command"}
    assert drive_hash(before) != drive_hash(after)


def test_drive_hash_depends_on_the_names_of_the_topics_and_not_on_their_order() -> None:
    assert drive_hash({"/a": "1", "/b": "2"}) == drive_hash({"/b": "2", "/a": "1"})
    assert len({drive_hash(d) for d in ({"/a": "1", "/b": "2"}, {"/a": "2", "/b": "1"}, {"/a": "1"}, {})}) == 4


# --- plain readers ----------------------------------------------------------------------------------------------------


def test_a_plain_mcap_reader_decodes_every_topic_by_its_own_schema(recording: Path, drive: Drive) -> None:
    with recording.open("rb") as stream:
        decoded = list(
            make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()]).iter_decoded_messages()
        )
    assert Counter(item.channel.topic for item in decoded) == Counter(envelope.topic for envelope, _ in drive)
    full_names = {item.channel.topic: item.decoded_message.DESCRIPTOR.full_name for item in decoded}
    assert full_names["/view/tf"] == "foxglove.FrameTransforms"
    assert full_names["/view/ego"] == "foxglove.PoseInFrame"
    assert full_names["/view/scene"] == "foxglove.SceneUpdate"
    assert full_names["/truth/ego"] == "lanewise.EgoTruth"
    scene = next(item.decoded_message for item in decoded if item.channel.topic == "/view/scene")
    assert [entity.id for entity in scene.entities] == ["car", "plan"]
    assert [(point.x, point.y) for point in scene.entities[1].lines[0].points] == [(0.0, 0.0), (1.0, 0.5), (2.0, 0.7)]


def test_foxglove_payloads_are_what_foxglove_itself_would_read(tmp_path: Path) -> None:
    sent = PoseInFrame("world", Pose(1.0, 2.0, 0.0))
    record(tmp_path / "a.mcap", [(Envelope("/view/ego", "x", 0, 1, 2, 3), sent)])
    with (tmp_path / "a.mcap").open("rb") as stream:
        _, _, message = next(make_reader(stream).iter_messages())
    wire = WirePoseInFrame.FromString(message.data)
    assert (wire.frame_id, wire.pose.position.x, wire.pose.position.y, wire.pose.orientation.w) == (
        "world",
        1.0,
        2.0,
        1.0,
    )


def test_metadata_stand_first_and_chunks_are_small_and_zstd(recording: Path) -> None:
    with recording.open("rb") as stream:
        kinds = list(StreamReader(stream, emit_chunks=True, validate_crcs=True).records)
    assert [item.name for item in kinds[1:3] if isinstance(item, Metadata)] == list(METADATA)
    chunks = [item for item in kinds if isinstance(item, Chunk)]
    assert len(chunks) > 3
    assert {chunk.compression for chunk in chunks} == {"zstd"}
    assert max(chunk.uncompressed_size for chunk in chunks) < CHUNK_BYTES + 20_000
    assert not any(isinstance(item, Message) for item in kinds)
    assert all(chunk.uncompressed_crc for chunk in chunks)


# --- what the recorder refuses ----------------------------------------------------------------------------------------


def test_two_recorders_in_one_process_do_not_mix(drive: Drive, tmp_path: Path) -> None:
    halves = {"a.mcap": drive[0::2], "b.mcap": drive[1::2]}
    with Recorder.create(tmp_path / "a.mcap", {}) as first, Recorder.create(tmp_path / "b.mcap", {}) as second:
        for k, (envelope, message) in enumerate(drive):
            (second if k % 2 else first).write(envelope, message)
    for name, half in halves.items():
        found = [item.envelope for item in Recording.open(tmp_path / name).messages()]
        assert found == [envelope for envelope, _ in half]


def test_topics_that_are_not_recorded_are_skipped(
    drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOPICS, "/view/tf", replace(TOPICS["/view/tf"], recorded=False))
    written = record(tmp_path / "a.mcap", drive)
    found = {topic.topic for topic in Recording.open(tmp_path / "a.mcap").topics()}
    assert found == {envelope.topic for envelope, _ in drive} - {"/view/tf"} == set(written)


def test_an_existing_recording_is_not_overwritten(recording: Path) -> None:
    before = recording.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        Recorder.create(recording, {})
    assert recording.read_bytes() == before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.*No such file"):
        Recorder.create(tmp_path / "nowhere" / "a.mcap", {})


def test_a_message_that_does_not_fit_its_topic_is_refused_and_the_recording_goes_on(tmp_path: Path) -> None:
    command = VehicleCommand(0.0, 0.0, False, False)
    with Recorder.create(tmp_path / "a.mcap", {}) as recorder:
        with pytest.raises(ContractError, match="carries EgoTruth, not VehicleCommand"):
            recorder.write(Envelope("/truth/ego", "x", 0, 0, 0, 0), command)
        with pytest.raises(ContractError, match="unknown topic"):
            recorder.write(Envelope("/nothing", "x", 0, 0, 0, 0), command)
        with pytest.raises(ContractError, match="before time 0"):
            recorder.write(Envelope("/vehicle/command", "x", 0, 0, -1, 0), command)
        recorder.write(Envelope("/vehicle/command", "x", 0, 0, 0, 0), command)
    with pytest.raises(ContractError, match="closed"):
        recorder.write(Envelope("/vehicle/command", "x", 1, 0, 0, 0), command)
    assert len(list(Recording.open(tmp_path / "a.mcap").messages())) == 1


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from bus.messages import Envelope, VehicleCommand
from bus.recording import Recorder, Recording
from geometry.errors import InputError

path, rng, written = Path(sys.argv[1]), np.random.default_rng(0), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # the kernel refuses to let the file grow beyond
try:
    with Recorder.create(path, {"config": {"seed": "0"}}) as recorder:
        for k in range(20_000):
            command = VehicleCommand(*rng.normal(size=2), False, False)
            recorder.write(Envelope("/vehicle/command", "x", k, k, k, k), command)
            written += 1
except InputError as error:
    print(error)
found = [item.envelope.sequence for item in Recording.open(path).messages()]
assert found == list(range(len(found))), "not a prefix"
print(written, len(found))
"""


def test_a_full_disk_is_a_clear_error_and_closed_chunks_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    result = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    error, counts = result.stdout.splitlines()
    assert error.startswith(f"{path}: cannot write the recording: File too large")
    assert "free some space" in error
    written, found = map(int, counts.split())
    assert 0 < found <= written < 20_000, "the error must come while writing, not at the end"
    assert path.stat().st_size <= 200_000
