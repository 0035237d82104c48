"""What there is to say of the catalogue in use: for people, and as one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from playbooks.catalogue.catalogue import AGED_DAYS, STALE_DAYS, Age, Catalogue
from playbooks.catalogue.columns import TABLES
from playbooks.catalogue.origin import SetKind
from playbooks.catalogue.sets import counts_of, licences_of, sources_of
from playbooks.catalogue.tables import Availability, Kind, Release
from runner.catalogues.store import InUse
from texts.counting import counted

__all__ = ["document", "json_text", "lines", "schema_text"]

SCHEMA: Literal["exrun.catalogue-info/1"] = "exrun.catalogue-info/1"
Count = Annotated[int, Field(ge=0)]


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgeMember(_Member):
    """How old the catalogue is."""

    days: int = Field(description="since `as_of`; negative where this machine's clock is behind")
    state: Age
    aged_after: int = Field(description="days after which an update may be missed")
    stale_after: int = Field(description="days after which no server is called current")


class SignedMember(_Member):
    """Who vouches for an installed set."""

    by: str = Field(description="principals of the signer, as the list of allowed signers had them")
    key: str = Field(description="fingerprint")
    taken: datetime = Field(description="when it was installed, UTC")


class SetMember(_Member):
    """The set in use."""

    kind: SetKind
    folder: str | None = Field(description="null for the shipped set, which is in the package")
    sha256: str = Field(description="of its manifest")
    signed: SignedMember | None


class InstalledMember(_Member):
    """The installed set, in use or not."""

    as_of: date
    in_use: bool
    signed: SignedMember
    overrules: date | None = Field(
        description="day of the newer set that was left for it (--allow-older); null for none"
    )


class TableMember(_Member):
    """One table."""

    name: str
    rows: Count = Field(description="those that judge, own ones included")
    own: Count = Field(description="rows of the user's own in the folder; they may repeat or fill others")
    sources: list[str]
    licences: list[str] = Field(description="of the sources, where rows are passed on under one; shown with a match")


class NewestMember(_Member):
    """The newest build of a cumulative update for which its product's newest update was made."""

    product: str
    cu: str
    update: str
    build: str
    released: str = Field(description="a day, or a month where the day is not known")
    kbs: list[str] = Field(description="one of these is its KB; empty where it is not known")
    availability: Availability


class CampaignMember(_Member):
    """One campaign."""

    name: str
    kind: Kind
    title: str
    published: str = Field(description="day or month; empty where it is not known")
    cves: list[str]
    exploited: list[str] = Field(description="those that are in CISA's Known Exploited Vulnerabilities")
    source: str


class SupportMember(_Member):
    """When a product's support ends."""

    product: str
    supported: bool
    ends: date | None = Field(description="last day; null for no fixed end")
    esu_ends: date | None = Field(description="last day of paid Extended Security Updates; null for none")


class InfoDocument(_Member):
    """The result of `exrun catalogue info --format json`. A member is only ever added within one number of `schema`."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    schema_: Literal["exrun.catalogue-info/1"] = Field(alias="schema")
    as_of: date
    age: AgeMember
    digest: str = Field(description="SHA-256 over all rows, own ones included; run-started has the same")
    set: SetMember
    shipped: date = Field(description="day of the set that this version ships")
    installed: InstalledMember | None
    own: str | None = Field(description="folder of the user's own rows")
    tables: list[TableMember]
    newest: list[NewestMember]
    campaigns: list[CampaignMember]
    support: list[SupportMember]


def document(found: InUse, today: date) -> InfoDocument:
    """What the published schema has. `today` is the controller's day, UTC."""
    catalogue, origin = found.catalogue, found.catalogue.origin
    own = origin.own
    rows, sources = counts_of(catalogue.tables), sources_of(catalogue.tables)
    licences = licences_of(catalogue.tables)
    return InfoDocument(
        schema=SCHEMA,
        as_of=catalogue.as_of,
        age=AgeMember(
            days=(today - catalogue.as_of).days,
            state=catalogue.age(today),
            aged_after=AGED_DAYS,
            stale_after=STALE_DAYS,
        ),
        digest=catalogue.digest,
        set=SetMember(
            kind=origin.kind,
            folder=None if found.folder is None else str(found.folder),
            sha256=origin.manifest,
            signed=None
            if origin.signed is None
            else SignedMember(by=origin.signed.by, key=origin.signed.key, taken=origin.signed.taken),
        ),
        shipped=found.shipped,
        installed=_installed(found),
        own=None if own is None else own.folder,
        tables=[
            TableMember(
                name=table.name,
                rows=rows[table.name],
                own=0 if own is None else own.rows[table.name],
                sources=sources[table.name],
                licences=licences.get(table.name, []),
            )
            for table in TABLES
        ],
        newest=[_newest(release) for release in newest_builds(catalogue)],
        campaigns=[
            CampaignMember(
                name=row.name,
                kind=row.kind,
                title=row.title,
                published=row.published,
                cves=list(row.cves),
                exploited=list(row.exploited),
                source=row.source,
            )
            for row in catalogue.tables.campaigns
        ],
        support=[
            SupportMember(
                product=row.product,
                supported=bool(catalogue.in_support(row.product, today)),
                ends=row.ends,
                esu_ends=row.esu_ends,
            )
            for row in catalogue.tables.support
        ],
    )


def newest_builds(catalogue: Catalogue) -> tuple[Release, ...]:
    """For each product, the newest build of every cumulative update for which its newest update was made."""
    found: list[Release] = []
    for product in catalogue.products:
        rows = sorted((row for row in catalogue.releases if row.product == product), key=lambda row: row.build)
        usable = [row for row in rows if row.availability is not Availability.WITHDRAWN]
        newest = {row.cu: row for row in usable}
        last = usable[-1] if usable else None
        found += [row for row in newest.values() if last is not None and row.update == last.update and row.update]
        if last is not None and not last.update:
            found.append(last)
    return tuple(found)


def json_text(found: InfoDocument) -> str:
    """One object, indented, ASCII only."""
    return json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/catalogue-info.json has it."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **InfoDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def lines(found: InfoDocument) -> Iterator[str]:
    """The same for people at a terminal."""
    yield f"Catalogue as of {found.as_of}, {_days(found.age.days)}: {_age(found.age)}"
    yield from _where(found)
    yield ""
    yield "Tables"
    for table in found.tables:
        own = f", with {table.own} own" if table.own else ""
        under = f", under {', '.join(table.licences)}" if table.licences else ""
        yield f"  {table.name:<16} {table.rows:>4} rows{own}{under}"
        yield from (f"  {'':<16} {source}" for source in table.sources)
    yield ""
    yield "Newest builds, of each cumulative update for which the product's newest update was made"
    for each in found.newest:
        kb = " or ".join(each.kbs) or "KB not known"
        got = "" if each.availability is Availability.PUBLIC else f" ({each.availability})"
        name = " ".join(part for part in (each.product, each.cu, each.update) if part)
        yield f"  {name:<24} {each.build:<14} {each.released:<10} {kb}{got}"
    yield ""
    yield "Support"
    for product in found.support:
        yield f"  {product.product:<24} {_support(product, found)}"
    yield ""
    yield "Campaigns: CVEs, with * those that are in CISA's Known Exploited Vulnerabilities"
    for campaign in found.campaigns:
        cves = " ".join(f"{cve}{'*' if cve in campaign.exploited else ''}" for cve in campaign.cves)
        yield f"  {campaign.name:<28} {campaign.published or 'day not known':<10} {campaign.title}"
        if cves:
            yield f"  {'':<28} {cves}"


def _installed(found: InUse) -> InstalledMember | None:
    if found.installed is None:
        return None
    signed = found.installed.signed
    return InstalledMember(
        as_of=found.installed.as_of,
        in_use=found.folder is not None,
        signed=SignedMember(by=signed.by, key=signed.key, taken=signed.taken),
        overrules=found.installed.overrules,
    )


def _newest(release: Release) -> NewestMember:
    return NewestMember(
        product=release.product,
        cu=release.cu,
        update=release.update,
        build=str(release.build),
        released=release.released,
        kbs=list(release.kbs),
        availability=release.availability,
    )


def _days(days: int) -> str:
    if days <= 0:
        return "a day that has not come by this machine's clock" if days else "today"
    return f"{counted(days, 'day')} old"


def _age(age: AgeMember) -> str:
    match age.state:
        case Age.CURRENT:
            return f"current (after {age.aged_after} days an update may be missed)"
        case Age.AGED:
            return f"aged, an update may be missed (after {age.stale_after} days no server is called current)"
        case Age.STALE:
            return f"too old, for more than {age.stale_after} days: no server is called current by it"


def _where(found: InfoDocument) -> Iterator[str]:
    if found.set.kind is SetKind.SHIPPED:
        yield "From the set that this version of exrun ships"
    else:
        yield f"From the installed set in {found.set.folder}"
        if found.set.signed is not None:
            yield from _signed(found.set.signed)
        yield f"  (this version of exrun ships a set of {found.shipped})"
        if found.installed is not None and found.installed.overrules is not None:
            yield f"  TAKEN ALTHOUGH a set of {found.installed.overrules} was in use (--allow-older)"
    if found.installed is not None and not found.installed.in_use:
        yield f"  The installed set is of {found.installed.as_of}, not newer, and so not in use"
        yield from _signed(found.installed.signed)
    if found.own is not None:
        own = sum(table.own for table in found.tables)
        yield f"With {counted(own, 'own row')} of {found.own}, which do not make it newer"


def _signed(signed: SignedMember) -> Iterator[str]:
    yield f"  signed by {signed.by} ({signed.key}), taken {signed.taken:%Y-%m-%d %H:%M} UTC"


def _support(product: SupportMember, found: InfoDocument) -> str:
    if product.ends is None:
        return "supported, no fixed end"
    ended = "supported until" if product.supported else "ended"
    if product.esu_ends is None:
        return f"{ended} {product.ends}"
    paid = "paid updates (ESU) until" if _day(found) <= product.esu_ends else "paid updates (ESU) ended"
    return f"{ended} {product.ends}, {paid} {product.esu_ends}"


def _day(found: InfoDocument) -> date:
    return date.fromordinal(found.as_of.toordinal() + found.age.days)
