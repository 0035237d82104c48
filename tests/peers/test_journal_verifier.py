"""A verifier written from docs/reference/journal.md alone agrees with ours, on whole journals and on harmed ones."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.disk import SystemDisk
from runner.journal.checkpoints import CHECKPOINT, notes_in
from runner.journal.verification import Vouched
from runner.signatures import notes
from runner.signatures.notes import NoteSigner
from runner.vouching import KeyFileError, verify
from tests.peers import journal_verifier
from tests.runner.journal.journals import opened, write_audit

KEY = NoteSigner("ops.example/journal", b"\x07" * 32)
PROGRAM = Path(journal_verifier.__file__)


def journal_of(state: Path, *, client: str = "alpha", run: str = "r1") -> tuple[Path, Path]:
    """A journal of which two checkpoints were kept elsewhere, and that file."""
    with opened(state, client=client, run=run, sign=lambda text: notes.sign(text, KEY)) as writer:
        write_audit(writer)
        writer.checkpoint()
        first = writer.newest
        writer.record("run", "mark")
    elsewhere = writer.path.with_name("elsewhere.notes")
    assert first is not None
    assert writer.newest is not None
    elsewhere.write_text(first + writer.newest, encoding="utf-8")
    return writer.path, elsewhere


def both(journal: Path, elsewhere: Path) -> tuple[str, str]:
    """What theirs and ours say: how many lines are vouched for, or that something is wrong."""
    try:
        theirs = str(journal_verifier.verify(journal, str(KEY.verifier), [journal.parent / CHECKPOINT, elsewhere])[1])
    except (journal_verifier.WrongError, ValueError, UnicodeDecodeError):
        theirs = "wrong"
    ours, _ = verify(journal, [KEY.verifier], elsewhere, SystemDisk())
    return theirs, str(ours.lines) if isinstance(ours, Vouched) else "wrong"


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported.isdisjoint({"runner", "playbooks", "inventory", "texts", "tests", ""})


@pytest.mark.parametrize(
    ("client", "run"), [("alpha", "r1"), ("Müller & Söhne/EU", "2026-11-28t0940z-ab"), ("%41", "r")]
)
def test_it_says_of_a_whole_journal_what_ours_says(tmp_path: Path, client: str, run: str) -> None:
    assert both(*journal_of(tmp_path, client=client, run=run)) == ("12", "12")


def test_it_runs_by_itself(tmp_path: Path) -> None:
    journal, elsewhere = journal_of(tmp_path)
    arguments = [sys.executable, "-I", str(PROGRAM), str(journal), str(KEY.verifier), str(elsewhere)]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "12 12\n"), ended.stderr
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:5]))
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (1, "11 lines were vouched for, and there are 5\n")


def rewritten(journal: Path, lines: int) -> None:
    """What somebody without the key can do: keep so many lines, and write others behind them, chain and head."""
    other = journal.parents[3] / "other"
    with opened(other) as writer:
        write_audit(writer)
        for _ in range(lines):
            writer.record("run", "forged")
    journal.write_bytes(writer.path.read_bytes())
    (journal.parent / "head").write_bytes((writer.path.parent / "head").read_bytes())


@pytest.mark.parametrize("lines", [0, 1, 9])
def test_a_journal_written_anew_by_who_has_no_key_is_found_by_both(tmp_path: Path, lines: int) -> None:
    journal, elsewhere = journal_of(tmp_path / "state")
    rewritten(journal, lines)
    assert both(journal, elsewhere) == ("wrong", "wrong")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("elsewhere", 190, 1)  # the line feed between two notes: the second is signed, and begins in the first
@given(which=st.sampled_from(["journal", "checkpoint", "elsewhere"]), at=st.integers(0), by=st.integers(1, 255))
def test_whatever_byte_is_changed_both_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, which: str, at: int, by: int
) -> None:
    journal, elsewhere = journal_of(tmp_path_factory.mktemp("state"))
    file = {"journal": journal, "checkpoint": journal.parent / CHECKPOINT, "elsewhere": elsewhere}[which]
    harmed = bytearray(file.read_bytes())
    harmed[at % len(harmed)] ^= by
    file.write_bytes(harmed)
    theirs, ours = _tolerant(both, journal, elsewhere)
    # A note that cannot be read is passed over by ours where another vouches, and told; never more is vouched for.
    assert (theirs, ours) in {("wrong", "wrong"), ("wrong", "12"), ("12", "12")}
    if which == "journal":
        assert ours == "wrong"


def _tolerant(say: Callable[[Path, Path], tuple[str, str]], journal: Path, elsewhere: Path) -> tuple[str, str]:
    try:
        return say(journal, elsewhere)
    except KeyFileError:  # the notes are no text any more
        return "wrong", "wrong"


def test_lines_cut_with_head_and_checkpoint_are_found_by_what_was_kept_elsewhere(tmp_path: Path) -> None:
    journal, elsewhere = journal_of(tmp_path)
    kept = journal.read_bytes().splitlines(keepends=True)
    older = next(notes_in(elsewhere.read_text(encoding="utf-8")))
    for lines in range(1, 12):
        journal.write_bytes(b"".join(kept[:lines]))
        (journal.parent / "head").unlink(missing_ok=True)
        (journal.parent / CHECKPOINT).write_text(older, encoding="utf-8")
        assert both(journal, elsewhere) == ("wrong", "wrong"), lines
