"""A node over a small plate that shows mattes: files and records as the engine writes them, without it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from fake_nuke import FakeNuke

FRAMES = (1001, 1002, 1003)
SLOT = "sm_person_01"
SIZE = (8, 8)


def write_layers(path: Path, value: float = 0.5) -> None:
    """A frame's layers: one instance, of one alpha."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {f"{SLOT}.A": np.full(SIZE[::-1], value, np.float16)}).write(str(path))


def write_result(folder: Path, stem: str = "plate", frames: Sequence[int | None] = FRAMES) -> None:
    """A result in a folder, as the command line writes it; None for a single picture without a number."""
    models = [{"name": "network"}]
    for frame in frames:
        number = "" if frame is None else f".{frame:04d}"
        write_layers(folder / f"{stem}.mattes{number}.exr")
        write_layers(folder / f"{stem}.cryptomatte{number}.exr")
        row = {"slot": SLOT, "label": "person", "score": 0.9, "source": "found", "box": [1, 1, 5, 5]}
        record = {"schema": 1, "plate": {"size": list(SIZE)}, "slots": [row], "models": models, "device": "cpu"}
        (folder / f"{stem}.matte{number}.json").write_text(json.dumps(record), encoding="utf-8")
    numbers = [frame for frame in frames if frame is not None]
    if len(numbers) > 1:
        found = f"{numbers[0]}-{numbers[-1]}"
        row = {"slot": SLOT, "label": "person", "score": 0.9, "found": found, "carried": ""}
        record = {"schema": 1, "slots": [row], "models": models, "device": "cpu"}
        (folder / f"{stem}.matte.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / f"{stem}.contact.png").write_bytes(b"png")


class ShownMattes:
    """A saved script: Read, Grade, a node that shows mattes of these frames, and a Write below it."""

    def __init__(self, host: FakeNuke, pattern: str, folder: Path) -> None:
        import semantic_matte_nuke as sm

        nodes = host.nuke.nodes
        self.host = host
        self.root = folder
        self.read = nodes.Read(file=pattern, first=FRAMES[0], last=FRAMES[-1])
        self.grade = nodes.Grade(multiply=2)
        self.grade.setInput(0, self.read)
        self.node = sm.create(self.grade)
        self.write = nodes.Write(file=f"{folder.as_posix()}/out/out.%04d.exr", file_type="exr")
        self.write.setInput(0, self.node)
        host.nuke.root()["first_frame"].setValue(FRAMES[0])
        host.nuke.root()["last_frame"].setValue(FRAMES[-1])
        (folder / "shot").mkdir(parents=True, exist_ok=True)
        host.save(folder / "shot" / "comp.nk")
        self.job = (
            folder / "shot" / "comp.semantic_matte" / self.node["semantic_matte_identity"].value() / ("0" * 16)
        )
        self.show()

    def show(self, views: tuple[str, ...] = ("main",), frames: tuple[int, ...] = FRAMES) -> None:
        """Have the node show a result that is made now, of what flows into it now."""
        from semantic_matte_nuke import (
            compute_plan,
            finished_results,
            node_knobs,
            node_results,
            source_record,
        )

        for view in views:
            write_result(self.job / view, frames=frames)
        shown, _ = finished_results.read_shown(self.job, views, frames, 0, False)
        settings = node_knobs.settings_of(self.node)
        described = compute_plan.described(self.node, settings, frames, views)
        source_record.write(self.job, described, frames, json.loads(shown.as_json()))
        node_results.apply_results(self.node, shown, "test")

    def matte(self, frame: int, view: str = "main") -> Path:
        """A frame's file of layers."""
        return self.job / view / f"plate.mattes.{frame}.exr"

    def render(self, first: int = FRAMES[0], last: int = FRAMES[-1], **more: Any) -> None:
        """As the Render button does."""
        (self.root / "out").mkdir(exist_ok=True)
        self.host.render(self.write, first, last, **more)
