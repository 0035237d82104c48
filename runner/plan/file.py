"""A plan as the bytes of a file, and back. Pure.

The bytes are canonical JSON (RFC 8785): what is hashed, approved and applied is spelt in one way. A file that says the
same in another spelling is refused, for somebody else's reader might see another plan in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any, cast

from playbooks.changes import Change
from playbooks.findings import Coverage, Verdict
from playbooks.model import ACTION_ID, NAME
from playbooks.shares import SHARE, WAVE
from runner.advice import AdvisedError
from runner.codec import (
    FLAG,
    HASH,
    PLAIN,
    TIME,
    IllFormedError,
    among,
    many,
    maybe,
    record,
    spelt,
    table,
    word,
)
from runner.events import AS_IT_IS, CHANGE, CHANGE_VALUE
from runner.plan.records import (
    FORMAT,
    Disturbance,
    From,
    Going,
    Plan,
    PlannedChange,
    PlannedHost,
    PlannedStep,
    Standing,
    StepPlan,
)

__all__ = ["MOST_BYTES", "PlanError", "digest", "is_writable", "read", "write"]

KIND = "exrun-plan"
_FILE = r"[^/\\\x00]+"  # it is looked for beside the plan, and nowhere that the plan leads to
MOST_INTEGER = 2**53 - 1  # what every reader of JSON has as it was written
_LAST = "\uffff"  # of the characters that have the same order in UTF-16 as among themselves
MOST_BYTES = 256 * 1024 * 1024  # 5,000 hosts of 20 steps take 30 MB


class PlanError(AdvisedError, ValueError):
    """Raised for a file that is no plan, or not one that can be trusted to say one thing. `next` is what to do."""


# As the models of playbooks and inventories have them.
_SECONDS = among(0, 86_400)
_AT_A_TIME = among(1, 1000)

_PLANNED = record(
    PlannedChange,
    change=CHANGE,
    apply=HASH,
    rollback=maybe(HASH),
    evidence=maybe(HASH),
    confirm=maybe(HASH),
    confirm_seconds=maybe(_SECONDS),
    reboots=FLAG,
    poll=maybe(HASH),
    detached_seconds=maybe(_SECONDS),
)
_STEP = record(
    PlannedStep,
    step=PLAIN,
    standing=word(Standing),
    verdict=word(Verdict),
    summary=PLAIN,
    coverage=word(Coverage),
    observed=maybe(HASH),
    changes=many(_PLANNED),
    hangs_on=many(PLAIN),
)
_HOST = record(
    PlannedHost,
    host=PLAIN,
    address=PLAIN,
    port=among(1, 65_535),
    steps=many(_STEP),
    refused=PLAIN,
    labels=table(many(PLAIN)),
    roles=maybe(many(PLAIN)),
)
_FROM = record(From, source=PLAIN, sha256=HASH)
_DISTURBANCE = record(
    Disturbance, disruptive=FLAG, reboots=FLAG, interruption=PLAIN, reversible=FLAG, interruption_seconds=_SECONDS
)
_STEP_PLAN = record(
    StepPlan, id=PLAIN, action=PLAIN, collect=HASH, on_failure=PLAIN, disturbs=maybe(_DISTURBANCE), contract=HASH
)
_GOING = record(
    Going,
    parallel=_AT_A_TIME,
    waves=many(spelt(WAVE, "the size of a wave: a count, a percentage or `rest`")),
    pause_seconds=_SECONDS,
    limits=table(_AT_A_TIME),
    budget=maybe(spelt(SHARE, "a failure budget: a count or a percentage")),
    health=many(PLAIN),
)
_PLAN = record(
    Plan,
    id=spelt("[0-9a-f]{12}", "12 hexadecimal digits in lower case"),
    token=spelt("[0-9a-f]{32}", "32 hexadecimal digits in lower case"),
    client=PLAIN,
    made=TIME,
    expires=TIME,
    run=PLAIN,
    planner=PLAIN,
    exrun=PLAIN,
    inventory=many(_FROM),
    playbook=_FROM,
    params=table(CHANGE_VALUE),
    policy=maybe(HASH),
    catalogue=HASH,
    selection=PLAIN,
    going=_GOING,
    steps=many(_STEP_PLAN),
    hosts=many(_HOST),
    texts=table(PLAIN),
)


def write(plan: Plan) -> bytes:
    """The plan's file.

    Raises:
        ValueError: a text of it cannot be UTF-8, an integer is beyond 53 bits, or a name beyond the first plane.
    """
    document = {"kind": KIND, "format": FORMAT, **cast(Any, _PLAN.write(plan, AS_IT_IS))}
    data = _canonical(document)
    if not data or not all(is_writable(change.change) for _, _, change in plan.changes):
        raise ValueError("a text, a name or a number of the plan has no canonical form")
    return data


def is_writable(change: Change) -> bool:
    """Whether a plan has every text, name and number of a change as it is (RFC 8785, 3.2.2 and 3.2.3)."""
    texts = [change.title, change.disturbs]
    for part in (change.values, change.before, change.after):
        for name, value in part.items():
            if not name.isascii() and max(name) > _LAST:
                return False
            if type(value) is int and abs(value) > MOST_INTEGER:
                return False
            texts.append(name)
            texts += value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:  # half of a surrogate pair: a server may say it, and UTF-8 has no place for it
        return False
    return True


def digest(data: bytes) -> str:
    """What names a plan, is approved and is looked up in the journal: SHA-256 of its file's bytes."""
    return hashlib.sha256(data).hexdigest()


def read(data: bytes) -> Plan:
    """The plan that these bytes are; each text in it is the one that its hash names, and none is missing.

    Raises:
        PlanError: they are none, or not spelt as `write` spells it.
    """
    try:
        document = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise PlanError("is not JSON", "Name the file of a plan.") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise PlanError("is JSON, and not a plan", "Name the file of a plan.")
    if _canonical(document) != data:
        raise PlanError("is not spelt as a plan is: it was edited or formatted anew", "Make the plan again.")
    if type(document.get("format")) is not int or document["format"] < FORMAT:
        raise PlanError("does not say its format", "Make the plan again.")
    aside = ["format"] if document["format"] > FORMAT else []
    members = {name: value for name, value in document.items() if name not in ("kind", "format")}
    try:
        plan = _PLAN.read(members, aside)
    except IllFormedError as error:
        raise PlanError(f"`{error.member}` {error.why}", "Make the plan again.") from None
    for name, time in (("made", plan.made), ("expires", plan.expires)):
        if not 2000 <= time.year < 9000:  # nobody made it then, and no clock counts on from there
            raise PlanError(f"`{name}` is {time.year}", "Make the plan again.")
        if members[name] != time.astimezone(UTC).isoformat():
            raise PlanError(f"`{name}` is not spelt as a plan spells a time", "Make the plan again.")
    _check_forms(plan)
    _check_names(plan)
    _check_parts(plan)
    _check_texts(plan)
    return plan if not aside else _newer(plan, aside)


# What is written are values, and what was read is JSON: neither has rings.
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, check_circular=False, separators=(",", ":"))


def _canonical(document: object) -> bytes:
    """As RFC 8785 has it, for what a plan consists of: no fraction, no number beyond 53 bits, and no name beyond the
    first plane, where UTF-16 has another order. A tenth of the time that a general writer takes."""
    try:
        return _CANONICAL.encode(document).encode()
    except UnicodeEncodeError:
        return b""


def _newer(plan: Plan, aside: list[str]) -> Plan:
    return replace(plan, newer=tuple(dict.fromkeys(aside)))


def _check_forms(plan: Plan) -> None:
    """Refuses what is shown as it stands, because it is ours, and is not of the form that we give it."""
    for what, form, given in (
        ("id", "[0-9a-f]{12}", (plan.id,)),
        ("token", "[0-9a-f]{32}", (plan.token,)),
        ("the name of a step", NAME, {step.id for step in plan.steps}),
        ("the name of a file", _FILE, {plan.playbook.source, *(each.source for each in plan.inventory)}),
        ("the name of an action", ACTION_ID, {step.action for step in plan.steps}),
    ):
        if any(re.fullmatch(form, each) is None for each in given):
            raise PlanError(f"{what} is not as a plan has it", "Make the plan again.")


def _check_names(plan: Plan) -> None:
    """Refuses a plan in which a name stands for two: which of them was meant nobody could say."""
    _once("the step", [step.id for step in plan.steps])
    _once("the server", [host.host.casefold() for host in plan.hosts])
    for host in plan.hosts:
        _once(f"of {host.host} the step", [step.step for step in host.steps])
        for step in host.steps:
            if len(step.changes) > 1:
                where = f"of {host.host}, step {step.step}, the change"
                _once(where, [change.change.id for change in step.changes])
                # A script names its change in the journal.
                _once(f"{where} with the script", [change.apply for change in step.changes])


def _once(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise PlanError(f"{what} {twice:.64} stands in it twice", "Make the plan again.")


def _check_parts(plan: Plan) -> None:
    """Refuses a plan of which one part is not in another that it speaks of: a sum over it would leave that out."""
    if plan.expires <= plan.made:
        raise PlanError("`expires` is not after `made`", "Make the plan again.")
    if "rest" in plan.going.waves[:-1]:
        raise PlanError("`going.waves` has a wave after `rest`, which leaves nothing for it", "Make the plan again.")
    known = {step.id for step in plan.steps}
    for each in plan.going.health:
        if each not in known:
            raise PlanError(f"`going.health` names the step {each:.64}, which the plan has not", "Make the plan again.")
    for host in plan.hosts:
        if host.refused and host.steps:
            raise PlanError(f"{host.host:.64} was refused, and has steps", "Make the plan again.")
        for step in host.steps:
            if step.step not in known:
                raise PlanError(
                    f"{host.host:.64} has the step {step.step:.64}, which the plan has not", "Make the plan again."
                )


def _check_texts(plan: Plan) -> None:
    for sha256, text in plan.texts.items():
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise PlanError(f"the script named {sha256:.12} is another than its hash says", "Make the plan again.")
    for host, step, change in plan.changes:
        for sha in change.texts:
            if sha not in plan.texts:
                raise PlanError(
                    f"the script {sha:.12} of {host.host}, step {step.step}, change {change.change.id} is missing",
                    "Make the plan again.",
                )
