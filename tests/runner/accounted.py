"""A fleet of the lab and the command, with an account of what each server did that can be held against the journal.

What each was handed, and what its tasks did by themselves; with the line of the run's journal that was in the file,
the evidence that was in the store, and how its services and files stood.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from runner import applying, events
from runner.events import Recorded, Settlement
from runner.journal.errors import JournalUnreadable
from runner.journal.location import JOURNAL
from runner.journal.verification import read
from runner.lab.engines.interface import Engine
from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState, HostState, LiveState, RegistryKey, ServiceState
from runner.plan.records import Plan, PlannedChange
from runner.transport.gate import is_own
from tests.runner.explaining import Against, ByItself, Own, Ran, Stands, illegal
from tests.runner.lab.test_mending_over_the_wire import healthy, with_services
from tests.runner.rehearsal import Rehearsal, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

CLIENT = "alpha"
PLAN = "plan.json"
# Of each host something is wrong; of the second less, so that their scripts are not the same.
BROKEN: Sequence[Mapping[str, ServiceState]] = (
    {
        "MSExchangeADTopology": ServiceState(state="Stopped", start_mode="Disabled"),
        "MSExchangeHM": ServiceState(start_mode="Manual"),
    },
    {"W3SVC": ServiceState(state="Stopped"), "MSExchangeTransport": ServiceState(start_mode="Disabled")},
    {"MSExchangeIS": ServiceState(state="Stopped", start_mode="Disabled")},
)
PATH = "C:\\inetpub\\wwwroot\\aspnet_client\\planted.aspx"
PLANTED = FileState(
    content="<%-- planted: does nothing --%>",
    created="2021-03-02T10:00:00.1234567Z",
    modified="2021-03-03T23:59:59.0000000Z",
    attributes="Archive",
    sddl="O:S-1-5-21-1-2-3-1001G:DUD:PAI(A;;FA;;;WD)",
)
PLANTED_SHA256 = hashlib.sha256(PLANTED.data).hexdigest()
QUARANTINE = f"""\
  - id: shell
    action: file.quarantine
    with: {{path: '{PATH}', sha256: {PLANTED_SHA256}}}
"""
RESTART = """\
  - id: restart
    action: windows.restart
"""
PENDING = {
    "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending": RegistryKey()
}
_RESTARTS = "restarts"
_MODES = {"Auto": "Automatic"}
TASK_SECONDS = 0.2


class Manner(StrEnum):
    """How the changes of a step are made; what the step has besides, in YAML."""

    PLAIN = ""
    CONFIRMED = "    confirm: {seconds: 3600}\n"  # nobody has to be quick
    DETACHED = "    detached: {seconds: 60}\n"


@dataclass(frozen=True, slots=True)
class Begun:
    """Something that a server ran: a pipeline, a task, which has a name; or that it restarted."""

    host: str
    written: int
    stands: Stands | None  # before it
    stored: frozenset[str]
    task: str = ""


@dataclass
class Accounted(Rehearsal):
    """The fleet while it is served, and its folder.

    Attributes:
        made: the plan of the run that is held to account: the one in plan.json.
    """

    made: Plan | None = None
    _begun: list[Begun] = field(default_factory=list)
    _others: set[int] = field(default_factory=set)  # places in it of what is not of the run

    def __post_init__(self) -> None:
        ledger = self.lab.ledger
        record, ran_task = ledger.record, ledger.ran_task

        def recorded(host: str, *told: Any, **named: Any) -> bool:
            self._begin(host)
            return record(host, *told, **named)

        def ran(host: str, task: str, text: str) -> None:
            self._begin(host, task)
            ran_task(host, task, text)

        for key, served in self.lab.hosts.items():
            served.service.goes_down = self._going_down(key, served.service.goes_down)
        ledger.record = recorded  # type: ignore[method-assign]
        ledger.ran_task = ran  # type: ignore[method-assign]

    def _going_down(self, host: str, goes_down: Callable[[int], None]) -> Callable[[int], None]:
        def goes(refused: int) -> None:
            self._begin(host, _RESTARTS)
            goes_down(refused)

        return goes

    def _begin(self, host: str, task: str = "") -> None:
        self._begun.append(Begun(host, self._lines(), self._stands(host), self._stored(), task))

    @property
    def names(self) -> list[str]:
        return [served.host.name for served in self.lab.hosts.values()]

    def live(self, name: str) -> LiveState:
        return self.lab.host(f"{CLIENT}/{name}").service.live

    def exrun(self, *arguments: str) -> tuple[int, str]:
        """The command in this process: its exit status, and all that it said."""
        status, out, err = self(*arguments, "-i", "inventory.yml", "--timeout", "600")
        return status, out + err

    def plan(self, out: str = PLAN, *arguments: str) -> tuple[int, Plan]:
        """Makes a plan. What it sends is not of the run."""
        before = len(self._begun)
        status, made = super().plan(out, "--timeout", "600", *arguments)
        self._others.update(range(before, len(self._begun)))
        if out == PLAN:
            self.made = made
        return status, made

    def planned_again(self) -> int:
        """The exit status of a further plan: 0 where nothing is left to be done."""
        status, _ = self.plan("again.json", "--force")
        return status

    @property
    def journal(self) -> Path | None:
        """Of the run that took the plan; None before it says so."""
        for path in (self.folder / ".exrun").glob(f"{CLIENT}/runs/*/{JOURNAL}"):
            if b'"plan-taken"' in path.read_bytes():
                return path
        return None

    def recorded(self) -> list[Recorded]:
        journal = self.journal
        try:
            lines = () if journal is None else read(journal)[0]
        except JournalUnreadable:
            lines = ()
        return [events.read(line) for line in lines]

    def _lines(self) -> int:
        journal = self.journal
        return 0 if journal is None else journal.read_bytes().count(b"\n")

    def _stored(self) -> frozenset[str]:
        """What is whole in the evidence store."""
        kept = (self.folder / ".exrun" / CLIENT / "evidence").glob("*.evidence")
        found = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}
        return frozenset(sha256 for name, sha256 in found.items() if name == sha256)

    def _stands(self, host: str) -> Stands | None:
        plan, name = self.made, host.partition("/")[2]
        if plan is None:
            return None
        now = self.live(name).now
        services = {each.casefold(): service for each, service in now.services.items()}
        planned = next((each for each in plan.hosts if each.host == name), None)
        changes = () if planned is None else planned.changes
        return {
            (step.step, change.change.id): _restarted(change, now)
            if change.reboots
            else _stand(change, services, now.files)
            for step, change in changes
        }

    @property
    def ledger(self) -> list[Ran | ByItself]:
        """What the run did on the hosts, and they by themselves, in all its sessions."""
        found: list[Ran | ByItself] = []
        executed = iter(self.lab.ledger.executed())
        for place, each in enumerate(self._begun):
            done = None if each.task else next(executed)
            if place in self._others:
                continue
            later = (one.stands for one in self._begun[place + 1 :] if one.host == each.host)
            stood, name = next(later, self._stands(each.host)), each.host.partition("/")[2]
            if done is None:
                own, sha256 = self._own(each.task, name)
                found.append(ByItself(name, own, sha256, each.written, stood))
                continue
            assert done.host == each.host
            assert not done.unreadable
            locked = {id(statement) for statement in done.collects}
            found += [
                Ran(
                    name,
                    str(done.shell).upper(),
                    statement.sha256,
                    id(statement) in locked,
                    each.written,
                    stood,
                    each.stored,
                )
                for statement in done.statements
                if not is_own(statement.text)
            ]
        return found

    def _own(self, task: str, host: str) -> tuple[Own, str]:
        """What a task does, or a restart, and the script of the plan that it is on account of."""
        assert self.made is not None
        planned = next(each for each in self.made.hosts if each.host == host)
        for _, change in planned.changes:
            if task == _RESTARTS:
                if change.reboots:
                    return Own.RESTARTED, change.apply
                continue
            for sha256 in (change.apply, change.rollback):
                if sha256 is not None and f"'{task}'" in self.made.texts[sha256]:
                    return (Own.WORKED if change.confirm is None else Own.UNDID), sha256
        raise AssertionError(f"{task} on {host} is none of the plan's")

    def changes_sent(self) -> dict[str, list[str]]:
        """By host, the scripts that ran in the full language; a confirmation counts when it came first."""
        confirms = {change.confirm for _, _, change in self.made.changes} if self.made is not None else set()
        found: dict[str, list[str]] = {name: [] for name in self.names}
        for name, sent in found.items():
            for done in self.lab.ledger.executed(f"{CLIENT}/{name}"):
                sent += [each.sha256 for each in done.changes if each.sha256 not in confirms or each.sha256 not in sent]
        return found

    def due(self, *, undone: bool = False) -> dict[str, list[str]]:
        """By host, the scripts that have to run in the full language: each once, and in this order."""
        assert self.made is not None
        found: dict[str, list[str]] = {name: [] for name in self.names}
        for host in self.made.hosts:
            for step in host.steps:
                found[host.host] += [change.apply for change in step.changes]
                found[host.host] += [change.confirm for change in step.changes if change.confirm is not None]
            if undone:
                found[host.host] += [str(change.rollback) for _, change in reversed(list(host.changes))]
        return found

    def check_at_rest(self, *, undone: bool = False) -> None:
        """No guard is left that would undo anything, and no task runs."""
        for name in self.names:
            now = self.live(name).now
            assert {guard.stands for guard in now.guards.values()} <= (set() if undone else {"confirmed"})
            assert {task.stands for task in now.tasks.values()} <= {"done"}

    def states_themselves(self) -> list[tuple[str, str, HostState]]:
        """What each server is, without what is left of guards and tasks."""
        bare: dict[str, object] = {"guards": {}, "tasks": {}}
        return [(client, name, state.model_copy(update=bare)) for client, name, state in self.lab.states()]

    def illegal(self) -> tuple[Against, ...]:
        assert self.made is not None
        return illegal(self.made.hosts, self.recorded(), self.ledger)


def _restarted(change: PlannedChange, now: HostState) -> Settlement:
    return Settlement.NOT_DONE if now.boot_time == change.change.values["started"] else Settlement.DONE


def _stand(change: PlannedChange, services: Mapping[str, ServiceState], files: Mapping[str, FileState]) -> Settlement:
    if change.evidence is not None:
        moved = [each for name, each in files.items() if name.endswith(".quarantined") and each.data == PLANTED.data]
        if (PATH in files) is bool(moved):
            return Settlement.PARTLY_DONE
        return Settlement.DONE if moved else Settlement.NOT_DONE
    service = services.get(str(change.change.values["name"]).casefold())
    if service is None:
        return Settlement.PARTLY_DONE
    mode = _MODES.get(service.start_mode, service.start_mode)
    now = service.state if change.change.values["start_type"] is None else mode
    if now == next(iter(change.change.after.values())):
        return Settlement.DONE
    undone = {next(iter(change.change.before.values())), "Stop Pending"}  # one that stops has to be started as well
    return Settlement.NOT_DONE if now in undone else Settlement.PARTLY_DONE


def _named(name: str, state: HostState, *, restart: bool) -> HostState:
    """Where it restarts W3SVC brings WAS with it, whose start type is Manual, as in Windows."""
    web = {"W3SVC": state.services["W3SVC"].model_copy(update={"depends_on": ["WAS"]})} if restart else {}
    return with_services(state, web).model_copy(update={"name": name})


@contextlib.contextmanager
def accounted(
    folder: Path,
    engine: Engine,
    broken: Sequence[Mapping[str, ServiceState]] = BROKEN,
    *,
    parallel: int = 2,
    services: Manner = Manner.PLAIN,
    quarantine: Manner | None = None,
    restart: bool = False,
) -> Iterator[Accounted]:
    """Serves a server for each of these, in a folder that is made for it.

    Args:
        services: how their services are set right.
        quarantine: each of them has a file as well that is to be kept and taken out of the way, in a step before, so.
        restart: each waits for a restart as well, which is the last step; so it cannot be undone.
    """
    folder.mkdir(exist_ok=True)
    state = healthy().model_copy(update={"task_seconds": TASK_SECONDS})
    if quarantine is not None:
        state = HostState.model_validate(state.model_dump() | {"files": {**state.files, PATH: PLANTED}})
    if restart:
        state = state.model_copy(update={"registry": {**state.registry, **PENDING}})
    hosts = [
        LabHost(
            CLIENT,
            f"EX{number}",
            _named(f"EX{number}", with_services(state, services), restart=restart),
            Account(f"{CLIENT}\\auditor", PASSWORD),
            engine=engine.name,
        )
        for number, services in enumerate(broken)
    ]
    steps = f"{services}{RESTART if restart else ''}"
    with (
        pytest.MonkeyPatch.context() as patched,
        rehearsed(folder, patched, *hosts, parallel=parallel, engine=engine, step=steps) as one,
    ):
        patched.setattr(applying, "BETWEEN_LOOKS_SECONDS", TASK_SECONDS / 2)
        if quarantine is not None:
            path = folder / "repair.yml"
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("steps:\n", f"steps:\n{QUARANTINE}{quarantine}"), encoding="utf-8")
        yield Accounted(one.lab, one.folder)
