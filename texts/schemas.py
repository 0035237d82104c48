"""JSON Schemas (2020-12) of what people write, in the form in which they are published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["head", "of_model", "text_of"]


def head(kind: str) -> dict[str, Any]:
    """How the schema of a kind of file begins: its dialect, and a name that no two kinds share."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://exrun.invalid/schemas/{kind}/1",
    }


def of_model(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    """The schema of what a model takes, by the keys that are written."""
    return {**head(kind), **model.model_json_schema()}


def text_of(schema: Mapping[str, Any]) -> str:
    """A schema as the bytes that are published in docs/reference/schemas/."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
