"""`exrun watch`: a run that grows under its eyes, without a clock and without a pause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runner.cli import watch as command
from runner.cli.progress import PlainProgress
from runner.cli.watch import LineByLine, Part, follow
from runner.disk import SystemDisk
from runner.following import Followed
from runner.journal.chain import Head
from runner.journal.lines import line_hash
from runner.transport.failures import Cause, failure
from tests.runner.cli.conftest import CommandLine, protocol
from tests.runner.fleets import ScriptedTransport


@dataclass
class Writing:
    """A run that writes on whenever its watcher waits, so many bytes at a time, until it ends or is killed."""

    journal: Path
    whole: bytes
    step: int
    killed_at: int | None = None
    waited: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        assert len(self.waited) < 10_000, "it waits for ever"
        self.journal.write_bytes(self.whole[: self.size + self.step][: self.killed_at])

    @property
    def size(self) -> int:
        return len(self.journal.read_bytes())

    def alive(self, journal: Path) -> bool:
        return self.size < (len(self.whole) if self.killed_at is None else self.killed_at)

    @contextmanager
    def shown(self, hosts: int) -> Iterator[PlainProgress]:
        lines = LineByLine(hosts)
        lines.say = self.said.append
        yield lines


def writing(exrun: CommandLine, step: int = 700, killed_at: float | None = None) -> Writing:
    """The run of alpha, of which nothing is written yet."""
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True))
    exrun.transports["alpha/EX2"] = ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused"))
    exrun.audit("--limit", "client:alpha")
    [journal] = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    whole = journal.read_bytes()
    journal.write_bytes(b"")
    return Writing(journal, whole, step, None if killed_at is None else int(len(whole) * killed_at))


def watched(run: Writing) -> Part:
    part = Part(Followed(run.journal, SystemDisk()))
    follow([part], run.alive, run.wait, run.shown)
    return part


@pytest.mark.parametrize("step", [97, 700, 3000])
def test_a_run_is_followed_to_its_end_however_it_is_written(exrun: CommandLine, step: int) -> None:
    run = writing(exrun, step)
    part = watched(run)
    assert part.state.ended is not None
    assert run.said[0].startswith(f"watching run {exrun.runs[0]}, client alpha: 2 servers with smb")
    assert sorted(line.split(";")[0] for line in run.said[1:]) == ["EX1: attention", "EX2: unreachable"]
    assert run.said[-1].endswith("; 2 of 2 have ended")
    assert set(run.waited) <= {command.PAUSE}
    assert len(run.waited) <= len(run.whole) // step + 2


def test_a_run_that_was_killed_in_the_middle_of_a_line_ends_the_watching(exrun: CommandLine) -> None:
    run = writing(exrun, killed_at=0.7)
    part = watched(run)
    assert (part.state.ended, part.over) == (None, True)


def test_the_end_is_what_status_says_with_the_exit_status_of_the_run(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True))
    for arguments in (("--limit", "EX1"), ("--limit", "EX2"), ()):
        audited, _, _ = exrun.audit(*arguments)
        status, out, err = exrun("watch")
        assert (status, err) == (audited, "")
        assert out == exrun("status")[1]
    status, out, _ = exrun("watch", "last", "--client", "beta")
    assert (status, [name for name in ("EX1", "EX2", "alpha") if name in out]) == (0, [])
    status, _, err = exrun("watch", "last", "--client", "gamma")
    assert (status, "has no client 'gamma'; it has: alpha, beta" in err) == (2, True)


def test_a_killed_run_says_when_it_was_heard_of_last(exrun: CommandLine) -> None:
    run = writing(exrun)
    lines = run.whole.splitlines(keepends=True)
    run.journal.write_bytes(b"".join(lines[:8]) + lines[8][:20])
    (run.journal.parent / "head").write_bytes(Head(8, line_hash(lines[7])).to_bytes())
    status, out, err = exrun("watch")
    assert status == 3
    assert f"{exrun.runs[0]}  alpha  audit: killed\n" in out
    assert "was killed, as far as this machine can tell: last heard of 2" in err


def test_a_journal_that_was_altered_is_not_followed(exrun: CommandLine) -> None:
    run = writing(exrun)
    run.journal.write_bytes(run.whole.replace(b'"Enabled":true', b'"Enabled":false'))
    status, _, err = exrun("watch")
    assert status == 6
    assert f"{run.journal.relative_to(exrun.folder)}:" in err
    assert (
        f"altered: the line differs from what its own sha256 was made of. See exrun journal verify {exrun.runs[0]}"
        in err
    )


def test_ctrl_c_ends_the_watching_and_not_the_run(exrun: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    exrun.audit("--limit", "EX1")
    before = {path: path.read_bytes() for path in exrun.folder.glob(".exrun/**/*") if path.is_file()}

    def pressed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "follow", pressed)
    status, _, err = exrun("watch")
    assert status == 130
    assert f"no longer watching the run {exrun.runs[0]}, which goes on" in err
    assert {path: path.read_bytes() for path in exrun.folder.glob(".exrun/**/*") if path.is_file()} == before


def test_a_run_that_is_not_there_is_an_error_that_names_the_newest(exrun: CommandLine) -> None:
    exrun.audit("--limit", "EX1")
    status, _, err = exrun("watch", "2020")
    assert (status, f"the newest are: {exrun.runs[0]}" in err) == (2, True)


def test_nothing_recorded_and_nobody_who_writes_is_said(exrun: CommandLine) -> None:
    run = writing(exrun)
    status, _, err = exrun("watch")
    assert (status, run.size) == (2, 0)
    assert "nothing is recorded in" in err
