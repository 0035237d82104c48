"""Sites, their applications and virtual directories, and application pools, as applicationHost.config has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.investigating.document import Element


@dataclass(frozen=True, slots=True)
class Folder:
    """A virtual directory: the address below a site and the path on disk, as written."""

    address: str
    pool: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Site:
    """A site with its bindings, each `https *:443:`."""

    name: str
    bindings: tuple[str, ...]
    folders: tuple[Folder, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """An application pool."""

    name: str
    starts: bool
    mode: str


def sites_of(host: Element) -> Iterator[Site]:
    """The sites of `system.applicationHost`."""
    for section in host.named("sites"):
        for site in section.named("site"):
            bindings = tuple(
                f"{each.get('protocol')} {each.get('bindingInformation')}" for each in site.at("bindings", "binding")
            )
            yield Site(site.get("name"), bindings, tuple(_folders(site, section)))


def _folders(site: Element, section: Element) -> Iterator[Folder]:
    for application in site.named("application"):
        pool = application.get("applicationPool") or _default_pool(site) or _default_pool(section) or "DefaultAppPool"
        for folder in application.named("virtualDirectory"):
            below = "/".join(
                part for part in (application.get("path").strip("/"), folder.get("path").strip("/")) if part
            )
            yield Folder(f"{site.get('name')}/{below}", pool, folder.get("physicalPath"), folder.line)


def _default_pool(of: Element) -> str:
    return next((each.get("applicationPool") for each in of.named("applicationDefaults")), "")


def pools_of(host: Element) -> Iterator[Pool]:
    """The pools of `system.applicationHost`."""
    for section in host.named("applicationPools"):
        defaults = next(section.named("applicationPoolDefaults"), None)
        starts = "true" if defaults is None else defaults.get("autoStart", "true")
        mode = "OnDemand" if defaults is None else defaults.get("startMode", "OnDemand")
        for pool in section.named("add"):
            yield Pool(pool.get("name"), pool.is_on("autoStart", starts), pool.get("startMode", mode))
