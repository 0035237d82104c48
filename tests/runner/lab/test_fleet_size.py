"""A large fleet is up in one process and one thread."""

from __future__ import annotations

import errno
import socket
import threading

from runner.lab.engines.sim import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import start
from runner.lab.state import HostState
from tests.runner.lab.conftest import lab_host
from tests.runner.lab.walking import Walker


def test_five_hundred_hosts_start_in_one_thread_and_answer() -> None:
    state, account = HostState(name="EX"), Account("LAB\\auditor", "not-a-secret")
    hosts = tuple(
        LabHost("alpha", f"EX{number}", state, account, address=f"127.3.{number // 250}.{number % 250 + 1}")
        for number in range(500)
    )
    before = threading.active_count()
    with start(Fleet(hosts), {"sim": SimEngine()}) as lab:
        assert threading.active_count() <= before + 1
        assert len({(one.host.address, one.port) for one in lab.hosts.values()}) == 500
        for name in ("EX0", "EX250", "EX499"):
            with Walker(lab.host(f"alpha/{name}")).wsman() as wsman:
                wsman.get_server_config()


def test_no_host_gets_the_port_of_one_that_refuses_connections() -> None:
    refusing = (Fault(Act.REFUSE, Step.CONNECT),)
    hosts = tuple(lab_host(f"EX{number}", engine="sim", faults=refusing if number % 2 else ()) for number in range(600))
    with start(Fleet(hosts), {"sim": SimEngine()}) as lab:
        assert len({one.port for one in lab.hosts.values()}) == 600
        for one in lab.hosts.values():
            with socket.socket() as client:
                assert client.connect_ex((one.host.address, one.port)) == (errno.ECONNREFUSED if one.host.faults else 0)
