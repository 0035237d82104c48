"""Servers of every kind that the built-in scripts tell apart, for tests that run scripts on them."""

from __future__ import annotations

from collections.abc import Mapping

from runner.lab.state import (
    MACHINE_SID,
    RULES,
    AccountsState,
    EventLogState,
    FileState,
    FirewallProfile,
    FirewallRule,
    FirewallState,
    HostState,
    LocalMember,
    LocalUser,
    MailboxFolder,
    MailboxState,
    RegistryKey,
    ServiceState,
    SubscriptionState,
    TcpState,
    WmiBinding,
    WmiConsumer,
    WmiFilter,
)
from tests.runner.lab.engines import directories
from tests.runner.lab.engines.agents import DEFAULT, ODD, agent, configured
from tests.runner.lab.engines.logs import CONFIGURATION, IIS_LOGS, attacked, event, events, kept_short, quiet, shelled
from tests.runner.lab.engines.planted import CACHE, LEFT, LEFT_FILES, USUAL
from tests.runner.lab.engines.webs import web_server

PRODUCT = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15"
LEGACY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v14"
SETUP = f"{PRODUCT}\\Setup"
UNINSTALL = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
WINDOWS = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
FRAMEWORK = "HKLM:\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"
SESSION = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager"
UPDATES = "HKLM:\\SOFTWARE\\Microsoft\\Updates"
SERVICING = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending"
AUTO_UPDATE = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired"
COMPONENTS = f"{PRODUCT}\\ServerComponentStates"
INSTALLED = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\"
INSTALLED_2010 = "C:\\Program Files\\Microsoft\\Exchange Server\\V14\\"
PROGRAMS = ("ExSetup.exe", "Microsoft.Exchange.Data.dll", "Microsoft.Exchange.RpcClientAccess.Service.exe")

MAILBOX_2019 = ("MailboxRole", "ClientAccessRole", "HubTransportRole", "FrontendTransportRole")
Registry = Mapping[str, RegistryKey]


def key(**values: str | int | list[str]) -> RegistryKey:
    """A key with these values."""
    return RegistryKey(values=dict(values))


CLOSED = RegistryKey(denied=True)
# WinRM is let in from where servers are managed, and nowhere else.
MANAGED = FirewallState(
    rules=[rule.model_copy(update={"remote_address": ["10.0.5.0/255.255.255.0", "10.0.6.7"]}) for rule in RULES]
)

WINDOWS_2019: Registry = {
    WINDOWS: key(ProductName="Windows Server 2019 Standard", CurrentBuildNumber="17763"),
    FRAMEWORK: key(Release=528049),
    SESSION: key(BootExecute=["autocheck autochk *"]),
    f"{UNINSTALL}\\{{AB-12}}": key(DisplayName="Microsoft Visual C++ 2013", DisplayVersion="12.0"),
}


def exchange(
    version: str,
    *,
    minor: int = 2,
    build: int = 1544,
    roles: tuple[str, ...] = MAILBOX_2019,
    update: str = "Security Update for Exchange Server 2019 Cumulative Update 14 (KB5074992)",
    path: str = INSTALLED,
) -> Registry:
    """What setup and an update leave in the registry."""
    return {
        **WINDOWS_2019,
        SETUP: key(
            MsiInstallPath=path, MsiProductMajor=15, MsiProductMinor=minor, MsiBuildMajor=build, MsiBuildMinor=4
        ),
        **{f"{PRODUCT}\\{role}": key(ConfiguredVersion="15.2.1544.4") for role in roles},
        f"{UNINSTALL}\\{{CD-34}}": key(DisplayName=update, DisplayVersion=version),
    }


def binaries(*versions: str | None, path: str = INSTALLED) -> dict[str, FileState]:
    """The programs that the scripts look at, with one version each; the last goes for the rest."""
    return {
        f"{path}Bin\\{program}": FileState(version=versions[min(at, len(versions) - 1)], size=100)
        for at, program in enumerate(PROGRAMS)
    }


SERVICES = {
    "MSExchangeTransport": ServiceState(display_name="Microsoft Exchange Transport"),
    "MSExchangeIS": ServiceState(display_name="Microsoft Exchange Information Store"),
    "msexchangepop3": ServiceState(state="Stopped", start_mode="Manual"),
    "W3SVC": ServiceState(display_name="World Wide Web Publishing Service"),
    "Winmgmt": ServiceState(display_name="Windows Management Instrumentation"),
    "Spooler": ServiceState(display_name="Print Spooler"),
}
DISABLED = {
    name: ServiceState(display_name=service.display_name, state="Stopped", start_mode="Disabled")
    for name, service in SERVICES.items()
}


def server(
    registry: Registry,
    files: dict[str, FileState] | None = None,
    services: dict[str, ServiceState] | None = None,
    *,
    services_denied: bool = False,
) -> HostState:
    """A host of the lab."""
    return HostState(
        name="EX01",
        registry=dict(registry),
        files=binaries("15.02.1544.036") if files is None else files,
        services=SERVICES if services is None else services,
        services_denied=services_denied,
    )


WHOLE = exchange("15.2.1544.36")

# To start a PowerShell for a state takes a second, so what is independent stands together in one.
APPLIED = (
    "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Group Policy\\History\\{35378EAC-683F-11D2-A89A-00C04FBBCFA2}"
)
CONNECTED = [
    *(TcpState(state="Listen", local_port=port) for port in (25, 443, 5985, 50000)),
    TcpState(state="Listen", local_port=443, local_address="::"),
    TcpState(state="Listen", local_port=587, local_address="127.0.0.1"),
    TcpState(state="Listen", local_port=993, local_address="10.1.0.1"),
    TcpState(state="Listen", local_port=2525, accepts=False),
    *(TcpState(local_port=5986, remote_address=f"10.1.0.{number}") for number in range(60)),
    TcpState(local_port=5985, remote_address="fe80::1%7"),
    TcpState(local_port=50001, remote_address="10.0.0.10", remote_port=389),
    TcpState(local_port=50002, remote_address="10.0.0.10", remote_port=3268),
]
STATES: Mapping[str, HostState] = {
    "Exchange 2019 with its update": server(WHOLE),
    "WMI itself disabled, and paused: it answers": server(
        WHOLE, services={**SERVICES, "Winmgmt": ServiceState(state="Paused", start_mode="Disabled")}
    ),
    "Exchange SE, every mark of a pending restart": server(
        {
            **exchange(
                "15.2.2562.37", build=2562, update="Security Update for Exchange Server Subscription Edition RTM"
            ),
            SERVICING: RegistryKey(),
            f"{AUTO_UPDATE}\\below": key(x=1),
            SESSION: key(PendingFileRenameOperations=["\\??\\C:\\a.tmp", "", "\\??\\C:\\b.dll", "!\\??\\C:\\c.dll"]),
            UPDATES: key(UpdateExeVolatile=1),
        },
        binaries("15.02.2562.037"),
    ),
    "Exchange 2016, marks that say nothing": server(
        {
            **exchange("15.1.2507.66", minor=1, build=2507),
            SESSION: key(PendingFileRenameOperations=["", ""]),
            UPDATES: key(UpdateExeVolatile=0),
        },
        binaries("15.01.2507.066"),
    ),
    "Exchange 2013 with all its roles, more files to rename than are shown": server(
        {
            **exchange("15.0.1497.48", minor=0, build=1497, roles=(*MAILBOX_2019, "CafeRole", "UnifiedMessagingRole")),
            SESSION: key(PendingFileRenameOperations=[f"\\??\\C:\\{at}.tmp" for at in range(25)]),
        },
        binaries("15.00.1497.048"),
    ),
    "Exchange 2010": server(
        {**WINDOWS_2019, f"{LEGACY}\\Setup": key(MsiInstallPath=INSTALLED_2010)},
        {f"{INSTALLED_2010}Bin\\ExSetup.exe": FileState(version="14.03.0513.000")},
    ),
    "not Exchange, though an uninstalled Exchange 2010 left its key; no services": server(
        {**WINDOWS_2019, f"{LEGACY}\\Setup": key(MsiInstallPath="C:\\Gone\\")}, {}, {}
    ),
    "an Edge server, uninstall entries of every form": server(
        {
            **exchange("15.2.1544.36", roles=("EdgeTransportRole",)),
            f"{UNINSTALL}\\zz_last": key(DisplayName="security update for EXCHANGE SERVER (KB2)", DisplayVersion="2"),
            f"{UNINSTALL}\\ZB": key(DisplayName="Security Update for Exchange Server 2019 (KB1)"),
            f"{UNINSTALL}\\empty": RegistryKey(),
            f"{UNINSTALL}\\parent\\child": key(DisplayName="Security Update for Exchange Server (too deep)"),
            f"{UNINSTALL}\\number": key(DisplayName=7),
            f"{UNINSTALL}\\several": key(DisplayName=["x", "Security Update for Exchange Server (list)"]),
        }
    ),
    "an update installed by half, WMI disabled with the other services": server(
        {**WHOLE, f"{PRODUCT}\\MailboxRole": key(Action="Install", Watermark="MailboxServiceControl")},
        binaries("15.02.1544.036", "15.02.1544.004"),
        {**DISABLED, "W3SVC": ServiceState(state="Paused"), "MSExchangeIS": ServiceState(start_mode="Manual")},
    ),
    "binaries that are missing, marks of other types": server(
        {**WHOLE, SESSION: key(PendingFileRenameOperations="one"), UPDATES: key(UpdateExeVolatile="0")}, {}
    ),
    "what IIS could run, in every form": server(WHOLE, {**binaries("15.02.1544.036"), **web_server(INSTALLED)}),
    "component states of every form": server(
        {
            **WHOLE,
            f"{COMPONENTS}\\ServerWideOffline": key(Maintenance="1:1:639000000000000000", FUNCTIONAL="1:0:639"),
            f"{COMPONENTS}\\hubTransport": key(
                Backup="1:0:639000000000000000", healthapi=["1:0:639", "x"], Sidelined=0
            ),
            f"{COMPONENTS}\\Größe ☃": key(Deployment="", **{"a*[b]": "1:0:639"}),
            f"{COMPONENTS}\\Many": key(**{f"R{at:02}": "1:1:639" for at in range(60)}),
            f"{COMPONENTS}\\Empty": RegistryKey(),
            f"{COMPONENTS}\\Parent\\Child": key(Maintenance="1:0:639000000000000000"),
            f"{COMPONENTS}\\Closed": CLOSED,
        }
    ),
    "more components than Exchange has": server({**WHOLE, **{f"{COMPONENTS}\\C{at}": key() for at in range(201)}}),
    "component states that nobody may open": server({**WHOLE, COMPONENTS: CLOSED, f"{COMPONENTS}\\Open": key(x="y")}),
    "nothing at all": HostState(name="EX02"),
    "a setup key and an uninstall entry that nobody may open": server(
        {**WHOLE, SETUP: CLOSED, f"{UNINSTALL}\\{{EF-56}}": CLOSED}
    ),
    "a setup key without values, marks that are lists": server(
        {**WHOLE, SETUP: RegistryKey(), UPDATES: key(UpdateExeVolatile=["", "x"])}
    ),
    "a setup key without an install path, a role key that stands only above another, marks without values": server(
        {
            **WHOLE,
            SETUP: key(MsiProductMajor=15),
            f"{PRODUCT}\\UnifiedMessagingRole\\below": key(x=1),
            SESSION: RegistryKey(),
            UPDATES: RegistryKey(),
        }
    ),
    "a setup key with values of other types, binaries without a version, texts of every alphabet": server(
        {
            **WHOLE,
            SETUP: key(MsiInstallPath=INSTALLED, MsiProductMajor="15", MsiBuildMajor=2**32 - 1, MsiBuildMinor=2**40),
            WINDOWS: key(ProductName="Windows Server Стандарт \U0001f600 _x0041_ <&>\"'", CurrentBuildNumber="1"),
        },
        binaries(None),
        {**SERVICES, "MSExchangeÜ": ServiceState(display_name="Größe ☃\r\n")},
    ),
    "an install path on a drive that is gone": server(exchange("15.2.1544.36", path="E:\\Exchange\\"), {}),
    "an install path on another drive, names in another case": server(
        {
            path.upper().replace("HKLM:", "hklm:"): each
            for path, each in exchange("15.2.1544.36", path="e:\\EXCHANGE").items()
        },
        binaries("15.02.1544.036", path="E:\\Exchange\\"),
    ),
    "keys, binaries and services that nobody may read": server(
        {
            **WHOLE,
            f"{LEGACY}\\Setup": CLOSED,
            f"{PRODUCT}\\MailboxRole": CLOSED,
            **dict.fromkeys((WINDOWS, FRAMEWORK, UNINSTALL, SESSION, UPDATES, SERVICING, AUTO_UPDATE), CLOSED),
        },
        {path: FileState(version="1.0", denied=True) for path in binaries("15.02.1544.036")},
        services_denied=True,
    ),
    "Windows Firewall: settings and rules of every kind, of the server and of policy": server(WHOLE).model_copy(
        update={
            "firewall": FirewallState(
                local={"Public": FirewallProfile(enabled="False", default_inbound="Allow", default_outbound="Block")},
                policy={
                    "Domain": FirewallProfile(enabled="True", default_inbound="Block", allow_local_rules="False"),
                    "Private": FirewallProfile(allow_inbound_rules="False", default_outbound="Allow"),
                },
                rules=[
                    *RULES,
                    FirewallRule(id="off", enabled=False, local_port=["5985"]),
                    FirewallRule(id="Range", local_port=["80", "5000-6000"], protocol="6", display_name="Größe ☃"),
                    FirewallRule(id="any", protocol="Any", program="C:\\Agent\\agent.exe"),
                    FirewallRule(id="udp", protocol="UDP", local_port=["5985"]),
                    FirewallRule(id="web", local_port=["80", "443", "15985", "59850"]),
                    FirewallRule(id="blocked", action="Block", local_port=["5985"]),
                    FirewallRule(id="out", direction="Outbound", local_port=["5985"]),
                ],
                policy_rules=[
                    FirewallRule(id="{0A1B}", local_port=["5986"], remote_address=["10.0.0.0/255.0.0.0", "::/0"]),
                    FirewallRule(id="{0A1C}", action="Block", direction="Outbound", profile="Public"),
                ],
            )
        }
    ),
    "Windows Firewall: without a rule": server(WHOLE).model_copy(update={"firewall": FirewallState(rules=[])}),
    "Windows Firewall: closed": server(WHOLE).model_copy(update={"firewall": FirewallState(answers="denied")}),
    "Windows Firewall: without its commands": server(WHOLE).model_copy(
        update={"firewall": FirewallState(answers="without-commands")}
    ),
    "Windows Firewall: its service does not run": server(
        WHOLE, services={"mpssvc": ServiceState(state="Stop Pending")}
    ),
    "logs of an attack, of every form; folders and files that nobody may read, that are links or missing": server(
        WHOLE, {**binaries("15.02.1544.036"), **attacked()}
    ),
    "what an intruder leaves, of every form": server(
        {**WHOLE, **LEFT}, {**binaries("15.02.1544.036"), **LEFT_FILES}
    ).model_copy(
        update={
            "subscriptions": SubscriptionState(
                consumers=[
                    WmiConsumer(name="Größe ☃", command_line="cmd /c x", program="C:\\x.exe"),
                    WmiConsumer(class_name="ActiveScriptEventConsumer", name="s", engine="VBScript", script="x = 1"),
                    WmiConsumer(class_name="LogFileEventConsumer", name="log"),
                ],
                filters=[WmiFilter(name='with "quotes"', query="select * from __InstanceModificationEvent")],
                bindings=[
                    WmiBinding(filter='with "quotes"', consumer="größe ☃"),
                    WmiBinding(filter="none", consumer="gone"),
                ],
            ),
            "event_logs": {
                "System": EventLogState(
                    events=[
                        event(7045, "Own", "cmd.exe /c x", "user mode service", provider="Service Control Manager"),
                        event(6013, "7"),
                        event(104, "admin", "CONTOSO", "Application", provider="Microsoft-Windows-Eventlog"),
                    ]
                ),
                "Security": EventLogState(
                    events=[
                        event(4698, "S-1-5-18", "EX01$", "CONTOSO", "0x3e7", "\\T", "<Task>\r\n <Exec/>" + "x" * 5000),
                        *[event(4720, f"u{at}", "EX01") for at in range(501)],
                    ]
                ),
            },
            "accounts": AccountsState(
                administrators=[LocalMember(name="IIS APPPOOL\\x", sid="S-1-5-82-1", kind="Group", source="Unknown")],
                users=[
                    LocalUser(name="support$", sid=f"{MACHINE_SID}-1001", last_logon="2026-11-01T01:02:03.1234567Z")
                ],
            ),
        }
    ),
    "tasks, accounts and WMI consumers that nobody may read": server(
        {**WHOLE, **USUAL, f"{CACHE}\\Tasks": CLOSED}
    ).model_copy(
        update={
            "subscriptions": SubscriptionState(answers="denied"),
            "accounts": AccountsState(answers="denied"),
        }
    ),
    "a list of administrators that fails, and nothing that starts by itself": server(WHOLE).model_copy(
        update={
            "subscriptions": SubscriptionState(consumers=[], filters=[], bindings=[]),
            "accounts": AccountsState(answers="unresolved"),
        }
    ),
    "logs of IIS, events, and logs of commands of Exchange, of an attack": server(
        WHOLE, {**binaries("15.02.1544.036"), **shelled()}
    ).model_copy(
        update={
            "event_logs": events(),
            "mailboxes": [
                MailboxState(
                    address="anna@example.org",
                    folders=[
                        MailboxFolder(path="/", scope="Root", rights={"Default": ["Owner"], "Anonymous": ["None"]}),
                        MailboxFolder(path="/Post/Größe ☃", scope="Inbox", rights={"Default": ["ReadItems", "Owner"]}),
                        MailboxFolder(path="/Calendar", scope="Calendar", rights={"Default": ["AvailabilityOnly"]}),
                        MailboxFolder(path="/Calendar/b", scope="Calendar", rights={"Default": ["Owner"]}),
                    ],
                ),
                MailboxState(address="closed@example.org", denied=True),
                *[MailboxState(address=f"m{at}@example.org") for at in range(199)],
            ],
        }
    ),
    "event logs that are empty, or that nobody may read; no log of IIS where its configuration is closed": server(
        WHOLE, {CONFIGURATION: FileState(denied=True), f"{IIS_LOGS}\\W3SVC1": FileState(folder=True)}
    ).model_copy(
        update={"event_logs": {"MSExchange Management": EventLogState(), "Application": EventLogState(denied=True)}}
    ),
    "logs that somebody kept short, and event logs that are switched off": server(
        WHOLE, {**binaries("15.02.1544.036"), **quiet(), **kept_short()}
    ).model_copy(
        update={
            "event_logs": {
                "MSExchange Management": EventLogState(enabled=False, events=[event(1, "Get-Mailbox", "", "x")]),
                "System": EventLogState(
                    events=[event(6013, "7"), event(6013, "8", time="2026-02-28T12:00:00.0000000Z")]
                ),
            }
        }
    ),
    "a member of a group and of a domain, connected to many, of which nobody counts the databases": server(
        WHOLE,
        services={
            "MpsSvc": ServiceState(),
            "clussvc": ServiceState(start_mode="Manual"),
            "MSExchangeHM": ServiceState(state="Start Pending"),
            "MSExchangeHMRecovery": ServiceState(state="Stopped", start_mode="Disabled"),
        },
    ).model_copy(update={"tcp": CONNECTED, "dns_servers": ["10.0.0.10", "fec0:0:0:ffff::1"], "joined": True}),
    "a member of a group with mounted databases, and a policy with a name": server(
        WHOLE, services={"ClusSvc": ServiceState()}
    ).model_copy(
        update={
            "databases_mounted": 3,
            "counters": "other",
            "leases": ["10.0.0.2", "", "dhcp.example"],
            "leased_v6": 2,
            "registry": {
                f"{APPLIED}\\0": key(DisplayName="Default Domain Policy"),
                f"{APPLIED}\\1": RegistryKey(denied=True),
                f"{APPLIED}\\2": key(DisplayName=7),
            },
            "files": {
                f"C:\\Program Files\\exrun\\{name}": FileState(content="{}", modified="2026-11-28T01:02:03.0000000Z")
                for name in (
                    "isolation-0123456789ab.json",
                    "isolation-0123456789ab.wfw",
                    "isolation-x.wfw",
                    "released-aaaaaaaaaaaa.json",
                    "isolation-x.json",
                )
            },
            "firewall": FirewallState(policy_rules=[FirewallRule(id="{0A1D}", gpo="Servers - Monitoring")]),
        }
    ),
    "virtual directories of every form": server(WHOLE).model_copy(update={"directory": directories.ODD}),
    "requests to export mailboxes of every form": server(WHOLE).model_copy(update={"directory": directories.EXPORTS}),
    "more requests to export mailboxes than are sent": server(WHOLE).model_copy(
        update={"directory": directories.MANY_EXPORTS}
    ),
    "commands of Exchange that cannot be loaded": server(WHOLE).model_copy(
        update={"directory": directories.ODD.model_copy(update={"answers": "without-commands"})}
    ),
    "transport agents of every form": server(WHOLE, {**binaries("15.02.1544.036"), **ODD}),
    "more transport agents than are looked at, and a closed file": server(
        WHOLE,
        {
            **binaries("15.02.1544.036"),
            f"{DEFAULT}\\TransportRoles\\Shared\\agents.config": configured(
                *(agent(f"A{at}", f"C:\\Agents\\a{at}.dll") for at in range(103))
            ),
            f"{DEFAULT}\\TransportRoles\\Shared\\fetagents.config": FileState(content="x", denied=True),
        },
    ),
}
