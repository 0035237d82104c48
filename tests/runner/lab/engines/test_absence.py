"""Absence is absence: each thing that a script reads, in turn missing, empty, with only keys below it, of another type,
and closed. The table says what is right; whatever it does not name is judged as if nothing were wrong.

The rules that the table stands for: no script fails and no answer breaks its contract, whatever stands in the registry;
only what is closed is told as not read; and a verdict is `unknown` only where something that decides it is closed,
where a server with roles has no ExSetup.exe that bears a version, so that no one can tell its build, or where what is
asked of a component of Exchange is no state or comes from nobody that Exchange knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from playbooks.actions.exchange.services.required import Product, Role, required
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Verdict
from playbooks.observation import Observed
from runner.lab.state import (
    PROFILES,
    BinaryValue,
    FileState,
    FirewallProfile,
    HostState,
    QwordValue,
    RegistryKey,
    RegistryValue,
    ServiceState,
)
from tests.runner.lab.engines import agents
from tests.runner.lab.engines.directories import DIRECTORY
from tests.runner.lab.engines.judging import (
    EMERGENCY,
    OF_IIS,
    RULES,
    SCRIPTS,
    UM,
    OnePowerShell,
    Sim,
    concluded,
    observation,
)
from tests.runner.lab.engines.logs import quiet
from tests.runner.lab.engines.planted import CACHE, DEFRAG, USUAL, USUAL_FILES
from tests.runner.lab.engines.states import (
    AUTO_UPDATE,
    CLOSED,
    FRAMEWORK,
    INSTALLED,
    LEGACY,
    MANAGED,
    PRODUCT,
    SESSION,
    SETUP,
    UNINSTALL,
    UPDATES,
    WINDOWS,
    key,
)

TODAY = date(2026, 3, 1)
CATALOGUE = Catalogue.load().on(TODAY)

PATCH, SERVICES, VERSION = "exchange.patch", "exchange.services", "exchange.version"
COMPONENTS = "exchange.component_states"
AGENTS, DIRECTORIES = "exchange.transport_agents", "exchange.virtual_directories"
EXPORTS, URLS = "exchange.export_requests", "exchange.oab_url"
HUNTS = ("owa.hunt", "proxylogon.hunt", "proxyshell.hunt")
OF_EXCHANGE = (
    VERSION,
    PATCH,
    SERVICES,
    COMPONENTS,
    *HUNTS,
    AGENTS,
    DIRECTORIES,
    EXPORTS,
    URLS,
)  # each asks first whether this is an Exchange server
IIS = "iis.configuration"  # none of these servers has IIS
TAKE = "webshell.quarantine"
SCAN = "webshell.scan"  # finds the two web binaries, of which nobody has said what they are
FIREWALL = "windows.firewall"
PERSISTENCE = "windows.persistence"
RELEASE = "windows.release"
ISOLATE = "windows.isolate"  # each of these servers could be isolated, and none is
PENDING = ("windows.pending_reboot", "windows.restart")  # read the same marks
ROLES = ("MailboxRole", "ClientAccessRole", "CafeRole", "FrontendTransportRole", "HubTransportRole")
SERVICING = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing"
SERVICING_MARKS = tuple(f"{SERVICING}\\{mark}" for mark in ("RebootPending", "RebootInProgress", "PackagesPending"))
ENTRY = f"{UNINSTALL}\\Microsoft Exchange v15.KB5074992"
OTHER_ENTRY = f"{UNINSTALL}\\{{AB-12}}"
UPDATES_2019 = f"{UPDATES}\\Exchange 2019"
UPDATE_KEY = f"{UPDATES_2019}\\KB5074992"
SCRIPTS_POLICY = "HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows\\PowerShell"
TIME = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\W32Time\\Parameters"
POLICY = (
    "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Group Policy\\History\\"
    "{35378EAC-683F-11D2-A89A-00C04FBBCFA2}\\0"
)
OF_A_SERVICE = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\MSExchangeIS"
TASKS = f"{CACHE}\\Tasks"
TASK = next(path for path in USUAL if path.startswith(f"{TASKS}\\"))
NODE = f"{CACHE}\\Tree{DEFRAG}"
RUN_32 = "HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Run"
LIBRARIES_32 = "HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows NT\\CurrentVersion\\Windows"
WINLOGON = f"{WINDOWS}\\Winlogon"
PROFILE = f"{WINDOWS}\\ProfileList\\S-1-5-18"
OPTIONS = f"{WINDOWS}\\Image File Execution Options\\w3wp.exe"
LSA = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Lsa"
OF_A_USER = "HKU:\\S-1-5-18\\Environment"
WINDOWS_OF_A_USER = "HKU:\\S-1-5-18\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Windows"
STATES = f"{PRODUCT}\\ServerComponentStates"
COMPONENT = f"{STATES}\\HubTransport"
VOLATILE = f"{UPDATES}\\UpdateExeVolatile"
EXSETUP = f"{INSTALLED}Bin\\ExSetup.exe"
DATA = f"{INSTALLED}Bin\\Microsoft.Exchange.Data.dll"
RPC = f"{INSTALLED}Bin\\Microsoft.Exchange.RpcClientAccess.Service.exe"
ECP = f"{INSTALLED}ClientAccess\\ecp\\bin\\Microsoft.Exchange.Management.ControlPanel.dll"
OWA = f"{INSTALLED}ClientAccess\\Owa\\bin\\Microsoft.Exchange.Clients.Owa2.Server.dll"
FILES = (EXSETUP, DATA, RPC, ECP, OWA)

WHOLE = HostState(
    name="EX01",
    registry={
        SETUP: key(
            MsiInstallPath=INSTALLED, MsiProductMajor=15, MsiProductMinor=2, MsiBuildMajor=2562, MsiBuildMinor=17
        ),
        **{f"{PRODUCT}\\{role}": key(ConfiguredVersion="15.2.2562.17") for role in (*ROLES, "AdminTools")},
        ENTRY: key(DisplayName="Security Update for Exchange Server Subscription Edition RTM (KB5074992)"),
        COMPONENT: key(Maintenance="1:1:639000000000000000"),
        OTHER_ENTRY: key(DisplayName="Microsoft Visual C++ 2013", DisplayVersion="12.0"),
        UPDATE_KEY: key(PackageName="KB5074992", InstalledDate="2/11/2026"),
        UPDATES: key(UpdateExeVolatile=0),
        WINDOWS: key(ProductName="Windows Server 2022 Standard", CurrentBuildNumber="20348"),
        FRAMEWORK: key(Release=528449),
        SESSION: key(BootExecute=["autocheck autochk *"]),
        **USUAL,
        POLICY: key(DisplayName="Default Domain Policy"),
        TIME: key(Type="NT5DS", NtpServer="time.windows.com,0x8"),
    },
    files={
        **{path: FileState(version="15.02.2562.037", size=100) for path in FILES},
        **quiet(),
        **USUAL_FILES,
        **agents.usual(),
    },
    services={
        service.name: ServiceState(display_name=f"The service {service.name}")
        for service in required(frozenset({Role.MAILBOX, Role.CLIENT_ACCESS}), Product.V2019).values()
    },
    firewall=MANAGED,
    directory=DIRECTORY,
)
BELOW = "\\Below"
OK, UNKNOWN, ATTENTION, HALF = Verdict.OK, Verdict.UNKNOWN, Verdict.ATTENTION, Verdict.HALF_INSTALLED
SUSPICIOUS = Verdict.SUSPICIOUS
NOT_EXCHANGE, NOT_APPLICABLE = Verdict.NOT_EXCHANGE, Verdict.NOT_APPLICABLE


@dataclass(frozen=True)
class Case:
    """A thing in a form.

    Attributes:
        verdicts: those that are not `ok`, by action.
        closed: what is told as not read, by action.
        read_by: the actions whose scripts read the thing.
    """

    name: str
    state: HostState
    verdicts: Mapping[str, Verdict]
    closed: Mapping[str, str | tuple[str, ...]]
    read_by: tuple[str, ...] = tuple(SCRIPTS)


def with_keys(changes: Mapping[str, RegistryKey | None]) -> HostState:
    """The whole server with other keys; None takes a key away, and what is below it."""
    registry = {
        path: each
        for path, each in WHOLE.registry.items()
        if not any(path == gone or path.startswith(f"{gone}\\") for gone, new in changes.items() if new is None)
    }
    registry |= {path: new for path, new in changes.items() if new is not None}
    return WHOLE.model_copy(update={"registry": registry})


def with_files(changes: Mapping[str, FileState | None]) -> HostState:
    """The whole server with other files; None takes one away."""
    files: dict[str, FileState | None] = {**WHOLE.files, **changes}
    return WHOLE.model_copy(update={"files": {path: each for path, each in files.items() if each is not None}})


def with_services(**changes: ServiceState | None) -> HostState:
    """The whole server with other services; None takes one away."""
    services: dict[str, ServiceState | None] = {**WHOLE.services, **changes}
    return WHOLE.model_copy(update={"services": {name: each for name, each in services.items() if each is not None}})


OFF = dict.fromkeys(PROFILES, FirewallProfile(enabled="False"))


def with_firewall(**changes: object) -> HostState:
    """The whole server with another Windows Firewall."""
    return WHOLE.model_copy(update={"firewall": MANAGED.model_copy(update=changes)})


# What an untidy registry holds in place of a text or a number.
OTHER_TYPES: Mapping[str, RegistryValue] = {
    "empty text": "",
    "a number": 7,
    "a large number": QwordValue(qword=1),
    "bytes": BinaryValue(binary="07 00 01"),
    "a list": ["", "x"],
    "an empty list": [],
}
NO_BUILD = {VERSION: UNKNOWN, PATCH: UNKNOWN}
# By key: what differs from `ok` in each form. `types` is for every value of the key at once.
KEYS: Mapping[str, Mapping[str, Mapping[str, Verdict]]] = {
    SETUP: {
        "missing": {
            VERSION: NOT_EXCHANGE,
            PATCH: NOT_APPLICABLE,
            SERVICES: NOT_APPLICABLE,
            COMPONENTS: NOT_APPLICABLE,
            **dict.fromkeys((*HUNTS, AGENTS, DIRECTORIES, EXPORTS, URLS), NOT_APPLICABLE),
            SCAN: NOT_APPLICABLE,
        },
        "empty": {**NO_BUILD, **dict.fromkeys((*HUNTS, AGENTS), UNKNOWN), SCAN: NOT_APPLICABLE},
        "only keys below": {**NO_BUILD, **dict.fromkeys((*HUNTS, AGENTS), UNKNOWN), SCAN: NOT_APPLICABLE},
        "types": {**NO_BUILD, **dict.fromkeys((*HUNTS, AGENTS), UNKNOWN)},
        "closed": {
            **NO_BUILD,
            SERVICES: UNKNOWN,
            COMPONENTS: UNKNOWN,
            **dict.fromkeys((*HUNTS, AGENTS, DIRECTORIES, EXPORTS, URLS), UNKNOWN),
        },
    },
    f"{LEGACY}\\Setup": {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    **{
        f"{PRODUCT}\\{role}": {
            "missing": {},
            "empty": {},
            "only keys below": {},
            "types": {},
            "closed": {PATCH: UNKNOWN, SERVICES: UNKNOWN},
        }
        for role in (*ROLES, "UnifiedMessagingRole")
    },
    f"{PRODUCT}\\AdminTools": {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": {},
        "closed": {PATCH: UNKNOWN},
    },
    # What nobody can read may hold a component down.
    STATES: {
        "missing": {},
        "empty": {},
        "only keys below": {COMPONENTS: UNKNOWN},
        "types": {},
        "closed": {COMPONENTS: UNKNOWN},
    },
    COMPONENT: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": {COMPONENTS: UNKNOWN},
        "closed": {COMPONENTS: UNKNOWN},
    },
    ENTRY: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    OTHER_ENTRY: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    UPDATES_2019: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    UPDATE_KEY: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    UNINSTALL: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    # Below it are the tasks.
    WINDOWS: {"missing": {PERSISTENCE: UNKNOWN}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    FRAMEWORK: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    SESSION: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": dict.fromkeys(PENDING, ATTENTION),
        "closed": dict.fromkeys(PENDING, UNKNOWN),
    },
    UPDATES: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": dict.fromkeys(PENDING, ATTENTION),
        "closed": dict.fromkeys(PENDING, UNKNOWN),
    },
    VOLATILE: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": dict.fromkeys(PENDING, ATTENTION),
        "closed": dict.fromkeys(PENDING, UNKNOWN),
    },
    OF_A_SERVICE: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": {},
        "closed": {PERSISTENCE: UNKNOWN},
    },
    # Every Windows has tasks; and one without a path is one that no list shows.
    TASKS: {
        "missing": {PERSISTENCE: UNKNOWN},
        "empty": {},
        "only keys below": {PERSISTENCE: ATTENTION},
        "types": {},
        "closed": {PERSISTENCE: UNKNOWN},
    },
    TASK: {
        "missing": {PERSISTENCE: UNKNOWN},
        "empty": {PERSISTENCE: ATTENTION},
        "only keys below": {PERSISTENCE: ATTENTION},
        "types": {PERSISTENCE: ATTENTION},
        "closed": {PERSISTENCE: UNKNOWN},
    },
    RUN_32: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {PERSISTENCE: UNKNOWN}},
    PROFILE: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {PERSISTENCE: UNKNOWN}},
    **{
        path: {
            "missing": {},
            "empty": {},
            "only keys below": {},
            "types": {PERSISTENCE: ATTENTION},
            "closed": {PERSISTENCE: UNKNOWN},
        }
        for path in (LIBRARIES_32, OPTIONS, LSA)
    },
    WINLOGON: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": {PERSISTENCE: SUSPICIOUS},
        "closed": {PERSISTENCE: UNKNOWN},
    },
    POLICY: {"missing": {}, "empty": {}, "only keys below": {}, "types": {}, "closed": {}},
    SCRIPTS_POLICY: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": {},
        "closed": {"windows.session": UNKNOWN},
    },
    TIME: {
        "missing": {},
        "empty": {},
        "only keys below": {},
        "types": {},
        "closed": {ISOLATE: UNKNOWN, PERSISTENCE: UNKNOWN},
    },
    # These are read for nothing but whether they are there.
    **{
        mark: {
            "missing": {},
            "empty": dict.fromkeys(PENDING, ATTENTION),
            "only keys below": dict.fromkeys(PENDING, ATTENTION),
            "types": dict.fromkeys(PENDING, ATTENTION),
            "closed": dict.fromkeys(PENDING, UNKNOWN),
        }
        for mark in (*SERVICING_MARKS, AUTO_UPDATE)
    },
}
# The values that are read of each key.
VALUES: Mapping[str, tuple[str, ...]] = {
    SETUP: ("MsiInstallPath", "MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor"),
    f"{LEGACY}\\Setup": ("MsiInstallPath",),
    ENTRY: ("DisplayName", "DisplayVersion", "InstallDate", "Publisher"),
    OTHER_ENTRY: ("DisplayName", "DisplayVersion", "InstallDate", "Publisher"),
    UPDATE_KEY: ("PackageName", "InstalledDate"),
    COMPONENT: ("HealthApi", "Maintenance", "Sidelined", "Functional", "Deployment"),
    WINDOWS: ("ProductName", "CurrentBuildNumber"),
    FRAMEWORK: ("Release",),
    SESSION: ("PendingFileRenameOperations", "PendingFileRenameOperations2"),
    POLICY: ("DisplayName",),
    SCRIPTS_POLICY: ("EnableScripts", "ExecutionPolicy"),
    TIME: ("NtpServer", "Type"),
    UPDATES: ("UpdateExeVolatile",),
    VOLATILE: ("Flags",),
    OF_A_SERVICE: (
        *("DelayedAutostart", "DependOnService", "ImagePath", "ObjectName", "Start", "Type", "FailureCommand"),
        "ServiceDll",
    ),
    TASK: ("Path", "Author", "Date", "Actions", "DynamicInfo"),
    NODE: ("SD",),
    LIBRARIES_32: ("AppInit_DLLs",),
    PROFILE: ("ProfileImagePath",),
    WINLOGON: ("Shell", "Userinit", "Taskman"),
    OPTIONS: ("Debugger", "VerifierDlls", "MonitorProcess"),
    LSA: ("Authentication Packages", "Notification Packages", "Security Packages"),
    OF_A_USER: ("UserInitMprLogonScript",),
    WINDOWS_OF_A_USER: ("Load", "Run"),
    f"{PRODUCT}\\MailboxRole": ("Action", "Watermark"),
    f"{PRODUCT}\\AdminTools": ("Action", "Watermark"),
}
# What a value that is not read as nothing means. A mark is a mark in whatever type it stands.
MARKED: Mapping[tuple[str, str], Mapping[str, Verdict]] = {
    **{(SESSION, name): dict.fromkeys(PENDING, ATTENTION) for name in VALUES[SESSION]},
    (UPDATES, "UpdateExeVolatile"): dict.fromkeys(PENDING, ATTENTION),
    (VOLATILE, "Flags"): dict.fromkeys(PENDING, ATTENTION),
    **{
        (f"{PRODUCT}\\{part}", mark): {PATCH: HALF}
        for part in ("MailboxRole", "AdminTools")
        for mark in VALUES[f"{PRODUCT}\\{part}"]
    },
}
STARTED = {
    **{
        (path, name): {PERSISTENCE: ATTENTION}
        for path in (LIBRARIES_32, WINLOGON, OPTIONS, LSA)
        for name in VALUES[path]
    },
    **{(path, name): {PERSISTENCE: ATTENTION} for path in (OF_A_USER, WINDOWS_OF_A_USER) for name in VALUES[path]},
    (TASK, "Actions"): {PERSISTENCE: ATTENTION},
    (WINLOGON, "Shell"): {PERSISTENCE: SUSPICIOUS},
    (WINLOGON, "Userinit"): {PERSISTENCE: SUSPICIOUS},
}
OF_A_COMPONENT = tuple((COMPONENT, name) for name in VALUES[COMPONENT])
NOTHING = ("empty text", "an empty list")
BROKEN: Mapping[str, FileState | None] = {
    "missing": None,
    "empty": FileState(),
    "a folder": FileState(folder=True),
    "of another kind": FileState(version="1.0 beta", size=1),
    "closed": FileState(version="15.02.2562.037", denied=True),
}
# The two web binaries may be missing; whatever is there and bears no version is no file of this update.
FILE_VERDICTS: Mapping[str, Mapping[str, Mapping[str, Verdict]]] = {
    EXSETUP: dict.fromkeys(BROKEN, NO_BUILD),
    **{path: {form: {PATCH: UNKNOWN if form == "closed" else HALF} for form in BROKEN} for path in (DATA, RPC)},
    **{
        path: {
            "missing": {},
            "empty": {PATCH: HALF},
            "a folder": {},
            "of another kind": {PATCH: HALF},
            "closed": {PATCH: UNKNOWN},
        }
        for path in (ECP, OWA)
    },
}


def cases() -> Iterator[Case]:
    """Every thing in every form."""
    yield Case("nothing is wrong", WHOLE, {}, {})
    for path, forms in KEYS.items():
        held = WHOLE.registry.get(path, RegistryKey()).values
        values = {**held, **dict.fromkeys(VALUES.get(path, ()), BinaryValue(binary="07 00 01"))}
        # A key that stands above others that matter is closed, or without values, and they are still there.
        marks = {f"{PRODUCT}\\{role}" for role in (*ROLES, "UnifiedMessagingRole", "AdminTools")}
        typed = dict(held) if path in marks else values
        new = {
            "missing": None,
            "empty": RegistryKey(),
            "only keys below": None,
            "types": RegistryKey(values=typed),
            "closed": RegistryKey(values=dict(held), denied=True),
        }
        for form, verdicts in forms.items():
            changes = {path: new[form]}
            if form == "only keys below":
                changes = {path: RegistryKey(), path + BELOW: key(x=1)}
            # Of that of Windows itself it reads only what is below.
            opening = [action for action in readers(path) if (path, action) != (WINDOWS, PERSISTENCE)]
            closed = dict.fromkeys(opening, path) if form == "closed" else {}
            if path == TIME and closed:  # of a service it tells the service
                closed[PERSISTENCE] = TIME.removesuffix("\\Parameters")
            yield Case(f"{path}: {form}", with_keys(changes), verdicts, closed, readers(path))
    for path, names in VALUES.items():
        for name in names:
            for form, value in OTHER_TYPES.items():
                held = WHOLE.registry.get(path, RegistryKey()).values
                state = with_keys({path: RegistryKey(values={**held, name: value})})
                verdicts: dict[str, Verdict] = {}
                if (path, name) == (SETUP, "MsiInstallPath"):
                    verdicts = {**NO_BUILD, **dict.fromkeys((*HUNTS, AGENTS), UNKNOWN)}
                    if form in NOTHING:
                        verdicts[SCAN] = NOT_APPLICABLE
                elif (path, name) in OF_A_COMPONENT:
                    verdicts = {COMPONENTS: UNKNOWN}
                elif (path, name) == (TASK, "Path"):
                    verdicts = {PERSISTENCE: ATTENTION}
                elif (path, name) in {**MARKED, **STARTED} and form not in NOTHING:
                    verdicts = dict({**MARKED, **STARTED}[path, name])
                yield Case(f"{path}, value {name}: {form}", state, verdicts, {}, readers(path))
    for path, forms in FILE_VERDICTS.items():
        for form, file in BROKEN.items():
            read_by = {EXSETUP: (VERSION, PATCH, SCAN), ECP: (PATCH, SCAN), OWA: (PATCH, SCAN)}.get(path, (PATCH,))
            closed = dict.fromkeys(read_by, path) if form == "closed" else {}
            yield Case(f"{path}: {form}", with_files({path: file}), forms[form], closed, read_by)
    yield from several()
    yield from services()


def readers(path: str) -> tuple[str, ...]:
    """The actions whose scripts read a key."""
    reading = {
        f"{PRODUCT}\\UnifiedMessagingRole": OF_EXCHANGE,
        SETUP: (*OF_EXCHANGE, IIS, SCAN, UM, *RULES),
        **dict.fromkeys((f"{PRODUCT}\\{role}" for role in ROLES), OF_EXCHANGE),
        **dict.fromkeys((STATES, COMPONENT), (COMPONENTS,)),
        **dict.fromkeys((f"{LEGACY}\\Setup", FRAMEWORK), (VERSION,)),
        WINDOWS: (VERSION, PERSISTENCE),
        **dict.fromkeys((TASKS, TASK, NODE, RUN_32, PROFILE, LIBRARIES_32, WINLOGON, OPTIONS, LSA), (PERSISTENCE,)),
        **dict.fromkeys((OF_A_USER, WINDOWS_OF_A_USER), (PERSISTENCE,)),
        f"{PRODUCT}\\AdminTools": (PATCH,),
        # A scan tells when updates were installed, and is no worse where that is not known.
        **dict.fromkeys((UNINSTALL, ENTRY, OTHER_ENTRY, UPDATES_2019, UPDATE_KEY), (PATCH, SCAN)),
        OF_A_SERVICE: (SERVICES, PERSISTENCE),
        POLICY: (ISOLATE,),
        SCRIPTS_POLICY: ("windows.session",),
        TIME: (ISOLATE, PERSISTENCE),
        **dict.fromkeys((SESSION, UPDATES, VOLATILE, AUTO_UPDATE, *SERVICING_MARKS), PENDING),
    }
    return reading[path]


def several() -> Iterator[Case]:
    """Things that stand in for one another, together."""
    gone = dict.fromkeys((ENTRY, UPDATE_KEY))
    yield Case("neither place has an entry of the update", with_keys(gone), {PATCH: HALF}, {})
    yield Case("neither place is there", with_keys({UNINSTALL: None, UPDATES: None}), {PATCH: HALF}, {})
    yield Case(
        "no entry in one place, the other closed",
        with_keys({ENTRY: None, UPDATES_2019: CLOSED}),
        {PATCH: UNKNOWN},
        {PATCH: UPDATES_2019, SCAN: UPDATES_2019},
    )
    yield Case(
        "no entry in one place, one of the other closed",
        with_keys({UPDATE_KEY: None, ENTRY: CLOSED}),
        {PATCH: UNKNOWN},
        {PATCH: ENTRY, SCAN: ENTRY},
    )
    yield Case("both web binaries are missing", with_files({ECP: None, OWA: None}), {SCAN: NOT_APPLICABLE}, {})
    yield Case(
        "no file but ExSetup.exe bears its build",
        with_files({ECP: None, OWA: None, RPC: None, DATA: FileState(version="15.02.2562.035")}),
        {PATCH: HALF, SCAN: NOT_APPLICABLE},
        {},
    )
    roles = dict.fromkeys(f"{PRODUCT}\\{role}" for role in ROLES)
    tools = {
        VERSION: NOT_EXCHANGE,
        **dict.fromkeys((PATCH, SERVICES, COMPONENTS, *HUNTS, AGENTS, DIRECTORIES, EXPORTS, URLS), NOT_APPLICABLE),
    }
    yield Case("no key of a role: management tools alone", with_keys(roles), tools, {})
    left = with_keys({**roles, f"{PRODUCT}\\AdminTools": None, SETUP: key(MsiProductMajor=15)})
    tools = {**tools, SCAN: NOT_APPLICABLE}
    yield Case("a setup key is all that is left", left, tools, {})
    yield Case(
        "an install folder on a drive that is gone",
        with_keys({SETUP: key(MsiInstallPath="Q:\\Exchange\\")}),
        {**NO_BUILD, **dict.fromkeys((*HUNTS, AGENTS), UNKNOWN), SCAN: NOT_APPLICABLE},
        {},
    )
    yield Case(
        "Exchange 2010 on a drive that is gone",
        with_keys({SETUP: None, f"{LEGACY}\\Setup": key(MsiInstallPath="Q:\\Exchange\\")}),
        tools,
        {},
    )
    nothing = HostState(name="EX01")
    yield Case("nothing at all", nothing, {**tools, FIREWALL: ATTENTION, PERSISTENCE: UNKNOWN}, {})
    yield Case("a task that no list shows", with_keys({NODE: None}), {PERSISTENCE: ATTENTION}, {})
    yield Case(
        "a task whose place in the list is closed",
        with_keys({NODE: CLOSED}),
        {PERSISTENCE: UNKNOWN},
        {PERSISTENCE: TASK},
    )
    without_file = with_files(dict.fromkeys(USUAL_FILES))
    yield Case("a task whose file is gone", without_file, {PERSISTENCE: ATTENTION}, {})


def services() -> Iterator[Case]:
    """Services, and the class of WMI that tells them."""
    attention = {SERVICES: ATTENTION}
    no_boot = {"windows.restart": "Win32_OperatingSystem and Win32_Service"}
    for how in ("denied", "without-class", "empty"):
        closed = {} if how == "empty" else no_boot
        yield Case(f"WMI: {how}", WHOLE.model_copy(update={"wmi": how}), attention, closed)
    denied = WHOLE.model_copy(update={"services_denied": True})
    closed = {
        EMERGENCY: "MSExchangeMitigation",
        UM: "MSExchangeUM",
        SERVICES: "Win32_Service",
        FIREWALL: "MpsSvc",
        ISOLATE: "services",
        RELEASE: "services",
        **no_boot,
    }
    yield Case(
        "services: closed", denied, {EMERGENCY: UNKNOWN, SERVICES: UNKNOWN, ISOLATE: UNKNOWN, RELEASE: UNKNOWN}, closed
    )
    yield Case("services: none", WHOLE.model_copy(update={"services": {}}), attention, {})
    yield Case("a service that a server always has: missing", with_services(MSExchangeIS=None), attention, {})
    yield Case("a service that came later: missing", with_services(MSExchangeThrottling=None), {}, {})
    yield Case("a service without a display name", with_services(MSExchangeIS=ServiceState()), {}, {})
    for state, verdicts in (
        ("Start Pending", {}),
        ("Continue Pending", {}),
        ("Stop Pending", attention),
        ("Pause Pending", attention),
        ("Paused", attention),
    ):
        yield Case(f"a service: {state}", with_services(MSExchangeIS=ServiceState(state=state)), verdicts, {})  # type: ignore[arg-type]
    disabled = ServiceState(state="Stopped", start_mode="Disabled")
    yield Case("Windows Firewall: all of it off", with_firewall(local=OFF), {FIREWALL: ATTENTION}, {})
    yield Case(
        "Windows Firewall: policy decides", with_firewall(policy=OFF), {FIREWALL: ATTENTION, ISOLATE: UNKNOWN}, {}
    )
    yield Case("Windows Firewall: no rule", with_firewall(rules=[]), {}, {})
    no_wmi = {**attention, ISOLATE: UNKNOWN, PERSISTENCE: UNKNOWN}
    closed = {**no_boot, ISOLATE: ("adapters", "Win32_ComputerSystem"), PERSISTENCE: "root/subscription"}
    yield Case("WMI itself disabled", with_services(Winmgmt=disabled), no_wmi, closed)
    yield Case("pla disabled", with_services(pla=disabled), attention, {})
    yield Case("pla waits", with_services(pla=ServiceState(state="Stopped", start_mode="Manual")), {}, {})


CASES = tuple(cases())
WITHOUT_KEYS = (
    "file.quarantine",
    "mitigation.ecp_pool",
    "mitigation.emergency_service",
    "mitigation.oab_pool",
    "windows.firewall",
    RELEASE,
)
SIM = Sim()
PARTS = 4  # so that several workers share the real engine's


def test_no_case_stands_twice_and_none_was_lost() -> None:
    assert len(CASES) > 200
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("action", SCRIPTS)
def test_every_key_value_and_file_that_a_script_names_stands_in_the_table(action: str) -> None:
    script = SCRIPTS[action]
    # Of a key that is joined with names the beginning stands there.
    keys = set(re.findall(r"'(HKLM:\\[^']+)'", script))
    assert keys or action in WITHOUT_KEYS
    assert {each for each in keys if not any(f"{path}\\".startswith(f"{each}\\") for path in KEYS)} == set()
    selected = re.findall(r"Get-KeyValue [^|]+\|\s+Select-Object -First 1 -Property ([\w', ]+)", script)
    assert len(selected) == script.count("Get-KeyValue -Key")
    reader = SCAN if action == TAKE else action  # whose text it has
    known = {name for path, names in VALUES.items() for name in names if reader in readers(path)}
    assert {name.strip("'") for names in selected for name in re.split(r",\s*", names.strip())} <= known
    files = {path.rpartition("\\")[2] for path in FILE_VERDICTS}
    assert set(re.findall(r"Microsoft\.Exchange\.[\w.]+\.(?:dll|exe)|ExSetup\.exe", script)) <= files


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_judged_as_the_table_says(case: Case) -> None:
    verdicts: dict[str, Verdict] = {}
    unread: dict[str, tuple[str, ...]] = {}
    for action, said in SIM.run(case.state).items():
        observed = observation(action, said)
        assert isinstance(observed, Observed), observed
        unread[action] = tuple(entry.what for entry in observed.unread)
        verdicts[action] = concluded(action, said, CATALOGUE, TODAY).verdict
    # What takes web shells away reads what looks for them reads, and takes none here.
    assert set(unread.pop(TAKE)) == set(unread[SCAN])
    assert verdicts.pop(TAKE) is (ATTENTION if verdicts[SCAN] is UNKNOWN else NOT_APPLICABLE)
    usual = {action: OK for action in SCRIPTS if action != TAKE}
    usual |= {**dict.fromkeys(OF_IIS, NOT_APPLICABLE), SCAN: UNKNOWN, ISOLATE: ATTENTION}
    assert verdicts == {**usual, **case.verdicts}
    assert set(case.verdicts) | set(case.closed) <= set(case.read_by)
    told = {action: what for action, what in unread.items() if what}
    if "MsiInstallPath" not in case.name and "Setup: types" not in case.name:
        # A value that names no folder on a drive of the server is told as well: it is not followed.
        closed = {action: (what,) if isinstance(what, str) else what for action, what in case.closed.items()}
        assert told == closed


@pytest.mark.real_powershell
@pytest.mark.parametrize("part", range(PARTS))
def test_the_scripts_themselves_say_the_same_of_each(powershell: Path, part: int) -> None:
    with OnePowerShell(powershell) as real:
        for case in CASES[part::PARTS]:
            simulated, said = SIM.run(case.state, case.read_by), real.run(case.state, case.read_by)
            for action in case.read_by:
                assert simulated[action].records == said[action].records, (case.name, action)
