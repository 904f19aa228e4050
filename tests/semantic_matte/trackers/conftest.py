"""Tiny random video models, as their library saves them, and a shot of a square that moves over a photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semantic_matte.colour import decode_srgb
from semantic_matte.shot_types import ShotFrame
from semantic_matte.types import ByteArray, Instance, Plate

COLOURS = {"image_mean": [0.5, 0.3, 0.2], "image_std": [0.2, 0.3, 0.4]}
# What the tiny networks take.
SIZE = 64
# What the shot's frames have, (H, W).
FRAME = (160, 240)
SIDE = 58
# Of these random weights the masks are neither full nor empty, and presence goes up and down.
SEED = 5

MEMORY = {
    "image_size": SIZE,
    "memory_attention_hidden_size": 128,
    "memory_attention_num_layers": 1,
    "memory_attention_downsample_rate": 1,
    "memory_attention_feed_forward_hidden_size": 32,
    "memory_encoder_hidden_size": 128,
    "memory_encoder_output_channels": 64,
    "mask_downsampler_embed_dim": 128,
    "memory_fuser_embed_dim": 128,
    "memory_fuser_intermediate_dim": 32,
}
MASKS = {"hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32}


@dataclass
class Shot:
    """Frames of a square that moves to the right over a photo. asked: numbers of the frames of which the
    segmenter was asked. hinted: an artist's objects by frame number."""

    photo: ByteArray
    other: ByteArray
    length: int
    first: int = 1001
    step: int = 1
    finds: dict[int, list[Instance]] = field(default_factory=dict)
    hinted: dict[int, list[Instance]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    # Places of frames that show another scene.
    elsewhere: range = range(0)

    def corner(self, place: int) -> tuple[int, int]:
        """Where the square lies in a frame, x and y."""
        return 10 + 4 * place % (FRAME[1] - SIDE - 20), 48

    def square(self, place: int, label: str = "box", score: float = 0.8) -> Instance:
        """The square's true mask."""
        mask = np.zeros(FRAME, dtype=np.bool_)
        x, y = self.corner(place)
        mask[y : y + SIDE, x : x + SIDE] = True
        return Instance.from_mask(mask, label, score)

    def picture(self, place: int) -> ByteArray:
        """(160, 240, 3) uint8."""
        is_cut = place in self.elsewhere
        picture = (self.other if is_cut else self.photo).copy()
        x, y = self.corner(place)
        picture[y : y + SIDE, x : x + SIDE] = (30, 60, 160) if is_cut else (230, 220, 40)
        return picture

    def plate(self, place: int) -> Plate:
        """Scene-linear."""
        return Plate(decode_srgb(self.picture(place).astype(np.float32) / 255))

    def number(self, place: int) -> int:
        """A frame's number."""
        return self.first + self.step * place

    def __iter__(self) -> Iterator[ShotFrame]:
        for place in range(self.length):
            yield self.frame(place)

    def frame(self, place: int) -> ShotFrame:
        """As a tracker is given it."""
        number = self.number(place)

        def find() -> Sequence[Instance]:
            self.asked.append(number)
            return self.finds.get(number, [self.square(place)])

        return ShotFrame(number, self.plate(place), find, tuple(self.hinted.get(number, ())))


def believe(network: Any) -> None:
    """What a random network says of an object's presence, moved so that most objects are there."""
    import torch

    with torch.no_grad():
        last = network.mask_decoder.pred_obj_score_head.proj_out
        last.weight.mul_(0.5)
        last.bias.fill_(1.0)


@pytest.fixture(scope="session")
def shot_of(photos: Path) -> Callable[..., Shot]:
    """Makes a shot: shot_of(length=20, ...)."""
    pictures = []
    for name in ("chelsea", "coffee"):
        photo = cv2.imread(str(photos / f"{name}.png"))[..., ::-1]
        small = np.minimum(cv2.resize(photo, FRAME[::-1], interpolation=cv2.INTER_AREA), 200)
        pictures.append(np.ascontiguousarray(small, dtype=np.uint8))

    def make(length: int, **more: Any) -> Shot:
        return Shot(pictures[0], pictures[1], length, **more)

    return make


@pytest.fixture(scope="session")
def sam2_folder(tmp_path_factory: pytest.TempPathFactory, tiny: Any, shot_of: Callable[..., Shot]) -> Path:
    """The folder of a tiny random SAM 2 for films, as `save_pretrained` writes it."""
    transformers = pytest.importorskip("transformers")
    import torch
    from PIL import Image

    place: Path = tmp_path_factory.mktemp("trackers") / "sam2_video"
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
        fpn_hidden_size=128,
    )
    config = transformers.Sam2VideoConfig(
        vision_config=seen,
        prompt_encoder_config={"hidden_size": 128, "image_size": SIZE, "patch_size": 16},
        mask_decoder_config=MASKS,
        memory_attention_rope_feat_sizes=[4, 4],
        **MEMORY,
    )
    torch.manual_seed(SEED)
    network = transformers.Sam2VideoModel(config).eval()
    tiny.shake(network)
    believe(network)
    processor = transformers.Sam2VideoProcessor(
        transformers.Sam2ImageProcessor(size={"height": SIZE, "width": SIZE}, **COLOURS),
        transformers.Sam2VideoVideoProcessor(size={"height": SIZE, "width": SIZE}, **COLOURS),
    )
    processor.save_pretrained(place)
    picture = Image.fromarray(shot_of(1).picture(0))

    def run() -> None:
        session = processor.init_video_session()
        pixels = processor(images=picture, return_tensors="pt")["pixel_values"]
        processor.add_inputs_to_inference_session(
            session, 0, 1, input_boxes=[[[10, 48, 68, 106]]], original_size=FRAME
        )
        with torch.inference_mode():
            network(inference_session=session, frame=pixels, frame_idx=0)

    for layer in ("conv_s0", "upscale_conv2"):
        tiny.spread(network, f"mask_decoder.{layer}", 2.0, run)
    network.save_pretrained(place)
    return place


@pytest.fixture(scope="session")
def sam3_folder(tmp_path_factory: pytest.TempPathFactory, tiny: Any, shot_of: Callable[..., Shot]) -> Path:
    """The folder of a tiny random SAM 3 for films."""
    transformers = pytest.importorskip("transformers")
    import torch
    from PIL import Image

    place: Path = tmp_path_factory.mktemp("trackers") / "sam3_video"
    place.mkdir()
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
    seen = {
        "backbone_config": backbone,
        "fpn_hidden_size": 128,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    }
    layers = {"hidden_size": 128, "num_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    detector = transformers.Sam3Config(
        vision_config=transformers.Sam3VisionConfig(**seen),
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
            hidden_size=128, num_upsampling_stages=3, num_attention_heads=2
        ),
    )
    tracker = transformers.Sam3TrackerVideoConfig(
        vision_config=transformers.Sam3VisionConfig(**seen),
        prompt_encoder_config={"hidden_size": 128, "image_size": SIZE, "patch_size": 8},
        mask_decoder_config=MASKS,
        memory_attention_rope_feat_sizes=[8, 8],
        **MEMORY,
    )
    torch.manual_seed(SEED)
    network = transformers.Sam3VideoModel(
        transformers.Sam3VideoConfig(detector_config=detector, tracker_config=tracker, low_res_mask_size=32)
    ).eval()
    tiny.shake(network)
    believe(network.tracker_model)
    tiny.write_tokenizer(place)
    images = transformers.Sam3ImageProcessor(size={"height": SIZE, "width": SIZE}, **COLOURS)
    videos = transformers.Sam2VideoVideoProcessor(size={"height": SIZE, "width": SIZE}, **COLOURS)
    words = transformers.AutoTokenizer.from_pretrained(place)
    transformers.Sam3VideoProcessor(images, videos, words).save_pretrained(place)
    single = network.detector_model
    prepare = transformers.Sam3Processor(images, words)
    picture = Image.fromarray(shot_of(1).picture(0))

    def run() -> None:
        given = prepare(images=picture, text="box", return_tensors="pt")
        with torch.inference_mode():
            single(**{key: given[key] for key in ("pixel_values", "input_ids", "attention_mask")})

    tiny.spread(single, "mask_decoder.instance_projection", 1.0, run)
    tiny.spread(single, "mask_decoder.mask_embedder.layers.2", 1.0, run)
    tiny.spread(single, "dot_product_scoring.query_proj", 1.5, run)
    with torch.no_grad():
        presence = single.detr_decoder.presence_head.layer3
        presence.weight.mul_(0.1)
        presence.bias.fill_(2.0)
    network.save_pretrained(place)
    return place
