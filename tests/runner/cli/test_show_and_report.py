"""`exrun show` and `exrun report`: from journals alone, never mixing clients, never from a journal that was altered."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from runner.cli.report import ReportFormat
from runner.events import Event
from runner.journal.chain import EMPTY, Head, link
from runner.journal.lines import from_line, line_hash
from runner.reports.formats import AuditFormat
from runner.reports.json import AuditDocument
from runner.reports.run import RunDocument, schema_text
from runner.transport.failures import Cause, failure
from runner.transport.gate import BASE_MODULES, LOCK, importing
from tests.runner.cli.conftest import COLLECT, CommandLine, protocol
from tests.runner.fleets import ScriptedTransport

SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas"


@pytest.fixture
def audited(exrun: CommandLine) -> CommandLine:
    """A run with a finding, a server without an answer, and one that is well; its servers are gone."""
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True, "\x1b[2J<b>\ud800"))
    exrun.transports["alpha/EX2"] = ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused"))
    assert exrun.audit()[0] == 3
    for name in ("inventory.yml", "smb.yml"):
        (exrun.folder / name).unlink()
    shutil.rmtree(exrun.folder / "actions")
    return exrun


def test_show_says_what_was_sent_answered_and_judged_on_every_server(audited: CommandLine) -> None:
    status, out, err = audited("show", "last")
    assert (status, err) == (0, "")
    for said in (
        "client alpha: smb on 2 servers",
        "EX1  attention",
        "smb1 (test.smb1): attention, probed; script ",
        ", completed",
        "EX2  unreachable",
        "why: refused",
        "client beta: smb on 1 server",
        "MBX1  ok",
    ):
        assert said in out
    assert "\x1b" not in out
    assert "Set-StrictMode" not in out


def test_show_gives_the_very_text_that_was_sent_when_asked(audited: CommandLine) -> None:
    _, out, _ = audited("show", "last", "--scripts", "--client", "beta", "--format", "json")
    read = RunDocument.model_validate_json(out)
    assert [script.text for script in read.clients[0].scripts if script.steps] == [COLLECT]
    opening = [importing(BASE_MODULES).text, LOCK.text]
    assert [script.text for script in read.clients[0].scripts if not script.steps] == opening
    assert [part.client for part in read.clients] == ["beta"]
    _, out, _ = audited("show", "last", "--scripts", "--client", "beta")
    assert "    | $ErrorActionPreference = 'Stop'\n" in out
    assert [f"  {script.sha256}  (opens a locked session)" in out for script in (importing(BASE_MODULES), LOCK)] == [
        True,
        True,
    ]


def test_show_as_json_is_of_the_published_schema_and_holds_the_evidence(audited: CommandLine) -> None:
    _, out, _ = audited("show", "last", "--host", "ex1", "--format", "json")
    assert out.isascii()
    read = RunDocument.model_validate_json(out)
    [host] = [host for part in read.clients for host in part.hosts]
    assert host.steps[0].answer is not None
    assert host.steps[0].answer["output"] == [{"Kind": "Protocol", "Enabled": True, "Banner": "\x1b[2J<b>\ufffd"}]
    assert host.steps[0].script == read.clients[0].scripts[0].sha256
    assert (SCHEMAS / "run.json").read_text(encoding="utf-8") == schema_text()


def test_a_client_without_the_server_that_was_asked_for_is_left_out(audited: CommandLine) -> None:
    both = RunDocument.model_validate_json(audited("show", "last", "--format", "json")[1])
    one = RunDocument.model_validate_json(audited("show", "last", "--host", "ex2", "--format", "json")[1])
    assert [part.client for part in both.clients] == ["alpha", "beta"]
    assert [part.client for part in one.clients] == ["alpha"]


def test_a_server_that_the_run_did_not_have_is_an_error(audited: CommandLine) -> None:
    status, _, err = audited("show", "last", "--host", "EX9")
    assert status == 2
    assert "the run has no server `EX9`. Did you mean `EX" in err
    assert "the run has no server `zzz`. See exrun show" in audited("show", "last", "--host", "zzz")[2]


@pytest.mark.parametrize("form", list(ReportFormat))
def test_a_report_holds_one_client_and_nothing_of_another(audited: CommandLine, form: str) -> None:
    status, out, err = audited("report", "last", "-f", form)
    assert (status, out) == (2, "")
    assert "this run has 2 clients (alpha, beta), and a report holds one" in err
    for mine, names, others in (("alpha", ["EX1", "EX2"], ["MBX1", "beta"]), ("beta", ["MBX1"], ["EX1", "alpha"])):
        status, out, err = audited("report", "last", "-f", form, "--client", mine)
        assert (status, err) == (0, "")
        assert [name for name in names if name not in out] == []
        assert [name for name in others if name in out] == []
        assert "\x1b" not in out


def test_a_report_is_what_the_audit_itself_said(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True))
    _, said, _ = exrun.audit("--limit", "client:alpha", "--format", "json", "--html", "audit.html")
    assert exrun("report", "last", "-f", "json")[1] == said
    assert exrun("report", "last", "-f", "html", "-o", "again.html")[0] == 0
    assert (exrun.folder / "again.html").read_bytes() == (exrun.folder / "audit.html").read_bytes()
    read = AuditDocument.model_validate_json(said).hosts
    assert [(host.name, host.address, host.labels) for host in read] == [
        ("EX1", "ex1.alpha.example", {"site": ["HQ"]}),
        ("EX2", "ex2.alpha.example", {}),
    ]


@pytest.mark.parametrize("form", [form for form in AuditFormat if form not in (AuditFormat.TEXT, AuditFormat.JSONL)])
def test_every_format_of_a_report_is_what_the_audit_itself_said(exrun: CommandLine, form: AuditFormat) -> None:
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True))
    _, said, _ = exrun.audit("--limit", "client:alpha", "--format", form)
    assert exrun("report", "last", "-f", form)[1] == said
    assert exrun("report", "last", "-f", form, "-o", "written")[0] == 0
    assert (exrun.folder / "written").read_text(encoding="utf-8").split() == said.split()


def test_a_report_may_be_whatever_an_audit_may_be() -> None:
    assert {*AuditFormat} | {"html"} == {*ReportFormat}


def test_a_page_says_where_it_is_from_down_to_the_last_line_of_its_journal(audited: CommandLine) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    lines = journal.read_bytes().splitlines()
    first = json.loads(lines[0])
    page = audited("report", "last", "-f", "html", "--client", "alpha")[1]
    assert f"line {len(lines)}, SHA-256 <code>{hashlib.sha256(lines[-1]).hexdigest()}</code>" in page
    assert f"by <bdi>{first['actor']}</bdi> with exrun {first['data']['exrun']}" in page
    assert first["data"]["playbook"]["sha256"] in page


def test_a_brand_stands_above_a_page_and_above_nothing_else(audited: CommandLine) -> None:
    (audited.folder / "brand.yml").write_text('name: Alpha & Sons\ncolour: "#ffd700"\nlogo: logo.png\n')
    status, _, err = audited("report", "last", "-f", "html", "--client", "alpha", "--brand", "brand.yml")
    assert status == 2
    assert "brand.yml:3:7: logo: cannot be read: No such file or directory" in err
    (audited.folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page = audited("report", "last", "-f", "html", "--client", "alpha", "--brand", "brand.yml")[1]
    assert "<bdi>Alpha &amp; Sons</bdi>" in page
    assert ".brand { background: #ffd700; color: #000000; }" in page
    status, _, err = audited("report", "last", "-f", "json", "--client", "alpha", "--brand", "brand.yml")
    assert (status, "--brand is for pages" in err) == (2, True)


def test_a_page_says_what_changed_since_the_audit_before_and_how_the_fleet_stood(exrun: CommandLine) -> None:
    only = ("--limit", "client:alpha")
    exrun.audit(*only, "--html", "a.html")
    [first] = [path.name for path in exrun.folder.glob(".exrun/alpha/runs/*")]
    assert (
        "No earlier audit of this client with this playbook is recorded here" in (exrun.folder / "a.html").read_text()
    )
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True))
    exrun.audit(*only, "--html", "a.html")
    page = (exrun.folder / "a.html").read_text()
    assert f"(run {first}, compared with " in page
    assert "<h3>Worse: 1</h3>" in page
    assert "Over the last 2 runs of this playbook" in page
    for since in ("previous", first):
        assert exrun("report", "last", "-f", "html", "--since", since)[1] == page
    for since, said in (("last", "is the run itself"), ("2020", "is called '2020'")):
        status, out, err = exrun("report", "last", "-f", "html", "--since", since)
        assert (status, out, said in err) == (2, "", True), err
    assert exrun("report", "last", "-f", "json", "--since", first)[0] == 2
    assert exrun("report", first, "-f", "html", "--since", "previous")[0] == 2


def test_an_audit_before_that_does_not_verify_is_not_compared_and_is_named(exrun: CommandLine) -> None:
    only = ("--limit", "client:alpha")
    exrun.audit(*only)
    [journal] = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    first = journal.parent.name
    exrun.audit(*only)
    [second] = {path.name for path in exrun.folder.glob(".exrun/alpha/runs/*")} - {first}
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], *lines[2:]]))
    status, page, _ = exrun("report", second, "-f", "html")
    assert status == 0
    assert f"The audit before, {first}, could not be read as it was written: nothing is compared." in page
    assert f"1 run of this playbook, whose journals do not verify or are too large to be read along: {first}" in page
    status, page, err = exrun("report", second, "-f", "html", "--since", first)
    assert (status, page, "does not verify" in err) == (6, "", True)


def test_an_audit_puts_a_brand_above_the_page_of_one_client_alone(exrun: CommandLine) -> None:
    (exrun.folder / "brand.yml").write_text('name: Alpha Ltd\ncolour: "#005a9c"\n')
    for options, said in (
        (["--html", "a.html"], "--brand is of one client, and this audit has 2"),
        ([], "--brand is for pages"),
    ):
        status, _, err = exrun.audit("--brand", "brand.yml", *options)
        assert (status, said in err) == (2, True), err
    assert exrun.audit("--limit", "client:alpha", "--html", "a.html", "--brand", "brand.yml")[0] == 0
    assert "<bdi>Alpha Ltd</bdi>" in (exrun.folder / "a.html").read_text()


def test_a_run_is_found_by_its_id_its_beginning_and_as_the_last(exrun: CommandLine) -> None:
    exrun.audit("--limit", "EX1")
    exrun.audit("--limit", "MBX1")
    [first] = [path.name for path in exrun.folder.glob(".exrun/alpha/runs/*")]
    [second] = [path.name for path in exrun.folder.glob(".exrun/beta/runs/*")]
    assert "client alpha" in exrun("show", first)[1]
    assert "client beta" in exrun("show", second.upper())[1]
    assert f"run {second}, client " in exrun("show", "last")[1]  # also of two that began in one second
    status, _, err = exrun("show", first[:4])
    assert status == 2
    assert f"'{first[:4]}' is the beginning of 2 runs" in err


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_altered_journal_gives_no_report_and_exits_6(audited: CommandLine, form: str) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    journal.write_bytes(journal.read_bytes().replace(b'"Enabled":true', b'"Enabled":false'))
    status, out, err = audited("report", "last", "-f", form, "--client", "alpha")
    assert (status, out) == (6, "")
    assert "the journal does not verify" in err
    status, out, err = audited("show", "last", "--client", "alpha", "--format", form)
    assert status == 6
    assert "Nothing from that line on is used" in err
    assert audited("report", "last", "--client", "beta")[0] == 0


def test_what_somebody_appended_to_a_closed_journal_is_not_shown(audited: CommandLine) -> None:
    before = audited("show", "last", "--client", "alpha", "--format", "json")[1]
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    last = from_line(lines[-1])
    forged = replace(last, event=Event.RUN_RESUMED, data={"reason": "forged"})
    journal.write_bytes(journal.read_bytes() + link(forged, Head(last.sequence, line_hash(lines[-1])))[1])
    status, out, err = audited("show", "last", "--client", "alpha", "--format", "json")
    assert status == 6
    assert "the journal was closed at line" in err
    was, now = (RunDocument.model_validate_json(text).clients[0] for text in (before, out))
    assert (now.phase, now.last_at, now.ended) == (was.phase, was.last_at, was.ended)


def test_the_journal_of_a_killed_run_still_has_a_row_for_every_server(audited: CommandLine) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    kept = next(number for number, line in enumerate(lines) if b'"script-sending"' in line) + 1
    sent = json.loads(lines[kept - 1])["host"]  # the two are worked with side by side
    [other] = {"EX1", "EX2"} - {sent}
    journal.write_bytes(b"".join(lines[:kept]))
    (journal.parent / "head").write_bytes(EMPTY.to_bytes())
    status, out, _ = audited("show", "last", "--client", "alpha", "--format", "json")
    assert status == 0
    [part] = json.loads(out)["clients"]
    assert part["phase"] == "running"
    assert sorted(host["name"] for host in part["hosts"]) == ["EX1", "EX2"]
    assert all("still running, or it was killed" in host["why"] for host in part["hosts"])
    assert {(host["name"], host["verdict"], host["ended"]) for host in part["hosts"]} == {
        (sent, "unknown", False),
        (other, "not-asked", False),
    }
    _, out, _ = audited("show", "last", "--client", "alpha")
    assert f"{sent}  unknown\n  no end of the work with it is recorded, nor how many requests were sent\n" in out
    assert "its script may have run" in out
    assert "[high] It is not known how the run ended: no end of this run is recorded" in out
    assert "unreachable" not in out
    assert "0 requests" not in out


def tampered_by_tomorrow(journal: Path) -> None:
    """The journal as a newer exrun would have written it: an event and a member that this version does not know."""
    lines = [from_line(line) for line in journal.read_bytes().splitlines(keepends=True)]
    later = replace(lines[3], event="host-isolated", phase="apply", data={"by": "firewall"})
    ended = replace(lines[-1], data={**lines[-1].data, "of-tomorrow": {"a": 1}})
    head, written = EMPTY, b""
    for line in (*lines[:3], later, *lines[3:-1], ended):
        _, text, head = link(line, head)
        written += text
    journal.write_bytes(written)
    (journal.parent / "head").write_bytes(replace(head, closed=True).to_bytes())


def test_the_journal_of_a_newer_exrun_verifies_and_shows_and_says_so(audited: CommandLine) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    before = RunDocument.model_validate_json(audited("show", "last", "--client", "alpha", "--format", "json")[1])
    tampered_by_tomorrow(journal)
    status, out, err = audited("journal", "verify", str(journal))
    assert (status, err) == (0, "")
    assert "\n2 lines of a newer exrun" in out
    status, out, err = audited("show", "last", "--client", "alpha", "--format", "json")
    assert (status, err) == (0, "")
    [was], [now] = before.clients, RunDocument.model_validate_json(out).clients
    assert (was.newer, now.newer) == (0, 2)
    assert (now.verified, now.hosts, now.phase) == (True, was.hosts, was.phase)
    said = "The journal has 2 lines of a newer exrun: what only that version knows is not here"
    assert said in audited("show", "last", "--client", "alpha")[1]
    assert said in " ".join(audited("report", "last", "--client", "alpha")[1].split())
    assert said in audited("report", "last", "--client", "alpha", "-f", "html")[1]


def test_a_word_of_a_newer_exrun_verifies_and_its_server_is_shown_as_not_wholly_known(audited: CommandLine) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    head, written = EMPTY, b""
    for line in map(from_line, journal.read_bytes().splitlines(keepends=True)):
        tomorrow = {"purpose": "isolate"} if (line.event, line.host) == (Event.SCRIPT_SENDING, "EX1") else {}
        _, text, head = link(replace(line, data={**line.data, **tomorrow}), head)
        written += text
    journal.write_bytes(written)
    (journal.parent / "head").write_bytes(replace(head, closed=True).to_bytes())
    status, out, err = audited("journal", "verify", str(journal))
    assert (status, err) == (0, "")
    assert "\n1 line of a newer exrun" in out
    status, out, err = audited("show", "last", "--client", "alpha", "--format", "json")
    assert (status, err) == (0, "")
    [part] = RunDocument.model_validate_json(out).clients
    found = {host.name: (host.outcome, host.why) for host in part.hosts}
    assert found["EX1"][0] == "unknown"
    assert "not all that the journal says of this server can be read here, and scripts may have run" in found["EX1"][1]
    assert found["EX2"][1] == "refused"


def test_a_run_that_begins_in_words_of_a_newer_exrun_is_named_so(audited: CommandLine) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    head, written = EMPTY, b""
    for line in map(from_line, journal.read_bytes().splitlines(keepends=True)):
        data = {**line.data, "catalogue": {"set": "rented"}} if line.event == Event.RUN_STARTED else line.data
        _, text, head = link(replace(line, data=data, format=2), head)
        written += text
    journal.write_bytes(written)
    (journal.parent / "head").write_bytes(replace(head, closed=True).to_bytes())
    status, out, err = audited("show", "last", "--client", "alpha")
    assert (status, out) == (6, "")
    assert "line 1 (run-started): it is of a newer exrun, and nothing of the run can be read without it" in err


def test_of_a_journal_that_was_cut_no_row_says_that_nothing_was_sent(audited: CommandLine) -> None:
    """Its last lines are gone, an intent among them perhaps."""
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    kept = next(number for number, line in enumerate(lines) if b'"host-started"' in line) + 1
    journal.write_bytes(b"".join(lines[:kept]))
    status, out, err = audited("show", "last", "--client", "alpha", "--format", "json")
    assert status == 6
    assert "lines were cut" in err
    [part] = RunDocument.model_validate_json(out).clients
    for host in part.hosts:
        assert "no script had been sent" not in host.why
        assert "scripts may have run" in host.why


def test_a_known_event_that_lacks_a_member_is_named_with_its_line(audited: CommandLine) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    lines = [from_line(line) for line in journal.read_bytes().splitlines(keepends=True)]
    head, written = EMPTY, b""
    for line in (*lines[:-1], replace(lines[-1], data={"hosts": 2, "outcomes": {}})):
        _, text, head = link(line, head)
        written += text
    journal.write_bytes(written)
    (journal.parent / "head").write_bytes(replace(head, closed=True).to_bytes())
    status, out, err = audited("show", "last", "--client", "alpha")
    assert (status, out) == (6, "")
    assert f"line {len(lines)} (run-ended): `status` is missing" in err


@pytest.mark.parametrize("form", ["text", "html", "json"])
def test_a_report_of_a_killed_run_says_that_scripts_may_have_run(audited: CommandLine, form: str) -> None:
    [journal] = audited.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    kept = next(number for number, line in enumerate(lines) if b'"script-sending"' in line) + 1
    journal.write_bytes(b"".join(lines[:kept]))
    (journal.parent / "head").write_bytes(EMPTY.to_bytes())
    status, out, _ = audited("report", "last", "--client", "alpha", "-f", form)
    assert status == 0
    assert "script may have run" in " ".join(out.split())
    assert "unreachable" not in out.replace('"unreachable": 0', "")
