"""`exrun watch`: a run from another terminal, while it goes on, from its journals alone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never, cast

import typer

from playbooks.findings import Verdict
from playbooks.investigating.standing import WELL
from runner import events
from runner.applied import status_of_end
from runner.cli.begun import state_of
from runner.cli.options import STATE, ClientOption, RunArgument, StateOption
from runner.cli.output import debugging, emit, tell, terminal_width
from runner.cli.progress import PlainProgress, Words
from runner.cli.ran import ran
from runner.disk import SystemDisk
from runner.exit_status import ExitStatus
from runner.following import Followed, JournalClock, Moment
from runner.journal.growing import BrokenOffError
from runner.journal.writer import is_written
from runner.moves import Outcome
from runner.plan.keeping import NotKeptError, kept_plan
from runner.plan.records import Plan, PlannedHost
from runner.plan.waves import waves_of
from runner.replay import applied_row
from runner.reports.folding import folded
from runner.reports.status import Ran, lines, member, newest_first
from runner.runs import LAST, Run, RunNotFoundError, find_run
from runner.state import RunState
from runner.terminal import visible
from texts.counting import counted

if TYPE_CHECKING:
    from inventory.model import Host

_DOING = 60  # characters of what is done on a server
PAUSE = 0.5  # seconds between two looks; a writer keeps lines back until a further one, so less gives nothing
_WELL = {*map(str, WELL), Outcome.CHANGED, Outcome.COMPLIANT, Outcome.ROLLED_BACK}
WATCHING = Words(
    "watching",
    lambda row: str(row.came),
    tuple(dict.fromkeys(str(each) for each in (*Verdict, *Outcome) if str(each) not in _WELL)),
)


def watch(run: RunArgument = LAST, client: ClientOption = None, state: StateOption = STATE) -> None:
    """Follow a run from another terminal until it ends: which servers are in work, what each came to, how it ended.

    Ctrl-C ends the watching, and not the run.

    \b
    Reads the journals as they grow; connects to nothing and changes nothing. Exit status: that of the run, but for
    --strict; 2 where there is no such run; 3 where it was killed; 6 where a journal does not verify; 130 where the
    watching was ended, or the run was interrupted.

    \b
    Examples:
      exrun watch
      exrun watch 2026-11-28t0240 --client alpha
    """
    found = _of_client(find_run(state, run), client)
    parts = [Part(Followed(journal, SystemDisk()), lambda: datetime.now(UTC)) for journal in found.journals]
    try:
        follow(parts, lambda journal: is_written(journal.parent, SystemDisk()), time.sleep, _shown)
    except KeyboardInterrupt:
        tell(f"no longer watching the run {found.id}, which goes on; exrun watch {found.id} follows it again")
        raise typer.Exit(ExitStatus.INTERRUPTED) from None
    except BrokenOffError as error:
        tell(f"{error}. See exrun journal verify {found.id}.")
        raise typer.Exit(ExitStatus.JOURNAL) from None
    came = list(ran(found))
    emit(
        "".join(
            f"{line}\n"
            for line in folded(lines(newest_first(member(each, state_of(state)) for each in came)), terminal_width())
        )
    )
    for each in came:
        if each.state is not None and each.state.ended is None:
            heard = f"{each.state.last_at:%Y-%m-%d %H:%M:%S} UTC"
            tell(f"the run {found.id} was killed, as far as this machine can tell: last heard of {heard}")
    raise typer.Exit(max(map(status_of, came)))


def status_of(part: Ran) -> ExitStatus:
    """The exit status that one client's part of a run that is over comes to."""
    if part.state is None:
        return ExitStatus.JOURNAL
    match part.state.ended:
        case None:
            return ExitStatus.NOT_ALL_JUDGED
        case events.RunEnded(status=status):
            return _status(status)
        case events.RunInterrupted(status=status, reason=reason):
            return max(_status(status), status_of_end(reason))
        case _:
            assert_never(part.state.ended)


def _status(recorded: int) -> ExitStatus:
    """What a journal says, which a newer exrun may have written."""
    return ExitStatus(recorded) if recorded in {*ExitStatus} else ExitStatus.NOT_ALL_JUDGED


def _of_client(run: Run, client: str | None) -> Run:
    """The run, or one client's part of it.

    Raises:
        RunNotFoundError: it has no such client.
    """
    if client is None:
        return run
    from runner.earlier import beginning_of

    began = {journal: beginning_of(journal) for journal in run.journals}
    mine = tuple(path for path, each in began.items() if each and each.client.casefold() == client.casefold())
    if not mine:
        names = ", ".join(each.client for each in began.values() if each)
        raise RunNotFoundError(f"the run {run.id} has no client {client!r}; it has: {names}")
    return Run(run.id, mine)


@dataclass(frozen=True, slots=True)
class Named:
    """A server, as far as progress asks: its journal knows no more of it."""

    client: str
    name: str

    @property
    def key(self) -> str:
        """As of a host of an inventory."""
        return f"{self.client}/{self.name}"


@dataclass(frozen=True, slots=True)
class _AtWork:
    """A server in work: since when, what is done there, and whether it is being asked if it is well."""

    since: Moment
    what: str = ""
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Came:
    """What the work with a server came to, in a word."""

    client: str
    name: str
    came: str


class Part:
    """One client's part of a run that is followed.

    Args:
        now: UTC, by the clock of who watches.

    Attributes:
        over: it has an end, or no process writes it any more.
    """

    def __init__(self, journal: Followed, now: Callable[[], datetime]) -> None:
        self.journal = journal
        self.over = False
        self._now = now
        self._clock = JournalClock()
        self._began: Moment | None = None
        self._before = 0
        self._ended: set[str] = set()
        self._in_work: dict[str, _AtWork] = {}
        self._wave: events.WaveStarted | None = None
        self._plan: Plan | None = None
        self._planned: Mapping[str, PlannedHost] = {}

    @property
    def state(self) -> RunState:
        """After what was read; only where something was."""
        state = self.journal.state
        assert state is not None
        return state

    @property
    def hosts(self) -> int:
        """How many servers there is work with."""
        return len(self.state.started.hosts) if self._plan is None else len(self._planned)

    @property
    def ended(self) -> int:
        """How many servers have ended."""
        return len(self._ended)

    @property
    def before(self) -> int:
        """How many had when the run began, or was taken up again."""
        return self._before

    @property
    def ago(self) -> float | None:
        """Seconds since the run began, or was taken up again; None where the clocks contradict each other."""
        return None if self._began is None else self._clock.ago(self._began, self._now())

    def read(self) -> Sequence[tuple[object, Moment]]:
        """What has come since, and when it was recorded."""
        found = [(recorded.event, self._clock.read(recorded.time)) for recorded in self.journal.come()]
        for event, moment in found:
            self._note(event, moment)
        return found

    def _note(self, event: object, moment: Moment) -> None:
        match event:
            case events.RunStarted() | events.RunResumed():
                self._began, self._before = moment, len(self._ended)
                self._in_work.clear()  # whom the process before had begun is begun anew
            case events.WaveStarted():
                self._wave = event
            case events.HostStarted(host=host):
                self._ended.discard(host)
                self._in_work[host] = _AtWork(moment)
            case events.HealthAsked(host=host):
                self._in_work[host] = _AtWork(moment, asked=True)
            case events.HostEnded(host=host) | events.HostApplied(host=host):
                self._ended.add(host)
                self._in_work.pop(host, None)
            case events.HealthAnswered(host=host):
                self._in_work.pop(host, None)
            case events.ScriptSending(host=host) | events.ConnectionRetried(host=host) if host in self._in_work:
                self._in_work[host] = replace(self._in_work[host], what=_what(event))
            case _:
                pass

    def begin(self, progress: PlainProgress) -> None:
        """Says how far it is."""
        state, now = self.state, self._now()
        progress.say(
            f"watching run {state.run}, client {state.client}: {counted(self.hosts, 'server')} with "
            f"{state.started.playbook.name}"
        )
        for name in self._ended:
            progress.had_ended(self._came(state, name))
        if self._wave is not None and state.ended is None:
            self._tell_wave(self._wave, progress)
        for name, at_work in self._in_work.items() if state.ended is None else ():
            host, ago = _host(state, name), self._clock.ago(at_work.since, now)
            if at_work.asked:
                progress.asked(host, None, ago)
            else:
                progress.started(host, ago)
            if at_work.what:
                progress.doing(host, at_work.what)

    def look(self, progress: PlainProgress) -> None:
        """Reads on, and says what has come."""
        if came := self.read():
            state, now = self.state, self._now()
            for event, moment in came:
                self._tell(event, self._clock.ago(moment, now), state, progress)

    def know_the_plan(self) -> None:
        """Where it runs one, and that lies beside the journal as it was approved."""
        state = self.state
        if state.plan is not None and self._plan is None:
            with suppress(NotKeptError):  # what its servers came to is said at the end, or why not
                self._plan = kept_plan(self.journal.journal.parent, state.plan.plan, SystemDisk())
                self._planned = {each.host: each for each in self._plan.due}

    def _tell(self, event: object, ago: float | None, state: RunState, progress: PlainProgress) -> None:
        match event:
            case events.PlanTaken():
                self.know_the_plan()
            case events.WaveStarted():
                self._tell_wave(event, progress)
            case events.HostStarted(host=host):
                progress.started(_host(state, host), ago)
            case events.ScriptSending(host=host) | events.ConnectionRetried(host=host):
                progress.doing(_host(state, host), _what(event))
            case events.HealthAsked(host=host):
                progress.asked(_host(state, host), None, ago)
            case events.HealthAnswered(host=host, why=why):
                progress.asked(_host(state, host), why)
            case events.HostEnded(host=host) | events.HostApplied(host=host):
                progress.ended(self._came(state, host))
            case events.RunInterrupted(message=message):
                progress.say(message)
            case _:
                pass

    def _tell_wave(self, wave: events.WaveStarted, progress: PlainProgress) -> None:
        progress.wave_begins(wave.number, None if self._plan is None else len(waves_of(self._plan)), wave.hosts)

    def _came(self, state: RunState, name: str) -> Came:
        came, host = "ended", state.hosts.get(name)
        match None if host is None else host.ended:
            case events.HostEnded(verdict=verdict):
                came = verdict.value
            case events.HostApplied() if self._plan is not None and name in self._planned:
                came = applied_row(self._planned[name], state, self._plan).outcome.value
            case _:
                pass
        return Came(state.client, name, came)


def _host(state: RunState, name: str) -> Host:
    return cast("Host", Named(state.client, name))  # progress asks for name and key alone


def _what(event: events.ScriptSending | events.ConnectionRetried) -> str:
    """What is done on a server."""
    if isinstance(event, events.ConnectionRetried):
        return "connecting again"
    steps = [step for script in event.scripts for step in script.steps]
    more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
    return visible(f"{event.purpose} {steps[0]}{more}" if steps else str(event.purpose), _DOING)


def follow(
    parts: Sequence[Part],
    alive: Callable[[Path], bool],
    wait: Callable[[float], None],
    shown: Callable[[int], AbstractContextManager[PlainProgress]],
) -> None:
    """Reads on until every part has an end, or no process that would write one.

    Args:
        alive: whether a process writes a journal.
        wait: for so many seconds, before the next look.
        shown: what shows how it goes, of so many servers.

    Raises:
        BrokenOffError, JournalError, ContradictionError, UnreadableEventError: a journal cannot be read on.
    """
    for part in parts:
        while part.journal.state is None:
            written = alive(part.journal.journal)
            part.read()
            if part.journal.state is None:
                if not written:
                    where = part.journal.journal
                    raise RunNotFoundError(f"nothing is recorded in {where}; see exrun journal verify")
                wait(PAUSE)
    if all(part.state.ended is not None for part in parts):
        return  # there is nothing to be watched any more
    for part in parts:
        part.know_the_plan()
    with shown(sum(part.hosts for part in parts)) as progress:
        for part in parts:
            part.begin(progress)
        progress.caught_up(*_since_when(parts))
        while True:
            for part in parts:
                if not part.over:
                    written = alive(part.journal.journal)  # before it is read: what ends it may come in between
                    part.look(progress)
                    part.over = part.state.ended is not None or not written
            if all(part.over for part in parts):
                return
            wait(PAUSE)


def _since_when(parts: Sequence[Part]) -> tuple[float | None, int]:
    """How many seconds ago the work that goes on began, and how many servers had ended by then, of all parts."""
    going_on = [part for part in parts if part.state.ended is None]
    times = [part.ago for part in going_on]
    known = [ago for ago in times if ago is not None]
    before = sum(part.before if part.state.ended is None else part.ended for part in parts)
    return (max(known) if known and len(known) == len(times) else None), before


@contextmanager
def _shown(hosts: int) -> Iterator[PlainProgress]:
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from runner.cli.working import shown  # with all that a run of its own would need

        with shown(hosts, WATCHING, os.environ, terminal=True, debug=debugging()) as progress:
            yield progress
    else:
        yield PlainProgress(tell, hosts=hosts, words=WATCHING)
