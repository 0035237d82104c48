"""Runs accepted scripts on the real engine and looks at what they do: whether a command was given a path of another
host, and whether a file is not as it was. Commands that open something are functions there (run.ps1) which open
nothing, so nothing leaves the machine; it runs in a directory of its own."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
_ELSEWHERE = re.compile(r"^\s*(?:\\\\|//)(?!\?\\[A-Za-z]:)|^[^:]*::\s*(?:\\\\|//)|^\\\?\?\\UNC", re.IGNORECASE)


def deeds(powershell: Path, scripts: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """(script, what it did) of those that reached for another host or changed a file, and how many paths were seen."""
    lines = "".join(json.dumps({"id": number, "text": script}) + "\n" for number, script in enumerate(scripts))
    with tempfile.TemporaryDirectory(prefix="exrun-soak-") as empty:
        answer = subprocess.run(
            [powershell, "-NoProfile", "-NonInteractive", "-File", HERE / "run.ps1"],
            input=lines,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=1800,
            check=True,
            cwd=empty,
        )
    found: list[tuple[str, str]] = []
    seen = 0
    for script, line in zip(scripts, answer.stdout.splitlines(), strict=True):
        row = json.loads(line)
        seen += len(row["paths"])
        if away := [path for path in row["paths"] if _ELSEWHERE.search(path)]:
            found.append((script, f"when it runs, a command is given {away[0]!r}"))
        if row["changed"]:
            found.append((script, "when it runs, it changes a file"))
    return found, seen
