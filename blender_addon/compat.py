"""Every difference between the Blenders that the add-on runs in, 4.2 to 5.2, and nothing else.

Scenes own their compositor up to 4.5; since 5.0 it is a node group that a scene names, and several may share.
Nodes of the compositor that shaders have too were replaced by those of shaders in 5.0.
"""

from __future__ import annotations

import bpy

# Since 5.0 a scene takes its compositor from a node group, whose output is a group output.
HAS_COMPOSITING_GROUPS = bpy.app.version >= (5, 0, 0)
# Up to 4.4 an Image node gives white for a layer that a frame's file lacks; since 4.5 it gives 0.
NEEDS_EVERY_LAYER = bpy.app.version < (4, 5, 0)
_MATH = "ShaderNodeMath" if HAS_COMPOSITING_GROUPS else "CompositorNodeMath"
_VALUE = "ShaderNodeValue" if HAS_COMPOSITING_GROUPS else "CompositorNodeValue"


def scene_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The tree that a scene composes with, if any: `compositing_node_group` since 5.0, before `node_tree`."""
    return scene.compositing_node_group if HAS_COMPOSITING_GROUPS else scene.node_tree


def compositing_is_on(scene: bpy.types.Scene) -> bool:
    """Whether renders of the scene go through its tree: `use_nodes` up to 4.5, any tree since 5.0."""
    tree = scene_tree(scene)
    return tree is not None and scene.render.use_compositing and (HAS_COMPOSITING_GROUPS or scene.use_nodes)


def ensure_scene_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The scene's tree, made if there is none, with Render Layers that lead to the output, as Blender does it.

    Up to 4.5 `use_nodes` makes these; since 5.0 the tree is a new node group with an output Image.
    """
    tree = scene_tree(scene)
    if not HAS_COMPOSITING_GROUPS:
        if tree is None or not scene.use_nodes:
            scene.use_nodes = True
        return scene.node_tree
    if tree is None:
        tree = bpy.data.node_groups.new("Compositor Nodes", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        layers = tree.nodes.new("CompositorNodeRLayers")
        output = tree.nodes.new("NodeGroupOutput")
        output.location = layers.location[0] + 500, layers.location[1]
        layers.scene = scene
        tree.links.new(layers.outputs["Image"], output.inputs["Image"])
        scene.compositing_node_group = tree
    return tree


def output_node(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    """The node whose input a scene shows: a Composite node up to 4.5, the active group output since 5.0."""
    kind = "NodeGroupOutput" if HAS_COMPOSITING_GROUPS else "CompositorNodeComposite"
    ours = [node for node in tree.nodes if node.bl_idname == kind]
    active = [node for node in ours if not HAS_COMPOSITING_GROUPS or getattr(node, "is_active_output", True)]
    return next(iter([*active, *ours]), None)


# Opened in 5.2, a Mix node of an older file gets two nodes behind it that keep the alpha it had before.
ADDED_BY_CONVERSION = ("CompositorNodeSeparateColor", "CompositorNodeSetAlpha")


def new_math(tree: bpy.types.NodeTree, operation: str, clamp: bool) -> bpy.types.Node:
    """A Math node: CompositorNodeMath up to 4.5, ShaderNodeMath since 5.0."""
    node = tree.nodes.new(_MATH)
    node.operation = operation
    node.use_clamp = clamp
    return node


def new_value(tree: bpy.types.NodeTree, value: float) -> bpy.types.Node:
    """A Value node: CompositorNodeValue up to 4.5, ShaderNodeValue since 5.0."""
    node = tree.nodes.new(_VALUE)
    node.outputs[0].default_value = value
    return node


def new_set_alpha(tree: bpy.types.NodeTree, replace: bool) -> bpy.types.Node:
    """A Set Alpha node that replaces the alpha, or multiplies all: a property up to 4.5, an input since."""
    node = tree.nodes.new("CompositorNodeSetAlpha")
    if HAS_COMPOSITING_GROUPS:
        node.inputs["Type"].default_value = "Replace Alpha" if replace else "Apply Mask"
    else:
        node.mode = "REPLACE_ALPHA" if replace else "APPLY"
    return node


def new_separate_colour(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """A node that gives a colour's channels, Alpha among them; the same in 4.2 to 5.2."""
    return tree.nodes.new("CompositorNodeSeparateColor")


def new_colour_mix(tree: bpy.types.NodeTree) -> tuple[bpy.types.Node, dict[str, bpy.types.NodeSocket]]:
    """A node that mixes two colours, and its sockets: factor, first, second, result.

    CompositorNodeMixRGB up to 4.5; ShaderNodeMix since 5.0, which has sockets of one name for every data type.
    """
    if not HAS_COMPOSITING_GROUPS:
        node = tree.nodes.new("CompositorNodeMixRGB")
        sockets = [*node.inputs, node.outputs[0]]
        return node, dict(zip(("factor", "first", "second", "result"), sockets, strict=True))
    node = tree.nodes.new("ShaderNodeMix")
    node.data_type = "RGBA"
    node.clamp_result = False
    sockets = {socket.identifier: socket for socket in (*node.inputs, *node.outputs)}
    names = {"factor": "Factor_Float", "first": "A_Color", "second": "B_Color", "result": "Result_Color"}
    return node, {name: sockets[identifier] for name, identifier in names.items()}


def own_scene_tree(
    scene: bpy.types.Scene, tree: bpy.types.NodeTree, made: list[bpy.types.ID]
) -> bpy.types.NodeTree:
    """The compositor of a copied scene, its own: up to 4.5 it came with the scene, since 5.0 it is shared with
    the original's `tree`, is copied here and added to `made`."""
    if not HAS_COMPOSITING_GROUPS:
        return scene.node_tree
    own = tree.copy()
    made.append(own)
    scene.compositing_node_group = own
    return own


def show_only(tree: bpy.types.NodeTree, socket: bpy.types.NodeSocket) -> bpy.types.Node:
    """Have a scene's tree show an output of one of its nodes, in place of what it shows; returns the output.

    Up to 4.5 that is a Composite node, since 5.0 a group output whose first socket is the picture.
    """
    node = output_node(tree)
    if node is None:
        if HAS_COMPOSITING_GROUPS:
            for item in [one for one in tree.interface.items_tree if getattr(one, "in_out", "") == "OUTPUT"]:
                tree.interface.remove(item)
            tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        node = tree.nodes.new("NodeGroupOutput" if HAS_COMPOSITING_GROUPS else "CompositorNodeComposite")
    tree.links.new(socket, node.inputs[0])
    return node


def turn_compositing_on(scene: bpy.types.Scene) -> None:
    """Have renders of a scene go through its tree: by `use_nodes` up to 4.5; since 5.0 any tree is used."""
    scene.render.use_compositing = True
    if not HAS_COMPOSITING_GROUPS:
        scene.use_nodes = True


def set_exr(settings: bpy.types.ImageFormatSettings) -> None:
    """32-bit EXR with alpha, without loss, of scene-linear values whatever the scene's view is.

    Since 5.0 the file format follows from a media type.
    """
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "OPEN_EXR"
    settings.color_mode, settings.color_depth = "RGBA", "32"
    # Of a camera's plate at HD as small as ZIP (11 MB; 32 without any), written twice as fast, and read faster.
    settings.exr_codec = "PIZ"
    settings.color_management = "FOLLOW_SCENE"
    settings.use_preview = False


def literal_path(path: str) -> str:
    """A path for `render.filepath` that is taken as it is: since 4.5 braces are variables, doubled if meant."""
    return path.replace("{", "{{").replace("}", "}}") if bpy.app.version >= (4, 5, 0) else path


def working_space() -> str | None:
    """The name of the file's own working space, which 5.0 brought; None where there is no such choice."""
    spaces = getattr(bpy.data, "colorspace", None)
    return spaces.working_space if spaces is not None else None


def curves_of(action: bpy.types.Action, slot: object = None) -> list[bpy.types.FCurve]:
    """An action's curves for one of its users: since 4.4 those of a slot, since 5.0 only within layers."""
    if slot is None or not hasattr(action, "layers"):
        return list(getattr(action, "fcurves", ()))
    bags = [strip.channelbag(slot) for layer in action.layers for strip in layer.strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]
