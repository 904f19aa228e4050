"""The models that travel with the package. What altered ones cause is in bad_input/test_altered_weights.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from semantic_matte.errors import UnknownNameError, WeightsError
from semantic_matte.weights import ModelFile, find_model, load_weights, manifest, read_checked, weights_folder

MODELS = ("nanodet", "u2netp", "class_shapes", "matting", "box_mask")


def test_the_manifest_names_the_embedded_models() -> None:
    assert tuple(manifest()) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_what_the_manifest_says(name: str) -> None:
    model = find_model(name)
    assert model.path.parent == weights_folder()
    content = read_checked(model)
    assert len(content) == model.size
    assert hashlib.sha256(content).hexdigest() == model.sha256
    assert model.licence
    assert model.commercial_use == "yes"
    assert set(model.describe()) == {"name", "licence", "sha256", "origin"}
    notice = (weights_folder() / "NOTICE").read_text(encoding="utf-8").lower().replace("^", "").replace("-", "")
    assert name.replace("_", " ") in notice or name in notice


@pytest.mark.parametrize("name", MODELS)
def test_every_model_loads_as_finite_tensors_on_the_cpu(name: str) -> None:
    tensors = load_weights(name)
    assert tensors
    for tensor in tensors.values():
        assert tensor.device == torch.device("cpu")
        assert torch.isfinite(tensor.float()).all()


def test_class_shapes_have_a_map_for_each_class() -> None:
    shapes = load_weights("class_shapes")["shapes"].float()
    assert shapes.shape == (80, 32, 32)
    assert 0 <= float(shapes.min()) < float(shapes.max()) <= 1


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'nanodet'.*Known: nanodet, u2netp"):
        find_model("nanodett")


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    row = find_model("nanodet")
    disguised = ModelFile(**{**vars(row), "path": path})
    with pytest.raises(WeightsError, match="damaged or altered"):
        read_checked(disguised)
