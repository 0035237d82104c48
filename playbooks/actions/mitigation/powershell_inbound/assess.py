"""CVE-2022-41040 comes to PowerShell by way of Autodiscover. OWASSRF comes to it by way of OWA, past this rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.iis.configuration.mitigations import POWERSHELL
from playbooks.actions.mitigation.rewriting import Mitigated, Named, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment
from playbooks.observation import Observation
from playbooks.values import Value

OF = Mitigated(
    action="mitigation.powershell_inbound",
    cve="CVE-2022-41040",
    application="Autodiscover",
    emergency="M1",
    locations=("Default Web Site", "Default Web Site/Autodiscover"),
    rules=(Named(POWERSHELL, "exrun PowerShell - inbound", ("powershell - inbound", "eems m1")),),
    breaks=(
        "Requests to Autodiscover that name PowerShell are dropped, and nothing is known to need them; CVE-2022-41080 "
        "(OWASSRF) gets past it"
    ),
    until="it was fixed in November 2022 (Nov22SU), and the rule is not needed from then on",
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Whether requests to Autodiscover that name PowerShell are aborted."""
    return judge(OF, observation)
