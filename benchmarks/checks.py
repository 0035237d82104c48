"""Eight collect scripts such as an administrator writes, as actions of a playbook, and what the lab answers to each.

The same texts go to every client under test.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from playbooks.catalogue.catalogue import Catalogue
from playbooks.loading import load_playbook
from runner.lab.state import ScriptedAnswer

PLAYBOOK = "eight.yml"
_PLACES = {
    "smb1": (r"HKLM:\SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters", "SMB1"),
    "ntlm_level": (r"HKLM:\SYSTEM\CurrentControlSet\Control\Lsa", "LmCompatibilityLevel"),
    "lsa_protection": (r"HKLM:\SYSTEM\CurrentControlSet\Control\Lsa", "RunAsPPL"),
    "wdigest": (r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\WDigest", "UseLogonCredential"),
    "rdp": (r"HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server", "fDenyTSConnections"),
    "firewall": (
        r"HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\DomainProfile",
        "EnableFirewall",
    ),
    "crypto": (r"HKLM:\SOFTWARE\Microsoft\.NETFramework\v4.0.30319", "SchUseStrongCrypto"),
    "powershell_log": (
        r"HKLM:\SOFTWARE\Policies\Microsoft\Windows\PowerShell\ScriptBlockLogging",
        "EnableScriptBlockLogging",
    ),
}
_SCRIPT = """\
# Reads one setting of this server. Changes nothing.
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$key = '{key}'
try {{
    $found = Get-ItemProperty -LiteralPath $key | Select-Object -Property {value}
    @{{ Kind = 'Setting'; Name = '{value}'; Value = $found.{value} }}
}}
catch {{
    @{{ Kind = 'Unread'; What = $key; Why = $_.Exception.Message }}
}}
"""
_CONTRACT = """\
title: {name}
description: One setting of the registry.
outputs:
  Setting:
    Name: text
    Value: integer?
reads: ['{key}']
writes: []
needs: {{rights: [local administrator]}}
disruptive: false
reboots: false
interruption: none
reversible: true
timeouts: {{collect: 60}}
idempotent: true
compliant_when: Setting.Value == 1
severity: low
next: Set it
"""


def write_playbook(folder: Path) -> Path:
    """Playbook and actions in `folder`; the playbook's file."""
    steps = []
    for name, (key, value) in _PLACES.items():
        action = folder / "actions" / "bench" / name
        action.mkdir(parents=True)
        (action / "collect.ps1.j2").write_text(_SCRIPT.format(key=key, value=value), encoding="utf-8")
        (action / "action.yml").write_text(_CONTRACT.format(name=name, key=key), encoding="utf-8")
        steps.append(f"  - {{id: {name}, action: bench.{name}}}\n")
    playbook = folder / PLAYBOOK
    playbook.write_text(f"name: eight\ntitle: Eight settings\nsteps:\n{''.join(steps)}", encoding="utf-8")
    return playbook


def scripts(playbook: Path) -> tuple[str, ...]:
    """The texts that exrun sends, rendered and linted as for any audit."""
    return tuple(ready.collect for ready in load_playbook(str(playbook), {}, Catalogue.load()).steps)


def answers(texts: tuple[str, ...]) -> list[ScriptedAnswer]:
    """What the lab says to each: one object. Ansible cuts the last line end off."""
    found = []
    for text, (_, value) in zip(texts, _PLACES.values(), strict=True):
        output: list[JsonValue] = [{"Kind": "Setting", "Name": value, "Value": 1}]
        found += [ScriptedAnswer(script=form, output=output) for form in (text, text.rstrip("\n"))]
    return found
