"""A real rsyslog gets every event, whole, by a run that is killed and goes on, and by one that comes later."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.forwarding import cef, ecs
from runner.forwarding.destinations import destination
from runner.forwarding.sinks.syslog import SyslogSink
from runner.journal.verification import read
from runner.lab.engines.sim import SimEngine
from tests.runner.accounted import Accounted, accounted
from tests.runner.dying import KILLED, Kill, next_command, run
from tests.runner.forwarding.rsyslog import rsyslog
from tests.runner.forwarding.told import entries
from tests.waiting import happens


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL, and forks nothing")
def test_after_kills_and_resumes_it_holds_each_event_once_or_more_and_none_besides(tmp_path: Path) -> None:
    struck = 0
    kills = [Kill("after host.change"), Kill("before event.settled"), Kill("after event.settled"), None]
    with rsyslog(tmp_path / "rsyslog") as server, accounted(tmp_path / "run", SimEngine(), parallel=2) as fleet:
        sent = ["--events", f"syslog+tcp://127.0.0.1:{server.port}"]
        assert fleet.plan()[0] == 1
        for kill in kills:
            status = run(fleet, [*next_command(fleet, undo=False), *sent], kill)
            struck += status == KILLED
        assert status == 0, (tmp_path / "run" / "said.txt").read_text()
        assert struck == 3
        wanted = recorded(fleet)
        assert fleet("journal", "send", fleet.journal.parent.name, *sent)[0] == 0  # what the end had no time for
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
