"""A plan that was edited by hand: each command that reads one says plainly what is wrong, or shows what it says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runner.changing import write_playbook
from tests.runner.cli.conftest import CommandLine, protocol
from tests.runner.fleets import ScriptedTransport

Path_ = tuple[str | int, ...]

READING = (
    ("show", "edited.json"),
    ("show", "edited.json", "--diff", "--script"),
    ("show", "edited.json", "--host", "EX1"),
    ("show", "edited.json", "--format", "json", "--diff"),
    ("report", "edited.json", "--html", "-o", "edited.html"),
    ("report", "edited.json"),
    ("approve", "edited.json", "--key", "no-such-key"),
    ("apply", "edited.json", "-i", "inventory.yml"),
)
WRONG: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1001,
    70_000,
    2**53,
    10**400,
    1.5,
    "",
    "x",
    "rest",
    "101%",
    "0",
    "9" * 5000,
    "\x1b[2J",
    "f" * 64,
    [],
    {},
    ["0"],
    [[]],
    {"x": 1},
)


@pytest.fixture
def planned(exrun: CommandLine) -> CommandLine:
    write_playbook(exrun.folder)
    for name in ("EX1", "EX2"):
        exrun.transports[f"alpha/{name}"] = ScriptedTransport(otherwise=protocol(enabled=True))
    assert exrun("plan", "./off.yml", "client:alpha", "-i", "inventory.yml", "-o", "plan.json")[0] == 1
    return exrun


def document(exrun: CommandLine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((exrun.folder / "plan.json").read_bytes())
    return found


def write(exrun: CommandLine, edited: object) -> None:
    text = json.dumps(edited, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    (exrun.folder / "edited.json").write_text(text, encoding="utf-8")


def places(node: object, path: Path_ = ()) -> Iterator[Path_]:
    """The way to every member and every element."""
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, each in members:
        yield (*path, name)
        yield from places(each, (*path, name))


def outer(node: Any, path: Path_) -> Any:
    """What the last step of a way is a member or an element of."""
    for step in path[:-1]:
        node = node[step]
    return node


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_edited_is_a_plain_error_or_is_shown_and_nothing_is_sent(
    planned: CommandLine, data: st.DataObject
) -> None:
    edited = document(planned)
    for _ in range(data.draw(st.integers(1, 2), "edits")):
        path = data.draw(st.sampled_from(list(places(edited))), "where")
        within = outer(edited, path)
        match data.draw(st.sampled_from(["another", "another", "gone", "twice", "unknown"]), "how"):
            case "another":
                within[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(WRONG), "value"))
            case "gone":
                del within[path[-1]]
            case "twice":
                if isinstance(within, list):
                    within.append(copy.deepcopy(within[path[-1]]))
            case _:
                if isinstance(within, dict):
                    within["unknown"] = 1
    if edited == document(planned):
        return
    write(planned, edited)
    sent = {key: list(transport.sent) for key, transport in planned.transports.items()}  # type: ignore[attr-defined]
    for command in READING:
        status, _, err = planned(*command)
        assert status in ((2, 4) if command[0] in ("approve", "apply") else (0, 2)), (command, status, err)
        assert "defect" not in err
        assert "Traceback" not in err
        assert status == 0 or err.startswith("exrun: ")
    assert sent == {key: transport.sent for key, transport in planned.transports.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        (("going", "waves"), ["x"], "`going.waves[0]` is not the size of a wave: a count, a percentage or `rest`"),
        (("going", "waves"), ["0"], "`going.waves[0]` is not the size of a wave"),
        (("going", "waves"), ["rest", "1"], "`going.waves` has a wave after `rest`"),
        (("going", "budget"), "many", "`going.budget` is not a failure budget: a count or a percentage"),
        (("going", "parallel"), 0, "`going.parallel` is not a whole number from 1 to 1000"),
        (("going", "parallel"), 10**400, "`going.parallel` is not a whole number from 1 to 1000"),
        (("going", "limits"), {"site": -1}, "`going.limits.site` is not a whole number from 1 to 1000"),
        (("going", "pause_seconds"), -1, "`going.pause_seconds` is not a whole number from 0 to 86400"),
        (("going", "health"), ["ghost"], "`going.health` names the step ghost, which the plan has not"),
        (("hosts", 0, "port"), 0, "`hosts[0].port` is not a whole number from 1 to 65535"),
        (("hosts", 0, "steps", 0, "step"), "ghost", "EX1 has the step ghost, which the plan has not"),
        (("hosts", 0, "refused"), "it was away", "EX1 was refused, and has steps"),
        (("hosts", 1, "host"), "ex1", "the server ex1 stands in it twice"),
        (("expires",), "2020-01-01T00:00:00+00:00", "`expires` is not after `made`"),
        (("token",), "x", "`token` is not 32 hexadecimal digits in lower case"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(planned: CommandLine, way: Path_, value: object, said: str) -> None:
    edited = document(planned)
    outer(edited, way)[way[-1]] = value
    write(planned, edited)
    for command in READING:
        status, out, err = planned(*command)
        assert (status, out) == (2, "")
        assert f"exrun: edited.json: {said}" in err
        assert err.endswith(" Make the plan again.\n")


def test_a_plan_with_a_name_twice_in_an_object_is_refused(planned: CommandLine) -> None:
    text = (planned.folder / "plan.json").read_text(encoding="utf-8")
    (planned.folder / "edited.json").write_text(text.replace('"client":', '"client":"beta","client":', 1), "utf-8")
    for command in READING:
        status, _, err = planned(*command)
        assert (status, "is not spelt as a plan is: it was edited" in err) == (2, True)
