"""Mattes read back from every kind of file that the house writes, and from those of other writers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.errors import PlateError, UnknownNameError
from semantic_matte.layer_files import ONLY_SLOT, LayerFile, chosen_slots, read_layers
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.names import slot_names
from semantic_matte.types import Box, FloatArray, Instance, Matte, Plate

SIZE = (90, 150)
PLATE = Plate(
    np.zeros((*SIZE, 3), np.float32),
    data_window=Box(-10, 7, 140, 97),
    display_window=Box(0, 0, 128, 96),
)


def half(height: int, width: int, seed: int) -> FloatArray:
    """Alphas that half holds exactly, none of them 0."""
    return np.random.default_rng(seed).integers(1, 65, (height, width)).astype(np.float32) / 64


def mattes_of(*labels: str) -> list[Matte]:
    """Each on a window of its own."""
    mattes = []
    for index, (label, slot) in enumerate(zip(labels, slot_names(labels), strict=True)):
        window = Box(30 + 5 * index, 20 + 3 * index, 60 + 9 * index, 50 + 8 * index)
        crop = half(window.height, window.width, index)
        instance = Instance(np.ones(crop.shape, np.bool_), window, SIZE, label, 0.9, slot)
        mattes.append(Matte(instance, crop, window, np.full(crop.shape, 0.5, np.float32)))
    return mattes


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
@pytest.mark.parametrize("data_window", ["plate", "tight", "centred"])
def test_layers_come_back_as_they_were_written(tmp_path: Path, storage: str, data_window: str) -> None:
    mattes = mattes_of("person", "dog", "person")
    path = tmp_path / "shot.mattes.1001.exr"
    header = {"semantic_matte/plate": "shot", "semantic_matte/frame": 1001}
    write_layers(path, PLATE, mattes, header, spread=True, data_window=data_window, storage=storage)
    found = read_layers(path)
    assert found.slots == ("sm_dog_01", "sm_person_01", "sm_person_02")
    assert found.display_window == Box(0, 0, 128, 96)
    assert found.has_windows
    assert (found.metadata["plate"], found.metadata["frame"]) == ("shot", "1001")
    assert (found.data_window == Box(-10, 7, 140, 97)) == (data_window == "plate")
    for matte in mattes:
        alpha = np.zeros(SIZE, np.float32)
        place = found.data_window.shifted(10, -7)
        alpha[place.slices] = found.alpha(matte.slot)
        np.testing.assert_array_equal(alpha, matte.alpha)
        assert not found.has_colours(matte.slot)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    tiled=st.booleans(),
    box=st.tuples(st.integers(-30, 170), st.integers(-30, 120), st.integers(1, 90), st.integers(1, 90)),
)
def test_any_box_is_a_cut_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tiled: bool, box: tuple[int, int, int, int]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"boxes_{tiled}.exr"
    window = Box(20, 10, 131, 89)
    names = ["sm_a_01.A", "sm_a_01.B", "sm_b_01.A", "sm_c_01.A"]
    crops = {name: half(window.height, window.width, index) for index, name in enumerate(names)}
    if not path.exists():
        channels = [Channel(name, crop, window) for name, crop in crops.items()]
        storage = "tiled" if tiled else "scanline"
        write_exr(path, PLATE, channels, {}, window=window, storage=storage, what="mattes")
    found = read_layers(path)
    x, y, width, height = box
    wanted = [names[index] for index in np.random.default_rng(seed).permutation(4)[: seed % 4 + 1]]
    canvas = np.zeros((260, 320, len(wanted)), np.float32)
    place = window.shifted(-10 + 40, 7 + 40)
    canvas[place.slices] = np.stack([crops[name] for name in wanted], axis=2)
    asked = Box(x, y, x + width, y + height)
    with found.reading([(name[:-2], name[-1]) for name in wanted]) as read:
        np.testing.assert_array_equal(read(asked), canvas[asked.shifted(40, 40).slices])


def test_a_frame_in_which_nothing_was_found_has_no_slots(tmp_path: Path) -> None:
    write_layers(tmp_path / "a.exr", PLATE, [], {})
    assert read_layers(tmp_path / "a.exr").slots == ()


def test_colours_are_found_beside_alphas(tmp_path: Path) -> None:
    names = [f"sm_dog_01.{part}" for part in "RGBA"] + ["sm_cat_01.A"]
    channels = [Channel(name, half(90, 150, index), PLATE.box) for index, name in enumerate(names)]
    write_exr(tmp_path / "a.exr", PLATE, channels, {}, window=PLATE.box, what="colours")
    found = read_layers(tmp_path / "a.exr")
    assert found.slots == ("sm_cat_01", "sm_dog_01")
    assert [found.has_colours(slot) for slot in ("sm_dog_01", "sm_cat_01", "sm_cow_01")] == [True, False, False]
    with found.reading([("sm_dog_01", part) for part in "RGB"]) as read:
        expected = np.stack([half(90, 150, index) for index in range(3)], axis=2)
        np.testing.assert_array_equal(read(found.data_window), expected)


@pytest.mark.parametrize("name", ["a.exr", "a.png", "a.tif"])
def test_one_alpha_in_any_picture(tmp_path: Path, name: str) -> None:
    alpha = half(*SIZE, 0)
    write_alpha(tmp_path / name, alpha, PLATE)
    found = read_layers(tmp_path / name)
    assert found.slots == (ONLY_SLOT,)
    assert found.has_windows == (name == "a.exr")
    np.testing.assert_allclose(found.alpha(ONLY_SLOT), alpha, atol=0 if name == "a.exr" else 1 / 65535)
    if name == "a.exr":
        assert (found.data_window, found.display_window) == (PLATE.data_window, PLATE.display_window)


def test_eight_bits_grey_in_colour_and_alpha_of_a_cut_out(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (9, 12), np.uint8)
    colours = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    pictures = {
        "grey": grey,
        "white": np.dstack([grey] * 3),
        "solid": np.dstack([grey, grey, grey, np.full_like(grey, 255)]),
        "cut": np.dstack([colours, grey]),
    }
    for name, picture in pictures.items():
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
        found = read_layers(tmp_path / f"{name}.png").alpha(ONLY_SLOT)
        np.testing.assert_array_equal(found, grey.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("opaque", [False, True])
def test_a_picture_in_colour_is_no_matte(tmp_path: Path, photos: Path, opaque: bool) -> None:
    photo = cv2.imread(str(photos / "coffee.png"))
    assert cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(photo, cv2.COLOR_BGR2BGRA) if opaque else photo)
    with pytest.raises(PlateError, match=r"is in colour: expected layers named sm_\.\.\., one grey channel"):
        read_layers(tmp_path / "a.png")


def test_a_cryptomatte_is_refused_with_the_right_files_name(tmp_path: Path) -> None:
    names = [f"SemanticMatte00.{part}" for part in "RGBA"]
    channels = [Channel(name, half(*SIZE, 0), PLATE.box) for name in names]
    header = {"cryptomatte/1234567/name": "SemanticMatte"}
    for name, expected in {
        "shot.cryptomatte.1001.exr": r"give '.*shot\.mattes\.1001\.exr', which has the mattes themselves",
        "other.exr": r"give the file NAME\.mattes\.exr beside it",
    }.items():
        write_exr(tmp_path / name, PLATE, channels, header, window=PLATE.box, pixel_type="float", what="ids")
        with pytest.raises(PlateError, match=expected):
            read_layers(tmp_path / name)


def test_several_parts_are_refused(tmp_path: Path) -> None:
    parts = [
        OpenEXR.Part(
            {"type": OpenEXR.scanlineimage}, {f"sm_dog_0{number}.A": half(9, 9, number)}, f"part{number}"
        )
        for number in (1, 2)
    ]
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    with pytest.raises(PlateError, match="several parts or is deep: expected flat layers in one part"):
        read_layers(tmp_path / "a.exr")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.exr", None, "does not exist: check the path"),
        ("empty.exr", b"", "is empty"),
        ("text.exr", b"no picture", "is not a picture that can be read"),
        ("signature.exr", b"\x76\x2f\x31\x01", "is damaged or incomplete .*: copy or write it again"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PlateError, match=message):
        read_layers(tmp_path / name)


@pytest.mark.parametrize("storage", ["scanline", "tiled"])
def test_a_cut_file_is_refused_when_its_pixels_are_read(
    tmp_path: Path, storage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.exr"
    write_layers(path, PLATE, mattes_of("dog", "cat"), {}, storage=storage)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(PlateError, match=r"a\.exr' is damaged or incomplete \(.+\): copy or write it again\."):
        read_layers(path).alpha("sm_cat_01")
    assert capfd.readouterr() == ("", "")


SLOTS = ("sm_dining_table_01", "sm_dog_01", "sm_dog_02", "sm_person_01", "sm_subject_01")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), SLOTS),
        (("sm_dog_02",), ("sm_dog_02",)),
        (("dog_02",), ("sm_dog_02",)),
        (("dog",), ("sm_dog_01", "sm_dog_02")),
        (("Dining Table", " SM_DOG_01 "), ("sm_dining_table_01", "sm_dog_01")),
        # In the file's order, each once.
        (("person", "dog_01", "dog", "person_01"), ("sm_dog_01", "sm_dog_02", "sm_person_01")),
    ],
)
def test_slots_are_chosen_by_name(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    layers = {slot: {"A": index} for index, slot in enumerate(SLOTS)}
    layers |= {"sm_dog_01_spread": {"A": 9}, "sm_none_00": {"A": 10}}
    found = LayerFile(Path("a.exr"), layers, PLATE.box, PLATE.box)
    assert chosen_slots(found, names) == expected


@pytest.mark.parametrize("name", ["cat", "dog_03", "dog_0", "sm_dog_01_spread", "sm_none_00", "sm_"])
def test_an_unknown_slot_lists_what_there_is(name: str) -> None:
    layers = {"sm_dog_01": {"A": 0}, "sm_dog_01_spread": {"A": 1}, "sm_none_00": {"A": 2}}
    found = LayerFile(Path("a.exr"), layers, PLATE.box, PLATE.box)
    with pytest.raises(UnknownNameError, match=r"Unknown slot '.*'\. .*Known: sm_dog_01, dog\."):
        chosen_slots(found, [name])
