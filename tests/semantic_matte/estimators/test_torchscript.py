"""TorchScript files of every signature that is taken, with a known answer, and files that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import semantic_matte as sm
from semantic_matte.errors import DeviceError, ValueShapeError, WeightsError
from semantic_matte.estimators import torchscript
from semantic_matte.estimators.torchscript import METADATA_FILE, TorchScriptNetwork
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings

# torch's makers no longer grow torch.jit; studios have files of it all the same.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
]

PLAIN: dict[str, Any] = {"mean": [0, 0, 0], "std": [1, 1, 1]}
CPU = Settings(device="cpu")

Save = Callable[..., Path]


class Joined(nn.Module):
    """One input of as many channels as it has weights."""

    def __init__(self, weights: tuple[float, ...], bias: float = 0.0) -> None:
        super().__init__()
        self.mix = nn.Conv2d(len(weights), 1, 1)
        with torch.no_grad():
            self.mix.weight.copy_(torch.tensor(weights).reshape(1, -1, 1, 1))
            self.mix.bias.fill_(bias)

    def forward(self, joined: Tensor) -> Tensor:
        return self.mix(joined)


class Separate(Joined):
    def forward(self, picture: Tensor, trimap: Tensor) -> Tensor:
        return self.mix(torch.cat((picture, trimap), dim=1))[:, 0]


class ChannelsLast(Joined):
    def forward(self, joined: Tensor) -> Tensor:
        return self.mix(joined.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class OnlyOneSize(Joined):
    def forward(self, joined: Tensor) -> Tensor:
        return self.mix(joined).reshape(joined.shape[0], 1, 40, 48)


class Several(Joined):
    def forward(self, joined: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.mix(joined)
        return alpha, -alpha


class Named(Joined):
    def forward(self, joined: Tensor) -> dict[str, Tensor]:
        alpha = self.mix(joined)
        return {"logits": -alpha, "alpha": alpha}


class WithADefault(Joined):
    def forward(self, joined: Tensor, sharpen: bool = False) -> Tensor:
        return self.mix(joined)


class Text(Joined):
    def forward(self, joined: Tensor) -> str:
        return "alpha"


class Three(Joined):
    def forward(self, picture: Tensor, trimap: Tensor, hint: Tensor) -> Tensor:
        return self.mix(picture)


class Halved(Joined):
    def forward(self, joined: Tensor) -> Tensor:
        return self.mix(joined)[:, :, ::2, ::2]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(module: nn.Module, metadata: Any = PLAIN, *, traced: bool = False) -> Path:
        path = tmp_path / "mix.pt"
        module = module.eval()
        made = torch.jit.trace(module, torch.zeros(1, 4, 40, 48)) if traced else torch.jit.script(module)
        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        torch.jit.save(made, str(path), _extra_files={} if metadata is None else {METADATA_FILE: text})
        return path

    return write


def test_one_input(save: Save, mix: Any) -> None:
    mix.check(TorchScriptNetwork(save(Joined(mix.weights)), CPU))


def test_six_channels_are_found_by_trying(save: Save, mix: Any) -> None:
    mix.check(TorchScriptNetwork(save(Joined(mix.one_hot_weights)), CPU))


def test_two_inputs(save: Save, mix: Any) -> None:
    mix.check(TorchScriptNetwork(save(Separate(mix.weights)), CPU))


def test_two_inputs_with_a_one_hot_trimap(save: Save, mix: Any) -> None:
    mix.check(TorchScriptNetwork(save(Separate(mix.one_hot_weights)), CPU))


@pytest.mark.parametrize("kind", [Several, Named, WithADefault])
def test_what_a_module_may_return_and_take(save: Save, mix: Any, kind: type[Joined]) -> None:
    mix.check(TorchScriptNetwork(save(kind(mix.weights)), CPU))


def test_channels_last(save: Save, mix: Any) -> None:
    path = save(ChannelsLast(mix.weights), {**PLAIN, "layout": "NHWC"})
    mix.check(TorchScriptNetwork(path, CPU))


@pytest.mark.parametrize("traced", [False, True], ids=["scripted", "traced"])
def test_one_size_only(save: Save, mix: Any, traced: bool) -> None:
    path = save(OnlyOneSize(mix.weights), {**PLAIN, "size": [40, 48]}, traced=traced)
    estimator = TorchScriptNetwork(path, CPU)
    assert estimator.patch_size == 40
    mix.check(estimator)


def test_half_precision_weights_get_half_precision_pictures(save: Save, mix: Any) -> None:
    mix.check(TorchScriptNetwork(save(Joined(mix.weights).half()), CPU), tolerance=2e-3)


def test_without_metadata_colours_are_normalised_as_imagenets(save: Save, mix: Any) -> None:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    weights = np.array(mix.weights[:3])
    module = Joined((*(weights * std), 0.3), bias=float((weights * mean).sum()))
    mix.check(TorchScriptNetwork(save(module, None), CPU))


def test_what_the_port_asks_for(save: Save, mix: Any) -> None:
    estimator = TorchScriptNetwork(save(Joined(mix.weights), {**PLAIN, "patch": 320}), CPU)
    assert (estimator.name, estimator.device, estimator.solves_regions) == ("torchscript", "cpu", False)
    assert (estimator.patch_size, estimator.widest_band) == (320, 160)
    model = estimator.models[0]
    assert (model["name"], model["licence"]) == ("mix.pt", "unknown (brought by the user)")
    assert len(model["sha256"]) == 64


def test_numbers_that_are_not_finite_are_refused(save: Save, mix: Any) -> None:
    estimator = TorchScriptNetwork(save(Joined(mix.weights, bias=float("nan"))), CPU)
    with pytest.raises(ValueShapeError, match=r"'torchscript': its model 'mix.pt' gave .*not finite"):
        estimator.estimate(*mix.case(1, 8, 8), SilentProgress())


@pytest.mark.parametrize(
    ("module", "metadata", "message"),
    [
        (Joined((0.1,) * 5), PLAIN, r"can't take a picture of \(64, 64\) pixels .* have 5 channels"),
        (OnlyOneSize((0.1,) * 4), PLAIN, r"can't take a picture of \(64, 64\) pixels .*A semantic_matte.json"),
        (Three((0.1,) * 3), PLAIN, r"expected forward\(picture and trimap\) or .* got 3 arguments"),
        (Text((0.1,) * 4), PLAIN, "expected a tensor from it, got str"),
        (Halved((0.1,) * 4), PLAIN, r"expected alpha of shape \(1, 1, 64, 64\) .*, got \(1, 32, 32\)"),
        (Joined((0.1,) * 4), {"mode": 1}, "unknown metadata 'mode'. Known: mean, std, colour"),
        (Joined((0.1,) * 4), {"size": 512}, "'size' has to be 2 numbers"),
        (Joined((0.1,) * 4), "[1]", "its semantic_matte.json is no JSON object"),
        (Joined((0.1,) * 4), "{", "its semantic_matte.json is no JSON object"),
        (Joined((0.1,) * 4), {"trimap": "one-hot"}, "can't take a picture"),
    ],
)
def test_what_can_not_be_understood_is_refused_in_one_sentence(
    save: Save, module: nn.Module, metadata: Any, message: str
) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        TorchScriptNetwork(save(module, metadata), CPU)
    assert "mix.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"PK\x03\x04" + b"\0" * 200], ids=len)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="can't be read as a TorchScript model") as caught:
        TorchScriptNetwork(path, CPU)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_is_no_torchscript(tmp_path: Path, mix: Any) -> None:
    torch.save(Joined(mix.weights).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="can't be read as a TorchScript model"):
        TorchScriptNetwork(tmp_path / "weights.pt", CPU)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected a model file, got"):
        TorchScriptNetwork(tmp_path / "none.pt", CPU)


def test_a_device_that_is_not_there_is_an_error(save: Save, mix: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(asked: str) -> tuple[str, str]:
        raise DeviceError(f"Device '{asked}' can't be used.")

    monkeypatch.setattr(torchscript, "choose_device", refuse)
    with pytest.raises(DeviceError, match="'cuda'"):
        TorchScriptNetwork(save(Joined(mix.weights)), Settings(device="cuda"))


def test_end_to_end(save: Save) -> None:
    """A plate whose red is its alpha, through patches and fusion."""
    path = save(Joined((1.0, 0.0, 0.0, 0.0)), {**PLAIN, "patch": 64})
    ramp = np.linspace(0, 239, 150).astype(np.uint8)
    plate = np.zeros((90, 150, 3), np.uint8)
    plate[..., 0] = ramp
    trimap = np.full((90, 150), 128, np.uint8)
    trimap[:, :20], trimap[:, -20:] = 0, 255
    alpha = sm.refine(plate, trimap, Settings(estimator=f"torchscript:{path}", device="cpu", samples=1))
    np.testing.assert_allclose(alpha, np.where(trimap == 128, ramp / 255, trimap == 255), atol=2e-3)
