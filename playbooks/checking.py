"""What `exrun playbook lint` says of a path: a playbook, an action's folder, a script, or a folder of these.

Parameters that must be given have sample values here, so that scripts can be rendered and linted before anybody runs
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from playbooks.catalogue.catalogue import Catalogue
from playbooks.documents import read_playbook
from playbooks.errors import DocumentError, RenderingError
from playbooks.loading import TEMPLATES, collected, linted, load_action, ready, rendering_problem
from playbooks.model import CONTRACT
from playbooks.parameters import samples
from playbooks.rendering import render
from playbooks.shelf import Found, contents, shelf, text_in
from texts.places import Location
from texts.problems import Problem

__all__ = ["check"]


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
    playbooks = sorted(entry for entry in path.iterdir() if entry.suffix in (".yml", ".yaml") and entry.is_file())
    levels = ("*", "*/*", "actions/*/*")  # an area, a folder of areas, a folder beside playbooks
    actions = [found.parent for level in levels for found in sorted(path.glob(f"{level}/{CONTRACT}"))]
    if not playbooks and not actions:
        advice = "an action's folder has an action.yml, any other has playbooks (.yml) or actions/area/name/"
        return [Problem(Location(str(path)), "has nothing in it that can be checked", advice)]
    return [
        problem for place in (*playbooks, *actions) for problem in check(place, catalogue, search=search, styled=styled)
    ]


def _action(folder: Path, catalogue: Catalogue, styled: bool) -> list[Problem]:
    own = Path(str(resources.files("playbooks.actions")))
    built_in = folder.resolve().is_relative_to(own)
    name = f"{folder.resolve().parent.name}.{folder.resolve().name}"
    action = load_action(Found(name, str(folder), folder, built_in), catalogue)
    problems: list[Problem] = []
    collected(action, samples(action.contract.params, catalogue), problems, styled=styled)
    return problems


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
