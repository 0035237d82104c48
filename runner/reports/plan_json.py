"""What `exrun show PLAN --format json` says: the plan itself, and what it comes to.

Its schema is published: docs/reference/schemas/plan-shown.json; that of `plan` in it is plan.json.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from playbooks.changes import ChangeValue
from runner.plan.records import Plan
from runner.plan.sums import BlastRadius, Sums, blast_radius, sums
from runner.reports.plan import View
from runner.reports.plan_wording import Becomes, value_changes

__all__ = ["PlanDocument", "document", "json_text", "schema_text"]

SCHEMA: Literal["exrun.plan-shown/1"] = "exrun.plan-shown/1"


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ValueMember(_Member):
    """One value of a change."""

    name: str
    becomes: Becomes
    before: ChangeValue = Field(description="null where it is nothing, or not named")
    after: ChangeValue = Field(description="null where it will be nothing, or is not named")


class DifferenceMember(_Member):
    """One change, value by value."""

    host: str
    step: str
    change: str = Field(description="its id")
    title: str
    values: list[ValueMember] = Field(description="those that stay as they are too")


class PlanDocument(_Member):
    """A plan, and what it comes to. Members are only ever added within one number of `schema`."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["exrun.plan-shown/1"] = Field(alias="schema")
    sha256: str = Field(description="of the plan's file: what is approved", pattern="^[0-9a-f]{64}$")
    sums: Sums = Field(description="of the whole plan, whatever part of it is shown")
    blast_radius: BlastRadius = Field(description="of the whole plan, whatever part of it is shown")
    differences: list[DifferenceMember] | None = Field(description="of the part that is shown; only with --diff")
    plan: dict[str, Any] = Field(description="the plan, see plan.json; of it the hosts and steps that were asked for")


def document(plan: Plan, digest: str, data: bytes, view: View) -> dict[str, Any]:
    """The plan as the published schema has it.

    Args:
        data: the plan's file: what it says is given as it is, members of newer versions too.
    """
    return {
        "schema": SCHEMA,
        "sha256": digest,
        "sums": TypeAdapter(Sums).dump_python(sums(plan), mode="json"),
        "blast_radius": TypeAdapter(BlastRadius).dump_python(blast_radius(plan), mode="json"),
        "differences": _differences(plan, view) if view.diff else None,
        "plan": _part(json.loads(data), view),
    }


def json_text(document: dict[str, Any]) -> str:
    """One object on one line, of printable ASCII only."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/plan-shown.json has it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PlanDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _part(plan: dict[str, Any], view: View) -> dict[str, Any]:
    """Of a plan's document the hosts and steps that were asked for where any were, and the scripts of these."""
    if view.whole:
        return plan
    plan["hosts"] = [
        {**host, "steps": [step for step in host["steps"] if view.has_step(step["step"])]}
        for host in plan["hosts"]
        if view.has_host(host["host"])
    ]
    used = {
        sha
        for host in plan["hosts"]
        for step in host["steps"]
        for change in step["changes"]
        for sha in change.values()
        if isinstance(sha, str)
    }
    plan["texts"] = {sha: text for sha, text in plan["texts"].items() if sha in used}
    return plan


def _differences(plan: Plan, view: View) -> list[dict[str, Any]]:
    return [
        {
            "host": host.host,
            "step": step.step,
            "change": change.change.id,
            "title": change.change.title,
            "values": [
                {"name": each.name, "becomes": each.becomes, "before": each.before, "after": each.after}
                for each in value_changes(change.change)
            ],
        }
        for host, step, change in plan.changes
        if view.has_host(host.host) and view.has_step(step.step)
    ]
