"""Composites beside the maths written out in float64, from files to files, in every window and light."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.colour import convert
from semantic_matte.composites import CompositeRequest, CompositeResult, compose_file
from semantic_matte.errors import PlateError, UnknownNameError, UsageError
from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.outputs.layers import write_layers
from semantic_matte.plates import read_plate
from semantic_matte.ports import SilentProgress
from semantic_matte.types import Box, FloatArray, Instance, Matte, Plate

SIZE = (40, 60)
WHOLE = Box.of_frame(*SIZE)
HEADER = {"semantic_matte/plate": "plate", "semantic_matte/settings": "abc"}


def write_rgb(path: Path, pixels: np.ndarray, data: Box = WHOLE, display: Box = WHOLE, **header: Any) -> Path:
    """An EXR by OpenEXR's own writer; pixels in half or float as they come."""
    windows = {
        "dataWindow": (np.array([data.x0, data.y0], np.int32), np.array([data.x1 - 1, data.y1 - 1], np.int32)),
        "displayWindow": (
            np.array([display.x0, display.y0], np.int32),
            np.array([display.x1 - 1, display.y1 - 1], np.int32),
        ),
    }
    channels = {name: np.ascontiguousarray(pixels[..., index]) for index, name in enumerate("RGB")}
    with OpenEXR.File({"type": OpenEXR.scanlineimage, **windows, **header}, channels) as file:
        file.write(str(path))
    return path


def read_rgb(path: Path, names: str = "RGB") -> np.ndarray:
    """(H, W, n) float32 by OpenEXR's own reader."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return np.stack([file.channels()[name].pixels for name in names], axis=2).astype(np.float32)


def halves(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3) float16 from -0.5 to 1000, most of it below 2."""
    random = np.random.default_rng(seed)
    pixels = random.random((*size, 3)).astype(np.float32) * 2
    pixels[random.random(size) < 0.05] = -0.5
    pixels[random.random(size) < 0.05] = 1000
    return pixels.astype(np.float16)


def matte_of(alpha: FloatArray, slot: str, window: Box | None = None) -> Matte:
    window = window or Box.of_frame(*alpha.shape)
    label = slot.split("_")[1]
    instance = Instance(np.ones((window.height, window.width), np.bool_), window, alpha.shape, label, 0.9, slot)
    return Matte(instance, np.ascontiguousarray(alpha[window.slices]), window)


def some_alpha(seed: int, size: tuple[int, int] = SIZE) -> FloatArray:
    """Steps of 1/64, so exact in half, with many zeros and ones."""
    soft = np.random.default_rng(seed).normal(0.4, 0.6, size)
    return (np.rint(soft.clip(0, 1) * 64) / 64).astype(np.float32)


@dataclass
class Files:
    """A folder with a plate, its mattes and a background, and what comes of compositing them."""

    folder: Path
    notices: list[str]

    def compose(self, over: str | Path | None, result: str = "out.exr", **more: Any) -> CompositeResult:
        progress = SilentProgress()
        request = CompositeRequest(
            more.pop("plate", self.folder / "plate.exr"),
            more.pop("mattes", self.folder / "plate.mattes.exr"),
            self.folder / result,
            None if over is None else str(over),
            **{"plate_colours": "foreground" not in more, **more},
        )
        done = compose_file(request, progress)
        self.notices = progress.notices
        return done

    def mattes(self, *alphas: FloatArray, plate: Plate | None = None, **more: Any) -> None:
        frame = plate or Plate(np.zeros((*alphas[0].shape, 3), np.float32))
        found = [matte_of(alpha, f"sm_dog_{index:02d}") for index, alpha in enumerate(alphas, start=1)]
        write_layers(self.folder / "plate.mattes.exr", frame, found, HEADER, **more)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    write_rgb(tmp_path / "plate.exr", halves(0))
    write_rgb(tmp_path / "background.exr", halves(1))
    return Files(tmp_path, [])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 4))
def test_it_is_the_maths(tmp_path_factory: pytest.TempPathFactory, seed: int, count: int) -> None:
    folder = tmp_path_factory.mktemp("maths")
    files = Files(folder, [])
    plate, background = halves(seed), halves(seed + 1)
    write_rgb(folder / "plate.exr", plate)
    write_rgb(folder / "background.exr", background)
    alphas = [some_alpha(seed + 2 + index) for index in range(count)]
    files.mattes(*alphas)
    done = files.compose(folder / "background.exr")
    assert (done.slots, done.colours) == (tuple(f"sm_dog_{n:02d}" for n in range(1, count + 1)), "plate")
    alpha = np.minimum(np.sum(alphas, axis=0, dtype=np.float64), 1)[..., None]
    expected = alpha * plate.astype(np.float64) + (1 - alpha) * background.astype(np.float64)
    result = read_rgb(folder / "out.exr")
    # A half has 11 bits.
    np.testing.assert_allclose(result, expected, rtol=2**-11, atol=1e-6 * 1000)
    empty, solid = alpha[..., 0] == 0, alpha[..., 0] == 1
    np.testing.assert_array_equal(result[empty], background[empty].astype(np.float32))
    np.testing.assert_array_equal(result[solid], plate[solid].astype(np.float32))
    assert {-0.5, 1000.0} <= set(result.ravel().tolist())


def test_over_itself_a_plate_is_the_plate(files: Files) -> None:
    files.mattes(some_alpha(5), some_alpha(6))
    files.compose(files.folder / "plate.exr", "again.exr")
    np.testing.assert_array_equal(read_rgb(files.folder / "again.exr"), halves(0).astype(np.float32))


def test_over_itself_a_photo_is_the_photo(files: Files, photos: Path) -> None:
    photo = cv2.imread(str(photos / "chelsea.png"))
    files.mattes(some_alpha(5, photo.shape[:2]))
    for result, levels, error in (("out.png", 257, 1), ("out.tif", 257, 1)):
        files.compose(photos / "chelsea.png", result, plate=photos / "chelsea.png")
        stored = cv2.imread(str(files.folder / result), cv2.IMREAD_UNCHANGED)
        assert np.abs(stored.astype(int) - photo.astype(int) * levels).max() <= error
        assert files.notices == ["'plate.mattes.exr' says that it was made of plate 'plate'."]


def test_light_is_mixed_and_not_what_a_screen_is_sent(files: Files) -> None:
    white = np.ones((*SIZE, 3), np.float16)
    write_rgb(files.folder / "plate.exr", white)
    files.mattes(np.full(SIZE, 0.5, np.float32))
    files.compose("black")
    assert (read_rgb(files.folder / "out.exr") == 0.5).all()
    files.compose("black", "out.jpg")
    # Not 128.
    assert np.abs(cv2.imread(str(files.folder / "out.jpg")).astype(int) - 188).max() <= 1
    # The same from 8 bits of sRGB.
    assert cv2.imwrite(str(files.folder / "white.png"), np.full((*SIZE, 3), 255, np.uint8))
    files.compose("0,0,0", "out.png", plate=files.folder / "white.png")
    assert (cv2.imread(str(files.folder / "out.png")) == 188).all()
    files.compose("white", "white.out.exr", plate=files.folder / "white.png")
    assert (read_rgb(files.folder / "white.out.exr") == 1).all()


def test_highlights_and_negatives_go_through(files: Files) -> None:
    plate = np.full((*SIZE, 3), (1000, -0.5, 0.25), np.float16)
    write_rgb(files.folder / "plate.exr", plate)
    alpha = np.zeros(SIZE, np.float32)
    alpha[:20], alpha[20:30] = 1, 0.5
    files.mattes(alpha)
    files.compose("0,4,-2")
    result = read_rgb(files.folder / "out.exr")
    assert result[0, 0].tolist() == [1000, -0.5, 0.25]
    assert result[25, 0].tolist() == [500, 1.75, -0.875]
    assert result[39, 0].tolist() == [0, 4, -2]
    files.compose("0,4,-2", "out.png")
    assert files.notices == [
        "plate.exr: 2400 pixels are negative and kept so.",
        "2400 pixels are beyond black or white and clipped in the picture: an .exr keeps them.",
    ]


@pytest.mark.parametrize("data_window", ["plate", "tight", "centred"])
@pytest.mark.parametrize("storage", ["scanline", "tiled"])
def test_windows_of_all_three_are_respected(files: Files, data_window: str, storage: str) -> None:
    # The plate has overscan, the background is cut, and their frames begin elsewhere.
    data, display = Box(-4, -3, 56, 37), Box(2, 3, 52, 33)
    plate = Plate(np.zeros((*SIZE, 3), np.float32), data_window=data, display_window=display, pixel_aspect=2.0)
    write_rgb(files.folder / "plate.exr", halves(0), data, display, pixelAspectRatio=2.0)
    write_rgb(
        files.folder / "background.exr",
        halves(1, (25, 45)),
        Box(103, 202, 148, 227),
        Box(100, 200, 150, 230),
        pixelAspectRatio=2.0,
    )
    alpha = np.zeros(SIZE, np.float32)
    alpha[8:20, 15:40] = some_alpha(3, (12, 25))
    files.mattes(alpha, plate=plate, data_window=data_window, storage=storage)
    files.compose(files.folder / "background.exr")
    behind = np.zeros((*SIZE, 3))
    # The background's data window begins 3 right of and 2 below its frame's corner, the plate's at -6, -6.
    behind[6 + 2 : 6 + 2 + 25, 6 + 3 : 6 + 3 + 45] = halves(1, (25, 45))
    expected = alpha[..., None] * halves(0).astype(np.float64) + (1 - alpha[..., None]) * behind
    np.testing.assert_allclose(read_rgb(files.folder / "out.exr"), expected, rtol=2**-11, atol=1e-6)
    with OpenEXR.File(str(files.folder / "out.exr")) as file:
        header = file.header()
        assert [header["dataWindow"][0].tolist(), header["dataWindow"][1].tolist()] == [[-4, -3], [55, 36]]
        assert [header["displayWindow"][0].tolist(), header["displayWindow"][1].tolist()] == [[2, 3], [51, 32]]
        assert header["pixelAspectRatio"] == 2.0
    assert "background.exr: The background does not reach 1275 of the plate's pixels" in "\n".join(
        files.notices
    )


ACESCG = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)


def test_an_acescg_plate_stays_acescg(files: Files, photos: Path) -> None:
    write_rgb(files.folder / "plate.exr", halves(0), chromaticities=ACESCG)
    write_rgb(files.folder / "background.exr", halves(1), chromaticities=ACESCG)
    alpha = some_alpha(3)
    files.mattes(alpha)
    done = files.compose(files.folder / "background.exr")
    assert done.colour_space == "acescg"
    result = read_rgb(files.folder / "out.exr")
    # Neither went through another space: both come out bit by bit.
    np.testing.assert_array_equal(result[alpha == 0], halves(1)[alpha == 0].astype(np.float32))
    np.testing.assert_array_equal(result[alpha == 1], halves(0)[alpha == 1].astype(np.float32))
    # What was written is read as ACEScg again.
    assert cv2.imwrite(str(files.folder / "grey.png"), np.full(SIZE, 255, np.uint8))
    again = files.compose(
        "black", "again.exr", plate=files.folder / "out.exr", mattes=files.folder / "grey.png"
    )
    assert again.colour_space == "acescg"
    np.testing.assert_array_equal(read_rgb(files.folder / "again.exr"), result)


def test_a_background_in_another_light_is_converted(files: Files) -> None:
    write_rgb(files.folder / "plate.exr", halves(0), chromaticities=ACESCG)
    files.mattes(np.zeros(SIZE, np.float32))
    # Rec.709's red, in sRGB, is .6131, .0702, .0206 in ACEScg (ACES documents).
    assert cv2.imwrite(str(files.folder / "red.png"), np.full((*SIZE, 3), (0, 0, 255), np.uint8))
    files.compose(files.folder / "red.png")
    np.testing.assert_allclose(read_rgb(files.folder / "out.exr")[0, 0], [0.6131, 0.0702, 0.0206], atol=5e-4)
    files.compose(files.folder / "red.png", background_colour_space="acescg")
    np.testing.assert_array_equal(read_rgb(files.folder / "out.exr")[0, 0], [1, 0, 0])
    # And the plate by the user's word.
    files.mattes(np.ones(SIZE, np.float32))
    done = files.compose("black", plate=files.folder / "red.png", colour_space="acescg")
    assert done.colour_space == "acescg"
    np.testing.assert_array_equal(read_rgb(files.folder / "out.exr")[0, 0], [1, 0, 0])


def test_without_a_background_it_is_the_cut_out(files: Files) -> None:
    alpha = some_alpha(3)
    files.mattes(alpha)
    files.compose(None)
    expected = alpha[..., None] * halves(0).astype(np.float32)
    np.testing.assert_allclose(read_rgb(files.folder / "out.exr"), expected, rtol=2**-11, atol=1e-6)
    np.testing.assert_array_equal(read_rgb(files.folder / "out.exr", "A")[..., 0], alpha)
    write_rgb(files.folder / "plate.exr", np.full((*SIZE, 3), 0.5, np.float16))
    files.compose(None, "out.png")
    stored = cv2.imread(str(files.folder / "out.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored[..., 3], np.rint(alpha * 65535))
    assert np.abs(stored[alpha > 0][:, :3].astype(int) - 188 * 257).max() < 257
    assert (stored[alpha == 0] == 0).all()


def test_slots_are_chosen(files: Files) -> None:
    alphas = [np.zeros(SIZE, np.float32) for _ in range(2)]
    alphas[0][:, :20], alphas[1][:, 40:] = 1, 1
    files.mattes(*alphas)
    done = files.compose("black", slots=("dog_02",))
    assert done.slots == ("sm_dog_02",)
    result = read_rgb(files.folder / "out.exr")
    assert (result[:, :40] == 0).all()
    np.testing.assert_array_equal(result[:, 40:], halves(0)[:, 40:].astype(np.float32))
    with pytest.raises(UnknownNameError, match="Unknown slot 'cat'"):
        files.compose("black", "no.exr", slots=("cat",))
    assert not (files.folder / "no.exr").exists()


def test_spread_layers_are_no_objects(files: Files) -> None:
    alpha = some_alpha(3)
    matte = matte_of(alpha, "sm_dog_01")
    doubtful = Matte(matte.instance, matte.crop, matte.window, np.ones(SIZE, np.float32))
    plate = Plate(np.zeros((*SIZE, 3), np.float32))
    write_layers(files.folder / "plate.mattes.exr", plate, [doubtful], HEADER, spread=True)
    assert files.compose("black").slots == ("sm_dog_01",)
    solid = read_rgb(files.folder / "out.exr")[alpha == 0]
    assert (solid == 0).all()


def test_nothing_found_leaves_the_background(files: Files) -> None:
    plate = Plate(np.zeros((*SIZE, 3), np.float32))
    write_layers(files.folder / "plate.mattes.exr", plate, [], HEADER)
    done = files.compose(files.folder / "background.exr")
    assert done.slots == ()
    assert "'plate.mattes.exr' has no objects: only what lies behind them is seen." in files.notices
    np.testing.assert_array_equal(read_rgb(files.folder / "out.exr"), halves(1).astype(np.float32))


def test_a_grey_alpha_is_taken_for_a_plate_of_its_size(files: Files) -> None:
    grey = np.random.default_rng(0).integers(0, 65536, SIZE, np.uint16)
    assert cv2.imwrite(str(files.folder / "grey.png"), grey)
    data = Box(5, 6, 65, 46)
    write_rgb(files.folder / "plate.exr", halves(0), data, Box(0, 0, 70, 50))
    files.compose("black", mattes=files.folder / "grey.png")
    expected = grey[..., None] / 65535 * halves(0).astype(np.float64)
    np.testing.assert_allclose(read_rgb(files.folder / "out.exr"), expected, rtol=1e-3, atol=1e-6)


def test_alphas_beyond_their_range_are_clipped_and_told(files: Files) -> None:
    odd = np.full(SIZE, 0.5, np.float32)
    odd[0, :4] = 1.5, -0.25, np.nan, np.inf
    channels = {"sm_dog_01.A": odd}
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as file:
        file.write(str(files.folder / "plate.mattes.exr"))
    write_rgb(files.folder / "plate.exr", np.ones((*SIZE, 3), np.float16))
    files.compose("black")
    assert files.notices == ["4 pixels of 'plate.mattes.exr' outside 0..1 were clipped to it."]
    assert read_rgb(files.folder / "out.exr")[0, :5, 0].tolist() == [1, 0, 0, 1, 0.5]


@pytest.mark.parametrize(
    ("data", "display", "message"),
    [
        (
            Box(0, 0, 50, 40),
            Box(0, 0, 50, 40),
            r"they have a frame of \[0, 0, 50, 40\], the plate \[0, 0, 60, 40\]",
        ),
        (
            Box(1, 0, 61, 40),
            Box(0, 0, 60, 40),
            r"they have pixels at \[1, 0, 61, 40\], the plate \[0, 0, 60, 40\]",
        ),
    ],
)
def test_mattes_of_another_plate_are_refused(files: Files, data: Box, display: Box, message: str) -> None:
    alpha = np.ones((data.height, data.width), np.float32)
    plate = Plate(np.zeros((*alpha.shape, 3), np.float32), data_window=data, display_window=display)
    files.mattes(alpha, plate=plate)
    with pytest.raises(
        PlateError, match=f"are of another plate: {message}; give the mattes that were made of it"
    ):
        files.compose("black")


def test_a_grey_alpha_of_another_size_is_refused(files: Files) -> None:
    assert cv2.imwrite(str(files.folder / "grey.png"), np.zeros((40, 50), np.uint8))
    with pytest.raises(PlateError, match="they have 50x40, the plate 60x40"):
        files.compose("black", mattes=files.folder / "grey.png")


def test_mattes_of_another_frame_are_told(files: Files) -> None:
    write_rgb(files.folder / "plate.1002.exr", halves(0))
    plate = Plate(np.zeros((*SIZE, 3), np.float32))
    header = {"semantic_matte/plate": "plate", "semantic_matte/frame": 1001}
    write_layers(files.folder / "plate.mattes.exr", plate, [matte_of(some_alpha(0), "sm_dog_01")], header)
    files.compose("black", plate=files.folder / "plate.1002.exr")
    assert "'plate.mattes.exr' says that it was made of plate 'plate', frame 1001." in files.notices
    write_rgb(files.folder / "plate.1001.exr", halves(0))
    files.compose("black", plate=files.folder / "plate.1001.exr")
    assert not [notice for notice in files.notices if "made of plate" in notice]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"result": "plate.exr"}, "would overwrite its own source"),
        ({"result": "plate.mattes.exr"}, "would overwrite its own source"),
        ({"result": "background.exr"}, "would overwrite its own source"),
        ({"result": "plate.foreground.exr"}, "would overwrite its own source"),
        ({"result": "out.bmp"}, r"one of \.exr, \.png"),
        ({"result": "out.jpg", "over": None}, "can't be written with alpha"),
        ({"foreground": Path("plate.foreground.exr"), "plate_colours": True}, "not both"),
        ({"over": "1,2,1e999"}, "is no colour"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_read(
    files: Files, more: dict[str, Any], message: str
) -> None:
    files.mattes(some_alpha(0))
    (files.folder / "plate.foreground.exr").write_bytes(b"kept")
    before = {path.name: path.read_bytes() for path in files.folder.iterdir()}
    over = more.pop("over", files.folder / "background.exr")
    with pytest.raises(UsageError, match=message):
        files.compose(over, **more, colour_space="never looked at")
    assert {path.name: path.read_bytes() for path in files.folder.iterdir()} == before


def write_foreground(
    folder: Path, colours: dict[str, np.ndarray], window: Box = WHOLE, header: Any = None, name: str = ""
) -> Path:
    """NAME.foreground.exr with R, G, B and A for each slot, of a plate of SIZE."""
    channels = [
        Channel(f"{slot}.{part}", np.ascontiguousarray(pixels[..., index][window.slices]), window)
        for slot, pixels in colours.items()
        for index, part in enumerate("RGB")
    ]
    channels += [
        Channel(f"{slot}.A", np.ones((window.height, window.width), np.float32), window) for slot in colours
    ]
    path = folder / (name or "plate.foreground.exr")
    plate = Plate(np.zeros((*SIZE, 3), np.float32))
    write_exr(path, plate, channels, HEADER if header is None else header, window=window, what="foreground")
    return path


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 3))
def test_each_object_has_its_own_colours(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("own")
    files = Files(folder, [])
    write_rgb(folder / "plate.exr", halves(seed))
    write_rgb(folder / "background.exr", halves(seed + 1))
    alphas = np.stack([some_alpha(seed + 2 + index) for index in range(count)])
    own = np.stack([halves(seed + 7 + index) for index in range(count)])
    files.mattes(*alphas)
    path = write_foreground(folder, {f"sm_dog_{n + 1:02d}": own[n].astype(np.float32) for n in range(count)})
    done = files.compose(folder / "background.exr", foreground=path)
    assert done.colours == "foreground file"
    shares = alphas.astype(np.float64) / np.maximum(alphas.sum(axis=0, dtype=np.float64), 1)
    expected = (shares[..., None] * own.astype(np.float64)).sum(axis=0)
    expected += (1 - shares.sum(axis=0))[..., None] * halves(seed + 1).astype(np.float64)
    result = read_rgb(folder / "out.exr")
    np.testing.assert_allclose(result, expected, rtol=2**-11, atol=1e-3)
    empty = alphas.sum(axis=0) == 0
    np.testing.assert_array_equal(result[empty], halves(seed + 1)[empty].astype(np.float32))


def test_colours_beside_the_mattes_are_taken_if_they_are_of_the_same_result(files: Files) -> None:
    files.mattes(np.ones(SIZE, np.float32))
    own = halves(3).astype(np.float32)
    write_foreground(files.folder, {"sm_dog_01": own})
    assert files.compose("black", plate_colours=False).colours == "foreground file"
    assert files.notices[-1] == "Colours are taken from 'plate.foreground.exr' beside the mattes."
    np.testing.assert_array_equal(read_rgb(files.folder / "out.exr"), own)
    # Not if the artist wants the plate's.
    assert files.compose("black").colours == "plate"


@pytest.mark.parametrize(
    ("header", "slot", "notice"),
    [
        ({**HEADER, "semantic_matte/settings": "other"}, "sm_dog_01", "is of another result than the mattes"),
        ({"semantic_matte/plate": "plate"}, "sm_dog_01", "is of another result than the mattes"),
        (HEADER, "sm_cat_01", "has no colours of sm_dog_01: give the file of this result."),
    ],
)
def test_colours_of_another_result(files: Files, header: dict[str, str], slot: str, notice: str) -> None:
    files.mattes(np.ones(SIZE, np.float32))
    path = write_foreground(files.folder, {slot: halves(3).astype(np.float32)}, header=header)
    assert files.compose("black", plate_colours=False).colours == "unmixed"
    (said,) = [one for one in files.notices if notice in one]
    assert "unmixed here" in said
    np.testing.assert_array_equal(read_rgb(files.folder / "out.exr"), halves(0).astype(np.float32))
    # Whoever names the file gets it, or an error.
    if slot == "sm_dog_01":
        assert files.compose("black", foreground=path).colours == "foreground file"
        assert "'plate.foreground.exr' does not say that it is of the same result" in files.notices[-1]
    else:
        with pytest.raises(PlateError, match="has no colours of sm_dog_01"):
            files.compose("black", foreground=path)


def test_colours_in_another_light_are_converted(files: Files) -> None:
    files.mattes(np.ones(SIZE, np.float32))
    red = np.full((*SIZE, 3), (1, 0, 0), np.float32)
    path = write_foreground(
        files.folder, {"sm_dog_01": red}, header={**HEADER, "oiio:ColorSpace": "lin_ap1_scene"}
    )
    files.compose("black", foreground=path)
    expected = convert(red[:1, :1], "acescg", "scene_linear_rec709")[0, 0]
    np.testing.assert_allclose(read_rgb(files.folder / "out.exr")[0, 0], expected, rtol=2**-10)


def test_colours_that_end_before_the_alphas_are_refused(files: Files) -> None:
    alpha = np.zeros(SIZE, np.float32)
    alpha[5:20, 10:30] = 1
    files.mattes(alpha)
    own = {"sm_dog_01": halves(3).astype(np.float32)}
    path = write_foreground(files.folder, own, Box(10, 5, 30, 20))
    files.compose("black", foreground=path)
    path = write_foreground(files.folder, own, Box(10, 5, 29, 20))
    with pytest.raises(PlateError, match=r"do not reach as far as the mattes .* or --plate-colours"):
        files.compose("black", foreground=path)


def test_colours_that_are_no_numbers_are_refused(files: Files) -> None:
    files.mattes(np.ones(SIZE, np.float32))
    pixels = np.ones(SIZE, np.float16)
    pixels[3, 3] = np.nan
    channels = {f"sm_dog_01.{part}": pixels for part in "RGBA"}
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as file:
        file.write(str(files.folder / "own.exr"))
    with pytest.raises(PlateError, match="has NaN or infinity"):
        files.compose("black", foreground=files.folder / "own.exr")


@pytest.mark.parametrize("own_space", ["scene_linear_rec709", "acescg"])
def test_what_shows_through_an_edge_is_taken_out(files: Files, photos: Path, own_space: str) -> None:
    # A disc of coffee with a wide soft edge before a green screen, with the truth known.
    own = read_plate(photos / "coffee.png").pixels[80:240, 160:400]
    size = own.shape[:2]
    rows, columns = np.indices(size)
    alpha = ((60 - np.hypot(rows - 80, columns - 120)) / 20 + 0.5).clip(0, 1)
    alpha = (np.rint(alpha * 64) / 64).astype(np.float32)
    share = alpha[..., None]
    light = share * own + (1 - share) * np.array([0.02, 0.5, 0.05], np.float32)
    tags = {"chromaticities": ACESCG} if own_space == "acescg" else {}
    plate = convert(light, "scene_linear_rec709", own_space)
    write_rgb(files.folder / "plate.exr", plate, Box.of_frame(*size), Box.of_frame(*size), **tags)
    files.mattes(alpha)
    behind = (0.3, 0.3, 0.35)
    truth = share * convert(own, "scene_linear_rec709", own_space) + (1 - share) * np.array(behind)
    errors = {}
    for plate_colours in (False, True):
        done = files.compose("0.3,0.3,0.35", plate_colours=plate_colours)
        assert done.colours == ("plate" if plate_colours else "unmixed")
        error = np.abs(read_rgb(files.folder / "out.exr") - truth)
        assert error[(alpha == 0) | (alpha == 1)].max() < 1e-3
        errors[plate_colours] = float(error[(alpha > 0) & (alpha < 1)].mean())
    assert errors[False] < 0.25 * errors[True]
