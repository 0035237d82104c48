"""Fleets as an investigation finds them: six kinds of servers, from compromised to clean, with as much as each says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from playbooks.investigating.standing import CLEAR_OF, LOOKED_FOR
from runner.results import FleetResult, HostResult, Label, Listed, NotReached, StepResult, fleet_result, judged
from runner.terms import Terms
from runner.transport.failures import Cause, Failure

CLIENT = "northwind"
TERMS = Terms(date(2026, 11, 20), date(2026, 11, 28))
_PROTOCOLS = ("Ecp", "Autodiscover", "Eas", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")


def fleet(count: int) -> FleetResult:
    """So many servers, kind by kind in turn, so that each kind has every seventh; the last is not reached."""
    kinds: tuple[Callable[[str, int], HostResult], ...] = (_ok, _ok, _vulnerable, _ok, _broken_into, _probed, _unknown)
    rows = [kinds[number % len(kinds)](f"EX{number + 1:04}", number) for number in range(count - 1)]
    silent = Failure(Cause.TIMEOUT, "no answer in 30 s", "Check that WinRM listens, and that the firewall lets it in")
    rows.append(NotReached(f"EX{count:04}", CLIENT, silent, steps_due=4, requests=1, seconds=30, listed=_listed(count)))
    return fleet_result("2026-11-28t150212z-7f3a", TERMS, rows)


def _ok(name: str, number: int) -> HostResult:
    return _judged(name, number, _version(), _hunt(number), _agents(number))


def _vulnerable(name: str, number: int) -> HostResult:
    return _judged(name, number, _version(behind=True), _patch(), _hunt(number), _agents(number))


def _probed(name: str, number: int) -> HostResult:
    return _judged(name, number, _version(), _hunt(number, _probe(number)), _agents(number))


def _unknown(name: str, number: int) -> HostResult:
    unread = Finding(
        "proxylogon.hunt.unread",
        Severity.HIGH,
        "Logs in which ProxyLogon would show are missing, closed or cut short",
        ("HttpProxy\\Ecp: there is no such folder",),
        "Find out why, and who removed them if they were there; look at them by hand, or in copies that a backup has",
    )
    return _judged(name, number, _version(), _hunt(number, unread, verdict=Verdict.UNKNOWN), _agents(number))


def _broken_into(name: str, number: int) -> HostResult:
    page = Finding(
        "webshell.scan.malicious",
        Severity.CRITICAL,
        "A web shell, or another file that is known to be malicious, lies where IIS can run it",
        (
            (
                f"C:\\inetpub\\wwwroot\\aspnet_client\\p{number}.aspx: a virtual directory was written out into it, "
                "with a script in a URL (CVE-2021-27065) [content.oab]; aspnet_client holds scripts and pictures; a "
                f"page in it belongs to nobody [location.aspnet-client], SHA-256 {number:064x}, 807 bytes, "
                "written 2026-11-03T04:05:11Z, owner BUILTIN\\Administrators"
            ),
        ),
        "Take this server for compromised: cut it off, keep the file as evidence, and see what was done through it",
    )
    session = Finding(
        "proxylogon.hunt.session-obtained",
        Severity.CRITICAL,
        "A session as SYSTEM was obtained through ProxyLogon",
        tuple(_request(number, second, "/ecp/proxyLogon.ecp") for second in (8, 9)),
        "Take this server for compromised even without a web shell: a session as SYSTEM existed",
    )
    scan = StepResult(
        "webshells",
        "webshell.scan",
        Assessment(Verdict.COMPROMISED, "4 files that IIS could run: 1 malicious, 2 baseline, 1 in order", (page,)),
    )
    hunt = _hunt(number, session, _probe(number), verdict=Verdict.COMPROMISED)
    return _judged(name, number, _version(behind=True), _patch(), hunt, scan, _agents(number))


def _judged(name: str, number: int, *steps: StepResult) -> HostResult:
    return judged(name, CLIENT, steps, 20, 3 + number % 5, _listed(number))


def _listed(number: int) -> Listed:
    site = Label("site", (("HQ", "Leeds", "York")[number % 3],))
    return Listed(f"10.0.0.{number % 250}", 5985, (), (site, Label("dag", (f"DAG{number % 17}",))))


def _version(*, behind: bool = False) -> StepResult:
    finding = Finding(
        "exchange.version.behind",
        Severity.MEDIUM,
        "This server is 2 updates and 3 months behind Sep26SU, the newest update of its cumulative update",
        ("ExSetup.exe is 15.2.1748.10", "newest of 2019 CU15 in the catalogue of 2026-11-20: Sep26SU"),
        "Install Sep26SU (15.2.1748.51, KB5070000)",
    )
    facts = {"product": "2019", "cu": "CU15", "update": "Feb26SU" if behind else "Sep26SU"}
    said = "2 updates and 3 months behind Sep26SU" if behind else "Exchange Server 2019 CU15 Sep26SU (15.2.1748.51)"
    verdict = Verdict.BEHIND if behind else Verdict.OK
    return StepResult("version", "exchange.version", Assessment(verdict, said, (finding,) if behind else (), facts))


def _patch() -> StepResult:
    finding = Finding(
        "exchange.patch.vulnerable",
        Severity.CRITICAL,
        "Vulnerable to proxylogon; the fix for 2019 CU15 is not installed",
        ("ExSetup.exe is 15.2.1748.10", "proxylogon (CVE-2021-26855; known to be exploited): fixed in 15.2.1748.51"),
        "Install Sep26SU (15.2.1748.51, KB5070000)",
        ("CVE-2021-26855",),
        ("KB5070000",),
    )
    said = "proxylogon: 15.2.1748.10 is below 15.2.1748.51"
    return StepResult("patch", "exchange.patch", Assessment(Verdict.VULNERABLE, said, (finding,)))


def _hunt(number: int, *found: Finding, verdict: Verdict = Verdict.OK) -> StepResult:
    reach = Finding(
        "proxylogon.hunt.reach",
        Severity.INFO,
        "How far back the logs reach, by days of UTC: of what was before nothing is known",
        (
            *(
                f"HttpProxy\\{name}: 2026-10-{1 + number % 28:02} to 2026-11-28, {30 + number} files"
                for name in _PROTOCOLS
            ),
            "event log System: not on this server",
            "logs of IIS: none was found",
        ),
        "For earlier days ask backups and log servers, and look for web shells: a clean object in the directory proves "
        "nothing, for attackers set it back after use",
    )
    if found and verdict is Verdict.OK:
        verdict = Verdict.PROBED
    said = {Verdict.OK: "nothing of ProxyLogon", Verdict.UNKNOWN: "could not read 1 part of the logs"}
    facts = {"since": f"2026-10-{1 + number % 28:02}"} | ({CLEAR_OF: LOOKED_FOR} if verdict is Verdict.OK else {})
    coverage = Coverage.NOT_KNOWABLE if verdict is Verdict.UNKNOWN else Coverage.PROBED
    summary = said.get(verdict, f"ProxyLogon: {verdict}")
    return StepResult("hunt", "proxylogon.hunt", Assessment(verdict, summary, (*found, reach), facts, coverage))


def _probe(number: int) -> Finding:
    return Finding(
        "proxylogon.hunt.probed",
        Severity.MEDIUM,
        "This server was probed for ProxyLogon",
        (_request(number, 6, "/autodiscover/autodiscover.xml"),),
        "Install the update if exchange.patch asks for it; a probe alone is no breach, and who probed may come back",
    )


def _request(number: int, second: int, path: str) -> str:
    return (
        f"2026-11-03T04:{number % 60:02}:{second:02}Z from 203.0.113.66, user agent python-requests/2.25.1, status 200:"
        f" ServerInfo~a]@ex{number + 1:04}.northwind.example:444{path}?# (HttpProxy\\Ecp\\HttpProxy_2026110304-1.LOG)"
    )


def _agents(number: int) -> StepResult:
    listed = Finding(
        "exchange.transport_agents.agents",
        Severity.INFO,
        "The agents that Exchange loads into its transport",
        tuple(
            f"{name} Agent (agents.config), C:\\Program Files\\Microsoft\\Exchange Server\\V15\\TransportRoles\\agents"
            f"\\{name}.dll; version 15.02.1748.051, signature Valid (CN=Microsoft Corporation)"
            for name in ("Transport Rule", "Malware", "Text Messaging Routing", "Supervisory Transport")
        ),
        "Compare with another server of this build: a signature says who made a library, not that it belongs here",
    )
    return StepResult("agents", "exchange.transport_agents", Assessment(Verdict.OK, "4 agents", (listed,)))
