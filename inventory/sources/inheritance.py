"""What a host inherits: its own settings over those of its groups, inner over outer, over those of its client.

Two groups that set one thing differently, neither of them inside the other, are an error where they meet: the order
of a list must not decide which server is reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from texts.places import Location
from texts.problems import Problem
from texts.spelling import suggestion

DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Setting:
    """A value as text or number, where it was set, and by which group; no group means the client or the host."""

    value: object
    at: Location
    group: str | None = None


Settings = Mapping[str, Setting]  # by name; labels as `labels.site`


@dataclass(frozen=True, slots=True)
class GroupDraft:
    """A group as written. `parents` are the groups it is in, each with the place that says so."""

    name: str
    at: Location
    settings: Settings
    parents: tuple[tuple[str, Location], ...]


class Groups:
    """The groups of one client, resolved outer ones first."""

    def __init__(self, drafts: Iterable[GroupDraft], problems: list[Problem]) -> None:
        """Adds unknown references, cycles and disagreements to `problems`."""
        self._problems = problems
        self._drafts = {draft.name: draft for draft in drafts}
        self._settings: dict[str, dict[str, Setting]] = {}
        self._above: dict[str, frozenset[str]] = {}
        self._depth: dict[str, int] = {}
        self.broken: set[str] = set()
        self._resolve()

    def holding(self, names: Iterable[str]) -> frozenset[str]:
        """The known ones of `names`, and all groups that these are in."""
        known = [name for name in names if name in self._drafts]
        return frozenset(known).union(*(self._above.get(name, frozenset()) for name in known))

    def known(self, references: Iterable[tuple[str, Location]]) -> list[str]:
        """The references that exist; the others become problems."""
        found: list[str] = []
        for name, at in references:
            if name not in self._drafts:
                advice = suggestion(name, self._drafts, otherwise="add it to the client's `groups`, or remove it here")
                self._problems.append(Problem(at, f"there is no group {shown(name)} in this client", advice))
            elif name in found:
                self._problems.append(Problem(at, f"the group {shown(name)} is listed twice", "remove one"))
            else:
                found.append(name)
        return found

    def inherited(self, names: Iterable[str], own: Settings, at: Location) -> dict[str, Setting]:
        """`own` over what the groups `names` say."""
        merged: dict[str, Setting] = {}
        for name in names:
            for key, setting in self._settings.get(name, {}).items():
                if key in own:
                    continue
                held = merged.get(key)
                if held is None or self._inside(setting.group, held.group):
                    merged[key] = setting
                elif held.value != setting.value and not self._inside(held.group, setting.group):
                    self._problems.append(
                        Problem(
                            at,
                            f"the groups {shown(held.group or '')} and {shown(setting.group or '')} differ in `{key}`",
                            f"set `{key}` here, or put one group inside the other",
                        )
                    )
        merged.update(own)
        return merged

    def _inside(self, inner: str | None, outer: str | None) -> bool:
        return outer in self._above.get(inner or "", ())

    def _resolve(self) -> None:
        parents = {name: self.known(draft.parents) for name, draft in self._drafts.items()}
        children: dict[str, list[str]] = {name: [] for name in parents}
        waiting = {name: len(above) for name, above in parents.items()}
        for name, above in parents.items():
            for parent in above:
                children[parent].append(name)
        ready = [name for name, count in waiting.items() if count == 0]
        for name in ready:  # grows while it is read: outer groups first
            self._inherit(name, parents[name])
            for child in children[name]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)
        self.broken.update(name for name, count in waiting.items() if count)
        self._report_cycles({name: [p for p in parents[name] if waiting[p]] for name in parents if waiting[name]})

    def _inherit(self, name: str, parents: list[str]) -> None:
        draft = self._drafts[name]
        self._depth[name] = 1 + max((self._depth[parent] for parent in parents), default=0)
        if self._depth[name] > DEEPEST:
            if self._depth[name] == DEEPEST + 1:
                self._problems.append(Problem(draft.at, f"groups are nested deeper than {DEEPEST} levels"))
            self.broken.add(name)
            return
        self._above[name] = self.holding(parents)
        self._settings[name] = self.inherited(parents, draft.settings, draft.at)

    def _report_cycles(self, remaining: Mapping[str, list[str]]) -> None:
        seen: set[str] = set()
        for start in remaining:
            walked: list[str] = []
            name = start
            while name not in seen and name not in walked:
                walked.append(name)
                name = remaining[name][0]
            if name in walked:
                cycle = [*walked[walked.index(name) :], name]
                at = next(at for parent, at in self._drafts[name].parents if parent == cycle[1])
                way = " in ".join(shown(step) for step in cycle)
                self._problems.append(Problem(at, f"the groups form a circle: {way}", "remove one of these"))
            seen.update(walked)


def shown(name: str) -> str:
    """A name in a message: quoted, cut, and without anything that a terminal would obey."""
    safe = "".join(character if character.isprintable() else f"U+{ord(character):04X}" for character in name[:100])
    return f"`{safe}`"
