"""Do the places that an installed update shows in agree with ExSetup.exe? What contradicts it, and what is only odd.

Files. A file that a security update should have renewed and did not is how a half-installed one looks ("some files are
not correctly updated ... you don't receive an error message", KB4523171). Which files each update renews is not
published. Measured over 67 pairs of consecutive builds of one cumulative update (CSS-Exchange's hash lists, 2013 to
2019): two web binaries changed in every one. These two have to bear ExSetup.exe's build wherever they are. Others can
confirm it; an older one contradicts where it matters: when it is below the build that has the fix, or when no file at
all has ExSetup.exe's build. Otherwise it is reported and judged no further, for a verdict that cries wolf over a whole
fleet is not believed the next time.

That a web binary is not there contradicts nothing by itself: Edge servers and the separate roles of 2013 have none.
That no file but ExSetup.exe has its build does.

Entries of updates: installed_updates.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.actions.exchange.patch.installed_updates import Says, cut_short, entries, is_entry, is_update
from playbooks.actions.exchange.setup import PROGRAM, roles
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Known
from playbooks.observation import Observed
from playbooks.values import Record

WITNESSES = ("Microsoft.Exchange.Management.ControlPanel.dll", "Microsoft.Exchange.Clients.Owa2.Server.dll")
# A service of the Mailbox role: elsewhere it may be missing.
OF_MAILBOX = "Microsoft.Exchange.RpcClientAccess.Service.exe"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One observation a line.

    Attributes:
        against: contradicts the update.
        odd: worth a look.
        unread: could not be read, and would have counted.
        cut: places of which only a part was read; what counts was found there all the same, or is unread.
    """

    against: tuple[str, ...]
    odd: tuple[str, ...]
    unread: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


def agreement(build: Build, observed: Observed, catalogue: Catalogue, *, needed: Build | None) -> Agreement:
    """What binaries, installed updates and setup's marks say against ExSetup.exe's build.

    Args:
        build: that of ExSetup.exe.
        needed: the highest minimum build, of this very cumulative update, of the fixes that were asked for; None
            without any.
    """
    files = _files(build, observed, needed)
    updates = _updates(build, observed, catalogue)
    return Agreement(
        (*files.against, *_marks(observed), *updates.against),
        (*files.odd, *updates.odd),
        (*files.unread, *updates.unread),
        cut_short(observed),
    )


def _files(build: Build, observed: Observed, needed: Build | None) -> Agreement:
    against: list[str] = []
    odd: list[str] = []
    older: dict[str, Build] = {}
    confirmed = False
    mailbox = "MailboxRole" in roles(observed)
    binaries = {str(record.get("Name")): record for record in observed.of_kind("Binary")}
    witnessed = any(binaries[name].get("Exists") is True for name in WITNESSES if name in binaries)
    for name, record in sorted(binaries.items()):
        if name == PROGRAM:
            continue
        other = _build(record)
        if record.get("Exists") is not True:
            if name in WITNESSES:
                odd.extend((f"{name} is not there",) if witnessed else ())
            elif name != OF_MAILBOX or mailbox:
                against.append(f"{name} is missing")
        elif other is None:
            against.append(f"{name} has no readable version")
        elif other == build:
            confirmed = True
        elif other < build and other.cu_level == build.cu_level and name not in WITNESSES:
            older[f"{name} is {other}, {PROGRAM} is {build}"] = other
        else:
            against.append(f"{name} is {other}, {PROGRAM} is {build}")
    matters = {line: not confirmed or (needed is not None and other < needed) for line, other in older.items()}
    against.extend(line for line, decides in matters.items() if decides)
    odd.extend(line for line, decides in matters.items() if not decides)
    # What is neither: a file, or the key of a role, which may hold a mark.
    unread = tuple(f"{each.what}: {each.why}" for each in observed.unread if not is_entry(each))
    if not confirmed and not against and not unread:
        against.append(f"no file but {PROGRAM} bears the build {build}")
    return Agreement(tuple(against), tuple(odd), unread)


def _marks(observed: Observed) -> Iterator[str]:
    """Setup keeps its place in Action and Watermark of the part's key, and takes both away when the part is done."""
    for role in observed.of_kind("RoleState"):
        for mark in ("Action", "Watermark"):
            if role.get(mark):
                yield f"{role.get('Name')!s} has {mark} = {role.get(mark)!s}: setup was interrupted"


def _updates(build: Build, observed: Observed, catalogue: Catalogue) -> Agreement:
    """A security update leaves entries; that none can be its own contradicts the files."""
    identity = catalogue.identify(build)
    if not isinstance(identity, Known) or not is_update(build, identity.release):
        return Agreement((), ())
    release = identity.release
    found = entries(observed, release, catalogue)
    said = {entry.says for entry in found}
    odd = tuple(f"{entry.text} is not the entry of {release.title}" for entry in found if entry.says is Says.ODD)
    if Says.OWN in said or (Says.MAY_BE in said and not catalogue.kbs(build)):
        return Agreement((), odd)
    odd += tuple(f"{entry.text}: the catalogue does not know its KB" for entry in found if entry.says is Says.MAY_BE)
    closed = (f"{each.what}: {each.why}" for each in observed.unread if is_entry(each))
    if unread := (*closed, *cut_short(observed)):
        return Agreement((), odd, unread)
    if odd:
        return Agreement((), odd)
    kbs = catalogue.kbs(build)
    which = f" ({' or '.join(sorted(kbs))})" if kbs else ""
    there = f"; there are: {', '.join(entry.text for entry in found)}" if found else ""
    return Agreement((f"{release.title} leaves an entry{which}, and there is none{there}",), ())


def _build(record: Record) -> Build | None:
    try:
        return Build.parse(str(record.get("FileVersion")))
    except ValueError:
        return None
