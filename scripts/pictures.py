"""Draws each page of a report as Chromium shows it: 1280 and 400 pixels wide, light and dark, and its sheets of paper.

    make pictures                                  # the whole demo first, which takes a minute or two
    python -m scripts.pictures FOLDER [--demo DEMO]

DEMO is what `exrun lab demo --folder DEMO` has left. Its pages are of servers of the lab, whose states lie in
runner/lab/demo: Contoso's audit, Northwind's investigation of March 2021 with the audits before it, its plan and what
became of that. Beside them is an audit of 40 made-up servers (tests/runner/reports/fleets.py).

FOLDER gets the pages, a PNG of each, and PAGE-print.pdf; FOLDER/docs a chosen few as WebP.

Needs Debian's chromium, and pdftoppm (poppler-utils) for the sheets.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from runner.reports.html import HtmlReport
from tests.runner.reports.fleets import fleet

WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")
TALLEST = 9000  # pixels of one picture: beyond 16,384 Chromium draws none
BRAND = 'name: Contoso Ltd\ncolour: "#123a63"\nlogo: logo.png\n'
# What docs/explanation/pages/README.md shows: page, width, scheme and how many pixels from its top.
SHOWN = (
    ("investigate", 1280, "light", 1500),
    ("audit-brand", 1280, "dark", 1300),
    ("audit-brand", 400, "light", 1500),
    ("plan", 1280, "light", 1300),
    ("applied", 1280, "light", 1100),
)


def main() -> None:
    """Makes all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--demo", type=Path)
    asked = parser.parse_args()
    folder: Path = asked.folder
    demo: Path = asked.demo or folder / "demo"
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    if not (demo / "march-2021").is_dir():
        _exrun("lab", "demo", "--folder", str(demo))
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium on PATH: apt-get install chromium")
    pages = dict(_pages(folder, demo))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, path in pages.items():
            _draw(browser, name, path, folder)
        for name, width, scheme, height in SHOWN:
            shown = folder / "docs" / f"{name}-{width}-{scheme}.webp"
            shown.write_bytes(_webp(browser, pages[name], width, height, scheme))
        browser.close()
    for name in pages:
        _sheets(folder / f"{name}-print")


def _pages(folder: Path, demo: Path) -> Iterator[tuple[str, Path]]:
    march = demo / "march-2021"
    runs = sorted(path.name for path in (march / "state" / "northwind" / "runs").iterdir())
    brand = folder / "brand.yml"
    brand.write_text(BRAND, encoding="utf-8")
    (folder / "logo.png").write_bytes(_logo())
    [first, *_] = sorted(path.name for path in (demo / "state" / "contoso" / "runs").iterdir())
    contoso = ("report", first, "--state", str(demo / "state"), "--client", "contoso")
    northwind = ("--state", str(march / "state"))
    asked: Mapping[str, tuple[str, ...]] = {
        "audit": contoso,
        "audit-brand": (*contoso, "--brand", str(brand)),
        "investigate": ("report", runs[-1], *northwind),
        "plan": ("report", str(march / "respond.json"), "--policy", str(march / "policy.northwind.yml")),
        "plan-brand": ("report", str(march / "respond.json"), "--brand", str(brand)),
        "applied": ("report", runs[-2], *northwind),
        "applied-brand": ("report", runs[-2], *northwind, "--brand", str(brand)),
    }
    for name, arguments in asked.items():
        path = folder / f"{name}.html"
        _exrun(*arguments, "--html", "-o", str(path))
        yield name, path
    forty = folder / "forty.html"
    forty.write_text(HtmlReport().render(fleet(40)), encoding="utf-8")
    yield "forty", forty


def _exrun(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "runner.cli.main", *arguments], check=True)


def _draw(browser: Browser, name: str, path: Path, folder: Path) -> None:
    for width in WIDTHS:
        for scheme in SCHEMES:
            page = _opened(browser, path, width, 900, scheme)
            tall = min(int(page.evaluate("document.documentElement.scrollHeight")), TALLEST)
            shown: FloatRect = {"x": 0, "y": 0, "width": width, "height": tall}
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True, clip=shown)
            if width == WIDTHS[0] and scheme == SCHEMES[0]:
                page.pdf(path=folder / f"{name}-print.pdf", prefer_css_page_size=True)
            page.context.close()


def _opened(browser: Browser, path: Path, width: int, height: int, scheme: str) -> Page:
    """A page in a context of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(path.as_uri())
    return page


def _webp(browser: Browser, path: Path, width: int, height: int, scheme: str) -> bytes:
    page = _opened(browser, path, width, height, scheme)
    said = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": 70})
    page.context.close()
    return base64.b64decode(said["data"])


def _sheets(stem: Path) -> None:
    if (drawing := shutil.which("pdftoppm")) is None:
        print(f"no pdftoppm on PATH: {stem}.pdf is not drawn")
        return
    subprocess.run([drawing, "-r", "70", "-png", f"{stem}.pdf", str(stem)], check=True)


def _logo() -> bytes:
    """A white ring of 64 pixels on nothing, as PNG."""
    rows = b"".join(
        b"\0" + b"".join(b"\xff\xff\xff" + (b"\xff" if 18 < _far(x, y) < 30 else b"\0") for x in range(64))
        for y in range(64)
    )
    header = struct.pack(">IIBBBBB", 64, 64, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def _far(x: int, y: int) -> float:
    """From the middle."""
    return float(((x - 31.5) ** 2 + (y - 31.5) ** 2) ** 0.5)


if __name__ == "__main__":
    main()
