"""Which values a declared type has, and which types may stand for one another."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.declared import accepts, fits, in_words
from playbooks.values import Value

BARE = ("text", "integer", "number", "boolean")
TYPES = [f"{bare}{array}{null}" for bare, array, null in product(BARE, ("", "[]"), ("", "?"))]
SAMPLES: list[tuple[Value, set[str]]] = [
    ("a", {"text"}),
    ("", {"text"}),
    (7, {"integer", "number"}),
    (-(2**80), {"integer", "number"}),
    (1.5, {"number"}),
    (True, {"boolean"}),
    (math.nan, set()),
    (-math.inf, set()),
    (b"a", set()),
    ({"a": 1}, set()),
]


@pytest.mark.parametrize("declared", TYPES)
def test_a_value_is_of_its_types_and_of_no_other(declared: str) -> None:
    bare, array = declared.removesuffix("?").removesuffix("[]"), "[]" in declared
    for value, of in SAMPLES:
        assert fits(value, declared) is (bare in of and not array), value
        assert fits((value,), declared) is (bare in of and array), value
        assert fits((value, None), declared) is False
    assert fits((), declared) is array
    assert fits(None, declared) is declared.endswith("?")


# Values of a type, so that what `accepts` promises can be tried.
OF_TYPE: dict[str, st.SearchStrategy[Value]] = {
    "text": st.text(max_size=3),
    "integer": st.integers(),
    "number": st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    "boolean": st.booleans(),
}


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[str, Value]:
    declared = draw(st.sampled_from(TYPES))
    if declared.endswith("?") and draw(st.booleans()):
        return declared, None
    bare = declared.removesuffix("?")
    if bare.endswith("[]"):
        return declared, tuple(draw(st.lists(OF_TYPE[bare.removesuffix("[]")], max_size=3)))
    return declared, draw(OF_TYPE[bare])


@settings(max_examples=200, deadline=None)
@given(typed_values(), st.sampled_from(TYPES))
def test_what_a_type_accepts_fits_it_whatever_the_value(given_value: tuple[str, Value], wanted: str) -> None:
    declared, value = given_value
    assert fits(value, declared)
    if accepts(wanted, declared):
        assert fits(value, wanted)


@pytest.mark.parametrize(("wanted", "given_type"), list(product(TYPES, TYPES)))
def test_a_type_accepts_exactly_what_is_no_wider(wanted: str, given_type: str) -> None:
    narrower = {"number": {"number", "integer"}}
    bare, own = (each.removesuffix("?").removesuffix("[]") for each in (wanted, given_type))
    assert accepts(wanted, given_type) is (
        own in narrower.get(bare, {bare})
        and ("[]" in wanted) == ("[]" in given_type)
        and (wanted.endswith("?") or not given_type.endswith("?"))
    )


def test_types_are_said_in_words() -> None:
    assert [in_words(each) for each in ("text", "integer?", "number[]", "boolean[]?")] == [
        "text",
        "an integer, or null",
        "a list of numbers",
        "a list of true and false, or null",
    ]
