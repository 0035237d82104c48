"""No message of ours names a command, an option or a value of one that exrun does not take.

Messages are all texts in the code (advice, errors, next steps, help) and in the tables, templates and files that ship
with it. docs and README are held by test_documentation.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
import typer

from runner.cli.main import app
from tests.test_documentation import parse

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("inventory", "playbooks", "runner", "texts")
DATA = (".csv", ".yml", ".j2", ".html")
# What follows `exrun` where it is the program that is spoken of, and no command of it.
SPOKEN_OF = frozenset(
    {"again", "and", "as", "asks", "can", "cannot", "does", "ends", "failed", "from", "has", "in", "is", "itself",
     "keeps", "knows", "may", "must", "needs", "of", "on", "or", "reaches", "read", "reads", "refuses", "runs", "says",
     "sends", "ships", "should", "signed", "signs", "takes", "that", "to", "uses", "was", "will", "works", "writes",
     "wrote"}
)  # fmt: skip
QUOTED = re.compile(r"`([^`]*)(?:`|$)")
NAMED = re.compile(r"(?<![\w./:-])exrun ([^\n`\"·;]*)")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+|(?<=\s)-[a-z](?=\s))(?:[ =]([\w.]+))?")
EXAMPLE = re.compile(r"^ *(exrun [^\n]+)$", re.MULTILINE)


def texts_of_code(source: str, *, of_help: bool) -> Iterator[str]:
    """Every text of a program, implicit joins and f-strings as one; `X` for what is filled in.

    Args:
        of_help: whether its docstrings are help that users read.
    """
    nodes = list(ast.walk(ast.parse(source)))
    apart = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    if not of_help:
        apart |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if id(node) not in apart:
                yield text
            case ast.JoinedStr(values=values):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in values)
            case _:
                pass


def messages() -> Iterator[tuple[str, str]]:
    """Where a text is from, and the text."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            where = str(path.relative_to(ROOT))
            if path.suffix == ".py":
                source = path.read_text(encoding="utf-8")
                yield from ((where, text) for text in texts_of_code(source, of_help="cli" in path.parts))
            elif path.suffix in DATA:
                yield from ((where, line) for line in path.read_text(encoding="utf-8").splitlines())


MESSAGES = [(where, text) for where, text in messages() if "exrun " in text or "--" in text]


def all_options(command: object) -> dict[str, list[object]]:
    """Every option of a command and of those below it, with what takes its value."""
    found: dict[str, list[object]] = {}
    for parameter in getattr(command, "params", []):
        for name in (*parameter.opts, *parameter.secondary_opts):
            found.setdefault(name, []).append(parameter.type_descriptor.annotation)
    for below in getattr(command, "commands", {}).values():
        for name, types in all_options(below).items():
            found.setdefault(name, []).extend(types)
    return found


TREE = typer.main.get_command(app)
OPTIONS = {**all_options(TREE), "--help": [], "-h": [], "--version": []}


def wrong(text: str) -> list[str]:
    """What a message names of exrun that there is not."""
    found = []
    for named in NAMED.findall(text):
        words = named.split()
        command: object = TREE
        for number, word in enumerate(words):
            plain = word.rstrip(".,:)'")
            below = getattr(command, "commands", {})
            if plain in below:
                command = below[plain]
            elif below and plain.isalpha() and plain.islower() and (number or plain not in SPOKEN_OF):
                found.append(f"there is no `exrun {' '.join((*words[:number], plain))}`")
                break
            else:
                break
        sentence = re.split(r"[.:] ", named)[0]
        if command is not TREE:
            found += wrong_options(f" {sentence} ", all_options(command) | {"--help": [], "-h": []})
    return found + wrong_options(QUOTED.sub(ours, text), OPTIONS, long_only=True)


def ours(quoted: re.Match[str]) -> str:
    """What stands in backticks, unless it is a command of another program."""
    return f" {quoted[1]} " if quoted[1].startswith(("exrun ", "-")) else ""


def wrong_options(text: str, options: dict[str, list[object]], *, long_only: bool = False) -> list[str]:
    found = []
    for name, value in OPTION.findall(text):
        if long_only and not name.startswith("--"):
            continue
        if name not in options:
            found.append(f"there is no option {name}")
        kinds = options.get(name, [])
        choices = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
        known = {str(member.value) for kind in choices for member in kind}
        if value and choices and len(choices) == len(kinds) and value not in known:
            found.append(f"{name} does not take {value}")
    return found


def test_every_command_and_option_that_a_message_names_is_there() -> None:
    found = [(where, text.strip()[:90], each) for where, text in MESSAGES for each in wrong(text)]
    assert found == []


def test_messages_are_found_where_they_stand() -> None:
    named = [(where, text) for where, text in MESSAGES if NAMED.search(text)]
    assert len(named) > 40
    assert any(where == "playbooks/lint/lacking.csv" for where, _ in named)
    assert any("exrun journal verify" in text for _, text in named)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("emit objects: exrun report RUN -f pdf writes the file on the controller", "-f does not take pdf"),
        ("reaches another host: exrun healer does that", "there is no `exrun healer`"),
        ("see `exrun journal verfy FILE`", "there is no `exrun journal verfy`"),
        ("exrun lab demo --engine pwsh, or exrun lab CA", None),
        ("run exrun audit --htlm x.html", "there is no option --htlm"),
        ("give it with --inventry", "there is no option --inventry"),
        ("exrun report last -f html -o report.html writes it", None),
        ("exrun works on many servers at once", None),
        (
            "have Ansible write it (`ansible-inventory --list --yaml`), then give --params",
            "there is no option --params",
        ),
        ("the catalogue that `--state` and `--search` mean", None),
        ("the catalogue that `--state` and `--serach` mean", "there is no option --serach"),
        ("have Ansible write it (`ansible-inventory --list --yaml`), then `exrun inventory import X`", None),
    ],
)
def test_what_is_not_there_is_seen(text: str, says: str | None) -> None:
    assert (says in wrong(text)) if says else wrong(text) == []


def examples() -> list[str]:
    """The lines of help that begin with exrun."""
    help_texts = [text for where, text in MESSAGES if where.startswith("runner/cli/") and "Examples:" in text]
    found = [line for text in help_texts for line in EXAMPLE.findall(text.partition("Examples:")[2])]
    return sorted({re.split(r"\s+[#>|]|\s{3,}| ·", line.strip())[0] for line in found})


@pytest.mark.parametrize("line", [line for line in examples() if not re.search(r"[A-Z]{4,}|\[", line)])
def test_every_example_of_help_is_a_command_that_exrun_takes(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parse(line)
