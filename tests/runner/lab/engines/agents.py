"""Exchange's files of transport agents, and the libraries that they name."""

from __future__ import annotations

from collections.abc import Iterable

from runner.lab.state import FileState

DEFAULT = "C:\\Program Files\\Microsoft\\Exchange Server\\V15"
MICROSOFT = "CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, S=Washington, C=US"
RULE = "Microsoft.Exchange.MessagingPolicies.TransportRuleAgent"
FILTER = "Microsoft.Exchange.Transport.Agent.ConnectionFiltering"


def agent(name: str, library: str, factory: str = "A.Factory", enabled: str = "true") -> str:
    """An element of the list."""
    return (
        f'      <agent name="{name}" baseType="Microsoft.Exchange.Data.Transport.Routing.RoutingAgent" '
        f'classFactory="{factory}" assemblyPath="{library}" enabled="{enabled}" />'
    )


def configured(*agents: str) -> FileState:
    """A file with these agents."""
    listed = "\r\n".join(agents)
    return FileState(
        content='<?xml version="1.0" encoding="utf-8"?>\r\n<configuration>\r\n  <mexRuntime>\r\n    <monitoring>\r\n'
        '      <agentExecution timeLimitInMilliseconds="90000" />\r\n      <messageSnapshot enabled="true" />\r\n'
        f"    </monitoring>\r\n    <agentList>\r\n{listed}\r\n    </agentList>\r\n  </mexRuntime>\r\n"
        "</configuration>\r\n"
    )


def library(path: str, signer: str | None = MICROSOFT) -> dict[str, FileState]:
    """A library."""
    return {path: FileState(version="15.02.1544.036", size=64, signer=signer)}


def usual(
    install: str = DEFAULT,
    hub: Iterable[str] = (),
    front_end: Iterable[str] = (),
    *,
    roles: tuple[bool, bool] = (True, True),
) -> dict[str, FileState]:
    """What Exchange has itself, with more agents; for a server of mailboxes and a front end, or one of them."""
    folder = install.rstrip("\\")
    rule = f"{folder}\\TransportRoles\\agents\\Rule\\{RULE}.dll"
    connection = f"{folder}\\TransportRoles\\agents\\Hygiene\\{FILTER}.dll"
    shared = f"{folder}\\TransportRoles\\Shared"
    files: dict[str, FileState] = {}
    if roles[0]:
        own = agent("Transport Rule Agent", rule, "Microsoft.Exchange.MessagingPolicies.TransportRuleAgent.Factory")
        files |= {f"{shared}\\agents.config": configured(own, *hub), **library(rule)}
    if roles[1]:
        own = agent("Connection Filtering Agent", connection, f"{FILTER}.ConnectionFilteringAgentFactory")
        files |= {f"{shared}\\fetagents.config": configured(own, *front_end), **library(connection)}
    return files


# Of every form: what the script tells apart.
ODD = usual(
    hub=(
        agent("Twice", "C:\\Agents\\a.dll"),
        agent("Twice", "c:\\agents\\A.DLL"),
        agent("Größe ☃", "C:\\Agents\\gone &amp; away.dll"),
        agent("Remote", "\\\\10.0.0.9\\share\\a.dll"),
        agent("Closed", "C:\\Agents\\closed.dll", enabled="false"),
        agent("Folder", "C:\\Agents"),
        "      <agent name='single' assemblyPath = 'C:\\Agents\\single.dll'",
        "        enabled='false' />",
    )
) | {
    **library("C:\\Agents\\a.dll", None),
    **library("C:\\Agents\\single.dll", "CN=Contoso, O=Contoso"),
    "C:\\Agents\\closed.dll": FileState(denied=True),
}
