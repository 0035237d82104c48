"""Parts of scripts that several actions of this version share.

A line `{# part: AREA/NAME.ps1.j2 #}` of a template stands for the text of that file of playbooks/actions. A part may
have parts of its own; each is taken once, where it is named first, so that no function is defined twice. What comes
of it is one text: the one that is rendered, proven, shown to whoever approves it, and sent.

Users' actions have none: what a folder of theirs runs on a server is all in that folder.
"""

from __future__ import annotations

import re
from importlib import resources

__all__ = ["assembled"]

_PART = re.compile(r"^\{# part: ([a-z_]+(?:/[a-z_]+)*\.ps1\.j2) #\}\n", re.MULTILINE)


def assembled(text: str) -> str:
    """A template with its parts in their places.

    Raises:
        FileNotFoundError: it names a part that this version does not have.
    """
    return _assembled(text, set())


def _assembled(text: str, taken: set[str]) -> str:
    def part(found: re.Match[str]) -> str:
        if (name := found[1]) in taken:
            return ""
        taken.add(name)
        there = resources.files("playbooks.actions").joinpath(*name.split("/"))
        return _assembled(there.read_text(encoding="utf-8"), taken)

    return _PART.sub(part, text)
