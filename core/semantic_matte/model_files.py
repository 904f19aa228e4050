"""Model files that a user brings: finding them, naming them in a result, and telling why one can't be used."""

from __future__ import annotations

import hashlib
from pathlib import Path

from semantic_matte.errors import WeightsError

LICENCE = "unknown (brought by the user)"


def find_model_file(path: Path, user: str) -> Path:
    """The user's model file. Raises WeightsError if it is not there.

    user: what needs it, as in "Estimator 'onnx'".
    """
    found = path.expanduser()
    if not found.is_file():
        raise WeightsError(f"{user}: expected a model file, got '{path}', which is none.")
    return found


def describe_model_file(path: Path, name: str | None = None) -> dict[str, str]:
    """What a result's sidecar says of a model file that the user brought."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"The model '{path}' can't be read ({error.strerror}).") from None
    return {
        "name": name or path.name,
        "licence": LICENCE,
        "sha256": digest.hexdigest(),
        "origin": "brought by the user",
    }


def first_line(error: BaseException) -> str:
    """The part of a library's long complaint that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("RuntimeError:", "ValueError:", "TypeError:"))]
    return (told or lines or [type(error).__name__])[0].rstrip(".")[:300]
