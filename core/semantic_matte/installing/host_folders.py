"""Where hosts look for what extends them, and where their adapters lie in a clone and in a wheel."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.errors import UnknownNameError, UsageError

# The name of what is installed, in every host.
NAME = "semantic_matte"
CLIENT = "semantic_matte_client"

# The first Blender that has extensions.
OLDEST_BLENDER = (4, 2)

_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Host:
    """title: for people. adapter: its folder in a clone and in a wheel. node: the file that the adapter has as
    soon as it brings a node. places: see `nuke_places` and `blender_places`. enable: how a user gets to see the
    node, "" where nothing has to be done. left_out: the adapter's folders that are not installed."""

    title: str
    adapter: str
    node: str
    places: Callable[[Path | None], list[Place]]
    enable: str = ""
    left_out: tuple[str, ...] = ("docs/",)

    def adapter_folder(self) -> Path:
        """Where the adapter lies. Raises UsageError if it isn't there."""
        folders = (_PACKAGE / "embedded" / self.adapter, _PACKAGE.parent.parent / self.adapter)
        for folder in folders:
            if folder.is_dir():
                return folder
        raise UsageError(
            f"What {self.title} needs is missing: expected '{folders[0]}'. Install semantic-matte again."
        )

    def has_node(self) -> bool:
        """Whether the adapter brings a node already."""
        return (self.adapter_folder() / self.node).is_file()


@dataclass(frozen=True)
class Place:
    """A folder that `install` writes, and owns, as a whole.

    folder: where, with the name that it has there. adapter: whether the adapter's files lie in it. client: the
    folder of the client's files inside it, "" for the top; None where the client is not in it.
    for_what: for people, as in "Blender 4.2".
    """

    folder: Path
    adapter: bool
    client: str | None
    for_what: str


def find_host(name: str) -> Host:
    """The host of this name. Raises UnknownNameError."""
    if name not in HOSTS:
        raise UnknownNameError("host", name, HOSTS)
    return HOSTS[name]


def nuke_places(to: Path | None) -> list[Place]:
    """Nuke's own folder of the user, `~/.nuke`, or `to` in its place. Raises UsageError where there is none."""
    folder = to or _home() / ".nuke"
    if to is None and not folder.is_dir():
        raise UsageError(
            f"Nuke's folder '{folder}' is not there: start Nuke once, or name the folder with --to FOLDER."
        )
    return [Place(folder / NAME, True, CLIENT, "Nuke")]


def blender_places(to: Path | None) -> list[Place]:
    """The folders of each Blender since 4.2, or of `to` in place of such a version's folder.

    The client goes to scripts/modules, which every console of that Blender can import from; the add-on to its
    local extensions, with a client of its own, as in the zip: a Blender that leaves the user's scripts aside
    can enable it too. Raises UsageError where none is found.
    """
    places: dict[Path, Place] = {}
    for title, base in _blender_folders(to):
        scripts, extensions = (base / "scripts", base / "extensions") if base else (None, None)
        if to is None:
            scripts = _named("BLENDER_USER_SCRIPTS") or scripts
            extensions = _named("BLENDER_USER_EXTENSIONS") or extensions
        if extensions is not None and (find_host("blender").adapter_folder() / MANIFEST).is_file():
            place = Place(extensions / "user_default" / NAME, True, CLIENT, title)
            places.setdefault(place.folder, place)
        if scripts is not None:
            place = Place(scripts / "modules" / CLIENT, False, "", title)
            places.setdefault(place.folder, place)
    if not places:
        raise UsageError(
            f"No Blender since {_dotted(OLDEST_BLENDER)} was found in '{_blender_base()}': start Blender once, "
            "or name its user folder with --to FOLDER (its Python console tells it: "
            "bpy.utils.resource_path('USER'))."
        )
    return list(places.values())


# Without it Blender does not take a folder for an extension.
MANIFEST = "blender_manifest.toml"
ENABLE_IN_BLENDER = (
    "In Blender, started anew: Edit > Preferences > Add-ons, tick Semantic Matte. The compositor's Add menu "
    "has its node."
)
ENABLE_IN_NUKE = (
    "In Nuke, started anew: press Tab in the node graph and type Semantic Matte, or take it from the toolbar."
)
HOSTS = {
    "nuke": Host("Nuke", "nuke_plugin", "menu.py", nuke_places, ENABLE_IN_NUKE),
    "blender": Host("Blender", "blender_addon", MANIFEST, blender_places, ENABLE_IN_BLENDER),
}


def _blender_folders(to: Path | None) -> Iterator[tuple[str, Path | None]]:
    """(for people, the version's user folder); None for the folder where only variables name its parts."""
    named = _named("BLENDER_USER_RESOURCES")
    if to is not None or named is not None:
        yield "Blender", to or named
        return
    base = _blender_base()
    found = []
    for folder in base.iterdir() if base.is_dir() else ():
        match = re.fullmatch(r"(\d+)\.(\d+)", folder.name)
        if match and folder.is_dir():
            found.append(((int(match[1]), int(match[2])), folder))
    usable = sorted(row for row in found if row[0] >= OLDEST_BLENDER)
    for version, folder in usable:
        yield f"Blender {_dotted(version)}", folder
    if not usable and (_named("BLENDER_USER_SCRIPTS") or _named("BLENDER_USER_EXTENSIONS")):
        yield "Blender", None


def _blender_base() -> Path:
    """The folder that holds a folder for each version, as Blender's own manual says."""
    if sys.platform == "win32":
        roaming = os.environ.get("APPDATA", "").strip()
        base = Path(roaming) if roaming else _home() / "AppData" / "Roaming"
        return base / "Blender Foundation" / "Blender"
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "Blender"
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if Path(given).is_absolute() else _home() / ".config") / "blender"


def _named(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return Path(value).absolute() if value else None


def _home() -> Path:
    """The user's home. Raises UsageError where there is none."""
    try:
        return Path.home()
    except RuntimeError:
        raise UsageError(
            "No home folder is known for this user: set HOME, or name the host's folder with --to FOLDER."
        ) from None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
