"""The whole command over real WinRM against the lab, with every fault switched on: what servers were sent is what the
journal names, and every server has a row."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner import events
from runner.cli.main import main
from runner.events import Event
from runner.journal.chain import Verified
from runner.journal.lines import Line
from runner.journal.verification import read, verify
from runner.lab.engines.sim import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import Lab, start
from runner.reports.json import AuditDocument, HostMember
from runner.results import WELL, ExitStatus
from runner.transport import connecting
from runner.transport.gate import marker
from runner.transport.memory import MemoryBudget
from tests.runner.lab.engines.states import STATES
from tests.waiting import HANG_SECONDS, happens

PASSWORD = "Lab-passw0rd!"
LEGAL = frozenset(
    {
        Act.LATENCY,
        Act.CHUNKED,
        Act.CLOSE,
        Act.ONE_FRAGMENT,
        Act.STATE_APART,
        Act.PREFIXES,
        Act.LOWER_CASE,
        Act.CHALLENGE,
    }
)
STEPS = (Step.CONNECT, Step.AUTHENTICATE, Step.CREATE, Step.RECEIVE_OPEN, Step.COMMAND, Step.RECEIVE, Step.DELETE)


def lab_host(client: str, name: str, *faults: Fault) -> LabHost:
    """A patched server, or one whose update does not fit."""
    state = STATES["Exchange 2019 with its update"].model_copy(update={"name": name})
    return LabHost(client, name, state, Account(f"{client}\\auditor", PASSWORD), faults=faults)


def every_fault() -> Iterator[Fault]:
    """Each act at each step at which it can happen, every time but a challenge, which comes once."""
    for act in Act:
        for step in STEPS:
            with contextlib.suppress(ValueError):
                yield Fault(act, step, times=1 if act is Act.CHALLENGE else None, milliseconds=20.0)


FAULTS = tuple(every_fault())
USUAL = tuple(
    fault
    for fault in FAULTS
    # NTLM authenticates a connection: one that closes after each challenge can never be authenticated.
    if fault.act in LEGAL and (fault.act, fault.at) != (Act.CLOSE, Step.AUTHENTICATE)
)
HOSTILE = tuple(fault for fault in FAULTS if fault not in USUAL)
AUDIT = (sys.executable, "-m", "runner.cli.main", "audit", "-i", "inventory.yml")
PATIENT = ("--timeout", "600", "--connect-timeout", "600")


def test_the_lab_has_a_fault_of_every_kind_for_every_step() -> None:
    assert {fault.act for fault in FAULTS} == set(Act)
    assert {fault.at for fault in FAULTS} == set(STEPS)


def inventory(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each server with a credential of its own, so that one that refuses stops no other."""
    lines = ["exrun: inventory/1", "clients:"]
    for client in dict.fromkeys(served.host.client for served in lab.hosts.values()):
        lines += [f"  {client}:", "    authentication: ntlm", f"    user: {client}\\auditor", "    hosts:"]
        for number, served in enumerate(lab.hosts.values()):
            if served.host.client == client:
                monkeypatch.setenv(f"LAB_{number}", PASSWORD)
                at = f"address: {served.host.address}, port: {served.port}, credential: 'env:LAB_{number}'"
                lines.append(f"      {served.host.name}: {{{at}}}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Audited:
    """One audit of the lab: what the command said, what the lab saw, and where the journals are."""

    status: int
    document: AuditDocument
    errors: str
    lab: Lab
    state: Path

    def row(self, key: str) -> HostMember:
        [row] = [host for host in self.document.hosts if f"{host.client}/{host.name}" == key]
        return row

    def records(self, client: str) -> tuple[Line, ...]:
        [journal] = self.state.glob(f"{client}/runs/*/journal.jsonl")
        assert isinstance(verify(journal), Verified)
        return read(journal)[0]


@contextlib.contextmanager
def command(folder: Path, faults: Sequence[Fault], *options: str) -> Iterator[Audited]:
    """A server for each fault, beside one of each client without any, audited once by the command."""
    hosts = [lab_host("alpha", "plain"), lab_host("beta", "plain")]
    hosts += [lab_host("alpha", f"{fault.act}-{fault.at}", fault) for fault in faults]
    with audited_by_command(folder, hosts, *options) as audited:
        yield audited


@contextlib.contextmanager
def audited_by_command(folder: Path, hosts: Sequence[LabHost], *options: str) -> Iterator[Audited]:
    """These servers, audited once by the command."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patched,
        start(Fleet(tuple(hosts)), {"sim": SimEngine()}) as lab,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        (folder / "inventory.yml").write_text(inventory(lab, patched), encoding="utf-8")
        at = ("-i", str(folder / "inventory.yml"), "--state", str(folder / "state"))
        status = main(["audit", *at, "--format", "json", "--parallel", "64", *options])
        yield Audited(status, AuditDocument.model_validate_json(out.getvalue()), err.getvalue(), lab, folder / "state")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """Servers that answer, however unusually: given all the time that a busy machine may take."""
    with command(tmp_path_factory.mktemp("usual"), USUAL, *PATIENT) as audited:
        yield audited


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """Servers of which many never answer: what is waited for here is only their silence."""
    with command(tmp_path_factory.mktemp("hostile"), HOSTILE, "--timeout", "8", "--connect-timeout", "2") as audited:
        yield audited


@pytest.fixture(params=["usual", "hostile"])
def audited(request: pytest.FixtureRequest) -> Audited:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Audited)
    return found


COSTLY = {
    Act.XML_DEPTH: "the reply has more than",
    Act.XML_ELEMENTS: "the reply has more than 4000 elements",
    Act.XML_BYTES: "the reply is larger than 2097152 bytes",
}
SIDE_BY_SIDE = 16  # servers for each kind of reply that costs its reader much, all in work at once


@dataclass(frozen=True, slots=True)
class Costly:
    """An audit of servers whose replies cost more than a run may spend on all of them, beside as many healthy ones."""

    audited: Audited
    budgets: Sequence[MemoryBudget]


@pytest.fixture(scope="module")
def costly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Costly]:
    budgets: list[MemoryBudget] = []

    def budget() -> MemoryBudget:
        budgets.append(MemoryBudget())
        return budgets[-1]

    hosts = [lab_host("alpha", f"well-{number}") for number in range(SIDE_BY_SIDE)]
    hosts += [lab_host("beta", "plain")]
    for act in COSTLY:
        hosts += [lab_host("alpha", f"{act}-{n}", Fault(act, Step.RECEIVE)) for n in range(SIDE_BY_SIDE)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connecting, "MemoryBudget", budget)
        with audited_by_command(tmp_path_factory.mktemp("costly"), hosts, *PATIENT) as audited:
            yield Costly(audited, budgets)


def test_replies_that_cost_too_much_cost_their_own_servers_and_no_other(costly: Costly) -> None:
    for number in range(SIDE_BY_SIDE):
        assert costly.audited.row(f"alpha/well-{number}").coverage.not_knowable == 0
        for act, why in COSTLY.items():
            row = costly.audited.row(f"alpha/{act}-{number}")
            assert row.verdict == "unknown"
            assert why in row.why


def test_what_all_servers_together_send_is_held_within_one_number(costly: Costly) -> None:
    [budget] = costly.budgets
    assert 0 < budget.highest <= budget.most == 256 * 1024 * 1024
    assert budget.used == 0  # all of it was let go of


def test_every_server_has_a_row_whatever_it_did(audited: Audited) -> None:
    assert sorted(f"{row.client}/{row.name}" for row in audited.document.hosts) == sorted(audited.lab.hosts)


def test_servers_that_gave_no_answer_are_in_the_exit_status(usual: Audited, hostile: Audited) -> None:
    assert usual.status != ExitStatus.NOT_ALL_JUDGED
    assert hostile.status == ExitStatus.NOT_ALL_JUDGED


def test_what_servers_were_sent_is_byte_for_byte_what_the_journal_names(audited: Audited) -> None:
    seen = 0
    for client in ("alpha", "beta"):
        records = audited.records(client)
        token = str(records[0].data["marker_token"])
        texts = {each.script_hash: str(each.data["text"]) for each in records if each.event == Event.SCRIPT_NAMED}
        opening = {each.script_hash for each in records if each.event == Event.SCRIPT_NAMED and not each.data["steps"]}
        sent = [each.event for each in map(events.read, records)]
        intended = {
            (each.host, script.script)
            for each in sent
            if isinstance(each, events.ScriptSending)
            for script in each.scripts
        }
        for key, served in audited.lab.hosts.items():
            if served.host.client != client:
                continue
            for executed in audited.lab.ledger.executed(key):
                assert not executed.unreadable
                for statement in executed.statements:
                    seen += 1
                    assert statement.script
                    assert statement.arguments == ()
                    if statement.sha256 in texts:
                        assert statement.text == texts[statement.sha256]
                        assert (served.host.name, statement.sha256) in intended or statement.sha256 in opening
                    else:
                        assert statement.text in {marker(digest, token).text for digest in texts if digest}
    assert seen > (0 if audited.status == ExitStatus.NOT_ALL_JUDGED else 100)


@pytest.mark.parametrize("fault", USUAL, ids=lambda fault: f"{fault.act}-{fault.at}")
def test_what_is_legal_but_unusual_changes_no_verdict(usual: Audited, fault: Fault) -> None:
    plain, row = usual.row("alpha/plain"), usual.row(f"alpha/{fault.act}-{fault.at}")
    assert (row.verdict, row.product, row.findings) == (plain.verdict, plain.product, plain.findings)


def test_servers_without_a_fault_are_judged_in_as_few_requests_as_the_protocol_allows(usual: Audited) -> None:
    for key in ("alpha/plain", "beta/plain"):
        row = usual.row(key)
        assert row.coverage.not_knowable == 0
        assert row.requests == usual.lab.host(key).counts.requests
        assert row.requests <= 10


def test_a_server_that_gave_no_complete_answer_is_never_well(audited: Audited) -> None:
    for row in audited.document.hosts:
        if not row.steps or row.coverage.not_knowable:
            assert row.verdict not in WELL
            assert row.next
            assert row.why


def test_nothing_of_one_client_stands_in_the_journal_of_the_other(audited: Audited) -> None:
    [beta] = audited.state.glob("beta/runs/*/journal.jsonl")
    assert b"alpha" not in beta.read_bytes()
    [alpha] = audited.state.glob("alpha/runs/*/journal.jsonl")
    assert b"beta" not in alpha.read_bytes()


def test_no_traceback_no_defect_and_no_password_is_anywhere(audited: Audited) -> None:
    assert "defect" not in audited.errors
    assert "Traceback" not in audited.errors
    said = audited.errors + audited.document.model_dump_json()
    assert PASSWORD not in said
    for journal in audited.state.rglob("journal.jsonl"):
        assert PASSWORD.encode() not in journal.read_bytes()


def started(lab: Lab, keys: Sequence[str]) -> bool:
    """Whether each of these servers has been given a pipeline."""
    return all(lab.ledger.executed(key) for key in keys)


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Returns when it is; fails when the process ends first, or nothing happens for so long that nothing will."""
    assert happens(lambda: true() or process.poll() is not None)
    assert true()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_ctrl_c_in_a_real_process_ends_it_closes_shells_and_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = (
        lab_host("alpha", "well"),
        lab_host("alpha", "hangs", Fault(Act.HANG, Step.RECEIVE)),
        lab_host("alpha", "hangs-and-does-not-close", Fault(Act.HANG, Step.RECEIVE), Fault(Act.HANG, Step.DELETE)),
        lab_host("alpha", "waits", Fault(Act.HANG, Step.AUTHENTICATE)),
    )
    with start(Fleet(hosts), {"sim": SimEngine()}) as lab:
        (tmp_path / "inventory.yml").write_text(inventory(lab, monkeypatch), encoding="utf-8")
        command = [*AUDIT, *PATIENT, "--format", "json"]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
        )
        try:
            wait_until(
                lambda: (
                    started(lab, ["alpha/well", "alpha/hangs", "alpha/hangs-and-does-not-close"])
                    and lab.host("alpha/waits").counts.requests > 0
                    and lab.host("alpha/well").counts.steps[Step.DELETE] > 0
                ),
                process,
            )
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=HANG_SECONDS)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 130
        assert lab.host("alpha/hangs").service.shells == 0
        assert lab.host("alpha/well").service.shells == 0
    rows = {row.name: row for row in AuditDocument.model_validate_json(out).hosts}
    assert sorted(name for name, row in rows.items() if "interrupted" in row.why) == [
        "hangs",
        "hangs-and-does-not-close",
        "waits",
    ]
    assert rows["well"].coverage.not_knowable == 0
    assert "letting go of the servers in work, at most 5 s" in err
    [journal] = tmp_path.glob(".exrun/alpha/runs/*/journal.jsonl")
    assert isinstance(verify(journal), Verified)
    last = read(journal)[0][-1]
    assert (last.event, last.data["reason"]) == (Event.RUN_INTERRUPTED, "interrupted")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_a_second_ctrl_c_ends_the_process_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = lab_host("alpha", "deaf", Fault(Act.HANG, Step.RECEIVE), Fault(Act.HANG, Step.DELETE))
    with start(Fleet((deaf,)), {"sim": SimEngine()}) as lab:
        (tmp_path / "inventory.yml").write_text(inventory(lab, monkeypatch), encoding="utf-8")
        command = [*AUDIT, *PATIENT]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=_environment())
        try:
            wait_until(lambda: started(lab, ["alpha/deaf"]), process)
            process.send_signal(signal.SIGINT)
            wait_until(lambda: lab.host("alpha/deaf").counts.steps[Step.DELETE] > 0, process)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=HANG_SECONDS)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 130
    [journal] = tmp_path.glob(".exrun/alpha/runs/*/journal.jsonl")
    assert isinstance(verify(journal), Verified)  # what stands in it stands whole
    assert read(journal)[0][-1].event != Event.RUN_INTERRUPTED  # with which it would have ended, had it waited


def test_a_console_that_lacks_a_letter_costs_no_result(tmp_path: Path) -> None:
    text = "exrun: inventory/1\nclients:\n  \u670d\u52a1:\n    hosts:\n      EX1:\n"
    (tmp_path / "inventory.yml").write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "runner.cli.main", "inventory", "list", "-i", "inventory.yml"],
        cwd=tmp_path,
        capture_output=True,
        env={**_environment(), "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        timeout=HANG_SECONDS,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\\u670d\\u52a1/EX1" in ended.stdout


def test_a_reader_that_goes_away_changes_nothing_of_the_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = lab_host("alpha", "refuses", Fault(Act.REFUSE, Step.AUTHENTICATE))
    with start(Fleet((refusing,)), {"sim": SimEngine()}) as lab:
        (tmp_path / "inventory.yml").write_text(inventory(lab, monkeypatch), encoding="utf-8")
        command = [*AUDIT, *PATIENT]
        reading, writing = os.pipe()
        os.close(reading)
        ended = subprocess.run(
            command,
            cwd=tmp_path,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
            timeout=HANG_SECONDS,
        )
        os.close(writing)
    assert ended.returncode == 3
    assert [line.split()[:2] for line in ended.stderr.splitlines()] == [["exrun:", "reading"], ["exrun:", "run"]]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "COLUMNS": "160"}
