"""The sidecar: what a run found and how, as JSON beside the layers."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from semantic_matte.outputs.atomic import replacing
from semantic_matte.settings import Settings
from semantic_matte.types import Matte, Plate

SCHEMA_VERSION = 1

_PACKAGES = ("semantic-matte", "torch", "torchvision", "numpy", "OpenImageIO")


def write_json(path: str | os.PathLike[str], record: object) -> None:
    """Write a record as JSON: UTF-8, keys sorted, so that the same record gives the same bytes.

    NaN and infinity are refused with ValueError, as JSON has none. Raises OutputError.
    """
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        # A file name that is not Unicode comes as lone surrogates, which UTF-8 can't hold.
        temporary.write_text(text + "\n", encoding="utf-8", errors="replace", newline="\n")


def describe(
    plate: Plate,
    mattes: Sequence[Matte],
    settings: Settings,
    models: Sequence[Mapping[str, str]],
    device: str,
    notices: Sequence[str],
) -> dict[str, Any]:
    """The record of one frame, for `write_json`.

    models: name, licence, sha256 of each model file used. device: where the networks ran. notices: what
    the user was told, besides the plate's own. Boxes are [x0, y0, x1, y1] in pixels of the plate's
    data window, half-open; areas are in pixels. Neither times nor dates: the same input gives the
    same record.
    """
    data, display = plate.data_window or plate.box, plate.display_window or plate.box
    return {
        "schema": SCHEMA_VERSION,
        "plate": {
            "name": plate.name,
            "size": [plate.size[1], plate.size[0]],
            "data_window": data.as_list(),
            "display_window": display.as_list(),
            "pixel_aspect": plate.pixel_aspect,
            "frame": plate.frame,
            "view": plate.view,
            "colour_space": plate.colour_space,
        },
        "slots": [_slot(matte) for matte in mattes],
        "settings": settings.model_dump(mode="json"),
        "models": [dict(model) for model in models],
        "versions": _versions(),
        "seed": settings.seed,
        "device": device,
        "notices": list(dict.fromkeys([*plate.notices, *notices])),
    }


def _slot(matte: Matte) -> dict[str, Any]:
    return {
        "slot": matte.slot,
        "label": matte.label,
        # Shorter than float64 noise, longer than any score that means something.
        "score": round(float(matte.instance.score), 6),
        "box": matte.instance.box.as_list(),
        "area": matte.instance.area,
        "alpha_area": round(float(matte.crop.sum(dtype=np.float64)), 3),
        "passes": matte.passes,
    }


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
