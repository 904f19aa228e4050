"""The layers file in the Image node of Blender's compositor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Box

SIZE = (90, 120)


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
@pytest.mark.parametrize("choice", ["centred", "plate"])
def test_every_layer_is_the_alpha(blender, shots, note, tmp_path: Path, choice: str, storage: str) -> None:
    plate = shots.plate(SIZE)
    mattes = [
        shots.matte(plate, "sm_dog_01", Box(20, 9, 70, 49), seed=1),
        shots.matte(plate, "sm_person_01", Box(50, 30, 81, 61), seed=2),
        shots.empty(plate, "sm_person_02"),
    ]
    file = tmp_path / "shot.mattes.exr"
    write_layers(file, plate, mattes, {}, data_window=choice, storage=storage)
    composed = blender.compose(SIZE, [blender.layer(file, matte.slot) for matte in mattes])
    assert composed.outputs == [[matte.slot for matte in mattes]] * 3
    allowed = composed.resampling if choice == "centred" else 0
    for matte, found in zip(mattes, composed.pictures, strict=True):
        difference = note(composed, f"layer, {choice}, {storage}", matte.slot, found, matte.alpha)
        assert difference <= allowed


@pytest.mark.parametrize(
    ("display", "corner"),
    [
        # A frame of 100x70 with 10 more pixels on every side, then one with overscan on two sides alone, then
        # a plate that fills a part of its frame.
        (Box(0, 0, 100, 70), (-10, -10)),
        (Box(0, 0, 110, 80), (-10, -10)),
        (Box(0, 0, 160, 130), (30, 14)),
    ],
)
@pytest.mark.parametrize("choice", ["centred", "plate"])
def test_a_matte_lands_where_its_plate_lands(
    blender, shots, note, tmp_path: Path, choice: str, display: Box, corner: tuple[int, int]
) -> None:
    """Blender doesn't keep every plate where its windows say; whatever it does, the matte goes along."""
    plate = shots.plate(SIZE, display, corner)
    matte = shots.matte(plate, "sm_dog_01", Box(17, 12, 62, 45))
    shots.write_plate(tmp_path / "shot.exr", plate, matte.alpha)
    write_layers(tmp_path / "shot.mattes.exr", plate, [matte], {}, data_window=choice)
    steps = [
        blender.layer(tmp_path / "shot.mattes.exr", matte.slot),
        blender.layer(tmp_path / "shot.exr", "Image"),
    ]
    composed = blender.compose((display.height, display.width), steps)
    found, expected = composed.pictures
    assert np.count_nonzero(expected) > 1000
    name = f"layer, {choice}, plate at {corner[0]},{corner[1]}"
    allowed = composed.resampling if choice == "centred" else 0
    difference = note(composed, name, matte.slot, found, expected)
    assert difference <= allowed


def test_windows_of_many_sizes(blender, shots, note, tmp_path: Path) -> None:
    """In some of them 5.2 makes the first column and the last row of a file repeat their neighbours.

    With two pixels of zeros around the matte these are zeros too.
    """
    size = (121, 121)
    plate = shots.plate(size)
    mattes = [shots.matte(plate, f"sm_dog_{n:02d}", Box(n, n, 121 - n, 121 - n), seed=n) for n in range(4, 20)]
    steps = []
    for matte in mattes:
        file = tmp_path / f"{matte.slot}.exr"
        write_layers(file, plate, [matte], {}, data_window="centred")
        steps.append(blender.layer(file, matte.slot))
    composed = blender.compose(size, steps)
    expected = np.stack([matte.alpha for matte in mattes])
    difference = note(composed, "layer, 16 windows", "sm_dog_04 to 19", np.stack(composed.pictures), expected)
    assert difference <= composed.resampling


def test_a_tight_window_is_misplaced(blender, shots, note, tmp_path: Path) -> None:
    """Known of 4.2 to 5.2, and why `centred` is the default: fails when a Blender mends it."""
    plate = shots.plate(SIZE)
    matte = shots.matte(plate, "sm_dog_01", Box(11, 21, 51, 41))
    write_layers(tmp_path / "shot.mattes.exr", plate, [matte], {}, data_window="tight")
    composed = blender.compose(SIZE, [blender.layer(tmp_path / "shot.mattes.exr", matte.slot)])
    # Up to 5.0 the window's middle goes to the frame's middle; 5.2 has it as far from the frame's bottom as it
    # should be from the top.
    landed = Box(40, 35, 80, 55) if composed.version < (5, 2) else Box(11, 90 - 41, 51, 90 - 21)
    found = composed.pictures[0][landed.slices]
    np.testing.assert_allclose(found, matte.crop, rtol=0, atol=composed.resampling)
    difference = note(composed, "layer, tight (misplaced)", matte.slot, composed.pictures[0], matte.alpha)
    assert difference > 0.1


@pytest.mark.parametrize("choice", ["centred", "tight", "plate"])
def test_a_file_in_which_nothing_was_found_opens(blender, shots, tmp_path: Path, choice: str) -> None:
    file = tmp_path / "shot.mattes.exr"
    write_layers(file, shots.plate(SIZE), [], {}, data_window=choice)
    composed = blender.compose(SIZE, [blender.layer(file, "sm_none_00")])
    assert composed.outputs == [["sm_none_00"]]
    assert not composed.pictures[0].any()


def test_64_layers(blender, shots, note, tmp_path: Path) -> None:
    plate = shots.plate(SIZE)
    mattes = [shots.matte(plate, f"sm_thing_{n:02d}", Box(n, n, n + 30, n + 20), seed=n) for n in range(64)]
    write_layers(tmp_path / "shot.mattes.exr", plate, mattes, {})
    picked = [mattes[0], mattes[31], mattes[63]]
    steps = [blender.layer(tmp_path / "shot.mattes.exr", matte.slot) for matte in picked]
    composed = blender.compose(SIZE, steps)
    assert composed.outputs[0] == [matte.slot for matte in mattes]
    for matte, found in zip(picked, composed.pictures, strict=True):
        difference = note(composed, "layer, one of 64", matte.slot, found, matte.alpha)
        assert difference <= composed.resampling
