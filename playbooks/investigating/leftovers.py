"""What ASP.NET has compiled of pages that are gone.

`x.aspx.<8 hex>.compiled` is an XML whose `virtualPath` is a page's address and whose `assembly` is the library beside
it (System.Web/Compilation/PreservationFileWriter of the reference source). Where no page stands at the address, one
was run and is gone. That there is none proves nothing: ASP.NET deletes both when the page is asked for again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from playbooks.investigating.decoding import decoded
from playbooks.investigating.document import Element, UnreadableXmlError, read
from playbooks.investigating.locations import PAGES, ending_of
from playbooks.investigating.places import comparable
from playbooks.investigating.verdicts import FileVerdict, Grade, Reason, Root, Written

__all__ = ["of_pages_gone"]

_SOURCE = "ASP.NET reference source, PreservationFileReader and BuildResultCache"
# resultType of what is a page, a handler, a service or a control: 2 and 3 have a type of their own, 5 a text.
_OF_PAGES = frozenset({"2", "3", "5", ""})
_NOTHING = "that no other is there proves nothing: ASP.NET deletes them when the page is asked for again"


@dataclass(frozen=True, slots=True)
class _Site:
    """Files and folders as they are compared."""

    there: Mapping[str, int]
    roots: Sequence[Root]
    unseen: tuple[str, ...]

    def pages(self, address: str) -> tuple[str, ...]:
        """Where a page of this address lies, once for each site: below the folder of the longest address."""
        deepest: dict[str, tuple[int, str]] = {}
        folded = address.casefold()
        for root in self.roots:
            below = root.address.rstrip("/").casefold()
            if not root.site or not folded.startswith(f"{below}/"):
                continue
            if len(below) >= deepest.get(root.site, (0, ""))[0]:
                rest = address[len(below) :].replace("/", "\\")
                deepest[root.site] = len(below), _same(f"{root.path}{rest}")
        return tuple(dict.fromkeys(path for _, path in deepest.values()))

    def is_seen(self, path: str) -> bool:
        """Whether all that lies there was told of."""
        return not any(path == each or path.startswith(f"{each}\\") for each in self.unseen)


def of_pages_gone(
    files: Sequence[Written], verdicts: Sequence[FileVerdict], roots: Sequence[Root], unseen: Collection[str]
) -> Mapping[int, tuple[Reason, ...]]:
    """What is to be said besides of files, by their place in `files`.

    Args:
        verdicts: what each of them comes to by itself.
        unseen: folders of which not all was told.
    """
    site = _Site({_same(each.path): at for at, each in enumerate(files)}, roots, tuple(_same(each) for each in unseen))
    found: dict[int, tuple[Reason, ...]] = {}
    for at, file in enumerate(files):
        ending = ending_of(file.path)
        if ending == "compiled" and file.content is not None:
            for index, reason in _compiled(at, file, verdicts, site):
                found[index] = (*found.get(index, ()), reason)
    return found


def _compiled(at: int, file: Written, verdicts: Sequence[FileVerdict], site: _Site) -> Iterator[tuple[int, Reason]]:
    root = _read(file)
    if root is None or root.name != "preserve":
        yield at, Reason("compiled.unreadable", Grade.UNKNOWN, "it cannot be read as what ASP.NET compiles")
        return
    address = root.get("virtualPath")
    if root.get("resultType").strip() not in _OF_PAGES or ending_of(address.replace("/", "\\")) not in PAGES:
        return
    in_bin = "\\bin\\" in _same(file.path)
    pages = site.pages(address)
    beside = _beside(file, address) if in_bin else ""
    candidates = dict.fromkeys((*pages, *((beside,) if beside else ())))
    present = [site.there[each] for each in candidates if each in site.there]
    if present:
        worst = min((verdicts[each] for each in present), key=lambda each: each.verdict.rank)
        if worst.verdict in (Grade.MALICIOUS, Grade.SUSPICIOUS):
            text = f"it is what ASP.NET compiled of {worst.path}, which is {worst.verdict.value}: so that was run"
            grade = Grade.SUSPICIOUS if worst.verdict is Grade.MALICIOUS else Grade.UNKNOWN
            yield at, Reason("compiled.of-suspect", grade, text, _SOURCE)
        return
    if not candidates:
        text = f"it is of {address}, and no folder is known that is served there"
        yield at, Reason("compiled.nowhere", Grade.UNKNOWN, text, _SOURCE)
        return
    if not all(site.is_seen(each) for each in candidates):
        text = f"it is of {address}, and whether that page is there was not seen"
        yield at, Reason("compiled.unclear", Grade.UNKNOWN, text, _SOURCE)
        return
    if in_bin:
        text = f"it serves {address}, of which there is no page: one that was compiled elsewhere and put into bin"
        reason = Reason("compiled.without-page", Grade.SUSPICIOUS, text, _SOURCE)
    else:
        text = f"a page {address} was run and is gone; {_NOTHING}"
        reason = Reason("compiled.page-gone", Grade.SUSPICIOUS, text, _SOURCE)
    yield at, reason
    name = root.get("assembly").partition(",")[0].strip()
    library = site.there.get(f"{_same(file.path).rpartition(chr(92))[0]}\\{name.casefold()}.dll") if name else None
    if library is not None:
        text = f"it has the code of {address}, of which there is no page; of others of its folder too, perhaps"
        yield library, Reason("compiled.library", Grade.SUSPICIOUS, text, _SOURCE)


def _same(path: str) -> str:
    """A path as it is compared, by whichever way it was opened."""
    return comparable(path.replace("/", "\\").removeprefix("\\\\?\\"))


def _read(file: Written) -> Element | None:
    try:
        return read(decoded(file.content or b"").text)
    except UnreadableXmlError:
        return None


def _beside(file: Written, address: str) -> str:
    """In a precompiled site, the page of a `.compiled` in `bin` lies in the folder of `bin` or below."""
    above = _same(file.path).rpartition("\\bin\\")[0]
    name = address.rpartition("/")[2]
    return _same(f"{above}\\{name}") if name else ""
