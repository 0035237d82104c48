"""What of a page runs on the server: its directives, its code blocks and its server scripts.

As ASP.NET's parser has it (System.Web/UI/TemplateParser and Util/RegexParser of the reference source) and as ASP has
it: `<% %>`, `<script runat="server">`, and for handlers and services all that follows the directive. What would go to
a browser is left out, so a script for browsers is never taken for one of the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from types import MappingProxyType

__all__ = ["Block", "Directive", "Language", "ServerCode", "includes", "server_code"]

# Whoever writes a page may write one on which an expression that goes back would never end: these do not go back, and a
# tag that does not end is looked for a bounded number of times.
_DIRECTIVE = re.compile(r"<%\s*@")
_BLOCK = re.compile(r"<%(?![@$])(?!--)(.*?)(?:%>|\Z)", re.DOTALL)
_REST = re.compile(r"""((?:[^>"']++|"[^"]*+"|'[^']*+'|["'])*+)>""")
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_SCRIPT_END = re.compile(r"</script\s*>", re.IGNORECASE)
_OBJECT = re.compile(r"<object\b", re.IGNORECASE)
_CONTROL = re.compile(r"<(asp:\w+|input|textarea|\w+:\w+)\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""(?<![\w:-])([\w:-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>%]++))""")
_UNENDED = 100
_INCLUDE = re.compile(r"""<!--\s*#\s*(include|exec)\s+(\w+)\s*=\s*["']?([^"'>]*)""", re.IGNORECASE)
_VB = re.compile(
    r"(?im)^[^\S\n]*(?:dim|sub|function|private sub|public sub|protected sub|imports|option explicit)\s"
    r"|\bend (?:sub|if|function)\b"
)
_RAZOR = frozenset({"cshtml", "vbhtml", "cshtm", "vbhtm"})
_ASP = frozenset({"asp", "asa", "cer", "cdx", "htr", "idc", "inc"})
_WHOLE = frozenset({"webhandler", "webservice", "servicehost"})


class Language(StrEnum):
    """In what a block is written."""

    CSHARP = "c#"
    VB = "vb"
    JSCRIPT = "jscript"
    VBSCRIPT = "vbscript"

    @property
    def is_basic(self) -> bool:
        """Whether a line is a statement and `'` begins a comment."""
        return self in (Language.VB, Language.VBSCRIPT)


# Languages of ASP.NET besides, or with a version behind: `C#v3.5`.
_KNOWN = ("c#", "cs", "vj", "j#", "java", "js", "vb", "c++", "mc", "cpp", "<%", "aspcompat")
# Of App_Code, or kept beside a compiled page.
_SOURCES = {"cs": Language.CSHARP, "vb": Language.VB}


@dataclass(frozen=True, slots=True)
class Directive:
    """`<%@ name attributes %>`, names in lower case."""

    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code, in the order of the page."""

    language: Language
    text: str


@dataclass(frozen=True, slots=True)
class ServerCode:
    """What of a page runs on the server.

    Attributes:
        said: whether the page itself says its language.
        inputs: ids of controls of the page, in lower case, into which a visitor writes.
        includes: what it has put in from elsewhere: `include file=...`, `exec cmd=...`, `src=...`.
        foreign: a language that the page says and that neither ASP nor ASP.NET has by itself; else empty.
    """

    directives: tuple[Directive, ...]
    blocks: tuple[Block, ...]
    said: bool
    inputs: frozenset[str]
    includes: tuple[str, ...]
    foreign: str = ""

    @property
    def any(self) -> bool:
        """Whether anything of it runs on the server."""
        return bool(self.directives or self.blocks or self.includes)


def server_code(text: str, ending: str) -> ServerCode:
    """What of a page's text runs.

    Args:
        ending: of the file's name, in lower case without the dot.
    """
    if ending not in _ASP:
        text = _without_comments(text)
    directives = tuple(_directives(text))
    default, said = _default(directives, ending, text)
    body = _without_directives(text)
    scripts = list(_scripts(body, default))
    blocks = [Block(default, _expression(each[1])) for each in _BLOCK.finditer(body)]
    if ending in _SOURCES:
        return ServerCode((), (Block(_SOURCES[ending], text),), True, frozenset(), ())
    if any(each.name in _WHOLE for each in directives) or ending in _RAZOR:
        blocks = [Block(default, body)]
        scripts = []
    blocks += [block for _, block in scripts if block.text.strip()]
    blocks += [Block(default, f'CreateObject("{each}")') for each in _objects(body)]
    taken_in = (*_includes(text), *(f"script src={source}" for source, _ in scripts if source))
    kept = tuple(_together(block for block in blocks if block.text.strip()))
    foreign = next(_foreign(directives, body), "")
    return ServerCode(directives, kept, said, frozenset(_inputs(body)), taken_in, foreign)


def _together(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks of one language that follow each other as one, as they are compiled."""
    for language, found in groupby(blocks, key=lambda block: block.language):
        between = "\n" if language.is_basic else "\n;\n"
        yield Block(language, between.join(block.text for block in found))


def _attributes(text: str) -> Mapping[str, str]:
    return MappingProxyType(
        {found[1].casefold(): found[2] or found[3] or found[4] or "" for found in _ATTRIBUTE.finditer(text)}
    )


def _without_comments(text: str) -> str:
    """Without what stands between `<%--` and `--%>`."""
    parts, at = [], 0
    while (begin := text.find("<%--", at)) >= 0 and (end := text.find("--%>", begin + 4)) >= 0:
        parts.append(text[at:begin])
        at = end + 4
    return " ".join([*parts, text[at:]])


def _directive_places(text: str) -> Iterator[tuple[int, int, int]]:
    """Of each directive where it begins, where its text does, and where that ends."""
    at = 0
    while found := _DIRECTIVE.search(text, at):
        end = text.find("%>", found.end())
        if end < 0:
            return
        yield found.start(), found.end(), end
        at = end + 2


def _without_directives(text: str) -> str:
    parts, at = [], 0
    for begin, _, end in _directive_places(text):
        parts.append(text[at:begin])
        at = end + 2
    return " ".join([*parts, text[at:]])


def _directives(text: str) -> Iterator[Directive]:
    for _, begin, end in _directive_places(text):
        said = text[begin:end]
        name = re.match(r"\s*(\w++)(?!\s*=)", said)
        yield Directive(name[1].casefold() if name else "page", _attributes(said))


def _tags(begins: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], Mapping[str, str], int]]:
    """Each tag that begins so, with its attributes and where it ends."""
    at, unended = 0, 0
    while (found := begins.search(text, at)) and unended < _UNENDED:
        rest = _REST.match(text, found.end())
        if rest is None:
            unended += 1
            at = found.end()
        else:
            yield found, _attributes(rest[1]), rest.end()
            at = rest.end()


def _language(said: str) -> Language | None:
    said = said.casefold().replace(" ", "")
    if "vbs" in said:
        return Language.VBSCRIPT
    if "jscript" in said or "javascript" in said or said in ("js", "ecmascript"):
        return Language.JSCRIPT
    if said in ("c#", "cs", "csharp"):
        return Language.CSHARP
    return Language.VB if said.startswith(("vb", "visualbasic")) else None


def _foreign(directives: tuple[Directive, ...], body: str) -> Iterator[str]:
    said = [each.attributes.get("language", "") for each in directives]
    said += [attributes.get("language", "") for _, attributes, _ in _tags(_SCRIPT, body) if _on_server(attributes)]
    for each in said:
        name = each.strip()
        if name and _language(name) is None and not name.casefold().startswith(_KNOWN):
            yield name


def _default(directives: tuple[Directive, ...], ending: str, text: str) -> tuple[Language, bool]:
    said = [found for each in directives if (found := _language(each.attributes.get("language", "")))]
    classic = ending in _ASP
    if said:
        first = said[0]
        return (Language.VBSCRIPT if classic and first is Language.VB else first), True
    if classic or ending == "vbhtml":
        return Language.VBSCRIPT if classic else Language.VB, False
    return (Language.VB if _VB.search(text) else Language.CSHARP), False


def _expression(block: str) -> str:
    """Without the mark of an expression, `=`, `#` or `:`."""
    return block.lstrip()[1:] if block.lstrip()[:1] in ("=", "#", ":") else block


def _on_server(attributes: Mapping[str, str]) -> bool:
    return attributes.get("runat", "").strip().casefold() == "server"


def _scripts(text: str, default: Language) -> Iterator[tuple[str, Block]]:
    for _, attributes, begin in _tags(_SCRIPT, text):
        if _on_server(attributes):
            end = _SCRIPT_END.search(text, begin)
            language = _language(attributes.get("language", attributes.get("type", ""))) or default
            yield attributes.get("src", ""), Block(language, text[begin : end.start() if end else len(text)])


def _objects(text: str) -> Iterator[str]:
    for _, attributes, _ in _tags(_OBJECT, text):
        if _on_server(attributes):
            yield attributes.get("progid") or attributes.get("classid", "")


def _inputs(text: str) -> Iterator[str]:
    for found, attributes, _ in _tags(_CONTROL, text):
        tag, kind = found[1].casefold(), attributes.get("type", "text").casefold()
        writes = tag in ("asp:textbox", "asp:hiddenfield", "textarea")
        writes = writes or (tag == "input" and kind in ("text", "hidden", "password"))
        if writes and _on_server(attributes) and "id" in attributes:
            yield attributes["id"].casefold()


def includes(text: str) -> tuple[str, ...]:
    """What a page has put into it, as it names it; what it has run (`#exec`) is none of these."""
    plain = text if "<!--" in text else ""
    return tuple(dict.fromkeys(each[3].strip() for each in _INCLUDE.finditer(plain) if each[1].casefold() == "include"))


def _includes(text: str) -> Iterator[str]:
    yield from (f"{each[1].casefold()} {each[2].casefold()}={each[3].strip()}" for each in _INCLUDE.finditer(text))
