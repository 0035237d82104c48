"""Where each value of a script comes from, so that a path can be shown to stay on this host.

Every variable has one origin for the whole script: the union of everything that is ever written to it, found by going
round until nothing is added. What the analysis cannot follow is unknown (OTHER). Only what a condition around a
statement proves (`checked`) and what is surely assigned before it (`assigned`) depends on the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from .binding import Binding
from .calls import Call, Calls
from .origins import (
    ANY,
    CORE,
    KINDS,
    LOCAL_TEXT,
    MANY,
    OPAQUE,
    SAME,
    UNKNOWN,
    Origin,
    cast,
    element,
    index_of,
    is_core,
    is_place,
    listed,
    plain,
    property_of,
    several,
    text,
)
from .proofs import certain, comparison, is_place_pattern, leaves, left_unless, proven, sure, targets
from .tree import (
    Assign,
    Binary,
    Block,
    Branch,
    Cast,
    Command,
    Expandable,
    Function,
    Group,
    Hash,
    Index,
    Invoke,
    Leave,
    Listing,
    Loop,
    Member,
    Node,
    Number,
    Phase,
    Pipeline,
    Text,
    TypeName,
    Unary,
    Variable,
    children,
    walk,
)

SITE_TEXT = re.compile(r"IIS:\\(?:(?:AppPools|SslBindings|Sites)(?:\\[^\\/]+)?)?\\?", re.IGNORECASE)
# What follows a beginning that may be empty: a step down, which is no device (\\??\\UNC) and no other host.
_STEP = re.compile(r"[\\/][^\\/:?]")
# Windows sets these for every session; nothing in a script can (about_Environment_Variables).
_PLACES = frozenset(
    f"env:{name}"
    for name in ("systemdrive", "systemroot", "windir", "programfiles", "programdata", "allusersprofile", "public")
)
_PLACES_OR_EMPTY = frozenset(
    f"env:{name}"
    for name in (
        "programfiles(x86)",
        "programw6432",
        "commonprogramfiles",
        "commonprogramfiles(x86)",
        "exchangeinstallpath",
        "temp",
        "tmp",
        "userprofile",
        "localappdata",
    )
)
# Casts of a table that leave it a table, or a list of tables.
_TABLES = SAME | {"ordered", "hashtable", "collections.hashtable", "array", "object[]", "collections.arraylist"}
_LISTS = frozenset({"array", "object[]", "psobject[]", "string[]", "collections.arraylist"})
_FOLDERS = frozenset({"windows", "system", "programfiles", "commonapplicationdata", "commonprogramfiles"})
_THROUGH = frozenset({"where-object", "sort-object", "get-unique", "get-random", "write-output"})
_TO_WORDS = frozenset(
    {"get-content", "out-string", "convertto-json", "convertto-csv", "get-date", "new-timespan", "test-path"}
)
_MADE = frozenset(
    {"convertfrom-json", "convertfrom-csv", "new-object", "import-csv", "compare-object", "group-object", "get-member"}
)
_KEEP_START = frozenset({"tolower", "tolowerinvariant", "toupper", "toupperinvariant", "tostring"})
# Methods that put a value into a collection.
MUTATORS = frozenset(
    {
        "add",
        "addrange",
        "insert",
        "push",
        "enqueue",
        "append",
        "appendline",
        "appendformat",
        "remove",
        "removeat",
        "clear",
        "pop",
        "dequeue",
    }
)
# Of these, the ones that take a value out: a list that is empty is no beginning of a path.
_EMPTY = frozenset({"clear", "remove", "removeat", "pop", "dequeue"})


@dataclass(frozen=True, slots=True)
class Topic:
    """What $_ is: what the pipeline's elements before `index` give, or what `source` does."""

    pipeline: Pipeline | None = None
    index: int = 0
    source: Node | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What holds at a place: what $_ is, which variables a condition has shown to be local if they are one text
    (`tested`: and shown to be one; `loose`: or to be empty), which are surely assigned, and which ones a
    loop runs through here."""

    topic: Topic | None = None
    checked: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()
    loose: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()
    looping: frozenset[str] = frozenset()

    def about(self, topic: Topic | None) -> Context:
        """The same with another $_, of which nothing is known yet."""
        gone = {"_", "psitem"}
        return Context(topic, self.checked - gone, self.tested - gone, self.loose - gone, self.assigned, self.looping)


@dataclass(slots=True)
class Flow:
    """The origins of a script's values."""

    script: Block
    calls: Calls
    writes: dict[str, list[tuple[str, Node | Origin]]] = field(default_factory=dict)
    context: dict[int, Context] = field(default_factory=dict)
    place: dict[int, tuple[Pipeline, int]] = field(default_factory=dict)
    table: dict[str, Origin] = field(default_factory=dict)
    constraints: dict[str, set[str]] = field(default_factory=dict)
    returned: dict[str, Origin] = field(default_factory=dict)
    assigned: dict[int, Node] = field(default_factory=dict)
    made: list[Node] = field(default_factory=list)
    owned: set[int] = field(default_factory=set)
    settled: bool = False

    def __post_init__(self) -> None:
        self.owned = {id(block) for blocks in self.calls.blocks.values() for block in blocks}
        self._visit(self.script, Context())
        for parameter in self.script.parameters:
            self._parameter(parameter.name, parameter.types, parameter.default)
        # First what values come to be, then what is made of those that never are more than null.
        for self.settled in (False, True):
            while self._round():
                pass

    def upstream(self, node: Command) -> Origin | None:
        """What is piped into a command; nothing where it stands first."""
        if (place := self.place.get(id(node))) is None or place[1] == 0:
            return None
        return self._output(place[0], place[1] - 1)

    # -- contexts ----------------------------------------------------------------------------------------------------

    def _visit(self, node: Node, context: Context, inner: Context | None = None) -> None:
        """Notes what holds at `node`; script blocks right below a command have `inner`."""
        self.context[id(node)] = context
        match node:
            case Block():
                # A block of a table in a variable runs later: nothing that holds where it stands may hold then.
                body = inner or (context if node is self.script or id(node) in self.owned else Context())
                for parameter in node.parameters:
                    if node is not self.script and id(node) not in self.owned:
                        self._write(parameter.name, "is", UNKNOWN)
                    if parameter.default is not None:
                        self._visit(parameter.default, body)
                self._statements(node.body, body)
            case Function():
                for parameter in node.block.parameters:
                    self._parameter(parameter.name, parameter.types, parameter.default)
                self._visit(node.block, Context(assigned=context.assigned))
            case Group():
                self._statements(node.body, context)
            case Branch():
                self._branch(node, context)
            case Loop():
                self._loop(node, context)
            case Pipeline():
                for index, item in enumerate(node.elements):
                    self.place[id(item)] = (node, index)
                    self._visit(item, context, context.about(Topic(node, index)) if index else None)
            case Command():
                self._arguments(node, context, inner or context.about(None))
            case Invoke() if node.name.lower() in ("where", "foreach"):
                self._visit(node.target, context)
                topic = context.about(Topic(source=node.target))
                for item in node.arguments:
                    self._visit(item, topic, topic)
            case Invoke():
                for child in children(node):
                    self._visit(child, context)
                if isinstance(node.target, Variable) and node.name.lower() in MUTATORS:
                    for item in node.arguments:
                        self._write(node.target.name, "put", item)
                    if node.name.lower() in _EMPTY:
                        self._write(node.target.name, "put", Origin.HOLLOW)
            case Binary() if node.operator in ("-and", "-or"):
                self._visit(node.left, context)
                shown = proven(node.left, holds=node.operator == "-and")
                self._visit(node.right, _with(context, shown, (node.left, node.right)))
            case Assign():
                self._visit(node.value, context)
                self._visit(node.target, context)
                self._assign(node, context)
            case _:
                for child in children(node):
                    self._visit(child, context, inner)

    def _arguments(self, node: Command, context: Context, inner: Context) -> None:
        call = self.calls.of(node)
        if call is not None and call.known.name == "Compare-Object":
            inner = context.about(None)  # its blocks get the reference objects too
        if call is not None and call.binding.get("inputobject") is not None:
            inner = context.about(None)
        # $_ in -Begin and -End of ForEach-Object is the one around the command.
        outer = (
            {id(value) for name, value in call.binding.values if name in ("begin", "end")}
            if call is not None and call.known.name == "ForEach-Object"
            else frozenset[int]()
        )
        for argument in node.arguments:
            self.context[id(argument)] = context
            if argument.value is not None:
                self._visit(argument.value, context, context if id(argument.value) in outer else inner)
        if call is not None and call.own:
            self._call(call)

    def _statements(self, statements: tuple[Node, ...], context: Context) -> Context:
        """Visits statements one after the other; what holds after the last of them."""
        for number, statement in enumerate(statements):
            if isinstance(statement, Phase):
                self.context[id(statement)] = context
                after = self._statements(statement.body, context)
                # Only what is written stays, and only where nothing leaves the phase before that: `return` in begin
                # does not leave the function.
                if not any(True for _ in leaves(statement)):
                    context = replace(context, assigned=after.assigned)
                continue
            self._visit(statement, context)
            if name := certain(statement, context.assigned):
                context = replace(context, assigned=context.assigned | {name})
            if shown := left_unless(statement, context.assigned):
                held = _with(context, shown, statements[number:])
                context = replace(held, loose=held.loose | (held.checked - context.checked))
        return context

    def _branch(self, node: Branch, context: Context) -> None:
        if node.word == "if":
            for head in node.heads:
                self._visit(head, context)
            failed: frozenset[tuple[str, bool]] = frozenset()
            for number, body in enumerate(node.bodies):
                shown = failed
                if number < len(node.heads):
                    shown |= proven(node.heads[number], holds=True)
                    failed |= proven(node.heads[number], holds=False)
                self._statements(body, _with(context, shown, (*node.heads, *body)))
            return
        topic = context
        if node.word == "switch":
            self._visit(node.heads[0], context)
            topic = context.about(Topic(source=node.heads[0]))
            for head in node.heads[1:]:
                self._visit(head, topic)
        for number, body in enumerate(node.bodies):
            inside = context.about(None) if node.word == "try" and number else topic
            self._statements(body, inside)

    def _loop(self, node: Loop, context: Context) -> None:
        for head in node.heads:
            self._visit(head, context)
        if node.variable is not None:
            self._write(node.variable.name, "each", node.heads[0])
            self.context[id(node.variable)] = context
            names = {node.variable.name}
            context = replace(context, looping=context.looping | names)
            if sure(node.heads[0], context.assigned):
                context = replace(context, assigned=context.assigned | names)
        self._statements(node.body, context)

    # -- what is written ---------------------------------------------------------------------------------------------

    def _write(self, name: str, how: str, value: Node | Origin) -> None:
        self.writes.setdefault(name, []).append((how, value))

    def _make(self, node: Node, context: Context) -> Node:
        self.made.append(node)  # keeps its id its own
        self.context[id(node)] = context
        return node

    def _assign(self, node: Assign, context: Context) -> None:
        target, value = node.target, node.value
        if isinstance(target, Cast) and isinstance(target.value, Variable):
            # The variable keeps its type: whatever is written to it later is converted as well.
            self.constraints.setdefault(target.value.name, set()).add(target.type.name)
        whole = target.value if isinstance(target, Cast) else target
        if node.operator != "=":
            value = self._make(Binary(node.at, node.operator[:-1], whole, value), context)
        if isinstance(target, Cast):
            value = self._make(Cast(node.at, target.type, value), context)
        self.assigned[id(node)] = value
        match whole:
            case Variable():
                self._write(whole.name, "is", value)
            case Listing():
                for item in whole.items:
                    if isinstance(item, Variable):
                        self._write(item.name, "several", value)
            case Member(target=Variable(name=name)) | Index(target=Variable(name=name)):
                self._write(name, "put", value)

    def _parameter(self, name: str, types: tuple[TypeName, ...], default: Node | None) -> None:
        self._write(name, "is", Origin.HOLLOW)
        self.constraints.setdefault(name, set()).update(kind.name for kind in types)
        if default is not None:
            context = self.context.get(id(default), Context())
            self._write(name, "is", self._converted(types, default, context))

    def _converted(self, types: tuple[TypeName, ...], value: Node, context: Context) -> Node | Origin:
        """What a parameter of these types is given."""
        if len(types) > 1:
            return UNKNOWN
        return self._make(Cast(value.at, types[0], value), context) if types else value

    def _call(self, call: Call) -> None:
        node = call.node
        kinds = {item.name: item.types for block in self.calls.blocks[node.name.lower()] for item in block.parameters}
        context = self.context[id(node)]

        for name, value in call.binding.values:
            self._write(name, "is", self._converted(kinds.get(name, ()), value, context))
        for value in call.binding.unnamed:
            for name, types in kinds.items():
                self._write(name, "is", self._converted(types, value, context))
        if self.place.get(id(node), (None, 0))[1] > 0:
            for name, types in kinds.items():
                self._write(name, "is", cast(types[0].name, UNKNOWN) if len(types) == 1 else UNKNOWN)

    def _round(self) -> bool:
        """Adds to the origins what their writes now say; whether anything was added."""
        grown = False
        for name, writes in self.writes.items():
            found = self.table.get(name, Origin.NOTHING)
            for how, value in writes:
                origin = value if isinstance(value, Origin) else self.of(value)
                if how == "each":
                    origin = element(origin)
                elif how == "several":
                    origin = origin | MANY | Origin.HOLLOW
                elif how == "put":
                    origin = listed(origin & ~MANY) if not origin & Origin.LIST else origin | MANY
                found |= origin
            for kind in self.constraints.get(name, ()):
                found |= cast(kind, found)
            grown |= found != self.table.get(name, Origin.NOTHING)
            self.table[name] = found
        for name, blocks in self.calls.blocks.items():
            found = self.returned.get(name, Origin.NOTHING)
            for block in blocks:
                found |= self.emits(block)
            grown |= found != self.returned.get(name, Origin.NOTHING)
            self.returned[name] = found
        return grown

    # -- origins -----------------------------------------------------------------------------------------------------

    def emits(self, block: Block) -> Origin:
        """What a block emits: its statements, and what leaves it with a value from within an expression."""
        found = self.outputs(block.body)
        for statement in block.body:
            for leave in leaves(statement):
                if leave.word == "return" and leave.value is not None:
                    found |= self.of(leave.value) | Origin.LIST | Origin.HOLLOW
        return found

    def outputs(self, statements: tuple[Node, ...]) -> Origin:
        """What statements emit together."""
        found = Origin.NOTHING
        emitting = 0
        for statement in statements:
            match statement:
                case Assign() | Function():
                    continue
                case Loop() | Phase():
                    found |= self.outputs(statement.body) | Origin.LIST | Origin.HOLLOW
                case Branch():
                    for body in statement.bodies:
                        found |= self.outputs(body)
                    found |= Origin.HOLLOW | (Origin.LIST if statement.word != "if" else Origin.NOTHING)
                case Leave():
                    if statement.value is not None and statement.word == "return":
                        found |= self.of(statement.value)
                case _:
                    found |= self.of(statement)
            emitting += 1
        return (
            found | (Origin.LIST if emitting > 1 else Origin.NOTHING) | (Origin.NOTHING if emitting else Origin.HOLLOW)
        )

    def of(self, node: Node) -> Origin:
        """What the value of a node may be."""
        match node:
            case Text():
                return text(node.value)
            case Number():
                return Origin.WORDS
            case Expandable():
                return self._joined(node.parts)
            case Variable():
                return self._variable(node)
            case Cast():
                return cast(node.type.name, self.of(node.value))
            case Unary(operator=","):
                return listed(self.of(node.value))
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Listing():
                found = Origin.LIST
                for item in node.items:
                    found |= listed(self.of(item))
                return found
            case Member():
                return self._member(node)
            case Invoke():
                return self._invoke(node)
            case Index():
                return self._index(node)
            case Group(opening="(", body=(Assign() as inner,)):
                return self.of(inner)
            case Group():
                found = self.outputs(node.body)
                return found | Origin.LIST if node.opening == "@(" else found
            case Command():
                return self._command(node, self.upstream(node))
            case Pipeline():
                return self._output(node, len(node.elements) - 1)
            case Branch() | Loop():
                return self.outputs((node,))
            case Assign():
                value = self.of(self.assigned[id(node)])
                return value if node.operator == "=" else value | self.of(node.target)
        return UNKNOWN

    def _variable(self, node: Variable) -> Origin:
        context = self.context.get(id(node), Context())
        name = node.name
        if name in ("_", "psitem"):
            origin = self._topic(context.topic)
        elif name in ("true", "false", "?"):
            return Origin.WORDS
        elif name == "null":
            return Origin.HOLLOW
        elif name in _PLACES or name == "pshome":
            return Origin.LOCAL
        elif name in _PLACES_OR_EMPTY:
            origin = Origin.LOCAL | Origin.HOLLOW
        elif name.startswith("env:"):
            origin = Origin.WORDS | Origin.HOLLOW
        elif name in self.writes:
            origin = self.table.get(name, Origin.NOTHING)
            if name not in context.assigned:
                origin |= Origin.HOLLOW
            if name not in context.looping and all(how == "each" for how, _ in self.writes[name]):
                origin |= UNKNOWN  # outside of its loop, which may never have run
        else:
            origin = UNKNOWN  # an automatic variable, or one that an earlier script of the session left
        if name in context.checked and (name in context.tested or not several(origin)):
            found = Origin.LOCAL | (Origin.HOLLOW if name in context.loose else Origin.NOTHING)
            # What reads as a place need not be text: it may still be the file itself.
            return found if name in context.tested else found | (origin & Origin.ITEM)
        return origin

    def _topic(self, topic: Topic | None) -> Origin:
        if topic is None:
            return UNKNOWN
        if topic.pipeline is not None:
            return element(self._output(topic.pipeline, topic.index - 1))
        return element(self.of(topic.source)) if topic.source is not None else UNKNOWN

    def _joined(self, parts: tuple[Node, ...]) -> Origin:
        """Text made of parts: it is local where its beginning is, whatever follows."""
        first = _inside(parts[0])
        if isinstance(first, Text):
            return Origin.LOCAL if LOCAL_TEXT.match(first.value) else Origin.WORDS
        origin = cast("string", self.of(first))
        if self._yet_nothing(origin):
            return Origin.NOTHING
        if not is_place(origin):
            return Origin.WORDS | Origin.HOLLOW
        if not origin & Origin.HOLLOW or len(parts) == 1:
            return origin
        # The beginning may be empty: then the rest must not be a path of another host.
        rest = parts[1]
        step = isinstance(rest, Text) and _STEP.match(rest.value)
        if not step or any(isinstance(part, Text) and "filesystem" in part.value.lower() for part in parts):
            return Origin.WORDS
        return Origin.LOCAL

    def _yet_nothing(self, origin: Origin) -> bool:
        """Whether no value has come to be that something could be made of, while that may still change."""
        return not self.settled and not origin & KINDS

    def _unary(self, node: Unary) -> Origin:
        origin = self.of(node.value)
        if "split" in node.operator:
            return Origin.WORDS | Origin.LIST | Origin.HOLLOW
        if node.operator in ("-not", "!", "-join"):
            return Origin.WORDS | (Origin.HOLLOW if node.operator == "-join" else Origin.NOTHING)
        return Origin.WORDS if is_core(origin) else UNKNOWN

    def _binary(self, node: Binary) -> Origin:
        operator = node.operator
        if operator in ("-and", "-or", "-xor", "-is", "-isnot"):
            return Origin.WORDS
        if operator == "-as":
            converted = cast(node.right.name, self.of(node.left)) if isinstance(node.right, TypeName) else UNKNOWN
            return converted | Origin.HOLLOW
        if operator == "-f":
            return self._joined((node.left,)) if isinstance(node.left, Text | Expandable) else Origin.WORDS
        if operator == "+":
            return self._plus(node)
        left = self.of(node.left)
        if (word := comparison(operator)) is not None:
            return self._compared(node, word, left)
        if operator == "-join":
            return Origin.WORDS | Origin.HOLLOW
        if "split" in operator or operator == "..":
            return Origin.WORDS | Origin.LIST | Origin.HOLLOW
        if "replace" in operator:
            return Origin.WORDS | ANY
        # Arithmetic: of what is not known it may be anything, and a list times a number is a list.
        right = self.of(node.right)
        if not is_core(left) or not is_core(right):
            return left | right | UNKNOWN
        return Origin.WORDS | Origin.HOLLOW | ((left & KINDS) | MANY if operator == "*" else left & MANY)

    def _compared(self, node: Binary, word: str, left: Origin) -> Origin:
        """Of a list its members that the comparison holds of, else true or false."""
        if self._yet_nothing(left):
            return Origin.NOTHING
        if word.removeprefix("not") in ("in", "contains") or not several(left):
            return Origin.WORDS
        of = _inside(node.left)
        if isinstance(of, Cast) and plain(of.type.name) == "string[]" and is_place_pattern(word, node.right):
            return Origin.LOCAL | Origin.LIST | Origin.HOLLOW
        return left | Origin.HOLLOW | Origin.WORDS if not self.is_list(node.left) else left | Origin.HOLLOW

    def _plus(self, node: Binary) -> Origin:
        parts = tuple(_chain(node))
        first = self.of(parts[0])
        if first & KINDS == Origin.LOCAL and not first & MANY:
            found = self._joined(parts)
            # Nothing plus a value is the value, also where that is a list.
            if first & Origin.HOLLOW and (found & KINDS != Origin.LOCAL or several(self.of(parts[1]))):
                for part in parts[1:]:
                    found |= self.of(part) | MANY
            return found
        left, right = self.of(node.left), self.of(node.right)
        if left & OPAQUE:
            return left | right | UNKNOWN
        found = Origin.NOTHING
        if left & MANY:
            found |= left | right | MANY
        if left & Origin.ITEM and not left & MANY:
            return UNKNOWN  # a file has no sum
        if left & Origin.HOLLOW:
            found |= right | cast("string", right)
        if left & CORE and not self.is_list(node.left):
            found |= (left & CORE) | (right if right & OPAQUE else Origin.NOTHING)
        return found | Origin.HOLLOW

    def is_list(self, node: Node, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a value surely is a list, however many stand in it."""
        match node:
            case Listing() | Unary(operator=",") | Group(opening="@("):
                return True
            case Cast():
                return plain(node.type.name) in _LISTS
            case Group(opening="(", body=(single,)):
                return self.is_list(single, seen)
            case Binary(operator="+" | "*"):
                return self.is_list(node.left, seen)
            case Variable(name=name) if name in self.writes:
                return name in seen or all(
                    how == "put" or (how == "is" and isinstance(value, Node) and self.is_list(value, seen | {name}))
                    for how, value in self.writes[name]
                )
        return False

    def _index(self, node: Index) -> Origin:
        if (tables := self.tables(node.target)) is not None:
            return self._pairs(tables, node.index.value) if isinstance(node.index, Text) else UNKNOWN
        one = isinstance(node.index, Number) or (
            isinstance(node.index, Unary) and node.index.operator == "-" and isinstance(node.index.value, Number)
        )
        return index_of(self.of(node.target), is_list=self.is_list(node.target), one=one)

    def _member(self, node: Member) -> Origin:
        name = node.name.lower()
        if isinstance(node.target, TypeName):
            kind = plain(node.target.name)
            if (kind, name) == ("environment", "systemdirectory"):
                return Origin.LOCAL
            return Origin.WORDS | (Origin.HOLLOW if (kind, name) == ("string", "empty") else Origin.NOTHING)
        if (tables := self.tables(node.target)) is not None:
            return self._named(tables, name)
        return property_of(self.of(node.target), name)

    def _invoke(self, node: Invoke) -> Origin:
        name = node.name.lower()
        if isinstance(node.target, TypeName):
            return self._static(plain(node.target.name), name, node)
        origin = self.of(node.target)
        if name == "where":
            return origin | Origin.LIST | Origin.HOLLOW
        if name == "foreach" and node.arguments and isinstance(node.arguments[0], Block):
            return self.emits(node.arguments[0]) | MANY | Origin.HOLLOW
        if name in _KEEP_START or (name in ("trim", "trimend") and _trims_no_letter(name, node.arguments)):
            words = Origin.WORDS if origin & MANY or (name == "tostring" and node.arguments) else Origin.NOTHING
            return cast("string", origin) | Origin.HOLLOW | (origin & MANY) | words
        if name in ("toarray", "pop", "dequeue", "peek", "getenumerator"):
            return origin | ANY
        if name in ("getvalue", "getvaluenames", "getsubkeynames") and not origin & (KINDS & ~Origin.ITEM):
            # Of a registry key: values there are texts, numbers and lists of these. Of a list it is an element.
            return Origin.WORDS | ANY | (origin if origin & MANY else Origin.NOTHING)
        return Origin.WORDS | ANY if is_core(origin) else UNKNOWN

    def _static(self, kind: str, name: str, node: Invoke) -> Origin:
        if kind == "io.path" and name == "combine" and node.arguments:
            rest = all(isinstance(item, Text) and not re.match(r"[\\/]|.*:", item.value) for item in node.arguments[1:])
            first = self.of(node.arguments[0])
            if self._yet_nothing(first):
                return Origin.NOTHING
            return Origin.LOCAL if rest and first & KINDS == Origin.LOCAL and not first & ANY else Origin.WORDS
        if kind == "environment" and name == "getfolderpath":
            given = node.arguments[0] if node.arguments else None
            local = isinstance(given, Text) and given.value.lower() in _FOLDERS
            return (Origin.LOCAL if local else Origin.WORDS) | Origin.HOLLOW
        if kind == "io.directory" and name in ("getfiles", "getdirectories"):
            return Origin.LOCAL | Origin.LIST | Origin.HOLLOW
        if kind == "io.driveinfo" or name in ("getversioninfo", "getcurrent"):
            return Origin.READ | ANY
        if name == "new":
            return UNKNOWN
        return Origin.WORDS | ANY

    # -- commands ----------------------------------------------------------------------------------------------------

    def _output(self, pipeline: Pipeline, index: int) -> Origin:
        item = pipeline.elements[index]
        if index == 0 or not isinstance(item, Command):
            return self.of(item)
        return self._command(item, self._output(pipeline, index - 1))

    def _command(self, node: Command, upstream: Origin | None) -> Origin:
        call = self.calls.of(node)
        if call is None:
            return UNKNOWN
        if call.own:
            return self.returned.get(node.name.lower(), Origin.NOTHING) | Origin.LIST | Origin.HOLLOW
        binding = call.binding
        name = call.known.name.lower()
        given = binding.get("inputobject")
        coming = upstream if upstream is not None else self.of(given) if given is not None else Origin.HOLLOW
        if upstream is not None and given is not None:
            coming |= self.of(given)
        if given is not None and coming & MANY:
            coming |= MANY  # a list that is given by name goes through as one
        stream = Origin.LIST | Origin.HOLLOW
        if name in ("get-childitem", "get-item"):
            sites = binding.get("path", "literalpath")
            if isinstance(sites, Text) and SITE_TEXT.fullmatch(sites.value):
                return Origin.READ | ANY
            if name == "get-item" and binding.get("stream") is not None:
                return Origin.READ | ANY  # also for a path behind \\?\, of which nothing else is made
            return _unless(binding, "name") | stream
        if name == "resolve-path":
            return _unless(binding, "relative") | stream
        if name == "convert-path":
            return Origin.LOCAL | stream
        if name in ("join-path", "split-path"):
            start = binding.get("path", "literalpath")
            origin = self.of(start) if start is not None else coming
            if self._yet_nothing(origin):
                return Origin.NOTHING
            kept = is_place(origin)
            if name == "split-path" and (
                origin & Origin.HOLLOW or binding.switches - {"parent", "qualifier", "resolve"}
            ):
                kept = False
            places = Origin.LIST if "resolve" in binding.switches or not kept else Origin.NOTHING
            return (Origin.LOCAL if kept else Origin.WORDS) | (origin & MANY) | Origin.HOLLOW | places
        if name in _THROUGH:
            tested = self._filtered(node) if name == "where-object" else None
            # With -InputObject, $_ is the whole list: one member of it that fits lets all through.
            alone = upstream is not None and given is None
            if tested or (tested is not None and alone and not several(element(coming))):
                return Origin.LOCAL | stream | (Origin.NOTHING if tested else coming & Origin.ITEM)
            return coming | stream
        if name == "select-object":
            return self._select(binding.get("property"), binding.get("expandproperty"), coming) | stream
        if name == "foreach-object":
            found = stream
            for argument in node.arguments:
                if isinstance(argument.value, Block):
                    found |= self.emits(argument.value)
            return found
        if name == "measure-object":
            return (UNKNOWN if coming & Origin.OTHER else Origin.READ) | ANY
        if name in _TO_WORDS:
            return Origin.WORDS | stream
        if name in _MADE:
            return UNKNOWN
        return Origin.READ | ANY

    @staticmethod
    def _filtered(node: Command) -> bool | None:
        """Whether a Where-Object lets only local paths through: None if not, else whether it tests for a string."""
        for argument in node.arguments:
            if isinstance(argument.value, Block) and len(argument.value.body) == 1:
                for name, tested in proven(argument.value.body[0], holds=True):
                    if name in ("_", "psitem"):
                        return tested
        return None

    @staticmethod
    def _select(properties: Node | None, expanded: Node | None, coming: Origin) -> Origin:
        if expanded is not None:
            # With -Property as well, what comes out has properties of any name.
            seen = isinstance(expanded, Text) and properties is None
            return property_of(coming, expanded.value.lower()) if seen and isinstance(expanded, Text) else UNKNOWN
        if properties is None:
            return coming
        if any(isinstance(below, Hash) or not isinstance(below, Text | Listing | Group) for below in walk(properties)):
            return UNKNOWN
        if coming & (Origin.OTHER | CORE):
            return UNKNOWN
        return coming | MANY

    # -- tables that the script makes --------------------------------------------------------------------------------

    def tables(self, node: Node, seen: frozenset[str] = frozenset()) -> list[Hash] | None:
        """The hashtable literals that a value surely is, one or several; None where it may be something else."""
        match node:
            case Hash():
                return [node]
            case Cast() if plain(node.type.name) in _TABLES:
                return self.tables(node.value, seen)
            case Listing():
                return self._all(node.items, seen)
            case Group() if node.opening != "{" and node.body:
                return self._all(node.body, seen)
            case Binary(operator="+"):
                return self._all((node.left, node.right), seen)
            case Invoke() if node.name.lower() == "getenumerator":
                return self.tables(node.target, seen)
            case Variable(name="_" | "psitem"):
                topic = self.context.get(id(node), Context()).topic
                if topic is not None and topic.source is not None:
                    return self.tables(topic.source, seen)
                if topic is not None and topic.pipeline is not None and topic.index == 1:
                    return self.tables(topic.pipeline.elements[0], seen)
            case Variable():
                if node.name in seen:
                    return []
                writes = self.writes.get(node.name)
                if writes and all(how in ("is", "each") for how, _ in writes):
                    values = [value for _, value in writes if isinstance(value, Node)]
                    return self._all(values, seen | {node.name}) if len(values) == len(writes) else None
        return None

    def _all(self, nodes: Iterable[Node], seen: frozenset[str]) -> list[Hash] | None:
        found: list[Hash] = []
        for node in nodes:
            tables = self.tables(node, seen)
            if tables is None:
                return None
            found += tables
        return found

    def _named(self, tables: list[Hash], name: str) -> Origin:
        """A member: what stands under the key, else what tables, entries and lists have; anything where it is neither.

        A key that one of the tables lacks is a member of another kind there: `SyncRoot` is the table again.
        """
        having = [table for table in tables if name in _keys(table)]
        found = self._pairs(having, name) if having else Origin.NOTHING
        if name in ("key", "name", "keys"):
            found |= Origin.LIST | Origin.HOLLOW
            for table in tables:
                for pair in table.pairs:
                    found |= self.of(pair.key)
            return found
        if name in ("value", "values"):
            return found | self._pairs(tables, None)
        if len(having) == len(tables):
            return found or UNKNOWN
        if name in ("count", "length") and all(isinstance(pair.key, Text) for table in tables for pair in table.pairs):
            return found | Origin.WORDS
        return UNKNOWN

    def _pairs(self, tables: list[Hash], key: str | None) -> Origin:
        """What stands under a key, or under any; also nothing, where the table never came to be."""
        found = Origin.LIST | Origin.HOLLOW if key is None else Origin.HOLLOW
        for table in tables:
            for pair in table.pairs:
                if key is None or not isinstance(pair.key, Text) or pair.key.value.lower() == key.lower():
                    origin = self.of(pair.value)
                    found |= listed(origin) if key is None else origin
        return found


def _with(context: Context, shown: Iterable[tuple[str, bool]], where: tuple[Node, ...]) -> Context:
    """Adds what a condition proves, unless the variable is written again in the statements it guards."""
    written = {name for statement in where for below in walk(statement) for name in targets(below)}
    kept = [(name, tested) for name, tested in shown if name not in written]
    if not kept:
        return context
    return replace(
        context,
        checked=context.checked | {name for name, _ in kept},
        tested=context.tested | {name for name, tested in kept if tested},
    )


def _unless(binding: Binding, switch: str) -> Origin:
    """What a command gives that gives texts with a switch, and places without: `-Name:$no` may say either."""
    if switch not in binding.switches:
        return Origin.ITEM
    return Origin.WORDS if binding.get(switch) is None else Origin.WORDS | Origin.ITEM


def _trims_no_letter(name: str, given: tuple[Node, ...]) -> bool:
    """Whether what is trimmed off cannot be a part of the beginning: blanks, or slashes at the end."""
    return not given or (name == "trimend" and all(isinstance(one, Text) and one.value in ("\\", "/") for one in given))


def _inside(node: Node) -> Node:
    """What stands within parentheses."""
    while isinstance(node, Group) and node.opening == "(" and len(node.body) == 1:
        node = node.body[0]
    return node


def _keys(table: Hash) -> Iterator[str]:
    for pair in table.pairs:
        if isinstance(pair.key, Text):
            yield pair.key.value.lower()


def _chain(node: Node) -> Iterator[Node]:
    """The operands of a + b + c, from the left."""
    while isinstance(node, Group) and node.opening == "(" and len(node.body) == 1 and isinstance(node.body[0], Binary):
        node = node.body[0]
    if isinstance(node, Binary) and node.operator == "+":
        yield from _chain(node.left)
        yield node.right
    elif isinstance(node, Expandable):
        yield from node.parts
    else:
        yield node
