"""A plan, as frozen records: what was judged of each host and step, and which scripts would make and undo each change.

    Plan -> PlannedHost -> PlannedStep -> PlannedChange -> the SHA-256 of its texts, which stand in Plan.texts

Everything is decided here: `apply` renders nothing that is not in it, and sends nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from playbooks.changes import Change, ReadyChange
from playbooks.findings import Coverage, Verdict

__all__ = [
    "LABELS",
    "Disturbance",
    "From",
    "Going",
    "Plan",
    "PlannedChange",
    "PlannedHost",
    "PlannedStep",
    "Standing",
    "StepPlan",
    "sha256_of",
]

FORMAT = 1
LABELS = ("site", "dag")  # of the inventory: what a plan says of a server beside those that `going` limits


class Standing(StrEnum):
    """What a plan says of one step on one host."""

    COMPLIANT = "compliant"  # nothing to change
    PLANNED = "planned"  # its changes follow from what was seen on the host
    PREDICTED = "predicted"  # its changes follow from what a step before it will have made true
    DEFERRED = "deferred"  # hangs on what a step before it changes, and nobody can say to what: never run by this plan
    NOT_APPLICABLE = "not-applicable"  # does not concern this host, or its `when` is false
    UNKNOWN = "unknown"  # could not be judged: never run by this plan


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A change with its scripts.

    Attributes:
        apply: SHA-256 of the script that makes it.
        rollback: of the one that undoes it; None where it cannot be undone.
        evidence: of the one that reads what has to be kept before; None where nothing has.
        confirm: of the one without which the host undoes it by itself; None where it does not.
        confirm_seconds: from the change to then; None where it does not.
        reboots: whether it restarts the host.
        poll: of the one that reads how far the two are, which run as tasks of the host then; None where they do not.
        detached_seconds: that each of the two may take there; None where they are not such.
    """

    change: Change
    apply: str
    rollback: str | None
    evidence: str | None = None
    confirm: str | None = None
    confirm_seconds: int | None = None
    reboots: bool = False
    poll: str | None = None
    detached_seconds: int | None = None

    @classmethod
    def of(cls, made: ReadyChange, *, reboots: bool) -> PlannedChange:
        """A change that is ready to be sent, by the SHA-256 of its scripts.

        Args:
            reboots: as the contract of its action has it.
        """
        return cls(
            change=made.change,
            apply=sha256_of(made.apply),
            rollback=None if made.rollback is None else sha256_of(made.rollback),
            evidence=None if made.evidence is None else sha256_of(made.evidence),
            confirm=None if made.confirm is None else sha256_of(made.confirm),
            confirm_seconds=made.confirm_seconds,
            reboots=reboots,
            poll=None if made.poll is None else sha256_of(made.poll),
            detached_seconds=made.detached_seconds,
        )

    @property
    def scripts(self) -> tuple[str, ...]:
        """The SHA-256 of each that changes the host."""
        return tuple(sha for sha in (self.apply, self.rollback, self.confirm) if sha is not None)

    @property
    def texts(self) -> tuple[str, ...]:
        """The scripts that belong to it."""
        return (*self.scripts, *self.reads)

    @property
    def reads(self) -> tuple[str, ...]:
        """The SHA-256 of each that only reads, beside what collects."""
        return tuple(sha for sha in (self.evidence, self.poll) if sha is not None)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step on one host.

    Attributes:
        summary: of its judgement; where it is deferred or unknown, why.
        coverage: how well this is known.
        observed: SHA-256 of the canonical form of what the host said; None where it was not asked.
        hangs_on: of a step with changes: the steps before it that were asked and whose facts its `when` looks up. It is
            decided anew on what they say when the plan is run.
    """

    step: str
    standing: Standing
    verdict: Verdict
    summary: str
    coverage: Coverage
    observed: str | None
    changes: tuple[PlannedChange, ...] = ()
    hangs_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedHost:
    """One host.

    Attributes:
        refused: why it could not be planned, and then it has no step; empty otherwise.
        labels: of the inventory: those of LABELS and those that the plan limits, where it has them.
        roles: of Exchange, as a step observed them; None where none did.
    """

    host: str
    address: str
    port: int
    steps: tuple[PlannedStep, ...]
    refused: str = ""
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: tuple[str, ...] | None = None

    @property
    def changes(self) -> tuple[tuple[PlannedStep, PlannedChange], ...]:
        """All changes, in the order in which they are to be made."""
        return tuple((step, change) for step in self.steps for change in step.changes)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What a contract says of an action that changes something; `interruption_seconds` for how long at most."""

    disruptive: bool
    reboots: bool
    interruption: str
    reversible: bool
    interruption_seconds: int = 0


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step of the playbook, as it stands for all hosts.

    Attributes:
        collect: SHA-256 of its collect script.
        disturbs: None for an action that changes nothing.
        contract: SHA-256 of what its action's contract says, in JSON: by what it judges, and what it may do.
    """

    id: str
    action: str
    collect: str
    on_failure: str
    disturbs: Disturbance | None
    contract: str


@dataclass(frozen=True, slots=True)
class From:
    """A file that the plan was made from: its name without its folder, and the SHA-256 of its bytes."""

    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Going:
    """How it goes over the hosts; see `Rules` of runner/rollout.py.

    Attributes:
        waves: as they were written: `1`, `10%`, `rest`.
        budget: as it was written: a count or a percentage of the hosts; None without a limit.
        health: ids of the steps by which the hosts of a wave are asked whether they are well; empty for no check.
    """

    parallel: int
    waves: tuple[str, ...]
    pause_seconds: int
    limits: Mapping[str, int]
    budget: str | None
    health: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to be done for one client, and who said so from what.

    Attributes:
        id: 12 hexadecimal digits; part of the names of what the plan makes on hosts.
        token: 32 hexadecimal digits, spent when the plan is run.
        expires: it is not begun from then on.
        run: in which the hosts were looked at; its directory has the plan as it was made.
        planner: `user@machine`.
        exrun: its version.
        policy: SHA-256 of the client's policy; None without one.
        catalogue: SHA-256 of its tables.
        texts: every script of a change, by its SHA-256.
        newer: names of members that this version does not know; such a plan can be shown, not applied.
    """

    id: str
    token: str
    client: str
    made: datetime
    expires: datetime
    run: str
    planner: str
    exrun: str
    inventory: tuple[From, ...]
    playbook: From
    params: Mapping[str, object]
    policy: str | None
    catalogue: str
    selection: str
    going: Going
    steps: tuple[StepPlan, ...]
    hosts: tuple[PlannedHost, ...]
    texts: Mapping[str, str]
    newer: tuple[str, ...] = field(default=(), compare=False)

    @property
    def changes(self) -> Iterator[tuple[PlannedHost, PlannedStep, PlannedChange]]:
        """Every change, host by host."""
        return ((host, step, change) for host in self.hosts for step, change in host.changes)

    @property
    def due(self) -> tuple[PlannedHost, ...]:
        """The hosts on which something is to be changed, in the order of the plan."""
        return tuple(host for host in self.hosts if any(step.changes for step in host.steps))

    def scripts_of(self, host: str) -> frozenset[str]:
        """The SHA-256 of every script that may be sent to this host to change something."""
        return frozenset(sha for each in self._changes_of(host) for sha in each.scripts)

    def reads_of(self, host: str) -> frozenset[str]:
        """The SHA-256 of every script of a change that may be sent to this host, and only reads."""
        return frozenset(sha for each in self._changes_of(host) for sha in each.reads)

    def _changes_of(self, host: str) -> tuple[PlannedChange, ...]:
        found = next((each for each in self.hosts if each.host == host), None)
        return () if found is None else tuple(change for _, change in found.changes)


def sha256_of(text: str) -> str:
    """What names a script in a plan and in the journal."""
    return hashlib.sha256(text.encode()).hexdigest()
