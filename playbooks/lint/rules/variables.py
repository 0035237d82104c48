"""Only the script's own variables are written, and those that lead into the engine are not read."""

from __future__ import annotations

from collections.abc import Iterator

from ..lexer import Refusal
from ..tree import Assign, Block, Cast, Listing, Loop, Node, Parameter, Text, Variable, walk

_ENGINE = frozenset({"executioncontext", "host", "pscmdlet", "psdefaultparametervalues"})
_AUTOMATIC = frozenset(
    [
        "_",
        "?",
        "args",
        "input",
        "error",
        "foreach",
        "home",
        "matches",
        "myinvocation",
        "nestedpromptlevel",
        "null",
        "pid",
        "profile",
        "psboundparameters",
        "pscommandpath",
        "psculture",
        "psitem",
        "pshome",
        "psscriptroot",
        "psuiculture",
        "psversiontable",
        "pwd",
        "sender",
        "shellid",
        "stacktrace",
        "switch",
        "this",
        "true",
        "false",
        "confirmpreference",
        "debugpreference",
        "errorview",
        "formatenumerationlimit",
        "informationpreference",
        "maximumhistorycount",
        "ofs",
        "outputencoding",
        "psmoduleautoloadingpreference",
        "psemailserver",
        "pssessionapplicationname",
        "pssessionconfigurationname",
        "pssessionoption",
        "verbosepreference",
        "warningpreference",
        "whatifpreference",
        "transcript",
    ]
)


class Variables:
    def check(self, script: Block) -> Iterator[Refusal]:
        for node in walk(script):
            if isinstance(node, Variable) and node.name in _ENGINE:
                yield Refusal("variable", node.at, f"${node.name} leads into the engine", "leave it out")
            for at, name in _written(node):
                if name.startswith("env:") or name in _AUTOMATIC or name in _ENGINE:
                    yield Refusal("variable", at, f"${name} belongs to PowerShell or the host", "use another name")
            if (
                isinstance(node, Assign)
                and isinstance(node.target, Variable)
                and node.target.name.endswith("preference")
            ):
                value = node.value
                plain = isinstance(value, Text) and value.value.lower() in ("stop", "silentlycontinue", "continue")
                if node.target.name not in ("erroractionpreference", "progresspreference") or not plain:
                    yield Refusal(
                        "variable", node.at, "a preference of the session", "set $ErrorActionPreference = 'Stop'"
                    )


def _written(node: Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, Parameter):
        yield node.at, node.name
    if isinstance(node, Loop) and node.variable is not None:
        yield node.at, node.variable.name
    if isinstance(node, Assign):
        target = node.target.value if isinstance(node.target, Cast) else node.target
        for item in target.items if isinstance(target, Listing) else (target,):
            if isinstance(item, Variable):
                yield item.at, item.name
