"""What hashes, places, names, gaps and times come to, whatever a file holds."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, KnownGood
from playbooks.catalogue.tables import HashList, Release
from playbooks.investigating.rules import rules
from playbooks.investigating.webshells import Grade, WebFile
from tests.playbooks.investigating.servers import EXCHANGE, LATER_BUILD, LISTED_BUILD, SHIPPED, file, ids, judged
from tests.playbooks.investigating.techniques import said

ROWS = SHIPPED.tables.known_good.rows
BAD = next(iter(SHIPPED.tables.known_bad))
AUTH = f"{EXCHANGE}\\FrontEnd\\HttpProxy\\owa\\auth"
PLAIN = "<html><body>nothing</body></html>"
SHA256 = hashlib.sha256(PLAIN.encode()).hexdigest()
builds = st.sampled_from(sorted({row.first for row in ROWS} | {row.last for row in ROWS} | {LATER_BUILD})) | st.none()


def with_own(path: str, content: str, build: Build = LISTED_BUILD) -> Catalogue:
    """The catalogue, where some content is what Microsoft published of a page."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    row = KnownGood(path, sha256, build, build, 1, "tests", "MIT")
    return replace(SHIPPED, tables=replace(SHIPPED.tables, known_good=HashList.of((*ROWS, row))))


@given(st.sampled_from(ROWS), builds, st.binary(max_size=20), st.booleans())
def test_no_place_of_a_page_of_exchange_is_above_unknown(
    row: KnownGood, build: Build | None, data: bytes, upper: bool
) -> None:
    """Whatever its bytes and the server's build, and whether its content came or not."""
    path = f"{EXCHANGE}\\{row.path}"
    path = path.upper() if upper else path
    hashed = WebFile(path, 20, hashlib.sha256(data).hexdigest())
    for each in (hashed, file(path, PLAIN), WebFile(path, 20)):
        (verdict,) = judged(each, build=build)
        assert verdict.verdict is Grade.UNKNOWN, verdict.reasons


@given(st.sampled_from(ROWS), st.booleans())
def test_a_page_of_exchange_is_baseline_by_its_hash_at_its_place_for_its_build(row: KnownGood, last: bool) -> None:
    (verdict,) = judged(
        WebFile(f"{EXCHANGE}\\{row.path}", 20, row.sha256.upper()), build=row.last if last else row.first
    )
    assert verdict.verdict is Grade.BASELINE
    (reason,) = (each for each in verdict.reasons if each.id == "known-good")
    assert reason.licence == "MIT"
    assert "by the server's own word" in reason.text


@given(st.sampled_from(ROWS))
def test_the_same_bytes_are_not_baseline_elsewhere_or_for_another_build(row: KnownGood) -> None:
    for path, build in (
        (f"D:\\{row.path}", row.first),
        (f"{EXCHANGE}\\x{row.path}", row.first),
        (f"{EXCHANGE}\\{row.path}", LATER_BUILD),
        (f"{EXCHANGE}\\{row.path}", None),
    ):
        (verdict,) = judged(WebFile(path, 20, row.sha256), build=build)
        assert verdict.verdict is not Grade.BASELINE
        assert ids(verdict) & {"known-good.elsewhere", "known-good.other-build"}


@given(st.sampled_from(ROWS), st.sampled_from(SHIPPED.releases))
def test_a_build_of_which_nothing_is_listed_has_no_baseline(row: KnownGood, release: Release) -> None:
    """Though its number lies between two of a row: a row spans products, and updates that came out later."""
    (verdict,) = judged(WebFile(f"{EXCHANGE}\\{row.path}", 20, row.sha256), build=release.build)
    covered = row.is_of(release.build) and release.build in SHIPPED.builds_of_pages
    others = any(
        each.is_of(release.build) and release.build in SHIPPED.builds_of_pages
        for each in SHIPPED.known_good(row.sha256)
        if each.path.casefold() == row.path.casefold()
    )
    assert (verdict.verdict is Grade.BASELINE) == (covered or others)


def test_bytes_that_came_are_believed_and_not_the_hash_that_was_said() -> None:
    good = with_own("FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx", PLAIN)
    honest = file(f"{AUTH}\\logon.aspx", PLAIN, sha256=SHA256)
    (verdict,) = judged(honest, catalogue=good)
    assert (verdict.verdict, verdict.sha256) == (Grade.BASELINE, SHA256)
    for lie in (
        file(f"{AUTH}\\logon.aspx", PLAIN + " ", sha256=SHA256),
        replace(honest, size=honest.size + 1),
        replace(file(f"{AUTH}\\logon.aspx", PLAIN * 2, sha256=SHA256), size=3, cut=True),
    ):
        (verdict,) = judged(lie, catalogue=good)
        assert verdict.verdict is Grade.SUSPICIOUS
        assert ids(verdict) & {"contradicted.hash", "contradicted.size"}


def test_a_file_that_came_in_part_is_baseline_by_its_whole_hash_alone() -> None:
    good = with_own("FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx", PLAIN)
    part = replace(file(f"{AUTH}\\logon.aspx", PLAIN[:5], sha256=SHA256, cut=True), size=len(PLAIN))
    assert judged(part, catalogue=good)[0].verdict is Grade.BASELINE
    (verdict,) = judged(replace(part, sha256=""), catalogue=good)
    assert verdict.verdict is Grade.UNKNOWN
    assert {"not-seen.cut", "not-seen.hash"} <= ids(verdict)


def test_what_came_of_a_page_counts_whatever_hash_was_said_of_the_whole() -> None:
    shell = '<%@ Page Language="JScript"%><%eval(Request["x"],"unsafe")%>'
    good = with_own("FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx", PLAIN)
    part = replace(file(f"{AUTH}\\logon.aspx", shell, sha256=SHA256, cut=True), size=5000)
    assert judged(part, catalogue=good)[0].verdict is Grade.MALICIOUS


@given(st.sampled_from(["said", "came"]), st.sampled_from([AUTH, "D:\\shop", f"{EXCHANGE}\\ClientAccess\\ecp"]))
def test_bytes_that_are_published_as_malicious_are_malicious_wherever_they_lie(how: str, folder: str) -> None:
    written = WebFile(f"{folder}\\logon.aspx", 5, BAD.sha256)
    if how == "came":
        written = replace(written, content=b"other", cut=False)
    (verdict,) = judged(written)
    assert verdict.verdict is Grade.MALICIOUS
    assert verdict.reasons[0].id == "known-bad"
    assert verdict.reasons[0].licence == BAD.licence
    assert BAD.author in verdict.reasons[0].text


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (f"{AUTH}\\RedirSuiteServerProxy.aspx", "location.owa-auth"),
        (f"{AUTH}\\TimeoutLogout.aspx", "location.imitation"),
        (f"{AUTH}\\Current\\logon.aspx", "location.owa-auth-below"),
        (f"{AUTH}\\15.1.2176.9\\themes\\errorFE.aspx", "location.owa-auth-below"),
        (f"{EXCHANGE}\\FrontEnd\\HttpProxy\\ecp\\auth\\logon.aspx", "location.ecp-auth"),
        (f"{EXCHANGE}\\FrontEnd\\HttpProxy\\ews\\x.asmx", "location.proxy-protocol"),
        (f"{EXCHANGE}\\FrontEnd\\HttpProxy\\ews\\bin\\x.ashx", "location.proxy"),
        (f"{EXCHANGE}\\ClientAccess\\OAB\\log.aspx", "location.oab"),
        (f"{EXCHANGE}\\ClientAccess\\Owa\\auth\\errorFE.aspx", "location.back-owa-auth"),
        (f"{EXCHANGE}\\ClientAccess\\exchweb\\ews\\Exchange2.asmx", "location.ews"),
        (f"{EXCHANGE}\\ClientAccess\\ecp\\Handlers\\Other.ashx", "location.not-of-exchange"),
        (f"{EXCHANGE}\\Logging\\x.aspx", "location.outside-web-folders"),
        ("C:\\inetpub\\wwwroot\\aspnet_client\\discover.aspx", "location.aspnet-client"),
        ("D:\\site\\aspnet_client\\system_web\\4_0_30319\\x.ashx", "location.aspnet-client"),
        ("C:\\ProgramData\\COM1\\x.aspx", "location.hidden-place"),
        ("\\\\?\\C:\\ProgramData\\AUX\\x.aspx", "location.hidden-place"),
        ("C:\\Users\\All Users\\x.aspx", "location.hidden-place"),
        ("C:\\Windows\\Temp\\x.asp", "location.hidden-place"),
        ("D:\\shop\\logo.gif:x.aspx", "location.stream"),
        ("D:\\shop\\x.aspx.", "location.hidden-name"),
        ("D:\\shop\\x\u202exsa.aspx", "location.hidden-name"),
        ("D:\\shop\\OutlookCN.aspx", "location.imitation"),
    ],
)
def test_a_page_where_none_belongs_is_suspicious_by_its_place_alone(path: str, reason: str) -> None:
    for each in (file(path, PLAIN), WebFile(path, 20, SHA256)):
        (verdict,) = judged(each)
        assert verdict.verdict is Grade.SUSPICIOUS
        assert reason in ids(verdict)


def test_in_wwwroot_a_page_is_suspicious_unless_it_only_redirects_or_has_an_application() -> None:
    path = "C:\\inetpub\\wwwroot\\default.aspx"
    code = "<% Response.Write(DateTime.Now); %>"
    redirect = '<%@ Page Language="C#"%><script runat="server">protected void Page_Load(object s, EventArgs e)'
    assert judged(file(path, code))[0].verdict is Grade.SUSPICIOUS
    assert judged(file(path, redirect + '{ Response.Redirect("/owa"); }</script>'))[0].verdict is Grade.UNKNOWN
    assert judged(file(path, redirect + '{ Response.Redirect(Request["u"]); }</script>'))[0].verdict is Grade.SUSPICIOUS
    of_application = judged(file(path, code), file("C:\\inetpub\\wwwroot\\Global.asax", "<%@ Application %>"))
    assert of_application[0].verdict is Grade.UNKNOWN


def test_a_new_page_of_a_later_build_is_unknown_and_none_of_a_listed_one() -> None:
    page = file(f"{EXCHANGE}\\ClientAccess\\ecp\\New\\Page.aspx", PLAIN)
    assert judged(page)[0].verdict is Grade.SUSPICIOUS
    (verdict,) = judged(page, build=LATER_BUILD)
    assert verdict.verdict is Grade.UNKNOWN
    assert "location.not-listed" in ids(verdict)


def test_a_changed_page_that_is_younger_than_its_neighbours_is_suspicious() -> None:
    good = with_own("FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx", PLAIN)
    own = file(f"{AUTH}\\logon.aspx", PLAIN, created="2021-02-01T10:00:00Z", modified="2021-02-01T10:00:00Z")
    changed = file(f"{AUTH}\\errorFE.aspx", "<p>x</p>", created="2021-02-01T10:00:00Z", modified="2021-03-05T10:00:00Z")
    first, second = judged(own, changed, catalogue=good)
    assert first.verdict is Grade.BASELINE
    assert second.verdict is Grade.SUSPICIOUS
    assert {"known-good.altered", "age.younger"} <= ids(second)
    # An old time is no proof of anything.
    assert judged(own, replace(changed, modified="2001-01-01T00:00:00Z"), catalogue=good)[1].verdict is Grade.UNKNOWN


@given(
    st.text(max_size=60),
    st.binary(max_size=60) | st.none(),
    st.text(max_size=70),
    st.text(max_size=30),
    st.integers(-2, 70),
    st.booleans(),
    builds,
)
def test_whatever_a_server_says_of_a_file_it_is_judged_and_never_baseline(
    path: str, content: bytes | None, sha256: str, time: str, size: int, cut: bool, build: Build | None
) -> None:
    (verdict,) = judged(WebFile(path, size, sha256, content, cut, time, time), build=build)
    assert verdict.verdict is not Grade.BASELINE
    assert verdict.reasons
    assert verdict.path == path


def test_every_rule_says_what_it_finds_where_that_is_from_and_what_else_could_have_it() -> None:
    assert len({rule.id for rule in rules().values()}) == len(rules())
    for rule in rules().values():
        assert rule.id.startswith("content.")
        assert rule.grade in (Grade.MALICIOUS, Grade.SUSPICIOUS, Grade.UNKNOWN)
        assert min(len(rule.what), len(rule.reference), len(rule.false_positives)) > 8


def test_the_server_s_own_configuration_has_filters_and_is_no_web_config() -> None:
    filter_ = '<filter name="x" path="C:\\x\\owaauth.dll" />'
    filters = f"<system.webServer><isapiFilters>{filter_}</isapiFilters></system.webServer>"
    host = f"<configuration><system.applicationHost><sites /></system.applicationHost>{filters}</configuration>"
    path = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
    assert judged(file(path, host))[0].verdict is Grade.UNKNOWN
    (verdict,) = judged(file("D:\\shop\\web.config", f"<configuration>{filters}</configuration>"))
    assert ids(verdict) == {"config.filter"}


TAKING = '<%\nx = Request("c")\n%><!-- #include file="lib\\run.inc" --><!--#INCLUDE virtual="/shared/menu.inc"-->'


def test_what_a_page_takes_in_and_did_not_come_is_told() -> None:
    """Code may be parted over files, of which one is named as none that runs."""
    (verdict,) = judged(file("D:\\sites\\shop\\a.asp", TAKING))
    assert verdict.verdict is Grade.UNKNOWN
    (reason,) = verdict.reasons
    assert (reason.id, "lib\\run.inc, /shared/menu.inc" in reason.text) == ("not-seen.include", True)


def test_what_a_page_takes_in_and_came_is_judged_for_itself() -> None:
    run = said("<%«stopvbs»«do» x\n%>")
    found = judged(
        file("D:\\sites\\shop\\a.asp", TAKING),
        file("D:\\sites\\shop\\lib\\run.inc", run),
        file("D:\\sites\\shared\\menu.inc", "<% Response.Write Now %>"),
    )
    assert [each.verdict for each in found] == [Grade.UNKNOWN, Grade.SUSPICIOUS, Grade.UNKNOWN]
    assert [ids(each) for each in found] == [{"not-known"}, {"content.made-code"}, {"not-known"}]


def test_a_page_that_takes_in_very_many_is_told_as_not_seen_whole() -> None:
    many = "".join(f'<!--#include file="{number}.inc"-->' for number in range(101))
    here = [file(f"D:\\sites\\shop\\{number}.inc", "x") for number in range(101)]
    page, *_ = judged(file("D:\\sites\\shop\\a.asp", f"<% Response.Write Now %>{many}"), *here)
    assert "not-seen.include" in ids(page)
