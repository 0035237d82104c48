"""What a visitor's words reach in the code of a page: a judgement of tokens, language by language, without running it.

Too coarse to prove anything harmless: it only ever speaks against a page. Names that are given something of a request
carry it on, through assignments, parameters, sessions and what functions give back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from playbooks.investigating.code import Language
from playbooks.investigating.scopes import aliases, apart, declares, parameters, put_back, unmarked
from playbooks.investigating.spelling import Kind, Token

__all__ = ["Act", "Deed", "EntangledError", "deeds", "is_interpreter", "is_program"]


class EntangledError(Exception):
    """Code that cannot be followed within a bounded number of steps, as nobody writes it by hand."""


class Act(Enum):
    """What code does with what it is given."""

    RUNS = "runs"  # takes it for code, or for an object to bring back to life
    COMMANDS = "commands"  # gives it to a program or a command line
    WRITES = "writes"  # writes a file where it says
    READS = "reads"  # gives out the file that it names
    LISTS = "lists"
    DELETES = "deletes"
    QUERIES = "queries"  # SQL
    OPENS = "opens"  # a database
    INCLUDES = "includes"  # another page, or a control
    CONNECTS = "connects"  # a socket
    REFLECTS = "reflects"  # a method that is looked up while the page runs
    REVIVES = "revives"  # takes it for an object to bring back to life, of a type that it names


@dataclass(frozen=True, slots=True)
class Deed:
    """One call.

    Attributes:
        by: the name of what is called, as it is meant.
        visitor: whether what a visitor sent reaches it.
        alone: whether nothing of the page's own stands beside it: the visitor names the whole.
        made: whether what it is given is put together at run time: no text of the page.
        text: the beginning of the call, as it is meant.
        data: of what is run, whether it is a value of the page's own between brackets, as old readers of JSON have it.
        page: of what is written, whether it is a page by its name, and a visitor's words or a download are put into it.
    """

    act: Act
    by: str
    visitor: bool
    alone: bool
    made: bool
    text: str
    data: bool = False
    page: bool = False


# fmt: off
_ANY_CLASS = "\0class"  # no name: of an object whose class is named while the page runs
_RUNS_ANY = frozenset({
    "jscriptevaluate", "executestatement", "compileassemblyfromsource", "compileassemblyfromdom",
    "compileassemblyfromfile", "addscript", "createinstancefrom", "createinstancefromandunwrap", "executeassembly",
    "invokescript", "createscriptblock", "newscriptblock", "evaluateasync", "runasync", "addcode", "unsafeloadfrom",
    "execscript", "loadfrom", "loadfile", "getdelegateforfunctionpointer", "virtualalloc", "createthread",
    "virtualprotect",
})
# Of a text of the page's own these do no harm.
_RUNS_IF_SENT = frozenset({"parsecontrol", "parsetemplate", "parselambda", "runcompile"})
# An object of a class that a visitor names does nothing yet.
_NAMES_OF_CLASSES = frozenset({"createobject", "activexobject", "gettypefromprogid", "gettypefromclsid"})
_RUNS_OF = {  # a method that means much else besides: with one of these names before it, or in the page
    "load": (
        "assembly", "appdomain", "currentdomain", "xslcompiledtransform", "xsltransform", "xamlreader", "xamlservices",
        "activityxamlservices",
    ),
    "reflectiononlyload": ("assembly",),
    "parse": ("xamlreader", "xamlservices", "razor", "razorengine"),
    "parsetext": ("csharpsyntaxtree", "visualbasicsyntaxtree"),
    "execute": ("createengine", "v8scriptengine", "jscriptengine", "vbscriptengine", "scriptengine", "jint"),
    "deserialize": (
        "binaryformatter", "losformatter", "objectstateformatter", "soapformatter", "netdatacontractserializer",
    ),
    "invoke": ("powershell", "scriptblock", "runspace", "createpipeline"),
    "transform": ("xslcompiledtransform", "xsltransform"),
    "compile": ("vsaengine", "csharpcodeprovider"),
}
# Of these only what a visitor sends tells: a style sheet or a script of the page's own is nothing to wonder at.
_OF_ITS_OWN = ("xslcompiledtransform", "xsltransform", *_RUNS_OF["execute"])
_REVIVES = frozenset({"resxresourcereader", "resxresourceset", "resourcereader"})
_REVIVES_OF = {
    "readobject": ("netdatacontractserializer",),
    "deserialize": ("simpletyperesolver", "xmlserializer"),
    "deserializeobject": ("simpletyperesolver", "typenamehandling"),
}
_INVOKES = ("invoke", "dynamicinvoke", "invokemember", "callbyname")
_EVALUATES = ("eval", "execute", "executeglobal")
_COMMANDS_ANY = frozenset({
    "shellexecute", "shellexecuteex", "winexec", "createprocess", "createprocessasuser", "createprocesswithlogonw",
    "createprocesswithtokenw", "addcommand", "win32_process", "xp_cmdshell",
    "executeshellcommand",
})
_COMMANDS_OF = {
    "start": ("processstartinfo", "startinfo"),
    "exec": (
        "wscript", "shell", "wscript.shell", "wscript.shell.1", "iwshruntimelibrary", "createobject", "wshshell",
        _ANY_CLASS,
    ),
    "run": ("wscript", "wscript.shell", "wscript.shell.1", "wshshell", "iwshruntimelibrary", _ANY_CLASS),
    "create": ("win32_process",),
    "shell": ("interaction",),
}
_WRITES_ANY = frozenset({
    "writealltext", "writeallbytes", "writealllines", "appendalltext", "appendalllines", "appendtext", "createtext",
    "createtextfile", "opentextfile", "savetofile", "saveas", "downloadfile", "movefile", "copyfile", "streamwriter",
    "extracttodirectory", "filestream", "writefileasync",
})
_WRITES_OF = {"create": ("file", "fileinfo"), "open": ("file",), "openwrite": ("file",), "copy": ("file",),
              "move": ("file", "directory"),
              "moveto": ("fileinfo", "directoryinfo"), "copyto": ("fileinfo",), "createdirectory": ("directory",),
              "save": ("xmldocument", "xdocument", "xelement", "domdocument", "msxml2.domdocument")}
_READS_ANY = frozenset({
    "readalltext", "readallbytes", "readalllines", "transmitfile", "openread", "opentext", "streamreader",
    "loadfromfile",
})
_READS_OF = {"writefile": ("response",)}
_LISTS_ANY = frozenset({
    "getfiles", "getdirectories", "getfilesysteminfos", "getfilesystementries", "enumeratefiles",
    "enumeratedirectories", "getlogicaldrives", "getdrives", "getfolder", "subfolders", "directoryinfo",
})
_DELETES_ANY = frozenset({"deletefile", "deletefolder"})
_DELETES_OF = {"delete": ("file", "directory", "fileinfo", "directoryinfo")}
_QUERIES = frozenset({
    "sqlcommand", "oledbcommand", "odbccommand", "sqldataadapter", "oledbdataadapter", "odbcdataadapter",
    "commandtext", "executenonquery", "executereader", "executescalar",
})
_DATABASES = frozenset({"sqlconnection", "oledbconnection", "odbcconnection", "mysqlconnection", "connectionstring"})
_CONNECTS = frozenset({"tcpclient", "socket", "tcplistener", "udpclient", "uploadfile"})
_INCLUDES = frozenset({
    "loadcontrol", "loadtemplate", "createinstancefromvirtualpath", "getcompiledtype", "directorycatalog",
})
# Of a request, what the server says and no visitor.
_NOT_SENT = frozenset({
    "applicationpath", "physicalapplicationpath", "physicalpath", "filepath", "currentexecutionfilepath",
    "isauthenticated", "islocal", "issecureconnection", "httpmethod", "requesttype", "logonuseridentity",
    "totalbytes", "contentlength", "mappath", "clientcertificate", "apprelativecurrentexecutionfilepath", "browser",
})
_SERVER_VARIABLES = re.compile(
    r"(?i)(?:path_translated|appl_physical_path|appl_md_path|script_name|server_\w+|local_addr|url|path_info|"
    r"request_method|remote_\w+|logon_user|auth_user|https?|instance_\w+|gateway_interface|all_http|number_of_processors)"
)
# Properties by which a command or a database is told what to do.
_GIVEN = ("arguments", "filename", "commandtext", "connectionstring")
# What a text is looked up in, and what is surely of the page's own.
_ASKED = (
    *("request", "form", "querystring", "params", "item", "headers", "cookies", "files", "servervariables", "tobytes"),
    "get",
)
_OWN_PLACES = frozenset({"appsettings", "configurationmanager", "newguid", "gettempfilename", "getrandomfilename"})
_UPLOADED = frozenset({"files", "postedfile", "filename", "filebytes", "filecontent", "hasfile", "uploadedfile"})
_SHELLS = re.compile(
    r"(?i)(?:\b|\\|/)(?:cmd|powershell|pwsh|wscript|cscript|mshta|rundll32|regsvr32|certutil|bitsadmin|net1?|sc|reg|"
    r"schtasks|wmic|whoami|nslookup|tasklist|taskkill|netsh|comspec|ipconfig|msbuild|installutil|procdump\w*)"
    r"(?:\.exe)?(?:$|[\s\"'/%])"
)
_PROGRAM = re.compile(r"(?i)[\w)% -]+\.(?:exe|com|bat|cmd)\b")
_WORDS = re.compile(r"[A-Za-z0-9_]{2,}")
_CALLS = frozenset(
    {
        *(*_RUNS_ANY, *_RUNS_IF_SENT, *_RUNS_OF, *_EVALUATES, *_COMMANDS_ANY, *_COMMANDS_OF, *_WRITES_ANY, *_WRITES_OF),
        *(*_READS_ANY, *_READS_OF, *_LISTS_ANY, *_DELETES_ANY, *_DELETES_OF, *_QUERIES, *_DATABASES, *_CONNECTS),
        *(*_REVIVES, *_REVIVES_OF, *_NAMES_OF_CLASSES, *_INCLUDES, *_INVOKES, "invokemethod", "managementclass"),
        *("function", "constructor"),
        *(*_GIVEN, "open", "transfer", "createinstance"),
    }
)
# Names that code gives to anything are no carriers of a meaning by themselves.
_KEYWORDS = frozenset({
    "if", "else", "for", "foreach", "while", "new", "return", "var", "dim", "set", "let", "const", "string", "int",
    "byte", "object", "byref", "byval", "as", "then", "end", "sub", "function", "static", "public", "private",
    "protected", "void", "bool", "true", "false", "null", "nothing", "this", "me", "mybase", "base", "in", "and",
    "or", "not", "is", "like", "call", "try", "catch", "using", "char", "long", "double", "response", "server", "page",
    "context", "httpcontext", "system", "io", "text", "convert", "encoding", "length", "tostring", "current", "console",
    "math", "exit", "do", "loop", "next", "with", "class", "namespace", "import", "imports", "typeof", "out", "ref",
    "request",
})
# fmt: on
_POWERFUL = frozenset(
    {
        "process",
        "processstartinfo",
        "assembly",
        "appdomain",
        "interaction",
        "powershell",
        "wscript",
        "managementclass",
        "losformatter",
        "objectstateformatter",
        "binaryformatter",
        "vsaengine",
        "codedomprovider",
    }
)
# What is put into an object by them is in it; what an object has is poured by them into what they are given.
_PUTS = frozenset({"add", "append", "write", "writeline", "insert", "appendline", "loadxml", "load", "writetext"})
_POURS = frozenset({"read", "readasync", "readblock", "copyto", "copytoasync"})
_ON_FILES = frozenset({"createtext", "create", "openwrite", "appendtext", "open"})
_DECODES = frozenset(
    {
        "chr",
        "chrw",
        "chrb",
        "ascb",
        "midb",
        "xor",
        "strreverse",
        "frombase64string",
        "unescape",
        "fromcharcode",
        "urldecode",
        "charcodeat",
        "getstring",
        "createdecryptor",
        "reverse",
        "readalltext",
        "responsetext",
    }
)
_UNREADABLE = re.compile(r"[A-Za-z0-9+/=%_-]{16,}")
_PAGE = re.compile(
    r"(?i)\.(?:aspx?|as[hcm]x|asax|asa|cer|cdx|cshtml|vbhtml|soap|svc|master|bat|cmd|ps1|vbs|exe|dll|hta)$"
)
# No place of the page's own: what another machine has, and what stands in the registry.
_ELSEWHERE = re.compile(r"(?i)https?:|ftp:|hkey_|\\\\(?:\d|[\w-]+\.)")
_OPENS_VALUE = re.compile(r"(?:var\s+)?(?:[A-Za-z_$][\w$.]*\s*=\s*)?(?:[A-Za-z_]\w*)?\s*\(\s*")
_CLOSES_VALUE = re.compile(r"\s*\)\s*;?\s*")
_NAMED = re.compile(r"\w+")
_TYPE = "\0type"  # no name: that a visitor names a type
_PARAMETERS = 40  # of one name, all of its functions together
_KEPT = (
    _CALLS
    | _KEYWORDS
    | _UPLOADED
    | _OWN_PLACES
    | {"session", "application", "cache", "items", "viewstate", "headers", "cookies", "querystring", "form"}
)
_PASSES = 8
_STEPS = 1_500_000  # tokens looked at, of one page
_TOKENS = 100_000  # of one page; code of 256 KB, the most that is read of one, has two thirds of that
_SHOWN = 120
_CHAIN = 8  # tokens before a call that say of what it is
_NEAR = 64  # tokens before and behind a call that belong to it


@dataclass(slots=True)
class _Carriers:
    """Names that carry something of a visitor, of an uploaded file, or a place of the page's own.

    `latest` says of names whether what they were given last has such a place in it, as the page is read from its top.
    `encoded` are names that carry what was made of numbers or of a text that nobody can read, `pages` those that carry
    the name of a page, `classes` of what class or program an object is.
    """

    sent: set[str] = field(default_factory=set)
    uploaded: set[str] = field(default_factory=set)
    anchored: set[str] = field(default_factory=set)
    encoded: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    classes: dict[str, str] = field(default_factory=dict)
    functions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    latest: dict[str, bool] = field(default_factory=dict)
    left: int = _STEPS

    def step(self, count: int) -> None:
        """So many tokens are looked at.

        Raises:
            EntangledError: it is too many by now.
        """
        self.left -= count + 1
        if self.left < 0:
            raise EntangledError

    def size(self) -> int:
        return sum(map(len, (self.sent, self.uploaded, self.anchored, self.encoded, self.pages)))


def deeds(blocks: Sequence[tuple[Language, Sequence[Token]]], inputs: frozenset[str]) -> tuple[Deed, ...]:
    """What the code of a page does, each once.

    Args:
        blocks: the page's code with its language, as tokens.
        inputs: ids, in lower case, of controls into which a visitor writes.

    Raises:
        EntangledError: not to the end.
    """
    if sum(len(found) for _, found in blocks) > _TOKENS:
        raise EntangledError
    statements = [
        (language, tuple(each)) for language, found in blocks for each in _statements(apart(found, language, _KEPT))
    ]
    meant = aliases(statements, _CALLS)
    statements = [(language, put_back(statement, meant)) for language, statement in statements]
    names = {token.value.casefold() for _, found in statements for token in found if token.kind is Kind.NAME}
    names |= {
        word
        for _, found in statements
        for token in found
        if token.kind is Kind.TEXT and len(token.value) < 120
        for word in (token.value.casefold(), *_NAMED.findall(token.value.casefold()))
    }
    carriers = _Carriers()
    _declare(statements, carriers, inputs)
    for _ in range(_PASSES):
        before = carriers.size()
        for _, statement in statements:
            _carry(statement, carriers, inputs)
        if carriers.size() == before:
            break
    found: dict[Deed, None] = {}
    for language, statement in statements:
        for deed in _of_statement(statement, language, carriers, inputs, names):
            found.setdefault(deed)
        _settle(statement, carriers)
    return tuple(found)


def _settle(statement: Sequence[Token], carriers: _Carriers) -> None:
    for at in _givings(statement):
        name = _base(statement, at)
        if name and name not in _KEYWORDS and statement[at].marked("="):
            carriers.latest[name] = _anchored(statement[at + 1 :], carriers)


def _statements(found: Sequence[Token]) -> Iterator[list[Token]]:
    """Cut where a statement ends, outside of brackets."""
    statement: list[Token] = []
    depth = 0
    around: list[int] = []  # of each `{` that is open, the depth outside of it; -1 for a list of values
    before = Token(Kind.END, "\n")
    for token in found:
        cuts = depth == 0 and (token.kind is Kind.END or token.marked(";"))
        if token.marked("(", "["):
            depth += 1
        elif token.marked(")", "]"):
            depth = max(0, depth - 1)
        elif token.marked("{"):
            values = before.marked("]", ",", "{", "=") or before.named("new")
            around.append(-1 if values else depth)
            if not values:
                depth, cuts = 0, True
        elif token.marked("}") and around and (outside := around.pop()) >= 0:
            depth, cuts = outside, True
        if cuts:
            if statement:
                yield statement
            statement = []
        elif token.kind is not Kind.END:
            statement.append(token)
        before = token
    if statement:
        yield statement


def _declare(
    statements: Sequence[tuple[Language, tuple[Token, ...]]], carriers: _Carriers, inputs: frozenset[str]
) -> None:
    """Functions with their parameters, and objects with their classes.

    The parameters of a web service's methods are what a visitor sends.
    """
    service = False
    for _, statement in statements:
        words = [token.value.casefold() for token in statement if token.kind is Kind.NAME]
        if "webmethod" in words or "operationcontract" in words or "webinvoke" in words or "webget" in words:
            service = True
        _declare_classes(statement, carriers)
        for at in range(1, len(statement) - 1):
            name, after = statement[at], statement[at + 1]
            if name.kind is not Kind.NAME or not after.marked("(") or name.value.casefold() in _KEYWORDS:
                continue
            before = statement[at - 1]
            declared = before.kind is Kind.NAME and not before.named(
                "new", "return", "call", "await", "else", "in", "and", "or", "then"
            )
            declared = declared or before.marked(">", "]")
            end = _closing(statement, at + 1, carriers)
            if not declared or end is None:
                continue
            found = tuple(parameters(statement[at + 2 : end]))
            _declare_function(name.value, found, carriers)
            if service and found:
                carriers.sent.update(found)
                service = False
            break
    for _, statement in statements:
        _declare_nameless(statement, carriers)


def _declare_function(name: str, found: Sequence[str], carriers: _Carriers) -> None:
    """Two of one name are taken together: which of them is called is not followed."""
    key = name.casefold()
    carriers.functions[key] = tuple(dict.fromkeys((*carriers.functions.get(key, ()), *found)))[:_PARAMETERS]


def _declare_nameless(statement: Sequence[Token], carriers: _Carriers) -> None:
    """`run = function (x)`, `run = delegate (string x)`, `run = x => ...`, and `Set run = GetRef("other")`."""
    for at in range(1, len(statement) - 2):
        name, mark = statement[at - 1], statement[at]
        if name.kind is not Kind.NAME or not mark.marked("=", ":"):
            continue
        first, second = statement[at + 1], statement[at + 2]
        if first.named("function", "delegate") and second.marked("("):
            end = _closing(statement, at + 2, carriers)
            if end is not None:
                _declare_function(name.value, tuple(parameters(statement[at + 3 : end])), carriers)
        elif first.named("getref") and len(statement) > at + 3 and statement[at + 3].kind is Kind.TEXT:
            _declare_function(name.value, carriers.functions.get(statement[at + 3].value.casefold(), ()), carriers)
        elif first.kind is Kind.NAME and second.marked("=>"):
            _declare_function(name.value, (first.value.casefold(),), carriers)
        elif first.marked("("):
            end = _closing(statement, at + 1, carriers)
            if end is not None and end + 1 < len(statement) and statement[end + 1].marked("=>"):
                _declare_function(name.value, tuple(parameters(statement[at + 2 : end])), carriers)


def _declare_classes(statement: Sequence[Token], carriers: _Carriers) -> None:
    """`x = new A.B.C(...)`, `Dim x As New C`, `Set x = Server.CreateObject("A.B")`: of what class x is."""
    for at in range(1, len(statement) - 1):
        if not statement[at].marked("=") and not statement[at].named("as"):
            continue
        name, value = statement[at - 1], statement[at + 1 : at + 14]
        if name.kind is not Kind.NAME:
            continue
        if value[0].named("new"):
            chain = [each for each in value[1:] if each.kind is Kind.NAME or not each.marked(".")]
            end = next((number for number, each in enumerate(chain) if each.kind is not Kind.NAME), len(chain))
            if end:
                carriers.classes[name.value.casefold()] = chain[end - 1].value.casefold()
        else:
            made = next((n for n, each in enumerate(value[:-2]) if each.named("createobject", "activexobject")), None)
            if made is not None:
                which = value[made + 2]
                kind = which.value.casefold() if which.kind is Kind.TEXT else _ANY_CLASS
                carriers.classes[name.value.casefold()] = kind


def _closing(statement: Sequence[Token], at: int, carriers: _Carriers) -> int | None:
    depth = 0
    for index in range(at, len(statement)):
        if statement[index].marked("(", "["):
            depth += 1
        elif statement[index].marked(")", "]"):
            depth -= 1
            if depth == 0:
                carriers.step(index - at)
                return index
    carriers.step(len(statement) - at)
    return None


def _carry(statement: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]) -> None:
    for at in _givings(statement):
        left = _base(statement, at)
        if left:
            _give(left, statement[at + 1 :], carriers, inputs)
    _carry_to_procedures(statement, carriers, inputs)
    if statement and statement[0].named("return"):
        _returns(statement[1:], carriers, inputs)
    for at in range(len(statement) - 1):
        name = statement[at].value.casefold()
        if statement[at].kind is Kind.NAME and statement[at + 1].marked("("):
            end = _closing(statement, at + 1, carriers) or len(statement)
            arguments = statement[at + 2 : end]
            for parameter in carriers.functions.get(name, ()):
                _give(parameter, arguments, carriers, inputs)
            # What is put into something is in it: `list.Add(x)`, `stream.Write(x)`, `code.Append(x)`.
            receiver = _receiver(statement, at)
            if (
                receiver
                and receiver not in _KEYWORDS
                and (name in _PUTS or (name == "open" and _fetches(receiver, carriers)))
            ):
                _give(receiver, arguments, carriers, inputs)
            if name == "gettype" and _sent(arguments, carriers, inputs):
                carriers.sent.add(_TYPE)
            if name in _POURS and _sent(_own(statement[max(0, at - _NEAR) : at]), carriers, inputs):
                carriers.sent.update(
                    each.value.casefold()
                    for number, each in enumerate(arguments)
                    if each.kind is Kind.NAME
                    and each.value.casefold() not in _KEYWORDS
                    and not (number and arguments[number - 1].marked("."))
                )
    if statement and statement[0].named("foreach", "for") and any(each.named("in") for each in statement):
        at = next(index for index, each in enumerate(statement) if each.named("in"))
        if statement[at - 1].kind is Kind.NAME:
            _give(statement[at - 1].value.casefold(), statement[at + 1 :], carriers, inputs)


def _carry_to_procedures(statement: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]) -> None:
    """Basic calls a procedure without brackets: `Delete path, True`."""
    for at in range(len(statement) - 1):
        begins = at == 0 or statement[at - 1].named("then", "else", "call")
        name, after = statement[at].value.casefold(), statement[at + 1]
        if begins and statement[at].kind is Kind.NAME and after.kind in (Kind.NAME, Kind.TEXT):
            for parameter in carriers.functions.get(name, ()):
                _give(parameter, statement[at + 1 :], carriers, inputs)
        elif at > 1 and after.kind in (Kind.NAME, Kind.TEXT) and statement[at - 1].marked("."):
            receiver = _receiver(statement, at)
            if (
                receiver
                and receiver not in _KEYWORDS
                and (name in _PUTS or (name == "open" and _fetches(receiver, carriers)))
            ):
                _give(receiver, statement[at + 1 :], carriers, inputs)


def _fetches(name: str, carriers: _Carriers) -> bool:
    """Whether an object gets what another machine has."""
    return "http" in carriers.classes.get(name, "")


def _givings(statement: Sequence[Token]) -> Iterator[int]:
    """Where something is given a value; in Basic the same mark compares as well."""
    compares = bool(statement) and statement[0].named("while", "until", "do", "loop", "elseif")
    compares = compares and not (len(statement) > 1 and statement[1].marked("("))
    for at, token in enumerate(statement):
        if token.named("if", "elseif"):
            compares = at + 1 < len(statement) and any(each.named("then") for each in statement[at : at + _NEAR])
        elif token.named("then"):
            compares = False
        elif at and not compares and token.marked("=", "+=", "&=", "=>"):
            yield at


def _returns(value: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]) -> None:
    """Which function it is that gives this back is not followed: with one alone it is that one."""
    if len(carriers.functions) <= 6 and _sent(value, carriers, inputs):
        carriers.sent.update(
            name
            for name in carriers.functions
            if name not in _KEYWORDS and len(name) > 1 and not name.startswith("page_")
        )


def _give(name: str, value: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]) -> None:
    if name in _KEYWORDS:
        return
    if _sent(value, carriers, inputs):
        carriers.sent.add(name)
    if _uploaded(value, carriers):
        carriers.uploaded.add(name)
    if _anchored(value, carriers):
        carriers.anchored.add(name)
    if _encoded(value, carriers):
        carriers.encoded.add(name)
    if _is_page(value, carriers):
        carriers.pages.add(name)


def _encoded(value: Sequence[Token], carriers: _Carriers) -> bool:
    """Whether something stands in it that was made of numbers, or that is written so that nobody can read it."""
    carriers.step(len(value))
    return any(
        (token.kind is Kind.TEXT and _UNREADABLE.fullmatch(token.value) is not None)
        or (
            token.kind is Kind.NAME
            and (
                token.named(*_DECODES)
                or (token.value.casefold() in carriers.encoded and not (at and value[at - 1].marked(".")))
            )
        )
        for at, token in enumerate(value)
    )


def _is_page(value: Sequence[Token], carriers: _Carriers) -> bool:
    """Whether the name of a page stands in it."""
    carriers.step(len(value))
    return any(
        (token.kind is Kind.TEXT and _PAGE.search(token.value) is not None)
        or (token.kind is Kind.NAME and token.value.casefold() in carriers.pages)
        for token in value
    )


def _base(statement: Sequence[Token], at: int) -> str:
    """The name that is given a value: of `a.b["c"].d =` it is `a`."""
    index, lowest = at - 1, max(0, at - _NEAR)
    while index >= lowest:
        if statement[index].marked(")", "]"):
            depth = 0
            while index >= lowest:
                depth += statement[index].marked(")", "]") - statement[index].marked("(", "[")
                if depth == 0:
                    break
                index -= 1
            index -= 1
            continue
        if statement[index].kind is not Kind.NAME:
            return ""
        if index and statement[index - 1].marked("."):
            index -= 2
            continue
        name = statement[index].value.casefold()
        following = statement[index + 2].value.casefold() if index + 2 < at and statement[index + 1].marked(".") else ""
        # `this.x`, `Context.Session["x"]`: what is meant stands behind.
        return following if name in ("this", "me", "context", "httpcontext", "page") and following else name
    return ""


def _receiver(statement: Sequence[Token], at: int) -> str:
    return _base(statement, at - 1) if at >= 2 and statement[at - 1].marked(".") else ""


def _sent(value: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]) -> bool:
    """Whether something that a visitor sends stands in it."""
    carriers.step(len(value))
    for at, token in enumerate(value):
        if token.kind is not Kind.NAME:
            continue
        name = token.value.casefold()
        if name == "request":
            if _is_sent(value[at + 1 : at + 6]):
                return True
        elif at and value[at - 1].marked("."):
            # A member is what its object carries, and that name was looked at; but for `Context.Session["x"]`.
            if name in ("session", "application", "cache", "items") and name in carriers.sent:
                return True
        elif (name in carriers.sent and name not in _KEYWORDS) or (
            name in inputs
            and at + 2 < len(value)
            and value[at + 1].marked(".")
            and value[at + 2].named("text", "value", "innertext", "innerhtml", "content")
        ):
            return True
    return False


def _is_sent(after: Sequence[Token]) -> bool:
    if not after:
        return True
    if after[0].marked("."):
        member = after[1].value.casefold() if len(after) > 1 else ""
        if member == "servervariables" and len(after) > 3 and after[3].kind is Kind.TEXT:
            return _SERVER_VARIABLES.fullmatch(after[3].value) is None
        return member not in _NOT_SENT and member not in _UPLOADED
    return True


def _uploaded(value: Sequence[Token], carriers: _Carriers) -> bool:
    carriers.step(len(value))
    return any(
        token.kind is Kind.NAME
        and (
            token.value.casefold() in _UPLOADED
            or (token.value.casefold() in carriers.uploaded and not (at and value[at - 1].marked(".")))
        )
        for at, token in enumerate(value)
    )


def _anchored(value: Sequence[Token], carriers: _Carriers) -> bool:
    """Whether a place of the page's own stands in it: a text with a name in it, a setting, or what carries one."""
    carriers.step(len(value))
    for at, token in enumerate(value):
        if token.kind is Kind.TEXT:
            asked = at > 1 and value[at - 1].marked("[", "(") and value[at - 2].named(*_ASKED)
            if not asked and _WORDS.search(token.value) and not _ELSEWHERE.match(token.value):
                return True
        elif token.kind is Kind.NAME and not _is_class(value, at):
            name = token.value.casefold()
            if name in _OWN_PLACES or carriers.latest.get(name, name in carriers.anchored):
                return True
    return False


def _is_class(value: Sequence[Token], at: int) -> bool:
    """`Path.Combine`: a class, whatever a variable of the same letters carries."""
    return value[at].value in ("Path", "File", "Directory") and at + 1 < len(value) and value[at + 1].marked(".")


def _of_statement(
    statement: Sequence[Token], language: Language, carriers: _Carriers, inputs: frozenset[str], names: set[str]
) -> Iterator[Deed]:
    for at, token in enumerate(statement):
        if token.kind is Kind.TEXT:
            yield from _in_text(token, statement, at, carriers, inputs)
            continue
        if token.kind is not Kind.NAME:
            continue
        name = token.value.casefold()
        if name not in _CALLS:
            continue
        after = statement[at + 1] if at + 1 < len(statement) else None
        if after is not None and after.marked("(") and declares(statement, at, language) and name not in _EVALUATES:
            continue
        if name in _EVALUATES and after is not None and after.marked(")") and at + 2 < len(statement):
            after, at = statement[at + 2], at + 1  # `(0, eval)(x)`
        if after is not None and after.marked("("):
            end = _closing(statement, at + 1, carriers) or len(statement)
            arguments = statement[at + 2 : end]
        elif after is not None and language.is_basic and after.kind in (Kind.NAME, Kind.TEXT):
            arguments = statement[at + 1 :]
        elif after is not None and after.marked("=") and name in _GIVEN:
            arguments = statement[at + 2 :]
        elif name in ("virtualalloc", "createthread", "subfolders"):
            arguments = ()
        else:
            continue
        before = statement[at - 1] if at else None
        act = _act(name, before, statement, at, language, names, arguments, carriers)
        if act is None:
            act = _looked_up(name, arguments, names, carriers, inputs)
        if act is None:
            continue
        receiver = statement[max(0, at - _NEAR) : at] if at and statement[at - 1].marked(".") else ()
        call = statement[max(0, at - 2) : at + _NEAR]
        deed = _deed(act, token.value, call, arguments, receiver, carriers, inputs)
        if carriers.classes.get(_receiver(statement, at)) in _OF_ITS_OWN or any(
            each.named(*_OF_ITS_OWN) for each in receiver[-_CHAIN:]
        ):
            deed = replace(deed, made=False)
        yield deed
    yield from _by_string(statement, carriers, inputs)
    if language is Language.JSCRIPT:
        yield from _by_index(statement, carriers, inputs)


def _deed(
    act: Act,
    by: str,
    call: Sequence[Token],
    arguments: Sequence[Token],
    receiver: Sequence[Token],
    carriers: _Carriers,
    inputs: frozenset[str],
) -> Deed:
    name = by.casefold()
    first = _first(arguments) if act in (Act.WRITES, Act.READS, Act.LISTS, Act.DELETES) else arguments
    on_object = act in (Act.RUNS, Act.COMMANDS) or (act is Act.WRITES and name in _ON_FILES)
    told = first if first or not on_object else _own(receiver)
    visitor = _sent(told, carriers, inputs) or (
        act in (Act.RUNS, Act.COMMANDS) and _sent(_own(receiver), carriers, inputs)
    )
    from_afar = act is Act.RUNS and "load" in name and _from_afar(told)
    made = name not in _RUNS_IF_SENT and any(
        token.kind is Kind.NAME and token.value.casefold() not in _KEYWORDS for token in told
    )
    text = unmarked(
        "".join(
            f'"{each.value}"' if each.kind is Kind.TEXT else each.value + (" " if each.kind is Kind.NAME else "")
            for each in call
        )
    )
    shown = "".join(each if each.isprintable() else " " for each in text[:_SHOWN])
    return Deed(
        act,
        by,
        visitor,
        from_afar or not _anchored(told, carriers),
        made,
        " ".join(shown.split()),
        data=act is Act.RUNS and name == "eval" and _is_data(arguments, carriers),
        page=act is Act.WRITES
        and _is_page(first, carriers)
        and _is_filled(name, arguments, receiver, carriers, inputs),
    )


def _is_filled(
    name: str, arguments: Sequence[Token], receiver: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]
) -> bool:
    """Whether what a visitor sends, or another machine has, is put into what is written."""
    rest = arguments[len(_first(arguments)) :]
    return name == "downloadfile" or any(
        _sent(each, carriers, inputs) or any(token.named("request") for token in each) for each in (rest, receiver)
    )


def _from_afar(told: Sequence[Token]) -> bool:
    """Whether a library is made of a file that is named as none."""
    return any(token.named("readallbytes") for token in told) and any(
        token.kind is Kind.TEXT and "." in token.value and not token.value.casefold().endswith((".dll", ".exe"))
        for token in told
    )


def _is_data(arguments: Sequence[Token], carriers: _Carriers) -> bool:
    """`"(" + x + ")"`, and `"var y = (" + x + ");"`: x is a value; but for what was made of numbers."""
    if len(arguments) < 3 or arguments[0].kind is not Kind.TEXT or arguments[-1].kind is not Kind.TEXT:
        return False
    opens = _OPENS_VALUE.fullmatch(arguments[0].value) is not None
    closes = _CLOSES_VALUE.fullmatch(arguments[-1].value) is not None
    between = arguments[1:-1]
    plain = all(each.kind is Kind.NAME or each.marked("+", "&", ".") for each in between)
    return opens and closes and plain and not _encoded(between, carriers)


def _own(receiver: Sequence[Token]) -> Sequence[Token]:
    """The chain right before a call, not what stands left of an assignment."""
    for at in range(len(receiver) - 1, -1, -1):
        if receiver[at].marked("=", ";", ",", "+=", "&="):
            return receiver[at + 1 :]
    return receiver


def _first(arguments: Sequence[Token]) -> Sequence[Token]:
    depth = 0
    for at, token in enumerate(arguments):
        if token.marked("(", "["):
            depth += 1
        elif token.marked(")", "]"):
            depth -= 1
        elif token.marked(",") and depth == 0:
            return arguments[:at]
    return arguments


def _act(
    name: str,
    before: Token | None,
    statement: Sequence[Token],
    at: int,
    language: Language,
    names: set[str],
    arguments: Sequence[Token],
    carriers: _Carriers,
) -> Act | None:
    member = before is not None and before.marked(".")
    if name in _EVALUATES and _evaluates(name, member, statement, at, language, names):
        return Act.RUNS
    if name in _RUNS_ANY or name in _RUNS_IF_SENT:
        return Act.RUNS
    chain = {
        each.value.casefold() for each in statement[max(0, at - _CHAIN) : at] if each.kind in (Kind.NAME, Kind.TEXT)
    }
    if name != "transform" and (kind := carriers.classes.get(_receiver(statement, at))):
        chain.add(kind)
    if language is Language.JSCRIPT and (statement[at].value == "Function" or name == "constructor"):
        return Act.RUNS
    if name in _REVIVES or (name in _REVIVES_OF and _revives(name, chain, names, carriers)):
        return Act.REVIVES
    if name in _RUNS_OF and _has(name, _RUNS_OF[name], chain, names):
        return Act.RUNS
    if name in _COMMANDS_ANY:
        return Act.COMMANDS
    # The class: a variable that is called `process` can be anything.
    of_class = before is not None and member and (statement[at - 2].value == "Process" or language.is_basic)
    if name == "start" and arguments and of_class and "process" in chain:
        return Act.COMMANDS
    if name == "shell":
        called = bool(arguments) and (("interaction" in chain) if member else language.is_basic)
        return Act.COMMANDS if called else None
    if name in _COMMANDS_OF and _has(name, _COMMANDS_OF[name], chain, names):
        return Act.COMMANDS
    if name in ("arguments", "filename") and {"processstartinfo", "startinfo", "process"} & names and member:
        return Act.COMMANDS
    if name == "opentextfile" and not any(_is_for_writing(each) for each in arguments):
        return Act.READS
    if name in _WRITES_ANY or (name in _WRITES_OF and _has(name, _WRITES_OF[name], chain, names)):
        return Act.WRITES
    if name in _READS_ANY or (name in _READS_OF and _has(name, _READS_OF[name], chain, names)):
        return Act.READS
    if name in _NAMES_OF_CLASSES:
        return Act.INCLUDES
    if name in _LISTS_ANY:
        return Act.LISTS
    if name in _DELETES_ANY or (name in _DELETES_OF and _has(name, _DELETES_OF[name], chain, names)):
        return Act.DELETES
    if name in _QUERIES:
        return Act.QUERIES
    if name in _DATABASES or (name == "open" and member and "adodb.connection" in names):
        return Act.OPENS
    if name in ("execute", "transfer") and member and "server" in chain:
        return Act.INCLUDES
    if name in _INCLUDES or (name == "createinstance" and "activator" in chain):
        return Act.INCLUDES
    return Act.CONNECTS if name in _CONNECTS else None


def _revives(name: str, chain: set[str], names: set[str], carriers: _Carriers) -> bool:
    if name == "deserialize" and "xmlserializer" in names and _TYPE in carriers.sent:
        return True
    loose = "typenamehandling" in names and bool(names & {"all", "auto", "objects", "arrays"})
    return (
        "simpletyperesolver" in names
        or (name == "deserializeobject" and loose)
        or (name == "readobject" and "netdatacontractserializer" in chain | names)
    )


def _looked_up(
    name: str, arguments: Sequence[Token], names: set[str], carriers: _Carriers, inputs: frozenset[str]
) -> Act | None:
    """A method that was looked up, of a class that starts programs or loads code or that a visitor names."""
    if name not in _INVOKES and name != "invokemethod":
        return None
    if not arguments or not _sent(arguments, carriers, inputs):
        return None
    if name == "invokemethod":
        return Act.COMMANDS if names & {"managementclass", "managementobject"} else None
    found = bool(names & {"getmethod", "getmethods", "invokemember", "callbyname", "getruntimemethod"})
    of = bool(names & _POWERFUL) or _TYPE in carriers.sent
    return Act.REFLECTS if found and of else None


def _is_for_writing(token: Token) -> bool:
    """A mode in which OpenTextFile writes, as a number or by its name."""
    return (token.kind is Kind.NUMBER and token.value in ("2", "8")) or token.named("forwriting", "forappending")


def _has(name: str, of: tuple[str, ...], chain: set[str], names: set[str]) -> bool:
    """A method whose class stands before it, or in the page where the method alone says little."""
    if chain & set(of):
        return True
    strict = name in ("load", "parse", "transform", "create", "open", "move", "copy", "run", "compile", "writefile")
    return not strict and bool(names & set(of))


def _evaluates(
    name: str, member: bool, statement: Sequence[Token], at: int, language: Language, names: set[str]
) -> bool:
    """`eval` of JScript and VBScript; `Execute` of VBScript, which is no method of a connection or a command."""
    if name == "eval":
        if language is Language.JSCRIPT:
            return not member or statement[at - 2].named("window", "this", "global") or "vsa" in names
        if language is Language.VBSCRIPT:
            return not member
        return not member and statement[at].value == "eval"
    if member:
        return False
    return language is Language.VBSCRIPT or (language is Language.VB and name == "executeglobal")


_METHODS = frozenset(
    {
        "constructor",
        "eval",
        "load",
        "start",
        "jscriptevaluate",
        "invokemember",
        "compileassemblyfromsource",
        "exec",
        "execute",
        "shellexecute",
        "run",
    }
)


def _by_string(statement: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]) -> Iterator[Deed]:
    """A method that is named by a text: `x["eval"](y)`, `GetMethod("Load").Invoke(null, y)`."""
    called = [
        index for index, each in enumerate(statement) if each.kind is Kind.TEXT and each.value.casefold() in _METHODS
    ]
    words = {each.value.casefold() for each in statement if each.kind is Kind.NAME} if called else set()
    for at in called:
        carriers.step(len(statement))
        before, after = statement[at - 1] if at else None, statement[at + 1] if at + 1 < len(statement) else None
        indexed = (
            before is not None
            and before.marked("[")
            and after is not None
            and after.marked("]")
            and at + 2 < len(statement)
            and statement[at + 2].marked("(")
        )
        reflected = bool(
            words & {"invoke", "invokemember", "callbyname", "createdelegate", "dynamicinvoke", "getmethod"}
        )
        if indexed or reflected:
            act = (
                Act.COMMANDS if statement[at].value.casefold() in ("start", "exec", "shellexecute", "run") else Act.RUNS
            )
            yield _deed(
                act, statement[at].value, statement[max(0, at - 3) :], statement[at + 1 :], (), carriers, inputs
            )


def _by_index(statement: Sequence[Token], carriers: _Carriers, inputs: frozenset[str]) -> Iterator[Deed]:
    """JScript finds a function by what stands in `[ ]`, whatever that comes to: `x[y](z)`."""
    for at in range(2, len(statement) - 2):
        if not statement[at].marked("]") or not statement[at + 1].marked("("):
            continue
        opened = next((each for each in range(at, max(-1, at - 16), -1) if statement[each].marked("[")), None)
        end = _closing(statement, at + 1, carriers)
        if opened is None or end is None or opened < 1:
            continue
        index, arguments = statement[opened + 1 : at], statement[at + 2 : end]
        fixed = len(index) == 1 and index[0].kind in (Kind.TEXT, Kind.NUMBER)
        if index and not fixed and _sent(arguments, carriers, inputs):
            call = statement[max(0, opened - 1) : at + _NEAR]
            yield _deed(Act.REFLECTS, "[ ]", call, arguments, (), carriers, inputs)


def _in_text(
    token: Token, statement: Sequence[Token], at: int, carriers: _Carriers, inputs: frozenset[str]
) -> Iterator[Deed]:
    """`xp_cmdshell` and others in a text of SQL."""
    if re.search(r"(?i)\b(?:xp_cmdshell|sp_oacreate|xp_regwrite|xp_dirtree)\b", token.value):
        call = statement[max(0, at - 3) : at + _NEAR]
        yield _deed(Act.COMMANDS, "xp_cmdshell", call, statement[at + 1 :], (), carriers, inputs)


def is_interpreter(text: str) -> bool:
    """Whether a text names a program that runs whatever it is told, or that tells of a server."""
    return _SHELLS.search(text) is not None


def is_program(text: str) -> bool:
    """Whether a text names a program."""
    return _PROGRAM.search(text) is not None
