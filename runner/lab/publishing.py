"""What a served lab tells those who are to audit it: an inventory that fits it, and where the passwords stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from runner.lab.fleet import Fleet
from runner.lab.server import Lab


def inventory_text(served: Lab, ca_file: Path | None, certificates: Mapping[str, tuple[Path, Path]]) -> str:
    """An inventory (`exrun: inventory/1`) of all hosts that are served; passwords by reference.

    Args:
        ca_file: of HTTPS hosts.
        certificates: by client, the files of its account's certificate and key.
    """
    names = password_variables(served.fleet)
    lines = ["exrun: inventory/1", "clients:"]
    by_client: dict[str, list[str]] = {}
    for one in served.hosts.values():
        host = one.host
        settings: dict[str, object] = {"address": host.address, "port": one.port}
        if host.scheme == "https":
            settings |= {"scheme": "https", "ca_file": str(ca_file)}
        if host.authentication == "certificate":
            certificate, key = certificates[host.client]
            settings |= {
                "authentication": "certificate",
                "certificate": str(certificate),
                "certificate_key": str(key),
            }
        else:
            settings |= {"authentication": host.authentication, "user": host.account.user}
            settings |= {"credential": f"env:{names[host.client]}"}
        if host.labels:
            settings["labels"] = dict(host.labels)
        # JSON is YAML, and quotes what YAML would take for something else.
        by_client.setdefault(host.client, []).append(f"      {json.dumps(host.name)}: {json.dumps(settings)}")
    for client, hosts in by_client.items():
        lines += [f"  {json.dumps(client)}:", "    hosts:", *hosts]
    return "\n".join(lines) + "\n"


def password_variables(fleet: Fleet) -> dict[str, str]:
    """An environment variable for each client's password."""
    names: dict[str, str] = {}
    for host in fleet.hosts:
        if host.client not in names:
            name = f"EXRUN_LAB_{re.sub(r'[^A-Z0-9]', '_', host.client.upper())}"
            while name in names.values():
                name += "_"
            names[host.client] = name
    return names
