"""What `exrun playbook lint` says of a path: a playbook, an action's folder, a script, or a folder of these.

Parameters that must be given have sample values here, so that scripts can be rendered and linted before anybody runs
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from playbooks.cases import case_files, cases_of, read_cases
from playbooks.catalogue.catalogue import Catalogue
from playbooks.documents import read_playbook
from playbooks.errors import DocumentError, RenderingError
from playbooks.loading import TEMPLATES, collected, linted, load_action, ready, rendering_problem
from playbooks.model import CONTRACT, Action
from playbooks.parameters import samples
from playbooks.rendering import render
from playbooks.shelf import Found, contents, shelf, text_in
from playbooks.surveying import What, survey, what_is
from texts.places import Location
from texts.problems import Problem

__all__ = ["Checked", "check", "checked"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, in the order in which it was, what is wrong with it, and what was passed over.

    Attributes:
        looked_at: paths, each with what it is; files of cases beside an action are part of it.
        passed_over: files of YAML that lie in a folder and are no playbooks and no actions, with what they are.
    """

    problems: tuple[Problem, ...]
    looked_at: tuple[tuple[Path, str], ...]
    passed_over: tuple[tuple[Path, str], ...]


def checked(
    paths: Sequence[Path], catalogue: Catalogue, *, search: Sequence[Path] = (), styled: bool = False
) -> Checked:
    """Everything that is wrong at these paths, as `check` says it, and what it was looked for in."""
    problems: list[Problem] = []
    looked_at: dict[Path, str] = {}
    passed_over: dict[Path, str] = {}
    for path in paths:
        problems += check(path, catalogue, search=search, styled=styled)
        if path.is_file():
            looked_at[path] = _word(path)
        elif not path.is_dir():
            continue
        elif (path / CONTRACT).is_file():
            looked_at[path] = What.ACTION
        else:
            found = survey(path)
            looked_at |= dict.fromkeys(found.playbooks, str(What.PLAYBOOK))
            looked_at |= dict.fromkeys(found.actions, str(What.ACTION))
            looked_at |= dict.fromkeys(found.cases, str(What.CASES))
            passed_over |= dict(found.others)
    return Checked(tuple(dict.fromkeys(problems)), tuple(looked_at.items()), tuple(passed_over.items()))


def _word(path: Path) -> str:
    if path.name in (CONTRACT, *TEMPLATES) and path.with_name(CONTRACT).is_file():
        return What.ACTION
    return "a script" if path.suffix in (".ps1", ".j2") else What.PLAYBOOK


def check(
    path: Path, catalogue: Catalogue, *, search: Sequence[Path] = (), styled: bool = False
) -> tuple[Problem, ...]:
    """Everything that is wrong at a path, in the order of files and lines; empty where nothing is.

    Args:
        styled: hold scripts and actions to the project's dialect too.
        search: folders of further actions that a playbook may use.

    Raises:
        PlaybookError: a folder of `search` does not exist.
    """
    try:
        problems = _check(path, catalogue, search, styled)
    except DocumentError as error:
        problems = list(error.problems)
    except OSError as error:
        what = f"cannot be looked into: {error.strerror or type(error).__name__}"
        problems = [Problem(Location(str(path)), what, "check its name and rights")]
    return tuple(dict.fromkeys(problems))


def _check(path: Path, catalogue: Catalogue, search: Sequence[Path], styled: bool) -> list[Problem]:
    if path.is_dir():
        return _folder(path, catalogue, search, styled)
    if not path.is_file():
        return [Problem(Location(str(path)), "there is no such file or folder", "correct the path")]
    if path.name in (CONTRACT, *TEMPLATES) and path.with_name(CONTRACT).is_file():
        return _action(path.parent, catalogue, styled)
    if path.suffix in (".yml", ".yaml"):
        if what_is(contents(path, str(path)), str(path)) is What.CASES:
            read_cases(path, str(path))
            return []
        return _playbook(path, catalogue, search)
    if path.name.endswith(".ps1.j2"):
        return _template(path, styled)
    if path.suffix == ".ps1":
        return linted(text_in(path, str(path)), str(path), styled=styled)
    advice = "give a playbook (.yml), an action's folder, a script (.ps1) or a template (.ps1.j2)"
    return [Problem(Location(str(path)), "is nothing that can be checked", advice)]


def _folder(path: Path, catalogue: Catalogue, search: Sequence[Path], styled: bool) -> list[Problem]:
    if (path / CONTRACT).is_file():
        return _action(path, catalogue, styled)
    found = survey(path)
    if not (found.playbooks or found.actions or found.cases or found.unreadable):
        advice = "an action's folder has an action.yml, any other has playbooks (.yml) or actions/area/name/"
        there = ", ".join(f"{other.name} is {what}" for other, what in found.others[:3])
        what = "has nothing in it that can be checked" + (f": {there}" if there else "")
        return [Problem(Location(str(path)), what, advice)]
    places = (*found.playbooks, *found.actions)
    problems = [each for place in places for each in check(place, catalogue, search=search, styled=styled)]
    return [*found.unreadable, *problems, *(each for place in found.cases for each in check(place, catalogue))]


def _action(folder: Path, catalogue: Catalogue, styled: bool) -> list[Problem]:
    own = Path(str(resources.files("playbooks.actions")))
    built_in = folder.resolve().is_relative_to(own)
    name = f"{folder.resolve().parent.name}.{folder.resolve().name}"
    action = load_action(Found(name, str(folder), folder, built_in), catalogue)
    problems: list[Problem] = []
    collected(action, samples(action.contract.params, catalogue), problems, styled=styled)
    problems.extend(_cases(action, folder, catalogue))
    return problems


def _cases(action: Action, folder: Path, catalogue: Catalogue) -> Iterator[Problem]:
    """What is wrong with the cases beside an action; `exrun playbook test` runs them."""
    for place in case_files(folder):
        try:
            document = read_cases(place, str(place))
            cases_of(document, action, catalogue)
        except DocumentError as error:
            yield from error.problems
            continue
        for number, each in enumerate(document.model.cases):
            if each.action not in (None, action.id):
                what = f"is not the action in whose folder it lies, {action.id}"
                yield Problem(document.at("cases", number, "action"), what, "remove it, or move the case")


def _playbook(path: Path, catalogue: Catalogue, search: Sequence[Path]) -> list[Problem]:
    document = read_playbook(contents(path, str(path)), str(path))
    own = Path(str(resources.files("playbooks.library")))
    beside = None if path.resolve().parent == own else path.parent
    found = Found(path.stem, str(path), path, beside is None)
    ready(found, document, shelf(search, beside), catalogue, lambda specs: samples(specs, catalogue), sampled=True)
    return []


def _template(path: Path, styled: bool) -> list[Problem]:
    text = text_in(path, str(path))
    try:
        script = render(text, {}, source=str(path))
    except RenderingError as error:
        return [rendering_problem(error, str(path))]
    return linted(script, str(path), styled=styled)
