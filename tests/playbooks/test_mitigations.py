"""Mitigations by rules: any configuration is judged, and no rule that is dropped or changed reassures."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.mitigation.powershell_inbound.assess import assess
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Verdict
from playbooks.observation import Observed
from playbooks.values import Record

CATALOGUE, TODAY = Catalogue.load(), date(2026, 11, 28)
EXCHANGE = "C:\\Program Files\\Microsoft\\Exchange Server\\V15"
PROXY = f"{EXCHANGE}\\FrontEnd\\HttpProxy"
GOOD = (
    '<rule name="{}"><match url=".*" /><conditions>'
    '<add input="{{UrlDecode:{{REQUEST_URI}}}}" pattern="(?=.*autodiscover)(?=.*powershell)" />'
    '</conditions><action type="AbortRequest" /></rule>'
)
# Each takes a rule from its work wherever it stands.
BROKEN = (
    ("<rule ", '<rule enabled="false" '),
    ("<rule ", '<rule patternSyntax="Wildcard" '),
    ('url=".*"', 'url="x"'),
    ('url=".*"', 'url=".*" negate="true"'),
    ("AbortRequest", "None"),
    ("autodiscover", "autodiscover\\.json"),
    ("UrlDecode:", "UrlEncode:"),
    ("powershell", "powershe11"),
    ("<add ", '<add negate="true" '),
    ("<add ", '<add ignoreCase="false" '),
    ("</conditions>", '<add input="{REMOTE_ADDR}" pattern="^1" /></conditions>'),
)
HOST = f"""<configuration><system.applicationHost><sites><site name="Default Web Site">
<application path="/"><virtualDirectory path="/" physicalPath="C:\\inetpub\\wwwroot" /></application>
<application path="/Autodiscover"><virtualDirectory path="/" physicalPath="{PROXY}\\autodiscover" />
</application></site></sites></system.applicationHost>
<system.webServer><globalModules><add name="RewriteModule" /></globalModules>
<modules><add name="RewriteModule" /></modules></system.webServer>{{}}</configuration>"""
PLACES = (
    "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config",
    "C:\\inetpub\\wwwroot\\web.config",
    f"{EXCHANGE}\\FrontEnd\\HttpProxy\\autodiscover\\web.config",
)


def rules(*held: str) -> str:
    return f"<system.webServer><rewrite><rules>{''.join(held)}</rules></rewrite></system.webServer>"


def judged(host: str, site: str, application: str) -> Assessment:
    """The assessment of a server whose files have this in them."""
    texts = (
        HOST.format(host),
        f"<configuration>{site}</configuration>",
        f"<configuration>{application}</configuration>",
    )
    records: list[Record] = [
        {"Kind": "Server", "SystemDrive": "C:", "SystemRoot": "C:\\Windows"},
        {"Kind": "ExchangeSetup", "Present": True, "InstallPath": EXCHANGE},
        {"Kind": "EmergencyMitigation", "Present": False, "State": None, "StartMode": None},
        {"Kind": "ConfigFile", "Place": "C:\\Windows\\System32\\inetsrv\\config\\redirection.config", "Present": False},
    ]
    for place, text in zip(PLACES, texts, strict=True):
        lines = tuple(text.split("\n"))
        records.append({"Kind": "ConfigFile", "Place": place, "Present": True, "Size": len(text), "Lines": len(lines)})
        records.append({"Kind": "ConfigPiece", "Place": place, "Number": 0, "Lines": lines})
    return assess(Observed(tuple(records)), {}, CATALOGUE, TODAY)


BREAKING = st.sampled_from(BROKEN)
NAMES = st.sampled_from(["PowerShell - inbound", "EEMS M1.1 PowerShell - inbound", "exrun PowerShell - inbound", "x"])
DROPPING = st.sampled_from(["<clear />", '<remove name="a" />'])


def test_a_rule_that_is_whole_and_comes_to_requests_is_one() -> None:
    assert judged("", rules(GOOD.format("a")), "").verdict is Verdict.OK


@given(st.lists(st.tuples(BREAKING, NAMES), min_size=1, max_size=4, unique_by=lambda each: each[1]))
def test_no_rule_that_is_changed_in_one_thing_reassures(broken: list[tuple[tuple[str, str], str]]) -> None:
    held = [GOOD.format(name).replace(*how, 1) for how, name in broken]
    found = judged("", rules(*held), "")
    assert found.verdict is Verdict.ATTENTION
    assert found.facts["in_force"] is False


@given(st.sampled_from(["host", "site"]), DROPPING, st.sampled_from(["site", "location", "application", "below"]))
def test_no_rule_that_is_dropped_further_down_reassures(where: str, dropping: str, at: str) -> None:
    good = GOOD.format("a")
    host = f'<location path="Default Web Site">{rules(good)}</location>' if where == "host" else ""
    site = rules(good) if where == "site" else ""
    application = ""
    match at:
        case "site":
            site = rules(dropping) if where == "host" else rules(good, dropping)
        case "location":
            host += f'<location path="default web site/AUTODISCOVER">{rules(dropping)}</location>'
        case "application":
            application = rules(dropping)
        case _:
            host += f'<location path="Default Web Site/Autodiscover/autodiscover.json">{rules(dropping)}</location>'
    found = judged(host, site, application)
    assert found.verdict is Verdict.ATTENTION
    assert any(finding.id.endswith(".dropped") for finding in found.findings)


@given(st.text(st.sampled_from("<>/\"'= abrules.webServer"), max_size=60), st.integers(0, 2))
def test_any_text_is_judged_and_reassures_only_with_the_rule_in_it(text: str, at: int) -> None:
    texts = ["", "", ""]
    texts[at] = text
    assert judged(*texts).verdict is not Verdict.OK
