"""Whether a plan may be run now: what is compared before anything is sent. Pure.

What the plan was made from has to be what is there, and to give the same scripts: a text that our own actions do not
make of the plan's values is sent to nobody, whoever signed it. Who has to approve and when is of runner/approval.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inventory.model import Host, SourceFile
from playbooks.changing import ready_changes
from playbooks.conditions import names
from playbooks.errors import ChangeError
from playbooks.model import ReadyPlaybook, ReadyStep
from runner.approval.approving import Refused, Standing, standing
from runner.approval.policy import Policy
from runner.plan.planning import going_of, step_plans
from runner.plan.records import Plan, PlannedChange, PlannedHost
from runner.plan.records import Standing as StepStanding

__all__ = ["Present", "RefusedError", "admitted", "same"]

_AGAIN = "Make the plan again."
_CHANGES = frozenset({StepStanding.PLANNED, StepStanding.PREDICTED})
_MOST = 8  # differences that are named one by one


class RefusedError(Exception):
    """Raised for a plan that may not be run now, with every reason why; nothing was sent."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__("; ".join(each.what for each in refused))
        self.refused = tuple(refused)


@dataclass(frozen=True, slots=True)
class Present:
    """What there is now, to hold a plan against.

    Attributes:
        exrun: this version.
        hosts: of the plan's client.
        catalogue: SHA-256 of the tables that judge.
    """

    exrun: str
    hosts: Sequence[Host]
    files: Sequence[SourceFile]
    playbook: ReadyPlaybook
    catalogue: str


def admitted(
    plan: Plan, data: bytes, policy: Policy | None, signatures: Mapping[str, bytes], present: Present, now: datetime
) -> Standing:
    """Whether a plan may be run now, and every reason why not; arguments as those of `standing` and `same`."""
    stood = standing(plan, data, policy, signatures, now)
    return Standing(stood.approvals, (*same(plan, present), *stood.refused), stood.until)


def same(plan: Plan, present: Present) -> tuple[Refused, ...]:
    """What differs between what a plan was made from and what there is; empty where nothing does."""
    found = list(_made_from(plan, present))
    # Scripts of another playbook would differ in everything that is said already.
    return tuple(found) or tuple(_hosts(plan, present)) or tuple(_scripts(plan, present.playbook))


def _made_from(plan: Plan, present: Present) -> Iterator[Refused]:
    if plan.newer:
        yield Refused(
            f"the plan has what only a newer exrun knows: {', '.join(plan.newer)}",
            "Run it with the exrun that made it.",
        )
    if plan.exrun != present.exrun:
        yield Refused(f"exrun {plan.exrun} made the plan, and this is {present.exrun}", _AGAIN)
    files = {(each.path.replace("\\", "/").rpartition("/")[2], each.sha256) for each in present.files}
    for each in plan.inventory:
        if (each.source, each.sha256) not in files:
            yield Refused(f"the inventory {each.source} is not as it was", _AGAIN)
    if len(files) != len(plan.inventory):
        named = ", ".join(each.source for each in plan.inventory)
        if len(files) > len(plan.inventory):
            yield Refused("more files of the inventory speak of this client than did", f"Name those alone: {named}.")
    if plan.playbook.sha256 != present.playbook.digest:
        yield Refused(f"the playbook {plan.playbook.source} is not as it was", _AGAIN)
    elif plan.steps != step_plans(present.playbook):
        yield Refused(f"the actions of the playbook {plan.playbook.source} are not as they were", _AGAIN)
    elif plan.going != going_of(present.playbook, plan.going.parallel):
        yield Refused(f"its waves, limits or budget are not those of the playbook {plan.playbook.source}", _AGAIN)
    if plan.catalogue != present.catalogue:
        yield Refused("the catalogue is another, and may judge otherwise", _AGAIN)


def _hosts(plan: Plan, present: Present) -> Iterator[Refused]:
    known = {host.name: host for host in present.hosts}
    steps = [step.id for step in plan.steps]
    looked_up = {
        ready.step.id: set() if ready.condition is None else {owner for owner, _ in names(ready.condition)}
        for ready in present.playbook.steps
    }
    for each in plan.hosts:
        if not each.refused and [step.step for step in each.steps] != steps:
            yield Refused(f"the steps of {each.host} are not those of the playbook", _AGAIN)
            continue
        if why := _contradicts(each, looked_up):
            yield Refused(f"{each.host}: {why}", _AGAIN)
            continue
        host = known.get(each.host)
        if host is None:
            yield Refused(f"{each.host} is not in the inventory", _AGAIN)
        elif (host.address, host.port) != (each.address, each.port):
            yield Refused(f"{each.host} was {each.address}:{each.port}, and is {host.address}:{host.port}", _AGAIN)
        elif any(host.labels.get(name) != values for name, values in each.labels.items()):
            yield Refused(f"the labels of {each.host} are not as they were", _AGAIN)


def _contradicts(host: PlannedHost, looked_up: Mapping[str, Collection[str]]) -> str:
    """What of a host cannot be true together; empty where nothing is."""
    asked = {step.step for step in host.steps if step.observed is not None}
    for step in host.steps:
        if bool(step.changes) != (step.standing in _CHANGES):
            return f"step {step.step} is {step.standing}, and has {len(step.changes)} changes"
        if not set(step.hangs_on) <= set(looked_up[step.step]):
            return f"step {step.step} hangs on what its `when` does not name"
        if step.changes and (left := (asked & set(looked_up[step.step])) - set(step.hangs_on)):
            return f"step {step.step} does not hang on {', '.join(sorted(left))}, which its `when` names"
    return ""


def _scripts(plan: Plan, playbook: ReadyPlaybook) -> Iterator[Refused]:
    """Whether our actions make the plan's scripts of the plan's values; those of equal values are made once."""
    steps = {ready.step.id: ready for ready in playbook.steps}
    made: dict[tuple[str, str, str], PlannedChange | str] = {}
    told = 0
    for host, step, change in plan.changes:
        key = step.step, change.change.id, repr(sorted(change.change.values.items()))
        if key not in made:
            made[key] = _made(steps[step.step], change, plan.id)
        scripts = made[key]
        if isinstance(scripts, PlannedChange) and replace(scripts, change=change.change) == change:
            continue
        told += 1
        if told > _MOST:
            yield Refused("there are more", _AGAIN)
            return
        where = f"{host.host}, step {step.step}, change {change.change.id}"
        why = scripts if isinstance(scripts, str) else "its scripts are not what its values give"
        yield Refused(f"{where}: {why}", _AGAIN)


def _made(ready: ReadyStep, change: PlannedChange, plan: str) -> PlannedChange | str:
    """The change as it would be planned; why it would not be otherwise."""
    try:
        [made] = ready_changes(ready.action, ready.params, [change.change], plan)
    except (ChangeError, ValueError) as error:
        return "; ".join(str(error).splitlines())
    return PlannedChange.of(made, reboots=ready.action.contract.reboots)
