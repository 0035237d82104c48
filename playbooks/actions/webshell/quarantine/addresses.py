"""By which addresses this server itself can ask IIS for a file, and whether Exchange is well.

Only at an address that includes 127.0.0.1, and without a host name; over https where there is such a binding, for
Exchange's front end demands TLS, and over http it would refuse what is there as it refuses what is not. Where there is
no such binding nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from playbooks.actions.file.quarantine.moving import item_of
from playbooks.actions.iis.configuration.sites import sites_of
from playbooks.actions.webshell.scan.listing import Root
from playbooks.investigating.document import Element

__all__ = ["health_pages", "origins_of", "page_addresses"]

# Managed Availability has these fail while their protocol, or the server, is not to be used (OfficeDocs-Exchange,
# architecture/client-access/load-balancing.md).
_HEALTHY = ("/owa", "/ecp", "/ews", "/oab", "/mapi", "/rpc", "/autodiscover", "/microsoft-server-activesync")
_BINDING = re.compile(r"(https?) (?:\*|127\.0\.0\.1)?:([0-9]{1,5}):")
_USUAL = {"http": "80", "https": "443"}
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,20}")


def origins_of(host: Element) -> dict[str, str]:
    """With what an address begins at which each site answers on loopback, `https://127.0.0.1:444`, by the site's
    lower-case name; without those that do not."""
    origins: dict[str, str] = {}
    for section in host.named("system.applicationHost"):
        for site in sites_of(section):
            found = [match for each in site.bindings if (match := _BINDING.fullmatch(each))]
            if found:
                best = max(found, key=lambda match: match[1])
                origins.setdefault(site.name.casefold(), _origin(best[1], best[2]))
    return origins


def _origin(scheme: str, port: str) -> str:
    return f"{scheme}://127.0.0.1{'' if port == _USUAL[scheme] else f':{port}'}"


def page_addresses(path: str, roots: tuple[Root, ...], origins: dict[str, str]) -> tuple[str, str] | None:
    """The address of a file, and one beside it of a name that there never was; None where it has none on loopback.

    Args:
        roots: the folders that IIS serves.
    """
    serving = [each for each in roots if each.site.casefold() in origins and _below(path, each) is not None]
    if not serving:
        return None
    root = max(serving, key=lambda each: len(each.path))
    folder, _, name = (_below(path, root) or "").rpartition("\\")
    ending = name[name.rfind(".") :] if "." in name else ""
    other = f"{item_of(path)}{ending if _ENDING.fullmatch(ending) else ''}"
    origin = origins[root.site.casefold()]
    return _address(origin, root, f"{folder}\\{name}"), _address(origin, root, f"{folder}\\{other}")


def health_pages(roots: tuple[Root, ...], origins: dict[str, str]) -> tuple[str, ...]:
    """The addresses of Exchange's health pages, each once."""
    return tuple(dict.fromkeys(_healthy(roots, origins)))


def _healthy(roots: tuple[Root, ...], origins: dict[str, str]) -> Iterator[str]:
    for root in roots:
        if root.site.casefold() in origins and root.address.rstrip("/").casefold() in _HEALTHY:
            yield _address(origins[root.site.casefold()], root, "healthcheck.htm")


def _below(path: str, root: Root) -> str | None:
    begin = f"{root.path.rstrip(chr(92))}\\"
    return path[len(begin) :] if root.path and path.casefold().startswith(begin.casefold()) else None


def _address(origin: str, root: Root, below: str) -> str:
    path = f"{root.address.rstrip('/')}/{below.replace(chr(92), '/').lstrip('/')}"
    return f"{origin}{quote(path)}"
