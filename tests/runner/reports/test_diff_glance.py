"""What became of servers at a glance: equal changes once, none hidden in a group, every server named or counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.findings import Severity, Verdict
from runner.comparing import Comparison, compare
from runner.reports.diff import HEADINGS, change_lines, lines, verdicts
from runner.reports.diff_glance import MOST_LINES, groups_of, screen
from runner.reports.fitting import cells
from runner.results import HostResult, StepResult
from runner.terminal import visible
from tests.runner.test_comparing import answered, audited, finding, server, silent, step

WELL = (step("hunt", Verdict.OK), step("patch", Verdict.OK))
FOUND = (step("hunt", Verdict.COMPROMISED, finding(Severity.HIGH, "C:\\x.aspx")), step("patch", Verdict.OK))
OPEN = (step("hunt", Verdict.UNKNOWN), step("patch", Verdict.OK))


def compared(before: Sequence[HostResult], after: Sequence[HostResult]) -> Comparison:
    return compare(audited(*before), audited(*after, run="r2"))


def texts(found: Comparison, width: int | None = 80) -> list[str]:
    return [line.text for line in screen([found], width)]


def fleet(count: int, differing: int) -> Comparison:
    """So many servers, of which so many are worse, each with evidence of its own, and of the others every tenth."""
    names = [f"mbx-{each:03}.frankfurt.contoso.example" if each % 25 == 8 else f"EX{each:04}" for each in range(count)]
    before = [server(*WELL, name=name) for name in names]
    after = [
        server(
            step("hunt", Verdict.COMPROMISED, finding(Severity.HIGH, f"C:\\{each}.aspx", name=f"a.b{each}")), name=name
        )
        if each < differing
        else server(*(FOUND if each % 10 == 9 else WELL), name=name)
        for each, name in enumerate(names)
    ]
    return compared(before, after)


kinds = st.lists(st.one_of(answered.map(tuple), st.none()), min_size=1, max_size=3)


def of_kinds(kinds: Sequence[tuple[StepResult, ...] | None], picked: Sequence[tuple[int, int]]) -> Sequence[HostResult]:
    """Servers by number, each of one of the kinds; None for one that is silent."""
    said = [(f"EX{number}", kinds[each % len(kinds)]) for number, each in picked]
    return [silent(name=name) if steps is None else server(*steps, name=name) for name, steps in said]


many = st.builds(
    of_kinds,
    kinds,
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 2)), max_size=30, unique_by=lambda each: each[0]),
)


@given(many, many)
@settings(max_examples=60)
def test_every_server_that_changed_is_in_one_group_and_no_two_that_differ_share_one(
    before: Sequence[HostResult], after: Sequence[HostResult]
) -> None:
    found = compared(before, after)
    groups = groups_of(found)
    changed = {each.name for each in found.servers if each.differs}
    grouped = [each.name for group in groups for each in group.changes]
    assert sorted(grouped) == sorted(changed)
    assert [name for group in groups for _, name in group.entry.names] == [*map(visible, grouped)]
    said = [{(each.became, verdicts(each), *change_lines(each)) for each in group.changes} for group in groups]
    assert [len(each) for each in said] == [1] * len(groups)
    assert len(set.union(set(), *said)) == len(groups)
    assert [*dict.fromkeys(group.became for group in groups)] == [
        each for each in HEADINGS if each in {group.became for group in groups}
    ]


def counted_on(shown: Sequence[str]) -> Counter[str]:
    """How many servers of each kind the lines name or count."""
    found: Counter[str] = Counter()
    section, table = "", False
    by_heading = {text: str(became) for became, text in HEADINGS.items()}
    for line in shown:
        table = table or line.startswith("BECAME")
        head = re.fullmatch(r"(\S.*) \(\d+\)", line)
        if head and head[1] in by_heading:
            section = by_heading[head[1]]
        elif not table and (row := re.match(r"  (\S+)( servers)?(?:  |$)", line)):
            found[section] += int(row[1]) if row[2] else 1
        elif table and (row := re.match(r"(worse|changed|new|gone|better|same) +(\S+)( servers)?", line)):
            found[row[1]] += int(row[2]) if row[3] else 1
    return found


@given(many, many, st.sampled_from([80, 120, 200, None]))
@settings(max_examples=60)
def test_every_server_that_changed_is_named_or_counted_once_on_the_screen(
    before: Sequence[HostResult], after: Sequence[HostResult], width: int | None
) -> None:
    found = compared(before, after)
    shown = texts(found, width)
    assert counted_on(shown) == Counter(str(each.became) for each in found.servers if each.differs)
    if width is not None:
        assert max(map(cells, shown)) <= width
        assert len(shown) <= MOST_LINES
    else:
        assert not [each.name for each in found.servers if each.differs and each.name not in " ".join(shown)]
    assert shown[-1].startswith("next: exrun show r2 --client alpha")


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("differing", [0, 3, 40, 200, 2000])
def test_a_large_fleet_has_at_most_so_many_lines(width: int, differing: int) -> None:
    found = fleet(max(200, differing), differing)
    shown = texts(found, width)
    assert len(shown) <= MOST_LINES
    assert max(map(cells, shown)) <= width
    assert counted_on(shown) == {"worse": sum(each.differs for each in found.servers)}
    assert shown[-1] == f"next: exrun show r2 --client alpha --host {'EX0000' if differing else 'EX0009'}"
    names = {each.name for each in found.servers}
    for word in re.findall(r"(?:EX\d+|mbx-[\w.-]*)", "\n".join(shown)):
        assert word in names


def test_equal_changes_are_told_once_with_the_names_and_the_details_one_by_one() -> None:
    found = fleet(200, 0)
    shown = texts(found)
    assert shown[2:] == [
        "worse (20)",
        "  20 servers  ok -> compromised",
        "    EX0009, EX0019, EX0029, EX0039, EX0049, EX0059, EX0069, EX0079, EX0089,",
        "    EX0099, EX0109, EX0119, EX0129, EX0139, EX0149, EX0159, EX0169 and 3 more",
        "    now: why compromised",
        "    + high a.b: it is so",
        "    next: See to it",
        "",
        "200 servers: 20 worse, 180 same",
        "next: exrun show r2 --client alpha --host EX0009",
    ]
    assert [line.split()[0] for line in lines(found) if "->" in line] == [f"EX{each:04}" for each in range(9, 200, 10)]


def test_what_has_no_room_is_a_row_or_counted_and_the_command_that_shows_it_is_named() -> None:
    shown = texts(fleet(200, 200))
    assert "all of it: exrun diff r2 r1 --details --client alpha" in shown
    assert [line for line in shown if line.startswith("BECAME  SERVER ")]
    assert [line for line in shown if re.search(r"^worse +\d+ servers +\d+ reasons, the first: ", line)]


def test_a_difference_beyond_what_is_shown_makes_another_group() -> None:
    same = [finding(Severity.HIGH, name=f"a.b{each}") for each in range(4)]
    other = [*same[:3], finding(Severity.HIGH, name="a.other")]
    names = ["EX1", "EX2"]
    found = compared(
        [server(*WELL, name=name) for name in names],
        [
            server(step("hunt", Verdict.COMPROMISED, *each), name=name)
            for name, each in zip(names, (same, other), strict=True)
        ],
    )
    assert [len(group.changes) for group in groups_of(found)] == [1, 1]
    assert "    + high a.other: it is so" not in texts(found)
    assert texts(found).count("    + and 1 more finding") == 2
    assert "    + high a.other: it is so" in [*lines(found)]
    assert "    + high a.other: it is so" in texts(found, None)


def test_a_worse_server_stands_before_a_larger_group_of_what_is_less_grave() -> None:
    before = [server(*WELL, name=f"EX{each}") for each in range(9)]
    after = [server(*(FOUND if each == 7 else OPEN), name=f"EX{each}") for each in range(9)]
    shown = texts(compared(before, after))
    assert [line for line in shown if "->" in line] == ["  EX7  ok -> compromised", "  8 servers  ok -> unknown"]


def test_several_clients_share_the_screen_and_each_has_its_own_end() -> None:
    found = [replace(fleet(200, 40), client=client) for client in ("alpha", "beta", "gamma")]
    shown = [line.text for line in screen(found, 80)]
    assert len(shown) <= 3 * 24 + 2
    assert [line for line in shown if line.startswith("next: ")] == [
        f"next: exrun show r2 --client {client} --host EX0000" for client in ("alpha", "beta", "gamma")
    ]
