"""A studio in which things go wrong: a plate, an output folder that holds somebody's results, and one engine.

Every end is a whole result or one clear sentence, and an output folder as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import yaml

import semantic_matte as sm
from semantic_matte.jobs import MatteRequest, matte_files
from semantic_matte.ports import SilentProgress


class Studio:
    """Writes what goes in, reads what came out, and says what every end must be like."""

    layers: Callable[[Path], dict[str, np.ndarray]]

    @staticmethod
    def write_exr(path: Path, pixels: np.ndarray, names: str = "RGB") -> Path:
        channels = {name: np.ascontiguousarray(pixels[..., index]) for index, name in enumerate(names)}
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, channels).write(str(path))
        return path

    @staticmethod
    def write_hints(path: Path, *rows: dict[str, Any]) -> Path:
        path.write_text(yaml.safe_dump({"instances": list(rows)}), encoding="utf-8")
        return path

    @staticmethod
    def sidecar(path: Path) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record

    @staticmethod
    def assert_one_sentence(message: str) -> None:
        assert message
        assert message[0].isupper() or message[0] in "'\""
        assert message.rstrip().endswith((".", "?"))
        assert len(message.strip().splitlines()) == 1
        assert "Traceback" not in message

    @staticmethod
    def assert_untouched(folder: Path) -> None:
        assert [path.name for path in folder.iterdir()] == ["chelsea.mattes.exr"]
        assert (folder / "chelsea.mattes.exr").read_text() == "yesterday's"

    @staticmethod
    def matte(engine: sm.Engine, plate: Path, out: Path, **more: Any) -> SilentProgress:
        progress = SilentProgress()
        matte_files(engine, MatteRequest((plate,), out, **more), progress)
        return progress


@pytest.fixture
def studio(layers_on_frame: Callable[[Path], dict[str, np.ndarray]]) -> Studio:
    made = Studio()
    made.layers = layers_on_frame
    return made


@pytest.fixture
def plate(small_photos: Path) -> Path:
    """200x133"""
    return small_photos / "chelsea.png"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder that already holds somebody's results."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "chelsea.mattes.exr").write_text("yesterday's")
    return folder


# One engine for all: what a slip costs must not be a reload, and no failure may spoil the next frame.
@pytest.fixture(scope="module")
def engine() -> sm.Engine:
    return sm.Engine(sm.Settings(passes=1, dilation_inner=0.03, dilation_outer=0.03))
