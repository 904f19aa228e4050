"""YOLO segmentation networks in ONNX files: every layout made here with a known answer, and files that are
refused.

The network made here is a real detector, of pure colours: it finds all that is red, green or blue in the
picture it is given, so that exchanged colours, a picture or a box in the wrong place and a class too far give
another answer. Its boxes leave out a quarter of each object to the left and above, so that they show in the
masks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte import onnx_sessions
from semantic_matte.errors import (
    DeviceError,
    MissingPackageError,
    UnknownNameError,
    UsageError,
    ValueShapeError,
    WeightsError,
)
from semantic_matte.plates import as_plate
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.onnx_yolo import Letterbox, OnnxYoloSegmenter
from semantic_matte.segmenters.yolo_layout import read_layout
from semantic_matte.types import BoolArray, Box

onnx = pytest.importorskip("onnx", reason="onnx makes the test's models: pip install onnx")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="ONNX Runtime is missing: pip install 'semantic-matte[onnx]'"
)

NAMES = ("fog", "lime", "sky", "cherry", "mud")
# Of what is red, green, blue: the class, and how sure the network is of it.
CLASSES = (3, 1, 2)
SCORES = (0.9, 0.8, 0.7)
EXPECTED = ("cherry", "lime", "sky")
CPU = sm.Settings(device="cpu")

Make = Callable[..., Path]

# `pure` (1, 3, h, w) is 1 where the picture is red, green, blue. `corners` (1, 6, 4) are the boxes of each in
# pixels and three copies that are a pixel off and less sure. Prototypes are four pixels a cell: the first three
# tell where the colours are, all others are 1.
GRAPH = """
<ir_version: 8, opset_import: ["": 13]>
yolo ({number}[{batch}, 3, {height}, {width}] images) => ({outputs})
<
  float high = {{0.6}}, float low = {{0.4}}, float two = {{1.5}}, float half = {{0.5}},
  float quarter = {{0.25}}, float one = {{1}}, float less = {{0.8}}, int64 zero = {{0}}, int64 step = {{1}},
  int64[1] at0 = {{0}}, int64[1] at1 = {{1}}, int64[1] at2 = {{2}}, int64[1] at3 = {{3}}, int64[1] at4 = {{4}},
  int64[8] pads = {{0, 0, 0, 0, 0, 29, 0, 0}}, float[1, 1, 4] aside = {{1, 1, 1, 1}}
>
{{
  all = Cast<to = 1>(images)
  picture = Slice(all, at0, at1, at0)
  isBright = Greater(picture, high)
  isDark = Less(picture, low)
  bright = Cast<to = 1>(isBright)
  dark = Cast<to = 1>(isDark)
  darkOnes = ReduceSum<keepdims = 1>(dark, at1)
  isAlone = Greater(darkOnes, two)
  alone = Cast<to = 1>(isAlone)
  pure = Mul(bright, alone)

  shape = Shape(pure)
  heightWhole = Gather(shape, at2)
  widthWhole = Gather(shape, at3)
  height = Cast<to = 1>(heightWhole)
  width = Cast<to = 1>(widthWhole)
  h = Squeeze(heightWhole)
  w = Squeeze(widthWhole)
  rowsWhole = Range(zero, h, step)
  columnsWhole = Range(zero, w, step)
  rows = Cast<to = 1>(rowsWhole)
  columns = Cast<to = 1>(columnsWhole)
  inRows = ReduceMax<axes = [3], keepdims = 0>(pure)
  inColumns = ReduceMax<axes = [2], keepdims = 0>(pure)
  rowsAfter = Add(rows, one)
  columnsAfter = Add(columns, one)
  fromBelow = Sub(height, rows)
  fromRight = Sub(width, columns)
  downTo = Mul(inRows, rowsAfter)
  rightTo = Mul(inColumns, columnsAfter)
  upTo = Mul(inRows, fromBelow)
  leftTo = Mul(inColumns, fromRight)
  y1 = ReduceMax<axes = [2], keepdims = 1>(downTo)
  x1 = ReduceMax<axes = [2], keepdims = 1>(rightTo)
  highest = ReduceMax<axes = [2], keepdims = 1>(upTo)
  leftmost = ReduceMax<axes = [2], keepdims = 1>(leftTo)
  top = Sub(height, highest)
  left = Sub(width, leftmost)
  tall = Sub(y1, top)
  wide = Sub(x1, left)
  tallQuarter = Mul(tall, quarter)
  wideQuarter = Mul(wide, quarter)
  y0 = Add(top, tallQuarter)
  x0 = Add(left, wideQuarter)
  own = Concat<axis = 2>(x0, y0, x1, y1)
  copies = Add(own, aside)
  corners = Concat<axis = 1>(own, copies)
  lowCorners = Slice(corners, at0, at2, at2)
  highCorners = Slice(corners, at2, at4, at2)
  sums = Add(lowCorners, highCorners)
  centres = Mul(sums, half)
  sizes = Sub(highCorners, lowCorners)

  there = ReduceMax<axes = [2, 3], keepdims = 0>(pure)
  sureOwn = Mul(there, scores)
  sureCopies = Mul(sureOwn, less)
  sureBoth = Concat<axis = 1>(sureOwn, sureCopies)
  sure = Unsqueeze(sureBoth, at2)
  {rows}
  cells = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(pure)
  prototypes = Pad(cells, pads, one)
  output0 = Cast<to = {to}>(found)
  output1 = Cast<to = {to}>(prototypes)
}}
"""

ROWS = {
    "centres": """
  perClass = Mul(sure, likely)
  few = Concat<axis = 2>(centres, sizes, perClass, coefficients)
  row = Pad(few, places)
  found = Transpose<perm = [0, 2, 1]>(row)""",
    # How sure the network is of the object, times how sure of its class, is the score.
    "objectness": """
  objectness = Sqrt(sure)
  perClass = Mul(objectness, likely)
  few = Concat<axis = 2>(centres, sizes, objectness, perClass, coefficients)
  found = Pad(few, places)""",
    # Copies are left out already: their rows are there, with score 0.
    "corners": """
  best = Mul(sure, isOwn)
  few = Concat<axis = 2>(corners, best, classNumbers, coefficients)
  found = Pad(few, places)""",
}


# How many rows such networks give for a picture of 256 x 384 pixels; all but six are empty.
PLACES = {"centres": 2016, "objectness": 3 * 2016, "corners": 300}


def constants(kind: str, classes: int) -> list[Any]:
    """Those that depend on the number of classes; of one class, everything is it."""
    numbers = [CLASSES[row % 3] if classes > 1 else 0 for row in range(6)]
    likely = np.full((1, 6, classes), 0.3, np.float32)
    coefficients = np.zeros((1, 6, 32), np.float32)
    for row, number in enumerate(numbers):
        likely[0, row, number] = 1
        # Four times the share of a cell that is the object, less two: above 0 from a half on.
        coefficients[0, row, row % 3] = 4
        coefficients[0, row, 3] = -2
    values = {
        "likely": likely,
        "coefficients": coefficients,
        "classNumbers": np.array(numbers, np.float32).reshape(1, 6, 1),
        "isOwn": np.array([1, 1, 1, 0, 0, 0], np.float32).reshape(1, 6, 1),
        "scores": np.array([SCORES], np.float32),
        "places": np.array([0, 0, 0, 0, PLACES[kind] - 6, 0], np.int64),
    }
    return [onnx.numpy_helper.from_array(value, name) for name, value in values.items()]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes the detector of pure colours as one ONNX file and returns its path."""

    def write(
        kind: str = "centres",
        *,
        height: str | int = 256,
        width: str | int = 384,
        batch: str | int = 1,
        half: bool = False,
        swapped: bool = False,
        told: bool = True,
        names: Sequence[str] = NAMES,
        metadata: dict[str, str] | None = None,
        count: str | int = 0,
    ) -> Path:
        count = count or PLACES[kind]
        classes = len(names)
        row = {"centres": 4 + classes, "objectness": 5 + classes, "corners": 6}[kind] + 32
        number = "float16" if half else "float"
        found = f"1, {row}, {count}" if kind == "centres" else f"1, {count}, {row}"
        cells = [f"{side}c" if isinstance(side, str) else side // 4 for side in (height, width)]
        outputs = [f"{number}[{found}] output0", f"{number}[1, 32, {cells[0]}, {cells[1]}] output1"]
        if not told:
            outputs = [f"{number}[a0, b0, c0] output0", f"{number}[a1, b1, c1, d1] output1"]
        text = GRAPH.format(
            number=number,
            to=onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT,
            batch=batch,
            height=height,
            width=width,
            outputs=", ".join(reversed(outputs) if swapped else outputs),
            rows=ROWS[kind],
        )
        model = onnx.parser.parse_model(text)
        model.graph.initializer.extend(constants(kind, classes))
        if metadata is None:
            metadata = {"names": repr(dict(enumerate(names)))}
        onnx.helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        path = tmp_path / "colours.onnx"
        onnx.save(model, path)
        return path

    return write


def picture(height: int, width: int) -> tuple[np.ndarray, dict[str, BoolArray]]:
    """A grey photo (H, W, 3) uint8 with an L, a cross and a T, none of them symmetric in the frame; and
    where."""
    kinds = {"cherry": (220, 30, 30), "lime": (40, 230, 20), "sky": (20, 40, 225)}
    masks = {name: np.zeros((height, width), np.bool_) for name in kinds}
    y, x = height // 64 * 8, width // 64 * 8
    masks["cherry"][y : 3 * y, x : 2 * x + 24] = True
    masks["cherry"][2 * y : 3 * y, x : 4 * x] = True
    masks["lime"][y : 4 * y, 5 * x : 6 * x] = True
    masks["lime"][2 * y : 3 * y, 5 * x - 24 : 7 * x] = True
    masks["sky"][5 * y : 6 * y, 2 * x : 6 * x] = True
    masks["sky"][5 * y : 7 * y, 4 * x : 5 * x] = True
    shown = np.full((height, width, 3), 128, np.uint8)
    for name, mask in masks.items():
        shown[mask] = kinds[name]
    return shown, masks


def visible(mask: BoolArray) -> BoolArray:
    """What is left of an object inside the network's box."""
    box = Box.around(mask)
    assert box is not None
    inner = Box(box.x0 + box.width // 4, box.y0 + box.height // 4, box.x1, box.y1)
    left = np.zeros_like(mask)
    left[inner.slices] = mask[inner.slices]
    return left


def centroid(mask: BoolArray) -> np.ndarray:
    return np.argwhere(mask).mean(axis=0)


def check(
    path: Path, size: tuple[int, int] = (480, 768), names: Sequence[str] = EXPECTED, *, exact: bool = True
) -> None:
    """The network's answer on a picture of this size (H, W) is the known one.

    exact: edges of the shapes fall on edges of the prototypes' cells. Then only their corners are in doubt.
    """
    shown, masks = picture(*size)
    found = sm.segment(shown, sm.Settings(segmenter=f"onnx:{path}", device="cpu"))
    assert [one.label for one in found] == list(names)
    assert [one.score for one in found] == pytest.approx(SCORES, abs=2e-3)
    for one, name in zip(found, EXPECTED, strict=True):
        truth = visible(masks[name])
        box = Box.around(truth)
        assert box is not None
        np.testing.assert_allclose(one.box.as_list(), box.as_list(), atol=0 if exact else 2)
        assert (one.mask & truth).sum() / (one.mask | truth).sum() > (0.995 if exact else 0.93)
        np.testing.assert_allclose(centroid(one.mask), centroid(truth), atol=0.2 if exact else 1.6)


DYNAMIC = {"height": "h", "width": "w", "batch": "n", "count": "anchors"}
SIZED = {"names": repr(dict(enumerate(NAMES))), "imgsz": "[256, 384]", "stride": "32"}
LAYOUTS: dict[str, dict[str, Any]] = {
    "v8 and v11": {},
    "v8, outputs the other way round": {"swapped": True},
    "v8, any size": {**DYNAMIC, "metadata": SIZED},
    "v8, a batch of two": {"batch": 2},
    "v8, half precision": {"half": True},
    "v8, shapes untold": {"told": False},
    "v5": {"kind": "objectness"},
    "v5, any size": {"kind": "objectness", **DYNAMIC, "metadata": SIZED},
    "v5, half precision": {"kind": "objectness", "half": True, "swapped": True},
    "duplicates left out inside": {"kind": "corners"},
    "duplicates left out inside, any size": {"kind": "corners", **DYNAMIC, "metadata": SIZED},
    "a list of names": {"metadata": {"names": repr(list(NAMES))}},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("size", [(480, 768), (512, 704), (512, 706), (700, 512)], ids=str)
def test_every_layout_gives_the_same_objects(make: Make, layout: dict[str, Any], size: tuple[int, int]) -> None:
    """(480, 768) is halved, with borders of 8 pixels above and below, and (512, 704), for a network of one
    size, with borders of 16 left and right. (512, 706) has borders of odd width, (700, 512) another scale."""
    sized = "count" not in layout
    check(make(**layout), size, exact=size == (480, 768) or (sized and size == (512, 704)))


@pytest.mark.parametrize("kind", ["centres", "objectness", "corners"])
def test_one_class(make: Make, kind: str) -> None:
    """Rows of one class with objectness are as long as rows of corners."""
    check(make(kind, names=["thing"]), names=["thing"] * 3)


def test_eighty_classes_without_names_are_cocos(make: Make) -> None:
    for kind in ("centres", "objectness"):
        path = make(kind, names=COCO_NAMES, metadata={})
        check(path, names=[COCO_NAMES[number] for number in CLASSES])
        assert OnnxYoloSegmenter(str(path), CPU).labels == COCO_NAMES


def test_what_the_port_asks_for(make: Make) -> None:
    segmenter = OnnxYoloSegmenter(str(make()), CPU)
    assert (segmenter.name, segmenter.device, segmenter.labels) == ("onnx", "cpu", NAMES)
    (model,) = segmenter.models
    assert (model["name"], model["licence"]) == ("colours.onnx", "unknown (brought by the user)")
    assert len(model["sha256"]) == 64


def test_names_and_thresholds(make: Make) -> None:
    shown, _ = picture(512, 704)

    def labels(**controls: Any) -> list[str]:
        settings = sm.Settings(segmenter=f"onnx:{make()}", device="cpu", **controls)
        return [one.label for one in sm.segment(shown, settings)]

    assert labels(find=["sky", "lime"]) == ["lime", "sky"]
    assert labels(confidence=0.75) == ["cherry", "lime"]
    assert labels(confidence=0.75, label_confidence=["sky=0.5", "cherry=0.95"]) == ["lime", "sky"]
    with pytest.raises(UnknownNameError, match="Did you mean 'cherry'"):
        labels(find=["chery"])


def test_the_surest_are_kept_with_a_notice(make: Make) -> None:
    progress = SilentProgress()
    shown, _ = picture(512, 704)
    settings = sm.Settings(segmenter=f"onnx:{make()}", device="cpu", max_instances=2)
    found = sm.segment(shown, settings, progress=progress)
    assert [one.label for one in found] == ["cherry", "lime"]
    (notice,) = progress.notices
    assert "1 more objects were found than 'max_instances' (2)" in notice


def test_empty_rows_are_nothing_even_where_every_score_will_do(make: Make) -> None:
    settings = sm.Settings(segmenter=f"onnx:{make('corners')}", device="cpu", confidence=0.0)
    assert [one.label for one in sm.segment(picture(512, 704)[0], settings)] == list(EXPECTED)


def test_boxes_of_two_classes_may_overlap(make: Make) -> None:
    """Suppression is class by class: shapes nested in each other stay."""
    shown = np.full((512, 768, 3), 128, np.uint8)
    shown[100:400, 100:600] = (220, 30, 30)
    shown[120:380, 120:580] = (40, 230, 20)
    found = sm.segment(shown, sm.Settings(segmenter=f"onnx:{make()}", device="cpu"))
    assert [one.label for one in found] == ["cherry", "lime"]


SHAPES: dict[str, tuple[tuple[int | None, int | None], int, str]] = {
    "v8": ((4 + 5 + 32, 8400), 5, "centres"),
    "v8, places open": ((4 + 5 + 32, None), 5, "centres"),
    "v8 of as many rows as places": ((4 + 43 + 32, 84), 43, "centres"),
    "v5": ((25200, 5 + 5 + 32), 5, "objectness"),
    "v5, places open": ((None, 5 + 5 + 32), 5, "objectness"),
    "v5 of one class": ((25200, 38), 1, "objectness"),
    "v5 of one class for large pictures": ((25500, 38), 1, "objectness"),
    "v5 that looks like v8 by its places": ((3 * 8400, 5 + 25163 + 32), 25163, "objectness"),
    "duplicates left out": ((300, 38), 5, "corners"),
    "duplicates left out, one class": ((300, 38), 1, "corners"),
}


@pytest.mark.parametrize(("sizes", "classes", "kind"), SHAPES.values(), ids=SHAPES.keys())
def test_layouts_are_told_by_their_shapes(
    make: Make, sizes: tuple[int | None, int | None], classes: int, kind: str
) -> None:
    model = onnx_sessions.open_onnx(make(names=[f"n{i}" for i in range(classes)]), "cpu", "test")
    shapes = {"a": [1, 32, 160, 160], "b": [1, *sizes]}
    layout = read_layout(model, shapes, (640, 640))
    assert (layout.kind, layout.found, layout.prototypes) == (kind, "b", "a")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "more names than classes": (
        {"metadata": {"names": repr([*NAMES, "more"])}},
        "classes are its 6 names; got",
    ),
    "no names": ({"metadata": {}}, "COCO's 80, as its metadata has no 'names'; got 'output0'"),
    "no names for corners": ({"kind": "corners", "metadata": {}}, "Export a -seg model with its names"),
    "names that are code": ({"metadata": {"names": "__import__('os').getcwd()"}}, "'names' has to be a list"),
    "names that are numbers": ({"metadata": {"names": "[1, 2, 3, 4, 5]"}}, "'names' has to be a list"),
    "a number left out": ({"metadata": {"names": "{0: 'a', 2: 'b'}"}}, "'names' has to be a list"),
    "an empty name": ({"metadata": {"names": "['a', '', 'c', 'd', 'e']"}}, "'names' has to be a list"),
    "brackets without end": ({"metadata": {"names": "[" * 100_000}}, "'names' has to be a list"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_not_be_understood_is_refused_in_one_sentence(
    make: Make, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        OnnxYoloSegmenter(str(make(**options)), CPU)
    assert "colours.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def rewrite(path: Path, text: str) -> str:
    """Another graph in the file's place."""
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 13]>\n{text}'), path)
    return str(path)


def test_a_network_without_masks_is_refused(tmp_path: Path) -> None:
    path = rewrite(tmp_path / "boxes.onnx", "g (float[1,3,8,8] x) => (float[1,3,8,8] y) { y = Identity(x) }")
    with pytest.raises(WeightsError, match=r"expected a YOLO segmentation network.* got 'y' \(1, 3, 8, 8\)"):
        OnnxYoloSegmenter(path, CPU)


@pytest.mark.parametrize("shape", ["1,4,8,8", "1,3,8", "1,8,8,3"])
def test_another_input_is_refused(tmp_path: Path, shape: str) -> None:
    path = rewrite(tmp_path / "other.onnx", f"g (float[{shape}] x) => (float[{shape}] y) {{ y = Identity(x) }}")
    with pytest.raises(WeightsError, match=r"expected one input, a picture of shape \(N, 3, H, W\), got 'x'"):
        OnnxYoloSegmenter(path, CPU)


def test_bytes_as_input_are_refused(tmp_path: Path) -> None:
    path = rewrite(tmp_path / "bytes.onnx", "g (uint8[1,3,8,8] x) => (uint8[1,3,8,8] y) { y = Identity(x) }")
    with pytest.raises(WeightsError, match=r"input 'x' has to be of tensor\(float\)"):
        OnnxYoloSegmenter(path, CPU)


def changed(path: Path, name: str, value: Any) -> Path:
    """The same file with one constant replaced."""
    model = onnx.load(path)
    kept = [one for one in model.graph.initializer if one.name != name]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*kept, onnx.numpy_helper.from_array(value, name)])
    onnx.save(model, path)
    return path


def test_numbers_that_are_not_finite_are_refused(make: Make) -> None:
    path = changed(make(), "likely", np.full((1, 6, 5), np.nan, np.float32))
    segmenter = OnnxYoloSegmenter(str(path), CPU)
    with pytest.raises(ValueShapeError, match=r"'colours.onnx' gave numbers that are not finite"):
        segmenter.segment(as_plate(picture(64, 64)[0]), SilentProgress())


def test_a_class_without_a_name_is_refused(make: Make) -> None:
    path = changed(make("corners"), "classNumbers", np.full((1, 6, 1), 5, np.float32))
    with pytest.raises(ValueShapeError, match="gave a class that its 5 names don't have"):
        sm.segment(picture(512, 704)[0], sm.Settings(segmenter=f"onnx:{path}", device="cpu"))


def test_nothing_in_the_picture_is_nothing_found(make: Make) -> None:
    for kind in ("centres", "objectness", "corners"):
        for size in ((1, 1), (3, 700), (700, 3)):
            grey = np.full((*size, 3), 128, np.uint8)
            assert sm.segment(grey, sm.Settings(segmenter=f"onnx:{make(kind)}", device="cpu")) == []


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"onnx:path/to/model\.onnx"):
        OnnxYoloSegmenter("", CPU)
    with pytest.raises(WeightsError, match="Segmenter 'onnx': expected a model file, got"):
        OnnxYoloSegmenter(str(tmp_path / "none.onnx"), CPU)
    (tmp_path / "damaged.onnx").write_bytes(b"not a model at all")
    with pytest.raises(WeightsError, match=r"damaged.onnx' can't be read as an ONNX model"):
        OnnxYoloSegmenter(str(tmp_path / "damaged.onnx"), CPU)


def test_without_onnx_runtime_the_extra_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"^Segmenter 'onnx' needs .*'semantic-matte\[onnx\]'"):
        OnnxYoloSegmenter(str(path), CPU)


def test_a_gpu_that_is_not_there_is_said(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if torch had a GPU and ONNX Runtime none: never quietly on the CPU."""
    monkeypatch.setattr(onnx_sessions, "choose_device", lambda asked: ("cuda:0", "A GPU."))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match=r"^Device 'cuda' can't be used by segmenter 'onnx'"):
        OnnxYoloSegmenter(str(make()), sm.Settings(device="cuda"))
    segmenter, progress = OnnxYoloSegmenter(str(make()), sm.Settings()), SilentProgress()
    segmenter.segment(as_plate(picture(64, 64)[0]), progress)
    assert segmenter.device == "cpu"
    assert "Segmenter 'onnx' runs on the CPU though there is a GPU" in progress.notices[0]


@pytest.mark.parametrize("frame", [(480, 640), (640, 480), (427, 640), (1080, 1920), (50, 3000), (33, 31)])
def test_a_picture_is_placed_as_ultralytics_places_it(frame: tuple[int, int]) -> None:
    """Sizes and borders by the formulas of its `LetterBox`, for one size and for multiples of 32."""
    height, width = frame
    scale = min(640 / height, 640 / width)
    inner = (round(width * scale), round(height * scale))
    for stride in (None, 32):
        across, down = 640 - inner[0], 640 - inner[1]
        if stride:
            across, down = across % 32, down % 32
        top, bottom = round(down / 2 - 0.1), round(down / 2 + 0.1)
        left, right = round(across / 2 - 0.1), round(across / 2 + 0.1)
        box = Letterbox.fit(frame, (640, 640), stride)
        assert box.input_size == (inner[1] + top + bottom, inner[0] + left + right)
        assert box.content == Box(left, top, left + inner[0], top + inner[1])
        shown = np.random.default_rng(0).integers(0, 256, (*frame, 3), dtype=np.uint8)
        placed = box.place(shown)
        resized = shown if inner == frame[::-1] else cv2.resize(shown, inner, interpolation=cv2.INTER_LINEAR)
        expected = cv2.copyMakeBorder(
            resized, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(114, 114, 114)
        )
        np.testing.assert_array_equal(placed[0].transpose(1, 2, 0), expected.astype(np.float32) / 255)


REAL_FILE = os.environ.get("SEMANTIC_MATTE_TEST_YOLO", "")


@pytest.mark.skipif(
    not REAL_FILE, reason="SEMANTIC_MATTE_TEST_YOLO names no real YOLO -seg file (AGPL: not ours to ship)"
)
def test_a_real_network_finds_what_is_there(photos: Path) -> None:
    """Places that surely are, or are not, the person, as (y, x)."""
    settings = sm.Settings(segmenter=f"onnx:{REAL_FILE}", device="cpu")
    person = next(one for one in sm.segment(photos / "astronaut.png", settings) if one.label == "person")
    assert person.score > 0.6
    assert all(person.mask[place] for place in [(95, 215), (150, 195), (330, 200), (330, 90), (430, 240)])
    assert not any(person.mask[place] for place in [(5, 5), (20, 500), (60, 40), (60, 440)])
    cat = sm.segment(photos / "chelsea.png", settings)[0]
    assert cat.label == "cat"
    assert all(cat.mask[place] for place in [(110, 200), (165, 215), (60, 120)])
    assert not any(cat.mask[place] for place in [(5, 440), (290, 445)])


def test_other_controls_without_loading_again(make: Make, warm: Any) -> None:
    pixels, _ = picture(480, 640)
    path = make()
    table = [
        {"confidence": 0.1},
        {"find": ["sky", "lime"]},
        {"confidence": 0.75, "label_confidence": ["sky=0.5", "cherry=0.95"]},
        {"max_instances": 1},
    ]

    def load(settings: sm.Settings) -> OnnxYoloSegmenter:
        return OnnxYoloSegmenter(str(path), settings)

    warm.check(load, [as_plate(pixels)], table, lambda segmenter: segmenter._model)
