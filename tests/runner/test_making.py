"""Records made quickly are the records that their own classes make."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest

from playbooks import changes, findings
from runner import events, state
from runner.journal import lines
from runner.making import maker
from runner.plan import records
from runner.transport import failures, interface


def takes_any_values(made: object) -> bool:
    """Whether it is a record that does nothing of its own when one is made."""
    if not isinstance(made, type) or not dataclasses.is_dataclass(made) or hasattr(made, "__post_init__"):
        return False
    return all(each.init for each in dataclasses.fields(made))


MODULES = (changes, events, failures, findings, interface, lines, records, state)
OURS = {each for module in MODULES for each in vars(module).values() if takes_any_values(each)}


@dataclass(frozen=True, slots=True)
class Some:
    """One with a default and one that is made anew."""

    first: int
    second: tuple[str, ...] = ("a",)
    third: Mapping[str, int] = field(default_factory=lambda: {"b": 1})


@dataclass(frozen=True, slots=True)
class Checked:
    """One that does something of its own."""

    first: int

    def __post_init__(self) -> None:
        if self.first < 0:
            raise ValueError("below zero")


@pytest.mark.parametrize("made", sorted(OURS, key=str), ids=lambda each: each.__qualname__)
def test_every_record_made_quickly_is_the_one_that_its_class_makes(made: type[Any]) -> None:
    make = maker(made)
    values = [f"value {number}" for number in range(len(dataclasses.fields(made)))]
    own = made(*values)
    for _ in range(2):  # the first makes what makes them
        quick = make(*values)
        assert type(quick) is made
        assert (quick, repr(quick), hash(quick)) == (own, repr(own), hash(own))
        assert dataclasses.replace(quick) == copy.deepcopy(quick) == own
        for each in dataclasses.fields(made):
            with pytest.raises(FrozenInstanceError):
                setattr(quick, each.name, "another")
        with pytest.raises((AttributeError, TypeError)):
            quick.another = "member"


def test_what_is_left_out_has_its_default() -> None:
    make = maker(Some)
    one, two = make(1), make(1, ("c",))
    assert one == Some(1) == pickle.loads(pickle.dumps(one))
    assert two == Some(1, ("c",))
    assert one.third is not two.third
    assert make(first=2) == Some(2)
    with pytest.raises(TypeError):
        make()  # type: ignore[call-arg]


def test_a_record_that_refuses_values_refuses_them_still() -> None:
    with pytest.raises(ValueError, match="below zero"):
        maker(Checked)(-1)
