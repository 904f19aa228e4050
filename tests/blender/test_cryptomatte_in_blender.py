"""The Cryptomatte in Blender's own Cryptomatte node."""

from __future__ import annotations

from pathlib import Path

import mmh3
import numpy as np
import pytest

from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.overlaps import make_consistent
from semantic_matte.types import Box

SIZE = (90, 120)
CLOSE = 1e-6


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
@pytest.mark.parametrize("choice", ["centred", "plate"])
def test_every_coverage_is_the_alpha(blender, shots, note, tmp_path: Path, choice: str, storage: str) -> None:
    """Three overlap and have to share; one has no pixels."""
    plate = shots.plate(SIZE)
    mattes = [
        shots.matte(plate, "sm_dog_01", Box(20, 9, 70, 49), seed=1),
        shots.matte(plate, "sm_person_01", Box(50, 30, 81, 61), seed=2),
        shots.empty(plate, "sm_person_02"),
        shots.matte(plate, "sm_person_03", Box(60, 20, 77, 70), seed=3, scale=0.5),
    ]
    file = tmp_path / "shot.cryptomatte.exr"
    write_cryptomatte(file, plate, mattes, {}, data_window=choice, storage=storage)
    consistent = make_consistent(mattes)
    assert consistent[0] is not mattes[0]
    pair = ",".join(matte.slot for matte in mattes[:2])
    composed = blender.compose(
        SIZE, [blender.coverage(file, slot) for slot in [*(m.slot for m in mattes), pair]]
    )
    allowed = max(CLOSE, composed.resampling) if choice == "centred" else CLOSE
    for matte, found in zip(consistent, composed.pictures, strict=False):
        difference = note(composed, f"cryptomatte, {choice}, {storage}", matte.slot, found, matte.alpha)
        assert difference <= allowed
    both = consistent[0].alpha + consistent[1].alpha
    found = composed.pictures[-1]
    difference = note(composed, f"cryptomatte, {choice}, {storage}", "two at once", found, both)
    assert difference <= allowed


@pytest.mark.parametrize("choice", ["centred", "plate"])
def test_a_matte_lands_where_its_plate_lands(blender, shots, note, tmp_path: Path, choice: str) -> None:
    """With as much overscan left as right, and above as below."""
    plate = shots.plate(SIZE, Box(0, 0, 100, 70), (-10, -10))
    matte = shots.matte(plate, "sm_dog_01", Box(17, 12, 62, 45))
    shots.write_plate(tmp_path / "shot.exr", plate, matte.alpha)
    write_cryptomatte(tmp_path / "shot.cryptomatte.exr", plate, [matte], {}, data_window=choice)
    steps = [
        blender.coverage(tmp_path / "shot.cryptomatte.exr", matte.slot),
        blender.layer(tmp_path / "shot.exr", "Image"),
    ]
    composed = blender.compose((70, 100), steps)
    found, expected = composed.pictures
    assert np.count_nonzero(expected) > 1000
    allowed = max(CLOSE, composed.resampling)
    difference = note(composed, f"cryptomatte, {choice}, overscan", matte.slot, found, expected)
    assert difference <= allowed


def test_lopsided_overscan(blender, shots, note, tmp_path: Path) -> None:
    """Known of 5.2: the node puts every file into the middle, while the Image node heeds the plate's windows.

    So a Cryptomatte lies beside its plate there, as layers don't. Fails when a Blender mends it.
    """
    plate = shots.plate(SIZE, Box(0, 0, 110, 80), (-10, -10))
    matte = shots.matte(plate, "sm_dog_01", Box(17, 12, 62, 45))
    write_cryptomatte(tmp_path / "shot.cryptomatte.exr", plate, [matte], {})
    shots.write_plate(tmp_path / "shot.exr", plate, matte.alpha)
    steps = [
        blender.coverage(tmp_path / "shot.cryptomatte.exr", matte.slot),
        blender.layer(tmp_path / "shot.exr", "Image"),
    ]
    composed = blender.compose((80, 110), steps)
    found, of_plate = composed.pictures
    middle = np.zeros((80, 110), np.float32)
    middle[Box(17, 12, 62, 45).shifted(-5, -5).slices] = matte.crop
    np.testing.assert_allclose(found, middle, rtol=0, atol=max(CLOSE, composed.resampling))
    difference = note(composed, "cryptomatte, lopsided overscan", matte.slot, found, of_plate)
    assert (difference > 0.1) == (composed.version >= (5, 2))


def test_64_objects_at_every_pixel(blender, shots, note, tmp_path: Path) -> None:
    """65 are there; the weakest is missing, at each pixel another one."""
    plate = shots.plate(SIZE)
    mattes = [
        shots.matte(plate, f"sm_thing_{number:02d}", Box(40, 30, 80, 60), seed=number, scale=1 / 65)
        for number in range(65)
    ]
    crops = np.stack([matte.crop for matte in mattes])
    # All different at a pixel, so that it is plain which one is the weakest.
    crops += np.arange(65, dtype=np.float32)[:, None, None] / 2**20
    mattes = [shots.with_crop(matte, crop) for matte, crop in zip(mattes, crops, strict=True)]
    file = tmp_path / "shot.cryptomatte.exr"
    notices = write_cryptomatte(file, plate, mattes, {}, data_window="plate")
    assert len(notices) == 1
    assert "1200 in all" in notices[0]
    picked = [mattes[0], mattes[1], mattes[40], mattes[64]]
    composed = blender.compose(SIZE, [blender.coverage(file, matte.slot) for matte in picked])
    weakest = crops.argmin(axis=0)
    assert np.count_nonzero(weakest == 0) > 100
    for matte, found in zip(picked, composed.pictures, strict=True):
        expected = matte.alpha
        expected[matte.window.slices][weakest == int(matte.slot[-2:])] = 0
        difference = note(composed, "cryptomatte, 64 a pixel", matte.slot, found, expected)
        assert difference <= CLOSE


def test_names_whose_hash_is_no_number(blender, shots, note, tmp_path: Path) -> None:
    """Hashes that as floats would be 0, NaN or infinity become other ids, in Blender the same ones."""
    names = [f"sm_object_{number:04d}" for number in range(2000)]
    exponents = [mmh3.hash(name, signed=False) >> 23 & 255 for name in names]
    slots = [names[exponents.index(0)], names[exponents.index(255)]]
    plate = shots.plate(SIZE)
    mattes = [shots.matte(plate, slot, Box(30, 20, 80, 60), seed=n, scale=0.5) for n, slot in enumerate(slots)]
    file = tmp_path / "shot.cryptomatte.exr"
    write_cryptomatte(file, plate, mattes, {}, data_window="plate")
    composed = blender.compose(SIZE, [blender.coverage(file, slot) for slot in slots])
    for matte, found in zip(mattes, composed.pictures, strict=True):
        difference = note(composed, "cryptomatte, odd hash", matte.slot, found, matte.alpha)
        assert difference <= CLOSE


def test_a_node_without_a_layer_name(blender, shots, tmp_path: Path) -> None:
    """Known of 4.2: it shows nothing until its layer is chosen. Fails when that changes."""
    plate = shots.plate(SIZE)
    matte = shots.matte(plate, "sm_dog_01", Box(20, 9, 70, 49))
    write_cryptomatte(tmp_path / "shot.cryptomatte.exr", plate, [matte], {}, data_window="plate")
    composed = blender.compose(SIZE, [blender.coverage(tmp_path / "shot.cryptomatte.exr", matte.slot, "")])
    expected = np.zeros(SIZE, np.float32) if composed.version < (4, 5) else matte.alpha
    np.testing.assert_allclose(composed.pictures[0], expected, rtol=0, atol=CLOSE)


def test_a_file_in_which_nothing_was_found_opens(blender, shots, tmp_path: Path) -> None:
    file = tmp_path / "shot.cryptomatte.exr"
    write_cryptomatte(file, shots.plate(SIZE), [], {})
    composed = blender.compose(
        SIZE, [blender.coverage(file, "sm_dog_01"), blender.layer(file, "SemanticMatte00")]
    )
    assert composed.outputs[1] == ["SemanticMatte00"]
    assert not any(picture.any() for picture in composed.pictures)
