"""From what was seen of a client's hosts to the plan of what is to be changed there. Pure.

    Seen (a host's row, and what was noted of it) -> PlannedHost
    PlannedHost, Made (by whom, when, of what)    -> Plan

Every script is rendered here, once; `apply` sends these and renders none. A host is *refused* as a whole where what is
to be done there cannot be written down: it was not reached, a script cannot be rendered, or a secret would stand in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from playbooks.changes import Change, ReadyChange
from playbooks.changing import ready_changes
from playbooks.conditions import PARAMS, names
from playbooks.errors import ChangeError
from playbooks.findings import Assessment, Coverage, UnknownFact, Verdict
from playbooks.model import OnFailure, ReadyPlaybook, ReadyStep
from runner.exit_status import ExitStatus
from runner.plan.file import is_writable
from runner.plan.records import (
    LABELS,
    Disturbance,
    From,
    Going,
    Plan,
    PlannedChange,
    PlannedHost,
    PlannedStep,
    Standing,
    StepPlan,
    sha256_of,
)
from runner.results import HostResult, Judged, NotReached, StepResult
from runner.steps import collect_of, facts_ahead

__all__ = ["Made", "SecretInPlanError", "Seen", "make_plan", "status", "step_plans"]

_REPORT = "Report this as a fault of the action."


@dataclass(frozen=True, slots=True)
class Seen:
    """What an observation came to on one host.

    Attributes:
        row: redacted; its facts are those of now, not those of after a change.
        observed: see `Noting`; the steps that were asked.
        labels: of the inventory; a plan keeps those of LABELS and those that are limited.
        withheld: steps with a change in which a secret stands.
    """

    address: str
    port: int
    row: HostResult
    observed: Mapping[str, str | None] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """Who made a plan, when and of what; members as those of `Plan`."""

    id: str
    token: str
    client: str
    made: datetime
    expires: datetime
    run: str
    planner: str
    exrun: str
    inventory: tuple[From, ...]
    params: Mapping[str, str]
    policy: str | None
    catalogue: str
    selection: str
    going: Going


class SecretInPlanError(ValueError):
    """Raised where what all hosts have in common holds a secret; the message names the member, never the value."""


def make_plan(made: Made, playbook: ReadyPlaybook, seen: Sequence[Seen], redact: Callable[[str], str]) -> Plan:
    """The plan of one client.

    Args:
        seen: a host each, in the order in which they are to be changed.
        redact: takes the client's secrets out of a text; the text itself where there is none.

    Raises:
        SecretInPlanError: a parameter, the selection or a label has a secret in it.
    """
    common = {"selection": made.selection, "planner": made.planner}
    for name, text in (*common.items(), *((f"--param {name}", text) for name, text in made.params.items())):
        if redact(text) != text:
            raise SecretInPlanError(f"{name} holds a password of this run")
    planning = _Planning(made.id, playbook, redact, frozenset({*LABELS, *made.going.limits}))
    hosts = tuple(planning.host(each) for each in seen)
    used = {sha for each in hosts for _, change in each.changes for sha in change.texts}
    return Plan(
        id=made.id,
        token=made.token,
        client=made.client,
        made=made.made,
        expires=made.expires,
        run=made.run,
        planner=made.planner,
        exrun=made.exrun,
        inventory=made.inventory,
        playbook=From(_file_of(playbook.source), playbook.digest),
        params=made.params,
        policy=made.policy,
        catalogue=made.catalogue,
        selection=made.selection,
        going=made.going,
        steps=step_plans(playbook),
        hosts=hosts,
        texts={sha: text for sha, text in planning.texts.items() if sha in used},
    )


def status(plan: Plan) -> ExitStatus:
    """0 where nothing is to be done, 1 where changes are pending, 3 where not all of it could be planned."""
    if any(host.refused or any(step.standing is Standing.UNKNOWN for step in host.steps) for host in plan.hosts):
        return ExitStatus.NOT_ALL_JUDGED
    return ExitStatus.FINDINGS if any(True for _ in plan.changes) else ExitStatus.WELL


class _RefusedError(Exception):
    """Raised where a host cannot be planned; the message is why, and what to do."""


@dataclass(slots=True)
class _Planning:
    plan: str
    playbook: ReadyPlaybook
    redact: Callable[[str], str]
    labels: frozenset[str]
    texts: dict[str, str] = field(default_factory=dict)
    _ready: dict[tuple[str, str, str], PlannedChange] = field(default_factory=dict)
    _owners: dict[str, tuple[tuple[str, str], ...]] = field(init=False)

    def __post_init__(self) -> None:
        self._owners = {ready.step.id: tuple(_looked_up(ready)) for ready in self.playbook.steps}

    def host(self, seen: Seen) -> PlannedHost:
        steps: tuple[PlannedStep, ...] = ()
        refused = ""
        roles: tuple[str, ...] | None = None
        labels = {name: values for name, values in seen.labels.items() if name in self.labels}
        for name, values in labels.items():
            if any(self.redact(value) != value for value in values):
                raise SecretInPlanError(f"the label {name} of {seen.row.name} holds a password of this run")
        match seen.row:
            case NotReached(why=why, next=then):
                refused = f"{why}. {then}"
            case Judged(steps=results):
                roles = _roles(results)
                try:
                    steps = tuple(self._steps(seen, results))
                except _RefusedError as error:
                    refused = str(error)
            case never:
                assert_never(never)
        return PlannedHost(seen.row.name, seen.address, seen.port, steps, _writable(refused), labels, roles)

    def _steps(self, seen: Seen, results: Sequence[StepResult]) -> Iterator[PlannedStep]:
        standings = _Standings(self._owners, seen.observed)
        for ready, result in zip(self.playbook.steps, results, strict=True):
            assessment = result.assessment
            standing = standings.of(ready, assessment)
            changes: tuple[PlannedChange, ...] = ()
            if standing in (Standing.PLANNED, Standing.PREDICTED):
                if result.step in seen.withheld:
                    raise _RefusedError(
                        f"step {result.step}: a password of this run stands in what it would change, and none may "
                        "stand in a plan. Change this by hand, and the password after it."
                    )
                changes = self._changes(ready, assessment.changes)
            yield PlannedStep(
                step=result.step,
                standing=standing,
                verdict=assessment.verdict,
                summary=_writable(assessment.summary),
                coverage=Coverage.PREDICTED
                if result.step in standings.predicted and assessment.coverage is Coverage.PROBED
                else assessment.coverage,
                observed=seen.observed.get(result.step),
                changes=changes,
                hangs_on=standings.hangs_on(result.step) if changes else (),
            )

    def _changes(self, ready: ReadyStep, changes: Sequence[Change]) -> tuple[PlannedChange, ...]:
        planned = tuple(self._change(ready, change) for change in changes)
        for what, given in (("id", [each.change.id for each in planned]), ("script", [each.apply for each in planned])):
            if len(set(given)) < len(given):
                raise _RefusedError(f"step {ready.step.id}: two of its changes have the same {what}. {_REPORT}")
        return planned

    def _change(self, ready: ReadyStep, change: Change) -> PlannedChange:
        if not is_writable(change):
            raise _RefusedError(
                f"step {ready.step.id}: the change {change.id} has a text or a number that a plan cannot hold as it "
                "is. Look at this server by hand."
            )
        key = ready.step.id, change.id, repr(sorted(change.values.items()))
        known = self._ready.get(key)
        if known is None:
            known = self._ready[key] = self._scripts(ready, change)
        return replace(known, change=change)

    def _scripts(self, ready: ReadyStep, change: Change) -> PlannedChange:
        """A change with its scripts, which the plan keeps."""
        try:
            [made] = ready_changes(ready.action, ready.params, [change], self.plan)
        except ChangeError as error:
            why = "; ".join(str(error).splitlines())
            raise _RefusedError(f"step {ready.step.id}: no script for the change {change.id}: {why}") from None
        return self._kept(ready, made)

    def _kept(self, ready: ReadyStep, made: ReadyChange) -> PlannedChange:
        for text in made.texts:
            if self.redact(text) != text:
                raise _RefusedError(
                    f"step {ready.step.id}: a password of this run stands in the script of {made.change.id}, and none "
                    "may stand in a plan. Change this by hand, and the password after it."
                )
        self.texts.update((sha256_of(text), text) for text in made.texts)
        return PlannedChange.of(made, reboots=ready.action.contract.reboots)


@dataclass(slots=True)
class _Standings:
    """What the plan says of the steps of one host, one after the other.

    Attributes:
        owners: by step, the facts that its `when` looks up.
        asked: the steps of which the host was asked.
        then: by step with changes: the facts that are known to hold after them.
        predicted: the steps whose `when` was decided by what will be.
        deferred: the steps that are not decided, because nobody can say what will be.
        behind: whether a step that is deferred keeps those after it from being begun.
    """

    owners: Mapping[str, Sequence[tuple[str, str]]]
    asked: Mapping[str, object]
    then: dict[str, frozenset[str]] = field(default_factory=dict)
    predicted: set[str] = field(default_factory=set)
    deferred: set[str] = field(default_factory=set)
    behind: bool = False

    def of(self, ready: ReadyStep, assessment: Assessment) -> Standing:
        step = ready.step.id
        if any(owner in self.then or owner in self.predicted for owner, _ in self.owners[step]):
            self.predicted.add(step)
        if assessment.verdict is Verdict.UNKNOWN:
            if step in self.asked or not (self.behind or self._hangs(step)):
                return Standing.UNKNOWN
            self.deferred.add(step)
            self.behind = self.behind or ready.step.on_failure is not OnFailure.CONTINUE
            return Standing.DEFERRED
        if assessment.changes:
            known = facts_ahead(ready, assessment)
            self.then[step] = frozenset(name for name, value in known.items() if not isinstance(value, UnknownFact))
            return Standing.PREDICTED if step in self.predicted else Standing.PLANNED
        if assessment.verdict is Verdict.COMPROMISED and ready.action.templates.apply is not None:
            # What it was to change is there, and it leaves it alone: nobody is to read that nothing is to be done.
            return Standing.UNKNOWN
        return Standing.NOT_APPLICABLE if assessment.verdict is Verdict.NOT_APPLICABLE else Standing.COMPLIANT

    def hangs_on(self, step: str) -> tuple[str, ...]:
        """The steps that were asked and whose facts its `when` looks up."""
        return tuple(dict.fromkeys(owner for owner, _ in self.owners[step] if owner in self.asked))

    def _hangs(self, step: str) -> bool:
        """Whether a step that was not asked hangs on what will be and nobody knows."""
        for owner, fact in self.owners[step]:
            unsaid = owner in self.then and fact not in self.then[owner]
            unasked = owner in self.predicted and owner not in self.asked
            if unsaid or unasked or owner in self.deferred:
                return True
        return False


def _roles(results: Sequence[StepResult]) -> tuple[str, ...] | None:
    """From the fact `roles`, which exchange.version and exchange.services declare."""
    for result in results:
        roles = result.assessment.facts.get("roles")
        if isinstance(roles, tuple):
            return tuple(_writable(str(role)) for role in roles)
    return None


def _looked_up(ready: ReadyStep) -> Iterator[tuple[str, str]]:
    if ready.condition is not None:
        yield from (each for each in names(ready.condition) if each[0] != PARAMS)


def going_of(playbook: ReadyPlaybook, parallel: int) -> Going:
    """How a plan goes over its hosts, as its playbook says; `parallel` at a time."""
    strategy = playbook.playbook.strategy
    return Going(
        parallel,
        tuple(strategy.waves),
        strategy.pause_seconds,
        dict(strategy.limits),
        strategy.budget,
        tuple(strategy.health),
    )


def step_plans(playbook: ReadyPlaybook) -> tuple[StepPlan, ...]:
    """The steps of a playbook, as a plan has them."""
    return tuple(_step_plan(ready) for ready in playbook.steps)


def _step_plan(ready: ReadyStep) -> StepPlan:
    contract = ready.action.contract
    disturbs = (
        None
        if ready.action.templates.apply is None
        else Disturbance(
            contract.disruptive,
            contract.reboots,
            contract.interruption,
            contract.reversible,
            contract.interruption_seconds,
        )
    )
    said = sha256_of(contract.model_dump_json(by_alias=True))
    step = ready.step
    return StepPlan(step.id, ready.action.id, collect_of(ready).sha256, str(step.on_failure), disturbs, said)


def _writable(text: str) -> str:
    """The text as UTF-8 can have it: half of a surrogate pair, which a server may say, has no place there."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _file_of(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
