"""Whether a mailbox was exported to where IIS runs it, and who may export mailboxes.

ProxyShell gives the role Mailbox Import Export to whoever it acts as, exports a mailbox in which the page lies to
\\\\127.0.0.1\\c$\\...\\name.aspx, and removes the request (rapid7/metasploit-framework #15561; dmaasland/proxyshell-poc
#9). By default the role is assigned to nobody: one assignment is there, with which Organization Management may give it
(Microsoft, Exchange team blog of 26 March 2010). A request that has ended stays for 30 days (New-MailboxExportRequest,
CompletedRequestAgeLimit). So one that is there is evidence, and none proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from playbooks.actions.exchange.asking import asked, unanswered
from playbooks.actions.exchange.destinations import Destination, destination_of, host_of, is_outside
from playbooks.actions.exchange.hunting import first
from playbooks.actions.exchange.lines import short
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.values import Record, Value, text_of

ACTION = "exchange.export_requests"
FACTS = ("written", "requests", "assigned")
REQUESTS, STATISTICS, ROLES = "Get-MailboxExportRequest", "Get-MailboxExportRequestStatistics", "Get-ManagementRole"
COMMANDS = (REQUESTS, ROLES)
_MOST = 1000  # requests that the script sends
_LONGEST = 4096  # characters of a text that it sends
_BY_HAND = (
    "On this server itself, in Windows PowerShell as an administrator, load the snap-in "
    "Microsoft.Exchange.Management.PowerShell.SnapIn and run these; the Exchange Management Shell has them only for "
    "whoever has the role, which is nothing to assign for that. Or let the session run as a virtual account (JEA), or "
    "the server act for the account. What was done before shows in proxyshell.hunt alone"
)
_NOTHING = "which proves nothing: attackers remove their requests, and Exchange does 30 days after the end"
_WHO = re.compile(r"'([^'\n]+)'\s+created\s+(?:\w+\s+)*request")
_PST = re.compile(r"\.pst[. ]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Request:
    """A request, with what its statistics say where they were read.

    Attributes:
        server: which has written it, as Exchange knows; empty where it is not known.
        who: asked for it; empty where it is not known.
    """

    path: str
    name: str
    batch: str
    mailbox: str
    status: str
    created: str
    server: str
    who: str

    @property
    def destination(self) -> Destination:
        return destination_of(self.path)

    @property
    def is_written(self) -> bool:
        return self.destination in (Destination.PAGE, Destination.SERVED)

    @property
    def why_odd(self) -> str:
        """What nobody who saves a mailbox asks for; empty where it is usual."""
        if not self.path:
            return "it names no file"
        if len(self.path) >= _LONGEST:
            return "its path is longer than what was sent, so where it ends is not known"
        if self.destination is Destination.OWN_DISK:
            return "it writes to the disk of the server itself, by its administrative share"
        if is_outside(host_of(self.path)):
            return "it writes to a place outside of this network"
        return "" if _PST.search(self.path) else "its file is no .pst, which Exchange has refused since May 2021"

    def is_on(self, server: str) -> bool:
        """Whether it was written on this server; where nobody can tell, it could be."""
        target = host_of(self.path) or self.server.casefold()
        if not target or not server or target[:1].isdecimal() or ":" in target:
            return True
        return target.partition(".")[0] == server.casefold().partition(".")[0]

    @property
    def shown(self) -> str:
        of = f"{short(self.path) or 'no file'}: mailbox {self.mailbox or '(not said)'}, request {self.name}"
        more = (
            f"batch {self.batch}" if self.batch else "",
            self.status,
            f"made {self.created}" if self.created else "",
            f"by {self.who}" if self.who else "",
            f"written by {self.server}" if self.server else "",
        )
        return ", ".join((of, *(each for each in more if each)))


@dataclass(frozen=True, slots=True)
class _Said:
    """What the commands said.

    Attributes:
        gaps: what was not read and decides, one line each.
        details: what was not read of single requests.
    """

    server: str
    requests: tuple[_Request, ...]
    assigned: tuple[Record, ...]
    gaps: tuple[str, ...]
    details: tuple[str, ...]
    since: date | None

    @property
    def here(self) -> tuple[_Request, ...]:
        return tuple(each for each in self.requests if each.is_written and each.is_on(self.server))

    @property
    def elsewhere(self) -> tuple[_Request, ...]:
        return tuple(each for each in self.requests if each.is_written and not each.is_on(self.server))

    @property
    def odd(self) -> tuple[_Request, ...]:
        return tuple(each for each in self.requests if not each.is_written and each.why_odd)

    @property
    def usual(self) -> tuple[_Request, ...]:
        return tuple(each for each in self.requests if not each.is_written and not each.why_odd)

    @property
    def new(self) -> tuple[Record, ...]:
        """Assignments that were made since the day that was asked for; one without a day could be."""
        if self.since is None:
            return ()
        day = self.since.isoformat()
        return tuple(each for each in self.assigned if (text_of(each, "Created") or day)[:10] >= day)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges each request by where it writes, and who has the role; of what was not read it says so."""
    found = asked(ACTION, observation, params, FACTS, "an Edge server has no mailboxes to export")
    return found if isinstance(found, Assessment) else _concluded(_said(*found))


def _said(observed: Observed, since: date | None) -> _Said:
    unread = unanswered(observed, COMMANDS)
    capped = tuple(
        f"{text_of(each, 'What')}: {each.get('Limit')!s} of at least {each.get('Seen')!s} were sent"
        for each in observed.of_kind("Capped")
    )
    statistics = {each.get("Number"): each for each in observed.of_kind("ExportStatistics")}
    requests = tuple(_request(each, statistics) for each in observed.of_kind("ExportRequest"))
    gaps = [each for each in (*unread, *capped) if not each.startswith(STATISTICS)]
    counts = {text_of(each, "Command"): each.get("Count") for each in observed.of_kind("Answered")}
    count = counts.get(REQUESTS)
    if isinstance(count, int) and len(requests) != min(count, _MOST):
        gaps.append(f"{REQUESTS}: it named {count}, and {len(requests)} were sent")
    if counts.get(ROLES) == 0:
        gaps.append(f"{ROLES}: it names no role to export mailboxes, and every organisation has one")
    return _Said(
        text_of(observed.first("ThisServer") or {}, "Name"),
        requests,
        tuple(each for each in observed.of_kind("RoleAssignment") if each.get("Enabled") is True and not _usual(each)),
        tuple(gaps),
        tuple(each for each in (*unread, *capped) if each.startswith(STATISTICS)),
        since,
    )


def _request(record: Record, statistics: Mapping[Value, Record]) -> _Request:
    told = {
        name: text_of(record, name).strip() for name in ("FilePath", "Name", "Batch", "Mailbox", "Status", "Created")
    }
    more = statistics.get(record.get("Number"), {})
    # Where Exchange does not find the request that is asked for, it tells of all of them.
    if (text_of(more, "Name").strip(), text_of(more, "FilePath").strip()) != (told["Name"], told["FilePath"]):
        more = {}
    who = _WHO.search(text_of(more, "Report"))
    return _Request(
        told["FilePath"],
        told["Name"],
        told["Batch"],
        told["Mailbox"],
        told["Status"],
        told["Created"],
        text_of(more, "Server").strip(),
        who[1] if who else "",
    )


def _usual(assignment: Record) -> bool:
    """Whether it is the one that every organisation has: Organization Management may give the role, and has it not."""
    return (
        text_of(assignment, "Delegation") in ("Delegating", "DelegatingOrgWide")
        and text_of(assignment, "Type") == "RoleGroup"
        and text_of(assignment, "Assignee") == "Organization Management"
    )


def _concluded(said: _Said) -> Assessment:
    verdict = Verdict.OK
    if said.here:
        verdict = Verdict.COMPROMISED
    elif said.elsewhere or said.odd or said.new:
        verdict = Verdict.SUSPICIOUS
    elif said.usual or said.assigned:
        verdict = Verdict.ATTENTION
    if said.gaps:
        verdict = min(verdict, Verdict.UNKNOWN, key=lambda either: either.rank)
    why = UnknownFact(f"not everything was read: {said.gaps[0]}") if said.gaps else None
    return Assessment(
        verdict,
        _summary(said),
        tuple(_findings(said)),
        {
            "written": why or tuple(dict.fromkeys(each.path for each in (*said.here, *said.elsewhere))),
            "requests": len(said.requests) if why is None else why,
            "assigned": why or tuple(dict.fromkeys(_who(each) for each in said.assigned)),
        },
        Coverage.NOT_KNOWABLE if said.gaps else Coverage.PROBED,
    )


def _who(assignment: Record) -> str:
    return text_of(assignment, "Assignee") or text_of(assignment, "Name")


def _shown(assignment: Record) -> str:
    may = "has" if text_of(assignment, "Delegation") == "Regular" else "may give"
    made = text_of(assignment, "Created")
    kind = text_of(assignment, "Type") or "kind not said"
    return (
        f"{_who(assignment)} ({kind}) {may} {text_of(assignment, 'Role')}, by {text_of(assignment, 'Name')}"
        f"{f', made {made}' if made else ''}"
    )


def _findings(said: _Said) -> Iterator[Finding]:
    if said.here:
        yield Finding(
            f"{ACTION}.written",
            Severity.CRITICAL,
            "A mailbox was exported to where IIS runs it or serves it, as ProxyShell writes a page",
            first([each.shown for each in said.here]),
            "Take this server for compromised, and keep the request as evidence. Look at that place for what lies "
            "there, which is a mail store with a page in it and no text, and ask proxyshell.hunt who came how",
        )
    if said.elsewhere:
        yield Finding(
            f"{ACTION}.written-elsewhere",
            Severity.CRITICAL,
            "A mailbox was exported to where IIS of another server runs it or serves it",
            first([each.shown for each in said.elsewhere]),
            "Take the server that is named for compromised, and look there; whoever asked for it had the rights of an "
            "administrator of this organisation",
        )
    if said.gaps:
        yield Finding(
            f"{ACTION}.unread",
            Severity.HIGH,
            "Could not tell which mailboxes were exported, or who may export them",
            (
                *first(list(said.gaps)),
                f"to be run: {', '.join((REQUESTS, STATISTICS, ROLES, 'Get-ManagementRoleAssignment'))}",
            ),
            _BY_HAND,
        )
    if said.odd:
        yield Finding(
            f"{ACTION}.odd",
            Severity.HIGH,
            "A mailbox was exported to a place to which nobody saves mailboxes",
            first([f"{each.shown}: {each.why_odd}" for each in said.odd]),
            "Ask who asked for it and what for; if nobody did, take the server that wrote it for compromised",
        )
    if said.new:
        yield Finding(
            f"{ACTION}.assigned-since",
            Severity.HIGH,
            "The right to export mailboxes was given since the day that was asked for",
            first([_shown(each) for each in said.new]),
            "Ask who gave it. ProxyShell gives it to the administrator as whom it acts; if nobody did, take this "
            "organisation's servers for compromised and remove the assignment",
        )
    if old := [each for each in said.assigned if each not in said.new]:
        yield Finding(
            f"{ACTION}.assigned",
            Severity.MEDIUM,
            "Somebody may export mailboxes, which by default nobody may",
            first([_shown(each) for each in old]),
            "Ask who gave it and whether it is needed: with it every mailbox can be read. ProxyShell leaves such an "
            "assignment behind",
        )
    if said.usual:
        yield Finding(
            f"{ACTION}.requests",
            Severity.MEDIUM,
            "Mailboxes were exported to files, which is no attack of its own",
            first([each.shown for each in said.usual]),
            "Ask who asked for these and where the files are now; whole mailboxes leave by them as well",
        )
    if said.details:
        yield Finding(
            f"{ACTION}.details",
            Severity.LOW,
            "Of some requests it could not be read which server wrote them, and who asked",
            first(list(said.details)),
            f"Run {STATISTICS} with -IncludeReport for these on the server",
        )


def _summary(said: _Said) -> str:
    if said.here:
        text = f"a mailbox was exported to {short(said.here[0].path)}"
    elif said.elsewhere:
        text = f"a mailbox was exported to {short(said.elsewhere[0].path)}, on another server"
    elif said.odd:
        text = f"a mailbox was exported to {short(said.odd[0].path) or 'no file'}: {said.odd[0].why_odd}"
    elif said.new:
        text = f"the right to export mailboxes was given to {_who(said.new[0])}"
    elif said.gaps:
        return f"could not tell: {said.gaps[0]}"
    elif said.usual:
        text = f"{len(said.usual)} mailboxes were exported to files"
    elif said.assigned:
        text = f"{_who(said.assigned[0])} may export mailboxes, which by default nobody may"
    else:
        text = f"no request to export a mailbox is there, {_NOTHING}"
    return f"{text}; not everything could be read" if said.gaps else text
