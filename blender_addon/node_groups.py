"""The node: a native group that is made, filled with results and kept in order here.

Nothing of the add-on is needed to open or render a file that has it. The group's tree holds an Image node for
the layers and one for the Cryptomatte, a reroute for each layer, and nodes between these and its outputs.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import bpy

from . import compat, group_sockets, instance_table, matte_images, matte_nodes
from .instance_table import Row

if TYPE_CHECKING:
    from .result_records import Results

NAME = "Semantic Matte"
# How the group is made; another number where a later version makes it otherwise.
LAYOUT = 1
# Settings that keep the identifiers of the group's own sockets: name, side, kind, what it says.
OWN_SOCKETS = {
    "socket_image": ("Image", "OUTPUT", "NodeSocketColor", "The plate, as chosen in Show"),
    "socket_all": ("All", "OUTPUT", "NodeSocketFloat", "All enabled instances together"),
    "socket_cryptomatte": ("Cryptomatte", "OUTPUT", "NodeSocketColor", "The first ranks of the Cryptomatte"),
    "socket_plate": ("Image", "INPUT", "NodeSocketColor", "The plate"),
    "socket_hint": ("Hint", "INPUT", "NodeSocketFloat", "A mask of what to matte, in place of finding it"),
}
_MATTES, _CRYPTOMATTE, _INPUT, _OUTPUT, _SLOT = "sm.mattes", "sm.cryptomatte", "sm.in", "sm.out", "sm.slot."
_ROW_FIELDS = tuple(field.name for field in fields(Row))
_held = 0


@contextlib.contextmanager
def updates_held() -> Iterator[None]:
    """Change several settings without rebuilding the group at each; rebuild it once afterwards."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1


def add_node(tree: bpy.types.NodeTree, location: Sequence[float] = (0.0, 0.0)) -> bpy.types.Node:
    """A new node with a group of its own. Before anything is computed Image passes the plate, All is 0."""
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = _new_group()
    node.name = NAME
    node.location = location
    node.width = 200.0
    return node


def is_semantic_matte(node: bpy.types.Node | None) -> bool:
    """Whether it is a group node that shows a tree of ours."""
    return (
        node is not None
        and node.bl_idname == "CompositorNodeGroup"
        and node.node_tree is not None
        and node.node_tree.semantic_matte.layout > 0
    )


def nodes_in(tree: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """The nodes of ours that stand in this tree itself, not in its groups."""
    return [node for node in tree.nodes if is_semantic_matte(node)]


def all_nodes() -> list[tuple[bpy.types.Scene, bpy.types.NodeTree, bpy.types.Node]]:
    """Every node of ours in a scene's tree. Since 5.0 one that scenes share comes once for each of them."""
    pairs = [(scene, compat.scene_tree(scene)) for scene in bpy.data.scenes]
    return [(scene, tree, node) for scene, tree in pairs if tree is not None for node in nodes_in(tree)]


def node_by_identity(
    identity: str,
) -> tuple[bpy.types.Scene, bpy.types.NodeTree, bpy.types.Node] | None:
    """The node whose group has this identity, if it is still there."""
    return next((row for row in all_nodes() if settings_of(row[2]).identity == identity), None)


def find_node(
    context: bpy.types.Context, name: str = ""
) -> tuple[bpy.types.Scene, bpy.types.NodeTree, bpy.types.Node]:
    """The node of the context's scene that is called `name`; without a name the active or the only one.

    Raises LookupError with a sentence that says which there are.
    """
    scene = context.scene
    tree = compat.scene_tree(scene)
    ours = nodes_in(tree) if tree is not None else []
    if not ours:
        raise LookupError(f"Scene '{scene.name}' has no Semantic Matte node{_where_else(scene, tree)}")
    there = ", ".join(repr(node.name) for node in ours)
    if name:
        named = [node for node in ours if node.name == name]
        if not named:
            raise LookupError(f"Scene '{scene.name}' has no Semantic Matte node '{name}': there is {there}.")
        return scene, tree, named[0]
    if is_semantic_matte(tree.nodes.active):
        return scene, tree, tree.nodes.active
    if len(ours) > 1:
        raise LookupError(f"Scene '{scene.name}' has {len(ours)} Semantic Matte nodes: choose of {there}.")
    return scene, tree, ours[0]


def _where_else(scene: bpy.types.Scene, tree: bpy.types.NodeTree | None) -> str:
    """The end of the sentence that a scene has no node: where there are some, and what to do."""
    inside = [
        other.name for other in group_sockets.all_trees() if other not in (tree, None) and nodes_in(other)
    ]
    scenes = [one.name for one, _tree, _node in all_nodes() if one != scene]
    if scenes:
        return f"; scene '{scenes[0]}' has one."
    if inside:
        return (
            f" of its own, but there is one inside another group: '{inside[0]}'. Put a node into the scene's "
            "own tree, in front of that group."
        )
    return ": add one with Add > Semantic Matte in the compositor."


def settings_of(node: bpy.types.Node) -> bpy.types.PropertyGroup:
    """The settings of a node of ours: those of its group."""
    return node.node_tree.semantic_matte


def plate_input(node: bpy.types.Node) -> bpy.types.NodeSocket | None:
    """The node's input of the plate, whatever it is called now."""
    return group_sockets.socket_of(node.inputs, settings_of(node).socket_plate)


def hint_input(node: bpy.types.Node) -> bpy.types.NodeSocket | None:
    """The node's input of the hint."""
    return group_sockets.socket_of(node.inputs, settings_of(node).socket_hint)


def own_group(node: bpy.types.Node) -> bool:
    """Give the node a group and an identity that no other node has; returns whether that was needed.

    Results of other nodes stay as they are, and so do all links.
    """
    group = node.node_tree
    shared = len(group_sockets.nodes_of(group)) > 1
    identities = [
        other.semantic_matte.identity
        for other in group_sockets.all_trees()
        if other != group and other.semantic_matte.layout > 0
    ]
    if not shared and group.semantic_matte.identity not in identities:
        return False
    if shared:
        group = group.copy()
        node.node_tree = group
    group.semantic_matte.identity = uuid.uuid4().hex
    return True


def rows_of(group: bpy.types.NodeTree) -> tuple[Row, ...]:
    """The group's instances as plain rows."""
    return tuple(
        Row(**{name: getattr(row, name) for name in _ROW_FIELDS}) for row in group.semantic_matte.instances
    )


def retitle(group: bpy.types.NodeTree, key: str, title: str) -> None:
    """Rename an instance and its socket; where another one has the title already, it gets a number."""
    if _held or group.library is not None:
        return
    _write_rows(group, instance_table.with_title(rows_of(group), key, title))
    _name_sockets(group)


def rebuild(group: bpy.types.NodeTree) -> None:
    """Make sockets and nodes what the settings say. Sockets that stay are never touched, links survive."""
    if _held or group.library is not None or group.semantic_matte.layout == 0:
        return
    feeds = instance_table.feeds(rows_of(group))
    _renew_sockets(group, feeds)
    _renew_nodes(group, feeds)


def apply_results(group: bpy.types.NodeTree, results: Results) -> None:
    """Show a new result: its images, and its slots as instances with sockets.

    Instances that it has again keep title, switches and links; those that it lacks stay where they are linked
    and give 0. Raises RuntimeError with a sentence, and changes nothing, where its files can't be read.
    """
    first = results.frames[0]
    mattes = matte_images.new_image(results.mattes_file(first), results.hold)
    try:
        cryptomatte = matte_images.new_image(results.cryptomatte_file(first), results.hold)
    except RuntimeError:
        matte_images.drop(mattes)
        raise
    _show_images(group, mattes, cryptomatte, results)
    settings = group.semantic_matte
    linked = group_sockets.linked_outputs(group)
    keys = {row.key for row in rows_of(group) if row.socket in linked}
    _write_rows(group, instance_table.renewed(rows_of(group), results.slots, keys))
    _note_results(settings, results)
    rebuild(group)


def shown_results(group: bpy.types.NodeTree) -> Results | None:
    """The result that the group shows, None before the first; its folder follows a file that is moved."""
    from .frame_spans import frames_of
    from .result_records import Results, SlotFound

    settings = group.semantic_matte
    node = group.nodes.get(_MATTES)
    if not settings.results_stem or node is None or node.image is None:
        return None
    width, height = settings.results_size.split("x")
    return Results(
        folder=matte_images.image_folder(node.image),
        stem=settings.results_stem,
        frames=frames_of(settings.results_frames),
        offset=settings.results_offset,
        hold=settings.results_hold,
        slots=tuple(
            SlotFound(row.slot, row.label, row.score, row.frames) for row in rows_of(group) if row.present
        ),
        size=(int(width), int(height)),
        words=settings.results_words,
    )


def image_nodes(group: bpy.types.NodeTree) -> tuple[bpy.types.Node | None, bpy.types.Node | None]:
    """The Image nodes of the mattes and of the Cryptomatte; None before the first result."""
    return group.nodes.get(_MATTES), group.nodes.get(_CRYPTOMATTE)


def sources(group: bpy.types.NodeTree) -> tuple[bpy.types.NodeSocket, dict[str, bpy.types.NodeSocket]]:
    """Where the group's own nodes begin: its plate, and the alpha of each slot."""
    plate = group_sockets.socket_of(group.nodes[_INPUT].outputs, group.semantic_matte.socket_plate)
    slots = {
        node.name.removeprefix(_SLOT): node.outputs[0] for node in group.nodes if node.name.startswith(_SLOT)
    }
    return plate, slots


def _new_group() -> bpy.types.NodeTree:
    """A group with the node's own sockets and nothing computed."""
    group = bpy.data.node_groups.new(NAME, "CompositorNodeTree")
    settings = group.semantic_matte
    with updates_held():
        settings.layout = LAYOUT
        settings.identity = uuid.uuid4().hex
        for setting, (name, in_out, kind, words) in OWN_SOCKETS.items():
            setattr(settings, setting, group_sockets.new_item(group, name, in_out, kind, words).identifier)
        group_sockets.items(group, "INPUT")[settings.socket_plate].default_value = (0.0, 0.0, 0.0, 1.0)
    rebuild(group)
    return group


def _write_rows(group: bpy.types.NodeTree, rows: Sequence[Row]) -> None:
    """Make the group's instances these rows."""
    settings = group.semantic_matte
    active = settings.active_instance
    with updates_held():
        while len(settings.instances) > len(rows):
            settings.instances.remove(len(settings.instances) - 1)
        while len(settings.instances) < len(rows):
            settings.instances.add()
        for item, row in zip(settings.instances, rows, strict=True):
            # The collection is also asked by key.
            item.name = row.key
            for name in _ROW_FIELDS:
                if getattr(item, name) != getattr(row, name):
                    setattr(item, name, getattr(row, name))
        settings.active_instance = max(0, min(active, len(rows) - 1))


def _note_results(settings: bpy.types.PropertyGroup, results: Results) -> None:
    """Keep what the images themselves don't say."""
    from .frame_spans import text_of

    settings.results_folder = matte_images.stored_path(results.folder)
    settings.results_stem = results.stem
    settings.results_frames = text_of(results.frames)
    settings.results_offset = results.offset
    settings.results_hold = results.hold
    settings.results_size = f"{results.size[0]}x{results.size[1]}"
    settings.results_words = results.words


def _show_images(
    group: bpy.types.NodeTree, mattes: bpy.types.Image, cryptomatte: bpy.types.Image, results: Results
) -> None:
    """Put new images into the group; a reroute for each layer keeps its link where a file is gone."""
    old = [node.image for node in image_nodes(group) if node is not None]
    for node in [node for node in group.nodes if node.name.startswith((_MATTES, _CRYPTOMATTE, _SLOT))]:
        group.nodes.remove(node)
    for row, (name, image) in enumerate(((_MATTES, mattes), (_CRYPTOMATTE, cryptomatte))):
        node = group.nodes.new("CompositorNodeImage")
        node.name, node.label = name, name.removeprefix("sm.").capitalize()
        node.image = image
        node.location = -600.0, -300.0 * row
        matte_images.set_frames(node, results)
    slots = {slot.slot for slot in results.slots}
    for row, socket in enumerate(socket for socket in group.nodes[_MATTES].outputs if socket.name in slots):
        reroute = group.nodes.new("NodeReroute")
        reroute.name, reroute.label = f"{_SLOT}{socket.name}", socket.name
        reroute.location = -300.0, -40.0 * row
        group.links.new(socket, reroute.inputs[0])
    for image in old:
        matte_images.drop(image)
    # Named last: while the old ones were there theirs were taken.
    mattes.name, cryptomatte.name = f"{group.name} mattes", f"{group.name} Cryptomatte"


def _renew_sockets(group: bpy.types.NodeTree, feeds: instance_table.Feeds) -> None:
    """Give each instance its output, and take away those that nothing needs any more."""
    settings = group.semantic_matte
    there, linked = set(group_sockets.items(group, "OUTPUT")), group_sockets.linked_outputs(group)
    rows = []
    for row in rows_of(group):
        goes = row.key in feeds.without_socket and row.socket not in linked
        identifier = row.socket if row.socket in there and not goes else ""
        if not identifier and not goes:
            identifier = group_sockets.new_float_output(group, row.title, settings.socket_cryptomatte)
        rows.append(replace(row, socket=identifier))
    _write_rows(group, instance_table.with_unique_titles(rows))
    own = {getattr(settings, setting) for setting in OWN_SOCKETS}
    group_sockets.remove_outputs(group, own | {row.socket for row in rows})
    _name_sockets(group)


def _name_sockets(group: bpy.types.NodeTree) -> None:
    """Name the outputs of instances by their titles."""
    there = group_sockets.items(group, "OUTPUT")
    for row in rows_of(group):
        item = there.get(row.socket)
        if item is not None and item.name != row.title:
            item.name = row.title


def _renew_nodes(group: bpy.types.NodeTree, feeds: instance_table.Feeds) -> None:
    """Make the nodes between the images and the outputs anew."""
    settings = group.semantic_matte
    for node in [node for node in group.nodes if node.name.startswith(matte_nodes.BUILT)]:
        group.nodes.remove(node)
    ends = _ensure_ends(group)
    plate, slots = sources(group)
    _mattes, cryptomatte = image_nodes(group)
    built = matte_nodes.build(
        group,
        matte_nodes.Sources(plate, slots, cryptomatte.outputs[0] if cryptomatte else None, (-100.0, 0.0)),
        feeds,
        settings.show,
        bool(settings.results_stem),
        [row.key for row in rows_of(group)],
    )
    targets = {
        settings.socket_image: built.image,
        settings.socket_all: built.all,
        settings.socket_cryptomatte: built.cryptomatte,
        **{row.socket: built.sums[feeds.targets[row.key]] for row in rows_of(group) if row.socket},
    }
    for identifier, source in targets.items():
        target = group_sockets.socket_of(ends.inputs, identifier)
        if source is not None and target is not None:
            group.links.new(source, target)


def _ensure_ends(group: bpy.types.NodeTree) -> bpy.types.Node:
    """The group's input and output nodes, made where they are missing; returns that of the outputs."""
    for name, kind, x in ((_INPUT, "NodeGroupInput", -600.0), (_OUTPUT, "NodeGroupOutput", 700.0)):
        if group.nodes.get(name) is None:
            node = group.nodes.new(kind)
            node.name = name
            node.location = x, 200.0
    return group.nodes[_OUTPUT]
