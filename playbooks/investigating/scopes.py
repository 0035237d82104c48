"""Names of code as they are meant: other names for a function put back, and parameters of functions kept apart.

Two functions that both call a parameter `text` have nothing to do with each other; a page that gives a function of
Windows a name of its own calls it all the same. Where it cannot be told where a function ends, nothing is kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from playbooks.investigating.code import Language
from playbooks.investigating.spelling import Kind, Token

__all__ = ["aliases", "apart", "declares", "parameters", "put_back", "unmarked"]

Statements = Sequence[tuple[Language, tuple[Token, ...]]]
Aliases = Mapping[str, tuple[Token, ...]]

_LOOKED_AT = 500_000  # tokens, to find where the functions of a page end; what is left is not kept apart
_CHAIN = 16  # tokens that another name stands for; a longer one would make a page longer than it may be
_APART = "\u2032"  # no letter: no code can have it in a name
_MARKED = re.compile(rf"{_APART}\d+")
# What stands before a call, and before no declaration.
_BEFORE_CALLS = frozenset(
    {
        *(
            "new",
            "return",
            "call",
            "await",
            "else",
            "in",
            "and",
            "or",
            "not",
            "is",
            "as",
            "throw",
            "case",
            "do",
            "then",
        ),
        *(
            "yield",
            "select",
            "where",
            "orderby",
            "let",
            "on",
            "equals",
            "by",
            "when",
            "ref",
            "out",
            "goto",
            "lock",
            "if",
        ),
        *(
            "using",
            "while",
            "switch",
            "for",
            "foreach",
            "catch",
            "fixed",
            "default",
            "typeof",
            "delegate",
            "xor",
            "like",
        ),
    }
)
# Functions that run what they are given, with what has to stand before them where the name alone says little.
_RUN: Mapping[str, tuple[str, ...]] = {
    "eval": (),
    "executeglobal": (),
    "jscriptevaluate": (),
    "start": ("process",),
    "load": ("assembly", "appdomain", "currentdomain"),
    "shell": ("interaction",),
    "loadfrom": ("assembly",),
    "parse": ("xamlreader", "xamlservices"),
}


def unmarked(text: str) -> str:
    """A text without what `apart` adds to names."""
    return _MARKED.sub("", text)


def declares(statement: Sequence[Token], at: int, language: Language) -> bool:
    """Whether the name at this place, before a bracket, is that of a function that is declared here."""
    before = statement[at - 1] if at else None
    if before is None:
        return False
    if before.named("function", "sub"):
        return True
    if before.named("get", "let", "set") and at > 1 and statement[at - 2].named("property"):
        return True
    if language is not Language.CSHARP:
        return False
    return (before.kind is Kind.NAME and before.value.casefold() not in _BEFORE_CALLS) or (
        before.marked(">", "]") and at > 2 and statement[at - 2].kind is Kind.NAME
    )


def parameters(found: Sequence[Token]) -> Iterator[str]:
    """The names, in lower case, of what stands between the brackets of a declaration."""
    piece: list[Token] = []
    for token in (*found, Token(Kind.MARK, ",")):
        if not token.marked(","):
            piece.append(token)
            continue
        words = []
        for each in piece:
            if each.marked("="):
                break
            if each.kind is Kind.NAME:
                words.append(each.value.casefold())
        if "as" in words and words.index("as") > 0:
            yield words[words.index("as") - 1]
        elif words:
            yield words[-1]
        piece = []


def apart(found: Sequence[Token], language: Language, kept: Collection[str]) -> tuple[Token, ...]:
    """The tokens, with parameters called otherwise in each function.

    Args:
        kept: names, in lower case, that mean something by themselves and stay.
    """
    closings = _closings(found)
    left = _LOOKED_AT
    starts: dict[int, tuple[int, frozenset[str]]] = {}
    for at in range(1, len(found)):
        if not found[at].marked("(") or (end := closings.get(at)) is None:
            continue
        name = found[at - 1]
        anonymous = name.named("function") and not language.is_basic
        if name.kind is not Kind.NAME or not (anonymous or declares(found, at - 1, language)):
            continue
        if left < 0:
            break
        last, steps = _end_of_body(found, end, found[at - 2] if at > 1 else name, language, closings)
        left -= steps
        names = frozenset(each for each in parameters(found[at + 1 : end]) if each not in kept)
        if last is not None and names:
            starts[at] = (last, names)
    if not starts:
        return tuple(found)
    done: list[Token] = []
    open_ones: list[tuple[int, frozenset[str], int]] = []
    for at, token in enumerate(found):
        if at in starts:
            open_ones.append((*starts[at], len(done)))
        while open_ones and at > open_ones[-1][0]:
            open_ones.pop()
        if token.kind is Kind.NAME and open_ones and not (at and found[at - 1].marked(".")):
            called = token.value.casefold()
            number = next((number for _, own, number in reversed(open_ones[-4:]) if called in own), None)
            if number is not None:
                token = Token(Kind.NAME, f"{token.value}{_APART}{number}")
        done.append(token)
    return tuple(done)


def _closings(found: Sequence[Token]) -> dict[int, int]:
    """Of each bracket that is opened, where it is closed."""
    closings: dict[int, int] = {}
    opened: list[tuple[str, int]] = []
    for at, token in enumerate(found):
        if token.marked("(", "{", "["):
            opened.append((token.value, at))
        elif token.marked(")", "}", "]"):
            wanted = {")": "(", "}": "{", "]": "["}[token.value]
            if opened and opened[-1][0] == wanted:
                closings[opened.pop()[1]] = at
    return closings


def _end_of_body(
    found: Sequence[Token], end: int, kind: Token, language: Language, closings: Mapping[int, int]
) -> tuple[int | None, int]:
    """Where the body of a function ends whose parameters end here, and how much was looked at.

    None where that cannot be told.
    """
    if language.is_basic:
        word = "property" if kind.named("get", "let", "set") else kind.value.casefold()
        for at in range(end, len(found) - 1):
            if found[at].named("end") and found[at + 1].named(word):
                return at, at - end
            if found[at].named("function", "sub") and found[at - 1].kind is Kind.END and at > end + 1:
                return None, at - end
        return None, len(found) - end
    at = end + 1
    while at < min(len(found), end + 8) and not found[at].marked("{"):
        if found[at].marked(";", ")", "}", "=>"):
            return None, 1
        at += 1
    return (closings.get(at) if at < len(found) and found[at].marked("{") else None), 1


def aliases(statements: Statements, calls: Collection[str]) -> Aliases:
    """Other names of functions and classes, with the tokens that they stand for.

    `using P = System.Diagnostics.Process`, `using static ...Process`, `run = Process.Start`, `new Runs(Process.Start)`.

    Args:
        calls: names of functions, in lower case, that are looked for; of a class that is used by `using static`.
    """
    found: dict[str, tuple[Token, ...]] = {}
    for language, statement in statements:
        if not statement:
            continue
        if statement[0].named("using", "imports"):
            for at in range(len(statement) - 3):
                if statement[at].named("using", "imports") and statement[at + 2].marked("="):
                    found[statement[at + 1].value] = (statement[-1],)
            if len(statement) > 2 and statement[1].named("static"):
                dot = Token(Kind.MARK, ".")
                found.update({call: (statement[-1], dot, Token(Kind.NAME, call)) for call in calls})
        elif not language.is_basic:
            for at in range(1, len(statement) - 1):
                if statement[at].marked("=") and statement[at - 1].kind is Kind.NAME:
                    chain = _chain(statement[at + 1 :])
                    if chain and _runs(chain, language):
                        found[statement[at - 1].value] = chain
    return found


def _chain(value: Sequence[Token]) -> tuple[Token, ...]:
    """A value that is nothing but names with dots between, also within brackets of `new ...( )`; else none."""
    inner = list(value)
    if inner and inner[0].named("new") and inner[-1].marked(")"):
        opened = next((at for at, each in enumerate(inner) if each.marked("(")), 0)
        inner = inner[opened + 1 : -1]
    good = 0 < len(inner) <= _CHAIN and all(
        each.kind is Kind.NAME if number % 2 == 0 else each.marked(".") for number, each in enumerate(inner)
    )
    return tuple(inner) if good and len(inner) % 2 else ()


def _runs(chain: Sequence[Token], language: Language) -> bool:
    last = chain[-1].value.casefold()
    if last not in _RUN or (last == "eval" and language is not Language.JSCRIPT):
        return False
    of = _RUN[last]
    return not of or any(each.named(*of) for each in chain[:-1])


def put_back(statement: Sequence[Token], found: Aliases) -> tuple[Token, ...]:
    """A statement with what aliases stand for."""
    if not found:
        return tuple(statement)
    done: list[Token] = []
    for at, token in enumerate(statement):
        meant = found.get(token.value) or found.get(token.value.casefold()) if token.kind is Kind.NAME else None
        after = statement[at + 1] if at + 1 < len(statement) else None
        if meant is None or (at and statement[at - 1].marked(".")):
            done.append(token)
        elif len(meant) == 1 or (after is not None and after.marked("(")):
            done.extend(meant)
        else:
            done.append(token)
    return tuple(done)
