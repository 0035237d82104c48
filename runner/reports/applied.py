"""What applying a plan came to: of each server its outcome and what became of every change, worst first. Pure.

    AppliedRun (the plan, the rows, what the journal says) -> AppliedDocument -> text, JSON

All that is shown is of the document, which has a published schema: docs/reference/schemas/applied.json. A server that
the run never came to has its row too, and what nobody knows is said as that.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from playbooks.model import OnFailure
from runner.applied import WARNED, AppliedHost, AppliedStep, applied, unaccounted
from runner.events import Approved, Purpose, Settlement
from runner.moves import Ended, HostSoFar, NotOfThePlanError, Outcome, StepSoFar, Tried, so_far
from runner.plan.records import Plan, PlannedChange, PlannedHost, PlannedStep, Standing
from runner.reports import typed_next
from runner.reports.folding import Command, Verbatim, folded
from runner.reports.json import Count, EndMember, as_text
from runner.reports.plan import value_lines
from runner.reports.plan_json import ValueMember
from runner.reports.plan_wording import scripts_of, value_changes
from runner.reports.typed_next import USUAL, Begun
from runner.state import HostProgress
from runner.terminal import visible
from runner.terms import End, Ending
from runner.transport.failures import Cause, Failure, failure
from texts.counting import counted

__all__ = [
    "TONES",
    "AppliedDocument",
    "AppliedRun",
    "AppliedStepMember",
    "Became",
    "counts",
    "document",
    "in_short",
    "is_as_planned",
    "is_undone",
    "json_text",
    "schema_text",
    "step_lines",
    "text",
]

SCHEMA: Literal["exrun.applied/1"] = "exrun.applied/1"
LIMIT = 2000  # characters of one text on a terminal
_NAMED = 20  # servers whose names stand in one line
_TOLD = frozenset({Outcome.CHANGED, Outcome.COMPLIANT, Outcome.SKIPPED, Outcome.DEFERRED})
_RESUME = "{resume}"  # the command
_AGAIN = "plan this server again: exrun plan"
_NEXT: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.UNKNOWN: f"Look at it again, before anything else is sent there: {_RESUME}",
        Outcome.FAILED: f"See why, mend that, and {_AGAIN}",
        Outcome.REFUSED: f"It is not as it was when the plan was made: {_AGAIN}",
        Outcome.UNREACHABLE: f"See that it can be reached, then: {_RESUME}",
        Outcome.ROLLED_BACK: f"It is as it was before: see why, and {_AGAIN}",
        Outcome.PENDING: f"Go on: {_RESUME}",
        Outcome.DEFERRED: f"What it hangs on was to be changed first: {_AGAIN}",
    }
)


# How an outcome is coloured: act, look into it, nothing to do, or nothing was run.
TONES: Mapping[Outcome, Literal["grave", "open", "well", "soft"]] = MappingProxyType(
    {
        Outcome.UNKNOWN: "grave",
        Outcome.FAILED: "grave",
        Outcome.REFUSED: "open",
        Outcome.UNREACHABLE: "open",
        Outcome.ROLLED_BACK: "open",
        Outcome.PENDING: "open",
        Outcome.CHANGED: "well",
        Outcome.COMPLIANT: "well",
        Outcome.DEFERRED: "open",
        Outcome.SKIPPED: "soft",
    }
)


class Became(StrEnum):
    """What became of a change on a server."""

    IN_DOUBT = "in-doubt"  # a script was sent, and it is not known what it came to
    PARTLY_MADE = "partly-made"
    NOT_MADE = "not-made"  # its script was sent, and came to nothing
    UNDONE = "undone"  # it was made, or partly, and then undone
    MADE = "made"
    NOT_SENT = "not-sent"  # no script of it ran


@dataclass(frozen=True, slots=True)
class AppliedRun:
    """Everything that is known of a run that applies a plan.

    Attributes:
        digest: SHA-256 of the plan's file.
        rows: of the hosts that have one, in any order; what has none was not begun.
        progress: by host, what the journal says of it; a host that is not here was not begun.
        end: how the run ended.
        waves: the hosts of each wave, in the order of the waves, as far as that is decided. Empty where it is not.
        approvals: that counted when the run began, or went on.
        begun: what it was begun with.
    """

    run: str
    plan: Plan
    digest: str
    rows: Sequence[AppliedHost]
    progress: Mapping[str, HostProgress]
    end: End
    waves: Sequence[Sequence[str]] = ()
    approvals: Sequence[Approved] = ()
    begun: Begun = USUAL


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ApprovalMember(_Member):
    """An approval that counted: of whom, as the policy names them, and the fingerprint of the key."""

    by: str
    key: str


class PlanMember(_Member):
    """The plan that was applied."""

    id: str
    sha256: str
    playbook: str
    made: datetime
    planner: str
    policy: str | None = Field(description="SHA-256 of the policy; null where no approval was asked for")
    approvals: list[ApprovalMember] = Field(description="those that counted when the run began, or last went on")


class ChangeMember(_Member):
    """One change of the plan."""

    id: str
    title: str
    became: Became
    values: list[ValueMember] = Field(description="as they were planned, those that stay as they are too")
    sent: Count = Field(description="how often its apply script left, whatever came of it")
    undoing: Count = Field(description="the same of its rollback script")
    apply: str = Field(description="SHA-256")
    rollback: str | None = Field(description="SHA-256; null where it cannot be undone")
    scripts: dict[str, str] = Field(description="SHA-256 of each script by what it is for: evidence, apply, rollback")


class AppliedStepMember(_Member):
    """One step on one server."""

    step: str
    action: str
    outcome: Outcome
    why: str = Field(description="may quote the server, never to be trusted")
    changes: list[ChangeMember]


class AppliedHostMember(_Member):
    """One server of the plan."""

    name: str
    wave: Count | None = Field(description="from 1; null where it is of none")
    outcome: Outcome = Field(description="the worst of its steps")
    why: str = Field(description="may quote the server, never to be trusted")
    next: str = Field(description="what to do now; empty where nothing is")
    planned: bool = Field(description="whether it could be planned; if not, nothing is sent there under this plan")
    begun: bool = Field(description="whether this run began to work with it")
    touched: bool = Field(description="whether a script that changes something may have run there")
    open_ends: list[str] = Field(description="steps that this plan does not run: not known when it was made, deferred")
    became: dict[Became, Count] = Field(description="its changes; what became of none is left out")
    steps: list[AppliedStepMember] = Field(description="in the order of the plan")
    requests: Count
    seconds: float = Field(ge=0)


class WaveMember(_Member):
    """One wave."""

    number: Count
    hosts: list[str]
    outcomes: dict[Outcome, Count] = Field(description="those that occur")


class AppliedSummaryMember(_Member):
    """Totals. Every outcome, and everything that can become of a change, has a count, zero included."""

    hosts: Count
    outcomes: dict[Outcome, Count]
    changes: Count = Field(description="of the plan")
    became: dict[Became, Count]
    not_planned: Count = Field(description="servers that could not be planned: nothing is sent there under this plan")
    open_ends: Count = Field(description="servers with steps that this plan does not run")


class AppliedDocument(_Member):
    """What `exrun show --format json` says of a run that applied a plan. Members are only ever added within one number
    of `schema`."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["exrun.applied/1"] = Field(alias="schema")
    run: str
    client: str
    plan: PlanMember
    end: EndMember
    waves: list[WaveMember]
    hosts: list[AppliedHostMember] = Field(description="worst first")
    untouched: list[str] = Field(description="servers with a change in the plan on which none of its scripts ran")
    summary: AppliedSummaryMember = Field(description="of all servers, whatever part of them is shown")
    texts: dict[str, str] | None = Field(description="the scripts of these changes, by SHA-256; only with --script")


def document(run: AppliedRun, *, only: frozenset[str] | None = None, texts: bool = False) -> AppliedDocument:
    """The run as the published schema has it. A lone surrogate, which is no text, becomes U+FFFD.

    Args:
        only: these hosts, by name in lower case; the totals are of all. None for all.
        texts: whether the scripts' texts are wanted.
    """
    plan = run.plan
    waves = {name: number for number, wave in enumerate(run.waves, start=1) for name in wave}
    rows = {row.name: row for row in run.rows}
    hosts = [_host(run, each, rows.get(each.host), waves.get(each.host)) for each in plan.hosts]
    hosts.sort(key=lambda host: (_WORST[host.outcome], host.wave or 0, host.name.casefold(), host.name))
    changing = {host.host for host in plan.hosts if host.changes}
    shown = hosts if only is None else [host for host in hosts if host.name.casefold() in only]
    return AppliedDocument(
        schema=SCHEMA,
        run=as_text(run.run),
        client=as_text(plan.client),
        plan=PlanMember(
            id=plan.id,
            sha256=run.digest,
            playbook=as_text(plan.playbook.source),
            made=plan.made,
            planner=as_text(plan.planner),
            policy=plan.policy,
            approvals=[ApprovalMember(by=as_text(each.by), key=as_text(each.key)) for each in run.approvals],
        ),
        end=EndMember(how=run.end.how, message=as_text(run.end.message)),
        waves=[_wave(number, wave, hosts) for number, wave in enumerate(run.waves, start=1)],
        hosts=shown,
        untouched=[host.name for host in hosts if host.name in changing and not host.touched],
        summary=_summary(hosts),
        texts=_texts(plan, shown) if texts else None,
    )


def _texts(plan: Plan, hosts: Sequence[AppliedHostMember]) -> dict[str, str]:
    changes = [change for host in hosts for step in host.steps for change in step.changes]
    used = {sha for change in changes for sha in change.scripts.values()}
    return {sha: plan.texts[sha] for sha in sorted(used)}


_WORST = {outcome: rank for rank, outcome in enumerate(Outcome)}


def json_text(found: AppliedDocument) -> str:
    """One object, indented, of printable ASCII only."""
    return json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/applied.json has it."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **AppliedDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _host(run: AppliedRun, plan: PlannedHost, row: AppliedHost | None, wave: int | None) -> AppliedHostMember:
    progress = run.progress.get(plan.host)
    known, row = _known(run, plan, row, progress)
    steps = [
        _step(run.plan, planned, step, None if known is None else known.steps.get(step.step, StepSoFar()))
        for planned, step in zip(plan.steps, row.steps, strict=True)
    ]
    begun = progress is not None
    resume = typed_next.resume(run.run, run.begun) or "exrun resume"
    became = Counter(change.became for step in steps for change in step.changes)
    return AppliedHostMember(
        name=as_text(plan.host),
        wave=wave,
        outcome=row.outcome,
        why=as_text(_why(plan, row, begun=begun)),
        next="" if plan.refused else as_text(_next(row).format(resume=resume)),
        planned=not plan.refused,
        begun=begun,
        touched=became.total() > became[Became.NOT_SENT],
        open_ends=[step.step for step in plan.steps if step.standing in (Standing.UNKNOWN, Standing.DEFERRED)],
        became={each: became[each] for each in Became if became[each]},
        steps=steps,
        requests=row.requests,
        seconds=round(row.seconds, 3),
    )


def _next(row: AppliedHost) -> str:
    if row.undoing and row.outcome is Outcome.ROLLED_BACK:  # as somebody asked for
        return ""
    if row.undoing and row.outcome is Outcome.FAILED:
        return f"It is not undone: see why, then: {_RESUME}"
    return _NEXT.get(row.outcome, "")


def _known(
    run: AppliedRun, plan: PlannedHost, row: AppliedHost | None, progress: HostProgress | None
) -> tuple[HostSoFar | None, AppliedHost]:
    """What the journal says of a host, None where it contradicts the plan; and its row."""
    try:
        known = so_far(progress, plan)
        if row is None:
            on_failure = {step.id: OnFailure(step.on_failure) for step in run.plan.steps}
            row = applied(plan, run.plan.client, on_failure, progress, _without_row(plan, run.end), 0, 0.0)
    except NotOfThePlanError as error:
        return None, row or unaccounted(plan, run.plan.client, failure(Cause.DEFECT, str(error)), 0, 0.0)
    return known, row


def _without_row(plan: PlannedHost, end: End) -> Failure | None:
    """Why a host has no row of its own; None where the plan leaves it alone."""
    if plan.refused:
        return None
    return failure(Cause.INTERRUPTED, end.message or "nothing is recorded of the work with it")


def _step(plan: Plan, planned: PlannedStep, row: AppliedStep, known: StepSoFar | None) -> AppliedStepMember:
    action = next((each.action for each in plan.steps if each.id == planned.step), "")
    return AppliedStepMember(
        step=as_text(planned.step),
        action=as_text(action),
        outcome=row.outcome,
        why=as_text(row.why),
        changes=[_change(each, known) for each in planned.changes],
    )


def _change(planned: PlannedChange, known: StepSoFar | None) -> ChangeMember:
    tried = [] if known is None else [each for each in known.tried if each.change == planned.change.id]
    return ChangeMember(
        id=as_text(planned.change.id),
        title=as_text(planned.change.title),
        became=Became.IN_DOUBT if known is None else _became(tried),
        values=[ValueMember(**asdict(each)) for each in value_changes(planned.change)],
        sent=sum(each.purpose is Purpose.APPLY for each in tried),
        undoing=sum(each.purpose is Purpose.ROLLBACK for each in tried),
        apply=planned.apply,
        rollback=planned.rollback,
        scripts=dict(scripts_of(planned)),
    )


def _became(tried: Sequence[Tried]) -> Became:
    """What became of a change, of all sendings of its scripts in their order."""
    became = Became.NOT_SENT
    for each in tried:
        match each.purpose, each.settlement:
            case _, None:
                return Became.IN_DOUBT
            case _, Settlement.NOT_DONE if each.ended is Ended.NOT_STARTED:
                pass
            case (Purpose.ROLLBACK, Settlement.DONE) | (Purpose.CONFIRM, Settlement.NOT_DONE):
                became = Became.UNDONE  # where it was confirmed too late, by the server itself
            case Purpose.APPLY, Settlement.DONE:
                became = Became.MADE
            case ((Purpose.APPLY | Purpose.ROLLBACK), Settlement.PARTLY_DONE):
                became = Became.PARTLY_MADE
            case Purpose.APPLY, Settlement.NOT_DONE:
                became = Became.NOT_MADE
            case _:  # undone it is not, or confirmed: it stands as it did
                pass
    return became


def _why(plan: PlannedHost, row: AppliedHost, *, begun: bool) -> str:
    """Of the worst step: what came of it."""
    if plan.refused:
        return f"not planned: {plan.refused}"
    told = [f"{step.step}: {step.why}" for step in row.steps if step.outcome is row.outcome and step.why]
    why = "; ".join(dict.fromkeys(told)) or ("" if row.failure is None else row.failure.message)
    if begun or row.outcome is Outcome.PENDING:
        return why
    # What was found stands first: on a narrow screen that is all that is left of it.
    return f"{why}; as it was when the plan was made, not looked at since" if plan.steps else why


def _wave(number: int, names: Sequence[str], hosts: Sequence[AppliedHostMember]) -> WaveMember:
    found = Counter(host.outcome for host in hosts if host.wave == number)
    return WaveMember(
        number=number,
        hosts=[as_text(name) for name in names],
        outcomes={outcome: found[outcome] for outcome in Outcome if found[outcome]},
    )


def _summary(hosts: Sequence[AppliedHostMember]) -> AppliedSummaryMember:
    outcomes = Counter(host.outcome for host in hosts)
    became: Counter[Became] = Counter()
    for host in hosts:
        became.update(host.became)
    return AppliedSummaryMember(
        hosts=len(hosts),
        outcomes={outcome: outcomes[outcome] for outcome in Outcome},
        changes=became.total(),
        became={each: became[each] for each in Became},
        not_planned=sum(not host.planned for host in hosts),
        open_ends=sum(bool(host.open_ends) for host in hosts),
    )


def text(found: AppliedDocument, width: int | None = None, *, whole: bool = True, begun: Begun = USUAL) -> str:
    """The run for people at a terminal: a line for a server that is well, every step of others; then the totals.

    Args:
        width: columns of the terminal; None where lines may be of any length.
        whole: whether all of it is shown; if not, every server has all that is known of it, and there are no totals.
        begun: what the run was begun with.
    """
    return "".join(f"{line}\n" for line in folded(_lines(found, begun, whole=whole), width))


def _lines(found: AppliedDocument, begun: Begun, *, whole: bool) -> Iterator[str]:
    plan = found.plan
    yield f"run {_shown(found.run)}, client {_shown(found.client)}: plan {plan.id} of {_shown(plan.playbook)}"
    yield f"  made {plan.made:%Y-%m-%d %H:%M} UTC by {_shown(plan.planner)}, SHA-256 {plan.sha256}"
    if plan.policy is None:
        yield "  no approval was asked for: the plan was made without a policy"
    for each in plan.approvals:
        yield f"  approved by {_shown(each.by)} ({_shown(each.key)})"
    if found.end.how is not Ending.COMPLETE:
        yield f"  NOT FINISHED: {_shown(found.end.message) or found.end.how}"
    yield ""
    for host in found.hosts:
        if not whole:
            yield from _host_in_full(host, found.texts or {})
        elif not is_as_planned(host):
            yield from _host_lines(host)
    if whole:
        if alone := [_shown(host.name) for host in found.hosts if is_as_planned(host)]:
            yield f"compliant when the plan was made, and not looked at since: {', '.join(alone)}"
        yield ""
        yield from _totals(found, begun)


def _totals(found: AppliedDocument, begun: Begun) -> Iterator[str]:
    for wave in found.waves:
        yield f"wave {wave.number}: {counted(len(wave.hosts), 'server')}: {counts(wave.outcomes)}"
    summary = found.summary
    yield f"{counted(summary.hosts, 'server')}: {counts(summary.outcomes)}"
    yield f"{counted(summary.changes, 'change')}: {counts(summary.became)}"
    if found.untouched:
        rest = len(found.untouched) - _NAMED
        more = f" and {rest} more" if rest > 0 else ""
        yield f"not touched: {', '.join(_shown(name) for name in found.untouched[:_NAMED])}{more}"
    if summary.not_planned:
        yield f"{counted(summary.not_planned, 'server')} not planned: nothing is sent there under this plan"
    if summary.open_ends:
        yield f"{counted(summary.open_ends, 'server')} with steps that this plan does not run: plan again for them"
    undo = typed_next.rollback(found.run, begun)
    if undo and (summary.became[Became.MADE] or summary.became[Became.PARTLY_MADE]):
        yield Command("What was made can be undone", undo)
    for outcome in Outcome:
        for then in dict.fromkeys(host.next for host in found.hosts if host.outcome is outcome and host.next):
            yield f"{outcome}: {_shown(then)}"


def came_to(step: AppliedStepMember) -> str:
    """The outcome for people: a step that had nothing to change may have found anything, and is never compliant."""
    return "nothing to change" if step.outcome is Outcome.COMPLIANT and not step.changes else step.outcome.value


def _host_lines(host: AppliedHostMember) -> Iterator[str]:
    wave = "" if host.wave is None else f"  wave {host.wave}"
    if host.outcome in _TOLD or is_undone(host) or _is_untouched(host):
        yield f"{_shown(host.name)}  {host.outcome}{wave}  {in_short(host)}".rstrip()
        for step in host.steps:
            # What else a server says of a change that was made stands in the whole account.
            if step.step in host.open_ends or WARNED in step.why:
                yield f"  {_shown(step.step)}: {came_to(step)}: {_shown(step.why)}"
        return
    yield f"{_shown(host.name)}  {host.outcome}{wave}  {_shown(host.why) if not host.steps else ''}".rstrip()
    yield from step_lines(host)


def step_lines(host: AppliedHostMember) -> Iterator[str]:
    """What each step of a host came to, and each of its changes."""
    for step in host.steps:
        yield f"  {_shown(step.step)}: {came_to(step)}: {_shown(step.why)}"
        for change in step.changes:
            yield f"    {change.became}: {_shown(change.title)}"


def _host_in_full(host: AppliedHostMember, texts: Mapping[str, str]) -> Iterator[str]:
    wave = "" if host.wave is None else f"  wave {host.wave}"
    yield f"{_shown(host.name)}  {host.outcome}{wave}  {_shown(host.why)}".rstrip()
    if host.next:
        yield f"  next: {_shown(host.next)}"
    for step in host.steps:
        yield f"  {_shown(step.step)} ({_shown(step.action)}): {came_to(step)}: {_shown(step.why)}"
        for change in step.changes:
            undoing = f", to undo it {change.undoing}" if change.undoing else ""
            yield f"    {change.became}: {_shown(change.title)}; sent {change.sent}{undoing}"
            yield from value_lines(change.values)
            for what, sha in change.scripts.items():
                yield f"      {what}, SHA-256 {sha}"
                yield from (Verbatim(f"        {visible(line)}".rstrip()) for line in texts.get(sha, "").splitlines())
    yield ""


def is_undone(host: AppliedHostMember) -> bool:
    """Whether all of it was undone as somebody asked for: then there is nothing to see to."""
    return host.outcome is Outcome.ROLLED_BACK and not host.next and host.became.keys() <= {Became.UNDONE}


def is_as_planned(host: AppliedHostMember) -> bool:
    """Whether nothing was to be done there from the beginning, and there is nothing to tell of it."""
    return host.outcome is Outcome.COMPLIANT and not host.begun and not host.open_ends


def _is_untouched(host: AppliedHostMember) -> bool:
    """Whether it was not begun: why is said of the run."""
    return host.outcome is Outcome.PENDING and not host.begun and bool(host.steps)


def in_short(host: AppliedHostMember) -> str:
    """Of a host that is well, or was not begun, its changes; of any other why."""
    if host.outcome is not Outcome.CHANGED and not is_undone(host) and not _is_untouched(host):
        return _shown(host.why)
    return f"{counted(sum(host.became.values()), 'change')}: {counts(host.became)}"


def counts(found: Mapping[Outcome, int] | Mapping[Became, int]) -> str:
    """`2 failed, 3 changed`, worst first; what does not occur is left out."""
    return ", ".join(f"{found[each]} {each}" for each in (*Outcome, *Became) if found.get(each))


def _shown(tainted: str) -> str:
    return visible(tainted, LIMIT)
