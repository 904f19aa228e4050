"""Blender's extension as one zip with the client inside: what "Install from Disk" in its preferences takes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from semantic_matte import __version__
from semantic_matte.errors import UsageError
from semantic_matte.installing.host_folders import CLIENT, MANIFEST, NAME, Place, find_host
from semantic_matte.installing.installs import contents_of, unreadable
from semantic_matte.installing.plans import Plan, engine_record
from semantic_matte.installing.steps import FileStep

# The earliest that a zip can name: the same files are the same bytes whenever and wherever they are packed.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def plan_zip(name: str, path: Path) -> Plan:
    """What `semantic-matte install blender --zip PATH` will do.

    name: "blender". path: the zip's file, or a folder that gets one by its own name. It names this engine's
    Python, as an installed folder does. Raises UsageError, OutputError.
    """
    host = find_host(name)
    if name != "blender":
        raise UsageError(f"--zip is for Blender; {host.title} takes a folder: leave --zip out.")
    if not host.has_node():
        raise UsageError(f"'{host.adapter_folder() / MANIFEST}' is missing: install semantic-matte again.")
    place = path.expanduser().absolute()
    if place.is_dir():
        place /= f"{NAME}-{__version__}.zip"
    if place.suffix.lower() != ".zip":
        raise UsageError(f"A name that ends with .zip was expected for --zip, not '{path}'.")
    if place.exists() and not _is_ours(place):
        raise UsageError(f"'{place}' is there already and is no Semantic Matte for Blender: give another name.")
    contents = contents_of(host, Place(place, True, CLIENT, host.title))
    packed = _packed({name: _bytes_of(source) for name, source in contents.items()})
    lines = (
        f"{place}: {host.title}'s extension with the client inside, version {__version__}, "
        f"{len(contents)} files, {len(packed) / 1000:.0f} kB",
        f"It says that the engine runs in {engine_record().python}; on another machine, name its Python in the "
        "add-on's preferences or in SEMANTIC_MATTE_PYTHON.",
        "In Blender: Edit > Preferences > Get Extensions, the arrow at the top right, Install from Disk.",
    )
    return Plan(lines, (FileStep(place, packed),))


def _bytes_of(source: Path | bytes) -> bytes:
    """A file's bytes. Raises OutputError."""
    try:
        return source if isinstance(source, bytes) else source.read_bytes()
    except OSError as reason:
        raise unreadable(reason) from None


def _packed(files: dict[str, bytes]) -> bytes:
    """A zip of these files: path inside -> content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            # As on every other system, whatever this one is.
            entry.create_system = 3
            packed.writestr(entry, content)
    return stream.getvalue()


def _is_ours(place: Path) -> bool:
    """Whether a file is a zip that an earlier version of this wrote."""
    try:
        with zipfile.ZipFile(place) as packed:
            return f'id = "{NAME}"' in packed.read(MANIFEST).decode("utf-8", "replace").splitlines()
    except (OSError, KeyError, zipfile.BadZipFile):
        return False
