"""What a script can read of a server: registry, files and services of a HostState, with Windows's own refusals.

Names are compared without regard to case, as Windows does. The texts of errors are those of Windows PowerShell's
providers; the Windows shim of the `pwsh` engine gives the same ones, and tests compare the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from runner.lab.engines.sim.clixml import INT32
from runner.lab.state import (
    AccountsState,
    BinaryValue,
    DirectoryState,
    EmergencyState,
    FileState,
    HostState,
    QwordValue,
    RegistryKey,
    RegistryValue,
    ServiceState,
    SubscriptionState,
)

SERVICES_KEY = "HKLM:\\SYSTEM\\CurrentControlSet\\Services"
# HRESULT 0x80070005, 0x80041010 and 0x80070422 as CIM words them; the blanks are Windows's.
_WMI_DENIED = "Access denied "
_WMI_WITHOUT_CLASS = "Invalid class "
_WMI_DISABLED = (
    "The service cannot be started, either because it is disabled or because it has no enabled devices "
    "associated with it. "
)
SERVICES_DENIED = "Cannot open Service Control Manager on computer '.'. This operation might require other privileges."

APPLICATION_HOST = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
NO_POOL = "Cannot find path 'IIS:\\AppPools\\{}' because it does not exist."
CONFIGURATION_DENIED = (
    "Filename: redirection.config\r\nError: Cannot read configuration file due to insufficient permissions\r\n"
)
NO_COMMAND = (
    "The term '{}' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the "
    "spelling of the name, or if a path was included, verify that the path is correct and try again."
)
EXCHANGE_SETUP = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
EXCHANGE_SNAPIN = "Microsoft.Exchange.Management.PowerShell.SnapIn"
NO_SNAPIN = f"The Windows PowerShell snap-in '{EXCHANGE_SNAPIN}' is not installed on this computer."
NO_DIRECTORY = (
    "Active Directory server  is not available. Error message: Active directory response: A local error occurred."
)
ACCOUNTS_DENIED = "Access denied."
FIREWALL_DENIED = "Access is denied. "
# EPT_S_NOT_REGISTERED (1753), which the firewall's commands give while its service does not run.
FIREWALL_STOPPED = "There are no more endpoints available from the endpoint mapper. "


@dataclass(frozen=True, slots=True)
class Service:
    """A service as WMI shows it."""

    name: str
    display_name: str
    state: str
    start_mode: str
    exit_code: int = 0


class UnreadableError(Exception):
    """What `$_.Exception.Message` says in a script's `catch`."""


@dataclass(frozen=True, slots=True)
class Qword:
    """A value of type REG_QWORD, which a script sees as another type than a REG_DWORD."""

    number: int


# A value of the registry as .NET gives it. A tuple is a REG_MULTI_SZ.
Held = None | str | int | Qword | bytes | tuple[str, ...]


class Properties:
    """What `Get-KeyValue KEY | Select-Object -First 1 -Property NAMES` gives: whatever is absent is null.

    Attributes:
        names: of all values, as `(Get-Item KEY).Property` has them.
    """

    def __init__(self, values: Mapping[str, RegistryValue]) -> None:
        self._values = {folded(name): _held(value) for name, value in values.items()}
        self.names = tuple(values)

    def __getitem__(self, name: str) -> Held:
        return self._values.get(folded(name))


def _held(value: RegistryValue) -> Held:
    match value:
        case BinaryValue():
            return bytes.fromhex(value.binary)
        case QwordValue():
            return Qword(value.qword)
        case list():
            return tuple(value)
        case int() if 2**31 <= value < 2**32:
            # .NET shows a REG_DWORD from 2^31 on as the negative number of the same bits.
            return value - 2**32
        case int() if value not in INT32:
            return Qword(value)
        case _:
            return value


class Machine:
    """One server, read as the collect scripts read it.

    Attributes:
        state: that it reads.
    """

    def __init__(self, state: HostState) -> None:
        self.state = state

    @cached_property
    def _keys(self) -> Mapping[str, RegistryKey | None]:
        """Every key by its folded path; None where it exists only because one below it does."""
        keys: dict[str, RegistryKey | None] = {}
        for path, key in self.state.registry.items():
            names = _names(path)
            keys["\\".join(names)] = key
            for depth in range(1, len(names)):
                keys.setdefault("\\".join(names[:depth]), None)
        return keys

    @cached_property
    def _below(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the keys right below each, as the state spells them first, by name."""
        below: dict[str, dict[str, str]] = {}
        for path in self.state.registry:
            spelt = [name for name in path.replace("/", "\\").split("\\") if name]
            names = _names(path)
            for depth in range(1, len(names)):
                below.setdefault("\\".join(names[:depth]), {}).setdefault(names[depth], spelt[depth])
        return {key: tuple(named[each] for each in sorted(named)) for key, named in below.items()}

    @cached_property
    def _files(self) -> Mapping[str, FileState]:
        return {"\\".join(_names(path)): file for path, file in self.state.files.items()}

    def _open(self, path: str) -> tuple[bool, RegistryKey | None]:
        """Whether a key is there, and what the state says of it.

        Windows checks the key only, not the way to it: a key below one that nobody may open can be open.
        """
        path = "\\".join(_names(path))
        key = self._keys.get(path)
        if key is not None and key.denied:
            raise UnreadableError("Requested registry access is not allowed.")
        is_of_services = bool(self.state.services) and path == _FOLDED_SERVICES_KEY
        return path in self._keys or is_of_services or bool(self._of_service(path)), key

    def key_exists(self, path: str) -> bool:
        """`Test-Path` of a key.

        Raises:
            UnreadableError: nobody may open it.
        """
        return self._open(path)[0]

    def values(self, path: str) -> Properties:
        """`Get-KeyValue` of a key, as the collect scripts define it.

        Raises:
            UnreadableError: nobody may open it.
        """
        _, key = self._open(path)
        return Properties({**({} if key is None else key.values), **self._of_service(path)})

    def _of_service(self, path: str) -> dict[str, RegistryValue]:
        """What the service control manager keeps in the key of a service."""
        above, _, name = "\\".join(_names(path)).rpartition("\\")
        service = self._service_keys.get(name) if above == _FOLDED_SERVICES_KEY else None
        if service is None:
            return {}
        values: dict[str, RegistryValue] = {"Start": _STARTS[service.start_mode]}
        if service.delayed_autostart is not None:
            values["DelayedAutostart"] = service.delayed_autostart
        if service.depends_on:
            values["DependOnService"] = service.depends_on
        return values

    @cached_property
    def _service_keys(self) -> Mapping[str, ServiceState]:
        return {folded(name): service for name, service in self.state.services.items()}

    def names_below(self, path: str) -> tuple[str, ...]:
        """`Get-ChildItem KEY -Name` where there is such a key.

        Raises:
            UnreadableError: nobody may open it.
        """
        present, _ = self._open(path)
        below = self._below.get("\\".join(_names(path)), ()) if present else ()
        if "\\".join(_names(path)) != _FOLDED_SERVICES_KEY:
            return below
        # Each service has a key there, listed in the registry or not.
        named = {folded(name): name for name in self.state.services if name and "\\" not in name}
        named |= {folded(name): name for name in below}
        return tuple(named[each] for each in sorted(named))

    def file_exists(self, path: str) -> bool:
        """`Test-Path -PathType Leaf`: a folder of that name is no such file.

        Raises:
            UnreadableError: nobody may open it.
        """
        file = self._files.get("\\".join(_names(path)))
        if file is not None and file.denied:
            raise UnreadableError("Access is denied")
        return file is not None and not file.folder

    def file_version(self, path: str) -> str | None:
        """`(Get-Item FILE).VersionInfo.FileVersion` of a file that exists and may be opened."""
        return self._files["\\".join(_names(path))].version

    def services_of_wmi(self) -> list[Service]:
        """`Get-CimInstance -ClassName Win32_Service`, by name.

        Raises:
            UnreadableError: access is denied, the class is not there, or the service of WMI itself is disabled and
                stopped.
        """
        if self.state.services_denied or self.state.wmi == "denied":
            raise UnreadableError(_WMI_DENIED)
        self._refuse_without_wmi()
        if self.state.wmi == "without-class":
            raise UnreadableError(_WMI_WITHOUT_CLASS)
        return [] if self.state.wmi == "empty" else self._services()

    def boot_time(self) -> str:
        """`LastBootUpTime` of Win32_OperatingSystem, as UTC.

        Raises:
            UnreadableError: the service of WMI itself is disabled and stopped.
        """
        if not self.state.services_denied:
            self._refuse_without_wmi()
        return self.state.boot_time

    def in_domain(self) -> bool:
        """`PartOfDomain` of Win32_ComputerSystem.

        Raises:
            UnreadableError: the service of WMI itself is disabled and stopped.
        """
        if not self.state.services_denied:
            self._refuse_without_wmi()
        return self.state.joined

    def leases(self) -> list[str]:
        """DHCP servers of adapters, by Win32_NetworkAdapterConfiguration.

        Raises:
            UnreadableError: the service of WMI itself is disabled and stopped.
        """
        if not self.state.services_denied:
            self._refuse_without_wmi()
        return self.state.leases

    def mounted_by_wmi(self) -> int:
        """Active copies, by the class that WMI makes of the counter.

        Raises:
            UnreadableError: there is no such class, or the service of WMI itself is disabled and stopped.
        """
        if not self.state.services_denied:
            self._refuse_without_wmi()
        if self.state.databases_mounted is None:
            raise UnreadableError(_WMI_WITHOUT_CLASS)
        return self.state.databases_mounted

    def _refuse_without_wmi(self) -> None:
        wmi = next((each for each in self._services() if folded(each.name) == "WINMGMT"), None)
        if wmi is not None and wmi.start_mode == "Disabled" and wmi.state == "Stopped":
            raise UnreadableError(_WMI_DISABLED)

    def services(self) -> list[Service]:
        """`Get-Service`, by name; it asks the service control manager and needs no WMI.

        Raises:
            UnreadableError: access is denied.
        """
        if self.state.services_denied:
            raise UnreadableError(SERVICES_DENIED)
        return self._services()

    def has_iis(self) -> bool:
        """Whether the module WebAdministration is there."""
        file = self._files.get("\\".join(_names(APPLICATION_HOST)))
        return file is not None and not file.folder

    def pool_state(self, name: str) -> str:
        """`(Get-WebAppPoolState -Name NAME).Value`.

        Raises:
            UnreadableError: there is no such application pool, no IIS, or nobody may read how it is configured.
        """
        if not self.has_iis():
            raise UnreadableError(NO_COMMAND.format("Get-WebAppPoolState"))
        if self._files["\\".join(_names(APPLICATION_HOST))].denied:
            raise UnreadableError(CONFIGURATION_DENIED)
        for known, state in self.state.pools.items():
            if folded(known) == folded(name):
                return state
        raise UnreadableError(NO_POOL.format(name))

    def add_exchange_commands(self) -> None:
        """`Add-PSSnapin` of Exchange's snap-in.

        Raises:
            UnreadableError: it cannot be loaded, or nobody may read where it is installed.
        """
        try:
            present = self.key_exists(EXCHANGE_SETUP)
        except UnreadableError:
            present = False
        if self.state.directory.answers == "without-commands" or not present:
            raise UnreadableError(NO_SNAPIN)

    def ask_directory(self) -> DirectoryState:
        """Exchange's commands that read Active Directory.

        Raises:
            UnreadableError: Active Directory does not know who asks.
        """
        if self.state.directory.answers != "answers":
            raise UnreadableError(NO_DIRECTORY)
        return self.state.directory

    def ask_emergency(self) -> EmergencyState:
        """What `Get-ExchangeServer` and `Get-OrganizationConfig` say of Exchange Emergency Mitigation.

        Raises:
            UnreadableError: Active Directory does not know who asks.
        """
        return self.ask_directory().emergency

    def ask_accounts(self) -> AccountsState:
        """What the commands of the module Microsoft.PowerShell.LocalAccounts read.

        Raises:
            UnreadableError: access is denied.
        """
        if self.state.accounts.answers == "denied":
            raise UnreadableError(ACCOUNTS_DENIED)
        return self.state.accounts

    def subscriptions(self) -> SubscriptionState:
        """What `Get-CimInstance` reads in root/subscription.

        Raises:
            UnreadableError: access is denied, or the service of WMI itself is disabled and stopped.
        """
        if not self.state.services_denied:
            self._refuse_without_wmi()
        if self.state.subscriptions.answers == "denied":
            raise UnreadableError(_WMI_DENIED)
        return self.state.subscriptions

    def ask_firewall(self, command: str) -> None:
        """A command of the module NetSecurity that reads.

        Raises:
            UnreadableError: it is not there, is not answered, or not to this account.
        """
        match self.state.firewall.answers:
            case "without-commands":
                raise UnreadableError(NO_COMMAND.format(command))
            case "denied":
                raise UnreadableError(FIREWALL_DENIED)
            case "answers":
                service = next((each for each in self._services() if folded(each.name) == "MPSSVC"), None)
                if service is not None and service.state != "Running":
                    raise UnreadableError(FIREWALL_STOPPED)

    def _services(self) -> list[Service]:
        return sorted(
            (
                Service(name, each.display_name or name, each.state, each.start_mode, each.exit_code)
                for name, each in self.state.services.items()
            ),
            key=lambda service: folded(service.name),
        )


def folded(name: str) -> str:
    """A name for comparing: Windows and .NET compare the capitals of single characters."""
    return name.upper() if name.isascii() else "".join(_capital(character) for character in name)


_ROOTS = {
    **dict.fromkeys(("HKLM", "HKEY_LOCAL_MACHINE"), "HKLM:"),
    **dict.fromkeys(("HKU", "HKEY_USERS", "REGISTRY::HKEY_USERS"), "HKU:"),
}
_FOLDED_SERVICES_KEY = folded(SERVICES_KEY)
_STARTS = {"Auto": 2, "Manual": 3, "Disabled": 4}  # SERVICE_AUTO_START and so on, of winnt.h


def _capital(character: str) -> str:
    capital = character.upper()
    return capital if len(capital) == 1 else character


def _names(path: str) -> list[str]:
    names = [name for name in folded(path).replace("/", "\\").split("\\") if name]
    return [_ROOTS.get(names[0], names[0]), *names[1:]] if names else names
