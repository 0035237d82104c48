"""Why a host could not be reached or worked with: one tree of causes that a person can act on.

    TransportError
    └── carries a Failure
        Failure(cause: Cause, message, next, retryable)

The causes are a closed set (`Cause`); reports, doctor and the JSON output use their values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What went wrong between the controller and the host."""

    NAME_RESOLUTION = "name-resolution"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection-lost"
    TLS = "tls"
    AUTHENTICATION = "authentication"
    CLOCK_SKEW = "clock-skew"
    ACCESS_DENIED = "access-denied"
    NOT_ENCRYPTED = "not-encrypted"
    QUOTA = "quota"
    ENVELOPE_SIZE = "envelope-size"
    ENDPOINT_MISSING = "endpoint-missing"
    LANGUAGE_MODE = "language-mode"
    PROTOCOL = "protocol"
    CREDENTIAL = "credential"  # the reference could not be resolved, or its use was stopped by the lock-out guard
    INTERRUPTED = "interrupted"  # Ctrl-C


@dataclass(frozen=True, slots=True)
class Failure:
    """One classified failure. `message` may quote the server and is tainted; `next` is ours and says what to do."""

    cause: Cause
    message: str
    next: str
    retryable: bool = False


class TransportError(Exception):
    """Raised by every method of a transport; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
