"""A few words to people, by whatever they read: mail, chat, a ticket. Apprise knows the ways; the words are ours.

Needs the extra `notify`: apprise is loaded where somebody is to be told, and never else.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType

from runner.advice import AdvisedError
from runner.secrets.interface import Secret

SECONDS = 15.0  # that all notes of a command together may take


class Mood(StrEnum):
    """How a note is marked where the way has colours or signs for it."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Note:
    """What is said, about one client alone: fit to be shown, and short."""

    client: str
    title: str
    text: str
    mood: Mood


class NotifyError(AdvisedError):
    """Raised where nobody could be told; nothing was sent. Holds no address: these hold secrets."""


class Way:
    """One address of those to whom something is told. `name` is the kind of way, `place` counts as it was written."""

    def __init__(self, address: Secret, place: int) -> None:
        """Looks at the address and connects to nobody.

        Raises:
            NotifyError: apprise is not installed, or knows no such address.
        """
        apprise = _apprise()
        self._told = apprise.Apprise(asset=apprise.AppriseAsset(secure_logging=True))
        with warnings.catch_warnings():  # the first address loads all ways, some of which warn of their own imports
            warnings.simplefilter("ignore")
            known = self._told.add(address.reveal()) and len(self._told) == 1
        if not known:
            raise NotifyError(
                f"--notify, number {place}: apprise knows no such address (it is not shown: it may hold a secret)",
                "Write it as https://appriseit.com/services/ has it, or as env:NAME of a variable with it.",
            )
        [service] = self._told
        self.name = str(service.service_name or "another way")
        self.place = place
        if not service.verify_certificate:
            raise NotifyError(
                f"--notify, number {place}: the address says not to verify the certificate",
                "Leave out verify=no; SSL_CERT_FILE or REQUESTS_CA_BUNDLE names an authority of your own.",
            )

    def tell(self, note: Note) -> bool:
        """Whether it was taken. What the service says, and what went wrong, is not shown: it may hold the address."""
        try:
            return bool(
                self._told.notify(body=note.text, title=note.title, notify_type=note.mood.value, body_format="text")
            )
        except Exception:
            return False


def untold(ways: Sequence[tuple[Way, Note]], seconds: float = SECONDS) -> list[tuple[Way, Note]]:
    """Tells each way its note, all at once, and says which are not known to have taken theirs.

    Args:
        seconds: after which nobody is waited for.
    """
    taken: set[int] = set()

    def work(number: int, way: Way, note: Note) -> None:
        if way.tell(note):
            taken.add(number)

    threads = [
        threading.Thread(target=work, args=(number, way, note), name="exrun-notify", daemon=True)
        for number, (way, note) in enumerate(ways)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [each for number, each in enumerate(ways) if number not in taken]


def _apprise() -> ModuleType:
    try:
        import apprise
    except ImportError:
        raise NotifyError(
            "--notify needs apprise, which is not installed", "Install it: pip install 'exrun[notify]'."
        ) from None
    import logging

    # Its warnings quote what services answer, and go to standard error where nobody has said otherwise.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise
