"""A fleet of the lab and the command, with an account of what each server did that can be held against the journal.

What each was handed, with the line of the run's journal that was in the file then, and how its services stood.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runner import events
from runner.events import Recorded, Settlement
from runner.journal.errors import JournalUnreadable
from runner.journal.location import JOURNAL
from runner.journal.verification import read
from runner.lab.engines.interface import Engine
from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState, HostState, LiveState, ServiceState
from runner.plan.records import Plan, PlannedChange
from runner.transport.gate import is_own
from tests.runner.explaining import Against, Ran, Stands, illegal
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
QUARANTINE = f"""\
  - id: shell
    action: file.quarantine
    with: {{path: '{PATH}', sha256: {hashlib.sha256(PLANTED.data).hexdigest()}}}
"""
_MODES = {"Auto": "Automatic"}


@dataclass
class Accounted(Rehearsal):
    """The fleet while it is served, and its folder.

    Attributes:
        made: the plan of the run that is held to account: the one in plan.json.
    """

    made: Plan | None = None
    _written: list[int] = field(default_factory=list)
    _stood: list[Stands | None] = field(default_factory=list)
    _others: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        record = self.lab.ledger.record

        def recorded(host: str, *told: Any, **named: Any) -> bool:
            self._written.append(self._lines())
            self._stood.append(self._stands(host))
            return record(host, *told, **named)

        self.lab.ledger.record = recorded  # type: ignore[method-assign]

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
        before = len(self._written)
        status, made = super().plan(out, "--timeout", "600", *arguments)
        self._others.update(range(before, len(self._written)))
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

    def _stands(self, host: str) -> Stands | None:
        plan, name = self.made, host.partition("/")[2]
        if plan is None:
            return None
        now = self.live(name).now
        services = {each.casefold(): service for each, service in now.services.items()}
        planned = next((each for each in plan.hosts if each.host == name), None)
        changes = () if planned is None else planned.changes
        return {(step.step, change.change.id): _stand(change, services, now.files) for step, change in changes}

    @property
    def ledger(self) -> list[Ran]:
        """What the run did on the hosts, in all its sessions."""
        ran: list[Ran] = []
        executed = self.lab.ledger.executed()
        for place, each in enumerate(executed):
            if place in self._others:
                continue
            later = (
                self._stood[number] for number in range(place + 1, len(executed)) if executed[number].host == each.host
            )
            stood = next(later, self._stands(each.host))
            locked = {id(statement) for statement in each.collects}
            assert not each.unreadable
            ran += [
                Ran(
                    each.host.partition("/")[2],
                    str(each.shell).upper(),
                    statement.sha256,
                    id(statement) in locked,
                    self._written[place],
                    stood,
                )
                for statement in each.statements
                if not is_own(statement.text)
            ]
        return ran

    def changes_sent(self) -> dict[str, list[str]]:
        """By host, the scripts that ran in the full language."""
        return {
            name: [each.sha256 for done in self.lab.ledger.executed(f"{CLIENT}/{name}") for each in done.changes]
            for name in self.names
        }

    def illegal(self) -> tuple[Against, ...]:
        assert self.made is not None
        return illegal(self.made.hosts, self.recorded(), self.ledger)


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


@contextlib.contextmanager
def accounted(
    folder: Path,
    engine: Engine,
    broken: Sequence[Mapping[str, ServiceState]] = BROKEN,
    *,
    parallel: int = 2,
    quarantine: bool = False,
) -> Iterator[Accounted]:
    """Serves a server for each of these, in a folder that is made for it.

    Args:
        quarantine: each of them has a file as well that is to be kept and taken out of the way, in a step before.
    """
    folder.mkdir(exist_ok=True)
    state = healthy()
    if quarantine:
        state = HostState.model_validate(state.model_dump() | {"files": {**state.files, PATH: PLANTED}})
    hosts = [
        LabHost(
            CLIENT,
            f"EX{number}",
            with_services(state, services).model_copy(update={"name": f"EX{number}"}),
            Account(f"{CLIENT}\\auditor", PASSWORD),
            engine=engine.name,
        )
        for number, services in enumerate(broken)
    ]
    with (
        pytest.MonkeyPatch.context() as patched,
        rehearsed(folder, patched, *hosts, parallel=parallel, engine=engine) as one,
    ):
        if quarantine:
            path = folder / "repair.yml"
            path.write_text(
                path.read_text(encoding="utf-8").replace("steps:\n", f"steps:\n{QUARANTINE}"), encoding="utf-8"
            )
        yield Accounted(one.lab, one.folder)
