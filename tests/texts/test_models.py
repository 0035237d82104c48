"""A model's errors as problems: each with its place, what is wrong and what to write, as two fields."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from texts.models import Words, keys_at, read_model
from texts.problems import MistakeError, Problem
from texts.yaml_tree import Rules

NAME = r"^[a-z]+$"
RULES = Rules("begin with `name:`", "here", "repeat it", "remove it", 1 << 20, 16, typed=True)
WORDS = Words("docs/reference/x.md", {NAME: ("cannot be a name", "use small letters")})


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Part(Strict):
    size: Annotated[int, Field(ge=1, le=9)] | None = Field(default=None, description="How large, in cm.")
    kind: Literal["big", "small"] = "big"
    with_: list[str | int] = Field(default=[], alias="with")


class Whole(Strict):
    name: Annotated[str, Field(pattern=NAME)] = Field(description="DOMAIN of it.")
    parts: dict[Annotated[str, Field(pattern=NAME)], list[Part]] = Field(description="Its parts.")
    one: Part | None = None

    @model_validator(mode="after")
    def _named(self) -> Whole:
        if self.name == "none":
            raise MistakeError("is no name", "give one; any", way=("name",))
        return self


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("nam: a\nparts: {}\n", ["f:1:1: nam: unknown key; did you mean `name`?"]),
        ("parts: {}\n", ["f:1:1: name: is missing; add it: DOMAIN of it"]),
        ("name: a\n", ["f:1:1: parts: is missing; add it: its parts"]),
        ("name: none\nparts: {}\n", ["f:1:1: name: is no name; give one; any"]),
        ("name: A\nparts: {}\n", ["f:1:7: name: cannot be a name; use small letters"]),
        ("name: a\nparts: {B: []}\n", ["f:2:9: parts.B: cannot be a name; use small letters"]),
        ("name: a\nparts: {b: [{siz: 1}]}\n", ["f:2:14: parts.b[0].siz: unknown key; did you mean `size`?"]),
        ("name: a\nparts: {b: [{zz: 1}]}\n", ["f:2:14: parts.b[0].zz: unknown key; known here: size, kind, with"]),
        ("name: a\nparts: {b: [{size: 10}]}\n", ["f:2:20: parts.b[0].size: is more than 9; write a smaller number"]),
        (
            "name: a\nparts: {b: [{kind: bg}]}\n",
            ["f:2:20: parts.b[0].kind: is not one of big, small; did you mean `big`?"],
        ),
        (
            "name: a\nparts: {b: [{with: [true]}]}\n",
            ["f:2:21: parts.b[0].with[0]: must be text; quote it"],
        ),
        ("name:\nparts: {}\n", ["f:1:1: name: is empty; give it a value, or remove the key"]),
        (
            "name: 1\nparts: []\n",
            ["f:1:7: name: must be text; quote it", "f:2:8: parts: must be a mapping; "],
        ),
        ("name: [a]\nparts: {}\n", ["f:1:7: name: must be a single text; write one value, not a list or a mapping"]),
        ("one: {sise: 1}\nname: a\nparts: {}\n", ["f:1:7: one.sise: unknown key; did you mean `size`?"]),
    ],
)
def test_an_error_of_a_model_is_told_with_its_place_and_what_to_write(text: str, problems: list[str]) -> None:
    found: list[Problem] = []
    assert read_model(text.encode(), "f", Whole, RULES, WORDS, found) is None
    assert len(found) == len(problems)
    assert all(str(problem).startswith(start) for problem, start in zip(found, problems, strict=True))


def test_a_sign_in_a_message_does_not_part_it_from_its_advice() -> None:
    found: list[Problem] = []
    read_model(b"name: none\nparts: {}\n", "f", Whole, RULES, WORDS, found)
    assert [(problem.what, problem.advice) for problem in found] == [("is no name", "give one; any")]


def test_the_keys_of_a_mapping_are_those_of_the_model_that_stands_there() -> None:
    assert keys_at(Whole, ()) == ["name", "parts", "one"]
    assert keys_at(Whole, ("parts",)) == []
    assert keys_at(Whole, ("parts", "b", 0)) == ["size", "kind", "with"]
    assert keys_at(Whole, ("one",)) == ["size", "kind", "with"]
    assert keys_at(Whole, ("one", "size", "int")) == []
