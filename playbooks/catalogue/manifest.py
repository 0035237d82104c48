"""`catalogue.json`: what a set of tables consists of. The same for the shipped set, a packed one and an installed one.

Whoever trusts the manifest trusts the set: it names every table with its SHA-256, and it is what gets signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from playbooks.catalogue.columns import TABLES
from texts.places import Location
from texts.problems import Problem

__all__ = [
    "MANIFEST",
    "SCHEMA",
    "Manifest",
    "TableEntry",
    "manifest_of",
    "manifest_text",
    "read_manifest",
    "schema_text",
]

MANIFEST = "catalogue.json"
SCHEMA: Literal["exrun.catalogue/1"] = "exrun.catalogue/1"
MOST_BYTES = 256 * 1024


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class TableEntry(_Member):
    """One table."""

    file: str = Field(description="its name in the folder of the set", pattern=r"^[a-z0-9-]{1,40}\.csv$")
    sha256: str = Field(description="of the file's bytes", pattern=r"^[0-9a-f]{64}$")
    rows: Annotated[int, Strict()] = Field(ge=0, description="without comments and the line of names")
    sources: list[str] = Field(description="what its rows rest on, each once, sorted")


class Manifest(_Member):
    """What a set of the catalogue's tables consists of."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["exrun.catalogue/1"] = Field(alias="schema", description="the form of this file")
    as_of: date = Field(description="the day up to which updates and attacks are in the tables")
    tables: dict[str, TableEntry] = Field(
        description="by name: `builds`, `campaigns`, `minimum-builds`, `support`, `known-bad-sha256`, "
        "`web-pages-known-good`"
    )


def manifest_of(as_of: date, tables: Mapping[str, tuple[bytes, int, list[str]]]) -> Manifest:
    """The manifest of a set.

    Args:
        tables: by name: the file's bytes, how many rows it has, and what they rest on, each once, sorted.
    """
    return Manifest.model_validate(
        {
            "schema": SCHEMA,
            "as_of": as_of,
            "tables": {
                table.name: {
                    "file": table.file,
                    "sha256": hashlib.sha256(tables[table.name][0]).hexdigest(),
                    "rows": tables[table.name][1],
                    "sources": tables[table.name][2],
                }
                for table in TABLES
            },
        }
    )


def manifest_text(manifest: Manifest) -> str:
    """The manifest as it is written and signed."""
    return json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=True) + "\n"


def read_manifest(data: bytes, file: str, problems: list[Problem]) -> Manifest | None:
    """The manifest in these bytes; None, with `problems` added to, where they are none that this version reads."""
    advice = "is this a set that `exrun catalogue pack` made, and is this exrun as new as that?"
    if len(data) > MOST_BYTES:
        problems.append(Problem(Location(file), f"is larger than {MOST_BYTES >> 10} KiB", advice))
        return None
    try:
        manifest = Manifest.model_validate_json(data, strict=True)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            path = ".".join(str(part) for part in each["loc"])
            problems.append(Problem(Location(file, path=path), each["msg"], advice))
        return None
    expected = {table.name: table.file for table in TABLES}
    if {name: entry.file for name, entry in manifest.tables.items()} != expected:
        files = ", ".join(expected.values())
        problems.append(Problem(Location(file, path="tables"), f"does not name {files} and these alone", advice))
        return None
    return manifest


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of catalogue.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://exrun.invalid/schemas/catalogue/1",
        **Manifest.model_json_schema(by_alias=True),
    }


def schema_text() -> str:
    """The schema as docs/reference/schemas/catalogue.json has it."""
    return json.dumps(schema(), indent=2, sort_keys=True) + "\n"
