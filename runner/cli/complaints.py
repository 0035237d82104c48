"""What is wrong with how a command was typed, in our words: what, where, and what to write instead.

The parser's exceptions are told apart by what they carry; their own sentences are kept only where it gives us none.
"""

from __future__ import annotations

from typing import Any

import typer

from runner.cli.commands import LINES
from runner.cli.values import choices_of, word_of
from texts.spelling import nearest


def complaint(error: typer.TyperException) -> tuple[str, str]:
    """What is wrong, and what to do."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "exrun"
    see = f"See {path} --help."
    option, parameter = getattr(error, "option_name", None), getattr(error, "param", None)
    match type(error).__name__:
        case "NoSuchOption":
            known = [name for each in context.command.params for name in each.opts] if context is not None else []
            if context is not None and any(option in each.opts for each in context.find_root().command.params):
                return f"{option} stands before the command", f"Write exrun {option} {path.partition(' ')[2]} ..."
            near = nearest(str(option), [*known, "--help"])
            return f"{path} has no option {option}", f"Write {near}, or see {path} --help." if near else see
        case "MissingParameter" if parameter is not None:
            word = word_of(parameter)
            name = f"{parameter.opts[-1]} {word}" if parameter.param_type_name == "option" else word
            return f"{path} needs {name}: {_lowered(parameter.help or 'see its help')}", see
        case "BadOptionUsage" if "requires" in str(error):
            known = context.command.params if context is not None else []
            word = next((f": {word_of(each)}" for each in known if option in each.opts), "")
            return f"{option} of {path} needs a value{word}", see
        case "BadOptionUsage":
            return f"{option} of {path} takes no value", f"Write {option} alone."
        case "BadParameter":
            return _refused(error, context, parameter), see
        case "UsageError" if str(error) == "Missing command.":
            return f"{path} needs a command", see
        case _:
            return " ".join(error.format_message().split()), see


def _refused(error: Any, context: Any, parameter: Any) -> str:
    """A value that a parameter does not take: where it is from, and what is wrong with it."""
    hint = error.param_hint if isinstance(error.param_hint, str) else None
    name = hint.strip("'") if hint else None
    if parameter is not None:
        name = parameter.opts[-1] if parameter.param_type_name == "option" else word_of(parameter)
        source = context.get_parameter_source(parameter.name) if context is not None else None
        if source is not None and source.name == "ENVIRONMENT":
            name = f"{parameter.envvar}, the variable of {name}"
        elif source is not None and source.name == "DEFAULT_MAP":
            name = f"{context.obj}:{context.meta[LINES][parameter.name]}: {name}"
    wrong = _wrong(error, parameter)
    return f"{name}: {wrong}" if name else wrong


def _wrong(error: Any, parameter: Any) -> str:
    """What the reader of types says, with the value that it says it of."""
    found = getattr(error.__cause__, "errors", None)
    if found is None:
        return str(error.message).strip().removesuffix(".")
    first = found(include_url=False)[0]
    value, limits = f"`{first.get('input')}`", first.get("ctx", {})
    match str(first["type"]):
        case "int_parsing" | "int_from_float":
            return f"{value} is not a whole number"
        case "float_parsing":
            return f"{value} is not a number"
        case "bool_parsing":
            return f"{value} is neither true nor false"
        case "greater_than_equal":
            return f"{value} is less than {limits['ge']:g}"
        case "less_than_equal":
            return f"{value} is more than {limits['le']:g}"
        case _ if parameter is not None and choices_of(parameter):
            choices = choices_of(parameter)
            near = nearest(str(first.get("input")), choices)
            return f"{value} is not one of {', '.join(choices)}{f'; {near} is near' if near else ''}"
        case _ if parameter is not None and word_of(parameter) == "DAY":
            return f"{value} is not a day such as 2026-10-01"
        case _:
            return f"{value}: {str(first['msg']).removeprefix('Value error, ')}".removesuffix(".")


def _lowered(sentence: str) -> str:
    """A sentence that goes on after a colon."""
    first = sentence.split(". ")[0].removesuffix(".")
    return first[:1].lower() + first[1:] if not first[1:2].isupper() else first
