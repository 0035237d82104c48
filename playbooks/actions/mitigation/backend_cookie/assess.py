"""CVE-2021-26855 rides on two cookies that Exchange's front end takes for its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.iis.configuration.mitigations import COOKIES
from playbooks.actions.mitigation.rewriting import Mitigated, Named, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment
from playbooks.observation import Observation
from playbooks.values import Value

OF = Mitigated(
    action="mitigation.backend_cookie",
    cve="CVE-2021-26855",
    application="",
    locations=("Default Web Site",),
    rules=(
        Named(COOKIES[0], "exrun X-AnonResource-Backend Abort - inbound", ("x-anonresource-backend abort",)),
        Named(COOKIES[1], "exrun X-BEResource Abort - inbound", ("x-beresource abort",)),
    ),
    breaks="Requests with the cookies X-AnonResource-Backend or X-BEResource are dropped; nothing known needs them",
    until="it was fixed in March 2021, and the rules are not needed from then on",
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Whether requests with these cookies are aborted before Exchange sees them."""
    return judge(OF, observation)
