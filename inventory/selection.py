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
from typing import assert_never, cast

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from inventory.errors import NothingSelectedError, SelectionSyntaxError, UnexpectedCountError, UnknownNameError
from inventory.model import Host, Inventory, LabelValues, label_text, label_values
from inventory.names import folded
from texts.spelling import meant, suggestion

__all__ = ["And", "Named", "Not", "Or", "Selection", "Term", "check_count", "parse", "select"]

LONGEST = 10_000
DEEPEST = 100

_GRAMMAR = r"""
    start: either
    ?either: both (_OR both)*
    ?both: negated (_AND negated)*
    ?negated: _NOT negated -> negation
        | "(" either ")" -> grouped
        | term
    term: PREFIX? value
        | LABEL value -> labelled
    value: WORD | QUOTED
    PREFIX.3: /[^\s()"=:,&|!]+:/
    LABEL.3: /[^\s()"=:,&|!]+=|"(?:[^"\\]|\\["\\])*"=/
    QUOTED: /"(?:[^"\\]|\\["\\])*"/
    WORD: /[^\s()"=:,&|!]+/
    _AND.2: /and(?![^\s()"])/i
    _OR.2: /or(?![^\s()"])/i
    _NOT.2: /not(?![^\s()"])/i
    %ignore /\s+/
"""


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
        bare = re.fullmatch(r'[^\s()"=:,&|!]+', self.text) and self.text.casefold() not in {"and", "or", "not"}
        if bare and self.glob == _has_wildcard(self.text):
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
    try:
        built = _parser().parse(text)
    except VisitError as error:
        if isinstance(error.orig_exc, SelectionSyntaxError):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from None
    assert isinstance(built, Selection)
    return built


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


def _has_wildcard(text: str) -> bool:
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


_AFTER_A_TERM = frozenset({"_AND", "_OR", "RPAR", "$END"})
_INSTEAD = {
    '"': 'end it with another `"`',
    "&": "write `and`",
    ",": "write `or`",
    "|": "write `or`",
    "!": "write `not`",
    "=": "write `label=value`, without spaces around `=`",
    ":": "write `group:NAME` or `client:NAME`",
}

# While parsing, an expression travels with its depth, so that none is built that is too deep to walk.
_Deep = tuple[Expression, int]


@v_args(inline=True)
class _Build(Transformer[Token, Selection]):
    """Builds the expression while the text is parsed."""

    def start(self, built: _Deep) -> Selection:
        return Selection(built[0])

    def either(self, *parts: _Deep) -> _Deep:
        return Or(tuple(part for part, _ in parts)), _deeper(parts)

    def both(self, *parts: _Deep) -> _Deep:
        return And(tuple(part for part, _ in parts)), _deeper(parts)

    def negation(self, part: _Deep) -> _Deep:
        return Not(part[0]), _deeper([part])

    def grouped(self, part: _Deep) -> _Deep:
        return part

    def value(self, token: Token) -> tuple[Named, int]:
        if token.type == "QUOTED":
            return Named(_unquoted(str(token), _column(token))), _column(token)
        return Named(str(token), _has_wildcard(token)), _column(token)

    def term(self, *parts: Token | tuple[Named, int]) -> _Deep:
        match parts:
            case (Token() as prefix, (Named() as name, int())):
                column = _column(prefix)
                kind = prefix.removesuffix(":").casefold()
                if kind not in ("group", "client"):
                    raise SelectionSyntaxError(
                        f"there is no `{prefix}`",
                        column=column,
                        advice=suggestion(prefix, ("group:", "client:"), otherwise="write `group:` or `client:`"),
                    )
                return Term(kind, name, column=column), 1
            case ((Named() as name, int() as column),):
                return Term("host", name, column=column), 1
            case _:
                raise AssertionError(parts)

    def labelled(self, token: Token, value: tuple[Named, int]) -> _Deep:
        column = _column(token)
        key = token.removesuffix("=")
        if key.startswith('"'):
            return Term("label", value[0], Named(_unquoted(key, column)), column), 1
        if _has_wildcard(key):
            raise SelectionSyntaxError(
                "the name of a label has no `*` or `?`", column=column, advice="write it in full"
            )
        return Term("label", value[0], Named(key), column), 1


def _column(token: Token) -> int:
    # Lark counts its columns from the last line break; a selection is one text, whatever its line breaks.
    return (token.start_pos or 0) + 1


def _unquoted(token: str, column: int) -> str:
    text = re.sub(r'\\(["\\])', r"\1", token[1:-1])
    if not text:
        raise SelectionSyntaxError("nothing stands between the quotes", column=column, advice="write a name")
    return text


def _deeper(parts: Iterable[_Deep]) -> int:
    depth = 1 + max(depth for _, depth in parts)
    if depth > DEEPEST:
        raise SelectionSyntaxError(f"is nested deeper than {DEEPEST} levels", column=1, advice="use labels or groups")
    return depth


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Build())


def _syntax_error(text: str, error: UnexpectedInput) -> SelectionSyntaxError:
    at = cast(int | None, error.pos_in_stream)
    position = len(text) if at is None else at
    if isinstance(error, UnexpectedCharacters):
        found = text[position]
        what = "a quoted name does not end" if found == '"' else f"`{found}` is not expected here"
        return SelectionSyntaxError(what, column=position + 1, advice=_INSTEAD.get(found, "put the name in quotes"))
    assert isinstance(error, UnexpectedToken)
    expected: set[str] = error.expected
    complete = bool(_AFTER_A_TERM & expected)
    kind = str(error.token.type)
    if kind == "$END":
        what, advice = ("a `(` has no `)`", "add it") if complete else ("ends where a name is missing", "write it")
        return SelectionSyntaxError(what, column=len(text) + 1, advice=advice)
    if kind == "RPAR" and complete:
        what, advice = "a `)` has no `(`", "remove it"
    elif complete:
        what, advice = f"`{error.token}` follows without an operator", "put `and` or `or` before it"
    else:
        what, advice = f"a name is missing before `{error.token}`", "write it; a name like an operator stands in quotes"
    return SelectionSyntaxError(what, column=position + 1, advice=advice)
