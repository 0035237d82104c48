"""A transport over a host in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from runner.transport.gate import Gate
from runner.transport.http import HttpTransport, contexts
from runner.transport.interface import ChangeResult, Deadlines, Limits, Notice, Repeated, Script, ScriptResult
from runner.transport.memory import MemoryBudget
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
    """A host, the peer in front of it, and the transport to it.

    Attributes:
        told: each notice of a repetition, with what the host had run by then.
    """

    clock: Clock
    host: lab.Host
    peer: Peer
    transport: WinRmTransport
    cancellation: Cancellation
    notices: list[Notice] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    told: list[tuple[Repeated, tuple[str, ...]]] = field(default_factory=list)

    def run(self, *texts: str) -> tuple[ScriptResult, ...]:
        return self.transport.observe([script(text) for text in texts])

    def change(self, text: str) -> ChangeResult:
        return self.transport.change(script(text))

    def check_repetitions(self) -> None:
        """Every script ran once, or twice and the second time only after its notice."""
        for text in set(self.host.ran):
            runs = self.host.ran.count(text)
            assert runs <= 2, f"{text} ran {runs} times"
            assert runs < 2 or any(script(text) in said.scripts and ran.count(text) == 1 for said, ran in self.told)


def session(
    account: tuple[str, str],
    scripts: dict[str, lab.Script],
    *,
    also_allowed: Iterable[str] = (),
    limits: Limits | None = None,
    deadlines: Deadlines | None = None,
    policy: RetryPolicy | None = None,
    token: str = TOKEN,
    sealing: bool = True,
    memory: MemoryBudget | None = None,
    answer: Callable[[bytes], tuple[int, bytes]] | None = None,
    full: Iterable[str] = (),
    modules: tuple[str, ...] = (),
) -> Session:
    clock = Clock()
    host = lab.Host(clock, scripts)
    peer = Peer(answer or host.answer, clock, sealing=sealing)
    notices: list[Notice] = []
    told: list[tuple[Repeated, tuple[str, ...]]] = []

    def notify(notice: Notice) -> None:
        notices.append(notice)
        if isinstance(notice, Repeated):
            told.append((notice, tuple(host.ran)))

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds

    cancellation = Cancellation()
    share = (memory or MemoryBudget()).share(clock, cancellation.check)
    http = HttpTransport(
        "http://ex1.example:5985/wsman",
        peer.dial,
        contexts("ntlm", *account, "ex1.example", sealing=sealing),
        sealed=sealing,
        clock=clock,
        connect_seconds=(deadlines or Deadlines()).connect,
        share=share,
    )
    named = [replace(script(text), full=text in full, modules=modules) for text in [*scripts, *also_allowed]]
    transport = WinRmTransport(
        http,
        Gate.of(named, token),
        limits=limits or Limits(),
        deadlines=deadlines or Deadlines(),
        clock=clock,
        cancellation=cancellation,
        budget=RetryBudget(
            policy or RetryPolicy(), clock=clock, sleep=sleep, random=random.Random(7), notify=notices.append
        ),
        share=share,
        notify=notify,
    )
    return Session(clock, host, peer, transport, cancellation, notices, slept, told)
