"""Where values of a script come from, over PowerShell's own tree, and what must not come from there.

Shares nothing with the linter, and works otherwise: the linter keeps a few flags a variable; this keeps what a value
may be itself: texts with the letters that they begin with, and tables and lists by the place in the script that made
them, so that operators, indexes and casts are worked out. A form that is not known gives ANY, and ANY is objected to
wherever it matters. Coarser than a real run: a variable has one set of values for the whole script; a text that begins
with nothing known is no path of this host whatever follows; numbers and dates are never a path of another host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .conditions import (
    GUARD,
    asks_for_drive,
    asks_for_text,
    conjuncts,
    is_written,
    leaves_unless,
    names_written,
    shows_drive,
    single,
)
from .forms import (
    arguments,
    assigned_to,
    bare_switches,
    command_name,
    in_block,
    literal,
    names_only,
    parameter_before,
    place_in_pipeline,
    stripped,
    taker,
    type_name,
    variable_name,
)
from .real import Ast

# A value is a set of these: (kind, ...). ("text", beginning, whole): whole says that nothing follows the beginning.
# ("list", place) and ("table", place, kind): what is in them stands in Origins.inside. The rest have a kind alone.
Atom = tuple[object, ...]
Value = frozenset[Atom]

NULL: Atom = ("null",)
PLAIN: Atom = (
    "plain",
)  # a number, a truth value, a date, a version: never a path elsewhere, and no method of it harms
PLACE: Atom = ("place",)  # what Get-Item and the like gave for a place on this host
LIVE: Atom = ("live",)  # anything else that a command gave
GROUP: Atom = ("group",)  # what Group-Object gives
TYPE: Atom = ("type",)
BLOCK: Atom = ("block",)
ANY: Atom = ("any",)
UNKNOWN_TEXT: Atom = ("text", "", False)
ON_DRIVE: Atom = ("text", "C:\\", False)
_NOTHING: Value = frozenset()
_ANY = frozenset({ANY})
_MOST = 24  # atoms of a value; more become less exact

_HERE = re.compile(
    r"(?:(?:[A-Za-z]|hklm|hkcu|env|cert):(?!:)|(?:microsoft\.powershell\.core\\)?registry::|\\\\\?\\[A-Za-z]:\\|iis:\\)",
    re.I,
)
_UNDER = re.compile(r"[\\/][A-Za-z0-9_ ]")  # below the root of the drive where the session is
_OPENS = frozenset(
    {
        "get-childitem", "get-item", "get-content", "get-itemproperty", "get-itempropertyvalue", "get-filehash",
        "get-acl", "test-path", "resolve-path", "convert-path", "import-csv", "get-authenticodesignature",
        "select-string", "get-winevent"
    }
)  # fmt: skip
_PATH_NAMES = frozenset(
    {
        "path", "literalpath", "filepath", "pspath"
    }
)  # fmt: skip
_PASSES = frozenset(
    {
        "sort-object", "get-unique", "get-random", "write-output", "select-object"
    }
)  # fmt: skip
_TAKES_ANYTHING = re.compile(
    r"(?:where|foreach|sort|group|measure|select|compare|format|out|write|convertto|convertfrom)-|get-(?:unique|member|random)$"
)
_SILENT = re.compile(r"(?:write-(?!output)|out-(?:null|host)|set-strictmode|start-sleep|add-pssnapin|import-module)")
_TEXT_OF_PLACE = frozenset(
    {
        "fullname", "pspath", "psparentpath", "directoryname", "path", "providerpath"
    }
)  # fmt: skip
# Properties that are text on every class that a command of a collect script gives.
_TEXT_OF_LIVE = frozenset(
    {
        "name", "fullname", "displayname", "basename", "extension", "directoryname", "description", "message", "line",
        "caption", "commandline", "pathname", "hotfixid", "path", "definition", "pschildname", "pspath", "thumbprint"
    }
)  # fmt: skip
_TYPES = frozenset(
    {
        "implementingtype", "declaringtype", "reflectedtype", "basetype", "underlyingsystemtype", "propertytype",
        "fieldtype", "parametertype", "returntype", "assembly", "definedtypes", "declaredproperties", "declaredmethods",
        "declaredfields", "declaredmembers", "exportedtypes", "implementingassembly", "typehandle", "accessrighttype",
        "accessruletype", "auditruletype", "customattributes", "attributetype", "constructor", "typeid"
    }
)  # fmt: skip
_STRANGE = frozenset(
    {
        "psobject", "psbase", "psadapted", "psextended", "methods", "scriptblock", "mycommand", "module",
        "sessionstate",
        "invokecommand", "exportedcommands", "exportedfunctions", "engineintrinsics", "runspace", "ast"
    }
)  # fmt: skip
# Commands of Exchange that take a server from the pipeline, or a text that may be one.
_OF_A_SERVER = frozenset(
    {
        "get-owavirtualdirectory", "get-ecpvirtualdirectory", "get-oabvirtualdirectory", "get-mapivirtualdirectory",
        "get-activesyncvirtualdirectory", "get-autodiscovervirtualdirectory", "get-webservicesvirtualdirectory",
        "get-powershellvirtualdirectory", "get-outlookanywhere", "get-exchangecertificate", "get-mailboxdatabase",
        "get-mailboxdatabasecopystatus", "get-mailboxstatistics", "get-mailbox", "get-queue", "get-message",
        "get-messagetrackinglog", "get-receiveconnector", "get-offlineaddressbook", "get-popsettings",
        "get-imapsettings", "get-rpcclientaccess", "get-serverhealth", "get-healthreport", "get-servercomponentstate",
        "get-monitoringitemidentity", "get-databaseavailabilitygroupnetwork", "get-exchangediagnosticinfo",
        "test-servicehealth"
    }
)  # fmt: skip
_FILLS = frozenset(
    {
        "add", "addrange", "insert", "push", "enqueue", "remove", "removeat", "clear", "pop", "dequeue", "sort",
        "reverse", "append", "appendline", "appendformat"
    }
)  # fmt: skip
_RISKY = _FILLS | {"replace", "getvalue"}  # on some object of a server these change something or run code
_SAME_BEGINNING = frozenset(
    {"tolower", "tolowerinvariant", "toupper", "toupperinvariant", "trimend", "tostring", "trim"}
)
_KEEP = frozenset(
    {
        "psobject", "object", "management.automation.psobject"
    }
)  # fmt: skip
_TABLES = frozenset(
    {"hashtable", "ordered", "pscustomobject", "collections.hashtable", "collections.specialized.ordereddictionary"}
)
_PLAIN_TYPES = frozenset(
    {
        "int", "int16", "int32", "int64", "long", "uint16", "uint32", "uint64", "byte", "bool", "boolean", "double",
        "single", "float", "decimal", "datetime", "datetimeoffset", "timespan", "version", "guid", "switch",
        "switchparameter", "management.automation.switchparameter"
    }
)  # fmt: skip
_DRIVE_VARIABLES = frozenset(
    {"systemdrive", "systemroot", "windir", "programfiles", "programdata", "allusersprofile", "public"}
)
_DRIVE_OR_EMPTY = frozenset(
    {
        "programfiles(x86)", "programw6432", "commonprogramfiles", "commonprogramfiles(x86)", "exchangeinstallpath",
        "temp", "tmp", "userprofile", "localappdata"
    }
)  # fmt: skip


def objections(script: Ast) -> list[str]:
    """What data flow has against a script; empty when all that matters is shown to be harmless."""
    return Origins(script).judge()


def _text(beginning: str, *, whole: bool = False) -> Atom:
    return ("text", beginning, whole) if len(beginning) <= 60 else ("text", beginning[:60], False)


def _is_text(atom: Atom) -> bool:
    return atom[0] == "text"


@dataclass(slots=True)
class Origins:
    script: Ast
    variables: dict[str, Value] = field(default_factory=dict)
    inside: dict[object, dict[str, Value]] = field(default_factory=dict)
    returned: dict[str, Value] = field(default_factory=dict)
    functions: dict[str, Ast] = field(default_factory=dict)
    kinds: dict[str, set[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    nodes: list[Ast] = field(default_factory=list)
    grown: bool = False
    rounds: int = 0
    known: dict[int, Value] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.nodes = sorted(self.script.walk(), key=lambda node: (node.start, -node.end))
        for node in self.nodes:
            if node.kind == "FunctionDefinition":
                self.functions[str(node.parts["Name"]).lower()] = node
            elif node.kind == "ConvertExpression" and (node.parent is not None and assigned_to(node)):
                if (target := stripped(node)).kind == "VariableExpression":
                    self.kinds.setdefault(variable_name(target), set()).add(type_name(node.sure("Type")))
            elif node.kind == "Parameter":
                kinds = {type_name(item) for item in node.several("Attributes") if item.kind == "TypeConstraint"}
                self.kinds.setdefault(variable_name(node.sure("Name")), set()).update(kinds)
        self.names = set(names_written(self.nodes))
        while True:
            self.grown, self.known = False, {}
            for node in self.nodes:
                self.effect(node)
            self.rounds += 1
            if not self.grown:
                return
            assert self.rounds < 60, "the values of this script do not settle"

    # -- what a script writes ----------------------------------------------------------------------------------------

    def grow(self, table: dict[str, Value], key: str, value: Value) -> None:
        before = table.get(key, _NOTHING)
        after = before | value
        if len(after) > _MOST or self.rounds > 6:
            after = frozenset(_vague(atom) for atom in after)
        if self.rounds > 20:
            after |= _ANY
        if after - before:
            table[key] = before | after
            self.grown = True
            self.known = {}

    def write(self, name: str, value: Value, *, at: object = None) -> None:
        for kind in sorted(self.kinds.get(name, ())):
            self.grow(self.variables, name, self.cast(kind, value, ("variable", name, kind, at)))
        self.grow(self.variables, name, value)

    def effect(self, node: Ast) -> None:
        match node.kind:
            case "AssignmentStatement":
                self.assign(node)
            case "ForEachStatement":
                self.write(variable_name(node.sure("Variable")), self.elements(self.of(node.sure("Condition"))))
            case "Parameter":
                name = variable_name(node.sure("Name"))
                kinds = self.kinds.get(name, set())
                default = node.one("DefaultValue")
                given = self.of(default) if default is not None else frozenset({NULL})
                if node.parent is not None and node.parent.kind == "ParamBlock" and self.owner(node) is None:
                    given |= _ANY if in_block(node) else _NOTHING
                if kinds:
                    for kind in sorted(kinds):
                        self.grow(self.variables, name, self.cast(kind, given, node))
                else:
                    self.grow(self.variables, name, given)
            case "Command":
                self.call(node)
            case "FunctionDefinition":
                block = node.sure("Body")
                found = _NOTHING
                bodies = [
                    one
                    for one in (block.one(part) for part in ("BeginBlock", "ProcessBlock", "EndBlock"))
                    if one is not None
                ]
                for body in bodies:
                    found |= self.outputs(body.several("Statements"))
                if len(bodies) > 1:
                    found = self.stream(self.elements(found), block)
                found |= self.returns(block)
                self.grow(self.returned, str(node.parts["Name"]).lower(), found | {NULL})
            case "InvokeMemberExpression" if (
                not node.parts.get("Static") and node.sure("Member").word("Value") in _FILLS
            ):
                self.fill(node)

    def assign(self, node: Ast) -> None:
        target, value = node.sure("Left"), self.of(node.sure("Right"))
        if node.word("Operator") == "plusequals":
            value = self.plus(self.of(stripped(target)), value, node)
        elif node.word("Operator") != "equals":
            value = frozenset({PLAIN, UNKNOWN_TEXT}) | self.of(stripped(target))
        kinds = []
        while target.kind in ("ConvertExpression", "AttributedExpression"):
            if target.kind == "ConvertExpression":
                kinds.append(type_name(target.sure("Type")))
            target = target.sure("Child")
        for kind in reversed(kinds):
            value = self.cast(kind, value, node)
        if target.kind == "VariableExpression":
            self.write(variable_name(target), value, at=node)
        elif target.kind == "ArrayLiteral":
            for item in target.several("Elements"):
                if item.kind == "VariableExpression":
                    self.write(variable_name(item), self.stream(self.elements(value), item), at=item)
        elif target.kind in ("MemberExpression", "IndexExpression"):
            base = self.of(target.sure("Expression" if target.kind == "MemberExpression" else "Target"))
            key = target.sure("Member" if target.kind == "MemberExpression" else "Index")
            name = str(key.parts["Value"]).lower() if key.kind == "StringConstantExpression" else "*"
            for atom in base:
                if atom[0] in ("table", "list"):
                    self.grow(self.inside.setdefault(atom[1], {}), name if atom[0] == "table" else "*", value)

    def fill(self, node: Ast) -> None:
        name = node.sure("Member").word("Value")
        given = [self.of(item) for item in node.several("Arguments")]
        for atom in self.of(node.sure("Expression")):
            if atom[0] not in ("list", "table"):
                continue
            for value in given if atom[0] == "list" else given[1:]:
                self.grow(
                    self.inside.setdefault(atom[1], {}),
                    "*",
                    self.elements(value) | value if name == "addrange" else value,
                )
            if name in ("clear", "remove", "removeat"):
                self.grow(self.inside.setdefault(atom[1], {}), "*", frozenset({NULL}))

    def call(self, node: Ast) -> None:
        """Hands the arguments of a call to the parameters of the script's own function."""
        function = self.functions.get(command_name(node))
        if function is None:
            return
        block = function.sure("Body").one("ParamBlock")
        parameters = [*function.several("Parameters"), *(block.several("Parameters") if block else [])]
        names = [variable_name(item.sure("Name")) for item in parameters]
        named, unnamed = arguments(node)
        piped = place_in_pipeline(node)[1] > 0
        for name in names:
            values = [value for key, value in named if key == name or name.startswith(key)] + unnamed
            for number, value in enumerate(values):
                found = self.of(value)
                for kind in sorted(self.kinds.get(name, ())):
                    self.grow(self.variables, name, self.cast(kind, found, (node, name, number)))
                if not self.kinds.get(name):
                    self.grow(self.variables, name, found)
            if piped:
                self.grow(self.variables, name, _ANY)

    def owner(self, node: Ast) -> Ast | None:
        return next((above for above in node.above() if above.kind == "FunctionDefinition"), None)

    # -- what a value is made of -------------------------------------------------------------------------------------

    def content(self, atom: Atom) -> Value:
        """All that is in a list or table."""
        return frozenset(one for value in self.inside.get(atom[1], {}).values() for one in value)

    def made(self, kind: str, place: object, content: Value, *, table: str = "") -> Value:
        """The list or table of a place in the script, which now may hold this too."""
        key = (kind, place)
        self.inside.setdefault(key, {})
        self.grow(self.inside[key], "*", content)
        return frozenset({(kind, key, table) if kind == "table" else (kind, key)})

    def elements(self, value: Value) -> Value:
        """What comes out of a value one by one, in a pipeline or a loop."""
        found: set[Atom] = set()
        for atom in value:
            found |= self.content(atom) if atom[0] == "list" else {atom}
        return frozenset(found)

    def stream(self, elements: Value, place: object) -> Value:
        """What a command gave: nothing, one, or a list of them."""
        return elements | {NULL} | self.made("list", ("stream", place), elements)

    def cast(self, kind: str, value: Value, place: object) -> Value:
        base, several = kind.removesuffix("[]"), kind.endswith("[]")
        if (
            several
            or base in ("array", "collections.arraylist")
            or re.match(r"collections\.(?:generic\.)?(?:list|hashset|queue|stack)\b", base)
        ):
            inner = re.search(r"\[([a-z.]+)\]$", base)
            each = base if several else inner[1].removeprefix("system.") if inner else "object"
            items = self.elements(value - {NULL})
            if each not in ("array", "object", "psobject", "collections.arraylist"):
                items = self.cast(each, items, ("each", place))
            return self.made("list", ("cast", place), items)
        if kind == "string":
            return self.joined(value) or frozenset({_text("", whole=True)})
        if kind == "char":
            return frozenset({UNKNOWN_TEXT})
        if kind == "void":
            return frozenset({NULL})
        if kind in _PLAIN_TYPES:
            return frozenset({PLAIN})
        if kind in ("regex", "text.regularexpressions.regex", "uri", "ipaddress", "net.ipaddress"):
            return frozenset({PLAIN, UNKNOWN_TEXT})
        if kind in _KEEP:
            return value
        if kind in _TABLES:
            return value if value and all(atom[0] in ("table", "null") for atom in value) else _ANY
        return _ANY

    def joined(self, value: Value, depth: int = 0) -> Value:
        """A value as text."""
        found: set[Atom] = set()
        for atom in value:
            if _is_text(atom):
                found.add(atom)
            elif atom == NULL:
                found.add(_text("", whole=True))
            elif atom == PLAIN:
                found.add(("text", "0", False))
            elif atom == PLACE:
                found.add(ON_DRIVE)
            elif atom[0] == "list" and depth < 4:
                inner = self.joined(self.content(atom), depth + 1)
                found |= {("text", one[1], False) if one[1] or not one[2] else one for one in inner}
                if not inner:
                    found.add(_text("", whole=True))
            else:
                found.add(UNKNOWN_TEXT)
        return frozenset(found)

    def started(self, value: Value, rest: Value) -> Value:
        """Texts that begin with one value and go on with another."""
        found: set[Atom] = set()
        for first in self.joined(value):
            if not first[2]:
                found.add(first)
                continue
            for second in self.joined(rest):
                found.add(
                    (
                        "text",
                        (str(first[1]) + str(second[1]))[:60],
                        bool(second[2]) and len(str(first[1]) + str(second[1])) <= 60,
                    )
                )
        return frozenset(found)

    def plus(self, left: Value, right: Value, place: Ast) -> Value:
        found: set[Atom] = set()
        for atom in left:
            if _is_text(atom):
                found |= self.started(frozenset({atom}), right)
            elif atom == NULL:
                found |= right
            elif atom == PLAIN:
                found |= {PLAIN, ("text", "0", False)}
            elif atom[0] == "list":
                found |= self.made("list", ("plus", place), self.content(atom) | self.elements(right))
            elif atom[0] == "table":
                content = self.content(atom) | frozenset(
                    one for other in right if other[0] == "table" for one in self.content(other)
                )
                found |= self.made("table", ("plus", place), content, table=str(atom[2]))
            else:
                found.add(ANY)
        return frozenset(found)

    # -- expressions -------------------------------------------------------------------------------------------------

    def of(self, node: Ast | None) -> Value:
        if node is None:
            return frozenset({NULL})
        if id(node) not in self.known:
            found = self.work_out(node)
            self.known[id(node)] = found
            return found
        return self.known[id(node)]

    def work_out(self, node: Ast) -> Value:
        match node.kind:
            case "StringConstantExpression":
                return frozenset({_text(str(node.parts["Value"]), whole=True)})
            case "ConstantExpression" | "UnaryExpression" if not node.word("TokenKind").endswith(("split", "join")):
                return frozenset({PLAIN})
            case "UnaryExpression":
                value = self.of(node.sure("Child"))
                if node.word("TokenKind") == "join":
                    return self.joined(value)
                return self.made("list", node, frozenset({UNKNOWN_TEXT}) | self.joined(value))
            case "ExpandableStringExpression":
                return self.expanded(node)
            case "VariableExpression":
                return self.variable(node)
            case "ConvertExpression":
                return self.convert(node)
            case "BinaryExpression":
                return self.binary(node)
            case "ArrayLiteral":
                return self.made(
                    "list", node, frozenset(atom for item in node.several("Elements") for atom in self.of(item))
                )
            case "Hashtable":
                return self.table(node, "table")
            case "MemberExpression":
                return self.member_of(node)
            case "InvokeMemberExpression":
                return self.invoked(node)
            case "IndexExpression":
                return self.indexed(node)
            case "ParenExpression" | "CommandExpression":
                inner = node.sure("Pipeline" if node.kind == "ParenExpression" else "Expression")
                if inner.kind == "AssignmentStatement":
                    return self.assigned_value(inner)
                return self.of(inner)
            case "AssignmentStatement":
                return self.assigned_value(node)
            case "ArrayExpression":
                body = node.sure("SubExpression").several("Statements")
                value = self.outputs(body)
                items = self.elements(value) if len(body) == 1 else value
                return self.made("list", node, items - ({NULL} if literal(body) else frozenset()))
            case "SubExpression":
                return self.outputs(node.sure("SubExpression").several("Statements"))
            case "Pipeline":
                return self.output(node, len(node.several("PipelineElements")) - 1)
            case "Command":
                return self.commanded(node)
            case (
                "IfStatement"
                | "SwitchStatement"
                | "TryStatement"
                | "ForEachStatement"
                | "ForStatement"
                | "WhileStatement"
            ):
                return self.outputs([node])
            case "DoWhileStatement" | "DoUntilStatement":
                return self.outputs([node])
            case "TypeExpression":
                return frozenset({TYPE})
            case "ScriptBlockExpression":
                return frozenset({BLOCK})
        return _ANY

    def assigned_value(self, node: Ast) -> Value:
        """What `($a = 1)` gives: all that the variable may hold by it."""
        target = stripped(node.sure("Left"))
        if target.kind == "VariableExpression":
            return self.variables.get(variable_name(target), _NOTHING) | {NULL}
        return self.of(node.sure("Right")) | _ANY

    def expanded(self, node: Ast) -> Value:
        rest = str(node.parts["Value"])
        value: Value = frozenset({_text("", whole=True)})
        for inner in sorted(node.several("NestedExpressions"), key=lambda one: one.start):
            before, _, rest = rest.partition(inner.text)
            value = self.started(value, frozenset({_text(before, whole=True)}))
            value = self.started(value, self.of(inner))
        return self.started(value, frozenset({_text(rest, whole=True)}))

    def convert(self, node: Ast) -> Value:
        kind, child = type_name(node.sure("Type")), node.sure("Child")
        if child.kind == "Hashtable" and kind in _TABLES:
            return self.table(child, "object" if kind == "pscustomobject" else "table")
        return self.cast(kind, self.of(child), node)

    def table(self, node: Ast, kind: str) -> Value:
        place = ("table", node)
        inside = self.inside.setdefault(place, {})
        for key, item in node.pairs("KeyValuePairs"):
            value = self.of(item)
            if key.kind == "StringConstantExpression":
                self.grow(inside, str(key.parts["Value"]).lower(), value)
                self.grow(inside, "*keys", frozenset({_text(str(key.parts["Value"]), whole=True)}))
            else:
                self.grow(inside, "*", value)
                self.grow(inside, "*keys", self.of(key))
        return frozenset({("table", place, kind)})

    def variable(self, node: Ast) -> Value:
        name = variable_name(node)
        if name in ("true", "false", "?", "pid"):
            return frozenset({PLAIN})
        if name == "null":
            return frozenset({NULL})
        if name.startswith("env:"):
            name = name[4:]
            if name in _DRIVE_VARIABLES:
                return frozenset({ON_DRIVE})
            return frozenset({ON_DRIVE if name in _DRIVE_OR_EMPTY else UNKNOWN_TEXT, NULL})
        if name == "pshome":
            return frozenset({ON_DRIVE})
        if name in ("_", "psitem"):
            value = self.topic(node)
        elif name in self.names:
            value = self.variables.get(name, _NOTHING)
            value = value - {NULL} if self.surely_set(node, name) else value | {NULL}
        else:
            return _ANY
        return self.guarded(node, name, value)

    def topic(self, node: Ast) -> Value:
        """What $_ is, by the nearest thing that sets it."""
        below = node
        for above in node.above():
            if above.kind == "CatchClause":
                return frozenset({LIVE, PLAIN, ANY})
            if above.kind == "SwitchStatement" and below is not above.one("Condition"):
                return self.elements(self.of(above.sure("Condition")))
            if above.kind == "FunctionDefinition":
                return _ANY
            if above.kind == "ScriptBlockExpression":
                found = self.topic_of_block(above)
                if found is not None:
                    return found
            below = above
        return _ANY

    def topic_of_block(self, block: Ast) -> Value | None:
        """What $_ is in a block; nothing where it is what it is outside (-Begin and -End)."""
        parent = block.parent
        name = ""
        if parent is not None and parent.kind == "CommandParameter":
            name, parent = parent.word("ParameterName"), parent.parent
        if parent is not None and parent.kind == "InvokeMemberExpression":
            return self.elements(self.of(parent.sure("Expression"))) if parent.sure("Expression") is not block else _ANY
        if parent is not None and parent.kind == "Command":
            name = name or parameter_before(parent, block)
            command = command_name(parent)
            if name in ("begin", "end"):
                return None
        else:
            while parent is not None and parent.kind not in ("Command", "AssignmentStatement", "ScriptBlock"):
                parent = parent.parent
            if parent is None or parent.kind != "Command":
                return _ANY
            command = command_name(parent)
        if command in self.functions or not re.match(r"(?:where|foreach|select|sort|group|measure|format)-", command):
            return _ANY
        if any(key == "inputobject" for key, _ in arguments(parent)[0]):
            return _ANY
        pipeline, index = place_in_pipeline(parent)
        if pipeline is None or index == 0:
            return _ANY
        return self.elements(self.output(pipeline, index - 1))

    def binary(self, node: Ast) -> Value:
        operator, left = node.word("Operator"), node.sure("Left")
        value = self.of(left)
        if operator == "plus":
            return self.plus(value, self.of(node.sure("Right")), node)
        if operator == "format":
            return self.formatted(value, node.sure("Right"))
        if operator in (
            "and",
            "or",
            "xor",
            "is",
            "isnot",
            "band",
            "bor",
            "bxor",
            "shl",
            "shr",
            "minus",
            "divide",
            "rem",
        ):
            return frozenset({PLAIN})
        if operator == "as":
            right = node.sure("Right")
            return self.cast(type_name(right), value, node) | {NULL} if right.kind == "TypeExpression" else _ANY
        if operator == "dotdot":
            return self.made("list", node, frozenset({PLAIN}))
        if operator == "join":
            texts = self.joined(value)
            return frozenset({UNKNOWN_TEXT}) if any(atom[0] in ("list", "any", "live") for atom in value) else texts
        if operator.endswith("split"):
            return self.made("list", node, frozenset({UNKNOWN_TEXT}))
        if operator.endswith("replace") or operator == "multiply":
            return frozenset({UNKNOWN_TEXT, PLAIN}) | self.made(
                "list", node, frozenset({UNKNOWN_TEXT}) | self.elements(value - {ANY})
            )
        return self.compared(node, operator, value)

    def compared(self, node: Ast, operator: str, value: Value) -> Value:
        """A comparison of a list gives those of its elements that fit."""
        found: set[Atom] = {PLAIN}
        word = operator[1:] if operator[:1] in "ic" and operator not in ("in", "icontains") else operator
        for atom in value:
            if atom[0] == "list" and word.removeprefix("not") not in ("contains", "in"):
                items = self.content(atom)
                right = node.sure("Right")
                guard = GUARD.get(word)
                if (
                    guard
                    and right.kind == "StringConstantExpression"
                    and guard.match(str(right.parts["Value"]))
                    and all(map(_is_text, items))
                ):
                    items = frozenset({ON_DRIVE})
                found |= self.stream(items, node)
            elif atom in (ANY, LIVE):
                found.add(atom)
        return frozenset(found)

    def formatted(self, value: Value, right: Ast) -> Value:
        found: set[Atom] = set()
        given = right.several("Elements") if right.kind == "ArrayLiteral" else [right]
        for atom in self.joined(value):
            before, brace, rest = str(atom[1]).partition("{")
            if not brace or before:
                found.add(("text", before, bool(atom[2]) and not brace))
            elif re.match(r"0\}", rest) and right.kind in (
                "ArrayLiteral",
                "StringConstantExpression",
                "ExpandableStringExpression",
            ):
                found |= {("text", one[1], False) for one in self.joined(self.of(given[0]))}
            else:
                found.add(UNKNOWN_TEXT)
        return frozenset(found)

    # -- members -----------------------------------------------------------------------------------------------------

    def member_of(self, node: Ast) -> Value:
        name = node.sure("Member").word("Value")
        target = node.sure("Expression")
        if target.kind == "TypeExpression":
            if (type_name(target), name) == ("environment", "systemdirectory"):
                return frozenset({ON_DRIVE})
            return frozenset({PLAIN, UNKNOWN_TEXT})
        return self.member(self.of(target), name, node)

    def member(self, value: Value, name: str, place: object, depth: int = 0) -> Value:
        found: set[Atom] = set()
        for atom in value:
            match atom[0]:
                case "null":
                    found.add(NULL)
                case "text":
                    if name in ("length", "count"):
                        found.add(PLAIN)
                    else:  # texts that were read bear notes of where: PSPath, PSProvider, ...
                        found.add(ANY if name.startswith("ps") or name == "chars" else NULL)
                case "plain":
                    found |= {PLAIN, UNKNOWN_TEXT}
                case "place":
                    if name in _TEXT_OF_PLACE:
                        found |= {ON_DRIVE, NULL}
                    elif name in ("directory", "parent", "root"):
                        found |= {PLACE, NULL}
                    else:
                        found |= {UNKNOWN_TEXT, NULL} if name in _TEXT_OF_LIVE else {LIVE, NULL}
                case "live":
                    found |= {UNKNOWN_TEXT, NULL} if name in _TEXT_OF_LIVE else {LIVE, NULL}
                case "group":
                    if name == "name":
                        found.add(UNKNOWN_TEXT)
                    else:
                        found |= {PLAIN} if name == "count" else {ANY}
                case "list":
                    found |= self.of_list(atom, name, place, depth)
                case "table":
                    found |= self.of_table(atom, name, place)
                case "entry":
                    inside = self.inside.get(atom[1], {})
                    if name in ("key", "name"):
                        found |= inside.get("*keys", _NOTHING) | {UNKNOWN_TEXT}
                    elif name == "value":
                        found |= frozenset(one for key, values in inside.items() if key != "*keys" for one in values)
                    else:
                        found.add(NULL)
                case "type":
                    found |= {UNKNOWN_TEXT} if name in ("name", "fullname") else {TYPE}
                case _:
                    found.add(ANY)
        return frozenset(found)

    def of_list(self, atom: Atom, name: str, place: object, depth: int) -> Value:
        if name in ("count", "length", "longlength", "rank", "capacity", "isfixedsize", "isreadonly", "issynchronized"):
            return frozenset({PLAIN}) | (self.member(self.content(atom), name, place, depth + 1) if depth < 3 else _ANY)
        if name == "syncroot":
            return frozenset({atom}) | self.content(atom)
        if depth >= 3:
            return _ANY
        return self.stream(self.member(self.content(atom), name, place, depth + 1), (place, depth))

    def of_table(self, atom: Atom, name: str, place: object) -> Value:
        inside = self.inside.get(atom[1], {})
        found = inside.get(name, _NOTHING) | inside.get("*", _NOTHING)
        if name not in inside:
            found |= {NULL}
        values = frozenset(one for key, items in inside.items() if key != "*keys" for one in items)
        if atom[2] == "table":
            match name:
                case "keys":
                    found |= self.made("list", ("keys", place), inside.get("*keys", _NOTHING) | {UNKNOWN_TEXT})
                case "values":
                    found |= self.made("list", ("values", place), values)
                case "syncroot":
                    found |= {atom}
                case "count" | "isreadonly" | "isfixedsize" | "issynchronized":
                    found |= {PLAIN}
        return found

    def indexed(self, node: Ast) -> Value:
        found: set[Atom] = {NULL}
        index = node.sure("Index")
        target = self.of(node.sure("Target"))
        for atom in target:
            match atom[0]:
                case "list":
                    found |= self.content(atom)
                case "table":
                    inside = self.inside.get(atom[1], {})
                    if index.kind == "StringConstantExpression":
                        found |= inside.get(str(index.parts["Value"]).lower(), _NOTHING) | inside.get("*", _NOTHING)
                    else:
                        found |= frozenset(one for key, items in inside.items() if key != "*keys" for one in items)
                case "text":
                    found |= {_text(char, whole=True) for char in set(str(atom[1]))} if atom[2] else {UNKNOWN_TEXT}
                case "plain":
                    found |= {PLAIN, UNKNOWN_TEXT}
                case "null":
                    pass
                case _:
                    found.add(atom)
        if index.kind not in ("ConstantExpression", "StringConstantExpression"):
            found |= self.made("list", node, frozenset(found))
        return frozenset(found)

    def invoked(self, node: Ast) -> Value:
        name, target = node.sure("Member").word("Value"), node.sure("Expression")
        arguments = node.several("Arguments")
        if target.kind == "TypeExpression":
            return self.static(node, type_name(target), name, arguments)
        value = self.of(target)
        if name == "gettype":
            return frozenset({TYPE})
        if name == "where":
            return self.made("list", node, self.elements(value))
        if name == "foreach":
            blocks = [item for item in arguments if item.kind == "ScriptBlockExpression"]
            return self.made(
                "list", node, frozenset(one for block in blocks for one in self.elements(self.block(block)))
            ) | {NULL}
        return self.method(value, name, arguments, node)

    def method(self, value: Value, name: str, arguments: list[Ast], node: Ast, depth: int = 0) -> Value:
        found: set[Atom] = set()
        for atom in value:
            match atom[0]:
                case "null":
                    found.add(NULL)
                case "text":
                    found |= self.text_method(atom, name, arguments, node)
                case "plain":
                    found |= {PLAIN, UNKNOWN_TEXT} | self.made("list", node, frozenset({UNKNOWN_TEXT, PLAIN}))
                case "list" if (
                    name not in ("getenumerator", "toarray", "pop", "dequeue", "peek", *_FILLS) and depth < 3
                ):
                    found |= self.stream(
                        self.method(self.content(atom), name, arguments, node, depth + 1), (node, "each", depth)
                    )
                case "list":
                    found |= self.content(atom) | {atom, NULL}
                case "table":
                    if name == "getenumerator":
                        found |= self.made("list", node, frozenset({("entry", atom[1])}))
                    else:
                        found |= {PLAIN, NULL, UNKNOWN_TEXT}
                case "place" if name == "tostring":
                    found.add(ON_DRIVE)
                case "place" | "live":
                    if name in ("tostring", "trim", "trimend", "trimstart", "substring", "toupper", "tolower"):
                        found.add(UNKNOWN_TEXT)
                    else:
                        found |= {LIVE, UNKNOWN_TEXT, PLAIN, NULL}
                case "type" if name == "tostring":
                    found.add(UNKNOWN_TEXT)
                case "group" | "entry":
                    found.add(UNKNOWN_TEXT)
                case _:
                    found |= {UNKNOWN_TEXT} if name == "tostring" else {ANY}
        return frozenset(found)

    def text_method(self, atom: Atom, name: str, arguments: list[Ast], node: Ast) -> Value:
        beginning, whole = str(atom[1]), bool(atom[2])
        if name in _SAME_BEGINNING:
            taken = ""
            if name in ("trim", "trimend") and arguments:
                constant = [str(item.parts["Value"]) for item in arguments if item.kind == "StringConstantExpression"]
                if len(constant) != len(arguments):
                    return frozenset({UNKNOWN_TEXT})
                taken = "".join(constant)
            if name not in ("trim", "trimend"):
                return frozenset({atom})
            if name == "trim":
                beginning = beginning.lstrip(taken or None)
            if not whole and not beginning:
                return frozenset({UNKNOWN_TEXT})
            cut = ("text", beginning.rstrip(taken or None), True)  # where all that follows the beginning is cut off
            return frozenset({cut} if whole else {cut, ("text", beginning, False)})
        if name in ("split", "tochararray"):
            return self.made("list", node, frozenset({UNKNOWN_TEXT}))
        return frozenset({UNKNOWN_TEXT, PLAIN})

    def static(self, node: Ast, kind: str, name: str, arguments: list[Ast]) -> Value:
        if kind == "io.path" and name == "combine" and arguments:
            plain = all(
                item.kind == "StringConstantExpression" and not re.match(r"[\\/]|.*:", str(item.parts["Value"]))
                for item in arguments[1:]
            )
            starts = [
                one for one in self.joined(self.of(arguments[0])) if one[1] or not one[2]
            ]  # null fails, '' is no beginning
            return frozenset({("text", one[1], False) for one in starts}) if plain else frozenset({UNKNOWN_TEXT})
        if kind == "io.path" and name == "getdirectoryname" and arguments:
            return self.parents(self.of(arguments[0]))
        if kind == "environment" and name == "getfolderpath":
            return frozenset(
                {ON_DRIVE if arguments and arguments[0].kind == "StringConstantExpression" else UNKNOWN_TEXT, NULL}
            )
        if kind == "io.directory" and name in ("getfiles", "getdirectories"):
            return self.made("list", node, frozenset({ON_DRIVE}))
        if kind in ("io.driveinfo", "diagnostics.fileversioninfo", "security.principal.windowsidentity"):
            return self.stream(frozenset({LIVE}), node)
        if name == "new":
            if "dictionary" in kind or "hashtable" in kind:
                return self.made("table", node, _NOTHING, table="table")
            return frozenset({PLAIN, UNKNOWN_TEXT}) | self.made(
                "list", node, frozenset(one for item in arguments for one in self.of(item))
            )
        return frozenset({PLAIN, UNKNOWN_TEXT}) | self.made("list", node, frozenset({PLAIN, UNKNOWN_TEXT}))

    def parents(self, value: Value) -> Value:
        """The folder above a path: its drive stays, but nothing is sure of a device path."""
        found: set[Atom] = set()
        for atom in self.joined(value):
            beginning = str(atom[1])
            if atom[2] and not beginning:
                found.add(atom)
                continue
            drive = re.match(r"[A-Za-z]+:", beginning)
            found |= {("text", drive[0], False), _text("", whole=True)} if drive else {UNKNOWN_TEXT}
        return frozenset(found)

    # -- commands and blocks -----------------------------------------------------------------------------------------

    def outputs(self, statements: list[Ast]) -> Value:
        """What statements give together, as a value."""
        speaking = [one for one in statements if one.kind not in ("AssignmentStatement", "FunctionDefinition")]
        values = [self.said(one) for one in speaking]
        if len(values) == 1:
            return values[0] | self.elements(values[0])  # a list of one comes out as that one
        if not values:
            return frozenset({NULL})
        return self.stream(
            frozenset(one for value in values for one in self.elements(value)), ("several", statements[0])
        )

    def said(self, node: Ast) -> Value:
        match node.kind:
            case "IfStatement":
                bodies = [body for _, body in node.pairs("Clauses")] + [one for one in [node.one("ElseClause")] if one]
                return frozenset({NULL}) | frozenset(
                    one for body in bodies for one in self.outputs(body.several("Statements"))
                )
            case "SwitchStatement":
                bodies = [body for _, body in node.pairs("Clauses")] + [one for one in [node.one("Default")] if one]
                found = frozenset(one for body in bodies for one in self.outputs(body.several("Statements")))
                return found | self.stream(self.elements(found), node)
            case "TryStatement":
                bodies = [node.sure("Body"), *(one.sure("Body") for one in node.several("CatchClauses"))]
                bodies += [one for one in [node.one("Finally")] if one]
                found = frozenset(one for body in bodies for one in self.outputs(body.several("Statements")))
                return found | self.stream(self.elements(found), node)
            case "ForEachStatement" | "ForStatement" | "WhileStatement" | "DoWhileStatement" | "DoUntilStatement":
                return self.stream(self.elements(self.outputs(node.sure("Body").several("Statements"))), node)
            case "ReturnStatement":
                return self.of(node.one("Pipeline"))
            case "ThrowStatement" | "ExitStatement" | "BreakStatement" | "ContinueStatement":
                return frozenset({NULL})
        return self.of(node)

    def returns(self, block: Ast) -> Value:
        """What return statements anywhere below a function's block hand on."""
        found = _NOTHING
        for node in block.walk():
            if node.kind == "ReturnStatement":
                found |= self.of(node.one("Pipeline"))
        return found

    def block(self, block: Ast) -> Value:
        body = block.sure("ScriptBlock").one("EndBlock")
        found = self.outputs(body.several("Statements")) if body else frozenset({NULL})
        returned = self.returns(block)
        return found | self.stream(self.elements(returned), block) if returned else found

    def output(self, pipeline: Ast, index: int) -> Value:
        element = pipeline.several("PipelineElements")[index]
        return self.of(element.sure("Expression") if element.kind == "CommandExpression" else element)

    def commanded(self, node: Ast) -> Value:
        name = command_name(node)
        if name in self.functions:
            found = self.returned.get(name, frozenset({NULL}))
            return found | self.stream(self.elements(found), node) if place_in_pipeline(node)[1] else found
        named, unnamed = arguments(node)
        given = dict(named)
        switches = {key for key, value in named if value is None} | bare_switches(node)
        pipeline, index = place_in_pipeline(node)
        upstream = self.elements(self.output(pipeline, index - 1)) if pipeline is not None and index else None
        source = given.get("inputobject") or (
            unnamed[0] if name in ("write-output", "get-random") and unnamed else None
        )
        if source is not None:
            whole = self.of(source)
            kept = whole if name != "write-output" or re.search(r"\s-noe", node.text, re.I) else _NOTHING
            coming = kept | self.elements(whole) | (upstream or _NOTHING)
        else:
            coming = upstream or _NOTHING
        if _SILENT.match(name):
            return frozenset({NULL})
        if name in ("get-childitem", "get-item"):
            names = names_only(node)
            kind = {UNKNOWN_TEXT} if names == "yes" else {PLACE} if names == "no" else {UNKNOWN_TEXT, PLACE}
            return self.stream(frozenset(kind | ({LIVE} if "iis:" in node.text.lower() else set())), node)
        if name in ("resolve-path", "convert-path"):
            return self.stream(frozenset({PLACE if name == "resolve-path" else ON_DRIVE}), node)
        if name == "join-path":
            start = given.get("path") or (unnamed[0] if unnamed else None)
            texts = self.joined(self.elements(self.of(start) if start is not None else coming) - {NULL})
            return self.stream(frozenset(("text", one[1], False) for one in texts if one[1] or not one[2]), node) - {
                NULL
            } | {NULL}
        if name == "split-path":
            start = given.get("path") or given.get("literalpath") or (unnamed[0] if unnamed else None)
            if any(
                key in bare_switches(node) | set(given)
                for key in ("leaf", "noqualifier", "isabsolute", "extension", "leafbase")
            ):
                return self.stream(frozenset({UNKNOWN_TEXT, PLAIN}), node)
            return self.stream(
                self.parents(self.elements(self.of(start) if start is not None else coming) - {NULL}), node
            )
        if name == "where-object":
            texts = bool(coming) and all(map(_is_text, coming - {NULL, PLAIN}))  # what is plain is no list
            whole = source is None or all(map(_is_text, self.of(source)))  # a list as -InputObject is one object
            if whole and self.filters(node, text=not texts):
                coming = frozenset({ON_DRIVE})
            return self.stream(coming, node)
        if name in _PASSES:
            if name == "select-object":
                coming = self.selected(node, coming, given, unnamed)
            return self.stream(coming, node)
        if name == "foreach-object":
            blocks = [item for item in node.walk() if item.kind == "ScriptBlockExpression" and taker(item) is node]
            return self.stream(frozenset(one for block in blocks for one in self.elements(self.block(block))), node)
        if name == "group-object":
            return self.stream(frozenset({GROUP}) if not re.search(r"-ash", node.text, re.I) else _ANY, node)
        if name in ("get-content", "out-string") or name.startswith(("convertto-", "format-")):
            return self.stream(frozenset({UNKNOWN_TEXT}), node)
        if name == "get-date":
            return frozenset({PLAIN}) if not {"format", "uformat"} & set(given) else frozenset({UNKNOWN_TEXT})
        if name in ("new-timespan", "test-path"):
            return self.stream(frozenset({PLAIN}), node)
        if name == "new-object":
            return self.new(node, given, unnamed)
        if name == "select-string" and switches & {"quiet"}:
            return frozenset({PLAIN, LIVE, NULL})
        if re.match(r"(?:get|search|test|select|measure)-", name) and name != "get-member":
            return self.stream(frozenset({LIVE}), node)
        return self.stream(_ANY, node)

    def new(self, node: Ast, given: dict[str, Ast], unnamed: list[Ast]) -> Value:
        kind_node = given.get("typename") or (unnamed[0] if unnamed else None)
        kind = str(kind_node.parts.get("Value", "")).lower().removeprefix("system.") if kind_node is not None else ""
        properties = given.get("property")
        if kind in ("psobject", "pscustomobject", "object", "management.automation.psobject"):
            if properties is None:
                return self.made("table", node, _NOTHING, table="object")
            return self.table(properties, "object") if properties.kind == "Hashtable" else _ANY
        if "hashtable" in kind or "dictionary" in kind:
            return self.made("table", node, _NOTHING, table="table")
        if kind.startswith("collections."):
            return self.made("list", node, _NOTHING)
        return _ANY if kind != "text.stringbuilder" else self.made("list", node, frozenset({UNKNOWN_TEXT}))

    def selected(self, node: Ast, coming: Value, given: dict[str, Ast], unnamed: list[Ast]) -> Value:
        properties = given.get("property") or (unnamed[0] if unnamed else None)
        expanded = given.get("expandproperty")
        if expanded is not None:
            if properties is not None or expanded.kind != "StringConstantExpression" or "*" in expanded.text:
                return _ANY
            return self.elements(self.member(coming, str(expanded.parts["Value"]).lower(), node))
        if properties is None:
            return coming
        names = properties.several("Elements") if properties.kind == "ArrayLiteral" else [properties]
        if all(item.kind in ("StringConstantExpression", "ConstantExpression") for item in names):
            return frozenset(ANY if atom[0] == "any" else atom for atom in coming)
        return _ANY

    def filters(self, node: Ast, *, text: bool = False) -> bool:
        """Whether a Where-Object lets only paths with a drive through (`text`: and asks for a text)."""
        blocks = [item for item in node.walk() if item.kind == "ScriptBlockExpression" and taker(item) is node]
        if len(blocks) != 1 or (body := blocks[0].sure("ScriptBlock").one("EndBlock")) is None:
            return False
        statements = body.several("Statements")
        if len(statements) != 1:
            return False
        parts = list(conjuncts(statements[0]))
        asked = any(asks_for_text(part, "_") for part in parts)
        return any(asks_for_drive(part, "_", holds=True) for part in parts) and (asked or not text)

    # -- what conditions show ----------------------------------------------------------------------------------------

    def guarded(self, node: Ast, name: str, value: Value) -> Value:
        one_text = all(_is_text(atom) or atom in (NULL, PLAIN) for atom in value)
        below = node
        for above in node.above():
            if above.kind == "ScriptBlockExpression":
                if taker(above) is None and (above.parent is None or above.parent.kind != "InvokeMemberExpression"):
                    return value  # it runs elsewhere
                if name in ("_", "psitem"):
                    return value
            if above.kind in ("FunctionDefinition", "Parameter"):
                return value
            if above.kind == "IfStatement":
                for head, body in above.pairs("Clauses"):
                    shown = body is below and shows_drive(head, name, one_text=one_text)
                    if shown and not is_written(name, above.walk()):
                        return frozenset({ON_DRIVE})
                    if body is below or head is below:
                        break
                    if one_text and not is_written(name, above.walk()) and asks_for_drive(head, name, holds=False):
                        return frozenset({ON_DRIVE})
            if above.kind == "BinaryExpression" and above.word("Operator") == "and" and below is above.one("Right"):
                shown = shows_drive(above.sure("Left"), name, one_text=one_text)
                if shown and not is_written(name, above.walk()):
                    return frozenset({ON_DRIVE})
            if above.kind in ("StatementBlock", "NamedBlock") and one_text:
                statements = above.several("Statements")
                number = next((at for at, one in enumerate(statements) if one is below), 0)
                for at in range(number):
                    if not leaves_unless(statements[at], name):
                        continue
                    if not is_written(name, (inner for one in statements[at:] for inner in one.walk())):
                        return frozenset({ON_DRIVE})
            below = above
        return value

    def surely_set(self, node: Ast, name: str) -> bool:
        """Whether something that cannot fail was assigned before, in this or an enclosing list of statements."""
        below = node
        for above in node.above():
            called = above.parent is not None and above.parent.kind == "InvokeMemberExpression"
            if above.kind == "ScriptBlockExpression" and taker(above) is None and not called:
                return False
            if above.kind == "FunctionDefinition":
                return False
            if (
                above.kind == "ForEachStatement"
                and below is above.one("Body")
                and variable_name(above.sure("Variable")) == name
            ):
                return True
            if above.kind in ("StatementBlock", "NamedBlock"):
                for one in above.several("Statements"):
                    if one is below:
                        break
                    if one.kind == "AssignmentStatement" and one.word("Operator") == "equals":
                        target = stripped(one.sure("Left"))
                        if (
                            target.kind == "VariableExpression"
                            and variable_name(target) == name
                            and self.cannot_fail(one.sure("Right"))
                        ):
                            return True
            below = above
        return False

    def cannot_fail(self, node: Ast) -> bool:
        match node.kind:
            case "CommandExpression" | "ParenExpression":
                return self.cannot_fail(node.sure("Expression" if node.kind == "CommandExpression" else "Pipeline"))
            case "Pipeline":
                elements = node.several("PipelineElements")
                return len(elements) == 1 and self.cannot_fail(elements[0])
            case "StringConstantExpression":
                return bool(node.parts["Value"])
            case "ConstantExpression":
                return True
            case "ExpandableStringExpression":
                return all(item.kind == "VariableExpression" for item in node.several("NestedExpressions"))
            case "ArrayLiteral":
                return all(self.cannot_fail(item) for item in node.several("Elements"))
            case "VariableExpression":
                return self.surely_set(node, variable_name(node))
            case "ConvertExpression":
                return type_name(node.sure("Type")) == "string"
            case "ArrayExpression":
                body = node.sure("SubExpression").several("Statements")
                return bool(body) and all(self.cannot_fail(item) for item in body)
        return False

    # -- the judgement -----------------------------------------------------------------------------------------------

    def judge(self) -> list[str]:
        found: list[str] = []
        for node in self.nodes:
            match node.kind:
                case "Command":
                    found += self.judge_command(node)
                case "InvokeMemberExpression":
                    found += self.judge_call(node)
                case "MemberExpression":
                    name = node.sure("Member").word("Value")
                    target = node.sure("Expression")
                    of_type = target.kind != "TypeExpression" and TYPE in self.of(target)
                    if name in _TYPES or (of_type and name not in ("name", "fullname")):
                        found.append(f"reflection: {node.text}")
                case "TypeExpression":
                    found += _judge_type(node)
                case "AssignmentStatement":
                    target = stripped(node.sure("Left"))
                    if target.kind in ("MemberExpression", "IndexExpression"):
                        base = self.of(target.sure("Expression" if target.kind == "MemberExpression" else "Target"))
                        if any(atom[0] not in ("table", "list", "null", "text", "plain") for atom in base):
                            found.append(f"assigns to what the script did not make: {node.text}")
        return found

    def judge_command(self, node: Ast) -> Iterator[str]:
        name = command_name(node)
        if name in self.functions:
            return
        yield from self.judge_names(node)
        named, unnamed = arguments(node)
        resolves = name in ("join-path", "split-path") and "resolve" in bare_switches(node) | {key for key, _ in named}
        taken = False
        if name in _OPENS or resolves:
            paths = [
                value for key, value in named if key in _PATH_NAMES and not (name == "get-winevent" and key != "path")
            ]
            taken = bool(paths)
            if not taken and unnamed and name not in ("get-winevent",):
                paths = unnamed[1:2] if name == "select-string" else unnamed[:1]
                taken = bool(paths)
            for value in paths:
                yield from self.judge_path(self.elements(self.of(value)), node)
        for key, value in named:
            if (
                key == "server"
                and value is not None
                and not (value.kind == "VariableExpression" and variable_name(value) == "env:computername")
            ):
                yield f"another server: {node.text}"
        pipeline, index = place_in_pipeline(node)
        if pipeline is None or not index:
            return
        coming = self.elements(self.output(pipeline, index - 1))
        if name in _OPENS or resolves:
            if name == "select-string":
                if not taken and any(atom[0] not in ("text", "plain", "place", "null") for atom in coming):
                    yield f"what comes may name a path: {pipeline.text}"
            elif not taken or name != "get-winevent":
                yield from self.judge_path(coming, pipeline)
            return
        if name in _OF_A_SERVER and not _of_the_organisation(pipeline.several("PipelineElements")[:index]):
            yield f"what comes may name another server: {pipeline.text}"
        taking = not _TAKES_ANYTHING.match(name) and name not in ("join-path", "split-path")
        if taking and any(atom[0] in ("table", "any", "entry", "group", "type") for atom in coming):
            yield f"a property of what comes may become a parameter: {pipeline.text}"

    def judge_names(self, node: Ast) -> Iterator[str]:
        """What names a property must be seen, and lead neither to methods nor into the engine."""
        if not re.match(r"(?:select|sort|group|measure|compare|format)-", command_name(node)):
            return
        named, unnamed = arguments(node)
        texts = command_name(node) in ("select-string", "format-list", "compare-object")
        given = [value for key, value in named if key in ("property", "expandproperty", "groupby")]
        for value in given + ([] if texts else unnamed[:1]):
            for item in value.several("Elements") or [value]:
                pairs = [pair for key, pair in item.pairs("KeyValuePairs") if key.word("Value").startswith("e")]
                for one in pairs or [item]:
                    inner = single(one)
                    if inner.kind in ("ScriptBlockExpression", "Hashtable", "ConstantExpression"):
                        continue
                    for atom in self.deep(self.of(inner)):
                        if _is_text(atom) and atom[2] and str(atom[1]).lower() not in _STRANGE:
                            continue
                        if atom not in (NULL, PLAIN) and atom[0] not in ("table", "block"):
                            yield f"a property that cannot be seen, or leads to methods: {node.text}"
                            return

    def judge_path(self, value: Value, node: Ast) -> Iterator[str]:
        for atom in self.deep(value):
            if atom in (NULL, PLAIN, PLACE):
                continue
            if _is_text(atom):
                beginning, whole = str(atom[1]), bool(atom[2])
                if _HERE.match(beginning) or (whole and not beginning) or _UNDER.match(beginning):
                    continue
                if whole and re.match(r"[A-Za-z0-9_.~]", beginning) and ":" not in beginning:
                    continue
                if not whole and beginning == "0":  # a number, with whatever behind it
                    continue
            yield f"path ({atom[0]} {atom[1] if len(atom) > 1 and _is_text(atom) else ''}): {node.text}"
            return

    def judge_call(self, node: Ast) -> Iterator[str]:
        name, target = node.sure("Member").word("Value"), node.sure("Expression")
        arguments = node.several("Arguments")
        if node.parts.get("Static"):
            if re.search(r"io\.(?:file|directory)$|fileversioninfo", type_name(target)):
                if not arguments:
                    yield f"path: {node.text}"
                else:
                    yield from self.judge_path(self.elements(self.joined(self.elements(self.of(arguments[0])))), node)
            return
        if name not in _RISKY:
            return
        value = self.of(target)
        safe = {"text", "plain", "null"}
        if name in _FILLS:
            safe = {"list", "table", "null", "text", "plain"}
        elif name == "getvalue":
            safe = {"text", "plain", "null", "place", "live"}
        held = value
        if name in ("replace", "getvalue"):  # a list hands it on to each of its elements
            held = self.deep(value)
        if name not in ("enqueue", "dequeue", "push", "pop", "clear") and any(map(_is_queue, value)):
            yield f"method of what stands in a queue or stack: {node.text}"
        if any(atom[0] not in safe for atom in held):
            yield f"method of what may be a live object: {node.text}"

    def deep(self, value: Value, depth: int = 0) -> Value:
        found: set[Atom] = set()
        for atom in value:
            found |= (self.deep(self.content(atom), depth + 1) if depth < 4 else _ANY) if atom[0] == "list" else {atom}
        return frozenset(found)


def _of_the_organisation(before: list[Ast]) -> bool:
    """Whether these elements of a pipeline only filter what one command, not one that gives servers, returned."""
    if any(one.kind != "Command" for one in before):
        return False
    first, *rest = map(command_name, before)
    servers = re.fullmatch(
        r"get-(?:exchange|mailbox|clientaccess)server|"
        r"get-(?:clientaccess|um|transport|frontendtransport|mailboxtransport)service",
        first,
    )
    return (
        first.startswith("get-")
        and not servers
        and all(name in ("where-object", "sort-object", "select-object") for name in rest)
    )


def _is_queue(atom: Atom) -> bool:
    """Whether a list is made where a queue or stack is: what these lack is called on what stands in them."""
    key = atom[1] if len(atom) > 1 else None
    place = key[1] if isinstance(key, tuple) and len(key) > 1 else None
    return (
        isinstance(place, Ast)
        and re.search(r"collections\.(?:generic\.)?(?:queue|stack)", place.text, re.I) is not None
    )


def _judge_type(node: Ast) -> Iterator[str]:
    above = node.parent
    if above is not None and above.kind in ("MemberExpression", "InvokeMemberExpression") and above.parts.get("Static"):
        return
    if above is not None and above.kind == "BinaryExpression" and above.word("Operator") in ("is", "isnot", "as"):
        return
    yield f"a type as a value: {node.text}"


def _vague(atom: Atom) -> Atom:
    """A text of which only the first letters are known."""
    return ("text", str(atom[1])[:10], False) if _is_text(atom) and str(atom[1]) else atom  # `Registry::` whole
