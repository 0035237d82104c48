"""What a client asks a pipeline to run, out of CreatePipeline (MS-PSRP 2.2.2.10).

An audit sends every host of a fleet the same bytes, and to read them through psrpcore costs 7 ms: the engine remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from xml.etree.ElementTree import fromstring

from psrpcore import PowerShell, PSRemotingCrypto
from psrpcore.types import PSObject, deserialize

from runner.lab.engines.sim.pool import has_ui


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a script when `is_script`, with the params that are text, booleans or switches."""

    text: str
    is_script: bool
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """Statements, each a pipe of commands.

    Attributes:
        has_host_ui: the client shows what a host would show; None where that is as the pool says.
    """

    statements: tuple[tuple[Command, ...], ...]
    has_host_ui: bool | None


def decode(body: bytes) -> Request:
    """The request in the CLIXML of a CreatePipeline message. What psrpcore raises at CLIXML that is none, passes."""
    pipeline = cast(PSObject, deserialize(fromstring(body), PSRemotingCrypto()))  # noqa: S314  # expat refuses bombs
    powershell = PowerShell.FromPSObjectForRemoting(pipeline)
    statements: list[tuple[Command, ...]] = []
    pipe: list[Command] = []
    for command in powershell.commands:
        # An argument without a name is the command's next positional one: its place is its name.
        params = {name or str(place): value for place, (name, value) in enumerate(command.parameters)}
        pipe.append(Command(command.command_text, command.is_script, params))
        if command.end_of_statement:
            statements.append(tuple(pipe))
            pipe = []
    return Request(tuple(statements), None if powershell.host.UseRunspaceHost else has_ui(powershell.host))
