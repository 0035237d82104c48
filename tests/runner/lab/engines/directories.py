"""What Active Directory has of Exchange: virtual directories, requests to export mailboxes, and who may make them."""

from __future__ import annotations

from runner.lab.state import DirectoryState, ExportRequest, RoleAssignment, VirtualDirectory

_OAB = VirtualDirectory(
    kind="Oab",
    name="OAB (Default Web Site)",
    internal="https://ex01.contoso.com/OAB",
    external="https://mail.contoso.com/OAB",
)
_ECP = VirtualDirectory(kind="Ecp", name="ecp (Default Web Site)", external="https://mail.contoso.com/ecp")
# What every server with mailboxes has, where a session reaches the directory.
DIRECTORY = DirectoryState(answers="answers", virtual_directories=[_OAB, _ECP])
# Of every form; the marks of the attack, without its function.
ODD = DirectoryState(
    answers="answers",
    virtual_directories=[
        _OAB.model_copy(update={"external": "http://f/<script>/* Größe ☃ */</script>", "changed": None}),
        _OAB.model_copy(update={"name": "second", "internal": "https://" + "x" * 5000, "external": None}),
        _ECP.model_copy(update={"internal": "", "changed": "2021-03-03T04:05:06.7890123Z"}),
        VirtualDirectory(kind="Autodiscover", name="Autodiscover (Default Web Site)"),
        *(VirtualDirectory(kind="Mapi", name=f"mapi {at}") for at in range(102)),
    ],
)
# Of every form: what ProxyShell asks for, what administrators do, and what cannot be read.
EXPORTS = DIRECTORY.model_copy(
    update={
        "export_requests": [
            ExportRequest(
                path="\\\\127.0.0.1\\c$\\inetpub\\wwwroot\\aspnet_client\\Größe.aspx",
                created="2021-08-17T12:43:36.7890123Z",
                server="EX01.contoso.com",
                report="8/17/2021 12:43:36 PM [EX01] 'contoso.com/Users/Administrator' created request.\r\n"
                + "x" * 5000,
            ),
            ExportRequest(name="second", path="\\\\localhost\\C$\\x.pst", batch="b", created=None, denied=True),
            ExportRequest(name="third", path=None, status="Failed"),
            ExportRequest(name="usual", path="\\\\files\\pst\\x.PST"),
            *(ExportRequest(name=f"more {at}", path=f"\\\\files\\c$\\{at}.pst", status="Queued") for at in range(55)),
        ],
        "export_roles": ["Mailbox Import Export", "Helpdesk"],
        "role_assignments": [
            *DIRECTORY.role_assignments,
            RoleAssignment(name="Mailbox Import Export-Administrator", assignee="Administrator", type="User"),
            RoleAssignment(
                name="a", role="HELPDESK", assignee="b", delegation="Delegating", enabled=False, created=None
            ),
            RoleAssignment(name="other", role="Mail Recipients", assignee="c"),
        ],
    }
)
# More of each than is sent.
MANY_EXPORTS = DIRECTORY.model_copy(
    update={
        "export_requests": [ExportRequest(name=f"{at}", path=f"\\\\files\\pst\\{at}.pst") for at in range(1002)],
        "export_roles": ["Mailbox Import Export", *(f"role {at}" for at in range(101))],
        "role_assignments": [RoleAssignment(name=f"{at}", assignee="x") for at in range(502)],
    }
)
