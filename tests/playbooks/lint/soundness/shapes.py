"""Whether the linter's tree of a script and PowerShell's own say the same: every operator with its operands, every
command with its elements, pipelines, statements and blocks. Both are written in one form of nested tuples, and that is
compared.

What the form leaves out, because the linter's tree does: labels, attributes, the types of a catch, and that `$x--`
takes away what `$x++` adds (both are a change of a number).
"""

from __future__ import annotations

from typing import Any

from playbooks.lint import tree as ours

from .real import Ast

Shape = tuple[Any, ...]

# PowerShell's names of operators (TokenKind), where they are not the word itself after an i or c.
_NAMES = {
    "+": "plus", "-": "minus", "*": "multiply", "/": "divide", "%": "rem", "..": "dotdot", "-f": "format", "!": "not",
    "=": "equals", "+=": "plusequals", "-=": "minusequals", "*=": "multiplyequals", "/=": "divideequals",
    "%=": "remainderequals",
}  # fmt: skip
_EITHER_CASE = ("eq", "ne", "gt", "ge", "lt", "le", "like", "notlike", "match", "notmatch", "contains", "notcontains",
                "in", "notin", "replace", "split")  # fmt: skip


def difference(script: str, own: ours.Block, real: Ast) -> str | None:
    """The first place in which the two trees differ, in words; nothing where they are the same."""
    return _first(_Own(script).block(own), _Real().block(real), ())


def _first(own: Any, real: Any, way: tuple[str, ...]) -> str | None:
    if isinstance(own, tuple) and isinstance(real, tuple) and own[:1] == real[:1] and len(own) == len(real):
        name = own[0] if own and isinstance(own[0], str) else "-"
        for mine, theirs in zip(own, real, strict=True):
            if found := _first(mine, theirs, (*way, name)):
                return found
        return None
    return None if own == real else f"{'/'.join(way[-6:])}: the linter reads {own!r:.300}, PowerShell {real!r:.300}"


def _operator(word: str) -> str:
    word = word.lower()
    if word in _NAMES:
        return _NAMES[word]
    word = word.removeprefix("-")
    return f"i{word}" if word in _EITHER_CASE else word


class _Own:
    def __init__(self, script: str) -> None:
        self.script = script

    def block(self, node: ours.Block) -> Shape:
        phases = {one.word.lower(): one.body for one in node.body if isinstance(one, ours.Phase)}
        bodies = [phases.get(word, ()) for word in ("begin", "process", "end")] if phases else [(), (), node.body]
        return ("block", tuple(self.parameter(item) for item in node.parameters), *(self.all(body) for body in bodies))

    def parameter(self, item: ours.Parameter) -> Shape:
        default = None if item.default is None else self.of(item.default)
        return ("parameter", item.name.lower(), tuple(kind.name.lower() for kind in item.types), default)

    def all(self, nodes: tuple[ours.Node, ...]) -> Shape:
        return tuple(self.of(node) for node in nodes)

    def head(self, node: ours.Node) -> Shape:
        """A condition, without the parentheses that its statement asks for."""
        if isinstance(node, ours.Group) and node.opening == "(" and len(node.body) == 1:
            return self.of(node.body[0])
        return self.of(node)

    def of(self, node: ours.Node) -> Shape:
        match node:
            case ours.Text():
                return ("text", node.value)
            case ours.Expandable():
                parts = tuple(
                    ("text", part.value) if isinstance(part, ours.Text) else self.of(part) for part in node.parts
                )
                return ("expandable", *parts)
            case ours.Number():
                return ("number", node.source.lower())
            case ours.Variable():
                return ("variable", node.name.lower())
            case ours.TypeName():
                return ("type", node.name.lower())
            case ours.Cast():
                return ("cast", node.type.name.lower(), self.of(node.value))
            case ours.Unary(operator=","):
                return ("list", self.of(node.value))
            case ours.Unary():
                return ("unary", _operator(node.operator), self.of(node.value))
            case ours.Binary():
                return ("binary", _operator(node.operator), self.of(node.left), self.of(node.right))
            case ours.Listing():
                return ("list", *self.all(node.items))
            case ours.Member():
                return ("member", self.of(node.target), node.name.lower())
            case ours.Invoke():
                return ("invoke", self.of(node.target), node.name.lower(), self.all(node.arguments))
            case ours.Index():
                return ("index", self.of(node.target), self.of(node.index))
            case ours.Hash():
                return ("table", *((self.of(pair.key), self.of(pair.value)) for pair in node.pairs))
            case ours.Group(opening="{"):
                return ("block", (), (), (), self.all(node.body))
            case ours.Group():
                return (node.opening, *self.all(node.body))
            case ours.Block():
                return self.block(node)
            case ours.Command():
                at = len(self.script[: node.at].encode("utf-16-le")) // 2
                return ("command", at, node.name.lower(), *(self.argument(item) for item in node.arguments))
            case ours.Pipeline():
                return ("pipeline", *self.all(node.elements))
            case ours.Assign():
                return ("assign", _operator(node.operator), self.of(node.target), self.of(node.value))
            case ours.Loop():
                variable = node.variable.name.lower() if node.variable else None
                heads = node.heads if node.word in ("foreach", "for") else ()
                found = self.all(heads) or tuple(self.head(item) for item in node.heads)
                return ("loop", node.word, variable, found, self.all(node.body))
            case ours.Branch(word="switch"):
                return self.switch(node)
            case ours.Branch():
                heads = tuple(self.head(item) for item in node.heads)
                return ("branch", node.word, heads, tuple(self.all(body) for body in node.bodies))
            case ours.Leave():
                return ("leave", node.word, None if node.value is None else self.of(node.value))
            case ours.Function():
                return ("function", node.name.lower(), self.block(node.block))
        raise AssertionError(f"no form for {node}")

    def argument(self, item: ours.Argument) -> Shape:
        value = None if item.value is None else self.of(item.value)
        return ("argument", item.name.lower() if item.name else None, value)

    def switch(self, node: ours.Branch) -> Shape:
        cases, default = [], None
        for key, body in zip(node.heads[1:], node.bodies, strict=True):
            if isinstance(key, ours.Text) and key.value.lower() == "default" and self.script[key.at] not in "'\"":
                default = self.all(body)
            else:
                cases.append((self.of(key), self.all(body)))
        return ("switch", self.head(node.heads[0]), tuple(cases), default)


class _Real:
    def block(self, node: Ast) -> Shape:
        parameters = node.one("ParamBlock")
        given = parameters.several("Parameters") if parameters else []
        if node.parent is not None and node.parent.kind == "FunctionDefinition":
            given = [*node.parent.several("Parameters"), *given]
        bodies = [
            (one.several("Statements") if (one := node.one(name)) else [])
            for name in ("BeginBlock", "ProcessBlock", "EndBlock")
        ]
        return ("block", tuple(self.parameter(item) for item in given), *(self.all(body) for body in bodies))

    def parameter(self, node: Ast) -> Shape:
        types = tuple(item.word("TypeName") for item in node.several("Attributes") if item.kind == "TypeConstraint")
        default = node.one("DefaultValue")
        return (
            "parameter",
            node.sure("Name").word("VariablePath"),
            types,
            None if default is None else self.of(default),
        )

    def all(self, nodes: list[Ast]) -> Shape:
        return tuple(self.of(node) for node in nodes)

    def body(self, node: Ast | None) -> Shape:
        return self.all(node.several("Statements")) if node is not None else ()

    def of(self, node: Ast) -> Shape:
        match node.kind:
            case "StringConstantExpression":
                return ("text", node.parts["Value"])
            case "ExpandableStringExpression":
                return self.expandable(node)
            case "ConstantExpression":
                return self.number(node.text)
            case "VariableExpression":
                return ("variable", node.word("VariablePath"))
            case "TypeExpression":
                return ("type", node.word("TypeName"))
            case "ConvertExpression":
                return ("cast", node.sure("Type").word("TypeName"), self.of(node.sure("Child")))
            case "UnaryExpression":
                word = node.word("TokenKind")
                if word in ("postfixplusplus", "postfixminusminus"):
                    return ("assign", "plusequals", self.of(node.sure("Child")), ("number", "1"))
                return ("unary", "not" if word == "exclaim" else word, self.of(node.sure("Child")))
            case "BinaryExpression":
                return ("binary", node.word("Operator"), self.of(node.sure("Left")), self.of(node.sure("Right")))
            case "ArrayLiteral":
                return ("list", *self.all(node.several("Elements")))
            case "MemberExpression":
                return ("member", self.of(node.sure("Expression")), node.sure("Member").word("Value"))
            case "InvokeMemberExpression":
                name = node.sure("Member").word("Value")
                return ("invoke", self.of(node.sure("Expression")), name, self.all(node.several("Arguments")))
            case "IndexExpression":
                return ("index", self.of(node.sure("Target")), self.of(node.sure("Index")))
            case "Hashtable":
                return ("table", *((self.of(key), self.of(value)) for key, value in node.pairs("KeyValuePairs")))
            case "ParenExpression":
                return ("(", self.of(node.sure("Pipeline")))
            case "ArrayExpression":
                return ("@(", *self.body(node.one("SubExpression")))
            case "SubExpression":
                return ("$(", *self.body(node.one("SubExpression")))
            case "ScriptBlockExpression":
                return self.block(node.sure("ScriptBlock"))
            case "Command":
                name, *elements = node.several("CommandElements")
                return ("command", node.start, name.word("Value"), *(self.argument(item) for item in elements))
            case "CommandExpression":
                return self.of(node.sure("Expression"))
            case "Pipeline":
                elements = node.several("PipelineElements")
                return self.of(elements[0]) if len(elements) == 1 else ("pipeline", *self.all(elements))
            case "AssignmentStatement":
                return ("assign", node.word("Operator"), self.of(node.sure("Left")), self.of(node.sure("Right")))
            case "FunctionDefinition":
                return ("function", str(node.parts["Name"]).lower(), self.block(node.sure("Body")))
            case "StatementBlock":
                return self.body(node)
        return self.statement(node)

    def statement(self, node: Ast) -> Shape:
        match node.kind:
            case "IfStatement":
                clauses = node.pairs("Clauses")
                bodies = [self.body(body) for _, body in clauses]
                if (other := node.one("ElseClause")) is not None:
                    bodies.append(self.body(other))
                return ("branch", "if", tuple(self.of(head) for head, _ in clauses), tuple(bodies))
            case "SwitchStatement":
                cases = tuple((self.of(key), self.body(body)) for key, body in node.pairs("Clauses"))
                default = node.one("Default")
                return (
                    "switch",
                    self.of(node.sure("Condition")),
                    cases,
                    None if default is None else self.body(default),
                )
            case "TryStatement":
                bodies = [node.sure("Body"), *(item.sure("Body") for item in node.several("CatchClauses"))]
                last = [final] if (final := node.one("Finally")) is not None else []
                return ("branch", "try", (), tuple(self.body(body) for body in [*bodies, *last]))
            case "ForEachStatement":
                variable = node.sure("Variable").word("VariablePath")
                return ("loop", "foreach", variable, (self.of(node.sure("Condition")),), self.body(node.one("Body")))
            case "ForStatement":
                heads = [node.one(name) for name in ("Initializer", "Condition", "Iterator")]
                return (
                    "loop",
                    "for",
                    None,
                    tuple(self.of(head) for head in heads if head),
                    self.body(node.one("Body")),
                )
            case "WhileStatement" | "DoWhileStatement" | "DoUntilStatement":
                word = "while" if node.kind == "WhileStatement" else "do"
                return ("loop", word, None, (self.of(node.sure("Condition")),), self.body(node.one("Body")))
            case "ReturnStatement" | "ThrowStatement" | "ExitStatement":
                value = node.one("Pipeline")
                return ("leave", node.kind.removesuffix("Statement").lower(), None if value is None else self.of(value))
            case "BreakStatement" | "ContinueStatement":
                return ("leave", node.kind.removesuffix("Statement").lower(), None)
        raise AssertionError(f"no form for {node.kind}: {node.text[:200]}")

    def argument(self, node: Ast) -> Shape:
        if node.kind == "CommandParameter":
            value = node.one("Argument")
            return ("argument", node.word("ParameterName"), None if value is None else self.word(value))
        return ("argument", None, self.word(node))

    def word(self, node: Ast) -> Shape:
        """A value among a command's arguments, where the linter keeps a number as the word that it is."""
        if node.kind == "ConstantExpression":
            return ("text", node.text)
        if node.kind == "ArrayLiteral":
            return ("list", *(self.word(item) for item in node.several("Elements")))
        return self.of(node)

    @staticmethod
    def number(text: str) -> Shape:
        sign = {"-": "minus", "+": "plus"}.get(text[0])
        return ("unary", sign, ("number", text[1:].lower())) if sign else ("number", text.lower())

    def expandable(self, node: Ast) -> Shape:
        """The pieces between what is expanded; in the value PowerShell leaves what it will expand as written."""
        parts: list[Shape] = []
        rest = str(node.parts["Value"])
        for inner in sorted(node.several("NestedExpressions"), key=lambda one: one.start):
            before, found, rest = rest.partition(inner.text)
            if not found:
                return ("expandable", "?", rest)
            if before:
                parts.append(("text", before))
            parts.append(self.of(inner))
        if rest:
            parts.append(("text", rest))
        return ("expandable", *parts)


def counted(shape: Any) -> int:
    """How many operators, commands and other forms a shape holds, so that a test can say how much was compared."""
    return 1 + sum(counted(item) for item in shape if isinstance(item, tuple)) if isinstance(shape, tuple) else 0
