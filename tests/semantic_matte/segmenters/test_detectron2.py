"""detectron2 by a real build: with random weights the adapter finds what its own DefaultPredictor finds."""

from __future__ import annotations

import pickle
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import semantic_matte as sm
from semantic_matte.errors import DeviceError, UnknownNameError, WeightsError
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.detectron2_zoo import Detectron2Segmenter, use_half
from semantic_matte.settings import Settings
from semantic_matte.types import ByteArray

detectron2 = pytest.importorskip(
    "detectron2", reason="detectron2 is not built here: https://github.com/facebookresearch/detectron2"
)
pytest.importorskip("detectron2._C", reason="detectron2 is built for another torch")

from detectron2.config import get_cfg  # noqa: E402
from detectron2.data import MetadataCatalog  # noqa: E402
from detectron2.engine import DefaultPredictor  # noqa: E402
from detectron2.layers import paste_masks_in_image  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

ZOO = Path(detectron2.__file__).parent / "model_zoo" / "configs"
R50 = "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x"
CASCADE = "Misc/cascade_mask_rcnn_R_50_FPN_3x"
X152 = "Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv"
LVIS = "LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x"
CONFIDENCE = 0.3
# A small picture and few places to look at, for speed.
SMALL = {
    "INPUT.MIN_SIZE_TEST": 96,
    "INPUT.MAX_SIZE_TEST": 200,
    "MODEL.RPN.PRE_NMS_TOPK_TEST": 40,
    "MODEL.RPN.POST_NMS_TOPK_TEST": 40,
}

Make = Callable[..., Path]


def settings(**controls: Any) -> Settings:
    return Settings(**{"device": "cpu", "confidence": CONFIDENCE, "max_instances": 100} | controls)


def adapter(model: Path | str, **controls: Any) -> Detectron2Segmenter:
    return Detectron2Segmenter(str(model), settings(**controls), "cpu")


def predictor(config_file: Path, **values: Any) -> Any:
    """detectron2's own, as its demo makes it; it opens the pickle of weights by itself."""
    config = get_cfg()
    config.merge_from_file(str(config_file))
    config.MODEL.DEVICE = "cpu"
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = CONFIDENCE
    for key, value in values.items():
        config.merge_from_list([key.replace("__", "."), value])
    return DefaultPredictor(config)


def own_answer(config_file: Path, picture: ByteArray, **values: Any) -> Any:
    """Its instances for a picture (H, W, 3) RGB, which it wants in BGR."""
    return predictor(config_file, **values)(np.ascontiguousarray(picture[..., ::-1]))["instances"]


def last_layers(network: Any) -> list[tuple[torch.nn.Module, float]]:
    """Those whose answers are spread out, in the order in which they come, and how far."""
    head, heads = network.proposal_generator.rpn_head, network.roi_heads
    boxes = heads.box_predictor
    boxes = list(boxes) if isinstance(boxes, torch.nn.ModuleList) else [boxes]
    layers = [(head.objectness_logits, 1.0), (head.anchor_deltas, 0.3)]
    for one in boxes:
        layers += [(one.cls_score, 6.0), (one.bbox_pred, 0.5)]
    return [*layers, (heads.mask_head.predictor, 2.0)]


def write_config(path: Path, base: str, values: Mapping[str, Any]) -> None:
    lines = [f"_BASE_: {ZOO / base}.yaml"]
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *parts, last = key.split(".")
        place = nested
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    lines += [f"{key}: {value!r}" for key, value in nested.items()]
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, picture: ByteArray, spread_out: Any) -> Make:
    """A small configuration based on one of the zoo, with random weights in a pickle as the zoo has them."""

    def write(base: str = R50, **values: Any) -> Path:
        folder = tmp_path_factory.mktemp("detectron2")
        config_file = folder / "small.yaml"
        given = SMALL | {"MODEL.WEIGHTS": ""} | {key.replace("__", "."): one for key, one in values.items()}
        write_config(config_file, base, given)
        torch.manual_seed(0)
        random = predictor(config_file)
        for layer, spread in last_layers(random.model):
            spread_out(layer, spread, lambda: random(np.ascontiguousarray(picture[..., ::-1])))
        write_config(config_file, base, given | {"MODEL.WEIGHTS": str(folder / "model_final.pkl")})
        write_zoo_pickle(folder / "model_final.pkl", random.model.state_dict())
        return config_file

    return write


def write_zoo_pickle(path: Path, state: Mapping[str, torch.Tensor], **more: Any) -> None:
    arrays = {name: value.numpy() for name, value in state.items()}
    content = {"model": arrays, "__author__": "the tests"} | more
    path.write_bytes(pickle.dumps(content, protocol=2))


def read_zoo_pickle(config_file: Path) -> dict[str, torch.Tensor]:
    content = pickle.loads((config_file.parent / "model_final.pkl").read_bytes())
    return {name: torch.from_numpy(value) for name, value in content["model"].items()}


@pytest.fixture(scope="module")
def r50(make: Make) -> Path:
    return make(R50)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be fetched, by whatever library."""

    def refuse(*given: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def check_same(
    segmenter: Detectron2Segmenter, truth: Any, names: list[str], picture: ByteArray, plate: Any
) -> None:
    """Boxes, scores, names and every pixel of the masks are detectron2's."""
    assert len(truth) >= 5, "too few to prove anything"
    with torch.inference_mode():
        found = segmenter._detect(picture)
    assert torch.equal(found.boxes, truth.pred_boxes.tensor)
    assert np.array_equal(found.scores, truth.scores.numpy())
    assert list(found.labels) == [names[number] for number in truth.pred_classes.tolist()]
    expected = [row for row in range(len(truth)) if truth.pred_masks[row].any()]
    instances = segmenter.segment(plate, SilentProgress())
    assert len(instances) == len(expected) > 0
    for one, row in zip(instances, expected, strict=True):
        assert (one.label, one.score) == (names[int(truth.pred_classes[row])], float(truth.scores[row]))
        assert np.array_equal(one.mask, truth.pred_masks[row].numpy())


@pytest.mark.parametrize(
    ("base", "values"),
    [
        (R50, {}),
        (CASCADE, {}),
        ("COCO-InstanceSegmentation/mask_rcnn_R_50_C4_1x", {}),
        ("COCO-PanopticSegmentation/panoptic_fpn_R_50_1x", {}),
        ("Misc/mask_rcnn_R_50_FPN_3x_syncbn", {}),
        ("Misc/mask_rcnn_R_50_FPN_1x_cls_agnostic", {}),
        (R50, {"INPUT__FORMAT": "RGB", "MODEL__PIXEL_MEAN": [123.7, 116.3, 103.5]}),
        pytest.param(X152, {}, marks=pytest.mark.slow),
    ],
    ids=["fpn", "cascade", "c4", "panoptic", "syncbn", "one mask for all classes", "rgb", "the paper's"],
)
def test_it_finds_what_detectron2_finds(
    make: Make, picture: ByteArray, plate_of: Any, base: str, values: dict[str, Any]
) -> None:
    config_file = make(base, **values)
    truth = own_answer(config_file, picture)
    assert len(truth.pred_classes.unique()) >= 4
    segmenter = adapter(config_file)
    assert segmenter.labels == COCO_NAMES
    check_same(segmenter, truth, list(COCO_NAMES), picture, plate_of(picture))


def test_names_of_lvis(make: Make, picture: ByteArray, plate_of: Any) -> None:
    # So that among 1231 some is likely enough.
    config_file = make(LVIS)
    truth = own_answer(config_file, picture, MODEL__ROI_HEADS__SCORE_THRESH_TEST=0.05)
    names = MetadataCatalog.get("lvis_v0.5_val").thing_classes
    segmenter = adapter(config_file, confidence=0.05, max_instances=300)
    assert list(segmenter.labels) == names
    assert set(truth.pred_classes.tolist()) - set(range(80))
    check_same(segmenter, truth, names, picture, plate_of(picture))
    # Its own number of finds stays where we ask for fewer.
    assert adapter(config_file)._network.roi_heads.box_predictor.test_topk_per_image == 300


@pytest.mark.slow
def test_at_the_zoos_own_sizes(make: Make, r50: Path, picture: ByteArray) -> None:
    """By its name, with the weights after a comma: 800 pixels, a thousand places."""
    weights = r50.parent / "model_final.pkl"
    small = np.ascontiguousarray(picture[:, :80])
    truth = own_answer(ZOO / f"{R50}.yaml", small, MODEL__WEIGHTS=str(weights))
    with torch.inference_mode():
        found = adapter(f"{R50},{weights}")._detect(small)
    assert len(truth) >= 5
    assert torch.equal(found.boxes, truth.pred_boxes.tensor)


def test_red_is_not_blue(r50: Path, picture: ByteArray, plate_of: Any) -> None:
    """That a swap would be seen: with both exchanged other things are found."""
    segmenter = adapter(r50)
    right = segmenter.segment(plate_of(picture), SilentProgress())
    swapped = segmenter.segment(plate_of(np.ascontiguousarray(picture[..., ::-1])), SilentProgress())
    assert [(one.label, one.score) for one in swapped] != [(one.label, one.score) for one in right]
    again = segmenter.segment(plate_of(picture), SilentProgress())
    assert [(one.label, one.score) for one in again] == [(one.label, one.score) for one in right]


@pytest.mark.parametrize("confidence", [0.05, 0.6])
def test_confidence_reaches_the_network(
    r50: Path, picture: ByteArray, plate_of: Any, confidence: float
) -> None:
    truth = own_answer(r50, picture, MODEL__ROI_HEADS__SCORE_THRESH_TEST=confidence)
    assert truth.scores.min() < confidence + 0.2
    found = adapter(r50, confidence=confidence).segment(plate_of(picture), SilentProgress())
    kept = [row for row in range(len(truth)) if truth.pred_masks[row].any()]
    assert [one.score for one in found] == truth.scores[kept].tolist()


def test_in_a_cascade_too(make: Make) -> None:
    segmenter = adapter(make(CASCADE), confidence=0.1, max_instances=222)
    for head in segmenter._network.roi_heads.box_predictor:
        assert head.test_score_thresh == pytest.approx(0.1)
        assert head.test_topk_per_image == 222


def test_only_what_is_asked_for(r50: Path, picture: ByteArray, plate_of: Any) -> None:
    everything = adapter(r50).segment(plate_of(picture), SilentProgress())
    label = everything[2].label
    found = adapter(r50, find=[label]).segment(plate_of(picture), SilentProgress())
    assert [one.score for one in found] == [one.score for one in everything if one.label == label]
    with pytest.raises(UnknownNameError, match="Unknown object name 'unicorn'"):
        adapter(r50, find=["unicorn"])


def test_masks_are_pasted_as_detectron2_pastes_them(r50: Path) -> None:
    segmenter = adapter(r50)
    random = np.random.default_rng(0)
    size = (61, 97)
    corners = np.clip(random.uniform(-0.1, 1.1, (100, 2, 2)), 0, 1) * [size[1], size[0]]
    low, high = corners.min(axis=1), corners.max(axis=1)
    boxes = torch.tensor(np.hstack((low, high + 0.01)), dtype=torch.float32)
    masks = torch.rand(len(boxes), 28, 28, generator=torch.Generator().manual_seed(0))
    expected = paste_masks_in_image(masks, boxes, size)
    found = type("Found", (), {"boxes": boxes, "masks": masks})
    for row, whole in enumerate(expected):
        mask, window = segmenter._paste(found, row, size)
        frame = np.zeros(size, dtype=np.bool_)
        frame[window.slices] = mask
        assert np.array_equal(frame, whole.numpy())


class TestWeights:
    """In the ways in which they come; each is what DefaultPredictor makes of the same file."""

    @pytest.fixture
    def own(self, r50: Path, tmp_path: Path) -> Path:
        path = tmp_path / "small.yaml"
        path.write_bytes(r50.read_bytes())
        return path

    def boxes(self, config_file: Path, weights: Path, picture: ByteArray) -> torch.Tensor:
        with torch.inference_mode():
            return adapter(f"{config_file},{weights}")._detect(picture).boxes

    def test_a_training_of_ones_own(self, r50: Path, own: Path, picture: ByteArray, tmp_path: Path) -> None:
        state = {f"module.{name}": value for name, value in read_zoo_pickle(r50).items()}
        torch.save({"model": state, "iteration": 7}, tmp_path / "model_final.pth")
        expected = own_answer(r50, picture).pred_boxes.tensor
        assert torch.equal(self.boxes(own, tmp_path / "model_final.pth", picture), expected)

    def test_names_that_are_matched_by_their_ends(
        self, r50: Path, own: Path, picture: ByteArray, tmp_path: Path
    ) -> None:
        """As of a backbone from elsewhere: without what stands before them in the network."""
        path = tmp_path / "ends.pkl"
        starts = ("backbone.bottom_up.", "backbone.", "proposal_generator.", "roi_heads.")
        state = {}
        for name, value in read_zoo_pickle(r50).items():
            start = next(start for start in starts if name.startswith(start))
            state[name.removeprefix(start)] = value
        write_zoo_pickle(path, state, matching_heuristics=True)
        expected = own_answer(own, picture, MODEL__WEIGHTS=str(path)).pred_boxes.tensor
        assert len(expected) >= 5
        assert torch.equal(self.boxes(own, path, picture), expected)

    def test_names_of_caffe2(self, r50: Path, own: Path, picture: ByteArray, tmp_path: Path) -> None:
        """As of detectron2's predecessor: other names, and the background before the other classes."""
        path = tmp_path / "caffe2.pkl"
        arrays = caffe2_weights(read_zoo_pickle(r50))
        path.write_bytes(pickle.dumps(arrays, protocol=2))
        expected = own_answer(own, picture, MODEL__WEIGHTS=str(path)).pred_boxes.tensor
        assert len(expected) >= 5
        assert torch.equal(self.boxes(own, path, picture), expected)

    def test_what_lacks_a_weight_is_refused(self, r50: Path, own: Path, tmp_path: Path) -> None:
        state = read_zoo_pickle(r50)
        del state["roi_heads.mask_head.predictor.bias"]
        write_zoo_pickle(tmp_path / "lacks.pkl", state)
        with pytest.raises(WeightsError, match=r"'lacks.pkl' do not fit .*predictor.bias' is not there"):
            adapter(f"{own},{tmp_path / 'lacks.pkl'}")

    def test_a_backbone_alone_is_refused(self, r50: Path, own: Path, tmp_path: Path) -> None:
        """With what a training starts from, all but the backbone would be random."""
        state = {key: value for key, value in read_zoo_pickle(r50).items() if "bottom_up" in key}
        write_zoo_pickle(tmp_path / "R-50.pkl", state)
        with pytest.raises(WeightsError, match=r"'R-50.pkl' do not fit 'small.yaml': .* is not there"):
            adapter(f"{own},{tmp_path / 'R-50.pkl'}")

    def test_another_shape_is_refused(self, r50: Path, own: Path, tmp_path: Path) -> None:
        name = "roi_heads.mask_head.predictor.bias"
        write_zoo_pickle(tmp_path / "other.pkl", read_zoo_pickle(r50) | {name: torch.zeros(7)})
        message = re.escape(f"expected '{name}' of shape (80,), got (7,)")
        with pytest.raises(WeightsError, match=message):
            adapter(f"{own},{tmp_path / 'other.pkl'}")

    def test_more_than_is_needed_is_told(
        self, r50: Path, own: Path, plate_of: Any, picture: ByteArray, tmp_path: Path
    ) -> None:
        more = {"sem_seg_head.bias": torch.zeros(1), "pixel_mean": torch.zeros(3, 1, 1)}
        write_zoo_pickle(tmp_path / "more.pkl", read_zoo_pickle(r50) | more)
        progress = SilentProgress()
        adapter(f"{own},{tmp_path / 'more.pkl'}").segment(plate_of(picture), progress)
        assert progress.notices == [
            "1 of the weights in 'more.pkl' have no place in 'small.yaml', as 'sem_seg_head.bias'; they are "
            "not used."
        ]

    def test_a_pickle_that_would_run_code_is_refused(self, own: Path, tmp_path: Path) -> None:
        marker = tmp_path / "ran"

        class Evil:
            def __reduce__(self) -> Any:
                return Path.touch, (marker,)

        path = tmp_path / "evil.pkl"
        path.write_bytes(pickle.dumps({"model": {"weight": Evil()}, "__author__": "somebody"}))
        with pytest.raises(WeightsError, match="refused"):
            adapter(f"{own},{path}")
        assert not marker.exists()


def caffe2_weights(state: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray[Any, Any]]:
    """The same weights under the names, and in the order of classes, of Detectron on Caffe2."""
    rules = [
        (r"^backbone\.bottom_up\.stem\.conv1\.norm\.", "res_conv1_bn."),
        (r"^backbone\.bottom_up\.stem\.", ""),
        (r"^backbone\.bottom_up\.", ""),
        (r"^(res\d)\.(\d+)\.", r"\1_\2_"),
        (r"_shortcut\.norm\.", "_branch1_bn."),
        (r"_shortcut\.", "_branch1."),
        (r"_conv([123])\.norm\.", lambda found: f"_branch2{'abc'[int(found[1]) - 1]}_bn."),
        (r"(res\d_\d+)_conv([123])\.", lambda found: f"{found[1]}_branch2{'abc'[int(found[2]) - 1]}."),
        (r"^backbone\.fpn_lateral(\d)\.", r"fpn_inner_res\1_2_sum_lateral."),
        (r"^backbone\.fpn_output(\d)\.", r"fpn_res\1_2_sum."),
        (r"^proposal_generator\.rpn_head\.conv\.", "conv_rpn_fpn2."),
        (r"^proposal_generator\.rpn_head\.objectness_logits\.", "rpn_cls_logits_fpn2."),
        (r"^proposal_generator\.rpn_head\.anchor_deltas\.", "rpn_bbox_pred_fpn2."),
        (r"^roi_heads\.box_head\.fc1\.", "fc6."),
        (r"^roi_heads\.box_head\.fc2\.", "fc7."),
        (r"^roi_heads\.box_predictor\.", ""),
        (r"^roi_heads\.mask_head\.mask_fcn(\d)\.", r"_[mask]_fcn\1."),
        (r"^roi_heads\.mask_head\.deconv\.", "conv5_mask."),
        (r"^roi_heads\.mask_head\.predictor\.", "mask_fcn_logits."),
    ]
    ends = {"_bn.weight": "_bn_s", "_bn.bias": "_bn_b", ".weight": "_w", ".bias": "_b"}
    named = {}
    for name, value in state.items():
        if "running" in name:
            # Folded into the scale there; of random weights they are 0 and 1.
            continue
        for pattern, into in rules:
            name = re.sub(pattern, into, name)
        end = next(end for end in ends if name.endswith(end))
        short = name.removesuffix(end) + ends[end]
        if short.startswith("cls_score"):
            value = torch.cat((value[-1:], value[:-1]))
        elif short.startswith("bbox_pred"):
            value = torch.cat((torch.zeros_like(value[:4]), value))
        elif short.startswith("mask_fcn_logits"):
            value = torch.cat((torch.zeros_like(value[:1]), value))
        named[short] = value.numpy()
    return named


def test_nothing_is_printed(
    r50: Path, plate_of: Any, picture: ByteArray, capfd: pytest.CaptureFixture[str]
) -> None:
    adapter(r50).segment(plate_of(picture), SilentProgress())
    assert capfd.readouterr() == ("", "")


def test_features_are_half_and_boxes_are_not(make: Make, picture: ByteArray) -> None:
    """By the CPU's bfloat16, in place of a GPU's float16; deformable convolutions take single precision."""
    config_file = make("Misc/mask_rcnn_R_50_FPN_3x_dconv_c3-c5")
    single, half = adapter(config_file), adapter(config_file)
    use_half(half._network, "cpu", torch.bfloat16)
    network, heads = half._network, half._network.roi_heads
    seen: dict[str, torch.dtype] = {}
    for name, module in (
        ("conv", network.backbone.bottom_up.res2[0].conv2),
        ("deformable", network.backbone.bottom_up.res3[0].conv2),
        ("rpn", network.proposal_generator.rpn_head.anchor_deltas),
        ("fc", heads.box_head.fc1),
        ("score", heads.box_predictor.cls_score),
        ("mask", heads.mask_head.predictor),
    ):
        module.register_forward_hook(lambda m, g, answer, name=name: seen.update({name: answer.dtype}))
    with torch.inference_mode():
        found, expected = half._detect(picture), single._detect(picture)
    assert seen.pop("deformable") == torch.float32
    assert seen == dict.fromkeys(("conv", "rpn", "fc", "score", "mask"), torch.bfloat16)
    assert (found.boxes.dtype, found.masks.dtype, found.scores.dtype) == (
        torch.float32,
        torch.float32,
        np.float32,
    )
    assert not torch.equal(found.boxes, found.boxes.bfloat16().float())
    near = (found.boxes[:, None] - expected.boxes[None]).abs().amax(dim=2).amin(dim=1)
    assert near.median() < 4.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here: half precision runs on one only")
def test_on_a_gpu_in_half_precision(r50: Path, picture: ByteArray, plate_of: Any) -> None:
    segmenter = Detectron2Segmenter(str(r50), settings(device="cuda"), "cuda:0")
    assert segmenter.models[0]["dtype"] == "float16 autocast"
    found = segmenter.segment(plate_of(picture), SilentProgress())
    expected = adapter(r50).segment(plate_of(picture), SilentProgress())
    assert found[0].label == expected[0].label
    assert found[0].score == pytest.approx(expected[0].score, abs=0.05)


def test_what_the_device_can_not_do_is_told(make: Make, picture: ByteArray, plate_of: Any) -> None:
    """Modulated deformable convolutions are written for GPUs alone."""
    base = "Misc/mask_rcnn_R_50_FPN_3x_dconv_c3-c5"
    folder = make(base).parent
    write_config(folder / "gpu.yaml", base, {"MODEL.RESNETS.DEFORM_MODULATED": True} | SMALL)
    config = get_cfg()
    config.merge_from_file(str(folder / "gpu.yaml"))
    config.MODEL.DEVICE, config.MODEL.WEIGHTS = "cpu", ""
    write_zoo_pickle(folder / "gpu.pkl", DefaultPredictor(config).model.state_dict())
    segmenter = adapter(f"{folder / 'gpu.yaml'},{folder / 'gpu.pkl'}")
    with pytest.raises(
        DeviceError, match=r"can't run this model on cpu: Deformable Conv is not supported on CPUs\.$"
    ):
        segmenter.segment(plate_of(picture), SilentProgress())


def test_end_to_end(r50: Path, picture: ByteArray) -> None:
    """By the public function, from an array, with the model's row as a sidecar has it."""
    engine = sm.Engine(settings(segmenter=f"detectron2:{r50}", max_instances=3))
    instances = engine.segment(picture)
    assert len(instances) == 3
    for one in instances:
        assert one.slot.startswith(f"sm_{one.label.replace(' ', '_')}_0")
        assert one.frame_size == picture.shape[:2]
    (model,) = engine.models
    assert (model["name"], model["config"], model["dtype"]) == ("model_final.pkl", "small.yaml", "float32")
    assert (model["licence"], len(model["sha256"])) == ("unknown (brought by the user)", 64)
    assert (engine.segmenter.name, engine.segmenter.device) == ("detectron2", "cpu")


@pytest.mark.parametrize("base", [R50, CASCADE])
def test_other_controls_without_loading_again(
    make: Make, picture: ByteArray, plate_of: Any, warm: Any, base: str
) -> None:
    config_file = make(base, TEST__DETECTIONS_PER_IMAGE=40)
    label = adapter(config_file, confidence=0.1).segment(plate_of(picture), SilentProgress())[2].label
    table = [
        {"confidence": CONFIDENCE},
        {"confidence": 0.02, "max_instances": 250},
        {"confidence": 0.8, "label_confidence": [f"{label}=0.1"]},
        {"confidence": 0.1, "find": [label]},
        {"confidence": 0.1, "max_instances": 2},
    ]

    def load(settings: Settings) -> Detectron2Segmenter:
        return Detectron2Segmenter(str(config_file), settings, "cpu")

    warm.check(load, [plate_of(picture)], table, lambda segmenter: segmenter._network)


def test_the_models_own_number_of_finds_stays_the_least(make: Make, picture: ByteArray, plate_of: Any) -> None:
    config_file = make(R50, TEST__DETECTIONS_PER_IMAGE=150)
    many = adapter(config_file, max_instances=222)
    for most in (222, 1, 151):
        few = many.with_settings(settings(max_instances=most))
        few.segment(plate_of(picture), SilentProgress())
        assert few._network.roi_heads.box_predictor.test_topk_per_image == max(150, most)
