"""Rows of an audit as lines of JSON on standard output, while the audit goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from inventory.model import Host
from runner.cli.output import let_go
from runner.opening import Following
from runner.reports.jsonl import server_line, summary_line
from runner.results import FleetResult, HostResult
from runner.rollout import Halt


@dataclass(frozen=True, slots=True)
class _Both:
    progress: Following
    lines: LineStream

    def started(self, host: Host) -> None:
        """See Following."""
        self.progress.started(host)

    def doing(self, host: Host, what: str) -> None:
        """See Following."""
        self.progress.doing(host, what)

    def ended(self, row: HostResult) -> None:
        """See Following."""
        self.lines.tell(row)
        self.progress.ended(row)

    def halting(self, halt: Halt) -> None:
        """See Following."""
        self.progress.halting(halt)

    def defect(self, where: str, error: BaseException) -> None:
        """See Following."""
        self.progress.defect(where, error)


class LineStream:
    """A line a server as soon as it has its row. A reader that is slow, or gone, holds up no server.

    Lines are written by a thread of their own, which alone waits for the reader.
    """

    def __init__(self, run: str, out: TextIO) -> None:
        self._run = run
        self._out = out
        self._failed: Exception | None = None
        self._told: set[tuple[str, str]] = set()
        self._rows: queue.SimpleQueue[Callable[[], str] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="lines", daemon=True)
        self._writer.start()

    def tell(self, row: HostResult) -> None:
        """Takes the row of a server; each is written once, however often it is told."""
        if (row.client, row.name) not in self._told:
            self._told.add((row.client, row.name))
            self._rows.put(lambda: server_line(self._run, row))

    def beside(self, progress: Following) -> Following:
        """Who tells both the progress, of everything, and these lines, of each row."""
        return _Both(progress, self)

    def end(self, audit: FleetResult) -> None:
        """Writes the rows that nobody told, such as those of servers that were not begun, and the summary, and waits.

        Raises:
            OSError: standard output took not all of it, for another reason than that its reader is gone.
        """
        for row in audit.hosts:
            self.tell(row)
        self._rows.put(lambda: summary_line(audit))
        self.leave()
        match self._failed:
            case None:
                return
            case BrokenPipeError():  # `| head`, which changes nothing of the audit
                let_go()
            case _:
                raise self._failed

    def leave(self) -> None:
        """Writes nothing more, and waits for what was told."""
        self._rows.put(None)
        self._writer.join()

    def _write(self) -> None:
        while (line := self._rows.get()) is not None:
            if self._failed is not None:
                continue
            try:
                self._out.write(line())
                self._out.flush()
            except Exception as error:
                self._failed = error
