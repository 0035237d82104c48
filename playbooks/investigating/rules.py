"""webshells.yar, tried on the views of a file with yara-x, which is loaded when the first file is looked into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from playbooks.investigating.verdicts import Grade, Reason

if TYPE_CHECKING:
    import yara_x

__all__ = ["VIEWS", "Rule", "matches", "rules"]

VIEWS = ("raw", "text", "markup", "code", "page")
MARKS = 8  # texts of one rule that are shown


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with all that it says of itself."""

    name: str
    id: str
    grade: Grade
    what: str
    reference: str
    false_positives: str

    @property
    def reason(self) -> Reason:
        """What a match comes to."""
        return Reason(self.id, self.grade, self.what, f"rule {self.name}: {self.reference}")


@cache
def _compiled() -> yara_x.Rules:
    import yara_x

    compiler = yara_x.Compiler()
    compiler.define_global("view", "")
    compiler.add_source(
        resources.files("playbooks.investigating").joinpath("webshells.yar").read_text(encoding="utf-8")
    )
    return compiler.build()


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule by its name."""
    found = {}
    for rule in _compiled():
        said = {name: str(value) for name, value in rule.metadata}
        found[rule.identifier] = Rule(
            rule.identifier, said["id"], Grade(said["grade"]), said["what"], said["reference"], said["false_positives"]
        )
    return found


def matches(views: Mapping[str, bytes]) -> Iterator[Rule]:
    """The rules that one of the views has, each once.

    Args:
        views: by name, those of `VIEWS` that there are.
    """
    import yara_x

    scanner = yara_x.Scanner(_compiled())
    seen = set()
    for view, data in views.items():
        scanner.set_global("view", view)
        for match in scanner.scan(data).matching_rules:
            if match.identifier not in seen:
                seen.add(match.identifier)
                yield rules()[match.identifier]
