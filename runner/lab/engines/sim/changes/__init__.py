"""What each built-in script that changes a server makes of its state, one module an action.

A function is the script over again, in Python: it takes the values that the script shows, makes the same of the state
and writes the same. tests/runner/lab/engines/test_changing.py runs the scripts themselves beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from playbooks.values import Value
from runner.lab.engines.sim.changes import (
    exchange_services,
    file_quarantine,
    mitigation_emergency_service,
    mitigation_pools,
    mitigation_rules,
    mitigation_um,
    webshell_quarantine,
    windows_isolate,
    windows_release,
    windows_restart,
)
from runner.lab.engines.sim.streams import Items
from runner.lab.state import LiveState

Change = Callable[[LiveState, Mapping[str, Value]], Items]

# By the action's id and the name of the template.
CHANGES: Mapping[str, Mapping[str, Change]] = {
    "exchange.services": {"apply.ps1.j2": exchange_services.apply, "rollback.ps1.j2": exchange_services.rollback},
    "file.quarantine": {"apply.ps1.j2": file_quarantine.apply, "rollback.ps1.j2": file_quarantine.rollback},
    "mitigation.backend_cookie": {
        "apply.ps1.j2": mitigation_rules.apply_inbound,
        "rollback.ps1.j2": mitigation_rules.rollback_inbound,
    },
    "mitigation.ecp_pool": {"apply.ps1.j2": mitigation_pools.apply, "rollback.ps1.j2": mitigation_pools.rollback},
    "mitigation.emergency_service": {
        "apply.ps1.j2": mitigation_emergency_service.apply,
        "rollback.ps1.j2": mitigation_emergency_service.rollback,
    },
    "mitigation.oab_pool": {"apply.ps1.j2": mitigation_pools.apply, "rollback.ps1.j2": mitigation_pools.rollback},
    "mitigation.owa_csp": {
        "apply.ps1.j2": mitigation_rules.apply_outbound,
        "rollback.ps1.j2": mitigation_rules.rollback_outbound,
    },
    "mitigation.powershell_inbound": {
        "apply.ps1.j2": mitigation_rules.apply_inbound,
        "rollback.ps1.j2": mitigation_rules.rollback_inbound,
    },
    "mitigation.um": {"apply.ps1.j2": mitigation_um.apply, "rollback.ps1.j2": mitigation_um.rollback},
    "webshell.quarantine": {
        "apply.ps1.j2": webshell_quarantine.apply,
        "rollback.ps1.j2": webshell_quarantine.rollback,
    },
    "windows.isolate": {"apply.ps1.j2": windows_isolate.apply, "rollback.ps1.j2": windows_isolate.rollback},
    "windows.release": {"apply.ps1.j2": windows_release.apply, "rollback.ps1.j2": windows_release.rollback},
    "windows.restart": {"apply.ps1.j2": windows_restart.apply},
}
