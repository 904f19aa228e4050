"""What goes wrong in a studio: broken files, odd sizes, full disks, altered models, slips of the hand.

Every end is a whole result or one clear sentence, and an output folder as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
import yaml

import semantic_matte as sm
from semantic_matte import errors, weights
from semantic_matte.jobs import MatteRequest, matte_files, refine_file, segment_files
from semantic_matte.ports import SilentProgress

ROOT = Path(__file__).parent.parent.parent
CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


def write_exr(path: Path, pixels: np.ndarray, names: str = "RGB") -> Path:
    channels = {name: np.ascontiguousarray(pixels[..., index]) for index, name in enumerate(names)}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))
    return path


def write_hints(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump({"instances": list(rows)}), encoding="utf-8")
    return path


def layers(path: Path) -> dict[str, np.ndarray]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: np.array(channel.pixels) for name, channel in file.channels().items()}


def sidecar(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def assert_one_sentence(message: str) -> None:
    assert message
    assert message[0].isupper() or message[0] in "'\""
    assert message.rstrip().endswith((".", "?"))
    assert len(message.strip().splitlines()) == 1
    assert "Traceback" not in message


@pytest.fixture
def plate(small_photos: Path) -> Path:
    """200x133"""
    return small_photos / "chelsea.png"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder that already holds somebody's results."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "chelsea.mattes.exr").write_text("yesterday's")
    return folder


def assert_untouched(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == ["chelsea.mattes.exr"]
    assert (folder / "chelsea.mattes.exr").read_text() == "yesterday's"


# One engine for all: what a slip costs must not be a reload, and no failure may spoil the next frame.
@pytest.fixture(scope="module")
def engine() -> sm.Engine:
    return sm.Engine(sm.Settings(passes=1, dilation_inner=0.03, dilation_outer=0.03))


def matte(engine: sm.Engine, plate: Path, out: Path, **more: Any) -> SilentProgress:
    progress = SilentProgress()
    matte_files(engine, MatteRequest((plate,), out, **more), progress)
    return progress


def missing(folder: Path, whole: bytes) -> Path:
    return folder / "missing.png"


def empty(folder: Path, whole: bytes) -> Path:
    path = folder / "empty.png"
    path.touch()
    return path


def truncated(folder: Path, whole: bytes) -> Path:
    path = folder / "truncated.png"
    path.write_bytes(whole[: len(whole) // 2])
    return path


def text(folder: Path, whole: bytes) -> Path:
    path = folder / "text.png"
    path.write_text("This is no picture.")
    return path


def a_folder(folder: Path, whole: bytes) -> Path:
    path = folder / "folder.exr"
    path.mkdir()
    return path


def truncated_exr(folder: Path, whole: bytes) -> Path:
    path = write_exr(folder / "truncated.exr", np.random.default_rng(0).random((64, 64, 3), np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


BROKEN = [missing, empty, truncated, text, a_folder, truncated_exr]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_plate_that_cannot_be_read(
    engine: sm.Engine, plate: Path, tmp_path: Path, out: Path, broken: Callable[[Path, bytes], Path]
) -> None:
    path = broken(tmp_path, plate.read_bytes())
    with pytest.raises(errors.PlateError) as raised:
        matte(engine, path, out)
    assert_one_sentence(str(raised.value))
    assert path.name in str(raised.value)
    assert_untouched(out)


@pytest.mark.parametrize("broken", [missing, empty, text])
@pytest.mark.parametrize(
    ("role", "kind"), [("hint", errors.HintError), ("trimap", errors.TrimapError)], ids=["hint", "trimap"]
)
def test_a_hint_or_trimap_that_cannot_be_read(
    engine: sm.Engine,
    plate: Path,
    tmp_path: Path,
    out: Path,
    broken: Callable[[Path, bytes], Path],
    role: str,
    kind: type[Exception],
) -> None:
    path = broken(tmp_path, plate.read_bytes())
    with pytest.raises(kind) as raised:
        matte(engine, plate, out, **{role: path})
    assert_one_sentence(str(raised.value))
    assert path.name in str(raised.value)
    assert_untouched(out)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_a_file_name_that_is_not_unicode(engine: sm.Engine, plate: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"latin-\xe9.png")
    shutil.copy(plate, path)
    # Either it works, or it says what is wrong.
    try:
        found = segment_files(engine, [path], SilentProgress())
    except errors.SemanticMatteError as error:
        assert_one_sentence(str(error))
    else:
        assert [instance.label for instance in found[0][1]] == ["cat"]


ROW_BY_COMMAND_LINE = [
    # plate, more arguments, what the sentence holds
    ("missing.png", (), "does not exist"),
    ("text.png", (), "text.png"),
    ("folder", (), "folder"),
    ("PLATE", ("--hint", "outside.yaml"), "outside the plate of 200x133"),
    ("PLATE", ("--hint", "not.yaml"), "not valid JSON or YAML"),
    ("PLATE", ("--trimap", "white.png"), "no known background"),
    ("PLATE", ("--device", "mps" if sys.platform != "darwin" else "cuda"), "--device cpu"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "more", "said"), ROW_BY_COMMAND_LINE)
def test_by_the_command_line(
    command_line: CommandLine,
    plate: Path,
    tmp_path: Path,
    out: Path,
    name: str,
    more: tuple[str, ...],
    said: str,
) -> None:
    (tmp_path / "text.png").write_text("This is no picture.")
    (tmp_path / "folder").mkdir()
    write_hints(tmp_path / "outside.yaml", {"label": "cat", "box": [900, 0, 950, 40]})
    (tmp_path / "not.yaml").write_text("instances: [")
    cv2.imwrite(str(tmp_path / "white.png"), np.full((133, 200), 255, np.uint8))
    path = plate if name == "PLATE" else tmp_path / name
    files = [str(tmp_path / word) if "." in word else word for word in more]
    done = command_line("matte", path, "-o", out, *files)
    assert done.returncode == 1
    assert done.stdout == ""
    *notices, complaint = done.stderr.splitlines()
    assert said in complaint
    assert_one_sentence(complaint)
    assert not any("Traceback" in notice for notice in notices)
    assert_untouched(out)


@pytest.mark.parametrize("where", ["a file", "below a file", "/proc/nowhere"])
def test_an_output_folder_that_cannot_be_written(
    engine: sm.Engine, plate: Path, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("x")
    folder = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "out"}.get(where, Path(where))
    if where.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("there is no /proc here")
    began = time.monotonic()
    with pytest.raises(errors.OutputError) as raised:
        matte(engine, plate, folder)
    assert time.monotonic() - began < 1, "found out only after the work was done"
    assert_one_sentence(str(raised.value))
    assert (tmp_path / "file").read_text() == "x"


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root on Linux")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk(command_line: CommandLine, plate: Path, tmp_path: Path) -> None:
    # Room for the layers, not for the contact sheet.
    with small_disk(tmp_path / "small", "32k") as folder:
        more = ("--passes", "1", "--dilation", "0.02")
        done = command_line("matte", plate, "-o", folder, *more)
        assert done.returncode == 1
        complaint = done.stderr.splitlines()[-1]
        assert "disk is full" in complaint
        assert_one_sentence(complaint)
        for path in folder.iterdir():
            assert not path.name.startswith(".")
            assert path.suffix == ".exr", "only a whole file may stay, and never the sidecar"
            layers(path)


def test_pixels_that_are_not_numbers_are_counted(engine: sm.Engine, photos: Path, tmp_path: Path) -> None:
    pixels = sm.read_plate(photos / "chelsea.png").pixels[::2, ::2].copy()
    pixels[3, 4] = np.nan
    pixels[5, 6, 1] = np.inf
    pixels[5, 7, 1] = np.inf
    pixels[7, 8] = -np.inf
    pixels[9:12, 0, 2] = -0.25
    path = write_exr(tmp_path / "odd.exr", pixels)
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), cv2.rectangle(np.zeros(pixels.shape[:2], np.uint8), (40, 20), (150, 120), 255, -1))
    progress = matte(engine, path, tmp_path / "out", hint=mask)
    alpha = layers(tmp_path / "out" / "odd.mattes.exr")["sm_object_01.A"]
    assert np.isfinite(alpha).all()
    notices = sidecar(tmp_path / "out" / "odd.matte.json")["notices"]
    for sentence in (
        "1 pixel was NaN and counts as black.",
        "1 pixel was minus infinity and counts as black.",
        "2 pixels were infinite and count as 65504.",
        "3 pixels are negative and kept so.",
    ):
        assert sentence in notices
        assert any(sentence in said for said in progress.notices)


ODD_SIZES = [(1, 1), (1, 57), (57, 1), (2, 2), (3, 5), (7, 130), (31, 33)]


@pytest.mark.parametrize(("height", "width"), ODD_SIZES)
def test_odd_sizes_go_all_the_way(engine: sm.Engine, tmp_path: Path, height: int, width: int) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "odd.png"), pixels)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : height // 3 + max(1, height // 2), width // 3 : width // 3 + max(1, width // 2)] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    folder = tmp_path / "out"
    progress = SilentProgress()
    request = MatteRequest((tmp_path / "odd.png",), folder, hint=tmp_path / "mask.png")
    matte_files(sm.Engine(sm.Settings(png=True, spread=True)), request, progress)
    assert {path.name for path in folder.iterdir()} == {
        "odd.mattes.exr",
        "odd.sm_object_01.png",
        "odd.contact.png",
        "odd.matte.json",
    }
    alpha = layers(folder / "odd.mattes.exr")["sm_object_01.A"]
    assert alpha.shape == (height, width)
    assert alpha.max() > 0.5
    ((_, instances),) = segment_files(engine, [tmp_path / "odd.png"], progress)
    assert all(instance.frame_size == (height, width) for instance in instances)


@pytest.mark.parametrize(
    ("names", "kind"),
    [("Y", None), ("AY", None), ("ABGRZ", None), ("XZ", errors.PlateError)],
)
def test_channels_other_than_rgb(
    engine: sm.Engine, photos: Path, tmp_path: Path, names: str, kind: type[Exception] | None
) -> None:
    grey = sm.read_plate(photos / "chelsea.png").pixels[::2, ::2].mean(axis=2, keepdims=True)
    path = write_exr(tmp_path / "plate.exr", np.repeat(grey, len(names), axis=2), names)
    if kind is not None:
        with pytest.raises(kind) as raised:
            segment_files(engine, [path], SilentProgress())
        assert_one_sentence(str(raised.value))
        return
    ((_, instances),) = segment_files(engine, [path], SilentProgress())
    assert all(instance.frame_size == grey.shape[:2] for instance in instances)


def levels(*bands: int) -> np.ndarray:
    return np.repeat(np.array(bands, np.uint8), 200 // len(bands))[None].repeat(133, axis=0)


@pytest.mark.parametrize(
    ("trimap", "said"),
    [
        (levels(0, 128, 255, 0)[:-1], "200x132 but the plate is 200x133"),
        (levels(0, 128), "no known foreground"),
        (levels(255, 128), "no known background"),
        (
            levels(
                128,
            ),
            "no known foreground",
        ),
    ],
)
def test_a_trimap_that_cannot_be_used(
    engine: sm.Engine, plate: Path, tmp_path: Path, out: Path, trimap: np.ndarray, said: str
) -> None:
    path = tmp_path / "trimap.png"
    cv2.imwrite(str(path), trimap)
    with pytest.raises(errors.TrimapError, match=said) as raised:
        matte(engine, plate, out, trimap=path)
    assert_one_sentence(str(raised.value))
    with pytest.raises(errors.TrimapError, match=said):
        refine_file(engine, plate, path, out / "alpha.png", SilentProgress())
    assert_untouched(out)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"box": [200, 0, 260, 50]}, "outside the plate of 200x133"),
        ({"box": [-40, -40, 0, 0]}, "outside the plate of 200x133"),
        ({"points": [[10, 133, 1]]}, "outside the plate of 200x133"),
        ({"points": [[-1, 5, 1]]}, "outside the plate of 200x133"),
        ({"points": [[10, 10, 1], [float("nan"), 5, 0]]}, "outside the plate of 200x133"),
        ({"mask": "mask.png"}, "expected a mask of the plate's size 200x133, got 133x200"),
    ],
)
def test_a_hint_that_does_not_fit_the_plate(
    engine: sm.Engine, plate: Path, tmp_path: Path, out: Path, row: dict[str, Any], said: str
) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((200, 133), 255, np.uint8))
    hints = write_hints(tmp_path / "hints.yaml", {"label": "cat", **row})
    with pytest.raises(errors.HintError, match=said) as raised:
        matte(engine, plate, out, hint=hints)
    assert_one_sentence(str(raised.value))
    assert "hints.yaml" in str(raised.value)
    assert_untouched(out)


def test_one_bad_plate_in_the_middle_leaves_the_ones_before_it_whole(
    engine: sm.Engine, plate: Path, tmp_path: Path
) -> None:
    request = MatteRequest((plate, text(tmp_path, b"")), tmp_path / "out")
    with pytest.raises(errors.PlateError, match=r"text\.png"):
        matte_files(engine, request, SilentProgress())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "chelsea.mattes.exr",
        "chelsea.contact.png",
        "chelsea.matte.json",
    }


@pytest.mark.parametrize("name", ["shot.####.exr", "shot.%04d.exr"])
def test_a_frame_pattern_is_refused_by_name(engine: sm.Engine, name: str, tmp_path: Path, out: Path) -> None:
    with pytest.raises(errors.UsageError, match="frame pattern"):
        matte_files(engine, MatteRequest((tmp_path / name,), out), SilentProgress())
    with pytest.raises(errors.UsageError, match="frame pattern"):
        segment_files(engine, [tmp_path / name], SilentProgress())
    assert_untouched(out)


def test_two_plates_of_one_name(engine: sm.Engine, plate: Path, tmp_path: Path, out: Path) -> None:
    twin = tmp_path / "chelsea.tif"
    cv2.imwrite(str(twin), cv2.imread(str(plate)))
    with pytest.raises(errors.UsageError, match="Two plates are named 'chelsea'"):
        matte_files(engine, MatteRequest((plate, twin), out), SilentProgress())
    assert_untouched(out)


def test_no_result_overwrites_its_source(engine: sm.Engine, plate: Path, tmp_path: Path) -> None:
    def fresh(name: str, pixels: np.ndarray) -> Path:
        path = tmp_path / name
        cv2.imwrite(str(path), pixels)
        return path

    own = fresh("own.png", cv2.imread(str(plate)))
    trimap = fresh("own.sm_object_01.png", levels(0, 128, 255, 128, 0))
    mask = fresh("own.contact.png", levels(0, 255, 255, 0))
    before = {path: path.read_bytes() for path in (own, trimap, mask)}
    progress = SilentProgress()
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        refine_file(engine, own, trimap, own, progress)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        refine_file(engine, own, trimap, tmp_path / "folder" / ".." / trimap.name, progress)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        segment_files(engine, [own], progress, coco=own)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        segment_files(engine, [own], progress, hint=mask, coco=mask)
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        matte(engine, own, tmp_path, hint=mask)
    with_pngs = sm.Engine(engine.settings.model_copy(update={"png": True}))
    with pytest.raises(errors.UsageError, match="overwrite its own source"):
        matte(with_pngs, own, tmp_path, trimap=trimap)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture
def weights_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The models in a folder of the test's own, which the package takes for its own."""
    folder = tmp_path / "weights"
    shutil.copytree(ROOT / "weights", folder, ignore=shutil.ignore_patterns("training"))
    monkeypatch.setattr(weights, "_FOLDERS", (folder,))
    weights.manifest.cache_clear()
    yield folder
    weights.manifest.cache_clear()


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_a_bit_of_the_detector(folder: Path) -> None:
    flip_a_bit(folder / "nanodet.safetensors")


def flip_a_bit_of_the_shapes(folder: Path) -> None:
    flip_a_bit(folder / "class_shapes.safetensors")


def lose_the_saliency_network(folder: Path) -> None:
    (folder / "u2netp.safetensors").unlink()


def lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.yaml").unlink()


def tear_the_manifest(folder: Path) -> None:
    (folder / "manifest.yaml").write_text("models: {nanodet: {file: ")


def empty_the_manifest(folder: Path) -> None:
    (folder / "manifest.yaml").write_text("")


def cut_a_file_and_hide_it(folder: Path) -> None:
    path = folder / "u2netp.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    listing = folder / "manifest.yaml"
    before = hashlib.sha256(content).hexdigest()
    after = hashlib.sha256(content[:1000]).hexdigest()
    listing.write_text(listing.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (flip_a_bit_of_the_detector, "damaged or altered"),
        (flip_a_bit_of_the_shapes, "damaged or altered"),
        (lose_the_saliency_network, "can't be read"),
        (lose_the_manifest, "missing"),
        (tear_the_manifest, "can't be read"),
        (empty_the_manifest, "can't be read"),
        (cut_a_file_and_hide_it, "not a safetensors file"),
    ],
)
def test_altered_weights(
    weights_copy: Path, plate: Path, out: Path, harm: Callable[[Path], None], said: str
) -> None:
    harm(weights_copy)
    with pytest.raises(errors.WeightsError, match=said) as raised:
        matte(sm.Engine(), plate, out)
    assert_one_sentence(str(raised.value))
    assert_untouched(out)


def test_altered_weights_by_the_command_line(
    command_line: CommandLine, plate: Path, tmp_path: Path, out: Path
) -> None:
    core = tmp_path / "clone" / "core"
    shutil.copytree(ROOT / "core", core, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "weights", core.parent / "weights", ignore=shutil.ignore_patterns("training"))
    flip_a_bit(core.parent / "weights" / "nanodet.safetensors")
    done = command_line("matte", plate, "-o", out, core=core)
    assert done.returncode == 1
    assert_one_sentence(done.stderr.splitlines()[-1])
    assert "damaged or altered" in done.stderr
    assert_untouched(out)
    checked = command_line("doctor", "--json", core=core)
    assert checked.returncode == 1
    bad = [row["what"] for row in json.loads(checked.stdout) if row["status"] == "error"]
    assert bad == ["model nanodet"]


# Runs `semantic-matte` and tells the most memory that the process took, in MiB.
MEASURE = """
import resource, runpy, sys
try:
    runpy.run_module("semantic_matte.cli", run_name="__main__", alter_sys=True)
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units elsewhere")
def test_two_hundred_objects(photos: Path, tmp_path: Path) -> None:
    picture = cv2.resize(cv2.imread(str(photos / "coffee.png")), (640, 480), interpolation=cv2.INTER_LINEAR)
    rows: list[dict[str, Any]] = []
    for index in range(200):
        x, y = index % 20 * 32, index // 20 * 48
        if index % 2:
            mask = np.zeros((480, 640), np.uint8)
            cv2.ellipse(mask, (x + 16, y + 24), (10, 15), 0, 0, 360, 255, -1)
            cv2.imwrite(str(tmp_path / f"mask_{index}.png"), mask)
            rows.append({"label": "extra", "mask": f"mask_{index}.png"})
        else:
            # Something to find in the box.
            cv2.ellipse(picture, (x + 16, y + 24), (10, 15), 0, 0, 360, (40, 220, 30), -1)
            rows.append({"label": "extra", "box": [x + 3, y + 6, x + 29, y + 42]})
    cv2.imwrite(str(tmp_path / "crowd.png"), picture)

    def most_memory(*some: dict[str, Any]) -> int:
        hints = write_hints(tmp_path / "hints.yaml", *some)
        arguments = ("matte", tmp_path / "crowd.png", "-o", tmp_path / "out", "--hint", hints, "--passes", "1")
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "core")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stderr.split()[-1])

    for_one = most_memory(rows[0])
    for_all = most_memory(*rows)
    names = {f"sm_extra_{number:03d}.A" for number in range(1, 201)}
    assert set(layers(tmp_path / "out" / "crowd.mattes.exr")) == names
    assert len(sidecar(tmp_path / "out" / "crowd.matte.json")["slots"]) == 200
    # Whole frames in float32, one an object, would be 235 MiB a time.
    assert for_all - for_one < 200
