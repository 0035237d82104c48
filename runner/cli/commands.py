"""How every command takes its options: one that holds a single value is given once, never silently the last time."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_group
from typer.models import CommandFunctionType


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
    """A group of such commands."""

    def command(self, *args: Any, **kwargs: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """As Typer's."""
        return super().command(*args, cls=Command, **kwargs)


def loaded_late(module: str, summary: str) -> Commands:
    """A group whose module, and all that it imports, is loaded when one of its commands is asked for.

    Args:
        module: its name; it has the group's commands as `group`.
        summary: what the help of the program says of the group.
    """

    class Late(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            del self.commands  # the empty ones, which would stand before those below

        @cached_property
        def commands(self) -> Any:  # type: ignore[override]
            return get_group(importlib.import_module(module).group).commands

    return Commands(cls=Late, help=summary)
