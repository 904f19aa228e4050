"""How an estimator is named: by itself, or with the model that the user brings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from semantic_matte import estimators
from semantic_matte.errors import UnknownNameError, UsageError, WeightsError
from semantic_matte.estimators import BROUGHT, ESTIMATORS, Brought, create_estimator
from semantic_matte.estimators.closed_form import ClosedForm
from semantic_matte.ports import MatteEstimator
from semantic_matte.settings import Settings

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_name_alone() -> None:
    assert isinstance(create_estimator(Settings(estimator="closed_form")), ClosedForm)


@pytest.mark.parametrize("place", ["a/model.onnx", "/a b/c.onnx", r"C:\models\mine.onnx", "~/x.onnx", "a:b"])
def test_a_path_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    given: list[Path] = []

    def create(path: Path, settings: Settings) -> MatteEstimator:
        given.append(path)
        return ClosedForm()

    monkeypatch.setitem(BROUGHT, "onnx", Brought(create, "model.onnx"))
    create_estimator(Settings(estimator=f"onnx:{place}"))
    assert given == [Path(place)]


@pytest.mark.parametrize("name", sorted(BROUGHT))
@pytest.mark.parametrize("ending", ["", ":", ": "])
def test_a_model_that_is_not_named_is_asked_for(name: str, ending: str) -> None:
    with pytest.raises(UsageError, match=rf"^Estimator '{name}' needs its model: name it as {name}:path/to/"):
        create_estimator(Settings(estimator=name + ending))


@pytest.mark.parametrize("name", sorted(BROUGHT))
def test_a_model_that_is_not_there_is_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=rf"^Estimator '{name}': expected a .*which is none"):
        create_estimator(Settings(estimator=f"{name}:{tmp_path / 'none'}"))


@pytest.mark.parametrize("name", ["onxx:model.onnx", "closed_form:model.pt", "ONNX", ""])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        create_estimator(Settings(estimator=name))
    for known in (*ESTIMATORS, "onnx:model.onnx", "torchscript:model.pt", "vitmatte:folder"):
        assert known in str(caught.value)


def test_a_slip_of_the_pen_is_offered_the_right_name() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'onnx:model\.onnx'"):
        create_estimator(Settings(estimator="onxx:model.onnx"))


def test_nothing_heavy_is_loaded_for_a_name_alone() -> None:
    core = str(Path(estimators.__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {core!r}); import semantic_matte.estimators; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "onnx", "onnxruntime", "transformers", "safetensors"}


@pytest.mark.slow
def test_in_a_shell_a_missing_model_is_one_sentence(
    command_line: CommandLine, photos: Path, tmp_path: Path
) -> None:
    plate, trimap = photos / "chelsea.png", tmp_path / "trimap.png"
    levels = np.full((300, 451), 128, np.uint8)
    levels[:100], levels[200:] = 0, 255
    assert cv2.imwrite(str(trimap), levels)
    done = command_line(
        "refine", plate, trimap, "-o", tmp_path / "a.png", "--estimator", "onnx:none.onnx", "--device", "cpu"
    )
    assert done.returncode == 1
    assert "expected a model file, got 'none.onnx'" in done.stderr
    assert "Traceback" not in done.stderr
