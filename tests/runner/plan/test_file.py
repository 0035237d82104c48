"""A plan's file says one thing, in one spelling, and every byte of it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from itertools import product
from random import Random
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.changes import ChangeValue
from runner.plan.file import PlanError, digest, read, write
from runner.plan.records import From, Going, Plan, StepPlan
from runner.reports.plan import View, lines
from runner.reports.plan_page import Approvals, plan_page
from runner.terminal import visible
from tests.runner.plan.plans import one_change, plans, sha


@settings(max_examples=40)
@given(plans())
def test_a_plan_reads_back_as_it_was_written_in_the_spelling_of_rfc_8785(plan: Plan) -> None:
    data = write(plan)
    assert read(data) == plan
    assert rfc8785.dumps(json.loads(data)) == data


@settings(max_examples=20)
@given(plans(), st.randoms(use_true_random=False))
def test_no_byte_can_be_changed_without_another_plan_or_a_refusal(plan: Plan, random: Random) -> None:
    data = write(plan)
    for _ in range(50):
        spoilt = bytearray(data)
        spoilt[random.randrange(len(data))] ^= random.randrange(1, 256)
        assert digest(bytes(spoilt)) != digest(data)
        with suppress(PlanError):
            other = read(bytes(spoilt))
            assert (other, other.newer) != (plan, plan.newer)


@pytest.mark.parametrize(
    "spelt",
    [
        lambda text: text.replace(",", ", ", 1),
        lambda text: "\n" + text,
        lambda text: text + "\n",
        lambda text: text.replace('"kind"', '"kin\\u0064"', 1),
        lambda text: '{"catalogue":"x",' + text[1:],
        lambda text: "\ufeff" + text,
        lambda text: text.replace('"format":1', '"format":1.0'),
        lambda text: text.replace('"format":1', '"format":true'),
        lambda text: text.replace('"format":1', '"format":0'),
        lambda text: text.replace('"kind":"exrun-plan"', '"kind":"other"'),
        lambda text: "[" * 100_000,
        lambda text: "[]",
        lambda text: text.replace('"port":5985', '"port":NaN'),
        lambda text: text.replace("2026-11-28T00:00", "2026-11-28 00:00"),
        lambda text: text.replace("00:00:00+00:00", "01:00:00+01:00"),
        lambda text: text.replace("00:00:00+00:00", "00:00:00Z"),
        lambda text: text.replace("2026-11-28T00:00:00+00:00", "0001-01-01T00:00:00+14:00"),
        lambda text: text.replace("2026-11-28T00:00:00+00:00", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_another_spelling_or_another_document_is_refused(spelt: object) -> None:
    text = write(one_change()).decode()
    with pytest.raises(PlanError):
        read(spelt(text).encode())  # type: ignore[operator]


def test_what_a_newer_version_adds_is_named() -> None:
    document = json.loads(write(one_change()))
    document["hosts"][0]["later"] = {"x": 1}
    document["more"] = []
    assert read(rfc8785.dumps(document)).newer == ("later", "more")
    document["format"] = 2
    assert "format" in read(rfc8785.dumps(document)).newer


def test_a_script_that_is_missing_or_another_is_refused() -> None:
    plan = one_change()
    with pytest.raises(PlanError, match=r"EX01, step services, change start-type\.x is missing"):
        read(write(replace(plan, texts={})))
    with pytest.raises(PlanError, match="another than its hash says"):
        read(write(replace(plan, texts={**plan.texts, sha("a"): "b"})))


@pytest.mark.parametrize(
    "values", [{"n": 2**53}, {"n": -(2**53)}, {"t": "\ud800"}, {"t": ("\udfff",)}, {"\U0001f600": 1}, {"\ud800": 1}]
)
def test_what_has_no_one_spelling_is_not_written(values: dict[str, ChangeValue]) -> None:
    plan = one_change()
    [host], [step], [change] = plan.hosts, plan.hosts[0].steps, plan.hosts[0].steps[0].changes
    spoilt = replace(change, change=replace(change.change, values=values))
    with pytest.raises(ValueError, match="no canonical form"):
        write(replace(plan, hosts=(replace(host, steps=(replace(step, changes=(spoilt,)),)),)))


def test_a_name_that_stands_for_two_is_refused() -> None:
    plan = one_change()
    host = plan.hosts[0]
    step = host.steps[0]
    change = step.changes[0]
    other = replace(change, change=replace(change.change, id="another"))
    for hosts, what in (
        ((host, replace(host, host="ex01")), "server ex01"),
        ((replace(host, steps=(step, step)),), "step services"),
        ((replace(host, steps=(replace(step, changes=(change, change)),)),), r"change start-type\.x"),
        ((replace(host, steps=(replace(step, changes=(change, other)),)),), "with the script"),
    ):
        with pytest.raises(PlanError, match=f"{what}.* twice"):
            read(write(replace(plan, hosts=hosts)))


@pytest.mark.parametrize("source", ["/tmp/x.yml", "../x.yml", r"\\\\server\\share\\x.yml", "a\\x.yml", "x\0.yml", ""])
def test_a_plan_leads_to_no_file_that_is_not_beside_it(source: str) -> None:
    with pytest.raises(PlanError, match="name of a file"):
        read(write(replace(one_change(), playbook=From(source, sha("p")))))


STRANGE = "\x1b[2J\u202e\n<script>x</script>"


def _leaves(value: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from _leaves(member, (*way, name))
    if isinstance(value, str):
        yield way


def test_whatever_a_file_says_nothing_of_it_is_shown_that_does_not_show_itself() -> None:
    plan = one_change()
    step = StepPlan("services", "exchange.services", sha("s"), "stop", None, sha("k"))
    going = Going(1, ("1", "rest"), 60, {"dag": 1}, "10%", ("services",))
    hosts = tuple(replace(host, labels={"dag": ("a",)}, roles=("b",)) for host in plan.hosts)
    plan = replace(plan, steps=(step,), going=going, hosts=hosts, params={"x": "y"}, inventory=(plan.playbook,))
    document = json.loads(write(plan))
    ways = [way for way in _leaves(document) if way[0] not in ("texts", "kind")]
    assert len(ways) >= 30
    shown = 0
    for way, spelt in product(ways, (STRANGE, "1" + STRANGE)):
        forged: Any = json.loads(write(plan))
        *above, last = way
        reduce(lambda into, name: into[name], above, forged)[last] = spelt  # type: ignore[arg-type, return-value]
        with suppress(PlanError):
            other = read(json.dumps(forged, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())
            text = "".join(lines(other, sha("x"), View(scripts=True, diff=True)))
            page = plan_page(other, sha("x"), Approvals(None, (), (), (), plan.made))
            assert text == visible(text), way
            assert not {"\x1b", "\u202e"} & set(page), way
            assert page.count("<script>") == 1, way  # ours, at its end
            shown += 1
    assert shown >= 10
