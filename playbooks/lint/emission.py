"""What a collect script emits, followed from where a record is made to where it leaves the script.

A record is a table (`@{ Kind = ... }`) or an object made of one. It is followed through variables, lists, functions,
loops and pipelines; where paths of the script meet, it has for certain what it has on each, and perhaps what it has on
one. This is no proof: what cannot be followed is said (`Untold`), and the answer of a server is held to the contract
once more when it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from .calls import Call, Calls
from .flow import MUTATORS
from .reading import read
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
)

__all__ = ["Emitted", "NoRecord", "Record", "Untold", "emitted"]


@dataclass(frozen=True, slots=True)
class Record:
    """A record that may be emitted, made at the offset `at`.

    Attributes:
        kinds: the Kinds that it may be of; None where that cannot be told, none where it has no Kind.
        names: where each property is named that it may have, Kind aside.
        certain: the properties that it has on every path.
        texts: what a property is where it is a text that stands in the script.
        open: that it may have properties which cannot be told.
        table: whether it is a table still, and not an object made of one.
        holds: what stands under its keys, for tables that are used as dictionaries.
    """

    at: int
    kinds: frozenset[str] | None
    names: Mapping[str, int]
    certain: frozenset[str]
    texts: Mapping[str, str]
    open: bool = False
    table: bool = True
    holds: Value = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoRecord:
    """Something else than a record, such as text or what a command returns."""

    at: int
    what: str


@dataclass(frozen=True, slots=True)
class Untold:
    """Something of which it cannot be told before the script runs whether it is a record, and why."""

    at: int
    why: str


@dataclass(frozen=True, slots=True)
class _Several:
    """That a value is a list: what is added to it stands beside what was in it. `kind` is a collection's type."""

    kind: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    """A text that stands in the script."""

    at: int
    text: str


Emitted = Record | NoRecord | Untold
_Shape = Record | NoRecord | Untold | _Several | _Words
# What a value may be, each thing once: a record by where it was made.
Value = Mapping[tuple[object, ...], "_Shape"]
_Env = dict[str, Value]
_NOTHING: Value = {}
_MOST_CALLS = 20
_MOST_ROUNDS = 12
_MOST_STATEMENTS = 50_000


class _TooIntricateError(Exception):
    """More statements were followed than any script that people write has: calls or loops, nested again and again."""


_SILENT = frozenset(
    {"out-null", "out-host", "write-debug", "write-error", "write-host", "write-information", "write-verbose",
     "write-warning", "set-strictmode", "start-sleep", "add-pssnapin", "import-module"}
)  # fmt: skip
_THROUGH = frozenset({"where-object", "sort-object", "get-unique", "get-random", "write-output"})
_READ_BACK = frozenset({"convertfrom-json", "convertfrom-csv", "import-csv"})
_TABLES = frozenset(
    {"pscustomobject", "psobject", "management.automation.pscustomobject", "management.automation.psobject"}
)
_KEPT = frozenset({"ordered", "hashtable", "collections.hashtable", "array", "object", "object[]", "psobject[]",
                   "pscustomobject[]", "hashtable[]"})  # fmt: skip
_ELEMENTS = frozenset({"toarray", "getenumerator", "pop", "dequeue", "peek"})


def emitted(text: str) -> tuple[Emitted, ...]:
    """What a script that is proven read-only may emit, in the order of its text."""
    reading = read(text)
    script = reading.script
    try:
        found = tuple(_Reader(reading.calls).script(script))
    except (_TooIntricateError, RecursionError):
        return (Untold(script.at, "the script is too intricate to follow"),)
    return tuple(sorted(found, key=lambda each: each.at))


def _key(shape: _Shape) -> tuple[object, ...]:
    match shape:
        case Record():
            return ("record", shape.at)
        case _Several():
            return ("several", shape.kind)
        case _Words():
            return ("words", shape.text)
        case _:
            return (type(shape).__name__, shape.at, str(shape))


def _value(*shapes: _Shape) -> Value:
    return {_key(shape): shape for shape in shapes}


def _union(values: Iterable[Value]) -> Value:
    """What a value may be that is one of these."""
    found: dict[tuple[object, ...], _Shape] = {}
    for value in values:
        for key, shape in value.items():
            there = found.get(key)
            found[key] = _either(there, shape) if isinstance(there, Record) and isinstance(shape, Record) else shape
    return found


def _either(one: Record, other: Record) -> Record:
    """A record that came on one of two paths."""
    if one == other:
        return one
    kinds = None if one.kinds is None or other.kinds is None else one.kinds | other.kinds
    return Record(
        one.at,
        kinds,
        {**one.names, **other.names},
        one.certain & other.certain,
        {name: text for name, text in one.texts.items() if other.texts.get(name) == text},
        one.open or other.open,
        one.table and other.table,
        _union((one.holds, other.holds)),
    )


def _records(value: Value) -> list[Record]:
    return [shape for shape in value.values() if isinstance(shape, Record)]


def _several(value: Value) -> bool:
    return any(isinstance(shape, _Several) for shape in value.values())


def _texts(value: Value) -> frozenset[str] | None:
    """The texts that a value may be; None where it may be something else."""
    found = frozenset(shape.text for shape in value.values() if isinstance(shape, _Words))
    return found if found and len(found) == len(value) else None


def _text(value: Value) -> str | None:
    """The text that a value is; None where it may be something else."""
    found = _texts(value)
    return next(iter(found)) if found is not None and len(found) == 1 else None


@dataclass(slots=True)
class _Reader:
    calls: Calls
    inside: list[str] = field(default_factory=list)
    followed: int = 0

    def script(self, script: Block) -> Iterator[Emitted]:
        env: _Env = {name: _value(Untold(script.at, "it is a parameter")) for name in _names_of(script)}
        out, _ = self.run(script.body, env)
        for shape in out.values():
            if isinstance(shape, _Words):
                yield NoRecord(shape.at, "text")
            elif not isinstance(shape, _Several):
                yield shape

    # -- statements --------------------------------------------------------------------------------------------------

    def run(self, statements: Iterable[Node], env: _Env) -> tuple[Value, bool]:
        """What statements emit together, and whether the next one after them is reached. Changes `env`."""
        found: list[Value] = []
        for statement in statements:
            found.append(self.statement(statement, env))
            if isinstance(statement, Leave):
                return _union(found), False
        return _union(found), True

    def statement(self, node: Node, env: _Env) -> Value:
        self.followed += 1
        if self.followed > _MOST_STATEMENTS:
            raise _TooIntricateError
        match node:
            case Assign():
                self.assign(node, env)
                return _NOTHING
            case Function():
                return _NOTHING
            case Leave():
                return self.of(node.value, env) if node.word == "return" and node.value is not None else _NOTHING
            case Branch():
                return self.branch(node, env)
            case Loop():
                return self.loop(node, env)
            case Phase():
                return self.run(node.body, env)[0]
            case _:
                return self.of(node, env)

    def branch(self, node: Branch, env: _Env) -> Value:
        heads = [self.of(head, env) for head in node.heads]
        starts = dict(env)
        out: list[Value] = []
        ends: list[_Env] = []
        if node.word == "try":
            # What follows the first body may begin anywhere in it.
            for number, body in enumerate(node.bodies):
                inside = dict(starts) if number == 0 else _joined([starts, *ends])
                emits, reached = self.run(body, inside)
                out.append(emits)
                if reached or number == 0:
                    ends.append(inside)
        else:
            if len(node.bodies) <= len(node.heads):
                ends.append(starts)
            for body in node.bodies:
                inside = dict(starts)
                if node.word == "switch":
                    inside["_"] = heads[0]
                emits, reached = self.run(body, inside)
                out.append(emits)
                if reached:
                    ends.append(inside)
        self.become(env, _joined(ends) if ends else starts)
        return _union(out)

    def loop(self, node: Loop, env: _Env) -> Value:
        out: list[Value] = []
        heads = [
            self.of(head, env) if not isinstance(head, Assign) else self.statement(head, env) for head in node.heads
        ]
        for _ in range(_MOST_ROUNDS):
            before = dict(env)
            inside = dict(env)
            if node.variable is not None:
                inside[node.variable.name] = _one(heads[0])
            emits, _reached = self.run(node.body, inside)
            out.append(emits)
            for head in node.heads:
                if isinstance(head, Assign):
                    self.assign(head, inside)
            self.become(env, _joined([before, inside]))
            if env == before:
                break
        return _union(out)

    @staticmethod
    def become(env: _Env, other: _Env) -> None:
        env.clear()
        env.update(other)

    def assign(self, node: Assign, env: _Env) -> None:
        target, value = node.target, self.assigned(node, env)
        while isinstance(target, Cast):
            value = self.cast(target.type.name, value, target.at)
            target = target.value
        match target:
            case Variable(name=name) if node.operator == "=":
                env[name] = value
            case Variable(name=name) if node.operator == "+=":
                env[name] = self.plus(env.get(name, _NOTHING), value, node.at)
            case Variable(name=name):
                env[name] = _value(NoRecord(node.at, "a number"))
            case Listing():
                for item in target.items:
                    if isinstance(item, Variable):
                        env[item.name] = _one(value)
            case Member():
                self.put(env, self.of(target.target, env), target.name, value, target.at + 1)
            case Index():
                key = _text(self.of(target.index, env))
                self.put(env, self.of(target.target, env), key, value, target.index.at)

    def assigned(self, node: Assign, env: _Env) -> Value:
        if isinstance(node.value, Assign):
            self.assign(node.value, env)
            return self.of(node.value.target, env)
        value = self.statement(node.value, env)
        # Several values that a statement emits are a list.
        return _union((value, _value(_Several()))) if isinstance(node.value, Loop) else value

    def put(self, env: _Env, of: Value, name: str | None, value: Value, at: int) -> None:
        """Gives records another property, wherever they are held. None where it cannot be told which."""
        changed: dict[tuple[object, ...], Record] = {}
        for record in _records(of):
            holds = _union((record.holds, _flat(value)))
            if name is None:
                changed[_key(record)] = replace(record, open=True, holds=holds)
            elif name.lower() == "kind":
                changed[_key(record)] = replace(record, kinds=_texts(value), holds=holds)
            else:
                texts = {key: text for key, text in record.texts.items() if key.lower() != name.lower()}
                written = next((key for key in record.names if key.lower() == name.lower()), name)
                if (known := _text(value)) is not None:
                    texts[written] = known
                names = {written: at, **record.names}
                certain = record.certain | {written}
                changed[_key(record)] = replace(record, names=names, certain=certain, texts=texts, holds=holds)
        for key, held in env.items():
            if any(each in changed for each in held):
                env[key] = {each: changed.get(each, shape) for each, shape in held.items()}

    # -- values ------------------------------------------------------------------------------------------------------

    def of(self, node: Node, env: _Env) -> Value:
        """What a node's value may be, and what it emits where it stands alone."""
        match node:
            case Text():
                return _value(_Words(node.at, node.value))
            case Expandable():
                return _value(NoRecord(node.at, "text"))
            case Number():
                return _value(NoRecord(node.at, "a number"))
            case Variable():
                return self.variable(node, env)
            case Cast():
                return self.cast(node.type.name, self.of(node.value, env), node.at)
            case Hash():
                return _value(self.table(node, env))
            case Listing():
                return _union((*(self.of(item, env) for item in node.items), _value(_Several())))
            case Group():
                return self.group(node, env)
            case Unary(operator=","):
                return _union((self.of(node.value, env), _value(_Several())))
            case Unary():
                return _value(NoRecord(node.at, "true or false" if node.operator in ("-not", "!") else "a value"))
            case Binary():
                return self.binary(node, env)
            case Member():
                return self.member(node, env)
            case Index():
                return self.index(node, env)
            case Invoke():
                return self.invoke(node, env)
            case Command():
                return self.command(node, env, None)
            case Pipeline():
                value = self.of(node.elements[0], env)
                for element in node.elements[1:]:
                    assert isinstance(element, Command)
                    value = self.command(element, env, value)
                return value
            case TypeName():
                return _value(NoRecord(node.at, "a type"))
            case Assign() | Branch() | Loop() | Leave():
                return self.statement(node, env)
        return _value(Untold(node.at, "it is a block"))

    def group(self, node: Group, env: _Env) -> Value:
        if node.opening == "(" and len(node.body) == 1 and isinstance(node.body[0], Assign):
            self.assign(node.body[0], env)
            return self.of(node.body[0].target, env)
        value, _ = self.run(node.body, env)
        return _union((value, _value(_Several()))) if node.opening == "@(" else value

    @staticmethod
    def variable(node: Variable, env: _Env) -> Value:
        name = "_" if node.name == "psitem" else node.name
        if name == "null":
            return _NOTHING
        if name in env:
            return env[name]
        if name in ("true", "false", "?"):
            return _value(NoRecord(node.at, "true or false"))
        if name.startswith("env:"):
            return _value(NoRecord(node.at, "text"))
        return _value(Untold(node.at, f"${node.name} is not set in this script"))

    def table(self, node: Hash, env: _Env) -> Record:
        names: dict[str, int] = {}
        texts: dict[str, str] = {}
        kinds: frozenset[str] | None = frozenset()
        unseen = False
        held: list[Value] = []
        for pair in node.pairs:
            value = (
                self.of(pair.value, env)
                if not isinstance(pair.value, Branch | Loop)
                else self.statement(pair.value, env)
            )
            held.append(_flat(value))
            key = _text(self.of(pair.key, env))
            if key is None:
                unseen = True
                continue
            if key.lower() == "kind":
                kinds = _texts(value)
                continue
            names[key] = pair.key.at
            if (known := _text(value)) is not None:
                texts[key] = known
        return Record(node.at, kinds, names, frozenset(names), texts, unseen, holds=_union(held))

    def cast(self, kind: str, value: Value, at: int) -> Value:
        plain = kind.lower().removeprefix("system.")
        if plain in _TABLES:
            return {
                key: replace(shape, table=False) if isinstance(shape, Record) else shape for key, shape in value.items()
            }
        if plain in _KEPT:
            return _union((value, _value(_Several()))) if plain.endswith("[]") or plain == "array" else value
        if plain.startswith("collections."):
            return _union((value, _value(_Several(plain))))
        if plain == "void":
            return _NOTHING
        if plain == "string" and _texts(value) is not None:
            return value
        return _value(NoRecord(at, "text" if plain == "string" else f"a value of type [{kind}]"))

    def binary(self, node: Binary, env: _Env) -> Value:
        left = self.of(node.left, env)
        if node.operator == "+":
            return self.plus(left, self.of(node.right, env), node.at)
        if node.operator == "-as" and isinstance(node.right, TypeName):
            return self.cast(node.right.name, left, node.at)
        # A comparison of a list gives the members that it holds of.
        if _records(left) and node.operator not in ("-is", "-isnot", "-and", "-or"):
            return left
        words = {"-f": "text", "-join": "text", "-split": "text", "-replace": "text"}
        return _value(NoRecord(node.at, words.get(node.operator, "a value")))

    def plus(self, left: Value, right: Value, at: int) -> Value:
        """A list with more in it, a table with more in it, or a value that is no record."""
        tables, more = _records(left), _records(right)
        if _several(left) or not left:
            return _union((left, right))
        if tables and more and all(each.table for each in (*tables, *more)) and not _several(right):
            return _union(_value(_with(table, added)) for table in tables for added in more)
        if tables or more:
            return _union((left, right))
        untold = [shape for shape in (*left.values(), *right.values()) if isinstance(shape, Untold)]
        return _value(*untold) if untold else _value(NoRecord(at, "a value"))

    def member(self, node: Member, env: _Env) -> Value:
        of = self.of(node.target, env)
        name = node.name.lower()
        if name in ("count", "length"):
            return _value(NoRecord(node.at, "a number"))
        if isinstance(node.target, TypeName):
            return _value(NoRecord(node.at, "a value"))
        records = _records(of)
        if records and name == "kind" and all(record.kinds is not None for record in records):
            found = (_Words(node.at, kind) for record in records for kind in sorted(record.kinds or ()))
            return _value(*found)
        known = [record.texts[key] for record in records for key in record.texts if key.lower() == name]
        if records and len(known) == len(records):
            return _value(*(_Words(node.at, text) for text in known))
        held = _union(record.holds for record in records)
        if _records(held):
            return held
        return _value(Untold(node.at, f"what .{node.name} is cannot be seen"))

    def index(self, node: Index, env: _Env) -> Value:
        of = self.of(node.target, env)
        if _several(of) or isinstance(node.index, Number | Unary):
            return _one(of)
        held = _union(record.holds for record in _records(of))
        return held or _value(Untold(node.at, "what stands there cannot be seen"))

    def invoke(self, node: Invoke, env: _Env) -> Value:
        name = node.name.lower()
        if isinstance(node.target, TypeName):
            for argument in node.arguments:
                self.of(argument, env)
            kind = node.target.name.lower().removeprefix("system.")
            made = name == "new" and kind.startswith("collections.")
            return _value(_Several(kind) if made else NoRecord(node.at, f"what .{node.name}() returns"))
        of = self.of(node.target, env)
        if name in ("where", "foreach"):
            block = next((item for item in node.arguments if isinstance(item, Block)), None)
            if name == "where" or block is None:
                return of
            return self.block(block, env, _one(of))
        values = [self.of(argument, env) for argument in node.arguments]
        if name in MUTATORS:
            return self.mutate(node, of, values, env)
        if name in _ELEMENTS:
            return of
        return _value(NoRecord(node.at, f"what .{node.name}() returns"))

    def mutate(self, node: Invoke, of: Value, values: list[Value], env: _Env) -> Value:
        name = node.name.lower()
        kinds = [shape.kind for shape in of.values() if isinstance(shape, _Several)]
        if isinstance(node.target, Variable) and values and name in ("add", "addrange", "insert", "push", "enqueue"):
            if _records(of) and not kinds and name == "add" and len(values) == 2:
                self.put(env, of, _text(values[0]), values[1], node.arguments[0].at)
            else:
                env[node.target.name] = _union((of, values[-1], _value(*(_Several(kind) for kind in kinds or [""]))))
        speaks = any("arraylist" in kind and name == "add" for kind in kinds)
        speaks = speaks or any("hashset" in kind and name in ("add", "remove") for kind in kinds)
        speaks = (
            speaks or name.startswith("append") or any("generic.list" in kind and name == "remove" for kind in kinds)
        )
        return _value(NoRecord(node.at, f"what .{node.name}() returns")) if speaks else _NOTHING

    # -- commands ----------------------------------------------------------------------------------------------------

    def block(self, block: Block, env: _Env, topic: Value) -> Value:
        outer = env.get("_")
        env["_"] = topic
        value, _ = self.run(block.body, env)
        if outer is None:
            del env["_"]
        else:
            env["_"] = outer
        return value

    def command(self, node: Command, env: _Env, coming: Value | None) -> Value:
        call = self.calls.of(node)
        if call is None:
            return _value(Untold(node.at, f"{node.name} is not known"))
        if call.own:
            return self.call(call, env, coming)
        known, binding = call.known, call.binding
        name = known.name.lower()
        given = binding.get("inputobject")
        if coming is None:
            coming = self.of(given, env) if given is not None else _NOTHING
        if name == "foreach-object":
            blocks = [argument.value for argument in node.arguments if isinstance(argument.value, Block)]
            rounds: list[Value] = []
            for _ in range(_MOST_ROUNDS):
                before = dict(env)
                rounds += [self.block(block, env, _one(coming)) for block in blocks]
                self.become(env, _joined([before, env]))
                if env == before:
                    break
            return _union(rounds)
        for _, value in binding.values:
            if not isinstance(value, Block):
                self.of(value, env)  # a variable may be assigned in it
        if name in _SILENT:
            return _NOTHING
        if name in _THROUGH:
            return coming
        if name == "select-object":
            if binding.get("expandproperty") is not None:
                return _value(Untold(node.at, "what -ExpandProperty gives cannot be seen"))
            properties = binding.get("property")
            return coming if properties is None else _value(self.selected(node, properties, coming, env))
        if name == "new-object":
            return self.made(node, binding.get("typename"), binding.get("property"), env)
        if name in _READ_BACK:
            return _value(Untold(node.at, f"what {known.name} reads cannot be seen"))
        return _value(NoRecord(node.at, f"what {known.name} returns"))

    def made(self, node: Command, kind: Node | None, properties: Node | None, env: _Env) -> Value:
        name = kind.value.lower().removeprefix("system.") if isinstance(kind, Text) else ""
        if name in _TABLES and properties is not None:
            return self.cast("pscustomobject", self.of(properties, env), node.at)
        if name.startswith("collections."):
            return _value(_Several(name))
        return _value(NoRecord(node.at, "what New-Object makes"))

    def selected(self, node: Command, properties: Node, coming: Value, env: _Env) -> Record:
        """The object that Select-Object -Property makes of each that comes."""
        names: dict[str, int] = {}
        kinds: frozenset[str] | None = frozenset()
        wild = False
        before = _records(coming)
        for item in _items(properties):
            if isinstance(item, Text):
                if any(mark in item.value for mark in "*?["):
                    wild = True
                elif item.value.lower() == "kind":
                    kinds = _kinds(before, coming)
                else:
                    names[item.value] = item.at
            elif isinstance(item, Hash):
                parts = {pair.key.value.lower()[:1]: pair.value for pair in item.pairs if isinstance(pair.key, Text)}
                name, block = parts.get("n", parts.get("l")), parts.get("e")
                if not isinstance(name, Text):
                    wild = True
                elif name.value.lower() == "kind":
                    kinds = _texts(self.block(block, env, _one(coming))) if isinstance(block, Block) else None
                else:
                    names[name.value] = name.at
            else:
                wild = True
        if not wild:
            return Record(node.at, kinds, names, frozenset(names), {}, table=False)
        if len(before) == len([shape for shape in coming.values() if not isinstance(shape, _Several)]) and before:
            whole = _union(_value(replace(record, at=node.at)) for record in before)
            (record,) = _records(whole)
            return replace(record, names={**record.names, **names}, certain=record.certain | set(names), table=False)
        return Record(node.at, kinds or None, names, frozenset(names), {}, open=True, table=False)

    def call(self, call: Call, env: _Env, coming: Value | None) -> Value:
        node, binding = call.node, call.binding
        name = node.name.lower()
        if name in self.inside or len(self.inside) >= _MOST_CALLS:
            return _value(Untold(node.at, f"{node.name} calls itself"))
        found: list[Value] = []
        for block in self.calls.blocks[name]:
            inside = dict(env)
            inside.pop("_", None)
            for parameter in block.parameters:
                given = binding.get(parameter.name)
                if given is not None:
                    value = self.of(given, env)
                elif coming is not None:
                    value = _one(coming)
                else:
                    value = self.of(parameter.default, env) if parameter.default is not None else _NOTHING
                for kind in parameter.types[-1:]:
                    value = self.cast(kind.name, value, node.at) if value else value
                inside[parameter.name] = value
            if coming is not None:
                inside["_"] = inside["input"] = coming
            self.inside.append(name)
            value, _ = self.run(block.body, inside)
            self.inside.pop()
            found.append(value)
        return _union(found)


def _names_of(block: Block) -> Iterator[str]:
    return (parameter.name for parameter in block.parameters)


def _joined(envs: list[_Env]) -> _Env:
    """What variables may be where several paths meet."""
    return {name: _union(env[name] for env in envs if name in env) for name in {name for env in envs for name in env}}


def _one(value: Value) -> Value:
    """One member of a list."""
    return {key: shape for key, shape in value.items() if not isinstance(shape, _Several)}


def _flat(value: Value) -> Value:
    """A value without what its records hold, so that a table in itself has an end."""
    return {key: replace(shape, holds=_NOTHING) if isinstance(shape, Record) else shape for key, shape in value.items()}


def _with(table: Record, more: Record) -> Record:
    """Two tables in one."""
    return Record(
        table.at,
        more.kinds if more.kinds is None or more.kinds else table.kinds,
        {**table.names, **more.names},
        table.certain | more.certain,
        {**table.texts, **more.texts},
        table.open or more.open,
        holds=_union((table.holds, more.holds)),
    )


def _kinds(records: list[Record], coming: Value) -> frozenset[str] | None:
    found: set[str] = set()
    for record in records:
        if record.kinds is None:
            return None
        found |= record.kinds
    return frozenset(found) if len(records) == len(_one(coming)) else None


def _items(node: Node) -> list[Node]:
    match node:
        case Listing():
            return list(node.items)
        case Group(body=(single,)):
            return _items(single)
        case _:
            return [node]
