"""How far ProxyLogon came on this server, as far as its logs tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.exchange.hunting import (
    AFTER_A_PROBE,
    COMMANDS,
    DIRECTORY,
    FRONT_END,
    Grade,
    Hunt,
    Wording,
    hunted,
)
from playbooks.actions.proxylogon.hunt.left import left_behind
from playbooks.actions.proxylogon.hunt.traces import event, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Severity
from playbooks.observation import Observation
from playbooks.values import Value

ACTION = "proxylogon.hunt"
SESSION_HOLE = "CVE-2021-26855"  # the front end passes a request on as SYSTEM
WRITING_HOLES = (
    "CVE-2021-26858",
    "CVE-2021-27065",
)  # by the OAB, by a virtual directory

HUNT = Hunt(
    ACTION,
    "ProxyLogon",
    {
        Grade.WRITTEN: Wording(
            Severity.CRITICAL,
            "A file was written through ProxyLogon",
            "ProxyLogon: a file was written",
            "Take this server for compromised: cut it off from the network, keep its logs and memory, look for web "
            f"shells and for what was done from them, and rotate its secrets; {DIRECTORY}",
            (SESSION_HOLE, *WRITING_HOLES),
        ),
        Grade.SESSION: Wording(
            Severity.CRITICAL,
            "A session as SYSTEM was obtained through ProxyLogon",
            "ProxyLogon: a session as SYSTEM was obtained",
            "Take this server for compromised even without a web shell: a session as SYSTEM existed. Cut it off, keep "
            f"its logs and memory, and look for what was done; {DIRECTORY}",
            (SESSION_HOLE,),
        ),
        Grade.SUSPICIOUS: Wording(
            Severity.HIGH,
            "Unified Messaging failed as it does where CVE-2021-26857 is used",
            "ProxyLogon: Unified Messaging failed as it does under attack",
            "Look for processes that UMWorkerProcess.exe started and for files that it wrote on these days",
            ("CVE-2021-26857",),
        ),
        Grade.LEAKED: Wording(
            Severity.HIGH,
            "ProxyLogon was used beyond a probe, as for learning an account's SID",
            "ProxyLogon: used beyond a probe, as for learning a SID",
            "Install the update if exchange.patch asks for it, and look in this server's IIS logs for what these "
            f"client addresses did next; {DIRECTORY}",
            (SESSION_HOLE,),
        ),
        Grade.PROBED: Wording(
            Severity.MEDIUM,
            "This server was probed for ProxyLogon",
            "ProxyLogon: probed",
            AFTER_A_PROBE,
            (SESSION_HOLE,),
        ),
    },
    tuple((name,) for name in FRONT_END),
    (("ECP\\Server", COMMANDS), ("OABGeneratorLog",)),
    ("AnchorMailbox",),
    judge,
    event,
    lambda observed, worst: left_behind(ACTION, observed, worst),
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Grades each line and event that was sent, and says of what nothing can be said."""
    return hunted(HUNT, observation, today)
