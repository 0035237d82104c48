"""How a run goes on, on a terminal: one line that is redrawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import TracebackType

from rich.console import Console, ConsoleOptions
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
from runner.cli.progress import PlainProgress, Row, Words, found_text, state_text
from runner.terminal import visible

_WIDE = 100  # columns from which the bar does not take the room of a name


class LiveProgress(PlainProgress):
    """One line that is redrawn: how many are done, what was found so far, and which servers are in work."""

    def __init__(self, console: Console, hosts: int, words: Words, *, debug: bool = False) -> None:
        super().__init__(lambda line: console.print(Text(f"exrun: {visible(line)}")), debug=debug)
        self._words = words
        self._found: dict[str, int] = {}
        self._in_work: dict[str, str] = {}
        self._lock = Lock()
        bar = 16 if console.width >= _WIDE else 8
        self._progress = Progress(
            TextColumn(words.doing, table_column=_fixed(len(words.doing))),
            BarColumn(bar_width=bar, table_column=_fixed(bar)),
            MofNCompleteColumn(table_column=_fixed(2 * len(str(hosts)) + 1)),
            TimeElapsedColumn(table_column=_fixed(7)),
            _State(),
            console=console,
            expand=True,
            transient=True,
            refresh_per_second=8,
        )
        self._task: TaskID = self._progress.add_task("", total=hosts, wave="", waits="", found="", in_work={})

    def started(self, host: Host) -> None:
        """Names the host."""
        with self._lock:
            self._in_work[host.key] = ""
            self._progress.update(self._task, in_work=dict(self._in_work))

    def ended(self, row: Row) -> None:
        """Counts the host and what it came to."""
        with self._lock:
            self._in_work.pop(f"{row.client}/{row.name}", None)
            came = self._words.came(row)
            self._found[came] = self._found.get(came, 0) + 1
            self._progress.update(
                self._task,
                advance=1,
                found=found_text(self._found, self._words.told),
                in_work=dict(self._in_work),
            )

    def wave_begins(self, number: int, of: int, hosts: Sequence[str]) -> None:
        """Says which servers come next, and names the wave."""
        super().wave_begins(number, of, hosts)
        if of > 1:
            with self._lock:
                self._progress.update(self._task, wave=f"wave {number} of {of}")

    def waits(self, what: str) -> None:
        """Says what hosts wait for."""
        with self._lock:
            self._progress.update(self._task, waits=what)

    def doing(self, host: Host, what: str) -> None:
        """Says what is done on the host."""
        with self._lock:
            if host.key in self._in_work:
                self._in_work[host.key] = what
                self._progress.update(self._task, in_work=dict(self._in_work))

    def asked(self, host: Host, came: str | None) -> None:
        """Names a host that is asked whether it is well, for as long as it is."""
        super().asked(host, came)
        with self._lock:
            if came is None:
                self._in_work[host.key] = "health check"
            else:
                self._in_work.pop(host.key, None)
            self._progress.update(self._task, in_work=dict(self._in_work))

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the line away."""
        self._progress.stop()


class _State(ProgressColumn):
    """What was found and what is in work, as far as the line has room."""

    def __init__(self) -> None:
        super().__init__(Column(ratio=1, no_wrap=True))

    def render(self, task: Task) -> _Fitting:
        fields = task.fields
        return _Fitting(fields["wave"], fields["found"], fields["waits"], fields["in_work"])


@dataclass(frozen=True, slots=True)
class _Fitting:
    """See `state_text`. Names are data, not markup."""

    wave: str
    found: str
    waits: str
    in_work: Mapping[str, str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield Text(state_text(options.max_width, self.wave, self.found, self.waits, self.in_work), no_wrap=True)


def _fixed(width: int) -> Column:
    """What must not give way to the state, however long that is."""
    return Column(min_width=width, no_wrap=True)
