"""An audit rebuilt from journals alone: the same rows that its command showed. Pure.

A host that a run selected and never came to has its row too, with the reason that the journal gives for the run's end.
"""

from __future__ import annotations

from collections.abc import Sequence

from playbooks.model import OnFailure
from runner import events
from runner.applied import Applied, AppliedHost, applied, unaccounted
from runner.hostlog import host_row, unstarted_row
from runner.plan.records import Plan, PlannedHost
from runner.results import NOT_LISTED, FleetResult, HostResult, Listed, StepResult, fleet_result
from runner.state import RunPhase, RunState
from runner.terms import End, Ending, Override, Terms
from runner.transport.failures import Cause, Failure, failure


def replay(states: Sequence[RunState]) -> FleetResult:
    """The audit of one run, from the states of its clients' journals.

    Raises:
        ValueError: there is no state, or they are of several runs.
    """
    if len({state.run for state in states}) != 1:
        raise ValueError("the journals of one run are needed, of one run only")
    rows = [row for state in states for row in client_rows(state)]
    return fleet_result(states[0].run, terms(states), rows)


def terms(states: Sequence[RunState]) -> Terms:
    """On what terms the rows of one run hold: the end of which least is known, and the overrides of all clients."""
    known = states[0].started
    end = max((_end(state) for state in states), key=lambda end: end.how.rank)
    overrides = dict.fromkeys(Override(each.option, each.value) for state in states for each in state.overrides)
    newer = sum(state.newer for state in states)
    return Terms(known.catalogue.as_of, known.today, end, tuple(overrides), known.catalogue.own, newer)


def _end(state: RunState) -> End:
    match state.ended:
        case events.RunEnded():
            return End()
        case events.RunInterrupted(reason=reason, message=message, next=then):
            return End(reason, message, then)
        case None:
            why = why_unfinished(state)
            return End(Ending.UNRECORDED, why.message, why.next)


def client_rows(state: RunState) -> tuple[HostResult, ...]:
    """The rows of one client, in the order of its selection."""
    known = {server.name: server.listed for server in state.started.servers}
    return tuple(_row(name, state, known.get(name, NOT_LISTED)) for name in state.started.hosts)


def replay_applied(state: RunState, plan: Plan) -> Applied:
    """What running a plan came to, from the state of its journal.

    Args:
        plan: the one that the journal names.
    """
    rows = tuple(applied_row(planned, state, plan) for planned in plan.due)
    return Applied(state.run, state.client, _end(state), rows, state.hosts)


def applied_row(planned: PlannedHost, state: RunState, plan: Plan) -> AppliedHost:
    """What running a plan came to on one of its hosts."""
    on_failure = {step.id: OnFailure(step.on_failure) for step in plan.steps}
    host = state.hosts.get(planned.host)
    if state.is_unread(planned.host):
        return unaccounted(planned, state.client, failure(Cause.DEFECT, "not all of the journal can be read"), 0, 0.0)
    ended = None if host is None else host.ended
    if isinstance(ended, events.HostApplied):
        return applied(planned, state.client, on_failure, host, ended.failure, ended.requests, ended.seconds)
    return applied(planned, state.client, on_failure, host, why_unfinished(state), 0, 0.0)


def why_unfinished(state: RunState) -> Failure:
    """Why a run did not come to a host, or to the end of the work with it."""
    if isinstance(state.ended, events.RunInterrupted):
        return Failure(Cause.INTERRUPTED, state.ended.message, state.ended.next)
    if state.phase is RunPhase.ENDED:
        return failure(Cause.DEFECT, "the run ended, and nothing is recorded of how the work with this server did")
    if None in state.unread:
        return failure(Cause.INTERRUPTED, "no end of this run can be read here: not all of its journal can be")
    return failure(Cause.INTERRUPTED, "no end of this run is recorded: it is still running, or it was killed")


def _row(name: str, state: RunState, listed: Listed) -> HostResult:
    host, steps, unread = state.hosts.get(name), state.started.steps, state.is_unread(name)
    if host is None:
        if not unread:
            return unstarted_row(name, state.client, steps, why_unfinished(state), listed)
        why = why_unfinished(state)
        return host_row(name, state.client, steps, {}, {}, why, 0, 0.0, listed=listed, unread=True)
    ended = host.ended
    return host_row(
        name,
        state.client,
        steps,
        {step: StepResult(each.step, each.action, each.assessment) for step, each in host.assessed.items()},
        host.answers_by_script,
        why_unfinished(state) if ended is None else ended.failure,
        0 if ended is None else ended.requests,
        0.0 if ended is None else ended.seconds,
        listed=listed,
        open_changes={
            step: f"attempt {each.key.number} to {each.key.purpose} {each.key.step}"
            for each in host.unsettled
            for step in each.steps
        },
        unread=unread,
    )
