"""The fields of a shot's record, NAME.matte.json, as they are written, read back and published.

`shot.schema.json` beside this file is made from them: `python -m semantic_matte.outputs.shot_record_model`
after a change here; a test fails while the two differ. Versions are counted as for `sidecar_model`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from semantic_matte.outputs.sidecar_model import (
    SCHEMA_DIALECT,
    Control,
    Count,
    CryptomatteRecord,
    FileKind,
    FileRecord,
    ModelRecord,
)

SHOT_SCHEMA_VERSION = 1
SHOT_SCHEMA_ID = f"urn:semantic-matte:schema:shot:{SHOT_SCHEMA_VERSION}"
SHOT_SCHEMA_FILE = Path(__file__).parent / "shot.schema.json"

# missing: there is no result. failed: there is one that can't be used. stale: it is whole, but of another run
# than the others. skipped: there is no plate, and the user said to go on without.
ProblemState = Literal["missing", "failed", "stale", "skipped"]

_ONE_RANGE = r"-?[0-9]+(--?[0-9]+(x[0-9]+)?)?"
_RANGES = rf"^({_ONE_RANGE}(,{_ONE_RANGE})*)?$"


def _field(description: str, unit: str = "", default: Any = ..., **limits: Any) -> Any:
    """A field with what the schema says of it. unit: of its numbers, "" where it has none."""
    if unit:
        limits["json_schema_extra"] = {"unit": unit}
    return Field(default, description=description, **limits)


Frames = Annotated[str, Field(pattern=_RANGES)]


class _Part(BaseModel):
    """As in `sidecar_model`: nothing can be changed or added, and no type is taken for another."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ProblemRecord(_Part):
    """Frames without a result that can be used, for one reason."""

    frames: Frames = _field("Which frames, as in 1001-1010,1013.", min_length=1)
    state: ProblemState = _field(
        "missing: there is no result. failed: its files are not whole. stale: it is whole, but of another run "
        "than the others. skipped: there is no plate, and it was left out as asked."
    )
    reason: str = _field("One sentence.", min_length=1)


class PatternRecord(_Part):
    """Files of one kind, one a frame."""

    kind: FileKind | Literal["sidecar"] = _field("What they hold.")
    pattern: str = _field(
        "Their names in the record's own folder; each # is a digit of the frame number.",
        pattern=r"^[^/\u0000]+$",
    )
    slot: str | None = _field("Whose they are, where there is one for each slot.", default=None)


class MeasureRecord(_Part):
    """A number of each frame, over the shot."""

    mean: float = _field("Over the frames that have it.", "share of 1", ge=0, le=1)
    worst: float = _field("The largest.", "share of 1", ge=0, le=1)
    worst_frame: int = _field("The first frame that has the largest.")


class ShotSlotRecord(_Part):
    """One object over the shot."""

    slot: str = _field("Its name, the same in every frame and file.", min_length=1)
    label: str = _field("What it is.", min_length=1)
    found: Frames = _field("Frames in which the segmenter found it.")
    carried: Frames = _field("Frames in which its mask was carried from others.")
    absent: Frames = _field("Frames that don't show it.")
    score: float | None = _field(
        "Mean score of the frames that show it; null where none does.", "share of 1", ge=0, le=1
    )
    area: float | None = _field(
        "Mean sum of the alpha of the frames that show it; null where none does.", "pixels", ge=0
    )
    spread: MeasureRecord | None = _field("How far samples disagree at its edge; null where it isn't told.")
    flicker: MeasureRecord | None = _field(
        "How far its edge differs from that of the frame before, carried along the motion; null where it isn't "
        "told."
    )


class DeviceRecord(_Part):
    """Where frames were made."""

    device: str = _field("Where the networks that find objects ran, by torch's name.", min_length=1)
    estimator_device: str = _field("Where alphas were solved, by torch's name.", min_length=1)
    frames: Frames = _field("Which frames.", min_length=1)


class VersionsRecord(_Part):
    """What frames were made with."""

    versions: dict[str, str] = _field("Versions of Python, this package and libraries, by name.")
    frames: Frames = _field("Which frames.", min_length=1)


class NoticeRecord(_Part):
    """A sentence that the user was told."""

    text: str = _field("The sentence.")
    frames: Frames = _field("Of which frames; empty where it is of the shot.")


class ShotRecord(_Part):
    """What came of a shot. It is written after its frames, each of which has a sidecar of its own."""

    model_config = ConfigDict(title="Semantic Matte shot")

    # Not `schema`, which pydantic's classes have already.
    schema_version: Literal[1] = _field("Which schema this record keeps to.", alias="schema")
    shot: str = _field("Its name.", min_length=1)
    frames: Frames = _field("The frames that were asked for.", min_length=1)
    whole: Frames = _field("Those that have a whole result.")
    problems: tuple[ProblemRecord, ...] = _field("All others, with the reason.")
    cuts: tuple[int, ...] = _field("Frames that begin a new scene.")
    size: tuple[Count, Count] | None = _field(
        "Width and height of its data window; null where no frame is whole.", "pixels"
    )
    pixel_aspect: float | None = _field(
        "Width of a pixel by its height; null where no frame is whole.", "ratio", gt=0
    )
    slots: tuple[ShotSlotRecord, ...] = _field("Its objects, in the order of the files.")
    files: tuple[PatternRecord, ...] = _field("What its files are called.")
    cryptomatte: CryptomatteRecord | None = _field("The Cryptomatte of each frame; null if none is written.")
    contact: FileRecord | None = _field("The picture of the shot, to look at; null if it is not written.")
    settings_hash: str | None = _field(
        "Checksum of the settings that pixels follow from; null where no frame is whole.",
        pattern=r"^[0-9a-f]{64}$",
    )
    settings: dict[str, Control] = _field("Every control of the run.")
    seed: int | None = _field("Start of every random choice; null where no frame is whole.", ge=0)
    models: tuple[ModelRecord, ...] = _field("The model files that were used, in any frame.")
    versions: tuple[VersionsRecord, ...] = _field("What it was made with; more than one where frames differ.")
    devices: tuple[DeviceRecord, ...] = _field("Where it was made; more than one where frames differ.")
    notices: tuple[NoticeRecord, ...] = _field("What the user was told, each sentence once.")

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
    made = ShotRecord.model_json_schema(by_alias=True)
    return json.dumps({"$schema": SCHEMA_DIALECT, "$id": SHOT_SCHEMA_ID, **made}, indent=2) + "\n"


if __name__ == "__main__":
    SHOT_SCHEMA_FILE.write_text(made_shot_schema_text(), encoding="utf-8", newline="\n")
