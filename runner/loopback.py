"""Which hosts are this machine itself: what goes there is not on any wire."""

from __future__ import annotations

import ipaddress


def is_this_machine(host: str) -> bool:
    """Whether a host, as it stands in an address, is on loopback; a name other than `localhost` is not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
