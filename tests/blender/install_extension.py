"""An artist's way with the zip, in a real Blender: `python install_extension.py JOB.json`.

JOB.json: {"zip": file, "plate": picture, "answer": ANSWER.json}. The zip is installed from disk and enabled, a
node is added and computed by the worker, the add-on is disabled in mid-job and enabled again, and removed. It
tells what was there at each step. No file of the project is imported but this one's neighbours.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Blender's Python is given this file alone; its neighbours lie in the same folder.
sys.path.insert(0, str(Path(__file__).parent))

import bpy
import compat
import leftovers

REPOSITORY, EXTENSION = "user_default", "semantic_matte"


def install(path: str) -> None:
    """From disk, as the preferences' menu does it."""
    import addon_utils

    addon_utils.enable("bl_pkg")
    bpy.ops.extensions.package_install_files(filepath=path, repo=REPOSITORY, enable_on_install=True)


def remove() -> None:
    """By the preferences' Uninstall."""
    modules = [repository.module for repository in bpy.context.preferences.extensions.repos]
    bpy.ops.extensions.package_uninstall(repo_index=modules.index(REPOSITORY), pkg_id=EXTENSION)


def is_enabled() -> bool:
    """Whether the preferences and Python both say so."""
    import addon_utils

    return addon_utils.check(leftovers.ADDON) == (True, True)


def new_file(plate: str) -> Any:
    """A scene whose compositor shows the plate through a node of ours. Returns the node."""
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    image = bpy.data.images.load(plate)
    compat.prepare_scene(scene, *image.size)
    tree, picture = compat.empty_compositor(scene)
    from bl_ext.user_default.semantic_matte import node_groups

    node = node_groups.add_node(tree)
    tree.links.new(compat.image_node(tree, plate).outputs["Image"], node.inputs["Image"])
    tree.links.new(node.outputs["Image"], picture)
    return node


def compute(node: Any) -> dict[str, Any]:
    """By the operator, as from a console."""
    settings = node.node_tree.semantic_matte
    settings.find, settings.passes, settings.device = "person", 1, "cpu"
    bpy.ops.semantic_matte.compute(node=node.name)
    return {
        "instances": [row.title for row in settings.instances],
        "sockets": [socket.name for socket in node.outputs],
        "folder": settings.results_folder,
        "error": settings.last_error,
    }


def disabled_in_mid_job(node: Any) -> dict[str, Any]:
    """Begin a job with other settings, disable the add-on while it runs, and save the file."""
    import addon_utils
    from bl_ext.user_default.semantic_matte import computation, running

    node.node_tree.semantic_matte.passes = 2
    tree = node.id_data
    course = computation.Computation(bpy.context, bpy.context.scene, tree, node)
    running.start(course)
    while course.state == "capturing":
        course.step()
    states = [course.state]
    addon_utils.disable(leftovers.ADDON, default_set=True)
    found = leftovers.everything_of_ours()
    course.step()
    states.append(course.state)
    path = Path(bpy.app.tempdir) / "disabled.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    addon_utils.enable(leftovers.ADDON, default_set=True)
    said = course.error or course.sentence
    return {"found": found, "states": states, "said": said, "saved": path.is_file(), "enabled": is_enabled()}


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do the job. Returns what there is to answer."""
    answer: dict[str, Any] = {"version": bpy.app.version_string, "before": leftovers.everything_of_ours()}
    install(job["zip"])
    answer["enabled"] = is_enabled()
    answer["here"] = leftovers.everything_of_ours()
    node = new_file(job["plate"])
    answer["computed"] = compute(node)
    answer["mid_job"] = disabled_in_mid_job(node)
    # A newer zip goes over the one that is enabled.
    install(job["zip"])
    answer["again"] = leftovers.everything_of_ours()
    remove()
    answer["after"] = leftovers.everything_of_ours()
    answer["loaded"] = leftovers.loaded_files()
    return answer


compat.do_job(main)
