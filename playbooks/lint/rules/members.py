"""Only methods that compute a value; FileInfo.Replace changes a file, so Replace needs a certain string."""

from __future__ import annotations

from collections.abc import Iterator

from ..lexer import Refusal
from ..tree import Block, Cast, Expandable, Group, Invoke, Member, Node, Text, TypeName, walk

PURE = frozenset(
    {
        "tostring", "trim", "trimstart", "trimend", "split", "startswith", "endswith", "contains", "indexof",
        "lastindexof", "substring", "padleft", "padright", "toupper", "tolower", "toupperinvariant",
        "tolowerinvariant", "touniversaltime", "tolocaltime", "adddays", "addhours", "addminutes", "addseconds",
        "addmonths", "addyears", "equals", "compareto", "containskey", "getenumerator",
    }
)  # fmt: skip
STATIC = {
    "datetime": {"utcnow", "now", "today", "parse", "parseexact", "fromfiletimeutc", "minvalue", "maxvalue"},
    "timespan": {"fromdays", "fromhours", "fromminutes", "fromseconds", "zero"},
    "math": {"round", "floor", "ceiling", "min", "max", "abs", "truncate"},
    "string": {"isnullorempty", "isnullorwhitespace", "join", "empty", "format", "compare", "equals"},
    "environment": {"machinename", "osversion", "is64bitprocess", "is64bitoperatingsystem", "processorcount", "newline",
                    "version", "systemdirectory", "username"},
    "io.path": {"combine", "getfilename", "getdirectoryname", "getextension", "getfilenamewithoutextension"},
    "guid": {"empty", "parse"},
    "version": {"parse"},
    "convert": {"tobase64string", "frombase64string", "toint32", "toint64", "tostring"},
    "regex": {"escape", "ismatch", "match", "matches", "split"},
    "int": {"maxvalue", "minvalue"},
    "stringcomparison": {"ordinal", "ordinalignorecase"},
    "globalization.cultureinfo": {"invariantculture"},
}  # fmt: skip
_STRANGE = frozenset({"psobject", "psbase", "psadapted", "psextended", "methods", "invoke", "gettype", "scriptblock"})


class Members:
    def check(self, script: Block) -> Iterator[Refusal]:
        for node in walk(script):
            if not isinstance(node, Invoke | Member):
                continue
            name = node.name.lower()
            if isinstance(node.target, TypeName):
                kind = node.target.name.lower().removeprefix("system.")
                if name not in STATIC.get(kind, ()):
                    yield Refusal(
                        "static",
                        node.at,
                        f"[{node.target.name}]::{node.name} is not known to be pure",
                        "see docs/reference/lint.md for what is, or use a command",
                    )
            elif isinstance(node, Member):
                if name in _STRANGE:
                    yield Refusal("member", node.at, f".{node.name} leads to methods", "read a plain property")
            elif name in ("where", "foreach"):
                if len(node.arguments) != 1 or not isinstance(node.arguments[0], Block):
                    yield Refusal("method", node.at, f".{node.name}() without one block", "use Where-Object { ... }")
            elif name in ("replace", "remove", "insert"):
                if name != "replace" or not _is_string(node.target):
                    yield Refusal(
                        "method", node.at, f".{node.name}() also changes files and collections", "use -replace"
                    )
            elif name not in PURE:
                yield Refusal("method", node.at, f".{node.name}() may change the object", "read properties instead")


def _is_string(node: Node) -> bool:
    if isinstance(node, Group) and len(node.body) == 1:
        return _is_string(node.body[0])
    return isinstance(node, Text | Expandable) or (isinstance(node, Cast) and node.type.name.lower() == "string")
