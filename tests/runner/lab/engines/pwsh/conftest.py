"""One engine and one open pool for the tests that leave no trace in it; a PowerShell takes 0.4 s to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.lab.engines.pwsh import PwshEngine
from runner.lab.state import FileState, HostState, RegistryKey, ServiceState
from tests.runner.lab.engines.client import Client

BIN = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Bin"
PRODUCT = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15"

SERVER = HostState(
    name="ex01",
    os_version="10.0.20348",
    os_caption="Microsoft Windows Server 2022 Standard",
    registry={
        f"{PRODUCT}\\Setup": RegistryKey(
            values={
                "MsiInstallPath": "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\",
                "MsiProductMajor": 15,
                "MsiProductMinor": 2,
                "MsiBuildMajor": 1544,
                "MsiBuildMinor": 4,
                "Highest": 2**32 - 1,
                "Quad": 2**40,
                "Several": ["one", "two"],
                "(default)": "unnamed",
            }
        ),
        f"{PRODUCT}\\MailboxRole": RegistryKey(),
        "HKLM:\\SOFTWARE\\Closed": RegistryKey(denied=True, values={"Secret": "x"}),
        "HKLM:\\SOFTWARE\\Closed\\Open": RegistryKey(values={"Seen": "yes"}),
        "HKLM:\\SOFTWARE\\We[i]rd * 100%": RegistryKey(values={"a[1]": "b"}),
    },
    files={
        f"{BIN}\\ExSetup.exe": FileState(version="15.02.1544.036", size=4242),
        f"{BIN}\\Closed.dll": FileState(version="15.02.1544.036", denied=True),
        "C:\\inetpub\\wwwroot\\web [1].config": FileState(size=11),
        "D:\\Logs\\a.log": FileState(size=3),
    },
    services={
        "MSExchangeIS": ServiceState(display_name="Microsoft Exchange Information Store"),
        "W3SVC": ServiceState(display_name="World Wide Web Publishing Service", state="Stopped", start_mode="Disabled"),
        "MSExchangePop3": ServiceState(state="Paused", start_mode="Manual"),
    },
)


@pytest.fixture(scope="module")
def engine(powershell: Path) -> Iterator[PwshEngine]:
    """An engine; when the module's tests are over, so are its processes and its directory."""
    engine = PwshEngine(powershell)
    yield engine
    engine.close()
    assert not engine.root.exists()


@pytest.fixture(scope="module")
def server(engine: PwshEngine) -> Iterator[Client]:
    """A pool on SERVER."""
    with Client(engine, SERVER) as client:
        yield client
