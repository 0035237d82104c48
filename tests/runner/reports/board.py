"""A plan as a change board gets one: DAGs, what cannot be undone, what is not known; and one of hostile words alone."""

from __future__ import annotations

from dataclasses import replace

from playbooks.changes import Change
from playbooks.findings import Coverage, Verdict
from runner.plan.records import (
    Disturbance,
    From,
    Going,
    Plan,
    PlannedChange,
    PlannedHost,
    PlannedStep,
    Standing,
    StepPlan,
)
from tests.runner.plan.plans import one_change, sha

APPLY = """\
# Gives a service its start type back. Changes that alone.
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$name = '%s'
Set-Service -Name $name -StartupType Automatic -ErrorAction Stop
"""
UNDO = APPLY.replace("Gives", "Takes").replace("Automatic", "Disabled")
MOVE = """\
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
Move-Item -LiteralPath 'C:\\inetpub\\wwwroot\\aspnet_client\\%s' -Destination 'C:\\exrun-quarantine\\4f2a\\1.bin'
"""
SERVICES = ("MSExchangeIS", "MSExchangeTransport", "MSExchangeADTopology")
TEXTS = {
    sha(text): text
    for text in (*(APPLY % name for name in SERVICES), *(UNDO % name for name in SERVICES), MOVE % "shell.aspx")
}
STEPS = (
    StepPlan("version", "exchange.version", sha("c1"), "stop", None, sha("k")),
    StepPlan(
        "services",
        "exchange.services",
        sha("c2"),
        "stop",
        Disturbance(
            disruptive=True,
            reboots=False,
            interruption="none while services start; undoing it stops again those that were started",
            reversible=True,
        ),
        sha("k"),
    ),
    StepPlan(
        "clean",
        "file.quarantine",
        sha("c3"),
        "rollback",
        Disturbance(disruptive=True, reboots=True, interruption="OWA and ECP for up to 20 seconds", reversible=False),
        sha("k"),
    ),
    StepPlan("again", "exchange.services", sha("c4"), "continue", None, sha("k")),
)


def start_type(name: str) -> PlannedChange:
    return PlannedChange(
        Change(
            f"start-type.{name.lower()}",
            f"Set {name} to start automatically",
            {"name": name},
            {"StartMode": "Disabled", "State": "Stopped"},
            {"StartMode": "Automatic", "State": "Stopped", "DelayedStart": False},
            f"{name} starts with Windows",
        ),
        sha(APPLY % name),
        sha(UNDO % name),
    )


def shell() -> PlannedChange:
    return PlannedChange(
        Change(
            "file.shell",
            "Move C:\\inetpub\\wwwroot\\aspnet_client\\shell.aspx into quarantine",
            {"sha256": sha("shell")},
            {"Path": "C:\\inetpub\\wwwroot\\aspnet_client\\shell.aspx", "Size": 4711},
            {"Quarantine": ("C:\\exrun-quarantine\\4f2a\\1.bin",)},
        ),
        sha(MOVE % "shell.aspx"),
        None,
    )


def well(step: str, verdict: Verdict = Verdict.OK, summary: str = "every service that it needs runs") -> PlannedStep:
    return PlannedStep(step, Standing.COMPLIANT, verdict, summary, Coverage.PROBED, sha(step))


def changing(step: str, summary: str, *changes: PlannedChange, standing: Standing = Standing.PLANNED) -> PlannedStep:
    coverage = Coverage.PROBED if standing is Standing.PLANNED else Coverage.PREDICTED
    return PlannedStep(step, standing, Verdict.ATTENTION, summary, coverage, sha(summary), changes)


def open_step(step: str, standing: Standing, summary: str) -> PlannedStep:
    return PlannedStep(step, standing, Verdict.UNKNOWN, summary, Coverage.NOT_KNOWABLE, None)


def board_plan() -> Plan:
    version = well("version", Verdict.BEHIND, "Exchange Server 2019 CU14 (15.2.1544.4): 3 updates behind")

    def host(number: int, labels: dict[str, tuple[str, ...]], roles: tuple[str, ...] | None, *steps: PlannedStep):  # type: ignore[no-untyped-def]
        return PlannedHost(
            f"EX{number:02}", f"ex{number:02}.contoso.example", 5986, (version, *steps), "", labels, roles
        )

    disabled = "services needed: 2 disabled (MSExchangeIS, MSExchangeTransport)"
    dag1, both = {"dag": ("DAG1",), "site": ("HQ",)}, ("Mailbox", "ClientAccess")
    two = (start_type("MSExchangeIS"), start_type("MSExchangeTransport"))
    hosts = (
        host(1, dag1, both, changing("services", disabled, *two), well("clean", summary="no known web shell")),
        host(2, dag1, both, changing("services", disabled, *two), changing("clean", "1 known web shell", shell())),
        host(3, dag1, both, well("services"), well("clean", summary="no known web shell")),
        host(
            4,
            {"site": ("Branch",)},
            ("Edge",),
            changing("services", disabled, start_type("MSExchangeADTopology"), standing=Standing.PREDICTED),
            open_step("again", Standing.DEFERRED, "hangs on what step services leaves"),
        ),
        host(5, {"dag": ("DAG2",)}, None, open_step("services", Standing.UNKNOWN, "the services: Access is denied")),
        PlannedHost("EX06", "ex06.contoso.example", 5986, (), "no answer in 30 s. Check that WinRM listens", dag1),
        host(7, {}, None, changing("clean", "1 known web shell", shell())),
    )
    return replace(
        one_change(),
        playbook=From("repair.yml", sha("p")),
        inventory=(From("inventory.yml", sha("i")),),
        params={"snapshot": ("MSExchangeIS=Automatic",)},
        policy=sha("policy"),
        selection="client:contoso",
        going=Going(4, ("1", "50%", "rest"), 600, {"dag": 1}, "10%"),
        steps=STEPS,
        hosts=hosts,
        texts=TEXTS,
    )


def hostile_plan(text: str) -> Plan:
    """Everything in it that a server, an inventory or a playbook can say is this text."""
    change = Change("a", text, {text: text}, {text: text, "both": text}, {"both": text + "!", "new": (text,)}, text)
    planned = PlannedChange(change, sha(text), sha(text + "undo"))
    step = PlannedStep("s", Standing.PLANNED, Verdict.ATTENTION, text, Coverage.PROBED, None, (planned,))
    unknown = PlannedStep("t", Standing.UNKNOWN, Verdict.UNKNOWN, text, Coverage.NOT_KNOWABLE, None)
    labels = {"dag": (text,), "site": (text,), "ring": (text,)}
    disturbs = Disturbance(disruptive=True, reboots=True, interruption=text, reversible=True)
    return replace(
        one_change(),
        client=text,
        planner=text,
        playbook=From(text, sha("p")),
        inventory=(From(text, sha("i")),),
        params={"p": text},
        selection=text,
        steps=(
            StepPlan("s", "user.action", sha("c"), "stop", disturbs, sha("k")),
            StepPlan("t", "t.t", sha("d"), "stop", None, sha("k")),
        ),
        going=Going(2, (), 0, {"ring": 1}, None),
        hosts=(
            PlannedHost(text or "EX1", text, 5985, (step, unknown), "", labels, (text,)),
            PlannedHost("EX2", text, 5985, (), text or "refused", {}, None),
        ),
        texts={sha(text): text, sha(text + "undo"): text + "undo"},
    )
