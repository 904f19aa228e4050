"""The one tree of errors. Every message is a sentence fit to show an artist.

A message says what was expected, what came, and what to do. `exit_code` is what the shell returns.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SemanticMatteError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 1


class UsageError(SemanticMatteError):
    """The request itself is wrong: an option, a name, a combination."""

    exit_code = 2


class SettingsError(UsageError):
    """A control was given a value outside its range or of the wrong kind."""


class UnknownNameError(UsageError):
    """A name was given that is not in the list of known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        # Of two that differ in case alone, the first is offered.
        by_lower = {one.lower(): one for one in reversed(known)}
        found = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
        closest = [by_lower[one] for one in found]
        offer = f"Did you mean {_quoted(closest)}? " if closest else ""
        super().__init__(f"Unknown {kind} '{name}'. {offer}Known: {', '.join(known)}.")
        self.kind = kind
        self.name = name
        self.closest = closest


class ValueShapeError(SemanticMatteError):
    """An array or number has the wrong dtype, shape or range."""


class PlateError(SemanticMatteError):
    """A plate can't be read, or holds nothing that can be worked on."""


class TrimapError(SemanticMatteError):
    """A trimap can't be read, built or used."""


class TracksError(SemanticMatteError):
    """A shot's file of tracks can't be read, or does not fit the shot."""


class HintError(SemanticMatteError):
    """An artist's hint can't be read or lies outside the frame."""


class WeightsError(SemanticMatteError):
    """Model weights are missing, altered or refused."""


class LicenceError(WeightsError):
    """A model's terms do not clearly allow commercial use, and the user did not accept them by its name."""


class DownloadError(WeightsError):
    """A file can't be fetched, or is not the one that was promised."""


class DeviceError(SemanticMatteError):
    """The device asked for is not there, or failed."""


class DeviceMemoryError(DeviceError):
    """The memory of the device is too small for what was asked, after all that could be tried."""


class MissingPackageError(SemanticMatteError):
    """An optional package is needed for what was asked."""


class OutputError(SemanticMatteError):
    """A result can't be written."""


class CancelledError(SemanticMatteError):
    """The user ended the work."""

    exit_code = 130


class WorkerError(SemanticMatteError):
    """A job sent to the worker did not succeed; exit_code is what the same failure gives in-process."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def _quoted(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)


class FramesFailedError(SemanticMatteError):
    """Frames of a shot came to nothing; the others are done."""
