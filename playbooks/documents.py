"""Playbooks and contracts as people write them: bytes in, a checked model out, or every problem with its place."""

from __future__ import annotations

from pydantic_core import ErrorDetails

from playbooks.errors import DocumentError
from playbooks.model import ACTION_ID, CVE, HELD, LABEL, NAME, PLAYBOOK, TYPE, ActionContract, Playbook
from playbooks.shares import SHARE, WAVE
from texts.models import Document, Said, Words, read_whole
from texts.problems import Problem
from texts.yaml_tree import Mapping, Node, Rules, Scalar, locate, strict

__all__ = ["MOST_BYTES", "read_contract", "read_playbook"]

MOST_BYTES = 1024 * 1024  # of a playbook, a contract or a script


def _rules(begin: str) -> Rules:
    return strict(begin, most_bytes=MOST_BYTES, deepest=16)


def _first(details: ErrorDetails, node: Node | None, tree: Mapping) -> Problem | Said | None:
    way = details["loc"]
    if _is_of_parameter(way):  # what follows in `way` are the members of a union
        what = "is not a value that a parameter can have"
        at, _ = locate(tree, way[:4] if way[2] == "with" else way[:3])
        return Problem(at, what, "write text, a number, true, false, null, or a list of these")
    if way[-3:-2] == ("values",):  # the last are members of a union
        return Problem(locate(tree, way[:-1])[0], "is not a value that it can have", "write text or a number")
    if details["type"] == "string_too_short" and not (isinstance(node, Scalar) and node.text is None):
        return "is empty", "write a sentence"
    if way == ("idempotent",) and details["type"] == "literal_error":
        return "must be true", "an action that is not idempotent cannot be run"
    return None


def _is_of_parameter(way: tuple[int | str, ...]) -> bool:
    return (way[2:3] == ("with",) and len(way) > 4) or (way[:1] == ("params",) and way[2:3] == ("default",))


_WORDS = Words(
    "docs/reference/playbooks.md",
    {
        ACTION_ID: ("is not the id of an action", "write area.name in small letters, digits and `_`"),
        CVE: ("is not the number of a CVE", "write CVE-2021-26855"),
        LABEL: ("cannot be the name of a label", "name a label of the inventory, such as dag or site"),
        NAME: ("cannot be a name", "begin with a small letter; use small letters, digits and `_`"),
        PLAYBOOK: ("cannot be the name of a playbook", "begin with a small letter; use small letters, digits and `-`"),
        SHARE: ("is neither a count of hosts nor a percentage of them", "write 3, or 5%"),
        WAVE: ("is not the size of a wave", "write a count such as 1, a percentage such as 10%, or rest"),
        HELD: ("is not a type", "write text, integer, number or boolean, with [] for a list, or bytes; ? allows null"),
        TYPE: ("is not a type", "write text, integer, number or boolean; [] makes it a list, ? lets it be null"),
    },
    _first,
)


def read_playbook(data: bytes, file: str) -> Document[Playbook]:
    """A playbook. `file` stands in messages.

    Raises:
        DocumentError: with all problems that were found.
    """
    return read_whole(data, file, Playbook, _rules("begin with `name:`, `title:` and `steps:`"), _WORDS, DocumentError)


def read_contract(data: bytes, file: str) -> Document[ActionContract]:
    """An action.yml. `file` stands in messages.

    Raises:
        DocumentError: with all problems that were found.
    """
    rules = _rules("begin with `title:`, `description:` and `outputs:`")
    return read_whole(data, file, ActionContract, rules, _WORDS, DocumentError)
