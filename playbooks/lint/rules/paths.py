"""Every path stays on this host, and nothing else is piped into a command than what it may take.

`\\\\server\\share` shows this session to another host, whoever wrote it: the script, or who filled the registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..calls import Call
from ..flow import SITE_TEXT, Flow
from ..kinds import plain
from ..lexer import Refusal
from ..literals import texts_of
from ..origins import KINDS, PLACE, Origin, is_place
from ..tree import Binary, Expandable, Group, Invoke, Listing, Member, Node, Text, TypeName, Variable, walk
from .interface import Reading

_REMOTE = re.compile(r"(?:^|::)\s*(?:\\\\|//|\\/|/\\)|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PROVIDER = re.compile(r"(?:function|alias|variable|wsman|ad|iis|microsoft\.powershell\.core\\.*):", re.IGNORECASE)
_TAKES = {
    "path": PLACE,
    "text": PLACE | Origin.WORDS,
    "words": Origin.LOCAL | Origin.WORDS,
    "read": PLACE | Origin.WORDS | Origin.READ,
    "none": Origin.NOTHING,
}
_SITES = frozenset({"Get-ChildItem", "Get-Item", "Get-ItemProperty", "Test-Path", "Get-ItemPropertyValue"})
# Below a site stand the files of its folder, wherever that lies.
_LISTED_SITES = re.compile(r"IIS:\\(?:(?:AppPools(?:\\[^\\/]+)?|SslBindings|Sites)\\?)?", re.IGNORECASE)
# A long path, in full: what is taken off one may leave \\?, before \UNC, so it is no beginning of another path.
_LONG = re.compile(r"\\\\\?\\[A-Za-z]:\\[^\\/]")
_LONG_DRIVE = re.compile(r"\\\\\?\\[A-Za-z]:\\")
_READS_LONG = frozenset(
    {"get-content", "get-filehash", "get-acl", "test-path", "get-authenticodesignature", "move-item", "set-acl"}
)
# Properties of a file that are times, numbers and words: no other is asked for by a long path.
_VALUES = frozenset({"attributes", "creationtimeutc", "lastwritetimeutc", "length"})
# What stands for a server: piped into a command that takes one, it is asked.
_SERVERS = frozenset(
    {"get-exchangeserver", "get-mailboxserver", "get-clientaccessserver", "get-clientaccessservice", "get-umservice",
     "get-transportservice", "get-frontendtransportservice", "get-mailboxtransportservice"}
)  # fmt: skip
_PLACED = frozenset({"io.file", "io.directory", "diagnostics.fileversioninfo"})


class Paths:
    explains = ("path", "network", "pipe")

    def check(self, reading: Reading) -> Iterator[Refusal]:
        flow = reading.flow
        for node in reading.nodes:
            if isinstance(node, Invoke) and isinstance(node.target, TypeName) and plain(node.target.name) in _PLACED:
                if not node.arguments:
                    yield Refusal("path", node.at, "which file this reads cannot be seen", "give it a path")
                for argument in node.arguments[:1]:
                    if not (plain(node.target.name) == "io.file" and _is_long(argument)):
                        yield from _place(flow, argument)
            elif (call := reading.calls.of(node)) is not None and not call.own:
                yield from _command(flow, call)


def _command(flow: Flow, call: Call) -> Iterator[Refusal]:
    node, known, binding = call.node, call.known, call.binding
    named = False
    touches = "resolve" in binding.switches
    for name, value in binding.values:
        if known.parameters.get(name, ("", ""))[1] == "path" or (touches and name in ("path", "literalpath")):
            named = True
            sites = isinstance(value, Text) and SITE_TEXT.fullmatch(value.value)
            if sites and known.name in _SITES and _stays_in_iis(call, value):
                continue
            if _gives_no_items(call) and (_is_long(value) or _are_long(flow, value)):
                continue
            if sites and known.name == "Get-ChildItem":
                why = "below a site stand the files of its folder, which may lie elsewhere"
                yield Refusal(
                    "network", value.at, why, "write Get-WebApplication -Site '...', or Get-ChildItem IIS:\\Sites"
                )
                continue
            if _is_long(value):
                why = f"{known.name} gives items, from which other paths are made"
                yield Refusal("path", value.at, why, r"write the path without \\?\ before its drive")
                continue
            yield from _place(flow, value)
    upstream = flow.upstream(node)
    if upstream is None:
        if known.name == "Get-ChildItem" and not named:
            yield Refusal("path", node.at, "which folder this reads depends on the session", "write its whole path")
        return
    if known.pipe == "any" or (named and known.name == "Select-String"):
        return
    takes = PLACE if touches else _TAKES[known.pipe]
    server = any(kind == "host" for _, kind in known.parameters.values()) and not _of_the_organisation(flow, call)
    if known.pipe != "none" and not upstream & (KINDS & ~takes) and not server:
        return
    if known.targets:
        why = f"what comes through this pipe would decide what {known.name} writes"
        yield Refusal("pipe", node.at, why, "write each place out, as a text or with {{ }}")
    elif known.pipe == "path" or touches:
        yield Refusal("path", node.at, "what comes through this pipe may name another host", _instead(upstream, None))
    else:
        yield Refusal(
            "pipe",
            node.at,
            f"what comes through this pipe, or a property of it, could become a parameter of {known.name}, such as "
            f"{'-Server' if server else '-ComputerName'}",
            f"write {known.name} -Server $env:COMPUTERNAME, or ForEach-Object {{ {known.name} -Identity $_.Name }}"
            if server
            else f"write ForEach-Object {{ {known.name} -Name $_.Name }}, or name the parameter",
        )


def _stays_in_iis(call: Call, value: Node) -> bool:
    """Whether this place of IIS is read from its settings alone."""
    if call.known.name != "Get-ChildItem":
        return True
    deeper = "recurse" in call.binding.switches or call.binding.get("depth") is not None
    return not deeper and isinstance(value, Text) and _LISTED_SITES.fullmatch(value.value) is not None


def _gives_no_items(call: Call) -> bool:
    """Whether no other path can be made of what it returns for a long one; names are texts."""
    name = call.known.name
    if name == "Get-ItemPropertyValue":
        value = call.binding.get("name")
        return isinstance(value, Text) and value.value.lower() in _VALUES
    names = name == "Get-ChildItem" and "name" in call.binding.switches
    streams = name == "Get-Item" and call.binding.get("stream") is not None  # what a server says: see Flow
    return names or streams or name.lower() in _READS_LONG


def _is_long(value: Node) -> bool:
    match value:
        case Text():
            return _LONG.match(value.value) is not None
        case Expandable(parts=(Text(value=first), Variable(), *_)) if _LONG_DRIVE.fullmatch(first):
            return True
        case Expandable(parts=(first, *_)):
            return _is_long(first)
        case Group(opening="(", body=(single,)):
            return _is_long(single)
        case Listing():
            return all(_is_long(item) for item in value.items)
    return False


def _are_long(flow: Flow, value: Node) -> bool:
    """Whether a variable holds long paths that stand in the script, each in full."""
    texts = texts_of(flow, value) if isinstance(value, Variable) else None
    return bool(texts) and all(_LONG.match(each) for each in texts or ())


def _of_the_organisation(flow: Flow, call: Call) -> bool:
    """Whether only what a command of Exchange itself returned, and no server, is piped into a call."""
    pipeline, index = flow.place[id(call.node)]
    before = [flow.calls.of(item) for item in pipeline.elements[:index]]
    if before[0] is None or before[0].own or before[0].known.pipe != "read":
        return False
    return before[0].known.name.lower() not in _SERVERS and all(
        one is not None
        and (
            one.known.name in ("Where-Object", "Sort-Object")
            or (one.known.name == "Select-Object" and not one.binding.given & {"property", "expandproperty"})
        )
        for one in before[1:]
    )


def _place(flow: Flow, value: Node) -> Iterator[Refusal]:
    origin = flow.of(value)
    if is_place(origin):
        return
    for text in walk(value):
        if isinstance(text, Text) and (_REMOTE.search(text.value) or _PROVIDER.match(text.value)):
            yield Refusal("network", text.at, f"{text.value!r} leads out of this host's files and registry", _LOCAL)
            return
    yield Refusal("path", value.at, "this path is not shown to stay on this host", _instead(origin, value))


_LOCAL = "begin the path with a drive: 'C:\\...', 'HKLM:\\...' or \"$env:SystemRoot\\...\""


def _beginning(value: Node) -> Node:
    """What a path begins with, as far as it is put together where it is used."""
    match value:
        case Expandable(parts=(first, *_)) | Group(opening="(" | "$(", body=(first,)):
            return _beginning(first)
        case Binary(operator="+", left=first):
            return _beginning(first)
    return value


def _as_written(value: Node) -> str:
    """A value as it may stand in a line of advice."""
    name = "$_.Path"
    match value:
        case Variable():
            name = f"${value.name}"
        case Member(target=Variable(name=of)):
            name = f"${of}.{value.name}"
    return name


def _instead(origin: Origin, value: Node | None) -> str:
    first = _beginning(value) if value is not None else None
    if origin & Origin.READ or isinstance(first, Variable) or _as_written(first or Text(0, "")) != "$_.Path":
        name = _as_written(first) if first is not None else "$_.Path"
        # Another name than its own: what a variable held before the cast counts for all of the script.
        return f"check it first: $local = [string]{name}; if ($local -like '[A-Z]:\\*') {{ ... }}, and use $local"
    return _LOCAL + ", or put it below one: Join-Path -Path 'C:\\...' -ChildPath $name"
