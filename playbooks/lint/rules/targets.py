"""What a change writes is written out, and is a place that its contract allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..calls import Call
from ..commands import Target
from ..flow import Flow
from ..kinds import ACCESS_LISTS
from ..lexer import Refusal
from ..literals import is_decided, text_of, texts_of
from ..places import APPLICATION_HOST, MITIGATIONS, RESTART, Place, configuration, kind_of, may_write, why_not
from ..tree import Expandable, Node, Number, Text, Variable
from .assignments import made_of
from .interface import Reading

# What Set-ItemProperty may set of a file or folder.
_OF_A_FILE = frozenset(
    {"creationtime", "creationtimeutc", "lastwritetime", "lastwritetimeutc", "lastaccesstime", "lastaccesstimeutc",
     "attributes", "isreadonly"}
)  # fmt: skip
# An address of this server alone: behind the first slash nothing names a host any more.
_LOOPBACK = re.compile(r"http://127\.0\.0\.1(?::[0-9]{1,5})?/[!-~]*")
_SELF = re.compile(r"https?://127\.0\.0\.1(?::[0-9]{1,5})?/[!-~]*")
# The whole of what netsh is told: -ArgumentList is put on its command line as it is.
_EXPORT = re.compile(r'advfirewall export "([^"%=\r\n]+)"')
_NETSH = 'write -FilePath "$env:SystemRoot\\System32\\netsh.exe"'
_ARGUMENTS = "write -ArgumentList 'advfirewall export \"C:\\...\"' out, or with {{ }}"
_TAKES_LONG = frozenset({"Move-Item", "Set-Acl"})
_OF_PROPERTIES = frozenset({"Set-ItemProperty", "Remove-ItemProperty"})
# Commands that write no place that they are told, and what each does to the server itself.
_OF_THE_SERVER = {"Restart-Computer": RESTART, "Set-ExchangeServer": MITIGATIONS}
_WRITTEN_OUT = "write it out, as a text or with {{ }}: what a change writes is decided before it is approved"


@dataclass(frozen=True, slots=True)
class Targets:
    """`allowed` are the places of the contract, with nothing left to be filled in."""

    allowed: tuple[Place, ...]

    @property
    def explains(self) -> tuple[str, ...]:
        return ("target", "decided", "network", "program")

    def check(self, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            call = reading.calls.of(node)
            if call is None or call.own:
                continue
            if call.known.targets:
                yield from self._call(reading.flow, call)
            elif call.known.name == "Invoke-WebRequest":
                yield from _request(reading.flow, call)
            elif call.known.name == "Get-LoopbackAnswer":
                yield from _asked(reading.flow, call)
            elif call.known.name == "Start-Process":
                yield from self._export(reading.flow, call)

    def _call(self, flow: Flow, call: Call) -> Iterator[Refusal]:
        named = {target.parameter for target in call.known.targets}
        for name, value in call.binding.values:
            written, kind = call.known.parameters.get(name, ("", ""))
            if kind in ("decided", "some") and name not in named and not is_decided(flow, value):
                yield Refusal("decided", value.at, f"what -{written} is given cannot be seen here", _WRITTEN_OUT)
            elif kind == "some" and not isinstance(value, Number) and not texts_of(flow, value):
                what = f"-{written} may be nothing here, which stands for everything"
                yield Refusal("decided", value.at, what, "write out what it is")
            elif kind == "self" and not (isinstance(value, Variable) and value.name == "env:computername"):
                yield Refusal("target", value.at, "this may be another server", "write $env:COMPUTERNAME")
            elif kind == "directory" and not (isinstance(value, Text) and value.value.lower() == "directory"):
                yield Refusal("decided", value.at, "this makes something else than a folder", "write Directory")
            elif kind == "acl" and not _is_made_list(flow, value):
                yield Refusal(
                    "decided",
                    value.at,
                    "this access list is not made by the script",
                    "make it: $list = New-Object -TypeName System.Security.AccessControl.FileSecurity, then "
                    "$list.SetSecurityDescriptorSddlForm('D:P(A;;FA;;;SY)')",
                )
        if call.known.name == "New-Item" and call.binding.get("itemtype") is None:
            yield Refusal("decided", call.node.at, "what this makes is not said", "write -ItemType Directory")
        if call.known.name == "Set-ExchangeServer" and call.binding.get("identity") is None:
            yield Refusal(
                "target", call.node.at, "which server this is about is not said", "write -Identity $env:COMPUTERNAME"
            )
        if call.known.name == "New-NetFirewallRule" and call.binding.get("remoteaddress") is None:
            what = "whom this rule is about is not said: without -RemoteAddress it is everybody"
            yield Refusal("decided", call.node.at, what, "write -RemoteAddress and their addresses")
        for target in call.known.targets:
            if target.kinds == ("configuration",):
                yield from self._configuration(flow, call)
            else:
                yield from self._target(flow, call, target)

    def _target(self, flow: Flow, call: Call, target: Target) -> Iterator[Refusal]:
        command = call.known.name
        if not target.parameter:
            done = _OF_THE_SERVER[command]
            if not may_write(target.kinds, done, self.allowed):
                yield self._not_allowed(call.node, command, target.kinds[0], done)
            return
        written = call.known.parameters[target.parameter][0]
        value = call.binding.get(target.parameter)
        if value is None:
            yield Refusal("target", call.node.at, f"{command} without -{written}", f"name it: -{written} and one place")
            return
        names = texts_of(flow, value)
        if names is None:
            yield Refusal("target", value.at, f"what {command} -{written} writes cannot be seen here", _WRITTEN_OUT)
            return
        for name in names:
            kinds = kind_of(target.kinds, name)
            if command in _OF_PROPERTIES:
                yield from self._property(flow, call, value, name, of_a_key=kinds == ("registry",))
                if kinds == ("registry",):
                    continue
            why = why_not(kinds[0], name, literal=target.literal, long=command in _TAKES_LONG)
            if not why and target.parameter == "destination" and "`" in name:
                why = "has a backtick, which may be an escape there"
            if why:
                yield Refusal("target", value.at, f"{name!r:.120} {why}", _ONE_PLACE[kinds[0]])
            elif not may_write(kinds, name, self.allowed):
                yield self._not_allowed(value, command, kinds[0], name)

    def _export(self, flow: Flow, call: Call) -> Iterator[Refusal]:
        """The one program that a change may run, and the one thing that it may tell it: netsh writes the policy of
        Windows Firewall to a file (netsh advfirewall export, learn.microsoft.com)."""
        program, told = call.binding.get("filepath"), call.binding.get("argumentlist")
        if not _is_netsh(program):
            what = "a change runs no program but the netsh.exe of Windows"
            yield Refusal("program", (program or call.node).at, what, _NETSH)
        for name in ("nonewwindow", "wait", "passthru"):
            if name not in call.binding.switches or call.binding.get(name) is not None:
                written = call.known.parameters[name][0]
                what = f"without -{written} it is not known how, or whether, it ended"
                yield Refusal("program", call.node.at, what, f"write -{written}")
        line = None if told is None else text_of(flow, told)
        if told is None or line is None:
            what = "what netsh is told is not shown to be one text"
            yield Refusal("program", (told or call.node).at, what, _ARGUMENTS)
            return
        found = _EXPORT.fullmatch(line)
        if found is None:
            what = "netsh is told something else than to export the policy of the firewall to a file"
            yield Refusal("program", told.at, what, _ARGUMENTS)
        elif why := why_not("file", found[1], literal=True):
            yield Refusal("target", told.at, f"{found[1]!r:.120} {why}", _ONE_PLACE["file"])
        elif not may_write(("file",), found[1], self.allowed):
            yield self._not_allowed(told, call.known.name, "file", found[1])

    def _configuration(self, flow: Flow, call: Call) -> Iterator[Refusal]:
        """What a command of WebAdministration writes: an element or attribute, and for which location."""
        command, binding = call.known.name, call.binding
        place = binding.get("pspath")
        if not (isinstance(place, Text) and place.value.upper() == APPLICATION_HOST):
            yield Refusal(
                "target",
                call.node.at,
                f"{command} writes a configuration that cannot be seen here, or lies in the folder of a site",
                "write -PSPath 'MACHINE/WEBROOT/APPHOST', and -Location",
            )
            return
        filters = _texts(flow, binding.get("filter"))
        named = "name" in call.known.parameters
        names = _texts(flow, binding.get("name")) if named else (".",)
        given = binding.get("location")
        locations: tuple[str, ...] | None = ()
        if given is not None:
            locations = texts_of(flow, given)
        if filters is None or names is None or locations is None:
            yield Refusal("target", call.node.at, f"what {command} writes cannot be seen here", _WRITTEN_OUT)
            return
        for location in locations or (None,):
            for element in filters:
                for name in names:
                    place_of = configuration(location, element, name)
                    if why := why_not("configuration", place_of, literal=True):
                        yield Refusal("target", call.node.at, f"{place_of!r:.200} {why}", _ONE_PLACE["configuration"])
                    elif not may_write(("configuration",), place_of, self.allowed):
                        yield self._not_allowed(call.node, command, "configuration", place_of)

    def _property(self, flow: Flow, call: Call, value: Node, key: str, *, of_a_key: bool) -> Iterator[Refusal]:
        given = call.binding.get("name")
        names = texts_of(flow, given) if given is not None else None
        if given is None or names is None:
            yield Refusal("target", value.at, "which value of it is written cannot be seen", _WRITTEN_OUT)
            return
        for name in names:
            if not of_a_key:
                if name.lower() not in _OF_A_FILE:
                    what = f"{name!r:.80} of a file is not set by a change"
                    yield Refusal("target", given.at, what, "set times or Attributes")
                continue
            place = f"{key}\\{name}"
            why = "has a backslash or a wildcard" if any(each in name for each in "\\*?[]`") else ""
            if why := why or why_not("registry", place, literal=True):
                yield Refusal("target", value.at, f"{place!r:.120} {why}", _ONE_PLACE["registry"])
            elif not may_write(("registry",), place, self.allowed):
                yield self._not_allowed(value, call.known.name, "registry", place)

    @staticmethod
    def _not_allowed(value: Node, command: str, kind: str, name: str) -> Refusal:
        return Refusal(
            "target",
            value.at,
            f"{command} writes the {_WORDS[kind]} {name!r:.200}, which `writes` of the contract does not name",
            f"add {{{kind}: ...}} to `writes` in action.yml, or leave it out",
        )


def _request(flow: Flow, call: Call) -> Iterator[Refusal]:
    """A request that writes nothing here, and may leave no trace but an answer: of this server, and of nothing else."""
    uri, most = call.binding.get("uri"), call.binding.get("maximumredirection")
    addresses = None if uri is None else texts_of(flow, uri)
    if addresses is None or not all(_LOOPBACK.fullmatch(each) for each in addresses):
        what = "what this asks is not shown to be this server"
        yield Refusal("network", (uri or call.node).at, what, "write -Uri 'http://127.0.0.1/...' out, or with {{ }}")
    if not (isinstance(most, Number) and most.source == "0") and not (isinstance(most, Text) and most.value == "0"):
        what = "an answer may lead to another server"
        yield Refusal("network", call.node.at, what, "write -MaximumRedirection 0")
    if "usebasicparsing" not in call.binding.switches or call.binding.get("usebasicparsing") is not None:
        what = "without it Windows PowerShell 5.1 has Internet Explorer read the answer"
        yield Refusal("network", call.node.at, what, "write -UseBasicParsing")
    seconds = call.binding.get("timeoutsec")
    if seconds is not None and not is_decided(flow, seconds):
        yield Refusal("decided", seconds.at, "what -TimeoutSec is given cannot be seen here", _WRITTEN_OUT)


def _asked(flow: Flow, call: Call) -> Iterator[Refusal]:
    """The vetted function refuses any other address by itself; which it is has to be seen by who approves it."""
    address = call.binding.get("address")
    addresses = None if address is None else texts_of(flow, address)
    if addresses is None or not all(_SELF.fullmatch(each) for each in addresses):
        what = "what this asks is not shown to be this server"
        yield Refusal(
            "network", (address or call.node).at, what, "write -Address 'https://127.0.0.1/...', or with {{ }}"
        )


_WORDS = {"service": "service", "file": "file", "folder": "folder", "registry": "registry value", "task": "task",
          "acl": "access list of", "configuration": "configuration", "pool": "application pool",
          "firewall_profile": "profile of the firewall", "firewall_rule": "rule of the firewall",
          "server": "server itself:"}  # fmt: skip
_ONE_PLACE = {
    "service": "name one service, by its short name",
    "task": "name one task",
    "pool": "name one application pool",
    "configuration": "write -Filter from the root, with -Location for what holds below a site",
    "firewall_profile": "name one profile: Domain, Private or Public",
    "firewall_rule": "name one rule, by its InstanceID",
    "registry": "write HKLM:\\SOFTWARE\\... as -LiteralPath, and one value as -Name",
    **dict.fromkeys(("file", "folder", "acl"), "write one whole path, as Windows shows it: C:\\..."),
}


def _is_netsh(value: Node | None) -> bool:
    match value:
        case Expandable(parts=(Variable(name="env:systemroot"), Text(value=rest))):
            return rest.lower() == r"\system32\netsh.exe"
    return False


def _texts(flow: Flow, value: Node | None) -> tuple[str, ...] | None:
    return None if value is None else texts_of(flow, value)


def _is_made_list(flow: Flow, value: Node) -> bool:
    if not isinstance(value, Variable):
        return False
    kinds = made_of(flow, value.name)
    return kinds is not None and kinds <= ACCESS_LISTS and bool(kinds)
