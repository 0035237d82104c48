"""What an isolated server may still talk to, and whether the way back is among it.

All of it is addresses and networks in the one spelling that Windows Firewall takes: 10.0.5.7, 10.0.5.0/24, fe80::/64.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from playbooks.observation import Observed
from playbooks.values import Value, text_of

__all__ = ["NEIGHBOURS", "Allowed", "Hindered", "allowed", "is_spelt", "may_hold"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# ICMPv6 without which nothing is reached over IPv6: solicitations and advertisements of routers and neighbours, and
# which groups somebody listens to, for they are asked by group (RFC 4890, 4.4.1).
NEIGHBOURS = ("130", "131", "132", "133", "134", "135", "136", "143")
# Whom a server asks for an address before it has one (RFC 2131, 4.1).
EVERYBODY_HERE = ipaddress.ip_network("255.255.255.255")
SHOWN = 10
_SEEN = 50  # addresses of each kind that the script names


@dataclass(frozen=True, slots=True)
class Allowed:
    """What is let through, each in its own list; sorted, so that the same is always written alike.

    Attributes:
        management: in, over WinRM.
        directory: out, over anything.
        agents: out, over TCP.
        collectors: in and out, over anything.
        neighbours: types of ICMPv6; none where all of it is IPv4.
        leases: whom it asks for its address, where that is leased; none where none is, for then nobody is asked.
        left_out: what the server uses, or may, and could not do any more: a line each.
    """

    management: tuple[str, ...]
    winrm_ports: tuple[str, ...]
    name_servers: tuple[str, ...] = ()
    directory: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    collectors: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    leases: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """In a few words, for a table."""
        parts = [
            (self.management, "WinRM from {}"),
            (self.directory, "{} for the directory"),
            (self.name_servers, "{} for names"),
            (self.time, "{} for time"),
            (self.agents, "{} for endpoint detection"),
            (self.collectors, "{} for evidence"),
            (self.leases, "{} for its address"),
        ]
        return ", ".join(
            form.format(" and ".join(each[:3]) + (" ..." if each[3:] else "")) for each, form in parts if each
        )


@dataclass(frozen=True, slots=True)
class Hindered:
    """Why it is not known what has to be let through: a line each."""

    lines: tuple[str, ...]


def allowed(observed: Observed, params: Mapping[str, Value]) -> Allowed | Hindered:
    """What is let through, by parameters and by what the server shows."""
    against: list[str] = []
    named = {
        name: _named(params, name, against) for name in ("management", "domain_controllers", "ntp", "edr", "evidence")
    }
    ports = tuple(str(each) for each in _list(params, "winrm_ports"))
    if not ports or any(not _is_port(each) for each in ports):
        against.append("winrm_ports: each is a number from 1 to 65535, and there is at least one")
    management = _management(observed, params, named["management"], against)
    left_out: list[str] = []
    name_servers: tuple[Network, ...] = ()
    directory: tuple[Network, ...] = named["domain_controllers"]
    time: tuple[Network, ...] = named["ntp"]
    if params.get("strict") is not True:
        name_servers = tuple(_addresses(observed, "NameServer"))
        directory = _directory(observed, directory, name_servers, against, left_out)
        time = (*time, *directory, *_time_sources(observed, time, left_out))
    if against:
        return Hindered(tuple(against))
    everything = (management, name_servers, directory, time, named["edr"], named["evidence"])
    over_v6 = any(each.version == 6 for some in everything for each in some)
    return Allowed(
        management=_spelt(management),
        winrm_ports=ports,
        name_servers=_spelt(name_servers),
        directory=_spelt(directory),
        time=_spelt(time),
        agents=_spelt(named["edr"]),
        collectors=_spelt(named["evidence"]),
        neighbours=NEIGHBOURS if over_v6 else (),
        leases=_spelt(tuple(_leases(observed, over_v6, left_out))),
        left_out=tuple(left_out),
    )


def may_hold(remote: Sequence[str], named: Sequence[str]) -> bool:
    """Whether a rule with these remote addresses, as Windows shows them, may be about one of those that are named."""
    wanted = [ipaddress.ip_network(each) for each in named]
    for each in remote:
        first, _, last = each.partition("-")
        try:
            if last:
                begin, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
                covered: list[Network] = list(ipaddress.summarize_address_range(begin, end))
            else:
                covered = [ipaddress.ip_network(each, strict=False)]
        except (ValueError, TypeError):
            return True  # Any, LocalSubnet, or what is not known
        if any(one.version == other.version and one.overlaps(other) for one in covered for other in wanted):
            return True
    return not remote


def is_spelt(text: str) -> bool:
    """Whether it is an address or a network in the spelling that is written here, and not everybody."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return False
    return network.prefixlen > 0 and _spelt([network]) == (text,)


def _management(
    observed: Observed, params: Mapping[str, Value], named: Sequence[Network], against: list[str]
) -> tuple[Network, ...]:
    """Those that may come in by WinRM: the connection over which this is asked has to be one of theirs.

    Which of the open connections that is the server does not tell: where there is one address, it is its; where all are
    named, it is among them.
    """
    ports = " and ".join(str(each) for each in _list(params, "winrm_ports"))
    seen = tuple(_connected(observed, "winrm"))
    counted = (observed.first("Connections") or {}).get("Winrm")
    unread = [text for text, address in seen if address is None]
    if isinstance(counted, int) and counted > len(seen):
        against.append(f"{counted} addresses are connected to WinRM, and {len(seen)} of them were read")
    if unread:
        against.append(f"connected to WinRM is what is no address that a rule can name: {', '.join(unread[:SHOWN])}")
    peers = [address for _, address in seen if address is not None]
    if not peers:
        against.append(f"no connection to WinRM was seen at TCP port {ports}: name the ports by winrm_ports")
        return tuple(named)
    if not named:
        if len(peers) > 1:
            against.append(
                f"WinRM connections are open from {_shown(peers)}, and which of them is this run's is not told: name "
                "those that servers are managed from by management"
            )
        return tuple(peers)
    outside = [each for each in peers if not any(_within(each, network) for network in named)]
    if len(outside) == len(peers):
        against.append(f"no WinRM connection is from management; they are from {_shown(peers)}")
    elif outside and params.get("cut_others") is not True:
        against.append(
            f"WinRM connections are open from {_shown(outside)}, which management does not name: name them "
            "as well, or cut them off with cut_others: true"
        )
    return tuple(named)


def _directory(
    observed: Observed,
    named: tuple[Network, ...],
    name_servers: tuple[Network, ...],
    against: list[str],
    left_out: list[str],
) -> tuple[Network, ...]:
    joined = (observed.first("Member") or {}).get("Joined")
    if joined is False and not named:
        return ()
    connected = [address for _, address in _connected(observed, "directory") if address is not None]
    found = named or name_servers
    inside = [each for each in connected if any(_within(each, network) for network in found)]
    if not named and not inside:
        seen = f"; it is connected to {_shown(connected)} for the directory" if connected else ""
        against.append(
            f"which domain controllers this server uses could not be told from its name servers{seen}: name them by "
            "domain_controllers, or cut them off with strict: true"
        )
        return ()
    if outside := [each for each in connected if each not in inside]:
        left_out.append(f"connections to {_shown(outside)} for the directory, which domain_controllers does not name")
    return found


def _time_sources(observed: Observed, named: tuple[Network, ...], left_out: list[str]) -> Iterator[Network]:
    """Those that are named by address. A rule cannot name a name."""
    source = observed.first("TimeSource") or {}
    if text_of(source, "Type").casefold() not in ("ntp", "allsync"):
        return
    names: list[str] = []
    for each in text_of(source, "Servers").split():
        host = each.partition(",")[0]
        address = _address(host)
        if address is None:
            names.append(host)
        else:
            yield address
    if names and not named:
        left_out.append(f"time from {', '.join(names[:SHOWN])}: name the addresses by ntp")


def _leases(observed: Observed, over_v6: bool, left_out: list[str]) -> Iterator[Network]:
    """The servers of DHCP that gave this one its addresses, and the broadcast by which one is found. Also where all
    else is cut off: who loses the address loses the way back."""
    leased = tuple(observed.of_kind("Lease"))
    of_v6 = (observed.first("Adapters") or {}).get("LeasedV6")
    if leased or (over_v6 and of_v6 != 0):
        yield EVERYBODY_HERE
    for each in leased:
        server = text_of(each, "Server")
        if (address := _address(server)) is not None and address.version == 4:
            yield address
        elif server:
            left_out.append(f"the DHCP server {server!r:.80}, which is no address: only by a broadcast")


def _connected(observed: Observed, to: str) -> Iterator[tuple[str, Network | None]]:
    for each in observed.of_kind("Connection"):
        if each.get("To") == to:
            yield text_of(each, "Address"), _address(text_of(each, "Address"))


def _addresses(observed: Observed, kind: str) -> Iterator[Network]:
    """Those that are told; none of the three that Windows shows where IPv6 has none (fec0:0:0:ffff::1 to 3)."""
    for each in observed.of_kind(kind):
        address = _address(text_of(each, "Address"))
        if address is not None and not address.network_address.is_loopback and not _is_site_local(address):
            yield address


def _is_site_local(address: Network) -> bool:
    return isinstance(address, ipaddress.IPv6Network) and address.network_address.is_site_local


def _named(params: Mapping[str, Value], name: str, against: list[str]) -> tuple[Network, ...]:
    found: list[Network] = []
    for each in _list(params, name):
        try:
            network = ipaddress.ip_network(str(each))
        except ValueError:
            against.append(f"{name}: {each!r:.80} is no address and no network, such as 10.0.5.7 or 10.0.5.0/24")
            continue
        if network.prefixlen == 0:
            against.append(f"{name}: {each!r:.80} is everybody")
            continue
        found.append(network)
    return tuple(found)


def _address(text: str) -> Network | None:
    """One address; IPv4 that is shown within IPv6 is IPv4. None for what a rule cannot name, such as fe80::1%7."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    return None if address.is_unspecified or address.is_multicast else ipaddress.ip_network(address)


def _within(address: Network, network: Network) -> bool:
    return address.version == network.version and address.subnet_of(network)  # type: ignore[arg-type]


def _spelt(networks: Sequence[Network]) -> tuple[str, ...]:
    ordered = sorted(set(networks), key=lambda each: (each.version, int(each.network_address), each.prefixlen))
    return tuple(str(each.network_address) if each.prefixlen == each.max_prefixlen else str(each) for each in ordered)


def _shown(addresses: Sequence[Network]) -> str:
    texts = _spelt(addresses)
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def _list(params: Mapping[str, Value], name: str) -> tuple[Value, ...]:
    given = params.get(name)
    return tuple(given) if isinstance(given, tuple | list) else ()


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535
