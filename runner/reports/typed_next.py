"""The commands that are named to be typed next, wherever they stand: on a screen, a page, in JSON or a note. Pure.

    show("r1", Begun(state="/srv/exrun"), host="EX 1")  ->  exrun show r1 --host "EX 1" --state /srv/exrun

What a run was begun with, the next command takes too: else it would be about another project's servers. Nothing that
switches off what protects is handed on: that is decided, and typed, anew (docs/decisions/0062-what-is-typed-next.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runner.events import RunStarted

__all__ = [
    "PLAIN",
    "USUAL",
    "Begun",
    "apply",
    "approve",
    "audit",
    "begun",
    "diff",
    "doctor",
    "plan",
    "report",
    "resume",
    "rollback",
    "show",
    "show_plan",
    "verify",
    "word",
]

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # a name that a selection takes as it stands
KEY = "~/.ssh/id_ed25519"  # where most people's lies: the one word that a shell is to expand
_BARE = re.compile(r"[A-Za-z0-9./][A-Za-z0-9._/:-]*")
# Inside double quotes POSIX shells, PowerShell and cmd.exe leave all but these as they are; PowerShell takes
# typographic quotes for quotes.
_NOT_IN_DOUBLE = frozenset('"$`\\!%\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}')
_NOT_IN_DOUBLE |= {"\N{DOUBLE LOW-9 QUOTATION MARK}"}
# Inside single quotes the first two leave all but these; cmd.exe knows no such quotes.
_NOT_IN_SINGLE = frozenset("'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}&|<>^")
_NOT_IN_SINGLE |= {"\N{SINGLE LOW-9 QUOTATION MARK}", "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}"}


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run was begun with, as far as the commands after it take it too: paths as they were typed.

    Attributes:
        state: empty for the usual place.
        anchor: those that are files; a command may hold what is nobody else's.
    """

    inventory: tuple[str, ...] = ()
    state: str = ""
    catalogue: str = ""
    search: tuple[str, ...] = ()
    playbook: str = ""
    policy: str = ""
    sign_with: str = ""
    anchor: tuple[str, ...] = ()


USUAL = Begun()


def begun(started: RunStarted, state: str) -> Begun:
    """By the journal; where it names no paths (of several clients, or of an older exrun), by the names of the files."""
    named: Mapping[str, Sequence[str]] = started.named
    files = [file.source for file in started.inventory.files] or [started.inventory.source]
    return Begun(
        tuple(named.get("inventory", files)),
        state,
        "".join(named.get("catalogue", ())[:1]),
        tuple(named.get("search", ())),
        "".join(named.get("playbook", ())[:1]),
        "".join(named.get("policy", ())[:1]),
    )


def word(text: str) -> str:
    """A word as POSIX shells and PowerShell both take it for this text, and cmd.exe does nothing else with it; empty
    where nothing is that."""
    if text == KEY or _BARE.fullmatch(text):
        return text
    if not text.isprintable() or not text:
        return ""
    if not _NOT_IN_DOUBLE & {*text}:
        return f'"{text}"'
    return "" if _NOT_IN_SINGLE & {*text} else f"'{text}'"


def show(run: str, to: Begun, *, client: str = "", host: str = "") -> str:
    """What a run did; of one client or server where it is named."""
    return _typed("show", [run], ("client", client), ("host", host), ("state", to.state))


def show_plan(path: str, *, whole: bool = True) -> str:
    """A plan's file; as a whole with every value and script."""
    return _typed("show", [path], flags=("diff", "scripts") if whole else ())


def report(run: str, to: Begun, *, client: str = "", page: str) -> str:
    """A run as a page."""
    return _typed("report", [run], flags=("html",), options=[("output", page), ("client", client), ("state", to.state)])


def diff(after: str, before: str, to: Begun, *, client: str) -> str:
    """What became of the servers from one audit to another, all of it."""
    return _typed("diff", [after, before], ("client", client), ("state", to.state), flags=("details",))


def verify(run: str, to: Begun) -> str:
    """Whether a run's journals are as they were written."""
    return _typed("journal verify", [run], ("state", to.state))


def audit(selections: Sequence[str], to: Begun) -> str:
    """These servers; all of the inventory where none are named."""
    return _typed("audit", selections, *_inventory(to), ("state", to.state))


def doctor(selections: Sequence[str], to: Begun) -> str:
    """Which step of the way to these servers fails."""
    return _typed("doctor", selections, *_inventory(to), ("state", to.state))


def plan(playbook: str, selection: str, to: Begun, *, out: str, params: Mapping[str, object] | None = None) -> str:
    """A plan, of a playbook that need not be that of the run."""
    given = [("param", f"{name}={value}") for name, value in (params or {}).items()]
    return _typed(
        "plan",
        [playbook, selection],
        *given,
        *_inventory(to),
        *_search(to),
        ("out", out),
        ("policy", to.policy),
        ("catalogue", to.catalogue),
        ("state", to.state),
    )


def approve(path: str, to: Begun) -> str:
    """A plan signed, by who has a key."""
    return _typed("approve", [path], ("key", KEY), ("policy", to.policy))


def apply(path: str, to: Begun) -> str:
    """A plan run."""
    return _typed("apply", [path], ("policy", to.policy), *_to_change(to))


def resume(run: str, to: Begun) -> str:
    """A run that goes on."""
    return _typed("resume", [run], ("policy", to.policy), *_to_change(to))


def rollback(run: str, to: Begun) -> str:
    """What a run changed undone: which asks for no policy."""
    return _typed("rollback", [run], *_to_change(to))


def _to_change(to: Begun) -> Iterable[tuple[str, str]]:
    yield from _inventory(to)
    folder, _, name = to.playbook.rpartition("/")
    yield "playbook", "" if name and folder == "." else to.playbook  # one of this folder is found
    yield from _search(to)
    yield "catalogue", to.catalogue
    yield "sign-with", to.sign_with
    yield from (("anchor", each) for each in to.anchor)
    yield "state", to.state


def _inventory(to: Begun) -> Iterable[tuple[str, str]]:
    return (("inventory", each) for each in to.inventory)


def _search(to: Begun) -> Iterable[tuple[str, str]]:
    return (("search", each) for each in to.search)


_SHORT = {"inventory": "-i", "out": "-o", "output": "-o"}


def _typed(
    name: str,
    arguments: Sequence[str],
    *more: tuple[str, str],
    options: Sequence[tuple[str, str]] = (),
    flags: Sequence[str] = (),
) -> str:
    """A command; empty where one of its words is none that shells take as it is."""
    behind = [f"--{flag}" for flag in flags]
    words: list[str] = [*arguments]
    for option, value in (*more, *options):
        if value:
            words.append(value)
            # A value with a dash in front would be read as an option by who reads along, if not by the parser.
            behind += (
                [word(f"--{option}={value}")] if value[0] == "-" else [_SHORT.get(option, f"--{option}"), word(value)]
            )
    if not all(map(word, words)):
        return ""
    said = [word(each) for each in arguments]
    dashed = any(each[0] == "-" for each in arguments)
    return " ".join(["exrun", name, *((*behind, "--", *said) if dashed else (*said, *behind))])
