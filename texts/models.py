"""What a model has against a document of YAML, as problems with their places. The model is pydantic's."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from texts import yaml_tree
from texts.places import Location
from texts.problems import MistakeError, Problem, in_lines
from texts.spelling import nearest, suggestion
from texts.yaml_tree import Node, Rules, Scalar, locate, plain, read_tree

M = TypeVar("M", bound=BaseModel)
Way = tuple[int | str, ...]
Said = tuple[str, str]

_TYPES: Mapping[str, Said] = {
    "string_type": ("must be text", "quote it"),
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "int_type": ("must be a whole number", "write it in digits, without quotes"),
    "float_type": ("must be a number", "write it in digits, without quotes"),
    "dict_type": ("must be a mapping", "write `key: value` lines, indented below it"),
    "model_type": ("must be a mapping", "write `key: value` lines, indented below it"),
    "model_attributes_type": ("must be a mapping", "write `key: value` lines, indented below it"),
    "list_type": ("must be a list", "write `- first` lines, or [first, second]"),
}


class Written(BaseModel):
    """Text that a person wrote: unknown keys refused, nothing converted, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class WrittenError(ValueError):
    """A file that somebody wrote cannot be used; carries every problem with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(in_lines(problems)))


@dataclass(frozen=True, slots=True)
class Words:
    """What only one kind of file says.

    Attributes:
        reference: the page that describes it, for what there is no better advice for.
        patterns: what is said where a text does not fit a pattern, and what to write.
        first: what is said of an error before everything that is said here; None where that is enough. Its arguments
            are the error, what stands at its place, and the document.
    """

    reference: str
    patterns: Mapping[str, Said] = field(default_factory=dict)
    first: Callable[[ErrorDetails, Node | None, yaml_tree.Mapping], Problem | Said | None] = (
        lambda details, node, tree: None
    )


@dataclass(frozen=True, slots=True)
class Document(Generic[M]):
    """A model and the tree that it is from. `data` are the bytes of the file."""

    model: M
    tree: yaml_tree.Mapping
    data: bytes

    def at(self, *way: str | int, key: bool = False) -> Location:
        """Where something stands; with `key`, where its key does."""
        return locate(self.tree, way, key=key)[0]


def read_model(
    data: bytes, file: str, model: type[M], rules: Rules, words: Words, problems: list[Problem]
) -> Document[M] | None:
    """A document of one kind; None, with all that is wrong with it added to `problems`, where something is."""
    before = len(problems)
    tree = read_tree(data, file, rules, problems)
    if tree is None:
        return None
    try:
        read = model.model_validate(plain(tree))
    except ValidationError as error:
        told = {problem.location.path for problem in problems[before:]}
        problems += problems_of(error, tree, model, words, told)
        return None
    return Document(read, tree, data) if len(problems) == before else None


def read_whole(
    data: bytes,
    file: str,
    model: type[M],
    rules: Rules,
    words: Words,
    refused: Callable[[list[Problem]], Exception] = WrittenError,
) -> Document[M]:
    """A document of one kind.

    Raises:
        WrittenError, or what `refused` makes: with all that is wrong with it.
    """
    problems: list[Problem] = []
    document = read_model(data, file, model, rules, words, problems)
    if document is None:
        raise refused(problems)
    return document


def problems_of(
    error: ValidationError, tree: yaml_tree.Mapping, model: type[BaseModel], words: Words, told: set[str]
) -> list[Problem]:
    """The problems that an error of validation stands for.

    Of one place one is told: a wrong value fails every member of a union. A key that is missing is none where a
    misspelt one stands.

    Args:
        told: paths of which a problem is known already; those of these problems are added.
    """
    details = error.errors(include_url=False, include_context=True, include_input=False)
    misspelt = {way for each in details if (way := _meant(each, model))}
    found = []
    for each in details:
        problem = problem_of(each, tree, model, words)
        if problem.location.path not in told and (each["type"] != "missing" or each["loc"] not in misspelt):
            told.add(problem.location.path)
            found.append(problem)
    return found


def problem_of(details: ErrorDetails, tree: yaml_tree.Mapping, model: type[BaseModel], words: Words) -> Problem:
    """The problem that one error of a model's validation stands for."""
    way = details["loc"]
    at, node = locate(tree, way)
    nothing = isinstance(node, Scalar) and node.text is None
    if nothing or details["type"] == "extra_forbidden":
        at, _ = locate(tree, way, key=True)  # nothing has no place of its own
    match words.first(details, node, tree):
        case Problem() as problem:
            return problem
        case (what, advice):
            return Problem(at, what, advice)
    if way and way[-1] == "[key]":
        return Problem(locate(tree, way[:-1], key=True)[0], *_pattern(details, words))
    if nothing and details["type"] != "extra_forbidden":
        return Problem(at, "is empty", "give it a value, or remove the key")
    match details["type"]:
        case "extra_forbidden":
            known = keys_at(model, way[:-1])
            there = f"known here: {', '.join(known)}" if known else ""
            return Problem(at, "unknown key", suggestion(str(way[-1]), known, otherwise=there))
        case "missing":
            return Problem(at, "is missing", _why_needed(model, way))
        case "value_error" if isinstance(error := details["ctx"]["error"], MistakeError):
            if error.way:
                at, _ = locate(tree, (*way, *error.way), key=True)
            return Problem(at, error.what, error.advice)
    return Problem(at, *_explain(details, node, words))


def keys_at(model: type[BaseModel], way: Way) -> list[str]:
    """The keys that a mapping may have which stands there in a document of the model; none where any may."""
    there = _model_at(model, way)
    return [] if there is None else [part.alias or name for name, part in there.model_fields.items()]


def _meant(details: ErrorDetails, model: type[BaseModel]) -> Way | None:
    """The way to the key that an unknown one was meant to be; None where there is none near."""
    if details["type"] != "extra_forbidden":
        return None
    *around, written = details["loc"]
    near = nearest(str(written), keys_at(model, tuple(around)))
    return (*around, near) if near else None


def _model_at(model: type[BaseModel], way: Way) -> type[BaseModel] | None:
    annotation: Any = model
    for part in way:
        annotation = _bare(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields.items()
            annotation = next((each.annotation for name, each in fields if part in (name, each.alias)), None)
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif get_origin(annotation) is list:
            annotation = get_args(annotation)[0]
        else:
            return None
    annotation = _bare(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """A type without what is written about it, and without the None that may stand for it."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            members = [member for member in get_args(annotation) if member is not type(None)]
            if len(members) != 1:
                return annotation
            annotation = members[0]
        else:
            return annotation


def _why_needed(model: type[BaseModel], way: Way) -> str:
    there = _model_at(model, way[:-1])
    fields = there.model_fields.items() if there is not None else ()
    description = next((part.description for name, part in fields if (part.alias or name) == way[-1]), None)
    if not description:
        return "add it"
    start = description[0].lower() if description[1:2].islower() else description[0]
    return f"add it: {start}{description[1:].removesuffix('.')}"


def _explain(details: ErrorDetails, node: Node | None, words: Words) -> Said:
    context = details.get("ctx", {})
    written = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    match details["type"]:
        case "string_type" if node is not None and not isinstance(node, Scalar):
            return "must be a single text", "write one value, not a list or a mapping"
        case "string_pattern_mismatch":
            return _pattern(details, words)
        case "string_too_short":
            return "is empty", "write a text"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters", "shorten it"
        case "enum" | "literal_error":
            choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            return f"is not one of {', '.join(choices)}", suggestion(written, choices)
        case "greater_than_equal":
            return f"is less than {context['ge']}", "write a larger number"
        case "greater_than":
            return f"is not more than {context['gt']}", "write a larger number"
        case "less_than_equal":
            return f"is more than {context['le']}", "write a smaller number"
        case "too_short":
            return "has nothing in it", "add at least one"
        case kind if kind in _TYPES:
            return _TYPES[kind]
        case kind:
            what = details["msg"].removeprefix("Value error, ")
            what = "is of the wrong type" if kind.endswith("_type") else f"{what[:1].lower()}{what[1:]}"
            return what, f"compare it with {words.reference}"


def _pattern(details: ErrorDetails, words: Words) -> Said:
    pattern = details.get("ctx", {}).get("pattern")
    return words.patterns.get(str(pattern), ("cannot be written so", f"compare it with {words.reference}"))
