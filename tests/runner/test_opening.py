"""A fleet over transports without a network: whatever hosts do, every one has a row, and journals say what was sent."""

from __future__ import annotations

import errno
import gc
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.model import CredentialKind, CredentialReference, Host
from playbooks.findings import Verdict
from playbooks.model import ReadyPlaybook
from runner import events
from runner.disk import Disk, SystemDisk
from runner.events import Event, Intent
from runner.fleet import HALT_SECONDS, OVERRUN_SECONDS, Stop
from runner.hostlog import HostLog
from runner.journal.chain import Verified
from runner.journal.lines import Line
from runner.journal.location import JOURNAL, run_directory
from runner.journal.verification import read
from runner.observe import Observing
from runner.opening import FleetRun, World, open_run
from runner.order import Order, collect_seconds, collects_of
from runner.replay import replay
from runner.results import HostResult, Judged, Outcome, exit_status
from runner.rollout import Halt, Letting
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.state import RunPhase, RunState, fold
from runner.terms import Ending
from runner.transport.failures import NEXT, Cause, Failure, TransportError, failure
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    LoggingOn,
    Notice,
    Repeated,
    Replaced,
    Retried,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
    Transport,
)
from tests.runner.fleets import JUDGEMENT, OneConnection, ScriptedTransport, host, lost, playbook, saying, step
from tests.runner.journal.journals import FullDisk, ticking
from tests.waiting import HANG_SECONDS

PLAYBOOK = playbook(step("a"), step("b", when="a.good"), step("c"))


@dataclass(slots=True)
class Heard:
    """A listener that keeps what it is told."""

    begun: list[str] = field(default_factory=list)
    rows: list[HostResult] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)
    halts: list[Halt] = field(default_factory=list)
    defects: list[tuple[str, str]] = field(default_factory=list)

    def started(self, host: Host) -> None:
        self.begun.append(host.key)

    def ended(self, audit: HostResult) -> None:
        self.rows.append(audit)

    def doing(self, host: Host, what: str) -> None:
        self.done.append((host.key, what))

    def halting(self, halt: Halt) -> None:
        self.halts.append(halt)

    def defect(self, where: str, error: BaseException) -> None:
        self.defects.append((where, type(error).__name__))


class Jumping:
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


Make = Callable[[Host, Callable[[Notice], None]], Transport]


@dataclass(slots=True)
class Fleet:
    """An audit to be run over `transports`, by key of the host."""

    state: Path
    hosts: tuple[Host, ...]
    transports: Mapping[str, Transport | Make] = field(default_factory=dict)
    ready: ReadyPlaybook = PLAYBOOK
    parallel: int = 4
    run_seconds: float | None = None
    monotonic: Callable[[], float] = time.monotonic
    disk: Disk | None = None
    stop: Stop = field(default_factory=Stop)
    heard: Heard = field(default_factory=Heard)
    secrets: Mapping[str, str] = field(default_factory=dict)
    selection: str | None = None
    made: dict[str, Transport] = field(default_factory=dict)

    def order(self) -> Order:
        return Order(
            run="2026-11-24t150212z-7f3a",
            playbook=self.ready,
            judgement=JUDGEMENT,
            hosts=self.hosts,
            inventory_source="/etc/exrun/inventory.yml",
            inventory_digest="cd" * 32,
            selection=self.selection,
            parallel=self.parallel,
            host_seconds=300.0,
            token="0" * 32,
            run_seconds=self.run_seconds,
        )

    def reach(self, host: Host, secret: Secret | None, notify: Callable[[Notice], None]) -> OneConnection:
        known = self.transports.get(host.key)
        if known is None:
            known = ScriptedTransport()
        transport = known(host, notify) if callable(known) else known
        self.made[host.key] = transport
        return OneConnection(transport)

    def resolve(self, reference: CredentialReference) -> Secret:
        if reference.target not in self.secrets:
            raise SecretUnavailableError(reference, f"the variable {reference.target} is not set", "Set it.")
        return Secret(self.secrets[reference.target])

    def run(self) -> FleetRun:
        order = self.order()
        world = World(
            state=self.state,
            secrets=self,
            reach=self.reach,
            actor="ops@desk",
            now=ticking().now,
            monotonic=self.monotonic,
            disk=self.disk,
        )
        return open_run(order, world).audit(self.stop, self.heard)

    def journal(self, client: str = "alpha") -> Path:
        return run_directory(self.state, client, self.order().run) / JOURNAL

    def records(self, client: str = "alpha") -> tuple[Line, ...]:
        records, found = read(self.journal(client))
        assert isinstance(found, Verified)
        return records

    def states(self) -> list[RunState]:
        states = [fold(map(events.read, self.records(client))) for client in self.order().clients]
        return [state for state in states if state is not None]


def sent_according_to(records: Sequence[Line], name: str) -> list[str]:
    texts = {each.script_hash: each.data["text"] for each in records if each.event == Event.SCRIPT_NAMED}
    return [str(texts[each.script]) for each in intents(records, name)]


def intents(records: Sequence[Line], name: str) -> list[Intent]:
    """What was about to be sent to a host, in order."""
    sent = [each.event for each in map(events.read, records)]
    return [
        each
        for event in sent
        if isinstance(event, events.ScriptSending) and event.host == name
        for each in event.scripts
    ]


# What one host may do: every kind of outcome that a transport has.

results: st.SearchStrategy[Callable[[Script], ScriptResult]] = st.one_of(
    st.sampled_from(["good", "bad", "raise", "\x1b[2J\ud800<b>"]).map(lambda word: saying(word)),
    st.just(saying()),
    st.sampled_from(Cause).map(lambda cause: lost(cause)),
    st.just(lambda script: TimedOut(script, 1.0, Streams())),
    st.just(lambda script: Capped(script, "max_bytes", 9)),
    st.just(lambda script: Terminated(script, ErrorText("no", "Id"), Streams(), 1.0)),
    st.just(lambda script: Completed(script, Streams(("junk",), (), ("careful",)), 1.0)),
)


class RaisingTransport(ScriptedTransport):
    """A defect of the transport itself."""

    def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        raise ZeroDivisionError("a defect of the transport")


def _noisy(host: Host, notify: Callable[[Notice], None]) -> Transport:
    """A connection that is retried, lost, and gone on with in a new pool."""

    class Noisy(ScriptedTransport):
        def open(self) -> None:
            notify(Retried(failure(Cause.REFUSED, "refused"), 1, 0.5))

        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            notify(Repeated(failure(Cause.CONNECTION_LOST, "lost"), tuple(scripts)))
            notify(Replaced(scripts[0]))
            return ScriptedTransport.observe(self, scripts)

    return Noisy()


@st.composite
def behaviours(draw: st.DrawFn) -> Transport | Make:
    kind = draw(st.sampled_from(["answers", "answers", "silent", "broken", "defect", "noisy", "no-transport"]))
    why = failure(draw(st.sampled_from(Cause)), "no \x1b[31msession")
    match kind:
        case "answers":
            return ScriptedTransport({f"Get-{name}": draw(results) for name in "abc"})
        case "silent":
            return ScriptedTransport(unopenable=why)
        case "broken":
            return ScriptedTransport(broken=why)
        case "defect":
            return RaisingTransport()
        case "noisy":
            return _noisy
        case _:
            return lambda host, notify: ScriptedTransport(unopenable=why)


names = st.sampled_from(["EX1", "EX2", "EX3", "Exchange-Nord"])
keys = st.lists(st.tuples(names, st.sampled_from(["alpha", "beta"])), min_size=1, max_size=6, unique=True)


@settings(max_examples=60, deadline=None)
@given(keys.flatmap(lambda found: st.tuples(st.just(found), st.lists(behaviours(), min_size=6, max_size=6))))
def test_every_host_has_a_row_and_the_journals_alone_give_the_same_audit(
    fleet: tuple[list[tuple[str, str]], list[Transport | Make]],
) -> None:
    found, behave = fleet
    hosts = tuple(host(name, client) for name, client in found)
    with tempfile.TemporaryDirectory() as state:
        audited = Fleet(Path(state), hosts, {each.key: how for each, how in zip(hosts, behave, strict=False)})
        run = audited.run()
        assert run.ending is Ending.COMPLETE
        assert sorted(f"{row.client}/{row.name}" for row in run.audit.hosts) == sorted(each.key for each in hosts)
        assert replay(audited.states()) == run.audit
        assert sorted(audited.heard.rows, key=lambda row: (row.client, row.name)) == sorted(
            run.audit.hosts, key=lambda row: (row.client, row.name)
        )
        assert exit_status(run.audit.hosts) == max(exit_status([row]) for row in run.audit.hosts)
        for client in audited.order().clients:
            records = audited.records(client)
            assert records[-1].event == Event.RUN_ENDED
            for each in hosts:
                transport = audited.made.get(each.key)
                if each.client == client and isinstance(transport, ScriptedTransport):
                    assert set(transport.sent) <= set(sent_according_to(records, each.name))


def test_who_watches_is_told_what_each_host_waits_for(tmp_path: Path) -> None:
    def quick(host: Host, notify: Callable[[Notice], None]) -> Transport:
        class Quick(ScriptedTransport):
            def open(self) -> None:
                notify(LoggingOn())

            def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
                notify(LoggingOn())  # the server closed the connection meanwhile: nothing that is waited for
                return ScriptedTransport.observe(self, scripts)

        return Quick()

    audited = Fleet(tmp_path, (host("EX1"), host("EX2")), {"alpha/EX1": quick, "alpha/EX2": _noisy})
    audited.run()
    told = {key: [what for of, what in audited.heard.done if of == key] for key in ("alpha/EX1", "alpha/EX2")}
    assert told["alpha/EX1"][:3] == ["connect", "log on", "collect a and 1 more"]
    assert told["alpha/EX2"][:3] == ["connect", "connect again", "collect a and 1 more"]
    assert told["alpha/EX1"].count("log on") == 1


def test_a_listener_that_is_gone_costs_no_host(tmp_path: Path) -> None:
    audited = Fleet(tmp_path, (host("EX1"),))

    class Gone(Heard):
        def doing(self, host: Host, what: str) -> None:
            raise OSError("the terminal is gone")

    audited.heard = Gone()
    assert [row.outcome for row in audited.run().audit.hosts] == [Outcome.COMPLIANT]


def test_transports_are_closed_whatever_happens(tmp_path: Path) -> None:
    hosts = tuple(host(f"EX{number}") for number in range(4))
    transports = {
        "alpha/EX0": ScriptedTransport(),
        "alpha/EX1": ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused")),
        "alpha/EX2": RaisingTransport(),
        "alpha/EX3": ScriptedTransport({"Get-a": lost()}),
    }
    fleet = Fleet(tmp_path, hosts, transports)
    fleet.run()
    assert [transport.closed for transport in transports.values()] == [1, 1, 1, 1]
    assert ("alpha/EX2", "ZeroDivisionError") in fleet.heard.defects


def test_a_dead_host_delays_no_other(tmp_path: Path) -> None:
    release = threading.Event()

    class Dead(ScriptedTransport):
        def open(self) -> None:
            assert release.wait(30)
            super().open()

    hosts = tuple(host(f"EX{number}") for number in range(12))

    class Freeing(Heard):
        def ended(self, audit: HostResult) -> None:
            Heard.ended(self, audit)
            if len(self.rows) == 11:  # all others are done while the dead one still hangs
                release.set()

    fleet = Fleet(tmp_path, hosts, {"alpha/EX0": Dead()}, parallel=2, heard=Freeing())
    run = fleet.run()
    assert fleet.heard.rows[-1].name == "EX0"
    assert [row.outcome for row in run.audit.hosts] == [Outcome.COMPLIANT] * 12


def test_a_credential_that_cannot_be_had_costs_its_hosts_alone(tmp_path: Path) -> None:
    def with_credential(name: str, variable: str) -> Host:
        plain = host(name)
        return Host(
            **{field: getattr(plain, field) for field in plain.__slots__ if field != "credential"},
            credential=CredentialReference(CredentialKind.ENV, variable),
        )

    hosts = (with_credential("EX1", "GOOD"), with_credential("EX2", "MISSING"), host("EX3"))
    fleet = Fleet(tmp_path, hosts, secrets={"GOOD": "correct horse battery"})
    run = fleet.run()
    rows = {row.name: row for row in run.audit.hosts}
    assert rows["EX1"].outcome is Outcome.COMPLIANT
    assert rows["EX3"].outcome is Outcome.COMPLIANT
    assert (rows["EX2"].verdict, rows["EX2"].outcome) == (Verdict.NO_CREDENTIAL, Outcome.FAILED)
    assert (rows["EX2"].next, rows["EX2"].requests) == ("Set it.", 0)
    assert rows["EX2"].why == "credential: env:MISSING: the variable MISSING is not set"
    assert "alpha/EX2" not in fleet.made


@pytest.mark.parametrize("cause", [Cause.QUOTA, Cause.ACCESS_DENIED, Cause.AUTHENTICATION, Cause.TIMEOUT])
def test_the_row_and_the_journal_of_a_host_lost_in_the_middle_have_the_next_step_of_its_cause(
    tmp_path: Path, cause: Cause
) -> None:
    fleet = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": ScriptedTransport(otherwise=lost(cause))})
    (row,) = fleet.run().audit.hosts
    assert row.next == NEXT[cause]


def test_a_defect_in_the_transport_is_exruns_own_and_no_word_against_the_host(tmp_path: Path) -> None:
    class Broken(ScriptedTransport):
        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            raise UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range(128)")

    fleet = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": Broken()})
    (row,) = fleet.run().audit.hosts
    assert (row.outcome, row.next) == (Outcome.UNKNOWN, NEXT[Cause.DEFECT])
    assert "defect: exrun failed with UnicodeEncodeError; its script may have run" in row.why


@pytest.mark.parametrize(
    "password",
    ["ok", "a", "*", "good", "steps", "seconds", "vulnerable", "Get-a", "2026", "test.state", "EX1", "State"],
)
def test_a_password_that_is_one_of_our_words_is_redacted_where_a_server_says_it_and_costs_no_other(
    tmp_path: Path, password: str
) -> None:
    plain = host("EX1")
    needy = Host(
        **{field: getattr(plain, field) for field in plain.__slots__ if field != "credential"},
        credential=CredentialReference(CredentialKind.ENV, "WORD"),
    )
    said = f"<{password}>"
    fleet = Fleet(
        tmp_path, (needy,), {"alpha/EX1": ScriptedTransport({"Get-a": saying(said)})}, secrets={"WORD": password}
    )
    run = fleet.run()
    [row] = run.audit.hosts
    assert row.verdict is Verdict.VULNERABLE
    assert replay(fleet.states()) == run.audit
    [finding] = [found.finding for found in row.findings]
    assert password not in finding.evidence[0].replace("***", "")
    assert finding.id == "test.state.bad"
    for line in fleet.records():
        match events.read(line).event:
            case events.StepAssessed(answer=events.Completed(output=output), step="a"):
                assert password not in json.dumps(output).replace("***", "") or password in "[]{}"
            case _:
                pass


def test_a_password_that_a_server_echoes_or_a_label_has_is_in_no_report_and_no_journal(tmp_path: Path) -> None:
    plain, password = host("EX1"), "Tr0ub4dor&3"
    echoing = Host(
        **{
            field: getattr(plain, field) for field in plain.__slots__ if field not in ("credential", "labels", "groups")
        },
        credential=CredentialReference(CredentialKind.ENV, "PW"),
        labels={"note": (f"pw {password}",), password: ("x",)},
        groups=frozenset({password}),
    )
    fleet = Fleet(
        tmp_path, (echoing,), {"alpha/EX1": ScriptedTransport({"Get-a": saying(password)})}, secrets={"PW": password}
    )
    run = fleet.run()
    assert run.audit.hosts[0].why == "it says ***"
    assert run.audit.hosts[0].labels == {"note": ("pw ***",), "***": ("x",)}
    assert password not in repr(run.audit)
    assert password.encode() not in fleet.journal().read_bytes()
    assert replay(fleet.states()) == run.audit


def test_nothing_of_one_client_stands_in_the_journal_of_another(tmp_path: Path) -> None:
    hosts = (host("AlphaMail", "Aleph-GmbH"), host("BetaMail", "Beth-AG"), host("BetaEdge", "Beth-AG"))
    bad = {"Beth-AG/BetaEdge": ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused by BetaEdge"))}
    fleet = Fleet(tmp_path, hosts, bad)
    fleet.run()
    for mine, others in (("Aleph-GmbH", ("Beta", "Beth")), ("Beth-AG", ("Alpha", "Aleph"))):
        lines = fleet.journal(mine).read_text(encoding="ascii")
        assert mine in lines
        assert [word for word in others if word.casefold() in lines.casefold()] == []


class Hanging(ScriptedTransport):
    """Hangs in `run` until it is cancelled; then answers as a cancelled transport does."""

    def __init__(self, entered: Callable[[], None]) -> None:
        super().__init__()
        self.entered = entered

    def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        self.entered()
        assert self.cancelled.wait(30)
        return tuple(lost(Cause.INTERRUPTED, started=None)(script) for script in scripts)


def test_ctrl_c_lets_hosts_go_journals_it_and_keeps_what_was_learnt(tmp_path: Path) -> None:
    stop = Stop()
    in_work = threading.Event()
    waiting = Hanging(entered=in_work.set)

    class Pressing(Heard):
        def ended(self, audit: HostResult) -> None:
            Heard.ended(self, audit)
            assert in_work.wait(HANG_SECONDS)
            stop.requested = Letting.ABORT

    hosts = (host("EX0"), host("EX1"), *(host(f"EX{number}") for number in range(2, 6)))
    transports: dict[str, Transport | Make] = {"alpha/EX1": waiting}
    transports |= {f"alpha/EX{number}": Hanging(entered=lambda: None) for number in range(2, 6)}
    fleet = Fleet(tmp_path, hosts, transports, parallel=2, stop=stop, heard=Pressing())
    run = fleet.run()
    assert run.ending is Ending.INTERRUPTED
    rows = {row.name: row for row in run.audit.hosts}
    assert len(rows) == 6
    assert rows["EX0"].verdict is Verdict.OK
    assert rows["EX1"].verdict is Verdict.UNKNOWN
    assert "interrupted" in rows["EX1"].why
    assert "its script may have run" in rows["EX1"].why
    assert rows["EX1"].requests > 0
    assert (rows["EX5"].verdict, rows["EX5"].outcome) == (Verdict.NOT_ASKED, Outcome.FAILED)
    assert rows["EX5"].why == "interrupted: the run was interrupted"
    assert rows["EX5"].next == "Run the audit again for this host."
    assert waiting.closed == 1
    assert [halt.why.message for halt in fleet.heard.halts] == ["the run was interrupted"]
    assert fleet.records()[-1].event == Event.RUN_INTERRUPTED
    assert fleet.records()[-1].data["reason"] == "interrupted"
    assert replay(fleet.states()) == run.audit
    assert fleet.states()[0].phase is RunPhase.INTERRUPTED


def let_go(before: set[threading.Thread]) -> None:
    """Waits for the threads of hosts that were started since; those of other tests may never end."""
    for thread in set(threading.enumerate()) - before:
        if thread.name == "exrun-host":
            thread.join(HANG_SECONDS)


def test_a_host_that_does_not_let_go_is_left_when_the_time_is_up(tmp_path: Path) -> None:
    clock, stop, release = Jumping(), Stop(), threading.Event()
    before = set(threading.enumerate())

    class Deaf(ScriptedTransport):
        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            stop.requested = Letting.ABORT
            assert release.wait(30)
            return ScriptedTransport.observe(self, scripts)

    class Waiting(Heard):
        def halting(self, why: Failure) -> None:
            Heard.halting(self, why)
            clock.now += HALT_SECONDS

    fleet = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": Deaf()}, monotonic=clock, stop=stop, heard=Waiting())
    run = fleet.run()
    lines = fleet.journal().read_bytes()
    release.set()  # what its thread does from here on is recorded nowhere
    let_go(before)
    assert run.ending is Ending.INTERRUPTED
    row = run.audit.hosts[0]
    assert row.verdict is Verdict.UNKNOWN
    assert "interrupted: this server had not let go when the run was halted; its script may have run" in row.why
    assert [step.assessment.summary.count("may have run") for step in row.steps] == [1, 0, 1]  # b waits for a
    assert fleet.journal().read_bytes() == lines
    assert replay(fleet.states()) == run.audit


def test_a_host_whose_transport_misses_its_deadline_is_cancelled_then_left_and_the_rest_goes_on(tmp_path: Path) -> None:
    clock, release, let_go = Jumping(), threading.Event(), threading.Event()
    impatient: list[str] = []

    class Deaf(ScriptedTransport):
        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            clock.now += 300 + OVERRUN_SECONDS
            assert self.cancelled.wait(30)
            clock.now += OVERRUN_SECONDS
            if not release.wait(30):
                impatient.append("nobody worked on with the other host")
            return ScriptedTransport.observe(self, scripts)

        def close(self) -> None:
            let_go.set()

    class Other(ScriptedTransport):
        """Frees the one that hangs, whose thread now tries to go on while the journal is open."""

        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            release.set()
            assert let_go.wait(30)
            return ScriptedTransport.observe(self, scripts)

    transports: dict[str, Transport | Make] = {"alpha/EX1": Deaf(), "alpha/EX2": Other()}
    fleet = Fleet(tmp_path, (host("EX1"), host("EX2")), transports, parallel=1, monotonic=clock)
    run = fleet.run()
    rows = {row.name: row for row in run.audit.hosts}
    assert impatient == []
    assert run.ending is Ending.COMPLETE
    assert rows["EX1"].verdict is Verdict.UNKNOWN
    assert "timeout: it did not end within 300 s, nor when it was cancelled; its script may have run" in rows["EX1"].why
    assert rows["EX2"].verdict is Verdict.OK
    assert replay(fleet.states()) == run.audit


def test_a_host_that_was_about_to_be_opened_when_the_run_was_halted_is_not(tmp_path: Path) -> None:
    stop, halted = Stop(), threading.Event()
    made = ScriptedTransport()

    def slowly(host: Host, notify: Callable[[Notice], None]) -> Transport:
        stop.requested = Letting.ABORT
        assert halted.wait(30)
        return made

    class Telling(Heard):
        def halting(self, why: Failure) -> None:
            halted.set()

    run = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": slowly}, stop=stop, heard=Telling()).run()
    assert (made.opened, made.closed) == (0, 1)
    row = run.audit.hosts[0]
    assert (row.verdict, row.outcome) == (Verdict.NOT_ASKED, Outcome.FAILED)
    assert row.why == "interrupted: the run was interrupted; no script had been sent to this server"


def test_a_journal_that_fails_when_the_run_was_interrupted_outweighs_the_interruption(tmp_path: Path) -> None:
    class Full(SystemDisk):
        def write(self, descriptor: int, data: bytes) -> int:
            if b'"run-interrupted"' in data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return SystemDisk.write(self, descriptor, data)

    stop = Stop(Letting.ABORT)
    run = Fleet(tmp_path, (host("EX1"),), disk=Full(), stop=stop).run()
    assert run.ending is Ending.JOURNAL


def test_a_defect_anywhere_loses_neither_the_host_nor_the_thread(tmp_path: Path) -> None:
    class Failing(Heard):
        def started(self, host: Host) -> None:
            if host.name == "EX1":
                raise ZeroDivisionError("a defect of the progress")

    heard = Failing()
    run = Fleet(tmp_path, (host("EX1"), host("EX2")), parallel=1, heard=heard).run()
    assert {row.name: row.outcome for row in run.audit.hosts} == dict.fromkeys(("EX1", "EX2"), Outcome.COMPLIANT)
    assert heard.defects == [("alpha/EX1", "ZeroDivisionError")]


def test_the_run_ends_on_its_own_deadline_with_a_row_for_every_host(tmp_path: Path) -> None:
    clock = Jumping()
    slow = Hanging(entered=lambda: setattr(clock, "now", 61.0))
    fleet = Fleet(
        tmp_path, (host("EX1"), host("EX2")), {"alpha/EX1": slow}, parallel=1, monotonic=clock, run_seconds=60.0
    )
    run = fleet.run()
    rows = {row.name: row for row in run.audit.hosts}
    assert run.ending is Ending.DEADLINE
    assert (rows["EX2"].verdict, rows["EX2"].outcome) == (Verdict.NOT_ASKED, Outcome.FAILED)
    assert rows["EX2"].why == "interrupted: the run's time limit of 60 s was reached"
    assert rows["EX2"].next.startswith("Raise --run-timeout")
    assert rows["EX1"].verdict is Verdict.UNKNOWN
    assert slow.closed == 1
    assert fleet.records()[-1].data["reason"] == "deadline"
    assert replay(fleet.states()) == run.audit


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30_000))
def test_when_the_disk_is_full_nothing_more_is_sent_and_every_host_has_a_row(room: int) -> None:
    hosts = tuple(host(f"EX{number}") for number in range(6))
    with tempfile.TemporaryDirectory() as state:
        # Room enough to open, so that the fault strikes in the middle of the run.
        disk = _FullLater(room)
        fleet = Fleet(Path(state), hosts, parallel=3, disk=disk)
        run = fleet.run()
        assert len(run.audit.hosts) == len(hosts)
        assert {row.verdict for row in run.audit.hosts} <= {Verdict.OK, Verdict.UNKNOWN, Verdict.NOT_ASKED}
        written = fleet.journal().read_bytes()
        for each in hosts:
            transport = fleet.made.get(each.key)
            if isinstance(transport, ScriptedTransport):
                for text in transport.sent:
                    digest = Script("", text).sha256.encode()
                    mine = [
                        line
                        for line in written.splitlines()
                        if b'"script-sending"' in line and digest in line and each.name.encode() in line
                    ]
                    assert mine  # intent stands in the file, whole, for all that was sent
        assert (run.ending is Ending.JOURNAL) == disk.refused
        if disk.refused:
            assert run.why is not None
            assert "alpha" not in run.why.message


class _FullLater(FullDisk):
    """Takes the journal's lines while there is room; heads are always taken. `refused` once it did not."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.refused = False

    def write(self, descriptor: int, data: bytes) -> int:
        if data.startswith(b'{"closed"'):
            return FullDisk(len(data)).write(descriptor, data)
        if self.room < len(data):
            self.refused = True
        return FullDisk.write(self, descriptor, data)


def test_a_journal_that_cannot_be_opened_sends_nothing_and_leaves_the_others_unlocked(tmp_path: Path) -> None:
    from runner.journal.errors import JournalError

    (tmp_path / "beta").write_text("a file where a directory belongs")
    fleet = Fleet(tmp_path, (host("EX1"), host("EX1", "beta")))
    with pytest.raises(JournalError):
        fleet.run()
    assert fleet.made == {}
    (tmp_path / "beta").unlink()
    assert fleet.run().ending is Ending.COMPLETE


def test_scripts_that_steps_share_have_one_name_and_the_longest_time_limit() -> None:
    ready = playbook(step("a", script="Get-x"), step("b", script="Get-x"), step("c"))
    assert [(script.name, script.text) for script in collects_of(ready)] == [("a", "Get-x"), ("c", "Get-c")]
    assert collect_seconds(ready) == {"a": 30.0, "b": 30.0, "c": 30.0}


def test_intent_is_on_the_disk_before_a_script_leaves(tmp_path: Path) -> None:
    class Watching(SystemDisk):
        """Remembers what the journal held when it was last flushed."""

        def __init__(self) -> None:
            self.flushed = b""

        def fsync(self, descriptor: int) -> None:
            SystemDisk.fsync(self, descriptor)
            if fleet.journal().exists():
                self.flushed = fleet.journal().read_bytes()

    class Sending(ScriptedTransport):
        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            lines = [line for line in disk.flushed.splitlines() if b'"event":"script-sending"' in line]
            for script in scripts:
                assert any(script.sha256.encode() in line for line in lines)
            checked.append(len(scripts))
            return ScriptedTransport.observe(self, scripts)

    disk, checked = Watching(), list[int]()
    fleet = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": Sending()}, disk=disk)
    assert fleet.run().audit.hosts[0].verdict is Verdict.OK
    assert checked == [2, 1]


def test_a_script_that_is_sent_again_is_intent_again_and_on_the_disk(tmp_path: Path) -> None:
    class Counting(SystemDisk):
        flushes = 0

        def fsync(self, descriptor: int) -> None:
            Counting.flushes += 1
            SystemDisk.fsync(self, descriptor)

    flushed: list[int] = []

    def again(host: Host, notify: Callable[[Notice], None]) -> Transport:
        class Losing(ScriptedTransport):
            def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
                before = Counting.flushes
                notify(Repeated(failure(Cause.CONNECTION_LOST, "lost"), tuple(scripts)))
                flushed.append(Counting.flushes - before)
                return ScriptedTransport.observe(self, scripts)

        return Losing()

    fleet = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": again}, ready=playbook(step("a")), disk=Counting())
    fleet.run()
    sent = [each for each in fleet.records() if each.event == Event.SCRIPT_SENDING]
    assert [each.data["again_after"] is None for each in sent] == [True, False]
    again = Script("a", "Get-a").sha256
    assert intents(fleet.records(), "EX1") == [Intent(again, ("a",), 1), Intent(again, ("a",), 2)]
    assert flushed[0] > 0


def test_after_a_halt_no_further_batch_leaves(tmp_path: Path) -> None:
    stop = Stop()
    halted = threading.Event()

    class Deaf(ScriptedTransport):
        """Does not know that it was cancelled, and answers its first batch only then."""

        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            stop.requested = Letting.ABORT
            assert halted.wait(30)
            return ScriptedTransport.observe(self, scripts)

    class Telling(Heard):
        def halting(self, why: Failure) -> None:
            halted.set()

    deaf = Deaf()
    fleet = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": deaf}, stop=stop, heard=Telling())
    run = fleet.run()
    assert deaf.batches == [("Get-a", "Get-c")]
    assert "interrupted" in run.audit.hosts[0].why
    assert replay(fleet.states()) == run.audit


def test_a_host_that_was_being_connected_to_when_the_run_was_halted_was_not_asked_and_says_why(tmp_path: Path) -> None:
    stop = Stop()

    class Opening(ScriptedTransport):
        def open(self) -> None:
            stop.requested = Letting.ABORT
            assert self.cancelled.wait(30)
            raise TransportError(failure(Cause.INTERRUPTED, "interrupted"))

    fleet = Fleet(tmp_path, (host("EX1"),), {"alpha/EX1": Opening()}, stop=stop)
    run = fleet.run()
    row = run.audit.hosts[0]
    assert row.verdict is Verdict.NOT_ASKED
    assert row.why == "interrupted: the run was interrupted; no script had been sent to this server"
    assert replay(fleet.states()) == run.audit


def test_a_host_that_the_lockout_guard_spared_was_not_asked(tmp_path: Path) -> None:
    why = failure(Cause.LOCKOUT_GUARD, "alpha\\ops was refused by EX1, EX2, EX3 and is not used any more")
    fleet = Fleet(tmp_path, (host("EX4"),), {"alpha/EX4": ScriptedTransport(unopenable=why)})
    run = fleet.run()
    row = run.audit.hosts[0]
    assert (row.verdict, row.outcome) == (Verdict.NOT_ASKED, Outcome.FAILED)
    assert "refused by EX1, EX2, EX3" in row.why
    assert exit_status(run.audit.hosts) == 3
    assert replay(fleet.states()) == run.audit


def test_wherever_a_killed_run_ends_no_row_hides_that_a_script_may_have_run(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, (host("EX1"), host("EX2")), parallel=1)
    fleet.run()
    records = fleet.records()
    seen: set[tuple[Verdict, int]] = set()
    for kept in (records[:length] for length in range(1, len(records))):
        folded = fold(map(events.read, kept))
        assert folded is not None
        for row in replay([folded]).hosts:
            mine = [each for each in kept if each.host == row.name]
            sent = {step for each in intents(kept, row.name) for step in each.steps}
            judged = {each.step for each in mine if each.event == Event.STEP_ASSESSED}
            unanswered = sent - judged
            said = {step.step: step.assessment.summary for step in row.steps} if isinstance(row, Judged) else {}
            if not sent:
                assert row.verdict is Verdict.NOT_ASKED
                assert "it is still running, or it was killed" in row.why
            else:
                assert row.verdict is (Verdict.OK if judged == {"a", "b", "c"} else Verdict.UNKNOWN)
                assert {step for step, summary in said.items() if "its script may have run" in summary} == unanswered
                assert {step for step, summary in said.items() if summary == "well"} == judged
            seen.add((row.verdict, len(unanswered)))
    assert {(Verdict.NOT_ASKED, 0), (Verdict.UNKNOWN, 0), (Verdict.UNKNOWN, 1), (Verdict.UNKNOWN, 2)} < seen


def test_a_host_that_has_ended_leaves_its_row_and_nothing_else(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    done = Fleet(tmp_path, tuple(host(f"LEAVING{number}") for number in range(40))).run()
    let_go(before)
    # Nobody looks for rings before: what a host leaves goes by itself.
    kept = gc.get_objects()
    assert len({id(each) for each in kept if type(each) is Judged and each.name.startswith("LEAVING")}) == 40
    assert [each for each in kept if type(each) is HostLog and each.host.startswith("LEAVING")] == []
    assert [each for each in kept if type(each) is Observing and each.host.name.startswith("LEAVING")] == []
    assert len(done.audit.hosts) == 40
