"""How commands, their arguments, blocks and targets of assignments are written, over PowerShell's own tree."""

from __future__ import annotations

from .real import Ast

_ALIASES = {
    "gci": "get-childitem",
    "dir": "get-childitem",
    "ls": "get-childitem",
    "gc": "get-content",
    "cat": "get-content",
    "type": "get-content",
    "gi": "get-item",
    "gp": "get-itemproperty",
    "gpv": "get-itempropertyvalue",
    "rvpa": "resolve-path",
    "cvpa": "convert-path",
    "ipcsv": "import-csv",
    "sls": "select-string",
    "%": "foreach-object",
    "foreach": "foreach-object",
    "?": "where-object",
    "where": "where-object",
    "select": "select-object",
    "sort": "sort-object",
    "group": "group-object",
    "measure": "measure-object",
    "gu": "get-unique",
    "gm": "get-member",
    "compare": "compare-object",
    "diff": "compare-object",
    "echo": "write-output",
    "write": "write-output",
    "ft": "format-table",
    "fl": "format-list",
}


def variable_name(node: Ast) -> str:
    return node.word("VariablePath")


def type_name(node: Ast) -> str:
    return node.word("TypeName").removeprefix("system.")


def stripped(node: Ast) -> Ast:
    while node.kind in ("ConvertExpression", "AttributedExpression"):
        node = node.sure("Child")
    return node


def assigned_to(node: Ast) -> bool:
    """Whether a conversion stands on the left of an assignment."""
    below = node
    for above in node.above():
        if above.kind == "AssignmentStatement":
            return above.one("Left") is below
        if above.kind not in ("ConvertExpression", "AttributedExpression"):
            return False
        below = above
    return False


def in_block(node: Ast) -> bool:
    """Whether a parameter is one of a block, not of the script."""
    return any(above.kind == "ScriptBlockExpression" for above in node.above())


def literal(statements: list[Ast]) -> bool:
    """Whether @( ) holds nothing but texts and numbers."""
    return bool(statements) and all(
        item.kind
        in ("StringConstantExpression", "ConstantExpression", "ArrayLiteral", "Pipeline", "CommandExpression", "Paren")
        for statement in statements
        for item in statement.walk()
    )


def command_name(node: Ast) -> str:
    first = node.several("CommandElements")[0]
    name = first.word("Value")
    return _ALIASES.get(name, name)


def place_in_pipeline(node: Ast) -> tuple[Ast | None, int]:
    """The pipeline that a command stands in, and at which place of it."""
    if node.parent is None or node.parent.kind != "Pipeline":
        return None, 0
    return node.parent, next(at for at, one in enumerate(node.parent.several("PipelineElements")) if one is node)


_SWITCHES = frozenset(
    {
        "recurse", "force", "file", "directory", "name", "hidden", "system", "readonly", "raw", "unique", "descending",
        "ascending", "casesensitive", "quiet", "notmatch", "allmatches", "simplematch", "list", "leaf", "parent",
        "qualifier", "noqualifier", "resolve", "isabsolute", "relative", "noelement", "asstring", "ashashtable",
        "average", "sum", "maximum", "minimum", "line", "word", "character", "passthru", "autosize", "wrap", "compress",
        "notypeinformation", "noenumerate", "stream", "wait", "status", "adpropertiesonly", "audit",
        "allcentralaccesspolicies", "isvalid", "utc", "utcnow", "asutc", "nonewline", "includeequal", "excludedifferent"
    }
)  # fmt: skip


def arguments(node: Ast) -> tuple[list[tuple[str, Ast]], list[Ast]]:
    """(name, value) of named arguments, and the values without a name."""
    named: list[tuple[str, Ast]] = []
    unnamed: list[Ast] = []
    waiting = ""
    for item in node.several("CommandElements")[1:]:
        if item.kind == "CommandParameter":
            value = item.one("Argument")
            waiting = "" if value is not None else item.word("ParameterName")
            if value is not None:
                named.append((item.word("ParameterName"), value))
        elif waiting:
            named.append((waiting, item))
            if waiting in _SWITCHES and waiting != "name":
                unnamed.append(item)
            waiting = ""
        else:
            unnamed.append(item)
    return named, unnamed


def bare_switches(node: Ast) -> set[str]:
    return {item.word("ParameterName") for item in node.several("CommandElements") if item.kind == "CommandParameter"}


def names_only(node: Ast) -> str:
    """Whether Get-ChildItem gives names: yes, no, or it cannot be seen."""
    found = [
        item
        for item in node.several("CommandElements")
        if item.kind == "CommandParameter" and item.word("ParameterName") == "name"
    ]
    return "no" if not found else "yes" if found[0].one("Argument") is None else "unseen"


def parameter_before(command: Ast, value: Ast) -> str:
    elements = command.several("CommandElements")
    at = next(number for number, one in enumerate(elements) if one is value)
    before = elements[at - 1]
    return before.word("ParameterName") if before.kind == "CommandParameter" and before.one("Argument") is None else ""


def taker(block: Ast) -> Ast | None:
    """The command that a block is handed to where it is written, alone or in a list or table."""
    for above in block.above():
        if above.kind == "Command":
            return above
        if above.kind in ("AssignmentStatement", "ScriptBlock", "InvokeMemberExpression"):
            return None
    return None
