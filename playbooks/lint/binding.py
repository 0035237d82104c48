"""Which argument of a command goes to which parameter, as PowerShell would bind it."""

from __future__ import annotations

from dataclasses import dataclass

from texts.spelling import nearest

from .abbreviations import meant
from .commands import COMMON, SHORT, KnownCommand, lacking
from .lexer import Refusal
from .tree import Argument, Command, Node, Text


@dataclass(frozen=True, slots=True)
class Binding:
    """`values` by parameter in lower case, `unnamed` those given by position, `refusals` where it is not certain."""

    values: tuple[tuple[str, Node], ...]
    unnamed: tuple[Node, ...]
    switches: frozenset[str]
    refusals: tuple[Refusal, ...]

    @property
    def given(self) -> frozenset[str]:
        """The parameters that have a value."""
        return frozenset(name for name, _ in self.values)

    def get(self, *names: str) -> Node | None:
        """The value of the first of these parameters that has one."""
        return next((value for name, value in self.values if name in names), None)


def bind(node: Command, known: KnownCommand) -> Binding:
    """Pairs arguments with parameters; what cannot be paired is refused."""
    bound: list[tuple[str, Node]] = []
    positional: list[Argument] = []
    switches: set[str] = set()
    refusals: list[Refusal] = []
    waiting: str | None = None
    for argument in node.arguments:
        if argument.name is None:
            if waiting is None:
                positional.append(argument)
            elif argument.value is not None:
                bound.append((waiting, argument.value))
            waiting = None
            continue
        if waiting is not None:
            refusals.append(Refusal("parameter", argument.at, f"-{waiting} has no value", "write its value after it"))
            waiting = None
        name = argument.name.lower()
        name = name if name in known.parameters else SHORT.get(name, name)
        found = known.parameters.get(name) or ((argument.name, COMMON[name]) if name in COMMON else None)
        if found is None:
            refusals.append(_unknown(argument, known))
            return Binding(tuple(bound), (), frozenset(switches), tuple(refusals))
        if found[1] == "switch":
            switches.add(name)
        if argument.value is not None:
            bound.append((name, argument.value))
        elif found[1] != "switch":
            waiting = name
    if waiting is not None:
        refusals.append(Refusal("parameter", node.at, f"-{waiting} has no value", "write its value after it"))
    taken = {name for name, _ in bound}
    if "literalpath" in taken:
        taken.add("path")
    free = [name for name in known.positional if name not in taken]
    if known.name == "Where-Object" and positional and isinstance(positional[0].value, Text):
        free = ["property", "value"]
    if len(positional) > len(free):
        extra = positional[len(free)]
        instead = lacking().get((known.name.lower(), "positional"), "name the parameter")
        refusals.append(Refusal("parameter", extra.at, "a value without a parameter", instead))
    unnamed = tuple(argument.value for argument in positional if argument.value is not None)
    bound += zip(free, unnamed, strict=False)
    return Binding(tuple(bound), unnamed, frozenset(switches), tuple(refusals))


def _unknown(argument: Argument, known: KnownCommand) -> Refusal:
    name = (argument.name or "").lower()
    sort = "one that a change may use" if known.targets else "a read-only parameter that a server has"
    why = f"{known.name} -{argument.name} is not {sort}"
    if special := lacking().get((known.name.lower(), name)) or lacking().get(("*", name)):
        return Refusal("parameter", argument.at, why, special)
    found = meant(name, known)
    if not found.fits:
        near = nearest(name, known.parameters)
        instead = f"did you mean -{known.parameters[near][0]}?" if near else _LEAVE
    elif found.whole and found.taken is not None and found.taken.lower() == name:
        instead = _LEAVE
    elif found.whole:
        why = f"{known.name} -{argument.name} is another name of -{found.taken}"
        instead = _written(found.taken or "", known)
    else:
        fits = _in_a_row(tuple(f"-{each}" for each in found.fits), "and")
        why = f"{known.name} -{argument.name} is a beginning of {fits}"
        if found.taken is None:
            allowed = tuple(f"-{each}" for each in found.fits if _is_allowed(each, known))
            why += ", and PowerShell refuses it"
            instead = f"write {_in_a_row(allowed, 'or')}" if allowed else _LEAVE
        else:
            why += f", and PowerShell takes -{found.taken}" if len(found.fits) > 1 else ""
            instead = _written(found.taken, known)
    return Refusal("parameter", argument.at, why, instead)


_LEAVE = "leave it out; docs/reference/lint.md lists what is allowed"


def _is_allowed(name: str, known: KnownCommand) -> bool:
    return name.lower() in known.parameters or name.lower() in COMMON


def _written(name: str, known: KnownCommand) -> str:
    if _is_allowed(name, known):
        return f"write -{name}"
    special = lacking().get((known.name.lower(), name.lower())) or lacking().get(("*", name.lower()))
    return special or f"leave it out: -{name} is not allowed in a collect script"


def _in_a_row(names: tuple[str, ...], word: str) -> str:
    return f"{', '.join(names[:-1])} {word} {names[-1]}" if len(names) > 1 else "".join(names)
