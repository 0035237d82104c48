"""The grammar of the selection language (selection.py), for all but a single name. Loads lark."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from inventory.errors import SelectionSyntaxError
from inventory.selection import And, Expression, Named, Not, Or, Selection, Term, has_wildcard
from texts.spelling import suggestion

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


def parsed(text: str) -> Selection:
    """The selection that a text says.

    Raises:
        SelectionSyntaxError: with the column and what to write instead.
    """
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
        return Named(str(token), has_wildcard(token)), _column(token)

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
        if has_wildcard(key):
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
