"""The report in a real browser: it is drawn, complains of nothing, asks nobody for anything and fits a phone.

Chromium is looked for on PATH, or named by SEMANTIC_MATTE_CHROMIUM.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semantic_matte.ports import SilentProgress
from semantic_matte.reports.writing import write_report

EVIL = "<img src=https://evil.invalid/label.png><script>document.title='taken'</script>"
# What Chromium itself asks for, however much of it is switched off.
OWN = re.compile(r"https?://([a-z0-9-]+\.)*(google|googleapis|gstatic|chromium)\.(com|org)[/:]")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
    "--no-first-run", "--no-default-browser-check", "--hide-scrollbars", "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
)  # fmt: skip


def find_chromium() -> str | None:
    """The browser that is named, or one on PATH."""
    named = os.environ.get("SEMANTIC_MATTE_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium on PATH, and SEMANTIC_MATTE_CHROMIUM names none"
)


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page: its elements as text, what it wrote on its console, what it asked for."""

    dom: str
    console: list[str]
    asked: set[str]


def browse(folder: Path, page: Path, *options: str) -> Seen:
    """Open a page in a browser with a profile of its own in a folder."""
    log = folder / "network.json"
    done = subprocess.run(
        [
            str(CHROMIUM), *OPTIONS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", *options,
            page.resolve().as_uri(),
        ],
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    asked = {json.loads(f'"{url}"') for url in re.findall(r'"url":"((?:[^"\\]|\\.)*)"', log.read_text("utf-8"))}
    foreign = {url for url in asked if not OWN.match(url) and not url.startswith(("file:", "data:", "chrome"))}
    return Seen(done.stdout, console, foreign)


@pytest.fixture(scope="module")
def report_page(tmp_path_factory: pytest.TempPathFactory, write_evil_shot: Callable[[Path, str], None]) -> Path:
    """The report of a shot of twenty frames, whose names would like to be markup."""
    folder = tmp_path_factory.mktemp("report")
    write_evil_shot(folder, EVIL)
    write_report(folder, folder / "report.html", SilentProgress())
    return folder / "report.html"


def test_a_page_that_asks_and_complains_is_found_out(tmp_path: Path) -> None:
    """What the other tests look for would be seen."""
    page = tmp_path / "page.html"
    page.write_text(
        "<!DOCTYPE html><img src='https://evil.invalid/x.png'><script>console.error('oh')</script>", "utf-8"
    )
    seen = browse(tmp_path, page, "--dump-dom")
    assert seen.asked == {"https://evil.invalid/x.png"}
    assert len(seen.console) == 1


def test_the_page_is_whole_quiet_and_alone(report_page: Path, tmp_path: Path) -> None:
    seen = browse(tmp_path, report_page, "--dump-dom")
    assert seen.console == []
    assert seen.asked == set()
    assert "<title>taken</title>" not in seen.dom
    assert "<script" not in seen.dom
    for said in (
        "sm_dog_01",
        "sm_ball_01",
        html.escape(EVIL, quote=False),
        "Flicker",
        "There is no result of it.",
    ):
        assert said in seen.dom
    assert seen.dom.count("<svg") >= 4


def test_the_policy_stops_what_gets_into_the_page_all_the_same(report_page: Path, tmp_path: Path) -> None:
    """A second wall: were a text ever not escaped, nothing is loaded and nothing runs."""
    text = report_page.read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(text.replace("<main>", f"<main>{EVIL}<p style='color: red'>x</p>", 1), encoding="utf-8")
    seen = browse(tmp_path, page, "--dump-dom")
    assert seen.asked == set()
    assert "<title>taken</title>" not in seen.dom
    # The picture, the script and the style.
    assert len([line for line in seen.console if "Content Security Policy" in line]) == 3


def test_the_page_is_drawn_in_light_and_dark(report_page: Path, tmp_path: Path) -> None:
    grounds = []
    for name, scheme in (("light", 1), ("dark", 0)):
        place = tmp_path / f"{name}.png"
        scheme_option = f"--blink-settings=preferredColorScheme={scheme}"
        browse(tmp_path, report_page, f"--screenshot={place}", "--window-size=1280,2400", scheme_option)
        with Image.open(place) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        assert pixels.shape == (2400, 1280, 3)
        grounds.append(int(pixels[4, 4].sum()))
        # Text, the contact sheet, and lines in the objects' colours.
        assert len(np.unique(pixels @ np.array([65536, 256, 1]))) > 500
        assert (np.abs(pixels - pixels[4, 4]).sum(axis=2) > 60).mean() > 0.05
    assert grounds[0] == 3 * 255
    assert grounds[1] < 100


def test_the_page_fits_a_phone(report_page: Path, tmp_path: Path) -> None:
    """Nothing but plots and tables, which scroll by themselves, is wider than 400 pixels."""
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"""<!DOCTYPE html><iframe id="page" width="400" height="800" src="{report_page.as_uri()}"></iframe>
        <script>page.onload = () => {{
          const whole = page.contentDocument.documentElement;
          const pictures = [...page.contentDocument.images].map(
            one => one.naturalWidth + "/" + one.clientWidth
          );
          document.body.dataset.seen = [whole.clientWidth, whole.scrollWidth, ...pictures].join(" ");
        }}</script>""",
        encoding="utf-8",
    )
    seen = browse(tmp_path, frame, "--allow-file-access-from-files", "--dump-dom")
    width, scrolled, picture = re.search(r'data-seen="(\d+) (\d+) (\S+)"', seen.dom).groups()
    assert 380 <= int(width) <= 400
    assert scrolled == width
    natural, shown = map(int, picture.split("/"))
    assert natural >= 1280
    assert 300 < shown < int(width)


def test_the_page_prints(report_page: Path, tmp_path: Path) -> None:
    place = tmp_path / "page.pdf"
    seen = browse(tmp_path, report_page, f"--print-to-pdf={place}", "--no-pdf-header-footer")
    assert seen.console == []
    assert place.read_bytes().startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", place.read_bytes()))
    assert 2 <= pages <= 8
