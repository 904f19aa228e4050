"""Plates from arrays; trimaps and masks from arrays and files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semantic_matte.colour import decode_srgb
from semantic_matte.errors import HintError, PlateError, TrimapError
from semantic_matte.plates import as_plate, as_trimap, read_mask, read_trimap
from semantic_matte.types import Plate

RANDOM = np.random.default_rng(5)
BYTES = RANDOM.integers(0, 256, (21, 34, 3), dtype=np.uint8)
FLOATS = (BYTES / 255).astype(np.float32)
LINEAR = decode_srgb(FLOATS)


@pytest.mark.parametrize(
    ("array", "expected", "notice"),
    [
        (BYTES, LINEAR, None),
        (BYTES.astype(np.uint16) * 257, LINEAR, None),
        (FLOATS, FLOATS, None),
        (FLOATS.astype(np.float64), FLOATS, None),
        (FLOATS.astype(np.float16), FLOATS.astype(np.float16), None),
        (BYTES[..., 0], np.repeat(LINEAR[..., :1], 3, 2), "one channel"),
        (BYTES[..., :1], np.repeat(LINEAR[..., :1], 3, 2), "one channel"),
        (np.dstack([BYTES, BYTES[..., 0]]), LINEAR, "fourth channel"),
    ],
)
def test_arrays(array: np.ndarray, expected: np.ndarray, notice: str | None) -> None:
    plate = as_plate(array, name="mine")
    np.testing.assert_allclose(plate.pixels, expected, atol=1e-6)
    assert plate.name == "mine"
    assert (notice is None and plate.notices == ()) or notice in plate.notices[0]
    assert not np.shares_memory(plate.pixels, array)


def test_an_array_takes_a_colour_space() -> None:
    np.testing.assert_allclose(as_plate(BYTES, "linear").pixels, FLOATS, atol=1e-6)
    np.testing.assert_allclose(as_plate(FLOATS, "srgb").pixels, LINEAR, atol=1e-6)


def test_a_float64_beyond_float32_counts_as_infinite() -> None:
    array = np.full((1, 2, 3), 0.5)
    array[0, 0] = 1e300
    plate = as_plate(array)
    assert plate.pixels[0, 0, 0] == 65504
    assert plate.notices == ("1 pixel was infinite and counts as 65504.",)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((2, 2, 2), np.uint8), "expected an array of shape"),
        (np.zeros((2, 2, 5), np.float32), "expected an array of shape"),
        (np.zeros((0, 2, 3), np.float32), "expected an array of shape"),
        (np.zeros((2, 2, 3), np.int32), "got an array of int32"),
        (np.zeros((2, 2, 3), np.bool_), "got an array of bool"),
        (None, "expected a path"),
        ([1, 2], "expected a path"),
    ],
)
def test_things_that_are_not_plates(source: Any, said: str) -> None:
    with pytest.raises(PlateError, match=said):
        as_plate(source)


def test_a_plate_and_a_path_as_plates(tmp_path: Path) -> None:
    plate = Plate(FLOATS)
    assert as_plate(plate) is plate
    Image.fromarray(BYTES).save(tmp_path / "p.png")
    np.testing.assert_allclose(as_plate(str(tmp_path / "p.png")).pixels, LINEAR, atol=1e-6)


LEVELS = np.array([[0, 0, 1, 128], [127, 254, 255, 255], [0, 60, 255, 255]], np.uint8)
KNOWN = np.where((LEVELS == 0) | (LEVELS == 255), LEVELS, 128)


@pytest.mark.parametrize(
    "write",
    [
        lambda path, save: Image.fromarray(LEVELS).save(path),
        lambda path, save: Image.fromarray(np.dstack([LEVELS] * 3)).save(path),
        lambda path, save: save(path, LEVELS[..., None].astype(np.uint16) * 257, "uint16"),
        lambda path, save: save(path.with_suffix(".exr"), LEVELS[..., None] / np.float32(255), "half"),
    ],
)
def test_trimap_files(tmp_path: Path, write_oiio: Any, write: Any) -> None:
    write(tmp_path / "t.png", write_oiio)
    path = next(tmp_path.iterdir())
    trimap = read_trimap(path)
    np.testing.assert_array_equal(trimap.levels, KNOWN)
    assert as_trimap(path, (3, 4)).frame_size == (3, 4)


def test_trimaps_from_arrays_and_trimaps() -> None:
    trimap = as_trimap(LEVELS, (3, 4))
    np.testing.assert_array_equal(trimap.levels, KNOWN)
    assert as_trimap(trimap, (3, 4)) is trimap


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((3, 4), np.float32), "got float32 of shape"),
        (np.zeros((3, 4, 3), np.uint8), "got uint8 of shape"),
        (7, "got int"),
        (np.zeros((3, 4), np.uint8), "no known foreground"),
        (LEVELS[:, :3], "trimap is 3x3 but the plate is 4x3"),
        ("/nowhere/trimap.png", "The trimap '/nowhere/trimap.png' does not exist"),
    ],
)
def test_trimaps_that_are_refused(source: Any, said: str) -> None:
    with pytest.raises(TrimapError, match=said):
        as_trimap(source, (3, 4))


def test_a_trimap_in_colour_is_refused(tmp_path: Path) -> None:
    Image.fromarray(BYTES).save(tmp_path / "t.png")
    with pytest.raises(TrimapError, match="is in colour"):
        read_trimap(tmp_path / "t.png")


@pytest.mark.parametrize(("level", "inside"), [(0, False), (127, False), (128, True), (255, True)])
def test_masks_are_cut_at_half(tmp_path: Path, level: int, inside: bool) -> None:
    Image.fromarray(np.full((4, 6, 3), level, np.uint8)).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    assert mask.dtype == np.bool_
    assert mask.shape == (4, 6)
    assert mask.all() == inside


def test_a_missing_mask_is_a_hint_error() -> None:
    with pytest.raises(HintError, match="The mask"):
        read_mask("/nowhere/mask.png")


def test_importing_loads_neither_torch_nor_openimageio() -> None:
    code = "import sys, semantic_matte.plates; sys.exit('torch' in sys.modules or 'OpenImageIO' in sys.modules)"
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
