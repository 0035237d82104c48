"""Logs of Exchange as the lab's files hold them: what health probes leave, and what ProxyLogon left in March 2021.

Headers are those of recorded logs: HttpProxy of Exchange 2016 and 2019 begins with the names of its columns, or has
them behind `#Fields:`; that of 2013 RTM lacks some. Addresses are of documentation (RFC 5737).
"""

from __future__ import annotations

from runner.lab.state import FileState

SUBFOLDERS = ("Autodiscover", "Eas", "Ecp", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")
HEADER = (
    "DateTime,RequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,ClientRequestId,Protocol,UrlHost,UrlStem,"
    "ProtocolAction,AuthenticationType,IsAuthenticated,AuthenticatedUser,Organization,AnchorMailbox,UserAgent,"
    "ClientIpAddress,ServerHostName,HttpStatus,BackEndStatus,ErrorCode,Method,ProxyAction,TargetServer"
)
NAMES = HEADER.split(",")
OLD_NAMES = [name for name in NAMES if name != "UrlHost"]
FIELDS = (
    "#Software: Microsoft Exchange Server\r\n#Version: 15.01.2375.007\r\n#Log-type: HttpProxy Logs\r\n"
    f"#Date: 2021-03-03T00:00:01.234Z\r\n#Fields: {HEADER}"
)
AUTODISCOVER = "ServerInfo~a]@ex01.example.org:444/autodiscover/autodiscover.xml?#"
MAPI = "ServerInfo~a]@ex01.example.org:444/mapi/emsmdb/?#"
SESSION = "ServerInfo~a]@ex01.example.org:444/ecp/proxyLogon.ecp?#"
RESET = (
    "ServerInfo~a]@ex01.example.org:444/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary=x"
    "&schema=ResetOABVirtualDirectory#"
)
DEFAULT = "C:\\Program Files\\Microsoft\\Exchange Server\\V15"
WRITTEN = "2026-02-27T10:00:00.0000000Z"


def row(anchor: str, status: str = "200", *, names: list[str] = NAMES, **columns: str) -> str:
    """A line of HttpProxy."""
    said = {
        "DateTime": "2021-03-03T04:05:06.789Z",
        "RequestId": "0a0b0c0d-0000-0000-0000-000000000001",
        "MajorVersion": "15",
        "Protocol": "Ecp",
        "UrlHost": "mail.example.org",
        "UrlStem": "/ecp/y.js",
        "AnchorMailbox": anchor,
        "UserAgent": "python-requests/2.25.1",
        "ClientIpAddress": "192.0.2.7",
        "HttpStatus": status,
        "Method": "POST",
    } | columns
    return ",".join(said.get(name, "") for name in names)


def log(*lines: str, modified: str = WRITTEN) -> FileState:
    """A log file of these lines."""
    return FileState(content="".join(f"{line}\r\n" for line in lines), modified=modified)


def quiet(install: str = DEFAULT, *, front_end: bool = True, mailbox: bool = True) -> dict[str, FileState]:
    """The logs of a server to which nothing has happened: what its own probes leave there."""
    logging = f"{install.rstrip(chr(92))}\\Logging"
    probe = row("HealthMailbox0@example.org", UserAgent="AMProbe/Local/ClientAccess", ClientIpAddress="127.0.0.1")
    files = {}
    if front_end:
        for name in SUBFOLDERS:
            files[f"{logging}\\HttpProxy\\{name}\\HttpProxy_2026022710-1.LOG"] = log(HEADER, probe)
    if mailbox:
        files[f"{logging}\\ECP\\Server\\ECPServer20260227-1.LOG"] = log(
            "#Fields: TimeStamp,ServerName,EventId,EventData", "2026-02-27T09:00:00Z,EX01,Request,S:CMD=Get-Mailbox"
        )
        files[f"{logging}\\OABGeneratorLog\\OABGenerator20260227-1.LOG"] = log("#Fields: date-time,message")
    return files


def attacked(install: str = DEFAULT) -> dict[str, FileState]:
    """Logs that hold every form of trace, header and trouble."""
    logging = f"{install}\\Logging"
    proxy = f"{logging}\\HttpProxy"
    talkative = 'Mozilla/5.0 ""quoted"", ""and, again""'
    return {
        f"{proxy}\\Ecp\\HttpProxy_2021030303-1.LOG": log(
            FIELDS,
            row(AUTODISCOVER, UserAgent="ExchangeServicesClient/0.0.0.0"),
            row(MAPI, UserAgent=f'"{talkative}"'),
            ",".join(OLD_NAMES),
            row(SESSION, "241", names=OLD_NAMES),
            row("ServerInfo~localhost:444/ecp/x", names=OLD_NAMES),
            row("someone@example.org", UserAgent="DateTime, or a header?", names=OLD_NAMES),
            modified="2021-03-03T04:00:00.0000000Z",
        ),
        f"{proxy}\\Ecp\\httpproxy_2021030304-1.log": log(
            "\ufeff" + HEADER, row(RESET), row(RESET, "500"), row(SESSION, "241", UserAgent="x" * 10_000)
        ),
        f"{proxy}\\Ecp\\notes.txt": log(row(SESSION, "241")),
        f"{proxy}\\Ecp\\empty.log": log(),
        f"{proxy}\\Ecp\\folder.log": FileState(folder=True),
        f"{proxy}\\Autodiscover\\a.log": log(*[row(AUTODISCOVER) for _ in range(260)], row(MAPI), row(SESSION, "241")),
        f"{proxy}\\Eas\\a.log": log(HEADER, *[row(AUTODISCOVER, UserAgent="y" * 5_000) for _ in range(120)]),
        f"{proxy}\\Ews": FileState(folder=True, denied=True),
        f"{proxy}\\Mapi": FileState(folder=True, attributes="Directory, ReparsePoint"),
        f"{proxy}\\Oab": FileState(folder=True),
        f"{proxy}\\Owa\\a.log": FileState(content=f"{row(MAPI)}\r\n", denied=True),
        f"{proxy}\\Owa\\b.log": FileState(content=f"{row(MAPI)}\r\n", attributes="Archive, ReparsePoint"),
        f"{proxy}\\OwaCalendar": log("a file, where a folder should be"),
        **{f"{proxy}\\Other{number}\\[1] \u00e9.log": log(HEADER, row("someone@example.org")) for number in range(7)},
        f"{logging}\\ECP\\Server\\ECPServer20210303-1.LOG": log(
            "#Fields: TimeStamp,ServerName,EventId,EventData",
            "2021-03-03T04:05:07Z,EX01,Request,S:CMD=Set-OabVirtualDirectory.ExternalUrl='http://f/<i planted>'",
            "2021-03-03T04:05:08Z,EX01,Request,S:CMD=Set-OwaVirtualDirectory.ExternalUrl='https://mail.example.org/owa'",
            "2021-03-03T04:05:09Z,EX01,Request,S:CMD=Get-OabVirtualDirectory",
        ),
        f"{logging}\\OABGeneratorLog\\a.log": log(
            f"Download failed and temporary file '{install}\\ClientAccess\\OAB\\x.tmp' needs to be removed",
            "Download failed and temporary file 'C:\\inetpub\\wwwroot\\aspnet_client\\x.txt' needs to be removed",
        ),
    }
