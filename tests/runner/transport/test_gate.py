"""The gate lets the approved texts pass and nothing else."""

import hashlib
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.transport.failures import Cause, ScriptRefused
from runner.transport.gate import BASE_MODULES, LOCK, Gate, imported, importing, marker
from runner.transport.interface import Script
from runner.transport.statements import create_pipeline

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


@settings(max_examples=60)
@given(approved=st.sets(TEXTS, max_size=5), other=TEXTS)
def test_only_texts_of_the_set_pass(approved: set[str], other: str) -> None:
    gate = Gate(frozenset(hashlib.sha256(text.encode()).hexdigest() for text in approved))
    for text in approved:
        gate.check(Script("approved", text))
    if other not in approved:
        with pytest.raises(ScriptRefused) as refused:
            gate.check(Script("approved", other))
        assert refused.value.failure.cause is Cause.SCRIPT_REFUSED
        assert "Nothing was sent" in refused.value.failure.next


@settings(max_examples=60)
@given(
    text=st.text(min_size=1, max_size=40),
    at=st.integers(0, 39),
    change=st.sampled_from([" ", "\n", "\r", "\ufeff", "\u200b", "\u00a0", ";", "'"]),
)
def test_one_inserted_character_is_refused_even_where_it_cannot_be_seen(text: str, at: int, change: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    gate = Gate.of([Script("one", text)])
    at %= len(text) + 1
    with pytest.raises(ScriptRefused):
        gate.check(Script("one", text[:at] + change + text[at:]))


def test_a_name_does_not_open_the_gate() -> None:
    gate = Gate.of([Script("collect", "Get-Service")])
    with pytest.raises(ScriptRefused, match="'collect'"):
        gate.check(Script("collect", "Stop-Service"))


def test_text_that_is_not_valid_unicode_is_refused_and_does_not_raise_anything_else() -> None:
    with pytest.raises(ScriptRefused, match="not valid Unicode"):
        Gate.of([]).check(Script("lone surrogate", "\ud800"))


def test_an_empty_gate_lets_nothing_pass() -> None:
    with pytest.raises(ScriptRefused):
        Gate(frozenset()).check(Script("empty", ""))


def test_the_gate_of_scripts_holds_their_markers_and_no_other_markers() -> None:
    first, second = Script("a", "Get-Date"), Script("b", "Get-Host")
    gate = Gate.of([first])
    gate.check(marker(first.sha256))
    with pytest.raises(ScriptRefused):
        gate.check(marker(second.sha256))
    for statement in gate.opening:
        gate.check(statement)
    assert len(gate.allowed) == 4


def test_only_a_locked_script_opens_the_gate_for_what_locks_a_session() -> None:
    gate = Gate.of([Script("a", "Get-Date", full=True)])
    assert len(gate.allowed) == 2
    assert gate.is_full(Script("a", "Get-Date"))
    for statement in gate.opening:
        with pytest.raises(ScriptRefused):
            gate.check(statement)


def test_a_text_that_stands_for_a_locked_and_for_a_full_script_runs_locked() -> None:
    gate = Gate.of([Script("a", "Get-Date", full=True), Script("b", "Get-Date")])
    assert not gate.is_full(Script("a", "Get-Date", full=True))


def test_modules_of_locked_scripts_are_imported_once_and_before_the_lock() -> None:
    gate = Gate.of(
        [
            Script("a", "1", modules=("FailoverClusters", "DnsServer")),
            Script("b", "2", modules=("DnsServer",)),
            Script("c", "3", full=True, modules=("Unwanted",)),
        ]
    )
    imports, lock = gate.opening
    assert imported(imports.text) == (*BASE_MODULES, "FailoverClusters", "DnsServer")
    assert lock == LOCK
    assert imported(LOCK.text) is None
    assert imported(imports.text + " ") is None


@pytest.mark.parametrize(
    "name", ["", "..", "a..b", r"\\server\share\x", "C:\\x", "x.psm1'", "a*", "a b", "é", "-a", "a-", "a\n", "1a"]
)
def test_a_module_is_named_by_its_name_alone(name: str) -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        importing([name])


@pytest.mark.parametrize(
    "forged", ["", "0" * 63, "A" * 64, "0" * 63 + "'", "0" * 64 + "\n", "'; Stop-Service W3SVC; '"]
)
def test_a_marker_is_made_of_a_hash_and_of_nothing_else(forged: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        marker(forged)


@settings(max_examples=60)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=4),
    at=st.integers(0, 10_000),
    other=st.binary(min_size=0, max_size=3),
)
def test_a_message_passes_as_often_as_it_likes_and_none_that_differs_by_a_byte_passes_unread(
    texts: list[str], at: int, other: bytes
) -> None:
    scripts = [Script("one", text) for text in texts]
    gate = Gate.of(scripts)
    message = gate.message(scripts)
    for _ in range(2):
        assert gate.message(scripts) == create_pipeline(texts)
        gate.check_message(message)
    at %= len(message)
    changed = message[:at] + other + message[at + 1 :]
    assert _passes(gate, changed) == _passes(Gate(gate.allowed, gate.token), changed)


def test_what_was_written_is_not_let_pass_for_that() -> None:
    known, unknown = Script("a", "Get-Date"), Script("b", "Stop-Computer")
    gate = Gate.of([known])
    gate.check_message(gate.message([known]))
    for _ in range(2):
        with pytest.raises(ScriptRefused):
            gate.check_message(gate.message([known, unknown]))


def _passes(gate: Gate, message: bytes) -> str:
    try:
        gate.check_message(message)
    except (ScriptRefused, ET.ParseError) as error:
        return type(error).__name__
    return "passes"
