"""CVE-2021-26858 writes files through the offline address book: without its application pool it is not served."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.mitigation.pools import Mitigated, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment
from playbooks.observation import Observation
from playbooks.values import Value

OF = Mitigated(
    action="mitigation.oab_pool",
    pool="MSExchangeOABAppPool",
    cve="CVE-2021-26858",
    breaks="Outlook does not get the offline address book, and keeps the copy that it has",
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Whether MSExchangeOABAppPool is stopped and stays so."""
    return judge(OF, observation)
