"""Playbooks and actions that load: where they are found, what becomes of parameters, and what stays the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.checking import check
from playbooks.compliant import FACTS
from playbooks.conditions import evaluate
from playbooks.errors import DocumentError, ParameterError, PlaybookError
from playbooks.lint import lint
from playbooks.loading import load_action, load_playbook
from playbooks.model import Templates, Timeouts
from playbooks.shelf import shelf

CATALOGUE = Catalogue.load()

CONTRACT = """\
title: SMB 1
description: Whether SMB 1 is off.
params:
  name: {type: text, description: A server., default: SMB1}
outputs:
  Protocol: {Name: text, Enabled: boolean}
reads: [the SMB server's configuration]
writes: []
needs: {rights: [local administrator]}
disruptive: false
reboots: false
interruption: none
reversible: true
timeouts: {collect: 30}
idempotent: true
compliant_when: not Protocol.Enabled
"""
COLLECT = """\
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
@{ Kind = 'Protocol'; Name = {{ name }}; Enabled = $false }
"""
PLAYBOOK = """\
name: mine
title: Mine
params:
  protocol: {type: text, description: The protocol., default: SMB1}
steps:
  - id: version
    action: exchange.version
  - id: smb
    action: my.smb
    with: {name: "{{ params.protocol }}"}
    when: version.installed
    on_failure: stop
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A playbook with an action of its own beside it."""
    action = tmp_path / "actions" / "my" / "smb"
    action.mkdir(parents=True)
    (action / "action.yml").write_text(CONTRACT, encoding="utf-8")
    (action / "collect.ps1.j2").write_text(COLLECT, encoding="utf-8")
    path = tmp_path / "mine.yml"
    path.write_text(PLAYBOOK, encoding="utf-8")
    return path


def test_the_shipped_playbook_asks_all_four_actions_about_every_campaign() -> None:
    ready = load_playbook("exchange-audit", {}, CATALOGUE)
    assert [step.action.id for step in ready.steps] == [
        "exchange.version",
        "exchange.patch",
        "windows.pending_reboot",
        "exchange.services",
    ]
    assert ready.steps[1].params == {"campaign": "all"}


def test_the_playbook_that_investigates_asks_everything_that_can_be_asked_without_being_told_where_to_look() -> None:
    asked = {step.action.id for step in load_playbook("exchange-investigate", {}, CATALOGUE).steps}
    reading = {each.name for each in shelf([]).actions if not load_action(each, CATALOGUE).contract.writes}
    # The session by itself is what `exrun doctor` asks about: nothing of an intruder shows in it.
    assert asked == (reading - {"windows.session"}) | {"exchange.services"}


@pytest.mark.parametrize("campaign", ["all", *CATALOGUE.campaigns])
def test_the_shipped_playbook_takes_every_campaign_of_the_catalogue(campaign: str) -> None:
    ready = load_playbook("exchange-audit", {"campaign": campaign}, CATALOGUE)
    assert ready.steps[1].params == {"campaign": campaign}


def test_every_script_of_this_version_is_accepted_by_the_linter() -> None:
    for step in load_playbook("exchange-audit", {}, CATALOGUE).steps:
        assert lint(step.collect, source=step.action.id) == ()


def test_every_playbook_of_this_version_loads_with_its_defaults() -> None:
    for found in shelf([]).playbooks:
        load_playbook(found.name, {}, CATALOGUE)


def test_an_action_beside_the_playbook_is_found_and_judged_by_its_condition(mine: Path) -> None:
    ready = load_playbook(str(mine), {}, CATALOGUE)
    assert ready.steps[1].action.source == str(mine.parent / "actions" / "my" / "smb")
    assert ready.steps[1].action.contract.facts == FACTS
    assert ready.steps[1].condition is not None


def test_a_playbook_and_its_actions_are_found_in_a_search_folder(mine: Path) -> None:
    assert load_playbook("mine", {}, CATALOGUE, search=[mine.parent]).playbook.name == "mine"


def test_the_search_folder_may_be_the_playbooks_own(mine: Path) -> None:
    assert load_playbook(str(mine), {}, CATALOGUE, search=[mine.parent]).playbook.name == "mine"


def test_a_parameter_of_the_playbook_reaches_the_script_as_a_literal(mine: Path) -> None:
    ready = load_playbook(str(mine), {"protocol": "it's"}, CATALOGUE)
    assert ready.steps[1].params == {"name": "it's"}
    assert "Name = 'it''s';" in ready.steps[1].collect


def test_the_digest_is_that_of_the_files_bytes(mine: Path) -> None:
    assert load_playbook(str(mine), {}, CATALOGUE).digest == hashlib.sha256(mine.read_bytes()).hexdigest()


def test_the_same_files_and_parameters_give_the_same_scripts(mine: Path) -> None:
    first, second = (load_playbook(str(mine), {"protocol": "x"}, CATALOGUE) for _ in range(2))
    assert [step.collect for step in first.steps] == [step.collect for step in second.steps]


def test_a_name_that_two_search_folders_have_is_not_chosen_between(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.yml").write_bytes(mine.read_bytes())
    with pytest.raises(PlaybookError, match=r"stands in .* and .*; give the path of one, or rename one"):
        load_playbook("mine", {}, CATALOGUE, search=[mine.parent, other])


def test_a_users_playbook_does_not_take_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "exchange-audit.yml").write_text("name: exchange-audit\n", encoding="utf-8")
    with pytest.raises(PlaybookError, match=r"stands in exrun:exchange-audit\.yml and"):
        load_playbook("exchange-audit", {}, CATALOGUE, search=[tmp_path])


def test_a_users_action_does_not_take_the_place_of_a_shipped_one(mine: Path) -> None:
    theirs = mine.parent / "actions" / "exchange" / "version"
    theirs.mkdir(parents=True)
    (theirs / "action.yml").write_text(CONTRACT, encoding="utf-8")
    with pytest.raises(DocumentError, match="stands in exrun:exchange/version and"):
        load_playbook(str(mine), {}, CATALOGUE)


def test_a_users_assess_is_refused_and_never_run(mine: Path) -> None:
    ran = mine.parent / "ran"
    assess = mine.parent / "actions" / "my" / "smb" / "assess.py"
    assess.write_text(f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(DocumentError, match="is not run: code that comes with a playbook stays off the controller"):
        load_playbook(str(mine), {}, CATALOGUE)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"protocl": "x"}, "--param protocl: there is no such parameter; did you mean `protocol`?"),
        ({"zzz": "x"}, "--param zzz: there is no such parameter; there are: protocol"),
    ],
)
def test_a_parameter_that_the_playbook_does_not_have_is_refused(mine: Path, given: dict[str, str], says: str) -> None:
    with pytest.raises(ParameterError) as caught:
        load_playbook(str(mine), given, CATALOGUE)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("integer", "7", 7),
        ("integer", "-7", -7),
        ("number", "7", 7),
        ("number", "1.5", 1.5),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("text", "7", "7"),
        ("text", "", ""),
        ("text?", "null", None),
        ("text", "null", "null"),
        ("text", "true", "true"),
        ("number?", "2.5", 2.5),
        ("text[]", "a, b,c", ("a", "b", "c")),
        ("integer[]", "1,2", (1, 2)),
        ("integer[]", "", ()),
        ("boolean[]?", "null", None),
    ],
)
def test_a_parameter_has_its_declared_type(mine: Path, declared: str, text: str, value: object) -> None:
    retyped = [(path, path.read_text(encoding="utf-8")) for path in (mine, *mine.parent.glob("actions/*/*/*.yml"))]
    for path, written in retyped:
        path.write_text(
            written.replace("{type: text, ", f"{{type: '{declared}', ").replace(", default: SMB1", ""), encoding="utf-8"
        )
    assert load_playbook(str(mine), {"protocol": text}, CATALOGUE).steps[1].params == {"name": value}


@pytest.mark.parametrize(
    ("declared", "text", "needed"),
    [
        ("integer", "seven", "an integer"),
        ("integer", "1.0", "an integer"),
        ("integer", "1_000", "an integer"),
        ("integer", "١", "an integer"),
        ("number", "nan", "a number"),
        ("number", "1e400", "a number"),
        ("boolean", "yes", "true or false"),
        ("boolean", "True", "true or false"),
        ("boolean", "1", "true or false"),
        ("boolean", "1.5", "true or false"),
        ("integer", "true", "an integer"),
        ("integer", "null", "an integer"),
        ("number", "one", "a number"),
        ("integer[]", "1,,2", "a list of integers"),
        ("integer?", "none", "an integer, or null"),
    ],
)
def test_a_parameter_of_another_type_is_refused_and_not_echoed(
    mine: Path, declared: str, text: str, needed: str
) -> None:
    written = mine.read_text(encoding="utf-8")
    written = written.replace("{type: text, ", f"{{type: '{declared}', ").replace(", default: SMB1", "")
    mine.write_text(written, encoding="utf-8")
    with pytest.raises(ParameterError) as caught:
        load_playbook(str(mine), {"protocol": text}, CATALOGUE)
    assert str(caught.value) == f"--param protocol: must be {needed}; correct the value"


def test_the_choices_of_a_parameter_may_come_from_the_catalogue_alone(mine: Path) -> None:
    written = mine.read_text(encoding="utf-8")
    mine.write_text(
        written.replace("default: SMB1}", "default: proxylogon, choices_from: catalogue.campaigns}"), encoding="utf-8"
    )
    assert load_playbook(str(mine), {"protocol": "proxyshell"}, CATALOGUE).steps[1].params == {"name": "proxyshell"}
    with pytest.raises(ParameterError, match="is not one of its choices; did you mean `proxyshell`"):
        load_playbook(str(mine), {"protocol": "proxyshel"}, CATALOGUE)


def test_every_member_of_a_list_must_be_one_of_the_choices(mine: Path) -> None:
    for path in (mine, *mine.parent.glob("actions/*/*/*.yml")):
        written = path.read_text(encoding="utf-8").replace("{type: text, ", "{type: 'text[]', ")
        path.write_text(written.replace("default: SMB1", "default: [SMB1], choices: [SMB1, SMB2]"), encoding="utf-8")
    assert load_playbook(str(mine), {"protocol": "SMB2,SMB1"}, CATALOGUE).steps[1].params == {"name": ("SMB2", "SMB1")}
    with pytest.raises(ParameterError, match="is not one of its choices"):
        load_playbook(str(mine), {"protocol": "SMB2,SMB3"}, CATALOGUE)


def test_a_parameter_without_default_must_be_given(mine: Path) -> None:
    mine.write_text(mine.read_text(encoding="utf-8").replace(", default: SMB1", ""), encoding="utf-8")
    with pytest.raises(ParameterError, match=r"--param protocol: must be given: The protocol\."):
        load_playbook(str(mine), {}, CATALOGUE)


@pytest.mark.parametrize(
    "wanted", ["./absent.yml", "absent.yaml", "folder/absent", "./", "x" * 5000 + ".yml", "a\0.yml"]
)
def test_a_path_that_is_not_there_is_said_to_be_so(wanted: str) -> None:
    with pytest.raises(PlaybookError, match="there is no such file; correct the path"):
        load_playbook(wanted, {}, CATALOGUE)


def test_a_name_that_is_not_there_is_answered_with_the_likely_one() -> None:
    with pytest.raises(PlaybookError) as caught:
        load_playbook("exchange-adit", {}, CATALOGUE)
    assert str(caught.value) == "exchange-adit: there is no such playbook; did you mean `exchange-audit`?"


def test_a_search_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="there is no such folder; correct --search"):
        load_playbook("exchange-audit", {}, CATALOGUE, search=[tmp_path / "absent"])


def test_a_folder_that_may_not_be_looked_into_is_an_error_and_no_defect(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Path.iterdir

    def denied(folder: Path) -> Iterator[Path]:
        if folder.name == "my":
            raise PermissionError(13, "Permission denied", str(folder))
        return looked(folder)

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(PlaybookError, match="cannot be looked into: Permission denied; check its rights"):
        load_playbook(str(mine), {}, CATALOGUE)


def test_a_when_over_parameters_alone_is_decided_before_anything_is_sent(mine: Path) -> None:
    mine.write_text(PLAYBOOK.replace("when: version.installed", "when: params.protocol == 'SMB1'"), encoding="utf-8")
    for given, expected in (({}, True), ({"protocol": "SMB2"}, False)):
        condition = load_playbook(str(mine), given, CATALOGUE).steps[1].condition
        assert condition is not None
        assert evaluate(condition, {}) is expected


def test_lint_takes_a_sample_for_no_value_that_somebody_gave(mine: Path) -> None:
    """A parameter without default that is compared with a fact, or passed on to be, is checked when it is given."""
    asks = PLAYBOOK.replace(", default: SMB1", "").replace(
        "when: version.installed", "when: version.product == params.protocol"
    )
    mine.write_text(asks, encoding="utf-8")
    action = mine.parent / "actions" / "my" / "smb" / "action.yml"
    judged = CONTRACT.replace("Name: text", "Name: {type: text, values: ['2019', SE]}")
    action.write_text(judged.replace("not Protocol.Enabled", "Protocol.Name == params.name"), encoding="utf-8")
    action.write_text(action.read_text(encoding="utf-8").replace(", default: SMB1", ""), encoding="utf-8")
    assert check(mine, CATALOGUE) == ()
    load_playbook(str(mine), {"protocol": "SE"}, CATALOGUE)
    with pytest.raises(DocumentError, match=r"version\.product is never what params\.protocol was given") as caught:
        load_playbook(str(mine), {"protocol": "Exchange SE"}, CATALOGUE)
    assert "compliant_when of my.smb: Protocol.Name is never what params.name was given" in str(caught.value)


CHANGING = {
    "action.yml": """\
title: Start type of a service
description: Whether a service starts as it should.
params:
  name: {type: text, description: A service., default: W3SVC}
  start: {type: text, description: How it should start., default: Disabled}
outputs:
  Service: {Name: text, StartType: text}
reads: [the services]
writes:
  - service: "{{ service }}"
    what: how it starts
  - {folder: 'C:\\exrun\\{{ plan }}'}
needs: {rights: [local administrator]}
disruptive: false
reboots: false
interruption: none
reversible: true
timeouts: {collect: 30, apply: 60, rollback: 90}
idempotent: true
compliant_when: Service.StartType == params.start
changes:
  title: Set {{ Service.Name }} to start {{ params.start }}
  values: {service: Service.Name, before: Service.StartType, marked: true}
  before: {StartType: Service.StartType}
  after: {StartType: params.start}
""",
    "collect.ps1.j2": """\
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
@{ Kind = 'Service'; Name = {{ name }}; StartType = 'Manual' }
""",
    "apply.ps1.j2": """\
{% if marked %}
New-Item -Path ('C:\\exrun\\' + {{ plan }}) -ItemType Directory -Force | Out-Null
{% endif %}
Set-Service -Name {{ service }} -StartupType {{ start }}
""",
    "rollback.ps1.j2": "Set-Service -Name {{ service }} -StartupType {{ before }}\n",
}


def changing(folder: Path) -> Path:
    """A playbook over an action that changes."""
    action = folder / "actions" / "my" / "smb"
    action.mkdir(parents=True)
    for name, text in CHANGING.items():
        (action / name).write_text(text, encoding="utf-8")
    path = folder / "mine.yml"
    path.write_text(PLAYBOOK, encoding="utf-8")
    return path


def test_an_action_that_changes_brings_its_other_templates_and_their_times(tmp_path: Path) -> None:
    ready = load_playbook(str(changing(tmp_path)), {}, CATALOGUE).steps[1]
    assert ready.action.templates == Templates(*list(CHANGING.values())[1:])
    assert ready.action.contract.timeouts == Timeouts(collect=30, apply=60, rollback=90)
    assert "Set-Service" not in ready.collect  # what is not known yet is not asked for
    folder = tmp_path / "actions" / "my" / "smb"
    assert check(folder / "apply.ps1.j2", CATALOGUE) == ()  # as a part of its action, not as a collect script
