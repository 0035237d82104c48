"""Loading an inventory: seconds, and the ratio against loading the same file as plain YAML.

Limit: 5,000 hosts, each with an address, a port, four labels and settings of a group, load in under 2 s; the cost of a
host does not grow with their number.

    python -m benchmarks.inventory_load
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from ruamel.yaml import YAML

from inventory.loading import load

HOSTS = 5000
PER_CLIENT = 500
LIMIT_SECONDS = 2.0
LIMIT_GROWTH = 1.3
REPEATS = 3


def inventory_text(hosts: int) -> str:
    """Clients of 500 servers, 9 lines a server."""
    lines = ["exrun: inventory/1", "clients:"]
    for number in range(hosts):
        client = f"client{number // PER_CLIENT:02d}"
        if number % PER_CLIENT == 0:
            lines += [
                f"  {client}:",
                f"    user: {client.upper()}\\svc-exrun",
                f"    credential: env:{client.upper()}_PASSWORD",
                "    groups:",
                "      servers: {scheme: https, labels: {country: NO}}",
                "      member: {groups: [servers], labels: {backup: veeam}}",
                "    hosts:",
            ]
        lines += [
            f"      EX{number:05d}:",
            f"        address: ex{number:05d}.{client}.example",
            "        port: 5986",
            "        groups: [member]",
            "        labels:",
            f"          site: site{number % 7}",
            f"          dag: DAG{number % 40:02d}",
            "          role: mailbox",
            f"          ring: {number % 4}",
        ]
    return "\n".join(lines) + "\n"


def best_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The fastest of some runs: what the work takes when nothing else disturbs it."""
    taken = []
    for _ in range(repeats):
        before = time.perf_counter()
        work()
        taken.append(time.perf_counter() - before)
    return min(taken)


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.yml"), Path(folder, "large.yml")
        small.write_text(inventory_text(HOSTS // 10), encoding="utf-8")
        large.write_text(inventory_text(HOSTS), encoding="utf-8")
        assert len(load(large).hosts) == HOSTS
        ours = best_seconds(lambda: load(large))
        ours_small = best_seconds(lambda: load(small))
        text = large.read_text(encoding="utf-8")
        peers = {
            "yaml.CSafeLoader (libyaml, values only)": best_seconds(lambda: yaml.load(text, Loader=yaml.CSafeLoader)),
            "yaml.safe_load (Python, values only)": best_seconds(lambda: yaml.safe_load(text), 1),
            "ruamel.yaml safe (Python, values only)": best_seconds(lambda: YAML(typ="safe", pure=True).load(text), 1),
        }
    growth = ours / HOSTS / (ours_small / (HOSTS // 10))
    print(f"inventory of {HOSTS} hosts, {len(text) / 1e6:.1f} MB: loaded and checked in {ours:.2f} s")
    for peer, seconds in peers.items():
        print(f"  {peer}: {seconds:.2f} s; ours takes {ours / seconds:.2f} times that")
    print(f"  cost per host at {HOSTS} over cost per host at {HOSTS // 10}: {growth:.2f}")
    held = ours < LIMIT_SECONDS and growth < LIMIT_GROWTH
    print(f"{'PASS' if held else 'FAIL'}: under {LIMIT_SECONDS:.0f} s, and flat within {LIMIT_GROWTH}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
