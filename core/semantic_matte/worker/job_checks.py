"""What a job asks, checked: its settings, its plates, its colour configuration, and that all paths lie in its
roots."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semantic_matte.errors import UsageError
from semantic_matte.frame_patterns import expand_plates
from semantic_matte.hints import hint_files
from semantic_matte.settings import Settings
from semantic_matte.worker.model_paths import model_paths
from semantic_matte.worker.roots import Roots

Order = Mapping[str, Any]

# What a task can't do without, and what it has no use for.
_NEEDS = {
    "matte": ("out",),
    "segment": (),
    "refine": ("out", "trimap"),
    "track": ("out",),
    "collect": ("out",),
}
_NO_USE = {
    "matte": (),
    "segment": ("trimap", "frames", "chunk"),
    "refine": ("hint", "frames", "chunk"),
    "track": ("trimap", "chunk"),
    "collect": ("hint", "trimap", "chunk"),
}


def settings_of(given: Mapping[str, Any]) -> Settings:
    """The settings of an order. Raises SettingsError."""
    return Settings(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    )


def use_configuration(ocio: str | None) -> None:
    """Make the host's colour configuration that of this process. Raises UsageError for a relative path."""
    if not ocio:
        os.environ.pop("OCIO", None)
        return
    if not ocio.startswith("ocio://") and not Path(ocio).is_absolute():
        raise UsageError(
            f"The colour configuration '{ocio}' is not an absolute path, as the worker needs: set OCIO to one."
        )
    os.environ["OCIO"] = ocio


# Tasks that sort their plates into shots and stills themselves.
_OF_SHOTS = ("matte", "track", "collect")


def plates_of(order: Order) -> tuple[Path, ...]:
    """The job's plates; for tasks that know no shots, patterns replaced by their frames.

    Raises PlateError, UsageError.
    """
    roots = Roots(order["roots"])
    given = [Path(text) for text in order["plates"]]
    for path in given:
        # Its folder is looked into for the frames of a pattern.
        roots.require(path.parent, "folder of plates")
    if order["task"] == "refine":
        if len(given) != 1:
            raise UsageError(
                f"Expected one plate for the task 'refine', got {len(given)}: start a job for each."
            )
        return tuple(given)
    return tuple(given) if order["task"] in _OF_SHOTS else expand_plates(given)


def check_paths(order: Order, plates: tuple[Path, ...], settings: Settings) -> None:
    """Raise UsageError unless the task has what it needs, and all that it reads and writes lies in its roots.

    The colour configuration may lie anywhere: a studio's lies where no plates do, it is what the host itself
    uses, and it names tables in other places that only OpenColorIO knows.
    """
    roots = Roots(order["roots"])
    _check_needs(order)
    for path in expand_plates(plates):
        roots.require(path, "plate")
    if order["hint"]:
        roots.require(order["hint"], "hint")
        for path in hint_files(order["hint"]):
            roots.require(path, "hint's mask")
    if order["trimap"]:
        roots.require(order["trimap"], "trimap")
    if order["task"] in _OF_SHOTS:
        # Results in it are renamed into their place; links there are replaced, never followed.
        roots.require(order["out"], "folder of results")
    elif order["out"]:
        roots.require_place(order["out"], "result")
    for path in model_paths(settings):
        roots.require(path, "model")


def _check_needs(order: Order) -> None:
    """Raise UsageError if the task lacks something, or has what it has no use for."""
    task = order["task"]
    for name in _NEEDS[task]:
        if not order[name]:
            raise UsageError(f"The task '{task}' needs '{name}': give it.")
    for name in _NO_USE[task]:
        if order[name]:
            raise UsageError(f"The task '{task}' has no use for '{name}': leave it out.")
