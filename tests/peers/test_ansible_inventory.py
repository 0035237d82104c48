"""What `exrun inventory import` makes of an Ansible inventory is what Ansible itself reads of it."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from inventory.errors import SourceError
from inventory.importing import read_foreign
from inventory.sources.document import Settings
from inventory.sources.native import read_native
from inventory.sources.native_writing import native_text

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
READER = Path(__file__).parent / "inventories.py"

HOSTS = ("ex1.a.example", "ex2.a.example", "mb[01:03].x", "e[a:c]", "q[1:7:3]", "h1", "h2:5986", "10.0.0.5")
GROUPS = ("mail", "edge", "dag1", "dag2", "zeta", "outer")
PORTS = ("5985", "5986", "7000", "7001")
USERS = ("svc@a.example", "ops@a.example", "ALPHA\\svc")


@pytest.fixture(scope="module")
def ansible() -> Path:
    if not PYTHON.is_file():
        pytest.skip("NO PEERS: Ansible is not in .venv-peers; `make peers` installs it and runs this")
    return PYTHON


class Drawn:
    """A random inventory: some groups, the later ones within the earlier, hosts in several of them."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.groups = chance.sample(GROUPS, chance.randint(1, 5))
        self.hosts = {group: chance.sample(HOSTS, chance.randint(0, 3)) for group in self.groups}
        self.children = {
            group: [inner for inner in self.groups[place + 1 :] if chance.random() < 0.35]
            for place, group in enumerate(self.groups)
        }
        self.variables = {group: self._some("ansible_port", "ansible_user") for group in (*self.groups, "all")}

    def _some(self, *names: str) -> dict[str, str]:
        values = {
            "ansible_port": lambda: self.chance.choice(PORTS),
            "ansible_user": lambda: self.chance.choice(USERS),
            "ansible_host": lambda: f"x{self.chance.randint(1, 99999)}.example",
        }
        return {name: values[name]() for name in names if self.chance.random() < 0.3}

    def ini(self) -> str:
        lines = ["lone.x ansible_port=9"] if self.chance.random() < 0.3 else []
        for group in self.chance.sample(self.groups, len(self.groups)):
            lines.append(f"[{group}]")
            for host in self.hosts[group]:
                names = ["ansible_port", "ansible_user"] + ([] if "[" in host else ["ansible_host"])
                lines.append(" ".join([host, *(f"{key}='{value}'" for key, value in self._some(*names).items())]))
        for group, children in self.children.items():
            lines += [f"[{group}:children]", *children] if children else []
        for group, variables in self.variables.items():
            lines += [f"[{group}:vars]", *(f"{key} = {value}" for key, value in variables.items())] if variables else []
        return "\n".join(lines) + "\n"

    def yml(self) -> str:
        top = {"children": {group: self._node(group) for group in self.groups}, "vars": self.variables["all"]}
        return "---\n" + json.dumps({"all": top}, indent=1)

    def _node(self, group: str) -> dict[str, object]:
        parts: list[tuple[str, object]] = [
            ("hosts", {host: self._some("ansible_port") for host in self.hosts[group]}),
            ("vars", self.variables[group]),
            (
                "children",
                {child: self._node(child) if self.chance.random() < 0.5 else {} for child in self.children[group]},
            ),
        ]
        self.chance.shuffle(parts)
        return {name: part for name, part in parts if part}


def imported(path: Path) -> dict[str, dict[str, str | list[str]]]:
    """Of each host its groups and settings, by Ansible's names."""
    try:
        client = read_foreign(path, client="alpha", settings=Settings()).client
    except SourceError:
        return {}  # of no hosts nothing is made
    inventory = read_native(native_text(client, path.parent).encode(), file="made.yml", folder=path.parent)
    return {
        host.name: {
            "groups": sorted(host.groups),
            "ansible_host": host.address,
            "ansible_port": str(host.port),
            "ansible_user": host.user or "",
        }
        for host in inventory.hosts
    }


def test_hosts_groups_and_what_holds_for_each_host_are_those_of_ansible(ansible: Path, tmp_path: Path) -> None:
    for seed in range(120):
        drawn = Drawn(seed)
        (tmp_path / f"{seed}.{'yml' if seed % 2 else 'ini'}").write_text(drawn.yml() if seed % 2 else drawn.ini())
    files = sorted(tmp_path.iterdir())
    done = subprocess.run([ansible, READER, *files], capture_output=True, text=True, check=True, cwd=tmp_path)
    compared = 0
    for name, expected in json.loads(done.stdout).items():
        hosts = imported(Path(name))
        assert hosts.keys() == expected.keys(), name
        for host, held in expected.items():
            assert {key: hosts[host][key] for key in held} == held, f"{name}: {host}"
            compared += 1
    assert compared > 300
