"""From what a step of a connection gave to what its check comes to. Pure: what is now comes in as an argument.

Where a failure of the transport says enough, its words and its next step stand; here is what more is known of it when
each step is made by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from inventory.model import Authentication, Host, Scheme
from inventory.names import called
from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from runner.doctor.checks import Check, Checked, Standing
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.transport.classifying import OLD_TLS
from runner.transport.failures import Cause, Failure, quoted
from runner.transport.probing import Asked, Certificate, Presented
from texts.counting import counted

KERBEROS_SECONDS = 300  # by which clocks may differ (RFC 4120, 3.2.3; MIT Kerberos' and Windows' default)
ENDS_SOON = timedelta(days=14)
_SHOWN = 6  # names or addresses in one sentence


def passed(check: Check, said: str) -> Checked:
    return Checked(check, Standing.PASS, said)


def skipped(check: Check, said: str) -> Checked:
    return Checked(check, Standing.SKIPPED, said)


def failed(check: Check, why: Failure, said: str = "", then: str = "") -> Checked:
    """What a failure of the transport comes to; `said` and `then` where more is known than it says."""
    return Checked(check, Standing.FAIL, said or quoted(why.message), str(why.cause), then or why.next)


def secret_of(host: Host, secret: Secret | SecretUnavailableError | None) -> Checked:
    """Whether there is something to log on with; never what it is."""
    if isinstance(secret, SecretUnavailableError):
        why = f"{secret.reference}: {secret.why}"
        return Checked(Check.SECRET, Standing.FAIL, why, str(Cause.CREDENTIAL), secret.next)
    if secret is not None:
        return passed(Check.SECRET, f"{host.credential} gives a password for {host.user}")
    if host.authentication is Authentication.CERTIFICATE:
        return passed(Check.SECRET, "none is needed: a certificate logs on")
    return passed(Check.SECRET, "none is needed: this machine's Kerberos ticket logs on")


def name_of(host: Host, addresses: Sequence[tuple[str, Failure | None]]) -> Checked:
    """Whether the name leads anywhere that may be spoken to."""
    told = _listed([address for address, _ in addresses])
    said = (
        f"{host.address} is {told}"
        if [each for each, _ in addresses] != [host.address]
        else f"{host.address} is an IP address"
    )
    refused = [(address, why) for address, why in addresses if why is not None]
    if refused and len(refused) == len(addresses) and host.authentication is Authentication.NTLM:
        return failed(Check.NAME, refused[0][1], f"{said}: outside private networks, where NTLM is not spoken")
    if refused:
        said += f"; with {_listed([address for address, _ in refused])} no NTLM is spoken: outside private networks"
    return passed(Check.NAME, said)


def port_failed(host: Host, why: Failure) -> Checked:
    """Why nothing takes a connection there."""
    at = f"port {host.port} of {host.address}"
    match why.cause:
        case Cause.REFUSED if why.retryable and "no route" not in why.message:
            return failed(Check.PORT, why, f"{at} refuses connections: the server is up, and nothing listens there")
        case Cause.TIMEOUT:
            then = (
                "Check that the server is up, and that each firewall on the way and the server's own lets "
                f"TCP {host.port} through from this machine."
            )
            return failed(Check.PORT, why, f"{at} does not answer: the server is down, or something filters it", then)
        case Cause.CONNECTION_LOST:
            return failed(Check.PORT, why, f"{at} resets connections: something on the way or there forbids them")
        case _:
            return failed(Check.PORT, why)


def tls_of(presented: Presented, now: datetime) -> Checked:
    """Of a handshake with whoever proved to be the host."""
    of = presented.certificate
    if of is None:
        return passed(Check.TLS, presented.version)
    ends = f"until {of.not_after:%Y-%m-%d}"
    if of.not_after - now < ENDS_SOON:
        ends += ", which is soon: renew it"
    return passed(Check.TLS, f"{presented.version}, certificate of {of.subject or _listed(of.names)} {ends}")


def tls_failed(host: Host, why: Failure, presented: Presented | None, now: datetime) -> Checked:
    """Why the handshake failed, by the certificate that is presented to who does not verify it.

    Args:
        presented: None where not even such a handshake came about.
    """
    if why.cause is not Cause.TLS:
        return failed(Check.TLS, why)
    if presented is None and why.next == OLD_TLS:
        said = "the server has no TLS in common with this machine: no version from 1.2 on, or no cipher of one"
        return failed(Check.TLS, why, said)
    if presented is None:
        return failed(Check.TLS, why)
    if presented.version in ("TLSv1", "TLSv1.1", "SSLv3", "SSLv2"):
        then = "Enable TLS 1.2 on the server (SCHANNEL); nothing older is spoken."
        return failed(Check.TLS, why, f"the server speaks {presented.version} at most", then)
    if presented.certificate is None:
        return failed(Check.TLS, why)
    against = [*_against(host, presented.certificate, now)]
    if not against:
        return failed(Check.TLS, why)
    said = "; ".join(what for what, _ in against)
    return failed(Check.TLS, why, f"its certificate {said}", " ".join(dict.fromkeys(then for _, then in against)))


def _against(host: Host, of: Certificate, now: datetime) -> Sequence[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if now > of.not_after:
        said = f"expired on {of.not_after:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} UTC here"
        found.append((said, "Renew the certificate of the HTTPS listener."))
    if now < of.not_before:
        said = f"holds from {of.not_before:%Y-%m-%d %H:%M} UTC on, and it is {now:%Y-%m-%d %H:%M} UTC here"
        found.append((said, "Check this machine's clock, then the certificate."))
    if not is_for(of.names, called(host.address)):
        names = f"is for {_listed(of.names)}" if of.names else "names no server (subjectAltName)"
        then = "Give as `address` a name that the certificate has, or have one issued with this name."
        found.append((f"{names}, and not for {called(host.address)}", then))
    if of.self_issued:
        then = "Have it issued by a CA; or, for this one certificate alone, name a copy of it as `ca_file`."
        found.append((f"is issued by itself ({of.issuer})", then))
    elif not found:
        where = f"not in {host.ca_file}" if host.ca_file is not None else "not one that this machine trusts"
        then = "Name a PEM file with the certificate of that CA, and those between, as `ca_file` of this host."
        found.append((f"is issued by {of.issuer}, {where}", then))
    return found


def is_for(names: Sequence[str], wanted: str) -> bool:
    """Whether a name or address is among those of a certificate; a wildcard stands for one label (RFC 6125, 6.4.3)."""
    wanted = wanted.casefold()
    first, dot, rest = wanted.partition(".")
    wild = f"*.{rest}" if first and dot else ""
    return any(name.casefold() in (wanted, wild) for name in names)


_WINRM_PORTS = "Set `port` to that of WinRM's listener: 5985 for http, 5986 for https."
_NO_WINRM = (
    "On the server, see that WinRM runs and what it listens to (winrm enumerate winrm/config/listener); "
    f"if this port is another service's: {_WINRM_PORTS[0].lower()}{_WINRM_PORTS[1:]}"
)


def offer_of(host: Host, asked: Asked, not_offered: Failure) -> Checked:
    """Whether what answers is WinRM, and whether it offers what this host is to log on with.

    Args:
        not_offered: what the transport says of these offers where none can be answered.
    """
    server = asked.header("server")
    by = f" ({server})" if server else ""
    schemes = " and ".join(asked.schemes)
    match asked.status:
        case 401 if _answers(host, asked.schemes):
            return passed(Check.OFFER, f"WinRM asks for a log-on and offers {schemes or 'no scheme by name'}{by}")
        case 401:
            return failed(Check.OFFER, not_offered)
        case 404 if "iis" in server.casefold():
            said = f"IIS answers at this port, and has no /wsman{by}"
            return _no_winrm(Cause.ENDPOINT_MISSING, said, _WINRM_PORTS)
        case 404:
            said = f"a web server answers at this port, and has no /wsman{by}"
            return _no_winrm(Cause.ENDPOINT_MISSING, said, _NO_WINRM)
        case 405:
            said = f"a web server answers at this port that takes no POST at /wsman{by}"
            return _no_winrm(Cause.ENDPOINT_MISSING, said, _WINRM_PORTS)
        case 407:
            said = f"a proxy answers in place of the server, and asks for a log-on of its own{by}"
            return _no_winrm(Cause.PROTOCOL, said, _PROXY)
        case 503:
            said = f"the web server beneath WinRM answers, and the service does not{by}"
            then = "On the server, start the service WinRM (Get-Service WinRM), and see why it stopped."
            return _no_winrm(Cause.CONNECTION_LOST, said, then)
        case status if asked.header("via") or asked.header("x-cache") or asked.header("proxy-connection"):
            return _no_winrm(Cause.PROTOCOL, f"a proxy stands between, and answers HTTP {status}{by}", _PROXY)
        case status if 300 <= status < 400:
            said = f"a web server answers that sends one elsewhere (HTTP {status}){by}"
            return _no_winrm(Cause.PROTOCOL, said, _WINRM_PORTS)
        case status if 200 <= status < 300:
            said = f"HTTP {status} without a log-on, which is not what WinRM does{by}"
            return _no_winrm(Cause.PROTOCOL, said, _NO_WINRM)
        case status:
            said = f"HTTP {status} to a request without account, where WinRM answers 401{by}: {asked.words}"
            return _no_winrm(Cause.PROTOCOL, said.removesuffix(": "), _NO_WINRM)


_PROXY = "Take the proxy out of the way to this server: exrun uses none, so a gateway or a NAT rule leads to one."


def _no_winrm(cause: Cause, said: str, then: str) -> Checked:
    return Checked(Check.OFFER, Standing.FAIL, said, str(cause), then)


def _answers(host: Host, schemes: Sequence[str]) -> bool:
    match host.authentication:
        case Authentication.CERTIFICATE:
            return True  # what is offered besides tells nothing of it
        case Authentication.KERBEROS:
            return "Negotiate" in schemes or "Kerberos" in schemes
        case _:
            return "Negotiate" in schemes


def failing(why: Failure, *, accepted: bool) -> Check:
    """Which check a failure of the log-on, or of the session behind it, is one of."""
    match why.cause:
        case Cause.NOT_ENCRYPTED:
            return Check.ENCRYPTION
        case Cause.QUOTA | Cause.ENVELOPE_SIZE:
            return Check.QUOTAS
        case Cause.LANGUAGE_MODE | Cause.NOT_LOCKED:
            return Check.LANGUAGE
        case _ if accepted and why.cause not in _OF_ACCOUNT:
            return Check.SESSION
        case _:
            return Check.LOG_ON


_OF_ACCOUNT = frozenset(
    {Cause.AUTHENTICATION, Cause.CREDENTIAL, Cause.LOCKOUT_GUARD, Cause.PUBLIC_ADDRESS, Cause.CLOCK_SKEW}
)


def log_on_of(host: Host, check: Check, why: Failure | None) -> Checked:
    """The log-on, where `why` is a failure of `check`, or nothing failed."""
    if check is Check.LOG_ON and why is not None:
        return failed(Check.LOG_ON, why)
    if host.authentication is Authentication.CERTIFICATE:
        return passed(Check.LOG_ON, "the certificate was accepted, at the first attempt")
    return passed(Check.LOG_ON, f"{host.user or 'the account of the ticket'} was accepted, at the first attempt")


def powershell_of(said: Assessment) -> Checked:
    """PowerShell, and the group policy for scripts in files, as windows.session judged them."""
    finding = said.findings[0] if said.findings else None
    match said.verdict:
        case Verdict.OK:
            return passed(Check.POWERSHELL, said.summary)
        case Verdict.ATTENTION if finding is not None:
            return Checked(Check.POWERSHELL, Standing.FAIL, said.summary, "script-policy", finding.next)
        case _:
            then = finding.next if finding is not None else ""
            return Checked(Check.POWERSHELL, Standing.UNKNOWN, said.summary, "unread", then)


def with_checks(said: Assessment, checks: Sequence[Checked]) -> Assessment:
    """What windows.session says of a server, made as bad as the checks beside it: its row tells of all of them.

    Args:
        said: what the session's own answer came to; of PowerShell it tells itself.
        checks: all of the server.
    """
    wrong = [each for each in checks if each.standing in _NOT_WELL and each.check is not Check.POWERSHELL]
    if not wrong:
        return said
    wrong.sort(key=lambda each: each.standing is Standing.UNKNOWN)
    verdicts = {said.verdict, *(_NOT_WELL[each.standing] for each in wrong)}
    worst = min(verdicts, key=lambda verdict: verdict.rank)
    told = [f"{each.check}: {each.said}" for each in wrong]
    unknown = any(each.standing is Standing.UNKNOWN for each in wrong)
    return replace(
        said,
        verdict=worst,
        summary="; ".join((*told, said.summary)),
        findings=(*(_finding(each) for each in wrong), *said.findings),
        coverage=Coverage.NOT_KNOWABLE if unknown else said.coverage,
    )


_NOT_WELL = {Standing.FAIL: Verdict.ATTENTION, Standing.UNKNOWN: Verdict.UNKNOWN}


def _finding(checked: Checked) -> Finding:
    how = "failed" if checked.standing is Standing.FAIL else "tells neither"
    return Finding(
        id=f"doctor.{checked.check}",
        severity=Severity.HIGH,
        title=f"The check {checked.check} {how}",
        evidence=(checked.said,),
        next=checked.next.rstrip(".") or "Look at this server by hand",
    )


def encryption_of(host: Host, *, cleartext: bool) -> Checked:
    """Of a session in which answers could be opened."""
    if host.scheme is Scheme.HTTPS:
        return passed(Check.ENCRYPTION, "by TLS")
    if cleartext:
        said = "none: --allow-cleartext leaves it out, and whoever is on the network can read and change what is said"
        return Checked(Check.ENCRYPTION, Standing.FAIL, said, "cleartext", "Leave --allow-cleartext out.")
    return passed(Check.ENCRYPTION, "every message is sealed by the log-on's own key (NTLM or Kerberos)")


def rights_of(host: Host, why: Failure | None) -> Checked:
    """Whether the account is an administrator there: they alone may read WinRM's settings.

    Args:
        why: what kept the settings from being read; None where they were.
    """
    who = host.user or "the account"
    if why is None:
        return passed(Check.RIGHTS, f"{who} is an administrator of this server: it may read WinRM's settings")
    if why.cause is not Cause.ACCESS_DENIED:
        said = f"whether {who} is an administrator is not known: {quoted(why.message)}"
        return Checked(Check.RIGHTS, Standing.UNKNOWN, said, str(why.cause), why.next)
    said = f"{who} may log on and is no administrator of this server: WinRM's settings are denied to it"
    then = (
        "Make the account a member of the server's Administrators; one of the server's own that is a member needs "
        "LocalAccountTokenFilterPolicy as well, or be the built-in one. Without it much of an audit is unknown."
    )
    return failed(Check.RIGHTS, why, said, then)


_LEAST_SHELLS = 2  # a session that reads, and beside it the one in which something is changed
_LEAST_ENVELOPE = 150  # KiB of the longest request (wsman.py, MAX_PAYLOAD)


def quotas_of(settings: Mapping[str, str]) -> Checked:
    """Whether WinRM's settings leave room for what a run needs; a session has been opened already."""
    shells = _whole(settings.get("Winrs/MaxShellsPerUser", ""))
    envelope = _whole(settings.get("MaxEnvelopeSizekb", ""))
    idle = _whole(settings.get("Winrs/IdleTimeout", ""))
    memory = _whole(settings.get("Winrs/MaxMemoryPerShellMB", ""))
    told = (
        f"MaxShellsPerUser {_or_unsaid(shells)}, MaxMemoryPerShellMB {_or_unsaid(memory)}, "
        f"MaxEnvelopeSizekb {_or_unsaid(envelope)}, IdleTimeout {'unsaid' if idle is None else f'{idle // 1000} s'}"
    )
    if shells is None or envelope is None:
        then = "See winrm get winrm/config on the server."
        return Checked(Check.QUOTAS, Standing.UNKNOWN, f"not all settings are told: {told}", "unread", then)
    if shells < _LEAST_SHELLS:
        then = f"Raise MaxShellsPerUser to {_LEAST_SHELLS} at least; Windows' default is 30."
        return Checked(Check.QUOTAS, Standing.FAIL, f"room for too few shells: {told}", str(Cause.QUOTA), then)
    if envelope < _LEAST_ENVELOPE:
        then = "Raise MaxEnvelopeSizekb to 500, its default since Windows Server 2012."
        said = f"messages are too small for a script: {told}"
        return Checked(Check.QUOTAS, Standing.FAIL, said, str(Cause.ENVELOPE_SIZE), then)
    return passed(Check.QUOTAS, told)


def quota_failed(why: Failure, settings: Mapping[str, str]) -> Checked:
    """A session that a quota forbade, with what WinRM's settings allow where they could be read."""
    shells = _whole(settings.get("Winrs/MaxShellsPerUser", ""))
    allowed = "" if shells is None else f" MaxShellsPerUser is {shells}."
    return failed(Check.QUOTAS, why, f"no session, for a quota is used up.{allowed} {quoted(why.message)}")


def _whole(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdecimal() and len(written) <= 12 else None


def _or_unsaid(number: int | None) -> str:
    return "unsaid" if number is None else "unlimited" if number == _UNLIMITED else str(number)


_UNLIMITED = 2**31 - 1


def clock_of(date: str, now: datetime) -> Checked:
    """The server's clock by the `Date` of its answer (RFC 9110, 6.6.1), which has whole seconds.

    Args:
        date: as the server wrote it; tainted.
        now: this machine's, when the answer came.
    """
    try:
        said = parsedate_to_datetime(date) if date else None
    except (ValueError, TypeError, OverflowError):
        said = None
    if said is None:
        why = "its answer has no date" if not date else f"its date cannot be read: {quoted(date)}"
        then = "Compare the server's clock with this machine's by hand (w32tm /query /status)."
        return Checked(Check.CLOCK, Standing.UNKNOWN, why, "no-date", then)
    said = said.replace(tzinfo=UTC) if said.tzinfo is None else said
    skew = round((said - now.replace(microsecond=0)).total_seconds())
    told = "as this machine's"
    if abs(skew) > 1:
        told = f"{abs(skew)} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    if abs(skew) < KERBEROS_SECONDS:
        return passed(Check.CLOCK, f"the server's clock is {told}")
    then = (
        "Set whichever is wrong, against the domain controllers (w32tm /resync): Kerberos refuses more than 300 s, "
        "and what is judged by time is misjudged."
    )
    return Checked(Check.CLOCK, Standing.FAIL, f"the server's clock is {told}", str(Cause.CLOCK_SKEW), then)


def _listed(names: Sequence[str]) -> str:
    more = f" and {counted(len(names) - _SHOWN, 'other')}" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
