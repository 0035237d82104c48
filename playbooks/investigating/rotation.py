"""What to rotate once a compromised server is clean, in order. exrun lists it and does none of it.

Whoever was SYSTEM on an Exchange server could read every secret that it held. None of them becomes secret again by
removing a web shell. What is rotated while somebody is still inside is read again: so first isolation, cleaning and the
update, then this list from the top.

    Assessments by step -> the list, with what was seen on this server

What was seen makes one thing on the list more urgent and none less: that nobody was seen at a secret proves nothing.
What a server has no part in by its own word stays on the list as well, with that word: who was inside may have written
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from playbooks.findings import Assessment, Finding

__all__ = ["AFTER_CLEANING", "URGENT", "Rotate", "of_servers", "to_rotate"]


@dataclass(frozen=True, slots=True)
class Rotate:
    """One thing to rotate.

    Attributes:
        id: stable; programs refer to it.
        what: the secret, and where it is.
        why: what somebody can do with it who was SYSTEM on the server.
        how: what to do, one imperative sentence.
        source: where the fact is from, an address.
        unknown: what exrun does not ask, and somebody has to find out; empty where there is nothing.
        seen: what was found on this server that makes it urgent, each one sentence; of several, with the server's name.
        unless: by what word of its own this server has no part in it; of several, with its name.
    """

    id: str
    what: str
    why: str
    how: str
    source: str
    unknown: str = ""
    seen: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


_RESPONDERS = (
    "https://msrc.microsoft.com/blog/2021/03/"
    "guidance-for-responders-investigating-and-remediating-on-premises-exchange-server-vulnerabilities/"
)
_ATTACKS = (
    "https://www.microsoft.com/en-us/security/blog/2021/03/25/"
    "analyzing-attacks-taking-advantage-of-the-exchange-server-vulnerabilities/"
)

AFTER_CLEANING = (
    Rotate(
        "local-accounts",
        "Passwords of the server's local accounts, Administrator first, wherever else they are the same",
        "Their hashes stand in the registry (SAM), and a hash is enough to log on to every server with that password",
        "Give each server a password of its own (Windows LAPS), and remove local accounts that nobody knows",
        _ATTACKS,
        "Which other servers have the same passwords",
    ),
    Rotate(
        "administrators",
        "Every account that logged on to the server since the first trace, administrators first",
        "Windows keeps what they logged on with in memory (LSASS) and cached in the registry",
        "Change their passwords, end their sessions, and log on to servers of this kind with accounts made for them",
        _ATTACKS,
        "What was read from memory, which leaves no trace that a step looks for",
    ),
    Rotate(
        "service-accounts",
        "Accounts that services, scheduled tasks and application pools of the server run as, and those of its agents "
        "(backup, antivirus, monitoring)",
        "Their passwords are stored there (LSA secrets, the task store, applicationHost.config) and SYSTEM reads them",
        "Change each password where it is kept and where it is used; where it can be, replace it by a group managed "
        "service account",
        _ATTACKS,
    ),
    Rotate(
        "machine-account",
        "The computer account of the server, and of every other Exchange server that was reached from it",
        "It is a member of Exchange Trusted Subsystem, which can change most of what Exchange has in the directory",
        "Reset the computer's password twice (Reset-ComputerMachinePassword), the second time once the first has "
        "reached every domain controller",
        "https://learn.microsoft.com/en-us/powershell/module/microsoft.powershell.management/"
        "reset-computermachinepassword?view=powershell-5.1",
    ),
    Rotate(
        "directory-rights",
        "No secret, but look before the next one: rights in the directory that were given with the server's own",
        "Exchange Windows Permissions can, without split permissions, give anybody the right to copy all passwords of "
        "the domain (DCSync)",
        "Compare the access list of the domain and the members of Exchange's and of administrators' groups with what "
        "they were before, and move to split permissions",
        "https://github.com/gdedrouas/Exchange-AD-Privesc",
        "What stands in the directory: no step asks a domain controller",
    ),
    Rotate(
        "krbtgt",
        "The password of krbtgt, twice, where a domain controller was reached or a right too many was found before",
        "Whoever has it can make Kerberos tickets for any account until it has been changed twice",
        "Change it, wait until it has reached every domain controller and the longest ticket has run out (10 hours by "
        "default), and change it again",
        "https://learn.microsoft.com/en-us/windows-server/identity/ad-ds/manage/forest-recovery-guide/"
        "ad-forest-recovery-reset-the-krbtgt-password",
        "Whether this server is a domain controller as well: if it is, every password of the domain was on it",
    ),
    Rotate(
        "auth-certificate",
        "The Exchange Auth certificate, which every Exchange server of the organisation has with its key",
        "It signs the tokens by which Exchange vouches for users to Exchange Online, SharePoint and Skype for Business",
        "Make a new one, set it with Set-AuthConfig, publish it and clear the previous one; in a hybrid, run the "
        "Hybrid Configuration Wizard again",
        "https://microsoft.github.io/CSS-Exchange/Admin/MonitorExchangeAuthCertificate/",
        "Whether its key was exported, which leaves no trace that a step looks for",
    ),
    Rotate(
        "hybrid-application",
        "In a hybrid: the keys of the hybrid application in Entra ID, and those left in the shared service principal",
        "With such a key one is Exchange before Exchange Online (CVE-2025-53786), whatever is changed on premises",
        "Go over to the dedicated hybrid application, and reset the keyCredentials of the shared service principal",
        "https://microsoft.github.io/CSS-Exchange/Hybrid/ConfigureExchangeHybridApplication/",
        "Whether there is a hybrid, and whether it has its dedicated application",
    ),
    Rotate(
        "edge-subscription",
        "Where there are Edge Transport servers: the credentials of their subscription",
        "A Mailbox server replicates recipients and configuration to them with these; both ends keep them",
        "Remove the subscription and make a new one, with a new file of it on each Edge server",
        "https://learn.microsoft.com/en-us/exchange/edgesync-replication-data-exchange-2013-help",
        "Whether there is a subscription",
    ),
    Rotate(
        "tls-certificates",
        "Certificates with their keys on the server: those of IIS and SMTP, and the federation certificate",
        "Keys that can be exported were; with them one is the server to clients, or reads what was recorded",
        "Have them issued again with new keys, set them, and have the old ones revoked; replace a certificate for many "
        "names everywhere it stands",
        _RESPONDERS,
        "Which certificates there are, and whether their keys were exported",
    ),
    Rotate(
        "machine-keys",
        "ASP.NET machine keys: written out in a web.config, SharedWebConfig.config or applicationHost.config, and the "
        "generated ones in the registry",
        "Whoever knows a machine key can have the server run what they sign with it, with no web shell and after any "
        "update",
        "Take written-out keys away, have new ones generated (delete AutoGenKeyV4 of the pools' accounts), and restart "
        "the application pools on all servers",
        "https://soroush.secproject.com/blog/2019/05/danger-of-stealing-auto-generated-net-machine-keys/",
    ),
    Rotate(
        "stored-passwords",
        "Passwords that Exchange or scripts keep: of send connectors to a smart host, of applications that relay "
        "through the server, in scripts and in mailboxes of administrators",
        "They stand in configuration and mail that SYSTEM on this server reads",
        "Search for them, change them, and remove them from where they need not be",
        _RESPONDERS,
        "Which there are",
    ),
    Rotate(
        "users",
        "Passwords of users who logged on to OWA, ECP or ActiveSync through the server since the first trace",
        "A changed logon page or a module in IIS writes down what users type",
        "Change them, those with rights first, and end the sessions of phones and browsers",
        _RESPONDERS,
        "Who logged on",
    ),
)
"""In order."""

_EDGE = (
    "machine-account",
    "directory-rights",
    "krbtgt",
    "auth-certificate",
    "hybrid-application",
    "users",
)
# What of a finding's id or of the reasons of a file (docs/reference/webshells.md) makes which secret urgent.
URGENT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "content.machine-key": ("machine-keys", "a page that gives out the machine key was found"),
        "config.known-key": ("machine-keys", "a machine key that everybody knows is configured"),
        "config.static-key": ("machine-keys", "a machine key is written out in a configuration"),
        "iis.configuration.known-key": ("machine-keys", "a machine key that everybody knows is configured"),
        "iis.configuration.static-key": ("machine-keys", "a machine key is written out in a configuration"),
        "content.visitor-objects": ("machine-keys", "a page that makes objects of what is sent was found"),
        "content.credential-dump": ("administrators", "a page that names what passwords are read from memory with"),
        "content.native-code": ("administrators", "a page that calls into Windows, as programs that read memory do"),
        "content.credential-writer": ("users", "a page that writes down what users log on with was found"),
        "iis.configuration.module-imitates": ("users", "a module of IIS that imitates another was found"),
        "iis.configuration.module-foreign": ("users", "a module of IIS that is nobody's was found"),
        "exchange.transport_agents.foreign": ("stored-passwords", "a transport agent that is nobody's was found"),
        "content.iis-secrets": ("service-accounts", "a page that reads IIS's accounts and passwords was found"),
        "content.shell-object": ("service-accounts", "a page that starts programs was found"),
        "content.visitor-commands": ("service-accounts", "a page that runs whatever command is sent was found"),
        "content.visitor-runs": ("service-accounts", "a page that runs whatever code is sent was found"),
        "windows.persistence.user": ("local-accounts", "local users that nobody accounted for were found"),
        "windows.persistence.administrator": ("local-accounts", "administrators who should be none were found"),
        "windows.persistence.task": ("service-accounts", "a scheduled task like an intruder's was found"),
        "windows.persistence.service": ("service-accounts", "a service or driver like an intruder's was found"),
        "windows.persistence.wmi": ("service-accounts", "programs that WMI starts by itself were found"),
    }
)
# Whoever runs code as SYSTEM has these at once: what makes one urgent makes all of them so.
_WITH_SYSTEM = ("service-accounts", "local-accounts", "administrators", "machine-account", "auth-certificate")
_REASON = re.compile(r"\[([a-z]+\.[a-z-]+)(?=[]:])")
_ENTERED = frozenset({"session-obtained", "written"})


def to_rotate(said: Mapping[str, Assessment]) -> tuple[Rotate, ...]:
    """The list for one compromised server: all of it, with what its steps found.

    Args:
        said: by step, in the order of the playbook.
    """
    seen: dict[str, list[str]] = {}
    for each in said.values():
        for finding in each.findings:
            for sign in _signs(finding):
                thing, text = URGENT[sign]
                things = _WITH_SYSTEM if thing == "service-accounts" else (thing,)
                for one in things:
                    seen.setdefault(one, []).append(text)
        if each.facts.get("grade") in _ENTERED or each.facts.get("at_least") in _ENTERED:
            text = "the logs tell of a session of somebody who was not to have one: whose mail was read is not known"
            for one in ("stored-passwords", "users"):
                seen.setdefault(one, []).append(text)
    edge = any(each.facts.get("edge") is True for each in said.values())
    word = "it is an Edge Transport server, which has none of it: see that this is true"
    return tuple(
        replace(
            each,
            seen=tuple(dict.fromkeys(seen.get(each.id, ()))),
            unless=(word,) if edge and each.id in _EDGE else (),
        )
        for each in AFTER_CLEANING
    )


def _signs(finding: Finding) -> Iterator[str]:
    """What a finding says by its id, and by the reasons of files among its evidence."""
    signs = [finding.id]
    if finding.id.startswith("webshell.scan."):
        signs += [sign for line in finding.evidence for sign in _REASON.findall(line)]
    return (sign for sign in dict.fromkeys(signs) if sign in URGENT)


def of_servers(servers: Iterable[tuple[str, Mapping[str, Assessment]]]) -> tuple[Rotate, ...]:
    """One list for several compromised servers; what was seen, and their own word, with their names.

    Args:
        servers: each by its name, with what its steps say; of none there is nothing to rotate.
    """
    lists = [(name, to_rotate(said)) for name, said in servers]
    if not lists:
        return ()
    return tuple(
        replace(
            each,
            seen=tuple(f"{name}: {text}" for name, found in lists for text in found[at].seen),
            unless=tuple(f"{name}, by its own word: {text}" for name, found in lists for text in found[at].unless),
        )
        for at, each in enumerate(AFTER_CLEANING)
    )
