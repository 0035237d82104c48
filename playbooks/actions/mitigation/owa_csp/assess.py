"""CVE-2026-42897 runs script out of attributes of a message in OWA: a header of the answer forbids that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.iis.configuration.mitigations import CSP
from playbooks.actions.mitigation.rewriting import Mitigated, Named, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment
from playbooks.observation import Observation
from playbooks.values import Value

OF = Mitigated(
    action="mitigation.owa_csp",
    cve="CVE-2026-42897",
    application="owa",
    emergency="M2",
    locations=("Default Web Site/owa",),
    rules=(Named(CSP, "exrun OWA CSP - outbound", ("eomt owa csp", "eems m2")),),
    breaks=(
        "In Outlook on the web printing a calendar, inline images and OWA Light fail, published calendars answer 500, "
        "and the health set OWACalendar.Proxy is unhealthy; browsers in IE mode are not protected"
    ),
    until="it was fixed in June 2026 (Jun26SU); then take the rule away, for an update does not",
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Whether OWA's pages are answered with a policy that forbids scripts in attributes."""
    return judge(OF, observation)
