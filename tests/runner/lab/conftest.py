"""A lab in a thread, with the echo engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TextIO

import pytest

from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import Lab, start
from runner.lab.state import HostState
from tests.runner.lab.echo import EchoEngine

ACCOUNT = Account("LAB\\auditor", "not-a-secret")


def lab_host(name: str = "EX1", **settings: Any) -> LabHost:
    """A host of client alpha on 127.0.0.1, at a port that the system chooses."""
    usual: dict[str, Any] = {"engine": "echo", "account": ACCOUNT, "state": HostState(name=name)}
    return LabHost(client="alpha", name=name, **(usual | settings))


@pytest.fixture
def serve() -> Iterator[Callable[..., Lab]]:
    """Serves hosts until the test ends: `serve(lab_host(), engine=EchoEngine())`."""
    with ExitStack() as stack:

        def begin(*hosts: LabHost, engine: EchoEngine | None = None, ledger_file: TextIO | None = None) -> Lab:
            engines = {"echo": engine or EchoEngine()}
            return stack.enter_context(start(Fleet(hosts), engines, ledger_file=ledger_file))

        yield begin
