"""A real rsyslog of its own on loopback: in the foreground, with what it gets in a file, ended by its process."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.lab.certificates import Authority, Issued
from tests.waiting import HANG_SECONDS, happens

_CONFIGURATION = """\
global(workDirectory="{folder}" net.enableDNS="off"{certificate})
module(load="imtcp"{driver})
module(load="imudp")
template(name="whole" type="string" string="%app-name%\\t%msgid%\\t%hostname%\\t%pri%\\t%msg:::drop-last-lf%\\n")
ruleset(name="keep") {{
    action(type="omfile" file="{folder}/got" template="whole" asyncWriting="off" flushOnTXEnd="on")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
input(type="imudp" address="127.0.0.1" port="{port}" ruleset="keep")
"""
_CERTIFICATE = """
    defaultNetstreamDriverCAFile="{folder}/ca.pem" defaultNetstreamDriverCertFile="{folder}/server.pem"
    defaultNetstreamDriverKeyFile="{folder}/server.key" """
_DRIVER = """ streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon" """


@dataclass(frozen=True, slots=True)
class Rsyslog:
    port: int
    folder: Path

    def got(self) -> list[list[str]]:
        """Program, kind, machine, priority and text of each message."""
        file = self.folder / "got"
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        return [line.split("\t", 4) for line in text.splitlines()]


@contextlib.contextmanager
def rsyslog(folder: Path, port: int | None = None, sealed: tuple[Authority, Issued] | None = None) -> Iterator[Rsyslog]:
    """One that listens on TCP and UDP; `port` is that of one that was here before.

    Args:
        sealed: listens over TLS instead of TCP, with this certificate.
    """
    program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
    if program is None:
        pytest.skip("NO RSYSLOG: rsyslogd is not installed (apt-get install rsyslog)")
    folder.mkdir(exist_ok=True)
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    certificate = driver = ""
    if sealed is not None:
        if not [*Path("/usr/lib").glob("**/rsyslog/lmnsd_gtls.so")]:
            pytest.skip("NO RSYSLOG OVER TLS: its driver is not installed (apt-get install rsyslog-gnutls)")
        authority, issued = sealed
        (folder / "ca.pem").write_bytes(authority.pem)
        (folder / "server.pem").write_bytes(issued.certificate_pem)
        (folder / "server.key").write_bytes(issued.key_pem)
        certificate, driver = _CERTIFICATE.format(folder=folder), _DRIVER
    configuration = folder / "rsyslog.conf"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, port=port, certificate=certificate, driver=driver), encoding="utf-8"
    )
    log = (folder / "said").open("ab")
    process = subprocess.Popen(
        [program, "-n", "-f", str(configuration), "-i", str(folder / "pid")], stdout=log, stderr=log
    )

    def answers() -> bool:
        if process.poll() is not None:
            return True
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        assert happens(answers)
        assert process.poll() is None, (folder / "said").read_text(encoding="utf-8")
        yield Rsyslog(port, folder)
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)
        log.close()
