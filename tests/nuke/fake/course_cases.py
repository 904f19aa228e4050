"""Shots with a node behind them in a saved script, for tests of what is done when mattes are generated."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import OpenEXR

_numbers = itertools.count(1)
# Knobs that make a job small: one pass, no loop between samples, on the CPU.
QUICK = {"device": "cpu", "passes": 1, "samples": 1}


class Shot(NamedTuple):
    """A script with a Read and a node behind it. folder: of script and plates."""

    folder: Path
    read: Any
    node: Any

    @property
    def cache(self) -> Path:
        """Where its results lie."""
        return self.folder / "shot.semantic_matte"


def ours(name: str) -> Any:
    """A module of the plugin, as this host has it."""
    return importlib.import_module(f"semantic_matte_nuke.{name}")


def shot(
    host: Any, work: Path, plate: Callable[..., str], frames: Sequence[int] = (1001,), **knobs: Any
) -> Shot:
    """A saved script of its own folder, with plates of these frames."""
    folder = work / f"shot_{next(_numbers)}"
    pattern = plate(folder / "plates", frames=frames)
    host.nuke.root()["first_frame"].setValue(min(frames))
    host.nuke.root()["last_frame"].setValue(max(frames))
    read = host.nuke.nodes.Read(file=pattern, first=min(frames), last=max(frames))
    node = ours("node_making").create(read)
    for name, value in {**QUICK, **knobs}.items():
        node[name].setValue(value)
    host.save(folder / "shot.nk")
    host.nuke.root().setModified(False)
    return Shot(folder, read, node)


def write_channels(path: Path, channels: dict[str, Any], half: bool = True) -> Path:
    """Channels (H, W) as an EXR file, OpenEXR's own way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = numpy.float16 if half else numpy.float32
    pixels = {name: numpy.ascontiguousarray(values, dtype=kind) for name, values in channels.items()}
    OpenEXR.File({"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}, pixels).write(
        str(path)
    )
    return path


def channels_of(path: Path) -> dict[str, Any]:
    """The channels of an EXR file as it has them."""
    found = OpenEXR.File(str(path), separate_channels=True).channels()
    return {name: channel.pixels for name, channel in found.items()}


def state_of(host: Any) -> dict[str, Any]:
    """What a failed or cancelled run may not have changed: the script but for what nodes say, and its flags."""
    lines = [line for line in host.script_text().splitlines() if " status " not in line]
    return {
        "script": lines,
        "selected": sorted(node.fullName() for node in host.nuke.selectedNodes()),
        "frame": host.nuke.frame(),
        "proxy": host.nuke.root()["proxy"].value(),
        "modified": host.nuke.root().modified(),
        "undo": [step.name for step in host.changes.done],
    }


def files_below(folder: Path) -> list[str]:
    """Every file below a folder, by its path from there."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def captures_below(folder: Path) -> list[Path]:
    """Folders of captures that were not removed."""
    # They may go while this looks.
    places = (Path(place) / name for place, names, _ in os.walk(folder) for name in names)
    return sorted(place for place in places if place.name.startswith("capture_"))
