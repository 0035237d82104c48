"""Which scripts that only read go out next, and which may not go again. Pure.

A script that has surely not begun is sent when its turn comes, however often a pipeline ended before it. One that may
have begun and gave no answer is sent **once** more, and whoever sends it is told first (`repeated`), so that a journal
has the intent. After that it stays without an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runner.transport.batch import Batch
from runner.transport.failures import Failure
from runner.transport.interface import NotRun, Repeated, Script, ScriptResult


class Asking:
    """What has become of the scripts of one `observe`.

    Args:
        scripts: independent of each other.
        apart: those that share no pipeline with the others, and come after them.
    """

    def __init__(self, scripts: Sequence[Script], apart: Callable[[Script], bool] = lambda _: False) -> None:
        self._scripts = tuple(scripts)
        self._apart = [apart(script) for script in scripts]
        self._results: list[ScriptResult | None] = [None] * len(scripts)
        self._may_have_run: dict[int, tuple[Failure, bool | None]] = {}
        self._sent_again: set[int] = set()
        self._alone: set[int] = set()

    @property
    def results(self) -> tuple[ScriptResult, ...]:
        """One for each script, in order, once `group` is empty."""
        return tuple(result for result in self._results if result is not None)

    def group(self) -> list[int]:
        """The scripts that make the next pipeline, by their places; none when each has its result."""
        missing = [index for index, result in enumerate(self._results) if result is None]
        waiting = [index for index in missing if not self._apart[index]] or missing
        return [index for index in waiting if index not in self._alone] or waiting[:1]

    def scripts(self, group: Sequence[int]) -> list[Script]:
        """The scripts of a group."""
        return [self._scripts[index] for index in group]

    def repeated(self, group: Sequence[int]) -> list[Repeated]:
        """To be told before this group leaves: which of it may run for the second time, and why. Counts them."""
        again: dict[Failure, list[Script]] = {}
        for index in group:
            if index in self._may_have_run:
                again.setdefault(self._may_have_run[index][0], []).append(self._scripts[index])
                self._sent_again.add(index)
        return [Repeated(why, tuple(scripts)) for why, scripts in again.items()]

    def take(self, group: Sequence[int], batch: Batch, why: Failure, *, alone: bool) -> None:
        """What came of a pipeline.

        Args:
            batch: of this group.
            why: there is no answer where there is none.
            alone: what may have begun goes into a pipeline of its own, where none can be taken for another.
        """
        for place, index in enumerate(group):
            self._results[index] = batch.results[place]
            started = batch.started(place)
            if self._results[index] is not None or started is False:
                continue
            if index in self._sent_again:
                self._results[index] = NotRun(self._scripts[index], why, started)
                continue
            self._may_have_run[index] = why, started
            if alone:
                self._alone.add(index)

    def give_up(self, why: Failure) -> None:
        """Nothing more is sent."""
        for index, result in enumerate(self._results):
            if result is None:
                _, started = self._may_have_run.get(index, (why, False))
                self._results[index] = NotRun(self._scripts[index], why, started)
