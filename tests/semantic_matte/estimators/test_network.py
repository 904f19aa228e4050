"""The embedded matting network: the default, with its real weights."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import semantic_matte as sm
from semantic_matte.estimators import create_estimator
from semantic_matte.estimators.network import Network
from semantic_matte.networks.matting import MattingNetwork
from semantic_matte.plates import as_plate
from semantic_matte.ports import SilentProgress
from semantic_matte.weights import find_model, load_network

STRANDS = Path(__file__).parents[2] / "data" / "strands"

Case = tuple[torch.Tensor, torch.Tensor, np.ndarray]


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(sm.Settings(device="cpu"))


@pytest.fixture(scope="module")
def strands() -> Case:
    """Strands over a photo: colour (1, 3, h, w) display-referred, trimap (1, h, w), true alpha (h, w)."""
    part = (slice(120, 313), slice(80, 301))
    colour, levels, alpha = (
        cv2.imread(str(STRANDS / f"{name}.png"), cv2.IMREAD_UNCHANGED)[part]
        for name in ("plate", "trimap", "alpha")
    )
    shown = torch.from_numpy(np.ascontiguousarray(colour[..., ::-1].transpose(2, 0, 1))).float() / 255
    return shown[None], torch.from_numpy(np.ascontiguousarray(levels))[None], alpha / np.float32(65535)


def test_is_the_default(network: Network) -> None:
    assert sm.Settings().estimator == "network"
    made = create_estimator(sm.Settings(device="cpu"))
    assert isinstance(made, Network)
    assert (made.name, made.device, made.solves_regions) == ("network", "cpu", False)
    assert made.models == (find_model("matting").describe(),)


def test_weights_are_small_and_half_precision() -> None:
    from semantic_matte.weights import load_weights

    assert find_model("matting").size <= 20_000_000
    assert {tensor.dtype for tensor in load_weights("matting").values()} == {torch.float16}


def test_comes_nearer_to_the_truth_than_its_solver(network: Network, strands: Case) -> None:
    colour, trimap, truth = strands
    unknown = (trimap == 128)[0].numpy()
    alpha = network.estimate(colour, trimap, SilentProgress())[0].numpy()
    start = MattingNetwork().start(colour, (trimap == 255)[:, None].float(), (trimap == 0)[:, None].float())
    before = np.abs(start[0, -1].numpy() - truth)[unknown].mean()
    assert np.abs(alpha - truth)[unknown].mean() < before


def test_known_pixels_are_copied_and_numbers_are_alpha(network: Network, strands: Case) -> None:
    colour, trimap, _ = strands
    alpha = network.estimate(colour, trimap, SilentProgress())
    assert alpha.dtype == torch.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1
    known = trimap != 128
    assert torch.equal(alpha[known], (trimap == 255).float()[known])


def test_the_same_input_gives_the_same_bytes(network: Network, strands: Case) -> None:
    colour, trimap, _ = strands
    first, second = (network.estimate(colour, trimap, SilentProgress()) for _ in range(2))
    assert torch.equal(first, second)


def test_a_batch_gives_what_its_patches_give_alone(network: Network, strands: Case) -> None:
    colour, trimap, _ = strands
    both = network.estimate(
        torch.cat((colour, colour.flip(3))), torch.cat((trimap, trimap.flip(2))), SilentProgress()
    )
    alone = network.estimate(colour, trimap, SilentProgress())
    torch.testing.assert_close(both[:1], alone, atol=1e-4, rtol=0)


def test_half_precision_stays_near(strands: Case) -> None:
    colour, trimap, _ = strands
    made = MattingNetwork()
    load_network(made, "matting", "cpu")
    levels = torch.where(trimap == 128, 0.5, trimap.float() / 255)[:, None]
    exact, near = made.float()(colour, levels), made.half()(colour, levels)
    assert (near - exact).abs().max() < 0.03
    assert (near - exact).abs().mean() < 1e-3


def test_patches_agree_with_the_whole(strands: Case) -> None:
    colour, trimap, _ = strands
    plate = as_plate((colour[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    alphas = []
    for size, area in ((640, 1 << 20), (128, 0)):
        engine = sm.Engine(sm.Settings(device="cpu", samples=3))
        engine._estimator = Network(engine.settings, patch_size=size, whole_area=area)
        alphas.append(engine.refine(plate, trimap[0].numpy()))
    unknown = trimap[0].numpy() == 128
    assert 0 < np.abs(alphas[0] - alphas[1])[unknown].mean() < 0.03


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 3), (31, 33)])
def test_tiny_pictures(network: Network, size: tuple[int, int]) -> None:
    colour = torch.rand((1, 3, *size))
    trimap = torch.full((1, *size), 128, dtype=torch.uint8)
    if size[1] > 1:
        trimap[..., 0], trimap[..., -1] = 0, 255
    alpha = network.estimate(colour, trimap, SilentProgress())
    assert alpha.shape == trimap.shape
    assert torch.isfinite(alpha).all()
