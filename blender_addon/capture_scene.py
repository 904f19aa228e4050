"""A copy of a scene that shows what flows into one socket and nothing else, for as long as one frame takes.

The copy shares everything with the artist's scene but its settings and its compositor. It is made and removed
within one step, so that no undo step, no saved file and no other add-on ever meets it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from . import compat
from .upstream_nodes import OUTPUT_KINDS, RENDER_LAYERS, group_of, leading_to, scene_pointers, with_groups

# One name for every copy: Blender keeps a render's memory by the scene's name up to 4.5.
_NAME = ".Semantic Matte capture"
_EMPTY = ".Semantic Matte frame"


@dataclass
class SceneCopy:
    """scene, tree: the copies. made: what else was made for them, removed after them. frame: to render."""

    scene: bpy.types.Scene
    tree: bpy.types.NodeTree
    made: list[bpy.types.ID] = field(default_factory=list)
    frame: int = 0

    def show(self, node: str, socket: str) -> None:
        """Have the scene show an output of one of its nodes: the node's name, the socket's identifier."""
        output = compat.show_only(self.tree, _output(self.tree, node, socket))
        output.name = _NAME

    @property
    def renders(self) -> bool:
        """Whether a scene has to be rendered in 3D for it."""
        return any(
            node.bl_idname == RENDER_LAYERS and not node.mute for node in with_groups(list(self.tree.nodes))
        )


@contextlib.contextmanager
def copy_of(
    scene: bpy.types.Scene, tree: bpy.types.NodeTree, outputs: list[bpy.types.NodeSocket]
) -> Iterator[SceneCopy]:
    """A copy of a scene whose compositor holds only what these outputs of the artist's nodes depend on.

    Whatever happens within, afterwards all of it is gone, the picture "Render Result" too if there was none.
    """
    places = [(socket.node.name, socket.identifier) for socket in outputs]
    had_result = _render_result() is not None
    made: list[bpy.types.ID] = []
    copied = scene.copy()
    try:
        copied.name = _NAME
        copy = SceneCopy(copied, compat.own_scene_tree(copied, tree, made), made)
        _cut(copy, scene, [_output(copy.tree, *place) for place in places])
        yield copy
    finally:
        bpy.data.scenes.remove(copied)
        for one in reversed(made):
            _data_of(one).remove(one)
        result = None if had_result else _render_result()
        if result is not None:
            bpy.data.images.remove(result)


def set_up(copy: SceneCopy, frame: int) -> None:
    """Have a copied scene render this frame whole, through its compositor, as 32-bit EXR and nothing more."""
    scene, render = copy.scene, copy.scene.render
    copy.frame = frame
    scene.frame_subframe = 0.0
    compat.turn_compositing_on(scene)
    render.use_sequencer = False
    render.use_border = False
    render.use_multiview = False
    render.use_persistent_data = False
    render.use_single_layer = False
    render.use_file_extension = True
    for name in [one.identifier for one in render.bl_rna.properties]:
        # Dates and times in a header would make equal plates different files.
        if name.startswith("use_stamp"):
            setattr(render, name, False)
    compat.set_exr(render.image_settings)


def render_to(copy: SceneCopy, path: Path) -> None:
    """Render what the copy shows into a file. Raises RuntimeError with Blender's own words."""
    copy.scene.render.filepath = compat.literal_path(str(path))
    path.unlink(missing_ok=True)
    with _handlers_kept_out(all_of_them=not copy.renders), _standing_at(copy.frame):
        bpy.ops.render.render(write_still=True, scene=copy.scene.name)
    if not path.is_file():
        raise RuntimeError(f"nothing was written to '{path}'")


@contextlib.contextmanager
def _standing_at(frame: int) -> Iterator[None]:
    """A context whose scene is an empty one that stands at this frame.

    A render of a named scene is one of the frame where the context's scene stands. Before and after it Blender
    evaluates the context's view layer, and leaves animated values in the objects themselves, which must not be
    those of another frame: so the scene that stands there is empty.
    """
    empty = bpy.data.scenes.new(_EMPTY)
    try:
        empty.frame_current = frame
        if empty.frame_current != frame:
            # A frame below 0, where the preferences don't show any.
            with _emptied(bpy.app.handlers.frame_change_pre), _emptied(bpy.app.handlers.frame_change_post):
                empty.frame_set(frame)
        with bpy.context.temp_override(scene=empty):
            yield
    finally:
        bpy.data.scenes.remove(empty)


@contextlib.contextmanager
def _emptied(handlers: list[Any]) -> Iterator[None]:
    """A list of handlers without any, for as long as the context lasts."""
    kept = list(handlers)
    handlers.clear()
    try:
        yield
    finally:
        handlers[:] = kept


@contextlib.contextmanager
def _handlers_kept_out(all_of_them: bool) -> Iterator[None]:
    """Other add-ons' handlers don't hear of a capture, as it is no render of the artist's.

    Where a scene is rendered in 3D only those that handle the written file are kept out: the others may prepare
    what it shows.
    """
    names = ("render_init", "render_pre", "render_post", "render_write", "render_stats", "render_complete")
    names = (*names, "render_cancel") if all_of_them else ("render_write",)
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(_emptied(getattr(bpy.app.handlers, name)))
        yield


def _cut(copy: SceneCopy, original: bpy.types.Scene, outputs: list[bpy.types.NodeSocket]) -> None:
    """Leave in the copied tree only what the outputs depend on, and point what is left at the copied scene."""
    kept = {node.name for node in leading_to(copy.tree, outputs)}
    _remove_nodes(copy, copy.tree, [node for node in copy.tree.nodes if node.name not in kept])
    own: dict[bpy.types.NodeTree, bpy.types.NodeTree] = {}
    _adapt(copy, original, copy.tree, own)
    _retarget_drivers(copy, original)
    _leave_out_layers(copy)


def _adapt(
    copy: SceneCopy,
    original: bpy.types.Scene,
    tree: bpy.types.NodeTree,
    own: dict[bpy.types.NodeTree, bpy.types.NodeTree],
) -> None:
    """Point a copied tree's nodes at the copied scene; groups for which that matters are copied too.

    own: group of the artist's -> its copy, so that one that is used twice is copied once.
    """
    for node in tree.nodes:
        for name in scene_pointers(node):
            if getattr(node, name) == original:
                _point(node, name, copy.scene)
        group = group_of(node)
        if group is None or not _needs_a_copy(group, original):
            continue
        if group not in own:
            own[group] = group.copy()
            copy.made.append(own[group])
            _remove_nodes(copy, own[group], [one for one in own[group].nodes if one.bl_idname in OUTPUT_KINDS])
            _adapt(copy, original, own[group], own)
        node.node_tree = own[group]


def _needs_a_copy(group: bpy.types.NodeTree, original: bpy.types.Scene) -> bool:
    """Whether a group, at any depth, writes or shows something, or takes something of the scene."""
    return any(
        node.bl_idname in OUTPUT_KINDS or any(getattr(node, name) == original for name in scene_pointers(node))
        for node in with_groups(list(group.nodes))
    )


def _point(node: bpy.types.Node, name: str, scene: bpy.types.Scene) -> None:
    """Set a node's scene, and keep the view layer that it shows."""
    layer = getattr(node, "layer", None)
    setattr(node, name, scene)
    if layer:
        node.layer = layer


def _remove_nodes(copy: SceneCopy, tree: bpy.types.NodeTree, nodes: list[bpy.types.Node]) -> None:
    """Remove nodes from a copied tree, and leave alone the keyframes that it shares with the artist's.

    Removing a node removes its keyframes from the tree's action, also where a copy shares it with the original.
    """
    if not nodes:
        return
    animation = tree.animation_data
    action, slot = (animation.action, getattr(animation, "action_slot", None)) if animation else (None, None)
    if animation is not None:
        animation.action = None
        for strip in (strip for track in animation.nla_tracks for strip in track.strips if strip.action):
            strip.action = strip.action.copy()
            copy.made.append(strip.action)
    for node in nodes:
        tree.nodes.remove(node)
    if action is not None:
        animation.action = action
        if slot is not None:
            animation.action_slot = slot


def _retarget_drivers(copy: SceneCopy, original: bpy.types.Scene) -> None:
    """Have the copies' drivers read the copied scene, whose frame is the one that is captured."""
    for owner in (copy.scene, copy.tree, *copy.made):
        animation = getattr(owner, "animation_data", None)
        for curve in animation.drivers if animation else ():
            for variable in curve.driver.variables:
                for target in variable.targets:
                    if target.id == original:
                        target.id = copy.scene


def _leave_out_layers(copy: SceneCopy) -> None:
    """Don't render view layers that nothing shows; Cryptomatte nodes may show any."""
    shown = set()
    for node in with_groups(list(copy.tree.nodes)):
        if any(getattr(node, name) == copy.scene for name in scene_pointers(node)):
            if node.bl_idname != RENDER_LAYERS:
                return
            shown.add(node.layer)
    for layer in copy.scene.view_layers:
        layer.use = layer.use and layer.name in shown


def _output(tree: bpy.types.NodeTree, node: str, socket: str) -> bpy.types.NodeSocket:
    """An output by its node's name and its identifier."""
    return next(one for one in tree.nodes[node].outputs if one.identifier == socket)


def _render_result() -> bpy.types.Image | None:
    """The picture that shows what was rendered, if there is one yet."""
    return next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)


def _data_of(one: bpy.types.ID) -> bpy.types.bpy_prop_collection:
    """The collection of the file that a tree or an action belongs to."""
    return bpy.data.actions if isinstance(one, bpy.types.Action) else bpy.data.node_groups
