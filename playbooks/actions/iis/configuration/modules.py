"""Native modules: programs that IIS loads into every worker process, and where those of a clean server lie.

From CSS-Exchange: HealthChecker's tests (GetIISModules.xml, 31 to 33 modules), Shared/IISFunctions/Get-IISModules.ps1.
A module's name is its author's choice, so what counts is the program and its folder.
"""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.investigating.places import Server, comparable, on_a_drive

# fmt: off
_INETSRV = (
    "loghttp", "cachuri", "cachfile", "cachtokn", "cachhttp", "compdyn", "compstat", "defdoc", "dirlist",
    "protsup", "redirect", "static", "authanon", "authcert", "authbas", "authsspi", "authmd5", "modrqflt",
    "custerr", "iisetw", "iisfreb", "iisreqs", "isapi", "filter", "validcfg", "iprestr", "diprestr",
    "iis_ssi", "cgi", "iisfcgi", "iiswsock", "warmup", "rewrite",
)
# fmt: on
_OF_WINDOWS = (
    *(f"system32\\inetsrv\\{name}.dll" for name in _INETSRV),
    "system32\\rpcproxy\\rpcproxy.dll",
    "system32\\wsmsvc.dll",
    "microsoft.net\\framework\\v4.0.30319\\webengine4.dll",
    "microsoft.net\\framework64\\v4.0.30319\\webengine4.dll",
)
_OF_EXCHANGE = (
    "bin\\kerbauth.dll",
    "clientaccess\\owa\\auth\\exppw.dll",
    "frontend\\httpproxy\\bin\\exppw.dll",
)
# ISAPI filters of Exchange (CSS-Exchange, the same tests) and of ASP.NET.
_FILTERS_OF_EXCHANGE = (
    "frontend\\httpproxy\\bin\\owaauth.dll",
    "frontend\\httpproxy\\bin\\airfilter.dll",
    "clientaccess\\owa\\auth\\owaauth.dll",
    "clientaccess\\sync\\bin\\airfilter.dll",
)
_FILTERS_OF_WINDOWS = tuple(
    f"microsoft.net\\{framework}\\v4.0.30319\\aspnet_filter.dll" for framework in ("framework", "framework64")
)
# The modules of Windows and of Exchange by name; what bears one of these names and is another program imitates it.
_NAMED: Mapping[str, str] = {
    "httploggingmodule": "loghttp.dll",
    "uricachemodule": "cachuri.dll",
    "filecachemodule": "cachfile.dll",
    "tokencachemodule": "cachtokn.dll",
    "httpcachemodule": "cachhttp.dll",
    "dynamiccompressionmodule": "compdyn.dll",
    "staticcompressionmodule": "compstat.dll",
    "defaultdocumentmodule": "defdoc.dll",
    "directorylistingmodule": "dirlist.dll",
    "protocolsupportmodule": "protsup.dll",
    "httpredirectionmodule": "redirect.dll",
    "staticfilemodule": "static.dll",
    "anonymousauthenticationmodule": "authanon.dll",
    "certificatemappingauthenticationmodule": "authcert.dll",
    "basicauthenticationmodule": "authbas.dll",
    "windowsauthenticationmodule": "authsspi.dll",
    "digestauthenticationmodule": "authmd5.dll",
    "requestfilteringmodule": "modrqflt.dll",
    "customerrormodule": "custerr.dll",
    "tracingmodule": "iisetw.dll",
    "failedrequeststracingmodule": "iisfreb.dll",
    "requestmonitormodule": "iisreqs.dll",
    "isapimodule": "isapi.dll",
    "isapifiltermodule": "filter.dll",
    "configurationvalidationmodule": "validcfg.dll",
    "rewritemodule": "rewrite.dll",
    "kerbauth": "kerbauth.dll",
    "exppw": "exppw.dll",
    "cafe_exppw": "exppw.dll",
    "passwordexpirymodule": "rpcproxy.dll",
    "wsman": "wsmsvc.dll",
    "managedenginev4.0_32bit": "webengine4.dll",
    "managedenginev4.0_64bit": "webengine4.dll",
}
_PROGRAMS = frozenset(each.rpartition("\\")[2] for each in (*_OF_WINDOWS, *_OF_EXCHANGE))


def is_of_exchange(image: str, server: Server) -> bool:
    """Whether it would be one of Exchange's own programs, if only it were known where Exchange lies."""
    path = comparable(server.expanded(image.strip()))
    return any(path.endswith(f"\\{each}") for each in _OF_EXCHANGE)


def is_known_filter(program: str, server: Server) -> bool:
    """Whether an ISAPI filter is one of Exchange's or of ASP.NET's."""
    whole = server.expanded(program.strip())
    known = [f"{server.windows}\\{each}" for each in _FILTERS_OF_WINDOWS if server.windows]
    known += [f"{comparable(server.exchange)}\\{each}" for each in _FILTERS_OF_EXCHANGE if server.exchange]
    return on_a_drive(whole) and comparable(whole) in known


def why_foreign(name: str, image: str, server: Server) -> tuple[str, bool]:
    """Why a module is none of a clean server's, and whether it imitates one; empty where it is one."""
    whole = server.expanded(image.strip())
    path = comparable(whole)
    program = path.rpartition("\\")[2]
    known = [f"{server.windows}\\{each}" for each in _OF_WINDOWS] if server.windows else []
    if server.exchange:
        known += [f"{comparable(server.exchange)}\\{each}" for each in _OF_EXCHANGE]
    if path in known and on_a_drive(whole):
        return "", False
    if program in _PROGRAMS:
        return f"{program} of Windows or Exchange does not lie there", True
    if of := _NAMED.get(name.strip().casefold()):
        return f"the module of that name is {of}", True
    return "it is none of a clean Exchange server's", False
