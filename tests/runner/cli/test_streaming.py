"""Rows as lines while an audit goes on: each once, no server held up, and a last line that says that it is whole."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from unittest.mock import Mock

import pytest

from runner.cli.streaming import LineStream
from runner.fleet import Listener
from runner.opening import Following
from runner.transport.failures import Cause, failure
from runner.transport.interface import Script, ScriptResult
from tests.runner.cli.conftest import CommandLine, protocol
from tests.runner.cli.test_audit_command import Interrupting
from tests.runner.fleets import ScriptedTransport
from tests.runner.reports.test_reports import FLEET

LONG = 60.0  # seconds after which a wait has failed


def kinds(out: str) -> list[str]:
    return [f"{read.get('client', '')}/{read.get('name', '')}" for read in map(json.loads, out.splitlines())]


def test_the_lines_of_an_audit_are_those_of_its_report(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(enabled=True))
    status, out, err = exrun.audit("--limit", "client:alpha", "--format", "jsonl")
    assert status == 1
    assert err.count("\n") == 2, "what is told of its beginning"
    *servers, summary = [json.loads(line) for line in out.splitlines()]
    assert json.loads(out.splitlines()[-1])["kind"] == "summary"
    again = [json.loads(line) for line in exrun("report", "last", "-f", "jsonl")[1].splitlines()]
    assert again[-1] == summary
    assert sorted(again[:-1], key=str) == sorted(servers, key=str)


def test_a_server_has_its_line_while_another_is_still_in_work(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Noticing()
    waited: list[bool] = []

    def answer(script: Script) -> ScriptResult:
        waited.append(out.written.wait(LONG))
        return protocol(enabled=False)(script)

    exrun.transports["beta/MBX1"] = ScriptedTransport(otherwise=answer)
    monkeypatch.setattr(sys, "stdout", out)
    assert exrun.audit("--format", "jsonl", "--limit", "EX1", "--limit", "MBX1")[0] == 0
    assert waited == [True]
    assert kinds(out.getvalue()) == ["alpha/EX1", "beta/MBX1", "/"]


class Noticing(io.StringIO):
    """Says when the first line has come."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def flush(self) -> None:
        super().flush()
        if self.getvalue():
            self.written.set()


def test_servers_that_were_not_begun_have_their_lines_before_the_summary(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX2"] = Interrupting()
    status, out, _ = exrun.audit("--parallel", "1", "--format", "jsonl")
    assert status == 130
    assert sorted(kinds(out)[:-1]) == ["alpha/EX1", "alpha/EX2", "beta/MBX1"]
    assert json.loads(out.splitlines()[-1])["end"]["how"] == "interrupted"


def test_a_progress_is_told_all_that_it_is_told_without_lines() -> None:
    names = {name for name in vars(Following) | vars(Listener) if not name.startswith("_")}
    assert names >= {"started", "doing", "ended", "halting", "defect"}
    progress = Mock(spec=sorted(names))
    lines = LineStream("r", io.StringIO())
    both = lines.beside(progress)
    for name in sorted(names):
        count = 1 if name in ("started", "ended", "halting") else 2
        getattr(both, name)(*FLEET.hosts[:count])
        assert getattr(progress, name).call_args.args == FLEET.hosts[:count]
    lines.leave()


def test_where_the_password_of_nobody_can_be_had_nothing_is_written(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = (exrun.folder / "inventory.yml").read_text(encoding="utf-8")
    written = inventory.replace("alpha:\n", "alpha:\n    credential: env:NO_SUCH\n    user: A\\b\n", 1)
    (exrun.folder / "inventory.yml").write_text(written, encoding="utf-8")
    before = threading.active_count()
    status, out, _ = exrun.audit("--format", "jsonl")
    assert (status, out) == (2, "")
    assert threading.active_count() == before, "the writer has ended"


class Held(io.StringIO):
    """A reader that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def write(self, text: str) -> int:
        self.let.wait(LONG)
        return super().write(text)


def test_a_reader_that_takes_nothing_holds_up_nobody_and_gets_each_server_once() -> None:
    out = Held()
    lines = LineStream("r", out)
    for _ in range(3):
        for host in FLEET.hosts:
            lines.tell(host)  # comes back at once: nothing has been read
    out.let.set()
    lines.end(FLEET)
    assert kinds(out.getvalue()) == ["alpha/EX1", "beta/EX3", "beta/EX2", "/"]


def test_a_reader_that_has_gone_changes_nothing(exrun: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        exrun.transports["alpha/EX1"] = ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused"))
        status, _, err = exrun.audit("--format", "jsonl", "--html", "a.html")
        assert status == 3
        assert "wrote a.alpha.html" in err


def test_a_disk_that_takes_no_more_is_said() -> None:
    lines = LineStream("r", Failing())
    with pytest.raises(OSError, match="No space"):
        lines.end(FLEET)


class Failing(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")
