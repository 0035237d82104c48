"""Which runs a state directory has, and what their journals say."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from runner import events
from runner.disk import SystemDisk
from runner.journal.chain import Broken, Fault, Verified
from runner.journal.location import JOURNAL
from runner.journal.verification import stored_head, verify
from runner.state import Folding, RunState

LAST = "last"


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
    return {run: Run(run, tuple(found[run])) for run in sorted(found)}


def newest_first(state: Path) -> list[Run]:
    """All runs below a state directory."""
    return sorted(runs(state).values(), key=_age, reverse=True)


def find_run(state: Path, reference: str) -> Run:
    """The run of this id, of the only id that begins so, or the newest for `last`.

    Raises:
        RunNotFoundError: there is none, or the beginning fits several.
    """
    known = runs(state)
    if not known:
        raise RunNotFoundError(f"there are no runs in {state}; name the directory with --state, or run an audit first")
    if reference.casefold() == LAST:
        return max(known.values(), key=_age)
    if reference in known:
        return known[reference]
    fitting = [run for run in known if reference and run.startswith(reference.casefold())]
    if len(fitting) == 1:
        return known[fitting[0]]
    if not fitting:
        raise RunNotFoundError(f"no run in {state} is called {reference!r}; the newest are: {_newest(known)}")
    raise RunNotFoundError(f"{reference!r} is the beginning of {len(fitting)} runs; the newest are: {_newest(fitting)}")


def _age(run: Run) -> tuple[str, int, str]:
    """When a run began: by its id, and of several of one second by what was written last."""
    return run.id.rpartition("-")[0], max(journal.stat().st_mtime_ns for journal in run.journals), run.id


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
