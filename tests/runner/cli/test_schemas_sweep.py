"""What loads, a schema takes; what a schema refuses does not load: over every file here and its pages, every broken
file of the tests, and sound files with something changed at random. The other way round a schema is laxer."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Catalogue
from playbooks.checking import check
from runner.cli.schema import FileKind
from tests.playbooks.test_broken import CASES, GOOD, parsed, written
from tests.playbooks.test_loading import CONTRACT, PLAYBOOK
from tests.runner.cli.test_schemas import ROOT, document_of, refused_by, seen, takes

CATALOGUE = Catalogue.load().on(date(2026, 4, 2))
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000049454e44ae426082")
# How many of each kind there are at least, so that none is passed over by an error of the sweep.
LEAST = {
    FileKind.INVENTORY: 2,
    FileKind.PLAYBOOK: 10,
    FileKind.ACTION: 29,
    FileKind.CASES: 29,
    FileKind.POLICY: 2,
    FileKind.BRAND: 1,
    FileKind.EXRUN_TOML: 2,
    FileKind.LAB_FLEET: 2,
    FileKind.LAB_STATE: 20,
}
NOT_OURS = ("build", "dist", "node_modules")


def files_here() -> Iterator[tuple[str, str]]:
    """Every file that a person could have written here, by where it stands: files, and what pages show of them."""
    for path in sorted(ROOT.rglob("*")):
        place = path.relative_to(ROOT)
        if any(part in NOT_OURS or part.startswith(".venv") for part in place.parts) or not path.is_file():
            continue
        if path.suffix in (".yml", ".yaml", ".toml"):
            yield place.as_posix(), path.read_text(encoding="utf-8")
        elif path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            blocks = re.findall(r"(?:(?<=\n\n)|\A)(?:^ {4,}.*\n|^\n(?= {4}))+", text, re.MULTILINE)
            blocks += re.findall(r"^```(?:ya?ml|toml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
            for number, block in enumerate(blocks):
                yield f"{place.as_posix()} block {number + 1}", textwrap.dedent(block)


def with_keys(text: str) -> str:
    """A policy with keys where a page cuts them off, each another."""
    numbers = itertools.count(1)

    def key(found: re.Match[str]) -> str:
        blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + next(numbers).to_bytes(32, "big")
        return base64.b64encode(blob).decode()

    return re.sub(r"AAAA[A-Za-z0-9+/]*\.\.\.", key, text)


def text_of(place: str) -> str:
    return (ROOT / place).read_text(encoding="utf-8")


def laid(kind: FileKind, text: str, folder: Path) -> Path:
    """A file of that text, by the name that such a file has."""
    document_name = re.search(r"^(?:name: |\{\"name\": \")([a-z][a-z0-9-]*)", text, re.MULTILINE)
    stem = document_name[1] if kind is FileKind.PLAYBOOK and document_name else "file"
    path = folder / (f"{stem}.toml" if kind is FileKind.EXRUN_TOML else f"{stem}.yml")
    path.write_text(with_keys(text) if kind is FileKind.POLICY else text, encoding="utf-8")
    if kind is FileKind.INVENTORY:
        for named in re.findall(r"(?:ca_file|certificate|certificate_key)\"?: \"?([\w.-]+)", text):
            (folder / named).write_bytes(b"")
    return path


def loads(kind: FileKind, path: Path) -> bool:
    """Whether a file loads; of a playbook, with all that it names."""
    return takes(kind, path) and (kind is not FileKind.PLAYBOOK or check(path, CATALOGUE) == ())


def test_every_file_here_that_loads_is_right_by_its_schema(tmp_path: Path) -> None:
    (tmp_path / "contoso.png").write_bytes(PNG)
    loaded: Counter[FileKind] = Counter()
    wrong: dict[str, list[str]] = {}
    for where, text in files_here():
        for kind in FileKind:
            place = ROOT / where
            path = place if place.is_file() else laid(kind, text, tmp_path)
            if (kind is FileKind.EXRUN_TOML) is not (path.suffix == ".toml") or not takes(kind, path):
                continue
            loaded[kind] += 1
            refused = refused_by(kind, document_of(kind, path))
            if refused and loads(kind, path):
                wrong[f"{where} as {kind}"] = refused
    assert wrong == {}
    assert {kind: loaded[kind] for kind, number in LEAST.items() if loaded[kind] < number} == {}


def broken_inventories(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each broken inventory of the tests, written down."""
    for case in sorted((ROOT / "tests" / "inventory" / "broken").glob("*.case")):
        text = case.read_text(encoding="utf-8").partition("\n=== ")[0] + "\n"
        if text.isprintable() or "\\x" not in text:
            yield case.name, laid(FileKind.INVENTORY, text, folder)


def test_no_broken_inventory_that_its_schema_refuses_loads(tmp_path: Path) -> None:
    refused = 0
    for name, path in broken_inventories(tmp_path):
        if refused_by(FileKind.INVENTORY, document_of(FileKind.INVENTORY, path)):
            refused += 1
            assert not takes(FileKind.INVENTORY, path), name
    assert refused >= 25


def test_no_broken_playbook_or_action_that_its_schema_refuses_loads(tmp_path: Path) -> None:
    """A case breaks one thing: the file that a schema refuses is the one in which loading finds it."""
    refused = set()
    for case in CASES:
        files, _, error = parsed(case)
        written(files, tmp_path)
        for name in files:
            if not name.endswith(".yml"):
                continue
            kind = FileKind.ACTION if name.endswith("action.yml") else FileKind.PLAYBOOK
            if refused_by(kind, document_of(kind, tmp_path / name)):
                refused.add(case.stem)
                named = re.search(rf"^{re.escape(name)}:", error, re.MULTILINE)
                assert named or not takes(kind, tmp_path / name), case.stem
    assert len(refused) >= 50, sorted({case.stem for case in CASES} - refused)


INVENTORY = r"""
exrun: inventory/1
allow_public: [203.0.113.0/24]
clients:
  alpha:
    user: ALPHA\svc
    credential: env:ALPHA_PW
    labels: {site: HQ}
    groups:
      dag1: {labels: {dag: DAG1}, groups: [all]}
      all: {port: 5986, scheme: https, ca_file: ca.pem}
    hosts:
      EX1: {address: 192.0.2.1, groups: [dag1], labels: {role: [Mailbox, Edge], floor: 2}}
      EX2:
"""
POLICY = """
client: alpha
approvers:
  - key: ops@alpha.example ssh-ed25519 AAAA...
    accounts: [ops, anna@jump01]
  - key: board@alpha.example ssh-ed25519 AAAA...
approvals: 1
expires_after: 3d
windows:
  - {days: [fri, sat], from: "22:00", to: "04:00", zone: Europe/Berlin}
freezes:
  - {from: 2026-12-19, to: 2027-01-06, zone: Europe/Berlin, why: end of the year}
without_approval: [exchange.services]
"""
# Not the lab's two kinds, which read a number in quotes too, nor exrun.toml, which test_schemas.py changes at random.
SEEDS: dict[FileKind, list[str]] = {
    FileKind.INVENTORY: [INVENTORY],
    FileKind.PLAYBOOK: [PLAYBOOK, text_of("playbooks/library/exchange-investigate.yml")],
    FileKind.ACTION: [CONTRACT, text_of("playbooks/actions/windows/isolate/action.yml")],
    FileKind.CASES: [text_of("playbooks/actions/windows/session/cases/session.yml")],
    FileKind.POLICY: [POLICY],
    FileKind.BRAND: ['name: Contoso\ncolour: "#005a9c"\nink: "#ffffff"\nlogo: contoso.png\n'],
}
# An inventory reads true and false as texts wherever one stands, and its schema takes them for labels alone.
TRUTH: list[Any] = [True, False]
VALUES: list[Any] = [None, 0, 1, -1, 1.5, 10**20, "", " ", "x", "x.y", "7", "true", "2026-12-24", [], {}, ["x"], [7]]
EXAMPLES = 60
Way = tuple[str | int, ...]


def ways(document: Any) -> Iterator[Way]:
    """The way to everything in a document."""
    entries = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in entries:
        yield (key,)
        yield from ((key, *below) for below in ways(value))


@st.composite
def changed(draw: st.DrawFn, kind: FileKind) -> Any:
    """A sound document in which one or two things are others, missing, added or twice."""
    document = copy.deepcopy(draw(st.sampled_from([seen(with_keys(text).encode()) for text in SEEDS[kind]])))
    for _ in range(draw(st.integers(1, 2))):
        if not document:
            break
        *around, last = draw(st.sampled_from(sorted(ways(document), key=str)))
        holder = document
        for part in around:
            holder = holder[part]
        match draw(st.sampled_from(["set", "remove", "rename", "move"])):
            case "set":
                known = VALUES if kind is FileKind.INVENTORY else VALUES + TRUTH
                holder[last] = copy.deepcopy(draw(st.sampled_from(known)))
            case "remove":
                del holder[last]
            case "rename" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["x", "X y", "7", f"{last}s"]))] = holder.pop(last)
            case _:
                way = draw(st.sampled_from(sorted(ways(document), key=str)))
                found = document
                for part in way:
                    found = found[part]
                holder[last] = copy.deepcopy(found)
    return document


@pytest.mark.parametrize("kind", list(SEEDS))
def test_nothing_that_a_schema_refuses_loads(kind: FileKind, tmp_path: Path) -> None:
    (tmp_path / "contoso.png").write_bytes(PNG)
    written(GOOD, tmp_path)
    assert [text for text in SEEDS[kind] if not loads(kind, laid(kind, text, tmp_path))] == []
    refused = 0

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(changed(kind))
    def hold(document: Any) -> None:
        nonlocal refused
        path = laid(kind, json.dumps(document, ensure_ascii=False), tmp_path)
        wrong = refused_by(kind, document_of(kind, path))
        if wrong:
            refused += 1
            assert not loads(kind, path), wrong

    hold()
    assert refused >= EXAMPLES // 10
