"""Finds the client of the engine, `semantic_matte_client`, for this add-on and for Blender's console.

In an extension's zip the package lies in the add-on's own folder; `semantic-matte install blender` puts it
where every console of that Blender finds it. Either way it has its plain name, and sys.path stays as it is.

The add-on's other files import `semantic_matte_client.nodes` at their top: this one is registered before they
are loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

NAME = "semantic_matte_client"
_FOLDER = Path(__file__).parent

# The package that was put into sys.modules from here.
_put: ModuleType | None = None
# What was taken out of there again, by its names. The add-on's files stay loaded while it is disabled, and hold
# on to these modules: enabled again, they and the console must have the same ones.
_kept: dict[str, ModuleType] = {}


class ClientPackageError(ImportError):
    """The client can't be imported, or is another version's; its text says what to do."""


def client() -> ModuleType:
    """The package `semantic_matte_client`. Raises ClientPackageError where there is none of this version."""
    loaded = sys.modules.get(NAME)
    if loaded is not None and loaded is _put:
        return loaded
    if loaded is None and (_FOLDER / NAME / "__init__.py").is_file():
        return _own()
    try:
        found = loaded or importlib.import_module(NAME)
    except ImportError as reason:
        raise ClientPackageError(
            f"The package '{NAME}' is not there ({reason}): install the add-on's zip again, or run "
            "'semantic-matte install blender' and restart Blender."
        ) from None
    _check_version(found)
    return found


def register() -> None:
    """Have Blender's console and the add-on's files import it by its plain name. Raises ClientPackageError."""
    found = client()
    try:
        importlib.import_module(f"{NAME}.nodes")
    except ImportError as reason:
        forget()
        _kept.clear()
        raise ClientPackageError(
            f"The package '{found.__file__}' is not complete ({reason}): install the add-on's zip again, or "
            "run 'semantic-matte install blender' and restart Blender."
        ) from None


def unregister() -> None:
    """See `forget`."""
    forget()


def forget() -> None:
    """Take back what `client` put into sys.modules, and nothing that anyone else imported."""
    global _put
    ours, _put = _put, None
    if ours is None or sys.modules.get(NAME) is not ours:
        return
    for name in [name for name in sys.modules if name == NAME or name.startswith(f"{NAME}.")]:
        _kept[name] = sys.modules.pop(name)


def _own() -> ModuleType:
    """Import the copy in the add-on's folder under its plain name. Raises ClientPackageError."""
    global _put
    if _kept:
        _put = _kept[NAME]
        sys.modules.update(_kept)
        _kept.clear()
        return _put
    folder = _FOLDER / NAME
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    _put = module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    try:
        spec.loader.exec_module(module)
    except Exception as reason:
        forget()
        _kept.clear()
        raise ClientPackageError(
            f"'{folder}' can't be imported ({reason}): install the add-on's zip again."
        ) from reason
    return module


def _check_version(found: ModuleType) -> None:
    """Raise ClientPackageError unless a client that came from elsewhere is of the add-on's own version."""
    manifest = (_FOLDER / "blender_manifest.toml").read_text(encoding="utf-8")
    wanted = re.search(r'^version = "(.+)"$', manifest, re.MULTILINE)
    assert wanted is not None
    version = getattr(found, "__version__", "unknown")
    if version != wanted[1]:
        raise ClientPackageError(
            f"The add-on is of version {wanted[1]}, but '{found.__file__}' is of version {version}: run "
            "'semantic-matte install blender' with the engine of the add-on's version and restart Blender."
        )
