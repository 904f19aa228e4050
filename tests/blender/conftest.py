"""The third ring: what was written, loaded by real Blenders in processes of their own.

They are found by SEMANTIC_MATTE_BLENDERS, a list of Pythons that have Blender as a module:

    python3.11 -m venv blender && blender/bin/pip install bpy==4.2.23 pytest OpenEXR
    SEMANTIC_MATTE_BLENDERS=$PWD/blender/bin/python python -m pytest tests/blender

Versions 4.2.23, 4.5.15 and 5.0.1 are for Python 3.11, 5.2.3 is for 3.13. Without the variable these tests are
skipped. A run ends with a table of the largest differences.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from semantic_matte.types import Box, Instance, Matte, Plate

VARIABLE = "SEMANTIC_MATTE_BLENDERS"
NO_BLENDER = (
    f"no Blender: {VARIABLE} names no Python that has bpy (python3.11 -m venv blender && "
    f"blender/bin/pip install bpy==4.2.23 pytest OpenEXR && export {VARIABLE}=$PWD/blender/bin/python)"
)
SCRIPT = Path(__file__).parent / "compose.py"
SECONDS = 120

ROWS = pytest.StashKey[list[tuple[str, str, str, float]]]()

Step = dict[str, str]


def layer(file: Path, socket: str) -> Step:
    """Render one output of an Image node."""
    return {"file": str(file), "socket": socket}


def coverage(file: Path, matte_id: str, layer_name: str = "SemanticMatte") -> Step:
    """Render the Matte output of a Cryptomatte node."""
    return {"file": str(file), "matte_id": matte_id, "layer_name": layer_name}


@dataclass(frozen=True)
class Composed:
    """version: as (4, 2, 23). outputs: names of the node's outputs, for each step. pictures: (H, W) float32."""

    version: tuple[int, ...]
    outputs: list[list[str]]
    pictures: list[np.ndarray]

    @property
    def resampling(self) -> float:
        """The largest error of a picture that is not of the frame's size, known of 4.2.23 to 5.2.3.

        4.2 moves it into the frame by whole pixels, exactly. Since 4.5 it is resampled, by a bilinear filter
        whose coordinates are float32: each axis is wrong by the rounding of a coordinate, twice in 5.2, times
        the difference of neighbours. Noise was wrong by .00012 at 1920 pixels and .00028 at 3840.
        """
        return 0.0 if self.version < (4, 5) else 4 * max(self.pictures[0].shape) / 2**24


@dataclass(frozen=True)
class Blender:
    """A Python that has bpy, and a folder for its files."""

    python: str
    folder: Path

    layer = staticmethod(layer)
    coverage = staticmethod(coverage)

    def compose(self, size: tuple[int, int], steps: Sequence[Step]) -> Composed:
        """Run the steps in a compositor of a frame of size (H, W), in one new process."""
        pictures = [self.folder / f"{number}.exr" for number in range(len(steps))]
        job = {
            "size": [size[1], size[0]],
            "steps": [{**step, "out": str(out)} for step, out in zip(steps, pictures, strict=True)],
            "answer": str(self.folder / "answer.json"),
        }
        (self.folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        done = subprocess.run(
            # Isolated: it must not see the project.
            [self.python, "-I", str(SCRIPT), str(self.folder / "job.json")],
            env={**os.environ, "BLENDER_USER_RESOURCES": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, (
            f"{self.python} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        answer = json.loads((self.folder / "answer.json").read_text(encoding="utf-8"))
        version = tuple(int(part) for part in answer["version"].split()[0].split("."))
        return Composed(version, answer["outputs"], [self._grey(path, size) for path in pictures])

    @staticmethod
    def _grey(path: Path, size: tuple[int, int]) -> np.ndarray:
        """(H, W) float32 of a picture that has the same in R, G and B."""
        with OpenEXR.File(str(path), separate_channels=True) as file:
            red, green, blue = (file.channels()[name].pixels.copy() for name in "RGB")
        assert red.dtype == np.float32
        assert red.shape == size
        np.testing.assert_array_equal(red, green)
        np.testing.assert_array_equal(red, blue)
        return red


def _blenders() -> list[Any]:
    """One parameter for each Python, called by its environment's folder; or one that skips."""
    pythons = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    if not pythons:
        return [pytest.param("", id="none", marks=pytest.mark.skip(reason=NO_BLENDER))]
    return [pytest.param(python, id=Path(python).parent.parent.name or python) for python in pythons]


@pytest.fixture(params=_blenders())
def blender(request: pytest.FixtureRequest, tmp_path: Path) -> Blender:
    """Each Blender in turn."""
    folder = tmp_path / "blender"
    folder.mkdir()
    return Blender(request.param, folder)


Note = Callable[[Composed, str, str, np.ndarray, np.ndarray], float]


@pytest.fixture
def note(pytestconfig: pytest.Config) -> Note:
    """Puts the largest difference of two pictures into the table, and returns it."""

    def put(composed: Composed, kind: str, slot: str, found: np.ndarray, expected: np.ndarray) -> float:
        difference = float(np.abs(found - expected).max())
        version = ".".join(map(str, composed.version))
        pytestconfig.stash.setdefault(ROWS, []).append((version, kind, slot, difference))
        return difference

    return put


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table of differences, if any were measured."""
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("largest differences in real Blenders")
    terminalreporter.write_line(f"{'Blender':<9}{'picture':<34}{'slot':<22}largest difference")
    for version, kind, slot, difference in rows:
        terminalreporter.write_line(f"{version:<9}{kind:<34}{slot:<22}{difference:.3g}")


@dataclass(frozen=True)
class Shots:
    """Plates and mattes with a place that can be told: an ellipse in one corner, a bar, a gradient."""

    @staticmethod
    def plate(size: tuple[int, int], display: Box | None = None, corner: tuple[int, int] = (0, 0)) -> Plate:
        """A black plate (H, W) whose data window begins at `corner` (x, y)."""
        data = Box.of_frame(*size).shifted(*corner)
        return Plate(np.zeros((*size, 3), np.float32), data_window=data, display_window=display)

    @staticmethod
    def matte(plate: Plate, slot: str, window: Box, seed: int = 0, scale: float = 1.0) -> Matte:
        """Alphas in steps of 1/1024 that half holds exactly, all above 0, another one at each pixel."""
        steps = np.random.default_rng(seed).integers(1, 1025, (window.height, window.width))
        crop = np.floor(steps * scale).clip(1).astype(np.float32) / 1024
        mask = np.ones(crop.shape, np.bool_)
        return Matte(Instance(mask, window, plate.size, "thing", 0.9, slot), crop, window)

    @staticmethod
    def with_crop(matte: Matte, crop: np.ndarray) -> Matte:
        """The matte with another alpha on its window."""
        return replace(matte, crop=crop)

    @staticmethod
    def empty(plate: Plate, slot: str) -> Matte:
        """A matte that is 0 everywhere."""
        window = Box(0, 0, 5, 4)
        mask = np.ones((4, 5), np.bool_)
        instance = Instance(mask, window, plate.size, "thing", 0.9, slot)
        return Matte(instance, np.zeros((4, 5), np.float32), window)

    @staticmethod
    def write_plate(path: Path, plate: Plate, pixels: np.ndarray) -> None:
        """A plain half EXR in the plate's windows with pixels (H, W) in R, G and B, as a camera's might be."""
        assert plate.data_window is not None
        assert plate.display_window is not None
        spec = OpenImageIO.ImageSpec(plate.size[1], plate.size[0], 3, OpenImageIO.HALF)
        spec.x, spec.y = plate.data_window.x0, plate.data_window.y0
        spec.full_x, spec.full_y = plate.display_window.x0, plate.display_window.y0
        spec.full_width, spec.full_height = plate.display_window.width, plate.display_window.height
        output = OpenImageIO.ImageOutput.create(str(path))
        assert output.open(str(path), spec)
        assert output.write_image(np.repeat(pixels[..., None], 3, axis=2).astype(np.float32))
        output.close()


@pytest.fixture(scope="session")
def shots() -> Shots:
    return Shots()
