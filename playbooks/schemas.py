"""The JSON Schemas (2020-12) of playbooks, action.yml and files of cases, for editors.

Looser than loading: they know no references but those to the actions of this version, of whose contracts they are made,
so that an editor offers these with their parameters. The names of what a step gives them are held to the contract, as
loading does. The values are not: one may be passed on, and a catalogue may have rows of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from playbooks.cases import CaseFile
from playbooks.catalogue.catalogue import Catalogue
from playbooks.declared import in_words
from playbooks.documents import read_contract
from playbooks.model import CONTRACT, ActionContract, ParamSpec, Playbook
from playbooks.parameters import choices
from playbooks.shelf import contents, shelf
from texts import schemas


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


# Each choice has a title and a description of its own: by these an editor tells which of them a text is.
_OWN = "An action of a playbook's own, in the folder actions/area/name beside it or in a folder that --search names."


def json_schema(name: SchemaName) -> dict[str, Any]:
    """The schema of a playbook, an action.yml or a file of cases."""
    schema = schemas.of_model(name, _MODELS[name])
    if name is SchemaName.PLAYBOOK:
        _offer_actions(schema["$defs"]["Step"])
    return schema


def schema_text(name: SchemaName) -> str:
    """`json_schema` as the bytes that are published in docs/reference/schemas/."""
    return schemas.text_of(json_schema(name))


def _offer_actions(step: dict[str, Any]) -> None:
    """Lets the schema of a step offer the actions of this version; any other id is one of a playbook's own."""
    catalogue, contracts = Catalogue.load(), _contracts()
    said = {name: f"{contract.title}. {contract.description}" for name, contract in contracts.items()}
    step["properties"]["action"]["anyOf"] = [
        *({"const": name, "title": name, "description": text} for name, text in said.items()),
        {"not": {"enum": list(said)}, "title": "Action of your own", "description": _OWN},
    ]
    step["allOf"] = [
        {
            "if": {"properties": {"action": {"const": name}}, "required": ["action"]},
            "then": _taking(name, contract.params, catalogue),
        }
        for name, contract in contracts.items()
    ]


def _contracts() -> dict[str, ActionContract]:
    """The contract of every action of this version, by its id."""
    found = {}
    for each in shelf([]).actions:
        source = f"{each.source}/{CONTRACT}"
        found[each.name] = read_contract(contents(each.place.joinpath(CONTRACT), source), source).model
    return found


def _taking(action: str, params: Mapping[str, ParamSpec], catalogue: Catalogue) -> dict[str, Any]:
    """What a step over an action with these parameters is like besides."""
    required = [name for name, spec in params.items() if spec.required]
    given = {
        "title": f"Parameters of {action}",
        "properties": {name: _param(name, spec, catalogue) for name, spec in params.items()},
        "additionalProperties": False,
    }
    if not required:
        return {"properties": {"with": given}}
    return {"properties": {"with": {**given, "required": required}}, "required": ["with"]}


def _param(name: str, spec: ParamSpec, catalogue: Catalogue) -> dict[str, Any]:
    """A parameter for who gives it. Nothing in it refuses a value."""
    known = choices(spec, catalogue)
    of = in_words(spec.type)
    if spec.required:
        of += ", must be given"
    elif spec.default not in (None, "", []):
        of += f", {json.dumps(spec.default, ensure_ascii=False)} by default"
    return {
        "title": name,
        "description": f"{spec.description.removesuffix('.')} ({of}).",
        **({} if spec.required else {"default": spec.default}),
        **({} if known is None else {"examples": list(known)}),
    }
