"""How a run goes on, on standard error: live on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from types import TracebackType
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from inventory.model import Host
from playbooks.findings import Verdict
from runner.fleet import Listener
from runner.results import WELL, HostAudit
from runner.rollout import Halt, Letting
from runner.terminal import visible
from texts.counting import counted

SHOWN_HOSTS = 3
_NAME = 24  # characters of a host's name on the line


class ProgressListener(Listener[HostAudit], Protocol):
    """A listener that shows something while it is entered."""

    def __enter__(self) -> ProgressListener: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainProgress:
    """For logs and pipes: says what is out of order, and nothing of what is in order."""

    def __init__(self, say: Callable[[str], None], *, debug: bool = False) -> None:
        self._say = say
        self._debug = debug

    def started(self, host: Host) -> None:
        """Nothing is said."""

    def ended(self, audit: HostAudit) -> None:
        """Nothing is said: the table comes at the end."""

    def halting(self, halt: Halt) -> None:
        """Says why, and that it ends by itself."""
        match halt.letting:
            case Letting.DRAIN:
                self._say(f"{halt.why.message}; the servers in work are finished. Once more lets go of them.")
            case Letting.ABORT:
                self._say(
                    f"{halt.why.message}; letting go of the servers in work, at most 5 s. Once more ends at once."
                )

    def defect(self, where: str, error: Exception) -> None:
        """Says what failed; with --debug the traceback too."""
        self._say(f"exrun has a defect: {where}: {type(error).__name__}; that part is reported as unknown")
        if self._debug:
            for line in "".join(traceback.format_exception(error)).splitlines():
                self._say(line)

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to be tidied."""


class LiveProgress(PlainProgress):
    """One line that is redrawn: how many are done, what was found so far, and which servers are in work."""

    def __init__(self, console: Console, hosts: int, *, debug: bool = False) -> None:
        super().__init__(lambda line: console.print(Text(visible(line))), debug=debug)
        self._found: dict[Verdict, int] = {}
        self._in_work: dict[str, None] = {}
        self._lock = Lock()
        self._progress = Progress(
            TextColumn("auditing", table_column=_fixed(8)),
            BarColumn(bar_width=16, table_column=_fixed(16)),
            MofNCompleteColumn(table_column=_fixed(2 * len(str(hosts)) + 1)),
            TimeElapsedColumn(table_column=_fixed(7)),
            _State(),
            console=console,
            expand=True,
            transient=True,
            refresh_per_second=8,
        )
        self._task: TaskID = self._progress.add_task("", total=hosts, found="", in_work="")

    def started(self, host: Host) -> None:
        """Names the host."""
        with self._lock:
            self._in_work[host.key] = None
            self._progress.update(self._task, in_work=in_work_text(self._in_work))

    def ended(self, audit: HostAudit) -> None:
        """Counts the host and its verdict."""
        with self._lock:
            self._in_work.pop(f"{audit.client}/{audit.name}", None)
            self._found[audit.verdict] = self._found.get(audit.verdict, 0) + 1
            self._progress.update(
                self._task, advance=1, found=found_text(self._found), in_work=in_work_text(self._in_work)
            )

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the line away."""
        self._progress.stop()


class _State(ProgressColumn):
    """What was found and what is in work, as far as the line has room. Names are data, not markup."""

    def __init__(self) -> None:
        super().__init__(Column(ratio=1, no_wrap=True, overflow="ellipsis"))

    def render(self, task: Task) -> Text:
        parts = [task.fields["found"], task.fields["in_work"]]
        return Text("; ".join(part for part in parts if part), overflow="ellipsis", no_wrap=True)


def _fixed(width: int) -> Column:
    """What must not give way to the state, however long that is."""
    return Column(min_width=width, no_wrap=True)


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


@contextmanager
def shown(hosts: int, environment: Mapping[str, str], *, terminal: bool, debug: bool) -> Iterator[PlainProgress]:
    """The progress that suits standard error."""
    if terminal and environment.get("TERM") != "dumb":
        console = Console(stderr=True, no_color="NO_COLOR" in environment and environment["NO_COLOR"] != "")
        with LiveProgress(console, hosts, debug=debug) as live:
            yield live
    else:
        yield PlainProgress(lambda line: typer.echo(f"exrun: {visible(line)}", err=True), debug=debug)


def opening(run: str, hosts: int, clients: int, playbook: str) -> str:
    """The line that stands first: with it the run can be found again whatever happens."""
    return (
        f"run {run}: auditing {counted(hosts, 'server')} of {counted(clients, 'client')} with {playbook}; nothing is "
        "changed"
    )
