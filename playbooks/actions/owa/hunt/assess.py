"""How far ProxyNotShell and OWASSRF came on this server, as far as its logs tell.

A client that names itself otherwise than Windows's own does is suspicious and no proof: administrators have such
programs too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.exchange.hunting import AFTER_A_PROBE, FRONT_END, Grade, Hunt, Wording, hunted
from playbooks.actions.owa.hunt.rights import rights
from playbooks.actions.owa.hunt.traces import event, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Severity
from playbooks.observation import Observation
from playbooks.values import Value

ACTION = "owa.hunt"

HUNT = Hunt(
    ACTION,
    "ProxyNotShell and OWASSRF",
    {
        Grade.SESSION: Wording(
            Severity.CRITICAL,
            "A session of Exchange's PowerShell was obtained through Autodiscover or OWA",
            "ProxyNotShell or OWASSRF: a session was obtained",
            "Take this server for compromised: cut it off, keep its logs and memory, lock the accounts that are named, "
            "and look for what was run under w3wp.exe",
        ),
        Grade.SUSPICIOUS: Wording(
            Severity.HIGH,
            "PowerShell was used by a program that is not Windows's own, everybody was made owner of a folder, or EWS "
            "was asked for a file of the server",
            "ProxyNotShell or OWASSRF: what they leave, and administrators may",
            "Ask whoever is named whether it was they; if nobody was, take this server for compromised",
        ),
        Grade.PROBED: Wording(
            Severity.MEDIUM,
            "This server was probed for ProxyNotShell or OWASSRF",
            "ProxyNotShell or OWASSRF: probed",
            f"{AFTER_A_PROBE}. The rewrite rule against ProxyNotShell does not stop OWASSRF",
        ),
    },
    tuple((name,) for name in FRONT_END),
    (("CmdletInfra\\Powershell-Proxy\\Http",),),
    ("UrlStem",),
    judge,
    event,
    lambda observed, worst: rights(ACTION, observed),
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Grades each line and event that was sent, and says of what nothing can be said."""
    return hunted(HUNT, observation, today)
