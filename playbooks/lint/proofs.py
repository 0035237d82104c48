"""What a place in a script proves: the conditions around it, the ways out before it, what is surely assigned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .origins import plain
from .tree import (
    Assign,
    Binary,
    Block,
    Branch,
    Cast,
    Expandable,
    Function,
    Group,
    Leave,
    Listing,
    Loop,
    Node,
    Number,
    Text,
    TypeName,
    Unary,
    Variable,
    children,
)

# Whole patterns: a bad one fails instead of answering. After the drive no bracket, and no way round the beginning.
_LIKE = re.compile(r"(?:\[(?:[A-Za-z]-[A-Za-z])+\]|[A-Za-z]|HKLM|HKCU|Env|Cert):\\[^\[\]`]*", re.IGNORECASE)
_MATCH = re.compile(r"\^(?:\[(?:[A-Za-z]-[A-Za-z])+\]|[A-Za-z]):\\\\(?:[A-Za-z0-9 _-]|\\\\)*(?:\.[*+])?\$?")
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "like", "match", "contains", "in"})
_SIMPLE = frozenset({"eq", "ne", "like", "notlike", "match", "notmatch"})
_CODE = re.compile(r"0x[0-9A-Fa-f]{1,4}")
_CONSTANTS = frozenset({"null", "true", "false"})


def comparison(operator: str) -> str | None:
    """The word of a comparison (`notlike` of -cnotlike); None for any other operator."""
    word = operator.lstrip("-")
    if word[:1] in "ic" and word[1:].removeprefix("not") in _COMPARISONS:
        word = word[1:]
    return word if word.removeprefix("not") in _COMPARISONS else None


def is_place_pattern(word: str, pattern: Node) -> bool:
    """Whether a text that this comparison holds of begins with a drive."""
    if not isinstance(pattern, Text):
        return False
    return bool(
        (word == "like" and _LIKE.fullmatch(pattern.value)) or (word == "match" and _MATCH.fullmatch(pattern.value))
    )


def proven(node: Node, *, holds: bool) -> frozenset[tuple[str, bool]]:
    """Variables that are local paths when the condition holds (or fails), and whether it tests for one string."""
    match node:
        case Group(opening="(", body=(single,)):
            return proven(single, holds=holds)
        case Unary(operator="-not" | "!"):
            return proven(node.value, holds=not holds)
        case Binary(operator="-and") if holds:
            found = proven(node.left, holds=True) | proven(node.right, holds=True)
            strings = {name for side in (node.left, node.right) for name in _strings(side)}
            return frozenset((name, tested or name in strings) for name, tested in found)
        case Binary(operator="-or") if not holds:
            return proven(node.left, holds=False) | proven(node.right, holds=False)
        case Binary(left=Variable(name=name)):
            word = comparison(node.operator) or ""
            word = word if holds else {"notlike": "like", "notmatch": "match"}.get(word, "")
            if is_place_pattern(word, node.right):
                return frozenset({(name, False)})
    return frozenset()


def left_unless(statement: Node, assigned: frozenset[str]) -> frozenset[tuple[str, bool]]:
    """What holds after `if (...) { ...; return }`: a condition or a value that fails would not leave."""
    if not (isinstance(statement, Branch) and statement.word == "if"):
        return frozenset()
    if len(statement.bodies) != 1 or len(statement.bodies[0]) == 0:
        return frozenset()
    last = statement.bodies[0][-1]
    # throw does not leave where errors are silenced.
    if not isinstance(last, Leave) or last.word == "throw" or not _constant(last.value):
        return frozenset()
    head = statement.heads[0]
    return frozenset(
        (name, tested)
        for name, tested in proven(head, holds=False)
        if _cannot_fail(head, assigned | _CONSTANTS | {name})
    )


def _cannot_fail(node: Node, variables: frozenset[str]) -> bool:
    """Whether a condition surely has an answer: strict mode fails on what was never assigned, and 1 / 0 always."""
    match node:
        case Text() | Number():
            return True
        case Variable(name=name):
            return name in variables
        case Group(opening="(", body=(single,)):
            return _cannot_fail(single, variables)
        case Unary(operator="-not" | "!"):
            return _cannot_fail(node.value, variables)
        case Binary(operator="-and" | "-or"):
            return _cannot_fail(node.left, variables) and _cannot_fail(node.right, variables)
        case Binary(operator="-is" | "-isnot", right=TypeName(name=kind)):
            return plain(kind) == "string" and _cannot_fail(node.left, variables)
        case Binary(operator=operator):
            word = comparison(operator)
            if word not in _SIMPLE or not _cannot_fail(node.left, variables):
                return False
            if "like" in word or "match" in word:
                return is_place_pattern(word.removeprefix("not"), node.right)
            return isinstance(node.right, Text | Number) or _cannot_fail(node.right, variables)
    return False


def _constant(node: Node | None) -> bool:
    """Whether what leaves with a value surely leaves: return (1/0) goes on with the next statement."""
    return node is None or isinstance(node, Text | Number) or (isinstance(node, Variable) and node.name in _CONSTANTS)


def _strings(node: Node) -> Iterator[str]:
    """Variables that a condition shows to be one string."""
    match node:
        case Group(opening="(", body=(single,)):
            yield from _strings(single)
        case Binary(operator="-and"):
            yield from _strings(node.left)
            yield from _strings(node.right)
        case Binary(operator="-is", left=Variable(name=name), right=TypeName() as kind) if plain(kind.name) == "string":
            yield name


def certain(statement: Node, assigned: frozenset[str]) -> str | None:
    """The variable that a statement surely assigns something that is not empty."""
    if isinstance(statement, Assign) and statement.operator == "=":
        target = statement.target.value if isinstance(statement.target, Cast) else statement.target
        if isinstance(target, Variable) and sure(statement.value, assigned):
            return target.name
    return None


def sure(node: Node, assigned: frozenset[str]) -> bool:
    """Whether a value surely comes to be and is not empty."""
    match node:
        case Text():
            return bool(node.value)
        case Number():
            return True
        case Expandable():
            return any(isinstance(part, Text) and part.value for part in node.parts) and not any(
                isinstance(part, Group) for part in node.parts
            )
        case Variable():
            return node.name in assigned
        case Listing():
            return all(sure(item, assigned) for item in node.items)
        case Binary(operator="+"):
            return _is_written_out(node)
        case Group(opening="@(" | "("):
            return bool(node.body) and all(sure(item, assigned) for item in node.body)
    return False


def _is_written_out(node: Node) -> bool:
    """Whether a sum is a text in pieces, as a text is written that holds what could mislead: 'a' + [char]0x2019."""
    match node:
        case Text():
            return bool(node.value)
        case Binary(operator="+", left=left, right=Text()):
            return _is_written_out(left)
        case Binary(operator="+", left=left, right=Cast(type=TypeName(name=name), value=Number(source=source))):
            return name.lower() == "char" and _CODE.fullmatch(source) is not None and _is_written_out(left)
    return False


def targets(node: Node) -> Iterator[str]:
    """The variables that a node writes."""
    if isinstance(node, Loop) and node.variable is not None:
        yield node.variable.name
    if isinstance(node, Block):
        yield from (parameter.name for parameter in node.parameters)
    if isinstance(node, Assign):
        target = node.target.value if isinstance(node.target, Cast) else node.target
        for item in target.items if isinstance(target, Listing) else (target,):
            if isinstance(item, Variable):
                yield item.name


def leaves(node: Node) -> Iterator[Leave]:
    """Every way out of the block that a statement stands in, wherever it is written: also in $( ) and in a value."""
    if isinstance(node, Leave):
        yield node
    for child in _within(node):
        yield from leaves(child)


def _within(node: Node) -> Iterator[Node]:
    return (child for child in children(node) if not isinstance(child, Block | Function))
