"""Logs of Exchange and IIS, and events, as the lab holds them: what health probes leave, and what attackers left.

Headers are those of recorded logs: HttpProxy of Exchange 2016 and 2019 begins with the names of its columns, or has
them behind `#Fields:`; that of 2013 RTM lacks some. Addresses are of documentation (RFC 5737).
"""

from __future__ import annotations

from runner.lab.state import EventLogState, EventState, FileState

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
# The columns between, which say how long what took, are left out.
WHOLE_NAMES = [*NAMES, "RoutingHint", "UrlQuery", "GenericInfo", "GenericErrors"]
RPS_CMDLET = "DateTime,StartTime,RequestId,ServerHostName,AuthenticatedUser,Cmdlet,Parameters,GenericErrors"
RPS_HTTP = (
    "DateTime,StartTime,RequestId,UrlHost,UrlStem,AuthenticatedUser,ClientIpAddress,ServerHostName,FrontEndServer,"
    "HttpStatus,ClientInfo,UrlQuery,GenericErrors"
)
W3C = (
    "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2021-08-20 00:00:00\r\n"
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status time-taken"
)
CONFIGURATION = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
IIS_LOGS = "C:\\inetpub\\logs\\LogFiles"
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


def w3c(
    stem: str, query: str = "-", status: int = 200, *, method: str = "POST", agent: str = "python-requests/2.25.1"
) -> str:
    """A line of a log of IIS."""
    told = f"192.0.2.7 {agent} - {status} 0 0 15"
    return f"2021-08-20 04:05:06 198.51.100.9 {method} {stem} {query} 443 - {told}"


def asked(stem: str, query: str = "", status: str = "200", **columns: str) -> str:
    """A line of HttpProxy with its query."""
    said = {"UrlStem": stem, "UrlQuery": query, "Protocol": "Autodiscover", "DateTime": "2021-08-20T04:05:06.789Z"}
    return row("", status, names=WHOLE_NAMES, **(said | columns))


def event(
    number: int, *texts: str, provider: str = "MSExchange CmdletLogs", time: str = "2021-08-20T04:06:00.0000000Z"
) -> EventState:
    """An event."""
    return EventState(time=time, provider=provider, id=number, texts=list(texts))


def events() -> dict[str, EventLogState]:
    """Event logs that hold traces beside what administrators do."""
    cast = "System.InvalidCastException: Unable to cast object of type 'a' to type 'b'"
    page = '-Mailbox "m" -FilePath "\\\\127.0.0.1\\c$\\inetpub\\wwwroot\\aspnet_client\\i_planted.aspx"'
    return {
        "msexchange management": EventLogState(
            events=[
                event(1, "Get-Mailbox", "-ResultSize Unlimited", "example.org/Users/Admin"),
                event(
                    1, "New-ManagementRoleAssignment", '-Role "Mailbox Import Export" -User "x"', "example.org/Users/x"
                ),
                event(1, "New-MailboxExportRequest", page, "example.org/Users/x"),
                event(6, "New-MailboxExportRequest", page, "example.org/Users/x"),
                event(1, "Set-OabVirtualDirectory", '-ExternalUrl "http://f/<i planted>"', "example.org/Users/x"),
                event(1, "Install-TransportAgent", "-Name x", "example.org/Users/x"),
                event(1, "Remove-MailboxExportRequest", '-Identity "m\\x" ' + "y" * 5_000, "example.org/Users/x"),
                *[event(1, "New-ExchangeCertificate", "-Services IIS", f"{at}") for at in range(260)],
            ]
        ),
        "Application": EventLogState(
            events=[
                event(1000, cast, provider="Other"),
                event(
                    1423,
                    "The Microsoft Exchange Unified Messaging service",
                    cast,
                    provider="MSExchange Unified Messaging",
                ),
            ]
        ),
    }


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
        files[f"{logging}\\CmdletInfra\\Powershell-Proxy\\Cmdlet\\Rps_Cmdlet_2026022710-1.LOG"] = log(
            f"#Fields: {RPS_CMDLET}", "2026-02-27T09:00:00Z,,,EX01,HealthMailbox0,Get-Mailbox,-Identity x,"
        )
        files[f"{logging}\\CmdletInfra\\Powershell-Proxy\\Http\\Rps_Http_2026022710-1.LOG"] = log(
            f"#Fields: {RPS_HTTP}",
            "2026-02-27T09:00:00Z,,,localhost,/PowerShell,,127.0.0.1,EX01,EX01,200,Exchange BackEnd Probes,,",
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


def shelled(install: str = DEFAULT) -> dict[str, FileState]:
    """Logs of requests that went another way through Autodiscover and OWA, of commands of Exchange, and of IIS."""
    logging = f"{install}\\Logging"
    proxy = f"{logging}\\HttpProxy"
    return {
        f"{proxy}\\PowerShell\\a.log": log(
            ",".join(WHOLE_NAMES),
            asked(
                "/autodiscover/autodiscover.json",
                "?@x.example/powershell/?X-Rps-CAT=AA&Email=autodiscover/autodiscover.json%3F@x.example",
            ),
            asked(
                "/autodiscover/autodiscover.json",
                "?@x.example/mapi/nspi/?&Email=autodiscover/autodiscover.json%3F@x.example",
            ),
            asked("/autodiscover/autodiscover.json", "?Email=someone%40example.org&Protocol=ActiveSync"),
            asked("/autodiscover/autodiscover.json", "?@x.example/%70owershell/", "401"),
            asked("/owa/someone%40example.org/powershell", "", Protocol="Owa"),
            asked("/powershell", "?serializationLevel=Full", Protocol="Powershell"),
            asked("/autodiscover/autodiscover.%6as%u006Fn", "?@x.example/%50owershell/", IsAuthenticated="False"),
            asked("/ecp/a@example.org/RulesEditor/InboxRules.svc/NewObject", "?x=y", IsAuthenticated="false"),
            asked("/ecp/a@example.org/RulesEditor/InboxRules.svc/NewObject", "?x=y", IsAuthenticated="true"),
            asked("/ecp/default.aspx", "?SecurityToken=x", "500"),
            asked("/ews/exchange.asmx", "", GenericInfo="GetWopiTargetPropertiesByUrl file:///c:/x"),
        ),
        f"{logging}\\Ews\\a.log": log(
            "a,GetWopiTargetPropertiesByUrl,file%3a///c:/x", "a,GetWopiTargetPropertiesByUrl,x"
        ),
        f"{logging}\\CmdletInfra\\Powershell-Proxy\\Cmdlet\\a.log": log(
            f"#Fields: {RPS_CMDLET}",
            "2021-08-20T04:06:00Z,,,EX01,x,New-MailboxExportRequest,-FilePath \\\\::1\\c$\\inetpub\\i_planted.aspx,",
            "2021-08-20T04:06:00Z,,,EX01,x,Get-OabVirtualDirectory,,",
        ),
        f"{logging}\\CmdletInfra\\Powershell-Proxy\\Http\\a.log": log(
            f"{RPS_HTTP}\r\n#Fields: {RPS_HTTP}",
            "2022-12-01T04:06:00Z,,,localhost,/PowerShell,x,192.0.2.7,EX01,EX01,200,python-requests/2.28.1,,",
            "2022-12-01T04:06:00Z,,,localhost,/PowerShell,x,192.0.2.7,EX01,EX01,200,Microsoft WinRM Client,,",
            "2022-12-01T04:06:00Z,,,localhost,/PowerShell,x,192.0.2.7,EX01,EX01,200,Exchange BackEnd Probes,,",
            "2022-12-01T04:06:00Z,,,localhost,/PowerShell,x,192.0.2.7,EX01,EX01,200,,,",
        ),
        CONFIGURATION: log(
            "<configuration><system.applicationHost><sites>",
            '<siteDefaults><logFile directory="%SystemDrive%\\inetpub\\logs\\LogFiles" /></siteDefaults>',
            '<site id="2"><logFile directory="c:/IIS Logs/" /></site>',
            '<site id="3"><logFile directory = "\\\\files\\logs" /></site>',
        ),
        f"{IIS_LOGS}\\W3SVC1\\u_ex210820.log": log(
            W3C,
            w3c("/ecp/y.js"),
            w3c("/ecp/y.js", status=241),
            w3c("/ecp/default.aspx"),
            w3c("/owa/auth/Current/themes/resources/logon.css", method="GET"),
            w3c(
                "/autodiscover/autodiscover.json",
                "@x.example/powershell/?X-Rps-CAT=AA&Email=autodiscover/autodiscover.json%3F@x.example",
            ),
            w3c("/owa/someone@example.org/powershell"),
            w3c("/autodiscover/autodiscover.json", "Email=someone%40example.org&Protocol=ActiveSync", method="GET"),
        ),
        f"{IIS_LOGS}\\W3SVC1\\notes.txt": log(w3c("/ecp/y.js")),
        "C:\\root\\lsass.dmp": FileState(size=5_000_000_000, modified="2021-03-03T05:00:00.0000000Z"),
        "C:\\root\\a\\b\\M.7Z": FileState(size=10),
        "C:\\root\\a\\b\\too\\deep.zip": FileState(size=10),
        "C:\\root\\closed": FileState(folder=True, denied=True),
        "C:\\root\\link": FileState(folder=True, attributes="Directory, ReparsePoint"),
        "C:\\root\\link\\x.zip": FileState(size=10),
        "C:\\Windows\\Temp\\lsass (2).DMP": FileState(size=10),
        "C:\\Windows\\Temp\\w3wp.dmp": FileState(size=10),
        "C:\\inetpub\\wwwroot\\aspnet_client\\system_web\\it.zip": FileState(size=10),
        **{f"C:\\ProgramData\\Backup\\{at}.zip": FileState(size=at) for at in range(101)},
        f"{IIS_LOGS}\\W3SVC2": FileState(folder=True, denied=True),
        f"{IIS_LOGS}\\FTPSVC1\\x.log": log(w3c("/ecp/y.js")),
        "C:\\IIS Logs\\w3svc3\\u_ex210820.log": FileState(content=f"{W3C}\r\n{w3c('/ecp/y.js')}\r\n", denied=True),
    }


def kept_short(install: str = DEFAULT) -> dict[str, FileState]:
    """Logs of somebody who did not want them read: with days that are gone, of days to come, empty, without names of
    columns, and of IIS in places that are hard to find."""
    ecp = f"{install}\\Logging\\HttpProxy\\Ecp"
    days = ("2026-01-31", "2026-02-01", "2026-02-04", "2099-01-01")
    probe = row("HealthMailbox0@example.org")
    return {
        **{f"{ecp}\\{day}.log": log(HEADER, probe, modified=f"{day}T10:00:00.0000000Z") for day in days},
        f"{ecp}\\forged.log": FileState(content="", modified="2020-01-01T10:00:00.0000000Z"),
        f"{ecp}\\headless.log": log(probe),
        f"{ecp}\\zeros.log": FileState(size=100),
        f"{install}\\Logging\\HttpProxy\\Owa\\headers.log": log(
            *[f"#Fields: DateTime,UrlStem,c{at}" for at in range(22)], "#fields: datetime,urlstem,C0"
        ),
        f"{install}\\Logging\\HttpProxy\\Eas\\a.log": FileState(content="", modified=WRITTEN),
        CONFIGURATION: log(
            '<sites><logFile directory=\'D:\\a\' /><logFile directory="C:\\b" /><logFile directory="C:\\B"/></sites>',
            '<logFile directory = "C:&#92;c" />',
            "<logFile directory=",
            '"C:\\d" />',
            "<logFile directory",
            '="C:\\e" />',
        ),
        "C:\\Windows\\System32\\inetsrv\\config\\redirection.config": log(
            "<configurationRedirection enabled = 'True' path='C:\\elsewhere' />"
        ),
        "C:\\b\\of another program.log": log("nothing that names columns"),
        "C:\\b\\u_ex260101.log": log(W3C, w3c("/ecp/y.js", status=241)),
        "C:\\b\\W3SVC1\\u_ex260101.log": log(W3C.replace("cs-method ", ""), "2026-01-01 00:00:00 1.2.3.4 /ecp/y.js"),
    }
