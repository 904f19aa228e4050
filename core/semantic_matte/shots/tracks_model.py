"""The two files of a shot's tracks, as they are written, read back and published.

NAME.tracks.json is small, and the artist's: what was found, in words, and the artist's edits. NAME.masks.json
is the machine's: every mask of every track as it was found, before any edit. The first is made from the second
and the edits alone, so the same masks and edits give the same bytes.

`tracks.schema.json` beside this file is made from the models: `python -m semantic_matte.shots.tracks_model`
after a change here; a test fails while the two differ. `schema` in both files says which models they keep to:
every change of a field's name, type or meaning raises it once the first number is published.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import ConfigDict, Field, ValidationError, model_validator

from semantic_matte.errors import TracksError, UsageError, ValueShapeError
from semantic_matte.frame_ranges import parse_frames, range_text
from semantic_matte.record_parts import SHA256_PATTERN, SLOT_PATTERN, Part, described, schema_text_of
from semantic_matte.shot_types import Sighting, Source, Track
from semantic_matte.types import Box

SCHEMA_VERSION = 1
SCHEMA_ID = f"urn:semantic-matte:schema:tracks:{SCHEMA_VERSION}"
SCHEMA_FILE = Path(__file__).parent / "tracks.schema.json"

# Room is left behind a slot's name for what layers add to it.
LONGEST_SLOT = 33
_LARGEST = 2**31 - 1


Frame = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Side = Annotated[int, Field(ge=1, le=_LARGEST)]
Corners = tuple[Frame, Frame, Frame, Frame]


class Anchor(Part):
    """Where an object was in one frame when it was edited: it is known by this again, whatever it is called
    then."""

    frame: Frame = described("A frame that shows it.", "frames")
    box: Corners = described("Tight box of its mask there: x0, y0, x1, y1, half-open, y down.", "pixels")

    @model_validator(mode="after")
    def _box_is_a_box(self) -> Anchor:
        if not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError("expected a box with x0 < x1 and y0 < y1")
        return self


def _slot(description: str) -> Any:
    """A field that holds a slot's name."""
    return described(description, pattern=SLOT_PATTERN)


class _Edit(Part):
    """What all edits have in common."""

    slot: str = _slot("The object that is edited, as it is called after the edits before this one.")
    anchor: Anchor | None = described("Where it was; null in an edit typed by hand.", default=None)


class Rename(_Edit):
    """Another name for an object."""

    do: Literal["rename"] = described("What is done.")
    to: str = _slot("Its new name.")


class Merge(_Edit):
    """Another object becomes part of this one; where both are seen, their masks are joined."""

    do: Literal["merge"] = described("What is done.")
    other: str = _slot("The object that becomes part of it.")
    other_anchor: Anchor | None = described("Where that was; null in an edit typed by hand.", default=None)


class Split(_Edit):
    """From one frame on, an object is another one."""

    do: Literal["split"] = described("What is done.")
    at: Frame = described("The first frame of the new object.", "frames")
    to: str = _slot("The new object's name.")


class Drop(_Edit):
    """An object is left out."""

    do: Literal["drop"] = described("What is done.")


class Reassign(_Edit):
    """Some frames of an object belong to another one, new or known. Where that is seen too, the two are
    exchanged."""

    do: Literal["reassign"] = described("What is done.")
    frames: str = described("The frames, as in 1001-1050x2,1060.", min_length=1)
    to: str = _slot("The object that they belong to; a new one where there is none of this name.")
    to_anchor: Anchor | None = described(
        "Where that was; null if it is new or was typed by hand.", default=None
    )

    @model_validator(mode="after")
    def _frames_are_frames(self) -> Reassign:
        try:
            parse_frames(self.frames)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self


Edit = Annotated[Union[Rename, Merge, Split, Drop, Reassign], Field(discriminator="do")]


class SlotSummary(Part):
    """One object after all edits."""

    slot: str = _slot("Its name in every file.")
    label: str = described("What it is.", min_length=1)
    score: float = described("How sure the segmenter was at best.", "share of 1", ge=0, le=1)
    first: Frame = described("The first frame that shows it.", "frames")
    last: Frame = described("The last frame that shows it.", "frames")
    found: str = described("The frames in which it was found.")
    carried: str = described("The frames into which it was carried along with the picture's motion.")
    mean_area: float = described("Mean area of its masks.", "pixels", gt=0)


class _Header(Part):
    """What both files say of the shot."""

    schema_version: Literal[1] = described("Which schema this file keeps to.", alias="schema")
    shot: str = described("The shot's name.", min_length=1)
    size: tuple[Side, Side] = described("Width and height of its plates.", "pixels")
    cuts: tuple[Frame, ...] = described("Frames that begin a new scene.", "frames")
    key: str | None = described(
        "The same where the same plates are looked at by the same means; null if it is not known.",
        pattern=SHA256_PATTERN,
    )
    settings_hash: str = described("Checksum of the settings.", pattern=SHA256_PATTERN)
    tracker: str = described("What tied the objects.", min_length=1)
    notices: tuple[str, ...] = described("What was told while they were found and tied.")


class TracksRecord(_Header):
    """What was found in a shot and tied from frame to frame, and the artist's edits of it.

    Only `edits` is the artist's to change; everything else is made anew from the masks and the edits.
    """

    model_config = ConfigDict(title="Semantic Matte tracks")

    frames: str = described("The shot's frames, as in 1001-1050x2,1060.")
    edits: tuple[Edit, ...] = described("The artist's edits, in their order.")
    edit_notices: tuple[str, ...] = described("Edits that could not be made this time, and why; they are kept.")
    tracks: tuple[SlotSummary, ...] = described("The objects after all edits, surest first.")
    checksum: str = described(
        "Of everything but `edits`, which alone is the artist's to change.", pattern=SHA256_PATTERN
    )


class SightingRecord(Part):
    """One object in one frame."""

    frame: Frame
    box: Corners
    score: Annotated[float, Field(ge=0, le=1)]
    label: Annotated[str, Field(min_length=1)]
    source: Source
    runs: str


class TrackRecord(Part):
    """One object as it was tied, under its automatic name."""

    identity: int
    slot: Annotated[str, Field(pattern=SLOT_PATTERN)]
    label: Annotated[str, Field(min_length=1)]
    sightings: Annotated[tuple[SightingRecord, ...], Field(min_length=1)]


class MasksRecord(_Header):
    """Everything that was found in a shot, before any edit. plates: the digest of each frame's plate.
    unreadable: why other frames' plates could not be read.

    models: the model files that were used. device: where they ran. views: of the plates; no slot is called so.
    """

    plates: dict[str, Annotated[str, Field(pattern=SHA256_PATTERN)]]
    unreadable: dict[str, str]
    models: tuple[dict[str, str], ...]
    device: str
    views: tuple[str, ...]
    tracks: tuple[TrackRecord, ...]

    @property
    def frames(self) -> tuple[int, ...]:
        """The shot's frames, in order."""
        return tuple(sorted(int(number) for number in self.plates))

    def as_tracks(self) -> tuple[Track, ...]:
        """The tracks with their automatic slots."""
        frame_size = self.size[1], self.size[0]
        return tuple(
            Track(
                one.identity,
                one.label,
                {row.frame: _sighting(row, frame_size) for row in one.sightings},
                one.slot,
            )
            for one in self.tracks
        )

    @model_validator(mode="after")
    def _tracks_fit_the_shot(self) -> MasksRecord:
        try:
            frames = set(self.frames)
        except ValueError:
            raise ValueError("expected plates by the numbers of their frames") from None
        for one in self.tracks:
            numbers = [row.frame for row in one.sightings]
            if len(set(numbers)) != len(numbers) or not frames.issuperset(numbers):
                raise ValueError(f"expected '{one.slot}' once a frame, and in frames of the shot only")
        return self


def track_records(tracks: Sequence[Track]) -> tuple[TrackRecord, ...]:
    """Tracks as NAME.masks.json has them, in their order, sightings by frame."""
    return tuple(
        TrackRecord(
            identity=track.identity,
            slot=track.slot,
            label=track.label,
            sightings=tuple(_sighting_record(number, track.sightings[number]) for number in track.frames),
        )
        for track in tracks
    )


def summaries(tracks: Sequence[Track]) -> tuple[SlotSummary, ...]:
    """Tracks as NAME.tracks.json has them."""
    return tuple(_summary(track) for track in tracks)


def canonical(record: TracksRecord | MasksRecord) -> str:
    """The text of a file: the same content gives the same bytes. The artist's has lines; the machine's has
    not."""
    plain = record.model_dump(mode="json", by_alias=True)
    indent = 2 if isinstance(record, TracksRecord) else None
    separators = None if indent else (",", ":")
    return json.dumps(plain, sort_keys=True, indent=indent, separators=separators, ensure_ascii=False) + "\n"


def made(record: TracksRecord) -> TracksRecord:
    """The record with the checksum that it has to have."""
    plain = record.model_dump(mode="json", by_alias=True, exclude={"edits", "checksum"})
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return record.model_copy(update={"checksum": hashlib.sha256(text.encode("ascii")).hexdigest()})


def read_tracks(text: str, name: str) -> TracksRecord:
    """NAME.tracks.json from its text. name: the file's, for the complaint.

    Raises TracksError where it is no such file, and where something was changed by hand that would be lost.
    """
    record = _read(TracksRecord, text, name, "Correct it there; the file was left as it is.")
    if record.checksum != made(record).checksum:
        raise TracksError(
            f"'{name}' was changed by hand beside 'edits'; that would be lost, because all else is made anew: "
            "put it back as it was, and use `semantic-matte tracks rename` and the like, or write the change "
            "under 'edits'."
        )
    return record


def read_masks(text: str, name: str) -> MasksRecord:
    """NAME.masks.json from its text; its masks are unpacked later. name: the file's. Raises TracksError."""
    return _read(MasksRecord, text, name, "Find and tie the shot's objects again; edits are kept.")


Record = TypeVar("Record", TracksRecord, MasksRecord)


def _read(kind: type[Record], text: str, name: str, what_to_do: str) -> Record:
    """A file's content. Raises TracksError, which tells the first thing that is wrong and where."""
    try:
        plain = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = (
            f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise TracksError(
            f"'{name}' is no JSON{where}: {error.args[0].partition(':')[0]}. {what_to_do}"
        ) from None
    version = plain.get("schema") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise TracksError(
            f"'{name}' was written by a newer version (schema {version}; this one knows {SCHEMA_VERSION}): "
            "update Semantic Matte."
        )
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = _where(first["loc"]) or "the file"
        said = first["msg"].removeprefix("Value error, ").lower().rstrip(".")
        got = "" if first["type"] in ("missing", "value_error") else f", got {_short(first['input'])}"
        raise TracksError(f"'{name}', at {where}: {said}{got}. {what_to_do}") from None


def _where(location: Sequence[str | int]) -> str:
    """A place in a file as people count: edits[0] is edit 1. Kinds of edits are no part of the way."""
    kinds = {"rename", "merge", "split", "drop", "reassign"}
    words = []
    for before, step in zip((None, *location), location, strict=False):
        if isinstance(step, int):
            words.append(f"number {step + 1}")
        elif not (isinstance(before, int) and step in kinds):
            words.append(f"'{step}'")
    return ", ".join(words)


def _short(value: object) -> str:
    """A value for a sentence."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sighting(row: SightingRecord, frame_size: tuple[int, int]) -> Sighting:
    """Raises TracksError for a box that is none or runs that are no text of COCO's."""
    try:
        box = Box(*row.box)
        return Sighting(row.runs.encode("ascii"), box, frame_size, row.label, row.score, row.source)
    except (ValueShapeError, UnicodeEncodeError) as error:
        raise TracksError(f"The mask of frame {row.frame} is damaged: {error}") from None


def _sighting_record(number: int, sighting: Sighting) -> SightingRecord:
    """A sighting as it is written."""
    box = sighting.box
    return SightingRecord(
        frame=number,
        box=(box.x0, box.y0, box.x1, box.y1),
        score=sighting.score,
        label=sighting.label,
        source=sighting.source,
        runs=sighting.runs.decode("ascii"),
    )


def _summary(track: Track) -> SlotSummary:
    """One object in words."""
    from pycocotools import mask as run_lengths  # type: ignore[import-untyped, unused-ignore]

    frames, found = track.frames, set(track.found)
    areas = [
        int(run_lengths.area({"size": [one.box.height, one.box.width], "counts": one.runs}))
        for one in track.sightings.values()
    ]
    return SlotSummary(
        slot=track.slot,
        label=track.label,
        score=track.score,
        first=frames[0],
        last=frames[-1],
        found=range_text(found),
        carried=range_text(set(frames) - found),
        mean_area=round(sum(areas) / len(areas), 1),
    )


def schema_text() -> str:
    """The published JSON Schema of NAME.tracks.json, draft 2020-12. Raises OSError where the package is not
    whole."""
    return SCHEMA_FILE.read_text(encoding="utf-8")


def made_schema_text() -> str:
    """The text of tracks.schema.json, made from the models."""
    return schema_text_of(TracksRecord, SCHEMA_ID)


if __name__ == "__main__":
    SCHEMA_FILE.write_text(made_schema_text(), encoding="utf-8", newline="\n")
