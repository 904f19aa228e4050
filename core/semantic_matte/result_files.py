"""The files of one plate's result: what they are called, and in which order they are written.

`NAME.mattes.exr`, `NAME.cryptomatte.exr`, `NAME.foreground.exr`, `NAME.<slot>.png`, `NAME.contact.png` and
`NAME.matte.json`; a numbered frame has its number before the ending, `NAME.mattes.1001.exr`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_matte.plates import name_and_number
from semantic_matte.settings import Settings


@dataclass(frozen=True)
class ResultFile:
    """A file of a result. kind: layers, cryptomatte, foreground, png, contact or sidecar."""

    kind: str
    path: Path


@dataclass(frozen=True)
class ResultFiles:
    """The files of one plate; what is named here is what is written, in this order.

    The sidecar comes last, so that it stands for a whole result.
    """

    layers: Path
    cryptomatte: Path | None
    foreground: Path | None
    single: tuple[Path, ...]
    contact: Path | None
    sidecar: Path

    @classmethod
    def of(cls, folder: Path, plate: Path, slots: Sequence[str], settings: Settings) -> ResultFiles:
        """The files that the settings ask for. plate: its path; slots: of its objects, as far as known."""
        name, frame = name_and_number(plate)

        def place(what: str, suffix: str) -> Path:
            return folder / f"{name}.{what}{frame}{suffix}"

        return cls(
            layers=place("mattes", ".exr"),
            cryptomatte=place("cryptomatte", ".exr") if settings.cryptomatte else None,
            foreground=place("foreground", ".exr") if settings.foreground else None,
            single=tuple(place(slot, ".png") for slot in slots) if settings.png else (),
            contact=place("contact", ".png") if settings.contact_sheet else None,
            sidecar=place("matte", ".json"),
        )

    @property
    def besides_sidecar(self) -> tuple[ResultFile, ...]:
        """All but the sidecar, in the order of their writing."""
        named = [
            ("layers", self.layers),
            ("cryptomatte", self.cryptomatte),
            ("foreground", self.foreground),
            *(("png", path) for path in self.single),
            ("contact", self.contact),
        ]
        return tuple(ResultFile(kind, path) for kind, path in named if path is not None)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them, in the order of their writing."""
        return (*(one.path for one in self.besides_sidecar), self.sidecar)


# What the files of a shot's objects are called by, behind its name.
TRACKS_ENDING, MASKS_ENDING = ".tracks.json", ".masks.json"


@dataclass(frozen=True)
class ShotFiles:
    """The files of a whole shot, beside those of its frames.

    tracks: its objects, for the artist to edit. masks: their rough masks. contact: None where it isn't asked
    for. record: written last.
    """

    tracks: Path
    masks: Path
    contact: Path | None
    record: Path

    @classmethod
    def of(cls, folder: Path, shot: str, settings: Settings) -> ShotFiles:
        """The files of a shot of this name."""
        return cls(
            folder / f"{shot}{TRACKS_ENDING}",
            folder / f"{shot}{MASKS_ENDING}",
            folder / f"{shot}.contact.png" if settings.contact_sheet else None,
            folder / f"{shot}.matte.json",
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(path for path in (self.tracks, self.masks, self.contact, self.record) if path is not None)


@dataclass(frozen=True)
class FrameResult:
    """What came of one plate.

    record: the sidecar's, which tells what was found; of a frame of a shot its key and the slots that are
    there. files: in the order of their writing. reused: an earlier run had done the same, and its files were
    kept.
    """

    plate: Path
    record: Mapping[str, Any]
    files: tuple[Path, ...]
    reused: bool = False

    def told(self) -> dict[str, Any]:
        """As a shell and a worker tell it, in plain values."""
        fields = ("slot", "label", "score", "passes", "box")
        return {
            "plate": str(self.plate),
            "files": [str(path) for path in self.files],
            "reused": self.reused,
            "key": self.record["key"],
            "instances": [{name: slot[name] for name in fields} for slot in self.record["slots"]],
        }
