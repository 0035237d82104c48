"""A real collector of OpenTelemetry gets every event of a run that is killed and goes on: Rotel, from its wheel.

It takes OTLP over HTTP on loopback and hands it on to the test, which reads it with OpenTelemetry's own messages.
"""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from runner.journal.verification import read
from runner.lab.engines.sim import SimEngine
from tests.runner.accounted import accounted
from tests.runner.dying import KILLED, Kill, next_command, run
from tests.runner.forwarding.test_sinks import Endpoint
from tests.waiting import HANG_SECONDS, happens

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def collector(folder: Path, behind: str) -> Iterator[int]:
    """A collector that hands logs on to an address; the port on which it takes OTLP over HTTP."""
    [*found] = (ROOT / ".venv-peers").glob("lib/python*/site-packages/rotel/rotel-agent")
    if not found:
        pytest.skip("NO PEERS: Rotel is not in .venv-peers; `make peers` installs it and runs this")
    port = free_port()
    command = [
        *(str(found[0]), "start", "--exporter", "otlp", "--otlp-exporter-protocol", "http"),
        *("--otlp-exporter-endpoint", f"http://{behind}", "--otlp-exporter-compression", "none"),
        *("--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}"),
        *("--logs-batch-timeout", "200ms", "--pid-file", str(folder / "pid"), "--log-file", str(folder / "log")),
    ]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={"PATH": os.environ["PATH"]}, cwd=folder)

        def answers() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return process.poll() is not None

        try:
            assert happens(answers)
            assert process.poll() is None, (folder / "said").read_text()
            yield port
        finally:
            process.terminate()
            process.wait(HANG_SECONDS)


def keys(endpoint: Endpoint) -> list[str]:
    found = []
    for _, headers, body in list(endpoint.got):
        named = {name.casefold(): value for name, value in headers.items()}
        body = gzip.decompress(body) if named.get("content-encoding") == "gzip" else body
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    attributes = {each.key: each.value for each in record.attributes}
                    found.append(attributes["event.id"].string_value)
                    assert record.body.string_value
                    assert record.event_name.startswith("exrun.")
    return found


def test_after_kills_and_resumes_it_holds_each_event_once_or_more_and_none_besides(tmp_path: Path) -> None:
    struck = 0
    with Endpoint() as endpoint, collector(tmp_path, endpoint.address) as port:
        with accounted(tmp_path / "run", SimEngine(), parallel=2) as fleet:
            sent = ["--events", f"otlp+http://127.0.0.1:{port}"]
            assert fleet.plan()[0] == 1
            for kill in (Kill("after host.change"), Kill("after event.settled"), None):
                status = run(fleet, [*next_command(fleet, undo=False), *sent], kill)
                struck += status == KILLED
            assert (status, struck) == (0, 2), (tmp_path / "run" / "said.txt").read_text()
            journal = fleet.journal
            assert journal is not None
            wanted = {f"{line.run}/{line.client}/{line.sequence}" for line in read(journal)[0]}
            assert fleet("journal", "send", journal.parent.name, *sent)[0] == 0
        assert happens(lambda: set(keys(endpoint)) >= wanted)
        assert set(keys(endpoint)) == wanted
