"""A command line of the engine that makes a node's mattes without Nuke, where Source is a plain Read."""

from __future__ import annotations

import shlex
from typing import Any, List, Mapping, Optional, Sequence

from semantic_matte_client.nodes.control_rows import control_rows

PROGRAM = ("semantic-matte",)
# What Nuke's own conversions are called, in the engine's words; others need the configuration's names.
_SPACES = {
    "linear": "scene_linear_rec709",
    "scene_linear": "scene_linear_rec709",
    "srgb": "srgb",
    "rec709": "rec709",
    "cineon": "cineon",
    "acescg": "acescg",
    "aces - acescg": "acescg",
    "aces2065-1": "aces2065_1",
    "aces - aces2065-1": "aces2065_1",
}


def command(
    plates: str,
    out: str,
    frames: str,
    settings: Mapping[str, Any],
    colour_space: Optional[str] = None,
    hint: str = "",
) -> List[str]:
    """The words of the command. plates: a path, with `####` or `%04d` where a frame's number is; frames: "" for
    one picture. settings: as the client takes them; those at their defaults are left out."""
    words = [*PROGRAM, "matte", plates, "-o", out]
    if frames:
        words += ["--frames", frames]
    if colour_space:
        words += ["--colour-space", colour_space]
    if hint:
        words += ["--hint", hint]
    for row in control_rows():
        if row.name in settings and not _is_default(settings[row.name], row.default):
            words += _option(row.name, settings[row.name])
    return words


def as_shell(words: Sequence[str]) -> str:
    """The same as one line for a POSIX shell."""
    return " ".join(shlex.quote(word) for word in words)


def space_of(colorspace: str, raw: bool, working: str) -> Optional[str]:
    """The engine's name for a Read's colour space; None where it can't be told. working: what the script's is.

    "default (sRGB)" is sRGB, "Colorspaces/sRGB<tab>..." is sRGB; raw values are taken as the script's own.
    """
    if raw:
        return working
    name = colorspace.partition("\t")[0].strip()
    if name.startswith("default (") and name.endswith(")"):
        name = name[len("default (") : -1]
    return _SPACES.get(name.lower())


def _is_default(value: Any, default: Any) -> bool:
    """Whether a setting is what the engine takes without being told; lists come as lists or tuples."""
    if isinstance(value, (list, tuple)):
        return list(value) == list(default or ())
    return bool(value == default)


def _option(name: str, value: Any) -> List[str]:
    """An option as the command line has it."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    # With an equals sign, as a value may begin with a dash.
    return [f"--{flag}={','.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"]
