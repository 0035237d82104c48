"""Fleet and state files: what they mean, everything that is wrong with them at once, and their published schemas."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from playbooks.errors import DocumentError
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Limits
from runner.lab.fleet_file import (
    ClientDocument,
    FaultDocument,
    FleetDocument,
    HostDocument,
    LimitsDocument,
    load_fleet,
    schema_text,
)
from runner.lab.state import FileState, HostState, RegistryKey, ScriptedAnswer, ServiceState

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs" / "reference"
RENEW = "from runner.lab.fleet_file import schema_text; print(schema_text('{0}'), end='')"

WHOLE = """\
lab: fleet/1
day: 2026-10-01
engine: sim
limits: {max_shells_per_user: 5, idle_seconds: 60}
faults: [{act: latency, milliseconds: 20}]
labels: {site: HQ}
clients:
  alpha:
    user: ALPHA\\auditor
    password: lab-only
    scheme: https
    hosts:
      EX1:
        state: ex.yml
        address: 127.0.9.1
        port: 5986
        authentication: certificate
        limits: {max_shells_per_user: 1}
        faults: [{act: reset, at: receive, first: 2, times: 1}]
        labels: {ring: '1'}
      EX2: {state: ex.yml, scheme: http, engine: pwsh}
  beta:
    user: beta@example
    password: other
    hosts:
      EX1: {state: pwsh.yml}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two state files."""
    (tmp_path / "ex.yml").write_text("name: SHARED\n")
    (tmp_path / "pwsh.yml").write_text("name: EX1\nengine: pwsh\nservices: {W32Time: {state: Stopped}}\n")
    return tmp_path


def load(folder: Path, text: str, engine: str | None = None) -> list[str]:
    """The problems of a fleet file; none when it can be served. Files are named without their folder."""
    file = folder / "fleet.yml"
    file.write_text(text, encoding="utf-8")
    try:
        load_fleet(file, engine=engine)
    except DocumentError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []


def test_what_is_nearest_to_a_host_counts_and_faults_and_labels_add_up(folder: Path) -> None:
    file = folder / "fleet.yml"
    file.write_text(WHOLE, encoding="utf-8")
    first, second, third = load_fleet(file).hosts
    assert (first.key, first.address, first.port, first.scheme) == ("alpha/EX1", "127.0.9.1", 5986, "https")
    assert (first.account, first.authentication) == (Account("ALPHA\\auditor", "lab-only"), "certificate")
    assert first.limits == Limits(max_shells_per_user=1, idle_seconds=60)
    assert first.faults == (
        Fault(Act.LATENCY, milliseconds=20),
        Fault(Act.RESET, Step.RECEIVE, first=2, times=1),
    )
    assert dict(first.labels) == {"site": "HQ", "ring": "1"}
    assert (second.scheme, second.engine, second.port, dict(second.labels)) == ("http", "pwsh", 0, {"site": "HQ"})
    assert [host.state.name for host in (first, second, third)] == ["EX1", "EX2", "EX1"]
    assert (first.engine, third.engine, third.account.user) == ("sim", "pwsh", "beta@example")
    assert {host.engine for host in load_fleet(file, engine="sim").hosts} == {"sim"}


def test_a_fleet_may_have_a_day_as_on_which_it_is_judged(folder: Path) -> None:
    file = folder / "fleet.yml"
    for text, day in ((WHOLE, date(2026, 10, 1)), (WHOLE.replace("day: 2026-10-01\n", ""), None)):
        file.write_text(text, encoding="utf-8")
        assert load_fleet(file).day == day


FLEET = "lab: fleet/1\nclients:\n  a:\n    user: A\\u\n    password: p\n    hosts:\n"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["fleet.yml:1:1: is empty; begin with `lab: fleet/1`"]),
        (FLEET.replace("fleet/1", "fleet/2") + "      EX1: {state: ex.yml}\n", None),
        (
            "lab: fleet/1\nclient: {}\n",
            ["fleet.yml:2:1: client: unknown key; did you mean `clients`?"],
        ),
        (
            FLEET + "      EX1: {state: none.yml}\n",
            [
                (
                    "fleet.yml:7:20: clients.a.hosts.EX1.state: none.yml cannot be read: No such file or directory; "
                    "check the path; it is relative to the fleet file"
                )
            ],
        ),
        (
            FLEET + "      EX1: {state: ex.yml, address: 10.0.0.1}\n",
            [
                (
                    "fleet.yml:7:37: clients.a.hosts.EX1.address: is not on 127.0.0.0/8; "
                    "the lab is served on this machine only"
                )
            ],
        ),
        (
            FLEET + "      EX1: {state: ex.yml, port: 5985}\n      EX2: {state: ex.yml, port: 5985}\n",
            ["fleet.yml:8:34: clients.a.hosts.EX2.port: a/EX1 has this address and port; give another, or 0"],
        ),
        (
            FLEET + "      EX1: {state: ex.yml, authentication: certificate}\n",
            [
                "fleet.yml:7:7: clients.a.hosts.EX1: authentication by certificate needs https; add `scheme: https`",
            ],
        ),
        (
            FLEET + "      EX1: {state: ex.yml, faults: [{act: chunked, at: connect}]}\n",
            [
                (
                    "fleet.yml:7:37: clients.a.hosts.EX1.faults[0]: chunked cannot happen at connect; it can "
                    "at attach, authenticate, command, create, delete, disconnect, identify, message, query, receive, "
                    "receive-open, "
                    "reconnect, send, signal"
                )
            ],
        ),
        (
            FLEET + "      EX1: {state: ex.yml, limits: {max_shell_per_user: 1}}\n",
            [
                (
                    "fleet.yml:7:37: clients.a.hosts.EX1.limits.max_shell_per_user: unknown key; "
                    "did you mean `max_shells_per_user`?"
                )
            ],
        ),
        (
            FLEET + "      a/b: {state: ex.yml}\n",
            ['fleet.yml:7:7: clients.a.hosts."a/b": cannot be a name; use letters, digits, `.`, `_` and `-`'],
        ),
        (
            FLEET + "      EX1: {state: ex.yml, labels: {ring: 1}}\n",
            ["fleet.yml:7:43: clients.a.hosts.EX1.labels.ring: must be text; quote it"],
        ),
        (FLEET + "      EX1: {state: ex.yml, port: 70000}\n", None),
        (FLEET + "      EX1: {state: ex.yml, faults: [{act: explode}]}\n", None),
        (FLEET + "      EX1: {state: ex.yml}\n      EX1: {state: ex.yml}\n", None),
        ("lab: [\n", None),
        (FLEET.replace("clients", "day: soon\nclients") + "      EX1: {state: ex.yml}\n", None),
    ],
)
def test_a_wrong_fleet_file_says_where_what_and_what_to_do(folder: Path, text: str, problems: list[str] | None) -> None:
    found = load(folder, text)
    if problems is None:
        assert len(found) == 1
        assert found[0].startswith("fleet.yml:")
    else:
        assert found == problems


def test_all_problems_of_the_fleet_and_of_its_state_files_are_told_at_once(folder: Path) -> None:
    (folder / "bad.yml").write_text("name: X\nservices: {W32Time: {state: Asleep}}\n")
    (folder / "worse.yml").write_text("nam: X\n")
    hosts = (
        "      EX1: {state: bad.yml, address: 10.0.0.1}\n      EX2: {state: worse.yml}\n      EX3: {state: bad.yml}\n"
    )
    found = load(folder, FLEET + hosts)
    assert [line.split(": ")[0] for line in found] == [
        "bad.yml:2:29",
        "fleet.yml:7:38",
        "worse.yml:1:1",
    ]


def test_no_problem_repeats_a_password(folder: Path) -> None:
    text = (
        FLEET.replace("password: p", "password: [s3cret]").replace("    user: A", "    usr: s3cret") + "      EX1: {}\n"
    )
    found = load(folder, text)
    assert found
    assert "s3cret" not in "".join(found)


@pytest.mark.parametrize("model", ["fleet", "state"])
def test_the_published_schema_is_current(model: str) -> None:
    published = (REFERENCE / "schemas" / f"lab-{model}.json").read_text(encoding="utf-8")
    assert published == schema_text(model), (  # type: ignore[arg-type]
        f'renew it: .venv/bin/python -c "{RENEW.format(model)}" > docs/reference/schemas/lab-{model}.json'
    )


def test_every_key_step_and_act_is_described_in_the_reference() -> None:
    reference = (REFERENCE / "lab.md").read_text(encoding="utf-8")
    models = (FleetDocument, ClientDocument, HostDocument, LimitsDocument, FaultDocument)
    states = (HostState, FileState, RegistryKey, ServiceState, ScriptedAnswer)
    keys = {name for model in (*models, *states) for name in model.model_fields}
    assert [word for word in (*sorted(keys), *Act, *Step) if f"`{word}`" not in reference] == []


def test_a_server_of_which_fleet_and_state_name_two_engines_is_refused_and_one_given_for_all_counts(
    tmp_path: Path,
) -> None:
    (tmp_path / "real.yml").write_text("name: EX1\nengine: pwsh\n", encoding="utf-8")
    fleet = "lab: fleet/1\nclients: {alpha: {user: a\\\\b, password: c, hosts: {EX1: {state: real.yml%s}}}}\n"
    file = tmp_path / "fleet.yml"
    file.write_text(fleet % ", engine: sim", encoding="utf-8")
    with pytest.raises(DocumentError, match="is sim, and the state of EX1 says pwsh; remove one of them"):
        load_fleet(file)
    for same in ("", ", engine: pwsh"):
        file.write_text(fleet % same, encoding="utf-8")
        [host] = load_fleet(file).hosts
        assert (host.engine, host.state.engine) == ("pwsh", "pwsh")
        [host] = load_fleet(file, engine="sim").hosts
        assert (host.engine, host.state.engine) == ("sim", "sim")
