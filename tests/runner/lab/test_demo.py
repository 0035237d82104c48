"""The demo: a fleet whose audit must come to what its files say, and a comparison that notices when it does not."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Finding, Severity, Verdict
from playbooks.loading import load_playbook
from runner.cli import working
from runner.cli.demo import EngineName, as_of, collects, unnamed
from runner.cli.main import main
from runner.lab.demo.expectations import FLEET, MARCH, Expected, differences, expectations
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.fleet import Fleet
from runner.lab.fleet_file import load_fleet
from runner.lab.ledger import Statement
from runner.lab.publishing import inventory_text, password_variables
from runner.lab.server import start
from runner.replay import replay
from runner.results import HostResult, NotReached, StepResult, fleet_result, judged
from runner.runs import LAST, find_run, read_run
from runner.steps import Judgement
from runner.terms import Terms
from runner.transport.failures import Cause, failure
from runner.transport.gate import BASE_MODULES, LOCK, importing, marker
from runner.transport.interface import Script

DEMO = Path(str(resources.files("runner.lab.demo")))
NEEDED = {
    Verdict.OK,
    Verdict.VULNERABLE,
    Verdict.NEEDS_CU,
    Verdict.HALF_INSTALLED,
    Verdict.OUT_OF_SUPPORT,
    Verdict.BEHIND,
    Verdict.ATTENTION,
    Verdict.NEWER_THAN_CATALOGUE,
    Verdict.NOT_EXCHANGE,
    Verdict.UNREACHABLE,
    Verdict.UNKNOWN,
}


def test_the_demo_has_two_clients_and_a_server_of_every_verdict() -> None:
    fleet = load_fleet(DEMO / FLEET)
    assert len(fleet.hosts) >= 12
    assert {host.client for host in fleet.hosts} == {"contoso", "fabrikam"}
    assert {host.key for host in fleet.hosts} == set(expectations())
    assert {expected.verdict for expected in expectations().values()} == NEEDED


def test_each_servers_file_says_at_its_head_the_verdict_that_is_expected() -> None:
    said = {}
    files = [(path.parent.name, path) for path in (DEMO / "hosts").rglob("*.yml")]
    files += [("northwind", path) for path in (DEMO / "march").glob("mail*.yml")]
    for client, path in files:
        head = re.search(r"^# Verdict expected: (\S+)\.$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert head, path
        said[f"{client}/{path.stem.upper()}"] = head[1]
    expected = {**expectations(), **expectations(MARCH)}
    assert said == {key: str(each.verdict) for key, each in expected.items()}


def test_the_demo_ends_well_and_says_so_whatever_stands_in_the_environment_and_in_the_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXRUN_LIMIT", "nothing-is-called-so")
    (tmp_path / "runner").mkdir()
    (tmp_path / "runner" / "__init__.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    status = main(["lab", "demo", "--folder", "here"])  # as its help has it: of the folder that one stands in
    said, place = capfd.readouterr(), Path("here")
    assert status == 0, said.out + said.err
    assert "All 16 verdicts are those of the servers' files." in said.out
    assert "The servers came out as planned: 22 scripts that change something ran" in said.out
    assert "wave 2: 1 server: 1 changed" in said.out
    assert "Approvals that count: 1 of 1: board@contoso.example" in said.out
    assert "Every server of March 2021 is what its file says" in said.out
    assert "6 servers: 2 compromised, 1 vulnerable, 1 unknown, 1 probed, 1 ok" in said.out
    investigation = (place / "march-2021" / "investigation.html").read_text(encoding="utf-8")
    assert "Somebody was inside 2 of 6 servers." in investigation
    assert "One is cut off and has no web shell any more; one took its isolation back" in said.out
    assert "3 servers: 1 rolled-back, 2 changed" in said.out
    assert "approved by board@northwind.example" in said.out
    afterwards = (place / "march-2021" / "afterwards.html").read_text(encoding="utf-8")
    assert "Somebody was inside 2 of 6 servers." in afterwards, "cleaning makes no compromise undone"
    assert "clean since 2021-02-10" in afterwards
    assert "DIFFERS" not in said.out
    assert "catalogue as of 2026-10-01; " in said.out
    assert "info: Judged as on 2026-10-01" in said.out
    for client in ("contoso", "fabrikam"):
        page = (place / f"report.{client}.html").read_text(encoding="utf-8")
        other = {"contoso": "MBX1", "fabrikam": "EX01"}[client]
        assert said.out.lower().count(f"report.{client}.html") == 1
        assert other not in page
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Lab-only-" not in written


def test_four_months_later_the_same_catalogue_calls_nothing_current_that_it_called_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = load_fleet(DEMO / FLEET, engine="sim")
    assert whole.day is not None
    judgement = Judgement(Catalogue.load().on(whole.day), date(2027, 2, 1))
    asked = Fleet(tuple(host for host in whole.hosts if not host.faults))
    for client, variable in password_variables(whole).items():
        monkeypatch.setenv(variable, next(host.account.password for host in asked.hosts if host.client == client))
    monkeypatch.setattr(working, "today", lambda: judgement.today)
    monkeypatch.setattr(working, "judgement_of", lambda *given: judgement)
    with start(asked, {"sim": SimEngine()}) as lab:
        (tmp_path / "ca.pem").write_bytes(lab.ca_pem)
        (tmp_path / "inventory.yml").write_text(inventory_text(lab, tmp_path / "ca.pem", {}), encoding="utf-8")
        state = tmp_path / "state"
        assert main(["audit", "-i", str(tmp_path / "inventory.yml"), "--state", str(state)]) == 3, capfd.readouterr()
    said = capfd.readouterr().out
    parts = read_run(find_run(state, LAST))
    rows = {f"{row.client}/{row.name}": row for row in replay([part.state for part in parts]).hosts}
    before = {key: expected.verdict for key, expected in expectations().items() if key in rows}
    # What was found stays found; only the reassurance goes.
    after = {Verdict.OK: Verdict.NOT_CURRENT, Verdict.ATTENTION: Verdict.NOT_CURRENT}
    assert {key: row.verdict for key, row in rows.items()} == {
        key: after.get(verdict, verdict) for key, verdict in before.items()
    }
    assert rows["contoso/EX01"].verdict is Verdict.NOT_CURRENT
    assert rows["contoso/EX01"].next.startswith("Install a newer exrun, or newer tables")
    assert "high: The catalogue is 123 days old, too old to call a build ok" in said
    assert Verdict.OK not in {row.verdict for row in rows.values()}


@pytest.mark.real_powershell
def test_on_a_real_powershell_every_server_gets_the_same_verdict_and_findings(
    powershell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = load_fleet(DEMO / FLEET, engine="pwsh")
    asked = Fleet(tuple(host for host in whole.hosts if not host.faults))
    expected = {host.key: expectations()[host.key] for host in asked.hosts}
    assert len(expected) == 13
    for client, variable in password_variables(whole).items():
        monkeypatch.setenv(variable, next(host.account.password for host in asked.hosts if host.client == client))
    engine = PwshEngine(powershell)
    try:
        with start(asked, {"pwsh": engine}) as lab:
            (tmp_path / "ca.pem").write_bytes(lab.ca_pem)
            (tmp_path / "inventory.yml").write_text(inventory_text(lab, tmp_path / "ca.pem", {}), encoding="utf-8")
            arguments = ["audit", "-i", str(tmp_path / "inventory.yml"), "--state", str(tmp_path / "state")]
            assert main([*arguments, *EngineName.PWSH.pace, *as_of(whole)]) == 3, capfd.readouterr()
            parts = read_run(find_run(tmp_path / "state", LAST))
            named = frozenset(digest for part in parts for digest in part.state.script_texts)
            assert unnamed(lab.ledger.scripts(), named) == ()
    finally:
        engine.close()
    assert differences(replay([part.state for part in parts]), expected) == ()


def test_readme_and_tutorial_show_what_an_audit_of_the_demos_servers_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = load_fleet(DEMO / FLEET, engine="sim")
    shown = Fleet(tuple(host for host in whole.hosts if host.client == "contoso" or host.name == "MBX4"))
    for client, variable in password_variables(whole).items():
        monkeypatch.setenv(variable, next(host.account.password for host in shown.hosts if host.client == client))
    monkeypatch.chdir(tmp_path)
    with start(shown, {"sim": SimEngine()}) as lab:
        Path("ca.pem").write_bytes(lab.ca_pem)
        Path("inventory.yml").write_text(inventory_text(lab, Path("ca.pem"), {}), encoding="utf-8")
        arguments = ["-i", "inventory.yml", "--connect-timeout", "5", *as_of(whole)]
        monkeypatch.setenv("COLUMNS", "80")
        assert main(["audit", "client:contoso", *arguments]) == 1, capfd.readouterr()
        narrow = capfd.readouterr().out
        monkeypatch.setenv("COLUMNS", "120")
        assert main(["audit", *arguments]) == 3, capfd.readouterr()
        wide = capfd.readouterr().out
    root = Path(__file__).resolve().parents[3]
    tutorial = (root / "docs" / "tutorial" / "first-audit.md").read_text(encoding="utf-8")
    block = re.search(r"^    VERDICT .*?^    next: exrun show [^\n]*\n", tutorial, re.MULTILINE | re.DOTALL)
    assert block is not None
    run = re.compile(r"\d{4}-\d\d-\d\dt\d{6}z-[0-9a-f]{4}")
    assert run.sub("RUN", re.sub(r"(?m)^    ", "", block[0])) == run.sub("RUN", narrow)
    readme = (root / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^    VERDICT .*?(?=^    16 servers)", readme, re.MULTILINE | re.DOTALL)
    assert block is not None
    rows = [line[4:] for line in block[0].splitlines() if line.strip() not in ("", "...")]
    assert [row for row in rows if row not in wide.splitlines()] == []


OK = Assessment(Verdict.OK, "well")
TERMS = Terms(date(2026, 4, 2), date(2026, 4, 2))


def row(name: str, *assessments: Assessment) -> HostResult:
    return judged(name, "a", [StepResult(f"s{n}", "x.y", each) for n, each in enumerate(assessments)], 7, 1.0)


def lines(*rows: HostResult, expected: dict[str, Expected]) -> tuple[str, ...]:
    return differences(fleet_result("r", TERMS, rows), expected)


def test_an_audit_that_is_as_expected_differs_in_nothing() -> None:
    assert lines(row("EX1", OK), expected={"a/EX1": Expected(verdict=Verdict.OK, outcome="compliant")}) == ()


def test_every_way_in_which_a_row_can_differ_is_said() -> None:
    found = Assessment(Verdict.VULNERABLE, "bad", (Finding("x.y.z", Severity.HIGH, "bad", next="do"),))
    expected = {"a/EX1": Expected(verdict=Verdict.OK, outcome="compliant", product="P")}
    assert lines(row("EX1", found), expected=expected) == (
        "a/EX1: findings is x.y.z, expected nothing",
        "a/EX1: outcome is findings, expected compliant",
        "a/EX1: product is nothing, expected P",
        "a/EX1: verdict is vulnerable, expected ok",
    )


def test_a_row_too_few_a_row_too_many_and_another_cause_are_said() -> None:
    unreachable = Expected(verdict=Verdict.UNREACHABLE, outcome="unreachable", cause=Cause.REFUSED)
    lost = NotReached("EX1", "a", failure(Cause.TIMEOUT, "timed out"), 1, 0, 1.0)
    expected = {"a/EX1": unreachable, "a/EX2": unreachable}
    assert lines(lost, row("EX3", OK), expected=expected) == (
        "a/EX1: cause is not refused: timeout: timed out",
        "a/EX2 has no row",
        "a/EX3 has a row that nobody expects",
    )


def test_what_opens_a_session_and_what_marks_a_script_is_no_collect_script() -> None:
    collect = Script("s", "Get-Service")
    ran = [importing(BASE_MODULES), LOCK, marker(collect.sha256, "ab" * 8), collect]
    executed = [Statement(number, script.text, True) for number, script in enumerate(ran)]
    assert collects(executed) == (executed[-1],)
    readme = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
    answering = [host for host in load_fleet(DEMO / FLEET).hosts if not host.faults]
    steps = load_playbook("exchange-audit", {}, Catalogue.load()).steps
    # As the demo is seen to say, above.
    assert "    The servers came out as planned: 22 scripts that change something ran" in readme
    assert f"The servers ran {len(answering) * len(steps)} collect scripts, every one named in the journal" in readme


def test_whatever_ran_on_a_server_and_is_in_no_journal_is_said() -> None:
    collect = Script("s", "Get-Service")
    named = frozenset({collect.sha256})
    fine = Statement(0, collect.text, True)
    beside = Statement(0, marker(collect.sha256, "ab" * 8).text, True)
    assert unnamed([fine, beside], named) == ()
    for strange in (Statement(0, "Get-Service ", True), replace(fine, script=False)):
        (line,) = unnamed([fine, strange], named)
        assert line.startswith(f"a server ran what the journal does not name: {strange.text[:60]!r}")
