"""Code as it is meant, however it is spelled: tokens without comments, escapes undone, texts put together.

What the compilers pass over is passed over: comments between tokens, escapes in names (`\\u0065val`), `@` before a
name, characters that do not show (C# and VB ignore those of class Cf in names), texts that are joined of pieces, given
by the numbers of their characters, turned round, or kept in a variable that has one value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from playbooks.investigating.code import Language

__all__ = ["Kind", "Token", "shown", "tokens"]


class Kind(Enum):
    """What a token is."""

    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    MARK = "mark"
    END = "end"  # of a statement, where a line's end is one


@dataclass(frozen=True, slots=True)
class Token:
    """A token. Of a text `value` is what it says."""

    kind: Kind
    value: str

    def named(self, *names: str) -> bool:
        """Whether it is one of these names, in any case of letters."""
        return self.kind is Kind.NAME and self.value.casefold() in names

    def marked(self, *marks: str) -> bool:
        """Whether it is one of these marks."""
        return self.kind is Kind.MARK and self.value in marks


_ESCAPED_NAME = r"(?:[^\W\d]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})(?:[\w$]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*"
_C = re.compile(
    rf"""(?P<skip>\s+|//[^\n]*|/\*.*?(?:\*/|\Z)|^\s*\#[^\n]*)
    |(?P<verbatim>\$?@\$?"(?:[^"]|"")*(?:"|\Z))
    |(?P<text>\$?"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)
    |(?P<name>@?{_ESCAPED_NAME})
    |(?P<number>0[xX][0-9A-Fa-f]+|\d[\d.]*\w*)
    |(?P<mark>=>|==|!=|<=|>=|\+=|&&|\|\||::|.)""",
    re.DOTALL | re.VERBOSE | re.MULTILINE,
)
_BASIC = re.compile(
    r"""(?P<skip>[^\S\n]+(?:_[^\S\n]*\r?\n)?|(?:'|\u2018|\u2019|\bREM\b)[^\n]*)
    |(?P<end>\n|:(?!=))
    |(?P<basictext>["\u201c\u201d](?:[^"\u201c\u201d\n]|""|\u201c\u201c)*["\u201c\u201d]?)
    |(?P<number>&[hH][0-9A-Fa-f]+&?|&[oO]?[0-7]+&?|\d[\d.]*)
    |(?P<name>\[[^\W\d]\w*\]|[^\W\d]\w*)
    |(?P<mark><>|<=|>=|&=|\+=|:=|.)""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{1,4})|([0-7]{3})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "b": "\b", "a": "\a", "f": "\f", "v": "\v"}
_CHARACTER = ("chr", "chrw", "chrb", "tochar", "fromcharcode", "char")
_HOLES = re.compile(r"\{([^{}]*)(?:\}|\Z)")
_ROUNDS = 4
_LONGEST = 8 * 1024  # characters of a text that is put together
_CONSTANT = 512  # of one that is put in for a name
_PUT_IN = 64 * 1024  # of all of these


def tokens(code: str, language: Language) -> tuple[Token, ...]:
    """The tokens of some code, as it is meant."""
    if not code.isascii():
        code = "".join(each for each in code if unicodedata.category(each) != "Cf")
    found = _read(code, _BASIC if language.is_basic else _C)
    for _ in range(_ROUNDS):
        joined = _with_constants(_joined(found))
        if joined == found:
            break
        found = joined
    return tuple(found)


def shown(found: Sequence[Token]) -> str:
    """Tokens as one text: a blank between names alone, a line's end where it ends a statement."""
    parts: list[str] = []
    word = False
    for token in found:
        is_word = token.kind in (Kind.NAME, Kind.NUMBER)
        if is_word and word:
            parts.append(" ")
        parts.append(f'"{token.value}"' if token.kind is Kind.TEXT else token.value)
        word = is_word
    return "".join(parts)


def _read(code: str, pattern: re.Pattern[str]) -> list[Token]:
    found: list[Token] = []
    for match in pattern.finditer(code):
        kind, value = match.lastgroup, match[0]
        if kind == "name":
            found.append(Token(Kind.NAME, _unescaped(value).strip("@[]") if "\\" in value else value.strip("@[]")))
        elif kind in ("verbatim", "text") and "$" in value[:2] and "{" in value:
            found += _put_together(value[value.index('"') + 1 :].removesuffix('"'), pattern)
        elif kind == "verbatim":
            found.append(Token(Kind.TEXT, value[value.index('"') + 1 :].removesuffix('"').replace('""', '"')))
        elif kind == "text":
            found.append(Token(Kind.TEXT, _unescaped(value.removeprefix("$")[1:].removesuffix(value[-1:]))))
        elif kind == "basictext":
            found.append(Token(Kind.TEXT, value[1:].rstrip('"\u201c\u201d').replace('""', '"')))
        elif kind == "number":
            found.append(Token(Kind.NUMBER, value))
        elif kind == "end":
            found.append(Token(Kind.END, "\n"))
        elif kind == "mark":
            found.append(Token(Kind.MARK, value))
    return found


def _put_together(text: str, pattern: re.Pattern[str]) -> Iterator[Token]:
    """`$"a {b} c"` as `"a " + b + " c"`; what stands in the braces may be cut where a text begins in it."""
    for at, piece in enumerate(_HOLES.split(text.replace("{{", "").replace("}}", ""))):
        if at:
            yield Token(Kind.MARK, "+")
        if at % 2:
            yield from (each for each in _read(piece, pattern) if each.kind is not Kind.END)
        else:
            yield Token(Kind.TEXT, _unescaped(piece))


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        number = found[1] or found[2] or found[3]
        if number:
            return _character(int(number, 16))
        return _character(int(found[4], 8)) if found[4] else _PLAIN.get(found[5], found[5])

    return _ESCAPE.sub(one, text) if "\\" in text else text


def _character(number: int) -> str:
    return chr(number) if 0 <= number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def _number(token: Token) -> int | None:
    text = token.value.casefold().rstrip("&lu")
    base = 16 if text[:2] in ("&h", "0x") else 8 if text[:1] == "&" else 10
    try:
        return int(text.removeprefix("0x").lstrip("&ho") if base != 10 else text, base)
    except ValueError:
        return None


def _joined(found: Sequence[Token]) -> list[Token]:
    """Texts that stand beside each other with `+` or `&` between are one, and so on."""
    done: list[Token] = []
    for token in found:
        done.append(token)
        while _fold(done):
            pass
    return done


def _fold(done: list[Token]) -> bool:
    """One step at the end of what was read; whether there was one."""
    last = done[-1]
    if (
        last.kind is Kind.TEXT
        and len(done) >= 3
        and done[-3].kind is Kind.TEXT
        and done[-2].marked("+", "&")
        and len(done[-3].value) + len(last.value) <= _LONGEST
    ):
        done[-3:] = [Token(Kind.TEXT, done[-3].value + last.value)]
        return True
    if not last.marked(")", "]", "}"):
        return False
    if len(done) >= 4 and last.marked(")") and done[-3].marked("(") and done[-4].named(*_CHARACTER):
        inner = done[-2]
        if inner.kind is Kind.NUMBER and (number := _number(inner)) is not None:
            start = len(done) - 4
            while start >= 2 and done[start - 1].marked(".") and done[start - 2].kind is Kind.NAME:
                start -= 2
            done[start:] = [Token(Kind.TEXT, _character(number))]
            return True
    if len(done) >= 3 and last.marked(")") and done[-3].marked("(") and done[-2].kind is Kind.TEXT:
        before = done[-4] if len(done) >= 4 else None
        if before is None or (before.kind is not Kind.NAME and not before.marked(")", "]")):
            done[-3:] = [done[-2]]
            return True
        undone = _undone(before, done[-2].value)
        if undone is not None:
            done[-4:] = [Token(Kind.TEXT, undone)]
            return True
    return _replaced(done)


def _undone(function: Token, text: str) -> str | None:
    """What some functions make of a text; None of any other."""
    if function.named("strreverse"):
        return text[::-1]
    if function.named("unescape", "urldecode"):
        return unquote(text)
    return None


def _replaced(done: list[Token]) -> bool:
    """`"evxal".Replace("x", "")`, and `Replace("evxal", "x", "")`."""
    if not done[-1].marked(")") or len(done) < 8:
        return False
    if (
        [token.kind for token in done[-4:-1]] == [Kind.TEXT, Kind.MARK, Kind.TEXT]
        and done[-5].marked("(")
        and done[-6].named("replace")
        and done[-7].marked(".")
        and done[-8].kind is Kind.TEXT
    ):
        return _put(done, done[-8].value, done[-4].value, done[-2].value)
    if (
        [token.kind for token in done[-6:-1]] == [Kind.TEXT, Kind.MARK, Kind.TEXT, Kind.MARK, Kind.TEXT]
        and done[-7].marked("(")
        and done[-8].named("replace")
    ):
        return _put(done, done[-6].value, done[-4].value, done[-2].value)
    return False


def _put(done: list[Token], text: str, old: str, new: str) -> bool:
    """A text with another put into it instead of eight tokens, unless that would be one that has no end."""
    if not old or len(text) + text.count(old) * len(new) > _LONGEST:
        return False
    done[-8:] = [Token(Kind.TEXT, text.replace(old, new))]
    return True


def _with_constants(found: list[Token]) -> list[Token]:
    """Names that are given one text and nothing else, put in where a text is joined with them or indexed by them."""
    given: dict[str, str | None] = {}
    for at in range(len(found) - 1):
        token, after = found[at], found[at + 1]
        if token.kind is not Kind.NAME or not after.marked("=", "+=", "&="):
            continue
        name = token.value.casefold()
        value = found[at + 2] if at + 2 < len(found) else None
        ends = at + 3 >= len(found) or found[at + 3].kind is Kind.END or found[at + 3].marked(";", ",", ")", "}")
        alone = value is not None and value.kind is Kind.TEXT and ends and after.marked("=") and name not in given
        given[name] = value.value if alone and value is not None else None
    constants = {name: value for name, value in given.items() if value is not None and len(value) <= _CONSTANT}
    if not constants:
        return found
    done: list[Token] = []
    left = _PUT_IN
    for at, token in enumerate(found):
        value_of = constants.get(token.value.casefold()) if token.kind is Kind.NAME else None
        if value_of is not None and len(value_of) <= left and _joins(found, at):
            left -= len(value_of)
            token = Token(Kind.TEXT, value_of)
        done.append(token)
    return _joined(done)


def _joins(found: Sequence[Token], at: int) -> bool:
    before = found[at - 1] if at else Token(Kind.END, "\n")
    after = found[at + 1] if at + 1 < len(found) else Token(Kind.END, "\n")
    if before.marked(".") or after.marked(".", "(", "[", "=", "+=", "&="):
        return False
    return before.marked("+", "&", "(", "[", ",", "=") and (
        after.marked("+", "&", ")", "]", ",", ";") or after.kind is Kind.END
    )
