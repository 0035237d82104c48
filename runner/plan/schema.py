"""The JSON Schema (2020-12) of a plan file, for programs that read plans: docs/reference/schemas/plan.json."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from runner.plan.file import KIND
from runner.plan.records import FORMAT, Plan

__all__ = ["schema_text"]

_HASHES = ("apply", "catalogue", "collect", "confirm", "observed", "policy", "poll", "rollback", "sha256")
_SHA256 = {"pattern": "^[0-9a-f]{64}$", "type": "string"}


def schema_text() -> str:
    """The schema as the bytes that are published."""
    schema = TypeAdapter(Plan).json_schema()
    for each in (schema, *schema["$defs"].values()):
        _written(each)
    del schema["properties"]["newer"]  # what a reader finds, not what is written
    schema["properties"] |= {"kind": {"const": KIND}, "format": {"const": FORMAT}}
    schema["required"] = sorted(schema["properties"])
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://exrun.invalid/schemas/plan/1",
        **schema,
    }
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _written(schema: dict[str, Any]) -> None:
    """Of a record: every member is written, and none has another type where it is not given."""
    for name, member in schema.get("properties", {}).items():
        member.pop("default", None)
        if name in _HASHES:
            nullable = any(each.get("type") == "null" for each in member.get("anyOf", ()))
            schema["properties"][name] = {"anyOf": [_SHA256, {"type": "null"}]} if nullable else _SHA256
    if "properties" in schema:
        schema["required"] = sorted(schema["properties"])
