"""What a command loads: the lab is for `exrun lab` alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
from runner.cli.main import main
main(sys.argv[1:])
print("loaded:", *(name for name in sys.modules if name.startswith("runner.lab")))
"""


def loaded(*arguments: str) -> list[str]:
    """The modules of the lab that a fresh process has after a command."""
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("audit", "--help"), ("audit", "-i", "no-such-inventory.yml"), ("catalogue", "info"), ("lab",)],
    ids=" ".join,
)
def test_the_lab_is_not_loaded_by_what_does_not_ask_for_it(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) == []


def test_the_lab_is_loaded_by_its_own_commands() -> None:
    assert "runner.lab.server" in loaded("lab", "up", "--help")
