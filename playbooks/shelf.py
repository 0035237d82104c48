"""Where playbooks and actions lie.

- A playbook is named by a path (it has a `/` or ends in .yml or .yaml) or by its name: NAME.yml in one of the
  `--search` folders, or a playbook of this version.
- An action `area.name` is the folder actions/area/name beside the playbook's file, in one of the `--search` folders, or
  of this version. The same id in two of them is an error: which one runs on a server must not hang on an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from playbooks.documents import MOST_BYTES
from playbooks.errors import DocumentError, PlaybookError
from playbooks.model import CONTRACT
from texts.encoding import decode, too_large
from texts.places import Location
from texts.problems import Problem
from texts.spelling import suggestion

__all__ = ["Found", "Shelf", "contents", "find", "shelf", "text_in"]


BUILT_IN = "exrun:"


@dataclass(frozen=True, slots=True)
class Found:
    """A playbook's file or an action's folder. `name` is its name or id, `source` where it is, for people."""

    name: str
    source: str
    place: Traversable
    built_in: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every playbook and action within reach, by name; what stands twice is there twice."""

    playbooks: tuple[Found, ...]
    actions: tuple[Found, ...]

    def action(self, name: str) -> tuple[Found, ...]:
        """The actions of an id."""
        return tuple(found for found in self.actions if found.name == name)


def shelf(search: Sequence[Path], beside: Path | None = None) -> Shelf:
    """What can be found: in this version, in the `search` folders, and `beside` a playbook's file.

    Raises:
        PlaybookError: a folder of `search` does not exist, or one may not be looked into.
    """
    for folder in search:
        if not folder.is_dir():
            raise PlaybookError("there is no such folder", "correct --search", source=str(folder))
    try:
        return _shelf(search, beside)
    except OSError as error:
        what = f"cannot be looked into: {error.strerror or type(error).__name__}"
        raise PlaybookError(what, "check its rights", source=str(error.filename or "")) from None


def _shelf(search: Sequence[Path], beside: Path | None) -> Shelf:
    playbooks = list(_playbooks(resources.files("playbooks.library"), BUILT_IN, built_in=True))
    actions = list(_actions(resources.files("playbooks.actions"), BUILT_IN, built_in=True))
    # A folder that is named twice is one folder; messages name it as it was written.
    folders = {folder.resolve(): folder for folder in (*([beside] if beside else []), *search)}
    for folder in folders.values():
        playbooks.extend(_playbooks(folder, f"{folder}/", built_in=False))
        if (folder / "actions").is_dir():
            actions.extend(_actions(folder / "actions", f"{folder / 'actions'}/", built_in=False))
    return Shelf(tuple(playbooks), tuple(actions))


def _playbooks(folder: Traversable, source: str, *, built_in: bool) -> Iterator[Found]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        stem, dot, ending = entry.name.rpartition(".")
        if dot and ending in ("yml", "yaml") and entry.is_file():
            yield Found(stem, f"{source}{entry.name}", entry, built_in)


def _actions(folder: Traversable, source: str, *, built_in: bool) -> Iterator[Found]:
    for area in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not area.is_dir():
            continue
        for action in sorted(area.iterdir(), key=lambda entry: entry.name):
            if action.is_dir() and action.joinpath(CONTRACT).is_file():
                yield Found(f"{area.name}.{action.name}", f"{source}{area.name}/{action.name}", action, built_in)


def find(wanted: str, search: Sequence[Path]) -> tuple[Found, Path | None]:
    """A playbook by its path or its name, and the folder beside which its actions are; None of one of this version.

    Raises:
        PlaybookError: there is none, or more than one.
    """
    if "/" in wanted or "\\" in wanted or wanted.endswith((".yml", ".yaml")):
        path = Path(wanted)
        if not _is_file(path):
            raise PlaybookError("there is no such file", "correct the path", source=wanted)
        return Found(path.stem, wanted, path, built_in=False), path.parent
    known = shelf(search).playbooks
    named = [found for found in known if found.name == wanted]
    match named:
        case [found]:
            return found, None if found.built_in or not isinstance(found.place, Path) else found.place.parent
        case []:
            there = f"there are: {', '.join(sorted({found.name for found in known}))}"
            near = suggestion(wanted, [found.name for found in known], otherwise=there)
            raise PlaybookError("there is no such playbook", near, source=wanted)
        case _:
            places = " and ".join(found.source for found in named)
            raise PlaybookError(f"stands in {places}", "give the path of one, or rename one", source=wanted)


def _is_file(path: Path) -> bool:
    """Whether a file stands there; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def contents(place: Traversable, source: str) -> bytes:
    """The bytes of a file. Raises DocumentError where it cannot be read or is larger than MOST_BYTES."""
    try:
        data = place.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DocumentError([Problem(Location(source), f"cannot be read: {reason}", "check the path")]) from None
    if len(data) > MOST_BYTES:
        raise DocumentError([too_large(source, MOST_BYTES)])
    return data


def text_in(place: Traversable, source: str) -> str:
    """The text of a script or template. Raises DocumentError as `contents` does, and where it is not UTF-8."""
    problems: list[Problem] = []
    text = decode(contents(place, source), source, problems, most_bytes=MOST_BYTES, only_utf8=True)
    if text is None:
        raise DocumentError(problems)
    return text
