"""Why a host could not be reached or worked with: one tree of causes that a person can act on.

    TransportError                 carries Failure(cause, message, next, retryable)
    ├── ScriptRefused              the gate does not know the text; nothing was sent
    ├── CredentialRejected         the host refused the account after proof was sent: it counts towards lock-out
    └── AmbiguousLoss              the connection went after a request was out: it may or may not have been acted on

The causes are a closed set (`Cause`); reports, doctor and the JSON output use their values. Where exceptions of
sockets, TLS, authentication and WS-Management become causes is classifying.py.
"""

from __future__ import annotations

import ssl
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
    PUBLIC_ADDRESS = "public-address"  # NTLM would have proved the password to an address of the internet
    CLOCK_SKEW = "clock-skew"
    ACCESS_DENIED = "access-denied"
    NOT_ENCRYPTED = "not-encrypted"
    QUOTA = "quota"
    ENVELOPE_SIZE = "envelope-size"
    ENDPOINT_MISSING = "endpoint-missing"
    LANGUAGE_MODE = "language-mode"
    NOT_LOCKED = "not-locked"  # the session did not prove that its engine holds scripts to reading
    PROTOCOL = "protocol"
    CREDENTIAL = "credential"  # there is none to use: its reference could not be resolved, or no ticket is here
    MEMORY = "memory"  # what hosts sent would not fit into what this run may hold
    LOCKOUT_GUARD = "lockout-guard"  # other hosts refused the account, and it is not offered any more
    INTERRUPTED = "interrupted"  # the run: Ctrl-C, its time limit, a journal that cannot be written
    SCRIPT_REFUSED = "script-refused"  # the gate of this run does not hold the script; a fault of ours
    DEFECT = "defect"  # exrun itself failed while it worked with this host


@dataclass(frozen=True, slots=True)
class Failure:
    """One classified failure. `message` may quote the server and is tainted; `next` is ours and says what to do."""

    cause: Cause
    message: str
    next: str
    retryable: bool = False


def in_words(why: Failure) -> str:
    """`cause: message` on one line; the cause alone where the message says no more."""
    message = quoted(why.message)
    return str(why.cause) if message in ("", why.cause) else f"{why.cause}: {message}"


class TransportError(Exception):
    """Raised by every method of a transport; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ScriptRefused(TransportError):  # noqa: N818  # an outcome, like the types of interface.py
    """The gate refused a text that is not among those approved for this run; nothing was sent."""


class CredentialRejected(TransportError):  # noqa: N818
    """The host refused the account after a proof of its password was sent: this counts towards lock-out."""


class AmbiguousLoss(TransportError):  # noqa: N818
    """The connection was lost after a request was sent: whether the host acted on it is not known."""


NEXT: dict[Cause, str] = {
    Cause.NAME_RESOLUTION: "Check the host's address in the inventory and this machine's DNS.",
    Cause.REFUSED: "Check that WinRM runs and listens on this port (winrm enumerate winrm/config/listener) "
    "and that no firewall rejects it.",
    Cause.TIMEOUT: "Check that the host is up and that no firewall drops the port; "
    "raise the deadline if it is only slow.",
    Cause.CONNECTION_LOST: "Run again; if it returns, look at the host's System and WinRM event logs for a restart.",
    Cause.TLS: "Give the issuing CA with ca_file, and check the certificate's names and dates. "
    "Verification cannot be turned off.",
    Cause.AUTHENTICATION: "Check the account, its password and whether it is locked out, before trying again: "
    "each attempt counts towards lock-out.",
    Cause.PUBLIC_ADDRESS: "Check the host's address and the DNS. Name the server by a private address, "
    "or set `authentication: kerberos` or `certificate`; only where it is meant to be reached over the internet, "
    "add its network to `allow_public` in the inventory.",
    Cause.CLOCK_SKEW: "Bring this machine's clock within 5 minutes of the domain controller's; Kerberos refuses more.",
    Cause.ACCESS_DENIED: "Make the account a member of the host's Administrators or Remote Management Users group, "
    "or of the endpoint's role.",
    Cause.NOT_ENCRYPTED: "Do not trust this reply. Check that no proxy stands between, and use HTTPS with a CA file.",
    Cause.QUOTA: "Close left-over shells on the host, or raise MaxShellsPerUser or MaxConcurrentOperationsPerUser "
    "(winrm get winrm/config).",
    Cause.ENVELOPE_SIZE: "Raise MaxEnvelopeSizekb on the host to 500 (its default since Windows Server 2012).",
    Cause.ENDPOINT_MISSING: "Check that WinRM answers at this port under /wsman "
    "and that the session configuration exists "
    "(Get-PSSessionConfiguration).",
    Cause.LANGUAGE_MODE: "The endpoint restricts the language; "
    "use one in FullLanguage, or one generated for these actions.",
    Cause.NOT_LOCKED: "See whether $ExecutionContext.SessionState.LanguageMode can be set to "
    "ConstrainedLanguage there, as it can since Windows PowerShell 3.0. If it can, take the server for compromised.",
    Cause.PROTOCOL: "Check that the port is WinRM's and no proxy stands between; "
    "if it is, report this with the host's version.",
    Cause.CREDENTIAL: "Check the credential reference in the inventory.",
    Cause.MEMORY: "Look at what this host answers with so much; run the audit again for it with a smaller --parallel, "
    "or for it alone.",
    Cause.LOCKOUT_GUARD: "Check the account's password and whether it is locked out, then run the audit again.",
    Cause.INTERRUPTED: "Run the audit again for this host.",
    Cause.SCRIPT_REFUSED: "Nothing was sent. Only scripts that were rendered and checked "
    "at the start of a run may be sent; "
    "report this as a fault of exrun.",
    Cause.DEFECT: "Run it again with --debug and report what it says; until then look at this host by hand.",
}


# What to do where a port speaks HTTP to who begins with TLS, and the other way round.
SPEAKS_HTTP = "This port speaks plain HTTP: set `scheme: http`, or the port of WinRM's HTTPS listener (5986)."
SPEAKS_TLS = "This port speaks TLS: set `scheme: https`, or the port of WinRM's HTTP listener (5985)."


def failure(cause: Cause, message: str, *, retryable: bool = False, then: str = "") -> Failure:
    """A Failure with the next step `then`, or else the one that belongs to its cause."""
    return Failure(cause, message, then or NEXT[cause], retryable)


def defect(error: BaseException) -> Failure:
    """The Failure for an exception that exrun should not have let out: nobody's fault but its own."""
    return failure(Cause.DEFECT, f"exrun failed with {type(error).__name__}")


_MAX_QUOTED = 500


def quoted(text: object) -> str:
    """What a server or a library said, without control characters and at most 500 characters."""
    if isinstance(text, OSError) and not isinstance(text, ssl.SSLError) and text.strerror:
        text = text.strerror  # without the number, which tells nobody anything
    flat = "".join(char if char.isprintable() else " " for char in str(text)[: _MAX_QUOTED * 4])
    flat = " ".join(flat.split())
    return flat if len(flat) <= _MAX_QUOTED else flat[:_MAX_QUOTED] + "…"


def speaks_of_language_mode(text: str) -> bool:
    """Whether an error's text or id says that the endpoint's language mode stopped a script (tainted text)."""
    lowered = text.lower()
    return any(sign in lowered for sign in ("language mode", "language-mode", "scriptsnotallowed", "nolanguage"))
