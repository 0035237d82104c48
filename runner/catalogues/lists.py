"""Lists of known-bad files that others publish, as rows for the catalogue. Pure.

    .json        STIX 2.1 or 2.0: indicators, in a bundle or alone, whose pattern names the SHA-256 of a file
    .csv         a table with a column for the hash: the catalogue's own columns, or what PowerShell's
                 `Get-FileHash | Export-Csv` and feeds such as Microsoft's of March 2021 call it
    otherwise    a hash on each line, alone or before a name, as sha256sum writes it

What is no statement about one file is left out, and why is told: a pattern that asks for more than the file (another
observation must follow), a comparison that is denied, other kinds of hash. A list says of files that they are bad; that
one is harmless no list can say here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from texts.delimited import Cell, rows, table_text
from texts.places import Location
from texts.problems import Problem

__all__ = ["MOST_BYTES", "Listed", "ReadList", "UnreadListError", "read_list"]

MOST_BYTES = 16 * 1024 * 1024  # of one file
_MOST_PATTERN = 64 * 1024  # characters: a pattern of hundreds of hashes
_LONGEST = 300  # characters of a text that a list has about a file
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_OTHER_HASH = re.compile(r"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})", re.ASCII)
_SUM = re.compile(r"(?P<hash>[0-9A-Fa-f]{64})(?:[ \t]+\*?(?P<name>.+))?", re.ASCII)
_HASH_COLUMNS = ("sha256", "sha-256", "sha256hash", "hash", "indicator", "ioc", "value")
_WHAT_COLUMNS = ("what", "description", "name", "title", "threat", "comment", "path", "filename")
_URL_COLUMNS = ("url", "reference", "link")
_KIND_COLUMNS = ("algorithm", "indicatortype", "type")
_SHA256_KINDS = ("sha256", "sha-256", "filehash-sha256", "sha256hash", "filehash", "hash", "")


class UnreadListError(Exception):
    """The file is none of these lists.

    Attributes:
        problem: what is wrong, where, and what to do.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


@dataclass(frozen=True, slots=True)
class Listed:
    """One file that a list calls bad; texts are empty where the list has none.

    Attributes:
        sha256: 64 small hexadecimal digits.
        what: what the list says that it is.
        source: who says so.
        licence: under which, as far as the list tells: a column of it, or the marking of a STIX object (TLP:GREEN).
    """

    sha256: str
    what: str = ""
    source: str = ""
    licence: str = ""
    author: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ReadList:
    """What a file says.

    Attributes:
        form: what it is, for people.
        rows: each hash once, in the order of the file.
        left_out: how many things were left out, by the reason.
    """

    form: str
    rows: tuple[Listed, ...]
    left_out: Mapping[str, int]


def read_list(data: bytes, file: str) -> ReadList:
    """Reads a list, by what the file is called and what it holds.

    Raises:
        UnreadListError: it is too large, no text, or none of these lists; or it names no SHA-256 at all.
    """
    left: Counter[str] = Counter()
    text = _text(data, file)
    if text.lstrip()[:1] in ("{", "["):
        form, found = "STIX", _of_stix(text, file, left)
    elif file.casefold().endswith((".csv", ".tsv")) or _has_header(text):
        form, found = "CSV", _of_table(text, file, left)
    else:
        form, found = "hashes", _of_lines(text, left)
    kept: dict[str, Listed] = {}
    for row in found:
        kept.setdefault(row.sha256, row)
    if not kept:
        reasons = "; ".join(f"{count} {why}" for why, count in left.items()) or "nothing stands in it"
        what = f"names the SHA-256 of no file ({reasons})"
        raise UnreadListError(Problem(Location(file), what, "give a list of SHA-256, as CSV, STIX or a hash a line"))
    return ReadList(form, tuple(kept.values()), dict(left))


def _text(data: bytes, file: str) -> str:
    problems: list[Problem] = []
    text = table_text(data, file, problems, most_bytes=MOST_BYTES, advice="save it as UTF-8")
    if text is None:
        raise UnreadListError(problems[0])
    return text


def _said(text: object) -> str:
    """A text of a list as one line that may be shown and stand in a cell: no control characters, no formula."""
    if not isinstance(text, str):
        return ""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(shown.split())[:_LONGEST].lstrip("=+-@ ")


# A hash on each line


def _of_lines(text: str, left: Counter[str]) -> Iterator[Listed]:
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _SUM.fullmatch(stripped)
        if found is None:
            left[_why_no_hash(stripped.split()[0])] += 1
            continue
        yield Listed(found["hash"].lower(), what=_said(found["name"]))


def _why_no_hash(cell: str) -> str:
    return "of another kind of hash" if _OTHER_HASH.fullmatch(cell) else "not a SHA-256"


# Tables


def _has_header(text: str) -> bool:
    """Whether the first line that says something names columns, one of which is that of the hash."""
    for line in text.split("\n"):
        if line.strip() and not line.startswith(("#", "sep=")):
            names = {name.strip().strip('"').casefold() for name in re.split(r"[,;\t]", line)}
            return len(names) > 1 and not names.isdisjoint(_HASH_COLUMNS)
    return False


def _of_table(text: str, file: str, left: Counter[str]) -> Iterator[Listed]:
    problems: list[Problem] = []
    lines = rows(text, file, problems, is_comment=lambda line, begun: line.lstrip('"').startswith("#"), one_line=False)
    header = next(lines, None)
    names = [] if header is None else [cell.text.strip().casefold() for cell in header]
    at = _first(names, _HASH_COLUMNS)
    if at is None:
        columns = ", ".join(_HASH_COLUMNS[:4])
        what, advice = "has no column for the hash", f"call it one of {columns}"
        raise UnreadListError(problems[0] if problems else Problem(Location(file, 1), what, advice))
    kind = _first(names, _KIND_COLUMNS)
    texts = [_first(names, wanted) for wanted in (_WHAT_COLUMNS, ("source",), ("licence",), ("author",), _URL_COLUMNS)]
    for line in lines:
        cell = _cell(line, at)
        if kind is not None and _cell(line, kind).casefold() not in _SHA256_KINDS:
            left["of another kind"] += 1
        elif not _SHA256.fullmatch(cell):
            left[_why_no_hash(cell)] += 1
        else:
            yield Listed(cell.lower(), *(_said(_cell(line, place)) for place in texts))
    if problems:
        raise UnreadListError(problems[0])


def _first(names: list[str], wanted: Iterable[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _cell(line: list[Cell], place: int | None) -> str:
    return line[place].text.strip() if place is not None and place < len(line) else ""


# STIX


def _of_stix(text: str, file: str, left: Counter[str]) -> Iterator[Listed]:
    objects = _objects(text, file)
    names = {each.get("id"): _said(each.get("name")) for each in objects if each.get("type") == "identity"}
    markings = {each.get("id"): _marking(each) for each in objects if each.get("type") == "marking-definition"}
    for each in objects:
        if each.get("type") != "indicator":
            continue
        if each.get("revoked") is True:
            left["revoked"] += 1
            continue
        pattern = each.get("pattern")
        if each.get("pattern_type", "stix") != "stix" or not isinstance(pattern, str):
            left["with a pattern that is not STIX's"] += 1
            continue
        hashes, why = _hashes_in(pattern)
        if not hashes:
            left[why] += 1
        marks = each.get("object_marking_refs")
        licences = [markings.get(mark, "") for mark in marks] if isinstance(marks, list) else []
        about = Listed(
            "",
            what=_said(each.get("name")) or _said(each.get("description")),
            source=names.get(each.get("created_by_ref"), ""),
            licence=" ".join(filter(None, licences)),
            url=_reference(each),
        )
        for sha256 in hashes:
            yield Listed(sha256, about.what, about.source, about.licence, about.author, about.url)


def _objects(text: str, file: str) -> list[Mapping[str, object]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadListError(Problem(Location(file), "is not JSON", "give it as it was published")) from None
    found = document.get("objects") if isinstance(document, dict) and document.get("type") == "bundle" else document
    objects = found if isinstance(found, list) else [found]
    if not any(isinstance(each, dict) and isinstance(each.get("type"), str) for each in objects):
        what = "is JSON, and no bundle of STIX objects"
        raise UnreadListError(Problem(Location(file), what, "give a STIX bundle, or its indicators"))
    return [each for each in objects if isinstance(each, dict)]


def _marking(definition: Mapping[str, object]) -> str:
    """A name such as TLP:GREEN; STIX 2.0 and 2.1 have it in a member of the definition."""
    inner = definition.get("definition")
    if definition.get("definition_type") == "tlp" and isinstance(inner, dict) and isinstance(inner.get("tlp"), str):
        return f"TLP:{_said(inner['tlp']).upper()}"
    return _said(definition.get("name"))


def _reference(indicator: Mapping[str, object]) -> str:
    references = indicator.get("external_references")
    for each in references if isinstance(references, list) else ():
        if isinstance(each, dict) and (url := _said(each.get("url"))):
            return url
    return ""


def _hashes_in(pattern: str) -> tuple[tuple[str, ...], str]:
    """The files that a pattern finds by their SHA-256 alone; without one, why it has none.

    Within one observation all comparisons are about one file: that it has a name as well, or an MD5, takes nothing from
    the hash. An observation that only counts together with another one says nothing of the file by itself.
    """
    from stix2patterns.exceptions import ParseException  # type: ignore[import-untyped]  # its parser takes a moment
    from stix2patterns.v21.pattern import Pattern  # type: ignore[import-untyped]

    if len(pattern) > _MOST_PATTERN:
        return (), f"with a pattern of more than {_MOST_PATTERN} characters"
    try:
        found = Pattern(pattern).inspect()
    except (ParseException, RecursionError):
        return (), "with a pattern that cannot be read"
    if found.observation_ops - {"OR"}:
        return (), "that hold only together with something else"
    hashes: dict[str, None] = {}
    for path, operator, value in found.comparisons.get("file", ()):
        is_sha256 = len(path) == 2 and path[0] == "hashes" and str(path[1]).casefold() in ("sha-256", "sha256")
        if is_sha256 and operator in ("=", "IN"):
            hashes.update((each.lower(), None) for each in re.findall(r"'([0-9A-Fa-f]{64})'", value))
    return tuple(hashes), "without the SHA-256 of a file"
