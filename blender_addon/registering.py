"""The parts of the add-on that Blender has to know of: all of them are registered, or none.

Each is imported when the one before it is registered: the first puts the client in place, which the others
import.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

# In the order of registering: a part comes after those that it needs. The last is the first to go: what runs is
# ended while all else is still there.
PARTS = (
    "client_package",
    "preferences",
    "properties",
    "thumbnails",
    "presets",
    "operators_node",
    "bake",
    "operators_compute",
    "operators_tools",
    "menus",
    "panel",
    "handlers",
    "running",
)


def register_all() -> None:
    """Register every part. Where one can't be, all that was done is taken back and its error is raised."""
    registered: list[ModuleType] = []
    try:
        for name in PARTS:
            part = _part(name)
            # One that fails halfway is taken back too, as far as it got.
            registered.append(part)
            part.register()
    except BaseException:
        _unregister(registered)
        raise


def unregister_all() -> None:
    """Unregister every part, the last first, each even where another one can't be; raises the first error."""
    errors = _unregister(parts())
    if errors:
        raise errors[0]


def parts() -> list[ModuleType]:
    """The parts as modules, once they are registered."""
    return [_part(name) for name in PARTS]


def _part(name: str) -> ModuleType:
    """A part as a module, imported only now."""
    return importlib.import_module(f".{name}", __package__)


def _unregister(registered: Sequence[ModuleType]) -> list[Exception]:
    """Take these parts back, the last first. Returns what went wrong."""
    errors: list[Exception] = []
    for part in reversed(registered):
        try:
            part.unregister()
        except Exception as error:
            errors.append(error)
    return errors
