"""Before a render: does every node have the mattes of the frame, and are they of what flows into it now?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import bpy

from semantic_matte_client.nodes import fingerprints
from semantic_matte_client.nodes.frame_spans import text_of
from semantic_matte_client.nodes.result_records import Results, missing_files

from . import compat, control_rows, node_groups, upstream
from .compute_plan import described


def problems(scene: bpy.types.Scene, frames: Sequence[int]) -> dict[str, str]:
    """What is wrong with the mattes of these frames of a scene: a sentence by the node's name.

    Nodes that were never computed, are muted or lead nowhere are left out. frames: ascending. Reads files only
    to see whether they are there and as they were.
    """
    tree = compat.scene_tree(scene)
    if tree is None or not compat.compositing_is_on(scene):
        return {}
    found = {}
    for node in node_groups.nodes_in(tree):
        if node.mute or not any(socket.is_linked for socket in node.outputs):
            continue
        sentence = problem(scene, tree, node, frames)
        if sentence:
            found[node.name] = sentence
    return found


def problem(
    scene: bpy.types.Scene, tree: bpy.types.NodeTree, node: bpy.types.Node, frames: Sequence[int]
) -> str:
    """What is wrong with a node's mattes at these frames, and what to do; "" where nothing is."""
    results = node_groups.shown_results(node.node_tree)
    if results is None:
        return ""
    missing = missing_files(results, frames)
    if missing:
        return _missing_sentence(node, results, missing)
    # What flows into a node of another file can't be told from here.
    if node.node_tree.library is not None:
        return ""
    return _stale_sentence(scene, tree, node, results, frames)


def _missing_sentence(node: bpy.types.Node, results: Results, missing: Sequence[int]) -> str:
    """The sentence for frames without files: never computed, or gone from disk."""
    frames = f"frame {missing[0]}" if len(missing) == 1 else f"frames {text_of(missing)}"
    if results.hold or set(results.frames).intersection(missing):
        what = "its mattes" if results.hold else f"the mattes of {frames}"
        return (
            f"'{node.name}' has lost {what}: the files are not in '{results.folder}'. "
            "Bring them back, or compute again."
        )
    return (
        f"'{node.name}' has no mattes of {frames}: it was computed for {text_of(results.frames)}. "
        "Compute these frames too, by the extent Scene or Range."
    )


def _stale_sentence(
    scene: bpy.types.Scene,
    tree: bpy.types.NodeTree,
    node: bpy.types.Node,
    results: Results,
    frames: Sequence[int],
) -> str:
    """The sentence for mattes of another scene, of other settings or of another picture."""
    settings = node_groups.settings_of(node)
    before = _earlier(settings.results_fingerprint)
    if before is None:
        return ""
    refusal = upstream.refusal(scene, tree, node)
    if refusal:
        return f"'{node.name}' shows mattes of what no longer flows into it. {refusal}"
    values = control_rows.settings_from(settings)
    if len(results.frames) == 1:
        # As the plan of a single frame has it.
        values["track"] = False
    shown = results.frames if results.hold else tuple(frames)
    changed = fingerprints.difference(before, described(scene, tree, node, values, shown, known=before))
    if not changed:
        return ""
    if settings.results_scene != scene.name and settings.results_scene in bpy.data.scenes:
        return (
            f"'{node.name}' shows mattes that were computed in scene '{settings.results_scene}', and in scene "
            f"'{scene.name}' {changed}: compute it there."
        )
    return f"'{node.name}' shows mattes that are out of date: {changed}. Compute again."


def _earlier(text: str) -> dict[str, Any] | None:
    """The description that the results were made from; None where none is kept."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
