"""Runs the linter over many scripts, and what it accepts through check.ps1, which judges by PowerShell's own tree."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from playbooks.lint import lint
from playbooks.lint.syntax import parse
from playbooks.lint.tree import Command, Invoke, walk

HERE = Path(__file__).resolve().parent
ACTIONS = HERE.parents[3] / "playbooks" / "actions"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What came of a run: how many scripts, which the linter accepted, and what the real parser says against those."""

    scripts: int
    accepted: tuple[str, ...]
    against: tuple[tuple[str, str], ...]


def sources() -> tuple[list[str], list[str]]:
    """The scripts that must pass, with the built-in ones, and those that must not."""
    accepted = YAML(typ="safe").load(HERE.parent / "accepted.yml")
    refused = YAML(typ="safe").load(HERE.parent / "refused.yml")
    built_in = [path.read_text(encoding="utf-8") for path in sorted(ACTIONS.glob("*/*/collect.ps1.j2"))]
    return [*accepted, *(text for text in built_in if "{{" not in text)], [script for _, script in refused]


def judge(powershell: Path, scripts: Sequence[str]) -> Verdicts:
    """Every accepted script must have no harm in the real tree, and the commands there that the linter saw."""
    accepted = tuple(script for script in scripts if not lint(script, source="x"))
    against: list[tuple[str, str]] = []
    for script, answer in zip(accepted, check(powershell, accepted), strict=True):
        against += [(script, harm) for harm in answer["harm"]]
        if (theirs := sorted(answer["commands"])) != (ours := sorted(commands(script))):
            against.append((script, f"the trees differ: {sorted(set(ours) ^ set(theirs))}"))
        if sorted(answer["methods"]) != sorted(methods(script)):
            against.append((script, f"the trees differ: {answer['methods']}, {methods(script)}"))
    return Verdicts(len(scripts), accepted, tuple(against))


def check(powershell: Path, scripts: Sequence[str]) -> list[dict[str, list[str]]]:
    """What check.ps1 says about each script, in one process."""
    lines = "".join(json.dumps({"id": number, "text": script}) + "\n" for number, script in enumerate(scripts))
    answer = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", HERE / "check.ps1"],
        input=lines,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=3600,
        check=True,
    )
    assert not answer.stderr, answer.stderr[:2000]
    return [json.loads(line) for line in answer.stdout.splitlines()]


def commands(script: str) -> list[str]:
    """The commands that the linter saw, as check.ps1 writes them: offset, name, parameters."""
    return [
        " ".join(
            [
                str(_units(script, node.at)),
                node.name,
                *(f"-{item.name.lower()}" for item in node.arguments if item.name),
            ]
        )
        for node in walk(parse(script))
        if isinstance(node, Command)
    ]


def methods(script: str) -> list[str]:
    return [node.name for node in walk(parse(script)) if isinstance(node, Invoke)]


def _units(script: str, at: int) -> int:
    """An offset in UTF-16 units, as .NET counts."""
    return len(script[:at].encode("utf-16-le")) // 2
