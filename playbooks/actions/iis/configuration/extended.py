"""Where Extended Protection asks for more than Exchange supports, so that its clients fail.

Of an address not named here Exchange supports Require, and so nothing is too much (CSS-Exchange, docs/Security/
Extended-Protection.md, table of recommended values, to which Microsoft Learn's page on it leads). That it asks for less
than it could is no finding: which update a server has is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.investigating.document import Element

__all__ = ["beyond_support"]

_RANKS = {"none": 0, "allow": 1, "require": 2}
# The most that is supported. Outlook for Mac does not get its address book with more than Allow.
_MOST = {
    "Default Web Site/Autodiscover": "None",
    "Default Web Site/EWS": "Allow",
    "Default Web Site/Microsoft-Server-ActiveSync": "Allow",
    "Default Web Site/OAB": "Allow",
    "Exchange Back End/Autodiscover": "None",
}
_SECTION = ("system.webServer", "security", "authentication", "windowsAuthentication", "extendedProtection")


def beyond_support(host: Element) -> Iterator[str]:
    """A line for each address whose tokenChecking is higher than the most that is supported.

    Args:
        host: the root of applicationHost.config, where the section stands: no web.config may have it, unless somebody
            has unlocked it.
    """
    for address, most in _MOST.items():
        found, where = _effective(host, address)
        if _RANKS.get(found.casefold(), 0) > _RANKS[most.casefold()]:
            yield f"{address}: tokenChecking is {found}{where}, and {most} is the most that is supported"


def _effective(host: Element, address: str) -> tuple[str, str]:
    """What holds for an address, and where it stands when that is further up; nothing said is None."""
    site = address.partition("/")[0]
    for path in (address, site, ""):
        said = [each.get("tokenChecking") for group in _groups(host, path) for each in group.at(*_SECTION)]
        written = [each for each in said if each]
        if written:
            inherited = "" if path == address else f" (of {path or 'the whole server'})"
            return written[-1], inherited
    return "None", ""


def _groups(host: Element, path: str) -> Iterator[Element]:
    if not path:
        yield host
    for location in host.named("location"):
        here = location.get("path").strip("/")
        if ("" if here == "." else here).casefold() == path.casefold():
            yield location
