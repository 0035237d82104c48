"""`exrun evidence`: what is listed, what is handed out, and what is neither: of servers of the lab, over WinRM."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState, HostState
from runner.reports.evidence import EvidenceMember, schema_text
from tests.runner.rehearsal import Rehearsal, rehearsed
from tests.runner.sealed import unsealed
from tests.runner.test_audit_over_the_lab import PASSWORD

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas" / "evidence.json"
FOLDER = "C:\\inetpub\\wwwroot\\aspnet_client"
# Whatever a file was called on a server, no name here is made of it.
PATH = f"{FOLDER}\\..%2f..%2fetc%2fpasswd;$(id)'.aspx"
SHELL = FileState(content="<%-- planted: does nothing --%>", streams={"../../up.sh": "#!/bin/false\n"})
SHA256 = hashlib.sha256(SHELL.data).hexdigest()
STREAM = hashlib.sha256(b"#!/bin/false\n").hexdigest()


def server(client: str, name: str, file: FileState | None = SHELL) -> LabHost:
    files = {f"{FOLDER}\\web.config": FileState(size=3)} | ({} if file is None else {PATH: file})
    state = HostState.model_validate({"name": name, "files": files})
    return LabHost(client, name, state, Account(f"{client}\\auditor", PASSWORD))


def text() -> str:
    path = PATH.replace("'", "''")
    return (
        "name: repair\ntitle: Quarantine what was found\nsteps:\n  - id: shell\n    action: file.quarantine\n"
        f"    with: {{path: '{path}', sha256: {SHA256}}}\n"
    )


@pytest.fixture
def applied(tmp_path: Path) -> Iterator[Rehearsal]:
    """Two servers of which the same file was taken out of the way."""
    with (
        pytest.MonkeyPatch.context() as patched,
        rehearsed(tmp_path, patched, server("alpha", "EX1"), server("alpha", "EX2"), text=text()) as lab,
    ):
        lab.plan()
        status, _ = lab.json("apply", "plan.json")
        assert status == 0
        yield lab


def of_the_schema(document: dict[str, Any]) -> None:
    assert document.keys() == {"schema", "evidence"}
    for each in document["evidence"]:
        assert each.keys() == EvidenceMember.model_fields.keys()
        EvidenceMember.model_validate_json(json.dumps(each))


def listed(lab: Rehearsal, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    status, out, err = lab("evidence", "list", *arguments, "--format", "json")
    assert out, err
    document = json.loads(out)
    of_the_schema(document)
    return status, document["evidence"]


@pytest.fixture
def store(applied: Rehearsal) -> Path:
    return applied.folder / ".exrun" / "alpha" / "evidence"


def test_the_published_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        'renew it: .venv/bin/python -c "from runner.reports.evidence import EvidenceMember, schema_text; '
        "print(schema_text(), end='')\" > docs/reference/schemas/evidence.json"
    )


def test_what_is_kept_is_listed_with_server_file_hash_time_and_change(applied: Rehearsal) -> None:
    status, found = listed(applied, applied.applied)
    assert status == 0
    assert {(each["host"], each["path"], each["stream"], each["sha256"], each["size"]) for each in found} == {
        (host, PATH, stream, sha256, size)
        for host in ("EX1", "EX2")
        for stream, sha256, size in ((None, SHA256, len(SHELL.data)), ("../../up.sh", STREAM, 13))
    }
    assert {(each["run"], each["client"], each["stands"], each["why"]) for each in found} == {
        (applied.applied, "alpha", "whole", "")
    }
    assert all(each["change"].startswith("quarantine.") and each["kept"].endswith("Z") for each in found)
    assert listed(applied) == (0, found), "the plan's own run has none"
    out = applied("evidence", "list")[1]
    assert f"{SHA256}  {len(SHELL.data)} bytes" in out
    assert f"{PATH}, stream ../../up.sh" in out


def names_about(folder: Path) -> set[str]:
    """What lies in a folder, at any depth, and beside it: what other tests leave deeper down beside it is theirs."""
    return {str(path.relative_to(folder.parent)) for path in (*folder.rglob("*"), *folder.parent.iterdir())}


def test_what_is_handed_out_is_called_by_its_hash_and_nothing_else_and_is_no_program(applied: Rehearsal) -> None:
    before = names_about(applied.folder)
    status, _, err = applied("evidence", "export", "last", "EX1", "-o", "case")
    assert (status, "2 pieces of evidence of alpha in case" in err) == (0, True)
    case = applied.folder / "case"
    assert {path.name for path in case.iterdir()} == {f"{SHA256}.quarantined", f"{STREAM}.quarantined", "manifest.json"}
    assert names_about(applied.folder) - before == {
        f"{applied.folder.name}/case",
        *(f"{applied.folder.name}/case/{path.name}" for path in case.iterdir()),
    }
    assert (case / f"{SHA256}.quarantined").read_bytes() == SHELL.data
    assert {stat.S_IMODE(path.stat().st_mode) for path in case.iterdir()} == {0o600}
    assert stat.S_IMODE(case.stat().st_mode) == 0o700
    manifest = json.loads((case / "manifest.json").read_text(encoding="utf-8"))
    of_the_schema(manifest)
    assert {(each["host"], each["path"], each["file"]) for each in manifest["evidence"]} == {
        ("EX1", PATH, f"{SHA256}.quarantined"),
        ("EX1", PATH, f"{STREAM}.quarantined"),
    }


def test_a_zip_file_has_each_content_once_and_the_same_manifest(applied: Rehearsal) -> None:
    status, _, err = applied("evidence", "export", "last", "-o", "case.zip")
    assert (status, err) == (0, "exrun: 4 pieces of evidence of alpha in case.zip, password infected\n")
    assert applied("evidence", "export", "last", "-o", "case")[0] == 0
    path = applied.folder / "case.zip"
    assert unsealed(path) == {each.name: each.read_bytes() for each in (applied.folder / "case").iterdir()}
    with zipfile.ZipFile(path) as archive:
        for each in archive.infolist():
            assert each.external_attr >> 16 == stat.S_IFREG | 0o600
            with pytest.raises((RuntimeError, NotImplementedError)):
                archive.read(each)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SHELL.data not in path.read_bytes()
    assert not list(applied.folder.glob(".case*"))


@pytest.mark.parametrize("target", ["case", "case.zip"])
def test_what_is_there_already_is_left_as_it_is(target: str, applied: Rehearsal) -> None:
    path = applied.folder / target
    if target.endswith(".zip"):
        path.write_bytes(b"theirs")
    else:
        path.mkdir()
        (path / "theirs").write_bytes(b"theirs")
    before = names_about(applied.folder)
    status, _, err = applied("evidence", "export", "last", "-o", target)
    assert status == 2
    assert f"{target} is there already, and is left as it is" in err
    assert names_about(applied.folder) == before


def spoil(store: Path, way: str) -> None:
    data = store / f"{SHA256}.evidence"
    match way:
        case "altered":
            data.write_bytes(SHELL.data[:-1] + b"?")
        case "longer":
            data.write_bytes(SHELL.data + b"\n")
        case "missing":
            data.unlink()
        case "origin altered":
            for each in store.glob(f"{SHA256}.*.json"):
                each.write_bytes(each.read_bytes().replace(b"wwwroot", b"elsewhere"))
        case "origin missing":
            for each in store.glob(f"{SHA256}.*.json"):
                each.unlink()
        case "a link":
            data.rename(store / "moved")
            data.mkdir()


@pytest.mark.parametrize("way", ["altered", "longer", "missing", "origin altered", "origin missing", "a link"])
@pytest.mark.parametrize("target", ["case", "case.zip"])
def test_what_is_not_what_the_journal_says_is_shown_as_such_and_not_handed_out(
    way: str, target: str, applied: Rehearsal, store: Path
) -> None:
    spoil(store, way)
    status, found = listed(applied, "last")
    stands = {(each["stream"], each["stands"]) for each in found}
    expected = "missing" if way in ("missing", "a link") else "altered"
    assert (status, stands) == (6, {(None, expected), ("../../up.sh", "whole")})
    status, _, err = applied("evidence", "export", "last", "EX1", "-o", target)
    assert status == 6
    assert "exrun: not exported: EX1 " in err
    assert "1 piece of evidence of alpha" in err
    if target.endswith(".zip"):
        contents = unsealed(applied.folder / target)
        names, text = [*contents], contents["manifest.json"]
    else:
        names = [each.name for each in (applied.folder / target).iterdir()]
        text = (applied.folder / target / "manifest.json").read_bytes()
    assert sorted(names) == sorted([f"{STREAM}.quarantined", "manifest.json"])
    files = {each["stream"]: each["file"] for each in json.loads(text)["evidence"]}
    assert files == {None: None, "../../up.sh": f"{STREAM}.quarantined"}


def test_a_journal_that_does_not_verify_is_said(applied: Rehearsal) -> None:
    journal = applied.folder / ".exrun" / "alpha" / "runs" / applied.applied / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if b'"evidence-kept"' in line)
    lines[place] = lines[place].replace(SHA256.encode(), b"0" * 64)
    journal.write_bytes(b"".join(lines))
    status, out, err = applied("evidence", "list", "last")
    assert status == 6
    assert f"line {place + 1} does not verify" in err
    assert "0" * 64 not in out


def test_clients_are_never_mixed(applied: Rehearsal) -> None:
    state = applied.folder / ".exrun"
    shutil.copytree(state / "alpha", state / "beta")
    status, found = listed(applied, "last", "--client", "ALPHA")
    assert (status, {each["client"] for each in found}) == (0, {"alpha"})
    for journal in (state / "beta").rglob("journal.jsonl"):
        assert b'"alpha"' in journal.read_bytes(), "it says whose it is, wherever it lies"
    status, _, err = applied("evidence", "export", "last", "-o", "case")
    assert status == 2
    assert "the run is of several clients" in err
    assert not (applied.folder / "case").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("last",), "where to is not said"),
        (("last", "EX7", "-o", "case"), "A run knows its servers by name alone: EX1, EX2."),
        (("last", "site=HQ", "-o", "case"), "A run knows its servers by name alone"),
        (("2020", "-o", "case"), "no run in .exrun is called '2020'"),
        (("last", "-o", "case", "--client", "gamma"), "there is no client 'gamma'; there is: alpha"),
    ],
)
def test_what_cannot_be_handed_out_is_said_and_nothing_is_made(
    arguments: tuple[str, ...], said: str, applied: Rehearsal
) -> None:
    status, _, err = applied("evidence", "export", *arguments)
    assert (status, said in err) == (2, True), err
    assert not (applied.folder / "case").exists()
