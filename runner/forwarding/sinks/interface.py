"""What a sink is: something that takes entries and says that they have arrived."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Protocol

from runner.forwarding.entries import Entry

_NAME = "could not be verified: it is of another name"
_UNVERIFIED = {  # X509_V_ERR_... of OpenSSL
    9: "could not be verified: it is not valid yet, by this machine's clock",
    10: "could not be verified: it has expired, by this machine's clock",
    62: _NAME,
    64: _NAME,
}


class NotDeliveredError(Exception):
    """Raised where it is not known that entries have arrived; they are sent again.

    Attributes:
        why: in our words, without any of the receiver's.
        wait_seconds: how long the receiver asks to be left alone; None where it says nothing.
    """

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.wait_seconds = wait_seconds


def unverified(host: str, error: BaseException) -> NotDeliveredError:
    """Of a certificate that did not hold: in which way. Nothing was sent."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLCertVerificationError):
        found = found.__context__
    how = "" if found is None else _UNVERIFIED.get(found.verify_code, "")
    return NotDeliveredError(
        f"the certificate of {host} {how}"
        if how
        else f"the certificate of {host} could not be verified (--events-ca names its authority)"
    )


class Sink(Protocol):
    """One destination. Used by one thread.

    Attributes:
        keeps: whether the receiver says that it has kept what arrived, and not merely that it has read it.
    """

    keeps: bool

    def deliver(self, entries: Sequence[Entry]) -> int:
        """Hands entries over, in their order, and returns once they have arrived.

        Returns:
            How many of them the receiver has refused for good: told, and not sent again.

        Raises:
            NotDeliveredError: some may not have arrived.
        """
        ...
