"""`when`: an expression in Jinja's syntax over the facts of earlier steps and the parameters, with three values.

    version.installed and not patch.patched
    version.cu in ['CU22', 'CU23'] and params.campaign == 'all'

A fact that could not be established makes what depends on it unknown, never false (Kleene's strong logic): `false and
unknown` is false, `true or unknown` is true, `not unknown` is unknown. There are no calls, filters or attributes;
`step.fact` and `params.name` are the only look-ups. Texts are compared exactly, case included.

A comparison that could only ever come out one way is a mistake, and refused when it is read: with a value of another
type, or with one that is not among the values that the contract lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from playbooks.declared import Domain, in_words
from playbooks.errors import ConditionError
from playbooks.findings import Facts, UnknownFact
from playbooks.values import Value
from texts.spelling import meant, nearest, suggestion

__all__ = [
    "ANYTHING",
    "PARAMS",
    "Condition",
    "Expression",
    "Words",
    "evaluate",
    "names",
    "parse",
    "parse_expression",
    "value_of",
]

PARAMS = "params"
# What nothing is known of: the facts of an action that could not be loaded.
ANYTHING = Domain("")
_OPERATORS = ("eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin")
_MOST_VALUES = 40
_FEW_VALUES = 8


@dataclass(frozen=True, slots=True)
class Condition:
    """A `when` that was parsed and whose names exist. `given` are the values of the parameters, where known."""

    text: str
    tree: nodes.Expr
    given: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expression:
    """A look-up or a literal that was parsed and exists, and what it can be."""

    text: str
    tree: nodes.Expr
    domain: Domain


@dataclass(frozen=True, slots=True)
class Words:
    """What the parts of a look-up are called in errors, and what to write where texts are put in order."""

    owner: str
    member: str
    look_up: str
    params: str
    instead_of_order: str


STEP_FACT = Words(
    "earlier step",
    "fact",
    "step.fact",
    "the playbook",
    "name the values that are meant with `in [...]`, or use a fact that an action has judged: exchange.patch compares "
    "builds number by number and says patched",
)


def parse(
    text: str,
    facts: Mapping[str, Mapping[str, Domain]],
    *,
    params: Mapping[str, Domain] | None = None,
    given: Mapping[str, Value] | None = None,
    source: str = "when",
    words: Words = STEP_FACT,
) -> Condition:
    """Parses a `when`.

    Args:
        facts: ids of the earlier steps, and what each fact of each can be.
        params: what each parameter can be.
        given: values of the parameters, as far as they are known. They are held to the values of what they are compared
            with, as literals are; messages do not repeat them.
        source: where the text is from, for errors.
        words: how errors speak of them.

    Raises:
        ConditionError: not in the language, a name that does not exist, a comparison that can only come out one way, or
            not true-or-false.
    """
    tree = _tree(text, source)
    known = dict(given or {})
    _check_logic(tree, _Scope(facts, params or {}, known, source, words))
    return Condition(text, tree, known)


def parse_expression(
    text: str,
    facts: Mapping[str, Mapping[str, Domain]],
    *,
    params: Mapping[str, Domain],
    source: str = "",
    words: Words = STEP_FACT,
) -> Expression:
    """Parses what stands for one value: a look-up or a literal. Arguments and errors are those of `parse`."""
    tree = _tree(text, source)
    scope = _Scope(facts, params, {}, source, words)
    if not isinstance(tree, nodes.Const | nodes.Neg | nodes.Getattr):
        if isinstance(tree, nodes.Name):
            _check_value(tree, scope)
        raise scope.wrong("is no single value", f"write {words.look_up}, params.name, 'text', a number, true or false")
    _check_value(tree, scope)
    return Expression(text, tree, _side(tree, scope).domain)


def _tree(text: str, source: str) -> nodes.Expr:
    if "{{" in text:
        raise ConditionError("an expression stands in braces", "write it without {{ }}", source=source)
    environment = Environment(autoescape=True)  # nothing is rendered; only the grammar is used
    try:
        parser = Parser(environment, text, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise ConditionError("more than one expression", "join them with and, or", source=source)
    except TemplateSyntaxError as error:
        raise ConditionError(str(error.message), "correct the expression", source=source) from None
    except RecursionError:
        raise ConditionError("nested too deep", "split it over several steps", source=source) from None
    return tree


@dataclass(frozen=True, slots=True)
class _Scope:
    facts: Mapping[str, Mapping[str, Domain]]
    params: Mapping[str, Domain]
    given: Mapping[str, Value]
    source: str
    words: Words

    def wrong(self, what: str, advice: str) -> ConditionError:
        return ConditionError(what, advice, source=self.source)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a comparison: how to call it, what it can be, and what it is where that is known."""

    shown: str
    domain: Domain
    look_up: bool = False
    constant: bool = False
    value: Value = None

    @property
    def base(self) -> str:
        """The type without `?` and `[]`; whole numbers are numbers here, null has none."""
        bare = self.domain.type.removesuffix("?").removesuffix("[]")
        return "number" if bare == "integer" else bare

    @property
    def listed(self) -> bool:
        return self.domain.type.removesuffix("?").endswith("[]")


def _check_logic(node: nodes.Expr, scope: _Scope) -> None:
    match node:
        case nodes.And() | nodes.Or():
            _check_logic(node.left, scope)
            _check_logic(node.right, scope)
        case nodes.Not():
            _check_logic(node.node, scope)
        case nodes.Compare():
            left = node.expr
            _check_value(left, scope)
            for operand in node.ops:
                if operand.op not in _OPERATORS:
                    raise scope.wrong(f"the operator {operand.op} is not in the language", "use ==, !=, <, > or in")
                _check_value(operand.expr, scope)
                _check_pair(operand.op, left, operand.expr, scope)
                left = operand.expr
        case nodes.Const(value=bool()):
            pass
        case nodes.Getattr():
            if _check_look_up(node, scope).type.rstrip("?") not in ("boolean", ""):
                raise scope.wrong(f"{_name(node)} is not true or false", "compare it with something")
        case _:
            _check_value(node, scope)
            raise scope.wrong("not true or false", "compare the value with something")


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
            _check_look_up(node, scope)
        case nodes.Name():
            written = f"params.{node.name}" if node.name in scope.params else scope.words.look_up
            raise scope.wrong(f"{node.name!r} is not a {scope.words.member}", f"write {written}")
        case _:
            raise scope.wrong(
                f"{type(node).__name__} is not in the language",
                f"use {scope.words.look_up}, params.name, literals, comparisons, and, or, not",
            )


def _check_look_up(node: nodes.Getattr, scope: _Scope) -> Domain:
    if not isinstance(node.node, nodes.Name):
        raise scope.wrong("a look-up in a look-up", f"write {scope.words.look_up}")
    owner, member = node.node.name, node.attr
    if owner == PARAMS:
        if member not in scope.params:
            what = f"{scope.words.params} has no parameter {member!r}"
            raise scope.wrong(what, _choices(member, scope.params, none="declare it in params"))
        return scope.params[member]
    if owner not in scope.facts:
        near = suggestion(owner, [*scope.facts, *([PARAMS] if scope.params else [])])
        raise scope.wrong(f"there is no {scope.words.owner} {owner!r}", near or _choices(owner, scope.facts))
    if member not in scope.facts[owner]:
        what = f"{owner!r} has no {scope.words.member} {member!r}"
        raise scope.wrong(what, _choices(member, scope.facts[owner]))
    return scope.facts[owner][member]


def _check_pair(op: str, left: nodes.Expr, right: nodes.Expr, scope: _Scope) -> None:
    """Refuses a comparison that has no order, or that could only come out one way."""
    one = _side(left, scope)
    if op in ("in", "notin"):
        if isinstance(right, nodes.List | nodes.Tuple):
            if not right.items:
                raise scope.wrong("the list after `in` is empty", "write what it may be, such as ['CU22', 'CU23']")
            for item in right.items:
                _check_equal(one, _side(item, scope), scope)
            return
        other = _side(right, scope)
        if not (other.look_up and other.listed) and other.domain is not ANYTHING:
            raise scope.wrong("what stands after `in` is no list", "write one, such as ['CU22', 'CU23']")
        for member in _members_of(other):
            _check_equal(one, member, scope)
        return
    other = _side(right, scope)
    if op in ("eq", "ne"):
        _check_equal(one, other, scope)
    else:
        _check_order(one, other, scope)


def _check_order(one: _Side, other: _Side, scope: _Scope) -> None:
    for side in sorted((one, other), key=lambda side: not side.look_up):
        if side.domain is ANYTHING or (side.base == "number" and not side.listed):
            continue
        if side.base == "text" and not side.listed:
            what = f"{side.shown} is text, and texts have no order here ('15.2.986.5' would come after '15.2.1748.10')"
            raise scope.wrong(what, scope.words.instead_of_order)
        raise scope.wrong(f"{side.shown} has no order, only numbers have", "compare it with ==, != or in")


def _check_equal(one: _Side, other: _Side, scope: _Scope) -> None:
    if not (one.look_up or other.look_up) or ANYTHING in (one.domain, other.domain):
        return
    for side, against in ((one, other), (other, one)):
        if against.constant and against.value is None:
            if side.look_up and not side.domain.type.endswith("?"):
                advice = "leave it out: what could not be read is unknown, not null"
                raise scope.wrong(f"{side.shown} is never {_gives(against, against.shown)}", advice)
            return
    side, against = (one, other) if one.look_up else (other, one)
    if side.listed and not against.listed:
        raise scope.wrong(f"{side.shown} is {in_words(side.domain.type)}", f"write {against.shown} in {side.shown}")
    if against.listed and not side.listed:
        raise scope.wrong(f"{side.shown} is not a list", f"write {side.shown} in {against.shown}")
    if side.base != against.base:
        what = f"{side.shown} is {in_words(side.domain.type)}, and {against.shown} is {in_words(against.domain.type)}"
        raise scope.wrong(what, _of_its_type(side, against))
    for named, by in ((side, against), (against, side)):
        if named.domain.values is not None:
            _check_values(named, by, named.domain.values, scope)


def _check_values(side: _Side, against: _Side, known: tuple[str | int | float, ...], scope: _Scope) -> None:
    """Refuses what `side`, which can only be one of `known`, never is."""
    if against.constant:
        for member in against.value if isinstance(against.value, tuple) else (against.value,):
            if member is not None and member not in known:
                written = against.shown if against.look_up else _literal(member)
                raise scope.wrong(f"{side.shown} is never {_gives(against, written)}", _meant(member, known))
    elif against.domain.values is not None and not set(known) & set(against.domain.values):
        what = f"{side.shown} and {against.shown} have no value in common"
        raise scope.wrong(what, f"{side.shown} is {_one_of(known)}")


def _gives(side: _Side, written: str) -> str:
    return f"what {written} was given" if side.look_up else written


def _of_its_type(side: _Side, against: _Side) -> str:
    if against.look_up or not against.constant or against.listed:
        return "compare it with something of the same type"
    match side.base:
        case "text":
            known = side.domain.values
            plain = _literal(against.value).strip("'")
            return _meant(plain, known) if known is not None else f"write '{plain}'"
        case "boolean":
            return f"write {side.shown} or not {side.shown}"
        case _:
            return "write a number, without quotes"


def _meant(written: object, known: Iterable[str | int | float]) -> str:
    """`did you mean ...?` for the value that was meant: `Exchange Server SE` is SE, 23 is CU23, cu23 is CU23."""
    text = str(written)
    texts = [str(value) for value in known]
    words = [value for value in texts if value and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE)]
    digits = "".join(re.findall("[0-9]", text))
    same = [value for value in texts if digits and "".join(re.findall("[0-9]", value)) == digits]
    near = max(words, key=len, default="") or (same[0] if len(same) == 1 else "") or nearest(text, texts)
    if not near:
        return f"there are: {_one_of(known)}"
    return meant(near) + (f" There are: {_one_of(known)}" if len(texts) <= _FEW_VALUES else "")


def _one_of(known: Iterable[str | int | float]) -> str:
    shown = [_literal(value) for value in known]
    more = [f"and {len(shown) - _MOST_VALUES} more"] if len(shown) > _MOST_VALUES else []
    return ", ".join((*shown[:_MOST_VALUES], *more))


def _side(node: nodes.Expr, scope: _Scope) -> _Side:
    match node:
        case nodes.Getattr():
            domain, name = _check_look_up(node, scope), _name(node)
            if cast(nodes.Name, node.node).name == PARAMS and node.attr in scope.given:
                return _Side(name, domain, True, True, scope.given[node.attr])
            return _Side(name, domain, True)
        case nodes.List() | nodes.Tuple():
            sides = [_side(item, scope) for item in node.items]
            kinds = {side.base for side in sides}
            shown = f"[{', '.join(side.shown for side in sides)}]"
            domain = Domain(f"{kinds.pop()}[]") if len(kinds) == 1 else ANYTHING
            if all(side.constant for side in sides):
                return _Side(shown, domain, constant=True, value=tuple(side.value for side in sides))
            return _Side(shown, domain)
        case _:
            value = _value(node, {})
            assert not isinstance(value, UnknownFact)
            return _Side(_literal(value), Domain(_type_of(value)), constant=True, value=value)


def _members_of(side: _Side) -> list[_Side]:
    """The members of a list, where they are known; else one that stands for any."""
    if side.domain is ANYTHING:
        return [side]
    domain = Domain(side.domain.type.removesuffix("?").removesuffix("[]"), side.domain.values)
    if isinstance(side.value, tuple):
        return [_Side(side.shown, domain, True, True, member) for member in side.value]
    return [_Side(f"a member of {side.shown}", domain, look_up=True)]


def _type_of(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case _:
            return "text"


def _literal(value: object) -> str:
    """A value as a condition has it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str():
            return f"'{value}'"
        case _:
            return str(value)


def _choices(written: str, names: Iterable[str], none: str = "there are none") -> str:
    known = sorted(names)
    return suggestion(written, known, otherwise=f"there are: {', '.join(known)}" if known else none)


def names(condition: Condition | Expression) -> tuple[tuple[str, str], ...]:
    """Every look-up, each once, in the order of the text; the owner of parameters is `params`."""
    tree = condition.tree
    found = [node for node in (tree, *tree.find_all(nodes.Getattr)) if isinstance(node, nodes.Getattr)]
    return tuple(dict.fromkeys((cast(nodes.Name, node.node).name, node.attr) for node in found))


def _name(node: nodes.Getattr) -> str:
    return f"{cast(nodes.Name, node.node).name}.{node.attr}"


def evaluate(condition: Condition, facts: Mapping[str, Facts]) -> bool | UnknownFact:
    """What a condition comes to, given the facts of the steps that ran. Raises nothing.

    A step or a fact that is not in `facts` is unknown: its step did not run, or said nothing of it. So a condition that
    its parameters alone decide is decided without any fact. Under `params`, `facts` may have the parameters' values.
    """
    return _logic(condition.tree, {PARAMS: condition.given, **facts})


def value_of(expression: Expression, facts: Mapping[str, Facts]) -> Value | UnknownFact:
    """What an expression comes to; `facts` has the parameters under `params`. Raises nothing."""
    return _value(expression.tree, facts)


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
        members = _members(right, facts)
        if isinstance(members, UnknownFact):
            return members
        absent: bool | UnknownFact = True
        for member in members:
            absent = _and(absent, _not(_equal(_value(left, facts), member)))
        return absent if op == "notin" else _not(absent)
    one, other = _value(left, facts), _value(right, facts)
    if op == "eq":
        return _equal(one, other)
    if op == "ne":
        return _not(_equal(one, other))
    return _order(op, one, other)


def _members(node: nodes.Expr, facts: Mapping[str, Facts]) -> tuple[Value | UnknownFact, ...] | UnknownFact:
    """The members of what stands after `in`; one of a literal list may be unknown by itself."""
    if isinstance(node, nodes.List | nodes.Tuple):
        return tuple(_value(item, facts) for item in node.items)
    value = _value(node, facts)
    if isinstance(value, tuple | UnknownFact):
        return value
    return UnknownFact("what stands after `in` is no list")


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
        case (int() | float(), int() | float()):
            return {"lt": one < other, "gt": one > other, "lteq": one <= other, "gteq": one >= other}[op]
        case _:
            return UnknownFact("only numbers have an order")


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
