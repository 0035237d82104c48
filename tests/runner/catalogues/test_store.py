"""A newer set of tables is taken only from somebody trusted, whole and sound, and is verified again by every load."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.catalogue import sets
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Known
from playbooks.catalogue.origin import SetKind
from playbooks.errors import CatalogueError
from runner.catalogues import store
from runner.catalogues.store import RefusedError, in_use, install, load, reset
from runner.disk import try_lock
from runner.journal.location import run_directory
from runner.signatures.errors import NotTrustedError, SignatureError
from tests.runner.catalogues.signed_sets import NEWER_ROW, signed_set, trusting
from tests.runner.signatures.keyring import ed25519

SHIPPED = Catalogue.load()
LATER = SHIPPED.as_of + timedelta(days=20)
NOW = datetime(LATER.year, LATER.month, LATER.day, 12, tzinfo=UTC) + timedelta(days=1)
KEY, OTHER = ed25519(), ed25519()
TRUSTED = trusting(f"ops@alpha.example {KEY.line}")
DECEMBER = Build.parse("15.2.2562.99")


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    return signed_set(tmp_path / "newer", KEY, LATER, more=NEWER_ROW)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / ".exrun"


def knows_december(state: Path) -> bool:
    return isinstance(load(state).identify(DECEMBER), Known)


def test_without_an_installed_set_the_shipped_one_judges(state: Path) -> None:
    assert load(state) == SHIPPED
    assert not state.exists()


def test_a_newer_signed_set_judges_from_then_on_and_says_who_signed_it(newer: Path, state: Path) -> None:
    installed = install(newer, state, TRUSTED, now=NOW)
    found = in_use(state)
    assert (found.catalogue.as_of, found.shipped, found.installed) == (LATER, SHIPPED.as_of, installed)
    assert found.catalogue.origin.kind is SetKind.INSTALLED
    signed = found.catalogue.origin.signed
    assert signed is not None
    assert (signed.by, signed.key, signed.taken) == ("ops@alpha.example", KEY.public.fingerprint, NOW)
    assert knows_december(state)


def test_own_rows_stand_beside_an_installed_set(newer: Path, state: Path, tmp_path: Path) -> None:
    install(newer, state, TRUSTED, now=NOW)
    own = tmp_path / "own"
    own.mkdir()
    rows = "campaign,product,cu,min_build,cves\ndec,SE,RTM,15.2.2562.99,CVE-2026-99001\n"
    (own / "minimum-builds.csv").write_text(rows)
    assert "dec" in load(state, own).campaigns
    assert load(state, own).as_of == LATER
    reset(state)
    with pytest.raises(CatalogueError, match=r"own/minimum-builds.csv:2:12: min_build: no release of SE RTM has"):
        load(state, own)


def test_reset_goes_back_to_the_shipped_set_whatever_the_installed_one_is_like(newer: Path, state: Path) -> None:
    assert reset(state) is False
    install(newer, state, TRUSTED, now=NOW)
    (state / "catalogue" / "current.json").write_text("damaged")
    assert reset(state) is True
    assert load(state) == SHIPPED


# What is not taken


def refused(source: Path, state: Path, *lines: str, now: datetime = NOW, principal: str | None = None) -> str:
    with pytest.raises(NotTrustedError) as raised:
        install(source, state, trusting(*lines), now=now, principal=principal)
    assert not state.exists()
    return raised.value.what


def test_a_set_that_nobody_trusted_signed_is_refused(newer: Path, state: Path) -> None:
    assert "which allowed_signers does not have" in refused(newer, state, f"ops {OTHER.line}")
    assert "may sign for git" in refused(newer, state, f'ops namespaces="git" {KEY.line}')
    assert "might sign only until" in refused(newer, state, f'ops valid-before="20200101Z" {KEY.line}')
    assert "may sign only from" in refused(newer, state, f'ops valid-after="20300101Z" {KEY.line}')
    assert "not of eve" in refused(newer, state, f"ops {KEY.line}", principal="eve")


def test_a_signature_for_another_purpose_is_refused(state: Path, tmp_path: Path) -> None:
    other = signed_set(tmp_path / "other", KEY, LATER, namespace="git")
    assert "made for 'git'" in refused(other, state, f"ops {KEY.line}")


def test_a_set_that_is_not_newer_is_refused_and_can_be_insisted_on(newer: Path, state: Path, tmp_path: Path) -> None:
    install(newer, state, TRUSTED, now=NOW)
    older = signed_set(tmp_path / "older", KEY, LATER - timedelta(days=1), more=NEWER_ROW)
    for source in (newer, older):
        with pytest.raises(RefusedError, match=f"in use of {LATER}: it is not newer"):
            install(source, state, TRUSTED, now=NOW)
    install(older, state, TRUSTED, now=NOW, allow_older=True)
    assert load(state).as_of == LATER - timedelta(days=1)


def test_a_set_older_than_the_shipped_one_counts_only_where_somebody_insisted(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = signed_set(tmp_path / "old", KEY, SHIPPED.as_of - timedelta(days=1))
    with pytest.raises(RefusedError, match="it is not newer"):
        install(old, state, TRUSTED, now=NOW)
    installed = install(old, state, TRUSTED, now=NOW, allow_older=True)
    assert load(state).as_of == SHIPPED.as_of - timedelta(days=1)
    # A later version of exrun ships a set that nobody had seen when the older one was insisted on.
    shipped = store.shipped_set()
    later = shipped.manifest.model_copy(update={"as_of": SHIPPED.as_of + timedelta(days=30)})
    monkeypatch.setattr(store, "shipped_set", lambda: replace(shipped, manifest=later))
    found = in_use(state)
    assert (found.catalogue.as_of, found.folder, found.installed) == (later.as_of, None, installed)


def test_a_shipped_set_that_is_newer_than_the_installed_one_judges(
    newer: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(newer, state, TRUSTED, now=NOW)
    shipped = store.shipped_set()
    later = shipped.manifest.model_copy(update={"as_of": LATER + timedelta(days=1)})
    monkeypatch.setattr(store, "shipped_set", lambda: replace(shipped, manifest=later))
    found = in_use(state)
    assert (found.catalogue.as_of, found.catalogue.origin.kind) == (later.as_of, SetKind.SHIPPED)


def test_a_set_of_a_day_that_has_not_come_is_refused(newer: Path, state: Path) -> None:
    with pytest.raises(RefusedError, match="a day that has not come"):
        install(newer, state, TRUSTED, now=NOW - timedelta(days=4))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "notes.txt").write_text("x"), "notes.txt:1:1: is no file of a set"),
        (lambda folder: (folder / "support.csv").unlink(), "support.csv:1:1: is not there"),
        (lambda folder: (folder / "catalogue.json.sig").unlink(), "catalogue.json.sig:1:1: is not there"),
        (lambda folder: (folder / "builds.csv").write_bytes(b"#" * (1 << 23)), "builds.csv:1:1: is larger than 4 MiB"),
        (lambda folder: (folder / "sub").mkdir(), "sub:1:1: is no file of a set"),
    ],
    ids=["extra", "missing", "unsigned", "oversized", "folder"],
)
def test_a_folder_that_is_not_exactly_a_set_is_refused(
    newer: Path, state: Path, harm: Callable[[Path], object], said: str
) -> None:
    harm(newer)
    with pytest.raises(CatalogueError, match=said.replace(".", r"\.")):
        install(newer, state, TRUSTED, now=NOW)
    assert not state.exists()


def test_a_link_in_place_of_a_file_is_refused(newer: Path, state: Path, tmp_path: Path) -> None:
    shutil.move(newer / "builds.csv", tmp_path / "builds.csv")
    (newer / "builds.csv").symlink_to(tmp_path / "builds.csv")
    with pytest.raises(CatalogueError, match=r"builds\.csv:1:1: is a link"):
        install(newer, state, TRUSTED, now=NOW)


def test_a_link_is_seen_where_the_system_cannot_refuse_to_follow_one(
    newer: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "_flag", lambda name: 0)  # as on Windows
    shutil.move(newer / "builds.csv", tmp_path / "builds.csv")
    (newer / "builds.csv").symlink_to(tmp_path / "builds.csv")
    with pytest.raises(CatalogueError, match=r"builds\.csv:1:1: is not a plain file"):
        install(newer, state, TRUSTED, now=NOW)


def test_a_signed_set_with_an_unsound_row_is_refused(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody trusted can be mistaken too: what they sign is read as closely as anything else."""
    source = signed_set(tmp_path / "wrong", KEY, LATER)
    wrong = (source / "support.csv").read_text() + "SE,2035-12-31,,twice\n"
    (source / "support.csv").write_text(wrong)
    manifest = (source / "catalogue.json").read_text()
    members = json.loads(manifest)
    members["tables"]["support"]["sha256"] = hashlib.sha256(wrong.encode()).hexdigest()
    members["tables"]["support"]["rows"] += 1
    text = json.dumps(members).encode()
    (source / "catalogue.json").write_bytes(text)
    (source / "catalogue.json.sig").write_bytes(KEY.sign(text, store.NAMESPACE))
    with pytest.raises(CatalogueError, match=r"support\.csv:\d+:1: stands here a second time"):
        install(source, state, TRUSTED, now=NOW)


# Tampering


FILES = ["catalogue.json", "catalogue.json.sig", "builds.csv", "campaigns.csv", "minimum-builds.csv", "support.csv"]


@pytest.fixture(scope="module")
def tampered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a set `set`, and a state directory `state` in which it is installed."""
    folder = tmp_path_factory.mktemp("tampered")
    install(signed_set(folder / "set", KEY, LATER, more=NEWER_ROW), folder / "state", TRUSTED, now=NOW)
    return folder


@contextlib.contextmanager
def flipped(path: Path, data: st.DataObject) -> Iterator[None]:
    """One byte of a file is another, for a moment."""
    before = path.read_bytes()
    content = bytearray(before)
    place = data.draw(st.integers(min_value=0, max_value=len(content) - 1))
    content[place] ^= data.draw(st.integers(min_value=1, max_value=255))
    path.write_bytes(bytes(content))
    try:
        yield
    finally:
        path.write_bytes(before)


@given(data=st.data())
@settings(max_examples=150)
def test_a_set_with_any_byte_of_any_file_changed_is_refused(tampered: Path, data: st.DataObject) -> None:
    state = tampered / "never"
    name = data.draw(st.sampled_from(FILES))
    with flipped(tampered / "set" / name, data), pytest.raises((CatalogueError, SignatureError)):
        install(tampered / "set", state, TRUSTED, now=NOW)
    assert not state.exists()


@given(data=st.data())
@settings(max_examples=150)
def test_an_installed_set_with_any_byte_changed_is_an_error_and_never_the_shipped_one(
    tampered: Path, data: st.DataObject
) -> None:
    (installed,) = (tampered / "state" / "catalogue" / "sets").iterdir()
    with flipped(installed / data.draw(st.sampled_from(FILES)), data), pytest.raises(CatalogueError) as raised:
        load(tampered / "state")
    assert "`exrun catalogue reset`" in str(raised.value)


@given(data=st.data())
@settings(max_examples=100)
def test_a_changed_record_of_what_is_installed_never_makes_another_set_judge(
    tampered: Path, data: st.DataObject
) -> None:
    record = tampered / "state" / "catalogue" / "current.json"
    with flipped(record, data), contextlib.suppress(CatalogueError):
        assert load(tampered / "state").as_of == LATER


def test_a_record_with_another_day_is_an_error_and_not_a_way_back_to_the_shipped_set(newer: Path, state: Path) -> None:
    install(newer, state, TRUSTED, now=NOW)
    record = state / "catalogue" / "current.json"
    record.write_text(record.read_text().replace(str(LATER), "2016-01-01"))
    with pytest.raises(CatalogueError, match=r"current\.json:1:1: as_of: is not the day of the set"):
        load(state)


@pytest.mark.parametrize("name", FILES)
def test_an_installed_set_that_lacks_a_file_is_an_error(newer: Path, state: Path, name: str) -> None:
    installed = install(newer, state, TRUSTED, now=NOW)
    (state / "catalogue" / "sets" / installed.sha256 / name).unlink()
    with pytest.raises(CatalogueError, match=r"is not there; take the set again with `exrun catalogue update`"):
        load(state)


def test_an_installed_set_put_in_place_of_another_by_another_key_is_an_error(
    newer: Path, state: Path, tmp_path: Path
) -> None:
    installed = install(newer, state, TRUSTED, now=NOW)
    folder = state / "catalogue" / "sets" / installed.sha256
    shutil.rmtree(folder)
    signed_set(folder, OTHER, LATER)
    with pytest.raises(CatalogueError, match="is of another key than the one that was trusted"):
        load(state)
    shutil.rmtree(folder)
    signed_set(folder, KEY, LATER)
    with pytest.raises(CatalogueError, match="is of another set"):
        load(state)


def test_a_damaged_set_can_be_replaced_by_the_same_one_and_by_a_newer(newer: Path, state: Path, tmp_path: Path) -> None:
    installed = install(newer, state, TRUSTED, now=NOW)
    (state / "catalogue" / "sets" / installed.sha256 / "builds.csv").write_text("")
    install(newer, state, TRUSTED, now=NOW, allow_older=True)
    assert knows_december(state)
    (state / "catalogue" / "current.json").write_text("{}")
    with pytest.raises(CatalogueError, match=r"current\.json:1:1: is not what exrun wrote there"):
        load(state)
    install(signed_set(tmp_path / "next", KEY, LATER + timedelta(days=1)), state, TRUSTED, now=NOW)
    assert load(state).as_of == LATER + timedelta(days=1)


# An update that is cut off


class Killed(BaseException):
    """What ends the process at a step of an update."""


STEPS = ("_write", "_synced", "_replace", "_prune")


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("step", STEPS)
def test_an_update_that_is_cut_off_anywhere_leaves_one_whole_set(
    step: str, first: bool, newer: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each call of each step in turn, until one is not reached any more."""
    next_one = signed_set(tmp_path / "next", KEY, LATER + timedelta(days=1), more=NEWER_ROW)
    real = getattr(store, step)
    reached = 0
    while True:
        shutil.rmtree(state, ignore_errors=True)
        if not first:
            install(newer, state, TRUSTED, now=NOW)
        calls = iter(range(1000))

        def cut(*arguments: object, at: int = reached, calls: Iterator[int] = calls) -> None:
            if next(calls) == at:
                raise Killed
            real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(store, step, cut)
            try:
                install(next_one, state, TRUSTED, now=NOW)
                break
            except Killed:
                pass
        before = SHIPPED.as_of if first else LATER
        assert load(state).as_of in (before, LATER + timedelta(days=1))
        if load(state).as_of == before:  # and the same update goes through afterwards
            install(next_one, state, TRUSTED, now=NOW)
        assert load(state).as_of == LATER + timedelta(days=1)
        reached += 1
    assert reached > 0


def test_a_run_that_has_just_begun_still_finds_the_set_before(newer: Path, state: Path, tmp_path: Path) -> None:
    first = install(newer, state, TRUSTED, now=NOW)
    days = [LATER + timedelta(days=number) for number in (1, 2)]
    second, third = (
        install(signed_set(tmp_path / str(day), KEY, day), state, TRUSTED, now=NOW + timedelta(days=2)) for day in days
    )
    kept = {folder.name for folder in (state / "catalogue" / "sets").iterdir()}
    assert kept == {second.sha256, third.sha256}
    assert first.sha256 not in kept


def test_two_updates_at_a_time_are_refused(newer: Path, state: Path) -> None:
    install(newer, state, TRUSTED, now=NOW)
    with (state / "catalogue" / "lock").open() as held:
        assert try_lock(held.fileno())
        with pytest.raises(RefusedError, match="another exrun is changing the catalogue"):
            install(newer, state, TRUSTED, now=NOW, allow_older=True)
        with pytest.raises(RefusedError, match="another exrun is changing the catalogue"):
            reset(state)


def test_what_is_installed_is_for_its_owner_alone(newer: Path, state: Path) -> None:
    install(newer, state, TRUSTED, now=NOW)
    for path in (state / "catalogue").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_link_in_place_of_the_folder_is_refused(newer: Path, state: Path, tmp_path: Path) -> None:
    state.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (state / "catalogue").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="cannot be used"):
        install(newer, state, TRUSTED, now=NOW)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_client_called_catalogue_has_its_runs_beside_the_sets(newer: Path, state: Path) -> None:
    run = run_directory(state, "catalogue", "r1")
    run.mkdir(parents=True)
    install(newer, state, TRUSTED, now=NOW)
    reset(state)
    assert run.is_dir()
    assert load(state) == SHIPPED
