"""Running a client as a process of its own: wall time, processor time with that of its children, and memory."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import checkouts


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a client.

    Attributes:
        seconds: from its start to its end.
        cpu_seconds: user and system time, that of the children it waited for included.
        memory: the largest resident size of its first process in bytes.
    """

    status: int
    output: str
    errors: str
    seconds: float
    cpu_seconds: float
    memory: int


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Measured:
    """Runs it to its end."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        before = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=checkouts.environment(**environment), stdout=output, stderr=errors, text=True
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()  # so that whoever ends a benchmark has ended what it runs
            raise
        seconds = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        return Measured(
            process.returncode,
            output.read(),
            errors.read(),
            seconds,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024,
        )


_COUNTED = re.compile(r"I +refs: +([\d,]+)")


def counting(log: Path | None = None) -> list[str]:
    """The command that counts the user instructions of the command after it (valgrind's cachegrind).

    Args:
        log: where it says so; standard error without.
    """
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}"]
    return command if log is None else [*command, f"--log-file={log}"]


def counted(said: str) -> int:
    """The instructions, from what it said.

    Raises:
        RuntimeError: it said no number.
    """
    found = _COUNTED.findall(said)
    if not found:
        raise RuntimeError(f"valgrind counted nothing:\n{said[-2000:]}")
    return int(found[-1].replace(",", ""))
