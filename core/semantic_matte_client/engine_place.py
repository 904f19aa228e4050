"""Which Python runs the engine: what `semantic-matte install` wrote down for the hosts.

It stands in `engine.json`, in the user's configuration folder, and beside each client that was installed into a
host, which wins: `{"python": "...", "version": "...", "installed": ["...", ...]}`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Tuple

from semantic_matte_client.errors import EngineNotFoundError

FOLDER_VARIABLE = "SEMANTIC_MATTE_CONFIG"
FILE_NAME = "engine.json"

# What is written is far below it; a file of another kind is not read to its end.
_MOST_BYTES = 1 << 20

_INSTALL_AGAIN = "run 'semantic-matte install' again"


class EnginePlace(NamedTuple):
    """python: path of the engine's Python. version: the engine's when it was installed. installed: folders that
    `semantic-matte install` wrote, each with its receipt; listed in the configuration folder's file alone."""

    python: str
    version: str
    installed: Tuple[str, ...] = ()

    def as_json(self) -> str:
        """The text of engine.json."""
        record = {"python": self.python, "version": self.version, "installed": list(self.installed)}
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def config_folder() -> Path:
    """The user's configuration folder; it need not be there, and is not absolute where the user has no home.

    $SEMANTIC_MATTE_CONFIG, else `~/.config/semantic-matte` (XDG_CONFIG_HOME in place of ~/.config),
    `~/Library/Application Support/semantic-matte` on macOS, `%APPDATA%\\semantic-matte` on Windows.
    """
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    if named:
        # A "~" that stands for nobody stays what it is.
        return Path(os.path.expanduser(named)).absolute()  # noqa: PTH111
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    if sys.platform == "win32":
        roaming = os.environ.get("APPDATA", "").strip()
        return (Path(roaming) if roaming else home / "AppData" / "Roaming") / "semantic-matte"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "semantic-matte"
    # A relative one is to be ignored, says the XDG Base Directory Specification.
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if Path(given).is_absolute() else home / ".config") / "semantic-matte"


def config_file() -> Path:
    """Where `semantic-matte install` writes the engine's place for this user; it need not be there."""
    return config_folder() / FILE_NAME


def beside_client() -> Path:
    """Where it is written for this very copy of the client; it need not be there."""
    return Path(__file__).parent / FILE_NAME


def read_engine_place(path: Path) -> Optional[EnginePlace]:
    """What such a file says, checked; None where there is none. Raises EngineNotFoundError for a broken one.

    Whether that Python is still there is not asked here.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EngineNotFoundError(
            f"'{path}', which says where the engine's Python is, can't be read ({error.strerror or error}): "
            f"allow it, or {_INSTALL_AGAIN}."
        ) from None
    problem, place = _parse(data)
    if place is None:
        raise EngineNotFoundError(
            f"'{path}', which says where the engine's Python is, is broken ({problem}): remove it and "
            f"{_INSTALL_AGAIN}."
        )
    return place


def find() -> Optional[str]:
    """Path of the engine's Python; None where nothing was installed.

    The file beside the client is asked first and the configuration folder's where there is none. Raises
    EngineNotFoundError where the file is broken or names a Python that is gone: another one is never taken
    in its place.
    """
    for path in (beside_client(), config_file()):
        place = read_engine_place(path)
        if place is None:
            continue
        if not _is_file(place.python):
            raise EngineNotFoundError(
                f"'{path}' names '{place.python}' as the engine's Python, which is not there: {_INSTALL_AGAIN} "
                "from where the engine is now."
            )
        return place.python
    return None


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        # A name that no system takes: too long, or with a zero in it.
        return False


def _parse(data: bytes) -> Tuple[str, Optional[EnginePlace]]:
    """Bytes of engine.json -> ("", what it says), or (what is wrong with it, None)."""
    if len(data) > _MOST_BYTES:
        return "it is larger than a megabyte", None
    try:
        # A byte order mark is what Windows' own editor leaves behind.
        record = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return "it is no JSON", None
    if not isinstance(record, dict):
        return "it holds no JSON object", None
    python, version, installed = (record.get(name) for name in ("python", "version", "installed"))
    if not isinstance(python, str) or not Path(python).is_absolute():
        return "'python' is no absolute path", None
    if not isinstance(version, str):
        return "'version' is no text", None
    folders = _texts(installed)
    if folders is None:
        return "'installed' is no list of paths", None
    return "", EnginePlace(python, version, folders)


def _texts(values: object) -> Optional[Tuple[str, ...]]:
    """A JSON list of texts as a tuple, () for a missing one, None for anything else."""
    if values is None:
        return ()
    if not isinstance(values, list):
        return None
    texts: List[str] = [value for value in values if isinstance(value, str)]
    return tuple(texts) if len(texts) == len(values) else None


def with_installed(place: EnginePlace, folders: Iterable[str]) -> EnginePlace:
    """The same with these folders besides those that it lists, each once, in order."""
    return place._replace(installed=tuple(dict.fromkeys((*place.installed, *folders))))
