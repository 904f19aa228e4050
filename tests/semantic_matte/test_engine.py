"""The public Python interface, with real models on a real photo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.errors import CancelledError, PlateError, TrimapError, UnknownNameError, UsageError
from semantic_matte.ports import ProgressEvent, SilentProgress

CORE = Path(__file__).parent.parent.parent / "core"
QUICK = sm.Settings(passes=1, dilation_inner=0.03, dilation_outer=0.03)


@pytest.fixture(scope="module")
def rgb(small_photos: Path) -> np.ndarray:
    """(133, 200, 3) uint8, sRGB"""
    return np.ascontiguousarray(cv2.imread(str(small_photos / "chelsea.png"))[..., ::-1])


@pytest.fixture(scope="module")
def engine() -> sm.Engine:
    return sm.Engine(QUICK)


@pytest.fixture(scope="module")
def mattes(engine: sm.Engine, small_photos: Path) -> list[sm.Matte]:
    return engine.matte(small_photos / "chelsea.png")


def test_a_matte_of_a_path(mattes: list[sm.Matte]) -> None:
    (matte,) = mattes
    assert (matte.slot, matte.label, matte.passes) == ("sm_cat_01", "cat", 1)
    assert matte.alpha.shape == (133, 200)
    assert matte.alpha.dtype == np.float32
    assert (matte.alpha.min(), matte.alpha.max()) == (0.0, 1.0)
    assert ((matte.alpha > 0) & (matte.alpha < 1)).any()
    # The matte is of the instance: they agree but for the band.
    agreement = ((matte.alpha > 0.5) == matte.instance.mask).mean()
    assert agreement > 0.95


def test_every_form_of_a_plate_means_the_same(
    engine: sm.Engine, small_photos: Path, rgb: np.ndarray, mattes: list[sm.Matte]
) -> None:
    path = small_photos / "chelsea.png"
    forms: dict[str, Any] = {
        "string": str(path),
        "Plate": sm.read_plate(path),
        "uint8": rgb,
        "uint16": rgb.astype(np.uint16) * 257,
        "float32": sm.read_plate(path).pixels,
        "float64": sm.read_plate(path).pixels.astype(np.float64),
    }
    for name, form in forms.items():
        (matte,) = engine.matte(form)
        # 16 bits are decoded to other last digits.
        tolerance = 1e-3 if name == "uint16" else 0.0
        np.testing.assert_allclose(matte.alpha, mattes[0].alpha, atol=tolerance, err_msg=name)
        assert matte.slot == mattes[0].slot


def test_display_values_as_floats_with_their_colour_space(
    engine: sm.Engine, rgb: np.ndarray, mattes: list[sm.Matte]
) -> None:
    (matte,) = engine.matte((rgb / 255).astype(np.float32), colour_space="srgb")
    np.testing.assert_allclose(matte.alpha, mattes[0].alpha, atol=1e-3)


def test_an_array_is_never_written_to(engine: sm.Engine, rgb: np.ndarray) -> None:
    pixels = rgb.astype(np.float32)
    pixels[0, 0] = np.nan
    before = pixels.copy()
    engine.segment(pixels)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    "wrong", [None, 5, [[1, 2]], np.zeros((4, 4, 2), np.uint8), np.zeros(3), "nowhere.png"]
)
def test_what_is_no_plate(engine: sm.Engine, wrong: Any) -> None:
    with pytest.raises(PlateError):
        engine.segment(wrong)


def test_segment_gives_the_instances_of_the_mattes(
    small_photos: Path, engine: sm.Engine, mattes: list[sm.Matte]
) -> None:
    for instances in (engine.segment(small_photos / "chelsea.png"), sm.segment(small_photos / "chelsea.png")):
        assert [one.slot for one in instances] == ["sm_cat_01"]
        np.testing.assert_array_equal(instances[0].mask, mattes[0].instance.mask)


def test_hints_take_the_place_of_the_segmenter(engine: sm.Engine, rgb: np.ndarray) -> None:
    mask = np.zeros(rgb.shape[:2], np.bool_)
    mask[20:110, 40:120] = True
    hints = [sm.Hint(mask=mask, label="Fluffy Thing"), sm.Hint(box=sm.Box(120, 10, 190, 100), label="wall")]
    progress = SilentProgress()
    first, second = engine.matte(rgb, hints=hints, progress=progress)
    assert (first.slot, second.slot) == ("sm_fluffy_thing_01", "sm_wall_01")
    np.testing.assert_array_equal(first.instance.mask, mask)
    assert any("'starter' is not run" in notice for notice in progress.notices)
    # And the next frame without hints is searched again.
    assert [one.slot for one in engine.segment(rgb)] == ["sm_cat_01"]


@pytest.fixture(scope="module")
def trimap(mattes: list[sm.Matte]) -> np.ndarray:
    alpha = cv2.blur(mattes[0].alpha, (9, 9))
    return np.select([alpha <= 0, alpha >= 1], [0, 255], 128).astype(np.uint8)


def test_refine_keeps_what_is_known(
    small_photos: Path, trimap: np.ndarray, tmp_path: Path, mattes: list[sm.Matte]
) -> None:
    path = small_photos / "chelsea.png"
    alpha = sm.refine(path, trimap)
    assert alpha.dtype == np.float32
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()
    assert np.abs(alpha - mattes[0].alpha).mean() < 0.05
    cv2.imwrite(str(tmp_path / "trimap.png"), trimap)
    np.testing.assert_array_equal(alpha, sm.refine(path, tmp_path / "trimap.png"))
    np.testing.assert_array_equal(alpha, sm.refine(path, sm.Trimap.from_levels(trimap)))
    np.testing.assert_array_equal(alpha, sm.refine(path, np.where(trimap == 128, 77, trimap).astype(np.uint8)))


def test_a_trimap_takes_the_place_of_segmenter_and_hint(
    engine: sm.Engine, rgb: np.ndarray, trimap: np.ndarray
) -> None:
    (matte,) = engine.matte(rgb, trimap=trimap)
    assert (matte.slot, matte.label) == ("sm_object_01", "object")
    assert (matte.alpha[trimap == 0] == 0).all()
    assert (matte.alpha[trimap == 255] == 1).all()
    np.testing.assert_array_equal(matte.alpha, engine.refine(rgb, trimap))
    with pytest.raises(UsageError, match="hint or a trimap, not both"):
        engine.matte(rgb, trimap=trimap, hints=[sm.Hint(box=sm.Box(0, 0, 9, 9))])


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        np.zeros((133, 200, 3), np.uint8),
        np.zeros((133, 200), np.float32),
        np.full((133, 200), 128, np.uint8),
        np.full((133, 200), 255, np.uint8),
        np.zeros((133, 200), np.uint8),
        np.eye(5, dtype=np.uint8) * 255,
    ],
)
def test_what_is_no_trimap(engine: sm.Engine, rgb: np.ndarray, wrong: Any) -> None:
    with pytest.raises(TrimapError):
        engine.refine(rgb, wrong)


def test_an_engine_loads_once(loaded: list[str], rgb: np.ndarray) -> None:
    engine = sm.Engine(QUICK)
    assert loaded == []
    assert engine.models == []
    engine.segment(rgb)
    assert loaded == ["nanodet", "box_mask", "class_shapes"]
    engine.segment(rgb)
    engine.segment(rgb[::-1])
    assert len(loaded) == 3
    assert [model["name"] for model in engine.models] == loaded


def test_an_estimator_by_a_wrong_name_is_told_before_the_search(loaded: list[str], rgb: np.ndarray) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown estimator 'magic'.*closed_form"):
        sm.matte(rgb, sm.Settings(estimator="magic"))
    assert loaded == []


def test_work_can_be_ended_from_outside(engine: sm.Engine, rgb: np.ndarray) -> None:
    class Impatient(SilentProgress):
        def advance(self, event: ProgressEvent) -> None:
            if event.stage == "matting":
                raise CancelledError("Ended.")

    with pytest.raises(CancelledError):
        engine.matte(rgb, progress=Impatient())
    assert len(engine.matte(rgb)) == 1


def test_names_are_loaded_when_first_used() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(CORE)!r})
import semantic_matte as sm
assert "semantic_matte.settings" not in sys.modules
sm.Settings
assert "semantic_matte.settings" in sys.modules and "semantic_matte.engine" not in sys.modules
for name in sm.__all__:
    getattr(sm, name)
assert dir(sm) == sorted(sm.__all__)
from semantic_matte import *
assert Engine is sm.Engine
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mate'"):
        _ = sm.mate
