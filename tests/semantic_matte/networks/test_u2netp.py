"""U2-Net-p in PyTorch against the original in ONNX Runtime.

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

from semantic_matte.networks import imagenet, u2netp
from semantic_matte.networks.u2netp import U2NetP

REPOSITORY = Path(__file__).parents[3]
WEIGHTS = REPOSITORY / "weights" / "u2netp.safetensors"
REFERENCES = REPOSITORY / "tests" / "data" / "networks"
PHOTOS = REPOSITORY / "tests" / "data" / "photos"

# Measured on x86-64: fused saliency 1.6e-5, the six sides 3.2e-5.
TOLERANCE = 2e-4

Reference = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def network() -> U2NetP:
    network = U2NetP().eval()
    network.load_state_dict(load_file(WEIGHTS))
    return network


def read_reference(photo: str) -> Reference:
    with np.load(REFERENCES / f"u2netp_{photo}.npz") as archive:
        return dict(archive)


def read_crop(photo: str, crop: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (320, 320, 3) RGB: the photo's crop with black below and at the right."""
    top, left, height, width = crop
    image = cv2.imread(str(PHOTOS / f"{photo}.png"), cv2.IMREAD_COLOR)
    assert image is not None
    canvas = np.zeros((u2netp.INPUT_SIZE, u2netp.INPUT_SIZE, 3), np.uint8)
    canvas[:height, :width] = image[top : top + height, left : left + width, ::-1]
    return canvas


def normalise(rgb: NDArray[np.uint8]) -> Tensor:
    """Return (1, 3, H, W)."""
    values = torch.from_numpy(rgb).float()
    scaled = values / values.max()
    normalised = (scaled - torch.tensor(imagenet.MEAN)) / torch.tensor(imagenet.STD)
    return normalised.permute(2, 0, 1)[None].contiguous()


@torch.inference_mode()
def largest_difference(network: U2NetP, images: Tensor, reference: Reference) -> float:
    """Return the largest absolute difference from the original in any recorded output."""
    step = int(reference["saliency_step"])
    saliency = network(images)[0, 0, ::step, ::step].numpy()
    step = int(reference["side_step"])
    sides = network.side_logits(images).sigmoid()[0, :, ::step, ::step].numpy()
    return max(
        float(np.abs(saliency - reference["saliency_sample"]).max()),
        float(np.abs(sides - reference["side_sample"]).max()),
    )


@pytest.mark.parametrize("photo", ["astronaut", "chelsea", "coffee"])
def test_outputs_equal_the_originals(network: U2NetP, photo: str) -> None:
    reference = read_reference(photo)
    images = normalise(read_crop(photo, reference["crop"]))
    assert largest_difference(network, images, reference) < TOLERANCE


@pytest.mark.parametrize("photo", ["astronaut", "chelsea", "coffee"])
def test_statistics_of_all_outputs_equal_the_originals(network: U2NetP, photo: str) -> None:
    reference = read_reference(photo)
    images = normalise(read_crop(photo, reference["crop"]))
    with torch.inference_mode():
        saliency = network(images)[0].double().numpy()
        sides = network.side_logits(images)[0].sigmoid().double().numpy()
    actual = [[plane.min(), plane.max(), plane.mean(), plane.std()] for plane in (*saliency, *sides)]
    expected = np.vstack([reference["saliency_summary"], reference["side_summary"]])
    np.testing.assert_allclose(actual, expected, atol=TOLERANCE)


@pytest.mark.parametrize(
    "parameter",
    [
        "stage1.rebnconvin.conv_s1.weight",
        "stage2.rebnconv6.conv_s1.weight",
        "stage6.rebnconv4.conv_s1.weight",
        "stage4d.rebnconv2d.conv_s1.weight",
        "side5.weight",
        "outconv.weight",
    ],
)
def test_comparison_fails_for_a_perturbed_weight(network: U2NetP, parameter: str) -> None:
    reference = read_reference("chelsea")
    images = normalise(read_crop("chelsea", reference["crop"]))
    perturbed = copy.deepcopy(network)
    with torch.no_grad():
        perturbed.get_parameter(parameter).mul_(1.05)
    assert largest_difference(perturbed, images, reference) > 5 * TOLERANCE


def test_comparison_fails_for_bgr_in_place_of_rgb(network: U2NetP) -> None:
    reference = read_reference("coffee")
    rgb = read_crop("coffee", reference["crop"])
    images = normalise(np.ascontiguousarray(rgb[..., ::-1]))
    assert largest_difference(network, images, reference) > 0.01


def test_astronaut_is_salient_and_the_wall_is_not(network: U2NetP) -> None:
    crop = read_reference("astronaut")["crop"]
    with torch.inference_mode():
        saliency = network(normalise(read_crop("astronaut", crop)))[0, 0]
    assert float(saliency[60:150, 130:200].min()) > 0.95, "face"
    assert float(saliency[10:120, 250:300].max()) < 0.05, "wall"


@pytest.mark.parametrize(("count", "height", "width"), [(1, 32, 32), (2, 96, 64), (1, 101, 67), (1, 1, 5)])
def test_any_size(network: U2NetP, count: int, height: int, width: int) -> None:
    images = torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        saliency = network(images)
        first = network(images[:1])
    assert saliency.shape == (count, 1, height, width)
    assert saliency.dtype == torch.float32
    assert 0 <= float(saliency.min()) <= float(saliency.max()) <= 1
    torch.testing.assert_close(saliency[:1], first, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(1, 4, 64, 64), (3, 64, 64)])
def test_other_shapes_are_refused(network: U2NetP, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        network(torch.zeros(shape))


def test_parameter_count(network: U2NetP) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_125_485


def test_weights_state_their_origin_and_are_single_precision() -> None:
    with safe_open(WEIGHTS, framework="pt") as archive:
        metadata = archive.metadata()
        dtypes = {archive.get_tensor(name).dtype for name in archive.keys()}  # noqa: SIM118
    assert {"origin", "licence", "source_sha256"} <= set(metadata)
    assert dtypes == {torch.float32}


def test_only_torch_is_imported() -> None:
    tree = ast.parse(Path(u2netp.__file__).read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported == {"torch"}
