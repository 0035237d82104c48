"""Web shells that are taken away in the lab and brought back: both engines make the same of a server, byte for byte.

No page here does anything: what makes one malicious is its SHA-256 in own rows of the catalogue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

import pytest
from psrpcore.types import PSInvocationState

from playbooks.actions.file.quarantine.moving import change_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import ReadyChange
from playbooks.changing import ready_changes
from playbooks.findings import Assessment, Verdict
from playbooks.loading import load_action
from playbooks.parameters import value_of
from playbooks.rendering import render
from playbooks.shelf import shelf
from playbooks.values import Value
from runner.answers import observation_of
from runner.evidence import taken
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.state import FileState, HostState, LiveState, WebState
from runner.lab.web import status
from runner.transport.interface import Completed, Script, Streams
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.judging import as_value
from tests.runner.lab.engines.states import INSTALLED, SETUP, key

PLAN = "0123456789ab"
ROOT = "C:\\inetpub\\wwwroot"
CONFIG = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
PROXY = f"{INSTALLED}FrontEnd\\HttpProxy"
TEMPORARY = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\Temporary ASP.NET Files\\root\\0a0b0c0d\\1a1b1c1d"
SHELL = f"{ROOT}\\aspnet_client\\it's [1] \u00fc.aspx"
OTHER = f"{PROXY}\\owa\\auth\\Current\\hidden.aspx"
MARK = "<%-- planted: does nothing --%>\r\n"
BAD = FileState(
    content=MARK,
    created="2021-03-02T10:00:00.1234567Z",
    modified="2021-03-03T23:59:59.9999999Z",
    sddl="O:S-1-5-21-1-2-3-1001G:DUD:PAI(A;;FA;;;WD)",
    streams={"Zone.Identifier": "[ZoneTransfer]"},
)
HIDDEN = FileState(content=f"{MARK}{MARK}", attributes="Hidden, System, Archive")
COMPILED = f"{TEMPORARY}\\it's [1] \u00fc.aspx.0a1b2c3d.compiled"
LIBRARY = f"{TEMPORARY}\\App_Web_x1y2z3.dll"
PRESERVED = FileState(
    content='<?xml version="1.0" encoding="utf-8"?><preserve resultType="3" '
    'virtualPath="/aspnet_client/it&apos;s [1] \u00fc.aspx" hash="1" filehash="2" assembly="App_Web_x1y2z3" '
    'type="ASP.x_aspx"><filedeps><filedep name="/aspnet_client/x.aspx" /></filedeps></preserve>'
)
SITES = f"""<configuration><system.applicationHost>
<applicationPools><add name="MSExchangeOWAAppPool" /><add name="MSExchangeECPAppPool" /></applicationPools>
<sites>
<site name="Default Web Site" id="1">
<application path="/" applicationPool="MSExchangeOWAAppPool">
<virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" /></application>
<application path="/owa" applicationPool="MSExchangeOWAAppPool">
<virtualDirectory path="/" physicalPath="{PROXY}\\owa" /></application>
<application path="/ecp" applicationPool="MSExchangeECPAppPool">
<virtualDirectory path="/" physicalPath="{PROXY}\\ecp" /></application>
<bindings><binding protocol="http" bindingInformation="*:80:" />
<binding protocol="https" bindingInformation="*:443:" /></bindings>
</site>
</sites></system.applicationHost></configuration>
"""
WEB = WebState(pages={"/owa/healthcheck.htm": 200, "/ecp/healthcheck.htm": 503})


def server(**changes: object) -> HostState:
    """One with two shells, one of which has been compiled, and pages beside them."""
    state = HostState(
        name="EX1",
        registry={SETUP: key(MsiInstallPath=INSTALLED)},
        files={
            CONFIG: FileState(content=SITES),
            SHELL: BAD,
            OTHER: HIDDEN,
            f"{PROXY}\\ecp\\global.asax": FileState(content="<%@ Application %>"),
            COMPILED: PRESERVED,
            LIBRARY: FileState(size=8192),
        },
        pools={"MSExchangeOWAAppPool": "Started", "MSExchangeECPAppPool": "Started"},
        web=WEB,
    )
    return state.model_copy(update=changes)


def sha256(file: FileState) -> str:
    return hashlib.sha256(file.data).hexdigest()


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """One in which both shells are known."""
    own = tmp_path_factory.mktemp("own")
    rows = "".join(f"{sha256(each)},case 17,web shell,ours\n" for each in (BAD, HIDDEN))
    (own / "known-bad-sha256.csv").write_text(f"sha256,source,what,licence\n{rows}", encoding="utf-8")
    return Catalogue.load(own)


[FOUND] = shelf([]).action("webshell.quarantine")
ACTION = load_action(FOUND, Catalogue.load())


def params(*include: str) -> dict[str, Value]:
    given = {name: value_of(spec.default) for name, spec in ACTION.contract.params.items()}
    return given | {"include": include}


def completed(said: Said) -> Completed:
    assert (said.problem, said.errors) == (None, [])
    records = tuple({name: as_value(each) for name, each in record.items()} for record in said.output)
    return Completed(Script("x", ""), Streams(output=records), 0.0)


def judged(client: Client, catalogue: Catalogue, *include: str) -> Assessment:
    observation = observation_of(completed(client.run(render(ACTION.templates.collect, params()))), ACTION.contract)
    return ACTION.assess(observation, params(*include), catalogue, date(2026, 11, 28))


def ready(assessment: Assessment) -> tuple[ReadyChange, ...]:
    return ready_changes(ACTION, params(), assessment.changes, PLAN)


def sent(client: Client, text: str | None) -> object:
    """How a script ended: None where it came to its end."""
    assert text is not None
    said = client.run(text)
    if said.state is PSInvocationState.Completed:
        assert said.errors == []
        return None
    assert said.problem is not None
    return said.problem[0]


def there_and_back(engine: Engine, catalogue: Catalogue) -> list[object]:
    """What is planned, said and left at each step."""
    live = LiveState(server())
    before = live.now
    steps: list[object] = []
    with Client(engine, live) as client:
        found = judged(client, catalogue)
        steps.append(found)
        changes = ready(found)
        for each in changes:
            assert each.evidence is not None
            kept = taken(completed(client.run(each.evidence)), str(each.change.values["sha256"]))
            steps.append((each.change.id, sent(client, each.apply), kept, live.now.files, live.now.web))
        after = judged(client, catalogue)
        steps.append(after)
        assert (after.changes, after.facts["malicious"], after.facts["quarantined"]) == ((), 0, 4)
        steps += [(each.change.id, sent(client, each.rollback)) for each in reversed(changes)]
        again = judged(client, catalogue)
        assert again.changes == found.changes
    # All is as it was, but for the order in which files came, and that pools have begun anew.
    assert live.now.model_copy(update={"web": before.web}) == before
    return steps


def test_shells_and_what_was_compiled_of_them_go_and_come_back_as_they_were(
    sim: SimEngine, catalogue: Catalogue
) -> None:
    found, *applied = there_and_back(sim, catalogue)[:6]
    assert isinstance(found, Assessment)
    assert found.verdict is Verdict.COMPROMISED
    titles = [each.title for each in found.changes]
    of = f"Quarantine what ASP.NET has compiled of {SHELL}: "
    assert titles == [
        f"{of}{LIBRARY}",
        f"{of}{COMPILED}",
        f"Quarantine {SHELL}, and recycle MSExchangeOWAAppPool",
        f"Quarantine {OTHER}, and recycle MSExchangeOWAAppPool",
    ]
    for each in applied[:4]:
        assert isinstance(each, tuple)
        assert each[1] is None
    *_, web = applied[3]  # type: ignore[misc]
    assert web.recycled == {"MSExchangeOWAAppPool": 2}


def test_a_page_that_was_taken_answers_as_one_that_there_never_was(sim: SimEngine, catalogue: Catalogue) -> None:
    live = LiveState(server())
    with Client(sim, live) as client:
        changes = ready(judged(client, catalogue))
        pages = [str(each.change.values["page"]) for each in changes if each.change.values["page"]]
        assert pages == [
            "https://127.0.0.1/aspnet_client/it%27s%20%5B1%5D%20%C3%BC.aspx",
            "https://127.0.0.1/owa/auth/Current/hidden.aspx",
        ]
        assert [status(live.now, each) for each in pages] == [200, 200]
        assert [sent(client, each.apply) for each in changes] == [None] * 4
        assert [status(live.now, each) for each in pages] == [404, 404]


@pytest.mark.real_powershell
def test_the_scripts_themselves_make_the_same_of_a_server(
    sim: SimEngine, pwsh: PwshEngine, catalogue: Catalogue
) -> None:
    assert there_and_back(sim, catalogue) == there_and_back(pwsh, catalogue)


OWA_HEALTH = "https://127.0.0.1/owa/healthcheck.htm"
AFTER = {"pages_after_recycling": {"/owa/healthcheck.htm": 503}}
WRONG: Mapping[str, tuple[HostState, str]] = {
    "a health page fails after the pool has begun anew": (
        server(web=WEB.model_copy(update=AFTER)),
        f"The file is in quarantine, and a health page answers otherwise than before: {OWA_HEALTH} 503",
    ),
    "something else answers at the page's address": (
        server(web=WEB.model_copy(update={"pages": {"/owa/auth/current/hidden.aspx": 200}})),
        "The file is in quarantine, and its address answers otherwise than one of a page that there never was: 200",
    ),
    "a pool that the configuration names is none": (
        server(pools={"MSExchangeECPAppPool": "Started"}),
        "Cannot find path 'IIS:\\AppPools\\MSExchangeOWAAppPool' because it does not exist.",
    ),
}


def last_of(engine: Engine, state: HostState, catalogue: Catalogue) -> tuple[object, HostState]:
    """How the last change ends: that of the page in owa\\auth."""
    live = LiveState(state)
    with Client(engine, live) as client:
        text = ready(judged(client, catalogue))[-1].apply
        if isinstance(engine, PwshEngine):  # which would wait between two tries
            text = text.replace("Start-Sleep -Seconds 10", "Start-Sleep -Seconds 0")
        return sent(client, text), live.now


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_as_it_should_be_behind_a_change_is_an_error(
    sim: SimEngine, catalogue: Catalogue, name: str
) -> None:
    state, expected = WRONG[name]
    said, _ = last_of(sim, state, catalogue)
    assert said == expected


HTTP_ALONE = SITES.replace('<binding protocol="https" bindingInformation="*:443:" />', "")
PAGE = "127.0.0.1/owa/auth/Current/hidden.aspx"
# What proves nothing is said, and is no error: the file is away.
UNPROVEN: Mapping[str, tuple[HostState, str]] = {
    "over http there is a way to https, for any page": (
        server(
            files={**server().files, CONFIG: FileState(content=HTTP_ALONE)},
            web=WEB.model_copy(update={"over_http": "redirects"}),
        ),
        f"http://{PAGE} answers 302, as one does that there never was: that the page is gone is not shown by it",
    ),
    "over http everything is forbidden": (
        server(
            files={**server().files, CONFIG: FileState(content=HTTP_ALONE)},
            web=WEB.model_copy(update={"over_http": "forbids"}),
        ),
        f"http://{PAGE} answers 403, as one does that there never was: that the page is gone is not shown by it",
    ),
    "IIS does not answer": (
        server(web=WEB.model_copy(update={"answers": False})),
        f"Nobody answered at https://{PAGE}, so that the page is gone was not seen: ",
    ),
    "over https it is shown, whatever http says": (server(web=WEB.model_copy(update={"over_http": "redirects"})), ""),
}


def warned_of(engine: Engine, state: HostState, catalogue: Catalogue) -> tuple[list[str], list[object], HostState]:
    """What the last change warns of, with the status of each page that it asked for."""
    live = LiveState(state)
    with Client(engine, live) as client:
        text = ready(judged(client, catalogue))[-1].apply
        said = client.run(text)
        assert (said.problem, said.errors) == (None, [])
        return said.warnings, [each["Status"] for each in said.output], live.now


def holds(found: tuple[list[str], list[object], HostState], expected: str) -> bool:
    warnings, statuses, after = found
    assert OTHER not in after.files
    assert len(statuses) == 2
    return [each[: len(expected)] for each in warnings] == ([expected] if expected else [])


@pytest.mark.parametrize("name", UNPROVEN)
def test_an_answer_that_proves_nothing_is_told_of(sim: SimEngine, catalogue: Catalogue, name: str) -> None:
    state, expected = UNPROVEN[name]
    assert holds(warned_of(sim, state, catalogue), expected)


@pytest.mark.real_powershell
@pytest.mark.parametrize("name", UNPROVEN)
def test_the_script_itself_tells_of_it(pwsh: PwshEngine, catalogue: Catalogue, name: str) -> None:
    state, expected = UNPROVEN[name]
    assert holds(warned_of(pwsh, state, catalogue), expected)


def test_health_pages_that_failed_before_may_fail_after(sim: SimEngine, catalogue: Catalogue) -> None:
    failing = server(web=WEB.model_copy(update={"pages": {"/owa/healthcheck.htm": 503, "/ecp/healthcheck.htm": 503}}))
    live = LiveState(failing)
    with Client(sim, live) as client:
        assert sent(client, ready(judged(client, catalogue))[-1].apply) is None


def test_a_pool_that_does_not_run_is_not_begun(sim: SimEngine, catalogue: Catalogue) -> None:
    live = LiveState(server(pools={"MSExchangeOWAAppPool": "Stopped", "MSExchangeECPAppPool": "Started"}))
    with Client(sim, live) as client:
        assert sent(client, ready(judged(client, catalogue))[-1].apply) is None
    assert (live.now.web.recycled, live.now.pools["MSExchangeOWAAppPool"]) == ({}, "Stopped")


@pytest.mark.real_powershell
def test_the_script_itself_says_the_same_of_what_is_not_as_it_should_be(pwsh: PwshEngine, catalogue: Catalogue) -> None:
    for name, (state, expected) in WRONG.items():
        said, after = last_of(pwsh, state, catalogue)
        assert (name, said) == (name, expected)
        assert OTHER not in after.files
    stopped = server(pools={"MSExchangeOWAAppPool": "Stopped", "MSExchangeECPAppPool": "Started"})
    assert last_of(pwsh, stopped, catalogue)[0] is None


def test_what_nobody_knows_goes_where_it_is_named_and_nowhere_else(sim: SimEngine) -> None:
    with Client(sim, LiveState(server())) as client:
        assert judged(client, Catalogue.load()).changes == ()
        by_hash = judged(client, Catalogue.load(), sha256(BAD).upper())
        by_path = judged(client, Catalogue.load(), SHELL.upper())
        assert by_hash.changes == by_path.changes
        assert [each.id for each in by_hash.changes] == [change_of(each) for each in (LIBRARY, COMPILED, SHELL)]
        assert by_hash.verdict is Verdict.ATTENTION


APART = {
    "in a folder that is a device": f"{ROOT}\\aspnet_client\\COM1\\it's [1].aspx",
    "below one, with a dot at the end of the folder": f"{ROOT}\\aux.d\\x.\\y.aspx",
    "with a dot at its end": f"{ROOT}\\aspnet_client\\x.aspx.",
    "with a blank at its end": f"{ROOT}\\aspnet_client\\x.aspx ",
    "behind a long path": f"{ROOT}\\{'long' * 30}\\{'path' * 30}\\{'n' * 60}.aspx",
}
DEVICE = f"{ROOT}\\aspnet_client\\COM1.aspx"
SHORT = f"{ROOT}\\nul\\WEBSHE~1.ASP"
NOT_TAKEN = {
    DEVICE: "its path ends in the name of a device, to which Windows PowerShell moves nothing back",
    SHORT: "its path has a part that looks like an 8.3 name, which stands for another one",
}


def apart() -> HostState:
    """One with the shell at every place that opens through \\\\?\\ alone, beside a harmless page of the plain name."""
    files = {
        **dict.fromkeys((*APART.values(), *NOT_TAKEN), BAD),
        f"{ROOT}\\aspnet_client\\x.aspx": FileState(content="own"),
    }
    return server(files={**server().files, **files})


def test_what_opens_past_the_rules_for_names_alone_is_taken_by_its_very_name(
    sim: SimEngine, catalogue: Catalogue
) -> None:
    live = LiveState(apart())
    with Client(sim, live) as client:
        found = judged(client, catalogue)
        changes = ready(found)
        taken_away = [str(each.change.values["path"]) for each in changes]
        assert set(APART.values()) < set(taken_away)
        [left] = [each for each in found.findings if each.id == "webshell.quarantine.left"]
        assert set(left.evidence) == {f"{path}: {why}" for path, why in NOT_TAKEN.items()}
        assert [sent(client, each.apply) for each in changes] == [None] * len(changes)
        assert not set(APART.values()) & set(live.now.files)
        assert live.now.files[f"{ROOT}\\aspnet_client\\x.aspx"] == FileState(content="own")


def apart_there_and_back(engine: Engine, catalogue: Catalogue) -> list[object]:
    """What is found, kept and left of each of them, and that it comes back as it was."""
    live = LiveState(apart())
    before = live.now
    steps: list[object] = []
    with Client(engine, live) as client:
        found = judged(client, catalogue)
        steps.append(found)
        changes = [each for each in ready(found) if each.change.values["path"] in APART.values()]
        for each in changes:
            assert each.evidence is not None
            kept = taken(completed(client.run(each.evidence)), str(each.change.values["sha256"]))
            steps.append((each.change.id, sent(client, each.apply), kept, live.now.files))
        steps += [(each.change.id, sent(client, each.rollback)) for each in reversed(changes)]
    assert live.now.model_copy(update={"web": before.web}) == before
    return steps


@pytest.mark.real_powershell
def test_the_scripts_themselves_take_it_and_bring_it_back(
    sim: SimEngine, pwsh: PwshEngine, catalogue: Catalogue
) -> None:
    assert apart_there_and_back(sim, catalogue) == apart_there_and_back(pwsh, catalogue)


def test_a_file_that_was_exchanged_since_stands_beside_what_is_to_be_changed(
    sim: SimEngine, catalogue: Catalogue
) -> None:
    exchanged = FileState(content="another")
    with Client(sim, LiveState(server(files={**server().files, SHELL: exchanged}))) as client:
        found = judged(client, catalogue)
    assert change_of(SHELL) not in [each.id for each in found.changes]
    [there] = [each for each in found.besides if each.change == change_of(SHELL)]
    assert (there.present["place"], there.present["sha256"]) == (SHELL, sha256(exchanged))
