"""A host that can be changed, in memory, and the work of applying a plan to it over a journal that may die anywhere."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import Flag, auto
from pathlib import Path
from random import Random

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change, ReadyChange
from playbooks.findings import Assessment, Coverage, Verdict
from playbooks.model import (
    Action,
    Confirm,
    Keeps,
    OnFailure,
    PropertySpec,
    ReadyPlaybook,
    ReadyStep,
    RunDetached,
    Templates,
    Timeouts,
)
from playbooks.observation import NotObserved, Observation
from playbooks.unknowns import not_observed
from playbooks.values import Value
from runner import events
from runner.applied import AppliedHost
from runner.applying import Applying, Render, on_failures
from runner.events import Recorded, Settlement, StepDue
from runner.evidence import EvidenceStore
from runner.fleet import Brake
from runner.history import HostHistory
from runner.journal.location import JOURNAL, run_directory
from runner.journal.verification import read
from runner.journal.writer import JournalWriter
from runner.moves import Outcome
from runner.observe import Reach
from runner.plan.records import PlannedChange, PlannedHost, PlannedStep, Standing
from runner.secrets.interface import SecretUnavailableError
from runner.state import HostProgress, RunState, fold
from runner.steps import collects_by_step
from runner.transport.failures import Cause, TransportError, failure
from runner.transport.gate import Gate
from runner.transport.interface import (
    Ambiguous,
    ChangeResult,
    Completed,
    Deadlines,
    ErrorText,
    NotRun,
    NotStarted,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
    Transport,
)
from tests.runner.crashing import CrashingDisk
from tests.runner.explaining import Against, ByItself, Own, Ran, illegal
from tests.runner.fleets import CONTRACT, JUDGEMENT, host, playbook, step
from tests.runner.happenings import STARTED
from tests.runner.journal.journals import opened

STATE = Path("/state")
WRONG, RIGHT, ODD = "wrong", "right", "odd"
LOST = failure(Cause.CONNECTION_LOST, "the connection went")


def assess_changes(
    observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date
) -> Assessment:
    """A change for each thing that is not right; its values say what it was. `blind` is judged as unknown."""
    if isinstance(observation, NotObserved):
        return not_observed("test.change", observation, ())
    record = observation.first("State")
    assert record is not None
    said = str(record["Value"])
    if said == "blind":
        return Assessment(Verdict.UNKNOWN, "it could not be seen", coverage=Coverage.NOT_KNOWABLE)
    if said == "moving":
        return Assessment(Verdict.OK, "it is on its way", coverage=Coverage.PREDICTED)
    things = dict(thing.split("=") for thing in said.split())
    changes = tuple(
        Change(name, f"Set {name} right", {"was": was}, {"Mode": was}, {"Mode": RIGHT})
        for name, was in things.items()
        if was != RIGHT
    )
    if not changes:
        return Assessment(Verdict.OK, "all is right")
    return Assessment(Verdict.ATTENTION, f"{len(changes)} to be set right", changes=changes)


CHANGING = Action(
    "test.change",
    "test/change",
    CONTRACT.model_copy(update={"timeouts": Timeouts(collect=30, apply=40, rollback=50)}),
    Templates("", "", ""),
    assess_changes,
)


def apply_text(step: str, change: str, was: str = WRONG) -> str:
    return f"apply {step} {change} {was}"


def undo_text(step: str, change: str) -> str:
    return f"undo {step} {change}"


def keep_text(step: str, change: str) -> str:
    return f"Keep-{step} {change}"


def kept_of(step: str) -> bytes:
    """What has to be kept before a step changes anything."""
    return f"what {step} is about".encode()


def confirm_text(step: str, change: str) -> str:
    return f"confirm {step} {change}"


def poll_text(step: str, change: str) -> str:
    return f"Poll-{step} {change}"


class Kind(Flag):
    """What a change of a step is besides; several at once where that can be."""

    PLAIN = 0
    KEPT = auto()  # what it is about is kept before
    GUARDED = auto()  # the host undoes it unless it is confirmed
    DETACHED = auto()  # a task of the host makes it
    RESTARTING = auto()  # the host restarts


def render(ready: ReadyStep, change: Change) -> ReadyChange:
    name, step = ready.step.id, ready.step
    return ReadyChange(
        change,
        apply_text(name, change.id, str(change.values["was"])),
        undo_text(name, change.id),
        keep_text(name, change.id) if "digest" in ready.params else None,
        confirm=None if step.confirm is None else confirm_text(name, change.id),
        confirm_seconds=None if step.confirm is None else step.confirm.seconds,
        poll=None if step.detached is None else poll_text(name, change.id),
        detached_seconds=None if step.detached is None else step.detached.seconds,
    )


RESTARTING = replace(
    CHANGING,
    contract=CHANGING.contract.model_copy(
        update={
            "reboots": True,
            "outputs": {
                **CHANGING.contract.outputs,
                "Boot": {"Time": PropertySpec(type="text"), "Starting": PropertySpec(type="integer")},
            },
        }
    ),
)


def ready_playbook(
    steps: int, on_failure: OnFailure = OnFailure.STOP, kinds: Sequence[Kind] = (), interruption: int = 0
) -> ReadyPlaybook:
    """Steps of these kinds; those that are left over are plain."""
    made: list[ReadyStep] = []
    for number in range(steps):
        kind = kinds[number] if number < len(kinds) else Kind.PLAIN
        detached = RunDetached(seconds=60) if Kind.DETACHED in kind else None
        action = RESTARTING if Kind.RESTARTING in kind else CHANGING
        keeps = Keeps(path="where", sha256="digest") if Kind.KEPT in kind else None
        contract = action.contract.model_copy(
            update={"interruption_seconds": interruption, "detached": detached, "evidence": keeps}
        )
        ready = step(f"s{number}", action=replace(action, contract=contract))
        confirm = Confirm(seconds=300) if Kind.GUARDED in kind else None
        written = ready.step.model_copy(update={"on_failure": on_failure, "confirm": confirm, "detached": detached})
        sha256 = hashlib.sha256(kept_of(written.id)).hexdigest()
        kept = {"where": f"C:\\{number}.txt", "digest": sha256} if Kind.KEPT in kind else {}
        made.append(replace(ready, step=written, params=kept))
    return playbook(*made)


def planned(ready: ReadyPlaybook, changes: int, name: str = "EX1", render: Render = render) -> PlannedHost:
    steps: list[PlannedStep] = []
    for each in ready.steps:
        of_step = [
            Change(f"c{number}", f"Set c{number} right", {"was": WRONG}, {"Mode": WRONG}, {"Mode": RIGHT})
            for number in range(changes)
        ]
        reboots = each.action.contract.reboots
        steps.append(
            PlannedStep(
                each.step.id,
                Standing.PLANNED,
                Verdict.ATTENTION,
                "planned",
                Coverage.PROBED,
                None,
                tuple(PlannedChange.of(render(each, change), reboots=reboots) for change in of_step),
            )
        )
    return PlannedHost(name, f"{name.lower()}.example", 5985, tuple(steps))


Fate = str
FATES: Sequence[Fate] = ("completes", "breaks", "overruns", "never-begins", "lost-before", "lost-after", "runs-on")


@dataclass
class Server:
    """The host. What it is told to do is counted.

    Attributes:
        things: by step and change, what each is.
        ran: how often each text did what it is for.
        given: every text that arrived, with the pool that it arrived in.
        running: scripts of which nobody has heard, and the pools in which they go on; they end behind the next look.
        fate: of each change that arrives, in order; `completes` once there are no more.
        lose: how many of the next collects are lost.
        unreachable: connections that cannot be opened.
        unending: a pool cannot be ended.
        kinds: of the steps; PLAIN where a step is missing.
        guards: of each change that the host undoes unless it is confirmed: armed, confirmed, undone, or
            gone with what undid it from here.
        tasks: how far each text is that runs as a task. One that runs ends behind the next look at it.
        failing: of the tasks that end next, whether they fail.
        restarts: it does so by itself where a step of that kind asks for it; a test may do it instead.
    """

    things: dict[tuple[str, str], str]
    ran: Counter[str] = field(default_factory=Counter)
    given: list[tuple[str, str]] = field(default_factory=list)
    running: list[tuple[str, str]] = field(default_factory=list)
    pools: set[str] = field(default_factory=set)
    fate: list[Fate] = field(default_factory=list)
    lose: int = 0
    unreachable: int = 0
    unending: bool = False
    blind: bool = False
    moving: bool = False  # what was begun is not at rest
    cut: Callable[[], bool] = lambda: False  # the controller is gone: nobody closes anything
    # Told of each text that was handed over, and of what it does by itself on account of one.
    witness: Callable[[str, str, bool], None] = lambda pool, text, locked: None
    by_itself: Callable[[Own, str], None] = lambda own, text: None
    drawn: Callable[[], None] = lambda: None  # called before each thing that may go wrong
    waited: float = 0.0
    while_waiting: Callable[[], None] = lambda: None
    booted: int = 0  # which start of it this is
    boot_time: str = "start {0}"
    starting: int = 0
    away: bool = False  # no connection can be opened
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    guards: dict[tuple[str, str], str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    failing: list[bool] = field(default_factory=list)
    restarts: bool = True
    restarting: str | None = None  # the text that asks for it

    def says(self, step: str) -> str:
        if self.blind:
            return "blind"
        if self.moving and self.ran:
            return "moving"
        return " ".join(f"{change}={is_}" for (name, change), is_ in self.things.items() if name == step)

    def gives(self, text: str) -> Iterator[Mapping[str, object]]:
        """What is to be kept, as an evidence script gives it."""
        data = kept_of(text.removeprefix("Keep-").partition(" ")[0])
        yield {"Kind": "Evidence", "Size": len(data), "Sha256": hashlib.sha256(data).hexdigest()}
        yield {"Kind": "Piece", "Number": 0, "Bytes": data}

    def kind(self, step: str) -> Kind:
        return self.kinds.get(step, Kind.PLAIN)

    def does(self, text: str) -> bool:
        """False where it refuses."""
        verb, step, change, *_ = text.split()
        key = step, change
        if verb == "confirm":
            if self.guards.get(key) == "undone":
                return False
            if self.guards.get(key) == "armed":
                self.guards[key] = "confirmed"
            return True
        if Kind.DETACHED in self.kind(step):
            if text in self.tasks:
                return False
            self.tasks[text] = "running"
            return True
        if Kind.GUARDED in self.kind(step) and verb == "apply":
            if key in self.guards:
                return False
            self.guards[key] = "armed"
        if Kind.GUARDED in self.kind(step) and verb == "undo":
            self.guards[key] = "gone"
        self._makes(text)
        return True

    def _makes(self, text: str) -> None:
        verb, step, change, *_ = text.split()
        self.ran[text] += 1
        self.things[step, change] = RIGHT if verb == "apply" else WRONG
        if Kind.RESTARTING in self.kind(step) and verb == "apply" and self.restarts:
            self.restarting = text

    def restart(self) -> None:
        """Does so, where something asked it to."""
        if self.restarting is not None:
            self.booted += 1
            self.pools.clear()
            self.running = []
            self.by_itself(Own.RESTARTED, self.restarting)
            self.restarting = None

    def deadlines_pass(self) -> None:
        """What was not confirmed is undone."""
        for key, guard in self.guards.items():
            if guard == "armed":
                self.guards[key] = "undone"
                self.things[key] = WRONG
                self.by_itself(Own.UNDID, apply_text(*key))

    def tasks_end(self) -> None:
        """What runs as a task has run."""
        for text in [text for text, state in self.tasks.items() if state == "running"]:
            failed = self.failing.pop(0) if self.failing else False
            self.tasks[text] = "failed" if failed else "done"
            if not failed:
                self._makes(text)
            self.by_itself(Own.WORKED, text)
            self.restart()

    def polled(self, text: str) -> tuple[Mapping[str, object], ...]:
        """How far the tasks of a change are."""
        step, change = text.removeprefix("Poll-").split()
        texts = (("apply", apply_text(step, change)), ("rollback", undo_text(step, change)))
        empty = dict.fromkeys(("Started", "Ended", "Exit", "Error"), "")
        return tuple(
            {"Kind": "Detached", "Of": of, "State": self.tasks.get(text, "none"), **empty} for of, text in texts
        )

    def boot(self, step: str) -> tuple[dict[str, object], ...]:
        if not self.booted or Kind.RESTARTING not in self.kind(step):
            return ()
        return ({"Kind": "Boot", "Time": self.boot_time.format(self.booted), "Starting": self.starting},)

    def stands(self) -> dict[tuple[str, str], Settlement]:
        """How each change stands."""
        known = {RIGHT: Settlement.DONE, WRONG: Settlement.NOT_DONE}
        return {thing: known.get(is_, Settlement.PARTLY_DONE) for thing, is_ in self.things.items()}

    def end(self, pool: str) -> None:
        self.running = [each for each in self.running if each[0] != pool]
        self.pools.discard(pool)

    def settle_down(self) -> None:
        """What still ran has run."""
        running, self.running = self.running, []
        for _, text in running:
            self.does(text)
            self.restart()


@dataclass
class Pool:
    """A Transport to it."""

    server: Server
    way: Way
    gate: Gate
    ending: Sequence[str]
    locked: bool
    pool: str = ""
    address: str = ""
    lost: bool = False

    @property
    def requests(self) -> int:
        return self.way.requests

    def open(self) -> None:
        self.server.drawn()
        self.way.requests += 2
        if self.way.cancelled:
            raise TransportError(failure(Cause.INTERRUPTED, "interrupted"))
        if self.server.unreachable or self.server.away:
            self.server.unreachable = max(self.server.unreachable - 1, 0)
            raise TransportError(LOST)
        for pool in self.ending:
            if self.server.unending:
                raise TransportError(LOST)
            self.server.end(pool)
        self.pool = str(uuid.uuid4())
        self.server.pools.add(self.pool)

    def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        self.server.drawn()
        (script,) = scripts
        self.gate.check_repeatable(script)
        self.gate.check(script)
        gone = self.pool not in self.server.pools
        assert not gone or self.server.booted > 1
        self.way.requests += 2
        if self.way.cancelled or self.lost:
            return (NotRun(script, failure(Cause.INTERRUPTED, "interrupted"), False),)
        if self.server.lose or self.server.away or gone:
            self.server.lose = max(self.server.lose - 1, 0)
            self.lost = True
            return (NotRun(script, LOST, None),)
        self.server.given.append((self.pool, script.text))
        self.server.witness(self.pool, script.text, self.locked)
        if script.text.startswith("Keep-"):
            return (Completed(script, Streams(tuple(self.server.gives(script.text))), 0.1),)
        if script.text.startswith("Poll-"):
            polled = self.server.polled(script.text)
            self.server.tasks_end()
            return (Completed(script, Streams(polled), 0.1),)
        step = script.text.removeprefix("Get-")
        value = self.server.says(step)
        self.server.settle_down()
        records = ({"Kind": "State", "Value": value}, *self.server.boot(step))
        return (Completed(script, Streams(records), 0.1),)

    def change(self, script: Script) -> ChangeResult:
        self.server.drawn()
        self.gate.check(script)
        assert not self.lost, "sent over what was lost"
        self.way.requests += 2
        if self.way.cancelled:
            return NotStarted(script, failure(Cause.INTERRUPTED, "interrupted"))
        if self.pool not in self.server.pools:
            assert self.server.booted > 1
            self.lost = True
            return Ambiguous(script, LOST)
        fate = self.server.fate.pop(0) if self.server.fate else "completes"
        self.lost = fate in ("never-begins", "lost-before", "lost-after", "runs-on")
        if fate == "never-begins":
            return NotStarted(script, LOST)
        if fate == "lost-before":
            return Ambiguous(script, LOST)
        self.server.given.append((self.pool, script.text))
        if fate in ("runs-on", "breaks", "overruns"):
            self.server.witness(self.pool, script.text, self.locked)
        if fate == "runs-on":
            self.server.running.append((self.pool, script.text))
            return Ambiguous(script, LOST)
        if fate in ("breaks", "overruns"):
            if fate == "overruns":
                return TimedOut(script, 40.0, Streams())
            return Terminated(script, ErrorText("no"), Streams(), 0.1)
        did = self.server.does(script.text)
        self.server.witness(self.pool, script.text, self.locked)
        self.server.restart()
        if fate == "lost-after":
            return Ambiguous(script, LOST)
        return Completed(script, Streams(), 0.1) if did else Terminated(script, ErrorText("no"), Streams(), 0.1)

    def cancel(self) -> None:
        self.way.cancel()

    def close(self) -> None:
        if self.server.cut() or self.lost:
            return
        self.way.requests += 1
        self.server.end(self.pool)


@dataclass
class Way:
    """A Connect to it."""

    server: Server
    requests: int = 0
    cancelled: bool = False
    made: list[tuple[bool, tuple[str, ...]]] = field(default_factory=list)

    def __call__(
        self, gate: Gate, deadlines: Deadlines, *, beside: Transport | None = None, ending: Sequence[str] = ()
    ) -> Transport:
        self.made.append((beside is not None, tuple(ending)))
        return Pool(self.server, self, gate, ending, beside is None)

    def cancel(self) -> None:
        self.cancelled = True

    def wait(self, seconds: float) -> None:
        if self.cancelled:
            raise TransportError(failure(Cause.INTERRUPTED, "interrupted"))
        self.server.waited += seconds
        self.server.while_waiting()


@dataclass
class Applied:
    """A host, its plan, and its journal; `session` works with it once, or goes on with it."""

    steps: int = 1
    changes: int = 1
    on_failure: OnFailure = OnFailure.STOP
    kinds: Sequence[Kind] = ()  # of the steps; those that are left over are plain
    disk: CrashingDisk = field(default_factory=CrashingDisk)
    brake: Brake = field(default_factory=Brake)
    defects: list[tuple[str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    seconds: Callable[[], float] = lambda: 0.0
    name: str = "EX1"
    run: str = "r1"
    reach: Reach | None = None  # another way to it than the one in memory
    secret: SecretUnavailableError | None = None
    guarded: bool = False  # all of them
    restarts: bool = False  # all of them, when a test says so
    interruption: int = 0
    render: Render = field(default_factory=lambda: render)
    deadlines: Deadlines = field(default_factory=Deadlines)
    ready: ReadyPlaybook = field(init=False)
    plan: PlannedHost = field(init=False)
    server: Server = field(init=False)
    way: Way = field(init=False)
    work: Applying | None = None
    ledger: list[Ran | ByItself] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.guarded or self.restarts:
            self.kinds = [Kind.GUARDED if self.guarded else Kind.RESTARTING] * self.steps
        self.ready = ready_playbook(self.steps, self.on_failure, self.kinds, self.interruption)
        self.plan = planned(self.ready, self.changes, self.name, self.render)
        things = {(f"s{step}", f"c{change}"): WRONG for step in range(self.steps) for change in range(self.changes)}
        self.server = Server(
            things,
            cut=lambda: self.disk.dead,
            witness=self._witness,
            by_itself=self._by_itself,
            booted=1 if any(Kind.RESTARTING in kind for kind in self.kinds) else 0,
            kinds={f"s{number}": kind for number, kind in enumerate(self.kinds)},
            restarts=not self.restarts,
        )
        self.way = Way(self.server)

    def _written(self) -> int:
        """The last line of the journal that is safe."""
        return self.disk.durable(run_directory(STATE, "alpha", self.run) / JOURNAL).count(b"\n")

    def _stored(self) -> frozenset[str]:
        """What is safe in the evidence store of what was to be kept."""
        kept = (kept_of(f"s{number}") for number, kind in enumerate(self.kinds[: self.steps]) if Kind.KEPT in kind)
        named = {hashlib.sha256(data).hexdigest(): data for data in kept}
        return frozenset(
            sha256
            for sha256, data in named.items()
            if self.disk.durable(STATE / "alpha" / "evidence" / f"{sha256}.evidence") == data
        )

    def _witness(self, pool: str, text: str, locked: bool) -> None:
        sha256 = Script("", text).sha256
        self.ledger.append(Ran(self.name, pool, sha256, locked, self._written(), self.server.stands(), self._stored()))

    def _by_itself(self, own: Own, text: str) -> None:
        sha256 = Script("", text).sha256
        self.ledger.append(ByItself(self.name, own, sha256, self._written(), self.server.stands()))

    def illegal(self) -> tuple[Against, ...]:
        """What is against it that the host did what its journal says."""
        return illegal([self.plan], self.recorded(), self.ledger)

    def session(self, *, undo: bool = False) -> AppliedHost:
        """Raises Died where the disk does, and JournalError where it is told to fail.

        Args:
            undo: somebody asks for what was done to be undone.
        """
        state = self.state()
        journal = opened(STATE, disk=self.disk)
        if state is None:
            due = tuple(
                StepDue(each.step.id, each.action.id, Script("", each.collect).sha256, None, {})
                for each in self.ready.steps
            )
            events.put(journal, replace(STARTED, hosts=(self.name,), steps=due))
        else:
            events.put(journal, events.RunResumed())
        if undo:
            events.put(journal, events.RollbackAsked((self.name,)))
        progress = None if state is None else state.hosts.get(self.name)
        self.work = self.applying(journal, progress.undone() if progress is not None and undo else progress)
        row = self.work.run()
        journal.close()
        return row

    def applying(self, journal: JournalWriter, progress: HostProgress | None) -> Applying:
        collects = collects_by_step(self.ready)
        changes = self.scripts()
        self.way = Way(self.server)
        history = HostHistory(
            journal,
            "alpha",
            self.plan,
            on_failures(self.ready),
            halted=lambda: self.brake.aborted is not None,
            now=lambda: datetime(2026, 11, 24, tzinfo=UTC),
            on_defect=lambda step, error: self.defects.append((step, type(error).__name__)),
            heard=self.heard.append,
            progress=progress,
        )
        return Applying(
            host=host(self.name),
            secret=self.secret,
            plan=self.plan,
            playbook=self.ready,
            collects=collects,
            changes=changes,
            judgement=JUDGEMENT,
            render=self.render,
            reach=self.reach or (lambda host, secret, notify: self.way),
            collecting=Gate.of([*collects.values(), *self.reads().values()]),
            changing=Gate.of(changes.values(), once=True),
            deadlines=self.deadlines,
            lines=history,
            brake=self.brake,
            monotonic=lambda: self.seconds() + self.server.waited,
            on_defect=lambda where, error: self.defects.append((where, type(error).__name__)),
            reads=self.reads(),
            store=EvidenceStore(STATE, "alpha", self.disk),
        )

    def scripts(self) -> dict[str, Script]:
        texts = [
            text
            for step, change in self.plan.changes
            for text in (
                apply_text(step.step, change.change.id),
                undo_text(step.step, change.change.id),
                *([confirm_text(step.step, change.change.id)] if change.confirm else []),
            )
        ]
        return {made.sha256: made for made in (Script(text, text, full=True) for text in texts)}

    def reads(self) -> dict[str, Script]:
        """What reads what is to be kept, and how far tasks are."""
        named = [(step.step, change) for step, change in self.plan.changes]
        texts = [keep_text(step, change.change.id) for step, change in named if change.evidence]
        texts += [poll_text(step, change.change.id) for step, change in named if change.poll]
        return {made.sha256: made for made in (Script(text, text) for text in texts)}

    def recorded(self) -> list[Recorded]:
        path = run_directory(STATE, "alpha", self.run) / JOURNAL
        try:
            lines, _ = read(path, disk=self.disk)
        except Exception:  # there is none yet
            return []
        return [events.read(line) for line in lines]

    def state(self) -> RunState | None:
        return fold(self.recorded())

    def names(self) -> list[str]:
        return [events.name_of(each.event) for each in self.recorded()]


def came(row: AppliedHost) -> dict[str, Outcome]:
    return {each.step: each.outcome for each in row.steps}


def drawing(server: Server, random: Random, faults: float) -> None:
    """From here on anything goes wrong, as often as that."""

    def draw() -> None:
        if not server.fate and random.random() < faults:
            server.fate.append(random.choice(FATES))
        if random.random() < faults / 3:
            server.deadlines_pass()
        if random.random() < faults / 3:
            server.failing = [random.random() < 0.5]
            server.tasks_end()
        server.lose += random.random() < faults / 3
        server.unreachable += random.random() < faults / 3

    server.drawn = draw
