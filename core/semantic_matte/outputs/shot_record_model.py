"""The fields of a shot's record, NAME.matte.json, as they are written, read back and published.

`shot.schema.json` beside this file is made from them: `python -m semantic_matte.outputs.shot_record_model`
after a change here; a test fails while the two differ. Versions are counted as for `sidecar_model`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from semantic_matte.outputs.sidecar_model import (
    Control,
    Count,
    CryptomatteRecord,
    FileKind,
    FileRecord,
    ModelRecord,
)
from semantic_matte.record_parts import Part, described, schema_text_of

SHOT_SCHEMA_VERSION = 1
SHOT_SCHEMA_ID = f"urn:semantic-matte:schema:shot:{SHOT_SCHEMA_VERSION}"
SHOT_SCHEMA_FILE = Path(__file__).parent / "shot.schema.json"

# missing: there is no result. failed: there is one that can't be used. stale: it is whole, but of another run
# than the others. skipped: there is no plate, and the user said to go on without.
ProblemState = Literal["missing", "failed", "stale", "skipped"]

_ONE_RANGE = r"-?[0-9]+(--?[0-9]+(x[0-9]+)?)?"
_RANGES = rf"^({_ONE_RANGE}(,{_ONE_RANGE})*)?$"


Frames = Annotated[str, Field(pattern=_RANGES)]


class ProblemRecord(Part):
    """Frames without a result that can be used, for one reason."""

    frames: Frames = described("Which frames, as in 1001-1010,1013.", min_length=1)
    state: ProblemState = described(
        "missing: there is no result. failed: its files are not whole. stale: it is whole, but of another run "
        "than the others. skipped: there is no plate, and it was left out as asked."
    )
    reason: str = described("One sentence.", min_length=1)


class PatternRecord(Part):
    """Files of one kind, one a frame."""

    kind: FileKind | Literal["sidecar"] = described("What they hold.")
    pattern: str = described(
        "Their names in the record's own folder; each # is a digit of the frame number.",
        pattern=r"^[^/\u0000]+$",
    )
    slot: str | None = described("Whose they are, where there is one for each slot.", default=None)


class MeasureRecord(Part):
    """A number of each frame, over the shot."""

    mean: float = described("Over the frames that have it.", "share of 1", ge=0, le=1)
    worst: float = described("The largest.", "share of 1", ge=0, le=1)
    worst_frame: int = described("The first frame that has the largest.")


class ShotSlotRecord(Part):
    """One object over the shot."""

    slot: str = described("Its name, the same in every frame and file.", min_length=1)
    label: str = described("What it is.", min_length=1)
    found: Frames = described("Frames in which the segmenter found it.")
    carried: Frames = described("Frames in which its mask was carried from others.")
    absent: Frames = described("Frames that don't show it.")
    score: float | None = described(
        "Mean score of the frames that show it; null where none does.", "share of 1", ge=0, le=1
    )
    area: float | None = described(
        "Mean sum of the alpha of the frames that show it; null where none does.", "pixels", ge=0
    )
    spread: MeasureRecord | None = described("How far samples disagree at its edge; null where it isn't told.")
    flicker: MeasureRecord | None = described(
        "How far its edge differs from that of the frame before, carried along the motion; null where it isn't "
        "told."
    )


class DeviceRecord(Part):
    """Where frames were made."""

    device: str = described("Where the networks that find objects ran, by torch's name.", min_length=1)
    estimator_device: str = described("Where alphas were solved, by torch's name.", min_length=1)
    frames: Frames = described("Which frames.", min_length=1)


class VersionsRecord(Part):
    """What frames were made with."""

    versions: dict[str, str] = described("Versions of Python, this package and libraries, by name.")
    frames: Frames = described("Which frames.", min_length=1)


class NoticeRecord(Part):
    """A sentence that the user was told."""

    text: str = described("The sentence.")
    frames: Frames = described("Of which frames; empty where it is of the shot.")


class ShotRecord(Part):
    """What came of a shot. It is written after its frames, each of which has a sidecar of its own."""

    model_config = ConfigDict(title="Semantic Matte shot")

    # Not `schema`, which pydantic's classes have already.
    schema_version: Literal[1] = described("Which schema this record keeps to.", alias="schema")
    shot: str = described("Its name.", min_length=1)
    frames: Frames = described("The frames that were asked for.", min_length=1)
    whole: Frames = described("Those that have a whole result.")
    problems: tuple[ProblemRecord, ...] = described("All others, with the reason.")
    cuts: tuple[int, ...] = described("Frames that begin a new scene.")
    size: tuple[Count, Count] | None = described(
        "Width and height of its data window; null where no frame is whole.", "pixels"
    )
    pixel_aspect: float | None = described(
        "Width of a pixel by its height; null where no frame is whole.", "ratio", gt=0
    )
    slots: tuple[ShotSlotRecord, ...] = described("Its objects, in the order of the files.")
    files: tuple[PatternRecord, ...] = described("What its files are called.")
    cryptomatte: CryptomatteRecord | None = described("The Cryptomatte of each frame; null if none is written.")
    contact: FileRecord | None = described("The picture of the shot, to look at; null if it is not written.")
    settings_hash: str | None = described(
        "Checksum of the settings that pixels follow from; null where no frame is whole.",
        pattern=r"^[0-9a-f]{64}$",
    )
    settings: dict[str, Control] = described("Every control of the run.")
    seed: int | None = described("Start of every random choice; null where no frame is whole.", ge=0)
    models: tuple[ModelRecord, ...] = described("The model files that were used, in any frame.")
    versions: tuple[VersionsRecord, ...] = described(
        "What it was made with; more than one where frames differ."
    )
    devices: tuple[DeviceRecord, ...] = described("Where it was made; more than one where frames differ.")
    notices: tuple[NoticeRecord, ...] = described("What the user was told, each sentence once.")

    def plain(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return self.model_dump(mode="json", by_alias=True)

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> ShotRecord:
        names = [one.slot for one in self.slots]
        if len(set(names)) != len(names):
            raise ValueError("expected slots of different names")
        return self


def shot_schema_text() -> str:
    """The published JSON Schema of the shot's record, draft 2020-12. Raises OSError where the package is not
    whole."""
    return SHOT_SCHEMA_FILE.read_text(encoding="utf-8")


def made_shot_schema_text() -> str:
    """The text of shot.schema.json, made from the models."""
    return schema_text_of(ShotRecord, SHOT_SCHEMA_ID)


if __name__ == "__main__":
    SHOT_SCHEMA_FILE.write_text(made_shot_schema_text(), encoding="utf-8", newline="\n")
