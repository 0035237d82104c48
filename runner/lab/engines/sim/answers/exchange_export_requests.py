"""exchange.export_requests: requests to export mailboxes as the directory has them, and who has the role for that."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.exchange_commands import cut, exchange_asked, seconds
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Items
from runner.lab.state import ExportRequest

_REQUESTS, _ASSIGNMENTS, _ROLES, _STATISTICS = 1000, 500, 100, 50
_NO_STATISTICS = "Unable to read the request from the mailbox database."


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    is_asked = yield from exchange_asked(machine)
    yield record("ThisServer", Name=machine.state.name.upper())
    if is_asked:
        yield from _requests(machine)
        yield from _assignments(machine)


def _requests(machine: Machine) -> Items:
    command = "Get-MailboxExportRequest"
    requests: list[ExportRequest] = []
    try:
        requests = machine.ask_directory().export_requests[: _REQUESTS + 1]
        yield record("Answered", Command=command, Count=len(requests))
        if len(requests) > _REQUESTS:
            yield record("Capped", What=command, Limit=_REQUESTS, Seen=len(requests))
    except UnreadableError as error:
        yield unread(command, error)
    asked = wanted = 0
    for number, each in enumerate(requests[:_REQUESTS], start=1):
        path = cut(each.path)
        yield record(
            "ExportRequest",
            Number=number,
            Name=cut(each.name),
            Batch=cut(each.batch),
            FilePath=path,
            Status=cut(each.status),
            Mailbox=cut(each.mailbox),
            Created=seconds(each.created),
            Changed=seconds(each.created),
        )
        if (path or "").lower().endswith(".pst") and "$" not in (path or ""):
            continue
        wanted += 1
        if asked < _STATISTICS:
            asked += 1
            yield from _statistics(number, each)
    if wanted > asked:
        yield record("Capped", What="Get-MailboxExportRequestStatistics", Limit=asked, Seen=wanted)


def _statistics(number: int, request: ExportRequest) -> Items:
    if request.denied:
        yield unread(f"Get-MailboxExportRequestStatistics of request {number}", UnreadableError(_NO_STATISTICS))
        return
    yield record(
        "ExportStatistics",
        Number=number,
        Name=cut(request.name),
        FilePath=cut(request.path),
        Server=cut(request.server),
        Queued=None,
        Ended=None,
        Report=cut(request.report),
    )


def _assignments(machine: Machine) -> Items:
    try:
        roles = machine.ask_directory().export_roles[: _ROLES + 1]
        yield record("Answered", Command="Get-ManagementRole", Count=len(roles))
        if len(roles) > _ROLES:
            yield record("Capped", What="Get-ManagementRole", Limit=_ROLES, Seen=len(roles))
    except UnreadableError as error:
        yield unread("Get-ManagementRole", error)
        return
    for role in roles[:_ROLES]:
        found = [each for each in machine.ask_directory().role_assignments if folded(each.role) == folded(role)][
            : _ASSIGNMENTS + 1
        ]
        if len(found) > _ASSIGNMENTS:
            yield record("Capped", What=f"Get-ManagementRoleAssignment of {role}", Limit=_ASSIGNMENTS, Seen=len(found))
        for each in found[:_ASSIGNMENTS]:
            yield record(
                "RoleAssignment",
                Role=role,
                Name=each.name,
                Assignee=cut(each.assignee),
                Type=each.type,
                Delegation=each.delegation,
                Enabled=each.enabled,
                Created=seconds(each.created),
            )
