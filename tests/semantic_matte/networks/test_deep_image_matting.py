"""Deep Image Matting at a small width: sizes, training, and the key layouts of public checkpoints.

The references are forwards written here from the public checkpoints' names, so that a layer that went to the
wrong place shows.
"""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from semantic_matte.networks import deep_image_matting
from semantic_matte.networks.deep_image_matting import DeepImageMatting, Design
from semantic_matte.networks.deep_image_matting_checkpoints import (
    design_of,
    load_vgg16,
    network_from_state,
    own_state,
)

MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
COUNTS = (2, 2, 3, 3, 3)
SMALL = {"channels": 2, "conv6_channels": 12}
DESIGNS = {
    "plain": Design(**SMALL),
    "refinement": Design(**SMALL, refinement=True),
    "skips": Design(**SMALL, skips=True),
    "as in the paper": Design(channels=2, conv6_kernel=7, conv6_channels=20, refinement=True),
    "before September 2019": Design(**SMALL, conv6_kernel=1),
    "light": Design(channels=2, light_decoder=True),
}


@pytest.fixture(params=DESIGNS.values(), ids=DESIGNS.keys())
def design(request: pytest.FixtureRequest) -> Design:
    assert isinstance(request.param, Design)
    return request.param


def build(design: Design) -> DeepImageMatting:
    torch.manual_seed(0)
    network = DeepImageMatting(design).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                # As they start they are zero, and one that is lost would not show.
                value.normal_(0.0, 0.05)
    return network


def picture(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height * width)
    colour = torch.rand((count, 3, height, width), generator=generator)
    trimap = torch.randint(3, (count, 1, height, width), generator=generator).float() / 2
    return colour, trimap


@pytest.mark.parametrize(("count", "height", "width"), [(1, 64, 64), (2, 37, 75), (1, 1, 5), (1, 96, 33)])
def test_any_size(design: Design, count: int, height: int, width: int) -> None:
    colour, trimap = picture(count, height, width)
    with torch.inference_mode():
        alpha = build(design)(colour, trimap)
    assert alpha.shape == (count, 1, height, width)
    assert alpha.dtype == torch.float32
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1


def test_both_stages_can_be_had() -> None:
    colour, trimap = picture(1, 40, 50)
    with torch.inference_mode():
        coarse, refined = build(DESIGNS["refinement"]).stages(colour, trimap)
        assert refined is not None
        assert coarse.shape == refined.shape == (1, 1, 40, 50)
        assert not torch.equal(coarse, refined)
        assert torch.equal(build(DESIGNS["refinement"])(colour, trimap), refined)
        assert build(DESIGNS["plain"]).stages(colour, trimap)[1] is None


def test_it_sees_colour_and_trimap(design: Design) -> None:
    network = build(design)
    colour, trimap = picture(1, 64, 64)
    with torch.inference_mode():
        alpha = network(colour, trimap)
        assert not torch.allclose(network(colour.flip(1), trimap), alpha, atol=1e-6)
        assert not torch.allclose(network(colour, 1 - trimap), alpha, atol=1e-6)


@pytest.mark.parametrize(
    ("colour", "trimap"),
    [((1, 4, 32, 32), (1, 1, 32, 32)), ((1, 3, 32, 32), (1, 3, 32, 32)), ((3, 32, 32), (1, 32, 32))],
)
def test_other_shapes_are_refused(colour: tuple[int, ...], trimap: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected colour of shape"):
        build(DESIGNS["plain"])(torch.zeros(colour), torch.zeros(trimap))


def test_a_few_steps_of_a_plain_training_lower_the_loss(design: Design) -> None:
    """No step of what any loop does is special to this network."""
    network = build(design).train()
    colour, trimap = picture(2, 48, 40)
    target = colour.mean(dim=1, keepdim=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        loss = (network(colour, trimap) - target).abs()[trimap == 0.5].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    assert losses[-1] < losses[0]
    without = [name for name, value in network.named_parameters() if value.grad is None]
    assert without == []


def test_size_of_the_full_network() -> None:
    """Counted by hand: 13 convolutions of VGG16 with a fourth input channel, conv6, seven of the decoder."""
    with torch.device("meta"):
        network = DeepImageMatting()
    vgg16 = 14_714_688 + 64 * 9
    conv6, deconv6 = 512 * 512 * 9 + 512, 512 * 512 + 512
    decoder = [(512, 512), (512, 256), (256, 128), (128, 64), (64, 64), (64, 1)]
    expected = vgg16 + conv6 + deconv6 + sum(a * b * 25 + b for a, b in decoder)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected
    assert {"conv1_1.weight", "conv5_3.bias", "conv6_1.weight", "deconv6_1.bias", "deconv1_1.weight"} <= set(
        network.state_dict()
    )


def by_authors_names(state: dict[str, Tensor], colour: Tensor, trimap: Tensor, *, skips: bool) -> Tensor:
    """huochaitiantang's forward: conv -> relu throughout, unpooling by indices, sides multiples of 32."""

    def layer(name: str, features: Tensor) -> Tensor:
        weight = state[f"{name}.weight"]
        return functional.conv2d(features, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    features = joined = torch.cat(((colour - MEAN) / STD, trimap), 1)
    kept = []
    for stage, count in enumerate(COUNTS, start=1):
        for number in range(1, count + 1):
            features = functional.relu(layer(f"conv{stage}_{number}", features))
        pooled, index = nn.MaxPool2d(2, return_indices=True)(features)
        kept.append((features, index))
        features = pooled
    for name in ("conv6_1", "deconv6_1"):
        features = functional.relu(layer(name, features))
    for stage in (5, 4, 3, 2, 1):
        before, index = kept[stage - 1]
        features = nn.MaxUnpool2d(2)(features, index) + (before if skips else 0.0)
        features = functional.relu(layer(f"deconv{stage}_1", features))
    raw = layer("deconv1", features)
    if "refine_pred.weight" not in state:
        return raw.sigmoid()
    refined = torch.cat((joined[:, :3], raw.sigmoid()), 1)
    for number in (1, 2, 3):
        refined = functional.relu(layer(f"refine_conv{number}", refined))
    return (raw + layer("refine_pred", refined)).sigmoid()


@pytest.mark.parametrize("name", ["plain", "refinement", "skips", "as in the paper", "before September 2019"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_authors_names(name: str, prefix: str) -> None:
    design = DESIGNS[name]
    state = dict(build(design).state_dict())
    colour, trimap = picture(2, 64, 96)
    public = {prefix + key: value for key, value in state.items()}
    network = network_from_state(public, skips=design.skips)
    assert network.design == design
    with torch.inference_mode():
        alpha = network(colour, trimap)
        expected = by_authors_names(state, colour, trimap, skips=design.skips)
    assert float(expected.std()) > 0.005, "a flat answer would prove nothing"
    torch.testing.assert_close(alpha, expected, atol=1e-5, rtol=0)


class Block(nn.Module):
    """foamliu's: convolution, batch normalisation, activation, all in `cbr_unit`."""

    def __init__(self, entering: int, leaving: int, kernel: int, *, active: bool) -> None:
        super().__init__()
        convolution = nn.Conv2d(entering, leaving, kernel, padding=kernel // 2)
        ending = [nn.ReLU()] if active else []
        self.cbr_unit = nn.Sequential(convolution, nn.BatchNorm2d(leaving), *ending)

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.cbr_unit(features)
        return result


class Foamliu(nn.Module):
    """foamliu's network by its names, at any width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sides = [4, width, 2 * width, 4 * width, 8 * width, 8 * width]
        for stage, count in enumerate(COUNTS, start=1):
            down = nn.Module()
            for number in range(1, count + 1):
                entering = sides[stage - 1] if number == 1 else sides[stage]
                down.add_module(f"conv{number}", Block(entering, sides[stage], 3, active=True))
            self.add_module(f"down{stage}", down)
        for stage, (entering, leaving) in enumerate(itertools.pairwise([1, *sides[1:]]), start=1):
            up = nn.Module()
            up.add_module("conv", Block(leaving, entering, 5, active=False))
            self.add_module(f"up{stage}", up)

    def forward(self, joined: Tensor) -> Tensor:
        features, indices = joined, []
        for stage, count in enumerate(COUNTS, start=1):
            for number in range(1, count + 1):
                features = self.get_submodule(f"down{stage}.conv{number}")(features)
            features, index = nn.MaxPool2d(2, return_indices=True)(features)
            indices.append(index)
        for stage in (5, 4, 3, 2, 1):
            features = nn.MaxUnpool2d(2)(features, indices[stage - 1])
            features = self.get_submodule(f"up{stage}.conv")(features)
        return features.sigmoid()


@pytest.fixture(scope="module")
def foamliu() -> Foamliu:
    torch.manual_seed(3)
    network = Foamliu(2)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.uniform_(0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("prefix", ["", "module."])
def test_foamlius_names_with_batch_normalisation_folded_in(foamliu: Foamliu, prefix: str) -> None:
    network = network_from_state({prefix + key: value for key, value in foamliu.state_dict().items()})
    assert network.design == DESIGNS["light"]
    colour, trimap = picture(2, 64, 96)
    with torch.inference_mode():
        alpha = network(colour, trimap)
        expected = foamliu(torch.cat(((colour - MEAN) / STD, trimap), 1))
    assert float(expected.std()) > 0.005, "a flat answer would prove nothing"
    torch.testing.assert_close(alpha, expected, atol=1e-5, rtol=0)


def test_foamlius_keys_are_those_of_the_public_file(foamliu: Foamliu) -> None:
    """A sample of names, as its module definitions give them."""
    assert {
        "down1.conv1.cbr_unit.0.weight",
        "down3.conv3.cbr_unit.1.running_mean",
        "up5.conv.cbr_unit.0.bias",
        "up1.conv.cbr_unit.1.running_var",
        "up1.conv.cbr_unit.1.num_batches_tracked",
    } <= set(foamliu.state_dict())
    assert set(own_state(foamliu.state_dict())) == set(build(DESIGNS["light"]).state_dict())


def test_vgg16_starts_the_encoder_and_ignores_the_trimap() -> None:
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    sides = (2, 2, 4, 4, 8, 8, 8, 16, 16, 16, 16, 16, 16)
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    for place, entering, leaving in zip(places, (3, *sides), sides, strict=False):
        state[f"features.{place}.weight"] = torch.randn((leaving, entering, 3, 3), generator=generator)
        state[f"features.{place}.bias"] = torch.randn(leaving, generator=generator)
    state["classifier.0.weight"] = torch.zeros(4, 4)
    network = build(DESIGNS["plain"])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    load_vgg16(network, state)
    after = network.state_dict()
    assert torch.equal(after["conv1_1.weight"][:, :3], state["features.0.weight"])
    assert (after["conv1_1.weight"][:, 3] == 0).all()
    assert torch.equal(after["conv3_3.bias"], state["features.14.bias"])
    assert torch.equal(after["conv5_3.weight"], state["features.28.weight"])
    assert torch.equal(after["deconv5_1.weight"], before["deconv5_1.weight"])
    del state["features.28.bias"]
    with pytest.raises(ValueError, match=r"expected 'features\.28\.bias'"):
        load_vgg16(network, state)


def test_states_of_other_kinds_are_refused(foamliu: Foamliu) -> None:
    state = dict(build(DESIGNS["plain"]).state_dict())
    with pytest.raises(ValueError, match="expected keys as"):
        design_of({"features.0.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"'conv7_1\.weight' of shape none, got \(1,\)"):
        network_from_state(state | {"conv7_1.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"'conv3_2\.bias' of shape \(8,\), got none"):
        network_from_state({name: value for name, value in state.items() if name != "conv3_2.bias"})
    with pytest.raises(ValueError, match=r"'conv3_2\.bias' of shape \(8,\), got \(9,\)"):
        network_from_state(state | {"conv3_2.bias": torch.zeros(9)})
    theirs = foamliu.state_dict()
    with pytest.raises(ValueError, match="'up9', a key that is of no known layout"):
        network_from_state(theirs | {"up9": torch.zeros(1)})
    del theirs["up3.conv.cbr_unit.1.bias"]
    with pytest.raises(ValueError, match=r"expected 'up3\.conv\.cbr_unit\.1\.bias'"):
        network_from_state(theirs)


def test_only_torch_is_imported() -> None:
    tree = ast.parse(Path(deep_image_matting.__file__).read_text(encoding="utf-8"))
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules == {"__future__", "dataclasses", "torch"}
