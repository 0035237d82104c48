"""A lab in a process of its own (lab_program.py), so that what it costs is not counted to the client under test."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkouts import ROOT, environment
from benchmarks.checks import answers, scripts
from benchmarks.lab_program import CLIENT, PASSWORD, USER

__all__ = ["CLIENT", "PASSWORD", "ROOT", "USER", "Counts", "RunningLab", "lab", "served"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the lab counted since it began. `memory` is the largest resident size of its process in bytes."""

    requests: int
    scripts: int
    cpu_seconds: float
    memory: int


class RunningLab:
    """A served lab: `ports` by host name, and how long it took to start."""

    def __init__(self, process: subprocess.Popen[str], ports: dict[str, int], seconds: float) -> None:
        self.ports = ports
        self.seconds = seconds
        self._process = process

    def counts(self) -> Counts:
        """Ask it."""
        assert self._process.stdin is not None
        self._process.stdin.write("counts\n")
        self._process.stdin.flush()
        return Counts(**self._next(self._process))

    @staticmethod
    def _next(process: subprocess.Popen[str]) -> Any:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the lab's process ended with {process.wait()}")
        return json.loads(line)


@contextmanager
def lab(hosts: int, latency_ms: float, playbook: Path, *, replaying: bool = False) -> Iterator[RunningLab]:
    """A lab of so many hosts, each answering the scripts of `playbook`; every request waits `latency_ms`.

    Args:
        replaying: it says again what it said before (replaying.py), and costs less.
    """
    said = [said.model_dump() for said in answers(scripts(playbook))]
    with served(hosts, latency_ms, said, ROOT, options=["--replaying"] if replaying else []) as running:
        yield running


@contextmanager
def served(
    hosts: int,
    latency_ms: float,
    said: Sequence[object],
    tree: Path,
    before: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Iterator[RunningLab]:
    """The same with answers as a host's state has them; the lab is that of the checkout `tree`.

    Args:
        before: the command under which it runs, such as valgrind with its options.
        options: of lab_program.py.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(said, file)
        file.flush()
        program = Path(__file__).with_name("lab_program.py")
        # -P: nothing of this checkout but the program itself.
        command = [*before, sys.executable, "-P", str(program), str(hosts), str(latency_ms), file.name, *options]
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=tree,
            env=environment(PYTHONPATH=str(tree)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            ports = RunningLab._next(process)
            yield RunningLab(process, ports, time.perf_counter() - began)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
