"""The matting network and its encoder."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from semantic_matte.networks.efficientnet_lite import CHANNELS, EfficientNetLite0
from semantic_matte.networks.matting import MattingNetwork, folded
from semantic_matte.networks.nuke_cat import NukeMatting, linear_to_srgb

SIZES = [(64, 64), (61, 97), (33, 200), (210, 40), (7, 5), (3, 3)]


def network(**options: Any) -> MattingNetwork:
    """With random weights where training begins from zeros, so that the learned part shows."""
    torch.manual_seed(0)
    made = MattingNetwork(**options).eval()
    torch.nn.init.normal_(made.out.weight, std=0.05)
    return made


def case(height: int, width: int, count: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height * width)
    colour = torch.rand((count, 3, height, width), generator=generator)
    trimap = torch.full((count, 1, height, width), 0.5)
    trimap[..., : height // 3, :], trimap[..., height - height // 3 :, :] = 0.0, 1.0
    return colour, trimap


def scripted(module: torch.nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(module)


def test_has_at_most_eight_million_parameters() -> None:
    assert sum(value.numel() for value in MattingNetwork().parameters()) <= 8_000_000


@pytest.mark.parametrize("size", SIZES)
def test_any_size_and_known_pixels_are_copied(size: tuple[int, int]) -> None:
    colour, trimap = case(*size)
    alpha = network()(colour, trimap)
    assert alpha.shape == trimap.shape
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert torch.equal(alpha[trimap == 0], torch.zeros_like(alpha[trimap == 0]))
    assert torch.equal(alpha[trimap == 1], torch.ones_like(alpha[trimap == 1]))


def test_untrained_it_is_its_solver() -> None:
    colour, trimap = case(64, 64)
    made = MattingNetwork().eval()
    start = made.start(colour, (trimap > 0.75).float(), (trimap < 0.25).float())
    torch.testing.assert_close(made(colour, trimap), start[:, -1:])


def test_the_learned_part_shows() -> None:
    colour, trimap = case(64, 64)
    start = network().start(colour, (trimap > 0.75).float(), (trimap < 0.25).float())
    assert (network()(colour, trimap) - start[:, -1:]).abs().max() > 0.01


@pytest.mark.parametrize("options", [{}, {"solver": False}, {"carried": False, "solver": False}])
def test_every_design_runs(options: dict[str, bool]) -> None:
    colour, trimap = case(61, 97, 2)
    assert torch.isfinite(network(**options)(colour, trimap)).all()


def test_a_batch_gives_what_its_pictures_give_alone() -> None:
    colour, trimap = case(64, 96, 3)
    made = network()
    both = made(colour, trimap)
    for index in range(3):
        alone = made(colour[index : index + 1], trimap[index : index + 1])
        torch.testing.assert_close(both[index : index + 1], alone, atol=1e-4, rtol=0)


def test_strips_leave_no_trace() -> None:
    colour, trimap = case(230, 70)
    made = network()
    with torch.inference_mode():
        in_strips = made(colour, trimap)
        made.strip = 1000
        at_once = made(colour, trimap)
        made.strip = 32
        narrow = made(colour, trimap)
    assert float(at_once[trimap == 0.5].std()) > 0.01
    torch.testing.assert_close(in_strips, at_once, atol=1e-5, rtol=0)
    torch.testing.assert_close(narrow, at_once, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_scripts_at_any_size(size: tuple[int, int]) -> None:
    colour, trimap = case(*size)
    made = network()
    torch.testing.assert_close(scripted(made)(colour, trimap), made(colour, trimap), atol=1e-5, rtol=0)


def test_folding_normalisation_changes_nothing() -> None:
    colour, trimap = case(61, 97, 2)
    made = network(normalised=True)
    made.train()
    for _ in range(3):
        made(colour, trimap)
    made.eval()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    plain = MattingNetwork().eval()
    plain.load_state_dict(folded(made.state_dict()))
    torch.testing.assert_close(plain(colour, trimap), made(colour, trimap), atol=1e-4, rtol=0)


def test_half_precision_stays_near() -> None:
    colour, trimap = case(64, 96)
    exact = network()(colour, trimap)
    near = network().half()(colour, trimap)
    assert near.dtype == torch.float32
    assert (near - exact).abs().max() < 0.02


def test_deepest_features_see_a_640_patch() -> None:
    made = EfficientNetLite0(3).eval()
    levels = made(torch.zeros((1, 3, 640, 640)))
    assert [level.shape[1] for level in levels] == list(CHANNELS)
    assert [level.shape[2] for level in levels] == [320, 160, 80, 40, 20]


def test_sees_across_a_640_patch() -> None:
    made = network(solver=False, carried=False)
    colour, trimap = torch.rand((1, 3, 640, 640)), torch.full((1, 1, 640, 640), 0.5)
    trimap[..., :8], trimap[..., -8:] = 0.0, 1.0
    before = made(colour, trimap)
    changed = colour.clone()
    changed[..., -40:, :40] = 0.0
    moved = (made(changed, trimap) - before).abs()[..., :40, -40:]
    assert moved.max() > 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_the_export_for_nuke_equals_the_network(size: tuple[int, int], kind: torch.dtype) -> None:
    colour, trimap = case(*size)
    made = network()
    nuke = NukeMatting(made).eval().to(kind)
    picture = torch.cat((colour, trimap), dim=1).to(kind)
    alpha = scripted(nuke)(picture)
    assert alpha.dtype == kind
    torch.testing.assert_close(alpha, nuke(picture), atol=1e-3 if kind == torch.float16 else 1e-5, rtol=0)
    if kind == torch.float32:
        torch.testing.assert_close(alpha, made(linear_to_srgb(colour), trimap), atol=1e-5, rtol=0)


def test_the_export_takes_display_referred_plates() -> None:
    colour, trimap = case(40, 40)
    nuke = NukeMatting(network()).eval()
    nuke.scene_linear = 0
    torch.testing.assert_close(nuke(torch.cat((colour, trimap), 1)), nuke.network(colour, trimap))


def test_the_exports_trimap_has_tolerance() -> None:
    colour, trimap = case(40, 40)
    nuke = NukeMatting(network()).eval()
    loose = (trimap * 0.96 + 0.02).clamp(0.02, 0.98)
    loose[trimap == 0.5] = 0.2
    torch.testing.assert_close(
        nuke(torch.cat((colour, loose), 1)), nuke(torch.cat((colour, trimap), 1)), atol=1e-6, rtol=0
    )


def test_linear_to_srgb_is_the_standard() -> None:
    linear = torch.tensor([-1.0, 0.0, 0.001, 0.0031308, 0.18, 1.0, 7.0])
    expected = torch.tensor([0.0, 0.0, 0.01292, 0.0404499, 0.4613561, 1.0, 1.0])
    torch.testing.assert_close(linear_to_srgb(linear), expected, atol=1e-5, rtol=0)
