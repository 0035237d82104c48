"""Every mitigation over real WinRM by a plan that was approved: made, nothing left to do, undone to the very bytes."""

from __future__ import annotations

import contextlib
import html
import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim.machine import APPLICATION_HOST
from runner.lab.fleet import Account, LabHost
from runner.lab.state import DirectoryState, EmergencyState, FileState, HostState, RegistryKey, ServiceState
from tests.runner.lab.engines.states import binaries, exchange
from tests.runner.lab.engines.test_mitigations import ACTIONS, EMERGENCY, HEAD, SETUP, SITES
from tests.runner.rehearsal import Rehearsal, came, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

PLAYBOOK = "name: repair\ntitle: Every mitigation\nsteps:\n" + "".join(
    f"  - id: step{number}\n    action: {action}\n    on_failure: rollback\n"
    + ("    with: {block: [M2]}\n" if action == EMERGENCY else "")
    for number, action in enumerate(ACTIONS)
)
POOLS = """    <applicationPools>
      <add name="MSExchangeECPAppPool" autoStart="true" />
      <add name="MSExchangeOABAppPool" startMode="AlwaysRunning" />
    </applicationPools>
    <sites>
"""
EXCHANGE = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\"


def server(name: str, engine: str = "sim") -> LabHost:
    text = HEAD + SITES.format("").replace("    <sites>\n", POOLS)
    state = HostState(
        name=name,
        engine=engine,  # type: ignore[arg-type]
        files={APPLICATION_HOST: FileState(content=text)},
        registry={SETUP: RegistryKey(values={"MsiInstallPath": EXCHANGE, "MsiProductMinor": 1})},
        services={
            "MSExchangeUM": ServiceState(delayed_autostart=1),
            "MSExchangeUMCR": ServiceState(),
            "MSExchangeMitigation": ServiceState(),
        },
        directory=DirectoryState(answers="answers", emergency=EmergencyState(blocked=["M1"])),
        pools={"MSExchangeECPAppPool": "Started", "MSExchangeOABAppPool": "Started"},
    )
    return LabHost("alpha", name, state, Account("alpha\\auditor", PASSWORD), engine=engine)


def there_and_back(lab: Rehearsal) -> None:
    before = lab.states()
    status, plan = lab.plan()
    assert status == 1
    assert lab.states() == before
    shown = json.dumps(json.loads((lab.folder / "plan.json").read_text(encoding="utf-8")))
    assert "Exchange Emergency Mitigation adds M2 within the hour" in shown
    for breaks in ("Exchange admin center", "offline address book", "voice mail", "OWA Light", "OWASSRF"):
        assert breaks in shown, "what breaks is in the plan"

    status, document = lab.json("apply", "plan.json")
    assert (status, came(document)) == (0, {"EX1": "changed"})
    assert lab.strange(plan) == []
    now = lab.lab.host("alpha/EX1").service.live.now
    assert set(now.pools.values()) == {"Stopped"}
    assert {name for name, each in now.services.items() if each.start_mode == "Disabled"} == {
        "MSExchangeUM",
        "MSExchangeUMCR",
    }
    assert now.directory.emergency.blocked == ["M1", "M2"]
    text = now.files[APPLICATION_HOST].data.decode()
    rules = ("exrun X-", '<rule name="exrun PowerShell', '<rule name="exrun OWA')
    assert [text.count(rule) for rule in rules] == [2, 1, 1]

    status, again = lab.plan("again.json")
    assert (status, list(again.changes)) == (0, []), "nothing is left to do"
    status, undone = lab.json("rollback", "last")
    assert (status, came(undone)) == (0, {"EX1": "rolled-back"})
    assert lab.states() == before


def shipped(*, breaking: bool) -> str:
    """The playbook of this version under the name that the rehearsal's file has."""
    text = resources.files("playbooks.library").joinpath("exchange-mitigate.yml").read_text(encoding="utf-8")
    asked = text.replace("default: false", f"default: {str(breaking).lower()}")
    return asked.replace("name: exchange-mitigate", "name: repair")


@pytest.mark.parametrize("breaking", [False, True])
def test_the_shipped_playbook_mitigates_what_is_open_and_breaks_nothing_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaking: bool
) -> None:
    hosts: list[LabHost] = []
    for name, version in (("EX1", "15.01.2176.002"), ("EX2", "15.01.2507.066")):
        host = server(name)
        setup = exchange(version, minor=1, build=int(version.split(".")[2]), path=EXCHANGE)
        files = {**host.state.files, **binaries(version, path=EXCHANGE)}
        hosts.append(replace(host, state=host.state.model_copy(update={"registry": setup, "files": files})))
    with rehearsed(tmp_path, monkeypatch, *hosts, text=shipped(breaking=breaking)) as lab:
        before = lab.states()
        _, plan = lab.plan()
        assert lab.states() == before
    steps = {(host.host, step.step) for host, step, _ in plan.changes}
    # The second has the update of December 2025: of what can be mitigated, June 2026 alone is open on it.
    assert {step for host, step in steps if host == "EX2"} == ({"csp"} if breaking else set())
    harmless, others = {"cookies", "powershell"}, {"csp", "um", "ecp", "oab"}
    assert {step for host, step in steps if host == "EX1"} == harmless | (others if breaking else set())


def test_every_mitigation_is_made_and_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, server("EX1"), text=PLAYBOOK) as lab:
        there_and_back(lab)


@pytest.mark.real_powershell
def test_every_mitigation_is_made_and_undone_by_a_real_powershell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    with (
        contextlib.closing(PwshEngine(powershell)) as engine,
        rehearsed(tmp_path, monkeypatch, server("EX1", "pwsh"), text=PLAYBOOK, engine=engine) as lab,
    ):
        there_and_back(lab)


def test_the_shipped_playbook_has_something_left_out_only_where_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = server("EX1")
    setup = exchange("15.01.2507.066", minor=1, build=2507, path=EXCHANGE)
    files = {**host.state.files, **binaries("15.01.2507.066", path=EXCHANGE)}
    known = replace(host, state=host.state.model_copy(update={"registry": setup, "files": files}))
    with rehearsed(tmp_path, monkeypatch, known, text=shipped(breaking=False)) as lab:
        _, plan = lab.plan()
        assert list(plan.changes) == []
    asked = shipped(breaking=False).replace("default: []", "default: [M2]")
    (tmp_path / "asked").mkdir()
    with rehearsed(tmp_path / "asked", monkeypatch, known, text=asked) as lab:
        _, plan = lab.plan()
        assert [step.step for _, step, _ in plan.changes] == ["emergency"]


SIX = [action for action in ACTIONS if action != EMERGENCY]
ONLY_MITIGATIONS = "name: only\ntitle: Mitigations alone\nsteps:\n" + "".join(
    f"  - id: step{number}\n    action: {action}\n" for number, action in enumerate(SIX)
)
WITH_PATCH = ONLY_MITIGATIONS.replace("name: only", "name: both").replace(
    "steps:\n", "steps:\n  - id: patch\n    action: exchange.patch\n    with: {campaign: all}\n"
)
# What a report calls a server whose update is in, or safe; `no patch` is taken out before it is looked for.
AS_IF_PATCHED = re.compile(
    r"\b(patched|up to date|secure|(?<!not )protected|not vulnerable|fixed\b(?! in))", re.IGNORECASE
)


def outputs(lab: Rehearsal, playbook: str) -> dict[str, str]:
    """All that can be had of an audit, by how it is had."""
    _, said, _ = lab("audit", "-i", "inventory.yml", "--playbook", playbook)
    found = {"audit": said, "show": lab("show", "last")[1]}
    for form in ("text", "html", "json", "csv"):
        assert lab("report", "last", "-f", form, "-o", f"out.{form}")[0] == 0
        found[form] = (lab.folder / f"out.{form}").read_text(encoding="utf-8")
    return found


def test_no_output_shows_a_mitigation_as_a_patch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = server("EX1")
    registry = exchange("15.01.2176.002", minor=1, build=2176, path=EXCHANGE)
    files = {**host.state.files, **binaries("15.01.2176.002", path=EXCHANGE)}
    known = replace(host, state=host.state.model_copy(update={"registry": registry, "files": files}))
    with rehearsed(tmp_path, monkeypatch, known, text=PLAYBOOK) as lab:
        (lab.folder / "only.yml").write_text(ONLY_MITIGATIONS, encoding="utf-8")
        (lab.folder / "both.yml").write_text(WITH_PATCH, encoding="utf-8")
        before = outputs(lab, "./both.yml")
        lab.plan()
        assert lab.json("apply", "plan.json")[0] == 0
        after, only = outputs(lab, "./both.yml"), outputs(lab, "./only.yml")
    verdicts = [json.loads(each["json"])["hosts"][0]["verdict"] for each in (before, after)]
    assert verdicts == ["needs-cu", "needs-cu"], "mitigated, and as vulnerable as before"
    for form, text in after.items():
        assert "needs-cu" in text.lower().replace(" ", "-"), form
    for form, text in only.items():
        shown = re.sub(r"(?s)<(style|script)\b.*?</\1>", " ", text)
        plain = re.sub(r"[\s|\u2502]+", " ", html.unescape(re.sub(r"<[^>]*>", " ", shown)))
        assert "patch" in plain, form
        assert not re.search(r"(?<!no )(?<!exchange\.)\bpatch", plain), form
        assert AS_IF_PATCHED.findall(plain) == [], form
    steps = json.loads(only["json"])["hosts"][0]["steps"]
    assert [step["verdict"] for step in steps] == ["ok"] * len(SIX)
    for step in steps:
        said = json.dumps(step)
        assert "it is no patch: the server is as vulnerable as before" in said
    found = json.loads(only["json"])["hosts"][0]["findings"]
    assert ["in force, no patch" in json.dumps(each) for each in found] == [True] * len(SIX)
