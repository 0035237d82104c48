"""Planted bugs: patches of the product, each with the tests that catch it, tried on a copy of the source.

what is wrong, in a sentence
Caught by: tests/...::test_...
<a unified diff>
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHES = Path(__file__).parent
COPIED = ("inventory", "playbooks", "runner", "texts", "tests", "docs", "pyproject.toml")
_NEVER = shutil.ignore_patterns("__pycache__", ".hypothesis")


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug: what is wrong, the tests that catch it, and the files that it is in."""

    name: str
    what: str
    caught_by: tuple[str, ...]
    files: tuple[str, ...]
    path: Path

    @property
    def taken(self) -> list[tuple[str, str]]:
        """By hunk: its file, and the lines that it takes away, with what it leaves between them."""
        found: list[tuple[str, str]] = []
        for of_file in re.split(r"^--- .*\n", self.path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            name, *hunks = re.split(r"^@@.*\n", of_file, flags=re.MULTILINE)
            for hunk in hunks:
                lines = hunk.splitlines(keepends=True)
                gone = [number for number, line in enumerate(lines) if line.startswith("-")]
                between = lines[gone[0] : gone[-1] + 1] if gone else []
                file = name.removeprefix("+++ b/").strip()
                found.append((file, "".join(line[1:] for line in between if not line.startswith("+"))))
        return found


def bugs() -> list[Bug]:
    """All of them, by name."""
    return [_bug(path) for path in sorted(PATCHES.glob("*.patch"))]


def _bug(path: Path) -> Bug:
    text = path.read_text(encoding="utf-8")
    return Bug(
        path.stem,
        text.partition("\n")[0],
        tuple(re.findall(r"^Caught by: (\S.*)$", text, re.MULTILINE)),
        tuple(re.findall(r"^\+\+\+ b/(\S+)$", text, re.MULTILINE)),
        path,
    )


def copied(to: Path) -> Path:
    """The source, as it is here, at another place, and compiled: it is copied from there for each bug."""
    for name in COPIED:
        there = ROOT / name
        if there.is_dir():
            shutil.copytree(there, to / name, ignore=_NEVER)
        else:
            shutil.copy2(there, to / name)
    compileall.compile_dir(to, quiet=2)
    return to


def plant(bug: Bug, tree: Path) -> str:
    """Puts the bug into a copy of the source; why it does not fit any more, or nothing."""
    # Outside any repository, also where the copy lies below one.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    # What stands around a hunk may have changed; what it takes away may not, and the tests still have to catch it.
    command = ["git", "apply", "-C0", "--whitespace=nowarn", str(bug.path)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


@dataclass(frozen=True, slots=True)
class Tried:
    """What a run of tests came to: pytest's status, the tests that failed, and all that was said."""

    status: int
    failed: frozenset[str]
    said: str

    def caught(self, tests: Sequence[str]) -> set[str]:
        """Those of these tests that failed; of one that is named without its parameters any of them counts."""
        return {test for test in tests if any(each == test or each.startswith(f"{test}[") for each in self.failed)}


def tried(tree: Path, tests: Sequence[str]) -> Tried:
    """Runs tests on a copy of the source. What they draw at random is the same each time."""
    options = ["-p", "no:xdist", "-p", "no:cacheprovider", "--hypothesis-profile=unshrunk", "-q", "--tb=line", "-rf"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    environment = {**os.environ, "PYTHONPATH": "", "PYTEST_ADDOPTS": "", "COLUMNS": "1000"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    lines = re.findall(r"^FAILED (tests/\S+?::\w+(?:\[.*?\])?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return Tried(done.returncode, frozenset(lines), done.stdout + done.stderr)
