"""What the jobs of all views wrote, brought together as what a node shows."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from semantic_matte_client.nodes.result_records import Results, ResultsError, read_results, united_slots

from .stored_values import ShownResults

STEM = "plate"

# What a node shows, and what there is to say of it.
Finished = Tuple[ShownResults, Tuple[str, ...]]


def read_shown(folder: Path, views: Sequence[str], frames: Sequence[int], offset: int, hold: bool) -> Finished:
    """The result in a job's folder, and what there is to say of it. frames: of the script.

    Raises ResultsError where files of a view are missing or are not what they should be.
    """
    stem = _stem(folder / views[0])
    found = {view: read_results(folder / view, stem, frames, offset, hold) for view in views}
    first = found[views[0]]
    shown = ShownResults(
        folder=str(folder).replace("\\", "/"),
        views=tuple(views),
        stem=stem,
        frames=first.frames,
        offset=offset,
        hold=hold,
        size=first.size,
        words=first.words,
        slots=united_slots(results.slots for results in found.values()),
    )
    return shown, tuple(_differences(found))


def shown_if_there(
    folder: Path, views: Sequence[str], frames: Sequence[int], offset: int, hold: bool
) -> Optional[Finished]:
    """As `read_shown` where all of it is there already, from an earlier run or from a farm; else None."""
    if not all((folder / view).is_dir() for view in views):
        return None
    try:
        return read_shown(folder, views, frames, offset, hold)
    except ResultsError:
        return None


def _stem(folder: Path) -> str:
    """What the names of a view's files begin with: a farm's command reads the plates by their own names."""
    if any(folder.glob(f"{STEM}.matte.*json")):
        return STEM
    stems = {path.name.partition(".matte.")[0] for path in folder.glob("*.matte.*json")}
    return stems.pop() if len(stems) == 1 else STEM


def _differences(found: Dict[str, Results]) -> List[str]:
    """A sentence for each instance that some of the views lack: its layer is empty there."""
    slots = {view: {one.slot for one in results.slots} for view, results in found.items()}
    sentences = []
    for slot in dict.fromkeys(one.slot for results in found.values() for one in results.slots):
        lacking = [view for view in found if slot not in slots[view]]
        if lacking:
            sentences.append(
                f"{slot} was not found in {', '.join(lacking)}: its layer is missing there. Each view was "
                "computed by itself."
            )
    return sentences
