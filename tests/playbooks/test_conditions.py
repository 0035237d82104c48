"""`when`: three values, and errors when it is read rather than when it runs."""

from __future__ import annotations

import itertools

import pytest

from playbooks.conditions import evaluate, parse
from playbooks.errors import ConditionError
from playbooks.findings import UnknownFact

TYPES = {
    "version": {"installed": "boolean", "supported": "boolean?", "cu": "text?", "build": "integer"},
    "patch": {"patched": "boolean"},
}
WHY = UnknownFact("access denied")


def outcome(text: str, **version: object) -> object:
    return evaluate(parse(text, TYPES), {"version": version, "patch": {"patched": WHY}})


@pytest.mark.parametrize(("left", "right"), list(itertools.product((True, False, WHY), repeat=2)))
def test_and_or_not_follow_kleene(left: object, right: object) -> None:
    def number(value: object) -> float:
        return 0.5 if isinstance(value, UnknownFact) else float(bool(value))

    facts = {"installed": left, "supported": right}
    assert number(outcome("version.installed and version.supported", **facts)) == min(number(left), number(right))
    assert number(outcome("version.installed or version.supported", **facts)) == max(number(left), number(right))
    assert number(outcome("not version.installed", **facts)) == 1 - number(left)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version.cu == 'CU23'", True),
        ("version.cu == 'cu23'", False),
        ("version.cu != none", True),
        ("version.cu in ['CU22', 'CU23']", True),
        ("version.cu not in ['CU22']", True),
        ("1 < version.build <= 1497", True),
        ("version.build > -1", True),
        ("version.build == true", False),
        ("version.build == 1497 and not patch.patched", WHY),
        ("version.build == 0 and patch.patched", False),
        ("patch.patched == false", WHY),
        ("patch.patched in [true, false]", WHY),
        ("true", True),
    ],
)
def test_an_expression_comes_to(text: str, expected: object) -> None:
    assert outcome(text, cu="CU23", build=1497) == expected


def test_a_comparison_that_has_no_order_is_unknown_and_not_false() -> None:
    assert isinstance(outcome("version.cu < 'CU23'", cu=None), UnknownFact)


def test_the_fact_of_a_step_that_did_not_run_is_unknown() -> None:
    assert evaluate(parse("patch.patched", TYPES), {}) == UnknownFact("step patch did not run")
    assert isinstance(evaluate(parse("patch.patched", TYPES), {"patch": {}}), UnknownFact)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("versoin.installed", "there is no earlier step 'versoin'; did you mean `version`?"),
        ("version.instaled", "'version' has no fact 'instaled'; did you mean `installed`?"),
        ("installed", "write step.fact"),
        ("version.cu", "not true or false"),
        ("version.build", "not true or false"),
        ("'yes'", "not true or false"),
        ("1", "not true or false"),
        ("version.cu.upper", "look-up in a look-up"),
        ("version.cu.upper() == 'CU23'", "Call is not in the language"),
        ("version.cu | upper == 'CU23'", "Filter is not in the language"),
        ("version['cu'] == 'CU23'", "Getitem is not in the language"),
        ("version.build + 1 == 2", "Add is not in the language"),
        ("version.cu in version.cu", "after `in` stands a list"),
        ("version.installed version.installed", "more than one expression"),
        ("version.installed }}1", "more than one expression"),
        ("{{ version.installed }}", "an expression stands in braces; write it without {{ }}"),
        ("version.installed is defined", "Test is not in the language"),
        ("", "correct the expression"),
        ("version.installed and", "correct the expression"),
    ],
)
def test_what_is_not_in_the_language_is_refused_when_read(text: str, says: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text, TYPES, source="exposure.yml")
    assert says in str(caught.value)
    assert str(caught.value).startswith("exposure.yml: ")
