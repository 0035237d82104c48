"""Whatever advice says to write passes: each piece of advice with code in it has a script that follows it."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from playbooks.lint import lint, unlockable
from playbooks.lint.commands import commands_of_changes
from playbooks.lint.locked import FUNCTIONS as MODULES

HERE = Path(__file__).parent
LINT = HERE.parents[2] / "playbooks" / "lint"
FOLLOWED: dict[str, str] = YAML(typ="safe").load(HERE / "advice.yml")
OF_CHANGES: dict[str, str] = YAML(typ="safe").load(HERE / "changes_advice.yml")  # test_changes.py lints them
# The tables and functions that advice is taken from where it is not written at the refusal itself.
TABLES = {"_INSTEAD", "_STATIC_INSTEAD", "_CLASS", "_ADVICE", "_LOCAL", "_LEAVE", "_OF_THIS_SERVER"}
TABLES |= {"_WRITTEN_OUT", "_ONE_PLACE", "_OF_CHANGES", "_NETSH", "_ARGUMENTS"}  # of changes
FUNCTIONS = {"_instead", "_written"}
# Where advice names a thing to write: a command, a parameter or an operator, a type's member, a method, a property.
PIECE = re.compile(
    r"\b[A-Z][A-Za-z]+-[A-Z]\w+|(?<![\w-])-[A-Za-z]\w+|\[[\w.]+\](?:::\w+)?|\.[A-Z]\w+\(?|\$env:\w+|\$\w+|@[{(]"
)
# Names that stand for any.
ANY = {"Verb-Noun", "Get-Something", "-Name", "[Type]::Member", "$name", "$value", "$list", "$text", "$path", "$table"}


def parts(node: ast.AST) -> Iterator[str]:
    """The texts that an expression may be, `X` for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in values)
        case ast.BinOp(left=left, right=right):
            for one in [*parts(left)] or [""]:
                yield from (one + other for other in parts(right))
        case ast.Name():
            pass  # a table's, which is read as a whole
        case _:
            for child in ast.iter_child_nodes(node):
                yield from parts(child)


def of_code(source: str) -> Iterator[str]:
    """Every advice of a module of the linter."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="Refusal"), args=[_, _, _, instead, *_]):
                yield from parts(instead)
            case ast.Call(func=ast.Attribute(attr="refuse"), args=[_, _, instead, *_]):
                yield from parts(instead)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(values=values)) if name in TABLES:
                for value in values:
                    yield from parts(value.args[1] if isinstance(value, ast.Call) else value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in TABLES:
                yield from parts(value)
            case ast.FunctionDef(name=name) if name in FUNCTIONS:
                for below in ast.walk(node):
                    if isinstance(below, ast.Return) and below.value is not None:
                        yield from parts(below.value)
            case _:
                pass


def all_advice() -> list[str]:
    found = [
        text
        for path in sorted(LINT.rglob("*.py"))
        if "dialect" not in path.parts
        for text in of_code(path.read_text(encoding="utf-8"))
    ]
    with (LINT / "lacking.csv").open(encoding="utf-8") as lines:
        found += [row["instead"] for row in csv.DictReader(lines)]
    return list(dict.fromkeys(found))


def pieces(text: str) -> set[str]:
    """What a piece of advice says to write."""
    return {piece for piece in PIECE.findall(text) if piece not in ANY}


ADVICE = all_advice()
WITH_CODE = [text for text in ADVICE if pieces(text)]


def test_advice_is_found_where_it_stands() -> None:
    assert len(ADVICE) > 120
    assert len(WITH_CODE) > 60


def test_every_advice_with_code_in_it_has_a_script_that_follows_it() -> None:
    assert [text for text in WITH_CODE if text not in FOLLOWED | OF_CHANGES] == []
    assert [text for text in FOLLOWED | OF_CHANGES if text not in WITH_CODE] == []


@pytest.mark.parametrize("text", FOLLOWED)
def test_the_script_that_follows_advice_passes_and_has_all_that_it_names(text: str) -> None:
    script = FOLLOWED[text]
    assert [str(problem) for problem in lint(script, source="x.ps1")] == []
    assert [str(problem) for problem in unlockable(script, MODULES.values(), source="x.ps1")] == []
    missing = [piece for piece in pieces(text) if piece.lower() not in script.lower()]
    assert missing == []


@pytest.mark.parametrize("text", OF_CHANGES)
def test_the_change_that_follows_advice_has_all_that_it_names(text: str) -> None:
    assert [piece for piece in pieces(text) if piece.lower() not in OF_CHANGES[text].lower()] == []


def test_every_command_that_advice_names_is_allowed() -> None:
    named = {piece for text in ADVICE for piece in pieces(text) if re.fullmatch(r"[A-Z][A-Za-z]+-[A-Z]\w+", piece)}
    assert {name for name in named if name.lower() not in commands_of_changes()} == set()
