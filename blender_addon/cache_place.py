"""Which folder on disk holds the results of this file's nodes, as the preferences say it."""

from __future__ import annotations

from pathlib import Path

import bpy

from semantic_matte_client.nodes.result_folders import ResultFolderError, check_writable, folder_beside

from . import preferences

# Where another folder is chosen, as sentences end.
WHERE = "in the add-on's preferences"
_UNSAVED = (
    "This file was never saved, so its mattes are in '{folder}': save it and compute again to have them "
    "beside it."
)
_READ_ONLY = "The mattes are in '{folder}', because nothing can be written beside the file: {reason}"


def cache_folder() -> tuple[Path, str]:
    """The cache folder, made and seen to be writable, and a sentence if it is not the one that was chosen.

    Raises ResultFolderError where it can't be used.
    """
    choices = preferences.chosen()
    if choices.cache == "FOLDER":
        return _named(choices.cache_folder), ""
    notice = ""
    if choices.cache == "BESIDE":
        if bpy.data.filepath:
            beside = folder_beside(bpy.data.filepath)
            try:
                check_writable(beside, WHERE)
            except ResultFolderError as reason:
                notice = _READ_ONLY.format(folder=users_folder(), reason=reason)
            else:
                return beside, ""
        else:
            notice = _UNSAVED.format(folder=users_folder())
    check_writable(users_folder(), WHERE)
    return users_folder(), notice


def users_folder() -> Path:
    """The add-on's own folder for results in Blender's folder of this user; it need not be there."""
    return Path(bpy.utils.extension_path_user(__package__, path="results"))


def _named(folder: str) -> Path:
    """The folder that the preferences name. Raises ResultFolderError."""
    if not folder.strip():
        raise ResultFolderError(
            "The preferences ask for a cache folder of your own and name none: choose one in "
            "Edit > Preferences > Add-ons > Semantic Matte."
        )
    if folder.startswith("//") and not bpy.data.filepath:
        raise ResultFolderError(
            f"The cache folder '{folder}' is meant from where the file lies, and it was never saved: save it "
            "first."
        )
    place = Path(bpy.path.abspath(folder))
    check_writable(place, WHERE)
    return place
