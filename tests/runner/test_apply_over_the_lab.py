"""`exrun apply`, `resume`, `rollback` and `status` over real WinRM: servers come out as planned, and as they were."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inventory.model import Host
from runner import events
from runner.admission import same
from runner.applying import Applying
from runner.cli import working
from runner.cli.progress import PlainProgress
from runner.disk import SystemDisk
from runner.lab.faults import Act, Fault, Step
from runner.lab.state import HostState, RegistryKey
from runner.locks import Owner, take
from runner.opening import World
from runner.plan import file
from runner.plan.file import PlanError
from runner.plan.records import Plan, PlannedHost, Standing
from runner.reports.applied import AppliedDocument
from runner.runs import find_run, read_run
from tests.runner.cli.test_watch_command import Writing, watched
from tests.runner.rehearsal import WRONG, came, rehearsed, server
from tests.runner.test_audit_over_the_lab import PASSWORD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_servers_come_out_as_planned_and_a_rollback_brings_back_what_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = (server("EX1"), server("EX2", services=WRONG[:1]), server("EX3", services=()))
    with rehearsed(folder, monkeypatch, *hosts) as lab:
        before = lab.states()
        status, plan = lab.plan()
        assert status == 1
        assert lab.states() == before
        assert lab.strange(plan) == []

        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {"EX1": "changed", "EX2": "changed", "EX3": "compliant"})
        AppliedDocument.model_validate(document)
        assert {name: lab.changed(name, plan) for name in before} == {
            host.host: [change.apply for _, change in host.changes] for host in plan.hosts
        }
        assert lab.strange(plan) == []
        assert lab.lab.ledger.host("alpha/EX3").connections == 1  # of the plan: there was nothing to be done

        status, again = lab.plan("again.json")
        assert (status, list(again.changes)) == (0, [])

        status, shown = lab.json_of("show", "last-applied")
        assert shown == document
        assert lab.json_of("report", "last-applied") == (0, document)
        status, out, _ = lab("show", lab.applied, "--host", "ex2", "--script")
        assert (status, "EX1" in out, "servers:" in out) == (0, False, False)
        for _, change in plan.hosts[1].changes:
            assert f"made: {change.change.title}; sent 1" in out
            for sha in change.texts:
                assert all(line.rstrip() in out for line in plan.texts[sha].splitlines())
        assert lab("show", lab.applied, "--host", "EX9")[0] == 2
        status, page, _ = lab("report", lab.applied, "--html")
        assert (status, f"of {len(list(plan.changes))} changes made." in page) == (0, True)
        assert plan.hosts[0].changes[0][1].change.title in page

        status, undone = lab.json("rollback", "last")
        assert (status, came(undone)) == (0, {"EX1": "rolled-back", "EX2": "rolled-back", "EX3": "compliant"})
        assert lab.states() == before


def test_a_plan_runs_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan()
        assert lab("apply", "plan.json", "-i", "inventory.yml")[0] == 0
        ran = lab.changed("EX1", plan)
        status, _, err = lab("apply", "plan.json", "-i", "inventory.yml")
        assert status == 4
        assert "the plan was run" in err
        assert lab.changed("EX1", plan) == ran


def test_one_server_of_two_names_is_changed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        inventory, playbook = folder / "inventory.yml", folder / "repair.yml"
        text = inventory.read_text(encoding="utf-8")
        named = text.splitlines()[-1].replace("EX1", "EX1b").replace("127.0.0.1", "localhost")
        inventory.write_text(f"{text}{named}\n", encoding="utf-8")
        playbook.write_text(playbook.read_text(encoding="utf-8").replace("[1, rest]", "[rest]"), encoding="utf-8")
        _, plan = lab.plan()
        [once] = {tuple(change.apply for _, change in host.changes) for host in plan.hosts}
        status, document = lab.json("apply", "plan.json")
        assert sorted(lab.changed("EX1", plan)) == sorted(once)
        outcomes = came(document)
        if set(outcomes.values()) == {"changed", "compliant"}:
            return  # the one was done before the other was looked at
        if set(outcomes.values()) == {"changed", "refused"}:
            return  # or half done: the other drifted
        assert (status, sorted(outcomes.values())) == (3, ["changed", "failed"])
        [refused] = [host for host in document["hosts"] if host["outcome"] == "failed"]
        [changed] = [host for host in document["hosts"] if host["outcome"] == "changed"]
        assert f"this is the server that is changed as {changed['name']}" in refused["why"]


def test_a_run_of_which_lines_may_be_missing_is_not_said_to_be_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan()
        assert lab("apply", "plan.json", "-i", "inventory.yml")[0] == 0
        ran = lab.changed("EX1", plan)
        journal = folder / ".exrun" / "alpha" / "runs" / lab.applied / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        first = next(number for number, line in enumerate(lines) if b'"purpose":"apply"' in line)
        journal.write_bytes(b"".join(lines[: first + 1]))
        journal.with_name("head").unlink()  # what says how many there were
        for command in ("resume", "rollback"):
            status, _, err = lab(command, "last", "-i", "inventory.yml")
            assert (status, "lines are missing" in err) == (2, True), err
        assert lab.changed("EX1", plan) == ran


def test_a_server_that_changed_meanwhile_is_refused_by_name_and_value_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2"), server("EX3")) as lab:
        _, plan = lab.plan()
        lab.alter("EX1", lambda now: with_service(now, "MSExchangeIS", start_mode="Manual"))
        lab.alter("EX2", lambda now: with_service(now, "Spooler", state="Stopped"))  # no service that matters here
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (4, {"EX1": "refused", "EX2": "changed", "EX3": "changed"})
        [row] = [host for host in document["hosts"] if host["name"] == "EX1"]
        assert "was Disabled, is Manual" in row["why"]
        assert lab.changed("EX1", plan) == []


def with_service(now: HostState, name: str, **members: str) -> HostState:
    return now.model_copy(update={"services": {**now.services, name: now.services[name].model_copy(update=members)}})


@pytest.mark.parametrize("services", [WRONG[:1], WRONG])
def test_undoing_looks_before_the_first_change_and_behind_each_and_making_them_looks_twice(
    services: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1", services=services)) as lab:
        _, plan = lab.plan()
        changes = len(plan.hosts[0].changes)

        def looks() -> int:
            executed = lab.lab.ledger.executed("alpha/EX1")
            return sum(each.sha256 == plan.steps[0].collect for done in executed for each in done.statements)

        before = looks()
        assert lab("apply", "plan.json", "-i", "inventory.yml")[0] == 0
        made = looks()
        assert lab("rollback", "last", "-i", "inventory.yml")[0] == 0
        assert (made - before, looks() - made) == (2, changes + 1)


def test_a_server_that_cannot_be_reached_is_tried_again_when_the_run_is_resumed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Fault(Act.REFUSE, Step.AUTHENTICATE, first=1_000_000)
    with rehearsed(folder, monkeypatch, server("EX1", refusing), server("EX2")) as lab:
        _, plan = lab.plan()
        lab.fail("EX1", Fault(Act.RESET, Step.AUTHENTICATE))
        status, document = lab.json("apply", "plan.json", "--connect-timeout", "5")
        assert (status, came(document)) == (3, {"EX1": "unreachable", "EX2": "changed"})
        lab.fail("EX1")
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {"EX1": "changed", "EX2": "changed"})
        assert lab.changed("EX2", plan) == [change.apply for _, change in plan.hosts[1].changes]
        assert lab("resume", "last", "-i", "inventory.yml")[2].endswith("nothing was sent.\n")


def mutations(document: dict[str, Any]) -> list[tuple[str, Any]]:
    """Every scalar of a plan's document by its path, with another value in its place."""
    found: list[tuple[str, Any]] = []

    def walk(node: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(node, dict):
            for name in node:
                walk(node[name], (*path, name))
        elif isinstance(node, list):
            for number, each in enumerate(node):
                walk(each, (*path, number))
        else:
            other = not node if isinstance(node, bool) else node + 1 if isinstance(node, int) else f"{node or ''}x"
            if isinstance(node, str) and len(node) == 64:
                other = node[::-1]
            copy = json.loads(json.dumps(document))
            at = copy
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = other
            found.append(("/".join(map(str, path)), copy))

    walk(document, ())
    return found


def test_a_plan_of_which_any_field_was_altered_is_refused_and_nothing_is_sent(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1", services=WRONG[:1])) as lab:
        lab.plan()
        sent = lab.lab.ledger.host("alpha/EX1").requests
        document = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        altered = mutations(document)
        assert len(altered) > 60
        for path, each in altered:
            text = json.dumps(each, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            (folder / "altered.json").write_text(text, encoding="utf-8")
            status, _, err = lab("apply", "altered.json", "-i", "inventory.yml")
            # 2 where it is no plan at all: a hash that is not its text's, a word that is none.
            refused = ("its file was altered", "so nothing says that it is as it was made")
            expected = {4: refused, 2: ("altered.json: ",)}[status]
            assert any(each in err for each in expected), (path, err)
        assert lab.lab.ledger.host("alpha/EX1").requests == sent
        assert lab("apply", "plan.json", "-i", "inventory.yml")[0] == 0


def test_a_plan_of_another_state_directory_and_without_a_policy_needs_its_digest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan()
        digest = file.digest((folder / "plan.json").read_bytes())
        elsewhere = ("apply", "plan.json", "-i", "inventory.yml", "--state", "elsewhere")
        status, _, err = lab(*elsewhere)
        assert status == 4
        assert f"--digest {digest}" in err
        assert lab(*elsewhere, "--digest", "0" * 64)[0] == 4
        assert lab.changed("EX1", plan) == []
        assert lab(*elsewhere, "--digest", digest)[0] == 0


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("the inventory inventory.yml is not as it was", "inventory.yml"),
        ("the playbook repair.yml is not as it was", "repair.yml"),
    ],
    ids=["inventory", "playbook"],
)
def test_what_the_plan_was_made_from_has_to_be_what_is_there(
    what: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan()
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8") + "# x\n", encoding="utf-8")
        status, _, err = lab("apply", "plan.json", "-i", "inventory.yml")
        assert status == 4
        assert what in err
        assert lab.changed("EX1", plan) == []


def test_an_expired_plan_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan()
        monkeypatch.setattr("runner.cli.apply_work.now", lambda: plan.made + timedelta(hours=72))
        status, _, err = lab("apply", "plan.json", "-i", "inventory.yml")
        assert (status, "has expired" in err) == (4, True)


def test_a_clock_that_is_set_back_opens_no_window_longer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = 0.0
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        _, plan = lab.plan()
        made = working.world_of

        def later(self: PlainProgress, row: object) -> None:
            nonlocal passed
            passed = timedelta(hours=73).total_seconds()

        def world_of(*arguments: Any) -> World:
            world = made(*arguments)
            return replace(world, now=lambda: plan.made, monotonic=lambda: world.monotonic() + passed)

        monkeypatch.setattr(PlainProgress, "ended", later)
        monkeypatch.setattr(working, "world_of", world_of)
        status, document = lab.json("apply", "plan.json", "--run-timeout", "1000000")
        assert (status, came(document)) == (3, {"EX1": "changed", "EX2": "pending"})
        assert "the time in which this plan may be run is over" in document["end"]["message"]


def test_a_spent_budget_ends_the_run_names_what_was_not_touched_and_can_be_gone_on_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [server(f"EX{number}") for number in range(1, 5)]
    with rehearsed(folder, monkeypatch, *hosts, parallel=1, budget="1") as lab:
        lab.plan()
        lab.fail("EX1", Fault(Act.RESET, Step.AUTHENTICATE))
        status, document = lab.json("apply", "plan.json", "--connect-timeout", "5")
        assert status == 5
        assert came(document) == {"EX1": "unreachable", "EX2": "pending", "EX3": "pending", "EX4": "pending"}
        assert document["untouched"] == ["EX1", "EX2", "EX3", "EX4"]
        lab.fail("EX1")
        status, document = lab.json("resume", "last")
        assert (status, set(came(document).values())) == (0, {"changed"})
        journal = next(iter(folder.glob(".exrun/alpha/runs/*/plan.json"))).parent
        assert journal.exists()


def test_the_journal_says_who_took_what_and_every_change_has_its_intent_and_its_settlement(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        _, plan = lab.plan()
        lab("apply", "plan.json", "-i", "inventory.yml")
        recorded = lab.events()
    digest = file.digest((folder / "plan.json").read_bytes())
    kinds = [type(each) for each in recorded]
    taken = recorded[kinds.index(events.PlanTaken)]
    assert isinstance(taken, events.PlanTaken)
    assert (taken.plan, taken.policy, taken.approvals) == (digest, None, ())
    first = next(number for number, kind in enumerate(kinds) if kind is events.HostStarted)
    assert kinds.index(events.PlanTaken) < kinds.index(events.PlanSpent) < first
    assert [each.number for each in recorded if isinstance(each, events.WaveStarted)] == [1, 2]
    assert [each.number for each in recorded if isinstance(each, events.WaveEnded)] == [1, 2]
    intents = [each for each in recorded if isinstance(each, events.ScriptSending) and each.purpose.changes]
    settled = [each for each in recorded if isinstance(each, events.Settled)]
    assert len(intents) == len(settled) == len(list(plan.changes))
    assert all(each.pool for each in intents)


def test_runs_and_status_say_how_far_a_run_is_and_what_comes_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        lab.plan()
        lab.fail("EX2", Fault(Act.RESET, Step.AUTHENTICATE))
        lab("apply", "plan.json", "-i", "inventory.yml", "--connect-timeout", "5")
        _, out, _ = lab("runs", "--format", "json")
        applied, planned = json.loads(out)["runs"]
        assert (planned["doing"], planned["going"]) == ("plan", "ended")
        assert (applied["doing"], applied["going"], applied["wave"], applied["waves"]) == ("apply", "ended", 2, 2)
        assert applied["outcomes"] == {"unreachable": 1, "changed": 1}
        assert applied["next"] == f"exrun resume {applied['run']} -i inventory.yml"
        assert planned["next"] == f"exrun show {planned['run']} --client alpha"
        assert (applied["playbook"], planned["verdicts"]) == ("repair", {"attention": 2})
        assert json.loads(lab("status", "--format", "json")[1])["runs"] == [applied]
        _, text, _ = lab("status", "last")
        assert f"next: exrun resume {applied['run']}" in text
        status, watched, _ = lab("watch")
        assert (status, watched) == (3, text)


def test_who_watches_a_plan_that_runs_sees_its_waves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        lab.plan()
        lab("apply", "plan.json", "-i", "inventory.yml")
        journal = folder / ".exrun" / "alpha" / "runs" / lab.applied / "journal.jsonl"
    run = Writing(journal, journal.read_bytes(), 500)
    journal.write_bytes(b"")
    watched(run)
    assert "2 servers with repair" in run.said[0]
    assert [line for line in run.said if line.startswith("wave")] == ["wave 1 of 2: EX1", "wave 2 of 2: EX2"]


@pytest.mark.parametrize(("command", "early"), [("rollback", True), ("resume", False)])
def test_that_nothing_is_to_be_done_is_not_said_of_a_run_that_is_in_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, early: bool
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan()
        lab.json("apply", "plan.json")
        if early:
            monkeypatch.setattr("runner.cli.apply_work._may_have_changed", lambda state, name: False)
        run, disk = lab.applied, SystemDisk()
        descriptor = disk.open(folder / ".exrun" / "alpha" / "runs" / run / "lock")
        assert disk.lock(descriptor)
        status, _, err = lab(command, run, "-i", "inventory.yml")
        disk.close(descriptor)
        assert (status, f"run {run} is in work in another process" in err) == (4, True), err
        assert lab(command, run, "-i", "inventory.yml")[0] == 0
        assert len(lab.changed("EX1", plan)) == len(list(plan.changes))


# What is for people, or holds a plan by other means: approvals, the token, the order of its servers.
SAID = re.compile(
    r"(id|playbook/source|expires|made|planner|run|token|selection|policy|going/parallel|client"
    r"|hosts/\d+/(roles/\d+|steps/\d+/(verdict|summary|coverage|observed))"
    r"|hosts/\d+/steps/\d+/changes/\d+/change/(id|title|disturbs|(before|after)/.*)"
    r"|hosts/0/steps/0/changes/0/change/values/delayed(_before)?"  # which neither of its scripts has
    r"|hosts/0/steps/0/changes/1/change/values/(start_type|delayed)_before)"
)


def test_whatever_a_plan_sends_or_judges_by_is_compared_with_what_there_is_even_where_somebody_trusts_its_digest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1", services=WRONG[:1])) as lab:
        _, plan = lab.plan()
        present = lab.present(plan)
        assert same(plan, present) == ()
        compared = 0
        for path, each in mutations(json.loads((folder / "plan.json").read_text(encoding="utf-8"))):
            if SAID.fullmatch(path):
                continue
            text = json.dumps(each, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
            try:
                other = file.read(text)
            except PlanError:
                continue
            compared += 1
            assert same(other, present), path
        assert compared >= 15


def applied_altered(alter: Callable[[Plan], Plan], folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Exit status and standard error of applying a plan that was altered by somebody who vouches for its bytes; nothing
    of it may have been changed."""
    with rehearsed(folder, monkeypatch, server("EX1", services=WRONG[:1])) as lab:
        _, plan = lab.plan()
        data = file.write(alter(plan))
        (folder / "altered.json").write_bytes(data)
        status, _, err = lab("apply", "altered.json", "-i", "inventory.yml", "--digest", file.digest(data))
        assert lab.changed("EX1", plan) == []
    return status, err


@pytest.mark.parametrize(
    "alter",
    [
        lambda plan: replace(plan, going=replace(plan.going, budget=None)),
        lambda plan: replace(plan, going=replace(plan.going, waves=("100%",))),
        lambda plan: replace(plan, going=replace(plan.going, pause_seconds=1)),
        lambda plan: replace(plan, going=replace(plan.going, limits={"dag": 9})),
        lambda plan: replace(plan, hosts=tuple(said(host, standing=Standing.COMPLIANT) for host in plan.hosts)),
        lambda plan: replace(plan, hosts=tuple(said(host, standing=Standing.DEFERRED) for host in plan.hosts)),
        lambda plan: replace(plan, hosts=tuple(said(host, hangs_on=("services",)) for host in plan.hosts)),
    ],
)
def test_a_plan_that_contradicts_itself_or_goes_another_way_than_its_playbook_is_refused(
    alter: Callable[[Plan], Plan], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, err = applied_altered(alter, folder, monkeypatch)
    assert (status, "refused. Nothing was sent" in err) == (4, True), err


@pytest.mark.parametrize(
    "alter",
    [
        lambda plan: replace(plan, going=replace(plan.going, parallel=0)),  # nothing would ever be begun
        lambda plan: replace(plan, going=replace(plan.going, parallel=1_000_000)),
        lambda plan: replace(plan, going=replace(plan.going, pause_seconds=10**12)),
        lambda plan: replace(plan, hosts=tuple(replace(host, refused="not planned") for host in plan.hosts)),
    ],
)
def test_what_cannot_be_a_plan_is_none_whoever_vouches_for_its_bytes(
    alter: Callable[[Plan], Plan], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, err = applied_altered(alter, folder, monkeypatch)
    assert (status, "altered.json: " in err, "Make the plan again." in err) == (2, True, True), err


HANGING = """\
name: repair
title: Services as they have to be where Exchange is installed
steps:
  - id: version
    action: exchange.version
  - id: services
    action: exchange.services
    when: version.installed
"""


def test_a_plan_that_leaves_out_what_a_step_hangs_on_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(folder, monkeypatch, server("EX1", services=WRONG[:1])) as lab:
        (folder / "repair.yml").write_text(HANGING, encoding="utf-8")
        _, plan = lab.plan()
        assert [step.hangs_on for host in plan.hosts for step in host.steps] == [(), ("version",)]
        assert same(plan, lab.present(plan)) == ()
        altered = replace(plan, hosts=tuple(said(host, hangs_on=()) for host in plan.hosts))
        (refused,) = same(altered, lab.present(plan))
        assert refused.what == "EX1: step services does not hang on version, which its `when` names"


def said(host: PlannedHost, **members: Any) -> PlannedHost:
    return replace(host, steps=tuple(replace(step, **members) for step in host.steps))


POLICY = """\
client: alpha
approvers:
  - key: {key}
{more}"""


def approver(folder: Path) -> str:
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "board", "-f", str(folder / "board")]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    return "board@alpha.example " + " ".join((folder / "board.pub").read_text(encoding="utf-8").split()[:2])


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_under_a_policy_a_plan_runs_with_its_approvals_in_its_window_under_that_policy_and_not_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = approver(folder)
    window = 'windows:\n  - {days: [mon], from: "02:00", to: "02:01", zone: Europe/Berlin}\n'
    (folder / "policy.yml").write_text(POLICY.format(key=key, more=""), encoding="utf-8")
    (folder / "closed.yml").write_text(POLICY.format(key=key, more=window), encoding="utf-8")
    apply = ("apply", "plan.json", "-i", "inventory.yml")
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan("plan.json", "--policy", "policy.yml")
        for arguments, why in (
            (("--policy", "policy.yml"), "0 of 1 approvals that count"),
            ((), "the policy under which the plan was made is not there"),
            (("--policy", "closed.yml"), "the policy is another than when the plan was made"),
        ):
            status, _, err = lab(*apply, *arguments)
            assert (status, why in err) == (4, True), err
        assert lab("approve", "plan.json", "--key", "board")[0] == 0
        _, late = lab.plan("late.json", "--policy", "closed.yml")
        assert lab("approve", "late.json", "--key", "board")[0] == 0
        monkeypatch.setattr("runner.cli.apply_work.now", lambda: monday(late.made).replace(hour=3))
        status, _, err = lab("apply", "late.json", "-i", "inventory.yml", "--policy", "closed.yml")
        assert (status, "Run it from" in err) == (4, True), err
        monkeypatch.undo()
        assert lab.changed("EX1", plan) == []
        monkeypatch.chdir(folder)
        monkeypatch.setenv("LAB_0", PASSWORD)
        status, document = lab.json(*apply[:2], "--policy", "policy.yml")
        assert (status, came(document)) == (0, {"EX1": "changed"})
        taken = next(each for each in lab.events() if isinstance(each, events.PlanTaken))
        assert [each.by for each in taken.approvals] == ["board@alpha.example"]
        assert taken.until == plan.made + timedelta(hours=72)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_a_plan_that_a_policy_lets_go_without_a_signature_is_the_one_that_was_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "without_approval: [exchange.services]\n"
    (folder / "policy.yml").write_text(POLICY.format(key=approver(folder), more=more), encoding="utf-8")
    apply = ("-i", "inventory.yml", "--policy", "policy.yml")
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        _, plan = lab.plan("plan.json", "--policy", "policy.yml")
        document = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        altered = {**document, "token": "0" * 32, "planner": "anna@ws1", "hosts": document["hosts"][:1]}
        text = json.dumps(altered, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        (folder / "altered.json").write_text(text, encoding="utf-8")
        status, _, err = lab("apply", "altered.json", *apply)
        assert (status, "its file was altered" in err) == (4, True), err
        assert lab.changed("EX1", plan) == []
        assert lab("approve", "altered.json", "--key", "board")[0] == 0
        assert lab("apply", "altered.json", *apply)[0] == 0  # somebody has signed each of its bytes
        assert lab("apply", "plan.json", *apply)[0] == 0


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_a_session_that_goes_on_leaves_the_signatures_beside_the_journal_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "policy.yml").write_text(POLICY.format(key=approver(folder), more=""), encoding="utf-8")
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        lab.plan("plan.json", "--policy", "policy.yml")
        assert lab("approve", "plan.json", "--key", "board")[0] == 0
        for number in range(2, 13):  # in the order of their names the tenth comes before the second
            (folder / f"plan.json.{number}.sig").write_text(f"no signature {number}", encoding="utf-8")
        lab.fail("EX2", Fault(Act.REFUSE, Step.CONNECT))
        assert lab.json("apply", "plan.json", "--policy", "policy.yml")[0] == 3
        kept = folder / ".exrun" / "alpha" / "runs" / lab.applied
        before = {path.name: path.read_bytes() for path in kept.glob("plan.json*")}
        lab.fail("EX2")
        assert lab.json("resume", "last", "--policy", "policy.yml")[0] == 0
        assert {path.name: path.read_bytes() for path in kept.glob("plan.json*")} == before
        assert len(before) == 13


def monday(day: datetime) -> datetime:
    """The next Monday, within the time of a plan that was made on this day or not."""
    return day + timedelta(days=(7 - day.weekday()) % 7)


def test_a_server_that_another_run_holds_is_not_touched_and_is_taken_over_by_name_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    owner = Owner("2026-11-24t150212z-7f3a", "anna@ws1", platform.node() or "unknown", 1, now, now)
    apply = ("apply", "plan.json", "-i", "inventory.yml")
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        _, plan = lab.plan()
        held = take(folder / ".exrun", "alpha", owner, ["EX2"], SystemDisk(), wait=lambda seconds: None)
        status, _, err = lab(*apply)
        assert (status, "EX2 is held by run 2026-11-24t150212z-7f3a of anna@ws1" in err) == (4, True), err
        assert lab(*apply, "--take-over", "EX2")[0] == 4  # its process lives
        assert held._descriptor is not None
        os.close(held._descriptor)  # as when its process is killed
        assert lab(*apply)[0] == 4
        assert lab.changed("EX1", plan) == []
        assert lab(*apply, "--take-over", "EX2")[0] == 0
        [taken] = [each for each in lab.events() if isinstance(each, events.TakenOver)]
        assert (taken.host, taken.owner, taken.actor) == ("EX2", owner.run, owner.actor)


def test_ctrl_c_once_finishes_the_servers_in_work_and_begins_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [server(f"EX{number}") for number in range(1, 5)]
    with rehearsed(folder, monkeypatch, *hosts, parallel=1) as lab:
        _, plan = lab.plan()

        once = iter([signal.SIGINT])  # a second one would let go of them

        def interrupt(self: PlainProgress, host: Host, what: str) -> None:
            if host.name == "EX2" and what == "apply services":
                for number in once:
                    signal.raise_signal(number)

        monkeypatch.setattr(PlainProgress, "doing", interrupt)
        status, document = lab.json("apply", "plan.json")
        assert status == 130
        assert came(document) == {"EX1": "changed", "EX2": "changed", "EX3": "pending", "EX4": "pending"}
        monkeypatch.setattr(PlainProgress, "doing", lambda self, host, what: None)
        status, document = lab.json("resume", "last")
        assert (status, set(came(document).values())) == (0, {"changed"})
        for host in plan.hosts:
            assert lab.changed(host.host, plan) == [change.apply for _, change in host.changes]


HEALTHY = """\
name: repair
title: Services as they have to be, on servers that are well
strategy: {waves: [1, rest], parallel: 4, health: [reboot]}
steps:
  - id: services
    action: exchange.services
  - id: reboot
    action: windows.pending_reboot
"""
PENDING = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired"


def test_a_server_that_is_not_well_behind_its_wave_ends_the_run_until_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2"), server("EX3")) as lab:
        (folder / "repair.yml").write_text(HEALTHY, encoding="utf-8")
        lab.plan()
        well = lab.lab.host("alpha/EX1").service.live.now
        lab.alter("EX1", lambda now: now.model_copy(update={"registry": {**now.registry, PENDING: RegistryKey()}}))
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (5, {"EX1": "changed", "EX2": "pending", "EX3": "pending"})
        assert "EX1 (reboot is attention)" in document["end"]["message"]
        assert lab.lab.ledger.host("alpha/EX2").connections == 1, "of the plan"
        asked = [each for each in lab.events() if isinstance(each, events.HealthAnswered)]
        assert [(each.host, each.well) for each in asked] == [("EX1", False)]

        status, out, err = lab("resume", "last", "-i", "inventory.yml")
        assert status == 5
        assert "EX1 did not pass the health check: reboot is attention" in err
        assert "EX2" in out

        lab.alter("EX1", lambda now: now.model_copy(update={"registry": well.registry}))
        status, document = lab.json("resume", "last")
        assert (status, set(came(document).values())) == (0, {"changed"})
        asked = [each for each in lab.events() if isinstance(each, events.HealthAnswered)]
        assert [(each.host, each.well) for each in asked] == [("EX1", False), ("EX1", False), ("EX1", True)]
        assert lab.json("rollback", "last")[0] == 0


def test_a_session_that_read_the_journal_before_another_one_wrote_to_it_sends_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1")) as lab:
        _, plan = lab.plan()
        lab.fail("EX1", Fault(Act.RESET, Step.AUTHENTICATE))
        assert lab("apply", "plan.json", "-i", "inventory.yml", "--connect-timeout", "5")[0] == 3
        run = find_run(folder / ".exrun", lab.applied)
        stale = run, read_run(run)
        lab.fail("EX1")
        assert lab("resume", "last", "-i", "inventory.yml")[0] == 0
        ran = lab.changed("EX1", plan)
        monkeypatch.setattr("runner.cli.apply_work._last_that_changed", lambda state: stale)
        status, _, err = lab("resume", "last", "-i", "inventory.yml")
        assert (status, "another session has written to this journal since it was read" in err) == (2, True), err
        assert lab.changed("EX1", plan) == ran


def test_that_one_server_was_undone_lets_no_other_be_changed_without_approval_or_after_the_plan_has_expired(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        _, plan = lab.plan()
        lab.fail("EX2", Fault(Act.RESET, Step.AUTHENTICATE))
        assert lab("apply", "plan.json", "-i", "inventory.yml", "--connect-timeout", "5")[0] == 3
        assert lab("rollback", "last", "EX1", "-i", "inventory.yml")[0] == 3  # EX2 is what it was
        lab.fail("EX2")
        with monkeypatch.context() as later:
            later.setattr("runner.cli.apply_work.now", lambda: plan.made + timedelta(hours=72))
            status, _, err = lab("resume", "last", "-i", "inventory.yml")
        assert (status, "has expired" in err) == (4, True), err
        assert lab.changed("EX2", plan) == []
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {"EX1": "rolled-back", "EX2": "changed"})


def test_a_rollback_that_was_broken_off_goes_on_after_the_plan_has_expired(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(folder, monkeypatch, server("EX1"), server("EX2")) as lab:
        before = lab.states()
        _, plan = lab.plan()
        assert lab("apply", "plan.json", "-i", "inventory.yml")[0] == 0
        lab.fail("EX2", Fault(Act.RESET, Step.AUTHENTICATE))
        status, document = lab.json("rollback", "last", "--connect-timeout", "5")
        assert (status, came(document)) == (3, {"EX1": "rolled-back", "EX2": "failed"})
        assert {host["name"]: "exrun resume" in host["next"] for host in document["hosts"]} == {
            "EX1": False,
            "EX2": True,
        }
        lab.fail("EX2")
        monkeypatch.setattr("runner.cli.apply_work.now", lambda: plan.made + timedelta(hours=72))
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {"EX1": "rolled-back", "EX2": "rolled-back"})
        assert lab.states() == before


def test_a_server_whose_time_is_over_is_not_waited_for_because_an_interruption_was_announced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []

    def wait(self: Applying) -> None:
        waited.append(self.host.name)
        assert len(waited) < 3, "it is waited for again and again"

    with rehearsed(folder, monkeypatch, server("EX1", services=("MSExchangeIS",))) as lab:
        _, plan = lab.plan()
        lab.alter("EX1", lambda now: with_service(now, "MSExchangeIS", on_start="hangs"))
        monkeypatch.setattr(Applying, "_wait", wait)
        status, document = lab.json("apply", "plan.json", "--timeout", "3")
        assert (status, came(document), waited) == (3, {"EX1": "unknown"}, [])
        assert len(lab.changed("EX1", plan)) == 2
