"""How a run goes on, on standard error: a few plain lines, and what the live line of a terminal says."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol

from inventory.model import Host
from playbooks.findings import Verdict
from runner.fleet import Listener
from runner.results import WELL, HostResult
from runner.rollout import Halt, Letting
from runner.terminal import visible
from texts.counting import counted

SHOWN_HOSTS = 3
_NAME = 24  # characters of a host's name on the line


class ProgressListener(Listener[HostResult], Protocol):
    """A listener that shows something while it is entered."""

    def __enter__(self) -> ProgressListener: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainProgress:
    """For logs and pipes: says what is out of order, and nothing of what is in order."""

    def __init__(self, say: Callable[[str], None], *, debug: bool = False) -> None:
        self.say = say  # a line of its own: above the live one, where there is one
        self._debug = debug

    def started(self, host: Host) -> None:
        """Nothing is said."""

    def ended(self, row: HostResult) -> None:
        """Nothing is said: the table comes at the end."""

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


def found_text(found: Mapping[Verdict, int]) -> str:
    """`3 vulnerable, 1 unreachable`: what wants doing, worst first; empty while all is well."""
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in Verdict if verdict in found and verdict not in WELL)


def in_work_text(hosts: Mapping[str, None]) -> str:
    """`in work: alpha/EX1, alpha/EX2 and 6 more`: the longest at work come first."""
    if not hosts:
        return ""
    names = [visible(name, _NAME) for name in list(hosts)[:SHOWN_HOSTS]]
    more = f" and {len(hosts) - SHOWN_HOSTS} more" if len(hosts) > SHOWN_HOSTS else ""
    return f"in work: {', '.join(names)}{more}"


def opening(run: str, hosts: int, clients: int, playbook: str, doing: str = "auditing") -> str:
    """The line that stands first: with it the run can be found again whatever happens."""
    return (
        f"run {run}: {doing} {counted(hosts, 'server')} of {counted(clients, 'client')} with {playbook}; nothing is "
        "changed"
    )
