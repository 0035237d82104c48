"""From an exception of sockets, TLS, authentication or WS-Management to the cause that a person can act on."""

from __future__ import annotations

import errno
import socket
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import h11
from pypsrp.exceptions import (
    AuthenticationError,
    InvalidRunspacePoolStateError,
    WinRMError,
    WinRMTransportError,
    WSManFaultError,
)
from spnego.exceptions import (
    InvalidCredentialError,
    NativeError,
    NoCredentialError,
    OperationNotAvailableError,
    SpnegoError,
)

from runner.transport.failures import (
    SPEAKS_TLS,
    Cause,
    Failure,
    TransportError,
    defect,
    failure,
    quoted,
    speaks_of_language_mode,
)
from runner.transport.fault_codes import Meaning, meaning

_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})
# This machine's own: its firewall, its addresses, its limits (errno.h).
_NOT_FROM_HERE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL, errno.ENETRESET}
)
_NO_MORE_HERE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_KRB5 = 0x96C73A00  # krb5_err.et of MIT Kerberos: -1765328384 as the 32 bits that GSSAPI reports
_CLOCK_SKEW = frozenset({_KRB5 + 37, 0x80090324})  # KRB5KRB_AP_ERR_SKEW; SEC_E_TIME_SKEW, winerror.h
_REFUSED_BY_KDC = frozenset(
    {
        _KRB5 + 18,  # KRB5KDC_ERR_CLIENT_REVOKED (locked out, disabled)
        _KRB5 + 24,  # KRB5KDC_ERR_PREAUTH_FAILED
        0x8009030C,  # SEC_E_LOGON_DENIED, winerror.h
    }
)
_NO_TICKET = (
    "Set `user` and `credential` for this host, or get a ticket first (kinit); "
    "Kerberos needs exrun[kerberos] and the server's full name as `address`."
)
_NO_REALM = (
    "Check that this machine's Kerberos knows the account's realm and reaches its domain controllers (krb5.conf)."
)
_KERBEROS_NEXT = {
    _KRB5 + 6: "Check the account's name, and that it is in the domain that is asked.",  # C_PRINCIPAL_UNKNOWN
    _KRB5 + 7: "Use the server's full name as `address`, and check its service principal names "
    "(setspn -L on the host's account).",  # S_PRINCIPAL_UNKNOWN
    _KRB5 + 23: "Change the account's password, and store the new one where the inventory says that it is.",  # KEY_EXP
    _KRB5 + 32: "Get a new ticket (kinit).",  # TKT_EXPIRED
    _KRB5 + 156: _NO_REALM,  # KDC_UNREACH
    _KRB5 + 195: _NO_TICKET,  # FCC_NOFILE
}


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


def _codes(error: BaseException) -> Iterator[int]:
    """The numbers of SSPI and of GSSAPI's mechanisms in an exception, as 32 bits."""
    for link in _chain(error):
        for source in (link, getattr(link, "base_error", None)):
            for name in ("winerror", "min_code"):
                code = getattr(source, name, None)
                if isinstance(code, int):
                    yield code % 2**32


def _is_clock_skew(error: BaseException) -> bool:
    skewed = any("clock skew" in str(link).lower() for link in _chain(error))
    return skewed or not _CLOCK_SKEW.isdisjoint(_codes(error))


def is_refusal_by_kdc(error: BaseException) -> bool:
    """Whether a domain controller refused the account while a ticket was asked for."""
    return isinstance(error, InvalidCredentialError) or not _REFUSED_BY_KDC.isdisjoint(_codes(error))


def _classify_authentication(error: BaseException) -> Failure:
    message = quoted(error)
    if _is_clock_skew(error):
        return failure(Cause.CLOCK_SKEW, message)
    if isinstance(error, NoCredentialError | OperationNotAvailableError):
        return failure(Cause.CREDENTIAL, message, then=_NO_TICKET)
    if isinstance(error, InvalidCredentialError):
        return failure(Cause.CREDENTIAL, message)
    for code in _codes(error):
        if code in _KERBEROS_NEXT:
            return failure(Cause.AUTHENTICATION, message, then=_KERBEROS_NEXT[code])
        known = meaning(code)
        if known is not None and known.cause is Cause.AUTHENTICATION:
            return failure(Cause.AUTHENTICATION, f"{known.words}: {message}", then=known.next)
    return failure(Cause.AUTHENTICATION, message)


def fault_meaning(error: WSManFaultError) -> Meaning | None:
    """What the codes in a fault stand for, its own before those of what failed beneath; None where none is known."""
    # pypsrp keeps the outermost code; the fault itself is in the error that it was read from.
    whole = (link.response_text for link in _chain(error) if isinstance(link, WinRMTransportError))
    words = (str(part) for part in (error.reason, error.provider_fault, *whole) if part)
    return meaning(error.code, words)


def _classify_fault(error: WSManFaultError) -> Failure:
    message = quoted(error.message)
    said = " ".join(str(part) for part in (error.reason, error.provider_fault) if part)
    known = fault_meaning(error)
    if known is None and speaks_of_language_mode(said):
        return failure(Cause.LANGUAGE_MODE, message)
    if known is None and "session configuration" in said.lower():
        return failure(Cause.ENDPOINT_MISSING, message)
    if known is None:
        return failure(Cause.PROTOCOL, message)
    return failure(known.cause, f"{known.words}: {message}", retryable=known.retryable, then=known.next)


_NO_TLS = (
    "What answers at this port does not speak TLS: set the port of WinRM's HTTPS listener (5986), "
    "or `scheme: http` where it is the HTTP listener's (5985)."
)
OLD_TLS = "Enable TLS 1.2 on the host (SCHANNEL), with a certificate and ciphers for it; nothing older is spoken."
_TLS_NEXT = {  # by OpenSSL's name of the reason
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": OLD_TLS,
    "NO_PROTOCOLS_AVAILABLE": OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": OLD_TLS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": OLD_TLS,
    "TLSV1_ALERT_INTERNAL_ERROR": "Check the certificate of the host's HTTPS listener (winrm enumerate "
    "winrm/config/listener): it cannot use the one that it has.",
}
_HERE = (
    "Check this machine's firewall and addresses; a link-local IPv6 address is written with its zone (`fe80::1%eth0`)."
)
_FEWER = "Audit fewer hosts at a time (--parallel), or raise this machine's limits on open files and memory."
_OTHER_NAME = (
    "Give as `address` the server's own name or IP address, nothing around it; "
    "the web server beneath WinRM takes no other name."
)


def _classify_status(error: WinRMTransportError) -> Failure:
    code, said = error.code, quoted(error.response_text)
    message = f"the host answered HTTP {code}: {said}"
    match code:
        case 400 if "invalid hostname" in said.lower():  # HTTP.sys
            return failure(Cause.PROTOCOL, message, then=_OTHER_NAME)
        case 400 if "https port" in said.lower():  # nginx, Apache: "... to an HTTPS port"
            return failure(Cause.TLS, message, then=SPEAKS_TLS)
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
    """The Failure that an exception stands for. Never raises; what it does not know is a defect of ours.

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
            return failure(Cause.TLS, quoted(error), then=_TLS_NEXT.get(getattr(error, "reason", None) or "", ""))
        case TimeoutError():
            return failure(Cause.TIMEOUT, quoted(error) or "timed out", retryable=True)
        case ConnectionRefusedError():
            return failure(Cause.REFUSED, quoted(error), retryable=True)
        case WSManFaultError():
            return _classify_fault(error)
        case WinRMTransportError():
            return _classify_status(error)
        case SpnegoError() | NativeError() | AuthenticationError():
            return _classify_authentication(error)
        case InvalidRunspacePoolStateError():
            return failure(Cause.CONNECTION_LOST, quoted(error))
        case OSError() if error.errno in _UNREACHABLE:
            return failure(Cause.REFUSED, f"no route to the host: {quoted(error)}", retryable=True)
        case OSError() if error.errno in _NOT_FROM_HERE:
            return failure(Cause.REFUSED, f"this machine cannot connect to it: {quoted(error)}", then=_HERE)
        case OSError() if error.errno in _NO_MORE_HERE:
            return failure(Cause.REFUSED, f"this machine has no more connections to give: {quoted(error)}", then=_FEWER)
        case ConnectionError() | ssl.SSLEOFError() | ssl.SSLZeroReturnError() | EOFError():
            return failure(Cause.CONNECTION_LOST, quoted(error) or "the connection was closed", retryable=True)
        case WinRMError() | h11.RemoteProtocolError() | ET.ParseError():
            return failure(Cause.PROTOCOL, f"{type(error).__name__}: {quoted(error)}")
        case _:
            return defect(error)
