"""Which runs a state directory has, and what their journals say."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from runner import events
from runner.disk import SystemDisk
from runner.journal.chain import Broken, Fault, Verified
from runner.journal.lines import Line, MalformedLineError, from_line
from runner.journal.location import JOURNAL
from runner.journal.verification import stored_head, verify
from runner.state import Folding, RunState

LAST = "last"
_MOST_OF_A_LINE = 1 << 26  # bytes; a run names its servers in its first line


class RunNotFoundError(ValueError):
    """Raised when a name fits no run, or several; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its id, and its journal below each client's directory."""

    id: str
    journals: tuple[Path, ...]


def runs(state: Path) -> Mapping[str, Run]:
    """All runs below a state directory, oldest first."""
    found: dict[str, list[Path]] = {}
    for journal in sorted(state.glob(f"*/runs/*/{JOURNAL}")):
        found.setdefault(journal.parent.name, []).append(journal)
    known = [Run(run, tuple(found[run])) for run in sorted(found)]
    ordered = [run for _, of_it in groupby(known, key=_second) for run in _by_beginning(list(of_it))]
    return {run.id: run for run in ordered}


def newest_first(state: Path) -> list[Run]:
    """All runs below a state directory."""
    return [*runs(state).values()][::-1]


def find_run(state: Path, reference: str) -> Run:
    """The run of this id, of the only id that begins so, or the newest for `last`.

    Raises:
        RunNotFoundError: there is none, or the beginning fits several.
    """
    known = runs(state)
    if not known:
        raise RunNotFoundError(f"there are no runs in {state}; name the directory with --state, or run an audit first")
    if reference.casefold() == LAST:
        return [*known.values()][-1]
    if reference in known:
        return known[reference]
    fitting = [run for run in known if reference and run.startswith(reference.casefold())]
    if len(fitting) == 1:
        return known[fitting[0]]
    if not fitting:
        raise RunNotFoundError(f"no run in {state} is called {reference!r}; the newest are: {_newest(known)}")
    raise RunNotFoundError(f"{reference!r} is the beginning of {len(fitting)} runs; the newest are: {_newest(fitting)}")


def _second(run: Run) -> str:
    """When a run began, by its id."""
    return run.id.rpartition("-")[0]


def _by_beginning(of_one_second: list[Run]) -> list[Run]:
    """Runs whose ids say no more than one second, oldest first, by the first line of their journals."""
    if len(of_one_second) == 1:
        return of_one_second
    return sorted(of_one_second, key=lambda run: (min(map(_began, run.journals)), run.id))


def _began(journal: Path) -> datetime:
    """By its first line; where that cannot be read nobody knows, and the run stands before the others."""
    line = first_line(journal)
    return datetime.min.replace(tzinfo=UTC) if line is None else line.time


def first_line(journal: Path) -> Line | None:
    """How a journal begins, not verified further; None where that cannot be read or is not whole."""
    try:
        with journal.open("rb") as file:
            return from_line(file.readline(_MOST_OF_A_LINE))
    except (OSError, MalformedLineError):
        return None


def _newest(names: Iterable[str]) -> str:
    return ", ".join(sorted(names, reverse=True)[:5])


@dataclass(frozen=True, slots=True)
class ClientRun:
    """One client's part of a run, as its journal has it.

    Attributes:
        verified: whether the journal is as it was written; `state` is of the lines before any that is not.
        torn: whether it ends in what a crash has left of a line, and is whole before that: no line that anybody relied
            on is missing, and who goes on cuts it off.
    """

    journal: Path
    verified: Verified | Broken
    state: RunState
    torn: bool = False

    @property
    def lines(self) -> int:
        """How many `state` is of."""
        return self.verified.intact if isinstance(self.verified, Broken) else self.verified.count

    @property
    def to_go_on(self) -> RunState | None:
        """The state to go on from; None where the journal is not what was written."""
        if self.torn:
            return replace(self.state, unread=self.state.unread - {None})
        return None if isinstance(self.verified, Broken) else self.state


def _is_torn(journal: Path, found: Verified | Broken) -> bool:
    if not isinstance(found, Broken) or found.fault is not Fault.TRUNCATED:
        return False
    try:
        head = stored_head(journal, SystemDisk())
    except (OSError, ValueError):
        return False
    return head is not None and head.sequence <= found.intact


@contextmanager
def uncollected() -> Iterator[None]:
    """While a run is read and shown: what is made of it forms no rings, and to look for some takes as long again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def read_run(run: Run, client: str | None = None) -> tuple[ClientRun, ...]:
    """The journals of a run: all, or the one of a client.

    Raises:
        RunNotFoundError: the run has no such client, or nothing was recorded.
        JournalUnreadable: a journal may not be read.
        ContradictionError: a journal says what no writer can have written.
        UnreadableEventError: a line is intact, and not one that this version can read.
    """
    parts: list[ClientRun] = []
    for journal in run.journals:
        folding = Folding()
        found = verify(journal, take=lambda line, folding=folding: folding.take(events.read(line)))  # type: ignore[misc]
        state = folding.state
        if state is not None:
            if isinstance(found, Broken) or found.after_head is None:  # lines may be missing
                state = replace(state, unread=state.unread | {None})
            parts.append(ClientRun(journal, found, state, _is_torn(journal, found)))
    if not parts:
        raise RunNotFoundError(f"nothing is recorded of the run {run.id}; see exrun journal verify")
    if client is None:
        return tuple(parts)
    wanted = [part for part in parts if part.state.client.casefold() == client.casefold()]
    if not wanted:
        raise RunNotFoundError(
            f"the run {run.id} has no client {client!r}; it has: {', '.join(part.state.client for part in parts)}"
        )
    return tuple(wanted)
