"""What Nuke's Inference node is given."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from semantic_matte.cli import app
from semantic_matte.errors import OutputError
from semantic_matte.exports import export_cat
from semantic_matte.networks.matting import MattingNetwork
from semantic_matte.networks.nuke_cat import linear_to_srgb
from semantic_matte.weights import load_network


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return export_cat(tmp_path_factory.mktemp("cat"))


def load(path: Path) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(io.BytesIO(path.read_bytes()))


def picture(height: int, width: int) -> torch.Tensor:
    made = torch.rand((1, 4, height, width), generator=torch.Generator().manual_seed(height))
    made[:, 3] = 0.5
    made[:, 3, : height // 3], made[:, 3, -(height // 3) :] = 0.0, 1.0
    return made


@pytest.mark.parametrize("size", [(96, 96), (61, 97), (33, 130)])
def test_equals_the_network(exported: tuple[Path, ...], size: tuple[int, int]) -> None:
    given = picture(*size)
    network = MattingNetwork()
    load_network(network, "matting", "cpu")
    expected = network.float()(linear_to_srgb(given[:, :3]), given[:, 3:])
    with torch.inference_mode():
        torch.testing.assert_close(load(exported[0])(given), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(96, 96), (61, 97)])
def test_stays_near_in_half_precision(exported: tuple[Path, ...], size: tuple[int, int]) -> None:
    module = load(exported[0])
    given = picture(*size)
    with torch.inference_mode():
        exact = module(given)
        near = module.half()(given.half())
    assert near.dtype == torch.float16
    assert (near.float() - exact).abs().mean() < 0.01


def test_scene_linear_is_an_attribute_that_nuke_can_show(exported: tuple[Path, ...]) -> None:
    module = load(exported[0])
    assert module.scene_linear == 1
    given = picture(64, 64)
    with torch.inference_mode():
        first = module(given)
        module.scene_linear = 0
        assert (module(given) - first).abs().max() > 0.001
    script = exported[1].read_text(encoding="ascii")
    assert "addUserKnob {3 scene_linear " in script
    assert "channelsIn rgba.red,rgba.green,rgba.blue,rgba.alpha" in script
    assert script.count("{") == script.count("}")


def test_the_listing_names_the_cat(exported: tuple[Path, ...]) -> None:
    listing = json.loads(exported[2].read_text(encoding="ascii"))
    assert set(listing) >= {"minimum_nuke_version_required", "version", "category", "description", "cats"}
    (cat,) = listing["cats"]
    assert set(cat) == {"filepath", "name", "icon"}
    assert cat["filepath"] in exported[1].read_text(encoding="ascii")


def test_from_a_shell(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export-cat", "-o", str(tmp_path / "cat")])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "cat").iterdir()) == [
        "cat.json",
        "semantic_matte.nk",
        "semantic_matte.pt",
    ]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        export_cat(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"
