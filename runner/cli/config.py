"""`exrun config`: which value each option has, and where it is from. Its schema: docs/reference/schemas/config.json."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel, ConfigDict, Field
from typer.core import TyperOption

from runner.cli.commands import Command, leaves_of
from runner.cli.defaults import FILE, Defaults, in_words, read
from runner.cli.help import parameters_of
from runner.cli.options import Format, FormatOption
from runner.cli.output import UsageError, emit, width
from runner.cli.values import takes_value
from runner.exit_status import ExitStatus
from runner.reports.folding import folded
from runner.terminal import visible

SCHEMA: Literal["exrun.config/1"] = "exrun.config/1"


SECRET = ("--notify",)  # what a variable may hold that is not to be shown


class From(StrEnum):
    """Where a value is from. What is typed comes before all of these; an environment's before the file's."""

    ENVIRONMENT = "environment"
    FILE = "file"
    BUILT_IN = "built-in"


class Setting(BaseModel):
    """One option of one command."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    command: str = Field(description="the words that call it, such as `journal verify`")
    option: str = Field(description="its long name, with dashes")
    value: str | None = Field(description="as it would be typed; null where there is none")
    source: From
    where: str | None = Field(description="the variable, or file:line; null for built-in")


class Configuration(BaseModel):
    """What holds in a folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    schema_: Literal["exrun.config/1"] = Field(alias="schema")
    file: str | None = Field(description="the exrun.toml that counts; null for none")
    options: tuple[Setting, ...]


def schema_text() -> str:
    """The schema as docs/reference/schemas/config.json has it."""
    schema = Configuration.model_json_schema(mode="serialization", by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def config(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND...", help="Of this command all options, such as audit, or journal verify."),
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Show which value each option has in this folder, and where it is from.

    What is typed comes first, then the variable EXRUN_..., then exrun.toml, then what is built in. exrun.toml is looked
    for in this folder and in those that it lies in, up to the one with .git, or up to your home folder; EXRUN_CONFIG
    names another file, and set to nothing none. Without COMMAND what is not built in, of all commands; as JSON always
    everything.

    \b
    Exit status: 0; 2 where exrun.toml is wrong or there is no such command.

    \b
    Examples:
      exrun config
      exrun config audit
      exrun config journal verify
      exrun config --format json
    """
    root: Any = context.find_root().command
    path = context.obj if isinstance(context.obj, Path) else None
    wanted = " ".join(command or ())
    leaves = [(words, leaf) for words, leaf in leaves_of(root) if f"{words} ".startswith(f"{wanted} ".lstrip())]
    if not leaves:
        raise UsageError(f"exrun has no command `{wanted}`", "See exrun --help.")
    defaults = Defaults(Path(FILE)) if path is None else read(path, root.commands)
    defaults.check_common(lambda: {each.opts[-1].lstrip("-") for _, leaf in leaves_of(root) for each in leaf.params})
    settings = [each for words, leaf in leaves for each in settings_of(words, leaf, defaults, os.environ)]
    if form is Format.JSON:
        found = Configuration(schema=SCHEMA, file=None if path is None else str(path), options=tuple(settings))
        emit(found.model_dump_json(by_alias=True, indent=2, ensure_ascii=True) + "\n")
        raise typer.Exit(ExitStatus.WELL)
    shown = settings if wanted else [each for each in settings if each.source is not From.BUILT_IN]
    emit("".join(f"{line}\n" for line in lines(path, shown, wanted)))
    raise typer.Exit(ExitStatus.WELL)


def settings_of(words: str, command: Command, defaults: Defaults, environment: Mapping[str, str]) -> Iterator[Setting]:
    """The options of a command.

    Raises:
        UsageError: the file has a key that it does not take.
    """
    _, options = parameters_of(command)
    entries = defaults.of(tuple(words.split()), options)
    for option in options:
        name = option.opts[-1]
        if text := environment.get(str(option.envvar)):
            if name in SECRET:
                text = "(not shown)"
            yield Setting(command=words, option=name, value=text, source=From.ENVIRONMENT, where=str(option.envvar))
        elif (entry := entries.get(name.lstrip("-"))) is not None:
            where = f"{defaults.path}:{entry.line}"
            yield Setting(command=words, option=name, value=in_words(entry.value), source=From.FILE, where=where)
        else:
            yield Setting(command=words, option=name, value=_built_in(option), source=From.BUILT_IN, where=None)


def _built_in(option: TyperOption) -> str | None:
    if isinstance(option.show_default, str):
        return option.show_default
    if option.default is None or option.default is ...:
        return None
    return in_words(option.default) if takes_value(option) else in_words(bool(option.default))


def lines(path: Path | None, settings: list[Setting], command: str) -> Iterator[str]:
    """For people: the file, then a line for each value, those of one command together."""
    found = visible(str(path)) if path is not None else f"none ({FILE} in this folder makes one)"
    yield f"File: {found}"
    if not settings:
        yield "Every option has what is built in; exrun config COMMAND shows what that is."
    for words in dict.fromkeys(each.command for each in settings):
        yield ""
        yield f"exrun {words}"
        of_command = [each for each in settings if each.command == words]
        column = max(len(each.option) for each in of_command)
        for each in of_command:
            value = "-" if each.value is None else visible(each.value)
            where = "" if each.where is None else f"  ({visible(each.where)})"
            yield from folded([f"  {each.option:<{column}}  {value}{where}"], width())
    if settings and not command:
        yield ""
        yield "All else is built in; exrun config COMMAND shows it."
