"""What an install or its undoing will do: lines for people, and steps. And the file that all of them share."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from semantic_matte import __version__
from semantic_matte.errors import OutputError, UsageError
from semantic_matte.installing.receipts import Receipt, Standing, read_receipt, stand
from semantic_matte.installing.steps import FileStep, Step, lying_at, make_all
from semantic_matte.outputs.atomic import ensure_folder
from semantic_matte.weights_folders import cache_folder
from semantic_matte.worker.client_places import (
    ClientError,
    EnginePlace,
    config_file,
    read_engine_place,
    with_installed,
)

# How long to wait for another install of the same user.
LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Plan:
    """lines: what is done, each fit to be printed. question: somebody else's file and the line of code that it
    needs, where it was not allowed to be added. Nothing is touched before `carry_out`."""

    lines: tuple[str, ...]
    steps: tuple[Step, ...]
    question: tuple[Path, str] | None = None

    def carry_out(self) -> None:
        """Do all of it, or nothing. Raises OutputError."""
        if self.steps:
            with _alone():
                make_all(self.steps)


def standing_at(folder: Path) -> tuple[Receipt | None, Standing]:
    """What an earlier install wrote there, if one did, and how the folder stands to that.

    Raises UsageError for what is no folder of its own or can't be read.
    """
    lying = lying_at(folder)
    if lying.is_symlink() or (lying.exists() and not lying.is_dir()):
        raise not_ours(folder)
    if not lying.exists():
        return None, Standing((), (), (), ())
    receipt = read_receipt(lying)
    try:
        return receipt, stand(lying, receipt or Receipt("", "", 0, {}))
    except OSError as reason:
        raise UsageError(
            f"'{folder}' can't be read ({reason.strerror}): allow it, or name another folder with --to FOLDER."
        ) from None


def not_ours(folder: Path) -> UsageError:
    """The error for something that no install wrote and that is in the way."""
    return UsageError(
        f"'{folder}' is there already and was not written by 'semantic-matte install': move it away, or name "
        "another folder with --to FOLDER."
    )


def engine_record() -> EnginePlace:
    """This engine, for the hosts. Raises UsageError if the Python that runs it is not known."""
    # Not resolved: an environment's Python is a link, and knows its packages by the link's place.
    python = Path(sys.executable or "")
    if not python.is_absolute() or not python.is_file():
        raise UsageError(
            f"The Python that runs the engine is not known (got '{sys.executable}'): run 'semantic-matte "
            "install' from the environment that semantic-matte is installed in."
        )
    return EnginePlace(str(python), __version__)


def recorded() -> tuple[EnginePlace | None, str]:
    """(what earlier installs wrote for this user, a sentence if the file is broken)."""
    try:
        return read_engine_place(config_file()), ""
    except ClientError as error:
        return None, str(error)


def listed_folders() -> tuple[str, ...]:
    """Folders that earlier installs of this user wrote."""
    place = recorded()[0]
    return place.installed if place else ()


def config_step(added: Iterable[Path], removed: Sequence[Path]) -> tuple[FileStep, str]:
    """Write the user's engine.json anew with these folders, or remove it where none is left. And a line for it.

    Raises UsageError.
    """
    file = config_file()
    if not file.is_absolute():
        raise UsageError(
            "The user's configuration folder is not known: set HOME, or SEMANTIC_MATTE_CONFIG to a folder."
        )
    gone = set(map(str, removed))
    left = tuple(folder for folder in listed_folders() if folder not in gone)
    names = [str(folder) for folder in added]
    # Who only takes something away leaves the other hosts the engine that they have.
    engine = engine_record() if names else recorded()[0]
    record = with_installed((engine or engine_record())._replace(installed=left), names)
    if not record.installed:
        return FileStep(file, None, with_folder=True), f"{file}: removed; it told hosts where the engine is"
    return FileStep(
        file, record.as_json().encode()
    ), f"{file}: tells hosts that the engine runs in {record.python}"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep a second install of the same user away. Raises UsageError, OutputError."""
    import filelock

    # In the cache, because it stays: removing a lock lets two in.
    path = ensure_folder(cache_folder().parent) / "install.lock"
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except filelock.Timeout:
        raise UsageError("Another install is at work: wait until it has ended and try again.") from None
    except OSError as reason:
        raise OutputError(f"'{path}' can't be locked ({reason.strerror}): allow it and try again.") from None
    try:
        yield
    finally:
        lock.release()
