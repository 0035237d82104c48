"""What a server starts by itself, one entry each with what is against it.

An entry without a reason is known no better than before: it is counted, and nothing is said for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from playbooks.actions.windows.persistence.task_bytes import actions, times
from playbooks.findings import Severity
from playbooks.investigating.commands import (
    SHELL,
    Folders,
    Reason,
    against,
    decoded,
    expanded,
    program,
    runs_a_shell,
)
from playbooks.observation import Observed
from playbooks.values import Record, text_of

UNLISTED = Reason("unlisted", Severity.MEDIUM, "no list of tasks shows it, for it is missing in the tree of the cache")
UNSECURED = Reason(
    "hidden",
    Severity.HIGH,
    "no list of tasks shows it, for its security descriptor was taken away, and it runs all the same",
)
UNDESCRIBED = Reason("undescribed", Severity.MEDIUM, "its file below System32\\Tasks is gone, and it runs all the same")
UNREADABLE = Reason("unreadable", Severity.MEDIUM, "what it does is not written as Windows writes it")
NEW = Reason("new", Severity.MEDIUM, "it was made or altered since the day that was asked for")
LOGON = Reason("logon", Severity.MEDIUM, "Windows leaves this value empty")
OTHER_SHELL = Reason("other-shell", Severity.HIGH, "Windows has another program there")
INSTEAD = Reason("instead", Severity.MEDIUM, "it is started in place of a program, or with it")
BEFORE_LOGON = Reason(
    "before-logon", Severity.HIGH, "it is started in place of a program that runs before anybody logs on"
)
REPLACED = Reason(
    "replaced", Severity.HIGH, "it is an interpreter under another name, and starts before anybody logs on"
)
OF_SHELL = Reason("autorun", Severity.MEDIUM, "every interpreter of commands runs it when it starts")
CREATES = Reason("appcert", Severity.MEDIUM, "every process that starts another loads it")
PASSED_ON = Reason("portproxy", Severity.MEDIUM, "connections to this server are passed on to another place")
HIDDEN_USER = Reason("hidden-user", Severity.MEDIUM, "the screen of logon does not show this user")
OF_POWERSHELL = Reason("profile-script", Severity.MEDIUM, "every PowerShell runs it when it starts")
LOADED = Reason("loaded", Severity.MEDIUM, "every program with a window loads it")
PACKAGE = Reason("package", Severity.MEDIUM, "it is loaded where passwords are checked, and Windows does not bring it")
AT_LOGON = Reason("startup", Severity.MEDIUM, "every logon starts it; what a link leads to is not read")
CONSUMER = Reason("consumer", Severity.HIGH, "WMI starts it by itself, which Windows and Exchange have no use for")
UNBOUND = Reason("unbound", Severity.LOW, "no filter is bound to it, so that nothing starts it now")
UNKNOWN_CLASS = Reason("unknown-class", Severity.MEDIUM, "what a consumer of this class does is not known")
EVERYBODY = Reason("everybody", Severity.HIGH, "it stands for everybody or for what the web server runs as")
SERVICE_MEMBER = Reason(
    "built-in", Severity.HIGH, "it is an account that Windows keeps disabled, or that has no need of this"
)
MACHINE_LIKE = Reason(
    "machine-like", Severity.HIGH, "it is a user whose name ends as that of a computer, which hides it from lists"
)
UNRESOLVED = Reason("unresolved", Severity.LOW, "it has no name any more, or its domain did not answer")
NEW_PASSWORD = Reason(
    "new", Severity.MEDIUM, "its password was set since the day that was asked for, as it is when a user is made"
)

_USERINIT = re.compile(r"^(?:[a-z]:\\windows\\system32\\)?userinit(?:\.exe)?\s*,?\s*$")
# Windows Server without a desktop.
_CORE_SHELL = 'cmd.exe /c "cd /d "%userprofile%" & start cmd.exe /k runonce.exe /alternateshellstartup"'
_BEFORE_LOGON = frozenset(
    f"{name}.exe" for name in ("sethc", "utilman", "osk", "magnify", "narrator", "displayswitch", "atbroker", "logonui")
)
# The values of a new Windows Server, whatever its release; an empty one is written "" there.
_PACKAGES: Mapping[str, frozenset[str]] = {
    "authentication packages": frozenset({"msv1_0"}),
    "notification packages": frozenset({"scecli", "rassfm"}),
    "security packages": frozenset(
        {'""', "kerberos", "msv1_0", "schannel", "wdigest", "tspkg", "pku2u", "livessp", "cloudap"}
    ),
}
_RUNS = ("commandlineeventconsumer", "activescripteventconsumer")
_WRITES = ("nteventlogeventconsumer", "logfileeventconsumer", "smtpeventconsumer")  # nothing is run by these
_NAME = re.compile(r'Name = "(.*)"', re.DOTALL)
# Well-known SIDs (MS-DTYP 2.4.2.4): everybody, anonymous, authenticated users, users, guests, network service, IIS.
_EVERYBODY = frozenset(
    {"S-1-1-0", "S-1-5-7", "S-1-5-11", "S-1-5-4", "S-1-5-2", "S-1-5-20", "S-1-5-19", "S-1-5-32-545", "S-1-5-32-546",
     "S-1-5-32-568", "S-1-5-17", "S-1-5-113"}
)  # fmt: skip
_APP_POOL = "S-1-5-82-"
_KEPT_DISABLED = ("-501", "-503", "-504")  # Guest, DefaultAccount, WDAGUtilityAccount
_SHOWN = 300  # characters of a command


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that is started by itself, or somebody who may do everything.

    Attributes:
        group: of which kind: task, service, autorun, wmi, administrator or user.
        shown: what it is, in a line, without its reasons.
        reasons: what is against it; none where nothing is.
        gap: what of it could not be read; empty where all was.
    """

    group: str
    shown: str
    reasons: tuple[Reason, ...]
    gap: str = ""

    @property
    def severity(self) -> Severity:
        """Of the worst reason; two that weigh heavily are worse than one."""
        worst = min((reason.severity for reason in self.reasons), key=lambda each: each.rank, default=Severity.INFO)
        heavy = sum(reason.severity is Severity.HIGH for reason in self.reasons)
        return Severity.CRITICAL if heavy > 1 else worst

    @property
    def line(self) -> str:
        """As evidence."""
        return f"{self.shown}: {'; '.join(reason.says for reason in self.reasons)}"


def entries(observed: Observed, since: date | None) -> tuple[Entry, ...]:
    """Everything that the server says of itself, in the order of its groups."""
    folders = folders_of(observed)
    return (
        *_tasks(observed, folders, since),
        *(_service(each, folders) for each in observed.of_kind("Service")),
        *(_autorun(each, folders) for each in observed.of_kind("Autorun") if text_of(each, "Value").strip()),
        *(_before_logon(each) for each in observed.of_kind("BeforeLogon")),
        *_consumers(observed, folders),
        *_members(observed),
        *(_user(each, since) for each in observed.of_kind("LocalUser")),
    )


def folders_of(observed: Observed) -> Folders:
    """Where Windows is, as the server says."""
    server = observed.first("Server") or {}
    return Folders(
        text_of(server, "SystemRoot").rstrip("\\") or Folders().windows,
        text_of(server, "SystemDrive").rstrip("\\") or Folders().drive,
        text_of(server, "ProgramData").rstrip("\\") or Folders().data,
    )


def _before_logon(record: Record) -> Entry:
    same = text_of(record, "Same").rpartition("\\")[2]
    shown = f"{text_of(record, 'Path')}, SHA-256 {text_of(record, 'Sha256').lower()}"
    return Entry("autorun", f"{shown}{f' = {same}' if same else ''}", (REPLACED,) if same else ())


def _tasks(observed: Observed, folders: Folders, since: date | None) -> Iterator[Entry]:
    tasks = tuple(observed.of_kind("Task"))
    # Where no task has the value, this Windows does not keep it there.
    kept = any(task.get("Secured") is True for task in tasks)
    for task in tasks:
        yield _task(task, folders, since, kept)


def _task(task: Record, folders: Folders, since: date | None, kept: bool) -> Entry:
    does = actions(text_of(task, "Actions"))
    made, ran = times(text_of(task, "Dynamic"))
    reasons = [reason for run in does.runs for reason in against(run.line, folders)]
    if task.get("Listed") is not True:
        reasons.append(UNLISTED)
    elif kept and task.get("Secured") is not True:
        reasons.append(UNSECURED)
    if task.get("Listed") is True and task.get("Described") is not True:
        reasons.append(UNDESCRIBED)
    if not does.whole:
        reasons.append(UNREADABLE)
    # What an intruder can write as he likes (Date) counts as much as what he cannot: the latest of them does.
    if any(_is_since(when, since) for when in (made or "", text_of(task, "Date"), text_of(task, "Modified"))):
        reasons.append(NEW)
    lines = [_command(run.line) for run in does.runs] + [f"the object {each}" for each in does.handlers]
    when = ", ".join(
        part for part in (f"made {made}" if made else "", f"last run {ran}" if ran else "",
        f"author {text_of(task, 'Author')}" if text_of(task, "Author") else "") if part
    )  # fmt: skip
    name = text_of(task, "Path") or f"a task without a name, {text_of(task, 'Id')}"
    shown = f"{name} runs {' and '.join(lines) or 'nothing'}{f' ({when})' if when else ''}"
    return Entry("task", shown, _once(reasons))


def _is_since(when: str, since: date | None) -> bool:
    return since is not None and when[:10] >= since.isoformat()


def _service(service: Record, folders: Folders) -> Entry:
    commands = [text_of(service, name) for name in ("ImagePath", "ServiceDll", "FailureCommand")]
    reasons = [reason for command in commands if command for reason in against(command, folders)]
    if commands[0] and runs_a_shell(commands[0], folders):
        reasons.append(SHELL)
    account = f" as {text_of(service, 'Account')}" if text_of(service, "Account") else ""
    shown = " and ".join(_command(command) for command in commands if command)
    return Entry("service", f"{text_of(service, 'Name')} runs {shown or 'nothing'}{account}", _once(reasons))


def _autorun(record: Record, folders: Folders) -> Entry:
    place, name, value = (text_of(record, each) for each in ("Place", "Name", "Value"))
    reasons = [*against(value, folders), *_of_place(place.casefold(), name.casefold(), value.strip(), folders)]
    return Entry("autorun", f"{place}, {name} = {_command(value)}", _once(reasons))


def _of_place(place: str, name: str, value: str, folders: Folders) -> Iterator[Reason]:
    if name in _PACKAGES and place.endswith("\\lsa"):
        if value.casefold() not in _PACKAGES[name]:
            yield PACKAGE
    elif "\\image file execution options\\" in place or "\\silentprocessexit\\" in place:
        yield BEFORE_LOGON if place.rpartition("\\")[2] in _BEFORE_LOGON else INSTEAD
    elif place.endswith("\\winlogon"):
        yield from _winlogon(place, name, value.casefold(), folders)
    elif place.endswith("\\command processor"):
        if name == "autorun":
            yield OF_SHELL
    elif place.endswith("\\appcertdlls"):
        yield CREATES
    elif "\\portproxy\\" in place:
        yield PASSED_ON
    elif place.endswith("\\userlist"):
        if value == "0":
            yield HIDDEN_USER
    elif place.endswith("\\windowspowershell\\v1.0"):
        yield OF_POWERSHELL
    elif name == "appinit_dlls":
        yield LOADED
    elif place.endswith(("\\currentversion\\windows", "\\environment")):
        yield LOGON
    elif place.endswith("\\startup"):
        yield AT_LOGON
    elif program(value, folders).rpartition("\\")[2] in ("mshta.exe", "regsvr32.exe", "wscript.exe", "cscript.exe"):
        yield SHELL


def _winlogon(place: str, name: str, value: str, folders: Folders) -> Iterator[Reason]:
    if name == "taskman" or place.startswith("registry::"):
        yield LOGON
        return
    usual = {"shell": value in ("explorer.exe", _CORE_SHELL), "userinit": _USERINIT.match(expanded(value, folders))}
    if not usual.get(name):
        yield OTHER_SHELL


def _consumers(observed: Observed, folders: Folders) -> Iterator[Entry]:
    queries = {text_of(each, "Name"): text_of(each, "Query") for each in observed.of_kind("WmiFilter")}
    bound: dict[str, list[str]] = {}
    for each in observed.of_kind("WmiBinding"):
        consumer, event = (_NAME.search(text_of(each, side)) for side in ("Consumer", "Filter"))
        if consumer is not None:
            bound.setdefault(consumer[1].casefold(), []).append(event[1] if event else "a filter that was not read")
    for each in observed.of_kind("WmiConsumer"):
        yield _consumer(each, bound.get(text_of(each, "Name").casefold(), []), queries, folders)


def _consumer(record: Record, filters: list[str], queries: Mapping[str, str], folders: Folders) -> Entry:
    kind = text_of(record, "Class").rpartition(":")[2]
    does = " ".join(text_of(record, each) for each in ("Program", "Command", "File", "Script")).strip()
    reasons: list[Reason] = []
    if kind.casefold() not in _WRITES:
        reasons = [CONSUMER if kind.casefold() in _RUNS else UNKNOWN_CLASS, *against(does, folders)]
        reasons += [] if filters else [UNBOUND]
    when = "; ".join(f"{name}: {queries.get(name, 'its query was not read')}" for name in filters)
    shown = f"{kind} {text_of(record, 'Name')} runs {_command(does)}{f' when {_short(when)}' if when else ''}"
    return Entry("wmi", shown, _once(reasons))


def _members(observed: Observed) -> Iterator[Entry]:
    local = {text_of(user, "Sid"): user for user in observed.of_kind("LocalUser")}
    for member in observed.of_kind("Member"):
        sid, name = text_of(member, "Sid"), text_of(member, "Name")
        reasons = []
        if sid in _EVERYBODY or sid.startswith(_APP_POOL):
            reasons.append(EVERYBODY)
        if sid.startswith("S-1-5-21-") and sid.endswith(_KEPT_DISABLED):
            reasons.append(SERVICE_MEMBER)
        if sid in local and name.endswith("$"):
            reasons.append(MACHINE_LIKE)
        if not name or name == sid:
            reasons.append(UNRESOLVED)
        kind = ", ".join(part for part in (text_of(member, "Class"), text_of(member, "Source")) if part)
        yield Entry("administrator", f"{name or 'no name'} ({sid}{f', {kind}' if kind else ''})", tuple(reasons))


def _user(user: Record, since: date | None) -> Entry:
    sid, name, changed = (text_of(user, each) for each in ("Sid", "Name", "PasswordSet"))
    reasons = []
    if user.get("Enabled") is True and sid.endswith(_KEPT_DISABLED):
        reasons.append(SERVICE_MEMBER)
    if name.endswith("$"):
        reasons.append(MACHINE_LIKE)
    if _is_since(changed, since):
        reasons.append(NEW_PASSWORD)
    said = f"{'enabled' if user.get('Enabled') is True else 'disabled'}, password set {changed[:10] or 'never'}"
    return Entry(
        "user", f"{name} ({sid}, {said}, last logon {text_of(user, 'LastLogon')[:10] or 'never'})", tuple(reasons)
    )


def _command(text: str) -> str:
    inner = decoded(text)
    return f"{_short(text)}{f' [decoded: {_short(inner)}]' if inner else ''}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _once(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
