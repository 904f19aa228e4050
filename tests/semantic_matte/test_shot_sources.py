"""What is a shot and what is a still, which frames are there, and which are missing."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from semantic_matte.errors import PlateError, UsageError
from semantic_matte.plates import name_and_number
from semantic_matte.shot_sources import (
    Shot,
    chunk_frames,
    count_plates,
    frames_text,
    missing_sentence,
    sort_plates,
)

Sort = Callable[..., tuple[list[Shot], list[Path]]]


def place(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


@pytest.fixture
def sort(tmp_path: Path) -> Sort:
    """Sorts by names in a folder, and asks each time whether plates are counted alike."""

    def sorted_plates(*names: str, frames: str | None = None) -> tuple[list[Shot], list[Path]]:
        paths = [tmp_path / name for name in names]
        shots, stills = sort_plates(paths, frames)
        assert count_plates(paths) == (len(shots), len(stills))
        return shots, stills

    return sorted_plates


def test_patterns_and_files_of_one_name_are_shots(tmp_path: Path, sort: Sort) -> None:
    place(tmp_path, "a.1.exr", "a.2.exr", "b.0001.exr", "b.0003.exr", "c.7.exr", "d.exr", "e.5.exr", "e.5.png")
    names = ("d.exr", "b.0003.exr", "a.#.exr", "c.7.exr", "b.0001.exr", "e.5.exr", "e.5.png")
    shots, stills = sort(*names)
    assert [(shot.name, shot.title, shot.frames) for shot in shots] == [
        ("b", "b.####.exr", (1, 3)),
        ("a", "a.%d.exr", (1, 2)),
    ]
    assert [path.name for path in stills] == ["d.exr", "c.7.exr", "e.5.exr", "e.5.png"]
    assert not any(shot.is_film for shot in shots)


def test_a_pattern_of_one_frame_is_a_shot(tmp_path: Path, sort: Sort) -> None:
    place(tmp_path, "a.0001.exr")
    [shot], stills = sort("a.####.exr")
    assert (shot.frames, shot.missing, shot.files, stills) == ((1,), (), (tmp_path / "a.0001.exr",), [])


@pytest.mark.parametrize("names", list(itertools.permutations(["x.1.exr", "x.2.exr", "x.3.exr"])))
def test_the_order_of_files_does_not_matter(tmp_path: Path, sort: Sort, names: tuple[str, ...]) -> None:
    place(tmp_path, *names)
    [shot], _ = sort(*names)
    assert [shot.path(number).name for number in shot.frames] == ["x.1.exr", "x.2.exr", "x.3.exr"]


def test_one_name_in_two_folders_is_two_shots(tmp_path: Path, sort: Sort) -> None:
    (tmp_path / "other").mkdir()
    names = ["x.1.exr", "x.2.exr", "other/x.1.exr", "other/x.2.exr"]
    place(tmp_path, *names)
    shots, _ = sort(*names)
    assert [shot.files[0].parent.name for shot in shots] == [tmp_path.name, "other"]


@pytest.mark.parametrize(
    ("names", "pattern", "name", "called"),
    [
        (["shot.1001.exr"], "shot.####.exr", "shot", "shot.1001.exr"),
        (["shot.-005.exr"], "shot.####.exr", "shot", "shot.-005.exr"),
        (["shot.12345.exr"], "shot.####.exr", "shot", "shot.12345.exr"),
        (["shot_0001.exr"], "shot_####.exr", "shot", "shot.0001.exr"),
        (["00007.jpg"], "%05d.jpg", "FOLDER", "FOLDER.00007.jpg"),
        (["shot.0001.left.exr"], "shot.####.left.exr", "shot.left", "shot.left.0001.exr"),
        (["v2-3 take.7.tif"], "v2-3 take.%d.tif", "v2-3 take", "v2-3 take.7.tif"),
        (["0001.left.exr"], "####.left.exr", "left", "left.0001.exr"),
        (["plate0001"], "plate####", "plate", "plate.0001.exr"),
    ],
)
def test_results_are_named_by_the_shot_and_the_number(
    tmp_path: Path, sort: Sort, names: list[str], pattern: str, name: str, called: str
) -> None:
    folder = tmp_path / "FOLDER"
    folder.mkdir()
    place(folder, *names)
    [shot], _ = sort(f"FOLDER/{pattern}")
    assert shot.name == name
    [number] = shot.frames
    assert shot.plate_name(number) == folder / called
    taken, digits = name_and_number(shot.plate_name(number))
    assert (taken, int(digits[1:])) == (name, number)
    assert shot.path(number) == folder / names[0]


def test_gaps_are_missing_by_the_shots_own_step(tmp_path: Path, sort: Sort) -> None:
    place(tmp_path, *(f"a.{number}.exr" for number in (1001, 1003, 1009)), *("b.1.exr", "b.2.exr"))
    [first, second], _ = sort("a.####.exr", "b.#.exr")
    # Two steps are as frequent: the smaller one.
    assert first.missing == (1005, 1007)
    assert second.missing == ()
    assert missing_sentence(first) == (
        "2 frames of 'a.####.exr' are missing: 1005, 1007: put them there, or --missing-frames skip leaves "
        "them out."
    )


def test_frames_choose(tmp_path: Path, sort: Sort) -> None:
    place(tmp_path, *(f"a.{number}.exr" for number in (1, 2, 3, 5, 9)), "still.exr")
    [shot], stills = sort("a.#.exr", "still.exr", frames="2-5")
    assert (shot.frames, shot.missing) == ((2, 3, 5), (4,))
    assert stills == [tmp_path / "still.exr"]
    # Frames that nobody asked for must not be overwritten either.
    assert [path.name for path in shot.files] == ["a.1.exr", "a.2.exr", "a.3.exr", "a.5.exr", "a.9.exr"]
    assert shot.plate_name(4).name == "a.4.exr"
    with pytest.raises(PlateError, match=r"^Frame 4 of 'a.%d.exr' is not there"):
        shot.path(4)
    assert shot.choose(None) is shot
    assert missing_sentence(shot).startswith("1 frame of 'a.%d.exr' is missing: 4: put it there")


@pytest.mark.parametrize(
    ("names", "frames", "said"),
    [
        (["a.#.exr"], "7-8", "None of the frames '7-8' of 'a.%d.exr' is there: it has 1-3, 5."),
        (["still.exr"], "1-3", "choose among those of a shot, and none was given"),
        (["a.1.exr"], "1", "choose among those of a shot, and none was given"),
        (["a.#.exr"], "1-", "no frame and no range"),
        (["a.1.exr", "a.2.exr", "a.2.exr"], None, "'a.2.exr' is named twice"),
        (["a.1.exr", "a.01.exr"], None, "'a.01.exr' and 'a.1.exr' are both frame 1"),
        (["a.#.exr", "a.1.exr"], None, "is named by itself and belongs to 'a.%d.exr'"),
        (["a.#.exr", "a.%d.exr"], None, "belongs to 'a.%d.exr' and to 'a.%d.exr'"),
        (["shot_%V.#.exr"], None, "which Nuke replaces by a view"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path: Path, names: list[str], frames: str | None, said: str) -> None:
    place(tmp_path, "a.1.exr", "a.2.exr", "a.3.exr", "a.5.exr", "still.exr")
    with pytest.raises(UsageError) as raised:
        sort_plates([tmp_path / name for name in names], frames)
    assert said in str(raised.value)


def test_a_pattern_without_a_frame(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match="no frame of"):
        sort_plates([tmp_path / "a.####.exr"])


def test_chunks(tmp_path: Path, sort: Sort) -> None:
    place(tmp_path, *(f"a.{number}.exr" for number in (1, 2, 3, 6, 7)))
    [shot], _ = sort("a.#.exr")
    assert chunk_frames(shot, "2-3") == (2, 3)
    assert chunk_frames(shot, "3-6") == (3, 6)
    assert chunk_frames(shot, "4-5") == ()
    with pytest.raises(UsageError, match=r"does not have \(8\): its frames are 1-3, 6, 7\."):
        chunk_frames(shot, "7-8")
    [few], _ = sort("a.#.exr", frames="1-3")
    with pytest.raises(UsageError, match=r"does not have \(6\)"):
        chunk_frames(few, "6")


def test_a_frame_is_read_by_its_number(tmp_path: Path, sort: Sort) -> None:
    for number in (7, 8):
        picture = np.full((4, 6, 3), number * 10, np.uint8)
        assert cv2.imwrite(str(tmp_path / f"take_{number:04d}.png"), picture)
    place(tmp_path, "take_0009.png")
    [shot], _ = sort("take_####.png")
    for number in (8, 7):
        plate = shot.read(number)
        assert (plate.name, plate.frame, plate.size) == ("take", number, (4, 6))
        assert plate.pixels[0, 0, 0] == pytest.approx(((number * 10 / 255 + 0.055) / 1.055) ** 2.4, rel=1e-4)
    with pytest.raises(PlateError, match=r"^Frame 9: .*take_0009\.png"):
        shot.read(9)
    with pytest.raises(PlateError, match=r"^Frame 10 of"):
        shot.read(10)


def test_long_lists_are_cut_in_sentences() -> None:
    text = frames_text(list(range(0, 100, 5)) + [1000, 1017, 1033] + [n * n for n in range(40, 60)])
    assert len(text) < 120
    assert text.startswith("0-95x5, 1000, 1017, 1033")
    assert "more" in text


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_any_name_that_a_folder_takes(tmp_path: Path, sort: Sort) -> None:
    odd = os.fsdecode(b"sh\xff*[1].0001.exr")
    place(tmp_path, odd, "sh1.0001.exr")
    [shot], _ = sort(os.fsdecode(b"sh\xff*[1].####.exr"))
    assert [path.name for path in shot.files] == [odd]
