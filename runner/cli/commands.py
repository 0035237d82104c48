"""How every command takes its options: one that holds a single value is given once, never silently the last time."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command, get_group
from typer.models import CommandFunctionType

DEBUG = "EXRUN_DEBUG"  # the variable of --debug


class Command(TyperCommand):
    """A command that refuses a second value for what holds one, and takes one value a line from the variable of what
    holds several (paths as PATH divides them)."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """See above.

        Raises:
            typer.BadParameter: an option stands twice.
        """
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        times = Counter(param.name for param in order if isinstance(param, TyperOption) and not param.is_flag)
        for param in self.params:
            if isinstance(param, TyperOption) and not param.multiple and times[param.name] > 1:
                raise typer.BadParameter(
                    "is given more than once and holds one value; give it once",
                    ctx=ctx,
                    param_hint=f"'{param.opts[-1]}'",
                )
        rest = super().parse_args(ctx, args)
        for param in self.params:
            if of_environment(ctx, param.name) and _holds_texts(param):
                text = os.environ[str(param.envvar)]
                ctx.params[param.name] = [line.strip() for line in text.splitlines() if line.strip()] or [text]
        return rest


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
        super().__init__(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **settings)

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

    class Late(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.commands = _Shelf({name: module for name, (module, _) in modules.items()})  # type: ignore[assignment]

        def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
            with formatter.section("Commands"):
                formatter.write_dl([(name, summary) for name, (_, summary) in modules.items()])

    return Late
