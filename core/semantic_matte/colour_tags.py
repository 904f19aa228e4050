"""What a picture file says of its colours, and which colour space that is.

Writers say it in many ways, and not all of them with care. From the surest word to the least: the Color Interop
Forum's name (`colorInteropID`: OpenImageIO, Blender 5), a name of OpenImageIO's, the flag of an ACES container
(SMPTE ST 2065-4), an ICC profile, chromaticities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semantic_matte.colour import known_colour_space, space_name
from semantic_matte.colour_configuration import linear_space_like
from semantic_matte.colour_spaces import (
    ACES2065_1,
    ADOBE_RGB,
    CINEON,
    DISPLAY_P3,
    KNOWN_SPACES,
    SCENE_LINEAR,
    SRGB,
    linear_space_with,
    same_chromaticities,
)
from semantic_matte.errors import UnknownNameError

# Descriptions of ICC profiles, in small letters. Any that speak of sRGB are taken for it.
_PROFILES = {
    "display p3": DISPLAY_P3,
    "adobe rgb (1998)": ADOBE_RGB,
    "compatible with adobe rgb (1998)": ADOBE_RGB,
}


@dataclass(frozen=True)
class ColourTags:
    """The words of a file's header, as they stand there; "" or () where it has none.

    format: OpenImageIO's name of it. name: `oiio:ColorSpace`. chromaticities: x, y of red, green, blue, white.
    profile: the description of an ICC profile for RGB. dpx_transfer: a DPX's transfer characteristic.
    """

    format: str = ""
    name: str = ""
    interop: str = ""
    aces_container: bool = False
    chromaticities: tuple[float, ...] = ()
    profile: str = ""
    dpx_transfer: str = ""


def tags_of(spec: Any, file_format: str) -> ColourTags:
    """What an OpenImageIO header says of colours. file_format: "openexr", "png", ..."""
    chromaticities = spec.getattribute("chromaticities")
    understood = isinstance(chromaticities, tuple) and len(chromaticities) == 8
    is_rgb = spec.get_string_attribute("ICCProfile:color_space").strip() == "RGB"
    return ColourTags(
        format=file_format,
        name=spec.get_string_attribute("oiio:ColorSpace"),
        interop=spec.get_string_attribute("colorInteropID"),
        aces_container=spec.get_int_attribute("acesImageContainerFlag") == 1,
        chromaticities=tuple(map(float, chromaticities)) if understood else (),
        profile=spec.get_string_attribute("ICCProfile:profile_description") if is_rgb else "",
        dpx_transfer=spec.get_string_attribute("dpx:Transfer"),
    )


def space_said(tags: ColourTags, otherwise: str, notices: list[str]) -> str | None:
    """The colour space that a file says it has, by its one name, or None where it says nothing that helps.

    otherwise: how it is read then, for `notices`, which get a sentence for what is doubtful. Raises UsageError
    where $OCIO can't be read.
    """
    name = _name_said(tags)
    if name.lower() == "data":
        notices.append(f"The file says that it holds data, not colours; it was read as {otherwise}.")
        return None
    space = _understood(name) if name else None
    if name and space is None:
        notices.append(
            f"The file says its colour space is '{name}', which is not known; it was read as {otherwise}."
        )
        return None
    if space == CINEON:
        notices.append(
            f"The file says its values are logarithmic ('{name}'); it was read as {CINEON}. If a camera wrote "
            "it, give the camera's colour space."
        )
    if space is None and tags.profile:
        space = _of_profile(tags.profile, otherwise, notices)
    if not tags.chromaticities:
        return space
    if space is None:
        return _of_primaries(tags, otherwise, notices)
    _compare(space, name or tags.profile, tags, notices)
    return space


def _name_said(tags: ColourTags) -> str:
    """A name that the file really gives, in whatever way, or ""."""
    if tags.interop and tags.interop.lower() != "unknown":
        return tags.interop
    if tags.aces_container:
        return ACES2065_1
    if tags.dpx_transfer == "Printing density" and not tags.name:
        return tags.dpx_transfer
    if tags.name.lower() == "unknown":
        return ""
    # OpenImageIO names the usual space of a format where the file itself has no word for it.
    assumed = known_colour_space(tags.name)
    if tags.format == "openexr" and (assumed == SCENE_LINEAR or tags.name == "scene_linear"):
        return ""
    return "" if tags.profile and assumed == SRGB else tags.name


def _understood(name: str) -> str | None:
    try:
        return space_name(name)
    except UnknownNameError:
        return None


def _of_profile(profile: str, otherwise: str, notices: list[str]) -> str | None:
    known = _PROFILES.get(profile.strip().lower())
    if known is None and "srgb" not in profile.lower():
        notices.append(f"The file's ICC profile '{profile}' is not applied; it was read as {otherwise}.")
    return known


def _of_primaries(tags: ColourTags, otherwise: str, notices: list[str]) -> str | None:
    """The linear space with the file's chromaticities."""
    space = linear_space_with(tags.chromaticities) or linear_space_like(tags.chromaticities)
    if space is None:
        listed = ", ".join(f"{value:.4g}" for value in tags.chromaticities)
        notices.append(
            f"The file's chromaticities ({listed}) are of no colour space that is known; it was read as "
            f"{otherwise}. Give its colour space if that is wrong."
        )
    return space


def _compare(space: str, name: str, tags: ColourTags, notices: list[str]) -> None:
    """A notice where a file's name for its space and its chromaticities contradict each other."""
    known = KNOWN_SPACES.get(space)
    if known is None or same_chromaticities(known.chromaticities, tags.chromaticities):
        return
    other = linear_space_with(tags.chromaticities) or "another space"
    notices.append(
        f"The file says its colour space is {name}, but its chromaticities are those of {other}; "
        f"it was read as {space}. Give its colour space if that is wrong."
    )
