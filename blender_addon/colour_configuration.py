"""The name of the light that Blender computes in, as an OpenColorIO configuration says it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

# The engine's name for what Blender's own configuration has: scene-linear Rec.709.
SCENE_LINEAR = "scene_linear_rec709"
# What all configurations that OpenColorIO brings itself (ocio://...) have.
_OF_BUILT_IN = "ACEScg"
_ROLE = re.compile(r"^[^#\n]*?\bscene_linear\s*:\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\"',}#\n]+)", re.MULTILINE)


def scene_linear_of(configuration: str) -> str:
    """The space of the role scene_linear; "" where the configuration names none, or can't be read.

    configuration: what $OCIO says: the path of a .ocio or .ocioz file, or ocio:// and a name; "" for none.
    """
    if configuration.startswith("ocio://"):
        return _OF_BUILT_IN
    found = _ROLE.search(_text_of(configuration))
    return found[1].strip().strip("\"'") if found else ""


def _text_of(configuration: str) -> str:
    """The text of a configuration, "" where it can't be read: Blender then uses its own."""
    path = Path(configuration)
    try:
        if not configuration or not path.is_file():
            return ""
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return archive.read("config.ocio").decode("utf-8", "replace")
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""
