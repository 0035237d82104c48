"""What a collect script emits, held against what its action's contract declares: before it runs, not on a server.

An answer that is not as the contract says is unknown as a whole (runner.answers), on every server. So a script whose
records differ is wrong, and one of which it cannot be told is refused with how to write it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from playbooks.declared import in_words
from playbooks.lint.emission import NoRecord, Record, Untold, emitted
from playbooks.model import ActionContract, PropertySpec
from playbooks.observation import UNREAD_KIND
from texts.spelling import nearest, suggestion

__all__ = ["Broken", "broken", "unread_properties"]

_TO_WRITE = "write @{ Kind = 'Service'; Name = $name }, with the Kind and each name in full"


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a script and its contract differ: at an offset of the script, or, where a Kind is named, at that of the
    contract, which the script never emits."""

    what: str
    advice: str
    at: int = 0
    kind: str = ""


def unread_properties() -> Mapping[str, PropertySpec]:
    """The properties of a record of Kind Unread, which every action may emit."""
    return {"What": PropertySpec(type="text"), "Why": PropertySpec(type="text")}


def broken(script: str, template: str, contract: ActionContract) -> tuple[Broken, ...]:
    """Where a rendered script, proven read-only, and its contract differ; in the order of the script.

    Args:
        template: what the script was rendered from. Where it has `if` or `for`, other parameters may bring another part
            of it, and what is never emitted is not said. Texts that a parameter gave are not held to the values of a
            property: the parameter may be a sample.
    """
    found: list[Broken] = []
    kinds: set[str] = set()
    told = True
    for each in emitted(script):
        match each:
            case NoRecord():
                advice = "put it into a record, assign it to a variable, or send it to Out-Null"
                found.append(Broken(f"{each.what} is emitted, which is no record with a Kind", advice, each.at))
            case Untold():
                told = False
                found.append(Broken(f"what is emitted cannot be told: {each.why}", _TO_WRITE, each.at))
            case Record(kinds=None):
                told = False
                what = "which Kind this record has is decided while the script runs"
                found.append(Broken(what, "write it as a text: Kind = 'Service'", each.at))
            case Record():
                kinds |= each.kinds or set()
                told = told and bool(each.kinds)
                found += _of_record(each, template, contract)
            case _:
                assert_never(each)
    if told and "{%" not in template:
        meant = {nearest(kind, contract.outputs) for kind in kinds - set(contract.outputs) - {UNREAD_KIND}}
        for kind in contract.outputs:
            if kind not in kinds | meant:
                advice = "emit it, or remove it from outputs"
                found.append(Broken("is a Kind that the script never emits", advice, kind=kind))
    return tuple(dict.fromkeys(found))


def _of_record(record: Record, template: str, contract: ActionContract) -> Iterator[Broken]:
    declared = {**contract.outputs, UNREAD_KIND: unread_properties()}
    if not record.kinds:
        there = ", ".join(contract.outputs) or "none"
        yield Broken("a record without a Kind is emitted", f"add Kind = '...'; outputs declares {there}", record.at)
    for kind in sorted(record.kinds or ()):
        if kind not in declared:
            otherwise = f"declare it in outputs of action.yml; there are: {', '.join(declared)}"
            what = f"a record of the Kind {kind!r} is emitted, which the contract does not declare"
            yield Broken(what, suggestion(kind, declared, otherwise=otherwise), record.at)
        else:
            yield from _of_kind(record, kind, template, declared[kind])


def _of_kind(record: Record, kind: str, template: str, declared: Mapping[str, PropertySpec]) -> Iterator[Broken]:
    meant: set[str] = set()
    for name, at in record.names.items():
        if name not in declared:
            meant.add(nearest(name, set(declared) - record.certain))
            otherwise = (
                "leave it out" if kind == UNREAD_KIND else "declare it in outputs of action.yml, or leave it out"
            )
            what = f"{kind} is emitted with the property {name!r}, which the contract does not declare"
            yield Broken(what, suggestion(name, set(declared) - record.certain, otherwise=otherwise), at)
        elif name in record.texts and record.texts[name] in template:
            yield from _of_text(f"{kind}.{name}", record.texts[name], declared[name], at)
    missing = [name for name in declared if name not in record.names and name not in meant]
    if missing and record.open:
        what = f"which properties {kind} is emitted with is decided while the script runs"
        yield Broken(what, _TO_WRITE, record.at)
    elif missing:
        declares = "every such record has" if kind == UNREAD_KIND else "the contract declares"
        what = f"{kind} is emitted without {' and '.join(missing)}, which {declares}"
        leave = "" if kind == UNREAD_KIND else ", $null where there is none, or remove it from outputs"
        yield Broken(what, f"add it{leave}", record.at)
    elif record.open:
        what = f"which further properties {kind} is emitted with is decided while the script runs"
        yield Broken(what, _TO_WRITE, record.at)
    for name in declared:
        if name in record.names and name not in record.certain:
            what = f"{kind} may be emitted without {name}, which the contract declares"
            yield Broken(what, "set it on every path, to $null where there is none", record.names[name])


def _of_text(name: str, text: str, declared: PropertySpec, at: int) -> Iterator[Broken]:
    if declared.type.removesuffix("?") != "text":
        yield Broken(
            f"{name} is emitted as text, and declared as {in_words(declared.type)}", "correct one of the two", at
        )
    elif declared.values is not None and text not in declared.values:
        there = f"there are: {', '.join(str(value) for value in declared.values)}"
        near = suggestion(text, [str(value) for value in declared.values], otherwise=there)
        yield Broken(f"{name} is emitted as {text!r}, which is not among its values", near, at)
