"""What work with a host that a plan changes comes to: a row with an outcome a step. Pure, from its journal alone.

plan, HostProgress, what cut it short -> AppliedHost
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from playbooks.model import OnFailure
from runner.events import DetachedState, Drifted, EvidenceMissed, Purpose, Said, Settlement, Terminated, TimedOut
from runner.exit_status import ExitStatus
from runner.moves import Ended, Outcome, StepSoFar, Tried, has_restarted, outcomes, so_far
from runner.plan.records import PlannedHost, PlannedStep
from runner.results import OURS
from runner.state import HostProgress, Key
from runner.terms import End, Ending
from runner.transport.failures import Cause, Failure, in_words, quoted

__all__ = ["WARNED", "Applied", "AppliedHost", "AppliedStep", "applied", "unaccounted"]

WARNINGS = 3  # of one step that its row has
WARNED = "the script warned: "
_MAY_HAVE_BROKEN = frozenset({Outcome.CHANGED, Outcome.FAILED})
_WORST_FIRST = tuple(Outcome)
_FAILED = frozenset({Outcome.UNKNOWN, Outcome.FAILED, Outcome.UNREACHABLE, Outcome.ROLLED_BACK})
_ENDED = {
    Ending.REFUSED: ExitStatus.REFUSED,
    Ending.BUDGET: ExitStatus.BUDGET,
    Ending.HEALTH: ExitStatus.BUDGET,
    Ending.INTERRUPTED: ExitStatus.INTERRUPTED,
    Ending.JOURNAL: ExitStatus.JOURNAL,
}
_NOT_RUN = {
    Ended.NOT_YET: "whether it ran is not known",
    Ended.AMBIGUOUS: "the connection was lost, and whether it ran is not known",
}


@dataclass(frozen=True, slots=True)
class AppliedStep:
    """One step on one host. `why` is one sentence without a full stop; it may quote the server, and is tainted."""

    step: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class AppliedHost:
    """The row of one host.

    Attributes:
        steps: in the order of the plan.
        failure: what cut the work short; None where nothing more is to be done.
        requests: HTTP requests sent.
        seconds: on the controller's monotonic clock.
        undoing: whether somebody asked for what was changed to be undone.
        touched: whether anything that changes it was sent to it, in whatever session, as far as anybody knows.
    """

    name: str
    client: str
    steps: tuple[AppliedStep, ...]
    failure: Failure | None
    requests: int
    seconds: float
    undoing: bool = False
    touched: bool = True

    @property
    def outcome(self) -> Outcome:
        """The worst of its steps; of a host without any what kept it from having one."""
        found = {step.outcome for step in self.steps}
        empty = Outcome.SKIPPED if self.failure is None else Outcome.UNREACHABLE
        return next((each for each in _WORST_FIRST if each in found), empty)

    @property
    def has_failed(self) -> bool:
        """Whether it counts against the failure budget. A host that was refused for drift does not: it is untouched."""
        return self.outcome in _FAILED and not (self.undoing and self.outcome is Outcome.ROLLED_BACK)

    @property
    def status(self) -> ExitStatus:
        """What this host alone says of the exit status."""
        if self.outcome is Outcome.REFUSED:
            return ExitStatus.REFUSED
        if self.has_failed or self.outcome is Outcome.PENDING:
            return ExitStatus.NOT_ALL_JUDGED
        open_ends = any(step.outcome is Outcome.DEFERRED for step in self.steps)
        return ExitStatus.FINDINGS if open_ends else ExitStatus.WELL

    @property
    def is_over(self) -> bool:
        """Whether no step is left that another session could go on with."""
        return all(step.outcome is not Outcome.PENDING for step in self.steps)


@dataclass(frozen=True, slots=True)
class Applied:
    """What running a plan came to.

    Attributes:
        end: how it ended.
        hosts: a row for each host on which the plan changes something, in the order of the plan.
        progress: by host, what the journal says of it; a host that is not here was not begun.
    """

    run: str
    client: str
    end: End
    hosts: tuple[AppliedHost, ...]
    progress: Mapping[str, HostProgress]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many hosts came to what, worst first; without those that none came to."""
        return {each.value: count for each in Outcome if (count := sum(host.outcome is each for host in self.hosts))}

    @property
    def status(self) -> ExitStatus:
        """The highest that applies."""
        return max((status_of_end(self.end.how), *(host.status for host in self.hosts)))


def status_of_end(how: Ending) -> ExitStatus:
    """What the end of a run alone says of the exit status."""
    return _ENDED.get(how, ExitStatus.WELL)


def applied(
    plan: PlannedHost,
    client: str,
    on_failure: Mapping[str, OnFailure],
    progress: HostProgress | None,
    failure: Failure | None,
    requests: int,
    seconds: float,
) -> AppliedHost:
    """The row of a host, of what its journal says.

    Args:
        progress: None where nothing was begun.
        failure: what cut the work short, as the journal has it; None where nothing more is to be done.

    Raises:
        NotOfThePlanError: see `so_far`.
    """
    known = so_far(progress, plan)
    came = dict(outcomes(plan, on_failure, known))
    drifted: Mapping[str, Drifted] = {} if progress is None else progress.drifted
    reached = progress is not None and any(
        each.sequence > progress.since and each.key.purpose is not Purpose.HEALTH for each in progress.attempts.values()
    )
    steps: list[AppliedStep] = []
    held: AppliedStep | None = None  # what keeps those after it from being begun
    for step in plan.steps:
        own = known.steps.get(step.step, StepSoFar())
        outcome = came[step.step]
        cut = failure if outcome is Outcome.PENDING else None
        if cut is not None:
            outcome = _cut_short(own, cut, reached=reached)
        if outcome is Outcome.SKIPPED and held is not None and not own.tried:
            row = AppliedStep(step.step, outcome, f"not begun: step {held.step} is {held.outcome}")
        else:
            why = _why(step, outcome, own, progress, drifted, failure)
            if cut is not None and outcome is Outcome.FAILED and in_words(cut) not in why:
                why = _and_why(why, cut)
            if outcome in _MAY_HAVE_BROKEN and (broke := _broke(step.step, own, progress)) is not None:
                why = f"{why}; {broke}"
            if outcome in _MAY_HAVE_BROKEN and (warned := _warned(step.step, own, progress)):
                why = f"{why}; {WARNED}{warned}"
            row = AppliedStep(step.step, outcome, why)
        steps.append(row)
        if held is None and (outcome in _FAILED or outcome in (Outcome.REFUSED, Outcome.PENDING)):
            held = row
    touched = any(own.tried for own in known.steps.values())
    return AppliedHost(plan.host, client, tuple(steps), failure, requests, seconds, known.undoing, touched)


def unaccounted(plan: PlannedHost, client: str, failure: Failure, requests: int, seconds: float) -> AppliedHost:
    """The row of a host whose own could not be made: nothing is said of it but that it has to be looked at."""
    why = f"what was done is not known here; {in_words(failure)}"
    steps = tuple(AppliedStep(step.step, Outcome.UNKNOWN, why) for step in plan.steps)
    return AppliedHost(plan.host, client, steps, failure, requests, seconds, touched=True)


def _cut_short(own: StepSoFar, failure: Failure, *, reached: bool) -> Outcome:
    """What is said of a step that the end of a session left in the middle."""
    if any(each.settlement is None for each in own.tried):
        return Outcome.UNKNOWN
    if failure.cause is Cause.INTERRUPTED:
        return Outcome.PENDING
    return Outcome.FAILED if reached or own.tried or failure.cause in OURS else Outcome.UNREACHABLE


def _missed(step: PlannedStep, progress: HostProgress | None) -> str | None:
    """Why what was to be kept before a change of this step could not be; None where it was, or nothing was to be."""
    for (of, _), found in () if progress is None else progress.evidence.items():
        if of == step.step and isinstance(found, EvidenceMissed):
            return found.why
    return None


def _why(
    step: PlannedStep,
    outcome: Outcome,
    own: StepSoFar,
    progress: HostProgress | None,
    drifted: Mapping[str, Drifted],
    failure: Failure | None,
) -> str:
    assessed = None if progress is None else progress.assessed.get(step.step)
    judged = step.summary if assessed is None else assessed.assessment.summary
    doubtful = [each for each in own.tried if each.settlement is None]
    undecided = None
    if progress is not None and own.decided is not None and not own.decided.holds:
        undecided = progress.decided[step.step][1].why
    restarts = any(change.reboots for change in step.changes)
    match outcome:
        case Outcome.REFUSED | Outcome.FAILED if undecided and failure is None:
            return undecided
        case Outcome.FAILED if restarts and own.judged is not None and own.judged.known and not own.boots:
            return "when the server was started was not read, so a restart could not be proven"
        case Outcome.FAILED if restarts and own.tried and not has_restarted(own):
            return "it was not seen to have restarted and come up in the time that its contract announces"
        case Outcome.FAILED if restarts and own.tried and own.judged is not None and own.judged.would:
            return f"it has restarted, and yet: {judged}"
        case Outcome.REFUSED if step.step in drifted:
            return "; ".join(drifted[step.step].differences)
        case Outcome.UNKNOWN if doubtful:
            return _and_why(_doubt(step.step, doubtful[-1], own, progress), failure)
        case Outcome.UNKNOWN if own.tried and own.tried[-1].purpose is Purpose.CONFIRM and failure is None:
            return f"{judged}; whether what undoes it by itself is gone was not seen"
        case Outcome.UNREACHABLE | Outcome.PENDING:
            return "it is not over" if failure is None else in_words(failure)
        case Outcome.FAILED if (missed := _missed(step, progress)) is not None:
            return f"not changed, for what was to be kept of it before could not be: {missed}"
        case Outcome.FAILED if (ended := _ended(step.step, progress)) is not None and failure is None:
            return f"{judged}; {ended}"
        case Outcome.ROLLED_BACK if _was_too_late(own.tried):
            return "it was confirmed too late: the server had undone it"
        case Outcome.FAILED if failure is not None and assessed is None:
            return in_words(failure)
        case _:
            return judged


def _ended(step: str, progress: HostProgress | None) -> str | None:
    """How a detached script of this step ended that did not come to its end; None where none did."""
    for (of, _, _), (_, seen) in () if progress is None else progress.polled.items():
        if of != step:
            continue
        if seen.state is DetachedState.FAILED:
            return f"its task on the server ended in an error: {seen.error}"
        if seen.state is DetachedState.STOPPED:
            return "its task on the server was ended when its time was over"
    return None


def _broke(step: str, own: StepSoFar, progress: HostProgress | None) -> str | None:
    """How the last script of this step that may have changed something ended, where that was in an error."""
    if progress is None or not own.tried or own.tried[-1].ended is not Ended.BROKEN:
        return None
    last = own.tried[-1]
    named = f"attempt {last.number} to {last.purpose} {last.change}"
    match progress.attempts[Key(step, last.purpose, last.number)].answer:
        case Terminated(error=error):
            return f"{named} ended in an error: {quoted(error.message)}"
        case TimedOut(limit_seconds=seconds):
            return f"{named} did not end in {seconds:g} s, and was stopped"
        case _:
            return None


def _warned(step: str, own: StepSoFar, progress: HostProgress | None) -> str:
    """What the scripts of this step that changed something warned of, each once; of many the first."""
    said: list[str] = []
    for each in () if progress is None else own.tried:
        answer = progress.attempts[Key(step, each.purpose, each.number)].answer  # type: ignore[union-attr]
        if isinstance(answer, Said) and each.purpose is Purpose.APPLY:
            said += answer.warnings
    found = list(dict.fromkeys(said))
    more = [f"and {len(found) - WARNINGS} more"] if len(found) > WARNINGS else []
    return "; ".join([*found[:WARNINGS], *more])


def _was_too_late(tried: Sequence[Tried]) -> bool:
    """Whether the server had undone it when it was confirmed. Behind a rollback to confirm takes a guard away."""
    before = takewhile(lambda each: each.purpose is not Purpose.ROLLBACK, tried)
    late = [each for each in before if each.purpose is Purpose.CONFIRM and each.ended is not Ended.NOT_STARTED]
    return any(each.settlement is Settlement.NOT_DONE for each in late)


def _doubt(step: str, tried: Tried, own: StepSoFar, progress: HostProgress | None) -> str:
    if tried is own.tried[-1] and (broke := _broke(step, own, progress)) is not None:
        return f"{broke}; what it came to was not seen"
    named = f"attempt {tried.number} to {tried.purpose} {tried.change}"
    return f"{named}: {_NOT_RUN.get(tried.ended, 'it ran, and what it came to was not seen')}"


def _and_why(said: str, failure: Failure | None) -> str:
    return said if failure is None else f"{said}; {in_words(failure)}"
