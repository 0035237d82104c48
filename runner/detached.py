"""How far a script is that runs detached on a host, of what the host says of it. Pure; what it says is not believed
beyond that: what became of the change is seen by collecting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.events import DetachedState, Purpose
from runner.transport.interface import Completed, ScriptResult

__all__ = ["Reading", "reading"]

_KIND = "Detached"
_MOST = 2000  # characters of an error


@dataclass(frozen=True, slots=True)
class Reading:
    """What a host says of one detached script; times as it spells them, texts empty where there are none yet."""

    state: DetachedState
    started: str = ""
    ended: str = ""
    exit: str = ""
    error: str = ""


def reading(result: ScriptResult, of: Purpose) -> Reading:
    """What the answer to a poll says of this script; that it is not seen, where it says nothing that can be read."""
    unseen = Reading(DetachedState.UNSEEN)
    if not isinstance(result, Completed) or result.streams.errors:
        return unseen
    found = [
        each
        for each in result.streams.output
        if isinstance(each, Mapping) and each.get("Kind") == _KIND and each.get("Of") == of.value
    ]
    if len(found) != 1:
        return unseen
    texts = [found[0].get(name) for name in ("State", "Started", "Ended", "Exit", "Error")]
    said = [each[:_MOST] for each in texts if isinstance(each, str)]
    if len(said) < len(texts) or said[0] not in {each.value for each in DetachedState}:
        return unseen
    return Reading(DetachedState(said[0]), *said[1:])
