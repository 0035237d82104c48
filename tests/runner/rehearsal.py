"""A fleet of the lab whose services are wrong, and `exrun` as a user has it: from a plan to a rollback, over WinRM."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inventory import loading
from playbooks.catalogue.catalogue import Catalogue
from playbooks.loading import load_playbook
from runner import events
from runner.admission import Present
from runner.cli.main import main
from runner.journal.verification import read
from runner.lab.engines.interface import Engine
from runner.lab.engines.sim import SimEngine
from runner.lab.faults import Fault, FaultPlan
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.saving import state_text
from runner.lab.server import Lab, start
from runner.lab.state import HostState
from runner.plan import file
from runner.plan.records import Plan
from runner.transport.gate import LOCK, is_own
from tests.runner.lab.engines.states import STATES
from tests.runner.test_audit_over_the_lab import PASSWORD, inventory

PLAYBOOK = """\
name: repair
title: Services as they have to be
strategy: {waves: [1, rest], parallel: %d, budget: %s}
steps:
  - id: services
    action: exchange.services
"""
WRONG = ("MSExchangeIS", "MSExchangeTransport")


def broken(name: str, *services: str) -> HostState:
    """A server whose update is right, with these services disabled and stopped."""
    state = STATES["Exchange 2019 with its update"]
    changed = {
        each: state.services[each].model_copy(update={"state": "Stopped", "start_mode": "Disabled"})
        for each in services
    }
    return state.model_copy(update={"name": name, "services": {**state.services, **changed}})


def server(name: str, *faults: Fault, services: Sequence[str] = WRONG) -> LabHost:
    return LabHost("alpha", name, broken(name, *services), Account("alpha\\auditor", PASSWORD), faults=faults)


@dataclass
class Rehearsal:
    """A lab that is up, and a folder with an inventory of it and a playbook."""

    lab: Lab
    folder: Path

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(list(arguments))
        return status, out.getvalue(), err.getvalue()

    def plan(self, out: str = "plan.json", *arguments: str) -> tuple[int, Plan]:
        status, _, err = self("plan", "./repair.yml", "-i", "inventory.yml", "-o", out, *arguments)
        assert (self.folder / out).exists(), err
        return status, file.read((self.folder / out).read_bytes())

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """A command that says what running a plan came to."""
        status, out, err = self(*arguments, "-i", "inventory.yml", "--format", "json")
        assert out, err
        return status, json.loads(out)

    def present(self, plan: Plan) -> Present:
        """What there is to hold a plan against."""
        loaded = loading.load(Path("inventory.yml"))
        [client] = loaded.clients
        catalogue = Catalogue.load()
        ready = load_playbook("./repair.yml", {}, catalogue)
        return Present(plan.exrun, client.hosts, loaded.files, ready, catalogue.digest)

    def json_of(self, command: str, run: str) -> tuple[int, dict[str, Any]]:
        """A command that reads a run back; `last-applied` is the newest that ran a plan."""
        status, out, err = self(command, self.applied if run == "last-applied" else run, "--format", "json")
        assert out, err
        return status, json.loads(out)

    @property
    def applied(self) -> str:
        """The id of the newest run that ran a plan."""
        _, out, _ = self("runs", "--format", "json")
        return str(next(each["run"] for each in json.loads(out)["runs"] if each["plan"] is not None))

    def events(self) -> list[object]:
        """What the journal of that run says."""
        journal = self.folder / ".exrun" / "alpha" / "runs" / self.applied / "journal.jsonl"
        return [events.read(line).event for line in read(journal)[0]]

    def alter(self, name: str, change: Callable[[HostState], HostState]) -> None:
        """Somebody else changes a server."""
        live = self.lab.host(f"alpha/{name}").service.live
        live.be_another(change(live.now))

    def fail(self, name: str, *faults: Fault) -> None:
        """From now on these faults, and no others, befall a server."""
        self.lab.host(f"alpha/{name}").plan = FaultPlan(faults)

    def states(self) -> Mapping[str, str]:
        """What each server is now, as its file would say."""
        return {name: state_text(state) for _, name, state in self.lab.states()}

    def changed(self, name: str, plan: Plan) -> list[str]:
        """SHA-256 of the plan's scripts that ran on a server, in their order; each in a session that is not locked."""
        executed = self.lab.ledger.executed(f"alpha/{name}")
        locked = {done.shell for done in executed for each in done.statements if each.text == LOCK.text}
        own = plan.scripts_of(name)
        ran = [(done.shell, each.sha256) for done in executed for each in done.statements if each.sha256 in own]
        assert locked.isdisjoint(shell for shell, _ in ran)
        return [sha for _, sha in ran]

    def strange(self, plan: Plan) -> list[str]:
        """What ran on any server in a pool that was never locked, and is none of the plan's scripts for it."""
        found: list[str] = []
        for key in self.lab.hosts:
            allowed = plan.scripts_of(key.partition("/")[2])
            executed = self.lab.ledger.executed(key)
            locked = {done.shell for done in executed for each in done.statements if each.text == LOCK.text}
            for done in executed:
                outside = () if done.shell in locked else done.statements
                found += [each.text for each in outside if each.sha256 not in allowed and not is_own(each.text)]
        return found


def came(document: Mapping[str, Any]) -> dict[str, str]:
    """By server, what it came to."""
    return {host["name"]: host["outcome"] for host in document["hosts"]}


@contextlib.contextmanager
def rehearsed(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *hosts: LabHost,
    parallel: int = 4,
    budget: str = "100%",
    step: str = "",
    text: str | None = None,
    engine: Engine | None = None,
) -> Iterator[Rehearsal]:
    """Of the playbook: `step` is what its only step has besides, in YAML; `playbook` a text like PLAYBOOK; or `text` is
    all of it.

    All hosts are the engine's, `sim` without one. It is the caller's to close.
    """
    engine = engine or SimEngine()
    with start(Fleet(hosts), {engine.name: engine}) as lab:
        (folder / "inventory.yml").write_text(inventory(lab, monkeypatch), encoding="utf-8")
        written = PLAYBOOK % (parallel, budget) + step if text is None else text
        (folder / "repair.yml").write_text(written, encoding="utf-8")
        monkeypatch.chdir(folder)
        yield Rehearsal(lab, folder)
