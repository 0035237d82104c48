"""Scripts of changes in which places go through variables, sums, lists, loops, branches, functions and pipelines to
where they are written; and what these write when they run, whatever the linter says."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from playbooks.lint import Place

HERE = Path(__file__).resolve().parent
ALLOWED = (
    Place("service", "MSExchange*"),
    Place("file", "C:\\q\\*"),
    Place("folder", "C:\\q"),
    Place("registry", "HKLM:\\SOFTWARE\\q\\*"),
    Place("firewall_rule", "exrun-*"),
    Place("pool", "MSExchange*"),
    Place("configuration", "Site/*: a/b*"),
)
# Places as they begin: allowed and not, and what only looks as if it were. Allowed ones stand first.
_PLACES = {
    "service": ("MSExchangeIS", "msexchangeab", "W3SVC", "xMSExchangeIS", "MSExchange*", "MSExchange"),
    "file": (
        "C:\\q\\a", "c:\\Q\\b[1]", "C:\\Windows\\x", "C:\\q\\..\\x", "C:\\qq\\x", "C:/q/a", "C:q\\a",
        "C:\\q\\a?", "C:\\q",
    ),
    "pool": ("MSExchangeECP", "W3SVC", "MSExchange*", "xMSExchange"),
    "page": (
        "http://127.0.0.1/a", "http://127.0.0.1:81/", "http://127.0.0.1", "http://127.0.0.1.evil.test/",
        "http://evil.test/", "HTTP://127.0.0.1/", "file://127.0.0.1/x",
    ),
    "export": (
        'advfirewall export "C:\\q\\a"', 'advfirewall export "C:\\x"', 'advfirewall import "C:\\q\\a"',
        'advfirewall export "C:\\q\\..\\x"', 'advfirewall export C:\\q\\a', 'advfirewall export "C:\\q\\a" "C:\\x"',
    ),
    "filter": ("a/b", "A/b[@name='x']", "a/c", "//b", "a/b/../c", "a/b | //c", "/a/b"),
    "location": ("Site/owa", "site/x", "Other", "Site/../x", "Site"),
    "firewall_rule": ("exrun-1", "EXRUN-2", "RemoteDesktop", "xexrun-1", "*", "exrun-[12]"),
    "registry": ("HKLM:\\SOFTWARE\\q", "HKLM:\\SOFTWARE\\x", "HKLM:\\SOFTWARE\\q\\..\\x", "HKLM:\\SOFTWARE"),
}  # fmt: skip
_FROM_THE_HOST = (
    "$env:EVIL",
    "(Get-Service -Name x).Name",
    "(Get-Content -LiteralPath 'C:\\x')",
    "$undefined",
    "(Get-Item -LiteralPath 'C:\\x').FullName",
)
_NETSH = '"$env:SystemRoot\\System32\\netsh.exe"'
_FORMS = {
    "service": (
        "Stop-Service -Name {}",
        "Start-Service {}",
        "Set-Service -Name {} -StartupType Manual",
        "{} | Stop-Service",
    ),
    "file": (
        "Remove-Item -LiteralPath {}",
        "Move-Item -LiteralPath {} -Destination {}",
        "Copy-Item -LiteralPath 'C:\\x' -Destination {}",
        "Set-ItemProperty -LiteralPath {} -Name Attributes -Value Hidden",
        "New-Item -Path {} -ItemType Directory",
        "Set-Content -LiteralPath {} -Value 'x' -Encoding UTF8",
        "{} | Remove-Item",
    ),
    "pool": ("Restart-WebAppPool -Name {}", "Stop-WebAppPool -Name {}"),
    "page": (
        "$null = Invoke-WebRequest -Uri {} -UseBasicParsing -MaximumRedirection 0",
        "$null = Invoke-WebRequest -MaximumRedirection 0 -UseBasicParsing -TimeoutSec 9 -Uri {}",
    ),
    "export": (
        f"$done = Start-Process -FilePath {_NETSH} -ArgumentList {{}} -NoNewWindow -Wait -PassThru",
        f"$done = Start-Process -ArgumentList {{}} -Wait -NoNewWindow -PassThru -FilePath {_NETSH}",
    ),
    "filter": (
        "Clear-WebConfiguration -PSPath 'MACHINE/WEBROOT/APPHOST' -Location 'Site/owa' -Filter {}",
        "Set-WebConfigurationProperty -PSPath 'MACHINE/WEBROOT/APPHOST' -Location 'Site/x' -Filter {} -Name c -Value 1",
        "Clear-WebConfiguration -PSPath 'MACHINE/WEBROOT/APPHOST' -Filter {}",
    ),
    "location": (
        "Clear-WebConfiguration -PSPath 'MACHINE/WEBROOT/APPHOST' -Location {} -Filter 'a/b'",
        "Set-WebConfigurationProperty -PSPath 'MACHINE/WEBROOT/APPHOST' -Location {} -Filter 'a/b' -Name '.' -Value 1",
    ),
    "firewall_rule": (
        "Disable-NetFirewallRule -Name {}",
        "Enable-NetFirewallRule -Name {}",
        "New-NetFirewallRule -Name {} -Action Allow -RemoteAddress '10.0.0.1'",
        "{} | Remove-NetFirewallRule",
    ),
    "registry": (
        "Set-ItemProperty -LiteralPath {} -Name 'v' -Value 1",
        "Remove-ItemProperty -LiteralPath {} -Name 'v'",
        "Set-ItemProperty -LiteralPath {} -Name 'x\\v' -Value 1",
        "Remove-ItemProperty -LiteralPath {} -Name '*'",
    ),
}
_ADDED = ("x", "", "\\..\\x", "@evil.test/x")


@dataclass(frozen=True, slots=True)
class Written:
    """What a script wrote: how many places, and those that are not allowed."""

    places: int
    beyond: tuple[str, ...]


def changes(seed: int, count: int) -> Iterator[str]:
    """Scripts, the same for the same seed."""
    drawn = random.Random(seed)
    for _ in range(count):
        kind = drawn.choice(sorted(_FORMS))
        lines: list[str] = []
        forms = drawn.choices(_FORMS[kind], k=drawn.randint(1, 2))
        for form in forms:
            values = [_value(drawn, kind, lines, drawn.randint(0, 3)) for _ in range(form.count("{}"))]
            lines.append(_placed(drawn, form.format(*values)))
        yield "\n".join(lines) + "\n"


def _text(drawn: random.Random, kind: str) -> str:
    named = _PLACES[kind]
    # Allowed ones oftener: a script with one that is not is refused as a whole.
    return named[0] if drawn.random() < 0.85 else drawn.choice(named)


def _value(drawn: random.Random, kind: str, lines: list[str], depth: int) -> str:
    """An expression for a place; what it needs before it is put into `lines`."""
    text = _text(drawn, kind)
    if depth == 0:
        return f"'{text}'"
    way = drawn.randint(0, 13)

    def inner() -> str:
        return _value(drawn, kind, lines, depth - 1)

    match way:
        case 0 | 1:
            return f"'{text}'"
        case 2:
            cut = drawn.randint(1, len(text))
            return f"('{text[:cut]}' + '{text[cut:]}')"
        case 3:
            code = drawn.randint(0, len(text) - 1)
            return f"('{text[:code]}' + [char]{hex(ord(text[code]))} + '{text[code + 1 :]}')"
        case 4:
            value = inner()
            name = f"$v{len(lines)}"
            lines.append(f"{name} = {value}")
            return name
        case 5:
            value = inner()
            name = f"$v{len(lines)}"
            lines.append(f"if (Test-Path -LiteralPath 'C:\\x') {{ {name} = {value} }}")
            return name
        case 6:
            first, second = inner(), inner()
            name = f"$v{len(lines)}"
            lines.append(f"{name} = {first}\nif (Test-Path -LiteralPath 'C:\\x') {{ {name} = {second} }}")
            return name
        case 7:
            cut = drawn.randint(0, len(text))
            name = f"$v{len(lines)}"
            lines.append(f"{name} = '{text[cut:] or 'x'}'")
            return f'"{text[:cut]}{name}"' if text[cut:] and not set('?["') & set(text) else f"'{text}'"
        case 8:
            return drawn.choice(_FROM_THE_HOST)
        case 9:
            return f"@({inner()}, {inner()})"
        case 10:
            return f"[string]{inner()}"
        case 11:
            name = f"$v{len(lines)}"
            lines.append(f"{name} = {inner()}\n{name} += '{drawn.choice(_ADDED)}'")
            return name
        case 12:
            return f"({inner()}, {inner()})[{drawn.randint(0, 1)}]"
        case _:
            return f"('{{0}}' -f {inner()})"


def _placed(drawn: random.Random, line: str) -> str:
    """A line as it is, or within something."""
    match drawn.randint(0, 7):
        case 0:
            return f"if (Test-Path -LiteralPath 'C:\\x') {{ {line} }}"
        case 1:
            return f"foreach ($one in 'MSExchangeIS', 'C:\\q\\a') {{ {line} }}"
        case 2:
            return f"try {{ {line} }} catch {{ $null = 1 }}"
        case 3:
            return f"1..2 | ForEach-Object {{ {line} }}"
        case _:
            return line


def written(powershell: Path, scripts: Sequence[str]) -> list[Written]:
    """What each script writes on the engine, in one process; commands there record and write nothing."""
    allowed = [{"kind": place.kind, "pattern": place.pattern} for place in ALLOWED]
    lines = (json.dumps({"id": number, "text": text, "allowed": allowed}) for number, text in enumerate(scripts))
    answer = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", HERE / "changing.ps1"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=1800,
        check=True,
    )
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(rows) == len(scripts)
    return [Written(row["written"], tuple(row["beyond"])) for row in rows]
