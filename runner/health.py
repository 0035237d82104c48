"""The health check between waves: hosts that were changed are asked whether they are well, by steps of the playbook.

A host is well where the steps that the strategy names say of it what lets an audit exit with 0: nothing to find, and
nothing that is not known. One of which it is not settled what became of a change is not well, and is not asked: a
script may be running there still.

The lines of a check stand beside those of the work with the host and move nothing of it: what a change came to is known
from its own step (runner/moves.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from inventory.model import Host
from playbooks.conditions import PARAMS, names
from playbooks.findings import Assessment, Severity
from playbooks.investigating.standing import WELL
from playbooks.model import OnFailure, ReadyPlaybook, ReadyStep
from runner import events
from runner.applied import AppliedHost
from runner.events import Purpose, StepDue
from runner.fleet import Brake
from runner.hostlog import HostLog
from runner.journal.writer import JournalWriter
from runner.moves import Outcome
from runner.observe import Observing, Reach
from runner.results import HostResult, NotReached
from runner.rollout import Concern
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.state import HostProgress
from runner.steps import Judgement, collects_by_step
from runner.transport.failures import Failure
from runner.transport.gate import Gate
from runner.transport.interface import Deadlines

__all__ = ["Asking", "Checking", "asked_by", "concern", "why_unwell"]


def concern(row: AppliedHost) -> Concern:
    """Whether a host is asked: `concern` of `HealthCheck` in runner/fleet.py."""
    if row.touched:
        return Concern.ASK
    return Concern.LOST if row.has_failed else Concern.NONE


def asked_by(playbook: ReadyPlaybook, steps: Collection[str]) -> ReadyPlaybook:
    """These steps of a playbook, and those whose facts their `when` hangs on; each is asked whatever one before said.

    Args:
        steps: ids.
    """
    wanted = set(steps)
    for ready in reversed(playbook.steps):
        if ready.step.id in wanted:
            wanted.update(_owners(ready))
    kept = (ready for ready in playbook.steps if ready.step.id in wanted)
    on = {"on_failure": OnFailure.CONTINUE}
    return replace(playbook, steps=tuple(replace(each, step=each.step.model_copy(update=on)) for each in kept))


def _owners(ready: ReadyStep) -> Iterator[str]:
    if ready.condition is not None:
        yield from (owner for owner, _ in names(ready.condition) if owner != PARAMS)


def why_unwell(row: HostResult, steps: Collection[str]) -> tuple[str, str] | None:
    """Why a host is not well by these steps, in a few words of ours and at length, which is tainted; None where it is.

    Args:
        row: of the host, asked by `asked_by`.
    """
    if isinstance(row, NotReached):
        return f"not reached: {row.failure.cause}", row.why
    ill = [each for each in row.steps if each.step in steps and not _is_well(each.assessment)]
    if not ill:
        return None
    words = ", ".join(f"{each.step} is {each.assessment.verdict}" for each in ill)
    return words, "; ".join(f"{each.step}: {each.assessment.summary}" for each in ill)


def _is_well(assessment: Assessment) -> bool:
    """As exit status 0 has it of an audit."""
    found = any(finding.severity is not Severity.INFO for finding in assessment.findings)
    return assessment.verdict in WELL and not found


@dataclass(slots=True)
class Asking:
    """The work of asking one host: see `HostWork` in runner/fleet.py.

    Attributes:
        row: what the work of its wave came to.
        steps: ids of those that say whether it is well.
    """

    observing: Observing
    row: AppliedHost
    steps: Collection[str]

    def run(self) -> str:
        """See `HostWork`."""
        if self.row.outcome is Outcome.UNKNOWN:
            return "what became of a change is not known"
        return self._came(self.observing.run())

    def cancel(self) -> None:
        """See `HostWork`."""
        self.observing.cancel()

    def leave(self, why: Failure) -> str:
        """See `HostWork`."""
        return self._came(self.observing.leave(why))

    def _came(self, row: HostResult) -> str:
        why = why_unwell(row, self.steps)
        return "" if why is None else why[0]


@dataclass(slots=True)
class Checking:
    """Makes the work of asking each host of a run: `ask` of `HealthCheck` in runner/fleet.py.

    Attributes:
        steps: ids of those that say whether a host is well, as the plan has them.
        due: every step of the playbook, as the journal has it.
        gate: what the transports that read may send.
        journals: by client.
        earlier: by client and name, the hosts as earlier sessions of the run left them.
    """

    steps: Sequence[str]
    playbook: ReadyPlaybook
    due: Sequence[StepDue]
    judgement: Judgement
    reach: Reach
    gate: Gate
    deadlines: Deadlines
    secret: Callable[[Host], Secret | SecretUnavailableError | None]
    journals: Mapping[str, JournalWriter]
    earlier: Mapping[tuple[str, str], HostProgress]
    brake: Brake
    monotonic: Callable[[], float]
    on_defect: Callable[[str, Exception], None]
    _asked: ReadyPlaybook = field(init=False)

    def __post_init__(self) -> None:
        self._asked = asked_by(self.playbook, self.steps)

    def ask(self, host: Host, row: AppliedHost) -> Asking:
        """The work; nothing is sent."""
        asked = {ready.step.id for ready in self._asked.steps}
        log = HostLog(
            self.journals[host.client],
            host.client,
            host.name,
            tuple(each for each in self.due if each.id in asked),
            halted=lambda: self.brake.aborted is not None,
            on_defect=lambda step, error: self.on_defect(f"{host.key}, step {step}", error),
            purpose=Purpose.HEALTH,
            before=_before(self.earlier.get((host.client, host.name))),
            opens=events.HealthAsked,
            closes=self._closes,
        )
        observing = Observing(
            host=host,
            secret=self.secret(host),
            playbook=self._asked,
            collects=collects_by_step(self._asked),
            judgement=self.judgement,
            reach=self.reach,
            gate=self.gate,
            deadlines=self.deadlines,
            lines=log,
            brake=self.brake,
            monotonic=self.monotonic,
            on_defect=self.on_defect,
            witness=log,
        )
        return Asking(observing, row, self.steps)

    def _closes(self, row: HostResult, failure: Failure | None) -> events.HealthAnswered:
        why = why_unwell(row, self.steps)
        return events.HealthAnswered(row.name, why is None, "" if why is None else why[1], row.requests, row.seconds)


def _before(host: HostProgress | None) -> dict[str, int]:
    """How often earlier sessions asked for each step."""
    found: dict[str, int] = {}
    for key in () if host is None else host.attempts:
        if key.purpose is Purpose.HEALTH:
            found[key.step] = found.get(key.step, 0) + 1
    return found
