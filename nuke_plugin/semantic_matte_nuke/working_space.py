"""The light that a script computes in, as the root's colour knobs say it, in the engine's words.

Plates are captured raw, so their values are those of the script's working space, whatever the Reads converted
from. The knobs' names are those of Nuke 14 to 17, as aws-deadline/deadline-cloud-for-nuke reads them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping, NamedTuple, Optional

# The knobs of the root that are looked at; each of them may be missing.
KNOBS = ("colorManagement", "OCIO_config", "customOCIOConfigPath", "OCIOConfigPath", "workingSpaceLUT")
# The engine's name for what Nuke's own colour management has: scene-linear Rec.709.
SCENE_LINEAR = "scene_linear_rec709"
# What the knob of the node says for: as the root has it.
AUTO = "auto"

# Nuke's own configuration for OpenColorIO, whose linear light has the primaries of Rec.709.
_NUKE_DEFAULT = "nuke-default"
_OF_NUKE_DEFAULT = {"linear", "scene_linear", "compositing_linear", "rendering", "default"}
# Of the configurations that Nuke brings, all others are ACES: their scene-linear role is ACEScg.
_ACES = ("aces", "fn-nuke_", "cg-config", "studio-config")
_OF_ACES = {"scene_linear", "compositing_linear", "rendering"}
_ACESCG = "ACEScg"
_NAME_IT = "name the plate's colour space as Input Space on the node's Controls tab"


class WorkingSpaceError(Exception):
    """The space can't be told; its text is a sentence that says to name it."""


class WorkingSpace(NamedTuple):
    """colour_space: of captured plates, as the engine knows it. ocio: the configuration that has it, a path or
    an ocio:// name; None where no configuration is needed."""

    colour_space: str
    ocio: Optional[str]


def working_space(
    root: Mapping[str, str], named: str = AUTO, environment: Optional[Mapping[str, str]] = None
) -> WorkingSpace:
    """The space of what flows through a script, and the configuration to look it up in.

    root: the evaluated values of the root's `KNOBS`. named: what the artist says of it; "auto" or "" for what
    the root says. environment: by default this process's, for $OCIO, which Nuke takes before the root's own
    choice. Raises WorkingSpaceError.
    """
    shell = os.environ if environment is None else environment
    managed = root.get("colorManagement", "") == "OCIO"
    configuration = _configuration(root, shell) if managed else shell.get("OCIO", "").strip() or None
    own = named.strip()
    if own and own.lower() != AUTO:
        return WorkingSpace(own, configuration)
    if not managed:
        return WorkingSpace(SCENE_LINEAR, None)
    space = _plain(root.get("workingSpaceLUT", ""))
    if not space:
        raise WorkingSpaceError(
            f"The project settings use OCIO and name no working space: choose one there, or {_NAME_IT}."
        )
    if configuration is not None:
        return WorkingSpace(space, configuration)
    return WorkingSpace(_of_stock(root.get("OCIO_config", "").strip(), space), None)


def _configuration(root: Mapping[str, str], shell: Mapping[str, str]) -> Optional[str]:
    """Where the configuration in use lies; None for one that Nuke brings and does not say where."""
    variable = shell.get("OCIO", "").strip()
    if variable:
        return _there(variable, "the environment variable OCIO", "correct it")
    if _plain(root.get("OCIO_config", "")) == "custom":
        path = root.get("customOCIOConfigPath", "").strip()
        if not path:
            raise WorkingSpaceError(
                "The project settings use a custom OCIO configuration and name no file: choose it there, or "
                "another configuration."
            )
        return _there(path, "the project settings", "choose it there again")
    path = root.get("OCIOConfigPath", "").strip()
    return path if path and Path(path).is_file() else None


def _there(path: str, who: str, advice: str) -> str:
    """The configuration's path, which leads to a file or is a built-in one's name."""
    if "://" in path or Path(path).is_file():
        return path
    raise WorkingSpaceError(f"The OCIO configuration '{path}' that {who} names is not there: {advice}.")


def _of_stock(configuration: str, space: str) -> str:
    """A space of a configuration that Nuke brings, by a name that means the same without it."""
    kind = _plain(configuration)
    if kind == _NUKE_DEFAULT:
        if space in _OF_NUKE_DEFAULT:
            return SCENE_LINEAR
    elif kind.lower().startswith(_ACES):
        return _ACESCG if space in _OF_ACES else space
    raise WorkingSpaceError(
        f"It can't be told what the working space '{space}' of the OCIO configuration '{kind}' is, because "
        f"Nuke does not say where that configuration lies: {_NAME_IT}."
    )


def _plain(value: str) -> str:
    """An enumeration's value without what its menu adds: fields behind tabs, and what a role stands for.

    "ACEScg<tab>Colorspaces/ACES/ACEScg" is ACEScg, "scene_linear (ACES - ACEScg)" is scene_linear.
    """
    name = value.partition("\t")[0].strip()
    role, bracket, _ = name.partition(" (")
    return role if bracket and role in (_OF_ACES | _OF_NUKE_DEFAULT) else name
