"""`exrun runs` and `exrun status`: which runs there are and how far one is, from journals and locks alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.disk import SystemDisk
from runner.events import Event
from runner.journal.chain import EMPTY, link
from runner.journal.lines import from_line
from runner.reports import runs as report
from runner.reports import status as status_report
from runner.reports.status import RunMember
from runner.runs import ClientRun, Run, read_run
from tests.runner.cli.conftest import CommandLine, protocol
from tests.runner.fleets import ScriptedTransport

SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas"


def listed(exrun: CommandLine, *arguments: str) -> list[RunMember]:
    _, out, _ = exrun("runs", *arguments, "--format", "json")
    assert out.isascii()
    return [RunMember.model_validate_json(json.dumps(each)) for each in json.loads(out)["runs"]]


def cut(exrun: CommandLine, run: str) -> Path:
    """The journal of a run as a kill leaves it that comes before any server has ended, with a head that says so."""
    [folder] = exrun.folder.glob(f".exrun/alpha/runs/{run}")
    head, kept = EMPTY, []
    for line in map(from_line, (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)):
        if line.event == Event.HOST_ENDED:
            break
        _, again, head = link(line, head)
        kept.append(again)
    (folder / "journal.jsonl").write_bytes(b"".join(kept))
    (folder / "head").write_bytes(head.to_bytes())
    return folder


def test_the_newest_run_stands_first_with_what_came_of_it(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True))
    exrun.audit("--limit", "client:alpha")
    exrun.audit("--limit", "client:beta")
    first, second = (path.name for path in sorted(exrun.folder.glob(".exrun/*/runs/*"), key=lambda each: str(each)))
    status, out, err = exrun("runs")
    assert (status, err) == (0, "")
    heads, newest, oldest = out.splitlines()
    assert heads.split() == ["RUN", "CLIENT", "DID", "ENDED", "WHAT", "CAME", "OF", "IT"]
    assert newest.startswith(second)
    assert newest.endswith("  smb, 1 server: 1 ok")
    assert oldest.startswith(first)
    assert oldest.endswith("smb, 2 servers: 1 attention, 1 ok")
    assert [(each.run, each.client, each.going) for each in listed(exrun)] == [
        (second, "beta", "ended"),
        (first, "alpha", "ended"),
    ]


def test_a_client_sees_its_own_runs_and_its_part_alone(exrun: CommandLine) -> None:
    exrun.audit()
    exrun.audit("--limit", "client:beta")
    _, out, _ = exrun("runs", "--client", "ALPHA")
    assert [each for each in ("beta", "MBX1") if each in out] == []
    assert [each.client for each in listed(exrun, "--client", "alpha")] == ["alpha"]
    assert len(listed(exrun, "--client", "beta")) == 2
    status, _, err = exrun("runs", "--client", "gamma")
    assert (status, "is of a client gamma" in err) == (2, True)


def test_as_many_are_read_as_are_asked_for_and_the_others_are_counted(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        exrun.audit("--limit", "EX1")
    read: list[Run] = []

    def counted(run: Run) -> tuple[ClientRun, ...]:
        read.append(run)
        return read_run(run)

    monkeypatch.setattr("runner.cli.ran.read_run", counted)
    _, out, _ = exrun("runs", "--last", "1")
    assert len(read) == 1
    assert out.splitlines()[-1] == "2 earlier runs beside: exrun runs --last 3"
    assert json.loads(exrun("runs", "--last", "2", "--format", "json")[1])["earlier"] == 1


def test_a_run_that_was_killed_is_not_one_that_goes_on(exrun: CommandLine) -> None:
    exrun.audit("--limit", "client:alpha")
    folder = cut(exrun, exrun.runs[0])
    [killed] = listed(exrun)
    assert (killed.going, killed.ended) == ("killed", 0)
    assert "killed  smb, 2 servers: 2 not asked; last heard of 2" in exrun("runs")[1]
    disk = SystemDisk()
    descriptor = disk.open(folder / "lock")
    assert disk.lock(descriptor)
    try:
        assert [each.going for each in listed(exrun)] == ["running"]
        assert "running  smb" in exrun("runs")[1]
    finally:
        disk.close(descriptor)


def test_a_journal_that_was_altered_has_its_line_and_why(exrun: CommandLine) -> None:
    exrun.audit("--limit", "client:alpha")
    [journal] = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    whole = journal.read_bytes()
    journal.write_bytes(whole.replace(b'"Banner":"none"', b'"Banner":"some"'))
    status, out, _ = exrun("runs")
    assert (status, "unreadable  line " in out, "does not verify: altered" in out) == (0, True, True)
    journal.write_bytes(whole.replace(b'"EX1"', b'"EX9"'))
    assert "unreadable  nothing can be read of it" in exrun("runs")[1]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_count_is_parted_from_its_word(width: int) -> None:
    member = RunMember.model_validate(
        {
            "run": "2026-11-29t011611z-5a15", "client": "a-client-with-a-long-name", "doing": "audit",
            "going": "interrupted", "playbook": "exchange-investigate", "started": "2026-11-29T01:16:11Z",
            "last": "2026-11-29T01:17:11Z", "hosts": 200, "ended": 150, "wave": 0, "waves": 0, "outcomes": {},
            "verdicts": {"compromised": 3, "half-installed": 40, "ok": 107}, "in_doubt": 0, "plan": None,
            "why": "it was interrupted (Ctrl-C), and the servers in work were let go of", "next": "",
        }
    )  # fmt: skip
    lines = list(report.lines([member], 480, width))
    assert max(map(len, lines)) <= width
    assert "\u00a0" not in "".join(lines)
    assert [
        count for count in ("3 compromised", "40 half-installed", "50 not asked") if count not in "\n".join(lines)
    ] == []
    assert lines[-1] == "480 earlier runs beside: exrun runs --last 481"


def test_without_runs_it_says_so(exrun: CommandLine) -> None:
    status, out, err = exrun("runs")
    assert (status, out) == (0, "")
    assert "there are no runs in .exrun" in err
    assert json.loads(exrun("runs", "--format", "json")[1]) == {"schema": "exrun.runs/1", "runs": [], "earlier": 0}
    assert exrun("status")[0] == 2


def test_status_is_of_one_run_and_of_the_newest_where_none_is_named(exrun: CommandLine) -> None:
    exrun.audit("--limit", "EX1")
    exrun.audit("--limit", "MBX1")
    [newest] = json.loads(exrun("status", "--format", "json")[1])["runs"]
    assert newest["client"] == "beta"
    assert exrun("status")[1] == exrun("status", "last")[1]
    assert "smb, 1 server: 1 ok; last recorded" in exrun("status")[1]


def test_the_schemas_are_the_published_ones() -> None:
    assert (SCHEMAS / "runs.json").read_text(encoding="utf-8") == report.schema_text()
    assert (SCHEMAS / "status.json").read_text(encoding="utf-8") == status_report.schema_text()
