"""The file of objects' own colours, read back by the OpenEXR library and by OpenImageIO."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from semantic_matte.errors import OutputError, UnknownNameError
from semantic_matte.outputs.foregrounds import write_foregrounds
from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Box, Foreground, Matte, Plate

SPACE = "scene_linear_rec709"
PLATE = Plate(
    np.zeros((53, 70, 3), np.float32),
    data_window=Box(-7, -4, 63, 49),
    display_window=Box(0, 0, 56, 40),
    pixel_aspect=2.0,
    view="left",
    timecode="01:02:03:04",
)


def read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        pixels = {name: channel.pixels.copy() for name, channel in file.channels().items()}
        return dict(file.header()), pixels


def foreground_of(matte: Matte, margin: int = 8, space: str = SPACE, seed: int = 0) -> Foreground:
    """Colours that half holds exactly, below 0 and far above 1 too."""
    window = matte.window.padded(margin).intersection(PLATE.box)
    assert window is not None
    random = np.random.default_rng(seed)
    crop = (random.integers(-512, 2048, (window.height, window.width, 3)) / 64).astype(np.float32)
    crop[0, 0] = (1000, -0.5, 0)
    return Foreground(matte, crop, window, space)


def whole(foreground: Foreground) -> np.ndarray:
    frame = np.zeros((*foreground.matte.frame_size, 3), np.float32)
    frame[foreground.window.slices] = foreground.crop
    return frame


def test_colours_alphas_windows_and_header(tmp_path: Path, make_matte) -> None:
    mattes = [
        make_matte(PLATE.size, Box(0, 0, 30, 53), "sm_person_01"),
        make_matte(PLATE.size, Box(25, 10, 70, 20), "sm_dog_01"),
    ]
    found = [foreground_of(matte, seed=seed) for seed, matte in enumerate(mattes)]
    notices = write_foregrounds(
        tmp_path / "f.exr", PLATE, iter(found), {"semantic_matte/settings": "abc"}, data_window="plate"
    )
    assert notices == []
    header, channels = read(tmp_path / "f.exr")
    assert sorted(channels) == [f"{slot}.{part}" for slot in ("sm_dog_01", "sm_person_01") for part in "ABGR"]
    for foreground in found:
        for index, part in enumerate("RGB"):
            pixels = channels[f"{foreground.matte.slot}.{part}"]
            assert pixels.dtype == np.float16
            np.testing.assert_array_equal(pixels, whole(foreground)[..., index])
    assert [corner.tolist() for corner in header["dataWindow"]] == [[-7, -4], [62, 48]]
    assert [corner.tolist() for corner in header["displayWindow"]] == [[0, 0], [55, 39]]
    assert (header["pixelAspectRatio"], header["view"]) == (2.0, "left")
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert header["semantic_matte/settings"] == "abc"
    # The same bits as in the file of mattes, so that either alpha is good with these colours.
    write_layers(tmp_path / "m.exr", PLATE, mattes, {})
    _, layers = read(tmp_path / "m.exr")
    for name, pixels in layers.items():
        assert channels[name].tobytes() == pixels.tobytes()


@pytest.mark.parametrize(
    ("space", "primaries"),
    [(SPACE, (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)), ("acescg", (0.713, 0.293, 0.165, 0.83, 0.128, 0.044))],
)
def test_the_header_names_the_colour_space(tmp_path: Path, make_matte, space: str, primaries) -> None:
    found = [foreground_of(make_matte(PLATE.size, Box(5, 5, 40, 40)), space=space)]
    write_foregrounds(tmp_path / "f.exr", PLATE, found, {})
    header, _ = read(tmp_path / "f.exr")
    assert header["semantic_matte/colour_space"] == space
    np.testing.assert_allclose(np.ravel(header["chromaticities"])[:6], primaries, atol=1e-6)
    # What a host that knows colour spaces takes these pixels for, which is what they are.
    spec = OpenImageIO.ImageInput.open(str(tmp_path / "f.exr")).spec()
    config = OpenImageIO.ColorConfig()
    assert config.equivalent(
        spec.get_string_attribute("oiio:ColorSpace"), {SPACE: "lin_rec709"}.get(space, space)
    )


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
@pytest.mark.parametrize("data_window", ["centred", "tight"])
def test_a_cut_window_loses_nothing(tmp_path: Path, make_matte, data_window, storage) -> None:
    found = [foreground_of(make_matte(PLATE.size, Box(30, 20, 40, 30)), margin=3)]
    write_foregrounds(tmp_path / "f.exr", PLATE, found, {}, data_window=data_window, storage=storage)
    header, channels = read(tmp_path / "f.exr")
    (x0, y0), (x1, y1) = (corner.tolist() for corner in header["dataWindow"])
    assert (x1 - x0 + 1) * (y1 - y0 + 1) < 0.6 * 53 * 70
    assert ("tiles" in header) == (storage == "tiled")
    placed = np.zeros((53, 70, 3), np.float32)
    inside = placed[y0 + 4 : y1 + 5, x0 + 7 : x1 + 8]
    for index, part in enumerate("RGB"):
        inside[..., index] = channels[f"sm_person_01.{part}"]
    np.testing.assert_array_equal(placed, whole(found[0]))


def test_light_beyond_half_is_clamped_and_told(tmp_path: Path, make_matte) -> None:
    foreground = foreground_of(make_matte(PLATE.size, Box(5, 5, 40, 40)))
    foreground.crop[3, 4] = (1e6, 70000, -1e9)
    foreground.crop[5, 5] = (2, 65504, 3)
    (notice,) = write_foregrounds(tmp_path / "f.exr", PLATE, [foreground], {}, data_window="plate")
    assert "foreground colours" in notice
    assert "65504" in notice
    _, channels = read(tmp_path / "f.exr")
    y, x = foreground.window.y0 + 3, foreground.window.x0 + 4
    assert [float(channels[f"sm_person_01.{part}"][y, x]) for part in "RGB"] == [65504, 65504, -65504]


def test_the_same_bytes_each_time(tmp_path: Path, make_matte) -> None:
    for name in ("a.exr", "b.exr"):
        found = [foreground_of(make_matte(PLATE.size, Box(3, 3, 60, 50)))]
        write_foregrounds(tmp_path / name, PLATE, found, {"b": 1, "a": 0.5})
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


def test_no_object_gives_a_layer_of_zeros(tmp_path: Path) -> None:
    write_foregrounds(tmp_path / "f.exr", PLATE, [], {})
    _, channels = read(tmp_path / "f.exr")
    assert sorted(channels) == [f"sm_none_00.{part}" for part in "ABGR"]
    assert not any(pixels.any() for pixels in channels.values())


def test_what_cannot_be_written(tmp_path: Path, make_matte) -> None:
    good = foreground_of(make_matte(PLATE.size, Box(3, 3, 60, 50)))
    unnamed = replace(good, matte=make_matte(PLATE.size, Box(3, 3, 60, 50), slot=""))
    elsewhere = replace(good, matte=make_matte((60, 80), Box(3, 3, 60, 50), "sm_dog_01"))
    other_space = replace(
        foreground_of(make_matte(PLATE.size, Box(3, 3, 60, 50), "sm_dog_01")), colour_space="acescg"
    )
    broken = foreground_of(make_matte(PLATE.size, Box(3, 3, 60, 50)))
    broken.crop[2, 2, 1] = np.nan
    for found, said in [
        ([unnamed], "no slot name"),
        ([elsewhere], "a frame of 80x60"),
        ([good, good], "two foregrounds have the same slot name"),
        ([good, other_space], "one colour space, got acescg, scene_linear_rec709"),
        ([broken], "NaN"),
    ]:
        with pytest.raises(OutputError, match=said):
            write_foregrounds(tmp_path / "f.exr", PLATE, found, {})
    with pytest.raises(UnknownNameError, match="nowhere"):
        write_foregrounds(tmp_path / "f.exr", PLATE, [replace(good, colour_space="nowhere")], {})
    with pytest.raises(OutputError, match=r"ends in \.exr"):
        write_foregrounds(tmp_path / "f.png", PLATE, [good], {})
    assert list(tmp_path.iterdir()) == []
