"""Folders that the engine writes to, and the colour configuration that it reads."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from semantic_matte.doctor.finding import Finding, gigabytes
from semantic_matte.errors import SemanticMatteError

LEAST_FREE_BYTES = 1 << 30


def folders() -> Iterator[Finding]:
    """The system's temporary folder, the user's cache, the worker's runtime folder and its logs."""
    temporary = Path(tempfile.gettempdir())
    yield writable("temporary folder", temporary, "set TMPDIR to a folder that can be written")
    from semantic_matte.weights_folders import FOLDER_VARIABLE, cache_folder

    yield writable(
        "cache folder", cache_folder().parent, f"allow it, or let {FOLDER_VARIABLE} name another folder"
    )
    yield _runtime_folder()
    from semantic_matte.worker.client_places import LOGS_VARIABLE, log_folder

    yield writable("log folder", log_folder(), f"allow it, or let {LOGS_VARIABLE} name another folder")


def writable(what: str, folder: Path, advice: str) -> Finding:
    """Whether a folder can be written, found by writing to it, and how much room is there.

    One that is not there is no fault while it can be made: the lowest folder above it is tried then.
    """
    place = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=place) as stream:
            stream.write(bytes(1 << 12))
            stream.flush()
        free = shutil.disk_usage(place).free
    except OSError as reason:
        return Finding(what, "error", f"{folder} can't be written ({reason.strerror}): {advice}")
    there = "writable" if place == folder else "made when it is needed"
    text = f"{folder}, {there}, {gigabytes(free)} free"
    if free < LEAST_FREE_BYTES:
        return Finding(what, "warning", f"{text}: free some space")
    return Finding(what, "ok", text)


def _runtime_folder() -> Finding:
    """Where hosts and the worker meet: it must be the user's own and nobody else's."""
    from semantic_matte.worker.client_places import ClientError, runtime_folder

    try:
        folder = runtime_folder()
        mode = stat.S_IMODE(folder.stat().st_mode)
    except (ClientError, OSError) as error:
        return Finding("runtime folder", "error", str(error))
    return Finding("runtime folder", "ok", f"{folder}, yours alone (mode {mode:04o})")


def colour() -> Finding:
    """The OpenColorIO configuration: that it is there and can be loaded."""
    from semantic_matte.colour_configuration import configurations

    configured = os.environ.get("OCIO", "")
    if configured and not configured.startswith("ocio://") and not Path(configured).is_file():
        return Finding("OCIO", "warning", f"$OCIO names '{configured}', which is not there")
    try:
        found = configurations()
    except SemanticMatteError as error:
        return Finding("OCIO", "error", str(error))
    if not found:
        return Finding(
            "OCIO", "warning", "not set, and the built-in configuration can't be loaded: update OpenImageIO"
        )
    spaces = f"{len(found[0].listed)} colour spaces"
    if configured:
        return Finding("OCIO", "ok", f"{configured}, {spaces}")
    return Finding("OCIO", "ok", f"not set: the built-in configuration is used, {spaces}")
