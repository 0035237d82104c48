"""Functions that are known by their text: that text passes in a change, and nothing that differs from it anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.lint import lint, lint_change
from playbooks.lint.vetted import VETTED
from playbooks.parts import assembled

ASKING = assembled("{# part: iis/asking.ps1.j2 #}\n")
FUNCTION = ASKING[ASKING.index("function ") :].rstrip()
CALL = "$answer = Get-LoopbackAnswer -Address 'https://127.0.0.1:444/owa/x.aspx' -Seconds 60\n[int]$answer.Status\n"


def against(text: str) -> set[str]:
    return {problem.rule for problem in lint_change(text, (), source="x")}


def test_the_text_that_is_known_is_the_text_that_is_sent() -> None:
    known = hashlib.sha256(FUNCTION.encode()).hexdigest()
    assert dict(VETTED) == {"get-loopbackanswer": known}


def test_it_passes_in_a_change_and_in_no_collect_script() -> None:
    assert against(ASKING + CALL) == set()
    assert lint(ASKING + CALL, source="x") != ()


def test_whatever_follows_it_is_judged() -> None:
    for more in ("Remove-Item -LiteralPath 'C:\\x'\n", "$client.Connect('EX2', 443)\n", "Invoke-Expression 'x'\n"):
        assert against(ASKING + CALL + more)
        assert against(more + ASKING + CALL)


@given(st.integers(0, len(FUNCTION) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_one_other_character_anywhere_is_another_text(at: int, character: str) -> None:
    changed = FUNCTION[:at] + character + FUNCTION[at + 1 :]
    if changed != FUNCTION:
        assert against(f"{changed}\n{CALL}")


def misused() -> Iterator[tuple[str, str]]:
    yield "not defined", CALL
    yield "defined behind the call", CALL + FUNCTION + "\n"
    yield "defined in a block", "if ($true) {\n" + FUNCTION + "\n}\n" + CALL
    yield "defined in a function", "function Get-Other {\n" + FUNCTION + "\n}\nGet-Other\n" + CALL
    yield "only in a text", "$text = @'\n" + FUNCTION + "\n'@\n" + CALL
    yield "only in a comment", "<#\n" + FUNCTION + "\n#>\n" + CALL
    yield "twice, and once another", FUNCTION + "\nfunction Get-LoopbackAnswer {\n    Get-Process\n}\n" + CALL
    yield "in other letters", FUNCTION.replace("Get-LoopbackAnswer", "get-loopbackanswer") + "\n" + CALL


@pytest.mark.parametrize(("how", "text"), tuple(misused()))
def test_its_name_stands_for_nothing_else(how: str, text: str) -> None:
    assert against(text)


@pytest.mark.parametrize(
    "address",
    [
        "'http://localhost/'",
        "'https://10.0.0.1/'",
        "'https://127.0.0.1.test/'",
        "'https://127.0.0.1'",
        "$env:COMPUTERNAME",
        "(Get-Content -LiteralPath 'C:\\x' -Raw)",
    ],
)
def test_what_it_asks_can_be_seen_and_is_this_server(address: str) -> None:
    assert "network" in against(ASKING + f"Get-LoopbackAnswer -Address {address} -Seconds 1\n")
