"""An engine that goes on with other settings: what a fresh one gives, without loading again what would be the
same, and never a model whose file was changed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte import engine as engine_module
from semantic_matte.errors import UnknownNameError
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.best import EMBEDDED
from semantic_matte.weights import downloadable

QUICK: dict[str, Any] = {"device": "cpu", "passes": 1, "dilation_inner": 0.03, "dilation_outer": 0.03}
STARTER = ["nanodet", "box_mask", "class_shapes"]


def settings(**controls: Any) -> sm.Settings:
    return sm.Settings(**QUICK | controls)


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the segmenters and estimators that were made, in their order."""
    names: list[str] = []
    for function in ("create_segmenter", "create_estimator"):
        make: Callable[..., Any] = getattr(engine_module, function)

        def counted(*given: Any, make: Callable[..., Any] = make) -> Any:
            part = make(*given)
            names.append(part.name)
            return part

        monkeypatch.setattr(engine_module, function, counted)
    return names


def all_of(engine: sm.Engine, plate: Any, **more: Any) -> tuple[Any, ...]:
    """Everything that a run gives: mattes to the bit, notices, models."""
    progress = SilentProgress()
    mattes = engine.matte(plate, progress=progress, **more)
    rows = [(one.slot, one.label, one.instance.score, one.alpha.tobytes()) for one in mattes]
    return rows, progress.notices, engine.models


def test_each_engine_gives_what_a_fresh_one_gives(
    small_photos: Path, loaded: list[str], created: list[str]
) -> None:
    table = [
        settings(),
        settings(find=["cup"], confidence=0.2),
        settings(find=["subject"]),
        settings(samples=2, batch=3, estimator="closed_form", confidence=0.1),
        settings(merge=["dining table+cup"], passes=2, batch=1),
    ]
    plate = sm.read_plate(small_photos / "coffee.png")
    fresh = [all_of(sm.Engine(one), plate) for one in table]
    assert len({str(one[0]) for one in fresh}) == len(table)
    loaded.clear(), created.clear()
    engine = sm.Engine(table[0])
    for number in (0, 1, 0, 2, 0, 3, 0, 4, 1, 2, 1, 3, 1, 4, 2, 3, 2, 4, 3, 4, 0):
        engine = engine.with_settings(table[number])
        assert engine.models == []
        assert all_of(engine, plate) == fresh[number], number
    assert created.count("starter") == 1
    assert {name: loaded.count(name) for name in STARTER} == dict.fromkeys(STARTER, 1)


def test_models_are_those_that_the_settings_use(small_photos: Path, loaded: list[str]) -> None:
    plate = sm.read_plate(small_photos / "chelsea.png")
    first = sm.Engine(settings(find=["subject"]))
    first.matte(plate)
    assert [model["name"] for model in first.models] == [*STARTER, "u2netp", "matting"]
    second = first.with_settings(settings(find=["cat"], estimator="closed_form"))
    assert second.models == []
    second.matte(plate)
    assert [model["name"] for model in second.models] == STARTER
    # A matting network that one run did not need is not what the next one of them begins with.
    third = second.with_settings(settings(find=["subject"]))
    third.matte(plate)
    assert [model["name"] for model in third.models] == [*STARTER, "u2netp", "matting"]
    assert sorted(loaded) == sorted([*STARTER, "u2netp", "matting", "matting"])
    # And the first is as it was.
    assert [model["name"] for model in first.models] == [*STARTER, "u2netp", "matting"]


def test_what_a_run_does_not_use_stays_warm_for_the_next(small_photos: Path, loaded: list[str]) -> None:
    plate = sm.read_plate(small_photos / "chelsea.png")
    engine = sm.Engine(settings())
    engine.matte(plate)
    loaded.clear()
    trimap = np.full(plate.size, 128, np.uint8)
    trimap[:20], trimap[-20:] = 0, 255
    for _ in range(2):
        engine = engine.with_settings(settings())
        engine.matte(plate, trimap=trimap)
        assert [model["name"] for model in engine.models] == ["matting"]
    hints = [sm.Hint(box=sm.Box(20, 20, 150, 120), label="cat")]
    engine = engine.with_settings(settings())
    engine.segment(plate, hints=hints)
    assert engine.models == []
    engine.segment(plate)
    assert [model["name"] for model in engine.models] == STARTER
    engine.segment(plate, hints=hints)
    assert engine.models == []
    engine.with_settings(settings(find=["cat"])).segment(plate)
    assert loaded == []


def test_a_slip_in_a_name_costs_nothing_that_is_loaded(small_photos: Path, loaded: list[str]) -> None:
    plate = sm.read_plate(small_photos / "chelsea.png")
    engine = sm.Engine(settings())
    engine.segment(plate)
    loaded.clear()
    for wrong in ({"find": ["unicorn"]}, {"merge": ["cat+unicorn"]}, {"label_confidence": ["unicorn=1"]}):
        engine = engine.with_settings(settings(**wrong))
        with pytest.raises(UnknownNameError, match="Unknown object name 'unicorn'"):
            engine.segment(plate)
    engine.with_settings(settings()).segment(plate)
    assert loaded == []


@pytest.mark.parametrize(
    ("other", "anew"),
    [
        ({}, []),
        ({"batch": 1, "samples": 3, "seed": 5, "coverage": "paper", "reuse": False}, []),
        ({"segmenter": "starter"}, []),
        ({"estimator": "closed_form"}, ["closed_form"]),
        ({"accept_licence": ["torchvision_mask_rcnn_v1"]}, ["network", "starter"]),
        ({"device": "auto"}, ["network", "starter"]),
    ],
)
def test_what_is_loaded_again(
    small_photos: Path, created: list[str], other: dict[str, Any], anew: list[str]
) -> None:
    if other.get("device") == "auto" and engine_module.choose_device("auto")[0] != "cpu":
        pytest.skip("there is a GPU, which would be taken")
    plate = sm.read_plate(small_photos / "chelsea.png")
    engine = sm.Engine(settings())
    engine.matte(plate)
    created.clear()
    engine.with_settings(settings(**other)).matte(plate)
    assert created == anew


def test_a_model_that_was_pulled_since_is_taken_by_auto(
    tmp_path: Path, small_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    accepted = settings(accept_licence=["torchvision_mask_rcnn_v1"])
    engine = sm.Engine(accepted)
    engine.segment(small_photos / "chelsea.png")
    assert engine.segmenter_choice[0] == EMBEDDED
    pulled = folder / downloadable()["torchvision_mask_rcnn_v1"].path.name
    pulled.write_bytes(b"not yet looked into")
    other = engine.with_settings(accepted)
    assert other.segmenter_choice[0] == "torchvision:maskrcnn_resnet50_fpn"
    assert other._warm_segmenter is None
    pulled.unlink()
    assert engine.with_settings(accepted)._warm_segmenter is not None


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[[float], Path]:
    """Writes a TorchScript matting network whose alpha is this everywhere; returns its path."""
    import torch

    class Flat(torch.nn.Module):
        def __init__(self, alpha: float) -> None:
            super().__init__()
            self.alpha = torch.nn.Parameter(torch.tensor(alpha))

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            return picture[:, :1] * 0 + self.alpha

    def write(alpha: float) -> Path:
        path = tmp_path / "mine.pt"
        torch.jit.script(Flat(alpha)).save(str(path))
        return path

    return write


def solved(engine: sm.Engine, plate: sm.Plate) -> float:
    """The alpha in the middle of an unknown frame."""
    trimap = np.full(plate.size, 128, np.uint8)
    trimap[:5], trimap[-5:] = 0, 255
    return round(float(engine.refine(plate, trimap)[plate.size[0] // 2, 50]), 5)


def test_a_model_that_was_exported_anew_is_loaded_anew(
    small_photos: Path, write_model: Callable[[float], Path], created: list[str]
) -> None:
    plate = sm.read_plate(small_photos / "chelsea.png")
    path = write_model(0.25)
    named = settings(estimator=f"torchscript:{path}")
    engine = sm.Engine(named)
    assert solved(engine, plate) == 0.25
    engine = engine.with_settings(named)
    assert solved(engine, plate) == 0.25
    assert created == ["torchscript"]
    before = path.stat()
    write_model(0.75)
    # An engine that runs goes on with what it has.
    assert solved(engine, plate) == 0.25
    if path.stat().st_size == before.st_size:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    engine = engine.with_settings(named)
    assert solved(engine, plate) == 0.75
    assert created == ["torchscript"] * 2
    # Touched, but the same: its bytes are read, and nothing is loaded.
    os.utime(path)
    engine = engine.with_settings(named)
    assert solved(engine, plate) == 0.75
    assert created == ["torchscript"] * 2
    path.unlink()
    with pytest.raises(sm.SemanticMatteError, match="expected a model file"):
        solved(engine.with_settings(named), plate)


def test_a_model_replaced_while_it_was_loaded_counts_as_changed(
    small_photos: Path, write_model: Callable[[float], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = sm.read_plate(small_photos / "chelsea.png")
    path = write_model(0.75)
    later = Path(shutil.copy(path, tmp_path / "later.pt"))
    write_model(0.25)
    make = engine_module.create_estimator

    def replaced_after(given: sm.Settings) -> Any:
        estimator = make(given)
        later.replace(path)
        return estimator

    named = settings(estimator=f"torchscript:{path}")
    engine = sm.Engine(named)
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "create_estimator", replaced_after)
        assert solved(engine, plate) == 0.25
    assert solved(engine.with_settings(named), plate) == 0.75


def test_what_is_not_kept_is_let_go(small_photos: Path) -> None:
    import gc
    import weakref

    plate = sm.read_plate(small_photos / "chelsea.png")
    engine = sm.Engine(settings())
    engine.matte(plate)
    networks = weakref.ref(engine.segmenter._networks)  # type: ignore[attr-defined]
    matting = weakref.ref(engine.estimator._network)  # type: ignore[attr-defined]
    engine = engine.with_settings(settings(segmenter="hint", estimator="closed_form"))
    gc.collect()
    assert networks() is None
    assert matting() is None
