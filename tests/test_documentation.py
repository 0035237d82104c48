"""What users read is true: commands that are shown exist, links lead somewhere, the README's rows are the demo's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML
from typer.core import TyperGroup

from playbooks.catalogue.catalogue import AGED_DAYS, STALE_DAYS
from playbooks.findings import Verdict
from runner.cli.main import app
from runner.moves import Outcome
from runner.plan.records import Plan, Standing

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"^    (exrun [^-\n][^\n]*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
ROW = re.compile(r"^    ([a-z-]+) +(\w+/\w+)  +\S", re.MULTILINE)


def commands(page: Path) -> list[str]:
    """The `exrun ...` lines of a page's examples, without comments and without what follows a pipe or `>`."""
    return [re.split(r"\s+[#>|]|\s{3,}| ·", line)[0] for line in COMMAND.findall(page.read_text(encoding="utf-8"))]


def parse(line: str) -> None:
    """Parses a command line as the command would, up to where it would begin to act."""
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    name = "exrun"
    while isinstance(command, typer.core.TyperGroup) and words:
        name = words.pop(0)
        assert name in command.commands, f"{line}: there is no {name}"
        command = command.commands[name]
    command.make_context(name, words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_is_one_that_exrun_takes(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in commands(page):
        if not re.search(r"[A-Z]{4,}|\[", line.replace("EXRUN", "")):  # FILE, [SELECTION]: a form, not an example
            parse(line)


@pytest.mark.parametrize("line", ["exrun audits -i x.yml", "exrun audit -i x.yml --html", "exrun audit --no-such"])
def test_a_command_that_exrun_does_not_take_is_found(line: str) -> None:
    with pytest.raises((AssertionError, typer.TyperException)):
        parse(line)


def test_examples_are_found_where_they_stand() -> None:
    assert len(commands(ROOT / "README.md")) >= 5
    assert sum(len(commands(page)) for page in PAGES) >= 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_rows_of_the_readme_are_those_of_the_demo() -> None:
    expected = YAML(typ="safe", pure=True).load(ROOT / "runner" / "lab" / "demo" / "expected.yml")
    rows = ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(rows) == 6
    for verdict, server in rows:
        assert expected[server]["verdict"] == verdict


def test_every_verdict_has_a_row_that_says_what_it_promises_in_the_order_of_reports() -> None:
    page = (ROOT / "docs" / "explanation" / "verdicts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| \S.* \| .*\|$", page, re.MULTILINE)
    assert rows == [str(verdict) for verdict in Verdict]
    assert (f"up to {AGED_DAYS} days" in page, f"over {STALE_DAYS} days" in page) == (True, True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_target_of_make_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8") if page.name != "CHANGELOG.md" else ""  # which speaks of what was
    files = re.findall(r"`((?:runner|playbooks|inventory|texts|tests|docs|benchmarks|scripts)/[\w./-]+\w)`", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)
    assert [name for name in named if name not in targets] == []


def test_the_page_about_a_plan_has_a_row_for_each_standing_and_each_member() -> None:
    page = (ROOT / "docs" / "reference" / "plans.md").read_text(encoding="utf-8")
    rows = [set(re.findall(r"`([\w-]+)`", line)) for line in re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)]
    named = set().union(*rows)
    members = {member.name for member in fields(Plan)} - {"newer"}
    assert named == {str(each) for each in Standing} | members


def test_the_page_about_applying_a_plan_has_a_row_for_each_outcome() -> None:
    page = (ROOT / "docs" / "how-to" / "apply-a-plan.md").read_text(encoding="utf-8")
    rows = [set(re.findall(r"`([\w-]+)`", line)) for line in re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)]
    assert set().union(*rows) == {str(each) for each in Outcome}


def commands_of(group: TyperGroup, path: str = "exrun") -> Iterator[tuple[str, typer.core.TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands_of(command, f"{path} {name}")
        else:
            assert isinstance(command, typer.core.TyperCommand)
            yield f"{path} {name}", command


def test_the_reference_has_every_option_of_every_command_and_no_other() -> None:
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    wrong = []
    for name, command in commands_of(group):
        nested = re.search(rf"^### {name}\b", page, re.MULTILINE) is not None
        heading = " ".join(name.split()[:2]) if nested else name
        section = re.search(rf"^## {heading}\b.*\n((?:(?!^## ).*\n)*)", page, re.MULTILINE)
        if section is None:
            wrong.append(f"{name} has no section")
            continue
        known = {option for each in command.params for option in each.opts if option.startswith("--")}
        rows = set(re.findall(r"(--[a-z-]+)`", "\n".join(re.findall(r"^\| (`-[^|]*)", section[1], re.MULTILINE))))
        wrong += [f"{name} takes {option}" for option in known - set(re.findall(r"--[a-z-]+", section[1]))]
        wrong += [f"{name} does not take {option}" for option in rows - known]
    assert wrong == []
