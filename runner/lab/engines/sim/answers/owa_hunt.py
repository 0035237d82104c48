"""owa.hunt: requests that reach PowerShell through OWA and Autodiscover, and its clients."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.hunting import Logs, Marks, hunted
from runner.lab.engines.sim.answers.records import record
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items
from runner.lab.state import MailboxState

_MAILBOXES = 200
_NOTHING = ("none", "availabilityonly", "limiteddetails", "")
_REQUEST = Marks(
    r"power|shell|WopiTarget|%(25)*(u00)?([46][1-9a-f]|[57][0-9a])",
    r"^(?=.*GetWopiTarget)(?=.*file(:|%))|json|autodiscover|/owa/[^\s,?]*(@|%(25)*(u00)?40)",
    r"/owa/[^\s,?]*(@|%(25)*(u00)?40)[^\s,?]*/[^\s,?]*(shell|%)|powershell|file:",
)
_LOGS = Logs(
    _REQUEST,
    tuple(
        f"HttpProxy\\{name}"
        for name in ("Owa", "Autodiscover", "Eas", "Ecp", "Ews", "Mapi", "Oab", "OwaCalendar", "PowerShell", "RpcHttp")
    ),
    {
        "CmdletInfra\\Powershell-Proxy\\Http": Marks(
            r"[A-Za-z][\w-]*/\d",
            r"^(?!.*,(Microsoft WinRM Client|Exchange BackEnd Probes),).*[A-Za-z][\w-]*/\d",
            ",200,",
        ),
        "Ews": Marks("GetWopiTarget", "file(:|%)", "file", headed=False),
    },
    {"MSExchange Management": ("", Marks("", r"(Add|Set)-MailboxFolderPermission", "Owner"))},
    _REQUEST,
)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield from _rights(machine)
    yield from hunted(machine, _LOGS)


def _rights(machine: Machine) -> Items:
    """Who may open folders of mailboxes, where Exchange's snap-in is."""
    try:
        machine.add_exchange_commands()
    except UnreadableError as error:
        yield record("RightsAsked", Answered=False, Why=str(error), Mailboxes=0, Whole=False)
        return
    for mailbox in machine.state.mailboxes[:_MAILBOXES]:
        if mailbox.denied:
            yield record("Unread", What=f"folders of mailbox {mailbox.address}", Why="Cannot open mailbox.")
            continue
        asked = ["", *(_first(mailbox, scope) for scope in ("Inbox", "SentItems", "Calendar"))]
        for path in [each for number, each in enumerate(asked) if each or number == 0]:
            for folder in mailbox.folders:
                if folder.path.casefold() != f"/{path}".casefold():
                    continue
                for user, given in folder.rights.items():
                    rights = ",".join(given)
                    if rights.casefold() not in _NOTHING:
                        name = path.replace("/", "\\")
                        yield record("Right", Mailbox=mailbox.address, Folder=name, User=user, Rights=rights)
    count = len(machine.state.mailboxes)
    yield record("RightsAsked", Answered=True, Why=None, Mailboxes=min(count, _MAILBOXES), Whole=count <= _MAILBOXES)


def _first(mailbox: MailboxState, scope: str) -> str:
    return next((folder.path.strip("/") for folder in mailbox.folders if folder.scope == scope), "")
