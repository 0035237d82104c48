"""Every call of a command, bound once: what its name stands for, and which argument goes to which parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .binding import Binding, bind
from .commands import KnownCommand, full_name, function_as_command, known_commands
from .tree import Block, Command, Function, Node


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a known command; `own` says that it is a function of the script."""

    node: Command
    known: KnownCommand
    binding: Binding
    own: bool


@dataclass(slots=True)
class Calls:
    """The calls of a script, and its functions by name in lower case (`blocks`: all bodies that bear a name).

    `commands` are those that it may call, by default those that only read.
    """

    nodes: Iterable[Node]
    commands: Mapping[str, KnownCommand] = field(default_factory=known_commands)
    functions: dict[str, KnownCommand] = field(default_factory=dict)
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    _bound: dict[int, Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        commands: list[Command] = []
        for node in self.nodes:
            if isinstance(node, Function):
                self.functions[node.name.lower()] = function_as_command(node.name, node.block)
                self.blocks.setdefault(node.name.lower(), []).append(node.block)
            elif isinstance(node, Command):
                commands.append(node)
        for node in commands:
            own = self.functions.get(node.name.lower())
            known = own or self.commands.get(full_name(node.name))
            if known is not None:
                self._bound[id(node)] = Call(node, known, bind(node, known), own is not None)

    def of(self, node: Node) -> Call | None:
        """The call that a command is; None where its name is not known."""
        return self._bound.get(id(node))
