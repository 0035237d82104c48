"""What a script can read of a server: registry, files and services of a HostState, with Windows's own refusals.

Names are compared without regard to case, as Windows does. The texts of errors are those of Windows PowerShell's
providers; the Windows shim of the `pwsh` engine gives the same ones, and tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from runner.lab.engines.sim.streams import Plain
from runner.lab.state import FileState, HostState, RegistryKey

# HRESULT 0x80070005 and 0x80070422 as CIM words them; the blanks are Windows's.
_WMI_DENIED = "Access denied "
_WMI_DISABLED = (
    "The service cannot be started, either because it is disabled or because it has no enabled devices "
    "associated with it. "
)
_SERVICES_DENIED = "Cannot open Service Control Manager on computer '.'. This operation might require other privileges."


@dataclass(frozen=True, slots=True)
class Service:
    """A service as WMI shows it."""

    name: str
    display_name: str
    state: str
    start_mode: str


class UnreadableError(Exception):
    """What `$_.Exception.Message` says in a script's `catch`."""


class Properties:
    """What `Get-ItemProperty KEY | Select-Object -Property NAMES` leaves in a variable.

    An absent value is null. A key without any value gives nothing at all, and to take a property of nothing is an error
    under `Set-StrictMode -Version 2.0`.
    """

    def __init__(self, values: Mapping[str, str | int | list[str]]) -> None:
        self._values = {_folded(name): _shown(value) for name, value in values.items()}

    def __bool__(self) -> bool:
        return bool(self._values)

    def __getitem__(self, name: str) -> Plain:
        if not self._values:
            raise UnreadableError(
                f"The property '{name}' cannot be found on this object. Verify that the property exists."
            )
        return self._values.get(_folded(name))


def _shown(value: str | int | list[str]) -> Plain:
    """A registry value as .NET gives it: a REG_DWORD from 2^31 on as the negative number of the same bits."""
    match value:
        case int() if 2**31 <= value < 2**32:
            return value - 2**32
        case list():
            return tuple(value)
        case _:
            return value


class Machine:
    """One server, read as the collect scripts read it."""

    def __init__(self, state: HostState) -> None:
        self._state = state

    @cached_property
    def _keys(self) -> Mapping[str, RegistryKey | None]:
        """Every key by its folded path; None where it exists only because one below it does."""
        keys: dict[str, RegistryKey | None] = {}
        for path, key in self._state.registry.items():
            names = _names(path)
            keys["\\".join(names)] = key
            for depth in range(1, len(names)):
                keys.setdefault("\\".join(names[:depth]), None)
        return keys

    @cached_property
    def _files(self) -> Mapping[str, FileState]:
        return {"\\".join(_names(path)): file for path, file in self._state.files.items()}

    @cached_property
    def _drives(self) -> frozenset[str]:
        return frozenset({"C:", "HKLM:"} | {path.partition("\\")[0] for path in self._files})

    def _open(self, path: str) -> tuple[bool, RegistryKey | None]:
        """Whether a key is there, and what the state says of it.

        Windows checks the key only, not the way to it: a key below one that nobody may open can be open.
        """
        folded = "\\".join(_names(path))
        key = self._keys.get(folded)
        if key is not None and key.denied:
            raise UnreadableError("Requested registry access is not allowed.")
        return folded in self._keys, key

    def _present(self, path: str) -> RegistryKey | None:
        present, key = self._open(path)
        if not present:
            raise UnreadableError(f"Cannot find path '{path}' because it does not exist.")
        return key

    def key_exists(self, path: str) -> bool:
        """`Test-Path` of a key.

        Raises:
            UnreadableError: nobody may open it.
        """
        return self._open(path)[0]

    def values(self, path: str) -> Properties:
        """`Get-ItemProperty` of a key.

        Raises:
            UnreadableError: nobody may open it, or it is not there.
        """
        key = self._present(path)
        return Properties({} if key is None else key.values)

    def values_below(self, path: str) -> Iterator[Properties]:
        """`Get-ChildItem KEY | Get-ItemProperty`: those of the keys right below that have any value, by name.

        Raises:
            UnreadableError: nobody may open the key or one right below it, or it is not there.
        """
        # Of a path that is not there, Get-ChildItem tells the provider's form.
        self._present(path.replace("HKLM:", "HKEY_LOCAL_MACHINE"))
        above = "\\".join(_names(path)) + "\\"
        for child in sorted(key for key in self._keys if key.startswith(above) and "\\" not in key[len(above) :]):
            if properties := self.values(child):
                yield properties

    def file_exists(self, path: str) -> bool:
        """`Test-Path` of a file.

        Raises:
            UnreadableError: nobody may open it.
        """
        file = self._files.get("\\".join(_names(path)))
        if file is not None and file.denied:
            raise UnreadableError("Access is denied")
        return file is not None

    def file_version(self, path: str) -> str | None:
        """`(Get-Item FILE).VersionInfo.FileVersion` of a file that exists and may be opened."""
        return self._files["\\".join(_names(path))].version

    def join(self, path: str, child: str) -> str:
        """`Join-Path` of a full path.

        Raises:
            UnreadableError: no such drive.
        """
        drive, colon, _ = path.partition(":")
        if colon and _folded(drive + colon) not in self._drives:
            raise UnreadableError(f"Cannot find drive. A drive with the name '{drive}' does not exist.")
        return f"{path.rstrip(chr(92))}\\{child}"

    def services_of_wmi(self) -> list[Service]:
        """`Get-CimInstance -ClassName Win32_Service`, by name.

        Raises:
            UnreadableError: access is denied, or the service of WMI itself is disabled and not running.
        """
        if self._state.services_denied:
            raise UnreadableError(_WMI_DENIED)
        services = self._services()
        wmi = next((each for each in services if _folded(each.name) == "WINMGMT"), None)
        if wmi is not None and wmi.start_mode == "Disabled" and wmi.state != "Running":
            raise UnreadableError(_WMI_DISABLED)
        return services

    def services(self) -> list[Service]:
        """`Get-Service`, by name; it asks the service control manager and needs no WMI.

        Raises:
            UnreadableError: access is denied.
        """
        if self._state.services_denied:
            raise UnreadableError(_SERVICES_DENIED)
        return self._services()

    def _services(self) -> list[Service]:
        return sorted(
            (
                Service(name, each.display_name or name, each.state, each.start_mode)
                for name, each in self._state.services.items()
            ),
            key=lambda service: _folded(service.name),
        )


def _folded(name: str) -> str:
    """A name for comparing: Windows and .NET compare the capitals of single characters."""
    return name.upper() if name.isascii() else "".join(_capital(character) for character in name)


def _capital(character: str) -> str:
    capital = character.upper()
    return capital if len(capital) == 1 else character


def _names(path: str) -> list[str]:
    names = [name for name in _folded(path).replace("/", "\\").split("\\") if name]
    return ["HKLM:", *names[1:]] if names and names[0] in ("HKLM", "HKLM:", "HKEY_LOCAL_MACHINE") else names
