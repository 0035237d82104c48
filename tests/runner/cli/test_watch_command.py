"""`exrun watch`: a run that grows under its eyes, without a clock and without a pause."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from runner.cli import watch as command
from runner.cli.live_progress import LiveProgress
from runner.cli.progress import Going, PlainProgress
from runner.cli.watch import WATCHING, Part, follow
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
    live: PlainProgress | None = None

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
        yield PlainProgress(self.said.append, hosts=hosts, words=WATCHING) if self.live is None else self.live


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
    part = Part(Followed(run.journal, SystemDisk()), lambda: datetime.now(UTC))
    follow([part], run.alive, run.wait, run.shown)
    return part


@pytest.mark.parametrize("step", [97, 700, 3000])
def test_a_run_is_followed_to_its_end_however_it_is_written(exrun: CommandLine, step: int) -> None:
    run = writing(exrun, step)
    part = watched(run)
    assert part.state.ended is not None
    assert run.said[0].startswith(f"watching run {exrun.runs[0]}, client alpha: 2 servers with smb")
    assert {*run.said[1:]} <= {"1 of 2 servers: 1 attention", "1 of 2 servers: 1 unreachable"}  # by a first look
    assert set(run.waited) <= {command.PAUSE}
    assert len(run.waited) <= len(run.whole) // step + 2


def half_way(exrun: CommandLine) -> tuple[Writing, datetime, datetime]:
    """A run in whose journal one server has ended and one is in work, when it began, and when that server did."""
    run = writing(exrun)
    began: dict[str, datetime] = {}
    ended: set[str] = set()
    lines = run.whole.splitlines(keepends=True)
    for number, line in enumerate(lines):
        read = json.loads(line)
        if read["event"] == "host-started":
            began[read["host"]] = datetime.fromisoformat(read["time"])
        if read["event"] == "host-ended":
            ended.add(read["host"])
        if ended and len(began) == 2:
            run.journal.write_bytes(b"".join(lines[: number + 1]))
            break
    [at_work] = {*began} - ended
    return run, datetime.fromisoformat(json.loads(lines[0])["time"]), began[at_work]


def seen(run: Writing, wall: datetime) -> Going:
    """What a terminal shows of it to who begins to look at this time."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)
    run.live = live = LiveProgress(console, 2, WATCHING, clock=lambda: 5000.0)
    follow([Part(Followed(run.journal, SystemDisk()), lambda: wall)], lambda _: False, run.wait, run.shown)
    return live.going


def test_since_when_servers_are_in_work_and_how_fast_it_goes_is_told_by_the_journal(exrun: CommandLine) -> None:
    run, began, server_began = half_way(exrun)
    wall = began + timedelta(minutes=20)
    going = seen(run, wall)
    [at_work] = going.in_work
    assert at_work.since == pytest.approx(5000.0 - (wall - server_began).total_seconds())
    assert going.began == pytest.approx(3800.0)
    assert (going.ended, going.before) == (1, 0)


def test_where_the_clock_of_the_journal_is_ahead_nothing_is_told_of_before(exrun: CommandLine) -> None:
    run, began, _ = half_way(exrun)
    going = seen(run, began - timedelta(minutes=20))
    assert [each.since for each in going.in_work] == [None]
    assert (going.began, going.ended, going.before) == (5000.0, 1, 1)


def test_without_a_terminal_a_watch_says_on_standard_error_what_a_run_of_its_own_would(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, _ = half_way(exrun)
    (run.journal.parent / "head").unlink()
    lines = run.journal.read_bytes().splitlines(keepends=True)
    (run.journal.parent / "head").write_bytes(Head(len(lines), line_hash(lines[-1])).to_bytes())
    monkeypatch.setattr(command, "is_written", lambda *_: False)
    status, out, err = exrun("watch")
    assert status == 3
    assert err.startswith(
        f"exrun: watching run {exrun.runs[0]}, client alpha: 2 servers with smb\nexrun: 1 of 2 servers"
    )
    assert "have ended" not in out + err


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
