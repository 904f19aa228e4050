"""Operators that add a node and change its instances. Each is one step of undo, and works headless.

    bpy.ops.semantic_matte.add()
    bpy.ops.semantic_matte.rename(key="person_01", title="Anna")

An instance is named by its key, its title or its slot. `node` is a node's name; empty means the active one, or
the only one.
"""

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from semantic_matte_client.nodes import instance_table

from . import compat, node_groups, preferences
from .node_lookup import node_to_use
from .properties import SHOWS

_UNDO = {"REGISTER", "UNDO"}


class EditError(Exception):
    """An instance can't be changed; its text is a sentence that says what to do."""


def instance_row(group: bpy.types.NodeTree, name: str) -> bpy.types.PropertyGroup:
    """The instance with this key, title or slot. Raises EditError with what there is."""
    rows = group.semantic_matte.instances
    for field in ("key", "title", "slot"):
        for row in rows:
            if getattr(row, field) == name:
                return row
    there = ", ".join(f"'{row.title}'" for row in rows)
    raise EditError(f"The node has no instance '{name}': it has {there or 'none, compute first'}.")


class _Edit(bpy.types.Operator):
    """What operators on one node share: the node's name, and errors as sentences."""

    bl_options = _UNDO

    node: StringProperty(name="Node", description="Its name; empty: the active one", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do the edit; a reason against it is reported as an error, and nothing is changed."""
        try:
            self.edit(node_to_use(context, self.node, to_change=True))
        except (LookupError, EditError) as reason:
            self.report({"ERROR"}, str(reason))
            return {"CANCELLED"}
        return {"FINISHED"}

    def edit(self, node: bpy.types.Node) -> None:
        """Change the node. Raises EditError."""
        raise NotImplementedError


class AddNode(bpy.types.Operator):
    """Add a node that finds every object in the picture and gives each one a soft matte"""

    bl_idname = "semantic_matte.add"
    bl_label = "Semantic Matte"
    bl_options = _UNDO

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Wherever there is no node editor, and in one of compositing."""
        space = context.space_data
        return space is None or space.type != "NODE_EDITOR" or space.tree_type == "CompositorNodeTree"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it to the tree that is open, else to the scene's, which is made if there is none."""
        space = context.space_data
        in_editor = space is not None and space.type == "NODE_EDITOR"
        tree = (space.edit_tree if in_editor else None) or compat.ensure_scene_tree(context.scene)
        if not tree.is_editable:
            self.report(
                {"ERROR"}, f"'{tree.name}' belongs to another file: add the node to a tree of this one."
            )
            return {"CANCELLED"}
        for other in tree.nodes:
            other.select = False
        node = node_groups.add_node(tree, space.cursor_location if in_editor else (0.0, 0.0))
        node.select = True
        tree.nodes.active = node
        preferences.apply_defaults(context.scene, node_groups.settings_of(node))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Add it where the mouse is, and let it be placed as every other node."""
        space = context.space_data
        if space is None or space.type != "NODE_EDITOR":
            return self.execute(context)
        space.cursor_location_from_region(event.mouse_region_x, event.mouse_region_y)
        done = self.execute(context)
        if done == {"FINISHED"}:
            bpy.ops.node.translate_attach_remove_on_cancel("INVOKE_DEFAULT")
        return done


class RenameInstance(_Edit):
    """Rename an instance and its socket. Links stay"""

    bl_idname = "semantic_matte.rename"
    bl_label = "Rename Instance"

    key: StringProperty(name="Instance")
    title: StringProperty(name="Title")

    def edit(self, node: bpy.types.Node) -> None:
        """Set the title; where another instance has it, this one gets a number."""
        instance_row(node.node_tree, self.key).title = self.title


class EnableInstance(_Edit):
    """Have an instance take part in All and Image, or not. The socket of one that is off gives 0"""

    bl_idname = "semantic_matte.enable"
    bl_label = "Enable Instance"

    key: StringProperty(name="Instance")
    enabled: BoolProperty(name="Enabled", default=True)

    def edit(self, node: bpy.types.Node) -> None:
        """Set it."""
        instance_row(node.node_tree, self.key).enabled = self.enabled


class SoloInstance(_Edit):
    """Show only soloed instances in All and Image. Sockets of instances stay as they are"""

    bl_idname = "semantic_matte.solo"
    bl_label = "Solo Instance"

    key: StringProperty(name="Instance")
    solo: BoolProperty(name="Solo", default=True)

    def edit(self, node: bpy.types.Node) -> None:
        """Set it."""
        instance_row(node.node_tree, self.key).solo = self.solo


class MergeInstance(_Edit):
    """Make an instance a part of another, whose socket gives both; or separate it again"""

    bl_idname = "semantic_matte.merge"
    bl_label = "Merge Instance"

    key: StringProperty(name="Instance")
    into: StringProperty(name="Into", description="The other instance; empty: separate it")

    def edit(self, node: bpy.types.Node) -> None:
        """Merge or separate. Raises EditError for a merge into itself or in a ring."""
        group = node.node_tree
        row = instance_row(group, self.key)
        if not self.into:
            row.into = ""
            return
        target = instance_row(group, self.into)
        refusal = instance_table.merge_refusal(node_groups.rows_of(group), row.key, target.key)
        if refusal:
            raise EditError(refusal)
        row.into = target.key


class ShowInstances(_Edit):
    """Choose what the output Image gives"""

    bl_idname = "semantic_matte.show"
    bl_label = "Show"

    show: EnumProperty(name="Show", items=SHOWS)

    def edit(self, node: bpy.types.Node) -> None:
        """Set it."""
        node_groups.settings_of(node).show = self.show


CLASSES = (
    AddNode,
    RenameInstance,
    EnableInstance,
    SoloInstance,
    MergeInstance,
    ShowInstances,
)


def register() -> None:
    """Make the operators known."""
    for one in CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    """Take them back, the last first."""
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
