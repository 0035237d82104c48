"""What a broken or hostile server does at one step of a change, and the run in which it does it: mishaps.yml has them.

The run is the command's own, from plan to rollback, over real WinRM with a lab of the engine `sim`; the time is that of
tests/runner/leaping.py, so that a service that hangs for five minutes costs nobody any.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from playbooks.detaching import OVER_SECONDS
from runner import events
from runner.applying import BETWEEN_LOOKS_SECONDS
from runner.cli import working
from runner.journal.verification import read
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.engine import running_loop
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.responder import Depends, Known
from runner.lab.engines.sim.streams import Items
from runner.lab.faults import Act, Fault, InSession, Step
from runner.lab.fleet import Fleet
from runner.lab.server import start
from runner.lab.state import FileState, HostState, LiveState, ServiceState
from runner.moves import Outcome
from runner.order import CLOSE_SECONDS
from runner.plan.records import Plan
from runner.state import HostProgress, fold
from runner.transport.interface import Deadlines
from tests.runner.leaping import Time
from tests.runner.rehearsal import PLAYBOOK, Rehearsal, came
from tests.runner.rehearsal import server as with_services
from tests.runner.test_audit_over_the_lab import inventory
from tests.runner.test_quarantine_over_the_lab import PATH, PLANTED, SHA256, playbook
from tests.runner.test_quarantine_over_the_lab import server as with_file

DEADLINES = Deadlines()
LATE_SECONDS = 5.0
RETRY_SECONDS = 3.0  # between three attempts to open a pool, at most
AT_REST_SECONDS = 120.0  # in which a server may be away, or its services on their way: exchange.services announces it
DETACHED_SECONDS = 60.0 + OVER_SECONDS + BETWEEN_LOOKS_SECONDS
FILE = Path(__file__).with_name("mishaps.yml")
NAME, KEY = "EX1", "alpha/EX1"
SERVICE = "MSExchangeIS"
Becomes = Callable[[HostState, Plan], HostState]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Came(Strict):
    """What a command came to: its outcome, and what of the plan the server ran by then, by kind and in all."""

    outcome: str
    status: int
    ran: dict[str, int] = Field(default_factory=dict)
    says: str = ""


class Mishap(Strict):
    """One row.

    Attributes:
        on: what kind of change: see CHANGES.
        server: what becomes of the server: see BECOMES; or nothing.
        wire: what befalls its answers, instead.
        at: before, in or after which script: the `number`th of its kind.
        undoing: the change is made before, and it is `exrun rollback` to which it happens.
        comes: what the command comes to.
        then: what becomes of the server before the run is gone on with. Its answers are well by then.
        mended: what `exrun resume` comes to; none where nothing is left to be done.
    """

    on: Literal["services", "services, guarded", "services, detached", "file"]
    server: str | None = None
    wire: str | None = None
    when: Literal["before", "after"] = "before"
    at: Literal["plan", "collect", "evidence", "apply", "confirm", "rollback", "poll", "pool"] = "plan"
    number: int = 1
    lasts: bool = False
    undoing: bool = False
    then: str | None = None
    comes: Came
    mended: Came | None = None

    @property
    def what(self) -> str:
        """In words."""
        befalls = self.server or self.wire
        where = "from the beginning" if self.at == "plan" else f"{self.when} {_NAMED[self.at]} {self.number}"
        if self.wire is not None:
            where = f"at {_NAMED[self.at]} {self.number}{', and ever after' if self.lasts else ''}"
        return f"{befalls}, {where}{', while it is undone' if self.undoing else ''}"


_NAMED = {
    "collect": "look",
    "evidence": "request with evidence",
    "pool": "pool",
    "apply": "apply",
    "confirm": "confirm",
    "rollback": "rollback",
    "poll": "poll",
}


class Table(Strict):
    """The file."""

    once: dict[str, tuple[Outcome, Outcome]]
    lasting: dict[str, tuple[Outcome, Outcome]]
    over: dict[str, Outcome]
    mended: dict[str, Outcome]
    mishaps: tuple[Mishap, ...]


def table() -> Table:
    return Table.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def tables(known: Table) -> Iterator[str]:
    """The lines of the tables in docs/reference/faults.md."""
    cells = ["Script", "once, and may be repeated", "once, and may not", "for ever, before it ran", "for ever, after"]
    yield _row([*cells, "its time is over", "gone on with, mended"])
    yield "|---" * 7 + "|"
    for name, once in known.once.items():
        yield _row([_SCRIPTS[name], *once, *known.lasting[name], known.over[name], known.mended[name]])
    for change in dict.fromkeys(each.on for each in known.mishaps):
        yield _row([f"To a change of {change}", "comes to", "ran", "is told", "gone on with"])
        yield "|---" * 5 + "|"
        for each in known.mishaps:
            if each.on == change:
                told = f"\u201c{each.comes.says}\u201d" if each.comes.says else ""
                then = f"{each.then}: " if each.then else ""
                again = "nothing is left" if each.mended is None else f"{then}{_in_cells(each.mended)}"
                came = f"{each.comes.outcome} ({each.comes.status})"
                yield _row([each.what, came, _counts(each.comes.ran), told, again])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _in_cells(came: Came) -> str:
    return f"{came.outcome} ({came.status}), {_counts(came.ran)}"


def _counts(ran: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in ran.items()) or "nothing"


_SCRIPTS = {
    "recheck": "the look before",
    "apply": "apply",
    "probe": "the look behind an answer that was lost",
    "verify": "the look after",
    "rollback": "rollback, where a later change failed",
    "undone": "the look after that",
}


def _service(**changed: Any) -> Becomes:
    def become(state: HostState, plan: Plan) -> HostState:
        service = state.services[SERVICE].model_copy(update=changed)
        return state.model_copy(update={"services": {**state.services, SERVICE: service}})

    return become


def _files(change: Callable[[dict[str, FileState], Plan], None]) -> Becomes:
    def become(state: HostState, plan: Plan) -> HostState:
        files = dict(state.files)
        change(files, plan)
        return state.model_copy(update={"files": files})

    return become


def _state(**changed: Any) -> Becomes:
    return lambda state, plan: state.model_copy(update=changed)


def _folder(plan: Plan) -> str:
    return f"C:\\exrun-quarantine-{plan.id}"


def _kept(plan: Plan) -> str:
    [(_, change)] = plan.hosts[0].changes
    return f"{_folder(plan)}\\{change.change.values['item']}.quarantined"


def _passes(state: HostState, plan: Plan) -> HostState:
    return state


OTHER = FileState(content="<%-- another one --%>\r\n")
STRANGER = "O:S-1-5-21-9-9-9-1001G:DUD:(A;OICI;FA;;;WD)"
BECOMES: Mapping[str, Becomes] = {
    "the service hangs when it is started": _service(on_start="hangs"),
    "the service fails when it is started": _service(on_start="fails"),
    "the service is stopped": _service(state="Stopped"),
    "the service is paused": _service(state="Paused"),
    "the service runs": _service(state="Running", start_mode="Auto"),
    "the service is disabled": _service(start_mode="Disabled"),
    "the service is starting": _service(state="Start Pending", start_mode="Auto"),
    "the service hangs when it is stopped": _service(on_stop="hangs"),
    "the service fails when it is stopped": _service(on_stop="fails"),
    "the services cannot be read": _state(services_denied=True, wmi="denied"),
    "the service is gone": lambda state, plan: state.model_copy(
        update={"services": {name: each for name, each in state.services.items() if name != SERVICE}}
    ),
    "another service stands on it": lambda state, plan: state.model_copy(
        update={"services": {**state.services, "Backup": ServiceState(depends_on=[SERVICE])}}
    ),
    "the task takes for ever": _state(task_seconds=100_000.0),
    "the disk is full": _state(disk_full=True),
    "the file has other bytes": _files(lambda files, plan: files.update({PATH: OTHER})),
    "the file is gone": _files(lambda files, plan: files.pop(PATH) and None),
    "the file cannot be read": _files(
        lambda files, plan: files.update({PATH: PLANTED.model_copy(update={"denied": True})})
    ),
    "the file is held open": _files(
        lambda files, plan: files.update({PATH: files[PATH].model_copy(update={"held": True})})
    ),
    "the file in quarantine is held open": _files(
        lambda files, plan: files.update({_kept(plan): files[_kept(plan)].model_copy(update={"held": True})})
    ),
    "the file has become a link": _files(
        lambda files, plan: files.update({PATH: PLANTED.model_copy(update={"attributes": "Archive, ReparsePoint"})})
    ),
    "the folder of the quarantine is a stranger's": _files(
        lambda files, plan: files.update({_folder(plan): FileState(folder=True, sddl=STRANGER)})
    ),
    "the folder of the quarantine is a link": _files(
        lambda files, plan: files.update({_folder(plan): FileState(folder=True, attributes="Directory, ReparsePoint")})
    ),
    "the quarantine has a file of that name": _files(lambda files, plan: files.update({_kept(plan): OTHER})),
    "the file in quarantine has other bytes": _files(lambda files, plan: files.update({_kept(plan): OTHER})),
    "the file in quarantine is gone": _files(lambda files, plan: files.pop(_kept(plan)) and None),
    "another file stands in its place": _files(lambda files, plan: files.update({PATH: OTHER})),
    "the services can be read": _state(services_denied=False, wmi="answers"),
    "the service can be stopped": _service(state="Running", on_stop="stops"),
    "the service was given back": _service(state="Stopped", start_mode="Disabled"),
    "the service has stopped": _service(state="Stopped", on_stop="stops"),
    "the file is back": _files(lambda files, plan: files.update({PATH: PLANTED})),
    "the other file is gone": _files(lambda files, plan: files.pop(PATH) and None),
    "the disk has room": _state(disk_full=False),
    "the server undoes it": _passes,
}
# What befalls a request of a session: of each kind of script, which session it is in.
WIRE: Mapping[str, tuple[Act, Step]] = {
    "the request is lost": (Act.RESET, Step.COMMAND),
    "the answer is lost": (Act.RESET_AFTER, Step.RECEIVE),
    "half the answer comes": (Act.TRUNCATE, Step.RECEIVE),
    "no answer comes": (Act.HANG_AFTER, Step.RECEIVE),
    "the answer is noise": (Act.XML_GARBAGE, Step.RECEIVE),
    "the output is noise": (Act.PSRP_GARBAGE, Step.RECEIVE),
    "the server restarts WinRM": (Act.SHELLS_END, Step.RECEIVE),
    "access is denied": (Act.REFUSE, Step.COMMAND),
}
OPENING: Mapping[str, tuple[Act, Step]] = {
    "access is denied": (Act.REFUSE, Step.CREATE),
    "the request is lost": (Act.RESET, Step.CREATE),
    "the answer is lost": (Act.RESET_AFTER, Step.CREATE),
    "no answer comes": (Act.HANG, Step.CREATE),
    "the answer is noise": (Act.XML_GARBAGE, Step.RECEIVE_OPEN),
}


@dataclass
class Striking(SimEngine):
    """An engine of which one server is struck at one script. Each that it runs is counted by its kind."""

    time: Time
    strikes: Callable[[str, int, str, LiveState], None] = lambda kind, number, when, live: None
    kinds: dict[str, str] = field(default_factory=dict)  # by SHA-256 of the plan's scripts
    ran: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        SimEngine.__init__(self, running_loop, self.time.date)
        find = self._library.find

        def found(script: str) -> Known | None:
            known = find(script)
            if known is None or known.depends not in (Depends.SERVER, Depends.NOTHING_KEPT):
                return known
            kind = self.kinds.get(hashlib.sha256(script.encode()).hexdigest(), "collect")
            return Known(Depends.NOTHING_KEPT, partial(self._struck, kind, known))

        self._library.find = found  # type: ignore[assignment]

    def _struck(self, kind: str, known: Known, live: LiveState, _machine: Machine, language: str) -> Items:
        self.ran[kind] += 1
        number = self.ran[kind]
        self.strikes(kind, number, "before", live)
        yield from known.answer(live, Machine(live.now), language)
        self.strikes(kind, number, "after", live)

    def knows(self, plan: Plan) -> None:
        """From now on these are the plan's."""
        self.ran.clear()
        self.kinds = kinds_of(plan)


def kinds_of(plan: Plan) -> dict[str, str]:
    """What each script of its changes is for, by its SHA-256."""
    kinds: dict[str, str] = {}
    for _, _, change in plan.changes:
        named = {
            "evidence": change.evidence,
            "apply": change.apply,
            "confirm": change.confirm,
            "rollback": change.rollback,
            "poll": change.poll,
        }
        kinds |= {sha: kind for kind, sha in named.items() if sha is not None}
    return kinds


STEPS = {"guarded": "    confirm: {seconds: 300}\n", "detached": "    detached: {seconds: 60}\n", "": ""}


@dataclass
class Befallen:
    """A mishap as it went."""

    came: Came
    mended: Came | None
    seconds: float
    deadline: float
    fired: bool

    def check(self, mishap: Mishap) -> None:
        """Fails where it went otherwise than the row says."""
        assert self.fired, "it never happened"
        assert mishap.comes.says in self.came.says
        assert self.came.model_copy(update={"says": mishap.comes.says}) == mishap.comes
        mended = None if self.mended is None else self.mended.model_copy(update={"says": ""})
        assert mended == mishap.mended
        assert self.seconds <= self.deadline + LATE_SECONDS


def befall(mishap: Mishap, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Befallen:
    """Plans, lets it happen at its step, and goes on with the server mended."""
    time = Time()
    engine = Striking(time)
    monkeypatch.setattr(working, "Waiting", lambda: time.waiting)
    with _rehearsed(folder, monkeypatch, mishap, engine, time.new_loop) as lab:
        _, plan = lab.plan()
        engine.knows(plan)
        command = _made(mishap, lab)
        if mishap.undoing:
            engine.ran.clear()
        fired = _prepare(mishap, lab, engine, plan)
        began = time.now
        first = _came(lab, lambda: engine.ran, *command)
        assert first is not None, "there was nothing to do"
        seconds = time.now - began
        by = deadline(mishap, lab, first.outcome)
        has_fired = fired()
        lab.fail(NAME)
        engine.strikes = lambda *_: None
        if mishap.then is not None:
            lab.alter(NAME, lambda state: BECOMES[mishap.then or ""](state, plan))
        mended = _came(lab, lambda: engine.ran, "resume", "last")
        return Befallen(first, mended, seconds, by, has_fired)


def befall_really(mishap: Mishap, folder: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path) -> None:
    """The same over a real PowerShell, of the way to the server: fails where it goes otherwise than the row says.

    Time is real, and what runs detached is over in a moment. The lab's ledger says what was begun.
    """
    engine = PwshEngine(powershell)
    try:
        with _rehearsed(folder, monkeypatch, mishap, engine, asyncio.new_event_loop) as lab:
            _, plan = lab.plan()
            kinds, command = kinds_of(plan), _made(mishap, lab)
            before = len(lab.changed(NAME, plan))

            def ran() -> Counter[str]:
                return Counter(kinds[sha] for sha in lab.changed(NAME, plan)[before:])

            fired = _prepare(mishap, lab, None, plan)
            first = _came(lab, ran, *command)
            assert fired(), "it never happened"
            lab.fail(NAME)
            mended = _came(lab, ran, "resume", "last")
    finally:
        engine.close()
    for it, row in ((first, mishap.comes), (mended, mishap.mended)):
        assert (it is None) == (row is None)
        if it is not None and row is not None:
            assert (it.outcome, it.status, it.ran) == (row.outcome, row.status, _changing(row.ran))


def _changing(ran: Mapping[str, int]) -> Mapping[str, int]:
    return {kind: count for kind, count in ran.items() if kind != "evidence"}


def _made(mishap: Mishap, lab: Rehearsal) -> Sequence[str]:
    """The command to which it happens; what it undoes is made before."""
    if not mishap.undoing:
        return ["apply", "plan.json"]
    assert lab.json("apply", "plan.json")[0] == 0
    return ["rollback", "last"]


def _prepare(mishap: Mishap, lab: Rehearsal, engine: Striking | None, plan: Plan) -> Callable[[], bool]:
    """Lets it happen when it is its time; what is given says whether it has."""
    if mishap.wire is not None:
        locked = mishap.at in ("collect", "evidence", "poll")
        act, step = (OPENING if mishap.at == "pool" else WIRE)[mishap.wire]
        session = None if mishap.at == "pool" else InSession.LOCKED if locked else InSession.FULL
        fault = Fault(act, step, first=mishap.number, times=None if mishap.lasts else 1, session=session)
        lab.fail(NAME, fault)
        faults = lab.lab.host(KEY).plan
        return lambda: fault in faults.struck
    assert mishap.server is not None
    assert engine is not None
    becomes, struck = BECOMES[mishap.server], []

    def strikes(kind: str, number: int, when: str, live: LiveState) -> None:
        if (kind, when, number) == (mishap.at, mishap.when, mishap.number):
            struck.append(live)
            live.become(becomes(live.now, plan))

    if mishap.at == "plan":
        lab.alter(NAME, lambda state: becomes(state, plan))
        return lambda: True
    engine.strikes = strikes
    return lambda: bool(struck)


def _came(lab: Rehearsal, ran_by: Callable[[], Counter[str]], *command: str) -> Came | None:
    """None where nothing is left to be done."""
    status, out, err = lab(*command, "-i", "inventory.yml", "--format", "json")
    if not out:
        assert "nothing is left to be done" in err, err
        return None
    document = json.loads(out)
    [row] = document["hosts"]
    whys = [row["why"] or "", *(each["why"] or "" for each in row["steps"])]
    ran = {kind: count for kind, count in sorted(ran_by().items()) if kind not in ("collect", "poll")}
    return Came(outcome=came(document)[NAME], status=status, ran=ran, says=next((why for why in whys if why), ""))


def deadline(mishap: Mishap, lab: Rehearsal, outcome: str) -> float:
    """By when work with the server has to be over, in seconds: docs/reference/faults.md has this sum in words.

    What was answered took the server no time here.
    """
    attempts = _state_of(lab).attempts.values()
    lost = DEADLINES.connect + DEADLINES.reply + CLOSE_SECONDS  # until a request without an answer is given up
    seconds = RETRY_SECONDS + 2 * CLOSE_SECONDS + (lost if mishap.at == "pool" else 0.0)
    begun = 0
    for attempt in attempts:
        begun += attempt.key.purpose.changes
        match attempt.answer:
            case events.TimedOut(limit_seconds=limit):
                seconds += limit + DEADLINES.reply
            case events.NotRun() | None:
                seconds += lost if attempt.key.purpose.changes else 2 * lost  # what reads is asked for once more
            case _:
                pass
    if mishap.on.endswith("detached"):
        return seconds + begun * DETACHED_SECONDS
    return seconds + (AT_REST_SECONDS if outcome == "unknown" else 0.0)


def _state_of(lab: Rehearsal) -> HostProgress:
    journal = lab.folder / ".exrun" / "alpha" / "runs" / lab.applied / "journal.jsonl"
    state = fold([events.read(line) for line in read(journal)[0]])
    assert state is not None
    return state.hosts[NAME]


@contextlib.contextmanager
def _rehearsed(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    mishap: Mishap,
    engine: Engine,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> Iterator[Rehearsal]:
    change, _, way = mishap.on.partition(", ")
    host = with_services(NAME, services=(SERVICE,)) if change == "services" else with_file(NAME)
    text = PLAYBOOK % (1, "100%") if change == "services" else playbook(SHA256)
    if engine.name != host.engine:
        state = host.state.model_copy(update={"engine": engine.name, "task_seconds": 0.2})
        host = replace(host, engine=engine.name, state=state)
    with start(Fleet((host,)), {engine.name: engine}, new_loop=new_loop) as lab:
        (folder / "inventory.yml").write_text(inventory(lab, monkeypatch), encoding="utf-8")
        (folder / "repair.yml").write_text(text + STEPS[way], encoding="utf-8")
        monkeypatch.chdir(folder)
        yield Rehearsal(lab, folder)
