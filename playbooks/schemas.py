"""The JSON Schemas (2020-12) of playbooks, action.yml and files of cases, for editors.

Looser than loading: they know no references.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from playbooks.cases import CaseFile
from playbooks.model import ActionContract, Playbook


class SchemaName(StrEnum):
    """What there is a schema of."""

    PLAYBOOK = "playbook"
    ACTION = "action"
    CASES = "cases"


_MODELS: dict[SchemaName, type[BaseModel]] = {
    SchemaName.PLAYBOOK: Playbook,
    SchemaName.ACTION: ActionContract,
    SchemaName.CASES: CaseFile,
}


def json_schema(name: SchemaName) -> dict[str, Any]:
    """The schema of a playbook, an action.yml or a file of cases."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://exrun.invalid/schemas/{name}/1",
        **_MODELS[name].model_json_schema(by_alias=True),
    }


def schema_text(name: SchemaName) -> str:
    """`json_schema` as the bytes that are published in docs/reference/schemas/."""
    return json.dumps(json_schema(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
