"""Known colours carried into the band."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.networks.known_colours import carried, push_pull


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
def test_keeps_what_is_known_and_invents_no_colour(seed: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    colour = torch.rand((1, 3, height, width), generator=generator)
    weight = (torch.rand((1, 1, height, width), generator=generator) < 0.2).float()
    weight[..., 0, 0] = 1
    filled = push_pull(colour, weight)
    known = weight.expand_as(colour) == 1
    torch.testing.assert_close(filled[known], colour[known], atol=1e-6, rtol=0)
    for channel in range(3):
        seen = colour[0, channel][weight[0, 0] == 1]
        assert filled[0, channel].min() >= seen.min() - 1e-5
        assert filled[0, channel].max() <= seen.max() + 1e-5


def test_one_colour_fills_everything() -> None:
    colour = torch.full((2, 3, 37, 21), 0.25)
    weight = torch.zeros((2, 1, 37, 21))
    weight[..., 5, 5] = 1
    torch.testing.assert_close(push_pull(colour, weight), colour, atol=1e-5, rtol=0)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_projects_a_mixture_to_its_alpha(share: float) -> None:
    front, back = torch.tensor([0.9, 0.4, 0.1]), torch.tensor([0.1, 0.5, 0.8])
    colour = (share * front + (1 - share) * back).view(1, 3, 1, 1).repeat(1, 1, 32, 32)
    foreground, background = torch.zeros((1, 1, 32, 32)), torch.zeros((1, 1, 32, 32))
    foreground[..., :4], background[..., -4:] = 1, 1
    colour[..., :4], colour[..., -4:] = front.view(3, 1, 1), back.view(3, 1, 1)
    result = carried(colour, foreground, background)
    assert result.shape == (1, 8, 32, 32)
    torch.testing.assert_close(result[:, 6, :, 10:20], torch.full((1, 32, 10), share), atol=2e-3, rtol=0)
    assert result[:, 7, :, 10:20].max() < 2e-3


def test_residual_tells_a_colour_off_the_line() -> None:
    colour = torch.zeros((1, 3, 16, 16))
    foreground, background = torch.zeros((1, 1, 16, 16)), torch.zeros((1, 1, 16, 16))
    foreground[..., :3], background[..., -3:] = 1, 1
    colour[:, 0, :, :3] = 1
    colour[:, 1, :, 8] = 1
    assert carried(colour, foreground, background)[0, 7, :, 8].min() > 0.9


@pytest.mark.parametrize("known", [(1, 0), (0, 1), (0, 0)])
def test_a_missing_kind_gives_finite_numbers(known: tuple[int, int]) -> None:
    masks = []
    for kind in known:
        mask = torch.zeros((1, 1, 9, 14))
        mask[..., :2] = kind
        masks.append(mask)
    assert torch.isfinite(carried(torch.rand((1, 3, 9, 14)), *masks)).all()
