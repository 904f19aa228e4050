"""Make a file with the add-on's nodes as an artist would have it: `python author_file.py JOB.json`, with a bpy.

JOB.json: {"blend": file, "plate": picture, "size": [width, height], "frames": [first, last], "nodes":
[{"name", "results": {...}, "show", "edits": {slot: {property: value}}}, ...], "saved": name of the node that
is the scene's picture, "answer"}. "results" are the fields of the add-on's Results. ANSWER.json gets the
title of each slot's socket by the node's name. The plates and results lie beside the blend.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

# Blender's Python is given this file alone; its neighbour lies in the same folder.
sys.path.insert(0, str(Path(__file__).parent))

import addon_place
import bpy
import compat


def results_of(fields: dict[str, Any]) -> Any:
    """The add-on's own Results of plain fields."""
    records = importlib.import_module("semantic_matte_client.nodes.result_records")
    slots = tuple(records.SlotFound(**slot) for slot in fields["slots"])
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return records.Results(**{**plain, "slots": slots})


def add(tree: bpy.types.NodeTree, job: dict[str, Any], source: bpy.types.NodeSocket) -> dict[str, str]:
    """Put one node into the tree, with its results and edits; returns the sockets' titles by slot."""
    node_groups = importlib.import_module(f"{addon_place.MODULE}.node_groups")
    node = node_groups.add_node(tree)
    node.name = job["name"]
    tree.links.new(source, node.inputs["Image"])
    node_groups.apply_results(node.node_tree, results_of(job["results"]))
    settings = node_groups.settings_of(node)
    settings.find, settings.passes, settings.overlaps = "person, dog", 2, "independent"
    settings.show = job["show"]
    for instance in settings.instances:
        for name, value in job["edits"].get(instance.slot, {}).items():
            setattr(instance, name, value)
    node_groups.rebuild(node.node_tree)
    return {instance.slot: instance.title for instance in settings.instances}


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do the job. Returns what there is to answer."""
    addon_place.enable_addon(Path(os.environ["BLENDER_USER_RESOURCES"]))
    scene = bpy.context.scene
    compat.prepare_scene(scene, *job["size"])
    scene.frame_start, scene.frame_end = job["frames"]
    tree, picture = compat.empty_compositor(scene)
    bpy.ops.wm.save_as_mainfile(filepath=job["blend"])
    plate = compat.image_node(tree, job["plate"])
    # The results' paths are the add-on's own.
    plate.image.filepath = bpy.path.relpath(job["plate"])
    source = plate.outputs["Image"]
    titles = {node["name"]: add(tree, node, source) for node in job["nodes"]}
    tree.links.new(tree.nodes[job["saved"]].outputs["Image"], picture)
    bpy.ops.wm.save_as_mainfile(filepath=job["blend"])
    return {"version": list(bpy.app.version), "titles": titles}


compat.do_job(main)
