"""The next command, wherever it stands: the real parser takes it for what was meant, and no shell takes it apart."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.reports import typed_next
from runner.reports.typed_next import KEY, USUAL, Begun, word
from tests.runner.cli.parsing import parsed
from tests.runner.happenings import STARTED

ALL = Begun(("a b.yml", "c.yml"), "/srv/ex run", "rows", ("more",), "ours/mend.yml", "p'x.yml", "k.key", ("a.txt",))
HARD = [
    "EX 1", "it's", 'a"b', "$(touch x)", "`touch x`", "-x", "--host", "a;b", "a&b", "a|b", "*", "~", "a\\b", "%PATH%",
    "#x", "{a,b}", "@x", "É", "!x", "a>b", "$HOME", "${x}", "a.b", "-a.b", "--", "@(1)", "x=y", "=x", "a,b", "x\\",
]  # fmt: skip
NONE = ["", "a\nb", "a\u202eb", "a\x1b[2J", "a\u2019;calc;\u2019\\", "it's $(x)", "$x & calc"]


@pytest.mark.parametrize("text", HARD)
def test_a_shell_takes_a_hard_word_for_one(text: str, tmp_path: Path) -> None:
    assert shlex.split(word(text)) == [text]
    said = subprocess.run(["sh", "-c", f"printf '[%s]' {word(text)}"], cwd=tmp_path, capture_output=True, text=True)
    assert (said.stdout, list(tmp_path.iterdir())) == (f"[{text}]", [])


@pytest.mark.parametrize("text", NONE)
def test_what_no_two_shells_take_alike_has_no_command(text: str) -> None:
    assert word(text) == ""
    assert typed_next.show("r1", USUAL, host=text) == ("exrun show r1" if not text else "")


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_whatever_a_word_holds_a_shell_takes_it_for_one_or_it_is_none(text: str) -> None:
    assert shlex.split(word(text)) == ([text] if word(text) else [])


@pytest.mark.real_powershell
def test_powershell_takes_the_same_words(powershell: Path, tmp_path: Path) -> None:
    script = "\n".join(f"/usr/bin/printf '[%s]' {word(text)}" for text in HARD if text != "--")
    (tmp_path / "x.ps1").write_text(script, encoding="utf-8")
    said = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", tmp_path / "x.ps1"], capture_output=True, text=True
    )
    assert said.stdout == "".join(f"[{text}]" for text in HARD if text != "--"), said.stderr


FILES = [Path("a b.yml"), Path("c.yml")]
STATE = {"state": Path("/srv/ex run")}
TO_CHANGE = {
    "inventory": FILES,
    "playbook": "ours/mend.yml",
    "search": [Path("more")],
    "catalogue": Path("rows"),
    "sign_with": Path("k.key"),
    "anchor": ["a.txt"],
    **STATE,
}
POLICY = {"policy": Path("p'x.yml")}


@pytest.mark.parametrize(
    ("command", "name", "given"),
    [
        (typed_next.show("r1", ALL), "show", {"run": "r1", **STATE}),
        (
            typed_next.show("r1", ALL, client="a b", host="-x"),
            "show",
            {"run": "r1", "client": "a b", "host": ["-x"], **STATE},
        ),
        (typed_next.show_plan("-p.json"), "show", {"run": "-p.json", "diff": True, "scripts": True}),
        (
            typed_next.report("r1", ALL, client="b", page="x.html"),
            "report",
            {"run": "r1", "html": True, "output": Path("x.html"), "client": "b", **STATE},
        ),
        (
            typed_next.diff("r2", "r1", ALL, client="b"),
            "diff",
            {"run": "r2", "other": "r1", "client": "b", "details": True, **STATE},
        ),
        (typed_next.verify("r1", ALL), "journal verify", {"journals": ["r1"], **STATE}),
        (typed_next.audit([], ALL), "audit", {"inventory": FILES, **STATE}),
        (typed_next.audit(["site=HQ"], ALL), "audit", {"selection": ["site=HQ"], "inventory": FILES, **STATE}),
        (
            typed_next.doctor(["b/EX1", "EX2"], ALL),
            "doctor",
            {"selection": ["b/EX1", "EX2"], "inventory": FILES, **STATE},
        ),
        (
            typed_next.plan("exchange-isolate", "b/EX1", ALL, out="-o.json", params={"day": "2026-01-01"}),
            "plan",
            {
                "playbook": "exchange-isolate",
                "selection": ["b/EX1"],
                "param": ["day=2026-01-01"],
                "inventory": FILES,
                "search": [Path("more")],
                "out": Path("-o.json"),
                "policy": [Path("p'x.yml")],
                "catalogue": Path("rows"),
                **STATE,
            },
        ),
        (typed_next.approve("p q.json", ALL), "approve", {"plan": Path("p q.json"), "key": Path(KEY), **POLICY}),
        (typed_next.apply("p q.json", ALL), "apply", {"plan": Path("p q.json"), **POLICY, **TO_CHANGE}),
        (typed_next.resume("r1", ALL), "resume", {"run": "r1", **POLICY, **TO_CHANGE}),
        (typed_next.rollback("r1", ALL), "rollback", {"run": "r1", **TO_CHANGE}),
    ],
)
def test_the_parser_takes_each_command_for_what_was_meant(
    command: str, name: str, given: dict[str, object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parsed(command) == (name, given)


def test_what_a_run_was_begun_with_is_in_its_journal_and_without_that_the_names_of_its_files() -> None:
    named = {"inventory": ("../alpha/hosts.yml",), "policy": ("p.yml",), "playbook": ("../mend.yml",)}
    assert typed_next.begun(replace(STARTED, named=named), "s") == Begun(
        ("../alpha/hosts.yml",), "s", policy="p.yml", playbook="../mend.yml"
    )
    assert typed_next.begun(STARTED, "") == Begun(("inventory.yml",))
