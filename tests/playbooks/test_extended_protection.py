"""Extended Protection: what is too much is told, whatever the letters and wherever it is said, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.iis.configuration.extended import beyond_support
from playbooks.investigating.document import read

RANKS = {"None": 0, "Allow": 1, "Require": 2}
MOST = {
    "Default Web Site": {"Autodiscover": 0, "EWS": 1, "Microsoft-Server-ActiveSync": 1, "OAB": 1, "owa": 2, "mapi": 2},
    "Exchange Back End": {"Autodiscover": 0, "EWS": 2, "OAB": 2, "PowerShell": 2},
}
ADDRESSES = [f"{site}/{name}" for site, names in MOST.items() for name in names]
SAID = st.dictionaries(st.sampled_from([*ADDRESSES, *MOST, ""]), st.sampled_from(sorted(RANKS)))


def located(path: str, value: str) -> str:
    section = f'<extendedProtection tokenChecking="{value}" />'
    for name in ("windowsAuthentication", "authentication", "security", "system.webServer"):
        section = f"<{name}>{section}</{name}>"
    return f'<location path="{path}">{section}</location>'


@given(SAID, st.booleans())
def test_what_is_too_much_is_told_and_nothing_else(said: dict[str, str], small: bool) -> None:
    written = "".join(located(path.lower() if small else path, value) for path, value in said.items())
    told = [line.partition(":")[0] for line in beyond_support(read(f"<configuration>{written}</configuration>"))]
    beyond: list[str] = []
    for address in ADDRESSES:
        site, _, name = address.partition("/")
        holds = next((said[path] for path in (address, site, "") if path in said), "None")
        if RANKS[holds] > MOST[site][name]:
            beyond.append(address)
    assert sorted(told) == sorted(beyond)
