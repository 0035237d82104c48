"""Entries in the Common Event Format, version 0 (ArcSight, "Implementing ArcSight Common Event Format", revision 25).

In the header a backslash and a bar are escaped; in the extension a backslash, an equals sign and line ends. Nothing
else needs to be: every other character that could end a line or hide what follows is spelt out before.
"""

from __future__ import annotations

from importlib.metadata import version

from runner.forwarding.ecs import SEVERITY
from runner.forwarding.entries import Entry

MOST_BYTES = 7000  # of a message: rsyslog and others take 8,192 with what stands before it
_MOST_VALUE = 1000  # characters of one value; the dictionary allows 1,023 for most


def render(entry: Entry) -> bytes:
    """The entry as one line, without its end. What does not fit is left out, and `cut` says so."""
    product = version("exrun")
    header = "|".join(
        ["CEF:0", *(_header(each) for each in ("exrun", "exrun", product, entry.event, entry.message[:500]))]
    )
    text = f"{header}|{SEVERITY[entry.level]}|"
    user, _, machine = entry.actor.rpartition("@")
    # What a cut may not take away stands first: no words of a server, and by them an event is known.
    pairs: list[tuple[str, str]] = [
        ("rt", str(int(entry.time.timestamp()) * 1000 + entry.time.microsecond // 1000)),
        ("externalId", entry.id),
        ("cat", f"{entry.kind}/{'/'.join(entry.category)}/{'/'.join(entry.type)}"),
        ("act", entry.event),
        ("cn1", str(entry.sequence)),
        ("cn1Label", "sequence"),
        *_labelled(1, "client", entry.client),
        *_labelled(2, "run", entry.run),
        *_labelled(4, "lineSha256", entry.sha256),
    ]
    if entry.host is not None:
        pairs.append(("dhost", entry.host))
    if entry.step is not None:
        pairs += _labelled(3, "step", entry.step)
    pairs += [("dvchost", machine), ("suser", user or entry.actor)]
    if entry.outcome is not None:
        pairs.append(("outcome", entry.outcome.value))
    if entry.script is not None:
        pairs.append(("fileHash", entry.script))
    pairs += [
        (
            f"exrun{''.join(part.title() for part in name.split('_'))}",
            "; ".join(value) if isinstance(value, tuple) else str(value),
        )
        for name, value in entry.details.items()
    ]
    left = MOST_BYTES - len(text.encode()) - len(" cut=true")
    written: list[str] = []
    cut = len(entry.message) > 500
    for key, value in pairs:
        shown = value if len(value) <= _MOST_VALUE else f"{value[: _MOST_VALUE - 1]}…"
        cut = cut or shown is not value
        pair = f"{key}={_value(shown)}"
        left -= len(pair.encode()) + 1
        if left < 0:
            cut = True
            break
        written.append(pair)
    if cut:
        written.append("cut=true")
    return (text + " ".join(written)).encode()


def _labelled(number: int, label: str, value: str) -> list[tuple[str, str]]:
    return [(f"cs{number}", value), (f"cs{number}Label", label)]


def _header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")


def _value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r", "\\r").replace("\n", "\\n")
