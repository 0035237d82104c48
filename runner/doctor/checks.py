"""What is checked of a server before a run, in the order in which one needs the other, and what each came to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """One step on the way to a server; the order is that of a connection."""

    SECRET = "secret"  # noqa: S105  # no password
    NAME = "name"
    PORT = "port"
    TLS = "tls"
    OFFER = "offer"
    LOG_ON = "log-on"
    ENCRYPTION = "encryption"
    QUOTAS = "quotas"
    SESSION = "session"
    LANGUAGE = "language"
    POWERSHELL = "powershell"
    RIGHTS = "rights"
    CLOCK = "clock"
    TIME = "time"


class Standing(StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    SKIPPED = "skipped"  # one that it needs failed, or it does not concern this server
    UNKNOWN = "unknown"  # it was tried, and what came tells neither


@dataclass(frozen=True, slots=True)
class Checked:
    """One check of one server.

    Attributes:
        said: what was found, in one sentence; may quote the server and is tainted.
        cause: of those of the transport (runner/transport/failures.py), or a word of the check; empty where it passes.
        next: what to do now; empty where nothing is to be done.
    """

    check: Check
    standing: Standing
    said: str
    cause: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks of one server, in their order.

    Attributes:
        address: as the inventory has it: where the checks were made.
        requests: HTTP requests sent.
        seconds: on the controller's monotonic clock.
    """

    name: str
    client: str
    address: str
    checks: tuple[Checked, ...]
    requests: int
    seconds: float

    @property
    def failed(self) -> tuple[Checked, ...]:
        """Those that failed, and those that tell neither."""
        return tuple(each for each in self.checks if each.standing in (Standing.FAIL, Standing.UNKNOWN))

    @property
    def passes(self) -> bool:
        """Whether a run would get to this server, as far as was looked: every check that concerns it passes."""
        return not self.failed


@dataclass(frozen=True, slots=True)
class Diagnoses:
    """What `exrun doctor` found. `hosts` stand in the order of the inventory.

    Attributes:
        why: why it did not come to its end; empty where it did.
        next: what to do about that.
    """

    run: str
    hosts: tuple[Diagnosis, ...]
    why: str = ""
    next: str = ""


def complete(found: Mapping[Check, Checked], why: str, then: str) -> tuple[Checked, ...]:
    """Every check in its order: those that were made, and of the others why they were not.

    Args:
        why: why the examination ended early where none that was made failed.
        then: what to do about that.
    """
    failed = next((each for each in Check if each in found and found[each].standing is Standing.FAIL), None)
    said: list[Checked] = []
    for check in Check:
        if check in found:
            said.append(found[check])
        elif failed is not None:
            said.append(Checked(check, Standing.SKIPPED, f"not tried, for {failed} failed"))
        else:
            said.append(Checked(check, Standing.UNKNOWN, why, "not-examined", then))
    return tuple(said)
