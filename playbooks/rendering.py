"""Templates of PowerShell, in which every `{{ }}` becomes a literal of its value's type.

Three things hold a value inside its literal:

1. `literal` writes it, whatever filter the template applied: what a filter returns is text and is quoted.
2. Of Jinja only what cannot rewrite finished text is accepted: no filter blocks, macros, calls, includes.
3. A placeholder stands where PowerShell begins a token: never inside quotes, a here-string or a comment, where the
   quotes of a literal would mean something else.
"""

from __future__ import annotations

import math
import traceback
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from jinja2 import Environment, StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from playbooks.errors import RenderingError
from playbooks.values import Value

__all__ = ["check_template", "literal", "render"]

# PowerShell's tokenizer takes each of these for the same quote (CharTraits.cs: IsSingleQuote, IsDoubleQuote).
SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"
DOUBLE_QUOTES = '"\u201c\u201d\u201e'
# Beside the ASCII ones: a literal writes them by number, so that no reader of a script, person or program, takes one
# for the end of a text or for a parameter (CharTraits.cs: IsDash).
LOOK_ALIKES = SINGLE_QUOTES[1:] + DOUBLE_QUOTES[1:] + "\u2013\u2014\u2015"
INT64 = range(-(2**63), 2**63)
MAX_NESTING = 32

# Around each literal while its place is checked; neither a template nor a literal can hold them.
_BEGIN, _END = "\x02", "\x03"
_BEFORE = " \t\n(,=;{[|:"
_AFTER = " \t\n),;}]|"
_STARTS_COMMENT = " \t\n;(){}|,"

_FILTERS = (
    "count",
    "d",
    "default",
    "first",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "sort",
    "string",
    "trim",
    "unique",
    "upper",
)
_NODES: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.Name,
    nodes.Const,
    nodes.Tuple,
    nodes.List,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.Concat,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
)


def literal(value: Value) -> str:
    """The PowerShell literal that evaluates to `value`, in ASCII where a character could mislead a reader.

    Times become ISO 8601 text in UTC, bytes a `[byte[]]`. Keys of mappings are written in the order of their code
    points, so that equal mappings give equal text.

    Raises:
        RenderingError: a value that has no literal (not a number, infinite, beyond 64 bits, a time without zone,
            keys that PowerShell takes for one, nesting beyond 32, another type).
    """
    return _literal(value, MAX_NESTING)


def _literal(value: object, depth: int) -> str:
    if depth == 0:
        raise RenderingError(f"a value is nested more than {MAX_NESTING} deep", "pass a flatter one")
    match value:
        case None:
            return "$null"
        case bool():
            return "$true" if value else "$false"
        case int():
            return _integer(int(value))
        case float():
            return _float(float(value))
        case str():
            return _text(str.__str__(value))
        case datetime():
            return _time(value)
        case bytes():
            return f"([byte[]]@({', '.join(str(byte) for byte in value)}))"
        case list() | tuple():
            return _array([_literal(item, depth - 1) for item in value], list(value))
        case Mapping():
            return _hashtable(value, depth - 1)
        case _:
            raise RenderingError(
                f"a value of type {type(value).__name__} has no PowerShell literal",
                "pass text, a number, a boolean, null, a time, a list or a mapping",
            )


def _integer(value: int) -> str:
    if value not in INT64:
        raise RenderingError("an integer does not fit 64 bits", "pass it as text")
    if value == INT64.start:
        return "([long]'-9223372036854775808')"  # its digits alone are beyond a long, before the sign is applied
    return f"({value})" if value < 0 else str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise RenderingError("a number is infinite or not a number", "pass a finite one")
    written = repr(value)
    return f"({written})" if written.startswith("-") else written


def _time(value: datetime) -> str:
    if value.utcoffset() is None:
        raise RenderingError("a time has no zone", "add one, such as Z")
    return _text(value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"))


def _misleads(character: str) -> bool:
    """Quotes and dashes beside ASCII's; what is unseen or not XML (control, format, separator, surrogate)."""
    return character in LOOK_ALIKES or (character != " " and unicodedata.category(character)[0] in "CZ")


def _text(value: str) -> str:
    parts: list[str] = []
    plain: list[str] = []
    for character in value:
        if not _misleads(character):
            plain.append("''" if character == "'" else character)
            continue
        if plain or not parts:  # a [char] cannot begin a sum: text must
            parts.append("'" + "".join(plain) + "'")
            plain = []
        units = character.encode("utf-16-be", "surrogatepass")
        parts.extend(f"[char]0x{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2))
    if plain or not parts:
        parts.append("'" + "".join(plain) + "'")
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def _array(items: list[str], values: list[object]) -> str:
    if len(values) == 1 and isinstance(values[0], list | tuple | bytes):
        return f"@(, {items[0]})"  # without the comma @() unrolls the only element
    return f"@({', '.join(items)})"


def _hashtable(value: Mapping[object, object], depth: int) -> str:
    keys: dict[str, str] = {}
    for key in value:
        if not isinstance(key, str) or any(_misleads(character) for character in key):
            raise RenderingError("a key of a mapping is not plain text", "use letters, digits and punctuation")
        folded = str.__str__(key).casefold()
        if folded in keys:
            raise RenderingError(
                "two keys of a mapping differ in case only, which PowerShell takes for one", "rename one"
            )
        keys[folded] = str.__str__(key)
    entries = [f"{_text(key)} = {_literal(value[key], depth)}" for key in sorted(keys.values())]
    return f"@{{{'; '.join(entries)}}}"


def _marked_literal(value: object) -> str:
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    return f"{_BEGIN}{_literal(value, MAX_NESTING)}{_END}"


def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        finalize=_marked_literal,
        autoescape=False,
        keep_trailing_newline=True,
        newline_sequence="\n",
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.globals = {}
    return environment


def render(template_text: str, params: Mapping[str, Value], *, source: str = "template") -> str:
    """The script that a template and its parameters make; lines end in a line feed.

    Args:
        template_text: Jinja2 over PowerShell.
        params: every name that the template uses; a name that is missing is an error.
        source: the template's name, for errors.

    Raises:
        RenderingError: the template is not acceptable, a name is undefined or a value has no literal.
    """
    environment, tree = _parsed(template_text, source)
    try:
        marked = environment.from_string(tree).render(dict(params))
    except TemplateError as error:
        raise RenderingError(
            str(error.message), "declare it in the action's params", source=source, line=_line_of(error)
        ) from None
    except RenderingError as error:
        raise RenderingError(error.what, error.advice, source=error.source or source, line=error.line) from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RenderingError(f"an expression failed ({type(error).__name__})", "correct it", source=source) from None
    _Places(marked, source).check()
    return marked.replace(_BEGIN, "").replace(_END, "")


def check_template(template_text: str, *, source: str = "template") -> None:
    """Returns when a template is acceptable, whatever its values will be; see `render`.

    Raises:
        RenderingError: it is not.
    """
    _parsed(template_text, source)


def _parsed(template_text: str, source: str) -> tuple[Environment, nodes.Template]:
    template_text = template_text.replace("\r\n", "\n").replace("\r", "\n")
    for at, character in enumerate(template_text):
        if character not in "\t\n" and unicodedata.category(character) in ("Cc", "Cs"):
            raise _at("a control character", "remove it", template_text, at, source)
    environment = _environment()
    try:
        tree = environment.parse(template_text)
    except TemplateSyntaxError as error:
        raise RenderingError(str(error.message), "correct the template", source=source, line=error.lineno) from None
    _refuse_what_rewrites(tree, source)
    return environment, tree


def _line_of(error: Exception) -> int:
    """The template's line in which rendering failed: Jinja2 gives its own frames for them. 0 where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == "<template>"), 0)


def _refuse_what_rewrites(tree: nodes.Template, source: str) -> None:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _NODES):
            raise RenderingError(
                f"{type(node).__name__} is not accepted in a script's template",
                "use {{ }}, if, for, set and the plain filters",
                source=source,
                line=node.lineno,
            )


def _at(what: str, advice: str, text: str, at: int, source: str) -> RenderingError:
    before = text[:at].replace(_BEGIN, "").replace(_END, "")
    return RenderingError(
        what, advice, source=source, line=before.count("\n") + 1, column=len(before) - (before.rfind("\n") + 1) + 1
    )


class _Places:
    """Walks a rendered text as PowerShell's tokenizer would and refuses a literal that is not a token of its own.

    Where a form of the template's own text is ambiguous it is refused too: a walk that loses its place proves nothing.
    A text without any placeholder is left to the linter.
    """

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.at = 0

    def check(self) -> None:
        if _BEGIN not in self.text:
            return
        while self.at < len(self.text):
            self._code()

    def _refuse(self, what: str, advice: str) -> RenderingError:
        return _at(what, advice, self.text, self.at, self.source)

    def _peek(self, offset: int = 0) -> str:
        at = self.at + offset
        return self.text[at] if 0 <= at < len(self.text) else ""

    def _code(self) -> None:
        here = self._peek()
        if here == _BEGIN:
            self._placeholder()
        elif here == "`":
            self._escape()
        elif here in SINGLE_QUOTES:
            self._single_quoted()
        elif here in DOUBLE_QUOTES:
            self._double_quoted()
        elif here == "@" and self._peek(1) and self._peek(1) in SINGLE_QUOTES + DOUBLE_QUOTES:
            self._here_string()
        elif here == "$" and self._peek(1) == "{":
            self._braced_name()
        elif here == "#":
            self._comment()
        elif here == "<" and self._peek(1) == "#":
            self._block_comment()
        elif self.text.startswith("--%", self.at):
            raise self._refuse("--% stops PowerShell's parsing", "quote the arguments instead")
        else:
            self.at += 1

    def _placeholder(self) -> None:
        before = self._peek(-1)
        end = self.text.index(_END, self.at)
        after = self.text[end + 1 : end + 2]
        if (before and before not in _BEFORE) or (after and after not in _AFTER):
            raise self._refuse("a {{ }} touches other text", "put spaces around it, and join texts with +")
        self.at = end + 1

    def _escape(self) -> None:
        if self._peek(1) in ("", _BEGIN):
            raise self._refuse("a backtick before a {{ }}", "remove it")
        self.at += 2

    def _until(self, end: int, what: str) -> None:
        """Moves to `end`, and refuses a placeholder on the way there."""
        if end < 0:
            raise self._refuse(f"{what} does not end", "close it")
        inside = self.text.find(_BEGIN, self.at, end)
        if inside >= 0:
            self.at = inside
            raise self._refuse(f"a {{{{ }}}} stands inside {what}", "take it out: it brings its own quotes")
        self.at = end

    def _single_quoted(self) -> None:
        end = self.at + 1
        while end < len(self.text):
            if self.text[end] in SINGLE_QUOTES:
                if self.text[end + 1 : end + 2] not in tuple(SINGLE_QUOTES):
                    return self._until(end + 1, "a quoted text")
                end += 1
            end += 1
        return self._until(-1, "a quoted text")

    def _double_quoted(self) -> None:
        end = self.at + 1
        while end < len(self.text):
            here, following = self.text[end], self.text[end + 1 : end + 2]
            if here == "`":
                end += 1
            elif here == "$" and following in ("(", "{"):
                self.at = end
                raise self._refuse(f"${following} inside quotes", "put it in a variable of its own, or use -f")
            elif here in DOUBLE_QUOTES:
                if following not in tuple(DOUBLE_QUOTES):
                    return self._until(end + 1, "a quoted text")
                end += 1
            end += 1
        return self._until(-1, "a quoted text")

    def _here_string(self) -> None:
        raise self._refuse("a here-string beside a {{ }}", "join lines with + or use an array")

    def _braced_name(self) -> None:
        end = self.text.find("}", self.at)
        if any(character in "`{" for character in self.text[self.at + 2 : max(end, 0)]):
            raise self._refuse("an escaped character in ${ }", "name the variable with letters and digits")
        self._until(end + 1 if end >= 0 else -1, "${ }")

    def _comment(self) -> None:
        if self._peek(-1) and self._peek(-1) not in _STARTS_COMMENT:
            raise self._refuse("a # inside a word", "quote the word, or put a space before the comment")
        end = self.text.find("\n", self.at)
        self._until(len(self.text) if end < 0 else end, "a comment")

    def _block_comment(self) -> None:
        if self._peek(-1) and self._peek(-1) not in _STARTS_COMMENT:
            raise self._refuse("a <# inside a word", "put a space before the comment")
        end = self.text.find("#>", self.at + 2)
        self._until(end + 2 if end >= 0 else -1, "a comment")
