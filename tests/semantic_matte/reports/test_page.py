"""The report's page: what it says, what it leads with, and that nothing in a folder can get out of its text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

from semantic_matte.cli_report import report
from semantic_matte.errors import OutputError, UsageError
from semantic_matte.outputs.contact_sheet import write_contact_sheet
from semantic_matte.outputs.sidecar import describe, file_record, write_json
from semantic_matte.ports import SilentProgress
from semantic_matte.reports.contents import read_contents
from semantic_matte.reports.embedded_pictures import PictureBudget
from semantic_matte.reports.findings import findings
from semantic_matte.reports.tables import control_text
from semantic_matte.reports.writing import write_report
from semantic_matte.settings import Settings
from semantic_matte.shots.tracks_model import TracksRecord, canonical, made
from semantic_matte.types import Plate

MakeShot = Callable[..., Any]

EVIL = "\"'><script>alert(1)<img src=x onerror=alert(2)>&amp;</style>"
WITHOUT_END = {"meta", "img", "br"}


class Page(HTMLParser):
    """A page as a parser has it: tags in balance, their attributes, the text of each table's rows."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in WITHOUT_END:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def values(self, tag: str, name: str) -> list[str]:
        return [value or "" for own, key, value in self.attributes if (own, key) == (tag, name)]


def page_of(folder: Path) -> tuple[str, Page]:
    write_report(folder, folder / "report.html", SilentProgress())
    text = (folder / "report.html").read_text(encoding="utf-8")
    return text, Page(text)


def write_still(folder: Path, name: str = "still", **changes: Any) -> None:
    """A single picture's results: a contact sheet and a sidecar."""
    plate = Plate(np.full((36, 64, 3), 0.2, np.float32), name)
    settings = Settings(**changes)
    write_contact_sheet(folder / f"{name}.contact.png", plate, [])
    files = [file_record("contact", folder / f"{name}.contact.png")]
    write_json(folder / f"{name}.matte.json", describe(plate, [], settings, [], "cpu", [], files=files))


def test_the_page_leads_with_failures_and_then_the_worst_frames(shot) -> None:
    shot.write(
        [number for number in range(1001, 1021) if number != 1015],
        flicker=lambda slot, number: 0.4 if (slot, number) == ("sm_ball_01", 1007) else 0.01,
        spread=lambda slot, number: 0.3 if (slot, number) == ("sm_dog_01", 1011) else 0.02,
        radius=lambda slot, number: 4.0 if (slot, number) == ("sm_dog_01", 1018) else 8.0,
    )
    shot.collect(range(1001, 1021), cuts=[1018])
    contents = read_contents(shot.folder)
    rows = [(one.kind, one.frames, one.slot) for one in findings(contents)]
    # The step in area at 1018 is that of a cut.
    assert rows == [
        ("no result", "1015", ""),
        ("flicker", "1007", "sm_ball_01"),
        ("spread", "1011", "sm_dog_01"),
        ("area", "1019", "sm_dog_01"),
    ]
    text, page = page_of(shot.folder)
    assert page.rows[1][:4] == ["shot", "1015", "no result", ""]
    assert page.rows[2][:5] == ["shot", "1007", "flicker", "sm_ball_01", "0.4000"]
    assert "40.0% on average, 40.0 times its median" in page.rows[2][5]
    assert text.index("Look at these first") < text.index("Contact sheet of shot")
    assert "1 shot of 20 frames; 1 without a result that can be used." in page.text
    marks = re.findall(r'class="mark">(\d+)<', text)
    assert marks[:1] == ["1007"]
    assert "1011" in marks
    assert page.values("img", "src")[0].startswith("data:image/jpeg;base64,")
    assert ["dog", "1001-1014, 1016-1020"] in [row[1:3] for row in page.rows]
    assert ["Passes", "2", "4", "passes", "passes"] in page.rows
    assert any(row[:2] == ["starter", "Apache-2.0"] and row[3] == "a" * 64 for row in page.rows)
    assert ["New scenes", "1018"] in page.rows


def test_a_shot_in_which_nothing_stands_out(shot) -> None:
    shot.write([1, 2], flicker=lambda slot, number: None, spread=lambda slot, number: 0.0)
    shot.collect([1, 2])
    _, page = page_of(shot.folder)
    assert "Every frame has a result, and none stands out." in page.text
    assert "Flicker is not told for this shot." in page.text


def test_a_shot_that_grows_says_by_how_much(shot) -> None:
    shot.write([1, 2, 3], radius=lambda slot, number: 9.0 if number == 2 else 6.0)
    shot.collect([1, 2, 3])
    said = {(one.frames, one.said) for one in findings(read_contents(shot.folder)) if one.kind == "area"}
    sidecars = [json.loads(shot.path("matte", number, "json").read_text(encoding="utf-8")) for number in (1, 2)]
    small, large = (sidecar["slots"][0]["alpha_area"] for sidecar in sidecars)
    grown, shrunk = (large - small) / small, (large - small) / large
    assert grown > 1.1
    assert ("2", f"It is {grown:.0%} larger than in the frame before. Also in this frame: sm_ball_01.") in said
    assert (
        "3",
        f"It is {shrunk:.0%} smaller than in the frame before. Also in this frame: sm_ball_01.",
    ) in said
    assert len(said) == 2


def test_a_shot_that_is_not_collected_yet_is_told_from_its_frames(shot) -> None:
    shot.write([1, 2, 4])
    _, page = page_of(shot.folder)
    assert "This shot was not collected yet" in page.text
    assert "Frames 1, 2, 4: 3 of 3 whole, 2 objects, 64 x 36 pixels." in page.text
    assert "Only frames that have a result are counted here" in page.text
    assert ["New scenes", "not known"] in page.rows


def test_tracks_say_which_frames_a_shot_has_that_is_not_collected_yet(shot) -> None:
    tracks = TracksRecord(
        schema=1, shot="shot", size=(64, 36), cuts=(3,), key=None, settings_hash="0" * 64, tracker="overlap",
        notices=(), frames="1-5", edits=(), edit_notices=(), tracks=(), checksum="0" * 64,
    )  # fmt: skip
    place = shot.folder / "shot.tracks.json"
    place.write_text(canonical(made(tracks)), encoding="utf-8")
    _, page = page_of(shot.folder)
    assert "Frames 1, 2, 3, 4, 5" not in page.text
    assert "Frames 1-5: 0 of 5 whole, 0 objects." in page.text
    shot.write([1, 2, 4])
    _, page = page_of(shot.folder)
    assert "This shot was not collected yet." in page.text
    assert "Only frames that have a result" not in page.text
    assert ["3, 5", "missing", "2", "There is no result of it."] in page.rows
    assert ["New scenes", "3"] in page.rows
    place.write_text("{", encoding="utf-8")
    assert read_contents(shot.folder).shots[0].survey.frames == (1, 2, 4)


def test_the_record_says_which_frames_there_are_and_the_folder_what_became_of_them(shot) -> None:
    shot.write([1, 2, 5])
    shot.collect([1, 2, 3, 4, 5, 6], skipped={3: "No plate."}, reasons={4: "It failed.", 6: "It failed too."})
    # Done since.
    shot.write([6])
    shot.path("mattes", 2, "exr").unlink()
    survey = read_contents(shot.folder).shots[0].survey
    assert survey.whole == (1, 5, 6)
    said = [(one.frame, one.state, one.reason) for one in survey.problems]
    assert said == [
        (2, "failed", "'shot.mattes.0002.exr' is missing: matte this frame again."),
        (3, "skipped", "No plate."),
        (4, "failed", "It failed."),
    ]


def test_a_sheet_that_is_not_the_records_is_not_shown(shot) -> None:
    shot.write([1])
    shot.collect([1])
    sheet = shot.folder / "shot.contact.png"
    sheet.write_bytes(sheet.read_bytes() + b"more")
    _, page = page_of(shot.folder)
    assert "img" not in page.tags
    assert "There is no contact sheet." in page.text


def test_shots_stills_and_frames_that_were_not_tied_stand_side_by_side(make_shot: MakeShot) -> None:
    shot = make_shot()
    shot.write([1, 2])
    make_shot(name="alone", settings=Settings(track=False)).write([7, 8])
    write_still(shot.folder, passes=3)
    shot.collect([1, 2])
    contents = read_contents(shot.folder)
    assert [one.survey.shot for one in contents.shots] == ["shot"]
    assert [one.name for one in contents.stills] == ["alone 7", "alone 8", "still"]
    shot.path("mattes", 1, "exr").with_name("alone.mattes.0008.exr").unlink()
    (shot.folder / "broken.matte.json").write_text("{}", encoding="utf-8")
    _, page = page_of(shot.folder)
    assert "1 shot of 2 frames and 4 single pictures; 2 without a result that can be used." in page.text
    assert "'broken.matte.json' is damaged, or of another version" in page.text
    assert "'alone.mattes.0008.exr' is missing" in page.text
    targets = {f"#{value}" for tag in ("section", "nav") for value in page.values(tag, "id")}
    assert set(page.values("a", "href")) <= targets
    assert len(set(page.values("section", "id"))) == len(page.values("section", "id")) == 6


def test_whatever_names_and_texts_hold_stays_text(make_shot: MakeShot) -> None:
    name = EVIL.replace("/", "|")
    models = [{"name": EVIL, "licence": EVIL, "sha256": "b" * 64, "origin": EVIL}]
    shot = make_shot(name=name, slots=(("sm_dog_01", EVIL),), settings=Settings(find=[EVIL], png=True))
    shot.write([1, 2, 4], notices={2: [EVIL]}, models=models)
    shot.collect([1, 2, 3, 4], reasons={3: EVIL}, notices=[EVIL])
    write_still(shot.folder, name + "2", find=[EVIL])
    text, page = page_of(shot.folder)
    assert "script" not in page.tags
    assert page.tags.count("style") == 1
    names = {key for _, key, _ in page.attributes}
    assert not {key for key in names if key.startswith("on")}
    assert names <= {
        "alt", "aria-hidden", "aria-label", "charset", "class", "content", "cx", "cy", "d", "height", "href",
        "http-equiv", "id", "lang", "loading", "name", "r", "role", "scope", "src", "viewbox", "width", "x",
        "x1", "x2", "y", "y1", "y2",
    }  # fmt: skip
    assert all(value.startswith("data:image/jpeg;base64,") for value in page.values("img", "src"))
    assert all(re.fullmatch(r"#section-\d+", value) for value in page.values("a", "href"))
    # And it can be read, everywhere where it is said.
    assert page.text.count(EVIL) >= 9
    assert page.text.count(name) >= 4
    assert "http:" not in text.replace("http-equiv", "")
    assert "https:" not in text


def test_the_policy_allows_just_the_style_and_pictures_in_the_page(shot) -> None:
    shot.write([1])
    text, page = page_of(shot.folder)
    (policy,) = [value for value in page.values("meta", "content") if "default-src" in value]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_results_give_the_same_page_wherever_they_lie(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot()
    shot.write([1, 2])
    shot.collect([1, 2])
    first, _ = page_of(shot.folder)
    # A report that lies there already changes nothing.
    again, _ = page_of(shot.folder)
    (tmp_path / "far").mkdir()
    shutil.copytree(shot.folder, tmp_path / "far" / shot.folder.name)
    far, _ = page_of(tmp_path / "far" / shot.folder.name)
    assert first == again == far


def test_controls_that_differ_stand_first_and_equal_ones_do_not(shot) -> None:
    shot.write([1])
    _, page = page_of(shot.folder)
    heads = [index for index, row in enumerate(page.rows) if row[:1] == ["Control"]]
    assert page.rows[heads[0]] == ["Control", "Value", "Default", "Unit", "Name"]
    assert heads[1] - heads[0] == 2
    assert len(Settings.model_fields) == len(
        [row for row in page.rows[heads[0] :] if row[-1:] and row[-1] in Settings.model_fields]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "on"), (False, "off"), (("a", "b"), "a, b"), ([], "none"), (0.35, "0.35"), (4, "4")],
)
def test_controls_as_an_artist_writes_them(value: object, text: str) -> None:
    assert control_text(value) == text


def test_pictures_that_are_none_or_too_many_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "page.png").write_text("<svg onload=alert(1)>", encoding="utf-8")
    write_still(tmp_path)
    sheet = tmp_path / "still.contact.png"
    (tmp_path / "cut.png").write_bytes(sheet.read_bytes()[:2000])
    # A decoder that nobody needs here is not offered what may be anything.
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png", format="BMP")
    budget = PictureBudget()
    assert budget.embed(tmp_path / "other.png") is None
    assert budget.embed(tmp_path / "no.png") is None
    assert budget.embed(tmp_path / "page.png") is None
    assert budget.embed(tmp_path / "cut.png") is None
    embedded = budget.embed(sheet)
    assert embedded is not None
    assert embedded.size[0] <= 1600
    small = PictureBudget(left=100)
    assert small.embed(sheet) is None
    assert (budget.left_out, small.left_out) == (
        ["other.png", "no.png", "page.png", "cut.png"],
        ["still.contact.png"],
    )


def test_a_folder_without_results_or_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There are no results in"):
        read_contents(tmp_path)
    with pytest.raises(OutputError, match="expected a folder of results"):
        read_contents(tmp_path / "nowhere")


@pytest.fixture
def command() -> Callable[..., Any]:
    app = Typer()
    app.command()(report)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_names_the_frames_and_the_page(shot, command, tmp_path: Path) -> None:
    shot.write([1, 2], flicker=lambda slot, number: 0.2)
    shot.collect([1, 2, 3])
    done = command(shot.folder, "-o", tmp_path / "new" / "page.html")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "shot: 3 no result. There is no result of it."
    assert lines[1].startswith("shot: 1 sm_dog_01 flicker.")
    assert lines[-1] == str(tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").is_file()
    done = command(shot.folder, "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "result"
    assert last["report"] == str(shot.folder / "report.html")
    assert last["shots"] == ["shot"]
    assert last["look_at"][0] == {
        "where": "shot", "frames": "3", "kind": "no result", "slot": "", "value": "missing",
        "why": "There is no result of it.",
    }  # fmt: skip


def test_the_command_ends_with_the_right_code(command, tmp_path: Path) -> None:
    assert command(tmp_path).exit_code == 2
    assert command(tmp_path / "nowhere").exit_code == 1
