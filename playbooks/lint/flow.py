"""Where each value of a script comes from, so that a path can be shown to stay on this host.

Every variable has one origin for the whole script: the union of everything that is ever written to it, found by going
round until nothing is added. What the analysis cannot follow is OTHER. Only what a condition around a statement proves
(`checked`) and what is surely assigned before it (`assigned`) depends on the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import IntFlag

from .binding import bind
from .commands import KnownCommand, full_name, function_as_command, known_commands
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
    Pipeline,
    Text,
    TypeName,
    Unary,
    Variable,
    children,
    walk,
)


class Origin(IntFlag):
    """What a value may be; no flag at all is nothing, a number or a truth value."""

    NOTHING = 0
    LOCAL = 1  # text that names a place on this host
    ITEM = 2  # what a command returned for such a place
    WORDS = 4  # any other text or number
    READ = 8  # what a command read from the host: may name another host
    OTHER = 16  # anything else, such as an object that the script made
    HOLLOW = 32  # may be null or empty
    LIST = 64  # may be several
    NEST = 128  # of which one may be several again


KINDS = Origin.LOCAL | Origin.ITEM | Origin.WORDS | Origin.READ | Origin.OTHER
MANY = Origin.LIST | Origin.NEST
_ANY = MANY | Origin.HOLLOW
_UNKNOWN = Origin.OTHER | _ANY

_DRIVE = r"(?:[A-Za-z]|HKLM|HKCU|Env|Cert):(?!:)"
LOCAL_TEXT = re.compile(
    rf"(?:{_DRIVE}|(?:Microsoft\.PowerShell\.Core\\)?Registry::|\\\\\?\\[A-Za-z]:\\)", re.IGNORECASE
)
SITE_TEXT = re.compile(r"IIS:\\?(?:(?:AppPools|SslBindings|Sites)(?:\\[^\\/]+)?)?\\?", re.IGNORECASE)
_LIKE = re.compile(rf"(?:\[(?:[A-Za-z]-[A-Za-z])+\]:|{_DRIVE})\\", re.IGNORECASE)
_MATCH = re.compile(r"\^(?:\[(?:[A-Za-z]-[A-Za-z])+\]|[A-Za-z]):\\\\[^|]*")
_STEP = re.compile(r"[\\/][^\\/:]")
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
_FOLDERS = frozenset({"windows", "system", "programfiles", "commonapplicationdata", "commonprogramfiles"})
_OF_ITEM = frozenset({"fullname", "pspath", "psparentpath", "directoryname", "path", "providerpath"})
_ITEM_OF_ITEM = frozenset({"directory", "parent", "root"})
_THROUGH = frozenset({"where-object", "sort-object", "get-unique", "get-random", "write-output"})
_TO_WORDS = frozenset(
    {"get-content", "out-string", "convertto-json", "convertto-csv", "get-date", "new-timespan", "test-path"}
)
_MADE = frozenset({"convertfrom-json", "convertfrom-csv", "new-object", "compare-object", "get-member"})
_CONTAINERS = frozenset({"pscustomobject", "psobject", "ordered", "hashtable", "array", "object", "object[]"})
_KEEP_START = frozenset({"trimend", "tolower", "tolowerinvariant", "toupper", "toupperinvariant", "tostring"})
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
    }
)
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "like", "match", "contains", "in"})


@dataclass(frozen=True, slots=True)
class Topic:
    """What $_ is: what the pipeline's elements before `index` give, or what `source` does."""

    pipeline: Pipeline | None = None
    index: int = 0
    source: Node | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What holds at a place: what $_ is, which variables a condition has shown to be local if they are one text
    (`tested`: and shown to be one; `loose`: or to be empty), and which are surely assigned."""

    topic: Topic | None = None
    checked: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()
    loose: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()

    def about(self, topic: Topic | None) -> Context:
        """The same with another $_, of which nothing is known yet."""
        gone = {"_", "psitem"}
        return Context(topic, self.checked - gone, self.tested - gone, self.loose - gone, self.assigned)


@dataclass(slots=True)
class Flow:
    """The origins of a script's values."""

    script: Block
    functions: dict[str, KnownCommand] = field(default_factory=dict)
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    writes: dict[str, list[tuple[str, Node | Origin]]] = field(default_factory=dict)
    context: dict[int, Context] = field(default_factory=dict)
    place: dict[int, tuple[Pipeline, int]] = field(default_factory=dict)
    table: dict[str, Origin] = field(default_factory=dict)
    returned: dict[str, Origin] = field(default_factory=dict)
    made: list[Node] = field(default_factory=list)
    owned: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        for node in walk(self.script):
            if isinstance(node, Function):
                self.functions[node.name.lower()] = function_as_command(node.name, node.block)
                self.blocks.setdefault(node.name.lower(), []).append(node.block)
                self.owned.append(node.block)
        self._visit(self.script, Context())
        for parameter in self.script.parameters:
            self._parameter(parameter.name, parameter.types, parameter.default)
        while self._round():
            pass

    def command(self, node: Command) -> KnownCommand | None:
        """What a command's name stands for."""
        return self.functions.get(node.name.lower()) or known_commands().get(full_name(node.name))

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
                body = inner or context
                for parameter in node.parameters:
                    if node is not self.script and not any(node is block for block in self.owned):
                        self._write(parameter.name, "is", _UNKNOWN)
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
                for index, element in enumerate(node.elements):
                    self.place[id(element)] = (node, index)
                    self._visit(element, context, context.about(Topic(node, index)) if index else None)
            case Command():
                below = inner or context.about(None)
                for argument in node.arguments:
                    self.context[id(argument)] = context
                    if argument.value is not None:
                        self._visit(argument.value, context, below)
                if node.name.lower() in self.functions:
                    self._call(node)
            case Invoke() if node.name.lower() in ("where", "foreach"):
                self._visit(node.target, context)
                for item in node.arguments:
                    self._visit(item, context, context.about(Topic(source=node.target)))
            case Invoke():
                for child in children(node):
                    self._visit(child, context)
                if isinstance(node.target, Variable) and node.name.lower() in MUTATORS:
                    for item in node.arguments:
                        self._write(node.target.name, "put", item)
            case Binary() if node.operator in ("-and", "-or"):
                self._visit(node.left, context)
                proven = self._proven(node.left, holds=node.operator == "-and")
                self._visit(node.right, self._with(context, proven, (node.left, node.right)))
            case Assign():
                self._visit(node.value, context)
                self._visit(node.target, context)
                self._assign(node, context)
            case _:
                for child in children(node):
                    self._visit(child, context, inner)

    def _statements(self, statements: tuple[Node, ...], context: Context) -> None:
        for number, statement in enumerate(statements):
            self._visit(statement, context)
            if name := _certain(statement, context):
                context = replace(context, assigned=context.assigned | {name})
            if proven := self._left_unless(statement):
                held = self._with(context, proven, statements[number:])
                context = replace(held, loose=held.loose | (held.checked - context.checked))

    def _branch(self, node: Branch, context: Context) -> None:
        if node.word == "if":
            for head in node.heads:
                self._visit(head, context)
            failed: frozenset[tuple[str, bool]] = frozenset()
            for number, body in enumerate(node.bodies):
                proven = failed
                if number < len(node.heads):
                    proven |= self._proven(node.heads[number], holds=True)
                    failed |= self._proven(node.heads[number], holds=False)
                self._statements(body, self._with(context, proven, (*node.heads, *body)))
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
            if _sure(node.heads[0], context):
                context = replace(context, assigned=context.assigned | {node.variable.name})
        self._statements(node.body, context)

    def _with(self, context: Context, proven: Iterable[tuple[str, bool]], where: tuple[Node, ...]) -> Context:
        """Adds what a condition proves, unless the variable is written again in the statements it guards."""
        written = {name for statement in where for below in walk(statement) for name in _targets(below)}
        kept = [(name, tested) for name, tested in proven if name not in written]
        if not kept:
            return context
        return replace(
            context,
            checked=context.checked | {name for name, _ in kept},
            tested=context.tested | {name for name, tested in kept if tested},
        )

    def _proven(self, node: Node, *, holds: bool) -> frozenset[tuple[str, bool]]:
        """Variables that are local paths when the condition holds (or fails), and whether it tests for one string."""
        match node:
            case Group(body=(single,)):
                return self._proven(single, holds=holds)
            case Unary(operator="-not" | "!"):
                return self._proven(node.value, holds=not holds)
            case Binary(operator="-and") if holds:
                found = self._proven(node.left, holds=True) | self._proven(node.right, holds=True)
                strings = {name for side in (node.left, node.right) for name in _strings(side)}
                return frozenset((name, tested or name in strings) for name, tested in found)
            case Binary(operator="-or") if not holds:
                return self._proven(node.left, holds=False) | self._proven(node.right, holds=False)
            case Binary(left=Variable(name=name), right=Text(value=pattern)):
                word = node.operator.lstrip("-")
                word = word[1:] if word[1:].removeprefix("not") in _COMPARISONS else word
                word = word if holds else {"notlike": "like", "notmatch": "match"}.get(word, "")
                if (word == "like" and _LIKE.match(pattern)) or (word == "match" and _MATCH.fullmatch(pattern)):
                    return frozenset({(name, False)})
        return frozenset()

    def _left_unless(self, statement: Node) -> frozenset[tuple[str, bool]]:
        """What holds after `if (...) { ...; return }`."""
        if not (isinstance(statement, Branch) and statement.word == "if"):
            return frozenset()
        if len(statement.bodies) != 1 or not statement.bodies[0]:
            return frozenset()
        last = statement.bodies[0][-1]
        # A value that fails would not leave: return (1/0) goes on with the next statement, and so may throw.
        if not isinstance(last, Leave) or last.word == "throw" or not _cannot_fail(last.value):
            return frozenset()
        return self._proven(statement.heads[0], holds=False)

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
            value = self._make(Cast(node.at, target.type, value), context)
            target = target.value
        if isinstance(target, Variable):
            if node.operator == "+=":
                value = self._make(Binary(node.at, "+", target, value), context)
            self._write(target.name, "is", Origin.WORDS if node.operator not in ("=", "+=") else value)
        elif isinstance(target, Listing):
            for item in target.items:
                if isinstance(item, Variable):
                    self._write(item.name, "several", value)
        while isinstance(target, Cast):
            target = target.value
        if isinstance(target, Member | Index) and isinstance(target.target, Variable):
            self._write(target.target.name, "put", value)

    def _parameter(self, name: str, types: tuple[TypeName, ...], default: Node | None) -> None:
        self._write(name, "is", Origin.HOLLOW)
        if default is not None:
            context = self.context.get(id(default), Context())
            self._write(name, "is", self._make(Cast(default.at, types[-1], default), context) if types else default)

    def _call(self, node: Command) -> None:
        known = self.functions[node.name.lower()]
        kinds = {item.name: item.types for block in self.blocks[node.name.lower()] for item in block.parameters}
        binding = bind(node, known)
        context = self.context[id(node)]

        def give(name: str, value: Node) -> None:
            types = kinds.get(name, ())
            self._write(name, "is", self._make(Cast(node.at, types[-1], value), context) if types else value)

        for name, value in binding.values:
            give(name, value)
        for value in binding.unnamed:
            for name in kinds:
                give(name, value)
        if self.place.get(id(node), (None, 0))[1] > 0:
            for name in kinds:
                self._write(name, "is", _UNKNOWN)

    def _round(self) -> bool:
        """Adds to the origins what their writes now say; whether anything was added."""
        grown = False
        for name, writes in self.writes.items():
            found = Origin.NOTHING
            for how, value in writes:
                origin = value if isinstance(value, Origin) else self.of(value)
                if how == "each":
                    origin = self.elements(origin)
                elif how == "several":
                    origin = origin | MANY | Origin.HOLLOW
                elif how == "put":
                    origin = (origin & ~MANY) | (MANY if origin & Origin.LIST else Origin.LIST)
                found |= origin
            grown |= bool(found & ~self.table.get(name, Origin.NOTHING))
            self.table[name] = self.table.get(name, Origin.NOTHING) | found
        for name, blocks in self.blocks.items():
            found = Origin.NOTHING
            for block in blocks:
                found |= self.outputs(block.body)
            grown |= bool(found & ~self.returned.get(name, Origin.NOTHING))
            self.returned[name] = self.returned.get(name, Origin.NOTHING) | found
        return grown

    # -- origins -----------------------------------------------------------------------------------------------------

    @staticmethod
    def elements(origin: Origin) -> Origin:
        """One element of a value."""
        return origin if origin & Origin.NEST else origin & ~Origin.LIST

    def outputs(self, statements: tuple[Node, ...]) -> Origin:
        """What statements emit together."""
        found = Origin.NOTHING
        emitting = 0
        for statement in statements:
            match statement:
                case Assign() | Function():
                    continue
                case Loop():
                    found |= self.outputs(statement.body) | Origin.LIST | Origin.HOLLOW
                case Branch():
                    for body in statement.bodies:
                        found |= self.outputs(body)
                    found |= Origin.HOLLOW
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
                return _text(node.value)
            case Number():
                return Origin.WORDS
            case Expandable():
                return self._joined(node.parts)
            case Variable():
                return self._variable(node)
            case Cast():
                return self._cast(node.type.name, self.of(node.value))
            case Unary(operator="-not" | "!"):
                return Origin.NOTHING
            case Unary(operator=","):
                origin = self.of(node.value)
                return origin | (MANY if origin & Origin.LIST else Origin.LIST)
            case Unary():
                return Origin.WORDS | (MANY if "split" in node.operator else Origin.NOTHING)
            case Binary():
                return self._binary(node)
            case Listing():
                found = Origin.LIST
                for item in node.items:
                    origin = self.of(item)
                    found |= origin | (Origin.NEST if origin & Origin.LIST else Origin.NOTHING)
                return found
            case Member():
                return self._member(node)
            case Invoke():
                return self._invoke(node)
            case Index():
                if (tables := self.tables(node.target)) is not None:
                    key = node.index.value if isinstance(node.index, Text) else None
                    if isinstance(node.index, Number):
                        return _UNKNOWN
                    return self._pairs(tables, key)
                return self.of(node.target) | Origin.HOLLOW
            case Group(opening="(", body=(Assign() as inner,)):
                return self.of(inner.value)
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
                return self.of(node.value)
            case TypeName():
                return Origin.WORDS
        return _UNKNOWN

    def _variable(self, node: Variable) -> Origin:
        context = self.context.get(id(node), Context())
        name = node.name
        if name in ("_", "psitem"):
            origin = self._topic(context.topic)
        elif name in ("true", "false", "?"):
            return Origin.NOTHING
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
        else:
            origin = _UNKNOWN  # an automatic variable, or one that an earlier script of the session left
        if name in context.checked and (name in context.tested or not origin & MANY):
            return Origin.LOCAL | (Origin.HOLLOW if name in context.loose else Origin.NOTHING)
        return origin

    def _topic(self, topic: Topic | None) -> Origin:
        if topic is None:
            return _UNKNOWN
        if topic.pipeline is not None:
            return self.elements(self._output(topic.pipeline, topic.index - 1))
        return self.elements(self.of(topic.source)) if topic.source is not None else _UNKNOWN

    def _cast(self, kind: str, origin: Origin) -> Origin:
        kind = kind.lower().removeprefix("system.")
        if kind in ("string", "string[]"):
            text = origin & (Origin.LOCAL | Origin.HOLLOW)
            if origin & Origin.ITEM:
                text |= Origin.LOCAL
            if origin & (Origin.WORDS | Origin.READ | Origin.OTHER):
                text |= Origin.WORDS
            return text | (Origin.LIST if kind == "string[]" else Origin.NOTHING)
        if kind in _CONTAINERS:
            return origin
        if kind == "void":
            return Origin.NOTHING
        return Origin.WORDS | (Origin.LIST if kind.endswith("[]") else Origin.NOTHING)

    def _joined(self, parts: tuple[Node, ...]) -> Origin:
        """Text made of parts: it is local where its beginning is, whatever follows."""
        first = parts[0]
        while isinstance(first, Group) and first.opening == "(" and len(first.body) == 1:
            first = first.body[0]
        if isinstance(first, Text):
            return Origin.LOCAL if LOCAL_TEXT.match(first.value) else Origin.WORDS
        origin = self.of(first)
        if origin & (Origin.WORDS | Origin.READ | Origin.OTHER):
            return Origin.WORDS | Origin.HOLLOW
        if not origin & Origin.HOLLOW or len(parts) == 1:
            return Origin.LOCAL | (origin & Origin.HOLLOW)
        # The beginning may be empty: then the rest must not be a path of another host.
        rest = parts[1]
        plain = isinstance(rest, Text) and _STEP.match(rest.value)
        if not plain or any(isinstance(part, Text) and "filesystem" in part.value.lower() for part in parts):
            return Origin.WORDS
        return Origin.LOCAL

    def _binary(self, node: Binary) -> Origin:
        operator = node.operator
        if operator in ("-and", "-or", "-xor", "-is", "-isnot"):
            return Origin.NOTHING
        if operator == "+":
            parts = tuple(_chain(node))
            first = self.of(parts[0])
            if not first & (MANY | Origin.ITEM | Origin.READ | Origin.OTHER):
                return self._joined(parts)
            return first | self.of(node.left) | self.of(node.right) | MANY
        if operator == "-f":
            return self._joined((node.left,)) if isinstance(node.left, Text | Expandable) else Origin.WORDS
        if operator == "-as" and isinstance(node.right, TypeName):
            return self._cast(node.right.name, self.of(node.left)) | Origin.HOLLOW
        word = operator.lstrip("-")
        if word[:1] in "ic" and word[1:].removeprefix("not") in _COMPARISONS:
            word = word[1:]
        if word.removeprefix("not") in _COMPARISONS:
            left = self.of(node.left)
            if not left & MANY:
                return Origin.NOTHING
            cast = node.left
            while isinstance(cast, Group) and len(cast.body) == 1:
                cast = cast.body[0]
            several = isinstance(cast, Cast) and cast.type.name.lower() == "string[]"
            pattern = node.right.value if isinstance(node.right, Text) else ""
            if several and (
                (word == "like" and _LIKE.match(pattern)) or (word == "match" and _MATCH.fullmatch(pattern))
            ):
                return Origin.LOCAL | Origin.LIST | Origin.HOLLOW
            return left | Origin.HOLLOW
        many = self.of(node.left) & MANY
        return Origin.WORDS | Origin.HOLLOW | (MANY if "split" in operator or many else Origin.NOTHING)

    def _member(self, node: Member) -> Origin:
        name = node.name.lower()
        if isinstance(node.target, TypeName):
            local = (_type(node.target), name) == ("environment", "systemdirectory")
            return Origin.LOCAL if local else Origin.WORDS
        if name in ("count", "length"):
            return Origin.WORDS
        if (tables := self.tables(node.target)) is not None:
            return self._named(tables, name)
        return self._property(self.of(node.target), name)

    @staticmethod
    def _property(origin: Origin, name: str) -> Origin:
        found = (origin & (MANY | Origin.OTHER | Origin.READ)) | Origin.HOLLOW
        if origin & Origin.ITEM:
            if name in _OF_ITEM:
                found |= Origin.LOCAL
            elif name in _ITEM_OF_ITEM:
                found |= Origin.ITEM
            else:
                found |= Origin.READ
        if origin & (Origin.LOCAL | Origin.WORDS):
            found |= Origin.WORDS
        if origin & (Origin.READ | Origin.OTHER) or (origin & Origin.ITEM and name not in _OF_ITEM | _ITEM_OF_ITEM):
            found |= MANY
        return found

    def _invoke(self, node: Invoke) -> Origin:
        name = node.name.lower()
        if isinstance(node.target, TypeName):
            return self._static(_type(node.target), name, node)
        if name == "where":
            return self.of(node.target) | Origin.LIST | Origin.HOLLOW
        if name == "foreach" and node.arguments and isinstance(node.arguments[0], Block):
            return self.outputs(node.arguments[0].body) | MANY
        origin = self.of(node.target)
        if name in _KEEP_START or (name == "trim" and not node.arguments):
            text = self._cast("string", origin)
            return text | Origin.HOLLOW | (origin & MANY)
        if name in ("toarray", "pop", "dequeue", "peek", "getenumerator"):
            return origin | MANY | Origin.HOLLOW
        if origin & Origin.READ and name in ("getvalue", "getvaluenames", "getsubkeynames"):
            return Origin.READ | _ANY
        return Origin.WORDS | _ANY

    def _static(self, kind: str, name: str, node: Invoke) -> Origin:
        if kind == "io.path" and name == "combine" and node.arguments:
            rest = all(isinstance(item, Text) and not re.match(r"[\\/]|.*:", item.value) for item in node.arguments[1:])
            first = self.of(node.arguments[0])
            return Origin.LOCAL if rest and not first & (KINDS & ~Origin.LOCAL) else Origin.WORDS
        if kind == "io.path" and name == "getdirectoryname" and node.arguments:
            return self._cast("string", self.of(node.arguments[0])) | Origin.HOLLOW
        if kind == "environment" and name == "getfolderpath":
            given = node.arguments[0] if node.arguments else None
            local = isinstance(given, Text) and given.value.lower() in _FOLDERS
            return (Origin.LOCAL if local else Origin.WORDS) | Origin.HOLLOW
        if kind == "io.directory" and name in ("getfiles", "getdirectories"):
            return Origin.LOCAL | Origin.LIST | Origin.HOLLOW
        if kind == "io.driveinfo" or name in ("getversioninfo", "getcurrent"):
            return Origin.READ | _ANY
        if name == "new":
            return _UNKNOWN
        return Origin.WORDS | _ANY

    # -- commands ----------------------------------------------------------------------------------------------------

    def _output(self, pipeline: Pipeline, index: int) -> Origin:
        element = pipeline.elements[index]
        if index == 0 or not isinstance(element, Command):
            return self.of(element)
        return self._command(element, self._output(pipeline, index - 1))

    def _command(self, node: Command, upstream: Origin | None) -> Origin:
        if node.name.lower() in self.functions:
            return self.returned.get(node.name.lower(), Origin.NOTHING) | Origin.LIST | Origin.HOLLOW
        known = known_commands().get(full_name(node.name))
        if known is None:
            return _UNKNOWN
        binding = bind(node, known)
        name = known.name.lower()
        given = binding.get("inputobject")
        coming = upstream if upstream is not None else self.of(given) if given is not None else Origin.HOLLOW
        stream = Origin.LIST | Origin.HOLLOW
        if name in ("get-childitem", "get-item"):
            sites = binding.get("path", "literalpath")
            if isinstance(sites, Text) and SITE_TEXT.fullmatch(sites.value):
                return Origin.READ | _ANY
            return (Origin.WORDS if "name" in binding.switches else Origin.ITEM) | stream
        if name in ("resolve-path", "convert-path"):
            return (Origin.ITEM if name == "resolve-path" else Origin.LOCAL) | stream
        if name in ("join-path", "split-path"):
            start = binding.get("path", "literalpath")
            origin = self.of(start) if start is not None else coming
            kept = not origin & (KINDS & ~(Origin.LOCAL | Origin.ITEM))
            if name == "split-path" and binding.switches - {"parent", "qualifier", "resolve"}:
                kept = False
            return (Origin.LOCAL if kept else Origin.WORDS) | (origin & MANY) | Origin.HOLLOW
        if name in _THROUGH:
            proven = self._filtered(node) if name == "where-object" else None
            if proven is not None and (proven or not self.elements(coming) & MANY):
                return Origin.LOCAL | stream
            return coming | stream
        if name == "select-object":
            return self._select(binding.get("property"), binding.get("expandproperty"), coming) | stream
        if name == "foreach-object":
            found = stream
            for argument in node.arguments:
                if isinstance(argument.value, Block):
                    found |= self.outputs(argument.value.body)
            return found
        if name in ("group-object", "measure-object"):
            return (_UNKNOWN if coming & Origin.OTHER else Origin.READ) | _ANY
        if name in _TO_WORDS:
            return Origin.WORDS | stream
        if name in _MADE:
            return _UNKNOWN
        return Origin.READ | _ANY

    def _filtered(self, node: Command) -> bool | None:
        """Whether a Where-Object lets only local paths through: None if not, else whether it tests for a string."""
        for argument in node.arguments:
            if isinstance(argument.value, Block) and len(argument.value.body) == 1:
                for name, tested in self._proven(argument.value.body[0], holds=True):
                    if name in ("_", "psitem"):
                        return tested
        return None

    def _select(self, properties: Node | None, expanded: Node | None, coming: Origin) -> Origin:
        if expanded is not None:
            return self._property(coming, expanded.value.lower()) if isinstance(expanded, Text) else _UNKNOWN
        if properties is None:
            return coming
        if any(isinstance(below, Hash) or not isinstance(below, Text | Listing | Group) for below in walk(properties)):
            return _UNKNOWN
        if coming & (Origin.OTHER | Origin.LOCAL | Origin.WORDS):
            return _UNKNOWN
        return coming | MANY

    # -- tables that the script makes --------------------------------------------------------------------------------

    def tables(self, node: Node, seen: frozenset[str] = frozenset()) -> list[Hash] | None:
        """The hashtable literals that a value surely is, one or several; None where it may be something else."""
        match node:
            case Hash():
                return [node]
            case Cast() if node.type.name.lower() in _CONTAINERS:
                return self.tables(node.value, seen)
            case Listing():
                return self._all(node.items, seen)
            case Group() if node.opening != "{":
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
        keys = {key for table in tables for key in _keys(table)}
        if name not in keys and name in ("key", "name", "keys"):
            found = Origin.LIST
            for table in tables:
                for pair in table.pairs:
                    found |= self.of(pair.key)
            return found
        return self._pairs(tables, None if name not in keys and name in ("value", "values") else name)

    def _pairs(self, tables: list[Hash], key: str | None) -> Origin:
        """What stands under a key, or under any."""
        found = Origin.LIST | Origin.HOLLOW if key is None else Origin.HOLLOW
        for table in tables:
            for pair in table.pairs:
                if key is None or not isinstance(pair.key, Text) or pair.key.value.lower() == key.lower():
                    found |= self.of(pair.value)
        if key is not None and len(tables) == 1 and [one for one in _keys(tables[0]) if one == key.lower()]:
            value = next(
                p.value for p in tables[0].pairs if isinstance(p.key, Text) and p.key.value.lower() == key.lower()
            )
            if isinstance(value, Text):
                found &= ~Origin.HOLLOW
        return found


def _keys(table: Hash) -> Iterator[str]:
    for pair in table.pairs:
        if isinstance(pair.key, Text):
            yield pair.key.value.lower()


def _text(value: str) -> Origin:
    if LOCAL_TEXT.match(value):
        return Origin.LOCAL
    return Origin.WORDS | (Origin.NOTHING if value else Origin.HOLLOW)


def _type(node: TypeName) -> str:
    return node.name.lower().removeprefix("system.")


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


def _targets(node: Node) -> Iterator[str]:
    """The variables that a node writes."""
    if isinstance(node, Loop) and node.variable is not None:
        yield node.variable.name
    if isinstance(node, Block):
        yield from (parameter.name for parameter in node.parameters)
    if isinstance(node, Assign):
        target = node.target.value if isinstance(node.target, Cast) else node.target
        for item in target.items if isinstance(target, Listing) else (target,):
            if isinstance(item, Variable):
                yield item.name


def _strings(node: Node) -> Iterator[str]:
    """Variables that a condition shows to be one string."""
    match node:
        case Group(body=(single,)):
            yield from _strings(single)
        case Binary(operator="-and"):
            yield from _strings(node.left)
            yield from _strings(node.right)
        case Binary(operator="-is", left=Variable(name=name), right=TypeName() as kind) if _type(kind) == "string":
            yield name


def _certain(statement: Node, context: Context) -> str | None:
    """The variable that a statement surely assigns something that is not empty."""
    if isinstance(statement, Assign) and statement.operator == "=":
        target = statement.target.value if isinstance(statement.target, Cast) else statement.target
        if isinstance(target, Variable) and _sure(statement.value, context):
            return target.name
    return None


def _sure(node: Node, context: Context) -> bool:
    match node:
        case Text():
            return bool(node.value)
        case Number():
            return True
        case Expandable():
            return not any(isinstance(part, Group) for part in node.parts)
        case Variable():
            return node.name in context.assigned
        case Listing():
            return all(_sure(item, context) for item in node.items)
        case Group(opening="@(" | "("):
            return bool(node.body) and all(_sure(item, context) for item in node.body)
    return False


def _cannot_fail(node: Node | None) -> bool:
    constant = isinstance(node, Variable) and node.name in ("null", "true", "false")
    return constant or node is None or isinstance(node, Text | Number)
