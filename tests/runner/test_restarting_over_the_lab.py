"""`exrun apply` of a restart over real WinRM: proven by another boot time and by services that have come up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runner import events
from runner.cli import working
from runner.history import HostHistory
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.faults import Act, Fault, InSession, Step
from runner.lab.fleet import LabHost
from runner.lab.state import BinaryValue, RegistryKey, RestartState
from runner.transport.connecting import HostConnections
from tests.runner import rehearsal
from tests.runner.rehearsal import Rehearsal, came, rehearsed

PLAYBOOK = """\
name: repair
title: Restarted where that is pending
strategy: {waves: [1, rest], parallel: 4, budget: 100%}
steps:
  - id: restart
    action: windows.restart
"""
NAME = "EX1"
WINDOWS = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion"
STRONG = {
    f"{WINDOWS}\\Component Based Servicing\\RebootPending": RegistryKey(),
    f"{WINDOWS}\\WindowsUpdate\\Auto Update\\RebootRequired\\Mandatory": RegistryKey(),
    "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager": RegistryKey(
        values={"PendingFileRenameOperations": ["\\??\\C:\\a.tmp", ""], "Kept": BinaryValue(binary="01")}
    ),
}
WEAK = {"HKLM:\\SOFTWARE\\Microsoft\\Updates\\UpdateExeVolatile": RegistryKey(values={"Flags": 2})}
ANNOUNCED = 1800  # seconds: interruption_seconds of windows.restart
WEAK_TOO = "    with: {weak_marks: true}\n"


def pending(
    engine: str = "sim", *, restart: RestartState | None = None, marks: dict[str, RegistryKey] = STRONG
) -> LabHost:
    """A server that waits for a restart, with a service that starts late and one that only others start."""
    host = rehearsal.server(NAME, services=())
    services = dict(host.state.services)
    services["MSExchangeIS"] = services["MSExchangeIS"].model_copy(update={"delayed_autostart": 1})
    state = host.state.model_copy(
        update={
            "engine": engine,
            "registry": {**host.state.registry, **marks},
            "services": services,
            "restart": restart or RestartState(),
        }
    )
    return replace(host, engine=engine, state=state)


class Waits:
    """Time passes where a run waits, and nowhere else."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.seconds: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def wait(self, _: HostConnections, seconds: float) -> None:
        self.passed += seconds
        self.seconds.append(seconds)
        self.meanwhile()

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    found = Waits()
    monkeypatch.setattr("runner.applying.BETWEEN_LOOKS_SECONDS", 120.0)  # fewer looks, for each costs real time
    monkeypatch.setattr(HostConnections, "wait", lambda self, seconds: found.wait(self, seconds))
    world = working.World
    monkeypatch.setattr(working, "World", lambda **parts: world(**{**parts, "monotonic": found.monotonic}))
    return found


def resumed(lab: Rehearsal) -> str:
    """Goes on with the run; what is said to whoever watches."""
    return lab("resume", "last", "-i", "inventory.yml")[2]


def restarts(lab: Rehearsal) -> int:
    return lab.lab.ledger.host(f"alpha/{NAME}").restarts


def boots(lab: Rehearsal) -> list[tuple[str, int]]:
    """Time and services on their way, of each look."""
    return [(each.time, each.starting) for each in lab.events() if isinstance(each, events.BootSeen)]


def why(document: dict[str, object]) -> str:
    [host] = document["hosts"]  # type: ignore[misc]
    [step] = host["steps"]
    return str(step["why"])


@pytest.fixture(params=["sim", pytest.param("pwsh", marks=pytest.mark.real_powershell)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Of each kind."""
    if request.param == "sim":
        yield SimEngine()
        return
    made = PwshEngine(request.getfixturevalue("powershell"))
    yield made
    made.close()


def test_a_restart_is_changed_once_the_boot_time_is_another_and_services_have_come_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, waits: Waits
) -> None:
    slow = RestartState(lingers=1, refuses=3, starting=2, delayed=4)
    with rehearsed(tmp_path, monkeypatch, pending(engine.name, restart=slow), engine=engine, text=PLAYBOOK) as lab:
        before = lab.lab.host(f"alpha/{NAME}").service.live.now
        status, plan = lab.plan()
        assert status == 1
        shown = lab("show", "plan.json")[1]
        assert "Restart the server" in shown

        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {NAME: "changed"}), why(document)
        assert restarts(lab) == 1
        [change] = [change for _, _, change in plan.changes]
        assert lab.changed(NAME, plan) == [change.apply]
        assert change.rollback is None
        assert lab.strange(plan) == []

        seen = boots(lab)
        old = before.boot_time
        assert [time == old for time, _ in seen] == [True, True, False, False, False, False, False]
        # Two looks while all services start, two while only the late one is to come, and then they run.
        assert [starting > 0 for _, starting in seen] == [False, False, True, True, True, True, False]
        assert seen[2][1] > seen[4][1] == 1
        assert 0 < waits.passed < ANNOUNCED

        now = lab.lab.host(f"alpha/{NAME}").service.live.now
        assert now.boot_time > old
        assert {name: each.state for name, each in now.services.items() if each.start_mode == "Auto"} == {
            name: "Running" for name, each in before.services.items() if each.start_mode == "Auto"
        }
        assert now.services["msexchangepop3"].state == "Stopped"
        marks = {path: key for path, key in now.registry.items() if path in STRONG}
        assert list(marks.values()) == [RegistryKey(values={"Kept": BinaryValue(binary="01")})]
        assert lab.plan("again.json")[0] == 0
        assert "cannot be undone: Restart the server" in lab("rollback", "last", "-i", "inventory.yml")[2]
        assert restarts(lab) == 1


def test_an_open_port_with_the_boot_time_of_before_is_waited_for_and_has_failed_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, waits: Waits
) -> None:
    stuck = pending(engine.name, restart=RestartState(happens=False))
    with rehearsed(tmp_path, monkeypatch, stuck, engine=engine, text=PLAYBOOK) as lab:
        _, plan = lab.plan()
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (3, {NAME: "failed"})
        assert "it was not seen to have restarted" in why(document)
        assert ANNOUNCED - 120 < waits.passed <= ANNOUNCED
        assert restarts(lab) == 0
        assert len(lab.changed(NAME, plan)) == 1, "it was accepted once: it is not asked for again"
        assert "nothing is left to be done" in resumed(lab)
        assert len(lab.changed(NAME, plan)) == 1


def test_a_server_that_takes_longer_than_is_announced_has_failed_by_then_and_a_resumed_run_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: Waits
) -> None:
    """It is away for longer: no look is possible."""
    slow = pending(restart=RestartState(refuses=1_000_000))
    with rehearsed(tmp_path, monkeypatch, slow, text=PLAYBOOK) as lab:
        _, plan = lab.plan()
        status, document = lab.json("apply", "plan.json")
        assert status == 3
        assert came(document)[NAME] in ("unknown", "unreachable", "failed")
        assert ANNOUNCED - 120 < waits.passed <= ANNOUNCED
        lab.lab.host(f"alpha/{NAME}")._refuses = 0
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {NAME: "changed"}), why(document)
        assert restarts(lab) == len(lab.changed(NAME, plan)) == 1


def test_services_that_never_come_up_are_not_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: Waits
) -> None:
    host = pending()
    services = dict(host.state.services)
    services["W3SVC"] = services["W3SVC"].model_copy(update={"on_start": "hangs"})
    host = replace(host, state=host.state.model_copy(update={"services": services}))
    with rehearsed(tmp_path, monkeypatch, host, text=PLAYBOOK) as lab:
        lab.plan()
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (3, {NAME: "failed"})
        assert "come up in the time that its contract announces" in why(document)
        assert restarts(lab) == 1
        assert {starting for _, starting in boots(lab)[-2:]} == {1}


LOST = [
    Fault(act, step, times=1, session=session)
    for act, step, session in (
        (Act.RESET_AFTER, Step.COMMAND, InSession.FULL),
        (Act.RESET_AFTER, Step.RECEIVE, InSession.FULL),
        (Act.RESET, Step.RECEIVE, InSession.FULL),
        (Act.SHELLS_END, Step.RECEIVE, InSession.FULL),
    )
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault.act}-{fault.at}")
def test_an_answer_that_is_lost_as_the_server_goes_down_is_settled_by_what_is_seen(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    with rehearsed(tmp_path, monkeypatch, pending(engine.name), engine=engine, text=PLAYBOOK) as lab:
        _, plan = lab.plan()
        lab.fail(NAME, fault)
        status, document = lab.json("apply", "plan.json")
        if came(document)[NAME] != "changed":
            status, document = lab.json("resume", "last")
        # A real PowerShell may be ended before its script gets to ask: then nothing restarts, and that is what is said.
        asked = restarts(lab)
        assert asked == 1 or (engine.name, asked) == ("pwsh", 0)
        expected = (0, "changed") if asked else (3, "failed")
        assert (status, came(document)[NAME]) == expected, why(document)
        assert len(lab.changed(NAME, plan)) == 1


def test_what_was_asked_for_and_did_not_happen_is_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost each time, so nobody knows whether it ran."""
    with rehearsed(tmp_path, monkeypatch, pending(restart=RestartState(happens=False)), text=PLAYBOOK) as lab:
        _, plan = lab.plan()
        lost = Fault(Act.RESET_AFTER, Step.RECEIVE, session=InSession.FULL)
        lab.fail(NAME, lost)
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (3, {NAME: "unknown"})
        assert len(lab.changed(NAME, plan)) == 1
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (3, {NAME: "failed"})
        assert "it was not seen to have restarted" in why(document)
        assert "nothing is left to be done" in resumed(lab)
        assert len(lab.changed(NAME, plan)) == 1
        assert restarts(lab) == 0


@pytest.mark.parametrize("lost", [False, True])
def test_a_mark_that_outlives_the_restart_ends_it_plainly_and_restarts_nothing_again(
    lost: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    host = pending(engine.name, marks=WEAK)
    with rehearsed(tmp_path, monkeypatch, host, text=PLAYBOOK + WEAK_TOO, engine=engine) as lab:
        _, plan = lab.plan()
        if lost:
            lab.fail(NAME, Fault(Act.RESET_AFTER, Step.RECEIVE, times=1, session=InSession.FULL))
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (3, {NAME: "failed"}), why(document)
        assert "UpdateExeVolatile" in why(document)
        assert "it has restarted" in why(document)
        assert restarts(lab) == len(lab.changed(NAME, plan)) == 1
        resumed(lab)
        assert restarts(lab) == len(lab.changed(NAME, plan)) == 1


def test_weak_marks_alone_restart_nothing_unless_the_step_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, pending(marks=WEAK), text=PLAYBOOK) as lab:
        status, plan = lab.plan()
        assert (status, list(plan.changes)) == (0, [])


def test_a_server_that_was_started_since_the_plan_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, pending(), text=PLAYBOOK) as lab:
        _, plan = lab.plan()
        lab.alter(NAME, lambda state: state.model_copy(update={"boot_time": "2026-02-02T02:02:02.0000000Z"}))
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (4, {NAME: "refused"})
        assert "2026-01-01T00:00:00.0000000Z, is 2026-02-02T02:02:02.0000000Z" in why(document)
        assert lab.changed(NAME, plan) == []


DIES = {
    "before it is told of the answer": "answered",
    "before it writes what it saw": "booted",
    "before it writes what was judged": "assessed",
    "before it writes what became of it": "settled",
}


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("point", DIES.values(), ids=DIES)
def test_a_controller_that_dies_during_the_restart_is_resumed_and_restarts_nothing_twice(
    point: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, pending(), text=PLAYBOOK) as lab:
        _, plan = lab.plan()
        original = getattr(HostHistory, point)
        calls: list[None] = []

        def dies(self: HostHistory, *arguments: object, **named: object) -> object:
            if self.progress is not None and any(key.purpose.changes for key in self.progress.attempts):
                calls.append(None)
                if len(calls) == number:
                    raise RuntimeError("the controller dies here")
            return original(self, *arguments, **named)

        with monkeypatch.context() as patched:
            patched.setattr(HostHistory, point, dies)
            _, document = lab.json("apply", "plan.json")
        if came(document)[NAME] != "changed":
            _, document = lab.json("resume", "last")
        assert came(document) == {NAME: "changed"}, why(document)
        assert restarts(lab) == 1
        assert len(lab.changed(NAME, plan)) == 1
