"""Instance heads of transformers: tiny random networks of each family, against the library itself on the same
bytes.

Each is asked twice: by our segmenter, from its folder, and by the library's own processor, network and
`post_process_instance_segmentation`. The library cuts masks at another size, so the masks that ours have to be
are its network's maps, enlarged by torch.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

import semantic_matte as sm
from semantic_matte.errors import (
    MissingPackageError,
    UnknownNameError,
    UsageError,
    ValueShapeError,
    WeightsError,
)
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters import create_segmenter
from semantic_matte.segmenters.transformers_heads import HEADS, Head, InstanceHeads
from semantic_matte.transformers_folders import find_folder
from semantic_matte.types import Instance

transformers = pytest.importorskip(
    "transformers", reason="transformers is missing: pip install 'semantic-matte[transformers]'"
)

NAMES = {0: "cup", 1: "lime", 2: "sky", 3: "cherry", 4: "fog", 5: "mud"}
LABELS: dict[str, Any] = {"id2label": NAMES, "label2id": {name: number for number, name in NAMES.items()}}
QUERIES = 12


def swin() -> Any:
    return transformers.SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def resnet() -> Any:
    return transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def detr_config(size: int, heads: int) -> Any:
    return transformers.DetrConfig(
        use_timm_backbone=False,
        backbone_config=resnet(),
        d_model=size,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        num_queries=QUERIES,
        **LABELS,
    )


def mask2former() -> Any:
    config = transformers.Mask2FormerConfig(
        backbone_config=swin(),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=32,
        num_queries=QUERIES,
        **LABELS,
    )
    return transformers.Mask2FormerForUniversalSegmentation(config)


def maskformer() -> Any:
    config = transformers.MaskFormerConfig(
        backbone_config=swin(),
        fpn_feature_size=32,
        mask_feature_size=32,
        decoder_config=detr_config(32, 2),
        **LABELS,
    )
    return transformers.MaskFormerForInstanceSegmentation(config)


def oneformer() -> Any:
    config = transformers.OneFormerConfig(
        backbone_config=swin(),
        num_queries=QUERIES,
        hidden_dim=32,
        conv_dim=32,
        mask_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        query_dec_layers=1,
        num_attention_heads=2,
        task_seq_len=24,
        max_seq_len=24,
        text_encoder_width=16,
        text_encoder_num_layers=1,
        text_encoder_context_length=24,
        text_encoder_vocab_size=64,
        text_encoder_n_ctx=4,
        text_encoder_proj_layers=1,
        is_training=False,
        **LABELS,
    )
    return transformers.OneFormerForUniversalSegmentation(config)


def eomt() -> Any:
    config = transformers.EomtConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=64,
        patch_size=8,
        num_queries=QUERIES,
        num_blocks=1,
        # Maps of the input's own size: the library enlarges them twice, which then is once.
        num_upscale_blocks=3,
        num_register_tokens=1,
        **LABELS,
    )
    return transformers.EomtForUniversalSegmentation(config)


def detr() -> Any:
    return transformers.DetrForSegmentation(detr_config(64, 8))


def rf_detr() -> Any:
    backbone = transformers.RfDetrDinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=64,
        patch_size=8,
        num_windows=2,
        out_features=["stage1", "stage2"],
    )
    config = transformers.RfDetrConfig(
        backbone_config=backbone,
        d_model=32,
        decoder_ffn_dim=32,
        decoder_layers=2,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2,
        num_queries=QUERIES,
        group_detr=2,
        intermediate_size=32,
        c2f_num_blocks=1,
        **LABELS,
    )
    return transformers.RfDetrForInstanceSegmentation(config)


# mean and std far from each other's: exchanged colours are other numbers.
COLOURS = {"image_mean": [0.5, 0.3, 0.2], "image_std": [0.2, 0.3, 0.4]}
# Each family: what makes its network, its image processor and that one's settings, and its last layers: of maps
# (or of what they are made of) and of classes.
EDGES = {"size": {"shortest_edge": 64, "longest_edge": 96}}
PIXELS = "model.pixel_level_module.decoder.mask_projection"
FAMILIES: dict[str, tuple[Callable[[], Any], str, dict[str, Any], tuple[str, str]]] = {
    "mask2former": (mask2former, "Mask2FormerImageProcessor", EDGES, (PIXELS, "class_predictor")),
    "maskformer": (maskformer, "MaskFormerImageProcessor", EDGES, (PIXELS, "class_predictor")),
    "oneformer": (
        oneformer,
        "OneFormerImageProcessor",
        EDGES,
        (PIXELS, "model.transformer_module.decoder.class_embed"),
    ),
    "eomt": (
        eomt,
        "EomtImageProcessor",
        {"size": {"shortest_edge": 64, "longest_edge": 64}, "do_pad": True},
        ("mask_head.fc3", "class_predictor"),
    ),
    "detr": (
        detr,
        "DetrImageProcessor",
        EDGES,
        ("mask_head.output_conv", "detr.class_labels_classifier"),
    ),
    "rf_detr": (
        rf_detr,
        "RfDetrImageProcessor",
        {"size": {"height": 64, "width": 64}},
        ("query_features_proj", "model.class_embed"),
    ),
}


def library_class(name: str) -> Any:
    if not hasattr(transformers, name):
        pytest.skip(f"transformers {transformers.__version__} has no {name}")
    return getattr(transformers, name)


def build(name: str, folder: Path, photo: Any, tiny: Any) -> Path:
    """The folder of a tiny random network of a family that finds several things in the photo."""
    make, processor, values, (maps, classes) = FAMILIES[name]
    processor_class = library_class(processor)
    library_class(HEADS[name].network)
    if name in ("oneformer", "detr") and int(transformers.__version__.partition(".")[0]) < 5:
        pytest.skip(f"{name} is read and written in another way by transformers {transformers.__version__}")
    torch.manual_seed(3)
    network = make().eval()
    tiny.shake(network)
    folder.mkdir(parents=True)
    processor_class(**values, **COLOURS).save_pretrained(folder)
    if name == "oneformer":
        tiny.write_tokenizer(folder)

    def run() -> Any:
        with torch.inference_mode():
            return network(**prepare(folder, photo))

    tiny.spread(network, maps, 1.0, run)
    tiny.spread(network, classes, 4.0, run)
    network.save_pretrained(folder)
    return folder


def prepare(folder: Path, photo: Any) -> dict[str, Any]:
    """What the library's own processor makes of a photo (H, W, 3) uint8."""
    picture = Image.fromarray(photo)
    images = transformers.AutoImageProcessor.from_pretrained(folder)
    if folder.name == "oneformer":
        words = transformers.AutoTokenizer.from_pretrained(folder)
        processor = transformers.OneFormerProcessor(images, words, task_seq_length=24)
        return dict(processor(images=[picture], task_inputs=["instance"], return_tensors="pt"))
    encoding = dict(images(images=picture, return_tensors="pt"))
    encoding.pop("patch_offsets", None)
    return encoding


@dataclass(frozen=True)
class Answer:
    """The library's: (score, label, map enlarged to the photo) of each query, and what it makes of them
    itself."""

    queries: list[tuple[float, str, Any]]
    segments: list[tuple[float, str]]


def ask(folder: Path, photo: Any, threshold: float) -> Answer:
    """The library's own network on the library's own preparation of a photo."""
    head, size = HEADS[folder.name], photo.shape[:2]
    network = getattr(transformers, head.network).from_pretrained(folder).eval()
    images = transformers.AutoImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        output = network(**prepare(folder, photo))
    sized = {"target_sizes": [size], "threshold": threshold}
    if folder.name == "oneformer":
        images.class_info_file = "for training"
    if folder.name == "rf_detr":
        sized["return_binary_maps"] = True
    segments = images.post_process_instance_segmentation(output, **sized)[0]["segments_info"]
    classes, maps = getattr(output, head.classes)[0], getattr(output, head.masks)
    chances = classes.sigmoid() if folder.name == "rf_detr" else classes.softmax(-1)[:, :-1]
    scores, numbers = chances.max(-1)
    if folder.name == "eomt":
        squares = torch.nn.functional.interpolate(maps, size=(64, 64), mode="bilinear")
        enlarged = images.unpad_image(squares, [size], images.size)[0]
        # The picture without its padding.
        rows, columns = (int(64 * side / max(size)) for side in size)
        maps = maps[..., :rows, :columns]
    else:
        enlarged = torch.nn.functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)[0]
    if folder.name in ("mask2former", "maskformer", "eomt"):
        scores = scores * torch.stack([one[one > 0].sigmoid().mean().nan_to_num() for one in maps[0]])
    queries = [
        (float(score), NAMES[int(number)], one.numpy() > 0)
        for score, number, one in zip(scores, numbers, enlarged, strict=True)
        if score >= threshold
    ]
    queries.sort(key=lambda query: -query[0])
    return Answer(queries, [(row["score"], NAMES[row["label_id"]]) for row in segments])


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, picture: Any, tiny: Any
) -> Path:
    """The folder of a tiny random network; its name is the family's."""
    return build(request.param, tmp_path_factory.mktemp("heads") / request.param, picture, tiny)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, picture: Any, tiny: Any) -> Path:
    """One of them, for what does not hang on the family."""
    return build("maskformer", tmp_path_factory.mktemp("heads") / "maskformer", picture, tiny)


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "maskformer"))


def change(path: Path, **values: Any) -> None:
    given = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(given | values), encoding="utf-8")


def load(folder: Path, **controls: Any) -> InstanceHeads:
    return InstanceHeads(find_folder(str(folder), "test"), sm.Settings(**controls), "cpu")


def differing(one: Any, other: Any) -> float:
    return float(np.mean(one != other))


def test_it_finds_what_transformers_finds(family: Path, picture: Any, plate_of: Any) -> None:
    expected = ask(family, picture, 0.5)
    found = load(family, confidence=0.5).segment(plate_of(picture), SilentProgress())
    visible = [query for query in expected.queries if query[2].any()]
    assert len(visible) > 2, "an empty answer would prove nothing"
    assert len({label for _, label, _ in visible}) > 1
    assert len({int(mask.sum()) for _, _, mask in visible}) > 1
    assert [one.label for one in found] == [label for _, label, _ in visible]
    assert [one.score for one in found] == pytest.approx([score for score, _, _ in visible], abs=1e-4)
    for one, (_, _, mask) in zip(found, visible, strict=True):
        assert differing(one.mask, mask) < 1e-3
    assert 0.01 < np.mean([mask.mean() for _, _, mask in visible]) < 0.99


def test_scores_and_labels_are_those_of_its_own_post_processing(
    family: Path, picture: Any, plate_of: Any
) -> None:
    """It takes mask certainty at another size; in OneFormer and DETR objects push each other out, and in
    RF-DETR a query may have several names."""
    # EoMT's certainty is that of the enlarged map: here it is not enlarged.
    photo = np.ascontiguousarray(picture[40:104, 80:144]) if family.name == "eomt" else picture
    segments = ask(family, photo, 0.5).segments
    found = load(family, confidence=0.4).segment(plate_of(photo), SilentProgress())
    known = [(one.score, one.label) for one in found]
    assert segments
    # It lists no more rows than there are queries.
    least = min(score for score, _ in segments) if len(segments) == QUERIES else 0.5
    if family.name != "rf_detr":
        assert [row for row in segments if not among(row, known)] == []
    if family.name not in ("oneformer", "detr"):
        assert [row for row in known if row[0] > least + 0.08 and not among(row, segments)] == []


def among(row: tuple[float, str], rows: list[tuple[float, str]]) -> bool:
    return any(label == row[1] and abs(score - row[0]) < 0.08 for score, label in rows)


def test_exchanged_colours_would_be_seen(family: Path, picture: Any) -> None:
    """What makes the first test one of the order of colours: the library itself answers otherwise."""
    right, wrong = (ask(family, photo, 0.0).queries for photo in (picture, picture[..., ::-1].copy()))
    scores = [[score for score, _, _ in queries] for queries in (right, wrong)]
    apart = [differing(one[2], other[2]) for one, other in zip(right, wrong, strict=True)]
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)
    assert max(apart) > 0.01


@pytest.mark.parametrize("size", [(40, 170), (170, 40), (64, 64), (7, 5)], ids=str)
def test_masks_lie_where_they_belong_at_every_proportion(
    family: Path, picture: Any, plate_of: Any, size: tuple[int, int]
) -> None:
    """Long pictures are padded by some processors, squeezed by others."""
    photo = np.ascontiguousarray(np.tile(picture, (2, 1, 1))[: size[0], : size[1]])
    expected = [query for query in ask(family, photo, 0.2).queries if query[2].any()]
    found = load(family, confidence=0.2).segment(plate_of(photo), SilentProgress())
    assert [one.label for one in found] == [label for _, label, _ in expected]
    for one, (_, _, mask) in zip(found, expected, strict=True):
        assert one.frame_size == size
        assert np.count_nonzero(one.mask != mask) <= max(2, 1e-3 * mask.size)


def test_what_the_port_asks_for(family: Path) -> None:
    segmenter = load(family)
    assert (segmenter.name, segmenter.device) == ("transformers", "cpu")
    assert segmenter.labels == tuple(NAMES.values())
    (model,) = segmenter.models
    assert model["name"] == f"{family.name}/model.safetensors"
    assert model["licence"] == "unknown (brought by the user)"
    assert len(model["sha256"]) == 64


def test_nothing_is_printed(
    family: Path, picture: Any, plate_of: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    load(family).segment(plate_of(picture), SilentProgress())
    assert capfd.readouterr() == ("", "")


def test_names_and_thresholds(pristine: Path, picture: Any, plate_of: Any) -> None:
    def find(**controls: Any) -> list[Instance]:
        return load(pristine, **controls).segment(plate_of(picture), SilentProgress())

    everything = find(confidence=0.1)
    one, other = sorted({found.label for found in everything})[:2]
    assert {found.label for found in find(confidence=0.1, find=[one])} == {one}
    middle = sorted(found.score for found in everything)[len(everything) // 2]
    assert [found.score for found in find(confidence=middle)] == [
        found.score for found in everything if found.score >= middle
    ]
    mixed = find(confidence=0.1, label_confidence=[f"{other}=1.0"])
    assert [found.score for found in mixed] == [found.score for found in everything if found.label != other]
    with pytest.raises(UnknownNameError, match="Did you mean 'cherry'"):
        find(find=["chery"])


def test_the_surest_are_kept_with_a_notice(pristine: Path, picture: Any, plate_of: Any) -> None:
    progress = SilentProgress()
    everything = load(pristine, confidence=0.1).segment(plate_of(picture), SilentProgress())
    few = load(pristine, confidence=0.1, max_instances=2).segment(plate_of(picture), progress)
    assert [one.score for one in few] == [one.score for one in everything[:2]]
    (notice,) = progress.notices
    assert "'max_instances' (2)" in notice


def test_end_to_end(family: Path, picture: Any) -> None:
    """Named as a user names it, on the picture itself."""
    expected = [query for query in ask(family, picture, 0.5).queries if query[2].any()]
    settings = sm.Settings(segmenter=f"transformers:{family}", device="cpu", confidence=0.5, smallest=0.0)
    assert [one.label for one in sm.segment(picture, settings)] == [label for _, label, _ in expected]


def test_oneformers_list_of_classes_is_not_fetched(
    tmp_path: Path, picture: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public OneFormers name a repository with their classes, which the library's processor fetches."""
    folder = build("oneformer", tmp_path / "oneformer", picture, tiny)
    change(folder / "preprocessor_config.json", class_info_file="coco_panoptic.json", repo_path="some/where")
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: asked.append(given))
    assert load(folder).labels == tuple(NAMES.values())
    assert asked == []
    for file in ("vocab.json", "tokenizer.json"):
        (folder / file).unlink(missing_ok=True)
    refuse(folder, r"its tokenizer .* is missing")


def test_a_pretrained_backbone_is_not_fetched(
    tmp_path: Path, picture: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public DETRs say so; their own weights hold the backbone's."""
    folder = build("detr", tmp_path / "detr", picture, tiny)
    change(folder / "config.json", use_pretrained_backbone=True, backbone="resnet50")
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: asked.append(given))
    load(folder)
    assert asked == []


def in_cache(pristine: Path, cache: Path) -> None:
    """The model as the hub's own tool puts it there."""
    (cache / "models--owner--tiny" / "refs").mkdir(parents=True)
    (cache / "models--owner--tiny" / "refs" / "main").write_text("0" * 40)
    shutil.copytree(pristine, cache / "models--owner--tiny" / "snapshots" / ("0" * 40))


def test_a_name_in_the_hubs_cache(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    in_cache(pristine, tmp_path / "cache")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    segmenter = create_segmenter(sm.Settings(segmenter="transformers:owner/tiny"), "cpu")
    assert segmenter.models[0]["name"] == "owner/tiny/model.safetensors"


def test_a_name_that_is_nowhere_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: asked.append(given))
    for name in ("owner/tiny", "tiny"):
        with pytest.raises(WeightsError, match=f"'{name}' is no folder.* Get it by: hf download {name}$"):
            create_segmenter(sm.Settings(segmenter=f"transformers:{name}"), "cpu")
    with pytest.raises(WeightsError, match="expected a folder with a model, or a name on the hub"):
        create_segmenter(sm.Settings(segmenter=f"transformers:{tmp_path / 'none'}"), "cpu")
    with pytest.raises(UsageError, match="transformers:path/to/folder"):
        create_segmenter(sm.Settings(segmenter="transformers:"), "cpu")
    assert asked == []


def refuse(folder: Path, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        create_segmenter(sm.Settings(segmenter=f"transformers:{folder}"), "cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_refused(folder: Path, file: str) -> None:
    (folder / file).unlink()
    refuse(folder, "maskformer")


def test_a_pickle_is_not_opened(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    refuse(folder, "can't be read as a maskformer model")


def test_damaged_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not weights at all")
    refuse(folder, "can't be read as a maskformer model")


def test_weights_that_are_not_all_there_are_refused(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    del weights["class_predictor.bias"]
    safetensors.torch.save_file(weights, folder / "model.safetensors", {"format": "pt"})
    refuse(folder, "'class_predictor.bias' is not there")


def test_another_kind_of_model_is_refused(folder: Path) -> None:
    change(folder / "config.json", model_type="bert")
    refuse(folder, "is a model of type 'bert'. Known: .*mask2former.*sam2")


def test_code_of_the_folder_is_not_run(folder: Path) -> None:
    """Not even asked for: a config may name a Python file beside it."""
    (folder / "theirs.py").write_text("raise SystemExit('it was run')")
    change(folder / "config.json", auto_map={"AutoConfig": "theirs.Config"})
    assert load(folder).labels == tuple(NAMES.values())


def test_a_finder_is_not_needed(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"finds objects by itself: leave out '\+starter'"):
        create_segmenter(sm.Settings(segmenter=f"transformers:{folder}+starter"), "cpu")


def test_a_class_without_a_name_is_refused(folder: Path, picture: Any, plate_of: Any) -> None:
    segmenter = load(folder, confidence=0.0)
    segmenter._names = {}
    with pytest.raises(ValueShapeError, match="which its config does not name"):
        segmenter.segment(plate_of(picture), SilentProgress())


def test_without_transformers_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'semantic-matte\[transformers\]'"):
        load(folder)


def test_a_transformers_without_the_family_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HEADS, "maskformer", Head("OfTheDayAfterTomorrow"))
    with pytest.raises(MissingPackageError, match=r"needs a newer transformers.* has no OfTheDayAfterTomorrow"):
        load(folder)


def test_other_controls_without_loading_again(pristine: Path, picture: Any, plate_of: Any, warm: Any) -> None:
    found = load(pristine, confidence=0.1).segment(plate_of(picture), SilentProgress())
    table = [
        {"confidence": 0.1},
        {"confidence": 0.1, "find": [found[-1].label]},
        {"confidence": found[len(found) // 2].score, "label_confidence": [f"{found[0].label}=1.0"]},
        {"confidence": 0.1, "max_instances": 2},
    ]

    def make(settings: sm.Settings) -> InstanceHeads:
        return InstanceHeads(find_folder(str(pristine), "test"), settings, "cpu")

    warm.check(make, [plate_of(picture)], table, lambda segmenter: segmenter._network)
    with pytest.raises(UnknownNameError, match="Did you mean 'cherry'"):
        load(pristine).with_settings(sm.Settings(find=["chery"]))
