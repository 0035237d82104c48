"""How far ProxyShell came on this server, as far as its logs tell.

A request that reached PowerShell through Autodiscover's path and was answered is a session with the rights of whoever
the request said it was; what was done in it stands in the event log MSExchange Management and in the Rps_Cmdlet logs,
of which one is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.exchange import cmdlets
from playbooks.actions.exchange.hunting import AFTER_A_PROBE, COMMANDS, FRONT_END, Grade, Hunt, Wording, hunted
from playbooks.actions.proxyshell.hunt.traces import judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Severity
from playbooks.observation import Observation
from playbooks.values import Value

ACTION = "proxyshell.hunt"

HUNT = Hunt(
    ACTION,
    "ProxyShell",
    {
        Grade.WRITTEN: Wording(
            Severity.CRITICAL,
            "A file was written where IIS runs it, by a command of Exchange",
            "ProxyShell: a file was written",
            "Take this server for compromised: cut it off from the network, keep its logs and memory, look for web "
            "shells (an exported mailbox and a certificate's request are no text files), and rotate its secrets",
        ),
        Grade.SESSION: Wording(
            Severity.CRITICAL,
            "A session of Exchange's PowerShell was obtained through Autodiscover",
            "ProxyShell: a session was obtained",
            "Take this server for compromised even without a web shell: whoever had the session could do what "
            "Exchange's administrators can. Cut it off, keep its logs and memory, and look for what was done",
        ),
        Grade.SUSPICIOUS: Wording(
            Severity.HIGH,
            "Commands that ProxyShell or what comes after it needs were run, and administrators run them as well",
            "ProxyShell: commands were run that it needs",
            "Ask whoever is named whether it was they, and why; if nobody was, take this server for compromised",
        ),
        Grade.ANSWERED: Wording(
            Severity.HIGH,
            "Mail or the directory was reached as Exchange itself, through Autodiscover or the control panel",
            "ProxyShell: the back end answered",
            "This server was open to it on that day: install the update if exchange.patch asks for it, and look in its "
            "IIS logs for what these client addresses did next",
        ),
        Grade.PROBED: Wording(
            Severity.MEDIUM,
            "This server was probed for ProxyShell",
            "ProxyShell: probed",
            AFTER_A_PROBE,
        ),
    },
    tuple((name,) for name in FRONT_END),
    ((COMMANDS, "CmdletInfra\\Powershell-Proxy\\Cmdlet"),),
    ("UrlStem",),
    judge,
    cmdlets.event,
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Grades each line and event that was sent, and says of what nothing can be said."""
    return hunted(HUNT, observation, today)
