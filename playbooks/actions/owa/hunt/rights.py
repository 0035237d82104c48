"""Mailbox folders that everybody may open.

What came after CVE-2026-42897 gives `Default`, which is every user of the organisation, the right Owner on folders of a
mailbox. On a calendar everybody sees by default when somebody is busy (AvailabilityOnly or LimitedDetails); on other
folders nobody has a right. Administrators give everybody more on calendars and shared mailboxes, so less than the right
to change is only to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.actions.exchange.hunting import first
from playbooks.actions.exchange.lines import short
from playbooks.actions.owa.hunt.traces import RIGHTS
from playbooks.findings import Finding, Severity
from playbooks.observation import Observed
from playbooks.values import text_of

_NO_RIGHT = frozenset({"none", "availabilityonly", "limiteddetails", ""})
# Rights to change what is there, and roles that have them (Microsoft, Add-MailboxFolderPermission).
_CHANGING = frozenset(
    {
        *("owner", "publishingeditor", "editor", "publishingauthor", "folderowner"),
        *("editallitems", "deleteallitems", "createsubfolders"),
    }
)


def rights(action: str, observed: Observed) -> tuple[Finding, ...]:
    """Findings of who may open folders, and of what could not be asked."""
    changing: list[str] = []
    reading: list[str] = []
    for each in observed.of_kind("Right"):
        given = {right.strip().casefold() for right in text_of(each, "Rights").split(",")}
        said = (
            f"{short(text_of(each, 'Mailbox'))}, folder {short(text_of(each, 'Folder')) or '(root)'}: "
            f"{text_of(each, 'User')} has {short(text_of(each, 'Rights'))}"
        )
        if given & _CHANGING:
            changing.append(said)
        elif not given <= _NO_RIGHT:
            reading.append(said)
    findings = []
    if changing:
        findings.append(
            Finding(
                f"{action}.rights-changing",
                Severity.HIGH,
                "Everybody may change what is in mailbox folders, as what came after CVE-2026-42897 leaves it",
                first(changing),
                "Ask the owners; where none of them wanted it, take the right away, and look in the mailbox for rules "
                "that forward and for tokens that were used from elsewhere",
                (RIGHTS,),
            )
        )
    if reading:
        findings.append(
            Finding(
                f"{action}.rights-reading",
                Severity.LOW,
                "Everybody may read mailbox folders",
                first(reading),
                "Ask the owners whether they wanted it",
            )
        )
    if not_asked := list(_not_asked(observed)):
        findings.append(
            Finding(
                f"{action}.rights-not-asked",
                Severity.LOW,
                "Who may open mailbox folders was not asked everywhere",
                first(not_asked),
                "Ask with Get-MailboxFolderPermission, from a session that Exchange's commands answer in",
            )
        )
    return tuple(findings)


def _not_asked(observed: Observed) -> Iterator[str]:
    told = observed.first("RightsAsked")
    if told is None:
        yield "the answer does not say whether it was asked"
    elif told.get("Answered") is not True:
        yield f"Exchange's commands do not answer here: {text_of(told, 'Why')}"
    elif told.get("Whole") is not True:
        yield f"of {told.get('Mailboxes')!s} mailboxes it was asked, and there are more"
    yield from (f"{each.what}: {each.why}" for each in observed.unread if each.what.startswith("folders of mailbox "))
