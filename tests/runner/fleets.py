"""Playbooks, hosts and transports for tests of the session and of the driver: no network, every fault on request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from inventory.model import Authentication, Host, Scheme
from playbooks import conditions
from playbooks.catalogue.catalogue import Catalogue
from playbooks.declared import Domain
from playbooks.findings import Assessment, Finding, Severity, Verdict
from playbooks.model import (
    Action,
    ActionContract,
    Needs,
    OnFailure,
    Playbook,
    ReadyPlaybook,
    ReadyStep,
    Step,
    Templates,
    Timeouts,
)
from playbooks.observation import NotObserved, Observation
from playbooks.parameters import domains
from playbooks.unknowns import not_observed
from playbooks.values import Value
from runner.steps import Judgement
from runner.transport.failures import Cause, Failure, TransportError, failure
from runner.transport.gate import Gate
from runner.transport.interface import (
    Ambiguous,
    ChangeResult,
    Completed,
    Deadlines,
    NotRun,
    NotStarted,
    Script,
    ScriptResult,
    Streams,
    Transport,
)
from texts.places import Location

CATALOGUE = Catalogue.load()
TODAY = CATALOGUE.as_of  # so that no test grows old
JUDGEMENT = Judgement(CATALOGUE, TODAY)

CONTRACT = ActionContract(
    title="Says a state",
    description="For tests.",
    outputs={"State": {"Value": "text"}},
    facts={"good": "boolean", "said": "text"},
    reads=["nothing"],
    writes=[],
    needs=Needs(rights=["nothing"]),
    disruptive=False,
    reboots=False,
    interruption="none",
    reversible=True,
    timeouts=Timeouts(collect=30),
    idempotent=True,
)


def assess_state(
    observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date
) -> Assessment:
    """`good` is well, `raise` is a defect of the judgement, any other word a finding."""
    if isinstance(observation, NotObserved):
        as_actions_say = not_observed("test.state", observation, ("good", "said"))
        return replace(as_actions_say, summary=f"no answer: {observation.cause}: {observation.reason}")
    record = observation.first("State")
    if record is None:
        return Assessment(Verdict.NOT_APPLICABLE, "nothing said", facts={"good": False, "said": "nothing"})
    said = str(record["Value"])
    if said == "raise":
        raise KeyError("a defect of the judgement")
    if said == "good":
        return Assessment(Verdict.OK, "well", facts={"good": True, "said": said})
    return Assessment(
        Verdict.VULNERABLE,
        f"it says {said}",
        (Finding("test.state.bad", Severity.CRITICAL, "It is bad", (said,), "Mend it"),),
        {"good": False, "said": said},
    )


ACTION = Action("test.state", "test/state", CONTRACT, Templates(""), assess_state)


def step(
    name: str, *, script: str | None = None, when: str | None = None, stop: bool = False, action: Action = ACTION
) -> ReadyStep:
    """A step of its own script, `Get-NAME`, unless told another. `when` may name any step."""
    every = _AnyStep()
    return ReadyStep(
        step=Step(id=name, action=action.id, when=when, on_failure=OnFailure.STOP if stop else OnFailure.CONTINUE),
        action=action,
        params={},
        condition=None if when is None else conditions.parse(when, every),
        collect=script if script is not None else f"Get-{name}",
    )


class _AnyStep(dict[str, Mapping[str, Domain]]):
    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> Mapping[str, Domain]:
        return domains(CONTRACT.facts, CATALOGUE)


def playbook(*steps: ReadyStep, parallel: int = 8) -> ReadyPlaybook:
    written = Playbook.model_validate(
        {
            "name": "test-playbook",
            "title": "For tests",
            "strategy": {"parallel": parallel},
            "steps": [ready.step for ready in steps],
        }
    )
    return ReadyPlaybook(written, "test-playbook.yml", "ab" * 32, steps)


def host(name: str, client: str = "alpha") -> Host:
    return Host(
        client=client,
        name=name,
        address=f"{name.lower()}.example",
        port=5985,
        scheme=Scheme.HTTP,
        authentication=Authentication.NTLM,
        origin=Location("inventory.yml", 1, 1),
        user=f"{client}\\ops",
        labels={"site": (f"{client} house",), "roles": ("Mailbox", "ClientAccess")},
        groups=frozenset({"all", "exchange"}),
    )


def saying(*values: str) -> Callable[[Script], ScriptResult]:
    """The answer of a script that emits one State for each word."""
    output = tuple({"Kind": "State", "Value": value} for value in values)
    return lambda script: Completed(script, Streams(output), 0.01)


def lost(cause: Cause = Cause.CONNECTION_LOST, started: bool | None = None) -> Callable[[Script], ScriptResult]:
    return lambda script: NotRun(script, failure(cause, "the connection went"), started)


Answer = Callable[[Script], ScriptResult]


@dataclass(slots=True)
class ScriptedTransport:
    """A host whose answers are known beforehand, by the text of the script. `sent` is its ledger."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    otherwise: Answer = field(default_factory=lambda: saying("good"))
    unopenable: Failure | None = None
    broken: Failure | None = None  # raised by `observe` and `change`
    requests: int = 0
    sent: list[str] = field(default_factory=list)
    batches: list[tuple[str, ...]] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    pool: str = ""
    address: str = ""

    def open(self) -> None:
        self.requests += 3
        if self.unopenable is not None:
            raise TransportError(self.unopenable)
        self.opened += 1

    def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        self.requests += 2
        self.batches.append(tuple(script.text for script in scripts))
        if self.broken is not None:
            raise TransportError(self.broken)
        self.sent.extend(script.text for script in scripts)
        return tuple(self.answers.get(script.text, self.otherwise)(script) for script in scripts)

    def change(self, script: Script) -> ChangeResult:
        (result,) = self.observe([script])
        match result:
            case NotRun(failure=why, started=False):
                return NotStarted(script, why)
            case NotRun(failure=why):
                return Ambiguous(script, why)
            case _:
                return result

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.requests += 1
        self.closed += 1


@dataclass(slots=True)
class OneConnection:
    """The way to a host of which there is one connection."""

    transport: Transport
    made: list[tuple[Gate, Deadlines]] = field(default_factory=list)

    def __call__(
        self, gate: Gate, deadlines: Deadlines, *, beside: Transport | None = None, ending: Sequence[str] = ()
    ) -> Transport:
        self.made.append((gate, deadlines))
        return self.transport

    @property
    def requests(self) -> int:
        return self.transport.requests

    def cancel(self) -> None:
        self.transport.cancel()
