"""Keys in files, what signs with them, and what checkpoints prove of a journal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runner.disk import SystemDisk
from runner.journal.chain import Broken, Fault
from runner.journal.checkpoints import CHECKPOINT
from runner.journal.errors import JournalBroken
from runner.journal.verification import Vouched
from runner.signatures import notes
from runner.signatures.notes import NoteSigner
from runner.vouching import KeyFileError, new_key, signing, verifiers, verify
from tests.runner.journal.journals import opened, write_audit

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes among its files")
KEY = NoteSigner("ops.example/journal", b"\x07" * 32)
OTHER = NoteSigner("ops.example/other", b"\x08" * 32)
DISK = SystemDisk()


def journal_of(state: Path, key: NoteSigner | None = KEY, run: str = "r1") -> Path:
    with opened(state, run=run, sign=None if key is None else lambda text: notes.sign(text, key)) as writer:
        write_audit(writer)
    return writer.path


def said(journal: Path, elsewhere: Path | None = None, key: NoteSigner = KEY) -> Vouched | Fault:
    found, _ = verify(journal, [key.verifier], elsewhere, DISK)
    return found.fault if isinstance(found, Broken) else found


def test_the_end_of_a_run_is_vouched_for_and_what_comes_after_is_said_not_to_be(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    found = said(journal)
    assert isinstance(found, Vouched)
    assert (found.lines, found.found.count, found.held) == (11, 11, 1)
    with opened(tmp_path) as writer:  # by somebody without the key
        writer.record("run", "mark")
    found = said(journal)
    assert isinstance(found, Vouched)
    assert (found.lines, found.found.count) == (11, 12)


def test_a_checkpoint_is_made_when_it_is_asked_for_and_only_of_what_is_there(tmp_path: Path) -> None:
    with opened(tmp_path, sign=lambda text: notes.sign(text, KEY)) as writer:
        writer.checkpoint()
        assert (writer.newest, (writer.path.parent / CHECKPOINT).exists()) == (None, False)
        writer.record("run", "mark")
        writer.checkpoint()
        assert writer.newest == (writer.path.parent / CHECKPOINT).read_text(encoding="utf-8")
        found = said(writer.path)
        assert isinstance(found, Vouched)
        assert found.lines == 1
    with opened(tmp_path / "other") as unsigned:
        unsigned.record("run", "mark")
        unsigned.checkpoint()
        assert unsigned.newest is None


@pytest.mark.parametrize("key", [None, OTHER])
def test_a_journal_for_which_the_key_does_not_vouch_is_not_vouched_for(tmp_path: Path, key: NoteSigner | None) -> None:
    assert said(journal_of(tmp_path, key)) is Fault.NOT_VOUCHED_FOR


def test_the_checkpoint_of_another_run_says_nothing_of_this_one(tmp_path: Path) -> None:
    journal, other = journal_of(tmp_path), journal_of(tmp_path, run="r2")
    (journal.parent / CHECKPOINT).write_bytes((other.parent / CHECKPOINT).read_bytes())
    assert said(journal) is Fault.NOT_VOUCHED_FOR


def test_a_checkpoint_that_was_altered_is_said_to_be(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    file = journal.parent / CHECKPOINT
    file.write_text(file.read_text(encoding="utf-8").replace("\n11\n", "\n10\n"), encoding="utf-8")
    found, _ = verify(journal, [KEY.verifier], None, DISK)
    assert isinstance(found, Broken)
    assert "the signature of ops.example/journal is not of this text" in found.why


def test_checkpoints_of_many_runs_in_one_file_and_half_of_one_prove_what_they_say(tmp_path: Path) -> None:
    journal, other = journal_of(tmp_path), journal_of(tmp_path, run="r2")
    whole = (journal.parent / CHECKPOINT).read_text(encoding="utf-8")
    strange = (journal_of(tmp_path / "x", OTHER).parent / CHECKPOINT).read_text(encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    foreign = (other.parent / CHECKPOINT).read_text(encoding="utf-8")
    elsewhere.write_text("\n".join([foreign, whole[:-20], strange, whole]), encoding="utf-8")
    (journal.parent / CHECKPOINT).unlink()
    found, opened_notes = verify(journal, [KEY.verifier], elsewhere, DISK)
    assert isinstance(found, Vouched)
    assert (found.lines, found.held, found.others) == (11, 1, 1)
    assert (opened_notes.others, opened_notes.unreadable, opened_notes.by) == (1, 1, ("ops.example/journal",))


def test_whoever_goes_on_with_a_journal_that_was_cut_would_vouch_for_that_and_is_refused(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    lines = journal.read_bytes().splitlines(keepends=True)
    (journal.parent / "head").unlink()
    journal.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(JournalBroken, match="lines were cut"):
        opened(tmp_path)
    (journal.parent / CHECKPOINT).write_text("not a checkpoint", encoding="utf-8")
    with pytest.raises(JournalBroken, match="its checkpoint cannot be read"):
        opened(tmp_path)


def test_a_private_key_signs_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "journal.key"
    file.write_text(KEY.reveal() + "\n", encoding="utf-8")
    file.chmod(0o600)
    note = signing(file, DISK)("origin\n1\n")
    assert notes.verify(note, [KEY.verifier]).by == ("ops.example/journal",)
    file.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"others than its owner may read \(mode 0640\)") as told:
        signing(file, DISK)
    assert KEY.reveal() not in str(told.value) + told.value.next
    file.chmod(0o600)
    file.write_text(KEY.reveal()[:-4], encoding="utf-8")
    with pytest.raises(KeyFileError) as told:
        signing(file, DISK)
    assert KEY.reveal()[20:-4] not in str(told.value) + told.value.next
    with pytest.raises(KeyFileError, match="No such file"):
        signing(tmp_path / "none", DISK)


def test_public_keys_are_a_line_or_a_file_of_lines(tmp_path: Path) -> None:
    file = tmp_path / "journal.pub"
    file.write_text(f"# ours\n{KEY.verifier}\n\n{OTHER.verifier}\n", encoding="utf-8")
    assert verifiers(str(KEY.verifier), DISK) == (KEY.verifier,)
    assert verifiers(str(file), DISK) == (KEY.verifier, OTHER.verifier)
    file.write_text("# nothing\n", encoding="utf-8")
    for key, why in (
        (str(file), "no public key in it"),
        (str(tmp_path / "none"), "No such file"),
        ("a+b+c", "no public"),
    ):
        with pytest.raises(KeyFileError, match=why):
            verifiers(key, DISK)
    file.write_bytes(os.urandom(8) + b"\xff")
    with pytest.raises(KeyFileError):
        verifiers(str(file), DISK)


@pytest.mark.parametrize("of_file", [False, True])
def test_a_private_key_in_place_of_a_public_one_is_refused_and_not_shown(tmp_path: Path, of_file: bool) -> None:
    file = tmp_path / "journal.key"
    file.write_text(KEY.reveal(), encoding="utf-8")
    with pytest.raises(KeyFileError) as told:
        verifiers(str(file) if of_file else KEY.reveal(), DISK)
    assert KEY.reveal().split("+")[-1] not in str(told.value) + told.value.next


def test_a_key_may_lie_in_a_file_whose_name_looks_like_one(tmp_path: Path) -> None:
    file = tmp_path / "a+b+c"
    file.write_text(str(KEY.verifier), encoding="utf-8")
    assert verifiers(str(file), DISK) == (KEY.verifier,)


def test_the_name_of_a_key_is_one_word() -> None:
    assert new_key("ops.example/journal").name == "ops.example/journal"
    with pytest.raises(KeyFileError, match="no space"):
        new_key("my key")


@posix
@pytest.mark.parametrize("before", ["", "# of ops\n\n"])
def test_a_public_key_may_come_from_a_pipe_as_a_shell_makes_one(before: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, f"{before}{KEY.verifier}\n{OTHER.verifier}\n".encode())
        os.close(writing)
        assert [each.name for each in verifiers(f"/dev/fd/{reading}", DISK)] == [KEY.name, OTHER.name]
    finally:
        os.close(reading)


@posix
def test_a_pipe_that_gives_no_key_is_not_waited_for_and_not_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "key"
    os.mkfifo(pipe)
    with pytest.raises(KeyFileError, match="there is no public key in it"):
        verifiers(str(pipe), DISK)
    monkeypatch.setattr("runner.vouching._PIPE_SECONDS", 0.0)
    reading, writing = os.pipe()
    try:
        for given in (b"", b"x" * 1000):
            os.write(writing, given)
            monkeypatch.setattr("runner.vouching._MOST_PIPED", 500)
            with pytest.raises(KeyFileError, match="the pipe did not end"):
                verifiers(f"/dev/fd/{reading}", DISK)
    finally:
        os.close(reading)
        os.close(writing)
