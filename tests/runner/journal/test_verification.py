"""Verifying a journal on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from journals import opened, write_audit

from runner.journal.chain import Broken, Fault, Head, Verified
from runner.journal.errors import JournalUnreadable
from runner.journal.verification import verify


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with opened(tmp_path) as writer:
        write_audit(writer)
    return writer.path


def test_every_changed_byte_of_a_journal_on_disk_is_found(journal: Path) -> None:
    content = journal.read_bytes()
    for position in range(0, len(content), 3):
        journal.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        assert isinstance(verify(journal), Broken), position


def test_whole_lines_cut_from_the_end_are_found_by_the_head_beside_it(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]))
    found = verify(journal)
    assert isinstance(found, Broken)
    assert (found.fault, found.intact) == (Fault.SHORTER_THAN_HEAD, 9)


def test_a_head_kept_elsewhere_shows_what_a_head_cut_along_with_the_journal_hides(journal: Path) -> None:
    whole = verify(journal)
    assert isinstance(whole, Verified)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]))
    (journal.parent / "head").unlink()
    assert isinstance(verify(journal), Verified)
    assert isinstance(verify(journal, whole.head), Broken)


def test_a_journal_without_any_head_says_that_its_end_is_not_known(journal: Path) -> None:
    (journal.parent / "head").unlink()
    found = verify(journal)
    assert isinstance(found, Verified)
    assert found.after_head is None


def test_a_head_that_cannot_be_read_is_no_proof(journal: Path) -> None:
    (journal.parent / "head").write_bytes(b"not a head")
    found = verify(journal)
    assert isinstance(found, Broken)
    assert found.fault is Fault.NOT_THE_HEAD


def test_an_older_head_kept_elsewhere_still_vouches_for_the_lines_before_it(journal: Path) -> None:
    first = journal.read_bytes().splitlines()[0]
    found = verify(journal, Head(1, hashlib.sha256(first).hexdigest()))
    assert isinstance(found, Verified)
    assert found.after_head == 10


def test_a_missing_journal_is_named_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(JournalUnreadable, match=r"No such file.*Name the file journal\.jsonl"):
        verify(tmp_path / "journal.jsonl")


def test_a_directory_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalUnreadable):
        verify(tmp_path)
