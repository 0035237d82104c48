"""Why a host could not be reached or worked with: one tree of causes that a person can act on.

    TransportError                 carries Failure(cause, message, next, retryable)
    ├── ScriptRefused              the gate does not know the text; nothing was sent
    ├── CredentialRejected         the host refused the account after proof was sent: it counts towards lock-out
    └── AmbiguousLoss              the connection went after a request was out: it may or may not have been acted on

The causes are a closed set (`Cause`); reports, doctor and the JSON output use their values. `classify` is the one
place where exceptions of sockets, TLS, authentication and WS-Management become causes.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pypsrp.exceptions import (
    AuthenticationError,
    InvalidRunspacePoolStateError,
    WinRMTransportError,
    WSManFaultError,
)
from spnego.exceptions import InvalidCredentialError, NativeError, NoCredentialError, SpnegoError


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
    CREDENTIAL = "credential"  # there is none to use: its reference could not be resolved, or no ticket is here
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
    Cause.PROTOCOL: "Check that the port is WinRM's and no proxy stands between; "
    "if it is, report this with the host's version.",
    Cause.CREDENTIAL: "Check the credential reference in the inventory.",
    Cause.LOCKOUT_GUARD: "Check the account's password and whether it is locked out, then run the audit again.",
    Cause.INTERRUPTED: "Run the audit again for this host.",
    Cause.SCRIPT_REFUSED: "Nothing was sent. Only scripts that were rendered and checked "
    "at the start of a run may be sent; "
    "report this as a fault of exrun.",
    Cause.DEFECT: "Run it again with --debug and report what it says; until then look at this host by hand.",
}


def failure(cause: Cause, message: str, *, retryable: bool = False) -> Failure:
    """A Failure with the next step that belongs to its cause."""
    return Failure(cause, message, NEXT[cause], retryable)


# Codes of wsmerror.h (Windows SDK) unless said otherwise.
_ACCESS_DENIED_CODES = frozenset(
    {
        5,  # ERROR_ACCESS_DENIED, winerror.h
        2150859180,  # ERROR_WSMAN_REMOTESHELLS_NOT_ALLOWED
        2150859235,  # ERROR_WSMAN_REMOTE_CONNECTION_NOT_ALLOWED
    }
)
_AUTHENTICATION_CODES = frozenset(
    {
        1326,  # ERROR_LOGON_FAILURE, winerror.h
        1331,  # ERROR_ACCOUNT_DISABLED, winerror.h
        1909,  # ERROR_ACCOUNT_LOCKED_OUT, winerror.h
    }
)
_QUOTA_CODES = frozenset(
    {
        2150858815,  # ERROR_WSMAN_QUOTA_LIMIT
        *range(2150859173, 2150859177),  # QUOTA_MAX_SHELLS, MAX_OPERATIONS, USER, SYSTEM
        2150859179,  # QUOTA_MAX_SHELLUSERS
        *range(2150859236, 2150859243),  # QUOTA_*_PPQ
    }
)
_ENVELOPE_CODES = frozenset(
    {
        2150858823,  # ERROR_WSMAN_MAX_ENVELOPE_SIZE
        2150858824,  # ERROR_WSMAN_MAX_ENVELOPE_SIZE_EXCEEDED
        2150858825,  # ERROR_WSMAN_SERVER_ENVELOPE_LIMIT
    }
)
_ENDPOINT_CODES = frozenset(
    {
        2150858811,  # ERROR_WSMAN_INVALID_RESOURCE_URI
        2150858754,  # the same, as some code of Windows Server 2008 R2 sends it
    }
)
OPERATION_TIMED_OUT = 2150858793  # ERROR_WSMAN_OPERATION_TIMEDOUT: nothing to receive yet
SHELL_GONE = 2150858843  # ERROR_WSMAN_UNEXPECTED_SELECTORS: no shell has this id (any more)

_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})
_SEC_E_TIME_SKEW = -2146893020  # 0x80090324, winerror.h
_KRB5KRB_AP_ERR_SKEW = 0x96C73A25  # -1765328347 as the 32 bits that GSSAPI reports
_REFUSED_BY_KDC = frozenset(
    {
        0x96C73A12,  # KRB5KDC_ERR_CLIENT_REVOKED (locked out, disabled)
        0x96C73A18,  # KRB5KDC_ERR_PREAUTH_FAILED
        0x8009030C,  # SEC_E_LOGON_DENIED, winerror.h
    }
)
_MAX_QUOTED = 500


def quoted(text: object) -> str:
    """What a server or a library said, without control characters and at most 500 characters."""
    if isinstance(text, OSError) and not isinstance(text, ssl.SSLError) and text.strerror:
        text = text.strerror  # without the number, which tells nobody anything
    flat = "".join(char if char.isprintable() else " " for char in str(text)[: _MAX_QUOTED * 4])
    flat = " ".join(flat.split())
    return flat if len(flat) <= _MAX_QUOTED else flat[:_MAX_QUOTED] + "…"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        if current.__cause__ is not None:
            current = current.__cause__
        elif not current.__suppress_context__:
            current = current.__context__
        else:
            current = None


def _is_clock_skew(error: BaseException) -> bool:
    for link in _chain(error):
        base = getattr(link, "base_error", None)
        codes = {getattr(source, name, None) for source in (link, base) for name in ("winerror", "min_code")}
        if _SEC_E_TIME_SKEW in codes or _SEC_E_TIME_SKEW % 2**32 in codes:
            return True
        if any(isinstance(code, int) and code % 2**32 == _KRB5KRB_AP_ERR_SKEW for code in codes):
            return True
        if "clock skew" in str(link).lower():
            return True
    return False


def is_refusal_by_kdc(error: BaseException) -> bool:
    """Whether a domain controller refused the account while a ticket was asked for."""
    for link in _chain(error):
        base = getattr(link, "base_error", None)
        codes = {getattr(source, name, None) for source in (link, base) for name in ("winerror", "min_code")}
        if any(isinstance(code, int) and code % 2**32 in _REFUSED_BY_KDC for code in codes):
            return True
    return isinstance(error, InvalidCredentialError)


def speaks_of_language_mode(text: str) -> bool:
    """Whether an error's text or id says that the endpoint's language mode stopped a script (tainted text)."""
    lowered = text.lower()
    return any(sign in lowered for sign in ("language mode", "language-mode", "scriptsnotallowed", "nolanguage"))


def _classify_fault(error: WSManFaultError) -> Failure:
    code = error.code
    message = quoted(error.message)
    said = " ".join(str(part) for part in (error.reason, error.provider_fault) if part)
    match code:
        case int() if code in _ACCESS_DENIED_CODES:
            return failure(Cause.ACCESS_DENIED, message)
        case int() if code in _AUTHENTICATION_CODES:
            return failure(Cause.AUTHENTICATION, message)
        case int() if code in _QUOTA_CODES:
            return failure(Cause.QUOTA, message)
        case int() if code in _ENVELOPE_CODES:
            return failure(Cause.ENVELOPE_SIZE, message)
        case int() if code in _ENDPOINT_CODES:
            return failure(Cause.ENDPOINT_MISSING, message)
        case int() if code == OPERATION_TIMED_OUT:
            return failure(Cause.TIMEOUT, message, retryable=True)
        case int() if code == SHELL_GONE:
            return failure(Cause.CONNECTION_LOST, f"the host no longer has this shell: {message}")
        case _ if speaks_of_language_mode(said):
            return failure(Cause.LANGUAGE_MODE, message)
        case _ if "session configuration" in said.lower():
            return failure(Cause.ENDPOINT_MISSING, message)
        case _:
            return failure(Cause.PROTOCOL, message)


def _classify_status(error: WinRMTransportError) -> Failure:
    code = error.code
    message = f"the host answered HTTP {code}: {quoted(error.response_text)}"
    match code:
        case 401:
            return failure(Cause.AUTHENTICATION, message)
        case 403:
            return failure(Cause.ACCESS_DENIED, message)
        case 404:
            return failure(Cause.ENDPOINT_MISSING, message)
        case 413:
            return failure(Cause.ENVELOPE_SIZE, message)
        case 503:
            return failure(Cause.CONNECTION_LOST, message, retryable=True)
        case _:
            return failure(Cause.PROTOCOL, message)


def classify(error: BaseException) -> Failure:
    """The Failure that an exception stands for. Never raises; what it does not know is Cause.PROTOCOL.

    `retryable` says only that the same thing may go well later. Whether it may be done again is for the caller, who
    knows if anything could have run (`AmbiguousLoss` is never retryable).
    """
    match error:
        case TransportError():
            return error.failure
        case KeyboardInterrupt():
            return failure(Cause.INTERRUPTED, "interrupted")
        case socket.gaierror():
            # EAI_AGAIN is a name server that did not answer; every other code is an answer.
            return failure(Cause.NAME_RESOLUTION, quoted(error), retryable=error.errno == socket.EAI_AGAIN)
        case ssl.SSLError() if not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            if isinstance(error, TimeoutError):
                return failure(Cause.TIMEOUT, quoted(error), retryable=True)
            return failure(Cause.TLS, quoted(error))
        case TimeoutError():
            return failure(Cause.TIMEOUT, quoted(error) or "timed out", retryable=True)
        case ConnectionRefusedError():
            return failure(Cause.REFUSED, quoted(error), retryable=True)
        case WSManFaultError():
            return _classify_fault(error)
        case WinRMTransportError():
            return _classify_status(error)
        case SpnegoError() | NativeError() if _is_clock_skew(error):
            return failure(Cause.CLOCK_SKEW, quoted(error))
        case NoCredentialError() | InvalidCredentialError():
            return failure(Cause.CREDENTIAL, quoted(error))
        case SpnegoError() | NativeError() | AuthenticationError():
            return failure(Cause.AUTHENTICATION, quoted(error))
        case InvalidRunspacePoolStateError():
            return failure(Cause.CONNECTION_LOST, quoted(error))
        case OSError() if error.errno in _UNREACHABLE:
            return failure(Cause.REFUSED, f"no route to the host: {quoted(error)}", retryable=True)
        case ConnectionError() | ssl.SSLEOFError() | ssl.SSLZeroReturnError() | EOFError():
            return failure(Cause.CONNECTION_LOST, quoted(error) or "the connection was closed", retryable=True)
        case _:
            return failure(Cause.PROTOCOL, f"{type(error).__name__}: {quoted(error)}")
