"""What every test may use: a real PowerShell where there is one, and the facts in ../shared where they stand."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings

# A slow moment of a shared machine is not a failure. CI draws the same values each time, so that what lands does not
# hang on luck; elsewhere each run draws new ones. Said in full: Hypothesis has defaults of its own where CI is set.
settings.register_profile(
    "exrun",
    deadline=None,
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
# For bugs that are planted: that one is caught is what counts, not the smallest example of it.
settings.register_profile(
    "unshrunk", settings.get_profile("exrun"), derandomize=True, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("exrun")

# What a test starts keeps the bytecode that it compiles, as it does for users: without, each start costs a second more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def find_powershell() -> Path | None:
    """EXRUN_PWSH, then PATH, then ../shared/pwsh."""
    named = os.environ.get("EXRUN_PWSH") or shutil.which("pwsh")
    candidate = Path(named) if named else SHARED / "pwsh" / "bin" / "pwsh"
    return candidate if candidate.is_file() else None


@pytest.fixture(scope="session")
def powershell() -> Path:
    """The path of a real PowerShell 7.4 or later; skips where there is none."""
    found = find_powershell()
    if found is None:
        pytest.skip("NO REAL POWERSHELL: set EXRUN_PWSH or put pwsh on PATH")
    return found


@pytest.fixture(scope="session")
def shared() -> Path:
    """The facts in ../shared; skips where they do not stand beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here: what it says is not compared")
    return SHARED


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a real PowerShell first, else in their order: one may take minutes, and a run ends with its last."""
    items.sort(key=lambda item: not _is_real(item))


def _is_real(item: pytest.Item) -> bool:
    marked = item.get_closest_marker("real_powershell") is not None
    return marked or "powershell" in getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A random test that fails says the one command that draws the same values again."""
    report = yield
    function = getattr(item, "function", None)
    if report.when == "call" and report.failed and function is not None and is_hypothesis_test(function):
        seed = getattr(function, "_hypothesis_internal_use_generated_seed", None)
        seed = item.config.getoption("--hypothesis-seed", None) if seed is None else seed
        command = [sys.executable, "-m", "pytest", "-n", "0", item.nodeid]
        # No seed: the values follow from the test alone, as they do where CI is set.
        command = ["env", "CI=true", *command] if seed is None else [*command, f"--hypothesis-seed={seed}"]
        report.sections.append(("The same values once more", shlex.join(command)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says once more, last and loud, what a missing PowerShell, Ansible or OpenSSH left untested."""
    for mark, needed in {
        "NO REAL POWERSHELL": "a real PowerShell and were skipped (set EXRUN_PWSH)",
        "NO SHELL": "bash, zsh or fish and were skipped (apt-get install)",
        "NO MAN": "man, groff or mandoc and were skipped (apt-get install)",
        "NO REGISTRY": "a package registry that answers and were skipped",
        "NO PEERS": "Ansible and were skipped (make peers)",
        "NO LANGUAGE SERVER": "yaml-language-server and were skipped (make peers, with node and npm)",
        "NO SSH-KEYGEN": "OpenSSH's ssh-keygen and were skipped",
        "NO RSYSLOG": "rsyslogd and were skipped (apt-get install rsyslog)",
    }.items():
        skipped = [report for report in terminalreporter.stats.get("skipped", []) if mark in str(report.longrepr)]
        if skipped:
            terminalreporter.write_sep("!", f"{len(skipped)} tests need {needed}")
