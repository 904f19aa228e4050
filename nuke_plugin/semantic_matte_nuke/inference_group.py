"""The engine's network as a plain node of the graph: a Group around Nuke's Inference node and its .cat.

It mattes one object per frame from the artist's own trimap, without the engine and its worker. The trimap is
the alpha of the Trimap input: 0 is background, 1 is the object, anything between is unknown and is solved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke

from . import host

NAME = "SemanticMatteNetwork"
_CUSTOM = "scene_linear"
_TIPS = {
    _CUSTOM: "1: the plate is scene-linear, as Nuke works. 0: it is already display-referred (sRGB).",
    "cat_file": "The network, as NukeX made it of what 'semantic-matte export-cat' wrote.",
}


class InferenceGroupError(Exception):
    """The group can't be made; its text is a sentence that says what to do."""


def create(cat_file: str) -> nuke.Node:
    """Make the group, connected to what is selected; its alpha is the matte. Raises InferenceGroupError."""
    if not cat_file or not Path(cat_file).is_file():
        raise InferenceGroupError(
            f"The network's file '{cat_file}' is not there: run 'semantic-matte export-cat', make the .cat in "
            "NukeX, and let SEMANTIC_MATTE_CAT name it."
        )
    selected = nuke.selectedNodes()
    with host.undo_group(f"Create {NAME}"):
        group: Any = nuke.createNode("Group", inpanel=host.is_gui())
        group.setName(NAME)
        _add_knobs(group, cat_file)
        with group:
            _build(group)
        group.setInput(0, selected[0] if len(selected) == 1 else None)
    made: nuke.Node = group
    return made


def _add_knobs(group: nuke.Node, cat_file: str) -> None:
    """The group's own controls."""
    group.addKnob(nuke.Tab_Knob("semantic_matte_network", "Semantic Matte Network"))
    knobs: dict[str, Any] = {
        "cat_file": nuke.File_Knob("cat_file", "network"),
        _CUSTOM: nuke.Int_Knob(_CUSTOM, "scene-linear"),
    }
    for name, knob in knobs.items():
        knob.setTooltip(_TIPS[name])
        group.addKnob(knob)
    group["cat_file"].setValue(host.forward(cat_file))
    group[_CUSTOM].setValue(1)


def _build(group: nuke.Node) -> None:
    """The nodes inside: plate and trimap joined, solved, and the alpha put into the plate."""
    source = nuke.nodes.Input(name="Source", number=0)
    trimap = nuke.nodes.Input(name="Trimap", number=1)
    joined = nuke.nodes.Copy(name="SM_Join", from0="rgba.alpha", to0="rgba.alpha")
    joined.setInput(0, source)
    joined.setInput(1, trimap)
    # The network takes these four alone, in this order.
    only = nuke.nodes.Remove(name="SM_Only", operation="keep", channels="rgba")
    only.setInput(0, joined)
    try:
        network = nuke.nodes.Inference(name="SM_Inference")
    except RuntimeError as reason:
        raise InferenceGroupError(
            f"This Nuke has no Inference node ({reason}): it came with Nuke 13, and needs a licence for it."
        ) from None
    network.setInput(0, only)
    network["modelFile"].setValue(str(group["cat_file"].value()))
    # The network's own control is there as soon as its file is loaded.
    if network.knob(_CUSTOM) is not None:
        network[_CUSTOM].setExpression(f"parent.{_CUSTOM}")
    result = nuke.nodes.Copy(name="SM_Alpha", from0="rgba.alpha", to0="rgba.alpha")
    result.setInput(0, source)
    result.setInput(1, network)
    output = nuke.nodes.Output(name="Output1")
    output.setInput(0, result)
