"""`exrun schema`: what the readers of files take, the published schemas take."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.main import get_command

from inventory.sources.native import read_native
from playbooks.cases import RULES, read_cases
from playbooks.documents import read_contract, read_playbook
from runner.approval.policy import read_policy
from runner.cli.commands import leaves_of
from runner.cli.defaults import ALL, read, refusal
from runner.cli.defaults_schema import defaults_schema
from runner.cli.help import parameters_of
from runner.cli.main import app, main
from runner.cli.output import UsageError
from runner.cli.page_files import brand_of
from runner.cli.schema import WHAT, FileKind, schema_text
from runner.lab.fleet_file import load_fleet, read_state
from texts.problems import Location
from texts.yaml_tree import plain, read_tree

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT / "docs" / "reference" / "schemas"
COMMAND: Any = get_command(app)
LEAVES = {words: command for words, command in leaves_of(COMMAND) if words}
DEFAULTS = Draft202012Validator(defaults_schema(COMMAND))


@pytest.mark.parametrize("kind", list(FileKind))
def test_a_schema_is_printed_as_it_is_published(kind: FileKind, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", kind.value]) == 0
    printed = capsys.readouterr().out
    published = (PUBLISHED / f"{kind}.json").read_text(encoding="utf-8")
    assert printed == published, f"renew it: .venv/bin/exrun schema {kind} > docs/reference/schemas/{kind}.json"
    Draft202012Validator.check_schema(json.loads(printed))


def test_every_kind_is_listed_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    out = capsys.readouterr().out
    assert set(WHAT) == set(FileKind)
    assert [line.split()[0] for line in out.split("\n\n")[0].splitlines()] == [str(kind) for kind in FileKind]
    assert max(map(len, out.splitlines())) <= 80


@cache
def validator(kind: FileKind) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text(kind, COMMAND)))


def refused_by(kind: FileKind, document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(kind).iter_errors(document)]


def read_defaults(path: Path) -> None:
    """All that exrun.toml says, as the commands that it is for would read it."""
    defaults = read(path, COMMAND.commands)
    defaults.check_common(lambda: KEYS)
    for words, leaf in LEAVES.items():
        defaults.of(tuple(words.split()), parameters_of(leaf)[1])


LOADERS: dict[FileKind, Callable[[Path], object]] = {
    FileKind.INVENTORY: lambda path: read_native(path.read_bytes(), file=path.name, folder=path.parent),
    FileKind.PLAYBOOK: lambda path: read_playbook(path.read_bytes(), path.name),
    FileKind.ACTION: lambda path: read_contract(path.read_bytes(), path.name),
    FileKind.CASES: lambda path: read_cases(path, path.name),
    FileKind.POLICY: lambda path: read_policy(path.read_bytes(), path.name, local=lambda day: day.replace(tzinfo=UTC)),
    FileKind.BRAND: brand_of,
    FileKind.EXRUN_TOML: read_defaults,
    FileKind.LAB_FLEET: load_fleet,
    FileKind.LAB_STATE: lambda path: read_state(path, Location(path.name)),
}


def takes(kind: FileKind, path: Path) -> bool:
    try:
        LOADERS[kind](path)
    except (ValueError, UsageError):
        return False
    return True


def document_of(kind: FileKind, path: Path) -> object:
    """What an editor sees: values by the core schema of YAML 1.2, also where exrun reads each as text."""
    if kind is FileKind.EXRUN_TOML:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    return seen(path.read_bytes())


def seen(data: bytes) -> object:
    tree = read_tree(data, "f", RULES, [])
    return None if tree is None else plain(tree)


@pytest.mark.parametrize(
    ("kind", "text", "wrong"),
    [
        (FileKind.INVENTORY, {"exrun": "inventory/1", "clients": {"a": {"hosts": {"EX1": {"adress": "x"}}}}}, "adress"),
        (FileKind.POLICY, {"client": "alpha", "aprovers": []}, "aprovers"),
        (FileKind.EXRUN_TOML, {"audit": {"timeuot": 3}}, "timeuot"),
        (FileKind.EXRUN_TOML, {"audit": {"allow-cleartext": True}}, "allow-cleartext"),
        (FileKind.EXRUN_TOML, {"audit": {"format": "jsno"}}, "jsno"),
    ],
)
def test_what_is_misspelt_is_named_by_the_schema(kind: FileKind, text: object, wrong: str) -> None:
    assert any(wrong in each for each in refused_by(kind, text))


def written(document: dict[str, dict[str, Any]]) -> str:
    lines = []
    for words, table in document.items():
        lines.append("[" + ".".join(words.split()) + "]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


KEYS = sorted({each.opts[-1].lstrip("-") for command in LEAVES.values() for each in parameters_of(command)[1]})
SCALARS = st.one_of(st.sampled_from(["text", "json", "EX1", "a b", "12"]), st.integers(-5, 99), st.booleans())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    st.sampled_from([ALL, *LEAVES]),
    st.dictionaries(st.sampled_from([*KEYS, "timeuot"]), VALUES, min_size=1, max_size=3),
)
def test_keys_and_lists_that_a_schema_refuses_in_exrun_toml_the_reader_refuses(
    tmp_path: Path, words: str, table: dict[str, Any]
) -> None:
    path = tmp_path / "exrun.toml"
    path.write_text(written({words: table}), encoding="utf-8")
    errors = list(DEFAULTS.iter_errors(tomllib.loads(path.read_text("utf-8"))))
    if not errors:
        return
    places = [(words, LEAVES[words])] if words != ALL else list(LEAVES.items())
    try:
        defaults = read(path, COMMAND.commands)
        defaults.check_common(lambda: KEYS)
        given = [(place, defaults.of(tuple(place.split()), parameters_of(leaf)[1])) for place, leaf in places]
    except UsageError:
        return
    # Only a word that is no choice is left to the parser of options.
    for place, values in given:
        for name, entry in values.items():
            choices = {
                choice
                for option in parameters_of(LEAVES[place])[1]
                if option.opts[-1].lstrip("-") == name
                for choice in _choices(option)
            }
            if (
                choices
                and not set(map(str, entry.value if isinstance(entry.value, list) else [entry.value])) <= choices
            ):
                return
    raise AssertionError([error.message for error in errors])


def _choices(option: Any) -> tuple[str, ...]:
    from runner.cli.values import choices_of

    return choices_of(option)


def test_no_option_that_is_refused_in_a_file_is_offered_in_it() -> None:
    offered = {key for table in DEFAULTS.schema["properties"].values() for key in table["properties"]}
    assert [key for key in offered if refusal(key) is not None] == []
