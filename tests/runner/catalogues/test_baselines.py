"""Lists of Exchange's own pages: Microsoft's form of March 2021, and our own, whole or not at all."""

from __future__ import annotations

import pytest

from runner.catalogues.baselines import Page, read_baseline
from runner.catalogues.lists import UnreadListError

A, B = "a" * 64, "b" * 64
LOGON = "FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_microsofts_baselines_are_joined_over_the_builds_of_a_product(encoding: str) -> None:
    text = (
        f"{A.upper()},15.02.0792.003,\\{LOGON}\r\n{A},15.2.858.5,\\{LOGON.upper()}\r\n"
        f"{A},15.1.2176.2,\\{LOGON}\r\n{B},15.2.858.5,{LOGON}\r\n"
    )
    assert read_baseline(text.encode(encoding), "x.csv") == (
        Page(LOGON, A, "15.2.792.3", "15.2.858.5", "2"),
        Page(LOGON, A, "15.1.2176.2", "15.1.2176.2", "1"),
        Page(LOGON, B, "15.2.858.5", "15.2.858.5", "1"),
    )


def test_a_table_with_columns_is_read_in_any_order_of_them() -> None:
    text = f"# from us\nsha256,path,last_build,first_build,licence\n{A},\\{LOGON},15.2.858.5,15.2.792.3,MIT\n"
    assert read_baseline(text.encode(), "x.csv") == (Page(LOGON, A, "15.2.792.3", "15.2.858.5", licence="MIT"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no line that says anything"),
        ("# only\n", "has no line that says anything"),
        (f"{A},15.2.858.5,\\{LOGON}\n{A},15.2,\\{LOGON}\n", "x:2:1: is no line of a baseline"),
        (f"{A},15.2.858.5,\\{LOGON}\n{A[:40]},15.2.858.5,\\{LOGON}\n", "x:2:1: is no line of a baseline"),
        (f"path,sha256\n{LOGON},{A}\n", "it has no column first_build, last_build"),
        (f"path,sha256,first_build,last_build\n{LOGON},{A[:40]},1,2\n", "x:2:1: has no SHA-256"),
        (f"{A}\n", "it has no column path"),
    ],
)
def test_a_line_that_cannot_be_read_refuses_the_list(text: str, said: str) -> None:
    with pytest.raises(UnreadListError) as caught:
        read_baseline(text.encode(), "x")
    assert said in str(caught.value.problem)
