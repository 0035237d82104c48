"""Stock pypsrp, untouched, against the lab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from runner.lab.fleet import Account, Limits
from runner.lab.server import Lab, Served
from runner.lab.wsman import SHELL_DISCONNECTED
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


def test_over_tls_the_client_binds_to_the_channel_and_the_certificate_fits(serve: Serve, tmp_path: Path) -> None:
    lab = serve(lab_host(scheme="https"))
    ca = tmp_path / "ca.pem"
    ca.write_bytes(lab.ca_pem)
    with client(lab.host("alpha/EX1"), cert_validation=str(ca)) as wsman, RunspacePool(wsman) as pool:
        assert PowerShell(pool).add_script("one").invoke() == ["one"]


def test_over_tls_a_client_that_does_not_bind_to_the_channel_is_refused(serve: Serve, tmp_path: Path) -> None:
    lab = serve(lab_host(scheme="https"))
    ca = tmp_path / "ca.pem"
    ca.write_bytes(lab.ca_pem)
    with client(lab.host("alpha/EX1"), cert_validation=str(ca), negotiate_send_cbt=False) as wsman:
        pool = RunspacePool(wsman)
        with pytest.raises(AuthenticationError):
            pool.open()


def test_a_client_certificate_of_the_lab_logs_on_and_another_does_not(serve: Serve, tmp_path: Path) -> None:
    lab = serve(lab_host(scheme="https"), lab_host("EX2", scheme="https", account=Account("LAB\\other", "x")))
    ca, certificate, key = (tmp_path / name for name in ("ca.pem", "client.pem", "key.pem"))
    issued = lab.client_certificate(ACCOUNT)
    for file, data in ((ca, lab.ca_pem), (certificate, issued.certificate_pem), (key, issued.key_pem)):
        file.write_bytes(data)
    files = {"auth": "certificate", "certificate_pem": str(certificate), "certificate_key_pem": str(key)}
    with client(lab.host("alpha/EX1"), cert_validation=str(ca), **files) as wsman, RunspacePool(wsman) as pool:
        assert PowerShell(pool).add_script("one").invoke() == ["one"]
    with client(lab.host("alpha/EX2"), cert_validation=str(ca), **files) as wsman:
        pool = RunspacePool(wsman)
        with pytest.raises(AuthenticationError):
            pool.open()


@pytest.mark.parametrize("settings", [{"password": "wrong"}, {"username": "LAB\\nobody"}, {"auth": "basic"}])
def test_who_is_not_an_account_of_the_host_is_refused(serve: Serve, settings: dict[str, str]) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    settings = {"encryption": "never"} | settings if "auth" in settings else settings
    with client(served, **settings) as wsman, pytest.raises(AuthenticationError):
        RunspacePool(wsman).open()
    assert served.service.shells == 0


@pytest.mark.parametrize("user", ["auditor", "auditor@lab", "lab\\AUDITOR"])
def test_an_account_has_several_spellings(serve: Serve, user: str) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    with client(served, username=user) as wsman, RunspacePool(wsman) as pool:
        assert pool.shell.owner == ACCOUNT.user


def test_messages_over_http_must_be_sealed_unless_the_host_allows_otherwise(serve: Serve) -> None:
    lab = serve(lab_host(), lab_host("EX2", limits=Limits(allow_unencrypted=True)))
    with client(lab.host("alpha/EX1"), encryption="never") as wsman, pytest.raises(WinRMTransportError, match="500"):
        RunspacePool(wsman).open()
    with client(lab.host("alpha/EX2"), encryption="never") as wsman, RunspacePool(wsman) as pool:
        assert PowerShell(pool).add_script("in the clear").invoke() == ["in the clear"]


def test_errors_and_a_stop_half_way_reach_the_client(serve: Serve) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    with client(served) as wsman, RunspacePool(wsman) as pool:
        failing = PowerShell(pool).add_script("fail:no such thing")
        failing.invoke()
        assert [str(error) for error in failing.streams.error] == ["no such thing"]
        hanging = PowerShell(pool).add_script("hang")
        hanging.begin_invoke()
        hanging.stop()
        assert hanging.state == PSInvocationState.STOPPED
        assert PowerShell(pool).add_script("after").invoke() == ["after"]


def test_a_pool_is_left_and_taken_up_again_by_its_client_and_by_another(serve: Serve) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    with client(served) as wsman, client(served) as other:
        pool = RunspacePool(wsman)
        pool.open()
        pool.disconnect()
        with pytest.raises(WSManFaultError) as disconnected:
            pool.shell.send("stdin", b"")
        assert disconnected.value.code == SHELL_DISCONNECTED
        pool.connect()
        assert PowerShell(pool).add_script("again").invoke() == ["again"]
        pool.disconnect()
        (found,) = RunspacePool.get_runspace_pools(other)
        found.connect()
        assert PowerShell(found).add_script("by another").invoke() == ["by another"]
        found.close()
    assert served.service.shells == 0


def test_a_client_learns_the_envelope_size_and_the_state_of_its_shell(serve: Serve) -> None:
    served = serve(lab_host(limits=Limits(max_envelope_kb=300))).host("alpha/EX1")
    with client(served) as wsman, RunspacePool(wsman) as pool:
        wsman.update_max_payload_size()
        assert wsman.max_envelope_size == 300 * 1024
        assert pool.shell._get_shell()["ShellId"] == pool.id.upper()
