"""How a run goes on, on a terminal: a few lines that are redrawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.text import Text

from inventory.model import Host
from runner.cli.progress import Going, InWork, PlainProgress, Row, Words, found_text, progress_lines, wave_text
from runner.reports.folding import folded
from runner.terminal import visible

_LINES = 7  # at most, however high the terminal is
_LEFT = 3  # lines of the terminal that stay with what was said before
_A_SECOND = 4  # times that the lines are redrawn


class LiveProgress(PlainProgress):
    """Lines that are redrawn: how many are done, what was found so far, and which servers are in work since when.

    Args:
        hosts: how many there are.
        words: of the kind of work.
        clock: seconds, on a clock that nobody sets.
    """

    def __init__(
        self,
        console: Console,
        hosts: int,
        words: Words,
        *,
        debug: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(lambda line: self._say(line), debug=debug, hosts=hosts, words=words)
        self._console = console
        self._told = words
        self._clock = clock
        self._began = clock()
        self._wave, self._open_ended, self._awaited = "", False, ""
        self._in_work: dict[str, InWork] = {}
        self._before = 0
        self._live = Live(self, console=console, transient=True, refresh_per_second=_A_SECOND)

    def _say(self, line: str) -> None:
        for each in folded([f"exrun: {visible(line)}"], self._console.width):
            self._console.print(Text(each))

    @property
    def going(self) -> Going:
        """How far the run is now."""
        with self._lock:
            several = len({key.partition("/")[0] for key in self._in_work}) > 1
            return Going(
                doing=self._told.doing,
                hosts=self._hosts,
                ended=self._ended,
                began=self._began,
                found=found_text(self._came, self._told.told),
                wave=self._wave,
                open_ended=self._open_ended,
                waits=self._awaited,
                in_work=tuple(
                    InWork(key if several else key.partition("/")[2], each.since, each.what)
                    for key, each in self._in_work.items()
                ),
                before=self._before,
            )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Names are data, not markup."""
        most = max(min(_LINES, console.height - _LEFT), 1)
        for line in progress_lines(self.going, self._clock(), options.max_width, most):
            yield Text(line, no_wrap=True, overflow="crop")

    def refresh(self) -> None:
        """Draws the lines now."""
        self._live.refresh()

    def started(self, host: Host, ago: float | None = 0.0) -> None:
        """Names the host."""
        with self._lock:
            self._in_work[host.key] = InWork(host.key, self._since(ago))

    def _since(self, ago: float | None) -> float | None:
        return None if ago is None else self._clock() - ago

    def ended(self, row: Row) -> None:
        """Counts the host and what it came to."""
        with self._lock:
            self._in_work.pop(f"{row.client}/{row.name}", None)
            self._count(row)

    def caught_up(self, ago: float | None, before: int) -> None:
        """The clock began when the work did; where nobody knows when that was it begins here, and what had ended says
        nothing of how fast it goes."""
        with self._lock:
            self._began = self._clock() - (ago or 0.0)
            self._before = self._ended if ago is None else before

    def wave_begins(self, number: int, of: int | None, hosts: Sequence[str]) -> None:
        """Says which servers come next, and names the wave."""
        super().wave_begins(number, of, hosts)
        with self._lock:
            self._wave = "" if of == 1 else wave_text(number, of)
            self._open_ended = of is None or number < of

    def waits(self, what: str) -> None:
        """Says what hosts wait for."""
        with self._lock:
            self._awaited = what

    def doing(self, host: Host, what: str) -> None:
        """Says what is done on the host, or what it waits for."""
        with self._lock:
            known = self._in_work.get(host.key)
            if known is not None:
                self._in_work[host.key] = InWork(known.name, known.since, what)

    def asked(self, host: Host, came: str | None, ago: float | None = 0.0) -> None:
        """Names a host that is asked whether it is well, for as long as it is."""
        super().asked(host, came)
        with self._lock:
            if came is None:
                self._in_work[host.key] = InWork(host.key, self._since(ago), "health check")
            else:
                self._in_work.pop(host.key, None)

    def __enter__(self) -> LiveProgress:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the lines away."""
        self._live.stop()
