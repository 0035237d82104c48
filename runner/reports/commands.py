"""The commands that a page hands out for a server: what comes next, and what shows all that it was asked. Pure.

A command is one that any shell takes as it stands, or none: a server's name is somebody else's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from playbooks.findings import Verdict
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
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
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


def commands(run: str, host: HostResult) -> Commands | None:
    """None where a name is none that any shell takes for one word."""
    if not all(map(_SAFE.fullmatch, (run, host.name, host.client))):
        return None
    show = f"exrun show {run} --client {host.client} --host {host.name}"
    return Commands(show, *_next(host))


def _next(host: HostResult) -> tuple[str, str]:
    name = f"{host.client}/{host.name}"
    if isinstance(host, NotReached):
        if host.failure.cause in _NO_LOG_ON or not _asked_for(host):
            return "", ""
        return "Which step of the way there fails", f"exrun doctor {name}"
    if host.verdict is Verdict.COMPROMISED:
        return "A plan that cuts it off, to be read and approved", f"exrun plan {ISOLATE} {name} -o isolate.json"
    worst = host.because[0].finding if host.because else ""
    if worst in MENDED_BY:
        return "A plan that mends it, to be read and approved", f"exrun plan {MENDED_BY[worst]} {name} -o mend.json"
    return "", ""


def _asked_for(host: NotReached) -> bool:
    """Whether the way to the server is what failed: not that somebody interrupted, nor a fault of exrun's."""
    return host.outcome is Outcome.UNREACHABLE or host.failure.cause is Cause.CREDENTIAL
