"""The Cryptomatte's file: read back by a decoder of our own, by OpenImageIO, and by PyPI's cryptomatte-api."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from semantic_matte.errors import OutputError
from semantic_matte.outputs import cryptomatte
from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.cryptomatte_names import object_id
from semantic_matte.outputs.windows import written_window
from semantic_matte.overlaps import make_consistent
from semantic_matte.types import Box, Plate

PLATE = Plate(
    np.zeros((53, 70, 3), np.float32),
    data_window=Box(-7, -4, 63, 49),
    display_window=Box(0, 0, 56, 40),
    pixel_aspect=2.0,
    view="left",
)


def random_mattes(matte_of, count: int, seed: int = 0, scale: float = 1.0):
    """Mattes in random windows of PLATE, with a third of their pixels empty."""
    random = np.random.default_rng(seed)
    mattes = []
    for number in range(count):
        x, y = random.integers(0, 50), random.integers(0, 40)
        window = Box(int(x), int(y), int(random.integers(x + 1, 71)), int(random.integers(y + 1, 54)))
        alpha = random.random((window.height, window.width)) * scale
        alpha[random.random(alpha.shape) < 0.3] = 0
        mattes.append(matte_of(PLATE.size, f"sm_thing_{number:02d}", alpha, window))
    return mattes


def on_plate(header: dict, pixels: np.ndarray) -> np.ndarray:
    """Pixels of a file's data window, laid on PLATE's."""
    assert PLATE.data_window is not None
    low, high = header["dataWindow"]
    window = Box(int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1).relative_to(PLATE.data_window)
    whole = np.zeros((*PLATE.size, *pixels.shape[2:]), pixels.dtype)
    whole[window.slices] = pixels
    return whole


def test_coverage_is_the_alpha_to_the_bit(tmp_path: Path, reader, matte_of) -> None:
    mattes = random_mattes(matte_of, 7, scale=1 / 7)
    assert write_cryptomatte(tmp_path / "c.exr", PLATE, mattes, {}) == []
    decoded = reader.decode(tmp_path / "c.exr")
    assert decoded.name == "SemanticMatte"
    assert decoded.manifest == {matte.slot: f"{reader.id_of(matte.slot):08x}" for matte in mattes}
    for matte in mattes:
        found = on_plate(decoded.header, decoded.coverage_of(matte.slot))
        np.testing.assert_array_equal(found, matte.alpha)


def test_the_header_is_the_plates(tmp_path: Path, reader, matte_of) -> None:
    matte = matte_of(PLATE.size, "sm_a_01", np.ones((10, 20)), Box(30, 5, 50, 15))
    write_cryptomatte(tmp_path / "c.exr", PLATE, [matte], {"semantic_matte/seed": 7, "who": "x"})
    header = reader.decode(tmp_path / "c.exr").header
    assert [corner.tolist() for corner in header["displayWindow"]] == [[0, 0], [55, 39]]
    assert header["pixelAspectRatio"] == 2.0
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert (header["view"], header["semantic_matte/seed"], header["who"]) == ("left", 7, "x")
    assert not {"capDate", "DateTime", "Software", "software"} & set(header)


@pytest.mark.parametrize("choice", ["centred", "tight", "plate"])
def test_data_windows(tmp_path: Path, reader, matte_of, choice: str) -> None:
    """Pixels that are not 0 say what is covered, not the matte's window."""
    alpha = np.pad(np.ones((10, 20)), ((3, 1), (2, 5)))
    matte = matte_of(PLATE.size, "sm_a_01", alpha, Box(28, 2, 55, 16))
    write_cryptomatte(tmp_path / "c.exr", PLATE, [matte], {}, data_window=choice)
    decoded = reader.decode(tmp_path / "c.exr")
    window = written_window(PLATE, [Box(30, 5, 50, 15)], choice).shifted(-7, -4)
    low, high = decoded.header["dataWindow"]
    assert [*low.tolist(), *(high + 1).tolist()] == window.as_list()
    np.testing.assert_array_equal(on_plate(decoded.header, decoded.coverage_of("sm_a_01")), matte.alpha)


def test_most_coverage_first_and_ties_in_the_order_of_names(tmp_path: Path, reader, matte_of) -> None:
    alphas = {"sm_d_01": 0.25, "sm_b_01": 0.125, "sm_a_01": 0.125, "sm_c_01": 0.5}
    mattes = [matte_of(PLATE.size, slot, np.full(PLATE.size, value)) for slot, value in alphas.items()]
    write_cryptomatte(tmp_path / "c.exr", PLATE, mattes, {})
    decoded = reader.decode(tmp_path / "c.exr")
    assert decoded.coverages.shape[2] == 4
    assert (decoded.coverages == np.float32([0.5, 0.25, 0.125, 0.125])).all()
    expected = [reader.id_of(name) for name in ("sm_c_01", "sm_d_01", "sm_a_01", "sm_b_01")]
    assert (decoded.ids == np.array(expected, np.uint32)).all()


@pytest.mark.parametrize(("count", "ranks"), [(0, 2), (1, 2), (2, 2), (3, 4), (5, 6)])
def test_as_many_layers_as_the_fullest_pixel_needs(
    tmp_path: Path, reader, matte_of, count: int, ranks: int
) -> None:
    """Eight objects at most pixels' side by side, `count` of them on one pixel."""
    mattes = []
    for number in range(8):
        alpha = np.zeros(PLATE.size)
        alpha[10, number] = 0.1
        alpha[40, 60] = 0.1 if number < count else 0
        mattes.append(matte_of(PLATE.size, f"sm_a_{number:02d}", alpha))
    write_cryptomatte(tmp_path / "c.exr", PLATE, mattes, {})
    decoded = reader.decode(tmp_path / "c.exr")
    assert decoded.ids.shape[2] == ranks
    for matte in mattes:
        found = on_plate(decoded.header, decoded.coverage_of(matte.slot))
        np.testing.assert_array_equal(found, matte.alpha)


@pytest.mark.parametrize("order", [1, -1])
def test_sums_over_one_are_shared_as_overlaps_shares_them(tmp_path: Path, reader, matte_of, order: int) -> None:
    mattes = random_mattes(matte_of, 9)
    assert sum(matte.alpha for matte in mattes).max() > 2
    write_cryptomatte(tmp_path / "c.exr", PLATE, mattes[::order], {})
    decoded = reader.decode(tmp_path / "c.exr")
    assert decoded.coverages.sum(axis=2).max() <= 1 + 1e-6
    for matte in make_consistent(mattes):
        found = on_plate(decoded.header, decoded.coverage_of(matte.slot))
        np.testing.assert_array_equal(found, matte.alpha)


def test_what_was_made_consistent_before_keeps_every_bit(tmp_path: Path, reader, matte_of) -> None:
    """Sums that pass 1 by rounding alone are not shared out again."""
    mattes = make_consistent(random_mattes(matte_of, 9))
    assert sum(matte.alpha for matte in mattes).max() > 1
    write_cryptomatte(tmp_path / "c.exr", PLATE, mattes, {})
    decoded = reader.decode(tmp_path / "c.exr")
    for matte in mattes:
        found = on_plate(decoded.header, decoded.coverage_of(matte.slot))
        np.testing.assert_array_equal(found, matte.alpha)


@pytest.mark.parametrize("count", [64, 65, 70])
def test_a_pixel_holds_64_objects(tmp_path: Path, reader, matte_of, count: int) -> None:
    """One row has all of them, another half of them; the weakest of the full row are dropped, and said."""
    strengths = np.random.default_rng(1).permutation(count) + 1
    mattes = []
    for number, strength in enumerate(strengths):
        alpha = np.zeros(PLATE.size)
        alpha[20] = strength / 4096
        alpha[21] = strength / 4096 if number % 2 else 0
        mattes.append(matte_of(PLATE.size, f"sm_a_{number:02d}", alpha))
    notices = write_cryptomatte(tmp_path / "c.exr", PLATE, mattes, {})
    decoded = reader.decode(tmp_path / "c.exr")
    assert decoded.ids.shape[2] == 64
    for matte, strength in zip(mattes, strengths, strict=True):
        expected = matte.alpha
        if strength <= count - 64:
            expected[20] = 0
        found = on_plate(decoded.header, decoded.coverage_of(matte.slot))
        np.testing.assert_array_equal(found, expected)
    assert len(decoded.manifest) == count
    if count == 64:
        assert notices == []
    else:
        assert len(notices) == 1
        assert "70 pixels have more than the 64 objects" in notices[0]
        assert f"{70 * (count - 64)} in all" in notices[0]


def test_objects_without_pixels_are_in_the_manifest(tmp_path: Path, reader, matte_of) -> None:
    mattes = [
        matte_of(PLATE.size, "sm_empty_01", np.zeros((9, 9)), Box(0, 0, 9, 9)),
        matte_of(PLATE.size, "sm_full_01", np.ones((5, 5)), Box(40, 40, 45, 45)),
    ]
    write_cryptomatte(tmp_path / "c.exr", PLATE, mattes, {})
    decoded = reader.decode(tmp_path / "c.exr")
    assert list(decoded.manifest) == ["sm_empty_01", "sm_full_01"]
    assert not decoded.coverage_of("sm_empty_01").any()
    assert set(np.unique(decoded.ids)) == {0, reader.id_of("sm_full_01")}


def test_nothing_found_gives_an_empty_cryptomatte(tmp_path: Path, reader) -> None:
    assert write_cryptomatte(tmp_path / "c.exr", PLATE, [], {}) == []
    decoded = reader.decode(tmp_path / "c.exr")
    assert decoded.manifest == {}
    assert decoded.ids.shape[2] == 2
    assert not decoded.ids.any()
    assert not decoded.coverages.any()


def test_an_empty_cryptomatte_is_read_by_cryptomatte_api(tmp_path: Path, cryptomatte_api) -> None:
    write_cryptomatte(tmp_path / "c.exr", PLATE, [], {})
    (loaded,) = cryptomatte_api.Cryptomatte.load(str(tmp_path / "c.exr"))
    assert loaded.masks() == {}


@pytest.mark.parametrize(
    ("storage", "height", "left"), [("scanline", 53, 9), ("scanline", 130, 0), ("tiled", 130, 0)]
)
def test_read_by_cryptomatte_api(
    tmp_path: Path, matte_of, cryptomatte_api, storage: str, height: int, left: int
) -> None:
    """Tiles that are higher than the picture, or don't begin at x = 0, it can't read, whoever wrote them."""
    plate = Plate(np.zeros((height, 70, 3), np.float32), data_window=Box(left, -5, left + 70, height - 5))
    random = np.random.default_rng(3)
    mattes = [
        matte_of(
            plate.size, f"sm_a_{number:02d}", random.random(plate.size) * (random.random(plate.size) < 0.6)
        )
        for number in range(9)
    ]
    write_cryptomatte(tmp_path / "c.exr", plate, mattes, {}, data_window="plate", storage=storage)
    (loaded,) = cryptomatte_api.Cryptomatte.load(str(tmp_path / "c.exr"))
    masks = loaded.masks()
    assert sorted(masks) == [matte.slot for matte in mattes]
    for matte in make_consistent(mattes):
        for found in (masks[matte.slot], loaded.mask(matte.slot), loaded.mask(object_id(matte.slot))):
            np.testing.assert_allclose(found, matte.alpha, rtol=0, atol=1e-6)


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
def test_read_by_openimageio(tmp_path: Path, reader, matte_of, storage: str) -> None:
    mattes = random_mattes(matte_of, 5, seed=4)
    write_cryptomatte(tmp_path / "c.exr", PLATE, mattes, {}, storage=storage)
    decoded = reader.decode(tmp_path / "c.exr")
    picture = OpenImageIO.ImageBuf(str(tmp_path / "c.exr"))
    names = list(picture.spec().channelnames)
    pixels = picture.get_pixels(OpenImageIO.FLOAT)
    assert picture.spec().tile_width == (64 if storage == "tiled" else 0)
    for rank in range(decoded.ids.shape[2]):
        identity, coverage = ("RG", "BA")[rank % 2]
        layer = f"SemanticMatte{rank // 2:02d}"
        found = pixels[..., names.index(f"{layer}.{identity}")]
        np.testing.assert_array_equal(np.ascontiguousarray(found).view(np.uint32), decoded.ids[..., rank])
        found = pixels[..., names.index(f"{layer}.{coverage}")]
        np.testing.assert_array_equal(found, decoded.coverages[..., rank])


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
def test_strips_join_without_a_seam(
    tmp_path: Path, matte_of, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    plate = Plate(np.zeros((300, 40, 3), np.float32))
    random = np.random.default_rng(5)
    mattes = [
        matte_of(plate.size, f"sm_a_{number}", random.random((290 - 90 * number, 30)), window)
        for number, window in enumerate([Box(0, 5, 30, 295), Box(10, 50, 40, 250), Box(4, 99, 34, 209)])
    ]
    write_cryptomatte(tmp_path / "whole.exr", plate, mattes, {}, storage=storage)
    monkeypatch.setattr(cryptomatte, "_STRIP_BYTES", 1)
    write_cryptomatte(tmp_path / "strips.exr", plate, mattes, {}, storage=storage)
    assert (tmp_path / "whole.exr").read_bytes() == (tmp_path / "strips.exr").read_bytes()


def test_the_same_bytes_each_time_in_any_order(tmp_path: Path, matte_of) -> None:
    mattes = random_mattes(matte_of, 6, seed=6)
    write_cryptomatte(tmp_path / "a.exr", PLATE, mattes, {"b": 1, "a": 0.5})
    write_cryptomatte(tmp_path / "b.exr", PLATE, mattes[::-1], {"a": 0.5, "b": 1})
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


@pytest.mark.parametrize(
    ("name", "size", "slots", "said"),
    [
        ("c.png", (53, 70), ["sm_a_01"], r"ends in \.exr"),
        ("c.exr", (53, 70), ["sm_a_01", "sm_a_01"], "two mattes have the same slot"),
        ("c.exr", (53, 70), [""], "can't be the name"),
        ("c.exr", (50, 70), ["sm_a_01"], "frame of 70x50, the plate is 70x53"),
    ],
)
def test_refusals(
    tmp_path: Path, matte_of, name: str, size: tuple[int, int], slots: list[str], said: str
) -> None:
    mattes = [matte_of(size, slot, np.ones(size)) for slot in slots]
    with pytest.raises(OutputError, match=said):
        write_cryptomatte(tmp_path / name, PLATE, mattes, {})
    assert list(tmp_path.iterdir()) == []


def test_memory_follows_the_strip_and_not_the_mattes(tmp_path: Path, matte_of) -> None:
    """Forty mattes of the whole frame that overlap everywhere two by two: no copy of them is made."""
    size = (1000, 1500)
    alpha = np.full(size, 0.75, np.float32)
    shared = [np.where(np.indices(size)[0] // 50 == number // 2, alpha, 0) for number in range(40)]
    mattes = [matte_of(size, f"sm_a_{number:02d}", layer) for number, layer in enumerate(shared)]
    tracemalloc.start()
    write_cryptomatte(tmp_path / "c.exr", Plate(np.zeros((*size, 3), np.float32)), mattes, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * cryptomatte._STRIP_BYTES < sum(matte.crop.nbytes for matte in mattes) / 3
