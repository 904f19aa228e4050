"""Colour spaces of OpenColorIO configurations, by way of OpenImageIO.

The configuration is $OCIO's. Where that is not set, it is an ACES configuration that OpenColorIO brings along,
with the logs of cameras. It is named with its version, so that an update of the library changes no picture.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from semantic_matte.colour_spaces import (
    ACES2065_1,
    ACESCG,
    COLOUR_SPACES,
    SCENE_LINEAR,
    decoder,
    encoder,
    known_colour_space,
    matrix_to_rec709,
)
from semantic_matte.errors import UnknownNameError, UsageError
from semantic_matte.types import FloatArray

# The later ones have spaces and names that came later (Apple Log, D-Log, the Color Interop Forum's names); each
# is asked for what those before it lack, and only where OpenColorIO is new enough to have it.
BUILT_IN = (
    "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3",
    "ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4",
    "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5",
)

# "ocio:NAME" is the configuration's space of that name, also where a space known here has the same one.
PREFIX = "ocio:"

# Light whose conversion tells whether a space is linear, and then its matrix.
_PROBES = np.array(
    [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [0, 0, 0],
        [0.02, 0.01, 0.03],
        [0.3, 0.6, 0.1],
        [9, 2, 5],
        [-0.3, 0.2, 0.1],
    ],
    dtype=np.float32,
)
_LINEARITY = 1e-3


@dataclass(frozen=True, eq=False)
class Configuration:
    """An OpenColorIO configuration.

    source: a file, or the "ocio://" name of a built-in one. names: a space's own name for each of its names,
    aliases and roles, in small letters. listed: the spaces' own names. roles: the space of each role.
    """

    source: str
    names: Mapping[str, str]
    listed: tuple[str, ...]
    roles: Mapping[str, str]

    def find(self, name: str) -> str | None:
        """The space's own name for a name, alias or role in any case, or None."""
        found = self.names.get(name.lower())
        # The Color Interop Forum writes "g22_rec709_scene" what older configurations call "g22_rec709".
        return found or self.names.get(name.lower().removesuffix("_scene"))

    def to_scene_linear(self, pixels: FloatArray, name: str) -> FloatArray:
        """(H, W, 3) float32 of the space `name` -> scene-linear Rec.709. Raises UsageError.

        Data are never converted: they count as light of Rec.709 already.
        """
        if name == self.roles.get("data"):
            return pixels
        hub, known = self._hub()
        return decoder(known)(self._convert(pixels, name, hub))

    def from_scene_linear(self, pixels: FloatArray, name: str) -> FloatArray:
        """(H, W, 3) float32, scene-linear Rec.709 -> the space `name`. Raises UsageError."""
        if name == self.roles.get("data"):
            return pixels
        hub, known = self._hub()
        return self._convert(encoder(known)(pixels), hub, name)

    @functools.lru_cache(maxsize=64)  # noqa: B019 - configurations live as long as the process.
    def matrix(self, name: str) -> npt.NDArray[np.float64] | None:
        """(3, 3) that takes light of the space `name` to Rec.709's, or None where that space is not linear.

        It is measured, since not every OpenImageIO can be asked.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            seen = self.to_scene_linear(_PROBES[np.newaxis], name)[0].astype(np.float64)
            expected = _PROBES.astype(np.float64) @ seen[:3]
            if np.allclose(seen, expected, rtol=_LINEARITY, atol=_LINEARITY * 0.01):
                return np.asarray(seen[:3].T)
        return None

    def white(self, name: str) -> float:
        """The scene-linear brightness that the space's 1, 1, 1 stands for."""
        return float(self.to_scene_linear(np.ones((1, 1, 3), np.float32), name).max())

    @functools.lru_cache(maxsize=64)  # noqa: B019
    def as_known(self, name: str) -> str | None:
        """The space that is known here by the same name and as the same light, or None. Raises UsageError."""
        known = known_colour_space(name)
        if known is None:
            return None
        shades = np.linspace(0.05, 0.9, 12, dtype=np.float32)
        colours = np.stack([shades, shades[::-1], np.roll(shades, 4)], axis=1)[np.newaxis]
        theirs = self.to_scene_linear(colours, name)
        # Tables and rounded matrices are no other space.
        return known if np.abs(theirs - decoder(known)(colours)).max() < 5e-3 else None

    def _hub(self) -> tuple[str, str]:
        """A space of this configuration that is known here: its name there and its name here."""
        # A role says what it is; "linear" and such are only names.
        interchange = self.roles.get("aces_interchange")
        if interchange:
            return interchange, ACES2065_1
        for known in (SCENE_LINEAR, ACESCG, ACES2065_1):
            for name in self.listed:
                if known_colour_space(name) == known:
                    return name, known
        raise UsageError(
            f"The colour configuration {self.source} has neither a linear Rec.709 space "
            "nor the role aces_interchange: give one of these colour spaces instead: "
            f"{', '.join(COLOUR_SPACES)}."
        )

    def _convert(self, pixels: FloatArray, source: str, target: str) -> FloatArray:
        import OpenImageIO

        picture = OpenImageIO.ImageBuf(np.ascontiguousarray(pixels))
        converted = OpenImageIO.ImageBufAlgo.colorconvert(picture, source, target, False, "", "", self.source)
        if converted.has_error:
            raise UsageError(
                f"Colour space '{source}' can't be converted to {target}: "
                f"{_first_line(converted.geterror())}. Give another colour space."
            )
        return np.asarray(converted.get_pixels(OpenImageIO.FLOAT), dtype=np.float32)


def configurations() -> tuple[Configuration, ...]:
    """Those in use, in the order in which they are asked: $OCIO's alone, or the built-in ones that this
    OpenColorIO has. Raises UsageError where $OCIO can't be read."""
    named = os.environ.get("OCIO", "")
    if named:
        configuration, complaint = _load(named)
        if configuration is None:
            raise UsageError(
                f"The colour configuration {named} can't be read "
                f"({complaint}): correct the OCIO environment variable or unset it."
            )
        return (configuration,)
    return tuple(found for found, _ in map(_load, BUILT_IN) if found is not None)


def configuration_name() -> str:
    """What a record of a run calls the configuration in use: $OCIO's value, or the built-in one's name."""
    return os.environ.get("OCIO") or BUILT_IN[0]


def find_space(name: str) -> tuple[Configuration, str] | None:
    """The configuration that has a space of this name, alias or role, and the space's own name there.

    "ocio:NAME" is the same as NAME. Raises UsageError where $OCIO can't be read.
    """
    for asked in dict.fromkeys((name, name.removeprefix(PREFIX))):
        for configuration in configurations():
            found = configuration.find(asked)
            if found:
                return configuration, found
    return None


def require_space(name: str) -> tuple[Configuration, str]:
    """As `find_space`. Raises UnknownNameError for what no configuration in use has, UsageError."""
    found = find_space(name)
    if found is None:
        listed = [name for configuration in configurations()[:1] for name in configuration.listed]
        raise UnknownNameError("colour space", name, [*COLOUR_SPACES, *listed])
    return found


def space_by_rule(path: str | os.PathLike[str]) -> str | None:
    """What a rule of $OCIO's configuration says of a file of this name; None where only its default rule fits,
    or where OCIO is not set or can't be read."""
    import OpenImageIO

    if not os.environ.get("OCIO") or _load(os.environ["OCIO"])[0] is None:
        return None
    configuration = OpenImageIO.ColorConfig(os.environ["OCIO"])
    name = str(configuration.getColorSpaceFromFilepath(os.fspath(path)))
    if hasattr(configuration, "filepathOnlyMatchesDefaultRule"):
        default = bool(configuration.filepathOnlyMatchesDefaultRule(os.fspath(path)))
    else:
        # Older OpenImageIO can't tell; a name that no rule can fit gives the default rule's answer.
        default = name == str(configuration.getColorSpaceFromFilepath("\x7f"))
    return None if default or not name else name


def rival(name: str) -> str | None:
    """The space of $OCIO's configuration that has this very name and is not what is known here by it.

    name: one that `known_colour_space` knows. None where there is none, where both are the same light, and
    where OCIO is not set or can't be read.
    """
    known = known_colour_space(name)
    configuration = _load(os.environ["OCIO"])[0] if os.environ.get("OCIO") else None
    found = configuration.names.get(name.lower()) if configuration else None
    if configuration is None or known is None or found is None:
        return None
    try:
        return None if configuration.as_known(found) == known else found
    except UsageError:
        return None


def linear_space_like(chromaticities: Sequence[float]) -> str | None:
    """The configuration's own linear space of these primaries and this white point, or None.

    chromaticities: x, y of red, green, blue and white. A space is known by what it makes of colours, since
    configurations don't tell primaries.
    """
    wanted = matrix_to_rec709(tuple(chromaticities))
    for configuration in configurations():
        for name in configuration.listed:
            # By convention linear spaces are called so; measuring all the others takes seconds.
            if "lin" not in name.lower() and "aces" not in name.lower():
                continue
            matrix = configuration.matrix(name)
            # Wide gamuts differ by far more; whites are brought together in one of several ways.
            if matrix is not None and np.abs(matrix - wanted).max() < 0.01:
                return name
    return None


def _load(source: str) -> tuple[Configuration | None, str]:
    """A configuration, or None and why it can't be read. Kept until its file changes."""
    try:
        seen = Path(source).stat()
    # No file, as the built-in ones' names are none.
    except (OSError, ValueError):
        return _load_once(source)
    # A copy may keep its source's time, and two edits may fall into one tick of the clock.
    return _load_once(source, seen.st_mtime_ns, seen.st_size, seen.st_ino)


@functools.lru_cache(maxsize=8)
def _load_once(source: str, *_seen: int) -> tuple[Configuration | None, str]:
    import OpenImageIO

    loaded = OpenImageIO.ColorConfig(source)
    complaint = _first_line(str(loaded.geterror()))
    if complaint:
        return None, complaint
    listed = tuple(str(name) for name in loaded.getColorSpaceNames())
    roles = {str(role): str(loaded.getColorSpaceNameByRole(role)) for role in loaded.getRoles()}
    names = {str(alias).lower(): name for name in listed for alias in loaded.getAliases(name)}
    names |= {role.lower(): name for role, name in roles.items()}
    names |= {name.lower(): name for name in listed}
    return Configuration(source, MappingProxyType(names), listed, MappingProxyType(roles)), ""


def _first_line(message: str) -> str:
    """One line of a library's complaint, without the final full stop."""
    lines = message.strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else ""
