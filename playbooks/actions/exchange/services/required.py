"""Which services a role of Exchange Server needs, product by product.

From Microsoft's pages "Overview of Exchange services on Exchange servers" (2016, 2019;
https://learn.microsoft.com/exchange/plan-and-deploy/deployment-ref/services-overview) and "Overview of Exchange 2013
services" (technet library ee423542): the services marked *Required*, whose default is Automatic; and those that
CSS-Exchange's HealthChecker calls critical (Get-ExchangeDependentServices.ps1), the search host controller of every
version among them. Windows' own are judged because setup's ServiceControl.ps1 stops and disables them together with
Exchange's while an update runs, and because Exchange does not start without them. Lenient beyond the pages:

- Those marked *Optional* are an administrator's choice and are not judged: POP3 and IMAP4, EdgeSync, anti-spam update,
  transport log search, both of Unified Messaging, Windows Server Backup's.
- `ON_DEMAND` may be Manual, and `MAY_STAND_STILL` stopped too: something starts them when it needs them.
- Notifications Broker stops by itself on servers without subscriptions, so it is not judged.
- Emergency Mitigation (EEMS) is switched off on purpose where servers may not reach the internet: a finding of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a server is. In 2016 and later Mailbox includes Client Access; in 2013 they can stand apart."""

    MAILBOX = "Mailbox"
    CLIENT_ACCESS = "Client Access"
    EDGE = "Edge Transport"


class Product(Enum):
    """By MsiProductMinor: 15.0, 15.1, and 15.2 for both 2019 and SE."""

    V2013 = 0
    V2016 = 1
    V2019 = 2


MITIGATION = "MSExchangeMitigation"
POP_AND_IMAP = frozenset({"MSExchangePOP3", "MSExchangePOP3BE", "MSExchangeIMAP4", "MSExchangeIMAP4BE"})
NOTIFICATIONS = "MSExchangeNotificationsBroker"
# Stopped and disabled they hold CVE-2021-26857 off (mitigation.um): no role needs them, a snapshot may.
UNIFIED_MESSAGING = frozenset({"MSExchangeUM", "MSExchangeUMCR"})
ALL = frozenset(Product)
LATER = frozenset({Product.V2016, Product.V2019})


@dataclass(frozen=True, slots=True)
class Required:
    """One service. `always` says that a server of the role without it is not whole; others may have come later."""

    name: str
    roles: frozenset[Role]
    products: frozenset[Product] = ALL
    always: bool = False


_MAILBOX = frozenset({Role.MAILBOX})
_CLIENT_ACCESS = frozenset({Role.CLIENT_ACCESS})
_EDGE = frozenset({Role.EDGE})
_INSIDE = _MAILBOX | _CLIENT_ACCESS
_EVERY = frozenset(Role)

REQUIRED = (
    Required("MSExchangeADTopology", _INSIDE, always=True),
    Required("MSExchangeServiceHost", _EVERY, always=True),
    Required("MSExchangeTransport", _MAILBOX | _EDGE, always=True),
    Required("MSExchangeIS", _MAILBOX, always=True),
    Required("W3SVC", _INSIDE, always=True),
    Required("ADAM_MSExchange", _EDGE, always=True),
    Required("MSExchangeEdgeCredential", _EDGE, always=True),
    Required("MSExchangeFrontEndTransport", _MAILBOX, LATER),
    Required("MSExchangeFrontEndTransport", _CLIENT_ACCESS),
    Required("MSExchangeDagMgmt", _MAILBOX),
    Required("MSExchangeDelivery", _MAILBOX),
    Required("MSExchangeSubmission", _MAILBOX),
    Required("MSExchangeMailboxAssistants", _MAILBOX),
    Required("MSExchangeMailboxReplication", _MAILBOX),
    Required("MSExchangeRepl", _MAILBOX),
    Required("MSExchangeRPC", _MAILBOX),
    Required("MSExchangeFastSearch", _MAILBOX),
    Required("MSExchangeThrottling", _MAILBOX),
    Required("HostControllerService", _MAILBOX),
    Required("MSExchangeCompliance", _MAILBOX, LATER),
    Required("MSComplianceAudit", _MAILBOX, LATER),
    Required("FMS", _MAILBOX),
    Required("MSExchangeDiagnostics", _EVERY),
    Required("MSExchangeHM", _EVERY),
    Required("MSExchangeHMRecovery", _EVERY, LATER),
    Required("IISADMIN", _INSIDE),
    Required("WAS", _INSIDE),
    Required("Winmgmt", _EVERY),
    Required("MpsSvc", _EVERY),
    Required("RpcEptMapper", _EVERY),
    Required("EventLog", _EVERY),
    Required("pla", _INSIDE),
)
# The HTTP stack starts WAS, Winmgmt starts at the first question, and pla when data is to be collected.
MAY_STAND_STILL = frozenset({"pla"})
ON_DEMAND = frozenset({"WAS", "Winmgmt"}) | MAY_STAND_STILL
# By default; every other one that is required is Automatic (services-overview.md, HealthChecker).
MANUAL = frozenset({"WAS", "pla"})
# What the collect script reads beside those whose name begins with MSExchange.
OTHERS = frozenset(
    {
        "ADAM_MSExchange",
        "FMS",
        "HostControllerService",
        "MSComplianceAudit",
        "SearchExchangeTracing",
        "wsbexchange",
        "IISADMIN",
        "W3SVC",
        "WAS",
        "Winmgmt",
        "pla",
        "MpsSvc",
        "RpcEptMapper",
        "EventLog",
        "RemoteRegistry",
    }
)


def required(roles: frozenset[Role], product: Product | None) -> dict[str, Required]:
    """The services that these roles need, by their names in lower case; where the product is unknown, of every product.

    Windows compares names of services without case.
    """
    return {
        service.name.casefold(): service
        for service in REQUIRED
        if service.roles & roles and (product in service.products if product else service.products == ALL)
    }
