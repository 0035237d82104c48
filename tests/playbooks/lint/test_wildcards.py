"""Wildcards are PowerShell's: what `-like` says of a text and a pattern, and which patterns it refuses."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.lint.wildcards import escaped, has_wildcards, is_like, why_no_pattern

TEXTS = st.text(st.sampled_from("aAbz09.\\-*?[]`ä"), max_size=8)
ASK = """
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $case = $line | ConvertFrom-Json
    $answer = try { "$($case.text -like $case.pattern)" } catch { 'refused' }
    [Console]::Out.WriteLine($answer)
}
"""
LISTED = [
    ("W3SVC", "w3svc"), ("MSExchangeIS", "MSExchange*"), ("a]", "a[]]"), ("a", "[]a]"), ("[", "[[]"), ("a-b", "a[-]b"),
    ("b", "[a-c]"),
    ("B", "[a-c]"), ("b", "[A-C]"), ("b", "[c-a]"), ("a", "[a"), ("", ""), ("a", ""), ("a\\b\\c", "a\\*"),
    ("*", "`*"), ("x", "`*"), ("`", "`"), ("`", "``"), ("a`", "a`"), ("a", "[!b]"), ("!", "[!b]"), ("a", "[^b]"),
    ("a\nb", "a*b"), ("a\nb", "a?b"), ("]", "]"), ("-", "[a-]"), ("b", "[`a-c]"), ("-", "[a`-c]"), ("b", "[a`-c]"),
    ("a", "[]"), ("[]", "[]"),
    ("", "[]"), ("z", "[Z-a]"), ("A", "[Z-a]"), ("_", "[Z-a]"), ("b", "[Z-a]"),
    ("ä", "Ä"), ("\u0130", "i"), ("K", "\u212a"), ("\u212a", "k"),
]  # fmt: skip


def said(text: str, pattern: str) -> str:
    return "refused" if why_no_pattern(pattern) else str(is_like(text, pattern))


@pytest.mark.real_powershell
def test_what_is_like_a_pattern_here_is_like_it_there(powershell: Path, tmp_path: Path) -> None:
    drawn = random.Random(10)
    letters = "aAbZ_-*?[]`\\ä"
    made = [
        ("".join(drawn.choices(letters, k=drawn.randint(0, 4))), "".join(drawn.choices(letters, k=drawn.randint(0, 6))))
        for _ in range(6000)
    ]
    cases = [*LISTED, *made]
    script = tmp_path / "ask.ps1"
    script.write_text(ASK, encoding="utf-8")
    answer = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", script],
        input="".join(json.dumps({"text": text, "pattern": pattern}) + "\n" for text, pattern in cases),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    there = answer.stdout.splitlines()
    here = [said(text, pattern) for text, pattern in cases]
    wrong = [(case, ours, theirs) for case, ours, theirs in zip(cases, here, there, strict=True) if ours != theirs]
    # Never more than there; less for letters with more than one other case.
    assert [each for each in wrong if each[1] == "True" or each[0][0].isascii()] == []
    assert here.count("True") >= 300
    assert here.count("refused") >= 300


@given(TEXTS, TEXTS)
def test_an_escaped_text_is_a_pattern_of_itself_alone(text: str, other: str) -> None:
    assert why_no_pattern(escaped(text)) == ""
    assert is_like(text, escaped(text))
    assert is_like(text.upper(), escaped(text))
    assert is_like(other, escaped(text)) == (other.lower() == text.lower())


@given(TEXTS)
def test_a_text_without_wildcards_is_a_pattern_of_itself_alone(text: str) -> None:
    if not has_wildcards(text):
        assert is_like(text, text)
        assert escaped(text) == text
