"""The formats of an audit, by name: the one list of them. Each is loaded when it is asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from runner.reports.interface import Report


class AuditFormat(StrEnum):
    """What an audit is written as, on standard output or to a file."""

    TEXT = "text"  # the table, but where an audit is shown at a glance
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    SARIF = "sarif"


def report_of(form: AuditFormat, *, width: int, colour: bool = False) -> Report:
    """The report of a format.

    Args:
        width: columns, for what is laid out for a terminal.
        colour: whether that may have colours.
    """
    match form:
        case AuditFormat.TEXT | AuditFormat.TABLE:
            from runner.reports.table import TableReport

            return TableReport(width=width, colour=colour)
        case AuditFormat.JSON:
            from runner.reports.json import JsonReport

            return JsonReport()
        case AuditFormat.JSONL:
            from runner.reports.jsonl import JsonlReport

            return JsonlReport()
        case AuditFormat.CSV:
            from runner.reports.csv import CsvReport

            return CsvReport()
        case AuditFormat.MARKDOWN:
            from runner.reports.markdown import MarkdownReport

            return MarkdownReport()
        case AuditFormat.JUNIT:
            from runner.reports.junit import JunitReport

            return JunitReport()
        case AuditFormat.SARIF:
            from runner.reports.sarif import SarifReport

            return SarifReport()
        case _:
            assert_never(form)
