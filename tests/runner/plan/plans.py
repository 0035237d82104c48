"""Plans drawn at random, for tests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from hypothesis import strategies as st

from playbooks.changes import Change
from playbooks.findings import Coverage, Verdict
from runner.plan.records import (
    Disturbance,
    From,
    Going,
    Plan,
    PlannedChange,
    PlannedHost,
    PlannedStep,
    Standing,
    StepPlan,
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
STEPS = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
VALUES = st.dictionaries(
    NAMES | st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF), max_size=3),
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | WORDS | st.lists(WORDS, max_size=3).map(tuple),
    max_size=3,
)
CHANGES = st.builds(
    Change,
    id=st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True),
    title=WORDS,
    values=VALUES,
    before=VALUES,
    after=VALUES,
    disturbs=WORDS,
)


def planned(change: Change, apply: str, rollback: str | None, evidence: str | None = None) -> PlannedChange:
    undo, kept = (None if text is None else sha(text) for text in (rollback, evidence))
    return PlannedChange(change, sha(apply), undo, kept)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    texts: dict[str, str] = {}

    def script() -> str:
        text = draw(WORDS)
        texts[sha(text)] = text
        return text

    def changes() -> tuple[PlannedChange, ...]:
        found = draw(st.lists(CHANGES, max_size=3, unique_by=lambda change: change.id))
        applies = draw(st.lists(WORDS, min_size=len(found), max_size=len(found), unique=True))
        texts.update({sha(text): text for text in applies})
        undone = [script() if draw(st.booleans()) else None for _ in found]
        kept = [script() if draw(st.booleans()) else None for _ in found]
        return tuple(map(planned, found, applies, undone, kept))

    names = draw(st.lists(STEPS, min_size=1, max_size=4, unique=True))

    def step(name: str) -> PlannedStep:
        return PlannedStep(
            name,
            draw(st.sampled_from(Standing)),
            draw(st.sampled_from(Verdict)),
            draw(WORDS),
            draw(st.sampled_from(Coverage)),
            draw(st.none() | WORDS.map(sha)),
            changes(),
            draw(st.sampled_from([(), ("version",)])),
        )

    def host(name: str) -> PlannedHost:
        refused = draw(WORDS)
        of_host = [] if refused else draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        return PlannedHost(
            name,
            draw(NAMES),
            5985,
            tuple(map(step, of_host)),
            refused,
            draw(st.dictionaries(st.sampled_from(["dag", "site"]), st.lists(WORDS, max_size=2).map(tuple))),
            draw(st.none() | st.lists(WORDS, max_size=2).map(tuple)),
        )

    hosts = tuple(map(host, draw(st.lists(NAMES, max_size=3, unique=True))))
    disturbs = Disturbance(disruptive=True, reboots=False, interruption="none", reversible=True)
    return Plan(
        id="0123456789ab",
        token="0" * 32,
        client=draw(NAMES),
        made=datetime(2026, 11, 28, 2, 40, draw(st.integers(0, 59)), tzinfo=UTC),
        expires=datetime(2026, 12, draw(st.integers(1, 31)), 2, 40, tzinfo=UTC),
        run="2026-11-28t024000z-7f3a",
        planner="ops@controller",
        exrun="0.1",
        inventory=(From("inventory.yml", sha("i")),),
        playbook=From("repair.yml", sha("p")),
        params=draw(VALUES),
        policy=draw(st.none() | st.just(sha("policy"))),
        catalogue=sha("c"),
        selection=draw(WORDS),
        going=Going(
            8,
            ("1", "10%", "rest"),
            60,
            {"dag": 1},
            draw(st.none() | st.just("5%")),
            draw(st.sampled_from([(), (names[0],)])),
        ),
        steps=tuple(StepPlan(name, "exchange.services", sha("s"), "stop", disturbs, sha("k")) for name in names),
        hosts=hosts,
        texts=texts,
    )


def one_change() -> Plan:
    """A plan of one change on one host."""
    change = planned(Change("start-type.x", "Set x", {"name": "x"}), "a", None)
    step = PlannedStep(
        "services", Standing.PLANNED, Verdict.ATTENTION, "1 disabled", Coverage.PROBED, sha("o"), (change,)
    )
    return Plan(
        id="0123456789ab",
        token="0" * 32,
        client="contoso",
        made=datetime(2026, 11, 28, tzinfo=UTC),
        expires=datetime(2026, 12, 1, tzinfo=UTC),
        run="2026-11-28t000000z-7f3a",
        planner="ops@controller",
        exrun="0.1",
        inventory=(),
        playbook=From("repair.yml", sha("p")),
        params={},
        policy=None,
        catalogue=sha("c"),
        selection="*",
        going=Going(1, (), 0, {}, None),
        steps=(StepPlan("services", "exchange.services", sha("s"), "stop", None, sha("k")),),
        hosts=(PlannedHost("EX01", "10.0.0.1", 5985, (step,)),),
        texts={sha("a"): "a"},
    )
