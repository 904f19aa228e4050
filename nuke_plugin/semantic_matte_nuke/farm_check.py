"""Farm Check: what a machine without the plugin, the engine and this user's folders would miss."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import List, Sequence, Tuple

import nuke
from semantic_matte_client.nodes.frame_spans import FrameSpanError, frames_of, text_of

from . import cache_place, host, node_finding, node_knobs, node_results, render_check
from .stored_values import ShownResults, StoredValueError
from .upstream_files import file_knobs, path_at
from .upstream_walk import Walk

_GOOD = "Renders need neither the plugin nor the engine."
# More paths than these are no use in a dialog.
_MOST_SENTENCES = 12


def report(node: nuke.Group) -> str:
    """What stands against rendering a node on a farm, as one text; its first line says whether it is ready."""
    found = _of_script() + _of_node(node)
    name = node.fullName()
    if not found:
        return f"'{name}' is ready for the farm. {_GOOD}"
    return "\n".join([f"'{name}' is not ready for the farm:", *_listed(found)])


def report_of_all() -> str:
    """The same for every node of ours in the script."""
    nodes = node_finding.all_nodes()
    if not nodes:
        return "The script has no Semantic Matte node."
    found = _of_script() + [sentence for node in nodes for sentence in _of_node(node)]
    if not found:
        what = "The Semantic Matte node is" if len(nodes) == 1 else f"All {len(nodes)} Semantic Matte nodes are"
        return f"{what} ready for the farm. {_GOOD}"
    return "\n".join(["The script is not ready for the farm:", *_listed(found)])


def _listed(found: Sequence[str]) -> List[str]:
    """The sentences as lines, each once."""
    sentences = list(dict.fromkeys(found))
    more = len(sentences) - _MOST_SENTENCES
    return [f"- {one}" for one in sentences[:_MOST_SENTENCES]] + [
        f"- and {more} more." for _ in range(more > 0)
    ]


def _of_script() -> List[str]:
    """What stands against the script as such."""
    if not host.script_path():
        return ["The script was never saved: save it where the farm can read it."]
    found = []
    if nuke.root().modified():
        found.append("The script has changes that are not saved: a farm renders the file.")
    if is_local(host.script_path()):
        found.append(
            f"The script lies in '{host.script_path()}', on this machine alone: save it on a shared disk."
        )
    return found


def _of_node(node: nuke.Group) -> List[str]:
    """What stands against one node."""
    name = node.fullName()
    try:
        shown = node_results.shown_results(node)
    except StoredValueError as reason:
        return [f"'{name}': {reason}"]
    if shown is None:
        return [f"'{name}' was never generated: it passes Source through. Generate its range."]
    found = _of_folder(name, shown)
    frames = _frames(node)
    views = node_knobs.chosen_views(node) or host.views()
    wrong = render_check.problems(node, frames, views)
    lost = [one for one in wrong if one.frame is not None and "out of date" not in one.sentence]
    if len(lost) > 1:
        numbers = text_of({one.frame for one in lost if one.frame is not None})
        where = ", ".join(sorted({one.view for one in lost}))
        found.append(
            f"'{name}' has no mattes of frames {numbers} (views {where}): "
            "generate its range, or set its Missing Frames to black or nearest."
        )
        wrong = [one for one in wrong if one not in lost]
    found += [one.sentence for one in wrong]
    return found + _of_plates(node, frames, views)


def _of_folder(name: str, shown: ShownResults) -> List[str]:
    """What stands against where the results are."""
    if not Path(shown.folder).is_absolute():
        return [f"The results of '{name}' are named by a part of a path, '{shown.folder}': generate again."]
    if is_local(shown.folder):
        return [
            f"The results of '{name}' lie in '{shown.folder}', on this machine alone: save the script on a "
            f"shared disk, or choose a folder there {cache_place.WHERE}, and generate again."
        ]
    return []


def _of_plates(node: nuke.Group, frames: Sequence[int], views: Sequence[str]) -> List[str]:
    """What stands against the files that are read upstream."""
    found = []
    walk = Walk(node)
    asked: List[Tuple[int, int]] = []
    for start in walk.starts:
        asked += [pair for frame in frames for pair in walk.reached(start, frame)]
    for place, frame in dict.fromkeys(asked):
        one = walk.nodes[place]
        for knob in file_knobs(one):
            paths = {path_at(one, knob, frame, view) for view in views} - {None, ""}
            text = str(knob.value() or "")
            if not Path(text).is_absolute() and "[" not in text:
                found.append(f"'{one.fullName()}' reads '{text}', a part of a path: name the whole one.")
            for path in sorted(map(str, paths)):
                if is_local(path):
                    folder = host.forward(str(Path(path).parent))
                    found.append(f"'{one.fullName()}' reads from '{folder}', on this machine alone: move it.")
                elif not Path(path).is_file():
                    found.append(f"'{one.fullName()}' reads '{path}', which is not there.")
    return found


def _frames(node: nuke.Group) -> Tuple[int, ...]:
    """The frames that are checked: the node's range, else the script's."""
    first, last = host.root_frames()
    written = node_knobs.frame_range_of(node).strip()
    try:
        return frames_of(written) if written else tuple(range(first, last + 1))
    except FrameSpanError:
        return tuple(range(first, last + 1))


def is_local(path: str) -> bool:
    """Whether a path is surely on this machine or for this user alone: temporary, or the user's own results."""
    place = Path(path).resolve()
    temporary = Path(tempfile.gettempdir()).resolve()
    return temporary in (place, *place.parents) or cache_place.is_users_own(place)
