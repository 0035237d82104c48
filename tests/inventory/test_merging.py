"""An import into an inventory that is there: what is added and set, and that nothing else of the file moves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.errors import SourceError
from inventory.merging import Change, Merged, merge
from inventory.model import Host, LabelValues
from inventory.sources.csv import ExchangeCsvSource
from inventory.sources.document import Settings
from inventory.sources.native import read_native
from inventory.sources.reading import ClientPart

HERE = Path("/nonexistent")
FLEET = """\
# Our fleet. Do not sort!
exrun: inventory/1   # the version
clients:
    # the first client
    alpha:
        user: 'ALPHA\\svc'   # who
        credential: "env:P"
        labels: {ring: True, v: 1.10,   z: "010"}
        hosts:
            EX1: {address: ex1.alpha.example}   # one
            # two is away
            EX2:
                address: ex2.alpha.example
                labels:
                    site: Oslo  # away

            EX9:
    # the second
    gamma: {hosts: {G1: }}
"""


def part_of(rows: str, client: str = "alpha", **given_settings: str) -> ClientPart:
    source = ExchangeCsvSource(client, Settings.model_validate(given_settings))
    [part] = source.read(f"Name,Fqdn,Site,ServerRole\n{rows}".encode(), Path("s.csv")).clients
    return part


def merged(text: str, part: ClientPart) -> Merged:
    return merge(text.encode(), part, file="inventory.yml", folder=HERE, imported_from=HERE)


def hosts(text: str) -> dict[str, Host]:
    return {host.key: host for host in read_native(text.encode(), file="i", folder=HERE).hosts}


def test_new_hosts_are_added_what_differs_is_set_and_all_else_stays_letter_for_letter() -> None:
    rows = (
        'ex1,ex1.alpha.example,,Mailbox\nEX2,ex2.alpha.example,x/HQ,\nEX3,ex3.alpha.example,,"Mailbox, ClientAccess"\n'
    )
    result = merged(FLEET, part_of(rows))
    assert result.text == FLEET.replace(
        "{address: ex1.alpha.example}", "{address: ex1.alpha.example, labels: {role: Mailbox}}"
    ).replace("site: Oslo  # away", "site: HQ  # away").replace(
        "            EX9:\n",
        "            EX9:\n"
        "            EX3:\n"
        "                address: ex3.alpha.example\n"
        "                labels:\n"
        '                    role: "Mailbox, ClientAccess"\n',
    )
    assert (result.added, result.unchanged, result.left_alone) == (("EX3",), (), ("EX9",))
    assert result.changed == {
        "EX1": (Change("labels.role", "", "Mailbox"),),
        "EX2": (Change("labels.site", "Oslo", "HQ"),),
    }


def test_a_client_that_is_not_there_is_added_with_what_its_hosts_share() -> None:
    result = merged(FLEET, part_of("B1,b1.example,x/HQ,\n", "beta", user="svc@b.example", credential="env:B"))
    assert result.text == FLEET + (
        '    beta:\n        user: "svc@b.example"\n        credential: "env:B"\n        hosts:\n            B1:\n'
        "                address: b1.example\n                labels:\n                    site: HQ\n"
    ).replace('"svc@b.example"', "svc@b.example")
    assert (result.added, result.changed) == (("B1",), {})


def test_a_host_under_another_name_is_known_by_its_address() -> None:
    result = merged(FLEET, part_of("mail,EX1.alpha.example.,,Edge\n"))
    assert (result.added, list(result.changed)) == ((), ["EX1"])


def test_what_holds_for_all_hosts_of_a_client_is_set_with_the_client_and_else_with_each_host() -> None:
    rows = "G1,G1,,\n"
    assert "gamma: {hosts: {G1: }, port: 7}" in merged(FLEET, part_of(rows, "gamma", port="7")).text
    some = merged(FLEET, part_of("EX9,EX9,,\n", port="7")).text
    assert hosts(some)["alpha/EX9"].port == 7
    assert hosts(some)["alpha/EX1"].port == 5985


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_of_windows_stay(mark: bytes) -> None:
    data = mark + FLEET.replace("\n", "\r\n").encode()
    result = merge(
        data, part_of("EX3,ex3.example,x/HQ,\nEX9,ex9.example,,\n"), file="i", folder=HERE, imported_from=HERE
    )
    assert result.text.count("\r\n") == result.text.count("\n") == FLEET.count("\n") + 5


def test_an_inventory_that_is_not_in_order_is_not_merged_into() -> None:
    with pytest.raises(SourceError, match=r"inventory\.yml:3:7: clients\.a\.prot: unknown key"):
        merged("exrun: inventory/1\nclients:\n  a: {prot: 1}\n", part_of("EX1,ex1,,\n"))


def test_an_import_that_would_not_load_says_so_and_nothing_is_made_of_it() -> None:
    with pytest.raises(SourceError, match="with the import, has the address and port of `EX1`"):
        merged(FLEET, part_of("EX1,ex1.alpha.example,,\nEX2,ex1.alpha.example,,\n"))


NAMES = st.sampled_from(["EX1", "EX2", "EX3", "EX4", "no"])
VALUES = st.sampled_from(["HQ", "Oslo", "on", "7", "a: b", "x, y", "'", "[z]"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Inventories in many hands: blocks and flow, indents, comments, quotes, empty things, groups."""
    step = draw(st.sampled_from([1, 2, 4]))
    lines = ["# begin", "exrun: inventory/1 # v", "clients:"]
    for client in draw(st.lists(st.sampled_from(["alpha", "beta"]), min_size=1, max_size=2, unique=True)):
        pad = " " * step
        if draw(st.booleans()):
            names = draw(st.lists(NAMES, unique=True))
            bodies = [draw(st.sampled_from(["", "{}", "{port: 7}"])) for _ in names]
            inner = ", ".join(f"{quoted(name)}: {body}" for name, body in zip(names, bodies, strict=True))
            lines.append(
                draw(st.sampled_from([f"{pad}{client}: {{hosts: {{{inner}}}}} # flow", f"{pad}{client}: {{}}"]))
            )
            continue
        lines.append(f"{pad}{client}: # block")
        if draw(st.booleans()):
            lines.append(f"{pad * 2}labels: {{ring:  1}}")
        lines += [f"{pad * 2}groups:", f"{pad * 3}g: {{port: 7}}", f"{pad * 3}h:"]
        lines.append(f"{pad * 2}hosts:")
        for name in draw(st.lists(NAMES, min_size=0, unique=True)):
            lines += draw(st.sampled_from([[], [f"{pad * 3}# about {name}"], [""]]))
            shape = draw(st.integers(0, 5))
            head = f"{pad * 3}{quoted(name)}:"
            lines += {
                0: [head],
                1: [f"{head} {{}}  # none"],
                2: [f"{head} {{groups: [g]}}"],
                3: [head, f"{pad * 4}groups:", f"{pad * 4}- h # item", f"{pad * 4}port: '9'"],
                4: [head, f"{pad * 4}labels:", f"{pad * 5}site: Oslo # s", f"{pad * 5}role:", f"{pad * 5}- Edge"],
                5: [head, f"{pad * 4}labels: {{site: Oslo}} # l"],
            }[shape]
    return "\n".join(lines) + draw(st.sampled_from(["\n", "", "\n# end\n", "\n...\n"]))


def quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


@st.composite
def imports(draw: st.DrawFn) -> ClientPart:
    rows = "".join(
        f'{name},{name.replace(" ", "")}.example,"x/{draw(VALUES)}","{draw(VALUES)}"\n'
        for name in draw(st.lists(NAMES, min_size=1, unique=True))
    )
    given_settings = draw(st.fixed_dictionaries({}, optional={"port": st.just("9"), "scheme": st.just("https")}))
    return part_of(rows, draw(st.sampled_from(["alpha", "beta", "gamma"])), **given_settings)


def labels_of(host: Host) -> dict[str, LabelValues]:
    return dict(host.labels)


@settings(max_examples=400, deadline=None)
@given(documents(), imports())
def test_a_second_import_changes_nothing_and_the_first_loses_nothing(text: str, part: ClientPart) -> None:
    try:
        before = hosts(text)
    except SourceError:
        return  # refused before anything is merged
    result = merged(text, part)
    after = hosts(result.text)
    again = merged(result.text, part)
    assert again.text == result.text
    assert (again.added, again.changed) == ((), {})
    assert before.keys() <= after.keys()
    for key, host in before.items():
        assert labels_of(host).keys() <= labels_of(after[key]).keys()
        assert host.groups <= after[key].groups
    for host in part.hosts:
        got = after[f"{part.name}/{host.name}"]
        assert got.address == host.settings["address"].value
        assert got.labels["site"] == host.settings["labels.site"].value
    assert re.findall(r"#.*", text) == re.findall(r"#.*", result.text)


@settings(max_examples=300, deadline=None)
@given(documents(), st.text(st.sampled_from("{}[]:,#\"' \n-?ex"), max_size=12), st.integers(0, 400), imports())
def test_whatever_stands_in_the_file_it_is_merged_or_refused(text: str, noise: str, at: int, part: ClientPart) -> None:
    try:
        added = merged(text[:at] + noise + text[at:], part).added
    except SourceError as error:
        added = () if error.problems else ("an error without a problem",)
    assert set(added) <= {host.name for host in part.hosts}
