"""What a shot is read from: the frames of one name in one folder, or a film.

A shot comes by a frame pattern, by several files that differ only in their number (`shot.1001.exr`), or as a
film. Its frames are known by their numbers; those of a film count from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from semantic_matte.errors import PlateError, UsageError
from semantic_matte.frame_patterns import FramePattern, is_pattern
from semantic_matte.frame_ranges import gaps, parse_frames, range_text
from semantic_matte.plates import name_and_number, read_plate
from semantic_matte.types import Plate

if TYPE_CHECKING:
    from semantic_matte.video_files import Film

FILM_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".avi", ".webm", ".mxf")

# Digits of a film's frame in the names of its results.
_FILM_DIGITS = 4


class Shot(Protocol):
    """Frames that belong together, in the order of their numbers."""

    @property
    def name(self) -> str:
        """What its results are called by."""

    @property
    def title(self) -> str:
        """How a sentence calls it: `shot.####.exr`, `clip.mp4`."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames to be worked on: there, and asked for. Never none."""

    @property
    def missing(self) -> tuple[int, ...]:
        """Frames that were asked for, or else that gaps leave out, and that are not there."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it is read from, which no result may overwrite; frames that were not asked for too."""

    @property
    def is_film(self) -> bool:
        """Whether all frames are in one file."""

    def path(self, frame: int) -> Path:
        """The file of a frame; for a film, which has none, what `plate_name` says."""

    def plate_name(self, frame: int) -> Path:
        """FOLDER/NAME.1001.exr: what a frame's results are called by, whatever its file is called.

        `plates.name_and_number` takes it apart into the shot's name and the frame's number.
        """

    def read(self, frame: int, colour_space: str | None = None, keep_own: bool = False) -> Plate:
        """The plate of a frame, with the shot's name and the frame's number; see `plates.read_plate`.

        Raises PlateError, which names the frame, UnknownNameError (colour space), UsageError ($OCIO).
        """

    def choose(self, frames: str | None) -> Shot:
        """The same with the frames of a range alone (see `frame_ranges`); None leaves all that it has.

        Raises UsageError where none of them is there.
        """


@dataclass(frozen=True)
class PictureShot:
    """A shot of one picture file a frame. paths: of all frames that are there, by their numbers, ascending."""

    name: str
    pattern: FramePattern
    paths: Mapping[int, Path]
    frames: tuple[int, ...]
    missing: tuple[int, ...] = ()

    @classmethod
    def of(cls, pattern: FramePattern, paths: Mapping[int, Path]) -> PictureShot:
        """All the frames of a pattern. Raises UsageError where gaps leave out more than a million."""
        ordered = dict(sorted(paths.items()))
        frames = tuple(ordered)
        return cls(_name_of(pattern), pattern, ordered, frames, gaps(frames))

    @property
    def title(self) -> str:
        return str(self.pattern)

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(self.paths.values())

    @property
    def is_film(self) -> bool:
        return False

    def path(self, frame: int) -> Path:
        """See `Shot`. Raises PlateError for a frame that is not there."""
        if frame not in self.paths:
            raise PlateError(f"Frame {frame} of '{self.title}' is not there.")
        return self.paths[frame]

    def plate_name(self, frame: int) -> Path:
        """See `Shot`. The number has the digits of the file's, or of the pattern where there is no file."""
        file = self.paths.get(frame)
        number = f"{frame:0{self.pattern.width}d}" if file is None else self._digits(file)
        # The ending keeps the number from being one.
        ending = self.pattern.after.rpartition(".")[2] or "exr"
        return self.pattern.folder / f"{self.name}.{number}.{ending}"

    def read(self, frame: int, colour_space: str | None = None, keep_own: bool = False) -> Plate:
        """See `Shot`."""
        path = self.path(frame)
        try:
            plate = read_plate(path, colour_space, keep_own)
        except PlateError as error:
            raise PlateError(f"Frame {frame}: {error}") from error
        named = plate.name == self.name and plate.frame == frame
        return plate if named else replace(plate, name=self.name, frame=frame)

    def choose(self, frames: str | None) -> PictureShot:
        """See `Shot`."""
        if frames is None:
            return self
        there, missing = _chosen(parse_frames(frames), tuple(self.paths), frames, self.title)
        return replace(self, frames=there, missing=missing)

    def _digits(self, path: Path) -> str:
        """A file's number as it stands in its name."""
        return path.name[len(self.pattern.before) : len(path.name) - len(self.pattern.after)]


@dataclass(frozen=True)
class FilmShot:
    """A shot in one film; frames count from 1."""

    film: Film
    frames: tuple[int, ...]
    missing: tuple[int, ...] = ()

    @classmethod
    def of(cls, path: Path) -> FilmShot:
        """All frames of a film. Raises PlateError, MissingPackageError."""
        from semantic_matte.video_files import Film

        film = Film(path)
        return cls(film, tuple(range(1, film.count + 1)))

    @property
    def name(self) -> str:
        return self.film.path.stem

    @property
    def title(self) -> str:
        return self.film.path.name

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.film.path,)

    @property
    def is_film(self) -> bool:
        return True

    def path(self, frame: int) -> Path:
        """See `Shot`."""
        return self.plate_name(frame)

    def plate_name(self, frame: int) -> Path:
        """See `Shot`."""
        path = self.film.path
        return path.with_name(f"{path.stem}.{frame:0{_FILM_DIGITS}d}{path.suffix}")

    def read(self, frame: int, colour_space: str | None = None, keep_own: bool = False) -> Plate:
        """See `Shot`. Fast where frames are read in their order."""
        return self.film.read(frame, colour_space, keep_own)

    def choose(self, frames: str | None) -> FilmShot:
        """See `Shot`."""
        if frames is None:
            return self
        there = tuple(range(1, self.film.count + 1))
        chosen, missing = _chosen(parse_frames(frames), there, frames, self.title)
        return replace(self, frames=chosen, missing=missing)


def sort_plates(paths: Sequence[Path], frames: str | None = None) -> tuple[list[Shot], list[Path]]:
    """The shots and the stills that paths and patterns stand for, each in the order given.

    A pattern is a shot even if it has one frame alone; files named one by one are, where two or more of one
    folder differ only in the number between two dots. frames: a range (see `frame_ranges`) that chooses among
    the frames of every shot. Of a still nothing is asked. Raises PlateError for a pattern without a frame and
    for a film that can't be read, MissingPackageError for a film, UsageError for frames that are not there or
    have no shot to choose from, and for a file that is named twice.
    """
    if frames is not None:
        parse_frames(frames)
    sequences = _sequences(paths)
    shots: list[Shot] = []
    stills: list[Path] = []
    for path in paths:
        if is_pattern(path):
            shots += _shots_of_pattern(path)
        elif path.suffix.lower() in FILM_SUFFIXES:
            shots.append(FilmShot.of(path))
        elif path not in sequences:
            stills.append(path)
        elif sequences[path][0] == path:
            # The first one stands for all.
            shots.append(_shot_of_files(sequences[path]))
    if frames is not None and not shots:
        raise UsageError(
            f"The frames '{range_text(parse_frames(frames))}' choose among those of a shot, and none was "
            "given: give a frame pattern (shot.####.exr), or leave them out."
        )
    _refuse_twice(shots, stills)
    return [shot.choose(frames) for shot in shots], stills


def count_plates(paths: Sequence[Path]) -> tuple[int, int]:
    """How many shots and how many stills `sort_plates` makes of paths, without opening a film.

    A pattern of films counts as one. Raises UsageError for a place for a view.
    """
    sequences = _sequences(paths)
    shots = {str(files[0]) for files in sequences.values()}
    stills = 0
    for path in paths:
        if is_pattern(path) or path.suffix.lower() in FILM_SUFFIXES:
            shots.add(str(path))
        elif path not in sequences:
            stills += 1
    return len(shots), stills


def chunk_frames(shot: Shot, chunk: str) -> tuple[int, ...]:
    """The frames of a shot that a chunk asks for: none where all of them are missing.

    Raises UsageError for a frame that is neither there nor missing, and for what is no range.
    """
    asked = parse_frames(chunk)
    strange = sorted(set(asked).difference(shot.frames, shot.missing))
    if strange:
        raise UsageError(
            f"The chunk '{range_text(asked)}' asks for frames that '{shot.title}' does not have "
            f"({frames_text(strange)}): its frames are {frames_text(shot.frames)}."
        )
    return tuple(sorted(set(asked).intersection(shot.frames)))


def missing_sentence(shot: Shot) -> str:
    """One sentence that names a shot's missing frames, and the way on without them. For a shot that has any."""
    count = len(shot.missing)
    are = "1 frame" if count == 1 else f"{count} frames"
    verb, them = ("is", "it") if count == 1 else ("are", "them")
    remedy = "give other --frames" if shot.is_film else f"put {them} there"
    return (
        f"{are} of '{shot.title}' {verb} missing: {frames_text(shot.missing)}: {remedy}, or "
        f"--missing-frames skip leaves {them} out."
    )


def frames_text(frames: Sequence[int]) -> str:
    """A set of frames for a sentence: `1004, 1010-1011`, cut where it would be very long."""
    parts = range_text(frames).split(",")
    more = f" and {len(parts) - 12} more ranges" if len(parts) > 12 else ""
    return ", ".join(parts[:12]) + more


def _chosen(
    asked: tuple[int, ...], there: tuple[int, ...], text: str, title: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the frames asked for, those that are there and those that are not. Raises UsageError."""
    known = set(there)
    found = tuple(number for number in asked if number in known)
    if not found:
        raise UsageError(
            f"None of the frames '{text.strip()}' of '{title}' is there: it has {frames_text(there)}."
        )
    return found, tuple(number for number in asked if number not in known)


def _shots_of_pattern(path: Path) -> list[Shot]:
    """One shot, or where its files are films one for each. Raises PlateError, UsageError."""
    pattern = FramePattern.of(path)
    assert pattern is not None
    files = pattern.frames()
    if path.suffix.lower() in FILM_SUFFIXES:
        return [FilmShot.of(file) for file in files]
    numbered = {pattern.number(file.name): file for file in files}
    return [PictureShot.of(pattern, {number: file for number, file in numbered.items() if number is not None})]


def _sequences(paths: Sequence[Path]) -> dict[Path, list[Path]]:
    """For each file that is one of several of a shot, all of them as given."""
    together: dict[tuple[Path, str, str], list[Path]] = {}
    for path in paths:
        name, number = name_and_number(path)
        if number and not is_pattern(path) and path.suffix.lower() not in FILM_SUFFIXES:
            together.setdefault((path.parent, name, path.suffix), []).append(path)
    return {path: files for files in together.values() if len(set(files)) > 1 for path in files}


def _shot_of_files(files: Sequence[Path]) -> PictureShot:
    """A shot of files that differ in their numbers. Raises UsageError for two of one number."""
    found: dict[int, Path] = {}
    digits: list[str] = []
    for path in files:
        name, number = name_and_number(path)
        digits.append(number[1:])
        other = found.setdefault(int(number[1:]), path)
        if other is not path:
            what = "is named twice" if other == path else f"and '{other.name}' are both frame {int(number[1:])}"
            raise UsageError(f"'{path.name}' {what}: name each frame of a shot once.")
    width = min(map(len, digits))
    exact = all(text == f"{int(text):0{width}d}" for text in digits)
    pattern = FramePattern(files[0].parent, f"{name}.", files[0].suffix, width if exact else 0)
    return PictureShot.of(pattern, found)


def _name_of(pattern: FramePattern) -> str:
    """What a shot's results are called by: what stands around the number, else the folder's name."""
    around = pattern.before.rstrip("._- ") + pattern.after.rpartition(".")[0]
    return around.strip("._- ") or pattern.folder.absolute().name or "shot"


def _refuse_twice(shots: Sequence[Shot], stills: Sequence[Path]) -> None:
    """Raise UsageError where one file is a frame of two shots, or of a shot and a still."""
    seen: dict[Path, str] = {}
    for shot in shots:
        for path in shot.files:
            if path in seen:
                raise UsageError(f"'{path}' belongs to '{seen[path]}' and to '{shot.title}': name it once.")
            seen[path] = shot.title
    for path in stills:
        if path in seen:
            raise UsageError(f"'{path}' is named by itself and belongs to '{seen[path]}': name it once.")
