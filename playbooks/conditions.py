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

from playbooks.errors import ConditionError
from playbooks.findings import Facts, UnknownFact
from playbooks.values import Value

__all__ = ["Condition", "evaluate", "parse"]

_OPERATORS = ("eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin")


@dataclass(frozen=True, slots=True)
class Condition:
    """A `when` that was parsed and whose names exist."""

    text: str
    tree: nodes.Expr


def parse(text: str, facts: Mapping[str, Mapping[str, str]], *, source: str = "when") -> Condition:
    """Parses a `when`.

    Args:
        facts: ids of the earlier steps, and the names and types (`boolean`, `text?`, ...) of the facts of each.
        source: where the text is from, for errors.

    Raises:
        ConditionError: not in the language, a step or fact that does not exist, or not true-or-false.
    """
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
    _check_logic(tree, facts, source)
    return Condition(text, tree)


def _check_logic(node: nodes.Expr, facts: Mapping[str, Mapping[str, str]], source: str) -> None:
    match node:
        case nodes.And() | nodes.Or():
            _check_logic(node.left, facts, source)
            _check_logic(node.right, facts, source)
        case nodes.Not():
            _check_logic(node.node, facts, source)
        case nodes.Compare():
            _check_value(node.expr, facts, source)
            for operand in node.ops:
                if operand.op not in _OPERATORS:
                    raise ConditionError(f"the operator {operand.op} is not in the language", source=source)
                if operand.op in ("in", "notin") and not isinstance(operand.expr, nodes.List | nodes.Tuple):
                    raise ConditionError("after `in` stands a list, such as ['CU22', 'CU23']", source=source)
                _check_value(operand.expr, facts, source)
        case nodes.Const(value=bool()):
            pass
        case nodes.Getattr():
            if _check_fact(node, facts, source).rstrip("?") != "boolean":
                raise ConditionError(f"{_name(node)} is not true or false; compare it with something", source=source)
        case _:
            _check_value(node, facts, source)
            raise ConditionError("not true or false; compare the value with something", source=source)


def _check_value(node: nodes.Expr, facts: Mapping[str, Mapping[str, str]], source: str) -> None:
    match node:
        case nodes.Const(value=None | bool() | int() | float() | str()):
            pass
        case nodes.Neg(node=nodes.Const(value=int() | float())):
            pass
        case nodes.List() | nodes.Tuple():
            for item in node.items:
                _check_value(item, facts, source)
        case nodes.Getattr():
            _check_fact(node, facts, source)
        case nodes.Name():
            raise ConditionError(f"{node.name!r} is not a fact; write step.fact", source=source)
        case _:
            raise ConditionError(
                f"{type(node).__name__} is not in the language; use facts, literals, comparisons, and, or, not",
                source=source,
            )


def _check_fact(node: nodes.Getattr, facts: Mapping[str, Mapping[str, str]], source: str) -> str:
    if not isinstance(node.node, nodes.Name):
        raise ConditionError("a look-up in a look-up; write step.fact", source=source)
    step, fact = node.node.name, node.attr
    if step not in facts:
        raise ConditionError(f"no earlier step has the id {step!r}; {_choices(facts)}", source=source)
    if fact not in facts[step]:
        raise ConditionError(f"step {step!r} has no fact {fact!r}; {_choices(facts[step])}", source=source)
    return facts[step][fact]


def _choices(names: Mapping[str, object]) -> str:
    return f"there are: {', '.join(sorted(names))}" if names else "there are none"


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
