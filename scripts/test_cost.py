"""What tests cost: processor seconds by file and the dearest tests, the processes that they start included.

Unlike pytest's `--durations`, which counts the waiting too, this says nearly the same on a busy machine. A fixture is
counted to the first test that needs it. What pytest takes, such as a folder and `-k`, is given on:

    .venv/bin/python scripts/test_cost.py tests/runner/lab
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

MOST = 25
TICKS = os.sysconf("SC_CLK_TCK")
NOT_A_TEST = "(collecting the tests)"


def living(of: int) -> float:
    """Seconds of the processes below this one that still run, and of those that they have waited for (Linux)."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            _, _, after = (entry / "stat").read_text().rpartition(") ")
        except OSError:
            continue  # ended
        fields = after.split()
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        seconds[int(entry.name)] = sum(int(ticks) for ticks in fields[11:15]) / TICKS
    total, waiting = 0.0, [of]
    while waiting:
        found = children.get(waiting.pop(), ())
        total += sum(seconds[child] for child in found)
        waiting += found
    return total


def spent() -> float:
    """Seconds of this process and of all that it has started."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + living(os.getpid())


class Costs:
    """A plugin of pytest that counts."""

    def __init__(self) -> None:
        self._before = spent()
        self._tests: Counter[str] = Counter()

    def _count(self, test: str) -> None:
        now = spent()
        self._tests[test] += now - self._before
        self._before = now

    def pytest_collection_finish(self) -> None:
        self._count(NOT_A_TEST)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        ran = yield
        self._count(item.nodeid)
        return ran

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        files: Counter[str] = Counter()
        for test, seconds in self._tests.items():
            files[test.partition("::")[0]] += seconds
        terminalreporter.write_line(f"{self._tests.total():.1f} processor seconds")
        for counted in (files, self._tests):
            terminalreporter.write_line("")
            for name, seconds in counted.most_common(MOST):
                terminalreporter.write_line(f"{seconds:8.1f}  {name[:160]}")


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-n", "0", *sys.argv[1:]], plugins=[Costs()]))
