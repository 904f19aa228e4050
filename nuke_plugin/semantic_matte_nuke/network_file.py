"""Where the .cat lies that NukeX made of the engine's network, if anywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable

NAME = "semantic_matte.cat"
VARIABLE = "SEMANTIC_MATTE_CAT"


def found(plugin_folders: Iterable[str], own_folder: str) -> str:
    """Its path with forward slashes, "" where there is none: $SEMANTIC_MATTE_CAT, the plugin's folder, then
    Nuke's plugin path.

    The variable names the file or its folder.
    """
    named = os.environ.get(VARIABLE, "").strip()
    places = [Path(named), Path(named) / NAME] if named else []
    places += [Path(folder) / NAME for folder in (own_folder, *plugin_folders)]
    for place in places:
        if place.suffix == ".cat" and place.is_file():
            return str(place).replace("\\", "/")
    return ""
