"""Scripts of changes: what passes writes only what the contract names, and it can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from playbooks.lint import Place, lint, lint_change
from playbooks.lint.commands import commands_of_changes, known_commands
from playbooks.lint.places import MITIGATIONS, RESTART
from playbooks.lint.vetted import VETTED
from playbooks.lint.wildcards import escaped
from playbooks.parts import assembled
from playbooks.rendering import literal
from tests.playbooks.lint.soundness.judging import sources
from tests.playbooks.lint.soundness.mutations import mutations

HERE = Path(__file__).parent
ACCEPTED: list[str] = YAML(typ="safe").load(HERE / "changes_accepted.yml")
REFUSED: list[list[str]] = YAML(typ="safe").load(HERE / "changes_refused.yml")
ADVICE: dict[str, str] = YAML(typ="safe").load(HERE / "changes_advice.yml")
QUARANTINE = "C:\\exrun\\0123456789ab"
POOLS, POOL = "system.applicationHost/applicationPools/", "add[@name='MSExchangeECPAppPool']"
ALLOWED = (
    Place("service", "msexchange?*"),
    Place("registry", "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\MSExchange*\\DelayedAutostart"),
    Place("folder", QUARANTINE),
    Place("file", f"{QUARANTINE}\\*"),
    Place("file", "C:\\inetpub\\wwwroot\\*"),
    Place("acl", QUARANTINE),
    Place("pool", "MSExchange*AppPool"),
    Place("configuration", "Default Web Site: system.webServer/rewrite/rules*"),
    Place("configuration", "Default Web Site/owa: system.webServer/rewrite/outboundRules"),
    Place("configuration", f"applicationHost.config: {escaped(POOLS + POOL)}/@autoStart"),
    Place("firewall_profile", "Domain"),
    Place("firewall_rule", "exrun-isolation-?"),
    Place("firewall_rule", "WINRM-HTTP-In-TCP"),
    Place("firewall_rule", "CoreNet-DNS-Out-UDP"),
    Place("server", RESTART),
    Place("server", MITIGATIONS),
    Place("virtual_directory", "0a1b2c3d-aaaa-bbbb-cccc-0123456789ab"),
)
EVERYWHERE = (
    *(Place(kind, "*") for kind in ("firewall_profile", "firewall_rule")),
    Place("service", "*"),
    Place("registry", "HKLM:\\*"),
    Place("configuration", "*"),
    Place("pool", "*"),
    Place("virtual_directory", "*"),
    Place("server", RESTART),
    Place("server", MITIGATIONS),
    *(Place(kind, "C:\\*") for kind in ("file", "folder", "acl")),
)


def test_there_are_as_many_scripts_as_the_rules_need() -> None:
    assert len(ACCEPTED) >= 18
    assert len(REFUSED) >= 60
    used = {name for name in commands_of_changes() if any(name in script.lower() for script in ACCEPTED)}
    assert set(commands_of_changes()) - set(known_commands()) - set(VETTED) <= used


@pytest.mark.parametrize("script", ACCEPTED)
def test_a_change_within_its_contract_is_proven(script: str) -> None:
    assert [str(problem) for problem in lint_change(script, ALLOWED, source="x")] == []


@pytest.mark.parametrize("script", ACCEPTED)
def test_the_same_change_is_refused_where_the_contract_names_nothing(script: str) -> None:
    problems = lint_change(script, (), source="x")
    assert {problem.rule for problem in problems} == {"target"}


@pytest.mark.parametrize("script", ACCEPTED)
def test_no_change_passes_for_a_collect_script(script: str) -> None:
    assert "command" in {problem.rule for problem in lint(script, source="x")}


@pytest.mark.parametrize(("rule", "script"), REFUSED)
def test_a_change_beyond_its_contract_is_refused_by_the_rule_that_explains_it(rule: str, script: str) -> None:
    problems = lint_change(script, ALLOWED, source="x")
    assert rule in [problem.rule for problem in problems]
    assert all(problem.why and problem.instead for problem in problems)


@pytest.mark.parametrize("advice", ADVICE)
def test_the_change_that_follows_advice_passes(advice: str) -> None:
    assert [str(problem) for problem in lint_change(assembled(ADVICE[advice]), EVERYWHERE, source="x")] == []


SCRIPTS = list(mutations(*sources(), 10, 600))


def test_whatever_passes_as_a_collect_script_passes_as_a_change() -> None:
    accepted, refused = sources()
    passing = [script for script in (*accepted, *refused, *SCRIPTS) if not lint(script, source="x")]
    assert len(passing) >= 200
    assert [script for script in passing if lint_change(script, (), source="x")] == []


@given(
    st.sampled_from(["Stop-Service -Name {}", "Remove-Item -LiteralPath {}", "New-Item -Path {} -ItemType Directory"]),
    st.text(st.sampled_from("aB1.*?[]`:\\/ '\u2019-$"), min_size=1, max_size=12),
    st.sampled_from(["", "C:\\"]),
)
def test_a_place_that_only_itself_is_allowed_is_the_only_one_that_passes(form: str, name: str, begins: str) -> None:
    """Whatever it is made of: where it passes, the very text was allowed, and nothing in it is read otherwise."""
    place = begins + name
    script = form.format(literal(place))
    own = [Place(kind, escaped(place)) for kind in ("service", "file", "folder")]  # type: ignore[arg-type]
    other = [Place(kind, escaped(place + "x")) for kind in ("service", "file", "folder")]  # type: ignore[arg-type]
    if not lint_change(script, own, source="x"):
        assert ".." not in place.split("\\")
        assert place == place.strip()
        assert "*" not in place
    assert lint_change(script, other, source="x") != ()
