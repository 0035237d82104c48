"""What `--events` asks for: the journals of a run handed to logs of others while it goes on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.asked import AskedEvents
from runner.cli.output import UsageError, tell
from runner.redaction import Redactor
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.terminal import visible
from texts.counting import counted

if TYPE_CHECKING:
    from runner.forwarding.courier import Courier, Left
    from runner.forwarding.destinations import Destination
    from runner.journal.writer import JournalWriter

Watch = Callable[[str, "JournalWriter"], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run is to be opened with.

    Attributes:
        watch: is told of each journal.
        kept_out: secrets that are kept out of all.
        descriptors: files and sockets that sending has open at once.
    """

    watch: Watch
    kept_out: Sequence[Secret] = ()
    descriptors: int = 0


def _nobody(_client: str, _journal: JournalWriter) -> None:
    pass


NOWHERE = Sent(_nobody)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the events of each client go, and what lets them in there."""

    of: Mapping[str, tuple[Destination, ...]]
    authorization: Mapping[str, Secret]
    ca_file: str | None


@contextmanager
def events_sent(asked: AskedEvents, clients: Sequence[str], state: Path, run: str) -> Iterator[Sent]:
    """While it is open, what journals get is sent. At the end says what was not, and how to send it.

    Raises:
        UsageError: a destination is none, or is not any client's; nothing was sent.
    """
    if not asked.places:
        yield NOWHERE
        return
    from runner.forwarding.sending import Sending

    places = places_of(asked, clients)
    for client in clients:
        if not places.of[client]:
            tell(f"events of {client} are sent nowhere: no --events names that client")
    sending = Sending()

    def watch(client: str, journal: JournalWriter) -> None:
        for courier in couriers(places, client, journal.path, lambda: journal.durable.sequence):
            sending.begin(client, courier)

    try:
        yield Sent(watch, tuple(places.authorization.values()), 3 * sum(map(len, places.of.values())))
    finally:
        for each in sending.finish():
            told = undelivered(each.left)
            if told:
                tell(f"events of {each.client} to {each.to}: {told}. Send them:")
                # In one piece, however narrow the terminal: it is there to be copied.
                typer.echo(f"  {visible(send_again(asked, run, each.client, each.to, state, clients))}", err=True)
            if each.left.refused:
                tell(f"events of {each.client} to {each.to}: the receiver refused {each.left.refused} for good")


def places_of(asked: AskedEvents, clients: Sequence[str]) -> Places:
    """Everything about destinations that can be known before anything is sent.

    Raises:
        UsageError: see `events_sent`.
    """
    from inventory.sources.document import credential_reference
    from runner.forwarding import otlp
    from runner.forwarding.destinations import (
        DestinationError,
        Format,
        Way,
        by_client,
        check_file,
        destination,
    )
    from runner.secrets.resolving import RedactedSecrets, system_stores
    from texts.problems import MistakeError

    try:
        form = None if asked.form is None else Format(asked.form)
        of = {
            client: tuple(dict.fromkeys(destination(text, form) for text in texts))
            for client, texts in by_client(asked.places, clients, "--events").items()
        }
        every = [each for destinations in of.values() for each in destinations]
        for each in every:
            if each.way is Way.FILE:
                check_file(each.address)
        if any(each.format is Format.OTLP for each in every):
            otlp.check_installed()
        references = by_client(asked.auth, clients, "--events-auth")
    except (DestinationError, otlp.OtlpMissingError) as error:
        raise UsageError(error.what, error.next) from None
    if asked.ca is not None and not asked.ca.is_file():
        raise UsageError(f"--events-ca {asked.ca}: there is no such file", "Name the PEM file of the authority.")
    secrets = RedactedSecrets(system_stores(os.environ), Redactor())
    authorization: dict[str, Secret] = {}
    for client, texts in references.items():
        for text in texts:
            try:
                authorization[client] = secrets.resolve(credential_reference(text))
            except SecretUnavailableError as error:
                raise UsageError(f"--events-auth: {error.reference}: {error.why}", error.next) from None
            except MistakeError as error:
                raise UsageError(f"--events-auth: {error.args[0]}", "Write env:NAME or another reference.") from None
    return Places(of, authorization, None if asked.ca is None else str(asked.ca))


def couriers(places: Places, client: str, journal: Path, durable: Callable[[], int]) -> list[Courier]:
    """One for each destination of a client."""
    from runner.disk import SystemDisk
    from runner.forwarding import cef, ecs
    from runner.forwarding.courier import Courier
    from runner.forwarding.destinations import Format, Way
    from runner.forwarding.sinks.file import FileSink
    from runner.forwarding.sinks.http import HttpSink
    from runner.forwarding.sinks.interface import Sink
    from runner.forwarding.sinks.syslog import SyslogSink

    made = []
    for to in places.of[client]:
        render = cef.render if to.format is Format.CEF else ecs.render
        sink: Sink
        match to.way:
            case Way.FILE:
                sink = FileSink(Path(to.address), render, SystemDisk())
            case Way.HTTP:
                sink = HttpSink(to, places.authorization.get(client), places.ca_file)
            case Way.UDP | Way.TCP | Way.TLS:
                sink = SyslogSink(to, render, places.ca_file)
        made.append(Courier(journal, durable, to, sink))
    return made


def undelivered(left: Left) -> str:
    """What is to be said of what a destination has not got; empty where it has all."""
    if left.count <= 0:
        return ""
    return f"{counted(left.count, 'event')} not known to have arrived" + (f": {left.why}" if left.why else "")


def send_again(asked: AskedEvents, run: str, client: str, to: str, state: Path, clients: Sequence[str]) -> str:
    """The command that sends what is left of one client, of several."""
    from runner.forwarding.destinations import by_client

    words = ["exrun", "journal", "send", run, "--events", to]
    if len(clients) > 1:
        words += ["--client", client]
    if asked.form is not None:
        words += ["--events-format", asked.form]
    for each in by_client(asked.auth, clients, "--events-auth")[client]:
        words += ["--events-auth", each]
    if asked.ca is not None:
        words += ["--events-ca", str(asked.ca)]
    if state != Path(".exrun"):
        words += ["--state", str(state)]
    return shlex.join(words)
