"""How far a run is: what it does, whether it goes on, what its servers came to, and which command comes next. Pure.

Has a published schema: docs/reference/schemas/status.json.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from playbooks.findings import Verdict
from runner import events
from runner.applied import Applied
from runner.moves import Outcome
from runner.reports.folding import Command
from runner.reports.json import Count, as_text
from runner.reports.typed_next import PLAIN, Begun, begun, plan, resume, show, verify
from runner.state import RunState
from runner.terminal import visible
from texts.counting import counted

__all__ = [
    "Doing",
    "Going",
    "Ran",
    "RunMember",
    "lines",
    "member",
    "newest_first",
    "schema_of_runs",
    "schema_text",
    "to_json",
]

SCHEMA: Literal["exrun.status/1"] = "exrun.status/1"
_AGAIN = frozenset({Outcome.UNKNOWN, Outcome.UNREACHABLE, Outcome.PENDING})
_NEW_PLAN = frozenset({Outcome.FAILED, Outcome.REFUSED, Outcome.DEFERRED})


class Doing(StrEnum):
    """What a run does."""

    AUDIT = "audit"
    PLAN = "plan"
    APPLY = "apply"
    ROLLBACK = "rollback"


class Going(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    KILLED = "killed"  # no process writes its journal, and it has no end
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    UNREADABLE = "unreadable"  # its journal does not verify, or says what no writer can have written


@dataclass(frozen=True, slots=True)
class Ran:
    """What is known of one client's part of a run.

    Attributes:
        state: None where the journal cannot be read; `why` then says why.
        alive: whether a process writes its journal now.
        planned: whether it made a plan.
        applied: what its hosts came to, where it ran a plan.
        params: of the playbook, of that plan.
    """

    run: str
    client: str
    state: RunState | None
    alive: bool
    planned: bool
    applied: Applied | None = None
    waves: int = 0
    why: str = ""
    params: Mapping[str, object] = field(default_factory=dict)

    def is_of(self, client: str) -> bool:
        """Whether it is this client's by its own word; of what cannot be read only its place says whose it is."""
        return self.state is None or self.client.casefold() == client.casefold()


class RunMember(BaseModel):
    """One client's part of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    run: str
    client: str
    doing: Doing | None
    going: Going
    playbook: str = Field(description="its name; empty where the journal cannot be read")
    started: datetime | None
    last: datetime | None = Field(description="when something was recorded last")
    hosts: Count = Field(description="servers of the run; of one that runs a plan those with a change")
    ended: Count = Field(description="of them, those with which work has ended")
    wave: Count = Field(description="begun last; 0 where there are none")
    waves: Count
    outcomes: dict[str, Count] = Field(description="those that occur, by server")
    verdicts: dict[Verdict, Count] = Field(
        description="of an audit or a plan, those that occur among servers with which work has ended, worst first"
    )
    in_doubt: Count = Field(description="scripts that may have changed something and of which nobody knows what became")
    plan: str | None = Field(description="the plan's id, of a run that runs one")
    why: str = Field(description="why it did not come to its end, or cannot be read; empty otherwise")
    next: str = Field(description="the command that comes next; empty where there is none")


def member(ran: Ran, state_named: str = "") -> RunMember:
    """As the published schema has it.

    Args:
        state_named: where the runs lie; empty for the usual place.
    """
    state = ran.state
    if state is None:
        then = verify(ran.run, Begun(state=state_named))
        return RunMember(
            run=as_text(ran.run),
            client=as_text(ran.client),
            doing=None,
            going=Going.UNREADABLE,
            playbook="",
            started=None,
            last=None,
            hosts=0,
            ended=0,
            wave=0,
            waves=0,
            outcomes={},
            verdicts={},
            in_doubt=0,
            plan=None,
            why=as_text(ran.why),
            next=then,
        )
    going = _going(ran, state)
    hosts = len(state.started.hosts)
    doing = _doing(ran, state)
    undoing = doing is Doing.ROLLBACK  # which goes over all in one wave
    return RunMember(
        run=as_text(ran.run),
        client=as_text(ran.client),
        doing=doing,
        going=going,
        playbook=as_text(state.started.playbook.name),
        started=state.started_at,
        last=state.last_at,
        hosts=hosts,
        ended=sum(host.ended is not None for host in state.hosts.values()),
        wave=0 if undoing else state.wave,
        waves=0 if undoing else ran.waves,
        outcomes=dict(_outcomes(ran, state)),
        verdicts=_verdicts(state),
        in_doubt=sum(attempt.key.purpose.changes for _, attempt in state.unsettled),
        plan=None if state.plan is None else state.plan.id,
        why=as_text(state.ended.message) if isinstance(state.ended, events.RunInterrupted) else "",
        next=as_text(_next(ran, state, going, begun(state.started, state_named))),
    )


def _going(ran: Ran, state: RunState) -> Going:
    match state.ended:
        case events.RunEnded():
            return Going.ENDED
        case events.RunInterrupted():
            return Going.INTERRUPTED
        case None:
            return Going.RUNNING if ran.alive else Going.KILLED


def _doing(ran: Ran, state: RunState) -> Doing:
    if state.plan is None:
        return Doing.PLAN if ran.planned else Doing.AUDIT
    return Doing.ROLLBACK if any(host.undoing for host in state.hosts.values()) else Doing.APPLY


def _outcomes(ran: Ran, state: RunState) -> Mapping[str, int]:
    if ran.applied is not None:
        return ran.applied.counts
    ended = [host.ended for host in state.hosts.values()]
    return Counter(each.outcome.value for each in ended if isinstance(each, events.HostEnded))


def _verdicts(state: RunState) -> dict[Verdict, int]:
    ended = [host.ended.verdict for host in state.hosts.values() if isinstance(host.ended, events.HostEnded)]
    return {verdict: count for verdict in Verdict if (count := ended.count(verdict))}


def _next(ran: Ran, state: RunState, going: Going, to: Begun) -> str:
    if going is Going.RUNNING:
        return ""
    if state.plan is None:
        return show(ran.run, to, client=ran.client)
    came = set() if ran.applied is None else {host.outcome for host in ran.applied.hosts}
    if came & _AGAIN or going is Going.KILLED:
        return resume(ran.run, to)
    if not came & _NEW_PLAN:
        return show(ran.run, to, client=ran.client)
    selection = f"client:{ran.client}" if PLAIN.fullmatch(ran.client) else f'client:"{ran.client}"'
    playbook = to.playbook or state.started.playbook.name
    return plan(playbook, selection, replace(to, policy=""), out="plan-again.json", params=ran.params)


def newest_first(found: Iterable[RunMember]) -> list[RunMember]:
    """By when they began; what cannot be read, by its id."""

    def key(each: RunMember) -> tuple[str, str]:
        return "" if each.started is None else each.started.isoformat(), each.run

    return sorted(found, key=key, reverse=True)


def to_json(found: Sequence[RunMember]) -> str:
    """One object, indented, of printable ASCII only."""
    runs = [each.model_dump(mode="json") for each in found]
    return json.dumps({"schema": SCHEMA, "runs": runs}, indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/status.json has it."""
    return schema_of_runs(SCHEMA, "newest first", {})


def schema_of_runs(name: str, order: str, more: Mapping[str, Any]) -> str:
    """The schema of a document whose `runs` are RunMembers.

    Args:
        name: of the schema, such as `exrun.status/1`.
        order: what `runs` holds, and in which order.
        more: further members, each with its schema; none may be missing.
    """
    run = RunMember.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    properties = {
        "schema": {"const": name},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/RunMember"}, "description": order},
        **more,
    }
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {**run.pop("$defs", {}), "RunMember": run},
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": sorted(properties),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def lines(found: Sequence[RunMember]) -> Iterator[str]:
    """For people: two lines a run, and what is out of order."""
    for each in found:
        client = visible(each.client)
        if each.started is None or each.last is None:
            yield f"{visible(each.run)}  {client}  {each.going}: {visible(each.why)}"
        else:
            wave = f", wave {each.wave} of {each.waves}" if each.waves > 1 else ""
            plan = "" if each.plan is None else f" of plan {each.plan}"
            yield f"{visible(each.run)}  {client}  {each.doing}{plan}: {each.going}{wave}"
            of = {verdict.value: count for verdict, count in each.verdicts.items()} or each.outcomes
            came = ", ".join(f"{count} {word}" for word, count in of.items()) or "none has ended"
            last = f"last recorded {each.last:%Y-%m-%d %H:%M:%S} UTC"
            yield f"  {visible(each.playbook)}, {counted(each.hosts, 'server')}: {came}; {last}"
            if each.in_doubt:
                yield f"  in doubt: {counted(each.in_doubt, 'script')}: nobody knows whether they changed something"
            if each.why:
                yield f"  {visible(each.why)}"
        if each.next:
            yield Command("  next", visible(each.next))
