"""Which models settings name by a path, against what the readers of those models open for real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semantic_matte import estimators, segmenters
from semantic_matte.errors import WeightsError
from semantic_matte.planned_models import planned_models
from semantic_matte.settings import Settings
from semantic_matte.worker import model_paths as module
from semantic_matte.worker.model_paths import model_paths


def paths(**settings: Any) -> list[str]:
    return [str(path) for path in model_paths(Settings(**settings))]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"segmenter": "auto", "estimator": "network"},
        {"segmenter": "starter", "estimator": "closed_form"},
        {"segmenter": "hint"},
        {"segmenter": "torchvision"},
        {"segmenter": "torchvision:maskrcnn_resnet50_fpn_v2"},
        {"segmenter": "torchvision:MaskRCNN_ResNet50_FPN_Weights.COCO_V1"},
        {"segmenter": "transformers:facebook/sam2-hiera-tiny"},
        {"segmenter": "transformers:sam2+starter"},
        {"segmenter": "nothing:/a/b"},
        {"estimator": "nothing:/a/b"},
        {"estimator": "onnx:"},
        {"segmenter": "onnx: "},
    ],
)
def test_the_engines_own_have_no_path(settings: dict[str, str]) -> None:
    assert paths(**settings) == []


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"segmenter": "onnx:/a/b.onnx"}, ["/a/b.onnx"]),
        ({"segmenter": "onnx: relative/b.onnx "}, ["relative/b.onnx"]),
        ({"segmenter": "torchvision:/a/b.pth"}, ["/a/b.pth"]),
        ({"segmenter": "torchvision:b.pth"}, ["b.pth"]),
        ({"segmenter": "transformers:/a/sam+onnx:/c/d.onnx"}, ["/a/sam", "/c/d.onnx"]),
        ({"segmenter": "transformers:/a/sam+torchvision:/c/d.pth"}, ["/a/sam", "/c/d.pth"]),
        ({"segmenter": "transformers:/a+b+starter"}, ["/a+b"]),
        ({"segmenter": "transformers:/a+transformers:/b+onnx:/c"}, ["/a", "/b", "/c"]),
        ({"segmenter": "detectron2:/a/b.yaml,/c/d.pth"}, ["/c/d.pth", "/a/b.yaml"]),
        ({"segmenter": "detectron2:b.yaml"}, ["b.yaml"]),
        ({"estimator": "onnx:/a/b.onnx"}, ["/a/b.onnx"]),
        ({"estimator": "torchscript:/a/b.pt"}, ["/a/b.pt"]),
        ({"estimator": "deep_image_matting:/a/b.safetensors"}, ["/a/b.safetensors"]),
        ({"estimator": "vitmatte:/a/b"}, ["/a/b"]),
        ({"segmenter": "onnx:/a", "estimator": "onnx:/b"}, ["/a", "/b"]),
    ],
)
def test_what_has_a_path(settings: dict[str, str], wanted: list[str]) -> None:
    assert paths(**settings) == wanted


def test_the_home_folder_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/artists/ann")
    assert paths(estimator="torchscript:~/b.pt") == ["/artists/ann/b.pt"]
    assert paths(segmenter="transformers:~/sam") == ["/artists/ann/sam"]


def test_every_kind_of_brought_model_is_known() -> None:
    assert module._SEGMENTERS.keys() == segmenters.BROUGHT.keys()
    assert module._ESTIMATORS.keys() == estimators.BROUGHT.keys()


def test_a_folders_files_are_all_named_as_they_may_be_links(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "vitmatte"}))
    (tmp_path / "elsewhere").write_text("weights")
    (folder / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    wanted = [str(folder), str(folder / "config.json"), str(folder / "model.safetensors")]
    assert paths(estimator=f"vitmatte:{folder}") == wanted
    assert paths(segmenter=f"transformers:{folder}+starter") == wanted
    (tmp_path / "empty").mkdir()
    assert paths(estimator=f"vitmatte:{tmp_path}/empty") == [f"{tmp_path}/empty"]


def test_a_folder_in_the_working_directory_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `transformers:NAME` opens there is that folder, not the hub's."""
    monkeypatch.chdir(tmp_path)
    Path("sam2").mkdir()
    assert paths(segmenter="transformers:sam2") == ["sam2"]


def test_tensors_beside_an_onnx_file_are_named(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    import numpy as np

    weights = onnx.numpy_helper.from_array(np.zeros((64, 64), np.float32), "weights")
    graph = onnx.helper.make_graph([], "graph", [], [], [weights])
    onnx.save(
        onnx.helper.make_model(graph),
        str(tmp_path / "model.onnx"),
        save_as_external_data=True,
        location="tensors.bin",
        size_threshold=0,
    )
    wanted = [str(tmp_path / "model.onnx"), str(tmp_path / "tensors.bin")]
    assert paths(estimator=f"onnx:{tmp_path}/model.onnx") == wanted
    planned = planned_models(Settings(estimator=f"onnx:{tmp_path}/model.onnx", segmenter="hint"))
    assert planned is not None
    assert [row["name"] for row in planned] == ["model.onnx", "tensors.bin"]


def test_configurations_are_followed_and_each_is_named_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "top.yaml").write_text("_BASE_: deep/base.yaml\n")
    (tmp_path / "deep" / "base.yaml").write_text("_BASE_: ../root.yaml\nMODEL: {WEIGHTS: model.pth}\n")
    (tmp_path / "root.yaml").write_text("MODEL: {WEIGHTS: other.pth}\n")
    wanted = ["top.yaml", "deep/base.yaml", "model.pth", "deep/../root.yaml"]
    assert paths(segmenter=f"detectron2:{tmp_path}/top.yaml") == [f"{tmp_path}/{name}" for name in wanted]
    # The weights said after the comma are those that count.
    own = f"detectron2:{tmp_path}/top.yaml,{tmp_path}/own.pth"
    assert paths(segmenter=own) == [
        f"{tmp_path}/{name}" for name in ("own.pth", "top.yaml", "deep/base.yaml", "deep/../root.yaml")
    ]
    found = model_paths(Settings(segmenter=f"detectron2:{tmp_path}/top.yaml"))
    assert next(found) == tmp_path / "top.yaml"
    (tmp_path / "top.yaml").unlink()
    assert list(found) == []


@pytest.mark.parametrize(
    "content", ["_BASE_: self.yaml", "[1]", "a: !!python/object:os.system {}", "\x00", ": :"]
)
def test_odd_configurations_end(tmp_path: Path, content: str) -> None:
    (tmp_path / "self.yaml").write_text(content)
    found = paths(segmenter=f"detectron2:{tmp_path}/self.yaml")
    assert set(found) == {str(tmp_path / "self.yaml")}


def test_a_configuration_that_is_a_program_is_refused() -> None:
    with pytest.raises(WeightsError, match="program"):
        paths(segmenter="detectron2:/a/config.py")
