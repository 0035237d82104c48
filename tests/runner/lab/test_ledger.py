"""The ledger holds every script byte for byte as PowerShell would run it, whatever way it came."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import psrpcore
from hypothesis import given
from hypothesis import strategies as st
from pypsrp.powershell import PowerShell, RunspacePool

from runner.lab.ledger import Ledger, ShellLedger
from runner.lab.server import Lab
from runner.transport.gate import LOCK
from tests.runner.lab.conftest import lab_host
from tests.runner.lab.test_stock_client import client

TIME = datetime(2026, 11, 24, 2, 40, tzinfo=UTC)
# psrpcore writes control characters and U+FFFE and U+FFFF where XML has no place for them (in ToString).
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\r\n\t_x0041'‘"),
    max_size=200,
)


def fragments_of(texts: list[list[str]], size: int) -> list[bytes]:
    """What psrpcore's client sends for a pipeline of statements, each of piped scripts, cut into fragments."""
    pool = psrpcore.ClientRunspacePool()
    pipeline = psrpcore.ClientPowerShell(pool)
    for statement in texts:
        for number, text in enumerate(statement, 1):
            pipeline.add_script(text)
            if number == len(statement):
                pipeline.add_statement()
    pool.open()
    while pool.data_to_send() is not None:
        pass
    pool._state = psrpcore.types.RunspacePoolState.Opened
    pipeline.start()
    return list(iter(lambda: getattr(pool.data_to_send(size), "data", None), None))


STATEMENTS = st.lists(st.lists(TEXT, min_size=1, max_size=2), min_size=1, max_size=4)


@given(STATEMENTS, st.sampled_from([200, 1000, 100_000]))
def test_scripts_are_recorded_as_they_were_written(texts: list[list[str]], size: int) -> None:
    ledger = Ledger(lambda: TIME)
    shell, pipeline = ShellLedger(ledger, "alpha/EX1", uuid.UUID(int=1)), uuid.UUID(int=2)
    first, *rest = fragments_of(texts, size)
    shell.command(pipeline, first)
    for data in rest:
        shell.send(pipeline, data)
    (entry,) = ledger.executed()
    assert entry.unreadable == ""
    numbered = [(number, text) for number, statement in enumerate(texts) for text in statement]
    assert [(one.statement, one.text) for one in entry.statements] == numbered
    assert all(one.script for one in entry.statements)
    assert [one.sha256 for one in entry.statements] == [
        hashlib.sha256(text.encode()).hexdigest() for _, text in numbered
    ]


@given(st.lists(st.lists(st.sampled_from(["collect", "change", LOCK.text]), min_size=1, max_size=4), max_size=4))
def test_what_ran_before_a_session_was_locked_is_told_from_what_ran_after(pipelines: list[list[str]]) -> None:
    file = io.StringIO()
    ledger = Ledger(lambda: TIME, file)
    shell = ShellLedger(ledger, "alpha/EX1", uuid.UUID(int=1))
    for number, texts in enumerate(pipelines):
        shell.command(uuid.UUID(int=number), b"".join(fragments_of([[text] for text in texts], 100_000)))
    said = [text for texts in pipelines for text in texts]
    at = said.index(LOCK.text) if LOCK.text in said else len(said)
    executed = ledger.executed()
    assert [one.text for entry in executed for one in entry.changes] == said[:at]
    assert [one.text for entry in executed for one in entry.collects] == [
        each for each in said[at:] if each != LOCK.text
    ]
    written = [json.loads(line)["locked"] for line in file.getvalue().splitlines()]
    assert written == [False] * at + [True] * (len(said) - at)


@given(st.binary(min_size=1, max_size=100))
def test_what_cannot_be_read_is_recorded_as_such(noise: bytes) -> None:
    ledger = Ledger(lambda: TIME)
    ShellLedger(ledger, "alpha/EX1", uuid.UUID(int=1)).command(uuid.UUID(int=2), noise)
    assert [bool(entry.unreadable) for entry in ledger.executed()] in ([True], [])
    if len(noise) < 21:
        assert ledger.executed()


def test_commands_that_are_no_scripts_are_recorded_with_their_arguments(serve: Callable[..., Lab]) -> None:
    lab = serve(lab_host())
    with client(lab.host("alpha/EX1")) as wsman, RunspacePool(wsman) as pool:
        PowerShell(pool).add_cmdlet("Get-Item").add_parameter("Path", "C:\\x").invoke()
    (statement,) = lab.ledger.scripts("alpha/EX1")
    assert (statement.text, statement.script) == ("Get-Item", False)
    assert "C:\\x" in "".join(statement.arguments)


def test_requests_are_counted_and_each_statement_is_a_line(serve: Callable[..., Lab]) -> None:
    file = io.StringIO()
    lab = serve(lab_host(), lab_host("EX2"), ledger_file=file)
    for name, script in (("EX1", "é 😀 \r\n one"), ("EX2", "x" * 500_000)):
        with client(lab.host(f"alpha/{name}")) as wsman, RunspacePool(wsman) as pool:
            PowerShell(pool).add_script(script).add_statement().add_script("two").invoke()
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [(line["host"], line["text"]) for line in lines] == [
        ("alpha/EX1", "é 😀 \r\n one"),
        ("alpha/EX1", "two"),
        ("alpha/EX2", "x" * 500_000),
        ("alpha/EX2", "two"),
    ]
    counted = lab.ledger.hosts
    assert counted["alpha/EX1"].requests == 8  # challenge, two legs, Create, Receive, Command, Receive, Delete
    assert lab.ledger.requests == sum(host.requests for host in counted.values()) > 16


def test_a_long_fleet_holds_each_text_once() -> None:
    ledger = Ledger(lambda: TIME)
    data = fragments_of([["Get-Date " * 1000]], 100_000)[0]
    for number in itertools.islice(itertools.count(1), 50):
        ShellLedger(ledger, f"alpha/EX{number}", uuid.UUID(int=number)).command(uuid.UUID(int=2), data)
    assert len({id(statement.text) for statement in ledger.scripts()}) == 1
