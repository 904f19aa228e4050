"""Where pulled models lie: a folder that the user names, and the cache of the platform."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "SEMANTIC_MATTE_WEIGHTS"
OFFLINE_VARIABLE = "SEMANTIC_MATTE_OFFLINE"


def named_folder() -> Path | None:
    """The folder that SEMANTIC_MATTE_WEIGHTS names, whether it is there or not; None if none is named."""
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else None


def cache_folder() -> Path:
    """The user's cache by the platform's conventions; it need not be there yet.

    `~/.cache` or XDG_CACHE_HOME on Linux, `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
    """
    import platformdirs

    return platformdirs.user_cache_path("semantic-matte", appauthor=False) / "weights"


def search_folders() -> tuple[Path, ...]:
    """Where pulled models are looked for, in this order; pulls go to the first that can be written."""
    named = named_folder()
    return (cache_folder(),) if named is None else (named, cache_folder())


def offline() -> bool:
    """Whether SEMANTIC_MATTE_OFFLINE forbids the network: anything but empty, 0, no, off and false does."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "no", "off", "false")
