"""IIS's configuration in the lab: both engines hand over the same files, and judgement is that of the case files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Verdict
from playbooks.observation import Observed
from runner.lab.state import FileState, HostState
from tests.runner.lab.engines.judging import OnePowerShell, Sim, concluded, observation
from tests.runner.lab.engines.states import CLOSED, INSTALLED, SETUP, key

ACTION = "iis.configuration"
CATALOGUE = Catalogue.load()
TODAY = date(2026, 11, 28)
CONFIG = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
OWA = f"{INSTALLED}FrontEnd\\HttpProxy\\owa\\web.config"

SITES = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <system.applicationHost>
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/" applicationPool="MSExchangeOWAAppPool">
          <virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" />
          <virtualDirectory path="/x" physicalPath="PLACE" />
        </application>
      </site>
    </sites>
  </system.applicationHost>
</configuration>
"""
USUAL = SITES.replace("PLACE", "C:\\inetpub\\wwwroot\\\u00fcber \U0001f600")
PLANTED = SITES.replace("PLACE", "C:\\ProgramData\\COM1")
WEB = "<configuration>\n" + "".join(f"  <!-- {number} -->\n" for number in range(450)) + "</configuration>"

# By what is there: the files and the verdict that follows.
FILES: Mapping[str, tuple[Mapping[str, FileState], Verdict]] = {
    "nothing": ({}, Verdict.NOT_APPLICABLE),
    "usual": ({CONFIG: FileState(content=USUAL)}, Verdict.OK),
    "with a byte-order mark and lines of Windows": (
        {CONFIG: FileState(content="\ufeff" + USUAL.replace("\n", "\r\n"))},
        Verdict.OK,
    ),
    "with lines of an old Macintosh": ({CONFIG: FileState(content=USUAL.replace("\n", "\r"))}, Verdict.OK),
    "planted": ({CONFIG: FileState(content=PLANTED)}, Verdict.SUSPICIOUS),
    "with other letters": ({CONFIG.upper().replace("C:", "c:"): FileState(content=USUAL)}, Verdict.OK),
    "a web.config of more than two pieces": (
        {CONFIG: FileState(content=USUAL), OWA: FileState(content=WEB)},
        Verdict.OK,
    ),
    "of exactly two pieces": (
        {
            CONFIG: FileState(content=USUAL),
            OWA: FileState(content="<configuration>" + "\n" * 398 + "</configuration>\n"),
        },
        Verdict.OK,
    ),
    "a web.config that may not be read": (
        {CONFIG: FileState(content=PLANTED), OWA: FileState(content=WEB, denied=True)},
        Verdict.SUSPICIOUS,
    ),
    "it may not be read": ({CONFIG: FileState(content=USUAL, denied=True)}, Verdict.UNKNOWN),
    "a folder of its name": ({CONFIG: FileState(folder=True)}, Verdict.NOT_APPLICABLE),
    "empty": ({CONFIG: FileState()}, Verdict.UNKNOWN),
    "zeros": ({CONFIG: FileState(size=5000)}, Verdict.UNKNOWN),
    "five megabytes": ({CONFIG: FileState(size=5_242_880)}, Verdict.UNKNOWN),
    "no XML": ({CONFIG: FileState(content="MZ\u0001\n\n")}, Verdict.UNKNOWN),
}
EXCHANGE = {SETUP: key(MsiInstallPath=INSTALLED)}
STATES = {name: HostState(name="EX1", registry=EXCHANGE, files=dict(files)) for name, (files, _) in FILES.items()}
STATES |= {
    "Exchange's key is closed": HostState(
        name="EX1", registry={SETUP: CLOSED}, files={CONFIG: FileState(content=USUAL)}
    ),
    "Exchange lies on another server": HostState(
        name="EX1", registry={SETUP: key(MsiInstallPath="\\\\evil\\x")}, files={CONFIG: FileState(content=USUAL)}
    ),
    "no Exchange": HostState(name="EX1", files={CONFIG: FileState(content=USUAL)}),
}
VERDICTS = {name: verdict for name, (_, verdict) in FILES.items()} | {
    "Exchange's key is closed": Verdict.UNKNOWN,
    "Exchange lies on another server": Verdict.UNKNOWN,
    "no Exchange": Verdict.OK,
}


@pytest.mark.parametrize("name", STATES)
def test_what_a_script_says_of_the_files_is_judged(name: str) -> None:
    said = Sim().run(STATES[name], [ACTION])[ACTION]
    assert isinstance(observation(ACTION, said), Observed)
    assert concluded(ACTION, said, CATALOGUE, TODAY).verdict is VERDICTS[name]


def test_no_piece_has_more_lines_than_are_sent_at_once() -> None:
    said = Sim().run(STATES["a web.config of more than two pieces"], [ACTION])[ACTION]
    observed = observation(ACTION, said)
    assert isinstance(observed, Observed)
    pieces = [each["Lines"] for each in observed.of_kind("ConfigPiece") if each["Place"] == OWA]
    assert [len(lines) for lines in pieces if isinstance(lines, tuple)] == [200, 200, 52]


@pytest.mark.real_powershell
def test_the_script_itself_says_the_same(powershell: Path) -> None:
    simulated = Sim()
    with OnePowerShell(powershell) as real:
        for name, state in STATES.items():
            expected = simulated.run(state, [ACTION])[ACTION].records
            assert (name, real.run(state, [ACTION])[ACTION].records) == (name, expected)
