"""From what one script answered to an observation that judgement can rely on. Pure, and raises for no answer.

An answer counts only when it is complete: every object is a record of a Kind that the action's contract declares, with
exactly the declared properties, each of its declared type. One object that is not so makes the whole answer
NotObserved: what came beside it is no better, and a record left out would be taken for a thing that is not there.

The same holds for an error that did not end the script. The built-in scripts stop at the first error; a user's script
that goes on after one has left something out without saying what. A script that means to go on catches the error and
emits a record of Kind `Unread`, or asks for silence with `-ErrorAction SilentlyContinue`. Warnings, verbose and
information streams say nothing about completeness and are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import assert_never

from playbooks.declared import fits
from playbooks.model import ActionContract, PropertySpec
from playbooks.observation import UNREAD_KIND, NotObserved, Observation, Observed, Unread
from playbooks.promised import unread_properties
from playbooks.values import Record, Value
from runner.transport.failures import in_words, quoted
from runner.transport.interface import Capped, Completed, ErrorText, NotRun, ScriptResult, Terminated, TimedOut

CONTRACT = "contract"
TIMEOUT = "timeout"
CAP = "cap"
SCRIPT_ERROR = "script-error"
NOT_RUN = "not-run"
MAY_HAVE_RUN = "its script may have run"

_CAPS = {
    "max_bytes": "bytes of output",
    "max_objects": "objects",
    "max_depth": "levels of nesting",
    "max_xml_bytes": "bytes in one message",
    "max_text": "characters in one text",
}


def observation_of(result: ScriptResult, contract: ActionContract) -> Observation:
    """What a script said, or why it does not count as an answer. `reason` quotes the server and is tainted."""
    match result:
        case Completed(streams=streams):
            if streams.errors:
                return NotObserved(SCRIPT_ERROR, _errors(streams.errors))
            return _records(streams.output, contract)
        case Terminated(error=error):
            return NotObserved(SCRIPT_ERROR, f"the script ended in an error: {_error(error)}")
        case TimedOut(limit_seconds=seconds):
            return NotObserved(TIMEOUT, f"the script did not end within {seconds:g} s and was stopped")
        case Capped(cap=cap, limit=limit):
            return NotObserved(CAP, f"the answer has more than {limit} {_CAPS.get(cap, quoted(cap))} and was dropped")
        case NotRun(failure=failure, started=started):
            why = in_words(failure) if started is False else f"{in_words(failure)}; {MAY_HAVE_RUN}"
            return NotObserved(NOT_RUN, why, failure.next)
        case _:
            assert_never(result)


def properties_of(record: Record, contract: ActionContract) -> Mapping[str, PropertySpec]:
    """What a record of this Kind has by the contract; nothing where the Kind is not declared."""
    kind = record.get("Kind")
    if kind == UNREAD_KIND:
        return _UNREAD
    return contract.outputs.get(kind, {}) if isinstance(kind, str) else {}


def _records(output: tuple[Value, ...], contract: ActionContract) -> Observation:
    records: list[Record] = []
    unread: list[Unread] = []
    for number, value in enumerate(output, start=1):
        wrong = _why_not_a_record(value, contract)
        if wrong is not None:
            return NotObserved(CONTRACT, f"object {number} of the answer is not what the action declares: {wrong}")
        assert isinstance(value, Mapping)
        if value["Kind"] == UNREAD_KIND:
            unread.append(Unread(str(value["What"]), str(value["Why"])))
        else:
            records.append(value)
    return Observed(tuple(records), tuple(unread))


_UNREAD = unread_properties()


def _why_not_a_record(value: Value, contract: ActionContract) -> str | None:
    if not isinstance(value, Mapping):
        return f"it is {_described(value)}, not a record"
    kind = value.get("Kind")
    if not isinstance(kind, str):
        return "it has no Kind"
    properties = _UNREAD if kind == UNREAD_KIND else contract.outputs.get(kind)
    if properties is None:
        return f"the Kind {quoted(kind)!r} is not declared"
    if len(value) == len(properties) + 1 and "Kind" not in properties and _all_as_declared(value, properties):
        return None
    missing = [name for name in properties if name not in value]
    if missing:
        return f"{kind} lacks the property {missing[0]}"
    surplus = sorted(name for name in value if name != "Kind" and name not in properties)
    if surplus:
        return f"{kind} has the property {quoted(surplus[0])!r}, which is not declared"
    for name, declared in properties.items():
        if not fits(value[name], declared.type):
            return f"{kind}.{name} is {_described(value[name])}, not {declared.type}"
        if not declared.domain.has(value[name]):
            return f"{kind}.{name} is {quoted(str(value[name]))!r}, which is not among its values"
    return None


def _all_as_declared(value: Record, properties: Mapping[str, PropertySpec]) -> bool:
    return all(name in value and declared.domain.has(value[name]) for name, declared in properties.items())


def _described(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number" if math.isfinite(value) else "NaN or infinite"
        case str():
            return "text"
        case bytes():
            return "bytes"
        case tuple():
            return "an array"
        case Mapping():
            return "a record"
        case _:
            return "a time"


def _errors(errors: tuple[ErrorText, ...]) -> str:
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"the script went on after an error, so its answer may lack something: {_error(errors[0])}{more}"


def _error(error: ErrorText) -> str:
    said = quoted(error.message) or "without a message"
    return f"{said} [{quoted(error.error_id)}]" if error.error_id else said
