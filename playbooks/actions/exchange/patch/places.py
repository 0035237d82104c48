"""Do the places that an installed update shows in agree with ExSetup.exe? What contradicts it, and what is only odd.

A file that a security update should have renewed and did not is how a half-installed one looks ("some files are not
correctly updated ... you don't receive an error message", KB4523171). But no public list says that each update renews
each file, and a verdict that cries wolf over a whole fleet is not believed the next time. So an older file of the same
cumulative update contradicts ExSetup.exe where it matters: when it is below the build that has the fix, or when no
other file at all has ExSetup.exe's build. Otherwise it is reported and judged no further.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from playbooks.actions.exchange.setup import PROGRAM
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Known, Release
from playbooks.observation import Observed
from playbooks.values import Record

# A service of the Mailbox and Client Access roles: an Edge Transport server runs none of it.
NOT_ON_EDGE = "Microsoft.Exchange.RpcClientAccess.Service.exe"
UNINSTALL_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
# "Security Update for Exchange Server 2019 Cumulative Update 13 (KB5030524)"; SE's name "Subscription Edition RTM".
_ENTRY = re.compile(r"Security Update for Exchange Server (?P<year>\d{4})?.*", re.ASCII | re.IGNORECASE)
_ENTRY_CU = re.compile(r"Cumulative Update (?P<number>\d{1,3})", re.ASCII | re.IGNORECASE)
_KB = re.compile(r"KB\d{6,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One observation a line. `against` contradicts the update, `odd` is worth a look."""

    against: tuple[str, ...]
    odd: tuple[str, ...]


def agreement(build: Build, observed: Observed, catalogue: Catalogue, *, needed: Build | None) -> Agreement:
    """What binaries, installed updates and setup's marks say against ExSetup.exe's build.

    Args:
        build: that of ExSetup.exe.
        needed: the highest minimum build, of this very cumulative update, of the fixes that were asked for; None
            without any.
    """
    binaries = {str(record.get("Name")): record for record in observed.of_kind("Binary")}
    against: list[str] = []
    older: list[tuple[Build, str]] = []
    confirmed = False
    edge = any(role.get("Name") == "EdgeTransportRole" for role in observed.of_kind("RoleState"))
    for name, record in sorted(binaries.items()):
        if name == PROGRAM or (name == NOT_ON_EDGE and edge and record.get("Exists") is False):
            continue
        other = _build(record)
        if record.get("Exists") is not True:
            against.append(f"{name} is missing")
        elif other is None:
            against.append(f"{name} has no readable version")
        elif other == build:
            confirmed = True
        elif other < build and other.cu_level == build.cu_level:
            older.append((other, f"{name} is {other}, {PROGRAM} is {build}"))
        else:
            against.append(f"{name} is {other}, {PROGRAM} is {build}")
    matters = {line: not confirmed or (needed is not None and other < needed) for other, line in older}
    against.extend(line for line, decides in matters.items() if decides)
    for role in observed.of_kind("RoleState"):
        against.extend(
            f"{role.get('Name')!s} has {mark} = {role.get(mark)!s}: setup was interrupted"
            for mark in ("Action", "Watermark")
            if role.get(mark)
        )
    against.extend(_missing_entry(build, observed, catalogue))
    return Agreement(tuple(against), tuple(line for line, decides in matters.items() if not decides))


def _missing_entry(build: Build, observed: Observed, catalogue: Catalogue) -> tuple[str, ...]:
    """A security update leaves an uninstall entry; its absence contradicts the files (hotfixes are not judged).

    The entry is that of the release's KB where the catalogue knows it, else any of the same cumulative update.
    """
    identity = catalogue.identify(build)
    if not isinstance(identity, Known) or "SU" not in identity.release.update:
        return ()
    if observed.why_unread(UNINSTALL_KEY) is not None:
        return ()
    names = [str(entry.get("DisplayName")) for entry in observed.of_kind("Update")]
    own = [name for name in names if _is_of(name, identity.release)]
    kbs = catalogue.kbs(build)
    if kbs and any(kbs & set(_KB.findall(name)) for name in own):
        return ()
    if not kbs and own:
        return ()
    which = f" ({' or '.join(sorted(kbs))})" if kbs else ""
    there = f"; there are: {', '.join(names)}" if names else ""
    return (f"{identity.release.title} leaves an uninstall entry{which}, and there is none{there}",)


def _is_of(name: str, release: Release) -> bool:
    """Whether an entry is not of another product or cumulative update; what its name leaves out counts for it."""
    entry = _ENTRY.match(name)
    if entry is None or entry["year"] not in (None, release.product):
        return False
    cu = _ENTRY_CU.search(name)
    return cu is None or f"CU{cu['number']}" == release.cu


def _build(record: Record) -> Build | None:
    try:
        return Build.parse(str(record.get("FileVersion")))
    except ValueError:
        return None
