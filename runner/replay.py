"""An audit rebuilt from journals alone: the same rows that its command showed. Pure.

A host that a run selected and never came to has its row too, with the reason that the journal gives for the run's end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from playbooks.catalogue.origin import OwnRows
from runner.journal.lines import Json
from runner.recording import StepName, UnreadableRunError, host_row, override_of, step_audit, unstarted_row
from runner.results import FleetAudit, HostAudit, fleet_audit
from runner.state import Answered, HostProgress, RunPhase, RunState
from runner.terms import End, Ending, Terms
from runner.transport.failures import Cause, Failure, failure


@dataclass(frozen=True, slots=True)
class Started:
    """What the rows of a run need of its run-started. `hosts` are all that it selected, in order."""

    steps: tuple[StepName, ...]
    hosts: tuple[str, ...]
    catalogue_as_of: date
    today: date
    own_rows: OwnRows | None


def started(data: Mapping[str, Json]) -> Started:
    """Reads the data of run-started.

    Raises:
        UnreadableRunError: it is not that of an audit by this version.
    """
    match data:
        case {"steps": [*steps], "hosts": [*hosts], "catalogue": {"as_of": str(as_of), **tables}, "today": str(today)}:
            pass
        case _:
            raise UnreadableRunError("this is not the journal of an audit by this version")
    names: list[StepName] = []
    for step in steps:
        match step:
            case {"id": str(name), "action": str(action), "script": str(script)}:
                names.append(StepName(name, action, script))
            case _:
                raise UnreadableRunError("a step of the playbook has no id, no action or no script")
    try:
        days = date.fromisoformat(as_of), date.fromisoformat(today)
    except ValueError as error:
        raise UnreadableRunError("the catalogue's day or that of the run is no day") from error
    return Started(tuple(names), tuple(str(host) for host in hosts), *days, _own_rows(tables.get("own")))


def _own_rows(data: object) -> OwnRows | None:
    match data:
        case {"folder": str(folder), "rows": Mapping() as rows}:
            return OwnRows(folder, {table: count for table, count in rows.items() if isinstance(count, int)})
        case _:  # none, or a journal of a version that knew no own rows
            return None


def replay(states: Sequence[RunState]) -> FleetAudit:
    """The audit of one run, from the states of its clients' journals.

    Raises:
        UnreadableRunError: a journal is not that of an audit by this version.
        ValueError: there is no state, or they are of several runs.
    """
    if len({state.run for state in states}) != 1:
        raise ValueError("the journals of one run are needed, of one run only")
    rows = [row for state in states for row in client_rows(state)]
    return fleet_audit(states[0].run, terms(states), rows)


def terms(states: Sequence[RunState]) -> Terms:
    """On what terms the rows of one run hold: the end of which least is known, and the overrides of all clients.

    Raises:
        UnreadableRunError: see `replay`.
    """
    known = started(states[0].started)
    end = max((_end(state) for state in states), key=lambda end: end.how.rank)
    overrides = dict.fromkeys(override_of(data) for state in states for data in state.overrides)
    return Terms(known.catalogue_as_of, known.today, end, tuple(overrides), known.own_rows)


def _end(state: RunState) -> End:
    match state.phase:
        case RunPhase.ENDED:
            return End()
        case RunPhase.INTERRUPTED:
            why = why_unfinished(state)
            said = None if state.ended is None else state.ended.get("reason")
            known = next((ending for ending in Ending if ending == said), Ending.INTERRUPTED)
            return End(known, why.message, why.next)
        case RunPhase.RUNNING:
            why = why_unfinished(state)
            return End(Ending.UNRECORDED, why.message, why.next)


def client_rows(state: RunState) -> tuple[HostAudit, ...]:
    """The rows of one client, in the order of its selection.

    Raises:
        UnreadableRunError: see `replay`.
    """
    known = started(state.started)
    return tuple(_row(name, state, known) for name in known.hosts)


def why_unfinished(state: RunState) -> Failure:
    """Why a run did not come to a host, or to the end of the work with it."""
    if state.phase is RunPhase.INTERRUPTED and state.ended is not None:
        match state.ended:
            case {"message": str(message), "next": str(then)}:
                return Failure(Cause.INTERRUPTED, message, then)
            case _:
                pass
    if state.phase is RunPhase.ENDED:
        return failure(Cause.DEFECT, "the run ended, and nothing is recorded of how the work with this server did")
    return failure(Cause.INTERRUPTED, "no end of this run is recorded: it is still running, or it was killed")


def _row(name: str, state: RunState, known: Started) -> HostAudit:
    host = state.hosts.get(name)
    if host is None:
        return unstarted_row(name, state.client, known.steps, why_unfinished(state))
    ended: Mapping[str, Json] | None = host.ended
    if ended is None:
        why = why_unfinished(state)
        ended = {
            "requests": 0,
            "seconds": 0.0,
            "failure": {"cause": why.cause.value, "message": why.message, "next": why.next},
        }
    return ended_row(host, state.client, known.steps, ended)


def ended_row(host: HostProgress, client: str, steps: Sequence[StepName], ended: Mapping[str, Json]) -> HostAudit:
    """The row of a host that was worked with."""
    assessed = {step: step_audit(step, each.data) for step, each in host.assessments.items()}
    sent = {script.script_hash: isinstance(script, Answered) for script in host.scripts.values()}
    try:
        return host_row(host.name, client, steps, assessed, sent, ended)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRunError(f"the end of {host.name} is not one of an audit by this version") from error
