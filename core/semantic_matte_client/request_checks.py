"""What a host asks for, checked and made into the message `submit`: nothing is started for a slip."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Pattern, Sequence, Union

from semantic_matte_client.calls import HOSTS_OCIO
from semantic_matte_client.control_values import checked_settings
from semantic_matte_client.errors import ProtocolError, RequestError
from semantic_matte_client.message_fields import LONGEST_TEXT, is_text
from semantic_matte_client.protocol import (
    MOST_PLATES,
    MOST_ROOTS,
    ON_DISCONNECT,
    REQUESTS,
    TASKS,
    encode,
)
from semantic_matte_client.runtime import worker_slot

AnyPath = Union[str, "os.PathLike[str]"]
Plates = Union[AnyPath, Sequence[AnyPath]]
# A range such as "1001-1050x2,1060", or one frame's number.
Frames = Union[str, int]

# Where a frame's number stands: shot.####.exr, shot.%04d.exr, shot.@@@.exr.
_FRAME_NUMBER = re.compile(r"#+|%0?[0-9]*d|@+")
# Settings that may name models by their files.
_MODEL_SETTINGS = ("segmenter", "estimator", "tracker")
# Of these `out` is a folder.
_FOLDER_TASKS = ("matte", "track", "collect")
_RANGE_SIGNS = re.compile(r"[-0-9x:, \t]*[0-9][-0-9x:, \t]*")


def submit_message(
    identity: str,
    task: str,
    plates: Plates,
    *,
    out: Optional[AnyPath],
    hint: Optional[AnyPath],
    trimap: Optional[AnyPath],
    colour_space: Optional[str],
    frames: Optional[Frames],
    chunk: Optional[Frames],
    ocio: Optional[str],
    settings: Optional[Mapping[str, Any]],
    roots: Optional[Iterable[AnyPath]],
    on_disconnect: str,
    device: str,
) -> Dict[str, Any]:
    """The message `submit` for a job (see `Client.submit`); paths absolute, default roots added.

    Raises RequestError with one sentence for what is wrong.
    """
    if task not in TASKS:
        raise RequestError(f"Unknown task '{task}': expected one of {', '.join(TASKS)}.")
    if on_disconnect not in ON_DISCONNECT:
        raise RequestError(f"on_disconnect: expected one of {', '.join(ON_DISCONNECT)}, got {on_disconnect!r}.")
    paths = _plates(plates)
    given = {
        name: _optional_path(value, name) for name, value in (("out", out), ("hint", hint), ("trimap", trimap))
    }
    ranges = {name: _range(value, name) for name, value in (("frames", frames), ("chunk", chunk))}
    _check_task(task, paths, given)
    _check_ranges(task, ranges)
    values = checked_settings({"device": device, **(settings or {})})
    if worker_slot(values["device"]) != worker_slot(device):
        raise RequestError(
            f"The setting 'device' is {values['device']!r}, but this client is for {device!r}: name it once."
        )
    needed = _Folders()
    needed.add_files(paths)
    needed.add_files([place for name, place in given.items() if place and name != "out"])
    if given["out"]:
        needed.add(given["out"] if task in _FOLDER_TASKS else str(Path(given["out"]).parent))
    for name in _MODEL_SETTINGS:
        if name in values:
            values[name] = needed.model(values[name])
    message = {
        "type": "submit",
        "job": identity,
        "task": task,
        "plates": paths,
        **given,
        "colour_space": colour_space,
        **ranges,
        "ocio": _ocio(ocio),
        "settings": values,
        "roots": needed.roots() if roots is None else _named_roots(roots),
        "on_disconnect": on_disconnect,
    }
    try:
        encode(message, REQUESTS)
    except ProtocolError as reason:
        raise RequestError(f"This can't be asked of the worker. {reason}") from None
    return message


def absolute(path: Any, what: str) -> str:
    """A path as absolute text, `~` expanded, links left alone. Raises RequestError."""
    text = path if isinstance(path, str) else path.__fspath__() if hasattr(path, "__fspath__") else None
    if not isinstance(text, str) or not text.strip():
        raise RequestError(f"{what}: expected a path, got {path!r}.")
    found = _expanded(text).absolute()
    if os.pardir in found.parts:
        # Behind a link `..` is another folder than its name says.
        found = found.resolve() if found.name == os.pardir else found.parent.resolve() / found.name
    place = str(found)
    if not is_text(place):
        raise RequestError(
            f"{what}: the path {place[:100]!r} is longer than {LONGEST_TEXT} characters, or no text: rename it."
        )
    return place


def _expanded(text: str) -> Path:
    """The path, `~` replaced by the home folder where there is one."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _plates(plates: Any) -> List[str]:
    alone = isinstance(plates, str) or hasattr(plates, "__fspath__")
    try:
        rows = [plates] if alone else list(plates)
    except TypeError:
        rows = [plates]
    if not rows:
        raise RequestError("plates: expected at least one path or frame pattern, got none.")
    if len(rows) > MOST_PLATES:
        raise RequestError(
            f"plates: {len(rows)} are more than a job takes ({MOST_PLATES}): name them by a frame pattern "
            "(plate.####.exr), or split them."
        )
    return [absolute(row, "plate") for row in rows]


def _optional_path(path: Optional[AnyPath], name: str) -> Optional[str]:
    return None if path is None else absolute(path, name)


def _check_task(task: str, plates: List[str], given: Mapping[str, Optional[str]]) -> None:
    """What belongs to which task."""
    out, hint, trimap = given["out"], given["hint"], given["trimap"]
    if task in _FOLDER_TASKS:
        if out is None:
            raise RequestError(f"{task} needs 'out', the folder to write into.")
        if Path(out).is_file():
            raise RequestError(f"{task} writes into a folder, and '{out}' is a file: name a folder as 'out'.")
        if task == "matte" and hint and trimap:
            raise RequestError("Give a hint or a trimap, not both: a trimap already is the whole word.")
        if task != "matte" and trimap:
            raise RequestError(f"{task} takes no trimap: a trimap is for one plate.")
        if task == "collect" and hint:
            raise RequestError("collect takes no hint: objects were found before.")
    elif task == "segment":
        if trimap:
            raise RequestError("segment takes no trimap: use matte or refine.")
    else:
        if len(plates) != 1:
            raise RequestError(f"refine takes one plate at a time, got {len(plates)}.")
        if trimap is None:
            raise RequestError("refine needs 'trimap', the file that says what is known.")
        if out is None:
            raise RequestError("refine needs 'out', the alpha's file (.exr, .png or .tif).")
        if hint:
            raise RequestError("refine takes no hint: its trimap says it all.")


def _range(value: Any, name: str) -> Optional[str]:
    """A frame range as text; whether it has such frames is for the engine to say. Raises RequestError."""
    if value is None:
        return None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _RANGE_SIGNS.fullmatch(text) or len(text) > LONGEST_TEXT:
        raise RequestError(f"{name}: expected frames such as '1001-1050x2,1060', got {_short(value)}.")
    return text


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:97]}..."


def _check_ranges(task: str, ranges: Mapping[str, Optional[str]]) -> None:
    """Which tasks are about shots."""
    if ranges["frames"] is not None and task not in _FOLDER_TASKS:
        raise RequestError(f"{task} takes no frames: name the plates that are meant.")
    if ranges["chunk"] is not None and task != "matte":
        raise RequestError(f"{task} takes no chunk: it is for matte, after track.")


def _ocio(ocio: Optional[str]) -> Optional[str]:
    """The configuration's path or `ocio://` name; None where none is set."""
    named = os.environ.get("OCIO", "") if ocio == HOSTS_OCIO else ocio
    if not named:
        return None
    return named if "://" in named else absolute(named, "ocio")


def _named_roots(roots: Any) -> List[str]:
    alone = isinstance(roots, str) or hasattr(roots, "__fspath__")
    found = [absolute(root, "root") for root in ([roots] if alone else roots)]
    for root in found:
        if not Path(root).is_dir():
            raise RequestError(f"The root '{root}' is no folder: name folders that are there.")
    if not 1 <= len(found) <= MOST_ROOTS:
        raise RequestError(f"roots: expected 1 to {MOST_ROOTS} folders, got {len(found)}.")
    return found


class _Folders:
    """The folders that a call names by its files: what its job may read and write."""

    def __init__(self) -> None:
        self._found: Dict[str, None] = {}

    def add_files(self, paths: Iterable[str]) -> None:
        """The folders of files, and where a file is a link also the one that it leads to.

        Raises RequestError for a folder that is not there.
        """
        for path in map(Path, paths):
            folder = str(path.parent)
            if folder not in self._found and not path.parent.is_dir():
                raise RequestError(f"'{path}' is not there: it has no folder '{folder}'.")
            self._found[folder] = None
            if path.is_symlink():
                self._found[str(path.resolve().parent)] = None
            elif _FRAME_NUMBER.search(path.name) and not path.exists():
                self._add_linked_frames(path)

    def add(self, folder: str) -> None:
        """A folder, which need not be there yet."""
        self._found[folder] = None

    def model(self, text: str) -> str:
        """A setting that names a model, its paths made absolute and their folders added.

        `kind:place`, where place is a file, a folder, `config.yaml,weights.pth` or `folder+another:place`. What
        is not there stays as it is: it may be a name that the engine knows.
        """
        kind, colon, place = text.partition(":")
        if not colon:
            return text
        if self._is_there(place):
            return f"{kind}:{self._add_model(place)}"
        for sign in ",+":
            left, found, right = place.rpartition(sign)
            if not found:
                continue
            left = self._add_model(left) if self._is_there(left) else left
            right = self._add_model(right) if self._is_there(right) else self.model(right)
            return f"{kind}:{left}{sign}{right}"
        return text

    def roots(self) -> List[str]:
        """The folders, without those that lie in another of them. Raises RequestError if they are too many."""
        kept: List[str] = []
        for folder in sorted(self._found, key=len):
            above = {str(place) for place in Path(folder).parents}
            if not above.intersection(kept):
                kept.append(folder)
        if len(kept) > MOST_ROOTS:
            raise RequestError(
                f"The files lie in {len(kept)} folders, more than a job takes ({MOST_ROOTS}): name a folder "
                "above them in 'roots'."
            )
        return kept

    @staticmethod
    def _is_there(place: str) -> bool:
        return bool(place.strip()) and _expanded(place).exists()

    def _add_model(self, place: str) -> str:
        path = absolute(place, "model")
        if Path(path).is_dir():
            self.add(path)
            # What a hub's cache holds of a model is links to files beside it.
            self._add_links(Path(path), re.compile(".*", re.DOTALL))
        else:
            self.add_files([path])
        return path

    def _add_linked_frames(self, pattern: Path) -> None:
        """Published shots are often folders of links: where the frames of a pattern lead to."""
        parts = _FRAME_NUMBER.split(pattern.name)
        self._add_links(pattern.parent, re.compile("-?[0-9]+".join(map(re.escape, parts))))

    def _add_links(self, folder: Path, names: Pattern[str]) -> None:
        """Where the links of some names in a folder lead to."""
        try:
            with os.scandir(folder) as entries:
                links = [entry.path for entry in entries if entry.is_symlink() and names.fullmatch(entry.name)]
        except OSError:
            # The engine says what is wrong with it.
            return
        for link in links:
            self.add(str(Path(link).resolve().parent))
