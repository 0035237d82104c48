"""The changes that a contract's `changes` makes of what a server says, whatever it says."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from playbooks.changes import Change
from playbooks.compliant import _WORDS as WORDS
from playbooks.conditions import parse_expression
from playbooks.correcting import MOST_CHANGES, Corrections, corrections
from playbooks.declared import Domain
from playbooks.findings import UnknownFact

NAMED = parse_expression("S.Name", {"S": {"Name": Domain("text"), "Of": Domain("text")}}, params={}, words=WORDS)
SEEN = parse_expression("S.Of", {"S": {"Name": Domain("text"), "Of": Domain("text")}}, params={}, words=WORDS)
TITLED = Corrections((NAMED,), {"name": NAMED}, {"of": SEEN}, {}, ())
RECORDS = st.lists(st.tuples(st.text("a2 -", max_size=4), st.text("xy", max_size=1)), max_size=6)


def named(parsed: Corrections, records: list[tuple[str, str]]) -> tuple[Change, ...]:
    found = corrections(parsed, [{"S": {"Name": name, "Of": of}} for name, of in records])
    assert isinstance(found, tuple)
    return found


@given(RECORDS, st.randoms(use_true_random=False))
def test_no_two_changes_have_one_id_and_their_ids_do_not_hang_on_the_order_of_the_records(
    records: list[tuple[str, str]], random: Random
) -> None:
    found = named(TITLED, records)
    assert len({each.id for each in found}) == len(found) == len(set(records))
    random.shuffle(records)
    assert named(TITLED, records) == found


def test_a_number_that_tells_changes_apart_is_not_the_name_of_another() -> None:
    assert [each.id for each in named(TITLED, [("a", ""), ("a ", ""), ("a 2", "")])] == ["a", "a-3", "a-2"]


def test_a_server_that_names_without_end_gives_no_changes_but_a_reason() -> None:
    """Each would be rendered, proven and shown; what they cost grows with their number, and not with its square."""
    alike = Corrections(("the same",), {"name": NAMED}, {}, {}, ())
    assert len(named(alike, [(str(number), "") for number in range(MOST_CHANGES)])) == MOST_CHANGES
    found = corrections(alike, [{"S": {"Name": str(number), "Of": ""}} for number in range(MOST_CHANGES + 1)])
    assert isinstance(found, UnknownFact)
    assert found.reason == "more than 1000 changes would follow from what the server says"
