"""Where events may go, and that a client's never go where they were not sent by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.forwarding.cursor import cursor_path
from runner.forwarding.destinations import DestinationError, Format, Way, by_client, check_file, destination


@pytest.mark.parametrize(
    ("text", "form", "way", "chosen", "address", "port"),
    [
        ("events.jsonl", None, Way.FILE, Format.ECS, "events.jsonl", 0),
        ("/var/log/a=b.cef", Format.CEF, Way.FILE, Format.CEF, "/var/log/a=b.cef", 0),
        ("syslog://soc", None, Way.UDP, Format.CEF, "syslog://soc", 514),
        ("syslog+tcp://soc:1514", Format.ECS, Way.TCP, Format.ECS, "syslog+tcp://soc:1514", 1514),
        ("syslog+tls://soc", None, Way.TLS, Format.CEF, "syslog+tls://soc", 6514),
        ("syslog+tls://[2001:db8::1]:7", None, Way.TLS, Format.CEF, "syslog+tls://[2001:db8::1]:7", 7),
        ("https://soc/in?index=a", None, Way.HTTP, Format.ECS, "https://soc/in?index=a", 0),
        ("https://soc", Format.OTLP, Way.HTTP, Format.OTLP, "otlp+https://soc/v1/logs", 0),
        ("otlp+https://soc:4318/x", None, Way.HTTP, Format.OTLP, "otlp+https://soc:4318/x", 0),
        ("otlp+http://127.0.0.1:4318", None, Way.HTTP, Format.OTLP, "otlp+http://127.0.0.1:4318/v1/logs", 0),
    ],
)
def test_a_destination_is_what_it_says(
    text: str, form: Format | None, way: Way, chosen: Format, address: str, port: int
) -> None:
    found = destination(text, form)
    assert (found.way, found.format, found.address, found.port) == (way, chosen, address, port)
    assert destination(found.address, chosen) == found  # what is said of it can be typed again


@pytest.mark.parametrize(
    ("text", "form", "why"),
    [
        ("", None, "no destination"),
        ("http://soc/in", None, "read and change"),
        ("otlp+http://10.0.0.1", None, "read and change"),
        ("https://ops:not-a-secret@soc/in", None, "no user and password"),
        ("syslog://ops@soc", None, "no user and password"),
        ("ftp://soc", None, "not known"),
        ("otlp+syslog://soc", None, "not known"),
        ("https://", None, "no host"),
        ("syslog://soc:99999", None, "port"),
        ("syslog://soc:abc", None, "port"),
        ("https://soc", Format.CEF, "does not go there"),
        ("events.jsonl", Format.OTLP, "does not go there"),
        ("otlp+https://soc", Format.ECS, "otlp"),
    ],
)
def test_what_is_none_is_refused_and_no_password_is_repeated(text: str, form: Format | None, why: str) -> None:
    with pytest.raises(DestinationError, match=why) as raised:
        destination(text, form)
    assert "not-a-secret" not in f"{raised.value.what} {raised.value.next}"


def test_one_client_needs_no_name_and_several_need_one_each() -> None:
    assert by_client(["a.jsonl", "https://x/?k=v"], ["alpha"], "--events") == {"alpha": ["a.jsonl", "https://x/?k=v"]}
    assert by_client(["ALPHA=a.jsonl", "beta=a.jsonl"], ["alpha", "beta", "gamma"], "--events") == {
        "alpha": ["a.jsonl"],
        "beta": ["a.jsonl"],
        "gamma": [],
    }
    with pytest.raises(DestinationError, match="has 2 clients"):
        by_client(["a.jsonl"], ["alpha", "beta"], "--events")
    for clients in (["alpha"], ["alpha", "beta"]):
        with pytest.raises(DestinationError, match="no client aplha"):
            by_client(["aplha=a.jsonl"], clients, "--events")


def test_a_file_needs_a_folder(tmp_path: Path) -> None:
    check_file(str(tmp_path / "events.jsonl"))
    for wrong in (tmp_path, tmp_path / "none" / "events.jsonl"):
        with pytest.raises(DestinationError):
            check_file(str(wrong))


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DestinationError, match="a pipe or a socket"):
        check_file(str(tmp_path / "pipe"))


def test_how_far_a_file_was_served_is_not_told_of_its_namesake_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to, found = destination("events.jsonl", None), []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found.append(cursor_path(tmp_path / "journal.jsonl", to))
    assert found[0] != found[1]
