"""The commands that a page hands out for a server: what comes next, and what shows all that it was asked. Pure.

A command is one that any shell takes as it stands (typed_next.py), or none: a server's name is somebody else's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playbooks.findings import Verdict
from runner.reports.typed_next import PLAIN, USUAL, Begun, doctor, plan, show
from runner.results import HostResult, NotReached, Outcome
from runner.transport.failures import Cause

__all__ = ["MENDED_BY", "Commands", "commands"]

# What a playbook of ours plans to mend, by the finding; every other is mended by people.
MENDED_BY: Mapping[str, str] = {
    "exchange.services.disabled": "exchange-services",
    "exchange.services.stopped": "exchange-services",
    "exchange.services.manual": "exchange-services",
}
ISOLATE = "exchange-isolate"  # what every finding that makes a server compromised asks for first
# No further log-on to a server of which one was refused, or might lock the account.
_NO_LOG_ON = frozenset({Cause.AUTHENTICATION, Cause.LOCKOUT_GUARD})


@dataclass(frozen=True, slots=True)
class Commands:
    """Of one server.

    Attributes:
        show: all that it was asked and answered.
        what: what `then` is for; both empty where no command of exrun is the next step.
    """

    show: str
    what: str = ""
    then: str = ""


def commands(run: str, host: HostResult, begun: Begun = USUAL) -> Commands | None:
    """None where a name is none that any shell takes for one word.

    Args:
        begun: what the audit was begun with.
    """
    if not host.name or not host.client:
        return None
    shown = show(run, begun, client=host.client, host=host.name)
    what, then = _next(host, begun)
    return Commands(shown, what if then else "", then) if shown else None


def _next(host: HostResult, to: Begun) -> tuple[str, str]:
    if not PLAIN.fullmatch(host.name) or not PLAIN.fullmatch(host.client):
        return "", ""
    name = f"{host.client}/{host.name}"
    if isinstance(host, NotReached):
        if host.failure.cause in _NO_LOG_ON or not _asked_for(host):
            return "", ""
        return "Which step of the way there fails", doctor([name], to)
    if host.verdict is Verdict.COMPROMISED:
        return "A plan that cuts it off, to be read and approved", plan(ISOLATE, name, to, out="isolate.json")
    worst = host.because[0].finding if host.because else ""
    if worst in MENDED_BY:
        return "A plan that mends it, to be read and approved", plan(MENDED_BY[worst], name, to, out="mend.json")
    return "", ""


def _asked_for(host: NotReached) -> bool:
    """Whether the way to the server is what failed: not that somebody interrupted, nor a fault of exrun's."""
    return host.outcome is Outcome.UNREACHABLE or host.failure.cause is Cause.CREDENTIAL
