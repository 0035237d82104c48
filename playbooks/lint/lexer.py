"""Reads characters: blanks, comments, names, numbers and the plain parts of strings. Refuses what PowerShell's own
tokenizer reads in more than one way (sources: about_Quoting_Rules, about_Parsing; look-alike quotes and dashes)."""

from __future__ import annotations

import re


class Refusal(Exception):  # noqa: N818 - the script is at fault, not the program
    """Raised where the script leaves the subset; `at` is the offset in characters."""

    def __init__(self, rule: str, at: int, why: str, instead: str) -> None:
        super().__init__(why)
        self.rule, self.at, self.why, self.instead = rule, at, why, instead


_LOOKALIKE = re.compile("[\u2010-\u2015\u2018-\u201f\u2212]")
# With those that reorder what stands around them for a reader (Trojan Source, CVE-2021-42574).
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]|\r(?!\n)"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(
    r"0[xX][0-9A-Fa-f]+|(?:[0-9]+(?:\.(?!\.)[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?:[kKmMgGtTpP][bB])?"
)
_BRACED = re.compile(r"\$\{(env:[A-Za-z_][A-Za-z0-9_()]*|[A-Za-z_][A-Za-z0-9_]*)\}", re.IGNORECASE)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Lexer:
    """A position in a text, and the ways to move it."""

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at
        if found := _CONTROL.search(text):
            raise Refusal(
                "characters",
                found.start(),
                f"the character U+{ord(found[0][0]):04X} is unseen, moves others, or ends a line in some readers only",
                "delete it; end lines with a line feed",
            )

    def plain(self, start: int, end: int) -> None:
        """Refuses characters that PowerShell takes for quotes and dashes; in a comment they are none."""
        if found := _LOOKALIKE.search(self.text, start, end):
            raise Refusal(
                "characters",
                found.start(),
                f"U+{ord(found[0]):04X} looks like a quote or dash, and PowerShell takes it for one",
                "type ' or \" or - instead",
            )

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    @property
    def char(self) -> str:
        """The character here, empty at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += len(text)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None or not found[0]:
            return None
        self.at = found.end()
        return found[0]

    def name(self) -> str | None:
        return self.match(_NAME)

    def number(self) -> str | None:
        start = self.at
        found = self.match(_NUMBER)
        if found and (
            self.char.isalnum()
            or self.char == "_"
            or not self.char.isascii()
            or (self.char == "." and not self.peek(".."))
        ):
            raise Refusal(
                "number",
                start,
                "where this number ends differs between versions",
                "put a space after it, or parentheses around it",
            )
        return found

    def blanks(self) -> None:
        """Passes spaces, tabs, comments and continued lines, not the end of a line."""
        while self.at < len(self.text):
            if self.char in " \t":
                self.at += 1
            elif self.peek("`\n") or self.peek("`\r\n"):
                if self.text[self.at - 1 : self.at] not in (" ", "\t"):
                    raise Refusal(
                        "syntax", self.at, "a line continued without a blank is read otherwise", "put a space before `"
                    )
                self.at = self.text.index("\n", self.at) + 1
            elif self.char == "#":
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                comment = self.text[self.at + 1 : end].strip().lower()
                if comment.startswith(("requires", "sig #")):
                    raise Refusal(
                        "comment", self.at, "this comment is a directive to PowerShell", "delete it or reword it"
                    )
                self.at = end
            elif self.peek("<#"):
                end = self.text.find("#>", self.at + 2)
                if end < 0:
                    raise Refusal("syntax", self.at, "the block comment does not end", "close it with #>")
                around = self.text[self.at - 1 : self.at] + self.text[end + 2 : end + 3]
                if any(char.isalnum() or char in "_$" for char in around):
                    raise Refusal(
                        "syntax", self.at, "a comment against a word is read otherwise", "put blanks around it"
                    )
                self.at = end + 2
            else:
                self.plain(self.at, self.at + 1)
                return

    def space(self) -> None:
        """Passes blanks and ends of lines."""
        self.blanks()
        while self.char and self.char in "\r\n":
            self.at += 1
            self.blanks()

    def variable(self) -> str | None:
        """The variable here, in lower case, or nothing."""
        start = self.at
        if found := self.match(_BRACED):
            return found[2:-1].lower()
        if not self.take("$"):
            return None
        if self.char == "_" and not re.match(r"_[A-Za-z0-9_]", self.text[self.at : self.at + 2]):
            self.at += 1
            name = "_"
        elif self.take("?"):
            name = "?"
        else:
            found = self.name()
            if found is None:
                self.at = start
                return None
            name = found.lower()
            if name == "env" and self.take(":"):
                found = self.name()
                if found is None:
                    raise Refusal("variable", start, "the variable has no name", "write $env:NAME")
                name = f"env:{found.lower()}"
        if (self.char in ("?", ":") and not self.peek("::")) or (self.char and not self.char.isascii()):
            raise Refusal(
                "variable",
                start,
                "a variable with a scope, a drive, or a character that belongs to its name in some versions only",
                "use a plain local variable ($name), or $env:NAME to read the environment",
            )
        return name

    def single(self) -> str:
        """A single-quoted string; the position is at its first quote."""
        start = self.at
        found = self.match(re.compile(r"'(?:[^']|'')*'"))
        if found is None:
            raise Refusal("syntax", start, "the string does not end", "close it with '")
        self.plain(start, self.at)
        return found[1:-1].replace("''", "'")

    def here(self, quote: str) -> tuple[str, int]:
        """The body of a here-string and where it begins; the position is at its @."""
        start = self.at
        found = re.compile(rf"@{quote}[ \t]*\r?\n(?:(.*?)\r?\n)??{quote}@", re.DOTALL).match(self.text, self.at)
        if found is None:
            raise Refusal("syntax", start, "the here-string does not end", f"close it with {quote}@ at a line's start")
        self.plain(start, found.end())
        self.at = found.end()
        return found[1] or "", found.start(1) if found[1] else found.end() - 2
