"""The audit as one self-contained HTML file: for a manager's screen, a ticket or paper.

It loads nothing and runs nothing: the content security policy allows one style sheet, named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from playbooks.findings import Verdict
from runner.reports.wording import headline, meaning, probed, tables, tone, totals
from runner.results import FleetResult
from runner.terminal import visible

LIMIT = 4000  # characters of one text: the report must stay readable whatever a server says; the JSON report has all


@dataclass(frozen=True, slots=True)
class HtmlReport:
    """One file, light and dark, printable, without scripts."""

    def render(self, audit: FleetResult) -> str:
        """See Report. Every text is escaped by the template engine after `visible` has spelt out what does not show."""
        rooms = resources.files("runner.reports")
        style = rooms.joinpath("audit.css").read_text(encoding="utf-8")
        environment = Environment(
            autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
        )
        template = environment.from_string(rooms.joinpath("audit.html.j2").read_text(encoding="utf-8"))
        page = template.render(
            audit=audit,
            headline=headline(audit),
            totals=totals(audit.summary),
            probed=probed(audit.summary.coverage),
            tables=tables(audit.terms),
            meaning=[(verdict, meaning(verdict, audit)) for verdict in Verdict if audit.summary.verdicts[verdict]],
            tone={verdict: tone(verdict) for verdict in Verdict},
            clients=sorted({host.client for host in audit.hosts}),
            style=Markup(style),  # noqa: S704 - our own file
            policy=_policy(style),
        )
        return page.rstrip("\n") + "\n"


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _shown(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return visible(value, LIMIT) if isinstance(value, str) else value
