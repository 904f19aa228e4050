"""A shot as a farm gets it: one path that stands for it, its frames, and every file that it is made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.errors import UsageError
from semantic_matte.frame_patterns import FramePattern
from semantic_matte.frame_ranges import range_text
from semantic_matte.shot_sources import FilmShot, PictureShot, Shot

# What OpenJD allows a text parameter.
LONGEST_TEXT = 1024


@dataclass(frozen=True)
class FarmShot:
    """A shot to be sent. All paths are absolute.

    plates: a frame pattern or a film. frames_text: of all frames, missing ones too, in OpenJD's notation.
    files: that hosts must have: plates, hints, and tracks that are there already. results: a folder.
    """

    name: str
    plates: Path
    is_film: bool
    frames_text: str
    files: tuple[Path, ...]
    results: Path
    chunk_size: int = 10
    engine: str = "semantic-matte"
    hint: Path | None = None
    colour_space: str | None = None


def plates_of(shot: Shot) -> Path:
    """The absolute path that stands for a shot on a command line: a frame pattern, or the film.

    Raises UsageError where no pattern stands for the shot's files and for no others.
    """
    if isinstance(shot, FilmShot):
        return shot.film.path.absolute()
    assert isinstance(shot, PictureShot)
    path = shot.pattern.folder.absolute() / str(shot.pattern)
    read_back = FramePattern.of(path)
    if read_back is None or any(read_back.number(file.name) is None for file in shot.files):
        raise UsageError(
            f"The files of '{shot.title}' can't be named by one frame pattern, as a farm's job needs: their "
            "name has a '#', '%' or '@' of its own. Rename them."
        )
    return path


def farm_frames(shot: Shot) -> str:
    """A shot's frames, missing ones too, as OpenJD writes ranges: `1001-1050:2,1060`.

    Raises UsageError where that text is longer than a job's parameter may be.
    """
    text = openjd_range((*shot.frames, *shot.missing))
    if len(text) > LONGEST_TEXT:
        raise UsageError(
            f"The frames of '{shot.title}' have so many gaps that their text is longer than OpenJD allows "
            f"({len(text)} of {LONGEST_TEXT} signs): choose a range by --frames, and send the shot in parts."
        )
    return text


def openjd_range(frames: Iterable[int]) -> str:
    """A set of frames as OpenJD's range expression, whose steps follow a colon."""
    return range_text(frames).replace("x", ":")
