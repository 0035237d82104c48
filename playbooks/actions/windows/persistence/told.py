"""What the event logs say was made, added or cleared, one entry each, and how far back they reach.

The events and the order of what stands in them are Windows' own (Microsoft, "Audit events" of Windows Server: 1102,
4697, 4698, 4702, 4720, 4728, 4732, 4756; System: 104 of Microsoft-Windows-Eventlog, 7045 of the Service Control
Manager). What they tell of may be gone again; what they do not tell of may stand in a part of the log that is gone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date

from playbooks.actions.windows.persistence.entries import MACHINE_LIKE, Entry
from playbooks.findings import Severity
from playbooks.investigating.commands import SHELL, Folders, Reason, against, runs_a_shell
from playbooks.observation import Observed
from playbooks.values import Record, text_of

LOGS = ("Security", "System")
NEW = Reason("told", Severity.MEDIUM, "it is told since the day that was asked for")
CLEARED = Reason("cleared", Severity.MEDIUM, "somebody cleared a log, and what stood in it is gone")

_AUDIT, _CLEARING = "microsoft-windows-security-auditing", "microsoft-windows-eventlog"
_EXEC = re.compile(r"<(Command|Arguments)>(.*?)</\1>", re.IGNORECASE)
_ADMINISTRATORS = "S-1-5-32-544"
_SHOWN = 300


def told(observed: Observed, folders: Folders, since: date | None) -> Iterator[Entry]:
    """An entry for each event that says something; those of other sources with the same number are none."""
    for each in observed.of_kind("Event"):
        entry = _entry(each, folders, since)
        if entry is not None:
            yield entry


def reached(observed: Observed) -> tuple[str, ...]:
    """How far back each log reaches, as lines of evidence."""
    found = []
    for each in observed.of_kind("EventLog"):
        name = f"event log {text_of(each, 'Name')}"
        off = "" if each.get("Enabled") is True else ", and it is switched off"
        if each.get("Present") is not True:
            found.append(f"{name}: not on this server, so that nothing is known of what it would tell")
        elif oldest := text_of(each, "Oldest")[:10]:
            found.append(f"{name}: since {oldest}{off}; of what was made or added before it tells nothing")
        else:
            found.append(f"{name}: there is no event in it{off}")
    return tuple(found)


def short_of(observed: Observed, since: date | None) -> tuple[str, ...]:
    """Why the logs cannot say what is new since a day, one line a log; nothing where no day was asked for."""
    if since is None:
        return ()
    found = []
    logs = {text_of(each, "Name").casefold(): each for each in observed.of_kind("EventLog")}
    closed = {entry.what.casefold() for entry in observed.unread}
    for name in LOGS:
        log, oldest = logs.get(name.casefold()), ""
        if log is not None:
            oldest = text_of(log, "Oldest")[:10]
        if f"event log {name}".casefold() in closed:
            continue
        if log is None or not oldest:
            found.append(f"event log {name}: it tells nothing of what is new since {since}")
        elif log.get("Enabled") is not True:
            found.append(f"event log {name}: it is switched off, and does not tell what is new since {since}")
        elif oldest > since.isoformat():
            found.append(f"event log {name}: it reaches back to {oldest} only, and not to {since}")
    return tuple(found)


def _entry(event: Record, folders: Folders, since: date | None) -> Entry | None:
    number, provider, time = event.get("Id"), text_of(event, "Provider").casefold(), text_of(event, "Time")
    texts = text_of(event, "Text").split("\n")
    new = since is not None and time[:10] >= since.isoformat()
    cleared = (CLEARED,) if new or since is None else ()

    def at(place: int) -> str:
        return texts[place].strip() if place < len(texts) else ""

    def entry(shown: str, *reasons: Reason) -> Entry:
        also = (NEW,) if new else ()
        place = f"event {number!r} of {text_of(event, 'Log')}"
        return Entry("event", f"{time[:19]} {shown} ({place})", tuple(dict.fromkeys((*reasons, *also))))

    match number:
        case 7045 if provider == "service control manager":
            return entry(f"service {at(0)} was made: {_short(at(1))}, as {at(4)}", *_of_service(at(1), folders))
        case 4697 if provider == _AUDIT:
            return entry(f"service {at(4)} was made by {at(1)}: {_short(at(5))}", *_of_service(at(5), folders))
        case 4698 | 4702 if provider == _AUDIT:
            command = " ".join(html.unescape(each[1]) for each in _EXEC.findall(at(5)))
            done = "made" if number == 4698 else "altered"
            said = _short(command) or "no command can be read from it"
            return entry(f"task {at(4)} was {done} by {at(1)}: {said}", *against(command, folders))
        case 4720 if provider == _AUDIT:
            return entry(
                f"user {at(0)} ({at(2)}) was made by {at(4)}", *((MACHINE_LIKE,) if at(0).endswith("$") else ())
            )
        case 4728 | 4732 | 4756 if provider == _AUDIT:
            group = "Administrators" if at(4) == _ADMINISTRATORS else at(2)
            return entry(f"{at(0)} ({at(1)}) was added to {group} ({at(4)}) by {at(6)}")
        case 1102 if provider == _CLEARING:
            return entry(f"{at(1)} cleared the log Security", *cleared)
        case 104 if provider == _CLEARING:
            return entry(f"{at(0)} cleared the log {at(2)}", *cleared)
    return None


def _of_service(command: str, folders: Folders) -> tuple[Reason, ...]:
    return (*against(command, folders), *((SHELL,) if runs_a_shell(command, folders) else ()))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
