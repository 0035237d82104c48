"""Options that several commands take, declared once so that they mean the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.reports.formats import AuditFormat

if TYPE_CHECKING:
    from playbooks.catalogue.catalogue import Catalogue


DEBUG = "EXRUN_DEBUG"  # the variable of --debug


class Format(StrEnum):
    """For people, or for programs."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", envvar="EXRUN_FORMAT", help="For people, or one JSON object.")
]

AuditFormatOption = Annotated[
    AuditFormat,
    typer.Option(
        "--format",
        envvar="EXRUN_FORMAT",
        help="For people (text, markdown) or for programs. jsonl has a line as each server ends.",
    ),
]

SearchOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--search", envvar="EXRUN_SEARCH", help="A folder of further playbooks and actions/area/name/. Repeatable."
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", envvar="EXRUN_PARAM", metavar="NAME=VALUE", help="A playbook's parameter. Repeatable."),
]
InventoryOption = Annotated[
    list[Path] | None,
    typer.Option(
        "-i",
        "--inventory",
        envvar="EXRUN_INVENTORY",
        metavar="FILE",
        help="Inventory file: native YAML, or CSV. Repeatable: files are joined.",
        show_default="inventory.yml of this folder",
    ),
]
SelectionArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SELECTION",
        help="Which servers, such as EX1, or group:dag1 and not site=HQ; several add up.",
        show_default="all",
    ),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "-l", "--limit", envvar="EXRUN_LIMIT", metavar="SELECTION", help="The same as an option. Repeatable: adds up."
    ),
]
ExpectOption = Annotated[
    int | None,
    typer.Option("--expect", envvar="EXRUN_EXPECT", min=1, help="Fail unless exactly so many servers are selected."),
]
StateOption = Annotated[
    Path, typer.Option("--state", envvar="EXRUN_STATE", help="Directory of runs, and of an installed catalogue.")
]
CatalogueOption = Annotated[
    Path | None,
    typer.Option(
        "--catalogue",
        envvar="EXRUN_CATALOGUE",
        help="A folder of your own rows beside the catalogue's: builds.csv, ...",
    ),
]
ClientOption = Annotated[
    str | None, typer.Option("--client", envvar="EXRUN_CLIENT", help="Only this client of the run.")
]
DetailsOption = Annotated[
    bool, typer.Option("--details", envvar="EXRUN_DETAILS", help="Show everything of every server, nothing folded.")
]
BrandOption = Annotated[
    Path | None,
    typer.Option("--brand", envvar="EXRUN_BRAND", help="Of a page: a file with the name, colour and logo above it."),
]
RunArgument = Annotated[str, typer.Argument(envvar="EXRUN_RUN", help="A run's id, the beginning of one, or `last`.")]

SignWithOption = Annotated[
    Path | None,
    typer.Option(
        "--sign-with",
        envvar="EXRUN_SIGN_WITH",
        metavar="FILE",
        help="Sign checkpoints of the journals with this private key, of exrun keys new.",
    ),
]
AnchorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--anchor",
        envvar="EXRUN_ANCHOR",
        metavar="FILE|command:...",
        help="With --sign-with: also append checkpoints to this file, or hand them to a command. Repeatable.",
    ),
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", envvar="EXRUN_TIMEOUT", min=1, help="Seconds for one server.")
]
ConnectTimeoutOption = Annotated[
    float,
    typer.Option("--connect-timeout", envvar="EXRUN_CONNECT_TIMEOUT", min=1, help="Seconds to connect and log on."),
]
RunTimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--run-timeout",
        envvar="EXRUN_RUN_TIMEOUT",
        min=1,
        help="Seconds for the whole run.",
        show_default="no limit",
    ),
]
AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        envvar="EXRUN_AS_OF",
        formats=["%Y-%m-%d"],
        metavar="DAY",
        help="Judge as on this day, with what the catalogue knew by then. Is recorded.",
        show_default="today",
    ),
]
AllowCleartextOption = Annotated[
    bool,
    typer.Option(
        "--allow-cleartext",
        envvar="EXRUN_ALLOW_CLEARTEXT",
        help="For labs: do not encrypt messages over http. Is recorded.",
    ),
]
AllowFullLanguageOption = Annotated[
    bool,
    typer.Option(
        "--allow-full-language",
        envvar="EXRUN_ALLOW_FULL_LANGUAGE",
        help="Run actions that ask for `session: full`: read-only by the linter alone. Is recorded.",
    ),
]
SkipUnresolvedOption = Annotated[
    bool,
    typer.Option(
        "--skip-unresolved",
        envvar="EXRUN_SKIP_UNRESOLVED",
        help="Leave out servers whose password cannot be had, instead of ending. Is recorded.",
    ),
]

EventsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--events",
        envvar="EXRUN_EVENTS",
        metavar="DESTINATION",
        help="Send what the journal gets as it gets it: to a file, syslog://, syslog+tcp://, syslog+tls://, https:// "
        "or otlp+https://; of several clients CLIENT=... Repeatable.",
    ),
]


class EventsFormat(StrEnum):
    """How events are written for others."""

    ECS = "ecs"
    CEF = "cef"
    OTLP = "otlp"


EventsFormatOption = Annotated[
    EventsFormat | None,
    typer.Option(
        "--events-format",
        envvar="EXRUN_EVENTS_FORMAT",
        metavar="FORMAT",
        help="How events are written: ecs, cef or otlp; without it cef for syslog, otlp for otlp+, else ecs.",
    ),
]
EventsAuthOption = Annotated[
    list[str] | None,
    typer.Option(
        "--events-auth",
        envvar="EXRUN_EVENTS_AUTH",
        metavar="REFERENCE",
        help="For https: where the value of the header Authorization is, as env:NAME; of several clients CLIENT=... "
        "Repeatable.",
    ),
]
EventsCaOption = Annotated[
    Path | None,
    typer.Option(
        "--events-ca", envvar="EXRUN_EVENTS_CA", metavar="FILE", help="PEM file of the authority of the receivers."
    ),
]

NotifyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        envvar="EXRUN_NOTIFY",
        metavar="ADDRESS",
        help="Tell people what came of it: an address of apprise, or env:NAME of one; of several clients CLIENT=... "
        "Repeatable.",
    ),
]

PolicyOption = Annotated[
    Path | None, typer.Option("--policy", envvar="EXRUN_POLICY", help="The client's policy: who approves, and when.")
]
OfPlaybookOption = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--playbook",
        envvar="EXRUN_PLAYBOOK",
        help="The playbook that the plan was made of: its name or file.",
        show_default="of that name, beside the plan, here, or of this version",
    ),
]
TakeOverOption = Annotated[
    list[str] | None,
    typer.Option(
        "--take-over",
        envvar="EXRUN_TAKE_OVER",
        metavar="HOST",
        help="Take this server from a run whose process is gone. Is recorded. Repeatable.",
    ),
]

ALL_HOSTS = "*"
STATE = Path(".exrun")


def catalogue_of(state: Path, own: Path | None) -> Catalogue:
    """The catalogue that `--state` and `--catalogue` mean.

    Raises:
        CatalogueError: the installed set does not verify, or the own rows are wrong.
    """
    from runner.catalogues.store import load  # no command that judges nothing is to wait for it

    return load(state, own)


def given_params(written: Sequence[str] | None) -> dict[str, str]:
    """`name=value`, each name once.

    Raises:
        ParameterError: no `=`, or a name that stands twice.
    """
    if not written:
        return {}
    from playbooks.errors import ParameterError  # with what the errors of playbooks need

    given: dict[str, str] = {}
    for each in written:
        name, equals, value = each.partition("=")
        if not equals or not name.isidentifier():
            raise ParameterError("write it as name=value", source="--param")
        if name in given:
            raise ParameterError("is given twice", "keep one", source=f"--param {name}")
        given[name] = value
    return given
