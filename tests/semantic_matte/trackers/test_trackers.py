"""Which tracker a name gives, and what is said of names and folders that give none."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import semantic_matte as sm
from semantic_matte.errors import MissingPackageError, UnknownNameError, UsageError, WeightsError
from semantic_matte.shots.tracking import OverlapTracker
from semantic_matte.trackers import create_tracker


def create(name: str) -> object:
    return create_tracker(sm.Settings(tracker=name), "cpu")


def test_the_embedded_one() -> None:
    assert isinstance(create("overlap"), OverlapTracker)


@pytest.mark.parametrize("name", ["overlaps", "sam2:folder", ""])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown tracker .* Known: overlap, transformers:folder\."):
        create(name)


@pytest.mark.parametrize("name", ["transformers", "transformers:", "transformers: "])
def test_without_a_model(name: str) -> None:
    with pytest.raises(
        UsageError, match=r"Tracker 'transformers' needs its model: name it as transformers:path"
    ):
        create(name)


def test_a_folder_that_is_not_there() -> None:
    pytest.importorskip("transformers")
    with pytest.raises(WeightsError, match=r"Tracker 'transformers': .* nothing is downloaded here"):
        create("transformers:nobody/nothing")


@pytest.mark.parametrize("kind", ["sam2", "mask2former", ""])
def test_a_model_for_single_pictures(tmp_path: Path, kind: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind} if kind else {}), encoding="utf-8")
    with pytest.raises(WeightsError) as caught:
        create(f"transformers:{tmp_path}")
    assert f"is a model of type '{kind or 'none'}', which does not follow objects through a shot" in str(
        caught.value
    )
    assert "Known: sam2_video, sam3_tracker_video, sam3_video." in str(caught.value)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam2_video"}), encoding="utf-8")
    with pytest.raises(WeightsError, match=r"can't be read as a sam2_video model"):
        create(f"transformers:{tmp_path}")


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    """Only safetensors are looked for: what is beside them is not run."""
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam2_video"}), encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(WeightsError, match=r"can't be read as a sam2_video model"):
        create(f"transformers:{tmp_path}")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam2_video"}), encoding="utf-8")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=r"Tracker 'transformers' needs transformers: pip install"):
        create(f"transformers:{tmp_path}")
