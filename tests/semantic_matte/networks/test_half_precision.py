"""Parts of a network in half precision: what is computed in it, and what comes back."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from semantic_matte.networks.half_precision import half_type, in_half, in_single, type_title


class Layer(torch.nn.Module):
    """A product, in whatever its numbers are, with containers around it as detectors have them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)
        self.seen: list[torch.dtype] = []

    def forward(self, picture: torch.Tensor, *, more: torch.Tensor | None = None) -> object:
        self.seen.append(picture.dtype)
        product = self.linear(picture)
        self.seen.append(product.dtype)
        levels = OrderedDict(a=product, b=[product, (product, "text")])
        return levels, torch.arange(3), None if more is None else more.dtype


def test_what_comes_back_is_single() -> None:
    layer = Layer()
    in_half(layer, "forward", "cpu", torch.bfloat16)
    levels, whole, _ = layer(torch.ones(2, 4))
    assert layer.seen == [torch.float32, torch.bfloat16]
    assert isinstance(levels, OrderedDict)
    assert list(levels) == ["a", "b"]
    assert isinstance(levels["b"][1], tuple)
    tensors = [levels["a"], levels["b"][0], levels["b"][1][0]]
    assert {one.dtype for one in tensors} == {torch.float32}
    assert levels["b"][1][1] == "text"
    assert whole.dtype == torch.int64
    # Rounded on the way: it was computed in half.
    expected = layer.linear(torch.ones(2, 4))
    assert 0 < (levels["a"] - expected).abs().max() < 0.02


def test_what_wants_single_gets_it_within_half() -> None:
    layer = Layer()
    in_single(layer, "forward", "cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, _, more = layer(torch.ones(2, 4, dtype=torch.bfloat16), more=torch.ones(1, dtype=torch.bfloat16))
    assert layer.seen == [torch.float32, torch.float32]
    assert more == torch.float32


@pytest.mark.parametrize(
    ("device", "kind", "title"),
    [
        ("cpu", None, "float32"),
        ("mps", None, "float32"),
        ("cuda:0", torch.float16, "float16 autocast"),
        ("cuda", torch.float16, "float16 autocast"),
    ],
)
def test_which_devices_compute_in_half(device: str, kind: torch.dtype | None, title: str) -> None:
    assert half_type(device) == kind
    assert type_title(half_type(device)) == title
