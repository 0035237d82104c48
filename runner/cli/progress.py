"""How a run goes on, on standard error: a few plain lines, and what the live line of a terminal says."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from threading import Lock
from types import TracebackType
from typing import Any, Protocol

from inventory.model import Host
from playbooks.findings import Verdict
from playbooks.investigating.standing import WELL
from runner.reports.fitting import cells, fitted, padded, shortened
from runner.rollout import Halt, Letting
from runner.terminal import visible
from texts.counting import counted

MOST_NAMED = 12  # servers in one line
_NAME = 64  # characters of a host's name; no whole one is longer in practice
_WIDE = 100  # columns from which the bar is longer
_LEAST_ENDED = 5  # servers, before a rate is told
SHARES = 10  # lines of a log at most about how many have ended


class Row(Protocol):
    """The row of a host, of whatever work."""

    @property
    def name(self) -> str: ...

    @property
    def client(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Words:
    """What a live line says of a kind of work.

    Attributes:
        doing: `auditing`.
        came: what a row comes to, in a word.
        told: of these words those that are counted, worst first.
    """

    doing: str
    came: Callable[[Any], str]
    told: tuple[str, ...]


AUDITING = Words("auditing", lambda row: str(row.verdict), tuple(str(each) for each in Verdict if each not in WELL))
PLANNING = replace(AUDITING, doing="planning")


class PlainProgress:
    """For logs and pipes: says what is out of order; of what is in order at most SHARES lines, and none of few servers.

    Args:
        say: a line of its own: above the live ones, where there are any.
        hosts: how many there are; 0 to say nothing of how many have ended.
        words: of the kind of work.
    """

    def __init__(
        self, say: Callable[[str], None], *, debug: bool = False, hosts: int = 0, words: Words | None = None
    ) -> None:
        self.say = say
        self._debug = debug
        self._hosts = hosts
        self._words = words
        self._ended = 0
        self._came: dict[str, int] = {}
        self._lock = Lock()

    def started(self, host: Host, ago: float | None = 0.0) -> None:
        """Nothing is said.

        Args:
            ago: seconds since then; None where nobody knows.
        """

    def ended(self, row: Row) -> None:
        """Says how many have ended, each time a further tenth has; nothing of the last, for the result comes then."""
        if self._words is None:
            return
        with self._lock:
            self._count(row)
            ended, found = self._ended, found_text(self._came, self._words.told)
        share = ceil(self._hosts / SHARES)
        if self._hosts >= 2 * SHARES and ended % share == 0 and ended < self._hosts:
            self.say(f"{ended} of {self._hosts} servers{f': {found}' if found else ''}")

    def had_ended(self, row: Row) -> None:
        """Counts a server that had ended before anybody looked; see `caught_up`."""
        with self._lock:
            self._count(row)

    def _count(self, row: Row) -> None:
        """One more has its row; with the lock."""
        assert self._words is not None
        self._ended += 1
        came = self._words.came(row)
        self._came[came] = self._came.get(came, 0) + 1

    def caught_up(self, ago: float | None, before: int) -> None:
        """Says how many had ended before anybody looked.

        Args:
            ago: seconds since the work of this run began, or was taken up again; None where nobody knows.
            before: how many had ended by then.
        """
        if self._words is not None and self._ended:
            found = found_text(self._came, self._words.told)
            self.say(f"{self._ended} of {counted(self._hosts, 'server')}{f': {found}' if found else ''}")

    def wave_begins(self, number: int, of: int | None, hosts: Sequence[str]) -> None:
        """Says which servers come next, where there are waves; `of` how many, None where nobody knows."""
        if of != 1:
            self.say(f"{wave_text(number, of)}: {named(hosts)}")

    def waits(self, what: str) -> None:
        """Nothing is said."""

    def doing(self, host: Host, what: str) -> None:
        """Nothing is said: a log would have thousands of lines."""

    def asked(self, host: Host, came: str | None, ago: float | None = 0.0) -> None:
        """Says which server is not well; `ago` as of `started`."""
        if came:
            self.say(f"{visible(host.name, _NAME)} did not pass the health check: {visible(came)}")

    def halting(self, halt: Halt) -> None:
        """Says why, and that it ends by itself."""
        match halt.letting:
            case Letting.DRAIN:
                self.say(f"{halt.why.message}; the servers in work are finished. Once more lets go of them.")
            case Letting.ABORT:
                self.say(f"{halt.why.message}; letting go of the servers in work, at most 5 s. Once more ends at once.")

    def defect(self, where: str, error: BaseException) -> None:
        """Says what failed; with --debug the traceback too."""
        self.say(f"exrun has a defect: {where}: {type(error).__name__}; that part is reported as unknown")
        if self._debug:
            for line in "".join(traceback.format_exception(error)).splitlines():
                self.say(line)

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to be tidied."""


def wave_text(number: int, of: int | None) -> str:
    """`wave 2 of 3`; `wave 2` where nobody knows how many there are."""
    return f"wave {number}" if of is None else f"wave {number} of {of}"


def found_text(found: Mapping[str, int], told: Iterable[str]) -> str:
    """`3 vulnerable, 1 unreachable`: what is told of, in this order; empty while there is nothing."""
    return ", ".join(f"{found[word]} {word}" for word in told if word in found)


@dataclass(frozen=True, slots=True)
class InWork:
    """A server in work: since when, and what it waits for; None and nothing where that is not known."""

    name: str
    since: float | None
    what: str = ""


@dataclass(frozen=True, slots=True)
class Going:
    """How far a run is. Times in seconds, on a clock that nobody sets.

    Attributes:
        doing: `auditing`.
        hosts: how many servers there are; `ended`, how many have a row.
        found: what those came to, as far as it is told of.
        wave: `wave 2 of 3`; empty where there are none.
        open_ended: whether further waves, or pauses, are to come: what ended says nothing of how long these take.
        waits: what servers that are not begun wait for.
        in_work: the longest at work first.
        before: how many of those that have ended had when the clock began: they say nothing of a rate.
    """

    doing: str
    hosts: int
    ended: int
    began: float
    found: str = ""
    wave: str = ""
    open_ended: bool = False
    waits: str = ""
    in_work: tuple[InWork, ...] = ()
    before: int = 0


def progress_lines(going: Going, now: float, width: int, most: int) -> tuple[str, ...]:
    """How far a run is, in at most so many lines of `width` cells; a server's name is never broken within.

    How many, how long, what was found; then wave, rate and the time left; then servers, the longest at work first, each
    with how long and what it waits for.

    Args:
        most: lines, at least 1.
    """
    bar = _bar(going, 16 if width >= _WIDE else 8)
    first = f"{going.doing} {bar} {going.ended}/{going.hosts} {spelt(now - going.began)}"
    lines = [fitted(f"{first}  {going.found}".rstrip(" "), width)]
    second = "; ".join(part for part in (going.wave, _rate(going, now), going.waits) if part)
    if second and most > 1:
        lines.append(fitted(f"  {second}", width))
    lines += _in_work_lines(going.in_work, now, width, most - len(lines))
    return tuple(lines)


def _in_work_lines(hosts: Sequence[InWork], now: float, width: int, most: int) -> Iterator[str]:
    """A line a server; the last counts those that have none."""
    if most < 1 or not hosts:
        return
    shown = hosts if len(hosts) <= most else hosts[: most - 1]
    names = [shortened(visible(each.name), width - 4) for each in shown]
    column = max((wide for name in names if (wide := cells(name)) <= width // 2), default=0)
    for each, name in zip(shown, names, strict=True):
        for_so_long = "-:--" if each.since is None else spelt(now - each.since)
        yield fitted(f"  {padded(name, column)}  {for_so_long}  {visible(each.what)}".rstrip(" "), width)
    if rest := len(hosts) - len(shown):
        yield f"  and {rest} more in work" if shown else f"  {counted(rest, 'server')} in work"


def _bar(going: Going, room: int) -> str:
    done = room * going.ended // max(going.hosts, 1)
    return f"[{'#' * done}{'.' * (room - done)}]"


def _rate(going: Going, now: float) -> str:
    """`12 a minute; about 3 min left`: of what ended, once as many have ended as are in work, and no sooner.

    No time left once the last are begun: those that hang there are not like those that ended.
    """
    seconds, left, ended = now - going.began, going.hosts - going.ended, going.ended - going.before
    if ended < max(_LEAST_ENDED, len(going.in_work)) or seconds <= 0 or not left:
        return ""
    a_minute = 60 * ended / seconds
    rate = f"{a_minute:.0f} a minute" if a_minute >= 1 else f"{60 * a_minute:.0f} an hour"
    return (
        rate
        if going.open_ended or left <= len(going.in_work)
        else f"{rate}; about {_about(left * seconds / ended)} left"
    )


def _about(seconds: float) -> str:
    """Rounded up, as coarse as it is known: `20 s`, `3 min`, `2 h`."""
    if seconds <= 90:
        return f"{10 * max(ceil(seconds / 10), 1)} s"
    return f"{ceil(seconds / 60)} min" if seconds <= 90 * 60 else f"{ceil(seconds / 3600)} h"


def spelt(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    whole = max(int(seconds), 0)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def named(hosts: Sequence[str]) -> str:
    """`EX1, EX2, EX3 and 7 more`."""
    more = f" and {len(hosts) - MOST_NAMED} more" if len(hosts) > MOST_NAMED else ""
    return f"{', '.join(visible(name, _NAME) for name in hosts[:MOST_NAMED])}{more}"


def opening(run: str, hosts: int, clients: int, playbook: str, doing: str) -> str:
    """The line that stands first: with it the run can be found again whatever happens."""
    return (
        f"run {run}: {doing} {counted(hosts, 'server')} of {counted(clients, 'client')} with {playbook}; nothing is "
        "changed"
    )
