"""Pulling models: the manifest says what, `downloads` fetches, and a record of what came lies beside the file.

No adapter may import this: nothing is downloaded but by the user's own command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.downloads import Fetched, Wanted, fetch
from semantic_matte.errors import OutputError, WeightsError
from semantic_matte.outputs.atomic import ensure_folder, refusal
from semantic_matte.outputs.sidecar import write_json
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.weights import (
    ModelFile,
    allowed,
    checked,
    downloadable,
    expected_checksums,
    find_model,
    how_checked,
    local_model,
    manifest,
    places,
    present,
    record_path,
)
from semantic_matte.weights_folders import cache_folder, named_folder, offline

# How often one that waits for another pull looks whether it is done.
LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class CheckedFile:
    """A model file that is here. complaint: empty if it is what it should be. how: what was compared."""

    model: ModelFile
    path: Path
    complaint: str
    how: str


def pull(name: str, accepted: Collection[str], progress: Progress) -> ModelFile:
    """Have a model here: fetch it, unless a sound file is here. Returns its row as `local_model` does.

    accepted: names of models whose terms the user accepts. Two pulls at once of the same model fetch it once.
    Raises UnknownNameError, LicenceError, DownloadError, WeightsError (offline, or a damaged file that can't be
    replaced) and OutputError.
    """
    model = find_model(name)
    allowed(model, accepted)
    if not model.url:
        progress.notice(f"Model '{name}' travels with the package: there is nothing to pull.")
        return local_model(name, accepted)
    if _sound(model):
        progress.notice(f"Model '{name}' is here already.")
    elif not offline():
        place = _folder(progress.notice) / model.path.name
        with _alone(place, f"Another pull of '{name}' is going on; waiting for it.", progress):
            _fetch_unless_sound(model, place, progress)
    # Offline, this says what to put where.
    return local_model(name, accepted)


def every_model() -> dict[str, ModelFile]:
    """The manifest's rows by name: embedded ones, then those that can be pulled."""
    return manifest() | downloadable()


def check_all(progress: Progress) -> list[CheckedFile]:
    """Check every model file that is here: embedded ones, and pulled ones in each folder that is searched."""
    files = [
        (model, place)
        for model in every_model().values()
        for place in places(model)
        # An embedded one that is missing is a bad one.
        if not model.url or place.is_file()
    ]
    found = []
    for number, (model, place) in enumerate(files):
        progress.advance(ProgressEvent("checking", number, len(files), model.name))
        found.append(_check(model, place))
    progress.advance(ProgressEvent("checking", len(files), len(files)))
    return found


def _check(model: ModelFile, place: Path) -> CheckedFile:
    """Whether a file is what it should be."""
    try:
        checked(model, place)
        return CheckedFile(model, place, "", how_checked(model, place))
    except WeightsError as error:
        return CheckedFile(model, place, str(error), "")


def _sound(model: ModelFile) -> bool:
    """Whether the model is here and is what it should be."""
    path = present(model)
    return path is not None and not _check(model, path).complaint


def _fetch_unless_sound(model: ModelFile, place: Path, progress: Progress) -> None:
    """Called when no one else pulls it: whoever did may just have put it there. Raises as `pull`."""
    if _sound(model):
        return
    path = present(model)
    if path not in (None, place):
        raise WeightsError(
            f"Model '{model.name}' is damaged or altered in '{path}', and that folder can't be written: "
            "replace or remove it there."
        )
    if path == place:
        progress.notice(f"'{path}' is damaged or altered, and is fetched again.")
    _fetch(model, place, progress)


@contextmanager
def _alone(place: Path, waiting: str, progress: Progress) -> Iterator[None]:
    """Among all processes, the only one that fetches this file; waiting: told if another one does. The lock
    goes with its process, however that ends; its file stays."""
    import filelock

    lock = filelock.FileLock(place.with_name(f"{place.name}.lock"))
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            progress.notice(waiting)
            lock.acquire(poll_interval=LOOK_EVERY_SECONDS)
    except OSError as reason:
        raise OutputError(refusal(place, reason)) from reason
    try:
        yield
    finally:
        lock.release()


def _folder(notice: Callable[[str], None]) -> Path:
    """Where pulls go: the folder that is named, if it can be written, else the cache. Raises OutputError."""
    named = named_folder()
    if named is not None:
        try:
            return ensure_folder(named)
        except OutputError as error:
            notice(f"{error} The model is put into '{cache_folder()}'.")
    return ensure_folder(cache_folder())


def _fetch(model: ModelFile, place: Path, progress: Progress) -> None:
    """Fetch the file, check it, record it, and put it in its place."""
    wanted = Wanted(model.url, model.size, expected_checksums(model, place))
    fetched = fetch(
        wanted,
        place,
        lambda done, total: progress.advance(ProgressEvent("downloading", done, total, model.name)),
        progress.notice,
    )
    # First, so that no file is ever in its place without what it is checked against.
    write_json(record_path(place), _record(model, fetched))
    fetched.keep()


def _record(model: ModelFile, fetched: Fetched) -> dict[str, object]:
    """What is kept of a pull."""
    return {
        "name": model.name,
        "url": model.url,
        "size": fetched.size,
        "sha256": fetched.sha256,
        "expected": model.checksums,
        "licence": model.licence,
        "commercial_use": model.commercial_use,
        "licence_accepted": model.commercial_use != "yes",
        "origin": model.origin,
    }
