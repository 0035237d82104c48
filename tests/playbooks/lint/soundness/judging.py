"""Runs the linter over many scripts, and what it accepts through a check of PowerShell's own tree: check.ps1 for names
and forms, origins.py for where values come from, shapes.py for whether both read the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ruamel.yaml import YAML

from playbooks.lint import lint
from playbooks.lint.syntax import parse
from playbooks.parts import assembled

from .origins import objections
from .real import Ast, read_tree
from .shapes import difference

HERE = Path(__file__).resolve().parent
ACTIONS = HERE.parents[3] / "playbooks" / "actions"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What came of a run: how many scripts, which the linter accepted, and what the real parser says against those."""

    scripts: int
    accepted: tuple[str, ...]
    against: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """What stands against a script by PowerShell's own tree, and that tree (nothing where it does not parse)."""

    against: tuple[str, ...]
    tree: Ast | None


def sources() -> tuple[list[str], list[str]]:
    """The scripts that must pass, with the built-in ones, and those that must not."""
    accepted = YAML(typ="safe").load(HERE.parent / "accepted.yml")
    refused = YAML(typ="safe").load(HERE.parent / "refused.yml")
    built_in = [assembled(path.read_text(encoding="utf-8")) for path in sorted(ACTIONS.glob("*/*/collect.ps1.j2"))]
    return [*accepted, *(text for text in built_in if "{{" not in text)], [script for _, script in refused]


def judge(powershell: Path, scripts: Sequence[str], known: Mapping[str, Check] = MappingProxyType({})) -> Verdicts:
    """Every accepted script must have nothing against it in the real tree, and the same tree for the linter.

    Args:
        known: what `check` has said of some of them already.
    """
    accepted = tuple(script for script in scripts if not lint(script, source="x"))
    against: list[tuple[str, str]] = []
    others = [script for script in accepted if script not in known]
    checked = {**known, **dict(zip(others, check(powershell, others), strict=True))}
    for script in accepted:
        found = checked[script]
        against += [(script, why) for why in found.against]
        if found.tree is not None and (other := difference(script, parse(script), found.tree)):
            against.append((script, f"the trees differ: {other}"))
    return Verdicts(len(scripts), accepted, tuple(against))


def check(powershell: Path, scripts: Sequence[str], *, changes: bool = False) -> list[Check]:
    """What stands against each script, whatever the linter says; one process of PowerShell.

    Args:
        changes: that they may run the commands that change, which check.ps1 names for itself.
    """
    rows = ({"id": number, "text": script, "changes": changes} for number, script in enumerate(scripts))
    lines = "".join(json.dumps(row) + "\n" for row in rows)
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
    found: list[Check] = []
    for script, line in zip(scripts, answer.stdout.splitlines(), strict=True):
        row = json.loads(line)
        tree = read_tree(row["tree"], script) if row["tree"] else None
        found.append(Check((*row["harm"], *(objections(tree) if tree is not None else ())), tree))
    return found
