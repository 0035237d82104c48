"""`when`: an expression in Jinja's syntax over the facts of earlier steps, with three values.

    version.installed and not patch.patched
    version.cu in ['CU23', 'CU22']

A fact that could not be established makes what depends on it unknown, never false (Kleene's strong logic): `false and
unknown` is false, `true or unknown` is true, `not unknown` is unknown. There are no calls, filters or attributes;
`step.fact` is the only look-up. Texts are compared exactly, case included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from playbooks.errors import ConditionError, suggestion
from playbooks.findings import Facts, UnknownFact
from playbooks.values import Value

__all__ = ["Condition", "Words", "evaluate", "names", "parse"]

_OPERATORS = ("eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin")


@dataclass(frozen=True, slots=True)
class Condition:
    """A `when` that was parsed and whose names exist."""

    text: str
    tree: nodes.Expr


@dataclass(frozen=True, slots=True)
class Words:
    """What the two parts of a look-up are called in errors."""

    owner: str
    member: str
    look_up: str


STEP_FACT = Words("earlier step", "fact", "step.fact")


def parse(
    text: str, facts: Mapping[str, Mapping[str, str]], *, source: str = "when", words: Words = STEP_FACT
) -> Condition:
    """Parses a `when`.

    Args:
        facts: ids of the earlier steps, and the names and types (`boolean`, `text?`, ...) of the facts of each.
        source: where the text is from, for errors.
        words: how errors speak of them.

    Raises:
        ConditionError: not in the language, a step or fact that does not exist, or not true-or-false.
    """
    if "{{" in text:
        raise ConditionError("an expression stands in braces; write it without {{ }}", source=source)
    environment = Environment(autoescape=True)  # nothing is rendered; only the grammar is used
    try:
        parser = Parser(environment, text, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise ConditionError("more than one expression; join them with and, or", source=source)
    except TemplateSyntaxError as error:
        raise ConditionError(f"{error.message}; correct the expression", source=source) from None
    except RecursionError:
        raise ConditionError("nested too deep; split it over several steps", source=source) from None
    _check_logic(tree, _Scope(facts, source, words))
    return Condition(text, tree)


@dataclass(frozen=True, slots=True)
class _Scope:
    facts: Mapping[str, Mapping[str, str]]
    source: str
    words: Words


def _check_logic(node: nodes.Expr, scope: _Scope) -> None:
    match node:
        case nodes.And() | nodes.Or():
            _check_logic(node.left, scope)
            _check_logic(node.right, scope)
        case nodes.Not():
            _check_logic(node.node, scope)
        case nodes.Compare():
            _check_value(node.expr, scope)
            for operand in node.ops:
                if operand.op not in _OPERATORS:
                    raise ConditionError(f"the operator {operand.op} is not in the language", source=scope.source)
                if operand.op in ("in", "notin") and not isinstance(operand.expr, nodes.List | nodes.Tuple):
                    raise ConditionError("after `in` stands a list, such as ['CU22', 'CU23']", source=scope.source)
                _check_value(operand.expr, scope)
        case nodes.Const(value=bool()):
            pass
        case nodes.Getattr():
            if _check_fact(node, scope).rstrip("?") != "boolean":
                raise ConditionError(
                    f"{_name(node)} is not true or false; compare it with something", source=scope.source
                )
        case _:
            _check_value(node, scope)
            raise ConditionError("not true or false; compare the value with something", source=scope.source)


def _check_value(node: nodes.Expr, scope: _Scope) -> None:
    match node:
        case nodes.Const(value=None | bool() | int() | float() | str()):
            pass
        case nodes.Neg(node=nodes.Const(value=int() | float())):
            pass
        case nodes.List() | nodes.Tuple():
            for item in node.items:
                _check_value(item, scope)
        case nodes.Getattr():
            _check_fact(node, scope)
        case nodes.Name():
            raise ConditionError(
                f"{node.name!r} is not a {scope.words.member}; write {scope.words.look_up}", source=scope.source
            )
        case _:
            raise ConditionError(
                f"{type(node).__name__} is not in the language; "
                f"use {scope.words.look_up}, literals, comparisons, and, or, not",
                source=scope.source,
            )


def _check_fact(node: nodes.Getattr, scope: _Scope) -> str:
    if not isinstance(node.node, nodes.Name):
        raise ConditionError(f"a look-up in a look-up; write {scope.words.look_up}", source=scope.source)
    owner, member = node.node.name, node.attr
    if owner not in scope.facts:
        what = f"there is no {scope.words.owner} {owner!r}; {_choices(owner, scope.facts)}"
        raise ConditionError(what, source=scope.source)
    if member not in scope.facts[owner]:
        what = f"{owner!r} has no {scope.words.member} {member!r}; {_choices(member, scope.facts[owner])}"
        raise ConditionError(what, source=scope.source)
    return scope.facts[owner][member]


def _choices(written: str, names: Mapping[str, object]) -> str:
    there = f"there are: {', '.join(sorted(names))}" if names else "there are none"
    return suggestion(written, names, otherwise=there)


def names(condition: Condition) -> tuple[tuple[str, str], ...]:
    """Every look-up of a condition, each once, in the order of the text."""
    tree = condition.tree
    found = [node for node in (tree, *tree.find_all(nodes.Getattr)) if isinstance(node, nodes.Getattr)]
    return tuple(dict.fromkeys((cast(nodes.Name, node.node).name, node.attr) for node in found))


def _name(node: nodes.Getattr) -> str:
    return f"{cast(nodes.Name, node.node).name}.{node.attr}"


def evaluate(condition: Condition, facts: Mapping[str, Facts]) -> bool | UnknownFact:
    """What a condition comes to, given the facts of the steps that ran. Raises nothing.

    A step or a fact that is not in `facts` is unknown: its step did not run, or said nothing of it.
    """
    return _logic(condition.tree, facts)


def _logic(node: nodes.Expr, facts: Mapping[str, Facts]) -> bool | UnknownFact:
    match node:
        case nodes.And():
            return _and(_logic(node.left, facts), _logic(node.right, facts))
        case nodes.Or():
            return _not(_and(_not(_logic(node.left, facts)), _not(_logic(node.right, facts))))
        case nodes.Not():
            return _not(_logic(node.node, facts))
        case nodes.Compare():
            return _chain(node, facts)
        case _:
            value = _value(node, facts)
            return value if isinstance(value, bool | UnknownFact) else UnknownFact("a fact is not true or false")


def _not(value: bool | UnknownFact) -> bool | UnknownFact:
    return value if isinstance(value, UnknownFact) else not value


def _and(left: bool | UnknownFact, right: bool | UnknownFact) -> bool | UnknownFact:
    if left is False or right is False:
        return False
    return left if isinstance(left, UnknownFact) else right


def _chain(node: nodes.Compare, facts: Mapping[str, Facts]) -> bool | UnknownFact:
    result: bool | UnknownFact = True
    left = node.expr
    for operand in node.ops:
        result = _and(result, _compare(operand.op, left, operand.expr, facts))
        left = operand.expr
    return result


def _compare(op: str, left: nodes.Expr, right: nodes.Expr, facts: Mapping[str, Facts]) -> bool | UnknownFact:
    if op in ("in", "notin"):
        members = cast("nodes.List | nodes.Tuple", right).items
        absent: bool | UnknownFact = True
        for member in members:
            absent = _and(absent, _not(_equal(_value(left, facts), _value(member, facts))))
        return absent if op == "notin" else _not(absent)
    one, other = _value(left, facts), _value(right, facts)
    if op == "eq":
        return _equal(one, other)
    if op == "ne":
        return _not(_equal(one, other))
    return _order(op, one, other)


def _equal(one: Value | UnknownFact, other: Value | UnknownFact) -> bool | UnknownFact:
    for value in (one, other):
        if isinstance(value, UnknownFact):
            return value
    # Python takes 1 for true; a reader of a playbook does not.
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _order(op: str, one: Value | UnknownFact, other: Value | UnknownFact) -> bool | UnknownFact:
    match one, other:
        case (UnknownFact(), _):
            return one
        case (_, UnknownFact()):
            return other
        case (bool(), _) | (_, bool()):
            return UnknownFact("true and false have no order")
        case (int() | float(), int() | float()) | (str(), str()):
            below, above = one < other, one > other  # type: ignore[operator]  # both numbers or both text, as matched
            return {"lt": below, "gt": above, "lteq": below or one == other, "gteq": above or one == other}[op]
        case _:
            return UnknownFact("the two sides of a comparison have different types")


def _value(node: nodes.Expr, facts: Mapping[str, Facts]) -> Value | UnknownFact:
    match node:
        case nodes.Const():
            return cast(Value, node.value)
        case nodes.Neg():
            return -cast(int, cast(nodes.Const, node.node).value)
        case nodes.List() | nodes.Tuple():
            values = tuple(_value(item, facts) for item in node.items)
            unknown = next((value for value in values if isinstance(value, UnknownFact)), None)
            return unknown or cast(Value, values)
        case nodes.Getattr():
            step = cast(nodes.Name, node.node).name
            if step not in facts:
                return UnknownFact(f"step {step} did not run")
            return facts[step].get(node.attr, UnknownFact(f"step {step} did not say {node.attr}"))
        case _:  # parse refuses every other node
            return UnknownFact(f"{type(node).__name__} is not in the language")
