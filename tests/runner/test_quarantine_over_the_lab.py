"""A file is quarantined over real WinRM by a plan that was approved, kept as evidence before, and brought back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.changing import ready_changes
from playbooks.errors import ChangeError
from runner import events
from runner.admission import same
from runner.events import Purpose
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState, HostState
from runner.transport.gate import LOCK
from tests.runner.rehearsal import Rehearsal, came, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

PATH = "C:\\inetpub\\wwwroot\\aspnet_client\\it's [1].aspx"
ZONE = b"[ZoneTransfer]\r\nZoneId=3\r\n"
PLANTED = FileState(
    content="<%-- planted: does nothing --%>\r\n" * 5_000,
    created="2021-03-02T10:00:00.1234567Z",
    modified="2021-03-03T23:59:59.0000000Z",
    attributes="Hidden, Archive",
    sddl="O:S-1-5-21-1-2-3-1001G:DUD:PAI(A;;FA;;;WD)",
    streams={"Zone.Identifier": ZONE.decode(), "nothing": "", "zeros": 70_000, "large": 2_097_152},
)
SHA256 = hashlib.sha256(PLANTED.data).hexdigest()


def playbook(sha256: str, *, steps: Sequence[str] = (PATH,)) -> str:
    lines = ["name: repair", "title: Quarantine what was found", "steps:"]
    for number, path in enumerate(steps):
        quoted = path.replace("'", "''")
        given = f"{{path: '{quoted}', sha256: {sha256}}}"
        lines += [f"  - id: shell{number}", "    action: file.quarantine", f"    with: {given}"]
    return "\n".join(lines) + "\n"


def server(name: str, *faults: Fault, engine: str = "sim", file: FileState | None = PLANTED) -> LabHost:
    files = {"C:\\inetpub\\wwwroot\\aspnet_client\\web.config": FileState(size=3)}
    files |= {} if file is None else {PATH: file}
    state = HostState.model_validate({"name": name, "engine": engine, "files": files})
    return LabHost("alpha", name, state, Account("alpha\\auditor", PASSWORD), engine=engine, faults=faults)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / ".exrun" / "alpha" / "evidence").glob("*"))}


def there_and_back(lab: Rehearsal, folder: Path, others: dict[str, str]) -> None:
    before = lab.states()
    status, plan = lab.plan()
    assert status == 1
    assert lab.states() == before
    assert kept(folder) == {}, "a plan keeps nothing"

    status, document = lab.json("apply", "plan.json")
    assert (status, came(document)) == (0, {"EX1": "changed", **others})
    assert lab.strange(plan) == []
    now = lab.lab.host("alpha/EX1").service.live.now
    [moved] = [path for path in now.files if path.endswith(".quarantined")]
    assert moved.startswith(f"C:\\exrun-quarantine-{plan.id}\\")
    assert PATH not in now.files
    assert now.files[moved].data == PLANTED.data

    files = kept(folder)
    assert files.pop(f"{SHA256}.evidence") == PLANTED.data
    assert (folder / ".exrun" / "alpha" / "evidence" / f"{SHA256}.evidence").stat().st_mode & 0o177 == 0
    held = {sha(data): data for data in (ZONE, b"", bytes(70_000))}
    assert {name: files.pop(name) for name in list(files) if name.endswith(".evidence")} == {
        f"{sha256}.evidence": data for sha256, data in held.items()
    }
    abouts = [json.loads(text) for text in files.values()]
    of_streams = [each for each in abouts if each["host"] == "EX1" and "stream" in each]
    assert {each["stream"]: each["sha256"] for each in of_streams} == {
        "Zone.Identifier": sha(ZONE),
        "nothing": sha(b""),
        "zeros": sha(bytes(70_000)),
    }
    [about] = [each for each in abouts if each["host"] == "EX1" and "stream" not in each]
    assert (about["sha256"], about["size"], about["before"]["place"]) == (SHA256, len(PLANTED.data), PATH)
    assert about["before"]["owner"] == "S-1-5-21-1-2-3-1001"

    seen = [each for each in lab.events() if isinstance(each, events.EvidenceKept) and each.host == "EX1"]
    assert [(each.sha256, each.bytes) for each in seen] == [(SHA256, len(PLANTED.data))]
    assert {each.name: (each.bytes, each.sha256) for each in seen[0].streams} == {
        "Zone.Identifier": (len(ZONE), sha(ZONE)),
        "nothing": (0, sha(b"")),
        "zeros": (70_000, sha(bytes(70_000))),
        "large": (2_097_152, None),
    }
    assert {each.why for each in seen[0].streams} == {"", "more than 2 MB of streams"}
    assert now.files[moved].streams == PLANTED.streams, "a move on one volume keeps them"
    assert b"planted" not in b"".join(path.read_bytes() for path in folder.rglob("journal.jsonl"))

    status, again = lab.plan("again.json")
    assert (status, list(again.changes)) == (0, [])
    status, undone = lab.json("rollback", "last")
    assert status == 0
    assert came(undone)["EX1"] == "rolled-back"
    assert lab.states() == before
    assert kept(folder).keys() == {f"{SHA256}.evidence", *(f"{each}.evidence" for each in held), *files}, (
        "evidence stays"
    )


def test_a_file_is_kept_quarantined_and_brought_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = (server("EX1"), server("EX2", file=None))
    with rehearsed(tmp_path, monkeypatch, *hosts, text=playbook(SHA256)) as lab:
        there_and_back(lab, tmp_path, {"EX2": "compliant"})


@pytest.mark.real_powershell
def test_a_file_is_kept_quarantined_and_brought_back_by_a_real_powershell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    hosts = (server("EX1", engine="pwsh"),)
    with (
        contextlib.closing(PwshEngine(powershell)) as engine,
        rehearsed(tmp_path, monkeypatch, *hosts, text=playbook(SHA256), engine=engine) as lab,
    ):
        there_and_back(lab, tmp_path, {})


def test_two_servers_with_the_same_file_are_one_piece_of_evidence_from_two_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), server("EX2"), text=playbook(SHA256)) as lab:
        there_and_back(lab, tmp_path, {"EX2": "changed"})
        names = kept(tmp_path)
    assert len([name for name in names if name.endswith(".evidence")]) == 1 + 3  # with its streams
    assert {json.loads(text)["host"] for name, text in names.items() if name.endswith(".json")} == {"EX1", "EX2"}


def test_evidence_is_read_in_the_locked_session_before_anything_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), text=playbook(SHA256)) as lab:
        _, plan = lab.plan()
        lab.json("apply", "plan.json")
        executed = lab.lab.ledger.executed("alpha/EX1")
        sent = [event for event in lab.events() if isinstance(event, events.ScriptSending)]
    [(_, change)] = plan.hosts[0].changes
    ran = [(done.shell, each.sha256) for done in executed for each in done.statements if each.sha256 in plan.texts]
    locked = {done.shell for done in executed for each in done.statements if each.text == LOCK.text}
    assert [sha for _, sha in ran] == [change.evidence, change.apply]
    assert [shell in locked for shell, _ in ran] == [True, False]
    assert [each.purpose for each in sent] == [Purpose.RECHECK, Purpose.EVIDENCE, Purpose.APPLY, Purpose.VERIFY]


def test_what_is_too_large_to_be_kept_is_not_quarantined_and_the_row_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = FileState(size=8 * 1024 * 1024 + 1)
    sha256 = hashlib.sha256(large.data).hexdigest()
    with rehearsed(tmp_path, monkeypatch, server("EX1", file=large), text=playbook(sha256)) as lab:
        before = lab.states()
        lab.plan()
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (3, {"EX1": "failed"})
        assert lab.states() == before
        [row] = document["hosts"]
        assert "it has 8388609 bytes, and 8388608 are kept at most" in row["why"]
        assert kept(tmp_path) == {}


def test_a_file_of_the_largest_size_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = FileState(size=8 * 1024 * 1024)
    sha256 = hashlib.sha256(large.data).hexdigest()
    with rehearsed(tmp_path, monkeypatch, server("EX1", file=large), text=playbook(sha256)) as lab:
        lab.plan()
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {"EX1": "changed"})
        assert len(kept(tmp_path)[f"{sha256}.evidence"]) == 8 * 1024 * 1024


def test_a_store_that_cannot_be_written_keeps_the_file_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), text=playbook(SHA256)) as lab:
        before = lab.states()
        lab.plan()
        store = tmp_path / ".exrun" / "alpha" / "evidence"
        store.write_text("no folder", encoding="utf-8")
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (3, {"EX1": "failed"})
        assert "cannot be written" in document["hosts"][0]["why"]
        assert lab.states() == before
        store.unlink()
        assert "nothing is left to be done" in lab("resume", "last", "-i", "inventory.yml")[2]
        lab.plan("again.json")
        status, document = lab.json("apply", "again.json")
        assert (status, came(document)) == (0, {"EX1": "changed"})
        assert stat.S_IMODE(store.stat().st_mode) == 0o700


@pytest.mark.parametrize("at", [Step.COMMAND, Step.RECEIVE], ids=str)
@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_connection_that_is_lost_anywhere_moves_the_file_once_or_not_at_all(
    at: Step, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), text=playbook(SHA256)) as lab:
        _, plan = lab.plan()
        lab.fail("EX1", Fault(Act.RESET_AFTER, at, first=first, times=1))
        status, document = lab.json("apply", "plan.json")
        lab.fail("EX1")
        if status:
            status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {"EX1": "changed"})
        [(_, change)] = plan.hosts[0].changes
        assert [sha for sha in sent(lab) if sha == change.apply] == [change.apply]
        assert kept(tmp_path)[f"{SHA256}.evidence"] == PLANTED.data


def sent(lab: Rehearsal) -> list[str]:
    return [each.sha256 for done in lab.lab.ledger.executed("alpha/EX1") for each in done.statements]


def test_a_plan_that_would_keep_something_else_or_nothing_is_refused_even_where_somebody_trusts_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), text=playbook(SHA256)) as lab:
        _, plan = lab.plan()
        present = lab.present(plan)
        assert same(plan, present) == ()
        [(step, change)] = plan.hosts[0].changes
        assert change.evidence is not None
        text = plan.texts[change.evidence].replace("aspnet_client", "elsewhere")
        sha = hashlib.sha256(text.encode()).hexdigest()
        for other in (sha, None):
            altered = replace(step, changes=(replace(change, evidence=other),))
            host = replace(plan.hosts[0], steps=(altered,))
            assert same(replace(plan, hosts=(host,), texts={**plan.texts, sha: text}), present)


@pytest.mark.parametrize("name", ["apply", "rollback", "evidence"])
def test_a_shipped_action_is_held_to_its_subset_when_a_plan_is_made_and_before_it_is_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever altered the files of exrun itself: no script leaves that writes what the contract does not name."""
    more = "\nRemove-Item -LiteralPath 'C:\\Windows\\notepad.exe'\n"
    with rehearsed(tmp_path, monkeypatch, server("EX1"), text=playbook(SHA256)) as lab:
        _, plan = lab.plan()
        present = lab.present(plan)
        [ready] = present.playbook.steps
        templates = replace(ready.action.templates, **{name: getattr(ready.action.templates, name) + more})
        altered = replace(ready, action=replace(ready.action, templates=templates))
        [(step, change)] = plan.hosts[0].changes
        with pytest.raises(ChangeError, match="Remove-Item"):
            ready_changes(altered.action, altered.params, [change.change], plan.id)
        # The plan has the very script that the altered action would make.
        text = plan.texts[getattr(change, name)] + more
        sha256 = sha(text.encode())
        host = replace(plan.hosts[0], steps=(replace(step, changes=(replace(change, **{name: sha256}),)),))
        forged = replace(plan, hosts=(host,), texts={**plan.texts, sha256: text})
        [refused] = same(forged, replace(present, playbook=replace(present.playbook, steps=(altered,))))
        assert "Remove-Item" in refused.what
