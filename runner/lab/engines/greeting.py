"""What a pool says to a client that takes it over: what it said when it was opened, and how many runspaces it has
(MS-PSRP 3.2.5.4.2, 3.2.5.4.19). Both engines keep the messages of the opening for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psrpcore.types import PSRPMessageType

from runner.lab.psrp import Message

KEPT = (PSRPMessageType.SessionCapability, PSRPMessageType.ApplicationPrivateData, PSRPMessageType.RunspacePoolState)
"""The types of the messages of the opening that are said again; of the state the last, which says that it is open."""


def asks(messages: Iterable[Message]) -> bool:
    """Whether a client that says this wants to take an open pool over."""
    return any(message.kind == PSRPMessageType.ConnectRunspacePool for message in messages)


def again(kept: Mapping[int, bytes], minimum: int, maximum: int) -> list[Message]:
    """The greeting.

    Args:
        kept: data of the opening's messages by their types, those of KEPT.
        minimum, maximum: runspaces of the pool.
    """
    counts = (
        f'<Obj RefId="0"><MS><I32 N="MinRunspaces">{minimum}</I32><I32 N="MaxRunspaces">{maximum}</I32></MS></Obj>'
    ).encode()
    capability, *rest = [Message(kind, kept[kind]) for kind in KEPT]
    return [capability, Message(PSRPMessageType.RunspacePoolInitData, counts), *rest]
