"""The add-on's files that need no Blender, under plain pytest.

They are imported as `blender_addon.NAME`; the package's own entry file, which registers into Blender, is not
run. A file that asks for bpy fails here, as it should.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ADDON = Path(__file__).parent.parent.parent / "blender_addon"

if "blender_addon" not in sys.modules:
    package = ModuleType("blender_addon")
    package.__path__ = [str(ADDON)]
    sys.modules["blender_addon"] = package
