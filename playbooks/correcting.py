"""`changes` of a contract: what an action that is not built in would change where its `compliant_when` is false.

    changes:
      title: Set {{ Service.Name }} to start {{ params.start }}
      values: {service: Service.Name, start: params.start}
      before: {StartMode: Service.StartMode}
      after: {StartMode: params.start}

Each record of which the condition does not hold gives one change. Its id is made of its title, so that the same that
is to be done has the same name whenever the host is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from playbooks.changes import Change, ChangeValue
from playbooks.conditions import PARAMS, Expression, Words, names, parse_expression, value_of
from playbooks.declared import Domain, in_words
from playbooks.errors import ConditionError
from playbooks.findings import Facts, UnknownFact
from playbooks.model import Changes
from texts.problems import MistakeError

__all__ = ["MOST_CHANGES", "PLACEHOLDER", "PLAN", "Corrections", "corrections", "corrections_of"]

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
# What templates and contracts call the plan's id: names of new things come from it.
PLAN = "plan"
_MOST = 100
_LONGEST = 200
MOST_CHANGES = 1000  # of one step on one server, whatever it says: each is rendered, proven and shown


@dataclass(frozen=True, slots=True)
class Corrections:
    """A contract's `changes`, parsed. Phrases are texts and expressions in turn."""

    title: tuple[str | Expression, ...]
    values: Mapping[str, Expression]
    before: Mapping[str, Expression]
    after: Mapping[str, Expression]
    disturbs: tuple[str | Expression, ...]

    def named(self) -> Iterator[Expression]:
        """Every expression."""
        for phrase in (self.title, self.disturbs):
            yield from (part for part in phrase if isinstance(part, Expression))
        for mapping in (self.values, self.before, self.after):
            yield from mapping.values()


def corrections_of(
    written: Changes,
    outputs: Mapping[str, Mapping[str, Domain]],
    params: Mapping[str, Domain],
    about: Iterable[str],
    words: Words,
) -> Corrections:
    """A contract's `changes` with every expression parsed.

    Args:
        outputs: what each property of each declared Kind can be.
        params: what each parameter of the action can be.
        about: the Kinds that compliant_when names: one record of each is at hand where it is false.

    Raises:
        MistakeError: an expression is not in the language, or is of what a change cannot be told. Its way begins at
            `changes`.
    """
    reading = _Reading(outputs, params, frozenset(about), words)
    for name in written.values:
        if name in params or name == PLAN:
            what = "is the plan's id" if name == PLAN else "is a parameter, which the templates are told anyway"
            raise MistakeError(what, "remove it, or give it another name", way=("values", name))
    return Corrections(
        reading.phrase("title", written.title),
        reading.mapping("values", written.values),
        reading.mapping("before", written.before),
        reading.mapping("after", written.after),
        reading.phrase("disturbs", written.disturbs or ""),
    )


def corrections(parsed: Corrections, rows: Iterable[Mapping[str, Facts]]) -> tuple[Change, ...] | UnknownFact:
    """The changes for the records of which a condition does not hold, in the order of their ids.

    Args:
        rows: for each, one record of every Kind that is named, and the parameters under `params`.
    """
    found: dict[str, dict[str, Change]] = {}
    count = 0
    for row in rows:
        told = [_told(each, row) for each in (parsed.values, parsed.before, parsed.after)]
        phrases = [_phrased(each, row) for each in (parsed.title, parsed.disturbs)]
        for each in (*told, *phrases):
            if isinstance(each, UnknownFact):
                return each
        (values, before, after), (title, disturbs) = told, phrases
        change = Change(_slug(title), title, values, before, after, disturbs)  # type: ignore[arg-type]
        same = found.setdefault(change.id, {})
        written = _written(change)
        count += written not in same
        if count > MOST_CHANGES:
            return UnknownFact(f"more than {MOST_CHANGES} changes would follow from what the server says")
        same.setdefault(written, change)
    taken = set(found)
    return tuple(change for name in sorted(found) for change in _numbered(found[name], taken))


def _written(change: Change) -> str:
    """All that a change consists of, its values first."""
    tables = [sorted(each.items()) for each in (change.values, change.before, change.after)]
    return repr((tables, change.title, change.disturbs))


def _numbered(changes: Mapping[str, Change], taken: set[str]) -> Iterator[Change]:
    """Changes of one name, told apart by number, in an order that does not hang on that of the records.

    Args:
        changes: each by all that it consists of.
        taken: names that others have; is added to.
    """
    number = 1
    for first, (_, each) in enumerate(sorted(changes.items())):
        name = each.id
        while first > 0 and name in taken:
            number += 1
            name = f"{each.id[: _MOST - 6]}-{number}"
        taken.add(name)
        yield replace(each, id=name)


def _slug(title: str) -> str:
    slug = re.sub(r"[^a-z0-9.]+", "-", title.lower())[:_MOST].strip("-.")
    return slug or "change"


def _told(mapping: Mapping[str, Expression], row: Mapping[str, Facts]) -> dict[str, ChangeValue] | UnknownFact:
    told: dict[str, ChangeValue] = {}
    for name, expression in mapping.items():
        value = value_of(expression, row)
        if isinstance(value, UnknownFact):
            return value
        told[name] = value  # type: ignore[assignment]  # of its domain, which corrections_of has looked at
    return told


def _phrased(phrase: tuple[str | Expression, ...], row: Mapping[str, Facts]) -> str | UnknownFact:
    parts: list[str] = []
    for part in phrase:
        value = part if isinstance(part, str) else value_of(part, row)
        if isinstance(value, UnknownFact):
            return value
        parts.append(value if isinstance(value, str) else _shown(value))
        parts[-1] = parts[-1] if isinstance(part, str) else parts[-1][:_LONGEST]
    return "".join(parts)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class _Reading:
    outputs: Mapping[str, Mapping[str, Domain]]
    params: Mapping[str, Domain]
    about: frozenset[str]
    words: Words

    def mapping(self, part: str, written: Mapping[str, bool | int | str]) -> dict[str, Expression]:
        return {name: self.expression((part, name), text) for name, text in written.items()}

    def phrase(self, part: str, written: str) -> tuple[str | Expression, ...]:
        pieces = PLACEHOLDER.split(written)
        for text in pieces[::2]:
            if "{{" in text or "}}" in text:
                raise MistakeError("has braces that do not close", "write {{ Kind.Property }}", way=(part,))
        return tuple(
            self.expression((part,), piece) if number % 2 else piece for number, piece in enumerate(pieces) if piece
        )

    def expression(self, way: tuple[str, ...], written: bool | int | str) -> Expression:
        text = written if isinstance(written, str) else str(written).lower()
        try:
            parsed = parse_expression(text, self.outputs, params=self.params, words=self.words)
        except ConditionError as error:
            raise MistakeError(error.what, error.advice, way=way) from None
        bare = parsed.domain.type.removesuffix("?")
        if bare == "number" or (bare.endswith("[]") and bare != "text[]"):
            what = f"is {in_words(parsed.domain.type)}, which a change cannot be told"
            raise MistakeError(what, "emit or declare it as text, a whole number, true or false", way=way)
        for owner, _ in names(parsed):
            if owner != PARAMS and owner not in self.about:
                what = f"names {owner}, of which compliant_when says nothing"
                raise MistakeError(what, f"name {' or '.join(sorted(self.about))}", way=way)
        return parsed
