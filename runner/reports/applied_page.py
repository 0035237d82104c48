"""What applying a plan came to, as a page: first what somebody who answers for it reads, below it every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from runner.moves import Outcome
from runner.reports.applied import TONES, AppliedDocument, AppliedHostMember, Became, came_to, counts
from runner.reports.brand import Brand
from runner.reports.page import page
from runner.reports.picture import Shade, Tile, bar_of
from runner.reports.provenance import Provenance
from runner.terms import Ending
from texts.counting import counted

__all__ = ["applied_page"]

_MEANING: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.UNKNOWN: "Something was sent that may have changed it, and it is not known what became of that. "
        "Nothing more is sent there before it was looked at.",
        Outcome.FAILED: "It is not as the plan would have it.",
        Outcome.REFUSED: "What would have been done is not what was approved: something changed since it was made. "
        "The changes of that step were not sent.",
        Outcome.UNREACHABLE: "There was no session with it for what is left to be done.",
        Outcome.ROLLED_BACK: "What was changed was undone.",
        Outcome.PENDING: "The run ended before this server was done, or begun.",
        Outcome.CHANGED: "Everything that was to be changed is: a look afterwards found nothing left to change.",
        Outcome.COMPLIANT: "Nothing was to be changed.",
        Outcome.DEFERRED: "What was to be done hangs on what had to be changed first: it is planned afterwards.",
        Outcome.SKIPPED: "Nothing was run there under this plan.",
    }
)
# As they are drawn: apart from the tones, what nobody came to or could not reach.
_SHADES: Mapping[Outcome, Shade] = MappingProxyType(
    {
        Outcome.UNKNOWN: "grave",
        Outcome.FAILED: "grave",
        Outcome.REFUSED: "open",
        Outcome.UNREACHABLE: "blind",
        Outcome.ROLLED_BACK: "open",
        Outcome.PENDING: "blind",
        Outcome.CHANGED: "well",
        Outcome.COMPLIANT: "well",
        Outcome.DEFERRED: "open",
        Outcome.SKIPPED: "blind",
    }
)
_BECAME: Mapping[Became, Shade] = MappingProxyType(
    {
        Became.IN_DOUBT: "grave",
        Became.PARTLY_MADE: "grave",
        Became.NOT_MADE: "grave",
        Became.UNDONE: "open",
        Became.MADE: "well",
        Became.NOT_SENT: "blind",
    }
)


def applied_page(found: AppliedDocument, brand: Brand | None = None, source: Provenance | None = None) -> str:
    """The page.

    Args:
        brand: whose page it is; None for nobody's.
        source: where it is from; None where its journal is not at hand.
    """
    told = [host for host in found.hosts if host.touched or _is_of_note(host)]
    hosts, changes = max(found.summary.hosts, 1), max(found.summary.changes, 1)
    return page(
        "applied.html.j2",
        servers=len(found.hosts),
        brand=brand,
        found=found,
        run=found.run,
        source=source,
        tiles=_tiles(found),
        outcomes=bar_of("servers", [(each, found.summary.outcomes[each], _SHADES[each]) for each in _SHADES], hosts),
        changes=bar_of("changes", [(each, found.summary.became[each], _BECAME[each]) for each in _BECAME], changes),
        parts={host.name: number for number, host in enumerate(told, start=1)},
        headline=" ".join(_headline(found)),
        totals=counts(found.summary.outcomes),
        became=counts(found.summary.became),
        finished=found.end.how is Ending.COMPLETE,
        meaning=[(each, _MEANING[each]) for each in Outcome if found.summary.outcomes[each]],
        tone=TONES,
        came_to=came_to,
        changed=told,
        made=Became.MADE,
        counts=counts,
        counted=counted,
    )


def _tiles(found: AppliedDocument) -> tuple[Tile, ...]:
    became = found.summary.became
    wrong = became[Became.IN_DOUBT] + became[Became.PARTLY_MADE] + became[Became.NOT_MADE]
    return (
        Tile("grave", wrong, "changes not made, partly made or in doubt"),
        Tile("open", became[Became.UNDONE], "made and undone"),
        Tile("blind", became[Became.NOT_SENT], "not sent"),
        Tile("well", became[Became.MADE], "made"),
    )


def _headline(found: AppliedDocument) -> Iterator[str]:
    summary = found.summary
    hosts = counted(summary.hosts, "server")
    if found.end.how is not Ending.COMPLETE:
        yield "The run did not come to its end."
    yield f"{summary.became[Became.MADE]} of {counted(summary.changes, 'change')} made."
    if undone := summary.became[Became.UNDONE]:
        yield f"{undone} made and undone."
    for outcome, said in (
        (Outcome.UNKNOWN, "in a state that is not known"),
        (Outcome.FAILED, "failed"),
        (Outcome.REFUSED, "refused: not as it was when the plan was made"),
        (Outcome.UNREACHABLE, "not reached"),
        (Outcome.ROLLED_BACK, "rolled back"),
    ):
        if count := summary.outcomes[outcome]:
            yield f"{count} of {hosts} {said}."
    if found.untouched:
        yield f"On {counted(len(found.untouched), 'server')} with planned changes nothing was changed."


def _is_of_note(host: AppliedHostMember) -> bool:
    """Whether its steps have something to tell that its row does not."""
    return bool(host.open_ends) or TONES[host.outcome] in ("grave", "open")
