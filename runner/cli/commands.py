"""How every command takes its options: one that holds a single value is given once, never silently the last time."""

from __future__ import annotations

import importlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command, get_group
from typer.models import CommandFunctionType

if TYPE_CHECKING:
    from runner.cli.help import Row


LINES = "runner.cli.lines"  # of what a file of defaults gave, in the meta of a context: on which line each stands


class Command(TyperCommand):
    """A command that refuses a second value for what holds one, and takes one value a line from the variable of what
    holds several (paths as PATH divides them)."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """See above.

        Raises:
            typer.BadParameter: an option stands twice.
            UsageError: there are more arguments than it takes.
        """
        try:
            _, beyond, order = self.make_parser(ctx).parse_args(args=list(args))
        except typer.TyperException as error:
            if getattr(error, "ctx", None) is None:  # not every error of the parser says of which command it is
                error.ctx = ctx  # type: ignore[attr-defined]
            raise
        times = Counter(param.name for param in order if isinstance(param, TyperOption) and not param.is_flag)
        for param in self.params:
            if isinstance(param, TyperOption) and not param.multiple and times[param.name] > 1:
                raise typer.BadParameter(
                    "is given more than once and holds one value; give it once",
                    ctx=ctx,
                    param_hint=f"'{param.opts[-1]}'",
                )
        if beyond and not ctx.resilient_parsing:
            raise _too_many(self, ctx.command_path, beyond)
        if isinstance(ctx.obj, Path) and not ctx.resilient_parsing:
            ctx.default_map = _given_by_file(self, ctx, ctx.obj)
        rest = super().parse_args(ctx, args)
        if used := _used_of_file(self, ctx):
            from runner.cli.defaults import shown
            from runner.cli.output import tell

            tell(f"{ctx.obj}: {shown(used)}")
        for param in self.params:
            if of_environment(ctx, param.name) and _holds_texts(param):
                text = os.environ[str(param.envvar)]
                ctx.params[param.name] = [line.strip() for line in text.splitlines() if line.strip()] or [text]
        return rest

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        """At the width of the terminal."""
        from runner.cli.help import help_lines

        return "\n".join(help_lines(self, ctx.command_path, terminal_columns()))


def _given_by_file(command: Command, ctx: typer.Context, path: Path) -> dict[str, Any]:
    """What a file of defaults has for a command, by its parameters' names: the parser's own third source.

    Raises:
        UsageError: the file is wrong.
    """
    from runner.cli.defaults import read
    from runner.cli.help import parameters_of

    _, *words = ctx.command_path.split()
    _, options = parameters_of(command)
    root = ctx.find_root().command
    defaults = read(path, getattr(root, "commands", ()))
    defaults.check_common(lambda: {each.opts[-1].lstrip("-") for _, leaf in leaves_of(root) for each in leaf.params})
    entries = defaults.of(tuple(words), options)
    named = {option.name: entries[long] for option in options if (long := option.opts[-1].lstrip("-")) in entries}
    ctx.meta[LINES] = {name: entry.line for name, entry in named.items()}
    return {name: entry.value for name, entry in named.items()}


def leaves_of(command: Any, path: str = "") -> Iterator[tuple[str, Command]]:
    """Every command below one that does something itself, with the words that call it. Loads them all."""
    if isinstance(command, Command):
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves_of(inner, f"{path} {name}".strip())


def _used_of_file(command: Command, ctx: typer.Context) -> dict[str, Any]:
    """What of it holds, by the long names of options: what is neither typed nor in a variable."""
    sources = {each.name: ctx.get_parameter_source(each.name) for each in command.params}
    return {
        each.opts[-1].lstrip("-"): ctx.params[each.name]
        for each in command.params
        if (source := sources[each.name]) is not None and source.name == "DEFAULT_MAP"
    }


def of_file(ctx: typer.Context) -> dict[str, str]:
    """What of a command's options is from a file of defaults and belongs into the journal of its run."""
    command = ctx.command
    if not isinstance(ctx.obj, Path) or not isinstance(command, Command):
        return {}
    from runner.cli.defaults import recorded

    return recorded(_used_of_file(command, ctx))


def terminal_columns() -> int:
    """Those that help is laid out for: of the terminal, else `COLUMNS`, else 80."""
    return shutil.get_terminal_size().columns


def _too_many(command: Command, path: str, beyond: list[str]) -> Exception:
    """For arguments that nothing takes."""
    from runner.cli.help import parameters_of
    from runner.cli.output import UsageError  # only where one is wrong
    from runner.cli.values import word_of

    arguments, _ = parameters_of(command)
    takes = "no argument" if not arguments else f"{' and '.join(word_of(each) for each in arguments)} alone"
    named = " and ".join(f"`{each}`" for each in beyond)
    return UsageError(
        f"{path} takes {takes}: {named} {'is' if len(beyond) == 1 else 'are'} too many",
        f"Leave {'it' if len(beyond) == 1 else 'them'} out; what has a space in it needs quotes. See {path} --help.",
    )


class Group(TyperGroup):
    """A command that has commands. One that it does not have is an error that names the near one."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        """With its commands; see `headed`."""
        from runner.cli.help import help_lines

        return "\n".join(help_lines(self, ctx.command_path, terminal_columns(), self.headed()))

    def headed(self) -> list[tuple[str, list[Row]]]:
        """Its commands under headings, with the first sentence of each."""
        from runner.cli.help import Row, summary_of

        shown = [(name, each) for name, each in self.commands.items() if not each.hidden]
        return [("Commands", [Row(name, summary_of(each)) for name, each in shown])]  # type: ignore[arg-type]

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """As Typer's. Without any word it is its help that is asked for.

        Raises:
            typer.Exit: no command is named.
        """
        if not args and not ctx.resilient_parsing:
            typer.echo(self.get_help(ctx))
            raise typer.Exit(0)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:  # type: ignore[override]
        """As Typer's.

        Raises:
            UsageError: there is no such command.
        """
        if args[0] not in self.commands and not ctx.resilient_parsing:
            from runner.cli.output import UsageError
            from texts.spelling import nearest  # with difflib

            near = nearest(args[0], list(self.commands))
            see = f"see {ctx.command_path} --help."
            raise UsageError(
                f"{ctx.command_path} has no command `{args[0]}`",
                f"Write {ctx.command_path} {near}, or {see}" if near else f"S{see[1:]}",
            )
        return super().resolve_command(ctx, args)


def of_environment(ctx: typer.Context, name: str) -> bool:
    """Whether a parameter has its value from its variable, and none was typed."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "ENVIRONMENT"


def _holds_texts(param: Any) -> bool:
    annotation = param.type_descriptor.annotation
    return get_origin(annotation) is list and get_args(annotation) == (str,)


class Commands(typer.Typer):
    """A group of such commands. Help is plain text, and errors are `main`'s to word."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **{"cls": Group, **settings}
        )

    def command(self, *args: Any, **kwargs: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """As Typer's."""
        return super().command(*args, cls=Command, **kwargs)


class _Shelf(Mapping[str, Any]):
    """Commands by name; each, and all that it imports, is loaded when it is asked for."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(self._modules[name], name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def _load(module: str, name: str) -> Any:
    """The command of a module: its `group`, or its function of this name."""
    loaded = importlib.import_module(module)
    group = getattr(loaded, "group", None)
    if group is None:
        group = Commands()
        group.command(name)(getattr(loaded, name))
        return get_command(group)
    command = get_group(group)
    command.name = name
    return command


def loaded_late(modules: Mapping[str, tuple[str, str]]) -> type[TyperGroup]:
    """The group of these commands. Its help, and any one command, loads none of the others.

    Args:
        modules: by name of the command, its module and what the help of the group says of it.
    """

    class Late(Group):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.commands = _Shelf({name: module for name, (module, _) in modules.items()})  # type: ignore[assignment]

        def headed(self) -> list[tuple[str, list[Row]]]:
            from runner.cli.help import GROUPS, Row

            grouped = {name for _, names in GROUPS for name in names}
            among = [*GROUPS, ("More", tuple(name for name in modules if name not in grouped))]
            shown = [
                (heading, [Row(name, modules[name][1]) for name in names if name in modules])
                for heading, names in among
            ]
            return [(heading, rows) for heading, rows in shown if rows]

    return Late
