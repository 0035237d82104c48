"""Recursive descent over the subset. What it does not understand it refuses; it never guesses or skips."""

from __future__ import annotations

import re
from typing import NoReturn

from .kinds import is_known
from .lexer import ESCAPES, Lexer, Refusal
from .tree import (
    Argument,
    Assign,
    Binary,
    Block,
    Branch,
    Cast,
    Command,
    Expandable,
    Function,
    Group,
    Hash,
    Index,
    Invoke,
    Leave,
    Listing,
    Loop,
    Member,
    Node,
    Number,
    Pair,
    Parameter,
    Phase,
    Pipeline,
    Text,
    TypeName,
    Unary,
    Variable,
)

_COMPARED = [
    "eq",
    "ne",
    "gt",
    "ge",
    "lt",
    "le",
    "like",
    "notlike",
    "match",
    "notmatch",
    "contains",
    "notcontains",
    "in",
    "notin",
    "replace",
    "split",
]
_LEVELS: dict[str, int] = (
    {"-and": 1, "-or": 1, "-xor": 1, "-band": 2, "-bor": 2, "-bxor": 2}
    | {f"-{case}{word}": 3 for word in _COMPARED for case in ("", "i", "c")}
    | dict.fromkeys(("-is", "-isnot", "-as", "-join", "-shl", "-shr"), 3)
    | {"+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "-f": 6, "..": 7, ",": 8}
)
_OPERATOR = re.compile(r"-[A-Za-z]+(?![A-Za-z0-9_-])|\.\.|[-+*/%](?![-+*/%=])|,")
_ASSIGN = re.compile(r"[-+*/%]?=(?!=)")
_TYPE = re.compile(r"\[([A-Za-z][A-Za-z0-9_.]*(?:\[(?:[A-Za-z][A-Za-z0-9_.]*(?:, ?[A-Za-z][A-Za-z0-9_.]*)*)?\])?)\]")
_COMMAND = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")
_WORD = re.compile(r"[A-Za-z0-9_*?.\\/:=+~][A-Za-z0-9_*?.\\/:=+~%!^-]*")
_FLAG = re.compile(r"-([A-Za-z][A-Za-z0-9]*)(:?)")
_REDIRECTION = re.compile(r"[0-9*]?>")
# PowerShell takes return'x' for the name of a program: a keyword ends only before one of these.
_AFTER_KEYWORD = r"(?=[ \t\r\n(){};]|$)"
_KEYWORD = re.compile(r"[A-Za-z]+" + _AFTER_KEYWORD)
_PHASE = re.compile(r"(?:begin|process|end)(?=[ \t\r\n{])", re.IGNORECASE)
_PARAM = re.compile(r"param(?=[ \t\r\n]*\()", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\[([A-Za-z][A-Za-z0-9.]*)\(")
_CONSTRAINT = re.compile(r"\[[^\n]*\)\][ \t]*\$")
_SHORTHAND = re.compile(r"[%?](?=[ \t{])")
_DOUBLE = re.compile(r'"(?:[^"`]|""|`.)*"', re.DOTALL)
_LABEL = re.compile(r":([A-Za-z][A-Za-z0-9]*)(?=[ \t\r\n])")
_LITERAL_DOLLAR = " \t\r\n|)/\\"
_SIMPLE = re.compile(r"\$\((?:[^()'\"`#\r\n{}]|'[^()'\"`#\r\n]*'|\([^()'\"`#\r\n{}]*(?:'[^()'\"`#\r\n]*')?\))*\)")
_ENDS_ARGUMENT = ("", " ", "\t", "\r", "\n", ";", "|", ")", "}")
_BLOCKED = frozenset(
    [
        "clean",
        "dynamicparam",
        "class",
        "enum",
        "using",
        "trap",
        "workflow",
        "configuration",
        "data",
        "filter",
        "define",
        "from",
        "inlinescript",
        "parallel",
        "sequence",
        "var",
        "until",
        "in",
        "catch",
        "finally",
        "else",
        "elseif",
        "param",
    ]
)
# Attributes that say something of a script or function, and those that say or check something of a parameter. With
# constant arguments none of them runs anything. [Alias()] of a function is not here: it may take a command's name.
_OF_A_BLOCK = frozenset({"cmdletbinding", "outputtype", "suppressmessage", "excludefromcodecoverage", "obsolete"})
_OF_A_PARAMETER = frozenset(
    {"parameter", "alias", "supportswildcards", "psdefaultvalue", "suppressmessage", "obsolete", "allownull",
     "allowemptystring", "allowemptycollection", "validatenotnullorempty", "validatenotnull", "validateset",
     "validaterange", "validatelength", "validatepattern", "validatecount"}
)  # fmt: skip
_SPACES = ("system.", "diagnostics.codeanalysis.", "management.automation.")
_MAXIMUM_DEPTH = 60


_MOST_REFUSALS = 20


def parse(text: str) -> Block:
    """The tree of a script; raises Refusal at the first thing that is not in the subset."""
    parser = _Parser(Lexer(text))
    block = parser.block(top=True)
    if parser.lexer.char:
        parser.refuse("syntax", f"{parser.lexer.char!r} closes nothing", "delete it, or open what it closes")
    return block


def refusals(text: str, first: Refusal) -> list[Refusal]:
    """`first` and what else cannot be read: goes on at the next line that begins a statement of the script itself."""
    found = [first]
    if first.rule == "characters":  # nothing of the text was read
        return found
    line = re.compile(r"\n(?=[A-Za-z$@'\"\[(])")
    while len(found) < _MOST_REFUSALS and (resumed := line.search(text, found[-1].at)):
        parser = _Parser(Lexer(text, resumed.end()))
        try:
            parser.statements(top=True)
            if not parser.lexer.char:
                break
            parser.lexer.at += 1
            found.append(
                Refusal("syntax", parser.lexer.at - 1, "this closes nothing", "delete it, or open what it closes")
            )
        except Refusal as refusal:
            found.append(refusal)
    return found


def _same(one: Text, other: Text) -> bool:
    """Whether two keys of a table are the same to PowerShell."""
    return one.value.lower() == other.value.lower()


def _attribute(written: str) -> str:
    """An attribute's name as the lists here have it."""
    name = written.lower()
    for space in _SPACES:
        name = name.removeprefix(space)
    return name.removesuffix("attribute")


class _Parser:
    def __init__(self, lexer: Lexer) -> None:
        self.lexer = lexer
        self.depth = 0

    def refuse(self, rule: str, why: str, instead: str, at: int | None = None) -> NoReturn:
        self.lexer.plain(self.lexer.at, self.lexer.at + 1)
        raise Refusal(rule, self.lexer.at if at is None else at, why, instead)

    def expect(self, text: str) -> None:
        if not self.lexer.take(text):
            self.unknown(f"{text!r} is expected here")

    def unknown(self, why: str | None = None) -> NoReturn:
        """Refuses what stands here, by what it looks like."""
        lexer = self.lexer
        if _REDIRECTION.match(lexer.text, lexer.at):
            self.refuse(
                "redirection", "redirection writes a file or mixes streams", "emit objects; leave streams alone"
            )
        if lexer.peek("&&") or lexer.peek("||"):
            self.refuse("newer-syntax", "Windows PowerShell 5.1 has no && and ||", "use if (...) { ... }")
        if lexer.peek("??") or lexer.peek("?.") or lexer.peek("?[") or lexer.peek("? "):
            self.refuse(
                "newer-syntax", "Windows PowerShell 5.1 has no such operator", "use if (...) { ... } else { ... }"
            )
        if lexer.char == "&":
            self.refuse("call-operator", "& runs whatever its operand names", "write the command's name itself")
        if lexer.char == "@" and re.match(r"@[A-Za-z_]", lexer.text[lexer.at : lexer.at + 2]):
            self.refuse("splatting", "what is splatted cannot be seen here", "write the parameters themselves")
        if lexer.char == "|" and not lexer.text[lexer.text.rfind("\n", 0, lexer.at) + 1 : lexer.at].strip():
            self.refuse(
                "newer-syntax", "Windows PowerShell 5.1 does not continue a line with |", "end the line above with |"
            )
        if lexer.char == "`":
            self.refuse("syntax", "a backtick inside of a word hides what it says", "write the word without it")
        if lexer.char == "$":
            self.refuse("variable", "this variable's form is not understood", "use a plain variable such as $name")
        self.refuse("syntax", why or f"{lexer.char or 'the end'!r} is not understood here", "use a simpler form")

    def block(self, *, top: bool = False, phases: bool = False) -> Block:
        """Parameters and statements, up to a closing brace or the end; `phases` allows begin, process and end."""
        start = self.lexer.at
        self.lexer.space()
        parameters: tuple[Parameter, ...] = ()
        attributed = self.lexer.at
        while not _CONSTRAINT.match(self.lexer.text, attributed) and self.attribute(
            _OF_A_BLOCK, "a script or function"
        ):
            self.lexer.space()
        if self.lexer.match(_PARAM):
            self.lexer.space()
            parameters = self.parameters()
        elif self.lexer.at != attributed:
            self.refuse("attribute", "an attribute stands before no param", "write param() after it", attributed)
        self.lexer.space()
        body: tuple[Node, ...] = ()
        if phases and _PHASE.match(self.lexer.text, self.lexer.at):
            at = self.lexer.at
            while word := self.lexer.match(_PHASE):
                if any(isinstance(one, Phase) and one.word == word.lower() for one in body):
                    self.refuse("syntax", f"{word} stands here twice", "write it once", at)
                body += (Phase(at, word.lower(), self.braces()),)
                self.lexer.space()
                at = self.lexer.at
            if not self.lexer.peek("}"):
                self.refuse("syntax", "a statement beside begin, process and end", "put it into one of them")
            return Block(start, parameters, body)
        return Block(start, parameters, self.statements(top=top))

    def parameters(self) -> tuple[Parameter, ...]:
        self.expect("(")
        found: list[Parameter] = []
        self.lexer.space()
        while not self.lexer.take(")"):
            if found:
                self.expect(",")
                self.lexer.space()
            types: list[TypeName] = []
            start = self.lexer.at
            while self.lexer.char == "[":
                if not self.attribute(_OF_A_PARAMETER, "a parameter"):
                    types.append(self.type())
                self.lexer.space()
            name = self.lexer.variable()
            if name is None:
                self.unknown()
            if any(one.name == name for one in found):
                self.refuse("syntax", f"the parameter ${name} is declared twice", "delete one of them", start)
            self.lexer.space()
            default = None
            if self.lexer.take("="):
                self.lexer.space()
                default = self.expression(commas=False)
                self.lexer.space()
            found.append(Parameter(start, name, tuple(types), default))
        return tuple(found)

    def attribute(self, allowed: frozenset[str], of: str) -> bool:
        """Passes an attribute with constant arguments; False when none stands here."""
        start = self.lexer.at
        found = _ATTRIBUTE.match(self.lexer.text, self.lexer.at)
        if found is None:
            return False
        name = _attribute(found[1])
        if name not in allowed:
            self.refuse(
                "attribute",
                f"the attribute {found[1]} may run code, or means something else for {of}",
                "leave it out; check a value in the script",
                start,
            )
        self.lexer.at = found.end()
        self.lexer.space()
        while not self.lexer.take(")"):
            named = re.compile(r"[A-Za-z]+(?:(\s*=\s*)|(?=[\s,)]))").match(self.lexer.text, self.lexer.at)
            if named:
                self.lexer.at = named.end()
            if not named or named[1]:
                value = self.expression(commas=False)
                if not (
                    isinstance(value, Text | Number)
                    or (isinstance(value, TypeName) and name == "outputtype" and is_known(value.name))
                    or (isinstance(value, Unary) and isinstance(value.value, Number))
                    or (isinstance(value, Variable) and value.name in ("true", "false"))
                ):
                    self.refuse(
                        "attribute", f"an argument of {found[1]} is not a constant", "write it as a literal", value.at
                    )
            self.lexer.space()
            if not self.lexer.peek(")"):
                self.expect(",")
                self.lexer.space()
                if self.lexer.peek(")"):
                    self.unknown("an argument is expected here")
        self.expect("]")
        return True

    def type(self) -> TypeName:
        start = self.lexer.at
        found = self.lexer.match(_TYPE)
        if found is None:
            self.unknown()
        return TypeName(start, found[1:-1])

    def braces(self) -> tuple[Node, ...]:
        self.lexer.space()
        self.expect("{")
        body = self.statements()
        self.expect("}")
        return body

    def statements(self, *, top: bool = False) -> tuple[Node, ...]:
        found: list[Node] = []
        while True:
            self.lexer.space()
            if self.lexer.take(";"):
                continue
            if self.lexer.char in ("", "}", ")"):
                return tuple(found)
            found.append(self.statement(top=top))
            self.lexer.blanks()
            if self.lexer.char not in ("", "}", ")", ";", "\n", "\r") and not self.ends_in_brace(found[-1]):
                self.unknown()

    def ends_in_brace(self, node: Node) -> bool:
        return isinstance(node, Loop | Branch | Function) and self.lexer.text[self.lexer.at - 1] in "} \t"

    def statement(self, *, top: bool = False) -> Node:
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            self.refuse("syntax", "the script is nested too deeply", "use intermediate variables or functions")
        try:
            return self.one_statement(top=top)
        finally:
            self.depth -= 1

    def one_statement(self, *, top: bool) -> Node:
        start = self.lexer.at
        found = _KEYWORD.match(self.lexer.text, self.lexer.at)
        word = found[0].lower() if found else ""
        if label := _LABEL.match(self.lexer.text, self.lexer.at):
            self.lexer.at = label.end()
            self.lexer.space()
            found = _KEYWORD.match(self.lexer.text, self.lexer.at)
            if found is None or found[0].lower() not in ("foreach", "for", "while", "do", "switch"):
                self.refuse("syntax", "a label stands before a loop", "delete it", start)
            word = found[0].lower()
        if found and word in _BLOCKED:
            self.refuse("keyword", f"{word} is not part of the subset", "use functions, if, foreach and try")
        if found and (reader := getattr(self, f"read_{word}", None)):
            self.lexer.at = found.end()
            node: Node = reader(start, top) if word == "function" else reader(start)
            return node
        return self.pipeline()

    def condition(self) -> Node:
        self.lexer.space()
        start = self.lexer.at
        self.expect("(")
        self.lexer.space()
        value = self.pipeline()
        self.lexer.space()
        self.expect(")")
        return Group(start, "(", (value,))

    def keyword(self, word: str) -> bool:
        """Takes a keyword that continues a statement, also on a later line; stays where it is without one."""
        start = self.lexer.at
        self.lexer.space()
        if self.lexer.match(re.compile(word + _AFTER_KEYWORD, re.IGNORECASE)):
            return True
        self.lexer.at = start
        return False

    def read_if(self, start: int) -> Node:
        heads = [self.condition()]
        bodies = [self.braces()]
        while self.keyword("elseif"):
            heads.append(self.condition())
            bodies.append(self.braces())
        if self.keyword("else"):
            bodies.append(self.braces())
        return Branch(start, "if", tuple(heads), tuple(bodies))

    def read_foreach(self, start: int) -> Node:
        self.lexer.space()
        self.expect("(")
        self.lexer.space()
        at = self.lexer.at
        name = self.lexer.variable()
        if name is None or not self.keyword("in"):
            self.unknown()
        self.lexer.space()
        head = self.pipeline()
        self.lexer.space()
        self.expect(")")
        return Loop(start, "foreach", Variable(at, name), (head,), self.braces())

    def read_for(self, start: int) -> Node:
        heads: list[Node] = []
        self.lexer.space()
        self.expect("(")
        for end in ";;)":
            self.lexer.space()
            if not self.lexer.peek(end):
                heads.append(self.pipeline())
                self.lexer.space()
            self.expect(end)
        return Loop(start, "for", None, tuple(heads), self.braces())

    def read_while(self, start: int) -> Node:
        return Loop(start, "while", None, (self.condition(),), self.braces())

    def read_do(self, start: int) -> Node:
        body = self.braces()
        if not self.keyword("while") and not self.keyword("until"):
            self.unknown()
        return Loop(start, "do", None, (self.condition(),), body)

    def read_switch(self, start: int) -> Node:
        self.lexer.space()
        while flag := self.lexer.match(_FLAG):
            if flag.lower() not in ("-regex", "-wildcard", "-exact", "-casesensitive"):
                self.refuse("keyword", f"switch {flag} is not part of the subset", "switch over a value", start)
            self.lexer.space()
        heads = [self.condition()]
        bodies: list[tuple[Node, ...]] = []
        self.lexer.space()
        self.expect("{")
        self.lexer.space()
        while not self.lexer.take("}"):
            if self.lexer.char == "{":
                at = self.lexer.at
                heads.append(Group(at, "{", self.braces()))
            elif self.lexer.char.isalpha():
                at = self.lexer.at
                word = self.lexer.match(re.compile(r"[A-Za-z][A-Za-z0-9_]*(?=[ \t]*\{)"))
                if word is None:
                    self.refuse("syntax", "this case of the switch is not understood", "put it in single quotes", at)
                heads.append(Text(at, word))
            else:
                heads.append(self.postfix(self.primary()))
            bodies.append(self.braces())
            self.lexer.space()
            while self.lexer.take(";"):
                self.lexer.space()
        return Branch(start, "switch", tuple(heads), tuple(bodies))

    def read_try(self, start: int) -> Node:
        bodies = [self.braces()]
        while self.keyword("catch"):
            self.lexer.space()
            while self.lexer.char == "[":
                self.type()
                self.lexer.space()
                if self.lexer.take(","):
                    self.lexer.space()
            bodies.append(self.braces())
        if self.keyword("finally"):
            bodies.append(self.braces())
        if len(bodies) == 1:
            self.unknown("catch or finally is expected here")
        return Branch(start, "try", (), tuple(bodies))

    def read_function(self, start: int, top: bool) -> Node:
        self.lexer.blanks()
        name = self.lexer.match(_COMMAND)
        if name is None:
            self.unknown()
        self.lexer.space()
        outer: tuple[Parameter, ...] = ()
        if self.lexer.char == "(":
            outer = self.parameters()
            self.lexer.space()
        self.expect("{")
        block = self.block(phases=True)
        self.expect("}")
        if outer and block.parameters:
            self.refuse("syntax", "parameters stand before and behind the brace", "write param (...) alone", start)
        return Function(start, name, Block(block.at, outer + block.parameters, block.body), top)

    def leave(self, start: int, word: str) -> Node:
        self.lexer.blanks()
        value = None if self.lexer.char in ("", ";", "}", ")", "\n", "\r") else self.pipeline()
        return Leave(start, word, value)

    def read_return(self, start: int) -> Node:
        return self.leave(start, "return")

    def read_throw(self, start: int) -> Node:
        return self.leave(start, "throw")

    def read_exit(self, start: int) -> Node:
        return self.leave(start, "exit")

    def bare_leave(self, start: int, word: str) -> Node:
        self.lexer.blanks()
        if self.lexer.char.isalpha():
            self.lexer.name()
            self.lexer.blanks()
        if self.lexer.char not in ("", ";", "}", "\n", "\r"):
            self.refuse("keyword", f"where {word} goes is chosen while the script runs", f"write {word} alone")
        return Leave(start, word, None)

    def read_break(self, start: int) -> Node:
        return self.bare_leave(start, "break")

    def read_continue(self, start: int) -> Node:
        return self.bare_leave(start, "continue")

    def pipeline(self) -> Node:
        start = self.lexer.at
        if self.lexer.char.isalpha() or self.shorthand():
            elements: list[Node] = [self.command()]
        else:
            if self.lexer.char == "." and not re.match(r"\.[0-9]", self.lexer.text[start : start + 2]):
                self.refuse("dot-sourcing", "the dot runs another script in here", "write the commands themselves")
            value = self.expression()
            self.lexer.blanks()
            at = self.lexer.at
            if operator := self.lexer.match(_ASSIGN):
                return self.assign(start, value, operator)
            if self.lexer.take("++") or self.lexer.take("--"):
                self.target(value, at)
                return Assign(start, value, "+=", Number(at, "1"))
            elements = [value]
        self.lexer.blanks()
        while self.lexer.char == "|" and not self.lexer.peek("||"):
            self.lexer.at += 1
            self.lexer.space()
            if not self.lexer.char.isalpha() and not self.shorthand():
                self.unknown()
            elements.append(self.command())
            self.lexer.blanks()
        if self.lexer.char in ("&", "|", ">", "<"):
            self.unknown()
        return elements[0] if len(elements) == 1 else Pipeline(start, tuple(elements))

    def shorthand(self) -> bool:
        """Whether % or ? stands here as the name of a command."""
        return bool(_SHORTHAND.match(self.lexer.text, self.lexer.at))

    def target(self, value: Node, at: int) -> None:
        if isinstance(value, Cast):
            value = value.value
        items = value.items if isinstance(value, Listing) else (value,)
        if len(items) == 1 and isinstance(items[0], Member | Index):
            return
        if not all(isinstance(item, Variable) for item in items):
            self.refuse(
                "assignment", "only a variable can be assigned here", "assign one variable a statement: $name = ...", at
            )

    def assign(self, start: int, target: Node, operator: str) -> Node:
        self.target(target, start)
        self.lexer.space()
        return Assign(start, target, operator, self.statement())

    def command(self) -> Node:
        start = self.lexer.at
        name = self.lexer.match(_SHORTHAND) or self.lexer.match(_COMMAND)
        braced = self.lexer.char == "{"
        if name is None or (self.lexer.char not in _ENDS_ARGUMENT and not braced):
            self.refuse("command-name", "this is not a command's plain name", "write Verb-Noun and a space", start)
        arguments: list[Argument] = []
        while True:
            before = self.lexer.at
            self.lexer.blanks()
            if self.lexer.char in ("", "\r", "\n", ";", "|", ")", "}"):
                return Command(start, name, tuple(arguments))
            if self.lexer.at == before and not (braced and not arguments):
                self.unknown()
            at = self.lexer.at
            if self.lexer.char == "-" and (found := _FLAG.match(self.lexer.text, at)):
                self.lexer.at = found.end()
                value = None
                if found[2]:
                    self.lexer.blanks()
                    value = self.argument()
                elif self.lexer.char not in _ENDS_ARGUMENT:
                    self.refuse("parameter", "this is not a parameter's plain name", "write -Name and a space", at)
                arguments.append(Argument(at, found[1], value))
            else:
                arguments.append(Argument(at, None, self.arguments()))

    def arguments(self) -> Node:
        start = self.lexer.at
        items = [self.argument()]
        while True:
            before = self.lexer.at
            self.lexer.blanks()
            if not self.lexer.take(","):
                self.lexer.at = before
                return items[0] if len(items) == 1 else Listing(start, tuple(items))
            self.lexer.space()
            items.append(self.argument())

    def argument(self) -> Node:
        lexer = self.lexer
        start = lexer.at
        if lexer.char and lexer.char in "'\"$(@{[":
            if lexer.char == "[":
                self.refuse("argument", "a word that begins with [ is text here", "quote it, or use parentheses")
            value = self.postfix(self.primary())
        else:
            if _REDIRECTION.match(lexer.text, start):
                self.unknown()
            word = lexer.match(re.compile(r"-[0-9.]+(?=[\s|;)},]|$)")) or lexer.match(_WORD)
            if word is None:
                self.unknown()
            value = Text(start, word, bare=True)
        if lexer.char not in (*_ENDS_ARGUMENT, ","):
            if _REDIRECTION.match(lexer.text, lexer.at) or lexer.char == "`":
                self.unknown()
            self.refuse("argument", "where this argument ends is not plain", "put it in quotes or parentheses", start)
        return value

    def expression(self, level: int = 1, *, commas: bool = True) -> Node:
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            self.refuse("syntax", "the script is nested too deeply", "use intermediate variables or functions")
        left = self.unary(commas=commas)
        while True:
            before = self.lexer.at
            self.lexer.blanks()
            at = self.lexer.at
            operator = (self.lexer.match(_OPERATOR) or "").lower()
            if operator and operator not in _LEVELS:
                self.refuse("operator", f"{operator} is not an operator of the subset", "use a comparison", at)
            if not operator or _LEVELS[operator] < level or (operator == "," and not commas):
                self.lexer.at = before
                self.depth -= 1
                return left
            self.lexer.space()
            right = self.expression(_LEVELS[operator] + 1, commas=commas)
            if operator == ",":
                items = left.items if isinstance(left, Listing) else (left,)
                left = Listing(left.at, (*items, right))
            else:
                left = Binary(left.at, operator, left, right)

    def unary(self, *, commas: bool) -> Node:
        start = self.lexer.at
        operator = self.lexer.match(
            re.compile(r"-(?:not|bnot|join|[ic]?split)(?![A-Za-z0-9_-])|!|[-+](?![-+A-Za-z])|,", re.I)
        )
        if operator == "," and not commas:
            self.refuse("syntax", "a value is missing before the comma", "write it, or put parentheses around", start)
        if not operator:
            return self.postfix(self.primary())
        # Every unary operator binds tighter than every binary one, the comma included: -join 1, 2 is (-join 1), 2.
        self.lexer.space()
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            self.refuse("syntax", "the script is nested too deeply", "use intermediate variables or functions")
        value = self.unary(commas=commas)
        self.depth -= 1
        return Unary(start, operator.lower(), value)

    def primary(self) -> Node:  # noqa: RET503 - unknown() never returns
        lexer = self.lexer
        start = lexer.at
        char = lexer.char
        if lexer.peek("@'") or lexer.peek('@"'):
            quote = lexer.text[start + 1]
            body, begin = lexer.here(quote)
            if quote == "'":
                return Text(start, body)
            if "$(" in body or "`" in body:
                self.refuse("string", "an expression or escape in a here-string", "use -f, or variables", start)
            return self.expand(start, begin, begin + len(body), here=True)
        if char == "'":
            return Text(start, lexer.single())
        if char == '"':
            return self.double()
        if char == "$" and lexer.take("$("):
            return self.group(start, "$(")
        if char == "$":
            name = lexer.variable()
            if name is None:
                self.unknown()
            return Variable(start, name)
        if lexer.take("@("):
            return self.group(start, "@(")
        if lexer.take("("):
            lexer.space()
            value = self.pipeline()
            lexer.space()
            self.expect(")")
            return Group(start, "(", (value,))
        if lexer.take("@{"):
            return self.hash(start)
        if lexer.take("{"):
            block = self.block()
            self.expect("}")
            return Block(start, block.parameters, block.body)
        if char == "[":
            if attribute := _ATTRIBUTE.match(lexer.text, lexer.at):
                what = f"the attribute {attribute[1]} stands where a value does"
                self.refuse("syntax", what, "leave it out; it belongs before param or a parameter")
            found = self.type()
            if lexer.peek("::"):
                return found
            lexer.blanks()
            if lexer.char and lexer.char in "$'\"(@[{0123456789-":
                if lexer.char == "-" and not re.match(r"-[0-9]", lexer.text[lexer.at : lexer.at + 2]):
                    return found
                return Cast(start, found, self.unary(commas=False))
            return found
        if (number := lexer.number()) is not None:
            if lexer.char and lexer.char not in " \t\r\n)];,}|.+-*/%":
                self.refuse("number", "where this number ends is not plain", "put a space after it", start)
            return Number(start, number)
        self.unknown()

    def group(self, start: int, opening: str) -> Node:
        body = self.statements()
        self.expect(")")
        return Group(start, opening, body)

    def hash(self, start: int) -> Node:
        pairs: list[Pair] = []
        self.lexer.space()
        while not self.lexer.take("}"):
            at = self.lexer.at
            name = self.lexer.name()
            key = Text(at, name) if name else self.postfix(self.primary())
            if isinstance(key, Text) and any(isinstance(p.key, Text) and _same(p.key, key) for p in pairs):
                self.refuse("syntax", f"the key {key.value} stands in this table twice", "delete one of them", at)
            self.lexer.blanks()
            self.expect("=")
            self.lexer.space()
            pairs.append(Pair(at, key, self.statement()))
            self.lexer.blanks()
            if self.lexer.char not in (";", "\r", "\n", "}"):
                self.unknown()
            self.lexer.space()
            while self.lexer.take(";"):
                self.lexer.space()
        return Hash(start, tuple(pairs))

    def postfix(self, value: Node) -> Node:
        lexer = self.lexer
        while True:
            at = lexer.at
            if (lexer.char == "." and not lexer.peek("..")) or lexer.peek("::"):
                static = lexer.peek("::")
                if static and not isinstance(value, TypeName):
                    self.refuse("dynamic-member", "the type is chosen while the script runs", "write [Type]::Member")
                lexer.at += 2 if static else 1
                name = lexer.name() or (lexer.single() if lexer.char == "'" else None)
                if name is None:
                    self.refuse("dynamic-member", "the member is chosen while the script runs", "write its name", at)
                if lexer.peek("{"):
                    self.refuse("method", "a method with a block and no parentheses", "write .Where({ ... })", at)
                value = Invoke(at, value, name, self.call()) if lexer.take("(") else Member(at, value, name)
            elif lexer.take("["):
                lexer.space()
                index = self.expression()
                lexer.space()
                self.expect("]")
                value = Index(at, value, index)
            else:
                return value

    def call(self) -> tuple[Node, ...]:
        found: list[Node] = []
        self.lexer.space()
        while not self.lexer.take(")"):
            if found:
                self.expect(",")
                self.lexer.space()
            found.append(self.expression(commas=False))
            self.lexer.space()
        return tuple(found)

    def double(self) -> Node:
        start = self.lexer.at
        found = _DOUBLE.match(self.lexer.text, start)
        if found is None:
            self.refuse("syntax", "the string does not end", 'close it with "')
        self.lexer.plain(start, found.end())
        self.lexer.at = found.end()
        return self.expand(start, start + 1, found.end() - 1)

    def expand(self, start: int, begin: int, end: int, *, here: bool = False) -> Node:
        """What stands between the quotes, from `begin` to `end`; in a here-string quotes are not doubled."""
        parts: list[Node] = []
        literal = ""
        inner = Lexer(self.lexer.text[:end], begin)
        while inner.char:
            at = inner.at
            if (not here and inner.take('""')) or inner.take("`"):
                char = '"' if inner.text[at] == '"' else inner.char
                if inner.text[at] == "`":
                    inner.at += 1
                    if char not in "`$\"'" and char not in ESCAPES:
                        self.refuse("string", f"the escape `{char} is not in every PowerShell", "drop it", at)
                    literal += ESCAPES.get(char, char)
                else:
                    literal += char
                continue
            if inner.char != "$" or inner.text[at + 1 : at + 2] in ("", *_LITERAL_DOLLAR):
                literal += inner.char
                inner.at += 1
                continue
            part: Node
            if inner.peek("$("):
                found = _SIMPLE.match(inner.text, at)
                if found is None:
                    self.refuse("string", "this expression in a string is not simple", "use a variable", at)
                nested = _Parser(Lexer(inner.text[: found.end()], at))
                nested.depth = self.depth + 1
                part = nested.primary()
                if nested.lexer.char:
                    nested.unknown()
                inner.at = found.end()
            elif (name := inner.variable()) is not None:
                part = Variable(at, name)
            else:
                self.refuse("string", "this $ may or may not begin a variable", "escape it: `$", at)
            if literal:
                parts.append(Text(start, literal))
                literal = ""
            parts.append(part)
        if not parts:
            return Text(start, literal)
        if literal:
            parts.append(Text(start, literal))
        return Expandable(start, tuple(parts))
