"""SAM, SAM 2 and HQ-SAM asked by boxes and points: tiny random ones against the library itself on the same
bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import semantic_matte as sm
from semantic_matte.errors import HintError, UsageError, WeightsError
from semantic_matte.ports import SilentProgress, TakesHints
from semantic_matte.segmenters import create_segmenter, hints_go_to
from semantic_matte.segmenters.transformers_prompts import PROMPTABLE
from semantic_matte.types import Box, Hint, Instance

transformers = pytest.importorskip(
    "transformers", reason="transformers is missing: pip install 'semantic-matte[transformers]'"
)

COLOURS = {"image_mean": [0.5, 0.3, 0.2], "image_std": [0.2, 0.3, 0.4]}
SIZE = 64
# Of the random weights: with these every family's masks hang on what it is asked.
SEED = 5
# The share of pixels that may fall on the other side of the level by the last bit of a number.
DIFFERING = 2e-4
PROMPTS = {"hidden_size": 32, "image_size": SIZE}
MASKS = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32}


def sam2_parts() -> dict[str, Any]:
    backbone = transformers.Sam2HieraDetConfig(
        image_size=[SIZE, SIZE],
        hidden_size=8,
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[8, 4, 4, 2],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )
    seen = transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=32,
    )
    return {
        "vision_config": seen,
        "prompt_encoder_config": transformers.Sam2PromptEncoderConfig(**PROMPTS, patch_size=16),
        "mask_decoder_config": transformers.Sam2MaskDecoderConfig(**MASKS),
    }


def sam2() -> Any:
    return transformers.Sam2Model(transformers.Sam2Config(**sam2_parts()))


def sam2_video() -> Any:
    config = transformers.Sam2VideoConfig(
        **sam2_parts(),
        image_size=SIZE,
        memory_attention_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_downsample_rate=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=16,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_intermediate_dim=32,
    )
    return transformers.Sam2VideoModel(config)


def sam3_tracker() -> Any:
    backbone = transformers.Sam3ViTConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIZE,
        patch_size=8,
        window_size=4,
        global_attn_indexes=[1],
        pretrain_image_size=32,
    )
    seen = transformers.Sam3VisionConfig(
        backbone_config=backbone, fpn_hidden_size=32, backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]]
    )
    config = transformers.Sam3TrackerConfig(
        vision_config=seen, prompt_encoder_config={**PROMPTS, "patch_size": 8}, mask_decoder_config=MASKS
    )
    return transformers.Sam3TrackerModel(config)


def first_sam(kind: str, **more: Any) -> Any:
    """SAM and HQ-SAM. Maps are of the input's own size: the library enlarges them twice, which then is once."""
    seen = getattr(transformers, f"{kind}VisionConfig")(
        hidden_size=16,
        output_channels=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIZE,
        patch_size=4,
        mlp_dim=32,
        window_size=4,
        global_attn_indexes=[1],
        num_pos_feats=16,
    )
    config = getattr(transformers, f"{kind}Config")(
        vision_config=seen,
        prompt_encoder_config=getattr(transformers, f"{kind}PromptEncoderConfig")(**PROMPTS, patch_size=4),
        mask_decoder_config=getattr(transformers, f"{kind}MaskDecoderConfig")(**MASKS, **more),
    )
    return getattr(transformers, f"{kind}Model")(config)


SQUARE = {"size": {"height": SIZE, "width": SIZE}}
PADDED = {"size": {"longest_edge": SIZE}, "pad_size": {"height": SIZE, "width": SIZE}}
FAMILIES: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
    "sam2": (sam2, "Sam2ImageProcessor", SQUARE),
    "sam2_video": (sam2_video, "Sam2ImageProcessor", SQUARE),
    "sam3_tracker": (sam3_tracker, "Sam3ImageProcessor", SQUARE),
    "sam": (lambda: first_sam("Sam"), "SamImageProcessor", PADDED),
    "sam_hq": (lambda: first_sam("SamHQ", vit_dim=16), "SamImageProcessor", PADDED),
}


@dataclass(frozen=True)
class Asked:
    """A prompt as the library takes it."""

    given: dict[str, Any]
    several: bool = False

    @classmethod
    def box(cls, *corners: float) -> Asked:
        return cls({"input_boxes": [[list(corners)]]})

    @classmethod
    def points(cls, *points: tuple[float, float, int]) -> Asked:
        places = [[[[x, y] for x, y, _ in points]]]
        return cls({"input_points": places, "input_labels": [[[on for _, _, on in points]]]}, len(points) == 1)


def ask(folder: Path, photo: Any, asked: Asked) -> Any:
    """The library's mask (H, W) for a prompt on a photo (H, W, 3) uint8: of several the surest."""
    family = PROMPTABLE[folder.name]
    network = getattr(transformers, family.network).from_pretrained(folder).eval()
    processor = getattr(transformers, family.processor).from_pretrained(folder)
    encoding = processor(images=Image.fromarray(photo), return_tensors="pt", **asked.given)
    wanted = ("pixel_values", "input_boxes", "input_points", "input_labels")
    with torch.inference_mode():
        output = network(
            **{key: encoding[key] for key in wanted if key in encoding}, multimask_output=asked.several
        )
    sizes = [encoding[key] for key in ("original_sizes", "reshaped_input_sizes") if key in encoding]
    (masks,) = processor.post_process_masks(list(output.pred_masks), *sizes)
    return masks[0, int(output.iou_scores[0, 0].argmax())].numpy()


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, picture: Any, tiny: Any
) -> Path:
    """The folder of a tiny random network; its name is the family's."""
    return build(request.param, tmp_path_factory.mktemp("prompts") / request.param, picture, tiny)


def build(name: str, place: Path, photo: Any, tiny: Any) -> Path:
    family, (make, images, values) = PROMPTABLE[name], FAMILIES[name]
    for needed in (family.network, family.processor, images):
        if not hasattr(transformers, needed):
            pytest.skip(f"transformers {transformers.__version__} has no {needed}")
    torch.manual_seed(SEED)
    network = make().eval()
    tiny.shake(network)
    processor_class = getattr(transformers, family.processor)
    processor_class(getattr(transformers, images)(**values, **COLOURS)).save_pretrained(place)
    network.save_pretrained(place)
    single = getattr(transformers, family.network).from_pretrained(place).eval()

    def run() -> None:
        encoding = processor_class.from_pretrained(place)(
            images=Image.fromarray(photo), input_boxes=[[[30, 20, 150, 120]]], return_tensors="pt"
        )
        with torch.inference_mode():
            single(pixel_values=encoding["pixel_values"], input_boxes=encoding["input_boxes"])

    # What masks are made of: then they are neither full nor empty.
    for layer in ("conv_s0", "upscale_conv2"):
        if hasattr(single.mask_decoder, layer):
            tiny.spread(single, f"mask_decoder.{layer}", 2.0, run)
    network.mask_decoder.load_state_dict(single.mask_decoder.state_dict())
    network.save_pretrained(place)
    return place


def hinted(folder: Path, plate: Any, hints: Sequence[Hint]) -> list[Instance]:
    segmenter = create_segmenter(sm.Settings(segmenter=f"transformers:{folder}", device="cpu"), "cpu")
    assert isinstance(segmenter, TakesHints)
    return segmenter.with_hints(hints).segment(plate, SilentProgress())


CASES: dict[str, tuple[Hint, Asked]] = {
    "box": (Hint(box=Box(30, 20, 150, 120), label="cat"), Asked.box(30, 20, 150, 120)),
    "a box that leaves the plate": (Hint(box=Box(-9, 60, 100, 999)), Asked.box(0, 60, 100, 150)),
    "one point": (Hint(points=((200, 31, True),)), Asked.points((200, 31, 1))),
    "two points": (Hint(points=((40, 100, True), (180, 30, False))), Asked.points((40, 100, 1), (180, 30, 0))),
    "three points": (
        Hint(points=((40, 100, True), (50, 20.5, True), (180, 30, False))),
        Asked.points((40, 100, 1), (50, 20.5, 1), (180, 30, 0)),
    ),
}


@pytest.mark.parametrize(("hint", "asked"), CASES.values(), ids=CASES.keys())
def test_it_masks_what_transformers_masks(
    folder: Path, picture: Any, plate_of: Any, hint: Hint, asked: Asked
) -> None:
    expected = ask(folder, picture, asked)
    assert 0.01 < expected.mean() < 0.99, "a flat answer would prove nothing"
    (found,) = hinted(folder, plate_of(picture), [hint])
    assert (found.label, found.score) == (hint.label, 1.0)
    assert np.mean(found.mask != expected) < DIFFERING


def test_prompts_and_colours_matter(folder: Path, picture: Any) -> None:
    """What makes the first test one of places and of the order of colours: the library itself answers
    otherwise."""
    asked = Asked.box(30, 20, 150, 120)
    right = ask(folder, picture, asked)
    others = {
        "a pixel of the network's input": ask(folder, picture, Asked.box(33, 20, 153, 120)),
        "x and y exchanged": ask(folder, picture, Asked.box(20, 30, 120, 150)),
        "width and height": ask(folder, picture, Asked.box(30, 20, 120, 100)),
        "pixels of the plate, not of the input": ask(
            folder, picture, Asked.box(*(side * SIZE / 226 for side in (30, 20, 150, 120)))
        ),
        "colours": ask(folder, picture[..., ::-1].copy(), asked),
    }
    apart = {name: float(np.mean(other != right)) for name, other in others.items()}
    assert {name: share for name, share in apart.items() if share < 3 * DIFFERING} == {}


@pytest.mark.parametrize("size", [(150, 50), (60, 226)], ids=str)
def test_every_proportion(folder: Path, picture: Any, plate_of: Any, size: tuple[int, int]) -> None:
    """Squeezed by some processors, padded by others."""
    photo = np.ascontiguousarray(picture[: size[0], : size[1]])
    expected = ask(folder, photo, Asked.box(10, 12, 40, 50))
    (found,) = hinted(folder, plate_of(photo), [Hint(box=Box(10, 12, 40, 50))])
    assert np.mean(found.mask != expected) < DIFFERING


def test_several_hints_in_their_order_and_masks_as_they_are(folder: Path, picture: Any, plate_of: Any) -> None:
    painted = np.zeros(picture.shape[:2], np.bool_)
    painted[3:20, 7:9] = True
    hints = [CASES["one point"][0], Hint(mask=painted, label="painted"), CASES["box"][0]]
    found = hinted(folder, plate_of(picture), hints)
    assert [one.label for one in found] == ["object", "painted", "cat"]
    np.testing.assert_array_equal(found[1].mask, painted)
    assert np.mean(found[0].mask != ask(folder, picture, CASES["one point"][1])) < DIFFERING
    assert np.mean(found[2].mask != ask(folder, picture, CASES["box"][1])) < DIFFERING


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, picture: Any, tiny: Any) -> Path:
    """One of them, for what does not hang on the family."""
    return build("sam2", tmp_path_factory.mktemp("prompts") / "sam2", picture, tiny)


def test_hints_outside_the_plate(pristine: Path, picture: Any, plate_of: Any) -> None:
    for hint, message in (
        (Hint(box=Box(300, 0, 310, 9)), r"box \[300, 0, 310, 9\] lies outside the plate of 226x150"),
        (Hint(points=((5, 150, True),)), r"point \(5, 150\) lies outside the plate"),
        (Hint(mask=np.ones((4, 4), np.bool_)), r"expected a mask of the plate's size 226x150, got 4x4"),
    ):
        with pytest.raises(HintError, match=message):
            hinted(pristine, plate_of(picture), [hint])


def test_a_hint_where_nothing_is_seen(tmp_path: Path, picture: Any, plate_of: Any, tiny: Any) -> None:
    place = build("sam2", tmp_path / "sam2", picture, tiny)
    network = transformers.Sam2Model.from_pretrained(place)
    with torch.no_grad():
        network.mask_decoder.upscale_conv2.weight.zero_()
        network.mask_decoder.upscale_conv2.bias.zero_()
        for part in ("conv_s0", "conv_s1"):
            getattr(network.mask_decoder, part).weight.zero_()
            getattr(network.mask_decoder, part).bias.zero_()
    network.save_pretrained(place)
    with pytest.raises(HintError, match="nothing of 'cat' is seen at the hint"):
        hinted(place, plate_of(picture), [CASES["box"][0]])
    progress = SilentProgress()
    settings = sm.Settings(
        segmenter=f"transformers:{place}+starter", device="cpu", find=["cat"], confidence=0.2
    )
    kept = sm.segment(plate_of(picture), settings, progress=progress)
    usual = sm.segment(plate_of(picture), sm.Settings(device="cpu", find=["cat"], confidence=0.2))
    assert [one.area for one in kept] == [one.area for one in usual]
    assert any("the mask of segmenter 'starter' is kept" in notice for notice in progress.notices)


def test_without_a_hint_the_embedded_segmenters_boxes_are_filled(
    pristine: Path, picture: Any, plate_of: Any
) -> None:
    plate, progress = plate_of(picture), SilentProgress()
    usual = sm.segment(plate, sm.Settings(device="cpu", confidence=0.2))
    assert usual, "without a box nothing is filled"
    engine = sm.Engine(sm.Settings(segmenter=f"transformers:{pristine}", device="cpu", confidence=0.2))
    found = engine.segment(plate, progress=progress)
    assert [(one.label, one.score) for one in found] == [(one.label, one.score) for one in usual]
    for one, other in zip(found, usual, strict=True):
        assert np.mean(one.mask != ask(pristine, picture, Asked.box(*other.box.as_list()))) < DIFFERING
    assert any("those of 'starter' are taken" in notice for notice in progress.notices)
    names = [model["name"] for model in engine.models]
    assert names[0] == "sam2/model.safetensors"
    assert any("nanodet" in name for name in names)


def test_a_finder_of_ones_own_choice(pristine: Path, picture: Any, plate_of: Any) -> None:
    """Named after a plus sign; its own path may have one too."""
    onnx_like = f"transformers:{pristine}+onnx:no+such+model.onnx"
    with pytest.raises(
        WeightsError, match=r"Segmenter 'onnx': expected a model file, got 'no\+such\+model.onnx'"
    ):
        sm.segment(plate_of(picture), sm.Settings(segmenter=onnx_like, device="cpu"))
    progress = SilentProgress()
    named = sm.Settings(segmenter=f"transformers:{pristine}+starter", device="cpu", confidence=0.2)
    assert sm.segment(plate_of(picture), named, progress=progress)
    assert not any("are taken" in notice for notice in progress.notices)


def test_a_folder_with_a_plus_sign(pristine: Path, tmp_path: Path) -> None:
    place = tmp_path / "c++" / "sam2+old"
    place.parent.mkdir()
    place.symlink_to(pristine)
    assert hints_go_to(sm.Settings(segmenter=f"transformers:{place}"))
    assert hints_go_to(sm.Settings(segmenter=f"transformers:{place}+starter"))
    with pytest.raises(WeightsError, match="expected a folder with a model"):
        hints_go_to(sm.Settings(segmenter=f"transformers:{place}+hint"))


def test_the_engine_gives_hints_to_it_and_to_no_other(pristine: Path, picture: Any, plate_of: Any) -> None:
    plate, progress = plate_of(picture), SilentProgress()
    hint, asked = CASES["box"]
    engine = sm.Engine(sm.Settings(segmenter=f"transformers:{pristine}", device="cpu"))
    (found,) = engine.segment(plate, hints=[hint], progress=progress)
    assert np.mean(found.mask != ask(pristine, picture, asked)) < DIFFERING
    assert found.slot == "sm_cat_01"
    assert progress.notices == []
    # The finder is not loaded for nothing, and the network is kept for the next frame.
    assert [model["name"] for model in engine.models] == ["sam2/model.safetensors"]
    network = engine.segmenter
    engine.segment(plate, hints=[hint])
    assert engine.segmenter is network
    usual = SilentProgress()
    sm.segment(plate, sm.Settings(device="cpu"), hints=[hint], progress=usual)
    assert any("segmenter 'starter' is not run" in notice for notice in usual.notices)


def test_what_the_port_asks_for(folder: Path) -> None:
    segmenter = create_segmenter(sm.Settings(segmenter=f"transformers:{folder}"), "cpu")
    assert (segmenter.name, segmenter.device) == ("transformers", "cpu")
    (model,) = segmenter.models
    assert model["name"] == f"{folder.name}/model.safetensors"
    assert "cat" in segmenter.labels


def test_hints_to_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs its model"):
        hints_go_to(sm.Settings(segmenter="transformers:"))
    assert not hints_go_to(sm.Settings())
    assert not hints_go_to(sm.Settings(segmenter=f"onnx:{tmp_path}"))


def test_other_controls_without_loading_again(pristine: Path, picture: Any, plate_of: Any, warm: Any) -> None:
    named = f"transformers:{pristine}"
    table = [
        {"segmenter": named, "confidence": 0.2},
        {"segmenter": named, "confidence": 0.2, "find": ["dog"]},
        {"segmenter": named, "confidence": 0.05, "label_confidence": ["cat=0.9"]},
        {"segmenter": named, "confidence": 0.05, "max_instances": 1},
    ]

    def make(settings: sm.Settings) -> Any:
        return create_segmenter(settings, "cpu")

    warm.check(make, [plate_of(picture)], table, lambda segmenter: segmenter._network)


def test_a_loaded_finder_is_kept_and_no_model_of_a_hint(pristine: Path, picture: Any, plate_of: Any) -> None:
    plate = plate_of(picture)
    controls = {"segmenter": f"transformers:{pristine}", "device": "cpu", "confidence": 0.2}
    first = create_segmenter(sm.Settings(**controls), "cpu")
    first.segment(plate, SilentProgress())
    # Two changes, of which the first does not need the finder.
    second = first.with_settings(sm.Settings(**controls, passes=1))
    hint, asked = CASES["box"]
    (found,) = second.with_hints([hint]).segment(plate, SilentProgress())
    assert np.mean(found.mask != ask(pristine, picture, asked)) < DIFFERING
    assert len(second.models) == 1
    third = second.with_settings(sm.Settings(**controls))
    third.segment(plate, SilentProgress())
    assert third._finder._networks is first._finder._networks
    assert list(third.models) == list(first.models)
