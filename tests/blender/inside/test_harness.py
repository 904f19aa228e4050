"""The fixtures themselves: what the other files here stand on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np


def test_the_scene_renders_its_plate_exactly(
    scene: Any, plate_file: Path, render: Callable[[Any], Any], read_exr: Callable[[Path], Any]
) -> None:
    rendered, plate = render(scene), read_exr(plate_file)
    assert set(plate) == set("RGBA")
    for name, pixels in plate.items():
        assert pixels.shape == (48, 64)
        np.testing.assert_array_equal(rendered[name], pixels)


def test_each_scene_is_a_new_files(scene: Any) -> None:
    assert [one.name for one in bpy.data.scenes] == [scene.name]
    assert [image.name for image in bpy.data.images if image.source == "FILE"] == ["plate.exr"]
    assert len(scene.objects) == 0


def test_the_photo_is_small(photo: Path) -> None:
    image = bpy.data.images.load(str(photo))
    assert tuple(image.size) == (128, 128)
    bpy.data.images.remove(image)


def test_the_worker_can_be_reached(worker: Any) -> None:
    assert worker.controls()
    assert worker.status(device="cpu") is None or worker.status(device="cpu")["version"]
