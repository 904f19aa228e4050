"""Deep Image Matting's estimator: what files it opens, how, and what it gives."""

from __future__ import annotations

import collections
import pickle
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors.torch
import torch

import semantic_matte as sm
from semantic_matte.errors import ValueShapeError, WeightsError
from semantic_matte.estimators.deep_image_matting import DeepImageMattingEstimator
from semantic_matte.networks.deep_image_matting import DeepImageMatting, Design
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings

CPU = Settings(device="cpu")


@pytest.fixture
def network() -> DeepImageMatting:
    torch.manual_seed(0)
    return DeepImageMatting(Design(channels=2, conv6_channels=8, refinement=True)).eval()


def solve(path: Path, mix: Any, size: tuple[int, int] = (50, 70)) -> torch.Tensor:
    return DeepImageMattingEstimator(path, CPU).estimate(*mix.case(2, *size), SilentProgress())


def expected(network: DeepImageMatting, mix: Any, size: tuple[int, int] = (50, 70)) -> torch.Tensor:
    colour, trimap = mix.case(2, *size)
    levels = trimap.float().div(255).mul(2).round().div(2)[:, None]
    with torch.inference_mode():
        alpha = network(colour, levels)[:, 0]
    assert alpha.std() > 0.001, "a flat answer would prove nothing"
    return torch.where(trimap == 128, alpha, (trimap == 255).float())


@pytest.mark.parametrize("size", [(64, 64), (50, 70), (1, 40)])
def test_safetensors(network: DeepImageMatting, tmp_path: Path, mix: Any, size: tuple[int, int]) -> None:
    safetensors.torch.save_file(network.state_dict(), tmp_path / "mine.safetensors")
    alpha = solve(tmp_path / "mine.safetensors", mix, size)
    torch.testing.assert_close(alpha, expected(network, mix, size), atol=1e-5, rtol=0)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "as before torch 1.6"])
@pytest.mark.parametrize("wrapped", [True, False], ids=["under state_dict", "bare"])
def test_checkpoints_of_pytorch(
    network: DeepImageMatting, tmp_path: Path, mix: Any, zipped: bool, wrapped: bool
) -> None:
    state: Any = collections.OrderedDict(network.state_dict())
    path = tmp_path / "stage3.pth"
    torch.save(
        {"epoch": 12, "state_dict": state} if wrapped else state,
        path,
        _use_new_zipfile_serialization=zipped,
    )
    torch.testing.assert_close(solve(path, mix), expected(network, mix), atol=1e-5, rtol=0)


class PythonTwo(pickle._Pickler):
    """Writes text and bytes alike as Python 2 did, in which the public checkpoints were written."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_string(self, text: str | bytes) -> None:
        content = text.encode("latin1") if isinstance(text, str) else text
        self.write(pickle.SHORT_BINSTRING + bytes([len(content)]) + content)
        self.memoize(text)

    dispatch[str] = save_string
    dispatch[bytes] = save_string


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("old", [True, False], ids=["by Python 2", "by Python 3"])
def test_a_number_of_numpy_beside_the_weights(
    network: DeepImageMatting, tmp_path: Path, mix: Any, zipped: bool, old: bool
) -> None:
    """As huochaitiantang's files have it: their best error, whose bytes are no text of any kind."""

    def dump(content: Any, file: Any, protocol: int) -> None:
        PythonTwo(file, protocol).dump(content)

    writer = types.SimpleNamespace(__name__="old", Pickler=PythonTwo, dump=dump) if old else pickle
    content = {"epoch": 12, "state_dict": network.state_dict(), "best_sad": np.float64(54.42)}
    assert max(np.float64(54.42).tobytes()) > 127
    path = tmp_path / "ckpt_best.pth"
    torch.save(content, path, pickle_module=writer, _use_new_zipfile_serialization=zipped)
    torch.testing.assert_close(solve(path, mix), expected(network, mix), atol=1e-5, rtol=0)


def test_half_precision_weights_are_solved_in_single(
    network: DeepImageMatting, tmp_path: Path, mix: Any
) -> None:
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(value.half())
    half = {name: value.half() for name, value in network.state_dict().items()}
    safetensors.torch.save_file(half, tmp_path / "half.safetensors")
    alpha = solve(tmp_path / "half.safetensors", mix)
    torch.testing.assert_close(alpha, expected(network, mix), atol=1e-5, rtol=0)


def test_skips_by_metadata_or_by_the_files_name(tmp_path: Path, mix: Any) -> None:
    torch.manual_seed(0)
    network = DeepImageMatting(Design(channels=2, conv6_channels=8, skips=True)).eval()
    state = network.state_dict()
    safetensors.torch.save_file(state, tmp_path / "mine.safetensors", {"skips": "true"})
    safetensors.torch.save_file(state, tmp_path / "no_skip.safetensors", {"skips": "false"})
    torch.save(state, tmp_path / "stage1_skip_sad_52.9.pth")
    with_skips = expected(network, mix)
    torch.testing.assert_close(solve(tmp_path / "mine.safetensors", mix), with_skips, atol=1e-5, rtol=0)
    assert not torch.allclose(solve(tmp_path / "no_skip.safetensors", mix), with_skips, atol=1e-4)
    progress = SilentProgress()
    named = DeepImageMattingEstimator(tmp_path / "stage1_skip_sad_52.9.pth", CPU)
    alpha = named.estimate(*mix.case(2, 50, 70), progress)
    torch.testing.assert_close(alpha, with_skips, atol=1e-5, rtol=0)
    assert ["encoder features are added" in notice for notice in progress.notices] == [True]


def test_what_the_port_asks_for(network: DeepImageMatting, tmp_path: Path) -> None:
    safetensors.torch.save_file(network.state_dict(), tmp_path / "mine.safetensors")
    estimator = DeepImageMattingEstimator(tmp_path / "mine.safetensors", CPU)
    assert (estimator.name, estimator.device) == ("deep_image_matting", "cpu")
    assert not estimator.solves_regions
    assert estimator.patch_size % 32 == 0
    assert 0 < estimator.widest_band <= estimator.patch_size
    model = estimator.models[0]
    assert (model["name"], model["licence"]) == ("mine.safetensors", "unknown (brought by the user)")
    assert len(model["sha256"]) == 64


def test_numbers_that_are_not_finite_are_refused(network: DeepImageMatting, tmp_path: Path, mix: Any) -> None:
    state = network.state_dict()
    state["refine_pred.bias"] = torch.tensor([float("nan")])
    safetensors.torch.save_file(state, tmp_path / "broken.safetensors")
    with pytest.raises(ValueShapeError, match="not finite"):
        solve(tmp_path / "broken.safetensors", mix)


class Planted:
    """What a hostile checkpoint may hold: code that runs when it is opened by a pickle's rules."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def refuse(path: Path, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        DeepImageMattingEstimator(path, CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, zipped: bool) -> None:
    planted, path = tmp_path / "planted", tmp_path / "hostile.pth"
    torch.save({"state_dict": Planted(planted)}, path, _use_new_zipfile_serialization=zipped)
    refuse(path, "holds more than tensors, and opening it would run code")
    assert not planted.exists()


def test_a_whole_module_as_foamliu_saved_it_is_told_what_to_do(
    network: DeepImageMatting, tmp_path: Path
) -> None:
    torch.save({"epoch": 3, "model": network}, tmp_path / "BEST_checkpoint.tar")
    refuse(tmp_path / "BEST_checkpoint.tar", r"safetensors\.torch\.save_file\(model\.state_dict\(\)")


@pytest.mark.parametrize(
    "content", [b"", b"not weights at all", b"\x80\x02}q\x01.", b"PK\x03\x04" * 9], ids=len
)
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_damaged_file_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(content)
    refuse(path, "damaged")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"features.0.weight": torch.zeros(2)}, "is no Deep Image Matting checkpoint: expected keys as"),
        ({}, "holds no state dictionary, got dict"),
        ({"state_dict": {"a": 1}}, "expected a tensor named 'a', got int"),
        ([torch.zeros(1)], "holds no state dictionary, got list"),
        (torch.zeros(1), "holds no state dictionary, got Tensor"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "other.pth")
    refuse(tmp_path / "other.pth", message)


def test_an_old_torch_opens_no_checkpoint(
    network: DeepImageMatting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cu121")
    refuse(tmp_path / "mine.pth", "use torch 2.6 or later, or a .safetensors file")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "none.pth", "expected a model file, got")


def test_end_to_end(network: DeepImageMatting, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(network.state_dict(), path)
    plate = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    trimap = np.full((70, 90), 128, np.uint8)
    trimap[:, :40], trimap[:, -40:] = 0, 255
    named = Settings(estimator=f"deep_image_matting:{path}", device="cpu", samples=1)
    alpha = sm.refine(plate, trimap, named)
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()
    assert alpha[trimap == 128].std() > 0
