"""The layers file, read back by the OpenEXR library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from semantic_matte.errors import OutputError
from semantic_matte.outputs import layers
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


@pytest.mark.parametrize("strip_bytes", [1, 70 * 2 * 2 * 16, 70 * 2 * 2 * 40])
def test_strips_join_without_a_seam(
    tmp_path: Path, make_matte, monkeypatch: pytest.MonkeyPatch, strip_bytes: int
) -> None:
    mattes = [
        make_matte(PLATE.size, Box(1, 13, 69, 52), "sm_a_01"),
        make_matte(PLATE.size, Box(0, 31, 5, 33), "sm_b_01"),
    ]
    write_layers(tmp_path / "whole.exr", PLATE, mattes, {})
    monkeypatch.setattr(layers, "_STRIP_BYTES", strip_bytes)
    write_layers(tmp_path / "strips.exr", PLATE, mattes, {})
    assert (tmp_path / "whole.exr").read_bytes() == (tmp_path / "strips.exr").read_bytes()
    _, channels = read(tmp_path / "strips.exr")
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


def test_memory_does_not_grow_with_the_number_of_mattes(make_matte) -> None:
    import tracemalloc

    size = (2000, 3000)
    all_layers = [
        layers._Layer(f"sm_a_{n:02d}.A", matte.crop, matte.window)
        for n in range(40)
        for matte in [make_matte(size, Box(0, 0, 30, 30))]
    ]
    tracemalloc.start()
    rows = sum(strip.shape[0] for strip in layers._strips(size, all_layers))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 2000
    assert peak < 3 * layers._STRIP_BYTES < 40 * 2000 * 3000 * 2
