"""The state of one simulated server: one YAML file, the same for both engines; and what changes have made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{7}Z$"
MADE = "2020-01-01T00:00:00.0000000Z"
BOOTED = "2026-01-01T00:00:00.0000000Z"
INHERITED = "O:BAG:SYD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)"


class Strict(BaseModel):
    """Frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileState(Strict):
    """A file: its version resource (`FileVersion` as Windows prints it) and size in bytes; or a folder of that name."""

    version: str | None = None
    size: int = 0
    content: str | None = Field(default=None, description="What it holds, as UTF-8; zeros of `size` without it.")
    denied: bool = False
    in_use: bool = Field(default=False, description="A process has it open: it can be read, and not moved or removed.")
    folder: bool = False
    created: str = Field(default=MADE, pattern=TIME, description="When it was made, UTC.")
    modified: str = Field(default=MADE, pattern=TIME, description="When it was last written, UTC.")
    attributes: str | None = Field(
        default=None, description="As Windows prints them: `Hidden, Archive`; Archive or Directory without it."
    )
    sddl: str = Field(default=INHERITED, description="Owner, group and access list, as SDDL.")
    signer: str | None = Field(
        default=None, description="Whose valid Authenticode signature it bears, as a subject; none without it."
    )
    streams: dict[str, Annotated[int, Field(ge=0)] | str] = Field(
        default_factory=dict, description="Alternate streams by name: what each holds, as UTF-8; or zeros of this size."
    )

    @model_validator(mode="after")
    def _of_the_size_of_its_content(self) -> FileState:
        if self.content is not None and self.size not in (0, len(self.content.encode())):
            raise ValueError("size is not that of content: leave it out")
        return self

    @property
    def data(self) -> bytes:
        """What it holds."""
        return b"\0" * self.size if self.content is None else self.content.encode()

    @property
    def length(self) -> int:
        """Of what it holds, in bytes."""
        return self.size if self.content is None else len(self.content.encode())

    def stream(self, name: str) -> bytes | None:
        """What an alternate stream holds; None where there is none of this name, in any case."""
        held = next((each for given, each in self.streams.items() if given.casefold() == name.casefold()), None)
        return b"\0" * held if isinstance(held, int) else None if held is None else held.encode()

    def holding(self, data: bytes) -> FileState:
        """The same with these bytes.

        Raises:
            ValueError: they are neither zeros nor UTF-8.
        """
        if data.count(0) == len(data):
            return self.model_copy(update={"size": len(data), "content": None})
        return self.model_copy(update={"size": 0, "content": data.decode()})


class ServiceState(Strict):
    """A Windows service as Win32_Service shows it, and what comes of starting and stopping it."""

    display_name: str = ""
    state: Literal[
        "Running", "Stopped", "Paused", "Start Pending", "Stop Pending", "Continue Pending", "Pause Pending"
    ] = "Running"
    start_mode: Literal["Auto", "Manual", "Disabled"] = "Auto"
    exit_code: int = Field(
        default=0,
        ge=0,
        lt=2**32,
        description="How it ended last, as Win32_Service shows it: 1077 where it was not started since Windows was.",
    )
    delayed_autostart: int | None = Field(
        default=None,
        ge=0,
        lt=2**31,
        description="The value DelayedAutostart of its key: 1 where it starts later than the others; null without it.",
    )
    depends_on: list[str] = Field(
        default_factory=list,
        description="Services that Windows starts before it, and that cannot be stopped while it runs.",
    )
    on_start: Literal["runs", "fails", "hangs"] = Field(
        default="runs", description="What comes of starting it: it runs, an error, or it is starting for ever."
    )
    on_stop: Literal["stops", "fails", "hangs"] = Field(
        default="stops", description="What comes of stopping it: it stops, an error, or it is stopping for ever."
    )


class FirewallProfile(Strict):
    """One profile of Windows Firewall in one store; `NotConfigured` leaves it to the next store, or to Windows."""

    enabled: Literal["True", "False", "NotConfigured"] = "NotConfigured"
    default_inbound: Literal["Allow", "Block", "NotConfigured"] = "NotConfigured"
    default_outbound: Literal["Allow", "Block", "NotConfigured"] = "NotConfigured"
    allow_inbound_rules: Literal["True", "False", "NotConfigured"] = "NotConfigured"
    allow_local_rules: Literal["True", "False", "NotConfigured"] = "NotConfigured"


class FirewallRule(Strict):
    """A rule of Windows Firewall, as Get-NetFirewallRule and the filters of it show it."""

    id: str
    display_name: str = ""
    group: str | None = None
    enabled: bool = True
    direction: Literal["Inbound", "Outbound"] = "Inbound"
    action: Literal["Allow", "Block"] = "Allow"
    profile: str = Field(default="Any", description="`Any`, or some of Domain, Private and Public with `, ` between.")
    protocol: str = "TCP"
    local_port: list[str] = Field(default_factory=lambda: ["Any"])
    remote_port: list[str] = Field(default_factory=lambda: ["Any"])
    icmp_type: list[str] = Field(default_factory=lambda: ["Any"])
    remote_address: list[str] = Field(default_factory=lambda: ["Any"])
    program: str = "Any"
    gpo: str = Field(default="", description="Of a rule of group policy: the name of the policy that it is from.")


# As Windows Server 2019 has them: WinRM from anywhere but in public networks, and what every network needs.
_WINRM = {"group": "@FirewallAPI.dll,-30267", "local_port": ["5985"], "program": "System"}
RULES = (
    FirewallRule(
        id="WINRM-HTTP-In-TCP",
        display_name="Windows Remote Management (HTTP-In)",
        profile="Domain, Private",
        **_WINRM,  # type: ignore[arg-type]
    ),
    FirewallRule(
        id="WINRM-HTTP-In-TCP-PUBLIC",
        display_name="Windows Remote Management (HTTP-In)",
        profile="Public",
        remote_address=["LocalSubnet"],
        **_WINRM,  # type: ignore[arg-type]
    ),
    FirewallRule(
        id="CoreNet-DNS-Out-UDP",
        display_name="Core Networking - DNS (UDP-Out)",
        group="@FirewallAPI.dll,-25000",
        direction="Outbound",
        protocol="UDP",
        program="%SystemRoot%\\system32\\svchost.exe",
    ),
)
ISOLATION = "exrun-isolation"  # the group of the rules by which a server is isolated
ProfileName = Literal["Domain", "Private", "Public"]
PROFILES: tuple[ProfileName, ...] = ("Domain", "Private", "Public")


class FirewallState(Strict):
    """Windows Firewall: what is set on the server, and what group policy sets. What is in force is worked out."""

    answers: Literal["answers", "denied", "without-commands"] = Field(
        default="answers", description="Whether its commands answer; Windows Server 2008 R2 has none."
    )
    unset: Literal["taken", "refused"] = Field(
        default="taken",
        description="Whether a default action of the server can be set back to NotConfigured, which its documentation "
        "has for group policy alone.",
    )
    exports: Literal["whole", "in-part"] = Field(
        default="whole", description="What `netsh advfirewall export` writes; in-part: half a file, and it fails."
    )
    local: dict[ProfileName, FirewallProfile] = Field(
        default_factory=dict,
        validate_default=True,
        description="The store PersistentStore; a profile that is not listed is on.",
    )
    policy: dict[ProfileName, FirewallProfile] = Field(
        default_factory=dict, description="The store RSOP; a profile that is not listed is left to the server."
    )
    rules: list[FirewallRule] = Field(default_factory=lambda: list(RULES))
    policy_rules: list[FirewallRule] = Field(default_factory=list)

    @field_validator("local")
    @classmethod
    def _each_profile_is_there(cls, given: dict[ProfileName, FirewallProfile]) -> dict[ProfileName, FirewallProfile]:
        return {name: given.get(name, FirewallProfile(enabled="True")) for name in PROFILES}

    def lets_winrm_in(self, address: str) -> bool:
        """Whether a client may connect: while the server is isolated, from the addresses alone that its rules name."""
        ours = [rule for rule in self.rules if rule.group == ISOLATION and rule.enabled]
        if not ours or any(self.profile("ActiveStore", name).default_inbound != "Block" for name in PROFILES):
            return True
        allowing = [rule for rule in self.rules if rule.enabled and rule.action == "Allow"]
        return any(
            rule.direction == "Inbound" and rule.protocol in ("TCP", "Any") and _holds(rule.remote_address, address)
            for rule in allowing
        )

    def profile(self, store: Literal["ActiveStore", "PersistentStore", "RSOP"], name: ProfileName) -> FirewallProfile:
        """A profile as a store has it."""
        policy = self.policy.get(name, FirewallProfile())
        local = self.local[name]
        if store != "ActiveStore":
            return policy if store == "RSOP" else local
        layers = (policy.model_dump(), local.model_dump(), _IN_FORCE.model_dump())
        return FirewallProfile(
            **{
                setting: next(layer[setting] for layer in layers if layer[setting] != "NotConfigured")
                for setting in FirewallProfile.model_fields
            }
        )


def _holds(addresses: list[str], address: str) -> bool:
    """Whether a rule with these remote addresses is about one."""
    if "Any" in addresses:
        return True
    client = ip_address(address)
    client = getattr(client, "ipv4_mapped", None) or client
    return any(client in ip_network(each, strict=False) for each in addresses if each[:1].isdecimal() or ":" in each)


# What Windows does where nothing is set.
_IN_FORCE = FirewallProfile(
    enabled="True",
    default_inbound="Block",
    default_outbound="Allow",
    allow_inbound_rules="True",
    allow_local_rules="True",
)


class WebState(Strict):
    """IIS as a request on loopback finds it. Of files it is worked out: 200, or 404 where there is none."""

    answers: bool = Field(
        default=True, description="Whether it answers at all, where there is an applicationHost.config."
    )
    pages: dict[str, Annotated[int, Field(ge=100, le=599)]] = Field(
        default_factory=dict,
        description="By address below the site, `/owa/healthcheck.htm`: the status of what no file is for.",
    )
    over_http: Literal["answers", "redirects", "forbids"] = Field(
        default="answers",
        description="What it answers over http: the page itself, 302 to https, or 403, as where TLS is demanded.",
    )
    pages_after_recycling: dict[str, Annotated[int, Field(ge=100, le=599)]] = Field(
        default_factory=dict, description="What these answer once an application pool has been recycled."
    )
    recycled: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="By application pool: how often scripts have recycled it."
    )


def _guid(text: str) -> str:
    return str(UUID(bytes=sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]))


class VirtualDirectory(Strict):
    """A virtual directory of Exchange as Active Directory has it."""

    kind: Literal["Oab", "Ecp", "Owa", "WebServices", "ActiveSync", "Mapi", "PowerShell", "Autodiscover"]
    name: str
    guid: str = Field(
        default_factory=lambda given: _guid(f"{given.get('kind')}: {given.get('name')}"),
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="By which commands name it; without it one that hangs on kind and name.",
    )
    internal: str | None = None
    external: str | None = None
    changed: str | None = Field(
        default=MADE, pattern=TIME, description="When it was changed last, UTC; a script that sets a URL leaves it."
    )


class EmergencyState(Strict):
    """Exchange Emergency Mitigation, as `Get-ExchangeServer` and `Get-OrganizationConfig` show it."""

    organization: bool = Field(default=True, description="MitigationsEnabled of the organization.")
    server: bool = Field(default=True, description="MitigationsEnabled of this server.")
    applied: list[str] = Field(default_factory=list, description="MitigationsApplied: PING1, M1.1, M2.1.")
    blocked: list[str] = Field(default_factory=list, description="MitigationsBlocked: M1, M2.")


class ExportRequest(Strict):
    """A request to export a mailbox, with its statistics."""

    name: str = "MailboxExport"
    mailbox: str = "contoso.com/Users/Administrator"
    path: str | None = None
    batch: str | None = None
    status: str = "Completed"
    created: str | None = Field(default=MADE, pattern=TIME, description="When it was made, UTC.")
    server: str | None = Field(default=None, description="Which server has written it.")
    report: str | None = Field(default=None, description="What its statistics report, who asked for it first.")
    denied: bool = Field(default=False, description="Its statistics cannot be asked for.")


class RoleAssignment(Strict):
    """Who has a management role, or may give it."""

    name: str
    role: str = "Mailbox Import Export"
    assignee: str
    type: Literal["RoleGroup", "User", "SecurityGroup", "RoleAssignmentPolicy", "Computer"] = "RoleGroup"
    delegation: Literal["Regular", "Delegating", "DelegatingOrgWide"] = "Regular"
    enabled: bool = True
    created: str | None = Field(default=MADE, pattern=TIME, description="When it was made, UTC.")


class DirectoryState(Strict):
    """What Exchange's commands say of this server from Active Directory, and whether a session reaches that at all."""

    answers: Literal["answers", "second-hop", "without-commands"] = Field(
        default="second-hop",
        description="`second-hop`: a session over WinRM has no identity there, which is usual; `without-commands`: the "
        "snap-in cannot be loaded.",
    )
    virtual_directories: list[VirtualDirectory] = Field(default_factory=list)
    emergency: EmergencyState = Field(
        default=EmergencyState(), description="What Exchange Emergency Mitigation has done here, and is told to."
    )
    export_requests: list[ExportRequest] = Field(default_factory=list)
    export_roles: list[str] = Field(
        default_factory=lambda: ["Mailbox Import Export"],
        description="Management roles of the type MailboxImportExport: Exchange's own, and those that were made of it.",
    )
    role_assignments: list[RoleAssignment] = Field(
        default_factory=lambda: [
            RoleAssignment(
                name="Mailbox Import Export-Organization Management-Delegating",
                assignee="Organization Management",
                delegation="DelegatingOrgWide",
            )
        ],
        description="Without it the one that every organisation has.",
    )


class WmiConsumer(Strict):
    """A consumer of events in root/subscription; what its class does not have is left out."""

    class_name: str = "CommandLineEventConsumer"
    name: str
    command_line: str | None = None
    program: str | None = None
    engine: str | None = None
    script_file: str | None = None
    script: str | None = None


class WmiFilter(Strict):
    """A filter of events in root/subscription."""

    name: str
    query: str


class WmiBinding(Strict):
    """By their names: the consumer that is told when a filter's event comes."""

    filter: str
    consumer: str


class SubscriptionState(Strict):
    """What WMI starts by itself; a new Windows has one consumer, which writes to an event log."""

    answers: Literal["answers", "denied"] = Field(default="answers", description="Whether root/subscription answers.")
    consumers: list[WmiConsumer] = Field(
        default_factory=lambda: [WmiConsumer(class_name="NTEventLogEventConsumer", name="SCM Event Log Consumer")]
    )
    filters: list[WmiFilter] = Field(
        default_factory=lambda: [WmiFilter(name="SCM Event Log Filter", query="select * from MSFT_SCMEventLogEvent")]
    )
    bindings: list[WmiBinding] = Field(
        default_factory=lambda: [WmiBinding(filter="SCM Event Log Filter", consumer="SCM Event Log Consumer")]
    )


MACHINE_SID = "S-1-5-21-1111111111-2222222222-333333333"


class LocalMember(Strict):
    """A member of the group Administrators, as Get-LocalGroupMember shows it."""

    name: str
    sid: str
    kind: Literal["User", "Group"] = "User"
    source: Literal["Local", "ActiveDirectory", "Unknown"] = "Local"


class LocalUser(Strict):
    """A user of the server itself, as Get-LocalUser shows it."""

    name: str
    sid: str
    enabled: bool = True
    password_set: str | None = Field(default=MADE, pattern=TIME, description="When its password was set, UTC.")
    last_logon: str | None = Field(default=None, pattern=TIME, description="When it logged on last, UTC.")


class AccountsState(Strict):
    """Who is an administrator, and which users the server itself has."""

    answers: Literal["answers", "denied", "unresolved"] = Field(
        default="answers",
        description="Whether its commands answer; `unresolved`: the list of members fails, as it does in Windows "
        "PowerShell 5.1 where one has no name any more.",
    )
    administrators: list[LocalMember] = Field(
        default_factory=lambda: [
            LocalMember(name="LAB\\Administrator", sid=f"{MACHINE_SID}-500"),
            LocalMember(
                name="CONTOSO\\Domain Admins", sid="S-1-5-21-7-8-9-512", kind="Group", source="ActiveDirectory"
            ),
        ]
    )
    users: list[LocalUser] = Field(
        default_factory=lambda: [
            LocalUser(name="Administrator", sid=f"{MACHINE_SID}-500"),
            LocalUser(name="Guest", sid=f"{MACHINE_SID}-501", enabled=False, password_set=None),
        ]
    )


class TcpState(Strict):
    """A TCP port that is listened to, or a connection, as Get-NetTCPConnection shows it; `accepts` is of the former."""

    state: Literal["Listen", "Established"] = "Established"
    accepts: bool = True
    local_port: int = Field(ge=1, le=65535)
    remote_address: str = "0.0.0.0"  # nobody, of a port that is listened to
    remote_port: int = Field(default=0, ge=0, le=65535)
    local_address: str = "0.0.0.0"


class BinaryValue(Strict):
    """A value of type REG_BINARY, as hexadecimal digits: `{binary: 01 00 00 00}`."""

    binary: str

    @field_validator("binary")
    @classmethod
    def _of_bytes(cls, text: str) -> str:
        bytes.fromhex(text)
        return text


class QwordValue(Strict):
    """A value of type REG_QWORD, whatever its size: `{qword: 1}`."""

    qword: int = Field(ge=-(2**63), lt=2**63)


RegistryValue = str | int | list[str] | BinaryValue | QwordValue


class RegistryKey(Strict):
    """A registry key's values; `denied` makes every read of it fail with access denied.

    Text is REG_SZ, a list REG_MULTI_SZ, a whole number REG_DWORD, or REG_QWORD where it is too large for that.
    """

    values: dict[str, RegistryValue] = Field(default_factory=dict)
    denied: bool = False


class EventState(Strict):
    """One event of an event log: what stands in it, without the words that its provider's message puts around that."""

    time: str = Field(pattern=TIME, description="When it was written, UTC.")
    provider: str
    id: int = Field(ge=0, le=65535)
    texts: list[str] = Field(default_factory=list)


class EventLogState(Strict):
    """An event log of Windows, its events from the oldest on."""

    denied: bool = Field(default=False, description="Nobody may read it.")
    enabled: bool = Field(default=True, description="Whether events are written to it.")
    events: list[EventState] = Field(default_factory=list)


class MailboxFolder(Strict):
    """A folder of a mailbox that Exchange knows by what it is for, under the name that it has in the mailbox."""

    path: str = Field(description="As Get-MailboxFolderStatistics shows it: `/Inbox`; `/` is the root.")
    scope: Literal["Root", "Inbox", "SentItems", "Calendar"]
    rights: dict[Literal["Default", "Anonymous"], list[str]] = Field(default_factory=dict)


class MailboxState(Strict):
    """A mailbox that is active on this server, as far as Exchange's commands tell of its folders."""

    address: str
    denied: bool = Field(default=False, description="Exchange's commands fail on its folders.")
    folders: list[MailboxFolder] = Field(default_factory=list)


class GuardState(Strict):
    """What undoes a change by itself: `armed` until it is `due`, then `undone`, unless it was `confirmed` before."""

    stands: Literal["armed", "undone", "confirmed"]
    undo: str = Field(description="The script that its task runs.")
    since: AwareDatetime = Field(
        description="When it was armed. By a clock that is before that, what is made is undone."
    )
    due: AwareDatetime
    made: bool = Field(default=True, description="Whether the change is made, and not still being made.")
    looks: int = Field(default=0, ge=0, description="How often its task has looked, once a minute, whether to undo it.")


class TaskState(Strict):
    """A script that runs detached, as a task: `running` until it has ended, or `until` it is ended by the server."""

    stands: Literal["running", "done", "failed"]
    run: str = Field(description="What the task runs: the script, and what leaves its result.")
    until: AwareDatetime
    started: str = ""
    ended: str = ""
    error: str = ""


class RestartState(Strict):
    """What becomes of a restart that a script asks for. Counted by what clients do meanwhile, never by seconds.

    Behind it Windows has another `boot_time`; what waited for the restart waits no more, but for the marks that are
    known to outlive one (UpdateExeVolatile); and services are as their start types say.
    """

    happens: bool = Field(default=True, description="false: it is accepted, and nothing comes of it.")
    lingers: int = Field(
        default=0,
        ge=0,
        description="How many scripts it still runs before it goes down: the port is open, the boot time as it was.",
    )
    refuses: int = Field(default=2, ge=0, description="How many connections it refuses while it is down.")
    starting: int = Field(
        default=1,
        ge=0,
        description="How many scripts it runs after it while services that start by themselves are on their way.",
    )
    delayed: int = Field(
        default=2, ge=0, description="How many until those with a delayed start run; with all others, if fewer."
    )
    keeps_marks: bool = Field(
        default=False, description="Whatever notes that a restart is pending stands there again after it."
    )


class ScriptedAnswer(Strict):
    """What the `sim` engine says to one script that is no built-in's: for rehearsals and for clients under test.

    `script` is the exact text. The streams are written in the order of the fields; `error` ends the script.
    `seconds` pass before it ends; a stop ends it earlier. The `pwsh` engine runs scripts and ignores this.
    """

    script: str
    output: list[JsonValue] = Field(default_factory=list)
    verbose: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    errors: list[str] = Field(default_factory=list)
    error: str | None = None
    seconds: float = Field(default=0.0, ge=0.0)


class HostState(Strict):
    """Everything that the built-in actions can read of one server.

    Paths of registry keys look like `HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup`, those of a user's hive
    like `HKU:\\S-1-5-18\\Environment`; a key exists when it, or a key below it, is listed.
    """

    name: str
    engine: Literal["sim", "pwsh"] = "sim"
    os_version: str = "10.0.17763"
    os_caption: str = "Microsoft Windows Server 2019 Standard"
    boot_time: str = Field(default=BOOTED, pattern=TIME, description="When Windows was started, UTC.")
    restart: RestartState = Field(
        default=RestartState(), description="What becomes of a restart that a script asks for."
    )
    registry: dict[str, RegistryKey] = Field(default_factory=dict)
    files: dict[str, FileState] = Field(default_factory=dict)
    services: dict[str, ServiceState] = Field(default_factory=dict)
    services_denied: bool = False
    firewall: FirewallState = Field(
        default=FirewallState(), description="Windows Firewall; on in every profile where it is left out."
    )
    web: WebState = Field(default=WebState(), description="IIS, as a request on loopback finds it.")
    pools: dict[str, Literal["Started", "Stopped"]] = Field(
        default_factory=dict,
        description="Application pools of IIS by name, and whether each runs; what IIS knows of them is in "
        "applicationHost.config, without which a server has no IIS.",
    )
    directory: DirectoryState = Field(
        default=DirectoryState(), description="What Exchange's commands read in Active Directory; it is out of reach."
    )
    subscriptions: SubscriptionState = Field(
        default=SubscriptionState(), description="What waits for events in WMI; without it what a new Windows has."
    )
    accounts: AccountsState = Field(
        default=AccountsState(), description="Local administrators and users; without it those of a new server."
    )
    mailboxes: list[MailboxState] = Field(
        default_factory=list, description="Of Exchange, that are active here; its snap-in tells of them."
    )
    event_logs: dict[str, EventLogState] = Field(
        default_factory=dict,
        description="By name: `MSExchange Management`, `Application`; one that is not listed is not there.",
    )
    tcp: list[TcpState] = Field(
        default_factory=lambda: [
            TcpState(state="Listen", local_port=5985),
            TcpState(local_port=5985, remote_address="127.0.0.1", remote_port=50000),
        ],
        description="Ports that are listened to, and connections; by default WinRM's, and one from this machine.",
    )
    dns_servers: list[str] = Field(default_factory=list, description="Addresses that its adapters ask for names.")
    leases: list[str] = Field(
        default_factory=list,
        description="DHCP servers that gave its adapters their addresses; an empty text for none that said.",
    )
    leased_v6: int = Field(default=0, ge=0, description="How many of its IPv6 addresses are from DHCP.")
    joined: bool = Field(default=False, description="Whether it is in a domain.")
    databases_mounted: int | None = Field(
        default=None, ge=0, description="Active copies of databases, as Exchange counts them; null without its counter."
    )
    counters: Literal["english", "other"] = Field(
        default="english", description="The language in which counters are named; of WMI all names are English."
    )
    disk_full: bool = Field(
        default=False, description="Nothing can be written any more; what is there can be moved and removed."
    )
    wmi: Literal["answers", "denied", "without-class", "empty"] = Field(
        default="answers", description="How WMI answers for Win32_Service; Get-Service is not concerned."
    )
    guards: dict[str, GuardState] = Field(
        default_factory=dict, description="By the name of its task: what undoes a change unless that is confirmed."
    )
    tasks: dict[str, TaskState] = Field(
        default_factory=dict, description="By the name of its task: each script that was begun detached."
    )
    task_seconds: float = Field(
        default=1.0, ge=0.0, description="How long a detached script is under way before it does what it is for."
    )
    answers: list[ScriptedAnswer] = Field(default_factory=list)


def with_folders(before: Mapping[str, FileState], files: Mapping[str, FileState]) -> dict[str, FileState]:
    """The files, with the folders in which some were before and none is now: a folder stays when it is emptied."""
    found = dict(files)
    for path in before:
        parts = path.split("\\")
        for count in range(len(parts) - 1, 1, -1):
            folder = "\\".join(parts[:count])
            if not any(
                each.upper().startswith(f"{folder.upper()}\\") or each.upper() == folder.upper() for each in found
            ):
                found[folder] = FileState(folder=True)
    return found


class LiveState:
    """One server while it is served: its state, until a change makes another of it.

    Args:
        state: as it begins.

    Attributes:
        ran_task: told of a task that runs: its name, and the script. From any thread.
        restart: told when a script asks for a restart. From any thread.
    """

    def __init__(self, state: HostState, ran_task: Callable[[str, str], None] = lambda name, text: None) -> None:
        self._state = state
        self.ran_task = ran_task
        self.restart: Callable[[], None] = lambda: None
        self._read: Callable[[], HostState] | None = None
        self._firewall: Callable[[], FirewallState] | None = None
        self._write: Callable[[HostState], None] = lambda state: None

    @property
    def now(self) -> HostState:
        """As it is: the same object until something changes it, where the engine keeps it here. From any thread."""
        return self._state if self._read is None else self._read()

    def become(self, state: HostState) -> None:
        """Something was changed. Where the engine keeps the state itself: what a restart changes, and nothing else."""
        self._state = state
        self._write(state)

    def be_another(self, state: HostState) -> None:
        """Anything was changed, by nobody whom an engine knows: one that kept the state builds it anew, for the next
        shell. Shells that are open have the old one."""
        self._state = state
        self._read, self._firewall, self._write = None, None, lambda state: None

    @property
    def is_elsewhere(self) -> bool:
        """Whether an engine keeps the state itself."""
        return self._read is not None

    @property
    def firewall(self) -> FirewallState:
        """Windows Firewall as it is, without the rest of the state: asked for with every connection."""
        return self._state.firewall if self._firewall is None else self._firewall()

    def is_kept(
        self,
        read: Callable[[], HostState],
        write: Callable[[HostState], None],
        firewall: Callable[[], FirewallState] | None = None,
    ) -> None:
        """The engine keeps the state itself from now on; `read` gives it, `write` takes what a restart made of it, and
        `firewall` gives that part alone."""
        self._read, self._write = read, write
        self._firewall = firewall or (lambda: read().firewall)
