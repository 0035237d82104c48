"""A large fleet does not run out of file descriptors while the system would give more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource
from runner.cli.descriptors import SPARE, allow
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1000))
for files in (10, 600, 100, 5000):
    allow(files)
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_limit_is_raised_as_far_as_is_wanted_and_allowed_and_never_lowered() -> None:
    root = Path(__file__).resolve().parents[3]
    ended = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, timeout=60)
    assert ended.stderr == ""
    assert [int(line) for line in ended.stdout.split()] == [128, 600, 600, 1000 - 128]
