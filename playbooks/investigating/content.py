"""What speaks against a file in what it holds: rules, what its code does with a visitor's words, how it is wrapped."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from playbooks.investigating.code import Block, Language, ServerCode, server_code
from playbooks.investigating.decoding import Decoded, decoded
from playbooks.investigating.encoder import deciphered
from playbooks.investigating.flow import Act, Deed, EntangledError, deeds, is_interpreter, is_program
from playbooks.investigating.locations import PAGES
from playbooks.investigating.rules import matches
from playbooks.investigating.spelling import Kind, Token, shown, tokens
from playbooks.investigating.verdicts import Grade, Reason

__all__ = ["Looked", "look"]

_MOST = 2 * 1024 * 1024  # bytes of a file that are looked into; what is read of a page is an eighth of it
_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
# A text that would do something with a request if it was run.
_CODE = re.compile(r"(?i)\b(?:eval|execute(?:global)?|process|createobject|activexobject|assembly)\b")
_ASKS = re.compile(r"(?i)\brequest\b")
_TEMPLATES = frozenset({"js", "css", "json", "map", "txt", "htm", "html"})
_PROGRAMS = frozenset({"dll", "exe"})
_SERVED = re.compile(
    r"""(?i)<%\s{0,20}@|runat\s{0,20}=\s{0,20}["']?server|<!--\s{0,20}#|<%\s{0,20}(?:eval|execute)\b"""
)
_TELLING = ("eval", "execute", "request", "process", "createobject")
_DEPTH = 2
_ALONE = 200  # characters of a page that does nothing but include another
_NESTED = 20
# Sources of code: a compiler takes them whatever they are called, and who hides one calls it otherwise.
_CODE_FILES = frozenset({"cs", "vb", "js", "jsl", "resx"})
_PLAIN_INCLUDES = frozenset(
    {
        "asp",
        "inc",
        "html",
        "htm",
        "txt",
        "aspx",
        "ascx",
        "shtml",
        "css",
        "js",
        "vbs",
        "xml",
        "stm",
        "shtm",
        "asa",
        "tpl",
        "",
    }
)
_INERT = re.compile(
    r"""(?:(?:(?>(?:protected|private|public|override|void|Sub|\s)*+)(?:Page_(?:Load|Init)|On(?:Load|Init))
        \([^()]*+\)(?:Handles[\w. ]++)?
    |End\s?Sub|base\.On(?:Load|Init)\(\w++\)
    |(?:Http)?(?:Context\.)?(?:Current\.)?(?:this\.|Me\.)?Response\.(?:
        Redirect(?:Permanent)?\(?"[^"]*+"(?:,\w++)?\)?
        |(?:Status|StatusCode|StatusDescription|RedirectLocation|ContentType|Buffer|Expires|Charset)=(?:"[^"]*+"|\w++)
        |(?:AddHeader|AppendHeader|Write)\(?"[^"]*+"(?:,"[^"]*+")?\)?
        |(?:End|Clear)(?:\(\))?
    ))(?=[;{}\s]|\Z)|[;{}\s]++)*+""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking into a file found.

    Attributes:
        runs: whether something in it runs on the server, whatever its name is.
        inert: whether all of that is known and harmless: directives alone, or a redirection to a fixed place.
    """

    reasons: tuple[Reason, ...]
    runs: bool
    inert: bool


def look(content: bytes, ending: str, *, mapped: bool = False) -> Looked:
    """Looks into a file.

    Args:
        content: what of it came.
        ending: of its name, in lower case without the dot.
        mapped: whether IIS runs files of this ending here.
    """
    page = decoded(content[:_MOST])
    plain = deciphered(page.text)
    code = server_code(plain, ending)
    views = {"raw": content[:_MOST], "text": _bytes(page.text)}
    if "&" in page.text and _SERVED.search(page.text):
        views["markup"] = _bytes(html.unescape(page.text))
    reasons: list[Reason] = []
    inert = True
    if ending in _TEMPLATES and not mapped and not _SERVED.search(plain):
        code = server_code("", ending)  # `<%` of a template that a browser fills in
    if ending in _PROGRAMS and not mapped and page.wrapping == "program":
        code = server_code("", ending)  # pages among its texts are none that it is
    if code.any:
        blocks = [(block.language, tokens(block.text, block.language)) for block in code.blocks]
        packed = tuple(_packed(blocks, _DEPTH))
        whole = (*blocks, *packed, *_quoted((*blocks, *packed)))
        inert = len(whole) == len(blocks) and _is_inert(code, blocks)
        views["code"] = _bytes("\n".join(shown(found) for _, found in whole))
        named = "".join(f"<%@{each.name}%>" for each in code.directives)
        views["page"] = _bytes(named) + views["code"]
        try:
            reasons += _by_deeds(deeds(whole, code.inputs), whole, packed)
        except EntangledError:
            text = "its code is so entangled that it cannot be followed to its end"
            reasons.append(Reason("content.entangled", Grade.SUSPICIOUS, text))
        reasons += _by_page(code, page)
    reasons += (rule.reason for rule in matches(views))
    reasons += _by_wrapping(page, code, ending)
    return Looked(tuple(dict.fromkeys(reasons)), code.any, inert)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_Blocks = Sequence[tuple[Language, Sequence[Token]]]


def _quoted(blocks: _Blocks) -> Iterator[tuple[Language, tuple[Token, ...]]]:
    """Texts that would do something with a request if they were run."""
    for _, found in blocks:
        for token in found:
            if token.kind is Kind.TEXT and _CODE.search(token.value) and _ASKS.search(token.value):
                for language in (Language.JSCRIPT, Language.VBSCRIPT):
                    yield language, tokens(token.value, language)


def _packed(blocks: _Blocks, depth: int) -> Iterator[tuple[Language, tuple[Token, ...]]]:
    """Code that stands in Base64 in a text of the code, and pages in it."""
    count = 0
    for language, found in blocks if depth else ():
        for token in found:
            if token.kind is not Kind.TEXT or len(token.value) < 24:
                continue
            for piece in _BASE64.findall(token.value):
                inner = _unpacked(piece)
                if inner is None or count >= _NESTED:
                    continue
                count += 1
                page = server_code(inner, "aspx")
                within = page.blocks or (Block(language, inner),)
                again = [(each.language, tokens(each.text, each.language)) for each in within]
                yield from again
                yield from _packed(again, depth - 1)


def _unpacked(piece: str) -> str | None:
    """What Base64 says, where that is a text; None where it is none."""
    try:
        raw = base64.b64decode(piece + "=" * (-len(piece) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    text = decoded(raw).text
    printable = sum(each.isprintable() or each in "\r\n\t" for each in text)
    return text if text and printable >= 0.95 * len(text) and text.isascii() else None


def _is_inert(code: ServerCode, blocks: _Blocks) -> bool:
    """Nothing of it but directives that name no code, and statements that send a fixed answer."""
    if code.includes or any(
        {"inherits", "codefile", "src", "class", "codebehind"} & each.attributes.keys() for each in code.directives
    ):
        return False
    return all(_INERT.fullmatch(shown(found).replace("\n", ";")) is not None for _, found in blocks)


def _by_page(code: ServerCode, page: Decoded) -> Iterator[Reason]:
    for each in code.directives:
        options = each.attributes.get("compileroptions", "")
        if re.search(r"\\\\[\w.-]+\\|https?:", options):
            text = f"it is compiled with files of another machine: {options[:80]}"
            yield Reason("content.code-elsewhere", Grade.SUSPICIOUS, text, "ASP.NET, @ Page CompilerOptions")
        for name in ("src", "codefile", "codebehind", "codefilebaseclass"):
            path = each.attributes.get(name, "").strip()
            if not path:
                continue
            ending = path.rpartition(".")[2].casefold() if "." in path else ""
            elsewhere = path.startswith(("\\\\", "//")) or re.match(r"[A-Za-z]:[\\/]|https?:", path) is not None
            if (
                name in ("src", "codefile")
                and each.name not in ("register", "reference", "import")
                and ending not in _CODE_FILES | PAGES
            ):
                text = f"its code is compiled from a file that is named as none: {path[:80]}"
                yield Reason("content.code-elsewhere", Grade.SUSPICIOUS, text, "ASP.NET, @ Page Src and CodeFile")
            elif elsewhere:
                text = f"its code is taken from outside its application: {path[:80]}"
                yield Reason("content.code-elsewhere", Grade.SUSPICIOUS, text, "ASP.NET, @ Page Src and CodeFile")
    alone = not code.blocks and len(code.includes) == 1 and len(page.text.strip()) < _ALONE
    for include in code.includes:
        how, _, target = include.partition("=")
        if how.startswith("exec"):
            text = "it has the web server run a program (#exec)"
            yield Reason("content.ssi-exec", Grade.SUSPICIOUS, text, "IIS, server side includes")
            continue
        ending = target.rpartition(".")[2].casefold() if "." in target.rpartition("/")[2] else ""
        away = target.startswith(("\\\\", "//")) or re.match(r"[A-Za-z]:[\\/]", target) is not None
        odd = ending not in _PLAIN_INCLUDES | _CODE_FILES | PAGES or (alone and ending in ("txt", "log", "css", "xml"))
        if away or odd:
            text = f"it takes in a file that is named as no code: {target[:80]}"
            yield Reason("content.include", Grade.SUSPICIOUS, text, "ASP, #include; ASP.NET, script src")


def _by_wrapping(page: Decoded, code: ServerCode, ending: str) -> Iterator[Reason]:
    if code.foreign:
        text = f"it is written in a language that ASP and ASP.NET do not have: {code.foreign[:40]}"
        yield Reason("content.language", Grade.SUSPICIOUS, text, "ASP, @ Language; ActivePerl and others bring more")
    directive = any(
        each.name in ("page", "webhandler", "webservice", "control", "master", "application")
        for each in code.directives
    )
    runs = bool(code.blocks) or directive
    if page.wrapping and runs and page.wrapping != "program":
        kind = {
            "pst": "an exported mailbox (!BDN)",
            "der": "a certificate request (DER)",
            "zip": "an archive",
            "picture": "a picture or document",
        }
        named = kind.get(page.wrapping, "a file that is no text")
        sure = page.wrapping in ("pst", "der") and (
            directive or any("unsafe" in each.text for each in code.blocks) or ending in PAGES
        )
        # Two bytes of a picture's data can happen to be `<%`.
        if sure or directive or ending in PAGES:
            grade = Grade.MALICIOUS if sure else Grade.SUSPICIOUS
            text = f"a page that runs on the server is wrapped into {named}"
            yield Reason(
                f"content.wrapped-{page.wrapping}", grade, text, "signature-base expl_proxyshell.yar (ProxyShell)"
            )
    if (runs and page.encoding in ("UTF-7", "UTF-32", "EBCDIC")) or (
        runs and page.encoding == "UTF-16" and not page.marked
    ):
        text = f"its text is in an encoding that hides it from programs that look for words: {page.encoding}"
        yield Reason("content.encoding", Grade.SUSPICIOUS, text, "tennc/webshell asp/utf7-bypass.asp as a public form")


def _by_deeds(
    found: Sequence[Deed],
    blocks: _Blocks,
    packed: _Blocks,
) -> Iterator[Reason]:
    texts = [token.value for _, each in blocks for token in each if token.kind is Kind.TEXT and len(token.value) < 1000]
    interpreter = any(is_interpreter(text) for text in texts)
    program = any(is_program(text) for text in texts)
    source = "own judgement of what a visitor's words reach; MITRE ATT&CK T1505.003"
    acts = {act: [deed for deed in found if deed.act is act] for act in Act}
    if deed := next((each for each in acts[Act.RUNS] if each.visitor), None):
        yield Reason(
            "content.visitor-runs",
            Grade.MALICIOUS,
            f"what a visitor sends is run as code ({deed.by}): {deed.text}",
            source,
        )
    elif deed := next((each for each in acts[Act.RUNS] if _is_made(each) and not each.data), None):
        text = f"it runs code that is put together at run time ({deed.by}): {deed.text}"
        yield Reason("content.made-code", Grade.SUSPICIOUS, text, source)
    elif deed := next((each for each in acts[Act.RUNS] if each.data), None):
        text = f"it has a value of its own evaluated, as old readers of JSON do ({deed.by}): {deed.text}"
        yield Reason("content.evaluates-data", Grade.UNKNOWN, text, source)
    if deed := next((each for each in acts[Act.REFLECTS] if each.visitor), None):
        text = f"what a visitor sends goes to a method that is looked up at run time ({deed.by}): {deed.text}"
        yield Reason("content.visitor-reflects", Grade.SUSPICIOUS, text, source)
    if deed := next((each for each in acts[Act.REVIVES] if each.visitor), None):
        text = f"what a visitor sends becomes an object of whatever type it names ({deed.by}): {deed.text}"
        yield Reason("content.visitor-objects", Grade.SUSPICIOUS, text, "Microsoft, Deserialization risks")
    if any(_tells(each) for _, each in packed):
        yield Reason(
            "content.hidden-code", Grade.SUSPICIOUS, "code stands in it in Base64, where nobody would read it", source
        )
    yield from _commands(acts[Act.COMMANDS], interpreter, program, source)
    free = {act: next((each for each in acts[act] if each.visitor and each.alone), None) for act in Act}
    if deed := free[Act.WRITES]:
        text = f"a visitor names the file that it writes ({deed.by}): {deed.text}"
        yield Reason("content.visitor-writes", Grade.SUSPICIOUS, text, source)
    if deed := next((each for each in acts[Act.WRITES] if each.page), None):
        text = f"it writes a page or a program of what a visitor sends or another machine has ({deed.by}): {deed.text}"
        yield Reason("content.writes-page", Grade.SUSPICIOUS, text, source)
    if free[Act.LISTS] or (free[Act.DELETES] and (free[Act.READS] or acts[Act.LISTS])):
        yield Reason(
            "content.file-browser",
            Grade.SUSPICIOUS,
            "a visitor names folders and files, and it lists or deletes them",
            source,
        )
    elif deed := free[Act.READS]:
        yield Reason(
            "content.visitor-reads",
            Grade.UNKNOWN,
            f"a visitor names the file that it gives out ({deed.by}): {deed.text}",
            source,
        )
    if deed := free[Act.QUERIES]:
        text = f"a visitor writes the whole SQL statement that it runs ({deed.by}): {deed.text}"
        yield Reason("content.sql-console", Grade.SUSPICIOUS, text, source)
    elif deed := next((each for each in acts[Act.OPENS] if each.visitor), None):
        # Not the call itself: passwords stand in it.
        text = f"a visitor says to which database it connects ({deed.by})"
        yield Reason("content.visitor-database", Grade.SUSPICIOUS, text, source)
    if deed := free[Act.INCLUDES]:
        text = f"a visitor names the page or class that it runs ({deed.by}): {deed.text}"
        yield Reason("content.visitor-includes", Grade.SUSPICIOUS, text, source)
    if deed := free[Act.CONNECTS]:
        yield Reason(
            "content.visitor-connects",
            Grade.SUSPICIOUS,
            f"a visitor names the machine that it connects to: {deed.text}",
            source,
        )


def _tells(found: Sequence[Token]) -> bool:
    """Whether a text that was in Base64 is code and no words."""
    pairs = pairwise(found)
    return any(token.named(*_TELLING) and after.marked("(", ".", "[") for token, after in pairs)


def _is_made(deed: Deed) -> bool:
    """A plug-in is loaded from a folder of the page's own, and no other code is put together of texts."""
    return deed.made and (deed.alone or "load" not in deed.by.casefold())


def _commands(found: Sequence[Deed], interpreter: bool, program: bool, source: str) -> Iterator[Reason]:
    sent = next((each for each in found if each.visitor), None)
    if sent is not None and (interpreter or not program):
        text = f"what a visitor sends is run as a command ({sent.by}): {sent.text}"
        yield Reason("content.visitor-commands", Grade.MALICIOUS, text, source)
    elif found:
        deed = sent or found[0]
        grade = Grade.SUSPICIOUS if interpreter or not program else Grade.UNKNOWN
        yield Reason("content.starts-program", grade, f"it starts a program ({deed.by}): {deed.text}", source)
