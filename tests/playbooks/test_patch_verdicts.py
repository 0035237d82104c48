"""What exchange.patch and exchange.version say of any build, against the rows of the catalogue."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.actions.exchange.patch.assess import assess as patch
from playbooks.actions.exchange.version.assess import assess as version
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import (
    Age,
    Catalogue,
    Kind,
    Known,
    NewerThanCatalogue,
    Patched,
    Undecided,
    Vulnerable,
)
from playbooks.findings import Assessment, Verdict
from playbooks.observation import Observed

CATALOGUE = Catalogue.load()
BUILDS = st.builds(
    lambda row, more: Build(row.build.major, row.build.minor, row.build.build, row.build.revision + more),
    st.sampled_from(CATALOGUE.releases),
    st.integers(min_value=-3, max_value=12).map(lambda more: max(more, 0)),
)
DAYS = st.dates(min_value=date(2021, 4, 1), max_value=CATALOGUE.as_of)
LATER = st.integers(min_value=0, max_value=400)


def observed(build: Build) -> Observed:
    """A Mailbox server on which every place agrees with this build."""
    kb = next(iter(sorted(CATALOGUE.kbs(build))), "KB9999999")
    names = ("ExSetup.exe", "Microsoft.Exchange.Data.dll", "Microsoft.Exchange.RpcClientAccess.Service.exe")
    files = [
        {"Kind": "Binary", "Name": name, "Path": f"C:\\{name}", "Exists": True, "FileVersion": str(build)}
        for name in names
    ]
    return Observed(
        (
            {"Kind": "ExchangeSetup", "Present": True, "InstallPath": "C:\\Exchange\\"},
            *files,
            {"Kind": "ExSetup", "Path": "C:\\Exchange\\Bin\\ExSetup.exe", "Exists": True, "FileVersion": str(build)},
            {"Kind": "ExchangeRole", "Name": "MailboxRole", "Present": True},
            {"Kind": "ExchangeRole", "Name": "EdgeTransportRole", "Present": False},
            {"Kind": "RoleState", "Name": "MailboxRole", "Action": None, "Watermark": None},
            {"Kind": "Update", "DisplayName": f"Security Update for Exchange Server ({kb})", "DisplayVersion": "1"},
        )
    )


def texts(assessment: Assessment) -> list[str]:
    """Every sentence of an assessment."""
    return [
        assessment.summary,
        *(text for finding in assessment.findings for text in (finding.title, *finding.evidence, finding.next)),
    ]


@settings(max_examples=300)
@given(BUILDS, DAYS, LATER)
def test_ok_is_said_of_the_newest_build_by_current_tables_alone(build: Build, day: date, later: int) -> None:
    catalogue, today = CATALOGUE.on(day), day + timedelta(days=later)
    said = patch(observed(build), {"campaign": "all"}, catalogue, today)
    states = [catalogue.fixed(name, build) for name in catalogue.campaigns]
    newest = isinstance(catalogue.identify(build), Known) and catalogue.behind(build) is None
    all_fixed = all(isinstance(state, Patched) for state in states)
    well = newest and all_fixed and catalogue.age(today) is not Age.STALE
    assert (said.verdict is Verdict.OK) == well
    if said.verdict is Verdict.OK:
        assert f"catalogue of {catalogue.as_of}" in said.summary
        assert said.findings == ()
    else:
        assert said.findings or isinstance(catalogue.identify(build), NewerThanCatalogue)


@settings(max_examples=300)
@given(BUILDS, DAYS)
def test_every_open_campaign_has_one_sentence_of_evidence_and_no_other_has(build: Build, day: date) -> None:
    catalogue = CATALOGUE.on(day)
    said = patch(observed(build), {"campaign": "all"}, catalogue, day)
    security = [name for name in catalogue.campaigns if catalogue.campaign(name).kind is Kind.SECURITY]
    states = {name: catalogue.fixed(name, build) for name in security}
    wanting = {name for name, state in states.items() if not isinstance(state, Patched | Undecided)}
    if said.verdict is Verdict.UNKNOWN:
        assert not wanting
        return
    assert set(said.facts["open"]) == wanting  # type: ignore[arg-type]
    for finding in said.findings:
        if finding.id not in ("exchange.patch.vulnerable", "exchange.patch.needs-cu"):
            continue
        now = finding.id.endswith("vulnerable")
        told = [line.split(" ")[0].rstrip(":") for line in finding.evidence[1:]]
        assert sorted(told) == sorted(name for name in wanting if isinstance(states[name], Vulnerable) == now)


@settings(max_examples=300)
@given(BUILDS, DAYS)
def test_a_build_below_the_newest_of_its_cu_is_said_to_be_behind_it(build: Build, day: date) -> None:
    catalogue = CATALOGUE.on(day)
    behind = catalogue.behind(build)
    said = version(observed(build), {}, catalogue, day)
    ids = [finding.id for finding in said.findings]
    assert ("exchange.version.behind" in ids) == (behind is not None)
    if behind is not None:
        assert said.verdict in (Verdict.BEHIND, Verdict.OUT_OF_SUPPORT)
        assert behind.newest.update in said.summary
        assert str(behind.newest.build) in next(each for each in said.findings if each.id.endswith("behind")).next


@settings(max_examples=300)
@given(BUILDS, DAYS)
def test_that_no_fix_was_made_is_never_said_without_a_row(build: Build, day: date) -> None:
    catalogue = CATALOGUE.on(day)
    for said in (
        patch(observed(build), {"campaign": "all"}, catalogue, day),
        version(observed(build), {}, catalogue, day),
    ):
        assert not [text for text in texts(said) if "made no fix" in text or "no fix was made" in text]
