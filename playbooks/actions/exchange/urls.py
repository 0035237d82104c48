"""URLs of virtual directories of Exchange, and whether one carries script, as CVE-2021-27065 leaves it.

CVE-2021-27065 sets a URL to script and resets the directory, which writes its properties, and so the script, into a
page. A URL that is like that now waits for its reset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from playbooks.actions.exchange.asking import unanswered
from playbooks.observation import Observed
from playbooks.values import text_of

KINDS = ("Oab", "Ecp", "Owa", "WebServices", "ActiveSync", "Mapi", "PowerShell", "Autodiscover")
COMMANDS = tuple(f"Get-{kind}VirtualDirectory" for kind in KINDS)
_MOST = 100  # virtual directories of a kind that the script sends
LONGEST = 4096  # characters of a URL that the script sends
_SHOWN = 300  # characters of a URL
_MARKUP = re.compile(r"[<>]|\bscript\b|javascript:|runat\s*=|\beval\s*\(|request\s*[\[.(]", re.IGNORECASE)
_PLAIN = re.compile(r"https?://[\w.\-]+(?::\d+)?(?:/[\w.\-/~]*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Url:
    """A URL as the directory has it.

    Attributes:
        kind: of the virtual directory, one of KINDS; empty where the answer does not say it.
        guid: of the virtual directory.
        directory: its name.
        which: InternalUrl or ExternalUrl.
        text: cut at LONGEST.
        changed: when the virtual directory was changed last, UTC.
    """

    kind: str
    guid: str
    directory: str
    which: str
    text: str
    changed: str

    @property
    def decoded(self) -> str:
        """As a browser or the page that it is written into would have it; encoded twice at most."""
        return unquote(unquote(self.text))

    @property
    def carries_script(self) -> bool:
        """Whether something of it is script, as far as it was sent."""
        return _MARKUP.search(self.decoded) is not None

    @property
    def is_whole(self) -> bool:
        """Whether all of it was sent."""
        return len(self.text) < LONGEST

    @property
    def is_odd(self) -> bool:
        """Whether it is none of those that lead to a server and a folder there, and nothing else; or was cut."""
        return not self.is_whole or _PLAIN.fullmatch(self.text.strip()) is None

    @property
    def shown(self) -> str:
        """As a line of evidence."""
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        return f"{self.directory}, {self.which}: {text}{f' (changed {self.changed[:10]})' if self.changed else ''}"


def urls_of(observed: Observed) -> tuple[Url, ...]:
    """Every URL that was sent; a virtual directory without one has none here."""
    return tuple(_urls(observed))


def _urls(observed: Observed) -> Iterator[Url]:
    kinds = dict(zip(COMMANDS, KINDS, strict=True))
    for directory in observed.of_kind("VirtualDirectory"):
        command = text_of(directory, "Command")
        name = text_of(directory, "Name") or command
        for which, key in (("InternalUrl", "Internal"), ("ExternalUrl", "External")):
            if (text := text_of(directory, key)).strip():
                guid = text_of(directory, "Guid").casefold()
                yield Url(kinds.get(command, ""), guid, name, which, text, text_of(directory, "Changed"))


def gaps_of(observed: Observed, commands: tuple[str, ...] = COMMANDS) -> tuple[str, ...]:
    """What these commands did not say, one line each; that a server has no OAB or ECP at all is not believed."""
    asked = frozenset(COMMANDS) - frozenset(commands)
    gaps = unanswered(observed, commands)
    answered = {text_of(each, "Command"): each for each in observed.of_kind("Answered")}
    return (
        *(each for each in gaps if each.partition(":")[0] not in asked),
        *(
            f"{each}: it names no virtual directory, and a server with this role has one"
            for each in ("Get-OabVirtualDirectory", "Get-EcpVirtualDirectory")
            if each in commands and each in answered and not answered[each].get("Count")
        ),
        *(
            f"{command}: it names {_MOST} virtual directories and may name more, of which nothing was sent"
            for command, each in answered.items()
            if command in commands and isinstance(count := each.get("Count"), int) and count >= _MOST
        ),
    )
