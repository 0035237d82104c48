"""Where events go, and how they are written there, as people say it: `[CLIENT=]DESTINATION`.

events.jsonl                                 a file, to which is appended
syslog://soc:514                             UDP, which says of nothing that it arrived
syslog+tcp://soc:601, syslog+tls://soc:6514  RFC 5424 with counted octets (RFC 6587, RFC 5425)
https://soc/ingest                           POST of lines of JSON
otlp+https://soc:4318/v1/logs                POST of OTLP's ExportLogsServiceRequest
http://127.0.0.1/..., otlp+http://127.0.0.1  the same without TLS, to this machine alone
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from runner.advice import AdvisedError
from runner.loopback import is_this_machine


class Format(StrEnum):
    """How an event is written."""

    ECS = "ecs"
    CEF = "cef"
    OTLP = "otlp"


class Way(StrEnum):
    """How it gets there."""

    FILE = "file"
    UDP = "syslog"
    TCP = "syslog+tcp"
    TLS = "syslog+tls"
    HTTP = "http"


class DestinationError(AdvisedError):
    """Raised for a destination to which nothing can or may be sent; `next` says what to write."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One place for the events of one client.

    Attributes:
        address: the path of a file, or the URL, with `otlp+` where that is the format; holds no secret.
        host, port: for syslog; empty and 0 else.
    """

    way: Way
    format: Format
    address: str
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return self.address


_FORMATS: Mapping[Way, tuple[Format, ...]] = {  # the first is the default
    Way.FILE: (Format.ECS, Format.CEF),
    Way.UDP: (Format.CEF, Format.ECS),
    Way.TCP: (Format.CEF, Format.ECS),
    Way.TLS: (Format.CEF, Format.ECS),
    Way.HTTP: (Format.ECS, Format.OTLP),
}
_PORTS = {Way.UDP: 514, Way.TCP: 601, Way.TLS: 6514}  # RFC 5426, RFC 6587 with RFC 3195's port, RFC 5425
_NAMED = re.compile(r"(?P<client>[^=:/\\?&]+)=(?P<rest>.*)", re.DOTALL)
_SCHEMES = "syslog://, syslog+tcp://, syslog+tls://, https:// or otlp+https://"


def by_client(written: Sequence[str], clients: Sequence[str], option: str) -> dict[str, list[str]]:
    """What is written for each client, in its order: `CLIENT=...`, or without a name where there is one client alone.

    A name says to whom something of a client goes, so nothing is guessed.

    Raises:
        DestinationError: a name is of no client of this run, or is missing.
    """
    found: dict[str, list[str]] = {client: [] for client in clients}
    for text in written:
        named = _NAMED.fullmatch(text)
        if named is not None:
            mine = [client for client in clients if client.casefold() == named["client"].casefold()]
            if not mine:
                raise DestinationError(
                    f"{option}: the run has no client {named['client']}",
                    f"Write CLIENT=... with one of: {', '.join(clients)}."
                    + (" A file whose name has `=` is written ./NAME." if option == "--events" else ""),
                )
            found[mine[0]].append(named["rest"])
        elif len(clients) == 1:
            found[clients[0]].append(text)
        else:
            raise DestinationError(
                f"{option}: the run has {len(clients)} clients, and a destination gets events of the one that it names",
                f"Write it as {clients[0]}=..., once for each client; one may be named for several.",
            )
    return found


def without_client(text: str) -> str:
    """What is written for a client, without whose it is."""
    named = _NAMED.fullmatch(text)
    return text if named is None else named["rest"]


def destination(text: str, form: Format | None) -> Destination:
    """A destination as it is written, without its client.

    Args:
        form: how events are to be written there; None for what is usual.

    Raises:
        DestinationError: it is none, or cannot have that format.
    """
    if not text:
        raise DestinationError("--events: there is no destination", f"Name a file, or {_SCHEMES}.")
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Destination(Way.FILE, _format(Way.FILE, form, text), text)
    bare, otlp = scheme.removeprefix("otlp+"), scheme.startswith("otlp+")
    parts = urlsplit(text.removeprefix("otlp+") if otlp else text)
    if "@" in parts.netloc:
        raise DestinationError(
            f"--events {scheme}://...: a destination holds no user and password",
            "Leave them out; --events-auth says where the value of the header Authorization is.",
        )
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise DestinationError(f"--events {text}: the port is no number up to 65535", "Correct it.") from None
    if not host:
        raise DestinationError(f"--events {text}: there is no host", f"Write it as {scheme}://HOST:PORT.")
    if bare in ("https", "http"):
        if bare == "http" and not is_this_machine(host):
            raise DestinationError(
                f"--events {text}: over http everybody on the way could read and change events", "Write https://."
            )
        if otlp and form not in (None, Format.OTLP):
            raise DestinationError(f"--events {text}: otlp+ is the format otlp", f"Leave out otlp+ for {form}.")
        chosen = Format.OTLP if otlp else _format(Way.HTTP, form, text)
        path = "/v1/logs" if chosen is Format.OTLP and parts.path in ("", "/") else parts.path
        prefix = "otlp+" if chosen is Format.OTLP else ""
        return Destination(Way.HTTP, chosen, prefix + parts._replace(path=path).geturl())
    if otlp or bare not in (Way.UDP, Way.TCP, Way.TLS):
        raise DestinationError(f"--events: {scheme}:// is not known", f"Write a file's name, {_SCHEMES}.")
    way = Way(bare)
    return Destination(way, _format(way, form, text), text, host, port or _PORTS[way])


def _format(way: Way, form: Format | None, text: str) -> Format:
    able = _FORMATS[way]
    if form is None or form in able:
        return form or able[0]
    raise DestinationError(
        f"--events {text}: {form} does not go there", f"What may be written there: {', '.join(able)}."
    )


def check_file(address: str) -> None:
    """Whether a file can be appended to, as far as can be seen before.

    Raises:
        DestinationError: its folder is not there, or it is a folder.
    """
    path = Path(address)
    if not path.parent.is_dir():
        raise DestinationError(
            f"--events {address}: there is no folder {path.parent}", "Make it, or name another file."
        )
    if path.is_dir():
        raise DestinationError(f"--events {address}: this is a folder", "Name a file in it.")
    if path.is_fifo() or path.is_socket():
        raise DestinationError(
            f"--events {address}: this is a pipe or a socket, of which nobody knows what arrived", "Name a file."
        )
