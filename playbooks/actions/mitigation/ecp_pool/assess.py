"""CVE-2021-27065 writes files through pages of ECP: without its application pool there are none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.mitigation.pools import Mitigated, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment
from playbooks.observation import Observation
from playbooks.values import Value

OF = Mitigated(
    action="mitigation.ecp_pool",
    pool="MSExchangeECPAppPool",
    cve="CVE-2021-27065",
    breaks="the Exchange admin center and the options of Outlook on the web answer with an error",
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Whether MSExchangeECPAppPool is stopped and stays so."""
    return judge(OF, observation)
