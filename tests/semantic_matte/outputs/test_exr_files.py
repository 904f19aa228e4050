"""EXR files of many channels, read back by OpenImageIO and by OpenEXR's own reader."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.errors import OutputError
from semantic_matte.outputs import exr_files
from semantic_matte.outputs.exr_blocks import encoded_block
from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.types import Box, Plate

ReadExr = Callable[[Path], Any]

# As it is, overscan, underscan, beside its display window, and corners below 0.
PLATES = {
    "plain": (Box(0, 0, 90, 70), Box(0, 0, 90, 70)),
    "overscan": (Box(-10, -8, 80, 62), Box(0, 0, 70, 54)),
    "underscan": (Box(20, 30, 110, 100), Box(0, 0, 200, 150)),
    "apart": (Box(-190, -100, -100, -30), Box(5, 5, 55, 35)),
}


def plate_of(windows: tuple[Box, Box], aspect: float = 1.0, **more: Any) -> Plate:
    data, display = windows
    pixels = np.zeros((data.height, data.width, 3), np.float32)
    return Plate(pixels, data_window=data, display_window=display, pixel_aspect=aspect, **more)


PLAIN = plate_of(PLATES["plain"])


def halves(shape: tuple[int, int], seed: int) -> np.ndarray:
    """(h, w) float32 of any finite half, the smallest ones and -0 too."""
    bits = np.random.default_rng(seed).integers(0, 1 << 16, shape).astype(np.uint16)
    numbers = bits.view(np.float16)
    return np.where(np.isfinite(numbers), numbers, np.float16(0.5)).astype(np.float32)


def of_the_window(channel: Channel, plate: Plate, window: Box, kind: type) -> np.ndarray:
    whole = np.zeros(plate.size, kind)
    if channel.crop is not None and channel.window is not None:
        whole[channel.window.slices] = channel.crop
    return whole[window.slices]


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("plate", PLATES.values(), ids=PLATES)
@pytest.mark.parametrize(
    "window", [Box(0, 0, 90, 70), Box(17, 3, 84, 69), Box(40, 30, 41, 31), Box(0, 65, 90, 70)]
)
@pytest.mark.parametrize("storage", ["scanline", "tiled"])
@pytest.mark.parametrize("pixel_type", ["half", "float"])
@pytest.mark.parametrize("bytes_at_work", [1, 1 << 26], ids=["in turn", "side by side"])
def test_every_bit_comes_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read_exr: ReadExr,
    plate: Any,
    window: Box,
    storage: Any,
    pixel_type: Any,
    bytes_at_work: int,
) -> None:
    monkeypatch.setattr(exr_files, "_BYTES_AT_WORK", bytes_at_work)
    plate = plate_of(plate, aspect=2.0)
    kind = np.float16 if pixel_type == "half" else np.float32
    channels = [
        Channel("b.A", halves((70, 90), 1), Box(0, 0, 90, 70)),
        Channel("a.A", halves((20, 30), 2), Box(60, 50, 90, 70)),
        # A part of an array, whose rows don't lie one after the other.
        Channel("c.A", halves((70, 90), 3)[5:25, 7:47], Box(1, 2, 41, 22)),
        Channel("zero.A", None, None),
        Channel("d.A", halves((20, 30), 4).astype(np.float16), Box(60, 50, 90, 70)),
    ]
    place = tmp_path / "a.exr"
    assert (
        write_exr(
            place, plate, channels, {}, window=window, pixel_type=pixel_type, storage=storage, what="mattes"
        )
        == []
    )
    stored = read_exr(place)
    assert list(stored.channels) == ["a.A", "b.A", "c.A", "d.A", "zero.A"]
    for channel in channels:
        assert same_bits(stored.channels[channel.name], of_the_window(channel, plate, window, kind))
    assert stored.data == window.shifted(plate.data_window.x0, plate.data_window.y0)
    assert stored.display == plate.display_window
    assert stored.aspect == 2.0
    assert stored.tiles == ((64, 64) if storage == "tiled" else None)
    assert list(tmp_path.iterdir()) == [place]


def test_ids_of_a_cryptomatte_keep_every_bit_in_float(tmp_path: Path, read_exr: ReadExr) -> None:
    """Any float but NaN, infinity and what is smaller than the smallest normal one."""
    bits = np.random.default_rng(0).integers(0, 1 << 32, (70, 90), dtype=np.uint32)
    exponents = bits >> 23 & 255
    bits = np.where((exponents == 0) | (exponents == 255), bits ^ (1 << 23), bits).astype(np.uint32)
    numbers = bits.view(np.float32)
    assert (
        write_exr(
            tmp_path / "a.exr",
            PLAIN,
            [Channel("m.R", numbers, PLAIN.box)],
            {},
            window=PLAIN.box,
            pixel_type="float",
            what="x",
        )
        == []
    )
    assert same_bits(read_exr(tmp_path / "a.exr").channels["m.R"], numbers)


SMALL = st.integers(1, 40)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), storage=st.sampled_from(["scanline", "tiled"]))
def test_any_windows(
    tmp_path_factory: pytest.TempPathFactory,
    read_by_both: Callable[[Path], list[Any]],
    data: st.DataObject,
    storage: Any,
) -> None:
    def part_of(box: Box) -> Box:
        x0, y0 = (data.draw(st.integers(0, side - 1)) for side in (box.width, box.height))
        return Box(
            x0, y0, data.draw(st.integers(x0 + 1, box.width)), data.draw(st.integers(y0 + 1, box.height))
        )

    size, corner = (
        Box(0, 0, data.draw(SMALL), data.draw(SMALL)),
        data.draw(st.tuples(*[st.integers(-99, 99)] * 2)),
    )
    plate = plate_of((size.shifted(*corner), Box(0, 0, 30, 20)))
    windows = [part_of(size) for _ in range(data.draw(st.integers(1, 4)))]
    channels = [Channel(f"c{n}.A", halves((w.height, w.width), n), w) for n, w in enumerate(windows)]
    window, place = part_of(size), tmp_path_factory.mktemp("any") / "a.exr"
    write_exr(place, plate, channels, {}, window=window, storage=storage, what="mattes")
    for stored in read_by_both(place):
        assert stored.data == window.shifted(*corner)
        for channel in channels:
            assert same_bits(stored.channels[channel.name], of_the_window(channel, plate, window, np.float16))


def test_numbers_beyond_half_are_clamped_and_counted_once_a_pixel(
    tmp_path: Path, read_by_openexr: ReadExr
) -> None:
    red, green = np.full((2, 5), 65504, np.float32), np.zeros((2, 5), np.float32)
    red[0], green[0] = [65505, 1e30, -65505, 65519, -1e30], [1e9, 0, 0, 0, 0]
    green[1, 2] = 1e9
    channels = [Channel("c.R", red, Box(80, 5, 85, 7)), Channel("c.G", green, Box(80, 5, 85, 7))]
    place = tmp_path / "a.exr"
    notices = write_exr(place, PLAIN, channels, {}, window=PLAIN.box, what="foreground colours")
    assert notices == [
        "In the foreground colours, 6 pixels are beyond 65504, the largest number in half, and clamped."
    ]
    stored = read_by_openexr(place).channels
    assert stored["c.R"][5, 80:85].tolist() == [65504, 65504, -65504, 65504, -65504]
    assert stored["c.G"][5, 80:85].tolist() == [65504, 0, 0, 0, 0]
    assert red[0, 1] == np.float32(1e30), "the caller's own numbers stay"
    # What lies outside the written window does not count, and float clamps nothing.
    assert "1 pixel is" in write_exr(place, PLAIN, channels, {}, window=Box(0, 6, 90, 70), what="colours")[0]
    assert write_exr(place, PLAIN, channels, {}, window=PLAIN.box, pixel_type="float", what="colours") == []
    assert read_by_openexr(place).channels["c.R"][5, 81] == np.float32(1e30)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("pixel_type", ["half", "float"])
def test_nan_and_infinity_are_refused_and_leave_the_old_file(
    tmp_path: Path, number: float, pixel_type: Any
) -> None:
    place = tmp_path / "a.exr"
    place.write_text("old")
    crop = np.zeros((9, 9), np.float32)
    crop[8, 3] = number
    with pytest.raises(OutputError, match=r"channel c\.A has NaN or infinity.*expected finite"):
        write_exr(
            place,
            PLAIN,
            [Channel("c.A", crop, Box(0, 0, 9, 9))],
            {},
            window=PLAIN.box,
            pixel_type=pixel_type,
            what="x",
        )
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


HERE = Box(0, 0, 9, 9)
ZEROS = np.zeros((9, 9), np.float32)


@pytest.mark.parametrize(
    ("name", "channels", "said"),
    [
        ("a.png", [Channel("c.A", None, None)], r"mattes need a name that ends in \.exr"),
        ("a.exr", [], "at least one channel"),
        ("a.exr", [Channel("c.A", None, None), Channel("c.A", ZEROS, HERE)], r"two channels are named 'c\.A'"),
        ("a.exr", [Channel("c.A", ZEROS[:8], HERE)], r"shape \(8, 9\) for a window of 9x9"),
        ("a.exr", [Channel("c.A", np.zeros((9, 9, 1)), HERE)], "shape"),
    ],
)
def test_refusals(tmp_path: Path, name: str, channels: list[Channel], said: str) -> None:
    with pytest.raises(OutputError, match=said):
        write_exr(tmp_path / name, PLAIN, channels, {}, window=PLAIN.box, what="mattes")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1e39, float("nan"), float("inf")])
def test_an_attribute_that_exr_cannot_hold_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(OutputError, match=r"attribute 'semantic_matte/x' can't be written: expected"):
        write_exr(
            tmp_path / "a.exr",
            PLAIN,
            [Channel("c.A", None, None)],
            {"semantic_matte/x": value},
            window=PLAIN.box,
            what="mattes",
        )
    assert list(tmp_path.iterdir()) == []


def test_attributes_come_back(tmp_path: Path, read_exr: ReadExr) -> None:
    metadata: dict[str, str | int | float] = {
        "semantic_matte/text": "Grüße, 日本",
        "semantic_matte/long": "x" * 5000,
        "semantic_matte/whole": -(2**31),
        "semantic_matte/part": 0.25,
        "semantic_matte/not unicode": "a\udcff.exr",
    }
    write_exr(
        tmp_path / "a.exr", PLAIN, [Channel("c.A", None, None)], metadata, window=PLAIN.box, what="mattes"
    )
    header = read_exr(tmp_path / "a.exr").header
    for name, value in metadata.items():
        assert header[name] == (value if "not unicode" not in name else "a?.exr")


def test_a_cut_says_in_exrs_own_words_what_it_was_cut_from(tmp_path: Path, read_exr: ReadExr) -> None:
    plate = plate_of(PLATES["overscan"])
    for window in (plate.box, Box(3, 4, 50, 40)):
        write_exr(tmp_path / "a.exr", plate, [Channel("c.A", None, None)], {}, window=window, what="mattes")
        said = read_exr(tmp_path / "a.exr").header.get("originalDataWindow")
        numbers = None if said is None else np.asarray(said).ravel().tolist()
        assert numbers == (None if window == plate.box else [-10, -8, 79, 61])


def test_no_date_no_host_no_program_in_the_header(tmp_path: Path, read_by_openexr: ReadExr) -> None:
    write_exr(tmp_path / "a.exr", PLAIN, [Channel("c.A", None, None)], {}, window=PLAIN.box, what="mattes")
    header = read_by_openexr(tmp_path / "a.exr").header
    assert set(header) == {
        "channels", "compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio",
        "screenWindowCenter", "screenWindowWidth", "type",
    }  # fmt: skip
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION


WRITE = """
import os, sys
import numpy as np
from pathlib import Path
from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.outputs.header import header_of
from semantic_matte.types import Box, Plate
os.cpu_count = lambda: int(sys.argv[2])
pixels = np.zeros((301, 203, 3), np.float32)
plate = Plate(pixels, data_window=Box(-3, 4, 200, 305), view="left", frame=7, timecode="01:02:03;04")
crops = np.random.default_rng(1).random((5, 301, 203), dtype=np.float32)
channels = [Channel(f"sm_{n}_01.A", crop, plate.box) for n, crop in enumerate(crops)]
header = header_of(plate, [{"name": n, "licence": "MIT", "sha256": n * 64} for n in "ab"], "0", "1")
for number, storage in enumerate(["scanline", "tiled"]):
    write_exr(Path(sys.argv[1]) / f"{number}.exr", plate, channels, header, window=Box(3, 3, 200, 298),
              storage=storage, what="mattes")
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    folders = []
    for seed, threads, zone in (("1", "1", "UTC"), ("2", "4", "Asia/Tokyo")):
        folders.append(tmp_path / seed)
        folders[-1].mkdir()
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        subprocess.run([sys.executable, "-c", WRITE, folders[-1], threads], env=environment, check=True)
    for name in ("0.exr", "1.exr"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
def test_memory_grows_neither_with_the_frame_nor_with_the_number_of_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: Any
) -> None:
    size = Box(0, 0, 3000, 2000)
    # A little of everything in every block.
    plate, crop = plate_of((size, size)), halves((2000, 2), 0)
    channels = [Channel(f"c{n:02d}.A", crop, Box(n * 70, 0, n * 70 + 2, 2000)) for n in range(40)]
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    tracemalloc.start()
    write_exr(tmp_path / "a.exr", plate, channels, {}, window=size, storage=storage, what="mattes")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * exr_files._BYTES_AT_WORK < 40 * 2000 * 3000 * 2 / 5


def test_blocks_are_encoded_a_few_ahead_and_not_at_all_once_nobody_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = []

    def watched(box: Box, *rest: Any) -> Any:
        begun.append(box)
        time.sleep(0.05)
        return encoded_block(box, *rest)

    monkeypatch.setattr(exr_files, "encoded_block", watched)
    monkeypatch.setattr(exr_files, "_BYTES_AT_WORK", 1)
    boxes = [Box(0, y, 9, y + 1) for y in range(99)]
    arguments = (boxes, [Channel("c.A", None, None)], np.dtype(np.float16))
    slowly_taken = exr_files._encoded(*arguments)
    next(slowly_taken)
    time.sleep(0.3)
    assert begun == boxes[:3]
    slowly_taken.close()
    begun.clear()
    broken_off = exr_files._encoded(*arguments)
    next(broken_off)
    broken_off.close()
    assert len(begun) < 3


def test_a_write_that_fails_ends_its_threads(tmp_path: Path) -> None:
    crop = halves((70, 90), 0)
    crop[20] = np.nan
    before = threading.active_count()
    with pytest.raises(OutputError):
        write_exr(tmp_path / "a.exr", PLAIN, [Channel("c.A", crop, PLAIN.box)], {}, window=PLAIN.box, what="x")
    assert threading.active_count() == before
