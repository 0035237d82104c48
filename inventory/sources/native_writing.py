"""The native format written: what `exrun inventory import` makes of another source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from inventory.model import Authentication, Client, Host, Inventory, LabelValues, Scheme, label_text, label_values
from inventory.sources.document import VERSION

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\\/@-]*")
# Words that YAML 1.1 takes for something else than text; other tools than exrun read these files too.
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"})
_SETTINGS = (
    "port",
    "scheme",
    "authentication",
    "user",
    "credential",
    "ca_file",
    "certificate",
    "certificate_key",
    "allow_public",
)
_Value = str | tuple[str, ...]
_DEFAULT_PORTS = {Scheme.HTTP: 5985, Scheme.HTTPS: 5986}


def native_text(inventory: Inventory) -> str:
    """A native file that loads to the same clients and hosts. Groups are not written: what they gave is on the hosts.

    Settings that all hosts of a client share stand once, with the client.
    """
    lines = [f"exrun: {VERSION}", "clients:"]
    for client in inventory.clients:
        lines.append(f"  {_scalar(client.name)}:")
        lines.extend(_client(client))
    return "\n".join(lines) + "\n"


def _client(client: Client) -> Iterator[str]:
    settings = [_settings(host) for host in client.hosts]
    shared = {
        name: settings[0][name]
        for name in _SETTINGS
        if settings and name in settings[0] and all(each.get(name) == settings[0][name] for each in settings)
    }
    for name, text in shared.items():
        yield f"    {name}: {_written(text)}"
    yield "    hosts:"
    for host, own in zip(client.hosts, settings, strict=True):
        yield f"      {_scalar(host.name)}:"
        if host.address != host.name:
            yield f"        address: {_scalar(host.address)}"
        for name, text in own.items():
            if name not in shared:
                yield f"        {name}: {_written(text)}"
        if host.labels:
            yield "        labels:"
            yield from (
                f"          {_scalar(label)}: {label_as_written(values)}" for label, values in host.labels.items()
            )


def _settings(host: Host) -> Mapping[str, _Value]:
    """What differs from the defaults."""
    given: dict[str, _Value] = {}
    if host.port != _DEFAULT_PORTS[host.scheme]:
        given["port"] = str(host.port)
    if host.scheme is not Scheme.HTTP:
        given["scheme"] = host.scheme.value
    if host.authentication is not Authentication.NEGOTIATE:
        given["authentication"] = host.authentication.value
    if host.user is not None:
        given["user"] = host.user
    if host.credential is not None:
        given["credential"] = str(host.credential)
    files = (("ca_file", host.ca_file), ("certificate", host.certificate), ("certificate_key", host.certificate_key))
    given.update({name: _absolute(path) for name, path in files if path is not None})
    if host.allow_public:
        given["allow_public"] = host.allow_public
    return given


def _written(value: _Value) -> str:
    return _scalar(value) if isinstance(value, str) else f"[{', '.join(map(_scalar, value))}]"


def label_as_written(values: LabelValues) -> str:
    """The values as YAML that is read as the same: one text where commas divide it into them, else a list."""
    text = label_text(values)
    if label_values(text) == values:
        return _scalar(text)
    return json.dumps(list(values), ensure_ascii=False)


def _absolute(path: Path) -> str:
    # Paths in a native file are looked for beside it, and nobody knows yet where this one will lie.
    return str(path.resolve())


def _scalar(text: str) -> str:
    if text.isdecimal() and text.isascii() and not text.startswith("0"):
        return text
    if _PLAIN.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
