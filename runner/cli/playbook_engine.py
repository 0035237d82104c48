"""A case on an engine of the lab: its state is served, collected over WinRM, changed, looked at again, and undone.

The way is that of an audit and of an apply: the gate, a locked session for what reads, a pool of its own for what
changes. What undoes itself or runs detached is sent bare here: the action's own scripts are what is tried.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from inventory.model import Authentication, Host, Scheme
from playbooks.cases import Case
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import ReadyChange
from playbooks.changing import ready_changes
from playbooks.errors import ChangeError, DocumentError
from playbooks.findings import Assessment, UnknownFact
from playbooks.loading import collected
from playbooks.model import Action, SessionKind
from playbooks.observation import UNREAD_KIND, NotObserved, Observation
from playbooks.shelf import BUILT_IN
from playbooks.values import Record
from runner.answers import observation_of
from runner.lab.engines.interface import Engine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.fleet_file import read_state
from runner.lab.saving import state_text
from runner.lab.server import Lab, start
from runner.lab.state import HostState
from runner.secrets.interface import Secret
from runner.transport.connecting import Connector
from runner.transport.failures import TransportError, in_words
from runner.transport.gate import Gate
from runner.transport.interface import ChangeResult, Completed, Connect, Deadlines, Script, ScriptResult, Terminated
from runner.trying import NO_PLAN, CaseResult, Differs, Result, assessed, compared, on_recorded_answer, shown
from texts.places import Location
from texts.problems import Problem

__all__ = ["OnEngine"]

_CLIENT, _NAME = "lab", "CASE"
_SECONDS = 120.0
_NO_SCRIPTS = "sim knows the scripts of this version alone: --engine pwsh runs any"
_RESTARTS = "its changes were not made: they restart the server"


@dataclass(frozen=True, slots=True)
class OnEngine:
    """Tries cases on an engine.

    Attributes:
        today: the day of cases that name none.
    """

    engine: Engine
    catalogue: Catalogue
    today: date

    def __call__(self, case: Case, action: Action) -> CaseResult:
        """What one case comes to: on its recorded answer where it has one, and on its state where it has one.

        Raises:
            DocumentError: the state is wrong, or a script cannot be rendered.
            LabError: the lab cannot serve it.
        """
        recorded = on_recorded_answer(case, action, self.catalogue, self.today)
        if case.state is None:
            return recorded
        state = _state(case)
        if self.engine.name == "sim" and not action.source.startswith(BUILT_IN) and not state.answers:
            on_answer = f"on its recorded answer alone: {_NO_SCRIPTS}"
            return replace(recorded, why=on_answer if case.answer is not None else _NO_SCRIPTS)
        with _served(state, self.engine, action) as server:
            trial = _Trial(case, action, server, self.catalogue, self.today)
            differs = list(trial.differs())
        both = tuple(dict.fromkeys((*recorded.differs, *differs)))
        result = Result.FAILED if both else Result.PASSED
        return CaseResult(case, result, both, trial.why, (*recorded.on, *trial.on))


def _state(case: Case) -> HostState:
    written = case.state
    if isinstance(written, str):
        return read_state(Path(case.at.file).parent / written, case.at)
    try:
        return HostState.model_validate({"name": _NAME, **(written or {})})
    except ValidationError as error:
        problems = []
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            way = ".".join(map(str, ("state", *each["loc"])))
            at = Location(case.at.file, case.at.line, case.at.column, way)
            problems.append(Problem(at, each["msg"].lower(), "see docs/reference/lab.md, The state file"))
        raise DocumentError(problems) from None


@dataclass(slots=True)
class _Server:
    """One served server, and the way to it."""

    lab: Lab
    connect: Connect
    token: str

    def state(self) -> HostState:
        """What it is now."""
        [(_, _, state)] = self.lab.states()
        return state

    def collect(self, script: Script) -> ScriptResult:
        transport = self.connect(Gate.of([script], self.token), _deadlines())
        try:
            transport.open()
            [result] = transport.observe([script])
            return result
        finally:
            transport.close()

    def change(self, scripts: Sequence[Script]) -> Iterator[tuple[Script, ChangeResult]]:
        """Each in the order given, over one connection; nothing after one that is not known to have ended."""
        transport = self.connect(Gate.of(scripts, self.token, once=True), _deadlines())
        try:
            transport.open()
            for script in scripts:
                result = transport.change(script)
                yield script, result
                if not isinstance(result, Completed):
                    return
        finally:
            transport.close()


def _deadlines() -> Deadlines:
    return Deadlines(host=4 * _SECONDS, connect=_SECONDS, script=_SECONDS, close=_SECONDS)


@contextmanager
def _served(state: HostState, engine: Engine, action: Action) -> Iterator[_Server]:
    password = secrets.token_urlsafe(16)
    account = Account(f"{_CLIENT}\\author", password)
    with start(Fleet((LabHost(_CLIENT, _NAME, state, account, engine=engine.name),)), {engine.name: engine}) as lab:
        served = lab.host(f"{_CLIENT}/{_NAME}")
        host = Host(
            client=_CLIENT,
            name=_NAME,
            address=served.host.address,
            port=served.port,
            scheme=Scheme.HTTP,
            authentication=Authentication.NTLM,
            origin=Location(action.source),
            user=account.user,
        )
        connect = Connector().to(host, Secret(password))
        yield _Server(lab, connect, secrets.token_hex(16))


@dataclass(slots=True)
class _Trial:
    """One case on one server."""

    case: Case
    action: Action
    server: _Server
    catalogue: Catalogue
    today: date
    on: tuple[str, ...] = ()
    why: str = ""

    def differs(self) -> Iterator[Differs]:
        """Everything that is not as it should be, in the order in which it is looked at."""
        try:
            yield from self._differs()
        except TransportError as error:
            yield Differs("the lab", "an answer", in_words(error.failure))

    def _differs(self) -> Iterator[Differs]:
        before = self.server.state()
        self.on = ("state",)
        result = self._collect()
        observation = observation_of(result, self.action.contract)
        yield from self._records(result)
        assessment = self._assessed(observation)
        yield from compared(self.case, observation, assessment)
        if state_text(self.server.state()) != state_text(before):
            yield Differs("collect", "it changes nothing", "the server is another than before")
        if not assessment.changes or self.action.templates.apply is None:
            return
        if self.action.contract.reboots:
            self.why = _RESTARTS
            return
        bare = self.action.contract.model_copy(update={"confirm": None, "detached": None})
        try:
            ready = ready_changes(replace(self.action, contract=bare), self.case.params, assessment.changes, NO_PLAN)
        except ChangeError:
            return  # said of the recorded answer, or by `compared`
        yield from self._changed(ready, assessment, before, observation)

    def _changed(
        self, ready: Sequence[ReadyChange], first: Assessment, before: HostState, observed: Observation
    ) -> Iterator[Differs]:
        """Made, looked at, made once more, and undone."""
        self.on += ("apply",)
        applies = [_script("apply", each.apply) for each in ready]
        wrong = list(self._sent("apply", applies))
        yield from wrong
        if wrong:
            return
        self.on += ("again",)
        yield from self._converged(first)
        after = self.server.state()
        yield from self._sent("apply, once more", applies)
        if state_text(self.server.state()) != state_text(after):
            yield Differs("apply, once more", "it changes nothing", "the server is another than after the first time")
        rollbacks = [_script("rollback", each.rollback) for each in reversed(ready) if each.rollback is not None]
        if not rollbacks:
            return
        self.on += ("rollback",)
        yield from self._sent("rollback", rollbacks)
        if state_text(self.server.state()) != state_text(before):
            yield from _others("rollback", before, self.server.state())
        elif observation_of(self._collect(), self.action.contract) != observed:
            yield Differs("rollback", "the records are those of before", "they are others")

    def _converged(self, first: Assessment) -> Iterator[Differs]:
        """Whether a second look names nothing that is left to do, and says what the first one said would hold."""
        observation = observation_of(self._collect(), self.action.contract)
        if isinstance(observation, NotObserved):
            yield Differs("after apply", "an answer", observation.reason)
            return
        second = self._assessed(observation)
        left = tuple(each.id for each in second.changes)
        if left:
            yield Differs("after apply", "no changes are left", shown(left))
        for name, wanted in (first.then or {}).items():
            came = second.facts.get(name)
            if not isinstance(wanted, UnknownFact) and came != wanted:
                yield Differs(f"after apply, facts.{name}", shown(wanted), shown(came))

    def _sent(self, what: str, scripts: Sequence[Script]) -> Iterator[Differs]:
        for _, result in self.server.change(scripts):
            if not isinstance(result, Completed):
                yield Differs(what, "the script ends", _ended(result))
            elif result.streams.errors:
                yield Differs(what, "no error", result.streams.errors[0].message)

    def _collect(self) -> ScriptResult:
        problems: list[Problem] = []
        script = collected(self.action, self.case.params, problems)
        if script is None:
            raise DocumentError(problems)
        contract = self.action.contract
        full = contract.session is SessionKind.FULL
        return self.server.collect(Script("collect", script, full=full, modules=tuple(contract.needs.modules)))

    def _assessed(self, observation: Observation) -> Assessment:
        return assessed(self.case, self.action, observation, self.catalogue, self.today)

    def _records(self, result: ScriptResult) -> Iterator[Differs]:
        """Where the script says of the state something else than the case has recorded, in whatever order."""
        if not isinstance(self.case.answer, tuple) or not isinstance(result, Completed):
            return
        wanted = Counter(map(_shown_record, self.case.answer))
        came = Counter(_shown_record(each) for each in result.streams.output if isinstance(each, Mapping))
        for record in (wanted - came).elements():
            yield Differs("records", record, "(no such record)")
        for record in (came - wanted).elements():
            yield Differs("records", "(no such record)", record)


def _shown_record(record: Record) -> str:
    kind = record.get("Kind")
    rest = {name: record[name] for name in sorted(record) if name != "Kind" and (kind, name) != (UNREAD_KIND, "Why")}
    return shown({"Kind": kind, **rest})


def _script(purpose: str, text: str) -> Script:
    return Script(purpose, text, full=True)


def _ended(result: ChangeResult) -> str:
    match result:
        case Terminated(error=error):
            return error.message
        case _:
            failure = getattr(result, "failure", None)
            return type(result).__name__ if failure is None else in_words(failure)


def _parts(value: object, way: str = "") -> Iterator[tuple[str, str]]:
    """Each single value of a state, by the way to it: `services.Spooler.start_mode`, `Auto`."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _parts(each, f"{way}.{name}" if way else str(name))
    else:
        yield way, shown(value)


def _others(what: str, wanted: HostState, came: HostState) -> Iterator[Differs]:
    """The values of a state that are others."""
    was, now = (dict(_parts(each.model_dump(mode="json"))) for each in (wanted, came))
    for way in sorted({*was, *now}):
        if was.get(way) != now.get(way):
            yield Differs(what, f"{way}: {was.get(way, '(nothing)')}", f"{way}: {now.get(way, '(nothing)')}")
