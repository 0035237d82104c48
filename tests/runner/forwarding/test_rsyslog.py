"""A real rsyslog gets every event, whole, by a run that is killed and goes on, and by one that comes later."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.forwarding import cef, ecs
from runner.forwarding.destinations import destination
from runner.forwarding.sinks.interface import NotDeliveredError
from runner.forwarding.sinks.syslog import SyslogSink
from runner.journal.verification import read
from runner.lab.certificates import Authority
from runner.lab.engines.sim import SimEngine
from tests.runner.accounted import Accounted, accounted
from tests.runner.dying import KILLED, Kill, next_command, run
from tests.runner.forwarding.rsyslog import rsyslog
from tests.runner.forwarding.test_sinks import listening
from tests.runner.forwarding.told import entries
from tests.waiting import HANG_SECONDS, happens


@pytest.mark.parametrize("scheme", ["syslog+tcp", "syslog"])
def test_it_reads_what_is_sent_as_it_was_meant(scheme: str, tmp_path: Path) -> None:
    every = entries()
    with rsyslog(tmp_path / "rsyslog") as server:
        to = destination(f"{scheme}://127.0.0.1:{server.port}", None)
        SyslogSink(to, cef.render, None).deliver(every)
        SyslogSink(to, ecs.render, None).deliver(every)
        assert happens(lambda: len(server.got()) == 2 * len(every))
        got = server.got()
    assert [row[:3] for row in got] == [["exrun", entry.event, "jump1.example"] for entry in (*every, *every)]
    texts = [row[4].strip() for row in got]
    assert texts[: len(every)] == [cef.render(entry).decode() for entry in every]
    assert [json.loads(each) for each in texts[len(every) :]] == [ecs.document(entry) for entry in every]


def keys(rows: Sequence[Sequence[str]]) -> list[str]:
    return [found[1] for row in rows if (found := re.search(r" externalId=(\S+)", row[4]))]


def recorded(fleet: Accounted) -> list[str]:
    journal = fleet.journal
    assert journal is not None
    return [f"{line.run}/{line.client}/{line.sequence}" for line in read(journal)[0]]


def test_over_tls_it_reads_what_is_sent_as_it_was_meant(tmp_path: Path) -> None:
    every = entries()
    authority = Authority(datetime.now(UTC))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    with rsyslog(tmp_path / "rsyslog", sealed=(authority, authority.server("soc", "127.0.0.1"))) as server:
        to = destination(f"syslog+tls://127.0.0.1:{server.port}", None)
        SyslogSink(to, cef.render, str(tmp_path / "ca.pem")).deliver(every)
        SyslogSink(to, ecs.render, str(tmp_path / "ca.pem")).deliver(every * 20)  # several records of TLS
        assert happens(lambda: len(server.got()) == 21 * len(every))
        got = server.got()
    texts = [row[4].strip() for row in got]
    assert texts[: len(every)] == [cef.render(entry).decode() for entry in every]
    assert [json.loads(each) for each in texts[len(every) :]] == [ecs.document(entry) for entry in every] * 20


@contextmanager
def overheard(port: int) -> Iterator[tuple[int, list[bytes]]]:
    """A port that leads to another for one connection, and what is said to it."""
    said: list[bytes] = []

    def pass_on(of: socket.socket, to: socket.socket, kept: list[bytes]) -> None:
        with suppress(OSError):
            while piece := of.recv(65536):
                kept.append(piece)
                to.sendall(piece)
        with suppress(OSError):
            to.shutdown(socket.SHUT_WR)

    def serve(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), HANG_SECONDS) as behind:
            back = threading.Thread(target=pass_on, args=(behind, connection, []))
            back.start()
            pass_on(connection, behind, said)
            back.join(HANG_SECONDS)

    with listening(serve) as open_port:
        yield open_port, said


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("authority", "could not be verified (--events-ca names its authority)"),
        ("name", "it is of another name"),
        ("day", "it has expired"),
        ("plain", "127.0.0.1"),
    ],
)
def test_to_one_that_cannot_show_who_it_is_nothing_is_sent(
    wrong: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    made = Authority(now)
    issued = made.server("soc", "127.0.0.9" if wrong == "name" else "127.0.0.1")
    if wrong == "day":
        issued = lasting(made, now - timedelta(days=60)).server("soc", "127.0.0.1")
    trusted = Authority(now) if wrong == "authority" else made
    (tmp_path / "trusted.pem").write_bytes(trusted.pem)
    with (
        rsyslog(tmp_path / "rsyslog", sealed=None if wrong == "plain" else (made, issued)) as server,
        overheard(server.port) as (port, said),
    ):
        to = destination(f"syslog+tls://127.0.0.1:{port}", None)
        with pytest.raises(NotDeliveredError, match=re.escape(why)):
            SyslogSink(to, cef.render, str(tmp_path / "trusted.pem")).deliver(entries())
    assert b"CEF:0" not in b"".join(said)
    assert [row for row in server.got() if "CEF" in row[4]] == []


def lasting(authority: Authority, since: datetime) -> Authority:
    """The same authority, issuing as of another day."""
    other = copy(authority)
    other._now = since
    return other


def killed_and_resumed(fleet: Accounted, sent: Sequence[str], folder: Path) -> list[str]:
    """The keys of a run that is killed three times and resumed to its end, all of which was handed on."""
    struck = 0
    assert fleet.plan()[0] == 1
    for kill in (Kill("after host.change"), Kill("before event.settled"), Kill("after event.settled"), None):
        status = run(fleet, [*next_command(fleet, undo=False), *sent], kill)
        struck += status == KILLED
    assert status == 0, (folder / "said.txt").read_text()
    assert struck == 3
    wanted = recorded(fleet)
    assert fleet.journal is not None
    assert fleet("journal", "send", fleet.journal.parent.name, *sent)[0] == 0  # what the end had no time for
    return wanted


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL, and forks nothing")
def test_over_tls_and_in_a_file_after_kills_and_resumes_no_event_is_missing_and_each_is_known_by_its_key(
    tmp_path: Path,
) -> None:
    authority = Authority(datetime.now(UTC))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    issued = authority.server("soc", "127.0.0.1")
    with (
        rsyslog(tmp_path / "rsyslog", sealed=(authority, issued)) as server,
        accounted(tmp_path / "run", SimEngine(), parallel=2) as fleet,
    ):
        file = tmp_path / "events.jsonl"
        sent = ["--events", f"syslog+tls://127.0.0.1:{server.port}", "--events-ca", str(tmp_path / "ca.pem")]
        sent += ["--events", str(file)]
        wanted = killed_and_resumed(fleet, sent, tmp_path / "run")
        assert happens(lambda: set(keys(server.got())) >= set(wanted))
        assert list(dict.fromkeys(keys(server.got()))) == wanted
    written = [json.loads(each)["event"]["id"] for each in file.read_text(encoding="utf-8").splitlines()]
    assert list(dict.fromkeys(written)) == wanted


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL, and forks nothing")
def test_after_kills_and_resumes_it_holds_each_event_once_or_more_and_none_besides(tmp_path: Path) -> None:
    with rsyslog(tmp_path / "rsyslog") as server, accounted(tmp_path / "run", SimEngine(), parallel=2) as fleet:
        sent = ["--events", f"syslog+tcp://127.0.0.1:{server.port}"]
        wanted = killed_and_resumed(fleet, sent, tmp_path / "run")
        assert happens(lambda: set(keys(server.got())) >= set(wanted))
        assert list(dict.fromkeys(keys(server.got()))) == wanted


def test_a_receiver_that_is_away_holds_up_nothing_and_gets_the_rest_once_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rsyslog(tmp_path / "rsyslog") as server:
        port = server.port
    monkeypatch.setattr("runner.cli.journal_send_work.TRIES", 1)
    with accounted(tmp_path / "run", SimEngine()) as fleet:
        sent = ["--events", f"syslog+tcp://127.0.0.1:{port}"]
        assert fleet.plan()[0] == 1
        status, _, err = fleet(*next_command(fleet, undo=False), "-i", "inventory.yml", *sent)
        assert status == 0
        wanted = recorded(fleet)
        name = wanted[0].partition("/")[0]
        assert f"events of alpha to {sent[1]}: {len(wanted)} events not known to have arrived: 127.0.0.1: " in err
        again = ["journal", "send", name, *sent]
        assert f"Send them:\n  exrun {' '.join(again)}\n" in err
        status, out, _ = fleet(*again)
        assert (status, f"{len(wanted)} events not known to have arrived" in out) == (3, True)
        with rsyslog(tmp_path / "rsyslog", port) as server:
            assert fleet(*again)[0] == 0
            assert happens(lambda: keys(server.got()) == wanted)
            status, out, _ = fleet(*again, "--format", "json")
            assert status == 0
            [row] = json.loads(out)["sent"]
            assert (row["delivered"], row["left"], row["client"]) == (0, 0, "alpha")
            assert keys(server.got()) == wanted
