"""Between plan and apply a server changes, in every way: exactly that server is refused, and what differs is said."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState, HostState, RegistryKey, ServiceState
from tests.runner.accounted import PATH, PLAN, PLANTED, QUARANTINE, accounted
from tests.runner.lab.test_mending_over_the_wire import with_services
from tests.runner.rehearsal import rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

SETUP = r"HKLM:\SOFTWARE\Microsoft\ExchangeServer\v15"
WRONG = {
    "MSExchangeTransport": ServiceState(start_mode="Disabled"),
    "W3SVC": ServiceState(state="Stopped"),
}
Drifts = Callable[[HostState], HostState]


def service(name: str, **members: object) -> Drifts:
    """Another member of one service."""

    def drifted(state: HostState) -> HostState:
        return with_services(state, {name: state.services[name].model_copy(update=members)})

    return drifted


def without_service(name: str) -> Drifts:
    def drifted(state: HostState) -> HostState:
        return state.model_copy(update={"services": {key: each for key, each in state.services.items() if key != name}})

    return drifted


def without_key(part: str) -> Drifts:
    def drifted(state: HostState) -> HostState:
        kept = {key: each for key, each in state.registry.items() if part not in key}
        assert kept != state.registry
        return state.model_copy(update={"registry": kept})

    return drifted


def with_members(**members: object) -> Drifts:
    return lambda state: state.model_copy(update=members)


def with_key(path: str, **values: int) -> Drifts:
    return lambda state: state.model_copy(
        update={"registry": {**state.registry, path: RegistryKey(values=dict(values))}}
    )


def with_file(state: HostState) -> HostState:
    return state.model_copy(update={"files": {**state.files, r"C:\Windows\new.txt": FileState(size=3)}})


def mended(state: HostState) -> HostState:
    return service("W3SVC", state="Running")(service("MSExchangeTransport", start_mode="Auto")(state))


REFUSED: dict[str, tuple[Drifts, str]] = {
    "another-start-type": (
        service("MSExchangeTransport", start_mode="Manual"),
        "Set MSExchangeTransport to start automatically: before.start type was Disabled, is Manual",
    ),
    "partly-mended": (service("W3SVC", state="Running"), "no longer to be done: Start W3SVC"),
    "the-other-part-mended": (
        service("MSExchangeTransport", start_mode="Auto"),
        "no longer to be done: Set MSExchangeTransport to start automatically",
    ),
    "one-more-is-disabled": (
        service("MSExchangeRPC", start_mode="Disabled"),
        "not in the plan: Set MSExchangeRPC to start automatically",
    ),
    "one-more-is-stopped": (service("MSExchangeIS", state="Stopped"), "not in the plan: Start MSExchangeIS"),
    "paused-by-somebody": (service("W3SVC", state="Paused"), "no longer to be done: Start W3SVC"),
    "a-service-is-gone": (without_service("MSExchangeTransport"), "no longer to be done: Set MSExchangeTransport"),
    "a-role-is-gone": (
        without_key("MailboxRole"),
        "no longer to be done: Set MSExchangeTransport to start automatically",
    ),
}
NOT_SEEN: dict[str, tuple[Drifts, str]] = {
    "nobody-may-look": (with_members(services_denied=True), "the services"),
}
NO_DRIFT: dict[str, Drifts] = {
    "nothing": lambda state: state,
    "a-display-name": service("W3SVC", display_name="World Wide Web"),
    "a-service-that-nothing-needs": lambda state: with_services(state, {"Spooler": ServiceState(state="Stopped")}),
    "an-optional-service": lambda state: with_services(state, {"MSExchangeIMAP4": ServiceState(start_mode="Disabled")}),
    "a-file": with_file,
    "a-key": with_key(r"HKLM:\SOFTWARE\Contoso", Seen=1),
    "the-name-of-windows": with_members(os_caption="Microsoft Windows Server 2022 Standard"),
    "what-comes-of-stopping-it": service("W3SVC", on_stop="fails"),
}
KINDS = [*REFUSED, *NOT_SEEN, *NO_DRIFT, "mended"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, int]]:
    """By kind: the outcome, the reason, and how many changes were sent. One fleet, a server for each kind."""
    drifts = {name: drift for name, (drift, _) in {**REFUSED, **NOT_SEEN}.items()} | NO_DRIFT | {"mended": mended}
    with accounted(tmp_path_factory.mktemp("drift"), SimEngine(), [WRONG] * len(KINDS), parallel=4) as fleet:
        assert fleet.plan()[0] == 1
        for name, kind in zip(fleet.names, KINDS, strict=True):
            live = fleet.live(name)
            live.become(drifts[kind](live.now))
        status, came = fleet.json("apply", PLAN)
        assert status == 4
        sent = fleet.changes_sent()
        assert fleet.illegal() == ()
        found = {host["name"]: host for host in came["hosts"]}
        return {
            kind: (found[name]["outcome"], found[name]["steps"][0]["why"], len(sent[name]))
            for name, kind in zip(fleet.names, KINDS, strict=True)
        }


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_done_otherwise_now_is_refused_and_the_difference_is_said(
    kind: str, rows: dict[str, tuple[str, str, int]]
) -> None:
    outcome, why, sent = rows[kind]
    assert (outcome, sent) == ("refused", 0)
    assert REFUSED[kind][1] in why


@pytest.mark.parametrize("kind", NOT_SEEN)
def test_what_cannot_be_seen_any_more_is_failed_and_nothing_is_sent(
    kind: str, rows: dict[str, tuple[str, str, int]]
) -> None:
    outcome, why, sent = rows[kind]
    assert (outcome, sent) == ("failed", 0)
    assert NOT_SEEN[kind][1] in why


@pytest.mark.parametrize("kind", NO_DRIFT)
def test_what_changes_no_script_is_no_drift(kind: str, rows: dict[str, tuple[str, str, int]]) -> None:
    outcome, _, sent = rows[kind]
    assert (outcome, sent) == ("changed", 2)


def test_what_is_right_by_now_is_left_alone(rows: dict[str, tuple[str, str, int]]) -> None:
    assert rows["mended"][0] == "compliant"
    assert rows["mended"][2] == 0


# The same of a file that is to be quarantined.

FOLDER = PATH.rpartition("\\")[0]
SITES = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
DRIVE_SERVED = """<configuration><system.applicationHost><sites><site name="x"><application path="/">
<virtualDirectory path="/" physicalPath="C:\\" /></application></site></sites></system.applicationHost></configuration>
"""
SHA256 = hashlib.sha256(PLANTED.data).hexdigest()
OTHER = b"<%-- another --%>"


def with_files(**changes: object) -> Drifts:
    """Other members of the file."""
    return lambda state: state.model_copy(
        update={"files": {**state.files, PATH: state.files[PATH].model_copy(update=changes)}}
    )


def among_files(changes: Mapping[str, FileState | None]) -> Drifts:
    """Something else at these places; nothing where None."""

    def drifted(state: HostState) -> HostState:
        files: dict[str, FileState | None] = {**state.files, **changes}
        return state.model_copy(update={"files": {path: file for path, file in files.items() if file is not None}})

    return drifted


LINK = FileState(folder=True, attributes="Directory, ReparsePoint")
FILE_REFUSED: dict[str, tuple[Drifts, tuple[str, ...]]] = {
    "other-bytes-and-times": (
        with_files(content=OTHER.decode(), modified="2026-11-27T08:00:00.0000000Z"),
        (
            f"Quarantine {PATH}: ",
            f"before.sha256 was {SHA256}, is {hashlib.sha256(OTHER).hexdigest()}",
            f"before.size was {len(PLANTED.data)}, is {len(OTHER)}",
            "before.changed was 2021-03-03T23:59:59.0000000Z, is 2026-11-27T08:00:00.0000000Z",
        ),
    ),
    "other-bytes-of-the-same-size": (
        with_files(content="x" * len(PLANTED.data)),
        (f"before.sha256 was {SHA256}, is {hashlib.sha256(b'x' * len(PLANTED.data)).hexdigest()}",),
    ),
    "another-time": (
        with_files(modified="2026-11-27T08:00:00.0000000Z"),
        ("before.changed was 2021-03-03T23:59:59.0000000Z, is 2026-11-27T08:00:00.0000000Z",),
    ),
    "another-owner": (
        with_files(sddl=PLANTED.sddl.replace("-1001", "-500")),
        ("before.owner was S-1-5-21-1-2-3-1001, is S-1-5-21-1-2-3-500",),
    ),
    "other-attributes": (
        with_files(attributes="Hidden, Archive"),
        ("before.attributes was Archive, is Hidden, Archive",),
    ),
    "one-more-stream": (
        with_files(streams={"payload": 5}),
        ("before.streams was nothing, is payload (5 bytes)",),
    ),
    "a-folder-stands-there": (
        among_files({PATH: FileState(folder=True)}),
        (f"Quarantine {PATH}: before.attributes was Archive, is Directory",),
    ),
    "a-link-on-the-way": (
        among_files({PATH: None, FOLDER: LINK}),
        (f"Quarantine {PATH}: before.{FOLDER} was nothing, is Directory, ReparsePoint",),
    ),
    "iis-serves-the-drive": (
        among_files({SITES: FileState(content=DRIVE_SERVED)}),
        ("before.served by IIS was nothing, is C:\\",),
    ),
}
FILE_NO_DRIFT: dict[str, Drifts] = {
    "nothing": lambda state: state,
    "a-file-beside-it": among_files({f"{FOLDER}\\new.aspx": FileState(size=3)}),
    "a-service": lambda state: with_services(state, {"Spooler": ServiceState(state="Stopped")}),
}
FILE_KINDS = [*FILE_REFUSED, *FILE_NO_DRIFT, "gone"]


@pytest.fixture(scope="module", params=["sim", pytest.param("pwsh", marks=pytest.mark.real_powershell)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "sim":
        yield SimEngine()
        return
    with closing(PwshEngine(request.getfixturevalue("powershell"))) as one:
        yield one


@pytest.fixture(scope="module")
def files(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, int]]:
    """As `rows`."""
    drifts = {name: drift for name, (drift, _) in FILE_REFUSED.items()} | FILE_NO_DRIFT
    drifts["gone"] = among_files({PATH: None})
    folder = tmp_path_factory.mktemp("files")
    state = HostState.model_validate(
        {"name": "EX", "engine": engine.name, "files": {f"{FOLDER}\\web.config": FileState(size=3), PATH: PLANTED}}
    )
    hosts = [
        LabHost("alpha", f"EX{number}", state, Account("alpha\\auditor", PASSWORD), engine=engine.name)
        for number in range(len(FILE_KINDS))
    ]
    text = f"name: repair\ntitle: Quarantine what was found\nsteps:\n{QUARANTINE}"
    with (
        pytest.MonkeyPatch.context() as patched,
        rehearsed(folder, patched, *hosts, text=text, engine=engine) as fleet,
    ):
        _, plan = fleet.plan()
        assert len(plan.due) == len(FILE_KINDS)
        for host, kind in zip(hosts, FILE_KINDS, strict=True):
            fleet.alter(host.name, drifts[kind])
        before = fleet.states()
        status, came = fleet.json("apply", PLAN)
        assert status == 4
        after = fleet.states()
        found = {host["name"]: host for host in came["hosts"]}
        untouched = [
            host.name
            for host, kind in zip(hosts, FILE_KINDS, strict=True)
            if kind not in FILE_NO_DRIFT and before[host.name] != after[host.name]
        ]
        assert untouched == []
        kept = list((Path(folder) / ".exrun" / "alpha" / "evidence").glob("*.evidence"))
        assert [each.name for each in kept] == [f"{SHA256}.evidence"]
        return {
            kind: (
                found[host.name]["outcome"],
                found[host.name]["steps"][0]["why"],
                len(fleet.changed(host.name, plan)),
            )
            for host, kind in zip(hosts, FILE_KINDS, strict=True)
        }


@pytest.mark.parametrize("kind", FILE_REFUSED)
def test_another_file_than_was_approved_is_refused_and_what_is_there_now_is_said(
    kind: str, files: dict[str, tuple[str, str, int]]
) -> None:
    outcome, why, sent = files[kind]
    assert (outcome, sent) == ("refused", 0)
    for each in FILE_REFUSED[kind][1]:
        assert each in why


@pytest.mark.parametrize("kind", FILE_NO_DRIFT)
def test_what_is_not_of_the_file_is_no_drift(kind: str, files: dict[str, tuple[str, str, int]]) -> None:
    outcome, _, sent = files[kind]
    assert (outcome, sent) == ("changed", 1)


def test_a_file_that_is_gone_is_compliant_and_it_is_said_that_nobody_knows_why(
    files: dict[str, tuple[str, str, int]],
) -> None:
    outcome, why, sent = files["gone"]
    assert (outcome, sent) == ("compliant", 0)
    assert why == "not there, and in no quarantine: who removed it, or whether it ever was here, is not known"
