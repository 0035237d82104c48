"""From the changes that a judgement names to scripts: rendered, and proven to write what the contract names.

The scripts of a change are made when a plan is made: the one that makes it, the one that undoes it, and the one that
reads what is to be kept as evidence before. Templates are
told the parameters of the step, the values of the change, and `plan`, the plan's id, from which names of new things
come. Nothing that a host says later is rendered into a script.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from playbooks.changes import Change, ReadyChange
from playbooks.correcting import PLACEHOLDER, PLAN
from playbooks.detaching import detached
from playbooks.errors import ChangeError, RenderingError
from playbooks.guarding import guarded
from playbooks.lint import Place, lint, lint_change, unlockable
from playbooks.lint.wildcards import escaped, why_no_pattern
from playbooks.model import APPLY, CONTRACT, EVIDENCE, NAME, ROLLBACK, Action, PlaceKind, Write
from playbooks.rendering import render
from playbooks.values import Value
from texts.places import Location
from texts.problems import Problem

__all__ = [
    "PLAN_ID",
    "KeptFile",
    "Scripts",
    "kept_file",
    "places",
    "ready_changes",
    "scripts_of",
    "why_no_write",
]

PLAN_ID = re.compile(r"[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_BEGINS = {
    PlaceKind.FILE: (re.compile(r"[A-Za-z]:\\|\{\{"), "begin with a drive: C:\\..."),
    PlaceKind.FOLDER: (re.compile(r"[A-Za-z]:\\|\{\{"), "begin with a drive: C:\\..."),
    PlaceKind.ACL: (re.compile(r"[A-Za-z]:\\|\{\{"), "begin with a drive: C:\\..."),
    PlaceKind.REGISTRY: (re.compile(r"HK(LM|CU):\\|\{\{", re.IGNORECASE), "begin with HKLM:\\ or HKCU:\\"),
}


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
        ChangeError: a script cannot be rendered, is not proven to write what the contract names alone, or the changes
            cannot be told apart; carries every problem, each with action, change and template.
        ValueError: `plan_id` is none.
    """
    if not PLAN_ID.fullmatch(plan_id):
        raise ValueError("the id of a plan is 12 hexadecimal digits")
    problems: list[Problem] = []
    ready: list[ReadyChange] = []
    seen: set[str] = set()
    of: dict[tuple[str, str], str] = {}
    for change in changes:
        wrong = list(_wrong(action, params, change, seen))
        seen.add(change.id)
        if not wrong:
            told: dict[str, Value] = {**params, **change.values, PLAN: plan_id}
            made = scripts_of(action, told)
            ready.append(_as_sent(action, change, made, plan_id))
            wrong = list(made.problems) or list(_alike(action, ready[-1], of))
        problems += (replace(each, what=f"the change {change.id} of {action.id}: {each.what}") for each in wrong)
    if problems:
        raise ChangeError(problems)
    return tuple(ready)


def _alike(action: Action, ready: ReadyChange, of: dict[tuple[str, str], str]) -> Iterator[Problem]:
    """A script that another change of the step has as well: a journal knows by its script which change was sent.

    Args:
        of: whose each script is, by the template and its text; this change's are added.
    """
    for name, text in ((APPLY, ready.apply), (ROLLBACK, ready.rollback)):
        if text is not None and (other := of.setdefault((name, text), ready.change.id)) != ready.change.id:
            what = f"is the script of {other}, and what became of either could not be told"
            yield Problem(Location(f"{action.source}/{name}"), what, "show in it what tells the two apart, as a text")


def _as_sent(action: Action, change: Change, made: Scripts, plan_id: str) -> ReadyChange:
    """What is sent for proven scripts of an action."""
    confirm, away = action.contract.confirm, action.contract.detached
    if away is not None:
        begun = detached(plan_id, change.id, made.apply, made.rollback, away.seconds)
        evidence = made.evidence
        return ReadyChange(
            change, begun.apply, begun.rollback, evidence, poll=begun.poll, detached_seconds=away.seconds
        )
    if confirm is None or made.rollback is None:
        return ReadyChange(change, made.apply, made.rollback, made.evidence)
    around = guarded(plan_id, change.id, made.apply, made.rollback, confirm.seconds)
    return ReadyChange(change, around.apply, around.rollback, made.evidence, around.confirm, confirm.seconds)


@dataclass(frozen=True, slots=True)
class Scripts:
    """The scripts of one change, and what is wrong with them; where something is, they are not to be used."""

    apply: str
    rollback: str | None
    evidence: str | None
    problems: tuple[Problem, ...]


def scripts_of(action: Action, told: Mapping[str, Value]) -> Scripts:
    """The scripts of an action's change for what its templates are told."""
    try:
        allowed = places(action.contract.writes, told)
    except RenderingError as error:
        wrong = Problem(Location(f"{action.source}/{CONTRACT}"), error.what, error.advice)
        return Scripts("", None, None, (wrong,))
    problems: list[Problem] = []
    scripts: dict[str, str] = {}
    templates = action.templates
    for name, text in ((APPLY, templates.apply), (ROLLBACK, templates.rollback), (EVIDENCE, templates.evidence)):
        source = f"{action.source}/{name}"
        if text is None:
            continue
        try:
            scripts[name] = render(text, told, source=source)
        except RenderingError as error:
            problems.append(Problem(Location(source, error.line or 1, error.column or 1), error.what, error.advice))
            continue
        found = lint_change(scripts[name], allowed, source=source)
        if name == EVIDENCE:  # it is sent to the locked session, as what collects is
            needed = action.contract.needs.modules
            found = (*lint(scripts[name], source=source), *unlockable(scripts[name], needed, source=source))
        for each in found:
            problems.append(Problem(Location(source, each.line, each.column), each.why, each.instead, each.rule))
    return Scripts(scripts.get(APPLY, ""), scripts.get(ROLLBACK), scripts.get(EVIDENCE), tuple(problems))


def places(writes: Sequence[Write], told: Mapping[str, Value]) -> tuple[Place, ...]:
    """What a contract's `writes` come to where templates are told this. A list stands for each of its members.

    What is filled in stands for itself: its wildcards are none.

    Raises:
        RenderingError: a name is not told, or its value is empty, or neither text nor a whole number nor a list of
            texts.
    """
    return tuple(Place(write.kind.value, pattern) for write in writes for pattern in _filled(write, told))


def _filled(write: Write, told: Mapping[str, Value]) -> Iterator[str]:
    pieces = PLACEHOLDER.split(write.pattern)
    ways: list[tuple[str, ...]] = []
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            ways.append((piece,))
            continue
        value = told.get(piece)
        members = value if isinstance(value, tuple) else (value,)
        if piece not in told:
            raise RenderingError(f"writes names {piece!r}, which the change is not told", "correct the name")
        if any(isinstance(each, bool) or not isinstance(each, str | int) for each in members):
            raise RenderingError(f"{piece} is no text, and cannot stand in writes", "name a value that is one")
        if "" in members:
            raise RenderingError(
                f"{piece} is empty, and what is left of the place may be any", "name a value that is not"
            )
        ways.append(tuple(escaped(str(each)) for each in members))
    yield from ("".join(each) for each in product(*ways))


def why_no_write(write: Write, names: Iterable[str] | None) -> tuple[str, str] | None:
    """What is wrong with an entry of `writes` and what to do; None where nothing is.

    Args:
        names: what templates are told; None where only a judgement knows.
    """
    pieces = PLACEHOLDER.split(write.pattern)
    for name in pieces[1::2]:
        if not re.fullmatch(NAME, name):
            return f"has {{{{ {name} }}}}, which is no name", "write {{ name }}, of a value or a parameter"
        if names is not None and name not in names:
            return f"names {name!r}, which no value and no parameter is", f"there are: {', '.join(sorted(names))}"
    if any("{{" in piece or "}}" in piece for piece in pieces[::2]):
        return "has braces that do not close", "write {{ name }}"
    if why := why_no_pattern("x".join(pieces[::2])):
        return why, "put a backtick before a [ that stands for itself"
    begins, advice = _BEGINS.get(write.kind, (None, ""))
    if begins is not None and not begins.match(write.pattern):
        return "does not say where that is", advice
    return None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that is kept before a change is made: its path, and the SHA-256 that its bytes have to have."""

    path: str
    sha256: str


def kept_file(action: Action, params: Mapping[str, Value], change: Change) -> KeptFile:
    """What is kept before this change, as the action's contract names it.

    Raises:
        ValueError: it names nothing, or what it names is no path or no SHA-256.
    """
    keeps = action.contract.evidence
    if keeps is None:
        raise ValueError(f"the contract of {action.id} does not say what is kept")
    told: Mapping[str, object] = {**params, **change.values}
    path, sha256 = told.get(keeps.path), told.get(keeps.sha256)
    if not isinstance(path, str) or not path:
        raise ValueError(f"what is kept has no path: {keeps.path} is not a text")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"what is kept has no SHA-256: {keeps.sha256} is not 64 hexadecimal digits")
    return KeptFile(path, sha256.lower())


def _wrong(action: Action, params: Mapping[str, Value], change: Change, seen: Container[str]) -> Iterator[Problem]:
    """What is wrong with a change before it is rendered."""
    at = Location(f"{action.source}/{APPLY}")
    if action.templates.apply is None:
        yield Problem(at, "is missing", "an action that names changes has it")
    if change.id in seen:
        yield Problem(at, "is named twice", "give each change an id of its own")
    if taken := sorted({*params, PLAN} & set(change.values)):
        what = f"is told {' and '.join(taken)} twice: as a value, and as a parameter or the plan's id"
        yield Problem(at, what, "give the value another name")
    if action.templates.evidence is not None:
        try:
            kept_file(action, params, change)
        except ValueError as error:
            yield Problem(Location(f"{action.source}/{EVIDENCE}"), str(error), "correct `evidence` of the contract")
