"""Which folders IIS serves, and whether one of them is, or may be, a certain folder of this server.

For what is moved out of IIS's reach: it has to be surely out of it. So every physicalPath of the file counts, wherever
it stands, and what cannot be followed is never taken for a folder elsewhere: a section that lies in another file or is
encrypted, a redirected configuration, a variable that is not known here, a share, a path past Windows' rules for names.
A junction is not seen from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from playbooks.actions.iis.configuration.files import HOST, REDIRECTION, NotWholeError, server_of, whole_text
from playbooks.investigating.document import Element, UnreadableXmlError, read
from playbooks.investigating.places import Server, comparable, on_a_drive
from playbooks.observation import Observed
from playbooks.values import Record, text_of

__all__ = ["NotKnownError", "Served", "configuration_of", "folders_of", "served"]

# What stands around a folder in applicationHost.config, from `system.applicationHost` down.
_AROUND = frozenset(
    {
        "configuration",
        "system.applicationHost",
        "sites",
        "site",
        "application",
        "virtualDirectory",
        "siteDefaults",
        "applicationDefaults",
        "virtualDirectoryDefaults",
    }
)
# With one of these an element's content is elsewhere, or not legible.
_ELSEWHERE = ("configSource", "childSource", "configProtectionProvider")
_PAST_THE_RULES = ("\\\\?\\", "\\\\.\\", "\\??\\")
_SHORT_NAME = re.compile(r"~[0-9]")


class NotKnownError(ValueError):
    """Which folders IIS serves is not known; the text says why."""


@dataclass(frozen=True, slots=True)
class Served:
    """A folder that IIS serves: its path as written, and where that leads; empty where it is not known."""

    written: str
    path: str

    def may_reach(self, folder: str) -> bool:
        """Whether a folder right below a drive's root, whose name begins like this, is served by it, or may be."""
        folder = folder.casefold()
        return not self.path or self.path == folder[:2] or self.path.startswith(folder)


def configuration_of(observed: Observed) -> Element | None:
    """The root of applicationHost.config; None where there is no such file, and so no IIS.

    Raises:
        NotKnownError: it was not read, not to its end, or IIS reads another one.
    """
    redirection = _read(REDIRECTION, observed)
    return _in_force(_read(HOST, observed), redirection)


def served(observed: Observed) -> tuple[Served, ...]:
    """Every folder that IIS serves, of what iis/files.ps1.j2 says.

    Raises:
        NotKnownError: see `folders_of`; or a file was not read, or not to its end.
    """
    return folders_of(_read(HOST, observed), _read(REDIRECTION, observed), server_of(observed))


def folders_of(host: Element | None, redirection: Element | None, server: Server) -> tuple[Served, ...]:
    """Every folder that is named in applicationHost.config as one to be served.

    Args:
        host: the root of applicationHost.config; None where there is no such file, and so no IIS.
        redirection: the root of redirection.config; None where there is none.

    Raises:
        NotKnownError: IIS reads another file, or sites stand in one, or encrypted.
    """
    if (host := _in_force(host, redirection)) is None:
        return ()
    for each in host.all():
        if each.name in _AROUND and (hidden := next((name for name in _ELSEWHERE if each.get(name)), "")):
            raise NotKnownError(f"applicationHost.config:{each.line}: {each.name} has {hidden}: it was not read")
    if not any(True for _ in host.at("system.applicationHost", "sites")):
        raise NotKnownError("applicationHost.config has no section of sites")
    return tuple(
        Served(value, _leads_to(value, server))
        for each in host.all()
        for name, value in each.attributes.items()
        if name.casefold() == "physicalpath"
    )


def _in_force(host: Element | None, redirection: Element | None) -> Element | None:
    """The root of applicationHost.config, which IIS reads unless it is told of another one."""
    for each in () if redirection is None else redirection.named("configurationRedirection"):
        if each.is_on("enabled", "false"):
            raise NotKnownError(f"IIS reads its configuration in {each.get('path')}, and that was not read")
    if host is not None and host.name != "configuration":
        raise NotKnownError(f"applicationHost.config is no configuration: its root is {host.name}")
    return host


def _leads_to(written: str, server: Server) -> str:
    path = server.expanded(written.strip()).replace("/", "\\")
    if path.startswith(_PAST_THE_RULES):
        path = path[4:]
    if not on_a_drive(path) or "%" in path or ":" in path[2:]:
        return ""
    path = comparable(path)
    # A short name stands for another one: for whose is not known. Further down it is not right below the root.
    return "" if _SHORT_NAME.search(path[3:].partition("\\")[0]) else path


def _read(ending: str, observed: Observed) -> Element | None:
    if why := next((each.why for each in observed.unread if each.what.casefold().endswith(ending)), ""):
        raise NotKnownError(why)
    file = next((each for each in observed.of_kind("ConfigFile") if _place(each).endswith(ending)), None)
    if file is None:
        raise NotKnownError(f"the answer does not say whether there is a {ending[1:]}")
    if file.get("Present") is not True:
        return None
    try:
        return read(whole_text(file, observed))
    except NotWholeError as error:
        raise NotKnownError(f"{text_of(file, 'Place')}: {error}") from error
    except UnreadableXmlError as error:
        raise NotKnownError(f"{text_of(file, 'Place')}:{error}") from error


def _place(file: Record) -> str:
    return text_of(file, "Place").casefold()
