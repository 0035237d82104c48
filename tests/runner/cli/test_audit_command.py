"""`exrun audit`, from the command line to its exit status, over servers that are scripted."""

from __future__ import annotations

import errno
import hashlib
import html
import json
import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playbooks.catalogue.catalogue import AGED_DAYS, STALE_DAYS
from playbooks.findings import Verdict
from runner.cli.main import app
from runner.cli.progress import AUDITING, found_text
from runner.disk import SystemDisk
from runner.exit_status import ExitStatus
from runner.reports.json import AuditDocument
from runner.reports.run import RunDocument
from runner.results import Outcome
from runner.transport.failures import Cause, failure
from runner.transport.interface import Script, ScriptResult
from tests.runner.cli.conftest import CommandLine, protocol
from tests.runner.fleets import CATALOGUE, ScriptedTransport, lost

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "command-line.md"


def test_results_go_to_standard_output_and_the_rest_to_standard_error(exrun: CommandLine) -> None:
    status, out, err = exrun.audit()
    assert status == 0
    run, journals = exrun.runs[0], f".exrun/alpha/runs/{exrun.runs[0]}/journal.jsonl"
    assert out.splitlines() == [
        "VERDICT  SERVER     WHY",
        "ok       3 servers  alpha/EX1, alpha/EX2, beta/MBX1",
        "",
        "3 servers: 3 ok",
        f"catalogue as of {exrun.today}; 3 of 3 checks probed (100 %)",
        f"run {run}, 2 journals, the first: {journals}",
        f"all of it: exrun show {run}",
        f"next: exrun report {run} --html -o report.html --client alpha",
    ]
    assert err == (
        "exrun: reading inventory.yml\n"
        f"exrun: run {exrun.runs[0]}: auditing 3 servers of 2 clients with smb; nothing is changed\n"
    )
    assert "\x1b" not in out + err


@pytest.mark.parametrize(
    ("transports", "expected"),
    [
        ({}, 0),
        ({"alpha/EX1": ScriptedTransport(otherwise=protocol(enabled=True))}, 1),
        ({"alpha/EX1": ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused"))}, 3),
        (
            {
                "alpha/EX1": ScriptedTransport(otherwise=protocol(enabled=True)),
                "beta/MBX1": ScriptedTransport(otherwise=lost()),
            },
            3,
        ),
    ],
)
def test_the_exit_status_is_the_highest_that_applies(
    exrun: CommandLine, transports: dict[str, ScriptedTransport], expected: int
) -> None:
    exrun.transports.update(transports)
    status, out, _ = exrun.audit("--details")
    assert status == expected
    assert len([line for line in out.splitlines() if line.startswith(("alpha/", "beta/"))]) == 3


def test_json_is_one_object_of_the_published_schema(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX2"] = ScriptedTransport(otherwise=protocol(True, "\x1b[2J\ud800"))
    status, out, _ = exrun.audit("--format", "json")
    read = AuditDocument.model_validate_json(out)
    assert status == 1
    assert out.isascii()
    assert [(host.client, host.name) for host in read.hosts] == [("alpha", "EX2"), ("alpha", "EX1"), ("beta", "MBX1")]
    assert read.run == exrun.runs[0]


def test_a_selection_limits_what_is_connected_to(exrun: CommandLine) -> None:
    status, out, _ = exrun.audit("--limit", "site=HQ", "--expect", "1")
    assert status == 0
    assert list(exrun.transports) == ["alpha/EX1"]
    assert "1 server: 1 ok" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "-i", "nowhere.yml"], "nowhere.yml:1:1: cannot be read"),
        (["audit", "-i", "inventory.yml", "--limit", "EX9 or client:nobody"], "no host is called `EX9`"),
        (["audit", "-i", "inventory.yml", "--limit", "EX9 or client:nobody"], "no client is called `nobody`"),
        (["audit", "-i", "inventory.yml", "--limit", "(EX1"], "selection, column 5: a `(` has no `)`"),
        (["audit", "-i", "inventory.yml", "--expect", "12"], "3 hosts are selected, but --expect says 12"),
        (["audit", "-i", "inventory.yml", "nope"], "no host is called `nope`"),
        (["audit", "-i", "inventory.yml", "exchange-audit"], "it is a playbook. Write --playbook exchange-audit"),
        (["audit", "-i", "inventory.yml", "EX1", "./smb.yml"], "it is a playbook. Write --playbook ./smb.yml"),
        (["audit", "-i", "inventory.yml", "EX1", "inventory.yml"], "it is an inventory. Write -i inventory.yml"),
        (["audit", "-i", "inventory.yml", "--playbook", "nope"], "nope: there is no such playbook"),
        (["audit", "-i", "inventory.yml", "EX1", "--limit", "site=HQ"], 'such as "(EX1) and (site=HQ)"'),
        (["audit", "-i", "inventory.yml", "-i", "./inventory.yml"], "inventory.yml:1:1: is named twice"),
        (["audit", "-i", "actions"], "actions:1:1: is a folder; name the file in it"),
        (["audit", "-i", "inventory.yml", "--playbook", "./smb.yml", "--param", "colour=red"], "colour"),
        (
            ["audit", "-i", "inventory.yml", "--parallel", "0"],
            "--parallel: `0` is less than 1. See exrun audit --help.",
        ),
        (["audit", "-i", "inventory.yml", "--timeout", "soon"], "--timeout: `soon` is not a number. "),
        (
            ["audit", "-i", "inventory.yml", "--as-of", "yesterday"],
            "--as-of: `yesterday` is not a day such as 2026-10-01. ",
        ),
        (
            ["audit", "-i", "inventory.yml", "--playbook", "./smb.yml", "--html", "no/where.html"],
            "there is no folder no",
        ),
        (["audit", "-i", "inventory.yml", "--playbook", "./smb.yml", "--html", "."], "this is a folder"),
        (["show", "last"], "there are no runs in .exrun"),
        (["report", "last"], "there are no runs in .exrun"),
        (["inventory", "list", "-i", "inventory.yml", "nope"], "no host is called `nope`"),
        (["inventory", "import", "nowhere.csv", "--client", "alpha"], "nowhere.csv:1:1: cannot be read"),
        (["inventory", "import", "x.csv", "--client", "a", "--credential", "hunter2"], "--credential: is not a ref"),
        (["inventory", "import", "x.csv", "--client", "a", "--port", "99999"], "--port: is not a port"),
        (["inventory", "import", "x.csv", "--client", "a", "--user", "A/svc"], 'write `--user "A\\svc"`'),
        (["inventory", "import", "x.csv", "--client", "a", "--credential", "$env:A_PW"], "write `env:A_PW`"),
    ],
)
def test_wrong_input_exits_2_says_what_and_where_and_sends_nothing(
    exrun: CommandLine, arguments: list[str], said: str
) -> None:
    status, out, err = exrun(*arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert "hunter2" not in err
    assert exrun.transports == {}
    assert exrun.runs == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["EX1"], ["alpha/EX1"]),
        (["EX1", "MBX1"], ["alpha/EX1", "beta/MBX1"]),
        (["client:alpha", "and", "not", "EX1"], ["alpha/EX2"]),
        (["client:alpha and not EX1"], ["alpha/EX2"]),
        (["--limit", "EX1", "--limit", "client:beta"], ["alpha/EX1", "beta/MBX1"]),
        (["-l", "EX1 or EX2", "-l", "not client:alpha"], ["alpha/EX1", "alpha/EX2", "beta/MBX1"]),
    ],
)
def test_arguments_and_limits_select_as_in_the_list_and_each_further_one_adds(
    exrun: CommandLine, arguments: list[str], expected: list[str]
) -> None:
    assert exrun.audit(*arguments)[0] == 0
    assert sorted(exrun.transports) == expected
    _, out, _ = exrun("inventory", "list", *arguments, "--format", "json")
    assert [f"{host['client']}/{host['name']}" for host in json.loads(out)["hosts"]] == expected


def test_a_variable_holds_one_selection_a_line_and_gives_way_to_what_is_typed(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXRUN_LIMIT", "client:alpha and not EX1\nMBX1\n")
    exrun.audit()
    assert sorted(exrun.transports) == ["alpha/EX2", "beta/MBX1"]
    exrun.transports.clear()
    exrun.audit("EX1")
    assert sorted(exrun.transports) == ["alpha/EX1"]
    monkeypatch.setenv("EXRUN_LIMIT", " ")
    status, _, err = exrun.audit()
    assert (status, "selection, column 1: is empty; write `*` for all hosts" in err) == (2, True)


def test_without_a_file_the_inventory_of_the_folder_is_read_and_named(exrun: CommandLine) -> None:
    for arguments in (["audit", "--playbook", "./smb.yml"], ["inventory", "list"], ["inventory", "check"]):
        status, _, err = exrun(*arguments)
        assert (status, err.splitlines()[0]) == (0, "exrun: inventory: inventory.yml of this folder; -i names another")
    (exrun.folder / "inventory.yml").rename(exrun.folder / "hosts.yml")
    status, out, err = exrun("audit")
    assert (status, out) == (2, "")
    assert err == (
        "exrun: no inventory is named, and there is no inventory.yml in this folder. Name it: -i hosts.yml.\n"
    )
    (exrun.folder / "hosts.yml").unlink()
    _, _, err = exrun("audit")
    assert "exrun inventory import servers.csv --client NAME -o inventory.yml" in err


def test_several_files_are_one_inventory_and_each_journal_names_only_those_of_its_client(exrun: CommandLine) -> None:
    for name, text in (
        ("a.yml", "{alpha: {hosts: {EX1: }}}"),
        ("bravo.yml", "{beta: {hosts: {MBX1: }}}"),
        ("more.yml", "{alpha: {labels: {ring: 1}, hosts: {EX2: }}}"),
    ):
        (exrun.folder / name).write_text(f"exrun: inventory/1\nclients: {text}\n")
    files = ["-i", "a.yml", "-i", "bravo.yml", "-i", "more.yml"]
    status, _, _ = exrun("audit", *files, "--playbook", "./smb.yml", "--expect", "3")
    assert status == 0
    digests = {name: hashlib.sha256((exrun.folder / name).read_bytes()).hexdigest() for name in files[1::2]}
    together = hashlib.sha256("".join(f"{digest}\n" for digest in digests.values()).encode()).hexdigest()
    for client, mine in (("alpha", ["a.yml", "more.yml"]), ("beta", ["bravo.yml"])):
        lines = next(exrun.folder.glob(f".exrun/{client}/runs/*/journal.jsonl")).read_text().splitlines()
        assert json.loads(lines[0])["data"]["inventory"] == {
            "source": ", ".join(mine),
            "sha256": together,
            "files": [{"source": name, "sha256": digests[name]} for name in mine],
            "read": 3,
        }
    assert "bravo" not in next(exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")).read_text()


def test_every_problem_of_an_inventory_is_said_at_once(exrun: CommandLine) -> None:
    (exrun.folder / "inventory.yml").write_text(
        "exrun: inventory/1\nclients:\n  alpha:\n    hosts:\n      EX1: {prot: 1}\n      EX2: {port: x}\n"
    )
    status, _, err = exrun.audit()
    assert status == 2
    assert [line.partition(" ")[0] for line in err.splitlines()[1:3]] == ["inventory.yml:5:13:", "inventory.yml:6:19:"]


def test_each_client_gets_an_html_report_of_its_own(exrun: CommandLine) -> None:
    status, _, err = exrun.audit("--html", "audit.html")
    assert status == 0
    assert "exrun: wrote audit.alpha.html\nexrun: wrote audit.beta.html\n" in err
    for mine, other in (("alpha", "beta"), ("beta", "alpha")):
        page = (exrun.folder / f"audit.{mine}.html").read_text(encoding="utf-8")
        assert {"alpha": "EX1", "beta": "MBX1"}[mine] in page
        assert {"alpha": "EX1", "beta": "MBX1"}[other] not in page
        assert other not in page
    assert exrun.audit("--html", "audit.html", "--limit", "client:alpha")[0] == 0
    assert (exrun.folder / "audit.html").exists()


def in_the_full_language(exrun: CommandLine) -> None:
    action = exrun.folder / "actions" / "test" / "smb1" / "action.yml"
    action.write_text(action.read_text(encoding="utf-8") + "session: full\n", encoding="utf-8")


def test_a_step_of_the_full_language_is_refused_with_nothing_sent(exrun: CommandLine) -> None:
    in_the_full_language(exrun)
    status, out, err = exrun.audit()
    assert (status, out, exrun.runs, exrun.cleartext) == (2, "", [], [])
    assert "nothing was sent: 1 step of smb.yml would run in the full language" in err.replace("./", "")
    assert "smb1 (test.smb1)" in err
    assert "--allow-full-language" in err


def test_a_step_of_the_full_language_that_is_allowed_is_said_in_screen_report_json_and_journal(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_full_language(exrun)
    said = "Read-only by the linter alone"
    status, out, err = exrun.audit("--allow-full-language", "--html", "report.html")
    assert status == 0
    assert "exrun: warning: --allow-full-language: smb1: read-only by the linter alone" in err
    assert said in " ".join(out.split())
    assert "smb1" in out
    for page in exrun.folder.glob("report*.html"):
        assert said in page.read_text(encoding="utf-8")
    for client in ("alpha", "beta"):
        journal = (exrun.folder / ".exrun" / client / "runs" / exrun.runs[0] / "journal.jsonl").read_text()
        assert '"option":"--allow-full-language"' in journal
        assert '"value":"smb1"' in journal
    monkeypatch.setenv("EXRUN_ALLOW_FULL_LANGUAGE", "1")
    _, out, _ = exrun.audit("--format", "json")
    found = [finding for finding in AuditDocument.model_validate_json(out).findings if said in finding.title]
    assert [finding.evidence for finding in found] == [["--allow-full-language smb1"]]


def test_a_locked_playbook_is_not_said_to_be_anything_else_though_the_option_is_given(exrun: CommandLine) -> None:
    status, out, err = exrun.audit("--allow-full-language")
    assert status == 0
    assert "linter alone" not in out + err


def test_cleartext_is_warned_of_and_recorded_in_every_journal(exrun: CommandLine) -> None:
    _, _, err = exrun.audit("--allow-cleartext")
    assert exrun.cleartext == [True]
    assert "exrun: warning: --allow-cleartext:" in err
    for client in ("alpha", "beta"):
        journal = next(exrun.folder.glob(f".exrun/{client}/runs/*/journal.jsonl")).read_text()
        assert '"event":"override"' in journal
        assert '"option":"--allow-cleartext"' in journal


def test_a_selection_is_recorded_only_where_it_cannot_name_another_client(exrun: CommandLine) -> None:
    exrun.audit("--limit", "client:alpha and not client:beta")
    journal = next(exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl"))
    assert "beta" not in journal.read_text()
    (exrun.folder / "inventory.yml").write_text(
        "exrun: inventory/1\nclients:\n  solo:\n    hosts:\n      EX1:\n      EX2:\n"
    )
    exrun.audit("--limit", "EX1 or EX2")
    journal = next(exrun.folder.glob(".exrun/solo/runs/*/journal.jsonl"))
    assert '"selection":"EX1 or EX2"' in journal.read_text()


def test_when_the_journal_cannot_be_made_the_status_is_6_and_nothing_is_sent(exrun: CommandLine) -> None:
    (exrun.folder / ".exrun").write_text("a file where a directory belongs")
    status, out, err = exrun.audit()
    assert (status, out) == (6, "")
    assert "the journal cannot be written" in err
    assert exrun.transports == {}


def test_when_the_disk_fills_up_the_status_is_6_and_what_was_learnt_is_shown(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: SystemDisk, descriptor: int, data: bytes) -> int:
        if b'"step-assessed"' in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, data)

    monkeypatch.setattr(SystemDisk, "write", full)
    status, out, err = exrun.audit("--parallel", "1")
    assert status == 6
    assert "3 servers:" in out
    assert "a journal of this run cannot be written; not every server was asked" in err
    # The answer is written with the next intent, and what that was to announce is not sent.
    assert {key: bool(server.sent) for key, server in exrun.transports.items()} == {
        "alpha/EX1": True,
        "alpha/EX2": False,
    }


class Interrupting(ScriptedTransport):
    """Presses Ctrl-C while the server hangs."""

    def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        os.kill(os.getpid(), signal.SIGINT)
        assert self.cancelled.wait(30)
        return tuple(lost(Cause.INTERRUPTED)(script) for script in scripts)


def test_ctrl_c_exits_130_with_a_row_for_every_server_and_gives_the_signal_back(exrun: CommandLine) -> None:
    before = signal.getsignal(signal.SIGINT)
    hanging = Interrupting()
    exrun.transports["alpha/EX2"] = hanging
    status, out, err = exrun.audit("--parallel", "1")
    assert status == 130
    rows = {line.split()[1]: line for line in out.splitlines()[:4]}
    assert [line for line in out.splitlines() if line.startswith("3 servers:")] == [
        "3 servers: 1 not-asked, 1 unknown, 1 ok"
    ]
    assert "not-asked" in rows["beta/MBX1"]
    told = "The run did not come to its end: the run was interrupted. Run the audit again for the servers left out"
    assert f"high: {told}" in out
    shown = exrun("show", "last")[1]
    assert f"[high] {told}" in shown
    assert "its script may have run" in shown
    assert "the run was interrupted; letting go of the servers in work, at most 5 s. Once more ends at once." in err
    assert hanging.closed == 1
    assert signal.getsignal(signal.SIGINT) is before
    assert "not finished: the run was interrupted" in exrun("show", "last")[1]


def test_the_time_limit_of_the_run_is_said_and_exits_3(exrun: CommandLine) -> None:
    class Slow(ScriptedTransport):
        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            assert self.cancelled.wait(30)
            return tuple(lost(Cause.INTERRUPTED)(script) for script in scripts)

    exrun.transports["alpha/EX1"] = Slow()
    status, out, err = exrun.audit("--parallel", "1", "--run-timeout", "1")
    assert status == 3
    assert "3 servers:" in out
    assert "the run's time limit of 1 s was reached; not every server was asked. Raise --run-timeout" in err


def test_a_password_comes_from_the_environment_and_is_in_nothing_that_is_written(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "C0rrect-horse#battery"
    monkeypatch.setenv("ALPHA_PW", password)
    (exrun.folder / "inventory.yml").write_text(
        "exrun: inventory/1\nclients:\n  alpha:\n    authentication: ntlm\n    user: ALPHA\\ops\n"
        "    credential: env:ALPHA_PW\n    hosts:\n      EX1:\n      EX2: {credential: 'env:MISSING'}\n"
    )
    exrun.transports["alpha/EX1"] = ScriptedTransport(otherwise=protocol(True, password))
    status, out, err = exrun.audit("--html", "audit.html", "--skip-unresolved")
    assert status == 3
    secret = exrun.secrets["alpha/EX1"]
    assert secret is not None
    assert secret.reveal() == password
    assert "the environment variable MISSING is not set" in out
    written = [path.read_text(errors="replace") for path in exrun.folder.rglob("*") if path.is_file()]
    assert [text for text in [out, err, *written] if password in text] == []


NEEDY = """\
exrun: inventory/1
clients:
  alpha:
    authentication: ntlm
    user: ops@alpha.example
    credential: env:ALPHA_PW
    hosts:
      EX1:
      EX2: {credential: 'env:MISSING'}
      EX3: {credential: 'keyring:no-such-service/ops'}
      EX4: {credential: 'env:MISSING'}
  beta:
    authentication: ntlm
    user: ops@beta.example
    credential: env:BETA_PW
    hosts:
      MBX1:
"""


def test_passwords_that_cannot_be_had_are_said_all_at_once_before_anything_is_sent(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPHA_PW", "C0rrect-horse#battery")
    (exrun.folder / "inventory.yml").write_text(NEEDY)
    status, out, err = exrun.audit()
    assert (status, out) == (2, "")
    assert [line.partition("; ")[2].partition(". ")[0] for line in err.splitlines()[1:-1]] == [
        "needed by alpha/EX2, alpha/EX4",
        "needed by alpha/EX3",
        "needed by beta/MBX1",
    ]
    assert err.splitlines()[1].startswith("exrun: env:MISSING: the environment variable MISSING is not set; needed by ")
    assert err.splitlines()[-1] == (
        "exrun: nothing was sent: 4 of 5 servers have no password to log on with. "
        "Mend these references, or leave their servers out with --skip-unresolved."
    )
    assert (exrun.transports, exrun.runs) == ({}, [])


def test_servers_without_a_password_are_left_out_when_that_is_asked_for_and_it_is_recorded(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPHA_PW", "C0rrect-horse#battery")
    (exrun.folder / "inventory.yml").write_text(NEEDY)
    status, out, _ = exrun.audit("--skip-unresolved", "--format", "json")
    read = AuditDocument.model_validate_json(out)
    assert status == 3
    assert {host.name: (host.verdict, host.outcome) for host in read.hosts} == {
        "EX1": (Verdict.OK, Outcome.COMPLIANT),
        **dict.fromkeys(("EX2", "EX3", "EX4", "MBX1"), (Verdict.NO_CREDENTIAL, Outcome.FAILED)),
    }
    assert all(host.next and host.requests == 0 for host in read.hosts if host.name != "EX1")
    assert list(exrun.transports) == ["alpha/EX1"]
    assert [(found.id, found.evidence) for found in read.findings] == [("run.override", ["--skip-unresolved"])]
    told = RunDocument.model_validate_json(exrun("show", "last", "--format", "json")[1])
    assert {part.client: part.overrides for part in told.clients} == {
        "alpha": [{"option": "--skip-unresolved", "value": "", "hosts": ["EX2", "EX3", "EX4"]}],
        "beta": [{"option": "--skip-unresolved", "value": "", "hosts": ["MBX1"]}],
    }


@pytest.mark.parametrize(
    ("days", "finding", "strict"),
    [
        (0, None, 0),
        (AGED_DAYS, None, 0),
        (AGED_DAYS + 1, "run.catalogue-aged", 1),
        (STALE_DAYS, "run.catalogue-aged", 1),
        (STALE_DAYS + 1, "run.catalogue-stale", 1),
        (-1, "run.clock", 1),
    ],
)
def test_a_catalogue_past_its_age_is_found_in_every_report_and_costs_the_status_0_with_strict(
    exrun: CommandLine, days: int, finding: str | None, strict: int
) -> None:
    exrun.today = CATALOGUE.as_of + timedelta(days=days)
    assert exrun.audit("--limit", "client:alpha")[0] == 0
    status, out, _ = exrun.audit("--limit", "client:alpha", "--strict", "--html", "page.html", "--details")
    assert status == strict
    run = out.split()[-1]
    read = AuditDocument.model_validate_json(exrun("report", run, "-f", "json")[1])
    assert [found.id for found in read.findings] == ([finding] if finding else [])
    assert read.catalogue.age_days == days
    page = html.unescape((exrun.folder / "page.html").read_text(encoding="utf-8"))
    shown = exrun("show", run)[1]
    assert exrun("report", run)[1] == out
    for found in read.findings:
        for written in (page, shown, " ".join(out.split())):
            assert f"{found.title}. {found.next}" in written
    assert ("run.c" in page) is (finding is not None)


def test_a_day_of_judgement_other_than_today_is_recorded_and_said_in_every_report(exrun: CommandLine) -> None:
    arguments = ("--limit", "client:alpha", "--as-of", "2026-10-01", "--html", "page.html", "--strict", "--details")
    status, out, _ = exrun.audit(*arguments)
    assert status == 0
    said = "Judged as on 2026-10-01, by what the catalogue knew by then, not as on the day of the run"
    assert said in " ".join(out.split())
    assert "catalogue as of 2026-10-01" in out
    assert said in (exrun.folder / "page.html").read_text(encoding="utf-8")
    assert said in exrun("show", "last")[1]
    assert exrun("report", "last")[1] == out
    assert "override --as-of 2026-10-01\n" in exrun("show", "last")[1]
    read = AuditDocument.model_validate_json(exrun("report", "last", "-f", "json")[1])
    assert (str(read.judged_on), str(read.catalogue.as_of)) == ("2026-10-01", "2026-10-01")
    assert [(found.id, found.evidence) for found in read.findings] == [("run.override", ["--as-of 2026-10-01"])]


def test_to_judge_as_on_today_is_no_override(exrun: CommandLine) -> None:
    _, out, _ = exrun.audit("--as-of", exrun.today.isoformat(), "--format", "json")
    assert AuditDocument.model_validate_json(out).findings == []


def test_options_come_from_variables_too(exrun: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "INVENTORY": "inventory.yml", "PLAYBOOK": "./smb.yml", "LIMIT": "EX1", "EXPECT": "1", "FORMAT": "json",
        "STATE": "runs", "PARALLEL": "2", "TIMEOUT": "20", "ALLOW_CLEARTEXT": "1", "HTML": "page.html",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"EXRUN_{name}", value)
    status, out, _ = exrun("audit")
    assert status == 0
    assert len(json.loads(out)["hosts"]) == 1
    assert (exrun.folder / "page.html").exists()
    assert (exrun.folder / "runs" / "alpha").is_dir()
    assert exrun.cleartext == [True]


COMMANDS = [
    "audit",
    "plan",
    "approve",
    "apply",
    "resume",
    "rollback",
    "status",
    "runs",
    "watch",
    "diff",
    "show",
    "report",
    "inventory check",
    "inventory list",
    "inventory import",
    "journal verify",
]
COMMANDS += ["keys new", "catalogue info", "catalogue update", "catalogue pack", "catalogue reset"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_a_variable_for_every_option_and_the_reference_has_them_too(
    command: str,
) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}).output
    assert "Examples:" in shown
    assert f"  exrun {command} " in shown
    assert "Exit status:" in shown
    page = REFERENCE.read_text(encoding="utf-8")
    assert f"## exrun {command}" in page
    section = page.partition(f"## exrun {command}")[2].partition("\n## ")[0]
    options = [line.split()[0].rstrip(",") for line in shown.splitlines() if line.startswith("  -")]
    for option in options:
        if option != "-h":
            assert option in section, option
    described = " ".join(shown.partition("Options:")[2].split())
    assert described.count("[EXRUN_") == len(options) - 1


def test_the_reference_names_every_exit_status() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    assert [status for status in ExitStatus if f"| {status.value} |" not in page] == []


def test_the_progress_line_says_what_wants_doing_worst_first() -> None:
    told = AUDITING.told
    found = {Verdict.OK: 4, Verdict.UNREACHABLE: 1, Verdict.VULNERABLE: 3}
    assert found_text(found, told) == "3 vulnerable, 1 unreachable"
    assert found_text({Verdict.OK: 4}, told) == ""
