"""What all networks that take patches have in common, by networks of a few operations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from semantic_matte.errors import CancelledError, ValueShapeError, WeightsError
from semantic_matte.estimators.patch_network import PatchNetwork, trimap_levels
from semantic_matte.model_files import describe_model_file
from semantic_matte.ports import ProgressEvent, SilentProgress

Function = Callable[[Tensor, Tensor], Tensor]


class Toy(PatchNetwork):
    name = "toy"

    def __init__(self, function: Function, device: str = "cpu", **options: Any) -> None:
        super().__init__(device, [{"name": "toy.pt"}], **options)
        self.function = function
        self.sizes: list[tuple[int, ...]] = []

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        assert colour.dtype == levels.dtype == torch.float32
        assert levels.shape == (len(colour), 1, *colour.shape[2:])
        self.sizes.append(tuple(colour.shape))
        return self.function(colour, levels)


def red(colour: Tensor, levels: Tensor) -> Tensor:
    return colour[:, 0]


def blurred(colour: Tensor, levels: Tensor) -> Tensor:
    """Sees a few pixels around each, so a tile's border shows."""
    return functional.avg_pool2d(colour[:, :1], 5, stride=1, padding=2, count_include_pad=True)[:, 0]


def estimate(network: Toy, colour: Tensor, trimap: Tensor | None = None) -> Tensor:
    unknown = torch.full((len(colour), *colour.shape[2:]), 128, dtype=torch.uint8)
    return network.estimate(colour, unknown if trimap is None else trimap, SilentProgress())


def test_the_trimaps_codes_become_levels() -> None:
    levels = trimap_levels(torch.tensor([[[0, 128, 255]]], dtype=torch.uint8))
    assert torch.equal(levels, torch.tensor([[[[0.0, 0.5, 1.0]]]]))


def test_sides_are_padded_to_a_multiple_by_carrying_the_border_on() -> None:
    def last_column(colour: Tensor, levels: Tensor) -> Tensor:
        return colour[:, 0, :, -1:].expand(-1, -1, colour.shape[3])

    network = Toy(last_column, multiple=16)
    colour = torch.rand(1, 3, 17, 30)
    alpha = estimate(network, colour)
    assert network.sizes == [(1, 3, 32, 32)]
    assert torch.equal(alpha, colour[:, 0, :, -1:].expand(1, 17, 30))


@pytest.mark.parametrize("size", [(16, 16), (9, 7), (16, 40), (53, 16), (50, 61), (17, 17)])
def test_a_fixed_size_is_the_only_one_that_the_network_sees(size: tuple[int, int]) -> None:
    network = Toy(red, fixed_size=(16, 16))
    colour = torch.rand(2, 3, *size)
    torch.testing.assert_close(estimate(network, colour), colour[:, 0])
    assert {shape[2:] for shape in network.sizes} == {(16, 16)}


def test_tiles_are_blended_without_a_seam() -> None:
    """On a flat picture the network answers too low at a tile's border; it must not show inside."""
    flat = torch.full((1, 3, 64, 100), 0.8)
    alpha = estimate(Toy(blurred, fixed_size=(32, 32)), flat)[0, 4:-4, 4:-4]
    assert alpha.min() > 0.8 * 0.93
    steps = torch.cat((alpha.diff(dim=0).flatten(), alpha.diff(dim=1).flatten())).abs()
    assert steps.max() < 0.03


def test_known_pixels_and_range() -> None:
    trimap = torch.tensor([[[0, 128, 128, 255]]], dtype=torch.uint8)
    colour = torch.tensor([0.5, -3.0, 3.0, 0.5]).expand(1, 3, 1, 4).contiguous()
    alpha = estimate(Toy(red, multiple=1), colour, trimap)
    assert torch.equal(alpha, torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]))


def test_on_a_cpu_patches_go_one_by_one_and_on_a_gpu_together() -> None:
    colour = torch.rand(3, 3, 32, 32)
    slow, fast = Toy(red), Toy(red, device="meta")
    assert torch.equal(estimate(slow, colour), colour[:, 0])
    assert [shape[0] for shape in slow.sizes] == [1, 1, 1]
    with pytest.raises(RuntimeError, match="meta"):
        # There is no such device to fetch an answer from.
        estimate(fast, colour)
    assert [shape[0] for shape in fast.sizes] == [3]


def test_a_cancel_comes_through_between_patches() -> None:
    class Cancelled(SilentProgress):
        left = 2

        def advance(self, event: ProgressEvent) -> None:
            self.left -= 1
            if self.left < 0:
                raise CancelledError("Cancelled.")

    network = Toy(red)
    trimap = torch.full((5, 32, 32), 128, dtype=torch.uint8)
    with pytest.raises(CancelledError):
        network.estimate(torch.rand(5, 3, 32, 32), trimap, Cancelled())
    assert len(network.sizes) == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    def spoiled(colour: Tensor, levels: Tensor) -> Tensor:
        alpha = colour[:, 0].clone()
        alpha[0, 3, 4] = bad
        return alpha

    with pytest.raises(ValueShapeError, match=r"^Estimator 'toy': its model 'toy.pt' gave .*NaN or infinity"):
        estimate(Toy(spoiled), torch.rand(1, 3, 32, 32))


def test_alpha_of_another_shape_is_refused() -> None:
    network = Toy(lambda colour, levels: colour)
    with pytest.raises(ValueShapeError, match=r"expected alpha of shape \(1, 32, 32\) .* got \(1, 3, 32, 32\)"):
        estimate(network, torch.rand(1, 3, 32, 32))


def test_a_models_checksum(tmp_path: Path) -> None:
    content = b"weights" * 500_000
    (tmp_path / "mine.onnx").write_bytes(content)
    assert describe_model_file(tmp_path / "mine.onnx") == {
        "name": "mine.onnx",
        "licence": "unknown (brought by the user)",
        "sha256": hashlib.sha256(content).hexdigest(),
        "origin": "brought by the user",
    }
    with pytest.raises(WeightsError, match="can't be read"):
        describe_model_file(tmp_path / "none.onnx")
