"""The contact sheet of a shot: any number of frames and objects, and colours that mean what the key says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semantic_matte.errors import OutputError
from semantic_matte.outputs.sheet_pictures import object_colour
from semantic_matte.outputs.sheet_style import MARGIN
from semantic_matte.outputs.sheet_timeline import MOST_ROWS, WRONG, Timeline, TimelineRow
from semantic_matte.outputs.shot_sheet import (
    SheetFrame,
    SheetShot,
    draw_shot_sheet,
    spread_frames,
    write_shot_sheet,
)
from semantic_matte.types import Box, Plate

BARS = MARGIN + 300


def shot_of(size: tuple[int, int], timeline: Timeline, aspect: float = 1.0) -> SheetShot:
    return SheetShot("shot", size, aspect, "facts", timeline)


def frames_of(make_matte, size: tuple[int, int], numbers: range, objects: int) -> Iterator[SheetFrame]:
    """Frames with mattes that are made when they are asked for."""
    plate = Plate(np.full((*size, 3), 0.3, np.float32))
    for number in numbers:
        mattes = (
            (index, make_matte(size, Box(0, 0, size[1], size[0]), f"sm_dog_{index:02d}"))
            for index in range(objects)
        )
        yield SheetFrame(number, plate, mattes, "worst of all " * 9)


def timeline_of(count: int, frames: range) -> Timeline:
    rows = [TimelineRow(f"sm_dog_{index:02d}", dict.fromkeys(frames, "found")) for index in range(count)]
    return Timeline(frames, rows, shown=frames)


@pytest.mark.parametrize(("count", "objects"), [(1, 0), (1, 1), (3, 2), (4, 1), (5, 3), (8, 40)])
def test_any_number_of_frames_and_objects(tmp_path: Path, make_matte, count: int, objects: int) -> None:
    size, frames = (30, 40), range(1001, 1001 + count)
    shot = shot_of(size, timeline_of(objects, frames))
    for name in ("one.png", "two.png"):
        write_shot_sheet(tmp_path / name, shot, frames_of(make_matte, size, frames, min(objects, 5)), count)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as sheet:
        assert sheet.mode == "RGB"
        assert sheet.width == 1280


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (1080, 1920), (400, 225)])
@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_any_plate(make_matte, size: tuple[int, int], aspect: float) -> None:
    shot = shot_of(size, timeline_of(1, range(8)), aspect)
    sheet = draw_shot_sheet(shot, frames_of(make_matte, size, range(8), 1), 8)
    assert 1280 <= sheet.width <= 1920
    assert sheet.height < 3000


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.png"):
        write_shot_sheet(tmp_path / "sheet.jpg", shot_of((4, 4), timeline_of(0, range(1))), [], 0)


def test_the_timeline_shows_found_carried_absent_and_no_result_and_cuts() -> None:
    sources = {1: "found", 2: "found", 3: "carried", 5: "found"}
    timeline = Timeline(range(1, 7), [TimelineRow("sm_dog_01", sources)], wrong={6}, cuts=[5], shown=[2])
    sheet = Image.new("RGB", (1280, timeline.height), (22, 23, 26))
    timeline.draw(sheet, 0)
    pixels, wide = np.asarray(sheet).astype(int), (1280 - MARGIN - BARS) / 6
    middle = 34 + 15
    column = [round(BARS + (place + 0.5) * wide) for place in range(6)]
    blue = np.array(object_colour(0))
    for place, (high, low) in enumerate(
        [(blue, blue), (blue, blue), (None, None), (None, None), (blue, blue), (WRONG, WRONG)]
    ):
        edge = pixels[middle + 7, column[place]]
        expected = (36, 38, 43) if high is None else high
        assert tuple(edge) == tuple(expected), place
        if low is not None:
            assert tuple(pixels[middle, column[place]]) == tuple(low)
    carried, absent = pixels[middle, column[2]], pixels[middle, column[3]]
    assert tuple(absent) == (36, 38, 43)
    # Of the object's hue, and dimmer.
    assert carried[2] > carried[0] + 60
    assert (carried < blue).all()
    assert tuple(pixels[middle, round(BARS + 4 * wide)]) == (236, 237, 240)


def test_more_objects_than_rows_are_counted() -> None:
    few, many = timeline_of(MOST_ROWS, range(3)), timeline_of(200, range(3))
    assert few.height == many.height
    sheets = []
    for timeline in (few, many):
        sheet = Image.new("RGB", (1280, timeline.height))
        timeline.draw(sheet, 0)
        sheets.append(np.asarray(sheet))
    row = 34 + 30 * (MOST_ROWS - 1)
    assert (sheets[0][:row] == sheets[1][:row]).all()
    assert sheets[0][row : row + 30, BARS:].any()
    assert not sheets[1][row : row + 30, BARS:].any()


@pytest.mark.parametrize("frames", [[5], range(-3, 4), range(1, 4000), [1, 5_000_000]])
def test_any_frames_have_an_axis(frames) -> None:
    timeline = Timeline(frames, [])
    sheet = Image.new("RGB", (1280, timeline.height))
    timeline.draw(sheet, 0)
    assert np.asarray(sheet)[timeline.height - 40 :, BARS:].any()


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(-50, 5000), min_size=1, max_size=60), st.data())
def test_frames_are_spread_and_the_worst_is_among_them(numbers: set[int], data: st.DataObject) -> None:
    frames = sorted(numbers)
    also = data.draw(st.sampled_from([None, *frames]))
    chosen = spread_frames(frames, also)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= numbers
    assert len(chosen) in (min(8, len(frames)), min(8, len(frames)) - 1)
    assert {frames[0], frames[-1]} <= set(chosen)
    assert also is None or also in chosen


def test_only_the_largest_objects_are_named_in_a_crowd(make_matte) -> None:
    """Forty objects on each other: two names, as one more would cover another one."""
    size = (270, 480)
    plate = Plate(np.zeros((*size, 3), np.float32))
    boxes = [Box(200, 100, 200 + side, 100 + side) for side in range(20, 60)]
    panels = []
    for count in (40, 2):
        # The two largest are the last two of all.
        kept = list(enumerate(boxes))[-count:]
        mattes = [(index, make_matte(size, box, f"sm_dog_{index:02d}")) for index, box in kept]
        shot = shot_of(size, timeline_of(40, range(1)))
        panels.append(np.asarray(draw_shot_sheet(shot, [SheetFrame(1, plate, mattes)], 1)).astype(int))
    white = [(panel[:500].min(axis=2) > 200).sum() for panel in panels]
    assert white[0] == pytest.approx(white[1], rel=0.1)
