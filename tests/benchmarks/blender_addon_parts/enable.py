"""How long ticking the add-on takes, and which of its parts take longest to be imported and registered.

The first extension of a session loads what Blender itself needs to check extensions. That is not the add-on's:
an extension that does nothing is enabled before it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import frame

EMPTY = "bl_ext.user_default.empty_extension"
MANIFEST = """
schema_version = "1.0.0"
id = "empty_extension"
version = "1.0.0"
name = "Empty"
tagline = "Does nothing"
maintainer = "Nobody"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:Apache-2.0"]
"""


def place_empty() -> None:
    """Lay an extension that does nothing beside the add-on."""
    folder = Path(os.environ["BLENDER_USER_RESOURCES"]) / "extensions" / "user_default" / "empty_extension"
    folder.mkdir()
    (folder / "blender_manifest.toml").write_text(MANIFEST, encoding="utf-8")
    (folder / "__init__.py").write_text("def register(): pass\ndef unregister(): pass\n", encoding="utf-8")


def enable() -> frame.Rows:
    """Load Blender first, then enable: all of it, and then its parts."""
    place_empty()
    # What Blender itself takes is not counted; its modules are found once it is loaded.
    import bpy  # noqa: F401, I001
    import addon_utils

    watch = frame.Stopwatch()
    with watch.timed("before: an empty extension, Blender's own part"):
        addon_utils.enable(EMPTY, default_set=True)
    with watch.timed("all"):
        frame.enable()
    addon = sys.modules[frame.addon_place.MODULE]
    addon_utils.disable(frame.addon_place.MODULE, default_set=True)
    with watch.timed("again, after it was disabled"):
        frame.enable()
    addon_utils.disable(frame.addon_place.MODULE, default_set=True)
    with watch.timed("imports of its parts, anew"):
        forget(addon.__name__)
        parts = addon.registering.parts()
    for module in parts:
        with watch.timed(f"register {module.__name__.rpartition('.')[2]}"):
            module.register()
    return watch.rows


def forget(package: str) -> None:
    """Take the package's parts out of Python, not the package itself."""
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        del sys.modules[name]


frame.measure(enable)
