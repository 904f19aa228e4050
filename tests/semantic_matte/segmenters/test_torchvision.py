"""Mask R-CNN by torchvision: with random weights the adapter finds what torchvision's own network finds."""

from __future__ import annotations

import hashlib
import pickle
import shutil
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml

import semantic_matte as sm
from semantic_matte import weights
from semantic_matte.errors import (
    DeviceError,
    LicenceError,
    MissingPackageError,
    UnknownNameError,
    WeightsError,
)
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.coco import COCO_IDS, COCO_NAMES
from semantic_matte.segmenters.torchvision_mask_rcnn import TorchvisionMaskRcnn, _use_half
from semantic_matte.settings import Settings
from semantic_matte.types import ByteArray

try:
    from torchvision.models import detection
    from torchvision.models.detection.roi_heads import paste_masks_in_image
except (ImportError, RuntimeError):
    pytest.skip("torchvision can't be loaded with this torch", allow_module_level=True)

V1, V2 = detection.MaskRCNN_ResNet50_FPN_Weights, detection.MaskRCNN_ResNet50_FPN_V2_Weights
BUILDERS = {V1: detection.maskrcnn_resnet50_fpn, V2: detection.maskrcnn_resnet50_fpn_v2}
# How sure the random networks are of what is compared.
CONFIDENCE = 0.3


def settings(**controls: Any) -> Settings:
    return Settings(**{"device": "cpu", "confidence": CONFIDENCE, "max_instances": 100} | controls)


def shrink(network: Any) -> Any:
    """A smaller picture and fewer places to look at, for speed; torchvision's own numbers are tested once."""
    network.transform.min_size, network.transform.max_size = (96,), 200
    network.rpn._pre_nms_top_n["testing"] = network.rpn._post_nms_top_n["testing"] = 40
    return network


def official(weights_enum: Any, state: dict[str, torch.Tensor], **limits: Any) -> Any:
    """torchvision's own network for its official weights, as if these were the weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights_enum, "get_state_dict", lambda self, **named: OrderedDict(state))
        return shrink(BUILDERS[weights_enum](weights=weights_enum.COCO_V1, **limits).eval())


def find(network: Any, picture: ByteArray) -> dict[str, torch.Tensor]:
    """What torchvision's own network finds, by its own preparation of a picture."""
    seen = V1.COCO_V1.transforms()(torch.from_numpy(picture).permute(2, 0, 1))
    with torch.inference_mode():
        return network([seen])[0]


def adapter(path: Path | str, shrunk: bool = True, **controls: Any) -> TorchvisionMaskRcnn:
    segmenter = TorchvisionMaskRcnn(str(path), settings(**controls), "cpu")
    if shrunk:
        shrink(segmenter._model)
    return segmenter


@pytest.fixture(scope="module")
def make_state(picture: ByteArray, spread_out: Any) -> Callable[..., dict[str, torch.Tensor]]:
    """Random weights, by torchvision's own builder, that find many kinds of objects in the picture."""

    def make(weights_enum: Any, classes: int = 91, seed: int = 0) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        network = BUILDERS[weights_enum](
            weights=None, weights_backbone=None, num_classes=classes, box_score_thresh=CONFIDENCE
        )
        shrink(network.eval())
        for name, module in network.backbone.body.named_modules():
            if name.endswith("bn2"):
                # Deviations so small that the epsilon beside them counts.
                torch.nn.init.constant_(module.running_var[::3], 3e-5)
                torch.nn.init.constant_(module.weight[::3], 3e-5**0.5)
        heads = network.roi_heads
        for layer, spread in (
            (network.rpn.head.cls_logits, 1.0),
            (network.rpn.head.bbox_pred, 0.3),
            (heads.box_predictor.cls_score, 5.0),
            (heads.box_predictor.bbox_pred, 0.5),
            (heads.mask_predictor.mask_fcn_logits, 2.0),
        ):
            spread_out(layer, spread, lambda: find(network, picture))
        return network.state_dict()

    return make


@pytest.fixture(scope="module")
def state(make_state: Any) -> dict[str, torch.Tensor]:
    """Of v1 as official files have it: with frozen statistics, without counts of batches."""
    return {key: value for key, value in make_state(V1).items() if "num_batches_tracked" not in key}


@pytest.fixture(scope="module")
def file(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torchvision") / "mine.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def truth(state: dict[str, torch.Tensor], picture: ByteArray) -> dict[str, torch.Tensor]:
    found = find(official(V1, state, box_score_thresh=CONFIDENCE), picture)
    assert len(found["labels"]) >= 10, "too few to prove anything"
    assert len(found["labels"].unique()) >= 5
    return found


def check_same(instances: list[sm.Instance], found: dict[str, torch.Tensor], categories: list[str]) -> None:
    """The instances are torchvision's finds: names, scores and every pixel of the masks, in the same order."""
    expected = [
        (categories[label], score, mask)
        for label, score, mask in zip(
            found["labels"].tolist(), found["scores"].tolist(), found["masks"][:, 0] >= 0.5, strict=True
        )
        if mask.any() and categories[label] != "N/A"
    ]
    assert [one.label for one in instances] == [label for label, _, _ in expected]
    assert [one.score for one in instances] == [score for _, score, _ in expected]
    for one, (_, _, mask) in zip(instances, expected, strict=True):
        assert np.array_equal(one.mask, mask.numpy())


def test_v1_finds_what_torchvision_finds(
    file: Path, truth: dict[str, torch.Tensor], picture: ByteArray, plate_of: Any
) -> None:
    segmenter = adapter(file)
    plate = plate_of(picture)
    with torch.inference_mode():
        found = segmenter._detect(picture)
    categories = V1.COCO_V1.meta["categories"]
    assert torch.equal(found.boxes, truth["boxes"])
    assert np.array_equal(found.scores, truth["scores"].numpy())
    expected = [categories[label] for label in truth["labels"].tolist()]
    assert list(found.labels) == ["" if name == "N/A" else name for name in expected]
    instances = segmenter.segment(plate, SilentProgress())
    check_same(instances, truth, categories)
    assert len({one.label for one in instances}) >= 5
    # The same again: nothing is left over from the first time.
    again = segmenter.segment(plate, SilentProgress())
    assert [one.score for one in again] == [one.score for one in instances]


@pytest.mark.slow
def test_v2_finds_what_torchvision_finds(
    make_state: Any, picture: ByteArray, plate_of: Any, tmp_path: Path
) -> None:
    state = make_state(V2)
    safetensors.torch.save_file(state, tmp_path / "mine.safetensors")
    segmenter = adapter(tmp_path / "mine.safetensors")
    truth = find(official(V2, state, box_score_thresh=CONFIDENCE), picture)
    assert len(truth["labels"]) >= 10
    check_same(segmenter.segment(plate_of(picture), SilentProgress()), truth, V2.COCO_V1.meta["categories"])


@pytest.mark.slow
def test_at_torchvisions_own_sizes(state: dict[str, torch.Tensor], file: Path, picture: ByteArray) -> None:
    """800 pixels, a thousand places: nothing of the adapter's making."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(V1, "get_state_dict", lambda self, **named: OrderedDict(state))
        network = BUILDERS[V1](weights=V1.COCO_V1, box_score_thresh=0.8).eval()
    segmenter = adapter(file, shrunk=False, confidence=0.8)
    small = np.ascontiguousarray(picture[:, :80])
    truth = find(network, small)
    with torch.inference_mode():
        found = segmenter._detect(small)
    assert len(truth["labels"]) >= 5
    assert torch.equal(found.boxes, truth["boxes"])


def test_red_is_not_blue(file: Path, truth: dict[str, torch.Tensor], picture: ByteArray, plate_of: Any) -> None:
    """That a swap would be seen: with both exchanged other things are found."""
    swapped = adapter(file).segment(plate_of(np.ascontiguousarray(picture[..., ::-1])), SilentProgress())
    categories = V1.COCO_V1.meta["categories"]
    right = [(categories[label], score) for label, score in zip(truth["labels"], truth["scores"], strict=True)]
    assert [(one.label, one.score) for one in swapped] != right


def test_names_are_cocos(file: Path) -> None:
    segmenter = adapter(file)
    assert segmenter.labels == COCO_NAMES
    assert {name: segmenter._classes.index(name) for name in COCO_NAMES} == COCO_IDS


def test_what_coco_has_no_name_for_is_left_out(
    state: dict[str, torch.Tensor], picture: ByteArray, plate_of: Any, tmp_path: Path
) -> None:
    """Category 12 was never used; a network that is sure of it says nothing that has a name."""
    bias = state["roi_heads.box_predictor.cls_score.bias"].clone()
    bias[12] += 100
    torch.save(state | {"roi_heads.box_predictor.cls_score.bias": bias}, tmp_path / "mine.pth")
    segmenter = adapter(tmp_path / "mine.pth")
    with torch.inference_mode():
        assert set(segmenter._detect(picture).labels) == {""}
    assert segmenter.segment(plate_of(picture), SilentProgress()) == []


@pytest.mark.parametrize("confidence", [0.05, 0.6])
def test_confidence_reaches_the_network(
    state: dict[str, torch.Tensor], file: Path, picture: ByteArray, plate_of: Any, confidence: float
) -> None:
    network = official(V1, state, box_score_thresh=confidence)
    truth = find(network, picture)
    assert truth["scores"].min() < confidence + 0.15
    segmenter = adapter(file, confidence=confidence)
    check_same(segmenter.segment(plate_of(picture), SilentProgress()), truth, V1.COCO_V1.meta["categories"])


def test_a_name_may_have_its_own_confidence(
    file: Path, truth: dict[str, torch.Tensor], picture: ByteArray, plate_of: Any
) -> None:
    everything = adapter(file).segment(plate_of(picture), SilentProgress())
    label = everything[-1].label
    own = adapter(file, confidence=1.0, label_confidence=[f"{label}={CONFIDENCE}"])
    found = own.segment(plate_of(picture), SilentProgress())
    expected = [one.score for one in everything if one.label == label]
    assert [one.score for one in found] == expected
    assert {one.label for one in found} == {label}


def test_only_what_is_asked_for(file: Path, picture: ByteArray, plate_of: Any) -> None:
    everything = adapter(file).segment(plate_of(picture), SilentProgress())
    label = everything[3].label
    found = adapter(file, find=[label]).segment(plate_of(picture), SilentProgress())
    assert [one.score for one in found] == [one.score for one in everything if one.label == label]
    with pytest.raises(UnknownNameError, match="Unknown object name 'unicorn'"):
        adapter(file, find=["unicorn"])


def test_the_surest_are_kept_and_the_rest_is_told(file: Path, picture: ByteArray, plate_of: Any) -> None:
    everything = adapter(file).segment(plate_of(picture), SilentProgress())
    progress = SilentProgress()
    few = adapter(file, max_instances=3).segment(plate_of(picture), progress)
    assert [one.score for one in few] == [one.score for one in everything[:3]]
    assert any("lets through; the surest were kept" in notice for notice in progress.notices)
    # Where a selector chooses later, nothing may be cut before.
    chosen = adapter(file, max_instances=3, find=[":left"]).segment(plate_of(picture), SilentProgress())
    assert len(chosen) == len(everything)


def test_more_than_a_hundred_can_be_asked_for(file: Path) -> None:
    assert adapter(file, max_instances=250)._model.roi_heads.detections_per_img == 250
    assert adapter(file, max_instances=2)._model.roi_heads.detections_per_img == 100


def test_masks_are_pasted_as_torchvision_pastes_them(file: Path) -> None:
    """Boxes inside, at every edge, of no size and of all sizes; in a frame of 8K on a part of it."""
    segmenter = adapter(file)
    random = np.random.default_rng(0)
    size = (61, 97)
    # As the network's are: clipped to the frame.
    corners = np.clip(random.uniform(-0.1, 1.1, (200, 2, 2)), 0, 1) * [size[1], size[0]]
    low, high = corners.min(axis=1), corners.max(axis=1)
    edges = [[0, 0, 97, 61], [96.5, 60.5, 97, 61], [10, 10, 10, 10], [97, 61, 97, 61], [96.99, 3, 97, 9]]
    boxes = torch.tensor(np.concatenate((np.hstack((low, high)), edges)), dtype=torch.float32)
    masks = torch.rand(len(boxes), 28, 28, generator=torch.Generator().manual_seed(0))
    expected = paste_masks_in_image(masks[:, None], boxes, size)[:, 0] >= 0.5
    found = type("Found", (), {"boxes": boxes, "masks": masks})
    for row, whole in enumerate(expected):
        mask, window = segmenter._paste(found, row, size)
        frame = np.zeros(size, dtype=np.bool_)
        frame[window.slices] = mask
        assert np.array_equal(frame, whole.numpy()), boxes[row]
    assert expected.any(dim=(1, 2)).sum() > 150
    mask, window = segmenter._paste(found, 0, (4320, 7680))
    assert window.area < size[0] * size[1] * 2


def test_statistics_are_frozen_as_in_training(
    state: dict[str, torch.Tensor], file: Path, picture: ByteArray, tmp_path: Path
) -> None:
    """With the epsilon of COCO_V1 unless another is said: tiny deviations make the two differ."""
    progress = SilentProgress()
    adapter(file).segment(sm.Plate(np.zeros((8, 8, 3), np.float32)), progress)
    assert any("an epsilon of 0" in notice and "mine.classes.yaml" in notice for notice in progress.notices)
    torch.save(state, tmp_path / "mine.pth")
    (tmp_path / "mine.classes.yaml").write_text("batch_norm_eps: 1e-5\n", encoding="utf-8")
    segmenter = adapter(tmp_path / "mine.pth")
    assert segmenter._notices == ()
    backbone = detection.backbone_utils.resnet_fpn_backbone(backbone_name="resnet50", weights=None)
    network = shrink(detection.MaskRCNN(backbone, 91, box_score_thresh=CONFIDENCE).eval())
    network.load_state_dict(state)
    with torch.inference_mode():
        found, zero = segmenter._detect(picture), adapter(file)._detect(picture)
    assert torch.equal(found.boxes, find(network, picture)["boxes"])
    assert not torch.equal(found.boxes, zero.boxes)
    (tmp_path / "mine.classes.yaml").write_text("batch_norm_eps: small\n", encoding="utf-8")
    with pytest.raises(WeightsError, match="from 0 to 1 as 'batch_norm_eps', got 'small'"):
        adapter(tmp_path / "mine.pth")


def test_statistics_that_were_not_frozen(make_state: Any, picture: ByteArray, tmp_path: Path) -> None:
    """As of a network that was trained from nothing."""
    state = make_state(V1, seed=1)
    torch.save({"model": state, "epoch": 3}, tmp_path / "mine.pth")
    network = BUILDERS[V1](weights=None, weights_backbone=None, box_score_thresh=CONFIDENCE)
    shrink(network.eval()).load_state_dict(state)
    segmenter = adapter(tmp_path / "mine.pth")
    assert segmenter._notices == ()
    with torch.inference_mode():
        assert torch.equal(segmenter._detect(picture).boxes, find(network, picture)["boxes"])


def test_classes_of_ones_own(make_state: Any, picture: ByteArray, plate_of: Any, tmp_path: Path) -> None:
    state = make_state(V1, classes=4)
    network = BUILDERS[V1](weights=None, weights_backbone=None, num_classes=4, box_score_thresh=CONFIDENCE)
    shrink(network.eval()).load_state_dict(state)
    truth = find(network, picture)
    assert set(truth["labels"].tolist()) == {1, 2, 3}
    path = tmp_path / "mine.pth"
    # As a network that ran on several GPUs is saved.
    torch.save({f"module.{key}": value for key, value in state.items()}, path)
    with pytest.raises(WeightsError, match=r"3 classes that are nowhere named: .* 'mine.classes.yaml' beside"):
        adapter(path)
    for text in ("[cat, dog, fox]", "names: {7: dog, 3: cat, 90: fox}", "names: [background, cat, dog, fox]"):
        (tmp_path / "mine.classes.yaml").write_text(text, encoding="utf-8")
        segmenter = adapter(path)
        assert segmenter.labels == ("cat", "dog", "fox")
    instances = segmenter.segment(plate_of(picture), SilentProgress())
    check_same(instances, truth, ["", "cat", "dog", "fox"])
    (tmp_path / "mine.classes.yaml").write_text("[cat, dog]", encoding="utf-8")
    with pytest.raises(WeightsError, match="names 2 classes; its model has 3"):
        adapter(path)


class TestOfficialWeights:
    """Found by their names where `weights pull` puts them: with a manifest whose checksums are the test's."""

    @pytest.fixture(scope="class")
    def pulled(self, tmp_path_factory: pytest.TempPathFactory, file: Path) -> Path:
        """The file in a folder with a manifest that takes it for the official one, for all of these tests."""
        content = yaml.safe_load((weights.weights_folder() / "manifest.yaml").read_text(encoding="utf-8"))
        row = content["downloads"]["torchvision_mask_rcnn_v1"]
        row["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        folder: Path = tmp_path_factory.mktemp("pulled")
        (folder / "manifest.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return Path(shutil.copyfile(file, folder / row["file"]))

    @pytest.fixture(autouse=True)
    def a_manifest(self, monkeypatch: pytest.MonkeyPatch, pulled: Path) -> Iterator[None]:
        self.place = pulled
        monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", str(pulled.parent))
        monkeypatch.setattr(weights, "_FOLDERS", (pulled.parent,))
        weights.manifest.cache_clear()
        yield
        weights.manifest.cache_clear()

    @pytest.mark.parametrize(
        "name",
        [
            "maskrcnn_resnet50_fpn",
            "MaskRCNN_ResNet50_FPN_Weights.COCO_V1",
            "MaskRCNN_ResNet50_FPN_Weights.DEFAULT",
        ],
    )
    def test_by_torchvisions_names(
        self, name: str, truth: dict[str, torch.Tensor], picture: ByteArray, plate_of: Any
    ) -> None:
        segmenter = adapter(name, accept_licence=["torchvision_mask_rcnn_v1"])
        progress = SilentProgress()
        check_same(segmenter.segment(plate_of(picture), progress), truth, V1.COCO_V1.meta["categories"])
        assert progress.notices == []
        (model,) = segmenter.models
        assert (model["name"], model["dtype"]) == ("torchvision_mask_rcnn_v1", "float32")
        assert len(model["sha256"]) == 64

    def test_terms_are_asked_for(self) -> None:
        with pytest.raises(LicenceError, match="--accept-licence torchvision_mask_rcnn_v1"):
            adapter("maskrcnn_resnet50_fpn")

    @pytest.mark.parametrize(
        "name", ["", "maskrcnn_resnet50_fpn_v2", "MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1"]
    )
    def test_what_is_not_here_is_not_fetched(self, name: str) -> None:
        with pytest.raises(WeightsError, match="weights pull torchvision_mask_rcnn_v2"):
            adapter(name, accept_licence=["torchvision_mask_rcnn_v2"])

    def test_the_official_file_by_its_path_needs_no_notice(self) -> None:
        assert adapter(self.place)._notices == ()


def refuse(path: Path | str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        adapter(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    refuse("maskrcnn_resnet101", UnknownNameError, "Did you mean 'maskrcnn_resnet50_fpn'")


def test_a_missing_file_is_told() -> None:
    refuse("nowhere/mine.pth", WeightsError, "Segmenter 'torchvision': expected a model file, got 'nowhere")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (marker,)

    torch.save({"model": Evil()}, tmp_path / "mine.pth")
    (tmp_path / "mine.pt").write_bytes(pickle.dumps({"model": Evil()}))
    for name in ("mine.pth", "mine.pt"):
        refuse(tmp_path / name, WeightsError, "refused")
    assert not marker.exists()


LACKS = "roi_heads.mask_predictor.mask_fcn_logits.bias"


def test_weights_that_do_not_fit_are_refused(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save({key: value for key, value in state.items() if key != LACKS}, path)
    refuse(path, WeightsError, f"it lacks '{LACKS}'")
    torch.save(state | {"something.else": torch.zeros(1)}, path)
    refuse(path, WeightsError, "it has beyond what it needs 'something.else'")
    torch.save(state | {LACKS: torch.zeros(7)}, path)
    refuse(path, WeightsError, f"'mine.pth' does not fit torchvision's Mask R-CNN: size mismatch for {LACKS}")
    torch.save({"conv.weight": torch.zeros(1)}, path)
    refuse(path, WeightsError, "no state dictionary of torchvision's Mask R-CNN")


def test_without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models.detection", None)
    refuse("", MissingPackageError, r"needs the torchvision that belongs to torch .*: install the two together")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("MPS backend out of memory (x)")]
)
def test_out_of_memory_is_told(
    file: Path, plate_of: Any, picture: ByteArray, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(features: Any) -> Any:
        raise error

    segmenter = adapter(file)
    monkeypatch.setattr(segmenter._model.backbone, "forward", fail)
    segmenter.device = "cuda:0"
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *given, **named: tensor)
    with pytest.raises(
        DeviceError, match=r"^Segmenter 'torchvision' ran out of memory on cuda:0: .*--device cpu"
    ):
        segmenter.segment(plate_of(picture), SilentProgress())


def test_features_are_half_and_boxes_are_not(file: Path, picture: ByteArray) -> None:
    """By the CPU's bfloat16, in place of a GPU's float16: what is computed in it, and what is not."""
    single, half = adapter(file), adapter(file)
    _use_half(half._model, "cpu", torch.bfloat16)
    heads = half._model.roi_heads
    seen: dict[str, torch.dtype] = {}
    for name, module in (
        ("conv", half._model.backbone.body.layer1[0].conv1),
        ("fc", heads.box_head.fc7),
        ("rpn", half._model.rpn.head.bbox_pred),
        ("score", heads.box_predictor.cls_score),
        ("mask", heads.mask_predictor.mask_fcn_logits),
    ):
        module.register_forward_hook(lambda m, g, answer, name=name: seen.update({name: answer.dtype}))
    with torch.inference_mode():
        found, expected = half._detect(picture), single._detect(picture)
    assert seen == dict.fromkeys(("conv", "fc", "rpn", "score", "mask"), torch.bfloat16)
    assert (found.boxes.dtype, found.masks.dtype, found.scores.dtype) == (
        torch.float32,
        torch.float32,
        np.float32,
    )
    # Rounded features move a box by little; rounded coordinates would put all of them on a grid.
    assert not torch.equal(found.boxes, found.boxes.bfloat16().float())
    near = (found.boxes[:, None] - expected.boxes[None]).abs().amax(dim=2).amin(dim=1)
    assert near.median() < 4.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here: half precision runs on one only")
def test_on_a_gpu_in_half_precision(file: Path, picture: ByteArray, plate_of: Any) -> None:
    segmenter = TorchvisionMaskRcnn(str(file), settings(device="cuda"), "cuda:0")
    shrink(segmenter._model)
    assert segmenter.models[0]["dtype"] == "float16 autocast"
    found = segmenter.segment(plate_of(picture), SilentProgress())
    expected = adapter(file).segment(plate_of(picture), SilentProgress())
    assert found[0].label == expected[0].label
    assert found[0].score == pytest.approx(expected[0].score, abs=0.05)


@pytest.mark.slow
def test_end_to_end(file: Path, picture: ByteArray) -> None:
    """By the public function, from an array."""
    chosen = settings(segmenter=f"torchvision:{file}", confidence=0.9, max_instances=2)
    instances = sm.segment(picture, chosen)
    assert len(instances) == 2
    for one in instances:
        assert one.slot.startswith(f"sm_{one.label.replace(' ', '_')}_0")
        assert one.frame_size == picture.shape[:2]


def test_what_the_port_asks_for(file: Path) -> None:
    segmenter = adapter(file)
    assert (segmenter.name, segmenter.device) == ("torchvision", "cpu")
    (model,) = segmenter.models
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (model["name"], model["licence"]) == ("mine.pth", "unknown (brought by the user)")
    assert (model["sha256"], model["dtype"]) == (digest, "float32")


def test_other_controls_without_loading_again(file: Path, picture: ByteArray, plate_of: Any, warm: Any) -> None:
    label = adapter(file).segment(plate_of(picture), SilentProgress())[3].label
    table = [
        {"confidence": CONFIDENCE},
        {"confidence": 0.02, "max_instances": 120},
        {"confidence": 0.8, "label_confidence": [f"{label}=0.1"]},
        {"confidence": CONFIDENCE, "find": [label]},
        {"confidence": CONFIDENCE, "max_instances": 2},
    ]

    def make(settings: Settings) -> TorchvisionMaskRcnn:
        segmenter = TorchvisionMaskRcnn(str(file), settings, "cpu")
        shrink(segmenter._model)
        return segmenter

    warm.check(make, [plate_of(picture)], table, lambda segmenter: segmenter._model)
    with pytest.raises(UnknownNameError, match="Unknown object name 'unicorn'"):
        adapter(file).with_settings(settings(find=["unicorn"]))
