"""One self-contained HTML file, whatever it is about: for a manager's screen, a ticket or paper.

It loads nothing and runs nothing: the content security policy allows one style sheet, named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from runner.terminal import visible

__all__ = ["LIMIT", "page", "text_block"]

LIMIT = 4000  # characters of one text: a page must stay readable whatever a server says; JSON has all


def page(template: str, **values: object) -> str:
    """The page that a template of this folder makes.

    Every text is escaped by the template engine after `visible` has spelt out what does not show.
    """
    rooms = resources.files("runner.reports")
    style = rooms.joinpath("page.css").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    made = environment.from_string(rooms.joinpath(template).read_text(encoding="utf-8"))
    written = made.render(style=Markup(style), policy=_policy(style), **values)  # noqa: S704 - our own file
    return written.rstrip("\n") + "\n"


def text_block(lines: Iterable[str]) -> Markup:
    """Lines of any length, whole: what is approved must be there to the last character."""
    return Markup("\n").join(escape(visible(line)) for line in lines)


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _shown(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return visible(value, LIMIT) if isinstance(value, str) else value
