"""SAM 3 and its words: a tiny random one against the library itself on the same bytes and the same words."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import semantic_matte as sm
from semantic_matte.errors import SettingsError, WeightsError
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters import create_segmenter, hints_go_to
from semantic_matte.segmenters.transformers_words import ConceptWords
from semantic_matte.transformers_folders import find_folder
from semantic_matte.types import Instance

transformers = pytest.importorskip(
    "transformers", reason="transformers is missing: pip install 'semantic-matte[transformers]'"
)
if not hasattr(transformers, "Sam3Model"):
    pytest.skip(f"transformers {transformers.__version__} has no Sam3Model", allow_module_level=True)

COLOURS = {"image_mean": [0.5, 0.3, 0.2], "image_std": [0.2, 0.3, 0.4]}
WORDS = ("red umbrella", "dog")
SIZE = 64


def vision() -> Any:
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
    return transformers.Sam3VisionConfig(
        backbone_config=backbone, fpn_hidden_size=32, backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]]
    )


def detector() -> Any:
    layers = {"hidden_size": 32, "num_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return transformers.Sam3Config(
        vision_config=vision(),
        text_config={
            "model_type": "clip_text_model",
            "vocab_size": 64,
            "hidden_size": 16,
            "intermediate_size": 32,
            "projection_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
        },
        geometry_encoder_config=transformers.Sam3GeometryEncoderConfig(**layers),
        detr_encoder_config=transformers.Sam3DETREncoderConfig(**layers),
        detr_decoder_config=transformers.Sam3DETRDecoderConfig(**layers, num_queries=12),
        mask_decoder_config=transformers.Sam3MaskDecoderConfig(
            hidden_size=32, num_upsampling_stages=3, num_attention_heads=2
        ),
    )


def tracker() -> Any:
    """The other half of a video model, which is of no concern here."""
    return transformers.Sam3TrackerVideoConfig(
        vision_config=vision(),
        prompt_encoder_config={"hidden_size": 32, "image_size": SIZE, "patch_size": 8},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
        image_size=SIZE,
        memory_attention_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_downsample_rate=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[8, 8],
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=16,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_intermediate_dim=32,
    )


def prepare(folder: Path, photo: Any, words: str) -> dict[str, Any]:
    """What the library's own processor makes of a photo (H, W, 3) uint8 and words."""
    processor = transformers.Sam3Processor.from_pretrained(folder)
    given = processor(images=Image.fromarray(photo), text=words, return_tensors="pt")
    return {key: given[key] for key in ("pixel_values", "input_ids", "attention_mask")}


@pytest.fixture(scope="module", params=["sam3", "sam3_video"])
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, picture: Any, tiny: Any
) -> Path:
    """The folder of a tiny random network; of a video model, which holds the one for pictures."""
    place: Path = tmp_path_factory.mktemp("words") / request.param
    place.mkdir()
    tiny.write_tokenizer(place)
    images = transformers.Sam3ImageProcessor(size={"height": SIZE, "width": SIZE}, **COLOURS)
    words = transformers.AutoTokenizer.from_pretrained(place)
    transformers.Sam3Processor(images, words).save_pretrained(place)
    torch.manual_seed(10)
    if request.param == "sam3":
        whole = network = transformers.Sam3Model(detector()).eval()
    else:
        config = transformers.Sam3VideoConfig(detector_config=detector(), tracker_config=tracker())
        whole = transformers.Sam3VideoModel(config).eval()
        network = whole.detector_model
    tiny.shake(network)

    def run() -> None:
        with torch.inference_mode():
            network(**prepare(place, picture, WORDS[0]))

    tiny.spread(network, "mask_decoder.instance_projection", 1.0, run)
    tiny.spread(network, "mask_decoder.mask_embedder.layers.2", 1.0, run)
    tiny.spread(network, "dot_product_scoring.query_proj", 1.5, run)
    with torch.no_grad():
        presence = network.detr_decoder.presence_head.layer3
        presence.weight.mul_(0.1)
        presence.bias.fill_(2.0)
    whole.save_pretrained(place)
    return place


def ask(folder: Path, photo: Any, words: str, threshold: float) -> list[tuple[float, Any]]:
    """The library's scores and masks (H, W), surest first."""
    network = transformers.Sam3Model.from_pretrained(folder).eval()
    processor = transformers.Sam3Processor.from_pretrained(folder)
    with torch.inference_mode():
        output = network(**prepare(folder, photo, words))
    (found,) = processor.post_process_instance_segmentation(
        output, threshold=threshold, target_sizes=[photo.shape[:2]]
    )
    rows = zip(found["scores"].tolist(), found["masks"].bool().numpy(), strict=True)
    return sorted((row for row in rows if row[1].any()), key=lambda row: -row[0])


def load(folder: Path, **controls: Any) -> ConceptWords:
    return ConceptWords(find_folder(str(folder), "test"), sm.Settings(**controls), "cpu")


def find(folder: Path, plate: Any, **controls: Any) -> list[Instance]:
    return load(folder, **controls).segment(plate, SilentProgress())


@pytest.mark.parametrize("words", WORDS)
def test_it_finds_what_transformers_finds(folder: Path, picture: Any, plate_of: Any, words: str) -> None:
    expected = ask(folder, picture, words, 0.1)
    assert len(expected) > 1, "an empty answer would prove nothing"
    assert 0.01 < np.mean([mask.mean() for _, mask in expected]) < 0.99
    found = find(folder, plate_of(picture), find=[words], confidence=0.1)
    assert {one.label for one in found} == {words}
    assert [one.score for one in found] == pytest.approx([score for score, _ in expected], abs=1e-4)
    for one, (_, mask) in zip(found, expected, strict=True):
        assert np.mean(one.mask != mask) < 1e-3


def test_words_and_colours_matter(folder: Path, picture: Any) -> None:
    """What makes the first test one of words and of the order of colours: the library itself answers
    otherwise."""
    answers = [
        [score for score, _ in ask(folder, photo, words, 0.0)]
        for photo, words in ((picture, WORDS[0]), (picture, WORDS[1]), (picture[..., ::-1].copy(), WORDS[0]))
    ]
    for other in answers[1:]:
        count = min(len(other), len(answers[0]))
        assert answers[0][:count] != pytest.approx(other[:count], abs=1e-3)


def test_each_word_finds_its_own(folder: Path, picture: Any, plate_of: Any) -> None:
    both = find(folder, plate_of(picture), find=WORDS, confidence=0.3)
    for words in WORDS:
        alone = find(folder, plate_of(picture), find=[words], confidence=0.3)
        assert [one.score for one in both if one.label == words] == [one.score for one in alone]
    assert [one.score for one in both] == sorted((one.score for one in both), reverse=True)


def test_thresholds_by_words(folder: Path, picture: Any, plate_of: Any) -> None:
    everything = find(folder, plate_of(picture), find=WORDS, confidence=0.3)
    strict = find(folder, plate_of(picture), find=WORDS, confidence=0.3, label_confidence=["dog=1.0"])
    assert "dog" in {one.label for one in everything}
    assert [one.score for one in strict] == [one.score for one in everything if one.label != "dog"]


def test_the_surest_are_kept_with_a_notice(folder: Path, picture: Any, plate_of: Any) -> None:
    progress = SilentProgress()
    everything = find(folder, plate_of(picture), find=WORDS, confidence=0.1)
    few = load(folder, find=WORDS, confidence=0.1, max_instances=2).segment(plate_of(picture), progress)
    assert [one.score for one in few] == [one.score for one in everything[:2]]
    assert "'max_instances' (2)" in progress.notices[0]


def test_as_a_user_types_it(folder: Path, picture: Any) -> None:
    settings = sm.Settings(
        segmenter=f"transformers:{folder}",
        find=["red umbrella:largest"],
        confidence=0.1,
        smallest=0.0,
        device="cpu",
    )
    (found,) = sm.segment(picture, settings)
    assert found.label == "red umbrella"
    assert found.slot == "sm_red_umbrella_01"
    masks = [mask for _, mask in ask(folder, picture, "red umbrella", 0.1)]
    assert found.area == pytest.approx(max(mask.sum() for mask in masks), rel=1e-3)


@pytest.mark.parametrize("wishes", [[], [":largest"]])
def test_without_words_it_says_what_to_type(folder: Path, wishes: list[str]) -> None:
    with pytest.raises(SettingsError, match='there are none: say what to find, as in --find "red umbrella"'):
        load(folder, find=wishes)


def test_words_that_are_too_long(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"'a{40}' is too long for SAM 3, which reads 32 word parts"):
        load(folder, find=["a" * 40])


def test_what_the_port_asks_for(folder: Path) -> None:
    segmenter = load(folder, find=WORDS)
    assert (segmenter.name, segmenter.device, segmenter.labels) == ("transformers", "cpu", ())
    (model,) = segmenter.models
    assert model["name"] == f"{folder.name}/model.safetensors"
    assert not hints_go_to(sm.Settings(segmenter=f"transformers:{folder}"))


def test_nothing_is_printed(
    folder: Path, picture: Any, plate_of: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    find(folder, plate_of(picture), find=WORDS)
    assert capfd.readouterr() == ("", "")


def test_words_without_a_tokenizer_are_refused(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "half")
    for file in ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"):
        (place / file).unlink(missing_ok=True)
    with pytest.raises(WeightsError, match=r"its tokenizer .* is missing"):
        create_segmenter(sm.Settings(segmenter=f"transformers:{place}", find=WORDS), "cpu")


def test_other_words_without_loading_again(folder: Path, picture: Any, plate_of: Any, warm: Any) -> None:
    table = [
        {"confidence": 0.1, "find": [WORDS[0]]},
        {"confidence": 0.1, "find": WORDS},
        {"confidence": 0.3, "find": [WORDS[1], WORDS[0]], "label_confidence": ["dog=1.0"]},
        {"confidence": 0.1, "find": WORDS, "max_instances": 2},
    ]

    def make(settings: sm.Settings) -> ConceptWords:
        return ConceptWords(find_folder(str(folder), "test"), settings, "cpu")

    warm.check(make, [plate_of(picture)], table, lambda segmenter: segmenter._network)
    loaded = load(folder, find=WORDS)
    with pytest.raises(SettingsError, match="there are none: say what to find"):
        loaded.with_settings(sm.Settings())
    with pytest.raises(SettingsError, match="too long for SAM 3"):
        loaded.with_settings(sm.Settings(find=["a" * 40]))
