"""Checkpoints that are kept elsewhere: in a file, or by a command; what fails is said."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from runner.anchoring import AnchorError, anchor
from runner.disk import SystemDisk
from runner.journal.checkpoints import notes_in
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.journal.journals import FullDisk

DISK = SystemDisk()
NOTES = [f"exrun-journal/1/alpha/r1\n{lines}\n{'A' * 43}=\n\n\u2014 ops AAAAAAAA\n" for lines in (10, 20, 30)]


def test_a_file_has_every_checkpoint_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere"
    file.touch(mode=0o664)
    file.chmod(0o664)
    keep = anchor(str(file), DISK)
    for note in NOTES:
        keep(note)
    assert list(notes_in(file.read_text(encoding="utf-8"))) == NOTES
    assert file.stat().st_mode & 0o777 == 0o664


def test_after_any_crash_those_that_were_kept_are_there_and_the_next_stands_apart() -> None:
    place, tears = Path("/elsewhere"), 0
    for lives in range(10):
        disk, kept = CrashingDisk(lives), 0
        try:
            for note in NOTES:
                anchor(str(place), disk)(note)
                kept += 1
        except Died:
            pass
        for outcome in disk.outcomes():
            after = disk.after(outcome)
            anchor(str(place), after)(NOTES[2])
            with after.read(place) as file:
                pieces = list(notes_in(file.read().decode("utf-8", "replace")))
            assert pieces[:kept] == NOTES[:kept]
            assert pieces[-1] == NOTES[2]
            tears += any(piece not in NOTES for piece in pieces)
    assert tears > 5


def test_a_command_finds_the_checkpoint_on_its_standard_input(tmp_path: Path) -> None:
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    command = shlex.join([sys.executable, "-c", program, str(tmp_path / "kept")])
    anchor(f"command:{command}", DISK)(NOTES[0])
    assert (tmp_path / "kept").read_text(encoding="utf-8") == NOTES[0]


def test_what_is_not_kept_is_said(tmp_path: Path) -> None:
    failing = shlex.join([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(AnchorError, match="ended with status 3"):
        anchor(f"command:{failing}", DISK)(NOTES[0])
    with pytest.raises(AnchorError, match="cannot be started: No such file"):
        anchor("command:/no/such/program", DISK)(NOTES[0])
    with pytest.raises(AnchorError, match="No space left"):
        anchor(str(tmp_path / "elsewhere"), FullDisk(10))(NOTES[0])
    with pytest.raises(AnchorError, match="Is a directory"):
        anchor(str(tmp_path), DISK)(NOTES[0])


@pytest.mark.parametrize("place", ["command:", "command:  ", "/no/such/folder/file"])
def test_a_place_that_is_none_is_refused_at_once(place: str) -> None:
    with pytest.raises(AnchorError):
        anchor(place, DISK)
