"""Where the clone's add-on has to lie for a Blender to find it. Only enabling needs one."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MODULE = "bl_ext.user_default.semantic_matte"


def place_addon(resources: Path) -> Path:
    """Link the add-on of this clone into a BLENDER_USER_RESOURCES, the client inside as in the zip.

    Returns the add-on's folder.
    """
    folder = resources / "extensions" / "user_default" / "semantic_matte"
    folder.mkdir(parents=True)
    for source in (ROOT / "blender_addon").iterdir():
        if source.name != "__pycache__":
            (folder / source.name).symlink_to(source)
    (folder / "semantic_matte_client").symlink_to(ROOT / "core" / "semantic_matte_client")
    return folder


def enable_addon(resources: Path) -> None:
    """Link it there and enable it, in a Blender."""
    # Is there only once bpy is.
    import addon_utils

    place_addon(resources)
    if addon_utils.enable(MODULE, default_set=True) is None:
        raise RuntimeError("The add-on can't be enabled.")
