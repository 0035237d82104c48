"""The selection language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inventory.errors import (
    NothingSelectedError,
    SelectionError,
    SelectionSyntaxError,
    UnexpectedCountError,
    UnknownNameError,
)
from inventory.model import Inventory
from inventory.selection import And, Expression, Named, Not, Or, Selection, Term, check_count, parse, select
from inventory.selection_grammar import parsed
from inventory.sources.native import read_native

FLEET = read_native(
    b"""\
exrun: inventory/1
clients:
  alpha:
    groups:
      all: {}
      dag1: {groups: [all], labels: {dag: DAG1}}
      spare: {}
    hosts:
      EX1: {groups: [dag1], labels: {site: HQ}}
      EX2: {groups: [all], labels: {site: Oslo}}
      "and": {labels: {role: 'Mailbox, "old"'}}
  beta:
    hosts:
      EX1: {labels: {site: HQ}}
      Server One: {address: one.beta.example}
  gamma: {}
""",
    file="inventory.yml",
    folder=Path("/nonexistent"),
)


def selected(text: str, inventory: Inventory = FLEET) -> list[str]:
    return [host.key for host in select(inventory, parse(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EX1", ["alpha/EX1", "beta/EX1"]),
        ("ex1", ["alpha/EX1", "beta/EX1"]),
        ("alpha/EX1", ["alpha/EX1"]),
        ("*/EX1", ["alpha/EX1", "beta/EX1"]),
        ("EX?", ["alpha/EX1", "alpha/EX2", "beta/EX1"]),
        ("*2", ["alpha/EX2"]),
        ("group:all", ["alpha/EX1", "alpha/EX2"]),
        ("GROUP:dag*", ["alpha/EX1"]),
        ("client: beta", ["beta/EX1", "beta/Server One"]),
        ("site=hq", ["alpha/EX1", "beta/EX1"]),
        ("site=*", ["alpha/EX1", "alpha/EX2", "beta/EX1"]),
        ('role="Mailbox, \\"old\\""', ["alpha/and"]),
        ('"Server One"', ["beta/Server One"]),
        ('"and"', ["alpha/and"]),
        ("EX1 and client:alpha", ["alpha/EX1"]),
        ("not EX1 and client:alpha", ["alpha/EX2", "alpha/and"]),
        ("not (EX1 or EX2)", ["alpha/and", "beta/Server One"]),
        ("EX2 or EX1 and client:beta", ["alpha/EX2", "beta/EX1"]),
        ("(EX2 or EX1) AND client:beta", ["beta/EX1"]),
        ("not not EX2", ["alpha/EX2"]),
        ("*\n  and site=Oslo", ["alpha/EX2"]),
        ("(" * 2000 + "EX2" + ")" * 2000, ["alpha/EX2"]),
    ],
)
def test_a_selection_selects_in_the_order_of_the_inventory(text: str, expected: list[str]) -> None:
    assert selected(text) == expected


ROLES = read_native(
    b"""\
exrun: inventory/1
clients:
  alpha:
    hosts:
      EX1: {labels: {role: Mailbox}}
      EX2: {labels: {role: 'Mailbox, ClientAccess'}}
      EX3: {labels: {role: [ClientAccess]}}
      EX4: {labels: {role: ['Mailbox, old']}}
      EX5: {}
""",
    file="inventory.yml",
    folder=Path("/nonexistent"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("role=Mailbox", "EX1 EX2"),
        ("role=mailbox", "EX1 EX2"),
        ("role=Mail*", "EX1 EX2 EX4"),
        ("role=ClientAccess", "EX2 EX3"),
        ("role=Mailbox and role=ClientAccess", "EX2"),
        ("not role=Mailbox", "EX3 EX4 EX5"),
        ("role=Mailbox and not role=ClientAccess", "EX1"),
        ('role="Mailbox, ClientAccess"', "EX2"),
        ('role="Mailbox,clientaccess"', "EX2"),
        ('role="Mailbox, old"', "EX4"),
        ('not role="Mailbox, ClientAccess"', "EX1 EX3 EX4 EX5"),
        ("role=*", "EX1 EX2 EX3 EX4"),
    ],
)
def test_of_a_label_with_several_values_one_is_enough_and_all_as_one_text_fit_too(text: str, expected: str) -> None:
    assert selected(text, ROLES) == [f"alpha/{name}" for name in expected.split()]


@pytest.mark.parametrize("text", ["role=Edge", "role=old", 'role="ClientAccess, Mailbox"'])
def test_a_value_that_no_label_has_is_unknown_though_others_have_several(text: str) -> None:
    with pytest.raises(UnknownNameError, match="no value of the label `role` is called"):
        selected(text, ROLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "column 1: is empty; write `*` for all hosts"),
        ("EX1 EX2", "column 5: `EX2` follows without an operator; put `and` or `or` before it"),
        ("EX1 and", "column 8: ends where a name is missing; write it"),
        ("(EX1", "column 5: a `(` has no `)`; add it"),
        ("EX1)", "column 4: a `)` has no `(`; remove it"),
        (
            "EX1 or or EX2",
            "column 8: a name is missing before `or`; write it; a name like an operator stands in quotes",
        ),
        ("EX1,EX2", "column 4: `,` is not expected here; write `or`"),
        ("EX1 && EX2", "column 5: `&` is not expected here; write `and`"),
        ("!EX1", "column 1: `!` is not expected here; write `not`"),
        ('EX1 or "EX2', 'column 8: a quoted name does not end; end it with another `"`'),
        ('""', "column 1: nothing stands between the quotes; write a name"),
        ("site = HQ", "column 6: `=` is not expected here; write `label=value`, without spaces around `=`"),
        ("EX1 or cleint:beta", "column 8: there is no `cleint:`; did you mean `client:`?"),
        ("si*=HQ", "column 1: the name of a label has no `*` or `?`; write it in full"),
        ("not " * 200 + "EX1", "column 1: is nested deeper than 100 levels; use labels or groups"),
        ("E" * 10_001, "column 1: is longer than 10000 characters; use labels or groups"),
        ("EX1\nEX2", "column 5: `EX2` follows without an operator; put `and` or `or` before it"),
        ("EX2 or\ncleint:beta", "column 8: there is no `cleint:`; did you mean `client:`?"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_column_and_what_to_write(text: str, expected: str) -> None:
    with pytest.raises(SelectionSyntaxError) as caught:
        parse(text)
    assert str(caught.value) == f"selection, {expected}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EX3", "column 1: no host is called `EX3`; did you mean `EX2`?"),
        ("EX1 or EX3", "column 8: no host is called `EX3`; did you mean `EX2`?"),
        ("EX1 or\nEX3", "column 8: no host is called `EX3`; did you mean `EX2`?"),
        ("* and not EX22", "column 11: no host is called `EX22`; did you mean `EX2`?"),
        ("gamma/EX1", "column 1: no host is called `gamma/EX1`; did you mean `alpha/EX1`?"),
        ("zz*", "column 1: no host fits `zz*`; hosts: EX1, EX2, Server One, and"),
        ("group:dag2", "column 1: no group is called `dag2`; did you mean `dag1`?"),
        ("dag1", "column 1: no host is called `dag1`; did you mean `group:dag1`?"),
        ("group:beta", "column 1: no group is called `beta`; did you mean `client:beta`?"),
        ("client:bta", "column 1: no client is called `bta`; did you mean `beta`?"),
        ("sit=HQ", "column 1: no host has the label `sit`; did you mean `site`?"),
        ("site=Bergen", "column 1: no value of the label `site` is called `Bergen`; values: HQ, Oslo"),
        ('"EX*"', "column 1: no host is called `EX*`; did you mean `EX2`?"),
    ],
)
def test_what_does_not_exist_is_an_error_even_where_the_rest_would_select(text: str, expected: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        selected(text)
    assert str(caught.value) == f"selection, {expected}"


@pytest.mark.parametrize("text", ["client:alpha and client:beta", "group:spare", "client:gamma", "not *"])
def test_a_selection_of_things_that_exist_and_no_host_is_an_error(text: str) -> None:
    with pytest.raises(NothingSelectedError, match="no host fits"):
        selected(text)


def test_expect_fails_when_the_count_differs_and_is_silent_otherwise() -> None:
    hosts = select(FLEET, parse("EX1"))
    check_count(hosts, 2)
    check_count(hosts, None)
    for expected in (0, 1, 3):
        message = f"2 hosts are selected, but --expect says {expected}; nothing was sent"
        with pytest.raises(UnexpectedCountError, match=message):
            check_count(hosts, expected)
    with pytest.raises(UnexpectedCountError, match="1 host is selected, but --expect says 2"):
        check_count(hosts[:1], 2)


TERMS = st.sampled_from(
    [str(host.name) for host in FLEET.hosts]
    + ["group:all", "group:dag1", "client:alpha", "client:gamma", "site=HQ", "dag=dag1", "EX*", "*/EX1"]
).map(lambda text: parse(f'"{text}"' if text in ("Server One", "and") else text).expression)


def expressions(terms: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return inner.map(Not) | several.map(And) | several.map(Or)

    return st.recursive(terms, grow, max_leaves=8)


KNOWN = expressions(TERMS)
NAMES = st.text(min_size=1, max_size=6) | st.sampled_from(
    ["and", "OR", "Not", 'a"b', "a\\", "a b", "a=b", "a:b", "*", "é"]
)
ANY_TERM = st.builds(Term, st.sampled_from(["host", "group", "client"]), st.builds(Named, NAMES)) | st.builds(
    Term, st.just("label"), st.builds(Named, NAMES), st.builds(Named, NAMES)
)


def chosen(expression: Expression) -> set[str]:
    try:
        return {host.key for host in select(FLEET, Selection(expression))}
    except NothingSelectedError:
        return set()


ALL = {host.key for host in FLEET.hosts}


@settings(max_examples=150, deadline=None)
@given(KNOWN, KNOWN)
def test_not_of_or_is_and_of_nots_and_the_other_way_round(one: Expression, two: Expression) -> None:
    assert chosen(Not(Or((one, two)))) == chosen(And((Not(one), Not(two))))
    assert chosen(Not(And((one, two)))) == chosen(Or((Not(one), Not(two))))


@settings(max_examples=150, deadline=None)
@given(KNOWN, KNOWN)
def test_the_operators_are_those_of_sets(one: Expression, two: Expression) -> None:
    assert chosen(Not(one)) == ALL - chosen(one)
    assert chosen(And((one, two))) == chosen(one) & chosen(two)
    assert chosen(Or((one, two))) == chosen(one) | chosen(two)


@settings(max_examples=200, deadline=None)
@given(expressions(ANY_TERM))
def test_what_a_selection_is_written_as_parses_to_the_same_selection(expression: Expression) -> None:
    assert parse(str(Selection(expression))) == Selection(expression)


@settings(max_examples=200, deadline=None)
@given(KNOWN)
def test_writing_a_selection_and_reading_it_selects_the_same_hosts(expression: Expression) -> None:
    assert chosen(parse(str(Selection(expression))).expression) == chosen(expression)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='aE1*?"\\()=:,&|! \n\tandort\u00e9', max_size=25))
def test_whatever_is_typed_selects_or_gives_a_selection_error_within_the_text(text: str) -> None:
    try:
        assert selected(text)
    except SelectionError as error:
        column = error.column
    else:
        column = 1
    assert 1 <= column <= len(text) + 1


def test_every_name_that_does_not_exist_is_said_once() -> None:
    with pytest.raises(UnknownNameError) as caught:
        select(FLEET, parse("nowhere or group:none or (EX1 and not nowhere) or client:nobody"))
    lines = str(caught.value).splitlines()
    assert [line.split(": ", 1)[0] for line in lines] == [
        "selection, column 1",
        "selection, column 12",
        "selection, column 51",
    ]
    assert "`nowhere`" in lines[0]
    assert "`none`" in lines[1]
    assert "`nobody`" in lines[2]


@given(st.text(st.sampled_from('aN*?.-_x \t\u00a0\x1c"()=:,&|!ÄßOTor'), max_size=8))
@example("and")
@example(" NOT ")
@example("*")
@example(" EX? ")
def test_a_single_name_is_read_without_the_grammar_as_with_it(text: str) -> None:
    def read(how: Callable[[str], Selection]) -> object:
        try:
            return how(text), [term.column for term in terms(how(text).expression)]
        except SelectionSyntaxError as error:
            return str(error)

    if text.strip():
        assert read(parse) == read(parsed)


def terms(expression: Expression) -> list[Term]:
    match expression:
        case Term():
            return [expression]
        case Not(part):
            return terms(part)
        case And(parts) | Or(parts):
            return [term for part in parts for term in terms(part)]
