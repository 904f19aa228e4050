"""A real photo's mattes, as the engine makes them, in Blender's Image and Cryptomatte nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.layers import write_layers

# A half between 0.5 and 1 is off by up to 2^-12.
HALF = 2**-12


@pytest.fixture(scope="module")
def coffee(photos: Path) -> tuple[sm.Plate, list[sm.Matte]]:
    """The photo and the mattes of what lies in its middle, solved in one pass."""
    plate = sm.read_plate(photos / "coffee.png")
    settings = sm.Settings(
        find=("cup", "carrot"), confidence=0.2, segmenter="starter", passes=1, samples=1, device="cpu"
    )
    return plate, sm.matte(plate, settings)


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["centred", "plate"])
def test_every_object_of_the_photo(blender, note, coffee, tmp_path: Path, choice: str) -> None:
    plate, mattes = coffee
    slots = [matte.slot for matte in mattes]
    assert len(slots) >= 3
    layers, cryptomatte = tmp_path / "coffee.mattes.exr", tmp_path / "coffee.cryptomatte.exr"
    assert write_layers(layers, plate, mattes, {}, data_window=choice) == []
    assert write_cryptomatte(cryptomatte, plate, mattes, {}, data_window=choice) == []
    steps = [blender.layer(layers, slot) for slot in slots]
    steps += [blender.coverage(cryptomatte, slot) for slot in slots]
    composed = blender.compose(plate.size, steps)
    moved = composed.resampling if choice == "centred" else 0
    for number, matte in enumerate(mattes):
        soft = (matte.alpha > 0.05) & (matte.alpha < 0.95)
        assert np.count_nonzero(soft) > 100
        layer, coverage = composed.pictures[number], composed.pictures[number + len(mattes)]
        rounded = matte.alpha.astype(np.float16).astype(np.float32)
        difference = note(composed, f"coffee, layer, {choice}", matte.slot, layer, rounded)
        assert difference <= moved
        assert np.abs(layer - matte.alpha).max() <= HALF + moved
        difference = note(composed, f"coffee, cryptomatte, {choice}", matte.slot, coverage, matte.alpha)
        assert difference <= max(1e-6, moved)
