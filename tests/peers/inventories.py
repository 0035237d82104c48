"""Prints, as JSON, what Ansible itself reads of inventories: of each host its groups and what holds for it.

Run by Ansible's own Python, in which exrun is not installed: python inventories.py FILE...
"""

from __future__ import annotations

import json
import sys

from ansible.inventory.manager import InventoryManager  # type: ignore[import-not-found]
from ansible.parsing.dataloader import DataLoader  # type: ignore[import-not-found]
from ansible.vars.manager import VariableManager  # type: ignore[import-not-found]

VARIABLES = ("ansible_host", "ansible_port", "ansible_user")


def read(path: str) -> dict[str, object]:
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[path])
    variables = VariableManager(loader=loader, inventory=inventory)
    hosts: dict[str, object] = {}
    for host in inventory.get_hosts():
        held = variables.get_vars(host=host, include_hostvars=False)
        groups = sorted(group.name for group in host.get_groups() if group.name not in ("all", "ungrouped"))
        hosts[host.name] = {"groups": groups, **{name: str(held[name]) for name in VARIABLES if name in held}}
    return hosts


json.dump({path: read(path) for path in sys.argv[1:]}, sys.stdout)
