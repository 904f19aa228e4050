"""What tests of the node share: showing one of its outputs, and comparing pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matte_files
import numpy as np
from bl_ext.user_default.semantic_matte import node_groups

import conftest

Alphas = dict[str, np.ndarray]


def shown_mattes(node: Any, folder: Path, slots: Sequence[str]) -> Alphas:
    """Have the node show new mattes of these slots; what their layers hold, as Blender reads them."""
    results, layers = matte_files.made(folder, slots)
    node_groups.apply_results(node.node_tree, results)
    return {slot: alpha.astype(np.float32) for slot, alpha in layers.items()}


def outputs(node: Any) -> dict[str, str]:
    """Name -> identifier of the node's outputs, in order."""
    return {socket.name: socket.identifier for socket in node.outputs}


def row(node: Any, key: str) -> Any:
    """An instance of the node."""
    return node_groups.settings_of(node).instances[key]


def target(scene: Any, node: Any, output: str, taker: str = "") -> None:
    """Link an output to a new reroute of this name, or to the scene's output."""
    tree = conftest.compositor_of(scene)
    if taker:
        reroute = tree.nodes.new("NodeReroute")
        reroute.name = taker
        tree.links.new(node.outputs[output], reroute.inputs[0])
        return
    end = next(one for one in tree.nodes if one.bl_idname in conftest.OUTPUTS)
    tree.links.new(node.outputs[output], end.inputs["Image"])


def shown(render: Callable[[Any], Mapping[str, Any]], scene: Any, node: Any, output: str) -> np.ndarray:
    """One output of the node, (H, W), rendered as grey and read outside Blender."""
    target(scene, node, output)
    rendered = render(scene)
    np.testing.assert_array_equal(rendered["R"], rendered["G"])
    np.testing.assert_array_equal(rendered["R"], rendered["B"])
    return np.asarray(rendered["R"])


def difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> float:
    """The largest difference of any channel that is expected."""
    return max(float(np.abs(found[name] - pixels).max()) for name, pixels in expected.items())
