"""ViTMatte from a folder: a tiny random one against transformers itself, and folders that are refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import semantic_matte as sm
from semantic_matte.errors import MissingPackageError, WeightsError
from semantic_matte.estimators.vitmatte import VitMatte
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings

transformers = pytest.importorskip(
    "transformers", reason="transformers is missing: pip install 'semantic-matte[transformers]'"
)

CPU = Settings(device="cpu")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `save_pretrained` writes of a network of a few thousand weights."""
    backbone = transformers.VitDetConfig(
        num_channels=4,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        pretrain_image_size=64,
        patch_size=16,
        window_size=2,
        window_block_indices=[0],
        out_features=["stage2"],
        use_relative_position_embeddings=True,
    )
    config = transformers.VitMatteConfig(
        backbone_config=backbone,
        hidden_size=16,
        convstream_hidden_sizes=[4, 6, 8],
        fusion_hidden_sizes=[8, 8, 4, 4],
    )
    torch.manual_seed(0)
    network = transformers.VitMatteForImageMatting(config)
    with torch.no_grad():
        for name, value in network.named_parameters():
            # As it starts its answer is flat, and would prove nothing.
            value.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.2)
    folder = tmp_path_factory.mktemp("vitmatte") / "tiny"
    network.save_pretrained(folder)
    values = {"do_normalize": True, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.6, 0.7]}
    (folder / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "tiny"))


def change(path: Path, **values: Any) -> None:
    given = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(given | values), encoding="utf-8")


@pytest.mark.parametrize(("count", "height", "width"), [(1, 64, 64), (2, 50, 75), (1, 33, 31)])
def test_it_gives_what_transformers_gives(
    pristine: Path, mix: Any, count: int, height: int, width: int
) -> None:
    colour, trimap = mix.case(count, height, width)
    alpha = VitMatte(pristine, CPU).estimate(colour, trimap, SilentProgress())
    network = transformers.VitMatteForImageMatting.from_pretrained(pristine).eval()
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.5, 0.6, 0.7])
    picture = (colour - mean.reshape(1, 3, 1, 1)) / std.reshape(1, 3, 1, 1)
    levels = trimap.float().div(255).mul(2).round().div(2)[:, None]
    joined = torch.cat((picture, levels), 1)
    # Padded by 32 and by carrying the border on.
    border = (0, -width % 32, 0, -height % 32)
    joined = torch.nn.functional.pad(joined, border, mode="replicate")
    with torch.inference_mode():
        expected = network(pixel_values=joined).alphas[:, 0, :height, :width]
    unknown = trimap == 128
    assert expected[unknown].std() > 0.01, "a flat answer would prove nothing"
    torch.testing.assert_close(alpha[unknown], expected[unknown], atol=1e-5, rtol=0)
    assert torch.equal(alpha[~unknown], (trimap[~unknown] == 255).float())


def test_pictures_are_normalised_as_its_processor_does(pristine: Path, mix: Any) -> None:
    """Against transformers' own processor, where it can be had (it wants torchvision)."""
    processor = transformers.VitMatteImageProcessor.from_pretrained(pristine)
    colour = (mix.case(1, 64, 64)[0] * 255).round()
    trimap = torch.zeros(1, 64, 64, dtype=torch.uint8)
    trimap[:, 16:], trimap[:, 32:] = 128, 255
    picture = colour[0].permute(1, 2, 0).numpy().astype(np.uint8)
    given = processor(images=picture, trimaps=trimap[0].numpy(), return_tensors="pt")["pixel_values"]
    network = transformers.VitMatteForImageMatting.from_pretrained(pristine).eval()
    with torch.inference_mode():
        expected = network(pixel_values=given).alphas[0, 0]
    alpha = VitMatte(pristine, CPU).estimate(colour / 255, trimap, SilentProgress())[0]
    # It gives the unknown as 128 / 255, not as a half.
    torch.testing.assert_close(alpha[16:32], expected[16:32], atol=0.01, rtol=0)


def test_what_the_port_asks_for(pristine: Path) -> None:
    estimator = VitMatte(pristine, CPU)
    assert (estimator.name, estimator.device, estimator.solves_regions) == ("vitmatte", "cpu", False)
    assert estimator.patch_size % 32 == 0
    assert 0 < estimator.widest_band <= estimator.patch_size
    model = estimator.models[0]
    assert (model["name"], model["licence"]) == ("tiny/model.safetensors", "unknown (brought by the user)")
    assert len(model["sha256"]) == 64


def test_nothing_is_printed(pristine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    VitMatte(pristine, CPU)
    assert capfd.readouterr() == ("", "")


def test_no_normalisation_and_one_number_for_all(folder: Path) -> None:
    change(folder / "preprocessor_config.json", do_normalize=False)
    assert VitMatte(folder, CPU)._mean == (0.0, 0.0, 0.0)
    change(folder / "preprocessor_config.json", do_normalize=True, image_mean=0.5)
    assert VitMatte(folder, CPU)._mean == (0.5, 0.5, 0.5)


def refuse(folder: Path, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        VitMatte(folder, CPU)
    assert "\n" not in str(caught.value)


def test_a_name_of_a_hub_is_no_folder(tmp_path: Path) -> None:
    refuse(tmp_path / "hustvl" / "vitmatte-small", "expected a folder .* models are not downloaded")


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_refused(folder: Path, file: str) -> None:
    (folder / file).unlink()
    refuse(folder, "tiny")


def test_a_pickle_is_not_opened(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    refuse(folder, "can't be read as a ViTMatte model")


def test_damaged_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not weights at all")
    refuse(folder, "can't be read as a ViTMatte model")


def test_weights_that_are_not_all_there_are_refused(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    del weights["decoder.matting_head.matting_convs.3.bias"]
    safetensors.torch.save_file(weights, folder / "model.safetensors", {"format": "pt"})
    refuse(folder, "'decoder.matting_head.matting_convs.3.bias' is not there")


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    change(folder / "config.json", convstream_hidden_sizes=[4, 6, 10])
    refuse(folder, "tiny")


def test_another_kind_of_model_is_refused(folder: Path) -> None:
    change(folder / "config.json", model_type="bert")
    refuse(folder, "expected a model of type 'vitmatte', got 'bert'")


@pytest.mark.parametrize("key", ["use_pretrained_backbone", "use_timm_backbone"])
def test_a_backbone_from_elsewhere_is_not_fetched(folder: Path, key: str) -> None:
    change(folder / "config.json", **{key: True})
    refuse(folder, "fetched from elsewhere")


@pytest.mark.parametrize("mean", [None, [0.5, 0.5], "0.5", [0.5, "a", 0.5]])
def test_a_processor_without_three_numbers_is_refused(folder: Path, mean: Any) -> None:
    change(folder / "preprocessor_config.json", image_mean=mean)
    refuse(folder, "expected three numbers in 'image_mean'")


def test_without_transformers_the_extra_is_named(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'semantic-matte\[transformers\]'"):
        VitMatte(pristine, CPU)


def test_end_to_end(pristine: Path) -> None:
    plate = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    trimap = np.full((70, 90), 128, np.uint8)
    trimap[:, :40], trimap[:, -40:] = 0, 255
    alpha = sm.refine(plate, trimap, Settings(estimator=f"vitmatte:{pristine}", device="cpu", samples=1))
    assert alpha.shape == (70, 90)
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()
    assert alpha[trimap == 128].std() > 0
