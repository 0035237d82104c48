"""Only methods that compute a value, and those that fill a collection which the script made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..flow import MUTATORS, Flow
from ..kinds import COLLECTIONS, is_allowed, plain
from ..lexer import Refusal
from ..literals import is_decided
from ..origins import KINDS, MANY, OPAQUE, Origin, is_core
from ..tree import Block, Invoke, Member, Node, Text, TypeName, Variable
from .assignments import made_of
from .interface import Reading

PURE = frozenset(
    {
        "tostring", "trim", "trimstart", "trimend", "split", "startswith", "endswith", "contains", "indexof",
        "lastindexof", "substring", "padleft", "padright", "toupper", "tolower", "toupperinvariant",
        "tolowerinvariant", "touniversaltime", "tolocaltime", "adddays", "addhours", "addminutes", "addseconds",
        "addmilliseconds", "addmonths", "addyears", "subtract", "equals", "compareto", "containskey", "containsvalue",
        "getenumerator", "toshortdatestring", "tolongdatestring", "toshorttimestring", "tochararray", "toarray",
        "getvalue", "getvaluenames", "getsubkeynames", "getvaluekind", "getstring", "getbytes", "gethashcode",
        "isindaylightsavingtime", "tofiletimeutc", "tofiletime", "getaddressbytes", "tobytearray", "hasflag",
        "peek", "indexofany", "normalize", "getlength", "getupperbound",
    }
)  # fmt: skip
STATIC = {
    "datetime": {"utcnow", "now", "today", "parse", "parseexact", "fromfiletimeutc", "fromfiletime", "minvalue",
                 "maxvalue", "daysinmonth", "isleapyear", "compare"},
    "datetimeoffset": {"utcnow", "now", "fromunixtimeseconds", "parse"},
    "timespan": {"fromdays", "fromhours", "fromminutes", "fromseconds", "frommilliseconds", "zero", "parse"},
    "math": {"round", "floor", "ceiling", "min", "max", "abs", "truncate", "pow", "sqrt"},
    "string": {"isnullorempty", "isnullorwhitespace", "join", "empty", "format", "compare", "equals", "concat"},
    "environment": {"machinename", "osversion", "is64bitprocess", "is64bitoperatingsystem", "processorcount", "newline",
                    "version", "systemdirectory", "username", "userdomainname", "getenvironmentvariable",
                    "getfolderpath", "tickcount"},
    "io.path": {"combine", "getfilename", "getdirectoryname", "getextension", "getfilenamewithoutextension",
                "changeextension", "ispathrooted", "getpathroot"},
    "io.file": {"exists", "readalltext", "readalllines", "readallbytes", "getlastwritetimeutc", "getcreationtimeutc",
                "getlastwritetime", "getcreationtime"},
    "io.directory": {"exists", "getfiles", "getdirectories", "getlastwritetimeutc"},
    "io.driveinfo": {"getdrives"},
    "diagnostics.fileversioninfo": {"getversioninfo"},
    "guid": {"empty", "parse"},
    "version": {"parse"},
    "convert": {"tobase64string", "frombase64string", "toint32", "toint64", "tostring", "todatetime", "toboolean",
                "todouble"},
    "bitconverter": {"tostring", "toint32", "toint64"},
    "regex": {"escape", "ismatch", "match", "matches", "split", "replace"},
    "text.regularexpressions.regex": {"escape", "ismatch", "match", "matches", "split", "replace"},
    "text.encoding": {"utf8", "ascii", "unicode", "default", "utf32", "bigendianunicode"},
    "int": {"maxvalue", "minvalue", "parse"}, "int32": {"maxvalue", "minvalue", "parse"},
    "int64": {"maxvalue", "minvalue", "parse"}, "long": {"maxvalue", "parse"}, "double": {"parse", "nan"},
    "char": {"isdigit", "isletter", "isletterordigit", "isupper", "iswhitespace"},
    "array": {"indexof"},
    "stringcomparison": {"ordinal", "ordinalignorecase", "invariantcultureignorecase"},
    "stringsplitoptions": {"removeemptyentries", "none"},
    "globalization.cultureinfo": {"invariantculture"}, "cultureinfo": {"invariantculture"},
    "security.principal.windowsidentity": {"getcurrent"},
    "net.dns": {"gethostname"},
    "net.ipaddress": {"parse", "loopback"}, "ipaddress": {"parse", "loopback"},
    "management.managementdatetimeconverter": {"todatetime"},
    "uri": {"unescapedatastring", "escapedatastring"},
    "dayofweek": {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
    "io.fileattributes": {"reparsepoint", "hidden", "system", "directory", "readonly"},
    "serviceprocess.servicecontrollerstatus": {"running", "stopped", "startpending", "stoppending", "paused"},
}  # fmt: skip
# Texts and dates whatever the server says: FileInfo.Replace() would change a file, but not what stands in these.
_TEXTS = frozenset(
    {"name", "fullname", "displayname", "basename", "extension", "directoryname", "description", "message", "line",
     "caption", "commandline", "pathname", "hotfixid", "path", "definition", "pschildname", "pspath", "thumbprint"}
)  # fmt: skip
_DATES = frozenset(
    {"lastwritetime", "lastwritetimeutc", "creationtime", "creationtimeutc", "lastaccesstime", "lastaccesstimeutc",
     "timecreated", "timegenerated", "timewritten", "notafter", "notbefore", "lastbootuptime", "installdate",
     "starttime", "endtime", "lastruntime", "whencreated", "whenchanged", "whencreatedutc", "whenchangedutc"}
)  # fmt: skip
# Methods of the collections that a pipeline takes apart; tables and builders of text are handed on whole.
_OF_ALL = frozenset({"tostring", "equals", "gethashcode", "getenumerator", "contains", "clear"})
_OF_LIST = _OF_ALL | {"add", "addrange", "insert", "remove", "removeat", "indexof", "lastindexof", "toarray", "sort",
                      "reverse"}  # fmt: skip
_OF_LISTS = {
    "array": _OF_ALL | {"add", "insert", "remove", "removeat", "indexof", "getvalue", "getlength", "getupperbound"},
    "collections.arraylist": _OF_LIST,
    "collections.generic.list": _OF_LIST,
    "collections.generic.hashset": _OF_ALL | {"add", "remove"},
    **dict.fromkeys(
        ("collections.queue", "collections.generic.queue"), _OF_ALL | {"enqueue", "dequeue", "peek", "toarray"}
    ),
    **dict.fromkeys(("collections.stack", "collections.generic.stack"), _OF_ALL | {"push", "pop", "peek", "toarray"}),
}
_OF_KEYS = frozenset({"getvalue", "getvaluenames", "getsubkeynames", "getvaluekind"})
# Methods that people know of live objects, and the same without one.
_INSTEAD = {
    **dict.fromkeys(
        ("tobytes", "tokb", "tomb", "togb", "totb"),
        "read its text: [int64]([string]$value -replace '^.*\\(|[^0-9]')",
    ),
    "gettype": "write $value -is [string]",
    "converttodatetime": "read it as a date: (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime",
    "toxml": "read .Message, or .Properties[0].Value",
    **dict.fromkeys(
        ("getvalue", "getvaluenames", "getsubkeynames", "getvaluekind"),
        "read the key: Get-ItemProperty -LiteralPath 'HKLM:\\...'",
    ),
    "hasflag": "write ([int]$value -band 2) -ne 0",
}
_STATIC_INSTEAD = {
    **dict.fromkeys(
        ("microsoft.win32.registry", "microsoft.win32.registrykey"),
        "read the key: Get-ItemProperty -LiteralPath 'HKLM:\\...'",
    ),
    "net.servicepointmanager": "read what holds for all programs: "
    "Get-ItemProperty -LiteralPath 'HKLM:\\SOFTWARE\\Microsoft\\.NETFramework\\v4.0.30319'",
}


@dataclass(frozen=True, slots=True)
class Members:
    """`described`: types of access lists that the script makes, to which it may give their text."""

    described: frozenset[str] = frozenset()

    @property
    def explains(self) -> tuple[str, ...]:
        return ("static", "method")

    def check(self, reading: Reading) -> Iterator[Refusal]:
        named = {
            id(node.target)
            for node in reading.nodes
            if isinstance(node, Member) and node.name.lower() in ("name", "fullname")
        }
        for node in reading.nodes:
            if not isinstance(node, Invoke | Member):
                continue
            if isinstance(node.target, TypeName):
                yield from _static(node, node.target)
            elif isinstance(node, Invoke) and _describes(reading.flow, node, self.described):
                continue
            elif isinstance(node, Invoke):
                yield from _method(reading.flow, node, named=id(node) in named)


def _describes(flow: Flow, node: Invoke, described: frozenset[str]) -> bool:
    """Whether an access list that the script made is given its text, which is decided before."""
    if node.name.lower() != "setsecuritydescriptorsddlform" or not isinstance(node.target, Variable):
        return False
    kinds = made_of(flow, node.target.name)
    return (
        kinds is not None
        and bool(kinds)
        and kinds <= described
        and all(is_decided(flow, item) for item in node.arguments)
    )


def _static(node: Invoke | Member, kind: TypeName) -> Iterator[Refusal]:
    name = node.name.lower()
    if name == "new" and plain(kind.name).partition("[")[0] in COLLECTIONS:
        generic = "[" in plain(kind.name)
        if is_allowed(kind.name) or not generic:
            return
    if name not in STATIC.get(plain(kind.name), ()):
        yield Refusal(
            "static",
            node.at,
            f"[{kind.name}]::{node.name} is not known to be pure",
            _STATIC_INSTEAD.get(
                plain(kind.name), "use a command, or one of the members that docs/reference/lint.md lists"
            ),
        )


def _method(flow: Flow, node: Invoke, *, named: bool) -> Iterator[Refusal]:
    name = node.name.lower()
    if name in ("where", "foreach"):
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Block):
            yield Refusal("method", node.at, f".{node.name}() without one block", "use Where-Object { ... }")
    elif name in MUTATORS or name in ("pop", "dequeue", "sort", "reverse"):
        if not _has(flow, node.target, name) and not (name in ("remove", "insert") and _is_text(flow, node.target)):
            yield Refusal(
                "method",
                node.at,
                f".{node.name}() may change a live object of the server",
                "make the list in this script: $list = @(), then $list += $item",
            )
    elif name == "replace":
        if not _is_text(flow, node.target):
            yield Refusal(
                "method",
                node.at,
                "this may not be text, and FileInfo.Replace() changes a file",
                "write $value -replace 'pattern', 'text', or ([string]$value).Replace(...)",
            )
    elif name == "gettype" and named and not node.arguments:
        return
    elif name not in PURE:
        yield Refusal(
            "method",
            node.at,
            f".{node.name}() may change the object or run something",
            _INSTEAD.get(name, "read properties, or use a command: Get-..., Select-Object, -replace, -split"),
        )
    elif not _computes(flow, node, name):
        yield Refusal(
            "method",
            node.at,
            f"what .{node.name}() is called on is not shown to be of a core type",
            _INSTEAD.get(name, "say what it is: ([string]$value).Trim(), ([datetime]$value).AddDays(1), @($value)"),
        )


def _computes(flow: Flow, node: Invoke, name: str) -> bool:
    """Whether a method that computes is called on what has it: a value of a core type, or what the script made."""
    target = node.target
    if name == "tostring" or _has(flow, target, name):
        return True
    if flow.tables(target) is not None or (flow.is_list(target) and name in ("contains", "getenumerator", "toarray")):
        return True
    origin = flow.of(target)
    if name in _OF_KEYS:
        return not origin & (KINDS & ~Origin.ITEM) and bool(origin & Origin.ITEM)
    return is_core(origin) or _is_named(flow, target, _TEXTS | _DATES)


def _has(flow: Flow, node: Node, name: str) -> bool:
    """Whether a value is what the script made, and has a method itself: a list without it hands it to its elements."""
    kinds = made_of(flow, node.name) if isinstance(node, Variable) else None
    return kinds is not None and all(not kind or name in _OF_LISTS.get(kind, frozenset({name})) for kind in kinds)


def _is_named(flow: Flow, node: Node, names: frozenset[str]) -> bool:
    """Whether a value is a property of which the type is known by its name, on what a command returned."""
    return (
        isinstance(node, Member)
        and node.name.lower() in names
        and not isinstance(node.target, TypeName)
        and not flow.of(node.target) & Origin.OTHER
    )


def _is_text(flow: Flow, node: Node) -> bool:
    """Whether a value surely has no method that changes something: a text, or another value of a core type."""
    if isinstance(node, Text) or (isinstance(node, Invoke) and node.name.lower() == "tostring"):
        return True
    if isinstance(node, Member) and not isinstance(node.target, TypeName) and node.name.lower() in _TEXTS:
        return _is_named(flow, node, _TEXTS)
    return not flow.of(node) & (MANY | Origin.ITEM | OPAQUE)
