"""`exrun plan`, `exrun show PLAN` and `exrun approve`, from the command line to files and exit statuses."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.disk import SystemDisk
from runner.plan import file
from runner.plan.records import Plan, Standing
from runner.reports.plan_json import PlanDocument, schema_text
from runner.transport.failures import Cause, failure
from tests.runner.changing import COLLECT, PLAYBOOK, SETTING, write_playbook
from tests.runner.cli.conftest import CommandLine, protocol
from tests.runner.fleets import ScriptedTransport, lost

PASSWORD = "Tr0ub4dor&3"
SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas"


@pytest.fixture(autouse=True)
def changing(exrun: CommandLine) -> None:
    write_playbook(exrun.folder)


def on(banner: str = "none") -> ScriptedTransport:
    return ScriptedTransport(otherwise=protocol(enabled=True, banner=banner))


def alpha(exrun: CommandLine, *arguments: str, out: str = "plan.json") -> tuple[int, str, str]:
    return exrun("plan", "./off.yml", "client:alpha", "-i", "inventory.yml", "-o", out, *arguments)


def written(exrun: CommandLine, name: str = "plan.json") -> Plan:
    return file.read((exrun.folder / name).read_bytes())


def test_a_plan_says_each_change_in_a_line_then_sums_then_the_next_command(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = on()
    status, out, err = alpha(exrun)
    assert status == 1
    plan = written(exrun)
    digest = hashlib.sha256((exrun.folder / "plan.json").read_bytes()).hexdigest()
    assert re.sub(r"made \S+ \S+ UTC by \S+", "made NOW", out) == (
        f"plan {plan.id} of alpha: off.yml, made NOW\n"
        f"SHA-256 {digest}\n"
        "\n"
        "EX1  ex1.alpha.example:5985\n"
        "  smb1  test.off\n"
        "    ~ Switch SMB 1 off  (Enabled: true -> false)\n"
        "\n"
        "Plan: 1 change on 1 of 2 servers.\n"
        "  1 server: nothing to change\n"
        "Reaches: 1 server, at most 1 at a time.\n"
        "  sites: HQ 1\n"
        "  test.off: 1 change on 1 server; cannot be noticed; no restart; interruption: none\n"
        "  not known: role of 1 server, no step of this plan has seen it: EX1\n"
        "  not known: DAG of 1 server, the inventory has no label dag for them: EX1\n"
        "Order: 4 servers at a time; one wave; at most 1 of one site together; ends once 1 server failed (5%).\n"
        "Approval: none is asked for: the plan was made without a policy.\n"
        "Written to plan.json. Next: exrun apply plan.json -i inventory.yml\n"
        "\n"
    )
    assert f"run {exrun.runs[0]}: planning 2 servers of 1 client with off; nothing is changed" in err


def test_a_plan_sends_what_an_audit_sends_and_records_it_as_a_run(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"], exrun.transports["alpha/EX2"] = on(), on()
    assert alpha(exrun)[0] == 1
    assert [exrun.transports[f"alpha/{name}"].sent for name in ("EX1", "EX2")] == [[COLLECT], [COLLECT]]  # type: ignore[attr-defined]
    status, out, _ = exrun("show", exrun.runs[0], "--client", "alpha")
    assert status == 0
    assert "EX1" in out


def test_a_plan_holds_what_it_was_made_of_and_how_it_goes(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = on()
    alpha(exrun, "--parallel", "2")
    plan = written(exrun)
    assert (plan.client, plan.playbook.source) == ("alpha", "off.yml")
    assert plan.playbook.sha256 == hashlib.sha256(PLAYBOOK.encode()).hexdigest()
    inventory = hashlib.sha256((exrun.folder / "inventory.yml").read_bytes()).hexdigest()
    assert [(each.source, each.sha256) for each in plan.inventory] == [("inventory.yml", inventory)]
    assert (plan.going.parallel, plan.going.waves, plan.going.limits) == (2, ("1", "rest"), {"site": 1})
    assert (plan.going.pause_seconds, plan.going.budget, plan.policy) == (60, "5%", None)
    assert sorted(plan.texts.values()) == [
        SETTING % ("$false", f"'{plan.id}'"),
        SETTING % ("$true", "''"),
    ]


def test_nothing_to_do_is_said_and_is_status_0(exrun: CommandLine) -> None:
    status, out, _ = alpha(exrun)
    assert status == 0
    assert "Plan: nothing to change on 2 of 2 servers.\nWritten to plan.json.\n" in out
    assert [host.steps[0].standing for host in written(exrun).hosts] == [Standing.COMPLIANT, Standing.COMPLIANT]


@pytest.mark.parametrize(
    "away", [ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused")), ScriptedTransport(otherwise=lost())]
)
def test_servers_that_could_not_be_planned_stand_in_the_plan_and_are_status_3(
    exrun: CommandLine, away: ScriptedTransport
) -> None:
    exrun.transports["alpha/EX1"], exrun.transports["alpha/EX2"] = on(), away
    status, out, _ = alpha(exrun)
    assert status == 3
    assert [host.host for host in written(exrun).hosts] == ["EX1", "EX2"]
    assert ("EX2  not planned: " in out) is bool(away.unopenable)
    assert ("  smb1  test.off, not known: " in out) is not bool(away.unopenable)


def test_a_server_that_is_not_known_is_never_counted_as_one_without_anything_to_change(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX2"] = ScriptedTransport(otherwise=lost())
    status, out, _ = alpha(exrun)
    assert status == 3
    assert "Plan: nothing to change on 1 of 2 servers.\n  1 server not known in full" in out


def test_several_clients_give_a_file_each_and_nothing_of_one_is_in_anothers(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"], exrun.transports["beta/MBX1"] = on(), on()
    status, out, _ = exrun("plan", "./off.yml", "-i", "inventory.yml", "-o", "plans")
    assert status == 1
    assert sorted(path.name for path in (exrun.folder / "plans").iterdir()) == ["alpha.json", "beta.json"]
    for client, others in (("alpha", ("beta", "MBX1")), ("beta", ("alpha", "EX1"))):
        data = (exrun.folder / "plans" / f"{client}.json").read_text()
        assert not [other for other in others if other in data]
    assert out.count("Plan: 1 change on 1 of ") == 2


def test_a_plan_that_is_there_is_never_written_over_without_being_told_so(exrun: CommandLine) -> None:
    (exrun.folder / "plan.json").write_text("approved")
    status, _, err = alpha(exrun)
    assert (status, exrun.transports) == (2, {})
    assert "plan.json: is there already" in err
    assert (exrun.folder / "plan.json").read_text() == "approved"
    assert alpha(exrun, "--force")[0] == 0
    assert written(exrun).client == "alpha"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "-i", "inventory.yml", "-o", "x.json"], "exrun plan needs PLAYBOOK: a playbook's name or file"),
        (["plan", "./off.yml", "-i", "inventory.yml"], "exrun plan needs --out FILE: "),
        (["plan", "./off.yml", "EX1", "-i", "inventory.yml", "-o", "no/x.json"], "there is no folder no"),
        (["plan", "./off.yml", "-i", "inventory.yml", "-o", "off.yml"], "cannot be a folder"),
        (
            ["plan", "./off.yml", "EX1", "-i", "inventory.yml", "-o", "x.json", "--policy", "none.yml"],
            "none.yml: cannot be read",
        ),
        (["show", "off.yml"], "off.yml: is not JSON"),
        (["show", "last", "--step", "smb1"], "--step is for plans"),
        (["show", "last", "--diff"], "--diff is for plans"),
        (["report", "last", "--policy", "policy.yml"], "--policy is for plans"),
        (["report", "off.yml", "--html"], "off.yml: is not JSON"),
        (["approve", "nowhere.json", "--key", "k"], "nowhere.json: cannot be read"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_sent(exrun: CommandLine, arguments: list[str], said: str) -> None:
    status, _, err = exrun(*arguments)
    assert (status, exrun.transports) == (2, {})
    assert said in err


def test_a_password_that_a_server_says_is_in_no_plan(exrun: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = exrun.folder / "inventory.yml"
    inventory.write_text(
        inventory.read_text().replace(
            "  alpha:\n", "  alpha:\n    user: ALPHA\\svc\n    credential: env:ALPHA_PASSWORD\n"
        )
    )
    monkeypatch.setenv("ALPHA_PASSWORD", PASSWORD)
    exrun.transports["alpha/EX1"], exrun.transports["alpha/EX2"] = on(f"hello {PASSWORD}"), on()
    status, out, err = alpha(exrun)
    assert status == 3, err
    assert "EX1  not planned: step smb1: a password of this run stands in what it would change" in out
    assert PASSWORD not in out + (exrun.folder / "plan.json").read_text()
    assert [bool(host.changes) for host in written(exrun).hosts] == [False, True]


def test_where_the_journal_cannot_be_written_there_is_no_plan(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SystemDisk, "sync", full, raising=False)
    monkeypatch.setattr(SystemDisk, "write", full, raising=False)
    status, _, _ = alpha(exrun)
    assert status in (2, 6)
    assert not (exrun.folder / "plan.json").exists()


def test_show_gives_one_host_and_its_scripts(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"], exrun.transports["alpha/EX2"] = on(), on()
    alpha(exrun)
    status, out, _ = exrun("show", "plan.json", "--host", "ex2", "--step", "smb1", "--script")
    assert status == 0
    assert "EX1" not in out
    assert "Plan:" not in out  # of all servers
    assert f"-Name exrun -Value '{written(exrun).id}'\n" in out
    assert "-Name SMB1 -Value $true\n" in out
    assert exrun("show", "plan.json", "--host", "EX9")[0] == 2
    assert exrun("show", "plan.json", "--step", "other")[0] == 2


def test_show_as_json_has_the_plan_itself_or_what_was_asked_for_of_it(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = on()
    alpha(exrun)
    data = (exrun.folder / "plan.json").read_bytes()
    status, out, _ = exrun("show", "plan.json", "--format", "json")
    shown = PlanDocument.model_validate_json(out)
    assert (status, shown.plan, shown.sha256) == (0, json.loads(data), hashlib.sha256(data).hexdigest())
    assert (shown.sums.changes, shown.blast_radius.hosts, shown.differences) == (1, ("EX1",), None)
    _, out, _ = exrun("show", "plan.json", "--format", "json", "--host", "EX2", "--diff")
    part = json.loads(out)
    assert [host["host"] for host in part["plan"]["hosts"]] == ["EX2"]
    assert (part["plan"]["texts"], part["differences"]) == ({}, [])
    assert part["sums"]["changes"] == 1  # of the whole plan
    assert (SCHEMAS / "plan-shown.json").read_text(encoding="utf-8") == schema_text(), (
        'renew it: .venv/bin/python -c "from runner.reports.plan_json import schema_text; '
        "print(schema_text(), end='')\" > docs/reference/schemas/plan-shown.json"
    )


def test_show_with_diff_gives_every_value_before_and_after_and_with_script_what_would_be_sent(
    exrun: CommandLine,
) -> None:
    exrun.transports["alpha/EX1"], exrun.transports["alpha/EX2"] = on('\x1b[2J"quoted"'), on()
    alpha(exrun)
    status, out, _ = exrun("show", "plan.json", "--diff", "--host", "EX1")
    assert (status, out.splitlines()[3:]) == (
        0,
        [
            "EX1  ex1.alpha.example:5985",
            "  smb1  test.off",
            "    ~ Switch SMB 1 off",
            '          Banner: "<U+001B>[2J""quoted"""',
            "        ~ Enabled: true -> false",
            "",
        ],
    )
    _, out, _ = exrun("show", "plan.json", "--diff", "--script", "--host", "EX1")
    assert out.index("~ Enabled: true -> false") < out.index("apply, SHA-256 ") < out.index("-Name SMB1 -Value $false")
    _, out, _ = exrun("show", "plan.json", "--diff", "--format", "json", "--step", "smb1")
    first, second = json.loads(out)["differences"]
    assert (first["host"], second["host"], first["step"], first["title"]) == ("EX1", "EX2", "smb1", "Switch SMB 1 off")
    assert first["values"] == [
        {"name": "Banner", "becomes": "same", "before": '\x1b[2J"quoted"', "after": '\x1b[2J"quoted"'},
        {"name": "Enabled", "becomes": "changed", "before": True, "after": False},
    ]


def test_report_writes_the_page_of_a_plan_or_what_show_says(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = on("<script>alert(1)</script>")
    (exrun.folder / "policy.yml").write_text(
        "client: alpha\napprovers:\n  - key: board@alpha.example ssh-ed25519 "
        "AAAAC3NzaC1lZDI1NTE5AAAAIP6ydsjQVMnI21oVHSmMUm0YZ8RhrdUF8YwKJg3cVdKN\n"
    )
    assert alpha(exrun, "--policy", "policy.yml")[0] == 1
    for form in ("text", "json"):
        shown = exrun("show", "plan.json", "--format", form)[1]
        assert exrun("report", "plan.json", "-f", form) == (0, shown, "")
    status, out, _ = exrun("report", "plan.json", "--html")
    assert (status, "is not known here" in out, out.count("<script>")) == (0, True, 1)  # ours, at its end
    assert "<script>alert" not in out
    status, out, err = exrun("report", "plan.json", "--html", "-o", "board.html", "--policy", "policy.yml")
    assert (status, out, err) == (0, "", "exrun: wrote board.html\n")
    page = (exrun.folder / "board.html").read_text()
    assert "0 of 1 approval given" in page
    assert "Switch SMB 1 off" in page


def test_a_plan_that_was_edited_is_neither_shown_nor_approved(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = on()
    alpha(exrun)
    path = exrun.folder / "plan.json"
    for edited in (path.read_text().replace("$false", "$true"), path.read_text() + "\n"):
        path.write_text(edited)
        for command in (["show", "plan.json"], ["approve", "plan.json", "--key", "k"]):
            status, _, err = exrun(*command)
            assert (status, "Make the plan again." in err) == (2, True)


needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH's ssh-keygen")


def keygen(*arguments: str, folder: Path, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    assert program is not None
    return subprocess.run([program, *arguments], cwd=folder, input=given, capture_output=True, check=False)


@pytest.fixture
def approver(exrun: CommandLine) -> str:
    """The allowed_signers line of somebody whose key is `key` in the folder."""
    assert keygen("-q", "-t", "ed25519", "-N", "", "-C", "board", "-f", "key", folder=exrun.folder).returncode == 0
    public = (exrun.folder / "key.pub").read_text().split()
    return f"board@alpha.example {public[0]} {public[1]}"


def policy(exrun: CommandLine, line: str, more: str = "") -> None:
    (exrun.folder / "policy.yml").write_text(f"client: alpha\napprovers:\n  - key: {line}\n{more}", encoding="utf-8")


@needs_keygen
def test_an_approval_is_what_openssh_verifies_and_the_policy_counts(exrun: CommandLine, approver: str) -> None:
    policy(exrun, approver)
    exrun.transports["alpha/EX1"] = on()
    status, out, _ = alpha(exrun, "--policy", "policy.yml")
    assert status == 1
    assert "Next: exrun approve plan.json --key ~/.ssh/id_ed25519 --policy policy.yml\n" in out
    assert written(exrun).policy == hashlib.sha256((exrun.folder / "policy.yml").read_bytes()).hexdigest()

    status, out, err = exrun("approve", "plan.json", "--key", "key", "--policy", "policy.yml")
    assert status == 0, err
    assert "    ~ Switch SMB 1 off" in out
    assert "Approvals that count: 1 of 1: board@alpha.example\n" in out
    assert "Not to be run now" not in out

    (exrun.folder / "signers").write_text(f"{approver}\n")
    verify = ("-Y", "verify", "-f", "signers", "-I", "board@alpha.example", "-n", "exrun-plan", "-s", "plan.json.1.sig")
    data = (exrun.folder / "plan.json").read_bytes()
    assert keygen(*verify, folder=exrun.folder, given=data).returncode == 0
    assert keygen(*verify, folder=exrun.folder, given=data + b"\n").returncode != 0


@needs_keygen
def test_a_second_signature_stands_beside_the_first_and_nobody_counts_twice(exrun: CommandLine, approver: str) -> None:
    policy(exrun, approver)
    exrun.transports["alpha/EX1"] = on()
    alpha(exrun, "--policy", "policy.yml")
    exrun("approve", "plan.json", "--key", "key")
    first = (exrun.folder / "plan.json.1.sig").read_bytes()
    _, out, _ = exrun("approve", "plan.json", "--key", "key", "--policy", "policy.yml")
    assert "Approvals that count: 1 of 1" in out
    assert (exrun.folder / "plan.json.1.sig").read_bytes() == first
    assert (exrun.folder / "plan.json.2.sig").is_file()


@needs_keygen
def test_an_approval_that_does_not_count_is_told_with_the_reason(exrun: CommandLine, approver: str) -> None:
    policy(exrun, approver)
    exrun.transports["alpha/EX1"] = on()
    alpha(exrun, "--policy", "policy.yml")
    keygen("-q", "-t", "ed25519", "-N", "", "-f", "other", folder=exrun.folder)
    status, out, _ = exrun("approve", "plan.json", "--key", "other", "--policy", "policy.yml")
    assert status == 0
    assert "Approvals that count: 0 of 1\n" in out
    assert "Not to be run now: 0 of 1 approvals that count; plan.json.1.sig: " in out
    policy(exrun, approver, "approvals: 1\n")
    _, out, _ = exrun("approve", "plan.json", "--key", "key", "--policy", "policy.yml")
    assert "Not to be run now: the policy is another than when the plan was made" in out


@needs_keygen
def test_what_ssh_keygen_signs_by_hand_counts_too(exrun: CommandLine, approver: str) -> None:
    policy(exrun, approver, "approvals: 1\n")
    exrun.transports["alpha/EX1"] = on()
    alpha(exrun, "--policy", "policy.yml")
    assert keygen("-q", "-Y", "sign", "-n", "exrun-plan", "-f", "key", "plan.json", folder=exrun.folder).returncode == 0
    keygen("-q", "-t", "ed25519", "-N", "", "-f", "other", folder=exrun.folder)
    _, out, _ = exrun("approve", "plan.json", "--key", "other", "--policy", "policy.yml")
    assert "Approvals that count: 1 of 1: board@alpha.example\n" in out


@needs_keygen
def test_a_key_that_is_not_there_signs_nothing(exrun: CommandLine) -> None:
    exrun.transports["alpha/EX1"] = on()
    alpha(exrun)
    status, _, err = exrun("approve", "plan.json", "--key", "nokey")
    assert (status, "ssh-keygen did not sign with nokey" in err) == (2, True)
    assert list(exrun.folder.glob("*.sig")) == []


def test_a_plan_without_changes_needs_no_approval(exrun: CommandLine) -> None:
    alpha(exrun)
    status, _, err = exrun("approve", "plan.json", "--key", "key")
    assert (status, "plan.json: changes nothing" in err) == (2, True)


def test_a_limit_over_a_label_that_no_server_has_is_refused_with_its_place_before_anything_is_sent(
    exrun: CommandLine,
) -> None:
    playbook = exrun.folder / "off.yml"
    playbook.write_text(PLAYBOOK.replace("{site: 1}", "{sites: 1, rack: 2}"))
    status, out, err = alpha(exrun)
    assert (status, out) == (2, "")
    assert "off.yml:3:71: strategy.limits.sites: no host of the inventory has this label" in err
    assert "did you mean `site`?" in err
    assert "off.yml:3:81: strategy.limits.rack: no host of the inventory has this label" in err
    assert "its labels are: site" in err
    assert exrun.transports == {}
    assert not (exrun.folder / "plan.json").exists()


def test_a_health_check_stands_in_the_plan_and_on_the_screen(exrun: CommandLine) -> None:
    playbook = exrun.folder / "off.yml"
    playbook.write_text(PLAYBOOK.replace("budget: 5%", "budget: 5%, health: [smb1]"))
    exrun.transports["alpha/EX1"], exrun.transports["alpha/EX2"] = on(), on()
    status, out, _ = alpha(exrun)
    assert status == 1
    assert written(exrun).going.health == ("smb1",)
    assert "waves of 1, 1; 60 s between; after each the changed servers must be well by smb1; at most 1 of one" in out
