"""A transport over a host in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from runner.transport.gate import Gate
from runner.transport.http import HttpTransport, contexts
from runner.transport.interface import Deadlines, Limits, Notice, Script, ScriptResult
from runner.transport.retry import RetryBudget, RetryPolicy
from runner.transport.winrm import WinRmTransport
from runner.transport.wire import Cancellation
from tests.runner.transport import host as lab
from tests.runner.transport.peer import Clock, Peer

TOKEN = "0123456789abcdef"


def script(text: str) -> Script:
    return Script(f"step-{text}", text)


@dataclass
class Session:
    """A host, the peer in front of it, and the transport to it."""

    clock: Clock
    host: lab.Host
    peer: Peer
    transport: WinRmTransport
    cancellation: Cancellation
    notices: list[Notice] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def run(self, *texts: str) -> tuple[ScriptResult, ...]:
        return self.transport.run([script(text) for text in texts])


def session(
    account: tuple[str, str],
    scripts: dict[str, lab.Script],
    *,
    also_allowed: Iterable[str] = (),
    limits: Limits | None = None,
    deadlines: Deadlines | None = None,
    policy: RetryPolicy | None = None,
    repeatable: bool = False,
    token: str = TOKEN,
    sealing: bool = True,
    answer: Callable[[bytes], tuple[int, bytes]] | None = None,
) -> Session:
    clock = Clock()
    host = lab.Host(clock, scripts)
    peer = Peer(answer or host.answer, clock, sealing=sealing)
    notices: list[Notice] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds

    http = HttpTransport(
        "http://ex1.example:5985/wsman",
        peer.dial,
        contexts("ntlm", *account, "ex1.example", sealing=sealing),
        sealed=sealing,
        clock=clock,
        connect_seconds=(deadlines or Deadlines()).connect,
    )
    cancellation = Cancellation()
    transport = WinRmTransport(
        http,
        Gate.of([script(text) for text in [*scripts, *also_allowed]], token),
        limits=limits or Limits(),
        deadlines=deadlines or Deadlines(),
        clock=clock,
        cancellation=cancellation,
        budget=RetryBudget(
            policy or RetryPolicy(), clock=clock, sleep=sleep, random=random.Random(7), notify=notices.append
        ),
        repeatable=repeatable,
        notify=notices.append,
    )
    return Session(clock, host, peer, transport, cancellation, notices, slept)
