"""Run pictures through Blender's compositor: `python compose.py JOB.json`, with a Python that has bpy.

JOB.json: {"size": [width, height], "steps": [...], "answer": "ANSWER.json"}. A step with "socket" renders that
output of an Image node of "file"; one with "matte_id" renders the Matte of a Cryptomatte node with the layer
"layer_name". Each writes its picture to "out". ANSWER.json gets the version and, for each step, the node's
outputs. No file of the project is imported here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Blender's Python is given this file alone; its neighbour lies in the same folder.
sys.path.insert(0, str(Path(__file__).parent))

import bpy
import compat


def run(step: dict[str, str]) -> list[str]:
    """Do one step; returns the names of the node's outputs."""
    scene = bpy.context.scene
    tree, picture = compat.empty_compositor(scene)
    if "matte_id" in step:
        node = compat.cryptomatte_node(tree, step["file"], step["layer_name"], step["matte_id"])
        socket = "Matte"
    else:
        node = compat.image_node(tree, step["file"])
        socket = step["socket"]
    tree.links.new(node.outputs[socket], picture)
    compat.render(scene, step["out"])
    return [output.name for output in node.outputs]


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do the job. Returns what there is to answer."""
    compat.prepare_scene(bpy.context.scene, *job["size"])
    return {"version": bpy.app.version_string, "outputs": [run(step) for step in job["steps"]]}


compat.do_job(main)
