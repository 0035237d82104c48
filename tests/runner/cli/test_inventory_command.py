"""`exrun inventory`: what is selected and from where, what is wrong, and an inventory made of a CSV file."""

from __future__ import annotations

import json

from inventory.loading import load
from tests.runner.cli.conftest import CommandLine

CSV = '"Name","Fqdn","Site","ServerRole"\n"EX1","ex1.alpha.example","alpha.example/Configuration/Sites/HQ","Mailbox"\n'


def test_check_counts_what_is_in_order(exrun: CommandLine) -> None:
    status, out, err = exrun("inventory", "check", "-i", "inventory.yml")
    assert (status, out, err) == (0, "inventory.yml: 2 clients, 3 servers; nothing is wrong\n", "")


def test_check_says_every_problem_for_people_and_for_programs(exrun: CommandLine) -> None:
    (exrun.folder / "inventory.yml").write_text(
        "exrun: inventory/1\nclients:\n  alpha:\n    hosts:\n      EX1: {prot: 1}\n      EX2: {port: x}\n"
    )
    status, out, err = exrun("inventory", "check", "-i", "inventory.yml")
    assert (status, out) == (2, "")
    assert len([line for line in err.splitlines() if line.startswith("inventory.yml:")]) == 2
    status, out, err = exrun("inventory", "check", "-i", "inventory.yml", "--format", "json")
    read = json.loads(out)
    assert (status, err, read["valid"]) == (2, "", False)
    assert [(problem["line"], problem["path"]) for problem in read["problems"]] == [
        (5, "clients.alpha.hosts.EX1.prot"),
        (6, "clients.alpha.hosts.EX2.port"),
    ]


def test_list_says_what_a_selection_selects_and_where_it_is_written(exrun: CommandLine) -> None:
    status, out, _ = exrun("inventory", "list", "-i", "inventory.yml", "client:alpha")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["SERVER", "alpha/EX1", "alpha/EX2", "2"]
    assert "inventory.yml:5" in out
    _, out, _ = exrun("inventory", "list", "-i", "inventory.yml", "site=HQ", "--format", "json")
    [host] = json.loads(out)["hosts"]
    assert (host["client"], host["name"], host["labels"]) == ("alpha", "EX1", {"site": "HQ"})
    assert host["origin"] == {"file": "inventory.yml", "line": 5, "column": 7}


def test_list_fails_when_the_count_differs(exrun: CommandLine) -> None:
    assert exrun("inventory", "list", "-i", "inventory.yml", "EX*", "--expect", "2")[0] == 0
    assert exrun("inventory", "list", "-i", "inventory.yml", "EX*", "--expect", "3")[0] == 2


def test_import_writes_an_inventory_that_loads_and_overwrites_nothing_unasked(exrun: CommandLine) -> None:
    (exrun.folder / "servers.csv").write_text(CSV)
    arguments = ["inventory", "import", "servers.csv", "--client", "gamma", "--user", "G\\ops"]
    arguments += ["--credential", "env:GAMMA_PW", "--scheme", "https", "--authentication", "ntlm"]
    status, out, err = exrun(*arguments)
    assert (status, err) == (0, "")
    assert exrun(*arguments, "-o", "gamma.yml") == (0, "", "exrun: wrote gamma.yml\n")
    assert (exrun.folder / "gamma.yml").read_text() == out
    [host] = load(exrun.folder / "gamma.yml").hosts
    assert (host.key, host.address, host.port, str(host.credential)) == (
        "gamma/EX1", "ex1.alpha.example", 5986, "env:GAMMA_PW",
    )  # fmt: skip
    assert host.labels == {"site": ("HQ",), "role": ("Mailbox",)}
    before = (exrun.folder / "inventory.yml").read_bytes()
    status, _, err = exrun(*arguments, "-o", "inventory.yml")
    assert (status, "inventory.yml is there already" in err) == (2, True)
    assert (exrun.folder / "inventory.yml").read_bytes() == before
    assert exrun(*arguments, "-o", "inventory.yml", "--force")[0] == 0
    assert (exrun.folder / "inventory.yml").read_text() == out
