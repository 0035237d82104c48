"""Which parameters the beginning of a name may stand for, and which one PowerShell takes it for.

A parameter's own name or alias in full is that parameter. Else every parameter of which a name or alias begins so fits,
and PowerShell looks (measured with PowerShell 7.4; `make test` repeats it):

1. among the parameters of the command itself and the common ones, where a single one fits or a single one of the
   command's own;
2. only where none of these fits among those that the place adds: -File and -ReadOnly come from the file system.

Several that are left are an error there.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .commands import KnownCommand

# Windows PowerShell 5.1, about_CommonParameters: with their aliases.
COMMON = {
    "Debug": "db", "ErrorAction": "ea", "ErrorVariable": "ev", "InformationAction": "infa", "InformationVariable": "iv",
    "OutBuffer": "ob", "OutVariable": "ov", "PipelineVariable": "pv", "Verbose": "vb", "WarningAction": "wa",
    "WarningVariable": "wv",
}  # fmt: skip
# about_FileSystem_Provider and about_Certificate_Provider.
_OF_CERTIFICATES = frozenset(
    {"codesigningcert", "dnsname", "documentencryptioncert", "eku", "expiringindays", "sslserverauthentication"}
)
_OF_A_PLACE = {
    "get-childitem": _OF_CERTIFICATES
    | {"attributes", "directory", "file", "followsymlink", "hidden", "readonly", "system"},
    "get-content": frozenset({"delimiter", "encoding", "raw", "stream", "wait"}),
    "get-item": _OF_CERTIFICATES | {"stream"},
    "test-path": frozenset({"newerthan", "olderthan"}),
}


@dataclass(frozen=True, slots=True)
class Meant:
    """What a name may stand for: `fits` in the order of the alphabet, and the one that PowerShell takes, if it does.

    `whole` says that it is a name or alias in full.
    """

    fits: tuple[str, ...]
    taken: str | None
    whole: bool = False


def meant(written: str, command: KnownCommand) -> Meant:
    """What `-written` of a command may stand for."""
    short = written.lower()
    own = _parameters().get(command.name.lower(), {}) | {
        key: (name, *_aliases(command, key)) for key, (name, _) in command.parameters.items()
    }
    common = {name.lower(): (name, alias) for name, alias in COMMON.items() if name.lower() not in own}
    for names in (*own.values(), *common.values()):
        if short in (name.lower() for name in names):
            return Meant((names[0],), names[0], whole=True)
    place = _OF_A_PLACE.get(command.name.lower(), frozenset())
    fitting = {key: names for key, names in (own | common).items() if any(n.lower().startswith(short) for n in names)}
    fits = tuple(sorted(names[0] for names in fitting.values()))
    first = [key for key in fitting if key not in place]
    its = [key for key in first if key in own]
    left = first if len(first) == 1 else its if first else list(fitting)
    return Meant(fits, fitting[left[0]][0] if len(left) == 1 else None)


def _aliases(command: KnownCommand, parameter: str) -> tuple[str, ...]:
    return _parameters().get(command.name.lower(), {}).get(parameter, ("",))[1:]


@cache
def _parameters() -> dict[str, dict[str, tuple[str, ...]]]:
    """parameters.csv, command -> parameter -> its name and aliases: what commands.csv lacks, and all with aliases.

    From the reference pages of PowerShell-Docs, windows-powershell-docs and office-docs-powershell (CC BY 4.0).
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    text = files(__package__).joinpath("parameters.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        names = (row["parameter"], *row["aliases"].split())
        found.setdefault(row["command"].lower(), {})[row["parameter"].lower()] = names
    return found
