"""A server whose files are judged, and files on it."""

from __future__ import annotations

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue
from playbooks.investigating.places import Server
from playbooks.investigating.webshells import FileVerdict, WebFile, judge

EXCHANGE = "C:\\Program Files\\Microsoft\\Exchange Server\\V15"
SERVER = Server(
    {
        "systemroot": "C:\\Windows",
        "windir": "C:\\Windows",
        "systemdrive": "C:",
        "programdata": "C:\\ProgramData",
        "exchangeinstallpath": f"{EXCHANGE}\\",
    },
    EXCHANGE,
)
SHIPPED = Catalogue.load()
LISTED_BUILD = Build.parse("15.2.858.5")  # of March 2021, the last of which pages are published
LATER_BUILD = Build.parse("15.2.2562.17")


def file(path: str, content: str | bytes, **said: object) -> WebFile:
    data = content.encode() if isinstance(content, str) else content
    return WebFile(path, len(data), content=data, **said)  # type: ignore[arg-type]


def judged(*files: WebFile, build: Build | None = LISTED_BUILD, catalogue: Catalogue = SHIPPED) -> list[FileVerdict]:
    return list(judge(files, (), build, catalogue, SERVER))


def ids(verdict: FileVerdict) -> set[str]:
    return {reason.id for reason in verdict.reasons}
