"""The JSON Schema (2020-12) of exrun.toml, made of the very options that defaults.py holds its keys to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from typer.core import TyperOption

from runner.cli.commands import leaves_of
from runner.cli.defaults import ALL, refusal
from runner.cli.help import parameters_of
from runner.cli.values import choices_of, holds_several
from texts import schemas

# Whatever an option holds may stand there as text, for its parser reads it. A day of TOML is a text to an editor.
_SCALAR = ["boolean", "number", "string"]


def defaults_schema(root: Any) -> dict[str, Any]:
    """The schema of a file of defaults.

    Args:
        root: the program's own command, with all others below it.
    """
    tables: dict[str, Any] = {}
    shared: dict[str, list[TyperOption]] = {}
    for path, command in leaves_of(root):
        _, options = parameters_of(command)
        for option in options:
            shared.setdefault(_name(option), []).append(option)
        *groups, name = path.split()
        below = tables
        for group in groups:
            below = below.setdefault(group, _table({}))["properties"]
        below[name] = _table({_name(each): _one(each) for each in options if refusal(_name(each)) is None})
    common = {name: _of_several(held) for name, held in shared.items() if refusal(name) is None}
    return {
        **schemas.head("exrun-toml"),
        "title": "exrun.toml",
        "description": "Defaults of options, of one folder.",
        **_table({ALL: {**_table(common), "description": "For every command that takes the option."}, **tables}),
    }


def schema_text(root: Any) -> str:
    """`defaults_schema` as the bytes that are published."""
    return schemas.text_of(defaults_schema(root))


def _table(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def _name(option: TyperOption) -> str:
    return option.opts[-1].lstrip("-")


def _one(option: TyperOption) -> dict[str, Any]:
    """What stands behind a key: one value, or also a list of them where the option may be repeated."""
    choices = choices_of(option)
    value: dict[str, Any] = {"enum": list(choices)} if choices else {"type": _SCALAR}
    if holds_several(option):
        value = {"anyOf": [value, {"type": "array", "items": value}]}
    return {**value, **({"description": option.help} if option.help else {})}


def _of_several(options: Iterable[TyperOption]) -> dict[str, Any]:
    """A key of [common]: what any command takes of it, for each command takes its own meaning."""
    distinct: list[dict[str, Any]] = []
    for option in options:
        if (one := _one(option)) not in distinct:
            distinct.append(one)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
