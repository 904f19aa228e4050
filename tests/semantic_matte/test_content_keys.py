"""Keys: equal for equal work, different for any that differs, the same everywhere and always."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte import content_keys
from semantic_matte.content_keys import (
    NOT_OF_THE_RESULT,
    content_key,
    hints_digest,
    plate_digest,
    settings_digest,
    trimap_digest,
)
from semantic_matte.errors import UnknownNameError, ValueShapeError
from semantic_matte.plates import read_plate
from semantic_matte.settings import Settings, controls
from semantic_matte.types import Box, Hint, Plate, Trimap

PIXELS = (np.arange(4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3) - 7) / 16
PLATE = Plate(
    PIXELS,
    name="Café",
    data_window=Box(-1, 2, 4, 6),
    display_window=Box(0, 0, 10, 8),
    pixel_aspect=2.0,
    frame=1001,
    view="left",
    timecode="01:02:03:04",
    own_pixels=PIXELS * 2,
    own_space="acescg",
)
LEVELS = np.array([[0, 128, 255], [0, 128, 128]], np.uint8)
TRIMAP = Trimap(LEVELS, Box(1, 1, 4, 3), (4, 5))
MASK = np.array([[True, False, False]] * 2)
HINTS = (
    Hint(mask=MASK, label="dog", source="somewhere"),
    Hint(box=Box(1, 2, 3, 4), label="cat"),
    Hint(points=((1.5, 2.0, True), (0.25, 3.0, False)), label="car"),
)
MODELS = [
    {"part": "segmenter", "name": "a", "sha256": "a" * 64},
    {"part": "estimator", "name": "b", "sha256": "b" * 64},
]


def nudged(pixels: np.ndarray) -> np.ndarray:
    """The last channel of the last pixel moved by the least that float32 knows."""
    moved = pixels.copy()
    moved[-1, -1, -1] = np.nextafter(moved[-1, -1, -1], np.float32(np.inf))
    return moved


def key(**changes: Any) -> str:
    """Of the values above, with some changed."""
    given: dict[str, Any] = {
        "plate": PLATE,
        "settings": Settings(),
        "models": MODELS,
        "schema": 1,
        "hints": HINTS,
        "trimap": TRIMAP,
        "version": "0.1.0",
    } | changes
    return content_key(given.pop("plate"), given.pop("settings"), given.pop("models"), **given)


def by_hand(kind: str, *parts: tuple[str, Any]) -> str:
    """A second way to a digest: one string of bytes, hashed at once. Values are JSON, bytes are themselves."""
    content = b""
    for name, value in (("kind", kind), *parts):
        said = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        lengths = struct.pack("<Q", len(name)), struct.pack("<Q", len(said))
        content += lengths[0] + name.encode() + lengths[1] + said
    return hashlib.sha256(content).hexdigest()


def test_a_plates_digest_is_what_it_is_said_to_be() -> None:
    assert plate_digest(PLATE) == by_hand(
        "plate",
        ("name", "Café"),
        ("colour_space", "scene_linear_rec709"),
        ("data_window", [-1, 2, 4, 6]),
        ("display_window", [0, 0, 10, 8]),
        ("pixel_aspect", 2.0),
        ("frame", 1001),
        ("view", "left"),
        ("timecode", "01:02:03:04"),
        ("own_space", "acescg"),
        ("pixels of", ["<f4", 4, 5, 3]),
        ("pixels", PIXELS.tobytes()),
        ("own_pixels of", ["<f4", 4, 5, 3]),
        ("own_pixels", (PIXELS * 2).tobytes()),
    )


def test_digests_are_the_same_today_as_ever() -> None:
    """A digest that changes without need makes every result of a studio anew."""
    assert plate_digest(PLATE) == "26d51f809533da4924e7ab833590f1a41abd02c43ad2a76ed33de6fe27026b58"
    assert trimap_digest(TRIMAP) == "666233a6ff153e3e8adaf85dde66c474cab6dc72fd658fc3479bc09d3fe562b1"
    assert hints_digest(HINTS) == "236839c944918b0829750bee73e97e11ff87d97b3c7b94f08163e0b9cc714803"
    assert hints_digest(()) == by_hand("hints")


@pytest.mark.parametrize(
    "changes",
    [
        {"pixels": nudged(PIXELS)},
        {"pixels": PIXELS[::-1].copy()},
        {"own_pixels": nudged(PIXELS * 2)},
        {"own_pixels": None, "own_space": ""},
        {"own_space": "lin_p3"},
        {"name": "Cafe"},
        {"colour_space": "acescg"},
        {"data_window": Box(0, 2, 5, 6)},
        {"display_window": Box(0, 0, 10, 9)},
        {"pixel_aspect": 2.0000001},
        {"frame": 1002},
        {"frame": None},
        {"view": "right"},
        {"timecode": "01:02:03;04"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_whatever_differs_in_a_plate_gives_another_digest(changes: dict[str, Any]) -> None:
    other = replace(PLATE, **changes)
    assert plate_digest(other) != plate_digest(PLATE)
    assert key(plate=other) != key()


def test_the_same_numbers_in_another_shape_are_another_plate() -> None:
    wide = Plate(PIXELS.reshape(2, 10, 3), name=PLATE.name)
    assert plate_digest(wide) != plate_digest(Plate(PIXELS, name=PLATE.name))


def test_text_moved_from_one_field_to_the_next_is_another_plate() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ('a","b', "c")]
    digests = {plate_digest(replace(PLATE, view=view, timecode=timecode)) for view, timecode in pairs}
    assert len(digests) == len(pairs)


def test_what_was_said_of_a_plate_is_no_part_of_it() -> None:
    assert plate_digest(replace(PLATE, notices=("/mnt/shot/a.exr: corrupt",))) == plate_digest(PLATE)


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda pixels: np.repeat(pixels, 2, axis=1)[:, ::2],
        lambda pixels: pixels[::-1].copy()[::-1],
    ],
    ids=["columns first", "strided", "upside down"],
)
def test_how_pixels_lie_in_memory_makes_no_difference(layout: Callable[[Any], Any]) -> None:
    other = layout(PIXELS)
    assert other.strides != PIXELS.strides
    assert plate_digest(replace(PLATE, pixels=other)) == plate_digest(PLATE)


@pytest.mark.parametrize("strip", [1, 61, 120, 1 << 30])
def test_the_size_of_strips_makes_no_difference(monkeypatch: pytest.MonkeyPatch, strip: int) -> None:
    before = plate_digest(PLATE)
    monkeypatch.setattr(content_keys, "_STRIP_BYTES", strip)
    assert plate_digest(PLATE) == before


@pytest.mark.parametrize("strided", [False, True], ids=["as it lies", "strided"])
def test_a_large_plate_is_never_copied_whole(strided: bool) -> None:
    pixels = np.zeros((1080, 3840 if strided else 1920, 3), np.float32)
    plate = Plate(pixels[:, ::2] if strided else pixels)
    tracemalloc.start()
    plate_digest(plate)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < (2 * content_keys._STRIP_BYTES if strided else 100_000)
    assert plate.pixels.nbytes > 5 * content_keys._STRIP_BYTES, "a plate of one strip proves nothing"


def test_a_plate_is_the_same_in_any_folder(tmp_path: Path, photos: Path) -> None:
    found = set()
    for folder in (tmp_path / "a", tmp_path / "b" / "c"):
        folder.mkdir(parents=True)
        (folder / "plate.png").write_bytes((photos / "chelsea.png").read_bytes())
        found.add(plate_digest(read_plate(folder / "plate.png")))
    assert len(found) == 1


@pytest.mark.parametrize(
    "other",
    [
        Trimap(np.where(LEVELS == 255, 255, 0).astype(np.uint8), TRIMAP.window, TRIMAP.frame_size),
        Trimap(LEVELS, Box(0, 1, 3, 3), TRIMAP.frame_size),
        Trimap(LEVELS, TRIMAP.window, (4, 6)),
        None,
    ],
    ids=["levels", "window", "frame", "none"],
)
def test_another_trimap_is_another_result(other: Trimap | None) -> None:
    assert key(trimap=other) != key()
    if other is not None:
        assert trimap_digest(other) != trimap_digest(TRIMAP)


@pytest.mark.parametrize(
    "hints",
    [
        (Hint(mask=~MASK, label="dog"), *HINTS[1:]),
        (Hint(mask=MASK.reshape(3, 2), label="dog"), *HINTS[1:]),
        (replace(HINTS[0], label="wolf"), *HINTS[1:]),
        (HINTS[0], replace(HINTS[1], box=Box(1, 2, 3, 5)), HINTS[2]),
        (*HINTS[:2], replace(HINTS[2], points=((1.5, 2.0, True), (0.25, 3.0, True)))),
        (*HINTS[:2], replace(HINTS[2], points=((1.5000001, 2.0, True), (0.25, 3.0, False)))),
        (*HINTS[:2], replace(HINTS[2], points=HINTS[2].points[::-1])),
        HINTS[::-1],
        HINTS[:2],
        (),
    ],
    ids=["mask", "shape", "label", "box", "inside", "place", "points", "order", "fewer", "none"],
)
def test_other_hints_are_another_result(hints: tuple[Hint, ...]) -> None:
    assert hints_digest(hints) != hints_digest(HINTS)
    assert key(hints=hints) != key()


def test_where_hints_were_read_makes_no_difference() -> None:
    elsewhere = tuple(replace(hint, source="/mnt/elsewhere/hint.json") for hint in HINTS)
    assert hints_digest(elsewhere) == hints_digest(HINTS)


def other_values(row: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a control may have and by default has not."""
    kinds: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "bool": st.booleans,
        "int": lambda: st.integers(row["minimum"], row["maximum"]),
        "float": lambda: st.floats(row["minimum"], row["maximum"]),
        "choice": lambda: st.sampled_from(row["choices"]),
        "names": lambda: st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=3),
        "string": lambda: st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters=": "), min_size=1
        ),
    }
    return kinds[row["kind"]]().filter(lambda value: value != row["default"])


@given(st.data())
def test_every_control_that_changes_the_result_changes_the_digest(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(controls()), "control")
    changed = Settings(**{row["name"]: data.draw(other_values(row), "value")})
    same = settings_digest(changed) == settings_digest(Settings())
    assert same == (row["name"] in NOT_OF_THE_RESULT)


def test_no_control_was_forgotten() -> None:
    """Each is either taken in or left out on purpose: here is why."""
    names = {row["name"] for row in controls()}
    assert NOT_OF_THE_RESULT == {"accept_licence", "batch", "missing_frames", "reuse"} <= names


@pytest.mark.parametrize("estimator", ["network", "closed_form"])
@pytest.mark.parametrize("coverage", ["even", "paper"])
def test_batch_is_left_out_because_it_changes_no_byte(photos: Path, estimator: str, coverage: str) -> None:
    from semantic_matte.engine import Engine

    photo = cv2.resize(cv2.imread(str(photos / "chelsea.png")), (160, 106), interpolation=cv2.INTER_AREA)
    masks = np.zeros((2, 106, 160), np.uint8)
    cv2.ellipse(masks[0], (70, 50), (50, 35), 0, 0, 360, 1, -1)
    cv2.ellipse(masks[1], (135, 85), (15, 12), 0, 0, 360, 1, -1)
    hints = [Hint(mask=mask.astype(bool)) for mask in masks]
    found = []
    for batch in (1, 8):
        settings = Settings(
            device="cpu",
            estimator=estimator,
            coverage=coverage,
            passes=1,
            samples=2,
            batch=batch,
            dilation_outer=0.1,
        )
        mattes = Engine(settings).matte(photo, hints=hints)
        found.append([matte.crop.tobytes() for matte in mattes])
    assert found[0] == found[1]


@pytest.mark.parametrize("control", ["segmenter", "estimator"])
def test_where_a_model_lies_makes_no_difference_but_its_kind_does(control: str) -> None:
    one, other = (settings_digest(Settings(**{control: f"onnx:{place}"})) for place in ("a.onnx", "/b/c.onnx"))
    assert one == other
    assert one != settings_digest(Settings(**{control: "transformers:a.onnx"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"version": "0.1.1"},
        {"settings": Settings(seed=1)},
        {"settings": Settings(device="cpu")},
        {"models": MODELS[:1]},
        {"models": [*MODELS, {"part": "finder", "name": "c", "sha256": "c" * 64}]},
        {"models": [{**MODELS[0], "sha256": "c" * 64}, MODELS[1]]},
        {"models": [{**MODELS[0], "name": "c"}, MODELS[1]]},
        {"models": [{**MODELS[0], "part": "finder"}, MODELS[1]]},
    ],
    ids=["schema", "version", "settings", "device", "fewer", "more", "content", "name", "part"],
)
def test_every_other_ingredient_changes_the_key(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


def test_a_key_is_64_digits_and_needs_no_order_of_models() -> None:
    assert len(key()) == 64
    assert set(key()) <= set("0123456789abcdef")
    assert key(models=MODELS[::-1]) == key()
    assert key(models=[{**MODELS[0], "licence": "MIT"}, MODELS[1]]) == key()


@pytest.mark.parametrize("digits", ["", "bf2d0c1e", "A" * 64, "g" * 64])
def test_a_model_whose_content_is_not_known_gives_no_key(digits: str) -> None:
    with pytest.raises(ValueShapeError, match="expected the whole sha256 of model 'a'"):
        key(models=[{**MODELS[0], "sha256": digits}])


HOUSE_CONFIGURATION = """
ocio_profile_version: 2
roles: {{scene_linear: lin_rec709, default: lin_rec709}}
file_rules: [!<Rule> {{name: Default, colorspace: default}}]
displays: {{screen: [!<View> {{name: plain, colorspace: lin_rec709}}]}}
colorspaces:
  - !<ColorSpace> {{name: lin_rec709}}
  - !<ColorSpace>
    name: house
    to_scene_reference: !<MatrixTransform> {{matrix: [{red}, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}}
"""


def test_what_a_foreground_space_stands_for_is_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = Plate(PIXELS)
    asked = Settings(foreground=True, foreground_space="house")
    keys, without = [], set()
    for number, red in enumerate((1, 0.5, 1)):
        configuration = tmp_path / f"{number}.ocio"
        configuration.write_text(HOUSE_CONFIGURATION.format(red=red), encoding="utf-8")
        monkeypatch.setenv("OCIO", str(configuration))
        keys.append(key(plate=plate, settings=asked))
        without |= {key(plate=plate, settings=Settings(foreground=told)) for told in (True, False)}
    assert keys[0] == keys[2] != keys[1]
    assert len(without) == 2, "nothing is converted into the plate's own space"
    with pytest.raises(UnknownNameError):
        key(plate=plate, settings=Settings(foreground=True, foreground_space="shed"))


CODE = """
import sys
sys.path[:0] = {path!r}
import numpy as np
from semantic_matte.content_keys import content_key
from semantic_matte.settings import Settings
from semantic_matte.types import Box, Hint, Plate
plate = Plate(np.linspace(-1, 9, 300, dtype=np.float32).reshape(10, 10, 3), name="Café", pixel_aspect=0.1)
settings = Settings(find=["dog", "cat"], dilation_outer=0.1, confidence=1 / 3)
models = [{{"part": "estimator", "name": "b", "sha256": "b" * 64}}]
hints = [Hint(points=((0.1, 1e-7, True),)), Hint(mask=np.eye(10, dtype=bool))]
print(content_key(plate, settings, models, schema=1, hints=hints), "torch" in sys.modules)
"""


def test_a_key_is_the_same_in_every_process_and_needs_no_torch() -> None:
    said = set()
    for seed, flag in (("0", "-B"), ("1", "-O"), ("4711", "-OO")):
        done = subprocess.run(
            [sys.executable, flag, "-c", CODE.format(path=sys.path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": f"UTC{seed[0]}"},
            capture_output=True,
            text=True,
            check=True,
        )
        said.add(done.stdout)
    ((found, torch),) = [line.split() for line in said]
    assert len(found) == 64
    assert torch == "False"
