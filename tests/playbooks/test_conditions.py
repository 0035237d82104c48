"""`when`: three values, and errors when it is read rather than when it runs."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from playbooks.conditions import evaluate, parse
from playbooks.declared import Domain
from playbooks.errors import ConditionError
from playbooks.findings import UnknownFact

TYPES = {
    "version": {
        "installed": Domain("boolean"),
        "supported": Domain("boolean?"),
        "cu": Domain("text?", ("CU13", "CU22", "CU23", "RTM", "")),
        "product": Domain("text", ("2013", "2016", "2019", "SE")),
        "number": Domain("text"),
        "build": Domain("integer"),
        "major": Domain("integer", (14, 15)),
    },
    "patch": {"patched": Domain("boolean"), "open": Domain("text[]", ("proxylogon", "proxyshell"))},
}
PARAMS = {
    "deep": Domain("boolean"),
    "campaign": Domain("text", ("all", "proxylogon")),
    "product": Domain("text"),
    "products": Domain("text[]"),
    "least": Domain("number"),
    "maybe": Domain("text?"),
}
WHY = UnknownFact("access denied")


def outcome(text: str, **version: object) -> object:
    return evaluate(parse(text, TYPES), {"version": version, "patch": {"patched": WHY, "open": ("proxylogon",)}})


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
        ("version.cu == 'CU22'", False),
        ("version.cu == ''", False),
        ("'proxylogon' in patch.open", True),
        ("'proxyshell' not in patch.open", True),
        ("patch.open == ['proxylogon']", True),
        ("patch.open == []", False),
        ("version.cu != none", True),
        ("version.cu in ['CU22', 'CU23']", True),
        ("version.cu not in ['CU22']", True),
        ("1 < version.build <= 1497", True),
        ("version.build > -1", True),
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
    assert isinstance(outcome("version.build < 7", build=None), UnknownFact)
    assert isinstance(outcome("version.build < 7", build="6"), UnknownFact)


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
        ("version.cu in version.cu", "what stands after `in` is no list; write one, such as ['CU22', 'CU23']"),
        ("version.cu in 'CU23'", "what stands after `in` is no list"),
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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "version.product == 'Exchange Server SE'",
            "version.product is never 'Exchange Server SE'; did you mean `SE`?",
        ),
        ("version.product == 'Exchange 2019 CU14'", "did you mean `2019`? There are: '2013', '2016', '2019', 'SE'"),
        ("version.product != 'se'", "version.product is never 'se'; did you mean `SE`?"),
        ("'se' == version.product", "version.product is never 'se'; did you mean `SE`?"),
        ("version.cu == 'cu23'", "version.cu is never 'cu23'; did you mean `CU23`?"),
        ("version.cu == 'Cumulative Update 23'", "did you mean `CU23`?"),
        ("version.cu in ['CU22', 'C23']", "version.cu is never 'C23'; did you mean `CU23`?"),
        (
            "version.cu not in ['CU22', 'XYZ']",
            "version.cu is never 'XYZ'; there are: 'CU13', 'CU22', 'CU23', 'RTM', ''",
        ),
        ("version.product == 2019", "version.product is text, and 2019 is an integer; did you mean `2019`?"),
        ("version.cu == 23", "version.cu is text, or null, and 23 is an integer; did you mean `CU23`?"),
        ("version.number == 15", "version.number is text, and 15 is an integer; write '15'"),
        ("version.number == 15.2", "version.number is text, and 15.2 is a number; write '15.2'"),
        ("version.number == true", "version.number is text, and true is true or false; write 'true'"),
        ("version.number in [15, '16']", "version.number is text, and 15 is an integer; write '15'"),
        ("version.build == true", "version.build is an integer, and true is true or false; write a number"),
        ("version.build == '15'", "version.build is an integer, and '15' is text; write a number, without quotes"),
        ("version.installed == 'true'", "write version.installed or not version.installed"),
        ("version.installed == 1", "version.installed is true or false, and 1 is an integer"),
        ("version.major == 16", "version.major is never 16; there are: 14, 15"),
        ("version.number >= '15.2.1544.9'", "version.number is text, and texts have no order here"),
        ("'15.2.1544.9' <= version.number", "version.number is text, and texts have no order here"),
        ("version.number >= '15.2.1544.9'", "exchange.patch compares builds number by number"),
        ("version.cu > 'CU22'", "version.cu is text, and texts have no order here"),
        ("version.cu >= 22", "version.cu is text, and texts have no order here"),
        ("version.build < '7'", "'7' is text, and texts have no order here"),
        ("1 < version.build < version.number", "version.number is text, and texts have no order here"),
        ("version.installed > false", "version.installed has no order, only numbers have"),
        ("version.build > none", "none has no order, only numbers have"),
        ("patch.open > 1", "patch.open has no order, only numbers have"),
        ("version.product == none", "version.product is never none; leave it out"),
        ("patch.open == 'proxylogon'", "patch.open is a list of texts; write 'proxylogon' in patch.open"),
        ("patch.open == ['proxylogon', 'x']", "patch.open is never 'x'; there are: 'proxylogon', 'proxyshell'"),
        ("'proxylogn' in patch.open", "a member of patch.open is never 'proxylogn'; did you mean `proxylogon`?"),
        ("1 in patch.open", "a member of patch.open is text, and 1 is an integer"),
        ("version.cu == ['CU22', 'CU23']", "version.cu is not a list; write version.cu in ['CU22', 'CU23']"),
        ("version.cu in []", "the list after `in` is empty"),
        ("version.cu == version.product", "version.cu and version.product have no value in common"),
        ("version.build == version.product", "compare it with something of the same type"),
    ],
)
def test_a_comparison_that_can_only_come_out_one_way_is_refused_with_what_was_meant(text: str, says: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text, TYPES)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("params.campaign == 'all'", {"campaign": "all"}, True),
        ("params.campaign == 'all'", {"campaign": "proxylogon"}, False),
        ("params.deep", {"deep": True}, True),
        ("not params.deep and version.installed", {"deep": True}, False),
        ("version.installed and params.deep", {"deep": False}, False),
        ("params.deep or version.installed", {"deep": True}, True),
        ("version.product in params.products", {"products": ()}, False),
        ("'x' in params.products", {"products": ("x",)}, True),
        ("params.least <= 1.5", {"least": 1}, True),
        ("params.maybe == none", {"maybe": None}, True),
    ],
)
def test_parameters_decide_before_any_step_has_run_what_they_alone_decide(
    text: str, given: dict[str, object], expected: object
) -> None:
    assert evaluate(parse(text, TYPES, params=PARAMS, given=given), {}) is expected


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("params.campain == 'all'", {}, "the playbook has no parameter 'campain'; did you mean `campaign`?"),
        ("campaign == 'all'", {}, "'campaign' is not a fact; write params.campaign"),
        ("param.campaign == 'all'", {}, "there is no earlier step 'param'; did you mean `params`?"),
        ("params.campaign == 'All'", {}, "params.campaign is never 'All'; did you mean `all`?"),
        ("params.campaign", {}, "params.campaign is not true or false"),
        ("params.deep == 'yes'", {}, "write params.deep or not params.deep"),
        ("params.product >= '2016'", {}, "params.product is text, and texts have no order here"),
        ("version.product == params.deep", {}, "version.product is text, and params.deep is true or false"),
        ("version.product == params.campaign", {}, "have no value in common"),
        ("version.product == params.product", {"product": "Exchange 2019"}, "is never what params.product was given"),
        ("version.product in params.products", {"products": ("SE", "se")}, "was given; did you mean `SE`?"),
        ("version.product == params.maybe", {"maybe": None}, "is never what params.maybe was given"),
        ("version.product in params.products", {"products": ("",)}, "is never what params.products was given"),
    ],
)
def test_parameters_are_held_to_types_and_values_as_literals_are(
    text: str, given: dict[str, object], says: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text, TYPES, params=PARAMS, given=given)
    assert says in str(caught.value)
    assert "Exchange 2019" not in str(caught.value)


def test_where_there_are_no_parameters_it_says_so() -> None:
    with pytest.raises(ConditionError, match="the playbook has no parameter 'x'; declare it in params"):
        parse("params.x == 1", TYPES)


LITERALS = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), st.sampled_from(["CU23", "cu23", "2019", "RTM", "", "15", "x"])
)
LOOK_UPS = [(owner, member) for owner, members in TYPES.items() for member in members]


@settings(max_examples=300, deadline=None)
@given_any(st.sampled_from(LOOK_UPS), st.sampled_from(["==", "!="]), LITERALS)
def test_a_comparison_is_accepted_exactly_where_the_fact_can_be_what_is_written(
    look_up: tuple[str, str], operator: str, literal: object
) -> None:
    owner, member = look_up
    domain = TYPES[owner][member]
    written = "none" if literal is None else str(literal).lower() if isinstance(literal, bool) else repr(literal)
    try:
        parse(f"{owner}.{member} {operator} {written}", TYPES)
        accepted = True
    except ConditionError:
        accepted = False
    assert accepted is domain.has(literal)  # type: ignore[arg-type]  # what YAML has
