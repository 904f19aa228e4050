"""What the engine's own commands need of the client package: where it lies, and which files it goes by.

Only the worker's part of the engine may import the client; `install` and `doctor` come through here.
"""

from __future__ import annotations

from pathlib import Path

from semantic_matte_client import engine_place
from semantic_matte_client.engine_place import (
    FILE_NAME,
    EnginePlace,
    config_file,
    read_engine_place,
    with_installed,
)
from semantic_matte_client.errors import ClientError, EngineNotFoundError, RuntimeFolderError
from semantic_matte_client.runtime import LOGS_VARIABLE, log_folder, runtime_folder

__all__ = [
    "FILE_NAME",
    "LOGS_VARIABLE",
    "ClientError",
    "EngineNotFoundError",
    "EnginePlace",
    "RuntimeFolderError",
    "client_folder",
    "config_file",
    "log_folder",
    "read_engine_place",
    "runtime_folder",
    "with_installed",
]


def client_folder() -> Path:
    """The folder of the client package that travels with this engine."""
    return Path(engine_place.__file__).parent
