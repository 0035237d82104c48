"""What the options and arguments of a command hold: a word for people, and what a shell can complete it with.

One table for the help, the man page and the completion. What is not in it is told by its type.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.core import TyperArgument, TyperOption

Parameter = TyperOption | TyperArgument


class Kind(StrEnum):
    """The word that stands for a value in help."""

    FILE = "FILE"
    FOLDER = "FOLDER"
    PATH = "PATH"
    SELECTION = "SELECTION"
    HOST = "HOST"
    CLIENT = "CLIENT"
    RUN = "RUN"
    RUN_OR_PLAN = "RUN|PLAN"
    PLAN = "PLAN"
    PLAYBOOK = "PLAYBOOK"
    STEP = "STEP"
    DAY = "DAY"
    SECONDS = "SECONDS"
    NUMBER = "NUMBER"
    CHOICE = "CHOICE"
    COMMAND = "COMMAND"
    PARAMETER = "NAME=VALUE"
    TEXT = "TEXT"


# By the variable of an option, which is the same wherever the option is.
_BY_VARIABLE = {
    "EXRUN_CA_FILE": Kind.FILE,
    "EXRUN_CATALOGUE": Kind.FOLDER,
    "EXRUN_CLIENT": Kind.CLIENT,
    "EXRUN_CONNECT_TIMEOUT": Kind.SECONDS,
    "EXRUN_DEMO_FOLDER": Kind.FOLDER,
    "EXRUN_FROM": Kind.FOLDER,
    "EXRUN_HOST": Kind.HOST,
    "EXRUN_INIT": Kind.FOLDER,
    "EXRUN_JOURNAL": Kind.RUN_OR_PLAN,
    "EXRUN_LIMIT": Kind.SELECTION,
    "EXRUN_LINT": Kind.PATH,
    "EXRUN_OTHER": Kind.RUN,
    "EXRUN_PLAN": Kind.PLAN,
    "EXRUN_PLAYBOOK": Kind.PLAYBOOK,
    "EXRUN_RUN": Kind.RUN,
    "EXRUN_RUN_TIMEOUT": Kind.SECONDS,
    "EXRUN_SAVE": Kind.FOLDER,
    "EXRUN_SEARCH": Kind.FOLDER,
    "EXRUN_SET": Kind.FOLDER,
    "EXRUN_STATE": Kind.FOLDER,
    "EXRUN_STEP": Kind.STEP,
    "EXRUN_TAKE_OVER": Kind.HOST,
    "EXRUN_TIMEOUT": Kind.SECONDS,
}
# What is held as a text and takes only these, by the variable.
_CHOICES = {
    "EXRUN_AUTHENTICATION": ("negotiate", "kerberos", "ntlm", "certificate"),
    "EXRUN_ENGINE": ("sim", "pwsh"),
    "EXRUN_SCHEME": ("http", "https"),
}
_LONGEST_CHOICE = 28  # characters
_WORDS = frozenset(str(each) for each in Kind)


def kind_of(parameter: Parameter) -> Kind:
    """What a parameter holds."""
    metavar = (parameter.metavar or "").removesuffix("...")
    if metavar in _WORDS:
        return Kind(metavar)
    if choices_of(parameter):
        return Kind.CHOICE
    if (known := _BY_VARIABLE.get(str(parameter.envvar))) is not None:
        return known
    held = _element(parameter.type_descriptor.annotation)
    if not isinstance(held, type):
        return Kind.TEXT
    for type_, kind in (
        (Path, Kind.FILE),
        (datetime, Kind.DAY),
        (int, Kind.NUMBER),
        (float, Kind.NUMBER),
    ):
        if issubclass(held, type_):
            return kind
    return Kind.TEXT


def choices_of(parameter: Parameter) -> tuple[str, ...]:
    """The words that a parameter takes; none where it takes others too."""
    held = _element(parameter.type_descriptor.annotation)
    if isinstance(held, type) and issubclass(held, Enum):
        return tuple(str(member.value) for member in held)
    return _CHOICES.get(str(parameter.envvar), ())


def word_of(parameter: Parameter) -> str:
    """How help writes a value of it: `FILE`, `text|json`, `RUN|PLAN`; an argument without a kind by its own name."""
    if parameter.metavar:
        return parameter.metavar.removesuffix("...") if isinstance(parameter, TyperArgument) else parameter.metavar
    if choices := choices_of(parameter):
        if is_long(choices):
            return parameter.opts[-1].lstrip("-").upper()
        return "|".join(choices)
    kind = kind_of(parameter)
    if kind is Kind.TEXT and isinstance(parameter, TyperArgument):
        return parameter.name.upper().replace("_", "-")
    return str(kind)


def is_long(choices: tuple[str, ...]) -> bool:
    """Whether words are too many to stand for a value: help names them in its text then."""
    return len("|".join(choices)) > _LONGEST_CHOICE


def takes_value(parameter: Parameter) -> bool:
    """Whether a word follows it; none follows a flag."""
    return not (isinstance(parameter, TyperOption) and parameter.is_flag)


def holds_several(parameter: Parameter) -> bool:
    """Whether it may be given more than once, or takes all further words."""
    return parameter.nargs != 1 or (isinstance(parameter, TyperOption) and parameter.multiple)


def _element(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is list else annotation
