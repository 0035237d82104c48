"""The web server of a lab's server, on loopback: what IIS would answer to a request, worked out of the state.

The site is the first whose binding takes the address and port; the folder that of the longest address of an
application and its virtual directory, as applicationHost.config has them at that moment. 200 where a file stands, 403
for a folder, 404 where nothing does, 503 where its application pool does not run. No page is run. What Exchange's own
modules make up, such as healthcheck.htm, is as `web.pages` says. A site that demands TLS answers over http what
`web.over_http` says. The engine `pwsh` has it answer over a socket (pwsh/loopback.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from playbooks.actions.iis.configuration.sites import Folder, Site, sites_of
from playbooks.investigating.document import Element, UnreadableXmlError, read
from runner.lab.state import FileState, HostState

__all__ = ["recycled", "scheme_at", "status"]

_CONFIGURATION = "c:\\windows\\system32\\inetsrv\\config\\applicationhost.config"
_ADDRESS = re.compile(r"(https?)://127\.0\.0\.1(?::([0-9]{1,5}))?(/[^?#]*)")
_PORTS = {"http": "80", "https": "443"}
_OVER_HTTP = {"redirects": 302, "forbids": 403}
_VARIABLE = re.compile(r"%[^%]*%")
_VARIABLES = {
    "%systemdrive%": "C:",
    "%systemroot%": "C:\\Windows",
    "%windir%": "C:\\Windows",
    "%programfiles%": "C:\\Program Files",
    "%programdata%": "C:\\ProgramData",
}


def status(state: HostState, address: str) -> int | None:
    """The status of the answer; None where nobody answers.

    Args:
        address: `http://127.0.0.1/owa/healthcheck.htm`, with a port where it is not that of http or https.
    """
    asked = _ADDRESS.fullmatch(address.partition("?")[0])
    host = _configuration(state)
    if asked is None or host is None or not state.web.answers:
        return None
    scheme, port = asked[1], asked[2] or _PORTS[asked[1]]
    site = next((each for each in _sites(host) if _takes(each, scheme, port)), None)
    if site is None:
        return None
    if scheme == "http" and state.web.over_http in _OVER_HTTP:
        return _OVER_HTTP[state.web.over_http]
    path = unquote(asked[3]).casefold()
    folder = max((each for each in site.folders if _below(each, site, path) is not None), key=_length, default=None)
    if folder is not None and _is_stopped(folder.pool, state):
        return 503
    made_up = {page.casefold(): code for page, code in state.web.pages.items()}
    if path in made_up:
        return made_up[path]
    if folder is None:
        return 404
    below = (_below(folder, site, path) or "").replace("/", "\\").strip("\\")
    place = f"{_expanded(folder.path)}\\{below}".rstrip("\\").casefold()
    files = {each.casefold(): file for each, file in state.files.items()}
    return _of_file(place, files)


def scheme_at(state: HostState, port: str) -> str | None:
    """`http` or `https`, whichever is bound to a port of loopback; None where nobody listens."""
    host = _configuration(state)
    if host is None or not state.web.answers:
        return None
    return next((each for each in _PORTS if any(_takes(site, each, port) for site in _sites(host))), None)


def recycled(state: HostState, pool: str) -> HostState:
    """As it is behind a recycling of an application pool."""
    count = state.web.recycled.get(pool, 0) + 1
    web = state.web.model_copy(
        update={
            "recycled": {**state.web.recycled, pool: count},
            "pages": {**state.web.pages, **state.web.pages_after_recycling},
        }
    )
    return state.model_copy(update={"web": web})


def _is_stopped(pool: str, state: HostState) -> bool:
    return any(name.casefold() == pool.casefold() and runs == "Stopped" for name, runs in state.pools.items())


def _of_file(place: str, files: Mapping[str, FileState]) -> int:
    found = files.get(place)
    if found is not None and not found.folder:
        return 200
    if found is not None or any(each.startswith(f"{place}\\") for each in files):
        return 403
    return 404


def _configuration(state: HostState) -> Element | None:
    file = next((each for path, each in state.files.items() if path.casefold() == _CONFIGURATION), None)
    if file is None or file.folder:
        return None
    try:
        return read(file.data.decode("utf-8-sig"))
    except (UnicodeError, UnreadableXmlError):
        return None


def _sites(host: Element) -> tuple[Site, ...]:
    return tuple(site for each in host.named("system.applicationHost") for site in sites_of(each))


def _takes(site: Site, scheme: str, port: str) -> bool:
    takes = (f"{scheme} *:{port}:", f"{scheme} :{port}:", f"{scheme} 127.0.0.1:{port}:")
    return any(each in takes for each in site.bindings)


def _below(folder: Folder, site: Site, path: str) -> str | None:
    """What of a path is below the address of a folder; None where it is not below it."""
    address = f"/{folder.address.removeprefix(site.name).strip('/')}".casefold().rstrip("/")
    return path[len(address) :] if path == address or path.startswith(f"{address}/") else None


def _length(folder: Folder) -> int:
    return len(folder.address.rstrip("/"))


def _expanded(path: str) -> str:
    expanded = _VARIABLE.sub(lambda found: _VARIABLES.get(found[0].casefold(), found[0]), path)
    return expanded.replace("/", "\\").rstrip("\\")
