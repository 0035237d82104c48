"""What IIS answers on loopback in the lab: worked out of its configuration and the files; the shim answers the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pytest
from psrpcore.types import PSInvocationState

from playbooks.parts import assembled
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.state import FileState, HostState, LiveState, WebState
from runner.lab.web import recycled, status
from tests.runner.lab.engines.client import Client

CONFIG = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
OWA = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\owa"
SITES = f"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <system.applicationHost>
    <applicationPools><add name="MSExchangeOWAAppPool" /><add name="DefaultAppPool" /></applicationPools>
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/" applicationPool="MSExchangeOWAAppPool">
          <virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" />
          <virtualDirectory path="/x" physicalPath="%windir%\\x" />
        </application>
        <application path="/owa" applicationPool="MSExchangeOWAAppPool">
          <virtualDirectory path="/" physicalPath="{OWA}" />
          <virtualDirectory path="/old" physicalPath="D:\\old\\" />
        </application>
        <bindings>
          <binding protocol="https" bindingInformation=":443:" />
          <binding protocol="http" bindingInformation="*:80:" />
        </bindings>
      </site>
      <site name="Exchange Back End" id="2">
        <application path="/" applicationPool="Back">
        <virtualDirectory path="/" physicalPath="C:\\inetpub\\backend" /></application>
        <bindings><binding protocol="http" bindingInformation="127.0.0.1:81:" />
        <binding protocol="http" bindingInformation="*:82:named.test" /></bindings>
      </site>
      <site name="Stopped" id="3">
        <application path="/" applicationPool="DefaultAppPool">
        <virtualDirectory path="/" physicalPath="C:\\inetpub\\backend" /></application>
        <bindings><binding protocol="http" bindingInformation="*:83:" /></bindings>
      </site>
    </sites>
  </system.applicationHost>
</configuration>
"""
FILES = {
    CONFIG: FileState(content=SITES),
    "C:\\inetpub\\wwwroot\\iisstart.htm": FileState(size=3),
    "C:\\inetpub\\wwwroot\\aspnet_client\\it's [1] \u00fc.aspx": FileState(size=3),
    f"{OWA}\\auth\\logon.aspx": FileState(size=3),
    "C:\\Windows\\x\\a.htm": FileState(size=1),
    "D:\\old\\b.htm": FileState(size=1),
    "C:\\inetpub\\backend\\c.htm": FileState(size=1),
}
WEB = WebState(
    pages={"/owa/healthcheck.htm": 200, "/ECP/healthcheck.htm": 503},
    pages_after_recycling={"/owa/healthcheck.htm": 503},
)
STATE = HostState(
    name="EX1", files=FILES, web=WEB, pools={"MSExchangeOWAAppPool": "Started", "DefaultAppPool": "Stopped"}
)
# By address: what it answers; None where nobody does.
ANSWERS: Mapping[str, int | None] = {
    "http://127.0.0.1/iisstart.htm": 200,
    "http://127.0.0.1:80/IISSTART.HTM": 200,
    "http://127.0.0.1/iisstart.htm?x=/y": 200,
    "http://127.0.0.1/gone.aspx": 404,
    "http://127.0.0.1/": 403,
    "http://127.0.0.1/aspnet_client": 403,
    "http://127.0.0.1/aspnet_client/it%27s%20%5B1%5D%20%C3%BC.aspx": 200,
    "http://127.0.0.1/owa/auth/logon.aspx": 200,
    "http://127.0.0.1/owa/auth/Logon2.aspx": 404,
    "http://127.0.0.1/owaauth/logon.aspx": 404,
    "http://127.0.0.1/owa/old/b.htm": 200,
    "http://127.0.0.1/x/a.htm": 200,
    "http://127.0.0.1/owa/healthcheck.htm": 200,
    "http://127.0.0.1/ecp/healthcheck.htm": 503,
    "http://127.0.0.1:81/c.htm": 200,
    "http://127.0.0.1:81/iisstart.htm": 404,
    "http://127.0.0.1:83/c.htm": 503,
    "https://127.0.0.1/iisstart.htm": 200,
    "https://127.0.0.1:443/gone.aspx": 404,
    "https://127.0.0.1:80/iisstart.htm": None,
    "http://127.0.0.1:443/iisstart.htm": None,
    "http://127.0.0.1:82/c.htm": None,
    "http://127.0.0.1:8080/": None,
    "http://localhost/iisstart.htm": None,
}
STATES: Mapping[str, HostState] = {
    "no IIS": HostState(name="EX1", files={"C:\\inetpub\\wwwroot\\iisstart.htm": FileState(size=3)}),
    "it does not answer": STATE.model_copy(update={"web": WebState(answers=False)}),
    "its configuration is no XML": STATE.model_copy(update={"files": {**FILES, CONFIG: FileState(content="<a>")}}),
}


@pytest.mark.parametrize("address", ANSWERS)
def test_an_answer_is_worked_out_of_configuration_and_files(address: str) -> None:
    assert status(STATE, address) == ANSWERS[address]


@pytest.mark.parametrize("name", STATES)
def test_where_there_is_no_iis_nobody_answers(name: str) -> None:
    assert status(STATES[name], "http://127.0.0.1/iisstart.htm") is None


@pytest.mark.parametrize(("over_http", "code"), [("answers", 200), ("redirects", 302), ("forbids", 403)])
def test_a_site_may_answer_over_tls_alone(over_http: Literal["answers", "redirects", "forbids"], code: int) -> None:
    state = STATE.model_copy(update={"web": WebState(over_http=over_http)})
    assert status(state, "http://127.0.0.1/iisstart.htm") == code
    assert status(state, "https://127.0.0.1/iisstart.htm") == 200


def test_a_page_that_is_moved_away_is_not_found_any_more() -> None:
    page = f"{OWA}\\auth\\logon.aspx"
    left = STATE.model_copy(update={"files": {path: file for path, file in FILES.items() if path != page}})
    assert status(left, "http://127.0.0.1/owa/auth/logon.aspx") == 404


def test_a_pool_that_is_recycled_is_counted_and_may_change_what_pages_answer() -> None:
    after = recycled(recycled(STATE, "DefaultAppPool"), "DefaultAppPool")
    assert after.web.recycled == {"DefaultAppPool": 2}
    assert status(after, "http://127.0.0.1/owa/healthcheck.htm") == 503


@pytest.fixture(scope="module")
def pwsh(powershell: Path) -> Iterator[PwshEngine]:
    engine = PwshEngine(powershell)
    yield engine
    engine.close()


# The way in which a change asks.
ASK = """
foreach ($address in @({})) {{
    $status = 0
    try {{
        $status = [int](Invoke-WebRequest -Uri $address -UseBasicParsing -MaximumRedirection 0 -TimeoutSec 9).StatusCode
    }}
    catch {{
        $answer = ($_.Exception | Select-Object -First 1 -Property Response).Response
        if ($null -ne $answer) {{
            $status = [int]$answer.StatusCode
        }}
    }}
    @{{ Status = $status }}
}}
"""


@pytest.mark.real_powershell
def test_the_shim_answers_the_same(pwsh: PwshEngine) -> None:
    asked = [each for each in ANSWERS if each.startswith("http:")]
    text = ASK.format(", ".join(f"'{each}'" for each in asked))
    for name, state in {"usual": STATE, **STATES}.items():
        with Client(pwsh, LiveState(state)) as client:
            said = client.run(text)
        assert said.errors == []
        assert (name, [each["Status"] for each in said.output]) == (
            name,
            [status(state, each) or 0 for each in asked],
        )


# The way in which webshell.quarantine asks: the function is that of its script, certificate and all.
ASK_OVER_A_SOCKET = (
    assembled("{# part: iis/asking.ps1.j2 #}\n")
    + """
foreach ($address in @(LIST)) {
    Get-LoopbackAnswer -Address $address -Seconds 9
}
"""
)
OVER_TLS = [address for address in ANSWERS if address.startswith("https:") and ANSWERS[address]]


@pytest.mark.real_powershell
def test_over_a_socket_the_same_is_answered_and_over_tls_whatever_the_certificate(pwsh: PwshEngine) -> None:
    asked = [each for each in ANSWERS if "127.0.0.1" in each]
    text = ASK_OVER_A_SOCKET.replace("LIST", ", ".join(f"'{each}'" for each in asked))
    with Client(pwsh, LiveState(STATE)) as client:
        said = client.run(text)
    assert (said.problem, said.errors) == (None, [])
    assert [each["Status"] for each in said.output] == [status(STATE, each) or 0 for each in asked]
    shown = {each["Address"]: each["Certificate"] for each in said.output}
    assert [each for each in asked if shown[each]] == OVER_TLS
    [certificate] = {shown[each] for each in OVER_TLS}
    assert re.fullmatch(r"[0-9A-F]{40}", certificate)
    assert all(bool(each["Why"]) == (each["Status"] == 0) for each in said.output)


@pytest.mark.real_powershell
@pytest.mark.parametrize(
    "address",
    ["http://localhost/", "http://127.0.0.2/", "http://127.0.0.1.test/", "http://127.0.0.1@x/", "ftp://127.0.0.1/",
     "http://127.0.0.1/`r`nHost: x", "http://127.0.0.1/`n"],
)  # fmt: skip
def test_nobody_else_is_asked_whatever_the_address(pwsh: PwshEngine, address: str) -> None:
    with Client(pwsh, LiveState(STATE)) as client:
        said = client.run(ASK_OVER_A_SOCKET.replace("LIST", f'"{address}"'))
    assert said.problem is not None
    assert said.problem[0] == "This asks this server alone."


@pytest.mark.real_powershell
def test_the_shim_recycles_the_same(pwsh: PwshEngine) -> None:
    live = LiveState(STATE)
    with Client(pwsh, live) as client:
        text = "Restart-WebAppPool -Name 'msexchangeowaapppool'\n" + ASK.format(
            "'http://127.0.0.1/owa/healthcheck.htm'"
        )
        assert client.run(text).output == [{"Status": 503}]
        for name in ("none", "DefaultAppPool"):
            assert client.run(f"Restart-WebAppPool -Name '{name}'").state is PSInvocationState.Failed
        assert live.now == recycled(STATE, "MSExchangeOWAAppPool")
