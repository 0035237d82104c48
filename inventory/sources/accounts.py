"""Accounts and references to passwords as people write them, and the exact text to write instead.

What is shown is never what could be a password: names of accounts and variables are, other text is not.
"""

from __future__ import annotations

import re

from texts.yaml_tree import ESCAPE

# As typed on a Japanese or Korean keyboard, or pasted from a document that draws its backslashes.
_ALSO_BACKSLASHES = "＼¥￥₩∖⧵"
_QUOTES = "\"'`“”„‟‘’‚‛«»"
_SEPARATORS = rf"[\\/{_ALSO_BACKSLASHES}]+"
_PART = r"[\w.$-](?:[\w.$ -]*[\w.$-])?"
_ACCOUNT = re.compile(
    rf"(?P<before>[{_QUOTES}\\/{_ALSO_BACKSLASHES}\s]*)(?P<domain>{_PART})\s*(?P<between>{_SEPARATORS})\s*(?P<name>{_PART})"
    rf"[{_QUOTES}\s]*"
)
_PRINCIPAL = re.compile(rf"[{_QUOTES}\s]*(?P<principal>[\w.$+/-]+@[\w.-]+)[{_QUOTES}\s]*")
_BARE = re.compile(_PART)

_NAME = r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
_ANY_QUOTES = rf"[{_QUOTES}]*"
_VARIABLES = (
    rf"\$\{{?\s*env:{_NAME}\s*\}}?",  # PowerShell
    rf"%{_NAME}%",  # cmd
    rf"\$\{{\s*{_NAME}\s*\}}",  # sh, and many programs
    rf"\$[({{]+\s*(?:env[:.])?{_NAME}\s*[)}}]+",
    rf"%(?:env:)?\{{?{_NAME}\}}?%",
    rf"(?:process\.)?env(?:iron(?:ment)?)?(?:var)?[:：=.,/\s]+{_ANY_QUOTES}[$%{{(]*(?:env:)?{_NAME}[%}})]*{_ANY_QUOTES}",
    rf"(?:os\.)?(?:getenv|environ(?:\.get)?)\s*[(\[]\s*{_ANY_QUOTES}{_NAME}{_ANY_QUOTES}\s*[)\]]",
    rf"(?:\[(?:system\.)?environment\]::)?getenvironmentvariable\(\s*{_ANY_QUOTES}{_NAME}{_ANY_QUOTES}.*\)",
    # Ansible
    rf"(?:\{{\{{)?\s*(?:lookup|query|q)\(\s*{_ANY_QUOTES}(?:\w+\.)*env{_ANY_QUOTES}\s*,\s*{_ANY_QUOTES}{_NAME}.*",
)
_KINDS = re.compile(r"(?P<kind>env|keyring|command|vault)\s*:\s*(?P<target>.*)", re.IGNORECASE | re.DOTALL)
_KEYRING_TARGET = re.compile(r"[\w .@-]+/[\w .@\\-]+")
_ENDS_LIKE_A_VARIABLE = re.compile(r"(?:^|_)(?:PW|PWD|PASS|PASSWD|PASSWORD|PASSWORT|SECRET|CRED|CREDENTIAL|KEY)$")


def misspelt_user(text: str) -> tuple[str, str] | None:
    """What is wrong with the spelling of an account, and what to write; None when nothing is.

    `DOMAIN\\name`, `name@domain` and a bare name are right: whether a bare name will do, the authentication says.
    """
    account = _ACCOUNT.fullmatch(text)
    principal = _PRINCIPAL.fullmatch(text)
    if principal is not None:
        right = principal["principal"]
        return None if text == right else ("has quotes within it", f"write `user: {right}`")
    if account is not None:
        right = f"{account['domain']}\\{account['name']}"
        return None if text == right else (_what(account), f"write `user: '{right}'`")
    if "@" in text:
        return None  # a principal with characters that a domain controller must judge
    bare = text.strip(_QUOTES + "\\ ")
    if re.search(_SEPARATORS, text):
        if _BARE.fullmatch(bare) and text.lstrip(_QUOTES)[:1] in ("\\", *_ALSO_BACKSLASHES):
            return "has no domain before the backslash", f"write `user: 'DOMAIN\\{bare}'` with the account's domain"
        if re.search(rf"{_SEPARATORS}\s*[{_QUOTES}]*$", text):
            return "has no name after its domain", "write `user: 'DOMAIN\\name'`"
        if len(re.findall(_SEPARATORS, text)) > 1:
            return "has more than one separator", "write `user: 'DOMAIN\\name'`"
        return None
    if text != bare and _BARE.fullmatch(bare):
        return "has quotes within it", f"write `user: {bare}`"
    return None


def _what(account: re.Match[str]) -> str:
    between = account["between"]
    foreign = next((character for character in between if character in _ALSO_BACKSLASHES), "")
    if foreign:
        return f"has U+{ord(foreign):04X} where a backslash belongs"
    if "/" in between:
        return "has `/` where a backslash belongs"
    if len(between) > 1:
        return "has two backslashes, of which one belongs there (only in double quotes is it written twice)"
    if "\\" in account["before"] or "/" in account["before"]:
        return "begins with a backslash"
    return "has quotes or spaces around a part of it"


def is_bare(user: str) -> bool:
    """Whether an account says nothing of its domain."""
    return "\\" not in user and "@" not in user


def domain_advice(user: str) -> str:
    """What to write for an account that must say its domain."""
    shown = user if _BARE.fullmatch(user) else "name"
    return (
        f"write `user: 'DOMAIN\\{shown}'` with the account's domain, or the server's name for an account of the server"
    )


def mended_reference(text: str) -> str | None:
    """The reference that was meant, where the text shows which; None where it does not, or could be a password."""
    bare = text.strip(_QUOTES + " \t\r\n\xa0")
    kind = _KINDS.fullmatch(bare)
    if kind is not None and kind["kind"].casefold() == "keyring" and _KEYRING_TARGET.fullmatch(kind["target"]):
        return f"keyring:{kind['target']}"
    for pattern in _VARIABLES:
        found = re.fullmatch(pattern, bare, re.IGNORECASE)
        if found is not None:
            return f"env:{found['name']}"
    name = bare.removeprefix("$")
    return f"env:{name}" if _reads_like_a_variable(name) else None


def wrong_kind(text: str) -> str:
    """The kind that was meant by `Command:...` or `command: ...`, whose rest is not shown; empty when it is none."""
    kind = _KINDS.fullmatch(text.strip(_QUOTES + " \t\r\n\xa0"))
    return kind["kind"].casefold() if kind is not None and kind["target"].strip() else ""


def _reads_like_a_variable(name: str) -> bool:
    """Of a name that stands alone: it has at most two of the four classes of characters that Windows' rule for
    passwords wants three of (https://learn.microsoft.com/windows/security/threat-protection/security-policy-settings/
    password-must-meet-complexity-requirements), and it is written as variables are; or it ends in `_PW` or the like."""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        return bool(re.fullmatch(r"[a-z]+(?:_[a-z]+)+", name))
    classes = sum(bool(re.search(each, name)) for each in ("[A-Z]", "[0-9]", "_"))
    return classes <= 2 or _ENDS_LIKE_A_VARIABLE.search(name) is not None


def mangled(written: str) -> bool:
    """Whether the source of a text in double quotes has a backslash that is not written twice."""
    return "\\" in written.replace("\\\\", "")


def in_single_quotes(key: str, written: str) -> str:
    """What to write for a text whose backslashes were taken for escapes."""
    text = re.sub(r"\\+", r"\\", written)
    account = misspelt_user(text) if key == "user" else None
    if account is not None:
        return account[1]
    return f"write `{key}: '{text}'`" if re.fullmatch(r"[\w.$ \\/:@-]+", text) else "write it in single quotes"


SHOWN_IN_QUOTES = frozenset({"user", "ca_file", "certificate", "certificate_key"})
_SETTING = re.compile(
    r"""(?:^|[\s{,])["']?(?P<key>user|credential|ca_file|certificate|certificate_key)(?:["']:\s*|:\s+)"""
)


def advice_on_line(line: str, column: int) -> tuple[int, str, str] | None:
    """Why a line of an inventory is not YAML, where its user, credential or file is the reason.

    Args:
        column: where the parser stopped, from 0.

    Returns:
        The column of the setting's value from 0, what is wrong and what to write; None where it is something else.
    """
    found = [match for match in _SETTING.finditer(line) if match.end() <= column + 1]
    if not found:
        return None
    key, start = found[-1]["key"], found[-1].end()
    value = re.sub(r"\s+#.*", "", line[start:])
    if key in SHOWN_IN_QUOTES:
        quoted = re.match(r'"((?:[^"\\]|\\.)*)"', value) or re.match(r'"([^",}]*)$', value)
        if quoted is None or not mangled(quoted[1]):
            return None
        return start, ESCAPE, in_single_quotes(key, quoted[1])
    if key == "credential":
        value = value if value.count("{") == value.count("}") else value.rstrip(" }")
        for candidate in (value.rstrip(), re.split(r"\s*,\s", value)[0]):
            reference = mended_reference(candidate)
            if reference is not None:
                return start, "a reference to a credential is written otherwise", f"write `{reference}`"
        kind = wrong_kind(value)
        if kind:
            return start, f"a blank follows `{kind}:`", f"write `{kind}:` and what it needs without one"
    return None
