"""What a run has come to, as a fold over its records: pure, and the same for any beginning of a journal.

`resume`, `status` and reports start from here; nothing else remembers what a run did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from runner.events import Event
from runner.journal.lines import Json, Line

Item = TypeVar("Item")


class ContradictionError(ValueError):
    """Raised for records that one writer cannot have written in this order; names the sequence."""

    def __init__(self, record: Line, why: str) -> None:
        super().__init__(f"line {record.sequence} ({record.event}): {why}")
        self.sequence = record.sequence


class RunPhase(StrEnum):
    """How far a run is."""

    RUNNING = "running"  # or killed: a journal cannot tell the two apart, the lock can
    INTERRUPTED = "interrupted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Sent:
    """The intent to send is written and no answer is: whether the script ran is unknown."""

    script_hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """The script's answer, as the record's data has it."""

    script_hash: str
    at: datetime
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Assessed:
    """The judgement of a step, as the record's data has it."""

    at: datetime
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class HostProgress:
    """One host. `scripts` by step: the last that was sent; `ended` is the data of host-ended, None until then."""

    name: str
    started_at: datetime
    scripts: Mapping[str, Sent | Answered] = field(default_factory=lambda: MappingProxyType({}))
    assessments: Mapping[str, Assessed] = field(default_factory=lambda: MappingProxyType({}))
    ended: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class RunState:
    """One run of one client.

    Attributes:
        started: data of run-started.
        script_texts: data of script-named, by script hash.
        overrides: data of each override.
        ended: data of run-ended or run-interrupted.
    """

    run: str
    client: str
    phase: RunPhase
    started_at: datetime
    started: Mapping[str, Json]
    last_at: datetime
    hosts: Mapping[str, HostProgress] = field(default_factory=lambda: MappingProxyType({}))
    script_texts: Mapping[str, Mapping[str, Json]] = field(default_factory=lambda: MappingProxyType({}))
    overrides: tuple[Mapping[str, Json], ...] = ()
    ended: Mapping[str, Json] | None = None
    resumed: int = 0

    @property
    def unsettled(self) -> tuple[tuple[str, str, Sent], ...]:
        """Host, step and intent wherever an answer is missing: to be collected again before anything else."""
        return tuple(
            (host.name, step, script)
            for host in self.hosts.values()
            for step, script in host.scripts.items()
            if isinstance(script, Sent)
        )


def fold(records: Iterable[Line]) -> RunState | None:
    """The state after these records; None before run-started. The same as `advance` over all of them.

    Raises:
        ContradictionError: an answer without an intent, a host twice, a record of another run, and the like.
    """
    state: RunState | None = None
    hosts: dict[str, HostProgress] = {}  # copied into the state once, not with each of a large fleet's records
    for record in records:
        if state is not None and record.event in _OF_A_HOST:
            state = _running(state, record)
            name, host = _host_after(hosts.get(record.host or ""), record, resumed=bool(state.resumed))
            hosts[name] = host
        else:
            state = advance(state, record)
    return state if state is None else replace(state, hosts=MappingProxyType(hosts))


def advance(state: RunState | None, record: Line) -> RunState | None:
    """The state after one more record; see `fold`."""
    if state is None:
        return _begin(record)
    if record.event == Event.RUN_RESUMED:
        return replace(_of_this_run(state, record), phase=RunPhase.RUNNING, ended=None, resumed=state.resumed + 1)
    if record.event == Event.TAIL_DROPPED:
        return _of_this_run(state, record)
    state = _running(state, record)
    match record.event:
        case Event.RUN_STARTED:
            raise ContradictionError(record, "the run had started before")
        case Event.RUN_ENDED:
            return replace(state, phase=RunPhase.ENDED, ended=record.data)
        case Event.RUN_INTERRUPTED:
            return replace(state, phase=RunPhase.INTERRUPTED, ended=record.data)
        case Event.OVERRIDE:
            return replace(state, overrides=(*state.overrides, record.data))
        case Event.SCRIPT_NAMED:
            return replace(state, script_texts=_with(state.script_texts, _script(record), record.data))
        case _:
            known = state.hosts.get(record.host or "")
            name, host = _host_after(known, record, resumed=bool(state.resumed))
            return replace(state, hosts=_with(state.hosts, name, host))


def _of_this_run(state: RunState, record: Line) -> RunState:
    if (record.run, record.client) != (state.run, state.client):
        raise ContradictionError(record, "it is of another run or client")
    return replace(state, last_at=record.time)


def _running(state: RunState, record: Line) -> RunState:
    state = _of_this_run(state, record)
    if state.phase is not RunPhase.RUNNING:
        raise ContradictionError(record, f"the run had {state.phase} and was not resumed")
    return state


def _begin(record: Line) -> RunState | None:
    match record.event:
        case Event.TAIL_DROPPED:
            return None
        case Event.RUN_STARTED:
            return RunState(record.run, record.client, RunPhase.RUNNING, record.time, record.data, record.time)
        case _:
            raise ContradictionError(record, "the run had not started")


_OF_A_HOST = frozenset(
    {
        Event.HOST_STARTED,
        Event.HOST_ENDED,
        Event.SCRIPT_SENDING,
        Event.SCRIPT_ANSWERED,
        Event.STEP_ASSESSED,
        Event.CONNECTION_RETRIED,
        Event.POOL_REPLACED,
    }
)


def _host_after(host: HostProgress | None, record: Line, *, resumed: bool) -> tuple[str, HostProgress]:
    """The host that a record is about, and how far it is after it."""
    if record.host is None:
        raise ContradictionError(record, "it names no host")
    if record.event == Event.HOST_STARTED:
        if host is not None and host.ended is None and not resumed:
            raise ContradictionError(record, f"{record.host} had started before")
        # What a resumed run had learnt of the host stays: an intent without an answer above all.
        return record.host, HostProgress(record.host, record.time) if host is None else replace(host, ended=None)
    if host is None:
        raise ContradictionError(record, f"{record.host} had not started")
    if host.ended is not None:
        raise ContradictionError(record, f"{record.host} had ended")
    return record.host, _next(host, record)


def _next(host: HostProgress, record: Line) -> HostProgress:
    if record.event == Event.HOST_ENDED:
        return replace(host, ended=record.data)
    if record.event in (Event.CONNECTION_RETRIED, Event.POOL_REPLACED):
        return host
    if record.step is None:
        raise ContradictionError(record, "it names no step")
    match record.event:
        case Event.SCRIPT_SENDING:
            return replace(host, scripts=_with(host.scripts, record.step, Sent(_script(record), record.time)))
        case Event.SCRIPT_ANSWERED:
            sent = host.scripts.get(record.step)
            if not isinstance(sent, Sent) or sent.script_hash != _script(record):
                raise ContradictionError(record, "no intent to send this script stands before it")
            answer = Answered(sent.script_hash, record.time, record.data)
            return replace(host, scripts=_with(host.scripts, record.step, answer))
        case Event.STEP_ASSESSED:
            return replace(host, assessments=_with(host.assessments, record.step, Assessed(record.time, record.data)))
        case _:
            raise ContradictionError(record, "this event does not concern a step")


def _script(record: Line) -> str:
    if record.script_hash is None:
        raise ContradictionError(record, "it names no script hash")
    return record.script_hash


def _with(mapping: Mapping[str, Item], key: str, value: Item) -> Mapping[str, Item]:
    return MappingProxyType({**mapping, key: value})
