"""What servers have become, as state files: what a lab is started from, another one can go on from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.lab.state import HostState

__all__ = ["save", "state_text"]

# What JSON writes as it is and a reader of YAML refuses or takes for the end of a line.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def save(states: Iterable[tuple[str, str, HostState]], folder: Path) -> int:
    """Writes FOLDER/CLIENT/NAME.yml for each client, name and state; returns how many.

    Raises:
        OSError: a file or a folder cannot be written.
    """
    count = 0
    for client, name, state in states:
        file = folder / client / f"{name}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(state_text(state), encoding="utf-8", newline="\n")
        count += 1
    return count


def state_text(state: HostState) -> str:
    """A state file that reads as this state, and the same text for equal states."""
    written = state.model_dump(mode="json", exclude_defaults=True)
    if "engine" in state.model_fields_set:  # it counts more than what a fleet says, even where it is the default
        written["engine"] = state.engine
    return (
        "\n".join(line for name in HostState.model_fields if name in written for line in _lines(name, written[name]))
        + "\n"
    )


def _lines(name: str, value: object) -> Iterator[str]:
    match value:
        case dict():
            yield f"{name}:"
            yield from (f"  {_json(key)}: {_json(each)}" for key, each in value.items())
        case list():
            yield f"{name}:"
            yield from (f"  - {_json(each)}" for each in value)
        case _:
            yield f"{name}: {_json(value)}"


def _json(value: object) -> str:
    """JSON is YAML, and quotes what YAML would take for something else."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
