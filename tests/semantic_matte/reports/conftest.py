"""Shots as a run leaves them, small and written by the real writers, and their plates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semantic_matte.collecting import Collected, collect
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.sidecar import SlotFacts, describe, file_record, write_json
from semantic_matte.result_files import ResultFiles
from semantic_matte.settings import Settings
from semantic_matte.types import Box, Instance, Matte, Plate

HEIGHT, WIDTH = 36, 64
MODELS = ({"name": "starter", "licence": "Apache-2.0", "sha256": "a" * 64, "origin": "here"},)


@dataclass(frozen=True)
class Shot:
    """A shot of two discs on a ramp. Each slot's facts: (slot, label, source, flicker, spread) of a frame."""

    folder: Path
    name: str = "shot"
    settings: Settings = field(default_factory=lambda: Settings(passes=2))
    slots: tuple[tuple[str, str], ...] = (("sm_dog_01", "dog"), ("sm_ball_01", "ball"))
    digits: int = 4
    data_window: Box | None = None

    def plate(self, number: int) -> Plate:
        """A grey ramp that brightens over the shot."""
        ramp = np.linspace(0.1, 0.4, WIDTH, dtype=np.float32)[np.newaxis, :, np.newaxis]
        pixels = np.repeat(np.repeat(ramp + 0.001 * (number % 100), HEIGHT, axis=0), 3, axis=2)
        return Plate(pixels.astype(np.float32), self.name, frame=number, data_window=self.data_window)

    def path(self, what: str, number: int, ending: str) -> Path:
        return self.folder / f"{self.name}.{what}.{number:0{self.digits}d}.{ending}"

    def write(
        self,
        numbers: Sequence[int],
        *,
        absent: Mapping[str, Sequence[int]] | None = None,
        carried: Mapping[str, Sequence[int]] | None = None,
        flicker: Callable[[str, int], float | None] = lambda slot, number: 0.01,
        spread: Callable[[str, int], float] = lambda slot, number: 0.02,
        radius: Callable[[str, int], float] = lambda slot, number: 8.0,
        notices: Mapping[int, Sequence[str]] | None = None,
        models: Sequence[Mapping[str, str]] = MODELS,
    ) -> None:
        """Write these frames' results as a run does."""
        for number in numbers:
            mattes, facts = [], {}
            for index, (slot, label) in enumerate(self.slots):
                if number in (absent or {}).get(slot, ()):
                    mattes.append(Matte.absent(slot, label, (HEIGHT, WIDTH)))
                    continue
                at = 16 + 28 * index
                mattes.append(disc(slot, label, at, 18, radius(slot, number), spread(slot, number)))
                source = "carried" if number in (carried or {}).get(slot, ()) else "found"
                facts[slot] = SlotFacts(source, flicker(slot, number))
            self._write(number, mattes, facts, (notices or {}).get(number, ()), models)

    def _write(
        self,
        number: int,
        mattes: Sequence[Matte],
        facts: Mapping[str, SlotFacts],
        notices: Sequence[str],
        models: Sequence[Mapping[str, str]],
    ) -> None:
        plate = self.plate(number)
        named = Path(f"{self.name}.{number:0{self.digits}d}.exr")
        shown = self.settings.model_copy(update={"contact_sheet": False})
        files = ResultFiles.of(self.folder, named, [slot for slot, _ in self.slots], shown)
        write_layers(files.layers, plate, mattes, {}, self.settings.spread, data_window="centred")
        if files.cryptomatte:
            write_cryptomatte(files.cryptomatte, plate, mattes, {})
        for path, matte in zip(files.single, mattes, strict=False):
            write_alpha(path, matte.alpha, plate)
        records = [file_record(one.kind, one.path) for one in files.besides_sidecar]
        record = describe(
            plate, mattes, self.settings, models, "cpu", notices, files=records, facts=facts, read_as="sRGB"
        )
        write_json(files.sidecar, record)

    def collect(self, frames: Sequence[int], **more: Any) -> Collected:
        """Collect with its own plates."""
        return collect(self.folder, self.name, frames, self.plate, self.settings, **more)

    def record(self) -> dict[str, Any]:
        return json.loads((self.folder / f"{self.name}.matte.json").read_text(encoding="utf-8"))


def disc(slot: str, label: str, x: float, y: float, radius: float, spread: float) -> Matte:
    """A soft disc on the whole frame; spread is the same everywhere."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    alpha = np.clip((radius - np.hypot(rows - y, columns - x)) / 3 + 0.5, 0, 1).astype(np.float32)
    instance = Instance.from_mask(alpha > 0.5, label, 0.75)
    named = Instance(instance.crop, instance.box, instance.frame_size, label, 0.75, slot)
    return Matte(named, alpha, Box.of_frame(HEIGHT, WIDTH), np.full_like(alpha, spread), passes=2)


@pytest.fixture
def make_shot(tmp_path: Path) -> Callable[..., Shot]:
    """Shot(...) in a folder of its own, unless another is given."""

    def make(**values: Any) -> Shot:
        folder = values.pop("folder", tmp_path / "results")
        folder.mkdir(exist_ok=True)
        return Shot(folder, **values)

    return make


@pytest.fixture
def shot(make_shot: Callable[..., Shot]) -> Shot:
    return make_shot()


@pytest.fixture(scope="session")
def write_evil_shot() -> Callable[[Path, str], None]:
    """Writes and collects a shot of 20 frames, one of them missing, whose texts all hold something given."""

    def write(folder: Path, text: str) -> None:
        shot = Shot(folder, slots=(("sm_dog_01", text), ("sm_ball_01", "ball")))
        shot.write(
            [number for number in range(1001, 1021) if number != 1015],
            absent={"sm_ball_01": [1001, 1002]},
            carried={"sm_dog_01": [1008, 1009]},
            flicker=lambda slot, number: 0.01 + 0.002 * (number % 7),
            notices={1003: [text]},
            models=[{**MODELS[0], "licence": text}],
        )
        shot.collect(range(1001, 1021), cuts=[1011], notices=[text])

    return write
