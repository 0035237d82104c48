"""Applying a plan over real WinRM: whatever is lost and whenever, by the host's own count nothing runs twice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psrpcore
import pytest
from psrpcore import ServerPipeline
from psrpcore.types import PSCustomObject

from inventory.model import Host
from runner.lab.engines.interface import PipelineDone, ShellEvent
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Fleet, LabHost
from runner.lab.server import Lab, start
from runner.lab.state import HostState
from runner.moves import Outcome
from runner.secrets.interface import Secret
from runner.transport.connecting import Connector
from runner.transport.gate import LOCK, LOCKED_LANGUAGE, imported, marked
from runner.transport.interface import Connect, Notice
from runner.transport.retry import RetryPolicy
from tests.runner.changeable import RIGHT, Applied, Server, came
from tests.runner.lab.echo import EchoShell
from tests.runner.leaping import Time
from tests.runner.transport.test_lab import ACCOUNT, inventory_host

KEY = "alpha/EX1"


@dataclass
class ChangingEngine:
    """Answers for a `Server`: collects in a locked pool, changes in one that is not."""

    server: Server
    name: str = "sim"
    broken: list[str] = field(default_factory=list)  # what should not have come

    def shell(self, state: HostState, shell_id: uuid.UUID, sink: Callable[[ShellEvent], None]) -> ChangingShell:
        return ChangingShell(sink, self, str(shell_id).upper())

    def close(self) -> None:
        """There is nothing to end."""


class ChangingShell(EchoShell):
    """One pool of it."""

    def __init__(self, sink: Callable[[ShellEvent], None], engine: ChangingEngine, name: str) -> None:
        super().__init__(sink, threaded=False)
        self.engine = engine
        self.name = name
        self.language = "FullLanguage"

    def _run(self, pipeline: ServerPipeline, event: psrpcore.CreatePipelineEvent) -> list[ShellEvent]:
        pipeline.start()
        for command in event.pipeline.commands:
            text = command.command_text
            fields = marked(text, self.language)
            if text == LOCK.text:
                self.language = LOCKED_LANGUAGE
            elif fields is not None:
                pipeline.write_output(PSCustomObject(**fields))
            elif imported(text) is None:
                self._script(pipeline, text)
        pipeline.complete()
        return [PipelineDone(pipeline.pipeline_id)]

    def _script(self, pipeline: ServerPipeline, text: str) -> None:
        server, locked = self.engine.server, self.language == LOCKED_LANGUAGE
        verb = text.partition("-")[0]
        if locked != (verb in ("Get", "Keep", "Poll")):
            self.engine.broken.append(text)
        match verb:
            case "Get":
                pipeline.write_output(PSCustomObject(Kind="State", Value=server.says(text.removeprefix("Get-"))))
            case "Keep":
                for record in server.gives(text):
                    pipeline.write_output(PSCustomObject(**record))
            case "Poll":
                for record in server.polled(text):
                    pipeline.write_output(PSCustomObject(**record))
            case _:
                if not server.does(text):
                    self.engine.broken.append(text)
        server.witness(self.name, text, locked)
        if verb == "Poll":
            server.tasks_end()


@contextmanager
def served(applied: Applied, *faults: Fault, time: Time | None = None) -> Iterator[tuple[Lab, ChangingEngine]]:
    engine = ChangingEngine(applied.server)
    host = LabHost("alpha", "EX1", HostState(name="EX1"), ACCOUNT, faults=faults)
    loop = asyncio.new_event_loop if time is None else time.new_loop
    with start(Fleet((host,)), {"sim": engine}, new_loop=loop) as lab:
        waiting = None if time is None else time.waiting
        connector = Connector(retries=RetryPolicy(attempts=2, first_wait=0.0), waiting=waiting)

        def reach(_host: Host, _secret: Secret | None, notify: Callable[[Notice], None]) -> Connect:
            return connector.to(inventory_host(lab.host(KEY)), Secret(ACCOUNT.password), notify)

        applied.reach = reach
        yield lab, engine


def test_a_host_of_two_changes_costs_two_pools_on_one_connection_and_its_scripts_are_in_the_other() -> None:
    applied = Applied(steps=1, changes=2)
    with served(applied) as (lab, engine):
        row = applied.session()
        counts, executed = lab.ledger.host(KEY), lab.ledger.executed(KEY)
    assert came(row) == {"s0": Outcome.CHANGED}
    assert engine.broken == []
    assert set(applied.server.ran.values()) == {1}
    assert (counts.connections, counts.steps[Step.CREATE], counts.steps[Step.DELETE]) == (1, 2, 2)
    assert counts.steps[Step.COMMAND] == 4  # recheck, two changes, verify
    assert row.requests == counts.requests == counts.steps[Step.AUTHENTICATE] + 4 * 2 + 2 * 2 + 2
    changed = {each.shell for each in executed for one in each.statements if one.text in applied.server.ran}
    locked = {each.shell for each in executed for one in each.statements if one.text == LOCK.text}
    assert (len(changed), len(locked), changed & locked) == (1, 1, set())


@pytest.mark.parametrize(("steps", "changes"), [(1, 1), (1, 3), (3, 2), (6, 1)])
def test_a_step_costs_two_requests_to_look_two_for_each_change_and_two_to_look_again(steps: int, changes: int) -> None:
    applied = Applied(steps=steps, changes=changes)
    with served(applied) as (lab, _):
        row = applied.session()
        counts = lab.ledger.host(KEY)
    opening, closing = 2 * 2, 2  # of each of two pools: Create and Receive, and Delete
    assert row.requests == counts.requests
    assert row.requests == counts.steps[Step.AUTHENTICATE] + opening + closing + 2 * steps * (2 + changes)
    assert counts.connections == 1


LOSSES = (Act.RESET, Act.RESET_AFTER, Act.TRUNCATE, Act.XML_GARBAGE)
FAULTS = [
    Fault(act, step, first=first, times=1)
    for act in LOSSES
    for step in (Step.CREATE, Step.RECEIVE_OPEN, Step.COMMAND, Step.RECEIVE, Step.DELETE)
    for first in (1, 2, 3)
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.act}-{fault.at}-{fault.first}")
def test_whatever_reply_is_lost_each_script_runs_once_and_the_host_ends_changed(fault: Fault) -> None:
    applied = Applied(steps=2, changes=1)
    with served(applied, fault) as (lab, engine):
        row = applied.session()
        again = row if row.failure is None else applied.session()
        given = [each.text for each in lab.ledger.scripts(KEY) if each.text in applied.server.ran]
    assert came(again) == {"s0": Outcome.CHANGED, "s1": Outcome.CHANGED}, row
    assert set(applied.server.things.values()) == {RIGHT}
    assert set(applied.server.ran.values()) == {1}
    assert engine.broken == []
    assert applied.illegal() == ()
    assert len(given) <= 3  # one that was lost before the host acted on it may have been handed over twice
    assert applied.defects == []


def test_more_replies_than_one_are_lost_and_each_script_runs_once() -> None:
    """Every second answer to a change never arrives: each is settled by a look, none is repeated blindly."""
    applied = Applied(steps=3, changes=2)
    lost = [Fault(Act.RESET_AFTER, Step.RECEIVE, first=first, times=1) for first in (2, 4, 6, 8, 10)]
    with served(applied, *lost) as (_, engine):
        row = applied.session()
        for _ in range(len(lost)):
            if row.failure is None:
                break
            row = applied.session()
    assert set(came(row).values()) == {Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}
    assert engine.broken == []
