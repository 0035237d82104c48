"""Audits that were made before: which there are of a client, by the first lines of their journals, and one whole.

To look for one costs a line of each journal that is passed over. That line is believed no further: what it leads to is
verified before anything is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from runner import events
from runner.comparing import Audited
from runner.journal.location import JOURNAL, directory_name
from runner.plan.keeping import PLAN
from runner.replay import replay
from runner.runs import ClientRun, Run, first_line
from runner.state import RunState

__all__ = ["Beginning", "audited", "audits_of", "beginning_of", "is_audit", "previous_audit"]


@dataclass(frozen=True, slots=True)
class Beginning:
    """How one client's part of a run began, as the first line of its journal says; not verified further.

    `actor` is who began it, `user@machine`.
    """

    journal: Path
    run: str
    client: str
    at: datetime
    started: events.RunStarted
    actor: str

    @property
    def as_run(self) -> Run:
        """This client's part of it alone."""
        return Run(self.journal.parent.name, (self.journal,))


def beginning_of(journal: Path) -> Beginning | None:
    """None where the first line cannot be read, is not whole, or is no beginning that this version knows."""
    line = first_line(journal)
    if line is None:
        return None
    try:
        recorded = events.read(line)
    except events.UnreadableEventError:
        return None
    if not isinstance(recorded.event, events.RunStarted):
        return None
    return Beginning(journal, recorded.run, recorded.client, recorded.time, recorded.event, line.actor)


def is_audit(journal: Path) -> bool:
    """Whether it is of an audit: a run that made or ran a plan has it beside its journal."""
    return not (journal.parent / PLAN).exists()


def audits_of(state: Path, client: str) -> Iterator[Beginning]:
    """The audits of a client below a state directory, the newest first; each is looked at when it is asked for."""
    journals = (state / directory_name(client) / "runs").glob(f"*/{JOURNAL}")
    newest = sorted((each for each in journals if is_audit(each)), key=lambda each: each.parent.name, reverse=True)
    for _, of_one_second in groupby(newest, key=lambda each: each.parent.name.rpartition("-")[0]):
        found = [each for each in map(beginning_of, of_one_second) if each is not None and each.client == client]
        yield from sorted(found, key=lambda each: each.at, reverse=True)


def previous_audit(state: Path, later: Audited) -> Beginning | None:
    """The newest audit of the same client and playbook that began before; None where there is none."""
    playbook = later.started.playbook.name
    for each in audits_of(state, later.client):
        if each.at < later.began and each.run != later.audit.run and each.started.playbook.name == playbook:
            return each
    return None


def audited(part: ClientRun) -> Audited:
    """One client's part of a run, to be compared.

    Raises:
        ValueError: it is not as it was written, or it is of a run that changed servers.
    """
    state: RunState | None = part.to_go_on
    if state is None or state.plan is not None:
        raise ValueError("only an audit whose journal is whole can be compared")
    return Audited(state.client, state.started_at, state.started, replay([state]))
