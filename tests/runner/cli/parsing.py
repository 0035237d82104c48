"""A command as its real parser takes it, without running it."""

from __future__ import annotations

import shlex
from typing import Any

from typer.main import get_command

from runner.cli.main import app


def parsed(command: str) -> tuple[str, dict[str, Any]]:
    """The words of the command, such as `journal verify`, and what it is given beyond what every command is.

    Raises:
        TyperException: the parser does not take it.
    """
    program, *rest = shlex.split(command)
    assert program == "exrun"
    current: Any = get_command(app)
    context = current.context_class(current, info_name=program)
    names: list[str] = []
    while hasattr(current, "commands"):
        names.append(rest.pop(0))
        current = current.get_command(context, names[-1])
    context = current.make_context(names[-1], rest, parent=context)
    typed = {
        name: value for name, value in context.params.items() if context.get_parameter_source(name).name != "DEFAULT"
    }
    return " ".join(names), typed
