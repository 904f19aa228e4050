"""What Nuke needs to make a .cat of a network: TorchScript, a script with a CatFileCreator, cat.json.

Nuke reads these: the .nk is opened in NukeX, its button "Create .cat file and Inference" writes the .cat, and
cat.json lists it for the Cattery menu.
"""

from __future__ import annotations

import json
from pathlib import Path

from semantic_matte.outputs.atomic import ensure_folder, replacing

NAME = "semantic_matte"
_TOOLTIP = "1: the plate is scene-linear, as Nuke works. 0: it is already display-referred (sRGB)."
# torch 2 came to Nuke with it.
OLDEST_NUKE = "15.1"


def write_cat(folder: Path, scripted: bytes, version: str) -> tuple[Path, ...]:
    """Write semantic_matte.pt, semantic_matte.nk and cat.json; each whole or not at all.

    scripted: a TorchScript archive. Raises OutputError where the folder can't be written.
    """
    ensure_folder(folder)
    contents = {
        f"{NAME}.pt": scripted,
        f"{NAME}.nk": _script().encode("ascii"),
        # Last: it stands for the whole.
        "cat.json": (json.dumps(_listing(version), indent=2) + "\n").encode("ascii"),
    }
    for name, content in contents.items():
        with replacing(folder / name) as part:
            part.write_bytes(content)
    return tuple(folder / name for name in contents)


def _script() -> str:
    """A Nuke script; paths are relative to it, so that the folder can be moved."""
    here = "\\[file dirname \\[value root.name]]"
    return f"""\
CatFileCreator {{
 inputs 0
 torchScriptFile "{here}/{NAME}.pt"
 catFile "{here}/{NAME}.cat"
 channelsIn rgba.red,rgba.green,rgba.blue,rgba.alpha
 channelsOut rgba.alpha
 modelId {NAME}
 name CatFileCreator1
 addUserKnob {{20 User}}
 addUserKnob {{3 scene_linear l "Scene-linear" t "{_TOOLTIP}"}}
 scene_linear 1
}}
"""


def _listing(version: str) -> dict[str, object]:
    return {
        "minimum_nuke_version_required": OLDEST_NUKE,
        "version": version,
        "category": "Segmentation",
        "description": (
            "Semantic Matte's matting network: RGB and a trimap in alpha (0 background, 1 foreground, "
            "anything between unknown) to a soft alpha."
        ),
        "cats": [{"filepath": f"{NAME}.cat", "name": "SemanticMatteNetwork", "icon": ""}],
    }
