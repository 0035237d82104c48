"""To which addresses NTLM may prove a password: those of private networks, and those that the inventory allows.

Whoever gets an NTLM response can guess the password from it at leisure, or pass it on. A mistyped name, a DNS suffix
that somebody else owns, or a resolver that lies makes the internet the one that gets it. So the address that is judged
is the one that a connection really goes to, each time, and nothing of NTLM is said to it before. Kerberos and
certificates prove nothing to whom they were not meant for, and are not held back.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterable

from inventory.names import called
from runner.transport.failures import Cause, Failure, failure

WhyNot = Callable[[str], Failure | None]
"""Why NTLM may not be spoken with an IP address; None when it may."""

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in (
        "10.0.0.0/8",  # RFC 1918, as the next two
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",  # RFC 1122, 3.2.1.3
        "169.254.0.0/16",  # RFC 3927
        "100.64.0.0/10",  # RFC 6598: behind a provider's NAT
        "::1/128",  # RFC 4291
        "fe80::/10",
        "fc00::/7",  # RFC 4193
    )
)
# An IPv4 address within an IPv6 one reaches that address through somebody's gateway, which is nobody's private network
# (RFC 6052, 3.1; RFC 8215); what the inventory allows of IPv4 is allowed through it too.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def ntlm_to(host_address: str, allowed: Iterable[str]) -> WhyNot:
    """Judges the addresses of one host.

    Args:
        host_address: what the inventory calls it.
        allowed: its `allow_public`: networks, IP addresses and host names.
    """
    networks, by_name = [], False
    for entry in allowed:
        with contextlib.suppress(ValueError):
            networks.append(ipaddress.ip_network(entry))
            continue
        by_name = by_name or called(entry).casefold() == called(host_address).casefold()

    def why_not(address: str) -> Failure | None:
        ip = _parsed(address)
        if by_name or (ip is not None and _is_private(ip)):
            return None
        if ip is not None and any(form in network for form in _forms(ip) for network in networks):
            return None
        return failure(
            Cause.PUBLIC_ADDRESS,
            f"NTLM was not begun: {address} is outside private networks, and the password's proof would leave for the "
            "internet",
        )

    return why_not


def anywhere(address: str) -> Failure | None:
    """The WhyNot of a host that is never spoken to in NTLM, and of tests."""
    return None


def _is_private(ip: _Ip) -> bool:
    """Whether an address belongs to a private network, this link or this machine."""
    return any(ip in network for network in _PRIVATE)


def _parsed(address: str) -> _Ip | None:
    """The address as it is routed: without a zone, and an IPv4 address within ::ffff:0:0/96 as itself (RFC 4291)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _forms(ip: _Ip) -> tuple[_Ip, ...]:
    """The forms in which a network that is allowed may name this address."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip, ipaddress.IPv6Address(f"::ffff:{ip}")
    return (ip, ipaddress.IPv4Address(ip.packed[-4:])) if ip in _NAT64 else (ip,)
