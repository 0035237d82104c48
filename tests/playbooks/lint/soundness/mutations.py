"""Scripts made from others: pieces swapped, spliced, nested, written otherwise; a seed always gives the same ones."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"`]|`.|\"\")*\"|\$[A-Za-z_]\w*|[A-Za-z]+-[A-Za-z]+|-?[A-Za-z]\w*|\s+|.", re.DOTALL
)
_LOOKALIKES = {"-": "\u2013", "'": "\u2019", '"': "\u201d", " ": "\u00a0", "e": "\u0435", "o": "\u043e", "\\": "\uff3c"}
_INSERTED = (
    "Remove-Item C:\\x",
    "& $x",
    ". $x",
    "iex 'x'",
    ".Delete()",
    "| Remove-Item",
    "> C:\\x",
    "2>&1",
    "@args",
    "--%",
    "`",
    "\n",
    ";",
    "#",
    "<#",
    "#>",
    "$(",
    ")",
    "{",
    "}",
    "'",
    '"',
    "@'\n",
    "\n'@",
    "\\\\server\\share\\",
    "[wmi]",
    "::new()",
    "-ComputerName other",
    "-OutVariable x",
    "$x = { 1 }",
    "&&",
    "||",
    "?",
    "%",
    "& ",
    "-f 'x'",
    "-join ''",
    "+ '\\\\s\\x'",
    "return'x'",
    'throw"x"',
    ".Invoke()",
    ".Replace('a', 'b')",
    "['a'] = 1",
    "-as 'wmi'",
    "-split { 1 }",
    "function f { 1 }",
    "trap { 1 }",
    "using module x",
    "$env:x = 1",
    "-ErrorAction Inquire",
    ".PSObject",
    "| Get-Item",
    "| Get-Service",
    "1..5 | ",
    "$_",
    "if ($true) { ",
    "-LiteralPath $x",
    " -Path '\\\\s\\x'",
    "[scriptblock]",
    "-Wait",
    "% Delete",
    "::",
    "$(Remove-Item x)",
)


def mutations(scripts: Sequence[str], refused: Sequence[str], seed: int, count: int) -> Iterator[str]:
    """`count` scripts: half from those that pass alone, half with something of those that must not."""
    chance = random.Random(seed)
    for number in range(count):
        text = chance.choice(scripts)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            text = _changed(text, scripts, refused if number % 2 else scripts, chance)
        yield text


def _changed(text: str, scripts: Sequence[str], others: Sequence[str], chance: random.Random) -> str:
    tokens = _TOKEN.findall(text)
    other = chance.choice(others)
    if not tokens:  # of a script of one word nothing is left
        return other
    match chance.randrange(12):
        case 0:  # one token of another script in the place of one of this
            pieces = _TOKEN.findall(other)
            tokens[chance.randrange(len(tokens))] = chance.choice(pieces)
        case 1:  # two tokens change places
            a, b = chance.randrange(len(tokens)), chance.randrange(len(tokens))
            tokens[a], tokens[b] = tokens[b], tokens[a]
        case 2:  # a line of another script between two of this
            lines = text.split("\n")
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(other.split("\n")))
            return "\n".join(lines)
        case 3:  # something dangerous anywhere
            tokens.insert(chance.randrange(len(tokens) + 1), chance.choice(_INSERTED))
        case 4:  # a character that looks like another
            at = chance.randrange(len(text))
            return text[:at] + _LOOKALIKES.get(text[at], text[at]) + text[at + 1 :]
        case 5:  # case
            return "".join(chance.choice((char.upper(), char.lower())) for char in text)
        case 6:  # a continued line, or a comment, where a blank is
            blanks = [number for number, token in enumerate(tokens) if token == " "]
            if blanks:
                tokens[chance.choice(blanks)] = chance.choice(
                    (" `\n", " <# x #> ", "\t", " # x\n", "`\n", "<##>", "  ")
                )
        case 7:  # one script inside of another
            return chance.choice(
                (
                    f"if ($true) {{\n{text}\n{other}\n}}",
                    f"foreach ($each in 1, 2) {{\n{text}\n}}\n{other}",
                    f"1 | ForEach-Object {{\n{text}\n}}",
                    f"try {{\n{text}\n}} catch {{\n{other}\n}}",
                    f"$value = @(\n{text}\n)\n{other}",
                    f"function Get-Inner {{\n{text}\n}}\nGet-Inner",
                    f'"$({other})"\n{text}',
                )
            )
        case 8:  # a token is gone
            del tokens[chance.randrange(len(tokens))]
        case 9:  # one variable in the place of another
            names = [number for number, token in enumerate(tokens) if token.startswith("$")]
            if names:
                tokens[chance.choice(names)] = chance.choice(
                    [tokens[number] for number in names] + ["$x", "$_", "$null"]
                )
        case 10:  # a string in the place of another
            found = [number for number, token in enumerate(tokens) if token[:1] in "'\""]
            theirs = [token for token in _TOKEN.findall(other) if token[:1] in "'\""]
            if found and theirs:
                tokens[chance.choice(found)] = chance.choice(theirs)
        case 11:  # both, one after the other
            return f"{text}\n{other}"
    return "".join(tokens)
