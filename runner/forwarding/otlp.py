"""Entries as log records of OpenTelemetry, in the messages of OTLP (https://opentelemetry.io/docs/specs/otlp/).

Needs the extra `otlp`: the messages are those of opentelemetry-proto, which is loaded when the first batch is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.advice import AdvisedError
from runner.forwarding.entries import Entry, Level

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

# https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
_SEVERITY = {Level.INFO: 9, Level.NOTICE: 10, Level.WARNING: 13, Level.ERROR: 17, Level.ALERT: 18}


class OtlpMissingError(AdvisedError):
    """Raised where the extra is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "OTLP needs opentelemetry-proto, which is not installed", "Install it: pip install 'exrun[otlp]'."
        )


def check_installed() -> None:
    """Before anything is sent.

    Raises:
        OtlpMissingError: it is not.
    """
    try:
        import opentelemetry.proto.collector.logs.v1.logs_service_pb2  # noqa: F401
    except ImportError:
        raise OtlpMissingError from None


def request(entries: Sequence[Entry]) -> bytes:
    """An ExportLogsServiceRequest of these entries, which are of one client and run."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

    first = entries[0]
    resource = Resource(
        attributes=[
            _attribute("service.name", "exrun"),
            _attribute("exrun.client", first.client),
            _attribute("exrun.run", first.run),
        ]
    )
    scope = ScopeLogs(scope=InstrumentationScope(name="exrun.journal"), log_records=[_record(each) for each in entries])
    made: bytes = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=resource, scope_logs=[scope])]
    ).SerializeToString()
    return made


def rejected(answer: bytes) -> tuple[int, str]:
    """How many records the receiver says that it did not take, for good, and why."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

    response = ExportLogsServiceResponse()
    try:
        response.ParseFromString(answer)
    except (
        Exception
    ):  # DecodeError of protobuf, whose types are not installed: an answer of 2xx that is no such response
        return 0, ""
    return response.partial_success.rejected_log_records, response.partial_success.error_message


def _record(entry: Entry) -> LogRecord:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    user, _, machine = entry.actor.rpartition("@")
    attributes: list[tuple[str, str | int | tuple[str, ...] | None]] = [
        ("event.id", entry.id),
        ("event.sequence", entry.sequence),
        ("event.hash", entry.sha256),
        ("event.kind", entry.kind),
        ("event.category", entry.category),
        ("event.type", entry.type),
        ("event.outcome", entry.outcome and entry.outcome.value),
        ("host.name", entry.host),
        ("observer.hostname", machine),
        ("user.name", user or entry.actor),
        ("exrun.client", entry.client),
        ("exrun.run", entry.run),
        ("exrun.phase", entry.phase),
        ("exrun.step", entry.step),
        ("exrun.script_sha256", entry.script),
        *((f"exrun.{name}", value) for name, value in entry.details.items()),
    ]
    nanoseconds = int(entry.time.timestamp()) * 10**9 + entry.time.microsecond * 1000
    return LogRecord(
        time_unix_nano=nanoseconds,
        observed_time_unix_nano=nanoseconds,
        severity_number=_SEVERITY[entry.level],  # type: ignore[arg-type]
        severity_text=entry.level.value.upper(),
        event_name=f"exrun.{entry.event}",
        body=AnyValue(string_value=entry.message),
        attributes=[_attribute(name, value) for name, value in attributes if value is not None],
    )


def _attribute(name: str, value: str | int | tuple[str, ...]) -> KeyValue:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

    match value:
        case str():
            made = AnyValue(string_value=value)
        case int():
            made = AnyValue(int_value=value)
        case tuple():
            made = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=each) for each in value]))
    return KeyValue(key=name, value=made)
