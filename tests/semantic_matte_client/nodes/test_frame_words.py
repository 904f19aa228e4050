"""Sentences of the engine in the words of who knows frames."""

from __future__ import annotations

import pytest

from semantic_matte_client.nodes import frame_words


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("plate.1001.exr: Nothing found: no 'dog'.", "Frame 1: Nothing found: no 'dog'."),
        ("The plate '/a b/capture_x1/plate.1003.exr' is damaged.", "Frame 3 is damaged."),
        # A view has a folder of its own there.
        ("The plate '/a/capture_x1/left/plate.1003.exr' is damaged.", "Frame 3 is damaged."),
        (r"The plate 'C:\a\capture_x1\left\plate.1003.exr' is damaged.", "Frame 3 is damaged."),
        ("Hint '/a/capture_z/left/hint.1001.exr': nothing in it.", "The Hint: nothing in it."),
        (
            "The hint mask '/a/capture_z/hint.1001.exr' is empty: paint it.",
            "The Hint is empty: paint it.",
        ),
        ("Of '/a/capture_z/left/plate.####.exr' frames are missing.", "Of the plate frames are missing."),
        # Somebody's own plate, further below a folder that is called so.
        (
            "'/a/capture_z/b/left/myplate.1003.exr' is damaged.",
            "'/a/capture_z/b/left/myplate.1003.exr' is damaged.",
        ),
        ("2/3 plate.1002.exr: matting sm_dog_01, 3%", "2/3 frame 2: matting sm_dog_01, 3%"),
        ("Hint '/a/capture_z/hint.1001.exr': nothing in it.", "The Hint: nothing in it."),
        ("Of 'plate.####.exr' frames are missing.", "Of the plate frames are missing."),
        ("'/a/myplate.1001.exr.txt' is odd", "'/a/myplate.1001.exr.txt' is odd"),
        ("matting", "Matting"),
        ("", ""),
    ],
)
def test_sentences_name_frames_in_place_of_captured_files(said: str, told: str) -> None:
    assert frame_words.in_frames(said, offset=1000) == told


@pytest.mark.parametrize(
    ("frame", "done", "total", "words"),
    [(1001, 0, 1, "frame 1001"), (-5, 0, 3, "frame -5 (1 of 3)"), (1003, 2, 3, "frame 1003 (3 of 3)")],
)
def test_a_frame_of_several_is_counted(frame: int, done: int, total: int, words: str) -> None:
    assert frame_words.frame_words(frame, done, total) == words
