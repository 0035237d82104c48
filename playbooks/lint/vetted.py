"""Functions of exrun's own that no rule can judge, and that are known by every character of their text.

A script of a change may define one of them at its top, and call it as a command of changing.csv. What it does was
looked at once, by people; another text under its name is refused. None of them is for collect scripts.
"""

from __future__ import annotations

import hashlib

from .lexer import Refusal
from .tree import Block, Command, Function, walk

__all__ = ["VETTED", "without_vetted"]

VETTED = {
    # Connects to 127.0.0.1 and to nothing else, sends one GET of an address that is all printable ASCII, gives the
    # status of the answer, and reads 12 characters of it at most (playbooks/actions/iis/asking.ps1.j2).
    "get-loopbackanswer": "997d809e36d57d6efd9a94fc01e2cc40a8b13b3b50863d2a261c11d228450e9b",
}
"""By name in lower case: SHA-256 of the text, from `function` to its last brace."""


def without_vetted(text: str, script: Block) -> Block:
    """The script without the vetted functions that it defines, each by its very text.

    Raises:
        Refusal: one of their names is given to another text, or is called and not defined.
    """
    known = [node for node in script.body if isinstance(node, Function) and _is_vetted(text, node)]
    for node in walk(script):
        if isinstance(node, Function) and node.name.lower() in VETTED and node not in known:
            what = f"{node.name} is one of exrun's own functions, and this is another text"
            raise Refusal("function", node.at, what, "give the function another name")
    defined = {node.name.lower(): node.at for node in known}
    for node in walk(script):
        if isinstance(node, Command) and node.name.lower() in VETTED:
            name = node.name.lower()
            if name not in defined or defined[name] >= node.at:
                what = f"{node.name} is not yet defined here: the server might run something else of that name"
                raise Refusal("function", node.at, what, "define it above its first call, or leave it out")
    return Block(script.at, script.parameters, tuple(node for node in script.body if node not in known))


def _is_vetted(text: str, node: Function) -> bool:
    """Whether what begins here is a function that is known, up to the first brace at the beginning of a line."""
    whole = text[node.at : text.find("\n}", node.at) + 2]
    return hashlib.sha256(whole.encode()).hexdigest() == VETTED.get(node.name.lower())
