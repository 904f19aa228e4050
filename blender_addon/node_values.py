"""A node's values as plain ones: everything of it that makes other pixels, and nothing of how it looks."""

from __future__ import annotations

from typing import Any

import bpy

from .picture_sources import description_of
from .upstream_nodes import RENDER_LAYERS

# A curve has points, a ramp has elements: no value lies deeper.
_DEEPEST = 4
# What is not read by name but is the look of a part of a node.
_LOOKS = frozenset(
    {"name", "label", "select", "show_expanded", "rna_type", "color_tag", "active", "active_index"}
)
# What their outputs are set to is what these nodes are.
_CONSTANTS = ("NodeValue", "NodeRGB", "NodeNormal")
# What says which frame of a sequence or film is shown.
_OF_TIME = ("frame_duration", "frame_start", "frame_offset", "use_cyclic", "use_auto_refresh")
_PLAIN = ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM")


def values_of(node: bpy.types.Node, scene: bpy.types.Scene, animated: dict[str, Any]) -> dict[str, Any]:
    """A node's own properties: name -> plain value, an animated one by its keys or driver.

    animated: data path -> what moves it (`animation.animated_paths`); its value just now counts for nothing.
    """
    path = f'nodes["{bpy.utils.escape_identifier(node.name)}"]'
    own = [one for one in node.bl_rna.properties if one.identifier not in bpy.types.Node.bl_rna.properties]
    idle = _idle(node)
    own = [one for one in own if one.identifier not in idle and _counts(one)]
    row = {one.identifier: _value(node, one, scene, animated, path, 0) for one in own}
    row = {name: value for name, value in row.items() if value is not None}
    row["mute"] = animated.get(f"{path}.mute", node.mute)
    if node.bl_idname == RENDER_LAYERS and node.scene is not None:
        # The pixels of a 3D scene can't be known without rendering it.
        row["engine"] = node.scene.render.engine
    if node.bl_idname.endswith(_CONSTANTS):
        row["constants"] = [
            animated.get(f"{path}.outputs[{index}].default_value", socket_value(one))
            for index, one in enumerate(node.outputs)
        ]
    return row


def _idle(node: bpy.types.Node) -> frozenset[str]:
    """Properties of a node that shows a picture which do nothing with the one that it shows."""
    image = getattr(node, "image", None)
    if image is None:
        return frozenset()
    idle = set() if image.source in ("SEQUENCE", "MOVIE") else set(_OF_TIME)
    # Reading these where there are none prints a warning.
    idle |= {name for name in ("layer", "view") if not getattr(node, f"has_{name}s", True)}
    return frozenset(idle)


def socket_value(socket: bpy.types.NodeSocket) -> Any:
    """What an unlinked socket is set to, None for one that holds nothing."""
    value = getattr(socket, "default_value", None)
    return value.name if isinstance(value, bpy.types.ID) else plain(value)


def plain(value: Any) -> Any:
    """A number, text, truth or list of them, as it is the same in every file: float32 has seven digits."""
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return [plain(one) for one in value]


def _counts(one: bpy.types.Property) -> bool:
    """Whether a property may make other pixels: not what follows from others, nor how a part looks."""
    if one.identifier in _LOOKS or one.identifier == "node_tree":
        return False
    return not one.is_readonly or one.type in ("POINTER", "COLLECTION")


def _value(
    owner: Any, one: bpy.types.Property, scene: bpy.types.Scene, animated: dict[str, Any], path: str, depth: int
) -> Any:
    """A property of a node or of a part of it."""
    path = f"{path}.{one.identifier}"
    if path in animated:
        return animated[path]
    try:
        value = getattr(owner, one.identifier)
    except (AttributeError, TypeError, ValueError):
        return None
    if one.type in _PLAIN:
        return plain(value)
    if one.type == "POINTER":
        return _pointer(value, scene, animated, path, depth)
    return [_struct(row, scene, animated, f"{path}[{index}]", depth + 1) for index, row in enumerate(value)]


def _pointer(value: Any, scene: bpy.types.Scene, animated: dict[str, Any], path: str, depth: int) -> Any:
    """What a property points at: a picture by its source, the rendered scene as such, others by name."""
    if value is None:
        return None
    if isinstance(value, (bpy.types.Image, bpy.types.MovieClip)):
        return description_of(value)
    if isinstance(value, bpy.types.Scene):
        return "this scene" if value == scene else value.name
    if isinstance(value, bpy.types.ID):
        return value.name
    return _struct(value, scene, animated, path, depth + 1)


def _struct(value: Any, scene: bpy.types.Scene, animated: dict[str, Any], path: str, depth: int) -> Any:
    """A part of a node, such as a curve or a colour ramp."""
    if depth > _DEEPEST:
        return None
    row = {
        one.identifier: _value(value, one, scene, animated, path, depth)
        for one in value.bl_rna.properties
        if _counts(one)
    }
    return {name: one for name, one in row.items() if one is not None}
