"""`--notify`: who is told what of which client, over json:// of apprise to a server on loopback; what is kept out."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner import notifying
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
    assert waits["message"].endswith("Next: exrun approve waits.json --key ~/.ssh/id_ed25519")
    assert waits["type"] == "warning"
    assert made["title"] == "exrun: plan for alpha is made"
    assert made["message"].endswith("Next: exrun apply plan.json")
    assert applied["title"] == "exrun: applying for alpha ended"
    assert applied["message"] == f"1 server: 1 changed.\nNext: exrun show {run}"
    assert undone["title"] == "exrun: undoing for alpha ended"
    assert undone["message"] == f"1 server: 1 rolled-back.\nNext: exrun show {run}"


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
