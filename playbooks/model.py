"""The contract of an action and a playbook, as users write them; what is not named here is refused.

Contracts are `action.yml`, playbooks are YAML. Both are read once, at the edge, and never change afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from playbooks.assessing import Assess
from playbooks.conditions import Condition
from playbooks.values import Value

ACTION_ID = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"
NAME = r"^[a-z][a-z0-9_]*$"

ActionId = Annotated[str, StringConstraints(pattern=ACTION_ID)]
Name = Annotated[str, StringConstraints(pattern=NAME)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
# `text`, `text?` (or null), `text[]` (an array of text), `text[]?`.
Type = Annotated[str, StringConstraints(pattern=r"^(text|integer|number|boolean)(\[\])?\??$")]


class _Written(BaseModel):
    """Text that a person wrote: unknown keys refused, nothing converted, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ParamSpec(_Written):
    """One parameter. Without `default` it must be given."""

    type: Type
    description: Sentence
    default: str | int | float | bool | list[str] | list[int] | None = None
    choices: list[str] | None = None

    @property
    def required(self) -> bool:
        """Whether a step must give it; `default: null` is a default too."""
        return "default" not in self.model_fields_set


class Timeouts(_Written):
    """How long a script may take, in seconds."""

    collect: Annotated[int, Field(ge=1, le=3600)]


class ActionContract(_Written):
    """action.yml: what an action reads, says, needs and disturbs.

    `outputs` maps each Kind that the collect script emits to its properties and their types, `facts` the names that
    `when` of later steps may use to theirs. `compliant_when` judges an action that has no assess.py.
    """

    title: Sentence
    description: Sentence
    params: dict[Name, ParamSpec] = Field(default_factory=dict)
    outputs: dict[str, dict[str, Type]]
    facts: dict[Name, Type] = Field(default_factory=dict)
    reads: list[Sentence]
    writes: list[Sentence]
    needs: list[Sentence]
    disruptive: bool
    reboots: bool
    interruption: Sentence
    reversible: bool
    timeouts: Timeouts
    idempotent: Literal[True]
    campaigns: list[Sentence] = Field(default_factory=list)
    cves: list[Annotated[str, StringConstraints(pattern=r"^CVE-\d{4}-\d{4,}$")]] = Field(default_factory=list)
    compliant_when: Sentence | None = None

    @model_validator(mode="after")
    def _kinds_are_usable(self) -> ActionContract:
        for kind, properties in self.outputs.items():
            for name in (kind, *properties):
                if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
                    raise ValueError(f"outputs: {name!r} is not a PascalCase name")
            if kind == "Unread" or "Kind" in properties:
                raise ValueError("outputs: Unread and the property Kind are every action's; leave them out")
        return self


class OnFailure(StrEnum):
    """What a failed step means for the steps after it on this host."""

    STOP = "stop"
    CONTINUE = "continue"


class Step(_Written):
    """One action with its parameters. `id` is how later steps name its facts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    id: Name
    action: ActionId
    with_: dict[Name, str | int | float | bool | list[str] | list[int] | None] = Field(
        default_factory=dict, alias="with"
    )
    when: Sentence | None = None
    on_failure: Annotated[OnFailure, Field(strict=False)] = OnFailure.CONTINUE


class Strategy(_Written):
    """How a playbook spreads over a fleet. An audit runs every host and needs none of it."""

    parallel: Annotated[int, Field(ge=1, le=1000)] = 32


class Playbook(_Written):
    """Ordered steps over actions."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
    title: Sentence
    params: dict[Name, ParamSpec] = Field(default_factory=dict)
    strategy: Strategy = Field(default_factory=Strategy)
    steps: Annotated[list[Step], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Playbook:
        seen: set[str] = set()
        for step in self.steps:
            if step.id in seen:
                raise ValueError(f"steps: the id {step.id!r} stands twice; rename one")
            seen.add(step.id)
        return self


@dataclass(frozen=True, slots=True)
class Action:
    """An action as loaded: its contract, the text of its collect template, and its judgement.

    `assess` is the function of a built-in's assess.py; None where `compliant_when` judges.
    """

    id: str
    folder: Path
    contract: ActionContract
    collect: str
    assess: Assess | None = None


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """One step with everything that running it needs; nothing of it is looked up later.

    Attributes:
        params: every parameter of the action, given or by default, of its declared type.
        condition: the parsed `when`; None where the step always runs.
        script: the rendered collect script.
    """

    step: Step
    action: Action
    params: Mapping[str, Value]
    condition: Condition | None
    script: str


@dataclass(frozen=True, slots=True)
class ReadyPlaybook:
    """A playbook, checked and rendered. `digest` is the SHA-256 (hexadecimal) of its file's bytes, for the journal."""

    playbook: Playbook
    source: str
    digest: str
    steps: tuple[ReadyStep, ...]
