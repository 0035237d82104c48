"""How a run goes on, on standard error: a few plain lines, and what the live line of a terminal says."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType
from typing import Any, Protocol

from inventory.model import Host
from playbooks.findings import Verdict
from playbooks.investigating.standing import WELL
from runner.rollout import Halt, Letting
from runner.terminal import visible
from texts.counting import counted

SHOWN_HOSTS = 3
MOST_NAMED = 12  # servers in one line
_NAME = 64  # characters of a host's name; no whole one is longer in practice


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
    """For logs and pipes: says what is out of order, and nothing of what is in order."""

    def __init__(self, say: Callable[[str], None], *, debug: bool = False) -> None:
        self.say = say  # a line of its own: above the live one, where there is one
        self._debug = debug

    def started(self, host: Host) -> None:
        """Nothing is said."""

    def ended(self, row: Row) -> None:
        """Nothing is said: the table comes at the end."""

    def wave_begins(self, number: int, of: int, hosts: Sequence[str]) -> None:
        """Says which servers come next, where there are waves."""
        if of > 1:
            self.say(f"wave {number} of {of}: {named(hosts)}")

    def waits(self, what: str) -> None:
        """Nothing is said."""

    def doing(self, host: Host, what: str) -> None:
        """Nothing is said: a log would have thousands of lines."""

    def asked(self, host: Host, came: str | None) -> None:
        """Says which server is not well."""
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


def found_text(found: Mapping[str, int], told: Iterable[str]) -> str:
    """`3 vulnerable, 1 unreachable`: what is told of, in this order; empty while there is nothing."""
    return ", ".join(f"{found[word]} {word}" for word in told if word in found)


def state_text(room: int, wave: str, found: str, waits: str, in_work: Mapping[str, str]) -> str:
    """`wave 2 of 3; 1 failed; in work: EX1 (apply services) and 3 more`: as much as has room, and no part of a name.

    What waits is left out first, then further servers, what is done on them, and the wave; what was found goes last.

    Args:
        room: characters.
        in_work: by name what is done there, the longest at work first.
    """
    for parts in _states(wave, found, waits, in_work):
        said = "; ".join(part for part in parts if part)
        if len(said) <= room:
            return said
    return found[:room]


def _states(wave: str, found: str, waits: str, in_work: Mapping[str, str]) -> Iterator[Sequence[str]]:
    """The parts of a line, from all that there is to say down to the least."""
    yield wave, found, in_work_text(in_work), waits
    for most in range(SHOWN_HOSTS, 0, -1):
        yield wave, found, in_work_text(in_work, most)
    for most in range(SHOWN_HOSTS, 0, -1):
        yield wave, found, in_work_text(dict.fromkeys(in_work, ""), most)
    yield found, in_work_text(dict.fromkeys(in_work, ""), 1)
    yield wave, found, f"in work: {len(in_work)}" if in_work else waits
    yield found, f"in work: {len(in_work)}" if in_work else ""
    yield (found,)


def in_work_text(hosts: Mapping[str, str], most: int = SHOWN_HOSTS) -> str:
    """`in work: alpha/EX1 (apply services), alpha/EX2 and 6 more`: the longest at work come first.

    The client's name stands there where there are several.
    """
    if not hosts:
        return ""
    alone = len({name.partition("/")[0] for name in hosts}) == 1
    doing = [
        f"{visible(name.partition('/')[2] if alone else name, _NAME)}{f' ({what})' if what else ''}"
        for name, what in islice(hosts.items(), most)
    ]
    more = f" and {len(hosts) - most} more" if len(hosts) > most else ""
    return f"in work: {', '.join(doing)}{more}"


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
