"""The steps of a playbook on one host, over an open way to it. Nothing here knows of journals, threads or other hosts.

Round trips are the currency. All steps that can be decided travel as one batch: those without a `when`, and those
whose `when` the facts known so far decide. Further batches follow only for steps whose `when` waited for facts, and
behind a step with `on_failure: stop` or `rollback`, which nothing may overtake. A script that several steps share is
sent once.

For a plan each `when` is decided as it will be: the facts of a step that has changes are those that hold once they are
made (`Assessment.then`), and unknown where its judgement cannot say.

Every step ends with an assessment:

    asked        what its action says of the answer
    `when` false not-applicable
    unknown      `when` cannot be decided, the script gave no answer, a step before it stopped the rest, or the
                 judgement itself failed. Never run blindly, never taken for false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from playbooks.catalogue.catalogue import Catalogue
from playbooks.conditions import evaluate
from playbooks.findings import Assessment, Coverage, Facts, UnknownFact, Verdict
from playbooks.model import OnFailure, ReadyPlaybook, ReadyStep, SessionKind
from playbooks.observation import NotObserved, Observation
from playbooks.unknowns import not_observed
from runner.answers import NOT_RUN, observation_of
from runner.results import StepResult
from runner.transport.failures import Failure, TransportError, in_words
from runner.transport.interface import NotRun, Script, ScriptResult, Transport

STOPPED = "stopped"
CONDITION = "condition"
DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What judges: the tables, and the day as on which: the controller's UTC date, unless a user names another."""

    catalogue: Catalogue
    today: date


@dataclass(frozen=True, slots=True)
class Sending:
    """A script about to leave, and the steps that will judge its answer."""

    script: Script
    steps: tuple[str, ...]


class Witness(Protocol):
    """Told of everything while it happens; whatever it raises ends the session."""

    def sending(self, batch: Sequence[Sending]) -> None:
        """Called before the first byte of a batch leaves, which does not happen unless this returns."""

    def answered(self, result: ScriptResult) -> None:
        """Called once for each script that was sent, before any judgement of what it said."""

    def assessed(self, result: StepResult, script: Script | None) -> StepResult:
        """Called once for each step; `script` is what was answered for it, None where nothing was asked.

        What it returns is what counts from then on: the same, without secrets.
        """
        ...

    def defect(self, step: str, error: Exception) -> None:
        """A judgement raised; the step is unknown, the host goes on."""


def observe_steps(
    playbook: ReadyPlaybook,
    collects: Mapping[str, Script],
    transport: Transport,
    judgement: Judgement,
    witness: Witness,
    *,
    ahead: bool = False,
) -> tuple[StepResult, ...] | Failure:
    """Runs a playbook's collect scripts and judges the answers: one result a step, in the order of the playbook.

    Opens the transport and leaves it to the caller to close. A Failure is returned when no session came about; once
    there is one, whatever breaks it makes the steps that it costs unknown.

    Args:
        collects: the playbook's, from `collects_by_step`: made once for all hosts.
        ahead: decide each `when` as it will be once the changes of the steps before it are made.
    """
    try:
        transport.open()
    except TransportError as error:
        return error.failure
    session = _Session(collects, transport, judgement, witness, ahead, list(playbook.steps))
    while session.pending:
        session.advance()
    return tuple(session.concluded[ready.step.id] for ready in playbook.steps)


@dataclass(slots=True)
class _Session:
    collects: Mapping[str, Script]
    transport: Transport
    judgement: Judgement
    witness: Witness
    ahead: bool
    pending: list[ReadyStep]
    concluded: dict[str, StepResult] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    answers: dict[str, ScriptResult] = field(default_factory=dict)  # by script hash
    halted: NotObserved | None = None  # why nothing more is asked of this host

    def advance(self) -> None:
        """Concludes at least the first pending step, with at most one batch."""
        batch = self._decide()
        if batch:
            self._ask(batch)
        for ready in batch:
            answer = self.answers[self.collects[ready.step.id].sha256]
            if isinstance(answer, NotRun) and self.halted is None:
                self.halted = NotObserved(NOT_RUN, in_words(answer.failure), answer.failure.next)
            self._judge(ready, observation_of(answer, ready.action.contract), answer.script)

    def _decide(self) -> list[ReadyStep]:
        """The steps to ask for now. Those that are decided without asking are concluded, the others stay pending."""
        batch: list[ReadyStep] = []
        waiting: list[ReadyStep] = []
        overtaking = True
        for ready in self.pending:
            if self.halted is not None:
                self._judge(ready, self.halted)
                continue
            decided = True if ready.condition is None else evaluate(ready.condition, self.facts)
            if not overtaking or (isinstance(decided, UnknownFact) and (batch or waiting)):
                waiting.append(ready)
            elif isinstance(decided, UnknownFact):  # every step before it is concluded: no fact will come any more
                self._judge(ready, NotObserved(CONDITION, f"whether {_when(ready)} is not known: {decided.reason}"))
                continue
            elif decided:
                batch.append(ready)
            else:
                self._conclude(ready, _skipped(ready))
                continue
            overtaking = overtaking and ready.step.on_failure is OnFailure.CONTINUE
        self.pending = waiting
        return batch

    def _ask(self, batch: Sequence[ReadyStep]) -> None:
        """Sends each script of the batch that was not sent before, once."""
        sharing: dict[str, list[str]] = {}
        for ready in batch:
            step = ready.step.id
            sharing.setdefault(self.collects[step].sha256, []).append(step)
        fresh = [
            Sending(self.collects[steps[0]], tuple(steps))
            for digest, steps in sharing.items()
            if digest not in self.answers
        ]
        if not fresh:
            return
        self.witness.sending(fresh)
        scripts = [each.script for each in fresh]
        try:
            results = self.transport.observe(scripts)
        except TransportError as error:
            results = tuple(NotRun(script, error.failure, None) for script in scripts)
        for sending, result in zip(fresh, results, strict=True):
            self.answers[sending.script.sha256] = result
            self.witness.answered(result)

    def _judge(self, ready: ReadyStep, observation: Observation, script: Script | None = None) -> None:
        """Concludes a step by its action's judgement; a step that failed may stop those after it."""
        failed = isinstance(observation, NotObserved)
        names = tuple(ready.action.contract.facts)
        if isinstance(observation, NotObserved) and observation.cause in (STOPPED, CONDITION):
            assessment = not_observed(ready.action.id, observation, names)
        else:
            try:
                assessment = _assess(ready, observation, self.judgement)
            except Exception as error:
                failed = True
                self.witness.defect(ready.step.id, error)
                why = f"the judgement of {ready.action.id} failed with {type(error).__name__}"
                assessment = not_observed(ready.action.id, NotObserved(DEFECT, why), names)
        self.facts[ready.step.id] = facts_ahead(ready, assessment) if self.ahead else assessment.facts
        self._conclude(ready, assessment, script)
        if failed and ready.step.on_failure is not OnFailure.CONTINUE and self.halted is None:
            why = f"step {ready.step.id} failed, and the playbook stops there"
            self.halted = NotObserved(STOPPED, why)

    def _conclude(self, ready: ReadyStep, assessment: Assessment, script: Script | None = None) -> None:
        result = StepResult(ready.step.id, ready.action.id, assessment)
        self.concluded[ready.step.id] = self.witness.assessed(result, script)


def facts_ahead(ready: ReadyStep, assessment: Assessment) -> Facts:
    """The facts of a step as they are once its changes are made."""
    if not assessment.changes:
        return assessment.facts
    if assessment.then is not None:
        return assessment.then
    why = UnknownFact(f"step {ready.step.id} changes something, and {ready.action.id} cannot say what holds after it")
    return dict.fromkeys(ready.action.contract.facts, why)


def collect_of(ready: ReadyStep) -> Script:
    """The collect script of a step, as its contract wants it run."""
    contract = ready.action.contract
    full = contract.session is SessionKind.FULL
    return Script(ready.step.id, ready.collect, full=full, modules=tuple(contract.needs.modules))


def collects_by_step(playbook: ReadyPlaybook) -> Mapping[str, Script]:
    """The collect script of each step."""
    return {ready.step.id: collect_of(ready) for ready in playbook.steps}


def _when(ready: ReadyStep) -> str:
    return ready.condition.text if ready.condition is not None else "it runs"


def _skipped(ready: ReadyStep) -> Assessment:
    return Assessment(Verdict.NOT_APPLICABLE, f"not asked: {_when(ready)} is false", coverage=Coverage.PREDICTED)


def _assess(ready: ReadyStep, observation: Observation, judgement: Judgement) -> Assessment:
    return ready.action.assess(observation, ready.params, judgement.catalogue, judgement.today)
