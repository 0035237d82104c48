"""Every `broken/*.case` breaks a good playbook and its action, and says exactly what loading answers.

A case has sections: `=== file PATH` replaces or adds a file, `=== in PATH` replaces in one, a line `- old` and a line
`+ new` each (`\\n` is a line end), `=== param` gives parameters as on the command line, `=== error` is the answer.
Where a line of it ends in ` ...`, the rest is the linter's wording, which tests/playbooks/lint holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Catalogue
from playbooks.checking import check
from playbooks.documents import read_contract, read_playbook
from playbooks.errors import DocumentError, PlaybookError
from playbooks.loading import load_playbook
from tests.playbooks.test_loading import COLLECT, CONTRACT, PLAYBOOK

CATALOGUE = Catalogue.load().on(date(2026, 4, 2))
CASES = sorted((Path(__file__).parent / "broken").glob("*.case"))
SECTION = re.compile(r"^=== (file|in|param|error)(?: (\S+))?\n", re.MULTILINE)
GOOD = {
    "mine.yml": PLAYBOOK,
    "actions/my/smb/action.yml": CONTRACT,
    "actions/my/smb/collect.ps1.j2": COLLECT,
}


def parsed(case: Path) -> tuple[dict[str, str], dict[str, str], str]:
    """The files, the parameters and the error of a case."""
    files, params, error = dict(GOOD), {}, ""
    parts = SECTION.split(case.read_text(encoding="utf-8"))
    assert parts[0] == ""
    for kind, path, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        match kind:
            case "file":
                files[path] = body
            case "in":
                lines = body.splitlines()
                assert len(lines) % 2 == 0
                for old, new in zip(lines[::2], lines[1::2], strict=True):
                    assert old.startswith("- ")
                    assert new.startswith("+ ")
                    before = old[2:].replace("\\n", "\n")
                    assert files[path].count(before) == 1, f"{case.name}: {before!r}"
                    files[path] = files[path].replace(before, new[2:].replace("\\n", "\n"))
            case "param":
                params.update(line.split("=", 1) for line in body.splitlines())  # type: ignore[arg-type]
            case _:
                error = body.rstrip("\n")
    return files, params, error


def written(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def assert_says(answer: str, expected: str) -> None:
    said, lines = answer.splitlines(), expected.splitlines()
    cut = [
        line[: len(wanted) - 3] + "..." if wanted.endswith(" ...") else line
        for line, wanted in zip(said, lines, strict=False)
    ]
    assert cut + said[len(cut) :] == lines


def test_there_are_enough_broken_playbooks_and_actions() -> None:
    assert len(CASES) >= 45


def test_what_the_cases_break_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(GOOD, tmp_path)
    monkeypatch.chdir(tmp_path)
    load_playbook("mine.yml", {}, CATALOGUE)
    assert check(Path(), CATALOGUE) == ()


def test_lint_needs_no_values_for_parameters_that_must_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = (
        PLAYBOOK.replace(", default: SMB1", "")
        .replace("my.smb", "exchange.patch")
        .replace('name: "{{', 'campaign: "{{')
    )
    written(GOOD | {"mine.yml": asks}, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert check(Path("mine.yml"), CATALOGUE) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_broken_playbook_or_action_is_refused_with_exactly_its_error(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, params, error = parsed(case)
    written(files, tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlaybookError) as caught:
        load_playbook("mine.yml", params, CATALOGUE)
    assert_says(str(caught.value), error)


WITHOUT_COMMAND_LINE = [case for case in CASES if not parsed(case)[1] and "--param" not in parsed(case)[2]]


@pytest.mark.parametrize("case", WITHOUT_COMMAND_LINE, ids=lambda path: path.stem)
def test_lint_refuses_what_loading_refuses(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, _, error = parsed(case)
    written(files, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert_says("\n".join(str(problem) for problem in check(Path("mine.yml"), CATALOGUE)), error)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"name: mine\n# M\xfcnchen\n", "p.yml:2:4: is not UTF-8; save the file as UTF-8"),
        (
            b"name: mine\ntitle: \x07\n",
            "p.yml:2:8: a control character; remove it; YAML allows printable characters only",
        ),
        (b"#" * (1024 * 1024 + 1), "p.yml:1:1: is larger than 1 MiB; is this the right file?"),
    ],
    ids=["latin-1", "bell", "too-large"],
)
def test_bytes_that_are_no_text_for_yaml_are_refused_with_their_place(data: bytes, expected: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_playbook(data, "p.yml")
    assert str(caught.value) == expected


SPLITTERS = [
    "\n",
    "\n  ",
    "\n    - ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "- ",
    "? ",
    "~",
    "#",
    "'",
    '"',
    "\\",
    "\t",
    "\x85",
]
INDICATORS = ["&a ", "*a ", "!x ", "<<", "|\n", ">\n", "%TAG ! x\n", "---\n", "...\n"]
WORDS = [
    "name",
    "title",
    "steps:",
    "id",
    "action",
    "with",
    "when",
    "params",
    "default",
    "1",
    "true",
    "null",
    "1.5",
    "a",
]
YAMLISH = st.lists(st.sampled_from([*SPLITTERS, *INDICATORS, *WORDS]), max_size=30).map("".join)


def problems_of(data: bytes, read: Callable[[bytes, str], object]) -> list[str]:
    try:
        read(data, "f")
    except DocumentError as error:
        return [str(problem) for problem in error.problems] or ["an error without a problem"]
    return []


@settings(max_examples=150, deadline=None)
@given(YAMLISH)
@example('"\\U00110000"')
@example("name: 1e999\n")
def test_whatever_stands_in_a_file_is_read_or_gives_problems_with_their_places(text: str) -> None:
    for read, good in ((read_playbook, PLAYBOOK), (read_contract, CONTRACT)):
        for whole in (text, good + text):
            assert all(re.match(r"f:\d+:\d+: \S", problem) for problem in problems_of(whole.encode(), read))
