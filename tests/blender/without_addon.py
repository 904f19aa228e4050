"""Open files in a Blender that has no add-on and render from them: `python without_addon.py JOB.json`.

JOB.json: {"steps": [...], "answer": "ANSWER.json"}. A step names the "blend" that it opens ("" goes on with
the one before), a "frame", the file "out" that it writes (32-bit EXR), and, for an output of a node in the
scene's compositor, "node" and "socket"; without them the scene is rendered as it was saved. ANSWER.json gets
the version, of each file the outputs of its group nodes, and what of the add-on was found. Nothing but
compat.py is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Blender's Python is given this file alone; its neighbour lies in the same folder.
sys.path.insert(0, str(Path(__file__).parent))

import bpy
import compat


def compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The scene's tree."""
    return scene.compositing_node_group if compat.HAS_COMPOSITING_GROUPS else scene.node_tree


def picture(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The socket that takes the scene's picture."""
    kind = "NodeGroupOutput" if compat.HAS_COMPOSITING_GROUPS else "CompositorNodeComposite"
    return next(node for node in tree.nodes if node.bl_idname == kind).inputs["Image"]


def open_blend(path: str) -> dict[str, list[str]]:
    """Open a file; returns the names of the outputs of every group node in its compositor."""
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False)
    tree = compositor(bpy.context.scene)
    groups = (node for node in tree.nodes if node.bl_idname == "CompositorNodeGroup")
    return {node.name: [output.name for output in node.outputs] for node in groups}


def render(step: dict[str, Any]) -> None:
    """Render what the step asks for."""
    scene = bpy.context.scene
    if step.get("node"):
        tree = compositor(scene)
        tree.links.new(tree.nodes[step["node"]].outputs[step["socket"]], picture(tree))
    compat.prepare_output(scene, "RGBA")
    scene.frame_set(step["frame"])
    compat.render(scene, step["out"])


def traces() -> list[str]:
    """What of the add-on is here: its modules, and its property on trees."""
    modules = [name for name in sys.modules if "semantic_matte" in name]
    return modules + ["property"] * hasattr(bpy.types.CompositorNodeTree, "semantic_matte")


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do the job. Returns what there is to answer."""
    answer: dict[str, Any] = {"version": bpy.app.version_string, "outputs": {}, "traces": []}
    for step in job["steps"]:
        if step["blend"]:
            answer["outputs"][step["blend"]] = open_blend(step["blend"])
        render(step)
        answer["traces"] += traces()
    return answer


compat.do_job(main)
