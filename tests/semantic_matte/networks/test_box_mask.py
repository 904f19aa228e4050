"""The network that draws a mask inside a box: shapes, folding, and that it heeds what it is told."""

from __future__ import annotations

import pytest
import torch

from semantic_matte.networks.box_mask import CLASSES, UNKNOWN_CLASS, BoxMask
from semantic_matte.networks.matting import folded
from semantic_matte.weights import load_network


@pytest.fixture(scope="module")
def network() -> BoxMask:
    shipped = BoxMask()
    load_network(shipped, "box_mask", "cpu")
    return shipped


def inputs(count: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    colour = torch.rand((count, 3, height, width), generator=random)
    prompts = torch.zeros(count, 3, height, width)
    prompts[:, :2, height // 8 : -height // 8, width // 8 : -width // 8] = 1
    return colour, prompts, torch.arange(count) % (CLASSES + 1)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (128, 128), (192, 160)])
def test_the_answer_is_as_large_as_the_crop(network: BoxMask, height: int, width: int) -> None:
    with torch.inference_mode():
        odds = network(*inputs(3, height, width))
    assert odds.shape == (3, 1, height, width)
    assert torch.isfinite(odds).all()


def test_a_crop_does_not_depend_on_its_batch(network: BoxMask) -> None:
    colour, prompts, labels = inputs(4, 96, 96)
    with torch.inference_mode():
        together = network(colour, prompts, labels)
        alone = network(colour[2:3], prompts[2:3], labels[2:3])
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-4)


def test_every_prompt_is_heeded(network: BoxMask) -> None:
    colour, prompts, labels = inputs(1, 64, 64)
    with torch.inference_mode():
        before = network(colour, prompts, labels)
        for channel in range(3):
            changed = prompts.clone()
            changed[:, channel, :32] = 1 - changed[:, channel, :32]
            assert (network(colour, changed, labels) - before).abs().max() > 0.05
        assert (network(colour, prompts, torch.tensor([17])) - before).abs().max() > 0.01
        assert network(colour, prompts, torch.tensor([UNKNOWN_CLASS])).shape == before.shape


def test_folding_leaves_the_answer_as_it_is() -> None:
    torch.manual_seed(0)
    trained = BoxMask(normalised=True)
    trained.train()
    colour, prompts, labels = inputs(4, 64, 64)
    for _ in range(3):
        trained(colour, prompts, labels)
    trained.eval()
    plain = BoxMask().eval()
    plain.load_state_dict(folded(trained.state_dict()))
    with torch.inference_mode():
        torch.testing.assert_close(
            plain(colour, prompts, labels), trained(colour, prompts, labels), rtol=1e-4, atol=1e-4
        )
