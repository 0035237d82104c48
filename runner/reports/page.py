"""One self-contained HTML file, whatever it is about: for a manager's screen, a ticket or paper.

It loads nothing, and runs one script of ours at most: the content security policy names style sheet and script by
their hashes. The page is complete without the script, which reads nothing but the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from runner.reports.brand import Brand
from runner.terminal import visible

__all__ = ["LIMIT", "MANY", "page", "text_block"]

MANY = 100  # servers, from which on a page lays out only what is in sight: a picture of all of it lacks the rest
LIMIT = 4000  # characters of one text: a page must stay readable whatever a server says; JSON has all


def page(template: str, *, servers: int, brand: Brand | None = None, **values: object) -> str:
    """The page that a template of this folder makes.

    Every text is escaped by the template engine after `visible` has spelt out what does not show.

    Args:
        servers: how many it is about.
        brand: whose page it is; None for nobody's.
    """
    rooms = resources.files("runner.reports")
    style = rooms.joinpath("page.css").read_text(encoding="utf-8") + ("" if brand is None else brand.style)
    script = rooms.joinpath("page.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FunctionLoader(lambda name: rooms.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    written = environment.get_template(template).render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=_policy(style, script, pictures=brand is not None and bool(brand.logo)),
        brand=brand,
        many=servers > MANY,
        **values,
    )
    return written.rstrip("\n") + "\n"


def text_block(lines: Iterable[str]) -> Markup:
    """Lines of any length, whole: what is approved must be there to the last character."""
    return Markup("\n").join(escape(visible(line)) for line in lines)


def _policy(style: str, script: str, *, pictures: bool) -> str:
    sources = f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    images = "; img-src data:" if pictures else ""
    return f"default-src 'none'; {sources}{images}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _shown(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return visible(value, LIMIT) if isinstance(value, str) else value
