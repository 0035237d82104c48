"""`--notify`: who is told what of which client, over json:// of apprise to a server on loopback; what is kept out."""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner import notifying
from runner.disk import SystemDisk
from runner.locks import Owner, take
from runner.notifying import Mood, Note, Way, untold
from runner.secrets.interface import Secret
from tests.runner.cli.conftest import CommandLine
from tests.runner.cli.test_audit_command import Interrupting
from tests.runner.forwarding.test_sinks import Endpoint
from tests.runner.rehearsal import rehearsed, server
from tests.waiting import HANG_SECONDS

TOKEN = "not-a-real-token-in-an-address"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as served:
        yield served


def address(endpoint: Endpoint) -> str:
    return f"json://ops:{TOKEN}@{endpoint.address}/hook"


def told(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in endpoint.got]


def test_each_client_s_people_are_told_of_that_client_alone(
    exrun: CommandLine, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", address(endpoint))
    with Endpoint() as other:
        status, out, err = exrun.audit("--notify", "alpha=env:HOOK", "--notify", f"beta=json://{other.address}/hook")
        [beta] = told(other)
    assert (status, "notification" in err) == (0, False)
    [alpha] = told(endpoint)
    [run] = exrun.runs
    assert alpha["title"] == "exrun: audit of alpha: ok"
    assert alpha["message"] == f"2 servers: 2 ok.\nNext: exrun show {run} --client alpha"
    assert alpha["type"] == "success"
    assert beta["message"] == f"1 server: 1 ok.\nNext: exrun show {run} --client beta"
    kept = b"".join(path.read_bytes() for path in exrun.folder.rglob("*") if path.is_file())
    assert TOKEN.encode() not in kept
    assert TOKEN not in out + err


def test_a_run_that_is_stopped_is_told_with_why(exrun: CommandLine, endpoint: Endpoint) -> None:
    exrun.transports["alpha/EX2"] = Interrupting()
    status, _, _ = exrun.audit("client:alpha", "--parallel", "1", "--notify", address(endpoint))
    assert status == 130
    [note] = told(endpoint)
    assert "Stopped: the run was interrupted" in note["message"]
    assert note["type"] == "failure"


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_who_is_not_told_changes_no_status_and_no_address_is_shown(
    exrun: CommandLine, endpoint: Endpoint, answer: int
) -> None:
    endpoint.answers = [(answer, {}, f"no {TOKEN}".encode())] * 9
    status, out, err = exrun.audit("client:alpha", "--notify", address(endpoint))
    assert (status, "2 servers" in out) == (0, True)
    assert "notification of alpha by JSON (--notify, number 1) is not known to have arrived" in err
    assert "what it said: 2 servers: 2 ok." in err
    assert TOKEN not in out + err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--notify", f"nosuch://{TOKEN}"], "has 2 clients"),
        (["--notify", f"alpha=nosuch://{TOKEN}"], "number 1: apprise knows no such address"),
        (["--notify", f"alpha=jsons://{TOKEN}/?verify=no"], "not to verify the certificate"),
        (["--notify", "alpha=env:NOT_THERE"], "NOT_THERE is not set"),
        (["--notify", f"alpha=env:{TOKEN} x"], "not how a reference is written"),
        (["--notify", f"gamma=json://{TOKEN}"], "no client gamma"),
    ],
)
def test_what_is_no_address_is_said_before_anything_is_sent_and_not_repeated(
    exrun: CommandLine, arguments: list[str], why: str
) -> None:
    status, out, err = exrun.audit(*arguments)
    assert (status, out) == (2, "")
    assert why in err
    assert TOKEN not in err
    assert exrun.runs == []


def test_without_apprise_the_command_that_installs_it_is_said(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    status, _, err = exrun.audit("client:alpha", "--notify", "json://127.0.0.1:9")
    assert (status, "pip install 'exrun[notify]'" in err) == (2, True)


def test_a_plan_says_that_it_waits_for_approval_and_its_run_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), server("EX2", services=())) as lab:
        (tmp_path / "policy.yml").write_text(
            "client: alpha\napprovers:\n  - key: board@alpha.example ssh-ed25519 "
            "AAAAC3NzaC1lZDI1NTE5AAAAIP6ydsjQVMnI21oVHSmMUm0YZ8RhrdUF8YwKJg3cVdKN\n"
        )
        lab.plan("waits.json", "--policy", "policy.yml", "--notify", address(endpoint))
        _, plan = lab.plan("plan.json", "--notify", address(endpoint))
        changes = len(list(plan.changes))
        assert lab("apply", "plan.json", "-i", "inventory.yml", "--notify", address(endpoint))[0] == 0
        assert lab("rollback", lab.applied, "-i", "inventory.yml", "--notify", address(endpoint))[0] == 0
        waits, made, applied, undone = told(endpoint)
        run = lab.applied
    assert waits["title"] == "exrun: plan for alpha waits for approval"
    assert f"{changes} changes on 1 server" in waits["message"]
    assert waits["message"].endswith("Next: exrun approve waits.json --key ~/.ssh/id_ed25519 --policy policy.yml")
    assert waits["type"] == "warning"
    assert made["title"] == "exrun: plan for alpha is made"
    assert made["message"].endswith("Next: exrun apply plan.json")
    assert applied["title"] == "exrun: applying for alpha ended"
    assert applied["message"] == f"1 server: 1 changed.\nNext: exrun show {run}"
    assert undone["title"] == "exrun: undoing for alpha ended"
    assert undone["message"] == f"1 server: 1 rolled-back.\nNext: exrun show {run}"


def test_a_command_that_is_refused_is_told_to_who_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), server("EX2", services=())) as lab:
        to = ("-i", "inventory.yml", "--notify", address(endpoint))
        lab.plan("plan.json")
        assert lab("apply", "plan.json", *to, "--digest", "0" * 64)[0] == 4
        assert lab("apply", "plan.json", *to)[0] == 0
        assert lab("apply", "plan.json", *to)[0] == 4
        assert lab("rollback", lab.applied, "EX2", *to)[0] == 0
        assert lab("apply", "no-plan.json", *to)[0] == 2
        assert lab("resume", "2020-01-01t000000z-0000", *to)[0] == 2
        (tmp_path / "wrong.yml").write_text("client: [\n")
        assert lab("apply", "plan.json", "-i", "wrong.yml", "--notify", address(endpoint))[0] == 2
    other, applied, again, nothing, unread, unknown, wrong = told(endpoint)
    assert (other["title"], other["type"]) == ("exrun: applying for alpha refused", "failure")
    assert "not 000000" in other["message"]
    assert other["message"].endswith("refused. Nothing was sent.")
    assert applied["title"] == "exrun: applying for alpha ended"
    assert again["title"] == "exrun: applying for alpha refused"
    assert "the plan was run, as run " in again["message"]
    assert (nothing["title"], nothing["type"]) == ("exrun: undoing for alpha ended", "info")
    assert nothing["message"] == "Nothing was changed there by this run: nothing was sent."
    for each in (unread, unknown):
        assert (each["title"], each["message"]) == ("exrun: applying stopped", "Why is said where it was run.")
    assert (wrong["title"], wrong["message"]) == ("exrun: applying for alpha stopped", "Why is said where it was run.")


@pytest.mark.parametrize("lives", [True, False])
def test_a_run_that_another_one_keeps_from_its_servers_is_told_with_who_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, lives: bool
) -> None:
    now = datetime.now(UTC)
    with rehearsed(tmp_path, monkeypatch, server("EX1"), server("EX2", services=())) as lab:
        _, plan = lab.plan("plan.json")
        owner = Owner("2026-11-29t0240-beef", "ops@jump2", platform.node(), 4242, now, now)
        due = [host.host for host in plan.due]
        held = take(tmp_path / ".exrun", "alpha", owner, due, SystemDisk(), wait=lambda _: None)
        if not lives:
            os.close(held._descriptor or -1)  # as the system does when a process dies: the servers stay held
            held._descriptor = None
        status, _, err = lab("apply", "plan.json", "-i", "inventory.yml", "--notify", address(endpoint))
        held.release(lambda _: None)
        assert (status, "is held by run 2026-11-29t0240-beef" in err) == (4, True)
    [note] = told(endpoint)
    assert (note["title"], note["type"]) == ("exrun: applying for alpha refused", "failure")
    assert "is held by run 2026-11-29t0240-beef of ops@jump2" in note["message"]
    assert ("Wait for that run to end" if lives else "Resume that run") in note["message"]


def test_a_plan_without_its_approvals_is_told_with_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1")) as lab:
        (tmp_path / "policy.yml").write_text(
            "client: alpha\napprovers:\n  - key: board@alpha.example ssh-ed25519 "
            "AAAAC3NzaC1lZDI1NTE5AAAAIP6ydsjQVMnI21oVHSmMUm0YZ8RhrdUF8YwKJg3cVdKN\n"
        )
        lab.plan("plan.json", "--policy", "policy.yml")
        words = ["apply", "plan.json", "-i", "inventory.yml", "--policy", "policy.yml", "--notify", address(endpoint)]
        assert lab(*words)[0] == 4
    [note] = told(endpoint)
    assert note["title"] == "exrun: applying for alpha refused"
    assert "approv" in note["message"]


def test_of_several_clients_none_is_told_what_went_wrong_with_another(exrun: CommandLine, endpoint: Endpoint) -> None:
    with Endpoint() as other:
        status, _, _ = exrun.audit(
            *("--notify", f"alpha={address(endpoint)}", "--notify", f"beta=json://{other.address}/"),
            *("--events", "alpha=/nowhere/events.jsonl"),
        )
        [beta] = told(other)
    [alpha] = told(endpoint)
    assert status == 2
    assert alpha["title"] == "exrun: audit for alpha stopped"
    assert beta["title"] == "exrun: audit for beta stopped"
    assert alpha["message"] == beta["message"] == "Why is said where it was run."


@pytest.mark.parametrize("watched", [False, True])
def test_a_command_that_is_written_wrongly_is_told_where_nobody_sits_before_it(
    exrun: CommandLine, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    monkeypatch.setattr("runner.cli.notices.is_watched", lambda: watched)
    status, _, _ = exrun.audit("--expect", "12", "--notify", f"alpha={address(endpoint)}")
    assert status == 2
    assert [note["title"] for note in told(endpoint)] == ([] if watched else ["exrun: audit stopped"])


def test_a_way_that_hangs_is_left_and_keeps_nobody_from_being_told(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, well = threading.Event(), Way(Secret(address(endpoint)), 1)
    hanging = Way(Secret("json://127.0.0.1:9/"), 2)
    tell = Way.tell

    def hangs(way: Way, note: Note) -> bool:
        return held.wait(HANG_SECONDS) if way is hanging else tell(way, note)

    monkeypatch.setattr(notifying.Way, "tell", hangs)
    note = Note("alpha", "title", "text", Mood.INFO)
    try:
        assert [way for way, _ in untold([(well, note)], HANG_SECONDS)] == []
        assert untold([(hanging, note)], 0.0) == [(hanging, note)]
    finally:
        held.set()
    assert [each["title"] for each in told(endpoint)] == ["title"]
