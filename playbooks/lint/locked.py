"""What cannot work in a locked session, which is in ConstrainedLanguage: refused before a server refuses it.

This is no proof of anything: the session's engine refuses by itself. It is here so that an author hears it first, and
hears what to write instead. What the mode permits is measured: tests/playbooks/lint/test_locked.py asks a real engine
for each type and member that the linter accepts. Facts: about_Language_Modes (Windows PowerShell 5.1), the list of
allowed types; a command that is a function runs in the language of the session unless its module was imported before
the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .kinds import plain
from .lexer import Refusal
from .reading import read
from .tree import Binary, Cast, Command, Invoke, Member, Node, Text, TypeName

__all__ = ["CORE", "FUNCTIONS", "against_lock"]

EXPLAINS = ("locked",)

# Types of which values may be made, and methods called, among those that the linter accepts at all.
CORE = frozenset(
    {
        "array", "bool", "boolean", "byte", "char", "collections.hashtable", "cultureinfo", "datetime", "decimal",
        "double", "float", "globalization.cultureinfo", "guid", "hashtable", "int", "int16", "int32", "int64",
        "ipaddress", "long", "management.automation.psobject", "management.automation.switchparameter",
        "net.ipaddress", "object", "ordered", "psobject", "regex", "single", "string", "switch", "switchparameter",
        "text.regularexpressions.regex", "timespan", "uint16", "uint32", "uint64", "uri", "version", "void",
    }
)  # fmt: skip
_OBJECTS = frozenset({"psobject", "pscustomobject", "management.automation.psobject"})
_INSTEAD = {
    "pscustomobject": "write a table: @{ Kind = '...'; Name = $name }",
    "management.automation.pscustomobject": "write a table: @{ Kind = '...'; Name = $name }",
    "collections.arraylist": "write $list = @(), and $list += $item",
    "collections.generic.list": "write $list = @(), and $list += $item",
    "collections.generic.hashset": "write a table: $seen = @{}, and $seen[$name] = $true",
    "collections.generic.dictionary": "write a table: $table = @{}",
    "collections.specialized.ordereddictionary": "write [ordered]@{}",
    "text.stringbuilder": "write $parts = @(), $parts += $text, and $parts -join ''",
    "math": "write [int] for rounding, / and % for the rest, Measure-Object for the least and the greatest",
    "io.path": "use Join-Path or Split-Path",
    "io.file": "use Test-Path, Get-Item or Get-Content",
    "io.directory": "use Test-Path or Get-ChildItem",
    "diagnostics.fileversioninfo": "use (Get-Item -LiteralPath $path).VersionInfo",
    "environment": "write $env:NAME",
    "datetimeoffset": "use [datetime]",
    "convert": "write a cast: [int]$text, [string]$number",
}
_OTHERWISE = "use a command or a plain type, or ask for `session: full` in action.yml"

# Commands that are functions of a script or CDXML module in Windows PowerShell 5.1; of the module
# Microsoft.PowerShell.Utility (Get-FileHash) every session imports before it is locked.
_MODULES = {
    "Defender": ("get-mpcomputerstatus", "get-mppreference", "get-mpthreat", "get-mpthreatdetection"),
    "DnsClient": ("get-dnsclient", "get-dnsclientcache", "get-dnsclientserveraddress"),
    "NetAdapter": ("get-netadapter", "get-netadapterstatistics"),
    "NetConnection": ("get-netconnectionprofile",),
    "NetSecurity": ("get-netfirewalladdressfilter", "get-netfirewallapplicationfilter", "get-netfirewallportfilter",
                    "get-netfirewallprofile", "get-netfirewallrule"),
    "NetTCPIP": ("get-netipaddress", "get-netipconfiguration", "get-netipinterface", "get-netroute",
                 "get-nettcpconnection", "get-netudpendpoint", "test-netconnection"),
    "ScheduledTasks": ("get-scheduledtask", "get-scheduledtaskinfo"),
    "ServerManager": ("get-windowsfeature",),
    "SmbShare": ("get-smbclientconfiguration", "get-smbconnection", "get-smbopenfile", "get-smbserverconfiguration",
                 "get-smbsession", "get-smbshare", "get-smbshareaccess"),
    "Storage": ("get-disk", "get-partition", "get-physicaldisk", "get-volume"),
    "WebAdministration": ("get-webapplication", "get-webapppoolstate", "get-webbinding", "get-webconfiguration",
                          "get-webconfigurationproperty", "get-webglobalmodule", "get-webhandler",
                          "get-webmanagedmodule", "get-website", "get-websitestate", "get-webvirtualdirectory"),
}  # fmt: skip
FUNCTIONS = {command: module for module, commands in _MODULES.items() for command in commands}


def against_lock(text: str, modules: Iterable[str]) -> Iterator[Refusal]:
    """What a locked session would refuse of a script that is proven read-only, in no order.

    Args:
        modules: those that are imported before the lock.
    """
    there = {name.lower() for name in modules}
    for node in read(text).nodes:
        match node:
            case Cast(type=kind) if not _is_core(kind.name):
                yield _type(node, kind.name, f"nothing can be converted to [{kind.name}]")
            case Binary(operator="-as", right=TypeName(name=name)) if not _is_core(name):
                yield _type(node.right, name, f"-as [{name}] gives nothing")
            case Invoke(name=called) if called.lower() == "tostring":
                pass  # which that mode lets be called on everything
            case Invoke(target=TypeName(name=name)) if not _is_core(name):
                yield _type(node, name, f"[{name}]::{node.name}() cannot be called")
            case Invoke(target=Member(target=TypeName(name=name))) if not _is_core(name):
                yield _type(node, name, f".{node.name}() of an object of [{name}] cannot be called")
            case Command():
                yield from _command(node, there)


def _is_core(name: str) -> bool:
    return plain(name) in CORE or (name.lower().endswith("[]") and plain(name) == "pscustomobject")


def _type(node: Node, name: str, why: str) -> Refusal:
    instead = _INSTEAD.get(plain(name).partition("[")[0], _OTHERWISE)
    return Refusal(EXPLAINS[0], node.at, f"{why} in a locked session", instead)


def _command(node: Command, there: set[str]) -> Iterator[Refusal]:
    name = node.name.lower()
    module = FUNCTIONS.get(name)
    if module is not None and module.lower() not in there:
        why = f"{node.name} is a function of the module {module}, which has to be imported before the session is locked"
        yield Refusal(EXPLAINS[0], node.at, why, f"name {module} in action.yml, in `modules` under `needs`")
    elif name == "import-module":
        why = "what is imported in a locked session is held to its language"
        yield Refusal(EXPLAINS[0], node.at, why, "name it in action.yml instead, in `modules` under `needs`")
    elif name == "new-object":
        kind = _type_name(node)
        if kind and plain(kind) not in CORE | _OBJECTS:
            yield _type(node, kind, f"no object of [{kind}] can be made")


def _type_name(node: Command) -> str:
    for argument in node.arguments:
        if isinstance(argument.value, Text) and (argument.name is None or argument.name.lower().startswith("t")):
            return argument.value.value
    return ""
