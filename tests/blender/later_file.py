"""Go on with a file of an earlier Blender, with the add-on: `python later_file.py JOB.json`, with a bpy.

JOB.json: {"blend", "node", "edits": {slot: {property: value}}, "show", "frame", "out", "answer"}. The file is
opened, the node's settings noted, its instances edited, its Image rendered into "out". ANSWER.json gets the
version, the settings, the titles by slot, and the node's outputs by their names before and after the edits.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

# Blender's Python is given this file alone; its neighbours lie in the same folder.
sys.path.insert(0, str(Path(__file__).parent))

import addon_place
import bpy
import compat

SETTINGS = ("layout", "identity", "show", "find", "passes", "overlaps", "results_stem", "results_frames")


def outputs(node: bpy.types.Node) -> dict[str, str]:
    """Name -> identifier of the node's outputs."""
    return {output.name: output.identifier for output in node.outputs}


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do the job. Returns what there is to answer."""
    addon_place.enable_addon(Path(os.environ["BLENDER_USER_RESOURCES"]))
    node_groups = importlib.import_module(f"{addon_place.MODULE}.node_groups")
    bpy.ops.wm.open_mainfile(filepath=job["blend"], load_ui=False)
    scene, tree, node = node_groups.find_node(bpy.context, job["node"])
    settings = node_groups.settings_of(node)
    answer = {
        "version": list(bpy.app.version),
        "settings": {name: getattr(settings, name) for name in SETTINGS},
        "titles": {row.slot: row.title for row in settings.instances},
        "before": outputs(node),
    }
    for slot, edits in job["edits"].items():
        for name, value in edits.items():
            setattr(settings.instances[slot], name, value)
    settings.show = job["show"]
    answer["after"] = outputs(node)
    compat.prepare_output(scene, "RGBA")
    end = next(one for one in tree.nodes if one.bl_idname in ("CompositorNodeComposite", "NodeGroupOutput"))
    tree.links.new(node.outputs["Image"], end.inputs["Image"])
    # What is made here has no description of the plate that a result could be out of date with.
    scene.semantic_matte_on_stale = "WARN"
    scene.frame_set(job["frame"])
    compat.render(scene, job["out"])
    return answer


compat.do_job(main)
