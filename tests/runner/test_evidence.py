"""Evidence: taken from a server only whole and as it was named, and on the disk whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.values import Value
from runner.evidence import (
    MOST_BYTES,
    MOST_BYTES_OF_STREAMS,
    EvidenceError,
    EvidenceStore,
    Taken,
    TakenStream,
    taken,
)
from runner.journal.location import run_directory
from runner.transport.failures import Cause, failure
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    NotRun,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.journal.journals import FullDisk

STATE = Path("/state")
DATA = b"planted\r\nand harmless\n"
ORIGIN = {"host": "EX1", "step": "shell"}
SCRIPT = Script("x", "")
Records = list[Mapping[str, Value]]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def said(data: bytes, piece: int = 8) -> Records:
    """What an evidence script says of bytes."""
    head: Mapping[str, Value] = {"Kind": "Evidence", "Size": len(data), "Sha256": sha(data).upper()}
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return [head, *({"Kind": "Piece", "Number": number, "Bytes": each} for number, each in enumerate(pieces))]


def completed(records: Records) -> ScriptResult:
    return Completed(SCRIPT, Streams(output=tuple(records)), 0.1)


@given(st.binary(max_size=200), st.integers(1, 64))
def test_what_is_whole_and_as_it_was_named_is_taken(data: bytes, piece: int) -> None:
    assert taken(completed(said(data, piece)), sha(data).upper()) == Taken(data)


def stream(name: str, data: bytes, piece: int = 8, **other: Value) -> Records:
    """What it says of an alternate stream."""
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    head: Mapping[str, Value] = {"Kind": "Stream", "Name": name, "Size": len(data), "Why": "", **other}
    return [head, *({"Kind": "Piece", "Number": number, "Bytes": each} for number, each in enumerate(pieces))]


@given(st.binary(max_size=40), st.dictionaries(st.text(min_size=1, max_size=9), st.binary(max_size=40), max_size=4))
def test_alternate_streams_are_taken_with_it_each_by_its_name(data: bytes, streams: Mapping[str, bytes]) -> None:
    records = [each for name, held in streams.items() for each in stream(name, held)]
    found = taken(completed([*said(data), *records]), sha(data))
    assert found == Taken(data, tuple(TakenStream(name, len(held), held) for name, held in streams.items()))


def test_a_stream_that_was_not_read_is_said_and_keeps_nothing_from_being_kept() -> None:
    records = [*said(DATA), *stream("a", b"", Size=3_000_000, Why="too many"), *stream("b", b"bytes")]
    found = taken(completed(records), sha(DATA))
    assert found.streams == (TakenStream("a", 3_000_000, None, "too many"), TakenStream("b", 5, b"bytes"))


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (stream("a", b"bytes", Size=6), "5 bytes of the alternate stream 'a' arrived, and it has 6"),
        (stream("a", b"bytes")[:1], "0 bytes of the alternate stream 'a' arrived, and it has 5"),
        (stream("a", b"bytes", Why="no"), "was not read, and has bytes"),
        (stream("", b"bytes"), "does not say the name"),
        (stream("a", b"bytes", Name=7), "does not say the name"),
        (stream("a", b"bytes", Why=None), "does not say the name"),
        (stream("a", b"", Size=-1), "does not say the name"),
        ([*stream("a", b"bytes"), *stream("a", b"other")], "two alternate streams of one name"),
        (stream("a", bytes(MOST_BYTES_OF_STREAMS + 1), 65_536), "more than the 2097152 bytes that are kept"),
        ([*stream("a", b"bytes"), {"Kind": "Evidence", "Size": 0, "Sha256": sha(b"")}], "piece 1 is missing"),
    ],
)
def test_a_stream_that_is_not_whole_is_not_taken(records: Records, why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        taken(completed([*said(DATA), *records]), sha(DATA))


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Records, bytes]:
    """An answer in which one thing is not as the script says it, and the bytes that were named."""
    data = draw(st.binary(min_size=20, max_size=60))
    records: list[dict[str, Value]] = [dict(each) for each in said(data)]
    at = draw(st.integers(0, len(records) - 1))
    match draw(st.sampled_from(["drop", "twice", "swap", "flip", "value", "kind", "other"])):
        case "drop":
            del records[at]
        case "twice":
            records.insert(at, records[at])
        case "swap":
            last = records.pop(1)
            records.append(last)
        case "flip":
            one = draw(st.integers(1, len(records) - 1))
            flipped = bytearray(records[one]["Bytes"])  # type: ignore[arg-type]
            flipped[0] ^= draw(st.integers(1, 255))
            records[one]["Bytes"] = bytes(flipped)
        case "value":
            name = draw(st.sampled_from(sorted(records[at].keys() - {"Kind"})))
            records[at][name] = draw(st.sampled_from([None, -1, "x", b"", True, 10**12, ("a",)]))
        case "kind":
            records[at]["Kind"] = "Stranger"
        case "other":
            records.insert(at, {"Kind": "Piece", "Number": at, "Bytes": b"more"})
    return [*records], data


@given(spoilt())
def test_what_is_spoilt_in_any_way_is_not_taken(answer: tuple[Records, bytes]) -> None:
    records, data = answer
    with pytest.raises(EvidenceError):
        taken(completed(records), sha(data))


def test_a_server_that_vouches_for_other_bytes_is_not_believed() -> None:
    with pytest.raises(EvidenceError, match="is what the plan names"):
        taken(completed(said(b"something else")), sha(DATA))


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (Terminated(SCRIPT, ErrorText("Access is denied"), Streams(output=tuple(said(DATA))), 1.0), "Access is denied"),
        (Completed(SCRIPT, Streams(tuple(said(DATA)), (ErrorText("no"),)), 1.0), "could not be read: no"),
        (TimedOut(SCRIPT, 60.0, Streams(output=tuple(said(DATA)))), "within 60 s"),
        (Capped(SCRIPT, "max_bytes", 5), "more than 5 of max_bytes"),
        (NotRun(SCRIPT, failure(Cause.CONNECTION_LOST, "it went"), None), "it went"),
        (Completed(SCRIPT, Streams(), 1.0), "not of the kind"),
        (Completed(SCRIPT, Streams(output=("text", *said(DATA))), 1.0), "not of the kind"),
        (
            completed([{"Kind": "Evidence", "Size": MOST_BYTES + 1, "Sha256": "0" * 64}]),
            "it has 8388609 bytes, and 8388608 are kept at most",
        ),
    ],
    ids=["error", "written error", "timeout", "cap", "not run", "nothing", "text", "too large"],
)
def test_an_answer_that_is_none_is_not_taken_and_says_why(result: ScriptResult, why: str) -> None:
    with pytest.raises(EvidenceError, match=why):
        taken(result, sha(DATA))


def contents(disk: CrashingDisk) -> dict[str, bytes]:
    """The files of the store that have their names."""
    folder = STATE / "alpha" / "evidence"
    found: dict[str, bytes] = {}
    for name in disk.names(folder):
        if name.endswith((".evidence", ".json")):
            with disk.read(folder / name) as stream:
                found[name] = stream.read()
    return found


def whole() -> dict[str, bytes]:
    disk = CrashingDisk()
    EvidenceStore(STATE, "alpha", disk).keep(DATA, ORIGIN)
    return contents(disk)


def keeps(disk: CrashingDisk) -> bool:
    try:
        return EvidenceStore(STATE, "alpha", disk).keep(DATA, ORIGIN) == sha(DATA)
    except Died:
        return False


def test_what_is_kept_is_the_bytes_and_where_they_are_from() -> None:
    files = whole()
    assert files.pop(f"{sha(DATA)}.evidence") == DATA
    [(name, text)] = files.items()
    assert name.startswith(sha(DATA))
    assert json.loads(text) == {"format": "exrun-evidence/1", **ORIGIN, "sha256": sha(DATA), "size": len(DATA)}


def test_after_a_death_at_any_operation_and_any_loss_evidence_is_whole_or_not_there_and_can_be_kept_again() -> None:
    expected, seen = whole(), Counter[str]()
    disk = CrashingDisk()
    assert keeps(disk)
    for lives in range(len(disk.done) + 1):
        dying = CrashingDisk(lives)
        acknowledged = keeps(dying)
        for found in (dying.killed(), *(dying.after(outcome) for outcome in dying.outcomes())):
            there = contents(found)
            assert there.items() <= expected.items()
            assert there == expected or not acknowledged
            seen[f"{len(there)} files"] += 1
            again = found.killed()
            assert keeps(again)
            assert all(contents(again.after(outcome)) == expected for outcome in again.outcomes())
    assert set(seen) == {"0 files", "1 files", "2 files"}


@pytest.mark.parametrize("deaf", ["fsync", "sync_directory"])
def test_a_disk_that_only_pretends_to_sync_would_be_noticed(deaf: str) -> None:
    disk = CrashingDisk()
    disk.deaf = frozenset({deaf})
    assert keeps(disk)
    expected = whole()
    assert any(contents(disk.after(outcome)) != expected for outcome in disk.outcomes())


def test_the_same_bytes_from_another_place_are_one_file_and_two_origins() -> None:
    disk = CrashingDisk()
    store = EvidenceStore(STATE, "alpha", disk)
    store.keep(DATA, ORIGIN)
    store.keep(DATA, {**ORIGIN, "host": "EX2"})
    store.keep(DATA, ORIGIN)
    names = contents(disk)
    assert [name for name in names if name.endswith(".evidence")] == [f"{sha(DATA)}.evidence"]
    assert sorted(json.loads(text)["host"] for name, text in names.items() if name.endswith(".json")) == ["EX1", "EX2"]


@pytest.mark.parametrize("client", ["alpha", "Alpha", "Contoso Ltd", "con", "a.b"])
def test_evidence_lies_beside_the_runs_of_its_client_whatever_that_is_called(client: str) -> None:
    runs = run_directory(STATE, client, "r1").parent
    assert EvidenceStore(STATE, client, CrashingDisk()).folder == runs.parent / "evidence"


def test_what_was_altered_in_the_store_is_not_taken_for_evidence(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, "alpha")
    store.keep(DATA, ORIGIN)
    (store.folder / f"{sha(DATA)}.evidence").write_bytes(DATA[:-1])
    with pytest.raises(EvidenceError, match="holds something else"):
        store.keep(DATA, ORIGIN)


def test_a_disk_that_is_full_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="cannot be written"):
        EvidenceStore(tmp_path, "alpha", FullDisk(room=2)).keep(DATA, ORIGIN)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([DATA, b"", b"other"]), min_size=8, max_size=16))
def test_many_hosts_at_once_keep_what_they_have(datas: list[bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(8) as pool:
        store = EvidenceStore(Path(folder), "alpha")
        done = list(pool.map(lambda each: store.keep(each[1], {"host": f"EX{each[0]}"}), enumerate(datas)))
        assert done == [sha(data) for data in datas]
        for data in set(datas):
            path = store.folder / f"{sha(data)}.evidence"
            assert path.read_bytes() == data
            assert path.stat().st_mode & 0o777 == 0o600
        assert len([*store.folder.glob("*.json")]) == len(datas)
        assert {path.suffix for path in store.folder.iterdir()} == {".json", ".evidence"}
