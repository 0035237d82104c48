"""Stock pypsrp, untouched, against the lab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from runner.lab.server import Lab, Served
from tests.runner.lab.conftest import ACCOUNT, lab_host
from tests.runner.lab.echo import EchoEngine

Serve = Callable[..., Lab]


def client(served: Served, **settings: Any) -> WSMan:
    """Stock pypsrp for a host."""
    given = {"username": ACCOUNT.user, "password": ACCOUNT.password, "ssl": served.host.scheme == "https"} | settings
    return WSMan(served.host.address, port=served.port, no_proxy=True, **given)


@pytest.mark.parametrize("auth", ["negotiate", "ntlm"])
@pytest.mark.parametrize("threaded", [False, True], ids=["at-once", "from-a-thread"])
def test_a_script_goes_out_sealed_and_its_output_comes_back(serve: Serve, auth: str, threaded: bool) -> None:
    served = serve(lab_host(), engine=EchoEngine(threaded=threaded)).host("alpha/EX1")
    with client(served, auth=auth, encryption="always") as wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_script("Get-Date – é 😀").add_statement().add_script("x" * 400_000)
        assert shell.invoke() == ["Get-Date – é 😀", "x" * 400_000]
