"""What to rotate once a compromised server is clean, in order. exrun lists it and does none of it.

Whoever was SYSTEM on an Exchange server could read every secret that it held. None of them becomes secret again by
removing a web shell. What is rotated while somebody is still inside is read again: so first isolation, cleaning and the
update, then this list from the top.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AFTER_CLEANING", "Rotate"]


@dataclass(frozen=True, slots=True)
class Rotate:
    """One thing to rotate.

    Attributes:
        id: stable; programs refer to it.
        what: the secret, and where it is.
        why: what somebody can do with it who was SYSTEM on the server.
        how: what to do, one imperative sentence.
        source: where the fact is from, an address.
    """

    id: str
    what: str
    why: str
    how: str
    source: str


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
    ),
    Rotate(
        "administrators",
        "Every account that logged on to the server since the first trace, administrators first",
        "Windows keeps what they logged on with in memory (LSASS) and cached in the registry",
        "Change their passwords, end their sessions, and log on to servers of this kind with accounts made for them",
        _ATTACKS,
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
    ),
    Rotate(
        "krbtgt",
        "The password of krbtgt, twice, where a domain controller was reached or a right too many was found before",
        "Whoever has it can make Kerberos tickets for any account until it has been changed twice",
        "Change it, wait until it has reached every domain controller and the longest ticket has run out (10 hours by "
        "default), and change it again",
        "https://learn.microsoft.com/en-us/windows-server/identity/ad-ds/manage/forest-recovery-guide/"
        "ad-forest-recovery-reset-the-krbtgt-password",
    ),
    Rotate(
        "auth-certificate",
        "The Exchange Auth certificate, which every Exchange server of the organisation has with its key",
        "It signs the tokens by which Exchange vouches for users to Exchange Online, SharePoint and Skype for Business",
        "Make a new one, set it with Set-AuthConfig, publish it and clear the previous one; in a hybrid, run the "
        "Hybrid Configuration Wizard again",
        "https://microsoft.github.io/CSS-Exchange/Admin/MonitorExchangeAuthCertificate/",
    ),
    Rotate(
        "hybrid-application",
        "In a hybrid: the keys of the hybrid application in Entra ID, and those left in the shared service principal",
        "With such a key one is Exchange before Exchange Online (CVE-2025-53786), whatever is changed on premises",
        "Go over to the dedicated hybrid application, and reset the keyCredentials of the shared service principal",
        "https://microsoft.github.io/CSS-Exchange/Hybrid/ConfigureExchangeHybridApplication/",
    ),
    Rotate(
        "tls-certificates",
        "Certificates with their keys on the server: those of IIS and SMTP, and the federation certificate",
        "Keys that can be exported were; with them one is the server to clients, or reads what was recorded",
        "Have them issued again with new keys, set them, and have the old ones revoked; replace a certificate for many "
        "names everywhere it stands",
        _RESPONDERS,
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
    ),
    Rotate(
        "users",
        "Passwords of users who logged on to OWA, ECP or ActiveSync through the server since the first trace",
        "A changed logon page or a module in IIS writes down what users type",
        "Change them, those with rights first, and end the sessions of phones and browsers",
        _RESPONDERS,
    ),
)
"""In order."""
