"""Every exception of the libraries beneath becomes one cause that a person can act on."""

import errno
import socket
import ssl
import xml.etree.ElementTree as ET

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypsrp.exceptions import AuthenticationError, InvalidRunspacePoolStateError, WinRMTransportError, WSManFaultError
from spnego.exceptions import (
    BadBindingsError,
    InvalidTokenError,
    NoCredentialError,
    OperationNotAvailableError,
    SpnegoError,
)

from runner.transport.classifying import classify
from runner.transport.failures import NEXT, AmbiguousLoss, Cause, failure, quoted


def fault(code: object, reason: str = "said") -> WSManFaultError:
    return WSManFaultError(code, "EX1", reason, None, None, None)


class GssStyleError(Exception):
    """As gssapi raises it: the minor code is where the mechanism's reason is."""

    def __init__(self, min_code: int) -> None:
        super().__init__("Major (851968): Unspecified GSS failure")
        self.maj_code = 851968
        self.min_code = min_code


def with_winerror(code: int) -> OSError:
    error = OSError("The clocks on the client and server machines are apart")
    error.winerror = code  # type: ignore[attr-defined]
    return error


CASES = [
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Cause.NAME_RESOLUTION, False),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Cause.NAME_RESOLUTION, True),
    (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), Cause.REFUSED, True),
    (OSError(errno.EHOSTUNREACH, "No route to host"), Cause.REFUSED, True),
    (OSError(errno.ENETUNREACH, "Network is unreachable"), Cause.REFUSED, True),
    (TimeoutError("timed out"), Cause.TIMEOUT, True),
    (OSError(errno.ETIMEDOUT, "Connection timed out"), Cause.TIMEOUT, True),
    (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), Cause.CONNECTION_LOST, True),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), Cause.CONNECTION_LOST, True),
    (EOFError(), Cause.CONNECTION_LOST, True),
    (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Cause.CONNECTION_LOST, True),
    (ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"), Cause.TLS, False),
    (ssl.SSLError(1, "wrong version number"), Cause.TLS, False),
    (AuthenticationError("refused"), Cause.AUTHENTICATION, False),
    (InvalidTokenError(), Cause.AUTHENTICATION, False),
    (BadBindingsError(), Cause.AUTHENTICATION, False),
    (NoCredentialError(), Cause.CREDENTIAL, False),
    (OperationNotAvailableError(context_msg="no credential cache"), Cause.CREDENTIAL, False),
    (OSError(errno.EINVAL, "Invalid argument"), Cause.REFUSED, False),
    (PermissionError(errno.EPERM, "Operation not permitted"), Cause.REFUSED, False),
    (OSError(errno.EMFILE, "Too many open files"), Cause.REFUSED, False),
    (FileNotFoundError(errno.ENOENT, "a bug"), Cause.DEFECT, False),
    (SpnegoError(error_code=13, context_msg="Clock skew too great"), Cause.CLOCK_SKEW, False),
    (SpnegoError(base_error=GssStyleError(-1765328347)), Cause.CLOCK_SKEW, False),  # KRB5KRB_AP_ERR_SKEW
    (SpnegoError(base_error=GssStyleError(2529639053 - 2**32)), Cause.AUTHENTICATION, False),
    (SpnegoError(base_error=with_winerror(-2146893020)), Cause.CLOCK_SKEW, False),  # SEC_E_TIME_SKEW
    (fault(5, "Access is denied."), Cause.ACCESS_DENIED, False),
    (fault(2150859180), Cause.ACCESS_DENIED, False),
    (fault(1326), Cause.AUTHENTICATION, False),
    (fault(2150859173), Cause.QUOTA, False),
    (fault(2150859174), Cause.QUOTA, False),
    (fault(2150859240), Cause.QUOTA, False),
    (fault(2150858823), Cause.ENVELOPE_SIZE, False),
    (fault(2150858824), Cause.ENVELOPE_SIZE, False),
    (fault(2150858825), Cause.ENVELOPE_SIZE, False),
    (fault(2150858811), Cause.ENDPOINT_MISSING, False),
    (fault(0, "Cannot find the Acme session configuration in the WSMan: drive"), Cause.ENDPOINT_MISSING, False),
    (fault(2150858793), Cause.TIMEOUT, True),
    (fault(2150858843), Cause.CONNECTION_LOST, False),
    (fault(1, "The runspace is in no-language mode."), Cause.LANGUAGE_MODE, False),
    (fault(None), Cause.PROTOCOL, False),
    (fault("s:Receiver"), Cause.PROTOCOL, False),
    (WinRMTransportError("http", 401, ""), Cause.AUTHENTICATION, False),
    (WinRMTransportError("http", 403, ""), Cause.ACCESS_DENIED, False),
    (WinRMTransportError("http", 404, "<html>"), Cause.ENDPOINT_MISSING, False),
    (WinRMTransportError("http", 413, ""), Cause.ENVELOPE_SIZE, False),
    (WinRMTransportError("http", 503, ""), Cause.CONNECTION_LOST, True),
    (WinRMTransportError("http", 418, ""), Cause.PROTOCOL, False),
    (InvalidRunspacePoolStateError(3, 2, "run"), Cause.CONNECTION_LOST, False),
    (KeyboardInterrupt(), Cause.INTERRUPTED, False),
    (ET.ParseError("no element found"), Cause.PROTOCOL, False),
    (h11.RemoteProtocolError("illegal request line"), Cause.PROTOCOL, False),
    (ValueError("a bug"), Cause.DEFECT, False),
    (KeyError("a bug"), Cause.DEFECT, False),
    (UnicodeEncodeError("ascii", "b\xfccher", 1, 2, "ordinal not in range(128)"), Cause.DEFECT, False),
    (AmbiguousLoss(failure(Cause.CONNECTION_LOST, "reset after the request")), Cause.CONNECTION_LOST, False),
]


@pytest.mark.parametrize(("error", "cause", "retryable"), CASES, ids=lambda value: str(value)[:40])
def test_each_exception_has_its_cause_and_a_next_step(error: BaseException, cause: Cause, retryable: bool) -> None:
    found = classify(error)
    assert (found.cause, found.retryable) == (cause, retryable)
    assert found.next
    assert found.message


def test_what_has_no_advice_of_its_own_has_that_of_its_cause() -> None:
    assert classify(TimeoutError()).next == NEXT[Cause.TIMEOUT]
    assert classify(fault(5)).next == NEXT[Cause.ACCESS_DENIED]


def test_a_defect_of_ours_is_not_laid_at_the_hosts_door() -> None:
    found = classify(KeyError("shell"))
    assert found.message == "exrun failed with KeyError"
    assert "host" not in found.message


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (SpnegoError(base_error=GssStyleError(-1765328377)), "full name"),  # S_PRINCIPAL_UNKNOWN
        (SpnegoError(base_error=GssStyleError(-1765328228)), "krb5.conf"),  # KDC_UNREACH
        (SpnegoError(base_error=GssStyleError(-1765328352)), "new ticket"),  # TKT_EXPIRED
        (SpnegoError(base_error=GssStyleError(-1765328189)), "kinit"),  # FCC_NOFILE
        (SpnegoError(base_error=with_winerror(-2146893039)), "domain controller"),  # SEC_E_NO_AUTHENTICATING_AUTHORITY
        (SpnegoError(base_error=with_winerror(-2146893022)), "full name"),  # SEC_E_WRONG_PRINCIPAL
        (NoCredentialError(), "`credential`"),
        (OSError(errno.EINVAL, "Invalid argument"), "fe80::1%eth0"),
        (OSError(errno.EMFILE, "Too many open files"), "--parallel"),
    ],
)
def test_what_keeps_this_machine_from_connecting_or_logging_on_has_its_own_next_step(
    error: BaseException, advice: str
) -> None:
    assert advice in classify(error).next


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Bad Request - Invalid Hostname", "`address`"),
        ("<html>400 The plain HTTP request was sent to HTTPS port</html>", "`scheme: https`"),
    ],
)
def test_an_http_400_that_says_why_has_its_own_next_step(said: str, advice: str) -> None:
    assert advice in classify(WinRMTransportError("http", 400, said)).next


def test_every_cause_has_a_next_step_of_its_own() -> None:
    assert set(NEXT) == set(Cause)
    assert len(set(NEXT.values())) == len(Cause)


def test_authentication_is_never_retryable_whatever_brings_it() -> None:
    kept = [classify(error) for error, cause, _ in CASES if cause in (Cause.AUTHENTICATION, Cause.CREDENTIAL)]
    assert kept
    assert not any(each.retryable for each in kept)


@settings(max_examples=50)
@given(st.text())
def test_what_a_server_said_reaches_nobody_with_control_characters_or_without_end(said: str) -> None:
    for text in (quoted(said), classify(fault(1, said * 100)).message):
        assert len(text) <= 501
        assert text.isprintable()
