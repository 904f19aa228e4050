"""The sidecar: what a run found and how, as JSON beside the layers. `sidecar_model` states its fields."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from semantic_matte.checksums import digests
from semantic_matte.content_keys import settings_digest
from semantic_matte.errors import OutputError, ValueShapeError
from semantic_matte.outputs.atomic import replacing
from semantic_matte.outputs.cryptomatte_names import CRYPTOMATTE, object_id, object_names
from semantic_matte.outputs.names import SPREAD_SUFFIX
from semantic_matte.outputs.sidecar_model import SCHEMA_VERSION, FileRecord, SidecarRecord
from semantic_matte.settings import Settings
from semantic_matte.types import Matte, Plate


@dataclass(frozen=True)
class SlotFacts:
    """What a shot knows of a slot in one frame, besides its matte.

    source: where its rough mask comes from. flicker: see the sidecar's field.
    """

    source: Literal["found", "carried", "absent"] = "found"
    flicker: float | None = None


_PACKAGES = ("semantic-matte", "torch", "torchvision", "numpy", "OpenImageIO")


def write_json(path: str | os.PathLike[str], record: object) -> None:
    """Write a record as JSON: UTF-8, keys sorted, so that the same record gives the same bytes.

    NaN and infinity are refused with ValueError, as JSON has none. Raises OutputError.
    """
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        # A file name that is not Unicode comes as lone surrogates, which UTF-8 can't hold.
        temporary.write_text(text + "\n", encoding="utf-8", errors="replace", newline="\n")


def file_record(kind: str, path: str | os.PathLike[str]) -> FileRecord:
    """A result's file as the sidecar names it, once it is in its place: its size and checksum, read from disk.

    kind: layers, cryptomatte, foreground, png or contact. Raises OutputError if it can't be read.
    """
    place = Path(path)
    try:
        size, found = place.stat().st_size, digests(place, ["sha256"])["sha256"]
    except OSError as error:
        raise OutputError(
            f"'{place}' was written but can't be read again ({error.strerror or error}): run again."
        ) from None
    row = {"name": _unicode(place.name), "kind": kind, "bytes": size, "sha256": found}
    return FileRecord.model_validate_json(json.dumps(row))


def describe(
    plate: Plate,
    mattes: Sequence[Matte],
    settings: Settings,
    models: Sequence[Mapping[str, str]],
    device: str,
    notices: Sequence[str],
    *,
    files: Sequence[FileRecord] = (),
    key: str | None = None,
    estimator_device: str = "",
    read_as: str | None = None,
    foreground_space: str = "",
    facts: Mapping[str, SlotFacts] | None = None,
) -> dict[str, Any]:
    """The record of one frame, for `write_json`; it keeps to `sidecar_model.SidecarRecord`.

    models: name, licence, sha256 and origin of each model file used. device: where the networks that find
    objects ran; estimator_device: where alphas were solved, if that is elsewhere. notices: what the user was
    told, besides the plate's own. files: the result's files, in the order of their writing, the PNGs in that of
    the mattes. key: as of `content_keys.content_key`. read_as: the colour space that the plate's file was read
    as. foreground_space: the colour space of a foreground file. facts: by slot, of a frame of a shot.
    Boxes are [x0, y0, x1, y1] in pixels of the plate's data window, half-open; areas are in pixels. Neither
    times nor dates: the same input gives the same record. Raises ValueShapeError for what is no sidecar.
    """
    kinds = {file.kind for file in files}
    record = {
        "schema": SCHEMA_VERSION,
        "key": key,
        "settings_hash": settings_digest(settings),
        "plate": _plate(plate, read_as),
        "slots": _slots(mattes, settings, files, facts or {}),
        "files": [file.model_dump(mode="json") for file in files],
        "foreground": (
            {"colour_space": foreground_space, "method": settings.foreground_method}
            if "foreground" in kinds
            else None
        ),
        "cryptomatte": {"name": CRYPTOMATTE} if "cryptomatte" in kinds else None,
        "settings": settings.model_dump(mode="json"),
        "models": [dict(model) for model in models],
        "versions": _versions(),
        "seed": settings.seed,
        "device": device,
        "estimator_device": estimator_device or device,
        "notices": list(dict.fromkeys([*plate.notices, *notices])),
    }
    clean: dict[str, Any] = _unicode(record)
    _check(clean)
    return clean


def each_once(models: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Models in their order, each that is told more than once only the first time."""
    unique: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    for model in models:
        unique.setdefault(tuple(sorted(model.items())), model)
    return list(unique.values())


def _plate(plate: Plate, read_as: str | None) -> dict[str, Any]:
    data, display = plate.data_window or plate.box, plate.display_window or plate.box
    return {
        "name": plate.name,
        "size": [plate.size[1], plate.size[0]],
        "data_window": data.as_list(),
        "display_window": display.as_list(),
        "pixel_aspect": plate.pixel_aspect,
        "frame": plate.frame,
        "timecode": plate.timecode,
        "view": plate.view,
        "colour_space": plate.colour_space,
        "read_as": read_as,
    }


def _slots(
    mattes: Sequence[Matte],
    settings: Settings,
    files: Sequence[FileRecord],
    facts: Mapping[str, SlotFacts],
) -> list[dict[str, Any]]:
    """The objects with their places in each file. Raises ValueShapeError where PNGs are not one a matte."""
    kinds = {file.kind for file in files}
    pictures: list[str | None] = [file.name for file in files if file.kind == "png"]
    if pictures and len(pictures) != len(mattes):
        raise ValueShapeError(f"Sidecar: expected a PNG for each matte, got {len(pictures)} for {len(mattes)}.")
    called = object_names([matte.slot for matte in mattes])[0] if "cryptomatte" in kinds else {}
    return [
        {
            **_slot(matte, facts.get(matte.slot, SlotFacts())),
            "alpha": f"{matte.slot}.A",
            "spread": f"{matte.slot}{SPREAD_SUFFIX}.A" if settings.spread else None,
            "foreground": [f"{matte.slot}.{part}" for part in "RGBA"] if "foreground" in kinds else None,
            "png": picture,
            "cryptomatte": _in_cryptomatte(called.get(matte.slot)),
        }
        for matte, picture in zip(mattes, pictures or [None] * len(mattes), strict=True)
    ]


def _slot(matte: Matte, facts: SlotFacts) -> dict[str, Any]:
    absent = matte.is_absent
    return {
        "slot": matte.slot,
        "source": "absent" if absent else facts.source,
        "label": matte.label,
        # Shorter than float64 noise, longer than any score that means something.
        "score": round(float(matte.instance.score), 6),
        "box": None if absent else matte.instance.box.as_list(),
        "area": 0 if absent else matte.instance.area,
        "alpha_area": round(float(matte.crop.sum(dtype=np.float64)), 3),
        "passes": matte.passes,
        "spread_mean": _spread_mean(matte),
        "flicker": None if facts.flicker is None else round(facts.flicker, 6),
    }


def _spread_mean(matte: Matte) -> float | None:
    """Mean spread where alpha is soft; None where nothing is, or where no spread was kept."""
    soft = (matte.crop > 0) & (matte.crop < 1)
    if matte.spread_crop is None or not soft.any():
        return None
    return round(float(matte.spread_crop[soft].mean(dtype=np.float64)), 6)


def _in_cryptomatte(name: str | None) -> dict[str, str] | None:
    return None if name is None else {"name": name, "id": f"{object_id(name):08x}"}


def _check(record: dict[str, Any]) -> None:
    """Raise ValueShapeError unless readers of the published schema will take the record."""
    try:
        SidecarRecord.model_validate_json(json.dumps(record))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "record"
        raise ValueShapeError(
            f"Sidecar: '{place}': {first['msg'].lower()}, got {str(first['input'])[:80]!r}."
        ) from None


def _unicode(value: Any) -> Any:
    """The value with text that JSON's readers take: a name that is not Unicode has "?" for each odd byte."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_unicode(name): _unicode(part) for name, part in value.items()}
    return [_unicode(part) for part in value] if isinstance(value, list) else value


def _versions() -> dict[str, str]:
    """Versions by the packages' metadata: torch is named without being loaded."""
    versions = {package: _version(package) for package in _PACKAGES}
    found = {name.replace("-", "_").lower(): version for name, version in versions.items() if version}
    return {"python": platform.python_version(), **found}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
