"""The published schema of a plan is that of its records, and every plan has exactly its members."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given, settings

from runner.plan.file import write
from runner.plan.records import Plan
from runner.plan.schema import schema_text
from tests.runner.plan.plans import plans

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas" / "plan.json"
RENEW = "from runner.plan.schema import schema_text; print(schema_text(), end='')"
TYPES = {"array": list, "boolean": bool, "integer": int, "object": dict, "string": str, "null": type(None)}


def test_the_published_schema_is_that_of_the_records() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        f'renew it: .venv/bin/python -c "{RENEW}" > docs/reference/schemas/plan.json'
    )


def fits(value: Any, schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    """What of JSON Schema the published one uses; a word that is not known here fails."""
    if "$ref" in schema:
        return fits(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return any(fits(value, each, whole) for each in schema["anyOf"])
    if "const" in schema:
        return bool(value == schema["const"])
    if not isinstance(value, TYPES[schema["type"]]) or (schema["type"] == "integer" and isinstance(value, bool)):
        return False
    if "enum" in schema:
        return value in schema["enum"]
    if "pattern" in schema:
        return re.search(schema["pattern"], value) is not None
    if schema["type"] == "array":
        return all(fits(each, schema["items"], whole) for each in value)
    if schema["type"] == "object" and "properties" in schema:
        members = schema["properties"]
        return value.keys() == set(schema["required"]) == members.keys() and all(
            fits(each, members[name], whole) for name, each in value.items()
        )
    if schema["type"] == "object":
        rest = schema["additionalProperties"]
        return rest is True or all(fits(each, rest, whole) for each in value.values())
    return True


@settings(max_examples=30, deadline=None)
@given(plans())
def test_every_plan_is_of_the_published_schema(plan: Plan) -> None:
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    document = json.loads(write(plan))
    assert fits(document, schema, schema)
    for member in schema["required"]:
        assert not fits({name: value for name, value in document.items() if name != member}, schema, schema)
