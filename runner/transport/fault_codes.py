"""What the number in a fault means: the codes with which a WinRM service says why it does not do what it was asked.

A service answers with numbers of several families, and with one error in several forms of it: `5`, `2147942405`,
`-2147024891` and `0x80070005` are all "access is denied". `folded` brings a number to one form; `TABLE` says what it
means. Which names have which numbers is from winerror.h, wsmerror.h, wbemcli.h and ntstatus.h (Windows SDK); the
subcodes of faults without a number are those of DSP0226 (WS-Management 1.2), 14.6.

Seen in public reports, as codes of a WSManFault: 995 (WinRb/WinRM 265, test-kitchen 1142: the service or the server
restarts), 1115 (packer-plugin-windows-update 37), 2 (pypsrp 36: "unable to start the host process"),
1018 (CSS-Exchange 948), 2147942405 (wazuh-ansible 581), 2150858752 (inspec/train 105), 2150859173 (vagrant 7489).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from runner.transport.failures import Cause

OPERATION_TIMED_OUT = 2150858793  # ERROR_WSMAN_OPERATION_TIMEDOUT: nothing to receive yet
SHELL_GONE = 2150858843  # ERROR_WSMAN_UNEXPECTED_SELECTORS: no shell has this id (any more)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code stands for.

    Attributes:
        words: what happened, as a clause for a person.
        next: what to do; empty where the cause's own next step says it.
        retryable: the same may go well later.
        interrupted: what the service was doing when it answered so may have been done or not.
        vague: the code says only that something beneath failed, so a code within the fault says more.
    """

    cause: Cause
    words: str
    next: str = ""
    retryable: bool = False
    interrupted: bool = False
    vague: bool = False


_STOPPING = Meaning(
    Cause.CONNECTION_LOST,
    "WinRM, or the whole server, is stopping or starting on the host",
    "Wait until the host is up again and audit it again; if it returns, look for a restart in its System event log.",
    retryable=True,
    interrupted=True,
)
_PROCESS_GONE = Meaning(
    Cause.CONNECTION_LOST,
    "the process that ran the session on the host has ended",
    "Audit it again; if it returns, look in the host's Application event log for a crash of wsmprovhost.exe.",
    retryable=True,
    interrupted=True,
)
_SHELL_LOST = Meaning(Cause.CONNECTION_LOST, "the host no longer has this shell")
_BUSY = Meaning(
    Cause.CONNECTION_LOST,
    "the service does not take requests at the moment",
    "Check that the service WinRM runs on the host, and audit it again.",
    retryable=True,
)
_HOST_PROCESS = Meaning(
    Cause.ENDPOINT_MISSING,
    "WinRM cannot start the process that hosts a session (wsmprovhost.exe)",
    "On the host, restart the service WinRM; if that does not help, check the session configuration "
    "(Get-PSSessionConfiguration) and register it anew (Enable-PSRemoting -Force).",
)
_CONFIGURATION = Meaning(
    Cause.ENDPOINT_MISSING,
    "WinRM's own configuration, or a policy for it, cannot be read",
    "On the host, read what winrm get winrm/config says, and repair it (winrm quickconfig, Group Policy).",
)
_RUN_AS = Meaning(
    Cause.ENDPOINT_MISSING,
    "the account under which the session configuration runs cannot log on",
    "On the host, set the RunAsCredential of the session configuration anew (Set-PSSessionConfiguration).",
)
_NO_RESOURCE = Meaning(Cause.ENDPOINT_MISSING, "the host has no such endpoint")
_BENEATH = Meaning(
    Cause.ENDPOINT_MISSING,
    "what runs sessions for WinRM failed on the host",
    "Look in the host's event log Microsoft-Windows-WinRM/Operational, and check the session configuration "
    "(Get-PSSessionConfiguration).",
    vague=True,
)
_DENIED = Meaning(Cause.ACCESS_DENIED, "the account may not do this on the host")
_NO_REMOTE_SHELLS = Meaning(
    Cause.ACCESS_DENIED,
    "a policy of the host forbids remote shells",
    "Allow them: Group Policy, Windows Remote Shell, `Allow Remote Shell Access` "
    "(AllowRemoteShellAccess in winrm get winrm/config/winrs).",
)
_NO_REMOTE_ACCESS = Meaning(
    Cause.ACCESS_DENIED,
    "the host takes no sessions from other machines",
    "On the host, enable remote access to the session configuration (Enable-PSRemoting, Get-PSSessionConfiguration).",
)
_REFUSED = Meaning(Cause.AUTHENTICATION, "the host refused the account or password")
_EXPIRED = Meaning(
    Cause.AUTHENTICATION,
    "the account's password has expired or must be changed",
    "Change the account's password, and store the new one where the inventory says that it is.",
)
_NOT_USABLE = Meaning(
    Cause.AUTHENTICATION,
    "the account is disabled, expired or locked out",
    "Enable or unlock the account in Active Directory, or name another in the inventory, before trying again.",
)
_RESTRICTED = Meaning(
    Cause.AUTHENTICATION,
    "a restriction of the account forbids this logon (hours, workstations, logon type)",
    "Lift the restriction for this account, or name another in the inventory.",
)
_NO_DOMAIN = Meaning(
    Cause.AUTHENTICATION,
    "no domain controller could check the account",
    "Check that the host reaches a domain controller and that its trust with the domain is in order "
    "(Test-ComputerSecureChannel on the host).",
)
_WRONG_NAME = Meaning(
    Cause.AUTHENTICATION,
    "the name by which the host was called is not registered for it in Active Directory",
    "Use the server's full name as `address`, and check its service principal names (setspn -L on the host's account).",
)
_NO_MAPPING = Meaning(
    Cause.AUTHENTICATION,
    "the host maps the certificate to no account that can log on",
    "On the host, map the certificate to an account with its current password (winrm/config/service/certmapping).",
)
_BINDINGS = Meaning(
    Cause.AUTHENTICATION,
    "the authentication is bound to another TLS connection than the host's",
    "Address the server itself: something that ends TLS (a load balancer, an inspecting proxy) stands between.",
)
_SKEW = Meaning(Cause.CLOCK_SKEW, "the clocks are too far apart")
_TLS_BROKEN = Meaning(Cause.TLS, "the TLS connection failed")
_CERTIFICATE = Meaning(
    Cause.TLS,
    "a certificate is not accepted",
    "Check the dates and issuer of the host's certificate, and of the one that logs on.",
)
_UNENCRYPTED = Meaning(
    Cause.NOT_ENCRYPTED,
    "the service refuses messages that are not encrypted",
    "Leave out --allow-cleartext, or use HTTPS.",
)
_QUOTA = Meaning(Cause.QUOTA, "a quota of WinRM on the host is used up")
_MEMORY = Meaning(
    Cause.QUOTA,
    "the host, or the quota of its remote shells, has no memory left",
    "Close left-over shells on the host, free memory there, or raise MaxMemoryPerShellMB "
    "(winrm get winrm/config/winrs).",
)
_ENVELOPE = Meaning(Cause.ENVELOPE_SIZE, "a message is larger than the host takes")
_SLOW = Meaning(Cause.TIMEOUT, "the host did not do it in time", retryable=True)
_REDIRECTED = Meaning(
    Cause.ENDPOINT_MISSING,
    "the host sends this session to another server",
    "Address the server that is to be audited itself, by its own full name.",
)
_CANNOT_DECRYPT = Meaning(
    Cause.PROTOCOL,
    "the host could not decrypt the message",
    "Address the server itself: a load balancer that gives one connection to several servers has this effect.",
)


def _each(meaning: Meaning, *codes: int) -> dict[int, Meaning]:
    return dict.fromkeys(codes, meaning)


_WIN32 = {  # winerror.h
    # FILE_NOT_FOUND, PATH_NOT_FOUND, MOD_NOT_FOUND, PROC_NOT_FOUND, BAD_EXE_FORMAT, KEY_DELETED (the profile of the
    # account was unloaded), DLL_INIT_FAILED
    **_each(_HOST_PROCESS, 2, 3, 126, 127, 193, 1018, 1114),
    **_each(_DENIED, 5, 1314),  # ACCESS_DENIED, PRIVILEGE_NOT_HELD
    # NOT_ENOUGH_MEMORY, OUTOFMEMORY, NO_SYSTEM_RESOURCES, COMMITMENT_LIMIT, NOT_ENOUGH_QUOTA
    **_each(_MEMORY, 8, 14, 1450, 1455, 1816),
    **_each(_SLOW, 121, 258, 1460),  # SEM_TIMEOUT, WAIT_TIMEOUT, TIMEOUT
    # BROKEN_PIPE, NO_DATA, PIPE_NOT_CONNECTED, PROCESS_ABORTED
    **_each(_PROCESS_GONE, 109, 232, 233, 1067),
    # OPERATION_ABORTED, SERVICE_CANNOT_ACCEPT_CTRL, SERVICE_NOT_ACTIVE, SHUTDOWN_IN_PROGRESS, SHUTDOWN_IS_SCHEDULED,
    # RPC_S_SERVER_UNAVAILABLE, RPC_S_CALL_FAILED, RPC_S_CALL_FAILED_DNE
    **_each(_STOPPING, 995, 1061, 1062, 1115, 1190, 1722, 1726, 1727),
    **_each(_BUSY, 170, 1058, 1723),  # BUSY, SERVICE_DISABLED, RPC_S_SERVER_TOO_BUSY
    **_each(_REFUSED, 86, 1317, 1323, 1326),  # INVALID_PASSWORD, NO_SUCH_USER, WRONG_PASSWORD, LOGON_FAILURE
    # ACCOUNT_RESTRICTION, INVALID_LOGON_HOURS, INVALID_WORKSTATION, LOGON_NOT_GRANTED, LOGON_TYPE_NOT_GRANTED
    **_each(_RESTRICTED, 1327, 1328, 1329, 1380, 1385),
    **_each(_EXPIRED, 1330, 1907),  # PASSWORD_EXPIRED, PASSWORD_MUST_CHANGE
    **_each(_NOT_USABLE, 1331, 1793, 1909),  # ACCOUNT_DISABLED, ACCOUNT_EXPIRED, ACCOUNT_LOCKED_OUT
    # NO_LOGON_SERVERS, NO_SUCH_DOMAIN, TRUSTED_DOMAIN_FAILURE, TRUSTED_RELATIONSHIP_FAILURE, TRUST_FAILURE
    **_each(_NO_DOMAIN, 1311, 1355, 1788, 1789, 1790),
    **_each(_WRONG_NAME, 1396),  # WRONG_TARGET_NAME
    **_each(_SKEW, 1398),  # TIME_SKEW
}
_HRESULTS = {  # winerror.h; those of facility Win32 (0x8007xxxx) are folded
    **_each(_STOPPING, 0x80004004, 0x80010108),  # E_ABORT, RPC_E_DISCONNECTED
    **_each(_HOST_PROCESS, 0x80040154, 0x80080005),  # REGDB_E_CLASSNOTREG, CO_E_SERVER_EXEC_FAILURE
    **_each(_MEMORY, 0x80000002, 0x80090300),  # E_OUTOFMEMORY of 16 bits, SEC_E_INSUFFICIENT_MEMORY
    # SEC_E_LOGON_DENIED, _INVALID_TOKEN, _NO_CREDENTIALS, _UNKNOWN_CREDENTIALS
    **_each(_REFUSED, 0x80090308, 0x8009030C, 0x8009030D, 0x8009030E),
    **_each(_NO_DOMAIN, 0x80090304, 0x80090311),  # SEC_E_INTERNAL_ERROR, SEC_E_NO_AUTHENTICATING_AUTHORITY
    **_each(_WRONG_NAME, 0x80090303, 0x80090322),  # SEC_E_TARGET_UNKNOWN, SEC_E_WRONG_PRINCIPAL
    **_each(_SKEW, 0x80090324),  # SEC_E_TIME_SKEW
    **_each(_CERTIFICATE, 0x80090325, 0x80090327, 0x80090328),  # SEC_E_UNTRUSTED_ROOT, _CERT_UNKNOWN, _CERT_EXPIRED
    **_each(_CERTIFICATE, 0x800B0101, 0x800B0109, 0x800B010F),  # CERT_E_EXPIRED, _UNTRUSTEDROOT, _CN_NO_MATCH
    **_each(_TLS_BROKEN, 0x80090326, 0x80090331),  # SEC_E_ILLEGAL_MESSAGE, SEC_E_ALGORITHM_MISMATCH
    **_each(_CANNOT_DECRYPT, 0x8009030F, 0x80090310, 0x80090330),  # SEC_E_MESSAGE_ALTERED, _OUT_OF_SEQUENCE, _DECRYPT
    **_each(_BINDINGS, 0x80090346),  # SEC_E_BAD_BINDINGS
    **_each(_DENIED, 0x80041003),  # WBEM_E_ACCESS_DENIED, wbemcli.h
    **_each(_MEMORY, 0x80041006, 0x8004106C),  # WBEM_E_OUT_OF_MEMORY, WBEM_E_QUOTA_VIOLATION
    **_each(_STOPPING, 0x80041033),  # WBEM_E_SHUTTING_DOWN
}
_NTSTATUS = {  # ntstatus.h
    **_each(_DENIED, 0xC0000022),  # ACCESS_DENIED
    **_each(_MEMORY, 0xC0000017, 0xC0000044, 0xC000009A),  # NO_MEMORY, QUOTA_EXCEEDED, INSUFFICIENT_RESOURCES
    **_each(_REFUSED, 0xC0000064, 0xC000006A, 0xC000006D),  # NO_SUCH_USER, WRONG_PASSWORD, LOGON_FAILURE
    **_each(_RESTRICTED, 0xC000006E, 0xC000006F, 0xC0000070, 0xC000015B),
    **_each(_EXPIRED, 0xC0000071, 0xC0000224),  # PASSWORD_EXPIRED, PASSWORD_MUST_CHANGE
    **_each(_NOT_USABLE, 0xC0000072, 0xC0000193, 0xC0000234),  # ACCOUNT_DISABLED, _EXPIRED, _LOCKED_OUT
    **_each(_NO_DOMAIN, 0xC000005E, 0xC000018C, 0xC000018D),  # NO_LOGON_SERVERS, TRUSTED_DOMAIN_, _RELATIONSHIP_FAILURE
    **_each(_SKEW, 0xC0000133),  # TIME_DIFFERENCE_AT_DC
}
_WSMAN = {  # wsmerror.h, ERROR_WSMAN_ and ERROR_WINRS_
    **_each(_NO_REMOTE_SHELLS, 2150859180),  # REMOTESHELLS_NOT_ALLOWED
    **_each(_NO_REMOTE_ACCESS, 2150859229, 2150859235),  # SERVICE_REMOTE_ACCESS_DISABLED, REMOTE_CONNECTION_NOT_ALLOWED
    # WMI_SVC_ACCESS_DENIED, WMI_PROVIDER_ACCESS_DENIED, WMI_CANNOT_CONNECT_ACCESS_DENIED, DIFFERENT_AUTHZ_TOKEN
    **_each(_DENIED, 2150859012, 2150859013, 2150859014, 2150859177),
    **_each(_REFUSED, 2150858806),  # FAILED_AUTHENTICATION
    **_each(_WRONG_NAME, 2150859248),  # MUTUAL_AUTH_FAILED
    **_each(_NO_MAPPING, 2150858909, 2150859092),  # SECURITY_UNMAPPED, CERTMAPPING_INVALIDUSERCREDENTIALS
    # RUNAS_INVALIDUSERCREDENTIALS, CREATESHELL_RUNAS_FAILED, RUNASUSER_MANAGEDACCOUNT_LOGON_FAILED,
    # VIRTUALACCOUNT_NOTSUPPORTED, VIRTUALACCOUNT_NOTSUPPORTED_DOWNLEVEL
    **_each(_RUN_AS, 2150859203, 2150859231, 2150859261, 2150859259, 2150859260),
    **_each(_UNENCRYPTED, 2150858974),  # CLIENT_UNENCRYPTED_DISABLED
    **_each(_CANNOT_DECRYPT, 2150859001),  # CANNOT_DECRYPT
    **_each(_TLS_BROKEN, 2150859194),  # SSL_CONNECTION_ABORTED
    # QUOTA_LIMIT; QUOTA_MAX_SHELLS, _MAX_OPERATIONS, _USER, _SYSTEM; QUOTA_MAX_SHELLUSERS; QUOTA_*_PPQ
    **_each(_QUOTA, 2150858815, *range(2150859173, 2150859177), 2150859179, *range(2150859236, 2150859243)),
    # ENVELOPE_TOO_LARGE, ENCODING_LIMIT; MAX_ENVELOPE_SIZE, _EXCEEDED, SERVER_ENVELOPE_LIMIT;
    # MAXENVELOPE_SIZE_NOT_SUPPORTED, MIN_ENVELOPE_SIZE; HTTP_REQUEST_TOO_LARGE_STATUS
    **_each(_ENVELOPE, 2150858790, 2150858805, 2150858823, 2150858824, 2150858825, 2150858862, 2150858878, 2150859025),
    # RESOURCE_NOT_FOUND, INVALID_URI (Windows Server 2008 R2), INVALID_RESOURCE_URI, HTTP_NOT_FOUND_STATUS,
    # CONFIG_SHELL_URI_INVALID, WINRS_SHELL_URI_INVALID, CUSTOMREMOTESHELL_DEPRECATED
    **_each(_NO_RESOURCE, 2150858752, 2150858754, 2150858811, 2150859027, 2150859096, 2150859099, 2150859196),
    # PROVIDER_LOAD_FAILED, CONFIG_SHELLURI_INVALID_PROCESSPATH, INVALID_FILEPATH, FILE_NOT_PRESENT
    **_each(_HOST_PROCESS, 2150858906, 2150859098, 2150859153, 2150859154),
    **_each(_BENEATH, 2150858755, 2150858883, 2150859117),  # PROVIDER_FAILURE, PLUGIN_FAILED, INVALID_PROVIDER_RESPONSE
    # CONFIG_CORRUPTED, POLICY_CORRUPTED, PLUGIN_CONFIGURATION_CORRUPTED
    **_each(_CONFIGURATION, 2150858757, 2150858888, 2150859152),
    **_each(_REDIRECTED, 2150859161, 2150859178),  # REDIRECT_REQUESTED, REDIRECT_LOCATION_NOT_AVAILABLE
    **_each(_BUSY, 2150858770, 2150858772, 2150859026),  # DESTINATION_UNREACHABLE, ENDPOINT_UNAVAILABLE, HTTP 503
    # OPERATION_TIMEDOUT, NETWORK_TIMEDOUT, SEMANTICCALLBACK_TIMEDOUT
    **_each(_SLOW, OPERATION_TIMED_OUT, 2150859046, 2150859228),
    # INVALID_SELECTORS, INSUFFCIENT_SELECTORS, UNEXPECTED_SELECTORS, INVALID_SELECTOR_VALUE; SESSION_ALREADY_CLOSED;
    # SHELL_ALREADY_CLOSED, SHELL_INVALID_SHELL_HANDLE, SHELL_INVALID_COMMAND_HANDLE, COMMAND_ALREADY_CLOSED;
    # SHELL_NOT_INITIALIZED, CLIENT_SESSION_UNUSABLE
    **_each(_SHELL_LOST, 2150858813, 2150858842, SHELL_GONE, 2150858845, 2150858904),
    **_each(_SHELL_LOST, 2150859082, 2150859084, 2150859085, 2150859087, 2150859118, 2150859258),
    # WINRS_SHELL_DISCONNECTED, _CLIENTSESSIONID_MISMATCH, _CONNECTED_TO_DIFFERENT_CLIENT,
    # _DISCONNECT_OPERATION_NOT_GRACEFUL, _DISCONNECT_OPERATION_NOT_VALID
    **_each(_SHELL_LOST, 2150859204, 2150859206, 2150859213, 2150859214, 2150859215),
    **_each(_PROCESS_GONE, 2150859212, 2150859230),  # COMMAND_TERMINATED, SERVICE_STREAM_DISCONNECTED
}
TABLE: Mapping[int, Meaning] = MappingProxyType({**_WIN32, **_HRESULTS, **_NTSTATUS, **_WSMAN})

# DSP0226 14.6 and WS-Addressing; of a fault without a number. Lower case, without the prefix, which is the server's.
SUBCODES: Mapping[str, Meaning] = MappingProxyType(
    {
        "accessdenied": _DENIED,
        "failedauthentication": _REFUSED,
        "quotalimit": _QUOTA,
        "encodinglimit": _ENVELOPE,
        "timedout": _SLOW,
        "destinationunreachable": _NO_RESOURCE,
        "endpointunavailable": _BUSY,
        "invalidselectors": _SHELL_LOST,
    }
)

_FACILITY_WIN32 = 0x80070000
_FACILITY_NT = 0xD0000000  # HRESULT_FROM_NT sets one bit of an NTSTATUS that is an error
_NUMBER = re.compile(r"-?[0-9]{1,10}|0[xX][0-9a-fA-F]{1,8}")
# In the words of a fault, only what calls itself a code, and numbers that cannot be anything else.
_IN_WORDS = re.compile(
    r"""\bCode\s*=\s*["'](?P<attribute>-?[0-9]{1,10}|0[xX][0-9a-fA-F]{1,8})["']"""
    r"|\b(?:error\s+(?:code|number)|HRESULT)\s*[:=]?\s*(?P<said>-?[0-9]{1,10}\b|0[xX][0-9a-fA-F]{8}\b)"
    r"|\b(?P<long>0[xX][8cCdD][0-9a-fA-F]{7})\b",
    re.IGNORECASE,
)
_LONGEST_WORDS = 16 * 1024


def folded(code: object) -> int | None:
    """A code in its one form: unsigned, an HRESULT of the Win32 facility as the Win32 error in it, one of an NTSTATUS
    as that. None for what is no number of 32 bits.
    """
    match code:
        case bool():
            return None
        case int():
            number = code
        case str() if _NUMBER.fullmatch(code.strip()):
            number = int(code.strip(), 16 if code.strip()[:2].lower() == "0x" else 10)
        case _:
            return None
    if not -(2**31) <= number < 2**32:
        return None
    number %= 2**32
    if number & 0xFFFF0000 == _FACILITY_WIN32:
        return number & 0xFFFF
    if number & 0xF0000000 == _FACILITY_NT:
        return number & ~0x10000000
    return number


def meaning(code: object, words: Iterable[str] = ()) -> Meaning | None:
    """What a fault means; None where nothing in it is known.

    Args:
        code: the number of the fault, in whatever form it came, or its subcode (`w:AccessDenied`).
        words: texts of the fault, in which a code is looked for when `code` is not known or vague; tainted.
    """
    known = _of(code)
    if known is not None and not known.vague:
        return known
    inner = (TABLE[each] for each in _codes(words) if each in TABLE and not TABLE[each].vague)
    return next(inner, known)


def _of(code: object) -> Meaning | None:
    number = folded(code)
    if number is not None:
        return TABLE.get(number)
    return SUBCODES.get(code.rpartition(":")[2].strip().lower()) if isinstance(code, str) else None


def _codes(words: Iterable[str]) -> Iterator[int]:
    for text in words:
        for found in _IN_WORDS.finditer(text[:_LONGEST_WORDS]):
            number = folded(found["attribute"] or found["said"] or found["long"])
            if number is not None:
                yield number
