"""What the conditions of a script show about a variable, over PowerShell's own tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .forms import stripped, type_name, variable_name
from .real import Ast

GUARD = {"like": re.compile(r"(?:\[[A-Za-z-]+\]|[A-Za-z]|hklm|hkcu|cert|env):\\", re.I),
          "match": re.compile(r"\^(?:\[[A-Za-z-]+\]|[A-Za-z]):\\\\[^|]*\Z")}  # fmt: skip


def single(node: Ast) -> Ast:
    """What stands in parentheses and pipelines of one element."""
    while True:
        if node.kind == "ParenExpression":
            node = node.sure("Pipeline")
        elif node.kind == "CommandExpression":
            node = node.sure("Expression")
        elif node.kind == "Pipeline" and len(node.several("PipelineElements")) == 1:
            node = node.several("PipelineElements")[0]
        else:
            return node


def conjuncts(node: Ast) -> Iterator[Ast]:
    node = single(node)
    if node.kind == "BinaryExpression" and node.word("Operator") == "and":
        yield from conjuncts(node.sure("Left"))
        yield from conjuncts(node.sure("Right"))
    else:
        yield node


def asks_for_text(node: Ast, name: str) -> bool:
    node = single(node)
    if node.kind != "BinaryExpression" or node.word("Operator") != "is":
        return False
    left, right = single(node.sure("Left")), node.sure("Right")
    return left.kind == "VariableExpression" and variable_name(left) == name and type_name(right) == "string"


def asks_for_drive(node: Ast, name: str, *, holds: bool) -> bool:
    """Whether a condition that holds (or fails) shows that a text begins with a drive."""
    node = single(node)
    if node.kind == "UnaryExpression" and node.word("TokenKind") in ("not", "exclaim"):
        return asks_for_drive(node.sure("Child"), name, holds=not holds)
    if node.kind != "BinaryExpression":
        return False
    word = node.word("Operator")
    if word == ("and" if holds else "or"):
        return asks_for_drive(node.sure("Left"), name, holds=holds) or asks_for_drive(
            node.sure("Right"), name, holds=holds
        )
    left, right = single(node.sure("Left")), node.sure("Right")
    if left.kind != "VariableExpression" or variable_name(left) != name or right.kind != "StringConstantExpression":
        return False
    word = word[1:] if word[:1] in "ic" else word
    if not holds:
        word = word.removeprefix("not") if word.startswith("not") else ""
    guard = GUARD.get(word)
    return guard is not None and guard.match(str(right.parts["Value"])) is not None


def leaves_unless(statement: Ast, name: str) -> bool:
    """Whether what follows `if (...) { return }` runs only where the variable is a path with a drive: nothing in the
    condition may fail, for then the statement is left and the next one runs."""
    if (
        statement.kind != "IfStatement"
        or len(statement.pairs("Clauses")) != 1
        or statement.one("ElseClause") is not None
    ):
        return False
    head, body = statement.pairs("Clauses")[0]
    statements = body.several("Statements")
    if not statements or statements[-1].kind not in (
        "ReturnStatement",
        "ExitStatement",
        "BreakStatement",
        "ContinueStatement",
    ):
        return False
    value = statements[-1].one("Pipeline")
    if value is not None and any(_fails(node) for node in value.walk()):
        return False
    return not any(_fails(node) for node in head.walk()) and asks_for_drive(head, name, holds=False)


_CANNOT_FAIL = frozenset(
    {
        "VariableExpression", "StringConstantExpression", "ConstantExpression", "ParenExpression", "Pipeline",
        "CommandExpression", "UnaryExpression"
    }
)  # fmt: skip


def _fails(node: Ast) -> bool:
    if node.kind == "BinaryExpression":
        return re.fullmatch(r"and|or|xor|[ic]?(?:not)?(?:like|match|eq|ne)", node.word("Operator")) is None
    return node.kind not in _CANNOT_FAIL


def is_written(name: str, nodes: Iterable[Ast]) -> bool:
    return name in names_written(nodes)


def names_written(nodes: Iterable[Ast]) -> Iterator[str]:
    for node in nodes:
        if node.kind == "AssignmentStatement":
            target = stripped(node.sure("Left"))
            for item in target.several("Elements") if target.kind == "ArrayLiteral" else [target]:
                if (item := stripped(item)).kind == "VariableExpression":
                    yield variable_name(item)
        elif node.kind in ("ForEachStatement", "Parameter"):
            yield variable_name(node.sure("Variable" if node.kind == "ForEachStatement" else "Name"))


def shows_drive(condition: Ast, name: str, *, one_text: bool) -> bool:
    """Whether a condition that holds shows that a value, if it is one text, is a path with a drive."""
    parts = list(conjuncts(condition))
    asked = one_text or any(asks_for_text(part, name) for part in parts)
    return asked and any(asks_for_drive(part, name, holds=True) for part in parts)
