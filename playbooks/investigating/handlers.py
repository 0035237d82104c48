"""Handlers that have files run as pages which are none: an image, a log, any ending that scanners pass over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.investigating.document import Element
from playbooks.investigating.places import Server, comparable, on_a_drive

# What ASP.NET and ASP run by themselves (applicationHost.config of Windows Server 2012 R2 to 2022).
# fmt: off
_OWN = frozenset(
    {
        "ad", "asa", "asax", "ascx", "ashx", "asmx", "asp", "aspq", "aspx", "axd", "cer", "cshtm", "cshtml",
        "config", "master", "rem", "rules", "soap", "svc", "vbhtm", "vbhtml", "xamlx", "xoml",
    }
)
# fmt: on
_RUNS_PAGES = re.compile(
    r"system\.web\.(?:ui\.(?:page|simple)handlerfactory|services\.protocols\.webservicehandlerfactory|"
    r"script\.services\.scripthandlerfactory)\b",
    re.IGNORECASE,
)
_BUILDS_PAGES = re.compile(
    r"system\.web\.compilation\.(?:page|webhandler|webservice|usercontrol|master\w*)buildprovider\b", re.IGNORECASE
)
# Programs that scripts are given to, below Windows' folder.
_PROCESSORS = (
    *(
        f"microsoft.net\\{framework}\\{version}\\aspnet_isapi.dll"
        for framework in ("framework", "framework64")
        for version in ("v2.0.50727", "v4.0.30319")
    ),
    "system32\\inetsrv\\asp.dll",
    "system32\\rpcproxy\\rpcproxy.dll",
    "syswow64\\inetsrv\\asp.dll",
)


# What asp.dll is given; the others that ASP.NET's own handlers keep visitors from are none of its pages.
_OF_ASP = frozenset({"asa", "asp", "cdx", "cer"})
_NEVER_RUN = frozenset({"config"})


@dataclass(frozen=True, slots=True)
class Foreign:
    """A handler that runs what is no page, or gives it to a program that is not Windows' own.

    Attributes:
        line: what is said of it.
        program: of the second kind, the program; empty otherwise.
        endings: of the first kind, which are run, in lower case without the dot; empty for everything.
    """

    line: str
    program: str
    endings: tuple[str, ...]


def foreign_handlers(root: Element, file: str, server: Server) -> Iterator[Foreign]:
    """Each such handler of a configuration."""
    for where, group in _groups(root, file):
        for section in [*group.at("system.webServer", "handlers"), *group.at("system.web", "httpHandlers")]:
            for each in section.named("add"):
                if found := _why(each, server):
                    why, program, endings = found
                    line = f"{where}: {each.get('name') or 'a handler'} for {each.get('path')}: {why}"
                    yield Foreign(line, program, endings)
        for provider in group.at("system.web", "compilation", "buildProviders", "add"):
            ending = provider.get("extension").strip().lstrip(".").casefold()
            if _BUILDS_PAGES.match(provider.get("type").strip()) and ending not in _OWN:
                line = f"{where}: files that end in .{ending} are compiled as pages ({provider.get('type')})"
                yield Foreign(line, "", (ending,))


def _groups(root: Element, file: str) -> Iterator[tuple[str, Element]]:
    yield file, root
    yield from ((each.get("path") or file, each) for each in root.named("location"))


def _why(handler: Element, server: Server) -> tuple[str, str, tuple[str, ...]] | None:
    # An ISAPI program may have arguments behind a bar; FastCGI's has them as well.
    processor = server.expanded(handler.get("scriptProcessor").strip())
    program = processor.partition("|")[0].strip().strip('"')
    if processor and not _is_of_windows(program, server):
        return f"given to {processor}, which is none of Windows' own", processor, ()
    runs = bool(processor) or _RUNS_PAGES.match(handler.get("type").strip()) is not None
    if not runs or "rpcproxy" in program.casefold():
        return None
    own = _OF_ASP if program.casefold().endswith("\\asp.dll") else _OWN - _NEVER_RUN
    foreign: list[str] = []
    endings: list[str] = []
    for path in handler.get("path").split(","):
        _, dot, ending = path.strip().casefold().rpartition(".")
        if path.strip() == "*" or ending == "*":
            foreign.append("everything")
        elif dot and ending and ending not in own:
            foreign.append(f".{ending}")
            endings.append(ending)
    if not foreign:
        return None
    return f"{', '.join(foreign)} runs as pages", "", () if "everything" in foreign else tuple(endings)


def _is_of_windows(program: str, server: Server) -> bool:
    return on_a_drive(program) and comparable(program) in {f"{server.windows}\\{each}" for each in _PROCESSORS}
