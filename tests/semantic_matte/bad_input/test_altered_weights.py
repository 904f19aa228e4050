"""Models that were altered, cut or lost: one clear sentence, and an output folder as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import semantic_matte as sm
from semantic_matte import errors, weights

ROOT = Path(__file__).parent.parent.parent.parent
CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def weights_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The models in a folder of the test's own, which the package takes for its own."""
    folder = tmp_path / "weights"
    shutil.copytree(ROOT / "weights", folder, ignore=shutil.ignore_patterns("training"))
    monkeypatch.setattr(weights, "_FOLDERS", (folder,))
    weights.manifest.cache_clear()
    yield folder
    weights.manifest.cache_clear()


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_a_bit_of_the_detector(folder: Path) -> None:
    flip_a_bit(folder / "nanodet.safetensors")


def flip_a_bit_of_the_shapes(folder: Path) -> None:
    flip_a_bit(folder / "class_shapes.safetensors")


def lose_the_mask_network(folder: Path) -> None:
    (folder / "box_mask.safetensors").unlink()


def lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.yaml").unlink()


def tear_the_manifest(folder: Path) -> None:
    (folder / "manifest.yaml").write_text("models: {nanodet: {file: ")


def empty_the_manifest(folder: Path) -> None:
    (folder / "manifest.yaml").write_text("")


def cut_a_file_and_hide_it(folder: Path) -> None:
    path = folder / "box_mask.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    listing = folder / "manifest.yaml"
    before = hashlib.sha256(content).hexdigest()
    after = hashlib.sha256(content[:1000]).hexdigest()
    listing.write_text(listing.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (flip_a_bit_of_the_detector, "damaged or altered"),
        (flip_a_bit_of_the_shapes, "damaged or altered"),
        (lose_the_mask_network, "can't be read"),
        (lose_the_manifest, "missing"),
        (tear_the_manifest, "can't be read"),
        (empty_the_manifest, "can't be read"),
        (cut_a_file_and_hide_it, "not a safetensors file"),
    ],
)
def test_altered_weights(
    studio: Any, weights_copy: Path, plate: Path, out: Path, harm: Callable[[Path], None], said: str
) -> None:
    harm(weights_copy)
    with pytest.raises(errors.WeightsError, match=said) as raised:
        studio.matte(sm.Engine(), plate, out)
    studio.assert_one_sentence(str(raised.value))
    studio.assert_untouched(out)


def test_altered_weights_by_the_command_line(
    studio: Any, command_line: CommandLine, plate: Path, tmp_path: Path, out: Path
) -> None:
    core = tmp_path / "clone" / "core"
    shutil.copytree(ROOT / "core", core, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "weights", core.parent / "weights", ignore=shutil.ignore_patterns("training"))
    flip_a_bit(core.parent / "weights" / "nanodet.safetensors")
    done = command_line("matte", plate, "-o", out, core=core)
    assert done.returncode == 1
    studio.assert_one_sentence(done.stderr.splitlines()[-1])
    assert "damaged or altered" in done.stderr
    studio.assert_untouched(out)
    checked = command_line("doctor", "--json", core=core)
    assert checked.returncode == 1
    bad = [row["what"] for row in json.loads(checked.stdout) if row["status"] == "error"]
    assert bad == ["model nanodet"]
