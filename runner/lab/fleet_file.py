"""The fleet file (YAML, `lab: fleet/1`) and the state files that it names: everything wrong with them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, IPvAnyAddress

from playbooks.errors import DocumentError
from runner.lab.faults import Act, Fault, InSession, Step
from runner.lab.fleet import Account, Authentication, Fleet, LabHost, Limits, Scheme
from runner.lab.state import HostState, Strict
from texts import schemas
from texts.models import Document, Words, read_whole
from texts.places import Location
from texts.problems import MistakeError, Problem
from texts.yaml_tree import Mapping as MappingNode
from texts.yaml_tree import locate, strict

VERSION = "fleet/1"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
Name = Annotated[str, Field(pattern=NAME)]
M = TypeVar("M", bound=BaseModel)
_WORDS = Words("docs/reference/lab.md", {NAME: ("cannot be a name", "use letters, digits, `.`, `_` and `-`")})


class LimitsDocument(Strict):
    """Quotas and timeouts of WinRM; what is left out is Windows' default."""

    max_shells_per_user: int | None = Field(default=None, ge=0, description="Open and disconnected shells.")
    max_envelope_kb: int | None = Field(default=None, ge=8, le=8192, description="KiB of one request or reply.")
    max_concurrent_operations_per_user: int | None = Field(
        default=None, ge=1, description="Commands not terminated, and requests without an answer."
    )
    idle_seconds: float | None = Field(default=None, gt=0, description="An unused shell is closed after this time.")
    max_idle_seconds: float | None = Field(default=None, gt=0, description="The longest that a client may ask for.")
    operation_seconds: float | None = Field(default=None, gt=0, description="A Receive waits at most this long.")
    keep_alive_seconds: float | None = Field(default=None, gt=0, description="A quiet connection is closed.")
    allow_unencrypted: bool | None = Field(default=None, description="Messages over HTTP need not be sealed.")
    clock_ahead_seconds: float | None = Field(
        default=None, description="How far the Date of its answers is ahead of this machine's clock; below 0: behind."
    )


class FaultDocument(Strict):
    """One fault; docs/reference/lab.md lists which act is possible at which step."""

    act: Act = Field(description="What happens.")
    at: Step = Field(default=Step.MESSAGE, description="At which step; message is every step after authentication.")
    first: int = Field(default=1, ge=1, description="The occurrence of the step at which it begins.")
    times: int | None = Field(default=None, ge=1, description="For how many occurrences; without it for ever.")
    milliseconds: float = Field(default=0.0, ge=0, le=600_000, description="For latency, drip and restart.")
    status: int = Field(default=503, ge=400, le=599, description="The HTTP status, for status.")
    code: int = Field(default=5, ge=0, le=0xFFFFFFFF, description="The WSManFault code, for fault.")
    session: InSession | None = Field(
        default=None,
        description="Only where collects run (locked) or changes (full); at command, receive, send, signal.",
    )

    def fault(self) -> Fault:
        """The record. Raises MistakeError where the act cannot happen at the step."""
        return Fault(self.act, self.at, self.first, self.times, self.milliseconds, self.status, self.code, self.session)


class Settings(Strict):
    """What a fleet, a client or a host may say; the nearest to the host counts. Faults and labels add up."""

    engine: Literal["sim", "pwsh"] | None = Field(default=None, description="Who answers; sim without it.")
    scheme: Scheme | None = Field(default=None, description="http without it.")
    authentication: Authentication | None = Field(
        default=None, description="What the inventory says; certificate needs https. negotiate without it."
    )
    limits: LimitsDocument = Field(default_factory=LimitsDocument)
    faults: list[FaultDocument] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict, description="For the inventory that fits the fleet.")


class HostDocument(Settings):
    """One server."""

    state: str = Field(min_length=1, description="Its state file, relative to the fleet file.")
    address: IPvAnyAddress | None = Field(default=None, description="On 127.0.0.0/8; 127.0.0.1 without it.")
    port: int = Field(default=0, ge=0, le=65535, description="0 lets the operating system choose.")


class ClientDocument(Settings):
    """One client: its account, for this lab only, and its servers."""

    user: str = Field(min_length=1, pattern=r"^[^:\r\n]+$", description="DOMAIN\\name.")
    password: str = Field(min_length=1, description="Its password, of this lab alone: it opens no door anywhere else.")
    hosts: dict[Name, HostDocument] = Field(min_length=1)


class FleetDocument(Settings):
    """The file."""

    lab: Literal["fleet/1"] = Field(description="The version of this format.")
    day: date | None = Field(
        default=None, description="As on which it is to be judged, so that its verdicts stay: exrun audit --as-of."
    )
    clients: dict[Name, ClientDocument] = Field(min_length=1)


def load_fleet(path: Path, *, engine: str | None = None) -> Fleet:
    """Reads a fleet file and the state files that it names.

    Args:
        engine: answers for all hosts, whatever the files say.

    Raises:
        DocumentError: with all problems, each with file, line and path.
    """
    problems: list[Problem] = []
    fleet = _read(path, FleetDocument, f"begin with `lab: {VERSION}`", Location(str(path)))
    states: dict[Path, HostState | None] = {}

    def state_of(host: HostDocument, named: Location) -> HostState | None:
        file = path.parent / host.state
        if file not in states:
            states[file] = None
            try:
                states[file] = read_state(file, named)
            except DocumentError as error:
                problems.extend(error.problems)
        return states[file]

    hosts = list(_hosts(fleet.model, fleet.tree, state_of, engine, problems))
    if problems:
        raise DocumentError(problems)
    return Fleet(tuple(hosts), fleet.model.day)


def read_state(path: Path, named: Location) -> HostState:
    """A server's state file.

    Args:
        named: where the path stands, for the error of one that cannot be read.

    Raises:
        DocumentError: with all problems that were found.
    """
    return _read(path, HostState, "begin with `name:`", named).model


def schema_text(model: Literal["fleet", "state"]) -> str:
    """The JSON Schema (2020-12) of the fleet file or of a state file, as published in docs/reference/schemas/."""
    kind = FleetDocument if model == "fleet" else HostState
    return schemas.text_of(schemas.of_model(f"lab-{model}", kind))


def _hosts(
    document: FleetDocument,
    tree: MappingNode,
    state_of: Callable[[HostDocument, Location], HostState | None],
    engine: str | None,
    problems: list[Problem],
) -> Iterator[LabHost]:
    taken: dict[tuple[str, int], str] = {}
    for client_name, client in document.clients.items():
        account = Account(client.user, client.password)
        for name, host in client.hosts.items():
            way = ("clients", client_name, "hosts", name)
            address = str(host.address or "127.0.0.1")
            if not address.startswith("127."):
                at = locate(tree, (*way, "address"))[0]
                problems.append(Problem(at, "is not on 127.0.0.0/8", "the lab is served on this machine only"))
            key = f"{client_name}/{name}"
            other = taken.setdefault((address, host.port), key)
            if host.port and other != key:
                at = locate(tree, (*way, "port"))[0]
                problems.append(Problem(at, f"{other} has this address and port", "give another, or 0"))
            layers = (document, client, host)
            scheme: Scheme = host.scheme or client.scheme or document.scheme or "http"
            authentication: Authentication = (
                host.authentication or client.authentication or document.authentication or "negotiate"
            )
            if authentication == "certificate" and scheme != "https":
                at = locate(tree, way, key=True)[0]
                problems.append(Problem(at, "authentication by certificate needs https", "add `scheme: https`"))
            faults: list[Fault] = []
            for layer, place in zip(layers, ((), ("clients", client_name), way), strict=True):
                faults += _faults(layer, place, tree, problems)
            state = state_of(host, locate(tree, (*way, "state"))[0])
            if state is None:
                continue
            in_state = state.engine if "engine" in state.model_fields_set else None
            if in_state is not None and host.engine not in (None, in_state):
                at = locate(tree, (*way, "engine"))[0]
                problems.append(
                    Problem(at, f"is {host.engine}, and the state of {name} says {in_state}", "remove one of them")
                )
            chosen = engine or host.engine or in_state or client.engine or document.engine or "sim"
            yield LabHost(
                client=client_name,
                name=name,
                state=state.model_copy(update={"name": name} | ({} if in_state is None else {"engine": chosen})),
                account=account,
                address=address,
                port=host.port,
                scheme=scheme,
                authentication=authentication,
                engine=chosen,
                limits=_limits(layers),
                faults=tuple(faults),
                labels=MappingProxyType({key: text for layer in layers for key, text in layer.labels.items()}),
            )


def _limits(layers: tuple[Settings, ...]) -> Limits:
    given: dict[str, Any] = {}
    for layer in layers:
        given |= {key: value for key, value in layer.limits.model_dump().items() if value is not None}
    return Limits(**given)


def _faults(layer: Settings, way: tuple[str, ...], tree: MappingNode, problems: list[Problem]) -> Iterator[Fault]:
    for number, written in enumerate(layer.faults):
        try:
            yield written.fault()
        except MistakeError as error:
            at = locate(tree, (*way, "faults", number))[0]
            problems.append(Problem(at, error.what, error.advice))


def _read(path: Path, model: type[M], begin: str, named: Location) -> Document[M]:
    try:
        data = path.read_bytes()
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror or type(error).__name__}"
        raise DocumentError([Problem(named, what, "check the path; it is relative to the fleet file")]) from None
    return read_whole(data, str(path), model, strict(begin, deepest=16), _WORDS, DocumentError)
