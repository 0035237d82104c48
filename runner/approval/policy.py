"""Who has to approve a client's plans, and when they may be run: a file of the client, read once.

Its SHA-256 stands in every plan that is made under it, so that relaxing it later makes the plan stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from playbooks.model import ACTION_ID
from runner.approval.windows import Day, Freeze, Window
from runner.signatures.allowed_signers import Signer, read_allowed_signers
from runner.signatures.errors import AllowedSignersError
from texts import schemas
from texts.models import Document, Words, Written, WrittenError, read_whole
from texts.problems import MistakeError, Problem
from texts.yaml_tree import strict

__all__ = ["VALID", "Approver", "Policy", "PolicyDocument", "PolicyError", "read_policy", "schema_text"]

NAMESPACE = "exrun-plan"
VALID = timedelta(hours=72)  # a plan, where no policy says how long
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DURATION = r"[1-9][0-9]{0,3}[mhd]"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_RULES = strict("begin with `client:`", "in a policy", deepest=8)
_WORDS = Words(
    "docs/reference/policies.md",
    {
        ACTION_ID: ("is not the id of an action", "write area.name in small letters, digits and `_`"),
        _DURATION: ("is not a time span", "write 30m, 72h or 7d"),
        _CLOCK: ("is not a time of the day", 'write "22:00", in quotes'),
    },
)


class PolicyError(WrittenError):
    """Raised for a policy that cannot be read."""


class _Written(Written):
    model_config = ConfigDict(populate_by_name=True)


def _read_day(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise MistakeError("is not a day", "write 2026-12-24") from None
    return value


def _read_zone(value: str) -> str:
    # Of the zone database, and no zone of the world: they mean on each machine what is installed there.
    if value in ("localtime", "posixrules", "Factory") or value.startswith(("posix/", "right/")):
        raise MistakeError("is not the same time zone on every machine", "write its IANA name, such as Europe/Berlin")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MistakeError("is not a time zone", "write its IANA name, such as Europe/Berlin") from None
    return value


Clock = Annotated[str, StringConstraints(pattern=f"^{_CLOCK}$")]
Zone = Annotated[str, AfterValidator(_read_zone)]
Duration = Annotated[str, StringConstraints(pattern=f"^{_DURATION}$")]


class ApproverEntry(_Written):
    """Somebody who may approve."""

    key: Annotated[str, StringConstraints(pattern=r"^[^\r\n]+$")] = Field(
        description="A line as OpenSSH's allowed_signers has it: ops@contoso.example ssh-ed25519 AAAA..."
    )
    accounts: list[str] = Field(
        default_factory=list,
        description="The names under which this person makes plans, user@machine or user: such plans need others. "
        "Without any: what stands before the @ of the name in `key`.",
    )


class WindowEntry(_Written):
    """When changes may be made, every week."""

    days: Annotated[list[Annotated[Day, Field(strict=False)]], Field(min_length=1)] = Field(
        description="The days on which it opens: mon, tue, wed, thu, fri, sat, sun."
    )
    opens: Clock = Field(alias="from", description='When it opens, "22:00".')
    closes: Clock = Field(alias="to", description='When it closes, on the next day where that is not later: "04:00".')
    zone: Zone = Field(description="The time zone of both, by its IANA name: Europe/Berlin.")


class FreezeEntry(_Written):
    """Days on which no change is made."""

    first: Annotated[date, BeforeValidator(_read_day)] = Field(alias="from", description="The first day, 2026-12-19.")
    last: Annotated[date, BeforeValidator(_read_day)] = Field(alias="to", description="The last day.")
    zone: Zone = Field(description="The time zone of these days, by its IANA name.")
    why: Annotated[str, StringConstraints(min_length=1)] = Field(description="Why, for who is refused.")

    @model_validator(mode="after")
    def _in_order(self) -> FreezeEntry:
        for name, day in (("from", self.first), ("to", self.last)):
            if not 2000 <= day.year < 9000:
                raise MistakeError("is a day that no clock will show", "write 2026-12-24", way=(name,))
        if self.last < self.first:
            raise MistakeError("is before `from`", "exchange the two", way=("to",))
        return self


class PolicyDocument(_Written):
    """A client's policy: who approves its plans, and when they may be run."""

    client: Annotated[str, StringConstraints(min_length=1)] = Field(description="The client, as the inventory has it.")
    approvers: Annotated[list[ApproverEntry], Field(min_length=1)] = Field(description="Who may approve.")
    approvals: Annotated[int, Field(ge=1, le=100)] = Field(default=1, description="How many of them have to.")
    planner_may_approve: bool = Field(
        default=False, description="Whether who made a plan may be one of those who approve it."
    )
    expires_after: Duration = Field(
        default="72h", description="How long after it was made a plan may be run: 30m, 72h, 7d."
    )
    windows: list[WindowEntry] = Field(default_factory=list, description="When changes may be made; none: at any time.")
    freezes: list[FreezeEntry] = Field(default_factory=list, description="When none may, whatever the windows say.")
    without_approval: list[Annotated[str, StringConstraints(pattern=f"^{ACTION_ID}$")]] = Field(
        default_factory=list, description="Actions whose changes need nobody's approval."
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> PolicyDocument:
        if self.approvals > len(self.approvers):
            raise MistakeError(
                f"is more than there are approvers ({len(self.approvers)})",
                "name more, or ask for fewer",
                way=("approvals",),
            )
        return self


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who may approve: their key, and the accounts from which they make plans."""

    signer: Signer
    accounts: tuple[str, ...]

    def made(self, planner: str) -> bool:
        """Whether a plan of this planner, `user@machine`, is this person's own. Where the policy does not say by which
        names somebody makes plans, that is what stands before the @ of the name that they sign by."""
        user = planner.partition("@")[0].casefold()
        accounts = self.accounts or tuple(each.partition("@")[0] for each in self.names)
        return any(account.casefold() in (planner.casefold(), user) for account in accounts)

    @property
    def names(self) -> frozenset[str]:
        """By which this person signs: the patterns of the line, in one case."""
        return frozenset(each.strip().casefold() for each in self.signer.principals.split(","))


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, ready to be asked. `file` is what it is called, `digest` the SHA-256 of its bytes."""

    file: str
    client: str
    approvers: tuple[Approver, ...]
    approvals: int
    planner_may_approve: bool
    expires_after: timedelta
    windows: tuple[Window, ...]
    freezes: tuple[Freeze, ...]
    without_approval: frozenset[str]
    digest: str


def schema_text() -> str:
    """The JSON Schema (2020-12) of a policy, for editors, as the bytes that are published."""
    return schemas.text_of(schemas.of_model("policy", PolicyDocument))


def read_policy(data: bytes, file: str, *, local: Callable[[datetime], datetime]) -> Policy:
    """A client's policy.

    Args:
        file: what it is called in messages.
        local: see `read_allowed_signers`.

    Raises:
        PolicyError: with all problems that were found.
    """
    document = read_whole(data, file, PolicyDocument, _RULES, _WORDS, PolicyError)
    problems: list[Problem] = []
    written = document.model
    approvers = []
    for number, entry in enumerate(written.approvers):
        try:
            signers = read_allowed_signers(entry.key, file, local=local)
        except AllowedSignersError as error:
            what = error.what.partition(": ")[2] or error.what
            problems.append(Problem(document.at("approvers", number, "key"), what, error.next))
            continue
        approvers.append(Approver(signers.signers[0], tuple(entry.accounts)))
        problems += _twice(approvers, document, number)
    if problems:
        raise PolicyError(problems)
    return Policy(
        file=file,
        client=written.client,
        approvers=tuple(approvers),
        approvals=written.approvals,
        planner_may_approve=written.planner_may_approve,
        expires_after=_span(written.expires_after),
        windows=tuple(
            Window(frozenset(each.days), _clock(each.opens), _clock(each.closes), ZoneInfo(each.zone))
            for each in written.windows
        ),
        freezes=tuple(Freeze(each.first, each.last, ZoneInfo(each.zone), each.why) for each in written.freezes),
        without_approval=frozenset(written.without_approval),
        digest=hashlib.sha256(data).hexdigest(),
    )


def _twice(approvers: Sequence[Approver], document: Document[PolicyDocument], number: int) -> list[Problem]:
    """Whether the last approver is one of those before: nobody may count for two."""
    *others, last = approvers
    names = {name for each in others for name in each.names}
    if last.names & names or last.signer.key.blob in {each.signer.key.blob for each in others}:
        at = document.at("approvers", number, "key")
        return [Problem(at, "has the name or the key of another approver", "name each person once")]
    return []


def _clock(written: str) -> time:
    return time.fromisoformat(written)


def _span(written: str) -> timedelta:
    return timedelta(**{_UNITS[written[-1]]: int(written[:-1])})
