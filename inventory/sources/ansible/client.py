"""What of Ansible's variables is exrun's: where servers are, how they are reached and as whom. Never a password.

Ansible's own rules decide what holds for a host: variables of outer groups, then of inner ones, of groups of one depth
in the order of their names, then the host's (https://docs.ansible.com/ansible/latest/inventory_guide/
intro_inventory.html#how-variables-are-merged). Where exrun's groups would not give the same, the host says it itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from inventory.names import is_address, why_not_a_name
from inventory.sources.accounts import is_bare, misspelt_user
from inventory.sources.ansible.model import OUTERMOST, UNGROUPED, AnsibleGroup, AnsibleInventory, Variable
from inventory.sources.document import FILES, holds_a_secret
from inventory.sources.document import Settings as Written
from inventory.sources.inheritance import GroupDraft, Setting, shown
from inventory.sources.reading import ClientPart, HostPart
from texts.places import Location
from texts.problems import Problem

# Of one level the later wins, as with Ansible's plugins: the more particular one.
_SETTINGS = {
    "address": ("ansible_ssh_host", "ansible_host", "ansible_winrm_host", "ansible_psrp_host"),
    "port": ("ansible_ssh_port", "ansible_port", "ansible_winrm_port", "ansible_psrp_port"),
    "user": ("ansible_ssh_user", "ansible_user", "ansible_winrm_user", "ansible_psrp_user"),
    "scheme": ("ansible_winrm_scheme", "ansible_psrp_protocol"),
    "authentication": ("ansible_winrm_transport", "ansible_psrp_auth"),
    "ca_file": ("ansible_winrm_ca_trust_path", "ansible_psrp_ca_cert", "ansible_psrp_cert_trust_path"),
    "certificate": ("ansible_winrm_cert_pem", "ansible_psrp_certificate_pem"),
    "certificate_key": ("ansible_winrm_cert_key_pem", "ansible_psrp_certificate_key_pem"),
}
_KEYS = {name: key for key, names in _SETTINGS.items() for name in names}
_CONNECTION = "ansible_connection"
_WINRM = frozenset({"winrm", "psrp", "ansible.builtin.winrm", "ansible.builtin.psrp"})
_VALIDATION = frozenset({"ansible_winrm_server_cert_validation", "ansible_psrp_cert_validation"})
_SECRET = re.compile(r"ansible_(?:\w+_)?pass(?:word)?")
_LOG_ONS = ("kerberos", "ntlm", "negotiate", "certificate")


@dataclass(slots=True)
class _Level:
    """All hosts, a group or a host: what Ansible says there, as settings of exrun."""

    name: str
    settings: dict[str, Setting] = field(default_factory=dict)
    password: Location | None = None
    connection: str | None = None


@dataclass(slots=True)
class _Reader:
    client: str
    folder: Path
    given: Mapping[str, object]
    left_out: list[Problem] = field(default_factory=list)
    unused: dict[str, Location] = field(default_factory=dict)

    def level(self, name: str, variables: Mapping[str, Variable]) -> _Level:
        level = _Level(name)
        order = {key: place for place, key in enumerate(_KEYS)}
        for key, variable in sorted(variables.items(), key=lambda each: order.get(each[0], -1)):
            if _SECRET.fullmatch(key) or holds_a_secret(key):
                level.password = variable.at
                self._leave(variable.at, key, "holds a password, which is never imported")
            elif key == _CONNECTION:
                level.connection = variable.text
            elif key in _VALIDATION:
                if variable.text not in (None, "validate"):
                    self._leave(
                        variable.at, key, "certificates are always verified", "set `ca_file` to your authority's file"
                    )
            elif key in _KEYS:
                self._setting(level, key, variable)
            else:
                self.unused.setdefault(key, variable.at)
        return level

    def _setting(self, level: _Level, key: str, variable: Variable) -> None:
        name = _KEYS[key]
        if name in self.given:
            return
        if variable.text is None or variable.why_not:
            self._leave(variable.at, key, variable.why_not or "is empty", f"write `{name}` yourself")
            return
        text: str | None = variable.text
        if name == "authentication":
            text = self._log_on(key, variable)
        elif name in FILES:
            text = self._file(key, variable)
        elif name == "user":
            wrong = misspelt_user(variable.text)
            meant = re.fullmatch(r"write `user: '?([^`']+)'?`", wrong[1]) if wrong else None
            text = meant[1] if meant else variable.text
        elif name == "scheme":
            text = variable.text.casefold()
        if text is None:
            return
        try:
            value = getattr(Written.model_validate({name: text}), name)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            what = first["msg"].removeprefix("Value error, ").partition(";")[0]
            self._leave(variable.at, key, what, f"write `{name}` yourself")
            return
        level.settings[name] = Setting(getattr(value, "value", value), variable.at)

    def _log_on(self, key: str, variable: Variable) -> str | None:
        offered = [part.strip(" []'\"").casefold() for part in (variable.text or "").split(",")]
        known = [part for part in offered if part in _LOG_ONS]
        for part in offered:
            if part not in _LOG_ONS:
                self._leave(variable.at, key, f"exrun does not log on with {_word(part)}", "negotiate is used instead")
        if not known or "negotiate" in known or {"kerberos", "ntlm"} <= set(known):
            return "negotiate" if known else None
        return known[0]

    def _file(self, key: str, variable: Variable) -> str | None:
        path = self.folder / (variable.text or "")
        if not path.is_file():
            self._leave(variable.at, key, "there is no such file here", f"write `{_KEYS[key]}` yourself")
            return None
        return str(path.resolve())

    def _leave(self, at: Location, key: str, why: str, then: str = "") -> None:
        self.left_out.append(Problem(at, f"`{key}` was left out: {why}", then))


def client_of(
    inventory: AnsibleInventory, client: str, *, file: str, folder: Path, given: Mapping[str, object]
) -> tuple[ClientPart, list[Problem]]:
    """The client, and what was left out with why.

    Args:
        client: whose servers these are.
        folder: where relative paths begin.
        given: settings that hold for all, whatever the file says; `credential` among them for all passwords.
    """
    reader = _Reader(client, folder, given)
    start = Location(file, 1, 1)
    groups = {name: group for name, group in inventory.groups.items() if name not in (OUTERMOST, UNGROUPED)}
    outermost = inventory.groups.get(OUTERMOST, AnsibleGroup(OUTERMOST, start))
    of_all = reader.level("", outermost.variables)
    of_groups = {name: reader.level(name, group.variables) for name, group in groups.items()}
    of_hosts = {name: reader.level(name, host.variables) for name, host in inventory.hosts.items()}
    family = _Family(groups)
    _place_credentials(reader, of_all, [*of_groups.values(), *of_hosts.values()])
    effective: dict[str, dict[str, Setting]] = {}
    kept: list[str] = []
    for name, host in inventory.hosts.items():
        chain = [of_all, *(of_groups[group] for group in family.of_host(name)), of_hosts[name]]
        connection = next((level.connection for level in reversed(chain) if level.connection), None)
        if connection is not None and connection not in _WINRM:
            why = f"its ansible_connection is {_word(connection)}, and exrun reaches servers over WinRM"
            reader.left_out.append(Problem(host.at, f"the host {shown(name)} was left out: {why}"))
            continue
        kept.append(name)
        effective[name] = _merged(chain)
        _derive_scheme(effective[name], of_hosts[name], host.at, connection, given)
    _let_bare_names_negotiate(reader, effective, [of_all, *of_groups.values(), *of_hosts.values()])
    _share_scheme(of_all, of_groups.values(), [of_hosts[name] for name in kept])
    drafts = []
    for name, group in groups.items():
        above = family.above(name)
        merged = _merged([*(of_groups[each] for each in above), of_groups[name]])
        settings = _own(of_groups[name], merged, above, of_groups)
        drafts.append(GroupDraft(name, group.at, settings, _parents(groups, name)))
    hosts = tuple(
        _host(name, inventory.hosts[name].at, of_hosts[name], effective[name], family, of_groups) for name in kept
    )
    for key, at in reader.unused.items():
        reader.left_out.append(Problem(at, f"`{key}` was left out: it says nothing of the connection"))
    of_client = {**of_all.settings, **{key: Setting(value, start) for key, value in given.items()}}
    return ClientPart(client, start, of_client, tuple(drafts), hosts), reader.left_out


class _Family:
    """Which groups hold which, in the order in which Ansible merges them: by depth, then by name."""

    def __init__(self, groups: Mapping[str, AnsibleGroup]) -> None:
        self._groups = groups
        self._parents: dict[str, list[str]] = {name: [] for name in groups}
        for name, group in groups.items():
            for child in group.children:
                if child in self._parents:
                    self._parents[child].append(name)
        self._holding: dict[str, list[str]] = {}
        for name, group in groups.items():
            for host in group.hosts:
                self._holding.setdefault(host, []).append(name)
        self._depth = {name: self._deep(name) for name in groups}

    def _deep(self, name: str) -> int:
        depth, level = 0, {name}
        while level and depth <= len(self._groups):  # a circle ends here; loading names it
            level = {parent for each in level for parent in self._parents[each]}
            depth += 1
        return depth

    def above(self, name: str) -> list[str]:
        """The groups that hold a group, directly or through others, outermost first."""
        return self._ordered(self._parents[name])

    def of_host(self, name: str) -> list[str]:
        """The groups of a host, outermost first."""
        return self._ordered(self._holding.get(name, []))

    def direct(self, host: str) -> list[str]:
        """The groups that name a host."""
        return self._holding.get(host, [])

    def _ordered(self, names: Iterable[str]) -> list[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._parents[name]
        return sorted(found, key=lambda name: (self._depth[name], name))


def _merged(chain: Iterable[_Level]) -> dict[str, Setting]:
    return {key: setting for level in chain for key, setting in level.settings.items()}


def _own(
    level: _Level, effective: Mapping[str, Setting], above: Iterable[str], of_groups: Mapping[str, _Level]
) -> dict[str, Setting]:
    """What must be written here: its own, and what groups above it say differently from one another."""
    said: dict[str, set[object]] = {}
    for name in above:
        for key, setting in of_groups[name].settings.items():
            said.setdefault(key, set()).add(setting.value)
    return {**{key: effective[key] for key, values in said.items() if len(values) > 1}, **level.settings}


def _host(
    name: str,
    at: Location,
    level: _Level,
    effective: Mapping[str, Setting],
    family: _Family,
    of_groups: Mapping[str, _Level],
) -> HostPart:
    settings = _own(level, effective, family.of_host(name), of_groups)
    called = name
    if why_not_a_name(name) and is_address(name):  # an IPv6 address
        called = "ip-" + re.sub(r"[^0-9a-z]+", "-", name.casefold()).strip("-")
        settings.setdefault("address", Setting(name, at))
    return HostPart(called, at, settings, tuple((group, at) for group in family.direct(name)))


def _parents(groups: Mapping[str, AnsibleGroup], name: str) -> tuple[tuple[str, Location], ...]:
    return tuple((parent, group.children[name]) for parent, group in groups.items() if name in group.children)


def _derive_scheme(
    effective: dict[str, Setting], level: _Level, at: Location, connection: str | None, given: Mapping[str, object]
) -> None:
    """Ansible's winrm and psrp use TLS unless the port is 5985 or the scheme is http; exrun's default is http."""
    if "scheme" in effective or "scheme" in given:
        return
    port = effective.get("port")
    if port is None and connection is None:
        return
    number = given.get("port", port.value if port else 5986)
    secure = str(number) != "5985" if connection is not None else str(number) == "5986"
    if secure:
        effective["scheme"] = level.settings["scheme"] = Setting("https", port.at if port else at)


def _share_scheme(of_all: _Level, of_groups: Iterable[_Level], of_hosts: Sequence[_Level]) -> None:
    """A scheme that was derived for every host stands once, with the client."""
    if of_hosts and not any("scheme" in level.settings for level in (of_all, *of_groups)):
        schemes = [level.settings.get("scheme") for level in of_hosts]
        if len({scheme.value if scheme else None for scheme in schemes}) == 1 and schemes[0] is not None:
            of_all.settings["scheme"] = schemes[0]
            for level in of_hosts:
                del level.settings["scheme"]


def _place_credentials(reader: _Reader, of_all: _Level, others: Iterable[_Level]) -> None:
    """A reference wherever an account or its password was written, since a password is never imported."""
    if "credential" in reader.given:
        return
    for level in (of_all, *others):
        user = level.settings.get("user")
        at = user.at if user else level.password
        if at is None or not (user or "user" in of_all.settings or "user" in reader.given):
            continue
        outer = of_all.settings.get("user")
        repeated = user is None or (outer is not None and outer.value == user.value)
        if level is not of_all and repeated and level.password in (None, of_all.password):
            continue
        name = re.sub(r"[^A-Z0-9]+", "_", f"{reader.client}_{level.name}".upper()).strip("_")
        reference = f"env:{'_' if name[:1].isdigit() or not name else ''}{name}_PASSWORD"
        level.settings["credential"] = Setting(reference, at)
        whose = f"of {shown(level.name)}" if level.name else "of all hosts"
        reader.left_out.append(
            Problem(
                at,
                f"the password {whose} is looked for in `{reference}`",
                "set that variable, or write another reference (`keyring:SERVICE/USER`, `vault:PATH#FIELD`, "
                "`command:...`)",
            )
        )


def _let_bare_names_negotiate(
    reader: _Reader, effective: Mapping[str, dict[str, Setting]], levels: Iterable[_Level]
) -> None:
    """A bare account with ntlm, which Ansible takes for one of the server, says too little for exrun."""
    bare = [
        host
        for host in effective.values()
        if "authentication" in host
        and host["authentication"].value == "ntlm"
        and "user" in host
        and is_bare(str(host["user"].value))
    ]
    if not bare:
        return
    for level in levels:
        setting = level.settings.get("authentication")
        if setting is not None and setting.value == "ntlm":
            del level.settings["authentication"]
            reader.left_out.append(
                Problem(
                    setting.at,
                    "ntlm was left out: an account here names no domain; negotiate is used",
                    f"write `user: 'DOMAIN\\{bare[0]['user'].value}'` and `authentication: ntlm`",
                )
            )
    for host in effective.values():
        if "authentication" in host and host["authentication"].value == "ntlm":
            del host["authentication"]


def _word(text: str) -> str:
    return text if re.fullmatch(r"[\w.-]{1,40}", text) else "what it names"


def files_beside(folder: Path) -> Iterator[Path]:
    """Folders of variables that Ansible reads beside an inventory, and exrun does not."""
    for name in ("group_vars", "host_vars"):
        if (folder / name).is_dir():
            yield folder / name
