"""URLs that carry script are set over real WinRM by a plan that was approved, kept as evidence before, and put back on
purpose alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from runner.lab.engines.pwsh import PwshEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, LabHost
from runner.lab.state import DirectoryState, HostState, VirtualDirectory
from tests.runner.lab.engines.states import WHOLE
from tests.runner.lab.engines.states import server as state_of
from tests.runner.rehearsal import Rehearsal, came, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

SCRIPT = "http://f/<script language='x'>/* sample */</script>"
CLEAN = "https://mail.contoso.com/OAB"
DIRECTORY = DirectoryState(
    answers="answers",
    virtual_directories=[
        VirtualDirectory(kind="Oab", name="OAB (Default Web Site)", internal=CLEAN, external=SCRIPT),
        VirtualDirectory(kind="Ecp", name="ecp (Default Web Site)", external=SCRIPT),
    ],
)
GOES = "the plan does not put it back"


def playbook(*, put_back: bool) -> str:
    urls = f"[Oab.ExternalUrl={CLEAN}, Ecp.ExternalUrl=none]"
    given = f"{{urls: {urls}, put_back: {str(put_back).lower()}}}"
    return (
        "name: repair\ntitle: URLs that carry script\nsteps:\n  - id: urls\n    action: exchange.oab_url\n"
        f"    with: {given}\n    on_failure: rollback\n"
    )


def server(engine: str = "sim") -> LabHost:
    state = state_of(WHOLE).model_copy(update={"name": "EX1", "engine": engine, "directory": DIRECTORY})
    return LabHost("alpha", "EX1", state, Account("alpha\\auditor", PASSWORD), engine=engine)


def urls(state: HostState) -> list[tuple[str | None, str | None]]:
    return [(each.internal, each.external) for each in state.directory.virtual_directories]


def now(lab: Rehearsal) -> list[tuple[str | None, str | None]]:
    return urls(lab.lab.host("alpha/EX1").service.live.now)


def kept(folder: Path) -> list[str]:
    return [each.read_bytes().decode("utf-16") for each in (folder / ".exrun/alpha/evidence").glob("*.evidence")]


def there_and_back(lab: Rehearsal, folder: Path, *, put_back: bool) -> None:
    before = lab.states()
    status, plan = lab.plan()
    assert (status, len(list(plan.changes))) == (1, 2)
    assert lab.states() == before
    _, shown, _ = lab("show", "plan.json")
    says = "undoing it writes the script" if put_back else "undoing it leaves it as it is set"
    assert says in " ".join(shown.split()), "whoever approves it sees what undoing does"

    status, document = lab.json("apply", "plan.json")
    assert (status, came(document)) == (0, {"EX1": "changed"})
    assert lab.strange(plan) == []
    assert now(lab) == [(CLEAN, CLEAN), (None, None)]
    assert kept(folder) == [SCRIPT], "both are the same bytes"
    status, again = lab.plan("again.json")
    assert (status, list(again.changes)) == (0, []), "nothing is left to do"

    status, undone = lab.json("rollback", "last")
    if put_back:
        assert (status, came(undone)) == (0, {"EX1": "rolled-back"})
        assert lab.states() == before
    else:
        assert (status, came(undone)) == (3, {"EX1": "failed"})
        assert now(lab) == [(CLEAN, CLEAN), (None, None)]
        assert GOES in str(undone), "and it is said why"


@pytest.mark.parametrize("put_back", [False, True])
def test_urls_with_script_are_set_and_put_back_on_purpose_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put_back: bool
) -> None:
    with rehearsed(tmp_path, monkeypatch, server(), text=playbook(put_back=put_back)) as lab:
        there_and_back(lab, tmp_path, put_back=put_back)


@pytest.mark.real_powershell
def test_urls_with_script_are_set_and_put_back_by_a_real_powershell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    with (
        contextlib.closing(PwshEngine(powershell)) as engine,
        rehearsed(tmp_path, monkeypatch, server("pwsh"), text=playbook(put_back=True), engine=engine) as lab,
    ):
        there_and_back(lab, tmp_path, put_back=True)


def test_a_url_that_is_another_one_by_now_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, server(), text=playbook(put_back=False)) as lab:
        lab.plan()
        other = DIRECTORY.virtual_directories[0].model_copy(update={"external": f"{SCRIPT}x"})
        held = DIRECTORY.model_copy(update={"virtual_directories": [other, DIRECTORY.virtual_directories[1]]})
        lab.alter("EX1", lambda state: state.model_copy(update={"directory": held}))
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (4, {"EX1": "refused"})
        assert now(lab) == [(CLEAN, f"{SCRIPT}x"), (None, SCRIPT)]
        assert kept(tmp_path) == []


@pytest.mark.parametrize("at", [Step.COMMAND, Step.RECEIVE])
@pytest.mark.parametrize("first", [1, 3, 5])
def test_a_connection_that_is_lost_anywhere_sets_each_url_once(
    at: Step, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, server(), text=playbook(put_back=False)) as lab:
        _, plan = lab.plan()
        lab.fail("EX1", Fault(Act.RESET_AFTER, at, first=first, times=1))
        status, document = lab.json("apply", "plan.json")
        lab.fail("EX1")
        if status:
            status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {"EX1": "changed"})
        assert now(lab) == [(CLEAN, CLEAN), (None, None)]
        assert kept(tmp_path) == [SCRIPT]
        applied = [change.apply for _, change in plan.hosts[0].changes]
        ran = [sha for sha in lab.changed("EX1", plan) if sha in applied]
        assert sorted(ran) == sorted(applied)
