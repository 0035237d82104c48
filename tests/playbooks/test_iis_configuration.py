"""Whatever a server writes into IIS's files: it is read or told, and a planted folder or module is found."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.iis.configuration.assess import MOST, SHOWN, assess
from playbooks.actions.iis.configuration.modules import why_foreign
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, UnknownFact, Verdict
from playbooks.investigating.document import MOST_DEPTH, MOST_ELEMENTS, UnreadableXmlError, read
from playbooks.investigating.places import Server, Standing, comparable, place
from playbooks.observation import Observed
from playbooks.values import Record

EXCHANGE = "C:\\Program Files\\Microsoft\\Exchange Server\\V15"
SERVER = Server(
    {"systemroot": "C:\\Windows", "windir": "C:\\Windows", "systemdrive": "C:", "programdata": "C:\\ProgramData"},
    EXCHANGE,
)
CONFIG = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
CATALOGUE = Catalogue.load()


def judged(text: str) -> Assessment:
    """What is concluded of an applicationHost.config."""
    lines = tuple(text.split("\n"))
    records: list[Record] = [
        {"Kind": "Server", "SystemRoot": "C:\\Windows", "SystemDrive": "C:", "ProgramData": "C:\\ProgramData"},
        {"Kind": "ExchangeSetup", "Present": True, "InstallPath": EXCHANGE},
        {"Kind": "ConfigFile", "Place": CONFIG, "Present": True, "Size": len(text), "Lines": len(lines)},
        {"Kind": "ConfigPiece", "Place": CONFIG, "Number": 0, "Lines": lines},
    ]
    return assess(Observed(tuple(records)), {}, CATALOGUE, date(2026, 11, 28))


def sites(*folders: str) -> str:
    """A configuration with these elements among its virtual directories."""
    held = "\n".join(folders)
    return (
        '<configuration><system.applicationHost><sites><site name="Default Web Site"><application path="/">'
        f"{held}</application></site></sites></system.applicationHost></configuration>"
    )


def test_a_tree_has_names_attributes_and_lines() -> None:
    root = read("<a>\n  <x:b c='1' d=\"&#x5C;\"/><!-- <b/> -->\n  <b enabled='FALSE'/>text</a>")
    first, second = root.named("b")
    assert (first.get("c"), first.get("d"), first.get("e"), first.line) == ("1", "\\", "", 2)
    assert (second.line, second.is_on("enabled"), first.is_on("enabled")) == (3, False, True)
    assert [each.name for each in root.all()] == ["a", "b", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE a><a/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<a>&b;</a>",
        "<a/><a/>",
        "<a b='1' b='2'/>",
        "<a>\0</a>",
        "\0".join("<a/>") + "\0",
        "<?xml version='1.0' encoding='utf-7'?><a/>",
        "<?xml version='1.0' encoding='iso-2022-jp'?><a/>",
        "<a>\ud83d</a>",
        "<a>" * (MOST_DEPTH + 1),
        "<a>" + "<b/>" * MOST_ELEMENTS + "</a>",
    ],
)
def test_what_no_configuration_has_is_refused(text: str) -> None:
    with pytest.raises(UnreadableXmlError):
        read(text)


@given(st.text() | st.text(alphabet="<>/ab='\"!-&;[]?\n "))
def test_any_text_is_read_or_refused_and_never_ok_without_sites(text: str) -> None:
    found = judged(text)
    assert found.verdict is Verdict.UNKNOWN
    assert all(isinstance(found.facts[name], UnknownFact) for name in found.facts if name != "present")


@given(st.text() | st.text(alphabet="abc:\\/.~%? *$1"))
def test_any_path_has_a_standing_and_is_usual_only_in_a_known_folder(path: str) -> None:
    found = place(path, SERVER)
    assert bool(found.why) == (found.standing is not Standing.USUAL)
    if found.standing is Standing.USUAL:
        known = (
            "c:\\inetpub",
            f"{EXCHANGE}\\frontend\\httpproxy",
            f"{EXCHANGE}\\clientaccess",
            "c:\\windows\\system32\\",
        )
        assert comparable(found.path).startswith(tuple(each.casefold() for each in known))


@st.composite
def spellings(draw: st.DrawFn, path: str) -> str:
    """A path as Windows takes for the same: other letters, strokes, dots, ends of names, ways about."""
    drive, *names = path.split("\\")
    parts = []
    for name in names:
        parts += draw(st.sampled_from([[], ["."], ["x", ".."], [""]]))
        spelt = "".join(draw(st.sampled_from([each.lower(), each.upper()])) for each in name)
        parts.append(spelt + draw(st.sampled_from(["", ".", " ", ". ."])))
    stroke = draw(st.sampled_from(["\\", "/"]))
    return stroke.join([draw(st.sampled_from([drive.lower(), drive.upper()])), *parts])


PLANTED = (
    "C:\\ProgramData\\WHO",
    "C:\\ProgramData\\COM",
    "C:\\Users\\All Users",
    "C:\\Users\\Public\\a",
    "C:\\Windows\\Temp",
)


@given(st.sampled_from(PLANTED).flatmap(spellings))
def test_a_place_of_web_shells_is_told_however_it_is_spelt(path: str) -> None:
    assert place(path, SERVER).standing is Standing.HIDDEN


@given(
    st.sampled_from(["FrontEnd\\HttpProxy\\owa", "ClientAccess\\ecp"]).flatmap(
        lambda each: spellings(f"{EXCHANGE}\\{each}")
    )
)
def test_a_folder_of_exchange_is_usual_however_it_is_spelt(path: str) -> None:
    assert place(path, SERVER).standing is Standing.USUAL


@given(spellings("C:\\Windows\\System32\\inetsrv\\static.dll"), st.text(max_size=5))
def test_a_module_is_known_by_its_program(image: str, name: str) -> None:
    assert why_foreign(name, image, SERVER) == ("", False)
    assert why_foreign("StaticFileModule", image.replace("y", "z").replace("Y", "Z"), SERVER)[1]


CLEAN = '<virtualDirectory path="/a" physicalPath="C:\\inetpub\\wwwroot" />'
SHELL = '<virtualDirectory path="/p" physicalPath="C:\\ProgramData\\COM" />'


@given(st.lists(st.sampled_from([CLEAN, f"<!-- {SHELL} -->", "<!-- -->", "\n"]), max_size=20), st.integers(0, 20))
def test_a_planted_folder_is_found_among_others_and_one_in_a_comment_is_not(others: list[str], at: int) -> None:
    assert judged(sites(*others)).verdict is Verdict.OK
    found = judged(sites(*others[:at], SHELL, *others[at:]))
    assert [each.id for each in found.findings] == ["iis.configuration.hidden"]
    assert len(found.findings[0].evidence) == 1


def test_ten_thousand_folders_make_no_more_lines_than_a_report_can_have_and_no_fact_that_is_cut() -> None:
    found = judged(sites(*(SHELL.replace("COM", f"x{number}") for number in range(10_000))))
    assert len(found.findings[0].evidence) == SHOWN + 1
    assert found.findings[0].evidence[-1] == f"and {10_000 - SHOWN} more"
    assert found.facts["web_roots"] == UnknownFact(f"10000 of them, and {MOST} at most are told")


def test_a_path_of_many_turns_is_followed_in_reasonable_steps() -> None:
    assert comparable("C:" + "\\a" * 200_000 + "\\.." * 200_000 + "\\ProgramData") == "c:\\programdata"


def test_a_machine_key_stands_in_no_finding() -> None:
    written = "00112233445566778899AABBCCDDEEFF"
    key = f'<system.web><machineKey validationKey="{written}" decryptionKey="{written}" /></system.web></configuration>'
    found = judged(sites(CLEAN).replace("</configuration>", key))
    assert [each.id for each in found.findings] == ["iis.configuration.static-key"]
    assert written not in repr(found)
