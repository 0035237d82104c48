"""Only commands, parameters and values of the table, or functions of the script itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..binding import Binding
from ..calls import Call
from ..commands import classes, commands_of_changes, known_commands, lacking
from ..flow import Flow
from ..kinds import COLLECTIONS, is_allowed, plain
from ..lexer import Refusal
from ..tree import Block, Cast, Command, Expandable, Group, Hash, Listing, Node, Text, Variable
from .blocks import parts
from .interface import Reading

_HARMLESS_OBJECTS = frozenset({"psobject", "pscustomobject", "object", "management.automation.psobject"})
_SNAPINS = ("microsoft.exchange.management.powershell.e2010", "microsoft.exchange.management.powershell.snapin")
_MODULES = frozenset(
    {"webadministration", "iisadministration", "scheduledtasks", "nettcpip", "netsecurity", "netadapter", "dnsclient",
     "smbshare", "storage", "servermanager", "defender", "cimcmdlets", "microsoft.powershell.management",
     "microsoft.powershell.utility", "microsoft.powershell.security", "microsoft.powershell.localaccounts"}
)  # fmt: skip
_EVENTS = frozenset(
    {"logname", "providername", "keywords", "id", "level", "starttime", "endtime", "userid", "data"}
)  # fmt: skip
_STORES = frozenset({"activestore", "persistentstore", "rsop", "systemdefaults", "staticservicestore",
                     "configurableservicestore", "localhost"})  # fmt: skip
_ACTIONS = frozenset({"stop", "continue", "silentlycontinue", "ignore"})
_HERE = frozenset({"localhost", "."})
# Below these, web.config is read from the folder of a site, wherever that lies.
_CONFIG = re.compile(r"IIS:\\|MACHINE(?:/WEBROOT(?:/APPHOST)?)?", re.IGNORECASE)
# WQL is put together from these: a name with a blank could be the rest of another query.
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\*")
# An address: names, localhost too, are what the server's hosts file says that they are.
_LOOPBACK = "127.0.0.1"
_OF_THIS_SERVER = "write -ComputerName 127.0.0.1 out; exrun audit says which servers the controller reaches"
_COUNTER = re.compile(r"\\[^\\].*")


@dataclass(frozen=True, slots=True)
class Commands:
    """`changing`: by the table of changes too. `objects`: types that New-Object may make besides."""

    changing: bool = False
    objects: frozenset[str] = frozenset()

    @property
    def explains(self) -> tuple[str, ...]:
        return ("command", "parameter", "member-name", "value", "cim-class", "type", "network")

    def check(self, reading: Reading) -> Iterator[Refusal]:
        flow = reading.flow
        for node in reading.nodes:
            if not isinstance(node, Command):
                continue
            call = reading.calls.of(node)
            if call is None:
                yield _unknown_to_changes(node) if self.changing else _unknown(node)
                continue
            yield from call.binding.refusals
            yield from _values(flow, call)
            if not call.own:
                yield from _special(call, self.objects)


def _unknown(node: Command) -> Refusal:
    name = node.name.lower()
    if instead := lacking().get((name, "")):
        return Refusal("command", node.at, f"{node.name} does not belong into a collect script", instead)
    likely = difflib.get_close_matches(name, known_commands(), n=1, cutoff=0.8)
    return Refusal(
        "command",
        node.at,
        f"{node.name} is not a read-only command of Windows PowerShell 5.1, the server's modules or Exchange, "
        "nor a function of this script",
        f"did you mean {known_commands()[likely[0]].name}?"
        if likely
        else "use a command of docs/reference/lint.md; a change belongs into apply, not into collect",
    )


def _unknown_to_changes(node: Command) -> Refusal:
    name = node.name.lower()
    why = f"{node.name} is not a command that a change may use, nor a function of this script"
    if instead := lacking().get((name, "")):
        return Refusal("command", node.at, why, instead)
    likely = difflib.get_close_matches(name, commands_of_changes(), n=1, cutoff=0.8)
    instead = f"did you mean {commands_of_changes()[likely[0]].name}?" if likely else _OF_CHANGES
    return Refusal("command", node.at, why, instead)


_OF_CHANGES = "use a command that docs/reference/lint.md lists for changes"


def _values(flow: Flow, call: Call) -> Iterator[Refusal]:
    node, known = call.node, call.known
    for name, value in call.binding.values:
        kind = known.parameters.get(name, ("", "action"))[1]
        match kind:
            case "block" if not isinstance(value, Block):
                yield Refusal(
                    "member-name", node.at, f"{known.name} takes only a block in braces here", "write { $_.Name }"
                )
            case "counter" if not all(_is(item, _COUNTER) for item in _items(value)):
                yield Refusal("value", value.at, "a counter's path may name another host", r"write '\Memory\...'")
            case "config" if not all(_is(item, _CONFIG) for item in _items(value)):
                yield Refusal(
                    "value",
                    value.at,
                    "this place of IIS is not seen, or leads to a site's folder",
                    "write 'MACHINE/WEBROOT/APPHOST'",
                )
            case "fields" if not all(_is(item, _FIELD) for item in parts(flow, value)):
                yield Refusal("value", value.at, "what is asked for cannot be seen", "write -Property Name, State")
            case "store" if not (isinstance(value, Text) and value.value.lower() in _STORES):
                yield Refusal("value", value.at, "a policy store may lie on a domain controller", "write ActiveStore")
            case "host" if not _is_this_host(flow, value, frozenset()):
                yield Refusal(
                    "parameter",
                    value.at,
                    f"{known.name} -{known.parameters[name][0]} may name another server",
                    "write $env:COMPUTERNAME there: exrun runs the script on each server of the inventory",
                )
            case "here" if not (isinstance(value, Text) and value.value == _LOOPBACK):
                yield Refusal("network", value.at, f"{known.name} may reach another host", _OF_THIS_SERVER)
            case "action" if name in ("erroraction", "warningaction", "informationaction"):
                if not (isinstance(value, Text) and value.value.lower() in _ACTIONS):
                    yield Refusal("value", value.at, "this is not one of the actions", "write Stop or SilentlyContinue")
            case "events":
                yield from _filter(value)


def _is_this_host(flow: Flow, value: Node, seen: frozenset[str]) -> bool:
    """Whether a value names the host that the script runs on, through variables that hold nothing else."""
    match value:
        case Text():
            return value.value.lower() in _HERE
        case Variable(name="env:computername"):
            return True
        case Variable(name=name) if name not in seen and name in flow.writes:
            return all(
                how == "is" and isinstance(written, Node) and _is_this_host(flow, written, seen | {name})
                for how, written in flow.writes[name]
            )
        case Expandable(parts=(single,)) | Group(opening="(", body=(single,)):
            return _is_this_host(flow, single, seen)
        case Cast():
            return value.type.name.lower() == "string" and _is_this_host(flow, value.value, seen)
    return False


def _filter(value: Node) -> Iterator[Refusal]:
    keys = [pair.key for pair in value.pairs] if isinstance(value, Hash) else []
    if not keys or not all(isinstance(key, Text) and key.value.lower() in _EVENTS for key in keys):
        yield Refusal(
            "value",
            value.at,
            "a filter may name a file or a field that cannot be seen here",
            "write -FilterHashtable @{ LogName = '...'; Id = ...; StartTime = ... }",
        )


def _special(call: Call, objects: frozenset[str]) -> Iterator[Refusal]:
    node, binding = call.node, call.binding
    match call.known.name:
        case "New-Object":
            value = binding.get("typename")
            kind = value.value if isinstance(value, Text) else ""
            name = plain(kind)
            if name not in _HARMLESS_OBJECTS | objects and not (
                name in COLLECTIONS or ("[" in name and is_allowed(kind) and name.partition("[")[0] in COLLECTIONS)
            ):
                yield Refusal("type", node.at, "an object of this type may reach out or run", "use @{ ... }")
            given = binding.get("property")
            # What a PSObject is given are notes on it; a property of another type is set as that type pleases.
            if given is not None and not isinstance(given, Hash) and name not in _HARMLESS_OBJECTS:
                yield Refusal("type", node.at, "which properties are set cannot be seen", "use @{ ... }")
        case "Test-NetConnection" if binding.get("computername") is None:
            what = "without -ComputerName this reaches a server of Microsoft's"
            yield Refusal("network", node.at, what, _OF_THIS_SERVER)
        case "Add-PSSnapin":
            yield from _one_of(node, binding.get("name"), _SNAPINS, "snap-in")
        case "Import-Module":
            yield from _one_of(node, binding.get("name"), _MODULES, "module")
        case "Get-CimInstance" | "Get-WmiObject":
            yield from _class(node, binding)


def _one_of(
    node: Command, value: Node | None, allowed: tuple[str, ...] | frozenset[str], what: str
) -> Iterator[Refusal]:
    items = _items(value) if value is not None else []
    if not items or not all(isinstance(item, Text) and item.value.lower() in allowed for item in items):
        yield Refusal(
            "value",
            node.at,
            f"a {what} runs code when it is loaded, and this one is not known",
            f"write one of {', '.join(sorted(allowed)[:4])}, or leave it out: most load by themselves",
        )


def _class(node: Command, binding: Binding) -> Iterator[Refusal]:
    name, space = binding.get("classname", "class"), binding.get("namespace")
    wanted = name.value.lower() if isinstance(name, Text) else ""
    where = "root\\cimv2" if space is None else space.value.lower() if isinstance(space, Text) else ""
    known = classes().get(where.replace("/", "\\").removeprefix("\\\\.\\").removeprefix("\\"), frozenset())
    if wanted in known or (
        wanted.replace("_", "").isalnum() and any(one.endswith("*") and wanted.startswith(one[:-1]) for one in known)
    ):
        return
    yield Refusal(
        "cim-class",
        node.at,
        "Win32_Product repairs every installed product when it is read"
        if wanted == "win32_product"
        else "asking for this class may do more than read this host (some ping, ask a domain, or repair products)",
        _CLASS.get(wanted, "write -ClassName and a class of docs/reference/lint.md, such as Win32_OperatingSystem"),
    )


_CLASS = {
    "win32_product": "read the Uninstall keys: Get-ItemProperty -Path 'HKLM:\\SOFTWARE\\Microsoft\\Windows\\"
    "CurrentVersion\\Uninstall\\*'",
    "win32_useraccount": "write Get-LocalUser",
    "win32_group": "write Get-LocalGroup",
    "win32_groupuser": "write Get-LocalGroupMember",
    "win32_pingstatus": "reaches another host: leave it out",
}


def _items(value: Node) -> list[Node]:
    return list(value.items) if isinstance(value, Listing) else [value]


def _is(node: Node, pattern: re.Pattern[str]) -> bool:
    return isinstance(node, Text) and pattern.fullmatch(node.value) is not None
