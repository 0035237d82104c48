"""Whatever stands in the registry, a component that is held down, or may be, is never called active."""

from __future__ import annotations

import re
import textwrap
from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.exchange.component_states.assess import TOLD, assess
from playbooks.actions.exchange.component_states.requests import REQUESTERS, UNTOUCHED
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Severity, Verdict
from playbooks.loading import load_playbook
from playbooks.observation import Observed
from playbooks.values import Record, Value

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "proving-an-update.md"
CATALOGUE = Catalogue.load()
TODAY = date(2026, 11, 24)
SERVER: tuple[Record, ...] = (
    {"Kind": "ExchangeSetup", "Present": True},
    {"Kind": "ExchangeRole", "Name": "MailboxRole", "Present": True},
    {"Kind": "ComponentStates", "Present": True},
)
TICKS = st.integers(0, 3155378975999999999)  # up to DateTime.MaxValue
ACTIVE = TICKS.map("1:1:{}".format)
DOWN = st.tuples(st.sampled_from("03"), TICKS).map(lambda each: f"1:{each[0]}:{each[1]}")
NAMES = st.sampled_from(
    ["ServerWideOffline", "HubTransport", "FrontendTransport", "Monitoring", "OwaProxy", "EdgeTransport", "XropProxy"]
)
WORDS = st.text(max_size=40)


def component(name: str, asked: dict[str, str], *others: str) -> Record:
    """The record of one component, as the script gives it."""
    values: dict[str, Value] = {requester: asked.get(requester) for requester in REQUESTERS}
    return {"Kind": "Component", "Name": name, "Requesters": (*asked, *others), **values}


def judged(*components: Record) -> Assessment:
    return assess(Observed((*SERVER, *components)), {}, CATALOGUE, TODAY)


asked_active = st.dictionaries(st.sampled_from(REQUESTERS), ACTIVE)


@given(st.dictionaries(NAMES, asked_active), NAMES, st.sampled_from(REQUESTERS), DOWN, asked_active)
def test_one_requester_is_enough_whoever_else_wants_it_active(
    others: dict[str, dict[str, str]], name: str, requester: str, down: str, active: dict[str, str]
) -> None:
    rest = [component(each, asked) for each, asked in others.items() if each != name]
    held = component(name, {**active, requester: down})
    found = judged(*rest, held)
    assert found == judged(held, *reversed(rest))
    assert found.verdict is Verdict.ATTENTION
    assert found.facts == {
        "inactive": (name,),
        "maintenance": requester == "Maintenance",
        "requesters": (requester,),
    }
    [finding] = found.findings
    assert finding.severity is (Severity.HIGH if name == "ServerWideOffline" else Severity.MEDIUM)
    assert f"-Component {name} -State Active -Requester {requester} " in finding.next


@given(st.dictionaries(NAMES, asked_active))
def test_all_is_active_where_nobody_asks_for_anything_else(states: dict[str, dict[str, str]]) -> None:
    found = judged(*(component(name, asked) for name, asked in states.items()))
    assert found.verdict is Verdict.OK
    assert found.facts == {"inactive": (), "maintenance": False, "requesters": ()}


def of_no_form(text: str) -> bool:
    """Whether it cannot be `1:<0, 1 or 3>:<ticks>`."""
    return text.count(":") < 2 or not text[:1].isdecimal()


@given(NAMES, asked_active, st.sampled_from(REQUESTERS), WORDS.filter(of_no_form))
def test_what_nobody_can_read_is_not_active(name: str, asked: dict[str, str], requester: str, text: str) -> None:
    assert judged(component(name, {**asked, requester: text})).verdict is Verdict.UNKNOWN


@given(NAMES, asked_active, WORDS.filter(lambda text: text.casefold() not in {each.casefold() for each in REQUESTERS}))
def test_a_stranger_may_hold_it_down(name: str, asked: dict[str, str], stranger: str) -> None:
    assert judged(component(name, asked, stranger)).verdict is Verdict.UNKNOWN


@given(WORDS, st.sampled_from(REQUESTERS), DOWN)
def test_whatever_a_component_is_called_it_is_not_passed_over_nor_put_into_a_command(
    name: str, requester: str, down: str
) -> None:
    found = judged(component(name, {requester: down}))
    if name.casefold() in UNTOUCHED:
        return
    assert found.verdict in (Verdict.ATTENTION, Verdict.UNKNOWN)
    [finding] = found.findings
    if not (name.isascii() and name.isalnum()):
        assert finding.next.startswith(
            (f"{TOLD[requester][1]} Set-ServerComponentState SERVER -Component NAME ", "Look")
        )


def test_the_playbook_of_the_page_loads_and_hangs_on_what_the_action_says(tmp_path: Path) -> None:
    [block] = re.findall(r"^    name: after-the-update\n(?:    .*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    path = tmp_path / "after-the-update.yml"
    path.write_text(textwrap.dedent(block), encoding="utf-8")
    states, services = load_playbook(str(path), {}, CATALOGUE).steps
    assert (states.action.id, services.action.id) == ("exchange.component_states", "exchange.services")
    assert services.condition is not None
