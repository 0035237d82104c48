"""What a run is to do, decided before anything is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from inventory.model import Host, SourceFile
from playbooks.model import ReadyPlaybook, SessionKind
from runner.events import StepDue
from runner.steps import Judgement, collect_of
from runner.terms import Override
from runner.transport.gate import Gate
from runner.transport.interface import Deadlines, Script
from texts.places import Location
from texts.problems import Problem
from texts.spelling import suggestion

CLOSE_SECONDS = 3.0  # for closing a host's pool, so that it is over before the host is left behind


@dataclass(frozen=True, slots=True)
class Order:
    """What to audit, decided before anything is sent.

    Attributes:
        run: its id.
        selection: as it was written; None where it may name what belongs to another client than a journal's own.
        host_seconds: how long one host may take before it is cancelled; its transport has the same deadline.
        connect_seconds: for connecting and logging on, each time.
        run_seconds: how long all may take; None for as long as it takes.
        token: of the marker statements of this run, see runner/transport/gate.py; the journal has it, so that a reader
            can tell what every statement was that a server was sent.
        overrides: safety defaults that were switched off.
        inventory_files: those that were read, in the order in which they were named.
        labels: those that any host of the inventory has, of whatever client.
        named: see RunStarted.
    """

    run: str
    playbook: ReadyPlaybook
    judgement: Judgement
    hosts: tuple[Host, ...]
    inventory_source: str
    inventory_digest: str
    selection: str | None
    parallel: int
    host_seconds: float
    token: str
    run_seconds: float | None = None
    connect_seconds: float = 30.0
    overrides: tuple[Override, ...] = ()
    inventory_files: tuple[SourceFile, ...] = ()
    labels: frozenset[str] = frozenset()
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def clients(self) -> tuple[str, ...]:
        """Those that have a host in this run, in the order of the inventory."""
        return tuple(dict.fromkeys(host.client for host in self.hosts))

    @property
    def gate(self) -> Gate:
        """What the transports of this run may send."""
        return Gate.of(collects_of(self.playbook), self.token)

    @property
    def deadlines(self) -> Deadlines:
        """Of the one connection over which a host is observed."""
        return Deadlines(
            host=self.host_seconds,
            connect=self.connect_seconds,
            per_script=collect_seconds(self.playbook),
            close=CLOSE_SECONDS,
        )

    @property
    def steps(self) -> tuple[StepDue, ...]:
        """The playbook's, in order."""
        return tuple(
            StepDue(
                id=ready.step.id,
                action=ready.action.id,
                script=collect_of(ready).sha256,
                when=None if ready.condition is None else ready.condition.text,
                params=ready.params,
            )
            for ready in self.playbook.steps
        )


def idle_limits(order: Order) -> tuple[Problem, ...]:
    """What is wrong with limits over labels that no host has: they would hold nobody back, and nobody would hear it."""
    playbook = order.playbook
    known = ", ".join(sorted(order.labels))
    there = f"its labels are: {known}" if known else "its hosts have no labels: give them this one"
    return tuple(
        Problem(
            playbook.limited_at.get(label, Location(playbook.source)),
            "no host of the inventory has this label, so it would limit nothing",
            suggestion(label, order.labels, otherwise=f"remove it, or name one that hosts have; {there}"),
        )
        for label in playbook.playbook.strategy.limits
        if label not in order.labels
    )


def full_steps(playbook: ReadyPlaybook) -> tuple[str, ...]:
    """The steps whose scripts the host's own engine does not hold to reading, in the order of the playbook."""
    return tuple(ready.step.id for ready in playbook.steps if ready.action.contract.session is SessionKind.FULL)


def collects_of(playbook: ReadyPlaybook) -> tuple[Script, ...]:
    """The collect scripts, all that an audit may send: for the gate. Named after the first step that each is of.

    A script that several steps share has all modules that they need, and is of the full language only where all ask.
    """
    found: dict[str, Script] = {}
    for ready in playbook.steps:
        script = collect_of(ready)
        there = found.setdefault(script.sha256, script)
        modules = tuple(dict.fromkeys((*there.modules, *script.modules)))
        found[script.sha256] = replace(there, full=there.full and script.full, modules=modules)
    return tuple(found.values())


def collect_seconds(playbook: ReadyPlaybook) -> dict[str, float]:
    """The time limit of each collect script in seconds, by step; steps that share a script share the longest."""
    longest: dict[str, float] = {}
    for ready in playbook.steps:
        longest[ready.collect] = max(longest.get(ready.collect, 0.0), float(ready.action.contract.timeouts.collect))
    return {ready.step.id: longest[ready.collect] for ready in playbook.steps}
