"""Buttons about files: open or clear the cache, load results of elsewhere, look at the contact sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, List

import nukescripts

import nuke
from semantic_matte_client.nodes import result_folders
from semantic_matte_client.nodes.frame_spans import text_of

from . import (
    cache_place,
    farm_commands,
    finished_results,
    host,
    loading_results,
    node_finding,
    node_results,
    running,
    source_record,
    stored_values,
    upstream,
)
from .stored_values import ShownResults

if TYPE_CHECKING:
    from .compute_plan import Plan

_NOTHING_YET = "'{name}' has no results yet: generate a frame first."


class CacheActionError(Exception):
    """It can't be done; the text is a sentence that says what to do."""


def open_cache(node: nuke.Group) -> None:
    """Show the folder of what a node shows, else the one where its results will be. Raises CacheActionError."""
    shown = node_results.shown_results(node)
    if shown is not None:
        folder = Path(shown.folder)
        if not folder.is_dir():
            raise CacheActionError(f"The results' folder '{shown.folder}' is gone: generate again.")
    else:
        folder = cache_place.cache_folder(node)[0]
    open_path(folder)


def open_path(path: Path) -> None:
    """Have the system open a file or folder with its own program; without a window its name is told."""
    if host.is_gui():
        nukescripts.start(str(path))
    else:
        host.say(host.forward(str(path)))


def clear_cache(node: nuke.Group) -> None:
    """Remove earlier results of a node from the disk, once the artist has agreed; what is used stays.

    Raises CacheActionError, ResultFolderError.
    """
    identity = node_finding.identity(node)
    if running.current(identity) is not None:
        raise CacheActionError(f"Mattes of '{node.name()}' are being generated: cancel that first, or wait.")
    gone = _clearable(node, identity)
    if not gone:
        host.tell("Nothing to clear: there are no earlier results.")
        return
    size = result_folders.size_text(sum(result_folders.size_of(folder) for folder in gone))
    if not host.ask(
        f"Remove {size} of earlier results of '{node.name()}' from the disk? What this script uses is kept; "
        "other scripts with the same node may use some of it."
    ):
        return
    freed = result_folders.clear(gone)
    host.tell(f"{result_folders.size_text(freed)} of earlier results were removed.")


def load_results(node: nuke.Group, place: str | Path) -> ShownResults:
    """Have a node show what the command line or a farm made: a folder, or a NAME.matte.json in it.

    Raises ResultsError, ResultFolderError, CacheActionError.
    """
    cache = result_folders.node_folder(cache_place.cache_folder(node)[0], node_finding.identity(node))
    try:
        found = loading_results.found_at(place, host.views(), cache, host.current_frame())
    except OSError as reason:
        raise CacheActionError(
            f"The results at '{place}' can't be brought into '{cache}' ({reason.strerror or reason}): choose "
            f"another cache folder {cache_place.WHERE}."
        ) from None
    shown = _recorded(found.folder)
    if shown is None:
        shown, notices = finished_results.read_shown(found.folder, found.views, found.frames, 0, found.hold)
        for notice in notices:
            host.say(notice)
    node_results.apply_results(node, shown, f"Semantic Matte: load mattes of {text_of(shown.frames)}")
    return shown


def contact_sheet(node: nuke.Group) -> None:
    """Open the picture of what was found. Raises CacheActionError."""
    shown = node_results.shown_results(node)
    if shown is None:
        raise CacheActionError(_NOTHING_YET.format(name=node.name()))
    for view in shown.views:
        sheet = loading_results.contact_sheet_of(Path(shown.folder) / view, shown.stem)
        if sheet is not None:
            open_path(sheet)
            return
    raise CacheActionError(
        f"'{shown.folder}' has no contact sheet: turn Contact Sheet on among the node's controls and generate "
        "again."
    )


def farm_command(node: nuke.Group, plan: Plan) -> str:
    """Command lines that make a node's mattes without Nuke, a line for each view, for a POSIX shell.

    They write where the node looks: once done, Generate or Load Results shows them. Raises CacheActionError
    where Source is no plain Read.
    """
    read = upstream.plain_read(node)
    if read is None:
        raise CacheActionError(
            f"What flows into '{node.name()}' is no plain Read, so Nuke has to make the plates: use nuke -t "
            "generate.py, or write them with a Write node and read those."
        )
    if plan.hint:
        raise CacheActionError(f"'{node.name()}' has a hint, which Nuke has to make: use nuke -t generate.py.")
    if plan.offset != 0 or not upstream.is_numbered(read):
        raise CacheActionError(
            f"The files of '{read.name()}' have no numbers of their own from 0 up: use nuke -t generate.py."
        )
    raw = bool(read["raw"].value())
    space = farm_commands.space_of(str(read["colorspace"].value()), raw, plan.colour_space)
    if space is None:
        raise CacheActionError(
            f"The engine has no name for the colour space '{read['colorspace'].value()}' of '{read.name()}': "
            "use nuke -t generate.py, or add --colour-space to a command of your own."
        )
    lines = []
    for view in plan.views:
        plates = upstream.plate_pattern(read, plan.frames[0], view)
        out = host.forward(str(plan.folder / view))
        words = farm_commands.command(plates, out, text_of(plan.frames), plan.settings, space)
        lines.append(farm_commands.as_shell(words))
    return "\n".join(lines)


def _clearable(node: nuke.Group, identity: str) -> List[Path]:
    """Results of this node that nothing in the script reads."""
    shown = [one for one in map(node_results.shown_results, node_finding.all_nodes()) if one is not None]
    kept = [one.folder for one in shown]
    for read in nuke.allNodes("Read", group=nuke.root(), recurseGroups=True):
        # Baked nodes, and Reads that the artist made: of a job's folder or of a view's in it.
        parents = Path(str(read["file"].value() or "")).parents
        kept += [str(folder) for folder in list(parents)[:2]]
    folders = [cache_place.cache_folder(node)[0] / identity]
    own = node_results.shown_results(node)
    if own is not None and Path(own.folder).parent.name == identity:
        folders.append(Path(own.folder).parent)
    found = [one for folder in dict.fromkeys(folders) for one in result_folders.clearable(folder, kept)]
    return list(dict.fromkeys(found))


def _recorded(folder: Path) -> ShownResults | None:
    """What a node showed of this folder, moved here with it; None where no node has."""
    record = source_record.read(folder)
    if record is None:
        return None
    try:
        return stored_values.from_json(json.dumps({**record.shown, "folder": host.forward(str(folder))}))
    except stored_values.StoredValueError:
        return None
