"""A file that is quarantined in the lab and brought back: both engines make the same of a server, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pytest
from psrpcore.types import PSInvocationState

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import ReadyChange
from playbooks.changing import ready_changes
from playbooks.findings import Assessment, Verdict
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.parameters import value_of
from playbooks.rendering import render
from playbooks.shelf import shelf
from playbooks.values import Value
from runner.answers import observation_of
from runner.evidence import Taken, taken
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.saving import state_text
from runner.lab.state import FileState, HostState, LiveState
from runner.transport.interface import Completed, Script, Streams
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.judging import as_value
from tests.runner.lab.engines.timers import Timers

CATALOGUE = Catalogue.load()
ROOT = "C:\\inetpub\\wwwroot"
PLAN = "0123456789ab"
TEXT = "<%-- planted: does nothing --%>\r\n\u00e9\n"
NAMES = {
    "plain": "probe.aspx",
    "with brackets": "a[1].aspx",
    "with a quote": "it's.aspx",
    "with a quote of typography": "it\u2019s.aspx",
    "of letters that look like others": "\u0430\u0455\u0440.aspx",
    "with an umlaut": "\u00fcber \u00df.aspx",
    "with a dollar and a hash": "$x#y;z&.aspx",
    "that reads from the right": "a\u202excod.aspx",
}
FILES: Mapping[str, FileState] = {
    "plain": FileState(content=TEXT),
    "hidden": FileState(content=TEXT, attributes="Hidden, System, Archive"),
    "read-only": FileState(content=TEXT, attributes="ReadOnly, Archive"),
    "compressed": FileState(content=TEXT, attributes="Archive, Compressed"),
    "of another owner": FileState(content=TEXT, sddl="O:S-1-5-21-1-2-3-1001G:DUD:PAI(A;;FA;;;WD)(D;;FA;;;BG)"),
    "with its own times": FileState(
        content=TEXT, created="2021-03-02T10:00:00.1234567Z", modified="2021-03-03T23:59:59.9999999Z"
    ),
    "with streams": FileState(content=TEXT, streams={"Zone.Identifier": "[ZoneTransfer]", "z": 9}),
    "empty": FileState(),
    "of zeros": FileState(size=70_000),
}


def action() -> Action:
    [found] = shelf([]).action("file.quarantine")
    return load_action(found, CATALOGUE)


ACTION = action()


@dataclass(frozen=True, slots=True)
class Named:
    """A file that is to be quarantined."""

    path: str
    file: FileState

    @property
    def params(self) -> dict[str, Value]:
        given = {name: value_of(spec.default) for name, spec in ACTION.contract.params.items()}
        return given | {"path": self.path, "sha256": hashlib.sha256(self.file.data).hexdigest(), "roots": (ROOT,)}

    def server(self, **others: FileState) -> LiveState:
        files = {"C:\\Windows\\notepad.exe": FileState(size=10), self.path: self.file, **others}
        return LiveState(HostState(name="EX1", files=files))

    def judged(self, client: Client) -> Assessment:
        """What its collect and judgement say now."""
        return concluded(self.params, client.run(render(ACTION.templates.collect, self.params)))

    def change(self, client: Client) -> ReadyChange:
        [ready] = ready_changes(ACTION, self.params, self.judged(client).changes, PLAN)
        return ready

    def kept(self, client: Client) -> Taken:
        """What would be kept of it before its change."""
        evidence = self.change(client).evidence
        assert evidence is not None
        return taken(completed(client.run(evidence)), str(self.params["sha256"]))


def completed(said: Said) -> Completed:
    """What the transport makes of it."""
    assert (said.problem, said.errors) == (None, [])
    records = tuple({name: as_value(each) for name, each in record.items()} for record in said.output)
    return Completed(Script("x", ""), Streams(output=records), 0.0)


def concluded(params: Mapping[str, Value], said: Said) -> Assessment:
    observation = observation_of(completed(said), ACTION.contract)
    return ACTION.assess(observation, params, CATALOGUE, date(2026, 11, 28))


def outcome(client: Client, live: LiveState, text: str | None) -> tuple[object, ...]:
    """How a script ended, what it said, and the files that it left."""
    assert text is not None
    said = client.run(text)
    problem = said.problem and (said.problem[0], said.problem[1].partition(",")[0], said.problem[2])
    return said.state, problem, said.output, said.warnings, [str(each) for each in said.errors], live.now.files


def there_and_back(engine: Engine, named: Named) -> list[object]:
    """What is said and left at each step."""
    live = named.server()
    before = state_text(live.now)
    with Client(engine, live) as client:
        ready = named.change(client)
        steps: list[object] = [outcome(client, live, ready.evidence)]
        assert steps[0][:2] == (PSInvocationState.Completed, None)  # type: ignore[index]
        streams = {each.name: each.data for each in named.kept(client).streams}
        assert named.kept(client).data == named.file.data
        assert streams == {name: named.file.stream(name) for name in named.file.streams}
        steps.append(outcome(client, live, ready.apply))
        assert steps[1][:2] == (PSInvocationState.Completed, None)  # type: ignore[index]
        gone = named.judged(client)
        assert (gone.verdict, gone.changes) == (Verdict.OK, ())
        assert gone.summary == f"not there: it is in quarantine, by plan {PLAN}"
        kept = live.now.files[f"C:\\exrun-quarantine-{PLAN}\\{ready.change.values['item']}.quarantined"]
        assert (kept.data, kept.streams) == (named.file.data, named.file.streams)
        assert kept.sddl == "O:BAG:SYD:P(A;;FA;;;SY)(A;;FA;;;BA)"
        steps.append(outcome(client, live, ready.rollback))
        assert steps[2][:2] == (PSInvocationState.Completed, None)  # type: ignore[index]
        assert named.judged(client).changes == (ready.change,)
    assert state_text(live.now) == before
    return steps


@pytest.mark.parametrize("file", FILES.values(), ids=list(FILES))
def test_a_file_is_quarantined_and_brought_back_as_it_was(sim: SimEngine, file: FileState) -> None:
    there_and_back(sim, Named(f"{ROOT}\\aspnet_client\\probe.aspx", file))


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_a_file_of_any_name_is_quarantined_and_brought_back(sim: SimEngine, name: str) -> None:
    there_and_back(sim, Named(f"{ROOT}\\{name}", FILES["plain"]))


@pytest.mark.real_powershell
@pytest.mark.parametrize(
    "named",
    [
        *(Named(f"{ROOT}\\aspnet_client\\probe.aspx", file) for file in FILES.values()),
        *(Named(f"{ROOT}\\{name}", FILES["plain"]) for name in NAMES.values()),
    ],
    ids=[*FILES, *NAMES],
)
def test_the_scripts_themselves_make_the_same_of_a_server(sim: SimEngine, pwsh: PwshEngine, named: Named) -> None:
    assert there_and_back(sim, named) == there_and_back(pwsh, named)


SITES = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
REDIRECTION = SITES.replace("applicationHost", "redirection")
AROUND = "<configuration><system.applicationHost>{}</system.applicationHost></configuration>"
HELD = AROUND.format("<sites><site name='x'>{}</site></sites>")
USUAL = "<virtualDirectory path='/' physicalPath='C:\\inetpub\\wwwroot' />"
# By how it is written: the files of IIS by which it serves the root of the drive, or may.
SERVED: Mapping[str, Mapping[str, FileState]] = {
    "in single quotes": {SITES: FileState(content=HELD.format("<virtualDirectory physicalPath='C:\\' />"))},
    "over three lines": {SITES: FileState(content=HELD.format('<virtualDirectory physicalPath\n=\n"C:\\" />'))},
    "by numbers of characters": {
        SITES: FileState(content=HELD.format('<virtualDirectory physicalPath="&#x43;:&#92;" />'))
    },
    "first of two on a line": {
        SITES: FileState(content=HELD.format(f'<virtualDirectory path="/x" physicalPath="C:\\" />{USUAL}'))
    },
    "with slashes and dots": {SITES: FileState(content=HELD.format('<virtualDirectory physicalPath="c:/x/.." />'))},
    "past the rules for names": {
        SITES: FileState(content=HELD.format('<virtualDirectory physicalPath="\\\\?\\C:\\" />'))
    },
    "behind a variable": {SITES: FileState(content=HELD.format('<virtualDirectory physicalPath="%FAR%" />'))},
    "in another file": {SITES: FileState(content=AROUND.format("<sites configSource='x' />"))},
    "redirected": {
        SITES: FileState(content=HELD.format(USUAL)),
        REDIRECTION: FileState(
            content="<configuration><configurationRedirection enabled='true' path='D:\\' /></configuration>"
        ),
    },
    "in two bytes a character without a mark": {SITES: FileState(content="\0".join(HELD.format(USUAL)) + "\0")},
}


@pytest.mark.parametrize("files", SERVED.values(), ids=list(SERVED))
def test_nothing_is_moved_to_where_iis_may_serve_it(sim: SimEngine, files: Mapping[str, FileState]) -> None:
    named = Named(f"{ROOT}\\probe.aspx", FILES["plain"])
    with Client(sim, named.server(**files)) as client:
        judged = named.judged(client)
    assert (judged.verdict, judged.changes) == (Verdict.UNKNOWN, ())


def test_sites_elsewhere_do_not_keep_a_file_where_it_is(sim: SimEngine) -> None:
    named = Named(f"{ROOT}\\probe.aspx", FILES["plain"])
    with Client(sim, named.server(**{SITES: FileState(content=HELD.format(USUAL))})) as client:
        assert len(named.judged(client).changes) == 1


@pytest.mark.real_powershell
def test_the_script_itself_reads_the_same_of_iis(sim: SimEngine, pwsh: PwshEngine) -> None:
    named = Named(f"{ROOT}\\probe.aspx", FILES["plain"])
    text = render(ACTION.templates.collect, named.params)
    for name, files in SERVED.items():
        with Client(sim, named.server(**files)) as one, Client(pwsh, named.server(**files)) as other:
            assert (name, one.run(text).output) == (name, other.run(text).output)


def of_a_file_in_use(engine: Engine) -> tuple[object, ...]:
    """What is made of a server whose file a process has open."""
    named = Named(f"{ROOT}\\probe.aspx", FileState(content=TEXT, in_use=True))
    live = named.server()
    with Client(engine, live) as client:
        found = outcome(client, live, named.change(client).apply)
    assert live.now == named.server().now
    return found


def test_a_file_in_use_stays_and_nothing_is_left_of_the_attempt(sim: SimEngine) -> None:
    state, problem, *_ = of_a_file_in_use(sim)
    assert state is PSInvocationState.Failed
    assert isinstance(problem, tuple)
    assert problem[0] == "The process cannot access the file because it is being used by another process."


@pytest.mark.real_powershell
def test_the_script_itself_leaves_a_file_in_use_as_it_was(sim: SimEngine, pwsh: PwshEngine) -> None:
    assert of_a_file_in_use(sim) == of_a_file_in_use(pwsh)


def with_something_there(engine: Engine, ending: str) -> tuple[object, ...]:
    """What is made of a server on which somebody was faster with a file in the quarantine."""
    named = Named(f"{ROOT}\\probe.aspx", FILES["plain"])
    with Client(SimEngine(Timers().call_later), named.server()) as client:
        ready = named.change(client)
    folder = f"C:\\exrun-quarantine-{PLAN}"
    theirs = {f"{folder}\\{ready.change.values['item']}.{ending}": FileState(content="theirs", sddl="O:BUG:BUD:")}
    live = named.server(**theirs)
    with Client(engine, live) as client:
        return outcome(client, live, ready.apply)


def test_what_somebody_put_into_the_quarantine_is_neither_overwritten_nor_written_through(sim: SimEngine) -> None:
    state, problem, *_, files = with_something_there(sim, "json")
    assert (state, problem) == (PSInvocationState.Completed, None)
    assert isinstance(files, dict)
    [about] = [file for path, file in files.items() if path.endswith(".json")]
    assert "theirs" not in about.content
    assert about.sddl != "O:BUG:BUD:", "it is another file"
    state, problem, *_, files = with_something_there(sim, "quarantined")
    assert state is PSInvocationState.Failed
    assert isinstance(files, dict)
    assert f"{ROOT}\\probe.aspx" in files


@pytest.mark.real_powershell
@pytest.mark.parametrize("ending", ["json", "quarantined"])
def test_the_scripts_themselves_do_the_same_with_it(sim: SimEngine, pwsh: PwshEngine, ending: str) -> None:
    assert with_something_there(sim, ending) == with_something_there(pwsh, ending)


LINK = FileState(folder=True, attributes="Directory, ReparsePoint")
OTHER = FileState(content="something else")
SPOILT_BEFORE: Mapping[str, tuple[Mapping[str, FileState | None], str]] = {
    "other bytes": ({f"{ROOT}\\probe.aspx": OTHER}, "The file is another one than was approved. Nothing was moved."),
    "not there": ({f"{ROOT}\\probe.aspx": None}, f"Cannot find path '{ROOT}\\probe.aspx' because it does not exist."),
    "a link on the way": ({ROOT: LINK}, "A link stands on the way to the file. Nothing was moved."),
    "a link for a folder": (
        {f"C:\\exrun-quarantine-{PLAN}": LINK},
        "The folder of the quarantine is a link. Nothing was moved.",
    ),
}
SPOILT_AFTER: Mapping[str, tuple[Mapping[str, FileState | None], str]] = {
    "something stands there": (
        {f"{ROOT}\\probe.aspx": OTHER},
        "Something stands where the file was. Nothing was moved.",
    ),
    "a folder stands there": (
        {f"{ROOT}\\probe.aspx": FileState(folder=True)},
        "Something stands where the file was. Nothing was moved.",
    ),
    "a link on the way": ({ROOT: LINK}, "A link stands on the way to where the file was. Nothing was moved."),
    "other bytes in quarantine": (
        {"KEPT": OTHER},
        "The file in quarantine is another one than was put there. Nothing was moved.",
    ),
}


def spoilt(live: LiveState, kept: str, files: Mapping[str, FileState | None]) -> LiveState:
    """Another server, that has become this."""
    now = dict(live.now.files)
    for path, file in files.items():
        if file is None:
            del now[path]
            now.setdefault(path.rpartition("\\")[0], FileState(folder=True))
        else:
            now[kept if path == "KEPT" else path] = file
    return LiveState(live.now.model_copy(update={"files": now}))


def refused(engine: Engine, way: str, kind: str) -> tuple[object, ...]:
    named = Named(f"{ROOT}\\probe.aspx", FILES["plain"])
    live = named.server()
    files, why = (SPOILT_BEFORE if way == "apply" else SPOILT_AFTER)[kind]
    sim = SimEngine(Timers().call_later)
    with Client(sim, live) as client:
        ready = named.change(client)
        if way == "rollback":
            client.run(ready.apply)
    now = spoilt(live, f"C:\\exrun-quarantine-{PLAN}\\{ready.change.values['item']}.quarantined", files)
    before = state_text(now.now)
    with Client(engine, now) as client:
        came = outcome(client, now, ready.apply if way == "apply" else ready.rollback)
    assert came[0] is PSInvocationState.Failed
    assert isinstance(came[1], tuple)
    assert came[1][0] == why
    assert state_text(now.now) == before, "something was changed"
    return came


WAYS = [("apply", kind) for kind in SPOILT_BEFORE] + [("rollback", kind) for kind in SPOILT_AFTER]


@pytest.mark.parametrize(("way", "kind"), WAYS, ids=[f"{way}: {kind}" for way, kind in WAYS])
def test_nothing_is_moved_where_something_is_not_as_it_was(sim: SimEngine, way: str, kind: str) -> None:
    refused(sim, way, kind)


@pytest.mark.real_powershell
@pytest.mark.parametrize(("way", "kind"), WAYS, ids=[f"{way}: {kind}" for way, kind in WAYS])
def test_the_scripts_themselves_refuse_the_same(sim: SimEngine, pwsh: PwshEngine, way: str, kind: str) -> None:
    assert refused(sim, way, kind) == refused(pwsh, way, kind)


@pytest.mark.real_powershell
def test_a_locked_session_says_the_same_of_the_file(sim: SimEngine, pwsh: PwshEngine) -> None:
    named = Named(f"{ROOT}\\it's [1].aspx", FILES["with streams"])
    others = {SITES: FileState(content=HELD.format(f"\r\n{USUAL}\r\n"))}
    lock = "$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'"
    text = render(ACTION.templates.collect, named.params)
    with Client(sim, named.server(**others)) as one, Client(pwsh, named.server(**others)) as other:
        said = other.run(lock, text)
        assert said.errors == []
        assert one.run(text).output == said.output
        assert len(concluded(named.params, said).changes) == 1


def on_a_full_disk(engine: Engine) -> tuple[object, ...]:
    named = Named(f"{ROOT}\\probe.aspx", FILES["plain"])
    live = LiveState(named.server().now.model_copy(update={"disk_full": True}))
    with Client(engine, live) as client:
        ready = named.change(client)
        came = outcome(client, live, ready.apply)
        assert came[0] is PSInvocationState.Failed
        assert isinstance(came[1], tuple)
        assert came[1][0] == "There is not enough space on the disk."
        assert live.now.files[named.path] == named.file, "it stands where it stood"
        assert named.judged(client).changes == (ready.change,), "and is still to be quarantined"
    return came


def test_on_a_full_disk_nothing_is_moved_and_the_change_stays_due(sim: SimEngine) -> None:
    on_a_full_disk(sim)


@pytest.mark.real_powershell
def test_the_script_itself_moves_nothing_on_a_full_disk(sim: SimEngine, pwsh: PwshEngine) -> None:
    assert on_a_full_disk(sim) == on_a_full_disk(pwsh)
