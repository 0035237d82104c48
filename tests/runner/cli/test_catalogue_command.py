"""`exrun catalogue`, and own rows beside the catalogue, as somebody at a terminal sees them."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.catalogue.sets import counts_of
from runner.catalogues import info
from runner.cli import catalogue
from runner.reports import json as json_report
from tests.runner.catalogues.signed_sets import NEWER_ROW, signed_set, tables
from tests.runner.cli.conftest import CommandLine
from tests.runner.signatures.keyring import ed25519

SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas"
SHIPPED = Catalogue.load()
LATER = SHIPPED.as_of + timedelta(days=20)
KEY = ed25519()
ROWS = sum(counts_of(SHIPPED.tables).values())
OWN_ROWS = "campaign,product,cu,min_build,cves\nours-2026,SE,RTM,15.2.2562.56,CVE-2026-99001\n"


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The clock of the commands, a day after LATER."""
    now = datetime(LATER.year, LATER.month, LATER.day, 12, tzinfo=UTC) + timedelta(days=1)
    monkeypatch.setattr(catalogue, "_now", lambda: now)
    return now


@pytest.fixture
def own(exrun: CommandLine) -> Path:
    folder = exrun.folder / "our-rows"
    folder.mkdir()
    (folder / "minimum-builds.csv").write_text(OWN_ROWS)
    return folder


@pytest.fixture
def ssh_keygen() -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        pytest.skip("NO SSH-KEYGEN: install OpenSSH's client; nothing is signed by it")
    return found


def update(exrun: CommandLine, *arguments: str) -> tuple[int, str, str]:
    (exrun.folder / "allowed_signers").write_text(f"ops@alpha.example {KEY.line}\n")
    return exrun("catalogue", "update", "newer", "--signers", "allowed_signers", *arguments)


def test_info_says_how_old_the_catalogue_is_and_what_it_knows(exrun: CommandLine, today: datetime) -> None:
    status, out, _ = exrun("catalogue", "info")
    assert status == 0
    assert f"Catalogue as of {SHIPPED.as_of}, 21 days old: current (after 35 days an update may be missed)" in out
    assert "From the set that this version of exrun ships" in out
    for name in (*SHIPPED.campaigns, "2019 CU15", "ended 2026-10-31", "CVE-2026-42897*"):
        assert name in out
    for row in SHIPPED.tables.fixes:
        assert row.source in out


@pytest.mark.parametrize(
    ("days", "said"), [(36, "aged, an update may be missed"), (121, "too old, for more than 120 days"), (-1, "by this")]
)
def test_info_says_when_a_catalogue_is_too_old(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch, days: int, said: str
) -> None:
    midnight = datetime(SHIPPED.as_of.year, SHIPPED.as_of.month, SHIPPED.as_of.day, tzinfo=UTC)
    monkeypatch.setattr(catalogue, "_now", lambda: midnight + timedelta(days=days))
    _, out, _ = exrun("catalogue", "info")
    assert said in out.splitlines()[0]


def test_info_for_programs_is_one_object_of_the_published_schema(
    exrun: CommandLine, own: Path, today: datetime
) -> None:
    signed_set(exrun.folder / "newer", KEY, LATER, more=NEWER_ROW)
    update(exrun)
    status, out, _ = exrun("catalogue", "info", "--catalogue", str(own), "--format", "json")
    members: dict[str, Any] = json.loads(out)
    assert status == 0
    assert info.InfoDocument.model_validate_json(out)
    assert (SCHEMAS / "catalogue-info.json").read_text(encoding="utf-8") == info.schema_text()
    assert (members["as_of"], members["age"]["days"], members["age"]["state"]) == (str(LATER), 1, "current")
    assert (members["set"]["kind"], members["set"]["signed"]["by"]) == ("installed", "ops@alpha.example")
    assert members["own"] == "our-rows"
    assert {table["name"]: table["own"] for table in members["tables"]}["minimum-builds"] == 1
    newest = {(each["product"], each["cu"]): each["update"] for each in members["newest"]}
    assert newest["SE", "RTM"] == "Dec26SU"
    assert ("2019", "CU14") in newest
    assert "ours-2026" in [campaign["name"] for campaign in members["campaigns"]]
    assert {row["product"]: row["supported"] for row in members["support"]}["2019"] is False


def test_a_newer_set_is_taken_used_and_given_up_again(exrun: CommandLine, today: datetime) -> None:
    signed_set(exrun.folder / "newer", KEY, LATER, more=NEWER_ROW)
    status, out, _ = update(exrun)
    assert status == 0
    assert out == f"catalogue as of {LATER} is in use, signed by ops@alpha.example ({KEY.public.fingerprint})\n"
    _, out, _ = exrun("catalogue", "info")
    assert f"signed by ops@alpha.example ({KEY.public.fingerprint}), taken {today:%Y-%m-%d %H:%M} UTC" in out
    assert f"(this version of exrun ships a set of {SHIPPED.as_of})" in out
    status, _, err = update(exrun)
    assert status == 2
    assert "it is not newer. Take a newer one; --allow-older takes this one all the same." in err
    assert update(exrun, "--allow-older")[0] == 0
    assert f"TAKEN ALTHOUGH a set of {LATER} was in use" in exrun("catalogue", "info")[1]
    assert exrun("catalogue", "reset")[1] == "the shipped catalogue is in use\n"
    assert "From the set that this version of exrun ships" in exrun("catalogue", "info")[1]


def test_a_refused_signature_says_why_and_what_to_do(exrun: CommandLine, today: datetime) -> None:
    signed_set(exrun.folder / "newer", ed25519(), LATER)
    status, _, err = update(exrun)
    assert status == 2
    assert "exrun: newer: its signature is refused: it was made with the key SHA256:" in err
    assert "Ask who made it for their public key, over another way" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"ops", "allowed_signers:1: has no principal, or no key. Correct the line"),
        (b"\xff\xfe", "allowed_signers: cannot be read: it is not UTF-8"),
        (None, "allowed_signers: cannot be read: No such file or directory"),
    ],
)
def test_a_list_of_signers_that_cannot_be_read_is_named(exrun: CommandLine, text: bytes | None, said: str) -> None:
    signed_set(exrun.folder / "newer", KEY, LATER)
    if text is not None:
        (exrun.folder / "allowed_signers").write_bytes(text)
    status, _, err = exrun("catalogue", "update", "newer", "--signers", "allowed_signers")
    assert status == 2
    assert said in err


def test_what_pack_makes_and_ssh_keygen_signs_is_taken(exrun: CommandLine, today: datetime, ssh_keygen: str) -> None:
    subprocess.run([ssh_keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(exrun.folder / "id")], check=True)
    (exrun.folder / "tables").mkdir()
    for name, data in tables(NEWER_ROW).items():
        (exrun.folder / "tables" / name).write_bytes(data)
    packing = ("catalogue", "pack", "out", "--from", "tables", "--as-of", str(LATER))
    status, out, _ = exrun(*packing, "--sign", "id")
    assert status == 0
    assert f"out: {ROWS + 1} rows as of {LATER}\nsigned with SHA256:" in out
    assert sorted(path.name for path in (exrun.folder / "out").iterdir()) == [
        *("builds.csv", "campaigns.csv", "catalogue.json", "catalogue.json.sig", "known-bad-sha256.csv"),
        *("minimum-builds.csv", "support.csv", "web-pages-known-good.csv"),
    ]
    (exrun.folder / "allowed_signers").write_text(f"ops {(exrun.folder / 'id.pub').read_text()}")
    assert exrun("catalogue", "update", "out", "--signers", "allowed_signers")[0] == 0
    assert "out is there already" in exrun(*packing)[2]
    # What is in use is what pack makes a set of, where nothing else is named.
    assert f"rows as of {LATER}" in exrun("catalogue", "pack", "again", "--as-of", str(LATER))[1]
    assert (exrun.folder / "again" / "builds.csv").read_bytes() == tables(NEWER_ROW)["builds.csv"]
    status, _, err = exrun("catalogue", "pack", "third", "--as-of", str(LATER), "--sign", "missing")
    assert status == 2
    assert "ssh-keygen did not sign with missing" in err
    assert not (exrun.folder / "third").exists()


def test_without_ssh_keygen_pack_says_how_to_sign_elsewhere(
    exrun: CommandLine, today: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    status, _, err = exrun("catalogue", "pack", "out", "--as-of", str(LATER), "--sign", "id")
    assert status == 2
    assert "there is no ssh-keygen on this machine. Install OpenSSH's client. Or sign by hand where the key is" in err
    status, out, _ = exrun("catalogue", "pack", "out", "--as-of", str(LATER))
    assert status == 0
    assert "not signed: ssh-keygen -Y sign -n exrun-catalogue -f KEY out/catalogue.json" in out


def test_pack_refuses_a_day_that_has_not_come_and_tables_that_are_wrong(exrun: CommandLine, today: datetime) -> None:
    _, _, err = exrun("catalogue", "pack", "out", "--as-of", "2033-01-01")
    assert "--as-of 2033-01-01 has not come yet" in err
    (exrun.folder / "tables").mkdir()
    for name, data in tables("SE,RTM,Dec26SU,15.2.2700.1,2026-12-08,,public,,x\n").items():
        (exrun.folder / "tables" / name).write_bytes(data)
    status, _, err = exrun("catalogue", "pack", "out", "--from", "tables", "--as-of", str(LATER))
    assert status == 2
    assert "tables/builds.csv:" in err
    assert "contradicts" in err
    assert not (exrun.folder / "out").exists()


# Own rows in an audit


def test_an_audit_says_everywhere_that_own_rows_judged_too(exrun: CommandLine, own: Path) -> None:
    _, out, _ = exrun.audit("--limit", "client:alpha", "--catalogue", str(own), "--html", "audit.html", "--details")
    said = f"as of {SHIPPED.as_of}, with 1 own row of our-rows"
    assert f"catalogue {said};" in out
    assert f"by tables {said}" in (exrun.folder / "audit.html").read_text()
    (journal,) = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    started = json.loads(journal.read_text().splitlines()[0])["data"]["catalogue"]
    assert started == {
        "as_of": str(SHIPPED.as_of),
        "age_days": 0,
        "sha256": Catalogue.load(own).digest,
        "set": "shipped",
        "manifest": SHIPPED.origin.manifest,
        "signed": None,
        "own": {
            "folder": "our-rows",
            "rows": {
                "builds": 0,
                "campaigns": 0,
                "minimum-builds": 1,
                "support": 0,
                "known-bad-sha256": 0,
                "web-pages-known-good": 0,
            },
        },
    }
    assert started["sha256"] != SHIPPED.digest
    # From the journal alone, the same.
    assert exrun("report", "last")[1] == out
    assert exrun("report", "last", "-f", "html")[1] == (exrun.folder / "audit.html").read_text()
    assert f"catalogue {said}" in exrun("show", "last")[1]
    members = json.loads(exrun("report", "last", "-f", "json")[1])
    assert members["catalogue"]["own"] == {"folder": "our-rows", "rows": 1}
    assert json_report.AuditDocument.model_validate(members)


def test_an_audit_records_who_signed_the_catalogue(exrun: CommandLine, today: datetime) -> None:
    signed_set(exrun.folder / "newer", KEY, LATER, more=NEWER_ROW)
    update(exrun)
    _, out, _ = exrun.audit("--limit", "client:alpha")
    assert f"catalogue as of {LATER};" in out
    (journal,) = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    started = json.loads(journal.read_text().splitlines()[0])["data"]["catalogue"]
    assert (started["set"], started["as_of"]) == ("installed", str(LATER))
    assert started["signed"] == {
        "by": "ops@alpha.example",
        "key": KEY.public.fingerprint,
        "taken": today.isoformat(),
    }
    assert f"as of {LATER}, signed by ops@alpha.example ({KEY.public.fingerprint})" in exrun("show", "last")[1]


@pytest.mark.parametrize("harm", ["own", "installed"])
def test_nothing_is_sent_where_a_table_is_wrong(exrun: CommandLine, own: Path, today: datetime, harm: str) -> None:
    signed_set(exrun.folder / "newer", KEY, LATER, more=NEWER_ROW)
    update(exrun)
    if harm == "own":
        (own / "minimum-builds.csv").write_text(OWN_ROWS.replace("RTM", "RTMM"))
        said = "our-rows/minimum-builds.csv:2:14: cu: is not a cumulative update"
    else:
        (builds,) = exrun.folder.glob(".exrun/catalogue/sets/*/builds.csv")
        builds.write_text(builds.read_text() + "#")
        said = "/builds.csv:1:1: is not what catalogue.json names"
    status, out, err = exrun.audit("--catalogue", "our-rows")
    assert (status, out) == (2, "")
    assert said in err
    assert "nothing was sent" in err
    assert exrun.transports == {}


def test_a_campaign_of_own_rows_can_be_asked_for(exrun: CommandLine, own: Path) -> None:
    asked = ("playbook", "show", "exchange-audit", "--param", "campaign=ours-2026")
    status, _, err = exrun(*asked)
    assert status == 2
    assert "campaign" in err
    assert exrun(*asked, "--catalogue", "our-rows")[0] == 0
    (exrun.folder / "own.yml").write_text(
        "name: own\ntitle: Ours alone\n"
        "steps:\n  - id: patch\n    action: exchange.patch\n    with: {campaign: ours-2026}\n"
    )
    assert exrun("playbook", "lint", "own.yml")[0] == 2
    assert exrun("playbook", "lint", "own.yml", "--catalogue", "our-rows")[0] == 0


# Hashes

BAD = "b75f163ca9b9240bf4b37ad92bc7556b40a17e27c2b8ed5c8991385fe07d17d0"
NOT_LISTED = "0" * 64


def test_a_known_bad_hash_is_shown_with_all_that_its_licence_asks_for(exrun: CommandLine) -> None:
    row = SHIPPED.known_bad(BAD)
    assert row is not None
    bad, good = len(SHIPPED.tables.known_bad), len(SHIPPED.tables.known_good)
    listed = f"{bad} bad files, {good} pages of Exchange, catalogue of {SHIPPED.as_of}"
    status, out, _ = exrun("catalogue", "find", NOT_LISTED, BAD.upper(), BAD)
    assert status == 1
    assert out.splitlines() == [
        f"{NOT_LISTED}  in no list ({listed}), which proves nothing of it",
        f"{BAD}  KNOWN BAD: {row.what}",
        f"  source   {row.source}",
        f"  licence  {row.licence}",
        f"  author   {row.author}",
        f"  url      {row.url}",
    ]


def test_a_page_of_exchange_is_named_with_its_places_and_builds(exrun: CommandLine) -> None:
    page = next(row for row in SHIPPED.tables.known_good if len(SHIPPED.known_good(row.sha256)) > 1)
    pages = SHIPPED.known_good(page.sha256)
    status, out, _ = exrun("catalogue", "find", page.sha256.upper())
    assert (status, out.splitlines()) == (
        0,
        [
            f"{page.sha256}  a page of Exchange, at these places of these builds alone",
            *(f"  page     {each.path}, builds {each.first} to {each.last}" for each in pages),
            f"  source   {page.source}",
            f"  licence  {page.licence}",
        ],
    )


def test_a_hash_of_no_list_is_no_finding(exrun: CommandLine) -> None:
    status, out, _ = exrun("catalogue", "find", NOT_LISTED)
    assert (status, "KNOWN BAD" in out) == (0, False)


def test_own_hashes_are_found_and_counted(exrun: CommandLine, own: Path) -> None:
    (own / "known-bad-sha256.csv").write_text(f"sha256,source,what,licence\n{NOT_LISTED},ticket 12,a page,ours\n")
    status, out, _ = exrun("catalogue", "find", NOT_LISTED, "--catalogue", str(own))
    assert (status, out.splitlines()[1:]) == (1, ["  source   ticket 12", "  licence  ours"])
    _, out, _ = exrun("catalogue", "info", "--catalogue", str(own))
    rows = len(SHIPPED.tables.known_bad) + 1
    assert f"  known-bad-sha256  {rows} rows, with 1 own, under BSD-2-Clause, DRL 1.1, MIT, ours" in out.splitlines()


@pytest.mark.parametrize("text", ["d41d8cd98f00b204e9800998ecf8427e", "0" * 63 + "\u0660", "0" * 65, "\x1b[2J"])
def test_what_is_no_sha256_is_refused(exrun: CommandLine, text: str) -> None:
    status, out, err = exrun("catalogue", "find", BAD, text)
    assert (status, out) == (2, "")
    assert "is no SHA-256. Give the SHA-256 of a file's bytes: 64 hexadecimal digits." in err
    assert "\x1b" not in err


def test_a_newer_set_brings_its_hashes(exrun: CommandLine, today: datetime) -> None:
    assert exrun("catalogue", "find", NOT_LISTED)[0] == 0
    hashes = f"{NOT_LISTED},a page,next month,MIT,somebody,https://rules.example\n"
    signed_set(exrun.folder / "newer", KEY, LATER, more=NEWER_ROW, hashes=hashes)
    assert update(exrun)[0] == 0
    status, out, _ = exrun("catalogue", "find", NOT_LISTED)
    assert (status, "  source   next month" in out.splitlines()) == (1, True)
