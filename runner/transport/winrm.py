"""One host over WinRM: one runspace pool, batches of scripts, and an end to every wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runner.transport.gate import Gate
from runner.transport.http import HttpTransport
from runner.transport.interface import Deadlines, Limits, Notice, Script, ScriptResult
from runner.transport.retry import RetryBudget
from runner.transport.wire import Cancellation


class WinRmTransport:
    """A Transport (interface.py) over pypsrp."""

    def __init__(
        self,
        http: HttpTransport,
        gate: Gate,
        *,
        limits: Limits,
        deadlines: Deadlines,
        clock: Callable[[], float],
        cancellation: Cancellation,
        budget: RetryBudget,
        repeatable: bool,
        notify: Callable[[Notice], None],
    ) -> None:
        self._http = http
        self._cancellation = cancellation

    @property
    def requests(self) -> int:
        return self._http.requests

    def open(self) -> None:
        raise NotImplementedError("lands next")

    def run(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        raise NotImplementedError("lands next")

    def cancel(self) -> None:
        self._cancellation.set()

    def close(self) -> None:
        self._http.close()
