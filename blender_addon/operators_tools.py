"""Tools of the panel: the results' folder, the cache, a Cryptomatte node of the result, the worker."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from semantic_matte_client.nodes import result_folders

from . import preferences, running, thumbnails, troubleshooting
from .client_package import client
from .group_nodes import image_nodes
from .matte_images import copy_frames, image_folder
from .node_finding import plate_input, settings_of
from .node_groups import shown_results
from .node_lookup import node_to_use

# Both workers that a machine can have: that of its GPU, and that of its CPU.
_WORKERS = ("auto", "cpu")
CRYPTOMATTE_LAYER = "SemanticMatte"

_NODE = "The node's name; empty: the active one"
_NOTHING_YET = "The node has no results yet: compute it first."


class NodeTool:
    """An operator about one node: it reports a sentence and is cancelled where it can't be done."""

    node: StringProperty(name="Node", description=_NODE, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blender's own hook."""
        try:
            self.report({"INFO"}, self.do(context, node_to_use(context, self.node)))
        except (LookupError, OSError, result_folders.ResultFolderError) as reason:
            self.report({"ERROR"}, str(reason.args[0]) if isinstance(reason, LookupError) else str(reason))
            return {"CANCELLED"}
        return {"FINISHED"}

    def do(self, context: bpy.types.Context, node: bpy.types.Node) -> str:
        """Do it; returns what was done. Raises LookupError, OSError or ResultFolderError."""
        raise NotImplementedError


class SEMANTIC_MATTE_OT_open_folder(NodeTool, bpy.types.Operator):
    """Show the folder of the node's results."""

    bl_idname = "semantic_matte.open_folder"
    bl_label = "Open Folder"
    bl_description = "Show the folder with the node's mattes: layered EXR, Cryptomatte and contact sheet"

    def do(self, _context: bpy.types.Context, node: bpy.types.Node) -> str:
        """Open it in the system's file browser."""
        folder = results_folder(node)
        if not bpy.app.background:
            bpy.ops.wm.path_open(filepath=str(folder))
        return f"'{folder}'"


class SEMANTIC_MATTE_OT_clear_cache(NodeTool, bpy.types.Operator):
    """Remove results that no node shows."""

    bl_idname = "semantic_matte.clear_cache"
    bl_label = "Clear Cache"
    bl_description = (
        "Remove earlier results of this node from the disk. Those that this file uses are kept; "
        "other files that use the same node may show some of the earlier ones"
    )
    bl_options = {"REGISTER", "INTERNAL"}  # noqa: RUF012 - as Blender wants it

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Blender's own hook: files are removed, so ask first."""
        return context.window_manager.invoke_confirm(
            self, event, title="Clear Cache", message="Remove earlier results of this node from the disk?"
        )

    def do(self, _context: bpy.types.Context, node: bpy.types.Node) -> str:
        """Remove them."""
        if running.current(settings_of(node).identity) is not None:
            raise LookupError("The node is being computed: cancel it or wait for its end.")
        # The newest result lies in the cache that was chosen then: its neighbours are the earlier ones.
        folder = results_folder(node).parent
        # Whatever reads files there: nodes of ours in any tree, baked ones, Cryptomatte nodes.
        kept = [image_folder(image) for image in bpy.data.images if image.filepath]
        gone = result_folders.clearable(folder, kept)
        freed = result_folders.clear(gone)
        for one in gone:
            thumbnails.forget(one)
        if not gone:
            return "Nothing to clear: there are no earlier results."
        return f"{result_folders.size_text(freed)} of earlier results were removed."


class SEMANTIC_MATTE_OT_add_cryptomatte(NodeTool, bpy.types.Operator):
    """Add Blender's own Cryptomatte node on the node's result."""

    bl_idname = "semantic_matte.add_cryptomatte"
    bl_label = "Add Cryptomatte Node"
    bl_description = (
        "Add Blender's own Cryptomatte node that reads this result, with the active instance picked: pick "
        "others with its eyedropper"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - as Blender wants it

    def do(self, _context: bpy.types.Context, node: bpy.types.Node) -> str:
        """Add it beside the node."""
        slot = picked_slot(settings_of(node))
        source = cryptomatte_image(node)
        tree = node.id_data
        added = tree.nodes.new("CompositorNodeCryptomatteV2")
        added.source = "IMAGE"
        added.image = source
        copy_frames(image_nodes(node.node_tree)[1], added)
        try:
            added.layer_name = CRYPTOMATTE_LAYER
        except TypeError:
            tree.nodes.remove(added)
            raise LookupError(
                f"The result's Cryptomatte '{source.name}' can't be read or has no objects: compute again."
            ) from None
        added.matte_id = slot
        added.location = node.location.x + node.width + 60, node.location.y - 300
        plate = plate_input(node)
        if plate.is_linked:
            tree.links.new(plate.links[0].from_socket, added.inputs["Image"])
        for other in tree.nodes:
            other.select = other == added
        tree.nodes.active = added
        return f"A Cryptomatte node was added{f' that picks {slot}' * bool(slot)}."


class SEMANTIC_MATTE_OT_worker_status(bpy.types.Operator):
    """Say what the worker does."""

    bl_idname = "semantic_matte.worker_status"
    bl_label = "Worker Status"
    bl_description = "What the engine's worker, which all programs of this machine share, is doing now"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Blender's own hook."""
        try:
            told = [status for device in _WORKERS if (status := client().status(device)) is not None]
        except (ImportError, preferences.error_class()) as reason:
            self.report({"ERROR"}, str(reason))
            return {"CANCELLED"}
        words = [worker_words(status) for status in told]
        self.report({"INFO"}, " ".join(dict.fromkeys(words)) or "No worker runs: the next compute starts one.")
        return {"FINISHED"}


class SEMANTIC_MATTE_OT_worker_stop(bpy.types.Operator):
    """End the worker."""

    bl_idname = "semantic_matte.worker_stop"
    bl_label = "Stop Worker"
    bl_description = (
        "End the engine's worker and free its memory. Jobs of other programs end too; the next compute starts "
        "a new one"
    )

    when: EnumProperty(
        name="When",
        items=(("now", "Now", "Jobs that run are cancelled"), ("idle", "When Done", "Jobs are finished first")),
        default="now",
        options={"SKIP_SAVE"},
    )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Blender's own hook."""
        try:
            stopped = [client().stop(self.when, device) for device in _WORKERS]
        except (ImportError, preferences.error_class()) as reason:
            self.report({"ERROR"}, str(reason))
            return {"CANCELLED"}
        later = "will end when its jobs are done" if self.when == "idle" else "was stopped"
        self.report({"INFO"}, f"The worker {later}." if any(stopped) else "No worker ran.")
        return {"FINISHED"}


class SEMANTIC_MATTE_OT_find_engine(bpy.types.Operator):
    """Look for the engine's Python again."""

    bl_idname = "semantic_matte.find_engine"
    bl_label = "Find Engine"
    bl_description = "Look for the engine's Python again, as after installing it"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Blender's own hook."""
        there, words = preferences.look_for_engine()
        self.report({"INFO" if there else "ERROR"}, words)
        return {"FINISHED" if there else "CANCELLED"}


class SEMANTIC_MATTE_OT_copy_message(bpy.types.Operator):
    """Copy a message."""

    bl_idname = "semantic_matte.copy_message"
    bl_label = "Copy"
    bl_description = "Copy this message, to send it to someone"
    bl_options = {"INTERNAL"}  # noqa: RUF012 - as Blender wants it

    text: StringProperty(name="Text", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blender's own hook."""
        context.window_manager.clipboard = self.text
        return {"FINISHED"}


def results_folder(node: bpy.types.Node) -> Path:
    """The folder of what a node shows. Raises LookupError where it has nothing, or where that is gone."""
    shown = shown_results(node.node_tree)
    if shown is None:
        raise LookupError(_NOTHING_YET)
    if not Path(shown.folder).is_dir():
        raise LookupError(f"The results' folder '{shown.folder}' is gone: compute the node again.")
    return Path(shown.folder)


def picked_slot(settings: bpy.types.PropertyGroup) -> str:
    """The slot of the row that is active in the list, else of the first that is there; "" without rows."""
    rows = list(settings.instances)
    active = (
        rows[settings.active_instance : settings.active_instance + 1] if settings.active_instance >= 0 else []
    )
    return next((row.slot for row in (*active, *rows) if row.present), "")


def cryptomatte_image(node: bpy.types.Node) -> bpy.types.Image:
    """The image that the node's own Cryptomatte output reads: both follow one result. Raises LookupError."""
    reader = image_nodes(node.node_tree)[1]
    if reader is None or reader.image is None:
        raise LookupError(_NOTHING_YET)
    return reader.image


def worker_words(status: dict) -> str:
    """A worker's account of itself in a sentence."""
    jobs = status.get("jobs") or []
    count = len(jobs)
    doing = f"{count} job{'s' * (count != 1)} run or wait" if count else "it is idle"
    return f"A worker of version {status.get('version', '?')} runs, {doing}. {status.get('device', '')}".strip()


_CLASSES = (
    SEMANTIC_MATTE_OT_open_folder,
    SEMANTIC_MATTE_OT_clear_cache,
    SEMANTIC_MATTE_OT_add_cryptomatte,
    SEMANTIC_MATTE_OT_worker_status,
    SEMANTIC_MATTE_OT_worker_stop,
    SEMANTIC_MATTE_OT_find_engine,
    SEMANTIC_MATTE_OT_copy_message,
    *troubleshooting.CLASSES,
)


def register() -> None:
    """Register the tools."""
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    """Take them back, and end an examination that runs."""
    troubleshooting.end()
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
