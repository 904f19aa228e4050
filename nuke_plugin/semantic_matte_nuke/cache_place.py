"""Which folder on disk holds the results of this script's nodes."""

from __future__ import annotations

import os
from pathlib import Path

import nuke
from semantic_matte_client.nodes.result_folders import ResultFolderError, check_writable, folder_beside

from . import host

KNOB = "cache_folder"
# Where another folder can be chosen, for the client's sentences.
WHERE = "as Cache Folder on the node's Tools tab"

_UNSAVED = (
    "This script was never saved, so its mattes are in '{folder}': save it and generate again to have them "
    "beside it."
)
_READ_ONLY = "The mattes are in '{folder}', because nothing can be written beside the script: {reason}"


def cache_folder(node: nuke.Node) -> tuple[Path, str]:
    """The cache folder of a node, made and seen to be writable, and a sentence if it is not where it should be.

    Raises ResultFolderError where it can't be used.
    """
    named = _named(node)
    if named is not None:
        check_writable(named, WHERE)
        return named, ""
    notice = ""
    script = host.script_path()
    if script:
        beside = folder_beside(Path(script).absolute())
        try:
            check_writable(beside, WHERE)
        except ResultFolderError as reason:
            notice = _READ_ONLY.format(folder=host.forward(str(users_folder())), reason=reason)
        else:
            return beside, ""
    else:
        notice = _UNSAVED.format(folder=host.forward(str(users_folder())))
    check_writable(users_folder(), WHERE)
    return users_folder(), notice


def users_folder() -> Path:
    """This user's own folder for results; it need not be there. Raises ResultFolderError without a home."""
    try:
        return Path.home() / ".nuke" / "semantic_matte_results"
    except RuntimeError:
        raise ResultFolderError(
            f"No home folder is known for this user: save the script, or name a folder {WHERE}."
        ) from None


def is_users_own(folder: str | Path) -> bool:
    """Whether a folder is on this machine for this user alone, so that no farm sees it."""
    place = os.path.normcase(Path(folder).resolve())
    try:
        own = os.path.normcase(users_folder())
    except ResultFolderError:
        return False
    return place == own or place.startswith(own + os.sep)


def _named(node: nuke.Node) -> Path | None:
    """The folder that the node's knob names, None where it names none. Raises ResultFolderError."""
    knob = node.knob(KNOB)
    written = str(knob.value() or "").strip() if isinstance(knob, nuke.File_Knob) else ""
    if not isinstance(knob, nuke.File_Knob) or not written:
        return None
    try:
        folder = str(knob.evaluate() or "").strip()
    except RuntimeError as reason:
        raise ResultFolderError(
            f"The cache folder '{written}' of '{node.name()}' can't be evaluated ({reason}): mend its "
            "expression."
        ) from None
    if not folder:
        raise ResultFolderError(
            f"The cache folder '{written}' of '{node.name()}' evaluates to nothing: mend its expression, or "
            "empty the knob to have results beside the script."
        )
    place = Path(folder)
    if place.is_absolute():
        return place
    script = host.script_path()
    if not script:
        raise ResultFolderError(
            f"The cache folder '{folder}' is meant from where the script lies, and it was never saved: save it "
            "first, or name a whole path."
        )
    return Path(script).absolute().parent / place
