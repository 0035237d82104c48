"""Playbooks and contracts as people write them: bytes in, a checked model out, or every problem with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from playbooks.errors import DocumentError, Location, Problem, nearest, suggestion
from playbooks.model import (
    ACTION_ID,
    CVE,
    NAME,
    PLAYBOOK,
    TYPE,
    ActionContract,
    FactSpec,
    MisplacedError,
    ParamSpec,
    Playbook,
    PropertySpec,
    Step,
    Strategy,
    Timeouts,
)
from playbooks.yaml_tree import Mapping, Node, Scalar, locate, plain, read_tree

__all__ = ["Document", "read_contract", "read_playbook"]

M = TypeVar("M", bound=BaseModel)

_PATTERNS = {
    ACTION_ID: ("is not the id of an action", "write area.name in small letters, digits and `_`"),
    CVE: ("is not the number of a CVE", "write CVE-2021-26855"),
    NAME: ("cannot be a name", "begin with a small letter; use small letters, digits and `_`"),
    PLAYBOOK: ("cannot be the name of a playbook", "begin with a small letter; use small letters, digits and `-`"),
    TYPE: ("is not a type", "write text, integer, number or boolean; [] makes it a list, ? lets it be null"),
}
_TYPES = {
    "string_type": ("must be text", "quote it"),
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "int_type": ("must be a whole number", "write it in digits, without quotes"),
    "dict_type": ("must be a mapping", "write `key: value` lines, indented below it"),
    "model_type": ("must be a mapping", "write `key: value` lines, indented below it"),
    "list_type": ("must be a list", "write `- first` lines, or [first, second]"),
}


@dataclass(frozen=True, slots=True)
class Document(Generic[M]):
    """A model and the tree that it is from. `data` are the bytes of the file."""

    model: M
    tree: Mapping
    data: bytes

    def at(self, *way: str | int, key: bool = False) -> Location:
        """Where something stands; with `key`, where its key does."""
        return locate(self.tree, way, key=key)[0]


def read_playbook(data: bytes, file: str) -> Document[Playbook]:
    """A playbook. `file` stands in messages.

    Raises:
        DocumentError: with all problems that were found.
    """
    return _read(data, file, Playbook, "begin with `name:`, `title:` and `steps:`")


def read_contract(data: bytes, file: str) -> Document[ActionContract]:
    """An action.yml. `file` stands in messages.

    Raises:
        DocumentError: with all problems that were found.
    """
    return _read(data, file, ActionContract, "begin with `title:`, `description:` and `outputs:`")


def _read(data: bytes, file: str, model: type[M], begin: str) -> Document[M]:
    problems: list[Problem] = []
    tree = read_tree(data, file, begin, problems)
    try:
        read = model.model_validate(plain(tree))
    except ValidationError as error:
        reported = {problem.location.path for problem in problems}
        details = error.errors(include_url=False, include_context=True, include_input=False)
        misspelt = {path for each in details if (path := _meant(each, model))}
        for each in details:
            problem = _problem(each, tree, model)
            # One wrong value fails every member of a union, and a misspelt key is missing too: each is reported once.
            if problem.location.path not in reported and (each["type"] != "missing" or each["loc"] not in misspelt):
                reported.add(problem.location.path)
                problems.append(problem)
        raise DocumentError(problems) from None
    if problems:
        raise DocumentError(problems)
    return Document(read, tree, data)


def _keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    return [field.alias or name for name, field in _model_at(model, loc).model_fields.items()]


def _meant(details: ErrorDetails, model: type[BaseModel]) -> tuple[int | str, ...] | None:
    """The way to the key that an unknown one was meant to be; None where there is none near."""
    if details["type"] != "extra_forbidden":
        return None
    *around, written = details["loc"]
    near = nearest(str(written), _keys(model, tuple(around)))
    return (*around, near) if near else None


def _problem(details: ErrorDetails, tree: Mapping, model: type[BaseModel]) -> Problem:
    loc = details["loc"]
    if _is_of_parameter(loc):  # what follows in `loc` are the members of a union
        what = "is not a value that a parameter can have"
        at, _ = locate(tree, loc[:4] if loc[2] == "with" else loc[:3], key=False)
        return Problem(at, what, "write text, a number, true, false, null, or a list of these")
    if loc[-3:-2] == ("values",):  # the last are members of a union
        return Problem(
            locate(tree, loc[:-1], key=False)[0], "is not a value that it can have", "write text or a number"
        )
    if loc and loc[-1] == "[key]":
        return Problem(locate(tree, loc[:-1], key=True)[0], *_pattern(details))
    if details["type"] == "extra_forbidden":
        known = _keys(model, loc[:-1])
        return Problem(
            locate(tree, loc, key=True)[0],
            "unknown key",
            suggestion(str(loc[-1]), known, otherwise=f"known here: {', '.join(known)}"),
        )
    if details["type"] == "missing":
        return Problem(locate(tree, loc, key=False)[0], "is missing", _why_needed(model, loc))
    if details["type"] == "value_error":
        error = details["ctx"]["error"]
        what, _, advice = str(error).partition("; ")
        way = error.at if isinstance(error, MisplacedError) else ()
        return Problem(locate(tree, (*loc, *way), key=True)[0], what, advice)
    at, node = locate(tree, loc, key=False)
    if isinstance(node, Scalar) and node.value is None and details["type"] != "list_type":
        return Problem(locate(tree, loc, key=True)[0], "is empty", "give it a value, or remove the key")
    return Problem(at, *_explain(details, node))


def _explain(details: ErrorDetails, node: Node | None) -> tuple[str, str]:
    context = details.get("ctx", {})
    written = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    match details["type"]:
        case "string_pattern_mismatch":
            return _pattern(details)
        case "string_too_short":
            return "is empty", "write a sentence"
        case "enum" | "literal_error":
            choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            if choices == ["True"]:
                return "must be true", "an action that is not idempotent cannot be run"
            return f"is not one of {', '.join(choices)}", suggestion(written, choices)
        case "greater_than_equal":
            return f"is less than {context['ge']}", "write a larger number"
        case "less_than_equal":
            return f"is more than {context['le']}", "write a smaller number"
        case "too_short":
            return "has nothing in it", "add at least one"
        case kind:
            return _TYPES.get(kind, ("is of the wrong type", "compare it with docs/reference/playbooks.md"))


def _is_of_parameter(loc: tuple[int | str, ...]) -> bool:
    return (loc[2:3] == ("with",) and len(loc) > 4) or (loc[:1] == ("params",) and loc[2:3] == ("default",))


def _pattern(details: ErrorDetails) -> tuple[str, str]:
    pattern = details.get("ctx", {}).get("pattern")
    return _PATTERNS.get(str(pattern), ("cannot be written so", "compare it with docs/reference/playbooks.md"))


def _why_needed(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    fields = _model_at(model, loc[:-1]).model_fields
    wanted = next((field for name, field in fields.items() if (field.alias or name) == loc[-1]), None)
    description = wanted.description if wanted is not None else None
    return f"add it: {description[0].lower()}{description[1:].removesuffix('.')}" if description else "add it"


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    match loc:
        case ("params", _):
            return ParamSpec
        case ("facts", _):
            return FactSpec
        case ("outputs", _, _):
            return PropertySpec
        case ("strategy",):
            return Strategy
        case ("timeouts",):
            return Timeouts
        case ("steps", _):
            return Step
        case _:
            return model
