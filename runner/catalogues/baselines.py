"""Lists of pages that are Exchange's own, as rows for the catalogue. Pure.

    with columns      the catalogue's own: path, sha256, first_build, last_build; what `exrun catalogue capture` writes
    without           SHA256,build,\\path on each line, as Microsoft's baselines of March 2021 have them: CSS-Exchange,
                      Security/Baselines, in UTF-8 with a byte order mark or in UTF-16, the build sometimes zero-padded

What stands in such a list makes a verdict better, so a line that cannot be read refuses the list, and somebody has to
have looked at it: see `reviewed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.catalogue.build import Build
from runner.catalogues.lists import MOST_BYTES, UnreadListError
from texts.delimited import rows, table_text
from texts.places import Location
from texts.problems import Problem

__all__ = ["Page", "read_baseline"]

_LINE = re.compile(r"(?P<hash>[0-9A-Fa-f]{64}),(?P<build>\d{1,5}(?:\.\d{1,5}){3}),\\?(?P<path>[^\\,\"].*)", re.ASCII)
_COLUMNS = ("path", "sha256", "first_build", "last_build")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page:
    """One page as builds of Exchange have it.

    Attributes:
        path: below Exchange's folder, with `\\`.
        sha256: 64 small hexadecimal digits.
        first_build, last_build: as 15.2.1748.53.
        builds: of how many builds the list says it; empty where it does not.
        source, licence: as far as the list tells.
    """

    path: str
    sha256: str
    first_build: str
    last_build: str
    builds: str = ""
    source: str = ""
    licence: str = ""


def read_baseline(data: bytes, file: str) -> tuple[Page, ...]:
    """The pages of a list, each path and hash once, with the builds from the first to the last that have it.

    Between the two another build may have other bytes, as in the catalogue's own table. Builds of different products
    are not joined: those of Exchange 2016 and 2019 stay rows of their own.

    Raises:
        UnreadListError: a line is no such row.
    """
    problems: list[Problem] = []
    text = table_text(data, file, problems, most_bytes=MOST_BYTES, advice="save it as UTF-8")
    if text is None:
        raise UnreadListError(problems[0])
    said = [line for line in text.split("\n") if line.strip() and not line.lstrip('"').startswith("#")]
    if not said:
        raise UnreadListError(Problem(Location(file), "has no line that says anything", "give a list of pages"))
    if _LINE.fullmatch(said[0].strip()):
        return _joined(_of_lines(text, file))
    return tuple(_of_table(text, file))


def _of_lines(text: str, file: str) -> Iterator[tuple[str, str, Build]]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(stripped)
        if found is None:
            what = "is no line of a baseline: SHA256,build,\\path"
            raise UnreadListError(Problem(Location(file, number), what, "give the list as it was published"))
        yield found["path"], found["hash"].lower(), Build.parse(found["build"])


def _joined(found: Iterator[tuple[str, str, Build]]) -> tuple[Page, ...]:
    groups: dict[tuple[str, str, tuple[int, int]], tuple[str, set[Build]]] = {}
    for path, sha256, build in found:
        key = path.casefold(), sha256, (build.major, build.minor)
        groups.setdefault(key, (path, set()))[1].add(build)
    return tuple(
        Page(path, sha256, str(min(builds)), str(max(builds)), str(len(builds)))
        for (_, sha256, _), (path, builds) in groups.items()
    )


def _of_table(text: str, file: str) -> Iterator[Page]:
    problems: list[Problem] = []
    lines = rows(text, file, problems, is_comment=lambda line, begun: line.lstrip('"').startswith("#"), one_line=True)
    header = next(lines, None)
    names = [] if header is None else [cell.text.strip().casefold() for cell in header]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        what = f"is no baseline: it has no column {', '.join(missing)}"
        raise UnreadListError(
            problems[0] if problems else Problem(Location(file, 1), what, "give path, sha256, first_build, last_build")
        )
    for line in lines:
        cells = {name: cell.text.strip() for name, cell in zip(names, line, strict=False)}
        if not _SHA256.fullmatch(cells.get("sha256", "")):
            what = "has no SHA-256"
            raise UnreadListError(Problem(Location(file, line[0].line), what, "give the list as it was written"))
        yield Page(
            cells.get("path", "").lstrip("\\"),
            cells["sha256"].lower(),
            cells.get("first_build", ""),
            cells.get("last_build", ""),
            *(cells.get(name, "") for name in ("builds", "source", "licence")),
        )
    if problems:
        raise UnreadListError(problems[0])
