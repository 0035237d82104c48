"""A lock a host: of several runs, also of several processes, only one changes a server.

    STATE/<client>/locks/held.json     who holds which hosts: one file, so that any change of it is all or nothing
    STATE/<client>/locks/<run>.lock    locked by the operating system as long as the run's process lives
    STATE/<client>/locks/lock          locked while somebody reads and replaces held.json

A host is held by who is named for it. It is stale once that process is gone; it then is still held, for nobody knows
what was left half done there, and is taken over only where the host itself is named for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runner.advice import AdvisedError
from runner.disk import Disk, make_directories, write_anew
from runner.journal.lines import Json, time_text
from runner.journal.location import directory_name

__all__ = [
    "BEAT_SECONDS",
    "SILENT_SECONDS",
    "Held",
    "HostLocks",
    "HostsHeldError",
    "LockError",
    "LocksLostError",
    "LocksUnavailableError",
    "Owner",
    "TakenOver",
    "take",
]

BEAT_SECONDS = 30.0  # how often who holds hosts says that it lives
SILENT_SECONDS = 150.0  # of silence, after which a process of another machine counts as gone
_TRIES, _WAIT_SECONDS = 100, 0.05  # for the moment in which another run reads and replaces held.json
_MOST_NAMED = 8
_DIRECTORY, _HELD, _LOCK = "locks", "held.json", "lock"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds hosts.

    Attributes:
        actor: `user@machine`.
        pid: of its process on `machine`.
        since, heartbeat: UTC; when it took them, and when it last said that it lives.
    """

    run: str
    actor: str
    machine: str
    pid: int
    since: datetime
    heartbeat: datetime


@dataclass(frozen=True, slots=True)
class TakenOver:
    """That a host was taken from a run whose process is gone: for the journal of who took it."""

    host: str
    owner: Owner


@dataclass(frozen=True, slots=True)
class Held:
    """That somebody else holds a host. `stale`: its process is gone."""

    host: str
    owner: Owner
    stale: bool


class LockError(AdvisedError):
    """Raised where hosts cannot be had or kept; nothing is sent to them. `next` is what to do."""


class HostsHeldError(LockError):
    """Raised where others hold some of the hosts; none was taken."""

    def __init__(self, held: tuple[Held, ...], now: datetime) -> None:
        named = [_told(each, now) for each in held[:_MOST_NAMED]]
        more = f"; and {len(held) - _MOST_NAMED} more" if len(held) > _MOST_NAMED else ""
        if all(each.stale for each in held):
            then = "Resume that run; or, if nobody will, name each of these servers to be taken over."
        else:
            then = "Wait for that run to end, or stop it."
        super().__init__("; ".join(named) + more, then)
        self.held = held


class LocksLostError(LockError):
    """Raised where hosts that were held were taken over by somebody else: nothing more may be sent to them."""


class LocksUnavailableError(LockError):
    """Raised where the locks cannot be read or written."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """The hosts of one run. `more`: members that a later version has added."""

    owner: Owner
    hosts: tuple[str, ...]
    more: Mapping[str, Json] = field(default_factory=dict)

    def without(self, hosts: Collection[str]) -> _Claim:
        return replace(self, hosts=tuple(host for host in self.hosts if host not in hosts))


class HostLocks:
    """Hosts that are held; made by `take`. Call `beat` every BEAT_SECONDS, and `release` at the end.

    Attributes:
        hosts: all of them.
        taken_over: those that were taken from a run whose process is gone.
    """

    def __init__(
        self, room: _Room, owner: Owner, descriptor: int, hosts: tuple[str, ...], taken_over: tuple[TakenOver, ...]
    ) -> None:
        self.hosts = hosts
        self.taken_over = taken_over
        self._room = room
        self._owner = owner
        self._descriptor: int | None = descriptor

    def beat(self, now: datetime) -> bool:
        """Says that the owner lives; False where another run was at the locks at this very moment: try again later.

        Raises:
            LocksLostError: some hosts are no longer this run's.
            LocksUnavailableError: the disk refuses.
        """
        with self._room.entered(None) as inside:
            if not inside:
                return False
            claims = self._room.claims()
            mine = claims.get(self._owner.run)
            lost = sorted(set(self.hosts) - set(() if mine is None else mine.hosts))
            if mine is None or mine.owner.since != self._owner.since or lost:
                raise LocksLostError(
                    f"{', '.join((lost or self.hosts)[:_MOST_NAMED])}: taken over by another run",
                    "Nothing more is sent. See what that run did, then make a new plan.",
                )
            self._room.write({**claims, self._owner.run: replace(mine, owner=replace(mine.owner, heartbeat=now))})
            return True

    def release(self, wait: Callable[[float], None]) -> None:
        """Lets go of all hosts. A second call does nothing.

        Args:
            wait: waits so many seconds.

        Raises:
            LocksUnavailableError: the disk refuses; they are stale then.
        """
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            with self._room.entered(wait):
                claims = self._room.claims()
                mine = claims.get(self._owner.run)
                if mine is not None and mine.owner.since == self._owner.since:
                    self._room.write({run: claim for run, claim in claims.items() if run != self._owner.run})
                    self._room.disk.close(descriptor)
                    descriptor = -1
                    self._room.forget(self._owner.run)
        finally:
            if descriptor >= 0:
                self._room.disk.close(descriptor)


def take(
    state: Path,
    client: str,
    owner: Owner,
    hosts: Sequence[str],
    disk: Disk,
    *,
    wait: Callable[[float], None],
    over: Collection[str] = (),
) -> HostLocks:
    """Takes all of these hosts, or none; when this returns, they are held whatever happens next.

    What the same run held in a process that is gone it holds again, without being named.

    Args:
        state: the state directory.
        owner: who takes them; its `since` is now.
        over: hosts that may be taken from a run whose process is gone.
        wait: waits so many seconds, while another run reads or replaces the locks.

    Raises:
        HostsHeldError: others hold some of them.
        LocksUnavailableError: the locks cannot be read or written.
    """
    room = _Room(state / directory_name(client) / _DIRECTORY, disk)
    with room.making():
        make_directories(state, room.directory, disk)
    with room.entered(wait):
        claims = room.claims()
        descriptor = room.alive(owner.run)
        if descriptor is None:
            of_run = claims.get(owner.run, _Claim(owner, ()))
            raise HostsHeldError(tuple(Held(host, of_run.owner, stale=False) for host in hosts), owner.since)
        try:
            found = [each for each in room.held(claims, owner) if each.host in set(hosts)]
            refused = tuple(each for each in found if not (each.stale and each.host in over))
            if refused:
                raise HostsHeldError(refused, owner.since)
            before = claims.pop(owner.run, _Claim(owner, ()))
            kept = (claim.without(hosts) for claim in claims.values())
            mine = replace(before, owner=owner, hosts=tuple(dict.fromkeys((*before.hosts, *hosts))))
            left = {each.owner.run: each for each in (*kept, mine) if each.hosts}
            room.write(left)
            for run in claims.keys() - left.keys():
                room.forget(run)
        except BaseException:
            disk.close(descriptor)
            raise
    return HostLocks(room, owner, descriptor, mine.hosts, tuple(TakenOver(each.host, each.owner) for each in found))


@dataclass(frozen=True, slots=True)
class _Room:
    """The directory of a client's locks."""

    directory: Path
    disk: Disk

    @contextmanager
    def making(self) -> Iterator[None]:
        """What the disk refuses, as ours."""
        try:
            yield
        except OSError as error:
            raise LocksUnavailableError(
                f"{self.directory}: the locks of hosts cannot be read or written ({error.strerror})",
                "Nothing more is sent. Make room or correct the permissions.",
            ) from error

    @contextmanager
    def entered(self, wait: Callable[[float], None] | None) -> Iterator[bool]:
        """Alone with held.json; False where somebody else is, and `wait` is None."""
        with self.making():
            descriptor = self.disk.open(self.directory / _LOCK)
            try:
                got = self.disk.lock(descriptor)
                for _ in range(0 if got or wait is None else _TRIES):
                    assert wait is not None
                    wait(_WAIT_SECONDS)
                    got = self.disk.lock(descriptor)
                    if got:
                        break
                if not got and wait is not None:
                    raise LocksUnavailableError(
                        f"{self.directory}: another run has been at the locks of hosts for too long",
                        "Look for a process of exrun that hangs, end it, and run this again.",
                    )
                yield got
            finally:
                self.disk.close(descriptor)

    def alive(self, run: str) -> int | None:
        """A descriptor that holds the lock of a run; None where its process lives. Close it."""
        descriptor = self.disk.open(self._lock_of(run))
        if self.disk.lock(descriptor):
            return descriptor
        self.disk.close(descriptor)
        return None

    def forget(self, run: str) -> None:
        """Takes away the file of a run that has ended."""
        self.disk.remove(self._lock_of(run))

    def held(self, claims: Mapping[str, _Claim], by: Owner) -> Iterator[Held]:
        """What others than `by` hold."""
        for claim in claims.values():
            if claim.owner.run != by.run:
                stale = self._is_stale(claim.owner, by)
                for host in claim.hosts:
                    yield Held(host, claim.owner, stale)

    def _is_stale(self, owner: Owner, seen_by: Owner) -> bool:
        descriptor = self.alive(owner.run)
        if descriptor is None:
            return False
        self.disk.close(descriptor)
        # A lock of another machine may not be seen from here, where the state directory is shared.
        silent = (seen_by.since - owner.heartbeat).total_seconds()
        return owner.machine == seen_by.machine or silent > SILENT_SECONDS

    def claims(self) -> dict[str, _Claim]:
        """Who holds what, by run."""
        path = self.directory / _HELD
        try:
            with self.disk.read(path) as file:
                content = file.read()
        except FileNotFoundError:
            return {}
        try:
            read = [_claim(each) for each in json.loads(content)["claims"]]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise LocksUnavailableError(
                f"{path} cannot be read: it is not what exrun wrote",
                "See that no run of this client is going on, and what its last ones left; then move the file away.",
            ) from None
        return {each.owner.run: each for each in read}

    def write(self, claims: Mapping[str, _Claim]) -> None:
        """Replaces them all."""
        document = {"claims": [_members(claim) for _, claim in sorted(claims.items())]}
        content = json.dumps(document, separators=(",", ":"), sort_keys=True).encode() + b"\n"
        write_anew(self.directory / _HELD, content, self.disk)

    def _lock_of(self, run: str) -> Path:
        return self.directory / f"{directory_name(run)}.lock"


_MEMBERS = frozenset({"actor", "heartbeat", "hosts", "machine", "pid", "run", "since"})


def _members(claim: _Claim) -> dict[str, object]:
    owner = claim.owner
    return {
        **claim.more,
        "actor": owner.actor,
        "heartbeat": time_text(owner.heartbeat),
        "hosts": claim.hosts,
        "machine": owner.machine,
        "pid": owner.pid,
        "run": owner.run,
        "since": time_text(owner.since),
    }


def _claim(members: Mapping[str, Json]) -> _Claim:
    match members:
        case {
            "actor": str(actor),
            "heartbeat": str(heartbeat),
            "hosts": list(hosts),
            "machine": str(machine),
            "pid": int(pid),
            "run": str(run),
            "since": str(since),
        }:
            pass
        case _:
            raise ValueError("a member is missing")
    if not all(isinstance(host, str) for host in hosts):
        raise ValueError("a host is no text")
    more = {name: value for name, value in members.items() if name not in _MEMBERS}
    return _Claim(Owner(run, actor, machine, pid, _time(since), _time(heartbeat)), tuple(hosts), more)


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time without a zone")
    return when.astimezone(UTC)


def _told(held: Held, now: datetime) -> str:
    owner = held.owner
    gone = "whose process is gone, " if held.stale else ""
    return (
        f"{held.host} is held by run {owner.run} of {owner.actor} (process {owner.pid} on {owner.machine}), {gone}"
        f"for {_age(now - owner.since)}, last heard of {_age(now - owner.heartbeat)} ago"
    )


def _age(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
