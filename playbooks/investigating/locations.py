"""Whether a page may lie where it lies: locations.csv, the catalogue's paths, and names that imitate others.

A place never speaks for a file. What Exchange has there is told by path and build; whether it is that is told by its
bytes alone.

locations.csv: `anchor` is what `folder` lies in (`exchange`: Exchange's own folder; `anywhere`: any), a `*` in it is
one name; `below` says whether folders within it count; pages whose name is in `names` are not spoken against; `text`
and `source` are what is said of the others.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue
from playbooks.investigating.places import Server, Standing, comparable, place
from playbooks.investigating.verdicts import Grade, Reason, Root

__all__ = ["PAGES", "Surroundings", "ending_of", "name_of", "of_exchange", "spoken_against"]

# What ASP.NET or ASP runs where nobody has mapped anything else (applicationHost.config of Windows Server 2012 R2 to
# 2022; ASP's .asa .cer .cdx of older ones, which administrators carried on).
PAGES = frozenset(
    {
        *("asa", "asax", "ascx", "ashx", "asmx", "asp", "aspq", "aspx", "cdx", "cer", "cshtm", "cshtml", "htr", "idc"),
        *("master", "rem", "shtm", "shtml", "soap", "stm", "svc", "vbhtm", "vbhtml", "xamlx", "xoml"),
    }
)
# Names under which shells of March 2021 and later imitated Exchange or IIS (MSTIC feed; signature-base iocs,
# BackdoorDiplomacy), or that several actors used as they stood. Anywhere such a name is at most a hint, so it counts in
# Exchange's folders and right below wwwroot.
_IMITATIONS = frozenset(
    {
        *("redirsuiteserverproxy", "outlooken", "outlookzh", "outlookjp", "outlookru", "errorfs", "errorff", "erroree"),
        *("erroreew", "errorew", "errorpage", "supp0rt", "httpproxy", "aspnet_iisstart", "aspnet_client", "iispage"),
        *(
            "logg",
            "shel",
            "shel2",
            "shel90",
            "shell",
            "one1",
            "discover",
            "8lw7tahf9i1pjnro",
            "iisstart",
            "timeoutlogoff",
        ),
        *("multiup", "aspnettest", "newmantest", "poc", "load", "sol", "document", "default1", "fatal-erro", "log"),
    }
)
# Names that nobody but Exchange uses: elsewhere they imitate it.
_OF_EXCHANGE_ALONE = frozenset(
    {"errorfe.aspx", "redirsuiteserviceproxy.aspx", "outlookcn.aspx", "timeoutlogout.aspx", "svmfeedback.aspx"}
)
_WEB_FOLDERS = ("frontend\\httpproxy", "clientaccess")
_MSTIC = "MSTIC feed of March 2021; signature-base iocs"


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    anchor: str
    folder: tuple[str, ...]
    below: bool
    names: frozenset[str]
    grade: Grade
    text: str
    source: str

    def fits(self, names: tuple[str, ...]) -> bool:
        """Whether a folder of these names is meant: below Exchange's folder, or from a drive on."""
        if self.anchor == "anywhere":
            length = len(self.folder)
            starts = [at for at in range(len(names) - length + 1) if names[at : at + length] == self.folder]
            return any(self.below or at + length == len(names) for at in starts)
        if len(names) < len(self.folder) or (len(names) > len(self.folder) and not self.below):
            return False
        return all(each in ("*", name) for each, name in zip(self.folder, names, strict=False))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a place is judged by.

    Attributes:
        applications: comparable paths of folders below wwwroot that belong to somebody's application: there is a
            global.asax or a `bin` with libraries in them.
        build: Exchange's, or None where it is not known.
    """

    server: Server
    build: Build | None
    catalogue: Catalogue
    roots: tuple[Root, ...]
    applications: frozenset[str]


@cache
def _rows() -> tuple[_Row, ...]:
    text = resources.files("playbooks.investigating").joinpath("locations.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(
        _Row(
            row["id"],
            row["anchor"],
            tuple(name for name in row["folder"].casefold().split("\\") if name),
            row["below"] == "yes",
            frozenset(row["names"].casefold().split()),
            Grade(row["grade"]),
            row["text"],
            row["source"],
        )
        for row in csv.DictReader(lines)
    )


def name_of(path: str) -> str:
    """The last name of a path, in lower case, as Windows takes it."""
    return comparable(path).rpartition("\\")[2]


def ending_of(path: str) -> str:
    """What stands behind the last dot of its name, in lower case; empty for none."""
    return name_of(path).rpartition(".")[2] if "." in name_of(path) else ""


def of_exchange(path: str, server: Server) -> str | None:
    """The path below Exchange's folder, in lower case; None where it is not below it."""
    folder, whole = comparable(server.exchange), comparable(path)
    if not folder or not whole.startswith(f"{folder}\\"):
        return None
    return whole[len(folder) + 1 :]


def spoken_against(path: str, runs: bool, inert: bool, around: Surroundings) -> Iterator[Reason]:
    """What a file's place and name say against it.

    Args:
        runs: whether IIS would run it, by its ending or by what it holds.
        inert: whether all that it would do is known and harmless, such as a redirection.
    """
    yield from _hidden(path)
    if not runs:
        return
    below, name = of_exchange(path, around.server), name_of(path)
    if below is not None and around.catalogue.pages_at(below):
        return  # it may be what Exchange has there: its bytes decide
    found = tuple(_by_folder(path, below, name, around)) or tuple(_by_server(path, below, inert, around))
    yield from found
    yield from _imitation(path, below, name, around)


def _hidden(path: str) -> Iterator[Reason]:
    names = path.replace("/", "\\").removeprefix("\\\\?\\").split("\\")
    odd = next((name for name in names if name != name.rstrip(" .") and name not in (".", "..")), None)
    if odd is not None or any(not each.isprintable() for each in path):
        text = (
            "its path has a name that most programs cannot show or open: it ends in a dot or blank, "
            "or has characters that do not show"
        )
        yield Reason("location.hidden-name", Grade.SUSPICIOUS, text, "Windows: Naming Files, Paths, and Namespaces")
    if ":" in path.replace("/", "\\").removeprefix("\\\\?\\")[2:]:
        yield Reason("location.stream", Grade.SUSPICIOUS, "it lies in an alternate stream of another file")


def _by_folder(path: str, below: str | None, name: str, around: Surroundings) -> Iterator[Reason]:
    whole = tuple(comparable(path).split("\\")[:-1])
    inside = None if below is None else tuple(below.split("\\")[:-1])
    for row in _rows():
        names = whole if row.anchor == "anywhere" else inside
        if names is not None and row.fits(names):
            if name not in row.names:
                yield Reason(f"location.{row.id}", row.grade, row.text, row.source)
            return


def _by_server(path: str, below: str | None, inert: bool, around: Surroundings) -> Iterator[Reason]:
    if below is not None:
        yield from _in_exchange(below, around)
        return
    folder = path.replace("/", "\\").rpartition("\\")[0]
    found = place(folder, around.server)
    if found.standing is Standing.HIDDEN:
        source = "signature-base expl_proxyshell.yar (virtual directories of actors)"
        yield Reason("location.hidden-place", Grade.SUSPICIOUS, f"it lies where no page belongs: {found.why}", source)
        return
    if _stray(path, around):
        text = "it lies right in wwwroot, where Exchange and IIS have no page, and belongs to no application there"
        grade = Grade.UNKNOWN if inert else Grade.SUSPICIOUS
        yield Reason("location.wwwroot", grade, text, "CSS-Exchange baselines; CompareExchangeHashes.ps1")


def _in_exchange(below: str, around: Surroundings) -> Iterator[Reason]:
    source = "CSS-Exchange baselines"
    if not any(below.startswith(f"{folder}\\") for folder in _WEB_FOLDERS):
        text = "in no build does Exchange have a page in this folder, and none of its sites serves from it"
        yield Reason("location.outside-web-folders", Grade.SUSPICIOUS, text, source)
        return
    if around.build in around.catalogue.builds_of_pages:
        text = f"no build that is listed has a page of this path, and this server's is one of these ({around.build})"
        yield Reason("location.not-of-exchange", Grade.SUSPICIOUS, text, source)
    else:
        text = "no build that is listed has a page of this path, and this server's is none of these"
        yield Reason("location.not-listed", Grade.UNKNOWN, text, source)


def _stray(path: str, around: Surroundings) -> bool:
    folder = comparable(path).rpartition("\\")[0]
    wwwroot = f"{around.server.system_drive or 'c:'}\\inetpub\\wwwroot"
    return folder == wwwroot and folder not in around.applications


def _imitation(path: str, below: str | None, name: str, around: Surroundings) -> Iterator[Reason]:
    stem = name.rpartition(".")[0]
    if name in _OF_EXCHANGE_ALONE:
        text = f"{name} is a page of Exchange, which has none of this name here"
        yield Reason("location.imitation", Grade.SUSPICIOUS, text, _MSTIC)
    elif stem in _IMITATIONS and (below is not None or _stray(path, around) or "\\aspnet_client\\" in path.casefold()):
        text = f"{name} is a name under which web shells imitated pages of Exchange or IIS"
        yield Reason("location.imitation", Grade.SUSPICIOUS, text, _MSTIC)
