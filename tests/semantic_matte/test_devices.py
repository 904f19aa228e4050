"""Which device is taken, and that one which is not there is never quietly replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import semantic_matte as sm
from semantic_matte.devices import choose_device, device_problem, device_title
from semantic_matte.errors import DeviceError, SettingsError

no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU")
no_mps = pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has an Apple GPU")


def test_the_cpu_as_asked() -> None:
    assert choose_device("cpu") == ("cpu", "Networks run on the CPU, as asked.")
    assert device_title("cpu") == "the CPU"


@no_cuda
@no_mps
def test_auto_says_why_it_took_the_cpu() -> None:
    device, sentence = choose_device("auto")
    assert device == "cpu"
    assert sentence == f"Networks run on the CPU: {device_problem('cuda')}"
    assert sentence.endswith(".")


@pytest.mark.parametrize("asked", [pytest.param("cuda", marks=no_cuda), pytest.param("mps", marks=no_mps)])
def test_a_device_that_is_not_there_is_an_error_with_a_way_out(asked: str, photos: Path) -> None:
    with pytest.raises(DeviceError, match=f"Device '{asked}' can't be used: .*Use --device cpu"):
        choose_device(asked)
    with pytest.raises(DeviceError):
        sm.segment(photos / "chelsea.png", sm.Settings(device=asked))


@cuda
@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_a_gpu_is_named(asked: str) -> None:
    device, sentence = choose_device(asked)
    assert device == "cuda:0"
    assert torch.cuda.get_device_name(0) in sentence


def test_an_unknown_device_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="'auto', 'cpu', 'cuda' or 'mps'"):
        sm.Settings(device="abacus")
