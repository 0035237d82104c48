"""The contract of an action and a playbook, as users write them; what is not named here is refused.

Contracts are `action.yml`, playbooks are YAML. Both are read once, at the edge, and never change afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Protocol

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from playbooks.catalogue.catalogue import Catalogue
from playbooks.conditions import PARAMS, Condition
from playbooks.declared import Domain, fits, in_words
from playbooks.findings import Assessment, Severity
from playbooks.observation import Observation
from playbooks.shares import SHARE, WAVE
from playbooks.values import Value
from texts.models import Written
from texts.places import Location
from texts.problems import MistakeError
from texts.spelling import suggestion

ACTION_ID = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"
NAME = r"^[a-z][a-z0-9_]*$"
KIND = r"[A-Z][A-Za-z0-9]*"

ActionId = Annotated[str, StringConstraints(pattern=ACTION_ID)]
Name = Annotated[str, StringConstraints(pattern=NAME)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
# `text`, `text?` (or null), `text[]` (an array of text), `text[]?`.
TYPE = r"^(text|integer|number|boolean)(\[\])?\??$"
Type = Annotated[str, StringConstraints(pattern=TYPE)]
# Of a record's property besides: `bytes`, `bytes?`. No parameter or fact is bytes: nobody writes or compares them.
HELD = r"^(bytes|(text|integer|number|boolean)(\[\])?)\??$"
HeldType = Annotated[str, StringConstraints(pattern=HELD)]
CVE = r"^CVE-\d{4}-\d{4,}$"
# The texts beside an action.yml that scripts are rendered from.
CONTRACT = "action.yml"
COLLECT = "collect.ps1.j2"
APPLY = "apply.ps1.j2"
ROLLBACK = "rollback.ps1.j2"
EVIDENCE = "evidence.ps1.j2"
# The record of an action that restarts the server: when that was started, and how many services are on their way.
BOOT = "Boot"
BOOT_PROPERTIES = {"Time": "text", "Starting": "integer"}
PLAYBOOK = r"^[a-z][a-z0-9-]*$"
# A module's name: no path, no pattern, and nothing that could end a literal.
MODULE = r"[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*"
# What the catalogue lists.
FromCatalogue = Literal[
    "catalogue.campaigns", "catalogue.products", "catalogue.cumulative_updates", "catalogue.updates"
]
_SCALARS = ["boolean", "number", "string"]
# A value as YAML has it; whether it fits the declared type is loading's business. Its schema is one and no union, whose
# members an editor would show in place of what a parameter is for.
Given = Annotated[
    str | int | float | bool | list[str | int | float | bool] | None,
    WithJsonSchema({"type": [*_SCALARS, "array", "null"], "items": {"type": _SCALARS}}),
]


class ParamSpec(Written):
    """One parameter. Without `default` it must be given."""

    type: Type = Field(description="text, integer, number or boolean; [] makes it a list, ? lets it be null.")
    description: Sentence = Field(description="What it is for, for who gives it.")
    default: Given = Field(default=None, description="Its value where none is given. Without one it must be given.")
    choices: list[str] | None = Field(default=None, description="The only texts that it may be.")
    choices_from: FromCatalogue | None = Field(
        default=None, description="More texts that it may be: those that the catalogue knows, own rows included."
    )

    @property
    def required(self) -> bool:
        """Whether a step must give it; `default: null` is a default too."""
        return "default" not in self.model_fields_set


class PropertySpec(Written):
    """What a property of a record can be. Its short form is the type alone."""

    type: HeldType = Field(
        description="text, integer, number or boolean, of which [] makes a list; or bytes. ? lets it be null."
    )
    values: Annotated[list[str | int | float | bool], Field(min_length=1)] | None = Field(
        default=None, description="The only values that it, or each member of the list, can have; texts in quotes."
    )

    @model_validator(mode="after")
    def _values_are_of_the_type(self) -> PropertySpec:
        bare = self.type.removesuffix("?").removesuffix("[]")
        if self.values is not None and bare in ("boolean", "bytes"):
            advice = "remove them, true and false are known" if bare == "boolean" else "remove them"
            raise MistakeError("go with text and numbers only", advice, way=("values",))
        for number, value in enumerate(self.values or ()):
            if not fits(value, bare):
                advice = "quote it" if bare == "text" else "write it as the type asks"
                raise MistakeError(f"must be {in_words(bare)}", advice, way=("values", number))
        return self

    @model_serializer(mode="plain")
    def _as_written(self) -> str | dict[str, object]:
        listed = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        return listed if len(listed) > 1 else self.type

    @cached_property
    def domain(self) -> Domain:
        """Its type and values as conditions and answers are held to them."""
        return Domain(self.type, None if self.values is None else tuple(self.values))


class FactSpec(PropertySpec):
    """What a fact can be. Its short form is the type alone."""

    type: Type = Field(description="text, integer, number or boolean; [] makes it a list, ? lets it be null.")
    values_from: FromCatalogue | None = Field(
        default=None, description="More texts that it can be: those that the catalogue knows, own rows included."
    )

    @model_validator(mode="after")
    def _only_texts_are_in_the_catalogue(self) -> FactSpec:
        if self.values_from is not None and self.type.removesuffix("?").removesuffix("[]") != "text":
            raise MistakeError("goes with text only", "remove it, or make the type text", way=("values_from",))
        return self


@dataclass(frozen=True, slots=True)
class _ShortForm:
    """Lets the type stand for the whole of a PropertySpec or FactSpec."""

    pattern: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_written_out, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": self.pattern}, handler(schema)]}


def _written_out(written: object) -> object:
    return written if isinstance(written, dict | PropertySpec) else {"type": written}


class SessionKind(StrEnum):
    """In which language a host's engine runs the scripts of an action."""

    LOCKED = "locked"
    FULL = "full"


class Needs(Written):
    """What has to be there on the host."""

    rights: list[Sentence] = Field(description="Rights and roles that the account needs there.")
    modules: list[Annotated[str, StringConstraints(pattern=f"^{MODULE}$")]] = Field(
        default_factory=list, description="PowerShell modules, by name, that are imported before the session is locked."
    )


Seconds = Annotated[int, Field(ge=1, le=3600)]


class Timeouts(Written):
    """How long each script may take, in seconds. Those of apply and rollback stand where the scripts do."""

    collect: Seconds = Field(description="The collect script, 1 to 3600.")
    apply: Seconds | None = Field(default=None, description="The apply script, 1 to 3600; with apply.ps1.j2.")
    rollback: Seconds | None = Field(default=None, description="The rollback script, 1 to 3600; with rollback.ps1.j2.")


class Confirm(Written):
    """That the host undoes each change by itself unless it hears, over a new connection, that it is to keep it."""

    seconds: Annotated[int, Field(ge=60, le=86_400)] = Field(
        description="From the change until the server undoes it by itself, 60 to 86400; the whole step has to be made, "
        "looked at over a new connection and confirmed within them."
    )


class RunDetached(Written):
    """That apply and rollback run on the host as scheduled tasks, which go on whatever becomes of the connection."""

    seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        description="How long each of the two scripts may take, 1 to 86400; the server ends it then."
    )


class Keeps(Written):
    """Which file is kept before a change is made, by the names under which its templates are told of it.

    So its bytes are known beforehand: what a host says of a file decides nothing.
    """

    path: Name = Field(description="The parameter, or value of the change, that has the file's path.")
    sha256: Name = Field(
        description="The parameter, or value of the change, that has the SHA-256 of its bytes, 64 hexadecimal digits."
    )


class PlaceKind(StrEnum):
    """What a place is that a change writes. `registry` is a value: its key, a backslash and its name; `configuration`
    an element or attribute of IIS's applicationHost.config; `firewall_rule` a rule by its name, which is its
    InstanceID; `pool` an application pool; `server` what is done to the server itself; `virtual_directory` one of
    Exchange, by its GUID."""

    SERVICE = "service"
    FILE = "file"
    FOLDER = "folder"
    REGISTRY = "registry"
    TASK = "task"
    ACL = "acl"
    CONFIGURATION = "configuration"
    FIREWALL_PROFILE = "firewall_profile"
    FIREWALL_RULE = "firewall_rule"
    POOL = "pool"
    SERVER = "server"
    VIRTUAL_DIRECTORY = "virtual_directory"


class Write(Written):
    """Places of one kind that an action may change: exactly one of the kinds, as a text with PowerShell's wildcards.

    `{{ name }}` in it stands for a value of the change, a parameter of the step, or `plan`.
    """

    service: Sentence | None = Field(default=None, description="Services by name: MSExchange*.")
    file: Sentence | None = Field(default=None, description="Files by path, also what lies in a folder: C:\\data\\*.")
    folder: Sentence | None = Field(
        default=None, description="Folders by path, to make or remove; not what is in them."
    )
    registry: Sentence | None = Field(
        default=None, description="Values of the registry: the key, a backslash and the name of the value."
    )
    task: Sentence | None = Field(default=None, description="Scheduled tasks by path and name.")
    acl: Sentence | None = Field(default=None, description="Files and folders whose access list it sets, by path.")
    configuration: Sentence | None = Field(
        default=None,
        description="Elements and attributes of IIS's applicationHost.config: the location, or applicationHost.config "
        "for the whole server, then a colon, a blank, and the names from the root.",
    )
    pool: Sentence | None = Field(
        default=None, description="Application pools of IIS by name, to start, stop and recycle."
    )
    firewall_profile: Sentence | None = Field(
        default=None, description="Profiles of Windows Firewall that it sets: Domain, Private or Public."
    )
    firewall_rule: Sentence | None = Field(
        default=None, description="Rules of Windows Firewall by name (InstanceID), of those that are set on the server."
    )
    server: Literal["restart", "mitigations"] | None = Field(
        default=None,
        description="What it does to the server itself: restart, together with reboots: true; or mitigations, what "
        "Exchange Emergency Mitigation is to leave out there.",
    )
    virtual_directory: Sentence | None = Field(
        default=None, description="Virtual directories of Exchange whose URLs it sets, each by its GUID."
    )
    what: Sentence | None = Field(default=None, description="What it changes there, for people.")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Write:
        given = [kind for kind in PlaceKind if getattr(self, kind) is not None]
        if len(given) != 1:
            kinds = ", ".join(PlaceKind)
            what = f"names {' and '.join(given)}" if given else "names no place"
            raise MistakeError(what, f"give each entry one of {kinds}", way=())
        return self

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, str]:
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    @cached_property
    def kind(self) -> PlaceKind:
        """What kind of place it names."""
        return next(kind for kind in PlaceKind if getattr(self, kind) is not None)

    @property
    def pattern(self) -> str:
        """The places, as written: with wildcards, and `{{ name }}` for what is filled in."""
        return str(getattr(self, self.kind))

    def __str__(self) -> str:
        return f"{self.kind} {self.pattern}" + (f" ({self.what})" if self.what else "")


# What a change is told: an expression, or a value by itself.
Told = bool | int | Sentence
# What people read beside a value.
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Changes(Written):
    """What an action that is judged by compliant_when changes where that is false: one change for each such record.

    Values are expressions: Kind.Property of a Kind that compliant_when names, params.name, or a literal ('text', 7,
    true, none). In title and disturbs an expression stands in braces: `Set {{ Service.Name }} to start by itself`.
    """

    title: Sentence = Field(
        description="One sentence without a full stop, for people; {{ Kind.Property }} may stand in it."
    )
    values: Annotated[dict[Name, Told], Field(min_length=1)] = Field(
        description="What both templates are told beside the parameters: each an expression, or a value."
    )
    before: dict[Label, Told] = Field(default_factory=dict, description="What was seen, for people; as values.")
    after: dict[Label, Told] = Field(default_factory=dict, description="What it will be, by the same names.")
    disturbs: Sentence | None = Field(
        default=None,
        description="What a user of the server may notice, one sentence; as title. Left out where nothing.",
    )


class ActionContract(Written):
    """action.yml: what an action reads, says, needs and disturbs."""

    title: Sentence = Field(description="What it looks at, in a few words.")
    description: Sentence = Field(description="What it finds out and why that matters, for an administrator.")
    params: dict[Name, ParamSpec] = Field(default_factory=dict, description="What a step may or must give it.")
    outputs: dict[str, dict[str, Annotated[PropertySpec, _ShortForm(HELD)]]] = Field(
        description="Each Kind that the collect script emits, with all its properties, their types and values."
    )
    facts: dict[Name, Annotated[FactSpec, _ShortForm(TYPE)]] = Field(
        default_factory=dict, description="The names that `when` of later steps may use, with their types and values."
    )
    reads: list[Sentence] = Field(description="Every place on the host that it reads.")
    writes: list[Write] = Field(
        description="Every place on the host that its changes may write, {service: MSExchange*}; empty where none."
    )
    needs: Needs = Field(description="What has to be there on the host: rights, and modules to import.")
    session: Annotated[SessionKind, Field(strict=False)] = Field(
        default=SessionKind.LOCKED,
        description="locked: the host's own engine refuses what its ConstrainedLanguage does not allow. full: only the "
        "linter holds the script to reading; such an action runs with --allow-full-language alone.",
    )
    disruptive: bool = Field(description="Whether a user of the server could notice it.")
    reboots: bool = Field(description="Whether it restarts the server.")
    interruption: Sentence = Field(description="What disappears and for how long; `none` where nothing does.")
    interruption_seconds: Annotated[int, Field(ge=0, le=7200)] = Field(
        default=0,
        description="For how long a change may leave the server unreachable or services on their way, up to 7200: that "
        "is waited out, and anything longer is a failure. 0 where nothing is waited for.",
    )
    reversible: bool = Field(description="Whether what it changes can be undone.")
    timeouts: Timeouts = Field(description="How long its scripts may take.")
    confirm: Confirm | None = Field(
        default=None,
        description="With rollback.ps1.j2: the server undoes each change by itself unless it is confirmed in time.",
    )
    detached: RunDetached | None = Field(
        default=None,
        description="With apply.ps1.j2: it and rollback.ps1.j2 run as tasks of the server, which go on without the "
        "connection, and are looked after until they have ended. Not together with confirm.",
    )
    evidence: Keeps | None = Field(
        default=None,
        description="With evidence.ps1.j2: which file is read and kept on the controller before a change is made.",
    )
    idempotent: Literal[True] = Field(description="That running it twice is the same as once; must be true.")
    campaigns: list[Sentence] = Field(default_factory=list, description="Attack campaigns that it answers.")
    cves: list[Annotated[str, StringConstraints(pattern=CVE)]] = Field(
        default_factory=list, description="CVEs that it answers."
    )
    compliant_when: Sentence | None = Field(
        default=None,
        description="Judges an action that is not built in: true where all is well, by Kind.Property and params.name.",
    )
    severity: Annotated[Severity, Field(strict=False)] | None = Field(
        default=None, description="With compliant_when: how much it matters where that is false; medium by default."
    )
    next: Sentence | None = Field(
        default=None, description="With compliant_when: what to do where that is false, one imperative sentence."
    )
    changes: Changes | None = Field(
        default=None, description="With compliant_when and apply.ps1.j2: what is changed where that is false."
    )

    @model_validator(mode="after")
    def _kinds_are_usable(self) -> ActionContract:
        for kind, properties in self.outputs.items():
            if kind == "Unread":
                raise MistakeError("is every action's", "leave it out", way=("outputs", kind))
            if not re.fullmatch(KIND, kind):
                raise MistakeError("is not a Kind", "write it LikeThis", way=("outputs", kind))
            for name in properties:
                if name == "Kind":
                    raise MistakeError("is every record's", "leave it out", way=("outputs", kind, name))
                if not re.fullmatch(KIND, name):
                    raise MistakeError("is not a property", "write it LikeThis", way=("outputs", kind, name))
        return self

    @model_validator(mode="after")
    def _restarts_are_proven(self) -> ActionContract:
        if not self.reboots:
            for number, write in enumerate(self.writes):
                if write.server == "restart":
                    advice = "set reboots to true, so that the restart is planned, waited for and proven"
                    raise MistakeError("restarts the server, and reboots is false", advice, way=("writes", number))
            return self
        emitted = {name: spec.type for name, spec in self.outputs.get(BOOT, {}).items()}
        if any(emitted.get(name) != kind for name, kind in BOOT_PROPERTIES.items()):
            what = "lacks the record that proves a restart"
            advice = f"with reboots the collect script emits it: {BOOT}: {{Time: text, Starting: integer}}"
            raise MistakeError(what, advice, way=("outputs",))
        if not self.interruption_seconds:
            raise MistakeError(
                "is missing", "with reboots it says how long the server may be away", way=("interruption_seconds",)
            )
        return self

    @model_validator(mode="after")
    def _judged_in_one_way(self) -> ActionContract:
        if self.compliant_when is not None and set(self.facts) - {"compliant"}:
            raise MistakeError(
                "cannot be: with compliant_when there is one fact, compliant", "leave facts out", way=("facts",)
            )
        if self.compliant_when is None:
            for name in ("severity", "next", "changes"):
                if getattr(self, name) is not None:
                    raise MistakeError("goes with compliant_when", "remove it, or add that", way=(name,))
        return self


class OnFailure(StrEnum):
    """What a failed step means for the steps after it on this host."""

    STOP = "stop"
    CONTINUE = "continue"
    ROLLBACK = "rollback"  # undo what the step changed on this host, then stop


class Step(Written):
    """One action with its parameters."""

    model_config = ConfigDict(populate_by_name=True)

    id: Name = Field(description="How `when` of later steps and reports name this step.")
    action: ActionId = Field(description="The action, area.name.")
    with_: dict[Name, Given] = Field(
        default_factory=dict,
        alias="with",
        description="The action's parameters; \"{{ params.name }}\" passes one of the playbook's.",
    )
    when: Sentence | None = Field(
        default=None,
        description="Runs the step only where this is true: over step.fact of earlier steps and params.name.",
    )
    on_failure: Annotated[OnFailure, Field(strict=False)] = Field(
        default=OnFailure.CONTINUE, description="Whether the steps after it are still run when it fails on a host."
    )
    confirm: Confirm | None = Field(
        default=None,
        description="The server undoes each change of this step by itself unless it is confirmed in time; instead of "
        "what the action says of that.",
    )
    detached: RunDetached | None = Field(
        default=None,
        description="The changes of this step run as tasks of the server; instead of what the action says of that.",
    )


LABEL = r"^[^\W\d_][\w.-]*$"


def _share(written: object) -> object:
    """A count as YAML has it, as the text that it is written as."""
    return str(written) if type(written) is int else written


class Strategy(Written):
    """How a playbook spreads over a fleet. An audit asks every host, and needs `parallel` alone of it."""

    parallel: Annotated[int, Field(ge=1, le=1000)] = Field(default=32, description="Hosts at a time, 1 to 1000.")
    waves: list[Annotated[str, BeforeValidator(_share, json_schema_input_type=int | str), Field(pattern=WAVE)]] = Field(
        default_factory=list,
        description="Hosts in each wave, begun once the last has ended: a count, a percentage of all hosts, or `rest`. "
        "Without `rest` the last size is repeated; without any there is one wave.",
    )
    pause_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=0, description="Between the end of a wave and the begin of the next, up to a day."
    )
    limits: dict[Annotated[str, StringConstraints(pattern=LABEL)], Annotated[int, Field(ge=1, le=1000)]] = Field(
        default_factory=dict,
        description="How many hosts with the same value of a label are in work together: {dag: 1}.",
    )
    budget: Annotated[str, BeforeValidator(_share, json_schema_input_type=int | str), Field(pattern=SHARE)] | None = (
        Field(
            default=None,
            description="Once so many hosts have failed no further one is begun: a count, or a percentage of all.",
        )
    )

    health: list[Name] = Field(
        default_factory=list,
        description="Steps of this playbook by which each changed host of a wave is asked, behind the pause, whether "
        "it is well. Where one is not, no further host is begun.",
    )

    @model_validator(mode="after")
    def _rest_is_last(self) -> Strategy:
        if "rest" in self.waves[:-1]:
            number = self.waves.index("rest")
            raise MistakeError("leaves nothing for the waves after it", "make it the last", way=("waves", number))
        return self

    @model_validator(mode="after")
    def _health_is_between_waves(self) -> Strategy:
        if self.health and self.waves in ([], ["rest"], ["100%"]):
            what = "is looked at between waves, and all hosts are one wave"
            raise MistakeError(what, "add waves: [1, 10%, rest], or remove it", way=("health",))
        for number, step in enumerate(self.health):
            if step in self.health[:number]:
                raise MistakeError("stands there before", "remove one", way=("health", number))
        return self


class Playbook(Written):
    """Ordered steps over actions."""

    name: Annotated[str, StringConstraints(pattern=PLAYBOOK)] = Field(description="Its name; that of the file too.")
    title: Sentence = Field(description="What it is for, in one sentence.")
    params: dict[Name, ParamSpec] = Field(
        default_factory=dict, description="What `--param name=value` may or must give it."
    )
    strategy: Strategy = Field(default_factory=Strategy, description="How it spreads over a fleet.")
    steps: Annotated[list[Step], Field(min_length=1)] = Field(description="What is done on each host, in this order.")

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Playbook:
        seen: set[str] = set()
        for number, step in enumerate(self.steps):
            if step.id == PARAMS:
                raise MistakeError(
                    "is what `when` calls the parameters", "name the step otherwise", way=("steps", number, "id")
                )
            if step.id in seen:
                raise MistakeError("is the id of an earlier step too", "rename one", way=("steps", number, "id"))
            seen.add(step.id)
        return self

    @model_validator(mode="after")
    def _health_is_known_by_steps(self) -> Playbook:
        ids = [step.id for step in self.steps]
        for number, step in enumerate(self.strategy.health):
            if step not in ids:
                advice = suggestion(step, ids, otherwise=f"there are: {', '.join(ids)}")
                raise MistakeError(f"no step is called {step!r}", advice, way=("strategy", "health", number))
        return self


class Assess(Protocol):
    """The signature of `assess` in every assess.py.

    `params` are the step's typed parameters, `today` the controller's UTC date: support ends on a day, and a
    judgement that reads the clock itself could not be replayed.
    """

    def __call__(
        self, observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date
    ) -> Assessment: ...


@dataclass(frozen=True, slots=True)
class Templates:
    """The texts that an action's scripts are rendered from: collect.ps1.j2, apply.ps1.j2 and so on.

    Attributes:
        collect: reads; every action has it.
        apply: changes; None for an action that only reads.
        rollback: undoes that; None where nothing is changed, or it cannot be undone.
        evidence: reads what is to be kept before it is changed; None where nothing is.
    """

    collect: str
    apply: str | None = None
    rollback: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """An action as loaded: its contract, the templates of its scripts, and its judgement.

    Attributes:
        source: where it is from, for people: a folder, or `exrun:` and the id of a built-in.
        declared_at: where its contract declares each Kind, for messages.
        assess: the function of a built-in's assess.py, or the judgement that `compliant_when` makes.
    """

    id: str
    source: str
    contract: ActionContract
    templates: Templates
    assess: Assess
    declared_at: Mapping[str, Location] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """One step with everything that running it needs; nothing of it is looked up later.

    Attributes:
        params: every parameter of the action, given or by default, of its declared type.
        condition: the parsed `when`; None where the step always runs.
        collect: the rendered collect script. What changes a host cannot be rendered before it was observed: its
            templates are those of `action`.
    """

    step: Step
    action: Action
    params: Mapping[str, Value]
    condition: Condition | None
    collect: str


@dataclass(frozen=True, slots=True)
class ReadyPlaybook:
    """A playbook, checked and rendered.

    Attributes:
        digest: the SHA-256 (hexadecimal) of its file's bytes, for the journal.
        limited_at: where its strategy names each label of its limits, for messages.
    """

    playbook: Playbook
    source: str
    digest: str
    steps: tuple[ReadyStep, ...]
    limited_at: Mapping[str, Location] = field(default_factory=dict)
