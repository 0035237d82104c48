"""The help of a command, from its docstring and its options; the man page is made of the same parts (manual.py).

A docstring is a summary, paragraphs, `Exit status: 0 ..., 1 ...` and `Examples:`; how it is folded there says nothing.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from runner.cli.values import Parameter, choices_of, holds_several, is_long, takes_value, word_of

NARROWEST, WIDEST = 50, 100  # columns that help is laid out for
_TERMS = 30  # columns of the first of two columns, at most
_HIGHEST = "the highest that applies"

# Which commands the help of the program lists together; what is in none comes last.
GROUPS = (
    ("Find out", ("audit", "doctor")),
    ("Change", ("plan", "approve", "apply", "resume", "rollback")),
    ("Runs", ("runs", "status", "watch", "show", "diff", "report", "evidence", "journal")),
    ("Set up", ("init", "inventory", "playbook", "catalogue", "schema", "config", "keys", "completion", "man", "lab")),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the docstring of a command tells. `statuses` are exit statuses with what each means, `note` what is said of
    them all; examples are command lines."""

    paragraphs: tuple[str, ...]
    statuses: tuple[tuple[str, str], ...]
    note: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a list: what is written, and what it means."""

    term: str
    text: str


def told(help_text: str) -> Told:
    """Reads the help of a command."""
    paragraphs: list[str] = []
    statuses: tuple[tuple[str, str], ...] = ()
    note = ""
    examples: list[str] = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(help_text).replace("\b", "")):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        if not lines:
            continue
        if lines[0] == "Examples:":
            examples += lines[1:]
            continue
        before, stated, after = " ".join(lines).partition("Exit status: ")
        if before.strip():
            paragraphs.append(before.strip())
        if stated:
            statuses, note = _statuses(after)
    return Told(tuple(paragraphs), statuses, note, tuple(examples))


def _statuses(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """`0 all well, 1 findings; the highest that applies.` taken apart."""
    note = []
    if _HIGHEST in text:
        text = text.replace(f"; {_HIGHEST}", "")
        note.append(f"{_HIGHEST.capitalize()}.")
    found = []
    for part in re.split(r"(?:[,;]|, or) (?=\d+\b)", text.strip().removesuffix(".")):
        number = re.match(r"(\d+)\b,? ?(.*)", part)
        if number is None:
            note.append(f"{part[:1].upper()}{part[1:]}.")
        else:
            found.append((number[1], number[2] or "done"))
    return tuple(found), " ".join(note)


def summary_of(command: TyperCommand | TyperGroup) -> str:
    """The first sentence of a command's help."""
    paragraphs = told(command.help or "").paragraphs
    return re.split(r"(?<=\.) (?=[A-Z])", paragraphs[0])[0] if paragraphs else ""


def parameters_of(command: TyperCommand | TyperGroup) -> tuple[list[TyperArgument], list[TyperOption]]:
    """The arguments and the options of a command that help is to name, in its order."""
    arguments = [each for each in command.params if isinstance(each, TyperArgument) and not each.hidden]
    options = [each for each in command.params if isinstance(each, TyperOption) and not each.hidden]
    return arguments, options


def usage(command: TyperCommand | TyperGroup, path: str) -> str:
    """`exrun plan PLAYBOOK [SELECTION]... -o FILE [OPTIONS]`: what must be given, and what may."""
    arguments, options = parameters_of(command)
    words = [path]
    for argument in arguments:
        word = word_of(argument) if argument.required else f"[{word_of(argument)}]"
        words.append(f"{word}..." if argument.nargs != 1 else word)
    words += [f"{option.opts[0]} {word_of(option)}" for option in options if option.required]
    if isinstance(command, TyperGroup):
        return " ".join([*words, "COMMAND", "[OPTIONS]"])
    return " ".join([*words, "[OPTIONS]"])


def row_of(parameter: Parameter) -> Row:
    """What help says of an option or an argument."""
    if isinstance(parameter, TyperArgument):
        term = word_of(parameter) + ("..." if parameter.nargs != 1 else "")
    else:
        term = ", ".join((*parameter.opts, *parameter.secondary_opts))
        if takes_value(parameter):
            term += f" {word_of(parameter)}"
    more = [str(parameter.envvar)] if parameter.envvar else []
    if default := _default(parameter):
        more.append(f"default: {default}")
    text = parameter.help or ""
    if is_long(choices := choices_of(parameter)):
        text += f" One of {', '.join(choices)}."
    if bounds := _bounds(parameter):
        more.append(bounds)
    if parameter.required:
        more.append("required")
    return Row(term, " ".join([text, f"[{'; '.join(more)}]" if more else ""]).strip())


def _default(parameter: Parameter) -> str:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    if value is None or value is ... or callable(value) or not parameter.show_default or not takes_value(parameter):
        return ""
    if holds_several(parameter):
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(getattr(value, "value", value)) if choices_of(parameter) else str(value)


def _bounds(parameter: Parameter) -> str:
    least, most = parameter.min, parameter.max
    if least is not None and most is not None:
        return f"{least:g} to {most:g}"
    if least is not None:
        return f"{least:g} or more"
    return f"{most:g} or less" if most is not None else ""


def example_lines(line: str, width: int) -> Iterator[str]:
    r"""A command line of at most `width` columns a line, continued with ` \` as shells read it."""
    words = re.findall(r'(?:--?[a-z][a-z-]* (?!-))?(?:"[^"]*"|\S)+', line)  # an option with its value
    current = ""
    for word in words:
        if current and len(current) + 1 + len(word) > width - 2:
            yield f"{current} \\"
            current = f"    {word}"
        else:
            current = f"{current} {word}" if current else word
    yield current


def help_lines(
    command: TyperCommand | TyperGroup,
    path: str,
    width: int,
    commands: Sequence[tuple[str, Sequence[Row]]] = (),
) -> Iterator[str]:
    """The help of a command, line by line.

    Args:
        path: how it is called, such as `exrun journal verify`.
        width: columns; what is less than NARROWEST or more than WIDEST counts as these.
        commands: those of a group, under their headings.
    """
    width = max(NARROWEST, min(width, WIDEST))
    known = told(command.help or "")
    arguments, options = parameters_of(command)
    yield from textwrap.wrap(
        usage(command, path),
        width,
        initial_indent="Usage: ",
        subsequent_indent="         ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    for paragraph in known.paragraphs:
        yield ""
        yield from folded(paragraph, width, "  ")
    if known.statuses or known.note:
        yield ""
        yield "Exit status:"
        yield from rows([Row(number, text) for number, text in known.statuses], width)
        if known.note:
            yield from folded(known.note, width, "  ")
    if known.examples:
        yield ""
        yield "Examples:"
        for example in known.examples:
            yield from (f"  {line}" for line in example_lines(example, width - 2))
    for heading, of_heading in commands:
        yield ""
        yield f"{heading}:"
        yield from rows(of_heading, width)
    if arguments:
        yield ""
        yield "Arguments:"
        yield from rows(map(row_of, arguments), width)
    yield ""
    yield "Options:"
    yield from rows([*map(row_of, options), Row("-h, --help", "Show this help.")], width)
    if any(each.envvar for each in (*arguments, *options)):
        yield ""
        yield from folded("EXRUN_... in brackets is a variable that gives what is not typed.", width, "")


def rows(entries: Iterable[Row], width: int) -> Iterator[str]:
    """Entries in two columns; a term that is too long for the first has a line of its own."""
    entries = list(entries)
    column = min(max((len(entry.term) for entry in entries), default=0), _TERMS)
    for entry in entries:
        indent = " " * (2 + column + 2)
        if len(entry.term) > column:
            yield from textwrap.wrap(
                entry.term, width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
            )
            yield from folded(entry.text, width, indent)
            continue
        first, *further = list(folded(entry.text, width, indent)) or [indent]
        yield f"  {entry.term:<{column}}  {first[len(indent) :]}".rstrip()
        yield from further


def folded(text: str, width: int, indent: str) -> list[str]:
    """A paragraph, folded between words; a word that is longer than a line stays whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
