"""Entries as documents of the Elastic Common Schema, one a line (https://www.elastic.co/docs/reference/ecs)."""

from __future__ import annotations

import json
from typing import Final

from runner.forwarding.entries import Entry, Level
from runner.journal.lines import time_text

VERSION: Final = "8.17.0"
SEVERITY = {
    Level.INFO: 1,
    Level.NOTICE: 3,
    Level.WARNING: 5,
    Level.ERROR: 7,
    Level.ALERT: 9,
}  # 0 to 10, as CEF has them


def document(entry: Entry) -> dict[str, object]:
    """The fields of an entry; what ECS has no name for stands below `exrun`.

    `event.hash` is the SHA-256 of the journal's line, by which the event can be proven from there.
    """
    user, _, machine = entry.actor.rpartition("@")
    event: dict[str, object] = {
        "id": entry.id,
        "kind": entry.kind,
        "category": list(entry.category),
        "type": list(entry.type),
        "action": entry.event,
        "sequence": entry.sequence,
        "severity": SEVERITY[entry.level],
        "module": "exrun",
        "provider": "exrun",
        "dataset": "exrun.journal",
        "hash": entry.sha256,
    }
    if entry.outcome is not None:
        event["outcome"] = entry.outcome.value
    own: dict[str, object] = {"phase": entry.phase}
    own |= {name: list(value) if isinstance(value, tuple) else value for name, value in entry.details.items()}
    if entry.step is not None:
        own["step"] = entry.step
    if entry.script is not None:
        own["script_sha256"] = entry.script
    fields: dict[str, object] = {
        "@timestamp": time_text(entry.time),
        "ecs": {"version": VERSION},
        "message": entry.message,
        "log": {"level": entry.level.value},
        "event": event,
        "labels": {"client": entry.client, "run": entry.run},
        "process": {"name": "exrun"},
        "observer": {"product": "exrun", "hostname": machine},
        "user": {"name": user or entry.actor},
        "exrun": own,
    }
    if entry.host is not None:
        fields["host"] = {"name": entry.host}
    return fields


def render(entry: Entry) -> bytes:
    """The document as one line of JSON, without its end."""
    return json.dumps(document(entry), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
