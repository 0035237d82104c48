"""A script block stands only where a listed parameter takes one; what names a property is written out."""

from __future__ import annotations

from collections.abc import Iterator

from ..flow import Flow
from ..lexer import Refusal
from ..tree import Block, Cast, Command, Function, Group, Hash, Invoke, Listing, Member, Node, Number, Text, Variable
from .interface import Reading

_TAKERS = frozenset({"Where-Object", "ForEach-Object"})
_CALCULATED = frozenset(
    {"Select-Object", "Sort-Object", "Group-Object", "Format-List", "Format-Table", "Format-Wide", "Measure-Object",
     "Compare-Object"}
)  # fmt: skip
_ANY_NAMES = frozenset({"Select-Object", "Format-List", "Format-Table", "Format-Wide"})
# Properties that lead to methods, to the text of functions, or into the engine.
STRANGE = frozenset(
    {"psobject", "psbase", "psadapted", "psextended", "methods", "scriptblock", "mycommand", "module", "sessionstate",
     "invokecommand", "exportedcommands", "exportedfunctions", "engineintrinsics", "runspace", "invoke",
     "invokereturnasis", "getnewclosure", "ast", "commandinfo", "commandruntime", "implementingassembly",
     "implementingtype", "assembly", "basetype", "declaringtype", "reflectedtype", "targetsite", "definedtypes",
     "exportedtypes", "declaredmembers", "declaredmethods", "declaredproperties", "declaredfields",
     "declaredconstructors", "propertytype", "fieldtype", "parametertype", "returntype", "underlyingsystemtype",
     "typehandle", "invokeprovider", "syncroot", "accessrighttype", "accessruletype", "auditruletype",
     "customattributes", "attributetype", "argumenttype", "constructor", "constructorarguments", "namedarguments",
     "memberinfo", "typeinitializer", "declaringmethod", "declaredevents", "declarednestedtypes", "methodhandle",
     "getmethod", "setmethod", "generictypearguments", "generictypeparameters", "implementedinterfaces", "typeid"}
)  # fmt: skip

_INSTEAD = {
    "psobject": "name the properties; those of a key: (Get-Item -LiteralPath 'HKLM:\\...').Property",
}


class Blocks:
    explains = ("script-block", "property")

    def check(self, reading: Reading) -> Iterator[Refusal]:
        flow = reading.flow
        allowed = {id(reading.script)}
        for node in reading.nodes:
            if isinstance(node, Function):
                allowed.add(id(node.block))
            elif isinstance(node, Command):
                call = reading.calls.of(node)
                if call is None or call.own:
                    continue
                known = call.known
                if known.name in _TAKERS:
                    allowed.update(id(item.value) for item in node.arguments if isinstance(item.value, Block))
                if known.name == "Select-Object" and {"property", "expandproperty"} <= call.binding.given:
                    yield Refusal(
                        "property",
                        node.at,
                        "with -Property and -ExpandProperty, objects of the server are given properties of any name",
                        "leave one of them out; of each, write ForEach-Object { @{ Name = $_.Name } }",
                    )
                for name, value in call.binding.values:
                    if known.parameters.get(name, ("", ""))[1] == "names":
                        yield from _names(flow, known.name, name, value, allowed)
            elif isinstance(node, Invoke) and node.name.lower() in ("where", "foreach"):
                allowed.update(id(item) for item in node.arguments[:1] if isinstance(item, Block))
        for node in reading.nodes:
            if isinstance(node, Block) and id(node) not in allowed:
                yield Refusal("script-block", node.at, "a block that others may run", "write it where it is needed")
            elif isinstance(node, Member) and node.name.lower() in STRANGE:
                instead = _INSTEAD.get(node.name.lower(), "read a plain property")
                yield Refusal("property", node.at, f".{node.name} leads to methods", instead)


def _names(flow: Flow, command: str, parameter: str, value: Node, allowed: set[int]) -> Iterator[Refusal]:
    """Every name of a property that a value may be: each must be seen, and lead nowhere strange."""
    wild = command in _ANY_NAMES and parameter != "expandproperty"
    for part in parts(flow, value):
        match part:
            case Text():
                name = part.value.lower()
                if name in STRANGE or (("*" in name or "?" in name or "[" in name) and not wild):
                    yield Refusal("property", value.at, f"{part.value!r} may lead to methods", "name a plain property")
            case Number():
                pass
            case Block() if command in _CALCULATED and parameter in ("property", "groupby"):
                allowed.add(id(part))
            case Hash() if command in _CALCULATED:
                for pair in part.pairs:
                    key = pair.key.value.lower() if isinstance(pair.key, Text) else ""
                    if not key:
                        yield Refusal("property", pair.at, "which key this is cannot be seen", "write Name = ...")
                    elif key.startswith("e") and isinstance(pair.value, Block):
                        allowed.add(id(pair.value))
                    elif key.startswith("e"):
                        yield from _names(flow, "Sort-Object", "expression", pair.value, allowed)
            case _:
                yield Refusal(
                    "property", value.at, "which properties these are cannot be seen", "write -Property Name, Status"
                )


def parts(flow: Flow, node: Node, seen: frozenset[str] = frozenset()) -> Iterator[Node]:
    """The texts, numbers, tables and blocks that a value consists of, through lists and variables; else the node."""
    match node:
        case Listing():
            for item in node.items:
                yield from parts(flow, item, seen)
        case Group() if node.opening != "{" and node.body:
            for item in node.body:
                yield from parts(flow, item, seen)
        case Cast() if node.type.name.lower() in ("string", "string[]", "array", "object[]", "ordered"):
            yield from parts(flow, node.value, seen)
        case Variable(name=name) if name in flow.writes and name not in seen:
            for _, value in flow.writes[name]:
                if isinstance(value, Node):
                    yield from parts(flow, value, seen | {name})
                else:
                    yield node
        case _:
            yield node
