"""NanoDet in PyTorch against the TensorFlow.js original.

The reference was recorded by ``weights/training/reference_outputs.py``.
"""

import ast
import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from semantic_matte.networks import nanodet
from semantic_matte.networks.nanodet import NanoDet

REPOSITORY = Path(__file__).parents[3]
WEIGHTS = REPOSITORY / "weights" / "nanodet.safetensors"
REFERENCES = REPOSITORY / "tests" / "data" / "networks"
PHOTOS = REPOSITORY / "tests" / "data" / "photos"

# Measured on x86-64: scores 7e-7, logits (range -6 to 8) 1.2e-5, boxes 3e-4 pixels.
TOLERANCE = 1e-4
BOX_TOLERANCE = 5e-3

PERSON, CAT, CUP = 0, 15, 41

Reference = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def network() -> NanoDet:
    network = NanoDet().eval()
    network.load_state_dict(load_file(WEIGHTS))
    return network


def read_reference(photo: str) -> Reference:
    with np.load(REFERENCES / f"nanodet_{photo}.npz") as archive:
        return dict(archive)


def read_crop(photo: str, crop: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (416, 416, 3) BGR: the photo's crop with black below and at the right."""
    top, left, height, width = crop
    image = cv2.imread(str(PHOTOS / f"{photo}.png"), cv2.IMREAD_COLOR)
    assert image is not None
    canvas = np.zeros((nanodet.INPUT_SIZE, nanodet.INPUT_SIZE, 3), np.uint8)
    canvas[:height, :width] = image[top : top + height, left : left + width]
    return canvas


def normalise(bgr: NDArray[np.uint8]) -> Tensor:
    """Return (1, 3, H, W)."""
    normalised = (torch.from_numpy(bgr).float() - torch.tensor(nanodet.MEAN)) / torch.tensor(nanodet.STD)
    return normalised.permute(2, 0, 1)[None].contiguous()


@torch.inference_mode()
def largest_difference(network: NanoDet, images: Tensor, reference: Reference) -> float:
    """Return the largest absolute difference from the original in any recorded output."""
    scores, logits = (output[0].numpy() for output in network.raw_outputs(images))
    confident = reference["confident_anchors"].astype(int)
    pairs = (
        (scores.ravel()[:: int(reference["score_step"])], reference["score_sample"]),
        (logits.ravel()[:: int(reference["logit_step"])], reference["logit_sample"]),
        (scores[confident], reference["confident_scores"]),
        (logits[confident], reference["confident_logits"]),
    )
    return max(float(np.abs(actual - expected).max()) for actual, expected in pairs)


def intersection_over_union(first: Tensor, second: Tensor) -> float:
    corner = torch.minimum(first[2:], second[2:]) - torch.maximum(first[:2], second[:2])
    overlap = corner.clamp(min=0).prod()
    area = (first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod()
    return float(overlap / (area - overlap))


@pytest.mark.parametrize("photo", ["astronaut", "chelsea", "coffee"])
def test_outputs_equal_the_originals(network: NanoDet, photo: str) -> None:
    reference = read_reference(photo)
    images = normalise(read_crop(photo, reference["crop"]))
    assert largest_difference(network, images, reference) < TOLERANCE


@pytest.mark.parametrize("photo", ["astronaut", "chelsea", "coffee"])
def test_statistics_of_all_outputs_equal_the_originals(network: NanoDet, photo: str) -> None:
    reference = read_reference(photo)
    with torch.inference_mode():
        outputs = network.raw_outputs(normalise(read_crop(photo, reference["crop"])))
    for output, name in zip(outputs, ("score_summary", "logit_summary"), strict=True):
        wide = output.double().numpy()
        actual = [wide.min(), wide.max(), wide.mean(), wide.std()]
        np.testing.assert_allclose(actual, reference[name], atol=TOLERANCE)


def test_boxes_equal_a_second_computation_from_the_originals_logits(network: NanoDet) -> None:
    reference = read_reference("astronaut")
    images = normalise(read_crop("astronaut", reference["crop"]))
    with torch.inference_mode():
        boxes = network(images)[1][0].numpy()
    expected = []
    for anchor, logits in zip(reference["confident_anchors"], reference["confident_logits"], strict=True):
        stride, first = next(
            (stride, first) for stride, first in ((32, 52**2 + 26**2), (16, 52**2), (8, 0)) if anchor >= first
        )
        row, column = divmod(anchor - first, nanodet.INPUT_SIZE // stride)
        weights = np.exp(logits.reshape(4, 11).astype(np.float64))
        distances = stride * (weights / weights.sum(1, keepdims=True)) @ np.arange(11)
        x, y = (column + 0.5) * stride, (row + 0.5) * stride
        left, top, right, bottom = distances
        expected.append((x - left, y - top, x + right, y + bottom))
    actual = boxes[reference["confident_anchors"].astype(int)]
    np.testing.assert_allclose(actual, expected, atol=BOX_TOLERANCE)


@pytest.mark.parametrize(
    "parameter",
    [
        "backbone.stages.0.conv.weight",
        "backbone.stages.2.res_blocks.0.mid_conv.conv.weight",
        "backbone.stages.5.res_out_conv.conv.weight",
        "fpn.lateral_convs.2.conv.weight",
        "head.gfl_cls.0.bias",
        "head.gfl_cls.2.weight",
    ],
)
def test_comparison_fails_for_a_perturbed_weight(network: NanoDet, parameter: str) -> None:
    reference = read_reference("astronaut")
    images = normalise(read_crop("astronaut", reference["crop"]))
    perturbed = copy.deepcopy(network)
    with torch.no_grad():
        perturbed.get_parameter(parameter).mul_(1.01)
    assert largest_difference(perturbed, images, reference) > 10 * TOLERANCE


def test_comparison_fails_for_rgb_in_place_of_bgr(network: NanoDet) -> None:
    reference = read_reference("astronaut")
    bgr = read_crop("astronaut", reference["crop"])
    images = normalise(np.ascontiguousarray(bgr[..., ::-1]))
    assert largest_difference(network, images, reference) > 0.1


@pytest.mark.parametrize(
    ("photo", "expected_class"), [("astronaut", PERSON), ("chelsea", CAT), ("coffee", CUP)]
)
def test_best_score_is_the_subjects_class(network: NanoDet, photo: str, expected_class: int) -> None:
    crop = read_reference(photo)["crop"]
    with torch.inference_mode():
        scores, _ = network(normalise(read_crop(photo, crop)))
    assert int(scores[0].amax(dim=0).argmax()) == expected_class


@pytest.mark.parametrize(
    ("crop", "person"),
    # Extents of the astronaut, read off the photo by eye, in the crop's pixels.
    [((0, 48, 416, 416), (0, 13, 317, 416)), ((0, 0, 448, 512), (17, 13, 367, 448))],
)
def test_best_box_frames_the_astronaut_at_any_size(
    network: NanoDet, crop: tuple[int, int, int, int], person: tuple[int, int, int, int]
) -> None:
    top, left, height, width = crop
    photo = cv2.imread(str(PHOTOS / "astronaut.png"), cv2.IMREAD_COLOR)
    assert photo is not None
    bgr = np.ascontiguousarray(photo[top : top + height, left : left + width], np.uint8)
    with torch.inference_mode():
        scores, boxes = network(normalise(bgr))
    best = int(scores[0, :, PERSON].argmax())
    assert intersection_over_union(boxes[0, best], torch.tensor(person).float()) > 0.85


@pytest.mark.parametrize(("count", "height", "width"), [(1, 32, 32), (2, 64, 96), (1, 320, 320), (1, 224, 640)])
def test_sizes_that_are_multiples_of_32(network: NanoDet, count: int, height: int, width: int) -> None:
    images = torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        scores, boxes = network(images)
        first_scores, first_boxes = network(images[:1])
    anchors = height * width * 21 // 1024
    assert scores.shape == (count, anchors, 80)
    assert boxes.shape == (count, anchors, 4)
    assert scores.dtype == boxes.dtype == torch.float32
    assert 0 <= float(scores.min()) <= float(scores.max()) <= 1
    assert bool((boxes[..., 2:] >= boxes[..., :2]).all())
    torch.testing.assert_close(scores[:1], first_scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(boxes[:1], first_boxes, atol=1e-2, rtol=0)


@pytest.mark.parametrize("shape", [(1, 3, 416, 400), (1, 3, 48, 64), (1, 4, 64, 64), (3, 64, 64)])
def test_other_shapes_are_refused(network: NanoDet, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        network(torch.zeros(shape))


def test_anchor_centres_are_the_centres_of_cells() -> None:
    points, strides = nanodet.anchor_centres(32, 64)
    assert points[:9].tolist() == [[4.0 + 8 * column, 4.0] for column in range(8)] + [[4.0, 12.0]]
    assert points[32:].tolist() == [
        *([8.0 + 16 * column, 8.0] for column in range(4)),
        *([8.0 + 16 * column, 24.0] for column in range(4)),
        [16.0, 16.0],
        [48.0, 16.0],
    ]
    assert strides.tolist() == [8.0] * 32 + [16.0] * 8 + [32.0] * 2


def test_certain_distances_make_the_box() -> None:
    logits = torch.full((1, 21, 4, nanodet.DISTANCE_BINS), -100.0)
    for side, distance in enumerate((1, 2, 3, 10)):
        logits[..., side, distance] = 100.0
    distances = nanodet.expected_distances(logits.flatten(2), 32, 32)
    boxes = nanodet.boxes_from_distances(distances, 32, 32)
    assert distances[0, 0].tolist() == [8.0, 16.0, 24.0, 80.0]
    assert boxes[0, 0].tolist() == [4.0 - 8, 4.0 - 16, 4.0 + 24, 4.0 + 80]
    assert boxes[0, 20].tolist() == [16.0 - 32, 16.0 - 64, 16.0 + 96, 16.0 + 320]


def test_parameter_count(network: NanoDet) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == 3_786_068


def test_weights_state_their_origin_and_are_half_precision() -> None:
    with safe_open(WEIGHTS, framework="pt") as archive:
        metadata = archive.metadata()
        dtypes = {archive.get_tensor(name).dtype for name in archive.keys()}  # noqa: SIM118
    assert {"origin", "licence", "source_sha256", "source_graph_sha256"} <= set(metadata)
    assert dtypes == {torch.float16}


def test_only_torch_is_imported() -> None:
    tree = ast.parse(Path(nanodet.__file__).read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported == {"collections", "torch"}
