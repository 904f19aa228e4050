"""The sidecar's fields, as they are written, read back and published.

`sidecar.schema.json` beside this file is made from them: `python -m semantic_matte.outputs.sidecar_model` after
a change here; a test fails while the two differ.

A record says by `schema` which of these it keeps to. The first number that is published is 1. From then on
every change of a field's name, type or meaning, and every new field, raises it: a reader that checks records
against the schema of its time refuses newer ones, and one that only looks up fields finds those of 1 under
their names as long as the changelog does not say else. Controls are no part of that: they come and go with
versions of the package, and the schema only says what kinds of values they have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from semantic_matte.record_parts import SHA256_PATTERN, SLOT_PATTERN, Part, described, schema_text_of

SCHEMA_VERSION = 1
SCHEMA_ID = f"urn:semantic-matte:schema:sidecar:{SCHEMA_VERSION}"
SCHEMA_FILE = Path(__file__).parent / "sidecar.schema.json"

FileKind = Literal["layers", "cryptomatte", "foreground", "png", "contact"]

# A plain name in the sidecar's own folder, of a picture; so never "." or "..".
_FILE_NAME = r"^[^/\u0000]+\.(exr|png)$"
# What EXR can hold of a pixel's place, and what JSON's readers can hold of a number.
_FARTHEST, _LARGEST = 2**31 - 1, 2**53 - 1


Pixel = Annotated[int, Field(ge=-_FARTHEST, le=_FARTHEST)]
Count = Annotated[int, Field(ge=1, le=_LARGEST)]
Window = tuple[Pixel, Pixel, Pixel, Pixel]
Rgba = tuple[str, str, str, str]
Control = bool | int | float | str | tuple[str, ...]


def _ordered(window: Window) -> bool:
    return window[0] < window[2] and window[1] < window[3]


class PlateRecord(Part):
    """The picture that was matted."""

    name: str = described("Its name: the file's without frame number and ending.")
    size: tuple[Count, Count] = described("Width and height of the data window.", "pixels")
    data_window: Window = described("Where there are pixels: x0, y0, x1, y1, half-open, y down.", "pixels")
    display_window: Window = described("The frame itself, in the same coordinates.", "pixels")
    pixel_aspect: float = described("Width of a pixel by its height.", "ratio", gt=0)
    frame: int | None = described("The frame number in its file's name; null where there is none.")
    timecode: str = described(
        'SMPTE timecode, ";" before the frames for drop-frame; empty where there is none.'
    )
    view: str = described("Its view, as of a stereo pair; empty where there is none.")
    colour_space: str = described("The colour space that it was brought to, which mattes were solved in.")
    read_as: str | None = described("The colour space that its file was read as; null for an array in memory.")

    @model_validator(mode="after")
    def _windows_are_windows(self) -> PlateRecord:
        width, height = self.data_window[2] - self.data_window[0], self.data_window[3] - self.data_window[1]
        if not (_ordered(self.data_window) and _ordered(self.display_window)) or self.size != (width, height):
            raise ValueError("expected x0 < x1 and y0 < y1, and a size that is the data window's")
        return self


class CryptomatteObject(Part):
    """How a slot is found in the Cryptomatte."""

    name: str = described("Its name in the manifest.")
    id: str = described("MurmurHash3 of that name, read as a float in the pixels.", pattern=r"^[0-9a-f]{8}$")


class SlotRecord(Part):
    """One object: what it is, and where its matte is in each file."""

    slot: str = described("Its name, the same in every file.", pattern=SLOT_PATTERN)
    source: Literal["found", "carried", "absent"] = described(
        "Where its rough mask comes from: found in this frame, carried from its neighbours along the motion "
        "of a shot, or nowhere, because this frame of the shot does not show it."
    )
    label: str = described("What it is, in the words of the segmenter or the artist.", min_length=1)
    score: float = described("How sure the segmenter was; 0 where it is absent.", "share of 1", ge=0, le=1)
    box: Window | None = described(
        "Tight box of the rough mask: x0, y0, x1, y1, half-open, in the data window; null where it is absent.",
        "pixels",
    )
    area: int = described("Area of the rough mask.", "pixels", ge=0, le=_LARGEST)
    alpha_area: float = described("Sum of the alpha.", "pixels", ge=0)
    passes: int = described("How often its matte was solved.", "passes", ge=0)
    spread_mean: float | None = described(
        "Mean range between the samples where alpha is neither 0 nor 1; null where nothing is.",
        "share of 1",
        ge=0,
        le=1,
    )
    flicker: float | None = described(
        "Mean absolute difference in the band from the alpha of the frame before, carried along the motion; "
        "null where there is no such frame.",
        "share of 1",
        ge=0,
        le=1,
    )
    alpha: str = described("Channel of its alpha in the file of kind layers.", min_length=1)
    spread: str | None = described("Channel there of where its samples disagree; null if it is not written.")
    foreground: Rgba | None = described(
        "Channels of red, green, blue and alpha in the file of kind foreground; null if it is not written."
    )
    png: str | None = described("Name of its own 16-bit PNG; null if it is not written.", pattern=_FILE_NAME)
    cryptomatte: CryptomatteObject | None = described(
        "Where it is in the Cryptomatte; null if it is not written."
    )

    @model_validator(mode="after")
    def _box_is_a_box(self) -> SlotRecord:
        absent = self.source == "absent"
        if self.box is not None and not _ordered(self.box):
            raise ValueError("expected a box with x0 < x1 and y0 < y1")
        if absent != (self.box is None) or absent != (self.area == 0) or absent != (self.passes == 0):
            raise ValueError("expected a box, an area and passes where the object is there, and only there")
        return self


class FileRecord(Part):
    """A file of this result."""

    name: str = described(
        "Its name in the sidecar's own folder, never a path.", pattern=_FILE_NAME, max_length=255
    )
    kind: FileKind = described("What it holds.")
    bytes: int = described("Its size.", "bytes", ge=1, le=_LARGEST)
    sha256: str = described("Checksum of its content.", pattern=SHA256_PATTERN)


class ForegroundRecord(Part):
    """The colours of the objects themselves, unmixed from what lies behind their edges."""

    colour_space: str = described("The linear colour space that they are in.", min_length=1)
    method: str = described("How they were unmixed.", min_length=1)


class CryptomatteRecord(Part):
    """The Cryptomatte that all slots are in."""

    name: str = described("Its name; its layers are this and two digits.", min_length=1)


class ModelRecord(Part):
    """A model file that was used."""

    name: str = described("Its name in the list of models, or of the file that the user brought.", min_length=1)
    licence: str = described("Its licence.", min_length=1)
    sha256: str = described("Checksum of the file.", pattern=SHA256_PATTERN)
    origin: str = described("Where it comes from.")
    dtype: str = described("The kind of numbers that it ran in, where it is told.", default="")
    config: str = described("The configuration that it was built from, where it is told.", default="")
    commercial_use: str = described("yes, no or unclear; told where its terms had to be accepted.", default="")
    licence_accepted: str = described("The name under which the user accepted those terms.", default="")


class SidecarRecord(Part):
    """What one run of Semantic Matte found in one plate, how, and which files it wrote.

    It is the last file that a run writes: where it lies, the files that it names were whole.
    """

    model_config = ConfigDict(title="Semantic Matte sidecar")

    # Not `schema`, which pydantic's classes have already.
    schema_version: Literal[1] = described("Which schema this record keeps to.", alias="schema")
    key: str | None = described(
        "The same where the same plate is matted with the same settings, models and version: such a run is not "
        "done again. Null where models could not be named beforehand.",
        pattern=SHA256_PATTERN,
    )
    settings_hash: str = described("Checksum of the settings that pixels follow from.", pattern=SHA256_PATTERN)
    plate: PlateRecord = described("The plate: its name, its frame and where its pixels lie.")
    slots: tuple[SlotRecord, ...] = described("The objects, surest first.")
    files: tuple[FileRecord, ...] = described("The files beside this one, in the order of their writing.")
    foreground: ForegroundRecord | None = described(
        "Of the file of kind foreground; null if it is not written."
    )
    cryptomatte: CryptomatteRecord | None = described(
        "Of the file of kind cryptomatte; null if it is not written."
    )
    settings: dict[str, Control] = described(
        "Every control of the run; controls.json of the client lists them."
    )
    models: tuple[ModelRecord, ...] = described("The model files that were used.")
    versions: dict[str, str] = described("Versions of Python, this package and libraries, by name.")
    seed: int = described("Start of every random choice.", ge=0)
    device: str = described("Where the networks that find objects ran, by torch's name.", min_length=1)
    estimator_device: str = described("Where alphas were solved, by torch's name.", min_length=1)
    notices: tuple[str, ...] = described("What the user was told.")

    def plain(self) -> dict[str, Any]:
        """The record as JSON has it, and as `sidecar.describe` gives it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> SidecarRecord:
        for what, names in (
            ("slots", [one.slot for one in self.slots]),
            ("files", [one.name.casefold() for one in self.files]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"expected {what} of different names")
        return self

    @model_validator(mode="after")
    def _files_are_those_of_the_slots(self) -> SidecarRecord:
        kinds = [one.kind for one in self.files]
        pictures = {one.name for one in self.files if one.kind == "png"}
        if any(kinds.count(kind) > 1 for kind in kinds if kind != "png"):
            raise ValueError("expected one file of each kind but png")
        for kind, said in (("foreground", self.foreground), ("cryptomatte", self.cryptomatte)):
            if (said is None) != (kind not in kinds):
                raise ValueError(f"expected '{kind}' to be told where there is a file of it, and only there")
        for slot in self.slots:
            if (slot.foreground is None) != (self.foreground is None):
                raise ValueError(f"expected channels of foreground in slot '{slot.slot}' where there are any")
            if (slot.cryptomatte is None) != (self.cryptomatte is None):
                raise ValueError(f"expected slot '{slot.slot}' in the Cryptomatte where there is one")
        if {slot.png for slot in self.slots if slot.png is not None} != pictures:
            raise ValueError("expected each PNG to be a slot's, and each slot's to be there")
        return self


def schema_text() -> str:
    """The published JSON Schema of the sidecar, draft 2020-12, as it travels with the package.

    Raises OSError where the package is not whole.
    """
    return SCHEMA_FILE.read_text(encoding="utf-8")


def made_schema_text() -> str:
    """The text of sidecar.schema.json, made from the models."""
    return schema_text_of(SidecarRecord, SCHEMA_ID)


if __name__ == "__main__":
    SCHEMA_FILE.write_text(made_schema_text(), encoding="utf-8", newline="\n")
