"""Only the script's own variables are written, and those that lead into the engine are not read."""

from __future__ import annotations

from collections.abc import Iterator

from ..lexer import Refusal
from ..tree import Assign, Cast, Listing, Loop, Node, Parameter, Text, Variable
from .interface import Reading

_ENGINE = frozenset({"executioncontext", "host", "pscmdlet", "psdefaultparametervalues", "myinvocation"})
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
        "logcommandhealthevent",
        "logcommandlifecycleevent",
        "logenginehealthevent",
        "logenginelifecycleevent",
        "logproviderhealthevent",
        "logproviderlifecycleevent",
        "psstyle",
        "psnativecommandargumentpassing",
        "psnativecommanduseerroractionpreference",
        "enabledexperimentalfeatures",
    ]
)


class Variables:
    explains = ("variable",)

    def check(self, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            if isinstance(node, Variable) and node.name in _ENGINE:
                yield Refusal("variable", node.at, f"${node.name} leads into the engine", "leave it out")
            for at, name in _written(node):
                if name == "null":
                    continue
                if name.startswith("env:") or name in _AUTOMATIC or name in _ENGINE:
                    yield Refusal("variable", at, f"${name} belongs to PowerShell or the host", "use another name")
                elif name.endswith("preference") and not _sets_plainly(node, name):
                    yield Refusal("variable", at, "a preference of the session", "set $ErrorActionPreference = 'Stop'")


def _sets_plainly(node: Node, name: str) -> bool:
    return (
        isinstance(node, Assign)
        and isinstance(node.target, Variable)
        and name in ("erroractionpreference", "progresspreference")
        and isinstance(node.value, Text)
        and node.value.value.lower() in ("stop", "silentlycontinue", "continue")
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
