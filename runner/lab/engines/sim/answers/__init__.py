"""What each built-in collect script says of a state, one module a script.

A module's `answer` is the script over again, in Python, over a Machine: the same objects in the same order, with the
same properties, types and errors. tests/runner/lab/engines/test_parity.py runs the scripts themselves beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers import (
    exchange_component_states,
    exchange_export_requests,
    exchange_oab_url,
    exchange_patch,
    exchange_services,
    exchange_transport_agents,
    exchange_version,
    exchange_virtual_directories,
    file_quarantine,
    iis_configuration,
    mitigation_emergency_service,
    mitigation_pools,
    mitigation_rules,
    mitigation_um,
    owa_hunt,
    proxylogon_hunt,
    proxyshell_hunt,
    webshell_quarantine,
    webshell_scan,
    windows_firewall,
    windows_isolate,
    windows_pending_reboot,
    windows_persistence,
    windows_release,
    windows_restart,
    windows_session,
)
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.streams import Items

Answer = Callable[[Machine, Mapping[str, Value]], Items]

# By the action's id.
ANSWERS: Mapping[str, Answer] = {
    "exchange.component_states": exchange_component_states.answer,
    "exchange.export_requests": exchange_export_requests.answer,
    "exchange.oab_url": exchange_virtual_directories.answer,
    "exchange.patch": exchange_patch.answer,
    "exchange.services": exchange_services.answer,
    "exchange.transport_agents": exchange_transport_agents.answer,
    "exchange.version": exchange_version.answer,
    "exchange.virtual_directories": exchange_virtual_directories.answer,
    "file.quarantine": file_quarantine.answer,
    "iis.configuration": iis_configuration.answer,
    "mitigation.backend_cookie": mitigation_rules.backend_cookie,
    "mitigation.ecp_pool": mitigation_pools.ecp,
    "mitigation.emergency_service": mitigation_emergency_service.answer,
    "mitigation.oab_pool": mitigation_pools.oab,
    "mitigation.owa_csp": mitigation_rules.owa_csp,
    "mitigation.powershell_inbound": mitigation_rules.powershell_inbound,
    "mitigation.um": mitigation_um.answer,
    "proxylogon.hunt": proxylogon_hunt.answer,
    "webshell.quarantine": webshell_quarantine.answer,
    "owa.hunt": owa_hunt.answer,
    "proxyshell.hunt": proxyshell_hunt.answer,
    "webshell.scan": webshell_scan.answer,
    "windows.firewall": windows_firewall.answer,
    "windows.isolate": windows_isolate.answer,
    "windows.pending_reboot": windows_pending_reboot.answer,
    "windows.persistence": windows_persistence.answer,
    "windows.release": windows_release.answer,
    "windows.restart": windows_restart.answer,
    "windows.session": windows_session.answer,
}

# What the scripts that read evidence say, by the action's id.
EVIDENCE: Mapping[str, Answer] = {
    "exchange.oab_url": exchange_oab_url.evidence,
    "file.quarantine": file_quarantine.evidence,
    "webshell.quarantine": webshell_quarantine.evidence,
}
