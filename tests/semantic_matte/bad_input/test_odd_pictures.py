"""Pictures, trimaps and hints that can be read and are odd: sizes, channels, values, places, and a crowd."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte import errors
from semantic_matte.jobs import MatteRequest, matte_files, refine_file, segment_files
from semantic_matte.ports import SilentProgress

ROOT = Path(__file__).parent.parent.parent.parent


def test_pixels_that_are_not_numbers_are_counted(
    studio: Any, engine: sm.Engine, photos: Path, tmp_path: Path
) -> None:
    pixels = sm.read_plate(photos / "chelsea.png").pixels[::2, ::2].copy()
    pixels[3, 4] = np.nan
    pixels[5, 6, 1] = np.inf
    pixels[5, 7, 1] = np.inf
    pixels[7, 8] = -np.inf
    pixels[9:12, 0, 2] = -0.25
    path = studio.write_exr(tmp_path / "odd.exr", pixels)
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), cv2.rectangle(np.zeros(pixels.shape[:2], np.uint8), (40, 20), (150, 120), 255, -1))
    progress = studio.matte(engine, path, tmp_path / "out", hint=mask)
    alpha = studio.layers(tmp_path / "out" / "odd.mattes.exr")["sm_object_01.A"]
    assert np.isfinite(alpha).all()
    notices = studio.sidecar(tmp_path / "out" / "odd.matte.json")["notices"]
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
def test_odd_sizes_go_all_the_way(
    studio: Any, engine: sm.Engine, tmp_path: Path, height: int, width: int
) -> None:
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
        "odd.cryptomatte.exr",
        "odd.sm_object_01.png",
        "odd.contact.png",
        "odd.matte.json",
    }
    alpha = studio.layers(folder / "odd.mattes.exr")["sm_object_01.A"]
    assert alpha.shape == (height, width)
    assert alpha.max() > 0.5
    ((_, instances),) = segment_files(engine, [tmp_path / "odd.png"], progress)
    assert all(instance.frame_size == (height, width) for instance in instances)


@pytest.mark.parametrize(
    ("names", "kind"),
    [("Y", None), ("AY", None), ("ABGRZ", None), ("XZ", errors.PlateError)],
)
def test_channels_other_than_rgb(
    studio: Any, engine: sm.Engine, photos: Path, tmp_path: Path, names: str, kind: type[Exception] | None
) -> None:
    grey = sm.read_plate(photos / "chelsea.png").pixels[::2, ::2].mean(axis=2, keepdims=True)
    path = studio.write_exr(tmp_path / "plate.exr", np.repeat(grey, len(names), axis=2), names)
    if kind is not None:
        with pytest.raises(kind) as raised:
            segment_files(engine, [path], SilentProgress())
        studio.assert_one_sentence(str(raised.value))
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
    studio: Any, engine: sm.Engine, plate: Path, tmp_path: Path, out: Path, trimap: np.ndarray, said: str
) -> None:
    path = tmp_path / "trimap.png"
    cv2.imwrite(str(path), trimap)
    with pytest.raises(errors.TrimapError, match=said) as raised:
        studio.matte(engine, plate, out, trimap=path)
    studio.assert_one_sentence(str(raised.value))
    with pytest.raises(errors.TrimapError, match=said):
        refine_file(engine, plate, path, out / "alpha.png", SilentProgress())
    studio.assert_untouched(out)


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
    studio: Any, engine: sm.Engine, plate: Path, tmp_path: Path, out: Path, row: dict[str, Any], said: str
) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((200, 133), 255, np.uint8))
    hints = studio.write_hints(tmp_path / "hints.yaml", {"label": "cat", **row})
    with pytest.raises(errors.HintError, match=said) as raised:
        studio.matte(engine, plate, out, hint=hints)
    studio.assert_one_sentence(str(raised.value))
    assert "hints.yaml" in str(raised.value)
    studio.assert_untouched(out)


# Runs `semantic-matte` and tells the most memory that the process took, in MiB.
MEASURE = """
import resource, runpy, sys
try:
    runpy.run_module("semantic_matte", run_name="__main__", alter_sys=True)
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units elsewhere")
def test_two_hundred_objects(studio: Any, photos: Path, tmp_path: Path) -> None:
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
        hints = studio.write_hints(tmp_path / "hints.yaml", *some)
        arguments = ("matte", tmp_path / "crowd.png", "-o", tmp_path / "out", "--hint", hints)
        # How often each is solved makes no difference to what is kept.
        arguments += ("--passes", "1", "--samples", "1")
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
    names = {f"sm_extra_{number:02d}.A" for number in range(1, 201)}
    assert set(studio.layers(tmp_path / "out" / "crowd.mattes.exr")) == names
    assert len(studio.sidecar(tmp_path / "out" / "crowd.matte.json")["slots"]) == 200
    # Whole frames in float32, one an object, would be 235 MiB a time.
    assert for_all - for_one < 200
