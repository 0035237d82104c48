"""The published JSON Schema is the one that the models give."""

from __future__ import annotations

from pathlib import Path

from inventory.sources.document import InventoryDocument, Settings, json_schema, schema_text

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas" / "inventory.json"
RENEW = "from inventory.sources.document import schema_text; print(schema_text(), end='')"


def test_the_published_schema_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        f'renew it: .venv/bin/python -c "{RENEW}" > docs/reference/schemas/inventory.json'
    )


def test_the_schema_knows_every_key_that_loading_knows_and_no_other() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(InventoryDocument.model_fields)
    for name in ("ClientDocument", "GroupDocument", "HostDocument"):
        assert schema["$defs"][name]["additionalProperties"] is False
        assert set(Settings.model_fields) <= set(schema["$defs"][name]["properties"])


def test_the_schema_offers_no_default_that_does_not_apply_and_takes_no_literal_password() -> None:
    host = json_schema()["$defs"]["HostDocument"]["properties"]
    assert all("default" not in setting for setting in host.values())
    assert host["credential"]["pattern"].startswith("^(env:")


def test_every_key_of_the_schema_is_described_in_the_reference() -> None:
    reference = (PUBLISHED.parents[1] / "inventory.md").read_text(encoding="utf-8")
    assert [key for key in (*Settings.model_fields, "groups", "hosts", "clients") if f"`{key}`" not in reference] == []
