"""The picture of a fleet: every server is in it, none is too small to be seen, and what is not known is never green."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from playbooks.findings import Assessment, Verdict
from runner.reports.picture import FULL, MOST, picture, shade, tiles
from runner.reports.wording import tone
from runner.results import HostResult, Label, Listed, StepResult, fleet_result, judged
from runner.terms import Terms

TERMS = Terms(date(2026, 4, 2), date(2026, 4, 2))


def host(number: int, verdict: Verdict, **labels: tuple[str, ...]) -> HostResult:
    listed = Listed(labels=tuple(Label(name, values) for name, values in labels.items()))
    step = StepResult("s", "a.b", Assessment(verdict, "so"))
    return judged(f"EX{number}", "alpha", [step], 1, 1.0, listed)


@st.composite
def fleets(draw: st.DrawFn) -> list[HostResult]:
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(Verdict), st.lists(st.sampled_from("abcdefghijklmnopqrst"), max_size=2, unique=True)
            ),
            max_size=60,
        )
    )
    return [
        host(number, verdict, **({"site": tuple(sites)} if sites else {}))
        for number, (verdict, sites) in enumerate(rows)
    ]


@given(fleets())
def test_every_server_is_in_each_bar_that_it_belongs_to_and_bars_are_as_long_as_they_are_many(
    hosts: list[HostResult],
) -> None:
    assert sum(tile.count for tile in tiles(hosts)) == len(hosts)
    drawn = picture(hosts)
    assert bool(drawn) is bool(hosts)
    for each in drawn:
        belong = [max(len(host.labels.get(each.by, ())), 1) if each.by else 1 for host in hosts]
        assert sum(bar.hosts for bar in each.bars) == sum(belong)
        assert len(each.bars) <= MOST
        assert each.several is (max(belong) > 1)
        for bar in each.bars:
            assert sum(part.count for part in bar.parts) == bar.hosts
            assert [Verdict(part.name).rank for part in bar.parts] == sorted(
                Verdict(part.name).rank for part in bar.parts
            )
            edges = [(part.x, part.x + part.width) for part in bar.parts]
            assert edges[0][0] == 0
            assert all(left[1] == right[0] for left, right in pairwise(edges))
            assert edges[-1][1] <= FULL
            assert all(part.width >= 8 for part in bar.parts)
        longest = max(each.bars, key=lambda bar: bar.hosts)
        assert longest.parts[-1].x + longest.parts[-1].width == FULL


def test_one_compromised_server_among_two_thousand_is_seen_and_its_site_stands_first() -> None:
    hosts = [host(number, Verdict.OK, site=("big",)) for number in range(1999)]
    hosts.append(host(1999, Verdict.COMPROMISED, site=("small",)))
    whole, by_site = picture(hosts)
    assert whole.bars[0].parts[0].width >= 8
    assert [bar.name for bar in by_site.bars] == ["small", "big"]
    assert by_site.bars[0].said == "1 compromised"


def test_what_is_not_known_is_drawn_apart_and_nothing_is_drawn_better_than_its_tone() -> None:
    blind = {verdict for verdict in Verdict if shade(verdict) == "blind"}
    assert blind == {Verdict.UNREACHABLE, Verdict.NO_CREDENTIAL, Verdict.NOT_ASKED, Verdict.UNKNOWN}
    assert all(shade(verdict) == tone(verdict) for verdict in Verdict if verdict not in blind)
    assert all(tone(verdict) != "well" for verdict in blind)


def test_a_fleet_with_one_site_or_none_is_one_bar_and_servers_without_the_label_have_their_own() -> None:
    assert len(picture([host(1, Verdict.OK, site=("HQ",)), host(2, Verdict.OK, site=("HQ",))])) == 1
    [_, by_dag] = picture([host(1, Verdict.OK, dag=("DAG1",)), host(2, Verdict.BEHIND)])
    assert [(bar.name, bar.hosts) for bar in by_dag.bars] == [("", 1), ("DAG1", 1)]


def test_groups_beyond_the_last_bar_are_counted_in_it() -> None:
    hosts = [host(number, Verdict.OK, site=(f"s{number:02}",)) for number in range(30)]
    [_, by_site] = picture(fleet_result("r", TERMS, hosts).hosts)
    assert len(by_site.bars) == MOST
    assert (by_site.more, by_site.bars[-1].hosts) == (30 - MOST + 1, 30 - MOST + 1)
