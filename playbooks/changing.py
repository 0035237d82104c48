"""From the changes that a judgement names to scripts.

Both scripts of a change are made when a plan is made: the one that makes it, and the one that undoes it. Templates are
told the parameters of the step, the values of the change, and `plan`, the plan's id, from which names of new things
come. Nothing that a host says later is rendered into a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from playbooks.changes import Change, ReadyChange
from playbooks.errors import ChangeError, RenderingError
from playbooks.model import Action
from playbooks.rendering import render
from playbooks.values import Value
from texts.places import Location
from texts.problems import Problem

__all__ = ["PLAN_ID", "ready_changes"]

PLAN = "plan"
PLAN_ID = re.compile(r"[0-9a-f]{12}")


def ready_changes(
    action: Action, params: Mapping[str, Value], changes: Iterable[Change], plan_id: str
) -> tuple[ReadyChange, ...]:
    """The changes with their scripts, in the order in which they were named. The same values give the same texts.

    Args:
        action: one that changes something: it has an apply template.
        params: every parameter of the step, of its declared type.
        changes: from one assessment of this action on one host.
        plan_id: 12 hexadecimal digits.

    Raises:
        ChangeError: a script cannot be rendered.
        ValueError: `plan_id` is none.
    """
    if not PLAN_ID.fullmatch(plan_id):
        raise ValueError("the id of a plan is 12 hexadecimal digits")
    return tuple(_ready(action, params, change, plan_id) for change in changes)


def _ready(action: Action, params: Mapping[str, Value], change: Change, plan_id: str) -> ReadyChange:
    source = f"{action.source}/apply.ps1.j2"
    problems = list(_wrong(action, params, change, source))
    scripts: dict[str, str] = {}
    told: dict[str, Value] = {**params, **change.values, PLAN: plan_id}
    for name, text in (("apply.ps1.j2", action.templates.apply), ("rollback.ps1.j2", action.templates.rollback)):
        if text is not None and not problems:
            try:
                scripts[name] = render(text, told, source=f"{action.source}/{name}")
            except RenderingError as error:
                at = Location(f"{action.source}/{name}", error.line or 1, error.column or 1)
                problems.append(Problem(at, error.what, error.advice))
    if problems:
        raise ChangeError(problems)
    return ReadyChange(change, scripts["apply.ps1.j2"], scripts.get("rollback.ps1.j2"))


def _wrong(action: Action, params: Mapping[str, Value], change: Change, source: str) -> Iterator[Problem]:
    if action.templates.apply is None:
        yield Problem(Location(source), "is missing", "an action that names changes has it")
    if taken := sorted({*params, PLAN} & set(change.values)):
        what = f"is told {' and '.join(taken)} twice: as a value, and as a parameter or the plan's id"
        yield Problem(Location(source), what, "give the value another name")
