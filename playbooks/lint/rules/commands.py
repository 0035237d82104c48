"""Only commands and parameters of the table, or functions of the script itself."""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import ALIASES, COMMON, KnownCommand, known_commands
from ..lexer import Refusal
from ..tree import Argument, Block, Command, Function, Node, Text, walk

_HARMLESS_OBJECTS = ("psobject", "pscustomobject", "object", "string", "datetime", "timespan", "version", "guid")
_SNAPINS = ("microsoft.exchange.management.powershell.e2010", "microsoft.exchange.management.powershell.snapin")


class Commands:
    def check(self, script: Block) -> Iterator[Refusal]:
        functions: dict[str, KnownCommand] = {}
        for node in walk(script):
            if isinstance(node, Function):
                parameters = {
                    item.name: (item.name, "switch" if any(t.name.lower() == "switch" for t in item.types) else "value")
                    for item in node.block.parameters
                }
                functions[node.name.lower()] = KnownCommand(node.name, parameters, tuple(parameters))
            elif isinstance(node, Command):
                known = known_commands().get(node.name.lower()) or functions.get(node.name.lower())
                if known is None:
                    yield _unknown(node)
                else:
                    yield from _arguments(node, known)


def _unknown(node: Command) -> Refusal:
    if full := ALIASES.get(node.name.lower()):
        return Refusal("alias", node.at, f"{node.name} is an alias", f"write {full}")
    return Refusal(
        "command",
        node.at,
        f"{node.name} is not a read-only command of Windows PowerShell 5.1, the server's modules or Exchange, "
        "nor a function defined above",
        "use a command of docs/reference/lint.md; a change belongs into apply, not into collect",
    )


def _arguments(node: Command, known: KnownCommand) -> Iterator[Refusal]:
    bound: list[tuple[str, Node | None]] = []
    positional: list[Argument] = []
    waiting: str | None = None
    for argument in node.arguments:
        if argument.name is None:
            if waiting is None:
                positional.append(argument)
            else:
                bound.append((waiting, argument.value))
            waiting = None
            continue
        if waiting is not None:
            yield Refusal("parameter", argument.at, f"-{waiting} has no value", "write its value after it")
            waiting = None
        name = argument.name.lower()
        found = known.parameters.get(name) or ((argument.name, COMMON[name]) if name in COMMON else None)
        if found is None:
            full = [written for key, (written, _) in known.parameters.items() if key.startswith(name)]
            yield Refusal(
                "parameter",
                argument.at,
                f"{known.name} -{argument.name} is not a read-only parameter that a server has",
                f"write -{full[0]}" if full else "leave it out; docs/reference/lint.md lists what is allowed",
            )
            return
        if argument.value is not None:
            bound.append((name, argument.value))
        elif found[1] != "switch":
            waiting = name
    if waiting is not None:
        yield Refusal("parameter", node.at, f"-{waiting} has no value", "write its value after it")
    free = [name for name in known.positional if name not in {name for name, _ in bound}]
    if known.name == "Where-Object" and positional and isinstance(positional[0].value, Text):
        free = ["property", "value"]
    if len(positional) > len(free):
        yield Refusal("parameter", positional[len(free)].at, "a value without a parameter", "name the parameter")
    bound += [(name, argument.value) for name, argument in zip(free, positional, strict=False)]
    for name, value in bound:
        kind = known.parameters.get(name, ("", ""))[1]
        if kind == "block" and not isinstance(value, Block):
            yield Refusal(
                "member-name", node.at, f"{known.name} takes only a block in braces here", "write { $_.Name }"
            )
    yield from _special(node, known, bound)


def _special(node: Command, known: KnownCommand, bound: list[tuple[str, Node | None]]) -> Iterator[Refusal]:
    values = {name: value for name, value in bound if value is not None}
    allowed: tuple[str, ...]
    if known.name == "New-Object":
        allowed, name = _HARMLESS_OBJECTS, "typename"
    elif known.name == "Add-PSSnapin":
        allowed, name = _SNAPINS, "name"
    elif known.name == "Get-CimInstance":
        value = values.get("classname")
        if not isinstance(value, Text) or value.value.lower() == "win32_product":
            yield Refusal(
                "cim-class",
                node.at,
                "the class must be written out, and reading Win32_Product repairs every installed product",
                "write -ClassName and a class such as Win32_OperatingSystem; read Uninstall keys of the registry",
            )
        return
    else:
        return
    value = values.get(name)
    if not isinstance(value, Text) or value.value.lower() not in allowed:
        yield Refusal("type", node.at, f"{known.name} takes only {', '.join(allowed)}", "use [pscustomobject]@{ ... }")
