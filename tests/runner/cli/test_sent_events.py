"""`--events` on the command line: to whom what is sent, and what is said where it could not be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.journal.verification import read
from tests.runner.cli.conftest import CommandLine
from tests.runner.forwarding.test_sinks import Endpoint

TOKEN = "Bearer not-a-real-token"


def documents(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def lines(exrun: CommandLine, client: str) -> list[str]:
    [journal] = exrun.folder.glob(f".exrun/{client}/runs/*/journal.jsonl")
    return [f"{line.run}/{line.client}/{line.sequence}" for line in read(journal)[0]]


def test_each_client_s_events_go_where_its_name_says_and_nowhere_else(exrun: CommandLine) -> None:
    status, _, err = exrun.audit("--events", "alpha=a.jsonl", "--events", "beta=b.jsonl")
    assert (status, "events of" in err) == (0, False)
    for client, name in {"alpha": "a.jsonl", "beta": "b.jsonl"}.items():
        found = documents(exrun.folder / name)
        assert [each["event"]["id"] for each in found] == lines(exrun, client)
        assert {each["labels"]["client"] for each in found} == {client}
        other = "beta" if client == "alpha" else "alpha"
        assert other not in (exrun.folder / name).read_text(encoding="utf-8")


def test_a_client_that_is_named_nowhere_is_told_and_sent_nowhere(exrun: CommandLine) -> None:
    status, _, err = exrun.audit("--events", "alpha=a.jsonl")
    assert (status, "events of beta are sent nowhere" in err) == (0, True)
    assert {each["labels"]["client"] for each in documents(exrun.folder / "a.jsonl")} == {"alpha"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--events", "a.jsonl"], "has 2 clients"),
        (["--events", "gamma=a.jsonl"], "no client gamma"),
        (["--events", "alpha=none/a.jsonl"], "no folder none"),
        (["--events", "alpha=http://192.0.2.1/"], "read and change"),
        (["--events", "alpha=a.jsonl", "--events-format", "otlp"], "does not go there"),
        (["--events", "alpha=a.jsonl", "--events-format", "xml"], "--events-format"),
        (["--events", "alpha=https://192.0.2.1/", "--events-auth", "alpha=not-a-secret"], "--events-auth"),
        (["--events", "alpha=https://192.0.2.1/", "--events-auth", "alpha=env:NOT_THERE"], "NOT_THERE is not set"),
        (["--events", "alpha=https://192.0.2.1/", "--events-ca", "none.pem"], "no such file"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(exrun: CommandLine, arguments: list[str], why: str) -> None:
    status, out, err = exrun.audit(*arguments)
    assert (status, out) == (2, "")
    assert why in err
    assert "not-a-secret" not in err
    assert exrun.runs == []


def test_the_header_s_value_reaches_the_receiver_and_nothing_that_is_kept(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOC_TOKEN", TOKEN)
    with Endpoint() as endpoint:
        to = f"http://{endpoint.address}/in"
        status, out, err = exrun.audit("client:alpha", "--events", to, "--events-auth", "env:SOC_TOKEN")
    assert status == 0, err
    assert {headers["Authorization"] for _, headers, _ in endpoint.got} == {TOKEN}
    kept = b"".join(path.read_bytes() for path in exrun.folder.rglob("*") if path.is_file())
    assert TOKEN.encode() not in kept
    assert TOKEN not in out + err
    got = [json.loads(line)["event"]["id"] for _, _, body in endpoint.got for line in body.splitlines()]
    assert list(dict.fromkeys(got)) == lines(exrun, "alpha")


def test_a_receiver_that_only_fails_changes_neither_rows_nor_status_and_the_rest_is_sent_later(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOC_TOKEN", TOKEN)
    with Endpoint(*[(500, {}, b"")] * 50) as endpoint:
        to = f"http://{endpoint.address}/in"
        auth = ["--events-auth", "alpha=env:SOC_TOKEN", "--events-auth", "beta=env:SOC_TOKEN"]
        status, out, err = exrun.audit("--events", f"alpha={to}", *auth)
        assert (status, "3 servers" in out) == (0, True)
        count = len(lines(exrun, "alpha"))
        assert f"events of alpha to {to}: {count} events not known to have arrived: 127.0.0.1 answered 500." in err
        again = err.partition("Send them:\n  exrun ")[2].split("\n")[0].split()
        assert again[-2:] == ["--events-auth", "env:SOC_TOKEN"]
        endpoint.answers.clear()
        endpoint.got.clear()
        status, out, err = exrun(*again)
        assert (status, f"{count} events delivered" in out) == (0, True), err
        assert len(b"".join(body for _, _, body in endpoint.got).splitlines()) == count


def test_a_journal_that_does_not_verify_is_sent_as_far_as_it_does(exrun: CommandLine) -> None:
    exrun.audit("client:alpha")
    [journal] = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    whole = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*whole[:3], whole[3].replace(b"ops", b"spo").replace(b"1", b"2"), *whole[4:]]))
    status, out, _ = exrun("journal", "send", "last", "--events", "a.jsonl")
    assert (status, "3 events delivered; the journal does not verify" in out) == (6, True)
    assert len(documents(exrun.folder / "a.jsonl")) == 3


def test_to_send_without_a_destination_says_what_is_missing(exrun: CommandLine) -> None:
    exrun.audit("client:alpha")
    status, _, err = exrun("journal", "send", "last")
    assert (status, "--events is missing" in err) == (2, True)


def test_without_events_nothing_of_it_is_loaded() -> None:
    code = "import sys; from runner.cli import audit_work; sys.exit(any('forwarding' in each for each in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
