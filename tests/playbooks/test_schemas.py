"""The published JSON Schemas are those of the models, and agree with loading about the shipped files."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbooks.model import ActionContract, ParamSpec, Playbook, Step
from playbooks.schemas import SchemaName, json_schema, schema_text

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas"


@pytest.mark.parametrize("name", list(SchemaName))
def test_the_published_schema_is_current(name: SchemaName) -> None:
    assert (PUBLISHED / f"{name}.json").read_text(encoding="utf-8") == schema_text(name), (
        f"renew it: .venv/bin/exrun schema {name} > docs/reference/schemas/{name}.json"
    )


def test_a_schema_knows_every_key_that_loading_knows_and_no_other() -> None:
    playbook, action = json_schema(SchemaName.PLAYBOOK), json_schema(SchemaName.ACTION)
    assert set(playbook["properties"]) == set(Playbook.model_fields)
    assert set(action["properties"]) == set(ActionContract.model_fields)
    assert set(playbook["$defs"]["Step"]["properties"]) == {
        field.alias or name for name, field in Step.model_fields.items()
    }
    assert set(action["$defs"]["ParamSpec"]["properties"]) == set(ParamSpec.model_fields)
    for schema in (playbook, action, playbook["$defs"]["Step"], action["$defs"]["ParamSpec"]):
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", list(SchemaName))
def test_a_schema_explains_each_key(name: SchemaName) -> None:
    assert [key for key, value in json_schema(name)["properties"].items() if not value.get("description")] == []
