"""The layers file, read back by the OpenEXR library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from semantic_matte.errors import OutputError
from semantic_matte.outputs import exr_files
from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Box, Plate

PLATE = Plate(
    np.zeros((53, 70, 3), np.float32),
    data_window=Box(-7, -4, 63, 49),
    display_window=Box(0, 0, 56, 40),
    pixel_aspect=2.0,
    view="left",
)


def read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        pixels = {name: channel.pixels.copy() for name, channel in file.channels().items()}
        return dict(file.header()), pixels


def test_alphas_windows_and_header(tmp_path: Path, make_matte) -> None:
    first = make_matte(PLATE.size, Box(0, 0, 30, 53), "sm_person_01")
    second = make_matte(PLATE.size, Box(25, 10, 70, 20), "sm_dog_01")
    write_layers(tmp_path / "m.exr", PLATE, [first, second], {"semanticMatte/seed": 7, "who": "x"})
    header, channels = read(tmp_path / "m.exr")
    assert sorted(channels) == ["sm_dog_01.A", "sm_person_01.A"]
    for matte in (first, second):
        assert channels[f"{matte.slot}.A"].dtype == np.float16
        np.testing.assert_array_equal(channels[f"{matte.slot}.A"], matte.alpha)
    assert [corner.tolist() for corner in header["dataWindow"]] == [[-7, -4], [62, 48]]
    assert [corner.tolist() for corner in header["displayWindow"]] == [[0, 0], [55, 39]]
    assert header["pixelAspectRatio"] == 2.0
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert (header["view"], header["semanticMatte/seed"], header["who"]) == ("left", 7, "x")


def test_no_date_and_the_same_bytes_each_time(
    tmp_path: Path, make_matte, monkeypatch: pytest.MonkeyPatch
) -> None:
    matte = make_matte(PLATE.size, Box(3, 3, 60, 50))
    for name in ("a.exr", "b.exr"):
        write_layers(tmp_path / name, PLATE, [matte], {"b": 1, "a": 0.5})
        monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()
    header, _ = read(tmp_path / "a.exr")
    assert not {"capDate", "DateTime", "Software", "software"} & set(header)


@pytest.mark.parametrize("bytes_at_work", [1, 70 * 2 * 2 * 16, 70 * 2 * 2 * 40])
def test_blocks_join_without_a_seam(
    tmp_path: Path, make_matte, monkeypatch: pytest.MonkeyPatch, bytes_at_work: int
) -> None:
    mattes = [
        make_matte(PLATE.size, Box(1, 13, 69, 52), "sm_a_01"),
        make_matte(PLATE.size, Box(0, 31, 5, 33), "sm_b_01"),
    ]
    write_layers(tmp_path / "whole.exr", PLATE, mattes, {})
    monkeypatch.setattr(exr_files, "_BYTES_AT_WORK", bytes_at_work)
    write_layers(tmp_path / "blocks.exr", PLATE, mattes, {})
    assert (tmp_path / "whole.exr").read_bytes() == (tmp_path / "blocks.exr").read_bytes()
    _, channels = read(tmp_path / "blocks.exr")
    for matte in mattes:
        np.testing.assert_array_equal(channels[f"{matte.slot}.A"], matte.alpha)


def test_nothing_found_gives_one_layer_of_zeros(tmp_path: Path) -> None:
    write_layers(tmp_path / "m.exr", PLATE, [], {})
    _, channels = read(tmp_path / "m.exr")
    assert list(channels) == ["sm_none_00.A"]
    assert not channels["sm_none_00.A"].any()


def test_spread_is_a_layer_of_its_own(tmp_path: Path, make_matte) -> None:
    sampled = make_matte(PLATE.size, Box(5, 5, 20, 20), "sm_a_01", spread=0.25)
    single = make_matte(PLATE.size, Box(5, 5, 20, 20), "sm_b_01")
    write_layers(tmp_path / "m.exr", PLATE, [single, sampled], {}, spread=True)
    _, channels = read(tmp_path / "m.exr")
    assert sorted(channels) == ["sm_a_01.A", "sm_a_01_spread.A", "sm_b_01.A", "sm_b_01_spread.A"]
    np.testing.assert_array_equal(channels["sm_a_01_spread.A"], sampled.spread)
    np.testing.assert_array_equal(channels["sm_a_01.A"], sampled.alpha)
    assert not channels["sm_b_01_spread.A"].any()


def test_order_of_mattes_makes_no_difference(tmp_path: Path, make_matte) -> None:
    mattes = [make_matte(PLATE.size, Box(n, 0, n + 9, 50), f"sm_a_{n:02d}") for n in (1, 2, 3)]
    write_layers(tmp_path / "a.exr", PLATE, mattes, {})
    write_layers(tmp_path / "b.exr", PLATE, mattes[::-1], {})
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


@pytest.mark.parametrize(
    ("name", "size", "slots", "said"),
    [
        ("m.png", (53, 70), ["sm_a_01"], r"ends in \.exr"),
        ("m.exr", (53, 70), ["sm_a_01", "sm_a_01"], "two mattes have the same slot"),
        ("m.exr", (53, 70), [""], "no slot name"),
        ("m.exr", (50, 70), ["sm_a_01"], "frame of 70x50, the plate is 70x53"),
    ],
)
def test_refusals(
    tmp_path: Path, make_matte, name: str, size: tuple[int, int], slots: list[str], said: str
) -> None:
    mattes = [make_matte(size, Box(0, 0, 9, 9), slot) for slot in slots]
    with pytest.raises(OutputError, match=said):
        write_layers(tmp_path / name, PLATE, mattes, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (17, 3)])
def test_any_size(tmp_path: Path, make_matte, size: tuple[int, int]) -> None:
    matte = make_matte(size, Box(0, 0, size[1], size[0]))
    write_layers(tmp_path / "m.exr", Plate(np.zeros((*size, 3), np.float32)), [matte], {})
    _, channels = read(tmp_path / "m.exr")
    np.testing.assert_array_equal(channels["sm_person_01.A"], matte.alpha)


@pytest.mark.parametrize("data_window", ["centred", "tight", "plate"])
@pytest.mark.parametrize("storage", ["scanline", "tiled"])
def test_every_layer_comes_back_bit_for_bit(
    tmp_path: Path, make_matte, read_exr, data_window: str, storage: str
) -> None:
    mattes = [
        make_matte(PLATE.size, Box(20, 9, 50, 30), "sm_a_01", spread=0.25),
        make_matte(PLATE.size, Box(25, 14, 41, 36), "sm_b_01"),
    ]
    place = tmp_path / "m.exr"
    assert write_layers(place, PLATE, mattes, {}, True, data_window=data_window, storage=storage) == []
    stored = read_exr(place)
    # Alphas don't reach the corners of their windows, which all the same are covered; a border is added.
    windows = {"plate": PLATE.box, "tight": Box(18, 7, 52, 38), "centred": Box(18, 7, 52, 46)}
    window = windows[data_window]
    assert stored.data == window.shifted(-7, -4)
    assert stored.display == PLATE.display_window
    assert stored.tiles == ((64, 64) if storage == "tiled" else None)
    assert list(stored.channels) == ["sm_a_01.A", "sm_a_01_spread.A", "sm_b_01.A", "sm_b_01_spread.A"]
    for matte in mattes:
        for name, whole in ((matte.slot, matte.alpha), (f"{matte.slot}_spread", matte.spread)):
            layer = stored.channels[f"{name}.A"]
            assert layer.dtype == np.float16
            assert layer.tobytes() == whole[window.slices].astype(np.float16).tobytes()


def test_the_window_is_cut_to_alphas_and_not_to_their_windows(tmp_path: Path, make_matte, read_exr) -> None:
    """An estimator's window is wider than what it solved; a speck too small for half is nothing."""
    matte = make_matte(PLATE.size, Box(10, 5, 60, 50))
    alpha = np.zeros_like(matte.crop)
    alpha[20:23, 17:22] = 0.5
    alpha[0, 0] = 2**-26
    matte = replace(matte, crop=alpha)
    write_layers(tmp_path / "m.exr", PLATE, [matte], {}, data_window="tight")
    assert read_exr(tmp_path / "m.exr").data == Box(25, 23, 34, 30).shifted(-7, -4)
    # A spread that is written counts too, one that isn't doesn't.
    spread = np.zeros_like(alpha)
    spread[25, 40] = 0.5
    matte = replace(matte, spread_crop=spread)
    for written, box in ((False, Box(25, 23, 34, 30)), (True, Box(25, 23, 53, 33))):
        write_layers(tmp_path / "m.exr", PLATE, [matte], {}, written, data_window="tight")
        assert read_exr(tmp_path / "m.exr").data == box.shifted(-7, -4)


@pytest.mark.parametrize("data_window", ["centred", "tight"])
@pytest.mark.parametrize("count", [0, 1])
def test_a_frame_without_alpha_has_a_small_window_in_the_middle(
    tmp_path: Path, make_matte, read_exr, data_window: str, count: int
) -> None:
    matte = make_matte(PLATE.size, Box(10, 5, 60, 50))
    mattes = [replace(matte, crop=np.zeros_like(matte.crop))] * count
    write_layers(tmp_path / "m.exr", PLATE, mattes, {}, data_window=data_window)
    stored = read_exr(tmp_path / "m.exr")
    assert stored.data == Box(32, 24, 38, 29).shifted(-7, -4)
    ((name, layer),) = stored.channels.items()
    assert name == ("sm_person_01.A" if count else "sm_none_00.A")
    assert not layer.any()


def test_a_timecode_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    notices = write_layers(tmp_path / "m.exr", replace(PLATE, timecode="noon"), [], {})
    assert notices == ["The timecode 'noon' is none that EXR can hold and was left out."]
