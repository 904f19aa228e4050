"""Which model files a run may use: all that it does use, known before anything is loaded."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte import estimators, model_contents, planned_models, segmenters, trackers
from semantic_matte.content_keys import content_key
from semantic_matte.engine import Engine
from semantic_matte.errors import WeightsError
from semantic_matte.model_contents import file_sha256, folder_files, onnx_files
from semantic_matte.segmenters import transformers_models
from semantic_matte.settings import Settings
from semantic_matte.transformers_folders import ModelFolder
from semantic_matte.types import Plate
from semantic_matte.weights import downloadable, manifest

V1, V2 = "torchvision_mask_rcnn_v1", "torchvision_mask_rcnn_v2"


def planned(
    segmenter: str = "hint", estimator: str = "closed_form", **options: Any
) -> list[tuple[str, str, str]]:
    """part, name, sha256 of each."""
    accepted = options.pop("accept_licence", ())
    settings = Settings(segmenter=segmenter, estimator=estimator, accept_licence=accepted)
    found = planned_models.planned_models(settings, **options)
    assert found is not None
    return [(model["part"], model["name"], model["sha256"]) for model in found]


def names(*arguments: str, **options: Any) -> list[str]:
    return [name for _, name, _ in planned(*arguments, **options)]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path: Path, content: str | bytes = b"weights") -> Path:
    """A file with its folders. Returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where pulled models are looked for besides the user's cache, which is empty here."""
    monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "weights"


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed detectron2 that can be found and must not be loaded; returns its configurations' folder."""
    if "detectron2" in sys.modules:
        pytest.skip("the real detectron2 is loaded already")
    package = write(tmp_path / "site" / "detectron2" / "__init__.py", "raise RuntimeError('loaded')").parent
    monkeypatch.syspath_prepend(str(package.parent))
    importlib.invalidate_caches()
    return package / "model_zoo" / "configs"


def test_every_way_to_find_and_to_solve_has_a_row() -> None:
    assert set(planned_models.SEGMENTER_FILES) == {*segmenters.SEGMENTERS, *segmenters.BROUGHT}
    assert set(planned_models.ESTIMATOR_FILES) == {*estimators.ESTIMATORS, *estimators.BROUGHT}
    assert set(planned_models.TRACKER_FILES) == {*trackers.TRACKERS, *trackers.BROUGHT}


def test_a_shot_may_use_a_video_model(tmp_path: Path) -> None:
    """All files of its folder, and those of the segmenter that it asks; of none where there is none."""
    pytest.importorskip("transformers")
    config = write(tmp_path / "sam2" / "config.json", '{"model_type": "sam2_video"}')
    weights_file = write(tmp_path / "sam2" / "model.safetensors")
    settings = Settings(segmenter="hint", estimator="closed_form", tracker=f"transformers:{tmp_path / 'sam2'}")
    assert planned_models.planned_models(settings) == []
    rows = planned_models.planned_models(settings, tracked=True)
    assert rows == [
        {"part": "tracker", "name": f"sam2/{path.name}", "sha256": sha256(path)}
        for path in (config, weights_file)
    ]
    with_segmenter = settings.model_copy(update={"segmenter": "starter"})
    found = planned_models.planned_models(with_segmenter, tracked=True)
    assert found is not None
    assert [row["part"] for row in found].count("segmenter") == len(planned_models.STARTER_MODELS)
    assert planned_models.planned_models(
        Settings(segmenter="hint"), tracked=True
    ) == planned_models.planned_models(Settings(segmenter="hint"))
    for name in ("transformers", "transformers:", "nothing", "overlap:folder"):
        assert (
            planned_models.planned_models(settings.model_copy(update={"tracker": name}), tracked=True) is None
        )


@pytest.mark.parametrize("find", [(), ("subject",)], ids=["named things", "the subject"])
def test_what_a_real_run_used_was_planned(pulled: Path, photos: Path, find: tuple[str, ...]) -> None:
    settings = Settings(device="cpu", find=find, passes=1, samples=1)
    before = planned("auto", "network")
    engine = Engine(settings)
    small = cv2.resize(cv2.imread(str(photos / "chelsea.png")), (160, 106), interpolation=cv2.INTER_AREA)
    engine.matte(small)
    used = {(model["name"], model["sha256"]) for model in engine.models}
    assert len(used) >= 4
    assert used <= {(name, digits) for _, name, digits in before}
    assert ("u2netp" in {name for name, _ in used}) == bool(find), (
        "one that is used now and then is planned always"
    )
    assert all(digits == sha256(manifest()[name].path) for _, name, digits in before)


def test_parts_are_told_apart() -> None:
    assert [part for part, *_ in planned("starter", "network")] == ["segmenter"] * 4 + ["estimator"]
    assert planned("hint", "closed_form") == []


def test_auto_is_what_it_stands_for_today(pulled: Path) -> None:
    assert planned("auto") == planned("starter")
    write(pulled / downloadable()[V1].path.name)
    assert planned("auto") == planned("starter"), "its terms were not accepted"
    assert names("auto", accept_licence=[V1]) == [V1]


def test_an_artists_word_needs_no_segmenter(tmp_path: Path) -> None:
    missing = f"torchvision:{tmp_path / 'missing.pth'}"
    assert names(missing, "network", hinted=True) == ["matting"]
    assert names(missing, "network", with_trimap=True) == ["matting"]
    assert planned_models.planned_models(Settings(segmenter=missing)) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("torchvision", V2),
        ("torchvision:maskrcnn_resnet50_fpn_v2", V2),
        ("torchvision:maskrcnn_resnet50_fpn", V1),
        ("torchvision:MaskRCNN_ResNet50_FPN_Weights.COCO_V1", V1),
        ("torchvision:MaskRCNN_ResNet50_FPN_V2_Weights.DEFAULT", V2),
    ],
)
def test_torchvisions_own_names(pulled: Path, text: str, name: str) -> None:
    asked = Settings(segmenter=text, accept_licence=[V1, V2])
    assert planned_models.planned_models(asked) is None, "it is not here"
    place = write(pulled / downloadable()[name].path.name, name)
    assert planned(text, accept_licence=[V1, V2]) == [("segmenter", name, sha256(place))]
    assert planned_models.planned_models(Settings(segmenter=text)) is None, "its terms were not accepted"


@pytest.mark.parametrize("notes", [("mine.classes.yaml",), ("classes.yaml",), ()])
def test_names_of_classes_count_as_the_weights_do(tmp_path: Path, notes: tuple[str, ...]) -> None:
    weights = write(tmp_path / "mine.pth")
    for name in notes:
        write(tmp_path / name, "names: [cat]")
    assert names(f"torchvision:{weights}") == ["mine.pth", *notes]


def test_a_file_is_known_by_name_and_content_and_not_by_its_folder(tmp_path: Path) -> None:
    places = [write(tmp_path / folder / "mine.pt") for folder in ("a", "b/c")]
    found = [planned(estimator=f"torchscript:{place}") for place in places]
    assert found[0] == found[1] == [("estimator", "mine.pt", sha256(places[0]))]
    write(places[0], "other")
    assert planned(estimator=f"torchscript:{places[0]}") != found[0]
    other = write(tmp_path / "skip_mine.pt")
    assert planned(estimator=f"torchscript:{other}") != found[0]


@pytest.mark.parametrize("kind", ["vitmatte", "transformers"])
def test_of_a_folder_every_file_counts(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "mine"
    write(folder / "config.json", json.dumps({"model_type": "mask2former"}))
    for name in (
        "model.safetensors",
        "preprocessor_config.json",
        "text/vocab.json",
        ".git/HEAD",
        ".gitattributes",
    ):
        write(folder / name, name)
    text = f"{kind}:{folder}"
    found = planned(text) if kind == "transformers" else planned(estimator=text)
    files = ["config.json", "model.safetensors", "preprocessor_config.json", "text/vocab.json"]
    assert [name for _, name, _ in found] == [f"mine/{name}" for name in files]
    assert all(digits == sha256(tmp_path / name) for _, name, digits in found)
    used = {(row["name"], row["sha256"]) for row in ModelFolder(folder, "mine").describe()}
    assert used <= {(name, digits) for _, name, digits in found}


def test_links_to_files_count_as_the_hubs_cache_has_them(tmp_path: Path) -> None:
    blob = write(tmp_path / "blobs" / "0123")
    write(tmp_path / "snapshot" / "config.json", "{}")
    (tmp_path / "snapshot" / "model.safetensors").symlink_to(blob)
    (tmp_path / "snapshot" / "round").symlink_to(tmp_path / "snapshot")
    assert [path.name for path in folder_files(tmp_path / "snapshot")] == ["config.json", "model.safetensors"]


def test_a_network_that_fills_boxes_comes_with_what_finds_them(tmp_path: Path) -> None:
    folder = tmp_path / "sam+2"
    write(folder / "config.json", json.dumps({"model_type": "sam2"}))
    model = write(tmp_path / "boxes.onnx")
    own = [("segmenter", "sam+2/config.json")]
    assert [row[:2] for row in planned(f"transformers:{folder}")] == [
        *own,
        *(("finder", name) for name in planned_models.STARTER_MODELS),
    ]
    assert [row[:2] for row in planned(f"transformers:{folder}+onnx:{model}")] == [
        *own,
        ("finder", "boxes.onnx"),
    ]
    assert [row[:2] for row in planned(f"transformers:{folder}+onnx:{model}", hinted=True)] == own


@given(
    st.lists(st.sampled_from(["+", "starter", "onnx", ":", "a", " ", "hint", "/", "auto"]), max_size=9).map(
        "".join
    )
)
def test_a_finder_begins_at_the_first_plus_sign_that_its_name_follows(text: str) -> None:
    finders = segmenters.finders()
    assert {"starter", "onnx"} <= finders
    assert not {"hint", "auto"} & finders
    expected = text.strip(), ""
    for plus in re.finditer(r"\+", text):
        rest = text[plus.end() :]
        if rest.split(":")[0].strip() in finders:
            expected = text[: plus.start()].strip(), rest.strip()
            break
    assert transformers_models.place_and_finder(text, finders) == expected


def test_a_model_of_detectron2s_zoo(zoo: Path, pulled: Path) -> None:
    write(zoo / "Base.yaml", "VERSION: 2")
    name = "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x"
    write(zoo / f"{name}.yaml", "_BASE_: ../Base.yaml")
    write(zoo / "Misc" / "other.yaml", "_BASE_: ../Base.yaml")
    row = downloadable()["detectron2_mask_rcnn_r50"]
    write(pulled / row.path.name)
    assert names(f"detectron2:{name}") == [name, "Base.yaml", row.name]
    assert names(f"detectron2:{name}.yaml") == [name, "Base.yaml", row.name]
    weights = write(pulled / "mine.pkl")
    assert names(f"detectron2:Misc/other,{weights}") == ["Misc/other", "Base.yaml", "mine.pkl"]
    assert planned_models.planned_models(Settings(segmenter="detectron2:Misc/other")) is None
    assert "detectron2" not in sys.modules


@pytest.mark.parametrize("named", ["weights", "beside", "base"])
def test_a_configuration_of_detectron2_of_ones_own(zoo: Path, tmp_path: Path, named: str) -> None:
    """Its weights are named after a comma, in it, or in what it is based on."""
    weights = write(tmp_path / "own" / "mine.pth")
    write(tmp_path / "own" / "mine.classes.yaml", "[cat]")
    told = {"MODEL": {"WEIGHTS": "mine.pth"}}
    write(tmp_path / "own" / "base.yaml", json.dumps(told if named == "base" else {}))
    config = write(
        tmp_path / "own" / "c.yaml", json.dumps({"_BASE_": "base.yaml"} | (told if named == "beside" else {}))
    )
    text = f"detectron2:{config},{weights}" if named == "weights" else f"detectron2:{config}"
    assert names(text) == ["c.yaml", "base.yaml", "mine.pth", "mine.classes.yaml"]


@pytest.mark.parametrize("content", ["_BASE_: c.yaml", "[", "2024-13-45", "_BASE_: ftp://there", "MODEL: 3"])
def test_a_configuration_that_is_none_is_left_to_the_run(zoo: Path, tmp_path: Path, content: str) -> None:
    config = write(tmp_path / "c.yaml", content)
    assert planned_models.planned_models(Settings(segmenter=f"detectron2:{config}")) is None


@pytest.mark.parametrize(
    "controls",
    [
        {"segmenter": "no such"},
        {"segmenter": "starter:model"},
        {"segmenter": "onnx"},
        {"segmenter": "onnx:"},
        {"segmenter": "onnx:missing.onnx"},
        {"segmenter": "torchvision:maskrcnn_resnet50_fpn_v3"},
        {"segmenter": "transformers"},
        {"segmenter": "transformers:"},
        {"segmenter": "transformers:no such folder"},
        {"segmenter": "detectron2:config.py"},
        {"estimator": "no such"},
        {"estimator": "network:model"},
        {"estimator": "vitmatte"},
        {"estimator": "vitmatte:missing"},
        {"estimator": "torchscript:missing.pt"},
        {"estimator": "deep_image_matting:"},
    ],
    ids=lambda controls: str(*controls.values()),
)
def test_what_can_not_be_used_gives_no_plan(
    controls: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path / "here" / "config.json", "{}").parent)
    assert planned_models.planned_models(Settings(**controls)) is None


def onnx_model(path: Path, **options: Any) -> Path:
    """One Conv of 4 to 1 channels, with its weights as `options` says."""
    onnx = pytest.importorskip("onnx", reason="onnx makes the test's models: pip install onnx")
    from onnx import helper, numpy_helper

    kind, shape = onnx.TensorProto.FLOAT, ["n", 4, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["alpha"])],
        "mix",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("alpha", kind, None)],
        [numpy_helper.from_array(np.full((1, 4, 1, 1), 0.25, np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path, **options)
    return path


@pytest.mark.parametrize("name", ["numbers.bin", "n" * 200 + ".bin", "größe.bin"])
def test_files_beside_an_onnx_model_belong_to_it(tmp_path: Path, name: str) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is missing: pip install 'semantic-matte[onnx]'")
    outside = {"save_as_external_data": True, "location": name, "size_threshold": 0}
    model = onnx_model(tmp_path / "mix.onnx", **outside)
    write(tmp_path / "other.bin")
    text = f"onnx:{model}"
    before = planned(estimator=text)
    assert before == [("estimator", path.name, sha256(path)) for path in (model, tmp_path / name)]
    assert planned(text) == [("segmenter", *row[1:]) for row in before]
    # The real reader takes its numbers from there, so they have to count.
    engine = Engine(Settings(estimator=text, device="cpu"))
    assert [row["sha256"] for row in engine.estimator.models] == [before[0][2]]
    (tmp_path / name).write_bytes(np.full(4, 0.5, np.float32).tobytes())
    assert planned(estimator=text) != before


def test_an_onnx_model_of_one_file_is_one_file(tmp_path: Path) -> None:
    assert onnx_files(onnx_model(tmp_path / "mix.onnx")) == [tmp_path / "mix.onnx"]


@pytest.mark.parametrize(
    "rest", [b"\x05a.bin", b"\xff\x7f" + b"a" * 16383, b"\x03a\0b", b"\x7f", b"\x02..", b""]
)
def test_bytes_that_only_look_like_a_name_do_no_harm(tmp_path: Path, rest: bytes) -> None:
    model = write(tmp_path / "odd.onnx", b"\x0a\x08location\x12" + rest)
    assert onnx_files(model) == [model]
    assert onnx_files(write(tmp_path / "empty.onnx", b"")) == [tmp_path / "empty.onnx"]


def test_a_file_is_read_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "model.pt")
    read = []
    real = model_contents.digests
    monkeypatch.setattr(model_contents, "digests", lambda *given: read.append(given) or real(*given))
    first = [file_sha256(path) for _ in range(3)]
    assert first == [sha256(path)] * 3
    assert len(read) == 1
    write(path, "other weights")
    os.utime(path, ns=(1, 1))
    assert file_sha256(path) == sha256(path) != first[0]
    # Another file of the same size and time under the same name.
    os.utime(write(tmp_path / "new", "OTHER weights"), ns=(1, 1))
    (tmp_path / "new").replace(path)
    assert file_sha256(path) == sha256(path)


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "model.pt")
    real = model_contents.digests

    def meanwhile(*given: Any) -> dict[str, str]:
        """As if a copy still went on."""
        found = real(*given)
        write(path, "weights and more")
        return found

    monkeypatch.setattr(model_contents, "digests", meanwhile)
    with pytest.raises(WeightsError, match="was changed while it was read"):
        file_sha256(path)
    monkeypatch.undo()
    assert file_sha256(path) == sha256(path)


def test_what_can_not_be_read_says_so(tmp_path: Path) -> None:
    for ask in (file_sha256, onnx_files):
        with pytest.raises(WeightsError, match="can't be read"):
            ask(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="which has no files"):
        folder_files(tmp_path / "empty")


def test_a_plan_makes_a_key(pulled: Path) -> None:
    plate = Plate(np.zeros((2, 2, 3), np.float32))
    keys = set()
    for settings in (Settings(), Settings(segmenter="hint"), Settings(estimator="closed_form")):
        plan = planned_models.planned_models(settings)
        assert plan is not None
        keys.add(content_key(plate, settings, plan, schema=1))
    assert len(keys) == 3


CODE = """
import sys
sys.path[:0] = {path!r}
from semantic_matte.planned_models import planned_models
from semantic_matte.settings import Settings
for segmenter, estimator in (("auto", "network"), ("transformers:{folder}", "vitmatte:{folder}")):
    found = planned_models(Settings(segmenter=segmenter, estimator=estimator))
    assert len(found) > 1, found
heavy = {{"torch", "torchvision", "onnxruntime", "detectron2", "transformers"}} & set(sys.modules)
assert not heavy, heavy
"""


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    write(tmp_path / "config.json", json.dumps({"model_type": "sam2"}))
    code = CODE.format(path=sys.path, folder=tmp_path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
