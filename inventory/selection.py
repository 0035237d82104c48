"""The selection language: which hosts of an inventory a run is about.

    EX1                     the hosts of this name, of every client; `alpha/EX1` of one
    EX*  ?                  globs: any characters, one character
    group:dag1              hosts in a group, directly or through others
    client:alpha            hosts of a client
    site=HQ                 hosts with a label; of several values (Mailbox, ClientAccess) one is enough
    and  or  not  ( )       `not` binds tighter than `and`, `and` tighter than `or`
    "EX* and more"          in quotes nothing is a glob or an operator; \\" and \\\\ stand for themselves

Case does not matter, since an inventory with two names that differ only in case does not load.
A selection is parsed once and matched often. One that names something that does not exist is an error even where
the rest would select hosts: a mistyped name after `not` must not widen a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import assert_never

from inventory.errors import NothingSelectedError, SelectionSyntaxError, UnexpectedCountError, UnknownNameError
from inventory.model import Host, Inventory, LabelValues, label_text, label_values
from inventory.names import folded
from texts.spelling import meant, suggestion

__all__ = ["And", "Named", "Not", "Or", "Selection", "Term", "check_count", "parse", "select"]

LONGEST = 10_000
_WORD = re.compile(r'[^\s()"=:,&|!]+')
_OPERATORS = frozenset({"and", "or", "not"})


@dataclass(frozen=True, slots=True)
class Named:
    """Text to compare with a name. A `glob` has `*` and `?`; other text is compared whole."""

    text: str
    glob: bool = False

    def pattern(self) -> re.Pattern[str]:
        """What a `folded` name must match in full."""
        if not self.glob:
            return re.compile(re.escape(folded(self.text)))
        parts = ({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in folded(self.text))
        return re.compile("".join(parts), re.DOTALL)

    def __str__(self) -> str:
        bare = _WORD.fullmatch(self.text) and self.text.casefold() not in _OPERATORS
        if bare and self.glob == has_wildcard(self.text):
            return self.text
        return '"' + self.text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `kind` is host, group, client or label; `label` is the key of a label.

    `column` counts from 1; it says where the term stands and is no part of what it means.
    """

    kind: str
    name: Named
    label: Named | None = None
    column: int = field(default=1, compare=False)

    def __str__(self) -> str:
        if self.label is not None:
            return f"{self.label}={self.name}"
        return str(self.name) if self.kind == "host" else f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Not:
    """Hosts that `part` does not select."""

    part: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Hosts that all parts select."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Hosts that any part selects."""

    parts: tuple[Expression, ...]


Expression = Term | Not | And | Or


@dataclass(frozen=True, slots=True)
class Selection:
    """A parsed selection. `str()` gives text that parses to an equal one."""

    expression: Expression

    def __str__(self) -> str:
        return _format(self.expression)


def parse(text: str) -> Selection:
    """Reads a selection; needs no inventory.

    Raises:
        SelectionSyntaxError: with the column and what to write instead.
    """
    if not text.strip():
        raise SelectionSyntaxError("is empty", column=1, advice="write `*` for all hosts")
    if len(text) > LONGEST:
        raise SelectionSyntaxError(f"is longer than {LONGEST} characters", column=1, advice="use labels or groups")
    word = text.strip()
    if _WORD.fullmatch(word) and word.casefold() not in _OPERATORS:
        # Most selections are one name, or `*`, and need no parser.
        return Selection(Term("host", Named(word, has_wildcard(word)), column=text.index(word) + 1))
    from inventory.selection_grammar import parsed

    return parsed(text)


def select(inventory: Inventory, selection: Selection) -> tuple[Host, ...]:
    """The selected hosts, in the order of the inventory.

    Raises:
        UnknownNameError: names, groups, clients or labels do not exist, or globs fit none; says all of them.
        NothingSelectedError: all exist, and no host fits the whole.
    """
    known = _Known.of(inventory)
    unknown: list[UnknownNameError] = []
    for term in _terms(selection.expression):
        try:
            known.check(term)
        except UnknownNameError as error:
            unknown.append(error)
    if unknown:
        raise unknown[0].with_others(unknown[1:])
    fits = _predicate(selection.expression)
    hosts = tuple(host for host in inventory.hosts if fits(host))
    if not hosts:
        raise NothingSelectedError(
            "no host fits",
            column=1,
            advice=f"`{selection}` is well-formed, but its conditions hold together for no host",
        )
    return hosts


def check_count(hosts: Sequence[Host], expected: int | None) -> None:
    """What `--expect N` checks before any connection; None expects nothing.

    Raises:
        UnexpectedCountError: the number of hosts differs.
    """
    if expected is not None and len(hosts) != expected:
        raise UnexpectedCountError(expected, len(hosts))


def has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def _format(expression: Expression) -> str:
    match expression:
        case Term():
            return str(expression)
        case Not(part=part):
            inner = _format(part)
            return f"not ({inner})" if isinstance(part, And | Or) else f"not {inner}"
        case And(parts=parts):
            return " and ".join(f"({_format(p)})" if isinstance(p, And | Or) else _format(p) for p in parts)
        case Or(parts=parts):
            return " or ".join(f"({_format(p)})" if isinstance(p, Or) else _format(p) for p in parts)
        case _:
            assert_never(expression)


def _terms(expression: Expression) -> Iterable[Term]:
    match expression:
        case Term():
            yield expression
        case Not(part=part):
            yield from _terms(part)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from _terms(part)
        case _:
            assert_never(expression)


Predicate = Callable[[Host], bool]


def _predicate(expression: Expression) -> Predicate:
    match expression:
        case Term():
            return _term_predicate(expression)
        case Not(part=part):
            inner = _predicate(part)
            return lambda host: not inner(host)
        case And(parts=parts):
            every = [_predicate(part) for part in parts]
            return lambda host: all(fits(host) for fits in every)
        case Or(parts=parts):
            some = [_predicate(part) for part in parts]
            return lambda host: any(fits(host) for fits in some)
        case _:
            assert_never(expression)


def _term_predicate(term: Term) -> Predicate:
    fits = cache(lambda name: term.name.pattern().fullmatch(folded(name)) is not None)
    if term.label is not None:
        key = folded(term.label.text)
        whole = cache(_whole_predicate(term.name))
        return lambda host: any(
            folded(label) == key and (whole(values) or any(map(fits, values))) for label, values in host.labels.items()
        )
    match term.kind:
        case "group":
            return lambda host: any(fits(group) for group in host.groups)
        case "client":
            return lambda host: fits(host.client)
        case _:
            # No name has a slash in it, so one in a selection divides client from host.
            return lambda host: fits(host.key if "/" in term.name.text else host.name)


def _whole_predicate(name: Named) -> Callable[[LabelValues], bool]:
    """Whether all values of a label, as one text, are what is named: `role="Mailbox, ClientAccess"`."""
    pattern = name.pattern()
    wanted = folded(label_text(label_values(name.text)))

    def fits(values: LabelValues) -> bool:
        text = folded(label_text(values))
        return text == wanted or pattern.fullmatch(text) is not None

    return fits


@dataclass(frozen=True, slots=True)
class _Known:
    """What the inventory has, for telling a name that fits no host from one that does not exist."""

    hosts: frozenset[str]
    keys: frozenset[str]
    groups: frozenset[str]
    clients: frozenset[str]
    labels: dict[str, frozenset[LabelValues]]

    @classmethod
    def of(cls, inventory: Inventory) -> _Known:
        labels: dict[str, set[LabelValues]] = {}
        for host in inventory.hosts:
            for label, values in host.labels.items():
                labels.setdefault(label, set()).add(values)
        return cls(
            hosts=frozenset(host.name for host in inventory.hosts),
            keys=frozenset(host.key for host in inventory.hosts),
            groups=frozenset(group for client in inventory.clients for group in client.groups),
            clients=frozenset(client.name for client in inventory.clients),
            labels={label: frozenset(each) for label, each in labels.items()},
        )

    def check(self, term: Term) -> None:
        if term.label is not None:
            wanted = folded(term.label.text)
            found = [each for label, each in self.labels.items() if folded(label) == wanted]
            if not found:
                raise UnknownNameError(
                    f"no host has the label `{term.label.text}`",
                    column=term.column,
                    advice=suggestion(term.label.text, self.labels, otherwise=_listed("labels", self.labels)),
                )
            if any(map(_whole_predicate(term.name), found[0])):
                return
            single = frozenset(value for values in found[0] for value in values)
            self._find(f"value of the label `{term.label.text}`", "values", term, single)
        elif term.kind == "group":
            self._find("group", "groups", term, self.groups)
        elif term.kind == "client":
            self._find("client", "clients", term, self.clients)
        elif "/" in term.name.text:
            self._find("host", "hosts", term, self.keys)
        else:
            self._find("host", "hosts", term, self.hosts)

    def _find(self, kind: str, kinds: str, term: Term, known: frozenset[str]) -> None:
        pattern = term.name.pattern()
        if any(pattern.fullmatch(folded(name)) for name in known):
            return
        other = [
            f"{prefix}{term.name}"
            for prefix, names in (("", self.hosts), ("group:", self.groups), ("client:", self.clients))
            if prefix != {"group": "group:", "client": "client:"}.get(term.kind, "")
            and any(pattern.fullmatch(folded(name)) for name in names)
        ]
        advice = (
            meant(other[0])
            if other and term.label is None
            else suggestion(term.name.text, known, otherwise=_listed(kinds, known))
        )
        verb = "fits" if term.name.glob else "is called"
        raise UnknownNameError(f"no {kind} {verb} `{term.name.text}`", column=term.column, advice=advice)


def _listed(kinds: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if not names:
        return f"the inventory has no {kinds}"
    return f"{kinds}: " + ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
