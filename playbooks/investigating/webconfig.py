"""What a web.config has IIS and ASP.NET do, by its structure: setup edits every one, so no hash is of any use.

Facts: web.configs of Exchange 2013 to SE (CSS-Exchange, HealthChecker's tests), IIS's and ASP.NET's reference. In
Exchange's folders whatever is loaded is Microsoft's; in a folder of somebody else it is his, and unknown. That a type
is named as Microsoft's proves nothing: its library is in `bin`, and is judged for itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from playbooks.investigating.document import Element, UnreadableXmlError, read
from playbooks.investigating.flow import is_interpreter
from playbooks.investigating.handlers import foreign_handlers
from playbooks.investigating.places import Server, comparable
from playbooks.investigating.verdicts import Grade, Reason

__all__ = ["configured"]

# The same on every server until February 2020 (CVE-2020-0688; signature-base vul_cve_2020_0688.yar).
_KNOWN_KEYS = frozenset({"CB2721ABDAF8E9DC516D621D8B8BF13A2C9E8689A25303BF"})
_CSS = "CSS-Exchange, HealthChecker's tests"
_IIS = "IIS and ASP.NET configuration reference"
_OURS = re.compile(r"(?:microsoft|system|ajaxcontroltoolkit)\b", re.IGNORECASE)
# Elements that name a type which is made when the application starts or a request comes, with the attributes.
_LOADED = {
    "modules": ("type",),
    "httpModules": ("type",),
    "handlers": ("type",),
    "httpHandlers": ("type",),
    "buildProviders": ("type",),
    "folderLevelBuildProviders": ("type",),
    "expressionBuilders": ("type",),
    "compilers": ("type",),
    "configSections": ("type",),
}
_TYPES = {
    "httpRuntime": ("encoderType", "requestValidationType"),
    "pages": ("pageParserFilterType", "pageBaseType", "userControlBaseType"),
    "globalization": ("resourceProviderFactoryType",),
    "profile": ("inherits",),
    "hostingEnvironment": ("customHostingEnvironmentType",),
}
# Endings that somebody may well have run as pages on a site of his own; pictures, texts and logs nobody does.
_SEARCHED_FOR = frozenset(
    {"htm", "html", "xhtml", "do", "action", "php", "jsp", "axd", "api", "json", "xml", "rss", ""}
)
_UNSAFE = {
    "microsoft:workflowcomponentmodel:disableactivitysurrogateselectortypecheck": "true",
    "aspnet:allowinsecuredeserialization": "true",
}
_HIDING = re.compile(r"utf-?7|65000|utf-?32|ibm|ebcdic|\b(?:37|500|1047|114\d)\b", re.IGNORECASE)
_AWAY_OPTION = re.compile(r"\\\\[\w.-]+\\|https?:", re.IGNORECASE)
_AWAY = re.compile(r"\s*(?:https?:|ftp:|\\\\|//|file:/*\\\\|file://(?!/|[A-Za-z]:)\w)", re.IGNORECASE)


def configured(text: str, where: str, server: Server, of_exchange: bool) -> Iterator[Reason]:
    """What a configuration says that speaks against it.

    Args:
        where: what the file is called in what is said.
        of_exchange: whether it lies in Exchange's folders or in those of the default site, where it is Microsoft's.
    """
    try:
        root = read(text)
    except UnreadableXmlError as error:
        why = f"it cannot be read as a configuration ({error}), so what it configures is not known"
        yield Reason("config.unreadable", Grade.UNKNOWN, why)
        return
    if root.name != "configuration":
        return
    bad = Grade.SUSPICIOUS
    of_server = any(
        True for _ in root.named("system.applicationHost")
    )  # whose filters and modules have their own judge
    yield from _handlers(root, where, server, of_exchange)
    for each in root.all():
        yield from _loaded(each, of_exchange)
        yield from _key(each)
        yield from _away(each, server, of_exchange)
        if (
            each.name == "add"
            and _UNSAFE.get(each.get("key").strip().casefold()) == each.get("value").strip().casefold()
        ):
            what = f"{each.get('key')} lets whatever a visitor signs become an object"
            yield Reason("config.unsafe-setting", bad, what, "Microsoft, .NET Framework 4.8 release notes")
        if each.name == "pages" and not each.is_on("enableViewStateMac"):
            grade = bad if of_exchange else Grade.UNKNOWN
            yield Reason("config.view-state", grade, "view state is taken unsigned (enableViewStateMac)", _IIS)
        if each.name == "globalization" and _HIDING.search(each.get("fileEncoding")):
            text = f"pages are read in an encoding that hides what they say: {each.get('fileEncoding')[:40]}"
            yield Reason("config.encoding", bad, text, _IIS)
        if each.name == "compiler" and _AWAY_OPTION.search(each.get("compilerOptions")):
            text = f"pages are compiled with files of another machine: {each.get('compilerOptions')[:120]}"
            yield Reason("config.compiler", bad, text, _IIS)
        if each.name == "isapiFilters" and not of_server:
            for one in each.named("filter"):
                yield Reason("config.filter", bad, f"a filter is loaded: {one.get('path')}", _IIS)
        if (
            each.name == "action"
            and each.get("type").casefold() == "rewrite"
            and "aspnet_client" in each.get("url").casefold()
        ):
            yield Reason("config.rewrite", bad, f"requests are led into aspnet_client: {each.get('url')}", _IIS)


def _handlers(root: Element, where: str, server: Server, of_exchange: bool) -> Iterator[Reason]:
    for each in foreign_handlers(root, where, server):
        program = bool(each.program) and not is_interpreter(f"{each.program} ")
        plain = program or (bool(each.endings) and set(each.endings) <= _SEARCHED_FOR)
        grade = Grade.UNKNOWN if plain and not of_exchange else Grade.SUSPICIOUS
        yield Reason("config.handler", grade, f"it has files run that are no pages: {each.line}", _IIS)


def _loaded(element: Element, of_exchange: bool) -> Iterator[Reason]:
    named = [(element.name, element.get(name)) for name in _TYPES.get(element.name, ())]
    named += [
        (element.name, each.get(name))
        for name in _LOADED.get(element.name, ())
        for each in element.all()
        if each.name in ("add", "compiler", "section")
    ]
    for what, kind in named:
        if kind and not _is_of_microsoft(kind):
            grade = Grade.SUSPICIOUS if of_exchange else Grade.UNKNOWN
            text = f"{what} load a type that is named as none of Microsoft's: {kind[:120]}"
            yield Reason("config.loads-type", grade, text, _CSS)


def _is_of_microsoft(kind: str) -> bool:
    name, _, library = kind.partition(",")
    library = library.partition(",")[0].strip()
    return _OURS.match(name.strip()) is not None and (not library or _OURS.match(library) is not None)


def _key(element: Element) -> Iterator[Reason]:
    if element.name != "machineKey":
        return
    for name in ("validationKey", "decryptionKey"):
        written = element.get(name).strip()
        if not written or written.casefold().startswith("autogenerate"):
            continue
        if written.partition(",")[0].strip().upper() in _KNOWN_KEYS:
            text = f"{name} is the one that everybody knows: whoever asks can have this server run what they sign"
            yield Reason(
                "config.known-key", Grade.SUSPICIOUS, text, "CVE-2020-0688; signature-base vul_cve_2020_0688.yar"
            )
        else:
            # Never the key itself: whoever has it can have this server run what they sign.
            digest = hashlib.sha256(written.upper().encode("utf-8", "surrogatepass")).hexdigest()[:16]
            text = f"{name} is written out: {len(written)} characters, SHA-256 {digest}..."
            yield Reason("config.static-key", Grade.UNKNOWN, text, "Microsoft 2025-02-06, ViewState code injection")


def _away(element: Element, server: Server, of_exchange: bool) -> Iterator[Reason]:
    """What is taken from another machine, or from outside Exchange's folder."""
    for name in ("href", "configSource", "file", "childSource"):
        path = element.get(name).strip()
        if not path or (
            element.name not in ("codeBase", "linkedConfiguration", "appSettings") and name in ("href", "file")
        ):
            continue
        if _AWAY.match(path):
            text = f"{element.name} is taken from another machine: {path[:160]}"
            yield Reason("config.elsewhere", Grade.SUSPICIOUS, text, _IIS)
        elif of_exchange and server.exchange and element.name in ("codeBase", "linkedConfiguration"):
            local = comparable(re.sub(r"(?i)^file:/*", "", server.expanded(path)))
            if ":" in local and not local.startswith((f"{comparable(server.exchange)}\\", f"{server.windows}\\")):
                text = f"{element.name} is taken from outside Exchange's folder: {path[:160]}"
                yield Reason("config.elsewhere", Grade.SUSPICIOUS, text, _CSS)
